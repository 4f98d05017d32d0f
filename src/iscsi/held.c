/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests that come out of order: they are held until those before them have come
 * (RFC 7143 section 4.2.2.1), also over several connections.
 */
#include <stdlib.h>
#include <string.h>

#include "iscsi/ffp.h"
#include "iscsi/session.h"

static void held_free(struct iscsi_session *session, struct held *held)
{
	list_remove(&held->link);
	session->held_bytes -= held->data_length;
	free(held);
}

void session_forget_held(struct iscsi_session *session)
{
	while (!list_is_empty(&session->held))
		held_free(session, container_of(list_front(&session->held), struct held, link));
}

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
			command_end_held(task);
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

void session_forget_task(struct iscsi_session *session, const struct iscsi_task *task)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &session->held) {
		struct held *held = container_of(node, struct held, link);

		if (held->task == task)
			held->task = NULL;
	}
}
