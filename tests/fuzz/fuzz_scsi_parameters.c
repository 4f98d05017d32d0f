/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: parameter lists. An input is a row of commands, each 16 bytes of
 * CDB, two of length and so many of data-out, run one after the other; what they
 * leave behind is in the way of the next, and of a restart at the end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "fuzz_check.h"
#include "scsi/lu.h"
#include "sys/memory.h"

enum { HEAD = 18, COMMANDS_MAX = 32, MEDIUM = 64 * 1024, BLOBS_MAX = 8, ROUNDS_MAX = 100000 };

/* ---- a store of zeros ---- */

static void zero_submit(struct store *store, struct store_io *io)
{
	uint64_t bytes = io->op == STORE_READ || io->op == STORE_WRITE ? io->length : io->range;

	CHECK(io->offset <= store->traits.size && bytes <= store->traits.size - io->offset);
	if (io->op == STORE_READ) {
		for (unsigned i = 0; i < io->data->count; i++)
			memset(io->data->extent[i].data, 0, io->data->extent[i].length);
	}
	io->run = io->op == STORE_STATUS ? io->range : 0;
	io->done(io, 0);
}

static void zero_close(struct store *store)
{
	(void)store;
}

static const struct store_ops zero_ops = {
	.name = "zero",
	.submit = zero_submit,
	.close = zero_close,
};

/* ---- a keeper that remembers ---- */

struct fuzz_keeper {
	struct keeper keeper;
	struct list queue;
	struct blob {
		char name[KEEPER_NAME_MAX + 1];
		uint8_t *data;
		size_t length;
	} blobs[BLOBS_MAX];
};

static struct blob *blob_of(struct keeper *keeper, const char *name, bool create)
{
	struct fuzz_keeper *mine = container_of(keeper, struct fuzz_keeper, keeper);

	for (unsigned i = 0; i < BLOBS_MAX; i++) {
		struct blob *blob = &mine->blobs[i];

		if (strcmp(blob->name, name) == 0)
			return blob;
		if (blob->name[0] == '\0') {
			if (create)
				strcpy(blob->name, name);
			return create ? blob : NULL;
		}
	}
	abort();
}

static ssize_t fuzz_load(struct keeper *keeper, const char *name, void *data, size_t size)
{
	const struct blob *blob = blob_of(keeper, name, false);

	if (blob == NULL || blob->length == 0)
		return -ENOENT;
	CHECK(blob->length <= size);
	memcpy(data, blob->data, blob->length);
	return (ssize_t)blob->length;
}

static void fuzz_save(struct keeper *keeper, struct keeper_save *save)
{
	list_push_back(&container_of(keeper, struct fuzz_keeper, keeper)->queue, &save->link);
}

static const struct keeper_ops keeper_ops = { .load = fuzz_load, .save = fuzz_save };

static void keep_next(struct fuzz_keeper *keeper)
{
	struct list_node *node = list_pop_front(&keeper->queue);
	struct keeper_save *save;
	struct blob *blob;

	if (node == NULL)
		return;
	save = container_of(node, struct keeper_save, link);
	blob = blob_of(&keeper->keeper, save->name, true);
	free(blob->data);
	blob->data = malloc(save->length + 1);
	CHECK(blob->data != NULL);
	if (save->length != 0)
		memcpy(blob->data, save->data, save->length);
	blob->length = save->length;
	save->err = 0;
	save->done(save);
}

/* ---- all of it ---- */

struct bed {
	struct reactor *reactor;
	struct store store;
	struct fuzz_keeper keeper;
	struct scsi_lu *lu;
	struct scsi_target *target;
	struct scsi_nexus *nexus;
	const uint8_t *list;
	bool is_done;
};

static struct bed *the_bed;

static void port_receive(struct scsi_cmd *cmd)
{
	CHECK(cmd->data_out_length <= cmd->data_out_available);
	extents_copy_in(&cmd->data, 0, the_bed->list, cmd->data_out_length);
	scsi_data_out_received(cmd, 0);
}

static void port_complete(struct scsi_cmd *cmd)
{
	CHECK(!the_bed->is_done);
	CHECK((cmd->status == 0x02) == (cmd->sense_length != 0));
	CHECK(cmd->data_in_length <= cmd->data.length);
	the_bed->is_done = true;
}

static const struct scsi_port_ops port = {
	.receive_data_out = port_receive,
	.complete = port_complete,
};

/* They stay from input to input: to make them takes the machine long. */
static struct memory *the_memory;
static struct reactor *the_reactor;

/* With protection information: its mode page is there then, too. */
static struct store *protect(struct bed *bed)
{
	const struct store_protect_config config = {
		.data = &bed->store,
		.type = 1,
		.block_size = 512,
		.memory = the_memory,
		.reactors = &bed->reactor,
		.reactor_count = 1,
	};
	struct store_error error;
	struct store *out;

	CHECK(store_protect_open(&config, &out, &error) == 0);
	return out;
}

static void start(struct bed *bed)
{
	struct scsi_lu_config config = {
		.store = protect(bed),
		.block_size = 512,
		.removable = true,
		.thin = true,
		.seed = "fuzz",
		.keeper = &bed->keeper.keeper,
	};
	struct scsi_nexus_config nexus = { .initiator_port = "iqn.2026-11.test:i,i,0x1",
					   .target_port = "t",
					   .reactor = bed->reactor };
	char error[100];

	CHECK(scsi_target_create("fuzz", &bed->target) == 0);
	CHECK(scsi_lu_create(&config, &bed->lu, error, sizeof(error)) == 0);
	CHECK(scsi_target_add(bed->target, 0, bed->lu) == 0);
	nexus.target = bed->target;
	CHECK(scsi_nexus_create(&nexus, &bed->nexus) == 0);
}

static void stop(struct bed *bed)
{
	for (unsigned rounds = 0; atomic_load(&bed->lu->background) != 0; rounds++) {
		CHECK(rounds < ROUNDS_MAX);
		keep_next(&bed->keeper);
		reactor_turn(bed->reactor, 0);
	}
	scsi_nexus_destroy(bed->nexus);
	scsi_target_destroy(bed->target);
}

static void run(struct bed *bed, const uint8_t *cdb, const uint8_t *list, uint16_t length)
{
	struct scsi_cmd *cmd = calloc(1, sizeof(*cmd));

	CHECK(cmd != NULL);
	cmd->nexus = bed->nexus;
	cmd->port = &port;
	memcpy(cmd->cdb, cdb, 16);
	cmd->cdb_length = 16;
	cmd->attribute = SCSI_SIMPLE;
	cmd->writes = length != 0;
	cmd->data_out_available = length;
	cmd->reads = length == 0;
	cmd->data_in_wanted = length == 0 ? 65536 : 0;
	bed->list = list;
	bed->is_done = false;
	scsi_command_received(cmd);
	for (unsigned rounds = 0; !bed->is_done; rounds++) {
		CHECK(rounds < ROUNDS_MAX);
		keep_next(&bed->keeper);
		reactor_turn(bed->reactor, 0);
	}
	scsi_cmd_release(cmd);
	free(cmd);
}

/* What can be asked after all that. */
static void ask(struct bed *bed)
{
	static const uint8_t questions[][16] = {
		{ 0x1a, 0, 0x3f, 0xff, 255 },
		{ 0x5a, 0, 0xff, 0xff, 0, 0, 0, 16, 0 },
		{ 0x4d, 0, 0x40, 0xff, 0, 0, 0, 1, 0 },
		{ 0x03, 0, 0, 0, 255 },
		{ 0xa3, 0x05, 0, 0, 0, 0, 0, 0, 2, 0, 0 },
		{ 0xa3, 0x0f, 0, 0, 0, 0, 0, 0, 1, 0 },
		{ 0x5e, 0x03, 0, 0, 0, 0, 0, 16, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(questions); i++)
		run(bed, questions[i], NULL, 0);
}

static void make_reactor(void)
{
	struct memory_config memory = { MEMORY_OFF, MEMORY_OFF };
	struct reactor_config reactor = { .cpu = -1,
					  .engine = ENGINE_EPOLL,
					  .arena_bytes = 4 << 20 };

	CHECK(memory_create(&memory, &the_memory) == 0);
	reactor.memory = the_memory;
	CHECK(reactor_create(&reactor, &the_reactor) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bed *bed = calloc(1, sizeof(*bed));

	CHECK(bed != NULL);
	the_bed = bed;
	bed->store.ops = &zero_ops;
	bed->store.traits = (struct store_traits){ .size = MEDIUM,
						   .logical_block = 512,
						   .physical_block = 4096,
						   .discard_granularity = 4096,
						   .discard_zeroes = true,
						   .volatile_cache = true };
	bed->keeper.keeper.ops = &keeper_ops;
	list_init(&bed->keeper.queue);
	if (the_reactor == NULL)
		make_reactor();
	bed->reactor = the_reactor;
	start(bed);
	for (unsigned i = 0; i < COMMANDS_MAX && size >= HEAD; i++) {
		uint16_t length = (uint16_t)min(get_be16(data + 16), size - HEAD);

		run(bed, data, data + HEAD, length);
		data += HEAD + length;
		size -= HEAD + length;
	}
	ask(bed);
	stop(bed);
	start(bed);
	ask(bed);
	stop(bed);
	for (unsigned i = 0; i < BLOBS_MAX; i++)
		free(bed->keeper.blobs[i].data);
	free(bed);
	return 0;
}
