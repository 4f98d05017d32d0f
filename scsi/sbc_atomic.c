/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands that nothing else on their blocks may come in between: COMPARE AND
 * WRITE, ORWRITE(16), WRITE ATOMIC(16). SBC-4 sections 5.3, 5.12, 5.47. The order is always the same: memory, data-out, then
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

bool sbc_compare_range(struct scsi_cmd *cmd)
{
	if (!sbc_check_range(cmd, get_be64(cmd->cdb + 2), cmd->cdb[13]))
		return false;
	if (cmd->blocks <= min(COMPARE_AND_WRITE_BLOCKS_MAX, cmd->lu->maximum_blocks))
		return true;
	sense_invalid_field(cmd, 13, 7);
	return false;
}

int sbc_compare_and_write(struct scsi_cmd *cmd)
{
	uint32_t bytes;

	if (!sbc_compare_range(cmd))
		return SCSI_DONE;
	bytes = 2 * bytes_of(cmd, cmd->blocks);
	cmd->transfer_length = bytes;
	if (cmd_bytes_offered(cmd) != bytes) {
		/* Whoever sends data with no blocks did not mean none: 256 does not fit the field. */
		if (cmd->blocks == 0)
			return sense_invalid_field(cmd, 13, 7);
		return sense_invalid_information_unit(cmd);
	}
	if (cmd->blocks == 0)
		return SCSI_DONE;
	cmd->data_out_length = bytes;
	return cmd_memory(cmd, piece_offset(cmd) + piece_length(cmd, 0), receive_to_compare);
}

/* ---- ORWRITE -------------------------------------------------------------------------- */

static int write_all(struct scsi_cmd *cmd)
{
	if (cmd->cdb[1] & FUA)
		cmd->io.flags = STORE_FUA;
	return cmd_submit_data(cmd, STORE_WRITE, cmd->lba, cmd->data_out_length, &cmd->data, NULL);
}

/* The piece that has been read into the data-out. */
static void or_piece(struct scsi_cmd *cmd, uint32_t at)
{
	uint64_t ours[64], theirs[64]; /* the smallest block */

	for (uint32_t done = 0; done < cmd->io.length; done += sizeof(ours)) {
		extents_copy_out(&cmd->data, at + done, ours, sizeof(ours));
		extents_copy_out(&cmd->scratch, done, theirs, sizeof(theirs));
		for (unsigned i = 0; i < ARRAY_SIZE(ours); i++)
			ours[i] |= theirs[i];
		extents_copy_in(&cmd->data, at + done, ours, sizeof(ours));
	}
}

static int merge_piece(struct scsi_cmd *cmd)
{
	uint32_t at = piece_at(cmd);

	or_piece(cmd, at);
	at += cmd->io.length;
	if (at < cmd->data_out_length)
		return read_piece(cmd, at, merge_piece);
	return write_all(cmd);
}

static int merge_first(struct scsi_cmd *cmd)
{
	return read_piece(cmd, 0, merge_piece);
}

static int lock_to_merge(struct scsi_cmd *cmd)
{
	return range_lock(cmd, cmd->lba, cmd->blocks, merge_first);
}

static int receive_to_merge(struct scsi_cmd *cmd)
{
	return cmd_receive(cmd, lock_to_merge);
}

int sbc_orwrite(struct scsi_cmd *cmd)
{
	if (!sbc_transfer_range(cmd))
		return SCSI_DONE;
	cmd->transfer_length = bytes_of(cmd, cmd->blocks);
	cmd->data_out_length = min(cmd->transfer_length, cmd_bytes_offered(cmd));
	if (!is_aligned(cmd->data_out_length, cmd->lu->block_size)) {
		cmd->data_out_length = 0;
		return sense_invalid_information_unit(cmd);
	}
	if (cmd->data_out_length == 0)
		return SCSI_DONE;
	cmd->blocks = cmd->data_out_length >> cmd->lu->block_shift;
	return cmd_memory(cmd, piece_offset(cmd) + piece_length(cmd, 0), receive_to_merge);
}

/* ---- WRITE ATOMIC --------------------------------------------------------------------- */

static int lock_to_write(struct scsi_cmd *cmd)
{
	return range_lock(cmd, cmd->lba, cmd->blocks, write_all);
}

static int receive_to_write(struct scsi_cmd *cmd)
{
	return cmd_receive(cmd, lock_to_write);
}

bool sbc_atomic_range(struct scsi_cmd *cmd)
{
	if (!sbc_check_range(cmd, get_be64(cmd->cdb + 2), get_be16(cmd->cdb + 12)))
		return false;
	if (cmd->blocks <= cmd->lu->atomic_blocks)
		return true;
	sense_invalid_field(cmd, 12, 7);
	return false;
}

int sbc_write_atomic(struct scsi_cmd *cmd)
{
	uint32_t bytes;

	if (!sbc_atomic_range(cmd))
		return SCSI_DONE;
	bytes = bytes_of(cmd, cmd->blocks);
	cmd->transfer_length = bytes;
	/* A part would not be all. */
	if (cmd_bytes_offered(cmd) < bytes)
		return sense_invalid_information_unit(cmd);
	if (cmd->blocks == 0)
		return SCSI_DONE;
	cmd->data_out_length = bytes;
	return cmd_memory(cmd, bytes, receive_to_write);
}
