/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SEND DIAGNOSTIC and RECEIVE DIAGNOSTIC RESULTS: SPC-5 sections 6.30 and 6.46.
 * The self-test reads from the medium, which takes no longer than other reads: one in the
 * background has ended when its command has. The only page is the list of pages.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/container.h"
#include "scsi/command.h"
#include "scsi/lu.h"
#include "scsi/sense.h"

enum {
	PCV = 0x01,
	SELF_TEST_CODE = 0xe0,
	BACKGROUND_SHORT = 0x20,
	FOREGROUND_SHORT = 0xa0,
	FAILED_SELF_TEST = 0x3e03,
	PF = 0x10,
	SELFTEST = 0x04,
	PAGE_SUPPORTED = 0x00,
};

/* For log page 10h; the default self-test has no code and is not told of there. */
static void record(struct scsi_cmd *cmd, const struct self_test *test)
{
	struct scsi_lu *lu = cmd->lu;

	if (test->code == 0)
		return;
	pthread_mutex_lock(&lu->control);
	memmove(&lu->self_test[1], &lu->self_test[0],
		(SELF_TESTS_KEPT - 1) * sizeof(lu->self_test[0]));
	lu->self_test[0] = *test;
	lu->self_tests = min(lu->self_tests + 1, (unsigned)SELF_TESTS_KEPT);
	pthread_mutex_unlock(&lu->control);
}

int self_test_failed(struct scsi_cmd *cmd, uint64_t lba, const struct sense *found)
{
	struct self_test test = {
		.code = cmd->cdb[1] >> 5,
		.has_failed = true,
		.key = found->key,
		.sense = found->code,
		.lba = found->has_information ? lba : UINT64_MAX,
	};
	struct sense sense = { .key = SENSE_KEY_HARDWARE_ERROR, .code = FAILED_SELF_TEST };

	record(cmd, &test);
	if ((cmd->cdb[1] & SELF_TEST_CODE) == BACKGROUND_SHORT)
		return cmd_status(cmd, SCSI_STATUS_GOOD);
	return sense_fail(cmd, &sense);
}

static int test_passed(struct scsi_cmd *cmd)
{
	struct self_test test = { .code = cmd->cdb[1] >> 5, .lba = UINT64_MAX };

	record(cmd, &test);
	return cmd_status(cmd, SCSI_STATUS_GOOD);
}

/* Both ends. */
static int test_end(struct scsi_cmd *cmd)
{
	return cmd_submit_data(cmd, STORE_READ, cmd->lu->blocks - 1, cmd->lu->block_size,
			       &cmd->data, test_passed);
}

static int test_begin(struct scsi_cmd *cmd)
{
	cmd->flags |= CMD_SELF_TEST;
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

	/* One or the other; what takes long is not there, nor is anything to be aborted. */
	if (code != 0 &&
	    ((code != FOREGROUND_SHORT && code != BACKGROUND_SHORT) || (cmd->cdb[1] & SELFTEST)))
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
