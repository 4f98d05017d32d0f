/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Completions of one device on one reactor. Busy: the queue is polled in every
 * turn of the reactor's loop. When polls have found nothing for as long as
 * spinning pays (sys/busy.h), it is armed, and its completion channel's
 * descriptor wakes the reactor as any other does.
 *
 * Connections share completion queues of fixed size, each with room for
 * everything that its connections can have outstanding: a full queue would be
 * fatal to all of them. There are as many queues as that takes.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transport/iser/iser.h"

enum {
	POLL_BATCH = 32,
	POLL_MOST = 256,	/* in one turn: others want theirs too */
};

static const struct iser_verbs *verbs_of(const struct iser_queue *queue)
{
	return queue->core->iser->verbs;
}

/* --- polling --- */

static void dispatch(const struct ibv_wc *wc)
{
	void *pointer = (void *)(uintptr_t)(wc->wr_id & ~(uint64_t)ISER_WR_KINDS);

	if ((wc->wr_id & ISER_WR_KINDS) == ISER_WR_RECV)
		iser_receive_done(pointer, wc);
	else
		iser_transmit_done(pointer, wc);
}

/* Returns how many completions there were. */
static unsigned poll_cq(struct iser_cq *cq, unsigned most)
{
	struct ibv_wc wc[POLL_BATCH];
	unsigned total = 0;
	int count;

	do {
		count = ibv_poll_cq(cq->cq, POLL_BATCH, wc);
		for (int i = 0; i < count; i++)
			dispatch(&wc[i]);
		if (count > 0)
			total += (unsigned)count;
	} while (count == POLL_BATCH && total < most);
	return total;
}

static unsigned poll_all(struct iser_queue *queue)
{
	struct list_node *node;
	unsigned total = 0;

	/* Connections, and with them queues, end in deferred work only: never here. */
	LIST_FOR_EACH(node, &queue->cqs)
		total += poll_cq(container_of(node, struct iser_cq, link), POLL_MOST);
	return total;
}

void iser_cq_drain(struct iser_cq *cq)
{
	poll_cq(cq, UINT32_MAX);
}

static void arm_all(struct iser_queue *queue)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &queue->cqs)
		ibv_req_notify_cq(container_of(node, struct iser_cq, link)->cq, 0);
}

static void start_polling(struct iser_queue *queue)
{
	if (queue->is_polled)
		return;
	queue->is_polled = true;
	reactor_poller_add(queue->core->reactor, &queue->poller);
}

static void stop_polling(struct iser_queue *queue)
{
	if (!queue->is_polled)
		return;
	queue->is_polled = false;
	reactor_poller_remove(queue->core->reactor, &queue->poller);
}

/* Work has come after all. */
static void end_idleness(struct iser_queue *queue, uint64_t now)
{
	if (queue->idle_since_ns != 0)
		busy_learn(&queue->busy, now - queue->idle_since_ns);
	/* An interrupt for each batch costs more than looking for it, at any depth. */
	queue->busy.peer_waits = true;
	queue->idle_since_ns = 0;
}

static void begin_idleness(struct iser_queue *queue, uint64_t now)
{
	if (queue->idle_since_ns == 0)
		queue->idle_since_ns = now;
}

/* Nothing has come for long enough: sleeps, unless something comes just now. */
static bool fall_asleep(struct iser_queue *queue)
{
	arm_all(queue);
	/* What came before the arming raises no event. */
	if (poll_all(queue) != 0) {
		end_idleness(queue, clock_monotonic_ns());
		return true;
	}
	stop_polling(queue);
	return false;
}

static bool poll_turn(struct poller *poller)
{
	struct iser_queue *queue = container_of(poller, struct iser_queue, poller);
	bool has_work = poll_all(queue) != 0;
	uint64_t now;

	if (has_work && queue->idle_since_ns == 0)
		return true;
	now = clock_monotonic_ns();
	if (has_work) {
		end_idleness(queue, now);
		return true;
	}
	begin_idleness(queue, now);
	if (now - queue->idle_since_ns < busy_budget_ns(&queue->busy))
		return true;
	return fall_asleep(queue);
}

/* --- the completion channel --- */

static void queue_free(struct iser_queue *queue)
{
	stop_polling(queue);
	reactor_fd_forget(queue->core->reactor, queue->channel->fd);
	verbs_of(queue)->destroy_comp_channel(queue->channel);
	iser_device_put(queue->device);
	free(queue);
}

static void take_events(struct iser_queue *queue)
{
	struct ibv_cq *cq;
	void *context;

	while (verbs_of(queue)->get_cq_event(queue->channel, &cq, &context) == 0)
		((struct iser_cq *)context)->events++;
}

static void wait_for_event(struct iser_queue *queue)
{
	reactor_poll(queue->core->reactor, &queue->event_op, queue->channel->fd, POLLIN);
}

static void event_done(struct io_op *op, int res)
{
	struct iser_queue *queue = container_of(op, struct iser_queue, event_op);

	(void)res;
	if (queue->is_closing) {
		queue_free(queue);
		return;
	}
	take_events(queue);
	wait_for_event(queue);
	if (queue->is_polled)
		return;
	start_polling(queue);
	poll_turn(&queue->poller);
}

/* --- making and ending them --- */

static struct iser_queue *queue_new(struct iser_core *core, struct iser_device *device)
{
	struct iser_queue *queue = calloc(1, sizeof(*queue));

	if (queue == NULL)
		return NULL;
	queue->core = core;
	queue->device = device;
	list_init(&queue->cqs);
	queue->channel = core->iser->verbs->create_comp_channel(device->context);
	if (queue->channel == NULL) {
		free(queue);
		return NULL;
	}
	fcntl(queue->channel->fd, F_SETFL, fcntl(queue->channel->fd, F_GETFL) | O_NONBLOCK);
	atomic_fetch_add(&device->references, 1);
	busy_init(&queue->busy, core->iser->busy_poll_us, sysconf(_SC_NPROCESSORS_ONLN) > 1);
	queue->poller.poll = poll_turn;
	queue->event_op.done = event_done;
	list_push_back(&core->queues, &queue->link);
	wait_for_event(queue);
	return queue;
}

static void queue_end(struct iser_queue *queue)
{
	list_remove(&queue->link);
	stop_polling(queue);
	queue->is_closing = true;
	reactor_cancel(queue->core->reactor, &queue->event_op);
}

static struct iser_queue *find_queue(struct iser_core *core, const struct iser_device *device)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &core->queues) {
		struct iser_queue *queue = container_of(node, struct iser_queue, link);

		if (queue->device == device)
			return queue;
	}
	return NULL;
}

static struct iser_cq *cq_new(struct iser_queue *queue, uint32_t entries)
{
	struct ibv_context *context = queue->device->context;
	uint32_t capacity = min_t(uint32_t, (uint32_t)queue->device->attr.max_cqe,
				  ISER_COMPLETION_QUEUE);
	int vector = (int)reactor_index(queue->core->reactor) % max(context->num_comp_vectors, 1);
	struct iser_cq *cq;

	if (capacity < entries)
		return NULL;
	cq = calloc(1, sizeof(*cq));
	if (cq == NULL)
		return NULL;
	cq->queue = queue;
	cq->capacity = capacity;
	cq->cq = verbs_of(queue)->create_cq(context, (int)capacity, cq, queue->channel, vector);
	if (cq->cq == NULL) {
		free(cq);
		return NULL;
	}
	list_push_back(&queue->cqs, &cq->link);
	/* A sleeping queue is woken by this one too; a busy one arms it before it sleeps. */
	ibv_req_notify_cq(cq->cq, 0);
	return cq;
}

static void cq_end(struct iser_cq *cq)
{
	struct iser_queue *queue = cq->queue;

	/* An event that nobody has taken would make destroying it wait for ever. */
	take_events(queue);
	list_remove(&cq->link);
	if (cq->events != 0)
		verbs_of(queue)->ack_cq_events(cq->cq, cq->events);
	verbs_of(queue)->destroy_cq(cq->cq);
	free(cq);
	if (list_is_empty(&queue->cqs))
		queue_end(queue);
	else
		start_polling(queue);	/* the events taken may have been the others' */
}

struct iser_cq *iser_cq_take(struct iser_core *core, struct iser_device *device, uint32_t entries)
{
	struct iser_queue *queue = find_queue(core, device);
	struct iser_cq *cq = NULL;
	struct list_node *node;

	if (queue == NULL)
		queue = queue_new(core, device);
	if (queue == NULL)
		return NULL;
	LIST_FOR_EACH(node, &queue->cqs) {
		cq = container_of(node, struct iser_cq, link);
		if (cq->capacity - cq->used >= entries)
			break;
		cq = NULL;
	}
	if (cq == NULL)
		cq = cq_new(queue, entries);
	if (cq == NULL) {
		if (list_is_empty(&queue->cqs))
			queue_end(queue);
		return NULL;
	}
	cq->used += entries;
	return cq;
}

void iser_cq_give(struct iser_cq *cq, uint32_t entries)
{
	cq->used -= entries;
	if (cq->used == 0)
		cq_end(cq);
}
