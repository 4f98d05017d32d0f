/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loop carrier: two byte pipes in memory in place of a socket. Receives
 * and sends complete in the turn after they were posted, when there are bytes
 * or room, as a socket's would.
 */
#include "transport/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "transport/stream/stream.h"

/* Grows as it is written; only test programs come here. */
struct pipe {
	uint8_t *bytes;
	size_t capacity;
	size_t begin, end;
};

/* One operation of the connection: a receive or a send. */
struct operation {
	struct msghdr *header; /* NULL: not in flight */
	bool is_cancelled;
};

struct loop_end {
	struct stream stream;
	struct loop *loop;
};

struct loop {
	struct reactor *reactor;
	struct loop_end *target; /* NULL: gone */
	struct pipe in, out;
	struct operation recv, send;
	size_t recv_max, send_max, room, passing;
	bool is_closed; /* by the peer */
	bool is_finished; /* by the target */
	bool is_waiting;
	int error;
	struct deferred pump;
};

/* --- pipes --- */

static size_t pipe_length(const struct pipe *pipe)
{
	return pipe->end - pipe->begin;
}

static void pipe_write(struct pipe *pipe, const void *bytes, size_t len)
{
	if (pipe->begin == pipe->end)
		pipe->begin = pipe->end = 0;
	if (pipe->capacity - pipe->end < len) {
		pipe->capacity = (pipe->end + len) * 2;
		pipe->bytes = realloc(pipe->bytes, pipe->capacity);
		/* A test without memory has failed. */
		if (pipe->bytes == NULL)
			abort();
	}
	if (len != 0)
		memcpy(pipe->bytes + pipe->end, bytes, len);
	pipe->end += len;
}

static size_t pipe_read(struct pipe *pipe, void *bytes, size_t max)
{
	size_t len = min(max, pipe_length(pipe));

	if (len != 0)
		memcpy(bytes, pipe->bytes + pipe->begin, len);
	pipe->begin += len;
	return len;
}

/* --- completing --- */

static size_t limit(size_t max)
{
	return max == 0 ? SIZE_MAX : max;
}

static bool is_recv_ready(const struct loop *loop)
{
	return loop->recv.header != NULL &&
	       (loop->recv.is_cancelled || loop->error != 0 || loop->is_closed ||
		(pipe_length(&loop->in) != 0 && loop->passing != 0));
}

static bool is_send_ready(const struct loop *loop)
{
	return loop->send.header != NULL && (loop->send.is_cancelled || loop->error != 0 ||
					     pipe_length(&loop->out) < loop->room);
}

static int recv_some(struct loop *loop, struct msghdr *header)
{
	size_t left = min(limit(loop->recv_max), loop->passing);
	size_t total = 0;

	for (size_t i = 0; i < header->msg_iovlen && left != 0; i++) {
		struct iovec *iov = &header->msg_iov[i];
		size_t got = pipe_read(&loop->in, iov->iov_base, min(iov->iov_len, left));

		total += got;
		left -= got;
	}
	if (loop->passing != SIZE_MAX)
		loop->passing -= total;
	return (int)total;
}

static int send_some(struct loop *loop, struct msghdr *header)
{
	size_t left = min(limit(loop->send_max), loop->room - pipe_length(&loop->out));
	size_t total = 0;

	for (size_t i = 0; i < header->msg_iovlen && left != 0; i++) {
		size_t len = min(header->msg_iov[i].iov_len, left);

		pipe_write(&loop->out, header->msg_iov[i].iov_base, len);
		total += len;
		left -= len;
	}
	return (int)total;
}

static struct msghdr *operation_take(struct operation *operation)
{
	struct msghdr *header = operation->header;

	operation->header = NULL;
	operation->is_cancelled = false;
	return header;
}

static void complete_recv(struct loop *loop)
{
	bool is_cancelled = loop->recv.is_cancelled;
	struct msghdr *header = operation_take(&loop->recv);
	int res;

	if (is_cancelled)
		res = -ECANCELED;
	else if (loop->error != 0)
		res = loop->error;
	else
		res = recv_some(loop, header);
	stream_received(&loop->target->stream, res);
}

static void complete_send(struct loop *loop)
{
	bool is_cancelled = loop->send.is_cancelled;
	struct msghdr *header = operation_take(&loop->send);
	int res;

	if (is_cancelled)
		res = -ECANCELED;
	else if (loop->error != 0)
		res = loop->error;
	else
		res = send_some(loop, header);
	stream_sent(&loop->target->stream, res);
}

static void pump(struct deferred *deferred)
{
	struct loop *loop = container_of(deferred, struct loop, pump);

	if (is_recv_ready(loop))
		complete_recv(loop);
	if (is_send_ready(loop))
		complete_send(loop);
	if (is_recv_ready(loop) || is_send_ready(loop))
		reactor_defer(loop->reactor, &loop->pump);
}

static void wake(struct loop *loop)
{
	if (is_recv_ready(loop) || is_send_ready(loop))
		reactor_defer(loop->reactor, &loop->pump);
}

/* --- the carrier --- */

static struct loop *loop_of(struct stream *stream)
{
	return container_of(stream, struct loop_end, stream)->loop;
}

static void carry_recv(struct stream *stream, struct msghdr *header, bool wait_first)
{
	struct loop *loop = loop_of(stream);

	loop->recv.header = header;
	loop->is_waiting = wait_first;
	wake(loop);
}

static void carry_send(struct stream *stream, struct msghdr *header)
{
	struct loop *loop = loop_of(stream);

	loop->send.header = header;
	wake(loop);
}

static void carry_cancel_recv(struct stream *stream)
{
	struct loop *loop = loop_of(stream);

	loop->recv.is_cancelled = loop->recv.header != NULL;
	wake(loop);
}

static void carry_cancel_send(struct stream *stream)
{
	struct loop *loop = loop_of(stream);

	loop->send.is_cancelled = loop->send.header != NULL;
	wake(loop);
}

static void carry_finish_sending(struct stream *stream)
{
	loop_of(stream)->is_finished = true;
}

static void carry_leave(struct stream *stream)
{
	struct loop *loop = loop_of(stream);

	reactor_undefer(loop->reactor, &loop->pump);
}

static void carry_enter(struct stream *stream)
{
	struct loop *loop = loop_of(stream);

	loop->reactor = stream->conn.reactor;
	wake(loop);
}

static void carry_release(struct stream *stream)
{
	struct loop_end *target = container_of(stream, struct loop_end, stream);

	target->loop->is_finished = true;
	target->loop->target = NULL;
	reactor_undefer(target->loop->reactor, &target->loop->pump);
	free(target);
}

static const struct stream_carrier loop_carrier = {
	.name = "loop",
	.recv = carry_recv,
	.send = carry_send,
	.cancel_recv = carry_cancel_recv,
	.cancel_send = carry_cancel_send,
	.finish_sending = carry_finish_sending,
	.leave = carry_leave,
	.enter = carry_enter,
	.release = carry_release,
};

/* --- the peer's end --- */

static void loop_free(struct loop *loop)
{
	free(loop->in.bytes);
	free(loop->out.bytes);
	free(loop->target);
	free(loop);
}

int loop_connect(const struct loop_config *config, struct loop **out)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	struct loop_end *target = calloc(1, sizeof(*target));
	int err = -ENOMEM;

	if (loop == NULL || target == NULL)
		goto fail;
	loop->reactor = config->reactor;
	loop->room = SIZE_MAX;
	loop->passing = SIZE_MAX;
	loop->pump.run = pump;
	target->loop = loop;
	target->stream.conn.reactor = config->reactor;
	strcpy(target->stream.conn.peer, "loop:peer");
	strcpy(target->stream.conn.local, "loop:target");
	err = stream_init(&target->stream, &loop_carrier, config->stall_seconds);
	if (err < 0)
		goto fail;
	loop->target = target;
	err = config->connected(config->user, &target->stream.conn);
	if (err < 0) {
		stream_discard(&target->stream);
		loop_free(loop);
		return err;
	}
	stream_start(&target->stream);
	*out = loop;
	return 0;
fail:
	free(target);
	free(loop);
	return err;
}

void loop_destroy(struct loop *loop)
{
	loop_free(loop);
}

struct transport_conn *loop_conn(struct loop *loop)
{
	return &loop->target->stream.conn;
}

void loop_feed(struct loop *loop, const void *bytes, size_t len)
{
	pipe_write(&loop->in, bytes, len);
	wake(loop);
}

void loop_close(struct loop *loop)
{
	loop->is_closed = true;
	wake(loop);
}

void loop_reset(struct loop *loop, int err)
{
	loop->error = err;
	wake(loop);
}

size_t loop_unread(const struct loop *loop)
{
	return pipe_length(&loop->in);
}

size_t loop_available(const struct loop *loop)
{
	return pipe_length(&loop->out);
}

size_t loop_read(struct loop *loop, void *buf, size_t max)
{
	size_t len = pipe_read(&loop->out, buf, max);

	wake(loop);
	return len;
}

void loop_set_pieces(struct loop *loop, size_t recv_max, size_t send_max)
{
	loop->recv_max = recv_max;
	loop->send_max = send_max;
}

void loop_set_passing(struct loop *loop, size_t bytes)
{
	loop->passing = bytes;
	wake(loop);
}

void loop_set_room(struct loop *loop, size_t bytes)
{
	loop->room = bytes;
	wake(loop);
}

bool loop_is_waiting(const struct loop *loop)
{
	return loop->recv.header != NULL && loop->is_waiting;
}

bool loop_is_finished(const struct loop *loop)
{
	return loop->is_finished;
}

bool loop_is_gone(const struct loop *loop)
{
	return loop->target == NULL;
}
