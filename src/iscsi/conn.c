/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The connection machine (RFC 7143 section 8.1.3, target side) and the control
 * PDUs; see iscsi/conn.h.
 */
#include "iscsi/conn.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iscsi/ffp.h"
#include "iscsi/login.h"
#include "iscsi/reassign.h"
#include "iscsi/recover.h"
#include "iscsi/registry.h"
#include "iscsi/session.h"

/* --- what the rows of the table do --- */

static void enter_admission(struct iscsi_conn *conn)
{
	conn->login->asked = true;
	registry_ask(&conn->login->admission);
}

static void leave_login_phase(struct iscsi_conn *conn)
{
	if (conn->counted_login)
		node_login_ended(conn->core->node, conn->peer);
	conn->counted_login = false;
}

static void enter_full(struct iscsi_conn *conn)
{
	leave_login_phase(conn);
	login_destroy(conn->login);
	conn->login = NULL;
	session_logged_in(conn->session);
	nop_start(conn);
}

static void abort_all(struct iscsi_conn *conn)
{
	recover_drop(conn);
	session_drop_held(conn->session, conn);
	session_abort_conn(conn->session, conn);
}

static void enter_logout(struct iscsi_conn *conn)
{
	abort_all(conn);
	conn_may_finish(conn);
}

/* Its end was not agreed on, and its login had been complete. */
static bool is_missed(const struct iscsi_conn *conn)
{
	return !conn->leaves && conn->login == NULL;
}

static void enter_closing(struct iscsi_conn *conn)
{
	reactor_timer_stop(conn->core->reactor, &conn->timer);
	if (conn->session == NULL)
		return;
	if (is_missed(conn) && reassign_strand(conn))
		return;
	recover_drop(conn);
	session_abort_conn(conn->session, conn);
	if (is_missed(conn))
		session_fail(conn->session);
}

static void enter_closed(struct iscsi_conn *conn)
{
	bool stranded = conn->strands;

	if (!stranded)
		reactor_timer_stop(conn->core->reactor, &conn->timer);
	if (!stranded && conn->session != NULL && is_missed(conn))
		stranded = reassign_strand(conn);
	conn->wire = NULL;
	if (conn->landing != NULL)
		dataout_landing_lost(conn->landing);
	if (conn->echo != NULL)
		control_free(conn->echo);
	conn->echo = NULL;
	if (stranded) {
		reassign_transport_gone(conn);
	} else if (conn->session != NULL) {
		abort_all(conn);
		if (is_missed(conn))
			session_fail(conn->session);
	}
	text_exchange_reset(conn);
	if (conn->session != NULL)
		session_conn_closed(conn->session);
	conn_may_finish(conn);
}

/* --- the table --- */

#define IN(state) (1u << (state))
#define ALIVE (IN(CONN_CONNECTED) | IN(CONN_LOGIN) | IN(CONN_ADMISSION) | IN(CONN_FULL) |          \
	       IN(CONN_LOGOUT))

struct transition {
	unsigned states;
	enum conn_event event;
	enum conn_state next;
	void (*action)(struct iscsi_conn *conn);
	const char *name;	/* with the RFC's number; in the ring of events */
};

static const struct transition transitions[] = {
	{ IN(CONN_CONNECTED), CONN_LOGIN_REQUEST, CONN_LOGIN, NULL, "T4: login begins" },
	{ IN(CONN_LOGIN), CONN_NEGOTIATED, CONN_ADMISSION, enter_admission, "login: asks" },
	{ IN(CONN_ADMISSION), CONN_ADMITTED, CONN_FULL, enter_full, "T5: full feature phase" },
	{ IN(CONN_FULL), CONN_LOGOUT_REQUEST, CONN_LOGOUT, enter_logout, "T9: logout" },
	{ ALIVE, CONN_TERMINATE, CONN_CLOSING, enter_closing, "T7, T13: terminates" },
	{ ALIVE | IN(CONN_CLOSING), CONN_TRANSPORT_GONE, CONN_CLOSED, enter_closed,
	  "T6, T8, T15: transport gone" },
};

static const char *const state_names[] = {
	[CONN_CONNECTED] = "login",	[CONN_LOGIN] = "login",
	[CONN_ADMISSION] = "login",	[CONN_FULL] = "full-feature",
	[CONN_LOGOUT] = "closing",	[CONN_CLOSING] = "closing",
	[CONN_CLOSED] = "closing",
};

const char *conn_state_name(const struct iscsi_conn *conn)
{
	return state_names[conn->state];
}

bool conn_event(struct iscsi_conn *conn, enum conn_event event)
{
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(transitions); i++) {
		const struct transition *row = &transitions[i];

		if (row->event != event || !(row->states & IN(conn->state)))
			continue;
		events_add(&conn->events, reactor_now_ns(conn->core->reactor), row->name,
			   conn->received, conn->session != NULL ? conn->session->exp_cmd_sn : 0);
		conn->state = row->next;
		if (row->action != NULL)
			row->action(conn);
		return true;
	}
	return false;
}

/* --- its log --- */

static const char *initiator_of(const struct iscsi_conn *conn)
{
	if (conn->session != NULL)
		return conn->session->initiator_name;
	if (conn->login != NULL && conn->login->negotiation.initiator_name[0] != '\0')
		return conn->login->negotiation.initiator_name;
	return "not logged in";
}

static void log_va(struct iscsi_conn *conn, enum log_level level, const char *format,
		   va_list arguments)
{
	struct iscsi_core *core = conn->core;
	/* Logins that come and go must not use up what a violation needs to be heard. */
	struct guard_log *log = level <= LOG_LEVEL_WARNING ? &core->warnings : &core->news;
	char text[384];

	vsnprintf(text, sizeof(text), format, arguments);
	log_limited(guard_log_limit(log, conn->peer), level, "iscsi: %s (%s): %s", conn->peer,
		    initiator_of(conn), text);
}

void conn_log(struct iscsi_conn *conn, enum log_level level, const char *format, ...)
{
	va_list arguments;

	if (level > log_get_level())
		return;
	va_start(arguments, format);
	log_va(conn, level, format, arguments);
	va_end(arguments);
}

struct story {
	const struct iscsi_conn *conn;
	char text[800];
	size_t length;
};

static void drop_oldest(struct story *story)
{
	const char *second = strchr(story->text + 1, ';');
	size_t left = second != NULL ? strlen(second) : 0;

	memmove(story->text, second != NULL ? second : "", left + 1);
	story->length = left;
}

static void add_event(void *context, const struct event *event)
{
	struct story *story = context;
	char text[128];
	int length = snprintf(text, sizeof(text), "; %.3f s %s (%llu, %llu)",
			      (double)(event->time_ns - story->conn->connected_ns) / 1e9,
			      event->what, (unsigned long long)event->a,
			      (unsigned long long)event->b);

	while (story->length + (size_t)length >= sizeof(story->text) && story->length != 0)
		drop_oldest(story);
	memcpy(story->text + story->length, text, strlen(text) + 1);
	story->length += strlen(text);
}

/* What came before the end of CONN: nobody can ask for it any more. */
static void log_events(const struct iscsi_conn *conn)
{
	struct story story = { .conn = conn };

	events_print(&conn->events, add_event, &story);
	log_limited(guard_log_limit(&conn->core->stories, conn->peer), LOG_LEVEL_INFO,
		    "iscsi: %s: its last events, since it connected%s", conn->peer, story.text);
}

static void explain_va(struct iscsi_conn *conn, enum log_level level, const char *format,
		       va_list arguments)
{
	if (conn->explained)
		return;
	conn->explained = true;
	if (level <= log_get_level())
		log_va(conn, level, format, arguments);
	/* Of a login that is refused the line before says all. */
	if (level <= LOG_LEVEL_WARNING && conn->session != NULL)
		log_events(conn);
}

void conn_explain(struct iscsi_conn *conn, enum log_level level, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	explain_va(conn, level, format, arguments);
	va_end(arguments);
}

/* --- its end --- */

static void begin_end(struct iscsi_conn *conn, bool graceful)
{
	if (conn_event(conn, CONN_TERMINATE)) {
		if (conn->wire != NULL)
			transport_terminate(conn->wire, graceful);
	} else if (conn->strands) {
		reassign_give_up(conn);
	}
}

void conn_protocol_error(struct iscsi_conn *conn, const char *format, ...)
{
	va_list arguments;

	counter_increment(&conn->core->protocol_errors);
	va_start(arguments, format);
	explain_va(conn, LOG_LEVEL_WARNING, format, arguments);
	va_end(arguments);
	begin_end(conn, false);
}

void conn_terminate(struct iscsi_conn *conn, bool graceful, enum log_level level,
		    const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	explain_va(conn, level, format, arguments);
	va_end(arguments);
	begin_end(conn, graceful);
}

static bool is_busy(const struct iscsi_conn *conn)
{
	return conn->strands || conn->controls != 0 || (conn->login != NULL && conn->login->asked) ||
	       !conn_is_idle(conn);
}

static void destroy(struct iscsi_conn *conn)
{
	struct iscsi_core *core = conn->core;

	leave_login_phase(conn);
	login_destroy(conn->login);
	list_remove(&conn->join_link);
	if (conn->destination != NULL)
		node_unplace(conn->destination);
	if (conn->session != NULL)
		session_leave(conn->session, conn);
	if (conn->registration != NULL)
		registry_release(conn->registration);
	list_remove(&conn->link);
	node_connection_ended(core);
	free(conn);
}

static void finish(struct deferred *deferred)
{
	struct iscsi_conn *conn = container_of(deferred, struct iscsi_conn, finish);

	if (conn->state == CONN_LOGOUT && logout_is_over(conn))
		logout_answer(conn);
	else if (conn->state == CONN_CLOSED && !is_busy(conn))
		destroy(conn);
}

void conn_may_finish(struct iscsi_conn *conn)
{
	reactor_defer(conn->core->reactor, &conn->finish);
}

/* --- control PDUs --- */

static void control_sent(struct transport_pdu *pdu, int err)
{
	struct control *control = container_of(pdu, struct control, pdu);
	struct iscsi_conn *conn = control->conn;

	if (UNLIKELY(control->has_stat_sn && conn->level != 0) && err == 0 &&
	    conn->state == CONN_FULL && recover_keep_control(control))
		return;
	control_free(control);
	if (conn->state == CONN_CLOSED)
		conn_may_finish(conn);
}

/* NULL when memory is short or the peer has not taken MOST of ours. */
static struct control *control_create(struct iscsi_conn *conn, uint32_t data_length, unsigned most)
{
	struct control *control = NULL;

	if (conn->controls < most)
		control = calloc(1, sizeof(*control) + data_length);
	if (control == NULL)
		return NULL;
	control->conn = conn;
	control->pdu.data = control->data;
	control->pdu.data_length = data_length;
	control->pdu.sent = control_sent;
	conn->controls++;
	return control;
}

struct control *control_alloc(struct iscsi_conn *conn, uint32_t data_length)
{
	struct control *control = control_create(conn, data_length, CONN_CONTROLS_MAX);

	if (control == NULL)
		conn_terminate(conn, false, LOG_LEVEL_WARNING, "takes none of %u answers",
			       conn->controls);
	return control;
}

struct control *control_alloc_news(struct iscsi_conn *conn, uint32_t data_length)
{
	return control_create(conn, data_length, CONN_NEWS_MAX);
}

void control_send(struct control *control, bool advance)
{
	struct iscsi_conn *conn = control->conn;
	struct transport_numbers *numbers = &conn->numbers;

	if (!conn_can_send(conn)) {
		control_free(control);
		return;
	}
	bhs_set_stat_sn(&control->pdu.bhs, numbers->stat_sn);
	bhs_set_window(&control->pdu.bhs, numbers->window->exp_cmd_sn,
		       numbers->window->max_cmd_sn);
	if (conn->session != NULL)
		conn->session->told_max_cmd_sn = numbers->window->max_cmd_sn;
	control->has_stat_sn = advance;
	if (advance)
		numbers->stat_sn++;
	transport_send_control(conn->wire, &control->pdu);
}

void control_free(struct control *control)
{
	struct iscsi_conn *conn = control->conn;

	list_remove(&control->sent_link);
	conn->controls--;
	conn->ping_bytes -= control->ping_bytes;
	conn->texts -= control->is_text;
	if (control->extents.count != 0)
		arena_give(reactor_arena(conn->core->reactor), &control->extents);
	free(control);
}

/* --- what the mover tells --- */

static int up_header(struct transport_conn *wire, struct transport_rx *rx)
{
	struct iscsi_conn *conn = wire->user;

	conn->received++;
	rx->context = NULL;
	if (UNLIKELY(conn->level != 0) && conn->state == CONN_FULL)
		recover_acknowledge(conn, rx->bhs);
	if (LIKELY(conn->state == CONN_FULL)) {
		ffp_header(conn, rx);
	} else if (conn->state < CONN_FULL) {
		login_header(conn, rx);
	} else {
		rx->sink = TRANSPORT_SINK_DISCARD;
	}
	return 0;
}

/* The phase has ended between the two halves of a PDU: only its memory matters. */
static void pdu_too_late(struct iscsi_conn *conn, struct transport_rx *rx)
{
	struct iscsi_task *task = conn->landing;

	/* As long as its digest was not known the command had not come: now it does not. */
	if (task != NULL && (task->recovery & RECOVERY_CHECKED))
		task->flags |= TASK_ABORTED;
	if (task != NULL)
		dataout_landed(task, rx);
	if (conn->echo != NULL)
		control_free(conn->echo);
	conn->echo = NULL;
}

static int up_pdu(struct transport_conn *wire, struct transport_rx *rx)
{
	struct iscsi_conn *conn = wire->user;

	if (LIKELY(conn->state == CONN_FULL))
		ffp_pdu(conn, rx);
	else if (conn->state < CONN_FULL)
		login_pdu(conn, rx);
	else
		pdu_too_late(conn, rx);
	return 0;
}

/* --- moving --- */

void conn_move(struct iscsi_conn *conn, struct iscsi_core *to)
{
	struct reactor *reactor = conn->core->reactor;

	/* Who waits for a core to be empty waits for what is placed there. */
	node_place_on(to);
	conn->destination = to;
	list_remove(&conn->link);
	reactor_timer_stop(reactor, &conn->timer);
	reactor_undefer(reactor, &conn->finish);
	conn->wire->ops->move(conn->wire, to->reactor);
}

/* On the new reactor. */
static void up_moved(struct transport_conn *wire)
{
	struct iscsi_conn *conn = wire->user;

	node_unplace(conn->core);
	conn->core = conn->destination;
	conn->destination = NULL;
	list_push_back(&conn->core->conns, &conn->link);
	login_start_timer(conn);
	login_moved(conn);
}

static const char *const end_reasons[] = {
	[TRANSPORT_END_CLOSED] = "closed the connection",
	[TRANSPORT_END_RESET] = "connection failed",
	[TRANSPORT_END_TERMINATED] = "connection terminated",
	[TRANSPORT_END_PROTOCOL] = "what came is no iSCSI PDU",
	[TRANSPORT_END_DIGEST] = "header digest error",
	[TRANSPORT_END_STALLED] = "took nothing for too long",
};

static void up_terminated(struct transport_conn *wire, enum transport_end end, int err)
{
	struct iscsi_conn *conn = wire->user;
	enum log_level level = LOG_LEVEL_WARNING;

	if (end == TRANSPORT_END_PROTOCOL || end == TRANSPORT_END_DIGEST)
		counter_increment(&conn->core->protocol_errors);
	/*
	 * Discovery ends like this (open-iscsi resets the connection), and so does
	 * whoever just looks whether the port is open.
	 */
	if (conn->session != NULL && session_is_discovery(conn->session) &&
			(end == TRANSPORT_END_CLOSED || end == TRANSPORT_END_RESET))
		level = LOG_LEVEL_DEBUG;
	else if (end == TRANSPORT_END_CLOSED)
		level = conn->session != NULL ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG;
	if (err != 0)
		conn_explain(conn, level, "%s: %s", end_reasons[end], strerror(-err));
	else
		conn_explain(conn, level, "%s", end_reasons[end]);
	conn_event(conn, CONN_TRANSPORT_GONE);
}

static const struct transport_upcalls upcalls = {
	.header = up_header,
	.pdu = up_pdu,
	.put_done = command_put_done,
	.get_done = dataout_get_done,
	.violation = dataout_violation,
	.moved = up_moved,
	.terminated = up_terminated,
};

int conn_connected(void *user, struct transport_conn *wire)
{
	const struct iscsi_portal *portal = user;
	struct iscsi_core *core = node_core(portal->node, wire->reactor);
	struct iscsi_conn *conn = NULL;

	if (!atomic_load_explicit(&portal->node->closing, memory_order_relaxed))
		conn = calloc(1, sizeof(*conn));
	if (conn == NULL) {
		node_login_ended(portal->node, wire->peer);
		node_connection_ended(core);
		return -ECONNABORTED;
	}
	conn->wire = wire;
	conn->core = core;
	conn->portal = portal;
	conn->state = CONN_CONNECTED;
	conn->counted_login = true;
	conn->numbers.stat_sn = 1;
	conn->numbers.window = &conn->login_window;
	conn->text.ttt = ISCSI_TAG_NONE;
	conn->ping_ttt = ISCSI_TAG_NONE;
	conn->finish.run = finish;
	list_init(&conn->sent_tasks);
	list_init(&conn->sent_controls);
	conn->connected_ns = reactor_now_ns(core->reactor);
	snprintf(conn->peer, sizeof(conn->peer), "%s", wire->peer);
	snprintf(conn->local, sizeof(conn->local), "%s", wire->local);
	list_push_back(&core->conns, &conn->link);
	counter_increment(&core->accepted);
	wire->up = &upcalls;
	wire->user = conn;
	wire->numbers = &conn->numbers;
	login_start_timer(conn);
	return 0;
}
