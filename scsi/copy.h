/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Third-party copy inside the device server: the copy operation, the engine that
 * moves its data (copy_run.c) and what stays of it for those who ask later
 * (copy_results.c). SPC-5 section 5.19.
 *
 * An operation belongs to the I_T nexus that asked for it and runs on that nexus's
 * reactor, as do all calls here. It reads and writes through commands of its own that
 * never pass the gate; so it may outlive the command that began it (IMMED), and
 * for the time until its last I/O has ended even its nexus, whose loss aborts it.
 */
#ifndef PINION_SCSI_COPY_H
#define PINION_SCSI_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "scsi/command.h"
#include "scsi/lu.h"
#include "scsi/odx_token.h"

#define COPY_RUNNING_MAX   16u /* operations of one nexus at a time */
#define COPY_HELD_MAX      64u /* results of one nexus; the oldest make room */
#define COPY_PIECES        4u /* I/Os of one operation at a time */
#define COPY_PIECE_BYTES   (256u * 1024u) /* that go through memory of the arena */
#define COPY_OFFLOAD_BYTES (64u * 1024u * 1024u) /* that the store does by itself at a time */

/* COPY OPERATION STATUS; SPC-5, RECEIVE COPY STATUS(LID4). */
enum copy_status {
	COPY_DONE = 0x01,
	COPY_FAILED = 0x02,
	COPY_PARTIAL_TOKEN = 0x03, /* the token had less than was asked for */
	COPY_IN_FOREGROUND = 0x11,
	COPY_IN_BACKGROUND = 0x12,
	COPY_TERMINATED = 0x60,
};

/* Which device an error is of. */
enum copy_whose { COPY_OWN, COPY_SOURCE, COPY_DESTINATION };

/* Why an operation failed. */
struct copy_failure {
	uint8_t key;
	uint16_t code; /* ASC << 8 | ASCQ */
	bool has_segment;
	uint16_t segment;
	/* what the device said, where it is one of those that were copied between */
	uint8_t whose; /* enum copy_whose */
	uint8_t status;
	uint8_t sense_length;
	uint8_t sense[SCSI_SENSE_MAX];
};

/* Bytes of the source, which need not be whole blocks of it. */
struct copy_part {
	uint64_t from_at;
	uint32_t length;
};

#define COPY_PARTS_MAX 8u /* the smallest blocks in one of the largest */

/* A stretch of blocks on their way. */
struct copy_span {
	struct scsi_lu *from; /* NULL: zeros */
	struct scsi_lu *to;
	uint64_t from_at, to_at; /* bytes */
	uint64_t from_length; /* less than to_length: zeros follow; more: the rest is dropped */
	uint64_t to_length;
	struct odx_token *token; /* NULL, or what FROM must still be true to */
	/* Where block sizes differ: TO_LENGTH, a block at most, is put together from these. 0: as above. */
	unsigned parts;
	struct copy_part part[COPY_PARTS_MAX];
};

struct copy_op;

/* What is copied: the kind of an operation. */
struct copy_plan {
	/* The next span, in OUT, when all before it has been written. 1, 0 at the end, or -1 with op->failure. */
	int (*next)(struct copy_op *op, struct copy_span *out);
	/* All I/O has ended; failure is known. Its memory beyond the operation's is given back. */
	void (*ended)(struct copy_op *op);
	bool has_segments; /* errors tell the segment: op->segments */
};

/* One I/O of an operation. */
struct copy_piece {
	struct scsi_cmd cmd;
	struct scsi_cmd source; /* holds the source's range while the store copies by itself */
	struct copy_op *op;
	uint64_t number; /* bytes of the operation that come before */
	uint64_t from_at, to_at; /* bytes */
	uint64_t from_length, to_length;
	uint64_t done; /* of to_length, by the store itself */
	unsigned part; /* of a span of parts: the one that is read */
	uint32_t gathered; /* and the bytes of those before */
	bool in_use;
	uint8_t whose; /* enum copy_whose: whom the present I/O is of */
};

/* What there is of an operation only while it runs. */
struct copy_run {
	struct copy_op *op;
	struct deferred turn;
	struct scsi_nexus *agent; /* whose the pieces' commands are */
	struct copy_span span;
	struct orphan orphan; /* of span.to, when the nexus is lost */
	const struct scsi_lu *from, *to; /* of the span before */
	uint64_t span_done; /* bytes of to_length that are on their way or written */
	uint64_t issued; /* the same of all spans */
	uint64_t failed_at; /* the first byte, counted like ISSUED, that was not written */
	uint32_t resets; /* of the logical unit, when it began */
	unsigned flying;
	bool has_span;
	bool is_alone; /* one piece at a time: source and destination overlap */
	bool offloads; /* the store has not refused yet */
	bool has_offloaded; /* nor is it the first time that it is asked */
	bool stops;
	bool ends; /* there are no more spans */
	struct copy_piece piece[COPY_PIECES];
};

struct copy_op {
	struct list_node link; /* of the nexus's; when that is gone, of a task_lane's */
	struct scsi_nexus *nexus; /* NULL: gone */
	struct reactor *reactor;
	struct scsi_lu *lu; /* whose copy manager */
	const struct copy_plan *plan;
	void *work; /* the plan's */
	struct copy_run *run; /* while it runs */
	struct scsi_cmd *cmd; /* that waits for it, NULL: none */
	struct scsi_cmd *aborter; /* COPY OPERATION ABORT that waits for it, NULL: none */
	bool has_id;
	bool is_held; /* the result is for those who ask */
	bool aborted;
	bool has_failed;
	bool has_token;
	bool is_partial; /* the token has less than was asked for */
	bool has_told_status,
		has_told_failure; /* to whom asked by LID1: what it has come to, once */
	uint32_t resets; /* of the logical unit, when it began: a result does not outlast one */
	uint32_t id;
	uint8_t action; /* SERVICE ACTION of the command */
	uint8_t state; /* enum copy_status */
	uint8_t scsi_status; /* of the command, or as it would have been */
	uint16_t counter; /* OPERATION COUNTER */
	uint16_t segments; /* that have been processed */
	uint64_t moved; /* bytes written */
	struct copy_failure failure;
	uint8_t token[ODX_TOKEN_LENGTH];
};

/* ---- copy.c: what all operations have in common ------------------------------------ */

/*
 * A new operation of CMD's nexus, with the list identifier ID where HAS_ID.
 * NULL: CMD has been ended with why not (the identifier is in use, too many run).
 */
struct copy_op *copy_create(struct scsi_cmd *cmd, const struct copy_plan *plan, bool has_id,
			    uint32_t id);
/* Forgets OP, which does not run. */
void copy_forget(struct copy_op *op);
/* Starts it for CMD, which waits for its end, or not where BACKGROUND: to be returned by CMD's step. */
int copy_start(struct scsi_cmd *cmd, struct copy_op *op, bool background);
/* Of copy_run.c: OP has come to its end. */
void copy_ended(struct copy_op *op);
/* CMD, which waits for a copy operation, is to be aborted. */
void copy_cmd_abort(struct scsi_cmd *cmd);
/* I_T nexus loss: what runs is aborted. */
void copy_nexus_lost(struct scsi_nexus *nexus);
/* The nexus goes: what runs goes on without it to its early end, the results are forgotten. */
void copy_nexus_gone(struct scsi_nexus *nexus);
/* The operation of NEXUS at LU by its list identifier, or NULL. */
struct copy_op *copy_find(struct scsi_nexus *nexus, const struct scsi_lu *lu, uint32_t id);

/*
 * Whether NEXUS, which has LU, may read it (or write, where WRITES) by a copy now: reservations
 * and write protection. Otherwise FAILURE has the status that LU would answer with, and its sense.
 */
bool copy_may_access(struct scsi_nexus *nexus, struct scsi_lu *lu, bool writes,
		     struct copy_failure *failure);

/* Copies the parameter list that CMD has received into memory of its own: NULL when there is none. */
uint8_t *copy_take_list(struct scsi_cmd *cmd);

/* ---- copy_run.c ---------------------------------------------------------------------- */

/* -ENOMEM. copy_ended is called later, never from here. */
int copy_run_start(struct copy_op *op);
void copy_run_abort(struct copy_op *op);
/* The nexus of OP, which runs, is lost: until what is under way has ended, who comes back waits. */
void copy_run_orphan(struct copy_op *op);
/* Whether OP runs, and was asked of LU or has I/O there. */
bool copy_run_concerns(const struct copy_op *op, const struct scsi_lu *lu);
void copy_run_free(struct copy_run *run);

/* ---- copy_sense.c -------------------------------------------------------------------- */

/* Sense data for FAILURE. Returns the bytes used. */
uint8_t copy_sense_encode(const struct copy_failure *failure, bool descriptor,
			  uint8_t out[SCSI_SENSE_MAX]);

struct copy_flaw;
/* Ends CMD for what is wrong with its parameter list. SCSI_DONE. */
int copy_refuse_list(struct scsi_cmd *cmd, const struct copy_flaw *flaw);

/* ---- commands; copy.c, copy_extended.c, copy_results.c, odx.c ------------------------------ */

int spc_extended_copy(struct scsi_cmd *cmd);
int spc_copy_operation_abort(struct scsi_cmd *cmd);
int spc_copy_status_lid1(struct scsi_cmd *cmd, struct cursor *out);
int spc_copy_parameters(struct scsi_cmd *cmd, struct cursor *out);
int spc_failed_segment(struct scsi_cmd *cmd, struct cursor *out);
int spc_copy_status_lid4(struct scsi_cmd *cmd, struct cursor *out);
int sbc_populate_token(struct scsi_cmd *cmd);
int sbc_write_using_token(struct scsi_cmd *cmd);
int spc_rod_token_information(struct scsi_cmd *cmd, struct cursor *out);
int spc_report_rod_tokens(struct scsi_cmd *cmd);

#endif
