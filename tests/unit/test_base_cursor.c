/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of base/bytes.h and base/cursor.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "base/cursor.h"

static const uint8_t counting[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18 };

static void test_get_be__most_significant_first(void **state)
{
	(void)state;
	assert_int_equal(get_be16(counting + 1), 0x0203);
	assert_int_equal(get_be24(counting + 1), 0x020304);
	assert_int_equal(get_be32(counting + 1), 0x02030405);
	assert_int_equal(get_be48(counting + 1), 0x020304050607);
	assert_int_equal(get_be64(counting + 1), 0x0203040506070809);
}

static void test_put_be__most_significant_first(void **state)
{
	uint8_t out[9] = { 0 };

	(void)state;
	put_be16(out + 1, 0x0203);
	assert_memory_equal(out + 1, counting + 1, 2);
	put_be24(out + 1, 0xff020304);
	assert_memory_equal(out + 1, counting + 1, 3);
	put_be32(out + 1, 0x02030405);
	assert_memory_equal(out + 1, counting + 1, 4);
	put_be48(out + 1, 0xffff020304050607);
	assert_memory_equal(out + 1, counting + 1, 6);
	put_be64(out + 1, 0x0203040506070809);
	assert_memory_equal(out + 1, counting + 1, 8);
	assert_int_equal(out[0], 0);
}

static void test_cursor_get__reads_in_order(void **state)
{
	struct cursor cursor = cursor_reader(counting, sizeof(counting));

	(void)state;
	assert_int_equal(cursor_get_u8(&cursor), 0x01);
	assert_int_equal(cursor_get_u16(&cursor), 0x0203);
	assert_int_equal(cursor_get_u24(&cursor), 0x040506);
	assert_int_equal(cursor_get_u32(&cursor), 0x0708090a);
	assert_int_equal(cursor_get_u64(&cursor), 0x0b0c0d0e0f101112);
	assert_int_equal(cursor_offset(&cursor), 18);
	assert_int_equal(cursor_remaining(&cursor), 0);
	assert_false(cursor_failed(&cursor));
}

static void test_cursor_get__past_end_gives_zero_and_sticks(void **state)
{
	struct cursor cursor = cursor_reader(counting, 3);

	(void)state;
	assert_int_equal(cursor_get_u16(&cursor), 0x0102);
	assert_int_equal(cursor_get_u16(&cursor), 0);
	assert_true(cursor_failed(&cursor));
	assert_int_equal(cursor_get_u8(&cursor), 0);
	assert_int_equal(cursor_remaining(&cursor), 0);
	assert_int_equal(cursor_offset(&cursor), 2);
}

static void test_cursor_get_bytes__leaves_output_on_failure(void **state)
{
	struct cursor cursor = cursor_reader(counting, 3);
	uint8_t out[4] = { 9, 9, 9, 9 };

	(void)state;
	cursor_get_bytes(&cursor, out, 4);
	assert_true(cursor_failed(&cursor));
	assert_memory_equal(out, ((uint8_t[]){ 9, 9, 9, 9 }), 4);
}

static void test_cursor_take__huge_length_fails(void **state)
{
	struct cursor cursor = cursor_reader(counting, 3);

	(void)state;
	cursor_skip(&cursor, 1);
	cursor_skip(&cursor, SIZE_MAX);
	assert_true(cursor_failed(&cursor));
}

static void test_cursor_reader__empty_null_buffer(void **state)
{
	struct cursor cursor = cursor_reader(NULL, 0);

	(void)state;
	assert_int_equal(cursor_remaining(&cursor), 0);
	cursor_get_bytes(&cursor, NULL, 0);
	assert_false(cursor_failed(&cursor));
	cursor_get_u8(&cursor);
	assert_true(cursor_failed(&cursor));
}

static void test_cursor_sub__bounds_the_inner_and_moves_the_outer(void **state)
{
	struct cursor cursor = cursor_reader(counting, 6);
	struct cursor sub = cursor_sub(&cursor, 2);

	(void)state;
	assert_int_equal(cursor_get_u32(&sub), 0);
	assert_true(cursor_failed(&sub));
	assert_false(cursor_failed(&cursor));
	assert_int_equal(cursor_get_u8(&cursor), 3);

	sub = cursor_sub(&cursor, 4);
	assert_true(cursor_failed(&sub));
	assert_true(cursor_failed(&cursor));
}

static void test_cursor_put__writes_in_order(void **state)
{
	uint8_t out[20];
	struct cursor cursor = cursor_writer(out, sizeof(out));

	(void)state;
	memset(out, 0xff, sizeof(out));
	cursor_put_u8(&cursor, 0x01);
	cursor_put_u16(&cursor, 0x0203);
	cursor_put_u24(&cursor, 0x040506);
	cursor_put_u32(&cursor, 0x0708090a);
	cursor_put_u64(&cursor, 0x0b0c0d0e0f101112);
	assert_memory_equal(out, counting, sizeof(counting));
	cursor_put_zeros(&cursor, 2);
	assert_int_equal(out[18] | out[19], 0);
	assert_false(cursor_failed(&cursor));
	assert_int_equal(cursor_remaining(&cursor), 0);
}

static void test_cursor_put__all_or_nothing_and_sticks(void **state)
{
	uint8_t out[4] = { 0 };
	struct cursor cursor = cursor_writer(out, 3);

	(void)state;
	cursor_put_u32(&cursor, 0xffffffff);
	assert_true(cursor_failed(&cursor));
	cursor_put_u8(&cursor, 0xff);
	assert_memory_equal(out, ((uint8_t[]){ 0, 0, 0, 0 }), 4);
	assert_int_equal(cursor_offset(&cursor), 0);
}

static void test_cursor_put__read_only_fails(void **state)
{
	uint8_t out[4] = { 0 };
	struct cursor cursor = cursor_reader(out, sizeof(out));
	struct cursor sub = cursor_sub(&cursor, 2);

	(void)state;
	cursor_put_u8(&sub, 1);
	assert_true(cursor_failed(&sub));
	cursor_put_bytes(&cursor, "x", 1);
	assert_true(cursor_failed(&cursor));
	assert_memory_equal(out, ((uint8_t[]){ 0, 0, 0, 0 }), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get_be__most_significant_first),
		cmocka_unit_test(test_put_be__most_significant_first),
		cmocka_unit_test(test_cursor_get__reads_in_order),
		cmocka_unit_test(test_cursor_get__past_end_gives_zero_and_sticks),
		cmocka_unit_test(test_cursor_get_bytes__leaves_output_on_failure),
		cmocka_unit_test(test_cursor_take__huge_length_fails),
		cmocka_unit_test(test_cursor_reader__empty_null_buffer),
		cmocka_unit_test(test_cursor_sub__bounds_the_inner_and_moves_the_outer),
		cmocka_unit_test(test_cursor_put__writes_in_order),
		cmocka_unit_test(test_cursor_put__all_or_nothing_and_sticks),
		cmocka_unit_test(test_cursor_put__read_only_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
