/* SPDX-License-Identifier: BSD-2-Clause */
/* Deadlines for commands; see deadline.h. */
#include "scsi/deadline.h"

#include "base/container.h"
#include "base/log.h"
#include "scsi/command.h"
#include "scsi/taskset.h"

enum {
	LOOKS = 4, /* in the time that a command has */
	INTERVAL_MAX_MS = 5000,
	UNLIMITED_S = UINT16_MAX, /* what a command recommends that takes as long as it takes */
};

static uint64_t interval_ms(const struct scsi_lu *lu)
{
	return min(lu->command_timeout_s * UINT64_C(1000) / LOOKS, (uint64_t)INTERVAL_MAX_MS);
}

static bool is_exempt(const struct scsi_cmd *cmd)
{
	return cmd->aborted || (cmd->op != NULL && cmd->op->recommended_s == UNLIMITED_S);
}

/* The oldest that is over its time and has not been cancelled, or NULL. */
static struct scsi_cmd *find_late(const struct nexus_lu *set, uint64_t latest_ns)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &set->commands)
	{
		struct scsi_cmd *cmd = container_of(node, struct scsi_cmd, link);

		if (cmd->started_ns > latest_ns)
			return NULL;
		if (!is_exempt(cmd))
			return cmd;
	}
	return NULL;
}

static void cancel_late(struct task_lane *lane, struct nexus_lu *set, uint64_t latest_ns)
{
	unsigned late = 0, stuck = 0;
	struct scsi_cmd *cmd;
	struct list_node *node;

	while ((cmd = find_late(set, latest_ns)) != NULL) {
		late++;
		taskset_terminate(cmd, FATE_TIMED_OUT);
	}
	if (late == 0)
		return;
	LIST_FOR_EACH(node, &set->commands)
		stuck += container_of(node, struct scsi_cmd, link)->aborted;
	log_limited(&lane->limit, LOG_LEVEL_WARNING,
		    "scsi: %s, LUN %u: %u commands of %s were not done in %u s and are cancelled"
		    "; %u of its commands are stuck",
		    set->nexus->target->name, (unsigned)(set - set->nexus->lu), late,
		    set->nexus->initiator_port, lane->lu->command_timeout_s, stuck);
}

static void look(struct timer *timer)
{
	struct task_lane *lane = container_of(timer, struct task_lane, deadline);
	uint64_t now = reactor_now_ns(lane->reactor);
	uint64_t allowed = lane->lu->command_timeout_s * CLOCK_NS_PER_S;
	struct list_node *node;

	if (now > allowed) {
		LIST_FOR_EACH(node, &lane->sets)
			cancel_late(lane, container_of(node, struct nexus_lu, link), now - allowed);
	}
	reactor_timer_start(lane->reactor, timer, interval_ms(lane->lu));
}

void deadline_start(struct task_lane *lane)
{
	if (lane->lu->command_timeout_s == 0)
		return;
	lane->deadline.expired = look;
	reactor_timer_start(lane->reactor, &lane->deadline, interval_ms(lane->lu));
}

void deadline_stop(struct task_lane *lane)
{
	reactor_timer_stop(lane->reactor, &lane->deadline);
}
