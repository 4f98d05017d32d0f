/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * READ, WRITE, VERIFY and WRITE AND VERIFY with RDPROTECT, WRPROTECT or VRPROTECT: SBC-4
 * sections 4.21, 5.16, 5.36, 5.40 and 5.44; and what is told of protection information.
 *
 * Commands without these go the way of all commands; the store then makes and checks
 * protection information by itself. Only READ(32) and VERIFY(32) come here all the same
 * where their CDB says what application tags are expected.
 */
#include "scsi/protect.h"

#include <assert.h>

#include "base/checked.h"
#include "scsi/lu.h"
#include "scsi/mode.h"
#include "scsi/protect_io.h"
#include "scsi/sense.h"

enum {
	BYTCHK_ALL = 1,
	BYTCHK_RESERVED = 2,
	BYTCHK_BLOCK = 3,
	FORMAT_UNIT = 0x04,
	PROTECT_MAX = 5, /* 110b and 111b are reserved */
};

/* ---- what there is ---------------------------------------------------------------- */

uint8_t protect_bits(const struct scsi_op *op, const struct scsi_lu *lu)
{
	if (lu == NULL || lu->protection == 0 || !(op->flags & OP_PROTECTS))
		return 0;
	if (op->usage[0] == FORMAT_UNIT)
		return 0xc0;
	/* With type 2 the initiator must say what it expects. */
	return (op->cdb_length == 32) == (lu->protection == 2) ? 0xe0 : 0;
}

static unsigned options_at(const struct scsi_op *op)
{
	return op->cdb_length == 32 ? 10 : 1;
}

uint8_t protect_usage(const struct scsi_op *op, const struct scsi_lu *lu, unsigned at)
{
	return op->usage[at] | (at == options_at(op) ? protect_bits(op, lu) : 0);
}

bool protect_is_out_of_place(const struct scsi_cmd *cmd)
{
	return cmd->lu != NULL && cmd->lu->protection == 2 && (cmd->op->flags & OP_PROTECTS) &&
	       cmd->op->cdb_length >= 10 && cmd->op->cdb_length <= 16 && cmd_options(cmd) >> 5 != 0;
}

bool protect_concerns(const struct scsi_cmd *cmd)
{
	const struct scsi_op *op = cmd->op;

	if (!(protect_bits(op, cmd->lu) & 0x20))
		return false;
	if (cmd_options(cmd) >> 5 != 0)
		return true;
	return op->cdb_length == 32 && (op->start == sbc_read || op->start == sbc_verify) &&
	       lu_has_mode(cmd->lu, MODE_ATO);
}

uint8_t protect_capacity(const struct scsi_lu *lu)
{
	return lu->protection == 0 ? 0 : (uint8_t)((lu->protection - 1) << 1 | 0x01);
}

/* SPT, GRD_CHK, APP_CHK, REF_CHK. */
uint8_t protect_checks(const struct scsi_lu *lu)
{
	static const uint8_t checks[] = { 0, 0x00 << 3 | 0x07, 0x02 << 3 | 0x07, 0x04 << 3 | 0x06 };

	return checks[lu->protection];
}

uint8_t protect_format(const struct scsi_lu *lu, uint8_t *usage)
{
	static const uint8_t information[] = { 0, 2, 3, 3 };

	*usage = lu->protection == 3 ? 1 : 0;
	return information[lu->protection];
}

/* ---- READ ------------------------------------------------------------------------- */

static int interleave(struct scsi_cmd *cmd)
{
	uint32_t size = cmd->lu->block_size;
	uint32_t blocks = (uint32_t)cmd->blocks;
	uint32_t wire = protect_wire_block(cmd);

	if (protect_check_scratch(cmd, cmd->lba, blocks) != 0)
		return SCSI_DONE;
	for (uint32_t i = 0; i < blocks; i++) {
		protect_copy(cmd, &cmd->data, i * wire, &cmd->scratch, i * size, size);
		if (wire > size)
			protect_copy(cmd, &cmd->data, i * wire + size, &cmd->scratch,
				     blocks * size + i * STORE_PI_BYTES, STORE_PI_BYTES);
	}
	return SCSI_DONE;
}

static int read_medium(struct scsi_cmd *cmd)
{
	protect_view(cmd, protect_wire(cmd, cmd->blocks), (uint32_t)cmd->blocks);
	return protect_submit(cmd, STORE_READ, cmd->lba, (uint32_t)cmd->blocks, 0, interleave);
}

static int take_memory(struct scsi_cmd *cmd)
{
	uint32_t blocks = (uint32_t)cmd->blocks;

	return cmd_memory(cmd, protect_memory(cmd, protect_wire(cmd, blocks), blocks), read_medium);
}

static int start_read(struct scsi_cmd *cmd)
{
	uint32_t wire = protect_wire_block(cmd);

	if (!sbc_transfer_range(cmd))
		return SCSI_DONE;
	cmd->transfer_length = protect_wire(cmd, cmd->blocks);
	cmd->data_in_length = min(cmd->transfer_length, cmd_bytes_wanted(cmd));
	if (cmd->data_in_length == 0)
		return SCSI_DONE;
	/* The initiator may want less, and a part of a block. */
	cmd->blocks = (cmd->data_in_length + wire - 1) / wire;
	if (cmd_options(cmd) & PROTECT_FUA)
		return cmd_write_back(cmd, take_memory);
	return take_memory(cmd);
}

/* ---- VERIFY: cmd->lba and cmd->blocks are what is left ------------------------------ */

static int verify_piece(struct scsi_cmd *cmd);

/*
 * The block INDEX of the piece that has been read with what came for it. With BYTCHK 11b that
 * is the one block, whose reference tag counts on (but for type 3).
 */
static int compare_block(struct scsi_cmd *cmd, const struct protect_check *check, uint32_t blocks,
			 uint32_t index)
{
	bool is_one = protect_bytchk(cmd) == BYTCHK_BLOCK;
	uint64_t number = cmd->lba + index - protect_first(cmd);
	uint32_t at = is_one ? 0 : (uint32_t)number * protect_wire_block(cmd);
	uint32_t size = cmd->lu->block_size;
	struct store_pi medium, received;

	if (extents_compare(&cmd->data, at, &cmd->scratch, index * size, size) != size) {
		sense_miscompare(cmd, UINT64_MAX);
		return -1;
	}
	if (protect_of(cmd) == 0)
		return 0;
	medium = protect_get(cmd, blocks, index);
	received = protect_received(cmd, at);
	if (is_one && cmd->lu->protection != 3)
		received.reference += (uint32_t)number;
	return protect_compare(cmd, check, &medium, &received, cmd->lba + index);
}

static int compare_piece(struct scsi_cmd *cmd, uint32_t blocks)
{
	struct protect_check check = protect_check_compared(cmd);
	int ret = 0;

	for (uint32_t i = 0; ret == 0 && i < blocks; i++)
		ret = compare_block(cmd, &check, blocks, i);
	return ret;
}

static int check_piece(struct scsi_cmd *cmd)
{
	uint32_t blocks = cmd->io.length >> cmd->lu->block_shift;

	if (protect_check_scratch(cmd, cmd->lba, blocks) != 0)
		return SCSI_DONE;
	if (protect_bytchk(cmd) != 0 && compare_piece(cmd, blocks) != 0)
		return SCSI_DONE;
	cmd->lba += blocks;
	cmd->blocks -= blocks;
	return cmd->blocks == 0 ? SCSI_DONE : verify_piece(cmd);
}

static uint32_t piece_blocks(const struct scsi_cmd *cmd)
{
	return (uint32_t)min(cmd->blocks, (uint64_t)(PROTECT_PIECE >> cmd->lu->block_shift));
}

static int verify_piece(struct scsi_cmd *cmd)
{
	uint32_t blocks = piece_blocks(cmd);

	protect_view(cmd, cmd->data_out_length, blocks);
	return protect_submit(cmd, STORE_READ, cmd->lba, blocks, 0, check_piece);
}

/* What came is checked before anything is read. */
static int verify_received(struct scsi_cmd *cmd)
{
	uint32_t blocks = protect_bytchk(cmd) == BYTCHK_BLOCK ? 1 : (uint32_t)cmd->blocks;

	if (protect_check_data(cmd, 0, cmd->lba, blocks) != 0)
		return SCSI_DONE;
	return cmd_write_back(cmd, verify_piece);
}

static int receive_to_verify(struct scsi_cmd *cmd)
{
	return cmd->data_out_length != 0 ? cmd_receive(cmd, verify_received) :
					   cmd_write_back(cmd, verify_piece);
}

static int start_verify(struct scsi_cmd *cmd)
{
	unsigned bytchk = protect_bytchk(cmd);

	if (bytchk == BYTCHK_RESERVED)
		return sense_invalid_field(cmd, cmd_options_at(cmd), 2);
	if (!sbc_transfer_range(cmd) || cmd->blocks == 0)
		return SCSI_DONE;
	if (bytchk == BYTCHK_ALL && !protect_expect(cmd, protect_wire(cmd, cmd->blocks)))
		return SCSI_DONE;
	if (bytchk == BYTCHK_BLOCK && !protect_expect(cmd, protect_wire(cmd, 1)))
		return SCSI_DONE;
	if (bytchk == BYTCHK_ALL)
		cmd->blocks = cmd->data_out_length / protect_wire_block(cmd);
	return cmd_memory(cmd, protect_memory(cmd, cmd->data_out_length, piece_blocks(cmd)),
			  receive_to_verify);
}

/* ---- WRITE, WRITE AND VERIFY ------------------------------------------------------- */

/* Nothing is written unless all of it is right. */
static int write_received(struct scsi_cmd *cmd)
{
	uint32_t blocks = (uint32_t)cmd->blocks;
	bool verifies = cmd->op->start == sbc_write_and_verify;
	/* To the medium: what is verified shall not be a cache. */
	bool is_durable = verifies || (cmd_options(cmd) & PROTECT_FUA);

	if (protect_check_data(cmd, 0, cmd->lba, blocks) != 0)
		return SCSI_DONE;
	protect_view(cmd, cmd->data_out_length, blocks);
	protect_take(cmd, 0, blocks);
	return protect_submit(cmd, STORE_WRITE, cmd->lba, blocks, is_durable ? STORE_FUA : 0,
			      verifies ? verify_piece : NULL);
}

static int receive(struct scsi_cmd *cmd)
{
	return cmd_receive(cmd, write_received);
}

static int start_write(struct scsi_cmd *cmd)
{
	if (!sbc_transfer_range(cmd) || !protect_expect(cmd, protect_wire(cmd, cmd->blocks)))
		return SCSI_DONE;
	cmd->blocks = cmd->data_out_length / protect_wire_block(cmd);
	return cmd_memory(cmd, protect_memory(cmd, cmd->data_out_length, (uint32_t)cmd->blocks),
			  receive);
}

static int start_write_and_verify(struct scsi_cmd *cmd)
{
	if (protect_bytchk(cmd) > BYTCHK_ALL)
		return sense_invalid_field(cmd, cmd_options_at(cmd), 2);
	return start_write(cmd);
}

/* ---- the beginning ---------------------------------------------------------------- */

static const struct {
	int (*start)(struct scsi_cmd *cmd); /* of the row of the command table */
	int (*instead)(struct scsi_cmd *cmd);
} starts[] = {
	{ sbc_read, start_read },
	{ sbc_write, start_write },
	{ sbc_verify, start_verify },
	{ sbc_write_and_verify, start_write_and_verify },
	{ sbc_compare_and_write, protect_compare_and_write },
	{ sbc_orwrite, protect_orwrite },
	{ sbc_write_atomic, protect_write_atomic },
	{ sbc_write_same, protect_write_same },
};

int protect_start(struct scsi_cmd *cmd)
{
	unsigned i = 0;

	if (protect_of(cmd) > PROTECT_MAX)
		return sense_invalid_field(cmd, cmd_options_at(cmd), 7);
	while (starts[i].start != cmd->op->start) {
		i++;
		assert(i < ARRAY_SIZE(starts));
	}
	return starts[i].instead(cmd);
}
