/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parameter lists of EXTENDED COPY (LID1 and LID4): SPC-5 sections 6.4 to 6.6.
 * Bytes become a structure or a flaw; whether the devices that it names
 * are there is not asked here.
 */
#ifndef PINION_SCSI_COPY_LIST_H
#define PINION_SCSI_COPY_LIST_H

#include <stdbool.h>
#include <stdint.h>

#define COPY_CSCDS_MAX       16u
#define COPY_SEGMENTS_MAX    256u
#define COPY_CSCD_LENGTH            32u
#define COPY_SEGMENT_LENGTH         28u
#define COPY_SEGMENT_OFFSETS_LENGTH 32u
#define COPY_LIST_HEADER_MAX        48u
/* MAXIMUM DESCRIPTOR LIST LENGTH */
#define COPY_DESCRIPTORS_MAX \
	(COPY_CSCDS_MAX * COPY_CSCD_LENGTH + COPY_SEGMENTS_MAX * COPY_SEGMENT_OFFSETS_LENGTH)
#define COPY_LIST_MAX            (COPY_LIST_HEADER_MAX + COPY_DESCRIPTORS_MAX)

#define COPY_CSCD_IDENTIFICATION 0xe4 /* descriptor type codes */
#define COPY_SEGMENT_BLOCKS      0x02
#define COPY_SEGMENT_OFFSETS     0x0a /* block device to block device with offset */
#define COPY_CSCD_SELF           0xffff /* CSCD descriptor ID: the logical unit with the copy manager */

/* LIST ID USAGE */
enum copy_id_usage {
	COPY_ID_HELD = 0,
	COPY_ID_RESERVED = 1,
	COPY_ID_NOT_HELD = 2,
	COPY_ID_NONE = 3
};

/* Who is to be read or written. */
struct copy_cscd {
	uint8_t device_type;
	uint8_t code_set;
	uint8_t designator_type; /* with the association above it, as in VPD page 83h */
	uint8_t designator_length; /* at most 20 */
	const uint8_t *designator; /* in the list */
	bool pad;
	uint32_t block_length; /* bytes, 0: not said */
};

/* One piece of work: block device to block device. */
struct copy_segment {
	uint16_t from, to; /* CSCD descriptor IDs */
	bool counts_destination; /* DC: BLOCKS are of the destination's size */
	bool concatenates; /* CAT */
	bool counts_bytes; /* COPY_SEGMENT_OFFSETS: BYTES, and from so many bytes after the LBAs on */
	uint16_t blocks;
	uint32_t bytes;
	uint16_t from_offset, to_offset;
	uint64_t from_lba, to_lba;
};

struct copy_list {
	uint32_t id;
	uint8_t id_usage; /* enum copy_id_usage */
	bool immediate;
	bool sequential; /* STR */
	unsigned cscd_count, segment_count;
	struct copy_cscd cscd[COPY_CSCDS_MAX];
	struct copy_segment segment[COPY_SEGMENTS_MAX];
};

/* What is wrong with a list: ILLEGAL REQUEST with CODE (ASC << 8 | ASCQ). */
struct copy_flaw {
	uint16_t code;
	bool has_field;
	uint16_t field; /* byte of the list */
	uint8_t bit;
};

/*
 * Reads LENGTH bytes. 0, or -EINVAL with FLAW. OUT points into BYTES, which must last as long.
 */
int copy_list_parse_lid1(const uint8_t *bytes, uint32_t length, struct copy_list *out,
			 struct copy_flaw *flaw);
int copy_list_parse_lid4(const uint8_t *bytes, uint32_t length, struct copy_list *out,
			 struct copy_flaw *flaw);

#endif
