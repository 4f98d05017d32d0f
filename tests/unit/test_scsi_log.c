/* SPDX-License-Identifier: BSD-2-Clause */
/* scsi/log.c: every log page, byte by byte. */
#include "test_scsi_bed.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static int setup(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));

	bed_setup(bed, &(struct bed_config){ 0 });
	bed_clear_attention(bed);
	*state = bed;
	return 0;
}

static int teardown(void **state)
{
	bed_teardown(*state);
	free(*state);
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
	static const uint8_t pages[] = { 0x80, 0, 0, 6, 0x00, 0x02, 0x03, 0x0d, 0x19, 0x2f };
	static const uint8_t subpages[] = { 0xc0, 0xff, 0, 14,   0x00, 0,    0x00, 0xff, 0x02,
					    0,    0x03, 0, 0x0d, 0,    0x19, 0,    0x2f, 0 };
	struct bed_cmd cmd;

	log_sense(*state, &cmd, 0x00, 0, 0);
	bed_expect_data(&cmd, pages, sizeof(pages));
	log_sense(*state, &cmd, 0x00, 0xff, 0);
	bed_expect_data(&cmd, subpages, sizeof(subpages));
}

static void test_spc_log_sense__counts(void **state)
{
	static const uint8_t written[] = { 0x82, 0, 0, 12, 0, 5, 0, 8, 0, 0, 0, 0, 0, 0, 0x04, 0 };
	static const uint8_t read[] = { 0x83, 0, 0, 12, 0, 5, 0, 8, 0, 0, 0, 0, 0, 0, 0x06, 0 };
	uint8_t statistics[72] = { 0x99, 0, 0, 68, 0, 1, 3, 64 };
	uint8_t data[1024] = { 0 };
	struct bed_cmd cmd;

	BED_CDB(*state, &cmd, 0x2a, 0, 0, 0, 0, 0, 0, 0, 2, 0);
	bed_has(&cmd, data, 1024);
	bed_run(&cmd);
	for (unsigned i = 0; i < 3; i++) {
		BED_CDB(*state, &cmd, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0);
		bed_wants(&cmd, 512);
		bed_run(&cmd);
	}
	log_sense(*state, &cmd, 0x02, 0, 0);
	bed_expect_data(&cmd, written, sizeof(written));
	log_sense(*state, &cmd, 0x03, 0, 5);
	bed_expect_data(&cmd, read, sizeof(read));
	put_be64(statistics + 8, 3);
	put_be64(statistics + 16, 1);
	put_be64(statistics + 24, 2);
	put_be64(statistics + 32, 3);
	log_sense(*state, &cmd, 0x19, 0, 1);
	bed_expect_data(&cmd, statistics, sizeof(statistics));
}

static void test_spc_log_sense__health(void **state)
{
	static const uint8_t temperature[] = { 0x8d, 0, 0, 6, 0, 0, 3, 2, 0, 0xff };
	static const uint8_t exceptions[] = { 0xaf, 0, 0, 8, 0, 0, 3, 4, 0, 0, 0xff, 0 };
	struct bed_cmd cmd;

	log_sense(*state, &cmd, 0x0d, 0, 0);
	bed_expect_data(&cmd, temperature, sizeof(temperature));
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
	log_sense(*state, &cmd, 0x0d, 0, 0);
	cmd.cmd.cdb[2] = 0x0d;
	BED_RUN_FIELD(&cmd, 2, 7);
	log_sense(*state, &cmd, 0x02, 0, 6);
	BED_RUN_FIELD(&cmd, 5, 7);
	log_sense(*state, &cmd, 0x02, 0, 0);
	cmd.cmd.cdb[1] = 1;
	BED_RUN_FIELD(&cmd, 1, 7);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_spc_log_sense__supported_pages),
		CASE(test_spc_log_sense__counts),
		CASE(test_spc_log_sense__health),
		CASE(test_spc_log_sense__refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
