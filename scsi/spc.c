/* SPDX-License-Identifier: BSD-2-Clause */
/* TEST UNIT READY, REQUEST SENSE and REPORT LUNS: SPC-5 sections 6.37, 6.39, 6.54. */
#include "base/bytes.h"
#include "scsi/command.h"
#include "scsi/flush.h"
#include "scsi/job.h"
#include "scsi/lu.h"
#include "scsi/sense.h"

int spc_test_unit_ready(struct scsi_cmd *cmd)
{
	return cmd_status(cmd, SCSI_STATUS_GOOD);
}

/* What there is to tell, which is then told for good. */
static void pending_sense(struct scsi_cmd *cmd, struct sense *sense)
{
	struct nexus_lu *state;
	enum attention attention;

	*sense = (struct sense){ .key = SENSE_KEY_NO_SENSE };
	if (cmd->flags & CMD_WELL_KNOWN)
		return;
	if (cmd->lu == NULL) {
		sense->key = SENSE_KEY_ILLEGAL_REQUEST;
		sense->code = 0x2500; /* LOGICAL UNIT NOT SUPPORTED */
		return;
	}
	state = &cmd->nexus->lu[lun_decode(cmd->lun)];
	attention = nexus_take_attention(cmd->nexus, state);
	if (attention == ATTENTION_NONE) {
		*sense = job_sense(cmd->lu);
		if (sense->key == SENSE_KEY_NO_SENSE && lu_is_ejected(cmd->lu)) {
			sense->key = SENSE_KEY_NOT_READY;
			sense->code = 0x3a02; /* MEDIUM NOT PRESENT - TRAY OPEN */
		}
		return;
	}
	if (attention == ATTENTION_DEFERRED_ERROR) {
		*sense = flush_deferred_sense(cmd->lu);
		return;
	}
	sense->key = SENSE_KEY_UNIT_ATTENTION;
	sense->code = attention_code(attention);
}

int spc_request_sense(struct scsi_cmd *cmd, struct cursor *out)
{
	bool descriptor = cmd->cdb[1] & 0x01;
	uint8_t bytes[SCSI_SENSE_MAX];
	struct sense sense;

	pending_sense(cmd, &sense);
	cursor_put_bytes(out, bytes, sense_encode(&sense, descriptor, bytes));
	return SCSI_DONE;
}

enum {
	SELECT_ADDRESSABLE = 0x00,
	SELECT_WELL_KNOWN = 0x01,
	SELECT_ALL = 0x02,
	SELECT_ADMINISTRATIVE = 0x10,
	SELECT_ADMINISTRATIVE_ALL = 0x11,
	SELECT_SUBSIDIARY = 0x12,
};

#define REPORT_LUNS_WELL_KNOWN UINT64_C(0xc101000000000000)

int spc_report_luns(struct scsi_cmd *cmd, struct cursor *out)
{
	const struct scsi_nexus *nexus = cmd->nexus;
	uint8_t select = cmd->cdb[2];
	uint32_t length = 0;

	switch (select) {
	case SELECT_ADDRESSABLE:
	case SELECT_WELL_KNOWN:
	case SELECT_ALL:
	/* Of administrative and subsidiary logical units there are none: an empty list. */
	case SELECT_ADMINISTRATIVE:
	case SELECT_ADMINISTRATIVE_ALL:
	case SELECT_SUBSIDIARY:
		break;
	default:
		sense_invalid_field(cmd, 2, 7);
		return -1;
	}
	cursor_put_zeros(out, 8);
	for (unsigned i = 0; i < nexus->lun_count; i++) {
		if (nexus->lu[i].lu == NULL || (select != SELECT_ADDRESSABLE && select != SELECT_ALL))
			continue;
		cursor_put_u64(out, lun_encode(i));
		length += 8;
	}
	if (select == SELECT_WELL_KNOWN || select == SELECT_ALL) {
		cursor_put_u64(out, REPORT_LUNS_WELL_KNOWN);
		length += 8;
	}
	put_be32(out->begin, length);
	nexus_luns_reported(cmd->nexus);
	return SCSI_DONE;
}
