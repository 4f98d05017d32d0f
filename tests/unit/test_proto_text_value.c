/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of proto/text_value.h; base64 against RFC 4648 section 10. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "proto/text_value.h"

static int number(const char *text, uint64_t *value)
{
	return text_parse_number(text, strlen(text), value);
}

static void test_text_parse_number__decimal_and_hex(void **state)
{
	uint64_t value = 1;

	(void)state;
	assert_int_equal(number("0", &value), 0);
	assert_int_equal(value, 0);
	assert_int_equal(number("262144", &value), 0);
	assert_int_equal(value, 262144);
	assert_int_equal(number("18446744073709551615", &value), 0);
	assert_int_equal(value, UINT64_MAX);
	assert_int_equal(number("0xfFfe", &value), 0);
	assert_int_equal(value, 0xfffe);
	assert_int_equal(number("0X0010", &value), 0);
	assert_int_equal(value, 16);
	/* Only as many characters as the caller says. */
	assert_int_equal(text_parse_number("123456", 3, &value), 0);
	assert_int_equal(value, 123);
}

static void test_text_parse_number__refuses_the_rest(void **state)
{
	static const char *const wrong[] = { "",   "-1", "+1",  " 1",  "1 ",  "012",
					     "0x", "1a", "0xg", "0b1", "1.0", "Yes" };
	uint64_t value = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(number(wrong[i], &value), -EINVAL);
	assert_int_equal(number("18446744073709551616", &value), -ERANGE);
	assert_int_equal(number("0x10000000000000000", &value), -ERANGE);
	assert_int_equal(number("99999999999999999999999x", &value), -EINVAL);
	assert_int_equal(text_parse_number(NULL, 0, &value), -EINVAL);
	assert_int_equal(value, 77);
}

static void test_text_parse_range__both_ends(void **state)
{
	uint64_t low = 1;
	uint64_t high = 1;

	(void)state;
	assert_int_equal(text_parse_range("512~0x2000", 10, &low, &high), 0);
	assert_int_equal(low, 512);
	assert_int_equal(high, 8192);
	assert_int_equal(text_parse_range("3~3", 3, &low, &high), 0);
	assert_int_equal(low, 3);
	assert_int_equal(high, 3);
}

static void test_text_parse_range__refuses_the_rest(void **state)
{
	static const char *const wrong[] = { "", "~", "1~", "~1", "1", "2~1", "1~2~3", "1 ~2" };
	uint64_t low = 77;
	uint64_t high = 88;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(text_parse_range(wrong[i], strlen(wrong[i]), &low, &high),
				 -EINVAL);
	assert_int_equal(text_parse_range("1~18446744073709551616", 22, &low, &high), -ERANGE);
	assert_int_equal(low, 77);
	assert_int_equal(high, 88);
}

static void test_text_parse_bool__yes_and_no_alone(void **state)
{
	static const char *const wrong[] = { "", "yes", "NO", "Yess", "Ye", "N", "1", "true" };
	bool result = false;

	(void)state;
	assert_int_equal(text_parse_bool("Yes", 3, &result), 0);
	assert_true(result);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(text_parse_bool(wrong[i], strlen(wrong[i]), &result), -EINVAL);
	assert_true(result);
	assert_int_equal(text_parse_bool("No", 2, &result), 0);
	assert_false(result);
}

static void assert_binary(const char *text, const char *bytes)
{
	uint8_t out[32];
	size_t len = 0;

	assert_int_equal(text_parse_binary(text, strlen(text), out, sizeof(out), &len), 0);
	assert_int_equal(len, strlen(bytes));
	assert_memory_equal(out, bytes, len);
}

static void test_text_parse_binary__hex(void **state)
{
	uint8_t out[4];
	size_t len;

	(void)state;
	assert_binary("0x666f6F", "foo");
	assert_binary("0X62", "b");
	assert_int_equal(text_parse_binary("0x00ff", 6, out, 2, &len), 0);
	assert_int_equal(len, 2);
	assert_int_equal(out[0], 0x00);
	assert_int_equal(out[1], 0xff);
}

static void test_text_parse_binary__base64(void **state)
{
	(void)state;
	assert_binary("0bZg==", "f");
	assert_binary("0BZm8=", "fo");
	assert_binary("0bZm9v", "foo");
	assert_binary("0bZm9vYg==", "foob");
	assert_binary("0bZm9vYmE=", "fooba");
	assert_binary("0bZm9vYmFy", "foobar");
	/* Without padding, as some initiators send it. */
	assert_binary("0bZg", "f");
	assert_binary("0bZm8", "fo");
	assert_binary("0b++//", "\xfb\xef\xff");
}

static void test_text_parse_binary__refuses_the_rest(void **state)
{
	static const char *const wrong[] = {
		"",       "0",       "0x",     "0b",      "1234",    "0x123",  "0xgg",
		"0x12 ",  "0bZ",     "0bZg=",  "0bZg===", "0b=",     "0b==",   "0b====",
		"0bZ===", "0bZm9v=", "0bZh==", "0bZm9=",  "0bZm 9v", "0bZm-_", "0bZg==Zg==",
	};
	uint8_t out[32];
	size_t len = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(
			text_parse_binary(wrong[i], strlen(wrong[i]), out, sizeof(out), &len),
			-EINVAL);
	assert_int_equal(len, 77);
}

static void test_text_parse_binary__no_room(void **state)
{
	uint8_t out[3] = { 9, 9, 9 };
	size_t len = 77;

	(void)state;
	assert_int_equal(text_parse_binary("0x010203", 8, out, 2, &len), -ENOSPC);
	assert_int_equal(text_parse_binary("0bZm9v", 6, out, 2, &len), -ENOSPC);
	assert_int_equal(len, 77);
	assert_int_equal(text_parse_binary("0bZm8=", 6, out, 2, &len), 0);
	assert_int_equal(len, 2);
	assert_int_equal(out[2], 9);
}

static void assert_base64(const char *bytes, const char *text)
{
	char out[32];
	size_t len = text_format_base64(out, (const uint8_t *)bytes, strlen(bytes));

	assert_int_equal(len, 2 + text_base64_len(strlen(bytes)));
	assert_int_equal(len, strlen(text));
	assert_memory_equal(out, text, len);
}

static void test_text_format_base64__rfc_examples(void **state)
{
	(void)state;
	assert_base64("", "0b");
	assert_base64("f", "0bZg==");
	assert_base64("fo", "0bZm8=");
	assert_base64("foo", "0bZm9v");
	assert_base64("foob", "0bZm9vYg==");
	assert_base64("fooba", "0bZm9vYmE=");
	assert_base64("foobar", "0bZm9vYmFy");
}

static void test_text_format_hex__lower_case(void **state)
{
	char out[8];

	(void)state;
	assert_int_equal(text_format_hex(out, (const uint8_t[]){ 0x0a, 0xff, 0x10 }, 3), 8);
	assert_memory_equal(out, "0x0aff10", 8);
	assert_int_equal(text_format_hex(out, NULL, 0), 2);
}

static void test_text_is_binary__prefixes(void **state)
{
	(void)state;
	assert_true(text_is_binary("0x", 2));
	assert_true(text_is_binary("0B1", 3));
	assert_false(text_is_binary("0", 1));
	assert_false(text_is_binary("1x", 2));
	assert_false(text_is_binary("", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_parse_number__decimal_and_hex),
		cmocka_unit_test(test_text_parse_number__refuses_the_rest),
		cmocka_unit_test(test_text_parse_range__both_ends),
		cmocka_unit_test(test_text_parse_range__refuses_the_rest),
		cmocka_unit_test(test_text_parse_bool__yes_and_no_alone),
		cmocka_unit_test(test_text_parse_binary__hex),
		cmocka_unit_test(test_text_parse_binary__base64),
		cmocka_unit_test(test_text_parse_binary__refuses_the_rest),
		cmocka_unit_test(test_text_parse_binary__no_room),
		cmocka_unit_test(test_text_format_base64__rfc_examples),
		cmocka_unit_test(test_text_format_hex__lower_case),
		cmocka_unit_test(test_text_is_binary__prefixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
