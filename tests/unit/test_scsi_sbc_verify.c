/* SPDX-License-Identifier: BSD-2-Clause */
/* scsi/sbc_verify.c: VERIFY without data, with all of it, with one block. */
#include "test_scsi_bed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

enum { BLOCKS = 1200 }; /* 600 KiB: three pieces of 256 KiB, the last one short */

static int setup(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));
	struct bed_config config = { 0 };

	bed_setup(bed, &config);
	bed_clear_attention(bed);
	bed_pattern(bed->store.region->base, 16 << 20, 5);
	*state = bed;
	return 0;
}

static void verify(struct bed *bed, struct bed_cmd *cmd, unsigned length, unsigned bytchk,
		   uint64_t lba, uint32_t blocks)
{
	uint8_t cdb[16] = { length == 10 ? 0x2f : length == 12 ? 0xaf : 0x8f };

	cdb[1] = (uint8_t)(bytchk << 1);
	if (length == 16) {
		put_be64(cdb + 2, lba);
		put_be32(cdb + 10, blocks);
	} else {
		put_be32(cdb + 2, (uint32_t)lba);
		if (length == 10)
			put_be16(cdb + 7, (uint16_t)blocks);
		else
			put_be32(cdb + 6, blocks);
	}
	bed_cdb(bed, cmd, cdb, length);
}

static void test_sbc_verify__reads_the_medium(void **state)
{
	static const unsigned lengths[] = { 10, 12, 16 };
	struct bed *bed = *state;
	struct bed_cmd cmd;

	for (unsigned i = 0; i < 3; i++) {
		bed->store.count[STORE_READ] = 0;
		verify(bed, &cmd, lengths[i], 0, 10, BLOCKS);
		assert_int_equal(bed_run(&cmd), 0x00);
		assert_int_equal(cmd.cmd.transfer_length, 0);
		assert_int_equal(bed->store.count[STORE_READ], 3);
	}
}

/* What a volatile cache has of the blocks is written back before. */
static void test_sbc_verify__not_the_cache(void **state)
{
	static const uint8_t data[512];
	struct bed *bed = *state;
	struct bed_cmd cmd;

	bed->store.store.traits.volatile_cache = true;
	for (unsigned bytchk = 0; bytchk < 4; bytchk += 3) {
		verify(bed, &cmd, 10, bytchk, 10, 1);
		if (bytchk != 0)
			bed_has(&cmd, data, sizeof(data));
		bed->store.count[STORE_READ] = 0;
		bed->store.count[STORE_FLUSH] = 0;
		bed->store.hold = true;
		bed_start(&cmd);
		bed_turns(bed, 3);
		assert_int_equal(bed->store.count[STORE_FLUSH], 1);
		assert_int_equal(bed->store.count[STORE_READ], 0);
		bed->store.hold = false;
		bed_store_finish(bed, 0);
		bed_wait(&cmd);
		assert_int_equal(bed->store.count[STORE_READ], 1);
		bed_release(&cmd);
	}
}

static void test_sbc_verify__finds_the_bad_block(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;

	bed->store.fail = -EIO;
	bed->store.fail_at = 600 * 512;
	verify(bed, &cmd, 10, 0, 10, BLOCKS);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x03, 0x1100);
	/* The piece that holds it begins at block 522. */
	assert_int_equal(get_be32(cmd.cmd.sense + 3), 522);
}

static void test_sbc_verify__ranges(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;

	verify(bed, &cmd, 16, 0, 0, 0);
	assert_int_equal(bed_run(&cmd), 0x00);
	verify(bed, &cmd, 16, 0, 32768, 1);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2100);
	verify(bed, &cmd, 16, 0, 0, 8193);
	BED_RUN_FIELD(&cmd, 10, 7);
	verify(bed, &cmd, 16, 2, 0, 1);
	BED_RUN_FIELD(&cmd, 1, 2);
	/* VRPROTECT */
	verify(bed, &cmd, 10, 0, 0, 1);
	cmd.cmd.cdb[1] = 0x20;
	BED_RUN_FIELD(&cmd, 1, 7);
}

static void test_sbc_verify__compares_all(void **state)
{
	struct bed *bed = *state;
	uint8_t *data = malloc(BLOCKS * 512);
	struct bed_cmd cmd;

	memcpy(data, bed_medium(bed, 10), BLOCKS * 512);
	verify(bed, &cmd, 16, 1, 10, BLOCKS);
	bed_has(&cmd, data, BLOCKS * 512);
	assert_int_equal(bed_run(&cmd), 0x00);
	assert_int_equal(cmd.cmd.transfer_length, BLOCKS * 512);
	/* The very last byte is compared too. */
	data[BLOCKS * 512 - 1] ^= 1;
	verify(bed, &cmd, 16, 1, 10, BLOCKS);
	bed_has(&cmd, data, BLOCKS * 512);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x0e, 0x1d00);
	free(data);
}

static void test_sbc_verify__compares_one_block(void **state)
{
	struct bed *bed = *state;
	uint8_t data[512];
	struct bed_cmd cmd;

	bed_pattern(data, 512, 77);
	for (unsigned i = 0; i < BLOCKS; i++)
		memcpy(bed_medium(bed, 10 + i), data, 512);
	verify(bed, &cmd, 10, 3, 10, BLOCKS);
	bed_has(&cmd, data, 512);
	assert_int_equal(bed_run(&cmd), 0x00);
	assert_int_equal(cmd.cmd.transfer_length, 512);
	bed_medium(bed, 10 + BLOCKS - 1)[511] ^= 1;
	verify(bed, &cmd, 10, 3, 10, BLOCKS);
	bed_has(&cmd, data, 512);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x0e, 0x1d00);
}

static void test_sbc_verify__compares_what_there_is(void **state)
{
	struct bed *bed = *state;
	uint8_t data[1024];
	struct bed_cmd cmd;

	memcpy(data, bed_medium(bed, 0), 512);
	verify(bed, &cmd, 10, 1, 0, 2);
	bed_has(&cmd, data, 512);
	assert_int_equal(bed_run(&cmd), 0x00);
	assert_int_equal(cmd.cmd.transfer_length, 1024);
	verify(bed, &cmd, 10, 1, 0, 2);
	bed_has(&cmd, data, 513);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x0e03);
	verify(bed, &cmd, 10, 1, 0, 2);
	assert_int_equal(bed_run(&cmd), 0x00);
}

static void test_sbc_verify__changes_nothing(void **state)
{
	struct bed *bed = *state;
	uint8_t data[512] = { 0 };
	struct bed_cmd cmd;

	verify(bed, &cmd, 10, 1, 0, 1);
	bed_has(&cmd, data, 512);
	assert_int_equal(bed_run(&cmd), 0x02);
	assert_int_equal(bed->store.count[STORE_WRITE], 0);
}

/* ---- WRITE AND VERIFY ---- */

static void write_and_verify(struct bed *bed, struct bed_cmd *cmd, unsigned length, unsigned bytchk,
			     uint64_t lba, uint32_t blocks)
{
	verify(bed, cmd, length, bytchk, lba, blocks);
	cmd->cmd.cdb[0] = length == 10 ? 0x2e : length == 12 ? 0xae : 0x8e;
}

static void test_sbc_write_and_verify__writes_and_reads(void **state)
{
	static const unsigned lengths[] = { 10, 12, 16 };
	struct bed *bed = *state;
	uint8_t *data = malloc(BLOCKS * 512);
	struct bed_cmd cmd;

	for (unsigned i = 0; i < 3; i++) {
		bed_pattern(data, BLOCKS * 512, i);
		bed->store.count[STORE_READ] = 0;
		write_and_verify(bed, &cmd, lengths[i], i % 2, 10, BLOCKS);
		bed_has(&cmd, data, BLOCKS * 512);
		assert_int_equal(bed_run(&cmd), 0x00);
		assert_int_equal(cmd.cmd.transfer_length, BLOCKS * 512);
		assert_memory_equal(bed_medium(bed, 10), data, BLOCKS * 512);
		assert_int_equal(bed->store.count[STORE_READ], 3);
	}
	free(data);
}

static void test_sbc_write_and_verify__lengths_and_refusals(void **state)
{
	struct bed *bed = *state;
	uint8_t data[1024];
	struct bed_cmd cmd;

	bed_pattern(data, sizeof(data), 8);
	write_and_verify(bed, &cmd, 10, 1, 5, 2);
	bed_has(&cmd, data, 512);
	assert_int_equal(bed_run(&cmd), 0x00);
	assert_int_equal(cmd.cmd.transfer_length, 1024);
	assert_memory_equal(bed_medium(bed, 5), data, 512);
	assert_memory_not_equal(bed_medium(bed, 6), data + 512, 512);
	write_and_verify(bed, &cmd, 10, 1, 5, 1);
	bed_has(&cmd, data, 200);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x0e03);
	write_and_verify(bed, &cmd, 10, 0, 5, 0);
	assert_int_equal(bed_run(&cmd), 0x00);
	write_and_verify(bed, &cmd, 16, 0, 32768, 1);
	bed_has(&cmd, data, 512);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2100);
	write_and_verify(bed, &cmd, 10, 3, 5, 1);
	bed_has(&cmd, data, 512);
	BED_RUN_FIELD(&cmd, 1, 2);
}

/* The medium spoils what is written while nobody looks. */
static void test_sbc_write_and_verify__finds_a_difference(void **state)
{
	struct bed *bed = *state;
	uint8_t data[512];
	struct bed_cmd cmd;

	bed_pattern(data, sizeof(data), 8);
	bed->store.hold = true;
	write_and_verify(bed, &cmd, 10, 1, 5, 1);
	bed_has(&cmd, data, 512);
	bed_start(&cmd);
	bed_turns(bed, 2);
	bed_store_finish(bed, 0);
	assert_int_equal(bed->store.held_count, 1);
	assert_int_equal(bed->store.flags, 0);
	bed_medium(bed, 5)[100] ^= 1;
	bed_store_finish(bed, 0);
	bed_wait(&cmd);
	bed_expect_sense(&cmd, 0x0e, 0x1d00);
	bed_release(&cmd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bed_teardown_state)
	const struct CMUnitTest tests[] = {
		TEST(test_sbc_verify__reads_the_medium),
		TEST(test_sbc_verify__not_the_cache),
		TEST(test_sbc_verify__finds_the_bad_block),
		TEST(test_sbc_verify__ranges),
		TEST(test_sbc_verify__compares_all),
		TEST(test_sbc_verify__compares_one_block),
		TEST(test_sbc_verify__compares_what_there_is),
		TEST(test_sbc_verify__changes_nothing),
		TEST(test_sbc_write_and_verify__writes_and_reads),
		TEST(test_sbc_write_and_verify__lengths_and_refusals),
		TEST(test_sbc_write_and_verify__finds_a_difference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
