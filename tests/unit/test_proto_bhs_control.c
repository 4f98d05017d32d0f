/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of proto/bhs_control.h against the figures of RFC 7143, byte for byte. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "proto/bhs_control.h"
#include "tests/unit/test_proto_bhs.h"

/* 11.5: ABORT TASK */
static const uint8_t tmf_request[BHS_LEN] = {
	0x42, 0x81, 0x00, 0x00, /* I, 0x02; function 1 */
	0x00, 0x00, 0x00, 0x00, /* TotalAHSLength, DataSegmentLength */
	0x00, 0x03, 0x00, 0x00, /* LUN */
	0x00, 0x00, 0x00, 0x00, /* LUN, lower half */
	0x11, 0x22, 0x33, 0x44, /* Initiator Task Tag */
	0x55, 0x66, 0x77, 0x88, /* Referenced Task Tag */
	0x01, 0x02, 0x03, 0x04, /* CmdSN */
	0x05, 0x06, 0x07, 0x08, /* ExpStatSN */
	0x0d, 0x0e, 0x0f, 0x10, /* RefCmdSN */
	0x00, 0x00, 0x00, 0x04, /* ExpDataSN */
};

static void test_bhs_tmf_request_decode__figure(void **state)
{
	struct bhs bhs = bhs_from(tmf_request);
	struct bhs_tmf_request request;

	(void)state;
	bhs_tmf_request_decode(&bhs, &request);
	assert_true(request.is_immediate);
	assert_int_equal(request.function, ISCSI_TMF_ABORT_TASK);
	assert_int_equal(request.lun, 0x0003000000000000);
	assert_int_equal(request.itt, 0x11223344);
	assert_int_equal(request.referenced_task_tag, 0x55667788);
	assert_int_equal(request.cmd_sn, 0x01020304);
	assert_int_equal(request.exp_stat_sn, 0x05060708);
	assert_int_equal(request.ref_cmd_sn, 0x0d0e0f10);
	assert_int_equal(request.exp_data_sn, 4);
	memset(&bhs, 0xff, sizeof(bhs));
	bhs_tmf_request_encode(&bhs, &request);
	assert_encoded(&bhs, tmf_request);
}

/* 11.6 */
static const uint8_t tmf_response[BHS_LEN] = {
	0x22, 0x80, 0xff, 0x00, /* Response: Function rejected */
	0x00, 0x00, 0x00, 0x00, /* TotalAHSLength, DataSegmentLength */
	0x00, 0x00, 0x00, 0x00, /* reserved */
	0x00, 0x00, 0x00, 0x00, /* reserved */
	0x11, 0x22, 0x33, 0x44, /* Initiator Task Tag */
	0x00, 0x00, 0x00, 0x00, /* reserved */
	0x01, 0x02, 0x03, 0x04, /* StatSN */
	0x05, 0x06, 0x07, 0x08, /* ExpCmdSN */
	0x09, 0x0a, 0x0b, 0x0c, /* MaxCmdSN */
};

static void test_bhs_tmf_response_encode__figure(void **state)
{
	struct bhs_tmf_response response = {
		.itt = 0x11223344,
		.stat_sn = 0x01020304,
		.exp_cmd_sn = 0x05060708,
		.max_cmd_sn = 0x090a0b0c,
		.response = ISCSI_TMF_RESPONSE_REJECTED,
	};
	struct bhs_tmf_response decoded;
	struct bhs bhs;

	(void)state;
	memset(&bhs, 0xff, sizeof(bhs));
	bhs_tmf_response_encode(&bhs, &response);
	assert_encoded(&bhs, tmf_response);
	bhs_tmf_response_decode(&bhs, &decoded);
	assert_int_equal(decoded.itt, 0x11223344);
	assert_int_equal(decoded.stat_sn, 0x01020304);
	assert_int_equal(decoded.exp_cmd_sn, 0x05060708);
	assert_int_equal(decoded.max_cmd_sn, 0x090a0b0c);
	assert_int_equal(decoded.response, 255);
}

/* 11.18: a ping that wants an answer */
static const uint8_t nop_out[BHS_LEN] = {
	0x40, 0x80, 0x00, 0x00, /* I, 0x00 */
	0x00, 0x00, 0x00, 0x08, /* TotalAHSLength, DataSegmentLength */
	0x00, 0x02, 0x00, 0x00, /* LUN */
	0x00, 0x00, 0x00, 0x00, /* LUN, lower half */
	0x11, 0x22, 0x33, 0x44, /* Initiator Task Tag */
	0xff, 0xff, 0xff, 0xff, /* Target Transfer Tag */
	0x01, 0x02, 0x03, 0x04, /* CmdSN */
	0x05, 0x06, 0x07, 0x08, /* ExpStatSN */
};

static void test_bhs_nop_out_decode__figure(void **state)
{
	struct bhs bhs = bhs_from(nop_out);
	struct bhs_nop_out nop;

	(void)state;
	bhs_nop_out_decode(&bhs, &nop);
	assert_true(nop.is_immediate);
	assert_int_equal(nop.data_len, 8);
	assert_int_equal(nop.lun, 0x0002000000000000);
	assert_int_equal(nop.itt, 0x11223344);
	assert_int_equal(nop.ttt, ISCSI_TAG_NONE);
	assert_int_equal(nop.cmd_sn, 0x01020304);
	assert_int_equal(nop.exp_stat_sn, 0x05060708);
	memset(&bhs, 0xff, sizeof(bhs));
	bhs_nop_out_encode(&bhs, &nop);
	assert_encoded(&bhs, nop_out);
}

/* 11.19: the target asks for a ping */
static const uint8_t nop_in[BHS_LEN] = {
	0x20, 0x80, 0x00, 0x00, /* opcode, flags */
	0x00, 0x00, 0x00, 0x00, /* TotalAHSLength, DataSegmentLength */
	0x00, 0x02, 0x00, 0x00, /* LUN */
	0x00, 0x00, 0x00, 0x00, /* LUN, lower half */
	0xff, 0xff, 0xff, 0xff, /* Initiator Task Tag */
	0x55, 0x66, 0x77, 0x88, /* Target Transfer Tag */
	0x01, 0x02, 0x03, 0x04, /* StatSN */
	0x05, 0x06, 0x07, 0x08, /* ExpCmdSN */
	0x09, 0x0a, 0x0b, 0x0c, /* MaxCmdSN */
};

static void test_bhs_nop_in_encode__figure(void **state)
{
	struct bhs_nop_in nop = {
		.lun = 0x0002000000000000,
		.itt = ISCSI_TAG_NONE,
		.ttt = 0x55667788,
		.stat_sn = 0x01020304,
		.exp_cmd_sn = 0x05060708,
		.max_cmd_sn = 0x090a0b0c,
	};
	struct bhs_nop_in decoded;
	struct bhs bhs;

	(void)state;
	memset(&bhs, 0xff, sizeof(bhs));
	bhs_nop_in_encode(&bhs, &nop);
	assert_encoded(&bhs, nop_in);
	bhs_set_data_len(&bhs, 12);
	bhs_nop_in_decode(&bhs, &decoded);
	assert_int_equal(decoded.lun, 0x0002000000000000);
	assert_int_equal(decoded.itt, ISCSI_TAG_NONE);
	assert_int_equal(decoded.ttt, 0x55667788);
	assert_int_equal(decoded.stat_sn, 0x01020304);
	assert_int_equal(decoded.exp_cmd_sn, 0x05060708);
	assert_int_equal(decoded.max_cmd_sn, 0x090a0b0c);
	assert_int_equal(decoded.data_len, 12);
}

/* 11.16: Status SNACK */
static const uint8_t snack[BHS_LEN] = {
	0x10, 0x81, 0x00, 0x00, /* Type 1 */
	0x00, 0x00, 0x00, 0x00, /* TotalAHSLength, DataSegmentLength */
	0x00, 0x00, 0x00, 0x00, /* reserved */
	0x00, 0x00, 0x00, 0x00, /* reserved */
	0xff, 0xff, 0xff, 0xff, /* Initiator Task Tag */
	0xff, 0xff, 0xff, 0xff, /* Target Transfer Tag */
	0x00, 0x00, 0x00, 0x00, /* reserved */
	0x05, 0x06, 0x07, 0x08, /* ExpStatSN */
	0x00, 0x00, 0x00, 0x00, /* reserved */
	0x00, 0x00, 0x00, 0x00, /* reserved */
	0x00, 0x00, 0x00, 0x11, /* BegRun */
	0x00, 0x00, 0x00, 0x22, /* RunLength */
};

static void test_bhs_snack_decode__figure(void **state)
{
	struct bhs bhs = bhs_from(snack);
	struct bhs_snack fields;

	(void)state;
	bhs_snack_decode(&bhs, &fields);
	assert_false(fields.is_immediate);
	assert_int_equal(fields.type, ISCSI_SNACK_STATUS);
	assert_int_equal(fields.lun, 0);
	assert_int_equal(fields.itt, ISCSI_TAG_NONE);
	assert_int_equal(fields.ttt, ISCSI_TAG_NONE);
	assert_int_equal(fields.exp_stat_sn, 0x05060708);
	assert_int_equal(fields.beg_run, 0x11);
	assert_int_equal(fields.run_length, 0x22);
	memset(&bhs, 0xff, sizeof(bhs));
	bhs_snack_encode(&bhs, &fields);
	assert_encoded(&bhs, snack);
}

/* 11.17 */
static const uint8_t reject[BHS_LEN] = {
	0x3f, 0x80, 0x09, 0x00, /* Reason: Invalid PDU field */
	0x00, 0x00, 0x00, 0x30, /* TotalAHSLength, DataSegmentLength */
	0x00, 0x00, 0x00, 0x00, /* reserved */
	0x00, 0x00, 0x00, 0x00, /* reserved */
	0xff, 0xff, 0xff, 0xff, /* reserved */
	0x00, 0x00, 0x00, 0x00, /* reserved */
	0x01, 0x02, 0x03, 0x04, /* StatSN */
	0x05, 0x06, 0x07, 0x08, /* ExpCmdSN */
	0x09, 0x0a, 0x0b, 0x0c, /* MaxCmdSN */
	0x00, 0x00, 0x00, 0x07, /* DataSN */
};

static void test_bhs_reject_encode__figure(void **state)
{
	struct bhs_reject fields = {
		.stat_sn = 0x01020304,
		.exp_cmd_sn = 0x05060708,
		.max_cmd_sn = 0x090a0b0c,
		.data_sn = 7,
		.data_len = 48,
		.reason = ISCSI_REJECT_INVALID_PDU_FIELD,
	};
	struct bhs_reject decoded;
	struct bhs bhs;

	(void)state;
	memset(&bhs, 0xff, sizeof(bhs));
	bhs_reject_encode(&bhs, &fields);
	assert_encoded(&bhs, reject);
	bhs_reject_decode(&bhs, &decoded);
	assert_int_equal(decoded.stat_sn, 0x01020304);
	assert_int_equal(decoded.exp_cmd_sn, 0x05060708);
	assert_int_equal(decoded.max_cmd_sn, 0x090a0b0c);
	assert_int_equal(decoded.data_sn, 7);
	assert_int_equal(decoded.data_len, 48);
	assert_int_equal(decoded.reason, 9);
}

/* 11.9: the target drops the session */
static const uint8_t async_message[BHS_LEN] = {
	0x32, 0x80, 0x00, 0x00, /* opcode, flags */
	0x00, 0x00, 0x00, 0x00, /* TotalAHSLength, DataSegmentLength */
	0x00, 0x00, 0x00, 0x00, /* LUN */
	0x00, 0x00, 0x00, 0x00, /* LUN, lower half */
	0xff, 0xff, 0xff, 0xff, /* reserved */
	0x00, 0x00, 0x00, 0x00, /* reserved */
	0x01, 0x02, 0x03, 0x04, /* StatSN */
	0x05, 0x06, 0x07, 0x08, /* ExpCmdSN */
	0x09, 0x0a, 0x0b, 0x0c, /* MaxCmdSN */
	0x03, 0x00, 0x00, 0x01, /* AsyncEvent, AsyncVCode, Parameter1 */
	0x00, 0x02, 0x00, 0x14, /* Parameter2, Parameter3 */
	0x00, 0x00, 0x00, 0x00, /* reserved */
};

static void test_bhs_async_message_encode__figure(void **state)
{
	struct bhs_async_message message = {
		.stat_sn = 0x01020304,
		.exp_cmd_sn = 0x05060708,
		.max_cmd_sn = 0x090a0b0c,
		.parameter1 = 1,
		.parameter2 = 2,
		.parameter3 = 20,
		.async_event = ISCSI_ASYNC_SESSION_DROPPED,
	};
	struct bhs_async_message decoded;
	struct bhs bhs;

	(void)state;
	memset(&bhs, 0xff, sizeof(bhs));
	bhs_async_message_encode(&bhs, &message);
	assert_encoded(&bhs, async_message);
	bhs.raw[37] = 0x5a;
	bhs_async_message_decode(&bhs, &decoded);
	assert_int_equal(decoded.lun, 0);
	assert_int_equal(decoded.stat_sn, 0x01020304);
	assert_int_equal(decoded.exp_cmd_sn, 0x05060708);
	assert_int_equal(decoded.max_cmd_sn, 0x090a0b0c);
	assert_int_equal(decoded.data_len, 0);
	assert_int_equal(decoded.async_event, 3);
	assert_int_equal(decoded.async_vcode, 0x5a);
	assert_int_equal(decoded.parameter1, 1);
	assert_int_equal(decoded.parameter2, 2);
	assert_int_equal(decoded.parameter3, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bhs_tmf_request_decode__figure),
		cmocka_unit_test(test_bhs_tmf_response_encode__figure),
		cmocka_unit_test(test_bhs_nop_out_decode__figure),
		cmocka_unit_test(test_bhs_nop_in_encode__figure),
		cmocka_unit_test(test_bhs_snack_decode__figure),
		cmocka_unit_test(test_bhs_reject_encode__figure),
		cmocka_unit_test(test_bhs_async_message_encode__figure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
