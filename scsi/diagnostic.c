/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SEND DIAGNOSTIC and RECEIVE DIAGNOSTIC RESULTS: SPC-5 sections 6.30 and 6.46.
 * The self-test reads from the medium; the only page is the list of pages.
 */
#include "base/bytes.h"
#include "scsi/command.h"
#include "scsi/lu.h"
#include "scsi/sense.h"

enum {
	PCV = 0x01,
	SELF_TEST_CODE = 0xe0,
	FOREGROUND_SHORT = 0xa0,
	PF = 0x10,
	SELFTEST = 0x04,
	PAGE_SUPPORTED = 0x00,
};

/* Both ends; a read that fails is told as of any READ. */
static int test_end(struct scsi_cmd *cmd)
{
	return cmd_submit_data(cmd, STORE_READ, cmd->lu->blocks - 1, cmd->lu->block_size,
			       &cmd->data, NULL);
}

static int test_begin(struct scsi_cmd *cmd)
{
	return cmd_submit_data(cmd, STORE_READ, 0, cmd->lu->block_size, &cmd->data, test_end);
}

/* A page is sent to be asked for what it has to say: here only the list of pages. */
int spc_send_diagnostic_list(struct scsi_cmd *cmd)
{
	const uint8_t *page = cmd->data.extent[0].data;

	if (cmd->data_out_length < 4)
		return sense_parameter_list_length(cmd);
	if (page[0] != PAGE_SUPPORTED)
		return sense_invalid_parameter(cmd, 0, 7);
	if (get_be16(page + 2) != 0)
		return sense_invalid_parameter(cmd, 2, 7);
	if (cmd->data_out_length != 4)
		return sense_parameter_list_length(cmd);
	return cmd_status(cmd, SCSI_STATUS_GOOD);
}

int spc_send_diagnostic(struct scsi_cmd *cmd)
{
	uint8_t code = cmd->cdb[1] & SELF_TEST_CODE;
	bool is_test = (cmd->cdb[1] & SELFTEST) || code != 0;
	uint32_t length = get_be16(cmd->cdb + 3);

	/* One or the other; what runs in the background or takes long is not there. */
	if (code != 0 && (code != FOREGROUND_SHORT || (cmd->cdb[1] & SELFTEST)))
		return sense_invalid_field(cmd, 1, 7);
	if (is_test && length != 0)
		return sense_invalid_field(cmd, 3, 7);
	if (is_test && lu_is_ejected(cmd->lu))
		return sense_medium_not_present(cmd);
	if (is_test)
		return cmd_memory(cmd, cmd->lu->block_size, test_begin);
	if (length == 0)
		return cmd_status(cmd, SCSI_STATUS_GOOD);
	if (!(cmd->cdb[1] & PF))
		return sense_invalid_field(cmd, 1, 4);
	return cmd_parameters(cmd, length);
}

int spc_receive_diagnostic(struct scsi_cmd *cmd, struct cursor *out)
{
	if ((cmd->cdb[1] & PCV) && cmd->cdb[2] != PAGE_SUPPORTED) {
		sense_invalid_field(cmd, 2, 7);
		return -1;
	}
	cursor_put_u8(out, PAGE_SUPPORTED);
	cursor_put_u8(out, 0);
	cursor_put_u16(out, 1);
	cursor_put_u8(out, PAGE_SUPPORTED);
	return SCSI_DONE;
}
