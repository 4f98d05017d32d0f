/* SPDX-License-Identifier: BSD-2-Clause */
/* scsi/copy_list.c: what is wrong with a parameter list, and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "scsi/copy_list.h"

enum { CSCDS = 2, SEGMENTS = 3 };

static struct copy_list list;
static struct copy_flaw flaw;

static uint32_t put_descriptors(uint8_t *at, unsigned cscds, unsigned segments)
{
	uint8_t *begin = at;

	for (unsigned i = 0; i < cscds; i++, at += 32) {
		memset(at, 0, 32);
		at[0] = 0xe4;
		at[1] = 0xc5; /* LU ID TYPE is to be ignored */
		at[4] = 0x01;
		at[5] = 0x03;
		at[7] = 16;
		memset(at + 8, 0x60 + i, 16);
		at[28] = 0x04;
		at[30] = 0x10;
	}
	for (unsigned i = 0; i < segments; i++, at += 28) {
		memset(at, 0, 28);
		at[0] = 0x02;
		at[1] = 0x03;
		at[3] = 0x18;
		put_be16(at + 4, (uint16_t)i);
		put_be16(at + 6, (uint16_t)(i + 1));
		put_be16(at + 10, (uint16_t)(i + 0x100));
		put_be64(at + 12, i + 1000);
		put_be64(at + 20, i + 2000);
	}
	return (uint32_t)(at - begin);
}

static uint32_t lid1(uint8_t *bytes, unsigned cscds, unsigned segments)
{
	memset(bytes, 0, 16);
	bytes[0] = 0x55;
	bytes[1] = 0x30; /* STR, LIST ID USAGE 10b */
	put_be16(bytes + 2, (uint16_t)(cscds * 32));
	put_be32(bytes + 8, segments * 28);
	return 16 + put_descriptors(bytes + 16, cscds, segments);
}

static uint32_t lid4(uint8_t *bytes, unsigned cscds, unsigned segments)
{
	memset(bytes, 0, 48);
	bytes[0] = 0x01;
	bytes[3] = 0x20;
	bytes[15] = 0x01;
	bytes[16] = 0xff;
	put_be32(bytes + 20, 0xfedcba98);
	put_be16(bytes + 42, (uint16_t)(cscds * 32));
	put_be16(bytes + 44, (uint16_t)(segments * 28));
	return 48 + put_descriptors(bytes + 48, cscds, segments);
}

static void expect_list(uint8_t *bytes)
{
	assert_int_equal(list.cscd_count, CSCDS);
	assert_int_equal(list.segment_count, SEGMENTS);
	for (unsigned i = 0; i < CSCDS; i++) {
		assert_int_equal(list.cscd[i].device_type, 5);
		assert_int_equal(list.cscd[i].code_set, 1);
		assert_int_equal(list.cscd[i].designator_type, 3);
		assert_int_equal(list.cscd[i].designator_length, 16);
		assert_ptr_equal(list.cscd[i].designator, bytes + 32 * i + 8);
		assert_true(list.cscd[i].pad);
		assert_int_equal(list.cscd[i].block_length, 4096);
	}
	for (unsigned i = 0; i < SEGMENTS; i++) {
		assert_int_equal(list.segment[i].from, i);
		assert_int_equal(list.segment[i].to, i + 1);
		assert_int_equal(list.segment[i].blocks, i + 0x100);
		assert_true(list.segment[i].counts_destination);
		assert_int_equal(list.segment[i].from_lba, i + 1000);
		assert_int_equal(list.segment[i].to_lba, i + 2000);
	}
}

static void test_copy_list_parse__reads_both_kinds(void **state)
{
	uint8_t bytes[1000];
	uint32_t length = lid1(bytes, CSCDS, SEGMENTS);

	(void)state;
	assert_int_equal(copy_list_parse_lid1(bytes, length, &list, &flaw), 0);
	assert_int_equal(list.id, 0x55);
	assert_int_equal(list.id_usage, COPY_ID_NOT_HELD);
	assert_true(list.sequential);
	assert_false(list.immediate);
	expect_list(bytes + 16);
	length = lid4(bytes, CSCDS, SEGMENTS);
	assert_int_equal(copy_list_parse_lid4(bytes, length, &list, &flaw), 0);
	assert_int_equal(list.id, 0xfedcba98);
	assert_int_equal(list.id_usage, COPY_ID_HELD);
	assert_true(list.immediate);
	expect_list(bytes + 48);
}

static void test_copy_list_parse__any_byte_missing(void **state)
{
	uint8_t bytes[1000];
	uint32_t length = lid1(bytes, CSCDS, SEGMENTS);

	(void)state;
	for (uint32_t i = 0; i < length; i++) {
		assert_int_not_equal(copy_list_parse_lid1(bytes, i, &list, &flaw), 0);
		assert_int_equal(flaw.code, 0x1a00);
	}
	length = lid4(bytes, CSCDS, SEGMENTS);
	for (uint32_t i = 0; i < length; i++) {
		assert_int_not_equal(copy_list_parse_lid4(bytes, i, &list, &flaw), 0);
		assert_int_equal(flaw.code, 0x1a00);
	}
}

/* Block to block with offset, between two of the usual kind. */
static void test_copy_list_parse__with_offsets(void **state)
{
	uint8_t bytes[1000];
	uint8_t *at = bytes + 16 + 64 + 28;

	(void)state;
	lid1(bytes, CSCDS, SEGMENTS);
	memmove(at + 32, at, 28);
	memset(at, 0, 32);
	at[0] = 0x0a;
	at[1] = 0x01;
	at[3] = 0x1c;
	put_be16(at + 4, 1);
	put_be16(at + 6, 0xffff);
	put_be32(at + 8, 0xfffefdfc);
	put_be64(at + 12, 0x1122334455667788);
	put_be64(at + 20, 0x99aabbccddeeff00);
	put_be16(at + 28, 0x0200);
	put_be16(at + 30, 0x1000);
	put_be32(bytes + 8, 28 + 32 + 28);
	assert_int_equal(copy_list_parse_lid1(bytes, 16 + 64 + 88, &list, &flaw), 0);
	assert_int_equal(list.segment_count, 3);
	assert_false(list.segment[0].counts_bytes);
	assert_true(list.segment[1].counts_bytes);
	assert_true(list.segment[1].concatenates);
	assert_int_equal(list.segment[1].from, 1);
	assert_int_equal(list.segment[1].to, 0xffff);
	assert_int_equal(list.segment[1].bytes, 0xfffefdfc);
	assert_int_equal(list.segment[1].from_lba, 0x1122334455667788);
	assert_int_equal(list.segment[1].to_lba, 0x99aabbccddeeff00);
	assert_int_equal(list.segment[1].from_offset, 0x0200);
	assert_int_equal(list.segment[1].to_offset, 0x1000);
	assert_false(list.segment[2].counts_bytes);
	assert_int_equal(list.segment[2].blocks, 0x101);
	/* The length of the other kind. */
	at[3] = 0x18;
	assert_int_not_equal(copy_list_parse_lid1(bytes, 16 + 64 + 88, &list, &flaw), 0);
	assert_int_equal(flaw.code, 0x2600);
	assert_int_equal(flaw.field, 16 + 64 + 28 + 2);
	/* The last four bytes are missing. */
	at[3] = 0x1c;
	put_be32(bytes + 8, 28 + 28);
	assert_int_not_equal(copy_list_parse_lid1(bytes, 16 + 64 + 56, &list, &flaw), 0);
	assert_int_equal(flaw.code, 0x1a00);
}

static void test_copy_list_parse__as_many_as_there_may_be(void **state)
{
	uint8_t *bytes = malloc(20000);

	(void)state;
	assert_int_equal(copy_list_parse_lid1(bytes, lid1(bytes, 16, 256), &list, &flaw), 0);
	assert_int_equal(list.segment_count, 256);
	assert_int_not_equal(copy_list_parse_lid1(bytes, lid1(bytes, 17, 1), &list, &flaw), 0);
	assert_int_equal(flaw.code, 0x2606);
	assert_int_equal(flaw.field, 2);
	assert_int_not_equal(copy_list_parse_lid4(bytes, lid4(bytes, 1, 257), &list, &flaw), 0);
	assert_int_equal(flaw.code, 0x2608);
	assert_int_equal(flaw.field, 44);
	free(bytes);
}

static void test_copy_list_parse__tells_what_is_wrong(void **state)
{
	static const struct {
		bool lid4;
		uint16_t byte;
		uint8_t value;
		uint16_t code, field;
	} cases[] = {
		{ false, 1, 0x08, 0x2600, 1 },
		{ false, 1, 0x18, 0x2600, 0 },
		{ false, 3, 65, 0x2600, 2 },
		{ false, 16 + 32, 0xe0, 0x2607, 16 + 32 },
		{ false, 16 + 7, 0, 0x2600, 16 + 7 },
		{ false, 16 + 7, 21, 0x2600, 16 + 7 },
		{ false, 16 + 64 + 28, 0x0c, 0x2609, 16 + 64 + 28 },
		{ false, 16 + 64 + 3, 0x1c, 0x2600, 16 + 64 + 2 },
		{ true, 0, 0x02, 0x2600, 0 },
		{ true, 3, 0x24, 0x2600, 2 },
		{ true, 15, 0x02, 0x2600, 15 },
		{ true, 16, 0xfe, 0x2600, 16 },
		{ true, 1, 0x18, 0x2600, 20 },
	};
	uint8_t bytes[1000];

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t length =
			cases[i].lid4 ? lid4(bytes, CSCDS, SEGMENTS) : lid1(bytes, CSCDS, SEGMENTS);

		bytes[cases[i].byte] = cases[i].value;
		/* Room for one byte more, which the third case asks for. */
		assert_int_not_equal((cases[i].lid4 ? copy_list_parse_lid4 : copy_list_parse_lid1)(
					     bytes, length + 1, &list, &flaw),
				     0);
		assert_int_equal(flaw.code, cases[i].code);
		assert_true(flaw.has_field);
		assert_int_equal(flaw.field, cases[i].field);
	}
	/* Inline data, of which there is none. */
	bytes[lid1(bytes, CSCDS, SEGMENTS)] = 0;
	bytes[15] = 1;
	assert_int_not_equal(copy_list_parse_lid1(bytes, 16 + 64 + 84 + 1, &list, &flaw), 0);
	assert_int_equal(flaw.code, 0x260b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copy_list_parse__reads_both_kinds),
		cmocka_unit_test(test_copy_list_parse__any_byte_missing),
		cmocka_unit_test(test_copy_list_parse__with_offsets),
		cmocka_unit_test(test_copy_list_parse__as_many_as_there_may_be),
		cmocka_unit_test(test_copy_list_parse__tells_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
