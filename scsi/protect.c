/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * READ, WRITE, VERIFY and WRITE AND VERIFY with RDPROTECT, WRPROTECT or VRPROTECT: SBC-4
 * sections 4.21, 5.16, 5.35, 5.39 and 5.44. On the wire every block has 8 bytes behind it; the store
 * (store_protect_open) takes all blocks first and then all of that. So the memory of such a
 * command is what is on the wire, then, aligned, what the store gets.
 *
 * Commands without these go the way of all commands; the store then makes and checks
 * protection information by itself. Application tags are the initiator's: kept, never
 * checked (ATO is zero).
 */
#include "scsi/protect.h"

#include "base/bytes.h"
#include "base/checked.h"
#include "scsi/lu.h"
#include "scsi/sense.h"

enum {
	FUA = 0x08,
	BYTCHK = 0x06,
	FORMAT_UNIT = 0x04,
	PROTECT_MAX = 5, /* 110b and 111b are reserved */
	PIECE = 256 * 1024, /* bytes verified at a time, a multiple of every block size */
	EXPECTED_REFERENCE_AT = 20, /* in CDBs of 32 bytes */
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

uint8_t protect_capacity(const struct scsi_lu *lu)
{
	return lu->protection == 0 ? 0 : (uint8_t)((lu->protection - 1) << 1 | 0x01);
}

/* SPT, GRD_CHK, REF_CHK. */
uint8_t protect_checks(const struct scsi_lu *lu)
{
	static const uint8_t checks[] = { 0, 0x00 << 3 | 0x05, 0x02 << 3 | 0x05, 0x04 << 3 | 0x04 };

	return checks[lu->protection];
}

uint8_t protect_format(const struct scsi_lu *lu, uint8_t *usage)
{
	static const uint8_t information[] = { 0, 2, 3, 3 };

	*usage = lu->protection == 3 ? 1 : 0;
	return information[lu->protection];
}

/* ---- checks ----------------------------------------------------------------------- */

static unsigned protect_of(const struct scsi_cmd *cmd)
{
	return cmd_options(cmd) >> 5;
}

/* Tables of RDPROTECT, WRPROTECT, and VRPROTECT with BYTCHK 00b: they agree. */
static bool checks_guard(const struct scsi_cmd *cmd)
{
	return protect_of(cmd) == 1 || protect_of(cmd) >= 4;
}

static bool checks_reference(const struct scsi_cmd *cmd)
{
	return cmd->lu->protection != 3 && protect_of(cmd) != 3 && protect_of(cmd) != 4;
}

static uint32_t expected_reference(const struct scsi_cmd *cmd, uint64_t lba)
{
	uint64_t first;

	if (cmd->lu->protection != 2)
		return (uint32_t)lba;
	first = get_be64(cmd->cdb + 12);
	return get_be32(cmd->cdb + EXPECTED_REFERENCE_AT) + (uint32_t)(lba - first);
}

static int fail(struct scsi_cmd *cmd, uint16_t code, uint64_t lba)
{
	struct sense sense = {
		.key = SENSE_KEY_ABORTED_COMMAND,
		.code = code,
		.has_information = true,
		.information = lba,
	};

	sense_fail(cmd, &sense);
	return -1;
}

/* The block LBA, which lies at byte AT of DATA, and its PI. 0, or -1 with sense. */
static int check(struct scsi_cmd *cmd, const struct extents *data, uint32_t at,
		 const struct store_pi *pi, uint64_t lba)
{
	if (checks_guard(cmd) && pi->guard != store_pi_guard(data, at, cmd->lu->block_size))
		return fail(cmd, 0x1001, lba);
	if (checks_reference(cmd) && pi->reference != expected_reference(cmd, lba))
		return fail(cmd, 0x1003, lba);
	return 0;
}

/* What was read, which is in cmd->scratch. 0, or -1 with sense. */
static int check_medium(struct scsi_cmd *cmd, uint64_t lba)
{
	uint32_t size = cmd->lu->block_size;
	uint32_t blocks = cmd->io.length >> cmd->lu->block_shift;
	int ret = 0;

	for (uint32_t i = 0; ret == 0 && i < blocks; i++) {
		uint8_t bytes[STORE_PI_BYTES];
		struct store_pi pi;

		extents_copy_out(&cmd->scratch, cmd->io.length + i * STORE_PI_BYTES, bytes,
				 sizeof(bytes));
		pi = store_pi_get(bytes);
		if (!store_pi_is_escape(&pi, cmd->lu->protection))
			ret = check(cmd, &cmd->scratch, i * size, &pi, lba + i);
	}
	return ret;
}

/* ---- memory ----------------------------------------------------------------------- */

static uint32_t wire_block(const struct scsi_cmd *cmd)
{
	return cmd->lu->block_size + STORE_PI_BYTES;
}

/* Bytes on the wire, of the data-in or the data-out: whole blocks. */
static uint32_t wire_length(const struct scsi_cmd *cmd)
{
	return (uint32_t)cmd->blocks * wire_block(cmd);
}

/* cmd->scratch becomes what the store gets: BLOCKS and what belongs to them, from byte OFFSET on. */
static void view(struct scsi_cmd *cmd, uint32_t offset, uint32_t blocks)
{
	extents_slice(&cmd->data, offset, blocks * wire_block(cmd), &cmd->scratch);
}

static uint32_t store_offset(const struct scsi_cmd *cmd)
{
	return (uint32_t)align_up(wire_length(cmd), EXTENT_MIN);
}

static void copy_between(struct scsi_cmd *cmd, struct extents *to, uint32_t to_at,
			 const struct extents *from, uint32_t from_at, uint32_t length)
{
	struct iovec iov[EXTENTS_MAX];
	uint32_t covered;
	unsigned count = extents_to_iov(from, from_at, length, iov, EXTENTS_MAX, &covered);

	for (unsigned i = 0; i < count; i++) {
		extents_copy_in(to, to_at, iov[i].iov_base, (uint32_t)iov[i].iov_len);
		to_at += (uint32_t)iov[i].iov_len;
	}
	reactor_count_copied(cmd->nexus->reactor, covered);
}

/* ---- READ ------------------------------------------------------------------------- */

static int interleave(struct scsi_cmd *cmd)
{
	uint32_t size = cmd->lu->block_size;

	if (check_medium(cmd, cmd->lba) != 0)
		return SCSI_DONE;
	for (uint32_t i = 0; i < cmd->blocks; i++) {
		uint32_t at = i * wire_block(cmd);

		copy_between(cmd, &cmd->data, at, &cmd->scratch, i * size, size);
		copy_between(cmd, &cmd->data, at + size, &cmd->scratch,
			     cmd->io.length + i * STORE_PI_BYTES, STORE_PI_BYTES);
	}
	return SCSI_DONE;
}

static int read_medium(struct scsi_cmd *cmd)
{
	view(cmd, store_offset(cmd), (uint32_t)cmd->blocks);
	cmd->io.flags = STORE_PI;
	return cmd_submit_data(cmd, STORE_READ, cmd->lba,
			       (uint32_t)(cmd->blocks << cmd->lu->block_shift), &cmd->scratch,
			       interleave);
}

static int start_read(struct scsi_cmd *cmd)
{
	if (!sbc_transfer_range(cmd))
		return SCSI_DONE;
	cmd->transfer_length = wire_length(cmd);
	cmd->data_in_length = min(cmd->transfer_length, cmd_bytes_wanted(cmd));
	if (cmd->data_in_length == 0)
		return SCSI_DONE;
	/* The initiator may want less, and a part of a block. */
	cmd->blocks = (cmd->data_in_length + wire_block(cmd) - 1) / wire_block(cmd);
	return cmd_memory(cmd, store_offset(cmd) + wire_length(cmd), read_medium);
}

/* ---- VERIFY, with BYTCHK 00b ------------------------------------------------------ */

static int check_piece(struct scsi_cmd *cmd);

/* cmd->lba and cmd->blocks are what is left. */
static int verify_piece(struct scsi_cmd *cmd)
{
	uint64_t bytes = min(cmd->blocks << cmd->lu->block_shift, (uint64_t)PIECE);

	view(cmd, 0, (uint32_t)(bytes >> cmd->lu->block_shift));
	cmd->io.flags = STORE_PI;
	return cmd_submit_data(cmd, STORE_READ, cmd->lba, (uint32_t)bytes, &cmd->scratch,
			       check_piece);
}

static int check_piece(struct scsi_cmd *cmd)
{
	uint32_t blocks = cmd->io.length >> cmd->lu->block_shift;

	if (check_medium(cmd, cmd->lba) != 0)
		return SCSI_DONE;
	cmd->lba += blocks;
	cmd->blocks -= blocks;
	return cmd->blocks == 0 ? SCSI_DONE : verify_piece(cmd);
}

static int start_verify(struct scsi_cmd *cmd)
{
	uint64_t blocks;

	if (!sbc_transfer_range(cmd) || cmd->blocks == 0)
		return SCSI_DONE;
	blocks = min(cmd->blocks, (uint64_t)(PIECE >> cmd->lu->block_shift));
	return cmd_memory(cmd, (uint32_t)blocks * wire_block(cmd), verify_piece);
}

/* ---- WRITE, and WRITE AND VERIFY with BYTCHK 00b ---------------------------------- */

/* Nothing is written unless all of it is right. */
static int check_written(struct scsi_cmd *cmd)
{
	uint32_t size = cmd->lu->block_size;
	uint32_t length = (uint32_t)cmd->blocks << cmd->lu->block_shift;
	bool verifies = cmd->op->start == sbc_write_and_verify;

	view(cmd, store_offset(cmd), (uint32_t)cmd->blocks);
	for (uint32_t i = 0; i < cmd->blocks; i++) {
		uint32_t at = i * wire_block(cmd);
		uint8_t bytes[STORE_PI_BYTES];
		struct store_pi pi;

		extents_copy_out(&cmd->data, at + size, bytes, sizeof(bytes));
		pi = store_pi_get(bytes);
		if (check(cmd, &cmd->data, at, &pi, cmd->lba + i) != 0)
			return SCSI_DONE;
		copy_between(cmd, &cmd->scratch, i * size, &cmd->data, at, size);
		extents_copy_in(&cmd->scratch, length + i * STORE_PI_BYTES, bytes, sizeof(bytes));
	}
	cmd->io.flags = STORE_PI;
	/* To the medium: what is verified shall not be a cache. */
	if (verifies || (cmd_options(cmd) & FUA))
		cmd->io.flags |= STORE_FUA;
	return cmd_submit_data(cmd, STORE_WRITE, cmd->lba, length, &cmd->scratch,
			       verifies ? verify_piece : NULL);
}

static int receive(struct scsi_cmd *cmd)
{
	return cmd_receive(cmd, check_written);
}

static int start_write(struct scsi_cmd *cmd)
{
	uint32_t bytes;

	if (!sbc_transfer_range(cmd))
		return SCSI_DONE;
	cmd->transfer_length = wire_length(cmd);
	bytes = min(cmd->transfer_length, cmd_bytes_offered(cmd));
	if (bytes == 0)
		return SCSI_DONE;
	if (bytes % wire_block(cmd) != 0)
		return sense_invalid_information_unit(cmd);
	cmd->data_out_length = bytes;
	cmd->blocks = bytes / wire_block(cmd);
	return cmd_memory(cmd, store_offset(cmd) + wire_length(cmd), receive);
}

/* ---- the beginning ---------------------------------------------------------------- */

int protect_start(struct scsi_cmd *cmd)
{
	const struct scsi_op *op = cmd->op;

	if (protect_of(cmd) > PROTECT_MAX)
		return sense_invalid_field(cmd, cmd_options_at(cmd), 7);
	if (op->start == sbc_read)
		return start_read(cmd);
	if (op->start == sbc_write)
		return start_write(cmd);
	/* To compare data with protection information in between is more than we do. */
	if (cmd_options(cmd) & BYTCHK)
		return sense_invalid_field(cmd, cmd_options_at(cmd), 2);
	return op->start == sbc_verify ? start_verify(cmd) : start_write(cmd);
}
