/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One question to the daemon, over its control socket. docs/control-protocol.md.
 */
#ifndef PINION_CTL_CLIENT_H
#define PINION_CTL_CLIENT_H

#include <stddef.h>

/*
 * Connects to the daemon at PATH, or where it is by default (NULL). The descriptor,
 * or a negative errno with one line in ERROR.
 */
int client_connect(const char *path, char *error, size_t error_size);

/*
 * Sends the line REQUEST (without its end) and receives one line, *answer, to be
 * freed, without its end. 0, or a negative errno with one line in ERROR.
 */
int client_ask(int fd, const char *request, char **answer, char *error, size_t error_size);

#endif
