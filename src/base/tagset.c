/* SPDX-License-Identifier: BSD-2-Clause */
/* The tag allocator of tagset.h: a bitmap of free tags under a bitmap of words. */
#include "base/tagset.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint32_t words_for(uint32_t bits)
{
	return (bits + 63) / 64;
}

static void fill(uint64_t *words, uint32_t bits)
{
	memset(words, 0xff, bits / 64 * sizeof(*words));
	if (bits % 64 != 0)
		words[bits / 64] = ((uint64_t)1 << bits % 64) - 1;
}

int tagset_init(struct tagset *set, uint32_t size)
{
	uint32_t words = words_for(size);
	uint32_t summary_words = words_for(words);
	uint64_t *memory;

	if (size == 0 || size > TAGSET_SIZE_MAX)
		return -EINVAL;
	memory = calloc(words + summary_words, sizeof(*memory));
	if (memory == NULL)
		return -ENOMEM;
	*set = (struct tagset){
		.free = memory,
		.summary = memory + words,
		.size = size,
	};
	fill(set->free, size);
	fill(set->summary, words);
	return 0;
}

void tagset_fini(struct tagset *set)
{
	free(set->free);
	*set = (struct tagset){ 0 };
}

/* A word with a free tag, at or after the hint's, going round; there is one. */
static uint32_t find_word(const struct tagset *set)
{
	uint32_t start = set->hint / 64;
	uint32_t summary_words = words_for(words_for(set->size));
	uint32_t i = start / 64;
	uint64_t candidates = set->summary[i] & UINT64_MAX << start % 64;

	while (candidates == 0) {
		i = i + 1 == summary_words ? 0 : i + 1;
		candidates = set->summary[i];
	}
	return i * 64 + (uint32_t)__builtin_ctzll(candidates);
}

int tagset_take(struct tagset *set)
{
	uint32_t word;
	uint32_t bit;

	if (set->in_use == set->size)
		return -EAGAIN;
	word = set->hint / 64;
	bit = set->hint % 64;
	if ((set->free[word] >> bit & 1) == 0) {
		word = find_word(set);
		bit = (uint32_t)__builtin_ctzll(set->free[word]);
	}
	set->free[word] &= ~((uint64_t)1 << bit);
	if (set->free[word] == 0)
		set->summary[word / 64] &= ~((uint64_t)1 << word % 64);
	set->in_use++;
	set->hint = word * 64 + bit;
	return (int)set->hint;
}

void tagset_put(struct tagset *set, uint32_t tag)
{
	uint32_t word = tag / 64;

	assert(tagset_is_taken(set, tag));
	set->free[word] |= (uint64_t)1 << tag % 64;
	set->summary[word / 64] |= (uint64_t)1 << word % 64;
	set->in_use--;
	set->hint = tag;
}

bool tagset_is_taken(const struct tagset *set, uint32_t tag)
{
	return tag < set->size && (set->free[tag / 64] >> tag % 64 & 1) == 0;
}
