/* SPDX-License-Identifier: BSD-2-Clause */
/* Blobs in files: what is saved is there after a restart, what is damaged is not believed. */
#include "daemon/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"
#include "base/log.h"
#include "sys/memory.h"

struct rig {
	char directory[64];
	struct memory *memory;
	struct reactor *reactor;
	struct keeper *keeper;
};

struct blob {
	struct keeper_save save;
	bool done;
};

static void done(struct keeper_save *save)
{
	container_of(save, struct blob, save)->done = true;
}

static void open_keeper(struct rig *rig)
{
	char error[200];

	if (keeper_create(rig->directory, &rig->keeper, error, sizeof(error)) != 0)
		fail_msg("%s", error);
}

static int setup(void **state)
{
	struct memory_config memory = { MEMORY_OFF, MEMORY_OFF };
	struct reactor_config reactor = { .cpu = -1,
					  .engine = ENGINE_EPOLL,
					  .arena_bytes = 1 << 20 };
	struct rig *rig = calloc(1, sizeof(*rig));

	strcpy(rig->directory, "/tmp/keeper.XXXXXX");
	assert_non_null(mkdtemp(rig->directory));
	strcat(rig->directory, "/state");
	assert_int_equal(memory_create(&memory, &rig->memory), 0);
	reactor.memory = rig->memory;
	assert_int_equal(reactor_create(&reactor, &rig->reactor), 0);
	open_keeper(rig);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	char command[100];

	keeper_destroy(rig->keeper);
	reactor_destroy(rig->reactor);
	memory_destroy(rig->memory);
	*strrchr(rig->directory, '/') = '\0';
	snprintf(command, sizeof(command), "rm -rf %s", rig->directory);
	assert_int_equal(system(command), 0);
	free(rig);
	return 0;
}

static void ask(struct rig *rig, struct blob *blob, const char *name, const char *text)
{
	memset(blob, 0, sizeof(*blob));
	strcpy(blob->save.name, name);
	blob->save.data = text;
	blob->save.length = strlen(text);
	blob->save.reactor = rig->reactor;
	blob->save.done = done;
	rig->keeper->ops->save(rig->keeper, &blob->save);
	/* Never from inside the call. */
	assert_false(blob->done);
}

static void wait_for(struct rig *rig, struct blob *blob)
{
	for (unsigned i = 0; i < 5000 && !blob->done; i++)
		reactor_turn(rig->reactor, 1);
	assert_true(blob->done);
}

static int save(struct rig *rig, const char *name, const char *text)
{
	struct blob blob;

	ask(rig, &blob, name, text);
	wait_for(rig, &blob);
	return blob.save.err;
}

static void expect(struct rig *rig, const char *name, const char *text)
{
	char data[100] = "";

	assert_int_equal(rig->keeper->ops->load(rig->keeper, name, data, sizeof(data) - 1),
			 strlen(text));
	assert_string_equal(data, text);
}

static ssize_t load(struct rig *rig, const char *name, size_t size)
{
	char data[100];

	return rig->keeper->ops->load(rig->keeper, name, data, size);
}

static void restart(struct rig *rig)
{
	keeper_destroy(rig->keeper);
	open_keeper(rig);
}

static void path_of(const struct rig *rig, const char *name, char *path)
{
	sprintf(path, "%s/%s", rig->directory, name);
}

static void test_keeper__what_was_saved_is_there(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(load(rig, "a-x", 99), -ENOENT);
	assert_int_equal(save(rig, "a-x", "first"), 0);
	assert_int_equal(save(rig, "b-x", "another"), 0);
	expect(rig, "a-x", "first");
	restart(rig);
	expect(rig, "a-x", "first");
	assert_int_equal(save(rig, "a-x", "second and longer"), 0);
	restart(rig);
	expect(rig, "a-x", "second and longer");
	expect(rig, "b-x", "another");
	/* Nothing is as good as no file. */
	assert_int_equal(save(rig, "a-x", ""), 0);
	assert_int_equal(save(rig, "a-x", ""), 0);
	restart(rig);
	assert_int_equal(load(rig, "a-x", 99), -ENOENT);
}

static void test_keeper__the_last_asked_is_the_last_saved(void **state)
{
	struct rig *rig = *state;
	struct blob blobs[32];
	char text[32][8];

	for (unsigned i = 0; i < 32; i++) {
		sprintf(text[i], "n %u", i);
		ask(rig, &blobs[i], "a-x", text[i]);
	}
	/* The end waits for them. */
	restart(rig);
	expect(rig, "a-x", "n 31");
	for (unsigned i = 0; i < 32; i++)
		wait_for(rig, &blobs[i]);
}

/* Overwrites the byte at OFFSET (from the end where it is negative). */
static void damage(const char *path, off_t offset)
{
	int fd = open(path, O_RDWR);
	struct stat file;
	uint8_t byte;

	assert_true(fd >= 0);
	fstat(fd, &file);
	if (offset < 0)
		offset += file.st_size;
	assert_int_equal(pread(fd, &byte, 1, offset), 1);
	byte ^= 0x40;
	assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
	close(fd);
}

static void test_keeper__damage_is_set_aside(void **state)
{
	static const off_t places[] = { 0, 8, 12, 15, 16, 20, -1 };
	struct rig *rig = *state;
	char path[100], aside[100];

	path_of(rig, "a-x", path);
	path_of(rig, "a-x.damaged", aside);
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		assert_int_equal(save(rig, "a-x", "some state"), 0);
		damage(path, places[i]);
		assert_int_equal(load(rig, "a-x", 99), -EBADMSG);
		assert_int_equal(access(path, F_OK), -1);
		/* It is missed until somebody takes it away ... */
		assert_int_equal(load(rig, "a-x", 99), -EBADMSG);
		assert_int_equal(unlink(aside), 0);
		assert_int_equal(load(rig, "a-x", 99), -ENOENT);
	}
	/* ... or something is kept anew, or nothing any more. */
	assert_int_equal(save(rig, "a-x", "some state"), 0);
	damage(path, -1);
	assert_int_equal(load(rig, "a-x", 99), -EBADMSG);
	assert_int_equal(save(rig, "a-x", "some state"), 0);
	expect(rig, "a-x", "some state");
	assert_int_equal(save(rig, "a-x", ""), 0);
	assert_int_equal(load(rig, "a-x", 99), -ENOENT);
	assert_int_equal(access(aside, F_OK), -1);
}

static void test_keeper__wrong_length_is_set_aside(void **state)
{
	struct rig *rig = *state;
	char path[100];

	path_of(rig, "a-x", path);
	for (off_t length = 0; length < 30; length++) {
		assert_int_equal(save(rig, "a-x", "some state"), 0);
		assert_int_equal(truncate(path, length), 0);
		assert_int_equal(load(rig, "a-x", 99), -EBADMSG);
	}
	assert_int_equal(save(rig, "a-x", "some state"), 0);
	assert_int_equal(truncate(path, 31), 0);
	assert_int_equal(load(rig, "a-x", 99), -EBADMSG);
	assert_int_equal(save(rig, "a-x", "some state"), 0);
	assert_int_equal(load(rig, "a-x", 9), -EBADMSG);
}

static void test_keeper__another_blob_under_the_name(void **state)
{
	struct rig *rig = *state;
	char from[100], to[100];

	path_of(rig, "a-x", from);
	path_of(rig, "b-x", to);
	assert_int_equal(save(rig, "a-x", "of a"), 0);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(load(rig, "b-x", 99), -EBADMSG);
}

static void test_keeper__half_a_save_is_none(void **state)
{
	struct rig *rig = *state;
	char path[100];
	FILE *file;

	assert_int_equal(save(rig, "a-x", "whole"), 0);
	path_of(rig, "a-x.new", path);
	file = fopen(path, "w");
	fputs("pinion", file);
	fclose(file);
	restart(rig);
	expect(rig, "a-x", "whole");
	assert_int_equal(save(rig, "a-x", "new"), 0);
	expect(rig, "a-x", "new");
}

static void test_keeper__failure_is_told_and_leaves_the_former(void **state)
{
	struct rig *rig = *state;
	char path[100];

	assert_int_equal(save(rig, "a-x", "former"), 0);
	path_of(rig, "a-x.new", path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(save(rig, "a-x", "new"), -EISDIR);
	expect(rig, "a-x", "former");
	assert_int_equal(rmdir(path), 0);
}

/* What is no file of ours is an error, and nothing to wait for. */
static void test_keeper__something_else_under_the_name(void **state)
{
	struct rig *rig = *state;
	char path[100];

	snprintf(path, sizeof(path), "%s/pipe", rig->directory);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(load(rig, "pipe", 10), -EBADMSG);
	snprintf(path, sizeof(path), "%s/folder", rig->directory);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(load(rig, "folder", 10), -EISDIR);
	assert_int_not_equal(save(rig, "folder", "x"), 0);
}

static void test_keeper_create__one_daemon_at_a_time(void **state)
{
	struct rig *rig = *state;
	struct keeper *other;
	char error[200] = "";

	assert_int_equal(keeper_create(rig->directory, &other, error, sizeof(error)), -EBUSY);
	assert_non_null(strstr(error, "another daemon"));
}

static void test_keeper_create__no_such_place(void **state)
{
	struct keeper *other;
	char error[200] = "";

	(void)state;
	assert_int_equal(keeper_create("/nowhere/at/all", &other, error, sizeof(error)), -ENOENT);
	assert_non_null(strstr(error, "/nowhere/at/all"));
	assert_int_equal(keeper_create("/dev/null", &other, error, sizeof(error)), -ENOTDIR);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keeper__what_was_saved_is_there),
		cmocka_unit_test(test_keeper__the_last_asked_is_the_last_saved),
		cmocka_unit_test(test_keeper__damage_is_set_aside),
		cmocka_unit_test(test_keeper__wrong_length_is_set_aside),
		cmocka_unit_test(test_keeper__another_blob_under_the_name),
		cmocka_unit_test(test_keeper__half_a_save_is_none),
		cmocka_unit_test(test_keeper__failure_is_told_and_leaves_the_former),
		cmocka_unit_test(test_keeper__something_else_under_the_name),
		cmocka_unit_test(test_keeper_create__one_daemon_at_a_time),
		cmocka_unit_test(test_keeper_create__no_such_place),
	};
	struct CMUnitTest with_rig[ARRAY_SIZE(tests)];

	log_set_level(LOG_LEVEL_ERROR);
	for (unsigned i = 0; i < ARRAY_SIZE(tests); i++) {
		with_rig[i] = tests[i];
		with_rig[i].setup_func = setup;
		with_rig[i].teardown_func = teardown;
	}
	return cmocka_run_group_tests(with_rig, NULL, NULL);
}
