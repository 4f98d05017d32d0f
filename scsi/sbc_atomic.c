/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands that nothing else on their blocks may come in between: COMPARE AND
 * WRITE. SBC-4 section 5.2. The order is always the same: memory, data-out, then
 * the lock on the range (range.h), so that whoever has a lock waits for nobody.
 * The lock is given back when the command completes.
 */
#include "base/bytes.h"
#include "base/checked.h"
#include "scsi/command.h"
#include "scsi/limits.h"
#include "scsi/lu.h"
#include "scsi/range.h"
#include "scsi/sense.h"

enum {
	FUA = 0x08,
	PIECE = 256 * 1024, /* bytes read at a time, a multiple of every block size */
};

/* A piece of the medium lies behind the data-out, aligned for direct I/O. */
static uint32_t piece_offset(const struct scsi_cmd *cmd)
{
	return (uint32_t)align_up(cmd->data_out_length, EXTENT_MIN);
}

static uint32_t bytes_of(const struct scsi_cmd *cmd, uint64_t blocks)
{
	return (uint32_t)(blocks << cmd->lu->block_shift);
}

/* The piece of the medium at byte AT of the range; the last one is shorter. */
static uint32_t piece_length(const struct scsi_cmd *cmd, uint32_t at)
{
	return min(bytes_of(cmd, cmd->blocks) - at, (uint32_t)PIECE);
}

static int read_piece(struct scsi_cmd *cmd, uint32_t at, int (*next)(struct scsi_cmd *cmd))
{
	uint32_t length = piece_length(cmd, at);

	extents_slice(&cmd->data, piece_offset(cmd), length, &cmd->scratch);
	return cmd_submit_data(cmd, STORE_READ, cmd->lba + (at >> cmd->lu->block_shift), length,
			       &cmd->scratch, next);
}

/* Where the piece that has been read begins, in bytes of the range. */
static uint32_t piece_at(const struct scsi_cmd *cmd)
{
	return (uint32_t)(cmd->io.offset - (cmd->lba << cmd->lu->block_shift));
}

/* ---- COMPARE AND WRITE: the data-out is what is expected, then what is to be written ---- */

static int write_second_half(struct scsi_cmd *cmd)
{
	uint32_t half = cmd->data_out_length / 2;

	if (cmd->cdb[1] & FUA)
		cmd->io.flags = STORE_FUA;
	extents_slice(&cmd->data, half, half, &cmd->scratch);
	return cmd_submit_data(cmd, STORE_WRITE, cmd->lba, half, &cmd->scratch, NULL);
}

static int compare_piece(struct scsi_cmd *cmd)
{
	uint32_t at = piece_at(cmd);
	uint32_t length = cmd->io.length;
	uint32_t same = extents_compare(&cmd->data, at, &cmd->scratch, 0, length);

	if (same != length)
		return sense_miscompare(cmd, at + same);
	at += length;
	if (at < bytes_of(cmd, cmd->blocks))
		return read_piece(cmd, at, compare_piece);
	return write_second_half(cmd);
}

static int compare_first_half(struct scsi_cmd *cmd)
{
	return read_piece(cmd, 0, compare_piece);
}

static int lock_to_compare(struct scsi_cmd *cmd)
{
	return range_lock(cmd, cmd->lba, cmd->blocks, compare_first_half);
}

static int receive_to_compare(struct scsi_cmd *cmd)
{
	return cmd_receive(cmd, lock_to_compare);
}

int sbc_compare_and_write(struct scsi_cmd *cmd)
{
	uint8_t blocks = cmd->cdb[13];
	uint32_t bytes = 2 * bytes_of(cmd, blocks);

	if (!sbc_check_range(cmd, get_be64(cmd->cdb + 2), blocks))
		return SCSI_DONE;
	if (blocks > min(COMPARE_AND_WRITE_BLOCKS_MAX, cmd->lu->maximum_blocks))
		return sense_invalid_field(cmd, 13, 7);
	cmd->transfer_length = bytes;
	if (cmd_bytes_offered(cmd) != bytes) {
		/* Whoever sends data with no blocks did not mean none: 256 does not fit the field. */
		if (blocks == 0)
			return sense_invalid_field(cmd, 13, 7);
		return sense_invalid_information_unit(cmd);
	}
	if (blocks == 0)
		return SCSI_DONE;
	cmd->data_out_length = bytes;
	return cmd_memory(cmd, piece_offset(cmd) + piece_length(cmd, 0), receive_to_compare);
}
