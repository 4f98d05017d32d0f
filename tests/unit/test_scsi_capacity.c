/* SPDX-License-Identifier: BSD-2-Clause */
/* The edges: more blocks than 32 bits can count, as many bytes as a store can have, and how blocks lie. */
#include "test_scsi_bed.h"

#include <string.h>

#include "base/bytes.h"

#define TIB (UINT64_C(1) << 40)

static void make(struct bed *bed, uint64_t size, uint32_t block_size)
{
	bed_setup(bed, &(struct bed_config){ .kind = "null",
					     .size = size,
					     .block_size = block_size,
					     .lu = { .thin = true } });
	bed_clear_attention(bed);
}

static void expect_capacity(struct bed *bed, uint32_t last_10, uint64_t last_16, uint32_t block)
{
	struct bed_cmd cmd;

	BED_CDB(bed, &cmd, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	bed_wants(&cmd, 8);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(get_be32(cmd.in), last_10);
	assert_int_equal(get_be32(cmd.in + 4), block);
	bed_release(&cmd);
	BED_CDB(bed, &cmd, 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0);
	bed_wants(&cmd, 32);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(get_be64(cmd.in), last_16);
	assert_int_equal(get_be32(cmd.in + 8), block);
	bed_release(&cmd);
	/* The short block descriptor of MODE SENSE: at most FFFFFFFFh, the long one: all. */
	BED_CDB(bed, &cmd, 0x5a, 0, 0x08, 0, 0, 0, 0, 0, 64, 0);
	bed_wants(&cmd, 64);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(get_be32(cmd.in + 8), min(last_16 + 1, (uint64_t)UINT32_MAX));
	bed_release(&cmd);
	BED_CDB(bed, &cmd, 0x5a, 0x10, 0x08, 0, 0, 0, 0, 0, 64, 0);
	bed_wants(&cmd, 64);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(get_be64(cmd.in + 8), last_16 + 1);
	bed_release(&cmd);
}

static void test_read_capacity__around_two_tib(void **state)
{
	struct bed bed;

	(void)state;
	make(&bed, 2 * TIB - 512, 512);
	expect_capacity(&bed, 0xfffffffe, 0xfffffffe, 512);
	bed_teardown(&bed);
	/* The last LBA is FFFFFFFFh, which cannot be told from "more". */
	make(&bed, 2 * TIB, 512);
	expect_capacity(&bed, 0xffffffff, 0xffffffff, 512);
	bed_teardown(&bed);
	make(&bed, 2 * TIB + 512, 512);
	expect_capacity(&bed, 0xffffffff, UINT64_C(0x100000000), 512);
	bed_teardown(&bed);
	make(&bed, 2 * TIB + 512, 4096);
	expect_capacity(&bed, (2 * TIB >> 12) - 1, (2 * TIB >> 12) - 1, 4096);
	bed_teardown(&bed);
}

static void command_16(struct bed *bed, struct bed_cmd *cmd, uint8_t opcode, uint8_t options,
		       uint64_t lba, uint32_t blocks)
{
	uint8_t cdb[16] = { opcode, options };

	put_be64(cdb + 2, lba);
	put_be32(cdb + 10, blocks);
	bed_cdb(bed, cmd, cdb, 16);
}

static void expect_out_of_range(struct bed *bed, uint64_t lba, uint32_t blocks)
{
	static const uint8_t opcodes[] = { 0x88, 0x8a, 0x8e, 0x8f, 0x90, 0x91, 0x93 };
	uint8_t data[4096] = { 0 };
	struct bed_cmd cmd;

	for (unsigned i = 0; i < sizeof(opcodes); i++) {
		command_16(bed, &cmd, opcodes[i], 0, lba, blocks);
		if (opcodes[i] == 0x88)
			bed_wants(&cmd, 512);
		else if (opcodes[i] != 0x8f && opcodes[i] != 0x90 && opcodes[i] != 0x91)
			bed_has(&cmd, data, 512);
		assert_int_equal(bed_run(&cmd), 0x02);
		bed_expect_sense(&cmd, 0x05, 0x2100);
	}
}

static void test_rw__at_the_end_of_everything(void **state)
{
	uint64_t end = INT64_MAX >> 9;
	uint8_t data[512] = { 0 };
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	make(&bed, INT64_MAX, 512);
	expect_capacity(&bed, 0xffffffff, end - 1, 512);
	command_16(&bed, &cmd, 0x88, 0, end - 1, 1);
	bed_wants(&cmd, 512);
	bed_expect_data(&cmd, data, 512);
	command_16(&bed, &cmd, 0x8a, 0, end - 1, 1);
	bed_has(&cmd, data, 512);
	assert_int_equal(bed_run(&cmd), 0x00);
	command_16(&bed, &cmd, 0x93, 0x01, end - 1024, 1024);
	assert_int_equal(bed_run(&cmd), 0x00);
	command_16(&bed, &cmd, 0x88, 0, end, 0);
	assert_int_equal(bed_run(&cmd), 0x00);
	expect_out_of_range(&bed, end, 1);
	expect_out_of_range(&bed, end - 1, 2);
	expect_out_of_range(&bed, UINT64_MAX, 1);
	expect_out_of_range(&bed, UINT64_MAX, UINT32_MAX);
	/* In bytes it would be 0. */
	expect_out_of_range(&bed, UINT64_C(1) << 55, 1);
	bed_teardown(&bed);
}

static void test_unmap__at_the_end_of_everything(void **state)
{
	uint64_t end = INT64_MAX >> 9;
	uint8_t list[24] = { 0, 22, 0, 16 };
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	make(&bed, INT64_MAX, 512);
	put_be64(list + 8, end - 100);
	put_be32(list + 16, 100);
	BED_CDB(&bed, &cmd, 0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0);
	bed_has(&cmd, list, 24);
	assert_int_equal(bed_run(&cmd), 0x00);
	put_be32(list + 16, 101);
	BED_CDB(&bed, &cmd, 0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0);
	bed_has(&cmd, list, 24);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2100);
	put_be64(list + 8, UINT64_MAX - 50);
	BED_CDB(&bed, &cmd, 0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0);
	bed_has(&cmd, list, 24);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2100);
	/* One LBA STATUS descriptor cannot tell of so many. */
	command_16(&bed, &cmd, 0x9e, 0x12, 5, 24);
	bed_wants(&cmd, 24);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(get_be64(cmd.in + 8), 5);
	assert_int_equal(get_be32(cmd.in + 16), UINT32_MAX);
	bed_release(&cmd);
	bed_teardown(&bed);
}

static void expect_layout(const struct scsi_lu_config *config, uint32_t block_size,
			  uint8_t exponent, uint16_t lowest)
{
	struct bed_config bed_config = { .block_size = block_size, .lu = *config };
	struct bed bed;
	struct bed_cmd cmd;

	bed_setup(&bed, &bed_config);
	bed_clear_attention(&bed);
	BED_CDB(&bed, &cmd, 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0);
	bed_wants(&cmd, 32);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(cmd.in[13], exponent);
	assert_int_equal(get_be16(cmd.in + 14), lowest);
	bed_release(&cmd);
	BED_CDB(&bed, &cmd, 0x12, 1, 0xb1, 0, 64, 0);
	bed_wants(&cmd, 64);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(get_be16(cmd.in + 4), config->rotation_rate);
	bed_release(&cmd);
	bed_teardown(&bed);
}

static void test_read_capacity_16__physical_blocks(void **state)
{
	(void)state;
	expect_layout(&(struct scsi_lu_config){ 0 }, 512, 3, 0);
	expect_layout(&(struct scsi_lu_config){ .rotation_rate = 7200 }, 4096, 0, 0);
	expect_layout(&(struct scsi_lu_config){ .physical_block_size = 512, .rotation_rate = 1 }, 512,
		      0, 0);
	expect_layout(&(struct scsi_lu_config){ .lowest_aligned = 7 }, 512, 3, 7);
	expect_layout(&(struct scsi_lu_config){ .lowest_aligned = 1, .thin = true }, 512, 3, 0xc001);
	expect_layout(&(struct scsi_lu_config){ .physical_block_size = 512 << 15,
						.lowest_aligned = 16383 },
		      512, 15, 0x3fff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_capacity__around_two_tib),
		cmocka_unit_test(test_rw__at_the_end_of_everything),
		cmocka_unit_test(test_unmap__at_the_end_of_everything),
		cmocka_unit_test(test_read_capacity_16__physical_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
