/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A store that keeps nothing, for measuring all that is above it: whatever is
 * written is forgotten, and zeros are read. Reads are sent from one page of
 * zeros and writes received into one scratch area, both shared by everybody, so
 * that neither costs anything here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "store/kinds.h"
#include "store/settings.h"
#include "store/stepper.h"

/* Bytes of either area: with EXTENTS_MAX of it the largest I/O is covered. */
#define AREA_BYTES EXTENT_MAX

struct null_store {
	struct store store;
	struct memory *memory;
	struct stepper *stepper;
	/* The area of zeros, and behind it the scratch area. */
	struct region *region;
};

static struct null_store *null_of(struct store *store)
{
	return container_of(store, struct null_store, store);
}

/* Reads zeros, where the data is not the area of zeros itself. */
static void null_step(struct store_io *io, uint64_t at, uint32_t bytes)
{
	const struct null_store *null = null_of(io->store);
	const struct extent *extent;

	if (io->op != STORE_READ)
		return;
	for (extent = io->data->extent; bytes > 0 && at >= extent->length; extent++)
		at -= extent->length;
	for (; bytes > 0; extent++, at = 0) {
		uint32_t length = min_t(uint32_t, bytes, extent->length - (uint32_t)at);

		if (extent->region != null->region)
			memset(extent->data + at, 0, length);
		bytes -= length;
	}
}

static bool is_mapped(const struct null_store *null, const struct store_io *io)
{
	return io->data->count > 0 && io->data->extent[0].region == null->region;
}

static void null_submit(struct store *store, struct store_io *io)
{
	struct null_store *null = null_of(store);
	int rc = store_io_check(store, io);

	io->run = io->range; /* a copy to here is done, like all that is written */
	if (rc == 0 && io->op == STORE_STATUS)
		store_is_mapped(io);
	else if (rc < 0 || io->op != STORE_READ || is_mapped(null, io))
		io->done(io, rc);
	else
		stepper_submit(null->stepper, io);
}

static void null_cancel(struct store *store, struct store_io *io)
{
	stepper_cancel(null_of(store)->stepper, io);
}

static int null_map(struct store *store, enum store_op op, uint64_t offset, uint32_t length,
		    struct extents *out)
{
	struct null_store *null = null_of(store);
	uint32_t left = length;
	int rc = store_map_check(store, op, offset, length);

	if (rc < 0)
		return rc;
	if (length > EXTENTS_MAX * AREA_BYTES)
		return -EMSGSIZE;
	extents_init(out);
	out->borrowed = true;
	out->length = length;
	while (left > 0) {
		struct extent *extent = &out->extent[out->count++];

		extent->data = null->region->base + (op == STORE_READ ? 0 : AREA_BYTES);
		extent->length = min(left, AREA_BYTES);
		extent->region = null->region;
		left -= extent->length;
	}
	return 0;
}

static void null_close(struct store *store)
{
	struct null_store *null = null_of(store);

	memory_region_destroy(null->memory, null->region);
	stepper_destroy(null->stepper);
	free(null);
}

static const struct store_setting null_settings[] = {
	{ "size", STORE_SETTING_SIZE, true, NULL, "bytes that it pretends to have" },
	{ NULL, 0, false, NULL, NULL },
};

static int null_open(const struct store_config *config, struct store **out,
		     struct store_error *error)
{
	uint64_t size = settings_size(config, "size", 0);
	struct null_store *null;
	int rc;

	if (size == 0 || size > INT64_MAX)
		return store_refuse(error, -EINVAL, "size", "size must be 1 byte to 8 EiB");
	null = calloc(1, sizeof(*null));
	if (null == NULL)
		return store_refuse(error, -ENOMEM, NULL, "no memory");
	null->store.ops = &store_null_ops;
	null->store.traits = (struct store_traits){
		.size = size,
		.logical_block = 1,
		.physical_block = 4096,
		.discard_granularity = 4096,
		.discard_zeroes = true,
		.read_only = config->read_only,
		.solid_state = true,
		.mappable = true,
		.atomic_write = UINT32_MAX,	/* after an accident there is nothing left */
	};
	null->memory = config->memory;
	rc = stepper_create(config, null_step, &null->stepper);
	if (rc == 0)
		rc = memory_region_create(config->memory, (size_t)2 * AREA_BYTES, -1,
					  REGION_SHARED, &null->region);
	if (rc < 0) {
		null_close(&null->store);
		return store_refuse(error, rc, NULL, "no memory (%s)", strerror(-rc));
	}
	*out = &null->store;
	return 0;
}

static void null_describe(const struct store *store, char *text, size_t size)
{
	(void)store;
	snprintf(text, size, "keeps nothing, reads zeros");
}

const struct store_ops store_null_ops = {
	.name = "null",
	.help = "keeps nothing: what is written is forgotten, zeros are read; for measuring",
	.settings = null_settings,
	.open = null_open,
	.close = null_close,
	.submit = null_submit,
	.cancel = null_cancel,
	.map = null_map,
	.describe = null_describe,
};
