/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GET LBA STATUS(16): which blocks have space behind them. SBC-4 section 5.6. The
 * store is asked for one run of bytes after the other, and tells of bytes: a
 * block is a hole when all of it is.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "scsi/command.h"
#include "scsi/lu.h"
#include "scsi/sense.h"

enum {
	HEADER = 8,
	DESCRIPTOR = 16,
	DESCRIPTORS_MAX = 64, /* each may cost a system call */
	QUESTIONS_MAX = 16384, /* to the store, which may see only a piece at a time */
	MAPPED = 0x00,
	DEALLOCATED = 0x01,
	CONDITION_AT = 7, /* COMPLETION CONDITION, above bit 0 */
};

/* Why the list ends. */
enum condition { FOR_NO_REASON_GIVEN = 0, BY_ALLOCATION_LENGTH = 1, BY_CAPACITY = 3 };

_Static_assert((int)HEADER + (int)DESCRIPTORS_MAX * (int)DESCRIPTOR <= (int)EXTENT_MIN,
	       "the list lies in one piece");

/* PARAMETER DATA LENGTH in it always says how far it goes. */
static uint8_t *list_of(const struct scsi_cmd *cmd)
{
	return cmd->data.extent[0].data;
}

static uint32_t list_length(const struct scsi_cmd *cmd)
{
	return get_be32(list_of(cmd)) + 4;
}

static int ask(struct scsi_cmd *cmd);

static int finish(struct scsi_cmd *cmd, enum condition condition)
{
	list_of(cmd)[CONDITION_AT] = (uint8_t)(condition << 1);
	return cmd_send_parameters(cmd, list_length(cmd));
}

/* Makes the last descriptor longer by BLOCKS where it says the same; else there must be a new one. */
static bool extend_run(struct scsi_cmd *cmd, uint32_t blocks, uint8_t status)
{
	uint8_t *last = list_of(cmd) + list_length(cmd) - DESCRIPTOR;

	if (list_length(cmd) == HEADER || last[12] != status ||
	    get_be32(last + 8) > UINT32_MAX - blocks)
		return false;
	put_be32(last + 8, get_be32(last + 8) + blocks);
	return true;
}

static void put_run(struct scsi_cmd *cmd, uint32_t blocks, uint8_t status)
{
	uint32_t length = list_length(cmd);
	uint8_t *at = list_of(cmd) + length;

	put_be64(at, cmd->lba);
	put_be32(at + 8, blocks);
	at[12] = status;
	put_be32(list_of(cmd), length + DESCRIPTOR - 4);
}

/* Whether all that the initiator takes is there. */
static bool is_enough(const struct scsi_cmd *cmd)
{
	return list_length(cmd) >= min(get_be32(cmd->cdb + 10), cmd_bytes_wanted(cmd));
}

/* Whether another descriptor has room: one at least, and no more than go out. */
static bool has_room(const struct scsi_cmd *cmd)
{
	uint32_t length = list_length(cmd);

	return length == HEADER ||
	       (!is_enough(cmd) && length < HEADER + DESCRIPTORS_MAX * DESCRIPTOR);
}

static int tell(struct scsi_cmd *cmd, uint64_t blocks, uint8_t status)
{
	blocks = min(min(max(blocks, UINT64_C(1)), cmd->blocks), (uint64_t)UINT32_MAX);
	if (!extend_run(cmd, (uint32_t)blocks, status)) {
		if (!has_room(cmd))
			return finish(cmd,
				      is_enough(cmd) ? BY_ALLOCATION_LENGTH : FOR_NO_REASON_GIVEN);
		put_run(cmd, (uint32_t)blocks, status);
	}
	cmd->lba += blocks;
	cmd->blocks -= blocks;
	return ask(cmd);
}

static int have_run(struct scsi_cmd *cmd)
{
	unsigned shift = cmd->lu->block_shift;
	uint64_t blocks = cmd->io.run >> shift;

	/* Of a hole only whole blocks; data makes all of its last block data. */
	if (cmd->io.is_hole && blocks != 0)
		return tell(cmd, blocks, DEALLOCATED);
	return tell(cmd, align_up(cmd->io.run, cmd->lu->block_size) >> shift, MAPPED);
}

/* cmd->lba and cmd->blocks are what has not been told of; steps counts the questions. */
static int ask(struct scsi_cmd *cmd)
{
	if (cmd->blocks == 0)
		return finish(cmd, BY_CAPACITY);
	if (cmd->steps++ == QUESTIONS_MAX)
		return finish(cmd, FOR_NO_REASON_GIVEN);
	/* What is not thin has no holes, whatever lies below. */
	if (!cmd->lu->thin)
		return tell(cmd, cmd->blocks, MAPPED);
	return cmd_submit_range(cmd, STORE_STATUS, cmd->lba, cmd->blocks, have_run);
}

static int begin(struct scsi_cmd *cmd)
{
	memset(list_of(cmd), 0, EXTENT_MIN);
	put_be32(list_of(cmd), HEADER - 4);
	cmd->steps = 0;
	return ask(cmd);
}

int sbc_get_lba_status(struct scsi_cmd *cmd)
{
	uint64_t lba = get_be64(cmd->cdb + 2);

	if (lba >= cmd->lu->blocks)
		return sense_lba_out_of_range(cmd, lba);
	cmd->lba = lba;
	cmd->blocks = cmd->lu->blocks - lba;
	return cmd_memory(cmd, EXTENT_MIN, begin);
}
