/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A statistics counter: one thread writes it, any thread reads it. Relaxed
 * loads and stores, no locked instruction.
 */
#ifndef PINION_BASE_COUNTER_H
#define PINION_BASE_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

struct counter {
	_Atomic uint64_t value;
};

static inline uint64_t counter_read(const struct counter *counter)
{
	return atomic_load_explicit(&counter->value, memory_order_relaxed);
}

/* The owner only. */
static inline void counter_set(struct counter *counter, uint64_t value)
{
	atomic_store_explicit(&counter->value, value, memory_order_relaxed);
}

/* The owner only: not a read-modify-write, two writers would lose counts. */
static inline void counter_add(struct counter *counter, uint64_t amount)
{
	counter_set(counter, counter_read(counter) + amount);
}

/* The owner only. */
static inline void counter_increment(struct counter *counter)
{
	counter_add(counter, 1);
}

/* The owner only; for counts of what is there now (sessions, tasks). */
static inline void counter_decrement(struct counter *counter)
{
	counter_set(counter, counter_read(counter) - 1);
}

#endif
