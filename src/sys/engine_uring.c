/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The io_uring engine. Everything that was queued in a turn is submitted, and
 * what has completed is fetched, by one io_uring_enter.
 *
 * What the kernel offers is tried, best first, and what is missing is noted:
 * nothing beyond Linux 5.1's operations is needed.
 */
#include <assert.h>
#include <errno.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "base/counter.h"
#include "sys/engine.h"
#include "sys/workers.h"

#define DEPTH_DEFAULT 1024u
#define DEPTH_MIN 64u
#define FILES_MAX 4096u		/* descriptors below this can be registered; slot = descriptor */
#define BUFFERS_MAX 64u
#define HARVEST 64u		/* completions taken off the ring at a time */

/* user_data of completions that belong to no operation */
#define TOKEN_IGNORE UINT64_C(0)
#define TOKEN_WAKE UINT64_C(1)
/* Before Linux 5.11 liburing waits with a limit by an operation of its own, which has this. */
#define TOKEN_TIMEOUT ((uint64_t)LIBURING_UDATA_TIMEOUT)

/* op->state, where op->link is on the list of that name */
enum { STATE_CANCELLED = 1, STATE_CANCELLING };

struct uring {
	struct engine engine;
	struct io_uring ring;
	struct workers *workers;
	struct registrar registrar;
	struct memory *memory;
	struct list backlog;	/* the submission ring was full, or is not open yet */
	struct list cancelling;	/* the kernel shall be asked when the ring has room */
	struct list cancelled;	/* complete them in the next turn */
	struct iovec buffer[BUFFERS_MAX];
	unsigned buffers;
	unsigned flags;		/* of set-up, those that were accepted */
	int wake_fd;
	uint64_t wake_value;
	bool enabled;		/* on the thread that owns it */
	bool has_files;
	_Atomic bool has_buffers;	/* set by the first turn, while others may ask for it */
	bool has_poll_first;
	bool wake_armed;
	uint8_t registered[FILES_MAX];
	struct counter fixed;
	struct counter plain;
	char fallbacks[256];
};

static void note(struct uring *uring, const char *what, int err)
{
	size_t used = strlen(uring->fallbacks);

	snprintf(uring->fallbacks + used, sizeof(uring->fallbacks) - used, "%s%s: %s",
		 used > 0 ? "; " : "", what, strerror(-err));
}

/* --- the registrar: each region of this reactor becomes a fixed buffer --- */

static int region_added(struct registrar *registrar, struct region *region, uint64_t *key)
{
	struct uring *uring = container_of(registrar, struct uring, registrar);

	if (uring->enabled || uring->buffers == BUFFERS_MAX)
		return -ENOSPC;
	uring->buffer[uring->buffers].iov_base = region->base;
	uring->buffer[uring->buffers].iov_len = region->length;
	*key = uring->buffers++;
	return 0;
}

static void region_removed(struct registrar *registrar, struct region *region, uint64_t key)
{
	/* Regions of a reactor go after its ring has gone. */
	(void)registrar;
	(void)region;
	(void)key;
}

static const struct registrar_ops uring_registrar = {
	.name = "io_uring",
	.region_added = region_added,
	.region_removed = region_removed,
};

/* --- from operation to submission entry --- */

static void prepare_fd(const struct uring *uring, struct io_uring_sqe *sqe, int fd)
{
	if ((unsigned)fd < FILES_MAX && uring->registered[fd])
		sqe->flags |= IOSQE_FIXED_FILE;
}

/* A message of one piece needs no msghdr: the cheaper operation. */
static void prepare_recv(const struct uring *uring, struct io_uring_sqe *sqe,
			 const struct io_op *op)
{
	const struct msghdr *header = op->msg.header;

	if (header->msg_iovlen == 1)
		io_uring_prep_recv(sqe, op->fd, header->msg_iov[0].iov_base,
				   header->msg_iov[0].iov_len, 0);
	else
		io_uring_prep_recvmsg(sqe, op->fd, op->msg.header, 0);
	if (op->msg.wait_first && uring->has_poll_first)
		sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
}

static void prepare_send(struct io_uring_sqe *sqe, const struct io_op *op)
{
	const struct msghdr *header = op->msg.header;

	if (header->msg_iovlen == 1)
		io_uring_prep_send(sqe, op->fd, header->msg_iov[0].iov_base,
				   header->msg_iov[0].iov_len, MSG_NOSIGNAL);
	else
		io_uring_prep_sendmsg(sqe, op->fd, header, MSG_NOSIGNAL);
}

static void prepare_rw(struct uring *uring, struct io_uring_sqe *sqe, const struct io_op *op)
{
	const struct region *region = op->rw.region;
	uint64_t key = REGION_NO_KEY;
	bool reads = op->code == IO_READ;

	if (region != NULL && op->rw.count == 1 && uring->has_buffers)
		key = region->key[uring->registrar.slot];
	if (key != REGION_NO_KEY) {
		const struct iovec *iov = op->rw.iov;

		counter_increment(&uring->fixed);
		if (reads)
			io_uring_prep_read_fixed(sqe, op->fd, iov->iov_base,
						 (unsigned)iov->iov_len, op->rw.offset, (int)key);
		else
			io_uring_prep_write_fixed(sqe, op->fd, iov->iov_base,
						  (unsigned)iov->iov_len, op->rw.offset, (int)key);
	} else {
		counter_increment(&uring->plain);
		if (reads)
			io_uring_prep_readv(sqe, op->fd, op->rw.iov, op->rw.count, op->rw.offset);
		else
			io_uring_prep_writev(sqe, op->fd, op->rw.iov, op->rw.count, op->rw.offset);
	}
	sqe->rw_flags = op->rw.rwf;
}

static void prepare(struct uring *uring, struct io_uring_sqe *sqe, struct io_op *op)
{
	switch (op->code) {
	case IO_ACCEPT:
		io_uring_prep_accept(sqe, op->fd, NULL, NULL, SOCK_CLOEXEC);
		break;
	case IO_RECVMSG:
		prepare_recv(uring, sqe, op);
		break;
	case IO_SENDMSG:
		prepare_send(sqe, op);
		break;
	case IO_POLL:
		io_uring_prep_poll_add(sqe, op->fd, op->events);
		break;
	case IO_READ:
	case IO_WRITE:
		prepare_rw(uring, sqe, op);
		break;
	case IO_SYNC:
		io_uring_prep_fsync(sqe, op->fd, op->data_only ? IORING_FSYNC_DATASYNC : 0);
		break;
	default:
		assert(!"an operation that the engine does not know");
	}
	prepare_fd(uring, sqe, op->fd);
	io_uring_sqe_set_data(sqe, op);
}

static void uring_submit(struct engine *engine, struct io_op *op)
{
	struct uring *uring = container_of(engine, struct uring, engine);
	struct io_uring_sqe *sqe;

	if (op->code == IO_WORK) {
		workers_submit(uring->workers, op);
		return;
	}
	/* Before the first turn it is not known what can be used. */
	sqe = NULL;
	if (uring->enabled && list_is_empty(&uring->backlog))
		sqe = io_uring_get_sqe(&uring->ring);
	if (sqe == NULL)
		list_push_back(&uring->backlog, &op->link);
	else
		prepare(uring, sqe, op);
}

static void drain_backlog(struct uring *uring)
{
	while (!list_is_empty(&uring->backlog)) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);

		if (sqe == NULL)
			return;
		prepare(uring, sqe,
			container_of(list_pop_front(&uring->backlog), struct io_op, link));
	}
}

/* False where the ring has no room. */
static bool ask_cancel(struct uring *uring, struct io_op *op)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);

	if (sqe == NULL)
		return false;
	io_uring_prep_cancel(sqe, op, 0);
	sqe->user_data = TOKEN_IGNORE;
	return true;
}

static void uring_cancel(struct engine *engine, struct io_op *op)
{
	struct uring *uring = container_of(engine, struct uring, engine);

	if (op->code == IO_WORK) {
		if (op->state != STATE_CANCELLED && workers_cancel(uring->workers, op)) {
			op->state = STATE_CANCELLED;
			list_push_back(&uring->cancelled, &op->link);
		}
		return;
	}
	if (op->state == STATE_CANCELLING)
		return;
	if (list_is_linked(&op->link)) { /* in the backlog, or cancelled already */
		list_remove(&op->link);
		list_push_back(&uring->cancelled, &op->link);
		return;
	}
	if (ask_cancel(uring, op))
		return;
	io_uring_submit(&uring->ring);
	if (ask_cancel(uring, op))
		return;
	op->state = STATE_CANCELLING;
	list_push_back(&uring->cancelling, &op->link);
}

static void drain_cancelling(struct uring *uring)
{
	struct list_node *node;

	while ((node = list_front(&uring->cancelling)) != NULL) {
		struct io_op *op = container_of(node, struct io_op, link);

		if (!ask_cancel(uring, op))
			return;
		list_remove(node);
		op->state = 0;
	}
}

/* --- the turn --- */

/* The ring belongs to the thread that runs the loop: called on it, once. */
static void enable(struct uring *uring)
{
	int rc;

	uring->enabled = true;
	if (uring->buffers > 0) {
		rc = io_uring_register_buffers(&uring->ring, uring->buffer, uring->buffers);
		uring->has_buffers = rc == 0;
		if (rc < 0)
			note(uring, "no fixed buffers", rc);
	}
	/* io_uring_enable_rings is declared but not exported by liburing 2.3. */
	if (uring->flags & IORING_SETUP_R_DISABLED)
		io_uring_register((unsigned)uring->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS,
				  NULL, 0);
	io_uring_register_ring_fd(&uring->ring);
}

static void arm_wake(struct uring *uring)
{
	struct io_uring_sqe *sqe;

	if (uring->wake_armed)
		return;
	sqe = io_uring_get_sqe(&uring->ring);
	if (sqe == NULL)
		return;
	io_uring_prep_read(sqe, uring->wake_fd, &uring->wake_value, sizeof(uring->wake_value), 0);
	sqe->user_data = TOKEN_WAKE;
	uring->wake_armed = true;
}

static unsigned complete_cancelled(struct uring *uring)
{
	struct list_node *node;
	unsigned count = 0;

	while ((node = list_pop_front(&uring->cancelled)) != NULL) {
		struct io_op *op = container_of(node, struct io_op, link);

		op->code = IO_NONE;
		op->done(op, -ECANCELED);
		count++;
	}
	return count;
}

/* Takes completions off the ring before any callback runs: callbacks may submit, which uses the ring. */
static unsigned harvest(struct uring *uring)
{
	unsigned total = 0;
	unsigned count;

	do {
		struct io_uring_cqe *cqes[HARVEST];
		struct io_op *ops[HARVEST];
		unsigned ready = io_uring_peek_batch_cqe(&uring->ring, cqes, HARVEST);

		count = 0;
		for (unsigned i = 0; i < ready; i++) {
			uint64_t token = cqes[i]->user_data;

			if (token == TOKEN_WAKE)
				uring->wake_armed = false;
			if (token == TOKEN_WAKE || token == TOKEN_IGNORE || token == TOKEN_TIMEOUT)
				continue;
			ops[count] = (struct io_op *)(uintptr_t)token;
			ops[count++]->res = cqes[i]->res;
		}
		io_uring_cq_advance(&uring->ring, ready);
		for (unsigned i = 0; i < count; i++) {
			/* It has come to its end before the kernel could be asked. */
			if (UNLIKELY(ops[i]->state == STATE_CANCELLING))
				list_remove(&ops[i]->link);
			ops[i]->code = IO_NONE;
			ops[i]->done(ops[i], ops[i]->res);
		}
		total += count;
	} while (count == HARVEST);
	return total;
}

static void enter(struct uring *uring, int timeout_ms)
{
	struct __kernel_timespec ts = {
		.tv_sec = timeout_ms / 1000,
		.tv_nsec = (long long)(timeout_ms % 1000) * 1000000,
	};
	struct io_uring_cqe *cqe;

	if (timeout_ms == 0)
		io_uring_submit_and_get_events(&uring->ring);
	else if (timeout_ms < 0)
		io_uring_submit_and_wait(&uring->ring, 1);
	else
		io_uring_submit_and_wait_timeout(&uring->ring, &cqe, 1, &ts, NULL);
}

static bool uring_has_events(struct engine *engine)
{
	struct uring *uring = container_of(engine, struct uring, engine);

	return io_uring_cq_ready(&uring->ring) > 0 ||
	       (IO_URING_READ_ONCE(*uring->ring.sq.kflags) &
		(IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0 ||
	       workers_have_finished(uring->workers);
}

static unsigned uring_turn(struct engine *engine, int timeout_ms)
{
	struct uring *uring = container_of(engine, struct uring, engine);
	unsigned count = 0;

	if (!uring->enabled)
		enable(uring);
	arm_wake(uring);
	drain_cancelling(uring);
	drain_backlog(uring);
	/* Where the ring was too full for the wake-up, nothing would end the wait. */
	if (!uring->wake_armed || !list_is_empty(&uring->cancelled) ||
	    !list_is_empty(&uring->cancelling) || !list_is_empty(&uring->backlog) ||
	    io_uring_cq_ready(&uring->ring) > 0 ||
	    workers_have_finished(uring->workers))
		timeout_ms = 0;
	enter(uring, timeout_ms);
	count += complete_cancelled(uring);
	count += harvest(uring);
	count += workers_complete(uring->workers);
	return count;
}

/* --- registered descriptors: the slot is the descriptor's number --- */

static void uring_fd_register(struct engine *engine, int fd)
{
	struct uring *uring = container_of(engine, struct uring, engine);

	if (!uring->has_files || (unsigned)fd >= FILES_MAX || uring->registered[fd])
		return;
	if (io_uring_register_files_update(&uring->ring, (unsigned)fd, &fd, 1) == 1)
		uring->registered[fd] = 1;
}

static void uring_fd_forget(struct engine *engine, int fd)
{
	struct uring *uring = container_of(engine, struct uring, engine);
	int none = -1;

	if ((unsigned)fd >= FILES_MAX || !uring->registered[fd])
		return;
	io_uring_register_files_update(&uring->ring, (unsigned)fd, &none, 1);
	uring->registered[fd] = 0;
}

/*
 * Nobody else may change the set of a ring with a single issuer, and the kernel
 * takes its time to clear a ring away: whoever opens a device next finds it busy.
 */
static void uring_let_go(struct engine *engine)
{
	for (int fd = 0; fd < (int)FILES_MAX; fd++)
		uring_fd_forget(engine, fd);
}

static void uring_describe(const struct engine *engine, struct reactor_info *info)
{
	const struct uring *uring = container_of(engine, const struct uring, engine);

	snprintf(info->features, sizeof(info->features), "%s%s%s%s%s",
		 uring->flags & IORING_SETUP_SINGLE_ISSUER ? "single-issuer " : "",
		 uring->flags & IORING_SETUP_DEFER_TASKRUN ? "defer-taskrun " : "",
		 uring->has_files ? "registered-files " : "",
		 uring->has_buffers ? "fixed-buffers " : "",
		 uring->has_poll_first ? "poll-first " : "");
	if (info->features[0] != '\0')
		info->features[strlen(info->features) - 1] = '\0';
	snprintf(info->fallbacks, sizeof(info->fallbacks), "%s", uring->fallbacks);
	info->fixed_buffers = counter_read(&uring->fixed);
	info->plain_buffers = counter_read(&uring->plain);
}

static void uring_destroy(struct engine *engine)
{
	struct uring *uring = container_of(engine, struct uring, engine);

	io_uring_queue_exit(&uring->ring);
	memory_registrar_remove(uring->memory, &uring->registrar);
	free(uring);
}

static const struct engine_ops uring_ops = {
	.name = "uring",
	.submit = uring_submit,
	.cancel = uring_cancel,
	.turn = uring_turn,
	.has_events = uring_has_events,
	.fd_register = uring_fd_register,
	.fd_forget = uring_fd_forget,
	.let_go = uring_let_go,
	.describe = uring_describe,
	.destroy = uring_destroy,
};

/* --- set-up --- */

/* From the newest kernels' set of flags down to none. */
static int set_up_ring(struct uring *uring, unsigned depth)
{
	static const unsigned ladder[] = {
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_R_DISABLED |
			IORING_SETUP_SUBMIT_ALL,				/* 6.1 */
		IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
			IORING_SETUP_SUBMIT_ALL,				/* 5.19 */
		0,
	};
	int rc = -ENOSYS;

	for (unsigned i = 0; i < ARRAY_SIZE(ladder); i++) {
		struct io_uring_params params = {
			.flags = ladder[i] | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
			.cq_entries = depth * 4,
		};

		rc = io_uring_queue_init_params(depth, &uring->ring, &params);
		if (rc != -EINVAL) {
			uring->flags = ladder[i];
			break;
		}
	}
	if (rc == 0 && !(uring->flags & IORING_SETUP_DEFER_TASKRUN))
		note(uring, "no deferred task work", -EINVAL);
	return rc;
}

/* Without these operations (5.1 to 5.5 lack some) the epoll engine is the better one. */
static int check_operations(struct uring *uring)
{
	static const int needed[] = { IORING_OP_ACCEPT, IORING_OP_RECV, IORING_OP_SEND,
				      IORING_OP_ASYNC_CANCEL, IORING_OP_READ };
	struct io_uring_probe *probe = io_uring_get_probe_ring(&uring->ring);
	int rc = 0;

	if (probe == NULL)
		return -ENOSYS;
	for (unsigned i = 0; i < ARRAY_SIZE(needed); i++)
		if (!io_uring_opcode_supported(probe, needed[i]))
			rc = -ENOSYS;
	/* Came in 5.19 and 6.0, as did the operation that the probe can show. */
	uring->has_poll_first = io_uring_opcode_supported(probe, IORING_OP_SOCKET);
	io_uring_free_probe(probe);
	return rc;
}

int engine_uring_create(const struct engine_config *config, struct engine **out)
{
	unsigned depth = config->reactor->queue_depth;
	struct uring *uring = calloc(1, sizeof(*uring));
	int rc;

	if (uring == NULL)
		return -ENOMEM;
	uring->engine.ops = &uring_ops;
	uring->workers = config->workers;
	uring->memory = config->reactor->memory;
	uring->wake_fd = config->wake_fd;
	list_init(&uring->backlog);
	list_init(&uring->cancelling);
	list_init(&uring->cancelled);
	if (depth == 0)
		depth = DEPTH_DEFAULT;
	/* The rings are locked memory: a small ring where little of that is allowed. */
	while ((rc = set_up_ring(uring, depth)) == -ENOMEM && depth / 2 >= DEPTH_MIN)
		depth /= 2;
	if (rc < 0)
		goto free;
	rc = check_operations(uring);
	if (rc < 0)
		goto exit;
	rc = io_uring_register_files_sparse(&uring->ring, FILES_MAX);
	uring->has_files = rc == 0;
	if (rc < 0)
		note(uring, "no registered files", rc);
	uring->registrar.ops = &uring_registrar;
	uring->registrar.reactor = (int)config->reactor->index;
	rc = memory_registrar_add(uring->memory, &uring->registrar);
	if (rc < 0)
		goto exit;
	*out = &uring->engine;
	return 0;
exit:
	io_uring_queue_exit(&uring->ring);
free:
	free(uring);
	return rc;
}
