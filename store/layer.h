/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A store that stands on another: what faulty, delay and trace have in common.
 * Each operation that arrives gets a second one for the store below, out of a
 * pool of the reactor's. Private to the store room.
 */
#ifndef PINION_STORE_LAYER_H
#define PINION_STORE_LAYER_H

#include <stdint.h>

#include "store/store.h"

struct layer;

/* An operation on its way through a layer. */
struct layer_io {
	struct store_io io;		/* for the store below */
	struct store_io *parent;	/* that arrived; NULL when this one is free */
	struct layer *layer;
	struct timer timer;		/* of the layer's kind */
	uint64_t started_ns;
	bool is_below;			/* has been passed on */
};

/* Operations of one sort, in a part of the store. */
struct layer_match {
	int op;				/* enum store_op, or -1 for any */
	uint64_t from, to;		/* bytes; flushes are everywhere */
};

/* The head of a layer's own structure. */
struct layer {
	struct store store;
	struct store *below;
	/* Sees the end of each operation, before who began it does. Optional. */
	void (*ended)(struct layer_io *io, int err);
	unsigned pool_count;
	struct list *pools;		/* of free layer_io, by reactor_index */
};

#define LAYER_MATCH_SETTINGS                                                                       \
	{ "op", STORE_SETTING_CHOICE, false, "any|read|write|flush|discard|write-zeroes|copy",         \
	  "the operations meant; default: any" },                                                  \
	{ "offset", STORE_SETTING_SIZE, false, NULL, "those that touch a byte from here on" },     \
	{ "length", STORE_SETTING_SIZE, false, NULL, "within so many bytes; default: to the end" }

/* Makes LAYER look like the store below. 0 or -ENOMEM with ERROR filled. */
int layer_init(struct layer *layer, const struct store_ops *ops, const struct store_config *config,
	       struct store_error *error);
/* Closes the store below, too, where CLOSE_BELOW. */
void layer_fini(struct layer *layer, bool close_below);

void layer_match_read(struct layer_match *match, const struct store_ops *ops,
		      const struct store_config *config);
bool layer_matches(const struct layer_match *match, const struct store_io *io);

/* Completes an operation that never got in. */
void layer_refuse(struct store_io *parent, int err);
/* The way through: NULL when memory is short (PARENT has then been completed). */
struct layer_io *layer_enter(struct layer *layer, struct store_io *parent);
/* Submits it below; it ends by itself. */
void layer_pass(struct layer_io *io);
/* Ends it here. */
void layer_end(struct layer_io *io, int err);
/* The way through that PARENT is on, or NULL. */
struct layer_io *layer_find(const struct store_io *parent);

/* For the tables of operations. */
/* Of the store at the bottom. -EOPNOTSUPP where it cannot say. */
int layer_usage(struct store *store, struct store_usage *usage);
void layer_cancel(struct store *store, struct store_io *parent);
int layer_measure(struct store *store, uint64_t *size);
int layer_map(struct store *store, enum store_op op, uint64_t offset, uint32_t length,
	      struct extents *out);
/* What the store below says of itself, behind what is in TEXT already. */
void layer_describe_below(const struct layer *layer, char *text, size_t size);

#endif
