/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the file store on regular files: both engines, direct and not, on
 * a disk and on /dev/shm. Block devices: test_store_device.c.
 */
#include "test_store_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "store/file.h"

#define MIB ((uint64_t)1 << 20)

/* One way to run every test that does I/O. */
struct way {
	enum engine_kind engine;
	const char *direct;	/* the setting */
	const char *folder;
};

struct place {
	struct rig rig;
	char folder[64];
	char path[96];
	char path_setting[112];
	char direct_setting[32];
};

static bool place_make(struct place *place, const struct way *way)
{
	if (!rig_setup(&place->rig, way->engine, 1))
		return false;
	snprintf(place->folder, sizeof(place->folder), "%s/pinion-test-XXXXXX", way->folder);
	if (mkdtemp(place->folder) == NULL)
		fail_msg("%s: %s", place->folder, strerror(errno));
	snprintf(place->path, sizeof(place->path), "%s/disk", place->folder);
	snprintf(place->path_setting, sizeof(place->path_setting), "path=%s", place->path);
	snprintf(place->direct_setting, sizeof(place->direct_setting), "direct=%s", way->direct);
	return true;
}

static void place_end(struct place *place)
{
	unlink(place->path);
	rmdir(place->folder);
	rig_teardown(&place->rig);
}

static struct store *open_store(struct place *place, const char *size)
{
	struct rig_open what = { "file", .settings = { place->path_setting, place->direct_setting,
						       size, "create=true" } };

	return rig_open(&place->rig, &what);
}

static const struct way buffered = { ENGINE_EPOLL, "off", "/var/tmp" };

/* Opens and expects a refusal that says WORD. */
static void expect_refusal(struct place *place, const struct rig_open *what, int rc,
			   const char *argument, const char *word)
{
	struct store_error error;
	struct store *store;

	assert_int_equal(rig_try_open(&place->rig, what, &store, &error), rc);
	assert_string_equal(error.argument, argument);
	if (strstr(error.text, word) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", error.text, word);
}

/* --- opening --- */

static void test_file_open__creates_and_extends(void **state)
{
	struct place place;
	struct store *store;
	struct stat info;
	uint8_t block[512];

	(void)state;
	place_make(&place, &buffered);
	store = open_store(&place, "size=1M");
	assert_int_equal(store->traits.size, MIB);
	memset(block, 7, sizeof(block));
	assert_int_equal(rig_write(&place.rig, store, 0, MIB - 512, block, 512), 0);
	store_close(store);
	assert_int_equal(stat(place.path, &info), 0);
	assert_int_equal(info.st_size, MIB);
	assert_int_equal(info.st_mode & 0777, 0600);
	store = open_store(&place, "size=2M");
	assert_int_equal(store->traits.size, 2 * MIB);
	assert_int_equal(rig_read(&place.rig, store, MIB - 512, block, 512), 0);
	assert_true(rig_is_filled(block, 512, 7));
	store_close(store);
	/* Smaller is a part of the file, which keeps its size. */
	store = open_store(&place, "size=512K");
	assert_int_equal(store->traits.size, MIB / 2);
	store_close(store);
	assert_int_equal(stat(place.path, &info), 0);
	assert_int_equal(info.st_size, 2 * MIB);
	place_end(&place);
}

static void test_file_open__takes_whole_blocks_of_a_file(void **state)
{
	struct place place;
	struct store *store;

	(void)state;
	place_make(&place, &buffered);
	store_close(open_store(&place, "size=4K"));
	assert_int_equal(truncate(place.path, 4096 + 700), 0);
	store = rig_open(&place.rig,
			 &(struct rig_open){ "file", .settings = { place.path_setting } });
	assert_int_equal(store->traits.size, 4096 + 512);
	assert_int_equal(store->traits.logical_block, 512);
	store_close(store);
	place_end(&place);
}

static void test_store_measure__a_file_that_grows(void **state)
{
	struct rig_open traced = { "trace", .settings = { "output=/dev/null" } };
	struct place place;
	struct store *store;
	uint8_t block[512];

	(void)state;
	place_make(&place, &buffered);
	store_close(open_store(&place, "size=4K"));
	store = rig_open(&place.rig,
			 &(struct rig_open){ "file", .settings = { place.path_setting } });
	traced.below = store;
	store = rig_open(&place.rig, &traced);
	assert_int_equal(store_measure(store), 0);
	assert_int_equal(store_size(store), 4096);
	memset(block, 7, sizeof(block));
	assert_int_equal(rig_write(&place.rig, store, 0, 8192, block, 512), -EINVAL);
	assert_int_equal(truncate(place.path, MIB + 100), 0);
	assert_int_equal(store_measure(store), 0);
	assert_int_equal(store_size(store), MIB);
	assert_int_equal(rig_write(&place.rig, store, 0, MIB - 512, block, 512), 0);
	/* Smaller does not count. */
	assert_int_equal(truncate(place.path, 8192), 0);
	assert_int_equal(store_measure(store), 0);
	assert_int_equal(store_size(store), MIB);
	store_close(store);
	/* Nor does anything where the size is set. */
	store = open_store(&place, "size=4K");
	assert_int_equal(store_measure(store), 0);
	assert_int_equal(store_size(store), 4096);
	store_close(store);
	place_end(&place);
}

static void test_file_open__refuses_clearly(void **state)
{
	struct place place;
	struct rig_open what = { .kind = "file" };

	(void)state;
	place_make(&place, &buffered);
	what.settings[0] = place.path_setting;
	expect_refusal(&place, &what, -ENOENT, "path", "No such file");
	what.settings[1] = "create=true";
	expect_refusal(&place, &what, -EINVAL, "size", "without size");
	what.settings[2] = "size=1000";
	expect_refusal(&place, &what, -EINVAL, "size", "multiple of 512");
	/* What was created for nothing is gone again. */
	assert_int_equal(access(place.path, F_OK), -1);
	what.settings[2] = "size=8K";
	store_close(rig_open(&place.rig, &what));
	what.settings[1] = "create=false";
	what.settings[2] = "size=16K";
	expect_refusal(&place, &what, -EINVAL, "size", "only 8192 bytes");
	what.settings[1] = "uuid=12345";
	what.settings[2] = NULL;
	expect_refusal(&place, &what, -EINVAL, "uuid", "32 hexadecimal");
	assert_int_equal(truncate(place.path, 100), 0);
	what.settings[1] = NULL;
	expect_refusal(&place, &what, -EINVAL, "path", "is empty");
	what.settings[0] = "path=/";
	expect_refusal(&place, &what, -EINVAL, "path", "is a folder");
	what.settings[0] = "path=/dev/null";
	expect_refusal(&place, &what, -EINVAL, "path", "special file");
	what.settings[0] = "path=/nowhere/disk";
	what.settings[1] = "create=true";
	what.settings[2] = "size=8K";
	expect_refusal(&place, &what, -ENOENT, "path", "cannot be created");
	what.settings[0] = place.path_setting;
	what.settings[2] = "size=7E";
	expect_refusal(&place, &what, -EINVAL, "size", "not a size");
	what.settings[2] = "size=0x7fffffffffffe00";
	expect_refusal(&place, &what, -EFBIG, "path", "cannot be made that large");
	place_end(&place);
}

static void test_file_open__read_only(void **state)
{
	struct place place;
	struct store *store;
	struct rig_open what = { "file", .read_only = true };
	uint8_t block[512];

	(void)state;
	place_make(&place, &buffered);
	store_close(open_store(&place, "size=1M"));
	assert_int_equal(chmod(place.path, 0400), 0);
	what.settings[0] = place.path_setting;
	if (geteuid() != 0) {
		what.read_only = false;
		expect_refusal(&place, &what, -EACCES, "path", "for writing");
		what.read_only = true;
	}
	store = rig_open(&place.rig, &what);
	assert_true(store->traits.read_only);
	assert_int_equal(store->traits.discard_granularity, 0);
	assert_int_equal(rig_read(&place.rig, store, 0, block, 512), 0);
	assert_int_equal(rig_write(&place.rig, store, 0, 0, block, 512), -EROFS);
	assert_int_equal(rig_do(&place.rig, store, STORE_WRITE_ZEROES, 0, 512), -EROFS);
	assert_int_equal(rig_do(&place.rig, store, STORE_FLUSH, 0, 0), 0);
	store_close(store);
	place_end(&place);
}

static void test_file_open__one_writer_or_many_readers(void **state)
{
	struct place place;
	struct store *first;
	struct store *second;
	struct rig_open what = { .kind = "file" };

	(void)state;
	place_make(&place, &buffered);
	first = open_store(&place, "size=1M");
	what.settings[0] = place.path_setting;
	expect_refusal(&place, &what, -EBUSY, "path", "in use by another store");
	what.read_only = true;
	expect_refusal(&place, &what, -EBUSY, "path", "in use");
	store_close(first);
	first = rig_open(&place.rig, &what);
	second = rig_open(&place.rig, &what);
	what.read_only = false;
	expect_refusal(&place, &what, -EBUSY, "path", "in use");
	store_close(first);
	store_close(second);
	store_close(rig_open(&place.rig, &what));
	place_end(&place);
}

struct reading {
	struct place *place;
	struct store *store;
	int rc;
};

static void *read_once(void *argument)
{
	struct reading *reading = argument;
	uint8_t data[4096];

	reading->rc = rig_read(&reading->place->rig, reading->store, 0, data, sizeof(data));
	return NULL;
}

/*
 * As at the daemon's end: the reactor's thread has ended, and its ring keeps the file for as
 * long as it takes the kernel to clear it away. Who starts anew then shall not find it locked.
 */
static void test_file_close__whoever_comes_next_finds_no_lock(void **state)
{
	static const struct way way = { ENGINE_URING, "off", "/var/tmp" };
	struct place place;
	struct reading reading = { .place = &place };
	pthread_t thread;

	(void)state;
	if (!place_make(&place, &way))
		skip();
	reading.store = open_store(&place, "size=1M");
	assert_int_equal(pthread_create(&thread, NULL, read_once, &reading), 0);
	pthread_join(thread, NULL);
	assert_int_equal(reading.rc, 0);
	store_close(reading.store);
	store_close(open_store(&place, "size=1M"));
	place_end(&place);
}

static void test_file_open__identity_comes_from_the_setting_only(void **state)
{
	static const uint8_t none[16];
	static const uint8_t wanted[16] = { 0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1,
					    0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8 };
	struct place place;
	struct store *store;
	struct rig_open what = { .kind = "file" };

	(void)state;
	place_make(&place, &buffered);
	store = open_store(&place, "size=1M");
	assert_memory_equal(store->traits.identity, none, 16);
	store_close(store);
	what.settings[0] = place.path_setting;
	what.settings[1] = "uuid=6BA7B810-9dad-11d1-80b4-00c04fd430c8";
	store = rig_open(&place.rig, &what);
	assert_memory_equal(store->traits.identity, wanted, 16);
	store_close(store);
	place_end(&place);
}

static void test_file_describe__names_the_path_it_took(void **state)
{
	static const struct {
		struct way way;
		const char *word;
	} cases[] = {
		{ { ENGINE_EPOLL, "off", "/dev/shm" }, "buffered: direct = off, /dev/shm/" },
		{ { ENGINE_EPOLL, "auto", "/dev/shm" }, "buffered: O_DIRECT means nothing on tmpfs" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct place place;
		struct store *store;
		char text[200];

		place_make(&place, &cases[i].way);
		store = open_store(&place, "size=1M");
		store->ops->describe(store, text, sizeof(text));
		if (strstr(text, cases[i].word) == NULL)
			fail_msg("\"%s\" does not say \"%s\"", text, cases[i].word);
		store_close(store);
		place_end(&place);
	}
}

static void test_file_describe__counts_what_did_not_fit(void **state)
{
	static const struct way way = { ENGINE_EPOLL, "auto", "/var/tmp" };
	struct place place;
	struct store *store;
	struct file_store *file;
	uint8_t block[512];
	char text[200];

	(void)state;
	place_make(&place, &way);
	store = open_store(&place, "size=1M");
	file = file_of(store);
	if (!file->is_direct) {
		print_message("no direct I/O on %s: %s\n", way.folder, file->refusal);
		store_close(store);
		place_end(&place);
		skip();
	}
	store->ops->describe(store, text, sizeof(text));
	assert_non_null(strstr(text, "direct I/O, "));
	assert_null(strstr(text, "unaligned"));
	/* As on a disk with 4096-byte sectors. */
	file->direct.offset_align = 4096;
	rig_pattern(block, sizeof(block), 9);
	assert_int_equal(rig_write(&place.rig, store, 0, 512, block, 512), 0);
	assert_int_equal(rig_read(&place.rig, store, 512, block, 512), 0);
	store->ops->describe(store, text, sizeof(text));
	assert_non_null(strstr(text, "direct I/O, 4096-byte alignment (2 unaligned, buffered)"));
	store_close(store);
	place_end(&place);
}

/* --- I/O, in every way --- */

static void io_round_trip(struct place *place)
{
	struct store *store = open_store(place, "size=4M");
	uint8_t *wrote = malloc(MIB + MIB / 2);
	uint8_t *read = malloc(MIB + MIB / 2);
	uint32_t length = MIB + MIB / 2;

	assert_true(wrote != NULL && read != NULL);
	assert_int_equal(rig_read(&place->rig, store, 0, read, length), 0);
	assert_true(rig_is_filled(read, length, 0));
	rig_pattern(wrote, length, 11);
	/* Two extents: an I/O vector. */
	assert_int_equal(rig_write(&place->rig, store, 0, 4096, wrote, length), 0);
	assert_int_equal(rig_read(&place->rig, store, 4096, read, length), 0);
	assert_memory_equal(read, wrote, length);
	/* One extent: a registered buffer, where there are such. */
	assert_int_equal(rig_write(&place->rig, store, STORE_FUA, 512, wrote, 1536), 0);
	assert_int_equal(rig_read(&place->rig, store, 0, read, 4096), 0);
	assert_true(rig_is_filled(read, 512, 0));
	assert_memory_equal(read + 512, wrote, 1536);
	assert_true(rig_is_filled(read + 2048, 2048, 0));
	assert_int_equal(rig_do(&place->rig, store, STORE_FLUSH, 0, 0), 0);
	store_close(store);
	store = open_store(place, "size=4M");
	assert_int_equal(rig_read(&place->rig, store, 512, read, 1536), 0);
	assert_memory_equal(read, wrote, 1536);
	store_close(store);
	free(wrote);
	free(read);
}

static void io_unaligned_memory(struct place *place)
{
	struct store *store = open_store(place, "size=1M");
	struct rig_io io;
	uint8_t block[1024];
	struct extents memory;

	rig_pattern(block, sizeof(block), 21);
	rig_take(&place->rig, &memory, 4096);
	for (unsigned op = STORE_READ; op <= STORE_WRITE; op++) {
		bool writes = op == STORE_READ;	/* first one, then the other */

		rig_prepare(&place->rig, &io, store, writes ? STORE_WRITE : STORE_READ, 1024, 1024);
		/* Two extents at odd addresses. */
		io.data.borrowed = true;
		io.data.count = 2;
		io.data.length = 1024;
		io.data.extent[0] = (struct extent){ memory.extent[0].data + 1, 513,
						     memory.extent[0].region };
		io.data.extent[1] = (struct extent){ memory.extent[0].data + 600, 511,
						     memory.extent[0].region };
		if (writes)
			extents_copy_in(&io.data, 0, block, 1024);
		else
			memset(memory.extent[0].data, 0, 4096);
		store_submit(&io.io);
		assert_int_equal(rig_wait(&place->rig, &io), 0);
		if (!writes) {
			uint8_t read[1024];

			extents_copy_out(&io.data, 0, read, 1024);
			assert_memory_equal(read, block, 1024);
		}
	}
	rig_give(&place->rig, &memory);
	store_close(store);
}

static void io_zeroes_and_discard(struct place *place)
{
	struct store *store = open_store(place, "size=4M");
	uint8_t *data = malloc(4 * MIB);
	struct rig_io io;
	struct stat before;
	struct stat after;

	assert_non_null(data);
	for (unsigned round = 0; round < 3; round++) {
		enum store_op op = round == 1 ? STORE_DISCARD : STORE_WRITE_ZEROES;

		/* The last resort must do, too. */
		file_of(store)->zero_method = round == 2 ? ZERO_WRITE : ZERO_OFFLOAD;
		memset(data, 0x77, 4 * MIB);
		assert_int_equal(rig_write(&place->rig, store, 0, 0, data, 4 * MIB), 0);
		assert_int_equal(rig_do(&place->rig, store, STORE_FLUSH, 0, 0), 0);
		assert_int_equal(stat(place->path, &before), 0);
		rig_prepare(&place->rig, &io, store, op, 1536, 3 * MIB);
		io.io.flags = op == STORE_WRITE_ZEROES ? STORE_FUA : 0;
		store_submit(&io.io);
		assert_int_equal(io.completions, 0);
		assert_int_equal(rig_wait(&place->rig, &io), 0);
		assert_int_equal(stat(place->path, &after), 0);
		assert_int_equal(after.st_size, before.st_size);
		if (op == STORE_DISCARD)
			assert_true(after.st_blocks < before.st_blocks);
		assert_int_equal(rig_read(&place->rig, store, 0, data, 4 * MIB), 0);
		assert_true(rig_is_filled(data, 1536, 0x77));
		assert_true(rig_is_filled(data + 1536, 3 * MIB, 0));
		assert_true(rig_is_filled(data + 1536 + 3 * MIB, MIB - 1536, 0x77));
	}
	assert_int_equal(rig_do(&place->rig, store, STORE_WRITE_ZEROES, 0, 0), 0);
	store->traits.discard_granularity = 0;
	assert_int_equal(rig_do(&place->rig, store, STORE_DISCARD, 0, 512), -EOPNOTSUPP);
	free(data);
	store_close(store);
}

static void io_refuses_bad_ranges(struct place *place)
{
	struct store *store = open_store(place, "size=1M");
	uint8_t data[1024];

	assert_int_equal(rig_read(&place->rig, store, MIB - 512, data, 1024), -EINVAL);
	assert_int_equal(rig_read(&place->rig, store, 1, data, 512), -EINVAL);
	assert_int_equal(rig_write(&place->rig, store, 0, 0, data, 511), -EINVAL);
	assert_int_equal(rig_do(&place->rig, store, STORE_DISCARD, 256, 512), -EINVAL);
	assert_int_equal(rig_read(&place->rig, store, MIB, data, 0), 0);
	store_close(store);
}

static void io_shrunk_file(struct place *place)
{
	struct store *store = open_store(place, "size=64K");
	uint8_t data[8192];

	memset(data, 1, sizeof(data));
	assert_int_equal(rig_write(&place->rig, store, 0, 0, data, 8192), 0);
	assert_int_equal(truncate(place->path, 4096), 0);
	assert_int_equal(rig_read(&place->rig, store, 0, data, 4096), 0);
	assert_int_equal(rig_read(&place->rig, store, 8192, data, 4096), -EIO);
	assert_int_equal(rig_read(&place->rig, store, 0, data, 8192), -EIO);
	assert_int_equal(truncate(place->path, 4096 + 100), 0);
	assert_int_equal(rig_read(&place->rig, store, 0, data, 8192), -EIO);
	store_close(store);
}

/* As on a file system that knows no RWF_DSYNC: fdatasync follows. */
static void io_fua_without_dsync(struct place *place)
{
	struct store *store = open_store(place, "size=64K");
	uint8_t data[4096];

	file_of(store)->has_no_dsync = true;
	rig_pattern(data, sizeof(data), 5);
	assert_int_equal(rig_write(&place->rig, store, STORE_FUA, 0, data, 4096), 0);
	assert_int_equal(rig_read(&place->rig, store, 0, data, 4096), 0);
	store_close(store);
}

static void io_cancel(struct place *place)
{
	struct store *store = open_store(place, "size=256M");
	struct rig_io ios[32];
	unsigned cancelled = 0;

	file_of(store)->zero_method = ZERO_WRITE;
	for (unsigned i = 0; i < ARRAY_SIZE(ios); i++) {
		rig_prepare(&place->rig, &ios[i], store, i % 2 ? STORE_WRITE : STORE_READ,
			    i * 65536, 65536);
		rig_take(&place->rig, &ios[i].data, 65536);
		store_submit(&ios[i].io);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(ios); i += 3)
		store_cancel(&ios[i].io);
	for (unsigned i = 0; i < ARRAY_SIZE(ios); i++) {
		int err = rig_wait(&place->rig, &ios[i]);

		assert_true(err == 0 || (err == -ECANCELED && i % 3 == 0));
		store_cancel(&ios[i].io);
		rig_give(&place->rig, &ios[i].data);
	}
	/* Four chunks of 64 MiB: it cannot be through when the cancel comes. */
	rig_prepare(&place->rig, &ios[0], store, STORE_WRITE_ZEROES, 0, 256 * MIB);
	store_submit(&ios[0].io);
	reactor_turn(place->rig.reactors[0], 0);
	store_cancel(&ios[0].io);
	assert_int_equal(rig_wait(&place->rig, &ios[0]), -ECANCELED);
	for (unsigned i = 0; i < ARRAY_SIZE(ios); i++)
		cancelled += ios[i].err == -ECANCELED;
	assert_true(cancelled >= 1);
	store_close(store);
}

static void io_many_at_a_time(struct place *place)
{
	struct store *store = open_store(place, "size=8M");

	rig_exercise(&place->rig, store, 8 * MIB, 64, 3000);
	store_close(store);
}

/* As on a disk of 4096-byte sectors: what is finer goes through the page cache, beside the rest. */
static void io_direct_and_buffered_mixed(struct place *place)
{
	struct store *store = open_store(place, "size=8M");

	file_of(store)->direct.offset_align = 4096;
	rig_exercise(&place->rig, store, 8 * MIB, 64, 3000);
	store_close(store);
}

/* The kernel's own limits come through as they are. */
static void io_error_of_the_kernel(struct place *place)
{
	struct store *store = open_store(place, "size=8M");
	struct rlimit old;
	struct rlimit small;
	uint8_t data[4096];

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = (struct rlimit){ 4 * MIB, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	memset(data, 1, sizeof(data));
	assert_int_equal(rig_write(&place->rig, store, 0, 6 * MIB, data, 4096), -EFBIG);
	assert_int_equal(rig_write(&place->rig, store, 0, 2 * MIB, data, 4096), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	store_close(store);
}

static void run_everywhere(void (*test)(struct place *place))
{
	static const enum engine_kind engines[] = { ENGINE_URING, ENGINE_EPOLL };
	static const char *const directs[] = { "auto", "on", "off" };
	static const char *const folders[] = { "/var/tmp", "/dev/shm" };

	for (unsigned i = 0; i < ARRAY_SIZE(engines) * ARRAY_SIZE(directs) * ARRAY_SIZE(folders);
	     i++) {
		struct way way = { engines[i % 2], directs[i / 2 % 3], folders[i / 6] };
		struct rig_open what = { "file", .settings = { NULL, NULL, "size=4K", "create=true" } };
		struct store_error error;
		struct store *store;
		struct place place;

		if (!place_make(&place, &way))
			continue;
		what.settings[0] = place.path_setting;
		what.settings[1] = place.direct_setting;
		if (rig_try_open(&place.rig, &what, &store, &error) == 0) {
			store_close(store);
			unlink(place.path);
			test(&place);
		} else if (strcmp(way.direct, "on") == 0 && strcmp(error.argument, "direct") == 0) {
			print_message("not here: %s\n", error.text);
		} else {
			fail_msg("%s", error.text);
		}
		place_end(&place);
	}
}

#define EVERYWHERE(name)                                                                           \
	static void test_file__##name(void **state)                                                \
	{                                                                                          \
		(void)state;                                                                       \
		run_everywhere(io_##name);                                                         \
	}

EVERYWHERE(round_trip)
EVERYWHERE(unaligned_memory)
EVERYWHERE(zeroes_and_discard)
EVERYWHERE(refuses_bad_ranges)
EVERYWHERE(shrunk_file)
EVERYWHERE(fua_without_dsync)
EVERYWHERE(cancel)
EVERYWHERE(many_at_a_time)
EVERYWHERE(direct_and_buffered_mixed)
EVERYWHERE(error_of_the_kernel)

static void test_file__reads_go_through_registered_buffers(void **state)
{
	static const struct way way = { ENGINE_URING, "auto", "/var/tmp" };
	struct place place;
	struct store *store;
	struct reactor_info before;
	struct reactor_info after;
	uint8_t data[65536];

	(void)state;
	if (!place_make(&place, &way))
		skip();
	store = open_store(&place, "size=1M");
	reactor_get_info(place.rig.reactors[0], &before);
	assert_int_equal(rig_read(&place.rig, store, 0, data, sizeof(data)), 0);
	reactor_get_info(place.rig.reactors[0], &after);
	if (strstr(after.features, "fixed-buffers") == NULL)
		print_message("no fixed buffers here: %s\n", after.fallbacks);
	else
		assert_int_equal(after.fixed_buffers, before.fixed_buffers + 1);
	store_close(store);
	place_end(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file_open__creates_and_extends),
		cmocka_unit_test(test_file_open__takes_whole_blocks_of_a_file),
		cmocka_unit_test(test_store_measure__a_file_that_grows),
		cmocka_unit_test(test_file_open__refuses_clearly),
		cmocka_unit_test(test_file_open__read_only),
		cmocka_unit_test(test_file_open__one_writer_or_many_readers),
		cmocka_unit_test(test_file_close__whoever_comes_next_finds_no_lock),
		cmocka_unit_test(test_file_open__identity_comes_from_the_setting_only),
		cmocka_unit_test(test_file_describe__names_the_path_it_took),
		cmocka_unit_test(test_file_describe__counts_what_did_not_fit),
		cmocka_unit_test(test_file__round_trip),
		cmocka_unit_test(test_file__unaligned_memory),
		cmocka_unit_test(test_file__zeroes_and_discard),
		cmocka_unit_test(test_file__refuses_bad_ranges),
		cmocka_unit_test(test_file__shrunk_file),
		cmocka_unit_test(test_file__fua_without_dsync),
		cmocka_unit_test(test_file__cancel),
		cmocka_unit_test(test_file__many_at_a_time),
		cmocka_unit_test(test_file__direct_and_buffered_mixed),
		cmocka_unit_test(test_file__error_of_the_kernel),
		cmocka_unit_test(test_file__reads_go_through_registered_buffers),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
