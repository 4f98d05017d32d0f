/* SPDX-License-Identifier: BSD-2-Clause */
/* scsi/sbc_rw.c: READ and WRITE, on every kind of bed. */
#include "test_scsi_bed.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

/* ---- CDBs of all four lengths ---- */

enum direction { READ, WRITE };

/* Fills in a READ or WRITE with a CDB of LENGTH bytes. */
static void rw(struct bed *bed, struct bed_cmd *cmd, enum direction way, unsigned length,
	       uint64_t lba, uint32_t blocks)
{
	uint8_t cdb[16] = { 0 };
	bool is_write = way == WRITE;

	switch (length) {
	case 6:
		cdb[0] = is_write ? 0x0a : 0x08;
		put_be24(cdb + 1, (uint32_t)lba);
		cdb[4] = (uint8_t)blocks;
		break;
	case 10:
		cdb[0] = is_write ? 0x2a : 0x28;
		put_be32(cdb + 2, (uint32_t)lba);
		put_be16(cdb + 7, (uint16_t)blocks);
		break;
	case 12:
		cdb[0] = is_write ? 0xaa : 0xa8;
		put_be32(cdb + 2, (uint32_t)lba);
		put_be32(cdb + 6, blocks);
		break;
	default:
		cdb[0] = is_write ? 0x8a : 0x88;
		put_be64(cdb + 2, lba);
		put_be32(cdb + 10, blocks);
		break;
	}
	bed_cdb(bed, cmd, cdb, length);
}

static const unsigned lengths[] = { 6, 10, 12, 16 };

static void setup(struct bed *bed, const struct bed_config *config)
{
	bed_setup(bed, config);
	bed_clear_attention(bed);
	bed_pattern(bed->store.region->base, bed->store.store.traits.size, 99);
}

/* Writes and reads back with every CDB, on the bed that CONFIG describes. */
static void round_trip(const struct bed_config *config, bool private_data)
{
	uint32_t block = config->block_size != 0 ? config->block_size : 512;
	uint8_t *data = malloc(8 * block);
	struct bed bed;
	struct bed_cmd cmd;

	setup(&bed, config);
	for (unsigned i = 0; i < 4; i++) {
		uint64_t lba = 100 * (i + 1);

		bed_pattern(data, 8 * block, i);
		rw(&bed, &cmd, WRITE, lengths[i], lba, 8);
		cmd.cmd.private_data = private_data;
		bed_has(&cmd, data, 8 * block);
		assert_int_equal(bed_get(&cmd), 0x00);
		assert_int_equal(cmd.cmd.transfer_length, 8 * block);
		assert_int_equal(cmd.cmd.data_out_length, 8 * block);
		assert_int_equal(bed.store.flags, 0);
		bed_release(&cmd);
		assert_memory_equal(bed.store.region->base + lba * block, data, 8 * block);

		rw(&bed, &cmd, READ, lengths[i], lba, 8);
		cmd.cmd.private_data = private_data;
		bed_wants(&cmd, 8 * block);
		bed_expect_data(&cmd, data, 8 * block);
		assert_int_equal(cmd.cmd.transfer_length, 8 * block);
	}
	assert_int_equal(bed.store.count[STORE_WRITE], 4);
	assert_int_equal(bed.store.count[STORE_READ], 4);
	assert_int_equal(bed.store.mapped, config->mappable && !private_data ? 8 : 0);
	bed_teardown(&bed);
	free(data);
}

static void test_sbc_write__read_back(void **state)
{
	(void)state;
	round_trip(&(struct bed_config){ 0 }, false);
	round_trip(&(struct bed_config){ .block_size = 4096 }, false);
	round_trip(&(struct bed_config){ .mappable = true }, false);
	round_trip(&(struct bed_config){ .mappable = true, .block_size = 4096 }, false);
}

static void test_sbc_write__private_data_is_not_mapped(void **state)
{
	(void)state;
	round_trip(&(struct bed_config){ .mappable = true }, true);
}

/* ---- lengths ---- */

static void test_sbc_read__6_with_zero_is_256_blocks(void **state)
{
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	setup(&bed, &(struct bed_config){ 0 });
	BED_CDB(&bed, &cmd, 0x08, 0, 0, 0, 0, 0);
	bed_wants(&cmd, 256 * 512);
	bed_expect_data(&cmd, bed_medium(&bed, 0), 256 * 512);
	bed_teardown(&bed);
}

static void test_sbc_read__no_blocks(void **state)
{
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	setup(&bed, &(struct bed_config){ 0 });
	for (unsigned i = 1; i < 4; i++) {
		rw(&bed, &cmd, READ, lengths[i], 0, 0);
		assert_int_equal(bed_run(&cmd), 0x00);
		assert_int_equal(cmd.cmd.transfer_length, 0);
		rw(&bed, &cmd, READ, lengths[i], 32769, 0);
		assert_int_equal(bed_run(&cmd), 0x02);
		bed_expect_sense(&cmd, 0x05, 0x2100);
		rw(&bed, &cmd, WRITE, lengths[i], 0, 0);
		assert_int_equal(bed_run(&cmd), 0x00);
	}
	assert_int_equal(bed.store.count[STORE_READ] + bed.store.count[STORE_WRITE], 0);
	bed_teardown(&bed);
}

static void out_of_range(struct bed *bed, enum direction way, unsigned length, uint64_t lba,
			 uint32_t blocks, uint64_t told)
{
	static uint8_t data[2048];
	struct bed_cmd cmd;

	rw(bed, &cmd, way, length, lba, blocks);
	if (way == READ)
		bed_wants(&cmd, blocks * 512);
	else
		bed_has(&cmd, data, blocks * 512);
	cmd.cmd.unsolicited = way == WRITE ? 512 : 0;
	bed_start(&cmd);
	/* At once, before any data was asked for. */
	assert_int_equal(cmd.completions, 1);
	bed_release(&cmd);
	bed_expect_sense(&cmd, 0x05, 0x2100);
	if (told <= UINT32_MAX) {
		assert_int_equal(cmd.cmd.sense[0], 0xf0);
		assert_int_equal(get_be32(cmd.cmd.sense + 3), told);
	}
	assert_int_equal(cmd.cmd.data.length, 0);
}

static void test_sbc_range__beyond_the_end(void **state)
{
	struct bed bed;

	(void)state;
	/* 16 MiB: the last LBA is 32767. */
	setup(&bed, &(struct bed_config){ 0 });
	for (enum direction way = READ; way <= WRITE; way++) {
		for (unsigned i = 0; i < 4; i++) {
			out_of_range(&bed, way, lengths[i], 32768, 1, 32768);
			out_of_range(&bed, way, lengths[i], 32767, 2, 32768);
			out_of_range(&bed, way, lengths[i], 0x1fffff, 1, 0x1fffff);
		}
		out_of_range(&bed, way, 10, 0xffffffff, 1, 0xffffffff);
		out_of_range(&bed, way, 12, 0x80000000, 2, 0x80000000);
		out_of_range(&bed, way, 16, UINT64_MAX, 1, UINT64_MAX);
		out_of_range(&bed, way, 16, UINT64_MAX - 1, 4, UINT64_MAX - 1);
	}
	bed_teardown(&bed);
}

static void test_sbc_range__last_block(void **state)
{
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	setup(&bed, &(struct bed_config){ 0 });
	for (unsigned i = 0; i < 4; i++) {
		rw(&bed, &cmd, READ, lengths[i], 32767, 1);
		bed_wants(&cmd, 512);
		bed_expect_data(&cmd, bed_medium(&bed, 32767), 512);
	}
	bed_teardown(&bed);
}

static void test_sbc_transfer_range__maximum(void **state)
{
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	setup(&bed, &(struct bed_config){ 0 });
	/* 4 MiB are taken whole ... */
	rw(&bed, &cmd, READ, 16, 8, 8192);
	bed_wants(&cmd, 4 << 20);
	bed_expect_data(&cmd, bed_medium(&bed, 8), 4 << 20);
	/* ... and not a block more. */
	rw(&bed, &cmd, READ, 10, 0, 8193);
	bed_wants(&cmd, 8193 * 512);
	BED_RUN_FIELD(&cmd, 7, 7);
	rw(&bed, &cmd, READ, 12, 0, 8193);
	bed_wants(&cmd, 8193 * 512);
	BED_RUN_FIELD(&cmd, 6, 7);
	rw(&bed, &cmd, WRITE, 16, 0, 8193);
	BED_RUN_FIELD(&cmd, 10, 7);
	bed_teardown(&bed);
}

/* ---- the initiator and its CDB disagree about the length ---- */

static void test_sbc_read__initiator_takes_less(void **state)
{
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	for (int mappable = 0; mappable < 2; mappable++) {
		setup(&bed, &(struct bed_config){ .mappable = mappable });
		rw(&bed, &cmd, READ, 10, 5, 2);
		bed_wants(&cmd, 512);
		bed_expect_data(&cmd, bed_medium(&bed, 5), 512);
		assert_int_equal(cmd.cmd.transfer_length, 1024);
		/* Part of a block. */
		rw(&bed, &cmd, READ, 10, 5, 2);
		bed_wants(&cmd, 700);
		bed_expect_data(&cmd, bed_medium(&bed, 5), 700);
		assert_int_equal(cmd.cmd.transfer_length, 1024);
		/* Nothing, and not even the direction. */
		rw(&bed, &cmd, READ, 10, 5, 1);
		bed_wants(&cmd, 0);
		bed_expect_data(&cmd, (const uint8_t *)"", 0);
		assert_int_equal(cmd.cmd.transfer_length, 512);
		rw(&bed, &cmd, READ, 10, 5, 1);
		bed_has(&cmd, "", 512);
		bed_expect_data(&cmd, (const uint8_t *)"", 0);
		assert_int_equal(cmd.cmd.transfer_length, 512);
		/* More than there is. */
		rw(&bed, &cmd, READ, 10, 5, 1);
		bed_wants(&cmd, 10000);
		bed_expect_data(&cmd, bed_medium(&bed, 5), 512);
		assert_int_equal(cmd.cmd.transfer_length, 512);
		bed_teardown(&bed);
	}
}

static void test_sbc_write__initiator_has_less(void **state)
{
	uint8_t data[1024], before[1024];
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	setup(&bed, &(struct bed_config){ 0 });
	bed_pattern(data, sizeof(data), 3);
	memcpy(before, bed_medium(&bed, 5), sizeof(before));
	/* One block of two is written. */
	rw(&bed, &cmd, WRITE, 10, 5, 2);
	bed_has(&cmd, data, 512);
	assert_int_equal(bed_run(&cmd), 0x00);
	assert_int_equal(cmd.cmd.transfer_length, 1024);
	assert_int_equal(cmd.cmd.data_out_length, 512);
	assert_memory_equal(bed_medium(&bed, 5), data, 512);
	assert_memory_equal(bed_medium(&bed, 6), before + 512, 512);
	/* None. */
	rw(&bed, &cmd, WRITE, 10, 5, 1);
	bed_has(&cmd, data, 0);
	assert_int_equal(bed_run(&cmd), 0x00);
	assert_int_equal(cmd.cmd.transfer_length, 512);
	assert_int_equal(cmd.cmd.data_out_length, 0);
	assert_memory_equal(bed_medium(&bed, 5), data, 512);
	bed_teardown(&bed);
}

/* Half a block cannot be written: INVALID FIELD IN COMMAND INFORMATION UNIT, and nothing changes. */
static void test_sbc_write__initiator_has_part_of_a_block(void **state)
{
	uint8_t data[1024], before[1024];
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	setup(&bed, &(struct bed_config){ 0 });
	bed_pattern(data, sizeof(data), 3);
	memcpy(before, bed_medium(&bed, 5), sizeof(before));
	rw(&bed, &cmd, WRITE, 10, 5, 1);
	bed_has(&cmd, data, 200);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x0e03);
	assert_int_equal(cmd.cmd.transfer_length, 512);
	assert_int_equal(cmd.cmd.data_out_length, 0);
	assert_memory_equal(bed_medium(&bed, 5), before, sizeof(before));
	bed_teardown(&bed);
}

static void test_sbc_write__initiator_has_more(void **state)
{
	static uint8_t data[10000];
	uint8_t before[512];
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	setup(&bed, &(struct bed_config){ 0 });
	bed_pattern(data, sizeof(data), 3);
	memcpy(before, bed_medium(&bed, 6), sizeof(before));
	rw(&bed, &cmd, WRITE, 10, 5, 1);
	bed_has(&cmd, data, sizeof(data));
	assert_int_equal(bed_run(&cmd), 0x00);
	assert_int_equal(cmd.cmd.transfer_length, 512);
	assert_memory_equal(bed_medium(&bed, 5), data, 512);
	assert_memory_equal(bed_medium(&bed, 6), before, 512);
	bed_teardown(&bed);
}

/* ---- DPO and FUA ---- */

static void test_sbc_write__fua_reaches_the_store(void **state)
{
	static const uint8_t opcodes[] = { 0x2a, 0xaa, 0x8a };
	uint8_t data[512] = { 0 };
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	setup(&bed, &(struct bed_config){ .volatile_cache = true });
	for (unsigned i = 0; i < 3; i++) {
		rw(&bed, &cmd, WRITE, lengths[i + 1], 0, 1);
		assert_int_equal(cmd.cmd.cdb[0], opcodes[i]);
		cmd.cmd.cdb[1] = 0x08;
		bed_has(&cmd, data, 512);
		assert_int_equal(bed_run(&cmd), 0x00);
		assert_int_equal(bed.store.flags, STORE_FUA);
		cmd.completions = 0;
		cmd.cmd.cdb[1] = 0x10; /* DPO; the same cmd again, to see that nothing sticks */
		assert_int_equal(bed_run(&cmd), 0x00);
		assert_int_equal(bed.store.flags, 0);
	}
	/* In WRITE(6) that bit is part of the LBA. */
	rw(&bed, &cmd, WRITE, 6, 0x080000, 1);
	bed_has(&cmd, data, 512);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2100);
	bed_teardown(&bed);
}

static void test_sbc_read__dpo_and_fua_are_accepted(void **state)
{
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	setup(&bed, &(struct bed_config){ 0 });
	for (unsigned i = 1; i < 4; i++) {
		rw(&bed, &cmd, READ, lengths[i], 0, 1);
		cmd.cmd.cdb[1] = 0x18;
		bed_wants(&cmd, 512);
		bed_expect_data(&cmd, bed_medium(&bed, 0), 512);
	}
	bed_teardown(&bed);
}

/* What a volatile cache has of the blocks is written back before they are read from the medium. */
static void test_sbc_read__fua_goes_to_the_medium(void **state)
{
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	setup(&bed, &(struct bed_config){ .volatile_cache = true });
	for (unsigned i = 1; i < 4; i++) {
		rw(&bed, &cmd, READ, lengths[i], 0, 1);
		cmd.cmd.cdb[1] = 0x08;
		bed_wants(&cmd, 512);
		bed.store.hold = true;
		bed_start(&cmd);
		assert_int_equal(bed.store.count[STORE_FLUSH], i);
		assert_int_equal(bed.store.count[STORE_READ], i - 1);
		bed_store_finish(&bed, 0);
		bed.store.hold = false;
		bed_store_finish(&bed, 0);
		bed_wait(&cmd);
		assert_int_equal(cmd.cmd.status, 0x00);
		assert_memory_equal(cmd.in, bed_medium(&bed, 0), 512);
		bed_release(&cmd);
	}
	/* Without it, and where that bit is part of the LBA. */
	rw(&bed, &cmd, READ, 10, 0, 1);
	cmd.cmd.cdb[1] = 0x10;
	bed_wants(&cmd, 512);
	assert_int_equal(bed_run(&cmd), 0x00);
	rw(&bed, &cmd, READ, 6, 0x000800, 1);
	bed_wants(&cmd, 512);
	assert_int_equal(bed_run(&cmd), 0x00);
	assert_int_equal(bed.store.count[STORE_FLUSH], 3);
	/* What cannot be written back is not read. */
	bed.store.fail = -EIO;
	bed.store.fail_everywhere = true;
	rw(&bed, &cmd, READ, 10, 0, 1);
	cmd.cmd.cdb[1] = 0x08;
	bed_wants(&cmd, 512);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x03, 0x0c00);
	bed_teardown(&bed);
}

/* ---- several at once, and what is counted ---- */

static void test_sbc_read__out_of_order(void **state)
{
	struct bed bed;
	struct bed_cmd cmd[4];

	(void)state;
	setup(&bed, &(struct bed_config){ 0 });
	bed.store.hold = true;
	for (unsigned i = 0; i < 4; i++) {
		rw(&bed, &cmd[i], READ, 10, i, 1);
		bed_wants(&cmd[i], 512);
		bed_start(&cmd[i]);
	}
	for (unsigned i = 0; i < 4; i++) {
		bed_store_finish(&bed, 0);
		assert_int_equal(cmd[i].completions, 1);
		assert_memory_equal(cmd[i].in, bed_medium(&bed, i), 512);
		bed_release(&cmd[i]);
	}
	bed_teardown(&bed);
}

static void sum(void *context, const struct scsi_lu_info *info)
{
	*(struct scsi_lu_info *)context = *info;
}

static void test_scsi_target_visit__counts(void **state)
{
	uint8_t data[1024] = { 0 };
	struct scsi_lu_info info;
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	setup(&bed, &(struct bed_config){ 0 });
	rw(&bed, &cmd, READ, 10, 0, 3);
	bed_wants(&cmd, 1536);
	bed_run(&cmd);
	rw(&bed, &cmd, WRITE, 10, 0, 2);
	bed_has(&cmd, data, 1024);
	bed_run(&cmd);
	bed.store.fail = -5;
	bed.store.fail_everywhere = true;
	rw(&bed, &cmd, READ, 10, 0, 3);
	bed_wants(&cmd, 1536);
	bed_run(&cmd);
	scsi_target_visit(bed.target, sum, &info);
	assert_int_equal(info.reads, 1);
	assert_int_equal(info.read_bytes, 1536);
	assert_int_equal(info.writes, 1);
	assert_int_equal(info.written_bytes, 1024);
	assert_int_equal(info.errors, 1);
	assert_int_equal(info.lun, 0);
	assert_int_equal(info.size, 16 << 20);
	assert_int_equal(info.block_size, 512);
	assert_string_equal(info.store, "bed");
	assert_string_equal(info.detail, "for tests");
	assert_int_equal(strlen(info.naa), 16);
	bed_teardown(&bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sbc_write__read_back),
		cmocka_unit_test(test_sbc_write__private_data_is_not_mapped),
		cmocka_unit_test(test_sbc_read__6_with_zero_is_256_blocks),
		cmocka_unit_test(test_sbc_read__no_blocks),
		cmocka_unit_test(test_sbc_range__beyond_the_end),
		cmocka_unit_test(test_sbc_range__last_block),
		cmocka_unit_test(test_sbc_transfer_range__maximum),
		cmocka_unit_test(test_sbc_read__initiator_takes_less),
		cmocka_unit_test(test_sbc_write__initiator_has_less),
		cmocka_unit_test(test_sbc_write__initiator_has_part_of_a_block),
		cmocka_unit_test(test_sbc_write__initiator_has_more),
		cmocka_unit_test(test_sbc_write__fua_reaches_the_store),
		cmocka_unit_test(test_sbc_read__dpo_and_fua_are_accepted),
		cmocka_unit_test(test_sbc_read__fua_goes_to_the_medium),
		cmocka_unit_test(test_sbc_read__out_of_order),
		cmocka_unit_test(test_scsi_target_visit__counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
