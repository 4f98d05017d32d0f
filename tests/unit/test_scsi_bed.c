/* SPDX-License-Identifier: BSD-2-Clause */
/* The bed in which the device server is tested; see test_scsi_bed.h. */
#include "test_scsi_bed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "scsi/provision.h"
#include "scsi/lu.h"
#include "sys/memory.h"

/* ---- the store ------------------------------------------------------------------- */

static struct bed_store *of(struct store *store)
{
	return container_of(store, struct bed_store, store);
}

/* Copies between the medium and the extents of IO, which may be the medium itself. */
static void move(struct bed_store *store, struct store_io *io)
{
	uint8_t *medium = store->region->base + io->offset;
	uint32_t done = 0;

	for (unsigned i = 0; i < io->data->count && done < io->length; i++) {
		const struct extent *extent = &io->data->extent[i];
		uint32_t len = min(extent->length, io->length - done);

		if (extent->data == medium + done)
			assert_true(io->data->borrowed);
		else if (io->op == STORE_READ)
			memcpy(extent->data, medium + done, len);
		else
			memcpy(medium + done, extent->data, len);
		done += len;
	}
	assert_int_equal(done, io->length);
}

/* What lies in an odd granule is a hole; no granule is no hole. */
static void status(const struct bed_store *store, struct store_io *io)
{
	uint64_t granule = store->hole_granule;

	io->is_hole = granule != 0 && io->offset / granule % 2 != 0;
	io->run = granule != 0 ? min(granule - io->offset % granule, io->range) : io->range;
}

/* Copies as much as it is told to. */
static void copy(struct bed_store *store, struct store_io *io)
{
	struct bed_store *from = of(io->from);

	assert_true(io->from_offset + io->range <= from->store.traits.size);
	io->run = min(io->range, store->copies);
	memmove(store->region->base + io->offset, from->region->base + io->from_offset, io->run);
}

static int execute(struct bed_store *store, struct store_io *io)
{
	uint64_t bytes = io->op == STORE_READ || io->op == STORE_WRITE ? io->length : io->range;

	assert_true(io->offset + bytes <= store->store.traits.size);
	assert_int_equal(io->offset % store->store.traits.logical_block, 0);
	assert_int_equal(bytes % store->store.traits.logical_block, 0);
	if (store->fail != 0 && (store->fail_everywhere || (store->fail_at >= io->offset &&
							    store->fail_at < io->offset + bytes)))
		return store->fail;
	switch (io->op) {
	case STORE_READ:
	case STORE_WRITE:
		move(store, io);
		break;
	case STORE_DISCARD:
	case STORE_WRITE_ZEROES:
		memset(store->region->base + io->offset, 0, io->range);
		break;
	case STORE_STATUS:
		status(store, io);
		break;
	case STORE_COPY:
		copy(store, io);
		break;
	case STORE_FLUSH:
		break;
	}
	return 0;
}

static void bed_store_submit(struct store *base, struct store_io *io)
{
	struct bed_store *store = of(base);

	store->count[io->op]++;
	store->flags = io->flags;
	if (store->hold) {
		assert_true(store->held_count < BED_HELD_MAX);
		store->held[store->held_count++] = io;
		return;
	}
	io->done(io, execute(store, io));
}

static void bed_store_cancel(struct store *base, struct store_io *io)
{
	(void)io;
	of(base)->cancels++;
}

static int bed_store_map(struct store *base, enum store_op op, uint64_t offset, uint32_t length,
			 struct extents *out)
{
	struct bed_store *store = of(base);

	(void)op;
	assert_true(offset + length <= base->traits.size);
	store->mapped++;
	out->borrowed = true;
	out->count = 1;
	out->length = length;
	out->extent[0] = (struct extent){ store->region->base + offset, length, store->region };
	return 0;
}

static void bed_store_close(struct store *base)
{
	of(base)->closed = true;
}

static void bed_store_describe(const struct store *store, char *text, size_t size)
{
	(void)store;
	if (size != 0)
		strncpy(text, "for tests", size - 1);
}

static int bed_store_usage(struct store *base, struct store_usage *usage)
{
	struct bed_store *store = of(base);

	if (store->usage == NULL)
		return -EOPNOTSUPP;
	*usage = *store->usage;
	atomic_fetch_add(&store->asked, 1);
	return 0;
}

static const struct store_ops bed_store_ops = {
	.name = "bed",
	.submit = bed_store_submit,
	.cancel = bed_store_cancel,
	.map = bed_store_map,
	.close = bed_store_close,
	.describe = bed_store_describe,
	.usage = bed_store_usage,
};

void bed_store_finish(struct bed *bed, int err)
{
	bed_store_finish_of(&bed->store, err);
}

void bed_store_finish_of(struct bed_store *store, int err)
{
	struct store_io *io;

	assert_true(store->held_count > 0);
	io = store->held[0];
	store->held_count--;
	memmove(store->held, store->held + 1, store->held_count * sizeof(store->held[0]));
	io->done(io, err != 0 ? err : execute(store, io));
}

/* ---- the keeper -------------------------------------------------------------------- */

static struct bed_keeper *of_keeper(struct keeper *keeper)
{
	return container_of(keeper, struct bed_keeper, keeper);
}

/* The blob NAME, or where it can be. */
static struct bed_blob *find_blob(struct bed_keeper *keeper, const char *name)
{
	for (unsigned i = 0; i < BED_BLOBS_MAX; i++) {
		struct bed_blob *blob = &keeper->blobs[i];

		if (blob->name[0] == '\0' || strcmp(blob->name, name) == 0)
			return blob;
	}
	fail_msg("too many blobs");
	return NULL;
}

static ssize_t bed_keeper_load(struct keeper *base, const char *name, void *data, size_t size)
{
	struct bed_blob *blob = find_blob(of_keeper(base), name);

	if (blob->length == 0)
		return -ENOENT;
	assert_true(blob->length <= size);
	memcpy(data, blob->data, blob->length);
	return (ssize_t)blob->length;
}

static void bed_keeper_deliver(struct message *message)
{
	struct keeper_save *save = container_of(message, struct keeper_save, message);

	save->done(save);
}

static void carry_out(struct bed_keeper *keeper, struct keeper_save *save)
{
	struct bed_blob *blob = find_blob(keeper, save->name);

	save->err = keeper->fail;
	if (save->err == 0) {
		strcpy(blob->name, save->name);
		free(blob->data);
		blob->data = malloc(save->length + 1);
		blob->length = save->length;
		if (save->length != 0)
			memcpy(blob->data, save->data, save->length);
	}
	save->message.deliver = bed_keeper_deliver;
	reactor_send(save->reactor, &save->message);
}

static void bed_keeper_save(struct keeper *base, struct keeper_save *save)
{
	struct bed_keeper *keeper = of_keeper(base);

	assert_true(strlen(save->name) <= KEEPER_NAME_MAX);
	assert_true(save->length <= KEEPER_BLOB_MAX);
	keeper->saves++;
	list_node_init(&save->link);
	if (keeper->hold)
		list_push_back(&keeper->held, &save->link);
	else
		carry_out(keeper, save);
}

static const struct keeper_ops bed_keeper_ops = {
	.load = bed_keeper_load,
	.save = bed_keeper_save,
};

void bed_keeper_finish(struct bed *bed)
{
	struct list_node *node = list_pop_front(&bed->keeper.held);

	assert_non_null(node);
	carry_out(&bed->keeper, container_of(node, struct keeper_save, link));
}

struct bed_blob *bed_blob(struct bed *bed, const char *what)
{
	for (unsigned i = 0; i < BED_BLOBS_MAX; i++) {
		struct bed_blob *blob = &bed->keeper.blobs[i];
		size_t length = strlen(blob->name);

		if (blob->length != 0 && length > strlen(what) &&
		    strcmp(blob->name + length - strlen(what), what) == 0)
			return blob;
	}
	return NULL;
}

/* ---- the port --------------------------------------------------------------------- */

static struct bed_cmd *of_cmd(struct scsi_cmd *cmd)
{
	return container_of(cmd, struct bed_cmd, cmd);
}

static void port_receive(struct scsi_cmd *scsi)
{
	struct bed_cmd *cmd = of_cmd(scsi);

	assert_false(cmd->wants_data);
	assert_true(scsi->data_out_length <= scsi->data_out_available);
	assert_true(scsi->data.length >= scsi->data_out_length);
	cmd->wants_data = true;
	if (!cmd->hold_data)
		bed_send_data(cmd);
}

static void port_complete(struct scsi_cmd *scsi)
{
	struct bed_cmd *cmd = of_cmd(scsi);

	cmd->completions++;
	assert_int_equal(cmd->completions, 1);
	assert_true(scsi->data_in_length <= (scsi->reads ? scsi->data_in_wanted : 0));
	assert_true(scsi->data_in_length <= scsi->data.length);
	if (scsi->aborted || scsi->status != 0)
		assert_int_equal(scsi->data_in_length, 0);
	cmd->in_length = scsi->data_in_length;
	cmd->in = malloc(cmd->in_length + 1);
	extents_copy_out(&scsi->data, 0, cmd->in, cmd->in_length);
}

static void port_terminate(struct scsi_cmd *scsi)
{
	struct bed_cmd *cmd = of_cmd(scsi);

	assert_true(cmd->wants_data);
	cmd->wants_data = false;
	cmd->terminated = true;
	scsi_data_out_received(scsi, -ECANCELED);
}

static const struct scsi_port_ops bed_port = {
	.terminate_data_transfer = port_terminate,
	.receive_data_out = port_receive,
	.complete = port_complete,
};

/* ---- the bed itself ----------------------------------------------------------------- */

static void make_store(struct bed *bed, const struct bed_config *config, struct bed_store *store)
{
	/* Where there is a real store, this one is not used. */
	uint64_t size = config->size != 0 && config->kind == NULL ? config->size : 16 << 20;

	memset(store, 0, sizeof(*store));
	assert_int_equal(memory_region_create(bed->memory, size < 4096 ? 4096 : size, -1,
					      REGION_SHARED, &store->region),
			 0);
	store->store.ops = &bed_store_ops;
	store->usage = config->usage;
	store->store.traits = (struct store_traits){
		.size = size,
		.logical_block = 512,
		.physical_block = 4096,
		.optimal_io = 65536,
		.discard_granularity = 4096,
		.discard_zeroes = true,
		.volatile_cache = config->volatile_cache,
		.mappable = config->mappable,
		.atomic_write = config->atomic_write,
	};
}

static struct store *open_store(struct bed *bed, const struct bed_config *config)
{
	char size[32];
	struct store_argument arguments[2] = { { "size", size }, config->setting };
	struct store_config store = {
		.memory = bed->memory,
		.reactors = &bed->reactor,
		.reactor_count = 1,
		.arguments = arguments,
		.argument_count = config->setting.name != NULL ? 2 : 1,
	};
	struct store_error error;
	struct store *out;

	snprintf(size, sizeof(size), "%llu",
		 config->size != 0 ? (unsigned long long)config->size : 16ull << 20);
	if (strcmp(config->kind, "file") == 0) {
		/* Its size is the file's. */
		store.arguments = &arguments[1];
		store.argument_count = 1;
	}
	if (store_open(store_kind(config->kind), &store, &out, &error) != 0)
		fail_msg("%s", error.text);
	return out;
}

static void make_second(struct bed *bed)
{
	struct scsi_lu_config config = {
		.store = &bed->second.store,
		.block_size = bed->config.second_block_size,
		.read_only = bed->config.second_read_only,
		.copy_domain = bed->config.lu.copy_domain,
		.seed = "second",
	};
	char error[200] = "";

	if (scsi_lu_create(&config, &bed->second_lu, error, sizeof(error)) != 0)
		fail_msg("%s", error);
	assert_int_equal(scsi_target_add(bed->target, 1, bed->second_lu), 0);
}

static struct store *protect_store(struct bed *bed, struct store *data)
{
	struct store_protect_config config = {
		.data = data,
		.type = bed->config.protection,
		.path = bed->config.protection_path,
		.block_size = bed->config.block_size != 0 ? bed->config.block_size : 512,
		.memory = bed->memory,
		.reactors = &bed->reactor,
		.reactor_count = 1,
	};
	struct store_error error;
	struct store *out;

	if (store_protect_open(&config, &out, &error) != 0)
		fail_msg("%s", error.text);
	return out;
}

static void make_lu(struct bed *bed)
{
	const struct bed_config *config = &bed->config;
	struct scsi_lu_config lu = config->lu;
	char error[200] = "";

	lu.store = config->kind != NULL ? open_store(bed, config) : &bed->store.store;
	if (config->protection != 0)
		lu.store = protect_store(bed, lu.store);
	bed->is_real = config->kind != NULL;
	lu.block_size = config->block_size != 0 ? config->block_size : 512;
	if (config->keeps)
		lu.keeper = &bed->keeper.keeper;
	if (lu.seed == NULL)
		lu.seed = "bed";
	if (scsi_lu_create(&lu, &bed->lu, error, sizeof(error)) != 0)
		fail_msg("%s", error);
	assert_int_equal(scsi_target_create("iqn.2026-11.io.pinion:bed", &bed->target), 0);
	assert_int_equal(scsi_target_add(bed->target, config->no_lun_0 ? 1 : 0, bed->lu), 0);
	if (config->second_block_size != 0)
		make_second(bed);
	bed->nexus = bed_nexus(bed, "iqn.2026-11.test:initiator,i,0x400000000001");
}

void bed_restart(struct bed *bed)
{
	scsi_nexus_destroy(bed->nexus);
	scsi_target_destroy(bed->target);
	make_lu(bed);
}

void bed_setup(struct bed *bed, const struct bed_config *config)
{
	struct memory_config memory = { MEMORY_OFF, MEMORY_OFF };
	struct reactor_config reactor = {
		.cpu = -1,
		.engine = ENGINE_EPOLL,
		.arena_bytes = config->arena_bytes != 0 ? config->arena_bytes : 16 << 20,
	};

	memset(bed, 0, sizeof(*bed));
	bed->config = *config;
	bed->keeper.keeper.ops = &bed_keeper_ops;
	list_init(&bed->keeper.held);
	assert_int_equal(memory_create(&memory, &bed->memory), 0);
	reactor.memory = bed->memory;
	reactor.clock = config->clock;
	assert_int_equal(reactor_create(&reactor, &bed->reactor), 0);
	bed->arena = reactor_arena(bed->reactor);
	make_store(bed, config, &bed->store);
	if (config->second_block_size != 0)
		make_store(bed, config, &bed->second);
	make_lu(bed);
}

void bed_teardown(struct bed *bed)
{
	struct arena_info info;

	if (bed->nexus != NULL)
		scsi_nexus_destroy(bed->nexus);
	provision_stop(bed->lu);
	for (unsigned i = 0; i < 5000 && atomic_load(&bed->lu->background) != 0; i++)
		reactor_turn(bed->reactor, 1);
	scsi_target_destroy(bed->target);
	assert_true(bed->store.closed || bed->is_real);
	arena_get_info(bed->arena, &info);
	assert_int_equal(info.free, info.bytes);
	assert_int_equal(info.waiters, 0);
	assert_true(list_is_empty(&bed->keeper.held));
	for (unsigned i = 0; i < BED_BLOBS_MAX; i++)
		free(bed->keeper.blobs[i].data);
	if (bed->second.region != NULL)
		memory_region_destroy(bed->memory, bed->second.region);
	memory_region_destroy(bed->memory, bed->store.region);
	reactor_destroy(bed->reactor);
	memory_destroy(bed->memory);
}

struct scsi_nexus *bed_nexus(struct bed *bed, const char *initiator_port)
{
	struct scsi_nexus_config config = {
		.target = bed->target,
		.reactor = bed->reactor,
		.initiator_port = initiator_port,
		.target_port = "iqn.2026-11.io.pinion:bed,t,0x0001",
		.target_port_group = 1,
	};
	struct scsi_nexus *nexus;

	assert_int_equal(scsi_nexus_create(&config, &nexus), 0);
	return nexus;
}

uint8_t *bed_second_medium(struct bed *bed, uint64_t lba)
{
	return bed->second.region->base + lba * bed->second_lu->block_size;
}

void bed_clear_attention(struct bed *bed)
{
	struct bed_cmd cmd;

	for (unsigned lun = 0; lun < 2; lun++) {
		BED_CDB(bed, &cmd, 0x00, 0, 0, 0, 0, 0);
		cmd.cmd.lun = (uint64_t)lun << 48;
		bed_run(&cmd);
	}
}

int bed_setup_state(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));

	bed_setup(bed, &(struct bed_config){ .keeps = true });
	bed_clear_attention(bed);
	*state = bed;
	return 0;
}

int bed_teardown_state(void **state)
{
	bed_teardown(*state);
	free(*state);
	return 0;
}

void bed_told(struct bed *bed, struct scsi_nexus *nexus, uint16_t code)
{
	struct bed_cmd cmd;

	BED_CDB(bed, &cmd, 0x00, 0, 0, 0, 0, 0);
	cmd.cmd.nexus = nexus;
	assert_int_equal(bed_run(&cmd), code != 0 ? 0x02 : 0x00);
	if (code != 0)
		bed_expect_sense(&cmd, 0x06, code);
}

static void managed(struct scsi_tmf_request *request)
{
	assert_true(request->function < 1000);
	request->function += 1000;
}

enum scsi_tmf_response bed_manage(struct scsi_nexus *nexus, enum scsi_tmf function, uint64_t lun)
{
	struct scsi_tmf_request request = {
		.nexus = nexus,
		.function = function,
		.lun = lun,
		.done = managed,
	};

	scsi_task_management(&request);
	for (unsigned i = 0; i < 100 && request.function < 1000; i++)
		reactor_turn(nexus->reactor, 0);
	assert_true(request.function >= 1000);
	return request.response;
}

/* ---- commands -------------------------------------------------------------------- */

void bed_cdb(struct bed *bed, struct bed_cmd *cmd, const uint8_t *cdb, size_t length)
{
	memset(cmd, 0, sizeof(*cmd));
	cmd->bed = bed;
	cmd->cmd.nexus = bed->nexus;
	cmd->cmd.port = &bed_port;
	cmd->cmd.attribute = SCSI_SIMPLE;
	memcpy(cmd->cmd.cdb, cdb, length);
	cmd->cmd.cdb_length = (uint8_t)max(length, (size_t)16);
}

void bed_wants(struct bed_cmd *cmd, uint32_t length)
{
	cmd->cmd.reads = true;
	cmd->cmd.data_in_wanted = length;
}

void bed_has(struct bed_cmd *cmd, const void *data, uint32_t length)
{
	cmd->cmd.writes = true;
	cmd->cmd.data_out_available = length;
	cmd->out = data;
	cmd->out_length = length;
}

void bed_start(struct bed_cmd *cmd)
{
	scsi_command_received(&cmd->cmd);
}

void bed_send_data(struct bed_cmd *cmd)
{
	struct scsi_cmd *scsi = &cmd->cmd;

	assert_true(cmd->wants_data);
	cmd->wants_data = false;
	if (cmd->data_error == 0)
		extents_copy_in(&scsi->data, 0, cmd->out, scsi->data_out_length);
	scsi_data_out_received(scsi, cmd->data_error);
}

void bed_turns(struct bed *bed, unsigned count)
{
	while (count-- > 0)
		reactor_turn(bed->reactor, 0);
}

void bed_wait(struct bed_cmd *cmd)
{
	for (unsigned i = 0; i < 5000 && cmd->completions == 0; i++)
		reactor_turn(cmd->bed->reactor, cmd->bed->is_real ? 1 : 0);
	assert_int_equal(cmd->completions, 1);
}

void bed_release(struct bed_cmd *cmd)
{
	scsi_cmd_release(&cmd->cmd);
	free(cmd->in);
	cmd->in = NULL;
}

uint8_t bed_get(struct bed_cmd *cmd)
{
	bed_start(cmd);
	bed_wait(cmd);
	return cmd->cmd.status;
}

uint8_t bed_run(struct bed_cmd *cmd)
{
	bed_get(cmd);
	bed_release(cmd);
	return cmd->cmd.status;
}

/* ---- expectations ---------------------------------------------------------------- */

void bed_expect_data(struct bed_cmd *cmd, const uint8_t *bytes, size_t length)
{
	bed_start(cmd);
	bed_wait(cmd);
	assert_int_equal(cmd->cmd.status, 0x00);
	assert_int_equal(cmd->in_length, length);
	assert_memory_equal(cmd->in, bytes, length);
	bed_release(cmd);
}

void bed_expect_sense(const struct bed_cmd *cmd, uint8_t key, uint16_t code)
{
	const uint8_t *sense = cmd->cmd.sense;

	assert_int_equal(cmd->cmd.status, 0x02);
	assert_int_equal(cmd->cmd.sense_length, 18);
	assert_int_equal(sense[0] & 0x7f, 0x70);
	assert_int_equal(sense[2], key);
	assert_int_equal(get_be16(sense + 12), code);
}

void bed_expect_field(const struct bed_cmd *cmd, uint16_t code, uint16_t byte, int bit)
{
	const uint8_t *sense = cmd->cmd.sense;

	bed_expect_sense(cmd, 0x05, code);
	assert_int_equal(sense[15], bit < 0 ? 0xc0 : 0xc8 | bit);
	assert_int_equal(get_be16(sense + 16), byte);
}

void bed_expect_parameter(const struct bed_cmd *cmd, uint16_t byte, int bit)
{
	const uint8_t *sense = cmd->cmd.sense;

	bed_expect_sense(cmd, 0x05, 0x2600);
	assert_int_equal(sense[15], bit < 0 ? 0x80 : 0x88 | bit);
	assert_int_equal(get_be16(sense + 16), byte);
}

uint8_t *bed_medium(struct bed *bed, uint64_t lba)
{
	return bed->store.region->base + lba * 512;
}

void bed_pattern(uint8_t *bytes, size_t length, uint32_t seed)
{
	for (size_t i = 0; i < length; i++) {
		seed = seed * 1664525 + 1013904223;
		bytes[i] = (uint8_t)(seed >> 24);
	}
}
