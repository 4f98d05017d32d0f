/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receiving: one receive at a time into the connection's buffer, and a parser
 * that goes through everything that has come (RFC 7143 sections 11.2 and 13.1,
 * 13.2 for what digests cover).
 *
 * Where the rest of a data segment is missing, the next receive puts it
 * straight into the extents, with the buffer behind it. What lies behind a
 * large segment is most likely one more header and one more large segment, of
 * which every byte that comes into the buffer must be copied again: hence the
 * small window.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/crc32c.h"
#include "transport/stream/stream.h"

static uint32_t available(const struct stream_rx *rx)
{
	return rx->end - rx->begin;
}

static uint32_t padding(uint32_t length)
{
	return -length & 3;
}

/* Bytes behind the data segment. */
static uint32_t tail_length(const struct stream *stream)
{
	return padding(stream->rx.pdu.data_length) + (stream->keys.data_digest ? 4 : 0);
}

static void violate(struct stream *stream, enum transport_violation violation)
{
	stream->conn.up->violation(&stream->conn, NULL, &stream->rx.bhs, violation);
}

/* The whole PDU has come. */
static void finish_pdu(struct stream *stream)
{
	struct stream_rx *rx = &stream->rx;
	int err;

	rx->step = RX_HEADER;
	if (rx->is_solicited) {
		solicit_data(stream);
		return;
	}
	err = stream->conn.up->pdu(&stream->conn, &rx->pdu);
	if (err < 0)
		stream_end(stream, TRANSPORT_END_PROTOCOL, err, true);
}

/* --- header --- */

static void begin_pdu(struct stream *stream, const uint8_t *header)
{
	struct stream_rx *rx = &stream->rx;
	struct transport_rx *pdu = &rx->pdu;

	memcpy(rx->bhs.raw, header, BHS_LEN);
	pdu->ahs_length = bhs_ahs_len(&rx->bhs);
	if (pdu->ahs_length != 0)
		memcpy(rx->ahs, header + BHS_LEN, pdu->ahs_length);
	pdu->bhs = &rx->bhs;
	pdu->ahs = rx->ahs;
	pdu->data_length = bhs_data_len(&rx->bhs);
	pdu->sink = TRANSPORT_SINK_CONTROL;
	pdu->extents = NULL;
	pdu->offset = 0;
	pdu->context = NULL;
	pdu->data = NULL;
	pdu->data_digest_error = false;
	rx->is_solicited = false;
	rx->violation = RX_NO_VIOLATION;
	rx->data_left = pdu->data_length;
	rx->crc = crc32c_begin();
}

/* Control data that the buffer cannot hold. */
static bool is_control_too_long(const struct stream *stream)
{
	uint32_t control_max = stream->is_enabled ? STREAM_CONTROL_DATA_MAX : STREAM_LOGIN_DATA_MAX;

	return stream->rx.pdu.sink == TRANSPORT_SINK_CONTROL &&
	       stream->rx.pdu.data_length > control_max;
}

static void route_pdu(struct stream *stream)
{
	struct stream_rx *rx = &stream->rx;
	int err;

	if (stream->is_enabled && bhs_opcode(&rx->bhs) == ISCSI_OPCODE_DATA_OUT &&
	    bhs_ttt(&rx->bhs) != ISCSI_TAG_NONE) {
		rx->is_solicited = true;
		solicit_header(stream);
	} else {
		err = stream->conn.up->header(&stream->conn, &rx->pdu);
		if (err < 0) {
			stream_end(stream, TRANSPORT_END_PROTOCOL, err, true);
			return;
		}
	}
	if (stream->state != STREAM_OPEN)
		return;
	if (UNLIKELY(is_control_too_long(stream))) {
		rx->pdu.sink = TRANSPORT_SINK_DISCARD;
		violate(stream, TRANSPORT_TOO_LONG);
	}
	if (rx->pdu.data_length == 0)
		finish_pdu(stream);
	else
		rx->step = rx->pdu.sink == TRANSPORT_SINK_CONTROL ? RX_CONTROL : RX_DATA;
}

static bool step_header(struct stream *stream)
{
	struct stream_rx *rx = &stream->rx;
	const uint8_t *header = rx->buffer + rx->begin;
	uint32_t length, whole, data_max;

	if (available(rx) < BHS_LEN)
		return false;
	length = BHS_LEN + header[BHS_AT_AHS_LEN] * 4U;
	whole = length + (stream->keys.header_digest ? CRC32C_DIGEST_LEN : 0);
	if (available(rx) < whole)
		return false;
	if (stream->keys.header_digest &&
	    crc32c(0, header, length) != crc32c_get_digest(header + length)) {
		stream_end(stream, TRANSPORT_END_DIGEST, -EBADMSG, true);
		return false;
	}
	begin_pdu(stream, header);
	rx->begin += whole;
	data_max = stream->is_enabled ? stream->keys.recv_data_max : STREAM_LOGIN_DATA_MAX;
	if (rx->pdu.data_length > data_max) {
		violate(stream, TRANSPORT_TOO_LONG);
		stream_end(stream, TRANSPORT_END_PROTOCOL, -EMSGSIZE, true);
		return false;
	}
	route_pdu(stream);
	return true;
}

/* --- data --- */

static bool step_control(struct stream *stream)
{
	struct stream_rx *rx = &stream->rx;
	const uint8_t *data = rx->buffer + rx->begin;
	uint32_t length = rx->pdu.data_length;
	uint32_t whole = length + tail_length(stream);
	uint32_t padded = bhs_padded_len(length);

	if (available(rx) < whole)
		return false;
	if (stream->keys.data_digest)
		rx->pdu.data_digest_error =
			crc32c(0, data, padded) != crc32c_get_digest(data + padded);
	rx->pdu.data = data;
	rx->begin += whole;
	finish_pdu(stream);
	return true;
}

static bool step_data(struct stream *stream)
{
	struct stream_rx *rx = &stream->rx;
	const uint8_t *data = rx->buffer + rx->begin;
	uint32_t length = min(available(rx), rx->data_left);

	if (rx->pdu.sink == TRANSPORT_SINK_EXTENTS && length != 0) {
		extents_copy_in(rx->pdu.extents,
				rx->pdu.offset + rx->pdu.data_length - rx->data_left, data, length);
		reactor_count_copied(stream->conn.reactor, length);
	}
	if (stream->keys.data_digest)
		rx->crc = crc32c_update(rx->crc, data, length);
	rx->begin += length;
	rx->data_left -= length;
	if (rx->data_left != 0)
		return false;
	rx->step = RX_TAIL;
	return true;
}

static bool step_tail(struct stream *stream)
{
	struct stream_rx *rx = &stream->rx;
	const uint8_t *tail = rx->buffer + rx->begin;
	uint32_t pad = padding(rx->pdu.data_length);

	if (available(rx) < tail_length(stream))
		return false;
	if (stream->keys.data_digest)
		rx->pdu.data_digest_error = crc32c_finish(crc32c_update(rx->crc, tail, pad)) !=
					    crc32c_get_digest(tail + pad);
	rx->begin += tail_length(stream);
	finish_pdu(stream);
	return true;
}

static bool step(struct stream *stream)
{
	switch (stream->rx.step) {
	case RX_HEADER:
		return step_header(stream);
	case RX_CONTROL:
		return step_control(stream);
	case RX_DATA:
		return step_data(stream);
	case RX_TAIL:
		return step_tail(stream);
	}
	return false;
}

/* --- the receive --- */

/* The fragment of a PDU that is left moves to the front, or to the larger buffer. */
static void compact(struct stream_rx *rx)
{
	uint32_t length = available(rx);
	uint8_t *from = rx->buffer + rx->begin;

	if (rx->next_buffer != NULL) {
		memcpy(rx->next_buffer, from, length);
		free(rx->buffer);
		rx->buffer = rx->next_buffer;
		rx->capacity = rx->next_capacity;
		rx->next_buffer = NULL;
	} else if (rx->begin != 0 && length != 0) {
		memmove(rx->buffer, from, length);
	}
	rx->begin = 0;
	rx->end = length;
}

static bool is_direct(const struct stream_rx *rx)
{
	return rx->step == RX_DATA && rx->pdu.sink == TRANSPORT_SINK_EXTENTS &&
	       rx->data_left >= STREAM_DIRECT_MIN;
}

/* The places of the extents' rest; all that came before has been copied. */
static unsigned direct_iov(struct stream_rx *rx)
{
	uint32_t offset = rx->pdu.offset + rx->pdu.data_length - rx->data_left;

	return extents_to_iov(rx->pdu.extents, offset, rx->data_left, rx->iov, EXTENTS_MAX,
			      &rx->direct);
}

static uint32_t window(const struct stream_rx *rx)
{
	uint32_t room = rx->capacity - rx->end;

	/* Control data must come whole, whatever the window. */
	if (rx->is_small && rx->step != RX_CONTROL)
		return min_t(uint32_t, room, STREAM_WINDOW_SMALL);
	return room;
}

void receive_arm(struct stream *stream)
{
	struct stream_rx *rx = &stream->rx;
	unsigned count = 0;

	if (rx->is_in_flight || rx->has_ended || stream->state >= STREAM_CLOSING)
		return;
	if (stream->state == STREAM_OPEN) {
		rx->is_paused = stream->tx.queued > TX_QUEUE_HIGH;
		if (rx->is_paused)
			return;
		compact(rx);
	} else if (stream->state == STREAM_MOVING) {
		return;
	} else {
		rx->begin = 0;
		rx->end = 0;
	}
	rx->direct = 0;
	if (stream->state == STREAM_OPEN && is_direct(rx)) {
		count = direct_iov(rx);
		rx->is_small = rx->pdu.data_length >= STREAM_LARGE;
	}
	rx->iov[count].iov_base = rx->buffer + rx->end;
	rx->iov[count].iov_len = window(rx);
	rx->asked = rx->direct + (uint32_t)rx->iov[count].iov_len;
	rx->msg.msg_iov = rx->iov;
	rx->msg.msg_iovlen = count + 1;
	rx->is_in_flight = true;
	stream->carrier->recv(stream, &rx->msg, rx->wait_first);
}

/* LENGTH bytes have come into their place in the extents. */
static void account_direct(struct stream *stream, uint32_t length)
{
	struct stream_rx *rx = &stream->rx;
	uint32_t left = length;

	rx->data_left -= length;
	if (!stream->keys.data_digest)
		return;
	for (unsigned i = 0; left != 0; i++) {
		uint32_t piece = min_t(uint32_t, rx->iov[i].iov_len, left);

		rx->crc = crc32c_update(rx->crc, rx->iov[i].iov_base, piece);
		left -= piece;
	}
}

static void take_bytes(struct stream *stream, uint32_t length)
{
	struct stream_rx *rx = &stream->rx;
	uint32_t direct = min(length, rx->direct);

	/* A socket that gave less than it was asked for is empty. */
	rx->wait_first = length < rx->asked;
	if (direct != 0)
		account_direct(stream, direct);
	/* Many small PDUs have filled the window: receive more at a time again. */
	if (rx->is_small && rx->direct == 0 && length == rx->asked)
		rx->is_small = false;
	rx->end += length - direct;
}

static void receive_failed(struct stream *stream, int res)
{
	struct stream_rx *rx = &stream->rx;

	if (res == -ECANCELED || res == -EINTR || res == -EAGAIN)
		return;
	rx->has_ended = true;
	if (stream->state <= STREAM_MOVING)
		stream_end(stream, res == 0 ? TRANSPORT_END_CLOSED : TRANSPORT_END_RESET, res,
			   false);
	else if (stream->state == STREAM_LINGERING || res < 0)
		stream_end(stream, stream->end, stream->end_error, false);
}

void stream_received(struct stream *stream, int res)
{
	struct stream_rx *rx = &stream->rx;

	rx->is_in_flight = false;
	if (res > 0 && stream->state <= STREAM_MOVING)
		take_bytes(stream, (uint32_t)res);
	rx->direct = 0;
	if (res <= 0)
		receive_failed(stream, res);
	solicit_landed(stream);
	if (stream->state == STREAM_OPEN && res > 0)
		while (stream->state == STREAM_OPEN && step(stream))
			;
	receive_arm(stream);
	/* Draining and closing wait for this. */
	if (stream->state != STREAM_OPEN)
		stream_defer(stream);
}

void receive_resume(struct stream *stream)
{
	while (stream->state == STREAM_OPEN && step(stream))
		;
	receive_arm(stream);
	if (stream->state != STREAM_OPEN)
		stream_defer(stream);
}
