/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of proto/bhs_scsi.h against the figures of RFC 7143, byte for byte. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "proto/bhs_scsi.h"
#include "tests/unit/test_proto_bhs.h"

/* 11.3: READ(10), immediate delivery, simple, with 28 bytes of AHS */
static const uint8_t read_command[BHS_LEN] = {
	0x41, 0xc1, 0x00, 0x00, /* I, 0x01; F R ATTR=1 */
	0x07, 0x00, 0x00, 0x00, /* TotalAHSLength 7 words; DataSegmentLength */
	0x00, 0x05, 0x00, 0x00, /* LUN */
	0x00, 0x00, 0x00, 0x00, /* LUN, lower half */
	0x11, 0x22, 0x33, 0x44, /* Initiator Task Tag */
	0x00, 0x00, 0x10, 0x00, /* Expected Data Transfer Length */
	0x01, 0x02, 0x03, 0x04, /* CmdSN */
	0x05, 0x06, 0x07, 0x08, /* ExpStatSN */
	0x28, 0x00, 0x00, 0x00, /* CDB */
	0x12, 0x34, 0x00, 0x00, /* CDB, continued */
	0x08, 0x00, 0x00, 0x00, /* CDB, continued */
	0x00, 0x00, 0x00, 0x00, /* CDB, continued */
};

/* 11.3: WRITE(16) with 8192 bytes of immediate data and more to come */
static const uint8_t write_command[BHS_LEN] = {
	0x01, 0x23, 0x00, 0x00, /* 0x01; W ATTR=3, not final */
	0x00, 0x00, 0x20, 0x00, /* TotalAHSLength, DataSegmentLength */
	0x40, 0x01, 0x02, 0x03, /* LUN */
	0x04, 0x05, 0x06, 0x07, /* LUN, lower half */
	0xde, 0xad, 0xbe, 0xef, /* Initiator Task Tag */
	0x00, 0x10, 0x00, 0x00, /* Expected Data Transfer Length */
	0xff, 0xff, 0xff, 0xff, /* CmdSN */
	0x00, 0x00, 0x00, 0x01, /* ExpStatSN */
	0x8a, 0x00, 0x00, 0x00, /* CDB */
	0x00, 0x01, 0x00, 0x00, /* CDB, continued */
	0x00, 0x00, 0x00, 0x00, /* CDB, continued */
	0x08, 0x00, 0x00, 0x99, /* CDB, continued */
};

static void test_bhs_scsi_command_decode__read(void **state)
{
	struct bhs bhs = bhs_from(read_command);
	struct bhs_scsi_command cmd;

	(void)state;
	bhs_scsi_command_decode(&bhs, &cmd);
	assert_true(cmd.is_immediate);
	assert_true(cmd.is_final);
	assert_true(cmd.is_read);
	assert_false(cmd.is_write);
	assert_int_equal(cmd.attr, ISCSI_ATTR_SIMPLE);
	assert_int_equal(cmd.ahs_len, 28);
	assert_int_equal(cmd.data_len, 0);
	assert_int_equal(cmd.lun, 0x0005000000000000);
	assert_int_equal(cmd.itt, 0x11223344);
	assert_int_equal(cmd.expected_data_transfer_length, 4096);
	assert_int_equal(cmd.cmd_sn, 0x01020304);
	assert_int_equal(cmd.exp_stat_sn, 0x05060708);
	assert_memory_equal(cmd.cdb, read_command + 32, 16);
}

static void test_bhs_scsi_command_decode__write(void **state)
{
	struct bhs bhs = bhs_from(write_command);
	struct bhs_scsi_command cmd;

	(void)state;
	bhs_scsi_command_decode(&bhs, &cmd);
	assert_false(cmd.is_immediate);
	assert_false(cmd.is_final);
	assert_false(cmd.is_read);
	assert_true(cmd.is_write);
	assert_int_equal(cmd.attr, ISCSI_ATTR_HEAD_OF_QUEUE);
	assert_int_equal(cmd.ahs_len, 0);
	assert_int_equal(cmd.data_len, 8192);
	assert_int_equal(cmd.lun, 0x4001020304050607);
	assert_int_equal(cmd.itt, 0xdeadbeef);
	assert_int_equal(cmd.expected_data_transfer_length, 1048576);
	assert_int_equal(cmd.cmd_sn, 0xffffffff);
	assert_int_equal(cmd.exp_stat_sn, 1);
	assert_memory_equal(cmd.cdb, write_command + 32, 16);
}

static void test_bhs_scsi_command_decode__ignores_reserved(void **state)
{
	struct bhs clean = bhs_from(read_command);
	struct bhs dirty = clean;
	struct bhs_scsi_command cmd;

	(void)state;
	dirty.raw[0] |= 0x80;
	dirty.raw[1] |= 0x18;
	dirty.raw[2] = 0xff;
	dirty.raw[3] = 0xff;
	bhs_scsi_command_decode(&dirty, &cmd);
	assert_int_equal(bhs_opcode(&dirty), ISCSI_OPCODE_SCSI_COMMAND);
	assert_int_equal(cmd.attr, ISCSI_ATTR_SIMPLE);
	bhs_scsi_command_encode(&dirty, &cmd);
	assert_encoded(&dirty, read_command);
}

static void test_bhs_scsi_command_encode__figure(void **state)
{
	struct bhs_scsi_command read = {
		.lun = 0x0005000000000000,
		.itt = 0x11223344,
		.expected_data_transfer_length = 4096,
		.cmd_sn = 0x01020304,
		.exp_stat_sn = 0x05060708,
		.ahs_len = 28,
		.is_immediate = true,
		.is_final = true,
		.is_read = true,
		.attr = ISCSI_ATTR_SIMPLE,
		.cdb = { 0x28, 0, 0, 0, 0x12, 0x34, 0, 0, 8 },
	};
	struct bhs_scsi_command write = {
		.lun = 0x4001020304050607,
		.itt = 0xdeadbeef,
		.expected_data_transfer_length = 1048576,
		.cmd_sn = 0xffffffff,
		.exp_stat_sn = 1,
		.data_len = 8192,
		.is_write = true,
		.attr = ISCSI_ATTR_HEAD_OF_QUEUE,
		.cdb = { 0x8a, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0x99 },
	};
	struct bhs bhs;

	(void)state;
	memset(&bhs, 0xff, sizeof(bhs));
	bhs_scsi_command_encode(&bhs, &read);
	assert_encoded(&bhs, read_command);
	bhs_scsi_command_encode(&bhs, &write);
	assert_encoded(&bhs, write_command);
}

/* 11.4: CHECK CONDITION with sense, underflow; and the bidirectional fields */
static const uint8_t check_condition[BHS_LEN] = {
	0x21, 0x92, 0x00, 0x02, /* u is 0x08, U is 0x02: here o and U */
	0x00, 0x00, 0x00, 0x14, /* TotalAHSLength, DataSegmentLength */
	0x00, 0x00, 0x00, 0x00, /* reserved */
	0x00, 0x00, 0x00, 0x00, /* reserved */
	0x11, 0x22, 0x33, 0x44, /* Initiator Task Tag */
	0x0a, 0x0b, 0x0c, 0x0d, /* SNACK Tag */
	0x01, 0x02, 0x03, 0x04, /* StatSN */
	0x05, 0x06, 0x07, 0x08, /* ExpCmdSN */
	0x09, 0x0a, 0x0b, 0x0c, /* MaxCmdSN */
	0x00, 0x00, 0x00, 0x03, /* ExpDataSN */
	0x00, 0x00, 0x01, 0x00, /* Bidirectional Read Residual Count */
	0x00, 0x00, 0x02, 0x00, /* Residual Count */
};

static const struct bhs_scsi_response check_condition_fields = {
	.itt = 0x11223344,
	.snack_tag = 0x0a0b0c0d,
	.stat_sn = 0x01020304,
	.exp_cmd_sn = 0x05060708,
	.max_cmd_sn = 0x090a0b0c,
	.exp_data_sn = 3,
	.bidi_read_residual_count = 256,
	.residual_count = 512,
	.data_len = 20,
	.flags = ISCSI_SCSI_RESPONSE_BIDI_OVERFLOW | ISCSI_SCSI_RESPONSE_UNDERFLOW,
	.response = ISCSI_SCSI_RESPONSE_COMPLETED,
	.status = 0x02,
};

static void test_bhs_scsi_response_encode__figure(void **state)
{
	struct bhs bhs;

	(void)state;
	memset(&bhs, 0xff, sizeof(bhs));
	bhs_scsi_response_encode(&bhs, &check_condition_fields);
	assert_encoded(&bhs, check_condition);
}

static void test_bhs_scsi_response_encode__target_failure(void **state)
{
	struct bhs_scsi_response failure = { .response = ISCSI_SCSI_RESPONSE_TARGET_FAILURE };
	struct bhs bhs;

	(void)state;
	bhs_scsi_response_encode(&bhs, &failure);
	assert_int_equal(bhs.raw[1], 0x80);
	assert_int_equal(bhs.raw[2], 0x01);
	assert_int_equal(bhs.raw[3], 0x00);
}

static void test_bhs_scsi_response_decode__figure(void **state)
{
	struct bhs bhs = bhs_from(check_condition);
	struct bhs_scsi_response response;

	(void)state;
	memset(&response, 0, sizeof(response));
	bhs_scsi_response_decode(&bhs, &response);
	assert_int_equal(response.itt, check_condition_fields.itt);
	assert_int_equal(response.snack_tag, check_condition_fields.snack_tag);
	assert_int_equal(response.stat_sn, check_condition_fields.stat_sn);
	assert_int_equal(response.exp_cmd_sn, check_condition_fields.exp_cmd_sn);
	assert_int_equal(response.max_cmd_sn, check_condition_fields.max_cmd_sn);
	assert_int_equal(response.exp_data_sn, 3);
	assert_int_equal(response.bidi_read_residual_count, 256);
	assert_int_equal(response.residual_count, 512);
	assert_int_equal(response.data_len, 20);
	assert_int_equal(response.flags, 0x12);
	assert_int_equal(response.response, 0);
	assert_int_equal(response.status, 2);
}

/* 11.7: solicited, last of its sequence */
static const uint8_t data_out[BHS_LEN] = {
	0x05, 0x80, 0x00, 0x00, /* opcode, flags */
	0x00, 0x01, 0x00, 0x03, /* DataSegmentLength 65539 */
	0x00, 0x01, 0x00, 0x00, /* LUN */
	0x00, 0x00, 0x00, 0x00, /* LUN, lower half */
	0x11, 0x22, 0x33, 0x44, /* Initiator Task Tag */
	0x55, 0x66, 0x77, 0x88, /* Target Transfer Tag */
	0x00, 0x00, 0x00, 0x00, /* reserved */
	0x05, 0x06, 0x07, 0x08, /* ExpStatSN */
	0x00, 0x00, 0x00, 0x00, /* reserved */
	0x00, 0x00, 0x00, 0x09, /* DataSN */
	0x00, 0x0a, 0x00, 0x00, /* Buffer Offset */
	0x00, 0x00, 0x00, 0x00, /* reserved */
};

static void test_bhs_data_out_decode__figure(void **state)
{
	struct bhs bhs = bhs_from(data_out);
	struct bhs_data_out data;

	(void)state;
	bhs_data_out_decode(&bhs, &data);
	assert_true(data.is_final);
	assert_int_equal(data.data_len, 65539);
	assert_int_equal(data.lun, 0x0001000000000000);
	assert_int_equal(data.itt, 0x11223344);
	assert_int_equal(data.ttt, 0x55667788);
	assert_int_equal(data.exp_stat_sn, 0x05060708);
	assert_int_equal(data.data_sn, 9);
	assert_int_equal(data.buffer_offset, 655360);
	memset(&bhs, 0xff, sizeof(bhs));
	bhs_data_out_encode(&bhs, &data);
	assert_encoded(&bhs, data_out);
}

static void test_bhs_data_out_decode__not_final(void **state)
{
	struct bhs bhs = bhs_from(data_out);
	struct bhs_data_out data;

	(void)state;
	bhs.raw[1] = 0x7f;
	bhs_data_out_decode(&bhs, &data);
	assert_false(data.is_final);
}

/* 11.7: the last Data-In, with status and underflow */
static const uint8_t data_in[BHS_LEN] = {
	0x25, 0x83, 0x00, 0x00, /* F U S; status GOOD */
	0x00, 0x00, 0x0e, 0x00, /* TotalAHSLength, DataSegmentLength */
	0x00, 0x00, 0x00, 0x00, /* reserved */
	0x00, 0x00, 0x00, 0x00, /* reserved */
	0x11, 0x22, 0x33, 0x44, /* Initiator Task Tag */
	0xff, 0xff, 0xff, 0xff, /* Target Transfer Tag */
	0x01, 0x02, 0x03, 0x04, /* StatSN */
	0x05, 0x06, 0x07, 0x08, /* ExpCmdSN */
	0x09, 0x0a, 0x0b, 0x0c, /* MaxCmdSN */
	0x00, 0x00, 0x00, 0x02, /* DataSN */
	0x00, 0x00, 0x20, 0x00, /* Buffer Offset */
	0x00, 0x00, 0x02, 0x00, /* Residual Count */
};

/* 11.7: in the middle, asking for a DataACK, which needs LUN and TTT */
static const uint8_t data_in_acknowledge[BHS_LEN] = {
	0x25, 0xc0, 0x00, 0x00, /* F A */
	0x00, 0x00, 0x20, 0x00, /* TotalAHSLength, DataSegmentLength */
	0x00, 0x07, 0x00, 0x00, /* LUN */
	0x00, 0x00, 0x00, 0x00, /* LUN, lower half */
	0x11, 0x22, 0x33, 0x44, /* Initiator Task Tag */
	0x55, 0x66, 0x77, 0x88, /* Target Transfer Tag */
	0x00, 0x00, 0x00, 0x00, /* reserved */
	0x05, 0x06, 0x07, 0x08, /* ExpCmdSN */
	0x09, 0x0a, 0x0b, 0x0c, /* MaxCmdSN */
	0x00, 0x00, 0x00, 0x01, /* DataSN */
	0x00, 0x00, 0x00, 0x00, /* Buffer Offset */
	0x00, 0x00, 0x00, 0x00, /* reserved */
};

static void test_bhs_data_in_encode__with_status(void **state)
{
	struct bhs_data_in data = {
		.itt = 0x11223344,
		.ttt = ISCSI_TAG_NONE,
		.stat_sn = 0x01020304,
		.exp_cmd_sn = 0x05060708,
		.max_cmd_sn = 0x090a0b0c,
		.data_sn = 2,
		.buffer_offset = 8192,
		.residual_count = 512,
		.data_len = 3584,
		.flags = ISCSI_FLAG_FINAL | ISCSI_DATA_IN_UNDERFLOW | ISCSI_DATA_IN_STATUS,
	};
	struct bhs bhs;

	(void)state;
	memset(&bhs, 0xff, sizeof(bhs));
	bhs_data_in_encode(&bhs, &data);
	assert_encoded(&bhs, data_in);
}

static void test_bhs_data_in_encode__with_acknowledge(void **state)
{
	struct bhs_data_in data = {
		.lun = 0x0007000000000000,
		.itt = 0x11223344,
		.ttt = 0x55667788,
		.exp_cmd_sn = 0x05060708,
		.max_cmd_sn = 0x090a0b0c,
		.data_sn = 1,
		.data_len = 8192,
		.flags = ISCSI_FLAG_FINAL | ISCSI_DATA_IN_ACKNOWLEDGE,
	};
	struct bhs bhs;

	(void)state;
	memset(&bhs, 0xff, sizeof(bhs));
	bhs_data_in_encode(&bhs, &data);
	assert_encoded(&bhs, data_in_acknowledge);
}

static void test_bhs_data_in_decode__figure(void **state)
{
	struct bhs bhs = bhs_from(data_in);
	struct bhs_data_in data;

	(void)state;
	bhs_data_in_decode(&bhs, &data);
	assert_int_equal(data.flags, 0x83);
	assert_int_equal(data.status, 0);
	assert_int_equal(data.data_len, 3584);
	assert_int_equal(data.itt, 0x11223344);
	assert_int_equal(data.ttt, 0xffffffff);
	assert_int_equal(data.stat_sn, 0x01020304);
	assert_int_equal(data.exp_cmd_sn, 0x05060708);
	assert_int_equal(data.max_cmd_sn, 0x090a0b0c);
	assert_int_equal(data.data_sn, 2);
	assert_int_equal(data.buffer_offset, 8192);
	assert_int_equal(data.residual_count, 512);
	bhs = bhs_from(data_in_acknowledge);
	bhs_data_in_decode(&bhs, &data);
	assert_int_equal(data.flags, 0xc0);
	assert_int_equal(data.lun, 0x0007000000000000);
	assert_int_equal(data.ttt, 0x55667788);
}

/* 11.8 */
static const uint8_t r2t[BHS_LEN] = {
	0x31, 0x80, 0x00, 0x00, /* opcode, flags */
	0x00, 0x00, 0x00, 0x00, /* TotalAHSLength, DataSegmentLength */
	0x00, 0x01, 0x00, 0x00, /* LUN */
	0x00, 0x00, 0x00, 0x00, /* LUN, lower half */
	0x11, 0x22, 0x33, 0x44, /* Initiator Task Tag */
	0x55, 0x66, 0x77, 0x88, /* Target Transfer Tag */
	0x01, 0x02, 0x03, 0x04, /* StatSN */
	0x05, 0x06, 0x07, 0x08, /* ExpCmdSN */
	0x09, 0x0a, 0x0b, 0x0c, /* MaxCmdSN */
	0x00, 0x00, 0x00, 0x05, /* R2TSN */
	0x00, 0x04, 0x00, 0x00, /* Buffer Offset */
	0x00, 0x02, 0x00, 0x00, /* Desired Data Transfer Length */
};

static void test_bhs_r2t_encode__figure(void **state)
{
	struct bhs_r2t fields = {
		.lun = 0x0001000000000000,
		.itt = 0x11223344,
		.ttt = 0x55667788,
		.stat_sn = 0x01020304,
		.exp_cmd_sn = 0x05060708,
		.max_cmd_sn = 0x090a0b0c,
		.r2t_sn = 5,
		.buffer_offset = 262144,
		.desired_data_transfer_length = 131072,
	};
	struct bhs bhs;

	(void)state;
	memset(&bhs, 0xff, sizeof(bhs));
	bhs_r2t_encode(&bhs, &fields);
	assert_encoded(&bhs, r2t);
}

static void test_bhs_r2t_decode__figure(void **state)
{
	struct bhs bhs = bhs_from(r2t);
	struct bhs_r2t fields;

	(void)state;
	bhs_r2t_decode(&bhs, &fields);
	assert_int_equal(fields.lun, 0x0001000000000000);
	assert_int_equal(fields.itt, 0x11223344);
	assert_int_equal(fields.ttt, 0x55667788);
	assert_int_equal(fields.stat_sn, 0x01020304);
	assert_int_equal(fields.exp_cmd_sn, 0x05060708);
	assert_int_equal(fields.max_cmd_sn, 0x090a0b0c);
	assert_int_equal(fields.r2t_sn, 5);
	assert_int_equal(fields.buffer_offset, 262144);
	assert_int_equal(fields.desired_data_transfer_length, 131072);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bhs_scsi_command_decode__read),
		cmocka_unit_test(test_bhs_scsi_command_decode__write),
		cmocka_unit_test(test_bhs_scsi_command_decode__ignores_reserved),
		cmocka_unit_test(test_bhs_scsi_command_encode__figure),
		cmocka_unit_test(test_bhs_scsi_response_encode__figure),
		cmocka_unit_test(test_bhs_scsi_response_encode__target_failure),
		cmocka_unit_test(test_bhs_scsi_response_decode__figure),
		cmocka_unit_test(test_bhs_data_out_decode__figure),
		cmocka_unit_test(test_bhs_data_out_decode__not_final),
		cmocka_unit_test(test_bhs_data_in_encode__with_status),
		cmocka_unit_test(test_bhs_data_in_encode__with_acknowledge),
		cmocka_unit_test(test_bhs_data_in_decode__figure),
		cmocka_unit_test(test_bhs_r2t_encode__figure),
		cmocka_unit_test(test_bhs_r2t_decode__figure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
