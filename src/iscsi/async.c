/* SPDX-License-Identifier: BSD-2-Clause */
/* Asynchronous Message (RFC 7143 section 11.9): what the target says unasked. */
#include <string.h>

#include "iscsi/ffp.h"

static void send_message(struct iscsi_conn *conn, const struct bhs_async_message *message)
{
	struct control *control = control_alloc(conn, 0);

	if (control == NULL)
		return;
	bhs_async_message_encode(&control->pdu.bhs, message);
	control_send(control, true);
}

/*
 * The sense data of a condition that stays pending (11.9.1): whoever does not get this PDU hears
 * of it with the next command. Its number counts, so it is sent again above ErrorRecoveryLevel 0.
 */
void async_scsi_event(void *context, uint64_t lun, const uint8_t *sense, uint8_t length)
{
	struct iscsi_session *session = context;
	struct iscsi_conn *conn = session_live_conn(session);
	struct bhs_async_message message = {
		.async_event = ISCSI_ASYNC_SCSI,
		.lun = lun,
		.data_len = 2u + length,
	};
	struct control *control;

	if (conn == NULL)
		return;
	control = control_alloc_news(conn, message.data_len);
	if (control == NULL)
		return;
	put_be16(control->data, length);
	memcpy(control->data + 2, sense, length);
	bhs_async_message_encode(&control->pdu.bhs, &message);
	events_add(&conn->events, reactor_now_ns(conn->core->reactor), "SCSI event", lun, length);
	control_send(control, true);
}

void async_request_logout(struct iscsi_conn *conn, uint16_t seconds)
{
	struct bhs_async_message message = {
		.async_event = ISCSI_ASYNC_LOGOUT_REQUESTED,
		.parameter3 = seconds,
	};

	send_message(conn, &message);
}

void async_tasks_terminated(struct iscsi_conn *conn, uint64_t lun)
{
	struct bhs_async_message message = {
		.async_event = ISCSI_ASYNC_TASKS_TERMINATED,
		.lun = lun,
	};

	send_message(conn, &message);
}

void async_connection_dropped(struct iscsi_conn *conn, uint16_t cid)
{
	struct bhs_async_message message = {
		.async_event = ISCSI_ASYNC_CONNECTION_DROPPED,
		.parameter1 = cid,
		.parameter2 = conn->session->time2wait,
		.parameter3 = conn->session->time2retain,
	};

	send_message(conn, &message);
}

void async_session_dropped(struct iscsi_conn *conn)
{
	struct bhs_async_message message = { .async_event = ISCSI_ASYNC_SESSION_DROPPED };

	if (conn->state != CONN_FULL || session_is_discovery(conn->session))
		return;
	message.parameter2 = conn->session->time2wait;
	message.parameter3 = conn->session->time2retain;
	send_message(conn, &message);
}
