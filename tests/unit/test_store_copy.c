/* SPDX-License-Identifier: BSD-2-Clause */
/* STORE_COPY of all stores: what is said to be copied is, and nothing else changes. */
#include "test_store_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "store/file.h"
#include "store/kinds.h"

enum { SIZE = 4 << 20 };

struct pair {
	struct rig rig;
	struct store *from, *to;
	char path[2][40];
	uint8_t *source, *wanted, *got;
};

static struct store *open_one(struct pair *pair, unsigned i, const char *kind)
{
	struct rig_open what = { .kind = kind, .settings = { "size=4M" } };
	char setting[60];
	int fd;

	if (strcmp(kind, "ram") != 0 && strcmp(kind, "null") != 0) {
		snprintf(pair->path[i], sizeof(pair->path[i]), "/var/tmp/test_store_copy.XXXXXX");
		fd = mkstemp(pair->path[i]);
		assert_true(fd >= 0);
		assert_int_equal(ftruncate(fd, SIZE), 0);
		close(fd);
		snprintf(setting, sizeof(setting), "path=%s", pair->path[i]);
		what.kind = "file";
		what.settings[0] = setting;
		what.settings[1] = strcmp(kind, "direct") == 0 ? "direct=auto" : "direct=off";
	}
	return rig_open(&pair->rig, &what);
}

static bool begin(struct pair *pair, enum engine_kind engine, const char *from, const char *to)
{
	memset(pair, 0, sizeof(*pair));
	if (!rig_setup(&pair->rig, engine, 1))
		return false;
	pair->from = open_one(pair, 0, from);
	pair->to = to != NULL ? open_one(pair, 1, to) : pair->from;
	pair->source = malloc(SIZE);
	pair->wanted = malloc(SIZE);
	pair->got = malloc(SIZE);
	rig_pattern(pair->source, SIZE, 1);
	rig_pattern(pair->wanted, SIZE, 2);
	assert_int_equal(rig_write(&pair->rig, pair->to, 0, 0, pair->wanted, SIZE), 0);
	assert_int_equal(rig_write(&pair->rig, pair->from, 0, 0, pair->source, SIZE), 0);
	if (to == NULL)
		memcpy(pair->wanted, pair->source, SIZE);
	return true;
}

static void end(struct pair *pair)
{
	if (pair->to != pair->from)
		store_close(pair->to);
	store_close(pair->from);
	for (unsigned i = 0; i < 2; i++) {
		if (pair->path[i][0] != '\0')
			unlink(pair->path[i]);
	}
	free(pair->source);
	free(pair->wanted);
	free(pair->got);
	rig_teardown(&pair->rig);
}

/* Returns the error; *run is how much was copied. */
static int copy(struct pair *pair, uint64_t from_offset, uint64_t offset, uint64_t range,
		uint64_t *run)
{
	struct rig_io io;
	int err;

	rig_prepare(&pair->rig, &io, pair->to, STORE_COPY, offset, range);
	io.io.from = pair->from;
	io.io.from_offset = from_offset;
	io.io.run = 12345;
	store_submit(&io.io);
	err = rig_wait(&pair->rig, &io);
	*run = io.io.run;
	return err;
}

static void expect(struct pair *pair)
{
	assert_int_equal(rig_read(&pair->rig, pair->to, 0, pair->got, SIZE), 0);
	assert_memory_equal(pair->got, pair->wanted, SIZE);
}

/*
 * How much of RANGE at TO is copied. Past the page cache only whole blocks are: copied in part, a
 * block's rest would be read and written with it, and what others write there meanwhile be lost.
 */
static uint64_t copied(const struct pair *pair, uint64_t to, uint64_t range)
{
	uint64_t unit = max(pair->to->traits.physical_block, 4096u);

	if (pair->to->ops != &store_file_ops || !file_of(pair->to)->is_direct)
		return range;
	return to % unit == 0 ? range - range % unit : 0;
}

static void copies_all(enum engine_kind engine, const char *from, const char *to)
{
	static const struct {
		uint64_t from, to, range;
	} cases[] = {
		{ 0, 0, 4096 },		 { 4096, 2 << 20, 1 << 20 }, { 2 << 20, 0, 2 << 20 },
		{ SIZE - 512, 512, 512 }, { 1536, 2560, 700 * 512 },  { 0, 0, 0 },
		{ 512, 1 << 20, (1 << 20) + 512 },
	};
	struct pair pair;
	uint64_t run;

	if (!begin(&pair, engine, from, to))
		skip();
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		/* Within one store ranges may not overlap. */
		if (to == NULL && i != 1 && i != 2 && i != 3)
			continue;
		assert_int_equal(copy(&pair, cases[i].from, cases[i].to, cases[i].range, &run), 0);
		assert_int_equal(run, copied(&pair, cases[i].to, cases[i].range));
		memcpy(pair.wanted + cases[i].to,
		       (to == NULL ? pair.wanted : pair.source) + cases[i].from, run);
		expect(&pair);
	}
	end(&pair);
}

static void test_copy__memory_to_memory(void **state)
{
	(void)state;
	copies_all(ENGINE_EPOLL, "ram", "ram");
	copies_all(ENGINE_EPOLL, "ram", NULL);
}

/* All file systems that tests run on can do it, if only by copying in the kernel. */
static void test_copy__file_to_file(void **state)
{
	(void)state;
	copies_all(ENGINE_EPOLL, "file", "file");
	copies_all(ENGINE_EPOLL, "file", NULL);
}

static void test_copy__file_to_file_on_the_ring(void **state)
{
	(void)state;
	copies_all(ENGINE_URING, "file", "file");
}

static void test_copy__file_to_file_past_the_page_cache(void **state)
{
	(void)state;
	copies_all(ENGINE_EPOLL, "direct", "direct");
	copies_all(ENGINE_EPOLL, "direct", NULL);
}

static void test_copy__is_declined_between_kinds(void **state)
{
	static const char *const kinds[][2] = { { "file", "ram" }, { "ram", "file" },
						{ "null", "ram" }, { "null", "file" } };
	struct pair pair;
	uint64_t run;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		assert_true(begin(&pair, ENGINE_EPOLL, kinds[i][0], kinds[i][1]));
		assert_int_equal(copy(&pair, 0, 4096, 65536, &run), 0);
		assert_int_equal(run, 0);
		expect(&pair);
		end(&pair);
	}
}

static void test_copy__is_forgotten_like_all_writes(void **state)
{
	struct pair pair;
	uint64_t run;

	(void)state;
	assert_true(begin(&pair, ENGINE_EPOLL, "ram", "null"));
	assert_int_equal(copy(&pair, 0, 4096, 65536, &run), 0);
	assert_int_equal(run, 65536);
	end(&pair);
}

static void test_copy__refuses_what_is_not_there(void **state)
{
	struct pair pair;
	uint64_t run;

	(void)state;
	assert_true(begin(&pair, ENGINE_EPOLL, "ram", "ram"));
	assert_int_equal(copy(&pair, SIZE - 512, 0, 1024, &run), -EINVAL);
	assert_int_equal(copy(&pair, 0, SIZE - 512, 1024, &run), -EINVAL);
	assert_int_equal(copy(&pair, UINT64_MAX - 511, 0, 1024, &run), -EINVAL);
	expect(&pair);
	end(&pair);
}

static void test_copy__passes_the_layers(void **state)
{
	struct rig_open faulty = { .kind = "faulty", .settings = { "op=copy", "after=1" } };
	struct pair pair;
	struct store *below, *source;
	uint64_t run;

	(void)state;
	assert_true(begin(&pair, ENGINE_EPOLL, "ram", "ram"));
	source = pair.from;
	below = faulty.below = pair.to;
	pair.to = rig_open(&pair.rig, &faulty);
	assert_int_equal(copy(&pair, 512, 4096, 1 << 20, &run), 0);
	assert_int_equal(run, 1 << 20);
	memcpy(pair.wanted + 4096, pair.source + 512, 1 << 20);
	expect(&pair);
	assert_int_equal(copy(&pair, 0, 0, 512, &run), -EIO);
	expect(&pair);
	/* A layer wants to see what is read from it: the store above the source does not fetch. */
	pair.from = pair.to;
	pair.to = below;
	assert_int_equal(copy(&pair, 0, 2 << 20, 512, &run), 0);
	assert_int_equal(run, 0);
	pair.to = pair.from;
	pair.from = source;
	end(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copy__memory_to_memory),
		cmocka_unit_test(test_copy__file_to_file),
		cmocka_unit_test(test_copy__file_to_file_on_the_ring),
		cmocka_unit_test(test_copy__file_to_file_past_the_page_cache),
		cmocka_unit_test(test_copy__is_declined_between_kinds),
		cmocka_unit_test(test_copy__is_forgotten_like_all_writes),
		cmocka_unit_test(test_copy__refuses_what_is_not_there),
		cmocka_unit_test(test_copy__passes_the_layers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
