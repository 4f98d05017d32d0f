/* SPDX-License-Identifier: BSD-2-Clause */
/* The parameter lists of the ODX commands, from bytes; see odx_list.h. */
#include "scsi/odx_list.h"

#include <errno.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/container.h"

enum {
	HEADER_POPULATE = 16,
	DESCRIPTOR = 16,
	IMMED = 0x01,
	RTV = 0x02, /* ROD TYPE is valid */
	DEL_TKN = 0x02,
	PARAMETER_LIST_LENGTH_ERROR = 0x1a00,
	LBA_OUT_OF_RANGE = 0x2100,
	INVALID_FIELD_IN_PARAMETER_LIST = 0x2600,
	TOO_MANY_SEGMENT_DESCRIPTORS = 0x2608,
};

static int flaw_code(struct copy_flaw *flaw, uint16_t code)
{
	*flaw = (struct copy_flaw){ .code = code };
	return -EINVAL;
}

static int flaw_at(struct copy_flaw *flaw, uint16_t code, uint32_t field, uint8_t bit)
{
	*flaw = (struct copy_flaw){
		.code = code, .has_field = true, .field = (uint16_t)field, .bit = bit
	};
	return -EINVAL;
}

static bool overlaps_one_before(const struct odx_list *list, const struct odx_range *range)
{
	for (unsigned i = 0; i < list->count; i++) {
		const struct odx_range *other = &list->range[i];

		if (range->lba < other->lba + other->blocks &&
		    other->lba < range->lba + range->blocks)
			return true;
	}
	return false;
}

static int parse_range(const uint8_t *at, uint32_t offset, const struct odx_medium *medium,
		       struct odx_list *out, struct copy_flaw *flaw)
{
	struct odx_range range = { .lba = get_be64(at), .blocks = get_be32(at + 8) };

	if (range.lba > medium->blocks || range.blocks > medium->blocks - range.lba)
		return flaw_code(flaw, LBA_OUT_OF_RANGE);
	if (range.blocks == 0)
		return 0;
	/* The same block twice in one operation is an error for both commands. */
	if (overlaps_one_before(out, &range))
		return flaw_at(flaw, INVALID_FIELD_IN_PARAMETER_LIST, offset, 7);
	out->range[out->count++] = range;
	out->blocks += range.blocks;
	if (out->blocks > ODX_BYTES_MAX >> medium->block_shift)
		return flaw_at(flaw, INVALID_FIELD_IN_PARAMETER_LIST, offset + 8, 7);
	return 0;
}

/* The descriptors behind a header of HEADER bytes, whose last two are their length. */
static int parse_ranges(const uint8_t *bytes, uint32_t length, uint32_t header,
			const struct odx_medium *medium, struct odx_list *out,
			struct copy_flaw *flaw)
{
	uint32_t all = get_be16(bytes + header - 2);
	uint32_t said = get_be16(bytes) + 2u;
	int rc = 0;

	out->count = 0;
	out->blocks = 0;
	if (said < header + DESCRIPTOR)
		return flaw_at(flaw, INVALID_FIELD_IN_PARAMETER_LIST, 0, 7);
	if (all < DESCRIPTOR || all > said - header)
		return flaw_at(flaw, INVALID_FIELD_IN_PARAMETER_LIST, header - 2, 7);
	/* A descriptor that is not there as a whole does not count. */
	all = min(all, length - header) / DESCRIPTOR * DESCRIPTOR;
	if (all > ODX_RANGES_MAX * DESCRIPTOR)
		return flaw_at(flaw, TOO_MANY_SEGMENT_DESCRIPTORS, header - 2, 7);
	for (uint32_t at = header; rc == 0 && at < header + all; at += DESCRIPTOR)
		rc = parse_range(bytes + at, at, medium, out, flaw);
	return rc;
}

static bool is_our_type(uint32_t type)
{
	return type == ODX_TYPE_DEFAULT || type == ODX_TYPE_CHANGE_VULNERABLE ||
	       type == ODX_TYPE_ANY;
}

int odx_list_parse_populate(const uint8_t *bytes, uint32_t length, const struct odx_medium *medium,
			    struct odx_list *out, struct copy_flaw *flaw)
{
	uint32_t timeout;

	if (length < HEADER_POPULATE)
		return flaw_code(flaw, PARAMETER_LIST_LENGTH_ERROR);
	timeout = get_be32(bytes + 4);
	out->immediate = bytes[2] & IMMED;
	out->deletes = false;
	out->offset = 0;
	out->token = NULL;
	out->timeout_s = timeout != 0 ? timeout : ODX_TIMEOUT_DEFAULT;
	if (timeout > ODX_TIMEOUT_MAX)
		return flaw_at(flaw, INVALID_FIELD_IN_PARAMETER_LIST, 4, 7);
	if ((bytes[2] & RTV) && !is_our_type(get_be32(bytes + 8)))
		return flaw_at(flaw, INVALID_FIELD_IN_PARAMETER_LIST, 8, 7);
	return parse_ranges(bytes, length, HEADER_POPULATE, medium, out, flaw);
}

int odx_list_parse_write(const uint8_t *bytes, uint32_t length, const struct odx_medium *medium,
			 struct odx_list *out, struct copy_flaw *flaw)
{
	if (length < ODX_WRITE_HEADER)
		return flaw_code(flaw, PARAMETER_LIST_LENGTH_ERROR);
	out->immediate = bytes[2] & IMMED;
	out->deletes = bytes[2] & DEL_TKN;
	out->timeout_s = 0;
	out->offset = get_be64(bytes + 8);
	out->token = bytes + 16;
	return parse_ranges(bytes, length, ODX_WRITE_HEADER, medium, out, flaw);
}
