/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of base/histogram.h and base/counter.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/counter.h"
#include "base/histogram.h"

static void test_counter_add__sums(void **state)
{
	struct counter counter = { 0 };

	(void)state;
	counter_increment(&counter);
	counter_add(&counter, 41);
	assert_int_equal(counter_read(&counter), 42);
	counter_decrement(&counter);
	assert_int_equal(counter_read(&counter), 41);
}

static void test_histogram_bucket__limits_are_the_buckets_ends(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t limit = histogram_bucket_limit(i);

		assert_int_equal(histogram_bucket(limit), i);
		if (i + 1 < HISTOGRAM_BUCKETS)
			assert_int_equal(histogram_bucket(limit + 1), i + 1);
	}
	assert_int_equal(histogram_bucket(0), 0);
	assert_int_equal(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
	assert_int_equal(histogram_bucket_limit(HISTOGRAM_BUCKETS - 1), UINT64_MAX);
}

static void test_histogram_percentile__at_most_a_quarter_high(void **state)
{
	static struct histogram histogram;

	(void)state;
	for (uint64_t i = 1; i <= 100000; i++)
		histogram_add(&histogram, i);
	for (unsigned int per_mille = 1; per_mille <= 1000; per_mille++) {
		uint64_t exact = per_mille * 100;
		uint64_t estimate = histogram_percentile(&histogram, per_mille);

		assert_true(estimate >= exact);
		assert_true(estimate <= exact + exact / 4);
	}
	assert_int_equal(histogram_percentile(&histogram, 1000), 100000);
	assert_int_equal(histogram_percentile(&histogram, 5000), 100000);
	assert_int_equal(histogram_mean(&histogram), 50000);
}

static void test_histogram_percentile__empty_and_single(void **state)
{
	static struct histogram histogram;

	(void)state;
	assert_int_equal(histogram_percentile(&histogram, 500), 0);
	assert_int_equal(histogram_mean(&histogram), 0);
	histogram_add(&histogram, 1000);
	assert_int_equal(histogram_percentile(&histogram, 0), 1000);
	assert_int_equal(histogram_percentile(&histogram, 500), 1000);
	assert_int_equal(histogram_percentile(&histogram, 999), 1000);
}

static void test_histogram_merge__counts_both(void **state)
{
	static struct histogram a, b;

	(void)state;
	for (int i = 0; i < 99; i++)
		histogram_add(&a, 1);
	histogram_add(&b, 1000000);
	histogram_merge(&a, &b);
	assert_int_equal(counter_read(&a.count), 100);
	assert_int_equal(histogram_percentile(&a, 990), 1);
	assert_int_equal(histogram_percentile(&a, 1000), 1000000);
	assert_int_equal(histogram_mean(&a), 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counter_add__sums),
		cmocka_unit_test(test_histogram_bucket__limits_are_the_buckets_ends),
		cmocka_unit_test(test_histogram_percentile__at_most_a_quarter_high),
		cmocka_unit_test(test_histogram_percentile__empty_and_single),
		cmocka_unit_test(test_histogram_merge__counts_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
