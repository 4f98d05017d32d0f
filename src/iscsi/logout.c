/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Logout (RFC 7143 sections 11.14, 11.15): of the session, of the connection
 * that it comes on, or of another one. The answer comes when every task of what
 * is closed has ended; then the connection is closed.
 */
#include "iscsi/ffp.h"

static void send_response(struct iscsi_conn *conn, uint32_t itt, uint8_t code)
{
	struct bhs_logout_response response = {
		.itt = itt,
		.response = code,
		.time2wait = conn->session->time2wait,
		.time2retain = conn->session->time2retain,
	};
	struct control *control = control_alloc(conn, 0);

	if (control == NULL)
		return;
	bhs_logout_response_encode(&control->pdu.bhs, &response);
	control_send(control, true);
}

/* CONN, which has asked for it, is answered and closed when nothing is under way. */
static void leave(struct iscsi_conn *conn, const struct bhs_logout_request *request)
{
	conn->logout_itt = request->itt;
	conn->logout_reason = request->reason;
	conn->logout_response = ISCSI_LOGOUT_RESPONSE_CLOSED;
	conn->leaves = true;
	conn_event(conn, CONN_LOGOUT_REQUEST);
}

static void close_session(struct iscsi_conn *conn, const struct bhs_logout_request *request)
{
	struct iscsi_session *session = conn->session;
	struct list_node *node;

	/* No login joins any more; the others go without a word. */
	session->has_failed = true;
	LIST_FOR_EACH(node, &session->conns) {
		struct iscsi_conn *other = container_of(node, struct iscsi_conn, session_link);

		if (other != conn)
			conn_terminate(other, true, LOG_LEVEL_INFO, "session is logged out");
	}
	leave(conn, request);
}

static void close_connection(struct iscsi_conn *conn, const struct bhs_logout_request *request)
{
	struct iscsi_conn *other;

	if (request->cid == conn->cid) {
		leave(conn, request);
		return;
	}
	other = session_find_conn(conn->session, request->cid);
	if (other == NULL)
		other = session_find_stranded(conn->session, request->cid);
	if (other == NULL || (other->state != CONN_FULL && !other->strands)) {
		send_response(conn, request->itt, ISCSI_LOGOUT_RESPONSE_NO_CID);
		return;
	}
	other->closer = conn;
	other->closer_itt = request->itt;
	other->leaves = true;
	conn_terminate(other, true, LOG_LEVEL_INFO, "logged out by connection %u", conn->cid);
}

/* The tasks of a connection are to go over to others (TASK REASSIGN). */
static void remove_for_recovery(struct iscsi_conn *conn, const struct bhs_logout_request *request)
{
	struct iscsi_conn *other = session_find_conn(conn->session, request->cid);

	if (conn->level < 2) {
		send_response(conn, request->itt, ISCSI_LOGOUT_RESPONSE_RECOVERY_NOT_SUPPORTED);
	} else if (other == conn) {
		conn->is_given_up = true;
		send_response(conn, request->itt, ISCSI_LOGOUT_RESPONSE_CLOSED);
		conn_terminate(conn, true, LOG_LEVEL_INFO, "logged out for recovery");
	} else if (other != NULL && other->state == CONN_FULL) {
		other->closer = conn;
		other->closer_itt = request->itt;
		other->is_given_up = true;
		conn_terminate(other, false, LOG_LEVEL_INFO,
			       "logged out for recovery by connection %u", conn->cid);
	} else if (session_find_stranded(conn->session, request->cid) != NULL) {
		send_response(conn, request->itt, ISCSI_LOGOUT_RESPONSE_CLOSED);
	} else {
		send_response(conn, request->itt, ISCSI_LOGOUT_RESPONSE_NO_CID);
	}
}

void logout_run(struct iscsi_conn *conn, const struct bhs *bhs, const uint8_t *data,
		uint32_t data_length)
{
	struct bhs_logout_request request;

	(void)data;
	(void)data_length;
	bhs_logout_request_decode(bhs, &request);
	switch (request.reason) {
	case ISCSI_LOGOUT_CLOSE_SESSION:
		close_session(conn, &request);
		return;
	case ISCSI_LOGOUT_CLOSE_CONNECTION:
		close_connection(conn, &request);
		return;
	case ISCSI_LOGOUT_REMOVE_FOR_RECOVERY:
		remove_for_recovery(conn, &request);
		return;
	default:
		reject_send(conn, bhs, ISCSI_REJECT_INVALID_PDU_FIELD, "reason of a Logout");
	}
}

bool logout_is_over(const struct iscsi_conn *conn)
{
	if (conn->logout_reason == ISCSI_LOGOUT_CLOSE_CONNECTION)
		return conn_is_idle(conn);
	return session_is_idle(conn->session);
}

void logout_answer(struct iscsi_conn *conn)
{
	bool discovery = session_is_discovery(conn->session);

	/* Whoever has the answer finds nothing of the session's any more, by whichever reactor. */
	if (conn->logout_reason == ISCSI_LOGOUT_CLOSE_SESSION && !discovery)
		scsi_nexus_lost(conn->session->nexus);
	send_response(conn, conn->logout_itt, conn->logout_response);
	conn_terminate(conn, true, discovery ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
		       "logged out of %s", discovery ? "discovery" : conn->session->target->name);
}

void logout_conn_gone(struct iscsi_conn *conn)
{
	struct iscsi_conn *closer = conn->closer;
	struct list_node *node;

	conn->closer = NULL;
	if (closer != NULL && closer->state == CONN_FULL)
		send_response(closer, conn->closer_itt, ISCSI_LOGOUT_RESPONSE_CLOSED);
	LIST_FOR_EACH(node, &conn->session->conns) {
		struct iscsi_conn *other = container_of(node, struct iscsi_conn, session_link);

		if (other->closer == conn)
			other->closer = NULL;
	}
}
