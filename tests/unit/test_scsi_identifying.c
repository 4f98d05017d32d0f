/* SPDX-License-Identifier: BSD-2-Clause */
/* scsi/identifying.c: what initiators call a logical unit. */
#include "test_scsi_bed.h"

#include <stdlib.h>
#include <string.h>
#include <errno.h>

#include "base/bytes.h"

static void set(struct bed *bed, uint8_t type, const char *text, uint16_t length)
{
	struct bed_cmd cmd;

	BED_CDB(bed, &cmd, 0xa4, 0x06, 0, 0, 0, 0, 0, 0, length >> 8, length & 0xff, type << 1, 0);
	if (length != 0)
		bed_has(&cmd, text, length);
	assert_int_equal(bed_run(&cmd), 0x00);
}

static void expect(struct bed *bed, uint8_t type, const char *bytes, size_t length)
{
	uint8_t expected[300] = { 0, 0, (uint8_t)(length >> 8), (uint8_t)length };
	struct bed_cmd cmd;

	memcpy(expected + 4, bytes, length);
	BED_CDB(bed, &cmd, 0xa3, 0x05, 0, 0, 0, 0, 0, 0, 4, 0, type << 1, 0);
	bed_wants(&cmd, 1024);
	bed_expect_data(&cmd, expected, 4 + length);
}

static void test_spc_set_identifying__over_a_restart(void **state)
{
	struct bed *bed = *state;
	struct scsi_nexus *other = bed_nexus(bed, "other");

	bed_told(bed, other, 0x2900);
	expect(bed, 0, "", 0);
	set(bed, 0, "plain", 5);
	bed_told(bed, other, 0x3f05);
	bed_told(bed, bed->nexus, 0);
	scsi_nexus_destroy(other);
	set(bed, 2, "a text", 7);
	bed_restart(bed);
	bed_clear_attention(bed);
	expect(bed, 0, "plain", 5);
	expect(bed, 2, "a text", 7);
	set(bed, 0, NULL, 0);
	bed_restart(bed);
	bed_clear_attention(bed);
	expect(bed, 0, "", 0);
	expect(bed, 2, "a text", 7);
}

static void test_spc_report_identifying__types(void **state)
{
	static const uint8_t expected[] = { 0, 0, 0, 8, 0, 0, 0, 64, 4, 0, 1, 0 };
	struct bed_cmd cmd;

	BED_CDB(*state, &cmd, 0xa3, 0x05, 0, 0, 0, 0, 0, 0, 4, 0, 0xfe, 0);
	bed_wants(&cmd, 1024);
	bed_expect_data(&cmd, expected, sizeof(expected));
	BED_CDB(*state, &cmd, 0xa3, 0x05, 0, 0, 0, 0, 0, 0, 4, 0, 0x02, 0);
	bed_wants(&cmd, 1024);
	BED_RUN_FIELD(&cmd, 10, 7);
}

static void test_spc_set_identifying__refusals(void **state)
{
	struct bed *bed = *state;
	uint8_t bytes[300] = { 0 };
	struct bed_cmd cmd;

	BED_CDB(bed, &cmd, 0xa4, 0x06, 0, 0, 0, 0, 0, 0, 0, 65, 0, 0);
	bed_has(&cmd, bytes, 65);
	BED_RUN_FIELD(&cmd, 6, 7);
	BED_CDB(bed, &cmd, 0xa4, 0x06, 0, 0, 0, 0, 0, 0, 1, 1, 0x04, 0);
	bed_has(&cmd, bytes, 257);
	BED_RUN_FIELD(&cmd, 6, 7);
	BED_CDB(bed, &cmd, 0xa4, 0x06, 0, 0, 0, 0, 0, 0, 0, 1, 0x06, 0);
	bed_has(&cmd, bytes, 1);
	BED_RUN_FIELD(&cmd, 10, 7);
	/* A text that does not end. */
	memset(bytes, 'x', sizeof(bytes));
	BED_CDB(bed, &cmd, 0xa4, 0x06, 0, 0, 0, 0, 0, 0, 0, 3, 0x04, 0);
	bed_has(&cmd, bytes, 3);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_parameter(&cmd, 2, 7);
	/* The keeper fails. */
	bed->keeper.fail = -EIO;
	BED_CDB(bed, &cmd, 0xa4, 0x06, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0);
	bed_has(&cmd, bytes, 3);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x04, 0x4400);
}

static void test_spc_set_identifying__without_a_keeper(void **state)
{
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ 0 });
	bed_clear_attention(&bed);
	BED_CDB(&bed, &cmd, 0xa4, 0x06, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	BED_RUN_FIELD(&cmd, 1, 4);
	expect(&bed, 0, "", 0);
	bed_teardown(&bed);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, bed_setup_state, bed_teardown_state)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_spc_set_identifying__over_a_restart),
		TEST(test_spc_report_identifying__types),
		TEST(test_spc_set_identifying__refusals),
		TEST(test_spc_set_identifying__without_a_keeper),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
