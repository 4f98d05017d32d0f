/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the null store: zeros whatever is written, mapped or not. */
#include "test_store_rig.h"

#include <stdlib.h>
#include <string.h>

#define MIB (1024u * 1024u)

static struct store *setup(struct rig *rig)
{
	struct rig_open what = { "null", .settings = { "size=8T" } };

	assert_true(rig_setup(rig, ENGINE_EPOLL, 1));
	return rig_open(rig, &what);
}

static void teardown(struct rig *rig, struct store *store)
{
	store_close(store);
	rig_teardown(rig);
}

static void test_null__forgets_and_reads_zeros(void **state)
{
	struct rig rig;
	struct store *store = setup(&rig);
	uint8_t buffer[4096];

	(void)state;
	assert_int_equal(store->traits.size, (uint64_t)8 << 40);
	rig_pattern(buffer, sizeof(buffer), 1);
	assert_int_equal(rig_write(&rig, store, STORE_FUA, 0, buffer, sizeof(buffer)), 0);
	assert_int_equal(rig_read(&rig, store, 0, buffer, sizeof(buffer)), 0);
	assert_true(rig_is_filled(buffer, sizeof(buffer), 0));
	assert_int_equal(rig_do(&rig, store, STORE_FLUSH, 0, 0), 0);
	assert_int_equal(rig_do(&rig, store, STORE_DISCARD, 0, store->traits.size), 0);
	assert_int_equal(rig_do(&rig, store, STORE_WRITE_ZEROES, 4096, store->traits.size), -EINVAL);
	teardown(&rig, store);
}

static void test_null_read__overwrites_a_long_buffer_in_steps(void **state)
{
	struct rig rig;
	struct store *store = setup(&rig);
	struct rig_io io;
	uint8_t *buffer = malloc(3 * MIB);

	(void)state;
	assert_non_null(buffer);
	rig_prepare(&rig, &io, store, STORE_READ, 4096, 3 * MIB - 5);
	rig_take(&rig, &io.data, 3 * MIB);
	memset(buffer, 0xee, 3 * MIB);
	extents_copy_in(&io.data, 0, buffer, 3 * MIB);
	store_submit(&io.io);
	assert_int_equal(io.completions, 0);
	assert_int_equal(rig_wait(&rig, &io), 0);
	extents_copy_out(&io.data, 0, buffer, 3 * MIB);
	assert_true(rig_is_filled(buffer, 3 * MIB - 5, 0));
	assert_true(rig_is_filled(buffer + 3 * MIB - 5, 5, 0xee));
	rig_give(&rig, &io.data);
	free(buffer);
	teardown(&rig, store);
}

static void test_null_map__writers_do_not_reach_readers(void **state)
{
	struct rig rig;
	struct store *store = setup(&rig);
	struct extents in;
	struct extents out;

	(void)state;
	assert_int_equal(store_map(store, STORE_WRITE, 0, MIB + 512, &in), 0);
	assert_true(in.borrowed);
	assert_int_equal(in.count, 2);
	assert_int_equal(in.length, MIB + 512);
	for (unsigned i = 0; i < in.count; i++)
		memset(in.extent[i].data, 0xff, in.extent[i].length);
	assert_int_equal(store_map(store, STORE_READ, 0, 2 * MIB, &out), 0);
	assert_int_equal(out.count, 2);
	for (unsigned i = 0; i < out.count; i++)
		assert_true(rig_is_filled(out.extent[i].data, out.extent[i].length, 0));
	teardown(&rig, store);
}

static void test_null_map__has_a_limit(void **state)
{
	struct rig rig;
	struct store *store = setup(&rig);
	struct extents map;

	(void)state;
	assert_int_equal(store_map(store, STORE_READ, 0, EXTENTS_MAX * MIB, &map), 0);
	assert_int_equal(map.count, EXTENTS_MAX);
	assert_int_equal(store_map(store, STORE_READ, 0, EXTENTS_MAX * MIB + 1, &map), -EMSGSIZE);
	teardown(&rig, store);
}

static void test_null_submit__of_a_mapping_ends_inline(void **state)
{
	struct rig rig;
	struct store *store = setup(&rig);
	struct rig_io io;

	(void)state;
	rig_prepare(&rig, &io, store, STORE_READ, 0, 2 * MIB);
	assert_int_equal(store_map(store, STORE_READ, 0, 2 * MIB, &io.data), 0);
	store_submit(&io.io);
	assert_int_equal(io.completions, 1);
	assert_int_equal(io.err, 0);
	store_cancel(&io.io);
	assert_int_equal(io.completions, 1);
	teardown(&rig, store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_null__forgets_and_reads_zeros),
		cmocka_unit_test(test_null_read__overwrites_a_long_buffer_in_steps),
		cmocka_unit_test(test_null_map__writers_do_not_reach_readers),
		cmocka_unit_test(test_null_map__has_a_limit),
		cmocka_unit_test(test_null_submit__of_a_mapping_ends_inline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
