/* SPDX-License-Identifier: BSD-2-Clause */
/* Blobs in files; see keeper.h. */
#include "daemon/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/container.h"
#include "base/crc32c.h"
#include "base/log.h"

/*
 * A file: magic, version, length of the blob, CRC32C of its name and its bytes, then
 * these. Numbers are big-endian.
 */
enum { HEADER_LENGTH = 20, VERSION = 1 };

static const char magic[8] = { 'p', 'i', 'n', 'i', 'o', 'n', '\n', 0 };

#define LOCK_NAME  "lock"
#define TEMPORARY  ".new"
#define DAMAGED    ".damaged"
#define SUFFIX_MAX 10

struct file_keeper {
	struct keeper keeper;
	int directory; /* a descriptor */
	int lock_fd;
	char *path; /* of the directory, for messages */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct list queue;
	bool ending;
};

static struct file_keeper *of(struct keeper *keeper)
{
	return container_of(keeper, struct file_keeper, keeper);
}

/* --- one file ------------------------------------------------------------------- */

static uint32_t checksum(const char *name, const void *data, size_t length)
{
	uint32_t crc = crc32c(0, name, strlen(name));

	return crc32c(crc, data, length);
}

static int write_all(int fd, const void *data, size_t length)
{
	const char *p = data;

	while (length > 0) {
		ssize_t done = write(fd, p, length);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? -errno : -EIO;
		p += done;
		length -= (size_t)done;
	}
	return 0;
}

static int write_file(int fd, const struct keeper_save *save)
{
	uint8_t header[HEADER_LENGTH];
	int rc;

	memcpy(header, magic, sizeof(magic));
	put_be32(header + 8, VERSION);
	put_be32(header + 12, (uint32_t)save->length);
	put_be32(header + 16, checksum(save->name, save->data, save->length));
	rc = write_all(fd, header, sizeof(header));
	if (rc == 0)
		rc = write_all(fd, save->data, save->length);
	if (rc == 0 && fsync(fd) != 0)
		rc = -errno;
	return rc;
}

static int replace_file(const struct file_keeper *keeper, const struct keeper_save *save)
{
	char temporary[KEEPER_NAME_MAX + SUFFIX_MAX];
	int rc;
	int fd;

	snprintf(temporary, sizeof(temporary), "%s" TEMPORARY, save->name);
	fd = openat(keeper->directory, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	rc = write_file(fd, save);
	if (close(fd) != 0 && rc == 0)
		rc = -errno;
	if (rc == 0 && renameat(keeper->directory, temporary, keeper->directory, save->name) != 0)
		rc = -errno;
	if (rc != 0)
		unlinkat(keeper->directory, temporary, 0);
	return rc;
}

static void name_aside(const char *name, char aside[KEEPER_NAME_MAX + SUFFIX_MAX])
{
	snprintf(aside, KEEPER_NAME_MAX + SUFFIX_MAX, "%s" DAMAGED, name);
}

/* With what was set aside, which else would be missed again. */
static int remove_file(const struct file_keeper *keeper, const char *name)
{
	char aside[KEEPER_NAME_MAX + SUFFIX_MAX];

	name_aside(name, aside);
	if (unlinkat(keeper->directory, aside, 0) != 0 && errno != ENOENT)
		return -errno;
	if (unlinkat(keeper->directory, name, 0) == 0 || errno == ENOENT)
		return 0;
	return -errno;
}

static int carry_out(const struct file_keeper *keeper, const struct keeper_save *save)
{
	int rc = save->length != 0 ? replace_file(keeper, save) : remove_file(keeper, save->name);

	if (rc == 0 && fsync(keeper->directory) != 0)
		rc = -errno;
	if (rc != 0)
		log_error("%s/%s cannot be saved: %s", keeper->path, save->name, strerror(-rc));
	return rc;
}

/* --- the thread ----------------------------------------------------------------- */

static void deliver(struct message *message)
{
	struct keeper_save *save = container_of(message, struct keeper_save, message);

	save->done(save);
}

static struct keeper_save *next_save(struct file_keeper *keeper)
{
	struct list_node *node;

	pthread_mutex_lock(&keeper->lock);
	while (list_is_empty(&keeper->queue) && !keeper->ending)
		pthread_cond_wait(&keeper->changed, &keeper->lock);
	node = list_pop_front(&keeper->queue);
	pthread_mutex_unlock(&keeper->lock);
	return node != NULL ? container_of(node, struct keeper_save, link) : NULL;
}

static void *keeper_main(void *argument)
{
	struct file_keeper *keeper = argument;
	struct keeper_save *save;

	while ((save = next_save(keeper)) != NULL) {
		save->err = carry_out(keeper, save);
		save->message.deliver = deliver;
		reactor_send(save->reactor, &save->message);
	}
	return NULL;
}

static void keeper_save(struct keeper *base, struct keeper_save *save)
{
	struct file_keeper *keeper = of(base);

	list_node_init(&save->link);
	pthread_mutex_lock(&keeper->lock);
	list_push_back(&keeper->queue, &save->link);
	pthread_cond_signal(&keeper->changed);
	pthread_mutex_unlock(&keeper->lock);
}

/* --- loading --------------------------------------------------------------------- */

static int set_aside(struct file_keeper *keeper, const char *name, const char *why)
{
	char aside[KEEPER_NAME_MAX + SUFFIX_MAX];

	name_aside(name, aside);
	if (renameat(keeper->directory, name, keeper->directory, aside) == 0)
		log_error("%s/%s %s: what it kept is lost; it is now %s", keeper->path, name, why,
			  aside);
	else
		log_error("%s/%s %s: what it kept is lost", keeper->path, name, why);
	return -EBADMSG;
}

/* Up to LENGTH bytes, fewer only where the file ends. */
static ssize_t read_all(int fd, void *data, size_t length)
{
	size_t done = 0;

	while (done < length) {
		ssize_t rc = read(fd, (char *)data + done, length - done);

		if (rc < 0 && errno == EINTR)
			continue;
		if (rc < 0)
			return -errno;
		if (rc == 0)
			break;
		done += (size_t)rc;
	}
	return (ssize_t)done;
}

static ssize_t load_file(struct file_keeper *keeper, int fd, const char *name, void *data,
			 size_t size)
{
	uint8_t header[HEADER_LENGTH];
	ssize_t rc = read_all(fd, header, sizeof(header));
	uint32_t length;
	uint8_t beyond;

	if (rc < 0)
		return rc;
	if ((size_t)rc < sizeof(header) || memcmp(header, magic, sizeof(magic)) != 0)
		return set_aside(keeper, name, "is not a state file");
	if (get_be32(header + 8) != VERSION)
		return set_aside(keeper, name, "is of another version");
	length = get_be32(header + 12);
	if (length > size)
		return set_aside(keeper, name, "is longer than it can be");
	rc = read_all(fd, data, length);
	if (rc < 0)
		return rc;
	if ((size_t)rc < length || read_all(fd, &beyond, 1) != 0)
		return set_aside(keeper, name, "has the wrong length");
	if (checksum(name, data, length) != get_be32(header + 16))
		return set_aside(keeper, name, "is damaged (its checksum is wrong)");
	return length;
}

/* There is none. But where one was set aside, and nothing has been kept since, it is still missed. */
static int load_none(struct file_keeper *keeper, const char *name)
{
	char aside[KEEPER_NAME_MAX + SUFFIX_MAX];

	name_aside(name, aside);
	if (faccessat(keeper->directory, aside, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
		return -ENOENT;
	log_error("%s/%s was damaged, and is now %s: what it kept is lost still", keeper->path,
		  name, aside);
	return -EBADMSG;
}

static ssize_t keeper_load(struct keeper *base, const char *name, void *data, size_t size)
{
	struct file_keeper *keeper = of(base);
	/* Nobody waits at a pipe for its writer. */
	int fd = openat(keeper->directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t rc;

	if (fd < 0 && errno == ENOENT)
		return load_none(keeper, name);
	if (fd < 0)
		rc = -errno;
	else
		rc = load_file(keeper, fd, name, data, size);
	if (rc < 0 && rc != -EBADMSG)
		log_error("%s/%s cannot be read: %s", keeper->path, name, strerror((int)-rc));
	if (fd >= 0)
		close(fd);
	return rc;
}

static const struct keeper_ops file_keeper_ops = {
	.load = keeper_load,
	.save = keeper_save,
};

/* --- making and ending ------------------------------------------------------------ */

static int complain(const char *directory, const char *what, int err, char *error,
		    size_t error_size)
{
	snprintf(error, error_size, "the state directory %s cannot be %s: %s", directory, what,
		 strerror(err));
	return -err;
}

static int open_directory(struct file_keeper *keeper, char *error, size_t error_size)
{
	if (mkdir(keeper->path, 0700) != 0 && errno != EEXIST)
		return complain(keeper->path, "made", errno, error, error_size);
	keeper->directory = open(keeper->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (keeper->directory < 0)
		return complain(keeper->path, "opened", errno, error, error_size);
	keeper->lock_fd = openat(keeper->directory, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (keeper->lock_fd < 0)
		return complain(keeper->path, "written", errno, error, error_size);
	if (flock(keeper->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return complain(keeper->path, "locked", errno, error, error_size);
	snprintf(error, error_size, "the state directory %s is another daemon's", keeper->path);
	return -EBUSY;
}

/* Signals are for the main thread. */
static int start_thread(struct file_keeper *keeper)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&keeper->thread, NULL, keeper_main, keeper);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

static void free_keeper(struct file_keeper *keeper)
{
	if (keeper->lock_fd >= 0)
		close(keeper->lock_fd);
	if (keeper->directory >= 0)
		close(keeper->directory);
	pthread_cond_destroy(&keeper->changed);
	pthread_mutex_destroy(&keeper->lock);
	free(keeper->path);
	free(keeper);
}

int keeper_create(const char *directory, struct keeper **out, char *error, size_t error_size)
{
	struct file_keeper *keeper = calloc(1, sizeof(*keeper));
	int rc;

	if (keeper == NULL)
		return complain(directory, "used", ENOMEM, error, error_size);
	keeper->keeper.ops = &file_keeper_ops;
	keeper->directory = -1;
	keeper->lock_fd = -1;
	pthread_mutex_init(&keeper->lock, NULL);
	pthread_cond_init(&keeper->changed, NULL);
	list_init(&keeper->queue);
	keeper->path = strdup(directory);
	if (keeper->path == NULL)
		rc = complain(directory, "used", ENOMEM, error, error_size);
	else
		rc = open_directory(keeper, error, error_size);
	if (rc == 0 && (rc = -start_thread(keeper)) != 0)
		complain(directory, "used", -rc, error, error_size);
	if (rc != 0) {
		free_keeper(keeper);
		return rc;
	}
	*out = &keeper->keeper;
	return 0;
}

void keeper_destroy(struct keeper *base)
{
	struct file_keeper *keeper;

	if (base == NULL)
		return;
	keeper = of(base);
	pthread_mutex_lock(&keeper->lock);
	keeper->ending = true;
	pthread_cond_signal(&keeper->changed);
	pthread_mutex_unlock(&keeper->lock);
	pthread_join(keeper->thread, NULL);
	free_keeper(keeper);
}
