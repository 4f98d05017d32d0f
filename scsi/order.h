/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Task attributes and ACA within the task set of an I_T nexus: SAM-5 sections 8
 * (task set management) and 5.9 (ACA), QERR of the control mode page.
 *
 * As long as all commands of a task set are SIMPLE and none has failed with NACA,
 * `special` is zero and nothing here is called. A command that must wait is
 * dormant: it is in the task set and nowhere else, with room for the data-out
 * that comes unasked.
 */
#ifndef PINION_SCSI_ORDER_H
#define PINION_SCSI_ORDER_H

#include <stdbool.h>

#include "scsi/lu.h"
#include "scsi/scsi.h"

void order_init(struct nexus_lu *set);
/* Its logical unit and nexus are complete: whether it has a past to wait for. */
void order_join(struct nexus_lu *set);
/* Its task set is empty and comes to an end. */
void order_fini(struct nexus_lu *set);

/*
 * CMD has just come and is the last of its task set: SCSI_AGAIN when it may go on now,
 * SCSI_MORE when it is dormant, SCSI_DONE when it has been refused.
 */
int order_admit(struct scsi_cmd *cmd);

/* CMD has left its task set, which is a special one. */
void order_left(struct scsi_cmd *cmd);

/* CMD ends with CHECK CONDITION: NACA, QERR. It has left its task set. */
void order_check_condition(struct scsi_cmd *cmd);

/* CMD, which is dormant, is not to wait any more: it has been aborted. */
void order_forget(struct scsi_cmd *cmd);

/* There is no ACA any more, if there was one. */
void order_clear_aca(struct nexus_lu *set);

static inline bool order_concerns(const struct scsi_cmd *cmd)
{
	return cmd->set != NULL &&
	       (cmd->attribute > SCSI_SIMPLE || cmd->set->order.special != 0);
}

#endif
