/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clock that everything with a timeout is given, so that tests can turn it
 * by hand. Nanoseconds from an arbitrary start, never backwards.
 */
#ifndef PINION_BASE_CLOCK_H
#define PINION_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_NS_PER_S  UINT64_C(1000000000)
#define CLOCK_NS_PER_MS UINT64_C(1000000)
#define CLOCK_NS_PER_US UINT64_C(1000)

struct clock {
	uint64_t (*now_ns)(struct clock *clock);
};

static inline uint64_t clock_now_ns(struct clock *clock)
{
	return clock->now_ns(clock);
}

/* CLOCK_MONOTONIC without a clock object (a vDSO call, no system call). */
static inline uint64_t clock_monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * CLOCK_NS_PER_S + (uint64_t)now.tv_nsec;
}

static inline uint64_t clock_monotonic_now(struct clock *clock)
{
	(void)clock;
	return clock_monotonic_ns();
}

/* Makes `clock` the system's monotonic clock. */
static inline void clock_init_monotonic(struct clock *clock)
{
	clock->now_ns = clock_monotonic_now;
}

/* A clock for tests: it stands still until it is advanced. */
struct clock_manual {
	struct clock clock;
	uint64_t now_ns;
};

static inline uint64_t clock_manual_now(struct clock *clock)
{
	/* `clock` is the first member: base/container.h is not needed here. */
	return ((struct clock_manual *)clock)->now_ns;
}

/* Makes `manual` stand at `now_ns`; pass &manual->clock on. */
static inline void clock_manual_init(struct clock_manual *manual, uint64_t now_ns)
{
	manual->clock.now_ns = clock_manual_now;
	manual->now_ns = now_ns;
}

static inline void clock_manual_advance(struct clock_manual *manual, uint64_t ns)
{
	manual->now_ns += ns;
}

#endif
