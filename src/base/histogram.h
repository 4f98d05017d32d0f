/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Histogram of latencies (any unit): for each power of two four buckets, so a
 * percentile is at most 25 % too high, over the whole range of 64 bits. One
 * thread adds; any thread reads, merges and computes.
 */
#ifndef PINION_BASE_HISTOGRAM_H
#define PINION_BASE_HISTOGRAM_H

#include <stdint.h>

#include "base/counter.h"

enum { HISTOGRAM_BUCKETS = 252 }; /* 0..3 exactly, then 4 for each of 2^2..2^63 */

/* All zero is an empty histogram. */
struct histogram {
	struct counter buckets[HISTOGRAM_BUCKETS];
	struct counter count;
	struct counter sum; /* wraps at 2^64 */
	struct counter max;
};

/* The bucket that counts `value`. */
static inline unsigned int histogram_bucket(uint64_t value)
{
	unsigned int exponent;

	if (value < 4)
		return (unsigned int)value;
	exponent = 63U - (unsigned int)__builtin_clzll(value);
	return (exponent - 1) * 4 + (unsigned int)(value >> (exponent - 2) & 3);
}

/* The largest value that `bucket` counts. */
uint64_t histogram_bucket_limit(unsigned int bucket);

/* Counts one value. The owner only. */
static inline void histogram_add(struct histogram *histogram, uint64_t value)
{
	counter_increment(&histogram->buckets[histogram_bucket(value)]);
	counter_increment(&histogram->count);
	counter_add(&histogram->sum, value);
	if (value > counter_read(&histogram->max))
		counter_set(&histogram->max, value);
}

/* Adds all of `source`, which may be another thread's, to `histogram`. */
void histogram_merge(struct histogram *histogram, const struct histogram *source);

/*
 * An upper estimate of the value below or at which `per_mille` / 1000 of the
 * values lie (500 the median, 990 p99; 1000 the maximum); 0 when empty.
 */
uint64_t histogram_percentile(const struct histogram *histogram, unsigned int per_mille);

/* The mean, rounded down; 0 when empty. */
uint64_t histogram_mean(const struct histogram *histogram);

#endif
