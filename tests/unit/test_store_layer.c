/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of the stores that stand on another: faulty, delay, trace. */
#include "test_store_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/container.h"

#define MIB ((uint64_t)1 << 20)

static struct store *open_ram(struct rig *rig)
{
	struct rig_open what = { .kind = "ram", .settings = { "size=1M" } };

	return rig_open(rig, &what);
}

static void test_layer__looks_like_the_store_below(void **state)
{
	struct rig_open what = { .kind = "delay", .settings = { "milliseconds=0" } };
	struct rig rig;
	struct store *store;
	struct extents map;
	char text[160];

	(void)state;
	assert_true(rig_setup(&rig, ENGINE_EPOLL, 1));
	what.below = open_ram(&rig);
	store = rig_open(&rig, &what);
	assert_memory_equal(&store->traits, &what.below->traits, sizeof(store->traits));
	assert_int_equal(store_map(store, STORE_READ, 4096, 4096, &map), 0);
	assert_int_equal(map.length, 4096);
	store->ops->describe(store, text, sizeof(text));
	assert_non_null(strstr(text, "delayed by 0 ms, on ram: 1 region of "));
	/* Short room cuts the text and nothing else. */
	for (size_t size = 1; size < 60; size++) {
		memset(text, 'x', sizeof(text));
		store->ops->describe(store, text, size);
		assert_true(strlen(text) < size);
		assert_true(rig_is_filled((uint8_t *)text + size, sizeof(text) - size, 'x'));
	}
	store_close(store);
	rig_teardown(&rig);
}

static void test_layer__read_only_above_a_writable_store(void **state)
{
	struct rig_open what = { .kind = "faulty", .read_only = true, .settings = { "count=0" } };
	struct rig rig;
	struct store *store;
	uint8_t byte = 1;

	(void)state;
	assert_true(rig_setup(&rig, ENGINE_EPOLL, 1));
	what.below = open_ram(&rig);
	store = rig_open(&rig, &what);
	assert_int_equal(rig_write(&rig, store, 0, 0, &byte, 1), -EROFS);
	assert_int_equal(rig_read(&rig, store, 0, &byte, 1), 0);
	store_close(store);
	rig_teardown(&rig);
}

static void test_layer_open__needs_a_store_below(void **state)
{
	struct rig_open what = { .kind = "faulty", .settings = { NULL } };
	struct store_error error;
	struct store *store;
	struct rig rig;

	(void)state;
	assert_true(rig_setup(&rig, ENGINE_EPOLL, 1));
	assert_int_equal(rig_try_open(&rig, &what, &store, &error), -EINVAL);
	assert_non_null(strstr(error.text, "needs a store below"));
	what.below = open_ram(&rig);
	what.settings[0] = "every=0";
	assert_int_equal(rig_try_open(&rig, &what, &store, &error), -EINVAL);
	assert_string_equal(error.argument, "every");
	what.kind = "trace";
	what.settings[0] = "output=/nowhere/trace";
	assert_int_equal(rig_try_open(&rig, &what, &store, &error), -ENOENT);
	assert_string_equal(error.argument, "output");
	store_close(what.below);
	rig_teardown(&rig);
}

static void test_faulty__fails_what_was_chosen(void **state)
{
	struct rig_open what = { .kind = "faulty",
				 .settings = { "op=write", "offset=4096", "length=8192",
					       "error=ENOSPC", "after=1", "every=2", "count=2" } };
	struct rig rig;
	struct store *store;
	uint8_t data[512] = { 1 };

	(void)state;
	assert_true(rig_setup(&rig, ENGINE_EPOLL, 1));
	what.below = open_ram(&rig);
	store = rig_open(&rig, &what);
	/* Beside the range, and not a write. */
	assert_int_equal(rig_write(&rig, store, 0, 3584, data, 512), 0);
	assert_int_equal(rig_write(&rig, store, 0, 12288, data, 512), 0);
	assert_int_equal(rig_read(&rig, store, 4096, data, 512), 0);
	/* In it: one passes, then every other fails, twice. */
	data[0] = 2;
	assert_int_equal(rig_write(&rig, store, 0, 4095, data, 2), 0);
	assert_int_equal(rig_write(&rig, store, 0, 12287, data, 512), -ENOSPC);
	assert_int_equal(rig_write(&rig, store, 0, 4096, data, 512), 0);
	assert_int_equal(rig_write(&rig, store, 0, 4096, data, 512), -ENOSPC);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(rig_write(&rig, store, 0, 4096, data, 512), 0);
	/* What failed never got there. */
	assert_int_equal(rig_read(&rig, store, 12287, data, 1), 0);
	assert_int_equal(data[0], 0);
	store_close(store);
	rig_teardown(&rig);
}

static void test_faulty__flush_and_the_rest(void **state)
{
	struct rig_open what = { .kind = "faulty", .settings = { "op=flush" } };
	struct rig rig;
	struct store *store;
	struct rig_io io;

	(void)state;
	assert_true(rig_setup(&rig, ENGINE_EPOLL, 1));
	what.below = open_ram(&rig);
	store = rig_open(&rig, &what);
	assert_int_equal(rig_do(&rig, store, STORE_FLUSH, 0, 0), -EIO);
	assert_int_equal(rig_do(&rig, store, STORE_DISCARD, 0, 4096), 0);
	rig_prepare(&rig, &io, store, STORE_FLUSH, 0, 0);
	store_submit(&io.io);
	store_cancel(&io.io);
	assert_int_equal(io.completions, 1);
	store_close(store);
	rig_teardown(&rig);
}

static void test_delay__waits_and_passes_on(void **state)
{
	struct rig_open what = { .kind = "delay", .settings = { "milliseconds=30", "op=write" } };
	struct rig rig;
	struct store *store;
	uint64_t started;
	uint8_t data[512] = { 7 };

	(void)state;
	assert_true(rig_setup(&rig, ENGINE_EPOLL, 1));
	what.below = open_ram(&rig);
	store = rig_open(&rig, &what);
	started = clock_monotonic_ns();
	assert_int_equal(rig_write(&rig, store, 0, 0, data, 512), 0);
	assert_true(clock_monotonic_ns() - started >= 30 * CLOCK_NS_PER_MS);
	data[0] = 0;
	assert_int_equal(rig_read(&rig, store, 0, data, 512), 0);
	assert_int_equal(data[0], 7);
	store_close(store);
	rig_teardown(&rig);
}

static void test_delay_cancel__before_and_after_it_is_over(void **state)
{
	struct rig_open what = { .kind = "delay", .settings = { "milliseconds=100000" } };
	struct rig rig;
	struct store *store;
	struct rig_io io;

	(void)state;
	assert_true(rig_setup(&rig, ENGINE_EPOLL, 1));
	what.below = open_ram(&rig);
	store = rig_open(&rig, &what);
	rig_prepare(&rig, &io, store, STORE_WRITE_ZEROES, 0, 4096);
	store_submit(&io.io);
	reactor_turn(rig.reactors[0], 0);
	assert_int_equal(io.completions, 0);
	store_cancel(&io.io);
	assert_int_equal(io.completions, 1);
	assert_int_equal(io.err, -ECANCELED);
	store_cancel(&io.io);
	assert_int_equal(io.completions, 1);
	store_close(store);
	/* Without a delay the store below is asked. */
	what.settings[0] = "milliseconds=0";
	what.settings[1] = "op=flush";
	what.below = open_ram(&rig);
	store = rig_open(&rig, &what);
	rig_prepare(&rig, &io, store, STORE_WRITE_ZEROES, 0, MIB);
	store_submit(&io.io);
	store_cancel(&io.io);
	assert_int_equal(io.completions, 1);
	assert_int_equal(io.err, -ECANCELED);
	store_close(store);
	rig_teardown(&rig);
}

static void test_trace__writes_a_line_for_each(void **state)
{
	char path[] = "/var/tmp/pinion-trace-XXXXXX";
	char setting[64];
	struct rig_open what = { .kind = "trace", .settings = { setting } };
	struct rig rig;
	struct store *store;
	uint8_t data[512] = { 1 };
	char text[1024];
	FILE *file;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	snprintf(setting, sizeof(setting), "output=%s", path);
	assert_true(rig_setup(&rig, ENGINE_EPOLL, 1));
	what.below = open_ram(&rig);
	store = rig_open(&rig, &what);
	assert_int_equal(rig_write(&rig, store, STORE_FUA, 4096, data, 512), 0);
	assert_int_equal(rig_read(&rig, store, MIB - 1, data, 2), -EINVAL);
	assert_int_equal(rig_do(&rig, store, STORE_FLUSH, 0, 0), 0);
	store_close(store);
	file = fopen(path, "re");
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	unlink(path);
	assert_non_null(strstr(text, " 0 write 4096+512 fua 0 "));
	assert_non_null(strstr(text, " 0 read 1048575+2 - -22 "));
	assert_non_null(strstr(text, " 0 flush 0+0 - 0 "));
	rig_teardown(&rig);
}

static void test_layer__many_at_a_time_through_three(void **state)
{
	static const enum engine_kind engines[] = { ENGINE_URING, ENGINE_EPOLL };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(engines); i++) {
		struct rig_open trace = { .kind = "trace", .settings = { "output=/dev/null" } };
		struct rig_open delay = { .kind = "delay",
					  .settings = { "milliseconds=1", "offset=512K",
							"length=16K" } };
		struct rig_open faulty = { .kind = "faulty", .settings = { "after=1000000" } };
		struct rig rig;
		struct store *store;

		if (!rig_setup(&rig, engines[i], 1))
			continue;
		faulty.below = open_ram(&rig);
		delay.below = rig_open(&rig, &faulty);
		trace.below = rig_open(&rig, &delay);
		store = rig_open(&rig, &trace);
		rig_exercise(&rig, store, MIB, 64, 2000);
		store_close(store);
		rig_teardown(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layer__looks_like_the_store_below),
		cmocka_unit_test(test_layer__read_only_above_a_writable_store),
		cmocka_unit_test(test_layer_open__needs_a_store_below),
		cmocka_unit_test(test_faulty__fails_what_was_chosen),
		cmocka_unit_test(test_faulty__flush_and_the_rest),
		cmocka_unit_test(test_delay__waits_and_passes_on),
		cmocka_unit_test(test_delay_cancel__before_and_after_it_is_over),
		cmocka_unit_test(test_trace__writes_a_line_for_each),
		cmocka_unit_test(test_layer__many_at_a_time_through_three),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
