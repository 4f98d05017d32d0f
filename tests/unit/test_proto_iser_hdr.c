/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of proto/iser_hdr.h against the figures of RFC 7145 section 9. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "proto/iser_hdr.h"

static const uint8_t control[ISER_HDR_LEN] = {
	0x1c, 0x00, 0x00, 0x00, /* 0001b W R */
	0x11, 0x12, 0x13, 0x14, /* Write STag */
	0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, /* Write Base Offset */
	0x31, 0x32, 0x33, 0x34, /* Read STag */
	0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, /* Read Base Offset */
};

static void test_iser_control_decode__figure(void **state)
{
	struct iser_control fields;
	uint8_t raw[ISER_HDR_LEN];

	(void)state;
	assert_int_equal(iser_hdr_opcode(control), ISER_OPCODE_CONTROL);
	iser_control_decode(control, &fields);
	assert_true(fields.has_write_stag);
	assert_true(fields.has_read_stag);
	assert_int_equal(fields.write_stag, 0x11121314);
	assert_int_equal(fields.write_base_offset, 0x2122232425262728);
	assert_int_equal(fields.read_stag, 0x31323334);
	assert_int_equal(fields.read_base_offset, 0x4142434445464748);
	iser_control_encode(raw, &fields);
	assert_memory_equal(raw, control, ISER_HDR_LEN);
}

static void test_iser_control_encode__read_alone(void **state)
{
	struct iser_control fields = { .has_read_stag = true, .read_stag = 7 };
	uint8_t expected[ISER_HDR_LEN] = { 0x14, [19] = 7 };
	uint8_t raw[ISER_HDR_LEN];

	(void)state;
	iser_control_encode(raw, &fields);
	assert_memory_equal(raw, expected, ISER_HDR_LEN);
}

static void test_iser_control_encode__nothing_offered(void **state)
{
	struct iser_control fields = { 0 };
	uint8_t expected[ISER_HDR_LEN] = { 0x10 };
	uint8_t raw[ISER_HDR_LEN];

	(void)state;
	iser_control_encode(raw, &fields);
	assert_memory_equal(raw, expected, ISER_HDR_LEN);
}

static void test_iser_hello_encode__figure(void **state)
{
	struct iser_hello hello = { .max_ver = 10, .min_ver = 1, .iser_ird = 0x0102 };
	uint8_t expected[ISER_HDR_LEN] = { 0x20, 0xa1, 0x01, 0x02 };
	struct iser_hello decoded;
	uint8_t raw[ISER_HDR_LEN];

	(void)state;
	iser_hello_encode(raw, &hello);
	assert_memory_equal(raw, expected, ISER_HDR_LEN);
	assert_int_equal(iser_hdr_opcode(raw), ISER_OPCODE_HELLO);
	iser_hello_decode(raw, &decoded);
	assert_int_equal(decoded.max_ver, 10);
	assert_int_equal(decoded.min_ver, 1);
	assert_int_equal(decoded.iser_ird, 0x0102);
}

static void test_iser_hello_reply_encode__figure(void **state)
{
	struct iser_hello_reply reply = {
		.is_rejected = true,
		.max_ver = 10,
		.cur_ver = 2,
		.iser_ord = 0x0304,
	};
	uint8_t expected[ISER_HDR_LEN] = { 0x31, 0xa2, 0x03, 0x04 };
	struct iser_hello_reply decoded;
	uint8_t raw[ISER_HDR_LEN];

	(void)state;
	iser_hello_reply_encode(raw, &reply);
	assert_memory_equal(raw, expected, ISER_HDR_LEN);
	assert_int_equal(iser_hdr_opcode(raw), ISER_OPCODE_HELLO_REPLY);
	iser_hello_reply_decode(raw, &decoded);
	assert_true(decoded.is_rejected);
	assert_int_equal(decoded.max_ver, 10);
	assert_int_equal(decoded.cur_ver, 2);
	assert_int_equal(decoded.iser_ord, 0x0304);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_iser_control_decode__figure),
		cmocka_unit_test(test_iser_control_encode__read_alone),
		cmocka_unit_test(test_iser_control_encode__nothing_offered),
		cmocka_unit_test(test_iser_hello_encode__figure),
		cmocka_unit_test(test_iser_hello_reply_encode__figure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
