/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the RAM store: mapping, copying, zeroing in steps, both engines. */
#include "test_store_rig.h"

#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "store/stepper.h"

#define MIB ((uint64_t)1 << 20)

static struct store *open_ram(struct rig *rig, const char *size)
{
	struct rig_open what = { "ram", .settings = { size } };

	return rig_open(rig, &what);
}

static void test_ram_open__says_what_it_is(void **state)
{
	struct rig rig;
	struct store *store;
	char text[160];

	(void)state;
	assert_true(rig_setup(&rig, ENGINE_EPOLL, 1));
	store = open_ram(&rig, "size=4097K");
	assert_int_equal(store->traits.size, 4097 * 1024);
	assert_true(store->traits.mappable);
	assert_true(store->traits.discard_zeroes);
	assert_false(store->traits.volatile_cache);
	assert_false(store->traits.read_only);
	store->ops->describe(store, text, sizeof(text));
	assert_non_null(strstr(text, "1 region of "));
	store_close(store);
	rig_teardown(&rig);
}

static void test_ram_open__starts_with_zeros(void **state)
{
	struct rig rig;
	struct store *store;
	struct extents map;

	(void)state;
	assert_true(rig_setup(&rig, ENGINE_EPOLL, 1));
	store = open_ram(&rig, "size=3M");
	assert_int_equal(store_map(store, STORE_READ, 0, 3 * MIB, &map), 0);
	assert_true(rig_is_filled(map.extent[0].data, 3 * MIB, 0));
	store_close(store);
	rig_teardown(&rig);
}

static void test_ram_read__returns_what_was_written(void **state)
{
	struct rig rig;
	struct store *store;
	uint8_t wrote[5000];
	uint8_t read[5000];

	(void)state;
	assert_true(rig_setup(&rig, ENGINE_EPOLL, 1));
	store = open_ram(&rig, "size=1M");
	rig_pattern(wrote, sizeof(wrote), 1);
	assert_int_equal(rig_write(&rig, store, STORE_FUA, 777, wrote, sizeof(wrote)), 0);
	assert_int_equal(rig_read(&rig, store, 777, read, sizeof(read)), 0);
	assert_memory_equal(read, wrote, sizeof(read));
	assert_int_equal(rig_read(&rig, store, 776, read, 2), 0);
	assert_int_equal(read[0], 0);
	assert_int_equal(read[1], wrote[0]);
	assert_int_equal(rig_do(&rig, store, STORE_FLUSH, 0, 0), 0);
	store_close(store);
	rig_teardown(&rig);
}

/* Two reactors on two nodes: two pieces of 2 MiB. */
static void test_ram_map__spans_pieces(void **state)
{
	struct rig rig;
	struct store *store;
	struct extents map;
	uint8_t wrote[8192];
	uint8_t read[8192];

	(void)state;
	assert_true(rig_setup(&rig, ENGINE_EPOLL, 2));
	store = open_ram(&rig, "size=4M");
	rig_pattern(wrote, sizeof(wrote), 2);
	assert_int_equal(rig_write(&rig, store, 0, 2 * MIB - 4096, wrote, 8192), 0);
	assert_int_equal(store_map(store, STORE_READ, 2 * MIB - 4096, 8192, &map), 0);
	assert_true(map.borrowed);
	assert_int_equal(map.count, 2);
	assert_int_equal(map.length, 8192);
	for (unsigned i = 0; i < 2; i++) {
		const struct extent *extent = &map.extent[i];

		assert_int_equal(extent->length, 4096);
		assert_true(extent->data >= extent->region->base);
		assert_true(extent->data + extent->length <=
			    extent->region->base + extent->region->length);
	}
	assert_ptr_not_equal(map.extent[0].region, map.extent[1].region);
	extents_copy_out(&map, 0, read, sizeof(read));
	assert_memory_equal(read, wrote, sizeof(read));
	assert_int_equal(store_map(store, STORE_READ, 4 * MIB - 4096, 8192, &map), -EINVAL);
	store_close(store);
	rig_teardown(&rig);
}

static void test_ram_submit__of_a_mapping_leaves_the_data_where_it_is(void **state)
{
	struct rig rig;
	struct store *store;
	struct rig_io io;
	uint8_t read[4096];

	(void)state;
	assert_true(rig_setup(&rig, ENGINE_EPOLL, 2));
	store = open_ram(&rig, "size=4M");
	rig_prepare(&rig, &io, store, STORE_WRITE, 2 * MIB - 8192, 16384);
	assert_int_equal(store_map(store, STORE_WRITE, 2 * MIB - 8192, 16384, &io.data), 0);
	memset(io.data.extent[0].data, 0xa5, 8192);
	memset(io.data.extent[1].data, 0x5a, 8192);
	store_submit(&io.io);
	assert_int_equal(io.completions, 1);
	assert_int_equal(io.err, 0);
	assert_int_equal(rig_read(&rig, store, 2 * MIB - 4096, read, 4096), 0);
	assert_true(rig_is_filled(read, 4096, 0xa5));
	assert_int_equal(rig_read(&rig, store, 2 * MIB, read, 4096), 0);
	assert_true(rig_is_filled(read, 4096, 0x5a));
	store_close(store);
	rig_teardown(&rig);
}

/* Writing from a mapping of another place copies, as EXTENDED COPY would want it. */
static void test_ram_submit__copies_from_a_mapping_of_another_place(void **state)
{
	struct rig rig;
	struct store *store;
	struct rig_io io;
	uint8_t wrote[16384];
	uint8_t read[16384];

	(void)state;
	assert_true(rig_setup(&rig, ENGINE_EPOLL, 1));
	store = open_ram(&rig, "size=1M");
	rig_pattern(wrote, sizeof(wrote), 3);
	assert_int_equal(rig_write(&rig, store, 0, 0, wrote, sizeof(wrote)), 0);
	rig_prepare(&rig, &io, store, STORE_WRITE, 4096, sizeof(wrote));
	assert_int_equal(store_map(store, STORE_READ, 0, sizeof(wrote), &io.data), 0);
	store_submit(&io.io);
	assert_int_equal(rig_wait(&rig, &io), 0);
	assert_int_equal(rig_read(&rig, store, 4096, read, sizeof(read)), 0);
	assert_memory_equal(read, wrote, sizeof(read));
	store_close(store);
	rig_teardown(&rig);
}

static void test_ram_write_zeroes__goes_in_steps_and_other_commands_go_on(void **state)
{
	struct rig rig;
	struct store *store;
	struct rig_io zero;
	struct extents map;
	uint8_t byte = 0xff;
	unsigned turns = 0;

	(void)state;
	assert_true(rig_setup(&rig, ENGINE_EPOLL, 1));
	store = open_ram(&rig, "size=4M");
	assert_int_equal(store_map(store, STORE_WRITE, 0, 4 * MIB, &map), 0);
	memset(map.extent[0].data, 0xff, 4 * MIB);
	rig_prepare(&rig, &zero, store, STORE_WRITE_ZEROES, 1, 4 * MIB - 2);
	store_submit(&zero.io);
	assert_int_equal(zero.completions, 0);
	while (zero.completions == 0) {
		assert_int_equal(rig_write(&rig, store, 0, 0, &byte, 1), 0);
		reactor_turn(rig.reactors[0], 1000);
		turns++;
	}
	assert_int_equal(zero.err, 0);
	assert_int_equal(turns, 4 * MIB / STEPPER_BYTES);
	assert_int_equal(map.extent[0].data[0], 0xff);
	assert_true(rig_is_filled(map.extent[0].data + 1, 4 * MIB - 2, 0));
	assert_int_equal(map.extent[0].data[4 * MIB - 1], 0xff);
	store_close(store);
	rig_teardown(&rig);
}

static void expect_run(struct rig *rig, struct store *ram, uint64_t offset, uint64_t range,
		       uint64_t run, bool is_hole)
{
	struct rig_io io;

	rig_prepare(rig, &io, ram, STORE_STATUS, offset, range);
	store_submit(&io.io);
	assert_int_equal(rig_wait(rig, &io), 0);
	assert_int_equal(io.io.run, run);
	assert_int_equal(io.io.is_hole, is_hole);
}

static void test_ram_status__zeros_are_holes(void **state)
{
	struct rig rig;
	struct store *ram;

	(void)state;
	if (!rig_setup(&rig, ENGINE_EPOLL, 1))
		skip();
	ram = rig_open(&rig, &(struct rig_open){ .kind = "ram", .settings = { "size=4M" } });
	assert_int_equal(rig_write(&rig, ram, 0, 100000, "x", 1), 0);
	/* The granule of 4 KiB that it is in, and what is before it. */
	expect_run(&rig, ram, 0, 4 << 20, 98304, true);
	expect_run(&rig, ram, 5000, 1 << 20, 98304 - 5000, true);
	expect_run(&rig, ram, 98304, 1 << 20, 4096, false);
	expect_run(&rig, ram, 99000, 10, 10, true);
	/* Not everything at once. */
	expect_run(&rig, ram, 102400, 3 << 20, 256 << 10, true);
	assert_int_equal(rig_do(&rig, ram, STORE_DISCARD, 98304, 4096), 0);
	expect_run(&rig, ram, 98304, 8192, 8192, true);
	expect_run(&rig, ram, (4 << 20) - 1, 1, 1, true);
	store_close(ram);
	rig_teardown(&rig);
}

static void test_ram_cancel__ends_a_long_zeroing(void **state)
{
	struct rig rig;
	struct store *store;
	struct rig_io first;
	struct rig_io second;

	(void)state;
	assert_true(rig_setup(&rig, ENGINE_EPOLL, 1));
	store = open_ram(&rig, "size=8M");
	rig_prepare(&rig, &first, store, STORE_DISCARD, 0, 4 * MIB);
	rig_prepare(&rig, &second, store, STORE_WRITE_ZEROES, 4 * MIB, 4 * MIB);
	store_submit(&first.io);
	store_submit(&second.io);
	reactor_turn(rig.reactors[0], 0);
	store_cancel(&first.io);
	assert_int_equal(first.completions, 1);
	assert_int_equal(first.err, -ECANCELED);
	store_cancel(&first.io);
	assert_int_equal(rig_wait(&rig, &second), 0);
	store_cancel(&second.io);
	assert_int_equal(first.completions, 1);
	assert_int_equal(second.completions, 1);
	store_close(store);
	rig_teardown(&rig);
}

static void test_ram_cancel__of_the_only_one_leaves_the_reactor_idle(void **state)
{
	struct rig rig;
	struct store *store;
	struct rig_io io;

	(void)state;
	assert_true(rig_setup(&rig, ENGINE_EPOLL, 1));
	store = open_ram(&rig, "size=8M");
	rig_prepare(&rig, &io, store, STORE_DISCARD, 0, 8 * MIB);
	store_submit(&io.io);
	store_cancel(&io.io);
	assert_int_equal(io.err, -ECANCELED);
	reactor_turn(rig.reactors[0], 0);
	reactor_turn(rig.reactors[0], 0);
	assert_int_equal(io.completions, 1);
	store_close(store);
	rig_teardown(&rig);
}

static void test_ram_submit__large_transfers_go_in_steps(void **state)
{
	struct rig rig;
	struct store *store;
	uint8_t *wrote = malloc(3 * MIB);
	uint8_t *read = malloc(3 * MIB);

	(void)state;
	assert_true(wrote != NULL && read != NULL);
	assert_true(rig_setup(&rig, ENGINE_EPOLL, 2));
	store = open_ram(&rig, "size=4M");
	rig_pattern(wrote, 3 * MIB, 5);
	assert_int_equal(rig_write(&rig, store, 0, MIB / 2 + 1, wrote, 3 * MIB), 0);
	assert_int_equal(rig_read(&rig, store, MIB / 2 + 1, read, 3 * MIB), 0);
	assert_memory_equal(wrote, read, 3 * MIB);
	store_close(store);
	rig_teardown(&rig);
	free(wrote);
	free(read);
}

static void test_ram_read_only__refuses_changes(void **state)
{
	struct rig_open what = { "ram", .read_only = true, .settings = { "size=1M", "node=0" } };
	struct rig rig;
	struct store *store;
	struct extents map;
	uint8_t byte = 1;

	(void)state;
	assert_true(rig_setup(&rig, ENGINE_EPOLL, 1));
	store = rig_open(&rig, &what);
	assert_int_equal(rig_write(&rig, store, 0, 0, &byte, 1), -EROFS);
	assert_int_equal(rig_do(&rig, store, STORE_DISCARD, 0, 4096), -EROFS);
	assert_int_equal(rig_read(&rig, store, 0, &byte, 1), 0);
	assert_int_equal(byte, 0);
	assert_int_equal(store_map(store, STORE_WRITE, 0, 512, &map), -EROFS);
	assert_int_equal(store_map(store, STORE_READ, 0, 512, &map), 0);
	store_close(store);
	rig_teardown(&rig);
}

static void test_ram_submit__refuses_what_is_outside(void **state)
{
	struct rig rig;
	struct store *store;
	uint8_t bytes[2];

	(void)state;
	assert_true(rig_setup(&rig, ENGINE_EPOLL, 1));
	store = open_ram(&rig, "size=1M");
	assert_int_equal(rig_read(&rig, store, MIB - 1, bytes, 2), -EINVAL);
	assert_int_equal(rig_do(&rig, store, STORE_WRITE_ZEROES, 0, MIB + 1), -EINVAL);
	assert_int_equal(rig_do(&rig, store, STORE_WRITE_ZEROES, MIB, 0), 0);
	store_close(store);
	rig_teardown(&rig);
}

static void exercise(enum engine_kind engine)
{
	struct rig rig;
	struct store *store;

	if (!rig_setup(&rig, engine, 2))
		skip();
	store = open_ram(&rig, "size=4M");
	rig_exercise(&rig, store, 4 * MIB, 64, 5000);
	store_close(store);
	rig_teardown(&rig);
}

static void test_ram__many_at_a_time_on_uring(void **state)
{
	(void)state;
	exercise(ENGINE_URING);
}

static void test_ram__many_at_a_time_on_epoll(void **state)
{
	(void)state;
	exercise(ENGINE_EPOLL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ram_open__says_what_it_is),
		cmocka_unit_test(test_ram_open__starts_with_zeros),
		cmocka_unit_test(test_ram_read__returns_what_was_written),
		cmocka_unit_test(test_ram_map__spans_pieces),
		cmocka_unit_test(test_ram_submit__of_a_mapping_leaves_the_data_where_it_is),
		cmocka_unit_test(test_ram_submit__copies_from_a_mapping_of_another_place),
		cmocka_unit_test(test_ram_write_zeroes__goes_in_steps_and_other_commands_go_on),
		cmocka_unit_test(test_ram_status__zeros_are_holes),
		cmocka_unit_test(test_ram_cancel__ends_a_long_zeroing),
		cmocka_unit_test(test_ram_cancel__of_the_only_one_leaves_the_reactor_idle),
		cmocka_unit_test(test_ram_submit__large_transfers_go_in_steps),
		cmocka_unit_test(test_ram_read_only__refuses_changes),
		cmocka_unit_test(test_ram_submit__refuses_what_is_outside),
		cmocka_unit_test(test_ram__many_at_a_time_on_uring),
		cmocka_unit_test(test_ram__many_at_a_time_on_epoll),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
