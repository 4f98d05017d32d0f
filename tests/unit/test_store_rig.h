/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the stores share: reactors turned by hand, opening by
 * "name=value", operations that are waited for, and patterns.
 */
#ifndef PINION_TESTS_TEST_STORE_RIG_H
#define PINION_TESTS_TEST_STORE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "store/store.h"

#define RIG_REACTORS_MAX 4
#define RIG_ARGUMENTS_MAX 8

struct rig {
	struct memory *memory;
	unsigned reactor_count;
	struct reactor *reactors[RIG_REACTORS_MAX];	/* on nodes 0, 1, ... */
};

/* False when the kernel has no such engine here: the test is to be skipped. */
bool rig_setup(struct rig *rig, enum engine_kind engine, unsigned reactors);
void rig_teardown(struct rig *rig);

/* Opens with settings "name=value", ended by NULL. */
struct rig_open {
	const char *kind;
	bool read_only;
	struct store *below;
	const char *settings[RIG_ARGUMENTS_MAX + 1];
};
int rig_try_open(struct rig *rig, const struct rig_open *what, struct store **out,
		 struct store_error *error);
/* The same, and fails the test with the store's own words. */
struct store *rig_open(struct rig *rig, const struct rig_open *what);

/* An operation that notes its end. */
struct rig_io {
	struct store_io io;
	struct extents data;
	unsigned completions;
	int err;
};
void rig_prepare(struct rig *rig, struct rig_io *io, struct store *store, enum store_op op,
		 uint64_t offset, uint64_t bytes);
/* Turns until IO is done (which it may be already); fails after ten seconds. Returns its error. */
int rig_wait(struct rig *rig, struct rig_io *io);
/* Prepares, submits and waits, without data. */
int rig_do(struct rig *rig, struct store *store, enum store_op op, uint64_t offset, uint64_t bytes);
/* The same with data out of the arena, copied from or to BUFFER. */
int rig_write(struct rig *rig, struct store *store, unsigned flags, uint64_t offset,
	      const void *buffer, uint32_t length);
int rig_read(struct rig *rig, struct store *store, uint64_t offset, void *buffer, uint32_t length);

/* Memory of reactor 0's arena; fails the test where there is none. */
void rig_take(struct rig *rig, struct extents *extents, uint32_t length);
void rig_give(struct rig *rig, struct extents *extents);

/* Bytes that depend on SEED and on their place. */
void rig_pattern(uint8_t *out, size_t length, uint64_t seed);
/* A small generator of pseudo-random numbers. */
uint64_t rig_random(uint64_t *state);

/* Whether all of LENGTH bytes are BYTE. */
bool rig_is_filled(const uint8_t *data, size_t length, uint8_t byte);

/*
 * DEPTH random operations at a time, ROUNDS in all, on the first BYTES of
 * STORE, compared with a copy in memory. The store's former contents are written over.
 */
void rig_exercise(struct rig *rig, struct store *store, uint64_t bytes, unsigned depth,
		  unsigned rounds);

#endif
