/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a disk has beside reading and writing: capacity, cache, defects. SBC-4
 * sections 5.13, 5.15, 5.18 to 5.21, 5.33.
 */
#include "base/bytes.h"
#include "base/checked.h"
#include "scsi/command.h"
#include "scsi/flush.h"
#include "scsi/lu.h"
#include "scsi/protect.h"
#include "scsi/sense.h"

int sbc_read_capacity_10(struct scsi_cmd *cmd, struct cursor *out)
{
	const struct scsi_lu *lu = cmd->lu;

	/* All ones: ask READ CAPACITY(16). */
	cursor_put_u32(out, (uint32_t)min(lu->blocks - 1, (uint64_t)UINT32_MAX));
	cursor_put_u32(out, lu->block_size);
	return SCSI_DONE;
}

int sbc_read_capacity_16(struct scsi_cmd *cmd, struct cursor *out)
{
	const struct scsi_lu *lu = cmd->lu;
	uint16_t provisioning = !lu->thin				? 0
				: lu->store->traits.discard_zeroes ? 0xc000
								   : 0x8000;

	cursor_put_u64(out, lu->blocks - 1);
	cursor_put_u32(out, lu->block_size);
	cursor_put_u8(out, protect_capacity(lu));
	cursor_put_u8(out, (uint8_t)log2_floor(lu->physical_block_size / lu->block_size));
	/* LBPME, LBPRZ, LOWEST ALIGNED LOGICAL BLOCK ADDRESS */
	cursor_put_u16(out, (uint16_t)(provisioning | lu->lowest_aligned));
	cursor_put_zeros(out, 16);
	return SCSI_DONE;
}

static int flush(struct scsi_cmd *cmd)
{
	return cmd_submit_range(cmd, STORE_FLUSH, 0, 0, NULL);
}

#define SYNCHRONIZE_IMMED 0x02

/* All of the cache, whatever range is asked for. */
int sbc_synchronize_cache(struct scsi_cmd *cmd)
{
	if (!sbc_range(cmd))
		return SCSI_DONE;
	return cmd->cdb[1] & SYNCHRONIZE_IMMED ? flush_behind(cmd) : flush(cmd);
}

/*
 * GOOD instead of CONDITION MET: there is no cache of ours that would keep them.
 */
int sbc_pre_fetch(struct scsi_cmd *cmd)
{
	if (!sbc_range(cmd))
		return SCSI_DONE;
	return cmd_status(cmd, SCSI_STATUS_GOOD);
}

/* ---- defects: none that a store would tell of ------------------------------------ */

enum { DEFECT_LIST_FORMAT = 0x07, REQ_LISTS = 0x18 };

/* Blocks, bytes from index, physical sectors, short or long: an empty list looks the same in all. */
bool sbc_is_defect_format(uint8_t format)
{
	return format <= 5;
}

int sbc_read_defect_data_10(struct scsi_cmd *cmd, struct cursor *out)
{
	uint8_t what = cmd->cdb[2];

	if (!sbc_is_defect_format(what & DEFECT_LIST_FORMAT)) {
		sense_invalid_field(cmd, 2, 2);
		return -1;
	}
	cursor_put_u8(out, 0);
	cursor_put_u8(out, what & (REQ_LISTS | DEFECT_LIST_FORMAT));
	cursor_put_u16(out, 0);
	return SCSI_DONE;
}

int sbc_read_defect_data_12(struct scsi_cmd *cmd, struct cursor *out)
{
	uint8_t what = cmd->cdb[1];

	if (!sbc_is_defect_format(what & DEFECT_LIST_FORMAT)) {
		sense_invalid_field(cmd, 1, 2);
		return -1;
	}
	cursor_put_u8(out, 0);
	cursor_put_u8(out, what & (REQ_LISTS | DEFECT_LIST_FORMAT));
	cursor_put_u16(out, 0); /* GENERATION CODE: it does not change */
	cursor_put_u32(out, 0);
	return SCSI_DONE;
}
