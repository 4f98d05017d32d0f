/* SPDX-License-Identifier: BSD-2-Clause */
/* scsi/protect.c on store/protect.c: what is checked, what is kept, what is told. */
#include "base/crc16.h"
#include "test_scsi_protect.h"

static int setup_1(void **state)
{
	return protect_setup(state, 1, false);
}

static int setup_2(void **state)
{
	return protect_setup(state, 2, false);
}

static int setup_3(void **state)
{
	return protect_setup(state, 3, false);
}

static void test_crc16_t10__vectors(void **state)
{
	uint8_t ones[32], rising[32];

	(void)state;
	memset(ones, 0xff, sizeof(ones));
	for (unsigned i = 0; i < sizeof(rising); i++)
		rising[i] = (uint8_t)i;
	assert_int_equal(crc16_t10(0, "123456789", 9), 0xd0db);
	assert_int_equal(crc16_t10(crc16_t10(0, "1234", 4), "56789", 5), 0xd0db);
	/* SBC-4 annex: examples of CRCs. */
	assert_int_equal(crc16_t10(0, ones, sizeof(ones)), 0xa293);
	assert_int_equal(crc16_t10(0, rising, sizeof(rising)), 0x0224);
}

static void test_write__comes_back(void **state)
{
	static uint8_t wire[COUNT * WIRE], back[COUNT * WIRE];
	struct bed *bed = *state;
	struct bed_cmd cmd;

	fill(wire, COUNT, LBA, 0x1234, 1);
	assert_int_equal(write_16(bed, &cmd, 0x8a, 1, LBA, wire, COUNT), GOOD);
	for (unsigned protect = 1; protect <= 5; protect++) {
		memset(back, 0, sizeof(back));
		assert_int_equal(read_16(bed, &cmd, protect, LBA, back, COUNT), GOOD);
		assert_memory_equal(back, wire, sizeof(wire));
		assert_int_equal(verify_16(bed, &cmd, protect, LBA, COUNT), GOOD);
	}
	/* The data lies in the store as ever. */
	assert_memory_equal(bed_medium(bed, LBA + 2), wire + 2 * WIRE, BLOCK);
	assert_int_equal(read_16(bed, &cmd, 0, LBA, back, COUNT), GOOD);
	assert_memory_equal(back + BLOCK, wire + WIRE, BLOCK);
	for (unsigned protect = 6; protect <= 7; protect++)
		assert_int_equal(read_16(bed, &cmd, protect, LBA, back, COUNT), CHECK);
	bed_expect_field(&cmd, 0x2400, 1, 7);
}

static void test_read__less_than_there_is(void **state)
{
	static uint8_t wire[COUNT * WIRE];
	struct bed *bed = *state;
	struct bed_cmd cmd;

	fill(wire, COUNT, LBA, 0, 1);
	assert_int_equal(write_16(bed, &cmd, 0x8a, 1, LBA, wire, COUNT), GOOD);
	cdb_16(bed, &cmd, 0x88, 1 << 5, LBA, COUNT);
	bed_wants(&cmd, WIRE + 100);
	bed_expect_data(&cmd, wire, WIRE + 100);
	assert_int_equal(cmd.cmd.transfer_length, sizeof(wire));
	/* A part of a block cannot be written. */
	cdb_16(bed, &cmd, 0x8a, 1 << 5, LBA, COUNT);
	bed_has(&cmd, wire, WIRE + 100);
	assert_int_equal(bed_run(&cmd), CHECK);
}

static void test_write__checks_before_it_writes(void **state)
{
	/* By WRPROTECT: whether guard and reference tag are looked at. */
	static const bool guard[] = { 0, true, false, false, true, true };
	static const bool reference[] = { 0, true, true, false, false, true };
	static uint8_t wire[COUNT * WIRE], before[COUNT * BLOCK];
	struct bed *bed = *state;
	struct bed_cmd cmd;

	for (unsigned protect = 1; protect <= 5; protect++) {
		memcpy(before, bed_medium(bed, LBA), sizeof(before));
		fill(wire, COUNT, LBA, 0, 10 * protect);
		wire[3 * WIRE + BLOCK] ^= 1;
		assert_int_equal(write_16(bed, &cmd, 0x8a, protect, LBA, wire, COUNT),
				 guard[protect] ? CHECK : GOOD);
		if (guard[protect]) {
			expect_wrong(&cmd, 0x1001, LBA + 3);
			assert_memory_equal(bed_medium(bed, LBA), before, sizeof(before));
		}
		memcpy(before, bed_medium(bed, LBA), sizeof(before));
		fill(wire, COUNT, LBA, 0, 10 * protect + 5);
		wire[2 * WIRE + BLOCK + 7] ^= 1;
		assert_int_equal(write_16(bed, &cmd, 0x8a, protect, LBA, wire, COUNT),
				 reference[protect] ? CHECK : GOOD);
		if (reference[protect]) {
			expect_wrong(&cmd, 0x1003, LBA + 2);
			assert_memory_equal(bed_medium(bed, LBA), before, sizeof(before));
		}
	}
}

static void test_read__finds_what_has_changed(void **state)
{
	static uint8_t wire[COUNT * WIRE], back[COUNT * WIRE];
	struct bed *bed = *state;
	struct bed_cmd cmd;

	fill(wire, COUNT, LBA, 0, 1);
	assert_int_equal(write_16(bed, &cmd, 0x8a, 1, LBA, wire, COUNT), GOOD);
	bed_medium(bed, LBA + 4)[17] ^= 0x40;
	for (unsigned protect = 0; protect <= 5; protect++) {
		bool is_looked_at = protect != 2 && protect != 3;

		assert_int_equal(read_16(bed, &cmd, protect, LBA, back, COUNT),
				 is_looked_at ? CHECK : GOOD);
		if (is_looked_at)
			expect_wrong(&cmd, 0x1001, LBA + 4);
		assert_int_equal(verify_16(bed, &cmd, protect, LBA, COUNT),
				 is_looked_at ? CHECK : GOOD);
		if (is_looked_at)
			expect_wrong(&cmd, 0x1001, LBA + 4);
	}
	assert_int_equal(read_16(bed, &cmd, 0, LBA, back, 4), GOOD);

	/* A wrong reference tag gets there by 011b only. */
	fill(wire, COUNT, LBA + 1, 0, 1);
	assert_int_equal(write_16(bed, &cmd, 0x8a, 3, LBA, wire, COUNT), GOOD);
	assert_int_equal(read_16(bed, &cmd, 3, LBA, back, COUNT), GOOD);
	assert_int_equal(read_16(bed, &cmd, 4, LBA, back, COUNT), GOOD);
	assert_int_equal(read_16(bed, &cmd, 2, LBA, back, COUNT), CHECK);
	expect_wrong(&cmd, 0x1003, LBA);
	assert_int_equal(read_16(bed, &cmd, 0, LBA, back, COUNT), CHECK);
	expect_wrong(&cmd, 0x1003, LBA);

	/* Application tag FFFFh: nothing is looked at. */
	fill(wire, COUNT, 99, 0xffff, 1);
	wire[BLOCK] ^= 1;
	assert_int_equal(write_16(bed, &cmd, 0x8a, 3, LBA, wire, COUNT), GOOD);
	assert_int_equal(read_16(bed, &cmd, 1, LBA, back, COUNT), GOOD);
	assert_memory_equal(back, wire, sizeof(wire));
	assert_int_equal(read_16(bed, &cmd, 0, LBA, back, COUNT), GOOD);
}

static void test_write__makes_what_does_not_come(void **state)
{
	static uint8_t data[COUNT * BLOCK], back[COUNT * WIRE];
	struct bed *bed = *state;
	struct bed_cmd cmd;

	bed_pattern(data, sizeof(data), 3);
	assert_int_equal(write_16(bed, &cmd, 0x8a, 0, LBA, data, COUNT), GOOD);
	assert_int_equal(read_16(bed, &cmd, 1, LBA, back, COUNT), GOOD);
	for (unsigned i = 0; i < COUNT; i++) {
		const uint8_t *pi = back + i * WIRE + BLOCK;

		assert_memory_equal(back + i * WIRE, data + i * BLOCK, BLOCK);
		assert_int_equal(get_be16(pi), slow_crc(data + i * BLOCK, BLOCK));
		assert_int_equal(get_be16(pi + 2), 0);
		assert_int_equal(get_be32(pi + 4), LBA + i);
	}
	/* Never written: not checked. */
	assert_int_equal(read_16(bed, &cmd, 1, LBA + COUNT, back, 1), GOOD);
	assert_int_equal(get_be64(back + BLOCK), UINT64_MAX);
}

static void test_write_and_verify__both(void **state)
{
	static uint8_t wire[COUNT * WIRE], back[COUNT * WIRE];
	struct bed *bed = *state;
	struct bed_cmd cmd;

	fill(wire, COUNT, LBA, 7, 1);
	assert_int_equal(write_16(bed, &cmd, 0x8e, 1, LBA, wire, COUNT), GOOD);
	assert_int_equal(read_16(bed, &cmd, 1, LBA, back, COUNT), GOOD);
	assert_memory_equal(back, wire, sizeof(wire));
	wire[5] ^= 1;
	assert_int_equal(write_16(bed, &cmd, 0x8e, 1, LBA, wire, COUNT), CHECK);
	expect_wrong(&cmd, 0x1001, LBA);
}

static void test_others__keep_it_right(void **state)
{
	static uint8_t data[4 * BLOCK], wire[COUNT * WIRE], back[20 * WIRE];
	struct bed *bed = *state;
	struct bed_cmd cmd;

	/* WRITE SAME, of something and of zeros. */
	bed_pattern(data, sizeof(data), 3);
	cdb_16(bed, &cmd, 0x93, 0, LBA, 20);
	bed_has(&cmd, data, BLOCK);
	assert_int_equal(bed_run(&cmd), GOOD);
	assert_int_equal(read_16(bed, &cmd, 1, LBA, back, 20), GOOD);
	assert_int_equal(get_be32(back + 19 * WIRE + BLOCK + 4), LBA + 19);
	cdb_16(bed, &cmd, 0x93, 0x01, LBA, 10000);
	assert_int_equal(bed_run(&cmd), GOOD);
	assert_int_equal(read_16(bed, &cmd, 1, LBA + 9990, back, 10), GOOD);
	assert_int_equal(get_be64(back + 9 * WIRE + BLOCK), LBA + 9999);
	/* COMPARE AND WRITE, ORWRITE. */
	memset(data, 0, sizeof(data));
	bed_pattern(data + BLOCK, BLOCK, 5);
	bed_cdb(bed, &cmd, (const uint8_t[16]){ 0x89, [9] = LBA, [13] = 1 }, 16);
	bed_has(&cmd, data, 2 * BLOCK);
	assert_int_equal(bed_run(&cmd), GOOD);
	assert_int_equal(write_16(bed, &cmd, 0x8b, 0, LBA + 1, data, 4), GOOD);
	assert_int_equal(read_16(bed, &cmd, 1, LBA, back, 5), GOOD);
	assert_memory_equal(back, data + BLOCK, BLOCK);
	/* UNMAP. */
	fill(wire, COUNT, LBA, 0, 1);
	assert_int_equal(write_16(bed, &cmd, 0x8a, 1, LBA, wire, COUNT), GOOD);
	BED_CDB(bed, &cmd, 0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0);
	bed_has(&cmd, (const uint8_t[24]){ 0, 22, 0, 16, [15] = LBA, [19] = COUNT }, 24);
	assert_int_equal(bed_run(&cmd), GOOD);
	assert_int_equal(read_16(bed, &cmd, 1, LBA, back, COUNT), GOOD);
	assert_int_equal(get_be64(back + BLOCK), UINT64_MAX);
	/* FORMAT UNIT: to this type only. */
	assert_int_equal(write_16(bed, &cmd, 0x8a, 1, LBA, wire, COUNT), GOOD);
	BED_CDB(bed, &cmd, 0x04, 0, 0, 0, 0, 0);
	BED_RUN_FIELD(&cmd, 1, 7);
	BED_CDB(bed, &cmd, 0x04, 0xc0, 0, 0, 0, 0);
	BED_RUN_FIELD(&cmd, 1, 7);
	BED_CDB(bed, &cmd, 0x04, 0x80, 0, 0, 0, 0);
	assert_int_equal(bed_run(&cmd), GOOD);
	assert_int_equal(read_16(bed, &cmd, 1, LBA, back, 1), GOOD);
	assert_int_equal(get_be64(back + BLOCK), UINT64_MAX);
}

static void test_store__a_lost_write_is_not_a_wrong_one(void **state)
{
	static uint8_t wire[COUNT * WIRE], back[COUNT * WIRE];
	struct bed *bed = *state;
	struct bed_cmd cmd;

	fill(wire, COUNT, LBA, 0, 1);
	assert_int_equal(write_16(bed, &cmd, 0x8a, 1, LBA, wire, COUNT), GOOD);
	bed->store.fail = -EIO;
	bed->store.fail_everywhere = true;
	assert_int_equal(write_16(bed, &cmd, 0x8a, 1, LBA, wire, COUNT), CHECK);
	bed->store.fail = 0;
	bed_medium(bed, LBA)[0] ^= 1;
	assert_int_equal(read_16(bed, &cmd, 1, LBA, back, COUNT), GOOD);
}

static void test_store__one_after_the_other(void **state)
{
	static uint8_t first[COUNT * WIRE], second[COUNT * WIRE], back[COUNT * WIRE];
	struct bed *bed = *state;
	struct bed_cmd a, b, c;

	fill(first, COUNT, LBA, 1, 1);
	fill(second, COUNT, LBA, 2, 50);
	bed->store.hold = true;
	cdb_16(bed, &a, 0x8a, 1 << 5, LBA, COUNT);
	bed_has(&a, first, sizeof(first));
	bed_start(&a);
	cdb_16(bed, &b, 0x8a, 1 << 5, LBA, COUNT);
	bed_has(&b, second, sizeof(second));
	bed_start(&b);
	cdb_16(bed, &c, 0x88, 1 << 5, LBA, COUNT);
	bed_wants(&c, sizeof(back));
	bed_start(&c);
	bed_turns(bed, 20);
	/* Only one of them is at the data. */
	assert_int_equal(bed->store.held_count, 1);
	bed->store.hold = false;
	bed_store_finish(bed, 0);
	bed_wait(&a);
	bed_wait(&b);
	bed_wait(&c);
	assert_int_equal(c.cmd.status, GOOD);
	assert_memory_equal(c.in, second, sizeof(second));
	bed_release(&a);
	bed_release(&b);
	bed_release(&c);
}

static void test_type_2__says_what_it_expects(void **state)
{
	static uint8_t wire[COUNT * WIRE];
	struct bed *bed = *state;
	struct bed_cmd cmd;

	fill(wire, COUNT, 7000, 0, 1);
	cdb_32(bed, &cmd, 0x0b, 1 << 5, LBA, COUNT, 7000);
	bed_has(&cmd, wire, sizeof(wire));
	assert_int_equal(bed_run(&cmd), GOOD);
	cdb_32(bed, &cmd, 0x09, 1 << 5, LBA, COUNT, 7000);
	bed_wants(&cmd, sizeof(wire));
	bed_expect_data(&cmd, wire, sizeof(wire));
	cdb_32(bed, &cmd, 0x09, 1 << 5, LBA + 1, 2, 7000);
	bed_wants(&cmd, sizeof(wire));
	assert_int_equal(bed_run(&cmd), CHECK);
	expect_wrong(&cmd, 0x1003, LBA + 1);
	/* The reference tag is not known. */
	cdb_16(bed, &cmd, 0x88, 0, LBA, COUNT);
	bed_wants(&cmd, sizeof(wire));
	assert_int_equal(bed_run(&cmd), GOOD);
	/* Without the expectation: no such command. */
	cdb_16(bed, &cmd, 0x88, 1 << 5, LBA, COUNT);
	bed_wants(&cmd, sizeof(wire));
	assert_int_equal(bed_run(&cmd), CHECK);
	bed_expect_sense(&cmd, 0x5, 0x2000);
}

static void test_type_3__has_no_reference(void **state)
{
	static uint8_t wire[COUNT * WIRE], back[COUNT * WIRE];
	struct bed *bed = *state;
	struct bed_cmd cmd;

	fill(wire, COUNT, 123456, 0xffff, 1);
	assert_int_equal(write_16(bed, &cmd, 0x8a, 1, LBA, wire, COUNT), GOOD);
	assert_int_equal(read_16(bed, &cmd, 1, LBA, back, COUNT), GOOD);
	assert_memory_equal(back, wire, sizeof(wire));
	/* The application tag alone is no escape here. */
	bed_medium(bed, LBA)[0] ^= 1;
	assert_int_equal(read_16(bed, &cmd, 1, LBA, back, COUNT), CHECK);
	expect_wrong(&cmd, 0x1001, LBA);
	assert_int_equal(write_16(bed, &cmd, 0x8a, 0, LBA, wire, 1), GOOD);
	assert_int_equal(read_16(bed, &cmd, 1, LBA, back, 1), GOOD);
	assert_int_equal(get_be32(back + BLOCK + 4), UINT32_MAX);
	/* PROTECTION FIELD USAGE 001b is in a list only. */
	BED_CDB(bed, &cmd, 0x04, 0xc0, 0, 0, 0, 0);
	BED_RUN_FIELD(&cmd, 1, 7);
	BED_CDB(bed, &cmd, 0x04, 0xd0, 0, 0, 0, 0);
	bed_has(&cmd, (const uint8_t[4]){ 1 }, 4);
	assert_int_equal(bed_run(&cmd), GOOD);
}

static void expect_told(struct bed *bed, uint8_t capacity, uint8_t extended)
{
	struct bed_cmd cmd;

	bed_cdb(bed, &cmd, (const uint8_t[16]){ 0x9e, 0x10, [13] = 32 }, 16);
	bed_wants(&cmd, 32);
	assert_int_equal(bed_get(&cmd), GOOD);
	assert_int_equal(cmd.in[12], capacity);
	assert_int_equal(cmd.in[13] >> 4, 0);
	bed_release(&cmd);
	BED_CDB(bed, &cmd, 0x12, 0, 0, 0, 96, 0);
	bed_wants(&cmd, 96);
	assert_int_equal(bed_get(&cmd), GOOD);
	assert_int_equal(cmd.in[5] & 0x01, 0x01);
	bed_release(&cmd);
	BED_CDB(bed, &cmd, 0x12, 1, 0x86, 0, 96, 0);
	bed_wants(&cmd, 96);
	assert_int_equal(bed_get(&cmd), GOOD);
	assert_int_equal(cmd.in[4], extended);
	bed_release(&cmd);
}

/* What REPORT SUPPORTED OPERATION CODES says of READ(16) and READ(32). */
static void expect_usage(struct bed *bed, uint8_t usage_16, uint8_t usage_32)
{
	struct bed_cmd cmd;

	BED_CDB(bed, &cmd, 0xa3, 0x0c, 1, 0x88, 0, 0, 0, 0, 0, 64, 0, 0);
	bed_wants(&cmd, 64);
	assert_int_equal(bed_get(&cmd), GOOD);
	assert_int_equal(cmd.in[5], usage_16);
	bed_release(&cmd);
	BED_CDB(bed, &cmd, 0xa3, 0x0c, 2, 0x7f, 0, 9, 0, 0, 0, 64, 0, 0);
	bed_wants(&cmd, 64);
	assert_int_equal(bed_get(&cmd), GOOD);
	assert_int_equal(cmd.in[4 + 10], usage_32);
	bed_release(&cmd);
}

static void test_type_1__is_told(void **state)
{
	expect_told(*state, 0x01, 0x07);
	expect_usage(*state, 0xf8, 0x18);
}

static void test_type_2__is_told(void **state)
{
	expect_told(*state, 0x03, 0x17);
	expect_usage(*state, 0x18, 0xf8);
}

static void test_type_3__is_told(void **state)
{
	expect_told(*state, 0x05, 0x26);
}

#define CASE(number, name) cmocka_unit_test_setup_teardown(name, setup_##number, bed_teardown_state)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc16_t10__vectors),
		CASE(1, test_write__comes_back),
		CASE(1, test_read__less_than_there_is),
		CASE(1, test_write__checks_before_it_writes),
		CASE(1, test_read__finds_what_has_changed),
		CASE(1, test_write__makes_what_does_not_come),
		CASE(1, test_write_and_verify__both),
		CASE(1, test_others__keep_it_right),
		CASE(1, test_store__a_lost_write_is_not_a_wrong_one),
		CASE(1, test_store__one_after_the_other),
		CASE(1, test_type_1__is_told),
		CASE(2, test_type_2__says_what_it_expects),
		CASE(2, test_type_2__is_told),
		CASE(3, test_type_3__has_no_reference),
		CASE(3, test_type_3__is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
