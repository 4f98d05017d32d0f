/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The timer wheel. A timer sits in the ring whose slot its distance fits, and
 * is moved inwards when that slot's time begins.
 */
#include "sys/timers.h"

#include "base/container.h"
#include "sys/reactor.h"

#define SLOT_BITS 8
#define SLOT_MASK (TIMERS_SLOTS - 1)

void timers_init(struct timers *timers, uint64_t tick)
{
	timers->tick = tick;
	timers->count = 0;
	timers->next = 0;
	for (unsigned level = 0; level < TIMERS_LEVELS; level++)
		for (unsigned slot = 0; slot < TIMERS_SLOTS; slot++)
			list_init(&timers->slot[level][slot]);
}

static void place(struct timers *timers, struct timer *timer)
{
	uint64_t distance = timer->expires - timers->tick;
	uint64_t when = timer->expires;
	unsigned level = 0;

	while (level < TIMERS_LEVELS - 1 && distance >> (SLOT_BITS * (level + 1)) != 0)
		level++;
	/* Beyond the outermost ring: as far out as it goes, and again from there. */
	if (distance >> (SLOT_BITS * TIMERS_LEVELS) != 0)
		when = timers->tick + (UINT64_C(1) << (SLOT_BITS * TIMERS_LEVELS)) - 1;
	list_push_back(&timers->slot[level][when >> (SLOT_BITS * level) & SLOT_MASK],
		       &timer->link);
}

void timers_start(struct timers *timers, struct timer *timer, uint64_t expires)
{
	timers_stop(timers, timer);
	timer->expires = expires > timers->tick ? expires : timers->tick + 1;
	place(timers, timer);
	timers->count++;
	if (timer->expires < timers->next)
		timers->next = timer->expires;
}

void timers_stop(struct timers *timers, struct timer *timer)
{
	if (!list_is_linked(&timer->link))
		return;
	list_remove(&timer->link);
	timers->count--;
}

/* The slots of the outer rings whose time begins now are spread over the inner ones. */
static void cascade(struct timers *timers)
{
	for (unsigned level = 1; level < TIMERS_LEVELS; level++) {
		struct list moving;
		struct list_node *node;

		if ((timers->tick & ((UINT64_C(1) << (SLOT_BITS * level)) - 1)) != 0)
			return;
		list_init(&moving);
		list_splice_back(&moving, &timers->slot[level][timers->tick >> (SLOT_BITS * level) &
							       SLOT_MASK]);
		while ((node = list_pop_front(&moving)) != NULL)
			place(timers, container_of(node, struct timer, link));
	}
}

static unsigned expire(struct timers *timers)
{
	struct list due;
	struct list_node *node;
	unsigned expired = 0;

	list_init(&due);
	list_splice_back(&due, &timers->slot[0][timers->tick & SLOT_MASK]);
	while ((node = list_pop_front(&due)) != NULL) {
		struct timer *timer = container_of(node, struct timer, link);

		timers->count--;
		timer->expired(timer);
		expired++;
	}
	return expired;
}

unsigned timers_advance(struct timers *timers, uint64_t tick)
{
	unsigned expired = 0;

	if (tick >= timers->next)
		timers->next = 0;
	while (timers->tick < tick) {
		if (timers->count == 0) {
			timers->tick = tick;
			break;
		}
		timers->tick++;
		cascade(timers);
		expired += expire(timers);
	}
	return expired;
}

/* When the first slot of LEVEL that holds anything begins. */
static uint64_t level_next(const struct timers *timers, unsigned level)
{
	uint64_t position = timers->tick >> (SLOT_BITS * level);

	for (unsigned step = 1; step <= TIMERS_SLOTS; step++)
		if (!list_is_empty(&timers->slot[level][(position + step) & SLOT_MASK]))
			return (position + step) << (SLOT_BITS * level);
	return TIMERS_NEVER;
}

uint64_t timers_next(struct timers *timers)
{
	if (timers->count == 0)
		return TIMERS_NEVER;
	if (timers->next == 0) {
		timers->next = TIMERS_NEVER;
		for (unsigned level = 0; level < TIMERS_LEVELS; level++) {
			uint64_t next = level_next(timers, level);

			if (next < timers->next)
				timers->next = next;
		}
	}
	return timers->next;
}
