/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last few things that happened to an object, kept inside it and printed
 * when somebody asks or something goes wrong. Adding costs a few stores, so
 * state changes are always recorded. The object's thread owns the ring.
 */
#ifndef PINION_BASE_EVENTS_H
#define PINION_BASE_EVENTS_H

#include <stdint.h>

enum { EVENTS_CAPACITY = 16 };

struct event {
	uint64_t time_ns;
	const char *what; /* a string literal: never freed, never a copy */
	uint64_t a; /* two numbers whose meaning `what` tells */
	uint64_t b;
};

/* All zero is an empty ring. */
struct events {
	struct event ring[EVENTS_CAPACITY];
	uint64_t added;
};

/* Receives one event; `ctx` is what events_print was given. */
typedef void (*events_print_fn)(void *ctx, const struct event *event);

/* Records an event, over the oldest when the ring is full. */
static inline void events_add(struct events *events, uint64_t time_ns, const char *what, uint64_t a,
			      uint64_t b)
{
	struct event *event = &events->ring[events->added++ % EVENTS_CAPACITY];

	event->time_ns = time_ns;
	event->what = what;
	event->a = a;
	event->b = b;
}

/* Calls `print` for each event kept, oldest first, newest last. */
void events_print(const struct events *events, events_print_fn print, void *ctx);

#endif
