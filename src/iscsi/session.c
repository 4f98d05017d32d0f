/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sessions: making and ending one, its connections, and what becomes of tasks that do not
 * end. Elsewhere: iscsi/share.c (memory and window), iscsi/held.c (requests out of order),
 * iscsi/abort.c.
 */
#include "iscsi/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "iscsi/access.h"
#include "iscsi/ffp.h"
#include "iscsi/login.h"
#include "iscsi/pace.h"
#include "iscsi/registry.h"

/* --- making and ending --- */

static int create_nexus(struct iscsi_session *session)
{
	char initiator_port[NAME_LEN_MAX + 32];
	char target_port[NODE_PORT_NAME_MAX + 1];
	struct scsi_nexus_config config = {
		.target = session->target->scsi,
		.view = session->rule != NULL ? session->rule->view : NULL,
		.reactor = session->core->reactor,
		.initiator_port = initiator_port,
		.target_port = target_port,
		.target_port_group = session->group,
		.has_sam_functions = session->protocol_level >= PROTOCOL_LEVEL_SAM,
		.tasks_terminated = tmf_tasks_terminated,
		.event = session->tells_events ? async_scsi_event : NULL,
		.context = session,
	};
	const uint8_t *isid = session->isid;

	/* RFC 7143 section 4.4.2: SCSI port names. */
	snprintf(initiator_port, sizeof(initiator_port), "%s,i,0x%02x%02x%02x%02x%02x%02x",
		 session->initiator_name, isid[0], isid[1], isid[2], isid[3], isid[4], isid[5]);
	node_port_name(session->target, session->group, target_port);
	return scsi_nexus_create(&config, &session->nexus);
}

static int create_normal(struct iscsi_session *session, const struct transport_limits *limits)
{
	uint32_t depth = session->values.queue_depth;

	session->depth = limits->window_max != 0 ? min(depth, limits->window_max) : depth;
	pace_init(session);
	if (session_reserve(session) != 0)
		return ISCSI_LOGIN_OUT_OF_RESOURCES;
	if (create_nexus(session) != 0)
		return ISCSI_LOGIN_OUT_OF_RESOURCES;
	/*
	 * Twice the depth: a response allows the next command at once, but its own task is only
	 * free when the response has left.
	 */
	if (task_pool_init(&session->tasks, session,
			   session->depth * 2 + SESSION_IMMEDIATE_MAX) != 0)
		return ISCSI_LOGIN_OUT_OF_RESOURCES;
	counter_add(&session->core->tasks, session->tasks.count);
	return 0;
}

static void finish(struct deferred *deferred);

static void destroy(struct iscsi_session *session)
{
	reactor_undefer(session->core->reactor, &session->aborts_check);
	reactor_undefer(session->core->reactor, &session->finish);
	reactor_timer_stop(session->core->reactor, &session->end);
	session_forget_held(session);
	counter_set(&session->core->tasks,
		    counter_read(&session->core->tasks) - session->tasks.count);
	task_pool_fini(&session->tasks);
	if (session->nexus != NULL)
		scsi_nexus_destroy(session->nexus);
	list_remove(&session->link);
	session_unreserve(session);
	if (session->logged_in)
		counter_decrement(&session->core->sessions);
	/* Only now: whoever waits for this session's end finds its nexus gone. */
	if (session->registration != NULL)
		registry_release(session->registration);
	free(session);
}

void session_join(struct iscsi_session *session, struct iscsi_conn *conn)
{
	list_push_back(&session->conns, &conn->session_link);
	session->conn_count++;
	conn->session = session;
	conn->numbers.window = &session->numbers;
	/*
	 * A digest is computed apart from the transfer, and what is sent again must be what it
	 * was: the bytes must hold still.
	 */
	conn->private_data = conn->keys.data_digest || conn->keys.error_recovery_level != 0;
	conn->level = session_is_discovery(session) ? 0 : conn->keys.error_recovery_level;
	conn->acknowledged = conn->numbers.stat_sn;
}

int session_create(struct iscsi_conn *conn)
{
	struct iscsi_session *session = calloc(1, sizeof(*session));
	int status = 0;

	if (session == NULL)
		return ISCSI_LOGIN_OUT_OF_RESOURCES;
	session->core = conn->core;
	session->group = conn->portal->group;
	list_init(&session->conns);
	list_init(&session->joiners);
	list_init(&session->held);
	list_init(&session->aborts);
	session->aborts_check.run = session_check_aborts;
	session->finish.run = finish;
	session->depth = 1;
	session->window = 1;
	session->exp_cmd_sn = conn->login_window.exp_cmd_sn;
	session->first_cmd_sn = session->exp_cmd_sn;
	session->max_cmd_sn = session->exp_cmd_sn - 1;
	list_push_back(&session->core->sessions_here, &session->link);
	login_fill_session(conn->login, session);
	if (!session_is_discovery(session))
		status = create_normal(session, &conn->wire->limits);
	if (status != 0) {
		destroy(session);
		return status;
	}
	session_window_update(session);
	session->told_max_cmd_sn = session->max_cmd_sn;
	session->registration = conn->registration;
	session->registration->session = session;
	conn->registration = NULL;
	conn->keys = session->keys;
	session_join(session, conn);
	return 0;
}

bool session_is_idle(const struct iscsi_session *session)
{
	return session->tasks.in_use == 0 && session->requests == 0 && !session->aborts_queued;
}

void session_logged_in(struct iscsi_session *session)
{
	if (!session->logged_in)
		counter_increment(&session->core->sessions);
	session->logged_in = true;
}

/* --- its connections --- */

struct iscsi_conn *session_live_conn(const struct iscsi_session *session)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &session->conns) {
		struct iscsi_conn *conn = container_of(node, struct iscsi_conn, session_link);

		if (conn->state == CONN_FULL)
			return conn;
	}
	return NULL;
}

void session_terminate(struct iscsi_session *session, bool graceful, const char *reason)
{
	struct list_node *node;

	session->has_failed = true;
	LIST_FOR_EACH(node, &session->conns) {
		struct iscsi_conn *conn = container_of(node, struct iscsi_conn, session_link);

		if (graceful)
			async_session_dropped(conn);
		conn_terminate(conn, graceful, LOG_LEVEL_INFO, "%s", reason);
	}
}

struct iscsi_conn *session_find_conn(const struct iscsi_session *session, uint16_t cid)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &session->conns) {
		struct iscsi_conn *conn = container_of(node, struct iscsi_conn, session_link);

		if (conn->cid == cid && conn_can_send(conn))
			return conn;
	}
	return NULL;
}

struct iscsi_conn *session_find_stranded(const struct iscsi_session *session, uint16_t cid)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &session->conns) {
		struct iscsi_conn *conn = container_of(node, struct iscsi_conn, session_link);

		if (conn->cid == cid && conn->strands && conn->state == CONN_CLOSED)
			return conn;
	}
	return NULL;
}

unsigned session_count_conns(const struct iscsi_session *session)
{
	struct list_node *node;
	unsigned count = 0;

	LIST_FOR_EACH(node, &session->conns)
		count += conn_can_send(container_of(node, struct iscsi_conn, session_link));
	return count;
}

/* --- tasks that do not end --- */

/*
 * Those that only the store has, and functions that wait for such, of other sessions perhaps. A
 * task that is to be had again (not aborted) is not given up.
 */
static unsigned count_stuck(const struct iscsi_session *session)
{
	unsigned stuck = session->requests;
	uint32_t i;

	for (i = 0; i < session->tasks.count; i++) {
		uint16_t flags = session->tasks.tasks[i].flags;

		if (!(flags & TASK_STARTED) || (flags & TASK_COMPLETED))
			continue;
		if (!(flags & TASK_ABORTED))
			return 0;
		stuck++;
	}
	return stuck;
}

/*
 * The store has had its time. A new login of the initiator need not wait for it, and
 * what is left of the session goes when it can.
 */
static void give_up(struct timer *timer)
{
	struct iscsi_session *session = container_of(timer, struct iscsi_session, end);
	unsigned stuck = count_stuck(session);

	if (session_count_conns(session) != 0 || session->registration == NULL)
		return;
	if (stuck == 0) {
		reactor_timer_start(session->core->reactor, timer, SESSION_END_MS);
		return;
	}
	log_limited(&session->core->limit, LOG_LEVEL_WARNING,
		    "iscsi: %s: %u requests of its ended session with %s are stuck in a store",
		    session->initiator_name, stuck, session->target->name);
	session->has_failed = true;
	session->tsih = 0;
	scsi_nexus_lost(session->nexus);
	registry_release(session->registration);
	session->registration = NULL;
	login_joiners_go_on(session);
}

void session_conn_closed(struct iscsi_session *session)
{
	if (session->nexus == NULL || session_count_conns(session) != 0)
		return;
	session->end.expired = give_up;
	reactor_timer_start(session->core->reactor, &session->end, SESSION_END_MS);
}

void session_fail(struct iscsi_session *session)
{
	if (session->has_failed)
		return;
	session->has_failed = true;
	session_terminate(session, false, "another connection of its session has failed");
	/* They find out that there is no session any more. */
	login_joiners_go_on(session);
}

static void end_if_over(struct iscsi_session *session)
{
	if (session->conn_count == 0 && list_is_empty(&session->joiners) &&
	    session_is_idle(session))
		destroy(session);
}

/* Something has ended: whoever waits for the last of its kind looks again. */
static void finish(struct deferred *deferred)
{
	struct iscsi_session *session = container_of(deferred, struct iscsi_session, finish);
	struct list_node *node;

	LIST_FOR_EACH(node, &session->conns) {
		struct iscsi_conn *conn = container_of(node, struct iscsi_conn, session_link);

		if (conn->state != CONN_FULL)
			conn_may_finish(conn);
	}
	end_if_over(session);
}

void session_may_finish(struct iscsi_session *session)
{
	reactor_defer(session->core->reactor, &session->finish);
}

void session_leave(struct iscsi_session *session, struct iscsi_conn *conn)
{
	list_remove(&conn->session_link);
	session->conn_count--;
	logout_conn_gone(conn);
	login_joiners_go_on(session);
	session_may_finish(session);
	end_if_over(session);
}

void session_request_begin(struct iscsi_session *session, struct iscsi_conn *conn)
{
	session->requests++;
	if (conn != NULL)
		conn->requests++;
}

void session_request_end(struct iscsi_session *session, struct iscsi_conn *conn)
{
	session->requests--;
	if (conn != NULL)
		conn->requests--;
	session_may_finish(session);
}

