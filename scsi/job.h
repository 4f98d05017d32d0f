/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Jobs: long work on a whole logical unit (SANITIZE, FORMAT UNIT) that goes on
 * whatever becomes of the command that asked for it. SBC-4 sections 4.11 and 4.33.
 *
 * While a job is under way, and after one has failed, the logical unit is in
 * trouble: the gate refuses most commands. What the trouble is survives a crash
 * where there is a keeper; a job that a crash interrupts has failed. Before a job
 * changes anything, all other commands of the logical unit have ended.
 */
#ifndef PINION_SCSI_JOB_H
#define PINION_SCSI_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "scsi/command.h"
#include "scsi/lu.h"
#include "scsi/sense.h"

/* Why most commands are refused. The values are kept: they never change. */
enum lu_trouble {
	TROUBLE_NONE = 0,
	TROUBLE_SANITIZE = 1, /* under way */
	TROUBLE_FORMAT = 2,
	TROUBLE_SANITIZE_FAILED = 3, /* in unrestricted completion mode: it can be left */
	TROUBLE_SANITIZE_FAILED_RESTRICTED = 4,
	TROUBLE_FORMAT_FAILED = 5,
};

/* First so many passes of writing a pattern, then perhaps one that frees or zeroes everything. */
struct job_plan {
	enum lu_trouble during;
	enum lu_trouble failure; /* the trouble when it does not succeed */
	bool immediate; /* status comes as soon as it has begun */
	unsigned passes;
	bool invert; /* the pattern between two passes */
	const uint8_t *pattern; /* at the start of each block, and again until its end */
	uint32_t pattern_length;
	bool clears;
	enum store_op clear; /* STORE_DISCARD or STORE_WRITE_ZEROES */
};

/* A step of CMD: begins the job; what PLAN points to is copied. */
int job_start(struct scsi_cmd *cmd, const struct job_plan *plan);
/* CMD, which is in SCSI_PHASE_JOB, is aborted: the job goes on without it. */
void job_forget(struct scsi_cmd *cmd);
/* A step of CMD: a failed sanitize operation is left as it is, and the logical unit used again. */
int job_exit_failure(struct scsi_cmd *cmd);

static inline enum lu_trouble lu_trouble(const struct scsi_lu *lu)
{
	return (enum lu_trouble)atomic_load_explicit(&lu->trouble, memory_order_relaxed);
}

/* What is wrong with LU, which is in trouble. */
struct sense job_sense(const struct scsi_lu *lu);
/* Whether the trouble that LU is in lets OP pass. */
bool job_lets_pass(const struct scsi_lu *lu, const struct scsi_op *op);

/* --- of the logical unit --- */

/* Brings back the trouble that was kept. 0 or -ENOMEM. */
int job_create(struct scsi_lu *lu);
void job_destroy(struct scsi_lu *lu);

#endif
