/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The full feature phase: one row for each opcode that an initiator may send
 * (RFC 7143 section 11.2.1.2), and the way that all requests but SCSI Command
 * and Data-Out go: whole PDU, digest, CmdSN, then its function.
 */
#include "iscsi/ffp.h"

struct ffp_op {
	/* Sets where the data goes. NULL: to the mover, and then the request is run in its turn. */
	void (*header)(struct iscsi_conn *conn, struct transport_rx *rx);
	void (*pdu)(struct iscsi_conn *conn, struct transport_rx *rx);
	void (*run)(struct iscsi_conn *conn, const struct bhs *bhs, const uint8_t *data,
		    uint32_t data_length);
	bool discovery;		/* also in a discovery session (section 4.3) */
};

static void request_header(struct iscsi_conn *conn, struct transport_rx *rx);
static void request_pdu(struct iscsi_conn *conn, struct transport_rx *rx);

static const struct ffp_op ops[ISCSI_OPCODE_MASK + 1] = {
	[ISCSI_OPCODE_NOP_OUT] = { nop_header, nop_pdu, nop_run, false },
	[ISCSI_OPCODE_SCSI_COMMAND] = { command_header, command_pdu, NULL, false },
	[ISCSI_OPCODE_TASK_MANAGEMENT_REQUEST] = { request_header, request_pdu, tmf_run, false },
	[ISCSI_OPCODE_TEXT_REQUEST] = { request_header, request_pdu, text_run, true },
	[ISCSI_OPCODE_DATA_OUT] = { dataout_header, dataout_pdu, NULL, false },
	[ISCSI_OPCODE_SNACK_REQUEST] = { snack_header, NULL, NULL, false },
	[ISCSI_OPCODE_LOGOUT_REQUEST] = { request_header, request_pdu, logout_run, true },
};

void ffp_header(struct iscsi_conn *conn, struct transport_rx *rx)
{
	uint8_t opcode = bhs_opcode(rx->bhs);
	const struct ffp_op *op = &ops[opcode];

	if (LIKELY(op->header != NULL && (op->discovery || !session_is_discovery(conn->session)))) {
		op->header(conn, rx);
		return;
	}
	rx->sink = TRANSPORT_SINK_DISCARD;
	if (iscsi_opcode_is_target(opcode) || opcode == ISCSI_OPCODE_LOGIN_REQUEST)
		conn_protocol_error(conn, "%s (opcode %02xh) in full feature phase",
				    iscsi_opcode_name(opcode), opcode);
	else if (op->header != NULL)
		reject_send(conn, rx->bhs, ISCSI_REJECT_PROTOCOL_ERROR, "in a discovery session");
	else
		reject_send(conn, rx->bhs, ISCSI_REJECT_COMMAND_NOT_SUPPORTED, "unknown opcode");
}

void ffp_pdu(struct iscsi_conn *conn, struct transport_rx *rx)
{
	const struct ffp_op *op = &ops[bhs_opcode(rx->bhs)];

	if (op->pdu != NULL)
		op->pdu(conn, rx);
}

void ffp_run(struct iscsi_conn *conn, const struct bhs *bhs, const uint8_t *data,
	     uint32_t data_length)
{
	ops[bhs_opcode(bhs)].run(conn, bhs, data, data_length);
}

static void request_header(struct iscsi_conn *conn, struct transport_rx *rx)
{
	if (rx->data_length > conn->wire->limits.recv_control_max) {
		rx->sink = TRANSPORT_SINK_DISCARD;
		conn_protocol_error(conn, "%s with %u bytes of data",
				    iscsi_opcode_name(bhs_opcode(rx->bhs)), rx->data_length);
		return;
	}
	rx->context = conn;
}

static void request_pdu(struct iscsi_conn *conn, struct transport_rx *rx)
{
	struct iscsi_session *session = conn->session;
	bool immediate = bhs_is_immediate(rx->bhs);
	bool runs = !rx->data_digest_error;

	if (rx->context == NULL)
		return;
	/* RFC 7143 section 7.8: it has not come, and will once more. */
	if (UNLIKELY(!runs && conn->level != 0)) {
		reject_send(conn, rx->bhs, ISCSI_REJECT_DATA_DIGEST_ERROR, "data digest");
		return;
	}
	if (!immediate) {
		switch (session_sequence(session, bhs_cmd_sn(rx->bhs))) {
		case SEQUENCE_LATER:
			session_hold(conn, rx->bhs, rx->data, rx->data_length, runs);
			return;
		case SEQUENCE_DROP:
			return;
		case SEQUENCE_NOW:
			session_advance(session);
		}
	}
	/* Its number counts all the same: a gap here would stop the session for good. */
	if (runs)
		ffp_run(conn, rx->bhs, rx->data, rx->data_length);
	else
		reject_send(conn, rx->bhs, ISCSI_REJECT_DATA_DIGEST_ERROR, "data digest");
	if (!immediate && conn->state == CONN_FULL)
		session_after(session);
}
