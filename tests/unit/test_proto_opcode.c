/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of proto/sn.h and proto/opcode.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "proto/opcode.h"
#include "proto/sn.h"

static void test_sn_lt__holds_across_the_wrap(void **state)
{
	(void)state;
	assert_true(sn_lt(1, 2));
	assert_false(sn_lt(2, 2));
	assert_false(sn_lt(3, 2));
	assert_true(sn_lt(0xffffffff, 0));
	assert_true(sn_lt(0xfffffff0, 0x10));
	assert_false(sn_lt(0, 0xffffffff));
	assert_true(sn_lt(0, 0x7fffffff));
	assert_false(sn_lt(0x7fffffff, 0));
}

static void test_sn_comparisons__agree(void **state)
{
	(void)state;
	assert_true(sn_lte(5, 5) && sn_gte(5, 5));
	assert_false(sn_gt(5, 5));
	assert_true(sn_gt(0, 0xffffffff) && sn_gte(0, 0xffffffff));
	assert_true(sn_lte(0xffffffff, 0));
	assert_int_equal(sn_max(0xffffffff, 3), 3);
	assert_int_equal(sn_max(3, 0xffffffff), 3);
	assert_int_equal(sn_distance(3, 0xffffffff), 4);
	assert_int_equal(sn_distance(0xffffffff, 3), -4);
}

static void test_sn_in_window__edges_and_closed_window(void **state)
{
	(void)state;
	assert_true(sn_in_window(0xfffffffe, 0xfffffffe, 1));
	assert_true(sn_in_window(1, 0xfffffffe, 1));
	assert_false(sn_in_window(2, 0xfffffffe, 1));
	assert_false(sn_in_window(0xfffffffd, 0xfffffffe, 1));
	/* MaxCmdSN = ExpCmdSN - 1: the target takes nothing. */
	assert_false(sn_in_window(10, 10, 9));
	assert_false(sn_in_window(9, 10, 9));
}

static void test_iscsi_opcode_is_target__by_bit(void **state)
{
	(void)state;
	assert_false(iscsi_opcode_is_target(ISCSI_OPCODE_SNACK_REQUEST));
	assert_false(iscsi_opcode_is_target(0x1e));
	assert_true(iscsi_opcode_is_target(ISCSI_OPCODE_NOP_IN));
	assert_true(iscsi_opcode_is_target(ISCSI_OPCODE_REJECT));
}

static void test_iscsi_names__in_the_words_of_the_rfc(void **state)
{
	(void)state;
	assert_string_equal(iscsi_opcode_name(0x01), "SCSI Command");
	assert_string_equal(iscsi_opcode_name(0x41), "SCSI Command");
	assert_string_equal(iscsi_opcode_name(0x31), "Ready To Transfer");
	assert_string_equal(iscsi_opcode_name(0x1d), "vendor-specific request");
	assert_string_equal(iscsi_opcode_name(0x3d), "vendor-specific response");
	assert_string_equal(iscsi_opcode_name(0x07), "unknown");
	assert_string_equal(iscsi_tmf_name(5), "LOGICAL UNIT RESET");
	assert_string_equal(iscsi_tmf_name(0), "unknown");
	assert_string_equal(iscsi_tmf_response_name(255), "Function rejected");
	assert_string_equal(iscsi_login_status_name(0x0203), "Not found");
	assert_string_equal(iscsi_login_status_name(0x0400), "unknown");
	assert_string_equal(iscsi_logout_reason_name(0), "close the session");
	assert_string_equal(iscsi_logout_response_name(3), "Cleanup failed");
	assert_string_equal(iscsi_snack_type_name(2), "DataACK");
	assert_string_equal(iscsi_async_event_name(1), "target requests Logout");
	assert_string_equal(iscsi_reject_reason_name(4), "Protocol Error");
	assert_string_equal(iscsi_reject_reason_name(1), "unknown");
}

/* The opcodes of section 11.2.1.2, and no others, have a name. */
static void test_iscsi_opcode_name__exactly_the_assigned_ones(void **state)
{
	static const uint8_t assigned[] = { 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x10,
					    0x1c, 0x1d, 0x1e, 0x20, 0x21, 0x22, 0x23, 0x24,
					    0x25, 0x26, 0x31, 0x32, 0x3c, 0x3d, 0x3e, 0x3f };

	(void)state;
	for (uint8_t opcode = 0; opcode < 0x40; opcode++) {
		int is_assigned = memchr(assigned, opcode, sizeof(assigned)) != NULL;

		assert_int_equal(strcmp(iscsi_opcode_name(opcode), "unknown") != 0, is_assigned);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sn_lt__holds_across_the_wrap),
		cmocka_unit_test(test_sn_comparisons__agree),
		cmocka_unit_test(test_sn_in_window__edges_and_closed_window),
		cmocka_unit_test(test_iscsi_opcode_is_target__by_bit),
		cmocka_unit_test(test_iscsi_names__in_the_words_of_the_rfc),
		cmocka_unit_test(test_iscsi_opcode_name__exactly_the_assigned_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
