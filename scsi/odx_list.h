/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parameter lists of POPULATE TOKEN and WRITE USING TOKEN: SBC-4 sections 5.11 and 5.52.
 */
#ifndef PINION_SCSI_ODX_LIST_H
#define PINION_SCSI_ODX_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "scsi/copy_list.h"
#include "scsi/odx_token.h"

#define ODX_WRITE_HEADER 536u
#define ODX_LIST_MAX     (2u + UINT16_MAX) /* what a list can say for its length */

/* The device that the ranges are of. */
struct odx_medium {
	uint64_t blocks;
	unsigned block_shift;
};

struct odx_list {
	bool immediate;
	bool deletes; /* DEL_TKN */
	uint32_t timeout_s; /* INACTIVITY TIMEOUT, or the default */
	uint64_t offset; /* OFFSET INTO ROD, blocks of the medium that is written */
	const uint8_t *token; /* in the list */
	unsigned count;
	struct odx_range range[ODX_RANGES_MAX]; /* those without blocks are left out */
	uint64_t blocks; /* of all ranges */
};

/* Reads LENGTH bytes. 0, or -EINVAL with FLAW. OUT may point into BYTES, which must last as long. */
int odx_list_parse_populate(const uint8_t *bytes, uint32_t length, const struct odx_medium *medium,
			    struct odx_list *out, struct copy_flaw *flaw);
int odx_list_parse_write(const uint8_t *bytes, uint32_t length, const struct odx_medium *medium,
			 struct odx_list *out, struct copy_flaw *flaw);

#endif
