/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: the parameter lists of third-party copies. The first byte chooses the
 * command, the rest is the list. What a parser accepts must be within its bounds.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz_check.h"
#include "scsi/copy_list.h"
#include "scsi/odx_list.h"

static void check_copy(const struct copy_list *list, const uint8_t *bytes, size_t size)
{
	CHECK(list->cscd_count <= COPY_CSCDS_MAX && list->segment_count <= COPY_SEGMENTS_MAX);
	CHECK(list->id_usage != COPY_ID_RESERVED);
	for (unsigned i = 0; i < list->cscd_count; i++) {
		const struct copy_cscd *cscd = &list->cscd[i];

		CHECK(cscd->designator >= bytes);
		CHECK(cscd->designator + cscd->designator_length <= bytes + size);
		CHECK(cscd->designator_length <= 20);
	}
}

static void check_odx(const struct odx_list *list, const struct odx_medium *medium,
		      const uint8_t *bytes, size_t size)
{
	uint64_t blocks = 0;

	CHECK(list->count <= ODX_RANGES_MAX);
	CHECK(list->token == NULL ||
	      (list->token >= bytes && list->token + ODX_TOKEN_LENGTH <= bytes + size));
	for (unsigned i = 0; i < list->count; i++) {
		const struct odx_range *range = &list->range[i];

		CHECK(range->blocks > 0 && range->lba < medium->blocks);
		CHECK(range->blocks <= medium->blocks - range->lba);
		blocks += range->blocks;
	}
	CHECK(blocks == list->blocks && blocks << medium->block_shift <= ODX_BYTES_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct copy_list copy;
	static struct odx_list odx;
	struct odx_medium medium = { .blocks = 1 << 20, .block_shift = 9 };
	struct copy_flaw flaw = { 0 };
	uint8_t *bytes;
	int rc;

	if (size < 1 || size > 65536)
		return 0;
	/* Alone, so that a byte beyond its end is found. */
	size--;
	bytes = malloc(size > 0 ? size : 1);
	CHECK(bytes != NULL);
	memcpy(bytes, data + 1, size);
	if (data[0] & 0x04)
		medium.blocks = UINT64_MAX >> 9;
	switch (data[0] & 0x03) {
	case 0:
		rc = copy_list_parse_lid1(bytes, (uint32_t)size, &copy, &flaw);
		break;
	case 1:
		rc = copy_list_parse_lid4(bytes, (uint32_t)size, &copy, &flaw);
		break;
	case 2:
		rc = odx_list_parse_populate(bytes, (uint32_t)size, &medium, &odx, &flaw);
		break;
	default:
		rc = odx_list_parse_write(bytes, (uint32_t)size, &medium, &odx, &flaw);
		break;
	}
	if (rc != 0)
		CHECK(flaw.code != 0);
	else if (data[0] & 0x02)
		check_odx(&odx, &medium, bytes, size);
	else
		check_copy(&copy, bytes, size);
	free(bytes);
	return 0;
}
