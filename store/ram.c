/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A store in memory. Its pieces are registered regions, so whatever moves data
 * can send from them and receive into them: a read then needs no buffer and a
 * write no copy. Where the data lies elsewhere it is copied here.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/container.h"
#include "store/kinds.h"
#include "store/settings.h"
#include "store/stepper.h"

/* An io_uring fixed buffer is at most 1 GiB. */
#define PIECE_MAX (UINT64_C(1) << 30)
/* A huge page: anything smaller would waste the rest of it. */
#define PIECE_MIN (UINT64_C(2) << 20)
#define NODES_MAX 64

struct ram_store {
	struct store store;
	struct memory *memory;
	struct stepper *stepper;
	unsigned piece_shift;	/* log2 of the bytes in every piece but the last */
	unsigned piece_count;
	unsigned node_count;	/* that it is spread over */
	struct region *pieces[];
};

static struct ram_store *ram_of(struct store *store)
{
	return container_of(store, struct ram_store, store);
}

/* Where byte OFFSET is; *length is cut to what lies in one piece. */
static uint8_t *locate(const struct ram_store *ram, uint64_t offset, uint64_t *length,
		       struct region **region)
{
	struct region *piece = ram->pieces[offset >> ram->piece_shift];
	uint64_t size = UINT64_C(1) << ram->piece_shift;
	uint64_t inside = offset & (size - 1);

	*length = min(*length, size - inside);
	if (region != NULL)
		*region = piece;
	return piece->base + inside;
}

/* --- operations --- */

static void fill_zeroes(const struct ram_store *ram, uint64_t offset, uint64_t bytes)
{
	/* Not MADV_DONTNEED: the pages are locked and known to devices. */
	while (bytes > 0) {
		uint64_t length = bytes;
		uint8_t *own = locate(ram, offset, &length, NULL);

		memset(own, 0, length);
		offset += length;
		bytes -= length;
	}
}

/* Copies between a part of the store and a part of an extent. */
static void copy(const struct ram_store *ram, const struct store_io *io, uint64_t offset,
		 uint8_t *data, uint64_t bytes)
{
	bool to_store = io->op != STORE_READ;

	while (bytes > 0) {
		uint64_t length = bytes;
		uint8_t *own = locate(ram, offset, &length, NULL);

		/* The data of a mapped I/O is here already; that of another mapping may overlap. */
		if (own != data) {
			memmove(to_store ? own : data, to_store ? data : own, length);
			reactor_count_copied(io->reactor, length);
		}
		offset += length;
		data += length;
		bytes -= length;
	}
}

/* Moves bytes AT to AT + BYTES of IO's data. */
static void transfer(const struct ram_store *ram, const struct store_io *io, uint64_t at,
		     uint32_t bytes)
{
	const struct extent *extent = io->data->extent;
	uint64_t skip = at;

	for (; bytes > 0 && skip >= extent->length; extent++)
		skip -= extent->length;
	for (; bytes > 0; extent++, skip = 0) {
		uint32_t length = min_t(uint32_t, bytes, extent->length - (uint32_t)skip);

		copy(ram, io, io->offset + at, extent->data + skip, length);
		at += length;
		bytes -= length;
	}
}

/* Bytes AT to AT + BYTES of a copy, from here or another RAM disk. */
static void copy_between(const struct ram_store *ram, const struct store_io *io, uint64_t at,
			 uint64_t bytes)
{
	const struct ram_store *from = ram_of(io->from);

	while (bytes > 0) {
		uint64_t length = bytes;
		uint8_t *data = locate(from, io->from_offset + at, &length, NULL);

		copy(ram, io, io->offset + at, data, length);
		at += length;
		bytes -= length;
	}
}

static void ram_step(struct store_io *io, uint64_t at, uint32_t bytes)
{
	const struct ram_store *ram = ram_of(io->store);

	switch (io->op) {
	case STORE_READ:
	case STORE_WRITE:
		transfer(ram, io, at, bytes);
		break;
	case STORE_DISCARD:
	case STORE_WRITE_ZEROES:
		fill_zeroes(ram, io->offset + at, bytes);
		break;
	case STORE_COPY:
		copy_between(ram, io, at, bytes);
		break;
	case STORE_FLUSH:	/* there is nothing behind it */
	case STORE_STATUS:
		break;
	}
}

/* Whether all of IO's data is the store's own memory at its place. */
static bool is_in_place(const struct ram_store *ram, const struct store_io *io)
{
	uint64_t offset = io->offset;

	if ((io->op != STORE_READ && io->op != STORE_WRITE) || !io->data->borrowed)
		return false;
	for (unsigned i = 0; i < io->data->count; i++) {
		const struct extent *extent = &io->data->extent[i];
		uint64_t length = extent->length;

		/* Past the end of the I/O the extents may go on, the store need not. */
		if (offset >= io->offset + io->length)
			break;
		if (locate(ram, offset, &length, NULL) != extent->data || length < extent->length)
			return false;
		offset += length;
	}
	return true;
}

#define GRANULE UINT64_C(4096) /* of STORE_STATUS */

/*
 * Zeros count as a hole, wherever they come from: what is discarded becomes
 * zeros, and a record of it would cost every write. One step's worth at a time.
 */
static void find_run(const struct ram_store *ram, struct store_io *io)
{
	uint64_t range = min_t(uint64_t, io->range, STEPPER_BYTES);

	io->is_hole = false;
	for (io->run = 0; io->run < range;) {
		uint64_t at = io->offset + io->run;
		uint64_t length = min(GRANULE - at % GRANULE, range - io->run);
		const uint8_t *own = locate(ram, at, &length, NULL);
		bool is_zero = own[0] == 0 && memcmp(own, own + 1, length - 1) == 0;

		if (io->run != 0 && is_zero != io->is_hole)
			break;
		io->is_hole = is_zero;
		io->run += length;
	}
	io->done(io, 0);
}

static void submit_copy(const struct ram_store *ram, struct store_io *io)
{
	if (io->from->ops != &store_ram_ops) {
		store_declines_copy(io);
		return;
	}
	io->run = io->range;
	stepper_submit(ram->stepper, io);
}

static void ram_submit(struct store *store, struct store_io *io)
{
	struct ram_store *ram = ram_of(store);
	int rc = store_io_check(store, io);

	if (rc == 0 && io->op == STORE_STATUS)
		find_run(ram, io);
	else if (rc == 0 && io->op == STORE_COPY)
		submit_copy(ram, io);
	else if (rc < 0 || is_in_place(ram, io))
		io->done(io, rc);
	else
		stepper_submit(ram->stepper, io);
}

static void ram_cancel(struct store *store, struct store_io *io)
{
	stepper_cancel(ram_of(store)->stepper, io);
}

static int ram_map(struct store *store, enum store_op op, uint64_t offset, uint32_t length,
		   struct extents *out)
{
	struct ram_store *ram = ram_of(store);
	uint32_t left = length;
	int rc = store_map_check(store, op, offset, length);

	if (rc < 0)
		return rc;
	/* The last index is that of the last byte; a piece has room for many extents. */
	if (length > 0 && ((offset + length - 1) >> ram->piece_shift) -
				  (offset >> ram->piece_shift) >= EXTENTS_MAX)
		return -EMSGSIZE;
	extents_init(out);
	out->borrowed = true;
	out->length = length;
	while (left > 0) {
		struct extent *extent = &out->extent[out->count++];
		uint64_t piece = left;

		extent->data = locate(ram, offset, &piece, &extent->region);
		extent->length = (uint32_t)piece;
		offset += piece;
		left -= extent->length;
	}
	return 0;
}

/* --- opening --- */

static bool node_is_there(uint64_t node)
{
	char path[64];

	/* A kernel without NUMA shows no nodes at all; everything is node 0 then. */
	snprintf(path, sizeof(path), "/sys/devices/system/node/node%llu", (unsigned long long)node);
	return node == 0 || access(path, F_OK) == 0;
}

/* The NUMA nodes of the reactors, each once. Returns how many. */
static unsigned list_nodes(const struct store_config *config, int nodes[NODES_MAX])
{
	unsigned count = 0;

	for (unsigned i = 0; i < config->reactor_count && count < NODES_MAX; i++) {
		int node = reactor_node(config->reactors[i]);
		unsigned at = 0;

		while (at < count && nodes[at] != node)
			at++;
		if (at == count)
			nodes[count++] = node;
	}
	if (count == 0)
		nodes[count++] = -1;
	return count;
}

/*
 * Equal pieces, at least one for each node: a large piece costs fewer keys, but
 * all cores shall be equally near to the data on average.
 */
static unsigned choose_piece_shift(uint64_t size, unsigned node_count)
{
	uint64_t share = size / node_count + (size % node_count != 0);

	return log2_floor(min(max(round_up_pow2(share), PIECE_MIN), PIECE_MAX));
}

static void ram_close(struct store *store)
{
	struct ram_store *ram = ram_of(store);

	for (unsigned i = 0; i < ram->piece_count; i++)
		memory_region_destroy(ram->memory, ram->pieces[i]);
	stepper_destroy(ram->stepper);
	free(ram);
}

static int create_pieces(struct ram_store *ram, const int *nodes, unsigned count)
{
	uint64_t left = ram->store.traits.size;

	while (ram->piece_count < count) {
		uint64_t length = min(left, UINT64_C(1) << ram->piece_shift);
		int rc = memory_region_create(ram->memory, length,
					      nodes[ram->piece_count % ram->node_count],
					      REGION_SHARED, &ram->pieces[ram->piece_count]);

		if (rc < 0)
			return rc;
		ram->piece_count++;
		left -= length;
	}
	return 0;
}

static void fill_traits(struct ram_store *ram, const struct store_config *config, uint64_t size)
{
	ram->store.ops = &store_ram_ops;
	ram->store.traits = (struct store_traits){
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
}

/*
 * Bytes of memory to be had, UINT64_MAX where the kernel does not say. Asking
 * for more would not fail but wake the out-of-memory killer.
 */
static uint64_t available_memory(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	uint64_t available = UINT64_MAX;
	uint64_t huge_free = 0;
	uint64_t huge_size = 0;
	char line[128];

	if (file == NULL)
		return UINT64_MAX;
	while (fgets(line, sizeof(line), file) != NULL) {
		unsigned long long value;

		if (sscanf(line, "MemAvailable: %llu kB", &value) == 1)
			available = value << 10;
		else if (sscanf(line, "HugePages_Free: %llu", &value) == 1)
			huge_free = value;
		else if (sscanf(line, "Hugepagesize: %llu kB", &value) == 1)
			huge_size = value << 10;
	}
	fclose(file);
	return available == UINT64_MAX ? UINT64_MAX : available + huge_free * huge_size;
}

static int check_size(uint64_t size, struct store_error *error)
{
	uint64_t available = available_memory();

	if (size == 0)
		return store_refuse(error, -EINVAL, "size", "size is 0");
	if (size > available || size > SIZE_MAX / 2)
		return store_refuse(error, -ENOMEM, "size",
				    "size is %llu MiB, but only %llu MiB of memory are available",
				    (unsigned long long)(size >> 20),
				    (unsigned long long)(available >> 20));
	return 0;
}

static const struct store_setting ram_settings[] = {
	{ "size", STORE_SETTING_SIZE, true, NULL, "bytes of memory" },
	{ "node", STORE_SETTING_NUMBER, false, NULL,
	  "NUMA node to take the memory from; default: spread over those of the cores in use" },
	{ NULL, 0, false, NULL, NULL },
};

static int ram_open(const struct store_config *config, struct store **out,
		    struct store_error *error)
{
	uint64_t size = settings_size(config, "size", 0);
	uint64_t node = settings_number(config, "node", UINT64_MAX);
	int nodes[NODES_MAX] = { (int)node };
	unsigned node_count = 1;
	struct ram_store *ram;
	unsigned count;
	unsigned shift;
	int rc = check_size(size, error);

	if (rc < 0)
		return rc;
	if (settings_text(config, "node") == NULL)
		node_count = list_nodes(config, nodes);
	else if (!node_is_there(node))
		return store_refuse(error, -EINVAL, "node", "there is no NUMA node %llu",
				    (unsigned long long)node);
	shift = choose_piece_shift(size, node_count);
	count = (unsigned)((size - 1) >> shift) + 1;
	ram = calloc(1, sizeof(*ram) + count * sizeof(ram->pieces[0]));
	if (ram == NULL)
		return store_refuse(error, -ENOMEM, NULL, "no memory");
	fill_traits(ram, config, size);
	ram->memory = config->memory;
	ram->piece_shift = shift;
	ram->node_count = node_count;
	rc = stepper_create(config, ram_step, &ram->stepper);
	if (rc == 0)
		rc = create_pieces(ram, nodes, count);
	if (rc < 0) {
		unsigned had = ram->piece_count;

		ram_close(&ram->store);
		return store_refuse(error, rc, "size",
				    "no memory for %llu MiB: it ended after %llu MiB (%s)",
				    (unsigned long long)(size >> 20),
				    (unsigned long long)had << (shift - 20), strerror(-rc));
	}
	*out = &ram->store;
	return 0;
}

static void ram_describe(const struct store *store, char *text, size_t size)
{
	const struct ram_store *ram = container_of(store, const struct ram_store, store);
	unsigned locked = 0;

	for (unsigned i = 0; i < ram->piece_count; i++)
		locked += ram->pieces[i]->locked;
	snprintf(text, size, "%u region%s of %s pages on %u node%s, %s", ram->piece_count,
		 ram->piece_count == 1 ? "" : "s", page_kind_name(ram->pieces[0]->pages),
		 ram->node_count, ram->node_count == 1 ? "" : "s",
		 locked == ram->piece_count ? "locked"
		 : locked > 0		    ? "partly locked"
					    : "not locked");
}

const struct store_ops store_ram_ops = {
	.name = "ram",
	.help = "memory; its contents are gone when the daemon ends",
	.settings = ram_settings,
	.open = ram_open,
	.close = ram_close,
	.submit = ram_submit,
	.cancel = ram_cancel,
	.map = ram_map,
	.describe = ram_describe,
};
