/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The full feature phase: which PDU goes where. What each does stands in the
 * file of its subject; all of them are called through the table in iscsi/ffp.c.
 */
#ifndef PINION_ISCSI_FFP_H
#define PINION_ISCSI_FFP_H

#include "iscsi/conn.h"
#include "iscsi/session.h"

/* The two halves of Control_Notify for a connection in CONN_FULL. */
void ffp_header(struct iscsi_conn *conn, struct transport_rx *rx);
void ffp_pdu(struct iscsi_conn *conn, struct transport_rx *rx);

/*
 * Runs a request that is not a SCSI Command, now that it is its turn. BHS and
 * the DATA_LENGTH bytes at DATA need not outlive the call.
 */
void ffp_run(struct iscsi_conn *conn, const struct bhs *bhs, const uint8_t *data,
	     uint32_t data_length);

/* command.c */
void command_header(struct iscsi_conn *conn, struct transport_rx *rx);
void command_pdu(struct iscsi_conn *conn, struct transport_rx *rx);
void command_put_done(struct transport_conn *wire, struct transport_task *transport, int err);

/* dataout.c */
void dataout_header(struct iscsi_conn *conn, struct transport_rx *rx);
void dataout_pdu(struct iscsi_conn *conn, struct transport_rx *rx);
void dataout_get_done(struct transport_conn *wire, struct transport_task *transport, int err);
void dataout_violation(struct transport_conn *wire, struct transport_task *transport,
		       const struct bhs *bhs, enum transport_violation violation);

/* nop.c */
void nop_header(struct iscsi_conn *conn, struct transport_rx *rx);
void nop_pdu(struct iscsi_conn *conn, struct transport_rx *rx);
void nop_run(struct iscsi_conn *conn, const struct bhs *bhs, const uint8_t *data,
	     uint32_t data_length);
/* Starts the keep-alive of a connection that has just entered the phase. */
void nop_start(struct iscsi_conn *conn);
/* A NOP-In that wants an answer: its ExpStatSN is what we want to know. */
void nop_ask(struct iscsi_conn *conn);
/* A NOP-In that wants no answer, to tell of the window. */
void nop_announce(struct iscsi_conn *conn);

/* text.c */
void text_run(struct iscsi_conn *conn, const struct bhs *bhs, const uint8_t *data,
	      uint32_t data_length);
void text_exchange_reset(struct iscsi_conn *conn);

/* logout.c */
void logout_run(struct iscsi_conn *conn, const struct bhs *bhs, const uint8_t *data,
		uint32_t data_length);
/* Whether nothing that a connection in CONN_LOGOUT waits for is under way any more ... */
bool logout_is_over(const struct iscsi_conn *conn);
/* ... then it answers and closes. */
void logout_answer(struct iscsi_conn *conn);
/* CONN is gone: whoever has logged it out is answered, and nobody else is by CONN. */
void logout_conn_gone(struct iscsi_conn *conn);

/* tmf.c */
void tmf_run(struct iscsi_conn *conn, const struct bhs *bhs, const uint8_t *data,
	     uint32_t data_length);

/* The device server ends tasks at LUN of the session CONTEXT unanswered: another session asked. */
void tmf_tasks_terminated(void *context, uint64_t lun);

/* recover.c */
void snack_header(struct iscsi_conn *conn, struct transport_rx *rx);

/* reject.c */
void reject_send(struct iscsi_conn *conn, const struct bhs *bhs, enum iscsi_reject_reason reason,
		 const char *why);

/* async.c */
/* The device server tells of an event at LUN of the session CONTEXT. */
void async_scsi_event(void *context, uint64_t lun, const uint8_t *sense, uint8_t length);
void async_request_logout(struct iscsi_conn *conn, uint16_t seconds);
/* Tells, where CONN is in full feature phase, that we end its session. */
void async_session_dropped(struct iscsi_conn *conn);
/* Tells by CONN that the connection with CID is gone. */
void async_connection_dropped(struct iscsi_conn *conn, uint16_t cid);
void async_tasks_terminated(struct iscsi_conn *conn, uint64_t lun);

#endif
