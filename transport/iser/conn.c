/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of an iSER connection: accepted, enabled for full feature phase,
 * drained, disconnected, gone.
 *
 * However it ends, the QP is destroyed first: from then on no device touches
 * its memory and no completion is added. What the completion queue still holds
 * of it is taken out, then everyone is told, then its memory goes. That needs
 * no flushing of work requests, which devices do differently, and no wait for
 * the end of TIMEWAIT, which some never tell.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "transport/iser/cm.h"
#include "transport/iser/iser.h"

static const struct iser_verbs *verbs_of(const struct iser_conn *conn)
{
	return conn->core->iser->verbs;
}

static void note(struct iser_conn *conn, const char *what, uint64_t a, uint64_t b)
{
	events_add(&conn->events, reactor_now_ns(conn->conn.reactor), what, a, b);
}

/* --- parting --- */

/*
 * All is said, and the peer shall disconnect: the kernel's initiator takes our disconnect for a
 * failure until it has seen to its Logout Response; libiscsi never disconnects, frees its memory,
 * and leaves a thread behind that writes to it when we do. So everything of the connection goes
 * but the id, which waits until the peer, at the latest by its process's end, lets go.
 */
void iser_parting_end(struct iser_parting *parting)
{
	struct iser_core *core = parting->core;

	reactor_timer_stop(core->reactor, &parting->timer);
	list_remove(&parting->link);
	core->parting_count--;
	core->iser->verbs->destroy_id(parting->id);
	iser_device_put(parting->device);
	iser_core_unuse(core);
	free(parting);
}

static void parting_event(struct iser_party *party, enum rdma_cm_event_type type, int status)
{
	struct iser_parting *parting = container_of(party, struct iser_parting, party);

	(void)status;
	if (type == RDMA_CM_EVENT_DEVICE_REMOVAL)
		iser_device_remove(parting->device);
	if (type == RDMA_CM_EVENT_DISCONNECTED || type == RDMA_CM_EVENT_DEVICE_REMOVAL)
		iser_parting_end(parting);
}

static void parting_expired(struct timer *timer)
{
	struct iser_parting *parting = container_of(timer, struct iser_parting, timer);

	parting->core->iser->verbs->disconnect(parting->id);
	iser_parting_end(parting);
}

/* The id is the parting's from now on. False: it is to be destroyed. */
static bool part(struct iser_conn *conn)
{
	struct iser_core *core = conn->core;
	struct iser_parting *parting = core->is_closing ? NULL : calloc(1, sizeof(*parting));

	if (parting == NULL)
		return false;
	if (core->parting_count == ISER_PARTINGS_MAX)
		iser_parting_end(container_of(list_front(&core->partings), struct iser_parting,
					      link));
	*parting = (struct iser_parting){
		.party.event = parting_event,
		.core = core,
		.device = conn->device,
		.id = conn->id,
		.timer.expired = parting_expired,
	};
	parting->id->context = &parting->party;
	atomic_fetch_add(&parting->device->references, 1);
	iser_core_use(core);
	list_push_back(&core->partings, &parting->link);
	core->parting_count++;
	reactor_timer_start(core->reactor, &parting->timer, ISER_PARTING_MS);
	return true;
}

/* --- ending --- */

static void release(struct iser_conn *conn)
{
	struct reactor *reactor = conn->conn.reactor;
	struct arena *arena = reactor_arena(reactor);

	reactor_timer_stop(reactor, &conn->stall_timer);
	reactor_timer_stop(reactor, &conn->close_timer);
	reactor_undefer(reactor, &conn->work);
	iser_receive_free(conn);
	iser_transmit_free(conn);
	iser_slab_give(&conn->slab, arena);
	if (!conn->parts || conn->has_parted || !part(conn))
		verbs_of(conn)->destroy_id(conn->id);
	if (conn->cq != NULL)
		iser_cq_give(conn->cq, conn->cq_entries);
	atomic_fetch_sub(&conn->device->conns, 1);
	iser_device_put(conn->device);
	iser_core_unuse(conn->core);
	free(conn);
}

static void destroy_qp(struct iser_conn *conn)
{
	if (conn->qp == NULL)
		return;
	verbs_of(conn)->destroy_qp(conn->id);
	conn->qp = NULL;
	/* Completions of other connections are served as ever; ours are passed over. */
	iser_cq_drain(conn->cq);
}

static bool has_unfinished(const struct iser_conn *conn)
{
	return !iser_transmit_is_idle(conn) || !list_is_empty(&conn->fetch.gets) ||
	       !list_is_empty(&conn->fetch.ended);
}

static void tell_end(struct iser_conn *conn)
{
	int err = conn->end_error < 0 ? conn->end_error : -ECONNABORTED;

	if (!conn->is_connected) {
		if (!conn->is_refused)
			conn->origin.lost(conn->origin.user, conn->conn.reactor, conn->conn.peer);
		return;
	}
	/* Those who are told may queue more. */
	while (has_unfinished(conn)) {
		iser_transmit_fail(conn, err);
		iser_fetch_fail(conn, err);
	}
	conn->state = ISER_GONE;
	conn->conn.up->terminated(&conn->conn, conn->end, conn->end_error);
}

static void finish(struct iser_conn *conn)
{
	destroy_qp(conn);
	tell_end(conn);
	release(conn);
}

static void begin_close(struct iser_conn *conn)
{
	bool knows_us = conn->state == ISER_OPEN || conn->state == ISER_DRAINING;

	note(conn, "closing", conn->state, conn->parts);
	conn->state = ISER_CLOSING;
	/* Says goodbye; whether it is heard does not matter any more. */
	if (knows_us && !conn->parts)
		verbs_of(conn)->disconnect(conn->id);
	iser_conn_defer(conn);
}

void iser_conn_end(struct iser_conn *conn, enum transport_end end, int err, bool graceful)
{
	if (conn->state <= ISER_OPEN) {
		conn->end = end;
		conn->end_error = err;
		note(conn, "ending", end, (uint64_t)-err);
		if (conn->state < ISER_OPEN)
			graceful = false;
		if (graceful) {
			conn->state = ISER_DRAINING;
			reactor_timer_start(conn->conn.reactor, &conn->close_timer,
					    ISER_DRAIN_MS);
			iser_conn_defer(conn);
		}
	}
	if (!graceful && conn->state < ISER_CLOSING)
		begin_close(conn);
}

static void terminate(struct transport_conn *transport, bool graceful)
{
	iser_conn_end(iser_of(transport), TRANSPORT_END_TERMINATED, 0, graceful);
}

static void close_expired(struct timer *timer)
{
	struct iser_conn *conn = container_of(timer, struct iser_conn, close_timer);

	if (conn->state <= ISER_OPEN) {
		log_limited(&conn->core->log_limit, LOG_LEVEL_INFO,
			    "iser: %s: accepted, and not heard of for %d s", conn->conn.peer,
			    ISER_ACCEPT_MS / 1000);
		iser_conn_end(conn, TRANSPORT_END_RESET, -ETIMEDOUT, false);
	} else if (conn->state < ISER_CLOSING) {
		begin_close(conn);
	}
}

/* --- what the device and the connection manager say --- */

static int error_of(enum ibv_wc_status status)
{
	switch (status) {
	case IBV_WC_WR_FLUSH_ERR:
		return -ECONNRESET;
	case IBV_WC_RETRY_EXC_ERR:
	case IBV_WC_RNR_RETRY_EXC_ERR:
	case IBV_WC_RESP_TIMEOUT_ERR:
		return -ETIMEDOUT;
	case IBV_WC_LOC_LEN_ERR:
		return -EMSGSIZE;
	case IBV_WC_REM_ACCESS_ERR:
	case IBV_WC_REM_INV_REQ_ERR:
	case IBV_WC_REM_OP_ERR:
	case IBV_WC_REM_ABORT_ERR:
		return -EREMOTEIO;
	default:
		return -EIO;
	}
}

void iser_conn_failed(struct iser_conn *conn, enum ibv_wc_status status, const char *what)
{
	note(conn, what, status, 0);
	iser_conn_end(conn, TRANSPORT_END_RESET, error_of(status), false);
}

void iser_conn_established(struct iser_conn *conn)
{
	if (conn->state != ISER_ACCEPTED)
		return;
	conn->state = ISER_OPEN;
	reactor_timer_stop(conn->conn.reactor, &conn->close_timer);
	note(conn, "established", conn->fetch.depth, conn->may_invalidate);
	if (conn->origin.connected(conn->origin.user, &conn->conn) == 0) {
		conn->is_connected = true;
		return;
	}
	conn->is_refused = true;
	begin_close(conn);
}

void iser_conn_event(struct iser_party *party, enum rdma_cm_event_type type, int status)
{
	struct iser_conn *conn = container_of(party, struct iser_conn, party);

	note(conn, rdma_event_str(type), type, (uint64_t)-status);
	/* Also when it is closing already: this comes once. */
	if (type == RDMA_CM_EVENT_DISCONNECTED || type == RDMA_CM_EVENT_DEVICE_REMOVAL)
		conn->has_parted = true;
	if (type == RDMA_CM_EVENT_DEVICE_REMOVAL)
		iser_device_remove(conn->device);
	if (conn->state == ISER_ARRIVING) {
		conn->end_error = -ECONNRESET;
		return;
	}
	switch (type) {
	case RDMA_CM_EVENT_ESTABLISHED:
		iser_conn_established(conn);
		break;
	case RDMA_CM_EVENT_DISCONNECTED:
		iser_conn_end(conn, TRANSPORT_END_CLOSED, 0, false);
		break;
	case RDMA_CM_EVENT_DEVICE_REMOVAL:
		iser_conn_end(conn, TRANSPORT_END_RESET, -ENODEV, false);
		break;
	case RDMA_CM_EVENT_CONNECT_ERROR:
	case RDMA_CM_EVENT_UNREACHABLE:
	case RDMA_CM_EVENT_REJECTED:
		iser_conn_end(conn, TRANSPORT_END_RESET, -ECONNREFUSED, false);
		break;
	default:
		/* TIMEWAIT_EXIT, ADDR_CHANGE: nothing that changes what a QP can do. */
		break;
	}
}

/* --- working --- */

/* Once in each turn in which something was queued or has come. */
static void work(struct deferred *deferred)
{
	struct iser_conn *conn = container_of(deferred, struct iser_conn, work);

	if (conn->state == ISER_CLOSING) {
		finish(conn);
		return;
	}
	if (conn->state >= ISER_OPEN)
		iser_fetch_run(conn);
	if (conn->state == ISER_OPEN || conn->state == ISER_DRAINING) {
		int err = iser_receive_post(conn);

		if (err < 0)
			iser_conn_end(conn, TRANSPORT_END_RESET, err, false);
		else
			iser_transmit_post(conn);
	}
	/* All is sent, and has arrived. Who breaks the protocol is not waited for. */
	if (conn->state == ISER_DRAINING && iser_transmit_is_idle(conn)) {
		conn->parts = conn->end == TRANSPORT_END_TERMINATED;
		begin_close(conn);
	}
}

/* Runs from the first send on as long as something is outstanding. */
static void stall_expired(struct timer *timer)
{
	struct iser_conn *conn = container_of(timer, struct iser_conn, stall_timer);
	struct iser_transmit *transmit = &conn->transmit;
	uint64_t idle_ns = reactor_now_ns(conn->conn.reactor) - transmit->progress_ns;

	conn->is_stall_timed = false;
	if (transmit->head == transmit->tail)
		return;
	if (idle_ns >= conn->stall_ns) {
		iser_conn_end(conn, TRANSPORT_END_STALLED, -ETIMEDOUT, false);
		return;
	}
	conn->is_stall_timed = true;
	reactor_timer_start(conn->conn.reactor, timer,
			    (conn->stall_ns - idle_ns) / CLOCK_NS_PER_MS + 1);
}

static int enable(struct transport_conn *transport, const struct transport_keys *keys)
{
	struct iser_conn *conn = iser_of(transport);
	uint32_t window = transport->limits.window_max;
	int err;

	/* Discovery stays as the login phase was: one PDU at a time each way. */
	if (!keys->rdma_extensions) {
		transport->limits.control_data_max = ISER_LOGIN_DATA_MAX;
		return 0;
	}
	assert(!conn->is_full);
	transport->limits.control_data_max =
		min_t(uint32_t, ISER_SEND_DATA_MAX, keys->send_data_max);
	/* The login's receive goes on as one of them. */
	err = iser_receive_enable(conn, conn->recv_depth - 1);
	if (err == 0)
		err = iser_transmit_enable(conn, window + ISER_SENDS_EXTRA);
	if (err < 0)
		return err;
	conn->is_full = true;
	note(conn, "enabled", window, keys->send_data_max);
	return 0;
}

static const struct transport_ops iser_ops = {
	.send_control = iser_transmit_send_control,
	.put_data = iser_transmit_put_data,
	.get_data = iser_fetch_get_data,
	.task_begin = iser_fetch_task_begin,
	.task_end = iser_fetch_task_end,
	.enable = enable,
	.terminate = terminate,
};

/* --- beginning --- */

static struct transport_limits limits(const struct iser_conn *conn)
{
	return (struct transport_limits){
		.name = "iser",
		.digests = false,
		.rdma_extensions = true,
		.max_recv_negotiated = false,
		.login_data_max = ISER_LOGIN_DATA_MAX,
		.control_data_max = ISER_SEND_DATA_MAX,
		.recv_data_max = ISER_RECV_DATA_MAX,
		.recv_control_max = ISER_RECV_DATA_MAX,
		.window_max = conn->recv_depth - ISER_RECEIVES_EXTRA,
		.unexpected_max = ISER_RECEIVES_EXTRA,
	};
}

static int create_qp(struct iser_conn *conn)
{
	struct ibv_qp_init_attr attr = {
		.qp_context = conn,
		.send_cq = conn->cq->cq,
		.recv_cq = conn->cq->cq,
		.qp_type = IBV_QPT_RC,
		.cap = {
			.max_send_wr = conn->device->send_depth,
			.max_recv_wr = conn->recv_depth,
			.max_send_sge = conn->write_sge,
			.max_recv_sge = 1,
			.max_inline_data = ISER_INLINE,
		},
	};
	struct ibv_qp_cap wanted = attr.cap;

	/* Some devices cannot have all their maxima at once, and not all send inline. */
	while (verbs_of(conn)->create_qp(conn->id, conn->device->pd, &attr) != 0) {
		if (wanted.max_inline_data != 0) {
			wanted.max_inline_data = 0;
		} else if (conn->write_sge > 1) {
			conn->write_sge /= 2;
			conn->read_sge = min(conn->read_sge, conn->write_sge);
			wanted.max_send_sge = conn->write_sge;
		} else {
			return errno != 0 ? -errno : -ENOMEM;
		}
		attr.cap = wanted;
	}
	conn->qp = conn->id->qp;
	/* What was granted may be more than was asked for. */
	conn->inline_max = attr.cap.max_inline_data;
	return 0;
}

static void use_login_buffer(void *context, unsigned index, uint8_t *data, uint32_t lkey)
{
	struct iser_conn *conn = context;

	if (index == 0)
		iser_receive_login_buffer(conn, data, lkey);
	else
		conn->transmit.login = (struct iser_tx){ .data = data, .lkey = lkey };
}

static int accept_it(struct iser_conn *conn)
{
	uint8_t private_data[ISER_CM_LEN];
	struct rdma_conn_param param = {
		.private_data = private_data,
		.private_data_len = sizeof(private_data),
		.responder_resources = conn->responder_resources,
		.initiator_depth = (uint8_t)conn->fetch.depth,
		.rnr_retry_count = 7,	/* for ever: who takes nothing is told from it by time */
	};

	iser_cm_encode(private_data, conn->may_invalidate);
	conn->state = ISER_ACCEPTED;
	if (verbs_of(conn)->accept(conn->id, &param) != 0)
		return errno != 0 ? -errno : -EIO;
	reactor_timer_start(conn->conn.reactor, &conn->close_timer, ISER_ACCEPT_MS);
	return 0;
}

/* WHAT: what it failed at. */
static int set_up(struct iser_conn *conn, const char **what)
{
	struct iser_device *device = conn->device;
	int err;

	*what = "connection request";
	if (conn->end_error < 0)
		return conn->end_error;
	*what = "registration of memory";
	if (!iser_device_has_arena(device, reactor_index(conn->conn.reactor)))
		return -ENOMEM;
	*what = "completion queue";
	conn->cq = iser_cq_take(conn->core, device, conn->cq_entries);
	if (conn->cq == NULL)
		return errno != 0 ? -errno : -ENOMEM;
	*what = "buffers";
	err = iser_slab_take(&conn->slab, reactor_arena(conn->conn.reactor), device, ISER_BUFFER,
			     2, use_login_buffer, conn);
	if (err == 0)
		err = iser_transmit_init(conn);
	if (err < 0)
		return err;
	*what = "queue pair";
	err = create_qp(conn);
	if (err == 0)
		err = iser_receive_post(conn);
	if (err < 0)
		return err;
	*what = "accept";
	return accept_it(conn);
}

static void fill(struct iser_conn *conn)
{
	unsigned stall_seconds = conn->origin.stall_seconds;

	if (stall_seconds == 0)
		stall_seconds = ISER_STALL_DEFAULT_S;
	conn->stall_ns = stall_seconds * CLOCK_NS_PER_S;
	conn->recv_depth = conn->device->recv_depth;
	conn->cq_entries = conn->device->send_depth + conn->recv_depth;
	conn->write_sge = conn->device->write_sge;
	conn->read_sge = conn->device->read_sge;
	conn->conn.ops = &iser_ops;
	conn->conn.limits = limits(conn);
	conn->conn.lacks_memory = &conn->device->lacks_memory;
	conn->work.run = work;
	conn->stall_timer.expired = stall_expired;
	conn->close_timer.expired = close_expired;
	iser_receive_init(conn);
	iser_fetch_init(conn);
	list_init(&conn->transmit.queue);
}

void iser_conn_start(struct iser_conn *conn)
{
	const char *what;
	int err;

	atomic_fetch_add(&conn->device->conns, 1);
	atomic_store_explicit(&conn->device->has_served, true, memory_order_relaxed);
	iser_core_use(conn->core);
	fill(conn);
	err = set_up(conn, &what);
	if (err == 0)
		return;
	log_limited(&conn->core->log_limit, LOG_LEVEL_WARNING, "iser: %s: cannot be accepted: %s: %s",
		    conn->conn.peer, what, strerror(-err));
	conn->state = ISER_CLOSING;
	verbs_of(conn)->reject(conn->id, NULL, 0);
	finish(conn);
}
