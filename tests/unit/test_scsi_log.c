/* SPDX-License-Identifier: BSD-2-Clause */
/* scsi/log.c: every log page, byte by byte. */
#include "test_scsi_bed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "scsi/lu.h"

static int setup(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));

	bed_setup(bed, &(struct bed_config){ 0 });
	bed_clear_attention(bed);
	*state = bed;
	return 0;
}

static void log_sense(struct bed *bed, struct bed_cmd *cmd, uint8_t page, uint8_t subpage,
		      uint16_t from)
{
	BED_CDB(bed, cmd, 0x4d, 0, 0x40 | page, subpage, 0, from >> 8, from & 0xff, 1, 0, 0);
	bed_wants(cmd, 256);
}

static void test_spc_log_sense__supported_pages(void **state)
{
	static const uint8_t pages[] = { 0x80, 0,    0,    8,    0x00, 0x02,
					 0x03, 0x0d, 0x0e, 0x10, 0x19, 0x2f };
	static const uint8_t subpages[] = { 0xc0, 0xff, 0,    18, 0x00, 0, 0x00, 0xff,
					    0x02, 0,    0x03, 0,  0x0d, 0, 0x0e, 0,
					    0x10, 0,    0x19, 0,  0x2f, 0 };
	struct bed_cmd cmd;

	log_sense(*state, &cmd, 0x00, 0, 0);
	bed_expect_data(&cmd, pages, sizeof(pages));
	log_sense(*state, &cmd, 0x00, 0xff, 0);
	bed_expect_data(&cmd, subpages, sizeof(subpages));
}

static void test_spc_log_sense__counts(void **state)
{
	static const uint8_t written[] = { 0x82, 0, 0, 24, 0, 5, 0, 8, 0, 0, 0, 0, 0, 0,
					   0x04, 0, 0, 6,  0, 8, 0, 0, 0, 0, 0, 0, 0, 0 };
	static const uint8_t read[] = { 0x83, 0, 0, 24, 0, 5, 0, 8, 0, 0, 0, 0, 0, 0,
					0x06, 0, 0, 6,  0, 8, 0, 0, 0, 0, 0, 0, 0, 1 };
	uint8_t statistics[96] = { 0x99, 0, 0, 92, 0, 1, 2, 64 };
	uint8_t data[1024] = { 0 };
	struct bed *bed = *state;
	struct bed_cmd cmd;

	BED_CDB(*state, &cmd, 0x2a, 0, 0, 0, 0, 0, 0, 0, 2, 0);
	bed_has(&cmd, data, 1024);
	bed_run(&cmd);
	for (unsigned i = 0; i < 3; i++) {
		BED_CDB(*state, &cmd, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0);
		bed_wants(&cmd, 512);
		bed_run(&cmd);
	}
	bed->store.fail = -EIO;
	bed->store.fail_everywhere = true;
	BED_CDB(*state, &cmd, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0);
	bed_wants(&cmd, 512);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed->store.fail = 0;
	log_sense(*state, &cmd, 0x02, 0, 0);
	bed_expect_data(&cmd, written, sizeof(written));
	log_sense(*state, &cmd, 0x03, 0, 5);
	bed_expect_data(&cmd, read, sizeof(read));
	put_be64(statistics + 8, 3);
	put_be64(statistics + 16, 1);
	put_be64(statistics + 24, 2);
	put_be64(statistics + 32, 3);
	put_be32(statistics + 72, 0x00020208);
	put_be32(statistics + 84, 0x00030308);
	put_be32(statistics + 88, 3);
	put_be32(statistics + 92, 1);
	log_sense(*state, &cmd, 0x19, 0, 1);
	bed_expect_data(&cmd, statistics, sizeof(statistics));
	put_be32(statistics + 80, 0x9900000c);
	log_sense(*state, &cmd, 0x19, 0, 3);
	bed_expect_data(&cmd, statistics + 80, 16);
}

static void test_spc_log_sense__health(void **state)
{
	static const uint8_t temperature[] = { 0x8d, 0,    0, 12, 0, 0, 3, 2,
					       0,    0xff, 0, 1,  3, 2, 0, 0xff };
	static const uint8_t cycles[] = { 0x8e, 0, 0, 8, 0, 4, 3, 4, 0, 0, 0, 0 };
	static const uint8_t exceptions[] = { 0xaf, 0, 0, 8, 0, 0, 3, 4, 0, 0, 0xff, 0xff };
	struct bed_cmd cmd;

	log_sense(*state, &cmd, 0x0d, 0, 0);
	bed_expect_data(&cmd, temperature, sizeof(temperature));
	/* PAGE CONTROL is for counters. */
	log_sense(*state, &cmd, 0x0d, 0, 0);
	cmd.cmd.cdb[2] = 0x0d;
	bed_expect_data(&cmd, temperature, sizeof(temperature));
	log_sense(*state, &cmd, 0x0e, 0, 0);
	bed_expect_data(&cmd, cycles, sizeof(cycles));
	log_sense(*state, &cmd, 0x2f, 0, 0);
	bed_expect_data(&cmd, exceptions, sizeof(exceptions));
}

static void test_spc_log_sense__refusals(void **state)
{
	struct bed_cmd cmd;

	log_sense(*state, &cmd, 0x3e, 0, 0);
	BED_RUN_FIELD(&cmd, 2, 5);
	log_sense(*state, &cmd, 0x0d, 1, 0);
	BED_RUN_FIELD(&cmd, 3, 7);
	/* Thresholds; beyond the last parameter; saving */
	log_sense(*state, &cmd, 0x02, 0, 0);
	cmd.cmd.cdb[2] = 0x02;
	BED_RUN_FIELD(&cmd, 2, 7);
	log_sense(*state, &cmd, 0x02, 0, 7);
	BED_RUN_FIELD(&cmd, 5, 7);
	log_sense(*state, &cmd, 0x02, 0, 0);
	cmd.cmd.cdb[1] = 1;
	BED_RUN_FIELD(&cmd, 1, 0);
}

/* ---- LOG SELECT ---- */

static uint64_t blocks_read(struct bed *bed)
{
	struct bed_cmd cmd;
	uint64_t blocks;

	log_sense(bed, &cmd, 0x19, 0, 1);
	assert_int_equal(bed_get(&cmd), 0x00);
	blocks = get_be64(cmd.in + 32);
	bed_release(&cmd);
	return blocks;
}

static uint64_t bytes_read(struct bed *bed)
{
	struct bed_cmd cmd;
	uint64_t bytes;

	log_sense(bed, &cmd, 0x03, 0, 5);
	assert_int_equal(bed_get(&cmd), 0x00);
	bytes = get_be64(cmd.in + 8);
	bed_release(&cmd);
	return bytes;
}

static void read_block(struct bed *bed)
{
	struct bed_cmd cmd;

	BED_CDB(bed, &cmd, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0);
	bed_wants(&cmd, 512);
	assert_int_equal(bed_run(&cmd), 0x00);
}

static uint8_t log_select(struct bed *bed, uint8_t pcr, uint8_t page)
{
	struct bed_cmd cmd;

	BED_CDB(bed, &cmd, 0x4c, pcr, page, 0, 0, 0, 0, 0, 0, 0);
	return bed_run(&cmd);
}

static void test_spc_log_select__resets(void **state)
{
	struct bed *bed = *state;
	struct scsi_nexus *other = bed_nexus(bed, "other");
	struct scsi_lu_info info = { 0 };
	struct bed_cmd cmd;

	BED_CDB(bed, &cmd, 0x00, 0, 0, 0, 0, 0);
	cmd.cmd.nexus = other;
	bed_run(&cmd);
	read_block(bed);
	/* Without PCR nothing happens. */
	assert_int_equal(log_select(bed, 0x00, 0x40), 0x00);
	assert_int_equal(bytes_read(bed), 512);
	/* One page. */
	assert_int_equal(log_select(bed, 0x02, 0x43), 0x00);
	assert_int_equal(bytes_read(bed), 0);
	assert_int_equal(blocks_read(bed), 1);
	BED_CDB(bed, &cmd, 0x00, 0, 0, 0, 0, 0);
	cmd.cmd.nexus = other;
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x06, 0x2a02);
	scsi_nexus_destroy(other);
	/* All, in both ways. */
	read_block(bed);
	assert_int_equal(log_select(bed, 0x02, 0x40), 0x00);
	assert_int_equal(bytes_read(bed), 0);
	assert_int_equal(blocks_read(bed), 0);
	read_block(bed);
	assert_int_equal(bytes_read(bed), 512);
	assert_int_equal(log_select(bed, 0x00, 0xc0), 0x00);
	assert_int_equal(bytes_read(bed), 0);
	/* The daemon's own statistics go on. */
	lu_sum_counters(bed->lu, &info);
	assert_int_equal(info.read_bytes, 3 * 512);
}

static void select_list(struct bed *bed, struct bed_cmd *cmd, uint8_t pcr, uint8_t page,
			const uint8_t *list, uint8_t length)
{
	BED_CDB(bed, cmd, 0x4c, pcr, page, 0, 0, 0, 0, 0, length, 0);
	bed_has(cmd, list, length);
	bed_run(cmd);
}

static void test_spc_log_select__refusals(void **state)
{
	static const uint8_t bytes[16] = { 0x03, 0, 0, 12, 0, 5, 0, 8 };
	struct bed *bed = *state;
	struct bed_cmd cmd;

	select_list(bed, &cmd, 0x02, 0x40, bytes, 16);
	bed_expect_field(&cmd, 0x2400, 1, 1);
	select_list(bed, &cmd, 0x00, 0x43, bytes, 16);
	bed_expect_field(&cmd, 0x2400, 2, 5);
	/* There is no parameter that could be set. */
	select_list(bed, &cmd, 0x00, 0x40, bytes, 16);
	bed_expect_parameter(&cmd, 4, 7);
	select_list(bed, &cmd, 0x00, 0x40, bytes, 15);
	bed_expect_sense(&cmd, 0x05, 0x1a00);
	select_list(bed, &cmd, 0x00, 0x40, bytes, 3);
	bed_expect_sense(&cmd, 0x05, 0x1a00);
	select_list(bed, &cmd, 0x00, 0x40, (const uint8_t[4]){ 0x3e }, 4);
	bed_expect_parameter(&cmd, 0, 5);
	BED_CDB(bed, &cmd, 0x4c, 0x02, 0x7e, 0, 0, 0, 0, 0, 0, 0);
	BED_RUN_FIELD(&cmd, 2, 5);
	/* The page is there, the subpage is not. */
	BED_CDB(bed, &cmd, 0x4c, 0x02, 0x42, 1, 0, 0, 0, 0, 0, 0);
	BED_RUN_FIELD(&cmd, 3, 7);
	/* Saving */
	BED_CDB(bed, &cmd, 0x4c, 0x03, 0x40, 0, 0, 0, 0, 0, 0, 0);
	BED_RUN_FIELD(&cmd, 1, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, bed_teardown_state)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_spc_log_sense__supported_pages), CASE(test_spc_log_sense__counts),
		CASE(test_spc_log_sense__health),          CASE(test_spc_log_sense__refusals),
		CASE(test_spc_log_select__resets),         CASE(test_spc_log_select__refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
