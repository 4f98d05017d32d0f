/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REPORT SUPPORTED OPERATION CODES and REPORT SUPPORTED TASK MANAGEMENT
 * FUNCTIONS: the tables, told to the initiator. SPC-5 sections 6.35 and 6.36.
 */
#include "base/bytes.h"
#include "scsi/command.h"
#include "scsi/lu.h"
#include "scsi/protect.h"
#include "scsi/sense.h"

enum {
	RCTD = 0x80, /* RETURN COMMANDS TIMEOUTS DESCRIPTOR */
	REPORT_ALL = 0,
	REPORT_OPCODE = 1, /* one that has no service actions */
	REPORT_ACTION = 2, /* one that has */
	REPORT_EITHER = 3,
	CTDP_ALL = 0x02, /* in the descriptors of the whole list */
	SERVACTV = 0x01,
	CTDP_ONE = 0x80, /* in the answer about one command */
	NOT_SUPPORTED = 0x01,
	SUPPORTED = 0x03,
	TIMEOUTS_LENGTH = 12,
};

static void put_timeouts(const struct scsi_op *op, struct cursor *out)
{
	cursor_put_u16(out, TIMEOUTS_LENGTH - 2);
	cursor_put_u16(out, 0);
	cursor_put_u32(out, op->nominal_s);
	cursor_put_u32(out, op->recommended_s);
}

static void put_descriptor(const struct scsi_op *op, bool has_actions, bool timeouts,
			   struct cursor *out)
{
	cursor_put_u8(out, op->usage[0]);
	cursor_put_u8(out, 0);
	cursor_put_u16(out, op->action);
	cursor_put_u8(out, 0);
	cursor_put_u8(out, (timeouts ? CTDP_ALL : 0) | (has_actions ? SERVACTV : 0));
	cursor_put_u16(out, op->cdb_length);
	if (timeouts)
		put_timeouts(op, out);
}

static void report_all(const struct scsi_cmd *cmd, bool timeouts, struct cursor *out)
{
	cursor_put_u32(out, 0);
	for (unsigned opcode = 0; opcode < 256; opcode++) {
		const struct scsi_op *row = scsi_op_row((uint8_t)opcode);

		if (row == NULL)
			continue;
		if (row->actions == NULL && scsi_op_is_known(row, cmd->lu))
			put_descriptor(row, false, timeouts, out);
		for (unsigned i = 0; i < row->action_count; i++) {
			if (scsi_op_is_known(&row->actions[i], cmd->lu))
				put_descriptor(&row->actions[i], true, timeouts, out);
		}
	}
	put_be32(out->begin, (uint32_t)(cursor_offset(out) - 4));
}

static void report_one(const struct scsi_cmd *cmd, const struct scsi_op *op, bool timeouts,
		       struct cursor *out)
{
	cursor_put_u8(out, 0);
	if (op == NULL || !scsi_op_is_known(op, cmd->lu)) {
		cursor_put_u8(out, NOT_SUPPORTED);
		cursor_put_u16(out, 0);
		return;
	}
	cursor_put_u8(out, (timeouts ? CTDP_ONE : 0) | SUPPORTED);
	cursor_put_u16(out, op->cdb_length);
	for (unsigned i = 0; i < op->cdb_length; i++)
		cursor_put_u8(out, protect_usage(op, cmd->lu, i));
	if (timeouts)
		put_timeouts(op, out);
}

int spc_report_opcodes(struct scsi_cmd *cmd, struct cursor *out)
{
	unsigned options = cmd->cdb[2] & 0x07;
	bool timeouts = cmd->cdb[2] & RCTD;
	const struct scsi_op *row = scsi_op_row(cmd->cdb[3]);
	uint16_t action = get_be16(cmd->cdb + 4);
	bool has_actions = row != NULL && row->actions != NULL;

	if (options > REPORT_EITHER) {
		sense_invalid_field(cmd, 2, 2);
		return -1;
	}
	if (options == REPORT_ALL) {
		report_all(cmd, timeouts, out);
		return SCSI_DONE;
	}
	if ((options == REPORT_OPCODE && has_actions) ||
	    (options == REPORT_ACTION && row != NULL && !has_actions)) {
		sense_invalid_field(cmd, 2, 2);
		return -1;
	}
	if (has_actions)
		row = scsi_op_action(row, action);
	else if (options == REPORT_EITHER && action != 0)
		row = NULL;
	report_one(cmd, row, timeouts, out);
	return SCSI_DONE;
}

/* ---- REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS ------------------------------------- */

static const struct {
	uint8_t byte, bit;
	bool sam; /* only where the port has the functions that SAM-4 added */
} task_functions[] = {
	{ 0, 0x80, false }, /* ABORT TASK */
	{ 0, 0x40, false }, /* ABORT TASK SET */
	{ 0, 0x20, false }, /* CLEAR ACA */
	{ 0, 0x10, false }, /* CLEAR TASK SET */
	{ 0, 0x08, false }, /* LOGICAL UNIT RESET */
	{ 0, 0x02, false }, /* TARGET RESET, obsolete */
	{ 0, 0x04, true }, /* QUERY TASK */
	{ 1, 0x04, true }, /* QUERY ASYNCHRONOUS EVENT */
	{ 1, 0x02, true }, /* QUERY TASK SET */
	{ 1, 0x01, true }, /* I_T NEXUS RESET */
};

enum {
	REPD = 0x80, /* in the CDB: the long form */
	TMF_SHORT = 4,
	TMF_LONG = 16,
};

int spc_report_tmfs(struct scsi_cmd *cmd, struct cursor *out)
{
	bool is_long = cmd->cdb[2] & REPD;
	uint8_t data[TMF_LONG] = { 0 };

	for (unsigned i = 0; i < ARRAY_SIZE(task_functions); i++) {
		if (!task_functions[i].sam || cmd->nexus->has_sam_functions)
			data[task_functions[i].byte] |= task_functions[i].bit;
	}
	/* No timeouts are reported. */
	data[3] = is_long ? TMF_LONG - TMF_SHORT : 0;
	cursor_put_bytes(out, data, is_long ? TMF_LONG : TMF_SHORT);
	return SCSI_DONE;
}
