/* SPDX-License-Identifier: BSD-2-Clause */
/* The login phase as an initiator sees it (RFC 7143 sections 6.3, 11.12, 11.13). */
#include "test_iscsi_bed.h"

#define NAMES "InitiatorName=" BED_INITIATOR "\0TargetName=" BED_TARGET "\0"

static struct bed bed;
static struct ini ini;

static int set_up(void **state)
{
	(void)state;
	bed_set_up(&bed);
	return 0;
}

/* Most tests want the node as it is by default. */
static void start(void)
{
	bed_start(&bed);
	ini_connect(&ini, &bed);
}

static int tear_down(void **state)
{
	(void)state;
	ini_free(&ini);
	bed_tear_down(&bed);
	return 0;
}

static void expect_status(int status)
{
	struct bhs_login_response response;

	ini_expect_login(&ini, &response);
	assert_int_equal(response.status, status);
	if (status != 0) {
		assert_int_equal(ini.data_len, 0);
		assert_true(bed_has_logged(&bed, "refused with"));
		ini_expect_closed(&ini);
	}
}

/* --- stages --- */

static void test_stages__operational_alone(void **state)
{
	struct bhs_login_response response;

	(void)state;
	start();
	ini_send_login(&ini, 1, 3, TEXT(NAMES "MaxBurstLength=4096"));
	ini_expect_login(&ini, &response);
	assert_int_equal(response.status, 0);
	assert_true(response.is_transit);
	assert_int_equal(response.csg, 1);
	assert_int_equal(response.nsg, 3);
	assert_int_not_equal(response.tsih, 0);
	assert_int_equal(response.version_max, 0);
	assert_int_equal(response.version_active, 0);
	assert_int_equal(response.exp_cmd_sn, ini.cmd_sn);
	assert_int_equal(response.max_cmd_sn, ini.cmd_sn + 7);
	assert_string_equal(ini_value(&ini, "MaxBurstLength"), "4096");
	assert_string_equal(ini_value(&ini, "TargetPortalGroupTag"), "1");
	assert_string_equal(ini_value(&ini, "TargetAlias"), "the disk");
	assert_string_equal(ini_value(&ini, "MaxRecvDataSegmentLength"), "262144");
}

static void test_stages__security_then_operational(void **state)
{
	struct bhs_login_response response;

	(void)state;
	start();
	ini_send_login(&ini, 0, 1, TEXT(NAMES "AuthMethod=CHAP,None"));
	ini_expect_login(&ini, &response);
	assert_int_equal(response.status, 0);
	assert_true(response.is_transit);
	assert_int_equal(response.csg, 0);
	assert_int_equal(response.nsg, 1);
	assert_int_equal(response.tsih, 0);
	assert_string_equal(ini_value(&ini, "AuthMethod"), "None");
	assert_string_equal(ini_value(&ini, "TargetPortalGroupTag"), "1");
	assert_null(ini_value(&ini, "MaxRecvDataSegmentLength"));
	ini_send_login(&ini, 1, -1, TEXT("HeaderDigest=None"));
	ini_expect_login(&ini, &response);
	assert_false(response.is_transit);
	assert_string_equal(ini_value(&ini, "HeaderDigest"), "None");
	ini_send_login(&ini, 1, 3, NULL, 0);
	ini_expect_login(&ini, &response);
	assert_true(response.is_transit);
	assert_int_equal(response.nsg, 3);
	assert_int_not_equal(response.tsih, 0);
	/* Said once, not again. */
	assert_null(ini_value(&ini, "TargetPortalGroupTag"));
	assert_null(ini_value(&ini, "MaxRecvDataSegmentLength"));
	ini_clear_attention(&ini);
}

static void test_stages__security_to_full_feature(void **state)
{
	(void)state;
	start();
	ini_send_login(&ini, 0, 3, TEXT(NAMES "AuthMethod=None"));
	expect_status(0);
	ini_clear_attention(&ini);
}

static void test_stages__empty_security(void **state)
{
	(void)state;
	start();
	ini_send_login(&ini, 0, -1, TEXT(NAMES));
	expect_status(0);
	ini_send_login(&ini, 0, 1, NULL, 0);
	expect_status(0);
	ini_send_login(&ini, 1, 3, NULL, 0);
	expect_status(0);
	ini_clear_attention(&ini);
}

static void expect_refusal(int csg, int nsg)
{
	start();
	ini_send_login(&ini, csg, nsg, TEXT(NAMES));
	expect_status(ISCSI_LOGIN_INITIATOR_ERROR);
}

static void test_stages__csg_2(void **state)
{
	(void)state;
	expect_refusal(2, 3);
}

static void test_stages__csg_3(void **state)
{
	(void)state;
	expect_refusal(3, 3);
}

static void test_stages__nsg_2(void **state)
{
	(void)state;
	expect_refusal(1, 2);
}

static void test_stages__nsg_not_above_csg(void **state)
{
	(void)state;
	expect_refusal(1, 1);
}

static void test_stages__back(void **state)
{
	(void)state;
	start();
	ini_send_login(&ini, 1, -1, TEXT(NAMES));
	expect_status(0);
	ini_send_login(&ini, 0, 1, NULL, 0);
	expect_status(ISCSI_LOGIN_INITIATOR_ERROR);
}

/* --- names --- */

static void refuse(const char *text, uint32_t len, int status)
{
	start();
	ini_send_login(&ini, 1, 3, text, len);
	expect_status(status);
}

static void test_names__no_initiator(void **state)
{
	(void)state;
	refuse(TEXT("TargetName=" BED_TARGET), ISCSI_LOGIN_MISSING_PARAMETER);
}

static void test_names__no_target(void **state)
{
	(void)state;
	refuse(TEXT("InitiatorName=" BED_INITIATOR), ISCSI_LOGIN_MISSING_PARAMETER);
}

static void test_names__nothing(void **state)
{
	(void)state;
	start();
	ini_send_login(&ini, 1, 3, NULL, 0);
	expect_status(ISCSI_LOGIN_MISSING_PARAMETER);
}

static void test_names__unknown_target(void **state)
{
	(void)state;
	refuse(TEXT("InitiatorName=" BED_INITIATOR "\0TargetName=iqn.2026-11.io.pinion:none"),
	       ISCSI_LOGIN_NOT_FOUND);
}

static void test_names__any_case(void **state)
{
	(void)state;
	start();
	ini_send_login(&ini, 1, 3,
		       TEXT("InitiatorName=iqn.2026-11.ORG.example:X\0"
			    "TargetName=iqn.2026-11.IO.Pinion:DISK"));
	expect_status(0);
}

static void test_names__too_late(void **state)
{
	(void)state;
	start();
	ini_send_login(&ini, 1, -1, TEXT(NAMES));
	expect_status(0);
	ini_send_login(&ini, 1, 3, TEXT("SessionType=Discovery"));
	expect_status(ISCSI_LOGIN_INITIATOR_ERROR);
}

static void test_session_type__unknown(void **state)
{
	(void)state;
	refuse(TEXT(NAMES "SessionType=Odd"), ISCSI_LOGIN_SESSION_TYPE_NOT_SUPPORTED);
}

static void test_auth__only_chap(void **state)
{
	(void)state;
	start();
	ini_send_login(&ini, 0, 1, TEXT(NAMES "AuthMethod=CHAP"));
	expect_status(ISCSI_LOGIN_AUTHENTICATION_FAILURE);
}

/* --- headers --- */

static void send_raw(uint8_t flags, uint8_t version_min, uint8_t first_byte, const char *text,
		     uint32_t len)
{
	struct bhs_login_request request = { .cid = 1, .itt = 7, .cmd_sn = ini.cmd_sn, .csg = 1 };
	struct bhs bhs;

	memcpy(request.isid, ini.isid, 6);
	request.version_min = version_min;
	request.version_max = version_min;
	bhs_login_request_encode(&bhs, &request);
	bhs.raw[0] = first_byte;
	bhs.raw[1] = flags;
	ini_send(&ini, &bhs, text, len);
}

static void test_header__version(void **state)
{
	(void)state;
	start();
	send_raw(0x87, 1, 0x43, TEXT(NAMES));
	expect_status(ISCSI_LOGIN_UNSUPPORTED_VERSION);
}

static void test_header__t_and_c(void **state)
{
	(void)state;
	start();
	send_raw(0xc7, 0, 0x43, TEXT(NAMES));
	expect_status(ISCSI_LOGIN_INITIATOR_ERROR);
}

static void test_header__without_immediate_bit(void **state)
{
	(void)state;
	start();
	send_raw(0x87, 0, 0x03, TEXT(NAMES));
	expect_status(0);
	bed_settle(&bed);
	ini_clear_attention(&ini);
}

static void test_header__login_that_is_counted(void **state)
{
	(void)state;
	start();
	send_raw(0x87, 0, 0x03, TEXT(NAMES));
	expect_status(0);
	bed_settle(&bed);
	/* This initiator has counted its Login Request. */
	ini.cmd_sn++;
	ini_clear_attention(&ini);
	ini_clear_attention(&ini);
}

static void test_header__isid_changes(void **state)
{
	(void)state;
	start();
	ini_send_login(&ini, 1, -1, TEXT(NAMES));
	expect_status(0);
	ini.isid[5]++;
	ini_send_login(&ini, 1, 3, NULL, 0);
	ini.isid[5]--;
	expect_status(ISCSI_LOGIN_INITIATOR_ERROR);
}

static void test_header__cid_changes(void **state)
{
	(void)state;
	start();
	ini_send_login(&ini, 1, -1, TEXT(NAMES));
	expect_status(0);
	ini.cid++;
	ini_send_login(&ini, 1, 3, NULL, 0);
	expect_status(ISCSI_LOGIN_INITIATOR_ERROR);
}

static void test_header__no_such_tsih(void **state)
{
	(void)state;
	start();
	ini.tsih = 77;
	ini_send_login(&ini, 1, 3, TEXT(NAMES));
	expect_status(ISCSI_LOGIN_NO_SESSION);
}

static void test_header__other_pdu_first(void **state)
{
	(void)state;
	start();
	ini_ping(&ini, NULL, 0, true);
	ini_expect_closed(&ini);
	assert_true(bed_has_logged(&bed, "before login"));
}

static void test_header__other_pdu_in_between(void **state)
{
	static const uint8_t opcodes[] = {
		ISCSI_OPCODE_NOP_OUT, ISCSI_OPCODE_SCSI_COMMAND,
		ISCSI_OPCODE_TASK_MANAGEMENT_REQUEST, ISCSI_OPCODE_TEXT_REQUEST,
		ISCSI_OPCODE_DATA_OUT, ISCSI_OPCODE_LOGOUT_REQUEST, ISCSI_OPCODE_SNACK_REQUEST,
		0x1f, ISCSI_OPCODE_LOGIN_RESPONSE,
	};
	struct bhs_login_response response;
	unsigned i;

	(void)state;
	start();
	for (i = 0; i < ARRAY_SIZE(opcodes); i++) {
		struct bhs bhs;

		ini_send_login(&ini, 1, -1, TEXT(NAMES));
		expect_status(0);
		bhs_begin(&bhs, opcodes[i], ISCSI_FLAG_FINAL);
		ini_send(&ini, &bhs, NULL, 0);
		ini_expect_login(&ini, &response);
		assert_int_equal(response.status, ISCSI_LOGIN_INVALID_DURING_LOGIN);
		ini_expect_closed(&ini);
		ini_free(&ini);
		ini_connect(&ini, &bed);
	}
}

static void test_header__garbage(void **state)
{
	uint8_t garbage[1024];

	(void)state;
	start();
	memset(garbage, 0x47, sizeof(garbage));
	loop_feed(ini.loop, garbage, sizeof(garbage));
	ini_expect_closed(&ini);
}

static void test_header__second_before_the_answer(void **state)
{
	(void)state;
	start();
	ini_send_login(&ini, 1, 3, TEXT(NAMES));
	ini_send_login(&ini, 1, 3, TEXT(NAMES));
	bed_settle(&bed);
	ini_expect_closed(&ini);
}

static void test_header__too_long(void **state)
{
	static char text[8196];

	(void)state;
	start();
	memset(text, 'x', sizeof(text));
	ini_send_login(&ini, 1, 3, text, sizeof(text));
	ini_expect_closed(&ini);
}

/* --- text --- */

static void send_part(const char *text, uint32_t len)
{
	struct bhs_login_request request = {
		.cid = 1, .itt = 7, .cmd_sn = ini.cmd_sn, .csg = 1, .is_continue = true,
	};
	struct bhs bhs;

	memcpy(request.isid, ini.isid, 6);
	bhs_login_request_encode(&bhs, &request);
	ini_send(&ini, &bhs, text, len);
}

static void test_continue__a_pair_in_three_pieces(void **state)
{
	struct bhs_login_response response;
	const char *text = NAMES;

	(void)state;
	start();
	send_part(text, 20);
	ini_expect_login(&ini, &response);
	assert_int_equal(response.status, 0);
	assert_false(response.is_transit);
	assert_int_equal(ini.data_len, 0);
	send_part(text + 20, 30);
	ini_expect_login(&ini, &response);
	ini_send_login(&ini, 1, 3, text + 50, sizeof(NAMES) - 51);
	ini_expect_login(&ini, &response);
	assert_int_equal(response.status, 0);
	assert_true(response.is_transit);
}

static void test_continue__without_end(void **state)
{
	static char text[8192];
	struct bhs_login_response response;

	(void)state;
	start();
	memset(text, 'x', sizeof(text));
	send_part(text, sizeof(text));
	ini_expect_login(&ini, &response);
	send_part(text, sizeof(text));
	ini_expect_login(&ini, &response);
	assert_int_equal(response.status, 0);
	send_part(text, 4);
	expect_status(ISCSI_LOGIN_OUT_OF_RESOURCES);
}

static void test_continue__long_answer(void **state)
{
	struct bhs_login_response response;
	char text[8192];
	uint32_t len = sizeof(NAMES) - 1;
	unsigned i;
	unsigned understood = 0;

	(void)state;
	start();
	memcpy(text, NAMES, len);
	for (i = 0; i < 100; i++)
		len += (uint32_t)sprintf(text + len, "X-%02u-%.*s=1", i, 55,
					 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcd"
					 "efghij") + 1;
	ini_send_login(&ini, 1, 3, text, len);
	ini_expect_login(&ini, &response);
	/* 100 times 60 + 14 bytes fit. */
	assert_true(response.is_transit);
	for (i = 0; i < ini.data_len; i++)
		understood += memcmp(ini.data + i, "NotUnderstood", 13) == 0;
	assert_int_equal(understood, 100);
}

static void test_continue__answer_in_pieces(void **state)
{
	struct bhs_login_response response;
	char text[8192];
	uint32_t len = sizeof(NAMES) - 1;
	uint32_t total = 0;
	unsigned i;

	(void)state;
	start();
	memcpy(text, NAMES, len);
	for (i = 0; i < 120; i++)
		len += (uint32_t)sprintf(text + len, "X-%03u-%.*s=", i, 56,
					 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcd"
					 "efghij") + 1;
	ini_send_login(&ini, 1, 3, text, len);
	ini_expect_login(&ini, &response);
	assert_true(response.is_continue);
	assert_false(response.is_transit);
	assert_int_equal(ini.data_len, 8192);
	total += ini.data_len;
	ini_send_login(&ini, 1, 3, NULL, 0);
	ini_expect_login(&ini, &response);
	assert_false(response.is_continue);
	assert_true(response.is_transit);
	total += ini.data_len;
	assert_true(total > 120 * 76);
}

static void test_text__broken(void **state)
{
	(void)state;
	refuse(TEXT(NAMES "nothing"), ISCSI_LOGIN_INITIATOR_ERROR);
}

static void test_text__not_terminated(void **state)
{
	(void)state;
	refuse(NAMES "Foo=1", sizeof(NAMES "Foo=1") - 1, ISCSI_LOGIN_INITIATOR_ERROR);
}

static void test_text__twice(void **state)
{
	(void)state;
	refuse(TEXT(NAMES "MaxBurstLength=512\0MaxBurstLength=512"),
	       ISCSI_LOGIN_INITIATOR_ERROR);
}

/* --- our own wishes --- */

static void test_offer__smaller_first_burst(void **state)
{
	struct bhs_login_response response;

	(void)state;
	bed.config.values.first_burst_length = 8192;
	bed.config.values.immediate_data = false;
	start();
	ini_send_login(&ini, 1, 3, TEXT(NAMES));
	ini_expect_login(&ini, &response);
	assert_false(response.is_transit);
	assert_string_equal(ini_value(&ini, "FirstBurstLength"), "8192");
	assert_string_equal(ini_value(&ini, "ImmediateData"), "No");
	ini_send_login(&ini, 1, 3, TEXT("FirstBurstLength=8192\0ImmediateData=No"));
	ini_expect_login(&ini, &response);
	assert_true(response.is_transit);
}

static void test_digest__required(void **state)
{
	struct bhs_login_response response;

	(void)state;
	bed.config.values.header_digest = ISCSI_DIGEST_REQUIRED;
	start();
	ini_send_login(&ini, 1, 3, TEXT(NAMES));
	ini_expect_login(&ini, &response);
	assert_false(response.is_transit);
	assert_string_equal(ini_value(&ini, "HeaderDigest"), "CRC32C");
	ini_send_login(&ini, 1, 3, TEXT("HeaderDigest=Reject"));
	expect_status(ISCSI_LOGIN_INITIATOR_ERROR);
}

static void test_digest__required_but_stage_skipped(void **state)
{
	(void)state;
	bed.config.values.data_digest = ISCSI_DIGEST_REQUIRED;
	start();
	ini_send_login(&ini, 0, 3, TEXT(NAMES));
	expect_status(ISCSI_LOGIN_INITIATOR_ERROR);
}

static void test_digest__off(void **state)
{
	struct bhs_login_response response;

	(void)state;
	bed.config.values.data_digest = ISCSI_DIGEST_OFF;
	start();
	ini_send_login(&ini, 1, 3, TEXT(NAMES "DataDigest=CRC32C,None"));
	ini_expect_login(&ini, &response);
	assert_string_equal(ini_value(&ini, "DataDigest"), "None");
}

/* --- limits --- */

static void test_timeout__of_a_silent_peer(void **state)
{
	(void)state;
	start();
	bed_pass(&bed, 14000);
	assert_false(loop_is_finished(ini.loop));
	bed_pass(&bed, 2000);
	ini_expect_closed(&ini);
	assert_true(bed_has_logged(&bed, "not logged in within 15 s"));
}

static void test_timeout__of_a_slow_login(void **state)
{
	(void)state;
	start();
	ini_send_login(&ini, 1, -1, TEXT(NAMES));
	expect_status(0);
	bed_pass(&bed, 10000);
	ini_send_login(&ini, 1, -1, NULL, 0);
	expect_status(0);
	bed_pass(&bed, 6000);
	ini_expect_closed(&ini);
}

static void test_limit__of_connections(void **state)
{
	struct reactor *others[2];
	struct ini second;
	unsigned i;

	(void)state;
	bed.config.max_login_connections = 4;
	start();
	ini_connect(&second, &bed);
	/* Its address has half of the places now, and the others are not for it. */
	bed.log[0] = '\0';
	assert_null(node_place(bed.portal, "192.0.2.9:4711"));
	assert_true(bed_has_logged(&bed, "too many logins under way from this address"));
	for (i = 0; i < 2; i++) {
		others[i] = node_place(bed.portal, "192.0.2.10");
		assert_non_null(others[i]);
	}
	assert_null(node_place(bed.portal, "192.0.2.11"));
	for (i = 0; i < 2; i++) {
		node_login_ended(bed.node, "192.0.2.10");
		node_connection_ended(node_core(bed.node, others[i]));
	}
	ini_login(&second, NULL, 0);
	ini_free(&ini);
	ini_connect(&ini, &bed);
	ini_free(&second);
}

static void test_limit__of_memory(void **state)
{
	struct ini many[6];
	struct bhs_login_response response;
	unsigned i;

	(void)state;
	bed.config.values.queue_depth = 64;
	start();
	/* Half of the arena may be set aside: the first takes much, the later get less. */
	for (i = 0; i < 6; i++) {
		bed.next_reactor = bed.reactors[1];
		ini_connect(&many[i], &bed);
		many[i].isid[5] = (uint8_t)(10 + i);
		ini_send_login(&many[i], 1, 3, TEXT(NAMES));
		ini_expect_login(&many[i], &response);
		if (response.status != 0)
			break;
		assert_true(response.max_cmd_sn - response.exp_cmd_sn < 64);
		ini_clear_attention(&many[i]);
	}
	assert_true(i >= 2);
	if (i < 6) {
		assert_int_equal(response.status, ISCSI_LOGIN_OUT_OF_RESOURCES);
		ini_free(&many[i]);
	}
	while (i-- > 0)
		ini_free(&many[i]);
	bed.next_reactor = NULL;
}

static void test_limit__of_requests(void **state)
{
	struct bhs_login_response response;
	unsigned i;

	(void)state;
	start();
	for (i = 0; i < 64; i++) {
		ini_send_login(&ini, 1, -1, i == 0 ? NAMES : NULL, i == 0 ? sizeof(NAMES) : 0);
		ini_expect_login(&ini, &response);
		assert_int_equal(response.status, 0);
	}
	ini_send_login(&ini, 1, 3, NULL, 0);
	expect_status(ISCSI_LOGIN_INITIATOR_ERROR);
}

static void test_pieces__byte_by_byte(void **state)
{
	(void)state;
	start();
	loop_set_pieces(ini.loop, 1, 1);
	bed.patience = 1000;
	ini_login(&ini, TEXT("HeaderDigest=CRC32C\0DataDigest=CRC32C"));
	assert_true(ini.header_digest && ini.data_digest);
	ini_clear_attention(&ini);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_stages__operational_alone),
		CASE(test_stages__security_then_operational),
		CASE(test_stages__security_to_full_feature),
		CASE(test_stages__empty_security),
		CASE(test_stages__csg_2),
		CASE(test_stages__csg_3),
		CASE(test_stages__nsg_2),
		CASE(test_stages__nsg_not_above_csg),
		CASE(test_stages__back),
		CASE(test_names__no_initiator),
		CASE(test_names__no_target),
		CASE(test_names__nothing),
		CASE(test_names__unknown_target),
		CASE(test_names__any_case),
		CASE(test_names__too_late),
		CASE(test_session_type__unknown),
		CASE(test_auth__only_chap),
		CASE(test_header__version),
		CASE(test_header__t_and_c),
		CASE(test_header__without_immediate_bit),
		CASE(test_header__login_that_is_counted),
		CASE(test_header__isid_changes),
		CASE(test_header__cid_changes),
		CASE(test_header__no_such_tsih),
		CASE(test_header__other_pdu_first),
		CASE(test_header__other_pdu_in_between),
		CASE(test_header__garbage),
		CASE(test_header__second_before_the_answer),
		CASE(test_header__too_long),
		CASE(test_continue__a_pair_in_three_pieces),
		CASE(test_continue__without_end),
		CASE(test_continue__long_answer),
		CASE(test_continue__answer_in_pieces),
		CASE(test_text__broken),
		CASE(test_text__not_terminated),
		CASE(test_text__twice),
		CASE(test_offer__smaller_first_burst),
		CASE(test_digest__required),
		CASE(test_digest__required_but_stage_skipped),
		CASE(test_digest__off),
		CASE(test_timeout__of_a_silent_peer),
		CASE(test_timeout__of_a_slow_login),
		CASE(test_limit__of_connections),
		CASE(test_limit__of_memory),
		CASE(test_limit__of_requests),
		CASE(test_pieces__byte_by_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
