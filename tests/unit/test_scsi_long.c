/* SPDX-License-Identifier: BSD-2-Clause */
/* CDBs of 32 bytes: the gate for them, and the commands that have them. */
#include "test_scsi_bed.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

enum { READ = 0x09, VERIFY = 0x0a, WRITE = 0x0b, WRITE_AND_VERIFY = 0x0c, WRITE_SAME = 0x0d };

static int setup(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));

	bed_setup(bed, &(struct bed_config){ .lu = { .thin = true } });
	bed_clear_attention(bed);
	bed_pattern(bed->store.region->base, 16 << 20, 7);
	*state = bed;
	return 0;
}

/* Written out by the tables of SBC-4 sections 5.20, 5.37, 5.43, 5.46 and 5.49. */
static void long_cdb(struct bed *bed, struct bed_cmd *cmd, uint8_t action, uint8_t options,
		     uint64_t lba, uint32_t blocks)
{
	uint8_t cdb[32] = { 0x7f, [7] = 0x18, [9] = action, [10] = options };

	put_be64(cdb + 12, lba);
	put_be32(cdb + 28, blocks);
	bed_cdb(bed, cmd, cdb, sizeof(cdb));
}

static void test_read_32__data(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;

	long_cdb(bed, &cmd, READ, 0x18, 1000, 3);
	bed_wants(&cmd, 3 * 512);
	bed_expect_data(&cmd, bed_medium(bed, 1000), 3 * 512);
	assert_int_equal(cmd.cmd.transfer_length, 3 * 512);
	/* The expected tags mean nothing where nothing is checked. */
	long_cdb(bed, &cmd, READ, 0, 1000, 1);
	memset(cmd.cmd.cdb + 20, 0xff, 8);
	bed_wants(&cmd, 512);
	bed_expect_data(&cmd, bed_medium(bed, 1000), 512);
}

static void test_write_32__data(void **state)
{
	struct bed *bed = *state;
	uint8_t data[1024];
	struct bed_cmd cmd;

	bed_pattern(data, sizeof(data), 8);
	long_cdb(bed, &cmd, WRITE, 0, 2000, 2);
	bed_has(&cmd, data, sizeof(data));
	assert_int_equal(bed_run(&cmd), 0x00);
	assert_memory_equal(bed_medium(bed, 2000), data, sizeof(data));
	assert_int_equal(bed->store.flags, 0);
	long_cdb(bed, &cmd, WRITE, 0x08, 2002, 2);
	bed_has(&cmd, data, sizeof(data));
	assert_int_equal(bed_run(&cmd), 0x00);
	assert_memory_equal(bed_medium(bed, 2002), data, sizeof(data));
	assert_int_equal(bed->store.flags, STORE_FUA);
}

static void test_verify_32__bytchk(void **state)
{
	struct bed *bed = *state;
	uint8_t data[1024];
	struct bed_cmd cmd;

	memcpy(data, bed_medium(bed, 50), sizeof(data));
	long_cdb(bed, &cmd, VERIFY, 0, 50, 2);
	assert_int_equal(bed_run(&cmd), 0x00);
	long_cdb(bed, &cmd, VERIFY, 0x02, 50, 2);
	bed_has(&cmd, data, sizeof(data));
	assert_int_equal(bed_run(&cmd), 0x00);
	data[1023] ^= 1;
	long_cdb(bed, &cmd, VERIFY, 0x02, 50, 2);
	bed_has(&cmd, data, sizeof(data));
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x0e, 0x1d00);
	long_cdb(bed, &cmd, VERIFY, 0x04, 50, 2);
	BED_RUN_FIELD(&cmd, 10, 2);
}

static void test_write_and_verify_32__data(void **state)
{
	struct bed *bed = *state;
	uint8_t data[1024];
	struct bed_cmd cmd;

	bed_pattern(data, sizeof(data), 9);
	long_cdb(bed, &cmd, WRITE_AND_VERIFY, 0x02, 300, 2);
	bed_has(&cmd, data, sizeof(data));
	assert_int_equal(bed_run(&cmd), 0x00);
	assert_memory_equal(bed_medium(bed, 300), data, sizeof(data));
	assert_int_equal(bed->store.count[STORE_READ], 1);
}

static void test_write_same_32__data(void **state)
{
	struct bed *bed = *state;
	uint8_t data[512], zeros[512] = { 0 };
	struct bed_cmd cmd;

	bed_pattern(data, sizeof(data), 10);
	long_cdb(bed, &cmd, WRITE_SAME, 0, 4000, 100);
	bed_has(&cmd, data, sizeof(data));
	assert_int_equal(bed_run(&cmd), 0x00);
	assert_memory_equal(bed_medium(bed, 4000), data, 512);
	assert_memory_equal(bed_medium(bed, 4099), data, 512);
	assert_memory_not_equal(bed_medium(bed, 4100), data, 512);
	/* NDOB, UNMAP */
	long_cdb(bed, &cmd, WRITE_SAME, 0x09, 4000, 100);
	assert_int_equal(bed_run(&cmd), 0x00);
	assert_memory_equal(bed_medium(bed, 4099), zeros, 512);
	assert_int_equal(bed->store.count[STORE_DISCARD], 1);
}

static void test_gate__long_cdbs(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;

	/* ADDITIONAL CDB LENGTH */
	long_cdb(bed, &cmd, READ, 0, 0, 1);
	cmd.cmd.cdb[7] = 0x10;
	BED_RUN_FIELD(&cmd, 7, 7);
	long_cdb(bed, &cmd, READ, 0, 0, 1);
	cmd.cmd.cdb[7] = 0;
	BED_RUN_FIELD(&cmd, 7, 7);
	/* Only the part that fits in a header came. */
	long_cdb(bed, &cmd, READ, 0, 0, 1);
	cmd.cmd.cdb_length = 16;
	BED_RUN_FIELD(&cmd, 16, -1);
	/* Another service action: both bytes count. */
	long_cdb(bed, &cmd, 0xee, 0, 0, 1);
	BED_RUN_FIELD(&cmd, 8, 7);
	long_cdb(bed, &cmd, READ, 0, 0, 1);
	cmd.cmd.cdb[8] = 1;
	BED_RUN_FIELD(&cmd, 8, 7);
	/* RDPROTECT, and a bit that nobody has */
	long_cdb(bed, &cmd, READ, 0x20, 0, 1);
	BED_RUN_FIELD(&cmd, 10, 7);
	long_cdb(bed, &cmd, READ, 0, 0, 1);
	cmd.cmd.cdb[11] = 0x01;
	BED_RUN_FIELD(&cmd, 11, 7);
	/* LINK is obsolete; it is in byte 1 here. */
	long_cdb(bed, &cmd, READ, 0, 0, 1);
	cmd.cmd.cdb[1] = 0x01;
	assert_int_equal(bed_run(&cmd), 0x02);
	assert_int_equal(get_be16(cmd.cmd.sense + 16), 1);
	long_cdb(bed, &cmd, READ, 0, 32768, 1);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2100);
	long_cdb(bed, &cmd, READ, 0, 0, 1 << 20);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2100);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bed_teardown_state)
	const struct CMUnitTest tests[] = {
		TEST(test_read_32__data),
		TEST(test_write_32__data),
		TEST(test_verify_32__bytchk),
		TEST(test_write_and_verify_32__data),
		TEST(test_write_same_32__data),
		TEST(test_gate__long_cdbs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
