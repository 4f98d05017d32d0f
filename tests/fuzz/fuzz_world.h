/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device server for fuzz targets of whole rows of steps, made anew for each input (but for
 * what takes the machine long: reactors and memory) and shaped by its first bytes: logical
 * units of several kinds over stores that can hold, fail and end in another order.
 *
 * Memory fails on command: the program is linked with --wrap=malloc,--wrap=calloc.
 */
#ifndef PINION_FUZZ_WORLD_H
#define PINION_FUZZ_WORLD_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/container.h"
#include "base/log.h"
#include "fuzz_check.h"
#include "fuzz_records.h"
#include "scsi/lu.h"
#include "sys/memory.h"

enum {
	WORLD_LUNS = 4,
	WORLD_BLOCKS = 128, /* of LUN 0, 512 bytes each */
	WORLD_REACTORS = 2,
};

/* Byte 0 of an input. */
enum {
	HONEST = 0x01, /* nothing is done that is wrong, and all the more may be expected */
	TWO_REACTORS = 0x02,
	MAPPABLE = 0x04, /* LUN 0 shows its memory */
	CANCELS = 0x08, /* stores end what is cancelled */
	SMALL_ARENA = 0x10,
	DEADLINE = 0x20, /* commands have one */
	PINGS = 0x40, /* the target sends pings */
	HAS_ALUA = 0x80,
};

/* Byte 4. Its bit 0 is the target's own. */
enum {
	LOAD_FAILS = 0x02, /* nobody knows what was kept */
	SAVE_FAILS = 0x04,
	DEEP_QUEUES = 0x08,
	NETWORKS = 0x10, /* who comes in depends on the address too */
	LOSES_RESERVATIONS = 0x20,
};

struct world_disk {
	struct store store;
	struct region *region;
	uint64_t size; /* what is found out when it is measured */
	struct list held;
	bool holds;
	bool fails;
};

/* What stays from input to input; one with much memory and one with little. */
struct world_machine {
	struct memory *memory;
	struct clock_manual clock;
	struct reactor *reactors[WORLD_REACTORS];
	struct region *regions[WORLD_LUNS];
	size_t arena_free[WORLD_REACTORS];
};

struct world {
	uint8_t how, more;
	struct world_machine *machine;
	unsigned reactor_count;
	struct world_disk disks[WORLD_LUNS];
	struct keeper keeper;
	struct list saves;
	struct scsi_copy_domain *copies;
	struct scsi_target *scsi;
	struct scsi_lu *lu[WORLD_LUNS];
};

static const uint32_t world_sizes[WORLD_LUNS] = { WORLD_BLOCKS * 512, 262144, 65536, 32768 };
/* LUN 1 may grow. */
static const uint32_t world_sizes_max[WORLD_LUNS] = { WORLD_BLOCKS * 512, 524288, 65536, 32768 };

/* --- memory that fails --- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);

static struct {
	bool is_armed; /* the code under test runs */
	unsigned in; /* so many succeed; 0: never mind */
	unsigned times; /* then so many fail */
	bool has_failed;
} world_shortage;

static bool world_is_short(void)
{
	if (!world_shortage.is_armed || world_shortage.times == 0)
		return false;
	if (world_shortage.in != 0) {
		world_shortage.in--;
		return false;
	}
	world_shortage.times--;
	world_shortage.has_failed = true;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return world_is_short() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return world_is_short() ? NULL : __real_calloc(count, size);
}

/* --- the disks --- */

static struct world_disk *world_disk_of(struct store *store)
{
	return container_of(store, struct world_disk, store);
}

static void world_move(struct world_disk *disk, struct store_io *io)
{
	uint8_t *medium = disk->region->base + io->offset;
	uint32_t done = 0;

	CHECK(io->data->length >= io->length);
	for (unsigned i = 0; done < io->length; i++) {
		const struct extent *extent = &io->data->extent[i];
		uint32_t len = min(extent->length, io->length - done);

		if (io->op == STORE_READ)
			memmove(extent->data, medium + done, len);
		else
			memmove(medium + done, extent->data, len);
		done += len;
	}
}

static int world_execute(struct world_disk *disk, struct store_io *io)
{
	uint64_t bytes = io->op == STORE_READ || io->op == STORE_WRITE ? io->length : io->range;

	if (io->op == STORE_FLUSH)
		bytes = 0;
	CHECK(io->offset <= disk->store.traits.size);
	CHECK(bytes <= disk->store.traits.size - io->offset);
	CHECK(!disk->store.traits.read_only || io->op == STORE_READ || io->op == STORE_FLUSH ||
	      io->op == STORE_STATUS);
	if (disk->fails)
		return -EIO;
	switch (io->op) {
	case STORE_READ:
	case STORE_WRITE:
		world_move(disk, io);
		return 0;
	case STORE_DISCARD:
	case STORE_WRITE_ZEROES:
		memset(disk->region->base + io->offset, 0, bytes);
		return 0;
	case STORE_STATUS:
		io->run = min_t(uint64_t, bytes, 4096);
		io->is_hole = disk->region->base[io->offset] == 0;
		return 0;
	case STORE_COPY:
		io->run = 0;
		return 0;
	default:
		return 0;
	}
}

static void world_submit(struct store *store, struct store_io *io)
{
	struct world_disk *disk = world_disk_of(store);

	if (!disk->holds) {
		io->done(io, world_execute(disk, io));
		return;
	}
	list_node_init(&io->link);
	list_push_back(&disk->held, &io->link);
}

static void world_cancel(struct store *store, struct store_io *io)
{
	(void)store;
	if (!list_is_linked(&io->link))
		return;
	list_remove(&io->link);
	io->done(io, -ECANCELED);
}

static int world_map(struct store *store, enum store_op op, uint64_t offset, uint32_t length,
		     struct extents *out)
{
	struct world_disk *disk = world_disk_of(store);

	(void)op;
	CHECK(offset <= store->traits.size && length <= store->traits.size - offset);
	out->borrowed = true;
	out->count = 1;
	out->length = length;
	out->extent[0] = (struct extent){ disk->region->base + offset, length, disk->region };
	return 0;
}

static int world_measure(struct store *store, uint64_t *size)
{
	struct world_disk *disk = world_disk_of(store);

	if (disk->fails)
		return -EIO;
	*size = disk->size;
	return 0;
}

static void world_close(struct store *store)
{
	(void)store;
}

static const struct store_ops world_disk_ops = {
	.name = "fuzz",
	.submit = world_submit,
	.map = world_map,
	.measure = world_measure,
	.close = world_close,
};

static const struct store_ops world_cancelling_ops = {
	.name = "fuzz",
	.submit = world_submit,
	.cancel = world_cancel,
	.map = world_map,
	.measure = world_measure,
	.close = world_close,
};

/* Ends the held operation number WHICH of DISK. False: there is none. */
static bool world_release_one(struct world_disk *disk, unsigned which)
{
	struct list_node *node = list_front(&disk->held);

	if (node == NULL)
		return false;
	while (which-- != 0 && node->next != &disk->held.head)
		node = node->next;
	list_remove(node);

	struct store_io *io = container_of(node, struct store_io, link);

	io->done(io, world_execute(disk, io));
	return true;
}

static void world_release(struct world *world)
{
	for (unsigned i = 0; i < WORLD_LUNS; i++) {
		world->disks[i].holds = false;
		while (world_release_one(&world->disks[i], 0))
			;
	}
}

static void world_make_disk(struct world *world, unsigned i)
{
	struct world_disk *disk = &world->disks[i];

	disk->store.ops = world->how & CANCELS ? &world_cancelling_ops : &world_disk_ops;
	disk->store.traits = (struct store_traits){
		.size = world_sizes[i],
		.logical_block = 512,
		.physical_block = 4096,
		.discard_granularity = i == 1 ? 4096 : 0,
		.discard_zeroes = true,
		.volatile_cache = i == 1,
		.read_only = i == 3,
		.atomic_write = i == 0 ? 8192 : 0,
		.mappable = i == 0 && (world->how & MAPPABLE),
	};
	list_init(&disk->held);
	disk->region = world->machine->regions[i];
	memset(disk->region->base, 0, world_sizes_max[i]);
	disk->size = world_sizes[i];
}

/* --- what is kept --- */

static ssize_t world_load(struct keeper *keeper, const char *name, void *data, size_t size)
{
	const struct world *world = container_of(keeper, struct world, keeper);

	(void)data;
	(void)size;
	if ((world->more & LOSES_RESERVATIONS) && strstr(name, RESERVATION_BLOB_NAME) != NULL)
		return -EIO;
	return world->more & LOAD_FAILS ? -EIO : -ENOENT;
}

static void world_save(struct keeper *keeper, struct keeper_save *save)
{
	list_push_back(&container_of(keeper, struct world, keeper)->saves, &save->link);
}

static const struct keeper_ops world_keeper_ops = { .load = world_load, .save = world_save };

/* --- logical units --- */

static struct store *world_protect(struct world *world, struct store *data, unsigned type)
{
	struct store_protect_config config = {
		.data = data,
		.type = type,
		.block_size = 512,
		.memory = world->machine->memory,
		.reactors = world->machine->reactors,
		.reactor_count = world->reactor_count,
	};
	struct store_error error;
	struct store *store;

	CHECK(store_protect_open(&config, &store, &error) == 0);
	return store;
}

static void world_make_lu(struct world *world, unsigned i, uint8_t shape)
{
	struct scsi_lu_config config = {
		.store = &world->disks[i].store,
		.block_size = i == 1 ? 4096 : 512,
		.read_only = i == 3,
		.removable = i == 1,
		.thin = i == 1,
		.seed = i == 0   ? "zero"
			: i == 1 ? "one"
			: i == 2 ? "two"
				 : "three",
		.command_timeout = world->how & DEADLINE ? 3 : 0,
		.copy_domain = world->copies,
		.keeper = &world->keeper,
	};
	char error[100];

	if (i == 2)
		config.store = world_protect(world, config.store, 1 + shape % 3);
	CHECK(scsi_lu_create(&config, &world->lu[i], error, sizeof(error)) == 0);
	CHECK(scsi_target_add(world->scsi, i, world->lu[i]) == 0);
}

static void world_log(void *context, enum log_level level, const char *line)
{
	(void)context;
	(void)level;
	TRACE("    %s\n", line);
}

static void world_make_machine(struct world_machine *machine, size_t arena_bytes)
{
	struct memory_config memory = { MEMORY_OFF, MEMORY_OFF };
	struct reactor_config config = {
		.cpu = -1,
		.node = -1,
		.engine = ENGINE_EPOLL,
		.clock = &machine->clock.clock,
		.arena_bytes = arena_bytes,
		.arena_bytes_min = arena_bytes,
	};
	struct arena_info arena;

	CHECK(memory_create(&memory, &machine->memory) == 0);
	clock_manual_init(&machine->clock, 1000 * CLOCK_NS_PER_S);
	config.memory = machine->memory;
	for (unsigned i = 0; i < WORLD_REACTORS; i++) {
		config.index = i;
		CHECK(reactor_create(&config, &machine->reactors[i]) == 0);
		reactor_turn(machine->reactors[i], 0);
		arena_get_info(reactor_arena(machine->reactors[i]), &arena);
		machine->arena_free[i] = arena.free;
	}
	for (unsigned i = 0; i < WORLD_LUNS; i++)
		CHECK(memory_region_create(machine->memory, world_sizes_max[i], -1, REGION_SHARED,
					   &machine->regions[i]) == 0);
}

/* HEAD: RECORD_HEAD bytes. */
static void world_make_scsi(struct world *world, const uint8_t *head)
{
	static struct world_machine machines[2];
	struct world_machine *machine = &machines[head[0] & SMALL_ARENA ? 1 : 0];

	if (machine->memory == NULL)
		world_make_machine(machine, head[0] & SMALL_ARENA ? 1 << 20 : 4 << 20);
	memset(world, 0, sizeof(*world));
	memset(&world_shortage, 0, sizeof(world_shortage));
	log_set_callback(world_log, NULL);
	world->how = head[0];
	world->more = head[4];
	world->machine = machine;
	world->reactor_count = head[0] & TWO_REACTORS ? WORLD_REACTORS : 1;
	world->keeper.ops = &world_keeper_ops;
	list_init(&world->saves);
	CHECK(scsi_copy_domain_create(&world->copies) == 0);
	CHECK(scsi_target_create("iqn.2026-11.io.pinion:disk", &world->scsi) == 0);
	for (unsigned i = 0; i < WORLD_LUNS; i++) {
		world_make_disk(world, i);
		world_make_lu(world, i, head[3]);
	}
}

static void world_keep(struct world *world)
{
	struct list_node *node = list_pop_front(&world->saves);

	if (node == NULL)
		return;

	struct keeper_save *save = container_of(node, struct keeper_save, link);

	save->err = world->more & SAVE_FAILS ? -ENOSPC : 0;
	save->done(save);
}

static void world_turn(struct world *world)
{
	world_shortage.is_armed = true;
	for (unsigned i = 0; i < world->reactor_count; i++)
		reactor_turn(world->machine->reactors[i], 0);
	world_keep(world);
	world_shortage.is_armed = false;
}

static void world_pass(struct world *world, unsigned milliseconds)
{
	clock_manual_advance(&world->machine->clock, milliseconds * CLOCK_NS_PER_MS);
}

static void world_hear_lu(void *context, const struct scsi_lu_info *info)
{
	(void)context;
	CHECK(info->lun < WORLD_LUNS && info->size <= world_sizes_max[info->lun]);
}

/* What the administrator of a target does: looks, and makes LUN 1 bigger. */
static void world_administer(struct world *world, bool grows)
{
	if (grows)
		world->disks[1].size = world_sizes_max[1];
	world_shortage.is_armed = true;
	scsi_target_measure(world->scsi);
	scsi_target_visit(world->scsi, world_hear_lu, NULL);
	world_shortage.is_armed = false;
}

static bool world_is_idle(const struct world *world)
{
	for (unsigned i = 0; i < WORLD_LUNS; i++)
		if (atomic_load(&world->lu[i]->background) != 0)
			return false;
	return list_is_empty(&world->saves);
}

/* Nothing uses it any more: nothing may be left. */
static void world_end_scsi(struct world *world)
{
	struct arena_info arena;

	CHECK(world_is_idle(world));
	for (unsigned i = 0; i < world->reactor_count; i++) {
		arena_get_info(reactor_arena(world->machine->reactors[i]), &arena);
		CHECK(arena.free == world->machine->arena_free[i] && arena.reserved == 0 &&
		      arena.waiters == 0);
	}
	scsi_target_destroy(world->scsi);
	scsi_copy_domain_destroy(world->copies);
}

#endif
