/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of store/protect.c that need no commands: what becomes of it when its file grows. */
#include "test_store_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MIB (1024u * 1024u)
#define BLOCK 512u

static void make_file(char path[40], off_t size)
{
	int fd;

	strcpy(path, "/tmp/test_store_protect.XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
}

struct disk {
	struct rig rig;
	char data[40], side[40], setting[60];
};

static struct store *open_data(struct disk *disk)
{
	struct rig_open file = { "file", .settings = { disk->setting, "direct=off" } };

	return rig_open(&disk->rig, &file);
}

static struct store *open_disk(struct disk *disk)
{
	struct store_protect_config config = {
		.data = open_data(disk),
		.type = 1,
		.block_size = BLOCK,
		.path = disk->side,
		.memory = disk->rig.memory,
		.reactors = disk->rig.reactors,
		.reactor_count = 1,
	};
	struct store_error error;
	struct store *store;

	if (store_protect_open(&config, &store, &error) != 0)
		fail_msg("%s", error.text);
	return store;
}

static struct store *make_disk(struct disk *disk, off_t size)
{
	assert_true(rig_setup(&disk->rig, ENGINE_EPOLL, 1));
	make_file(disk->data, size);
	make_file(disk->side, 0);
	snprintf(disk->setting, sizeof(disk->setting), "path=%s", disk->data);
	return open_disk(disk);
}

static void end_disk(struct disk *disk)
{
	unlink(disk->data);
	unlink(disk->side);
	rig_teardown(&disk->rig);
}

/* The file beside it need not have whole blocks. */
static void test_store_protect_open__any_number_of_blocks(void **state)
{
	uint8_t block[BLOCK], back[BLOCK];

	(void)state;
	rig_pattern(block, BLOCK, 1);
	for (unsigned blocks = 1; blocks < 200; blocks += 33) {
		struct disk disk;
		struct store *store = make_disk(&disk, (off_t)blocks * BLOCK);
		uint64_t last = (blocks - 1) * BLOCK;

		assert_int_equal(store_size(store), blocks * BLOCK);
		assert_int_equal(rig_write(&disk.rig, store, 0, last, block, BLOCK), 0);
		store_close(store);
		store = open_disk(&disk);
		assert_int_equal(rig_read(&disk.rig, store, last, back, BLOCK), 0);
		assert_memory_equal(back, block, BLOCK);
		/* By one block it grows, too. */
		assert_int_equal(truncate(disk.data, (off_t)(last + 2 * BLOCK)), 0);
		assert_int_equal(store_measure(store), 0);
		assert_int_equal(store_size(store), last + 2 * BLOCK);
		assert_int_equal(rig_write(&disk.rig, store, 0, last + BLOCK, block, BLOCK), 0);
		assert_int_equal(rig_read(&disk.rig, store, last + BLOCK, back, BLOCK), 0);
		store_close(store);
		end_disk(&disk);
	}
}

static void test_store_measure__data_that_grows(void **state)
{
	uint8_t block[BLOCK], back[BLOCK];
	struct disk disk;
	struct store *store = make_disk(&disk, MIB);

	(void)state;
	rig_pattern(block, BLOCK, 1);
	assert_int_equal(rig_write(&disk.rig, store, 0, MIB - BLOCK, block, BLOCK), 0);
	assert_int_equal(truncate(disk.data, 2 * MIB), 0);
	assert_int_equal(store_measure(store), 0);
	assert_int_equal(store_size(store), 2 * MIB);
	/* What is new is there, and zeros; it can be written, and what was there before is the same. */
	assert_int_equal(rig_read(&disk.rig, store, 2 * MIB - BLOCK, back, BLOCK), 0);
	assert_true(rig_is_filled(back, BLOCK, 0));
	assert_int_equal(rig_write(&disk.rig, store, 0, 2 * MIB - BLOCK, block, BLOCK), 0);
	assert_int_equal(rig_do(&disk.rig, store, STORE_WRITE_ZEROES, MIB, BLOCK), 0);
	assert_int_equal(rig_do(&disk.rig, store, STORE_DISCARD, MIB + BLOCK, BLOCK), 0);
	assert_int_equal(rig_read(&disk.rig, store, 2 * MIB - BLOCK, back, BLOCK), 0);
	assert_memory_equal(back, block, BLOCK);
	assert_int_equal(rig_read(&disk.rig, store, MIB - BLOCK, back, BLOCK), 0);
	assert_memory_equal(back, block, BLOCK);
	store_close(store);
	/* Its protection information is kept, too: data that has changed behind its back is found out. */
	store = open_data(&disk);
	block[7] ^= 1;
	assert_int_equal(rig_write(&disk.rig, store, 0, 2 * MIB - BLOCK, block, BLOCK), 0);
	store_close(store);
	store = open_disk(&disk);
	assert_int_equal(rig_read(&disk.rig, store, 2 * MIB - BLOCK, back, BLOCK), STORE_GUARD_WRONG);
	store_close(store);
	end_disk(&disk);
}

/* Whatever is under way at a time: what is read back has the right guards. */
static void test_store_protect__many_at_a_time(void **state)
{
	struct disk disk;
	struct store *store = make_disk(&disk, 4 * MIB);

	(void)state;
	rig_exercise(&disk.rig, store, 2 * MIB, 8, 1500);
	store_close(store);
	end_disk(&disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_store_protect_open__any_number_of_blocks),
		cmocka_unit_test(test_store_protect__many_at_a_time),
		cmocka_unit_test(test_store_measure__data_that_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
