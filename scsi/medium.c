/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between a command and its store: blocks become bytes, one I/O at a time, and
 * an errno becomes sense.
 */
#include <assert.h>

#include "scsi/command.h"
#include "scsi/lu.h"
#include "scsi/odx_token.h"
#include "scsi/range.h"
#include "scsi/sense.h"

static uint64_t failed_lba(const struct scsi_cmd *cmd, int err)
{
	uint64_t lba = cmd->io.offset >> cmd->lu->block_shift;

	bool is_told = err == STORE_GUARD_WRONG || err == STORE_REFERENCE_WRONG ||
		       err == STORE_APPLICATION_WRONG;

	return is_told ? lba + cmd->io.run : lba;
}

static void store_done(struct store_io *io, int err)
{
	struct scsi_cmd *cmd = container_of(io, struct scsi_cmd, io);
	int step = cmd->resume != NULL ? SCSI_AGAIN : SCSI_DONE;

	assert(cmd->phase == SCSI_PHASE_STORE);
	cmd->phase = SCSI_PHASE_RUNNING;
	if (!(cmd->flags & CMD_MAPPED))
		range_leave(cmd);
	if (err < 0 && !cmd->aborted)
		step = sense_store_error(cmd, io->op, failed_lba(cmd, err), err);
	if (cmd->flags & CMD_SUBMITTING) {
		/* submit takes it from here, so that long chains need no stack. */
		cmd->flags |= CMD_STORE_DONE;
		if (step == SCSI_DONE)
			cmd->resume = NULL;
		return;
	}
	cmd_drive(cmd, step);
}

static bool changes_medium(enum store_op op)
{
	return op == STORE_WRITE || op == STORE_DISCARD || op == STORE_WRITE_ZEROES ||
	       op == STORE_COPY;
}

static int start(struct scsi_cmd *cmd)
{
	/* It is in its range now: no token can come to be behind our back. */
	if (UNLIKELY(lu_has_tokens(cmd->lu)) && changes_medium(cmd->io.op))
		odx_cancel(cmd->lu, cmd->range.first, cmd->range.end - cmd->range.first,
			   reactor_now_ns(cmd->nexus->reactor));
	cmd->io.store = cmd->lu->store;
	cmd->io.reactor = cmd->nexus->reactor;
	cmd->io.done = store_done;
	cmd->phase = SCSI_PHASE_STORE;
	cmd->flags |= CMD_SUBMITTING;
	store_submit(&cmd->io);
	cmd->flags &= (uint8_t)~CMD_SUBMITTING;
	if (!(cmd->flags & CMD_STORE_DONE))
		return SCSI_MORE;
	cmd->flags &= (uint8_t)~CMD_STORE_DONE;
	return cmd->resume != NULL ? SCSI_AGAIN : SCSI_DONE;
}

void range_resumed(struct scsi_cmd *cmd)
{
	cmd_drive(cmd, start(cmd));
}

static int submit(struct scsi_cmd *cmd, uint64_t lba, uint64_t blocks,
		  int (*next)(struct scsi_cmd *cmd))
{
	cmd->resume = next;
	return range_enter(cmd, lba, blocks) ? start(cmd) : SCSI_MORE;
}

/* Without a write cache every write is durable before its status. */
static unsigned write_through(const struct scsi_cmd *cmd)
{
	return lu_has_mode(cmd->lu, MODE_WRITE_THROUGH) ? STORE_FUA : 0;
}

int cmd_submit_data(struct scsi_cmd *cmd, enum store_op op, uint64_t lba, uint32_t bytes,
		    struct extents *data, int (*next)(struct scsi_cmd *cmd))
{
	cmd->io.op = op;
	cmd->io.offset = lba << cmd->lu->block_shift;
	cmd->io.length = bytes;
	cmd->io.range = 0;
	if (op == STORE_WRITE)
		cmd->io.flags |= write_through(cmd);
	cmd->io.data = data;
	return submit(cmd, lba, bytes >> cmd->lu->block_shift, next);
}

int cmd_submit_range(struct scsi_cmd *cmd, enum store_op op, uint64_t lba, uint64_t blocks,
		     int (*next)(struct scsi_cmd *cmd))
{
	cmd->io.op = op;
	cmd->io.offset = lba << cmd->lu->block_shift;
	cmd->io.length = 0;
	if (op == STORE_WRITE_ZEROES || op == STORE_DISCARD)
		cmd->io.flags |= write_through(cmd);
	cmd->io.range = blocks << cmd->lu->block_shift;
	cmd->io.data = NULL;
	return submit(cmd, lba, blocks, next);
}

int cmd_write_back(struct scsi_cmd *cmd, int (*next)(struct scsi_cmd *cmd))
{
	cmd->resume = next;
	if (!cmd->lu->store->traits.volatile_cache || lu_has_mode(cmd->lu, MODE_WRITE_THROUGH))
		return SCSI_AGAIN;
	return cmd_submit_range(cmd, STORE_FLUSH, 0, 0, next);
}

int cmd_submit_copy(struct scsi_cmd *cmd, struct store *from, uint64_t from_offset, uint64_t lba,
		    uint64_t blocks, int (*next)(struct scsi_cmd *cmd))
{
	cmd->io.from = from;
	cmd->io.from_offset = from_offset;
	return cmd_submit_range(cmd, STORE_COPY, lba, blocks, next);
}
