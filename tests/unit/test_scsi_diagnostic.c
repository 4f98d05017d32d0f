/* SPDX-License-Identifier: BSD-2-Clause */
/* scsi/diagnostic.c: self-test and pages. */
#include "test_scsi_bed.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static void test_spc_send_diagnostic__self_test_reads(void **state)
{
	static const uint8_t tests[] = { 0x04, 0xa0, 0x14 };
	struct bed *bed = *state;
	struct bed_cmd cmd;

	for (unsigned i = 0; i < sizeof(tests); i++) {
		unsigned before = bed->store.count[STORE_READ];

		BED_CDB(bed, &cmd, 0x1d, tests[i], 0, 0, 0, 0);
		assert_int_equal(bed_run(&cmd), 0x00);
		assert_int_equal(bed->store.count[STORE_READ], before + 2);
	}
	/* The last block is bad. */
	bed->store.fail = -EIO;
	bed->store.fail_at = (16 << 20) - 1;
	BED_CDB(bed, &cmd, 0x1d, 0x04, 0, 0, 0, 0);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x03, 0x1100);
}

static void test_spc_send_diagnostic__refusals(void **state)
{
	static const uint8_t page[8];
	struct bed *bed = *state;
	struct bed_cmd cmd;

	/* In the background. */
	BED_CDB(bed, &cmd, 0x1d, 0x20, 0, 0, 0, 0);
	BED_RUN_FIELD(&cmd, 1, 7);
	BED_CDB(bed, &cmd, 0x1d, 0xa4, 0, 0, 0, 0);
	BED_RUN_FIELD(&cmd, 1, 7);
	BED_CDB(bed, &cmd, 0x1d, 0x04, 0, 0, 4, 0);
	bed_has(&cmd, page, 4);
	BED_RUN_FIELD(&cmd, 3, 7);
	BED_CDB(bed, &cmd, 0x1d, 0x00, 0, 0, 4, 0);
	bed_has(&cmd, page, 4);
	BED_RUN_FIELD(&cmd, 1, 4);
	BED_CDB(bed, &cmd, 0x1d, 0x10, 0, 0, 3, 0);
	bed_has(&cmd, page, 3);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x1a00);
	BED_CDB(bed, &cmd, 0x1d, 0x10, 0, 0, 4, 0);
	bed_has(&cmd, "\x40\0\0\0", 4);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_parameter(&cmd, 0, 7);
}

static void test_spc_receive_diagnostic__list_of_pages(void **state)
{
	static const uint8_t expected[] = { 0, 0, 0, 1, 0 };
	struct bed *bed = *state;
	struct bed_cmd cmd;

	BED_CDB(bed, &cmd, 0x1d, 0x10, 0, 0, 4, 0);
	bed_has(&cmd, "\0\0\0\0", 4);
	assert_int_equal(bed_run(&cmd), 0x00);
	for (uint8_t pcv = 0; pcv < 2; pcv++) {
		BED_CDB(bed, &cmd, 0x1c, pcv, 0, 0, 255, 0);
		bed_wants(&cmd, 255);
		bed_expect_data(&cmd, expected, sizeof(expected));
	}
	BED_CDB(bed, &cmd, 0x1c, 1, 0x40, 0, 255, 0);
	bed_wants(&cmd, 255);
	BED_RUN_FIELD(&cmd, 2, 7);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, bed_setup_state, bed_teardown_state)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_spc_send_diagnostic__self_test_reads),
		TEST(test_spc_send_diagnostic__refusals),
		TEST(test_spc_receive_diagnostic__list_of_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
