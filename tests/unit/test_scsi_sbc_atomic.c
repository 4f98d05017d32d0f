/* SPDX-License-Identifier: BSD-2-Clause */
/* scsi/sbc_atomic.c: what the commands do to the medium and say of it; that they are alone: test_scsi_range.c. */
#include "test_scsi_bed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

enum { BLOCK = 512, BLOCKS_MAX = 255 };

static int setup(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));
	struct bed_config config = { 0 };

	bed_setup(bed, &config);
	bed_clear_attention(bed);
	bed_pattern(bed->store.region->base, 16 << 20, 9);
	*state = bed;
	return 0;
}

static void compare_and_write(struct bed *bed, struct bed_cmd *cmd, uint64_t lba, uint8_t blocks,
			      const void *data, uint32_t length)
{
	uint8_t cdb[16] = { 0x89 };

	put_be64(cdb + 2, lba);
	cdb[13] = blocks;
	bed_cdb(bed, cmd, cdb, 16);
	if (length != 0)
		bed_has(cmd, data, length);
}

static void test_sbc_compare_and_write__writes_what_matches(void **state)
{
	static const uint8_t counts[] = { 1, 2, 3, 8, 100, BLOCKS_MAX };
	static uint8_t before[16 << 20], data[2 * BLOCKS_MAX * BLOCK];
	struct bed *bed = *state;
	struct bed_cmd cmd;

	for (unsigned i = 0; i < sizeof(counts); i++) {
		uint64_t lba = i % 2 ? 32768 - counts[i] : 7;
		uint32_t half = counts[i] * BLOCK;

		memcpy(before, bed_medium(bed, 0), sizeof(before));
		memcpy(data, before + lba * BLOCK, half);
		bed_pattern(data + half, half, 100 + i);
		compare_and_write(bed, &cmd, lba, counts[i], data, 2 * half);
		assert_int_equal(bed_run(&cmd), 0x00);
		assert_int_equal(cmd.cmd.transfer_length, 2 * half);
		memcpy(before + lba * BLOCK, data + half, half);
		assert_memory_equal(bed_medium(bed, 0), before, sizeof(before));
	}
}

static void test_sbc_compare_and_write__tells_where_it_differs(void **state)
{
	static const uint32_t places[] = {
		0, 1, 511, 512, 700, 4096, 65537, 262143, 262144 - 512, BLOCKS_MAX * BLOCK - 1
	};
	static uint8_t before[BLOCKS_MAX * BLOCK], data[2 * BLOCKS_MAX * BLOCK];
	struct bed *bed = *state;
	struct bed_cmd cmd;

	memcpy(before, bed_medium(bed, 20), sizeof(before));
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		uint32_t place = min(places[i], (uint32_t)sizeof(before) - 1);

		memcpy(data, before, sizeof(before));
		memset(data + sizeof(before), 0x11, sizeof(before));
		data[place] ^= 0x80;
		compare_and_write(bed, &cmd, 20, BLOCKS_MAX, data, sizeof(data));
		assert_int_equal(bed_run(&cmd), 0x02);
		bed_expect_sense(&cmd, 0x0e, 0x1d00);
		assert_int_equal(cmd.cmd.sense[0], 0xf0);
		assert_int_equal(get_be32(cmd.cmd.sense + 3), place);
		assert_memory_equal(bed_medium(bed, 20), before, sizeof(before));
	}
	assert_int_equal(bed->store.count[STORE_WRITE], 0);
}

static void test_sbc_compare_and_write__no_blocks(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;
	uint8_t data[2 * BLOCK] = { 0 };

	compare_and_write(bed, &cmd, 0, 0, NULL, 0);
	assert_int_equal(bed_run(&cmd), 0x00);
	/* At the very end still no error, beyond it one. */
	compare_and_write(bed, &cmd, 32768, 0, NULL, 0);
	assert_int_equal(bed_run(&cmd), 0x00);
	compare_and_write(bed, &cmd, 32769, 0, NULL, 0);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2100);
	/* With data, someone thinks that 256 blocks fit into a byte. */
	compare_and_write(bed, &cmd, 0, 0, data, sizeof(data));
	BED_RUN_FIELD(&cmd, 13, 7);
	assert_int_equal(bed->store.count[STORE_READ], 0);
}

static void test_sbc_compare_and_write__refusals(void **state)
{
	static uint8_t data[8 * BLOCK];
	static const uint32_t wrong[] = { BLOCK, 3 * BLOCK, 2 * BLOCK - 1, 4 * BLOCK };
	struct bed *bed = *state;
	struct bed_cmd cmd;

	compare_and_write(bed, &cmd, 32767, 2, data, 4 * BLOCK);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2100);
	assert_int_equal(get_be32(cmd.cmd.sense + 3), 32768);
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		compare_and_write(bed, &cmd, 0, 1, data, wrong[i]);
		assert_int_equal(bed_run(&cmd), 0x02);
		bed_expect_sense(&cmd, 0x05, 0x0e03);
	}
	compare_and_write(bed, &cmd, 0, 1, NULL, 0);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x0e03);
	/* WRPROTECT; the reserved bytes before the number of blocks */
	compare_and_write(bed, &cmd, 0, 1, data, 2 * BLOCK);
	cmd.cmd.cdb[1] = 0x20;
	BED_RUN_FIELD(&cmd, 1, 7);
	compare_and_write(bed, &cmd, 0, 1, data, 2 * BLOCK);
	cmd.cmd.cdb[12] = 1;
	BED_RUN_FIELD(&cmd, 12, 7);
	assert_int_equal(bed->store.count[STORE_WRITE], 0);
}

static void test_sbc_compare_and_write__not_more_than_a_transfer(void **state)
{
	static uint8_t data[34 * BLOCK];
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ .lu = { .maximum_transfer = 8192 } });
	bed_clear_attention(&bed);
	compare_and_write(&bed, &cmd, 0, 17, data, 34 * BLOCK);
	BED_RUN_FIELD(&cmd, 13, 7);
	compare_and_write(&bed, &cmd, 0, 16, data, 32 * BLOCK);
	assert_int_equal(bed_run(&cmd), 0x00);
	bed_teardown(&bed);
}

static void test_sbc_compare_and_write__fua_is_for_the_write(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;
	uint8_t data[2 * BLOCK];

	for (unsigned flags = 0; flags <= 0x18; flags += 8) {
		memcpy(data, bed_medium(bed, 5), BLOCK);
		memset(data + BLOCK, (int)flags, BLOCK);
		compare_and_write(bed, &cmd, 5, 1, data, sizeof(data));
		cmd.cmd.cdb[1] = (uint8_t)flags;
		assert_int_equal(bed_run(&cmd), 0x00);
		assert_int_equal(bed->store.flags, flags & 0x08 ? STORE_FUA : 0);
	}
}

static void test_sbc_compare_and_write__store_errors(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;
	uint8_t data[2 * BLOCK];

	memcpy(data, bed_medium(bed, 5), BLOCK);
	bed->store.fail = -EIO;
	bed->store.fail_everywhere = true;
	compare_and_write(bed, &cmd, 5, 1, data, sizeof(data));
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x03, 0x1100);
	/* The lock is free again. */
	bed->store.fail = 0;
	compare_and_write(bed, &cmd, 5, 1, data, sizeof(data));
	assert_int_equal(bed_run(&cmd), 0x00);
}

static void test_sbc_compare_and_write__data_that_never_comes(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;
	uint8_t data[2 * BLOCK] = { 0 };

	compare_and_write(bed, &cmd, 5, 1, data, sizeof(data));
	cmd.data_error = -EBADMSG;
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x0b, 0x4705);
}

static void test_sbc_compare_and_write__write_protected(void **state)
{
	struct bed bed;
	struct bed_cmd cmd;
	uint8_t data[2 * BLOCK] = { 0 };

	(void)state;
	bed_setup(&bed, &(struct bed_config){ .lu = { .read_only = true } });
	bed_clear_attention(&bed);
	compare_and_write(&bed, &cmd, 0, 1, data, sizeof(data));
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x07, 0x2700);
	bed_teardown(&bed);
}

/* ---- ORWRITE ------------------------------------------------------------------------- */

static void orwrite(struct bed *bed, struct bed_cmd *cmd, uint64_t lba, uint32_t blocks,
		    const void *data, uint32_t length)
{
	uint8_t cdb[16] = { 0x8b };

	put_be64(cdb + 2, lba);
	put_be32(cdb + 10, blocks);
	bed_cdb(bed, cmd, cdb, 16);
	if (length != 0)
		bed_has(cmd, data, length);
}

static void test_sbc_orwrite__sets_bits(void **state)
{
	/* The last one in five pieces. */
	static const uint32_t counts[] = { 1, 2, 511, 512, 513, 2111 };
	static uint8_t expected[16 << 20], data[2111 * BLOCK];
	struct bed *bed = *state;
	struct bed_cmd cmd;

	for (unsigned i = 0; i < ARRAY_SIZE(counts); i++) {
		uint64_t lba = i % 2 ? 32768 - counts[i] : 7;
		uint32_t bytes = counts[i] * BLOCK;

		memcpy(expected, bed_medium(bed, 0), sizeof(expected));
		bed_pattern(data, bytes, 33 + i);
		for (uint32_t at = 0; at < bytes; at++)
			expected[lba * BLOCK + at] |= data[at];
		orwrite(bed, &cmd, lba, counts[i], data, bytes);
		assert_int_equal(bed_run(&cmd), 0x00);
		assert_int_equal(cmd.cmd.transfer_length, bytes);
		assert_memory_equal(bed_medium(bed, 0), expected, sizeof(expected));
	}
}

static void test_sbc_orwrite__ranges_and_lengths(void **state)
{
	static uint8_t data[3 * BLOCK], before[2 * BLOCK];
	struct bed *bed = *state;
	struct bed_cmd cmd;

	memset(data, 0xff, sizeof(data));
	orwrite(bed, &cmd, 32768, 0, NULL, 0);
	assert_int_equal(bed_run(&cmd), 0x00);
	orwrite(bed, &cmd, 32767, 2, data, 2 * BLOCK);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2100);
	orwrite(bed, &cmd, 0, 8193, data, BLOCK);
	BED_RUN_FIELD(&cmd, 10, 7);
	orwrite(bed, &cmd, 0, 2, data, BLOCK + 1);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x0e03);
	/* ORPROTECT */
	orwrite(bed, &cmd, 0, 1, data, BLOCK);
	cmd.cmd.cdb[1] = 0x20;
	BED_RUN_FIELD(&cmd, 1, 7);
	assert_int_equal(bed->store.count[STORE_WRITE], 0);
	/* What there is is done, as WRITE does it; FUA is for the write. */
	memcpy(before, bed_medium(bed, 1), sizeof(before));
	orwrite(bed, &cmd, 0, 3, data, BLOCK);
	cmd.cmd.cdb[1] = 0x18;
	assert_int_equal(bed_run(&cmd), 0x00);
	assert_int_equal(cmd.cmd.transfer_length, 3 * BLOCK);
	assert_int_equal(bed->store.flags, STORE_FUA);
	assert_memory_equal(bed_medium(bed, 0), data, BLOCK);
	assert_memory_equal(bed_medium(bed, 1), before, sizeof(before));
}

/* ---- WRITE ATOMIC --------------------------------------------------------------------- */

static void write_atomic(struct bed *bed, struct bed_cmd *cmd, uint64_t lba, uint16_t blocks,
			 const void *data, uint32_t length)
{
	uint8_t cdb[16] = { 0x9c };

	put_be64(cdb + 2, lba);
	put_be16(cdb + 12, blocks);
	bed_cdb(bed, cmd, cdb, 16);
	if (length != 0)
		bed_has(cmd, data, length);
}

static void test_sbc_write_atomic__writes(void **state)
{
	static uint8_t expected[16 << 20], data[129 * BLOCK];
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ .atomic_write = 65536 });
	bed_clear_attention(&bed);
	bed_pattern(data, sizeof(data), 3);
	for (uint16_t blocks = 0; blocks <= 128; blocks += 32) {
		write_atomic(&bed, &cmd, 3, blocks, data + blocks, blocks * BLOCK);
		assert_int_equal(bed_run(&cmd), 0x00);
		memcpy(expected + 3 * BLOCK, data + blocks, blocks * BLOCK);
		assert_memory_equal(bed_medium(&bed, 0), expected, sizeof(expected));
	}
	assert_int_equal(bed.store.flags, 0);
	write_atomic(&bed, &cmd, 32767, 1, data, BLOCK);
	cmd.cmd.cdb[1] = 0x18;
	assert_int_equal(bed_run(&cmd), 0x00);
	assert_int_equal(bed.store.flags, STORE_FUA);
	assert_memory_equal(bed_medium(&bed, 32767), data, BLOCK);
	/* One more than the limit, half of the data, a boundary, beyond the end */
	write_atomic(&bed, &cmd, 3, 129, data, 129 * BLOCK);
	BED_RUN_FIELD(&cmd, 12, 7);
	write_atomic(&bed, &cmd, 3, 2, data, BLOCK);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x0e03);
	write_atomic(&bed, &cmd, 3, 2, data, 2 * BLOCK);
	cmd.cmd.cdb[11] = 2;
	BED_RUN_FIELD(&cmd, 10, 7);
	write_atomic(&bed, &cmd, 32767, 2, data, 2 * BLOCK);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2100);
	assert_memory_equal(bed_medium(&bed, 0), expected, sizeof(expected) - BLOCK);
	bed_teardown(&bed);
}

static void test_sbc_write_atomic__is_not_there_without_promise(void **state)
{
	static uint8_t data[BLOCK];
	struct bed_cmd cmd;

	write_atomic(*state, &cmd, 0, 1, data, BLOCK);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2000);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, bed_teardown_state)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_sbc_compare_and_write__writes_what_matches),
		CASE(test_sbc_compare_and_write__tells_where_it_differs),
		CASE(test_sbc_compare_and_write__no_blocks),
		CASE(test_sbc_compare_and_write__refusals),
		cmocka_unit_test(test_sbc_compare_and_write__not_more_than_a_transfer),
		CASE(test_sbc_compare_and_write__fua_is_for_the_write),
		CASE(test_sbc_compare_and_write__store_errors),
		CASE(test_sbc_compare_and_write__data_that_never_comes),
		cmocka_unit_test(test_sbc_compare_and_write__write_protected),
		CASE(test_sbc_orwrite__sets_bits),
		CASE(test_sbc_orwrite__ranges_and_lengths),
		cmocka_unit_test(test_sbc_write_atomic__writes),
		CASE(test_sbc_write_atomic__is_not_there_without_promise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
