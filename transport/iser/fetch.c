/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Getting data: RDMA Reads from the buffers that commands offer (RFC 7145
 * section 7.3.5). The initiator answers only so many at a time (its responder
 * resources, our ORD): one more would break the connection, so gets wait for
 * depth, in order.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "transport/iser/iser.h"

enum { READ_MAX = 1024 * 1024 };	/* bytes of one Read: large ones do not hold up small ones long */

void iser_fetch_init(struct iser_conn *conn)
{
	list_init(&conn->fetch.gets);
	list_init(&conn->fetch.waiting);
	list_init(&conn->fetch.ended);
}

void iser_fetch_task_begin(struct transport_conn *transport, struct transport_task *task,
			   const struct transport_rx *rx)
{
	struct iser_task *it = iser_task_of(task);
	struct iser_control control;

	(void)transport;
	memset(it, 0, sizeof(*it));
	iser_control_decode((const uint8_t *)(uintptr_t)rx->mover[0], &control);
	it->has_write = control.has_write_stag;
	it->has_read = control.has_read_stag;
	it->write_stag = control.write_stag;
	it->read_stag = control.read_stag;
	it->write_va = control.write_base_offset;
	it->read_va = control.read_base_offset;
}

/* --- the end of a get --- */

static void get_end(struct iser_task *it)
{
	list_remove(&it->link);
	list_remove(&it->waiting);
	it->is_getting = false;
}

/* Over, and iSCSI hears of it at the end of this turn. */
static void get_end_later(struct iser_conn *conn, struct iser_task *it, int err)
{
	get_end(it);
	it->error = err;
	list_push_back(&conn->fetch.ended, &it->link);
	iser_conn_defer(conn);
}

static void get_complete(struct iser_conn *conn, struct iser_task *it, int err)
{
	get_end(it);
	conn->conn.up->get_done(&conn->conn, task_of_iser(it), err);
}

void iser_fetch_task_end(struct transport_conn *transport, struct transport_task *task)
{
	struct iser_conn *conn = iser_of(transport);
	struct iser_task *it = iser_task_of(task);

	if (!it->is_getting)
		return;
	/* Reads that are out go on writing to its memory: it ends with them. */
	it->error = -ECANCELED;
	it->next = it->end;
	list_remove(&it->waiting);
	if (it->reads == 0)
		get_end_later(conn, it, -ECANCELED);
}

void iser_fetch_read_done(struct iser_conn *conn, struct iser_task *it)
{
	conn->conn.solicited++;
	conn->fetch.outstanding--;
	it->reads--;
	if (it->reads == 0 && it->next == it->end)
		get_complete(conn, it, it->error);
}

void iser_fetch_run(struct iser_conn *conn)
{
	struct list_node *node;

	while ((node = list_pop_front(&conn->fetch.ended)) != NULL) {
		struct iser_task *it = container_of(node, struct iser_task, link);

		conn->conn.up->get_done(&conn->conn, task_of_iser(it), it->error);
	}
}

void iser_fetch_fail(struct iser_conn *conn, int err)
{
	struct list_node *node;

	iser_fetch_run(conn);
	while ((node = list_front(&conn->fetch.gets)) != NULL)
		get_complete(conn, container_of(node, struct iser_task, link), err);
}

/* --- a get --- */

void iser_fetch_get_data(struct transport_conn *transport, struct transport_task *task)
{
	struct iser_conn *conn = iser_of(transport);
	struct iser_task *it = iser_task_of(task);

	assert(!it->is_getting);
	/* The initiators' STag stands for what is behind the unsolicited data. */
	if (!it->has_base)
		it->base = task->get_offset;
	it->has_base = true;
	it->is_getting = true;
	it->error = 0;
	it->next = task->get_offset;
	it->end = task->get_offset + task->get_length;
	list_push_back(&conn->fetch.gets, &it->link);
	if (task->get_length == 0) {
		get_end_later(conn, it, 0);
	} else if (!it->has_write) {
		get_end_later(conn, it, -EPROTO);
	} else {
		list_push_back(&conn->fetch.waiting, &it->waiting);
		iser_conn_defer(conn);
	}
}

/* One Read into the chain. False: the connection is ending. */
static bool post_read(struct iser_conn *conn, struct iser_task *it)
{
	struct transport_task *task = task_of_iser(it);
	struct ibv_send_wr *wr;
	uint32_t covered;

	if (!iser_transmit_room(conn, 1, conn->read_sge))
		return false;
	wr = iser_transmit_next(conn);
	covered = iser_gather(conn->device, task->data, it->next,
			      min_t(uint32_t, it->end - it->next, READ_MAX), wr->sg_list,
			      conn->read_sge, &wr->num_sge);
	if (covered == 0) {
		iser_conn_end(conn, TRANSPORT_END_RESET, -EFAULT, false);
		return false;
	}
	wr->opcode = IBV_WR_RDMA_READ;
	wr->wr.rdma.remote_addr = it->write_va + (it->next - it->base);
	wr->wr.rdma.rkey = it->write_stag;
	it->next += covered;
	it->reads++;
	conn->fetch.outstanding++;
	iser_transmit_note(conn, &(struct iser_posted){ .task = it, .wrs = 1 });
	return true;
}

void iser_fetch_post(struct iser_conn *conn)
{
	struct iser_fetch *fetch = &conn->fetch;
	struct list_node *node;

	while ((node = list_front(&fetch->waiting)) != NULL &&
	       fetch->outstanding < fetch->depth && conn->transmit.slots != 0) {
		struct iser_task *it = container_of(node, struct iser_task, waiting);

		if (!post_read(conn, it))
			return;
		if (it->next == it->end)
			list_remove(node);
	}
}
