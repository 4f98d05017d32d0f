/* SPDX-License-Identifier: BSD-2-Clause */
/* scsi/buffer.c: READ BUFFER and WRITE BUFFER. */
#include "test_scsi_bed.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static void write_buffer(struct bed *bed, struct scsi_nexus *nexus, uint8_t mode, uint16_t offset,
			 const char *text)
{
	struct bed_cmd cmd;

	BED_CDB(bed, &cmd, 0x3b, mode, 0, 0, offset >> 8, offset & 0xff, 0, 0,
		(uint8_t)strlen(text), 0);
	cmd.cmd.nexus = nexus;
	bed_has(&cmd, text, (uint32_t)strlen(text));
	assert_int_equal(bed_run(&cmd), 0x00);
}

static void expect(struct bed *bed, struct scsi_nexus *nexus, uint8_t mode, uint16_t offset,
		   const char *text)
{
	struct bed_cmd cmd;

	BED_CDB(bed, &cmd, 0x3c, mode, 0, 0, offset >> 8, offset & 0xff, 0, 0,
		(uint8_t)strlen(text), 0);
	cmd.cmd.nexus = nexus;
	bed_wants(&cmd, (uint32_t)strlen(text));
	bed_expect_data(&cmd, (const uint8_t *)text, strlen(text));
}

static void test_spc_write_buffer__data(void **state)
{
	static const uint8_t zeros[4096], descriptor[] = { 0, 0, 0x10, 0 }, none[4] = { 0 };
	struct bed *bed = *state;
	struct bed_cmd cmd;

	BED_CDB(bed, &cmd, 0x3c, 0x02, 0, 0, 0, 0, 0, 0x20, 0, 0);
	bed_wants(&cmd, 8192);
	bed_expect_data(&cmd, zeros, sizeof(zeros));
	write_buffer(bed, bed->nexus, 0x02, 0x0ffc, "four");
	write_buffer(bed, bed->nexus, 0x02, 0x0000, "first");
	expect(bed, bed->nexus, 0x02, 0x0ffc, "four");
	expect(bed, bed->nexus, 0x02, 0x0001, "irst");
	/* The longer CDB. */
	BED_CDB(bed, &cmd, 0x9b, 0x02, 0, 0, 0, 0, 0, 0, 0x0f, 0xfe, 0, 0, 0, 10, 0, 0);
	bed_wants(&cmd, 10);
	bed_expect_data(&cmd, (const uint8_t *)"ur", 2);
	BED_CDB(bed, &cmd, 0x3c, 0x03, 0, 0, 0, 0, 0, 0, 4, 0);
	bed_wants(&cmd, 4);
	bed_expect_data(&cmd, descriptor, 4);
	BED_CDB(bed, &cmd, 0x3c, 0x03, 7, 0, 0, 0, 0, 0, 4, 0);
	bed_wants(&cmd, 4);
	bed_expect_data(&cmd, none, 4);
}

static void test_spc_write_buffer__echo_of_each_nexus(void **state)
{
	static const uint8_t descriptor[] = { 1, 0, 0x10, 0 };
	struct bed *bed = *state;
	struct scsi_nexus *other = bed_nexus(bed, "other");
	struct bed_cmd cmd;

	BED_CDB(bed, &cmd, 0x00, 0, 0, 0, 0, 0);
	cmd.cmd.nexus = other;
	bed_run(&cmd);
	BED_CDB(bed, &cmd, 0x3c, 0x0b, 0, 0, 0, 0, 0, 0, 4, 0);
	bed_wants(&cmd, 4);
	bed_expect_data(&cmd, descriptor, 4);
	write_buffer(bed, bed->nexus, 0x0a, 0, "one");
	/* The other has not sent anything yet. */
	BED_CDB(bed, &cmd, 0x3c, 0x0a, 0, 0, 0, 0, 0, 0, 4, 0);
	cmd.cmd.nexus = other;
	bed_wants(&cmd, 4);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2c00);
	write_buffer(bed, other, 0x0a, 0, "another");
	expect(bed, other, 0x0a, 0, "another");
	expect(bed, bed->nexus, 0x0a, 0, "one");
	scsi_nexus_destroy(other);
}

static void test_spc_write_buffer__refusals(void **state)
{
	struct bed *bed = *state;
	static const uint8_t bytes[8];
	struct bed_cmd cmd;

	/* Microcode. */
	BED_CDB(bed, &cmd, 0x3b, 0x05, 0, 0, 0, 0, 0, 0, 8, 0);
	bed_has(&cmd, bytes, 8);
	BED_RUN_FIELD(&cmd, 1, 4);
	BED_CDB(bed, &cmd, 0x3c, 0x1c, 0, 0, 0, 0, 0, 0, 8, 0);
	bed_wants(&cmd, 8);
	BED_RUN_FIELD(&cmd, 1, 4);
	BED_CDB(bed, &cmd, 0x3b, 0x02, 1, 0, 0, 0, 0, 0, 8, 0);
	bed_has(&cmd, bytes, 8);
	BED_RUN_FIELD(&cmd, 2, 7);
	BED_CDB(bed, &cmd, 0x3b, 0x02, 0, 0, 0x10, 1, 0, 0, 8, 0);
	bed_has(&cmd, bytes, 8);
	BED_RUN_FIELD(&cmd, 3, 7);
	BED_CDB(bed, &cmd, 0x3b, 0x02, 0, 0, 0x0f, 0xf9, 0, 0, 8, 0);
	bed_has(&cmd, bytes, 8);
	BED_RUN_FIELD(&cmd, 6, 7);
	BED_CDB(bed, &cmd, 0x9b, 0x02, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0);
	bed_wants(&cmd, 8);
	BED_RUN_FIELD(&cmd, 2, 7);
	BED_CDB(bed, &cmd, 0x3b, 0x0a, 0, 0, 0, 0, 0x10, 0, 1, 0);
	bed_has(&cmd, bytes, 8);
	BED_RUN_FIELD(&cmd, 6, 7);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, bed_setup_state, bed_teardown_state)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_spc_write_buffer__data),
		TEST(test_spc_write_buffer__echo_of_each_nexus),
		TEST(test_spc_write_buffer__refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
