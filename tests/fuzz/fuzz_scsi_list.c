/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: CDBs with their parameter lists, one after the other, from three
 * initiators; and what a keeper has when the logical unit is made.
 *
 * An input: one byte, the length of what the keeper gives for whatever is asked of it, these
 * bytes; then commands: a byte that says who sends it and what befalls it, 16 bytes of CDB, two
 * bytes of length, the list.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/container.h"
#include "fuzz_port.h"
#include "scsi/lu.h"
#include "sys/memory.h"

enum {
	HEADER = 1 + 16 + 2,
	LIST_MAX = 4096,
	NEXUSES = 3,
	COMMANDS_MAX = 64,
	WANTED = 65536,
};

/* The first byte of a command. */
enum {
	WHO = 0x03,
	NO_DATA = 0x04, /* what it announces does not come */
	ABORT = 0x08,
	LEAVE = 0x10, /* the initiator leaves and comes back first */
	KEEPER_FAILS = 0x20,
};

struct bed {
	struct keeper keeper;
	bool keeper_fails;
	const uint8_t *kept;
	size_t kept_length;
	struct reactor *reactor;
	struct scsi_lu *lu;
	struct scsi_target *target;
	struct scsi_nexus *nexus[NEXUSES];
};

/* ---- the keeper -------------------------------------------------------------------- */

static ssize_t keeper_load(struct keeper *keeper, const char *name, void *data, size_t size)
{
	struct bed *bed = container_of(keeper, struct bed, keeper);

	(void)name;
	if (bed->kept_length == 0)
		return -ENOENT;
	if (bed->kept_length > size)
		return -EBADMSG;
	memcpy(data, bed->kept, bed->kept_length);
	return (ssize_t)bed->kept_length;
}

static void deliver(struct message *message)
{
	struct keeper_save *save = container_of(message, struct keeper_save, message);

	save->done(save);
}

static void keeper_save(struct keeper *keeper, struct keeper_save *save)
{
	CHECK(save->length <= KEEPER_BLOB_MAX && strlen(save->name) <= KEEPER_NAME_MAX);
	save->err = container_of(keeper, struct bed, keeper)->keeper_fails ? -EIO : 0;
	save->message.deliver = deliver;
	reactor_send(save->reactor, &save->message);
}

static const struct keeper_ops keeper_ops = { keeper_load, keeper_save };

/* ---- the bed -------------------------------------------------------------------------- */

static void join(struct bed *bed, unsigned who)
{
	static const char *const names[NEXUSES] = {
		"iqn.2026-11.test:a,i,0x000000000001",
		"iqn.2026-11.test:a,i,0x000000000002",
		"iqn.2026-11.test:b,i,0x000000000001",
	};
	struct scsi_nexus_config config = {
		.target = bed->target,
		.reactor = bed->reactor,
		.initiator_port = names[who],
		.target_port = who == 2 ? "t,t,0x0002" : "t,t,0x0001",
		.target_port_group = who == 2 ? 2 : 1,
	};

	CHECK(scsi_nexus_create(&config, &bed->nexus[who]) == 0);
}

/* Stay from input to input: to make them takes the machine long. */
static struct memory *the_memory;
static struct reactor *the_reactor;

static void make_machine(void)
{
	struct memory_config memory = { MEMORY_OFF, MEMORY_OFF };
	struct reactor_config reactor = { .cpu = -1,
					  .engine = ENGINE_EPOLL,
					  .arena_bytes = 8 << 20 };

	CHECK(memory_create(&memory, &the_memory) == 0);
	reactor.memory = the_memory;
	CHECK(reactor_create(&reactor, &the_reactor) == 0);
}

static void make(struct bed *bed)
{
	struct store_argument size = { "size", "128K" };
	struct store_config store = { .reactor_count = 1, .arguments = &size, .argument_count = 1 };
	struct scsi_lu_config lu = {
		.block_size = 512, .thin = true, .removable = true, .seed = "x"
	};
	struct store_error why;
	char error[100];

	bed->keeper.ops = &keeper_ops;
	if (the_memory == NULL)
		make_machine();
	bed->reactor = the_reactor;
	store.memory = the_memory;
	store.reactors = &bed->reactor;
	CHECK(store_open(store_kind("ram"), &store, &lu.store, &why) == 0);
	lu.keeper = &bed->keeper;
	CHECK(scsi_lu_create(&lu, &bed->lu, error, sizeof(error)) == 0);
	CHECK(scsi_target_create("t", &bed->target) == 0);
	CHECK(scsi_target_add(bed->target, 0, bed->lu) == 0);
	CHECK(scsi_target_add_port(bed->target, 1, "t,t,0x0001") == 0);
	CHECK(scsi_target_add_port(bed->target, 2, "t,t,0x0002") == 0);
	CHECK(scsi_target_set_alua(bed->target, SCSI_ALUA_BOTH, NULL, 0) == 0);
	for (unsigned i = 0; i < NEXUSES; i++)
		join(bed, i);
}

static void unmake(struct bed *bed)
{
	struct arena_info info;

	for (unsigned i = 0; i < NEXUSES; i++)
		scsi_nexus_destroy(bed->nexus[i]);
	/* Long jobs end in the reactor's turns. */
	for (unsigned i = 0; i < 10000 && atomic_load(&bed->lu->background) != 0; i++)
		reactor_turn(bed->reactor, 0);
	arena_get_info(reactor_arena(bed->reactor), &info);
	CHECK(info.free == info.bytes && info.waiters == 0);
	scsi_target_destroy(bed->target);
}

static void run(struct bed *bed, struct port_cmd *cmd, const uint8_t *header, const uint8_t *list,
		uint16_t length)
{
	unsigned who = (header[0] & WHO) % NEXUSES;

	if (header[0] & LEAVE) {
		scsi_nexus_destroy(bed->nexus[who]);
		join(bed, who);
	}
	bed->keeper_fails = header[0] & KEEPER_FAILS;
	cmd->list = list;
	cmd->list_length = length;
	cmd->fails_data = header[0] & NO_DATA;
	cmd->cmd.nexus = bed->nexus[who];
	cmd->cmd.port = &port_ops;
	memcpy(cmd->cmd.cdb, header + 1, 16);
	cmd->cmd.cdb_length = 16;
	cmd->cmd.writes = length != 0;
	cmd->cmd.data_out_available = length;
	cmd->cmd.reads = true;
	cmd->cmd.data_in_wanted = WANTED;
	scsi_command_received(&cmd->cmd);
	if (header[0] & ABORT)
		scsi_cmd_abort(&cmd->cmd);
	for (unsigned i = 0; cmd->completions == 0; i++) {
		CHECK(i < 100000);
		reactor_turn(bed->reactor, 0);
	}
	scsi_cmd_release(&cmd->cmd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bed bed = { .nexus = { NULL } };
	struct port_cmd *cmd;

	if (size == 0)
		return 0;
	bed.kept_length = min((size_t)data[0], size - 1);
	bed.kept = data + 1;
	data += 1 + bed.kept_length;
	size -= 1 + bed.kept_length;
	make(&bed);
	for (unsigned i = 0; i < COMMANDS_MAX && size >= HEADER; i++) {
		uint16_t length = min_t(uint16_t, get_be16(data + 17), LIST_MAX);

		length = min_t(uint16_t, length, min(size - HEADER, (size_t)LIST_MAX));
		cmd = calloc(1, sizeof(*cmd));
		CHECK(cmd != NULL);
		run(&bed, cmd, data, data + HEADER, length);
		free(cmd);
		data += HEADER + length;
		size -= HEADER + length;
	}
	unmake(&bed);
	return 0;
}
