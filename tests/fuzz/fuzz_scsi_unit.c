/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: the device server as a whole. Three I_T nexuses on two reactors, four logical
 * units (with protection information, thin and removable, read-only), and all that may befall
 * them: any command with a list that may be right, copies and ROD tokens, reservations, task
 * management, stores that hold and fail, deadlines, nexuses that are lost with commands still
 * in a store, memory that fails.
 *
 * An input: RECORD_HEAD bytes that shape the world, then records, each a step. With HONEST in
 * byte 0 each command is driven to its end before the next; then what was read, or has become
 * of the medium of LUN 0, is compared with what the command says.
 *
 * Afterwards each command has completed exactly once and nothing is left.
 */
#include "fuzz_port.h"
#include "fuzz_world.h"
#include "scsi/command.h"
#include "scsi/sense.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	STEPS_MAX = 300,
	NEXUSES = 3,
	COMMANDS = 48,
	LIST_MAX = 16384,
	LOST_MAX = 16,
	TOKEN = 512,
};

/* An LU's medium as READ and WRITE of LUN 0 see it. */
enum effect { NO_EFFECT, READS_MEDIUM, WRITES_MEDIUM, COMPARES, ORS, REPEATS, COPIES };

struct unit_cmd {
	struct port_cmd port;
	bool is_used;
	uint8_t *list; /* LIST_MAX bytes */
	enum effect effect;
	uint64_t lba, from;
	uint32_t blocks;
};

static struct fuzz {
	struct world world;
	struct records input;
	struct scsi_nexus *nexus[NEXUSES];
	struct scsi_nexus *lost[LOST_MAX];
	struct unit_cmd cmds[COMMANDS];
	uint8_t token[TOKEN];
	uint8_t copy; /* the list identifier of the last */
	uint8_t before[WORLD_BLOCKS * 512];
	unsigned functions; /* task management under way */
} f;

static bool is_honest(void)
{
	return (f.world.how & HONEST) != 0;
}

/* --- nexuses --- */

static void hear(void *context, uint64_t lun, const uint8_t *sense, uint8_t length)
{
	struct scsi_nexus **nexus = context;

	(void)lun;
	CHECK(*nexus != NULL && length >= 8 && (sense[0] & 0x7c) == 0x70);
}

static void join(unsigned who)
{
	static const char *const names[NEXUSES] = {
		"iqn.2026-11.test:a,i,0x000000000001",
		"iqn.2026-11.test:b,i,0x000000000001",
		"iqn.2026-11.test:a,i,0x000000000002",
	};
	struct scsi_nexus_config config = {
		.target = f.world.scsi,
		.reactor = f.world.machine->reactors[who % f.world.reactor_count],
		.initiator_port = names[who],
		.target_port = who == 2 ? "t,t,0x0002" : "t,t,0x0001",
		.target_port_group = who == 2 ? 2 : 1,
		.has_sam_functions = true,
		.event = who == 1 ? NULL : hear,
		.context = &f.nexus[who],
	};

	CHECK(scsi_nexus_create(&config, &f.nexus[who]) == 0);
}

static bool is_empty(const struct scsi_nexus *nexus)
{
	for (unsigned i = 0; i < COMMANDS; i++)
		if (f.cmds[i].is_used && f.cmds[i].port.cmd.nexus == nexus)
			return false;
	return true;
}

static void sweep_lost(void)
{
	for (unsigned i = 0; i < LOST_MAX; i++) {
		if (f.lost[i] == NULL || !is_empty(f.lost[i]))
			continue;
		scsi_nexus_destroy(f.lost[i]);
		f.lost[i] = NULL;
	}
}

static void abort_all_of(const struct scsi_nexus *nexus)
{
	for (unsigned i = 0; i < COMMANDS; i++)
		if (f.cmds[i].is_used && f.cmds[i].port.completions == 0 &&
		    (nexus == NULL || f.cmds[i].port.cmd.nexus == nexus))
			scsi_cmd_abort(&f.cmds[i].port.cmd);
}

static void release_completed(void)
{
	for (unsigned i = 0; i < COMMANDS; i++) {
		struct unit_cmd *cmd = &f.cmds[i];

		if (!cmd->is_used || cmd->port.completions == 0)
			continue;
		scsi_cmd_release(&cmd->port.cmd);
		free(cmd->list);
		memset(cmd, 0, sizeof(*cmd));
	}
	sweep_lost();
}

static void step_leave(const uint8_t *how)
{
	unsigned who = how[0] % NEXUSES, slot = 0;

	while (slot < LOST_MAX && f.lost[slot] != NULL)
		slot++;
	if (slot == LOST_MAX || f.functions != 0)
		return;
	abort_all_of(f.nexus[who]);
	/* Data that will not come any more. */
	for (unsigned i = 0; i < COMMANDS; i++)
		if (f.cmds[i].is_used && f.cmds[i].port.wants_data &&
		    f.cmds[i].port.cmd.nexus == f.nexus[who])
			port_terminate(&f.cmds[i].port.cmd);
	release_completed();
	if (is_empty(f.nexus[who])) {
		scsi_nexus_destroy(f.nexus[who]);
	} else {
		f.lost[slot] = f.nexus[who];
		scsi_nexus_lost(f.nexus[who]);
	}
	join(who);
}

/* --- driving --- */

static void turn(unsigned count)
{
	while (count-- != 0)
		world_turn(&f.world);
}

static void give_all_data(void)
{
	for (unsigned i = 0; i < COMMANDS; i++)
		if (f.cmds[i].is_used && f.cmds[i].port.wants_data)
			port_give_data(&f.cmds[i].port);
}

static void check_medium(const struct unit_cmd *cmd)
{
	const uint8_t *now = f.world.disks[0].region->base;
	const uint8_t *was = f.before + cmd->lba * 512;
	uint8_t expected[sizeof(f.before)];
	uint32_t bytes = cmd->blocks * 512;

	if (cmd->effect == NO_EFFECT || cmd->port.cmd.aborted)
		return;
	memcpy(expected, f.before, sizeof(expected));
	if (cmd->port.cmd.status != 0) {
		/* What is refused does nothing. */
		CHECK(memcmp(now, expected, sizeof(expected)) == 0);
		return;
	}
	CHECK(cmd->lba + cmd->blocks <= WORLD_BLOCKS);
	for (uint32_t i = 0; i < bytes; i++) {
		uint8_t *at = &expected[cmd->lba * 512 + i];

		if (cmd->effect == WRITES_MEDIUM)
			*at = cmd->list[i];
		else if (cmd->effect == ORS)
			*at |= cmd->list[i];
		else if (cmd->effect == REPEATS)
			*at = cmd->list[i % 512];
		else if (cmd->effect == COPIES)
			*at = f.before[cmd->from * 512 + i];
		else if (cmd->effect == COMPARES)
			CHECK(was[i] == cmd->list[i]);
		if (cmd->effect == COMPARES)
			*at = cmd->list[bytes + i];
	}
	CHECK(memcmp(now, expected, sizeof(expected)) == 0);
	if (cmd->effect != READS_MEDIUM)
		return;
	bytes = min(bytes, cmd->port.cmd.data_in_wanted);
	CHECK(cmd->port.cmd.data_in_length == bytes);
	extents_copy_out(&cmd->port.cmd.data, 0, expected, bytes);
	CHECK(memcmp(expected, was, bytes) == 0);
}

static void finish(struct unit_cmd *cmd)
{
	for (unsigned i = 0; cmd->port.completions == 0; i++) {
		CHECK(i < 20000);
		world_release(&f.world);
		give_all_data();
		turn(1);
		/* Another's ACA may keep it waiting for ever. */
		if (i == 2000)
			scsi_cmd_abort(&cmd->port.cmd);
	}
	check_medium(cmd);
	/* Odd numbers of blocks and short transfers are the business of others. */
	release_completed();
}

static struct unit_cmd *new_cmd(const uint8_t *how, unsigned lun)
{
	struct unit_cmd *cmd = NULL;

	for (unsigned i = 0; i < COMMANDS && cmd == NULL; i++)
		if (!f.cmds[i].is_used)
			cmd = &f.cmds[i];
	if (cmd == NULL)
		return NULL;
	cmd->is_used = true;
	cmd->list = calloc(1, LIST_MAX);
	cmd->port.list = cmd->list;
	cmd->port.list_length = LIST_MAX;
	cmd->port.cmd.nexus = f.nexus[(how[0] & 3) % NEXUSES];
	cmd->port.cmd.port = &port_ops;
	cmd->port.cmd.lun = (uint64_t)lun << 48;
	cmd->port.cmd.cdb_length = 16;
	cmd->port.cmd.attribute = how[0] & 0x80 ? how[0] >> 4 & 3 : SCSI_SIMPLE;
	cmd->port.cmd.private_data = how[0] & 0x40;
	cmd->port.holds_data = how[0] & 0x08;
	cmd->port.fails_data = (how[1] & 0x40) && !is_honest();
	return cmd;
}

/* OUT, IN: bytes that it may move. */
static void start(struct unit_cmd *cmd, uint32_t out, uint32_t in)
{
	if (cmd->port.cmd.cdb[0] == 0x7f)
		cmd->port.cmd.cdb_length = 32;
	cmd->port.cmd.writes = out != 0;
	cmd->port.cmd.data_out_available = min(out, (uint32_t)LIST_MAX);
	cmd->port.cmd.reads = in != 0;
	cmd->port.cmd.data_in_wanted = in;
	TRACE("  LUN %u %02x %02x %02x %02x .. out %u in %u\n", (unsigned)(cmd->port.cmd.lun >> 48),
	      cmd->port.cmd.cdb[0], cmd->port.cmd.cdb[1], cmd->port.cmd.cdb[2],
	      cmd->port.cmd.cdb[3], cmd->port.cmd.data_out_available, in);
	memcpy(f.before, f.world.disks[0].region->base, sizeof(f.before));
	world_shortage.is_armed = true;
	scsi_command_received(&cmd->port.cmd);
	world_shortage.is_armed = false;
	if (is_honest())
		finish(cmd);
}

/* Nobody is told any more that all is new. */
static void take_attentions(void)
{
	static const uint8_t how[RECORD];

	for (unsigned i = 0; i < NEXUSES * WORLD_LUNS * 2; i++) {
		struct unit_cmd *cmd = new_cmd(how, i % WORLD_LUNS);

		cmd->port.cmd.nexus = f.nexus[i / 2 / WORLD_LUNS];
		scsi_command_received(&cmd->port.cmd);
		CHECK(cmd->port.completions == 1);
		release_completed();
	}
}

/* --- commands that move blocks --- */

struct shape {
	uint8_t opcode, length;
	uint16_t action; /* of those with 32 bytes */
	enum effect effect;
};

static const struct shape shapes[] = {
	{ 0x28, 10, 0, READS_MEDIUM },   { 0x88, 16, 0, READS_MEDIUM },
	{ 0x7f, 32, 9, READS_MEDIUM },   { 0xa8, 12, 0, READS_MEDIUM },
	{ 0x2a, 10, 0, WRITES_MEDIUM },  { 0x8a, 16, 0, WRITES_MEDIUM },
	{ 0x7f, 32, 11, WRITES_MEDIUM }, { 0xaa, 12, 0, WRITES_MEDIUM },
	{ 0x2e, 10, 0, WRITES_MEDIUM },  { 0x8e, 16, 0, WRITES_MEDIUM },
	{ 0x89, 16, 0, COMPARES },       { 0x8b, 16, 0, ORS },
	{ 0x9c, 16, 0, WRITES_MEDIUM },  { 0x41, 10, 0, REPEATS },
	{ 0x93, 16, 0, REPEATS },        { 0x2f, 10, 0, NO_EFFECT },
	{ 0x8f, 16, 0, NO_EFFECT },      { 0x35, 10, 0, NO_EFFECT },
	{ 0x91, 16, 0, NO_EFFECT },      { 0x7f, 32, 13, REPEATS },
};

static void fill_cdb(uint8_t *cdb, const struct shape *shape, uint64_t lba, uint32_t blocks)
{
	cdb[0] = shape->opcode;
	switch (shape->length) {
	case 10:
		put_be32(cdb + 2, (uint32_t)lba);
		put_be16(cdb + 7, (uint16_t)blocks);
		break;
	case 12:
		put_be32(cdb + 2, (uint32_t)lba);
		put_be32(cdb + 6, blocks);
		break;
	case 32:
		cdb[7] = 0x18;
		put_be16(cdb + 8, shape->action);
		put_be64(cdb + 12, lba);
		put_be32(cdb + 28, blocks);
		break;
	default:
		put_be64(cdb + 2, lba);
		if (shape->opcode == 0x89)
			cdb[13] = (uint8_t)blocks;
		else if (shape->opcode == 0x9c)
			put_be16(cdb + 12, (uint16_t)blocks);
		else
			put_be32(cdb + 10, blocks);
	}
}

static void step_blocks(const uint8_t *how)
{
	const struct shape *shape = &shapes[how[2] % ARRAY_SIZE(shapes)];
	unsigned lun = how[5] % WORLD_LUNS, block = lun == 1 ? 4096 : 512;
	struct unit_cmd *cmd = new_cmd(how, lun);
	uint8_t *flags;
	uint32_t bytes;

	if (cmd == NULL)
		return;
	cmd->lba = how[3] % WORLD_BLOCKS;
	cmd->blocks = how[4] % (lun == 1 ? 4 : 16);
	fill_cdb(cmd->port.cmd.cdb, shape, cmd->lba, cmd->blocks);
	flags = &cmd->port.cmd.cdb[shape->length == 32 ? 10 : 1];
	/* Protection information, DPO, FUA, BYTCHK, UNMAP, NDOB: those that are defined. */
	*flags = how[6];
	if (shape->length != 32)
		*flags &= scsi_op_row(shape->opcode)->usage[1] | (lun == 2 ? 0xe0 : 0);
	memset(cmd->list, how[6] * 3 + how[3], LIST_MAX);
	if ((how[0] & 0x04) && cmd->lba < WORLD_BLOCKS)
		memcpy(cmd->list, f.world.disks[0].region->base + cmd->lba * 512,
		       min_t(size_t, 512u * cmd->blocks, (WORLD_BLOCKS - cmd->lba) * 512u));
	/* NUMBER OF LOGICAL BLOCKS 0 of WRITE SAME is all there are; data may be compared, not written. */
	if (lun == 0 && !(*flags & (shape->effect == REPEATS ? 0xeb : 0xe0)) &&
	    !(shape->effect == REPEATS && cmd->blocks == 0))
		cmd->effect = shape->effect;
	bytes = cmd->blocks * (block + (*flags & 0xe0 ? 8 : 0));
	if (shape->effect == COMPARES)
		bytes *= 2;
	else if (shape->effect == REPEATS)
		bytes = *flags & 1 ? 0 : block + (*flags & 0xe0 ? 8 : 0);
	if (shape->opcode == 0x35 || shape->opcode == 0x91 ||
	    (shape->effect == NO_EFFECT && !(*flags & 0x06)))
		bytes = 0;
	/* Less, or more, than it needs. */
	if (how[1] != 0 && !is_honest())
		bytes = how[1] * 64u;
	if (how[1] != 0)
		cmd->effect = NO_EFFECT;
	if (shape->effect == READS_MEDIUM)
		start(cmd, 0, bytes);
	else
		start(cmd, bytes, 0);
}

/* --- any command of the table --- */

/* The row of opcode CDB[0], or of the next that there is, and of its service action. */
static const struct scsi_op *find_op(uint8_t *cdb)
{
	const struct scsi_op *row;
	uint16_t action;

	while ((row = scsi_op_row(cdb[0])) == NULL)
		cdb[0]++;
	if (row->actions == NULL)
		return row;
	action = cdb[0] == 0x7f ? get_be16(cdb + 8) : cdb[1] & 0x1f;
	for (unsigned i = 0; i < row->action_count; i++)
		if (row->actions[i].action == action)
			return &row->actions[i];
	return &row->actions[action % row->action_count];
}

static void step_any(const uint8_t *how)
{
	struct unit_cmd *cmd = new_cmd(how, (how[5] & 7) % (WORLD_LUNS + 1));
	const struct scsi_op *op;
	uint8_t *cdb;

	if (cmd == NULL)
		return;
	cdb = cmd->port.cmd.cdb;
	records_take(&f.input, cdb, how[2] >= 0x20 && how[2] < 0x60 ? 10 : how[2] < 0x20 ? 6 : 32);
	cdb[0] = how[2];
	op = find_op(cdb);
	/* Big numbers are seldom meant. */
	if (how[5] & 0x08)
		memset(cdb + 2, 0, op->cdb_length == 16 ? 7 : op->cdb_length == 32 ? 0 : 3);
	if ((how[5] & 0x10) && op->length_at != 0)
		memset(cdb + op->length_at, 0, op->length_size - 1);
	for (unsigned i = 1; i < op->cdb_length && !(how[1] & 0x80); i++)
		cdb[i] &= op->usage[i];
	if (op->cdb_length == 32) {
		put_be16(cdb + 8, op->action);
		cdb[7] = 0x18;
	} else if (op->action != 0) {
		cdb[1] = (uint8_t)((cdb[1] & 0xe0) | op->action);
	}
	records_take(&f.input, cmd->list, how[3]);
	if ((how[5] & 0x20) && op->length_at != 0)
		cdb[op->length_at + op->length_size - 1] = how[3];
	if (op->flags & OP_DATA_OUT)
		start(cmd, how[4] & 0x80 ? (how[4] & 0x7f) * 128u : how[3], 0);
	else
		start(cmd, 0, how[6] * 64u);
}

/* --- commands with lists that are right --- */

static void put_cscd(uint8_t *at, unsigned lun)
{
	const struct scsi_lu *lu = f.world.lu[lun % WORLD_LUNS];

	at[0] = 0xe4;
	at[4] = 0x01;
	at[5] = 0x03;
	at[7] = lu->naa_length;
	memcpy(at + 8, lu->naa, lu->naa_length);
	put_be24(at + 29, lu->block_size);
}

/* Block to block, or with byte counts and offsets; its length. */
static unsigned put_segment(uint8_t *at, const uint8_t *how)
{
	bool is_bytes = how[6] & 1;

	at[0] = is_bytes ? 0x0a : 0x02;
	at[1] = how[0] & 3;
	put_be16(at + 2, is_bytes ? 0x1c : 0x18);
	put_be16(at + 4, how[1] & 3);
	put_be16(at + 6, how[2] & 3);
	put_be16(at + 10, is_bytes ? how[3] * 64 : how[3] & 31);
	put_be64(at + 12, how[4] & 127);
	put_be64(at + 20, how[5] & 127);
	put_be16(at + 28, is_bytes ? how[7] * 2 : 0);
	put_be16(at + 30, is_bytes ? how[6] * 2 : 0);
	return is_bytes ? 32 : 28;
}

/* What one copy within LUN 0 does to it; to blocks that it does not copy elsewhere, too. */
static void expect_copy(struct unit_cmd *cmd, const uint8_t *segment)
{
	cmd->from = get_be64(segment + 12);
	cmd->lba = get_be64(segment + 20);
	cmd->blocks = get_be16(segment + 10);
	if (segment[0] == 0x02 && segment[5] == 0 && segment[7] == 0 &&
	    max(cmd->from, cmd->lba) + cmd->blocks <= WORLD_BLOCKS &&
	    (cmd->from + cmd->blocks <= cmd->lba || cmd->lba + cmd->blocks <= cmd->from))
		cmd->effect = COPIES;
}

/* EXTENDED COPY between the logical units, LID1 or LID4. */
static void step_copy(const uint8_t *how)
{
	struct unit_cmd *cmd = new_cmd(how, how[5] % 3);
	bool is_lid4 = how[2] & 1;
	unsigned segments = how[3] & 3, header = is_lid4 ? 48 : 16, length = header + 96;
	uint8_t record[RECORD];
	uint8_t *list;

	if (cmd == NULL)
		return;
	list = cmd->list;
	f.copy = how[6];
	list[1] = how[4] & 0x38;
	for (unsigned i = 0; i < 3; i++)
		put_cscd(list + header + i * 32, i);
	for (unsigned i = 0; i < segments; i++) {
		records_take(&f.input, record, sizeof(record));
		length += put_segment(list + length, record);
	}
	if (is_lid4) {
		list[0] = 1;
		put_be16(list + 2, 0x20);
		list[15] = how[2] & 2 ? 0x01 : 0; /* IMMED */
		list[16] = 0xff;
		put_be32(list + 20, how[6]);
		put_be16(list + 42, 3 * 32);
		put_be16(list + 44, (uint16_t)(length - header - 96));
	} else {
		list[0] = how[6];
		put_be16(list + 2, 3 * 32);
		put_be32(list + 8, length - header - 96);
	}
	if (how[1] != 0)
		list[how[1] % length] ^= how[4];
	else if (segments == 1 && !(is_lid4 && list[15] != 0))
		expect_copy(cmd, list + header + 96);
	cmd->port.cmd.cdb[0] = 0x83;
	cmd->port.cmd.cdb[1] = is_lid4 ? 0x01 : 0x00;
	put_be32(cmd->port.cmd.cdb + 10, length);
	start(cmd, length, 0);
}

static void keep_token(struct unit_cmd *cmd)
{
	/* RECEIVE ROD TOKEN INFORMATION's token descriptor. */
	if (cmd->port.completions == 1 && cmd->port.cmd.status == 0 &&
	    cmd->port.cmd.data_in_length >= 32 + 6 + TOKEN)
		for (unsigned i = 0; i < 2; i++) {
			uint8_t bytes[32 + 32 + 6 + TOKEN];
			size_t len = min_t(size_t, sizeof(bytes), cmd->port.cmd.data_in_length);

			extents_copy_out(&cmd->port.cmd.data, 0, bytes, (uint32_t)len);
			memcpy(f.token, bytes + len - TOKEN, TOKEN);
		}
}

/* The ODX commands, one after the other. */
static void step_token(const uint8_t *how)
{
	struct unit_cmd *cmd = new_cmd(how, how[5] % 3);
	unsigned count = 1 + (how[3] & 1), header = how[2] & 1 ? 536 : 16, length;
	uint8_t *list;

	if (cmd == NULL)
		return;
	list = cmd->list;
	length = header + count * 16;
	if ((how[2] & 3) == 2) {
		cmd->port.cmd.cdb[0] = 0x84;
		cmd->port.cmd.cdb[1] = 0x07;
		put_be32(cmd->port.cmd.cdb + 2, how[6] & 7);
		put_be32(cmd->port.cmd.cdb + 10, 1024);
		cmd->port.cmd.reads = true;
		cmd->port.cmd.data_in_wanted = 1024;
		world_shortage.is_armed = true;
		scsi_command_received(&cmd->port.cmd);
		world_shortage.is_armed = false;
		turn(1);
		keep_token(cmd);
		return;
	}
	cmd->port.cmd.cdb[0] = 0x83;
	cmd->port.cmd.cdb[1] = how[2] & 1 ? 0x11 : 0x10;
	put_be32(cmd->port.cmd.cdb + 6, how[6] & 7); /* LIST IDENTIFIER */
	put_be32(cmd->port.cmd.cdb + 10, length);
	put_be16(list, (uint16_t)(length - 2));
	list[2] = how[4] & 3; /* IMMED, DEL_TKN or RTV */
	if (how[2] & 1)
		memcpy(list + 16, f.token, TOKEN);
	put_be16(list + header - 2, (uint16_t)(count * 16));
	for (unsigned i = 0; i < count; i++) {
		put_be64(list + header + i * 16, (how[3] >> 1) % 64u + i * 16);
		put_be32(list + header + i * 16 + 8, how[4] >> 2 & 15);
	}
	if (how[1] != 0)
		list[how[1] * 2 % length] ^= how[4];
	start(cmd, length, 0);
}

static void step_unmap(const uint8_t *how)
{
	struct unit_cmd *cmd = new_cmd(how, 1);
	unsigned count = how[2] & 3;

	if (cmd == NULL)
		return;
	cmd->port.cmd.cdb[0] = 0x42;
	cmd->port.cmd.cdb[1] = how[1] & 1;
	put_be16(cmd->port.cmd.cdb + 7, (uint16_t)(8 + count * 16));
	put_be16(cmd->list, (uint16_t)(6 + count * 16));
	put_be16(cmd->list + 2, (uint16_t)(count * 16));
	for (unsigned i = 0; i < count; i++) {
		put_be64(cmd->list + 8 + i * 16, (how[3] + i * how[4]) & 63);
		put_be32(cmd->list + 16 + i * 16, how[5] & 15);
	}
	start(cmd, 8 + count * 16, 0);
}

static void step_reserve(const uint8_t *how)
{
	struct unit_cmd *cmd = new_cmd(how, how[5] % 3);
	uint8_t action = how[2] % 9;

	if (cmd == NULL)
		return;
	cmd->port.cmd.cdb[0] = 0x5f;
	cmd->port.cmd.cdb[1] = action;
	cmd->port.cmd.cdb[2] = how[3] & 0x0f;
	put_be32(cmd->port.cmd.cdb + 5, 24);
	put_be64(cmd->list, how[4] & 3);
	put_be64(cmd->list + 8, how[4] >> 2 & 3);
	cmd->list[20] = how[6] & 0x0d;
	if (action == 7) {
		/* REGISTER AND MOVE: its own form. */
		cmd->list[17] = how[6] & 3;
		put_be16(cmd->list + 18, how[3] >> 4 & 3);
	}
	start(cmd, 24, 0);
}

static void step_mode(const uint8_t *how)
{
	static const uint8_t heads[][3] = { { 0x08, 0x12 }, { 0x0a, 0x0a }, { 0x01, 0x0a },
					    { 0x02, 0x0e }, { 0x1c, 0x0a }, { 0x1a, 0x26 },
					    { 0x07, 0x0a } };
	const uint8_t *head = heads[how[2] % ARRAY_SIZE(heads)];
	struct unit_cmd *cmd = new_cmd(how, how[5] % 3);

	if (cmd == NULL)
		return;
	cmd->port.cmd.cdb[0] = 0x15;
	cmd->port.cmd.cdb[1] = (uint8_t)(0x10 | (how[3] & 1));
	cmd->port.cmd.cdb[4] = (uint8_t)(4 + 2 + head[1]);
	cmd->list[4] = head[0];
	cmd->list[5] = head[1];
	records_take(&f.input, cmd->list + 6, 8);
	start(cmd, 4 + 2 + head[1], 0);
}

/* FORMAT UNIT, SANITIZE, self-tests: what goes on for long. Not with LUN 0, which is compared. */
static void step_job(const uint8_t *how)
{
	struct unit_cmd *cmd = new_cmd(how, 1 + how[5] % (WORLD_LUNS - 1));
	uint8_t *cdb, *list, pattern = how[6] & 7;
	uint32_t length = 0;

	if (cmd == NULL)
		return;
	cdb = cmd->port.cmd.cdb;
	list = cmd->list;
	memset(list, how[6], LIST_MAX);
	memset(list, 0, 8);
	switch (how[2] & 3) {
	case 0:
		cdb[0] = 0x04;
		cdb[1] = 0x10 | (how[3] & 0xc8);
		list[1] = how[4] & 0x8a; /* FOV, IP, IMMED */
		list[4] = how[3] & 0x20;
		list[5] = pattern != 0;
		list[7] = pattern;
		length = list[1] & 0x08 ? 8 + pattern : 4;
		break;
	case 1:
		cdb[0] = 0x48;
		cdb[1] = 0x01 | (how[3] & 0xa0); /* OVERWRITE */
		list[0] = how[4] & 0x83;
		list[3] = pattern;
		length = 4 + pattern;
		put_be16(cdb + 7, (uint16_t)length);
		break;
	case 2:
		cdb[0] = 0x48;
		cdb[1] = (uint8_t)((how[3] & 0xa0) | (how[4] & 1 ? 0x02 : 0x1f));
		break;
	default:
		cdb[0] = 0x1d;
		cdb[1] = how[4] & 0xe4;
		break;
	}
	if (how[1] != 0 && length != 0)
		list[how[1] % length] ^= how[4];
	start(cmd, length, 0);
}

/* What commands that were before have left to be asked for. */
static void step_tell(const uint8_t *how)
{
	static const uint8_t actions[] = { 0, 1, 3, 4, 5, 6 };
	struct unit_cmd *cmd = new_cmd(how, how[5] % WORLD_LUNS);
	uint8_t *cdb, action = actions[how[3] % ARRAY_SIZE(actions)];

	if (cmd == NULL)
		return;
	cdb = cmd->port.cmd.cdb;
	if (how[2] & 1) {
		cdb[0] = 0x84;
		cdb[1] = action;
		if (action >= 5)
			put_be32(cdb + 2, f.copy);
		else
			cdb[2] = f.copy;
		put_be32(cdb + 10, how[6] * 8u);
	} else {
		cdb[0] = 0x4d;
		cdb[2] = (uint8_t)(0x40 | (how[3] & 0x3f));
		cdb[3] = how[4] & 1;
		put_be16(cdb + 7, how[6] * 8u);
	}
	start(cmd, 0, how[6] * 8u);
}

/* --- what happens besides --- */

static void function_done(struct scsi_tmf_request *request)
{
	CHECK(f.functions != 0);
	f.functions--;
	free(request);
}

static void step_management(const uint8_t *how)
{
	static const enum scsi_tmf functions[] = {
		SCSI_TMF_LOGICAL_UNIT_RESET,       SCSI_TMF_TARGET_RESET,
		SCSI_TMF_I_T_NEXUS_RESET,          SCSI_TMF_CLEAR_ACA,
		SCSI_TMF_QUERY_ASYNCHRONOUS_EVENT,
	};
	struct scsi_tmf_request *request = calloc(1, sizeof(*request));

	request->nexus = f.nexus[(how[0] & 3) % NEXUSES];
	request->function = functions[how[2] % ARRAY_SIZE(functions)];
	request->lun = (uint64_t)(how[5] & 7) << 48;
	request->done = function_done;
	f.functions++;
	/* Its own commands are the port's to abort. */
	if (request->function != SCSI_TMF_CLEAR_ACA &&
	    request->function != SCSI_TMF_QUERY_ASYNCHRONOUS_EVENT)
		abort_all_of(request->nexus);
	world_shortage.is_armed = true;
	scsi_task_management(request);
	world_shortage.is_armed = false;
}

static void step_world(const uint8_t *how)
{
	struct world_disk *disk = &f.world.disks[how[2] % WORLD_LUNS];

	switch (how[3] & 7) {
	case 0:
		disk->holds = true;
		break;
	case 1:
		world_release(&f.world);
		break;
	case 2:
		world_release_one(disk, how[4] & 7);
		break;
	case 3:
		disk->fails = !is_honest();
		break;
	case 4:
		disk->fails = false;
		break;
	case 5:
		world_pass(&f.world, how[4] * 16u);
		turn(2);
		break;
	case 6:
		world_shortage.in = how[4];
		world_shortage.times = is_honest() ? 0 : 1 + (how[5] & 3);
		break;
	default:
		scsi_target_change_group(f.world.scsi, 1 + (how[4] & 1), how[5] % 5);
		break;
	}
}

static void one_step(void)
{
	uint8_t record[RECORD];
	const uint8_t *how = records_step(&f.input, record);

	switch (record[0] & 31) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
	case 5:
	case 6:
	case 7:
		step_blocks(how);
		break;
	case 8:
	case 9:
	case 10:
	case 11:
	case 12:
		step_any(how);
		break;
	case 13:
	case 14:
	case 15:
		step_copy(how);
		break;
	case 16:
	case 17:
	case 18:
		step_token(how);
		break;
	case 19:
		step_unmap(how);
		break;
	case 20:
	case 21:
		step_reserve(how);
		break;
	case 22:
		step_mode(how);
		break;
	case 23:
		step_management(how);
		break;
	case 24:
		if (f.cmds[how[2] % COMMANDS].is_used &&
		    f.cmds[how[2] % COMMANDS].port.completions == 0)
			scsi_cmd_abort(&f.cmds[how[2] % COMMANDS].port.cmd);
		break;
	case 25:
	case 26:
	case 27:
		step_world(how);
		break;
	case 28:
		step_leave(how);
		break;
	case 29:
		give_all_data();
		break;
	case 30:
		step_job(how);
		break;
	default:
		if (how[2] & 2)
			world_administer(&f.world, how[3] & 1);
		else
			step_tell(how);
		break;
	}
	if (record[0] < 0xc0)
		turn(1 + (record[0] >> 5));
	release_completed();
}

/* --- one input --- */

static bool is_over(void)
{
	for (unsigned i = 0; i < COMMANDS; i++)
		if (f.cmds[i].is_used)
			return false;
	return f.functions == 0;
}

static void settle(void)
{
	world_shortage.times = 0;
	for (unsigned i = 0; i < WORLD_LUNS; i++)
		f.world.disks[i].fails = false;
	for (unsigned i = 0; i < 20000 && (!is_over() || !world_is_idle(&f.world)); i++) {
		world_release(&f.world);
		give_all_data();
		turn(1);
		release_completed();
		if (i == 500)
			abort_all_of(NULL);
		if (i % 64 == 63)
			world_pass(&f.world, 1000);
	}
	CHECK(is_over());
	for (unsigned i = 0; i < NEXUSES; i++)
		scsi_nexus_destroy(f.nexus[i]);
	for (unsigned i = 0; i < 4000; i++) {
		world_release(&f.world);
		turn(1);
		if (i > 8 && world_is_idle(&f.world))
			break;
	}
	turn(8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct scsi_group_config groups[] = { { 2, SCSI_ACCESS_NON_OPTIMIZED,
							     false } };
	uint8_t head[RECORD_HEAD];

	memset(&f, 0, sizeof(f));
	f.input = (struct records){ data, size };
	records_take(&f.input, head, sizeof(head));
	world_make_scsi(&f.world, head);
	CHECK(scsi_target_add_port(f.world.scsi, 1, "t,t,0x0001") == 0);
	CHECK(scsi_target_add_port(f.world.scsi, 2, "t,t,0x0002") == 0);
	if (f.world.how & HAS_ALUA)
		CHECK(scsi_target_set_alua(f.world.scsi, SCSI_ALUA_BOTH, groups, 1) == 0);
	for (unsigned i = 0; i < NEXUSES; i++)
		join(i);
	if (!(head[4] & 1))
		take_attentions();
	for (unsigned steps = 0; f.input.left != 0 && steps < STEPS_MAX; steps++)
		one_step();
	settle();
	world_end_scsi(&f.world);
	return 0;
}
