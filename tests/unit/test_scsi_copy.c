/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scsi/copy*.c: EXTENDED COPY moves the blocks that it names and no others, says what
 * went wrong where, and can be asked about and stopped. Lists are built by hand from SPC-5.
 */
#include "test_scsi_bed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "scsi/lu.h"

enum { SIZE = 16 << 20, LIST_MAX = 9000 };

struct xlist {
	uint8_t bytes[LIST_MAX];
	uint32_t header, cscds, segments; /* bytes */
};

/* ---- making lists ------------------------------------------------------------------ */

static void list_begin(struct xlist *list, bool lid4, uint8_t usage)
{
	memset(list, 0, sizeof(*list));
	list->header = lid4 ? 48 : 16;
	if (lid4) {
		list->bytes[0] = 0x01;
		list->bytes[3] = 0x20;
		list->bytes[16] = 0xff;
	}
	list->bytes[1] = (uint8_t)(usage << 3);
}

static uint8_t *list_cscd(struct xlist *list, const struct scsi_lu *lu)
{
	uint8_t *at = list->bytes + list->header + list->cscds;

	at[0] = 0xe4;
	at[4] = 1;
	at[5] = 3;
	at[7] = 8;
	memcpy(at + 8, lu->naa, 8);
	put_be32(at + 28, lu->block_size);
	list->cscds += 32;
	return at;
}

static uint8_t *list_segment(struct xlist *list, uint16_t from, uint16_t to, uint64_t from_lba,
			     uint64_t to_lba, uint16_t blocks)
{
	uint8_t *at = list->bytes + list->header + list->cscds + list->segments;

	at[0] = 0x02;
	at[3] = 0x18;
	put_be16(at + 4, from);
	put_be16(at + 6, to);
	put_be16(at + 10, blocks);
	put_be64(at + 12, from_lba);
	put_be64(at + 20, to_lba);
	list->segments += 28;
	return at;
}

static void list_finish(struct xlist *list, struct bed *bed, struct bed_cmd *cmd, uint32_t id)
{
	bool lid4 = list->header == 48;
	uint8_t cdb[16] = { 0x83, lid4 };
	uint32_t length = list->header + list->cscds + list->segments;

	if (lid4) {
		put_be32(list->bytes + 20, id);
		put_be16(list->bytes + 42, (uint16_t)list->cscds);
		put_be16(list->bytes + 44, (uint16_t)list->segments);
	} else {
		list->bytes[0] = (uint8_t)id;
		put_be16(list->bytes + 2, (uint16_t)list->cscds);
		put_be32(list->bytes + 8, list->segments);
	}
	put_be32(cdb + 10, length);
	bed_cdb(bed, cmd, cdb, 16);
	bed_has(cmd, list->bytes, length);
}

/* One segment from LUN 0 to LUN 1. */
static void copy_one(struct bed *bed, struct xlist *list, struct bed_cmd *cmd, uint64_t from,
		     uint64_t to, uint16_t blocks)
{
	list_begin(list, false, 0);
	list_cscd(list, bed->lu);
	list_cscd(list, bed->second_lu);
	list_segment(list, 0, 1, from, to, blocks);
	list_finish(list, bed, cmd, 1);
}

/* ---- beds --------------------------------------------------------------------------- */

static struct bed *make(const struct bed_config *config)
{
	struct bed *bed = calloc(1, sizeof(*bed));

	bed_setup(bed, config);
	bed_clear_attention(bed);
	bed_pattern(bed->store.region->base, SIZE, 5);
	bed_pattern(bed->second.region->base, SIZE, 6);
	return bed;
}

static int setup(void **state)
{
	struct bed_config config = { .second_block_size = 512 };

	*state = make(&config);
	return 0;
}

static int setup_4k(void **state)
{
	struct bed_config config = { .second_block_size = 4096 };

	*state = make(&config);
	return 0;
}

/* Keeps what the second medium is to be: its present bytes with BYTES of the first's. */
static uint8_t *expected(struct bed *bed, uint64_t from, uint64_t to, uint64_t bytes)
{
	uint8_t *all = malloc(SIZE);

	memcpy(all, bed->second.region->base, SIZE);
	memcpy(all + to, bed->store.region->base + from, bytes);
	return all;
}

static void expect_second(struct bed *bed, uint8_t *all)
{
	assert_memory_equal(bed->second.region->base, all, SIZE);
	free(all);
}

/* Fixed-format sense: COPY ABORTED with CODE at SEGMENT. */
static void expect_aborted(const struct bed_cmd *cmd, uint16_t code, uint16_t segment)
{
	assert_int_equal(cmd->cmd.status, 0x02);
	assert_int_equal(cmd->cmd.sense[0], 0x70);
	assert_int_equal(cmd->cmd.sense[2], 0x0a);
	assert_int_equal(get_be16(cmd->cmd.sense + 12), code);
	assert_int_equal(get_be16(cmd->cmd.sense + 10), segment);
}

/* ---- copying --------------------------------------------------------------------------- */

static void test_extended_copy__copies_just_these_blocks(void **state)
{
	static const struct {
		uint64_t from, to;
		uint16_t blocks;
	} cases[] = { { 0, 0, 1 },     { 7, 100, 513 },     { 100, 3, 4000 },
		      { 1, 2, 20000 }, { 32767, 32767, 1 }, { 5, 6, 0 } };
	struct bed *bed = *state;
	static struct xlist list;
	struct bed_cmd cmd;

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t *all = expected(bed, cases[i].from * 512, cases[i].to * 512,
					cases[i].blocks * 512u);

		copy_one(bed, &list, &cmd, cases[i].from, cases[i].to, cases[i].blocks);
		assert_int_equal(bed_run(&cmd), 0x00);
		expect_second(bed, all);
	}
	assert_int_equal(bed->second.count[STORE_READ], 0);
}

static void test_extended_copy__takes_its_segments_in_order(void **state)
{
	struct bed *bed = *state;
	static struct xlist list;
	struct bed_cmd cmd;

	list_begin(&list, false, 0);
	list_cscd(&list, bed->lu);
	list_cscd(&list, bed->second_lu);
	list_segment(&list, 0, 1, 10, 20, 3000);
	list_segment(&list, 1, 0, 20, 8000, 3000); /* what the first has written */
	list_segment(&list, 0, 0, 8000, 16000, 3000);
	list_finish(&list, bed, &cmd, 1);
	assert_int_equal(bed_run(&cmd), 0x00);
	assert_memory_equal(bed_second_medium(bed, 20), bed_medium(bed, 10), 3000 * 512);
	assert_memory_equal(bed_medium(bed, 8000), bed_medium(bed, 10), 3000 * 512);
	assert_memory_equal(bed_medium(bed, 16000), bed_medium(bed, 10), 3000 * 512);
}

static void test_extended_copy__lets_the_store_copy(void **state)
{
	static const uint64_t does[] = { UINT64_MAX, 0, 65536, 1 << 20 };
	struct bed *bed = *state;
	static struct xlist list;
	struct bed_cmd cmd;

	for (unsigned i = 0; i < ARRAY_SIZE(does); i++) {
		uint8_t *all = expected(bed, 100 * 512, 50 * 512, 9000 * 512);

		bed->second.copies = does[i];
		memset(bed->store.count, 0, sizeof(bed->store.count));
		copy_one(bed, &list, &cmd, 100, 50, 9000);
		assert_int_equal(bed_run(&cmd), 0x00);
		expect_second(bed, all);
		if (does[i] == UINT64_MAX)
			assert_int_equal(bed->store.count[STORE_READ], 0);
	}
}

static void test_extended_copy__within_a_medium_like_memmove(void **state)
{
	static const struct {
		uint64_t from, to;
	} cases[] = { { 1000, 1100 }, { 1100, 1000 }, { 2000, 2000 }, { 0, 2999 } };
	struct bed *bed = *state;
	static struct xlist list;
	struct bed_cmd cmd;

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t *all = malloc(SIZE);

		memcpy(all, bed->store.region->base, SIZE);
		memmove(all + cases[i].to * 512, all + cases[i].from * 512, 3000 * 512);
		list_begin(&list, false, 0);
		list_cscd(&list, bed->lu);
		list_segment(&list, 0, 0, cases[i].from, cases[i].to, 3000);
		list_finish(&list, bed, &cmd, 1);
		assert_int_equal(bed_run(&cmd), 0x00);
		assert_memory_equal(bed->store.region->base, all, SIZE);
		free(all);
	}
}

static void test_extended_copy__between_block_sizes(void **state)
{
	struct bed *bed = *state;
	static struct xlist list;
	struct bed_cmd cmd;
	uint8_t *all = expected(bed, 16 * 512, 5 * 4096, 2048 * 512);

	/* 2048 small blocks are 256 large ones. */
	copy_one(bed, &list, &cmd, 16, 5, 2048);
	assert_int_equal(bed_run(&cmd), 0x00);
	expect_second(bed, all);
	/* And back, counted in those of the destination. */
	list_begin(&list, false, 0);
	list_cscd(&list, bed->lu);
	list_cscd(&list, bed->second_lu);
	list_segment(&list, 1, 0, 100, 9000, 64)[1] = 0x02;
	list_finish(&list, bed, &cmd, 1);
	assert_int_equal(bed_run(&cmd), 0x00);
	assert_memory_equal(bed_medium(bed, 9000), bed_second_medium(bed, 100), 64 * 512);
}

static void test_extended_copy__odd_ends(void **state)
{
	struct bed *bed = *state;
	static struct xlist list;
	struct bed_cmd cmd;
	uint8_t *all;

	copy_one(bed, &list, &cmd, 0, 0, 11);
	assert_int_equal(bed_get(&cmd), 0x02);
	expect_aborted(&cmd, 0x260a, 0); /* UNEXPECTED INEXACT SEGMENT */
	bed_release(&cmd);
	/* PAD at the destination: zeros up to the end of the block. */
	all = expected(bed, 0, 0, 11 * 512);
	memset(all + 11 * 512, 0, 5 * 512);
	list.bytes[16 + 32 + 28] = 0x04;
	list_finish(&list, bed, &cmd, 1);
	assert_int_equal(bed_run(&cmd), 0x00);
	expect_second(bed, all);
	/* PAD at the source: the rest of its block is dropped. */
	all = malloc(SIZE);
	memcpy(all, bed->store.region->base, SIZE);
	memcpy(all + 77 * 512, bed_second_medium(bed, 3), 11 * 512);
	list_begin(&list, false, 0);
	list_cscd(&list, bed->second_lu)[28] = 0x04;
	list_cscd(&list, bed->lu);
	list_segment(&list, 0, 1, 3, 77, 11)[1] = 0x02;
	list_finish(&list, bed, &cmd, 1);
	assert_int_equal(bed_run(&cmd), 0x00);
	assert_memory_equal(bed->store.region->base, all, SIZE);
	free(all);
}

/* Block to block with offset: bytes are counted, from so many after the LBAs on. */
static uint8_t *list_bytes(struct xlist *list, uint64_t from_lba, uint16_t from_offset,
			   uint64_t to_lba, uint16_t to_offset)
{
	uint8_t *at = list_segment(list, 0, 1, from_lba, to_lba, 0);

	at[0] = 0x0a;
	at[3] = 0x1c;
	put_be16(at + 28, from_offset);
	put_be16(at + 30, to_offset);
	list->segments += 4;
	return at;
}

static void test_extended_copy__bytes_and_offsets(void **state)
{
	struct bed *bed = *state;
	static struct xlist list;
	struct bed_cmd cmd;
	/* From small block 23 to large block 4. */
	uint8_t *all = expected(bed, 23 * 512, 4 * 4096, 1024 * 1024);

	list_begin(&list, false, 0);
	list_cscd(&list, bed->lu);
	list_cscd(&list, bed->second_lu);
	put_be32(list_bytes(&list, 20, 3 * 512, 3, 4096) + 8, 1024 * 1024);
	/* One that copies nothing, and one of the other kind. */
	list_bytes(&list, 0, 0, 0, 0);
	list_segment(&list, 0, 1, 0, 0, 8);
	memcpy(all, bed_medium(bed, 0), 4096);
	list_finish(&list, bed, &cmd, 1);
	assert_int_equal(bed_run(&cmd), 0x00);
	expect_second(bed, all);
}

static void test_extended_copy__bytes_that_are_no_blocks(void **state)
{
	static const struct {
		uint16_t from_offset, to_offset;
		uint32_t bytes;
	} cases[] = { { 1, 0, 4096 }, { 0, 512, 4096 }, { 0, 0, 4097 }, { 0, 0, 512 } };
	struct bed *bed = *state;
	static struct xlist list;
	struct bed_cmd cmd;

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t *at;

		list_begin(&list, false, 0);
		list_cscd(&list, bed->lu);
		list_cscd(&list, bed->second_lu);
		at = list_bytes(&list, 0, cases[i].from_offset, 0, cases[i].to_offset);
		put_be32(at + 8, cases[i].bytes);
		list_finish(&list, bed, &cmd, 1);
		assert_int_equal(bed_get(&cmd), 0x02);
		expect_aborted(&cmd, 0x260a, 0); /* UNEXPECTED INEXACT SEGMENT */
		bed_release(&cmd);
	}
}

static void test_extended_copy__bytes_behind_the_end(void **state)
{
	struct bed *bed = *state;
	uint64_t from_last = bed->lu->blocks - 8, to_last = bed->second_lu->blocks - 1;
	static struct xlist list;
	struct bed_cmd cmd;

	for (unsigned i = 0; i < 5; i++) {
		uint8_t *at;

		list_begin(&list, false, 0);
		list_cscd(&list, bed->lu);
		list_cscd(&list, bed->second_lu);
		at = list_bytes(&list, from_last + (i == 1), i == 2 ? 512 : 0, to_last + (i == 3),
				i == 4 ? 4096 : 0);
		put_be32(at + 8, 4096);
		list_finish(&list, bed, &cmd, 1);
		assert_int_equal(bed_get(&cmd), i == 0 ? 0x00 : 0x02);
		if (i != 0)
			expect_aborted(&cmd, 0x0d02, 0);
		bed_release(&cmd);
	}
}

/* ---- who and where --------------------------------------------------------------------- */

static void test_extended_copy__by_other_names(void **state)
{
	struct bed *bed = *state;
	static struct xlist list;
	struct bed_cmd cmd;
	uint8_t *at;

	/* The T10 vendor identification: of more than 20 bytes there is no room. */
	list_begin(&list, false, 0);
	list_cscd(&list, bed->lu);
	at = list_cscd(&list, bed->second_lu);
	at[5] = 0x01;
	list_segment(&list, 0, 1, 0, 0, 1);
	list_finish(&list, bed, &cmd, 1);
	assert_int_equal(bed_get(&cmd), 0x02);
	expect_aborted(&cmd, 0x0d02, 0);
	bed_release(&cmd);
	/* FFFFh: the logical unit that has the command. */
	list_begin(&list, true, 2);
	list_cscd(&list, bed->second_lu);
	list_segment(&list, 0xffff, 0, 11, 12, 13);
	list_finish(&list, bed, &cmd, 99);
	assert_int_equal(bed_run(&cmd), 0x00);
	assert_memory_equal(bed_second_medium(bed, 12), bed_medium(bed, 11), 13 * 512);
}

static void test_extended_copy__who_is_not_there(void **state)
{
	struct bed *bed = *state;
	static struct xlist list;
	struct bed_cmd cmd;

	copy_one(bed, &list, &cmd, 0, 0, 1);
	list.bytes[16 + 32 + 8] ^= 0xff; /* the destination's name */
	assert_int_equal(bed_get(&cmd), 0x02);
	expect_aborted(&cmd, 0x0d02, 0);
	bed_release(&cmd);
	/* A second segment to nobody: the first has been done. */
	list_begin(&list, false, 0);
	list_cscd(&list, bed->lu);
	list_cscd(&list, bed->second_lu);
	list_segment(&list, 0, 1, 50, 60, 700);
	list_segment(&list, 0, 7, 50, 60, 700);
	list_finish(&list, bed, &cmd, 1);
	assert_int_equal(bed_get(&cmd), 0x02);
	expect_aborted(&cmd, 0x0d02, 1);
	bed_release(&cmd);
	assert_memory_equal(bed_second_medium(bed, 60), bed_medium(bed, 50), 700 * 512);
	/* A tape. */
	copy_one(bed, &list, &cmd, 0, 0, 1);
	list.bytes[16 + 1] = 0x01;
	assert_int_equal(bed_get(&cmd), 0x02);
	expect_aborted(&cmd, 0x0d03, 0);
	bed_release(&cmd);
}

static void test_extended_copy__beyond_the_medium(void **state)
{
	static const uint64_t lbas[] = { 32768, 32767, UINT64_MAX, UINT64_MAX >> 9 };
	struct bed *bed = *state;
	static struct xlist list;
	struct bed_cmd cmd;

	for (unsigned i = 0; i < 2 * ARRAY_SIZE(lbas); i++) {
		uint64_t lba = lbas[i / 2];
		uint8_t at =
			i % 2 ? 8 : 9; /* where the source's or the destination's sense is told */

		copy_one(bed, &list, &cmd, i % 2 ? lba : 0, i % 2 ? 0 : lba, 2);
		assert_int_equal(bed_get(&cmd), 0x02);
		expect_aborted(&cmd, 0x0d02, 0);
		assert_int_equal(cmd.cmd.sense[at], 18);
		assert_int_equal(cmd.cmd.sense[18], 0x02);
		assert_int_equal(cmd.cmd.sense[18 + 1 + 2], 0x05);
		assert_int_equal(get_be16(cmd.cmd.sense + 18 + 1 + 12), 0x2100);
		assert_int_equal(cmd.cmd.sense[7], cmd.cmd.sense_length - 8);
		bed_release(&cmd);
	}
	assert_int_equal(bed->store.count[STORE_READ], 0);
	assert_int_equal(bed->second.count[STORE_WRITE], 0);
}

static void test_extended_copy__write_protected(void **state)
{
	struct bed_config config = { .second_block_size = 512, .second_read_only = true };
	struct bed *bed = make(&config);
	static struct xlist list;
	struct bed_cmd cmd;

	(void)state;
	copy_one(bed, &list, &cmd, 0, 0, 8);
	assert_int_equal(bed_get(&cmd), 0x02);
	expect_aborted(&cmd, 0x0d01, 0);
	assert_int_equal(cmd.cmd.sense[9], 18);
	assert_int_equal(cmd.cmd.sense[19 + 2], 0x07);
	assert_int_equal(get_be16(cmd.cmd.sense + 19 + 12), 0x2700);
	bed_release(&cmd);
	assert_int_equal(bed->second.count[STORE_WRITE], 0);
	bed_teardown(bed);
	free(bed);
}

static void test_extended_copy__errors_of_the_medium(void **state)
{
	struct bed *bed = *state;
	static struct xlist list;
	struct bed_cmd cmd;
	uint8_t *all = expected(bed, 0, 0, 1024 * 512);

	/* Pieces are of 256 KiB: the third cannot be read, those before it have been written. */
	bed->store.fail = -EIO;
	bed->store.fail_at = 1100 * 512;
	copy_one(bed, &list, &cmd, 0, 0, 2000);
	assert_int_equal(bed_get(&cmd), 0x02);
	expect_aborted(&cmd, 0x0d01, 0);
	assert_int_equal(cmd.cmd.sense[8], 18);
	assert_int_equal(cmd.cmd.sense[9], 0);
	assert_int_equal(cmd.cmd.sense[19 + 2], 0x03);
	assert_int_equal(get_be16(cmd.cmd.sense + 19 + 12), 0x1100);
	bed_release(&cmd);
	assert_memory_equal(bed->second.region->base, all, 1024 * 512);
	free(all);
	bed->store.fail = 0;
	bed->second.fail = -ENOSPC;
	bed->second.fail_at = 0;
	copy_one(bed, &list, &cmd, 0, 0, 2000);
	assert_int_equal(bed_get(&cmd), 0x02);
	assert_int_equal(cmd.cmd.sense[9], 18);
	assert_int_equal(get_be16(cmd.cmd.sense + 19 + 12), 0x2707);
	bed_release(&cmd);
}

/* ---- asking ---------------------------------------------------------------------------- */

static void status_lid1(struct bed *bed, struct bed_cmd *cmd, uint8_t id, uint8_t action)
{
	uint8_t cdb[16] = { 0x84, action, id };

	put_be32(cdb + 10, 512);
	bed_cdb(bed, cmd, cdb, 16);
	bed_wants(cmd, 512);
}

static void test_receive_copy_results__status(void **state)
{
	struct bed *bed = *state;
	static struct xlist list;
	struct bed_cmd cmd, ask;

	status_lid1(bed, &ask, 1, 0);
	BED_RUN_FIELD(&ask, 2, 7);
	copy_one(bed, &list, &cmd, 0, 0, 3000);
	bed->second.hold = true;
	bed_start(&cmd);
	bed_turns(bed, 3);
	status_lid1(bed, &ask, 1, 0);
	bed_expect_data(&ask, (const uint8_t[12]){ 0, 0, 0, 8 }, 12);
	status_lid1(bed, &ask, 1, 4);
	BED_RUN_FIELD(&ask, 2, 7);
	bed->second.hold = false;
	while (bed->second.held_count > 0)
		bed_store_finish_of(&bed->second, 0);
	bed_wait(&cmd);
	bed_release(&cmd);
	status_lid1(bed, &ask, 1, 0);
	bed_expect_data(&ask, (const uint8_t[12]){ 0, 0, 0, 8, 0x01, 0, 1, 0, 0, 0x17, 0x70, 0 },
			12);
	/* That is told once. And it did not fail. */
	status_lid1(bed, &ask, 1, 0);
	BED_RUN_FIELD(&ask, 2, 7);
	status_lid1(bed, &ask, 1, 4);
	bed_expect_data(&ask, (const uint8_t[4]){ 0 }, 4);
}

static void test_receive_copy_results__failure(void **state)
{
	struct bed *bed = *state;
	static struct xlist list;
	struct bed_cmd cmd, ask;
	uint8_t sense[96];
	uint8_t length;

	bed->store.fail = -EIO;
	bed->store.fail_at = 1100 * 512;
	copy_one(bed, &list, &cmd, 0, 0, 2000);
	assert_int_equal(bed_get(&cmd), 0x02);
	length = cmd.cmd.sense_length;
	memcpy(sense, cmd.cmd.sense, length);
	bed_release(&cmd);
	status_lid1(bed, &ask, 1, 0);
	bed_expect_data(&ask, (const uint8_t[12]){ 0, 0, 0, 8, 0x02, 0, 0, 0, 0, 0x08, 0, 0 }, 12);
	status_lid1(bed, &ask, 1, 4);
	assert_int_equal(bed_get(&ask), 0x00);
	assert_int_equal(ask.in_length, 60u + length);
	assert_int_equal(get_be32(ask.in), 56u + length);
	assert_int_equal(ask.in[56], 0x02);
	assert_int_equal(get_be16(ask.in + 58), length);
	assert_memory_equal(ask.in + 60, sense, length);
	bed_release(&ask);
	status_lid1(bed, &ask, 1, 4);
	bed_expect_data(&ask, (const uint8_t[4]){ 0 }, 4);
}

static void test_receive_copy_results__parameters(void **state)
{
	static const uint8_t wanted[47] = {
		0, 0,    0, 43,   0x01, 0,    0, 0,         0,  16, 1,        0,    0,    0,
		0x22, 0, 0xff, 0xff, 0xfe, 0, [35] = 16, 16, 9,  [43] = 3, 0x02, 0x0a, 0xe4,
	};
	struct bed *bed = *state;
	struct bed_cmd ask;

	status_lid1(bed, &ask, 0, 3);
	bed_expect_data(&ask, wanted, sizeof(wanted));
}

static void test_extended_copy__list_identifiers(void **state)
{
	struct bed *bed = *state;
	static struct xlist list, other;
	struct bed_cmd cmd, ask;

	/* Not held. */
	copy_one(bed, &list, &cmd, 0, 0, 1);
	list.bytes[1] = 2 << 3;
	assert_int_equal(bed_run(&cmd), 0x00);
	status_lid1(bed, &ask, 1, 0);
	BED_RUN_FIELD(&ask, 2, 7);
	/* None at all: then it must be zero. */
	copy_one(bed, &list, &cmd, 0, 0, 1);
	list.bytes[1] = 3 << 3;
	assert_int_equal(bed_get(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2600);
	bed_release(&cmd);
	list.bytes[0] = 0;
	bed_cdb(bed, &cmd, cmd.cmd.cdb, 16);
	bed_has(&cmd, list.bytes, 16 + 64 + 28);
	assert_int_equal(bed_run(&cmd), 0x00);
	/* One that is in use. */
	copy_one(bed, &list, &cmd, 0, 0, 3000);
	bed->second.hold = true;
	bed_start(&cmd);
	bed_turns(bed, 2);
	copy_one(bed, &other, &ask, 0, 0, 1);
	assert_int_equal(bed_get(&ask), 0x02);
	bed_expect_sense(&ask, 0x05, 0x0016);
	bed_release(&ask);
	bed->second.hold = false;
	while (bed->second.held_count > 0)
		bed_store_finish_of(&bed->second, 0);
	bed_wait(&cmd);
	bed_release(&cmd);
}

static void test_extended_copy__many_results(void **state)
{
	struct bed *bed = *state;
	static struct xlist list;
	struct bed_cmd cmd;

	for (unsigned i = 0; i < 200; i++) {
		copy_one(bed, &list, &cmd, i, i, 1);
		list_finish(&list, bed, &cmd, i);
		assert_int_equal(bed_run(&cmd), 0x00);
	}
	status_lid1(bed, &cmd, 199, 0);
	assert_int_equal(bed_run(&cmd), 0x00);
	/* The oldest is forgotten. */
	status_lid1(bed, &cmd, 0, 0);
	BED_RUN_FIELD(&cmd, 2, 7);
}

/* ---- in the background, and stopping ------------------------------------------------------ */

static void status_lid4(struct bed *bed, struct bed_cmd *cmd, uint32_t id)
{
	uint8_t cdb[16] = { 0x84, 0x05 };

	put_be32(cdb + 2, id);
	put_be32(cdb + 10, 512);
	bed_cdb(bed, cmd, cdb, 16);
	bed_wants(cmd, 512);
}

/* Expects the status of operation ID, whose bytes are no question of timing. */
static void expect_status(struct bed *bed, uint32_t id, uint8_t status, uint64_t moved)
{
	struct bed_cmd ask;

	status_lid4(bed, &ask, id);
	assert_int_equal(bed_get(&ask), 0x00);
	assert_int_equal(get_be32(ask.in), ask.in_length - 4);
	assert_int_equal(ask.in[4], 0x01);
	assert_int_equal(ask.in[5], status);
	assert_int_equal(get_be32(ask.in + 8), status == 0x12 ? 20 : 0xfffffffe);
	assert_int_equal(ask.in[12], status == 0x60 ? 0x40 : status == 0x02 ? 0x02 : 0x00);
	assert_int_equal(get_be64(ask.in + 16), moved);
	assert_int_equal(ask.in[13] + 32u, ask.in_length);
	assert_int_equal(ask.in[13] % 4, 0);
	if (status == 0x02)
		assert_in_range(ask.in[14], 18, ask.in[13]);
	else
		assert_int_equal(ask.in[14], 0);
	bed_release(&ask);
}

/* With IMMED: answered at once. */
static void begin_in_background(struct bed *bed, struct xlist *list, struct bed_cmd *cmd)
{
	list_begin(list, true, 0);
	list->bytes[15] = 0x01; /* IMMED */
	list_cscd(list, bed->lu);
	list_cscd(list, bed->second_lu);
	list_segment(list, 0, 1, 0, 0, 4000);
	list_finish(list, bed, cmd, 0x12345678);
	assert_int_equal(bed_run(cmd), 0x00);
}

static void start_in_background(struct bed *bed, struct xlist *list, struct bed_cmd *cmd)
{
	bed->second.hold = true;
	begin_in_background(bed, list, cmd);
	bed_turns(bed, 4);
	assert_int_equal(bed->second.held_count, 4);
}

static void finish_all(struct bed *bed)
{
	bed->second.hold = false;
	while (bed->second.held_count > 0)
		bed_store_finish_of(&bed->second, 0);
	bed_turns(bed, 20);
}

static void test_extended_copy__goes_on_in_the_background(void **state)
{
	struct bed *bed = *state;
	static struct xlist list;
	struct bed_cmd cmd;
	uint8_t *all = expected(bed, 0, 0, 4000 * 512);

	start_in_background(bed, &list, &cmd);
	expect_status(bed, 0x12345678, 0x12, 0);
	finish_all(bed);
	expect_status(bed, 0x12345678, 0x01, 4000 * 512);
	expect_second(bed, all);
}

static void test_copy_operation_abort(void **state)
{
	uint8_t cdb[16] = { 0x83, 0x1c };
	struct bed *bed = *state;
	static struct xlist list;
	struct bed_cmd cmd, abort;

	put_be32(cdb + 2, 0x12345678);
	bed_cdb(bed, &abort, cdb, 16);
	BED_RUN_FIELD(&abort, 2, 7);
	start_in_background(bed, &list, &cmd);
	bed_cdb(bed, &abort, cdb, 16);
	bed_start(&abort);
	bed_turns(bed, 5);
	/* It waits for what the store has begun. */
	assert_int_equal(abort.completions, 0);
	assert_true(bed->second.cancels > 0);
	finish_all(bed);
	bed_wait(&abort);
	assert_int_equal(abort.cmd.status, 0x00);
	bed_release(&abort);
	expect_status(bed, 0x12345678, 0x60, 0);
	assert_int_equal(bed->second.count[STORE_COPY], 4);
	assert_int_equal(bed->second.count[STORE_WRITE], 0);
}

static void test_extended_copy__aborted(void **state)
{
	struct bed *bed = *state;
	static struct xlist list;
	struct bed_cmd cmd;

	copy_one(bed, &list, &cmd, 0, 0, 4000);
	bed->second.hold = true;
	bed_start(&cmd);
	bed_turns(bed, 4);
	scsi_cmd_abort(&cmd.cmd);
	bed_turns(bed, 4);
	assert_int_equal(cmd.completions, 0);
	finish_all(bed);
	assert_int_equal(cmd.completions, 1);
	assert_true(cmd.cmd.aborted);
	bed_release(&cmd);
	assert_int_equal(bed->second.count[STORE_WRITE], 0);
}

static unsigned resets_done;

static void reset_is_done(struct scsi_tmf_request *request)
{
	assert_int_equal(request->response, SCSI_TMF_FUNCTION_COMPLETE);
	resets_done++;
}

static void ends_by_a_reset_of(struct bed *bed, uint64_t lun)
{
	struct scsi_tmf_request reset = {
		.function = SCSI_TMF_LOGICAL_UNIT_RESET,
		.lun = lun << 48,
		.done = reset_is_done,
	};
	static struct xlist list;
	struct bed_cmd cmd;

	resets_done = 0;
	start_in_background(bed, &list, &cmd);
	reset.nexus = bed->nexus;
	scsi_task_management(&reset);
	bed_turns(bed, 5);
	/* It waits for what the store of that logical unit has begun. */
	assert_int_equal(resets_done, lun == 1 ? 0 : 1);
	finish_all(bed);
	assert_int_equal(resets_done, 1);
	assert_int_equal(bed->second.count[STORE_COPY], 4);
	assert_int_equal(bed->second.count[STORE_WRITE], 0);
	bed_clear_attention(bed);
	/* Nor does what it came to outlast one. */
	status_lid4(bed, &cmd, 0x12345678);
	if (lun == 0)
		BED_RUN_FIELD(&cmd, 2, 7);
	else
		expect_status(bed, 0x12345678, 0x60, 0);
}

static void test_extended_copy__ends_by_a_reset(void **state)
{
	ends_by_a_reset_of(*state, 0);
}

/* That it was sent to another logical unit makes no difference. */
static void test_extended_copy__ends_by_a_reset_of_its_destination(void **state)
{
	ends_by_a_reset_of(*state, 1);
}

static void test_receive_copy_status__of_a_failure(void **state)
{
	struct bed *bed = *state;
	static struct xlist list;
	struct bed_cmd cmd;

	start_in_background(bed, &list, &cmd);
	bed->second.fail = -EIO;
	bed->second.fail_everywhere = true;
	finish_all(bed);
	expect_status(bed, 0x12345678, 0x02, 0);
}

static void test_extended_copy__ends_with_its_nexus(void **state)
{
	struct bed *bed = *state;
	static struct xlist list;
	struct bed_cmd cmd;

	assert_int_equal(atomic_load(&bed->lu->background), 0);
	start_in_background(bed, &list, &cmd);
	scsi_nexus_destroy(bed->nexus);
	bed->nexus = NULL;
	assert_int_equal(atomic_load(&bed->lu->background), 1);
	finish_all(bed);
	assert_int_equal(atomic_load(&bed->lu->background), 0);
	assert_int_equal(bed->second.count[STORE_WRITE], 0);
	assert_int_equal(atomic_load(&bed->lu->copying), 0);
	assert_int_equal(atomic_load(&bed->second_lu->copying), 0);
}

static void test_extended_copy__ends_when_its_nexus_is_lost(void **state)
{
	struct bed *bed = *state;
	static struct xlist list;
	struct bed_cmd cmd;

	start_in_background(bed, &list, &cmd);
	scsi_nexus_lost(bed->nexus);
	bed_turns(bed, 3);
	assert_int_equal(bed->second.cancels, 4);
	finish_all(bed);
	assert_int_equal(bed->second.count[STORE_WRITE], 0);
	assert_int_equal(atomic_load(&bed->lu->background), 0);
}

static void test_extended_copy__where_another_has_reserved(void **state)
{
	struct bed *bed = *state;
	struct scsi_nexus *first = bed->nexus;
	struct scsi_nexus *other = bed_nexus(bed, "iqn.2026-11.test:other,i,0x400000000002");
	static struct xlist list;
	struct bed_cmd cmd;

	bed->nexus = other;
	bed_clear_attention(bed);
	BED_CDB(bed, &cmd, 0x16, 0, 0, 0, 0, 0); /* RESERVE(6) */
	cmd.cmd.lun = UINT64_C(1) << 48;
	assert_int_equal(bed_run(&cmd), 0x00);
	bed->nexus = first;
	copy_one(bed, &list, &cmd, 0, 0, 8);
	assert_int_equal(bed_get(&cmd), 0x02);
	expect_aborted(&cmd, 0x0d01, 0);
	assert_int_equal(cmd.cmd.sense[9], 18);
	assert_int_equal(cmd.cmd.sense[18], 0x18); /* RESERVATION CONFLICT, without sense */
	assert_int_equal(cmd.cmd.sense_length, 19);
	bed_release(&cmd);
	assert_int_equal(bed->second.count[STORE_WRITE], 0);
	scsi_nexus_destroy(other);
	copy_one(bed, &list, &cmd, 0, 0, 8);
	assert_int_equal(bed_run(&cmd), 0x00);
}

/* PERSISTENT RESERVE OUT with ACTION of TYPE through NEXUS at LUN. */
static void reserve_out(struct bed *bed, struct scsi_nexus *nexus, uint64_t lun, uint8_t action,
			uint8_t type)
{
	uint8_t list[24] = { [7] = action != 0 ? 5 : 0, [15] = action == 0 ? 5 : 0 };
	struct bed_cmd cmd;

	BED_CDB(bed, &cmd, 0x5f, action, type, 0, 0, 0, 0, 0, 24, 0);
	cmd.cmd.nexus = nexus;
	cmd.cmd.lun = lun << 48;
	bed_has(&cmd, list, sizeof(list));
	assert_int_equal(bed_run(&cmd), 0x00);
}

/* As READ and WRITE: who may read may be copied from. The command goes to the one or the other. */
static void test_extended_copy__persistent_reservations(void **state)
{
	static const struct {
		uint64_t reserved; /* LUN */
		uint8_t type;
		bool source; /* may be copied from, and destination to, */
		bool destination;
	} cases[] = {
		{ 0, 1, true, true },
		{ 0, 3, false, true },
		{ 1, 1, true, false },
		{ 1, 3, true, false },
	};
	struct bed *bed = *state;
	struct scsi_nexus *first = bed->nexus;
	struct scsi_nexus *other = bed_nexus(bed, "iqn.2026-11.test:other,i,0x400000000002");
	static struct xlist list;
	struct bed_cmd cmd;

	bed->nexus = other;
	bed_clear_attention(bed);
	bed->nexus = first;
	reserve_out(bed, other, 0, 0, 0);
	reserve_out(bed, other, 1, 0, 0);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned before = bed->second.count[STORE_WRITE];
		bool is_allowed = cases[i].source && cases[i].destination;

		reserve_out(bed, other, cases[i].reserved, 1, cases[i].type);
		copy_one(bed, &list, &cmd, 0, 0, 8);
		cmd.cmd.lun = (cases[i].reserved ^ 1) << 48;
		assert_int_equal(bed_get(&cmd), is_allowed ? 0x00 : 0x02);
		if (!is_allowed) {
			expect_aborted(&cmd, 0x0d01, 0);
			assert_int_equal(cmd.cmd.sense[cmd.cmd.sense_length - 1], 0x18);
			assert_int_equal(bed->second.count[STORE_WRITE], before);
		}
		bed_release(&cmd);
		/* Where it is reserved itself, it does not even begin. */
		copy_one(bed, &list, &cmd, 0, 0, 8);
		cmd.cmd.lun = cases[i].reserved << 48;
		assert_int_equal(bed_run(&cmd), 0x18);
		reserve_out(bed, other, cases[i].reserved, 2, cases[i].type);
	}
	scsi_nexus_destroy(other);
}

/* The other's PREEMPT, or PREEMPT AND ABORT, of all that the first has at LUN 1. */
static void preempt(struct bed *bed, struct bed_cmd *cmd, struct scsi_nexus *other, uint8_t action)
{
	static const uint8_t list[24] = { [7] = 5, [15] = 5 };

	BED_CDB(bed, cmd, 0x5f, action, 1, 0, 0, 0, 0, 0, 24, 0);
	cmd->cmd.nexus = other;
	cmd->cmd.lun = UINT64_C(1) << 48;
	bed_has(cmd, list, sizeof(list));
	bed_start(cmd);
	bed_turns(bed, 5);
}

/* The first has reserved LUN 1, and another has registered there. */
static struct scsi_nexus *reserve_and_register(struct bed *bed)
{
	struct scsi_nexus *first = bed->nexus;
	struct scsi_nexus *other = bed_nexus(bed, "iqn.2026-11.test:other,i,0x400000000002");

	bed->nexus = other;
	bed_clear_attention(bed);
	bed->nexus = first;
	reserve_out(bed, first, 1, 0, 0);
	reserve_out(bed, first, 1, 1, 1);
	reserve_out(bed, other, 1, 0, 0);
	return other;
}

/* Besides, a copy of the first to LUN 1 is under way. */
static struct scsi_nexus *copy_and_register(struct bed *bed, struct xlist *list)
{
	struct scsi_nexus *other = reserve_and_register(bed);
	struct bed_cmd cmd;

	start_in_background(bed, list, &cmd);
	return other;
}

/* Whoever has been preempted with his commands aborted writes nothing any more. */
static void test_extended_copy__preempted_and_aborted(void **state)
{
	struct bed *bed = *state;
	static struct xlist list;
	struct scsi_nexus *other = copy_and_register(bed, &list);
	struct bed_cmd cmd;

	preempt(bed, &cmd, other, 0x05);
	assert_int_equal(cmd.completions, 0);
	finish_all(bed);
	bed_wait(&cmd);
	assert_int_equal(cmd.cmd.status, 0x00);
	bed_release(&cmd);
	assert_int_equal(bed->second.count[STORE_COPY], 4);
	assert_int_equal(bed->second.count[STORE_WRITE], 0);
	bed_clear_attention(bed);
	expect_status(bed, 0x12345678, 0x60, 0);
	scsi_nexus_destroy(other);
}

/* A source that hangs keeps nobody from fencing the destination. */
static void test_extended_copy__preempted_while_it_reads(void **state)
{
	struct bed *bed = *state;
	static struct xlist list;
	struct scsi_nexus *other = reserve_and_register(bed);
	struct bed_cmd cmd;

	bed->store.hold = true;
	begin_in_background(bed, &list, &cmd);
	bed_turns(bed, 10);
	assert_int_equal(bed->store.held_count, 4);
	preempt(bed, &cmd, other, 0x05);
	bed_wait(&cmd);
	assert_int_equal(cmd.cmd.status, 0x00);
	bed_release(&cmd);
	bed->store.hold = false;
	while (bed->store.held_count > 0)
		bed_store_finish(bed, 0);
	bed_turns(bed, 20);
	assert_int_equal(bed->second.count[STORE_WRITE], 0);
	scsi_nexus_destroy(other);
}

/* Nor whoever has gone in between. */
static void test_extended_copy__preempted_when_gone(void **state)
{
	struct bed *bed = *state;
	static struct xlist list;
	struct scsi_nexus *other = copy_and_register(bed, &list);
	struct bed_cmd cmd;

	scsi_nexus_destroy(bed->nexus);
	bed->nexus = other;
	preempt(bed, &cmd, other, 0x05);
	assert_int_equal(cmd.completions, 0);
	finish_all(bed);
	bed_wait(&cmd);
	assert_int_equal(cmd.cmd.status, 0x00);
	bed_release(&cmd);
	assert_int_equal(bed->second.count[STORE_COPY], 4);
	assert_int_equal(bed->second.count[STORE_WRITE], 0);
}

/* Nor does he begin anything who has only been preempted. */
static void test_extended_copy__preempted(void **state)
{
	struct bed *bed = *state;
	static struct xlist list;
	struct scsi_nexus *other = copy_and_register(bed, &list);
	struct bed_cmd cmd;

	preempt(bed, &cmd, other, 0x04);
	bed_wait(&cmd);
	assert_int_equal(cmd.cmd.status, 0x00);
	bed_release(&cmd);
	bed->second.copies = UINT64_MAX;
	finish_all(bed);
	assert_int_equal(bed->second.count[STORE_COPY], 4);
	assert_int_equal(bed->second.count[STORE_WRITE], 0);
	bed_clear_attention(bed);
	/* RESERVATION CONFLICT of the destination, in the sense data. */
	status_lid4(bed, &cmd, 0x12345678);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(cmd.in[5], 0x02);
	assert_int_equal(get_be16(cmd.in + 32 + 12), 0x0d01);
	assert_int_equal(cmd.in[32 + 18], 0x18);
	bed_release(&cmd);
	scsi_nexus_destroy(other);
}

/* Whoever comes second waits for what the first waits for, too. */
static void test_extended_copy__preempted_and_reset(void **state)
{
	struct bed *bed = *state;
	static struct xlist list;
	struct scsi_nexus *other = copy_and_register(bed, &list);
	struct scsi_tmf_request reset = {
		.nexus = other,
		.function = SCSI_TMF_LOGICAL_UNIT_RESET,
		.lun = UINT64_C(1) << 48,
		.done = reset_is_done,
	};
	struct scsi_tmf_request at_0 = reset;
	struct bed_cmd cmd;

	resets_done = 0;
	at_0.lun = 0;
	preempt(bed, &cmd, other, 0x05);
	scsi_task_management(&reset);
	scsi_task_management(&at_0);
	bed_turns(bed, 5);
	assert_int_equal(cmd.completions, 0);
	assert_int_equal(resets_done, 1);
	finish_all(bed);
	bed_wait(&cmd);
	bed_release(&cmd);
	assert_int_equal(resets_done, 2);
	assert_int_equal(bed->second.count[STORE_COPY], 4);
	scsi_nexus_destroy(other);
}

static uint8_t ready_at(struct bed *bed, uint64_t lun)
{
	struct bed_cmd cmd;

	BED_CDB(bed, &cmd, 0, 0, 0, 0, 0, 0);
	cmd.cmd.lun = lun << 48;
	return bed_run(&cmd);
}

/* What a copy of the past still writes must not overtake what comes after it. */
static void test_extended_copy__keeps_its_initiator_out(void **state)
{
	struct bed *bed = *state;
	static struct xlist list;
	struct bed_cmd cmd;

	start_in_background(bed, &list, &cmd);
	scsi_nexus_destroy(bed->nexus);
	bed->nexus = bed_nexus(bed, "iqn.2026-11.test:initiator,i,0x400000000001");
	assert_int_equal(ready_at(bed, 1), 0x08);
	assert_int_equal(ready_at(bed, 0), 0x02); /* I_T NEXUS LOSS */
	assert_int_equal(ready_at(bed, 0), 0x00);
	finish_all(bed);
	assert_int_equal(ready_at(bed, 1), 0x02);
	assert_int_equal(ready_at(bed, 1), 0x00);
	assert_true(list_is_empty(&bed->second_lu->orphans));
}

static void test_extended_copy__without_a_medium(void **state)
{
	struct bed_config config = { .second_block_size = 512, .lu = { .removable = true } };
	struct bed *bed = make(&config);
	static struct xlist list;
	struct bed_cmd cmd;

	(void)state;
	BED_CDB(bed, &cmd, 0x1b, 0, 0, 0, 0x02, 0); /* START STOP UNIT: LOEJ */
	assert_int_equal(bed_run(&cmd), 0x00);
	copy_one(bed, &list, &cmd, 0, 0, 8);
	cmd.cmd.lun = UINT64_C(1) << 48;
	assert_int_equal(bed_get(&cmd), 0x02);
	expect_aborted(&cmd, 0x0d01, 0);
	assert_int_equal(cmd.cmd.sense[8], 18);
	assert_int_equal(cmd.cmd.sense[19 + 2], 0x02);
	assert_int_equal(get_be16(cmd.cmd.sense + 19 + 12), 0x3a02);
	bed_release(&cmd);
	bed_teardown(bed);
	free(bed);
}

static void test_extended_copy__not_while_it_is_formatted(void **state)
{
	static const uint8_t zeros[4000 * 512];
	struct bed *bed = *state;
	static struct xlist list;
	struct bed_cmd cmd, format;

	start_in_background(bed, &list, &cmd);
	BED_CDB(bed, &format, 0x04, 0, 0, 0, 0, 0);
	format.cmd.lun = UINT64_C(1) << 48;
	bed_start(&format);
	bed_turns(bed, 5);
	/* It waits for the I/O that has begun, and no other begins. */
	assert_int_equal(format.completions, 0);
	finish_all(bed);
	/* It looks again every millisecond. */
	for (unsigned i = 0; i < 1000 && format.completions == 0; i++) {
		usleep(1000);
		bed_turns(bed, 5);
	}
	bed_wait(&format);
	assert_int_equal(format.cmd.status, 0x00);
	bed_release(&format);
	status_lid4(bed, &cmd, 0x12345678);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(cmd.in[5], 0x02);
	bed_release(&cmd);
	assert_memory_equal(bed_second_medium(bed, 0), zeros, sizeof(zeros));
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, bed_teardown_state)
	const struct CMUnitTest tests[] = {
		CASE(test_extended_copy__copies_just_these_blocks),
		CASE(test_extended_copy__takes_its_segments_in_order),
		CASE(test_extended_copy__lets_the_store_copy),
		CASE(test_extended_copy__within_a_medium_like_memmove),
		cmocka_unit_test_setup_teardown(test_extended_copy__between_block_sizes, setup_4k,
						bed_teardown_state),
		cmocka_unit_test_setup_teardown(test_extended_copy__odd_ends, setup_4k, bed_teardown_state),
		cmocka_unit_test_setup_teardown(test_extended_copy__bytes_and_offsets, setup_4k,
						bed_teardown_state),
		cmocka_unit_test_setup_teardown(test_extended_copy__bytes_that_are_no_blocks,
						setup_4k, bed_teardown_state),
		cmocka_unit_test_setup_teardown(test_extended_copy__bytes_behind_the_end, setup_4k,
						bed_teardown_state),
		CASE(test_extended_copy__by_other_names),
		CASE(test_extended_copy__who_is_not_there),
		CASE(test_extended_copy__beyond_the_medium),
		cmocka_unit_test(test_extended_copy__write_protected),
		CASE(test_extended_copy__errors_of_the_medium),
		CASE(test_receive_copy_results__status),
		CASE(test_receive_copy_results__failure),
		CASE(test_receive_copy_results__parameters),
		CASE(test_extended_copy__list_identifiers),
		CASE(test_extended_copy__many_results),
		CASE(test_extended_copy__goes_on_in_the_background),
		CASE(test_copy_operation_abort),
		CASE(test_extended_copy__aborted),
		CASE(test_extended_copy__ends_by_a_reset),
		CASE(test_extended_copy__ends_by_a_reset_of_its_destination),
		CASE(test_receive_copy_status__of_a_failure),
		CASE(test_extended_copy__ends_with_its_nexus),
		CASE(test_extended_copy__ends_when_its_nexus_is_lost),
		CASE(test_extended_copy__where_another_has_reserved),
		CASE(test_extended_copy__persistent_reservations),
		CASE(test_extended_copy__preempted_and_aborted),
		CASE(test_extended_copy__preempted_while_it_reads),
		CASE(test_extended_copy__preempted_when_gone),
		CASE(test_extended_copy__preempted),
		CASE(test_extended_copy__preempted_and_reset),
		CASE(test_extended_copy__keeps_its_initiator_out),
		cmocka_unit_test(test_extended_copy__without_a_medium),
		CASE(test_extended_copy__not_while_it_is_formatted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
