/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EXTENDED COPY's parameter lists, from bytes: headers, CSCD descriptors (the
 * identification descriptor) and segment descriptors (block to block, in blocks or with
 * byte offsets). SPC-5 sections 6.4.3 (CSCD), 6.4.4 (segments), 6.5 and 6.6 (headers).
 */
#include "scsi/copy_list.h"

#include <errno.h>
#include <stddef.h>

#include "base/bytes.h"

enum {
	HEADER_LID1 = 16,
	HEADER_LID4 = 48,
	HEADER_CSCD_LENGTH = 0x20,
	HEADER_CSCD_TYPE = 0xff,
	FORMAT_LID4 = 0x01,
	LENGTH_UNCOUNTED = 4, /* bytes of a segment that its DESCRIPTOR LENGTH does not count */
	DESIGNATOR_MAX = 20,
};

/* ASC << 8 | ASCQ */
enum {
	PARAMETER_LIST_LENGTH_ERROR = 0x1a00,
	INVALID_FIELD_IN_PARAMETER_LIST = 0x2600,
	TOO_MANY_CSCD_DESCRIPTORS = 0x2606,
	UNSUPPORTED_CSCD_TYPE = 0x2607,
	TOO_MANY_SEGMENT_DESCRIPTORS = 0x2608,
	UNSUPPORTED_SEGMENT_TYPE = 0x2609,
	INLINE_DATA_LENGTH_EXCEEDED = 0x260b,
};

/* The lengths as a header has them, and where it has them. */
struct layout {
	uint32_t header;
	uint32_t cscds, cscds_at; /* bytes */
	uint32_t segments, segments_at;
	uint32_t inline_data, inline_at;
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

/* ---- descriptors ------------------------------------------------------------------ */

static int parse_cscd(const uint8_t *at, uint32_t offset, struct copy_cscd *out,
		      struct copy_flaw *flaw)
{
	if (at[0] != COPY_CSCD_IDENTIFICATION)
		return flaw_at(flaw, UNSUPPORTED_CSCD_TYPE, offset, 7);
	/* LU ID TYPE is to be ignored here, NUL is obsolete. */
	out->device_type = at[1] & 0x1f;
	out->code_set = at[4] & 0x0f;
	out->designator_type = at[5] & 0x3f;
	out->designator_length = at[7];
	out->designator = at + 8;
	out->pad = at[28] & 0x04;
	out->block_length = get_be24(at + 29);
	if (at[7] == 0 || at[7] > DESIGNATOR_MAX)
		return flaw_at(flaw, INVALID_FIELD_IN_PARAMETER_LIST, offset + 7, 7);
	return 0;
}

/* With its header; 0: a type that is not for us. */
static uint32_t segment_length(uint8_t type)
{
	switch (type) {
	case COPY_SEGMENT_BLOCKS:
		return COPY_SEGMENT_LENGTH;
	case COPY_SEGMENT_OFFSETS:
		return COPY_SEGMENT_OFFSETS_LENGTH;
	default:
		return 0;
	}
}

static int parse_segment(const uint8_t *at, uint32_t offset, struct copy_segment *out,
			 struct copy_flaw *flaw)
{
	*out = (struct copy_segment){ .counts_bytes = at[0] == COPY_SEGMENT_OFFSETS };
	out->concatenates = at[1] & 0x01;
	out->from = get_be16(at + 4);
	out->to = get_be16(at + 6);
	out->from_lba = get_be64(at + 12);
	out->to_lba = get_be64(at + 20);
	if (out->counts_bytes) {
		out->bytes = get_be32(at + 8);
		out->from_offset = get_be16(at + 28);
		out->to_offset = get_be16(at + 30);
	} else {
		out->counts_destination = at[1] & 0x02;
		out->blocks = get_be16(at + 10);
	}
	if (get_be16(at + 2) != segment_length(at[0]) - LENGTH_UNCOUNTED)
		return flaw_at(flaw, INVALID_FIELD_IN_PARAMETER_LIST, offset + 2, 7);
	return 0;
}

static int parse_cscds(const uint8_t *bytes, const struct layout *layout, struct copy_list *out,
		       struct copy_flaw *flaw)
{
	int rc = 0;

	for (uint32_t at = 0; rc == 0 && at < layout->cscds; at += COPY_CSCD_LENGTH) {
		uint32_t offset = layout->header + at;

		if (out->cscd_count == COPY_CSCDS_MAX)
			return flaw_at(flaw, TOO_MANY_CSCD_DESCRIPTORS, layout->cscds_at, 7);
		rc = parse_cscd(bytes + offset, offset, &out->cscd[out->cscd_count++], flaw);
	}
	return rc;
}

static int parse_segments(const uint8_t *bytes, const struct layout *layout, struct copy_list *out,
			  struct copy_flaw *flaw)
{
	uint32_t at = layout->header + layout->cscds;
	uint32_t end = at + layout->segments;
	int rc = 0;

	while (rc == 0 && at < end) {
		uint32_t length = segment_length(bytes[at]);

		if (length == 0)
			return flaw_at(flaw, UNSUPPORTED_SEGMENT_TYPE, at, 7);
		if (end - at < length)
			return flaw_at(flaw, PARAMETER_LIST_LENGTH_ERROR, layout->segments_at, 7);
		if (out->segment_count == COPY_SEGMENTS_MAX)
			return flaw_at(flaw, TOO_MANY_SEGMENT_DESCRIPTORS, layout->segments_at, 7);
		rc = parse_segment(bytes + at, at, &out->segment[out->segment_count++], flaw);
		at += length;
	}
	return rc;
}

static int parse_descriptors(const uint8_t *bytes, uint32_t length, const struct layout *layout,
			     struct copy_list *out, struct copy_flaw *flaw)
{
	uint64_t all = (uint64_t)layout->cscds + layout->segments;
	int rc;

	out->cscd_count = 0;
	out->segment_count = 0;
	if (all + layout->inline_data > length - layout->header)
		return flaw_code(flaw, PARAMETER_LIST_LENGTH_ERROR);
	if (all > COPY_DESCRIPTORS_MAX)
		return flaw_code(flaw, PARAMETER_LIST_LENGTH_ERROR);
	if (layout->inline_data != 0)
		return flaw_at(flaw, INLINE_DATA_LENGTH_EXCEEDED, layout->inline_at, 7);
	if (layout->cscds % COPY_CSCD_LENGTH != 0)
		return flaw_at(flaw, INVALID_FIELD_IN_PARAMETER_LIST, layout->cscds_at, 7);
	rc = parse_cscds(bytes, layout, out, flaw);
	return rc != 0 ? rc : parse_segments(bytes, layout, out, flaw);
}

/* ---- headers ---------------------------------------------------------------------- */

/* BYTE has the bits that both kinds of header share; ID is the list identifier at ID_AT. */
static int parse_usage(uint8_t byte, uint32_t id, uint32_t id_at, struct copy_list *out,
		       struct copy_flaw *flaw)
{
	out->id = id;
	out->id_usage = byte >> 3 & 0x03;
	out->sequential = byte & 0x20;
	if (out->id_usage == COPY_ID_RESERVED)
		return flaw_at(flaw, INVALID_FIELD_IN_PARAMETER_LIST, 1, 4);
	if (out->id_usage == COPY_ID_NONE && id != 0)
		return flaw_at(flaw, INVALID_FIELD_IN_PARAMETER_LIST, id_at, 7);
	return 0;
}

int copy_list_parse_lid1(const uint8_t *bytes, uint32_t length, struct copy_list *out,
			 struct copy_flaw *flaw)
{
	struct layout layout = {
		.header = HEADER_LID1, .cscds_at = 2, .segments_at = 8, .inline_at = 12
	};

	if (length < HEADER_LID1)
		return flaw_code(flaw, PARAMETER_LIST_LENGTH_ERROR);
	out->immediate = false;
	if (parse_usage(bytes[1], bytes[0], 0, out, flaw) != 0)
		return -EINVAL;
	layout.cscds = get_be16(bytes + 2);
	layout.segments = get_be32(bytes + 8);
	layout.inline_data = get_be32(bytes + 12);
	return parse_descriptors(bytes, length, &layout, out, flaw);
}

int copy_list_parse_lid4(const uint8_t *bytes, uint32_t length, struct copy_list *out,
			 struct copy_flaw *flaw)
{
	struct layout layout = {
		.header = HEADER_LID4, .cscds_at = 42, .segments_at = 44, .inline_at = 46
	};

	if (length < HEADER_LID4)
		return flaw_code(flaw, PARAMETER_LIST_LENGTH_ERROR);
	if (bytes[0] != FORMAT_LID4)
		return flaw_at(flaw, INVALID_FIELD_IN_PARAMETER_LIST, 0, 7);
	if (get_be16(bytes + 2) != HEADER_CSCD_LENGTH)
		return flaw_at(flaw, INVALID_FIELD_IN_PARAMETER_LIST, 2, 7);
	if (bytes[16] != HEADER_CSCD_TYPE)
		return flaw_at(flaw, INVALID_FIELD_IN_PARAMETER_LIST, 16, 7);
	/* G_SENSE would want sense data with GOOD status, which no transport of ours carries. */
	if (bytes[15] & 0x02)
		return flaw_at(flaw, INVALID_FIELD_IN_PARAMETER_LIST, 15, 1);
	if (parse_usage(bytes[1], get_be32(bytes + 20), 20, out, flaw) != 0)
		return -EINVAL;
	out->immediate = bytes[15] & 0x01;
	/* What goes on after the command can only be asked about by its identifier. */
	if (out->immediate && out->id_usage == COPY_ID_NONE)
		return flaw_at(flaw, INVALID_FIELD_IN_PARAMETER_LIST, 1, 4);
	layout.cscds = get_be16(bytes + 42);
	layout.segments = get_be16(bytes + 44);
	layout.inline_data = get_be16(bytes + 46);
	return parse_descriptors(bytes, length, &layout, out, flaw);
}
