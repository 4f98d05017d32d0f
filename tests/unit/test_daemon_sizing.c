/* SPDX-License-Identifier: BSD-2-Clause */
/* How much memory a reactor gets. */
#include "daemon/sizing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MIB (UINT64_C(1) << 20)

static void test_sizing_arena__divides_and_trims(void **state)
{
	(void)state;
	/* The default, 1024 buffers of 256 KiB, on a large machine. */
	assert_int_equal(sizing_arena(256 * MIB, 64 * 1024 * MIB, 2), 128 * MIB);
	/* Nobody knows what is free: as asked. */
	assert_int_equal(sizing_arena(256 * MIB, 0, 4), 64 * MIB);
	/* One part in eight of what is free, for all reactors of the node together. */
	assert_int_equal(sizing_arena(256 * MIB, 1024 * MIB, 2), 64 * MIB);
	/* Never less than what one large I/O and some small ones need. */
	assert_int_equal(sizing_arena(256 * MIB, 64 * MIB, 2), SIZING_ARENA_MIN);
	assert_int_equal(sizing_arena(4096, 64 * 1024 * MIB, 64), SIZING_ARENA_MIN);
	/* Whole MiB. */
	assert_int_equal(sizing_arena(100 * MIB, 0, 3), 33 * MIB);
}

static void test_sizing_meminfo_value__both_files(void **state)
{
	static const char node[] = "Node 0 MemTotal:       24684204 kB\n"
				   "Node 0 MemFree:        23000000 kB\n"
				   "Node 0 Inactive(file):   1000 kB\n";
	static const char all[] = "MemTotal: 10 kB\nMemAvailable:   77 kB\n";

	(void)state;
	assert_int_equal(sizing_meminfo_value(node, "MemFree"), UINT64_C(23000000) * 1024);
	assert_int_equal(sizing_meminfo_value(node, "Inactive(file)"), 1000 * 1024);
	assert_int_equal(sizing_meminfo_value(node, "Free"), 0);
	assert_int_equal(sizing_meminfo_value(all, "MemAvailable"), 77 * 1024);
	assert_int_equal(sizing_meminfo_value(all, "MemTotal"), 10 * 1024);
	assert_int_equal(sizing_meminfo_value("", "MemTotal"), 0);
}

static void test_sizing_node_available__this_machine(void **state)
{
	(void)state;
	assert_true(sizing_node_available(0) > MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizing_arena__divides_and_trims),
		cmocka_unit_test(test_sizing_meminfo_value__both_files),
		cmocka_unit_test(test_sizing_node_available__this_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
