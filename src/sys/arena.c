/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A buddy allocator with one free bitmap for each size class and a sticky hint
 * where the last free block was found. Chunks of 1 MiB are cut down to pages
 * of 4 KiB; the bit of a block is set while it is free and whole.
 */
#include "sys/arena.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/container.h"
#include "base/counter.h"

#define ORDERS 9u			/* 4 KiB << 0 to 4 KiB << 8 */
#define ORDER_MAX (ORDERS - 1)
#define REGION_BYTES_MAX ((size_t)1 << 30)	/* the largest fixed buffer of a ring */
#define ARENA_REGIONS_MAX 64

struct order {
	uint64_t *free;		/* bitmap: chunks << (ORDER_MAX - order) bits */
	size_t words;
	size_t count;		/* bits that are set */
	size_t hint;		/* word to look at first */
};

struct arena {
	struct memory *memory;
	size_t bytes;
	size_t wanted;
	struct counter free_bytes;	/* counters are read by status reports on other threads */
	struct counter reserved;
	size_t reserve_used;	/* by extents that arena_take_reserved has filled */
	size_t chunks;
	unsigned region_count;
	struct region *region[ARENA_REGIONS_MAX];
	size_t first_chunk[ARENA_REGIONS_MAX];
	struct order order[ORDERS];
	struct list line;
	struct counter waiters;
	struct counter taken;
	struct counter shortages;
};

/* --- the bitmaps --- */

static void block_set(struct arena *arena, unsigned order, size_t block)
{
	struct order *class = &arena->order[order];

	class->free[block / 64] |= UINT64_C(1) << (block % 64);
	class->count++;
	class->hint = block / 64;
}

static void block_clear(struct arena *arena, unsigned order, size_t block)
{
	struct order *class = &arena->order[order];

	class->free[block / 64] &= ~(UINT64_C(1) << (block % 64));
	class->count--;
}

static bool block_is_free(const struct arena *arena, unsigned order, size_t block)
{
	return arena->order[order].free[block / 64] >> (block % 64) & 1;
}

/* Finds a free block of the class, which has one. */
static size_t block_find(struct arena *arena, unsigned order)
{
	struct order *class = &arena->order[order];

	while (class->free[class->hint] == 0)
		class->hint = class->hint + 1 == class->words ? 0 : class->hint + 1;
	return class->hint * 64 + (size_t)__builtin_ctzll(class->free[class->hint]);
}

/* Takes a block of ORDER, cutting a larger one if need be. False when there is none. */
static bool block_take(struct arena *arena, unsigned order, size_t *out)
{
	unsigned from = order;
	size_t block;

	while (from < ORDERS && arena->order[from].count == 0)
		from++;
	if (from == ORDERS)
		return false;
	block = block_find(arena, from);
	block_clear(arena, from, block);
	while (from > order) {
		from--;
		block *= 2;
		block_set(arena, from, block + 1);
	}
	*out = block;
	return true;
}

static void block_give(struct arena *arena, unsigned order, size_t block)
{
	while (order < ORDER_MAX && block_is_free(arena, order, block ^ 1)) {
		block_clear(arena, order, block ^ 1);
		block /= 2;
		order++;
	}
	block_set(arena, order, block);
}

/* --- blocks and extents --- */

static unsigned order_of(uint32_t length)
{
	return (unsigned)__builtin_ctz(length / EXTENT_MIN);
}

static void extent_of_block(const struct arena *arena, unsigned order, size_t block,
			    struct extent *extent)
{
	size_t chunk = block >> (ORDER_MAX - order);
	unsigned i = arena->region_count - 1;

	while (arena->first_chunk[i] > chunk)
		i--;
	extent->region = arena->region[i];
	extent->length = EXTENT_MIN << order;
	extent->data = arena->region[i]->base + block * extent->length -
		       arena->first_chunk[i] * EXTENT_MAX;
}

static size_t block_of_extent(const struct arena *arena, const struct extent *extent)
{
	unsigned i = 0;

	while (arena->region[i] != extent->region)
		i++;
	return ((size_t)(extent->data - extent->region->base) +
		arena->first_chunk[i] * EXTENT_MAX) /
	       extent->length;
}

/*
 * The first extent for REMAINING bytes: one that holds them all where less
 * than a quarter of it is wasted (a single fixed buffer beats a vector), else
 * the largest that they fill.
 */
static unsigned order_for(uint32_t remaining)
{
	unsigned order = 0;

	while (order < ORDER_MAX && (EXTENT_MIN << order) < remaining)
		order++;
	if (order > 0 && remaining < (EXTENT_MIN << order) - (EXTENT_MIN << order) / 4)
		order--;
	return order;
}

/* The largest extent that REMAINING bytes, in whole pages, fill: nothing is wasted. */
static unsigned exact_order_for(uint32_t remaining)
{
	unsigned order = 0;

	while (order < ORDER_MAX && (EXTENT_MIN << (order + 1)) <= remaining)
		order++;
	return order;
}

static void extents_append(struct arena *arena, struct extents *extents, unsigned order,
			   size_t block)
{
	struct extent *extent = &extents->extent[extents->count++];

	extent_of_block(arena, order, block, extent);
	extents->length += extent->length;
	counter_set(&arena->free_bytes, counter_read(&arena->free_bytes) - extent->length);
	counter_increment(&arena->taken);
}

/* Gives back what came after the first KEEP extents. */
static void extents_cut(struct arena *arena, struct extents *extents, unsigned keep)
{
	while (extents->count > keep) {
		struct extent *extent = &extents->extent[--extents->count];

		block_give(arena, order_of(extent->length), block_of_extent(arena, extent));
		extents->length -= extent->length;
		counter_add(&arena->free_bytes, extent->length);
	}
}

static int extents_grow(struct arena *arena, struct extents *extents, uint32_t length,
			size_t floor, bool is_exact)
{
	unsigned keep = extents->count;

	while (extents->length < length) {
		uint32_t remaining = length - extents->length;
		unsigned order = is_exact ? exact_order_for(remaining) : order_for(remaining);
		size_t block;

		if (extents->count == EXTENTS_MAX)
			goto short_of;
		/* Fragmented: smaller pieces do as well, as long as they are few. */
		while (!block_take(arena, order, &block)) {
			if (order == 0)
				goto short_of;
			order--;
		}
		extents_append(arena, extents, order, block);
		if (counter_read(&arena->free_bytes) < floor)
			goto short_of;
	}
	return 0;
short_of:
	extents_cut(arena, extents, keep);
	return -EAGAIN;
}

/*
 * What ordinary takers must leave. Whoever uses his part of the reserve does not
 * need it again before he gives it back: were it kept aside a second time,
 * takers that wait with their part in hand could wait for each other for ever.
 */
static size_t floor_of(const struct arena *arena)
{
	size_t reserved = counter_read(&arena->reserved);

	return reserved - min(reserved, arena->reserve_used);
}

int arena_take(struct arena *arena, struct extents *extents, uint32_t length)
{
	if (!list_is_empty(&arena->line))
		return -EAGAIN;
	return extents_grow(arena, extents, length, floor_of(arena), false);
}

int arena_take_reserved(struct arena *arena, struct extents *extents, uint32_t length)
{
	uint32_t before = extents->length;

	/* What an extent has beyond the pages asked for would be another's part. */
	length = (length + EXTENT_MIN - 1) & ~(EXTENT_MIN - 1);
	if (extents_grow(arena, extents, length, 0, true) < 0)
		return -EAGAIN;
	extents->reserved += extents->length - before;
	arena->reserve_used += extents->length - before;
	return 0;
}

void arena_give(struct arena *arena, struct extents *extents)
{
	if (!extents->borrowed) {
		extents_cut(arena, extents, 0);
		arena->reserve_used -= extents->reserved;
	}
	extents_init(extents);
}

/* --- standing in line --- */

int arena_wait(struct arena *arena, struct arena_waiter *waiter)
{
	if (waiter->length > arena->bytes / 2)
		return -EMSGSIZE;
	list_push_back(&arena->line, &waiter->link);
	counter_increment(&arena->waiters);
	counter_increment(&arena->shortages);
	return 0;
}

void arena_wait_cancel(struct arena *arena, struct arena_waiter *waiter)
{
	if (!list_is_linked(&waiter->link))
		return;
	list_remove(&waiter->link);
	counter_decrement(&arena->waiters);
}

void arena_serve(struct arena *arena)
{
	struct list_node *node;

	while ((node = list_front(&arena->line)) != NULL) {
		struct arena_waiter *waiter = container_of(node, struct arena_waiter, link);

		if (extents_grow(arena, waiter->extents, waiter->length, floor_of(arena),
				 false) < 0)
			return;
		arena_wait_cancel(arena, waiter);
		waiter->ready(waiter);
	}
}

size_t arena_reserve_max(const struct arena *arena)
{
	return arena->bytes / 2;
}

size_t arena_reserve_left(const struct arena *arena)
{
	return arena_reserve_max(arena) - counter_read(&arena->reserved);
}

int arena_reserve(struct arena *arena, size_t bytes)
{
	if (bytes > arena_reserve_left(arena))
		return -EAGAIN;
	counter_add(&arena->reserved, bytes);
	return 0;
}

void arena_unreserve(struct arena *arena, size_t bytes)
{
	size_t reserved = counter_read(&arena->reserved);

	assert(bytes <= reserved);
	counter_set(&arena->reserved, reserved - bytes);
}

/* --- making one --- */

static int map_regions(struct arena *arena, const struct arena_config *config)
{
	size_t wanted = config->bytes & ~(size_t)(EXTENT_MAX - 1);

	while (arena->bytes < wanted && arena->region_count < ARENA_REGIONS_MAX) {
		size_t bytes = wanted - arena->bytes;
		struct region *region;
		int rc;

		if (bytes > REGION_BYTES_MAX)
			bytes = REGION_BYTES_MAX;
		/* What cannot be had whole is tried by halves: start with less rather than not. */
		do {
			rc = memory_region_create(config->memory, bytes, config->node,
						  config->reactor, &region);
			if (rc < 0)
				bytes /= 2;
		} while (rc < 0 && bytes >= EXTENT_MAX);
		if (rc < 0)
			break;
		arena->first_chunk[arena->region_count] = arena->chunks;
		arena->region[arena->region_count++] = region;
		arena->chunks += region->length / EXTENT_MAX;
		arena->bytes += region->length;
		if (bytes < REGION_BYTES_MAX)
			break;
	}
	if (arena->bytes == 0 || arena->bytes < config->bytes_min)
		return -ENOMEM;
	return 0;
}

static int make_bitmaps(struct arena *arena)
{
	for (unsigned order = 0; order < ORDERS; order++) {
		size_t blocks = arena->chunks << (ORDER_MAX - order);
		struct order *class = &arena->order[order];

		class->words = (blocks + 63) / 64;
		class->free = calloc(class->words, sizeof(uint64_t));
		if (class->free == NULL)
			return -ENOMEM;
	}
	for (size_t chunk = arena->chunks; chunk-- > 0;)
		block_set(arena, ORDER_MAX, chunk);
	counter_set(&arena->free_bytes, arena->bytes);
	return 0;
}

int arena_create(const struct arena_config *config, struct arena **out)
{
	struct arena *arena = calloc(1, sizeof(*arena));
	int rc;

	if (arena == NULL)
		return -ENOMEM;
	arena->memory = config->memory;
	arena->wanted = config->bytes;
	list_init(&arena->line);
	rc = map_regions(arena, config);
	if (rc == 0)
		rc = make_bitmaps(arena);
	if (rc < 0) {
		arena_destroy(arena);
		return rc;
	}
	*out = arena;
	return 0;
}

void arena_destroy(struct arena *arena)
{
	if (arena == NULL)
		return;
	for (unsigned order = 0; order < ORDERS; order++)
		free(arena->order[order].free);
	while (arena->region_count > 0)
		memory_region_destroy(arena->memory, arena->region[--arena->region_count]);
	free(arena);
}

void arena_get_info(const struct arena *arena, struct arena_info *info)
{
	info->bytes = arena->bytes;
	info->wanted = arena->wanted;
	info->free = counter_read(&arena->free_bytes);
	info->reserved = counter_read(&arena->reserved);
	info->regions = arena->region_count;
	info->waiters = (unsigned)counter_read(&arena->waiters);
	info->taken = counter_read(&arena->taken);
	info->shortages = counter_read(&arena->shortages);
}
