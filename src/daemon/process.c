/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon as a process; see process.h. */
#include "daemon/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READY = 'r', FAILED = 'f' };

/* --- the background ---------------------------------------------------------------- */

/* In the calling process: waits for the daemon's word and ends with it. */
static _Noreturn void await_daemon(int fd, pid_t child)
{
	char word = 0;
	ssize_t got;

	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		continue;
	do {
		got = read(fd, &word, 1);
	} while (got < 0 && errno == EINTR);
	if (got == 1 && word == READY)
		_exit(0);
	if (got != 1)
		fprintf(stderr, "piniond: it ended while it was starting\n");
	_exit(1);
}

int process_daemonize(int *ready_fd)
{
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -errno;
	fflush(NULL);
	child = fork();
	if (child < 0) {
		int rc = -errno;

		close(ends[0]);
		close(ends[1]);
		return rc;
	}
	if (child > 0) {
		close(ends[1]);
		await_daemon(ends[0], child);
	}
	close(ends[0]);
	/* Not the leader of its session: it can never get a terminal again. */
	setsid();
	child = fork();
	if (child != 0) {
		if (child < 0)
			fprintf(stderr, "piniond: cannot fork: %s\n", strerror(errno));
		if (child < 0)
			process_failed(ends[1]);
		_exit(child < 0);
	}
	*ready_fd = ends[1];
	return 0;
}

static void tell(int fd, char word)
{
	ssize_t written;

	do {
		written = write(fd, &word, 1);
	} while (written < 0 && errno == EINTR);
	close(fd);
}

void process_ready(int ready_fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* The folder that we were started in may be unmounted one day. */
	if (chdir("/") != 0)
		fprintf(stderr, "piniond: cannot go to /: %s\n", strerror(errno));
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		close(null);
	}
	tell(ready_fd, READY);
}

void process_failed(int ready_fd)
{
	tell(ready_fd, FAILED);
}

/* --- the pid file ------------------------------------------------------------------ */

static int pid_file_fail(int rc, const char *path, char *error, size_t error_size)
{
	snprintf(error, error_size, "pid file %s: %s", path,
		 rc == -EBUSY ? "a running daemon holds it" : strerror(-rc));
	return rc;
}

static int write_pid(int fd)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%d\n", getpid());

	if (ftruncate(fd, 0) != 0)
		return -errno;
	if (pwrite(fd, text, (size_t)len, 0) != len)
		return errno != 0 ? -errno : -ENOSPC;
	return 0;
}

int pid_file_create(const char *path, struct pid_file *out, char *error, size_t error_size)
{
	char *absolute = process_absolute_path(path);
	int fd;
	int rc;

	if (absolute == NULL)
		return pid_file_fail(-ENOMEM, path, error, error_size);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0) {
		rc = -errno;
		goto free_path;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		rc = errno == EWOULDBLOCK ? -EBUSY : -errno;
		goto close_fd;
	}
	rc = write_pid(fd);
	if (rc != 0)
		goto close_fd;
	out->fd = fd;
	out->path = absolute;
	return 0;

close_fd:
	close(fd);
free_path:
	free(absolute);
	return pid_file_fail(rc, path, error, error_size);
}

void pid_file_remove(struct pid_file *file)
{
	if (file->fd < 0)
		return;
	unlink(file->path);
	close(file->fd);
	free(file->path);
	file->fd = -1;
	file->path = NULL;
}

/* --- limits ------------------------------------------------------------------------ */

/* Beside connections: rings, files, clients of the control socket. */
enum { DESCRIPTORS_OWN = 256 };

void process_raise_limits(unsigned connections, struct notes *notes)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
		if (limit.rlim_cur != RLIM_INFINITY &&
		    limit.rlim_cur < (rlim_t)connections + DESCRIPTORS_OWN)
			notes_add(notes,
				  "%llu descriptors are permitted: too few for max-connections = %u",
				  (unsigned long long)limit.rlim_cur, connections);
	}
	if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0) {
		const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_MEMLOCK, &all) != 0)
			setrlimit(RLIMIT_MEMLOCK, &limit);
	}
}

char *process_absolute_path(const char *path)
{
	char *folder;
	char *absolute;

	if (path[0] == '/')
		return strdup(path);
	folder = getcwd(NULL, 0);
	if (folder == NULL || asprintf(&absolute, "%s/%s", folder, path) < 0)
		absolute = NULL;
	free(folder);
	return absolute;
}
