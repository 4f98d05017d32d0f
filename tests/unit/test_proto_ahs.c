/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of proto/ahs.h against RFC 7143 section 11.2.2. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "proto/ahs.h"

/* A 32-byte CDB has 16 bytes here: AHSLength 17, padded to no more; then the
 * bidirectional length 0x00012000. */
static const uint8_t both[] = {
	0x00, 0x11, 0x01, 0x00, 1,  2,  3,    4,    5,    6,    7,    8,    9,    10,
	11,   12,   13,   14,   15, 16, 0x00, 0x05, 0x02, 0x00, 0x00, 0x01, 0x20, 0x00,
};

static void test_ahs_iter_next__cdb_and_read_length(void **state)
{
	struct ahs_iter iter;
	struct ahs ahs;
	const uint8_t *cdb = NULL;
	size_t len = 0;
	uint32_t length = 0;

	(void)state;
	ahs_iter_init(&iter, both, sizeof(both));
	assert_int_equal(ahs_iter_next(&iter, &ahs), 1);
	assert_int_equal(ahs.type, AHS_TYPE_EXTENDED_CDB);
	assert_int_equal(ahs.len, 17);
	assert_int_equal(ahs_extended_cdb(&ahs, &cdb, &len), 0);
	assert_int_equal(len, 16);
	assert_ptr_equal(cdb, both + 4);
	assert_int_equal(ahs_iter_next(&iter, &ahs), 1);
	assert_int_equal(ahs.type, AHS_TYPE_BIDI_READ_LENGTH);
	assert_int_equal(ahs_bidi_read_length(&ahs, &length), 0);
	assert_int_equal(length, 0x12000);
	assert_int_equal(ahs_iter_next(&iter, &ahs), 0);
	assert_int_equal(ahs_iter_next(&iter, &ahs), 0);
}

static void test_ahs_iter_next__passes_over_padding(void **state)
{
	/* A 17-byte CDB: one byte, AHSLength 2, three bytes of padding. */
	static const uint8_t padded[] = { 0, 2, 1, 0, 0xaa, 9, 9, 9, 0, 5, 2, 0, 0, 0, 2, 0 };
	struct ahs_iter iter;
	struct ahs ahs;
	const uint8_t *cdb;
	size_t len;

	(void)state;
	ahs_iter_init(&iter, padded, sizeof(padded));
	assert_int_equal(ahs_iter_next(&iter, &ahs), 1);
	assert_int_equal(ahs_extended_cdb(&ahs, &cdb, &len), 0);
	assert_int_equal(len, 1);
	assert_int_equal(cdb[0], 0xaa);
	assert_int_equal(ahs_iter_next(&iter, &ahs), 1);
	assert_int_equal(ahs.type, AHS_TYPE_BIDI_READ_LENGTH);
	assert_int_equal(ahs_iter_next(&iter, &ahs), 0);
}

static void assert_broken(const uint8_t *bytes, size_t len)
{
	struct ahs_iter iter;
	struct ahs ahs;

	ahs_iter_init(&iter, bytes, len);
	assert_int_equal(ahs_iter_next(&iter, &ahs), -EPROTO);
	assert_int_equal(ahs_iter_next(&iter, &ahs), -EPROTO);
}

static void test_ahs_iter_next__length_beyond_the_end(void **state)
{
	(void)state;
	assert_broken((uint8_t[]){ 0, 2, 1, 0 }, 4);
	assert_broken((uint8_t[]){ 0xff, 0xff, 1, 0 }, 4);
	assert_broken((uint8_t[]){ 0, 5, 2, 0, 0, 0, 0 }, 7);
	/* The data is there, its padding is not. */
	assert_broken((uint8_t[]){ 0, 2, 1, 0, 7 }, 5);
	assert_broken((uint8_t[]){ 0, 1 }, 2);
}

static void test_ahs_iter_next__unknown_types_can_be_skipped(void **state)
{
	static const uint8_t unknown[] = { 0, 0, 0x3f, 0 };
	struct ahs_iter iter;
	struct ahs ahs;

	(void)state;
	ahs_iter_init(&iter, unknown, sizeof(unknown));
	/* Length 0: three bytes, padded to four. */
	assert_int_equal(ahs_iter_next(&iter, &ahs), 1);
	assert_int_equal(ahs.type, 0x3f);
	assert_int_equal(ahs.len, 0);
	assert_int_equal(ahs_iter_next(&iter, &ahs), 0);
}

static void test_ahs_iter_next__nothing(void **state)
{
	struct ahs_iter iter;
	struct ahs ahs;

	(void)state;
	ahs_iter_init(&iter, NULL, 0);
	assert_int_equal(ahs_iter_next(&iter, &ahs), 0);
}

static void test_ahs_extended_cdb__wrong_lengths(void **state)
{
	static const uint8_t data[4];
	struct ahs ahs = { .type = AHS_TYPE_EXTENDED_CDB, .data = data };
	const uint8_t *cdb;
	size_t len = 0;

	(void)state;
	ahs.len = 0;
	assert_int_equal(ahs_extended_cdb(&ahs, &cdb, &len), -EPROTO);
	ahs.len = 1;
	assert_int_equal(ahs_extended_cdb(&ahs, &cdb, &len), -EPROTO);
	ahs.len = 246;
	assert_int_equal(ahs_extended_cdb(&ahs, &cdb, &len), -EPROTO);
	ahs.len = 245;
	assert_int_equal(ahs_extended_cdb(&ahs, &cdb, &len), 0);
	assert_int_equal(len, 244);
}

static void test_ahs_bidi_read_length__wrong_length(void **state)
{
	static const uint8_t data[8];
	struct ahs ahs = { .type = AHS_TYPE_BIDI_READ_LENGTH, .len = 4, .data = data };
	uint32_t length = 7;

	(void)state;
	assert_int_equal(ahs_bidi_read_length(&ahs, &length), -EPROTO);
	ahs.len = 6;
	assert_int_equal(ahs_bidi_read_length(&ahs, &length), -EPROTO);
	assert_int_equal(length, 7);
}

static void test_ahs_put__byte_for_byte(void **state)
{
	uint8_t out[sizeof(both)];
	struct cursor cursor = cursor_writer(out, sizeof(out));

	(void)state;
	memset(out, 0xff, sizeof(out));
	ahs_put_extended_cdb(&cursor, both + 4, 16);
	ahs_put_bidi_read_length(&cursor, 0x12000);
	assert_false(cursor_failed(&cursor));
	assert_int_equal(cursor_remaining(&cursor), 0);
	assert_memory_equal(out, both, sizeof(both));
}

static void test_ahs_put_extended_cdb__pads_with_zeros(void **state)
{
	uint8_t out[8];
	struct cursor cursor = cursor_writer(out, sizeof(out));

	(void)state;
	memset(out, 0xff, sizeof(out));
	ahs_put_extended_cdb(&cursor, (uint8_t[]){ 0xaa }, 1);
	assert_false(cursor_failed(&cursor));
	assert_memory_equal(out, ((uint8_t[]){ 0, 2, 1, 0, 0xaa, 0, 0, 0 }), 8);
}

static void test_ahs_put_extended_cdb__wrong_length_fails(void **state)
{
	uint8_t out[300];
	uint8_t cdb[245] = { 0 };
	struct cursor cursor = cursor_writer(out, sizeof(out));

	(void)state;
	ahs_put_extended_cdb(&cursor, cdb, 244);
	assert_false(cursor_failed(&cursor));
	cursor = cursor_writer(out, sizeof(out));
	ahs_put_extended_cdb(&cursor, cdb, 245);
	assert_true(cursor_failed(&cursor));
	cursor = cursor_writer(out, sizeof(out));
	ahs_put_extended_cdb(&cursor, cdb, 0);
	assert_true(cursor_failed(&cursor));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ahs_iter_next__cdb_and_read_length),
		cmocka_unit_test(test_ahs_iter_next__passes_over_padding),
		cmocka_unit_test(test_ahs_iter_next__length_beyond_the_end),
		cmocka_unit_test(test_ahs_iter_next__unknown_types_can_be_skipped),
		cmocka_unit_test(test_ahs_iter_next__nothing),
		cmocka_unit_test(test_ahs_extended_cdb__wrong_lengths),
		cmocka_unit_test(test_ahs_bidi_read_length__wrong_length),
		cmocka_unit_test(test_ahs_put__byte_for_byte),
		cmocka_unit_test(test_ahs_put_extended_cdb__pads_with_zeros),
		cmocka_unit_test(test_ahs_put_extended_cdb__wrong_length_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
