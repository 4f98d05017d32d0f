/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of proto/names.h against RFC 7143 section 4.2.7. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "proto/names.h"

static void assert_good(const char *name, const char *expected)
{
	char out[NAME_LEN_MAX + 1];

	assert_int_equal(iscsi_name_normalize(name, strlen(name), out), 0);
	assert_string_equal(out, expected);
	assert_int_equal(iscsi_name_accept(name, strlen(name), out), 0);
	assert_string_equal(out, expected);
}

static void assert_bad(const char *name)
{
	char out[NAME_LEN_MAX + 1] = "unchanged";

	assert_int_equal(iscsi_name_normalize(name, strlen(name), out), -EINVAL);
	assert_string_equal(out, "unchanged");
}

static void test_iscsi_name_normalize__examples_of_the_rfc(void **state)
{
	(void)state;
	assert_good("iqn.2001-04.com.example:storage:diskarrays-sn-a8675309",
		    "iqn.2001-04.com.example:storage:diskarrays-sn-a8675309");
	assert_good("iqn.2001-04.com.example", "iqn.2001-04.com.example");
	assert_good("eui.02004567A425678D", "eui.02004567a425678d");
	assert_good("naa.52004567BA64678D", "naa.52004567ba64678d");
	assert_good("naa.62004567BA64678D0123456789ABCDEF", "naa.62004567ba64678d0123456789abcdef");
}

static void test_iscsi_name_normalize__lower_case(void **state)
{
	(void)state;
	assert_good("IQN.1991-05.COM.Microsoft:WIN-Host1", "iqn.1991-05.com.microsoft:win-host1");
	assert_good("iqn.2026-11.io.pinion:", "iqn.2026-11.io.pinion:");
	assert_good("iqn.2026-12.a-b.c:::-.", "iqn.2026-12.a-b.c:::-.");
}

static void test_iscsi_name_normalize__wrong_iqn(void **state)
{
	static const char *const wrong[] = {
		"",
		"iqn",
		"iqn.",
		"iqn.2001-04",
		"iqn.2001-04.",
		"iqn.2001-00.com.example",
		"iqn.2001-13.com.example",
		"iqn.201-04.com.example",
		"iqn.2001.04.com.example",
		"iqn.2001-4.com.example",
		"iqn.2001-04.:disk",
		"iqn.2001-04.com..example",
		"iqn.2001-04.com.example.",
		"iqn.2001-04.com.example.:disk",
		"iqn.2001-04.com.-example",
		"iqn.2001-04.com-.example",
		"iqn.2001-04.com.example:my disk",
		"iqn.2001-04.com.example:my_disk",
		"iqn.2001-04.com.example:a/b",
		"iqn.2001-04.com.example:a,b",
		"iqn.2001-04.com.ex\xc3\xa4mple",
		"iqm.2001-04.com.example",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_bad(wrong[i]);
}

static void test_iscsi_name_normalize__wrong_eui_and_naa(void **state)
{
	(void)state;
	assert_bad("eui.");
	assert_bad("eui.02004567A425678");
	assert_bad("eui.02004567A425678D0");
	assert_bad("eui.02004567A425678G");
	assert_bad("naa.52004567BA64678");
	assert_bad("naa.52004567BA64678D00");
	assert_bad("naa.62004567BA64678D0123456789ABCDEFF");
	assert_bad("naa.62004567BA64678D0123456789ABCDEx");
}

static void test_iscsi_name_normalize__longest(void **state)
{
	char name[NAME_LEN_MAX + 2];
	char out[NAME_LEN_MAX + 1];

	(void)state;
	memset(name, 'a', sizeof(name));
	memcpy(name, "iqn.2001-04.com.example:", 24);
	assert_int_equal(iscsi_name_normalize(name, 223, out), 0);
	assert_int_equal(strlen(out), 223);
	assert_int_equal(iscsi_name_normalize(name, 224, out), -EINVAL);
	assert_int_equal(iscsi_name_accept(name, 224, out), -EINVAL);
}

static void test_iscsi_name_normalize__embedded_nul(void **state)
{
	char out[NAME_LEN_MAX + 1];

	(void)state;
	assert_int_equal(iscsi_name_normalize("iqn.2001-04.com.example:a\0b", 27, out), -EINVAL);
	assert_int_equal(iscsi_name_accept("iqn.2001-04.com.example:a\0b", 27, out), -EINVAL);
}

static void test_iscsi_name_accept__what_initiators_really_send(void **state)
{
	char out[NAME_LEN_MAX + 1];

	(void)state;
	assert_int_equal(iscsi_name_accept("iqn.2004-10.com.Ubuntu:01:my_host", 33, out), 0);
	assert_string_equal(out, "iqn.2004-10.com.ubuntu:01:my_host");
	assert_int_equal(iscsi_name_accept("iqn.client", 10, out), 0);
	assert_int_equal(iscsi_name_accept("iqn.my host", 11, out), -EINVAL);
	assert_int_equal(iscsi_name_accept("iqn.a\nb", 7, out), -EINVAL);
	assert_int_equal(iscsi_name_accept("eui.1", 5, out), -EINVAL);
	assert_int_equal(iscsi_name_accept("host", 4, out), -EINVAL);
}

static void test_iscsi_name_format_address__v4_v6_and_names(void **state)
{
	char out[NAME_ADDRESS_LEN_MAX];

	(void)state;
	assert_int_equal(iscsi_name_format_address(out, sizeof(out), "10.1.2.3", 3260, 1), 15);
	assert_string_equal(out, "10.1.2.3:3260,1");
	iscsi_name_format_address(out, sizeof(out), "2001:db8::1", 3260, 65535);
	assert_string_equal(out, "[2001:db8::1]:3260,65535");
	iscsi_name_format_address(out, sizeof(out), "disk.example.org", 860, 2);
	assert_string_equal(out, "disk.example.org:860,2");
}

static void test_iscsi_name_format_address__no_room(void **state)
{
	char out[16];

	(void)state;
	assert_int_equal(iscsi_name_format_address(out, 15, "10.1.2.3", 3260, 1), -ENOSPC);
	assert_int_equal(iscsi_name_format_address(out, 16, "10.1.2.3", 3260, 1), 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_iscsi_name_normalize__examples_of_the_rfc),
		cmocka_unit_test(test_iscsi_name_normalize__lower_case),
		cmocka_unit_test(test_iscsi_name_normalize__wrong_iqn),
		cmocka_unit_test(test_iscsi_name_normalize__wrong_eui_and_naa),
		cmocka_unit_test(test_iscsi_name_normalize__longest),
		cmocka_unit_test(test_iscsi_name_normalize__embedded_nul),
		cmocka_unit_test(test_iscsi_name_accept__what_initiators_really_send),
		cmocka_unit_test(test_iscsi_name_format_address__v4_v6_and_names),
		cmocka_unit_test(test_iscsi_name_format_address__no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
