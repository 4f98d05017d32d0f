/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way of a command: the generic gate over the command table, the driver of
 * its steps, completion, abort. What a command does is in the file of the
 * standard that defines it; what it may do is decided here, from its row.
 * SAM-5 sections 5.3 and 5.4, SPC-5 section 4.2.
 */
#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "scsi/command.h"
#include "scsi/flush.h"
#include "scsi/copy.h"
#include "scsi/job.h"
#include "scsi/lu.h"
#include "scsi/order.h"
#include "scsi/protect.h"
#include "scsi/range.h"
#include "scsi/sense.h"
#include "scsi/taskset.h"

enum {
	VARIABLE_LENGTH = 0x7f, /* the operation code of CDBs that are longer than 16 bytes */
	STEPS_MAX = 8, /* that run one after the other: each moves 256 KiB at most */
};

int cmd_status(struct scsi_cmd *cmd, enum scsi_status status)
{
	cmd->status = status;
	return SCSI_DONE;
}

/* ---- completion ----------------------------------------------------------- */

static void count(struct scsi_cmd *cmd)
{
	struct lu_counters *counters;

	if (cmd->lu == NULL || cmd->op == NULL)
		return;
	counters = lu_counters(cmd);
	if (cmd->op->flags & OP_COUNTS_READ) {
		counter_increment(&counters->reads);
		counter_add(&counters->read_bytes, cmd->data_in_length);
	} else if (cmd->op->flags & OP_COUNTS_WRITE) {
		counter_increment(&counters->writes);
		counter_add(&counters->written_bytes, cmd->data_out_length);
	}
}

static void meet_fate(struct scsi_cmd *cmd)
{
	if (cmd->fate == FATE_TIMED_OUT) {
		cmd->aborted = false;
		cmd->data_in_length = 0;
		sense_timed_out(cmd);
		if (cmd->set != NULL)
			order_check_condition(cmd);
		return;
	}
	cmd->status = SCSI_STATUS_TASK_ABORTED;
	cmd->sense_length = 0;
	cmd->data_in_length = 0;
	cmd->aborted = cmd->fate == FATE_SILENT;
}

/* With UA_INTLCK_CTRL 11b, statuses without sense data are told again as unit attentions. */
static void remember_refusal(const struct scsi_cmd *cmd)
{
	enum attention attention;

	if (cmd->lu == NULL || !lu_has_mode(cmd->lu, MODE_STATUS_ATTENTION))
		return;
	switch (cmd->status) {
	case SCSI_STATUS_BUSY:
		attention = ATTENTION_WAS_BUSY;
		break;
	case SCSI_STATUS_RESERVATION_CONFLICT:
		attention = ATTENTION_WAS_RESERVATION_CONFLICT;
		break;
	case SCSI_STATUS_TASK_SET_FULL:
		attention = ATTENTION_WAS_TASK_SET_FULL;
		break;
	default:
		return;
	}
	attention_raise_one(&cmd->lu->attentions, attention, cmd->nexus);
}

static void complete(struct scsi_cmd *cmd)
{
	assert(cmd->phase != SCSI_PHASE_COMPLETE && cmd->phase != SCSI_PHASE_IDLE);
	list_remove(&cmd->link);
	cmd->phase = SCSI_PHASE_COMPLETE;
	if (UNLIKELY(cmd->aborted)) {
		meet_fate(cmd);
	} else if (cmd->status != SCSI_STATUS_GOOD) {
		cmd->data_in_length = 0;
		remember_refusal(cmd);
		if (cmd->status == SCSI_STATUS_CHECK_CONDITION && cmd->set != NULL)
			order_check_condition(cmd);
	} else {
		count(cmd);
	}
	range_unlock(cmd);
	/* The medium's own memory is in use until it has been sent. */
	if (cmd->data_in_length == 0)
		range_leave(cmd);
	if (UNLIKELY(order_concerns(cmd)))
		order_left(cmd);
	if (UNLIKELY(cmd->leg != NULL))
		taskset_ended(cmd);
	cmd->port->complete(cmd);
}

static void go_on(struct deferred *turn)
{
	struct scsi_cmd *cmd = container_of(turn, struct scsi_cmd, turn);

	cmd->phase = SCSI_PHASE_RUNNING;
	cmd_drive(cmd, SCSI_AGAIN);
}

/* A store that is done inline must not let one long command keep its core from all others. */
static void yield(struct scsi_cmd *cmd)
{
	cmd->phase = SCSI_PHASE_YIELD;
	cmd->turn.run = go_on;
	list_node_init(&cmd->turn.link);
	reactor_defer(cmd->nexus->reactor, &cmd->turn);
}

void cmd_drive(struct scsi_cmd *cmd, int step)
{
	for (unsigned steps = 0; step == SCSI_AGAIN; steps++) {
		if (UNLIKELY(steps == STEPS_MAX)) {
			yield(cmd);
			return;
		}
		step = cmd->aborted ? SCSI_DONE : cmd->resume(cmd);
	}
	if (step == SCSI_DONE)
		complete(cmd);
}

/* ---- parameter data ------------------------------------------------------- */

static uint32_t allocation_length(const struct scsi_cmd *cmd)
{
	const uint8_t *field = cmd->cdb + cmd->op->length_at;

	switch (cmd->op->length_size) {
	case 0:
		return UINT32_MAX; /* it has none: the data is always sent whole */
	case 1:
		return field[0];
	case 2:
		return get_be16(field);
	case 3:
		return get_be24(field);
	default:
		return get_be32(field);
	}
}

int cmd_send_parameters(struct scsi_cmd *cmd, uint32_t produced)
{
	cmd->transfer_length = min(produced, allocation_length(cmd));
	cmd->data_in_length = min(cmd->transfer_length, cmd_bytes_wanted(cmd));
	return SCSI_DONE;
}

static int fill_report(struct scsi_cmd *cmd)
{
	struct cursor out = cursor_writer(cmd->data.extent[0].data, EXTENT_MIN);

	/* The memory held someone else's data; what a report skips is zero. */
	memset(out.begin, 0, EXTENT_MIN);
	if (cmd->op->report(cmd, &out) != SCSI_DONE)
		return SCSI_DONE;
	assert(!cursor_failed(&out));
	return cmd_send_parameters(cmd, (uint32_t)cursor_offset(&out));
}

int cmd_report(struct scsi_cmd *cmd)
{
	return cmd_memory(cmd, EXTENT_MIN, fill_report);
}

/* ---- the gate ------------------------------------------------------------- */

/* Slow half of check_usage: finds out which byte is wrong, and looks at long CDBs. */
static bool check_usage_bytes(struct scsi_cmd *cmd)
{
	unsigned length = max(cmd->op->cdb_length, (uint8_t)16);

	if (cmd->op->usage[0] == VARIABLE_LENGTH && cmd->cdb[7] + 8 != cmd->op->cdb_length) {
		sense_invalid_field(cmd, 7, 7);
		return false;
	}
	for (unsigned i = 0; i < length; i++) {
		if (cmd->cdb[i] & ~protect_usage(cmd->op, cmd->lu, i)) {
			if (protect_is_out_of_place(cmd))
				sense_invalid_opcode(cmd);
			else
				field_refuse(cmd, i, (uint8_t)~protect_usage(cmd->op, cmd->lu, i));
			return false;
		}
	}
	if (protect_concerns(cmd))
		cmd->flags |= CMD_PROTECTED;
	return true;
}

/* Whether only bits are set that the command looks at; else sense is set. */
static bool check_usage(struct scsi_cmd *cmd)
{
	uint64_t cdb[2], usage[2];

	memcpy(cdb, cmd->cdb, sizeof(cdb));
	memcpy(usage, cmd->op->usage, sizeof(usage));
	if (LIKELY(((cdb[0] & ~usage[0]) | (cdb[1] & ~usage[1])) == 0 &&
		   cmd->op->cdb_length <= sizeof(cdb)))
		return true;
	return check_usage_bytes(cmd);
}

static bool answers_without_lu(const struct scsi_cmd *cmd, const struct scsi_op *op)
{
	if (op == NULL)
		return false;
	if (cmd->flags & CMD_WELL_KNOWN)
		return true;
	return (op->flags & OP_ANY_LUN) || ((op->flags & OP_LUN_0) && cmd->lun == 0);
}

/* Finds the row of the command; false with sense when there is none. */
static bool find_op(struct scsi_cmd *cmd, const struct scsi_op *row)
{
	const struct scsi_op *op = row;

	if (op != NULL && op->actions != NULL) {
		bool is_long = cmd->cdb[0] == VARIABLE_LENGTH;

		op = scsi_op_action(row, is_long ? get_be16(cmd->cdb + 8) : cmd->cdb[1] & 0x1f);
		if (op == NULL || !scsi_op_is_known(op, cmd->lu)) {
			sense_invalid_field(cmd, is_long ? 8 : 1, is_long ? 7 : 4);
			return false;
		}
	}
	if (op == NULL || !scsi_op_is_known(op, cmd->lu) ||
	    ((cmd->flags & CMD_WELL_KNOWN) && !(op->flags & OP_WELL_KNOWN))) {
		sense_invalid_opcode(cmd);
		return false;
	}
	cmd->op = op;
	return true;
}

/* What a reservation says: LACKING are permits that the command has not got. */
static bool is_refused(const struct scsi_cmd *cmd, uint8_t lacking)
{
	return (lacking & PERMITS_OF_RESERVATIONS) != 0 && !access_is_exempt(cmd);
}

/* What else is in its way. START STOP UNIT may start a logical unit that has lost its reservations. */
static bool is_out_of_reach(const struct scsi_cmd *cmd, uint8_t lacking)
{
	lacking &= (uint8_t)~PERMITS_OF_RESERVATIONS;
	if (cmd->op->start == sbc_start_stop_unit && access_is_exempt(cmd))
		lacking &= (uint8_t)~PERMIT_LOST;
	return lacking != 0;
}

static int report_deferred_error(struct scsi_cmd *cmd, struct nexus_lu *state)
{
	struct sense sense = flush_deferred_sense(cmd->lu);

	attention_drop(&state->attentions, ATTENTION_DEFERRED_ERROR);
	return sense_fail(cmd, &sense);
}

/* SAM-5 section 5.3.3: a reservation conflict goes before all but resets. */
static int report_attention(struct scsi_cmd *cmd, struct nexus_lu *state, uint8_t lacking)
{
	enum attention attention;

	if (is_refused(cmd, lacking) && attention_peek(&state->attentions) > ATTENTION_NEXUS_LOSS)
		return cmd_status(cmd, SCSI_STATUS_RESERVATION_CONFLICT);

	if (lu_has_mode(cmd->lu, MODE_KEEP_ATTENTION))
		attention = attention_peek(&state->attentions);
	else
		attention = nexus_take_attention(cmd->nexus, state);
	if (attention == ATTENTION_DEFERRED_ERROR)
		return report_deferred_error(cmd, state);
	return sense_unit_attention(cmd, attention_code(attention));
}

static int report_trouble(struct scsi_cmd *cmd)
{
	struct sense sense = job_sense(cmd->lu);

	/* It has ended just now. */
	if (sense.key == SENSE_KEY_NO_SENSE)
		return cmd_status(cmd, SCSI_STATUS_BUSY);
	return sense_fail(cmd, &sense);
}

static int gate(struct scsi_cmd *cmd, struct nexus_lu *state)
{
	const struct scsi_op *row = scsi_op_row(cmd->cdb[0]);
	const struct scsi_op *op;
	uint8_t lacking;

	if (UNLIKELY(cmd->lu == NULL && !answers_without_lu(cmd, row))) {
		if (cmd->flags & CMD_WELL_KNOWN)
			return sense_invalid_opcode(cmd);
		return sense_lun_not_supported(cmd);
	}
	if (UNLIKELY(!find_op(cmd, row)))
		return SCSI_DONE;
	op = cmd->op;
	if (UNLIKELY(cmd->cdb_length < op->cdb_length))
		return sense_invalid_field(cmd, cmd->cdb_length, SENSE_NO_BIT);
	if (UNLIKELY(!check_usage(cmd)))
		return SCSI_DONE;
	if (LIKELY(cmd->lu != NULL)) {
		lacking = access_needs(&state->access, &cmd->lu->access, cmd->lu) & ~op->permits;
		if (UNLIKELY(attention_is_pending(&state->attentions)) &&
		    !(op->flags & OP_IGNORES_UA))
			return report_attention(cmd, state, lacking);
		if (UNLIKELY(is_refused(cmd, lacking)))
			return cmd_status(cmd, SCSI_STATUS_RESERVATION_CONFLICT);
		if (UNLIKELY((lacking & ~PERMITS_OF_RESERVATIONS) != 0) &&
		    is_out_of_reach(cmd, lacking))
			return sense_not_accessible(cmd, lacking);
		if (UNLIKELY(lu_trouble(cmd->lu) != TROUBLE_NONE) && !job_lets_pass(cmd->lu, op))
			return report_trouble(cmd);
		if (UNLIKELY(lu_is_ejected(cmd->lu)) && (op->flags & OP_OF_MEDIUM))
			return sense_medium_not_present(cmd);
		if (op->flags & OP_MODIFIES) {
			if (cmd->lu->read_only || state->read_only)
				return sense_write_protected(cmd);
			if (UNLIKELY(lu_has_mode(cmd->lu, MODE_WRITE_PROTECT)))
				return sense_software_write_protected(cmd);
		}
	}
	if (UNLIKELY(cmd->flags & CMD_PROTECTED))
		return protect_start(cmd);
	return op->report != NULL ? cmd_report(cmd) : op->start(cmd);
}

bool scsi_cmd_is_data_in(const struct scsi_cmd *cmd)
{
	return cmd->op != NULL && (cmd->op->flags & OP_DATA_IN) != 0;
}

static void begin(struct scsi_cmd *cmd)
{
	int number = lun_decode(cmd->lun);
	struct nexus_lu *state = nexus_lu(cmd->nexus, number);

	cmd->status = SCSI_STATUS_GOOD;
	cmd->aborted = false;
	cmd->fate = FATE_SILENT;
	cmd->leg = NULL;
	cmd->set = state;
	cmd->is_special = false;
	cmd->sense_length = 0;
	extents_init(&cmd->data);
	extents_init(&cmd->scratch);
	cmd->data_out_length = 0;
	cmd->data_in_length = 0;
	cmd->transfer_length = 0;
	cmd->lu = state != NULL ? state->lu : NULL;
	cmd->op = NULL;
	cmd->phase = SCSI_PHASE_RUNNING;
	cmd->flags = number == LUN_WELL_KNOWN ? CMD_WELL_KNOWN : 0;
	cmd->started_ns = reactor_now_ns(cmd->nexus->reactor);
	cmd->io.flags = 0;
	cmd->resume = NULL;
	list_node_init(&cmd->range.link);
	list_node_init(&cmd->link);
	list_push_back(state != NULL ? &state->commands : &cmd->nexus->stray, &cmd->link);
}

void cmd_enter(struct scsi_cmd *cmd)
{
	cmd_drive(cmd, gate(cmd, cmd->set));
}

void scsi_command_received(struct scsi_cmd *cmd)
{
	int step = SCSI_AGAIN;

	begin(cmd);
	if (UNLIKELY(order_concerns(cmd)))
		step = order_admit(cmd);
	cmd_drive(cmd, LIKELY(step == SCSI_AGAIN) ? gate(cmd, cmd->set) : step);
}

/* ---- the rest of a command's life ------------------------------------------ */

void scsi_data_out_received(struct scsi_cmd *cmd, int err)
{
	int step = SCSI_AGAIN;

	assert(cmd->phase == SCSI_PHASE_DATA_OUT);
	cmd->phase = SCSI_PHASE_RUNNING;
	if (err < 0 && !cmd->aborted)
		step = sense_port_error(cmd, err);
	cmd_drive(cmd, step);
}

void scsi_cmd_abort(struct scsi_cmd *cmd)
{
	switch ((enum scsi_phase)cmd->phase) {
	case SCSI_PHASE_DORMANT:
		cmd->aborted = true;
		order_forget(cmd);
		cmd_drive(cmd, SCSI_DONE);
		break;
	case SCSI_PHASE_MEMORY:
		cmd->aborted = true;
		arena_wait_cancel(cmd->nexus->arena, &cmd->waiter);
		cmd_drive(cmd, SCSI_DONE);
		break;
	case SCSI_PHASE_YIELD:
		cmd->aborted = true;
		reactor_undefer(cmd->nexus->reactor, &cmd->turn);
		cmd_drive(cmd, SCSI_DONE);
		break;
	case SCSI_PHASE_FENCED:
		cmd->aborted = true;
		list_remove(&cmd->range.link);
		cmd_drive(cmd, SCSI_DONE);
		break;
	case SCSI_PHASE_LOCK:
		if (!cmd->aborted)
			range_lock_cancel(cmd);
		cmd->aborted = true;
		break;
	case SCSI_PHASE_JOB:
		cmd->aborted = true;
		job_forget(cmd);
		cmd_drive(cmd, SCSI_DONE);
		break;
	case SCSI_PHASE_COPY:
		copy_cmd_abort(cmd);
		break;
	case SCSI_PHASE_STORE:
		cmd->aborted = true;
		/* May complete CMD before it returns. */
		store_cancel(&cmd->io);
		break;
	case SCSI_PHASE_KEEP:
	case SCSI_PHASE_RUNNING:
	case SCSI_PHASE_SWEEP:
	case SCSI_PHASE_DATA_OUT:
		cmd->aborted = true;
		break;
	case SCSI_PHASE_IDLE:
	case SCSI_PHASE_COMPLETE:
		break;
	}
}

void scsi_cmd_release(struct scsi_cmd *cmd)
{
	assert(cmd->phase == SCSI_PHASE_COMPLETE);
	range_leave(cmd);
	/* First the view, then what it views. */
	arena_give(cmd->nexus->arena, &cmd->scratch);
	arena_give(cmd->nexus->arena, &cmd->data);
	cmd->phase = SCSI_PHASE_IDLE;
}
