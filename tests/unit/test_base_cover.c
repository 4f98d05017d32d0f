/* SPDX-License-Identifier: BSD-2-Clause */
/* base/cover.h: parts in any order, compared with a plain map of bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/cover.h"

static void test_cover_add__joins(void **state)
{
	struct cover cover;

	(void)state;
	cover_init(&cover);
	assert_int_equal(cover_prefix(&cover), 0);
	assert_true(cover_add(&cover, 10, 20));
	assert_int_equal(cover_prefix(&cover), 0);
	assert_true(cover_add(&cover, 30, 40));
	assert_true(cover_add(&cover, 0, 10));
	assert_int_equal(cover_prefix(&cover), 20);
	assert_true(cover_add(&cover, 20, 30));
	assert_int_equal(cover.count, 1);
	assert_int_equal(cover_prefix(&cover), 40);
	assert_true(cover_add(&cover, 40, 40));
}

static void test_cover_add__twice(void **state)
{
	struct cover cover;

	(void)state;
	cover_init(&cover);
	assert_true(cover_add(&cover, 10, 20));
	assert_false(cover_add(&cover, 10, 20));
	assert_false(cover_add(&cover, 0, 11));
	assert_false(cover_add(&cover, 19, 21));
	assert_false(cover_add(&cover, 12, 13));
	assert_false(cover_add(&cover, 0, 30));
	assert_int_equal(cover.count, 1);
	assert_true(cover_add(&cover, 5, 10));
}

static void test_cover_add__too_many_holes(void **state)
{
	struct cover cover;
	uint32_t i;

	(void)state;
	cover_init(&cover);
	for (i = 0; i < COVER_PARTS_MAX; i++)
		assert_true(cover_add(&cover, i * 2, i * 2 + 1));
	assert_false(cover_add(&cover, i * 2, i * 2 + 1));
	assert_true(cover_add(&cover, 1, 2));
	assert_true(cover_add(&cover, i * 2, i * 2 + 1));
}

static void test_cover_add__at_random(void **state)
{
	struct cover cover;
	unsigned round;

	(void)state;
	srandom(1);
	for (round = 0; round < 2000; round++) {
		bool map[64] = { false };
		unsigned steps;

		cover_init(&cover);
		for (steps = 0; steps < 40; steps++) {
			uint32_t begin = (uint32_t)random() % 60;
			uint32_t end = begin + 1 + (uint32_t)random() % 4;
			bool is_free = true;
			uint32_t i, prefix = 0;

			for (i = begin; i < end; i++)
				is_free = is_free && !map[i];
			assert_int_equal(cover_add(&cover, begin, end), is_free);
			for (i = begin; i < end && is_free; i++)
				map[i] = true;
			while (prefix < 64 && map[prefix])
				prefix++;
			assert_int_equal(cover_prefix(&cover), prefix);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cover_add__joins),
		cmocka_unit_test(test_cover_add__twice),
		cmocka_unit_test(test_cover_add__too_many_holes),
		cmocka_unit_test(test_cover_add__at_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
