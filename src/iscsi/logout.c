/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Logout (RFC 7143 sections 11.14, 11.15). The answer comes when every task of
 * the connection has ended; then the connection is closed.
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

void logout_run(struct iscsi_conn *conn, const struct bhs *bhs, const uint8_t *data,
		uint32_t data_length)
{
	struct bhs_logout_request request;

	(void)data;
	(void)data_length;
	bhs_logout_request_decode(bhs, &request);
	switch (request.reason) {
	case ISCSI_LOGOUT_CLOSE_SESSION:
		break;
	case ISCSI_LOGOUT_CLOSE_CONNECTION:
		if (request.cid == conn->cid)
			break;
		send_response(conn, request.itt, ISCSI_LOGOUT_RESPONSE_NO_CID);
		return;
	case ISCSI_LOGOUT_REMOVE_FOR_RECOVERY:
		/* Only with ErrorRecoveryLevel 2. */
		send_response(conn, request.itt, ISCSI_LOGOUT_RESPONSE_RECOVERY_NOT_SUPPORTED);
		return;
	default:
		reject_send(conn, bhs, ISCSI_REJECT_INVALID_PDU_FIELD, "reason of a Logout");
		return;
	}
	conn->logout_itt = request.itt;
	conn->logout_response = ISCSI_LOGOUT_RESPONSE_CLOSED;
	conn_event(conn, CONN_LOGOUT_REQUEST);
}

bool logout_is_over(const struct iscsi_conn *conn)
{
	return session_is_idle(conn->session);
}

void logout_answer(struct iscsi_conn *conn)
{
	bool discovery = session_is_discovery(conn->session);

	send_response(conn, conn->logout_itt, conn->logout_response);
	conn_terminate(conn, true, discovery ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
		       "logged out of %s", discovery ? "discovery" : conn->session->target->name);
}
