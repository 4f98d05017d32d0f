/* SPDX-License-Identifier: BSD-2-Clause */
/* The Application Tag mode page: SBC-4 section 6.5.3. */
#include "scsi/protect_tags.h"

#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "scsi/lu.h"
#include "scsi/mode.h"

enum {
	LAST = 0x80,
	TAG_AT = 6,
	LBA_AT = 8,
	COUNT_AT = 16,
};

_Static_assert(PROTECT_TAGS_MAX <= STORE_TAGS_MAX, "the store keeps them all");

static unsigned descriptor_at(unsigned index)
{
	return PROTECT_TAGS_HEADER + index * PROTECT_TAGS_DESCRIPTOR;
}

void protect_tags_changeable(uint8_t *mask)
{
	for (unsigned i = 0; i < PROTECT_TAGS_MAX; i++) {
		mask[descriptor_at(i)] = LAST;
		memset(mask + descriptor_at(i) + TAG_AT, 0xff, PROTECT_TAGS_DESCRIPTOR - TAG_AT);
	}
}

static int wrong(unsigned index, unsigned byte, uint8_t *bit)
{
	*bit = 7;
	return (int)(descriptor_at(index) + byte);
}

/*
 * Whether the ranges of the page end where the medium does. The standard says "the RETURNED
 * LOGICAL BLOCK ADDRESS", which is one less than their sum; who means it literally is right, too.
 */
static bool ends_well(const struct scsi_lu *lu, uint64_t end)
{
	return lu == NULL || end == lu->blocks || end + 1 == lu->blocks;
}

/* One range follows the other from LBA 0 on; those without blocks do not count. */
int protect_tags_check(const struct scsi_lu *lu, const uint8_t *body, uint8_t *bit)
{
	uint64_t end = 0;

	for (unsigned i = 0; i < PROTECT_TAGS_MAX; i++) {
		const uint8_t *descriptor = body + descriptor_at(i);
		uint64_t lba = get_be64(descriptor + LBA_AT);
		uint64_t count = get_be64(descriptor + COUNT_AT);

		if ((i == 0 || count != 0) && lba != end)
			return wrong(i, LBA_AT, bit);
		if (count > UINT64_MAX - end)
			return wrong(i, COUNT_AT, bit);
		end += count;
		if (descriptor[0] & LAST)
			return ends_well(lu, end) ? -1 : wrong(i, COUNT_AT, bit);
	}
	/* Without a last one nothing is valid, which is good only where there is nothing. */
	return end == 0 ? -1 : wrong(PROTECT_TAGS_MAX - 1, 0, bit);
}

void protect_tags_apply(struct scsi_lu *lu, uint32_t bits, const uint8_t *body)
{
	struct store_tags tags = { .are_initiators = bits & MODE_ATO };
	bool is_last = (bits & (MODE_ATO | MODE_ATMPE)) != (MODE_ATO | MODE_ATMPE);

	for (unsigned i = 0; !is_last && i < PROTECT_TAGS_MAX; i++) {
		const uint8_t *descriptor = body + descriptor_at(i);
		uint64_t lba = get_be64(descriptor + LBA_AT);
		uint64_t count = get_be64(descriptor + COUNT_AT);

		is_last = descriptor[0] & LAST;
		if (count == 0)
			continue;
		tags.range[tags.count].first = lba;
		tags.range[tags.count].end = lba + count;
		tags.range[tags.count].tag = get_be16(descriptor + TAG_AT);
		tags.count++;
	}
	store_protect_set_tags(lu->store, &tags);
}
