/* SPDX-License-Identifier: BSD-2-Clause */
/* iSNS messages: RFC 4171 section 5, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "proto/isns.h"

static void test_message__bytes(void **state)
{
	static const uint8_t expected[] = {
		0, 1, 0, 5, 0, 36, 0x8c, 0, 0x12, 0x34, 0, 0,	/* SCNReg, client, first, last */
		0, 0, 0, 32, 0, 0, 0, 8, 'i', 'q', 'n', '.', 'x', 0, 0, 0, /* padded, its zero counts */
		0, 0, 0, 0, 0, 0, 0, 0,				/* the delimiter */
		0, 0, 0, 35, 0, 0, 0, 4, 0, 0, 0, 0x98,
	};
	uint8_t bytes[100];
	struct cursor out = cursor_writer(bytes, sizeof(bytes));

	(void)state;
	isns_begin(&out, ISNS_SCN_REG, ISNS_FLAG_CLIENT, 0x1234);
	isns_put_text(&out, ISNS_ISCSI_NAME, "iqn.x");
	isns_put_empty(&out, ISNS_DELIMITER);
	isns_put_u32(&out, ISNS_ISCSI_SCN_BITMAP, 0x98);
	assert_int_equal(isns_end(&out), sizeof(expected));
	assert_memory_equal(bytes, expected, sizeof(expected));
}

static void test_message__no_room(void **state)
{
	uint8_t bytes[20];
	struct cursor out = cursor_writer(bytes, sizeof(bytes));

	(void)state;
	isns_begin(&out, ISNS_SCN_REG, 0, 1);
	isns_put_text(&out, ISNS_ISCSI_NAME, "iqn.2026-11.org.example");
	assert_int_equal(isns_end(&out), 0);
}

static void test_header__decode(void **state)
{
	static const uint8_t good[ISNS_HEADER_LEN] = { 0, 1, 0x80, 1, 0, 8, 0x4c, 0, 0, 7, 0, 0 };
	uint8_t bad[ISNS_HEADER_LEN];
	struct isns_header header;

	(void)state;
	assert_int_equal(isns_header_decode(good, &header), 0);
	assert_int_equal(header.function, ISNS_RESPONSE | ISNS_DEV_ATTR_REG);
	assert_int_equal(header.length, 8);
	assert_int_equal(header.transaction, 7);
	memcpy(bad, good, sizeof(bad));
	bad[1] = 2;
	assert_int_equal(isns_header_decode(bad, &header), -EINVAL);
	memcpy(bad, good, sizeof(bad));
	bad[5] = 9;
	assert_int_equal(isns_header_decode(bad, &header), -EINVAL);
	memset(bad + 4, 0xff, 2);
	assert_int_equal(isns_header_decode(bad, &header), -EINVAL);
}

static void test_attributes__walk(void **state)
{
	static const uint8_t bytes[] = {
		0, 0, 0, 6, 0, 0, 0, 4, 0, 0, 2, 0x58, 0, 0, 0, 32, 0, 0, 0, 3, 'a', 'b', 0, 0xee,
		0, 0, 0, 1, 0, 0, 0, 2, 'x', 'y', 0, 0,
	};
	struct cursor in = cursor_reader(bytes, sizeof(bytes));
	struct isns_attribute attribute;

	(void)state;
	assert_int_equal(isns_next(&in, &attribute), 1);
	assert_int_equal(attribute.tag, ISNS_REGISTRATION_PERIOD);
	assert_int_equal(isns_value(&attribute), 600);
	assert_int_equal(isns_next(&in, &attribute), 1);
	assert_string_equal(isns_text(&attribute), "ab");
	assert_int_equal(isns_value(&attribute), 0);
	/* A text that does not end is none. */
	assert_int_equal(isns_next(&in, &attribute), 1);
	assert_string_equal(isns_text(&attribute), "");
	assert_int_equal(isns_next(&in, &attribute), 0);
}

static void test_attributes__cut_off(void **state)
{
	static const uint8_t bytes[] = { 0, 0, 0, 6, 0xff, 0xff, 0xff, 0xfd, 0, 0, 0, 1 };
	struct isns_attribute attribute;

	(void)state;
	for (size_t length = 1; length <= sizeof(bytes); length++) {
		struct cursor in = cursor_reader(bytes, length);

		assert_int_equal(isns_next(&in, &attribute), -EINVAL);
		assert_int_equal(isns_next(&in, &attribute), -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_message__bytes),
		cmocka_unit_test(test_message__no_room),
		cmocka_unit_test(test_header__decode),
		cmocka_unit_test(test_attributes__walk),
		cmocka_unit_test(test_attributes__cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
