/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The node inside: its targets and portals, what it keeps for each reactor, and
 * how something is done on all of them. Constant once the reactors run, but for
 * what a struct iscsi_core holds, which is its reactor's.
 */
#ifndef PINION_ISCSI_NODE_H
#define PINION_ISCSI_NODE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/counter.h"
#include "base/list.h"
#include "base/log.h"
#include "iscsi/guard.h"
#include "iscsi/iscsi.h"
#include "iscsi/negotiate.h"

#define NODE_ADDRESS_MAX 255

struct iscsi_target {
	struct list_node link;
	char name[NAME_LEN_MAX + 1];
	char alias[NEGOTIATE_ALIAS_MAX + 1];	/* "" for none */
	struct scsi_target *scsi;
	const struct iscsi_access *access;	/* NULL: everybody's, or nobody's; node_access */
	struct iscsi_override override;
	char redirect[NODE_ADDRESS_MAX + 1];	/* where logins are sent; "": nowhere */
	bool is_moved;				/* for good */
};

struct iscsi_portal {
	struct list_node link;
	struct iscsi_node *node;
	struct transport_listener *listener;	/* NULL once it is closed */
	struct reactor *reactor;		/* that accepts */
	char address[64];	/* of the listener, with the port */
	uint16_t group;
	const struct iscsi_access *access;	/* NULL: for all */
	struct iscsi_override override;
	const char *transport;	/* "tcp", "mptcp" or "iser": for people */
	struct guard_log refusals;	/* lines; of the accepting reactor */
};

struct broadcast_leg;

/* What the node keeps on one reactor. */
struct iscsi_core {
	struct iscsi_node *node;
	struct reactor *reactor;
	struct list conns;
	struct list sessions_here;	/* struct iscsi_session */
	_Atomic unsigned placed;	/* connections, from place on; any thread */
	struct counter accepted;
	struct counter login_failures;
	struct counter authentication_failures;
	struct counter authorization_failures;
	struct counter connections_refused;	/* of the accepting reactor */
	struct counter protocol_errors;
	struct counter sessions;	/* in full feature phase now */
	struct counter tasks;		/* in their pools */
	struct guard_log warnings;	/* lines that peers can provoke ... */
	struct guard_log news;		/* ... and those that are no warnings */
	struct guard_log stories;	/* or that tell the last events of connections */
	struct log_limit limit;		/* of lines about stores that do not end */

	struct timer share;		/* see iscsi/share.c */
	bool is_sharing;		/* it runs */
	unsigned sharers;		/* sessions that have memory set aside */

	/* shutting down; see iscsi/shutdown.c */
	uint64_t drain_start_ns;
	struct timer drain_timer;
	struct broadcast_leg *drain_leg;
};

struct broadcast;
struct registry;

struct iscsi_node {
	struct iscsi_node_config config;	/* its reactors are cores[].reactor */
	bool has_chap_preference;	/* the configuration names algorithms, best first */
	struct iscsi_core *cores;
	unsigned core_count;
	struct list targets;
	struct list portals;
	struct list accesses;
	const struct iscsi_access *discovery_access;	/* NULL: for all */
	const struct iscsi_access *closed;	/* for targets without one, where that is so */
	struct guard *guard;
	struct lobby *lobby;
	struct registry *registry;	/* of cores[0] */
	_Atomic unsigned connections;	/* of all cores, from place on */
	_Atomic unsigned logins;	/* of them, those not yet in full feature phase */
	_Atomic bool closing;

	/* shutting down */
	unsigned grace_ms;
	void (*drained)(void *context);
	void *drained_context;
	struct broadcast *drain;	/* made at start: the end must not fail for memory */
};

/* The core of REACTOR. */
struct iscsi_core *node_core(struct iscsi_node *node, const struct reactor *reactor);

/* The SCSI name of TARGET's port of portal group GROUP: RFC 7143 section 4.4.2. */
#define NODE_PORT_NAME_MAX (NAME_LEN_MAX + 10)
void node_port_name(const struct iscsi_target *target, uint16_t group,
		    char name[NODE_PORT_NAME_MAX + 1]);

struct iscsi_target *node_find_target(const struct iscsi_node *node, const char *name);

/* Who may use TARGET (NULL: discovery); NULL: everybody. */
const struct iscsi_access *node_access(const struct iscsi_node *node,
				       const struct iscsi_target *target);

/*
 * A portal without a listener, for tests too: whoever has accepted a connection
 * calls node_place and conn_connected with it.
 */
struct iscsi_portal *node_portal_create(struct iscsi_node *node, uint16_t group);
/* Where a connection from PEER shall live; counts it. USER is the portal. */
struct reactor *node_place(void *user, const char *peer);

/* One connection more, and one less, is CORE's, as place counts them. Any thread. */
void node_place_on(struct iscsi_core *core);
void node_unplace(struct iscsi_core *core);

/* One connection from PEER is no longer in its login phase; one is no longer at all. Any thread. */
void node_login_ended(struct iscsi_node *node, const char *peer);
void node_connection_ended(struct iscsi_core *core);

/*
 * Something done on all reactors. RUN is called on each and calls
 * broadcast_leg_done there once it is through, at once or later; then DONE is
 * called on the reactor of ORIGIN and owns the broadcast, which it frees.
 */
struct broadcast_leg {
	struct message message;
	struct broadcast *broadcast;
	struct iscsi_core *core;
	unsigned waiting;	/* RUN's own */
	void *result;		/* RUN's own */
};

struct broadcast {
	struct iscsi_node *node;
	struct iscsi_core *origin;
	void (*run)(struct broadcast_leg *leg);
	void (*done)(struct broadcast *broadcast);
	void *context;
	const struct iscsi_target *target;	/* for whom it is about one */
	_Atomic unsigned remaining;
	struct message finished;
	unsigned leg_count;
	struct broadcast_leg legs[];
};

/* NULL when memory is short. */
struct broadcast *broadcast_create(struct iscsi_node *node, struct iscsi_core *origin);
/* From any thread, once. */
void broadcast_start(struct broadcast *broadcast);
void broadcast_leg_done(struct broadcast_leg *leg);

#endif
