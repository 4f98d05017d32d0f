/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Worker threads: a queue under a lock on the way in, a lock-free one on the
 * way out.
 */
#include "sys/workers.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/container.h"

struct workers {
	unsigned most;
	int wake_fd;
	pthread_mutex_t lock;
	pthread_cond_t work_there;
	struct list queue;
	unsigned queued;
	unsigned started;
	unsigned idle;
	bool ending;
	struct mpsc finished;
	pthread_t thread[];
};

static int run_op(struct io_op *op)
{
	ssize_t moved;

	switch (op->code) {
	case IO_WORK:
		return op->work.run(op->work.argument);
	case IO_READ:
		moved = preadv2(op->fd, op->rw.iov, (int)op->rw.count, (off_t)op->rw.offset, 0);
		break;
	case IO_WRITE:
		moved = pwritev2(op->fd, op->rw.iov, (int)op->rw.count, (off_t)op->rw.offset,
				 op->rw.rwf);
		break;
	case IO_SYNC:
		moved = op->data_only ? fdatasync(op->fd) : fsync(op->fd);
		break;
	default:
		return -EINVAL;
	}
	return moved < 0 ? -errno : (int)moved;
}

static void finish(struct workers *workers, struct io_op *op)
{
	uint64_t one = 1;

	if (!mpsc_push(&workers->finished, &op->finished))
		return;
	/* A full counter also ends the wait; nothing else can fail here. */
	if (write(workers->wake_fd, &one, sizeof(one)) < 0)
		return;
}

static void *worker_main(void *argument)
{
	struct workers *workers = argument;

	pthread_mutex_lock(&workers->lock);
	for (;;) {
		struct list_node *node = list_pop_front(&workers->queue);
		struct io_op *op;

		if (node == NULL) {
			if (workers->ending)
				break;
			workers->idle++;
			pthread_cond_wait(&workers->work_there, &workers->lock);
			workers->idle--;
			continue;
		}
		workers->queued--;
		pthread_mutex_unlock(&workers->lock);
		op = container_of(node, struct io_op, link);
		op->res = run_op(op);
		finish(workers, op);
		pthread_mutex_lock(&workers->lock);
	}
	pthread_mutex_unlock(&workers->lock);
	return NULL;
}

/* Under the lock. Signals are for the daemon's own thread. */
static int start_one(struct workers *workers)
{
	sigset_t all;
	sigset_t before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&workers->thread[workers->started], NULL, worker_main, workers);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0)
		return -ENOMEM;
	workers->started++;
	return 0;
}

void workers_submit(struct workers *workers, struct io_op *op)
{
	int rc = 0;

	pthread_mutex_lock(&workers->lock);
	list_push_back(&workers->queue, &op->link);
	workers->queued++;
	/* A thread that was signalled and has not run yet is idle still: it takes only one. */
	if (workers->queued > workers->idle && workers->started < workers->most)
		rc = start_one(workers);
	/* Without any thread nobody would ever come for it. */
	if (rc < 0 && workers->started == 0) {
		list_remove(&op->link);
		workers->queued--;
		op->res = rc;
		finish(workers, op);
	} else {
		pthread_cond_signal(&workers->work_there);
	}
	pthread_mutex_unlock(&workers->lock);
}

bool workers_cancel(struct workers *workers, struct io_op *op)
{
	bool waiting;

	pthread_mutex_lock(&workers->lock);
	waiting = list_is_linked(&op->link);
	list_remove(&op->link);
	workers->queued -= waiting;
	pthread_mutex_unlock(&workers->lock);
	return waiting;
}

bool workers_have_finished(const struct workers *workers)
{
	return !mpsc_is_empty(&workers->finished);
}

unsigned workers_complete(struct workers *workers)
{
	struct mpsc_node *node;
	bool is_last;
	unsigned count = 0;

	/* What finishes while these are told of has its turn later: the loop would not end. */
	do {
		struct io_op *op;

		node = mpsc_pop(&workers->finished);
		if (node == NULL)
			break;
		is_last = workers->finished.taken == NULL;
		op = container_of(node, struct io_op, finished);
		op->code = IO_NONE;
		op->done(op, op->res);
		count++;
	} while (!is_last);
	return count;
}

int workers_create(unsigned most, int wake_fd, struct workers **out)
{
	struct workers *workers = NULL;

	/* Two queues in it want cache lines of their own. */
	if (posix_memalign((void **)&workers, 64,
			   sizeof(*workers) + most * sizeof(workers->thread[0])) != 0)
		return -ENOMEM;
	workers->most = most;
	workers->wake_fd = wake_fd;
	workers->queued = 0;
	workers->started = 0;
	workers->idle = 0;
	workers->ending = false;
	pthread_mutex_init(&workers->lock, NULL);
	pthread_cond_init(&workers->work_there, NULL);
	list_init(&workers->queue);
	mpsc_init(&workers->finished);
	*out = workers;
	return 0;
}

void workers_destroy(struct workers *workers)
{
	if (workers == NULL)
		return;
	pthread_mutex_lock(&workers->lock);
	workers->ending = true;
	pthread_cond_broadcast(&workers->work_there);
	pthread_mutex_unlock(&workers->lock);
	for (unsigned i = 0; i < workers->started; i++)
		pthread_join(workers->thread[i], NULL);
	pthread_cond_destroy(&workers->work_there);
	pthread_mutex_destroy(&workers->lock);
	free(workers);
}
