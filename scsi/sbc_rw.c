/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * READ and WRITE (6), (10), (12), (16), (32): SBC-4 sections 5.16 and 5.39. The data
 * path: nothing here writes to anything that two reactors share.
 *
 * An initiator may announce less data than its CDB asks for; then so much is
 * transferred and transfer_length tells the port the rest.
 */
#include "base/bytes.h"
#include "base/checked.h"
#include "scsi/command.h"
#include "scsi/lu.h"
#include "scsi/odx_token.h"
#include "scsi/range.h"
#include "scsi/sense.h"

enum { FUA = 0x08 };

static void decode_range(struct scsi_cmd *cmd)
{
	const uint8_t *cdb = cmd->cdb;

	switch (cmd->op->cdb_length) {
	case 6:
		cmd->lba = get_be24(cdb + 1) & 0x1fffff;
		cmd->blocks = cdb[4] != 0 ? cdb[4] : 256;
		break;
	case 10:
		cmd->lba = get_be32(cdb + 2);
		cmd->blocks = get_be16(cdb + 7);
		break;
	case 12:
		cmd->lba = get_be32(cdb + 2);
		cmd->blocks = get_be32(cdb + 6);
		break;
	case 32:
		cmd->lba = get_be64(cdb + 12);
		cmd->blocks = get_be32(cdb + 28);
		break;
	default:
		cmd->lba = get_be64(cdb + 2);
		cmd->blocks = get_be32(cdb + 10);
		break;
	}
}

static bool is_on_medium(struct scsi_cmd *cmd)
{
	uint64_t end = cmd->lu->blocks;

	if (LIKELY(cmd->lba <= end && cmd->blocks <= end - cmd->lba))
		return true;
	sense_lba_out_of_range(cmd, max(cmd->lba, end));
	return false;
}

bool sbc_range(struct scsi_cmd *cmd)
{
	decode_range(cmd);
	return is_on_medium(cmd);
}

bool sbc_check_range(struct scsi_cmd *cmd, uint64_t lba, uint64_t blocks)
{
	cmd->lba = lba;
	cmd->blocks = blocks;
	return is_on_medium(cmd);
}

bool sbc_transfer_range(struct scsi_cmd *cmd)
{
	if (!sbc_range(cmd))
		return false;
	if (LIKELY(cmd->blocks <= cmd->lu->maximum_blocks))
		return true;
	sense_invalid_field(cmd, cmd->op->length_at, 7);
	return false;
}

/* Has the medium's own memory shown as the command's, where it has such and that is allowed. */
static bool map_medium(struct scsi_cmd *cmd, enum store_op op, uint32_t bytes)
{
	const struct scsi_lu *lu = cmd->lu;
	uint64_t blocks = bytes >> lu->block_shift;

	/* What has come before its turn is already in memory of its own. */
	if (cmd->private_data)
		return false;
	if (range_is_fenced(cmd, cmd->lba, blocks) ||
	    store_map(lu->store, op, cmd->lba << lu->block_shift, bytes, &cmd->data) != 0) {
		extents_init(&cmd->data);
		return false;
	}
	range_enter(cmd, cmd->lba, blocks);
	/* The data comes straight into the medium. */
	if (UNLIKELY(lu_has_tokens(lu)) && op == STORE_WRITE)
		odx_cancel(cmd->lu, cmd->lba, blocks, reactor_now_ns(cmd->nexus->reactor));
	cmd->flags |= CMD_MAPPED;
	return true;
}

static int read_blocks(struct scsi_cmd *cmd)
{
	/* The store reads whole blocks, the initiator may want less. */
	uint32_t bytes = (uint32_t)align_up(cmd->data_in_length, cmd->lu->block_size);

	return cmd_submit_data(cmd, STORE_READ, cmd->lba, bytes, &cmd->data, NULL);
}

/* Slow half of read_medium: looks where FUA is in this CDB. */
static int read_through(struct scsi_cmd *cmd)
{
	if (cmd->op->cdb_length == 6 || !(cmd_options(cmd) & FUA))
		return read_blocks(cmd);
	return cmd_write_back(cmd, read_blocks);
}

static int read_medium(struct scsi_cmd *cmd)
{
	if (UNLIKELY((cmd->cdb[1] | cmd->cdb[10]) & FUA))
		return read_through(cmd);
	return read_blocks(cmd);
}

int sbc_read(struct scsi_cmd *cmd)
{
	uint32_t bytes;

	if (UNLIKELY(!sbc_transfer_range(cmd)))
		return SCSI_DONE;
	cmd->transfer_length = (uint32_t)(cmd->blocks << cmd->lu->block_shift);
	cmd->data_in_length = min(cmd->transfer_length, cmd_bytes_wanted(cmd));
	if (cmd->data_in_length == 0)
		return SCSI_DONE;
	bytes = (uint32_t)align_up(cmd->data_in_length, cmd->lu->block_size);
	if (map_medium(cmd, STORE_READ, bytes))
		return read_medium(cmd);
	return cmd_memory(cmd, bytes, read_medium);
}

static int write_medium(struct scsi_cmd *cmd)
{
	return cmd_submit_data(cmd, STORE_WRITE, cmd->lba, cmd->data_out_length, &cmd->data, NULL);
}

static int receive(struct scsi_cmd *cmd)
{
	return cmd_receive(cmd, write_medium);
}

int sbc_write(struct scsi_cmd *cmd)
{
	uint32_t bytes;

	if (UNLIKELY(!sbc_transfer_range(cmd)))
		return SCSI_DONE;
	cmd->transfer_length = (uint32_t)(cmd->blocks << cmd->lu->block_shift);
	bytes = min(cmd->transfer_length, cmd_bytes_offered(cmd));
	if (bytes == 0)
		return SCSI_DONE;
	if (UNLIKELY(!is_aligned(bytes, cmd->lu->block_size)))
		return sense_invalid_information_unit(cmd);
	cmd->data_out_length = bytes;
	if (cmd->op->cdb_length != 6 && (cmd_options(cmd) & FUA))
		cmd->io.flags = STORE_FUA;
	if (map_medium(cmd, STORE_WRITE, bytes))
		return receive(cmd);
	return cmd_memory(cmd, bytes, receive);
}
