/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What writes without an initiator's protection information (copies, tokens, UNMAP, FORMAT UNIT,
 * SANITIZE) leaves what can be read with it: made anew, or all ones where nobody has written.
 */
#include "scsi/lu.h"
#include "test_scsi_protect.h"

enum { TO = 2000, MANY = 600 /* blocks: more than one piece */ };

static int make(void **state, unsigned type)
{
	struct bed *bed = calloc(1, sizeof(*bed));
	struct bed_config config = {
		.protection = type,
		.second_block_size = BLOCK,
		.lu = { .thin = true },
	};

	assert_int_equal(scsi_copy_domain_create(&config.lu.copy_domain), 0);
	bed_setup(bed, &config);
	bed_clear_attention(bed);
	*state = bed;
	return 0;
}

static int setup_1(void **state)
{
	return make(state, 1);
}

static int setup_2(void **state)
{
	return make(state, 2);
}

static int setup_3(void **state)
{
	return make(state, 3);
}

static int teardown(void **state)
{
	struct bed *bed = *state;
	struct scsi_copy_domain *domain = bed->config.lu.copy_domain;

	bed_teardown(bed);
	scsi_copy_domain_destroy(domain);
	free(bed);
	return 0;
}

/* ATO: application tags are the initiators'. */
static void own_tags(struct bed *bed)
{
	static const uint8_t list[16] = { 0,    0, 0,    0, 0x0a, 10,   0x22,
					  0x10, 0, 0x80, 0, 0,    0xff, 0xff };
	struct bed_cmd cmd;

	BED_CDB(bed, &cmd, 0x15, 0x10, 0, 0, 16, 0);
	bed_has(&cmd, list, sizeof(list));
	assert_int_equal(bed_run(&cmd), GOOD);
}

static void prepare(struct bed *bed, struct bed_cmd *cmd, uint8_t op, uint8_t action, uint64_t lba,
		    uint32_t count)
{
	if (bed->config.protection == 2)
		cdb_32(bed, cmd, action, 1 << 5, lba, count, (uint32_t)lba);
	else
		cdb_16(bed, cmd, op, 1 << 5, lba, count);
}

/* MANY blocks with all that belongs to them, at LBA. */
static const uint8_t *write_many(struct bed *bed, uint64_t lba, uint32_t seed)
{
	static uint8_t wire[MANY * WIRE];
	struct bed_cmd cmd;

	fill(wire, MANY, (uint32_t)lba, 0x1234, seed);
	prepare(bed, &cmd, 0x8a, 0x0b, lba, MANY);
	bed_has(&cmd, wire, sizeof(wire));
	assert_int_equal(bed_run(&cmd), GOOD);
	return wire;
}

/* As they are read with RDPROTECT 001b, without error. */
static const uint8_t *read_many(struct bed *bed, uint64_t lba, uint32_t count)
{
	static uint8_t wire[MANY * WIRE];
	struct bed_cmd cmd;

	prepare(bed, &cmd, 0x88, 0x09, lba, count);
	bed_wants(&cmd, count * WIRE);
	assert_int_equal(bed_get(&cmd), GOOD);
	memcpy(wire, cmd.in, count * WIRE);
	bed_release(&cmd);
	return wire;
}

/* The blocks at TO have DATA (each with 8 bytes behind it, that do not matter) and what is made for them. */
static void expect_made(struct bed *bed, const uint8_t *data, bool has_owner)
{
	const uint8_t *back = read_many(bed, TO, MANY);
	unsigned type = bed->config.protection;

	for (unsigned i = 0; i < MANY; i++) {
		const uint8_t *block = back + i * WIRE;

		assert_memory_equal(block, data + i * WIRE, BLOCK);
		assert_int_equal(get_be16(block + BLOCK), slow_crc(block, BLOCK));
		assert_int_equal(get_be16(block + BLOCK + 2), has_owner || type == 2 ? 0xffff : 0);
		assert_int_equal(get_be32(block + BLOCK + 4), type == 1 ? TO + i : UINT32_MAX);
	}
}

static void expect_ones(struct bed *bed, uint64_t lba, uint32_t count, uint8_t data)
{
	const uint8_t *back = read_many(bed, lba, count);

	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(back[i * WIRE], data);
		assert_int_equal(get_be64(back + i * WIRE + BLOCK), UINT64_MAX);
	}
}

/* EXTENDED COPY(LID1) of MANY blocks at LBA of FROM to TO of TO_LU; its status. */
static uint8_t copy(struct bed *bed, struct bed_cmd *cmd, const struct scsi_lu *from,
		    const struct scsi_lu *to, uint64_t lba)
{
	static uint8_t list[16 + 2 * 32 + 28];
	const struct scsi_lu *lus[] = { from, to };
	uint8_t *segment = list + 16 + 2 * 32;
	uint8_t cdb[16] = { 0x83, [13] = sizeof(list) };

	memset(list, 0, sizeof(list));
	list[0] = 1;
	put_be16(list + 2, 2 * 32);
	put_be32(list + 8, 28);
	for (unsigned i = 0; i < 2; i++) {
		uint8_t *at = list + 16 + 32 * i;

		at[0] = 0xe4;
		at[4] = 1;
		at[5] = 3;
		at[7] = 8;
		memcpy(at + 8, lus[i]->naa, 8);
		put_be32(at + 28, BLOCK);
	}
	segment[0] = 0x02;
	segment[3] = 0x18;
	put_be16(segment + 6, 1);
	put_be16(segment + 10, MANY);
	put_be64(segment + 12, lba);
	put_be64(segment + 20, TO);
	bed_cdb(bed, cmd, cdb, 16);
	bed_has(cmd, list, sizeof(list));
	return bed_run(cmd);
}

static void test_extended_copy__within(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;

	for (unsigned has_owner = 0; has_owner < 2; has_owner++) {
		const uint8_t *wire = write_many(bed, LBA, 1 + 100 * has_owner);

		if (has_owner)
			own_tags(bed);
		assert_int_equal(copy(bed, &cmd, bed->lu, bed->lu, LBA), GOOD);
		expect_made(bed, wire, has_owner);
	}
	/* To where there is none. */
	assert_int_equal(copy(bed, &cmd, bed->lu, bed->second_lu, LBA), GOOD);
	assert_memory_equal(bed_second_medium(bed, TO + 3), bed_medium(bed, LBA + 3), BLOCK);
}

/* From a logical unit without protection information. */
static void test_extended_copy__into(void **state)
{
	static uint8_t wire[MANY * WIRE];
	struct bed *bed = *state;
	struct bed_cmd cmd;

	bed_pattern(bed_second_medium(bed, LBA), MANY * BLOCK, 77);
	for (unsigned i = 0; i < MANY; i++)
		memcpy(wire + i * WIRE, bed_second_medium(bed, LBA + i), BLOCK);
	assert_int_equal(copy(bed, &cmd, bed->second_lu, bed->lu, LBA), GOOD);
	expect_made(bed, wire, false);
}

/* What has changed on its medium is not copied as if it were right. */
static void test_extended_copy__of_what_is_wrong(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;

	write_many(bed, LBA, 1);
	bed_medium(bed, LBA + 5)[0] ^= 1;
	assert_int_equal(copy(bed, &cmd, bed->lu, bed->second_lu, LBA), CHECK);
	assert_int_equal(cmd.cmd.sense[2], 0x0a);
}

static void test_token__is_made_anew(void **state)
{
	static uint8_t list[16 + 16], use[536 + 16];
	struct bed *bed = *state;
	const uint8_t *wire = write_many(bed, LBA, 1);
	struct bed_cmd cmd;

	put_be16(list, sizeof(list) - 2);
	put_be16(list + 14, 16);
	put_be64(list + 16, LBA);
	put_be32(list + 24, MANY);
	bed_cdb(bed, &cmd, (const uint8_t[16]){ 0x83, 0x10, [9] = 1, [13] = sizeof(list) }, 16);
	bed_has(&cmd, list, sizeof(list));
	assert_int_equal(bed_run(&cmd), GOOD);
	bed_cdb(bed, &cmd, (const uint8_t[16]){ 0x84, 0x07, [5] = 1, [12] = 4 }, 16);
	bed_wants(&cmd, 1024);
	assert_int_equal(bed_get(&cmd), GOOD);
	assert_int_equal(cmd.in_length, 38 + 512);
	memset(use, 0, sizeof(use));
	memcpy(use + 16, cmd.in + 38, 512);
	bed_release(&cmd);
	put_be16(use, sizeof(use) - 2);
	put_be16(use + 534, 16);
	put_be64(use + 536, TO);
	put_be32(use + 544, MANY);
	bed_cdb(bed, &cmd,
		(const uint8_t[16]){
			0x83, 0x11, [9] = 2, [12] = sizeof(use) >> 8, [13] = sizeof(use) & 0xff },
		16);
	bed_has(&cmd, use, sizeof(use));
	assert_int_equal(bed_run(&cmd), GOOD);
	expect_made(bed, wire, false);
	/* The block device zero ROD token has none. */
	memset(use + 16, 0, 512);
	put_be32(use + 16, 0xffff0001);
	put_be16(use + 22, 0x01f8);
	bed_cdb(bed, &cmd,
		(const uint8_t[16]){ 0x83, 0x11, [9] = 2, [12] = sizeof(use) >> 8,
				     [13] = sizeof(use) & 0xff },
		16);
	bed_has(&cmd, use, sizeof(use));
	assert_int_equal(bed_run(&cmd), GOOD);
	expect_ones(bed, TO, MANY, 0);
}

static void test_nobody_has_written__all_ones(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;

	expect_ones(bed, LBA, MANY, 0);
	write_many(bed, LBA, 1);
	BED_CDB(bed, &cmd, 0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0);
	bed_has(&cmd,
		(const uint8_t[24]){ 0, 22, 0,
				     16, [15] = LBA, [18] = MANY >> 8, [19] = MANY & 0xff },
		24);
	assert_int_equal(bed_run(&cmd), GOOD);
	expect_ones(bed, LBA, MANY, 0);
	/* SANITIZE, OVERWRITE with a pattern, and BLOCK ERASE. */
	write_many(bed, LBA, 1);
	BED_CDB(bed, &cmd, 0x48, 0x01, 0, 0, 0, 0, 0, 0, 5, 0);
	bed_has(&cmd, (const uint8_t[5]){ 1, 0, 0, 1, 0x5a }, 5);
	assert_int_equal(bed_run(&cmd), GOOD);
	expect_ones(bed, LBA, MANY, 0x5a);
	write_many(bed, LBA, 1);
	BED_CDB(bed, &cmd, 0x48, 0x02, 0, 0, 0, 0, 0, 0, 0, 0);
	assert_int_equal(bed_run(&cmd), GOOD);
	expect_ones(bed, LBA, MANY, 0);
	/* FORMAT UNIT with an initialization pattern: to the type that there is. */
	write_many(bed, LBA, 1);
	BED_CDB(bed, &cmd, 0x04, bed->config.protection == 1 ? 0x90 : 0xd0, 0, 0, 0, 0);
	bed_has(&cmd,
		(const uint8_t[9]){ bed->config.protection == 3, 0x88, 0, 0, 0, 1, 0, 1, 0x77 }, 9);
	assert_int_equal(bed_run(&cmd), GOOD);
	expect_ones(bed, LBA, MANY, 0x77);
}

#define CASE(number, name)                                                    \
	{                                                                     \
#name ", type " #number, name, setup_##number, teardown, NULL \
	}
#define CASES(name) CASE(1, name), CASE(2, name), CASE(3, name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASES(test_extended_copy__within),           CASES(test_extended_copy__into),
		CASES(test_extended_copy__of_what_is_wrong), CASES(test_token__is_made_anew),
		CASES(test_nobody_has_written__all_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
