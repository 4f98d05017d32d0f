/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which parts of a range have come, when they come in any order and none twice.
 * Bounded: more holes than it has room for are refused.
 */
#ifndef PINION_BASE_COVER_H
#define PINION_BASE_COVER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define COVER_PARTS_MAX 64

struct cover {
	unsigned count;
	struct {
		uint32_t begin, end;
	} part[COVER_PARTS_MAX];	/* in order, none touching the next */
};

static inline void cover_init(struct cover *cover)
{
	cover->count = 0;
}

/* False, with nothing changed, when some of BEGIN .. END is there already or no room is left. */
static inline bool cover_add(struct cover *cover, uint32_t begin, uint32_t end)
{
	unsigned at = 0;
	bool joins_last, joins_next;

	if (begin == end)
		return true;
	while (at < cover->count && cover->part[at].begin < begin)
		at++;
	if ((at != 0 && cover->part[at - 1].end > begin) ||
	    (at < cover->count && cover->part[at].begin < end))
		return false;
	joins_last = at != 0 && cover->part[at - 1].end == begin;
	joins_next = at < cover->count && cover->part[at].begin == end;
	if (joins_last && joins_next) {
		cover->part[at - 1].end = cover->part[at].end;
		cover->count--;
		memmove(&cover->part[at], &cover->part[at + 1],
			(cover->count - at) * sizeof(cover->part[0]));
	} else if (joins_last) {
		cover->part[at - 1].end = end;
	} else if (joins_next) {
		cover->part[at].begin = begin;
	} else {
		if (cover->count == COVER_PARTS_MAX)
			return false;
		memmove(&cover->part[at + 1], &cover->part[at],
			(cover->count - at) * sizeof(cover->part[0]));
		cover->part[at].begin = begin;
		cover->part[at].end = end;
		cover->count++;
	}
	return true;
}

/* How much is there from 0 on without a hole. */
static inline uint32_t cover_prefix(const struct cover *cover)
{
	return cover->count != 0 && cover->part[0].begin == 0 ? cover->part[0].end : 0;
}

#endif
