/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tags 0 .. n-1 to give out and take back, as blk-mq does it: bitmaps of 64
 * tags, a summary bitmap of the words with a free tag, so that nearly exhausted
 * sets stay cheap, and a sticky hint: the tag put back last is taken next while
 * its memory is still in the cache.
 *
 * One thread owns a set. No allocation after tagset_init.
 */
#ifndef PINION_BASE_TAGSET_H
#define PINION_BASE_TAGSET_H

#include <stdbool.h>
#include <stdint.h>

enum { TAGSET_SIZE_MAX = 1 << 24 };

struct tagset {
	uint64_t *free; /* bit set: tag free */
	uint64_t *summary; /* bit set: that word of `free` is not zero */
	uint32_t size;
	uint32_t in_use;
	uint32_t hint; /* where to look first */
};

/*
 * Makes a set of `size` free tags, 1 to TAGSET_SIZE_MAX. Returns 0, -EINVAL or
 * -ENOMEM; then release with tagset_fini.
 */
int tagset_init(struct tagset *set, uint32_t size);

/* Frees the memory of a set; harmless on an all-zero or finished one. */
void tagset_fini(struct tagset *set);

/* Takes a free tag. Returns it, or -EAGAIN when all are in use. */
int tagset_take(struct tagset *set);

/* Gives back `tag`, which is in use. */
void tagset_put(struct tagset *set, uint32_t tag);

/* Whether `tag` is in use; false for one that the set does not have. */
bool tagset_is_taken(const struct tagset *set, uint32_t tag);

/* How many tags are in use. */
static inline uint32_t tagset_in_use(const struct tagset *set)
{
	return set->in_use;
}

#endif
