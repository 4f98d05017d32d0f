/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VERIFY and WRITE AND VERIFY (10), (12), (16), (32): read the medium, and compare it
 * with data from the initiator where BYTCHK says so. SBC-4 sections 5.35 and 5.44.
 *
 * The data-out and the piece of the medium that it is compared with are taken
 * together, in one set of extents: a command that held the one while it waited
 * for the other could wait for ever.
 */
#include "base/checked.h"
#include "scsi/command.h"
#include "scsi/lu.h"
#include "scsi/sense.h"

enum {
	BYTCHK_MEDIUM = 0, /* can it be read? */
	BYTCHK_ALL = 1, /* is it the data? */
	BYTCHK_RESERVED = 2,
	BYTCHK_BLOCK = 3, /* is each block the one block of data? */
	PIECE = 256 * 1024, /* bytes read at a time, a multiple of every block size */
};

static unsigned bytchk(const struct scsi_cmd *cmd)
{
	return cmd_options(cmd) >> 1 & 3;
}

/* ---- the loop: cmd->lba and cmd->blocks are what is left ---------------------- */

static bool piece_matches(const struct scsi_cmd *cmd)
{
	uint32_t piece = cmd->io.length;
	uint32_t block = cmd->lu->block_size;
	uint32_t done = cmd->data_out_length - (uint32_t)(cmd->blocks << cmd->lu->block_shift);

	if (bytchk(cmd) == BYTCHK_ALL)
		return extents_compare(&cmd->data, done, &cmd->scratch, 0, piece) == piece;
	for (uint32_t at = 0; at < piece; at += block) {
		if (extents_compare(&cmd->data, 0, &cmd->scratch, at, block) != block)
			return false;
	}
	return true;
}

static int check_piece(struct scsi_cmd *cmd);

static int read_piece(struct scsi_cmd *cmd)
{
	uint64_t left = cmd->blocks << cmd->lu->block_shift;

	return cmd_submit_data(cmd, STORE_READ, cmd->lba,
			       (uint32_t)min(left, (uint64_t)cmd->scratch.length), &cmd->scratch,
			       check_piece);
}

static int check_piece(struct scsi_cmd *cmd)
{
	uint32_t blocks = cmd->io.length >> cmd->lu->block_shift;

	if (bytchk(cmd) != BYTCHK_MEDIUM && !piece_matches(cmd))
		return sense_miscompare(cmd, UINT64_MAX);
	cmd->lba += blocks;
	cmd->blocks -= blocks;
	return cmd->blocks == 0 ? SCSI_DONE : read_piece(cmd);
}

/* ---- before it ------------------------------------------------------------------ */

/* The piece of the medium lies behind the data-out, aligned for direct I/O. */
static uint32_t piece_offset(const struct scsi_cmd *cmd)
{
	return (uint32_t)align_up(cmd->data_out_length, EXTENT_MIN);
}

static uint32_t piece_length(const struct scsi_cmd *cmd)
{
	return (uint32_t)min(cmd->blocks << cmd->lu->block_shift, (uint64_t)PIECE);
}

/* From the medium: what is verified shall not be a cache. */
static int begin(struct scsi_cmd *cmd)
{
	return cmd_write_back(cmd, read_piece);
}

static int have_memory(struct scsi_cmd *cmd)
{
	extents_slice(&cmd->data, piece_offset(cmd), piece_length(cmd), &cmd->scratch);
	return cmd->data_out_length != 0 ? cmd_receive(cmd, begin) : begin(cmd);
}

static int verify_written(struct scsi_cmd *cmd)
{
	cmd->io.flags = 0;
	return read_piece(cmd);
}

static int write_all(struct scsi_cmd *cmd)
{
	/* To the medium, as before VERIFY. */
	cmd->io.flags = STORE_FUA;
	return cmd_submit_data(cmd, STORE_WRITE, cmd->lba, cmd->data_out_length, &cmd->data,
			       verify_written);
}

static int have_memory_to_write(struct scsi_cmd *cmd)
{
	extents_slice(&cmd->data, piece_offset(cmd), piece_length(cmd), &cmd->scratch);
	return cmd_receive(cmd, write_all);
}

/*
 * How much data comes: as much as BYTES, or whole blocks of what the initiator
 * has. False when the command ends here: nothing comes, or (sense set) half a block.
 */
static bool expect_data(struct scsi_cmd *cmd, uint32_t bytes)
{
	uint32_t offered = min(bytes, cmd_bytes_offered(cmd));

	cmd->transfer_length = bytes;
	if (!is_aligned(offered, cmd->lu->block_size)) {
		sense_invalid_information_unit(cmd);
		return false;
	}
	cmd->data_out_length = offered;
	return offered != 0;
}

int sbc_verify(struct scsi_cmd *cmd)
{
	unsigned shift = cmd->lu->block_shift;

	if (bytchk(cmd) == BYTCHK_RESERVED)
		return sense_invalid_field(cmd, cmd_options_at(cmd), 2);
	if (!sbc_transfer_range(cmd) || cmd->blocks == 0)
		return SCSI_DONE;
	if (bytchk(cmd) == BYTCHK_ALL && !expect_data(cmd, (uint32_t)(cmd->blocks << shift)))
		return SCSI_DONE;
	if (bytchk(cmd) == BYTCHK_BLOCK && !expect_data(cmd, cmd->lu->block_size))
		return SCSI_DONE;
	if (bytchk(cmd) == BYTCHK_ALL)
		cmd->blocks = cmd->data_out_length >> shift;
	return cmd_memory(cmd, piece_offset(cmd) + piece_length(cmd), have_memory);
}

int sbc_write_and_verify(struct scsi_cmd *cmd)
{
	unsigned shift = cmd->lu->block_shift;

	if (bytchk(cmd) > BYTCHK_ALL)
		return sense_invalid_field(cmd, cmd_options_at(cmd), 2);
	if (!sbc_transfer_range(cmd) || !expect_data(cmd, (uint32_t)(cmd->blocks << shift)))
		return SCSI_DONE;
	cmd->blocks = cmd->data_out_length >> shift;
	return cmd_memory(cmd, piece_offset(cmd) + piece_length(cmd), have_memory_to_write);
}
