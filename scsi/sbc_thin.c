/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UNMAP and WRITE SAME (10), (16), (32): SBC-4 sections 5.34 and 5.46. What both have
 * in common is that few bytes of command change many blocks, so the block
 * limits page bounds how many (limits.h).
 */
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "scsi/command.h"
#include "scsi/limits.h"
#include "scsi/lu.h"
#include "scsi/sense.h"

/* ---- UNMAP --------------------------------------------------------------------- */

enum {
	HEADER = 8,
	DESCRIPTOR = 16,
	LIST_MAX = HEADER + UNMAP_DESCRIPTORS_MAX * DESCRIPTOR,
};

_Static_assert((int)LIST_MAX <= (int)EXTENT_MIN, "the list lies in one piece");

/* Descriptor INDEX of the list that has come. */
static const uint8_t *descriptor(const struct scsi_cmd *cmd, uint64_t index)
{
	return cmd->data.extent[0].data + HEADER + index * DESCRIPTOR;
}

/* cmd->lba is the descriptor to do next, cmd->blocks how many there are. */
static int unmap_next(struct scsi_cmd *cmd)
{
	while (cmd->lba < cmd->blocks) {
		const uint8_t *at = descriptor(cmd, cmd->lba++);
		uint32_t blocks = get_be32(at + 8);

		if (blocks != 0)
			return cmd_submit_range(cmd, STORE_DISCARD, get_be64(at), blocks,
						unmap_next);
	}
	return SCSI_DONE;
}

/* Nothing is unmapped unless everything can be. */
static bool check_descriptors(struct scsi_cmd *cmd)
{
	uint64_t end = cmd->lu->blocks;
	uint64_t all = 0;

	for (unsigned i = 0; i < cmd->blocks; i++) {
		uint64_t lba = get_be64(descriptor(cmd, i));
		uint32_t blocks = get_be32(descriptor(cmd, i) + 8);

		if (lba > end || blocks > end - lba) {
			sense_lba_out_of_range(cmd, max(lba, end));
			return false;
		}
		all += blocks;
		if (all > UNMAP_BLOCKS_MAX) {
			sense_invalid_parameter(cmd, (uint16_t)(HEADER + i * DESCRIPTOR + 8), 7);
			return false;
		}
	}
	return true;
}

static int parse_list(struct scsi_cmd *cmd)
{
	uint32_t length = get_be16(cmd->data.extent[0].data + 2);

	if (length > cmd->transfer_length - HEADER)
		return sense_parameter_list_length(cmd);
	if (length / DESCRIPTOR > UNMAP_DESCRIPTORS_MAX)
		return sense_invalid_parameter(cmd, 2, 7);
	cmd->lba = 0;
	/* An incomplete one at the end is ignored. */
	cmd->blocks = length / DESCRIPTOR;
	return check_descriptors(cmd) ? unmap_next(cmd) : SCSI_DONE;
}

static int receive_list(struct scsi_cmd *cmd)
{
	return cmd_receive(cmd, parse_list);
}

int sbc_unmap(struct scsi_cmd *cmd)
{
	uint32_t length = get_be16(cmd->cdb + 7);

	cmd->transfer_length = length;
	if (length == 0)
		return SCSI_DONE;
	if (length < HEADER)
		return sense_parameter_list_length(cmd);
	if (cmd_bytes_offered(cmd) < length)
		return sense_invalid_information_unit(cmd);
	/* There are no descriptors beyond. */
	cmd->data_out_length = min(length, (uint32_t)LIST_MAX);
	return cmd_memory(cmd, EXTENT_MIN, receive_list);
}

/* ---- WRITE SAME ---------------------------------------------------------------- */

enum {
	UNMAP = 0x08,
	NDOB = 0x01,
	PIECE = 256 * 1024, /* bytes written at a time, a multiple of every block size */
};

static uint32_t piece_length(const struct scsi_cmd *cmd)
{
	return (uint32_t)min(cmd->blocks << cmd->lu->block_shift, (uint64_t)PIECE);
}

/* cmd->lba and cmd->blocks are what is left. */
static int write_piece(struct scsi_cmd *cmd)
{
	uint64_t lba = cmd->lba;
	uint32_t bytes = piece_length(cmd);

	if (bytes == 0)
		return SCSI_DONE;
	cmd->lba += bytes >> cmd->lu->block_shift;
	cmd->blocks -= bytes >> cmd->lu->block_shift;
	return cmd_submit_data(cmd, STORE_WRITE, lba, bytes, &cmd->scratch, write_piece);
}

static int write_zeroes(struct scsi_cmd *cmd)
{
	const struct store_traits *traits = &cmd->lu->store->traits;
	bool discard = (cmd_options(cmd) & UNMAP) && traits->discard_zeroes;

	return cmd_submit_range(cmd, discard ? STORE_DISCARD : STORE_WRITE_ZEROES, cmd->lba,
				cmd->blocks, NULL);
}

/* The block has come: it is the first of cmd->data, the pieces are made behind it. */
static int have_block(struct scsi_cmd *cmd)
{
	const uint8_t *block = cmd->data.extent[0].data;
	uint32_t size = cmd->lu->block_size;
	uint32_t piece = piece_length(cmd);

	if (block[0] == 0 && memcmp(block, block + 1, size - 1) == 0)
		return write_zeroes(cmd);
	extents_slice(&cmd->data, EXTENT_MIN, piece, &cmd->scratch);
	for (uint32_t at = 0; at < piece; at += size)
		extents_copy_in(&cmd->scratch, at, block, size);
	return write_piece(cmd);
}

static int receive_block(struct scsi_cmd *cmd)
{
	return cmd_receive(cmd, have_block);
}

bool sbc_same_range(struct scsi_cmd *cmd)
{
	if ((cmd_options(cmd) & UNMAP) && !cmd->lu->thin) {
		sense_invalid_field(cmd, cmd_options_at(cmd), 3);
		return false;
	}
	if (!sbc_range(cmd))
		return false;
	/* WSNZ: no blocks does not mean all of them. */
	if (cmd->blocks != 0 && cmd->blocks <= WRITE_SAME_BLOCKS_MAX)
		return true;
	sense_invalid_field(cmd, cmd->op->length_at, 7);
	return false;
}

int sbc_write_same(struct scsi_cmd *cmd)
{
	uint32_t size = cmd->lu->block_size;

	if (!sbc_same_range(cmd))
		return SCSI_DONE;
	/* Not in the CDB of 10 bytes: the gate would have refused it. */
	if (cmd_options(cmd) & NDOB)
		return write_zeroes(cmd);
	cmd->transfer_length = size;
	/* More would be a mistake as well: what should become of it? */
	if (cmd_bytes_offered(cmd) != size)
		return sense_invalid_information_unit(cmd);
	cmd->data_out_length = size;
	return cmd_memory(cmd, EXTENT_MIN + piece_length(cmd), receive_block);
}
