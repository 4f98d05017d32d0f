/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What piniond and pinionctl agree on beside docs/control-protocol.md: where the
 * control socket is and how long a request may be.
 */
#ifndef PINION_DAEMON_CONTROL_PROTOCOL_H
#define PINION_DAEMON_CONTROL_PROTOCOL_H

/* Of a daemon that runs as root, and of one that does not (printf, the user's number). */
#define CONTROL_SOCKET_DEFAULT "/run/pinion/control.sock"
#define CONTROL_SOCKET_USER_FORMAT "/run/user/%u/pinion/control.sock"

enum {
	CONTROL_REQUEST_MAX = 4096, /* bytes of a line, with its newline */
	CONTROL_CLIENTS_MAX = 16,
	CONTROL_DEPTH_MAX = 8, /* nesting of a request */
};

#endif
