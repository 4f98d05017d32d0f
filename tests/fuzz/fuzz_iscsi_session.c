/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole sessions: an initiator with up to four connections that keeps its own books of
 * numbers, tags, digests and data, and does what the input says. An input: RECORD_HEAD
 * bytes that shape the world, then records, each a step: log in (also with CHAP,
 * into a session, in place of a connection), read, write, any other CDB, answer R2Ts, SNACK,
 * task management with TASK REASSIGN, text, logout, loss of a path; the disks hold, fail and
 * go on in any order, time passes, memory fails.
 *
 * What is checked beside what sanitizers see: each PDU's form, length and digests; StatSN
 * without a hole; R2Ts and Data-In within what was agreed on. An honest initiator (byte 0)
 * also gets no Reject, loses no connection, has each command answered exactly once, reads
 * what it wrote, and finds the medium so at the end. Afterwards nothing is left.
 */
#include "fuzz_iscsi_initiator.h"
#include "fuzz_records.h"
#include "scsi/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS_MAX = 400 };

/* --- commands --- */

/* Whether it can be used; who is not honest uses it although it has logged out. */
static bool is_usable(const struct wire *wire)
{
	return wire->loop != NULL && wire->is_full && !loop_is_gone(wire->loop) &&
	       !(wire->is_leaving && (f.world.scsi.how & HONEST));
}

static struct wire *live_wire(uint8_t which)
{
	for (unsigned i = 0; i < WIRES; i++) {
		struct wire *wire = &f.wires[(which + i) % WIRES];

		if (is_usable(wire) && !wire->session->is_discovery)
			return wire;
	}
	return NULL;
}

static void send_data_out(struct task *task, uint32_t ttt, uint32_t offset, uint32_t length,
			  const uint8_t *how)
{
	struct wire *wire = task->wire;
	uint32_t segment = 512u << (how[0] & 3), data_sn = 0;

	for (uint32_t at = 0; at < length; at += segment) {
		uint32_t piece = min(segment, length - at);
		struct bhs bhs;

		begin(&bhs, wire, ISCSI_OPCODE_DATA_OUT,
		      at + piece == length ? ISCSI_FLAG_FINAL : 0);
		put_be64(bhs.raw + BHS_AT_LUN, task->lun);
		put_be32(bhs.raw + BHS_AT_ITT, task->itt);
		put_be32(bhs.raw + BHS_AT_TTT, ttt);
		put_be32(bhs.raw + BHS_AT_DATA_SN, data_sn++ + (how[1] == 1));
		put_be32(bhs.raw + BHS_AT_BUFFER_OFFSET, offset + at + (how[1] == 2 ? 512 : 0));
		bhs.raw[1] ^= how[1] == 3 ? 0x80 : 0;
		/* Lost. */
		if (how[1] == 5)
			continue;
		send_pdu(wire, &bhs, NULL, task->out + offset + at, piece,
			 how[1] == 4 ? WRONG_DATA : 0);
	}
}

/* How a command goes against the rules, and what then is no longer to be expected. */
static uint8_t deviation(struct session *session, uint8_t wish)
{
	if ((f.world.scsi.how & HONEST) || wish == 0)
		return 0;
	session->is_wild = true;
	return wish;
}

static void send_command(struct task *task, const uint8_t *cdb, const void *ahs, uint8_t flags,
			 const uint8_t *how)
{
	struct wire *wire = task->wire;
	struct session *session = task->session;
	uint32_t first = min(session->first_burst, task->expected), immediate = 0;
	static const uint8_t right[2] = { 1, 0 };
	bool more = false;
	uint8_t wrong = deviation(session, how[1]);
	struct bhs bhs;

	if ((flags & ISCSI_SCSI_COMMAND_WRITE) && session->immediate_data && (how[0] & 4))
		immediate = min(first, 512u << (how[0] & 3));
	if ((flags & ISCSI_SCSI_COMMAND_WRITE) && !session->initial_r2t && (how[0] & 8))
		more = immediate < first;
	begin(&bhs, wire, ISCSI_OPCODE_SCSI_COMMAND,
	      (uint8_t)(flags | (more ? 0 : ISCSI_FLAG_FINAL)));
	if (cdb[0] == 0x7f && ahs != NULL)
		bhs_set_ahs_len(&bhs, 20);
	put_be64(bhs.raw + BHS_AT_LUN, task->lun);
	put_be32(bhs.raw + BHS_AT_ITT, task->itt);
	put_be32(bhs.raw + 20, task->expected);
	memcpy(bhs.raw + BHS_AT_CDB, cdb, BHS_CDB_LEN);
	task->cmd_sn = session->cmd_sn++;
	put_be32(bhs.raw + BHS_AT_CMD_SN, task->cmd_sn);
	if (wrong & 1)
		put_be32(bhs.raw + BHS_AT_CMD_SN, task->cmd_sn + (wrong >> 4));
	if (wrong & 2)
		put_be32(bhs.raw + BHS_AT_ITT, task->itt - 1);
	if (wrong & 4)
		bhs.raw[0] |= ISCSI_FLAG_IMMEDIATE;
	if (wrong & 8)
		bhs.raw[1] ^= wrong & 0xf0;
	send_pdu(wire, &bhs, ahs, task->out, immediate,
		 wrong == 0x10   ? WRONG_DATA
		 : wrong == 0x20 ? WRONG_HEADER
				 : 0);
	if (more)
		send_data_out(task, ISCSI_TAG_NONE, immediate, first - immediate,
			      wrong ? how + 4 : right);
}

static void step_read(struct wire *wire, const uint8_t *how)
{
	struct task *task = new_task(wire, READ);
	uint8_t cdb[32] = { how[2] & 1 ? 0x88 : 0x28 };

	if (task == NULL)
		return;
	task->lba = how[3] % WORLD_BLOCKS;
	task->blocks = min(1 + how[4] % 32, WORLD_BLOCKS - task->lba);
	/* More than the CDB says leaves a residual. */
	task->expected = task->blocks * 512u + (how[2] & 0x20 ? 1024 : 0);
	task->in = calloc(1, TRANSFER_MAX);
	task->versions = f.version;
	if (cdb[0] == 0x88) {
		put_be64(cdb + 2, task->lba);
		put_be32(cdb + 10, task->blocks);
	} else {
		put_be32(cdb + 2, task->lba);
		put_be16(cdb + 7, task->blocks);
	}
	send_command(task, cdb, NULL, ISCSI_SCSI_COMMAND_READ | (how[2] >> 1) % 4, how);
}

static void step_write(struct wire *wire, const uint8_t *how)
{
	struct task *task = new_task(wire, WRITE);
	uint8_t cdb[32] = { how[2] & 1 ? 0x8a : how[2] & 8 ? 0x2e : 0x2a };

	if (task == NULL)
		return;
	task->lba = how[3] % WORLD_BLOCKS;
	task->blocks = min(1 + how[4] % 32, WORLD_BLOCKS - task->lba);
	task->expected = task->blocks * 512u + (how[2] & 0x20 ? 1024 : 0);
	task->value = ++f.value;
	task->out = malloc(TRANSFER_MAX);
	memset(task->out, task->value, TRANSFER_MAX);
	if (cdb[0] == 0x8a) {
		put_be64(cdb + 2, task->lba);
		put_be32(cdb + 10, task->blocks);
	} else {
		put_be32(cdb + 2, task->lba);
		put_be16(cdb + 7, task->blocks);
	}
	if (how[2] & 16 && cdb[0] != 0x2e)
		cdb[1] = 0x08;
	write_begins(task);
	send_command(task, cdb, NULL, ISCSI_SCSI_COMMAND_WRITE | (how[2] >> 1) % 4, how);
}

/* Those bits of a CDB that its command has; big numbers are seldom meant. */
static const struct scsi_op *shape_cdb(uint8_t *cdb, uint8_t shape)
{
	const struct scsi_op *op = scsi_op_row(cdb[0]);
	uint8_t opcode = cdb[0];

	if (op != NULL && op->actions != NULL)
		op = &op->actions[cdb[1] % op->action_count];
	if (op == NULL)
		return NULL;
	if (shape & 1)
		memset(cdb + 2, 0, op->cdb_length == 16 ? 7 : op->cdb_length == 32 ? 0 : 3);
	if ((shape & 2) && op->length_at != 0)
		memset(cdb + op->length_at, 0, op->length_size - 1);
	for (unsigned i = 0; i < op->cdb_length; i++)
		cdb[i] &= op->usage[i];
	cdb[0] = opcode;
	if (op->cdb_length == 32) {
		put_be16(cdb + 8, op->action);
		cdb[7] = 0x18;
	} else if (op->action != 0) {
		cdb[1] = (uint8_t)((cdb[1] & 0xe0) | op->action);
	}
	/* ACA is a state that nobody else gets out of. */
	if (f.world.scsi.how & HONEST)
		cdb[op->cdb_length == 6    ? 5
		    : op->cdb_length == 10 ? 9
		    : op->cdb_length == 12 ? 11
		    : op->cdb_length == 32 ? 1
					   : 15] &= (uint8_t)~4;
	return op;
}

/* Any command: a CDB, and a parameter list that follows in the input. LUN 0 is not touched. */
static void step_other(struct wire *wire, const uint8_t *how)
{
	struct task *task;
	uint8_t cdb[32], ahs[20] = { 0, 17, 1 };
	const struct scsi_op *op;
	uint8_t flags = how[2] >> 6;
	uint32_t list = how[4];

	records_take(&f.input, cdb, sizeof(cdb));
	op = shape_cdb(cdb, how[5]);
	task = new_task(wire, OTHER);
	if (task == NULL)
		return;
	task->lun = (uint64_t)(1 + how[3] % (WORLD_LUNS - 1)) << 48;
	if (how[3] >= 0xf8 && !(f.world.scsi.how & HONEST))
		task->lun = (uint64_t)(how[3] & 7) << 48;
	if (op != NULL && (op->flags & OP_DATA_OUT)) {
		flags |= ISCSI_SCSI_COMMAND_WRITE;
		task->out = calloc(1, TRANSFER_MAX);
		records_take(&f.input, task->out, list);
		task->expected = how[5] & 4 ? how[6] * 128u : list;
	} else if (how[5] & 8) {
		flags |= ISCSI_SCSI_COMMAND_READ;
		task->expected = how[6] * 128u;
	} else {
		flags |= ISCSI_SCSI_COMMAND_READ;
		task->expected = 4096;
	}
	memcpy(ahs + 4, cdb + 16, 16);
	send_command(task, cdb, cdb[0] == 0x7f ? ahs : NULL, flags, how);
}

static void step_command(unsigned which, const uint8_t *how)
{
	struct wire *wire = live_wire(how[0] >> 6);

	if (wire == NULL)
		return;
	if (!has_room(wire->session) && deviation(wire->session, how[1] & 0x80) == 0)
		return;
	if (which == READ)
		step_read(wire, how);
	else if (which == WRITE)
		step_write(wire, how);
	else
		step_other(wire, how);
}

/* Answers what has been asked for, the first of it WRONG in some way. */
static void step_data(const uint8_t *how)
{
	for (unsigned i = 0; i < TASKS; i++) {
		struct task *task = &f.tasks[i];
		uint8_t really[2] = { how[0], 0 };

		if (task->kind == NONE || task->out == NULL || task->r2t_count == 0 ||
		    task->wire == NULL || !task->wire->is_full || task->wire->loop == NULL)
			continue;
		really[1] = deviation(task->session, how[1] & 7);
		for (unsigned j = 0; j < task->r2t_count; j++)
			send_data_out(task, task->r2ts[j].ttt, task->r2ts[j].offset,
				      task->r2ts[j].length, really);
		task->r2t_count = 0;
		if (really[1] != 0)
			return;
	}
}

/* --- what else an initiator says --- */

static void vanish(const struct session *session, const struct task *only)
{
	for (unsigned i = 0; i < TASKS; i++)
		if (f.tasks[i].kind != NONE && (session == NULL || f.tasks[i].session == session) &&
		    (only == NULL || only == &f.tasks[i]))
			f.tasks[i].may_vanish = true;
}

static void step_management(const uint8_t *how)
{
	struct wire *wire = live_wire(how[0] >> 6);
	uint8_t function = 1 + how[2] % 13;
	struct task *task;
	struct bhs bhs;

	if (wire == NULL || (!(how[0] & 1) && !has_room(wire->session)))
		return;
	task = pick_task(wire->session, how[3]);
	begin(&bhs, wire,
	      (uint8_t)(ISCSI_OPCODE_TASK_MANAGEMENT_REQUEST |
			(how[0] & 1 ? ISCSI_FLAG_IMMEDIATE : 0)),
	      ISCSI_FLAG_FINAL | function);
	put_be64(bhs.raw + BHS_AT_LUN, task != NULL ? task->lun : (uint64_t)(how[4] & 7) << 48);
	put_be32(bhs.raw + BHS_AT_ITT, wire->session->itt++);
	put_be32(bhs.raw + BHS_AT_TTT, ISCSI_TAG_NONE);
	if (task != NULL) {
		put_be32(bhs.raw + BHS_AT_TTT, task->itt);
		put_be32(bhs.raw + 32, task->cmd_sn);
	}
	if (function == ISCSI_TMF_TASK_REASSIGN && task != NULL) {
		if (wire->session->level == 2 && task->wire == NULL)
			task->wire = wire;
		put_be32(bhs.raw + 36, how[4] & 3);
	}
	if (function == ISCSI_TMF_ABORT_TASK)
		vanish(wire->session, task);
	else
		vanish(NULL, NULL);
	if (function == ISCSI_TMF_TARGET_COLD_RESET)
		expect_end(NULL);
	f.functions++;
	send_numbered(wire, &bhs, NULL, 0);
}

static void step_snack(const uint8_t *how)
{
	struct wire *wire = live_wire(how[0] >> 6);
	uint8_t type = how[2] & 3;
	struct task *task;
	struct bhs bhs;

	if (wire == NULL || (wire->session->level == 0 && (f.world.scsi.how & HONEST)))
		return;
	task = pick_task(wire->session, how[3]);
	begin(&bhs, wire, ISCSI_OPCODE_SNACK_REQUEST, ISCSI_FLAG_FINAL | type);
	put_be32(bhs.raw + BHS_AT_ITT, ISCSI_TAG_NONE);
	put_be32(bhs.raw + BHS_AT_TTT, how[2] & 4 ? wire->last_ttt : ISCSI_TAG_NONE);
	put_be32(bhs.raw + 40, how[4] & 15);
	put_be32(bhs.raw + 44, how[5] & 7);
	if (type == ISCSI_SNACK_STATUS)
		put_be32(bhs.raw + 40, wire->stat_sn - (how[4] & 15));
	else if (task != NULL && type != ISCSI_SNACK_DATA_ACK)
		put_be32(bhs.raw + BHS_AT_ITT, task->itt);
	send_pdu(wire, &bhs, NULL, NULL, 0, 0);
}

static void step_text(const uint8_t *how)
{
	static const char *const texts[] = {
		"SendTargets=",
		"SendTargets=All",
		"MaxRecvDataSegmentLength=8192",
		"X-org.example.thing=1",
		"SendTargets=iqn.2026-11.io.pinion:disk",
		"TargetAlias=a",
		"Nonsense=No",
		"HeaderDigest=CRC32C",
	};
	struct wire *wire = &f.wires[how[0] >> 6];
	const char *text = texts[how[2] & ((f.world.scsi.how & HONEST) ? 0 : 7)];
	struct bhs bhs;

	if (!is_usable(wire) || !has_room(wire->session))
		return;
	/* 512 bytes there are already: it is not what is checked against. */
	if ((how[2] & 7) == 2 && wire->segment_max != SEGMENT_MAX)
		return;
	begin(&bhs, wire, ISCSI_OPCODE_TEXT_REQUEST, ISCSI_FLAG_FINAL);
	if (deviation(wire->session, how[1] & 3) != 0)
		bhs.raw[1] = (uint8_t)((how[1] & 1 ? 0 : 0x80) | (how[1] & 2 ? 0x40 : 0));
	put_be32(bhs.raw + BHS_AT_ITT, how[2] & 8 ? 5 : wire->session->itt++);
	put_be32(bhs.raw + BHS_AT_TTT, how[2] & 16 ? wire->text_ttt : ISCSI_TAG_NONE);
	if (how[2] & 16)
		wire->session->is_wild = true;
	send_numbered(wire, &bhs, text, (uint32_t)strlen(text) + 1);
}

static void step_nop(const uint8_t *how)
{
	static const uint8_t data[4096];
	struct wire *wire = live_wire(how[0] >> 6);
	struct bhs bhs;

	if (wire == NULL || !has_room(wire->session))
		return;
	begin(&bhs, wire,
	      how[0] & 1 ? ISCSI_OPCODE_NOP_OUT | ISCSI_FLAG_IMMEDIATE : ISCSI_OPCODE_NOP_OUT,
	      ISCSI_FLAG_FINAL);
	put_be32(bhs.raw + BHS_AT_ITT, wire->session->itt++);
	put_be32(bhs.raw + BHS_AT_TTT, ISCSI_TAG_NONE);
	send_numbered(wire, &bhs, data, how[2] * 16u);
}

static void step_logout(const uint8_t *how)
{
	struct wire *wire = &f.wires[how[0] >> 6];
	uint8_t reason = how[2] & 3;
	struct bhs bhs;

	if (!is_usable(wire) || !has_room(wire->session) ||
	    ((f.world.scsi.how & HONEST) && reason == 3))
		return;
	begin(&bhs, wire,
	      (uint8_t)(ISCSI_OPCODE_LOGOUT_REQUEST | (how[0] & 1 ? ISCSI_FLAG_IMMEDIATE : 0)),
	      ISCSI_FLAG_FINAL | reason);
	put_be32(bhs.raw + BHS_AT_ITT, wire->session->itt++);
	put_be16(bhs.raw + 20, how[2] & 4 ? (how[3] & 3) : wire->cid);
	for (unsigned i = 0; i < WIRES; i++)
		if (f.wires[i].session == wire->session &&
		    (reason == 0 || f.wires[i].cid == get_be16(bhs.raw + 20)))
			f.wires[i].is_leaving = true;
	expect_end(wire->session);
	vanish(wire->session, NULL);
	send_numbered(wire, &bhs, NULL, 0);
}

/* Any header, with what is right where the input asks for it, and digests that are right. */
static void step_header(const uint8_t *how)
{
	static const uint8_t data[1024];
	struct wire *wire = live_wire(how[0] >> 6);
	struct task *task;
	struct bhs bhs;

	records_take(&f.input, bhs.raw, BHS_LEN);
	if (wire == NULL || (f.world.scsi.how & HONEST))
		return;
	wire->session->is_wild = true;
	task = pick_task(wire->session, how[3]);
	bhs.raw[4] = 0;
	if ((how[2] & 1) && task != NULL)
		put_be32(bhs.raw + BHS_AT_ITT, task->itt);
	if (how[2] & 2)
		put_be32(bhs.raw + BHS_AT_TTT, wire->last_ttt);
	if (how[2] & 4)
		put_be32(bhs.raw + BHS_AT_CMD_SN, wire->session->cmd_sn++);
	if (how[2] & 8)
		put_be32(bhs.raw + BHS_AT_EXP_STAT_SN, wire->stat_sn);
	if (how[2] & 16)
		put_be64(bhs.raw + BHS_AT_LUN, (uint64_t)(how[4] & 3) << 48);
	send_pdu(wire, &bhs, NULL, data, how[5] * 4u,
		 how[2] & 0x80 ? how[6] & (WRONG_HEADER | WRONG_DATA) : 0);
}

/* --- what happens to the world --- */

static void step_world(const uint8_t *how)
{
	struct world_disk *disk = &f.world.scsi.disks[how[2] % WORLD_LUNS];

	switch (how[1] & 7) {
	case 0:
		disk->holds = true;
		break;
	case 1:
		world_release(&f.world.scsi);
		break;
	case 2:
		world_release_one(disk, how[3] & 7);
		break;
	case 3:
		disk->fails = true;
		break;
	case 4:
		disk->fails = false;
		break;
	case 5:
		/* An honest initiator answers pings in time. */
		for (unsigned i = 0; i < 1u + how[3] % 8; i++) {
			world_pass(&f.world.scsi, how[4] * 5u);
			turn(4);
		}
		break;
	case 6:
		world_shortage.in = how[3];
		world_shortage.times = 1 + (how[4] & 3);
		break;
	default:
		turn(how[3] & 15);
		break;
	}
}

static void step_path(const uint8_t *how)
{
	struct wire *wire = &f.wires[how[0] >> 6];

	if (wire->loop == NULL || loop_is_gone(wire->loop))
		return;
	switch (how[1] & 7) {
	case 0:
		wire->may_end = true;
		loop_reset(wire->loop, -ECONNRESET);
		break;
	case 1:
		wire->may_end = true;
		loop_close(wire->loop);
		break;
	case 2:
		loop_set_pieces(wire->loop, get_be16(how + 2), get_be16(how + 4));
		break;
	case 3:
		loop_set_room(wire->loop, 64u + get_be16(how + 2));
		break;
	case 4:
		wire->acks_late = how[2] & 1;
		break;
	case 5:
		wire->is_deaf = (how[2] & 1) && !(f.world.scsi.how & HONEST);
		break;
	case 6:
		/* In the middle of a PDU, perhaps, while others go on. */
		if (!(f.world.scsi.how & HONEST))
			loop_set_passing(wire->loop, how[2] & 1 ? SIZE_MAX : get_be16(how + 3) & 4095);
		break;
	default:
		drop_wire(wire);
		break;
	}
}

static void step_raw(const uint8_t *how)
{
	struct wire *wire = &f.wires[how[0] >> 6];
	uint8_t bytes[64];

	records_take(&f.input, bytes, sizeof(bytes));
	if (wire->loop == NULL || (f.world.scsi.how & HONEST))
		return;
	wire->session->is_wild = true;
	feed(wire, bytes, 1u + how[1] % sizeof(bytes));
}

static void hear(void *context, const struct iscsi_session_info *sessions, unsigned count)
{
	(void)context;
	for (unsigned i = 0; i < count; i++)
		CHECK(strlen(sessions[i].initiator) < sizeof(sessions[i].initiator) &&
		      sessions[i].event_count <= ARRAY_SIZE(sessions[i].events));
}

/* What the administrator does. */
static void step_administrator(const uint8_t *how)
{
	world_shortage.is_armed = true;
	switch (how[1] & 3) {
	case 1:
		world_administer(&f.world.scsi, how[2] & 1);
		break;
	case 0:
		iscsi_node_sessions(f.world.node, hear, NULL);
		break;
	case 2:
		iscsi_node_close_sessions(f.world.node, WORLD_INITIATOR, hear, NULL);
		expect_end(NULL);
		vanish(NULL, NULL);
		break;
	default:
		scsi_target_change_group(f.world.scsi.scsi, 1 + (how[2] & 1), how[3] % 5);
		break;
	}
	world_shortage.is_armed = false;
}

static void one_step(void)
{
	uint8_t record[RECORD];
	const uint8_t *how = records_step(&f.input, record);

	switch (record[0] & 31) {
	case 0:
	case 1:
	case 2:
		step_login(how);
		break;
	case 3:
	case 4:
	case 5:
		step_command(READ, how);
		break;
	case 6:
	case 7:
	case 8:
	case 9:
		step_command(WRITE, how);
		break;
	case 10:
	case 11:
	case 12:
		step_command(OTHER, how);
		break;
	case 13:
	case 14:
	case 15:
		step_data(how);
		break;
	case 16:
	case 17:
		step_management(how);
		break;
	case 18:
	case 19:
		step_snack(how);
		break;
	case 20:
		step_text(how);
		break;
	case 21:
		step_nop(how);
		break;
	case 22:
		step_logout(how);
		break;
	case 23:
	case 24:
		step_header(how);
		break;
	case 25:
	case 26:
	case 27:
		step_world(how);
		break;
	case 28:
	case 29:
		step_path(how);
		break;
	case 30:
		step_raw(how);
		break;
	default:
		step_administrator(how);
		break;
	}
	/* So that some requests come together. */
	if (record[0] < 0xc0)
		turn(1 + (record[0] >> 5));
}

/* --- the end --- */

/* How many commands an honest initiator still waits for. */
static unsigned count_unanswered(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < TASKS; i++) {
		const struct task *task = &f.tasks[i];

		count += task->kind != NONE && !task->is_answered && !task->may_vanish &&
			 !task->session->is_wild && task->wire != NULL;
	}
	return count;
}

/* Everything that can go on goes on. */
static void settle(void)
{
	static const uint8_t all[2] = { 3, 0 };

	world_shortage.times = 0;
	for (unsigned i = 0; i < WIRES; i++)
		if (f.wires[i].loop != NULL) {
			f.wires[i].is_deaf = false;
			loop_set_pieces(f.wires[i].loop, 0, 0);
			loop_set_passing(f.wires[i].loop, SIZE_MAX);
			loop_set_room(f.wires[i].loop, SIZE_MAX);
		}
	for (unsigned i = 0; i < 4 || (i < 200 && is_honest() && count_unanswered() != 0); i++) {
		world_release(&f.world.scsi);
		turn(4);
		step_data(all);
		/* An ORDERED command also waits for those that nobody comes to take over. */
		if (i % 8 == 7)
			world_pass(&f.world.scsi, 500);
	}
	CHECK(!is_honest() || count_unanswered() == 0);
	for (unsigned i = 0; i < WORLD_BLOCKS && is_honest(); i++)
		for (unsigned j = 0; j < 512 && f.blocks[i].is_known; j++)
			CHECK(f.world.scsi.disks[0].region->base[i * 512 + j] == f.blocks[i].value);
}

static void has_drained(void *context)
{
	*(bool *)context = true;
}

/* The daemon goes, and asks everybody to. */
static void shut_down(void)
{
	bool is_over = false;

	expect_end(NULL);
	iscsi_node_shutdown(f.world.node, 2000, has_drained, &is_over);
	for (unsigned i = 0; i < 400 && !is_over; i++) {
		world_release(&f.world.scsi);
		turn(2);
		world_pass(&f.world.scsi, 20);
	}
	CHECK(is_over);
}

static void leave(void)
{
	for (unsigned i = 0; i < WIRES; i++) {
		struct wire *wire = &f.wires[i];

		wire->is_deaf = false;
		if (wire->loop == NULL)
			continue;
		expect_end(wire->session);
		loop_close(wire->loop);
	}
	for (unsigned i = 0; i < 2000; i++) {
		bool is_left = false;

		world_release(&f.world.scsi);
		turn(1);
		if (i % 32 == 31)
			world_pass(&f.world.scsi, 1000);
		for (unsigned j = 0; j < WIRES; j++)
			is_left = is_left || f.wires[j].loop != NULL;
		if (!is_left)
			break;
	}
	for (unsigned i = 0; i < WIRES; i++)
		CHECK(f.wires[i].loop == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t bytes[WIRES][STREAM];
	uint8_t head[RECORD_HEAD];

	memset(&f, 0, sizeof(f));
	f.input = (struct records){ data, size };
	records_take(&f.input, head, sizeof(head));
	for (unsigned i = 0; i < WIRES; i++)
		f.wires[i].bytes = bytes[i];
	for (unsigned i = 0; i < SESSIONS; i++)
		f.sessions[i].target = WORLD_DISK;
	world_make(&f.world, head);
	for (unsigned steps = 0; f.input.left != 0 && steps < STEPS_MAX; steps++)
		one_step();
	settle();
	if (head[3] & 0x80)
		shut_down();
	leave();
	for (unsigned i = 0; i < TASKS; i++)
		if (f.tasks[i].kind != NONE)
			lose_task(&f.tasks[i]);
	world_end(&f.world);
	return 0;
}
