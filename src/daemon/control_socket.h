/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Putting a UNIX socket in its place in the file system, and taking it away
 * again. Used by control.c only.
 */
#ifndef PINION_DAEMON_CONTROL_SOCKET_H
#define PINION_DAEMON_CONTROL_SOCKET_H

#include <stddef.h>
#include <sys/types.h>

struct control_socket {
	int fd; /* listening, non-blocking */
	char path[108];
	dev_t device; /* of the file that we made */
	ino_t inode;
};

/* As control_create. */
int control_socket_open(const char *path, struct control_socket *socket, char *error,
			size_t error_size);

/* Removes the file where it is still ours. Async-signal-safe. */
void control_socket_unlink(const struct control_socket *socket);
void control_socket_close(struct control_socket *socket);

#endif
