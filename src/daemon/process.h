/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon as a process: going into the background, the pid file, resource
 * limits.
 */
#ifndef PINION_DAEMON_PROCESS_H
#define PINION_DAEMON_PROCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/notes.h"

/*
 * Goes into the background; before there is any thread. Returns 0 in the daemon,
 * which still has the caller's standard streams, with *ready_fd for
 * process_ready. The calling process does not return: it waits, and its exit status
 * tells how the start went.
 */
int process_daemonize(int *ready_fd);

/* Tells the caller who waits: up and running. Its terminal is let go. */
void process_ready(int ready_fd);

/* Tells the caller that the start failed and that the reason is on stderr. */
void process_failed(int ready_fd);

struct pid_file {
	int fd; /* -1: none */
	char *path; /* absolute */
};

/*
 * Writes our number into the file at PATH and holds a lock on it. 0, or a
 * negative errno with one line in ERROR; -EBUSY where a running daemon holds it.
 */
int pid_file_create(const char *path, struct pid_file *out, char *error, size_t error_size);
/* Removes it; harmless where there is none. */
void pid_file_remove(struct pid_file *file);

/* Raises what may be raised: descriptors and locked memory. */
void process_raise_limits(unsigned connections, struct notes *notes);

/* PATH as an absolute one (to be freed), or NULL without memory. */
char *process_absolute_path(const char *path);

#endif
