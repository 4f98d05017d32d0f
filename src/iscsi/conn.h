/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One connection: the machine of RFC 7143 section 8.1 for a target, and the
 * control PDUs that it sends. What belongs to one phase stands elsewhere:
 * iscsi/login.h, iscsi/ffp.h.
 *
 * A connection lives from the mover's connected to the moment when the mover
 * has said terminated and nothing that it began is still under way.
 */
#ifndef PINION_ISCSI_CONN_H
#define PINION_ISCSI_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/events.h"
#include "base/list.h"
#include "iscsi/node.h"
#include "proto/pdu.h"
#include "transport/transport.h"

#define CONN_CONTROLS_MAX 8192		/* PDUs of ours that the peer has not taken */
#define CONN_NEWS_MAX 1024		/* and beyond these it is told nothing that it can do without */
#define CONN_PING_BYTES_MAX (1024u * 1024u)	/* and of data that they echo */
#define CONN_TEXTS_MAX 4		/* Text Responses, where one is all that may be outstanding */
#define CONN_LOGIN_DATA_MAX 8192	/* RFC 7143 section 13.12: before full feature phase */

enum conn_state {
	CONN_CONNECTED,	/* S3: waits for the first Login Request */
	CONN_LOGIN,	/* S4: negotiates */
	CONN_ADMISSION,	/* S4: waits for the registry, and that for an older session's end */
	CONN_FULL,	/* S5: full feature phase */
	CONN_LOGOUT,	/* S6: waits for its tasks' end to answer a Logout */
	CONN_CLOSING,	/* S8: the transport is going; tasks end */
	CONN_CLOSED,	/* S1: the transport is gone; the last tasks end */
};

enum conn_event {
	CONN_LOGIN_REQUEST,	/* the first Login Request has come */
	CONN_NEGOTIATED,	/* nothing is left to negotiate */
	CONN_ADMITTED,		/* the last Login Response has been sent */
	CONN_LOGOUT_REQUEST,	/* a Logout that ends this connection has come */
	CONN_TERMINATE,		/* we give the connection up */
	CONN_TRANSPORT_GONE,	/* the mover has said terminated */
	CONN_EVENT_COUNT
};

struct login;
struct registration;
struct iscsi_session;
struct iscsi_task;

/* A PDU of ours on its way. From control_alloc to its sent. */
struct control {
	struct transport_pdu pdu;
	struct iscsi_conn *conn;
	struct list_node sent_link;
	bool has_stat_sn;		/* it uses one up */
	struct extents extents;		/* or its data is here */
	uint32_t ping_bytes;
	bool is_text;			/* a Text Response */
	uint8_t data[];
};

/* A text exchange of the full feature phase; see iscsi/text.c. */
struct text_exchange {
	uint32_t itt;
	uint32_t ttt;		/* ISCSI_TAG_NONE when there is none */
	uint8_t *in;		/* joined over the C bit */
	uint32_t in_length;
	uint8_t *out;		/* what is to be answered ... */
	uint32_t out_length;
	uint32_t out_sent;	/* ... and how much of it has been */
};

struct iscsi_conn {
	/* what every PDU touches */
	struct transport_conn *wire;	/* NULL once it is gone */
	struct iscsi_session *session;	/* from the last Login Response on */
	struct transport_numbers numbers;
	uint32_t tasks;			/* in use, whose allegiance is to it */
	uint64_t received;		/* PDUs */
	uint8_t state;			/* enum conn_state */
	bool private_data;		/* what is sent and received must hold still */
	uint8_t level;			/* ErrorRecoveryLevel */
	struct iscsi_task *landing;	/* into whose memory the PDU that is now coming goes */
	struct control *echo;		/* or a ping's answer into which it goes */

	struct iscsi_core *core;
	const struct iscsi_portal *portal;
	struct list_node link;		/* of core->conns */
	struct list_node session_link;	/* of session->conns */
	struct list_node join_link;	/* of session->joiners */
	struct iscsi_core *destination;	/* while it moves there */
	struct transport_keys keys;	/* the session's, with what is its own */
	struct transport_window login_window;	/* that it tells as long as it has no session */
	unsigned requests;		/* of its own that are under way: task management functions */
	struct login *login;		/* until full feature phase */
	struct registration *registration;	/* of a session that is not there yet */
	uint16_t cid;
	bool counted_login;
	bool explained;			/* a line has said why it ends */
	bool leaves;			/* it has logged out or is replaced: its session goes on */
	bool is_given_up;		/* by the initiator, which need not be told that it ends */
	bool strands;			/* it has failed; its tasks wait for another, see reassign.c */
	bool finish_queued;
	unsigned controls;
	uint32_t ping_bytes;
	unsigned texts;			/* of controls, Text Responses */
	struct text_exchange text;

	/* what has been sent and is not acknowledged, by StatSN; see iscsi/recover.c */
	struct list sent_tasks;		/* by iscsi_task.sent_link */
	struct list sent_controls;	/* by control.sent_link */
	uint32_t sent_tasks_count;
	uint32_t sent_unasked;		/* of both, since the initiator last told what it has */
	uint32_t sent_bytes;		/* of data that waits with tasks */
	uint32_t acknowledged;		/* the last ExpStatSN */

	/* keep-alive; see iscsi/nop.c */
	struct timer timer;		/* of the login, then of the keep-alive */
	uint64_t heard_at_tick;
	unsigned pings_queued;		/* of ours that have not left yet */
	uint32_t ping_ttt;		/* ISCSI_TAG_NONE when none is out */
	uint32_t next_ttt;

	/* Logout; see iscsi/logout.c */
	uint32_t logout_itt;
	uint8_t logout_response;
	uint8_t logout_reason;
	struct iscsi_conn *closer;	/* that has logged this one out and waits for its end */
	uint32_t closer_itt;

	struct deferred finish;
	uint64_t connected_ns;
	char peer[64];			/* outlives the wire */
	char local[64];
	struct events events;
};

/* The mover's connected: USER is the struct iscsi_portal. */
int conn_connected(void *user, struct transport_conn *wire);

/*
 * Takes EVENT through the table. False when the state has no row for it:
 * nothing has happened then.
 */
bool conn_event(struct iscsi_conn *conn, enum conn_event event);

const char *conn_state_name(const struct iscsi_conn *conn);

/* Whether PDUs may still be sent: the transport is there and not going. */
static inline bool conn_can_send(const struct iscsi_conn *conn)
{
	return conn->state < CONN_CLOSING;
}

/* Whether no command and no other request of its own is under way, but for what is only kept. */
static inline bool conn_is_idle(const struct iscsi_conn *conn)
{
	return conn->tasks == conn->sent_tasks_count && conn->requests == 0;
}

/* Writes one line about CONN; those that a peer can provoke are limited. */
void conn_log(struct iscsi_conn *conn, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The one line that says why CONN ends, before it does. */
void conn_explain(struct iscsi_conn *conn, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Ends CONN for a violation by the peer: logs why, counts it, and terminates at once. */
void conn_protocol_error(struct iscsi_conn *conn, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Ends CONN for another reason, with one line; what is queued is sent where GRACEFUL. */
void conn_terminate(struct iscsi_conn *conn, bool graceful, enum log_level level,
		    const char *format, ...) __attribute__((format(printf, 4, 5)));

/*
 * CONN, which is in its login, goes to another core; login_moved follows there, unless it
 * ends before.
 */
void conn_move(struct iscsi_conn *conn, struct iscsi_core *to);

/* Something that CONN waited for has ended: looks, at the end of this turn, whether it can go. */
void conn_may_finish(struct iscsi_conn *conn);

/*
 * A PDU to be filled: BHS zero, DATA_LENGTH bytes of data at control->data. NULL
 * when memory is short or the peer takes none of ours: CONN is then being ended.
 */
struct control *control_alloc(struct iscsi_conn *conn, uint32_t data_length);

/* The same for what need not be said: NULL costs the peer only the news. */
struct control *control_alloc_news(struct iscsi_conn *conn, uint32_t data_length);

/*
 * Numbers and sends CONTROL, which has been filled but for StatSN and window,
 * and frees it when it is sent. ADVANCE: it uses up a StatSN.
 */
void control_send(struct control *control, bool advance);

/* Frees one that is not to be sent after all. */
void control_free(struct control *control);

/* A Target Transfer Tag that is no other's on this connection. */
static inline uint32_t conn_new_ttt(struct iscsi_conn *conn)
{
	if (conn->next_ttt == ISCSI_TAG_NONE)
		conn->next_ttt = 0;
	return conn->next_ttt++;
}

#endif
