/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ranges of a logical unit that one command has to itself, on all cores:
 * COMPARE AND WRITE and its like. SBC-4 section 5.2, SAM-5 section 8.
 *
 * Every other command just enters the range of each I/O and leaves it again,
 * which touches nothing but memory of its own reactor (the lane). A lock is
 * asked of the logical unit's home core. That has a fence raised in every lane:
 * from then on nobody there enters the range, and when those who are in it have
 * left, the lane says so. When all lanes have, the lock is granted. Release lifts
 * the fences again. Everything between cores is messages, of which each fence has
 * its own: it goes to and fro between home and lane.
 *
 * Nobody waits at a fence while he is in a range, and who holds a lock has all the
 * memory and data that he needs: so locks are always released. But the medium's
 * own memory (store_map) is entered for as long as its data is on the wire. A slow
 * initiator thus keeps those waiting who want a lock on just these blocks.
 */
#ifndef PINION_SCSI_RANGE_H
#define PINION_SCSI_RANGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/checked.h"
#include "scsi/command.h"
#include "scsi/lu.h"

/* --- what all commands do --- */

/* Whether a fence keeps CMD out of these blocks now. */
bool range_is_fenced(const struct scsi_cmd *cmd, uint64_t lba, uint64_t blocks);
/* Slow half of range_enter. */
bool range_enter_fenced(struct scsi_cmd *cmd);
/* Slow half of range_leave: someone waits for it. */
void range_left(struct range_lane *lane, uint64_t first, uint64_t end);

static inline struct range_lane *range_lane(const struct scsi_cmd *cmd)
{
	return cmd->lu->lanes[cmd->nexus->slot];
}

/*
 * CMD is about to touch BLOCKS at LBA. False when it has to wait for a fence:
 * then range_resumed is called when it is in. One range at a time; no effect
 * where CMD is in its range already or has it locked.
 */
static inline bool range_enter(struct scsi_cmd *cmd, uint64_t lba, uint64_t blocks)
{
	struct range_lane *lane = range_lane(cmd);

	if (cmd->flags & (CMD_IN_RANGE | CMD_LOCKED))
		return true;
	cmd->range.first = lba;
	cmd->range.end = lba + blocks;
	if (UNLIKELY(lane->fences != 0) && !range_enter_fenced(cmd))
		return false;
	cmd->flags |= CMD_IN_RANGE;
	list_push_back(&lane->inside, &cmd->range.link);
	return true;
}

/* CMD does not touch its range any more; no effect where it is in none. */
static inline void range_leave(struct scsi_cmd *cmd)
{
	struct range_lane *lane;

	if (!(cmd->flags & CMD_IN_RANGE))
		return;
	lane = range_lane(cmd);
	cmd->flags &= (uint8_t) ~(CMD_IN_RANGE | CMD_MAPPED);
	list_remove(&cmd->range.link);
	if (UNLIKELY(lane->draining != 0))
		range_left(lane, cmd->range.first, cmd->range.end);
}

/* Of medium.c: CMD, which range_enter had turned away, is in its range now. */
void range_resumed(struct scsi_cmd *cmd);

/* --- what commands do that need a range for themselves --- */

/* Continues with NEXT when nobody else is, nor comes, in BLOCKS at LBA. */
int range_lock(struct scsi_cmd *cmd, uint64_t lba, uint64_t blocks,
	       int (*next)(struct scsi_cmd *cmd));
/* Gives it back; no effect where CMD has none. */
void range_unlock(struct scsi_cmd *cmd);
/* CMD, aborted while it waited for its lock, wants it no longer: it goes on soon. */
void range_lock_cancel(struct scsi_cmd *cmd);

/* --- of the logical unit --- */

void range_home_init(struct scsi_lu *lu);
/* Makes the lane of REACTOR, whose thread this is, where it has none yet. 0 or -ENOMEM. */
int range_join(struct scsi_lu *lu, struct reactor *reactor);
/* The reactors have stopped. */
void range_destroy(struct scsi_lu *lu);

#endif
