/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door to the stores: what holds the bytes of a logical unit.
 *
 * A store knows byte offsets, descriptors and errno; it knows no LBA, no CDB
 * and no initiator. Every store is one table of operations. One store serves
 * all reactors; whatever it keeps for each of them is its own business, by
 * reactor_index().
 */
#ifndef PINION_STORE_STORE_H
#define PINION_STORE_STORE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/list.h"
#include "sys/arena.h"
#include "sys/memory.h"
#include "sys/reactor.h"

struct store;
struct store_io;

enum store_op {
	STORE_READ,
	STORE_WRITE,
	STORE_FLUSH,		/* everything written before is durable afterwards */
	STORE_DISCARD,		/* contents become zeros or stay, space is freed where it can be */
	STORE_WRITE_ZEROES,	/* contents read back as zeros */
	STORE_STATUS,		/* is there space behind the first bytes of the range? see io->run */
	STORE_COPY,		/* the store fetches its data itself, from io->from */
};

#define STORE_FUA 0x01u		/* STORE_WRITE, _WRITE_ZEROES, _DISCARD: durable before done */
/* Only of stores with protection information: */
#define STORE_PI 0x02u		/* it comes, unchecked, behind the length bytes of data, 8 bytes a block */
#define STORE_UNCHECKED 0x04u	/* what is written has none afterwards: all ones */

/* What io->done gets where data and protection information disagree; io->run is the block's number. */
#define STORE_GUARD_WRONG	(-EKEYREJECTED)
#define STORE_REFERENCE_WRONG	(-EKEYREVOKED)
#define STORE_APPLICATION_WRONG (-EKEYEXPIRED)

/* What a store is; constant while it is open. */
struct store_traits {
	uint64_t size;			/* bytes; may grow: store_size, store_measure */
	uint32_t logical_block;		/* smallest unit of I/O and its alignment, bytes (1, 512 or 4096) */
	uint32_t physical_block;	/* best unit, bytes */
	uint32_t optimal_io;		/* bytes, 0: no preference */
	uint32_t discard_granularity;	/* bytes, 0: cannot discard */
	bool discard_zeroes;		/* what was discarded reads as zeros */
	bool read_only;
	bool volatile_cache;		/* a write is durable only after STORE_FLUSH or STORE_FUA */
	bool solid_state;		/* known to have no moving parts */
	bool mappable;			/* store_map works */
	/*
	 * Bytes of a write of which no accident, a power failure neither, leaves
	 * a part; 0: none that the store would vouch for.
	 */
	uint32_t atomic_write;
	uint8_t protection;		/* type of protection information, 0: none; a logical_block has 8 bytes */
	uint8_t identity[16];		/* the same whenever this backing is opened; zeros: none */
};
/* One operation, embedded in whatever wants it; all zero before its first use. */
struct store_io {
	/* of the caller, constant until done */
	struct store *store;
	struct reactor *reactor;	/* on whose thread this runs */
	enum store_op op;
	unsigned flags;
	uint64_t offset;		/* bytes; offset + length <= size, both in logical blocks */
	uint32_t length;		/* STORE_READ, STORE_WRITE: within data; at most EXTENTS_MAX * EXTENT_MAX */
	uint64_t range;			/* STORE_DISCARD, _WRITE_ZEROES, _STATUS, _COPY: bytes, instead of length */
	struct store *from;		/* STORE_COPY: whence, perhaps this store, and */
	uint64_t from_offset;		/* from which byte on; a whole number of its logical blocks */
	struct extents *data;		/* READ into, WRITE from, from its first byte on */
	/*
	 * Called exactly once, on REACTOR's thread, possibly before
	 * store_submit returns. ERR: 0 or a negative errno; short transfers
	 * never get here. The store's own: -EROFS, -EINVAL (range or
	 * alignment), -EOPNOTSUPP (STORE_DISCARD where discard_granularity is
	 * 0), -ECANCELED, -EIO.
	 */
	void (*done)(struct store_io *io, int err);

	/*
	 * The answer to STORE_STATUS: so many bytes from offset on, 1 to range, are all alike.
	 * To STORE_COPY: so many, 0 to range, have been copied; the rest is to be read and written.
	 */
	uint64_t run;
	bool is_hole;			/* nothing is kept there, they read as zeros; else there may be */

	/* of the store */
	struct io_op engine;
	struct iovec iov[EXTENTS_MAX];
	uint32_t moved;
	uint32_t step;
	uint64_t scratch[4];
	struct list_node link;
};

/*
 * A setting of a store in the configuration: its name, how to read it and one
 * line of help. The daemon checks names against this table and the manual is
 * made from it.
 */
enum store_setting_type {
	STORE_SETTING_STRING,
	STORE_SETTING_SIZE,	/* as parse_size reads it */
	STORE_SETTING_BOOL,
	STORE_SETTING_CHOICE,
	STORE_SETTING_NUMBER,	/* as parse_u64 reads it */
};

struct store_setting {
	const char *name;
	enum store_setting_type type;
	bool required;
	const char *choices;	/* "auto|on|off" for STORE_SETTING_CHOICE */
	const char *help;
};

/* What the administrator said: name and text of each setting, as written. */
struct store_argument {
	const char *name;
	const char *value;	/* booleans "true" or "false", numbers and sizes as text */
};

struct store_config {
	struct memory *memory;		/* for stores that keep data in registered memory */
	struct reactor *const *reactors;
	unsigned reactor_count;
	bool read_only;			/* opened for reading only */
	struct store *below;		/* for kinds that stack, else NULL; theirs once open succeeds */
	const struct store_argument *arguments;
	unsigned argument_count;
};

/* Where and why opening failed, for one line to the administrator. */
struct store_error {
	const char *argument;	/* the setting at fault, or NULL */
	char text[256];
};

/* How much space there is, in bytes. */
struct store_usage {
	uint64_t used;			/* that the store takes */
	uint64_t available;		/* that it could still get; others may, too */
};

struct store_ops {
	const char *name;			/* "file" */
	const char *help;
	const struct store_setting *settings;	/* ended by a NULL name */
	bool stacks;				/* stands on another store, store_config.below */
	/* May block; before the reactors run, or on a worker. 0 or a negative errno with ERROR filled. */
	int (*open)(const struct store_config *config, struct store **out, struct store_error *error);
	/* No I/O is in flight, and the reactors have stopped (but are still there). May block. */
	void (*close)(struct store *store);
	void (*submit)(struct store *store, struct store_io *io);
	/* Asks for an early end; the I/O completes all the same. Optional. */
	void (*cancel)(struct store *store, struct store_io *io);
	/* Optional; see store_map. */
	int (*map)(struct store *store, enum store_op op, uint64_t offset, uint32_t length,
		   struct extents *out);
	/* 0 or a negative errno. Optional. May block: not on a reactor's thread. */
	int (*usage)(struct store *store, struct store_usage *usage);
	/*
	 * How many bytes there are now, a multiple of the logical block; 0 or a negative
	 * errno. Any thread but a reactor's, one at a time; may block. Optional: the size is
	 * for ever what it was.
	 */
	int (*measure)(struct store *store, uint64_t *size);
	/* One line about how it runs (direct I/O, fixed buffers, fallbacks). Optional. */
	void (*describe)(const struct store *store, char *text, size_t size);
};

/* The head of every store's own structure. */
struct store {
	const struct store_ops *ops;
	struct store_traits traits;
};

/* --- protection information: SBC-4 section 4.21 --- */

#define STORE_PI_BYTES 8u	/* of a block */

/* As it is on the wire, in three numbers. */
struct store_pi {
	uint16_t guard;
	uint16_t application;
	uint32_t reference;
};

struct store_pi store_pi_get(const uint8_t bytes[STORE_PI_BYTES]);
void store_pi_put(const struct store_pi *pi, uint8_t bytes[STORE_PI_BYTES]);
/* Whether PI, of a medium with protection of TYPE, says that nothing is to be checked. */
bool store_pi_is_escape(const struct store_pi *pi, unsigned type);
/* The guard of LEN bytes of EXTENTS from byte OFFSET. */
uint16_t store_pi_guard(const struct extents *extents, uint32_t offset, uint32_t len);

struct store_protect_config {
	struct store *data;		/* the new store's once it is open */
	unsigned type;			/* 1, 2 or 3 */
	uint32_t block_size;
	const char *path;		/* of the file with the protection information; NULL: in memory */
	bool read_only;
	struct memory *memory;
	struct reactor *const *reactors;
	unsigned reactor_count;
};

/*
 * A store that keeps protection information beside the data of another, makes it where a write
 * comes without, and checks guard, application tag as far as it is known and (type 1) reference
 * tag where it is read without STORE_PI.
 * A block and its protection information change together for everybody who uses this store.
 * 0 or a negative errno with ERROR filled. May block.
 */
int store_protect_open(const struct store_protect_config *config, struct store **out,
		       struct store_error *error);

#define STORE_TAGS_MAX 8

/* Whose application tags are, and what is known of them. */
struct store_tags {
	/* The initiator's: none is made where it brings none. Else they are ours, and not checked. */
	bool are_initiators;
	unsigned count;
	struct {
		uint64_t first, end; /* blocks */
		uint16_t tag;
	} range[STORE_TAGS_MAX]; /* by rising blocks; theirs have this tag */
};

/* Whether TAGS tell what the application tag of BLOCK is, *TAG. */
bool store_tags_find(const struct store_tags *tags, uint64_t block, uint16_t *tag);
/*
 * Tells STORE, made by store_protect_open, what counts from now on, and asks it what does (all
 * zero of another store). From any thread.
 */
void store_protect_set_tags(struct store *store, const struct store_tags *tags);
void store_protect_tags(struct store *store, struct store_tags *tags);

/* The kinds of store that were built in, ended by NULL. */
extern const struct store_ops *const store_kinds[];
const struct store_ops *store_kind(const char *name);

/*
 * Opens a store of kind OPS: checks the arguments against its settings, then
 * calls its open. 0 or a negative errno; ERROR then says which and why. May block.
 */
int store_open(const struct store_ops *ops, const struct store_config *config, struct store **out,
	       struct store_error *error);
void store_close(struct store *store);

/* Its bytes now; any thread, beside store_measure too. */
static inline uint64_t store_size(const struct store *store)
{
	return __atomic_load_n(&store->traits.size, __ATOMIC_ACQUIRE);
}

/*
 * Looks whether what is behind STORE has become larger, which counts from now on. That it has
 * become smaller does not: I/O to what is missing fails. Any thread but a reactor's, one at a
 * time; may block. 0 or a negative errno.
 */
int store_measure(struct store *store);

/*
 * Starts IO. It completes exactly once, perhaps inline. Reads and writes of
 * the same bytes in flight together are not ordered.
 */
static inline void store_submit(struct store_io *io)
{
	io->store->ops->submit(io->store, io);
}

/*
 * Asks IO, which has been submitted, to end early: with -ECANCELED or as it
 * would have, perhaps inline. Harmless once it is done. On its reactor.
 */
void store_cancel(struct store_io *io);

/*
 * Shows where the store itself keeps bytes OFFSET to OFFSET + LENGTH, in
 * registered memory: OUT gets borrowed extents. For OP STORE_READ they may be
 * sent from, for STORE_WRITE received into, and not the other way round. The
 * operation must still be submitted with these extents, so that flags, tracing
 * and faults have their say. Any thread; OUT stays good until the store is
 * closed. -ENOTSUP when the store is not mappable, -EMSGSIZE when more than
 * EXTENTS_MAX pieces would be needed, -EROFS, -EINVAL: take memory of the arena then.
 */
static inline int store_map(struct store *store, enum store_op op, uint64_t offset,
			    uint32_t length, struct extents *out)
{
	if (!store->traits.mappable)
		return -ENOTSUP;
	return store->ops->map(store, op, offset, length, out);
}

#endif
