/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Task sets across reactors: the end of other nexuses' commands. SAM-5 sections
 * 5.6 (aborting commands) and 7 (task management).
 *
 * A task set is an I_T nexus's (TST 001b) and belongs to its reactor. What must
 * reach those of all nexuses (LOGICAL UNIT RESET, PREEMPT AND ABORT) is a
 * sweep: it goes as a message to every reactor that has nexuses of the logical
 * unit, aborts there what it concerns, and comes back when that has ended.
 */
#ifndef PINION_SCSI_TASKSET_H
#define PINION_SCSI_TASKSET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "scsi/scsi.h"

struct copy_op;
struct sweep_leg;

/* One sweep over the task sets of a logical unit. Embedded by whoever wants it. */
struct taskset_sweep {
	/* of the caller, constant until done */
	struct scsi_lu *lu;
	struct reactor *reactor; /* whose thread this is, and on which DONE comes */
	/*
	 * Whether the commands of NEXUS are to end. On the thread of NEXUS, which is on
	 * others' behalf: what it reads of the caller must be constant.
	 */
	bool (*choose)(const struct taskset_sweep *sweep, const struct scsi_nexus *nexus);
	/*
	 * On whose behalf: its own commands end without a word. Those of other nexuses end
	 * with TASK ABORTED status where the TAS bit is set. Compared, never followed.
	 */
	const struct scsi_nexus *asker;
	bool only_aca; /* only commands with the ACA attribute */
	/*
	 * Copy operations that have to do with the logical unit end, too, and what they have under way
	 * there is waited for: of the nexuses that CHOOSE accepts (asked by one that stands for
	 * them), or of all.
	 */
	bool ends_copies, ends_all_copies;
	const struct scsi_cmd *except; /* this one goes on: it asks. Or NULL */
	/* Where TAS is not set, whoever loses commands hears COMMANDS CLEARED BY ANOTHER INITIATOR. */
	bool tell;
	void (*done)(struct taskset_sweep *sweep);

	/* of taskset.c */
	bool with_status; /* TAS as it was when the sweep began: a reset changes it */
	struct message finished;
	_Atomic unsigned remaining;
	struct sweep_leg *legs;
};

/*
 * Aborts the commands of all nexuses that CHOOSE accepts, on all reactors. DONE
 * follows once, from the reactor's loop and never from here, when each of them has
 * completed. -ENOMEM: nothing has been done, and DONE does not come.
 *
 * A command that itself waits for a sweep (SCSI_PHASE_SWEEP) is aborted, too, but not
 * waited for: two that abort each other would wait for ever.
 */
int taskset_sweep(struct taskset_sweep *sweep);

/*
 * The same as a step of CMD: continues with NEXT when all have ended. SWEEP needs only
 * choose and tell, and is CMD's until then; CMD itself is not aborted by it.
 */
int cmd_sweep(struct scsi_cmd *cmd, struct taskset_sweep *sweep,
	      int (*next)(struct scsi_cmd *cmd));

/* --- of the device server --- */

/* How an aborted command ends: cmd->fate. */
enum scsi_fate {
	FATE_SILENT, /* nothing is sent */
	FATE_TASK_ABORTED, /* status TASK ABORTED */
	FATE_TIMED_OUT, /* CHECK CONDITION: deadline.h */
};

/* The task sets of a new nexus, on its reactor, are found by sweeps from now on. 0 or -ENOMEM. */
int taskset_join(struct scsi_nexus *nexus);
void taskset_leave(struct scsi_nexus *nexus);
/* Aborts CMD, which then ends with FATE; it may be gone when this returns. */
void taskset_terminate(struct scsi_cmd *cmd, enum scsi_fate fate);
/* Aborts all commands of SET on its own nexus's behalf, with no answer; on its reactor. */
void taskset_abort(struct nexus_lu *set);
/* An aborted CMD has completed: whoever waits for it hears of it. */
void taskset_ended(struct scsi_cmd *cmd);
/* The nexus of OP, which runs, is gone; sweeps find it all the same until it has ended. */
void taskset_copy_gone(struct copy_op *op);
/* The reactors have stopped. */
void taskset_destroy(struct scsi_lu *lu);

#endif
