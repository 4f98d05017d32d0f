/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receiving: each SEND of the peer is one iSER message with one PDU (RFC 7145
 * section 9). Buffers go back to the receive queue at the end of the turn,
 * before anything is sent: whatever we answer, the peer may send its next at
 * once.
 *
 * Each QP has receives of its own, for the whole command window and the few
 * requests beside it. A shared receive queue would have to hold as many to
 * promise that none is ever missing, and so would save nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "transport/iser/iser.h"

enum { ISER_VERSION = 10 };	/* RFC 7145 section 9.3 */

/* --- buffers --- */

static void prepare(struct iser_conn *conn, struct iser_rx *rx, uint8_t *data, uint32_t lkey)
{
	rx->conn = conn;
	rx->data = data;
	rx->sge = (struct ibv_sge){
		.addr = (uintptr_t)data, .length = ISER_BUFFER, .lkey = lkey,
	};
	rx->wr = (struct ibv_recv_wr){
		.wr_id = iser_wr_id(rx, ISER_WR_RECV), .sg_list = &rx->sge, .num_sge = 1,
	};
}

static void give_back(struct iser_conn *conn, struct iser_rx *rx)
{
	rx->wr.next = conn->receive.again;
	conn->receive.again = &rx->wr;
}

void iser_receive_init(struct iser_conn *conn)
{
	conn->receive.again = NULL;
}

void iser_receive_login_buffer(struct iser_conn *conn, uint8_t *data, uint32_t lkey)
{
	prepare(conn, &conn->receive.login, data, lkey);
	give_back(conn, &conn->receive.login);
}

static void use_buffer(void *context, unsigned index, uint8_t *data, uint32_t lkey)
{
	struct iser_conn *conn = context;

	prepare(conn, &conn->receive.rx[index], data, lkey);
	give_back(conn, &conn->receive.rx[index]);
}

int iser_receive_enable(struct iser_conn *conn, unsigned count)
{
	struct iser_receive *receive = &conn->receive;
	struct ibv_recv_wr *before = receive->again;
	int err;

	receive->rx = calloc(count, sizeof(*receive->rx));
	if (receive->rx == NULL)
		return -ENOMEM;
	err = iser_slab_take(&receive->slab, reactor_arena(conn->conn.reactor), conn->device,
			     ISER_BUFFER, count, use_buffer, conn);
	if (err < 0) {
		receive->again = before;
		return err;
	}
	return iser_receive_post(conn);
}

void iser_receive_free(struct iser_conn *conn)
{
	iser_slab_give(&conn->receive.slab, reactor_arena(conn->conn.reactor));
	free(conn->receive.rx);
}

int iser_receive_post(struct iser_conn *conn)
{
	struct ibv_recv_wr *wr = conn->receive.again;
	struct ibv_recv_wr *bad;
	int err;

	if (wr == NULL)
		return 0;
	conn->receive.again = NULL;
	err = ibv_post_recv(conn->qp, wr, &bad);
	return err > 0 ? -err : err;
}

/* --- messages --- */

static void malformed(struct iser_conn *conn)
{
	iser_conn_end(conn, TRANSPORT_END_PROTOCOL, -EPROTO, true);
}

static void take_hello(struct iser_conn *conn, const uint8_t *header)
{
	struct iser_hello hello;

	iser_hello_decode(header, &hello);
	if (!conn->is_full) {
		malformed(conn);
		return;
	}
	if (hello.min_ver > ISER_VERSION || hello.max_ver < ISER_VERSION) {
		iser_transmit_hello(conn, 0, true);
		malformed(conn);
		return;
	}
	conn->fetch.depth = min_t(uint32_t, conn->fetch.depth, max_t(uint32_t, hello.iser_ird, 1));
	iser_transmit_hello(conn, (uint16_t)conn->fetch.depth, false);
}

/*
 * libiscsi announces immediate data as on TCP, but sends none: all of it lies in the buffer that
 * the command offers.
 */
static bool is_data_offered(const struct transport_rx *pdu, const uint8_t *message,
			    uint32_t length)
{
	return length == ISER_HEADERS + pdu->ahs_length &&
	       bhs_opcode(pdu->bhs) == ISCSI_OPCODE_SCSI_COMMAND &&
	       (message[0] & ISER_FLAG_WRITE_STAG) != 0;
}

static void drop_data_length(struct transport_rx *pdu)
{
	/* The message is ours: it lies in our buffer. */
	bhs_set_data_len((struct bhs *)(uintptr_t)pdu->bhs, 0);
	pdu->data_length = 0;
}

/* Fills in what the message says; false when it is not as long as that takes. */
static bool parse(struct iser_conn *conn, const uint8_t *message, uint32_t length)
{
	struct transport_rx *pdu = &conn->receive.pdu;
	const struct bhs *bhs = (const void *)(message + ISER_HDR_LEN);

	if (length < ISER_HEADERS)
		return false;
	pdu->bhs = bhs;
	pdu->ahs_length = bhs_ahs_len(bhs);
	pdu->ahs = message + ISER_HEADERS;
	pdu->data_length = bhs_data_len(bhs);
	pdu->sink = TRANSPORT_SINK_CONTROL;
	pdu->extents = NULL;
	pdu->offset = 0;
	pdu->context = NULL;
	pdu->data = NULL;
	pdu->data_digest_error = false;
	pdu->mover[0] = (uintptr_t)message;
	if (UNLIKELY(pdu->data_length != 0 && is_data_offered(pdu, message, length)))
		drop_data_length(pdu);
	/* Whether padding comes with it is a matter of taste: both are seen. */
	return ISER_HEADERS + pdu->ahs_length + pdu->data_length <= length;
}

/* Data that was solicited comes by RDMA Read: a Data-Out for it has no place here. */
static bool is_solicited(const struct iser_conn *conn, const struct bhs *bhs)
{
	return conn->is_full && bhs_opcode(bhs) == ISCSI_OPCODE_DATA_OUT &&
	       bhs_ttt(bhs) != ISCSI_TAG_NONE;
}

static void deliver(struct iser_conn *conn)
{
	struct transport_conn *transport = &conn->conn;
	struct transport_rx *pdu = &conn->receive.pdu;
	const uint8_t *data = pdu->ahs + pdu->ahs_length;
	int err;

	err = transport->up->header(transport, pdu);
	if (err < 0) {
		iser_conn_end(conn, TRANSPORT_END_PROTOCOL, err, true);
		return;
	}
	if (conn->state != ISER_OPEN)
		return;
	if (pdu->sink == TRANSPORT_SINK_EXTENTS && pdu->data_length != 0) {
		extents_copy_in(pdu->extents, pdu->offset, data, pdu->data_length);
		reactor_count_copied(transport->reactor, pdu->data_length);
	}
	pdu->data = pdu->sink == TRANSPORT_SINK_CONTROL ? data : NULL;
	err = transport->up->pdu(transport, pdu);
	if (err < 0)
		iser_conn_end(conn, TRANSPORT_END_PROTOCOL, err, true);
}

static void take_pdu(struct iser_conn *conn, const uint8_t *message, uint32_t length)
{
	struct transport_conn *transport = &conn->conn;
	struct transport_rx *pdu = &conn->receive.pdu;

	_Static_assert((int)ISER_LOGIN_DATA_MAX == (int)ISER_RECV_DATA_MAX, "one limit for both");
	if (!parse(conn, message, length)) {
		malformed(conn);
	} else if (pdu->data_length > ISER_RECV_DATA_MAX) {
		transport->up->violation(transport, NULL, pdu->bhs, TRANSPORT_TOO_LONG);
		iser_conn_end(conn, TRANSPORT_END_PROTOCOL, -EMSGSIZE, true);
	} else if (is_solicited(conn, pdu->bhs)) {
		transport->up->violation(transport, NULL, pdu->bhs, TRANSPORT_BAD_TTT);
	} else {
		deliver(conn);
	}
}

static void take_message(struct iser_conn *conn, const uint8_t *message, uint32_t length)
{
	if (length < ISER_HDR_LEN)
		malformed(conn);
	else if (iser_hdr_opcode(message) == ISER_OPCODE_CONTROL)
		take_pdu(conn, message, length);
	else if (iser_hdr_opcode(message) == ISER_OPCODE_HELLO)
		take_hello(conn, message);
	else
		malformed(conn);
}

void iser_receive_done(struct iser_rx *rx, const struct ibv_wc *wc)
{
	struct iser_conn *conn = rx->conn;

	if (conn->state >= ISER_CLOSING)
		return;
	if (wc->status != IBV_WC_SUCCESS) {
		iser_conn_failed(conn, wc->status, "receive failed");
		return;
	}
	/* It may come before the event which says that the connection is there. */
	iser_conn_established(conn);
	if (conn->state == ISER_OPEN)
		take_message(conn, rx->data, min_t(uint32_t, wc->byte_len, ISER_BUFFER));
	give_back(conn, rx);
	iser_conn_defer(conn);
}
