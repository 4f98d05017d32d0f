/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP below the stream mover: what listen.c and conn.c share. Private to
 * transport/tcp; the door is tcp_listen in transport.h.
 */
#ifndef PINION_TRANSPORT_TCP_TCP_H
#define PINION_TRANSPORT_TCP_TCP_H

#include "sys/reactor.h"
#include "transport/transport.h"

/* What a new connection needs to know of the listener that it came through, which may go first. */
struct tcp_origin {
	void *user;
	int (*connected)(void *user, struct transport_conn *conn);
	void (*lost)(void *user, struct reactor *reactor, const char *peer);
	unsigned stall_seconds;
};

/*
 * Makes a connection of the connected socket FD, which is its from now on, on REACTOR's thread,
 * and tells iSCSI: connected or lost. PEER, with the port, is who it was when it was placed: a
 * socket whose peer has gone does not tell any more.
 */
void tcp_conn_create(struct reactor *reactor, int fd, const char *peer,
		     const struct tcp_origin *origin);

/* "192.0.2.1:40000", "[2001:db8::1]:40000"; PORT false: the address alone. */
struct sockaddr_storage;
void tcp_format_address(const struct sockaddr_storage *address, bool with_port, char *out,
			size_t size);

#endif
