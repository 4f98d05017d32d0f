/* SPDX-License-Identifier: BSD-2-Clause */
/* scsi/sbc_status.c: GET LBA STATUS; the holes of a real file. */
#include "test_scsi_bed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"

static void get_status(struct bed *bed, struct bed_cmd *cmd, uint64_t lba, uint32_t allocation)
{
	uint8_t cdb[16] = { 0x9e, 0x12 };

	put_be64(cdb + 2, lba);
	put_be32(cdb + 10, allocation);
	bed_cdb(bed, cmd, cdb, 16);
	bed_wants(cmd, allocation);
}

static void expect_descriptor(const struct bed_cmd *cmd, unsigned index, uint64_t lba,
			      uint32_t blocks, uint8_t status)
{
	const uint8_t *at = cmd->in + 8 + 16 * index;

	assert_true(cmd->in_length >= 8 + 16 * (index + 1));
	assert_int_equal(get_be64(at), lba);
	assert_int_equal(get_be32(at + 8), blocks);
	assert_int_equal(at[12], status);
	assert_int_equal(get_be24(at + 13), 0);
}

static void test_sbc_get_lba_status__holes(void **state)
{
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ .lu = { .thin = true } });
	bed_clear_attention(&bed);
	/* Holes and data of eight blocks each. */
	bed.store.hole_granule = 4096;
	get_status(&bed, &cmd, 3, 8 + 3 * 16);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(cmd.in_length, 8 + 3 * 16);
	assert_int_equal(get_be32(cmd.in), 4 + 3 * 16);
	expect_descriptor(&cmd, 0, 3, 5, 0);
	expect_descriptor(&cmd, 1, 8, 8, 1);
	expect_descriptor(&cmd, 2, 16, 8, 0);
	assert_int_equal(cmd.in[7], 1 << 1); /* the allocation length is met */
	bed_release(&cmd);
	/* The last two; then what there is, is less than what was asked for. */
	get_status(&bed, &cmd, 32768 - 10, 4096);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(cmd.in_length, 8 + 2 * 16);
	expect_descriptor(&cmd, 0, 32758, 2, 0);
	expect_descriptor(&cmd, 1, 32760, 8, 1);
	assert_int_equal(cmd.in[7], 3 << 1); /* the end is reached */
	bed_release(&cmd);
	/* Not for ever, however many there are. */
	get_status(&bed, &cmd, 0, 65536);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(cmd.in_length, 8 + 64 * 16);
	expect_descriptor(&cmd, 63, 63 * 8, 8, 1);
	assert_int_equal(cmd.in[7], 0);
	bed_release(&cmd);
	bed_teardown(&bed);
}

static void test_sbc_get_lba_status__holes_smaller_than_blocks(void **state)
{
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ .block_size = 4096, .lu = { .thin = true } });
	bed_clear_attention(&bed);
	/* Data to 6144, a hole to 12288: only the third block is one. */
	bed.store.hole_granule = 6144;
	get_status(&bed, &cmd, 0, 8 + 2 * 16);
	assert_int_equal(bed_get(&cmd), 0x00);
	expect_descriptor(&cmd, 0, 0, 2, 0);
	expect_descriptor(&cmd, 1, 2, 1, 1);
	bed_release(&cmd);
	bed_teardown(&bed);
}

static void test_sbc_get_lba_status__not_thin(void **state)
{
	static const uint8_t expected[24] = { 0, 0, 0, 20, 0, 0, 0, 6, 0,    0,
					      0, 0, 0, 0,  0, 7, 0, 0, 0x7f, 0xf9 };
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ 0 });
	bed_clear_attention(&bed);
	bed.store.hole_granule = 4096;
	get_status(&bed, &cmd, 7, 4096);
	bed_expect_data(&cmd, expected, sizeof(expected));
	/* Cut where the allocation length says. */
	get_status(&bed, &cmd, 7, 5);
	bed_expect_data(&cmd, expected, 5);
	get_status(&bed, &cmd, 7, 0);
	bed_expect_data(&cmd, expected, 0);
	assert_int_equal(bed.store.count[STORE_STATUS], 0);
	get_status(&bed, &cmd, 32767, 24);
	assert_int_equal(bed_run(&cmd), 0x00);
	get_status(&bed, &cmd, 32768, 24);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2100);
	bed_teardown(&bed);
}

static void test_sbc_get_lba_status__store_error(void **state)
{
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ .lu = { .thin = true } });
	bed_clear_attention(&bed);
	bed.store.fail = -ENODEV;
	bed.store.fail_everywhere = true;
	get_status(&bed, &cmd, 7, 24);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x02, 0x0400);
	bed_teardown(&bed);
}

/* The store sees 256 KiB at a time; neighbours that are alike become one. */
static void test_sbc_get_lba_status__of_memory(void **state)
{
	uint8_t data[512] = { 1 };
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ .kind = "ram", .lu = { .thin = true } });
	bed_clear_attention(&bed);
	BED_CDB(&bed, &cmd, 0x2a, 0, 0, 0, 0x10, 3, 0, 0, 1, 0);
	bed_has(&cmd, data, 512);
	assert_int_equal(bed_run(&cmd), 0x00);
	get_status(&bed, &cmd, 0, 4096);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(cmd.in_length, 8 + 3 * 16);
	expect_descriptor(&cmd, 0, 0, 4096, 1);
	expect_descriptor(&cmd, 1, 4096, 8, 0);
	expect_descriptor(&cmd, 2, 4104, 32768 - 4104, 1);
	bed_release(&cmd);
	/* All of the one that has room, and no more. */
	get_status(&bed, &cmd, 4104, 24);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(cmd.in_length, 24);
	expect_descriptor(&cmd, 0, 4104, 32768 - 4104, 1);
	bed_release(&cmd);
	get_status(&bed, &cmd, 8, 24);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(get_be32(cmd.in), 20);
	expect_descriptor(&cmd, 0, 8, 4088, 1);
	bed_release(&cmd);
	bed_teardown(&bed);
}

static void test_sbc_get_lba_status__of_a_file(void **state)
{
	char path[] = "/tmp/test_scsi_sbc_status.XXXXXX";
	int fd = mkstemp(path);
	struct bed_config config = {
		.kind = "file",
		.setting = { "path", path },
		.lu = { .thin = true },
	};
	char data[65536];
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 16 << 20), 0);
	memset(data, 1, sizeof(data));
	assert_int_equal(pwrite(fd, data, sizeof(data), 1 << 20), sizeof(data));
	assert_int_equal(fsync(fd), 0);
	if (lseek(fd, 0, SEEK_DATA) == 0)
		skip(); /* a file system without holes */
	bed_setup(&bed, &config);
	bed_clear_attention(&bed);
	get_status(&bed, &cmd, 0, 4096);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(cmd.in_length, 8 + 3 * 16);
	expect_descriptor(&cmd, 0, 0, 2048, 1);
	expect_descriptor(&cmd, 1, 2048, 128, 0);
	expect_descriptor(&cmd, 2, 2176, 32768 - 2176, 1);
	bed_release(&cmd);
	bed_teardown(&bed);
	close(fd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sbc_get_lba_status__holes),
		cmocka_unit_test(test_sbc_get_lba_status__holes_smaller_than_blocks),
		cmocka_unit_test(test_sbc_get_lba_status__not_thin),
		cmocka_unit_test(test_sbc_get_lba_status__store_error),
		cmocka_unit_test(test_sbc_get_lba_status__of_memory),
		cmocka_unit_test(test_sbc_get_lba_status__of_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
