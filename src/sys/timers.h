/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The timer wheel of a reactor: three rings of 256 slots, of 1 ms, 256 ms and
 * 65.5 s. Starting and stopping cost the same however many timers there are.
 * Private to src/sys.
 */
#ifndef PINION_SYS_TIMERS_H
#define PINION_SYS_TIMERS_H

#include <stdint.h>

#include "base/list.h"

#define TIMERS_LEVELS 3
#define TIMERS_SLOTS 256
#define TIMERS_NEVER UINT64_MAX

struct timer;

struct timers {
	uint64_t tick;	/* everything up to here has expired */
	uint64_t count;	/* timers that run */
	uint64_t next;	/* a bound: nothing is due before it; 0: not known */
	struct list slot[TIMERS_LEVELS][TIMERS_SLOTS];
};

void timers_init(struct timers *timers, uint64_t tick);
void timers_start(struct timers *timers, struct timer *timer, uint64_t expires);
void timers_stop(struct timers *timers, struct timer *timer);

/* Runs what has expired up to TICK. Returns how many. */
unsigned timers_advance(struct timers *timers, uint64_t tick);

/* The tick at which to look again at the latest, or TIMERS_NEVER. Perhaps early, never late. */
uint64_t timers_next(struct timers *timers);

#endif
