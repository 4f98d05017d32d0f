/* SPDX-License-Identifier: BSD-2-Clause */
/* The control socket's place in the file system; see control_socket.h. */
#include "daemon/control_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { LOCK_TRIES = 50, LOCK_PAUSE_MS = 10, BACKLOG = 16 };

static int fail(int rc, const char *path, const char *what, char *error, size_t error_size)
{
	snprintf(error, error_size, "control socket %s: %s", path,
		 what != NULL ? what : strerror(-rc));
	return rc;
}

/*
 * Opens the folder of PATH, which is made where only it is missing, and locks it:
 * of two daemons that start at once the second shall find the first's socket.
 * The lock is advisory and goes with the descriptor.
 */
static int lock_folder(const char *path)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_MS * 1000000L };
	char copy[108];
	const char *folder;
	int fd;

	snprintf(copy, sizeof(copy), "%s", path);
	folder = dirname(copy);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		if (mkdir(folder, 0755) != 0 && errno != EEXIST)
			return -errno;
		fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	/* A folder that may be written but not read cannot be locked: go on without. */
	if (fd < 0)
		return errno == EACCES ? -1 : -errno;
	for (int i = 0; i < LOCK_TRIES && flock(fd, LOCK_EX | LOCK_NB) != 0; i++)
		nanosleep(&pause, NULL);
	return fd;
}

/*
 * Whether somebody answers on the socket at ADDRESS: -EADDRINUSE if so, 0 if
 * surely not, another errno where that cannot be told.
 */
static int probe(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc = -EADDRINUSE;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0)
		rc = -errno;
	close(fd);
	if (rc == -ECONNREFUSED || rc == -ENOENT)
		return 0;
	/* It is so busy that its queue is full. */
	return rc == -EAGAIN ? -EADDRINUSE : rc;
}

/* Makes way at ADDRESS: removes a socket that nobody serves, and nothing else. */
static int clear_path(const struct sockaddr_un *address, char *error, size_t error_size)
{
	const char *path = address->sun_path;
	struct stat status;
	int rc;

	if (lstat(path, &status) != 0)
		return errno == ENOENT ? 0 : fail(-errno, path, NULL, error, error_size);
	if (!S_ISSOCK(status.st_mode))
		return fail(-EEXIST, path, "something that is no socket is there", error,
			    error_size);
	rc = probe(address);
	if (rc != 0)
		return fail(rc, path, rc == -EADDRINUSE ? "a running daemon answers on it" : NULL,
			    error, error_size);
	if (unlink(path) != 0 && errno != ENOENT)
		return fail(-errno, path, NULL, error, error_size);
	return 0;
}

static int bind_and_listen(int fd, const struct sockaddr_un *address, struct control_socket *out)
{
	struct stat status;

	/* The file gets the socket's own mode: there is no moment with a wider one. */
	if (fchmod(fd, 0600) != 0 ||
	    bind(fd, (const struct sockaddr *)address, sizeof(*address)) != 0)
		return -errno;
	if (lstat(address->sun_path, &status) == 0) {
		out->device = status.st_dev;
		out->inode = status.st_ino;
	}
	if (listen(fd, BACKLOG) != 0) {
		int rc = -errno;

		unlink(address->sun_path);
		return rc;
	}
	return 0;
}

int control_socket_open(const char *path, struct control_socket *out, char *error,
			size_t error_size)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int folder;
	int fd;
	int rc;

	if (strlen(path) >= sizeof(address.sun_path))
		return fail(-ENAMETOOLONG, path, NULL, error, error_size);
	memcpy(address.sun_path, path, strlen(path));
	folder = lock_folder(path);
	if (folder < -1)
		return fail(folder, path, NULL, error, error_size);
	rc = clear_path(&address, error, error_size);
	if (rc != 0)
		goto unlock;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	rc = fd < 0 ? -errno : bind_and_listen(fd, &address, out);
	if (rc != 0) {
		if (fd >= 0)
			close(fd);
		fail(rc, path, NULL, error, error_size);
		goto unlock;
	}
	out->fd = fd;
	memcpy(out->path, address.sun_path, sizeof(out->path));

unlock:
	if (folder >= 0)
		close(folder);
	return rc;
}

void control_socket_unlink(const struct control_socket *socket)
{
	struct stat status;

	if (lstat(socket->path, &status) == 0 && status.st_dev == socket->device &&
	    status.st_ino == socket->inode)
		unlink(socket->path);
}

void control_socket_close(struct control_socket *socket)
{
	control_socket_unlink(socket);
	close(socket->fd);
	socket->fd = -1;
}
