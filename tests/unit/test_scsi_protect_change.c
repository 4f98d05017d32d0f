/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scsi/protect_change.c and VERIFY of scsi/protect.c: each form with each type, in memory and in
 * files; what was written reads back with its eight bytes, what is refused has changed nothing.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "test_scsi_protect.h"

enum { SAME = 700 /* blocks: more than one piece */ };

struct disk {
	struct bed bed;
	unsigned type;
	char data[40], side[40];
};

static void make_file(char path[40], off_t size)
{
	int fd;

	strcpy(path, "/tmp/test_scsi_protect.XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
}

static int make(void **state, const char *kind, unsigned type, uint32_t block_size)
{
	struct disk *disk = calloc(1, sizeof(*disk));
	struct bed_config config = {
		.kind = kind,
		.protection = type,
		.block_size = block_size,
		.lu = { .thin = true },
	};

	disk->type = type;
	if (strcmp(kind, "file") == 0) {
		make_file(disk->data, 16 << 20);
		make_file(disk->side, 0);
		config.setting = (struct store_argument){ "path", disk->data };
		config.protection_path = disk->side;
	}
	bed_setup(&disk->bed, &config);
	bed_clear_attention(&disk->bed);
	*state = disk;
	return 0;
}

static int teardown(void **state)
{
	struct disk *disk = *state;

	bed_teardown(&disk->bed);
	if (disk->data[0] != '\0') {
		unlink(disk->data);
		unlink(disk->side);
	}
	free(disk);
	return 0;
}

#define SETUP(kind, type)                               \
	static int setup_##kind##_##type(void **state)  \
	{                                               \
		return make(state, #kind, type, BLOCK); \
	}

SETUP(ram, 1)
SETUP(ram, 2)
SETUP(ram, 3)
SETUP(file, 1)
SETUP(file, 2)
SETUP(file, 3)

static int setup_4k(void **state)
{
	return make(state, "ram", 1, 4096);
}

/* With 32 bytes where the type wants it: OP of 16 bytes, ACTION of 32. The reference tag expected is LBA's. */
static void prepare(struct disk *disk, struct bed_cmd *cmd, uint8_t op, uint8_t action,
		    uint8_t options, uint64_t lba, uint32_t count)
{
	if (disk->type == 2)
		cdb_32(&disk->bed, cmd, action, options, lba, count, (uint32_t)lba);
	else
		cdb_16(&disk->bed, cmd, op, options, lba, count);
}

static uint8_t take(struct disk *disk, struct bed_cmd *cmd, unsigned protect, uint64_t lba,
		    uint8_t *data, unsigned count)
{
	uint8_t status;

	prepare(disk, cmd, 0x88, 0x09, (uint8_t)(protect << 5), lba, count);
	bed_wants(cmd, count * WIRE);
	status = bed_get(cmd);
	if (status == GOOD)
		memcpy(data, cmd->in, count * WIRE);
	bed_release(cmd);
	return status;
}

static uint8_t put(struct disk *disk, struct bed_cmd *cmd, unsigned protect, uint64_t lba,
		   const uint8_t *data, unsigned count)
{
	prepare(disk, cmd, 0x8a, 0x0b, (uint8_t)(protect << 5), lba, count);
	bed_has(cmd, data, count * WIRE);
	return bed_run(cmd);
}

static uint8_t same(struct disk *disk, struct bed_cmd *cmd, uint8_t options, const uint8_t *block)
{
	prepare(disk, cmd, 0x93, 0x0d, options, LBA, SAME);
	if (block != NULL)
		bed_has(cmd, block, WIRE);
	return bed_run(cmd);
}

static uint8_t verify(struct disk *disk, struct bed_cmd *cmd, unsigned protect, unsigned bytchk,
		      const uint8_t *data, unsigned count)
{
	prepare(disk, cmd, 0x8f, 0x0a, (uint8_t)(protect << 5 | bytchk << 1), LBA, count);
	bed_has(cmd, data, bytchk == 3 ? WIRE : count * WIRE);
	return bed_run(cmd);
}

static void expect_miscompare(const struct bed_cmd *cmd)
{
	bed_expect_sense(cmd, MISCOMPARE, 0x1d00);
}

/* What is on the medium, whatever it is. */
static void expect_wire(struct disk *disk, uint64_t lba, const uint8_t *wire, unsigned count)
{
	static uint8_t back[COUNT * WIRE];
	struct bed_cmd cmd;

	assert_int_equal(take(disk, &cmd, 3, lba, back, count), GOOD);
	assert_memory_equal(back, wire, count * WIRE);
}

/* ---- WRITE SAME ------------------------------------------------------------------------ */

static void test_write_same__each_has_its_own(void **state)
{
	static uint8_t all[SAME * WIRE];
	uint8_t block[WIRE];
	struct disk *disk = *state;
	struct bed_cmd cmd;

	fill(block, 1, LBA, 0x4321, 9);
	for (unsigned protect = 1; protect <= 5; protect++) {
		assert_int_equal(same(disk, &cmd, (uint8_t)(protect << 5), block), GOOD);
		memset(all, 0, sizeof(all));
		assert_int_equal(take(disk, &cmd, 1, LBA, all, SAME), GOOD);
		for (unsigned i = 0; i < SAME; i++) {
			const uint8_t *pi = all + i * WIRE + BLOCK;

			assert_memory_equal(all + i * WIRE, block, BLOCK + 4);
			assert_int_equal(get_be32(pi + 4), disk->type == 3 ? LBA : LBA + i);
		}
		/* What was written can be verified by the same. */
		assert_int_equal(verify(disk, &cmd, protect, 3, block, SAME), GOOD);
	}
	/* Nor is a block beyond changed. */
	assert_int_equal(take(disk, &cmd, 1, LBA + SAME, all, 1), GOOD);
	assert_int_equal(get_be64(all + BLOCK), UINT64_MAX);
	block[7] ^= 1;
	assert_int_equal(verify(disk, &cmd, 3, 3, block, SAME), CHECK);
	expect_miscompare(&cmd);
}

static void test_write_same__checks_first(void **state)
{
	uint8_t block[WIRE], good[WIRE];
	struct disk *disk = *state;
	struct bed_cmd cmd;

	fill(good, 1, LBA, 1, 9);
	assert_int_equal(same(disk, &cmd, 1 << 5, good), GOOD);
	fill(block, 1, LBA, 1, 10);
	block[BLOCK] ^= 0x80;
	assert_int_equal(same(disk, &cmd, 1 << 5, block), CHECK);
	expect_wrong(&cmd, 0x1001, LBA);
	expect_wire(disk, LBA, good, 1);
	fill(block, 1, LBA + 1, 1, 10);
	assert_int_equal(same(disk, &cmd, 1 << 5, block), disk->type == 3 ? GOOD : CHECK);
	if (disk->type != 3) {
		expect_wrong(&cmd, 0x1003, LBA);
		expect_wire(disk, LBA, good, 1);
	}
	/* 011b: as it comes. */
	block[BLOCK] ^= 0x80;
	assert_int_equal(same(disk, &cmd, 3 << 5, block), GOOD);
	expect_wire(disk, LBA, block, 1);
	/* One block and what belongs to it, not less. */
	prepare(disk, &cmd, 0x93, 0x0d, 1 << 5, LBA, SAME);
	bed_has(&cmd, block, BLOCK);
	assert_int_equal(bed_run(&cmd), CHECK);
	bed_expect_sense(&cmd, 0x5, 0x0e03);
}

static void test_write_same__all_ones_and_nothing(void **state)
{
	static uint8_t back[COUNT * WIRE];
	uint8_t block[WIRE];
	struct disk *disk = *state;
	struct bed_cmd cmd;

	/* All ones stay all ones. */
	fill(block, 1, LBA, 1, 9);
	memset(block + BLOCK, 0xff, 8);
	assert_int_equal(same(disk, &cmd, 3 << 5, block), GOOD);
	assert_int_equal(take(disk, &cmd, 1, LBA + SAME - 1, back, 1), GOOD);
	assert_memory_equal(back, block, WIRE);
	/* NDOB: zeros with all ones. */
	assert_int_equal(same(disk, &cmd, 1 << 5 | 0x01, NULL), GOOD);
	memset(block, 0, BLOCK);
	assert_int_equal(take(disk, &cmd, 1, LBA + SAME - 1, back, 1), GOOD);
	assert_memory_equal(back, block, WIRE);
	/* The same by a block, and given back. */
	fill(back, 1, LBA, 1, 9);
	assert_int_equal(put(disk, &cmd, 1, LBA, back, 1), GOOD);
	assert_int_equal(same(disk, &cmd, 3 << 5 | 0x08, block), GOOD);
	assert_int_equal(take(disk, &cmd, 1, LBA, back, 1), GOOD);
	assert_memory_equal(back, block, WIRE);
	/* Without any on the wire it is made, with NDOB too: READ finds nothing wrong. */
	assert_int_equal(same(disk, &cmd, 0x01, NULL), GOOD);
	assert_int_equal(take(disk, &cmd, 1, LBA, back, 2), GOOD);
	assert_int_equal(get_be32(back + WIRE + BLOCK), disk->type == 2 ? 0xffff : 0);
	assert_int_equal(get_be32(back + WIRE + BLOCK + 4), disk->type == 1 ? LBA + 1 : UINT32_MAX);
}

static void test_write_same__10(void **state)
{
	uint8_t block[WIRE];
	struct disk *disk = *state;
	struct bed_cmd cmd;

	fill(block, 1, LBA, 0x99, 9);
	BED_CDB(&disk->bed, &cmd, 0x41, 1 << 5, 0, 0, 0, LBA, 0, 0, 3, 0);
	bed_has(&cmd, block, WIRE);
	assert_int_equal(bed_run(&cmd), disk->type == 2 ? CHECK : GOOD);
	if (disk->type == 2) {
		bed_expect_sense(&cmd, 0x5, 0x2000);
		return;
	}
	expect_wire(disk, LBA, block, 1);
	put_be32(block + BLOCK + 4, disk->type == 3 ? LBA : LBA + 2);
	expect_wire(disk, LBA + 2, block, 1);
}

/* A block is more than the smallest piece of memory. */
static void test_write_same__4096(void **state)
{
	enum { BIG = 4096 };
	static uint8_t block[BIG + 8];
	struct disk *disk = *state;
	struct bed_cmd cmd;

	bed_pattern(block, BIG, 1);
	put_be16(block + BIG, slow_crc(block, BIG));
	put_be32(block + BIG + 4, LBA);
	cdb_16(&disk->bed, &cmd, 0x93, 1 << 5, LBA, 100);
	bed_has(&cmd, block, sizeof(block));
	assert_int_equal(bed_run(&cmd), GOOD);
	cdb_16(&disk->bed, &cmd, 0x8f, 1 << 5 | 3 << 1, LBA, 100);
	bed_has(&cmd, block, sizeof(block));
	assert_int_equal(bed_run(&cmd), GOOD);
	put_be32(block + BIG + 4, LBA + 99);
	cdb_16(&disk->bed, &cmd, 0x88, 1 << 5, LBA + 99, 1);
	bed_wants(&cmd, sizeof(block));
	bed_expect_data(&cmd, block, sizeof(block));
}

/* ---- COMPARE AND WRITE ------------------------------------------------------------------ */

static uint8_t compare_and_write(struct disk *disk, struct bed_cmd *cmd, unsigned protect,
				 const uint8_t *both, uint8_t count)
{
	bed_cdb(&disk->bed, cmd,
		(const uint8_t[16]){ 0x89, (uint8_t)(protect << 5), [9] = LBA, [13] = count }, 16);
	bed_has(cmd, both, 2 * count * WIRE);
	return bed_run(cmd);
}

static void test_compare_and_write__data_is_compared(void **state)
{
	static uint8_t both[2 * COUNT * WIRE], *old = both, *new = both + COUNT *WIRE;
	struct disk *disk = *state;
	struct bed_cmd cmd;

	fill(old, COUNT, LBA, 1, 1);
	fill(new, COUNT, LBA, 2, 60);
	assert_int_equal(put(disk, &cmd, 1, LBA, old, COUNT), GOOD);
	if (disk->type == 2) {
		assert_int_equal(compare_and_write(disk, &cmd, 1, both, COUNT), CHECK);
		bed_expect_sense(&cmd, 0x5, 0x2000);
		return;
	}
	/* The protection information of what is expected does not count. */
	memset(old + 2 * WIRE + BLOCK, 0x55, 8);
	assert_int_equal(compare_and_write(disk, &cmd, 1, both, COUNT), GOOD);
	expect_wire(disk, LBA, new, COUNT);
	/* Where it differs, counted in what came. */
	memcpy(old, new, COUNT * WIRE);
	fill(new, COUNT, LBA, 3, 90);
	old[2 * WIRE + 5] ^= 1;
	assert_int_equal(compare_and_write(disk, &cmd, 1, both, COUNT), CHECK);
	expect_key(&cmd, MISCOMPARE, 0x1d00, 2 * WIRE + 5);
	old[2 * WIRE + 5] ^= 1;
	expect_wire(disk, LBA, old, COUNT);
	/* What is to be written is checked. */
	new[3 * WIRE + BLOCK + 1] ^= 1;
	assert_int_equal(compare_and_write(disk, &cmd, 4, both, COUNT), CHECK);
	expect_wrong(&cmd, 0x1001, LBA + 3);
	expect_wire(disk, LBA, old, COUNT);
	assert_int_equal(compare_and_write(disk, &cmd, 2, both, COUNT), GOOD);
	expect_wire(disk, LBA, new, COUNT);
	memcpy(old, new, COUNT * WIRE);
	fill(new, COUNT, LBA + 1, 3, 90);
	/* That is not the guard of what is there. */
	assert_int_equal(compare_and_write(disk, &cmd, 1, both, COUNT), CHECK);
	expect_wrong(&cmd, 0x1001, LBA + 3);
	expect_wire(disk, LBA, old, COUNT);
}

static void test_compare_and_write__reference(void **state)
{
	static uint8_t both[2 * WIRE];
	struct disk *disk = *state;
	struct bed_cmd cmd;

	fill(both, 1, LBA, 1, 1);
	fill(both + WIRE, 1, LBA + 1, 1, 2);
	assert_int_equal(put(disk, &cmd, 1, LBA, both, 1), GOOD);
	assert_int_equal(compare_and_write(disk, &cmd, 1, both, 1), disk->type == 1 ? CHECK : GOOD);
	if (disk->type == 1) {
		expect_wrong(&cmd, 0x1003, LBA);
		expect_wire(disk, LBA, both, 1);
		assert_int_equal(compare_and_write(disk, &cmd, 3, both, 1), GOOD);
	}
	expect_wire(disk, LBA, both + WIRE, 1);
	/* As many bytes as it takes, and no blocks without bytes. */
	bed_cdb(&disk->bed, &cmd, (const uint8_t[16]){ 0x89, 1 << 5, [9] = LBA, [13] = 1 }, 16);
	bed_has(&cmd, both, 2 * BLOCK);
	assert_int_equal(bed_run(&cmd), CHECK);
	bed_cdb(&disk->bed, &cmd, (const uint8_t[16]){ 0x89, 1 << 5, [9] = LBA }, 16);
	assert_int_equal(bed_run(&cmd), GOOD);
}

/* ---- ORWRITE, WRITE ATOMIC -------------------------------------------------------------- */

static uint8_t orwrite(struct disk *disk, struct bed_cmd *cmd, unsigned protect,
		       const uint8_t *data, unsigned count)
{
	cdb_16(&disk->bed, cmd, 0x8b, (uint8_t)(protect << 5), LBA, count);
	bed_has(cmd, data, count * WIRE);
	return bed_run(cmd);
}

static void merge(uint8_t *into, const uint8_t *with, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		uint8_t *to = into + i * WIRE;

		for (unsigned j = 0; j < BLOCK; j++)
			to[j] |= with[i * WIRE + j];
		memcpy(to + BLOCK, with + i * WIRE + BLOCK, 8);
		put_be16(to + BLOCK, slow_crc(to, BLOCK));
	}
}

static void test_orwrite__makes_the_guard_anew(void **state)
{
	static uint8_t old[COUNT * WIRE], with[COUNT * WIRE];
	struct disk *disk = *state;
	struct bed_cmd cmd;

	fill(old, COUNT, LBA, 1, 1);
	fill(with, COUNT, LBA, 2, 60);
	assert_int_equal(put(disk, &cmd, 1, LBA, old, COUNT), GOOD);
	if (disk->type == 2) {
		assert_int_equal(orwrite(disk, &cmd, 1, with, COUNT), CHECK);
		bed_expect_sense(&cmd, 0x5, 0x2000);
		return;
	}
	assert_int_equal(orwrite(disk, &cmd, 1, with, COUNT), GOOD);
	merge(old, with, COUNT);
	expect_wire(disk, LBA, old, COUNT);
	/* What comes is checked ... */
	with[WIRE + BLOCK] ^= 1;
	assert_int_equal(orwrite(disk, &cmd, 1, with, COUNT), CHECK);
	expect_wrong(&cmd, 0x1001, LBA + 1);
	expect_wire(disk, LBA, old, COUNT);
	assert_int_equal(orwrite(disk, &cmd, 2, with, COUNT), GOOD);
	merge(old, with, COUNT);
	expect_wire(disk, LBA, old, COUNT);
	/* ... and what is there. */
	fill(with, COUNT, LBA, 2, 80);
	old[4 * WIRE + BLOCK + 1] ^= 1;
	assert_int_equal(put(disk, &cmd, 3, LBA, old, COUNT), GOOD);
	assert_int_equal(orwrite(disk, &cmd, 1, with, COUNT), CHECK);
	expect_wrong(&cmd, 0x1001, LBA + 4);
	expect_wire(disk, LBA, old, COUNT);
	assert_int_equal(orwrite(disk, &cmd, 3, with, COUNT), GOOD);
	merge(old, with, COUNT);
	expect_wire(disk, LBA, old, COUNT);
	assert_int_equal(take(disk, &cmd, 1, LBA, old, COUNT), GOOD);
}

static void test_orwrite__reference(void **state)
{
	static uint8_t old[WIRE], with[WIRE];
	struct disk *disk = *state;
	struct bed_cmd cmd;

	fill(old, 1, LBA, 1, 1);
	fill(with, 1, LBA + 1, 2, 60);
	assert_int_equal(put(disk, &cmd, 1, LBA, old, 1), GOOD);
	assert_int_equal(orwrite(disk, &cmd, 1, with, 1), disk->type == 1 ? CHECK : GOOD);
	if (disk->type == 1) {
		expect_wrong(&cmd, 0x1003, LBA);
		expect_wire(disk, LBA, old, 1);
		assert_int_equal(orwrite(disk, &cmd, 4, with, 1), GOOD);
		/* Now what is there has the wrong one. */
		fill(with, 1, LBA, 2, 60);
		assert_int_equal(orwrite(disk, &cmd, 1, with, 1), CHECK);
		expect_wrong(&cmd, 0x1003, LBA);
	}
}

static void test_write_atomic__as_write(void **state)
{
	static uint8_t old[COUNT * WIRE], wire[COUNT * WIRE];
	struct disk *disk = *state;
	struct bed_cmd cmd;
	uint8_t cdb[16] = { 0x9c, 1 << 5, [9] = LBA, [13] = COUNT };

	fill(old, COUNT, LBA, 1, 1);
	fill(wire, COUNT, LBA, 2, 60);
	assert_int_equal(put(disk, &cmd, 1, LBA, old, COUNT), GOOD);
	wire[2 * WIRE + BLOCK] ^= 1;
	bed_cdb(&disk->bed, &cmd, cdb, 16);
	bed_has(&cmd, wire, sizeof(wire));
	assert_int_equal(bed_run(&cmd), CHECK);
	if (disk->data[0] != '\0' || disk->type == 2) {
		/* The file and what is beside it are no whole. */
		bed_expect_sense(&cmd, 0x5, 0x2000);
		return;
	}
	expect_wrong(&cmd, 0x1001, LBA + 2);
	expect_wire(disk, LBA, old, COUNT);
	wire[2 * WIRE + BLOCK] ^= 1;
	bed_cdb(&disk->bed, &cmd, cdb, 16);
	bed_has(&cmd, wire, sizeof(wire));
	assert_int_equal(bed_run(&cmd), GOOD);
	expect_wire(disk, LBA, wire, COUNT);
	bed_cdb(&disk->bed, &cmd, cdb, 16);
	bed_has(&cmd, wire, sizeof(wire) - WIRE);
	assert_int_equal(bed_run(&cmd), CHECK);
	bed_expect_sense(&cmd, 0x5, 0x0e03);
}

/* ---- VERIFY, WRITE AND VERIFY ------------------------------------------------------------ */

static void test_verify__compares(void **state)
{
	static uint8_t wire[COUNT * WIRE], other[COUNT * WIRE];
	struct disk *disk = *state;
	struct bed_cmd cmd;

	fill(wire, COUNT, LBA, 0x11, 1);
	assert_int_equal(put(disk, &cmd, 1, LBA, wire, COUNT), GOOD);
	for (unsigned protect = 1; protect <= 5; protect++) {
		assert_int_equal(verify(disk, &cmd, protect, 1, wire, COUNT), GOOD);
		/* Application tags are nobody's: not compared. */
		fill(other, COUNT, LBA, 0x22, 1);
		assert_int_equal(verify(disk, &cmd, protect, 1, other, COUNT), GOOD);
		/* Data. */
		fill(other, COUNT, LBA, 0x11, 1);
		other[3 * WIRE + 100] ^= 8;
		put_be16(other + 3 * WIRE + BLOCK, slow_crc(other + 3 * WIRE, BLOCK));
		assert_int_equal(verify(disk, &cmd, protect, 1, other, COUNT), CHECK);
		expect_miscompare(&cmd);
	}
	cdb_16(&disk->bed, &cmd, 0x8f, 3 << 5 | 2 << 1, LBA, COUNT);
	if (disk->type != 2)
		BED_RUN_FIELD(&cmd, 1, 2);
	assert_int_equal(verify(disk, &cmd, 6, 1, wire, COUNT), CHECK);
	bed_expect_field(&cmd, 0x2400, disk->type == 2 ? 10 : 1, 7);
}

/* By VRPROTECT: what of the data-out is checked (ABORTED COMMAND), what compared (MISCOMPARE). */
static void test_verify__by_code(void **state)
{
	static const uint8_t guard[] = { 0, ABORTED, 0, MISCOMPARE, ABORTED, ABORTED };
	static const uint8_t reference[] = { 0, ABORTED, ABORTED, MISCOMPARE, MISCOMPARE, ABORTED };
	/* The data-out is right, the medium is not. */
	static const uint8_t medium_guard[] = {
		0, MISCOMPARE, 0, MISCOMPARE, MISCOMPARE, MISCOMPARE
	};
	static const uint8_t medium_reference[] = { 0,          MISCOMPARE, MISCOMPARE,
						    MISCOMPARE, MISCOMPARE, 0 };
	static uint8_t wire[COUNT * WIRE], wrong[COUNT * WIRE];
	struct disk *disk = *state;
	struct bed_cmd cmd;

	for (unsigned protect = 1; protect <= 5; protect++) {
		for (unsigned what = 0; what < 4; what++) {
			const uint8_t *keys[] = { guard, reference, medium_guard,
						  medium_reference };
			bool is_reference = what & 1, is_medium = what & 2;
			uint8_t key = is_reference && disk->type == 3 ? 0 : keys[what][protect];
			uint16_t code = is_reference ? 0x1003 : 0x1001;

			fill(wire, COUNT, LBA, 0x11, 1);
			fill(wrong, COUNT, LBA, 0x11, 1);
			wrong[2 * WIRE + BLOCK + (is_reference ? 4 : 0)] ^= 1;
			assert_int_equal(put(disk, &cmd, 3, LBA, is_medium ? wrong : wire, COUNT),
					 GOOD);
			assert_int_equal(
				verify(disk, &cmd, protect, 1, is_medium ? wire : wrong, COUNT),
				key != 0 ? CHECK : GOOD);
			if (key != 0)
				expect_key(&cmd, key, code, LBA + 2);
		}
	}
}

static void test_verify__one_block(void **state)
{
	static uint8_t wire[COUNT * WIRE];
	struct disk *disk = *state;
	struct bed_cmd cmd;

	/* Never written: only the data is compared. */
	memset(wire, 0, sizeof(wire));
	put_be32(wire + BLOCK + 4, LBA);
	assert_int_equal(verify(disk, &cmd, 1, 3, wire, COUNT), GOOD);
	for (unsigned i = 0; i < COUNT; i++) {
		memset(wire + i * WIRE, 7, BLOCK);
		put_be16(wire + i * WIRE + BLOCK, slow_crc(wire + i * WIRE, BLOCK));
		put_be32(wire + i * WIRE + BLOCK + 4, LBA + i);
	}
	assert_int_equal(put(disk, &cmd, 1, LBA, wire, COUNT), GOOD);
	assert_int_equal(verify(disk, &cmd, 1, 3, wire, COUNT), GOOD);
	put_be32(wire + 3 * WIRE + BLOCK + 4, 4711);
	assert_int_equal(put(disk, &cmd, 3, LBA, wire, COUNT), GOOD);
	assert_int_equal(verify(disk, &cmd, 1, 3, wire, COUNT), disk->type == 3 ? GOOD : CHECK);
	if (disk->type != 3)
		expect_key(&cmd, MISCOMPARE, 0x1003, LBA + 3);
	assert_int_equal(verify(disk, &cmd, 5, 3, wire, COUNT), GOOD);
	wire[BLOCK] ^= 1;
	assert_int_equal(verify(disk, &cmd, 1, 3, wire, COUNT), CHECK);
	expect_wrong(&cmd, 0x1001, LBA);
	wire[BLOCK] ^= 1;
	wire[4 * WIRE] = 8;
	assert_int_equal(put(disk, &cmd, 3, LBA, wire, COUNT), GOOD);
	assert_int_equal(verify(disk, &cmd, 5, 3, wire, COUNT), CHECK);
	expect_miscompare(&cmd);
}

static void test_write_and_verify__compares(void **state)
{
	static uint8_t wire[SAME * WIRE], back[SAME * WIRE];
	struct disk *disk = *state;
	struct bed_cmd cmd;

	fill(wire, SAME, LBA, 0x11, 1);
	prepare(disk, &cmd, 0x8e, 0x0c, 1 << 5 | 1 << 1, LBA, SAME);
	bed_has(&cmd, wire, sizeof(wire));
	assert_int_equal(bed_run(&cmd), GOOD);
	assert_int_equal(take(disk, &cmd, 1, LBA, back, SAME), GOOD);
	assert_memory_equal(back, wire, sizeof(wire));
	wire[WIRE] ^= 1;
	prepare(disk, &cmd, 0x8e, 0x0c, 1 << 5 | 1 << 1, LBA, SAME);
	bed_has(&cmd, wire, sizeof(wire));
	assert_int_equal(bed_run(&cmd), CHECK);
	expect_wrong(&cmd, 0x1001, LBA + 1);
	assert_int_equal(take(disk, &cmd, 1, LBA, wire, SAME), GOOD);
	assert_memory_equal(back, wire, sizeof(wire));
	prepare(disk, &cmd, 0x8e, 0x0c, 1 << 5 | 3 << 1, LBA, SAME);
	bed_has(&cmd, wire, WIRE);
	BED_RUN_FIELD(&cmd, disk->type == 2 ? 10 : 1, 2);
}

#define CASE(kind, type, name)                                                          \
	{                                                                               \
#name ", " #kind " " #type, name, setup_##kind##_##type, teardown, NULL \
	}
#define CASES(name)                                                                      \
	CASE(ram, 1, name), CASE(ram, 2, name), CASE(ram, 3, name), CASE(file, 1, name), \
		CASE(file, 2, name), CASE(file, 3, name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASES(test_write_same__each_has_its_own),
		CASES(test_write_same__checks_first),
		CASES(test_write_same__all_ones_and_nothing),
		CASES(test_write_same__10),
		cmocka_unit_test_setup_teardown(test_write_same__4096, setup_4k, teardown),
		CASES(test_compare_and_write__data_is_compared),
		CASE(ram, 1, test_compare_and_write__reference),
		CASE(ram, 3, test_compare_and_write__reference),
		CASES(test_orwrite__makes_the_guard_anew),
		CASE(ram, 1, test_orwrite__reference),
		CASE(ram, 3, test_orwrite__reference),
		CASES(test_write_atomic__as_write),
		CASES(test_verify__compares),
		CASES(test_verify__by_code),
		CASES(test_verify__one_block),
		CASES(test_write_and_verify__compares),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
