/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door to the iSCSI target: the node with its targets and portals, as the
 * daemon sees them. RFC 7143.
 *
 * Built before the reactors run, then constant. Each connection lives on one
 * reactor; what all of them share (which sessions exist) has a home reactor,
 * number 0, and is reached by message.
 */
#ifndef PINION_ISCSI_ISCSI_H
#define PINION_ISCSI_ISCSI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "proto/names.h"
#include "scsi/scsi.h"
#include "sys/reactor.h"
#include "transport/transport.h"

struct iscsi_node;
struct iscsi_target;
struct iscsi_session_info;

enum iscsi_digest_policy {
	ISCSI_DIGEST_AUTO,	/* what the initiator prefers: "None,CRC32C" both offered */
	ISCSI_DIGEST_REQUIRED,	/* CRC32C only */
	ISCSI_DIGEST_OFF,	/* None only */
};

#define ISCSI_CHAP_ALGORITHMS_MAX 4
/* RFC 7143 section 12.1.3 and RFC 3720's 96 bits: what a secret must have. */
#define ISCSI_SECRET_MIN 12
#define ISCSI_QUEUE_DEPTH_MAX 1024
#define ISCSI_TARGET_LATENCY_MAX_MS 60000
#define ISCSI_FIRST_BURST_MAX 65536	/* bytes that one command may bring unasked */
#define ISCSI_RECOVERY_MAX 2	/* the highest ErrorRecoveryLevel */

/* What a session is to be like. Most of it goes into its negotiation. */
struct iscsi_values {
	unsigned queue_depth;		/* CmdSN window of a session, 1 to ISCSI_QUEUE_DEPTH_MAX */
	enum iscsi_digest_policy header_digest;
	enum iscsi_digest_policy data_digest;
	uint32_t max_recv_data_segment_length;	/* bytes, 512 to 2^24-1; 0: default 262144 */
	uint32_t max_burst_length;		/* 0: default 1048576 */
	uint32_t first_burst_length;		/* to ISCSI_FIRST_BURST_MAX; 0: just that */
	bool initial_r2t;
	bool immediate_data;
	unsigned max_outstanding_r2t;	/* 0: default */
	unsigned error_recovery_level;	/* at most, up to ISCSI_RECOVERY_MAX */
	bool data_pdu_in_order;		/* whether Yes is demanded */
	bool data_sequence_in_order;	/* likewise */
	unsigned default_time2wait, default_time2retain;
	unsigned max_session_connections;	/* of one session; 0: default 4 */
	bool asynchronous_events;	/* unit attention conditions are told by Async Message, too */
	unsigned target_latency_ms;	/* above which the window shrinks; 0: it does not */
};

/* Values that hold for one portal or target: those whose bytes are set in GIVEN. */
struct iscsi_override {
	struct iscsi_values values;
	uint8_t given[sizeof(struct iscsi_values)];
};

struct iscsi_node_config {
	struct reactor *const *reactors;
	unsigned reactor_count;
	unsigned max_connections;	/* of the node, logged in or not */
	unsigned max_login_connections;	/* not yet logged in */
	unsigned login_timeout_s;
	unsigned nop_interval_s;	/* NOP-In ping of idle sessions, 0: none */
	unsigned nop_timeout_s;
	struct iscsi_values values;	/* where neither portal nor target says otherwise */
	/* CHAP_A numbers, best first, ended by 0; none: all, and the initiator's order decides. */
	uint8_t chap_algorithms[ISCSI_CHAP_ALGORITHMS_MAX + 1];
	bool fips;		/* of them only SHA3-256 and SHA-256 */
	bool require_access;	/* a target without an access list is nobody's, not everybody's */
	unsigned max_sessions;			/* of the node, discovery apart; 0: any number */
	unsigned max_target_sessions;		/* of each target; 0: any number */
};

/* Fills CONFIG with the defaults; the caller sets reactors. */
void iscsi_node_config_init(struct iscsi_node_config *config);

int iscsi_node_create(const struct iscsi_node_config *config, struct iscsi_node **out);

/*
 * Whether NAME can name a target, and how it is then written (in lower case),
 * for a check of the configuration that builds nothing. 0, or -EINVAL with OUT unchanged.
 */
static inline int iscsi_target_name(const char *name, char out[NAME_LEN_MAX + 1])
{
	return iscsi_name_normalize(name, strlen(name), out);
}

/*
 * Adds a target under NAME (iqn., eui. or naa.; -EINVAL where it is none, -EEXIST). SCSI stays
 * the caller's and must outlive the node.
 */
int iscsi_node_add_target(struct iscsi_node *node, const char *name, const char *alias,
			  struct scsi_target *scsi);

/* --- who may use what --- */

/* The number by which CHAP_A calls "sha3-256", "sha-256", "sha-1" or "md5"; 0: there is none such. */
uint8_t iscsi_chap_algorithm(const char *name);

struct iscsi_account {
	const char *name;	/* CHAP_N */
	const char *secret;
};

/* Initiators: what is said of them must all be true, of each list one entry. */
struct iscsi_who {
	const char *const *initiators;	/* names with * and ?; none: any */
	unsigned initiator_count;
	const char *const *addresses;	/* "192.0.2.1", "10.0.0.0/8", "2001:db8::/32"; none: any */
	unsigned address_count;
	const struct iscsi_account *const *accounts;	/* CHAP is asked for, with one of these */
	unsigned account_count;
};

struct iscsi_rule_config {
	struct iscsi_who who;
	const struct iscsi_who *const *groups;	/* one of these too, unless there is none */
	unsigned group_count;
	const uint16_t *portal_groups;	/* tags of the portals; none: any */
	unsigned portal_group_count;
	bool deny;
	const struct iscsi_account *mutual;	/* ours, for initiators that want us to prove who we are */
	const struct scsi_lun_view *view;	/* what is seen of a target, NULL: all of it */
};

struct iscsi_access;

/*
 * An access list: the first rule that fits an initiator decides; whom none fits does not
 * come in. Copies everything. 0, or -EINVAL or -ENOMEM with a line in ERROR and the index of
 * the rule in WRONG.
 */
int iscsi_access_create(const struct iscsi_rule_config *rules, unsigned count,
			struct iscsi_access **out, unsigned *wrong, char *error,
			size_t error_size);
/* Frees one that was given to no node. */
void iscsi_access_free(struct iscsi_access *access);

/*
 * Before the reactors run: ACCESS becomes the node's, to be used for any number of
 * portals, for discovery and for the target of this name (-ENOENT: there is none). A target without
 * one is open to all (but see require_access), and so is discovery, where each initiator is
 * told of the targets that it may use.
 */
void iscsi_node_add_access(struct iscsi_node *node, struct iscsi_access *access);
void iscsi_node_set_discovery_access(struct iscsi_node *node, const struct iscsi_access *access);
int iscsi_node_set_target_access(struct iscsi_node *node, const char *name,
				 const struct iscsi_access *access);

/* Sets values of the target NAME, before the reactors run. They win over a portal's. -ENOENT. */
int iscsi_node_override_target(struct iscsi_node *node, const char *name,
			       const struct iscsi_override *override);

/*
 * From now on logins to the target NAME are sent to ADDRESS ("192.0.2.1:3260", "[2001:db8::1]:3260",
 * a host name; copied), but for those that have come by just that address. Before the reactors run.
 * -ENOENT, -EINVAL.
 */
int iscsi_node_redirect_target(struct iscsi_node *node, const char *name, const char *address,
			       bool permanently);

struct iscsi_portal_config {
	const char *address;
	uint16_t port;
	uint16_t group;		/* portal group tag, 1-65535 */
	const struct iscsi_access *access;	/* who may connect there, NULL: all; its accounts do not count */
	struct iser *iser;	/* listens by iSER there, NULL: on TCP */
	const struct iscsi_override *override;	/* copied; NULL: none */
	struct transport_socket socket;
};

/*
 * Listens. One address and port may have a portal of each kind. Before the reactors run. 0 or a
 * negative errno with one line in ERROR.
 */
int iscsi_node_add_portal(struct iscsi_node *node, const struct iscsi_portal_config *config,
			  char *error, size_t error_size);

/* Reactors have stopped (or never ran) and no connection is left. */
void iscsi_node_destroy(struct iscsi_node *node);

/*
 * Closes the portals, asks every initiator to log out (Async Message, event 1)
 * where there is one, ends every session after what it has in flight, and
 * calls DONE once on reactor 0. From any thread, once; bounded by GRACE_MS.
 */
void iscsi_node_shutdown(struct iscsi_node *node, unsigned grace_ms, void (*done)(void *context),
			 void *context);

/* --- for status reports --- */

/* Something that happened to a connection: a sentence's beginning and two numbers. */
struct iscsi_event_info {
	char what[32];
	uint64_t a, b;
	uint64_t age_ms;
};

struct iscsi_session_info {
	char initiator[224];
	char initiator_alias[64];
	char target[224];		/* "" in a discovery session */
	char account[64];		/* by which it authenticated itself, "": by none */
	char chap[16];			/* with this algorithm */
	uint8_t isid[6];
	uint16_t tsih;
	bool discovery;
	char state[16];			/* "login", "full-feature", "closing" */
	char transport[8];
	char peer[64];
	char local[64];
	uint16_t cid;
	unsigned reactor;
	bool header_digest, data_digest;
	uint32_t max_burst, first_burst, send_data_max, recv_data_max;
	bool initial_r2t, immediate_data;
	uint32_t exp_cmd_sn, max_cmd_sn;
	unsigned commands;		/* outstanding */
	uint32_t window;		/* how many there may be now */
	uint64_t latency_us;		/* of its commands, a moving average */
	uint64_t commands_done, bytes_in, bytes_out;	/* data-out and data-in */
	uint64_t age_s;
	struct iscsi_event_info events[16];	/* the last ones, oldest first */
	unsigned event_count;
};

/*
 * Collects what all reactors know and calls DONE on the thread of reactor 0
 * with an array that is valid only during the call. From any thread.
 */
typedef void (*iscsi_sessions_fn)(void *context, const struct iscsi_session_info *sessions,
				  unsigned count);
int iscsi_node_sessions(struct iscsi_node *node, iscsi_sessions_fn done, void *context);

/*
 * Closes, once their commands have ended, the connections that WHICH names: a peer's address with
 * port, a TSIH, or an initiator's name. Then, or when there is none, as iscsi_node_sessions: DONE
 * gets those that were closed.
 */
int iscsi_node_close_sessions(struct iscsi_node *node, const char *which, iscsi_sessions_fn done,
			      void *context);

/* Whether WHICH names the connection that INFO describes. */
bool iscsi_session_is(const struct iscsi_session_info *info, const char *which);

/* From any thread. */
struct iscsi_node_info {
	unsigned connections, logins, sessions;
	uint64_t tasks;		/* in the pools of all sessions */
	uint64_t accepted, login_failures, protocol_errors;
	uint64_t authentication_failures;	/* of login_failures: wrong or missing credentials */
	uint64_t authorization_failures;	/* of them: not on the access list */
	uint64_t connections_refused;	/* by a portal's access list, or for failed logins */
	unsigned addresses_slowed;	/* that failed to log in lately */
};
void iscsi_node_get_info(const struct iscsi_node *node, struct iscsi_node_info *info);
/* Whether everybody may use the target of this name: no access list says who. */
bool iscsi_node_is_open(const struct iscsi_node *node, const char *name);
/* Whether the access list of this target lets anybody at all in by portals of GROUP. */
bool iscsi_node_is_reachable(const struct iscsi_node *node, const char *name, uint16_t group);
void iscsi_node_visit_targets(const struct iscsi_node *node,
			      void (*visit)(void *context, const char *name, const char *alias,
					    const struct scsi_target *scsi),
			      void *context);
/* "192.0.2.1:3260,1" and "tcp", "mptcp" or "iser" for each portal. */
void iscsi_node_visit_portals(const struct iscsi_node *node,
			      void (*visit)(void *context, const char *address, uint16_t group,
					    const char *transport),
			      void *context);

#endif
