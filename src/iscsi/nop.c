/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NOP-Out and NOP-In (RFC 7143 sections 11.18, 11.19): the initiator's pings,
 * answered with the data they bring, and ours, which find out whether a silent
 * initiator is still there.
 */
#include <string.h>

#include "base/checked.h"
#include "iscsi/ffp.h"

#define NOP_DISCOVERY_S 300	/* a discovery session is not kept for longer */

/* --- the initiator's --- */

static bool wants_answer(const struct bhs *bhs)
{
	return bhs_itt(bhs) != ISCSI_TAG_NONE;
}

/* What of LENGTH bytes can go back in one PDU. */
static uint32_t echo_length(const struct iscsi_conn *conn, uint32_t length)
{
	length = min(length, conn->keys.send_data_max);
	return min(length, conn->wire->limits.control_data_max);
}

/*
 * Memory for a ping whose data is too long for the mover to keep. NULL when
 * there is none in one piece: it is then answered without data.
 */
static struct control *alloc_large(struct iscsi_conn *conn, uint32_t length)
{
	struct control *control = control_alloc(conn, 0);
	struct arena *arena = reactor_arena(conn->core->reactor);
	uint32_t whole = (uint32_t)round_up_pow2(length);

	if (control == NULL)
		return NULL;
	extents_init(&control->extents);
	if (conn->ping_bytes + length <= CONN_PING_BYTES_MAX &&
	    arena_take(arena, &control->extents, whole) == 0 && control->extents.count == 1) {
		control->pdu.data = control->extents.extent[0].data;
		control->pdu.data_length = echo_length(conn, length);
		control->ping_bytes = length;
		conn->ping_bytes += length;
		return control;
	}
	control_free(control);
	return NULL;
}

void nop_header(struct iscsi_conn *conn, struct transport_rx *rx)
{
	uint32_t length = rx->data_length;

	rx->context = conn;
	if (!wants_answer(rx->bhs)) {
		rx->sink = TRANSPORT_SINK_DISCARD;
		return;
	}
	if (length <= conn->wire->limits.recv_control_max)
		return;
	conn->echo = alloc_large(conn, length);
	rx->sink = TRANSPORT_SINK_DISCARD;
	if (conn->echo != NULL) {
		rx->sink = TRANSPORT_SINK_EXTENTS;
		rx->extents = &conn->echo->extents;
		rx->offset = 0;
	}
}

static void fill_answer(struct control *control, const struct bhs *bhs)
{
	struct bhs_nop_in nop = {
		.lun = bhs_lun(bhs),
		.itt = bhs_itt(bhs),
		.ttt = ISCSI_TAG_NONE,
		.data_len = control->pdu.data_length,
	};

	bhs_nop_in_encode(&control->pdu.bhs, &nop);
}

/* The answer to a ping of ours, or nothing that matters. */
static void take_answer(struct iscsi_conn *conn, const struct bhs *bhs)
{
	if (conn->ping_ttt != ISCSI_TAG_NONE && bhs_ttt(bhs) == conn->ping_ttt)
		conn->ping_ttt = ISCSI_TAG_NONE;
}

void nop_run(struct iscsi_conn *conn, const struct bhs *bhs, const uint8_t *data,
	     uint32_t data_length)
{
	struct control *control;
	uint32_t length;

	if (!wants_answer(bhs)) {
		take_answer(conn, bhs);
		return;
	}
	/* 11.18.2: a ping of the initiator's has no Target Transfer Tag. */
	if (bhs_ttt(bhs) != ISCSI_TAG_NONE) {
		reject_send(conn, bhs, ISCSI_REJECT_INVALID_PDU_FIELD,
			    "both Initiator Task Tag and Target Transfer Tag");
		return;
	}
	length = data == NULL || conn->ping_bytes + data_length > CONN_PING_BYTES_MAX ?
			 0 : echo_length(conn, data_length);
	control = control_alloc(conn, length);
	if (control == NULL)
		return;
	if (length != 0)
		memcpy(control->data, data, length);
	control->ping_bytes = length;
	conn->ping_bytes += length;
	fill_answer(control, bhs);
	control_send(control, true);
}

static void run_now(struct iscsi_conn *conn, const struct transport_rx *rx,
		    struct control *echo)
{
	if (rx->data_digest_error) {
		reject_send(conn, rx->bhs, ISCSI_REJECT_DATA_DIGEST_ERROR, "data digest");
	} else if (echo != NULL && bhs_ttt(rx->bhs) == ISCSI_TAG_NONE) {
		fill_answer(echo, rx->bhs);
		control_send(echo, true);
		return;
	} else {
		nop_run(conn, rx->bhs, rx->sink == TRANSPORT_SINK_CONTROL ? rx->data : NULL,
			rx->data_length);
	}
	if (echo != NULL)
		control_free(echo);
}

void nop_pdu(struct iscsi_conn *conn, struct transport_rx *rx)
{
	struct iscsi_session *session = conn->session;
	bool immediate = bhs_is_immediate(rx->bhs);
	enum sequence sequence = SEQUENCE_NOW;
	struct control *echo = conn->echo;

	conn->echo = NULL;
	if (rx->context == NULL)
		return;
	/* Above ErrorRecoveryLevel 0 it has not come, and its number is missing. */
	if (UNLIKELY(rx->data_digest_error && conn->level != 0)) {
		run_now(conn, rx, echo);
		return;
	}
	if (!immediate)
		sequence = session_sequence(session, bhs_cmd_sn(rx->bhs));
	if (sequence != SEQUENCE_NOW) {
		/* Out of order: answered later, a long one without its data. */
		if (sequence == SEQUENCE_LATER)
			session_hold(conn, rx->bhs,
				     rx->sink == TRANSPORT_SINK_CONTROL ? rx->data : NULL,
				     rx->data_length, !rx->data_digest_error);
		if (echo != NULL)
			control_free(echo);
		return;
	}
	if (!immediate)
		session_advance(session);
	run_now(conn, rx, echo);
	if (!immediate && conn->state == CONN_FULL)
		session_after(session);
}

/* --- ours --- */

static void start_timer(struct iscsi_conn *conn, unsigned seconds)
{
	reactor_timer_start(conn->core->reactor, &conn->timer, seconds * UINT64_C(1000));
}

/* It may have been behind much other data: the time for its answer begins now. */
static void ping_sent(struct transport_pdu *pdu, int err)
{
	struct control *control = container_of(pdu, struct control, pdu);
	struct iscsi_conn *conn = control->conn;
	const struct iscsi_node_config *config = &conn->core->node->config;

	(void)err;
	control_free(control);
	conn->pings_queued--;
	if (conn->state != CONN_FULL)
		conn_may_finish(conn);
	else if (conn->ping_ttt != ISCSI_TAG_NONE && config->nop_interval_s != 0)
		start_timer(conn, config->nop_timeout_s);
}

/* A NOP-In of our own that wants an answer. False: CONN is being ended. */
static bool send_ping(struct iscsi_conn *conn)
{
	struct bhs_nop_in nop = { .itt = ISCSI_TAG_NONE };
	struct control *control = control_alloc(conn, 0);

	if (control == NULL)
		return false;
	conn->ping_ttt = conn_new_ttt(conn);
	conn->pings_queued++;
	nop.ttt = conn->ping_ttt;
	control->pdu.sent = ping_sent;
	bhs_nop_in_encode(&control->pdu.bhs, &nop);
	control_send(control, false);
	return true;
}

void nop_ask(struct iscsi_conn *conn)
{
	if (conn->ping_ttt == ISCSI_TAG_NONE)
		send_ping(conn);
}

static void announced(struct transport_pdu *pdu, int err)
{
	struct control *control = container_of(pdu, struct control, pdu);
	struct iscsi_conn *conn = control->conn;

	(void)err;
	control_free(control);
	if (conn->session != NULL)
		conn->session->announced = false;
	if (conn->state == CONN_FULL)
		session_window_opened(conn->session);
	else
		conn_may_finish(conn);
}

void nop_announce(struct iscsi_conn *conn)
{
	struct bhs_nop_in nop = { .itt = ISCSI_TAG_NONE, .ttt = ISCSI_TAG_NONE };
	struct control *control = control_alloc(conn, 0);

	if (control == NULL)
		return;
	conn->session->announced = true;
	control->pdu.sent = announced;
	bhs_nop_in_encode(&control->pdu.bhs, &nop);
	control_send(control, false);
}

/* PDUs so far, also those that only the mover sees. */
static uint64_t heard(const struct iscsi_conn *conn)
{
	return conn->received + conn->wire->solicited;
}

static void tick(struct timer *timer)
{
	struct iscsi_conn *conn = container_of(timer, struct iscsi_conn, timer);
	const struct iscsi_node_config *config = &conn->core->node->config;
	bool silent;

	if (conn->state != CONN_FULL)
		return;
	silent = heard(conn) == conn->heard_at_tick;
	/* Whether it takes what is before the ping is for the mover to say. */
	if (conn->pings_queued != 0) {
		start_timer(conn, config->nop_timeout_s);
		return;
	}
	/* Whoever sends something is there, even if its answer is behind other data. */
	if (conn->ping_ttt != ISCSI_TAG_NONE && silent) {
		conn_terminate(conn, false, LOG_LEVEL_WARNING, "no answer to NOP-In within %u s",
			       config->nop_timeout_s);
		return;
	}
	conn->ping_ttt = ISCSI_TAG_NONE;
	conn->heard_at_tick = heard(conn);
	if (!silent) {
		start_timer(conn, config->nop_interval_s);
		return;
	}
	if (send_ping(conn))
		start_timer(conn, config->nop_timeout_s);
}

/* A discovery session may send no NOP-Out. */
static void discovery_expired(struct timer *timer)
{
	struct iscsi_conn *conn = container_of(timer, struct iscsi_conn, timer);

	conn_terminate(conn, true, LOG_LEVEL_INFO, "discovery session closed after %u s",
		       NOP_DISCOVERY_S);
}

void nop_start(struct iscsi_conn *conn)
{
	unsigned interval = conn->core->node->config.nop_interval_s;

	conn->heard_at_tick = heard(conn);
	if (session_is_discovery(conn->session)) {
		conn->timer.expired = discovery_expired;
		start_timer(conn, NOP_DISCOVERY_S);
		return;
	}
	conn->timer.expired = tick;
	if (interval != 0)
		start_timer(conn, interval);
	else
		reactor_timer_stop(conn->core->reactor, &conn->timer);
}
