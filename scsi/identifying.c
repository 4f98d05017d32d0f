/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * REPORT IDENTIFYING INFORMATION and SET IDENTIFYING INFORMATION: SPC-5 sections
 * 6.32 and 6.48. Each kind is kept under a name of its own.
 */
#include <string.h>

#include "base/bytes.h"
#include "scsi/command.h"
#include "scsi/identifying.h"
#include "scsi/lu.h"
#include "scsi/sense.h"

enum { TYPE_AT = 10, ALL_TYPES = 0x7f };

static const struct kind {
	uint8_t type; /* IDENTIFYING INFORMATION TYPE */
	uint16_t max;
	const char *blob;
} kinds[IDENTIFYING_COUNT] = {
	[IDENTIFYING_PLAIN] = { 0x00, IDENTIFYING_PLAIN_MAX, "information" },
	[IDENTIFYING_TEXT] = { 0x02, IDENTIFYING_MAX, "information-text" },
};

void identifying_init(struct scsi_lu *lu)
{
	for (unsigned i = 0; i < IDENTIFYING_COUNT; i++) {
		ssize_t length =
			lu_load(lu, kinds[i].blob, lu->identifying.of[i].bytes, kinds[i].max);

		lu->identifying.of[i].length = length > 0 ? (uint16_t)length : 0;
	}
}

/* The index of the type that CMD names, IDENTIFYING_COUNT: there is none such. */
static unsigned kind_of(const struct scsi_cmd *cmd)
{
	unsigned i = 0;

	while (i < IDENTIFYING_COUNT && kinds[i].type != cmd->cdb[TYPE_AT] >> 1)
		i++;
	return i;
}

static void put_types(struct cursor *out)
{
	cursor_put_u16(out, 4 * IDENTIFYING_COUNT);
	for (unsigned i = 0; i < IDENTIFYING_COUNT; i++) {
		cursor_put_u8(out, (uint8_t)(kinds[i].type << 1));
		cursor_put_u8(out, 0);
		cursor_put_u16(out, kinds[i].max);
	}
}

int spc_report_identifying(struct scsi_cmd *cmd, struct cursor *out)
{
	struct scsi_lu *lu = cmd->lu;
	unsigned kind = kind_of(cmd);

	cursor_put_u16(out, 0);
	if (cmd->cdb[TYPE_AT] >> 1 == ALL_TYPES) {
		put_types(out);
		return SCSI_DONE;
	}
	if (kind == IDENTIFYING_COUNT) {
		sense_invalid_field(cmd, TYPE_AT, 7);
		return -1;
	}
	pthread_mutex_lock(&lu->control);
	cursor_put_u16(out, lu->identifying.of[kind].length);
	cursor_put_bytes(out, lu->identifying.of[kind].bytes, lu->identifying.of[kind].length);
	pthread_mutex_unlock(&lu->control);
	return SCSI_DONE;
}

static int kept(struct scsi_cmd *cmd)
{
	if (cmd->kept < 0)
		return sense_internal_failure(cmd);
	return cmd_status(cmd, SCSI_STATUS_GOOD);
}

/* With LENGTH bytes of cmd->data, which is not there where that is 0. */
static int set(struct scsi_cmd *cmd, uint16_t length)
{
	unsigned kind = kind_of(cmd);
	struct scsi_lu *lu = cmd->lu;
	int step;

	pthread_mutex_lock(&lu->control);
	lu->identifying.of[kind].length = length;
	if (length != 0)
		memcpy(lu->identifying.of[kind].bytes, cmd->data.extent[0].data, length);
	step = cmd_keep(cmd, kinds[kind].blob, lu->identifying.of[kind].bytes, length, kept);
	pthread_mutex_unlock(&lu->control);
	attention_raise_others(&lu->attentions, ATTENTION_IDENTIFIER_CHANGED, cmd->nexus);
	return step;
}

int spc_set_identifying_list(struct scsi_cmd *cmd)
{
	uint16_t length = (uint16_t)cmd->data_out_length;

	/* A text ends with NUL. */
	if (kind_of(cmd) == IDENTIFYING_TEXT && cmd->data.extent[0].data[length - 1] != '\0')
		return sense_invalid_parameter(cmd, (uint16_t)(length - 1), 7);
	return set(cmd, length);
}

int spc_set_identifying(struct scsi_cmd *cmd)
{
	uint32_t length = get_be32(cmd->cdb + 6);
	unsigned kind = kind_of(cmd);

	if (kind == IDENTIFYING_COUNT)
		return sense_invalid_field(cmd, TYPE_AT, 7);
	if (length > kinds[kind].max)
		return sense_invalid_field(cmd, 6, 7);
	return length == 0 ? set(cmd, 0) : cmd_parameters(cmd, length);
}
