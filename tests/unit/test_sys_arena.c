/* SPDX-License-Identifier: BSD-2-Clause */
/* Extents: taking, giving, reserving, standing in line, and where the memory really is. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include <cmocka.h>

#include <numaif.h>

#include "base/container.h"
#include "sys/arena.h"
#include "sys/topology.h"

#define MIB ((size_t)1 << 20)

struct fixture {
	struct memory *memory;
	struct arena *arena;
};

static int set_up(void **state)
{
	struct memory_config memory_config = { .huge_pages = MEMORY_AUTO, .lock = MEMORY_AUTO };
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct arena_config config = { .node = 0, .reactor = 0, .bytes = 8 * MIB };

	assert_non_null(fixture);
	assert_int_equal(memory_create(&memory_config, &fixture->memory), 0);
	config.memory = fixture->memory;
	assert_int_equal(arena_create(&config, &fixture->arena), 0);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	arena_destroy(fixture->arena);
	memory_destroy(fixture->memory);
	free(fixture);
	return 0;
}

static size_t free_bytes(struct fixture *fixture)
{
	struct arena_info info;

	arena_get_info(fixture->arena, &info);
	return info.free;
}

static void test_arena_take__one_extent_where_it_wastes_little(void **state)
{
	static const struct {
		uint32_t length;
		unsigned extents;
		uint32_t got;
	} rows[] = {
		{ 1, 1, 4096 },	      { 4096, 1, 4096 },	 { 4097, 2, 8192 },
		{ 65536, 1, 65536 },  { 61440, 1, 65536 },	 { 1048576, 1, 1048576 },
		{ 69632, 2, 69632 },  { 2097152, 2, 2097152 },
	};
	struct fixture *fixture = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct extents extents;
		size_t before = free_bytes(fixture);

		extents_init(&extents);
		assert_int_equal(arena_take(fixture->arena, &extents, rows[i].length), 0);
		assert_true(extents.length >= rows[i].length);
		if (rows[i].length != 4097) {
			assert_int_equal(extents.count, rows[i].extents);
			assert_int_equal(extents.length, rows[i].got);
		}
		assert_int_equal(free_bytes(fixture), before - extents.length);
		arena_give(fixture->arena, &extents);
		assert_int_equal(free_bytes(fixture), before);
	}
}

/* Whatever is taken and given in whatever order, nothing overlaps and all comes back whole. */
static void test_arena_take__random_never_overlaps(void **state)
{
	enum { HELD = 64 };
	struct fixture *fixture = *state;
	struct extents held[HELD];
	uint8_t mark[HELD];
	unsigned seed = 7;

	for (unsigned i = 0; i < HELD; i++)
		extents_init(&held[i]);
	for (unsigned round = 0; round < 20000; round++) {
		unsigned i = (unsigned)rand_r(&seed) % HELD;

		if (held[i].count > 0) {
			for (unsigned e = 0; e < held[i].count; e++) {
				const struct extent *extent = &held[i].extent[e];

				for (uint32_t at = 0; at < extent->length; at += 4096)
					assert_int_equal(extent->data[at], mark[i]);
			}
			arena_give(fixture->arena, &held[i]);
			continue;
		}
		if (arena_take(fixture->arena, &held[i], 1 + (uint32_t)rand_r(&seed) % 400000) < 0) {
			assert_int_equal(held[i].count, 0);
			continue;
		}
		mark[i] = (uint8_t)round;
		for (unsigned e = 0; e < held[i].count; e++)
			memset(held[i].extent[e].data, mark[i], held[i].extent[e].length);
	}
	for (unsigned i = 0; i < HELD; i++)
		arena_give(fixture->arena, &held[i]);
	/* Merged again: the whole can be had in the largest extents. */
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(arena_take(fixture->arena, &held[i], EXTENT_MAX), 0);
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(held[i].count, 1);
		arena_give(fixture->arena, &held[i]);
	}
}

static void test_arena_take__too_many_pieces_is_short(void **state)
{
	struct fixture *fixture = *state;
	struct extents extents;

	extents_init(&extents);
	assert_int_equal(arena_take(fixture->arena, &extents, 17 * EXTENT_MAX), -EAGAIN);
	assert_int_equal(extents.count, 0);
	assert_int_equal(free_bytes(fixture), 8 * MIB);
}

static void test_arena_reserve__ordinary_takers_leave_it(void **state)
{
	struct fixture *fixture = *state;
	struct extents extents[9];

	for (unsigned i = 0; i < 9; i++)
		extents_init(&extents[i]);
	assert_int_equal(arena_reserve(fixture->arena, 2 * MIB), 0);
	assert_int_equal(arena_reserve(fixture->arena, 3 * MIB), -EAGAIN);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(arena_take(fixture->arena, &extents[i], EXTENT_MAX), 0);
	assert_int_equal(arena_take(fixture->arena, &extents[6], 4096), -EAGAIN);
	assert_int_equal(arena_take_reserved(fixture->arena, &extents[6], 65536), 0);
	for (unsigned i = 0; i < 7; i++)
		arena_give(fixture->arena, &extents[i]);
	arena_unreserve(fixture->arena, 2 * MIB);
}

struct customer {
	struct arena_waiter waiter;
	struct extents extents;
	unsigned *turn;
	unsigned served;
};

static void served(struct arena_waiter *waiter)
{
	struct customer *customer = container_of(waiter, struct customer, waiter);

	customer->served = ++*customer->turn;
}

static void join_line(struct fixture *fixture, struct customer *customer, unsigned *turn,
		      uint32_t length)
{
	memset(customer, 0, sizeof(*customer));
	extents_init(&customer->extents);
	customer->turn = turn;
	customer->waiter.extents = &customer->extents;
	customer->waiter.length = length;
	customer->waiter.ready = served;
	assert_int_equal(arena_wait(fixture->arena, &customer->waiter), 0);
}

/* Every part that was set aside can be had, also where its size is no power of two. */
static void test_arena_take_reserved__every_part_is_there(void **state)
{
	enum { PART = 12288, PARTS = 300, ORDINARY = 2048 };
	struct fixture *fixture = *state;
	struct extents *parts = calloc(PARTS, sizeof(*parts));
	struct extents *ordinary = calloc(ORDINARY, sizeof(*ordinary));
	struct customer last;
	unsigned taken = 0;
	unsigned turn = 0;

	assert_int_equal(arena_reserve(fixture->arena, (size_t)PART * PARTS), 0);
	/* Whether ordinary takers come before or in between, and whatever their sizes. */
	for (unsigned i = 0; i < PARTS; i++) {
		while (i % 100 == 0 && taken < ORDINARY) {
			extents_init(&ordinary[taken]);
			if (arena_take(fixture->arena, &ordinary[taken],
				       i == 0 ? 65536 : 4096) < 0)
				break;
			taken++;
		}
		extents_init(&parts[i]);
		assert_int_equal(arena_take_reserved(fixture->arena, &parts[i], PART), 0);
	}
	while (taken > 0)
		arena_give(fixture->arena, &ordinary[--taken]);
	/* And what was not set aside is all there for those in line who hold the parts. */
	join_line(fixture, &last, &turn, 4 * MIB);
	arena_serve(fixture->arena);
	assert_int_equal(last.served, 1);
	arena_give(fixture->arena, &last.extents);
	for (unsigned i = 0; i < PARTS; i++)
		arena_give(fixture->arena, &parts[i]);
	arena_unreserve(fixture->arena, (size_t)PART * PARTS);
	assert_int_equal(free_bytes(fixture), 8 * MIB);
	free(parts);
	free(ordinary);
}

static void test_arena_wait__serves_in_order_and_nobody_overtakes(void **state)
{
	struct fixture *fixture = *state;
	struct extents held[8];
	struct extents small;
	struct customer large, second, gone;
	unsigned turn = 0;

	for (unsigned i = 0; i < 8; i++) {
		extents_init(&held[i]);
		assert_int_equal(arena_take(fixture->arena, &held[i], EXTENT_MAX), 0);
	}
	join_line(fixture, &large, &turn, 2 * EXTENT_MAX);
	join_line(fixture, &gone, &turn, 4096);
	join_line(fixture, &second, &turn, 4096);
	arena_wait_cancel(fixture->arena, &gone.waiter);
	arena_give(fixture->arena, &held[0]);
	arena_serve(fixture->arena);
	assert_int_equal(large.served, 0);
	/* There is 1 MiB, but someone is in line for two. */
	extents_init(&small);
	assert_int_equal(arena_take(fixture->arena, &small, 4096), -EAGAIN);
	arena_give(fixture->arena, &held[1]);
	arena_give(fixture->arena, &held[2]);
	arena_serve(fixture->arena);
	assert_int_equal(large.served, 1);
	assert_int_equal(second.served, 2);
	assert_int_equal(gone.served, 0);
	assert_true(large.extents.length >= 2 * EXTENT_MAX);
	arena_give(fixture->arena, &large.extents);
	arena_give(fixture->arena, &second.extents);
	for (unsigned i = 3; i < 8; i++)
		arena_give(fixture->arena, &held[i]);
	assert_int_equal(free_bytes(fixture), 8 * MIB);
}

/* Data that has come already stays where it is when the rest of the memory is added. */
static void test_arena_wait__grows_what_is_held(void **state)
{
	struct fixture *fixture = *state;
	struct extents held[8];
	struct customer customer;
	unsigned turn = 0;
	uint8_t *data;

	for (unsigned i = 0; i < 7; i++) {
		extents_init(&held[i]);
		assert_int_equal(arena_take(fixture->arena, &held[i], EXTENT_MAX), 0);
	}
	join_line(fixture, &customer, &turn, 2 * EXTENT_MAX);
	assert_int_equal(arena_take_reserved(fixture->arena, &customer.extents, 65536), 0);
	data = customer.extents.extent[0].data;
	data[100] = 0x5a;
	arena_serve(fixture->arena);
	assert_int_equal(customer.served, 0);
	for (unsigned i = 0; i < 7; i++)
		arena_give(fixture->arena, &held[i]);
	arena_serve(fixture->arena);
	assert_int_equal(customer.served, 1);
	assert_ptr_equal(customer.extents.extent[0].data, data);
	assert_int_equal(data[100], 0x5a);
	arena_give(fixture->arena, &customer.extents);
}

static void test_arena_wait__impossible_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct arena_waiter waiter = { .length = 5 * MIB };

	assert_int_equal(arena_wait(fixture->arena, &waiter), -EMSGSIZE);
}

static void test_extents_copy__crosses_extents(void **state)
{
	struct fixture *fixture = *state;
	uint8_t pattern[10000];
	uint8_t back[10000];
	struct extents extents;
	struct iovec iov[8];
	uint32_t covered;
	unsigned count;

	for (unsigned i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i * 7 + i / 256);
	extents_init(&extents);
	for (unsigned i = 1; i <= 4; i++)
		assert_int_equal(arena_take(fixture->arena, &extents, i * 4096), 0);
	assert_int_equal(extents.count, 4);
	extents_copy_in(&extents, 3000, pattern, sizeof(pattern));
	extents_copy_out(&extents, 3000, back, sizeof(back));
	assert_memory_equal(pattern, back, sizeof(pattern));
	count = extents_to_iov(&extents, 3000, sizeof(pattern), iov, 8, &covered);
	assert_int_equal(count, 4);
	assert_int_equal(covered, sizeof(pattern));
	assert_int_equal(iov[0].iov_len, 1096);
	assert_memory_equal(iov[1].iov_base, pattern + 1096, 4096);
	count = extents_to_iov(&extents, 0, 16384, iov, 2, &covered);
	assert_int_equal(count, 2);
	assert_int_equal(covered, 8192);
	arena_give(fixture->arena, &extents);
}

static void check_placement(void *context, const struct region *region)
{
	unsigned *checked = context;

	for (size_t at = 0; at < region->length; at += 256 * 1024) {
		void *page = region->base + at;
		int status = -1;

		/* Two questions to the kernel, none to ourselves. */
		assert_int_equal(move_pages(0, 1, &page, NULL, &status, 0), 0);
		assert_true(status >= 0);
		assert_int_equal(status, topology_node_of(page));
		if (region->node >= 0)
			assert_int_equal(status, region->node);
		++*checked;
	}
}

static void test_memory__pages_are_where_they_were_asked_for(void **state)
{
	struct fixture *fixture = *state;
	unsigned checked = 0;
	void *page = &checked;
	int status;

	/* Some sandboxes do not let us ask. */
	if (move_pages(0, 1, &page, NULL, &status, 0) != 0 || topology_node_of(page) < 0)
		skip();
	memory_visit(fixture->memory, check_placement, &checked);
	assert_true(checked >= 32);
}

struct book {
	struct registrar registrar;
	unsigned added, removed;
};

static int book_add(struct registrar *registrar, struct region *region, uint64_t *key)
{
	struct book *book = container_of(registrar, struct book, registrar);

	book->added++;
	*key = region->length;
	return 0;
}

static void book_remove(struct registrar *registrar, struct region *region, uint64_t key)
{
	struct book *book = container_of(registrar, struct book, registrar);

	assert_int_equal(key, region->length);
	book->removed++;
}

static void test_memory_registrar__hears_of_every_region_once(void **state)
{
	static const struct registrar_ops ops = {
		.name = "book",
		.region_added = book_add,
		.region_removed = book_remove,
	};
	struct fixture *fixture = *state;
	struct book all = { .registrar = { .ops = &ops, .reactor = REGION_SHARED } };
	struct book other = { .registrar = { .ops = &ops, .reactor = 5 } };
	struct region *region;

	assert_int_equal(memory_registrar_add(fixture->memory, &all.registrar), 0);
	assert_int_equal(memory_registrar_add(fixture->memory, &other.registrar), 0);
	assert_int_equal(all.added, 1);
	assert_int_equal(other.added, 0);
	assert_int_equal(memory_region_create(fixture->memory, MIB, -1, REGION_SHARED, &region), 0);
	assert_int_equal(all.added, 2);
	assert_int_equal(region->key[all.registrar.slot], region->length);
	assert_true(region->key[other.registrar.slot] == REGION_NO_KEY);
	memory_region_destroy(fixture->memory, region);
	assert_int_equal(all.removed, 1);
	memory_registrar_remove(fixture->memory, &all.registrar);
	memory_registrar_remove(fixture->memory, &other.registrar);
	assert_int_equal(all.removed, 2);
	assert_int_equal(other.removed, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_arena_take__one_extent_where_it_wastes_little),
		CASE(test_arena_take__random_never_overlaps),
		CASE(test_arena_take__too_many_pieces_is_short),
		CASE(test_arena_reserve__ordinary_takers_leave_it),
		CASE(test_arena_take_reserved__every_part_is_there),
		CASE(test_arena_wait__serves_in_order_and_nobody_overtakes),
		CASE(test_arena_wait__grows_what_is_held),
		CASE(test_arena_wait__impossible_is_refused),
		CASE(test_extents_copy__crosses_extents),
		CASE(test_memory__pages_are_where_they_were_asked_for),
		CASE(test_memory_registrar__hears_of_every_region_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
