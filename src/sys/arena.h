/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Extents of data memory for one reactor: a buddy allocator over regions on
 * the reactor's own NUMA node.
 *
 * An I/O takes a few extents of power-of-two size (4 KiB to 1 MiB) and gives
 * them back when it is done. Nothing here blocks and nothing is ever mapped
 * while I/O runs. When memory is short the taker waits in line, in order; a
 * part of the arena may be set aside (reserved) for data that peers may send
 * without being asked, so that receiving never has to wait for memory.
 *
 * Only the owning reactor's thread may call these.
 */
#ifndef PINION_SYS_ARENA_H
#define PINION_SYS_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "sys/memory.h"

#define EXTENT_MIN 4096u
#define EXTENT_MAX (1024u * 1024u)
#define EXTENTS_MAX 16		/* extents that one I/O may have */

struct arena;

/* A contiguous piece of registered memory. */
struct extent {
	uint8_t *data;
	uint32_t length;	/* bytes; of an arena: a power of two */
	struct region *region;	/* for its keys */
};

/* The memory of one I/O, in order: length is the sum of the extents' lengths. */
struct extents {
	uint16_t count;
	bool borrowed;		/* memory of a store: not to be given back */
	uint32_t length;
	uint32_t reserved;	/* bytes of it that count against the arena's reserve */
	struct extent extent[EXTENTS_MAX];
};

static inline void extents_init(struct extents *extents)
{
	extents->count = 0;
	extents->borrowed = false;
	extents->length = 0;
	extents->reserved = 0;
}

/* Copies LEN bytes into EXTENTS at byte OFFSET; the caller has checked that they fit. */
void extents_copy_in(struct extents *extents, uint32_t offset, const void *from, uint32_t len);
/* Copies LEN bytes out of EXTENTS from byte OFFSET. */
void extents_copy_out(const struct extents *extents, uint32_t offset, void *to, uint32_t len);

struct iovec;
/*
 * Fills IOV with bytes OFFSET to OFFSET + LEN of EXTENTS. Returns the number
 * of entries used; when IOV_MAX_COUNT is too small, *covered (bytes) is less than LEN.
 */
unsigned extents_to_iov(const struct extents *extents, uint32_t offset, uint32_t len,
			struct iovec *iov, unsigned iov_max_count, uint32_t *covered);

/* Someone in line for memory. Embedded by its owner. */
struct arena_waiter {
	struct list_node link;
	struct extents *extents;	/* grown to length, then */
	uint32_t length;		/* ready is called */
	void (*ready)(struct arena_waiter *waiter);
};

struct arena_config {
	struct memory *memory;
	int node;		/* NUMA node */
	int reactor;		/* index of the owning reactor */
	size_t bytes;		/* wanted; trimmed to what can be had, see arena_info */
	size_t bytes_min;	/* below this arena_create fails with -ENOMEM */
};

struct arena_info {
	size_t bytes;		/* the arena's size */
	size_t wanted;		/* what the configuration asked for */
	size_t free;
	size_t reserved;	/* set aside and not in use */
	unsigned regions;
	unsigned waiters;
	uint64_t taken;		/* extents taken since start */
	uint64_t shortages;	/* times that a taker had to wait */
};

int arena_create(const struct arena_config *config, struct arena **out);
void arena_destroy(struct arena *arena);
void arena_get_info(const struct arena *arena, struct arena_info *info);

/*
 * Grows EXTENTS to at least LENGTH bytes (rounded up to EXTENT_MIN) with the
 * fewest extents that are free. 0, or -EAGAIN when memory is short, someone
 * else is in line, or the pieces would be more than EXTENTS_MAX: EXTENTS are then as before.
 */
int arena_take(struct arena *arena, struct extents *extents, uint32_t length);

/*
 * The same out of what arena_reserve has set aside: never -EAGAIN within it
 * for LENGTH up to EXTENTS_MAX * EXTENT_MIN bytes in empty EXTENTS.
 */
int arena_take_reserved(struct arena *arena, struct extents *extents, uint32_t length);

/* Gives everything in EXTENTS back (nothing where it is borrowed) and empties it. */
void arena_give(struct arena *arena, struct extents *extents);

/*
 * Gets in line: WAITER->ready is called once, from the reactor's loop and never
 * from here, when the memory is there. -EMSGSIZE when the arena could never give it.
 */
int arena_wait(struct arena *arena, struct arena_waiter *waiter);

/* Leaves the line; harmless when not in it. ready is not called. */
void arena_wait_cancel(struct arena *arena, struct arena_waiter *waiter);

/*
 * Sets BYTES aside for arena_take_reserved. -EAGAIN when more than half of the
 * arena would be set aside. What is reserved and not in use (taken by
 * arena_take_reserved and not given back) is a floor that ordinary takers may not
 * go below.
 */
int arena_reserve(struct arena *arena, size_t bytes);
void arena_unreserve(struct arena *arena, size_t bytes);
/* How many bytes may be set aside in all, and how many of them are not yet. */
size_t arena_reserve_max(const struct arena *arena);
size_t arena_reserve_left(const struct arena *arena);

/* Serves the line; called by the reactor once in each turn of its loop. */
void arena_serve(struct arena *arena);

#endif
