/* SPDX-License-Identifier: BSD-2-Clause */
/* What stores that stand on another have in common; see layer.h. */
#include "store/layer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/container.h"
#include "store/settings.h"

enum { LAYER_IO };	/* of the parent's store_io.scratch: the way it is on */

int layer_init(struct layer *layer, const struct store_ops *ops, const struct store_config *config,
	       struct store_error *error)
{
	layer->store.ops = ops;
	layer->store.traits = config->below->traits;
	layer->store.traits.read_only |= config->read_only;
	layer->below = config->below;
	layer->pool_count = store_reactor_slots(config);
	layer->pools = calloc(layer->pool_count + 1, sizeof(*layer->pools));
	if (layer->pools == NULL)
		return store_refuse(error, -ENOMEM, NULL, "no memory");
	for (unsigned i = 0; i < layer->pool_count; i++)
		list_init(&layer->pools[i]);
	return 0;
}

void layer_fini(struct layer *layer, bool close_below)
{
	for (unsigned i = 0; i < layer->pool_count; i++) {
		struct list_node *node;

		while ((node = list_pop_front(&layer->pools[i])) != NULL)
			free(container_of(node, struct layer_io, io.link));
	}
	free(layer->pools);
	if (close_below)
		store_close(layer->below);
}

int layer_measure(struct store *store, uint64_t *size)
{
	struct layer *layer = container_of(store, struct layer, store);
	int rc = store_measure(layer->below);

	if (rc == 0)
		*size = store_size(layer->below);
	return rc;
}

void layer_match_read(struct layer_match *match, const struct store_ops *ops,
		      const struct store_config *config)
{
	static const int meant[] = { -1, STORE_READ, STORE_WRITE, STORE_FLUSH, STORE_DISCARD,
				     STORE_WRITE_ZEROES, STORE_COPY };	/* as the choices of "op" */
	uint64_t length = settings_size(config, "length", UINT64_MAX);

	match->op = meant[settings_choice(config, ops->settings, "op", "any")];
	match->from = settings_size(config, "offset", 0);
	if (!checked_add_u64(match->from, length, &match->to))
		match->to = UINT64_MAX;
}

bool layer_matches(const struct layer_match *match, const struct store_io *io)
{
	if (match->op >= 0 && match->op != (int)io->op)
		return false;
	return io->op == STORE_FLUSH ||
	       (io->offset < match->to && io->offset + store_io_bytes(io) > match->from);
}

/* --- the way through --- */

static struct list *pool_of(struct layer *layer, struct reactor *reactor)
{
	assert(reactor_index(reactor) < layer->pool_count);
	return &layer->pools[reactor_index(reactor)];
}

void layer_refuse(struct store_io *parent, int err)
{
	/* A late cancel looks there. */
	parent->scratch[LAYER_IO] = 0;
	parent->done(parent, err);
}

struct layer_io *layer_enter(struct layer *layer, struct store_io *parent)
{
	struct list_node *node = list_pop_front(pool_of(layer, parent->reactor));
	struct layer_io *io = node != NULL ? container_of(node, struct layer_io, io.link)
					   : calloc(1, sizeof(*io));

	if (io == NULL) {
		layer_refuse(parent, -ENOMEM);
		return NULL;
	}
	io->parent = parent;
	io->layer = layer;
	io->is_below = false;
	io->started_ns = clock_monotonic_ns();
	parent->scratch[LAYER_IO] = (uintptr_t)io;
	return io;
}

void layer_end(struct layer_io *io, int err)
{
	struct store_io *parent = io->parent;

	if (io->layer->ended != NULL)
		io->layer->ended(io, err);
	io->parent = NULL;
	parent->scratch[LAYER_IO] = 0;
	list_push_front(pool_of(io->layer, parent->reactor), &io->io.link);
	parent->done(parent, err);
}

static void below_done(struct store_io *below, int err)
{
	struct layer_io *io = container_of(below, struct layer_io, io);

	io->parent->run = below->run;
	io->parent->is_hole = below->is_hole;
	layer_end(io, err);
}

void layer_pass(struct layer_io *io)
{
	const struct store_io *parent = io->parent;

	io->io.store = io->layer->below;
	io->io.reactor = parent->reactor;
	io->io.op = parent->op;
	io->io.flags = parent->flags;
	io->io.offset = parent->offset;
	io->io.length = parent->length;
	io->io.range = parent->range;
	io->io.from = parent->from;
	io->io.from_offset = parent->from_offset;
	io->io.data = parent->data;
	io->io.done = below_done;
	io->is_below = true;
	store_submit(&io->io);
}

struct layer_io *layer_find(const struct store_io *parent)
{
	return (struct layer_io *)(uintptr_t)parent->scratch[LAYER_IO];
}

void layer_cancel(struct store *store, struct store_io *parent)
{
	struct layer_io *io = layer_find(parent);

	(void)store;
	if (io != NULL && io->is_below)
		store_cancel(&io->io);
}

int layer_usage(struct store *store, struct store_usage *usage)
{
	struct store *below = container_of(store, struct layer, store)->below;

	return below->ops->usage != NULL ? below->ops->usage(below, usage) : -EOPNOTSUPP;
}

int layer_map(struct store *store, enum store_op op, uint64_t offset, uint32_t length,
	      struct extents *out)
{
	int rc = store_map_check(store, op, offset, length);

	if (rc < 0)
		return rc;
	return store_map(container_of(store, struct layer, store)->below, op, offset, length, out);
}

void layer_describe_below(const struct layer *layer, char *text, size_t size)
{
	const struct store *below = layer->below;
	size_t used = strlen(text);

	snprintf(text + used, size - used, ", on %s", below->ops->name);
	used = strlen(text);
	if (below->ops->describe == NULL || used + 3 >= size)
		return;
	memcpy(text + used, ": ", 3);
	below->ops->describe(below, text + used + 2, size - used - 2);
}
