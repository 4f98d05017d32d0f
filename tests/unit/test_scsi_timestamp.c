/* SPDX-License-Identifier: BSD-2-Clause */
/* scsi/timestamp.c: the clock of a logical unit. */
#include "test_scsi_bed.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"

/* Milliseconds; ORIGIN is expected with them. */
static uint64_t reported(struct bed *bed, uint8_t origin)
{
	struct bed_cmd cmd;
	uint64_t ms;

	BED_CDB(bed, &cmd, 0xa3, 0x0f, 0, 0, 0, 0, 0, 0, 0, 255, 0, 0);
	bed_wants(&cmd, 255);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(cmd.in_length, 12);
	assert_int_equal(get_be16(cmd.in), 10);
	assert_int_equal(cmd.in[2], origin);
	ms = (uint64_t)get_be16(cmd.in + 4) << 32 | get_be32(cmd.in + 6);
	bed_release(&cmd);
	return ms;
}

static uint8_t set(struct bed *bed, struct bed_cmd *cmd, const uint8_t *list, uint8_t length)
{
	BED_CDB(bed, cmd, 0xa4, 0x0f, 0, 0, 0, 0, 0, 0, 0, length, 0, 0);
	if (length != 0)
		bed_has(cmd, list, length);
	return bed_run(cmd);
}

static void test_spc_report_timestamp__the_machines(void **state)
{
	uint64_t before = (uint64_t)time(NULL) * 1000;
	uint64_t ms = reported(*state, 3);

	assert_true(ms >= before - 1000 && ms <= before + 60000);
}

static void test_spc_set_timestamp__others_are_told(void **state)
{
	static const uint8_t list[12] = { 0, 0, 0, 0, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06 };
	struct bed *bed = *state;
	struct scsi_nexus *other = bed_nexus(bed, "other");
	struct bed_cmd cmd;
	uint64_t ms;

	bed_told(bed, other, 0x2900);
	assert_int_equal(set(bed, &cmd, list, sizeof(list)), 0x00);
	ms = reported(bed, 2);
	assert_true(ms >= UINT64_C(0x010203040506) && ms < UINT64_C(0x010203040506) + 60000);
	bed_told(bed, other, 0x2a10);
	bed_told(bed, bed->nexus, 0);
	scsi_nexus_destroy(other);
}

static void test_spc_set_timestamp__lists_cut_short(void **state)
{
	static const uint8_t list[12];
	struct bed *bed = *state;
	struct bed_cmd cmd;

	assert_int_equal(set(bed, &cmd, NULL, 0), 0x00);
	assert_int_equal(set(bed, &cmd, list, 11), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x1a00);
	reported(bed, 3);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, bed_setup_state, bed_teardown_state)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_spc_report_timestamp__the_machines),
		TEST(test_spc_set_timestamp__others_are_told),
		TEST(test_spc_set_timestamp__lists_cut_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
