/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scsi/odx*.c: a token stands for what its blocks had when it was made, whoever uses it and
 * wherever; or for nothing any more. Lists are built by hand from SBC-4.
 */
#include "test_scsi_bed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "scsi/lu.h"
#include "scsi/odx_token.h"

enum { SIZE = 16 << 20, LIST_ID = 0xabcdef01 };

struct ranges {
	unsigned count;
	struct odx_range range[8];
};

#define RANGES(...)                                                                               \
	((struct ranges){ sizeof((struct odx_range[]){ __VA_ARGS__ }) / sizeof(struct odx_range), \
			  { __VA_ARGS__ } })

/* ---- lists ------------------------------------------------------------------------- */

static void put_ranges(uint8_t *at, const struct ranges *ranges)
{
	for (unsigned i = 0; i < ranges->count; i++) {
		put_be64(at + 16 * i, ranges->range[i].lba);
		put_be32(at + 16 * i + 8, (uint32_t)ranges->range[i].blocks);
	}
}

static void finish(struct bed *bed, struct bed_cmd *cmd, uint8_t action, uint8_t *list,
		   uint32_t header, const struct ranges *ranges)
{
	uint8_t cdb[16] = { 0x83, action };
	uint32_t length = header + 16 * ranges->count;

	put_be16(list, (uint16_t)(length - 2));
	put_be16(list + header - 2, (uint16_t)(16 * ranges->count));
	put_ranges(list + header, ranges);
	put_be32(cdb + 6, LIST_ID);
	put_be32(cdb + 10, length);
	bed_cdb(bed, cmd, cdb, 16);
	bed_has(cmd, list, length);
}

static void populate(struct bed *bed, struct bed_cmd *cmd, uint8_t list[600], struct ranges ranges)
{
	memset(list, 0, 600);
	finish(bed, cmd, 0x10, list, 16, &ranges);
}

static void write_using(struct bed *bed, struct bed_cmd *cmd, uint8_t list[1100],
			const uint8_t *token, uint64_t offset, struct ranges ranges)
{
	memset(list, 0, 1100);
	put_be64(list + 8, offset);
	memcpy(list + 16, token, 512);
	finish(bed, cmd, 0x11, list, 536, &ranges);
}

static void information(struct bed *bed, struct bed_cmd *cmd)
{
	uint8_t cdb[16] = { 0x84, 0x07 };

	put_be32(cdb + 2, LIST_ID);
	put_be32(cdb + 10, 4096);
	bed_cdb(bed, cmd, cdb, 16);
	bed_wants(cmd, 4096);
}

/* A token of LUN's blocks. */
static void make_token_of(struct bed *bed, unsigned lun, struct ranges ranges, uint8_t token[512])
{
	uint8_t list[600];
	struct bed_cmd cmd;

	populate(bed, &cmd, list, ranges);
	cmd.cmd.lun = (uint64_t)lun << 48;
	assert_int_equal(bed_run(&cmd), 0x00);
	information(bed, &cmd);
	cmd.cmd.lun = (uint64_t)lun << 48;
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(cmd.in_length, 32 + 4 + 2 + 512);
	assert_int_equal(get_be32(cmd.in), cmd.in_length - 4);
	assert_int_equal(cmd.in[4], 0x10);
	assert_int_equal(cmd.in[5], 0x01);
	assert_int_equal(cmd.in[15], 0xf1); /* in blocks */
	assert_int_equal(get_be16(cmd.in + 24), 0); /* SEGMENTS PROCESSED */
	assert_int_equal(get_be32(cmd.in + 32), 514);
	memcpy(token, cmd.in + 38, 512);
	bed_release(&cmd);
}

static void make_token(struct bed *bed, struct ranges ranges, uint8_t token[512])
{
	make_token_of(bed, 0, ranges, token);
}

/* What RECEIVE ROD TOKEN INFORMATION and RECEIVE COPY STATUS(LID4) say of the writing to LUN. */
static void expect_written(struct bed *bed, unsigned lun, uint8_t action, uint8_t status,
			   uint64_t blocks)
{
	struct bed_cmd cmd;

	information(bed, &cmd);
	cmd.cmd.cdb[1] = action;
	cmd.cmd.lun = (uint64_t)lun << 48;
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(cmd.in_length, action == 0x07 ? 36 : 32);
	assert_int_equal(cmd.in[4], 0x11);
	assert_int_equal(cmd.in[5], status);
	assert_int_equal(cmd.in[15], 0xf1);
	assert_int_equal(get_be64(cmd.in + 16), blocks);
	assert_int_equal(get_be16(cmd.in + 24), 0);
	bed_release(&cmd);
}

/* Writes by TOKEN to LUN, and what is then said of it. */
static void use_at(struct bed *bed, unsigned lun, const uint8_t *token, uint64_t offset,
		   struct ranges ranges, uint8_t status, uint64_t blocks)
{
	uint8_t list[1100];
	struct bed_cmd cmd;

	write_using(bed, &cmd, list, token, offset, ranges);
	cmd.cmd.lun = (uint64_t)lun << 48;
	assert_int_equal(bed_run(&cmd), 0x00);
	expect_written(bed, lun, 0x07, status, blocks);
	expect_written(bed, lun, 0x05, status, blocks);
}

static void use(struct bed *bed, const uint8_t *token, uint64_t offset, struct ranges ranges,
		uint8_t status, uint64_t blocks)
{
	use_at(bed, 1, token, offset, ranges, status, blocks);
}

/* Expects that TOKEN is refused with ASCQ. */
static void refuse(struct bed *bed, const uint8_t *token, uint16_t code)
{
	uint8_t list[1100];
	struct bed_cmd cmd;

	write_using(bed, &cmd, list, token, 0, RANGES({ 0, 1 }));
	cmd.cmd.lun = UINT64_C(1) << 48;
	assert_int_equal(bed_get(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, code);
	bed_release(&cmd);
}

/* ---- beds --------------------------------------------------------------------------- */

static struct bed *make(bool mappable, unsigned second_block_size)
{
	struct bed_config config = { .second_block_size = second_block_size, .mappable = mappable };
	struct bed *bed = calloc(1, sizeof(*bed));

	assert_int_equal(scsi_copy_domain_create(&config.lu.copy_domain), 0);
	config.lu.thin = true;
	bed_setup(bed, &config);
	bed_clear_attention(bed);
	bed_pattern(bed->store.region->base, SIZE, 5);
	bed_pattern(bed->second.region->base, SIZE, 6);
	return bed;
}

static int setup(void **state)
{
	*state = make(false, 512);
	return 0;
}

static int setup_mappable(void **state)
{
	*state = make(true, 512);
	return 0;
}

static int setup_4k(void **state)
{
	*state = make(false, 4096);
	return 0;
}

static int teardown(void **state)
{
	struct bed *bed = *state;
	struct scsi_copy_domain *domain = bed->lu->domain;

	bed_teardown(bed);
	scsi_copy_domain_destroy(domain);
	free(bed);
	return 0;
}

/* ---- copying --------------------------------------------------------------------------- */

static void test_odx__writes_what_the_token_is_of(void **state)
{
	struct bed *bed = *state;
	uint8_t token[512];

	make_token(bed, RANGES({ 100, 3000 }, { 9000, 1 }, { 50, 7 }), token);
	assert_int_equal(get_be32(token), 0x00800001);
	assert_int_equal(get_be16(token + 6), 0x1f8);
	assert_int_equal(get_be64(token + 56), 3008 * 512);
	assert_int_equal(token[16], 0xe4);
	assert_memory_equal(token + 128, ((uint8_t[]){ 0x53, 0xa8 }), 2);
	assert_string_equal((char *)token + 132, bed->nexus->target->name);
	use(bed, token, 0, RANGES({ 20000, 1000 }, { 10, 2008 }), 0x01, 3008);
	assert_memory_equal(bed_second_medium(bed, 20000), bed_medium(bed, 100), 1000 * 512);
	assert_memory_equal(bed_second_medium(bed, 10), bed_medium(bed, 1100), 2000 * 512);
	assert_memory_equal(bed_second_medium(bed, 2010), bed_medium(bed, 9000), 512);
	assert_memory_equal(bed_second_medium(bed, 2011), bed_medium(bed, 50), 7 * 512);
}

static void test_odx__from_the_middle_and_beyond_the_end(void **state)
{
	struct bed *bed = *state;
	static uint8_t before[SIZE];
	uint8_t token[512];

	make_token(bed, RANGES({ 100, 40 }, { 200, 40 }), token);
	memcpy(before, bed->second.region->base, SIZE);
	/* Of the 50 blocks the token has 20 behind block 60. */
	use(bed, token, 60, RANGES({ 0, 15 }, { 30, 35 }), 0x03, 20);
	memcpy(before, bed_medium(bed, 220), 15 * 512);
	memcpy(before + 30 * 512, bed_medium(bed, 235), 5 * 512);
	assert_memory_equal(bed->second.region->base, before, SIZE);
}

static void test_odx__offset_beyond_the_token(void **state)
{
	struct bed *bed = *state;
	uint8_t token[512], list[1100];
	struct bed_cmd cmd;

	make_token(bed, RANGES({ 100, 40 }), token);
	write_using(bed, &cmd, list, token, 40, RANGES({ 0, 1 }));
	assert_int_equal(bed_get(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2600);
	assert_int_equal(get_be16(cmd.cmd.sense + 16), 8);
	bed_release(&cmd);
}

/* ---- block sizes that differ ------------------------------------------------------------- */

/* The example of SBC-4 in WRITE USING TOKEN: blocks 15 to 20 and 40 to 100, of 512 bytes. */
static void test_odx__to_larger_blocks(void **state)
{
	struct bed *bed = *state;
	static uint8_t before[SIZE];
	uint8_t token[512];

	make_token(bed, RANGES({ 15, 6 }, { 40, 61 }), token);
	memcpy(before, bed->second.region->base, SIZE);
	use(bed, token, 1, RANGES({ 3, 1 }), 0x01, 1);
	memcpy(before + 3 * 4096, bed_medium(bed, 42), 4096);
	assert_memory_equal(bed->second.region->base, before, SIZE);
	/* Of the ninth block the token has three eighths, of more nothing. */
	use(bed, token, 0, RANGES({ 100, 2 }, { 20, 5 }, { 50, 4 }), 0x03, 9);
	memcpy(before + 100 * 4096, bed_medium(bed, 15), 6 * 512);
	memcpy(before + 100 * 4096 + 6 * 512, bed_medium(bed, 40), 4096 + 2 * 512);
	memcpy(before + 20 * 4096, bed_medium(bed, 50), 5 * 4096);
	memcpy(before + 50 * 4096, bed_medium(bed, 90), 4096 + 3 * 512);
	memset(before + 51 * 4096 + 3 * 512, 0, 5 * 512);
	assert_memory_equal(bed->second.region->base, before, SIZE);
}

static void test_odx__from_eight_ranges_to_one_block(void **state)
{
	struct bed *bed = *state;
	uint8_t token[512];

	make_token(bed,
		   RANGES({ 70, 1 }, { 60, 1 }, { 50, 1 }, { 40, 1 }, { 30, 1 }, { 20, 1 },
			  { 10, 1 }, { 0, 1 }),
		   token);
	use(bed, token, 0, RANGES({ 7, 1 }), 0x01, 1);
	for (unsigned i = 0; i < 8; i++)
		assert_memory_equal((uint8_t *)bed->second.region->base + 7 * 4096 + i * 512,
				    bed_medium(bed, 70 - 10 * i), 512);
}

static void test_odx__to_smaller_blocks(void **state)
{
	struct bed *bed = *state;
	const uint8_t *second = bed->second.region->base;
	static uint8_t before[SIZE];
	uint8_t token[512];

	make_token_of(bed, 1, RANGES({ 3, 2 }, { 10, 1 }, { 100, 200 }), token);
	memcpy(before, bed->store.region->base, SIZE);
	use_at(bed, 0, token, 3, RANGES({ 100, 4 }, { 300, 1600 }), 0x01, 1604);
	memcpy(before + 100 * 512, second + 3 * 4096 + 3 * 512, 4 * 512);
	memcpy(before + 300 * 512, second + 3 * 4096 + 7 * 512, 9 * 512);
	memcpy(before + 309 * 512, second + 10 * 4096, 4096);
	memcpy(before + 317 * 512, second + 100 * 4096, 1583 * 512);
	assert_memory_equal(bed->store.region->base, before, SIZE);
}

static void test_odx__to_other_blocks_after_a_write(void **state)
{
	static const uint8_t data[512];
	struct bed *bed = *state;
	uint8_t token[512];
	struct bed_cmd cmd;

	make_token(bed, RANGES({ 1, 1 }, { 9, 1 }), token);
	BED_CDB(bed, &cmd, 0x2a, 0, 0, 0, 0, 9, 0, 0, 1, 0);
	bed_has(&cmd, data, 512);
	assert_int_equal(bed_run(&cmd), 0x00);
	refuse(bed, token, 0x2308);
}

static void test_odx__zeros(void **state)
{
	static const uint8_t zeros[100 * 512];
	uint8_t token[512] = { 0xff, 0xff, 0, 1, 0, 0, 1, 0xf8 };
	struct bed *bed = *state;
	static uint8_t before[SIZE];

	memcpy(before, bed->second.region->base, SIZE);
	memset(before + 77 * 512, 0, 100 * 512);
	use(bed, token, 0, RANGES({ 77, 100 }), 0x01, 100);
	assert_memory_equal(bed_second_medium(bed, 77), zeros, sizeof(zeros));
	assert_memory_equal(bed->second.region->base, before, SIZE);
	assert_int_equal(bed->second.count[STORE_WRITE], 0);
}

static void test_odx__from_another_nexus(void **state)
{
	struct bed *bed = *state;
	struct scsi_nexus *first = bed->nexus;
	uint8_t token[512];
	struct bed_cmd cmd;

	make_token(bed, RANGES({ 100, 40 }), token);
	bed->nexus = bed_nexus(bed, "iqn.2026-11.test:other,i,0x400000000002");
	bed_clear_attention(bed);
	/* The result of the first one's operation is none of the other's business. */
	information(bed, &cmd);
	BED_RUN_FIELD(&cmd, 2, 7);
	use(bed, token, 0, RANGES({ 3, 40 }), 0x01, 40);
	assert_memory_equal(bed_second_medium(bed, 3), bed_medium(bed, 100), 40 * 512);
	scsi_nexus_destroy(first);
	use(bed, token, 0, RANGES({ 60, 40 }), 0x01, 40);
	assert_memory_equal(bed_second_medium(bed, 60), bed_medium(bed, 100), 40 * 512);
}

/* ---- being good no more ------------------------------------------------------------------ */

static void run_write(struct bed *bed, uint8_t lba, uint8_t blocks)
{
	static uint8_t data[64 * 512];
	struct bed_cmd cmd;

	BED_CDB(bed, &cmd, 0x2a, 0, 0, 0, 0, lba, 0, 0, blocks, 0);
	bed_has(&cmd, data, blocks * 512u);
	assert_int_equal(bed_run(&cmd), 0x00);
}

static void test_odx__a_write_cancels(void **state)
{
	struct bed *bed = *state;
	uint8_t token[512];

	make_token(bed, RANGES({ 100, 10 }, { 120, 10 }), token);
	assert_true(lu_has_tokens(bed->lu));
	run_write(bed, 90, 10);
	run_write(bed, 110, 10);
	run_write(bed, 130, 1);
	use(bed, token, 0, RANGES({ 3, 20 }), 0x01, 20);
	run_write(bed, 129, 1);
	assert_false(lu_has_tokens(bed->lu));
	refuse(bed, token, 0x2308);
}

static void test_odx__so_does_an_unmap(void **state)
{
	static const uint8_t list[24] = { 0, 22, 0, 16, [15] = 104, [19] = 1 };
	struct bed *bed = *state;
	uint8_t token[512];
	struct bed_cmd cmd;

	make_token(bed, RANGES({ 100, 10 }), token);
	BED_CDB(bed, &cmd, 0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0);
	bed_has(&cmd, list, 24);
	assert_int_equal(bed_run(&cmd), 0x00);
	refuse(bed, token, 0x2308);
}

static void test_odx__a_write_while_it_is_read(void **state)
{
	struct bed *bed = *state;
	uint8_t token[512], list[1100];
	struct bed_cmd cmd;

	make_token(bed, RANGES({ 0, 200 }), token);
	write_using(bed, &cmd, list, token, 0, RANGES({ 0, 200 }));
	cmd.cmd.lun = UINT64_C(1) << 48;
	bed->second.hold = true;
	bed_start(&cmd);
	bed_turns(bed, 3);
	run_write(bed, 199, 1);
	bed->second.hold = false;
	while (bed->second.held_count > 0)
		bed_store_finish_of(&bed->second, 0);
	bed_wait(&cmd);
	assert_int_equal(cmd.cmd.status, 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2308);
	bed_release(&cmd);
}

static void test_odx__wrong_tokens(void **state)
{
	struct bed *bed = *state;
	uint8_t token[512], wrong[512];

	make_token(bed, RANGES({ 100, 10 }), token);
	for (unsigned i = 0; i < 512; i++) {
		memcpy(wrong, token, 512);
		wrong[i] ^= 0x10;
		refuse(bed, wrong,
		       i < 4              ? 0x2301
		       : i == 6 || i == 7 ? 0x230a
		       : i >= 8 && i < 16 ? 0x2304
					  : 0x2305);
	}
	use(bed, token, 0, RANGES({ 3, 10 }), 0x01, 10);
}

static void test_odx__deleted(void **state)
{
	struct bed *bed = *state;
	uint8_t token[512], list[1100];
	struct bed_cmd cmd;

	make_token(bed, RANGES({ 100, 10 }), token);
	write_using(bed, &cmd, list, token, 0, RANGES({ 500, 10 }));
	list[2] = 0x02; /* DEL_TKN */
	assert_int_equal(bed_run(&cmd), 0x00);
	assert_memory_equal(bed_medium(bed, 500), bed_medium(bed, 100), 10 * 512);
	refuse(bed, token, 0x2309);
	assert_false(lu_has_tokens(bed->lu));
}

/* SPC-5, generic ROD tokens: a designator of the device, by its name or, too long, a number. */
static void test_odx_token__names_its_device(void **state)
{
	struct bed *bed = *state;
	struct odx_range range = { 5, 5 };
	struct odx_order order = { .lu = bed->lu, .range = &range, .count = 1, .timeout_s = 10 };
	uint8_t bytes[512], zeros[128] = { 0 };
	char name[224];

	memset(name, 'x', sizeof(name));
	order.device = name;
	for (unsigned length = 120; length <= 124; length++) {
		name[length] = '\0';
		assert_int_equal(odx_token_create(&order, 1, bytes), 0);
		name[length] = 'x';
		if (length == 124) {
			assert_memory_equal(bytes + 128, ((uint8_t[]){ 0x51, 0xa3, 0 }), 3);
			assert_int_equal(bytes[131], bed->lu->naa_length);
			assert_memory_equal(bytes + 132, bed->lu->naa, bed->lu->naa_length);
		} else {
			assert_memory_equal(bytes + 128, ((uint8_t[]){ 0x53, 0xa8, 0, 124 }), 4);
			assert_memory_equal(bytes + 132, name, length);
			assert_memory_equal(bytes + 132 + length, zeros, 124 - length);
		}
	}
}

static void test_odx_token__expires(void **state)
{
	const uint64_t second = UINT64_C(1000000000);
	struct bed *bed = *state;
	struct odx_range range = { 5, 5 };
	struct odx_order order = { .lu = bed->lu,
				   .device = "iqn.2026-11.test:a",
				   .range = &range,
				   .count = 1,
				   .timeout_s = 10 };
	struct odx_token *token;
	uint8_t bytes[512];

	assert_int_equal(odx_token_create(&order, 100 * second, bytes), 0);
	assert_int_equal(odx_token_take(bed->lu->domain, bytes, 110 * second, &token), 0);
	/* Not while it is used, and each use counts. */
	odx_cancel(bed->lu, 1000, 1, 300 * second);
	assert_true(odx_token_is_valid(token));
	odx_token_give(token, 310 * second, false);
	assert_int_equal(odx_token_take(bed->lu->domain, bytes, 320 * second, &token), 0);
	odx_token_give(token, 320 * second, false);
	assert_int_equal(odx_token_take(bed->lu->domain, bytes, 331 * second, &token), 0x2307);
	assert_false(lu_has_tokens(bed->lu));
}

static void test_odx__as_many_as_there_may_be(void **state)
{
	struct bed *bed = *state;
	uint8_t list[600], token[512], first[512];
	struct bed_cmd cmd;

	make_token(bed, RANGES({ 0, 10 }), first);
	for (unsigned i = 1; i < ODX_TOKENS_MAX; i++)
		make_token(bed, RANGES({ 100, 10 }), token);
	populate(bed, &cmd, list, RANGES({ 100, 10 }));
	assert_int_equal(bed_get(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x0a, 0x550d);
	bed_release(&cmd);
	/* One that is of no use makes room. */
	run_write(bed, 0, 1);
	make_token(bed, RANGES({ 100, 10 }), token);
	refuse(bed, first, 0x2304);
}

static void test_report_all_rod_tokens(void **state)
{
	uint8_t cdb[16] = { 0x84, 0x08 };
	struct bed *bed = *state;
	uint8_t token[2][512];
	struct bed_cmd cmd;

	put_be32(cdb + 10, 65536);
	bed_cdb(bed, &cmd, cdb, 16);
	bed_wants(&cmd, 65536);
	bed_expect_data(&cmd, (const uint8_t[8]){ 0, 0, 0, 4 }, 8);
	make_token(bed, RANGES({ 0, 10 }), token[0]);
	make_token(bed, RANGES({ 10, 10 }), token[1]);
	bed_cdb(bed, &cmd, cdb, 16);
	bed_wants(&cmd, 65536);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(cmd.in_length, 8 + 2 * 96);
	assert_int_equal(get_be32(cmd.in), 4 + 2 * 96);
	assert_memory_equal(cmd.in + 8, token[0], 96);
	assert_memory_equal(cmd.in + 8 + 96, token[1], 96);
	bed_release(&cmd);
	/* Of this logical unit. */
	bed_cdb(bed, &cmd, cdb, 16);
	cmd.cmd.lun = UINT64_C(1) << 48;
	bed_wants(&cmd, 65536);
	bed_expect_data(&cmd, (const uint8_t[8]){ 0, 0, 0, 4 }, 8);
}

/* ---- refusals of lists ----------------------------------------------------------------------- */

static void expect_refusal(struct bed *bed, struct ranges ranges, uint16_t code, uint16_t field)
{
	uint8_t list[600];
	struct bed_cmd cmd;

	populate(bed, &cmd, list, ranges);
	assert_int_equal(bed_get(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, code);
	assert_int_equal(get_be16(cmd.cmd.sense + 16), field);
	bed_release(&cmd);
}

static void test_populate_token__refuses(void **state)
{
	struct bed *bed = *state;
	uint8_t list[600];
	struct bed_cmd cmd;

	expect_refusal(bed, RANGES({ 32768, 1 }), 0x2100, 0);
	expect_refusal(bed, RANGES({ UINT64_MAX, 2 }), 0x2100, 0);
	expect_refusal(bed, RANGES({ 0, 10 }, { 9, 1 }), 0x2600, 32);
	populate(bed, &cmd, list, RANGES({ 0, 1 }));
	put_be32(list + 4, ODX_TIMEOUT_MAX + 1);
	assert_int_equal(bed_get(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2600);
	bed_release(&cmd);
	populate(bed, &cmd, list, RANGES({ 0, 1 }));
	list[2] = 0x02; /* RTV: a persistent one */
	put_be32(list + 8, 0x00800002);
	assert_int_equal(bed_get(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2600);
	bed_release(&cmd);
	/* Its own words for its length do not go together, or leave no descriptor. */
	for (unsigned i = 0; i < 3; i++) {
		populate(bed, &cmd, list, RANGES({ 0, 1 }));
		list[i < 2 ? 1 : 15] = i == 1 ? 29 : 15;
		assert_int_equal(bed_get(&cmd), 0x02);
		bed_expect_sense(&cmd, 0x05, 0x2600);
		assert_int_equal(get_be16(cmd.cmd.sense + 16), i < 2 ? 0 : 14);
		bed_release(&cmd);
	}
	populate(bed, &cmd, list, RANGES({ 0, 1 }));
	cmd.cmd.cdb[13] = 15;
	assert_int_equal(bed_get(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x1a00);
	bed_release(&cmd);
	assert_false(lu_has_tokens(bed->lu));
}

/* SBC-4: what is not there as a whole is ignored. */
static void test_populate_token__ignores_half_a_descriptor(void **state)
{
	struct bed *bed = *state;
	uint8_t list[600];
	struct bed_cmd cmd;

	for (unsigned i = 0; i < 2; i++) {
		populate(bed, &cmd, list, RANGES({ 0, 5 }, { 10, 10 }));
		if (i == 0)
			cmd.cmd.cdb[13] = 16 + 16 + 15;
		else
			list[15] = 16 + 15;
		assert_int_equal(bed_run(&cmd), 0x00);
		information(bed, &cmd);
		assert_int_equal(bed_get(&cmd), 0x00);
		assert_int_equal(get_be64(cmd.in + 16), 5);
		assert_int_equal(get_be64(cmd.in + 38 + 56), 5 * 512);
		bed_release(&cmd);
	}
}

static void test_populate_token__of_nothing(void **state)
{
	struct bed *bed = *state;
	uint8_t token[512], list[1100];
	struct bed_cmd cmd;

	make_token(bed, RANGES({ 5, 0 }), token);
	assert_int_equal(get_be64(token + 56), 0);
	write_using(bed, &cmd, list, token, 0, RANGES({ 0, 1 }));
	assert_int_equal(bed_get(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2600);
	bed_release(&cmd);
}

static void test_token_commands__too_many_ranges(void **state)
{
	static uint8_t list[536 + 65 * 16];
	struct bed *bed = *state;
	struct bed_cmd cmd;

	for (unsigned action = 0x10; action <= 0x11; action++) {
		unsigned header = action == 0x10 ? 16 : 536;
		uint8_t cdb[16] = { 0x83, (uint8_t)action };

		memset(list, 0, sizeof(list));
		put_be16(list, (uint16_t)(header + 65 * 16 - 2));
		put_be16(list + header - 2, 65 * 16);
		put_be32(cdb + 10, header + 65 * 16);
		bed_cdb(bed, &cmd, cdb, 16);
		bed_has(&cmd, list, header + 65 * 16);
		assert_int_equal(bed_get(&cmd), 0x02);
		bed_expect_sense(&cmd, 0x05, 0x2608);
		bed_release(&cmd);
	}
}

/* SPC-5: a token that was told, or that nobody wants, is not told again. */
static void test_rod_token_information__once(void **state)
{
	struct bed *bed = *state;
	uint8_t token[512], list[600];
	struct bed_cmd cmd;

	for (unsigned wants = 0; wants <= 549; wants += 549) {
		populate(bed, &cmd, list, RANGES({ 0, 1 }));
		assert_int_equal(bed_run(&cmd), 0x00);
		information(bed, &cmd);
		put_be32(cmd.cmd.cdb + 10, wants);
		bed_wants(&cmd, wants);
		assert_int_equal(bed_run(&cmd), 0x00);
		information(bed, &cmd);
		if (wants == 0) {
			BED_RUN_FIELD(&cmd, 2, 7);
			continue;
		}
		assert_int_equal(bed_run(&cmd), 0x00);
	}
	make_token(bed, RANGES({ 0, 1 }), token);
	information(bed, &cmd);
	BED_RUN_FIELD(&cmd, 2, 7);
}

int main(void)
{
#define CASE(test)   cmocka_unit_test_setup_teardown(test, setup, teardown)
#define MAPPED(test) cmocka_unit_test_setup_teardown(test, setup_mappable, teardown)
#define LARGE(test)  cmocka_unit_test_setup_teardown(test, setup_4k, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_odx__writes_what_the_token_is_of),
		CASE(test_odx__from_the_middle_and_beyond_the_end),
		CASE(test_odx__offset_beyond_the_token),
		LARGE(test_odx__to_larger_blocks),
		LARGE(test_odx__from_eight_ranges_to_one_block),
		LARGE(test_odx__to_smaller_blocks),
		LARGE(test_odx__to_other_blocks_after_a_write),
		CASE(test_odx__zeros),
		CASE(test_odx__from_another_nexus),
		CASE(test_odx__a_write_cancels),
		MAPPED(test_odx__a_write_cancels),
		CASE(test_odx__so_does_an_unmap),
		CASE(test_odx__a_write_while_it_is_read),
		CASE(test_odx__wrong_tokens),
		CASE(test_odx__deleted),
		CASE(test_odx_token__names_its_device),
		CASE(test_odx_token__expires),
		CASE(test_odx__as_many_as_there_may_be),
		CASE(test_report_all_rod_tokens),
		CASE(test_populate_token__refuses),
		CASE(test_populate_token__ignores_half_a_descriptor),
		CASE(test_populate_token__of_nothing),
		CASE(test_token_commands__too_many_ranges),
		CASE(test_rod_token_information__once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
