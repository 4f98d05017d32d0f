/* SPDX-License-Identifier: BSD-2-Clause */
/* Sweeps over the task sets of a logical unit; see taskset.h. */
#include "scsi/taskset.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/container.h"
#include "scsi/command.h"
#include "scsi/copy.h"
#include "scsi/deadline.h"
#include "scsi/lu.h"
#include "scsi/order.h"

/* One reactor's part of a sweep. */
struct sweep_leg {
	struct message message;
	struct taskset_sweep *sweep;
	struct task_lane *lane;
	struct list_node link; /* of lane->legs */
	unsigned waiting; /* commands that it has claimed and that have not ended */
	/*
	 * Some of its commands were claimed by older legs, of which only the lane knows which:
	 * it ends behind all of these.
	 */
	bool in_line;
};

/* ---- lanes ----------------------------------------------------------------------- */

static struct task_lane *make_lane(struct scsi_lu *lu, struct reactor *reactor)
{
	_Atomic(struct task_lane *) *slot = &lu->task_lanes[reactor_index(reactor)];
	struct task_lane *lane = atomic_load_explicit(slot, memory_order_relaxed);

	if (lane != NULL)
		return lane;
	lane = calloc(1, sizeof(*lane));
	if (lane == NULL)
		return NULL;
	lane->reactor = reactor;
	lane->lu = lu;
	list_init(&lane->sets);
	list_init(&lane->legs);
	list_init(&lane->gone);
	/* For a sweep on any other thread. */
	atomic_store_explicit(slot, lane, memory_order_release);
	return lane;
}

static struct task_lane *lane_at(struct scsi_lu *lu, unsigned i)
{
	return atomic_load_explicit(&lu->task_lanes[i], memory_order_acquire);
}

int taskset_join(struct scsi_nexus *nexus)
{
	for (unsigned i = 0; i < nexus->lun_count; i++) {
		struct nexus_lu *set = &nexus->lu[i];
		struct scsi_lu *lu = set->lu;
		struct task_lane *lane;

		list_node_init(&set->link);
		list_node_init(&set->orphan.link);
		set->nexus = nexus;
		order_init(set);
		if (lu == NULL)
			continue;
		lane = make_lane(lu, nexus->reactor);
		if (lane == NULL) {
			taskset_leave(nexus);
			return -ENOMEM;
		}
		set->lane = lane;
		if (list_is_empty(&lane->sets))
			deadline_start(lane);
		list_push_back(&lane->sets, &set->link);
	}
	return 0;
}

void taskset_leave(struct scsi_nexus *nexus)
{
	for (unsigned i = 0; i < nexus->lun_count; i++) {
		struct task_lane *lane = nexus->lu[i].lane;

		if (lane != NULL) {
			list_remove(&nexus->lu[i].link);
			if (list_is_empty(&lane->sets))
				deadline_stop(lane);
		}
		nexus->lu[i].lane = NULL;
		if (nexus->lu[i].nexus != NULL)
			order_fini(&nexus->lu[i]);
	}
}

void taskset_destroy(struct scsi_lu *lu)
{
	for (unsigned i = 0; i < SCSI_REACTORS_MAX; i++)
		free(atomic_load_explicit(&lu->task_lanes[i], memory_order_relaxed));
}

/* ---- a leg: on the lane's reactor -------------------------------------------------- */

static void leg_done(struct sweep_leg *leg)
{
	struct taskset_sweep *sweep = leg->sweep;

	list_remove(&leg->link);
	if (atomic_fetch_sub_explicit(&sweep->remaining, 1, memory_order_acq_rel) == 1)
		reactor_send(sweep->reactor, &sweep->finished);
}

/* Those in line may be able to end when one before them has. */
static void end_legs(struct task_lane *lane)
{
	struct list_node *node, *next;

	LIST_FOR_EACH_SAFE(node, next, &lane->legs)
	{
		struct sweep_leg *leg = container_of(node, struct sweep_leg, link);

		if (leg->waiting == 0 && (!leg->in_line || node == list_front(&lane->legs)))
			leg_done(leg);
	}
}

void taskset_ended(struct scsi_cmd *cmd)
{
	struct sweep_leg *leg = cmd->leg;

	if (leg == NULL)
		return;
	cmd->leg = NULL;
	leg->waiting--;
	end_legs(leg->lane);
}

static enum scsi_fate choose_fate(const struct scsi_cmd *cmd, const struct taskset_sweep *sweep,
				  bool *silenced)
{
	/* Whoever has aborted it before has also decided how it ends; time has no say. */
	if (cmd->aborted && cmd->fate != FATE_TIMED_OUT)
		return (enum scsi_fate)cmd->fate;
	if (cmd->nexus == sweep->asker)
		return FATE_SILENT;
	if (sweep->with_status)
		return FATE_TASK_ABORTED;
	*silenced = true;
	return FATE_SILENT;
}

void taskset_terminate(struct scsi_cmd *cmd, enum scsi_fate fate)
{
	bool waits_for_data = cmd->phase == SCSI_PHASE_DATA_OUT && !cmd->aborted;

	cmd->fate = (uint8_t)fate;
	scsi_cmd_abort(cmd);
	if (waits_for_data)
		cmd->port->terminate_data_transfer(cmd);
}

void taskset_abort(struct nexus_lu *set)
{
	struct list victims;
	struct list_node *node;

	list_init(&victims);
	list_splice_back(&victims, &set->commands);
	while ((node = list_pop_front(&victims)) != NULL) {
		list_push_back(&set->commands, node);
		taskset_terminate(container_of(node, struct scsi_cmd, link), FATE_SILENT);
	}
}

static void abort_one(struct sweep_leg *leg, struct scsi_cmd *cmd, bool *silenced)
{
	enum scsi_fate fate = choose_fate(cmd, leg->sweep, silenced);

	if (cmd->leg != NULL) {
		leg->in_line = true;
	} else if (cmd->phase != SCSI_PHASE_SWEEP) {
		cmd->leg = leg;
		leg->waiting++;
	}
	taskset_terminate(cmd, fate);
}

static void abort_set(struct sweep_leg *leg, struct nexus_lu *set)
{
	struct list victims;
	struct list_node *node;
	bool silenced = false;

	if (!leg->sweep->only_aca)
		order_clear_aca(set);
	/* One that ends may end others with it: each is taken out of the line in turn. */
	list_init(&victims);
	list_splice_back(&victims, &set->commands);
	while ((node = list_pop_front(&victims)) != NULL) {
		struct scsi_cmd *cmd = container_of(node, struct scsi_cmd, link);

		list_push_back(&set->commands, node);
		if (cmd != leg->sweep->except &&
		    (!leg->sweep->only_aca || cmd->attribute == SCSI_ACA))
			abort_one(leg, cmd, &silenced);
	}
	if (silenced && set->nexus->tasks_terminated != NULL)
		set->nexus->tasks_terminated(set->nexus->context,
					     lun_encode((unsigned)(set - set->nexus->lu)));
	if (silenced && leg->sweep->tell)
		attention_raise_one(&set->lu->attentions, ATTENTION_COMMANDS_CLEARED, set->nexus);
}

void taskset_copy_gone(struct copy_op *op)
{
	struct task_lane *lane;

	if (op->run->flying == 0)
		return;
	lane = lane_at(op->run->span.to, reactor_index(op->reactor));
	list_push_back(&lane->gone, &op->link);
}

/*
 * What OP still has under way at the logical unit once it is aborted is waited for, like commands
 * there. What it has elsewhere will not come here any more.
 */
static void claim_pieces(struct sweep_leg *leg, struct copy_op *op)
{
	for (unsigned i = 0; i < COPY_PIECES; i++) {
		struct copy_piece *piece = &op->run->piece[i];

		if (!piece->in_use || piece->cmd.lu != leg->sweep->lu)
			continue;
		if (piece->cmd.leg != NULL) {
			leg->in_line = true;
			continue;
		}
		piece->cmd.leg = leg;
		leg->waiting++;
	}
}

/* The operations themselves end from the loop, never from here. */
static void abort_copies(struct sweep_leg *leg, const struct list *copies)
{
	const struct taskset_sweep *sweep = leg->sweep;
	const struct list_node *node;

	LIST_FOR_EACH(node, copies)
	{
		struct copy_op *op = container_of(node, struct copy_op, link);

		if (!copy_run_concerns(op, sweep->lu) ||
		    !(sweep->ends_all_copies || sweep->choose(sweep, op->run->agent)))
			continue;
		if (!op->aborted)
			copy_run_abort(op);
		claim_pieces(leg, op);
	}
}

static void leg_run(struct message *message)
{
	struct sweep_leg *leg = container_of(message, struct sweep_leg, message);
	struct task_lane *lane = leg->lane;
	struct list_node *node;

	list_push_back(&lane->legs, &leg->link);
	leg->waiting = 1;
	LIST_FOR_EACH(node, &lane->sets)
	{
		struct nexus_lu *set = container_of(node, struct nexus_lu, link);

		if (leg->sweep->ends_copies)
			abort_copies(leg, &set->nexus->copies);
		if (leg->sweep->choose(leg->sweep, set->nexus))
			abort_set(leg, set);
	}
	if (leg->sweep->ends_copies)
		abort_copies(leg, &lane->gone);
	leg->waiting--;
	end_legs(lane);
}

/* ---- the sweep: on the caller's reactor -------------------------------------------- */

static void finished(struct message *message)
{
	struct taskset_sweep *sweep = container_of(message, struct taskset_sweep, finished);

	free(sweep->legs);
	sweep->legs = NULL;
	sweep->done(sweep);
}

int taskset_sweep(struct taskset_sweep *sweep)
{
	unsigned most = 0, count = 0;

	for (unsigned i = 0; i < SCSI_REACTORS_MAX; i++)
		most += lane_at(sweep->lu, i) != NULL;
	sweep->legs = calloc(most + 1, sizeof(*sweep->legs));
	if (sweep->legs == NULL)
		return -ENOMEM;
	sweep->with_status = lu_has_mode(sweep->lu, MODE_ABORTED_STATUS);
	/* One that comes meanwhile has no commands yet that would be older than the sweep. */
	for (unsigned i = 0; i < SCSI_REACTORS_MAX && count < most; i++) {
		struct sweep_leg *leg = &sweep->legs[count];

		leg->lane = lane_at(sweep->lu, i);
		if (leg->lane == NULL)
			continue;
		leg->sweep = sweep;
		leg->message.deliver = leg_run;
		count++;
	}
	sweep->finished.deliver = finished;
	/* The last leg may be done before this has sent them all: this counts as one. */
	atomic_store_explicit(&sweep->remaining, count + 1, memory_order_relaxed);
	for (unsigned i = 0; i < count; i++)
		reactor_send(sweep->legs[i].lane->reactor, &sweep->legs[i].message);
	if (atomic_fetch_sub_explicit(&sweep->remaining, 1, memory_order_acq_rel) == 1)
		reactor_send(sweep->reactor, &sweep->finished);
	return 0;
}

/* ---- a step of a command ------------------------------------------------------------ */

static void swept(struct taskset_sweep *sweep)
{
	/* The field is constant to everyone but its owner, which is CMD. */
	struct scsi_cmd *cmd = (struct scsi_cmd *)(uintptr_t)sweep->except;

	assert(cmd->phase == SCSI_PHASE_SWEEP);
	cmd->phase = SCSI_PHASE_RUNNING;
	cmd_drive(cmd, SCSI_AGAIN);
}

int cmd_sweep(struct scsi_cmd *cmd, struct taskset_sweep *sweep, int (*next)(struct scsi_cmd *cmd))
{
	sweep->lu = cmd->lu;
	sweep->reactor = cmd->nexus->reactor;
	sweep->asker = cmd->nexus;
	sweep->except = cmd;
	sweep->done = swept;
	cmd->resume = next;
	if (taskset_sweep(sweep) != 0)
		return cmd_status(cmd, SCSI_STATUS_BUSY);
	cmd->phase = SCSI_PHASE_SWEEP;
	return SCSI_MORE;
}
