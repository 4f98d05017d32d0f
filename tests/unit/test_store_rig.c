/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of the stores share; see the header. */
#include "test_store_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/container.h"

#define ARENA_BYTES ((size_t)32 << 20)
#define BLOCK 512u

bool rig_setup(struct rig *rig, enum engine_kind engine, unsigned reactors)
{
	struct memory_config memory = { MEMORY_OFF, MEMORY_OFF };

	memset(rig, 0, sizeof(*rig));
	assert_int_equal(memory_create(&memory, &rig->memory), 0);
	for (unsigned i = 0; i < reactors; i++) {
		struct reactor_config config = {
			.index = i,
			.cpu = -1,
			.node = (int)i,
			.engine = engine,
			.arena_bytes = ARENA_BYTES,
			.arena_bytes_min = ARENA_BYTES,
			.memory = rig->memory,
		};
		int rc = reactor_create(&config, &rig->reactors[i]);

		if (rc < 0 && engine == ENGINE_URING) {
			print_message("no io_uring here: %s\n", strerror(-rc));
			rig_teardown(rig);
			return false;
		}
		assert_int_equal(rc, 0);
		rig->reactor_count++;
	}
	return true;
}

void rig_teardown(struct rig *rig)
{
	for (unsigned i = 0; i < rig->reactor_count; i++)
		reactor_destroy(rig->reactors[i]);
	memory_destroy(rig->memory);
	memset(rig, 0, sizeof(*rig));
}

int rig_try_open(struct rig *rig, const struct rig_open *what, struct store **out,
		 struct store_error *error)
{
	const struct store_ops *ops = store_kind(what->kind);
	struct store_argument arguments[RIG_ARGUMENTS_MAX];
	char *copies[RIG_ARGUMENTS_MAX];
	struct store_config config = {
		.memory = rig->memory,
		.reactors = rig->reactors,
		.reactor_count = rig->reactor_count,
		.read_only = what->read_only,
		.below = what->below,
		.arguments = arguments,
	};
	int rc;

	assert_non_null(ops);
	for (; what->settings[config.argument_count] != NULL; config.argument_count++) {
		char *copy = strdup(what->settings[config.argument_count]);
		char *equals = strchr(copy, '=');

		*equals = '\0';
		copies[config.argument_count] = copy;
		arguments[config.argument_count] = (struct store_argument){ copy, equals + 1 };
	}
	rc = store_open(ops, &config, out, error);
	/* Only what outlives the settings may be in the error, but for unknown names. */
	if (rc < 0 && error->argument != NULL && strstr(error->text, "no setting") != NULL)
		error->argument = "(unknown)";
	while (config.argument_count > 0)
		free(copies[--config.argument_count]);
	return rc;
}

struct store *rig_open(struct rig *rig, const struct rig_open *what)
{
	struct store_error error;
	struct store *store;
	int rc = rig_try_open(rig, what, &store, &error);

	if (rc < 0)
		fail_msg("%s: %d %s", what->kind, rc, error.text);
	return store;
}

/* --- operations --- */

static void note_done(struct store_io *io, int err)
{
	struct rig_io *mine = container_of(io, struct rig_io, io);

	mine->completions++;
	mine->err = err;
}

void rig_prepare(struct rig *rig, struct rig_io *io, struct store *store, enum store_op op,
		 uint64_t offset, uint64_t bytes)
{
	memset(io, 0, sizeof(*io));
	extents_init(&io->data);
	io->io.store = store;
	io->io.reactor = rig->reactors[0];
	io->io.op = op;
	io->io.offset = offset;
	if (op == STORE_READ || op == STORE_WRITE)
		io->io.length = (uint32_t)bytes;
	else
		io->io.range = bytes;
	io->io.data = &io->data;
	io->io.done = note_done;
}

int rig_wait(struct rig *rig, struct rig_io *io)
{
	uint64_t until = clock_monotonic_ns() + 60 * CLOCK_NS_PER_S;

	while (io->completions == 0) {
		if (clock_monotonic_ns() > until)
			fail_msg("%s at %llu does not end", io->io.op == STORE_READ ? "read" : "op",
				 (unsigned long long)io->io.offset);
		reactor_turn(io->io.reactor, 100);
	}
	(void)rig;
	assert_int_equal(io->completions, 1);
	return io->err;
}

int rig_do(struct rig *rig, struct store *store, enum store_op op, uint64_t offset, uint64_t bytes)
{
	struct rig_io io;

	rig_prepare(rig, &io, store, op, offset, bytes);
	store_submit(&io.io);
	return rig_wait(rig, &io);
}

void rig_take(struct rig *rig, struct extents *extents, uint32_t length)
{
	extents_init(extents);
	assert_int_equal(arena_take(reactor_arena(rig->reactors[0]), extents, length), 0);
}

void rig_give(struct rig *rig, struct extents *extents)
{
	arena_give(reactor_arena(rig->reactors[0]), extents);
}

int rig_write(struct rig *rig, struct store *store, unsigned flags, uint64_t offset,
	      const void *buffer, uint32_t length)
{
	struct rig_io io;

	rig_prepare(rig, &io, store, STORE_WRITE, offset, length);
	io.io.flags = flags;
	rig_take(rig, &io.data, length);
	extents_copy_in(&io.data, 0, buffer, length);
	store_submit(&io.io);
	rig_wait(rig, &io);
	rig_give(rig, &io.data);
	return io.err;
}

int rig_read(struct rig *rig, struct store *store, uint64_t offset, void *buffer, uint32_t length)
{
	struct rig_io io;

	rig_prepare(rig, &io, store, STORE_READ, offset, length);
	rig_take(rig, &io.data, length);
	store_submit(&io.io);
	rig_wait(rig, &io);
	extents_copy_out(&io.data, 0, buffer, length);
	rig_give(rig, &io.data);
	return io.err;
}

/* --- contents --- */

uint64_t rig_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 24;
}

void rig_pattern(uint8_t *out, size_t length, uint64_t seed)
{
	for (size_t i = 0; i < length; i++)
		out[i] = (uint8_t)(rig_random(&seed) | 1);
}

bool rig_is_filled(const uint8_t *data, size_t length, uint8_t byte)
{
	return length == 0 || (data[0] == byte && memcmp(data, data + 1, length - 1) == 0);
}

/* --- many at a time, against a copy --- */

struct slot {
	struct rig_io io;
	struct exercise *exercise;
	bool busy;
	uint64_t bytes;
	uint8_t *expected;	/* of a read or a write: its contents */
};

struct exercise {
	struct rig *rig;
	struct store *store;
	uint64_t bytes;
	uint8_t *shadow;
	bool *taken;		/* blocks under way: the order of overlapping ones is not defined */
	uint64_t random;
	unsigned under_way;
	unsigned finished;
};

#define SLOT_BYTES_MAX (128u * 1024u)

static void mark(struct exercise *exercise, uint64_t offset, uint64_t bytes, bool taken)
{
	for (uint64_t at = offset / BLOCK; at < (offset + bytes) / BLOCK; at++)
		exercise->taken[at] = taken;
}

static bool is_free(const struct exercise *exercise, uint64_t offset, uint64_t bytes)
{
	for (uint64_t at = offset / BLOCK; at < (offset + bytes) / BLOCK; at++) {
		if (exercise->taken[at])
			return false;
	}
	return true;
}

static void exercise_done(struct store_io *store_io, int err)
{
	struct slot *slot = container_of(store_io, struct slot, io.io);
	struct exercise *exercise = slot->exercise;
	uint64_t offset = store_io->offset;

	assert_int_equal(err, 0);
	assert_true(slot->busy);
	switch (store_io->op) {
	case STORE_READ:
		extents_copy_out(&slot->io.data, 0, slot->expected, store_io->length);
		if (memcmp(slot->expected, exercise->shadow + offset, store_io->length) != 0)
			fail_msg("wrong bytes at %llu + %u", (unsigned long long)offset,
				 store_io->length);
		break;
	case STORE_WRITE:
		memcpy(exercise->shadow + offset, slot->expected, store_io->length);
		break;
	case STORE_DISCARD:
	case STORE_WRITE_ZEROES:
		memset(exercise->shadow + offset, 0, store_io->range);
		break;
	case STORE_FLUSH:
	case STORE_STATUS:
	case STORE_COPY:
		break;
	}
	mark(exercise, offset, slot->bytes, false);
	rig_give(exercise->rig, &slot->io.data);
	slot->busy = false;
	exercise->under_way--;
	exercise->finished++;
}

static enum store_op choose_op(struct exercise *exercise)
{
	uint64_t dice = rig_random(&exercise->random) % 100;

	if (dice < 45)
		return STORE_READ;
	if (dice < 90)
		return STORE_WRITE;
	if (dice < 93)
		return STORE_FLUSH;
	if (dice < 97 || !exercise->store->traits.discard_zeroes)
		return STORE_WRITE_ZEROES;
	return STORE_DISCARD;
}

static void start_one(struct exercise *exercise, struct slot *slot)
{
	uint32_t unit = exercise->store->traits.logical_block;
	enum store_op op = choose_op(exercise);
	uint64_t bytes;
	uint64_t offset;

	unit = max(unit, BLOCK);
	if (rig_random(&exercise->random) % 2 == 0)
		unit = max(unit, 4096u);
	do {
		bytes = (1 + rig_random(&exercise->random) % 256) * unit;
		bytes = min(bytes, (uint64_t)SLOT_BYTES_MAX);
		offset = rig_random(&exercise->random) % (exercise->bytes / unit) * unit;
	} while (offset + bytes > exercise->bytes);
	if (op != STORE_FLUSH && !is_free(exercise, offset, bytes))
		return;
	if (op == STORE_FLUSH)
		bytes = offset = 0;
	rig_prepare(exercise->rig, &slot->io, exercise->store, op, offset, bytes);
	if (op == STORE_READ || op == STORE_WRITE) {
		struct arena *arena = reactor_arena(exercise->rig->reactors[0]);

		if (arena_take(arena, &slot->io.data, (uint32_t)bytes) < 0)
			return;
	}
	if (op == STORE_WRITE) {
		rig_pattern(slot->expected, bytes, rig_random(&exercise->random));
		extents_copy_in(&slot->io.data, 0, slot->expected, (uint32_t)bytes);
		if (rig_random(&exercise->random) % 32 == 0)
			slot->io.io.flags = STORE_FUA;
	}
	slot->bytes = bytes;
	slot->busy = true;
	slot->io.io.done = exercise_done;
	mark(exercise, offset, bytes, true);
	exercise->under_way++;
	store_submit(&slot->io.io);
}

static void compare_all(struct exercise *exercise)
{
	uint8_t *buffer = malloc(SLOT_BYTES_MAX);

	assert_non_null(buffer);
	for (uint64_t at = 0; at < exercise->bytes; at += SLOT_BYTES_MAX) {
		uint32_t length = (uint32_t)min(exercise->bytes - at, (uint64_t)SLOT_BYTES_MAX);

		assert_int_equal(rig_read(exercise->rig, exercise->store, at, buffer, length), 0);
		assert_memory_equal(buffer, exercise->shadow + at, length);
	}
	free(buffer);
}

void rig_exercise(struct rig *rig, struct store *store, uint64_t bytes, unsigned depth,
		  unsigned rounds)
{
	struct exercise exercise = { .rig = rig, .store = store, .bytes = bytes, .random = 4711 };
	struct slot *slots = calloc(depth, sizeof(*slots));

	exercise.shadow = calloc(1, bytes);
	exercise.taken = calloc(bytes / BLOCK, sizeof(bool));
	assert_true(slots != NULL && exercise.shadow != NULL && exercise.taken != NULL);
	for (unsigned i = 0; i < depth; i++) {
		slots[i].exercise = &exercise;
		slots[i].expected = malloc(SLOT_BYTES_MAX);
		assert_non_null(slots[i].expected);
	}
	assert_int_equal(rig_do(rig, store, STORE_WRITE_ZEROES, 0, bytes), 0);
	while (exercise.finished < rounds || exercise.under_way > 0) {
		for (unsigned i = 0; i < depth && exercise.finished < rounds; i++) {
			if (!slots[i].busy)
				start_one(&exercise, &slots[i]);
		}
		reactor_turn(rig->reactors[0], 100);
	}
	compare_all(&exercise);
	for (unsigned i = 0; i < depth; i++)
		free(slots[i].expected);
	free(slots);
	free(exercise.taken);
	free(exercise.shadow);
}
