/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a stream connection: set up, enabled for full feature phase,
 * drained, closed.
 *
 * A connection that ends in order sends what is queued, tells the peer that
 * nothing more comes, and listens for the peer's own end for a while: closing
 * a socket while bytes arrive would make the kernel throw away what the peer
 * has not read yet. Every wait has its limit.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"
#include "transport/stream/stream.h"

static void note(struct stream *stream, const char *what, uint64_t a, uint64_t b)
{
	events_add(&stream->events, reactor_now_ns(stream->conn.reactor), what, a, b);
}

static void print_event(void *ctx, const struct event *event)
{
	const struct stream *stream = ctx;

	log_debug("%s: %s %llu %llu at %llu us", stream->conn.peer, event->what,
		  (unsigned long long)event->a, (unsigned long long)event->b,
		  (unsigned long long)(event->time_ns / CLOCK_NS_PER_US));
}

/* --- ending --- */

static void free_memory(struct stream *stream)
{
	free(stream->rx.buffer);
	free(stream->rx.next_buffer);
	free(stream->tx.batch);
	solicit_free(&stream->solicit);
}

static bool has_unfinished(const struct stream *stream)
{
	return !list_is_empty(&stream->tx.cut) || !list_is_empty(&stream->tx.queue) ||
	       !list_is_empty(&stream->solicit.gets) || !list_is_empty(&stream->solicit.ended);
}

/* Nothing is in flight any more: everyone hears of it, and the connection goes. */
static void finish(struct stream *stream)
{
	struct reactor *reactor = stream->conn.reactor;
	int err = stream->end_error < 0 ? stream->end_error : -ECONNABORTED;

	/* Those who are told may queue more. */
	while (has_unfinished(stream)) {
		transmit_fail(stream, err);
		solicit_fail(stream, err);
	}
	stream->state = STREAM_GONE;
	reactor_timer_stop(reactor, &stream->stall_timer);
	reactor_timer_stop(reactor, &stream->close_timer);
	reactor_undefer(reactor, &stream->work);
	if (log_get_level() >= LOG_LEVEL_DEBUG)
		events_print(&stream->events, print_event, stream);
	stream->conn.up->terminated(&stream->conn, stream->end, stream->end_error);
	free_memory(stream);
	stream->carrier->release(stream);
}

static void begin_close(struct stream *stream)
{
	stream->state = STREAM_CLOSING;
	note(stream, "closing", stream->rx.is_in_flight, stream->tx.is_in_flight);
	if (stream->rx.is_in_flight)
		stream->carrier->cancel_recv(stream);
	if (stream->tx.is_in_flight)
		stream->carrier->cancel_send(stream);
	stream_defer(stream);
}

void stream_end(struct stream *stream, enum transport_end end, int err, bool graceful)
{
	if (stream->state <= STREAM_MOVING) {
		stream->end = end;
		stream->end_error = err;
		stream->state = STREAM_DRAINING;
		note(stream, "ending", end, (uint64_t)-err);
		reactor_timer_start(stream->conn.reactor, &stream->close_timer, STREAM_DRAIN_MS);
		stream_defer(stream);
	}
	if (!graceful && stream->state < STREAM_CLOSING)
		begin_close(stream);
}

static void terminate(struct transport_conn *conn, bool graceful)
{
	stream_end(stream_of(conn), TRANSPORT_END_TERMINATED, 0, graceful);
}

/* All is sent. */
static void say_goodbye(struct stream *stream)
{
	if (stream->rx.has_ended) {
		begin_close(stream);
		return;
	}
	stream->state = STREAM_LINGERING;
	note(stream, "lingering", 0, 0);
	stream->carrier->finish_sending(stream);
	reactor_timer_start(stream->conn.reactor, &stream->close_timer, STREAM_LINGER_MS);
	receive_arm(stream);
}

static void close_expired(struct timer *timer)
{
	struct stream *stream = container_of(timer, struct stream, close_timer);

	stream_end(stream, stream->end, stream->end_error, false);
}

/* --- moving --- */

static void arrive(struct message *message)
{
	struct stream *stream = container_of(message, struct stream, arrival);

	stream->carrier->enter(stream);
	stream->state = STREAM_OPEN;
	note(stream, "moved", reactor_index(stream->conn.reactor), 0);
	stream->conn.up->moved(&stream->conn);
	receive_resume(stream);
}

/* Nothing is in flight: whoever delivers the message owns the connection. */
static void depart(struct stream *stream)
{
	struct reactor *from = stream->conn.reactor;

	reactor_timer_stop(from, &stream->stall_timer);
	stream->is_stall_timed = false;
	reactor_undefer(from, &stream->work);
	stream->carrier->leave(stream);
	stream->conn.reactor = stream->destination;
	stream->arrival.deliver = arrive;
	reactor_send(stream->destination, &stream->arrival);
}

static void move(struct transport_conn *conn, struct reactor *to)
{
	struct stream *stream = stream_of(conn);

	assert(!stream->is_enabled);
	if (stream->state != STREAM_OPEN)
		return;
	stream->state = STREAM_MOVING;
	stream->destination = to;
	note(stream, "moving", reactor_index(to), 0);
	if (stream->rx.is_in_flight)
		stream->carrier->cancel_recv(stream);
	stream_defer(stream);
}

/* --- working --- */

/* Once in each turn in which something was queued. */
static void work(struct deferred *deferred)
{
	struct stream *stream = container_of(deferred, struct stream, work);

	solicit_run(stream);
	if (stream->state < STREAM_CLOSING)
		transmit_gather(stream);
	if (stream->state == STREAM_MOVING && stream->tx.unsent == 0 &&
	    list_is_empty(&stream->tx.queue) && !stream->rx.is_in_flight) {
		depart(stream);
		return;
	}
	if (stream->state == STREAM_DRAINING && stream->tx.unsent == 0 &&
	    list_is_empty(&stream->tx.queue))
		say_goodbye(stream);
	if (stream->state == STREAM_CLOSING && !stream->rx.is_in_flight && !stream->tx.is_in_flight)
		finish(stream);
}

/* Runs only from the first send on, and is not touched by those that follow. */
static void stall_expired(struct timer *timer)
{
	struct stream *stream = container_of(timer, struct stream, stall_timer);
	struct stream_tx *tx = &stream->tx;
	uint64_t idle_ns = reactor_now_ns(stream->conn.reactor) - tx->progress_ns;

	stream->is_stall_timed = false;
	if (tx->unsent == 0) {
		free(tx->batch);
		tx->batch = NULL;
		return;
	}
	if (idle_ns >= stream->stall_ns) {
		stream_end(stream, TRANSPORT_END_STALLED, -ETIMEDOUT, false);
		return;
	}
	stream->is_stall_timed = true;
	reactor_timer_start(stream->conn.reactor, timer,
			    (stream->stall_ns - idle_ns) / CLOCK_NS_PER_MS + 1);
}

static void notice(struct transport_conn *conn, uint32_t send_data_max)
{
	struct stream *stream = stream_of(conn);
	const struct transport_keys *keys = &stream->keys;

	stream->keys.send_data_max = send_data_max;
	transmit_resegment(stream);
	stream->tx.segment_max = (uint32_t)align_down(
		min_t(uint32_t, min(keys->send_data_max, keys->max_burst), STREAM_SEGMENT_MAX), 4);
	note(stream, "noticed", send_data_max, 0);
}

static int enable(struct transport_conn *conn, const struct transport_keys *keys)
{
	struct stream *stream = stream_of(conn);
	struct stream_rx *rx = &stream->rx;

	assert(!stream->is_enabled);
	/* The parser may be in the middle of the present buffer: it is replaced afterwards. */
	rx->next_buffer = malloc(STREAM_BUFFER);
	if (rx->next_buffer == NULL)
		return -ENOMEM;
	rx->next_capacity = STREAM_BUFFER;
	stream->keys = *keys;
	stream->is_enabled = true;
	notice(conn, keys->send_data_max);
	stream->solicit.is_unordered = !keys->data_pdu_in_order;
	stream->tx.stat_sn = conn->numbers->stat_sn;
	stream->tx.burst_max = (uint32_t)align_down(keys->max_burst, 4);
	stream->tx.flags = (keys->header_digest ? TX_HEADER_DIGEST : 0) |
			   (keys->data_digest ? TX_DATA_DIGEST : 0);
	note(stream, "enabled", stream->tx.flags, keys->send_data_max);
	return 0;
}

static const struct transport_ops stream_ops = {
	.send_control = transmit_send_control,
	.put_data = transmit_put_data,
	.get_data = solicit_get_data,
	.task_begin = solicit_task_begin,
	.task_end = solicit_task_end,
	.enable = enable,
	.notice = notice,
	.resend_data = transmit_resend_data,
	.resend_r2ts = solicit_resend_r2ts,
	.adopt = transmit_adopt,
	.terminate = terminate,
	.move = move,
};

/* --- beginning --- */

static struct transport_limits limits(const char *name)
{
	return (struct transport_limits){
		.name = name,
		.digests = true,
		.rdma_extensions = false,
		.max_recv_negotiated = true,
		.login_data_max = STREAM_LOGIN_DATA_MAX,
		.control_data_max = BHS_DATA_LEN_MAX,
		.recv_data_max = BHS_DATA_LEN_MAX,
		.recv_control_max = STREAM_CONTROL_DATA_MAX,
		.window_max = UINT32_MAX,
		.moves = true,
		.resends = true,
	};
}

int stream_init(struct stream *stream, const struct stream_carrier *carrier, unsigned stall_seconds)
{
	if (stall_seconds == 0)
		stall_seconds = STREAM_STALL_DEFAULT_S;
	stream->rx.buffer = malloc(STREAM_LOGIN_BUFFER);
	if (stream->rx.buffer == NULL)
		return -ENOMEM;
	stream->rx.capacity = STREAM_LOGIN_BUFFER;
	stream->rx.wait_first = true;
	stream->carrier = carrier;
	stream->conn.ops = &stream_ops;
	stream->conn.limits = limits(carrier->name);
	stream->stall_ns = stall_seconds * CLOCK_NS_PER_S;
	list_init(&stream->tx.queue);
	list_init(&stream->tx.cut);
	/* What every initiator must take; enable knows better. */
	stream->tx.segment_max = 512;
	stream->tx.burst_max = 512;
	solicit_init(&stream->solicit);
	stream->work.run = work;
	stream->stall_timer.expired = stall_expired;
	stream->close_timer.expired = close_expired;
	return 0;
}

void stream_start(struct stream *stream)
{
	note(stream, "started", 0, 0);
	receive_arm(stream);
}

void stream_discard(struct stream *stream)
{
	reactor_timer_stop(stream->conn.reactor, &stream->stall_timer);
	reactor_timer_stop(stream->conn.reactor, &stream->close_timer);
	reactor_undefer(stream->conn.reactor, &stream->work);
	free_memory(stream);
}
