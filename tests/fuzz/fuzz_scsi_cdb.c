/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: CDBs, lengths and accidents (aborts, errors, shortage) for the
 * device server, many commands in flight at once.
 *
 * An input is a row of records of 24 bytes, each of them a command. When all
 * have been started what they wait for is given to them in turn; at the end
 * each must have completed exactly once and all memory must be back.
 */
#include <string.h>

#include "base/bytes.h"
#include "fuzz_port.h"
#include "scsi/lu.h"
#include "sys/memory.h"

enum {
	RECORD = 24,
	COMMANDS_MAX = 48,
	MEDIUM = 1 << 20,
	TRANSFER_MAX = 64 * 1024,
	ARENA = 2 << 20,
	LUS = 5, /* the last three have protection information of type 1 to 3 */
	PLAIN_LUS = 2,
};

/* Byte 0 of a record. */
enum {
	READS = 0x01,
	WRITES = 0x02,
	PRIVATE = 0x04,
	ABORT = 0x08,
	STORE_HOLDS = 0x10,
	STORE_FAILS = 0x20,
	DATA_HOLDS = 0x40,
	DATA_FAILS = 0x80,
};

/* ---- a store ---- */

struct fuzz_store {
	struct store store;
	struct region *region;
	bool holds;
	bool fails;
	struct list held;
};

static struct fuzz_store *of_store(struct store *store)
{
	return container_of(store, struct fuzz_store, store);
}

static int execute(struct fuzz_store *store, struct store_io *io)
{
	uint64_t bytes = io->op == STORE_READ || io->op == STORE_WRITE ? io->length : io->range;
	uint32_t done = 0;

	CHECK(io->offset <= MEDIUM && bytes <= MEDIUM - io->offset);
	CHECK(io->offset % 512 == 0 && bytes % 512 == 0);
	if (store->fails)
		return -EIO;
	if (io->op == STORE_COPY)
		io->run = 0;
	if (io->op != STORE_READ && io->op != STORE_WRITE)
		return 0;
	CHECK(io->data->length >= io->length);
	for (unsigned i = 0; done < io->length; i++) {
		const struct extent *extent = &io->data->extent[i];
		uint32_t len = min(extent->length, io->length - done);
		uint8_t *medium = store->region->base + io->offset + done;

		memmove(io->op == STORE_READ ? extent->data : medium,
			io->op == STORE_READ ? medium : extent->data, len);
		done += len;
	}
	return 0;
}

static void fuzz_submit(struct store *base, struct store_io *io)
{
	struct fuzz_store *store = of_store(base);

	if (store->holds) {
		list_node_init(&io->link);
		list_push_back(&store->held, &io->link);
		return;
	}
	io->done(io, execute(store, io));
}

static void fuzz_cancel(struct store *base, struct store_io *io)
{
	(void)base;
	if (!list_is_linked(&io->link))
		return;
	list_remove(&io->link);
	io->done(io, -ECANCELED);
}

static int fuzz_map(struct store *base, enum store_op op, uint64_t offset, uint32_t length,
		    struct extents *out)
{
	struct fuzz_store *store = of_store(base);

	(void)op;
	CHECK(offset <= MEDIUM && length <= MEDIUM - offset);
	out->borrowed = true;
	out->count = 1;
	out->length = length;
	out->extent[0] = (struct extent){ store->region->base + offset, length, store->region };
	return 0;
}

static void fuzz_close(struct store *base)
{
	(void)base;
}

static const struct store_ops fuzz_ops = {
	.name = "fuzz",
	.submit = fuzz_submit,
	.cancel = fuzz_cancel,
	.map = fuzz_map,
	.close = fuzz_close,
};

/* All of it, made for each input (but for what takes long), so that each gives the same again. */

struct bed {
	struct reactor *reactor;
	struct fuzz_store store[LUS];
	struct scsi_lu *lu[LUS];
	struct scsi_target *target;
	struct scsi_nexus *nexus;
	struct port_cmd cmd[COMMANDS_MAX];
	unsigned count;
};

/* Stays from input to input. */
static struct {
	struct memory *memory;
	struct reactor *reactor;
	struct region *region[LUS];
} machine;

static struct store *protect(struct store *data, unsigned type)
{
	const struct store_protect_config config = {
		.data = data,
		.type = type,
		.block_size = 512,
		.memory = machine.memory,
		.reactors = &machine.reactor,
		.reactor_count = 1,
	};
	struct store_error error;
	struct store *out;

	CHECK(store_protect_open(&config, &out, &error) == 0);
	return out;
}

static void add_lu(struct bed *bed, unsigned i)
{
	struct fuzz_store *store = &bed->store[i];
	struct scsi_lu_config config = {
		.store = &store->store,
		.block_size = i == 1 ? 4096 : 512,
		.removable = i == 1,
		.thin = i != 0,
		.seed = "fuzz",
		.maximum_transfer = TRANSFER_MAX,
	};
	struct scsi_lu *lu;
	char error[100];

	store->store.ops = &fuzz_ops;
	store->store.traits = (struct store_traits){
		.size = MEDIUM,
		.logical_block = 512,
		.physical_block = 4096,
		.discard_granularity = 4096,
		.discard_zeroes = true,
		.mappable = i == 0,
		.atomic_write = i > PLAIN_LUS ? UINT32_MAX : 0,
	};
	list_init(&store->held);
	store->region = machine.region[i];
	memset(store->region->base, 0, MEDIUM);
	if (i >= PLAIN_LUS)
		config.store = protect(&store->store, i - PLAIN_LUS + 1);
	CHECK(scsi_lu_create(&config, &lu, error, sizeof(error)) == 0);
	CHECK(scsi_target_add(bed->target, i < PLAIN_LUS ? i * 3 : i + 2, lu) == 0);
	bed->lu[i] = lu;
}

static void make_machine(void)
{
	struct memory_config memory = { MEMORY_OFF, MEMORY_OFF };
	struct reactor_config reactor = { .cpu = -1, .engine = ENGINE_EPOLL, .arena_bytes = ARENA };

	CHECK(memory_create(&memory, &machine.memory) == 0);
	reactor.memory = machine.memory;
	CHECK(reactor_create(&reactor, &machine.reactor) == 0);
	for (unsigned i = 0; i < LUS; i++)
		CHECK(memory_region_create(machine.memory, MEDIUM, -1, REGION_SHARED,
					   &machine.region[i]) == 0);
	/* Room for what comes unasked. */
	CHECK(arena_reserve(reactor_arena(machine.reactor), ARENA / 2) == 0);
}

static void make(struct bed *bed)
{
	struct scsi_nexus_config nexus = { .initiator_port = "i", .target_port = "t" };

	if (machine.memory == NULL)
		make_machine();
	bed->reactor = machine.reactor;
	CHECK(scsi_target_create("fuzz", &bed->target) == 0);
	for (unsigned i = 0; i < LUS; i++)
		add_lu(bed, i);
	nexus.target = bed->target;
	nexus.reactor = bed->reactor;
	CHECK(scsi_nexus_create(&nexus, &bed->nexus) == 0);
}

static void unmake(struct bed *bed)
{
	struct arena_info info;

	arena_get_info(reactor_arena(bed->reactor), &info);
	CHECK(info.free == info.bytes && info.waiters == 0);
	scsi_nexus_destroy(bed->nexus);
	scsi_target_destroy(bed->target);
}

static uint64_t lun_of(uint8_t selector)
{
	static const uint64_t luns[] = {
		0,
		UINT64_C(0x0003000000000000),
		UINT64_C(0x4003000000000000),
		UINT64_C(0x0001000000000000),
		UINT64_C(0xc101000000000000),
		UINT64_MAX,
		UINT64_C(0x0004000000000000),
		UINT64_C(0x0005000000000000),
		UINT64_C(0x0006000000000000),
	};

	return luns[selector % ARRAY_SIZE(luns)];
}

static void start(struct bed *bed, const uint8_t *record)
{
	static const uint8_t some[TRANSFER_MAX] = { 1, 2, 3 };
	struct port_cmd *cmd = &bed->cmd[bed->count++];
	uint32_t expected = get_be16(record + 2) * UINT32_C(8);

	cmd->list = some;
	cmd->list_length = sizeof(some);
	cmd->holds_data = record[0] & DATA_HOLDS;
	cmd->fails_data = record[0] & DATA_FAILS;
	cmd->cmd.nexus = bed->nexus;
	cmd->cmd.port = &port_ops;
	cmd->cmd.lun = lun_of(record[1]);
	cmd->cmd.attribute = record[1] >> 5 <= SCSI_ACA ? record[1] >> 5 : SCSI_SIMPLE;
	memcpy(cmd->cmd.cdb, record + 8, 16);
	cmd->cmd.cdb[19] = record[6];
	cmd->cmd.cdb[31] = record[7];
	cmd->cmd.cdb_length = record[8] == 0x7f ? 32 : 16;
	if (record[5] & 0x80)
		cmd->cmd.cdb_length = record[5] & 0x1f;
	cmd->cmd.reads = record[0] & READS;
	cmd->cmd.writes = record[0] & WRITES;
	cmd->cmd.private_data = record[0] & PRIVATE;
	cmd->cmd.data_in_wanted = cmd->cmd.reads ? expected : 0;
	cmd->cmd.data_out_available = cmd->cmd.writes ? expected : 0;
	cmd->cmd.unsolicited = min(record[4] * UINT32_C(64), cmd->cmd.data_out_available);
	for (unsigned i = 0; i < LUS; i++) {
		bed->store[i].holds = record[0] & STORE_HOLDS;
		bed->store[i].fails = record[0] & STORE_FAILS;
	}
	scsi_command_received(&cmd->cmd);
	if (cmd->completions == 0) {
		uint32_t room = min(cmd->cmd.unsolicited, cmd->cmd.data_out_length);

		CHECK(cmd->cmd.data.length >= room);
	}
	if (record[0] & ABORT)
		scsi_cmd_abort(&cmd->cmd);
}

/* Gives every command what it waits for. True when there is nothing left to give. */
static bool settle(struct bed *bed)
{
	bool idle = true;

	for (unsigned i = 0; i < LUS; i++) {
		struct list_node *node = list_pop_front(&bed->store[i].held);

		if (atomic_load(&bed->lu[i]->background) != 0)
			idle = false;
		if (node == NULL)
			continue;
		idle = false;
		struct store_io *io = container_of(node, struct store_io, link);
		io->done(io, execute(&bed->store[i], io));
	}
	for (unsigned i = 0; i < bed->count; i++) {
		struct port_cmd *cmd = &bed->cmd[i];

		if (cmd->wants_data)
			port_give_data(cmd);
		if (cmd->completions == 0)
			idle = false;
		else if (cmd->completions == 1) {
			scsi_cmd_release(&cmd->cmd);
			cmd->completions = 2;
		}
	}
	reactor_turn(bed->reactor, 0);
	return idle;
}

/* Under ACA nothing goes on that was there before, until it is cleared: here nobody does that. */
static void end_under_aca(struct bed *bed)
{
	bool has_aca = false;

	for (unsigned i = 0; i < bed->nexus->lun_count; i++)
		has_aca = has_aca || bed->nexus->lu[i].order.aca;
	for (unsigned i = 0; i < bed->count && has_aca; i++) {
		if (bed->cmd[i].completions == 0)
			scsi_cmd_abort(&bed->cmd[i].cmd);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bed *bed = calloc(1, sizeof(*bed));
	unsigned rounds = 0;

	CHECK(bed != NULL);
	make(bed);
	for (; size >= RECORD && bed->count < COMMANDS_MAX; data += RECORD, size -= RECORD)
		start(bed, data);
	while (!settle(bed)) {
		CHECK(++rounds < 100000);
		if (rounds == 2000)
			end_under_aca(bed);
	}
	unmake(bed);
	free(bed);
	return 0;
}
