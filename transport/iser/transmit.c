/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Transmitting: control PDUs and puts leave in the order of the calls, all
 * that is ready in one posted chain. A put is the RDMA Writes of its data and
 * the SEND of its response behind them (RFC 7145 section 7.3.4): the send
 * queue keeps their order, so the data is there when the response is.
 *
 * What is posted stands in a ring. Only the last SEND of a chain, and one now
 * and then in between, asks for a completion, which stands for all before it.
 * Waiting for a buffer or for room in the send queue is being in the queue.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "transport/iser/iser.h"

enum {
	WRITE_MAX = 4 * 1024 * 1024,	/* bytes of one RDMA Write; Soft-RoCE takes 8 MiB */
	PUT_WRS_MAX = ISER_CHAIN_MAX,
};

/* --- buffers --- */

static void use_buffer(void *context, unsigned index, uint8_t *data, uint32_t lkey)
{
	struct iser_conn *conn = context;
	struct iser_tx *tx = &conn->transmit.tx[index];

	*tx = (struct iser_tx){ .next = conn->transmit.free, .data = data, .lkey = lkey };
	conn->transmit.free = tx;
}

int iser_transmit_init(struct iser_conn *conn)
{
	struct iser_transmit *transmit = &conn->transmit;
	uint32_t depth = conn->device->send_depth;

	transmit->ring = calloc(depth, sizeof(*transmit->ring));
	if (transmit->ring == NULL)
		return -ENOMEM;
	transmit->mask = depth - 1;
	transmit->slots = depth;
	return 0;
}

int iser_transmit_enable(struct iser_conn *conn, unsigned count)
{
	struct iser_transmit *transmit = &conn->transmit;

	count = min(count, conn->device->send_depth);
	transmit->tx = calloc(count, sizeof(*transmit->tx));
	if (transmit->tx == NULL)
		return -ENOMEM;
	return iser_slab_take(&transmit->slab, reactor_arena(conn->conn.reactor), conn->device,
			      ISER_SEND_BUFFER, count, use_buffer, conn);
}

void iser_transmit_free(struct iser_conn *conn)
{
	iser_slab_give(&conn->transmit.slab, reactor_arena(conn->conn.reactor));
	free(conn->transmit.tx);
	free(conn->transmit.ring);
}

static struct iser_tx *take_buffer(struct iser_conn *conn, bool is_plain)
{
	struct iser_transmit *transmit = &conn->transmit;
	struct iser_tx *tx;

	if (is_plain) {
		if (transmit->is_login_busy)
			return NULL;
		transmit->is_login_busy = true;
		return &transmit->login;
	}
	tx = transmit->free;
	if (tx != NULL)
		transmit->free = tx->next;
	return tx;
}

static void give_buffer(struct iser_conn *conn, struct iser_tx *tx)
{
	struct iser_transmit *transmit = &conn->transmit;

	if (tx == &transmit->login) {
		transmit->is_login_busy = false;
		return;
	}
	tx->next = transmit->free;
	transmit->free = tx;
}

/* --- the chain --- */

static void flush(struct iser_conn *conn)
{
	struct iser_transmit *transmit = &conn->transmit;
	struct iser_chain *chain = &conn->core->chain;
	struct ibv_send_wr *bad;
	int err;

	if (chain->count == 0)
		return;
	for (unsigned i = 0; i + 1 < chain->count; i++)
		chain->wr[i].next = &chain->wr[i + 1];
	chain->wr[chain->count - 1].next = NULL;
	/* A chain ends with what was noted last. */
	chain->wr[chain->count - 1].send_flags |= IBV_SEND_SIGNALED;
	transmit->ring[(transmit->tail - 1) & transmit->mask].is_signalled = true;
	transmit->unsignalled = 0;
	chain->count = 0;
	chain->sge_count = 0;
	err = ibv_post_send(conn->qp, chain->wr, &bad);
	if (err != 0) {
		iser_conn_end(conn, TRANSPORT_END_RESET, err > 0 ? -err : err, false);
		return;
	}
	if (!conn->is_stall_timed) {
		conn->is_stall_timed = true;
		reactor_timer_start(conn->conn.reactor, &conn->stall_timer,
				    conn->stall_ns / CLOCK_NS_PER_MS);
	}
}

bool iser_transmit_room(struct iser_conn *conn, unsigned wrs, unsigned sges)
{
	struct iser_chain *chain = &conn->core->chain;

	if (chain->count + wrs > ISER_CHAIN_MAX || chain->sge_count + sges > ISER_CHAIN_SGE_MAX)
		flush(conn);
	return conn->state < ISER_CLOSING;
}

struct ibv_send_wr *iser_transmit_next(struct iser_conn *conn)
{
	struct iser_chain *chain = &conn->core->chain;
	struct ibv_send_wr *wr = &chain->wr[chain->count++];

	/* The entries of the one before are known by now. */
	if (chain->count > 1)
		chain->sge_count += (unsigned)wr[-1].num_sge;
	wr->wr_id = iser_wr_id(conn, ISER_WR_SEND);
	wr->send_flags = 0;
	wr->sg_list = &chain->sge[chain->sge_count];
	return wr;
}

void iser_transmit_note(struct iser_conn *conn, const struct iser_posted *posted)
{
	struct iser_transmit *transmit = &conn->transmit;
	struct iser_chain *chain = &conn->core->chain;
	struct iser_posted *place = &transmit->ring[transmit->tail & transmit->mask];

	if (transmit->head == transmit->tail)
		transmit->progress_ns = reactor_now_ns(conn->conn.reactor);
	*place = *posted;
	/* A Read's completion gives depth back: nobody else's will do. */
	place->is_signalled = posted->task != NULL || ++transmit->unsignalled >= ISER_SIGNAL_EVERY;
	if (place->is_signalled) {
		chain->wr[chain->count - 1].send_flags |= IBV_SEND_SIGNALED;
		transmit->unsignalled = 0;
	}
	transmit->tail++;
	transmit->slots -= posted->wrs;
}

uint32_t iser_gather(const struct iser_device *device, const struct extents *extents,
		     uint32_t offset, uint32_t length, struct ibv_sge *sge, unsigned max,
		     int *count)
{
	const struct extent *extent = extents->extent;
	const struct extent *end = extent + extents->count;
	uint32_t covered = 0;
	unsigned used = 0;

	while (extent != end && offset >= extent->length)
		offset -= extent++->length;
	for (; extent != end && covered < length && used < max; extent++) {
		uint32_t piece = min(length - covered, extent->length - offset);

		if (!iser_device_key(device, extent, &sge[used].lkey))
			return 0;
		sge[used].addr = (uintptr_t)extent->data + offset;
		sge[used].length = piece;
		used++;
		covered += piece;
		offset = 0;
	}
	*count = (int)used;
	return covered;
}

/* --- items --- */

static struct transport_pdu *pdu_of(struct iser_item *item)
{
	return container_of((uint64_t(*)[4])(void *)item, struct transport_pdu, mover);
}

static struct iser_task *task_of_item(struct iser_item *item)
{
	return container_of(item, struct iser_task, put);
}

/* Writes a control-type message; returns its length, padding included. */
static uint32_t encode(uint8_t *at, const struct bhs *bhs, const uint8_t *data, uint32_t length)
{
	static const struct iser_control nothing_offered;
	struct bhs *header = (void *)(at + ISER_HDR_LEN);
	uint32_t padded = bhs_padded_len(length);

	iser_control_encode(at, &nothing_offered);
	*header = *bhs;
	bhs_set_data_len(header, length);
	if (length != 0)
		memcpy(at + ISER_HEADERS, data, length);
	memset(at + ISER_HEADERS + length, 0, padded - length);
	return ISER_HEADERS + padded;
}

/* What a put has to invalidate, or 0. */
static uint32_t stag_to_invalidate(const struct iser_conn *conn, const struct iser_task *it)
{
	if (!conn->may_invalidate)
		return 0;
	if (it->has_read && it->read_stag != 0)
		return it->read_stag;
	return it->has_write ? it->write_stag : 0;
}

static void add_send(struct iser_conn *conn, struct iser_tx *tx, uint32_t length, uint32_t stag)
{
	struct ibv_send_wr *wr = iser_transmit_next(conn);

	wr->sg_list[0] = (struct ibv_sge){
		.addr = (uintptr_t)tx->data, .length = length, .lkey = tx->lkey,
	};
	wr->num_sge = 1;
	/* Spares the device fetching it. */
	if (length <= conn->inline_max)
		wr->send_flags = IBV_SEND_INLINE;
	wr->opcode = stag != 0 ? IBV_WR_SEND_WITH_INV : IBV_WR_SEND;
	wr->invalidate_rkey = stag;
}

/* The RDMA Writes of a put; 0 when they cannot be made, else how many. */
static uint16_t add_writes(struct iser_conn *conn, const struct transport_task *task,
			   const struct iser_task *it)
{
	uint32_t offset = 0;
	uint16_t wrs = 0;

	while (offset < task->put_length) {
		struct ibv_send_wr *wr = iser_transmit_next(conn);
		uint32_t covered = iser_gather(conn->device, task->data, offset,
					       min_t(uint32_t, task->put_length - offset, WRITE_MAX),
					       wr->sg_list, conn->write_sge, &wr->num_sge);

		if (covered == 0)
			return 0;
		wr->opcode = IBV_WR_RDMA_WRITE;
		wr->wr.rdma.remote_addr = it->read_va + offset;
		wr->wr.rdma.rkey = it->read_stag;
		offset += covered;
		wrs++;
	}
	return wrs;
}

/* Work requests that a put takes at most, its SEND included. */
static uint32_t count_wrs(const struct iser_conn *conn, const struct transport_task *task)
{
	if (task->put_length == 0)
		return 1;
	return task->data->count / conn->write_sge + 1 + task->put_length / WRITE_MAX + 1 + 1;
}

/* Its data cannot be moved at all: that ends the connection, and what was begun is never posted. */
static void give_up(struct iser_conn *conn, struct iser_tx *tx, int err)
{
	struct iser_chain *chain = &conn->core->chain;

	chain->count = 0;
	chain->sge_count = 0;
	give_buffer(conn, tx);
	iser_conn_end(conn, TRANSPORT_END_PROTOCOL, err, false);
}

static bool post_put(struct iser_conn *conn, struct iser_item *item, struct iser_tx *tx)
{
	struct iser_task *it = task_of_item(item);
	struct transport_task *task = task_of_iser(it);
	uint32_t length;
	uint16_t writes = 0;

	if (task->put_length != 0) {
		writes = it->has_read ? add_writes(conn, task, it) : 0;
		if (writes == 0) {
			give_up(conn, tx, it->has_read ? -EFAULT : -EPROTO);
			return false;
		}
	}
	length = encode(tx->data, &task->response, task->sense, task->sense_length);
	/* RFC 7145 section 7.3.4: no Data-In was sent, so none is to be expected. */
	put_be32(tx->data + ISER_HDR_LEN + BHS_AT_DATA_SN, 0);
	add_send(conn, tx, length, stag_to_invalidate(conn, it));
	iser_transmit_note(conn, &(struct iser_posted){
					 .item = item, .tx = tx, .wrs = (uint16_t)(writes + 1) });
	return true;
}

static bool post_pdu(struct iser_conn *conn, struct iser_item *item, struct iser_tx *tx)
{
	struct transport_pdu *pdu = pdu_of(item);

	add_send(conn, tx, encode(tx->data, &pdu->bhs, pdu->data, pdu->data_length), 0);
	iser_transmit_note(conn, &(struct iser_posted){ .item = item, .tx = tx, .wrs = 1 });
	return true;
}

static bool post_hello(struct iser_conn *conn, struct iser_item *item, struct iser_tx *tx)
{
	enum { VERSION = 10 };
	struct iser_hello_reply reply = {
		.is_rejected = conn->transmit.hello_rejects,
		.max_ver = VERSION, .cur_ver = VERSION, .iser_ord = conn->transmit.hello_ord,
	};

	iser_hello_reply_encode(tx->data, &reply);
	add_send(conn, tx, ISER_HDR_LEN, 0);
	iser_transmit_note(conn, &(struct iser_posted){ .item = item, .tx = tx, .wrs = 1 });
	return true;
}

/* Whether the data of ITEM's message is more than its buffer, and so the peer's, takes. */
static bool is_too_long(const struct iser_conn *conn, struct iser_item *item)
{
	uint32_t most = item->is_plain ? ISER_LOGIN_DATA_MAX : ISER_SEND_DATA_MAX;

	(void)conn;
	if (item->kind == ISER_ITEM_PUT)
		return task_of_iser(task_of_item(item))->sense_length > most;
	return item->kind == ISER_ITEM_PDU && pdu_of(item)->data_length > most;
}

/* Posts ITEM. False: it has to wait, or the connection is ending. */
static bool post_item(struct iser_conn *conn, struct iser_item *item)
{
	uint32_t wrs = 1;
	struct iser_tx *tx;

	if (UNLIKELY(is_too_long(conn, item))) {
		iser_conn_end(conn, TRANSPORT_END_PROTOCOL, -EMSGSIZE, false);
		return false;
	}
	if (item->kind == ISER_ITEM_PUT)
		wrs = count_wrs(conn, task_of_iser(task_of_item(item)));
	if (UNLIKELY(wrs > PUT_WRS_MAX || wrs > conn->transmit.mask)) {
		iser_conn_end(conn, TRANSPORT_END_PROTOCOL, -EFBIG, false);
		return false;
	}
	if (wrs > conn->transmit.slots) {
		conn->transmit.lacks_slots = true;
		return false;
	}
	tx = take_buffer(conn, item->is_plain);
	if (tx == NULL)
		return false;
	if (!iser_transmit_room(conn, wrs, wrs + EXTENTS_MAX)) {
		give_buffer(conn, tx);
		return false;
	}
	switch ((enum iser_item_kind)item->kind) {
	case ISER_ITEM_PDU:
		return post_pdu(conn, item, tx);
	case ISER_ITEM_PUT:
		return post_put(conn, item, tx);
	case ISER_ITEM_HELLO:
		return post_hello(conn, item, tx);
	}
	return false;
}

void iser_transmit_post(struct iser_conn *conn)
{
	struct list *queue = &conn->transmit.queue;
	struct list_node *node;

	conn->core->chain.count = 0;
	conn->core->chain.sge_count = 0;
	conn->transmit.lacks_slots = false;
	while ((node = list_front(queue)) != NULL &&
	       post_item(conn, container_of(node, struct iser_item, link)))
		list_remove(node);
	/* Gets shall not take, one by one, the room that a put of many pieces waits for. */
	if (conn->state == ISER_OPEN && !conn->transmit.lacks_slots)
		iser_fetch_post(conn);
	if (conn->state < ISER_CLOSING)
		flush(conn);
}

/* --- completions --- */

static void complete(struct iser_conn *conn, struct iser_item *item, int err)
{
	if (item->kind == ISER_ITEM_PDU)
		pdu_of(item)->sent(pdu_of(item), err);
	else if (item->kind == ISER_ITEM_PUT)
		conn->conn.up->put_done(&conn->conn, task_of_iser(task_of_item(item)), err);
}

/* Takes the oldest out of the ring; returns whether it had a completion of its own. */
static bool complete_oldest(struct iser_conn *conn, int err)
{
	struct iser_transmit *transmit = &conn->transmit;
	struct iser_posted posted = transmit->ring[transmit->head & transmit->mask];

	transmit->head++;
	transmit->slots += posted.wrs;
	if (posted.task != NULL) {
		/* A get that fails is completed with its like: fetch.c. */
		if (err == 0)
			iser_fetch_read_done(conn, posted.task);
		return posted.is_signalled;
	}
	give_buffer(conn, posted.tx);
	complete(conn, posted.item, err);
	return posted.is_signalled;
}

void iser_transmit_done(struct iser_conn *conn, const struct ibv_wc *wc)
{
	struct iser_transmit *transmit = &conn->transmit;

	if (conn->state >= ISER_CLOSING)
		return;
	if (wc->status != IBV_WC_SUCCESS) {
		iser_conn_failed(conn, wc->status, "send failed");
		return;
	}
	transmit->progress_ns = reactor_now_ns(conn->conn.reactor);
	while (transmit->head != transmit->tail && !complete_oldest(conn, 0))
		;
	if (!list_is_empty(&transmit->queue) || !list_is_empty(&conn->fetch.waiting) ||
	    conn->state != ISER_OPEN)
		iser_conn_defer(conn);
}

bool iser_transmit_is_idle(const struct iser_conn *conn)
{
	return list_is_empty(&conn->transmit.queue) &&
	       conn->transmit.head == conn->transmit.tail;
}

void iser_transmit_fail(struct iser_conn *conn, int err)
{
	struct iser_transmit *transmit = &conn->transmit;
	struct list_node *node;

	while (transmit->head != transmit->tail)
		complete_oldest(conn, err);
	while ((node = list_pop_front(&transmit->queue)) != NULL)
		complete(conn, container_of(node, struct iser_item, link), err);
}

/* --- the queue --- */

static void queue_item(struct iser_conn *conn, struct iser_item *item, enum iser_item_kind kind)
{
	item->kind = (uint8_t)kind;
	item->is_plain = !conn->is_full;
	list_node_init(&item->link);
	list_push_back(&conn->transmit.queue, &item->link);
	iser_conn_defer(conn);
}

void iser_transmit_send_control(struct transport_conn *transport, struct transport_pdu *pdu)
{
	queue_item(iser_of(transport), (struct iser_item *)(void *)pdu->mover, ISER_ITEM_PDU);
}

void iser_transmit_put_data(struct transport_conn *transport, struct transport_task *task)
{
	queue_item(iser_of(transport), &iser_task_of(task)->put, ISER_ITEM_PUT);
}

void iser_transmit_hello(struct iser_conn *conn, uint16_t ord, bool rejects)
{
	conn->transmit.hello_ord = ord;
	conn->transmit.hello_rejects = rejects;
	if (!list_is_linked(&conn->transmit.hello.link))
		queue_item(conn, &conn->transmit.hello, ISER_ITEM_HELLO);
}
