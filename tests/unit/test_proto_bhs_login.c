/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of proto/bhs_login.h against the figures of RFC 7143, byte for byte. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "proto/bhs_login.h"
#include "tests/unit/test_proto_bhs.h"

/* 11.12: from operational to full feature, with the C bit clear */
static const uint8_t login_request[BHS_LEN] = {
	0x43, 0x87, 0x01, 0x00, /* I, 0x03; T CSG=1 NSG=3; Version-max, -min */
	0x00, 0x00, 0x01, 0x2c, /* TotalAHSLength, DataSegmentLength */
	0x80, 0x12, 0x34, 0x56, /* ISID */
	0x78, 0x9a, 0xbe, 0xef, /* ISID, TSIH */
	0x11, 0x22, 0x33, 0x44, /* Initiator Task Tag */
	0x00, 0x07, 0x00, 0x00, /* CID */
	0x01, 0x02, 0x03, 0x04, /* CmdSN */
	0x05, 0x06, 0x07, 0x08, /* ExpStatSN */
};

static void test_bhs_login_request_decode__figure(void **state)
{
	struct bhs bhs = bhs_from(login_request);
	struct bhs_login_request request;

	(void)state;
	bhs_login_request_decode(&bhs, &request);
	assert_true(request.is_transit);
	assert_false(request.is_continue);
	assert_int_equal(request.csg, ISCSI_STAGE_OPERATIONAL);
	assert_int_equal(request.nsg, ISCSI_STAGE_FULL_FEATURE);
	assert_int_equal(request.version_max, 1);
	assert_int_equal(request.version_min, 0);
	assert_int_equal(request.data_len, 300);
	assert_memory_equal(request.isid, ((uint8_t[]){ 0x80, 0x12, 0x34, 0x56, 0x78, 0x9a }), 6);
	assert_int_equal(request.tsih, 0xbeef);
	assert_int_equal(request.itt, 0x11223344);
	assert_int_equal(request.cid, 7);
	assert_int_equal(request.cmd_sn, 0x01020304);
	assert_int_equal(request.exp_stat_sn, 0x05060708);
	memset(&bhs, 0xff, sizeof(bhs));
	bhs_login_request_encode(&bhs, &request);
	assert_encoded(&bhs, login_request);
}

static void test_bhs_login_request_decode__continue_in_security(void **state)
{
	struct bhs bhs = bhs_from(login_request);
	struct bhs_login_request request;

	(void)state;
	bhs.raw[1] = 0x40 | 0x30; /* C, and both reserved bits */
	bhs_login_request_decode(&bhs, &request);
	assert_false(request.is_transit);
	assert_true(request.is_continue);
	assert_int_equal(request.csg, ISCSI_STAGE_SECURITY);
	assert_int_equal(request.nsg, ISCSI_STAGE_SECURITY);
	bhs_login_request_encode(&bhs, &request);
	assert_int_equal(bhs.raw[1], 0x40);
}

/* 11.13 */
static const uint8_t login_response[BHS_LEN] = {
	0x23, 0x81, 0x00, 0x00, /* T CSG=0 NSG=1; Version-max, -active */
	0x00, 0x00, 0x00, 0x40, /* TotalAHSLength, DataSegmentLength */
	0x80, 0x12, 0x34, 0x56, /* ISID */
	0x78, 0x9a, 0x00, 0x03, /* ISID, TSIH */
	0x11, 0x22, 0x33, 0x44, /* Initiator Task Tag */
	0x00, 0x00, 0x00, 0x00, /* reserved */
	0x01, 0x02, 0x03, 0x04, /* StatSN */
	0x05, 0x06, 0x07, 0x08, /* ExpCmdSN */
	0x09, 0x0a, 0x0b, 0x0c, /* MaxCmdSN */
	0x02, 0x07, 0x00, 0x00, /* Status-Class, Status-Detail */
};

static void test_bhs_login_response_encode__figure(void **state)
{
	struct bhs_login_response response = {
		.isid = { 0x80, 0x12, 0x34, 0x56, 0x78, 0x9a },
		.tsih = 3,
		.itt = 0x11223344,
		.stat_sn = 0x01020304,
		.exp_cmd_sn = 0x05060708,
		.max_cmd_sn = 0x090a0b0c,
		.data_len = 64,
		.status = ISCSI_LOGIN_MISSING_PARAMETER,
		.is_transit = true,
		.csg = ISCSI_STAGE_SECURITY,
		.nsg = ISCSI_STAGE_OPERATIONAL,
	};
	struct bhs_login_response decoded;
	struct bhs bhs;

	(void)state;
	memset(&bhs, 0xff, sizeof(bhs));
	bhs_login_response_encode(&bhs, &response);
	assert_encoded(&bhs, login_response);
	bhs_login_response_decode(&bhs, &decoded);
	assert_memory_equal(decoded.isid, response.isid, 6);
	assert_int_equal(decoded.tsih, 3);
	assert_int_equal(decoded.itt, 0x11223344);
	assert_int_equal(decoded.stat_sn, 0x01020304);
	assert_int_equal(decoded.exp_cmd_sn, 0x05060708);
	assert_int_equal(decoded.max_cmd_sn, 0x090a0b0c);
	assert_int_equal(decoded.data_len, 64);
	assert_int_equal(decoded.status, 0x0207);
	assert_true(decoded.is_transit);
	assert_false(decoded.is_continue);
	assert_int_equal(decoded.csg, 0);
	assert_int_equal(decoded.nsg, 1);
	assert_int_equal(decoded.version_max, 0);
	assert_int_equal(decoded.version_active, 0);
}

/* 11.10 */
static const uint8_t text_request[BHS_LEN] = {
	0x44, 0x40, 0x00, 0x00, /* I, 0x04; C */
	0x00, 0x00, 0x00, 0x10, /* TotalAHSLength, DataSegmentLength */
	0x00, 0x09, 0x00, 0x00, /* LUN */
	0x00, 0x00, 0x00, 0x00, /* LUN, lower half */
	0x11, 0x22, 0x33, 0x44, /* Initiator Task Tag */
	0x55, 0x66, 0x77, 0x88, /* Target Transfer Tag */
	0x01, 0x02, 0x03, 0x04, /* CmdSN */
	0x05, 0x06, 0x07, 0x08, /* ExpStatSN */
};

static void test_bhs_text_request_decode__figure(void **state)
{
	struct bhs bhs = bhs_from(text_request);
	struct bhs_text_request request;

	(void)state;
	bhs_text_request_decode(&bhs, &request);
	assert_true(request.is_immediate);
	assert_false(request.is_final);
	assert_true(request.is_continue);
	assert_int_equal(request.data_len, 16);
	assert_int_equal(request.lun, 0x0009000000000000);
	assert_int_equal(request.itt, 0x11223344);
	assert_int_equal(request.ttt, 0x55667788);
	assert_int_equal(request.cmd_sn, 0x01020304);
	assert_int_equal(request.exp_stat_sn, 0x05060708);
	memset(&bhs, 0xff, sizeof(bhs));
	bhs_text_request_encode(&bhs, &request);
	assert_encoded(&bhs, text_request);
}

/* 11.11 */
static const uint8_t text_response[BHS_LEN] = {
	0x24, 0x80, 0x00, 0x00, /* F */
	0x00, 0x00, 0x00, 0x57, /* TotalAHSLength, DataSegmentLength */
	0x00, 0x00, 0x00, 0x00, /* LUN */
	0x00, 0x00, 0x00, 0x00, /* LUN, lower half */
	0x11, 0x22, 0x33, 0x44, /* Initiator Task Tag */
	0xff, 0xff, 0xff, 0xff, /* Target Transfer Tag */
	0x01, 0x02, 0x03, 0x04, /* StatSN */
	0x05, 0x06, 0x07, 0x08, /* ExpCmdSN */
	0x09, 0x0a, 0x0b, 0x0c, /* MaxCmdSN */
};

static void test_bhs_text_response_encode__figure(void **state)
{
	struct bhs_text_response response = {
		.itt = 0x11223344,
		.ttt = ISCSI_TAG_NONE,
		.stat_sn = 0x01020304,
		.exp_cmd_sn = 0x05060708,
		.max_cmd_sn = 0x090a0b0c,
		.data_len = 87,
		.is_final = true,
	};
	struct bhs_text_response decoded;
	struct bhs bhs;

	(void)state;
	memset(&bhs, 0xff, sizeof(bhs));
	bhs_text_response_encode(&bhs, &response);
	assert_encoded(&bhs, text_response);
	bhs_text_response_decode(&bhs, &decoded);
	assert_true(decoded.is_final);
	assert_false(decoded.is_continue);
	assert_int_equal(decoded.lun, 0);
	assert_int_equal(decoded.itt, 0x11223344);
	assert_int_equal(decoded.ttt, 0xffffffff);
	assert_int_equal(decoded.stat_sn, 0x01020304);
	assert_int_equal(decoded.exp_cmd_sn, 0x05060708);
	assert_int_equal(decoded.max_cmd_sn, 0x090a0b0c);
	assert_int_equal(decoded.data_len, 87);
}

/* 11.14 */
static const uint8_t logout_request[BHS_LEN] = {
	0x46, 0x81, 0x00, 0x00, /* I, 0x06; reason 1 */
	0x00, 0x00, 0x00, 0x00, /* TotalAHSLength, DataSegmentLength */
	0x00, 0x00, 0x00, 0x00, /* reserved */
	0x00, 0x00, 0x00, 0x00, /* reserved */
	0x11, 0x22, 0x33, 0x44, /* Initiator Task Tag */
	0x00, 0x05, 0x00, 0x00, /* CID */
	0x01, 0x02, 0x03, 0x04, /* CmdSN */
	0x05, 0x06, 0x07, 0x08, /* ExpStatSN */
};

static void test_bhs_logout_request_decode__figure(void **state)
{
	struct bhs bhs = bhs_from(logout_request);
	struct bhs_logout_request request;

	(void)state;
	bhs_logout_request_decode(&bhs, &request);
	assert_true(request.is_immediate);
	assert_int_equal(request.reason, ISCSI_LOGOUT_CLOSE_CONNECTION);
	assert_int_equal(request.itt, 0x11223344);
	assert_int_equal(request.cid, 5);
	assert_int_equal(request.cmd_sn, 0x01020304);
	assert_int_equal(request.exp_stat_sn, 0x05060708);
	memset(&bhs, 0xff, sizeof(bhs));
	bhs_logout_request_encode(&bhs, &request);
	assert_encoded(&bhs, logout_request);
}

/* 11.15 */
static const uint8_t logout_response[BHS_LEN] = {
	0x26, 0x80, 0x01, 0x00, /* Response: CID not found */
	0x00, 0x00, 0x00, 0x00, /* TotalAHSLength, DataSegmentLength */
	0x00, 0x00, 0x00, 0x00, /* reserved */
	0x00, 0x00, 0x00, 0x00, /* reserved */
	0x11, 0x22, 0x33, 0x44, /* Initiator Task Tag */
	0x00, 0x00, 0x00, 0x00, /* reserved */
	0x01, 0x02, 0x03, 0x04, /* StatSN */
	0x05, 0x06, 0x07, 0x08, /* ExpCmdSN */
	0x09, 0x0a, 0x0b, 0x0c, /* MaxCmdSN */
	0x00, 0x00, 0x00, 0x00, /* reserved */
	0x00, 0x02, 0x00, 0x14, /* Time2Wait, Time2Retain */
};

static void test_bhs_logout_response_encode__figure(void **state)
{
	struct bhs_logout_response response = {
		.itt = 0x11223344,
		.stat_sn = 0x01020304,
		.exp_cmd_sn = 0x05060708,
		.max_cmd_sn = 0x090a0b0c,
		.time2wait = 2,
		.time2retain = 20,
		.response = ISCSI_LOGOUT_RESPONSE_NO_CID,
	};
	struct bhs_logout_response decoded;
	struct bhs bhs;

	(void)state;
	memset(&bhs, 0xff, sizeof(bhs));
	bhs_logout_response_encode(&bhs, &response);
	assert_encoded(&bhs, logout_response);
	bhs_logout_response_decode(&bhs, &decoded);
	assert_int_equal(decoded.itt, 0x11223344);
	assert_int_equal(decoded.stat_sn, 0x01020304);
	assert_int_equal(decoded.exp_cmd_sn, 0x05060708);
	assert_int_equal(decoded.max_cmd_sn, 0x090a0b0c);
	assert_int_equal(decoded.time2wait, 2);
	assert_int_equal(decoded.time2retain, 20);
	assert_int_equal(decoded.response, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bhs_login_request_decode__figure),
		cmocka_unit_test(test_bhs_login_request_decode__continue_in_security),
		cmocka_unit_test(test_bhs_login_response_encode__figure),
		cmocka_unit_test(test_bhs_text_request_decode__figure),
		cmocka_unit_test(test_bhs_text_response_encode__figure),
		cmocka_unit_test(test_bhs_logout_request_decode__figure),
		cmocka_unit_test(test_bhs_logout_response_encode__figure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
