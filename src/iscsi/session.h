/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A session: what both ends agreed on, the command window, and the tasks. It
 * belongs to one reactor, and so do all of its connections. Commands are numbered
 * and found by their tag over all of them; a task's data and its response
 * stay with the connection that brought the command (its allegiance).
 */
#ifndef PINION_ISCSI_SESSION_H
#define PINION_ISCSI_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/counter.h"
#include "base/list.h"
#include "iscsi/conn.h"
#include "iscsi/task.h"
#include "proto/sn.h"
#include "scsi/scsi.h"

#define SESSION_IMMEDIATE_MAX 8		/* SCSI commands beside the window */
#define SESSION_HELD_BYTES_MAX (256u * 1024u)
#define SESSION_END_MS 2000		/* for the tasks of a session without connections */
#define SESSION_REQUESTS_MAX 16		/* task management functions under way */

/*
 * A request with a CmdSN that is not yet its turn (one before it is missing).
 * With neither task nor data it only closes the gap.
 */
struct held {
	struct list_node link;		/* of session->held, by CmdSN */
	uint32_t cmd_sn;
	struct iscsi_conn *conn;	/* that brought it; NULL when it is gone */
	struct iscsi_task *task;	/* a SCSI Command */
	bool runs;			/* else another request: */
	struct bhs bhs;
	uint32_t data_length;
	uint8_t data[];
};

/* How long its commands take, and what follows from that; see iscsi/pace.h. */
struct pace {
	uint64_t target_ns;		/* 0: nothing follows */
	uint64_t average_ns;
	uint64_t changed_ns;		/* when slots became what they are */
	uint32_t slots;
	uint32_t peak;			/* most commands at a time since the last sample */
};

struct iscsi_session {
	/* what every command touches */
	struct iscsi_core *core;
	struct scsi_nexus *nexus;	/* NULL in a discovery session */
	struct task_pool tasks;
	union {
		struct {
			uint32_t exp_cmd_sn;
			uint32_t max_cmd_sn;
		};
		struct transport_window numbers;	/* the same, for the movers */
	};
	uint32_t told_max_cmd_sn;	/* the last MaxCmdSN that was surely sent */
	uint32_t active;		/* commands that hold a slot of the window */
	uint32_t used;			/* and those whose task is still in use */
	uint32_t immediate;		/* immediate ones in use */
	uint32_t window;		/* slots: follows memory and latency, at least 1 */
	uint32_t unsolicited_max;	/* bytes that a command may bring unasked */
	struct transport_keys keys;	/* but for those that each connection has for itself */
	struct pace pace;		/* and what latency allows */
	struct counter commands_done;
	struct counter bytes_in;	/* data-out */
	struct counter bytes_out;	/* data-in */

	struct list_node link;		/* of core->sessions_here */
	struct list conns;		/* by session_link, oldest first */
	unsigned conn_count;
	unsigned conns_max;		/* MaxConnections */
	struct list joiners;		/* logins that wait for the end of the connection they replace */
	bool has_failed;		/* its connections are all going */
	struct registration *registration;
	struct deferred finish;
	const struct iscsi_target *target;	/* NULL in a discovery session */
	const struct access_rule *rule;	/* that let it in, NULL: it is open to all */
	const struct chap_account *account;	/* as which it has authenticated itself, or NULL */
	const struct chap_method *chap_method;	/* with which, where there is an account */
	uint16_t group;			/* portal group */
	struct iscsi_values values;	/* of its portal and target */
	uint32_t depth;			/* the most that window may become */
	uint32_t granted;		/* slots that memory allows: window is no more */
	uint32_t slot_bytes;		/* of reserve for each slot */
	uint32_t reserved_slots;	/* for which memory is set aside, with those beside the window */
	uint64_t done_at_tick;		/* commands; of share.c */
	struct list held;
	uint32_t held_bytes;
	uint64_t serial;		/* of the next task */
	struct list aborts;		/* struct abort_wait */
	bool aborts_queued;
	struct deferred aborts_check;
	unsigned requests;		/* task management functions under way, also of other sessions */
	struct timer end;		/* since it has no connection any more */
	bool announced;			/* a NOP-In that tells of an open window is on its way */
	uint32_t first_cmd_sn;
	uint32_t login_pdus;		/* Login Requests without the I bit */
	bool logged_in;			/* counted in core->sessions */

	uint8_t isid[BHS_ISID_LEN];
	uint16_t tsih;
	uint16_t time2wait, time2retain;
	uint8_t task_reporting;		/* REPORTING_... */
	uint8_t protocol_level;
	bool tells_events;		/* by Asynchronous Messages */
	char initiator_name[NAME_LEN_MAX + 1];
	char initiator_alias[64];
};

/*
 * Makes the session of CONN, its first connection, as its login has negotiated it:
 * reserve, tasks, nexus. It takes over the registration. 0, or the login status to
 * refuse it with.
 */
int session_create(struct iscsi_conn *conn);

/* CONN becomes one of its connections: a login as find_place has allowed. */
void session_join(struct iscsi_session *session, struct iscsi_conn *conn);

/* CONN is gone, and nothing of it is under way. The session ends with its last connection. */
void session_leave(struct iscsi_session *session, struct iscsi_conn *conn);

/* A connection has entered full feature phase. */
void session_logged_in(struct iscsi_session *session);

/* A connection has failed: at ErrorRecoveryLevel 0 and 1 that is the end of the session. */
void session_fail(struct iscsi_session *session);

/* The connection with this CID that is not going, or NULL. */
struct iscsi_conn *session_find_conn(const struct iscsi_session *session, uint16_t cid);

/* Connections that are not going. */
unsigned session_count_conns(const struct iscsi_session *session);

/* The connection with this CID that has failed and whose tasks wait for another, or NULL. */
struct iscsi_conn *session_find_stranded(const struct iscsi_session *session, uint16_t cid);

/* Something has ended, perhaps the last: looks, at the end of this turn, who waited for that. */
void session_may_finish(struct iscsi_session *session);

/* A connection is closed: when it was the last, the session's tasks have to end soon. */
void session_conn_closed(struct iscsi_session *session);

/* Ends all of its connections for REASON. */
void session_terminate(struct iscsi_session *session, bool graceful, const char *reason);

/* A connection of SESSION that is in full feature phase, or NULL. */
struct iscsi_conn *session_live_conn(const struct iscsi_session *session);

/*
 * A task management function begins and ends. CONN: whoever asked for it, and must
 * be there to be answered; NULL when it is another session's.
 */
void session_request_begin(struct iscsi_session *session, struct iscsi_conn *conn);
void session_request_end(struct iscsi_session *session, struct iscsi_conn *conn);

/* Whether nothing of the session is under way. */
bool session_is_idle(const struct iscsi_session *session);

static inline bool session_is_discovery(const struct iscsi_session *session)
{
	return session->target == NULL;
}

/* --- the window --- */

/* MaxCmdSN as it may be now; it never goes back (RFC 7143 section 4.2.2.1). */
static inline void session_window_update(struct iscsi_session *session)
{
	uint32_t slots = session->window > session->active ? session->window - session->active : 0;
	uint32_t tasks = session->depth * 2 - session->used;
	uint32_t max = session->exp_cmd_sn - 1 + (slots < tasks ? slots : tasks);

	if (sn_gt(max, session->max_cmd_sn))
		session->max_cmd_sn = max;
}

/* What to do with a request, by its CmdSN. */
enum sequence {
	SEQUENCE_NOW,
	SEQUENCE_LATER,		/* one before it is missing */
	SEQUENCE_DROP,		/* outside the window, or a duplicate */
};

enum sequence session_sequence_odd(struct iscsi_session *session, uint32_t cmd_sn);

/* Of a numbered request; NOW does not count it yet: session_advance does. */
static inline enum sequence session_sequence(struct iscsi_session *session, uint32_t cmd_sn)
{
	if (LIKELY(cmd_sn == session->exp_cmd_sn &&
		   sn_lte(cmd_sn, session->max_cmd_sn)))
		return SEQUENCE_NOW;
	return session_sequence_odd(session, cmd_sn);
}

/* The request with CmdSN exp_cmd_sn has come. */
static inline void session_advance(struct iscsi_session *session)
{
	session->exp_cmd_sn++;
	session_window_update(session);
}

/* Runs what was held for the request that has just been counted. */
void session_run_held(struct iscsi_session *session);

static inline void session_after(struct iscsi_session *session)
{
	if (UNLIKELY(!list_is_empty(&session->held)))
		session_run_held(session);
}

/*
 * Keeps a request of CONN for later. DATA may be NULL: then the request only fills its
 * place (RUNS false) or has no data. False when there is no room: CONN is being ended.
 */
bool session_hold(struct iscsi_conn *conn, const struct bhs *bhs, const uint8_t *data,
		  uint32_t data_length, bool runs);
bool session_hold_task(struct iscsi_task *task);

/* The request with CMD_SN, which is missing, is considered received, says CONN. */
void session_fill_gap(struct iscsi_conn *conn, uint32_t cmd_sn);

/* Forgets what CONN has brought and is held; its numbers stay taken, its tasks are given back. */
void session_drop_held(struct iscsi_session *session, struct iscsi_conn *conn);
/* Likewise, but commands stay, for another connection may take them ... */
void session_strand_held(struct iscsi_session *session, struct iscsi_conn *conn);
/* ... which CONN does. */
void session_adopt_held(struct iscsi_conn *conn, const struct iscsi_task *task);

/* Of a session that ends: forgets all that is held; its tasks are others' to end. */
void session_forget_held(struct iscsi_session *session);
/* TASK is not to be run when its turn comes; its number stays taken. */
void session_forget_task(struct iscsi_session *session, const struct iscsi_task *task);

/* --- memory: iscsi/share.c --- */

/* Sets it aside for a new session of this depth, or for fewer commands. 0 or -ENOMEM. */
int session_reserve(struct iscsi_session *session);
/* Gives it back, for a session that is no longer of its core's. */
void session_unreserve(struct iscsi_session *session);

/* The window was closed as far as the initiator knows and is open now: tells it. */
void session_announce(struct iscsi_session *session);

static inline void session_window_opened(struct iscsi_session *session)
{
	session_window_update(session);
	if (UNLIKELY(sn_lt(session->told_max_cmd_sn, session->exp_cmd_sn) &&
		     sn_gte(session->max_cmd_sn, session->exp_cmd_sn)))
		session_announce(session);
}

/* --- aborting: iscsi/abort.c --- */

/* Waits for the end of some tasks of one session. Embedded by its owner. */
struct abort_wait {
	struct list_node link;
	struct iscsi_session *session;
	uint64_t lun;
	bool all_luns;
	struct iscsi_task *only;	/* or just this one */
	bool numbered;			/* not those from this on, but those before that are HELD: */
	uint32_t cmd_sn;
	uint64_t before;		/* tasks with a lower serial */
	void (*done)(struct abort_wait *wait);
};

/*
 * Aborts the tasks that WAIT describes (session, lun, all_luns, only) as they
 * are now; DONE follows from the reactor's loop, never from here.
 */
void session_abort(struct abort_wait *wait);

/* Aborts every task that the device server has, of CONN or of all. */
void session_abort_conn(struct iscsi_session *session, const struct iscsi_conn *conn);
void session_abort_all(struct iscsi_session *session);

/* A task has ended: looks whether somebody waited for it. */
void session_task_ended(struct iscsi_session *session);
/* Its aborts_check: does so. */
void session_check_aborts(struct deferred *deferred);

#endif
