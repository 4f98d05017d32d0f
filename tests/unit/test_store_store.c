/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of what all stores have in common: kinds, settings, checks of operations. */
#include "test_store_rig.h"

#include <string.h>

#include "base/container.h"
#include "store/settings.h"

static int setup(void **state)
{
	static struct rig rig;

	assert_true(rig_setup(&rig, ENGINE_EPOLL, 1));
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	rig_teardown(*state);
	return 0;
}

static void test_store_kind__finds_by_name(void **state)
{
	static const char *const names[] = { "file", "ram", "null" };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		assert_string_equal(store_kind(names[i])->name, names[i]);
	assert_null(store_kind("tape"));
	assert_null(store_kind(""));
}

static void test_store_kinds__all_explain_themselves(void **state)
{
	(void)state;
	for (const struct store_ops *const *kind = store_kinds; *kind != NULL; kind++) {
		assert_non_null((*kind)->help);
		for (const struct store_setting *at = (*kind)->settings; at->name != NULL; at++) {
			assert_non_null(at->help);
			assert_int_equal(at->choices != NULL, at->type == STORE_SETTING_CHOICE);
		}
	}
}

static void test_store_open__names_the_wrong_setting(void **state)
{
	static const struct {
		struct rig_open open;
		const char *argument;
		const char *word;
	} cases[] = {
		{ { "ram", .settings = { NULL } }, "size", "needs size" },
		{ { "ram", .settings = { "size=1G", "colour=red" } }, "(unknown)", "it has: size, node" },
		{ { "ram", .settings = { "size=big" } }, "size", "\"big\" is not a size" },
		{ { "ram", .settings = { "size=1M", "size=2M" } }, "size", "twice" },
		{ { "ram", .settings = { "size=0" } }, "size", "is 0" },
		{ { "ram", .settings = { "size=1P" } }, "size", "available" },
		{ { "ram", .settings = { "size=1M", "node=left" } }, "node", "not a number" },
		{ { "ram", .settings = { "size=1M", "node=1000" } }, "node", "no NUMA node 1000" },
		{ { "null", .settings = { "size=99999999999999999999" } }, "size", "not a size" },
		{ { "null", .settings = { "size=0" } }, "size", "1 byte" },
		{ { "file", .settings = { "size=1M" } }, "path", "needs path" },
		{ { "file", .settings = { "path=" } }, "path", "empty" },
		{ { "file", .settings = { "path=/x", "direct=maybe" } }, "direct", "not auto|on|off" },
		{ { "file", .settings = { "path=/x", "direct=o" } }, "direct", "not auto|on|off" },
		{ { "file", .settings = { "path=/x", "create=yes" } }, "create", "true or false" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct store_error error;
		struct store *store = NULL;
		int rc = rig_try_open(*state, &cases[i].open, &store, &error);

		assert_true(rc < 0);
		assert_null(store);
		assert_non_null(error.argument);
		assert_string_equal(error.argument, cases[i].argument);
		if (strstr(error.text, cases[i].word) == NULL)
			fail_msg("\"%s\" does not say \"%s\"", error.text, cases[i].word);
	}
}

static void test_store_open__refuses_a_store_below_one_that_does_not_stack(void **state)
{
	struct rig_open below = { "null", .settings = { "size=1M" } };
	struct rig_open above = { "null", .settings = { "size=1M" } };
	struct store_error error;
	struct store *store;

	above.below = rig_open(*state, &below);
	assert_int_equal(rig_try_open(*state, &above, &store, &error), -EINVAL);
	assert_non_null(strstr(error.text, "cannot stand on"));
	store_close(above.below);
}

static void test_store_io_check__range_alignment_and_read_only(void **state)
{
	static const struct {
		enum store_op op;
		bool read_only;
		uint64_t offset;
		uint64_t bytes;
		int rc;
	} cases[] = {
		{ STORE_READ, false, 0, 4096, 0 },
		{ STORE_READ, false, 3584, 512, 0 },
		{ STORE_READ, false, 4096, 0, 0 },
		{ STORE_READ, false, 3584, 1024, -EINVAL },
		{ STORE_READ, false, 4608, 0, -EINVAL },
		{ STORE_READ, false, 0, 511, -EINVAL },
		{ STORE_READ, false, 1, 512, -EINVAL },
		{ STORE_READ, true, 0, 512, 0 },
		{ STORE_WRITE, true, 0, 512, -EROFS },
		{ STORE_DISCARD, true, 0, 512, -EROFS },
		{ STORE_WRITE_ZEROES, true, 0, 512, -EROFS },
		{ STORE_FLUSH, true, 0, 0, 0 },
		{ STORE_DISCARD, false, UINT64_MAX - 511, 512, -EINVAL },
		{ STORE_WRITE_ZEROES, false, 512, UINT64_MAX - 511, -EINVAL },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct store store = { .traits = { .size = 4096, .logical_block = 512,
						   .read_only = cases[i].read_only } };
		struct extents data = { .length = 1 << 20 };
		struct store_io io = { .op = cases[i].op, .offset = cases[i].offset,
				       .length = (uint32_t)cases[i].bytes,
				       .range = cases[i].bytes, .data = &data };

		assert_int_equal(store_io_check(&store, &io), cases[i].rc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_store_kind__finds_by_name),
		cmocka_unit_test(test_store_kinds__all_explain_themselves),
		cmocka_unit_test(test_store_open__names_the_wrong_setting),
		cmocka_unit_test(test_store_open__refuses_a_store_below_one_that_does_not_stack),
		cmocka_unit_test(test_store_io_check__range_alignment_and_read_only),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
