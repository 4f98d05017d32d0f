/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Latency histogram and result line shared by the two load generators,
 * bench-bare (client) and bench-load. Both print the same JSON object, so
 * that the runner reads one form.
 */
#ifndef PINION_BENCH_STATS_H
#define PINION_BENCH_STATS_H

#include <stdbool.h>
#include <stdint.h>

/* Log-linear: 64 octaves of 32 buckets, an error of at most 1.6 %. */
#define STATS_BUCKETS (64 * 32)

struct stats {
	uint64_t count;
	uint64_t errors;
	uint64_t sum_ns;
	uint64_t max_ns;
	uint64_t bucket[STATS_BUCKETS];
};

/* What was asked for; printed with the result. */
struct stats_run {
	const char *op; /* "read" or "write" */
	const char *pattern; /* "rand" or "seq" */
	uint32_t block; /* bytes per I/O */
	uint32_t depth; /* outstanding I/Os on each connection */
	uint32_t connections;
	uint64_t total; /* I/Os since start, warm-up included */
	double seconds; /* measured, warm-up excluded */
	double cpu_seconds; /* of this process in those seconds */
};

/* Monotonic nanoseconds. */
uint64_t stats_now(void);

/* User and system time of this process so far, in seconds. */
double stats_cpu(void);

void stats_add(struct stats *stats, uint64_t latency_ns);
void stats_reset(struct stats *stats);

/* Latency in nanoseconds that `share` (0 to 1) of the I/Os did not exceed. */
uint64_t stats_percentile(const struct stats *stats, double share);

/* Print one line of JSON on stdout. */
void stats_print(const struct stats *stats, const struct stats_run *run);

#endif
