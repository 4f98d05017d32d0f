/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of base/parse.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "base/parse.h"

static void assert_u64(const char *text, uint64_t expected)
{
	uint64_t value = 1;

	assert_int_equal(parse_u64(text, &value), 0);
	assert_int_equal(value, expected);
}

static void assert_size(const char *text, uint64_t expected)
{
	uint64_t value = 1;

	assert_int_equal(parse_size(text, &value), 0);
	assert_int_equal(value, expected);
}

static void assert_size_error(const char *text, int error)
{
	uint64_t value = 77;

	assert_int_equal(parse_size(text, &value), error);
	assert_int_equal(value, 77);
}

static void test_parse_u64__decimal_and_hex(void **state)
{
	(void)state;
	assert_u64("0", 0);
	assert_u64("007", 7);
	assert_u64("18446744073709551615", UINT64_MAX);
	assert_u64("0xffFFffffFFFFffff", UINT64_MAX);
	assert_u64("0X10", 16);
}

static void test_parse_u64__refuses_the_rest(void **state)
{
	static const char *const wrong[] = { "",   " 1", "1 ", "-1", "+1",
					     "0x", "1a", "a",  "1K", "0xg" };
	uint64_t value = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(parse_u64(wrong[i], &value), -EINVAL);
	assert_int_equal(parse_u64("18446744073709551616", &value), -ERANGE);
	assert_int_equal(parse_u64("0x10000000000000000", &value), -ERANGE);
	assert_int_equal(value, 77);
}

static void test_parse_size__binary_units(void **state)
{
	(void)state;
	assert_size("0", 0);
	assert_size("4096", 4096);
	assert_size("0x1000", 4096);
	assert_size("4K", 4096);
	assert_size("4k", 4096);
	assert_size("512M", 536870912);
	assert_size("1G", 1073741824);
	assert_size("1GiB", 1073741824);
	assert_size("1gib", 1073741824);
	assert_size("2T", 2199023255552);
	assert_size("1P", 1125899906842624);
	assert_size("16383P", UINT64_C(16383) << 50);
	assert_size("0x10M", 16777216);
}

static void test_parse_size__refuses_the_rest(void **state)
{
	(void)state;
	assert_size_error("", -EINVAL);
	assert_size_error("G", -EINVAL);
	assert_size_error("1.5G", -EINVAL);
	assert_size_error("1 G", -EINVAL);
	assert_size_error("1GB", -EINVAL);
	assert_size_error("1GG", -EINVAL);
	assert_size_error("1E", -EINVAL);
	assert_size_error("1 ", -EINVAL);
	assert_size_error("-1G", -EINVAL);
	assert_size_error("1+", -EINVAL);
	assert_size_error("16384P", -ERANGE);
	assert_size_error("99999999999999999999", -ERANGE);
}

static void test_parse_cpu_list__ranges_and_numbers(void **state)
{
	cpu_set_t cpus;

	(void)state;
	assert_int_equal(parse_cpu_list("0-3,6", &cpus), 0);
	assert_int_equal(CPU_COUNT(&cpus), 5);
	assert_true(CPU_ISSET(0, &cpus) && CPU_ISSET(3, &cpus) && CPU_ISSET(6, &cpus));
	assert_false(CPU_ISSET(4, &cpus));
	assert_int_equal(parse_cpu_list("1023", &cpus), 0);
	assert_int_equal(CPU_COUNT(&cpus), 1);
	assert_int_equal(parse_cpu_list("2,1-2,2", &cpus), 0);
	assert_int_equal(CPU_COUNT(&cpus), 2);
}

static void test_parse_cpu_list__refuses_the_rest(void **state)
{
	static const char *const wrong[] = { "",   ",",    "1,",  ",1",  "3-1",  "1-",
					     "-1", "1--2", "all", "1 2", "1-2-3" };
	cpu_set_t cpus;

	(void)state;
	CPU_ZERO(&cpus);
	CPU_SET(5, &cpus);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(parse_cpu_list(wrong[i], &cpus), -EINVAL);
	assert_int_equal(parse_cpu_list("1024", &cpus), -ERANGE);
	assert_int_equal(parse_cpu_list("0-18446744073709551615", &cpus), -ERANGE);
	assert_int_equal(CPU_COUNT(&cpus), 1);
	assert_true(CPU_ISSET(5, &cpus));
}

static void test_parse_format_cpu_list__shortest_form(void **state)
{
	char text[32];
	cpu_set_t cpus;

	(void)state;
	assert_int_equal(parse_cpu_list("6,3,2,1,0,1023", &cpus), 0);
	assert_int_equal(parse_format_cpu_list(&cpus, text, sizeof(text)), 0);
	assert_string_equal(text, "0-3,6,1023");
	CPU_ZERO(&cpus);
	assert_int_equal(parse_format_cpu_list(&cpus, text, sizeof(text)), 0);
	assert_string_equal(text, "");
}

static void test_parse_format_cpu_list__no_space(void **state)
{
	char text[4];
	cpu_set_t cpus;

	(void)state;
	assert_int_equal(parse_cpu_list("0-3", &cpus), 0);
	assert_int_equal(parse_format_cpu_list(&cpus, text, 4), 0);
	assert_string_equal(text, "0-3");
	assert_int_equal(parse_format_cpu_list(&cpus, text, 3), -ENOSPC);
	assert_int_equal(parse_format_cpu_list(&cpus, text, 0), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_u64__decimal_and_hex),
		cmocka_unit_test(test_parse_u64__refuses_the_rest),
		cmocka_unit_test(test_parse_size__binary_units),
		cmocka_unit_test(test_parse_size__refuses_the_rest),
		cmocka_unit_test(test_parse_cpu_list__ranges_and_numbers),
		cmocka_unit_test(test_parse_cpu_list__refuses_the_rest),
		cmocka_unit_test(test_parse_format_cpu_list__shortest_form),
		cmocka_unit_test(test_parse_format_cpu_list__no_space),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
