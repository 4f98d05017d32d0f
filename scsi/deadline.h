/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A deadline for commands: whatever has not ended in so many seconds is
 * cancelled, and answered as soon as the store has let go of its memory. No
 * command has a timer: each reactor looks at the oldest of each task set now and then.
 */
#ifndef PINION_SCSI_DEADLINE_H
#define PINION_SCSI_DEADLINE_H

#include "scsi/lu.h"

/* LANE has its first task set, or none any more. On its reactor. */
void deadline_start(struct task_lane *lane);
void deadline_stop(struct task_lane *lane);

#endif
