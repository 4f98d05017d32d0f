/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Buffers for PDUs, cut from extents of the reactor's arena: that memory is
 * registered already, and bounded by the configuration.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"
#include "transport/iser/iser.h"

enum {
	PIECE = 262144,		/* taken at once: larger ones are wanted by I/O */
	TAKES_MAX = 64,
};

struct cutting {
	const struct iser_device *device;
	uint32_t size;
	unsigned count, made;
	void (*use)(void *context, unsigned index, uint8_t *data, uint32_t lkey);
	void *context;
};

static bool cut_extent(struct cutting *cutting, const struct extent *extent)
{
	uint32_t lkey;

	if (!iser_device_key(cutting->device, extent, &lkey))
		return false;
	for (uint32_t at = 0; at + cutting->size <= extent->length; at += cutting->size) {
		if (cutting->made == cutting->count)
			break;
		cutting->use(cutting->context, cutting->made++, extent->data + at, lkey);
	}
	return true;
}

static int cut(struct cutting *cutting, const struct extents *extents)
{
	unsigned before = cutting->made;

	for (unsigned i = 0; i < extents->count; i++)
		if (!cut_extent(cutting, &extents->extent[i]))
			return -ENOMEM;
	/* Nothing but pieces that are too small: there is no better to be had. */
	return cutting->made == before ? -ENOMEM : 0;
}

/* In one piece, which is a power of two: of smaller ones more is lost. */
static uint32_t wanted(const struct cutting *cutting)
{
	uint64_t bytes = (uint64_t)(cutting->count - cutting->made) * cutting->size;

	return (uint32_t)min_t(uint64_t, round_up_pow2(bytes), PIECE);
}

int iser_slab_take(struct iser_slab *slab, struct arena *arena, const struct iser_device *device,
		   uint32_t size, unsigned count,
		   void (*use)(void *context, unsigned index, uint8_t *data, uint32_t lkey),
		   void *context)
{
	struct cutting cutting = { device, size, count, 0, use, context };
	int err = 0;

	slab->extents_count = 0;
	slab->extents = calloc(TAKES_MAX, sizeof(*slab->extents));
	if (slab->extents == NULL)
		return -ENOMEM;
	while (err == 0 && cutting.made < count) {
		struct extents *extents = &slab->extents[slab->extents_count];

		if (slab->extents_count == TAKES_MAX) {
			err = -ENOMEM;
			break;
		}
		extents_init(extents);
		err = arena_take(arena, extents, wanted(&cutting));
		if (err < 0)
			break;
		slab->extents_count++;
		err = cut(&cutting, extents);
	}
	if (err == 0)
		return 0;
	iser_slab_give(slab, arena);
	return -ENOMEM;
}

void iser_slab_give(struct iser_slab *slab, struct arena *arena)
{
	for (unsigned i = 0; i < slab->extents_count; i++)
		arena_give(arena, &slab->extents[i]);
	free(slab->extents);
	slab->extents = NULL;
	slab->extents_count = 0;
}
