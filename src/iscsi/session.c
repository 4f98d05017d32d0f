/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sessions: making and ending one, the command window in its rarer cases
 * (RFC 7143 section 4.2.2.1), requests that wait for a missing one, and waiting
 * for the end of aborted tasks.
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

/* --- memory and window --- */

static struct arena *arena_of(const struct iscsi_session *session)
{
	return reactor_arena(session->core->reactor);
}

/*
 * Sets memory aside for SLOTS commands' unsolicited data, or for fewer: half as
 * many as long as that is too much. At least for one, besides the immediate
 * ones and a second copy of data that comes out of order.
 */
static int reserve(struct iscsi_session *session, uint32_t slots)
{
	if (session->slot_bytes == 0) {
		pace_grant(session, slots);
		return 0;
	}
	for (; slots != 0; slots /= 2) {
		uint32_t all = slots + 1 + min_t(uint32_t, slots, SESSION_IMMEDIATE_MAX);

		if (arena_reserve(arena_of(session), (size_t)all * session->slot_bytes) != 0)
			continue;
		session->reserved_slots = all;
		pace_grant(session, slots);
		return 0;
	}
	return -ENOMEM;
}

static void unreserve(struct iscsi_session *session)
{
	if (session->reserved_slots != 0)
		arena_unreserve(arena_of(session),
				(size_t)session->reserved_slots * session->slot_bytes);
	session->reserved_slots = 0;
}

void session_grow(struct iscsi_session *session)
{
	uint32_t step = min(session->granted, session->depth - session->granted);

	if (step == 0 || session->slot_bytes == 0)
		return;
	if (arena_reserve(arena_of(session), (size_t)step * session->slot_bytes) != 0)
		return;
	session->reserved_slots += step;
	pace_grant(session, session->granted + step);
	session_window_opened(session);
}

static uint32_t unsolicited_max(const struct iscsi_session *session)
{
	const struct transport_keys *negotiated = &session->keys;

	/* Another connection may take longer PDUs. */
	if (!negotiated->initial_r2t || (negotiated->immediate_data && session->conns_max > 1))
		return negotiated->first_burst;
	if (!negotiated->immediate_data)
		return 0;
	return min(negotiated->first_burst, negotiated->recv_data_max);
}

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
	session->unsolicited_max = unsolicited_max(session);
	session->slot_bytes = (uint32_t)align_up(session->unsolicited_max, EXTENT_MIN);
	if (reserve(session, session->depth) != 0)
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

static void check_aborts(struct deferred *deferred);
static void finish(struct deferred *deferred);

static void held_free(struct iscsi_session *session, struct held *held)
{
	list_remove(&held->link);
	session->held_bytes -= held->data_length;
	free(held);
}

static void destroy(struct iscsi_session *session)
{
	reactor_undefer(session->core->reactor, &session->aborts_check);
	reactor_undefer(session->core->reactor, &session->finish);
	reactor_timer_stop(session->core->reactor, &session->end);
	while (!list_is_empty(&session->held))
		held_free(session, container_of(list_front(&session->held), struct held, link));
	counter_set(&session->core->tasks,
		    counter_read(&session->core->tasks) - session->tasks.count);
	task_pool_fini(&session->tasks);
	if (session->nexus != NULL)
		scsi_nexus_destroy(session->nexus);
	unreserve(session);
	list_remove(&session->link);
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
	session->aborts_check.run = check_aborts;
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

/* Those that only the store has. A task that is to be had again (not aborted) is not given up. */
static unsigned count_stuck(const struct iscsi_session *session)
{
	unsigned stuck = 0;
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
		    "iscsi: %s: %u commands of its ended session with %s are stuck in a store",
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

/* --- requests that come out of order --- */

static struct list_node *held_place(struct iscsi_session *session, uint32_t cmd_sn)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &session->held)
		if (!sn_lt(container_of(node, struct held, link)->cmd_sn, cmd_sn))
			break;
	return node;
}

static bool is_held(struct iscsi_session *session, uint32_t cmd_sn)
{
	struct list_node *node = held_place(session, cmd_sn);

	return node != &session->held.head &&
	       container_of(node, struct held, link)->cmd_sn == cmd_sn;
}

enum sequence session_sequence_odd(struct iscsi_session *session, uint32_t cmd_sn)
{
	/*
	 * Initiators that send Login Requests without the I bit may have counted them
	 * (RFC 7143 section 11.12.8 leaves it open): the first command then tells.
	 */
	if (session->exp_cmd_sn == session->first_cmd_sn && session->login_pdus != 0 &&
	    list_is_empty(&session->held) &&
	    cmd_sn - session->first_cmd_sn <= session->login_pdus) {
		session->exp_cmd_sn = cmd_sn;
		session->first_cmd_sn = cmd_sn - 1;
		session_window_update(session);
	}
	if (!sn_in_window(cmd_sn, session->exp_cmd_sn, session->max_cmd_sn))
		return SEQUENCE_DROP;
	if (cmd_sn == session->exp_cmd_sn)
		return SEQUENCE_NOW;
	return is_held(session, cmd_sn) ? SEQUENCE_DROP : SEQUENCE_LATER;
}

static struct held *held_add(struct iscsi_conn *conn, uint32_t cmd_sn, uint32_t data_length)
{
	struct iscsi_session *session = conn->session;
	struct held *held = NULL;

	if (session->held_bytes + data_length <= SESSION_HELD_BYTES_MAX)
		held = calloc(1, sizeof(*held) + data_length);
	if (held == NULL) {
		conn_terminate(conn, false, LOG_LEVEL_WARNING,
			       "no memory for requests that came out of order (ExpCmdSN %u)",
			       session->exp_cmd_sn);
		return NULL;
	}
	/* Between connections that is nothing special. */
	if (list_is_empty(&session->held) && session->conn_count == 1)
		conn_log(conn, LOG_LEVEL_WARNING, "CmdSN %u came before %u: waiting for it",
			 cmd_sn, session->exp_cmd_sn);
	held->conn = conn;
	held->cmd_sn = cmd_sn;
	held->data_length = data_length;
	session->held_bytes += data_length;
	list_insert_before(held_place(session, cmd_sn), &held->link);
	return held;
}

bool session_hold(struct iscsi_conn *conn, const struct bhs *bhs, const uint8_t *data,
		  uint32_t data_length, bool runs)
{
	struct held *held = held_add(conn, bhs_cmd_sn(bhs), data == NULL ? 0 : data_length);

	if (held == NULL)
		return false;
	held->runs = runs;
	held->bhs = *bhs;
	if (held->data_length != 0)
		memcpy(held->data, data, held->data_length);
	return true;
}

bool session_hold_task(struct iscsi_task *task)
{
	struct held *held = held_add(task->conn, task->cmd_sn, 0);

	if (held == NULL)
		return false;
	held->task = task;
	return true;
}

void session_fill_gap(struct iscsi_conn *conn, uint32_t cmd_sn)
{
	struct iscsi_session *session = conn->session;

	if (cmd_sn == session->exp_cmd_sn) {
		session_advance(session);
		session_run_held(session);
	} else if (!is_held(session, cmd_sn)) {
		held_add(conn, cmd_sn, 0);
	}
}

static void held_run(struct iscsi_session *session, struct held *held)
{
	struct iscsi_task *task = held->task;
	struct iscsi_conn *conn = held->conn;

	if (task != NULL) {
		session->active++;
		session->used++;
	}
	session_advance(session);
	if (task != NULL)
		command_start_held(task);
	else if (held->runs && conn != NULL && conn->state == CONN_FULL)
		ffp_run(conn, &held->bhs, held->data, held->data_length);
}

void session_run_held(struct iscsi_session *session)
{
	while (!list_is_empty(&session->held)) {
		struct held *held = container_of(list_front(&session->held), struct held, link);

		if (held->cmd_sn != session->exp_cmd_sn || session_live_conn(session) == NULL)
			return;
		list_remove(&held->link);
		held_run(session, held);
		held_free(session, held);
	}
}

void session_drop_held(struct iscsi_session *session, struct iscsi_conn *conn)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &session->held) {
		struct held *held = container_of(node, struct held, link);
		struct iscsi_task *task = held->task;

		if (held->conn != conn)
			continue;
		held->conn = NULL;
		held->task = NULL;
		if (task != NULL)
			command_end(task);
	}
}

void session_strand_held(struct iscsi_session *session, struct iscsi_conn *conn)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &session->held) {
		struct held *held = container_of(node, struct held, link);

		if (held->conn == conn && held->task == NULL)
			held->conn = NULL;
	}
}

void session_adopt_held(struct iscsi_conn *conn, const struct iscsi_task *task)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &conn->session->held) {
		struct held *held = container_of(node, struct held, link);

		if (held->task == task)
			held->conn = conn;
	}
}

void session_announce(struct iscsi_session *session)
{
	struct iscsi_conn *conn = session_live_conn(session);

	if (!session->announced && conn != NULL)
		nop_announce(conn);
}

/* --- aborting --- */

static bool wait_concerns(const struct abort_wait *wait, const struct iscsi_task *task)
{
	if (!(task->flags & TASK_IN_USE) || (task->flags & TASK_RESPONDED) ||
	    task->serial >= wait->before)
		return false;
	/* The initiator has numbered it behind the function, or it has not begun: not concerned. */
	if (wait->numbered && !(task->flags & TASK_IMMEDIATE) &&
	    !sn_lt(task->cmd_sn, wait->cmd_sn))
		return false;
	if ((task->flags & TASK_HELD) && !wait->numbered)
		return false;
	if (wait->only != NULL)
		return wait->only == task;
	return wait->all_luns || task->cmd.lun == wait->lun;
}

/* A task that has not begun: its CmdSN stays taken, but nothing runs for it. */
static void abort_held(struct iscsi_session *session, struct iscsi_task *task)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &session->held) {
		struct held *held = container_of(node, struct held, link);

		if (held->task == task)
			held->task = NULL;
	}
	task->flags |= TASK_ABORTED;
	if (!(task->flags & TASK_LANDING))
		command_end(task);
}

void session_abort(struct abort_wait *wait)
{
	struct iscsi_session *session = wait->session;
	uint32_t i;

	wait->before = session->serial;
	for (i = 0; i < session->tasks.count; i++) {
		struct iscsi_task *task = &session->tasks.tasks[i];

		if (!wait_concerns(wait, task))
			continue;
		if (task->flags & TASK_HELD)
			abort_held(session, task);
		else
			command_abort(task);
	}
	list_push_back(&session->aborts, &wait->link);
	session_task_ended(session);
}

void session_abort_conn(struct iscsi_session *session, const struct iscsi_conn *conn)
{
	uint32_t i;

	for (i = 0; i < session->tasks.count; i++) {
		struct iscsi_task *task = &session->tasks.tasks[i];

		if ((task->flags & TASK_IN_USE) && (conn == NULL || task->conn == conn))
			command_abort(task);
	}
}

void session_abort_all(struct iscsi_session *session)
{
	session_abort_conn(session, NULL);
}

void session_task_ended(struct iscsi_session *session)
{
	if (LIKELY(list_is_empty(&session->aborts)) || session->aborts_queued)
		return;
	session->aborts_queued = true;
	reactor_defer(session->core->reactor, &session->aborts_check);
}

static bool wait_is_over(const struct abort_wait *wait)
{
	const struct task_pool *pool = &wait->session->tasks;
	uint32_t i;

	for (i = 0; i < pool->count; i++)
		if (wait_concerns(wait, &pool->tasks[i]))
			return false;
	return true;
}

static void check_aborts(struct deferred *deferred)
{
	struct iscsi_session *session = container_of(deferred, struct iscsi_session, aborts_check);
	struct list_node *node;
	struct list_node *next;
	struct list over;

	session->aborts_queued = false;
	list_init(&over);
	LIST_FOR_EACH_SAFE(node, next, &session->aborts) {
		if (!wait_is_over(container_of(node, struct abort_wait, link)))
			continue;
		list_remove(node);
		list_push_back(&over, node);
	}
	/* Their owners may begin new waits from done. */
	while ((node = list_pop_front(&over)) != NULL) {
		struct abort_wait *wait = container_of(node, struct abort_wait, link);

		wait->done(wait);
	}
	session_may_finish(session);
}
