/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EXTENDED COPY(LID1) and (LID4): SPC-5 sections 6.5 and 6.6. The list is read at
 * once; whom it names, and whether that can be, is looked at when the segment's turn
 * comes, as the standard has it. A source or destination is any disk that the
 * initiator sees at this target.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "scsi/copy.h"
#include "scsi/copy_list.h"
#include "scsi/mode.h"
#include "scsi/sense.h"

enum {
	DEVICE_NOT_REACHABLE = 0x0d02,
	INCORRECT_DEVICE_TYPE = 0x0d03,
	LBA_OUT_OF_RANGE = 0x2100,
	INEXACT_SEGMENT = 0x260a,
	TYPE_DISK = 0x00,
	DESIGNATOR_T10 = 0x01,
	DESIGNATOR_NAA = 0x03,
};

/* The work of an operation. */
struct extended {
	unsigned next; /* segment */
	uint8_t *bytes; /* what the list points into */
	struct copy_list list;
};

/* ---- who is meant --------------------------------------------------------------------- */

static bool is_t10_name(const struct scsi_lu *lu, const struct copy_cscd *cscd)
{
	uint8_t name[SCSI_VENDOR_LENGTH + SCSI_PRODUCT_LENGTH + SCSI_SERIAL_MAX];
	size_t serial = strlen(lu->serial);

	memcpy(name, lu->vendor, SCSI_VENDOR_LENGTH);
	memcpy(name + SCSI_VENDOR_LENGTH, lu->product, SCSI_PRODUCT_LENGTH);
	memcpy(name + SCSI_VENDOR_LENGTH + SCSI_PRODUCT_LENGTH, lu->serial, serial);
	return cscd->designator_length == SCSI_VENDOR_LENGTH + SCSI_PRODUCT_LENGTH + serial &&
	       memcmp(name, cscd->designator, cscd->designator_length) == 0;
}

static bool is_meant(const struct scsi_lu *lu, const struct copy_cscd *cscd)
{
	switch (cscd->designator_type) {
	case DESIGNATOR_NAA:
		return cscd->designator_length == lu->naa_length &&
		       memcmp(cscd->designator, lu->naa, lu->naa_length) == 0;
	case DESIGNATOR_T10:
		return is_t10_name(lu, cscd);
	default:
		return false;
	}
}

static struct scsi_lu *find_lu(const struct scsi_nexus *nexus, const struct copy_cscd *cscd)
{
	for (unsigned i = 0; i < nexus->lun_count; i++) {
		struct scsi_lu *lu = nexus->lu[i].lu;

		if (lu != NULL && is_meant(lu, cscd))
			return lu;
	}
	return NULL;
}

static int fail(struct copy_op *op, uint16_t code)
{
	op->failure = (struct copy_failure){
		.key = SENSE_KEY_COPY_ABORTED,
		.code = code,
		.has_segment = true,
		.segment = op->segments,
	};
	return -1;
}

/* The logical unit with the CSCD descriptor ID, and whether its odd ends are padded. */
static int resolve(struct copy_op *op, uint16_t id, struct scsi_lu **lu, bool *pad)
{
	const struct extended *work = op->work;
	const struct copy_cscd *cscd;

	*pad = false;
	if (id == COPY_CSCD_SELF) {
		*lu = op->lu;
		return 0;
	}
	if (id >= work->list.cscd_count)
		return fail(op, DEVICE_NOT_REACHABLE);
	cscd = &work->list.cscd[id];
	*pad = cscd->pad;
	*lu = find_lu(op->nexus, cscd);
	if (*lu == NULL)
		return fail(op, DEVICE_NOT_REACHABLE);
	if (cscd->device_type != TYPE_DISK ||
	    (cscd->block_length != 0 && cscd->block_length != (*lu)->block_size))
		return fail(op, INCORRECT_DEVICE_TYPE);
	return 0;
}

/* ---- segments --------------------------------------------------------------------------- */

static int fail_range(struct copy_op *op, const struct scsi_lu *lu, enum copy_whose whose)
{
	struct sense sense = {
		.key = SENSE_KEY_ILLEGAL_REQUEST,
		.code = LBA_OUT_OF_RANGE,
		.has_information = true,
		.information = lu->blocks,
	};

	fail(op, DEVICE_NOT_REACHABLE);
	op->failure.whose = whose;
	op->failure.status = SCSI_STATUS_CHECK_CONDITION;
	op->failure.sense_length =
		sense_encode(&sense, lu_has_mode(lu, MODE_DESCRIPTOR_SENSE), op->failure.sense);
	return -1;
}

static bool is_on_medium(const struct scsi_lu *lu, uint64_t lba, uint64_t bytes)
{
	uint64_t blocks = bytes >> lu->block_shift;

	return lba <= lu->blocks && blocks <= lu->blocks - lba;
}

/*
 * How many bytes are read and written where one side's blocks are larger. PAD at the
 * destination: zeros follow; at the source: what is left is dropped. Otherwise a segment
 * must come out even; residues are not carried into the next (CAT).
 */
static int set_lengths(struct copy_op *op, const struct copy_segment *segment, bool from_pad,
		       bool to_pad, struct copy_span *span)
{
	uint32_t from_size = span->from->block_size, to_size = span->to->block_size;
	uint64_t bytes =
		(uint64_t)segment->blocks * (segment->counts_destination ? to_size : from_size);

	span->from_length = align_up(bytes, from_size);
	span->to_length = align_up(bytes, to_size);
	if (span->from_length == span->to_length)
		return 0;
	if (segment->counts_destination ? from_pad : to_pad)
		return 0;
	return fail(op, INEXACT_SEGMENT);
}

/* A segment that counts bytes: whole blocks on both sides, or it does not come out even. */
static int set_offsets(struct copy_op *op, const struct copy_segment *segment,
		       struct copy_span *span)
{
	if (!is_aligned(segment->bytes | segment->from_offset, span->from->block_size) ||
	    !is_aligned(segment->bytes | segment->to_offset, span->to->block_size))
		return fail(op, INEXACT_SEGMENT);
	span->from_length = segment->bytes;
	span->to_length = segment->bytes;
	return 0;
}

static int check_access(struct copy_op *op, const struct copy_span *span)
{
	if (copy_may_access(op->nexus, span->from, false, &op->failure) &&
	    copy_may_access(op->nexus, span->to, true, &op->failure))
		return 0;
	op->failure.has_segment = true;
	op->failure.segment = op->segments;
	return -1;
}

static int start_segment(struct copy_op *op, const struct copy_segment *segment,
			 struct copy_span *span)
{
	bool from_pad, to_pad;

	*span = (struct copy_span){ 0 };
	if (resolve(op, segment->from, &span->from, &from_pad) != 0 ||
	    resolve(op, segment->to, &span->to, &to_pad) != 0)
		return -1;
	if ((segment->counts_bytes ? set_offsets(op, segment, span)
				   : set_lengths(op, segment, from_pad, to_pad, span)) != 0)
		return -1;
	if (!is_on_medium(span->from, segment->from_lba, segment->from_offset + span->from_length))
		return fail_range(op, span->from, COPY_SOURCE);
	if (!is_on_medium(span->to, segment->to_lba, segment->to_offset + span->to_length))
		return fail_range(op, span->to, COPY_DESTINATION);
	span->from_at = (segment->from_lba << span->from->block_shift) + segment->from_offset;
	span->to_at = (segment->to_lba << span->to->block_shift) + segment->to_offset;
	return check_access(op, span);
}

static int next_segment(struct copy_op *op, struct copy_span *span)
{
	struct extended *work = op->work;

	op->segments = (uint16_t)work->next;
	if (work->next == work->list.segment_count)
		return 0;
	if (start_segment(op, &work->list.segment[work->next], span) != 0)
		return -1;
	work->next++;
	return 1;
}

static void free_work(struct extended *work)
{
	free(work->bytes);
	free(work);
}

static void ended(struct copy_op *op)
{
	free_work(op->work);
	op->work = NULL;
}

static const struct copy_plan extended_copy = {
	.next = next_segment,
	.ended = ended,
	.has_segments = true,
};

/* ---- the commands ------------------------------------------------------------------------- */

static int start(struct scsi_cmd *cmd, struct extended *work)
{
	const struct copy_list *list = &work->list;
	struct copy_op *op =
		copy_create(cmd, &extended_copy, list->id_usage != COPY_ID_NONE, list->id);

	if (op == NULL) {
		free_work(work);
		return SCSI_DONE;
	}
	op->is_held = list->id_usage == COPY_ID_HELD;
	op->work = work;
	return copy_start(cmd, op, list->immediate);
}

static int parse(struct scsi_cmd *cmd)
{
	struct extended *work = calloc(1, sizeof(*work));
	struct copy_flaw flaw;
	int rc;

	if (work == NULL)
		return cmd_status(cmd, SCSI_STATUS_BUSY);
	work->bytes = copy_take_list(cmd);
	if (work->bytes == NULL) {
		free(work);
		return SCSI_DONE;
	}
	rc = (cmd->cdb[1] & 0x1f) == 0
		     ? copy_list_parse_lid1(work->bytes, cmd->data_out_length, &work->list, &flaw)
		     : copy_list_parse_lid4(work->bytes, cmd->data_out_length, &work->list, &flaw);
	if (rc == 0)
		return start(cmd, work);
	free_work(work);
	return copy_refuse_list(cmd, &flaw);
}

static int receive(struct scsi_cmd *cmd)
{
	return cmd_receive(cmd, parse);
}

int spc_extended_copy(struct scsi_cmd *cmd)
{
	uint32_t length = get_be32(cmd->cdb + 10);

	cmd->transfer_length = length;
	if (length == 0)
		return SCSI_DONE;
	if (length > COPY_LIST_MAX)
		return sense_parameter_list_length(cmd);
	if (cmd_bytes_offered(cmd) < length)
		return sense_invalid_information_unit(cmd);
	cmd->data_out_length = length;
	return cmd_memory(cmd, length, receive);
}
