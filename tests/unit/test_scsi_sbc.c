/* SPDX-License-Identifier: BSD-2-Clause */
/* scsi/sbc.c: capacity, cache, start and stop. */
#include "test_scsi_bed.h"

#include <errno.h>

#include "base/bytes.h"

static void test_sbc_read_capacity_10__bytes(void **state)
{
	static const uint8_t expected[8] = { 0, 0, 0x7f, 0xff, 0, 0, 0x02, 0 };
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ 0 });
	bed_clear_attention(&bed);
	BED_CDB(&bed, &cmd, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	bed_wants(&cmd, 8);
	bed_expect_data(&cmd, expected, 8);
	/* The LBA and PMI are of no use any more. */
	BED_CDB(&bed, &cmd, 0x25, 0, 0, 0, 0, 1, 0, 0, 0, 0);
	BED_RUN_FIELD(&cmd, 5, 7);
	bed_teardown(&bed);
}

static void test_sbc_read_capacity_16__bytes(void **state)
{
	static const uint8_t expected[32] = { 0, 0, 0, 0, 0, 0, 0x7f, 0xff, 0, 0, 0x02, 0, 0, 3 };
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	/* Physical blocks of 4096: exponent 3. */
	bed_setup(&bed, &(struct bed_config){ 0 });
	bed_clear_attention(&bed);
	BED_CDB(&bed, &cmd, 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0);
	bed_wants(&cmd, 32);
	bed_expect_data(&cmd, expected, 32);
	for (uint8_t i = 0; i < 32; i++) {
		BED_CDB(&bed, &cmd, 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, i, 0, 0);
		bed_wants(&cmd, 32);
		bed_expect_data(&cmd, expected, i);
	}
	bed_teardown(&bed);
}

static void test_sbc_read_capacity__4096(void **state)
{
	static const uint8_t expected[32] = { 0, 0, 0, 0, 0, 0, 0x0f, 0xff, 0, 0, 0x10, 0, 0, 0 };
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ .block_size = 4096 });
	bed_clear_attention(&bed);
	BED_CDB(&bed, &cmd, 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0);
	bed_wants(&cmd, 32);
	bed_expect_data(&cmd, expected, 32);
	bed_teardown(&bed);
}

static void test_sbc_synchronize_cache__flushes(void **state)
{
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ 0 });
	bed_clear_attention(&bed);
	BED_CDB(&bed, &cmd, 0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	assert_int_equal(bed_run(&cmd), 0x00);
	BED_CDB(&bed, &cmd, 0x35, 0x02, 0, 0, 0, 8, 0, 0, 8, 0);
	assert_int_equal(bed_run(&cmd), 0x00);
	BED_CDB(&bed, &cmd, 0x91, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	assert_int_equal(bed_run(&cmd), 0x00);
	assert_int_equal(bed.store.count[STORE_FLUSH], 3);
	BED_CDB(&bed, &cmd, 0x91, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 1, 0, 0);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2100);
	bed_teardown(&bed);
}

static void test_sbc_synchronize_cache__status_after_the_flush(void **state)
{
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ 0 });
	bed_clear_attention(&bed);
	bed.store.hold = true;
	BED_CDB(&bed, &cmd, 0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	bed_start(&cmd);
	bed_turns(&bed, 3);
	assert_int_equal(cmd.completions, 0);
	bed_store_finish(&bed, -EIO);
	bed_wait(&cmd);
	bed_expect_sense(&cmd, 0x03, 0x0c00);
	/* No VALID: nobody knows which block it was, LBA 0 least of all. */
	assert_int_equal(cmd.cmd.sense[0], 0x70);
	assert_int_equal(get_be32(cmd.cmd.sense + 3), 0);
	bed_release(&cmd);
	bed_teardown(&bed);
}

static void keep_answer(struct scsi_tmf_request *request)
{
	assert_int_equal(request->response, SCSI_TMF_FUNCTION_SUCCEEDED);
}

static void expect_event(struct bed *bed, uint8_t first, uint16_t code)
{
	struct scsi_tmf_request request = {
		.nexus = bed->nexus,
		.function = SCSI_TMF_QUERY_ASYNCHRONOUS_EVENT,
		.done = keep_answer,
	};

	scsi_task_management(&request);
	assert_int_equal(request.response, SCSI_TMF_FUNCTION_SUCCEEDED);
	assert_int_equal(request.additional[0], first);
	assert_int_equal(get_be16(request.additional + 1), code);
}

/* IMMED: the status first; what goes wrong ends the next command of the same nexus. */
static void test_sbc_synchronize_cache__immed(void **state)
{
	struct bed bed;
	struct bed_cmd cmd;
	struct scsi_nexus *second;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ 0 });
	bed_clear_attention(&bed);
	second = bed_nexus(&bed, "iqn.2026-11.test:second,i,0x400000000002");
	BED_CDB(&bed, &cmd, 0x00, 0, 0, 0, 0, 0);
	cmd.cmd.nexus = second;
	bed_run(&cmd);
	bed.store.hold = true;
	for (unsigned i = 0; i < 2; i++) {
		BED_CDB(&bed, &cmd, 0x35, 0x02, 0, 0, 0, 0, 0, 0, 0, 0);
		assert_int_equal(bed_run(&cmd), 0x00);
	}
	assert_int_equal(bed.store.held_count, 2);
	assert_int_equal(bed.store.count[STORE_FLUSH], 2);
	bed_store_finish(&bed, 0);
	BED_CDB(&bed, &cmd, 0x00, 0, 0, 0, 0, 0);
	assert_int_equal(bed_run(&cmd), 0x00);
	bed_store_finish(&bed, -ENOSPC);
	/* Not of those who did not ask. */
	BED_CDB(&bed, &cmd, 0x00, 0, 0, 0, 0, 0);
	cmd.cmd.nexus = second;
	assert_int_equal(bed_run(&cmd), 0x00);
	BED_CDB(&bed, &cmd, 0x12, 0, 0, 0, 36, 0);
	bed_wants(&cmd, 36);
	assert_int_equal(bed_run(&cmd), 0x00);
	BED_CDB(&bed, &cmd, 0x00, 0, 0, 0, 0, 0);
	assert_int_equal(bed_run(&cmd), 0x02);
	assert_int_equal(cmd.cmd.sense[0], 0x71);
	assert_int_equal(cmd.cmd.sense[2], 0x07);
	assert_int_equal(get_be16(cmd.cmd.sense + 12), 0x2707);
	BED_CDB(&bed, &cmd, 0x00, 0, 0, 0, 0, 0);
	assert_int_equal(bed_run(&cmd), 0x00);
	/* QUERY ASYNCHRONOUS EVENT tells it, and it stays. */
	BED_CDB(&bed, &cmd, 0x35, 0x02, 0, 0, 0, 0, 0, 0, 0, 0);
	assert_int_equal(bed_run(&cmd), 0x00);
	bed_store_finish(&bed, -ENOSPC);
	for (unsigned i = 0; i < 2; i++)
		expect_event(&bed, 0x10 | 0x07, 0x2707);
	BED_CDB(&bed, &cmd, 0x00, 0, 0, 0, 0, 0);
	assert_int_equal(bed_run(&cmd), 0x02);
	/* By REQUEST SENSE, in descriptor format. */
	BED_CDB(&bed, &cmd, 0x35, 0x02, 0, 0, 0, 0, 0, 0, 0, 0);
	assert_int_equal(bed_run(&cmd), 0x00);
	bed_store_finish(&bed, -EIO);
	BED_CDB(&bed, &cmd, 0x03, 0x01, 0, 0, 96, 0);
	bed_wants(&cmd, 96);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(cmd.in[0], 0x73);
	assert_int_equal(cmd.in[1], 0x03);
	assert_int_equal(get_be16(cmd.in + 2), 0x0c00);
	bed_release(&cmd);
	/* Whoever is known to have failed need not be told later. */
	bed.store.hold = false;
	bed.store.fail = -EIO;
	bed.store.fail_everywhere = true;
	BED_CDB(&bed, &cmd, 0x35, 0x02, 0, 0, 0, 0, 0, 0, 0, 0);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x03, 0x0c00);
	BED_CDB(&bed, &cmd, 0x00, 0, 0, 0, 0, 0);
	assert_int_equal(bed_run(&cmd), 0x00);
	scsi_nexus_destroy(second);
	bed_teardown(&bed);
}

/* He who asked has gone, and so many at a time that the next waits. */
static void test_sbc_synchronize_cache__immed_outlives_its_nexus(void **state)
{
	struct bed bed;
	struct bed_cmd cmd;
	struct scsi_nexus *second, *third;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ 0 });
	bed_clear_attention(&bed);
	second = bed_nexus(&bed, "iqn.2026-11.test:second,i,0x400000000002");
	bed.store.hold = true;
	for (unsigned i = 0; i < 17; i++) {
		BED_CDB(&bed, &cmd, 0x35, 0x02, 0, 0, 0, 0, 0, 0, 0, 0);
		cmd.cmd.nexus = second;
		bed_run(&cmd);
	}
	/* One was lost to the unit attention. */
	assert_int_equal(bed.store.held_count, 16);
	scsi_nexus_destroy(second);
	/* Whoever comes instead, perhaps to the same place in memory, has not asked. */
	third = bed_nexus(&bed, "iqn.2026-11.test:third,i,0x400000000003");
	bed_told(&bed, third, 0x2900);
	BED_CDB(&bed, &cmd, 0x35, 0x02, 0, 0, 0, 0, 0, 0, 0, 0);
	bed_start(&cmd);
	assert_int_equal(cmd.completions, 0);
	while (bed.store.held_count > 0)
		bed_store_finish(&bed, -EIO);
	bed_wait(&cmd);
	bed_expect_sense(&cmd, 0x03, 0x0c00);
	bed_release(&cmd);
	scsi_target_settle(bed.target);
	bed_told(&bed, bed.nexus, 0);
	bed_told(&bed, third, 0);
	scsi_nexus_destroy(third);
	bed_teardown(&bed);
}

static void test_sbc_pre_fetch__only_looks_at_the_range(void **state)
{
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ 0 });
	bed_clear_attention(&bed);
	BED_CDB(&bed, &cmd, 0x34, 0x02, 0, 0, 0x7f, 0xff, 3, 0, 1, 0);
	assert_int_equal(bed_run(&cmd), 0x00);
	BED_CDB(&bed, &cmd, 0x34, 0, 0, 0, 0x7f, 0xff, 0, 0, 2, 0);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2100);
	BED_CDB(&bed, &cmd, 0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0);
	assert_int_equal(bed_run(&cmd), 0x00);
	BED_CDB(&bed, &cmd, 0x90, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2100);
	bed_teardown(&bed);
}

static void test_sbc_read_defect_data__empty_lists(void **state)
{
	static const uint8_t list_10[4] = { 0, 0x1d, 0, 0 };
	static const uint8_t list_12[8] = { 0, 0x08, 0, 0, 0, 0, 0, 0 };
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ 0 });
	bed_clear_attention(&bed);
	BED_CDB(&bed, &cmd, 0x37, 0, 0x1d, 0, 0, 0, 0, 1, 0, 0);
	bed_wants(&cmd, 256);
	bed_expect_data(&cmd, list_10, sizeof(list_10));
	BED_CDB(&bed, &cmd, 0xb7, 0x08, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0);
	bed_wants(&cmd, 256);
	bed_expect_data(&cmd, list_12, sizeof(list_12));
	/* Every format that SBC-4 has. */
	for (uint8_t format = 0; format < 6; format++) {
		uint8_t list[4] = { 0, 0x18 | format };

		BED_CDB(&bed, &cmd, 0x37, 0, 0x18 | format, 0, 0, 0, 0, 1, 0, 0);
		bed_wants(&cmd, 256);
		bed_expect_data(&cmd, list, sizeof(list));
	}
	BED_CDB(&bed, &cmd, 0x37, 0, 0x07, 0, 0, 0, 0, 1, 0, 0);
	BED_RUN_FIELD(&cmd, 2, 2);
	BED_CDB(&bed, &cmd, 0xb7, 0x07, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0);
	BED_RUN_FIELD(&cmd, 1, 2);
	bed_teardown(&bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sbc_read_capacity_10__bytes),
		cmocka_unit_test(test_sbc_read_capacity_16__bytes),
		cmocka_unit_test(test_sbc_read_capacity__4096),
		cmocka_unit_test(test_sbc_synchronize_cache__flushes),
		cmocka_unit_test(test_sbc_synchronize_cache__immed),
		cmocka_unit_test(test_sbc_synchronize_cache__immed_outlives_its_nexus),
		cmocka_unit_test(test_sbc_synchronize_cache__status_after_the_flush),
		cmocka_unit_test(test_sbc_pre_fetch__only_looks_at_the_range),
		cmocka_unit_test(test_sbc_read_defect_data__empty_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
