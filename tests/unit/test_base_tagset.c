/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of base/tagset.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "base/tagset.h"

static void test_tagset_init__refuses_wrong_sizes(void **state)
{
	struct tagset set = { 0 };

	(void)state;
	assert_int_equal(tagset_init(&set, 0), -EINVAL);
	assert_int_equal(tagset_init(&set, TAGSET_SIZE_MAX + 1), -EINVAL);
	tagset_fini(&set);
	tagset_fini(&set);
}

/* Every size gives each of its tags once, then -EAGAIN, and again when freed. */
static void exhaust(uint32_t size)
{
	struct tagset set;
	uint8_t *seen = calloc(size, 1);

	assert_non_null(seen);
	assert_int_equal(tagset_init(&set, size), 0);
	for (uint32_t i = 0; i < size; i++) {
		int tag = tagset_take(&set);

		assert_in_range(tag, 0, size - 1);
		assert_int_equal(seen[tag]++, 0);
		assert_true(tagset_is_taken(&set, (uint32_t)tag));
		assert_int_equal(tagset_in_use(&set), i + 1);
	}
	assert_int_equal(tagset_take(&set), -EAGAIN);
	for (uint32_t i = 0; i < size; i++) {
		tagset_put(&set, i);
		assert_false(tagset_is_taken(&set, i));
		assert_int_equal(tagset_take(&set), i);
		assert_int_equal(tagset_take(&set), -EAGAIN);
	}
	for (uint32_t i = 0; i < size; i++)
		tagset_put(&set, i);
	assert_int_equal(tagset_in_use(&set), 0);
	tagset_fini(&set);
	free(seen);
}

static void test_tagset_take__every_tag_once(void **state)
{
	static const uint32_t sizes[] = { 1, 2, 63, 64, 65, 128, 4095, 4096, 4097, 10000 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		exhaust(sizes[i]);
}

static void test_tagset_take__last_put_is_taken_next(void **state)
{
	struct tagset set;

	(void)state;
	assert_int_equal(tagset_init(&set, 1000), 0);
	for (int i = 0; i < 500; i++)
		tagset_take(&set);
	tagset_put(&set, 123);
	tagset_put(&set, 300);
	assert_int_equal(tagset_take(&set), 300);
	tagset_fini(&set);
}

static void test_tagset_is_taken__beyond_the_set(void **state)
{
	struct tagset set;

	(void)state;
	assert_int_equal(tagset_init(&set, 10), 0);
	assert_false(tagset_is_taken(&set, 10));
	assert_false(tagset_is_taken(&set, UINT32_MAX));
	tagset_fini(&set);
}

/* Random takes and puts against a plain array. */
static void test_tagset_take__agrees_with_a_model(void **state)
{
	enum { SIZE = 5000, STEPS = 200000 };
	static uint8_t taken[SIZE];
	uint32_t in_use = 0;
	uint32_t random = 1;
	struct tagset set;

	(void)state;
	assert_int_equal(tagset_init(&set, SIZE), 0);
	for (int i = 0; i < STEPS; i++) {
		uint32_t tag;

		random = random * 1664525 + 1013904223;
		tag = (random >> 8) % SIZE;
		if (taken[tag]) {
			tagset_put(&set, tag);
			taken[tag] = 0;
			in_use--;
		} else {
			int got = tagset_take(&set);

			assert_true(got >= 0 && got < SIZE);
			assert_int_equal(taken[got], 0);
			taken[got] = 1;
			in_use++;
		}
		assert_int_equal(tagset_in_use(&set), in_use);
	}
	tagset_fini(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tagset_init__refuses_wrong_sizes),
		cmocka_unit_test(test_tagset_take__every_tag_once),
		cmocka_unit_test(test_tagset_take__last_put_is_taken_next),
		cmocka_unit_test(test_tagset_is_taken__beyond_the_set),
		cmocka_unit_test(test_tagset_take__agrees_with_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
