/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copy operations: how they begin and end, how they are found again, and how they
 * are aborted. SPC-5 section 5.19 and 6.3 (COPY OPERATION ABORT).
 */
#include "scsi/copy.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "scsi/mode.h"
#include "scsi/sense.h"
#include "scsi/taskset.h"

enum {
	OPERATION_IN_PROGRESS = 0x0016,
	WRITE_PROTECTED = 0x2700,
	SOFTWARE_WRITE_PROTECTED = 0x2702,
	THIRD_PARTY_DEVICE_FAILURE = 0x0d01,
};

struct copy_op *copy_find(struct scsi_nexus *nexus, const struct scsi_lu *lu, uint32_t id)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &nexus->copies)
	{
		struct copy_op *op = container_of(node, struct copy_op, link);

		if (op->has_id && op->id == id && op->lu == lu)
			return op;
	}
	return NULL;
}

/* ---- access ------------------------------------------------------------------------ */

static struct nexus_lu *view_of(struct scsi_nexus *nexus, const struct scsi_lu *lu)
{
	for (unsigned i = 0; i < nexus->lun_count; i++) {
		if (nexus->lu[i].lu == lu)
			return &nexus->lu[i];
	}
	return NULL;
}

/* What the nexus may not do at a logical unit becomes the failure of the copy. */
static bool refuse(const struct scsi_lu *lu, const struct sense *sense,
		   struct copy_failure *failure)
{
	failure->sense_length =
		sense_encode(sense, lu_has_mode(lu, MODE_DESCRIPTOR_SENSE), failure->sense);
	return false;
}

static bool may_write(struct scsi_lu *lu, const struct nexus_lu *view, struct copy_failure *failure)
{
	struct sense sense = { .key = SENSE_KEY_DATA_PROTECT, .code = WRITE_PROTECTED };

	if (lu->read_only || view->read_only)
		return refuse(lu, &sense, failure);
	sense.code = SOFTWARE_WRITE_PROTECTED;
	return !lu_has_mode(lu, MODE_WRITE_PROTECT) || refuse(lu, &sense, failure);
}

bool copy_may_access(struct scsi_nexus *nexus, struct scsi_lu *lu, bool writes,
		     struct copy_failure *failure)
{
	struct nexus_lu *view = view_of(nexus, lu);
	uint8_t permits = writes ? 0 : PERMIT_WRITE_EXCLUSIVE; /* as WRITE and READ have */
	uint8_t lacking = access_needs(&view->access, &lu->access, lu) & (uint8_t)~permits;
	struct sense sense = sense_of_access(lacking);

	*failure = (struct copy_failure){
		.key = SENSE_KEY_COPY_ABORTED,
		.code = THIRD_PARTY_DEVICE_FAILURE,
		.whose = writes ? COPY_DESTINATION : COPY_SOURCE,
		.status = SCSI_STATUS_RESERVATION_CONFLICT,
	};
	if (lacking & PERMITS_OF_RESERVATIONS)
		return false;
	failure->status = SCSI_STATUS_CHECK_CONDITION;
	if (lacking != 0)
		return refuse(lu, &sense, failure);
	return !writes || may_write(lu, view, failure);
}

/* ---- beginning ----------------------------------------------------------------------- */

void copy_forget(struct copy_op *op)
{
	assert(op->run == NULL);
	list_remove(&op->link);
	free(op);
}

static unsigned count_running(const struct scsi_nexus *nexus)
{
	const struct list_node *node;
	unsigned count = 0;

	LIST_FOR_EACH(node, &nexus->copies)
	count += container_of(node, struct copy_op, link)->run != NULL;
	return count;
}

/* Forgets the oldest result where there are too many. */
static void limit_held(struct scsi_nexus *nexus)
{
	struct copy_op *oldest = NULL;
	struct list_node *node;
	unsigned count = 0;

	LIST_FOR_EACH(node, &nexus->copies)
	{
		struct copy_op *op = container_of(node, struct copy_op, link);

		if (op->run != NULL)
			continue;
		count++;
		if (oldest == NULL)
			oldest = op;
	}
	if (count >= COPY_HELD_MAX)
		copy_forget(oldest);
}

static int refuse_id(struct scsi_cmd *cmd)
{
	struct sense sense = {
		.key = SENSE_KEY_ILLEGAL_REQUEST,
		.code = OPERATION_IN_PROGRESS,
	};

	return sense_fail(cmd, &sense);
}

struct copy_op *copy_create(struct scsi_cmd *cmd, const struct copy_plan *plan, bool has_id,
			    uint32_t id)
{
	struct scsi_nexus *nexus = cmd->nexus;
	struct copy_op *same = has_id ? copy_find(nexus, cmd->lu, id) : NULL;
	struct copy_op *op;

	if (same != NULL && same->run != NULL) {
		refuse_id(cmd);
		return NULL;
	}
	op = count_running(nexus) < COPY_RUNNING_MAX ? calloc(1, sizeof(*op)) : NULL;
	if (op == NULL) {
		cmd_status(cmd, SCSI_STATUS_BUSY);
		return NULL;
	}
	if (same != NULL)
		copy_forget(same);
	limit_held(nexus);
	op->nexus = nexus;
	op->reactor = nexus->reactor;
	op->lu = cmd->lu;
	op->plan = plan;
	op->has_id = has_id;
	op->is_held = has_id;
	op->id = id;
	op->resets = atomic_load(&cmd->lu->resets);
	op->action = cmd->cdb[1] & 0x1f;
	op->state = COPY_DONE;
	list_push_back(&nexus->copies, &op->link);
	return op;
}

int copy_start(struct scsi_cmd *cmd, struct copy_op *op, bool background)
{
	if (copy_run_start(op) != 0) {
		op->plan->ended(op);
		copy_forget(op);
		return cmd_status(cmd, SCSI_STATUS_BUSY);
	}
	op->state = background ? COPY_IN_BACKGROUND : COPY_IN_FOREGROUND;
	if (background)
		return SCSI_DONE;
	op->cmd = cmd;
	cmd->phase = SCSI_PHASE_COPY;
	return SCSI_MORE;
}

uint8_t *copy_take_list(struct scsi_cmd *cmd)
{
	uint8_t *list = malloc(cmd->data_out_length);

	if (list != NULL)
		extents_copy_out(&cmd->data, 0, list, cmd->data_out_length);
	else
		cmd_status(cmd, SCSI_STATUS_BUSY);
	return list;
}

/* ---- ending -------------------------------------------------------------------------- */

static void conclude(struct copy_op *op)
{
	if (op->aborted) {
		op->state = COPY_TERMINATED;
		op->failure = (struct copy_failure){ .key = SENSE_KEY_COPY_ABORTED };
	} else if (op->has_failed) {
		op->state = COPY_FAILED;
	} else {
		op->state = op->is_partial ? COPY_PARTIAL_TOKEN : COPY_DONE;
	}
	op->scsi_status =
		op->aborted || op->has_failed ? SCSI_STATUS_CHECK_CONDITION : SCSI_STATUS_GOOD;
}

static void answer(struct scsi_cmd *cmd, const struct copy_op *op)
{
	cmd->status = op->scsi_status;
	if (op->scsi_status != SCSI_STATUS_GOOD)
		cmd->sense_length = copy_sense_encode(
			&op->failure, lu_has_mode(op->lu, MODE_DESCRIPTOR_SENSE), cmd->sense);
}

/* The command goes on; it may be gone afterwards. */
static void wake(struct scsi_cmd *cmd)
{
	if (cmd == NULL)
		return;
	assert(cmd->phase == SCSI_PHASE_COPY);
	cmd->phase = SCSI_PHASE_RUNNING;
	cmd_drive(cmd, SCSI_DONE);
}

void copy_ended(struct copy_op *op)
{
	struct scsi_cmd *cmd = op->cmd;
	struct scsi_cmd *aborter = op->aborter;

	conclude(op);
	if (cmd != NULL)
		answer(cmd, op);
	op->cmd = NULL;
	op->aborter = NULL;
	if (op->nexus == NULL || !op->is_held)
		copy_forget(op);
	wake(cmd);
	wake(aborter);
}

/* ---- aborting ------------------------------------------------------------------------ */

void copy_cmd_abort(struct scsi_cmd *cmd)
{
	struct list_node *node;

	cmd->aborted = true;
	LIST_FOR_EACH(node, &cmd->nexus->copies)
	{
		struct copy_op *op = container_of(node, struct copy_op, link);

		if (op->aborter == cmd) {
			op->aborter = NULL;
			wake(cmd);
			return;
		}
		if (op->cmd == cmd) {
			if (!op->aborted)
				copy_run_abort(op);
			return;
		}
	}
	assert(!"a command that waits for no copy operation");
}

void copy_nexus_lost(struct scsi_nexus *nexus)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &nexus->copies)
	{
		struct copy_op *op = container_of(node, struct copy_op, link);

		if (op->run == NULL)
			continue;
		copy_run_orphan(op);
		if (!op->aborted)
			copy_run_abort(op);
	}
}

void copy_nexus_gone(struct scsi_nexus *nexus)
{
	struct list_node *node, *next;

	LIST_FOR_EACH_SAFE(node, next, &nexus->copies)
	{
		struct copy_op *op = container_of(node, struct copy_op, link);

		if (op->run == NULL) {
			copy_forget(op);
			continue;
		}
		list_remove(&op->link);
		op->nexus = NULL;
		copy_run_orphan(op);
		taskset_copy_gone(op);
		if (!op->aborted)
			copy_run_abort(op);
	}
}

int spc_copy_operation_abort(struct scsi_cmd *cmd)
{
	struct copy_op *op = copy_find(cmd->nexus, cmd->lu, get_be32(cmd->cdb + 2));

	if (op == NULL || op->run == NULL)
		return sense_invalid_field(cmd, 2, 7);
	if (op->aborter != NULL)
		return cmd_status(cmd, SCSI_STATUS_BUSY);
	op->aborter = cmd;
	cmd->phase = SCSI_PHASE_COPY;
	if (!op->aborted)
		copy_run_abort(op);
	return SCSI_MORE;
}
