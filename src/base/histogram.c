/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading and merging latency histograms; adding is inline in histogram.h. */
#include "base/histogram.h"

#include "base/container.h"

uint64_t histogram_bucket_limit(unsigned int bucket)
{
	unsigned int exponent = bucket / 4 + 1;
	uint64_t width;

	if (bucket < 4)
		return bucket;
	width = (uint64_t)1 << (exponent - 2);
	return ((uint64_t)1 << exponent) + (bucket % 4) * width + (width - 1);
}

void histogram_merge(struct histogram *histogram, const struct histogram *source)
{
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++)
		counter_add(&histogram->buckets[i], counter_read(&source->buckets[i]));
	counter_add(&histogram->count, counter_read(&source->count));
	counter_add(&histogram->sum, counter_read(&source->sum));
	counter_set(&histogram->max,
		    max(counter_read(&histogram->max), counter_read(&source->max)));
}

uint64_t histogram_percentile(const struct histogram *histogram, unsigned int per_mille)
{
	uint64_t largest = counter_read(&histogram->max);
	uint64_t total = 0;
	uint64_t seen = 0;
	uint64_t rank;

	/* Summed here rather than read from `count`: another thread may be
	 * adding, and the two would disagree. */
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++)
		total += counter_read(&histogram->buckets[i]);
	if (total == 0)
		return 0;
	per_mille = min_t(unsigned int, per_mille, 1000);
	/* ceil(total * per_mille / 1000), in a form that cannot overflow. */
	rank = total / 1000 * per_mille + (total % 1000 * per_mille + 999) / 1000;
	rank = max_t(uint64_t, rank, 1);
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += counter_read(&histogram->buckets[i]);
		if (seen >= rank)
			return min(histogram_bucket_limit(i), largest);
	}
	return largest;
}

uint64_t histogram_mean(const struct histogram *histogram)
{
	uint64_t count = counter_read(&histogram->count);

	return count == 0 ? 0 : counter_read(&histogram->sum) / count;
}
