/* SPDX-License-Identifier: BSD-2-Clause */
/* Latency histogram of the load generators; see stats.h. */
#include "stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

uint64_t stats_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

double stats_cpu(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static unsigned int bucket_of(uint64_t value)
{
	unsigned int octave;

	if (value < 32)
		return (unsigned int)value;
	octave = 63u - (unsigned int)__builtin_clzll(value);
	return (octave - 4) * 32 + (unsigned int)(value >> (octave - 5)) % 32;
}

/* The middle of a bucket, so that the error has no sign. */
static uint64_t bucket_value(unsigned int bucket)
{
	unsigned int shift;

	if (bucket < 32)
		return bucket;
	shift = bucket / 32 - 1;
	return ((uint64_t)(32 + bucket % 32) << shift) + ((1ull << shift) >> 1);
}

void stats_add(struct stats *stats, uint64_t latency_ns)
{
	stats->count++;
	stats->sum_ns += latency_ns;
	if (latency_ns > stats->max_ns)
		stats->max_ns = latency_ns;
	stats->bucket[bucket_of(latency_ns)]++;
}

void stats_reset(struct stats *stats)
{
	memset(stats, 0, sizeof(*stats));
}

uint64_t stats_percentile(const struct stats *stats, double share)
{
	uint64_t wanted = (uint64_t)((double)stats->count * share);
	uint64_t seen = 0;

	for (unsigned int i = 0; i < STATS_BUCKETS; i++) {
		seen += stats->bucket[i];
		if (seen > wanted)
			return bucket_value(i);
	}
	return stats->max_ns;
}

void stats_print(const struct stats *stats, const struct stats_run *run)
{
	double iops = run->seconds > 0 ? (double)stats->count / run->seconds : 0;
	double mean = stats->count ? (double)stats->sum_ns / (double)stats->count : 0;

	printf("{\"op\": \"%s\", \"pattern\": \"%s\", \"block\": %u, \"depth\": %u, "
	       "\"connections\": %u, \"seconds\": %.4f, \"ios\": %" PRIu64 ", "
	       "\"ios_total\": %" PRIu64 ", \"errors\": %" PRIu64 ", ",
	       run->op, run->pattern, run->block, run->depth, run->connections, run->seconds,
	       stats->count, run->total, stats->errors);
	printf("\"iops\": %.1f, \"mib_s\": %.2f, \"mean_us\": %.2f, \"p50_us\": %.2f, "
	       "\"p99_us\": %.2f, \"p999_us\": %.2f, \"max_us\": %.2f, \"client_cpu\": %.4f}\n",
	       iops, iops * run->block / 1048576.0, mean / 1e3,
	       (double)stats_percentile(stats, 0.5) / 1e3,
	       (double)stats_percentile(stats, 0.99) / 1e3,
	       (double)stats_percentile(stats, 0.999) / 1e3, (double)stats->max_ns / 1e3,
	       run->seconds > 0 ? run->cpu_seconds / run->seconds : 0);
	fflush(stdout);
}
