/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of base/checked.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/checked.h"

static void test_checked_add__notices_the_wrap(void **state)
{
	uint32_t small = 7;
	uint64_t big = 7;
	size_t size = 7;

	(void)state;
	assert_true(checked_add_u32(UINT32_MAX - 1, 1, &small));
	assert_int_equal(small, UINT32_MAX);
	assert_false(checked_add_u32(UINT32_MAX, 1, &small));
	assert_int_equal(small, UINT32_MAX);
	assert_true(checked_add_u64(UINT32_MAX, 1, &big));
	assert_int_equal(big, 0x100000000);
	assert_false(checked_add_u64(UINT64_MAX, UINT64_MAX, &big));
	assert_int_equal(big, 0x100000000);
	assert_false(checked_add_size(SIZE_MAX, 1, &size));
	assert_int_equal(size, 7);
}

static void test_checked_mul__notices_the_wrap(void **state)
{
	uint32_t small = 7;
	uint64_t big = 7;

	(void)state;
	assert_true(checked_mul_u32(0xffff, 0x10001, &small));
	assert_int_equal(small, UINT32_MAX);
	assert_false(checked_mul_u32(0x10000, 0x10000, &small));
	assert_true(checked_mul_u64(UINT32_MAX, UINT32_MAX, &big));
	assert_int_equal(big, 0xfffffffe00000001);
	assert_false(checked_mul_u64(UINT64_MAX, 2, &big));
}

static void test_checked_shl__notices_lost_bits(void **state)
{
	uint32_t small = 7;
	uint64_t big = 7;

	(void)state;
	assert_true(checked_shl_u64(1, 63, &big));
	assert_int_equal(big, 0x8000000000000000);
	assert_false(checked_shl_u64(1, 64, &big));
	assert_false(checked_shl_u64(2, 63, &big));
	assert_true(checked_shl_u64(0, 63, &big));
	assert_int_equal(big, 0);
	assert_false(checked_shl_u32(0x100, 24, &small));
	assert_int_equal(small, 7);
	assert_true(checked_shl_u32(0xff, 24, &small));
	assert_int_equal(small, 0xff000000);
}

static void test_is_power_of_two__knows_the_edges(void **state)
{
	(void)state;
	assert_false(is_power_of_two(0));
	assert_true(is_power_of_two(1));
	assert_false(is_power_of_two(3));
	assert_true(is_power_of_two((uint64_t)1 << 63));
	assert_false(is_power_of_two(UINT64_MAX));
}

static void test_log2_floor__rounds_down(void **state)
{
	(void)state;
	assert_int_equal(log2_floor(1), 0);
	assert_int_equal(log2_floor(4095), 11);
	assert_int_equal(log2_floor(4096), 12);
	assert_int_equal(log2_floor(UINT64_MAX), 63);
}

static void test_round_up_pow2__knows_the_edges(void **state)
{
	(void)state;
	assert_int_equal(round_up_pow2(0), 1);
	assert_int_equal(round_up_pow2(1), 1);
	assert_int_equal(round_up_pow2(2), 2);
	assert_int_equal(round_up_pow2(3), 4);
	assert_int_equal(round_up_pow2(4097), 8192);
	assert_int_equal(round_up_pow2((uint64_t)1 << 63), (uint64_t)1 << 63);
	assert_int_equal(round_up_pow2(((uint64_t)1 << 63) + 1), 0);
}

static void test_align__up_and_down(void **state)
{
	(void)state;
	assert_int_equal(align_up(0, 4096), 0);
	assert_int_equal(align_up(1, 4096), 4096);
	assert_int_equal(align_up(4096, 4096), 4096);
	assert_int_equal(align_down(8191, 4096), 4096);
	assert_true(is_aligned(8192, 4096));
	assert_false(is_aligned(8193, 4096));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_checked_add__notices_the_wrap),
		cmocka_unit_test(test_checked_mul__notices_the_wrap),
		cmocka_unit_test(test_checked_shl__notices_lost_bits),
		cmocka_unit_test(test_is_power_of_two__knows_the_edges),
		cmocka_unit_test(test_log2_floor__rounds_down),
		cmocka_unit_test(test_round_up_pow2__knows_the_edges),
		cmocka_unit_test(test_align__up_and_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
