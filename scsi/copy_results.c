/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RECEIVE COPY RESULTS and its relatives: what this copy manager can, and what has
 * become of an operation of this I_T nexus. SPC-5 sections 6.18 to 6.24.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "scsi/copy.h"
#include "scsi/copy_limits.h"
#include "scsi/copy_list.h"
#include "scsi/mode.h"
#include "scsi/sense.h"

#define NOTHING_NEW 0xfffffffeu /* ESTIMATED STATUS UPDATE DELAY: it has ended */

enum {
	STATUS_IN_PROGRESS = 0x00, /* COPY MANAGER STATUS of LID1 */
	STATUS_DONE = 0x01,
	STATUS_FAILED = 0x02,
	UNITS_BYTES = 0x00,
	UNITS_BLOCKS = 0xf1,
	UPDATE_DELAY_MS = 20,
	FAILED_SENSE_AT = 60,
	EXTENDED_COPY_LID1 = 0x00, /* service actions */
	POPULATE_TOKEN = 0x10,
	WRITE_USING_TOKEN = 0x11,
};

static bool is_running(const struct copy_op *op)
{
	return op->run != NULL;
}

static int refuse_id(struct scsi_cmd *cmd)
{
	sense_invalid_field(cmd, 2, 7);
	return -1;
}

static struct copy_op *find(struct scsi_cmd *cmd, uint32_t id)
{
	struct copy_op *op = copy_find(cmd->nexus, cmd->lu, id);

	if (op != NULL && !is_running(op) && op->resets != atomic_load(&cmd->lu->resets))
		return NULL;
	return op;
}

/* Whether what OUT has goes to the initiator as a whole, or the initiator wants none of it. */
static bool is_all_told(const struct scsi_cmd *cmd, const struct cursor *out)
{
	uint32_t allocation = get_be32(cmd->cdb + 10);

	return allocation == 0 || allocation >= cursor_offset(out);
}

/* Bytes written so far. */
static uint64_t moved(const struct copy_op *op)
{
	uint64_t pieces = 0;

	if (!is_running(op))
		return op->moved;
	for (unsigned i = 0; i < COPY_PIECES; i++) {
		const struct copy_piece *piece = &op->run->piece[i];

		pieces += piece->in_use ? piece->to_length - piece->done : 0;
	}
	return op->run->issued - pieces;
}

/* ---- LID1 ------------------------------------------------------------------------------ */

/* 32 bits of TRANSFER COUNT in bytes, KiB, MiB and so on, as needed. */
static void put_count(uint64_t bytes, struct cursor *out)
{
	uint8_t units = UNITS_BYTES;

	while (bytes > UINT32_MAX) {
		bytes >>= 10;
		units++;
	}
	cursor_put_u8(out, units);
	cursor_put_u32(out, (uint32_t)bytes);
}

int spc_copy_status_lid1(struct scsi_cmd *cmd, struct cursor *out)
{
	struct copy_op *op = find(cmd, cmd->cdb[2]);

	if (op == NULL || op->has_told_status)
		return refuse_id(cmd);
	op->has_told_status = !is_running(op);
	cursor_put_u32(out, 8);
	if (is_running(op))
		cursor_put_u8(out, STATUS_IN_PROGRESS);
	else
		cursor_put_u8(out,
			      op->scsi_status == SCSI_STATUS_GOOD ? STATUS_DONE : STATUS_FAILED);
	cursor_put_u16(out, op->segments);
	put_count(moved(op), out);
	return SCSI_DONE;
}

int spc_copy_parameters(struct scsi_cmd *cmd, struct cursor *out)
{
	(void)cmd;
	cursor_put_u32(out, 43); /* AVAILABLE DATA */
	cursor_put_u32(out, 0x01000000); /* SNLID: LIST ID USAGE 11b is for us */
	cursor_put_u16(out, COPY_CSCDS_MAX);
	cursor_put_u16(out, COPY_SEGMENTS_MAX);
	cursor_put_u32(out, COPY_DESCRIPTORS_MAX);
	cursor_put_u32(out, COPY_SEGMENT_BYTES_MAX);
	cursor_put_u32(out, 0); /* no inline data */
	cursor_put_u32(out, 0); /* nor held data */
	cursor_put_u32(out, 0); /* nor streams */
	cursor_put_u16(out, 0);
	cursor_put_u16(out, COPY_RUNNING_MAX); /* TOTAL CONCURRENT COPIES */
	cursor_put_u8(out, COPY_RUNNING_MAX);
	cursor_put_u8(out, COPY_GRANULARITY);
	cursor_put_u8(out, 0);
	cursor_put_u8(out, 0);
	cursor_put_zeros(out, 3);
	cursor_put_u8(out, 3);
	cursor_put_u8(out, COPY_SEGMENT_BLOCKS);
	cursor_put_u8(out, COPY_SEGMENT_OFFSETS);
	cursor_put_u8(out, COPY_CSCD_IDENTIFICATION);
	return SCSI_DONE;
}

int spc_failed_segment(struct scsi_cmd *cmd, struct cursor *out)
{
	struct copy_op *op = find(cmd, cmd->cdb[2]);
	uint8_t sense[SCSI_SENSE_MAX];
	uint8_t length;

	if (op == NULL || op->action != EXTENDED_COPY_LID1 || is_running(op))
		return refuse_id(cmd);
	if (op->scsi_status == SCSI_STATUS_GOOD || op->has_told_failure) {
		cursor_put_u32(out, 0); /* none failed */
		return SCSI_DONE;
	}
	length =
		copy_sense_encode(&op->failure, lu_has_mode(cmd->lu, MODE_DESCRIPTOR_SENSE), sense);
	cursor_put_u32(out, (uint32_t)(FAILED_SENSE_AT - 4 + length));
	cursor_put_zeros(out, 52);
	cursor_put_u8(out, op->scsi_status);
	cursor_put_u8(out, 0);
	cursor_put_u16(out, length);
	cursor_put_bytes(out, sense, length);
	op->has_told_failure = is_all_told(cmd, out);
	return SCSI_DONE;
}

/* ---- LID4 and ROD token information ------------------------------------------------------ */

/* What both begin with, up to the sense data; AVAILABLE DATA is left to the caller. SBC-4 wants blocks for tokens. */
static void put_status(const struct copy_op *op, struct cursor *out)
{
	bool in_blocks = op->action == POPULATE_TOKEN || op->action == WRITE_USING_TOKEN;
	uint8_t status = is_running(op) ? 0 : op->scsi_status;
	uint8_t sense[SCSI_SENSE_MAX];
	uint8_t length = 0, space;

	if (op->state == COPY_TERMINATED)
		status = SCSI_STATUS_TASK_ABORTED;
	else if (status != SCSI_STATUS_GOOD)
		length = copy_sense_encode(&op->failure, lu_has_mode(op->lu, MODE_DESCRIPTOR_SENSE),
					   sense);
	space = (uint8_t)align_up(length, 4);
	cursor_put_u32(out, 0);
	cursor_put_u8(out, op->action);
	cursor_put_u8(out, op->state);
	cursor_put_u16(out, op->counter);
	cursor_put_u32(out, is_running(op) ? UPDATE_DELAY_MS : NOTHING_NEW);
	cursor_put_u8(out, status);
	cursor_put_u8(out, space);
	cursor_put_u8(out, length);
	cursor_put_u8(out, in_blocks ? UNITS_BLOCKS : UNITS_BYTES);
	cursor_put_u64(out, in_blocks ? moved(op) >> op->lu->block_shift : moved(op));
	cursor_put_u16(out, op->segments);
	cursor_put_zeros(out, 6);
	cursor_put_bytes(out, sense, length);
	cursor_put_zeros(out, space - length);
}

static void finish(struct cursor *out)
{
	put_be32(out->begin, (uint32_t)(cursor_offset(out) - 4));
}

int spc_copy_status_lid4(struct scsi_cmd *cmd, struct cursor *out)
{
	const struct copy_op *op = find(cmd, get_be32(cmd->cdb + 2));

	if (op == NULL)
		return refuse_id(cmd);
	put_status(op, out);
	finish(out);
	return SCSI_DONE;
}

int spc_rod_token_information(struct scsi_cmd *cmd, struct cursor *out)
{
	struct copy_op *op = find(cmd, get_be32(cmd->cdb + 2));

	if (op == NULL)
		return refuse_id(cmd);
	put_status(op, out);
	if (op->has_token) {
		cursor_put_u32(out, 2 + ODX_TOKEN_LENGTH);
		cursor_put_u16(out, 0);
		cursor_put_bytes(out, op->token, ODX_TOKEN_LENGTH);
	} else {
		cursor_put_u32(out, 0);
	}
	finish(out);
	/* Who has been told the token, or will not hear of it, is not told again. */
	if (op->has_token && is_all_told(cmd, out))
		copy_forget(op);
	return SCSI_DONE;
}
