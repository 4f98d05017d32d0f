/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The epoll engine, for machines where io_uring is missing or forbidden: the
 * same operations on edge-triggered readiness, files on worker threads.
 *
 * A descriptor has at most one operation that waits to read and one that waits
 * to write. Whether it may be ready is remembered from edge to edge, so that
 * no system call is made which is known to find nothing.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/container.h"
#include "base/counter.h"
#include "sys/engine.h"
#include "sys/workers.h"

#define EVENTS_MAX 256

enum direction { READING, WRITING, DIRECTIONS };

/* op->state of an operation that this engine holds */
enum { STATE_QUEUED = 1, STATE_WAITING, STATE_DONE };

struct watch {
	bool added;			/* to the epoll set */
	bool ready[DIRECTIONS];		/* perhaps */
	struct io_op *waiting[DIRECTIONS];
};

struct epoll {
	struct engine engine;
	struct workers *workers;
	int epoll_fd;
	int wake_fd;
	struct watch *watch;		/* by descriptor */
	unsigned watches;
	struct list queued;		/* submitted in this turn */
	struct list finished;		/* completed, done not yet called */
	struct counter plain;
};

static enum direction direction_of(const struct io_op *op)
{
	if (op->code == IO_SENDMSG)
		return WRITING;
	if (op->code == IO_POLL && !(op->events & POLLIN))
		return WRITING;
	return READING;
}

/* --- descriptors --- */

static int watches_grow(struct epoll *epoll, unsigned count)
{
	unsigned size = epoll->watches > 0 ? epoll->watches : 64;
	struct watch *watch;

	while (size < count)
		size *= 2;
	if (size == epoll->watches)
		return 0;
	watch = realloc(epoll->watch, size * sizeof(*watch));
	if (watch == NULL)
		return -ENOMEM;
	memset(watch + epoll->watches, 0, (size - epoll->watches) * sizeof(*watch));
	epoll->watch = watch;
	epoll->watches = size;
	return 0;
}

static int watch_add(struct epoll *epoll, const struct io_op *op)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };
	struct watch *watch;
	int rc;

	if (op->fd < 0)
		return -EBADF;
	rc = watches_grow(epoll, (unsigned)op->fd + 1);
	if (rc < 0)
		return rc;
	watch = &epoll->watch[op->fd];
	if (watch->added)
		return 0;
	event.data.fd = op->fd;
	if (epoll_ctl(epoll->epoll_fd, EPOLL_CTL_ADD, op->fd, &event) < 0 && errno != EEXIST)
		return -errno;
	/* accept has no flag that says "do not wait" */
	if (op->code == IO_ACCEPT)
		fcntl(op->fd, F_SETFL, fcntl(op->fd, F_GETFL) | O_NONBLOCK);
	watch->added = true;
	watch->ready[READING] = true;
	watch->ready[WRITING] = true;
	return 0;
}

/* --- trying an operation --- */

static int try_poll(const struct io_op *op)
{
	struct pollfd pollfd = { .fd = op->fd, .events = (short)op->events };
	int rc = poll(&pollfd, 1, 0);

	if (rc < 0)
		return -errno;
	return rc == 0 ? -EAGAIN : pollfd.revents;
}

static int try_op(const struct io_op *op)
{
	ssize_t rc;

	switch (op->code) {
	case IO_ACCEPT:
		rc = accept4(op->fd, NULL, NULL, SOCK_CLOEXEC);
		break;
	case IO_RECVMSG:
		rc = recvmsg(op->fd, op->msg.header, MSG_DONTWAIT);
		break;
	case IO_SENDMSG:
		rc = sendmsg(op->fd, op->msg.header, MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	default:
		return try_poll(op);
	}
	if (rc < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	return (int)rc;
}

static void finish(struct epoll *epoll, struct io_op *op, int res)
{
	op->res = res;
	op->state = STATE_DONE;
	list_push_back(&epoll->finished, &op->link);
}

/* Tries OP if its descriptor may be ready; else it waits for the next edge. */
static void attempt(struct epoll *epoll, struct io_op *op)
{
	enum direction direction = direction_of(op);
	int rc = watch_add(epoll, op);
	struct watch *watch;

	if (rc < 0) {
		finish(epoll, op, rc);
		return;
	}
	watch = &epoll->watch[op->fd];
	if (watch->ready[direction]) {
		rc = try_op(op);
		if (rc != -EAGAIN && rc != -EWOULDBLOCK) {
			finish(epoll, op, rc);
			return;
		}
		watch->ready[direction] = false;
	}
	assert(watch->waiting[direction] == NULL);
	watch->waiting[direction] = op;
	op->state = STATE_WAITING;
}

static void edge(struct epoll *epoll, int fd, enum direction direction)
{
	struct watch *watch = &epoll->watch[fd];
	struct io_op *op = watch->waiting[direction];

	watch->ready[direction] = true;
	if (op == NULL)
		return;
	watch->waiting[direction] = NULL;
	attempt(epoll, op);
}

/* --- engine operations --- */

static void epoll_submit(struct engine *engine, struct io_op *op)
{
	struct epoll *epoll = container_of(engine, struct epoll, engine);

	switch (op->code) {
	case IO_READ:
	case IO_WRITE:
		counter_increment(&epoll->plain);
		workers_submit(epoll->workers, op);
		break;
	case IO_SYNC:
	case IO_WORK:
		workers_submit(epoll->workers, op);
		break;
	default:
		op->state = STATE_QUEUED;
		list_push_back(&epoll->queued, &op->link);
	}
}

static void epoll_cancel(struct engine *engine, struct io_op *op)
{
	struct epoll *epoll = container_of(engine, struct epoll, engine);

	switch (op->code) {
	case IO_READ:
	case IO_WRITE:
	case IO_SYNC:
	case IO_WORK:
		if (op->state != STATE_DONE && workers_cancel(epoll->workers, op))
			finish(epoll, op, -ECANCELED);
		return;
	default:
		break;
	}
	if (op->state == STATE_DONE)
		return;
	if (op->state == STATE_WAITING)
		epoll->watch[op->fd].waiting[direction_of(op)] = NULL;
	else
		list_remove(&op->link);
	finish(epoll, op, -ECANCELED);
}

static void try_queued(struct epoll *epoll)
{
	struct list queued;
	struct list_node *node;

	list_init(&queued);
	list_splice_back(&queued, &epoll->queued);
	while ((node = list_pop_front(&queued)) != NULL)
		attempt(epoll, container_of(node, struct io_op, link));
}

static unsigned complete_finished(struct epoll *epoll)
{
	struct list finished;
	struct list_node *node;
	unsigned count = 0;

	list_init(&finished);
	list_splice_back(&finished, &epoll->finished);
	while ((node = list_pop_front(&finished)) != NULL) {
		struct io_op *op = container_of(node, struct io_op, link);

		op->code = IO_NONE;
		op->state = 0;
		op->done(op, op->res);
		count++;
	}
	return count;
}

static void take_event(struct epoll *epoll, const struct epoll_event *event)
{
	uint64_t value;

	if (event->data.fd == epoll->wake_fd) {
		if (read(epoll->wake_fd, &value, sizeof(value)) < 0)
			return;
		return;
	}
	if (event->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		edge(epoll, event->data.fd, READING);
	if (event->events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		edge(epoll, event->data.fd, WRITING);
}

static unsigned epoll_turn(struct engine *engine, int timeout_ms)
{
	struct epoll *epoll = container_of(engine, struct epoll, engine);
	struct epoll_event events[EVENTS_MAX];
	unsigned total;
	int count;

	try_queued(epoll);
	if (!list_is_empty(&epoll->finished) || workers_have_finished(epoll->workers))
		timeout_ms = 0;
	count = epoll_wait(epoll->epoll_fd, events, EVENTS_MAX, timeout_ms);
	for (int i = 0; i < count; i++)
		take_event(epoll, &events[i]);
	total = complete_finished(epoll);
	return total + workers_complete(epoll->workers);
}

static bool epoll_has_events(struct engine *engine)
{
	struct epoll *epoll = container_of(engine, struct epoll, engine);
	struct pollfd pollfd = { .fd = epoll->epoll_fd, .events = POLLIN };

	return workers_have_finished(epoll->workers) || poll(&pollfd, 1, 0) > 0;
}

static void epoll_fd_register(struct engine *engine, int fd)
{
	(void)engine;
	(void)fd;
}

static void epoll_fd_forget(struct engine *engine, int fd)
{
	struct epoll *epoll = container_of(engine, struct epoll, engine);
	struct watch *watch;

	if (fd < 0 || (unsigned)fd >= epoll->watches)
		return;
	watch = &epoll->watch[fd];
	if (watch->added)
		epoll_ctl(epoll->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	memset(watch, 0, sizeof(*watch));
}

static void epoll_let_go(struct engine *engine)
{
	(void)engine;
}

static void epoll_describe(const struct engine *engine, struct reactor_info *info)
{
	const struct epoll *epoll = container_of(engine, const struct epoll, engine);

	strcpy(info->features, "edge-triggered workers");
	info->fallbacks[0] = '\0';
	info->fixed_buffers = 0;
	info->plain_buffers = counter_read(&epoll->plain);
}

static void epoll_destroy(struct engine *engine)
{
	struct epoll *epoll = container_of(engine, struct epoll, engine);

	close(epoll->epoll_fd);
	free(epoll->watch);
	free(epoll);
}

static const struct engine_ops epoll_ops = {
	.name = "epoll",
	.submit = epoll_submit,
	.cancel = epoll_cancel,
	.turn = epoll_turn,
	.has_events = epoll_has_events,
	.fd_register = epoll_fd_register,
	.fd_forget = epoll_fd_forget,
	.let_go = epoll_let_go,
	.describe = epoll_describe,
	.destroy = epoll_destroy,
};

int engine_epoll_create(const struct engine_config *config, struct engine **out)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = config->wake_fd };
	struct epoll *epoll = calloc(1, sizeof(*epoll));
	int rc;

	if (epoll == NULL)
		return -ENOMEM;
	epoll->engine.ops = &epoll_ops;
	epoll->workers = config->workers;
	epoll->wake_fd = config->wake_fd;
	list_init(&epoll->queued);
	list_init(&epoll->finished);
	epoll->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll->epoll_fd < 0) {
		rc = -errno;
		goto free;
	}
	if (epoll_ctl(epoll->epoll_fd, EPOLL_CTL_ADD, config->wake_fd, &event) < 0) {
		rc = -errno;
		goto close;
	}
	*out = &epoll->engine;
	return 0;
close:
	close(epoll->epoll_fd);
free:
	free(epoll);
	return rc;
}
