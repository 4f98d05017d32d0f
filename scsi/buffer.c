/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * READ BUFFER(10), (16) and WRITE BUFFER: SPC-5 sections 6.17, 6.18 and 6.57. One
 * data buffer for each logical unit and one echo buffer for each nexus, by which
 * an initiator tries the way to us. There is no microcode to be had.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "scsi/command.h"
#include "scsi/lu.h"
#include "scsi/sense.h"

enum {
	MODE = 0x1f,
	MODE_DATA = 0x02,
	MODE_DESCRIPTOR = 0x03,
	MODE_ECHO = 0x0a,
	MODE_ECHO_DESCRIPTOR = 0x0b,
	READ_BUFFER_16 = 0x9b,
	CAPACITY = EXTENT_MIN,
	EBOS = 0x01, /* what another nexus sends does not touch this one's echo */
};

static uint8_t buffer_id(const struct scsi_cmd *cmd)
{
	return cmd->cdb[0] == READ_BUFFER_16 ? cmd->cdb[14] : cmd->cdb[2];
}

static uint64_t buffer_offset(const struct scsi_cmd *cmd)
{
	return cmd->cdb[0] == READ_BUFFER_16 ? get_be64(cmd->cdb + 2) : get_be24(cmd->cdb + 3);
}

static int refuse_id(struct scsi_cmd *cmd)
{
	return sense_invalid_field(cmd, cmd->cdb[0] == READ_BUFFER_16 ? 14 : 2, 7);
}

static int refuse_offset(struct scsi_cmd *cmd)
{
	return sense_invalid_field(cmd, cmd->cdb[0] == READ_BUFFER_16 ? 2 : 3, 7);
}

static struct nexus_lu *state_of(const struct scsi_cmd *cmd)
{
	return &cmd->nexus->lu[lun_decode(cmd->lun)];
}

/* ---- reading -------------------------------------------------------------------- */

/* What was never written is zeros. */
static int read_data(struct scsi_cmd *cmd, struct cursor *out)
{
	uint64_t offset = buffer_offset(cmd);
	struct scsi_lu *lu = cmd->lu;

	if (buffer_id(cmd) != 0)
		return refuse_id(cmd);
	if (offset > CAPACITY)
		return refuse_offset(cmd);
	pthread_mutex_lock(&lu->control);
	if (lu->buffer != NULL)
		cursor_put_bytes(out, lu->buffer + offset, CAPACITY - offset);
	else
		cursor_put_zeros(out, CAPACITY - offset);
	pthread_mutex_unlock(&lu->control);
	return SCSI_DONE;
}

static int read_echo(struct scsi_cmd *cmd, struct cursor *out)
{
	const struct nexus_lu *state = state_of(cmd);

	if (state->echo == NULL)
		return sense_command_sequence(cmd);
	cursor_put_bytes(out, state->echo, state->echo_length);
	return SCSI_DONE;
}

/* Of any other buffer there are zero bytes: SPC-5 has no error here. */
static int read_descriptor(struct scsi_cmd *cmd, struct cursor *out)
{
	cursor_put_u8(out, 0); /* offsets of any byte */
	cursor_put_u24(out, buffer_id(cmd) == 0 ? CAPACITY : 0);
	return SCSI_DONE;
}

static int read_echo_descriptor(struct scsi_cmd *cmd, struct cursor *out)
{
	(void)cmd;
	cursor_put_u8(out, EBOS);
	cursor_put_u8(out, 0);
	cursor_put_u16(out, CAPACITY);
	return SCSI_DONE;
}

int spc_read_buffer(struct scsi_cmd *cmd, struct cursor *out)
{
	switch (cmd->cdb[1] & MODE) {
	case MODE_DATA:
		read_data(cmd, out);
		break;
	case MODE_DESCRIPTOR:
		read_descriptor(cmd, out);
		break;
	case MODE_ECHO:
		read_echo(cmd, out);
		break;
	case MODE_ECHO_DESCRIPTOR:
		read_echo_descriptor(cmd, out);
		break;
	default:
		sense_invalid_field(cmd, 1, 4);
	}
	return cmd->status == SCSI_STATUS_GOOD ? SCSI_DONE : -1;
}

/* ---- writing -------------------------------------------------------------------- */

static int write_data(struct scsi_cmd *cmd)
{
	uint64_t offset = buffer_offset(cmd);
	struct scsi_lu *lu = cmd->lu;
	bool has_room;

	pthread_mutex_lock(&lu->control);
	if (lu->buffer == NULL)
		lu->buffer = calloc(1, CAPACITY);
	has_room = lu->buffer != NULL;
	if (has_room)
		memcpy(lu->buffer + offset, cmd->data.extent[0].data, cmd->data_out_length);
	pthread_mutex_unlock(&lu->control);
	return has_room ? cmd_status(cmd, SCSI_STATUS_GOOD) : sense_insufficient_resources(cmd);
}

static int write_echo(struct scsi_cmd *cmd)
{
	struct nexus_lu *state = state_of(cmd);

	if (state->echo == NULL)
		state->echo = malloc(CAPACITY);
	if (state->echo == NULL)
		return sense_insufficient_resources(cmd);
	memcpy(state->echo, cmd->data.extent[0].data, cmd->data_out_length);
	state->echo_length = cmd->data_out_length;
	return cmd_status(cmd, SCSI_STATUS_GOOD);
}

int spc_write_buffer_list(struct scsi_cmd *cmd)
{
	return (cmd->cdb[1] & MODE) == MODE_ECHO ? write_echo(cmd) : write_data(cmd);
}

int spc_write_buffer(struct scsi_cmd *cmd)
{
	uint32_t length = get_be24(cmd->cdb + 6);
	uint64_t offset = buffer_offset(cmd);
	uint8_t mode = cmd->cdb[1] & MODE;

	if (mode != MODE_DATA && mode != MODE_ECHO)
		return sense_invalid_field(cmd, 1, 4);
	if (mode == MODE_DATA && buffer_id(cmd) != 0)
		return refuse_id(cmd);
	if (mode == MODE_DATA && offset > CAPACITY)
		return refuse_offset(cmd);
	if (length > CAPACITY - (mode == MODE_DATA ? offset : 0))
		return sense_invalid_field(cmd, 6, 7);
	return length == 0 ? cmd_status(cmd, SCSI_STATUS_GOOD) : cmd_parameters(cmd, length);
}
