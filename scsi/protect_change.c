/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * COMPARE AND WRITE, ORWRITE(16), WRITE ATOMIC(16) and WRITE SAME with WRPROTECT or ORPROTECT: SBC-4
 * sections 4.27, 5.3, 5.10, 5.48 and 5.52 to 5.54. As in sbc_atomic.c the order is memory, data-out,
 * then the lock on the range.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "scsi/limits.h"
#include "scsi/lu.h"
#include "scsi/mode.h"
#include "scsi/protect_io.h"
#include "scsi/range.h"
#include "scsi/sense.h"

static int write_scratch(struct scsi_cmd *cmd)
{
	return protect_submit(cmd, STORE_WRITE, cmd->lba, (uint32_t)cmd->blocks,
			      cmd_options(cmd) & PROTECT_FUA ? STORE_FUA : 0, NULL);
}

/* ---- COMPARE AND WRITE: what is expected, then what is to be written ------------------- */

/* Of the first half only the data counts; that of the other half is looked at if it is to be written. */
static int compare_and_write(struct scsi_cmd *cmd)
{
	uint32_t size = cmd->lu->block_size;
	uint32_t wire = protect_wire_block(cmd);
	uint32_t blocks = (uint32_t)cmd->blocks;

	for (uint32_t i = 0; i < blocks; i++) {
		uint32_t same =
			extents_compare(&cmd->data, i * wire, &cmd->scratch, i * size, size);

		if (same != size)
			return sense_miscompare(cmd, i * wire + same);
	}
	if (protect_check_data(cmd, blocks * wire, cmd->lba, blocks) != 0)
		return SCSI_DONE;
	protect_take(cmd, blocks * wire, blocks);
	return write_scratch(cmd);
}

/* Without what belongs to them: the store looks at it as with any READ. */
static int read_to_compare(struct scsi_cmd *cmd)
{
	uint32_t blocks = (uint32_t)cmd->blocks;

	protect_view(cmd, cmd->data_out_length, blocks);
	return cmd_submit_data(cmd, STORE_READ, cmd->lba, blocks << cmd->lu->block_shift,
			       &cmd->scratch, compare_and_write);
}

static int lock_to_compare(struct scsi_cmd *cmd)
{
	return range_lock(cmd, cmd->lba, cmd->blocks, read_to_compare);
}

static int receive_to_compare(struct scsi_cmd *cmd)
{
	return cmd_receive(cmd, lock_to_compare);
}

int protect_compare_and_write(struct scsi_cmd *cmd)
{
	uint32_t bytes;

	if (!sbc_compare_range(cmd))
		return SCSI_DONE;
	bytes = 2 * protect_wire(cmd, cmd->blocks);
	cmd->transfer_length = bytes;
	if (cmd_bytes_offered(cmd) != bytes)
		return cmd->blocks == 0 ? sense_invalid_field(cmd, 13, 7)
					: sense_invalid_information_unit(cmd);
	if (cmd->blocks == 0)
		return SCSI_DONE;
	cmd->data_out_length = bytes;
	return cmd_memory(cmd, protect_memory(cmd, bytes, (uint32_t)cmd->blocks),
			  receive_to_compare);
}

/* ---- ORWRITE ---------------------------------------------------------------------------- */

/* The block at byte AT of the data-out into that at byte TO of cmd->scratch. */
static void or_block(struct scsi_cmd *cmd, uint32_t to, uint32_t at)
{
	uint64_t ours[64], theirs[64]; /* the smallest block */

	for (uint32_t done = 0; done < cmd->lu->block_size; done += sizeof(ours)) {
		extents_copy_out(&cmd->data, at + done, ours, sizeof(ours));
		extents_copy_out(&cmd->scratch, to + done, theirs, sizeof(theirs));
		for (unsigned i = 0; i < ARRAY_SIZE(ours); i++)
			ours[i] |= theirs[i];
		extents_copy_in(&cmd->scratch, to + done, ours, sizeof(ours));
	}
}

/* The guard is made anew, the tags are the initiator's. */
static int merge(struct scsi_cmd *cmd)
{
	uint32_t size = cmd->lu->block_size;
	uint32_t blocks = (uint32_t)cmd->blocks;

	if (protect_check_scratch(cmd, cmd->lba, blocks) != 0)
		return SCSI_DONE;
	for (uint32_t i = 0; i < blocks; i++) {
		uint32_t at = i * protect_wire_block(cmd);
		struct store_pi pi = protect_received(cmd, at);

		or_block(cmd, i * size, at);
		pi.guard = store_pi_guard(&cmd->scratch, i * size, size);
		protect_put(cmd, blocks, i, &pi);
	}
	return write_scratch(cmd);
}

static int read_to_merge(struct scsi_cmd *cmd)
{
	protect_view(cmd, cmd->data_out_length, (uint32_t)cmd->blocks);
	return protect_submit(cmd, STORE_READ, cmd->lba, (uint32_t)cmd->blocks, 0, merge);
}

static int lock_to_merge(struct scsi_cmd *cmd)
{
	if (protect_check_data(cmd, 0, cmd->lba, (uint32_t)cmd->blocks) != 0)
		return SCSI_DONE;
	return range_lock(cmd, cmd->lba, cmd->blocks, read_to_merge);
}

static int receive_to_merge(struct scsi_cmd *cmd)
{
	return cmd_receive(cmd, lock_to_merge);
}

int protect_orwrite(struct scsi_cmd *cmd)
{
	if (!sbc_transfer_range(cmd) || !protect_expect(cmd, protect_wire(cmd, cmd->blocks)))
		return SCSI_DONE;
	cmd->blocks = cmd->data_out_length / protect_wire_block(cmd);
	return cmd_memory(cmd, protect_memory(cmd, cmd->data_out_length, (uint32_t)cmd->blocks),
			  receive_to_merge);
}

/* ---- WRITE ATOMIC ------------------------------------------------------------------------ */

static int lock_to_write(struct scsi_cmd *cmd)
{
	uint32_t blocks = (uint32_t)cmd->blocks;

	if (protect_check_data(cmd, 0, cmd->lba, blocks) != 0)
		return SCSI_DONE;
	protect_view(cmd, cmd->data_out_length, blocks);
	protect_take(cmd, 0, blocks);
	return range_lock(cmd, cmd->lba, cmd->blocks, write_scratch);
}

static int receive_to_write(struct scsi_cmd *cmd)
{
	return cmd_receive(cmd, lock_to_write);
}

int protect_write_atomic(struct scsi_cmd *cmd)
{
	if (!sbc_atomic_range(cmd))
		return SCSI_DONE;
	cmd->transfer_length = protect_wire(cmd, cmd->blocks);
	/* A part would not be all. */
	if (cmd_bytes_offered(cmd) < cmd->transfer_length)
		return sense_invalid_information_unit(cmd);
	if (cmd->blocks == 0)
		return SCSI_DONE;
	cmd->data_out_length = cmd->transfer_length;
	return cmd_memory(cmd, protect_memory(cmd, cmd->data_out_length, (uint32_t)cmd->blocks),
			  receive_to_write);
}

/* ---- WRITE SAME: cmd->lba and cmd->blocks are what is left -------------------------------- */

enum { UNMAP = 0x08, NDOB = 0x01 };

static bool is_all_ones(const struct store_pi *pi)
{
	return pi->guard == UINT16_MAX && pi->application == UINT16_MAX &&
	       pi->reference == UINT32_MAX;
}

/* Zeros with all ones: as blocks are that are not there. */
static int write_nothing(struct scsi_cmd *cmd)
{
	bool discard = (cmd_options(cmd) & UNMAP) && cmd->lu->store->traits.discard_zeroes;

	cmd->io.flags = STORE_UNCHECKED;
	return cmd_submit_range(cmd, discard ? STORE_DISCARD : STORE_WRITE_ZEROES, cmd->lba,
				cmd->blocks, NULL);
}

static uint32_t piece_blocks(const struct scsi_cmd *cmd)
{
	return (uint32_t)min(cmd->blocks, (uint64_t)(PROTECT_PIECE >> cmd->lu->block_shift));
}

/* What the blocks of the next piece get: the reference tag counts on, but for type 3. */
static void put_piece(struct scsi_cmd *cmd, uint32_t blocks)
{
	struct protect_check check = protect_check_received(cmd);
	struct store_pi one = protect_received(cmd, 0);

	for (uint32_t i = 0; i < blocks; i++) {
		struct store_pi pi = one;

		if (!is_all_ones(&one) && cmd->lu->protection != 3) {
			protect_check_tag(&check, cmd->lba + i, &pi.application);
			pi.reference += (uint32_t)(cmd->lba + i - protect_first(cmd));
		}
		protect_put(cmd, blocks, i, &pi);
	}
}

static int write_piece(struct scsi_cmd *cmd)
{
	uint64_t lba = cmd->lba;
	uint32_t blocks = piece_blocks(cmd);

	if (blocks == 0)
		return SCSI_DONE;
	/* The data is there already; the last piece may be shorter. */
	protect_view(cmd, cmd->data_out_length, blocks);
	put_piece(cmd, blocks);
	cmd->lba += blocks;
	cmd->blocks -= blocks;
	return protect_submit(cmd, STORE_WRITE, lba, blocks, 0, write_piece);
}

static int have_block(struct scsi_cmd *cmd)
{
	uint32_t size = cmd->lu->block_size;
	uint32_t blocks = piece_blocks(cmd);
	struct store_pi pi = protect_received(cmd, 0);
	uint8_t block[PROTECT_BLOCK_MAX];

	if (protect_check_data(cmd, 0, cmd->lba, 1) != 0)
		return SCSI_DONE;
	extents_copy_out(&cmd->data, 0, block, size);
	if (is_all_ones(&pi) && block[0] == 0 && memcmp(block, block + 1, size - 1) == 0)
		return write_nothing(cmd);
	protect_view(cmd, cmd->data_out_length, blocks);
	for (uint32_t i = 0; i < blocks; i++)
		extents_copy_in(&cmd->scratch, i * size, block, size);
	return write_piece(cmd);
}

static int receive_block(struct scsi_cmd *cmd)
{
	return cmd_receive(cmd, have_block);
}

int protect_write_same(struct scsi_cmd *cmd)
{
	if (!sbc_same_range(cmd))
		return SCSI_DONE;
	/* Nothing comes, so there is nothing to check. */
	if (cmd->op->cdb_length != 10 && (cmd_options(cmd) & NDOB))
		return write_nothing(cmd);
	cmd->transfer_length = protect_wire(cmd, 1);
	if (cmd_bytes_offered(cmd) != cmd->transfer_length)
		return sense_invalid_information_unit(cmd);
	cmd->data_out_length = cmd->transfer_length;
	return cmd_memory(cmd, protect_memory(cmd, cmd->data_out_length, piece_blocks(cmd)),
			  receive_block);
}
