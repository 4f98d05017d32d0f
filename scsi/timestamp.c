/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REPORT TIMESTAMP and SET TIMESTAMP: SPC-5 sections 5.2, 6.44 and 6.53. The
 * timestamp is the machine's clock until an initiator sets another; that lasts
 * until the daemon ends.
 */
#include <time.h>

#include "base/bytes.h"
#include "scsi/command.h"
#include "scsi/lu.h"
#include "scsi/sense.h"

enum {
	LIST_LENGTH = 12,
	ORIGIN_SET = 2, /* by SET TIMESTAMP */
	ORIGIN_OUTSIDE = 3, /* by methods outside of the standard */
};

#define TIMESTAMP_MASK UINT64_C(0xffffffffffff)

static uint64_t machine_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int spc_report_timestamp(struct scsi_cmd *cmd, struct cursor *out)
{
	struct scsi_lu *lu = cmd->lu;
	uint64_t now;
	bool is_set;

	pthread_mutex_lock(&lu->control);
	now = (machine_ms() + lu->timestamp_offset) & TIMESTAMP_MASK;
	is_set = lu->timestamp_is_set;
	pthread_mutex_unlock(&lu->control);
	cursor_put_u16(out, LIST_LENGTH - 2);
	cursor_put_u8(out, is_set ? ORIGIN_SET : ORIGIN_OUTSIDE);
	cursor_put_u8(out, 0);
	cursor_put_u16(out, (uint16_t)(now >> 32));
	cursor_put_u32(out, (uint32_t)now);
	cursor_put_u16(out, 0);
	return SCSI_DONE;
}

int spc_set_timestamp_list(struct scsi_cmd *cmd)
{
	const uint8_t *list = cmd->data.extent[0].data;
	struct scsi_lu *lu = cmd->lu;
	uint64_t wanted = (uint64_t)get_be16(list + 4) << 32 | get_be32(list + 6);

	pthread_mutex_lock(&lu->control);
	lu->timestamp_offset = wanted - machine_ms();
	lu->timestamp_is_set = true;
	pthread_mutex_unlock(&lu->control);
	attention_raise_others(&lu->attentions, ATTENTION_TIMESTAMP_CHANGED, cmd->nexus);
	return cmd_status(cmd, SCSI_STATUS_GOOD);
}

int spc_set_timestamp(struct scsi_cmd *cmd)
{
	uint32_t length = get_be32(cmd->cdb + 6);

	if (length == 0)
		return cmd_status(cmd, SCSI_STATUS_GOOD);
	if (length < LIST_LENGTH)
		return sense_parameter_list_length(cmd);
	return cmd_parameters(cmd, length);
}
