/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of the file store on block devices (loop, zram) and on a full file
 * system. They need root and are skipped, with the reason, where they cannot run.
 */
#include "test_store_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "store/file.h"

#define MIB ((uint64_t)1 << 20)
#define DEVICE_BYTES (16 * MIB)

static const enum engine_kind engines[] = { ENGINE_URING, ENGINE_EPOLL };

/* --- loop devices --- */

struct loop {
	int fd;
	char path[32];
	char path_setting[48];
	char stat_path[64];
};

/* Makes a loop device over an unlinked file. False, with the reason printed, if it cannot. */
static bool loop_make(struct loop *loop, unsigned block_size)
{
	char name[] = "/var/tmp/pinion-loop-XXXXXX";
	/* It goes when nobody has it open any more, whatever happens to the test. */
	struct loop_config config = { .block_size = block_size,
				      .info.lo_flags = LO_FLAGS_AUTOCLEAR };
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int backing = mkstemp(name);
	int number = -1;

	unlink(name);
	loop->fd = -1;
	if (control >= 0 && backing >= 0 && ftruncate(backing, DEVICE_BYTES) == 0)
		number = ioctl(control, LOOP_CTL_GET_FREE);
	if (number >= 0) {
		snprintf(loop->path, sizeof(loop->path), "/dev/loop%d", number);
		snprintf(loop->path_setting, sizeof(loop->path_setting), "path=%s", loop->path);
		snprintf(loop->stat_path, sizeof(loop->stat_path), "/sys/block/loop%d/stat", number);
		loop->fd = open(loop->path, O_RDWR | O_CLOEXEC);
		config.fd = (unsigned)backing;
		if (loop->fd >= 0 && ioctl(loop->fd, LOOP_CONFIGURE, &config) < 0) {
			close(loop->fd);
			loop->fd = -1;
		}
	}
	if (loop->fd < 0)
		print_message("no loop device can be had here: %s\n", strerror(errno));
	if (control >= 0)
		close(control);
	if (backing >= 0)
		close(backing);
	return loop->fd >= 0;
}

static void loop_end(struct loop *loop)
{
	close(loop->fd);
}

static struct store *loop_open(struct rig *rig, struct loop *loop, const char *direct)
{
	struct rig_open what = { .kind = "file", .settings = { loop->path_setting, direct } };

	return rig_open(rig, &what);
}

/* Sectors that have reached the device, and cache flushes, since it was made. */
static void loop_written(const struct loop *loop, unsigned long long *sectors,
			 unsigned long long *flushes)
{
	unsigned long long fields[17] = { 0 };
	FILE *file = fopen(loop->stat_path, "re");

	assert_non_null(file);
	for (unsigned i = 0; i < ARRAY_SIZE(fields); i++) {
		if (fscanf(file, "%llu", &fields[i]) != 1)
			break;
	}
	fclose(file);
	*sectors = fields[6];
	*flushes = fields[15];
}

static void test_device_open__tells_what_it_is(void **state)
{
	struct loop loop;
	struct rig rig;
	struct store *store;
	char text[200];

	(void)state;
	if (!loop_make(&loop, 0))
		skip();
	assert_true(rig_setup(&rig, ENGINE_EPOLL, 1));
	store = loop_open(&rig, &loop, "direct=auto");
	assert_int_equal(store->traits.size, DEVICE_BYTES);
	assert_int_equal(store->traits.logical_block, 512);
	assert_true(store->traits.volatile_cache);
	store->ops->describe(store, text, sizeof(text));
	if (strstr(text, "direct I/O, 512-byte alignment, /dev/loop") == NULL)
		fail_msg("it says \"%s\"", text);
	store_close(store);
	rig_teardown(&rig);
	loop_end(&loop);
}

static void test_device_open__4096_byte_sectors(void **state)
{
	struct loop loop;
	struct rig rig;
	struct store *store;
	uint8_t data[4096];

	(void)state;
	if (!loop_make(&loop, 4096))
		skip();
	assert_true(rig_setup(&rig, ENGINE_EPOLL, 1));
	store = loop_open(&rig, &loop, "direct=on");
	assert_int_equal(store->traits.logical_block, 4096);
	assert_int_equal(store->traits.physical_block, 4096);
	rig_pattern(data, sizeof(data), 1);
	assert_int_equal(rig_write(&rig, store, 0, 4096, data, 4096), 0);
	assert_int_equal(rig_read(&rig, store, 4096, data, 4096), 0);
	assert_int_equal(rig_write(&rig, store, 0, 512, data, 512), -EINVAL);
	rig_exercise(&rig, store, 8 * MIB, 64, 2000);
	store_close(store);
	rig_teardown(&rig);
	loop_end(&loop);
}

static void test_device_open__claims_the_device(void **state)
{
	struct loop loop;
	struct rig rig;
	struct store *store;
	struct store *other;
	struct store_error error;
	struct rig_open what = { .kind = "file" };
	int fd;

	(void)state;
	if (!loop_make(&loop, 0))
		skip();
	assert_true(rig_setup(&rig, ENGINE_EPOLL, 1));
	what.settings[0] = loop.path_setting;
	store = rig_open(&rig, &what);
	assert_int_equal(rig_try_open(&rig, &what, &other, &error), -EBUSY);
	assert_non_null(strstr(error.text, "in use by a mount or another program"));
	what.read_only = true;
	assert_int_equal(rig_try_open(&rig, &what, &other, &error), -EBUSY);
	store_close(store);
	fd = open(loop.path, O_RDWR | O_EXCL | O_CLOEXEC);
	assert_true(fd >= 0);
	what.read_only = false;
	assert_int_equal(rig_try_open(&rig, &what, &other, &error), -EBUSY);
	close(fd);
	what.settings[1] = "size=32M";
	assert_int_equal(rig_try_open(&rig, &what, &other, &error), -EINVAL);
	assert_string_equal(error.argument, "size");
	what.settings[1] = "size=8M";
	store = rig_open(&rig, &what);
	assert_int_equal(store->traits.size, 8 * MIB);
	store_close(store);
	rig_teardown(&rig);
	loop_end(&loop);
}

/*
 * What has reached a device through the page cache can be seen in its
 * statistics: a write has not, with FUA it has, and FLUSH brings the rest.
 */
static void check_durability(struct rig *rig, struct loop *loop, bool without_dsync)
{
	struct store *store = loop_open(rig, loop, "direct=off");
	unsigned long long sectors[4];
	unsigned long long flushes[4];
	uint8_t data[65536];

	file_of(store)->has_no_dsync = without_dsync;
	rig_pattern(data, sizeof(data), 3);
	loop_written(loop, &sectors[0], &flushes[0]);
	assert_int_equal(rig_write(rig, store, 0, 0, data, sizeof(data)), 0);
	loop_written(loop, &sectors[1], &flushes[1]);
	assert_int_equal(sectors[1], sectors[0]);
	assert_int_equal(rig_write(rig, store, STORE_FUA, MIB, data, sizeof(data)), 0);
	loop_written(loop, &sectors[2], &flushes[2]);
	assert_true(sectors[2] >= sectors[1] + 128);
	assert_true(flushes[2] > flushes[1]);
	assert_int_equal(rig_write(rig, store, 0, 2 * MIB, data, sizeof(data)), 0);
	assert_int_equal(rig_do(rig, store, STORE_FLUSH, 0, 0), 0);
	loop_written(loop, &sectors[3], &flushes[3]);
	assert_true(sectors[3] >= sectors[0] + 3 * 128);
	assert_true(flushes[3] > flushes[2]);
	store_close(store);
}

static void test_device_write__fua_and_flush_reach_the_device(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2 * ARRAY_SIZE(engines); i++) {
		struct loop loop;
		struct rig rig;

		if (!loop_make(&loop, 0))
			skip();
		if (rig_setup(&rig, engines[i % 2], 1)) {
			check_durability(&rig, &loop, i / 2 == 1);
			rig_teardown(&rig);
		}
		loop_end(&loop);
	}
}

static void test_device_write_zeroes__fua_reaches_the_device(void **state)
{
	struct loop loop;
	struct rig rig;
	struct store *store;
	struct rig_io io;
	unsigned long long sectors[2];
	unsigned long long flushes[2];

	(void)state;
	if (!loop_make(&loop, 0))
		skip();
	assert_true(rig_setup(&rig, ENGINE_EPOLL, 1));
	store = loop_open(&rig, &loop, "direct=off");
	file_of(store)->zero_method = ZERO_WRITE;
	loop_written(&loop, &sectors[0], &flushes[0]);
	rig_prepare(&rig, &io, store, STORE_WRITE_ZEROES, 0, MIB);
	io.io.flags = STORE_FUA;
	store_submit(&io.io);
	assert_int_equal(rig_wait(&rig, &io), 0);
	loop_written(&loop, &sectors[1], &flushes[1]);
	assert_true(sectors[1] >= sectors[0] + MIB / 512);
	assert_true(flushes[1] > flushes[0]);
	store_close(store);
	rig_teardown(&rig);
	loop_end(&loop);
}

/* --- every operation, on any device --- */

static void exercise_device(struct rig *rig, const char *path_setting, const char *direct)
{
	struct rig_open what = { .kind = "file", .settings = { path_setting, direct } };
	struct store *store = rig_open(rig, &what);
	uint8_t *data = malloc(2 * MIB);

	assert_non_null(data);
	rig_exercise(rig, store, 8 * MIB, 64, 2000);
	memset(data, 0x77, 2 * MIB);
	assert_int_equal(rig_write(rig, store, 0, 0, data, 2 * MIB), 0);
	assert_int_equal(rig_do(rig, store, STORE_WRITE_ZEROES, 4096, MIB), 0);
	assert_int_equal(rig_read(rig, store, 0, data, 2 * MIB), 0);
	assert_true(rig_is_filled(data, 4096, 0x77));
	assert_true(rig_is_filled(data + 4096, MIB, 0));
	assert_true(rig_is_filled(data + 4096 + MIB, MIB - 4096, 0x77));
	if (store->traits.discard_granularity > 0) {
		assert_int_equal(rig_do(rig, store, STORE_DISCARD, 0, DEVICE_BYTES), 0);
		assert_int_equal(rig_read(rig, store, 0, data, 4096), 0);
	} else {
		print_message("%s cannot discard\n", path_setting);
		assert_int_equal(rig_do(rig, store, STORE_DISCARD, 0, DEVICE_BYTES), -EOPNOTSUPP);
	}
	assert_int_equal(rig_do(rig, store, STORE_FLUSH, 0, 0), 0);
	store_close(store);
	free(data);
}

static void exercise_everywhere(const char *path_setting)
{
	for (unsigned i = 0; i < 2 * ARRAY_SIZE(engines); i++) {
		struct rig rig;

		if (!rig_setup(&rig, engines[i % 2], 1))
			continue;
		exercise_device(&rig, path_setting, i / 2 == 0 ? "direct=on" : "direct=off");
		rig_teardown(&rig);
	}
}

static void test_device__every_operation_on_loop(void **state)
{
	struct loop loop;

	(void)state;
	if (!loop_make(&loop, 0))
		skip();
	exercise_everywhere(loop.path_setting);
	loop_end(&loop);
}

static bool write_attribute(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return written;
}

static void test_device__every_operation_on_zram(void **state)
{
	FILE *file = fopen("/sys/class/zram-control/hot_add", "re");
	char setting[96];
	char path[64];
	char number_text[16];
	int number = -1;

	(void)state;
	if (file == NULL || fscanf(file, "%d", &number) != 1) {
		print_message("no zram device can be had here: %s\n", strerror(errno));
		if (file != NULL)
			fclose(file);
		skip();
	}
	fclose(file);
	snprintf(path, sizeof(path), "/sys/block/zram%d/disksize", number);
	snprintf(number_text, sizeof(number_text), "%d", number);
	assert_true(write_attribute(path, "16777216"));
	snprintf(path, sizeof(path), "/dev/zram%d", number);
	if (access(path, R_OK | W_OK) == 0) {
		snprintf(setting, sizeof(setting), "path=%s", path);
		exercise_everywhere(setting);
	} else {
		print_message("%s: %s\n", path, strerror(errno));
	}
	assert_true(write_attribute("/sys/class/zram-control/hot_remove", number_text));
}

/* --- a full file system --- */

static void test_file_write__no_space(void **state)
{
	const bool *has_namespace = *state;
	char folder[] = "/var/tmp/pinion-full-XXXXXX";
	char setting[64];
	struct rig_open what = { .kind = "file", .settings = { setting, "size=8M", "create=true" } };

	assert_non_null(mkdtemp(folder));
	if (!*has_namespace || mount("tmpfs", folder, "tmpfs", 0, "size=2M") < 0) {
		print_message("nothing can be mounted here: %s\n", strerror(errno));
		rmdir(folder);
		skip();
	}
	snprintf(setting, sizeof(setting), "path=%s/disk", folder);
	for (unsigned i = 0; i < ARRAY_SIZE(engines); i++) {
		uint8_t *data = calloc(1, MIB);
		struct store *store;
		struct rig rig;
		unsigned written = 0;
		int rc;

		if (!rig_setup(&rig, engines[i], 1)) {
			free(data);
			continue;
		}
		store = rig_open(&rig, &what);
		while ((rc = rig_write(&rig, store, 0, written * MIB, data, MIB)) == 0)
			written++;
		assert_int_equal(rc, -ENOSPC);
		assert_true(written <= 2);
		/* What is there can still be read, and room be made. */
		assert_int_equal(rig_read(&rig, store, 0, data, 4096), 0);
		assert_int_equal(rig_do(&rig, store, STORE_DISCARD, 0, 8 * MIB), 0);
		assert_int_equal(rig_write(&rig, store, 0, 7 * MIB, data, MIB), 0);
		assert_int_equal(rig_do(&rig, store, STORE_DISCARD, 0, 8 * MIB), 0);
		store_close(store);
		rig_teardown(&rig);
		free(data);
	}
	umount2(folder, MNT_DETACH);
	rmdir(folder);
}

int main(void)
{
	/* Mounts are ours alone and go with us. Before any thread is there. */
	bool has_namespace = unshare(CLONE_NEWNS) == 0 &&
			     mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_device_open__tells_what_it_is),
		cmocka_unit_test(test_device_open__4096_byte_sectors),
		cmocka_unit_test(test_device_open__claims_the_device),
		cmocka_unit_test(test_device_write__fua_and_flush_reach_the_device),
		cmocka_unit_test(test_device_write_zeroes__fua_reaches_the_device),
		cmocka_unit_test(test_device__every_operation_on_loop),
		cmocka_unit_test(test_device__every_operation_on_zram),
		cmocka_unit_test_prestate(test_file_write__no_space, &has_namespace),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
