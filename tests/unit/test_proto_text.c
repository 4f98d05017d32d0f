/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of proto/text.h against RFC 7143 section 6.1. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "proto/text.h"

/* Walks over the literal without the NUL that the compiler adds. */
#define ITER(literal) iter_over(literal, sizeof(literal) - 1)

static struct text_iter iter_over(const char *text, size_t len)
{
	struct text_iter iter;

	text_iter_init(&iter, text, len);
	return iter;
}

static void assert_pair(struct text_iter *iter, const char *key, const char *value)
{
	struct text_pair pair;

	assert_int_equal(text_iter_next(iter, &pair), 1);
	assert_true(text_key_is(&pair, key));
	assert_int_equal(pair.value_len, strlen(value));
	assert_string_equal(pair.value, value);
}

/* `text` of `len` bytes is refused, again when asked again, and with a reason. */
static void assert_refused(const char *text, size_t len)
{
	struct text_iter iter = iter_over(text, len);
	struct text_pair pair;

	assert_int_equal(text_iter_next(&iter, &pair), -EPROTO);
	assert_non_null(iter.error);
	assert_int_equal(text_iter_next(&iter, &pair), -EPROTO);
}

static void test_text_iter_next__pairs_in_order(void **state)
{
	struct text_iter iter = ITER("InitiatorName=iqn.2026-11.org.example:a\0SessionType=Normal\0"
				     "HeaderDigest=CRC32C,None\0X-com.example.Empty=\0");
	struct text_pair pair;

	(void)state;
	assert_pair(&iter, "InitiatorName", "iqn.2026-11.org.example:a");
	assert_pair(&iter, "SessionType", "Normal");
	assert_pair(&iter, "HeaderDigest", "CRC32C,None");
	assert_pair(&iter, "X-com.example.Empty", "");
	assert_int_equal(text_iter_next(&iter, &pair), 0);
	assert_int_equal(text_iter_next(&iter, &pair), 0);
	assert_null(iter.error);
}

static void test_text_iter_next__value_may_have_equals_and_utf8(void **state)
{
	struct text_iter iter = ITER("X-a=b=c=\0InitiatorAlias=G\xc3\xbcnter's, disk\0");

	(void)state;
	assert_pair(&iter, "X-a", "b=c=");
	assert_pair(&iter, "InitiatorAlias", "G\xc3\xbcnter's, disk");
}

static void test_text_iter_next__empty_segment(void **state)
{
	struct text_iter iter;
	struct text_pair pair;

	(void)state;
	text_iter_init(&iter, NULL, 0);
	assert_int_equal(text_iter_next(&iter, &pair), 0);
}

static void test_text_iter_next__passes_over_extra_nuls(void **state)
{
	struct text_iter iter = ITER("\0A=1\0\0\0B=2\0\0");
	struct text_pair pair;

	(void)state;
	assert_pair(&iter, "A", "1");
	assert_pair(&iter, "B", "2");
	assert_int_equal(text_iter_next(&iter, &pair), 0);
}

static void test_text_iter_next__unterminated_rest_is_handed_back(void **state)
{
	struct text_iter iter = ITER("A=1\0TargetNa");
	struct text_pair pair;

	(void)state;
	assert_pair(&iter, "A", "1");
	assert_int_equal(text_iter_next(&iter, &pair), -EAGAIN);
	assert_int_equal(text_iter_next(&iter, &pair), -EAGAIN);
	assert_int_equal(iter.end - iter.position, 8);
	assert_memory_equal(iter.position, "TargetNa", 8);
}

static void test_text_iter_next__refuses_what_is_no_pair(void **state)
{
	(void)state;
	assert_refused("A", 2);
	assert_refused("=value", 7);
	assert_refused("Some Key=1", 11);
	assert_refused("Key\n=1", 7);
	assert_refused("K\xc3\xa9y=1", 7);
	assert_refused("Key,=1", 7);
}

static void test_text_iter_next__key_of_63_bytes_is_the_longest(void **state)
{
	char text[70];
	struct text_iter iter;
	struct text_pair pair;

	(void)state;
	memset(text, 'K', sizeof(text));
	memcpy(text + 63, "=1", 3);
	iter = iter_over(text, 66);
	assert_int_equal(text_iter_next(&iter, &pair), 1);
	assert_int_equal(pair.key_len, 63);
	memset(text, 'K', sizeof(text));
	memcpy(text + 64, "=1", 3);
	assert_refused(text, 67);
}

static void test_text_iter_next__key_characters(void **state)
{
	struct text_iter iter = ITER("X#NodeArchitecture=1\0X-Az09.-+@_=2\0");

	(void)state;
	assert_pair(&iter, "X#NodeArchitecture", "1");
	assert_pair(&iter, "X-Az09.-+@_", "2");
}

static void test_text_iter_next__value_lengths(void **state)
{
	static char text[9000];
	struct text_iter iter;
	struct text_pair pair;

	(void)state;
	/* 255 bytes are the longest ordinary value. */
	memset(text, 'v', sizeof(text));
	memcpy(text, "K=", 2);
	text[2 + 255] = '\0';
	iter = iter_over(text, 2 + 256);
	assert_int_equal(text_iter_next(&iter, &pair), 1);
	assert_int_equal(pair.value_len, 255);
	text[2 + 255] = 'v';
	text[2 + 256] = '\0';
	assert_refused(text, 2 + 257);
	/* A comma makes it a list of two ordinary values. */
	text[2 + 100] = ',';
	iter = iter_over(text, 2 + 257);
	assert_int_equal(text_iter_next(&iter, &pair), 1);
	/* 8192 bytes are the longest binary value. */
	memset(text + 2, '0', sizeof(text) - 2);
	memcpy(text, "K=0x", 4);
	text[2 + 8192] = '\0';
	iter = iter_over(text, 2 + 8193);
	assert_int_equal(text_iter_next(&iter, &pair), 1);
	assert_int_equal(pair.value_len, 8192);
	text[2 + 8192] = '0';
	text[2 + 8193] = '\0';
	assert_refused(text, 2 + 8194);
}

static void test_text_key_is__whole_and_case_sensitive(void **state)
{
	struct text_iter iter = ITER("MaxBurstLength=1\0");
	struct text_pair pair;

	(void)state;
	assert_int_equal(text_iter_next(&iter, &pair), 1);
	assert_true(text_key_is(&pair, "MaxBurstLength"));
	assert_false(text_key_is(&pair, "MaxBurst"));
	assert_false(text_key_is(&pair, "MaxBurstLengthX"));
	assert_false(text_key_is(&pair, "maxburstlength"));
}

static void assert_items(const char *value, const char *const *items, size_t count)
{
	struct text_list list;
	const char *item;
	size_t len;

	text_list_init(&list, value, strlen(value));
	for (size_t i = 0; i < count; i++) {
		assert_true(text_list_next(&list, &item, &len));
		assert_true(text_equals(item, len, items[i]));
	}
	assert_false(text_list_next(&list, &item, &len));
	assert_false(text_list_next(&list, &item, &len));
}

static void test_text_list_next__items_in_order(void **state)
{
	(void)state;
	assert_items("CHAP,SRP,None", (const char *[]){ "CHAP", "SRP", "None" }, 3);
	assert_items("None", (const char *[]){ "None" }, 1);
	assert_items("", NULL, 0);
	assert_items("a,,b,", (const char *[]){ "a", "", "b", "" }, 4);
	assert_items(",", (const char *[]){ "", "" }, 2);
}

static void test_text_put__byte_for_byte(void **state)
{
	static const char expected[] =
		"HeaderDigest=None\0MaxBurstLength=262144\0ImmediateData=Yes\0"
		"InitialR2T=No\0CHAP_C=0x00ff7a\0CHAP_R=0bAP96\0A=";
	char out[sizeof(expected)];
	struct cursor cursor = cursor_writer(out, sizeof(out));
	static const uint8_t bytes[] = { 0x00, 0xff, 0x7a };

	(void)state;
	text_put(&cursor, "HeaderDigest", "None");
	text_put_number(&cursor, "MaxBurstLength", 262144);
	text_put_bool(&cursor, "ImmediateData", true);
	text_put_bool(&cursor, "InitialR2T", false);
	text_put_hex(&cursor, "CHAP_C", bytes, sizeof(bytes));
	text_put_base64(&cursor, "CHAP_R", bytes, sizeof(bytes));
	text_put(&cursor, "A", "");
	assert_false(cursor_failed(&cursor));
	assert_int_equal(cursor_offset(&cursor), sizeof(expected));
	assert_memory_equal(out, expected, sizeof(expected));
}

static void test_text_put__whole_pair_or_nothing(void **state)
{
	char out[16];
	struct cursor cursor = cursor_writer(out, 7);

	(void)state;
	memset(out, '.', sizeof(out));
	text_put(&cursor, "A", "1");
	assert_int_equal(cursor_offset(&cursor), 4);
	text_put(&cursor, "B", "2");
	assert_true(cursor_failed(&cursor));
	assert_int_equal(cursor_offset(&cursor), 4);
	assert_memory_equal(out, "A=1\0......", 10);
}

static void test_text_put_value__part_of_a_string(void **state)
{
	char out[8];
	struct cursor cursor = cursor_writer(out, sizeof(out));

	(void)state;
	text_put_value(&cursor, "K", "abcdef", 3);
	assert_int_equal(cursor_offset(&cursor), 6);
	assert_memory_equal(out, "K=abc\0", 6);
	text_put_value(&cursor, "K", "x", SIZE_MAX);
	assert_true(cursor_failed(&cursor));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_iter_next__pairs_in_order),
		cmocka_unit_test(test_text_iter_next__value_may_have_equals_and_utf8),
		cmocka_unit_test(test_text_iter_next__empty_segment),
		cmocka_unit_test(test_text_iter_next__passes_over_extra_nuls),
		cmocka_unit_test(test_text_iter_next__unterminated_rest_is_handed_back),
		cmocka_unit_test(test_text_iter_next__refuses_what_is_no_pair),
		cmocka_unit_test(test_text_iter_next__key_of_63_bytes_is_the_longest),
		cmocka_unit_test(test_text_iter_next__key_characters),
		cmocka_unit_test(test_text_iter_next__value_lengths),
		cmocka_unit_test(test_text_key_is__whole_and_case_sensitive),
		cmocka_unit_test(test_text_list_next__items_in_order),
		cmocka_unit_test(test_text_put__byte_for_byte),
		cmocka_unit_test(test_text_put__whole_pair_or_nothing),
		cmocka_unit_test(test_text_put_value__part_of_a_string),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
