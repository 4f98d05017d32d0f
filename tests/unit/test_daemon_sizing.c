/* SPDX-License-Identifier: BSD-2-Clause */
/* How much memory a reactor gets. */
#include "daemon/sizing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

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

static void test_sizing_pinned__each_device_and_the_rings(void **state)
{
	(void)state;
	/* 1 GiB, for a ring and a device of each of two reactors; an eighth is for queues. */
	assert_int_equal(sizing_pinned(1024 * MIB, 1, 2), 224 * MIB);
	assert_int_equal(sizing_pinned(1024 * MIB, 3, 2), 112 * MIB);
	/* Whole huge pages. */
	assert_int_equal(sizing_pinned(100 * MIB, 1, 3), 14 * MIB);
	/* Too little for any. */
	assert_int_equal(sizing_pinned(8 * MIB, 1, 1), 0);
	assert_int_equal(sizing_pinned(64 * MIB, 1, 4), 0);
	assert_int_equal(sizing_pinned(0, 1, 4), 0);
}

/* What may be locked is what a process without privilege can lock. */
static void test_sizing_lockable__limit_and_privilege(void **state)
{
	struct rlimit limit = { 1 << 20, 1 << 20 };
	int status = -1;
	pid_t child;

	(void)state;
	child = fork();
	if (child == 0) {
		if (setrlimit(RLIMIT_MEMLOCK, &limit) < 0 ||
		    (getuid() == 0 && setuid(65534) < 0))
			_exit(77);
		_exit(sizing_lockable() == 1 << 20 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
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
		cmocka_unit_test(test_sizing_pinned__each_device_and_the_rings),
		cmocka_unit_test(test_sizing_lockable__limit_and_privilege),
		cmocka_unit_test(test_sizing_meminfo_value__both_files),
		cmocka_unit_test(test_sizing_node_available__this_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
