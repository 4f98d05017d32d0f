/* SPDX-License-Identifier: BSD-2-Clause */
/* scsi/sbc_thin.c: UNMAP and WRITE SAME, and what is told of thin provisioning. */
#include "test_scsi_bed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static void make(struct bed *bed, bool thin, uint32_t block_size)
{
	bed_setup(bed, &(struct bed_config){ .block_size = block_size, .lu = { .thin = thin } });
	bed_clear_attention(bed);
	bed_pattern(bed->store.region->base, 16 << 20, 5);
}

static int setup(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));

	make(bed, true, 512);
	*state = bed;
	return 0;
}

static void expect_zero(struct bed *bed, uint64_t lba, unsigned blocks)
{
	for (unsigned i = 0; i < blocks * 512; i++)
		assert_int_equal(bed_medium(bed, lba)[i], 0);
}

/* The pattern that every test starts with is still there. */
static void expect_untouched(struct bed *bed, uint64_t lba, unsigned blocks)
{
	static uint8_t all[16 << 20];

	bed_pattern(all, sizeof(all), 5);
	assert_memory_equal(bed_medium(bed, lba), all + lba * 512, blocks * 512);
}

/* ---- UNMAP ---- */

struct list_bytes {
	uint8_t bytes[4096 + 16];
	uint16_t length;
};

static void list_add(struct list_bytes *list, uint64_t lba, uint32_t blocks)
{
	if (list->length == 0)
		list->length = 8;
	put_be64(list->bytes + list->length, lba);
	put_be32(list->bytes + list->length + 8, blocks);
	list->length += 16;
	put_be16(list->bytes, list->length - 2);
	put_be16(list->bytes + 2, list->length - 8);
}

static void unmap(struct bed *bed, struct bed_cmd *cmd, const struct list_bytes *list)
{
	BED_CDB(bed, cmd, 0x42, 0, 0, 0, 0, 0, 0, list->length >> 8, list->length & 0xff, 0);
	bed_has(cmd, list->bytes, list->length);
}

static void test_sbc_unmap__several(void **state)
{
	struct list_bytes list = { .length = 0 };
	struct bed *bed = *state;
	struct bed_cmd cmd;

	list_add(&list, 10, 3);
	list_add(&list, 0, 0);
	list_add(&list, 32767, 1);
	unmap(bed, &cmd, &list);
	assert_int_equal(bed_run(&cmd), 0x00);
	assert_int_equal(cmd.cmd.transfer_length, 56);
	expect_untouched(bed, 0, 10);
	expect_zero(bed, 10, 3);
	expect_untouched(bed, 13, 32767 - 13);
	expect_zero(bed, 32767, 1);
	assert_int_equal(bed->store.count[STORE_DISCARD], 2);
}

static void test_sbc_unmap__nothing(void **state)
{
	static const uint8_t header[8] = { 0, 6 };
	struct bed *bed = *state;
	struct bed_cmd cmd;

	BED_CDB(bed, &cmd, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	assert_int_equal(bed_run(&cmd), 0x00);
	BED_CDB(bed, &cmd, 0x42, 0, 0, 0, 0, 0, 0, 0, 8, 0);
	bed_has(&cmd, header, 8);
	assert_int_equal(bed_run(&cmd), 0x00);
	assert_int_equal(bed->store.count[STORE_DISCARD], 0);
}

static void test_sbc_unmap__all_or_nothing(void **state)
{
	struct list_bytes list = { .length = 0 };
	struct bed *bed = *state;
	struct bed_cmd cmd;

	list_add(&list, 10, 3);
	list_add(&list, 32767, 2);
	unmap(bed, &cmd, &list);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2100);
	list.length = 0;
	list_add(&list, UINT64_MAX, 1);
	unmap(bed, &cmd, &list);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2100);
	expect_untouched(bed, 0, 32768);
}

static void test_sbc_unmap__refusals(void **state)
{
	struct list_bytes list = { .length = 0 };
	struct bed *bed = *state;
	struct bed_cmd cmd;
	struct bed thick;

	list_add(&list, 10, 3);
	/* The header does not fit. */
	BED_CDB(bed, &cmd, 0x42, 0, 0, 0, 0, 0, 0, 0, 7, 0);
	bed_has(&cmd, list.bytes, 7);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x1a00);
	/* The descriptors do not. */
	put_be16(list.bytes + 2, 32);
	unmap(bed, &cmd, &list);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x1a00);
	/* Less comes than was said. */
	put_be16(list.bytes + 2, 16);
	unmap(bed, &cmd, &list);
	cmd.cmd.data_out_available = 16;
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x0e03);
	/* ANCHOR */
	BED_CDB(bed, &cmd, 0x42, 1, 0, 0, 0, 0, 0, 0, 24, 0);
	bed_has(&cmd, list.bytes, 24);
	BED_RUN_FIELD(&cmd, 1, 0);
	expect_untouched(bed, 0, 32768);
	/* Without thin provisioning there is no UNMAP. */
	make(&thick, false, 512);
	unmap(&thick, &cmd, &list);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_field(&cmd, 0x2000, 0, -1);
	bed_teardown(&thick);
}

/* The list may be longer than the descriptors in it; there may be 255 of these. */
static void test_sbc_unmap__number_of_descriptors(void **state)
{
	static uint8_t list[UINT16_MAX];
	struct bed *bed = *state;
	struct bed_cmd cmd;

	for (unsigned i = 0; i < sizeof(list) / 16; i++)
		put_be32(list + 8 + i * 16 + 8, 1);
	put_be16(list + 2, 256 * 16);
	BED_CDB(bed, &cmd, 0x42, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0);
	bed_has(&cmd, list, sizeof(list));
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_parameter(&cmd, 2, 7);
	BED_CDB(bed, &cmd, 0x42, 0, 0, 0, 0, 0, 0, 0x10, 0x08, 0);
	bed_has(&cmd, list, 4104);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_parameter(&cmd, 2, 7);
	expect_untouched(bed, 0, 32768);
	put_be16(list + 2, 255 * 16 + 15);
	BED_CDB(bed, &cmd, 0x42, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0);
	bed_has(&cmd, list, sizeof(list));
	assert_int_equal(bed_run(&cmd), 0x00);
	assert_int_equal(bed->store.count[STORE_DISCARD], 255);
	assert_int_equal(cmd.cmd.transfer_length, 65535);
}

static void test_sbc_unmap__more_blocks_than_allowed(void **state)
{
	struct list_bytes list = { .length = 0 };
	struct bed *bed = *state;
	struct bed_cmd cmd;

	/* 33 times the whole disk: more than 2^20 blocks. */
	for (unsigned i = 0; i < 33; i++)
		list_add(&list, 0, 32768);
	unmap(bed, &cmd, &list);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2600);
	assert_int_equal(cmd.cmd.sense[15], 0x8f);
	assert_int_equal(get_be16(cmd.cmd.sense + 16), 8 + 32 * 16 + 8);
	expect_untouched(bed, 0, 32768);
}

static void test_sbc_unmap__store_error(void **state)
{
	struct list_bytes list = { .length = 0 };
	struct bed *bed = *state;
	struct bed_cmd cmd;

	bed->store.fail = -EIO;
	bed->store.fail_at = 20 * 512;
	list_add(&list, 10, 3);
	list_add(&list, 20, 3);
	list_add(&list, 30, 3);
	unmap(bed, &cmd, &list);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x03, 0x0c00);
	assert_int_equal(get_be32(cmd.cmd.sense + 3), 20);
	assert_int_equal(bed->store.count[STORE_DISCARD], 2);
}

/* ---- WRITE SAME ---- */

static void write_same(struct bed *bed, struct bed_cmd *cmd, unsigned length, uint8_t flags,
		       uint64_t lba, uint32_t blocks)
{
	uint8_t cdb[16] = { length == 10 ? 0x41 : 0x93, flags };

	if (length == 10) {
		put_be32(cdb + 2, (uint32_t)lba);
		put_be16(cdb + 7, (uint16_t)blocks);
	} else {
		put_be64(cdb + 2, lba);
		put_be32(cdb + 10, blocks);
	}
	bed_cdb(bed, cmd, cdb, length);
}

static void test_sbc_write_same__repeats_the_block(void **state)
{
	enum { BLOCKS = 12345 }; /* 24 pieces: it yields in between */
	static const unsigned lengths[] = { 10, 16 };
	struct bed *bed = *state;
	uint8_t block[512];
	struct bed_cmd cmd;

	for (unsigned i = 0; i < 2; i++) {
		bed_pattern(block, sizeof(block), 70 + i);
		write_same(bed, &cmd, lengths[i], 0, 100, BLOCKS);
		bed_has(&cmd, block, 512);
		assert_int_equal(bed_run(&cmd), 0x00);
		assert_int_equal(cmd.cmd.transfer_length, 512);
		expect_untouched(bed, 0, 100);
		for (unsigned j = 0; j < BLOCKS; j++)
			assert_memory_equal(bed_medium(bed, 100 + j), block, 512);
		expect_untouched(bed, 100 + BLOCKS, 10);
	}
}

static void test_sbc_write_same__blocks_of_4096(void **state)
{
	uint8_t block[4096];
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	make(&bed, false, 4096);
	bed_pattern(block, sizeof(block), 7);
	write_same(&bed, &cmd, 16, 0, 1, 65);
	bed_has(&cmd, block, 4096);
	assert_int_equal(bed_run(&cmd), 0x00);
	for (unsigned i = 1; i < 66; i++)
		assert_memory_equal(bed_medium(&bed, i * 8), block, 4096);
	expect_untouched(&bed, 0, 8);
	expect_untouched(&bed, 66 * 8, 8);
	bed_teardown(&bed);
}

static void test_sbc_write_same__zeros(void **state)
{
	static const uint8_t zeros[512];
	struct bed *bed = *state;
	struct bed_cmd cmd;

	write_same(bed, &cmd, 10, 0, 100, 50);
	bed_has(&cmd, zeros, 512);
	assert_int_equal(bed_run(&cmd), 0x00);
	expect_zero(bed, 100, 50);
	assert_int_equal(bed->store.count[STORE_WRITE_ZEROES], 1);
	/* UNMAP: given back to the store, which reads as zeros then. */
	write_same(bed, &cmd, 10, 0x08, 200, 50);
	bed_has(&cmd, zeros, 512);
	assert_int_equal(bed_run(&cmd), 0x00);
	expect_zero(bed, 200, 50);
	assert_int_equal(bed->store.count[STORE_DISCARD], 1);
	/* NDOB: no data at all. */
	write_same(bed, &cmd, 16, 0x09, 300, 50);
	assert_int_equal(bed_run(&cmd), 0x00);
	assert_int_equal(cmd.cmd.transfer_length, 0);
	expect_zero(bed, 300, 50);
	assert_int_equal(bed->store.count[STORE_DISCARD], 2);
	/* Where a discarded block may read as anything, zeros are written. */
	bed->store.store.traits.discard_zeroes = false;
	write_same(bed, &cmd, 16, 0x09, 400, 50);
	assert_int_equal(bed_run(&cmd), 0x00);
	expect_zero(bed, 400, 50);
	assert_int_equal(bed->store.count[STORE_WRITE_ZEROES], 2);
}

static void test_sbc_write_same__unmap_with_other_data(void **state)
{
	struct bed *bed = *state;
	uint8_t block[512];
	struct bed_cmd cmd;

	memset(block, 1, sizeof(block));
	write_same(bed, &cmd, 16, 0x08, 100, 50);
	bed_has(&cmd, block, 512);
	assert_int_equal(bed_run(&cmd), 0x00);
	assert_memory_equal(bed_medium(bed, 149), block, 512);
	assert_int_equal(bed->store.count[STORE_DISCARD], 0);
}

static void test_sbc_write_same__refusals(void **state)
{
	uint8_t block[512] = { 1 };
	struct bed *bed = *state;
	struct bed_cmd cmd;
	struct bed thick;

	/* WSNZ */
	write_same(bed, &cmd, 10, 0, 0, 0);
	bed_has(&cmd, block, 512);
	BED_RUN_FIELD(&cmd, 7, 7);
	write_same(bed, &cmd, 16, 0, 0, 0);
	bed_has(&cmd, block, 512);
	BED_RUN_FIELD(&cmd, 10, 7);
	write_same(bed, &cmd, 16, 0, 32768, 1);
	bed_has(&cmd, block, 512);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2100);
	/* NDOB is not in the shorter CDB. */
	write_same(bed, &cmd, 10, 0x01, 0, 1);
	bed_has(&cmd, block, 512);
	BED_RUN_FIELD(&cmd, 1, 2);
	/* ANCHOR, WRPROTECT */
	write_same(bed, &cmd, 10, 0x18, 0, 1);
	bed_has(&cmd, block, 512);
	BED_RUN_FIELD(&cmd, 1, 4);
	write_same(bed, &cmd, 10, 0, 0, 1);
	bed_has(&cmd, block, 511);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x0e03);
	write_same(bed, &cmd, 10, 0, 0, 1);
	bed_has(&cmd, block, 1024);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x0e03);
	expect_untouched(bed, 0, 32768);
	make(&thick, false, 512);
	write_same(&thick, &cmd, 10, 0x08, 0, 1);
	bed_has(&cmd, block, 512);
	BED_RUN_FIELD(&cmd, 1, 3);
	bed_teardown(&thick);
}

static void test_sbc_write_same__aborted_between_turns(void **state)
{
	uint8_t block[512] = { 1 };
	struct bed *bed = *state;
	struct bed_cmd cmd;

	write_same(bed, &cmd, 16, 0, 0, 32768);
	bed_has(&cmd, block, 512);
	bed_start(&cmd);
	assert_int_equal(cmd.completions, 0);
	assert_true(bed->store.count[STORE_WRITE] > 0);
	assert_true(bed->store.count[STORE_WRITE] < 64);
	scsi_cmd_abort(&cmd.cmd);
	bed_wait(&cmd);
	assert_true(cmd.cmd.aborted);
	bed_release(&cmd);
	bed_turns(bed, 3);
	expect_untouched(bed, 32767, 1);
}

/* ---- what is told ---- */

static void test_vpd_page__thin(void **state)
{
	static const uint8_t provisioning[8] = { 0, 0xb2, 0, 4, 0, 0xe4, 2, 0 };
	struct bed *bed = *state;
	struct bed_cmd cmd;

	BED_CDB(bed, &cmd, 0x12, 1, 0xb2, 0, 64, 0);
	bed_wants(&cmd, 64);
	bed_expect_data(&cmd, provisioning, 8);
	BED_CDB(bed, &cmd, 0x12, 1, 0xb0, 0, 64, 0);
	bed_wants(&cmd, 64);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(get_be32(cmd.in + 20), 1 << 20);
	assert_int_equal(get_be32(cmd.in + 24), 255);
	assert_int_equal(get_be32(cmd.in + 28), 8);
	assert_int_equal(get_be32(cmd.in + 32), 0x80000000);
	assert_int_equal(get_be64(cmd.in + 36), 32768);
	bed_release(&cmd);
	BED_CDB(bed, &cmd, 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0);
	bed_wants(&cmd, 32);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(get_be16(cmd.in + 14), 0xc000);
	bed_release(&cmd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bed_teardown_state)
	const struct CMUnitTest tests[] = {
		TEST(test_sbc_unmap__several),
		TEST(test_sbc_unmap__nothing),
		TEST(test_sbc_unmap__all_or_nothing),
		TEST(test_sbc_unmap__refusals),
		TEST(test_sbc_unmap__number_of_descriptors),
		TEST(test_sbc_unmap__more_blocks_than_allowed),
		TEST(test_sbc_unmap__store_error),
		TEST(test_sbc_write_same__repeats_the_block),
		cmocka_unit_test(test_sbc_write_same__blocks_of_4096),
		TEST(test_sbc_write_same__zeros),
		TEST(test_sbc_write_same__unmap_with_other_data),
		TEST(test_sbc_write_same__refusals),
		TEST(test_sbc_write_same__aborted_between_turns),
		TEST(test_vpd_page__thin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
