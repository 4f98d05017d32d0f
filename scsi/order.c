/* SPDX-License-Identifier: BSD-2-Clause */
/* Task attributes, ACA and QERR; see order.h. */
#include "scsi/order.h"

#include <assert.h>
#include <stdatomic.h>

#include "base/checked.h"
#include "base/container.h"
#include "scsi/command.h"
#include "scsi/mode.h"
#include "scsi/orphan.h"
#include "scsi/sense.h"
#include "scsi/taskset.h"

enum {
	CONTROL_NACA = 0x04,
};

static void wake(struct deferred *deferred);

void order_init(struct nexus_lu *set)
{
	set->order.wake.run = wake;
	list_node_init(&set->order.wake.link);
}

void order_fini(struct nexus_lu *set)
{
	reactor_undefer(set->nexus->reactor, &set->order.wake);
}

void order_join(struct nexus_lu *set)
{
	if (!orphan_is_there(set))
		return;
	set->order.behind_orphans = true;
	set->order.special++;
}

/* Whether CMD may not go on because of what its initiator port has left behind. */
static bool is_behind_orphans(struct scsi_cmd *cmd)
{
	struct nexus_lu *set = cmd->set;
	const struct scsi_op *op;

	if (!orphan_is_there(set)) {
		set->order.behind_orphans = false;
		set->order.special--;
		return false;
	}
	/* INQUIRY and its like have nothing to do with the medium. */
	op = scsi_op_row(cmd->cdb[0]);
	return op == NULL || !(op->flags & OP_IGNORES_UA);
}

static void wake_later(struct nexus_lu *set)
{
	if (set->order.dormant != 0 && !set->order.aca)
		reactor_defer(set->nexus->reactor, &set->order.wake);
}

/* ---- coming ------------------------------------------------------------------------- */

/* It is waited for by others, or keeps to itself, for its attribute. */
static void enter(struct scsi_cmd *cmd, uint32_t *count)
{
	cmd->is_special = true;
	cmd->set->order.special++;
	(*count)++;
}

/*
 * Room for what comes unasked, as scsi_command_received has promised it. It is the
 * command's own later, so it cannot have the medium's memory instead.
 */
static int become_dormant(struct scsi_cmd *cmd)
{
	uint32_t unsolicited = cmd->writes ? min(cmd->unsolicited, cmd->data_out_available) : 0;

	if (unsolicited != 0) {
		if (arena_take_reserved(cmd->nexus->arena, &cmd->data, unsolicited) != 0)
			return cmd_status(cmd, SCSI_STATUS_BUSY);
		cmd->data_out_length = unsolicited;
		cmd->private_data = true;
	}
	cmd->phase = SCSI_PHASE_DORMANT;
	cmd->set->order.dormant++;
	cmd->set->order.special++;
	return SCSI_MORE;
}

static int admit_aca(struct scsi_cmd *cmd)
{
	struct task_order *order = &cmd->set->order;

	if (!order->aca)
		return sense_invalid_message(cmd);
	/* One at a time. */
	if (order->aca_commands != 0)
		return cmd_status(cmd, SCSI_STATUS_ACA_ACTIVE);
	enter(cmd, &order->aca_commands);
	return SCSI_AGAIN;
}

int order_admit(struct scsi_cmd *cmd)
{
	struct task_order *order = &cmd->set->order;
	bool is_alone = list_front(&cmd->set->commands) == &cmd->link;

	if (order->behind_orphans && is_behind_orphans(cmd))
		return cmd_status(cmd, SCSI_STATUS_BUSY);
	if (cmd->attribute == SCSI_ACA)
		return admit_aca(cmd);
	if (order->aca)
		return cmd_status(cmd, SCSI_STATUS_ACA_ACTIVE);
	switch (cmd->attribute) {
	case SCSI_HEAD_OF_QUEUE:
		enter(cmd, &order->head);
		return SCSI_AGAIN;
	case SCSI_ORDERED:
		enter(cmd, &order->ordered);
		return is_alone ? SCSI_AGAIN : become_dormant(cmd);
	default:
		/* All others are older. */
		return order->head + order->ordered == 0 ? SCSI_AGAIN : become_dormant(cmd);
	}
}

/* ---- going on ----------------------------------------------------------------------- */

static bool is_barrier(const struct scsi_cmd *cmd)
{
	return cmd->is_special &&
	       (cmd->attribute == SCSI_ORDERED || cmd->attribute == SCSI_HEAD_OF_QUEUE);
}

/* The oldest dormant command that nothing keeps from going on, or NULL. */
static struct scsi_cmd *find_ready(struct nexus_lu *set)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &set->commands)
	{
		struct scsi_cmd *cmd = container_of(node, struct scsi_cmd, link);

		if (cmd->phase == SCSI_PHASE_DORMANT) {
			if (cmd->attribute != SCSI_ORDERED)
				return cmd;
			if (node == list_front(&set->commands) && set->order.head == 0)
				return cmd;
		}
		/* Neither a SIMPLE nor an ORDERED one may pass it. */
		if (is_barrier(cmd))
			return NULL;
	}
	return NULL;
}

static void leave_dormancy(struct scsi_cmd *cmd)
{
	assert(cmd->phase == SCSI_PHASE_DORMANT);
	cmd->phase = SCSI_PHASE_RUNNING;
	cmd->set->order.dormant--;
	cmd->set->order.special--;
}

static void wake(struct deferred *deferred)
{
	struct nexus_lu *set = container_of(deferred, struct nexus_lu, order.wake);
	struct scsi_cmd *cmd;

	/* Each that ends at once may let others go on: bounded by those that were here. */
	for (uint32_t left = set->order.dormant; left != 0 && !set->order.aca; left--) {
		cmd = find_ready(set);
		if (cmd == NULL)
			return;
		leave_dormancy(cmd);
		cmd->data_out_length = 0;
		cmd_enter(cmd);
	}
}

void order_forget(struct scsi_cmd *cmd)
{
	leave_dormancy(cmd);
}

static uint32_t *count_of(struct scsi_cmd *cmd)
{
	struct task_order *order = &cmd->set->order;

	switch (cmd->attribute) {
	case SCSI_HEAD_OF_QUEUE:
		return &order->head;
	case SCSI_ORDERED:
		return &order->ordered;
	default:
		return &order->aca_commands;
	}
}

void order_left(struct scsi_cmd *cmd)
{
	if (cmd->is_special) {
		(*count_of(cmd))--;
		cmd->set->order.special--;
		cmd->is_special = false;
	}
	wake_later(cmd->set);
}

/* ---- ACA and QERR --------------------------------------------------------------------- */

static bool has_naca(const struct scsi_cmd *cmd)
{
	/* Where the CONTROL byte is, by the operation code's group; SPC-5 section 4.2.5. */
	static const uint8_t control_at[8] = { 5, 9, 9, 1, 15, 11, 0, 0 };
	uint8_t at = control_at[cmd->cdb[0] >> 5];

	return at != 0 && (cmd->cdb[at] & CONTROL_NACA);
}

void order_clear_aca(struct nexus_lu *set)
{
	if (!set->order.aca)
		return;
	set->order.aca = false;
	set->order.special--;
	wake_later(set);
}

static void establish_aca(struct nexus_lu *set)
{
	if (set->order.aca)
		return;
	set->order.aca = true;
	set->order.special++;
}

void order_check_condition(struct scsi_cmd *cmd)
{
	struct nexus_lu *set = cmd->set;

	if (has_naca(cmd))
		establish_aca(set);
	else if (cmd->is_special && cmd->attribute == SCSI_ACA)
		order_clear_aca(set);
	/* The task set is one nexus's: what QERR ends is the same for 01b and 11b. */
	if (cmd->lu != NULL && lu_has_mode(cmd->lu, MODE_QERR))
		taskset_abort(set);
}
