/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whoever guesses is slowed down: failed logins by address, in a table of fixed
 * size. Each failure costs its address a penalty that grows with their number:
 * so long its answer is held back. Penalties run even when the
 * connection is given up, and while an address has too many of them no connection
 * from it is taken. Other addresses are not concerned. Any thread.
 */
#ifndef PINION_ISCSI_GUARD_H
#define PINION_ISCSI_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ip.h"
#include "base/log.h"

#define GUARD_ADDRESSES 256	/* remembered at a time: IPv4 addresses, IPv6 networks /64 */
#define GUARD_PENALTIES 8	/* of one address at a time */
#define GUARD_DELAY_MS 250	/* of the second failure; the first is free, each further costs twice as much ... */
#define GUARD_DELAY_MAX_MS 4000	/* ... up to this */
#define GUARD_MEMORY_S 60	/* without a failure after which all is forgotten */

struct guard;

/* What counts as one address (NULL: unknown): of IPv6 whoever has one has all of a /64. */
struct ip guard_key(const struct ip *ip);

/* NULL when memory is short. */
struct guard *guard_create(void);
void guard_destroy(struct guard *guard);

/* A login from IP (NULL: unknown, which counts as one address) has failed: the penalty, ms. */
unsigned guard_failed(struct guard *guard, const struct ip *ip, uint64_t now_ns);

/* Whether a connection from IP may be taken. */
bool guard_admits(struct guard *guard, const struct ip *ip, uint64_t now_ns);

/* How many addresses are remembered now. */
unsigned guard_count(struct guard *guard, uint64_t now_ns);

#define GUARD_LOG_LIMITS 16

/*
 * Of lines that peers can provoke, shared out among their addresses: whoever is noisy silences
 * himself and, of the others, one in so many. All zero is ready for use.
 */
struct guard_log {
	struct log_limit limits[GUARD_LOG_LIMITS];
};

/* The limit for lines about PEER, an address with or without a port. */
struct log_limit *guard_log_limit(struct guard_log *log, const char *peer);

#endif
