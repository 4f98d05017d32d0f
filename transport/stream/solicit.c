/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Soliciting data: R2Ts out, Data-Out in (RFC 7143 sections 11.7 and 11.8).
 *
 * Each R2T has a slot; its Target Transfer Tag is the slot's index and a
 * generation, so that data for an R2T that is over is told from data for its
 * successor. A get cuts as many R2Ts as may be outstanding, and one more
 * whenever a sequence has come. A get that ends early leaves its slots' tags
 * behind: the initiator may have sent data for them already, which is dropped,
 * whoever has the slot by then.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "proto/sn.h"
#include "transport/stream/stream.h"

#define NO_SLOT (-1)

void solicit_init(struct stream_solicit *solicit)
{
	solicit->slots = NULL;
	solicit->covers = NULL;
	solicit->is_unordered = false;
	solicit->slot_count = 0;
	solicit->free_first = NO_SLOT;
	solicit->free_last = NO_SLOT;
	solicit->landing = NULL;
	list_init(&solicit->gets);
	list_init(&solicit->waiting);
	list_init(&solicit->ended);
}

void solicit_free(struct stream_solicit *solicit)
{
	free(solicit->slots);
	free(solicit->covers);
	solicit->covers = NULL;
	solicit->slots = NULL;
}

/* --- slots --- */

static void slot_free(struct stream_solicit *solicit, int index)
{
	solicit->slots[index].task = NULL;
	solicit->slots[index].next_free = NO_SLOT;
	if (solicit->free_last == NO_SLOT)
		solicit->free_first = (int16_t)index;
	else
		solicit->slots[solicit->free_last].next_free = (int16_t)index;
	solicit->free_last = (int16_t)index;
}

static bool covers_grow(struct stream_solicit *solicit, unsigned count)
{
	struct cover *covers = realloc(solicit->covers, count * sizeof(*covers));

	if (covers == NULL)
		return false;
	solicit->covers = covers;
	return true;
}

static bool slots_grow(struct stream_solicit *solicit)
{
	unsigned count = solicit->slot_count == 0 ? SOLICIT_SLOTS_FIRST : solicit->slot_count * 2;
	struct solicit_slot *slots;

	if (count > SOLICIT_SLOTS_MAX)
		return false;
	if (solicit->is_unordered && !covers_grow(solicit, count))
		return false;
	slots = realloc(solicit->slots, count * sizeof(*slots));
	if (slots == NULL)
		return false;
	solicit->slots = slots;
	for (unsigned i = solicit->slot_count; i < count; i++) {
		memset(&slots[i], 0, sizeof(slots[i]));
		slots[i].ttt = ISCSI_TAG_NONE;
		slots[i].given_up = ISCSI_TAG_NONE;
		slot_free(solicit, (int)i);
	}
	solicit->slot_count = count;
	return true;
}

/* The index of a slot with a new tag, or NO_SLOT. */
static int slot_take(struct stream_solicit *solicit)
{
	struct solicit_slot *slot;
	int index;

	if (solicit->free_first == NO_SLOT && !slots_grow(solicit))
		return NO_SLOT;
	index = solicit->free_first;
	slot = &solicit->slots[index];
	solicit->free_first = slot->next_free;
	if (solicit->free_first == NO_SLOT)
		solicit->free_last = NO_SLOT;
	do {
		slot->generation++;
		slot->ttt = slot->generation << SOLICIT_INDEX_BITS | (uint32_t)index;
	} while (slot->ttt == ISCSI_TAG_NONE);
	slot->received = 0;
	slot->data_sn = 0;
	slot->is_due = false;
	slot->is_broken = false;
	if (solicit->is_unordered)
		cover_init(&solicit->covers[index]);
	return index;
}

static uint32_t slot_index(uint32_t ttt)
{
	return ttt & ((1u << SOLICIT_INDEX_BITS) - 1);
}

/* The index of the slot in use that has TTT, or NO_SLOT. */
static int slot_find(const struct stream_solicit *solicit, uint32_t ttt)
{
	uint32_t index = slot_index(ttt);

	if (index >= solicit->slot_count || solicit->slots[index].ttt != ttt)
		return NO_SLOT;
	return (int)index;
}

/* TTT is of an R2T that was given up: what comes of it may have been sent before that. */
static bool is_given_up(const struct stream_solicit *solicit, uint32_t ttt)
{
	uint32_t index = slot_index(ttt);

	/* A slot's tags grow with its generation. */
	return index < solicit->slot_count && solicit->slots[index].given_up != ISCSI_TAG_NONE &&
	       sn_lte(ttt, solicit->slots[index].given_up);
}

/* All that was asked for under the TTT given up has come: from now on it is a mistake. */
static void forget_given_up(struct stream_solicit *solicit, uint32_t ttt)
{
	struct solicit_slot *slots = solicit->slots;
	uint32_t index = slot_index(ttt);

	if (index < solicit->slot_count && slots[index].given_up == ttt)
		slots[index].given_up = ISCSI_TAG_NONE;
}

/* A slot has come free: the next in line may go on. */
static void serve_waiting(struct stream *stream)
{
	struct list_node *node = list_pop_front(&stream->solicit.waiting);

	if (node != NULL)
		transmit_queue(stream, container_of(node, struct tx_item, link), TX_SOLICIT);
}

/* The sequence is over, or whatever comes of it can only be an error. */
static void slot_end(struct stream *stream, int index)
{
	stream->solicit.slots[index].ttt = ISCSI_TAG_NONE;
	slot_free(&stream->solicit, index);
	serve_waiting(stream);
}

/* Gives TASK's slots up, with their tags. */
static void slots_abandon(struct stream *stream, const struct transport_task *task)
{
	struct stream_solicit *solicit = &stream->solicit;

	for (unsigned i = 0; i < solicit->slot_count; i++) {
		if (solicit->slots[i].task != task)
			continue;
		solicit->slots[i].given_up = solicit->slots[i].ttt;
		slot_end(stream, (int)i);
	}
}

/* --- a get --- */

void solicit_task_begin(struct transport_conn *conn, struct transport_task *task,
			const struct transport_rx *rx)
{
	(void)conn;
	(void)rx;
	memset(task->mover, 0, sizeof(struct stream_task));
}

/* The get is over: nothing of it is left in any list or slot. */
static void get_end(struct stream *stream, struct stream_task *st)
{
	list_remove(&st->link);
	list_remove(&st->solicit.link);
	if (st->outstanding != 0)
		slots_abandon(stream, task_of_stream(st));
	st->outstanding = 0;
	st->is_getting = false;
}

/* Over, and iSCSI hears of it at the end of this turn. */
static void get_end_later(struct stream *stream, struct stream_task *st, int err)
{
	get_end(stream, st);
	st->error = err;
	list_push_back(&stream->solicit.ended, &st->link);
	stream_defer(stream);
}

static void get_complete(struct stream *stream, struct stream_task *st, int err)
{
	get_end(stream, st);
	stream->conn.up->get_done(&stream->conn, task_of_stream(st), err);
}

void solicit_get_data(struct transport_conn *conn, struct transport_task *task)
{
	struct stream *stream = stream_of(conn);
	struct stream_task *st = stream_task_of(task);

	assert(!st->is_getting);
	st->is_getting = true;
	st->next = task->get_offset;
	st->end = task->get_offset + task->get_length;
	st->left = task->get_length;
	st->outstanding = 0;
	st->due = 0;
	st->recoveries = 0;
	st->error = 0;
	list_push_back(&stream->solicit.gets, &st->link);
	if (st->left == 0)
		get_end_later(stream, st, 0);
	else
		transmit_queue(stream, &st->solicit, TX_SOLICIT);
}

static void cut_r2t(struct stream *stream, struct stream_task *st, const struct solicit_slot *slot)
{
	const struct transport_numbers *numbers = stream->conn.numbers;
	struct transport_task *task = task_of_stream(st);
	struct bhs *bhs = transmit_header(stream->tx.batch);

	bhs_r2t_encode(bhs, &(struct bhs_r2t){
				    .lun = task->lun,
				    .itt = task->itt,
				    .ttt = slot->ttt,
				    .stat_sn = stream->tx.stat_sn,
				    .exp_cmd_sn = numbers->window->exp_cmd_sn,
				    .max_cmd_sn = numbers->window->max_cmd_sn,
				    .r2t_sn = slot->r2t_sn,
				    .buffer_offset = slot->offset,
				    .desired_data_transfer_length = slot->length,
			    });
	transmit_seal_header(stream->tx.batch, bhs, st->solicit.flags);
}

/* The next R2T of a get. */
static void cut_next(struct stream *stream, struct stream_task *st, int index)
{
	struct solicit_slot *slot = &stream->solicit.slots[index];

	slot->task = task_of_stream(st);
	slot->offset = st->next;
	slot->length = min(st->end - st->next, stream->keys.max_burst);
	slot->r2t_sn = st->r2t_sn++;
	cut_r2t(stream, st, slot);
	st->next += slot->length;
	st->outstanding++;
}

/* R2Ts once more; false when the batch is full. */
static bool cut_due(struct stream *stream, struct stream_task *st)
{
	struct stream_solicit *solicit = &stream->solicit;
	unsigned i;

	for (i = 0; i < solicit->slot_count && st->due != 0; i++) {
		struct solicit_slot *slot = &solicit->slots[i];

		if (slot->task != task_of_stream(st) || !slot->is_due)
			continue;
		if (!transmit_has_room(stream->tx.batch))
			return false;
		slot->is_due = false;
		st->due--;
		cut_r2t(stream, st, slot);
	}
	return true;
}

/* Whether the initiator may be asked for more now. */
static bool can_solicit(const struct stream *stream, const struct stream_task *st)
{
	return st->error == 0 && st->next != st->end &&
	       st->outstanding < stream->keys.max_outstanding_r2t;
}

bool solicit_cut(struct stream *stream, struct tx_item *item)
{
	struct stream_task *st = container_of(item, struct stream_task, solicit);

	if (UNLIKELY(st->due != 0) && !cut_due(stream, st))
		return false;
	while (can_solicit(stream, st)) {
		int index;

		if (!transmit_has_room(stream->tx.batch))
			return false;
		index = slot_take(&stream->solicit);
		if (index == NO_SLOT) {
			list_remove(&item->link);
			/* Without a slot in use nobody would ever come free. */
			if (stream->solicit.slot_count == 0)
				get_end_later(stream, st, -ENOMEM);
			else
				list_push_back(&stream->solicit.waiting, &item->link);
			return true;
		}
		cut_next(stream, st, index);
	}
	list_remove(&item->link);
	return true;
}

/* --- Data-Out --- */

static struct cover *cover_of(struct stream *stream, int index)
{
	return stream->solicit.is_unordered ? &stream->solicit.covers[index] : NULL;
}

/* RFC 7143 section 11.7: what is wrong with DATA for SLOT, or RX_NO_VIOLATION. */
static int judge(const struct solicit_slot *slot, struct cover *cover,
		 const struct bhs_data_out *data)
{
	uint32_t at = data->buffer_offset - slot->offset;
	uint32_t left = slot->length - slot->received;

	if (data->itt != slot->task->itt || data->lun != slot->task->lun)
		return TRANSPORT_BAD_TTT;
	if (data->data_sn != slot->data_sn)
		return TRANSPORT_BAD_DATA_SN;
	if (cover == NULL && at != slot->received)
		return TRANSPORT_BAD_OFFSET;
	if (data->data_len > left || data->is_final != (data->data_len == left))
		return TRANSPORT_BAD_LENGTH;
	/* 13.18: in any order, but nothing twice. */
	if (cover != NULL && (at > slot->length || data->data_len > slot->length - at ||
			      !cover_add(cover, at, at + data->data_len)))
		return TRANSPORT_BAD_OFFSET;
	return RX_NO_VIOLATION;
}

/*
 * Above ErrorRecoveryLevel 0 a PDU that is not the next one tells that others are lost (section
 * 7.9), or comes a second time. True: it is thrown away.
 */
static bool is_out_of_turn(struct solicit_slot *slot, const struct bhs_data_out *data)
{
	if (data->itt != slot->task->itt || data->lun != slot->task->lun)
		return false;
	if (sn_gt(data->data_sn, slot->data_sn)) {
		slot->is_broken = true;
		slot->data_sn = data->data_sn;
	}
	return slot->is_broken || sn_lt(data->data_sn, slot->data_sn);
}

void solicit_header(struct stream *stream)
{
	struct stream_rx *rx = &stream->rx;
	struct solicit_slot *slot;
	struct bhs_data_out data;
	int index;

	stream->conn.solicited++;
	bhs_data_out_decode(&rx->bhs, &data);
	rx->pdu.sink = TRANSPORT_SINK_DISCARD;
	index = slot_find(&stream->solicit, data.ttt);
	if (index == NO_SLOT) {
		if (!is_given_up(&stream->solicit, data.ttt))
			rx->violation = TRANSPORT_BAD_TTT;
		return;
	}
	slot = &stream->solicit.slots[index];
	if (UNLIKELY(stream_recovers(stream)) && is_out_of_turn(slot, &data))
		return;
	rx->violation = judge(slot, cover_of(stream, index), &data);
	if (rx->violation != RX_NO_VIOLATION)
		return;
	rx->pdu.sink = TRANSPORT_SINK_EXTENTS;
	rx->pdu.extents = slot->task->data;
	rx->pdu.offset = data.buffer_offset;
}

/* The task that the present Data-Out belongs to, unless it is over. */
static struct transport_task *current_task(const struct stream *stream)
{
	int index = slot_find(&stream->solicit, bhs_ttt(&stream->rx.bhs));

	return index == NO_SLOT ? NULL : stream->solicit.slots[index].task;
}

static void report_violation(struct stream *stream, enum transport_violation violation)
{
	struct transport_task *task = violation == TRANSPORT_BAD_TTT ? NULL : current_task(stream);

	stream->conn.up->violation(&stream->conn, task, &stream->rx.bhs, violation);
	/* What the upcall did may have ended the get. */
	if (task != NULL && current_task(stream) == task && violation != TRANSPORT_BAD_DATA_DIGEST)
		get_complete(stream, stream_task_of(task), -EPROTO);
}

/* The sequence of the R2T at INDEX has come to its end. */
static void end_sequence(struct stream *stream, struct stream_task *st, int index)
{
	st->outstanding--;
	slot_end(stream, index);
	if (st->left == 0 || (st->error != 0 && st->outstanding == 0))
		get_complete(stream, st, st->error);
	else if (can_solicit(stream, st) && !list_is_linked(&st->solicit.link))
		transmit_queue(stream, &st->solicit, TX_SOLICIT);
}

/* R2Ts to be sent again need no slot: their task does not stand in line for one. */
static void queue_due(struct stream *stream, struct stream_task *st)
{
	list_remove(&st->solicit.link);
	transmit_queue(stream, &st->solicit, TX_SOLICIT);
}

/*
 * The sequence of the R2T at INDEX has come to its end without all of its data: a recovery R2T
 * asks for what is behind the last that was good (section 7.2.2).
 */
static void recover(struct stream *stream, int index)
{
	struct solicit_slot *slot = &stream->solicit.slots[index];
	struct stream_task *st = stream_task_of(slot->task);

	if (st->error != 0 || ++st->recoveries > SOLICIT_RECOVERIES_MAX) {
		st->error = st->error != 0 ? st->error : -EBADMSG;
		end_sequence(stream, st, index);
		return;
	}
	do {
		slot->generation++;
		slot->ttt = slot->generation << SOLICIT_INDEX_BITS | (uint32_t)index;
	} while (slot->ttt == ISCSI_TAG_NONE);
	if (stream->solicit.is_unordered) {
		/* What has come lies anywhere in it: all once more. */
		st->left += slot->received;
		cover_init(&stream->solicit.covers[index]);
	} else {
		slot->offset += slot->received;
		slot->length -= slot->received;
	}
	slot->received = 0;
	slot->data_sn = 0;
	slot->is_broken = false;
	slot->is_due = true;
	slot->r2t_sn = st->r2t_sn++;
	st->due++;
	queue_due(stream, st);
}

/* A PDU of the sequence at INDEX that is not used has come, or came broken. */
static void skip(struct stream *stream, int index)
{
	struct stream_rx *rx = &stream->rx;
	struct solicit_slot *slot = &stream->solicit.slots[index];
	uint32_t data_sn = get_be32(rx->bhs.raw + BHS_AT_DATA_SN);

	/* One that came a second time counts for nothing. */
	if (sn_lt(data_sn, slot->data_sn))
		return;
	slot->data_sn = data_sn + 1;
	slot->is_broken = true;
	if (bhs_is_final(&rx->bhs))
		recover(stream, index);
}

/* The PDU's data is in its place. */
static void account(struct stream *stream, int index, uint32_t length)
{
	struct solicit_slot *slot = &stream->solicit.slots[index];
	struct stream_task *st = stream_task_of(slot->task);

	slot->data_sn++;
	slot->received += length;
	st->left -= length;
	if (slot->received == slot->length)
		end_sequence(stream, st, index);
}

/* The R2T was given up, perhaps since the header came. */
static void data_of_nobody(struct stream *stream)
{
	if (bhs_is_final(&stream->rx.bhs))
		forget_given_up(&stream->solicit, bhs_ttt(&stream->rx.bhs));
}

/* solicit_data above ErrorRecoveryLevel 0. */
static void recovering_data(struct stream *stream)
{
	struct stream_rx *rx = &stream->rx;
	bool is_used = rx->pdu.sink == TRANSPORT_SINK_EXTENTS;
	int index;

	if (rx->pdu.data_digest_error && current_task(stream) != NULL)
		report_violation(stream, TRANSPORT_BAD_DATA_DIGEST);
	index = slot_find(&stream->solicit, bhs_ttt(&rx->bhs));
	if (index == NO_SLOT)
		data_of_nobody(stream);
	else if (is_used && !rx->pdu.data_digest_error)
		account(stream, index, rx->pdu.data_length);
	else
		skip(stream, index);
}

void solicit_data(struct stream *stream)
{
	struct stream_rx *rx = &stream->rx;
	int index;

	if (rx->violation != RX_NO_VIOLATION) {
		report_violation(stream, (enum transport_violation)rx->violation);
		return;
	}
	if (UNLIKELY(stream_recovers(stream))) {
		recovering_data(stream);
		return;
	}
	if (rx->pdu.data_digest_error && current_task(stream) != NULL) {
		/* RFC 7143 section 7.8: the rest of what was asked for is still to come. */
		stream_task_of(current_task(stream))->error = -EBADMSG;
		report_violation(stream, TRANSPORT_BAD_DATA_DIGEST);
	}
	index = slot_find(&stream->solicit, bhs_ttt(&rx->bhs));
	if (index == NO_SLOT)
		data_of_nobody(stream);
	else
		account(stream, index, rx->pdu.data_length);
}

/* --- ending early --- */

/* The PDU whose data is coming goes to TASK's memory: stop that. True: it is being written now. */
static bool stop_landing(struct stream *stream, const struct transport_task *task)
{
	struct stream_rx *rx = &stream->rx;

	if (rx->step == RX_HEADER || !rx->is_solicited || rx->pdu.sink != TRANSPORT_SINK_EXTENTS ||
	    rx->pdu.extents != task->data)
		return false;
	if (rx->is_in_flight && rx->direct != 0) {
		stream->carrier->cancel_recv(stream);
		return true;
	}
	rx->pdu.sink = TRANSPORT_SINK_DISCARD;
	return false;
}

void solicit_task_end(struct transport_conn *conn, struct transport_task *task)
{
	struct stream *stream = stream_of(conn);
	struct stream_task *st = stream_task_of(task);

	if (!st->is_getting || stream->solicit.landing == st)
		return;
	if (stop_landing(stream, task))
		stream->solicit.landing = st;
	else
		get_end_later(stream, st, -ECANCELED);
}

void solicit_landed(struct stream *stream)
{
	struct stream_task *st = stream->solicit.landing;

	if (st == NULL)
		return;
	stream->solicit.landing = NULL;
	stream->rx.pdu.sink = TRANSPORT_SINK_DISCARD;
	get_end_later(stream, st, -ECANCELED);
}

int solicit_resend_r2ts(struct transport_conn *conn, struct transport_task *task, uint32_t first,
			uint32_t count)
{
	struct stream *stream = stream_of(conn);
	struct stream_task *st = stream_task_of(task);
	unsigned i;

	if (!st->is_getting || stream->solicit.landing == st || sn_gte(first, st->r2t_sn))
		return -EINVAL;
	for (i = 0; i < stream->solicit.slot_count; i++) {
		struct solicit_slot *slot = &stream->solicit.slots[i];

		if (slot->task != task || slot->is_due || sn_lt(slot->r2t_sn, first) ||
		    (count != 0 && slot->r2t_sn - first >= count))
			continue;
		slot->is_due = true;
		st->due++;
	}
	if (st->due == 0)
		return -EINVAL;
	queue_due(stream, st);
	return 0;
}

void solicit_run(struct stream *stream)
{
	struct list_node *node;

	while ((node = list_pop_front(&stream->solicit.ended)) != NULL) {
		struct stream_task *st = container_of(node, struct stream_task, link);

		stream->conn.up->get_done(&stream->conn, task_of_stream(st), st->error);
	}
}

void solicit_fail(struct stream *stream, int err)
{
	struct list_node *node;

	solicit_run(stream);
	while ((node = list_front(&stream->solicit.gets)) != NULL)
		get_complete(stream, container_of(node, struct stream_task, link), err);
}
