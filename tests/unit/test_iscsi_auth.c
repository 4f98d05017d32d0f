/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Authentication and access as an initiator meets them: iscsi/auth.c,
 * login_access.c, and what login.c, discovery.c and node.c do about them.
 */
#include "test_iscsi_bed.h"

#include <errno.h>

#include "iscsi/access.h"
#include "iscsi/guard.h"
#include "proto/opcode.h"

#define NAMES "InitiatorName=" BED_INITIATOR "\0TargetName=" BED_TARGET "\0"
#define DISCOVERY "InitiatorName=" BED_INITIATOR "\0SessionType=Discovery\0"

static struct bed bed;
static struct ini ini;

static const struct iscsi_account alice = { "alice", "alice's long secret" };
static const struct iscsi_account us = { "the target", "the target's secret" };
static const struct iscsi_account *const only_alice[] = { &alice };
static const struct iscsi_rule_config with_alice = {
	.who = { .accounts = only_alice, .account_count = 1 },
};

static int set_up(void **state)
{
	(void)state;
	bed_set_up(&bed);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ini_free(&ini);
	bed_tear_down(&bed);
	return 0;
}

static const struct iscsi_access *add_access(const struct iscsi_rule_config *rules, unsigned count)
{
	struct iscsi_access *access;
	char error[256];
	unsigned wrong;

	assert_int_equal(iscsi_access_create(rules, count, &access, &wrong, error, sizeof(error)),
			 0);
	iscsi_node_add_access(bed.node, access);
	return access;
}

/* The node, with RULE as the access list of BED_TARGET, and a connection to it. */
static void start(const struct iscsi_rule_config *rule)
{
	bed_start(&bed);
	if (rule != NULL)
		assert_int_equal(iscsi_node_set_target_access(bed.node, BED_TARGET,
							      add_access(rule, 1)),
				 0);
	ini_connect(&ini, &bed);
}

static struct bhs_login_response response;

static void expect(int status)
{
	ini_expect_login(&ini, &response);
	assert_int_equal(response.status, status);
}

/* A refusal, at once. */
static void expect_refusal(int status, const char *why)
{
	expect(status);
	assert_int_equal(ini.data_len, 0);
	assert_true(bed_has_logged(&bed, why));
	ini_expect_closed(&ini);
}

static void again(void)
{
	ini_free(&ini);
	ini_connect(&ini, &bed);
}

/* Names and AuthMethod, then CHAP_A: up to the challenge. */
static void get_challenge(const char *names, uint32_t len, const char *algorithms)
{
	char text[600];

	memcpy(text, names, len - 1);
	strcpy(text + len - 1, "AuthMethod=CHAP,None");
	ini_send_login(&ini, 0, -1, text, len - 1 + sizeof("AuthMethod=CHAP,None"));
	expect(0);
	assert_false(response.is_transit);
	assert_string_equal(ini_value(&ini, "AuthMethod"), "CHAP");
	sprintf(text, "CHAP_A=%s", algorithms);
	ini_send_login(&ini, 0, -1, text, (uint32_t)strlen(text) + 1);
	expect(0);
	assert_false(response.is_transit);
}

/* The response to the challenge in the last PDU, as text. */
static void compute(const char *secret, char out[2 + 2 * CHAP_DIGEST_MAX + 1])
{
	const struct chap_method *method = chap_method((unsigned)atoi(ini_value(&ini, "CHAP_A")));
	const struct chap_account account = { "", secret, strlen(secret) };
	const char *text = ini_value(&ini, "CHAP_C");
	uint8_t challenge[1024], digest[CHAP_DIGEST_MAX];
	size_t length;

	assert_int_equal(text_parse_binary(text, strlen(text), challenge, sizeof(challenge),
					   &length),
			 0);
	assert_true(length >= 16);
	assert_int_equal(chap_response(method, (uint8_t)atoi(ini_value(&ini, "CHAP_I")), &account,
				       challenge, length, digest),
			 0);
	out[text_format_hex(out, digest, method->length)] = '\0';
}

/* Answers the challenge; NSG as for ini_send_login, MORE (LEN bytes) are further keys. */
static void answer_with(const char *name, const char *secret, int nsg, const char *more,
			uint32_t len)
{
	char digest[2 + 2 * CHAP_DIGEST_MAX + 1];
	char text[600];
	int used;

	compute(secret, digest);
	used = sprintf(text, "CHAP_N=%s%cCHAP_R=%s", name, 0, digest) + 1;
	if (len != 0)
		memcpy(text + used, more, len);
	ini_send_login(&ini, 0, nsg, text, (uint32_t)used + len);
}

static void answer(const char *name, const char *secret, int nsg)
{
	answer_with(name, secret, nsg, NULL, 0);
}

/* --- CHAP --- */

static void test_chap__every_algorithm(void **state)
{
	static const char *const algorithms[] = { "5", "6", "7", "8" };

	(void)state;
	start(&with_alice);
	for (unsigned i = 0; i < ARRAY_SIZE(algorithms); i++) {
		if (i != 0)
			again();
		get_challenge(NAMES, sizeof(NAMES), algorithms[i]);
		assert_string_equal(ini_value(&ini, "CHAP_A"), algorithms[i]);
		answer("alice", alice.secret, 1);
		expect(0);
		assert_true(response.is_transit);
		assert_int_equal(response.nsg, 1);
		assert_null(ini_value(&ini, "CHAP_N"));
		ini_send_login(&ini, 1, 3, NULL, 0);
		expect(0);
		assert_true(response.is_transit);
		/* Of five lines only. */
		if (i == 0)
			assert_true(bed_has_logged(&bed, "logged in to " BED_TARGET " as alice"));
		ini_clear_attention(&ini);
	}
}

static void test_chap__to_full_feature_at_once(void **state)
{
	(void)state;
	start(&with_alice);
	ini_send_login(&ini, 0, -1, TEXT(NAMES "AuthMethod=CHAP"));
	expect(0);
	/* Which portal group this is has to be said at once, what the target is called not. */
	assert_string_equal(ini_value(&ini, "TargetPortalGroupTag"), "1");
	assert_null(ini_value(&ini, "TargetAlias"));
	ini_send_login(&ini, 0, -1, TEXT("CHAP_A=7,5"));
	expect(0);
	answer("alice", alice.secret, 3);
	expect(0);
	assert_string_equal(ini_value(&ini, "TargetAlias"), "the disk");
	assert_true(response.is_transit);
	assert_int_equal(response.nsg, 3);
	ini_clear_attention(&ini);
}

static void test_chap__early_t_bit_waits(void **state)
{
	(void)state;
	start(&with_alice);
	/* open-iscsi sets T with AuthMethod already. */
	ini_send_login(&ini, 0, 1, TEXT(NAMES "AuthMethod=CHAP"));
	expect(0);
	assert_false(response.is_transit);
	ini_send_login(&ini, 0, 1, TEXT("CHAP_A=7"));
	expect(0);
	assert_false(response.is_transit);
	answer("alice", alice.secret, -1);
	expect(0);
	assert_false(response.is_transit);
	ini_send_login(&ini, 0, 1, NULL, 0);
	expect(0);
	assert_true(response.is_transit);
	ini_send_login(&ini, 1, 3, NULL, 0);
	expect(0);
	assert_true(response.is_transit);
}

static void test_chap__in_pieces(void **state)
{
	char digest[2 + 2 * CHAP_DIGEST_MAX + 1], text[200];

	(void)state;
	start(&with_alice);
	get_challenge(NAMES, sizeof(NAMES), "5");
	compute(alice.secret, digest);
	sprintf(text, "CHAP_R=%s", digest);
	ini_send_login(&ini, 0, -1, text, (uint32_t)strlen(text) + 1);
	expect(0);
	assert_false(response.is_transit);
	assert_int_equal(ini.data_len, 0);
	ini_send_login(&ini, 0, 3, TEXT("CHAP_N=alice"));
	expect(0);
	assert_true(response.is_transit);
}

static void test_chap__mutual(void **state)
{
	struct iscsi_rule_config rule = with_alice;
	/* SHA-256 of 9, "the target's secret", 0a0b0c0d: hashlib's. */
	static const char expected[] = "899ba40f004b45a25e211b1561ca9da5c67b6b503bf52243b3cc33362e39d1dc";

	(void)state;
	rule.mutual = &us;
	start(&rule);
	get_challenge(NAMES, sizeof(NAMES), "7");
	answer_with("alice", alice.secret, 1, TEXT("CHAP_I=9\0CHAP_C=0x0a0b0c0d"));
	expect(0);
	assert_true(response.is_transit);
	assert_string_equal(ini_value(&ini, "CHAP_N"), "the target");
	assert_string_equal(ini_value(&ini, "CHAP_R") + 2, expected);
}

static void test_chap__wrong(void **state)
{
	(void)state;
	start(&with_alice);
	get_challenge(NAMES, sizeof(NAMES), "5");
	answer("alice", "alice's wrong secret", 1);
	expect_refusal(ISCSI_LOGIN_AUTHENTICATION_FAILURE,
		       "login to " BED_TARGET " refused with 0201h");
}

static void test_chap__order(void **state)
{
	(void)state;
	start(&with_alice);
	ini_send_login(&ini, 0, -1, TEXT(NAMES "CHAP_A=5"));
	expect_refusal(ISCSI_LOGIN_INITIATOR_ERROR, "CHAP, which was not agreed to");
	again();
	get_challenge(NAMES, sizeof(NAMES), "5");
	ini_send_login(&ini, 0, -1, TEXT("AuthMethod=CHAP"));
	expect_refusal(ISCSI_LOGIN_INITIATOR_ERROR, "AuthMethod negotiated twice");
	again();
	get_challenge(NAMES, sizeof(NAMES), "5");
	ini_send_login(&ini, 0, -1, TEXT("CHAP_A=5"));
	expect_refusal(ISCSI_LOGIN_INITIATOR_ERROR, "CHAP_A at the wrong time");
}

/* Whose order decides: the initiator's, until the configuration has one. */
static void test_chap__choice(void **state)
{
	(void)state;
	start(&with_alice);
	get_challenge(NAMES, sizeof(NAMES), "6,5,8");
	assert_string_equal(ini_value(&ini, "CHAP_A"), "6");
}

static void test_chap__choice_configured(void **state)
{
	(void)state;
	bed.config.chap_algorithms[0] = iscsi_chap_algorithm("sha3-256");
	bed.config.chap_algorithms[1] = iscsi_chap_algorithm("md5");
	start(&with_alice);
	get_challenge(NAMES, sizeof(NAMES), "6,5,8");
	assert_string_equal(ini_value(&ini, "CHAP_A"), "8");
}

static void test_chap__fips(void **state)
{
	struct iscsi_node *node;

	(void)state;
	bed.config.fips = true;
	start(&with_alice);
	get_challenge(NAMES, sizeof(NAMES), "5,6,7,8");
	assert_string_equal(ini_value(&ini, "CHAP_A"), "7");
	again();
	ini_send_login(&ini, 0, -1, TEXT(NAMES "AuthMethod=CHAP"));
	expect(0);
	ini_send_login(&ini, 0, -1, TEXT("CHAP_A=6,5"));
	expect_refusal(ISCSI_LOGIN_AUTHENTICATION_FAILURE, "no CHAP algorithm in common");
	/* Nothing but what is not allowed. */
	bed.config.chap_algorithms[0] = iscsi_chap_algorithm("md5");
	assert_int_equal(iscsi_node_create(&bed.config, &node), -EINVAL);
}

/* --- that it cannot be gone round --- */

/* A connection more for the session of `ini`, by ACCOUNT: the login status. */
static int join(struct ini *more, const struct iscsi_account *account)
{
	struct ini first = ini;
	int status;

	ini_connect(more, &bed);
	more->tsih = first.tsih;
	more->cid = 2;
	ini = *more;
	get_challenge(NAMES, sizeof(NAMES), "7");
	answer(account->name, account->secret, 3);
	ini_expect_login(&ini, &response);
	status = response.status;
	*more = ini;
	ini = first;
	return status;
}

static void test_security__joining_as_somebody_else(void **state)
{
	static const struct iscsi_account bob = { "bob", "bob's long secret" };
	static const struct iscsi_account *const both[] = { &alice, &bob };
	const struct iscsi_rule_config rule = { .who = { .accounts = both, .account_count = 2 } };
	struct ini more;

	(void)state;
	start(&rule);
	get_challenge(NAMES, sizeof(NAMES), "7");
	answer("alice", alice.secret, 1);
	expect(0);
	ini_send_login(&ini, 1, 3, TEXT("MaxConnections=2"));
	expect(0);
	ini.tsih = response.tsih;
	assert_int_equal(join(&more, &bob), ISCSI_LOGIN_NO_SESSION);
	ini_free(&more);
	assert_int_equal(join(&more, &alice), 0);
	ini_free(&more);
}

static void test_security__skipped(void **state)
{
	(void)state;
	start(&with_alice);
	ini_send_login(&ini, 1, 3, TEXT(NAMES));
	expect_refusal(ISCSI_LOGIN_AUTHENTICATION_FAILURE, "does not authenticate itself");
}

static void test_security__left_early(void **state)
{
	(void)state;
	start(&with_alice);
	ini_send_login(&ini, 0, 1, TEXT(NAMES));
	expect_refusal(ISCSI_LOGIN_AUTHENTICATION_FAILURE, "without having authenticated");
}

static void test_security__left_after_the_challenge(void **state)
{
	(void)state;
	start(&with_alice);
	get_challenge(NAMES, sizeof(NAMES), "5");
	ini_send_login(&ini, 0, 3, NULL, 0);
	expect_refusal(ISCSI_LOGIN_AUTHENTICATION_FAILURE, "without having authenticated");
}

static void test_security__none_where_chap_is_wanted(void **state)
{
	(void)state;
	start(&with_alice);
	ini_send_login(&ini, 0, 1, TEXT(NAMES "AuthMethod=None"));
	expect_refusal(ISCSI_LOGIN_AUTHENTICATION_FAILURE, "CHAP is required");
}

static void test_security__operational_key_does_not_help(void **state)
{
	(void)state;
	start(&with_alice);
	ini_send_login(&ini, 0, -1, TEXT(NAMES "AuthMethod=CHAP"));
	expect(0);
	/* The stage is ours to end. */
	ini_send_login(&ini, 1, 3, TEXT("MaxBurstLength=4096"));
	expect_refusal(ISCSI_LOGIN_INITIATOR_ERROR, "CSG is not the present stage");
}

/* --- access --- */

static void test_access__denied(void **state)
{
	static const char *const names[] = { "iqn.2026-11.org.example:*" };
	const struct iscsi_rule_config rule = {
		.who = { .initiators = names, .initiator_count = 1 }, .deny = true,
	};
	struct iscsi_node_info info;

	(void)state;
	start(&rule);
	ini_send_login(&ini, 0, 1, TEXT(NAMES "AuthMethod=None"));
	expect_refusal(ISCSI_LOGIN_AUTHORIZATION_FAILURE, "refused with 0202h");
	iscsi_node_get_info(bed.node, &info);
	assert_int_equal(info.login_failures, 1);
	assert_int_equal(info.authorization_failures, 1);
	assert_int_equal(info.authentication_failures, 0);
	assert_int_equal(info.addresses_slowed, 1);
}

static void test_access__by_address(void **state)
{
	static const char *const inside[] = { "192.0.2.0/24" }, *const outside[] = { "10.0.0.0/8" };
	struct iscsi_rule_config rule = { .who = { .addresses = outside, .address_count = 1 } };

	(void)state;
	start(&rule);
	ini_send_login(&ini, 1, 3, TEXT(NAMES));
	expect_refusal(ISCSI_LOGIN_AUTHORIZATION_FAILURE, "does not admit");
	rule.who.addresses = inside;
	iscsi_node_set_target_access(bed.node, BED_TARGET, add_access(&rule, 1));
	again();
	ini_login(&ini, NULL, 0);
}

static void test_access__required(void **state)
{
	(void)state;
	bed.config.require_access = true;
	start(NULL);
	ini_send_login(&ini, 1, 3, TEXT(NAMES));
	expect_refusal(ISCSI_LOGIN_AUTHORIZATION_FAILURE, "does not admit");
}

static void test_access__portal(void **state)
{
	static const char *const names[] = { "iqn.2026-11.org.example:other" };
	const struct iscsi_rule_config rule = {
		.who = { .initiators = names, .initiator_count = 1 },
	};

	(void)state;
	start(NULL);
	bed.portal->access = add_access(&rule, 1);
	ini_send_login(&ini, 1, 3, TEXT(NAMES));
	expect_refusal(ISCSI_LOGIN_AUTHORIZATION_FAILURE, "the portal's access list");
	again();
	ini_send_login(&ini, 1, 3, TEXT(DISCOVERY));
	/* The second failure is told later. */
	bed_pass(&bed, 300);
	expect_refusal(ISCSI_LOGIN_AUTHORIZATION_FAILURE, "the portal's access list");
}

static void test_access__portal_refuses_connections(void **state)
{
	static const char *const outside[] = { "10.0.0.0/8" };
	const struct iscsi_rule_config rule = {
		.who = { .addresses = outside, .address_count = 1 },
	};
	struct iscsi_node_info info;

	(void)state;
	start(NULL);
	bed.portal->access = add_access(&rule, 1);
	assert_null(node_place(bed.portal, "192.0.2.9:1234"));
	assert_true(bed_has_logged(&bed, "does not admit the address"));
	iscsi_node_get_info(bed.node, &info);
	assert_int_equal(info.connections_refused, 1);
	bed.portal->access = NULL;
}

static void test_access__lun_view(void **state)
{
	struct scsi_lun_view *view = calloc(1, sizeof(*view));
	const struct iscsi_rule_config rule = { .view = view };
	struct ini_command command = { .cdb = { 0x00 }, .flags = ISCSI_FLAG_FINAL };
	struct bhs_scsi_response answered;
	uint32_t itt;

	(void)state;
	view->is_mapped = true;
	view->count = 1;
	view->luns[0] = (struct scsi_lun_mapping){ .as = 3, .lun = 0, .read_only = true };
	start(&rule);
	free(view);
	ini_login(&ini, NULL, 0);
	itt = ini_command(&ini, &command);
	ini_expect_response(&ini, itt, 0x02, &answered);
	ini_expect_sense(&ini, 0x05, 0x25, 0x00);
	command.lun = 3;
	itt = ini_command(&ini, &command);
	ini_expect_response(&ini, itt, 0x02, &answered);
	ini_expect_sense(&ini, 0x06, 0x29, 0x00);
	itt = ini_command(&ini, &command);
	ini_expect_response(&ini, itt, 0x00, &answered);
	/* SYNCHRONIZE CACHE is allowed, WRITE SAME is not. */
	command.cdb[0] = 0x41;
	command.cdb[8] = 1;
	command.flags |= ISCSI_SCSI_COMMAND_WRITE;
	command.expected = BED_BLOCK;
	itt = ini_command(&ini, &command);
	ini_expect_response(&ini, itt, 0x02, &answered);
	ini_expect_sense(&ini, 0x07, 0x27, 0x00);
}

/* --- discovery --- */

static uint32_t send_targets(void)
{
	struct bhs_text_request request = {
		.itt = ini.itt++, .ttt = ISCSI_TAG_NONE, .cmd_sn = ini.cmd_sn++,
		.exp_stat_sn = ini.exp_stat_sn, .is_final = true,
	};
	struct bhs bhs;

	bhs_text_request_encode(&bhs, &request);
	ini_send(&ini, &bhs, TEXT("SendTargets=All"));
	ini_expect(&ini, ISCSI_OPCODE_TEXT_RESPONSE);
	for (uint32_t i = 0; i < ini.data_len; i++)
		if (ini.data[i] == '\0')
			ini.data[i] = ' ';
	ini.data[ini.data_len] = '\0';
	return ini.data_len;
}

#define ADDRESS "TargetAddress=192.0.2.1:3260,1 "

static void test_discovery__shows_what_may_be_used(void **state)
{
	static const char *const names[] = { "iqn.2026-11.org.example:other" };
	const struct iscsi_rule_config rule = {
		.who = { .initiators = names, .initiator_count = 1 },
	};

	(void)state;
	start(&rule);
	ini_login_discovery(&ini);
	send_targets();
	assert_string_equal((char *)ini.data, "TargetName=" BED_OTHER_TARGET " " ADDRESS);
}

static void test_discovery__portal_groups(void **state)
{
	static const uint16_t second[] = { 2 };
	const struct iscsi_rule_config rule = {
		.portal_groups = second, .portal_group_count = 1,
	};
	struct iscsi_portal *portal;

	(void)state;
	start(&rule);
	portal = node_portal_create(bed.node, 2);
	strcpy(portal->address, "198.51.100.7:3260");
	ini_login_discovery(&ini);
	send_targets();
	assert_string_equal((char *)ini.data,
			    "TargetName=" BED_TARGET " TargetAddress=198.51.100.7:3260,2 "
			    "TargetName=" BED_OTHER_TARGET " " ADDRESS
			    "TargetAddress=198.51.100.7:3260,2 ");
	again();
	ini_send_login(&ini, 1, 3, TEXT(NAMES));
	expect_refusal(ISCSI_LOGIN_AUTHORIZATION_FAILURE, "does not admit");
}

static void test_discovery__authenticated(void **state)
{
	(void)state;
	start(NULL);
	iscsi_node_set_discovery_access(bed.node, add_access(&with_alice, 1));
	ini_send_login(&ini, 1, 3, TEXT(DISCOVERY));
	expect_refusal(ISCSI_LOGIN_AUTHENTICATION_FAILURE, "does not authenticate itself");
	again();
	get_challenge(DISCOVERY, sizeof(DISCOVERY), "8,7,6,5");
	assert_string_equal(ini_value(&ini, "CHAP_A"), "8");
	answer("alice", alice.secret, 3);
	expect(0);
	assert_true(response.is_transit);
	assert_int_not_equal(send_targets(), 0);
	/* Targets are another matter. */
	again();
	ini_login(&ini, NULL, 0);
}

/* --- whoever guesses --- */

static void fail_once(void)
{
	ini_send_login(&ini, 1, 3, TEXT(NAMES));
	bed_settle(&bed);
}

static void test_guard__answers_later(void **state)
{
	(void)state;
	start(&with_alice);
	fail_once();
	expect_refusal(0x0201, "refused with 0201h");
	again();
	fail_once();
	/* Logged at once, answered later, and nothing helps against that. */
	assert_true(bed_has_logged(&bed, "refused with 0201h"));
	ini_expect_nothing(&ini);
	ini_send_login(&ini, 1, 3, TEXT(NAMES));
	bed_pass(&bed, 240);
	ini_expect_nothing(&ini);
	assert_false(loop_is_finished(ini.loop));
	bed_pass(&bed, 20);
	expect(0x0201);
	ini_expect_closed(&ini);
	/* Whoever leaves before the answer leaves nothing behind. */
	again();
	fail_once();
	ini_expect_nothing(&ini);
}

static void test_guard__refuses_connections(void **state)
{
	struct iscsi_node_info info;
	struct reactor *other;

	(void)state;
	start(&with_alice);
	for (unsigned i = 0; i < GUARD_PENALTIES + 1; i++) {
		fail_once();
		ini_free(&ini);
		bed.log[0] = '\0';
		if (i < GUARD_PENALTIES)
			ini_connect(&ini, &bed);
	}
	assert_null(node_place(bed.portal, "192.0.2.9:1234"));
	assert_true(bed_has_logged(&bed, "too many failed logins from this address"));
	other = node_place(bed.portal, "192.0.2.10:1234");
	assert_non_null(other);
	node_login_ended(bed.node, "192.0.2.10:1234");
	node_connection_ended(node_core(bed.node, other));
	iscsi_node_get_info(bed.node, &info);
	assert_int_equal(info.connections_refused, 1);
	assert_int_equal(info.authentication_failures, GUARD_PENALTIES + 1);
	bed_pass(&bed, GUARD_DELAY_MAX_MS);
	ini_connect(&ini, &bed);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_chap__every_algorithm),
		TEST(test_chap__to_full_feature_at_once),
		TEST(test_chap__early_t_bit_waits),
		TEST(test_chap__in_pieces),
		TEST(test_chap__mutual),
		TEST(test_chap__wrong),
		TEST(test_chap__order),
		TEST(test_chap__choice),
		TEST(test_chap__choice_configured),
		TEST(test_chap__fips),
		TEST(test_security__joining_as_somebody_else),
		TEST(test_security__skipped),
		TEST(test_security__left_early),
		TEST(test_security__left_after_the_challenge),
		TEST(test_security__none_where_chap_is_wanted),
		TEST(test_security__operational_key_does_not_help),
		TEST(test_access__denied),
		TEST(test_access__by_address),
		TEST(test_access__required),
		TEST(test_access__portal),
		TEST(test_access__portal_refuses_connections),
		TEST(test_access__lun_view),
		TEST(test_discovery__shows_what_may_be_used),
		TEST(test_discovery__portal_groups),
		TEST(test_discovery__authenticated),
		TEST(test_guard__answers_later),
		TEST(test_guard__refuses_connections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
