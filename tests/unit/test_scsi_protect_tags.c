/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scsi/protect_tags.c and application tags in scsi/protect_check.c and store/protect.c: whose they are
 * (ATO), what the mode page (ATMPE) or the CDB tells of them, and what is checked then.
 */
#include "test_scsi_protect.h"

enum {
	ATO = 0x80,
	ATMPE = 0x20,
	PF = 0x10,
	SP = 0x01,
	PAGE = 208, /* bytes of mode page 0Ah/02h */
	DESCRIPTORS = 16,
	DISK = 32768, /* blocks */
	SPLIT = LBA + 2, /* from here on the other tag */
	ONE = 0x1111,
	TWO = 0x2222,
};

static int setup_0(void **state)
{
	return protect_setup(state, 0, true);
}

static int setup_1(void **state)
{
	return protect_setup(state, 1, true);
}

static int setup_2(void **state)
{
	return protect_setup(state, 2, true);
}

static int setup_3(void **state)
{
	return protect_setup(state, 3, true);
}

/* ---- the pages -------------------------------------------------------------------------- */

static uint8_t select_page(struct bed *bed, struct bed_cmd *cmd, uint8_t bits, const uint8_t *page,
			   uint8_t length)
{
	static uint8_t list[4 + 255];

	memset(list, 0, 4);
	memcpy(list + 4, page, length);
	BED_CDB(bed, cmd, 0x15, bits, 0, 0, (uint8_t)(4 + length), 0);
	bed_has(cmd, list, 4u + length);
	return bed_run(cmd);
}

static void set_control(struct bed *bed, uint8_t bits, uint8_t five)
{
	const uint8_t page[] = { 0x0a, 10, 0x22, 0x10, 0, five, 0, 0, 0xff, 0xff, 0, 0 };
	struct bed_cmd cmd;

	assert_int_equal(select_page(bed, &cmd, bits, page, sizeof(page)), GOOD);
}

/* Byte 5 of the control page; CONTROL 1: what is changeable. */
static uint8_t control_page(struct bed *bed, uint8_t control)
{
	struct bed_cmd cmd;
	uint8_t five;

	BED_CDB(bed, &cmd, 0x1a, 0x08, (uint8_t)(control << 6 | 0x0a), 0, 255, 0);
	bed_wants(&cmd, 255);
	assert_int_equal(bed_get(&cmd), GOOD);
	five = cmd.in[4 + 5];
	bed_release(&cmd);
	return five;
}

static void start_page(uint8_t page[PAGE])
{
	memset(page, 0, PAGE);
	page[0] = 0x4a;
	page[1] = 0x02;
	put_be16(page + 2, PAGE - 4);
}

static void put_range(uint8_t page[PAGE], unsigned index, bool is_last, uint16_t tag, uint64_t lba,
		      uint64_t count)
{
	uint8_t *descriptor = page + DESCRIPTORS + index * 24;

	descriptor[0] = is_last ? 0x80 : 0;
	put_be16(descriptor + 6, tag);
	put_be64(descriptor + 8, lba);
	put_be64(descriptor + 16, count);
}

/* ONE up to SPLIT, then TWO. */
static void two_ranges(uint8_t page[PAGE])
{
	start_page(page);
	put_range(page, 0, false, ONE, 0, SPLIT);
	put_range(page, 1, true, TWO, SPLIT, DISK - SPLIT);
}

static void know_tags(struct bed *bed)
{
	uint8_t page[PAGE];
	struct bed_cmd cmd;

	two_ranges(page);
	assert_int_equal(select_page(bed, &cmd, PF, page, PAGE), GOOD);
	set_control(bed, PF, ATO | ATMPE);
}

/* Page 0Ah/02h; CONTROL 0 current, 1 changeable, 3 saved. */
static void expect_page(struct bed *bed, uint8_t control, const uint8_t page[PAGE])
{
	struct bed_cmd cmd;

	BED_CDB(bed, &cmd, 0x1a, 0x08, (uint8_t)(control << 6 | 0x0a), 0x02, 255, 0);
	bed_wants(&cmd, 255);
	assert_int_equal(bed_get(&cmd), GOOD);
	assert_int_equal(cmd.in_length, 4 + PAGE);
	assert_int_equal(cmd.in[4], 0x80 | page[0]);
	assert_memory_equal(cmd.in + 5, page + 1, PAGE - 1);
	bed_release(&cmd);
}

static void test_page__only_with_protection(void **state)
{
	uint8_t page[PAGE];
	struct bed *bed = *state;
	struct bed_cmd cmd;

	BED_CDB(bed, &cmd, 0x1a, 0x08, 0x0a, 0x02, 255, 0);
	bed_wants(&cmd, 255);
	BED_RUN_FIELD(&cmd, 3, 7);
	two_ranges(page);
	assert_int_equal(select_page(bed, &cmd, PF, page, PAGE), CHECK);
	bed_expect_parameter(&cmd, 5, 7);
	assert_int_equal(control_page(bed, 1) & (ATO | ATMPE), 0);
	assert_int_equal(select_page(bed, &cmd, PF,
				     (const uint8_t[]){ 0x0a, 10, 0x22, 0x10, 0, ATO, 0, 0, 0xff,
							0xff, 0, 0 },
				     12),
			 CHECK);
	bed_expect_parameter(&cmd, 4 + 5, 7);
}

static void test_page__changes_and_is_kept(void **state)
{
	uint8_t page[PAGE], none[PAGE], mask[PAGE];
	struct bed *bed = *state;
	struct bed_cmd cmd;

	start_page(none);
	expect_page(bed, 0, none);
	assert_int_equal(control_page(bed, 0) & (ATO | ATMPE), 0);
	assert_int_equal(control_page(bed, 1) & (ATO | ATMPE), ATO | ATMPE);
	start_page(mask);
	for (unsigned i = 0; i < 8; i++) {
		mask[DESCRIPTORS + i * 24] = 0x80;
		memset(mask + DESCRIPTORS + i * 24 + 6, 0xff, 18);
	}
	expect_page(bed, 1, mask);
	two_ranges(page);
	assert_int_equal(select_page(bed, &cmd, PF | SP, page, PAGE), GOOD);
	set_control(bed, PF | SP, ATO | ATMPE);
	expect_page(bed, 0, page);
	bed_restart(bed);
	bed_clear_attention(bed);
	expect_page(bed, 0, page);
	expect_page(bed, 3, page);
	assert_int_equal(control_page(bed, 0) & (ATO | ATMPE), ATO | ATMPE);
	/* Not saved: gone by a reset. */
	assert_int_equal(select_page(bed, &cmd, PF, none, PAGE), GOOD);
	expect_page(bed, 0, none);
	bed_manage(bed->nexus, SCSI_TMF_LOGICAL_UNIT_RESET, 0);
	bed_clear_attention(bed);
	expect_page(bed, 0, page);
}

static void test_page__others_are_told(void **state)
{
	uint8_t page[PAGE];
	struct bed *bed = *state;
	struct scsi_nexus *other = bed_nexus(bed, "iqn.2026-11.test:other,i,0x400000000002");
	struct bed_cmd cmd;

	BED_CDB(bed, &cmd, 0x00, 0, 0, 0, 0, 0);
	cmd.cmd.nexus = other;
	assert_int_equal(bed_run(&cmd), CHECK);
	two_ranges(page);
	assert_int_equal(select_page(bed, &cmd, PF, page, PAGE), GOOD);
	BED_CDB(bed, &cmd, 0x00, 0, 0, 0, 0, 0);
	cmd.cmd.nexus = other;
	assert_int_equal(bed_run(&cmd), CHECK);
	bed_expect_sense(&cmd, 0x6, 0x2a01);
	scsi_nexus_destroy(other);
}

static void test_page__refusals(void **state)
{
	uint8_t page[PAGE];
	struct bed *bed = *state;
	struct bed_cmd cmd;

	/* The first one does not begin at 0, a gap, an overlap, not all of the medium, too much of it. */
	static const struct {
		uint64_t lba[2], count[2];
		unsigned byte; /* of the page */
	} wrong[] = {
		{ { 1, SPLIT }, { SPLIT - 1, DISK - SPLIT }, DESCRIPTORS + 8 },
		{ { 0, SPLIT + 1 }, { SPLIT, DISK - SPLIT - 1 }, DESCRIPTORS + 24 + 8 },
		{ { 0, SPLIT - 1 }, { SPLIT, DISK - SPLIT + 1 }, DESCRIPTORS + 24 + 8 },
		{ { 0, SPLIT }, { SPLIT, DISK - SPLIT - 2 }, DESCRIPTORS + 24 + 16 },
		{ { 0, SPLIT }, { SPLIT, DISK - SPLIT + 1 }, DESCRIPTORS + 24 + 16 },
		{ { 0, SPLIT }, { SPLIT, UINT64_MAX }, DESCRIPTORS + 24 + 16 },
		{ { 0, 0 }, { 0, 0 }, DESCRIPTORS + 24 + 16 },
	};

	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		start_page(page);
		put_range(page, 0, false, ONE, wrong[i].lba[0], wrong[i].count[0]);
		put_range(page, 1, true, TWO, wrong[i].lba[1], wrong[i].count[1]);
		assert_int_equal(select_page(bed, &cmd, PF, page, PAGE), CHECK);
		bed_expect_parameter(&cmd, (uint16_t)(4 + wrong[i].byte), 7);
	}
	/* No last one. */
	two_ranges(page);
	page[DESCRIPTORS + 24] = 0;
	assert_int_equal(select_page(bed, &cmd, PF, page, PAGE), CHECK);
	bed_expect_parameter(&cmd, 4 + DESCRIPTORS + 7 * 24, 7);
	/* Reserved. */
	two_ranges(page);
	page[DESCRIPTORS + 1] = 1;
	assert_int_equal(select_page(bed, &cmd, PF, page, PAGE), CHECK);
	bed_expect_parameter(&cmd, 4 + DESCRIPTORS + 1, 0);
	start_page(page);
	expect_page(bed, 0, page);
	/* What has no blocks does not count; to the RETURNED LOGICAL BLOCK ADDRESS, taken literally. */
	put_range(page, 0, false, 9, 0, 0);
	put_range(page, 1, false, ONE, 0, SPLIT);
	put_range(page, 2, false, 9, 4711, 0);
	put_range(page, 3, true, TWO, SPLIT, DISK - 1 - SPLIT);
	put_range(page, 4, false, 9, 4711, 4711);
	assert_int_equal(select_page(bed, &cmd, PF, page, PAGE), GOOD);
	expect_page(bed, 0, page);
}

/* ---- what they do ------------------------------------------------------------------------ */

/* ONE and TWO, as the page has it. */
static void right(uint8_t *wire, uint32_t seed)
{
	fill(wire, COUNT, LBA, ONE, seed);
	for (unsigned i = SPLIT - LBA; i < COUNT; i++)
		put_be16(wire + i * WIRE + BLOCK + 2, TWO);
}

static void test_write__is_checked(void **state)
{
	/* By WRPROTECT. */
	static const bool is_checked[] = { 0, true, true, false, false, true };
	static uint8_t wire[COUNT * WIRE], back[COUNT * WIRE];
	struct bed *bed = *state;
	struct bed_cmd cmd;

	fill(wire, COUNT, LBA, 0x7777, 1);
	assert_int_equal(write_16(bed, &cmd, 0x8a, 1, LBA, wire, COUNT), GOOD);
	know_tags(bed);
	for (unsigned protect = 1; protect <= 5; protect++) {
		right(wire, 20 * protect);
		assert_int_equal(write_16(bed, &cmd, 0x8a, protect, LBA, wire, COUNT), GOOD);
		assert_int_equal(read_16(bed, &cmd, 1, LBA, back, COUNT), GOOD);
		assert_memory_equal(back, wire, sizeof(wire));
		assert_int_equal(read_16(bed, &cmd, 0, LBA, back, COUNT), GOOD);
		right(wire, 20 * protect + 10);
		put_be16(wire + 3 * WIRE + BLOCK + 2, ONE);
		assert_int_equal(write_16(bed, &cmd, 0x8a, protect, LBA, wire, COUNT),
				 is_checked[protect] ? CHECK : GOOD);
		if (!is_checked[protect])
			continue;
		expect_wrong(&cmd, 0x1002, LBA + 3);
		assert_memory_equal(bed_medium(bed, LBA), back, BLOCK);
		/* FFFFh is no escape on the way in: NO_PI_CHK is zero. */
		put_be16(wire + 3 * WIRE + BLOCK + 2, 0xffff);
		assert_int_equal(write_16(bed, &cmd, 0x8a, protect, LBA, wire, COUNT), CHECK);
		expect_wrong(&cmd, 0x1002, LBA + 3);
	}
	/* ORWRITE, COMPARE AND WRITE and WRITE AND VERIFY do the same. */
	right(wire, 1);
	assert_int_equal(write_16(bed, &cmd, 0x8b, 1, LBA, wire, COUNT), GOOD);
	assert_int_equal(write_16(bed, &cmd, 0x8e, 1, LBA, wire, COUNT), GOOD);
	put_be16(wire + BLOCK + 2, TWO);
	assert_int_equal(write_16(bed, &cmd, 0x8b, 1, LBA, wire, COUNT), CHECK);
	expect_wrong(&cmd, 0x1002, LBA);
	assert_int_equal(write_16(bed, &cmd, 0x8e, 1, LBA, wire, COUNT), CHECK);
	expect_wrong(&cmd, 0x1002, LBA);
	memcpy(back, wire, WIRE);
	memcpy(back + WIRE, wire, WIRE);
	bed_cdb(bed, &cmd, (const uint8_t[16]){ 0x89, 1 << 5, [9] = LBA, [13] = 1 }, 16);
	bed_has(&cmd, back, 2 * WIRE);
	assert_int_equal(bed_run(&cmd), CHECK);
	expect_wrong(&cmd, 0x1002, LBA);
}

static void test_read__is_checked(void **state)
{
	/* By RDPROTECT, and VRPROTECT with BYTCHK 00b. */
	static const bool is_checked[] = { true, true, true, false, false, true };
	static uint8_t wire[COUNT * WIRE], back[COUNT * WIRE];
	struct bed *bed = *state;
	struct bed_cmd cmd;

	right(wire, 1);
	put_be16(wire + 3 * WIRE + BLOCK + 2, ONE);
	assert_int_equal(write_16(bed, &cmd, 0x8a, 1, LBA, wire, COUNT), GOOD);
	assert_int_equal(read_16(bed, &cmd, 0, LBA, back, COUNT), GOOD);
	know_tags(bed);
	for (unsigned protect = 0; protect <= 5; protect++) {
		uint8_t status = is_checked[protect] ? CHECK : GOOD;

		assert_int_equal(read_16(bed, &cmd, protect, LBA, back, COUNT), status);
		if (status == CHECK)
			expect_wrong(&cmd, 0x1002, LBA + 3);
		assert_int_equal(verify_16(bed, &cmd, protect, LBA, COUNT), status);
		if (status == CHECK)
			expect_wrong(&cmd, 0x1002, LBA + 3);
		/* The blocks before it are right. */
		assert_int_equal(read_16(bed, &cmd, protect, LBA, back, 3), GOOD);
	}
	/* One of both bits is not enough. */
	set_control(bed, PF, ATO);
	assert_int_equal(read_16(bed, &cmd, 1, LBA, back, COUNT), GOOD);
	assert_int_equal(read_16(bed, &cmd, 0, LBA, back, COUNT), GOOD);
	set_control(bed, PF, ATMPE);
	assert_int_equal(read_16(bed, &cmd, 1, LBA, back, COUNT), GOOD);
	assert_int_equal(read_16(bed, &cmd, 0, LBA, back, COUNT), GOOD);
}

/* FFFFh (with type 3, and all ones in the reference tag): nothing is checked. */
static void test_read__escape(void **state)
{
	static uint8_t wire[WIRE], back[WIRE];
	struct bed *bed = *state;
	struct bed_cmd cmd;
	bool needs_reference = bed->config.protection == 3;

	know_tags(bed);
	fill(wire, 1, UINT32_MAX, 0xffff, 1);
	wire[BLOCK] ^= 1;
	assert_int_equal(write_16(bed, &cmd, 0x8a, 3, LBA, wire, 1), GOOD);
	for (unsigned protect = 0; protect <= 5; protect++)
		assert_int_equal(read_16(bed, &cmd, protect, LBA, back, 1), GOOD);
	put_be32(wire + BLOCK + 4, LBA);
	wire[BLOCK] ^= 1;
	assert_int_equal(write_16(bed, &cmd, 0x8a, 3, LBA, wire, 1), GOOD);
	for (unsigned protect = 0; protect <= 2; protect++) {
		assert_int_equal(read_16(bed, &cmd, protect, LBA, back, 1),
				 needs_reference ? CHECK : GOOD);
		if (needs_reference)
			expect_wrong(&cmd, 0x1002, LBA);
	}
}

/* What comes without gets FFFFh where tags are the initiator's, so it is read without error. */
static void test_write__without(void **state)
{
	static uint8_t data[COUNT * BLOCK], back[COUNT * WIRE];
	struct bed *bed = *state;
	struct bed_cmd cmd;

	know_tags(bed);
	bed_pattern(data, sizeof(data), 3);
	assert_int_equal(write_16(bed, &cmd, 0x8a, 0, LBA, data, COUNT), GOOD);
	assert_int_equal(read_16(bed, &cmd, 1, LBA, back, COUNT), GOOD);
	for (unsigned i = 0; i < COUNT; i++) {
		const uint8_t *pi = back + i * WIRE + BLOCK;

		assert_int_equal(get_be16(pi), slow_crc(data + i * BLOCK, BLOCK));
		assert_int_equal(get_be16(pi + 2), 0xffff);
		assert_int_equal(get_be32(pi + 4),
				 bed->config.protection == 1 ? LBA + i : UINT32_MAX);
	}
	assert_int_equal(read_16(bed, &cmd, 0, LBA, back, COUNT), GOOD);
	/* Zeros likewise. */
	cdb_16(bed, &cmd, 0x93, 0x01, LBA, COUNT);
	assert_int_equal(bed_run(&cmd), GOOD);
	assert_int_equal(read_16(bed, &cmd, 1, LBA, back, COUNT), GOOD);
	assert_int_equal(get_be16(back + BLOCK + 2), 0xffff);
	/* Where they are ours, they are zero, and the rest is checked. */
	set_control(bed, PF, 0);
	assert_int_equal(write_16(bed, &cmd, 0x8a, 0, LBA, data, COUNT), GOOD);
	assert_int_equal(read_16(bed, &cmd, 1, LBA, back, COUNT), GOOD);
	assert_int_equal(get_be16(back + BLOCK + 2), 0);
	bed_medium(bed, LBA)[0] ^= 1;
	assert_int_equal(read_16(bed, &cmd, 0, LBA, back, COUNT), CHECK);
	expect_wrong(&cmd, 0x1001, LBA);
}

/* Each block gets what the page says. */
static void test_write_same__takes_the_page(void **state)
{
	static uint8_t back[COUNT * WIRE];
	uint8_t block[WIRE];
	struct bed *bed = *state;
	struct bed_cmd cmd;
	bool is_3 = bed->config.protection == 3;

	know_tags(bed);
	fill(block, 1, LBA, ONE, 1);
	cdb_16(bed, &cmd, 0x93, 1 << 5, LBA, COUNT);
	bed_has(&cmd, block, WIRE);
	assert_int_equal(bed_run(&cmd), GOOD);
	assert_int_equal(read_16(bed, &cmd, 3, LBA, back, COUNT), GOOD);
	for (unsigned i = 0; i < COUNT; i++)
		assert_int_equal(get_be16(back + i * WIRE + BLOCK + 2),
				 i >= SPLIT - LBA && !is_3 ? TWO : ONE);
	assert_int_equal(read_16(bed, &cmd, 1, LBA, back, COUNT), is_3 ? CHECK : GOOD);
	fill(block, 1, LBA, TWO, 1);
	cdb_16(bed, &cmd, 0x93, 1 << 5, LBA, COUNT);
	bed_has(&cmd, block, WIRE);
	assert_int_equal(bed_run(&cmd), CHECK);
	expect_wrong(&cmd, 0x1002, LBA);
}

/* VERIFY that compares does so with application tags only where they are known. */
static void test_verify__compares(void **state)
{
	static uint8_t wire[COUNT * WIRE];
	struct bed *bed = *state;
	struct bed_cmd cmd;

	know_tags(bed);
	right(wire, 1);
	put_be16(wire + 3 * WIRE + BLOCK + 2, 0x3333);
	assert_int_equal(write_16(bed, &cmd, 0x8a, 3, LBA, wire, COUNT), GOOD);
	right(wire, 1);
	for (unsigned protect = 1; protect <= 5; protect++) {
		cdb_16(bed, &cmd, 0x8f, (uint8_t)(protect << 5 | 1 << 1), LBA, COUNT);
		bed_has(&cmd, wire, sizeof(wire));
		assert_int_equal(bed_run(&cmd), CHECK);
		expect_key(&cmd, MISCOMPARE, 0x1002, LBA + 3);
	}
	/* With VRPROTECT 000b it is the medium's that are checked. */
	for (unsigned i = 1; i < COUNT; i++)
		memmove(wire + i * BLOCK, wire + i * WIRE, BLOCK);
	cdb_16(bed, &cmd, 0x8f, 1 << 1, LBA, COUNT);
	bed_has(&cmd, wire, COUNT * BLOCK);
	assert_int_equal(bed_run(&cmd), CHECK);
	expect_wrong(&cmd, 0x1002, LBA + 3);
	set_control(bed, PF, ATO);
	right(wire, 1);
	cdb_16(bed, &cmd, 0x8f, 1 << 5 | 1 << 1, LBA, COUNT);
	bed_has(&cmd, wire, sizeof(wire));
	assert_int_equal(bed_run(&cmd), GOOD);
}

/* ---- type 2: the CDB says it --------------------------------------------------------------- */

static void expecting(struct bed *bed, struct bed_cmd *cmd, uint8_t action, uint8_t options,
		      uint16_t tag, uint16_t mask)
{
	uint8_t cdb[32] = { 0x7f, [7] = 0x18, [9] = action, [10] = options };

	put_be64(cdb + 12, LBA);
	put_be32(cdb + 20, LBA);
	put_be16(cdb + 24, tag);
	put_be16(cdb + 26, mask);
	put_be32(cdb + 28, COUNT);
	bed_cdb(bed, cmd, cdb, 32);
}

static uint8_t read_expecting(struct bed *bed, struct bed_cmd *cmd, unsigned protect, uint16_t tag,
			      uint16_t mask)
{
	expecting(bed, cmd, 0x09, (uint8_t)(protect << 5), tag, mask);
	bed_wants(cmd, COUNT * (protect != 0 ? WIRE : BLOCK));
	return bed_run(cmd);
}

static uint8_t write_expecting(struct bed *bed, struct bed_cmd *cmd, unsigned protect, uint16_t tag,
			       uint16_t mask, const uint8_t *wire)
{
	expecting(bed, cmd, 0x0b, (uint8_t)(protect << 5), tag, mask);
	bed_has(cmd, wire, COUNT * WIRE);
	return bed_run(cmd);
}

static void test_type_2__tag_and_mask(void **state)
{
	static const bool is_checked[] = { true, true, true, false, false, true };
	static uint8_t wire[COUNT * WIRE];
	struct bed *bed = *state;
	struct bed_cmd cmd;

	fill(wire, COUNT, LBA, 0xab12, 1);
	/* While tags are not theirs, initiators may expect what they like. */
	assert_int_equal(write_expecting(bed, &cmd, 1, 0, 0xffff, wire), GOOD);
	assert_int_equal(read_expecting(bed, &cmd, 1, 0, 0xffff), GOOD);
	assert_int_equal(read_expecting(bed, &cmd, 0, 0, 0xffff), GOOD);
	set_control(bed, PF, ATO);
	assert_int_equal(write_expecting(bed, &cmd, 1, 0xab34, 0xff00, wire), GOOD);
	assert_int_equal(write_expecting(bed, &cmd, 1, 0xab34, 0xff20, wire), CHECK);
	expect_wrong(&cmd, 0x1002, LBA);
	for (unsigned protect = 0; protect <= 5; protect++) {
		uint8_t status = is_checked[protect] ? CHECK : GOOD;

		assert_int_equal(read_expecting(bed, &cmd, protect, 0xab34, 0xff00), GOOD);
		assert_int_equal(read_expecting(bed, &cmd, protect, 0xab34, 0xff20), status);
		if (status == CHECK)
			expect_wrong(&cmd, 0x1002, LBA);
		expecting(bed, &cmd, 0x0a, (uint8_t)(protect << 5), 0xac00, 0x0f00);
		assert_int_equal(bed_run(&cmd), status);
		if (status == CHECK)
			expect_wrong(&cmd, 0x1002, LBA);
	}
	/* With no bytes of it on the wire, the data comes as ever. */
	for (unsigned i = 1; i < COUNT; i++)
		memmove(wire + i * BLOCK, wire + i * WIRE, BLOCK);
	expecting(bed, &cmd, 0x09, 0, 0xab12, 0xffff);
	bed_wants(&cmd, COUNT * BLOCK);
	bed_expect_data(&cmd, wire, COUNT * BLOCK);
	expecting(bed, &cmd, 0x0a, 1 << 1, 0xab12, 0xffff);
	bed_has(&cmd, wire, COUNT * BLOCK);
	assert_int_equal(bed_run(&cmd), GOOD);
	expecting(bed, &cmd, 0x0a, 1 << 1, 0xab13, 0xffff);
	bed_has(&cmd, wire, COUNT * BLOCK);
	assert_int_equal(bed_run(&cmd), CHECK);
	expect_wrong(&cmd, 0x1002, LBA);
	wire[3] ^= 1;
	expecting(bed, &cmd, 0x0a, 1 << 1, 0xab12, 0xffff);
	bed_has(&cmd, wire, COUNT * BLOCK);
	assert_int_equal(bed_run(&cmd), CHECK);
	bed_expect_sense(&cmd, MISCOMPARE, 0x1d00);
}

static void test_type_2__escape(void **state)
{
	static uint8_t wire[COUNT * WIRE], back[COUNT * WIRE];
	struct bed *bed = *state;
	struct bed_cmd cmd;

	set_control(bed, PF, ATO);
	fill(wire, COUNT, 99, 0xffff, 1);
	wire[BLOCK] ^= 1;
	assert_int_equal(write_expecting(bed, &cmd, 3, 0, 0, wire), GOOD);
	for (unsigned protect = 0; protect <= 5; protect++)
		assert_int_equal(read_expecting(bed, &cmd, protect, 0x1234, 0xffff), GOOD);
	/* Without any on the wire: FFFFh, and FFFFFFFFh. */
	expecting(bed, &cmd, 0x0b, 0, 0x1234, 0xffff);
	bed_has(&cmd, wire, COUNT * BLOCK);
	assert_int_equal(bed_run(&cmd), GOOD);
	expecting(bed, &cmd, 0x09, 1 << 5, 0x1234, 0xffff);
	bed_wants(&cmd, sizeof(back));
	assert_int_equal(bed_get(&cmd), GOOD);
	assert_int_equal(get_be16(cmd.in + BLOCK + 2), 0xffff);
	assert_int_equal(get_be32(cmd.in + BLOCK + 4), UINT32_MAX);
	bed_release(&cmd);
}

#define CASE(number, name)                                                    \
	{                                                                     \
#name ", type " #number, name, setup_##number, bed_teardown_state, NULL \
	}
#define CASES(name) CASE(1, name), CASE(3, name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(0, test_page__only_with_protection),
		CASE(1, test_page__changes_and_is_kept),
		CASE(2, test_page__others_are_told),
		CASE(3, test_page__refusals),
		CASES(test_write__is_checked),
		CASES(test_read__is_checked),
		CASES(test_read__escape),
		CASES(test_write__without),
		CASES(test_write_same__takes_the_page),
		CASES(test_verify__compares),
		CASE(2, test_type_2__tag_and_mask),
		CASE(2, test_type_2__escape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
