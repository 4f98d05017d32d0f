/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Intrusive doubly linked list. A list is a ring through its own head; an
 * object takes part by embedding a struct list_node for each list that it can
 * be on, and is found again with container_of. A node that is all zero is
 * unlinked, so objects from zeroed memory need no node initialisation.
 *
 * No locking: a list and its nodes belong to one thread.
 */
#ifndef PINION_BASE_LIST_H
#define PINION_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/container.h"

struct list_node {
	struct list_node *next;
	struct list_node *prev;
};

struct list {
	struct list_node head;
};

/* Makes `list` empty. Needed before any other use. */
static inline void list_init(struct list *list)
{
	list->head.next = &list->head;
	list->head.prev = &list->head;
}

/* Makes `node` unlinked, whatever it held (for memory that is not zeroed). */
static inline void list_node_init(struct list_node *node)
{
	node->next = NULL;
	node->prev = NULL;
}

static inline bool list_is_empty(const struct list *list)
{
	return list->head.next == &list->head;
}

/* Whether `node` is on a list now. */
static inline bool list_is_linked(const struct list_node *node)
{
	return node->next != NULL;
}

static inline void list_insert_between(struct list_node *node, struct list_node *prev,
				       struct list_node *next)
{
	node->prev = prev;
	node->next = next;
	prev->next = node;
	next->prev = node;
}

/* Appends the unlinked `node`. */
static inline void list_push_back(struct list *list, struct list_node *node)
{
	list_insert_between(node, list->head.prev, &list->head);
}

/* Prepends the unlinked `node`. */
static inline void list_push_front(struct list *list, struct list_node *node)
{
	list_insert_between(node, &list->head, list->head.next);
}

/* Inserts the unlinked `node` just before `next`, which is on a list. */
static inline void list_insert_before(struct list_node *next, struct list_node *node)
{
	list_insert_between(node, next->prev, next);
}

/* Takes `node` off its list and leaves it unlinked; unlinked: no effect. */
static inline void list_remove(struct list_node *node)
{
	if (!list_is_linked(node))
		return;
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_node_init(node);
}

/* The first node, still linked; NULL when the list is empty. */
static inline struct list_node *list_front(const struct list *list)
{
	return list_is_empty(list) ? NULL : list->head.next;
}

/* Removes and returns the first node; NULL when the list is empty. */
static inline struct list_node *list_pop_front(struct list *list)
{
	struct list_node *node = list_front(list);

	if (node != NULL)
		list_remove(node);
	return node;
}

/* Moves all nodes of `source`, in order, behind those of `list`. */
static inline void list_splice_back(struct list *list, struct list *source)
{
	if (list_is_empty(source))
		return;
	source->head.next->prev = list->head.prev;
	list->head.prev->next = source->head.next;
	source->head.prev->next = &list->head;
	list->head.prev = source->head.prev;
	list_init(source);
}

/*
 * Loops; the caller declares `node` (and `next_node`) as struct list_node *.
 * Only the SAFE form allows the body to remove `node`.
 */
#define LIST_FOR_EACH(node, list) \
	for ((node) = (list)->head.next; (node) != &(list)->head; (node) = (node)->next)

#define LIST_FOR_EACH_SAFE(node, next_node, list)                                             \
	for ((node) = (list)->head.next, (next_node) = (node)->next; (node) != &(list)->head; \
	     (node) = (next_node), (next_node) = (node)->next)

#endif
