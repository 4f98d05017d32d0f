/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon as a client of an iSNS server (RFC 4171): registers portals and
 * targets, keeps the registration alive, is told of initiators that come and go,
 * and deregisters at the end. On a thread of its own: a server that is slow or
 * gone disturbs nobody.
 */
#ifndef PINION_DAEMON_ISNS_H
#define PINION_DAEMON_ISNS_H

#include <stddef.h>
#include <stdint.h>

struct iscsi_node;
struct isns;

struct isns_config {
	const char *server;	/* numeric address */
	uint16_t port;
	const char *entity;	/* our Entity Identifier; "": the host's name */
	const struct iscsi_node *node;	/* what is registered; outlives the client */
};

/* Starts the thread. 0, or a negative errno with a line in ERROR. */
int isns_start(const struct isns_config *config, struct isns **out, char *error, size_t error_size);

/*
 * Deregisters, as far as the server listens: seven seconds at most, and no longer than
 * HURRY_FD (-1: none) has nothing to be read. NULL is fine.
 */
void isns_stop(struct isns *isns, int hurry_fd);

#endif
