/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sense data of third-party copies: what is wrong with a parameter list, which segment
 * failed, and what the device said that was read or written. SPC-5 sections 4.4.2.6 (forwarded sense data) and 5.19.4.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "scsi/copy.h"
#include "scsi/copy_list.h"
#include "scsi/sense.h"

enum {
	FIXED_LENGTH = 18,
	DESCRIPTOR_COMMAND_SPECIFIC = 0x01,
	DESCRIPTOR_FORWARDED = 0x0c,
	FORWARDED_HEADER = 4,
};

/* COMMAND-SPECIFIC INFORMATION: where status and sense of source and destination begin, and the segment. */
static uint8_t add_fixed(const struct copy_failure *failure, uint8_t len, uint8_t *out)
{
	uint8_t sense_length =
		(uint8_t)min(failure->sense_length, (uint8_t)(SCSI_SENSE_MAX - len - 1));

	if (failure->has_segment)
		put_be16(out + 10, failure->segment);
	if (failure->whose == COPY_OWN)
		return len;
	out[failure->whose == COPY_SOURCE ? 8 : 9] = len;
	out[len] = failure->status;
	memcpy(out + len + 1, failure->sense, sense_length);
	len += 1 + sense_length;
	out[7] = len - 8;
	return len;
}

static uint8_t add_descriptors(const struct copy_failure *failure, uint8_t len, uint8_t *out)
{
	uint8_t most = SCSI_SENSE_MAX - 12 - FORWARDED_HEADER;
	uint8_t sense_length = (uint8_t)min(failure->sense_length, (uint8_t)(most - len));

	if (failure->has_segment) {
		out[len] = DESCRIPTOR_COMMAND_SPECIFIC;
		out[len + 1] = 0x0a;
		put_be16(out + len + 10, failure->segment);
		len += 12;
	}
	if (failure->whose != COPY_OWN) {
		out[len] = DESCRIPTOR_FORWARDED;
		out[len + 1] = (uint8_t)(FORWARDED_HEADER - 2 + sense_length);
		out[len + 2] = failure->whose;
		out[len + 3] = failure->status;
		memcpy(out + len + FORWARDED_HEADER, failure->sense, sense_length);
		len += FORWARDED_HEADER + sense_length;
	}
	out[7] = len - 8;
	return len;
}

uint8_t copy_sense_encode(const struct copy_failure *failure, bool descriptor,
			  uint8_t out[SCSI_SENSE_MAX])
{
	struct sense sense = { .key = failure->key, .code = failure->code };
	uint8_t len;

	memset(out, 0, SCSI_SENSE_MAX);
	len = sense_encode(&sense, descriptor, out);
	return descriptor ? add_descriptors(failure, len, out) : add_fixed(failure, len, out);
}

int copy_refuse_list(struct scsi_cmd *cmd, const struct copy_flaw *flaw)
{
	struct sense sense = {
		.key = SENSE_KEY_ILLEGAL_REQUEST,
		.code = flaw->code,
		.has_field = flaw->has_field,
		.field = flaw->field,
		.bit = flaw->bit,
	};

	return sense_fail(cmd, &sense);
}
