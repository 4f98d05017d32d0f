/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VPD page 8Fh, third-party copy: SPC-5 section 7.7.18, SBC-4 section 6.6.6. The
 * commands are those of the command table, so that the page cannot say anything else.
 */
#include "base/bytes.h"
#include "base/checked.h"
#include "scsi/copy.h"
#include "scsi/copy_limits.h"
#include "scsi/copy_list.h"
#include "scsi/vpd_copy.h"

enum {
	BLOCK_ROD_TOKEN_LIMITS = 0x0000, /* third-party copy descriptor types */
	SUPPORTED_COMMANDS = 0x0001,
	PARAMETER_DATA = 0x0004,
	SUPPORTED_DESCRIPTORS = 0x0008,
	SUPPORTED_CSCD_IDS = 0x000c,
	ROD_TOKEN_FEATURES = 0x0106,
	SUPPORTED_RODS = 0x0108,
	GENERAL_COPY_OPERATIONS = 0x8001,
	EXTENDED_COPY = 0x83,
	RECEIVE_COPY_RESULTS = 0x84,
};

/* Begins a descriptor; its length is set by end. */
static size_t begin(struct cursor *out, uint16_t type)
{
	size_t at = cursor_offset(out);

	cursor_put_u16(out, type);
	cursor_put_u16(out, 0);
	return at;
}

/* Descriptors are multiples of four bytes. */
static void end(struct cursor *out, size_t at)
{
	size_t length = cursor_offset(out) - at;

	cursor_put_zeros(out, align_up(length, 4) - length);
	put_be16(out->begin + at + 2, (uint16_t)(align_up(length, 4) - 4));
}

static void put_rod_token_limits(const struct scsi_lu *lu, struct cursor *out)
{
	size_t at = begin(out, BLOCK_ROD_TOKEN_LIMITS);

	cursor_put_zeros(out, 6);
	cursor_put_u16(out, ODX_RANGES_MAX);
	cursor_put_u32(out, ODX_TIMEOUT_MAX);
	cursor_put_u32(out, ODX_TIMEOUT_DEFAULT);
	cursor_put_u64(out, ODX_BYTES_MAX >> lu->block_shift);
	cursor_put_u64(out, ODX_BYTES_OPTIMAL >> lu->block_shift);
	end(out, at);
}

static void put_actions(struct cursor *out, uint8_t opcode)
{
	const struct scsi_op *row = scsi_op_row(opcode);

	cursor_put_u8(out, opcode);
	cursor_put_u8(out, (uint8_t)row->action_count);
	for (unsigned i = 0; i < row->action_count; i++)
		cursor_put_u8(out, (uint8_t)row->actions[i].action);
}

static void put_commands(struct cursor *out)
{
	size_t at = begin(out, SUPPORTED_COMMANDS);

	cursor_put_u8(out, 0);
	put_actions(out, EXTENDED_COPY);
	put_actions(out, RECEIVE_COPY_RESULTS);
	out->begin[at + 4] = (uint8_t)(cursor_offset(out) - at - 5);
	end(out, at);
}

static void put_parameter_data(struct cursor *out)
{
	size_t at = begin(out, PARAMETER_DATA);

	cursor_put_u32(out, 0);
	cursor_put_u16(out, COPY_CSCDS_MAX);
	cursor_put_u16(out, COPY_SEGMENTS_MAX);
	cursor_put_u32(out, COPY_DESCRIPTORS_MAX);
	cursor_put_u32(out, 0); /* no inline data */
	cursor_put_zeros(out, 12);
	end(out, at);
}

static void put_descriptors(struct cursor *out)
{
	size_t at = begin(out, SUPPORTED_DESCRIPTORS);

	cursor_put_u8(out, 3);
	cursor_put_u8(out, COPY_SEGMENT_BLOCKS);
	cursor_put_u8(out, COPY_SEGMENT_OFFSETS);
	cursor_put_u8(out, COPY_CSCD_IDENTIFICATION);
	end(out, at);
}

static void put_cscd_ids(struct cursor *out)
{
	size_t at = begin(out, SUPPORTED_CSCD_IDS);

	cursor_put_u16(out, 2);
	cursor_put_u16(out, COPY_CSCD_SELF);
	end(out, at);
}

static void put_token_features(struct cursor *out)
{
	size_t at = begin(out, ROD_TOKEN_FEATURES);

	cursor_put_u8(out, 0); /* REMOTE TOKENS: none but those of this daemon */
	cursor_put_zeros(out, 11);
	cursor_put_u32(out, 0); /* lifetime: as long as a token is used, and no block changes */
	cursor_put_u32(out, 0);
	cursor_put_u32(out, ODX_TIMEOUT_MAX);
	cursor_put_zeros(out, 18);
	cursor_put_u16(out, 48);
	/* of disks */
	cursor_put_u8(out, 0);
	cursor_put_u8(out, 0);
	cursor_put_u16(out, 44);
	cursor_put_u16(out, 0);
	cursor_put_u16(out, 1); /* OPTIMAL BLOCK ROD LENGTH GRANULARITY: any block */
	cursor_put_u64(out, ODX_BYTES_MAX);
	cursor_put_u64(out, ODX_BYTES_OPTIMAL);
	cursor_put_u64(out, ODX_BYTES_OPTIMAL);
	cursor_put_u64(out, ODX_BYTES_OPTIMAL);
	cursor_put_zeros(out, 8);
	end(out, at);
}

/* TOKEN_OUT: POPULATE TOKEN makes such; TOKEN_IN: WRITE USING TOKEN takes them. */
static void put_rod_type(struct cursor *out, uint32_t type, uint8_t flags, uint16_t preference)
{
	cursor_put_u32(out, type);
	cursor_put_u8(out, flags);
	cursor_put_u8(out, 0);
	cursor_put_u16(out, preference);
	cursor_put_zeros(out, 56);
}

static void put_rod_types(struct cursor *out)
{
	size_t at = begin(out, SUPPORTED_RODS);

	cursor_put_u16(out, 0);
	cursor_put_u16(out, 2 * 64);
	put_rod_type(out, ODX_TYPE_CHANGE_VULNERABLE, 0x03, 0);
	put_rod_type(out, ODX_TYPE_ZERO, 0x02, 0);
	end(out, at);
}

static void put_general(struct cursor *out)
{
	size_t at = begin(out, GENERAL_COPY_OPERATIONS);

	cursor_put_u32(out, COPY_RUNNING_MAX);
	cursor_put_u32(out, COPY_RUNNING_MAX);
	cursor_put_u32(out, COPY_SEGMENT_BYTES_MAX);
	cursor_put_u8(out, COPY_GRANULARITY);
	cursor_put_u8(out, 0);
	cursor_put_zeros(out, 18);
	end(out, at);
}

void vpd_third_party_copy(struct scsi_cmd *cmd, struct cursor *out)
{
	put_rod_token_limits(cmd->lu, out);
	put_commands(out);
	put_parameter_data(out);
	put_descriptors(out);
	put_cscd_ids(out);
	put_token_features(out);
	put_rod_types(out);
	put_general(out);
}
