/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Transmitting: a queue of whole PDUs, puts and solicitations, cut into PDUs
 * only when they are gathered for one sendmsg, so that a large read to an
 * initiator that takes small segments never needs more headers than one batch
 * has. At most one sendmsg is in flight; what becomes ready meanwhile is the
 * next batch. RFC 7143 sections 11.4, 11.7 and 13.1 (digests).
 *
 * Headers, padding and digests of a batch lie one behind the other, so that
 * what is contiguous there (responses without data, a digest and the header
 * behind it) is one entry of the vector.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/crc32c.h"
#include "proto/sn.h"
#include "transport/stream/stream.h"

/* --- a batch --- */

static void add_iov(struct tx_batch *batch, void *base, size_t length)
{
	struct iovec *next = &batch->iov[batch->iov_count];

	batch->bytes += (uint32_t)length;
	if (batch->iov_count != 0 && (uint8_t *)next[-1].iov_base + next[-1].iov_len == base) {
		next[-1].iov_len += length;
		return;
	}
	*next = (struct iovec){ base, length };
	batch->iov_count++;
}

static uint8_t *add_head(struct tx_batch *batch, uint32_t length)
{
	uint8_t *head = batch->heads + batch->heads_used;

	batch->heads_used += length;
	add_iov(batch, head, length);
	return head;
}

/* Whether one more PDU, however its data is cut up, fits. */
bool transmit_has_room(const struct tx_batch *batch)
{
	return batch->heads_used + TX_HEAD_LEN <= sizeof(batch->heads) &&
	       batch->iov_count + EXTENTS_MAX + 2 <= TX_IOV_MAX && batch->bytes < TX_BATCH_BYTES;
}

struct bhs *transmit_header(struct tx_batch *batch)
{
	return (struct bhs *)(void *)add_head(batch, BHS_LEN);
}

void transmit_seal_header(struct tx_batch *batch, struct bhs *bhs, uint8_t flags)
{
	if (flags & TX_HEADER_DIGEST)
		crc32c_put_digest(add_head(batch, CRC32C_DIGEST_LEN), crc32c(0, bhs->raw, BHS_LEN));
}

/* Padding and digest behind the LENGTH bytes of DATA. */
static void seal_data(struct tx_batch *batch, const struct iovec *data, unsigned count,
		      uint32_t length, uint8_t flags)
{
	uint32_t pad = -length & 3;
	uint32_t crc = crc32c_begin();
	uint8_t *zeros = NULL;

	if (pad != 0) {
		zeros = add_head(batch, pad);
		memset(zeros, 0, pad);
	}
	if (!(flags & TX_DATA_DIGEST))
		return;
	for (unsigned i = 0; i < count; i++)
		crc = crc32c_update(crc, data[i].iov_base, data[i].iov_len);
	crc = crc32c_update(crc, zeros, pad);
	crc32c_put_digest(add_head(batch, CRC32C_DIGEST_LEN), crc32c_finish(crc));
}

/* Data in one piece. */
static void add_data(struct tx_batch *batch, const uint8_t *data, uint32_t length, uint8_t flags)
{
	struct iovec iov = { (void *)(uintptr_t)data, length };

	if (length == 0)
		return;
	add_iov(batch, iov.iov_base, length);
	seal_data(batch, &iov, 1, length, flags);
}

static void add_extents(struct tx_batch *batch, const struct extents *extents, uint32_t offset,
			uint32_t length, uint8_t flags)
{
	struct iovec iov[EXTENTS_MAX];
	unsigned count;

	/* Nearly always one piece; the walk is for the rest. */
	if (LIKELY(offset + length <= extents->extent[0].length)) {
		add_data(batch, extents->extent[0].data + offset, length, flags);
		return;
	}
	count = extents_to_iov(extents, offset, length, iov, EXTENTS_MAX, NULL);
	for (unsigned i = 0; i < count; i++)
		add_iov(batch, iov[i].iov_base, iov[i].iov_len);
	seal_data(batch, iov, count, length, flags);
}

/* --- cutting --- */

/*
 * BHS, a status, is cut. What is numbered already and still in line behind an R2T does not
 * count for that: an initiator that has more than it has seen announced asks for it again.
 */
static void note_status(struct stream *stream, const struct bhs *bhs)
{
	stream->tx.stat_sn = sn_max(stream->tx.stat_sn, bhs_stat_sn(bhs) + 1);
}

/* RFC 7143 section 11.19: ours, which asks or tells something, uses up no StatSN. */
static bool is_unnumbered(const struct bhs *bhs)
{
	return bhs_opcode(bhs) == ISCSI_OPCODE_NOP_IN && bhs_itt(bhs) == ISCSI_TAG_NONE;
}

static bool cut_pdu(struct stream *stream, struct tx_item *item)
{
	struct transport_pdu *pdu =
		container_of((uint64_t(*)[4])(void *)item, struct transport_pdu, mover);
	struct tx_batch *batch = stream->tx.batch;
	struct bhs *bhs = transmit_header(batch);

	*bhs = pdu->bhs;
	if (!is_unnumbered(bhs))
		note_status(stream, bhs);
	bhs_set_data_len(bhs, pdu->data_length);
	transmit_seal_header(batch, bhs, item->flags);
	add_data(batch, pdu->data, pdu->data_length, item->flags);
	return true;
}

/* RFC 7143 section 11.7.3: status GOOD without sense rides on the last Data-In. */
static bool has_status_in_data(const struct stream *stream, const struct transport_task *task)
{
	/* For these a Data-In has no bits. */
	enum { BIDI = ISCSI_SCSI_RESPONSE_BIDI_OVERFLOW | ISCSI_SCSI_RESPONSE_BIDI_UNDERFLOW };

	/* Where PDUs may be asked for again, data and status are easier apart. */
	return !stream_recovers(stream) && task->put_length != 0 && task->sense_length == 0 &&
	       task->response.raw[BHS_AT_STATUS] == 0 && !(bhs_flags(&task->response) & BIDI) &&
	       task->response.raw[BHS_AT_RESPONSE] == ISCSI_SCSI_RESPONSE_COMPLETED;
}

/* The fields of a Data-In that come from the SCSI Response that it makes needless. */
static void put_status(struct bhs *bhs, const struct bhs *response)
{
	enum { RESIDUAL = ISCSI_SCSI_RESPONSE_OVERFLOW | ISCSI_SCSI_RESPONSE_UNDERFLOW };

	_Static_assert((int)ISCSI_SCSI_RESPONSE_OVERFLOW == (int)ISCSI_DATA_IN_OVERFLOW &&
			       (int)ISCSI_SCSI_RESPONSE_UNDERFLOW == (int)ISCSI_DATA_IN_UNDERFLOW,
		       "O and U lie in the same place");
	bhs->raw[BHS_AT_FLAGS] |= ISCSI_DATA_IN_STATUS | (bhs_flags(response) & RESIDUAL);
	memcpy(bhs->raw + BHS_AT_STAT_SN, response->raw + BHS_AT_STAT_SN, 12);
	memcpy(bhs->raw + BHS_AT_RESIDUAL_COUNT, response->raw + BHS_AT_RESIDUAL_COUNT, 4);
}

/* RFC 7143 section 11.7.2: the A bit, and what a DataACK names. */
static void ask_for_acknowledge(struct bhs *bhs, const struct transport_task *task)
{
	if (task->put_ttt == ISCSI_TAG_NONE)
		return;
	bhs->raw[BHS_AT_FLAGS] |= ISCSI_DATA_IN_ACKNOWLEDGE;
	put_be64(bhs->raw + BHS_AT_LUN, task->lun);
	put_be32(bhs->raw + BHS_AT_TTT, task->put_ttt);
}

/* One Data-In PDU; returns whether it also carried the status. */
static bool cut_data_in(struct stream *stream, struct transport_task *task, struct stream_task *st)
{
	const struct transport_numbers *numbers = stream->conn.numbers;
	struct tx_batch *batch = stream->tx.batch;
	uint32_t left = task->put_length - st->put_offset;
	uint32_t length = min(left, min(stream->tx.segment_max, st->burst_left));
	bool is_last = length == left;
	bool has_status = is_last && has_status_in_data(stream, task);
	struct bhs *bhs = transmit_header(batch);

	bhs_begin(bhs, ISCSI_OPCODE_DATA_IN,
		  is_last || length == st->burst_left ? ISCSI_FLAG_FINAL : 0);
	bhs_set_data_len(bhs, length);
	put_be32(bhs->raw + BHS_AT_ITT, task->itt);
	put_be32(bhs->raw + BHS_AT_TTT, ISCSI_TAG_NONE);
	if (UNLIKELY(is_last && stream_recovers(stream)))
		ask_for_acknowledge(bhs, task);
	put_be32(bhs->raw + BHS_AT_DATA_SN, st->data_sn++);
	put_be32(bhs->raw + BHS_AT_BUFFER_OFFSET, st->put_offset);
	if (has_status) {
		put_status(bhs, &task->response);
		note_status(stream, bhs);
	} else {
		bhs_set_window(bhs, numbers->window->exp_cmd_sn, numbers->window->max_cmd_sn);
	}
	transmit_seal_header(batch, bhs, st->put.flags);
	add_extents(batch, task->data, st->put_offset, length, st->put.flags);
	st->put_offset += length;
	st->burst_left -= length;
	if (st->burst_left == 0)
		st->burst_left = stream->tx.burst_max;
	return has_status;
}

static void cut_response(struct stream *stream, struct transport_task *task, struct stream_task *st)
{
	struct tx_batch *batch = stream->tx.batch;
	struct bhs *bhs = transmit_header(batch);

	put_be32(task->response.raw + BHS_AT_DATA_SN, st->data_sn);
	*bhs = task->response;
	note_status(stream, bhs);
	bhs_set_data_len(bhs, task->sense_length);
	transmit_seal_header(batch, bhs, st->put.flags);
	add_data(batch, task->sense, task->sense_length, st->put.flags);
}

static bool cut_put(struct stream *stream, struct tx_item *item)
{
	struct stream_task *st = container_of(item, struct stream_task, put);
	struct transport_task *task = task_of_stream(st);

	while (st->put_offset < task->put_length) {
		if (!transmit_has_room(stream->tx.batch))
			return false;
		if (cut_data_in(stream, task, st))
			return true;
	}
	if (!transmit_has_room(stream->tx.batch))
		return false;
	cut_response(stream, task, st);
	return true;
}

static bool cut_resend(struct stream *stream, struct tx_item *item)
{
	struct stream_task *st = container_of(item, struct stream_task, put);
	struct transport_task *task = task_of_stream(st);

	while (st->resend_left != 0 && st->put_offset < task->put_length) {
		if (!transmit_has_room(stream->tx.batch))
			return false;
		cut_data_in(stream, task, st);
		st->resend_left--;
	}
	return true;
}

/* Whether ITEM has been cut to its end. */
static bool cut(struct stream *stream, struct tx_item *item)
{
	switch ((enum tx_kind)item->kind) {
	case TX_PDU:
		return cut_pdu(stream, item);
	case TX_PUT:
		return cut_put(stream, item);
	case TX_SOLICIT:
		return solicit_cut(stream, item);
	case TX_RESEND:
		return cut_resend(stream, item);
	}
	return true;
}

/* --- gathering and sending --- */

static void submit(struct stream *stream)
{
	struct stream_tx *tx = &stream->tx;

	tx->is_in_flight = true;
	stream->carrier->send(stream, &tx->batch->msg);
	if (!stream->is_stall_timed) {
		stream->is_stall_timed = true;
		reactor_timer_start(stream->conn.reactor, &stream->stall_timer,
				    stream->stall_ns / CLOCK_NS_PER_MS);
	}
}

static struct tx_batch *take_batch(struct stream_tx *tx)
{
	if (tx->batch == NULL)
		tx->batch = malloc(sizeof(*tx->batch));
	if (tx->batch == NULL)
		return NULL;
	tx->batch->iov_count = 0;
	tx->batch->heads_used = 0;
	tx->batch->bytes = 0;
	return tx->batch;
}

static void fill_batch(struct stream *stream)
{
	struct stream_tx *tx = &stream->tx;
	struct list_node *node;

	while ((node = list_front(&tx->queue)) != NULL && transmit_has_room(tx->batch)) {
		struct tx_item *item = container_of(node, struct tx_item, link);

		if (!cut(stream, item))
			return;
		/* A solicitation has no completion, and may have gone elsewhere. */
		if (item->kind == TX_SOLICIT)
			continue;
		list_remove(node);
		item->end = tx->cut_position + tx->batch->bytes;
		list_push_back(&tx->cut, node);
	}
}

/* Makes one message of all that is ready, and sends it. */
void transmit_gather(struct stream *stream)
{
	struct stream_tx *tx = &stream->tx;

	if (tx->unsent != 0 || list_is_empty(&tx->queue) || stream->state > STREAM_DRAINING)
		return;
	if (take_batch(tx) == NULL) {
		stream_end(stream, TRANSPORT_END_RESET, -ENOMEM, false);
		return;
	}
	fill_batch(stream);
	if (tx->batch->bytes == 0)
		return;
	memset(&tx->batch->msg, 0, sizeof(tx->batch->msg));
	tx->batch->msg.msg_iov = tx->batch->iov;
	tx->batch->msg.msg_iovlen = tx->batch->iov_count;
	tx->unsent = tx->batch->bytes;
	tx->cut_position += tx->batch->bytes;
	tx->progress_ns = reactor_now_ns(stream->conn.reactor);
	submit(stream);
}

static void complete(struct stream *stream, struct tx_item *item, int err)
{
	stream->tx.queued--;
	if (item->kind == TX_PDU) {
		struct transport_pdu *pdu =
			container_of((uint64_t(*)[4])(void *)item, struct transport_pdu, mover);

		pdu->sent(pdu, err);
	} else {
		struct stream_task *st = container_of(item, struct stream_task, put);

		stream->conn.up->put_done(&stream->conn, task_of_stream(st), err);
	}
}

/* Completes what lies wholly in the bytes that are sent. */
static void complete_sent(struct stream *stream)
{
	struct stream_tx *tx = &stream->tx;
	struct list_node *node;

	while ((node = list_front(&tx->cut)) != NULL) {
		struct tx_item *item = container_of(node, struct tx_item, link);

		if (item->end > tx->position)
			return;
		list_remove(node);
		complete(stream, item, 0);
	}
}

/* The message now begins LENGTH bytes further on. */
static void advance(struct msghdr *msg, uint32_t length)
{
	while (length >= msg->msg_iov->iov_len) {
		length -= (uint32_t)msg->msg_iov->iov_len;
		msg->msg_iov++;
		msg->msg_iovlen--;
	}
	msg->msg_iov->iov_base = (uint8_t *)msg->msg_iov->iov_base + length;
	msg->msg_iov->iov_len -= length;
}

void stream_sent(struct stream *stream, int res)
{
	struct stream_tx *tx = &stream->tx;

	tx->is_in_flight = false;
	if (res > 0) {
		tx->progress_ns = reactor_now_ns(stream->conn.reactor);
		tx->position += (uint32_t)res;
		tx->unsent -= (uint32_t)res;
		if (tx->unsent != 0)
			advance(&tx->batch->msg, (uint32_t)res);
		complete_sent(stream);
	} else if (res != -EINTR && res != -EAGAIN && stream->state < STREAM_CLOSING) {
		stream_end(stream, TRANSPORT_END_RESET, res == 0 ? -EPIPE : res, false);
	}
	if (stream->state < STREAM_LINGERING && tx->unsent != 0)
		submit(stream);
	else
		stream_defer(stream);
	if (stream->rx.is_paused && tx->queued < TX_QUEUE_LOW)
		receive_arm(stream);
}

/* --- the queue --- */

void transmit_queue(struct stream *stream, struct tx_item *item, enum tx_kind kind)
{
	item->kind = (uint8_t)kind;
	item->flags = stream->tx.flags;
	list_push_back(&stream->tx.queue, &item->link);
	stream_defer(stream);
}

void transmit_send_control(struct transport_conn *conn, struct transport_pdu *pdu)
{
	struct stream *stream = stream_of(conn);

	stream->tx.queued++;
	transmit_queue(stream, (struct tx_item *)(void *)pdu->mover, TX_PDU);
}

void transmit_put_data(struct transport_conn *conn, struct transport_task *task)
{
	struct stream *stream = stream_of(conn);
	struct stream_task *st = stream_task_of(task);

	st->put_offset = st->base_offset;
	st->data_sn = st->base_sn;
	st->burst_left = stream->tx.burst_max;
	st->layout = stream->tx.layout;
	st->segment = stream->tx.segment_max;
	stream->tx.queued++;
	transmit_queue(stream, &st->put, TX_PUT);
}

/* Goes over the Data-In PDUs of TASK's put up to that with DataSN FIRST, as cut_data_in cuts them. */
static void seek_data_in(const struct stream *stream, const struct transport_task *task,
			 struct stream_task *st, uint32_t first)
{
	st->put_offset = st->base_offset;
	st->burst_left = stream->tx.burst_max;
	for (st->data_sn = st->base_sn; st->data_sn != first && st->put_offset < task->put_length;
	     st->data_sn++) {
		uint32_t length = min(task->put_length - st->put_offset,
				      min(st->segment, st->burst_left));

		st->put_offset += length;
		st->burst_left -= length;
		if (st->burst_left == 0)
			st->burst_left = stream->tx.burst_max;
	}
}

int transmit_resend_data(struct transport_conn *conn, struct transport_task *task, uint32_t first,
			 uint32_t count)
{
	struct stream *stream = stream_of(conn);
	struct stream_task *st = stream_task_of(task);

	/* The last put's segments were others: only R-Data can bring them (section 11.16). */
	if (st->layout != stream->tx.layout)
		return -EINVAL;
	seek_data_in(stream, task, st, first);
	if (st->put_offset >= task->put_length)
		return -EINVAL;
	st->resend_left = count != 0 ? count : UINT32_MAX;
	stream->tx.queued++;
	transmit_queue(stream, &st->put, TX_RESEND);
	return 0;
}

void transmit_resegment(struct stream *stream)
{
	struct list_node *node;

	stream->tx.layout++;
	LIST_FOR_EACH(node, &stream->tx.queue) {
		struct tx_item *item = container_of(node, struct tx_item, link);

		if (item->kind == TX_PUT)
			container_of(item, struct stream_task, put)->segment = 0;
	}
}

void transmit_adopt(struct transport_conn *conn, struct transport_task *task, uint32_t first)
{
	struct stream *stream = stream_of(conn);
	struct stream_task *st = stream_task_of(task);
	uint32_t r2t_sn = st->r2t_sn;
	uint32_t base_sn = 0;
	uint32_t base_offset = 0;

	/* MaxBurstLength is the session's: the old connection has cut by the same. */
	if (first != 0 && st->segment != 0) {
		seek_data_in(stream, task, st, first);
		if (st->data_sn == first) {
			base_sn = first;
			base_offset = st->put_offset;
		}
	}
	memset(st, 0, sizeof(*st));
	st->r2t_sn = r2t_sn;
	st->base_sn = base_sn;
	st->base_offset = base_offset;
}

void transmit_fail(struct stream *stream, int err)
{
	struct stream_tx *tx = &stream->tx;
	struct list_node *node;

	while ((node = list_pop_front(&tx->cut)) != NULL ||
	       (node = list_pop_front(&tx->queue)) != NULL) {
		struct tx_item *item = container_of(node, struct tx_item, link);

		if (item->kind != TX_SOLICIT)
			complete(stream, item, err);
	}
}
