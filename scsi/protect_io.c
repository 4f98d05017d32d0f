/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory and I/O of commands that move protection information: protect_io.h. */
#include "scsi/protect_io.h"

#include "base/bytes.h"
#include "base/checked.h"
#include "scsi/lu.h"
#include "scsi/sense.h"

uint32_t protect_wire_block(const struct scsi_cmd *cmd)
{
	return cmd->lu->block_size + (protect_of(cmd) != 0 ? STORE_PI_BYTES : 0);
}

uint32_t protect_wire(const struct scsi_cmd *cmd, uint64_t blocks)
{
	return (uint32_t)blocks * protect_wire_block(cmd);
}

static uint32_t stored(const struct scsi_cmd *cmd, uint32_t blocks)
{
	return blocks * (cmd->lu->block_size + STORE_PI_BYTES);
}

static uint32_t store_offset(uint32_t wire)
{
	return (uint32_t)align_up(wire, EXTENT_MIN);
}

uint32_t protect_memory(const struct scsi_cmd *cmd, uint32_t wire, uint32_t blocks)
{
	return store_offset(wire) + stored(cmd, blocks);
}

void protect_view(struct scsi_cmd *cmd, uint32_t wire, uint32_t blocks)
{
	extents_slice(&cmd->data, store_offset(wire), stored(cmd, blocks), &cmd->scratch);
}

/* ---- eight bytes ------------------------------------------------------------------ */

static uint32_t pi_at(const struct scsi_cmd *cmd, uint32_t blocks, uint32_t index)
{
	return (blocks << cmd->lu->block_shift) + index * STORE_PI_BYTES;
}

static struct store_pi get(const struct extents *extents, uint32_t at)
{
	uint8_t bytes[STORE_PI_BYTES];

	extents_copy_out(extents, at, bytes, sizeof(bytes));
	return store_pi_get(bytes);
}

struct store_pi protect_get(const struct scsi_cmd *cmd, uint32_t blocks, uint32_t index)
{
	return get(&cmd->scratch, pi_at(cmd, blocks, index));
}

void protect_put(struct scsi_cmd *cmd, uint32_t blocks, uint32_t index, const struct store_pi *pi)
{
	uint8_t bytes[STORE_PI_BYTES];

	store_pi_put(pi, bytes);
	extents_copy_in(&cmd->scratch, pi_at(cmd, blocks, index), bytes, sizeof(bytes));
}

struct store_pi protect_received(const struct scsi_cmd *cmd, uint32_t at)
{
	return get(&cmd->data, at + cmd->lu->block_size);
}

/* ---- all of it --------------------------------------------------------------------- */

void protect_copy(struct scsi_cmd *cmd, struct extents *to, uint32_t to_at,
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

int protect_check_scratch(struct scsi_cmd *cmd, uint64_t lba, uint32_t blocks)
{
	struct protect_check check = protect_check_medium(cmd);
	int ret = 0;

	for (uint32_t i = 0; ret == 0 && i < blocks; i++) {
		struct store_pi pi = protect_get(cmd, blocks, i);

		if (!store_pi_is_escape(&pi, cmd->lu->protection))
			ret = protect_check_block(cmd, &check, &cmd->scratch,
						  i << cmd->lu->block_shift, &pi, lba + i);
	}
	return ret;
}

int protect_check_data(struct scsi_cmd *cmd, uint32_t at, uint64_t lba, uint32_t blocks)
{
	struct protect_check check = protect_check_received(cmd);
	int ret = 0;

	for (uint32_t i = 0; ret == 0 && protect_of(cmd) != 0 && i < blocks; i++) {
		struct store_pi pi = protect_received(cmd, at);

		ret = protect_check_block(cmd, &check, &cmd->data, at, &pi, lba + i);
		at += protect_wire_block(cmd);
	}
	return ret;
}

void protect_take(struct scsi_cmd *cmd, uint32_t at, uint32_t blocks)
{
	uint32_t size = cmd->lu->block_size;

	for (uint32_t i = 0; i < blocks; i++) {
		struct store_pi pi = protect_received(cmd, at);

		protect_copy(cmd, &cmd->scratch, i * size, &cmd->data, at, size);
		protect_put(cmd, blocks, i, &pi);
		at += protect_wire_block(cmd);
	}
}

int protect_submit(struct scsi_cmd *cmd, enum store_op op, uint64_t lba, uint32_t blocks,
		   unsigned flags, int (*next)(struct scsi_cmd *cmd))
{
	cmd->io.flags = STORE_PI | flags;
	return cmd_submit_data(cmd, op, lba, blocks << cmd->lu->block_shift, &cmd->scratch, next);
}

bool protect_expect(struct scsi_cmd *cmd, uint32_t bytes)
{
	uint32_t offered = min(bytes, cmd_bytes_offered(cmd));

	cmd->transfer_length = bytes;
	if (offered % protect_wire_block(cmd) != 0) {
		sense_invalid_information_unit(cmd);
		return false;
	}
	cmd->data_out_length = offered;
	return offered != 0;
}
