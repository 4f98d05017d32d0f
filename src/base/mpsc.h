/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Intrusive queue from many threads to one. Producers push onto an atomic
 * stack; the consumer takes the whole stack at once and turns it round, so
 * there is no ABA problem and nodes of one producer come out in the order in
 * which it pushed them. Lock-free; a node is on at most one queue.
 */
#ifndef PINION_BASE_MPSC_H
#define PINION_BASE_MPSC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct mpsc_node {
	struct mpsc_node *next;
};

struct mpsc {
	/* Producers and the consumer write different cache lines. */
	_Atomic(struct mpsc_node *) pushed __attribute__((aligned(64)));
	struct mpsc_node *taken __attribute__((aligned(64)));
};

static inline void mpsc_init(struct mpsc *queue)
{
	atomic_init(&queue->pushed, NULL);
	queue->taken = NULL;
}

/*
 * Appends `node`; any thread. Returns whether nothing was waiting to be taken
 * before: then, and only then, the consumer may be asleep and wants a wake-up.
 */
static inline bool mpsc_push(struct mpsc *queue, struct mpsc_node *node)
{
	struct mpsc_node *head = atomic_load_explicit(&queue->pushed, memory_order_relaxed);

	/* seq_cst, so that a consumer that announces "I sleep" and then finds
	 * the queue empty, and a producer that pushes and then reads the
	 * announcement, cannot both miss each other. */
	do {
		node->next = head;
	} while (!atomic_compare_exchange_weak_explicit(
		&queue->pushed, &head, node, memory_order_seq_cst, memory_order_relaxed));
	return head == NULL;
}

/* Whether there is nothing to pop; the consumer only. */
static inline bool mpsc_is_empty(const struct mpsc *queue)
{
	return queue->taken == NULL &&
	       atomic_load_explicit(&queue->pushed, memory_order_seq_cst) == NULL;
}

/* Takes the oldest node off; NULL when there is none. The consumer only. */
static inline struct mpsc_node *mpsc_pop(struct mpsc *queue)
{
	struct mpsc_node *node = queue->taken;

	if (node == NULL) {
		struct mpsc_node *stack = NULL;

		/* A plain load first: an empty poll costs no locked write. */
		if (atomic_load_explicit(&queue->pushed, memory_order_relaxed) != NULL)
			stack = atomic_exchange_explicit(&queue->pushed, NULL,
							 memory_order_seq_cst);
		while (stack != NULL) {
			struct mpsc_node *below = stack->next;

			stack->next = node;
			node = stack;
			stack = below;
		}
	}
	if (node == NULL)
		return NULL;
	queue->taken = node->next;
	node->next = NULL;
	return node;
}

#endif
