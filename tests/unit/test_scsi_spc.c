/* SPDX-License-Identifier: BSD-2-Clause */
/* scsi/spc.c: TEST UNIT READY, REQUEST SENSE, REPORT LUNS. */
#include "test_scsi_bed.h"

#include <string.h>

#include "base/bytes.h"

static void add_lun(struct bed *bed, unsigned lun, struct bed_store *store)
{
	struct scsi_lu_config config = { .store = &store->store,
					 .block_size = 512,
					 .seed = "other" };
	struct scsi_lu *lu;
	char error[100];

	*store = bed->store;
	assert_int_equal(scsi_lu_create(&config, &lu, error, sizeof(error)), 0);
	assert_int_equal(scsi_target_add(bed->target, lun, lu), 0);
}

static void test_spc_request_sense__nothing(void **state)
{
	static const uint8_t fixed[18] = { 0x70, 0, 0, 0, 0, 0, 0, 10 };
	static const uint8_t descriptor[8] = { 0x72 };
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ 0 });
	bed_clear_attention(&bed);
	BED_CDB(&bed, &cmd, 0x03, 0, 0, 0, 252, 0);
	bed_wants(&cmd, 252);
	bed_expect_data(&cmd, fixed, 18);
	BED_CDB(&bed, &cmd, 0x03, 1, 0, 0, 252, 0);
	bed_wants(&cmd, 252);
	bed_expect_data(&cmd, descriptor, 8);
	BED_CDB(&bed, &cmd, 0x03, 0, 0, 0, 0, 0);
	bed_wants(&cmd, 252);
	bed_expect_data(&cmd, fixed, 0);
	bed_teardown(&bed);
}

static void test_spc_request_sense__takes_the_unit_attention(void **state)
{
	static const uint8_t expected[18] = { 0x70, 0, 6, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x29, 0 };
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ 0 });
	BED_CDB(&bed, &cmd, 0x03, 0, 0, 0, 252, 0);
	bed_wants(&cmd, 252);
	bed_expect_data(&cmd, expected, 18);
	BED_CDB(&bed, &cmd, 0x00, 0, 0, 0, 0, 0);
	assert_int_equal(bed_run(&cmd), 0x00);
	bed_teardown(&bed);
}

static void test_spc_request_sense__no_logical_unit(void **state)
{
	static const uint8_t expected[18] = { 0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x25, 0 };
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ 0 });
	BED_CDB(&bed, &cmd, 0x03, 0, 0, 0, 252, 0);
	cmd.cmd.lun = UINT64_C(0x0009000000000000);
	bed_wants(&cmd, 252);
	bed_expect_data(&cmd, expected, 18);
	bed_teardown(&bed);
}

static void report(struct bed *bed, uint64_t lun, uint8_t select, const uint8_t *expected,
		   size_t length)
{
	struct bed_cmd cmd;

	BED_CDB(bed, &cmd, 0xa0, 0, select, 0, 0, 0, 0, 0, 1, 0, 0, 0);
	cmd.cmd.lun = lun;
	bed_wants(&cmd, 256);
	bed_expect_data(&cmd, expected, length);
}

static void test_spc_report_luns__select_report(void **state)
{
	static const uint8_t all[] = {
		0,    0,  0, 24, 0, 0, 0, 0, /* */
		0,    0,  0, 0,  0, 0, 0, 0, /* */
		0,    17, 0, 0,  0, 0, 0, 0, /* */
		0xc1, 1,  0, 0,  0, 0, 0, 0,
	};
	uint8_t luns[24], well_known[16] = { 0, 0, 0, 8 };
	const uint64_t lun = UINT64_C(0xc101000000000000);
	struct bed_store other;
	struct bed bed;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ 0 });
	add_lun(&bed, 17, &other);
	/* A nexus sees what was there when it came. */
	scsi_nexus_destroy(bed.nexus);
	bed.nexus = bed_nexus(&bed, "later");
	memcpy(luns, all, 24);
	luns[3] = 16;
	memcpy(well_known + 8, all + 24, 8);
	report(&bed, 0, 0x00, luns, sizeof(luns));
	report(&bed, 0, 0x01, well_known, sizeof(well_known));
	report(&bed, 0, 0x02, all, sizeof(all));
	report(&bed, lun, 0x02, all, sizeof(all));
	report(&bed, 0, 0x12, (const uint8_t[8]){ 0 }, 8);
	bed_teardown(&bed);
}

static void test_spc_report_luns__refusals(void **state)
{
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ 0 });
	BED_CDB(&bed, &cmd, 0xa0, 0, 3, 0, 0, 0, 0, 0, 1, 0, 0, 0);
	bed_wants(&cmd, 256);
	BED_RUN_FIELD(&cmd, 2, 7);
	BED_CDB(&bed, &cmd, 0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0);
	cmd.cmd.lun = UINT64_C(0x0009000000000000);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2500);
	bed_teardown(&bed);
}

static void test_spc_report_luns__at_lun_0_that_is_not_there(void **state)
{
	static const uint8_t expected[16] = { 0, 0, 0, 8, 0, 0, 0, 0, 0, 1 };
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ .no_lun_0 = true });
	report(&bed, 0, 0x00, expected, 16);
	BED_CDB(&bed, &cmd, 0x00, 0, 0, 0, 0, 0);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2500);
	bed_teardown(&bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spc_request_sense__nothing),
		cmocka_unit_test(test_spc_request_sense__takes_the_unit_attention),
		cmocka_unit_test(test_spc_request_sense__no_logical_unit),
		cmocka_unit_test(test_spc_report_luns__select_report),
		cmocka_unit_test(test_spc_report_luns__refusals),
		cmocka_unit_test(test_spc_report_luns__at_lun_0_that_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
