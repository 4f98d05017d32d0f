/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sd_notify(3) without its library: a line to the socket that a service manager
 * named in NOTIFY_SOCKET, the one variable of the environment that is read.
 */
#ifndef PINION_DAEMON_NOTIFY_H
#define PINION_DAEMON_NOTIFY_H

/* Sends STATE ("READY=1"). Without a service manager, or without success: nothing. */
void notify_send(const char *state);

#endif
