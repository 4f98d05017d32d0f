/* SPDX-License-Identifier: BSD-2-Clause */
/* The device server on real stores: what was written, in whatever way, reads back. */
#include "test_scsi_bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"

enum { DISK = 16 << 20, BLOCK = 512 };

struct disk {
	struct bed bed;
	uint8_t *expected; /* what must be on it */
	char path[32];
};

static void make(struct disk *disk, const char *kind)
{
	struct bed_config config = { .kind = kind, .lu = { .thin = true } };

	memset(disk, 0, sizeof(*disk));
	if (strcmp(kind, "file") == 0) {
		int fd;

		strcpy(disk->path, "/tmp/test_scsi_stores.XXXXXX");
		fd = mkstemp(disk->path);
		assert_true(fd >= 0);
		assert_int_equal(ftruncate(fd, DISK), 0);
		close(fd);
		config.setting = (struct store_argument){ "path", disk->path };
	}
	bed_setup(&disk->bed, &config);
	bed_clear_attention(&disk->bed);
	disk->expected = calloc(1, DISK);
}

static void unmake(struct disk *disk)
{
	bed_teardown(&disk->bed);
	free(disk->expected);
	if (disk->path[0] != '\0')
		unlink(disk->path);
}

static void put_range(uint8_t *cdb, uint64_t lba, uint32_t blocks)
{
	put_be64(cdb + 2, lba);
	put_be32(cdb + 10, blocks);
}

/* Runs a 16-byte command with data out. */
static void run(struct disk *disk, uint8_t opcode, uint8_t flags, uint64_t lba, uint32_t blocks,
		const void *data, uint32_t length, bool private_data)
{
	uint8_t cdb[16] = { opcode, flags };
	struct bed_cmd cmd;

	put_range(cdb, lba, blocks);
	bed_cdb(&disk->bed, &cmd, cdb, 16);
	cmd.cmd.private_data = private_data;
	if (length != 0)
		bed_has(&cmd, data, length);
	assert_int_equal(bed_run(&cmd), 0x00);
}

static void expect(struct disk *disk, uint64_t lba, uint32_t blocks, bool private_data)
{
	uint8_t cdb[16] = { 0x88 };
	struct bed_cmd cmd;

	put_range(cdb, lba, blocks);
	bed_cdb(&disk->bed, &cmd, cdb, 16);
	cmd.cmd.private_data = private_data;
	bed_wants(&cmd, blocks * BLOCK);
	bed_expect_data(&cmd, disk->expected + lba * BLOCK, blocks * BLOCK);
}

/* Every way of writing, each on its own range, then all of the disk. */
static void exercise(const char *kind, bool private_data)
{
	static uint8_t data[1 << 20], both[66 * BLOCK];
	struct disk disk;
	uint8_t list[24] = { 0, 22, 0, 16 };
	struct bed_cmd cmd;

	make(&disk, kind);
	bed_pattern(data, sizeof(data), 17);
	for (uint64_t lba = 0; lba < DISK / BLOCK; lba += 2048) {
		run(&disk, 0x8a, lba % 4096 ? 0x08 : 0, lba, 2048, data, sizeof(data),
		    private_data);
		memcpy(disk.expected + lba * BLOCK, data, sizeof(data));
	}
	/* WRITE AND VERIFY, WRITE SAME with a block, with zeros, with none */
	run(&disk, 0x8e, 0x02, 1001, 1000, data + 512, 1000 * BLOCK, private_data);
	memcpy(disk.expected + 1001 * BLOCK, data + 512, 1000 * BLOCK);
	run(&disk, 0x93, 0, 3001, 1777, data + 5120, BLOCK, private_data);
	for (unsigned i = 0; i < 1777; i++)
		memcpy(disk.expected + (3001 + i) * BLOCK, data + 5120, BLOCK);
	run(&disk, 0x93, 0x09, 5001, 777, NULL, 0, private_data);
	memset(disk.expected + 5001 * BLOCK, 0, 777 * BLOCK);
	run(&disk, 0x93, 0x01, 7001, 777, NULL, 0, private_data);
	memset(disk.expected + 7001 * BLOCK, 0, 777 * BLOCK);
	/* UNMAP: what was unmapped reads as zeros, as VPD page B2h says. */
	put_be64(list + 8, 9001);
	put_be32(list + 16, 99);
	BED_CDB(&disk.bed, &cmd, 0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0);
	bed_has(&cmd, list, 24);
	assert_int_equal(bed_run(&cmd), 0x00);
	memset(disk.expected + 9001 * BLOCK, 0, 99 * BLOCK);
	/* COMPARE AND WRITE of what is there, ORWRITE */
	memcpy(both, disk.expected + 11001 * BLOCK, 33 * BLOCK);
	memcpy(both + 33 * BLOCK, data + 77, 33 * BLOCK);
	run(&disk, 0x89, 0, 11001, 33, both, 66 * BLOCK, private_data);
	memcpy(disk.expected + 11001 * BLOCK, data + 77, 33 * BLOCK);
	run(&disk, 0x8b, 0x08, 13001, 999, data + 99, 999 * BLOCK, private_data);
	for (unsigned i = 0; i < 999 * BLOCK; i++)
		disk.expected[13001 * BLOCK + i] |= data[99 + i];
	run(&disk, 0x91, 0, 0, 0, NULL, 0, private_data);
	/* Read, and compared by the device server itself. */
	for (uint64_t lba = 0; lba < DISK / BLOCK; lba += 4096) {
		expect(&disk, lba, 4096, private_data);
		run(&disk, 0x8f, 0x02, lba, 4096, disk.expected + lba * BLOCK, 4096 * BLOCK,
		    private_data);
	}
	unmake(&disk);
}

static void test_stores__ram(void **state)
{
	(void)state;
	exercise("ram", false);
	exercise("ram", true);
}

static void test_stores__file(void **state)
{
	(void)state;
	exercise("file", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stores__ram),
		cmocka_unit_test(test_stores__file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
