/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Moving the data of a copy operation: a few pieces at a time, each a command of
 * its own that reads into memory of the arena and writes from it, or has the store
 * copy by itself. Pieces enter ranges like all other I/O, one at a time, so that
 * what has blocks to itself (COMPARE AND WRITE) is not disturbed and nobody waits
 * in a circle. New pieces are started from the reactor's loop, COPY_PIECES in a turn.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "scsi/copy.h"
#include "scsi/job.h"
#include "scsi/odx_token.h"
#include "scsi/orphan.h"
#include "scsi/range.h"
#include "scsi/mode.h"
#include "scsi/sense.h"
#include "scsi/taskset.h"

enum {
	THIRD_PARTY_DEVICE_FAILURE = 0x0d01,
	TOKEN_CANCELLED = 0x2308,
	MEDIUM_NOT_PRESENT = 0x3a02, /* the tray is open */
	INSUFFICIENT_RESOURCES = 0x5503,
};

static struct copy_piece *piece_of(struct scsi_cmd *cmd)
{
	return container_of(cmd, struct copy_piece, cmd);
}

static uint64_t block_at(const struct scsi_lu *lu, uint64_t byte)
{
	return byte >> lu->block_shift;
}

/* ---- failing ------------------------------------------------------------------------ */

/* The operation ends, with whatever fails earliest in it. */
static void fail(struct copy_run *run, uint64_t at, const struct copy_failure *failure)
{
	struct copy_op *op = run->op;

	run->stops = true;
	if (at >= run->failed_at)
		return;
	run->failed_at = at;
	op->has_failed = true;
	op->failure = *failure;
	op->failure.has_segment = op->plan->has_segments;
	op->failure.segment = op->segments;
}

static void fail_piece(struct copy_piece *piece)
{
	const struct scsi_cmd *cmd = &piece->cmd;
	struct copy_failure failure = {
		.key = SENSE_KEY_COPY_ABORTED,
		.code = THIRD_PARTY_DEVICE_FAILURE,
		.whose = piece->whose,
		.status = cmd->status,
		.sense_length = cmd->sense_length,
	};

	memcpy(failure.sense, cmd->sense, cmd->sense_length);
	if (piece->whose == COPY_OWN) {
		failure.key = SENSE_KEY_ILLEGAL_REQUEST;
		failure.code = TOKEN_CANCELLED;
	}
	fail(piece->op->run, piece->number + piece->done, &failure);
}

/* What the piece has of the source is no longer what the token stands for. */
static int token_is_lost(struct scsi_cmd *cmd)
{
	piece_of(cmd)->whose = COPY_OWN;
	return cmd_status(cmd, SCSI_STATUS_CHECK_CONDITION);
}

static bool has_lost_token(const struct copy_piece *piece)
{
	const struct odx_token *token = piece->op->run->span.token;

	return token != NULL && !odx_token_is_valid(token);
}

/* ---- the steps of a piece ------------------------------------------------------------ */

static int next_part(struct scsi_cmd *cmd);

/* So many bytes of the piece are read and written through memory at a time. */
static uint32_t part_length(const struct copy_piece *piece)
{
	return (uint32_t)min(piece->to_length - piece->done, (uint64_t)COPY_PIECE_BYTES);
}

static uint32_t part_from_length(const struct copy_piece *piece)
{
	return (uint32_t)min(piece->from_length - min(piece->done, piece->from_length),
			     (uint64_t)COPY_PIECE_BYTES);
}

static int part_written(struct scsi_cmd *cmd)
{
	struct copy_piece *piece = piece_of(cmd);

	piece->done += cmd->io.length;
	return next_part(cmd);
}

static void pad_with_zeros(struct extents *data, uint32_t from, uint32_t to)
{
	static const uint8_t zeros[512];

	while (from < to) {
		uint32_t length = min(to - from, (uint32_t)sizeof(zeros));

		extents_copy_in(data, from, zeros, length);
		from += length;
	}
}

static int write_part(struct scsi_cmd *cmd)
{
	struct copy_piece *piece = piece_of(cmd);
	struct scsi_lu *to = piece->op->run->span.to;
	uint32_t length = part_length(piece);

	if (has_lost_token(piece))
		return token_is_lost(cmd);
	pad_with_zeros(&cmd->data, part_from_length(piece), length);
	piece->whose = COPY_DESTINATION;
	cmd->lu = to;
	return cmd_submit_data(cmd, STORE_WRITE, block_at(to, piece->to_at + piece->done), length,
			       &cmd->data, part_written);
}

static int read_part(struct scsi_cmd *cmd)
{
	struct copy_piece *piece = piece_of(cmd);
	struct scsi_lu *from = piece->op->run->span.from;
	uint32_t length = part_from_length(piece);

	if (length == 0)
		return write_part(cmd);
	piece->whose = COPY_SOURCE;
	cmd->lu = from;
	return cmd_submit_data(cmd, STORE_READ, block_at(from, piece->from_at + piece->done),
			       length, &cmd->data, write_part);
}

/*
 * ---- a block put together from parts; behind it in memory there is room for the two
 * blocks of the source that a part of it may lie in
 */

static int gather_part(struct scsi_cmd *cmd);

static int part_gathered(struct scsi_cmd *cmd)
{
	struct copy_piece *piece = piece_of(cmd);
	const struct copy_span *span = &piece->op->run->span;
	const struct copy_part *part = &span->part[piece->part++];
	uint32_t at = (uint32_t)(part->from_at % span->from->block_size), moved = 0;
	uint8_t bytes[512];

	while (moved < part->length) {
		uint32_t length = min(part->length - moved, (uint32_t)sizeof(bytes));

		extents_copy_out(&cmd->scratch, at + moved, bytes, length);
		extents_copy_in(&cmd->data, piece->gathered + moved, bytes, length);
		moved += length;
	}
	piece->gathered += moved;
	return gather_part(cmd);
}

static int gather_part(struct scsi_cmd *cmd)
{
	struct copy_piece *piece = piece_of(cmd);
	const struct copy_span *span = &piece->op->run->span;
	const struct copy_part *part = &span->part[piece->part];
	struct scsi_lu *from = span->from;
	uint64_t begin, end;

	if (piece->part == span->parts)
		return write_part(cmd);
	begin = align_down(part->from_at, from->block_size);
	end = align_up(part->from_at + part->length, from->block_size);
	piece->whose = COPY_SOURCE;
	cmd->lu = from;
	extents_slice(&cmd->data, (uint32_t)piece->to_length, (uint32_t)(end - begin),
		      &cmd->scratch);
	return cmd_submit_data(cmd, STORE_READ, block_at(from, begin), (uint32_t)(end - begin),
			       &cmd->scratch, part_gathered);
}

static int gather(struct copy_piece *piece)
{
	const struct copy_span *span = &piece->op->run->span;

	piece->part = 0;
	piece->gathered = 0;
	return cmd_memory(&piece->cmd,
			  (uint32_t)(piece->to_length + piece->to_length + span->from->block_size),
			  gather_part);
}

static int next_part(struct scsi_cmd *cmd)
{
	struct copy_piece *piece = piece_of(cmd);

	if (piece->done >= piece->to_length)
		return SCSI_DONE;
	return cmd_memory(cmd, max(part_length(piece), part_from_length(piece)), read_part);
}

/* The store has copied cmd->io.run bytes; what it would not copy is read and written. */
static int offloaded(struct scsi_cmd *cmd)
{
	struct copy_piece *piece = piece_of(cmd);

	range_leave(&piece->source);
	if (has_lost_token(piece))
		return token_is_lost(cmd);
	piece->done = cmd->io.run;
	if (cmd->io.run < cmd->io.range)
		piece->op->run->offloads = false;
	piece->op->run->has_offloaded = true;
	return next_part(cmd);
}

static int start_offload(struct copy_piece *piece)
{
	const struct copy_span *span = &piece->op->run->span;
	uint64_t bytes = piece->to_length;
	struct scsi_cmd *cmd = &piece->cmd;

	/* Neither has to wait at a fence: that was asked just now. */
	range_enter(&piece->source, block_at(span->from, piece->from_at),
		    block_at(span->from, bytes));
	piece->whose = COPY_DESTINATION;
	cmd->lu = span->to;
	return cmd_submit_copy(cmd, span->from->store, piece->from_at,
			       block_at(span->to, piece->to_at), block_at(span->to, bytes),
			       offloaded);
}

static int zeroed(struct scsi_cmd *cmd)
{
	piece_of(cmd)->done = cmd->io.range;
	return SCSI_DONE;
}

static int start_zeroes(struct copy_piece *piece)
{
	struct scsi_lu *to = piece->op->run->span.to;
	bool discards = to->thin && to->store->traits.discard_zeroes;

	piece->whose = COPY_DESTINATION;
	piece->cmd.lu = to;
	/* The zero token's protection information is no information: SBC-4 section 4.28.4. */
	piece->cmd.io.flags |= STORE_UNCHECKED;
	return cmd_submit_range(&piece->cmd, discards ? STORE_DISCARD : STORE_WRITE_ZEROES,
				block_at(to, piece->to_at), block_at(to, piece->to_length), zeroed);
}

/* ---- pieces -------------------------------------------------------------------------- */

static void plug(struct copy_run *run)
{
	reactor_defer(run->op->reactor, &run->turn);
}

static void piece_received(struct scsi_cmd *cmd)
{
	(void)cmd;
	assert(!"a piece of a copy receives no data");
}

static void touch(struct scsi_lu *lu, unsigned count)
{
	if (lu != NULL)
		atomic_fetch_add(&lu->copying, count);
}

/* Not in use any more. */
static void leave_piece(struct copy_piece *piece)
{
	struct copy_run *run = piece->op->run;

	touch(run->span.from, -1u);
	touch(run->span.to, -1u);
	piece->in_use = false;
	run->flying--;
}

/*
 * SANITIZE or FORMAT UNIT goes on there, or has failed; or there is no medium. Whoever begins such
 * a thing says so first and then waits until nobody touches the medium; so it is seen here, or we are.
 */
static bool is_kept_out(struct copy_piece *piece, const struct scsi_lu *lu, enum copy_whose whose)
{
	struct copy_failure failure = {
		.key = SENSE_KEY_COPY_ABORTED,
		.code = THIRD_PARTY_DEVICE_FAILURE,
		.whose = whose,
		.status = SCSI_STATUS_CHECK_CONDITION,
	};
	struct sense sense;

	atomic_thread_fence(memory_order_seq_cst);
	if (lu == NULL || LIKELY(lu_trouble(lu) == TROUBLE_NONE && !lu_is_ejected(lu)))
		return false;
	if (lu_is_ejected(lu))
		sense = (struct sense){ .key = SENSE_KEY_NOT_READY, .code = MEDIUM_NOT_PRESENT };
	else
		sense = job_sense(lu);
	failure.sense_length =
		sense_encode(&sense, lu_has_mode(lu, MODE_DESCRIPTOR_SENSE), failure.sense);
	fail(piece->op->run, piece->number, &failure);
	return true;
}

/*
 * What the span's beginning found out may not be so any more: whoever has been preempted must
 * not go on. Who reads by a token needs no access to where the data is.
 */
static bool has_lost_access(struct copy_piece *piece)
{
	struct copy_run *run = piece->op->run;
	const struct copy_span *span = &run->span;
	struct scsi_nexus *nexus = piece->op->nexus;
	struct copy_failure failure;

	if ((span->from == NULL || span->token != NULL ||
	     copy_may_access(nexus, span->from, false, &failure)) &&
	    copy_may_access(nexus, span->to, true, &failure))
		return false;
	fail(run, piece->number, &failure);
	return true;
}

static void piece_ended(struct scsi_cmd *cmd)
{
	struct copy_piece *piece = piece_of(cmd);
	struct copy_run *run = piece->op->run;

	range_leave(&piece->source);
	if (cmd->aborted) {
		run->stops = true;
		run->failed_at = min(run->failed_at, piece->number + piece->done);
	} else if (cmd->status != SCSI_STATUS_GOOD) {
		fail_piece(piece);
	}
	scsi_cmd_release(cmd);
	leave_piece(piece);
	run->op->counter++;
	plug(run);
}

static const struct scsi_port_ops piece_port = {
	.receive_data_out = piece_received,
	.complete = piece_ended,
};

static void prepare_cmd(struct scsi_cmd *cmd, struct copy_run *run, struct scsi_lu *lu)
{
	cmd->nexus = run->agent;
	cmd->port = &piece_port;
	cmd->lu = lu;
	cmd->op = NULL;
	cmd->status = SCSI_STATUS_GOOD;
	cmd->aborted = false;
	cmd->fate = FATE_SILENT;
	cmd->leg = NULL;
	cmd->sense_length = 0;
	cmd->flags = 0;
	cmd->io.flags = 0;
	cmd->phase = SCSI_PHASE_RUNNING;
	extents_init(&cmd->data);
	extents_init(&cmd->scratch);
	list_node_init(&cmd->range.link);
	list_node_init(&cmd->link);
}

/* Whether the store may try the next BYTES of the span by itself. */
static bool can_offload(const struct copy_run *run, const struct copy_piece *piece, uint64_t bytes)
{
	const struct copy_span *span = &run->span;
	uint64_t from_at = span->from_at + run->span_done;

	/* The store does not say when a copy of its own is durable. */
	return run->offloads && !run->is_alone && span->parts == 0 &&
	       !lu_has_mode(span->to, MODE_WRITE_THROUGH) && span->from_length == span->to_length &&
	       !range_is_fenced(&piece->source, block_at(span->from, from_at),
				block_at(span->from, bytes)) &&
	       !range_is_fenced(&piece->cmd, block_at(span->to, span->to_at + run->span_done),
				block_at(span->to, bytes));
}

/* Takes the next part of the span. Backwards where what is read would otherwise be overwritten before. */
static void take_part(struct copy_run *run, struct copy_piece *piece, uint64_t bytes)
{
	const struct copy_span *span = &run->span;
	uint64_t at = run->span_done;

	if (run->is_alone && span->to_at > span->from_at && span->from_length == span->to_length)
		at = span->to_length - run->span_done - bytes;
	piece->number = run->issued;
	piece->from_at = span->from_at + at;
	piece->to_at = span->to_at + at;
	piece->to_length = bytes;
	piece->from_length = min(span->from_length - min(at, span->from_length), bytes);
	/* What does not fill a block of the destination is read with the last piece. */
	if (at + bytes == span->to_length && span->from_length > at)
		piece->from_length = span->from_length - at;
	piece->done = 0;
	run->span_done += bytes;
	run->issued += bytes;
}

static void start_piece(struct copy_run *run, struct copy_piece *piece)
{
	const struct copy_span *span = &run->span;
	uint64_t left = span->to_length - run->span_done;
	uint64_t most = min(left, (uint64_t)COPY_OFFLOAD_BYTES);
	bool offloads;
	int step;

	piece->in_use = true;
	piece->number = run->issued;
	run->flying++;
	touch(span->from, 1);
	touch(span->to, 1);
	if (is_kept_out(piece, span->from, COPY_SOURCE) ||
	    is_kept_out(piece, span->to, COPY_DESTINATION) || has_lost_access(piece)) {
		leave_piece(piece);
		return;
	}
	prepare_cmd(&piece->cmd, run, span->to);
	prepare_cmd(&piece->source, run, span->from);
	if (span->from == NULL) {
		take_part(run, piece, most);
		cmd_drive(&piece->cmd, start_zeroes(piece));
		return;
	}
	/* Whether the store does it is found out with little, lest one piece has all the work. */
	if (!run->has_offloaded || !run->offloads)
		most = min(left, (uint64_t)COPY_PIECE_BYTES);
	offloads = can_offload(run, piece, most);
	take_part(run, piece, offloads ? most : min(left, (uint64_t)COPY_PIECE_BYTES));
	if (span->parts > 0)
		step = gather(piece);
	else
		step = offloads ? start_offload(piece) : next_part(&piece->cmd);
	cmd_drive(&piece->cmd, step);
}

/* ---- the operation ------------------------------------------------------------------- */

static bool overlaps(const struct copy_span *span)
{
	return span->from == span->to && span->from_at < span->to_at + span->to_length &&
	       span->to_at < span->from_at + span->from_length;
}

static void fail_for_memory(struct copy_run *run)
{
	struct copy_failure failure = {
		.key = SENSE_KEY_COPY_ABORTED,
		.code = INSUFFICIENT_RESOURCES,
	};

	fail(run, run->issued, &failure);
}

static bool begin_span(struct copy_run *run)
{
	struct copy_op *op = run->op;
	struct copy_span *span = &run->span;

	run->span_done = 0;
	run->is_alone = overlaps(span);
	if (run->from != span->from || run->to != span->to) {
		run->offloads = true;
		run->has_offloaded = false;
	}
	run->from = span->from;
	run->to = span->to;
	if (range_join(span->to, op->reactor) == 0 &&
	    (span->from == NULL || range_join(span->from, op->reactor) == 0))
		return true;
	fail_for_memory(run);
	return false;
}

/* Whether there is something to be moved now. */
static bool has_work(struct copy_run *run)
{
	struct copy_op *op = run->op;
	int rc;

	while (!run->has_span || run->span_done == run->span.to_length) {
		/* A piece in flight still needs the span that it is of. */
		if (run->flying > 0)
			return false;
		run->has_span = false;
		rc = op->plan->next(op, &run->span);
		if (rc < 0) {
			op->has_failed = true;
			run->failed_at = run->issued;
			run->stops = true;
			return false;
		}
		if (rc == 0) {
			run->ends = true;
			return false;
		}
		if (!begin_span(run))
			return false;
		run->has_span = true;
	}
	return !run->is_alone || run->flying == 0;
}

static struct copy_piece *free_piece(struct copy_run *run)
{
	for (unsigned i = 0; i < COPY_PIECES; i++) {
		if (!run->piece[i].in_use)
			return &run->piece[i];
	}
	return NULL;
}

static void finish(struct copy_run *run)
{
	struct copy_op *op = run->op;
	struct scsi_lu *lu = op->lu;

	op->moved = min(run->issued, run->failed_at);
	op->run = NULL;
	/* A piece that ended in this turn has asked for another. */
	reactor_undefer(op->reactor, &run->turn);
	if (list_is_linked(&run->orphan.link))
		orphan_remove(run->span.to, &run->orphan);
	copy_run_free(run);
	op->plan->ended(op);
	copy_ended(op);
	/* Last: whoever waits for it may then destroy the logical unit. */
	atomic_fetch_sub_explicit(&lu->background, 1, memory_order_release);
}

/* The logical unit was reset, or the daemon stops. */
static bool must_end(const struct copy_run *run)
{
	const struct scsi_lu *lu = run->op->lu;

	return atomic_load(&lu->resets) != run->resets ||
	       atomic_load_explicit(&lu->is_ending, memory_order_relaxed);
}

static void take_turn(struct deferred *turn)
{
	struct copy_run *run = container_of(turn, struct copy_run, turn);
	struct copy_piece *piece;

	if (!run->stops && must_end(run))
		copy_run_abort(run->op);
	for (unsigned i = 0; i < COPY_PIECES && !run->stops; i++) {
		piece = free_piece(run);
		if (piece == NULL || !has_work(run))
			break;
		start_piece(run, piece);
	}
	if (run->flying == 0 && (run->stops || run->ends))
		finish(run);
}

int copy_run_start(struct copy_op *op)
{
	struct copy_run *run = calloc(1, sizeof(*run));
	struct scsi_nexus *agent = calloc(1, sizeof(*agent));

	if (agent != NULL)
		agent->initiator_port = strdup(op->nexus->initiator_port);
	if (run == NULL || agent == NULL || agent->initiator_port == NULL) {
		if (agent != NULL)
			free(agent->initiator_port);
		free(agent);
		free(run);
		return -ENOMEM;
	}
	agent->target = op->nexus->target;
	agent->target_port_group = op->nexus->target_port_group;
	agent->reactor = op->reactor;
	agent->arena = reactor_arena(op->reactor);
	agent->slot = reactor_index(op->reactor);
	run->op = op;
	run->agent = agent;
	run->failed_at = UINT64_MAX;
	run->resets = atomic_load(&op->lu->resets);
	run->turn.run = take_turn;
	list_node_init(&run->orphan.link);
	list_node_init(&run->turn.link);
	for (unsigned i = 0; i < COPY_PIECES; i++)
		run->piece[i].op = op;
	op->run = run;
	atomic_fetch_add_explicit(&op->lu->background, 1, memory_order_acquire);
	plug(run);
	return 0;
}

void copy_run_abort(struct copy_op *op)
{
	struct copy_run *run = op->run;

	op->aborted = true;
	run->stops = true;
	run->failed_at = min(run->failed_at, run->issued);
	for (unsigned i = 0; i < COPY_PIECES; i++) {
		if (run->piece[i].in_use)
			scsi_cmd_abort(&run->piece[i].cmd);
	}
	plug(run);
}

void copy_run_orphan(struct copy_op *op)
{
	struct copy_run *run = op->run;

	if (run->flying == 0 || list_is_linked(&run->orphan.link))
		return;
	run->orphan.initiator_port = run->agent->initiator_port;
	orphan_add(run->span.to, &run->orphan);
}

bool copy_run_concerns(const struct copy_op *op, const struct scsi_lu *lu)
{
	const struct copy_run *run = op->run;

	return run != NULL &&
	       (op->lu == lu || (run->has_span && (run->span.from == lu || run->span.to == lu)));
}

void copy_run_free(struct copy_run *run)
{
	free(run->agent->initiator_port);
	free(run->agent);
	free(run);
}
