/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading a ring of recent events; adding is inline in events.h. */
#include "base/events.h"

void events_print(const struct events *events, events_print_fn print, void *ctx)
{
	uint64_t i = 0;

	if (events->added > EVENTS_CAPACITY)
		i = events->added - EVENTS_CAPACITY;
	for (; i < events->added; i++)
		print(ctx, &events->ring[i % EVENTS_CAPACITY]);
}
