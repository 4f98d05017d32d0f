/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The other requests of the full feature phase: NOP, Text, Logout, task
 * management, and what is rejected (RFC 7143 sections 11.5 to 11.19, appendix C).
 */
#include "test_iscsi_bed.h"

static struct bed bed;
static struct ini ini;
static uint8_t pattern[512 * 1024];

static int set_up(void **state)
{
	uint32_t i;

	(void)state;
	bed_set_up(&bed);
	for (i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i * 31 + i / 256);
	return 0;
}

static void start(void)
{
	bed_start(&bed);
	ini_connect(&ini, &bed);
	ini_login(&ini, NULL, 0);
	ini_clear_attention(&ini);
	bed.log[0] = '\0';
}

static void start_discovery(void)
{
	bed_start(&bed);
	ini_connect(&ini, &bed);
	ini_login_discovery(&ini);
}

static int tear_down(void **state)
{
	(void)state;
	ini_free(&ini);
	bed_tear_down(&bed);
	return 0;
}

static void expect_reject(uint8_t reason)
{
	struct bhs_reject reject;

	ini_expect(&ini, ISCSI_OPCODE_REJECT);
	bhs_reject_decode(&ini.bhs, &reject);
	assert_int_equal(reject.reason, reason);
	assert_int_equal(reject.stat_sn, ini.exp_stat_sn);
	ini.exp_stat_sn++;
	assert_int_equal(ini.data_len, BHS_LEN);
}

/* --- NOP --- */

static void expect_echo(const void *data, uint32_t len)
{
	struct bhs_nop_in nop;

	ini_expect(&ini, ISCSI_OPCODE_NOP_IN);
	bhs_nop_in_decode(&ini.bhs, &nop);
	assert_int_equal(nop.itt, ini.itt - 1);
	assert_int_equal(nop.ttt, ISCSI_TAG_NONE);
	assert_int_equal(nop.stat_sn, ini.exp_stat_sn);
	assert_int_equal(nop.exp_cmd_sn, ini.cmd_sn);
	ini.exp_stat_sn++;
	assert_int_equal(ini.data_len, len);
	if (len != 0)
		assert_memory_equal(ini.data, data, len);
}

static void test_nop__echoes(void **state)
{
	static const uint32_t lengths[] = { 0, 1, 3, 4, 1000, 4096, 32768, 32769, 100000, 262144 };
	unsigned i;

	(void)state;
	start();
	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		ini_ping(&ini, pattern, lengths[i], true);
		expect_echo(pattern, lengths[i]);
		ini_ping(&ini, pattern + 1, lengths[i], false);
		expect_echo(pattern + 1, lengths[i]);
	}
	ini_clear_attention(&ini);
}

static void test_nop__no_more_than_the_initiator_takes(void **state)
{
	struct bhs_login_response response;

	(void)state;
	bed_start(&bed);
	ini_connect(&ini, &bed);
	ini_send_login(&ini, 1, 3,
		       TEXT("InitiatorName=" BED_INITIATOR "\0TargetName=" BED_TARGET
			    "\0MaxRecvDataSegmentLength=512"));
	ini_expect_login(&ini, &response);
	bed_settle(&bed);
	ini_ping(&ini, pattern, 4096, true);
	expect_echo(pattern, 512);
}

static void test_nop__without_itt_is_not_answered(void **state)
{
	struct bhs_nop_out nop = {
		.itt = ISCSI_TAG_NONE, .ttt = ISCSI_TAG_NONE, .is_immediate = true,
	};
	struct bhs bhs;

	(void)state;
	start();
	nop.cmd_sn = ini.cmd_sn;
	bhs_nop_out_encode(&bhs, &nop);
	ini_send(&ini, &bhs, "ping", 4);
	ini_expect_nothing(&ini);
	/* An answer to a ping that was never sent. */
	nop.ttt = 5;
	bhs_nop_out_encode(&bhs, &nop);
	ini_send(&ini, &bhs, NULL, 0);
	ini_expect_nothing(&ini);
	ini_clear_attention(&ini);
}

static void test_nop__both_tags(void **state)
{
	struct bhs_nop_out nop = { .itt = 9, .ttt = 9, .is_immediate = true };
	struct bhs bhs;

	(void)state;
	start();
	nop.cmd_sn = ini.cmd_sn;
	bhs_nop_out_encode(&bhs, &nop);
	ini_send(&ini, &bhs, NULL, 0);
	expect_reject(ISCSI_REJECT_INVALID_PDU_FIELD);
}

static void answer_ping(void)
{
	struct bhs_nop_in in;
	struct bhs_nop_out out = { .itt = ISCSI_TAG_NONE, .is_immediate = true };
	struct bhs bhs;

	ini_expect(&ini, ISCSI_OPCODE_NOP_IN);
	bhs_nop_in_decode(&ini.bhs, &in);
	assert_int_equal(in.itt, ISCSI_TAG_NONE);
	assert_int_not_equal(in.ttt, ISCSI_TAG_NONE);
	/* It uses up no StatSN. */
	assert_int_equal(in.stat_sn, ini.exp_stat_sn);
	out.ttt = in.ttt;
	out.cmd_sn = ini.cmd_sn;
	out.exp_stat_sn = ini.exp_stat_sn;
	bhs_nop_out_encode(&bhs, &out);
	ini_send(&ini, &bhs, NULL, 0);
}

static void test_keep_alive__answered(void **state)
{
	unsigned i;

	(void)state;
	bed.config.nop_interval_s = 5;
	bed.config.nop_timeout_s = 3;
	start();
	for (i = 0; i < 5; i++) {
		unsigned waited = 0;

		while (loop_available(ini.loop) == 0 && waited++ < 12)
			bed_pass(&bed, 1000);
		answer_ping();
	}
	ini_clear_attention(&ini);
}

static void test_keep_alive__not_answered(void **state)
{
	(void)state;
	bed.config.nop_interval_s = 5;
	bed.config.nop_timeout_s = 3;
	start();
	bed_pass(&bed, 11000);
	ini_expect(&ini, ISCSI_OPCODE_NOP_IN);
	assert_false(loop_is_gone(ini.loop));
	bed_pass(&bed, 4000);
	ini_expect_closed(&ini);
	assert_non_null(strstr(bed.log, "no answer to NOP-In within 3 s"));
	/* With the connection go its last events: the log has them. */
	assert_non_null(strstr(bed.log, "its last events, since it connected; "));
	assert_non_null(strstr(bed.log, "T5: full feature phase"));
}

static void test_events__the_newest_are_printed(void **state)
{
	unsigned i;

	(void)state;
	bed.config.nop_interval_s = 5;
	bed.config.nop_timeout_s = 3;
	start();
	/* More than are kept, and than have room in a line. */
	for (i = 0; i < 40; i++) {
		ini_tmf(&ini, ISCSI_TMF_TASK_REASSIGN, 0, UINT32_C(4000000000));
		ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_REASSIGN_NOT_SUPPORTED);
	}
	bed.log[0] = '\0';
	bed_pass(&bed, 11000);
	bed_pass(&bed, 4000);
	while (ini_receive(&ini))
		;
	assert_non_null(strstr(bed.log, "its last events, since it connected; "));
	assert_null(strstr(bed.log, "T5: full feature phase"));
	assert_true(bed_has_logged(&bed, "s task management (8, 0)\n"));
}

static void test_keep_alive__not_while_it_talks(void **state)
{
	unsigned i;

	(void)state;
	bed.config.nop_interval_s = 5;
	start();
	for (i = 0; i < 20; i++) {
		bed_pass(&bed, 2000);
		ini_clear_attention(&ini);
	}
}

/* What is solicited comes slowly, and the answer to a ping is behind all of it. */
static void test_keep_alive__not_while_data_comes(void **state)
{
	static uint8_t block[512];
	struct bhs_r2t r2t;
	uint32_t itt;
	unsigned i;

	(void)state;
	bed.config.nop_interval_s = 5;
	bed.config.nop_timeout_s = 3;
	start();
	itt = ini_write(&ini, 0, 20, NULL, 0, true);
	ini_expect(&ini, ISCSI_OPCODE_R2T);
	bhs_r2t_decode(&ini.bhs, &r2t);
	for (i = 0; i < 20; i++) {
		bed_pass(&bed, 2000);
		ini_data_out(&ini, itt, r2t.ttt, i, i * 512, block, 512, i == 19);
		bed_settle(&bed);
		assert_false(loop_is_gone(ini.loop));
	}
	ini_expect_response(&ini, itt, 0, NULL);
}

/* It takes what it has asked for, slowly, and our ping is behind all of it. */
static void test_keep_alive__not_while_it_takes_data(void **state)
{
	uint32_t itt;
	unsigned i;

	(void)state;
	bed.config.nop_interval_s = 5;
	bed.config.nop_timeout_s = 3;
	start();
	loop_set_room(ini.loop, 1024);
	itt = ini_read(&ini, 0, 20);
	for (i = 0; i < 10; i++) {
		bed_pass(&bed, 2000);
		assert_false(loop_is_gone(ini.loop));
		loop_set_room(ini.loop, 1024 * (i + 2));
		bed_settle(&bed);
	}
	loop_set_room(ini.loop, SIZE_MAX);
	ini_expect_read(&ini, itt, bed.disk[0].bytes, 20 * 512);
	/* Now it has had the ping, and as much time as anybody else. */
	bed_pass(&bed, 2000);
	assert_false(loop_is_gone(ini.loop));
	bed_pass(&bed, 20000);
	assert_non_null(strstr(bed.log, "no answer to NOP-In within 3 s"));
}

static void test_nop__a_flood_of_pings(void **state)
{
	unsigned i;

	(void)state;
	start();
	/* More than one receive brings: all are answered, in order. */
	for (i = 0; i < 3000; i++)
		ini_ping(&ini, NULL, 0, true);
	for (i = 0; i < 3000; i++) {
		ini_expect(&ini, ISCSI_OPCODE_NOP_IN);
		assert_int_equal(bhs_stat_sn(&ini.bhs), ini.exp_stat_sn++);
	}
}

/* --- Text --- */

static void send_text(bool final, bool more, uint32_t ttt, const char *text, uint32_t len)
{
	struct bhs_text_request request = {
		.itt = ini.itt,
		.ttt = ttt,
		.cmd_sn = ini.cmd_sn,
		.exp_stat_sn = ini.exp_stat_sn,
		.is_immediate = true,
		.is_final = final,
		.is_continue = more,
	};
	struct bhs bhs;

	bhs_text_request_encode(&bhs, &request);
	ini_send(&ini, &bhs, text, len);
}

static void expect_text(struct bhs_text_response *response)
{
	ini_expect(&ini, ISCSI_OPCODE_TEXT_RESPONSE);
	bhs_text_response_decode(&ini.bhs, response);
	assert_int_equal(response->itt, ini.itt);
	assert_int_equal(response->stat_sn, ini.exp_stat_sn);
	assert_int_equal(response->ttt == ISCSI_TAG_NONE, response->is_final);
	ini.exp_stat_sn++;
	ini.data[ini.data_len] = '\0';
}

static const char *text_of(void)
{
	uint32_t i;

	for (i = 0; i + 1 < ini.data_len; i++)
		if (ini.data[i] == '\0')
			ini.data[i] = ' ';
	return ini.data_len != 0 ? (const char *)ini.data : "";
}

static void check_text(const char *text, uint32_t len, const char *answer)
{
	struct bhs_text_response response;

	send_text(true, false, ISCSI_TAG_NONE, text, len);
	expect_text(&response);
	assert_true(response.is_final);
	assert_string_equal(text_of(), answer);
	ini.itt++;
}

#define ADDRESS "TargetAddress=192.0.2.1:3260,1"

static void test_send_targets__discovery(void **state)
{
	(void)state;
	start_discovery();
	check_text(TEXT("SendTargets=All"), "TargetName=" BED_TARGET " " ADDRESS
					    " TargetName=" BED_OTHER_TARGET " " ADDRESS);
	check_text(TEXT("SendTargets=" BED_OTHER_TARGET), "TargetName=" BED_OTHER_TARGET " " ADDRESS);
	check_text(TEXT("SendTargets=iqn.2026-11.io.pinion:nothing"), "");
	check_text(TEXT("SendTargets="), "SendTargets=Reject");
	check_text(TEXT("X-com.example=1"), "X-com.example=NotUnderstood");
}

static void test_send_targets__normal_session(void **state)
{
	(void)state;
	start();
	check_text(TEXT("SendTargets="), "TargetName=" BED_TARGET " " ADDRESS);
	check_text(TEXT("SendTargets=" BED_TARGET), "TargetName=" BED_TARGET " " ADDRESS);
	check_text(TEXT("SendTargets=" BED_OTHER_TARGET), "SendTargets=Reject");
	check_text(TEXT("SendTargets=All"), "SendTargets=Reject");
	ini_clear_attention(&ini);
}

static void add_portal(const char *address, uint16_t group)
{
	struct iscsi_portal *portal = node_portal_create(bed.node, group);

	strcpy(portal->address, address);
}

static void test_send_targets__portals(void **state)
{
	(void)state;
	start_discovery();
	add_portal("[::]:3260", 1);
	add_portal("198.51.100.7:3261", 2);
	add_portal("[2001:db8::1]:3260", 3);
	add_portal("0.0.0.0:860", 4);
	/* The wildcard of the other family cannot be named. */
	check_text(TEXT("SendTargets=" BED_TARGET),
		   "TargetName=" BED_TARGET " TargetAddress=192.0.2.1:3260,1 "
		   "TargetAddress=198.51.100.7:3261,2 TargetAddress=[2001:db8::1]:3260,3 "
		   "TargetAddress=192.0.2.1:860,4");
}

/* Targets of a test that outlive its node. */
static struct scsi_target *many[400];

static int destroy_many(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
		if (many[i] != NULL)
			scsi_target_destroy(many[i]);
	}
	return 0;
}

static void test_send_targets__long_answer(void **state)
{
	struct bhs_text_response response;
	uint32_t total = 0;
	unsigned names = 0;
	unsigned pdus = 0;
	unsigned i;

	(void)state;
	bed_start(&bed);
	for (i = 0; i < 400; i++) {
		char name[64];

		sprintf(name, "iqn.2026-11.io.pinion:number-%03u", i);
		assert_int_equal(scsi_target_create(name, &many[i]), 0);
		assert_int_equal(iscsi_node_add_target(bed.node, name, NULL, many[i]), 0);
	}
	ini_connect(&ini, &bed);
	ini_login_discovery(&ini); /* MaxRecvDataSegmentLength 8192 */
	send_text(true, false, ISCSI_TAG_NONE, TEXT("SendTargets=All"));
	for (;;) {
		expect_text(&response);
		assert_true(ini.data_len <= 8192);
		total += ini.data_len;
		pdus++;
		for (i = 0; i + 11 < ini.data_len; i++)
			names += memcmp(ini.data + i, "TargetName=", 11) == 0;
		if (response.is_final)
			break;
		assert_true(response.is_continue);
		send_text(true, false, response.ttt, NULL, 0);
	}
	assert_false(response.is_continue);
	assert_true(pdus > 3);
	assert_true(names > 390);
	assert_true(total > 402 * 70);
}

static void test_text__in_pieces(void **state)
{
	struct bhs_text_response response;
	const char *text = "SendTargets=All";

	(void)state;
	start_discovery();
	send_text(false, true, ISCSI_TAG_NONE, text, 5);
	expect_text(&response);
	assert_false(response.is_final);
	assert_int_equal(ini.data_len, 0);
	send_text(true, false, response.ttt, text + 5, 11);
	expect_text(&response);
	assert_true(response.is_final);
	assert_non_null(strstr(text_of(), BED_OTHER_TARGET));
}

static void test_text__not_final(void **state)
{
	struct bhs_text_response response;

	(void)state;
	start_discovery();
	send_text(false, false, ISCSI_TAG_NONE, TEXT("X-1=1"));
	expect_text(&response);
	assert_false(response.is_final);
	send_text(true, false, response.ttt, TEXT("X-2=1"));
	expect_text(&response);
	assert_true(response.is_final);
	assert_string_equal(text_of(), "X-2=NotUnderstood");
}

static void test_text__faults(void **state)
{
	(void)state;
	start();
	send_text(true, true, ISCSI_TAG_NONE, TEXT("A=1"));
	expect_reject(ISCSI_REJECT_INVALID_PDU_FIELD);
	send_text(true, false, 1234, TEXT("A=1"));
	expect_reject(ISCSI_REJECT_INVALID_PDU_FIELD);
	send_text(true, false, ISCSI_TAG_NONE, TEXT("nothing"));
	expect_reject(ISCSI_REJECT_PROTOCOL_ERROR);
	send_text(true, false, ISCSI_TAG_NONE, TEXT("InitiatorName=iqn.2026-11.a:b"));
	expect_reject(ISCSI_REJECT_PROTOCOL_ERROR);
	ini_clear_attention(&ini);
}

static void test_text__renegotiation(void **state)
{
	(void)state;
	start();
	check_text(TEXT("HeaderDigest=CRC32C"), "HeaderDigest=Reject");
	check_text(TEXT("MaxBurstLength=512"), "MaxBurstLength=Reject");
	check_text(TEXT("MaxRecvDataSegmentLength=1048576"), "");
	check_text(TEXT("MaxRecvDataSegmentLength=512"), "");
	send_text(true, false, ISCSI_TAG_NONE, TEXT("MaxRecvDataSegmentLength=511"));
	expect_reject(ISCSI_REJECT_PROTOCOL_ERROR);
}

static void test_text__segments_become_shorter_and_longer(void **state)
{
	static const uint32_t lengths[] = { 512, 4096, 1024, 2048 };
	uint32_t itt;
	unsigned i;

	(void)state;
	start();
	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		char text[64];
		uint32_t length = (uint32_t)sprintf(text, "MaxRecvDataSegmentLength=%u",
						    lengths[i]) + 1;

		check_text(text, length, "");
		itt = ini_read(&ini, 0, 16);
		ini_expect(&ini, ISCSI_OPCODE_DATA_IN);
		assert_int_equal(ini.data_len, lengths[i]);
		while (!(bhs_flags(&ini.bhs) & ISCSI_DATA_IN_STATUS)) {
			ini_expect(&ini, ISCSI_OPCODE_DATA_IN);
			assert_true(ini.data_len <= lengths[i]);
		}
		assert_int_equal(bhs_itt(&ini.bhs), itt);
		ini.exp_stat_sn++;
		/* What a ping brings back is a data segment too. */
		ini_ping(&ini, pattern, 3000, true);
		ini_expect(&ini, ISCSI_OPCODE_NOP_IN);
		assert_int_equal(ini.data_len, lengths[i] < 3000 ? lengths[i] : 3000);
		ini.exp_stat_sn++;
	}
}

static void test_text__endless(void **state)
{
	struct bhs_text_response response;

	(void)state;
	start();
	send_text(false, true, ISCSI_TAG_NONE, (char *)pattern, 16000);
	expect_text(&response);
	send_text(false, true, response.ttt, (char *)pattern, 16000);
	expect_reject(ISCSI_REJECT_LONG_OPERATION);
}

/*
 * Only one may be outstanding (section 11.10). Whoever sends more and reads nothing neither makes
 * the lists of all targets all the time nor has them kept in memory.
 */
static void test_text__a_flood_of_requests(void **state)
{
	struct bhs_text_response response;
	unsigned answers = 0, rejects = 0, i;

	(void)state;
	start_discovery();
	for (i = 0; i < 200; i++)
		send_text(true, false, ISCSI_TAG_NONE, TEXT("SendTargets=All"));
	while (answers + rejects < 200) {
		assert_true(ini_receive(&ini));
		assert_int_equal(bhs_stat_sn(&ini.bhs), ini.exp_stat_sn++);
		answers += bhs_opcode(&ini.bhs) == ISCSI_OPCODE_TEXT_RESPONSE;
		rejects += bhs_opcode(&ini.bhs) == ISCSI_OPCODE_REJECT;
	}
	assert_in_range(answers, 1, 20);
	/* One at a time it goes on. */
	for (i = 0; i < 20; i++) {
		send_text(true, false, ISCSI_TAG_NONE, TEXT("SendTargets=All"));
		expect_text(&response);
	}
}

/* --- Logout --- */

static void expect_logout(uint8_t code)
{
	struct bhs_logout_response response;

	ini_expect(&ini, ISCSI_OPCODE_LOGOUT_RESPONSE);
	bhs_logout_response_decode(&ini.bhs, &response);
	assert_int_equal(response.itt, ini.itt - 1);
	assert_int_equal(response.response, code);
	assert_int_equal(response.stat_sn, ini.exp_stat_sn);
	assert_int_equal(response.time2wait, 2);
	/* At level 0 nothing is, whatever the default of the key. */
	assert_int_equal(response.time2retain, 0);
	ini.exp_stat_sn++;
}

static void test_logout__session(void **state)
{
	(void)state;
	start();
	ini_logout(&ini, ISCSI_LOGOUT_CLOSE_SESSION, 0);
	expect_logout(ISCSI_LOGOUT_RESPONSE_CLOSED);
	ini_expect_closed(&ini);
	bed_pass(&bed, 2000);
	assert_true(bed_has_logged(&bed, "logged out"));
}

/* Who logs in elsewhere when he has the answer finds nothing of the session's any more. */
static void test_logout__ends_the_nexus_before_the_answer(void **state)
{
	const struct ini_command reserve = { .cdb = { 0x16 }, .flags = 0x80 };
	const struct ini_command ready = { .flags = 0x80 };
	struct ini other;
	uint32_t itt;

	(void)state;
	bed_start(&bed);
	bed.next_reactor = bed.reactors[0];
	ini_connect(&ini, &bed);
	ini_login(&ini, NULL, 0);
	ini_clear_attention(&ini);
	bed.next_reactor = bed.reactors[1];
	ini_connect(&other, &bed);
	other.isid[5]++;
	ini_login(&other, NULL, 0);
	ini_clear_attention(&other);
	bed.next_reactor = NULL;
	itt = ini_command(&ini, &reserve);
	ini_expect_response(&ini, itt, 0x00, NULL);
	itt = ini_command(&other, &ready);
	ini_expect_response(&other, itt, 0x18, NULL);
	/* The reactor of the one does no more than to answer. */
	ini_logout(&ini, ISCSI_LOGOUT_CLOSE_SESSION, 0);
	for (unsigned turns = 0; turns < 100 && loop_available(ini.loop) == 0; turns++)
		reactor_turn(bed.reactors[0], 0);
	assert_int_not_equal(loop_available(ini.loop), 0);
	itt = ini_command(&other, &ready);
	for (unsigned turns = 0; turns < 100 && loop_available(other.loop) == 0; turns++)
		reactor_turn(bed.reactors[1], 0);
	ini_expect_response(&other, itt, 0x00, NULL);
	expect_logout(ISCSI_LOGOUT_RESPONSE_CLOSED);
	ini_expect_closed(&ini);
	ini_free(&other);
}

static void test_logout__connection(void **state)
{
	(void)state;
	start();
	ini_logout(&ini, ISCSI_LOGOUT_CLOSE_CONNECTION, ini.cid + 1);
	expect_logout(ISCSI_LOGOUT_RESPONSE_NO_CID);
	ini_logout(&ini, ISCSI_LOGOUT_REMOVE_FOR_RECOVERY, ini.cid);
	expect_logout(ISCSI_LOGOUT_RESPONSE_RECOVERY_NOT_SUPPORTED);
	ini_logout(&ini, 3, 0);
	expect_reject(ISCSI_REJECT_INVALID_PDU_FIELD);
	ini_clear_attention(&ini);
	ini_logout(&ini, ISCSI_LOGOUT_CLOSE_CONNECTION, ini.cid);
	expect_logout(ISCSI_LOGOUT_RESPONSE_CLOSED);
	ini_expect_closed(&ini);
}

static void test_logout__waits_for_tasks(void **state)
{
	(void)state;
	start();
	bed.disk[0].is_holding = true;
	ini_read(&ini, 0, 8);
	ini_write(&ini, 0, 64, NULL, 0, true);
	ini_expect(&ini, ISCSI_OPCODE_R2T);
	ini_logout(&ini, ISCSI_LOGOUT_CLOSE_SESSION, 0);
	ini_expect_nothing(&ini);
	/* What comes behind a Logout is ignored. */
	ini_read(&ini, 0, 8);
	ini.itt--;
	bed_release(&bed, 0);
	expect_logout(ISCSI_LOGOUT_RESPONSE_CLOSED);
	ini_expect_closed(&ini);
}

static void test_logout__discovery(void **state)
{
	(void)state;
	start_discovery();
	ini_logout(&ini, ISCSI_LOGOUT_CLOSE_SESSION, 0);
	expect_logout(ISCSI_LOGOUT_RESPONSE_CLOSED);
	ini_expect_closed(&ini);
}

/* --- task management --- */

static void test_tmf__abort_task(void **state)
{
	uint32_t itt;
	uint32_t cmd_sn;

	(void)state;
	start();
	bed.disk[0].is_holding = true;
	cmd_sn = ini.cmd_sn;
	itt = ini_read(&ini, 0, 8);
	ini_read(&ini, 8, 8);
	ini_tmf(&ini, ISCSI_TMF_ABORT_TASK, itt, cmd_sn);
	/* Not before it has really ended. */
	ini_expect_nothing(&ini);
	bed_release(&bed, 0);
	ini_expect(&ini, ISCSI_OPCODE_DATA_IN);
	assert_int_equal(bhs_itt(&ini.bhs), itt + 1);
	ini.exp_stat_sn++;
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_COMPLETE);
	ini_expect_nothing(&ini);
}

static void test_tmf__abort_task_that_waits_for_data(void **state)
{
	struct bhs_r2t r2t;
	uint32_t cmd_sn;
	uint32_t itt;

	(void)state;
	start();
	cmd_sn = ini.cmd_sn;
	itt = ini_write(&ini, 0, 64, NULL, 0, true);
	ini_expect(&ini, ISCSI_OPCODE_R2T);
	bhs_r2t_decode(&ini.bhs, &r2t);
	ini_data_out(&ini, itt, r2t.ttt, 0, 0, pattern, 8192, false);
	ini_tmf(&ini, ISCSI_TMF_ABORT_TASK, itt, cmd_sn);
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_COMPLETE);
	/* What was under way is let pass. */
	ini_data_out(&ini, itt, r2t.ttt, 1, 8192, pattern, 8192, false);
	ini_expect_nothing(&ini);
	assert_int_equal(bed.disk[0].submitted, 0);
	ini_clear_attention(&ini);
}

static void test_tmf__abort_task_that_is_not_there(void **state)
{
	uint32_t itt;

	(void)state;
	start();
	itt = ini_read(&ini, 0, 1);
	ini_expect_read(&ini, itt, bed.disk[0].bytes, 512);
	ini_tmf(&ini, ISCSI_TMF_ABORT_TASK, itt, ini.cmd_sn - 1);
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_NO_TASK);
}

static void test_tmf__abort_task_that_was_lost(void **state)
{
	uint32_t base;

	(void)state;
	start();
	/* CmdSN base never came; base + 1 waits for it. RFC 7143 section 11.6.1 b. */
	base = ini.cmd_sn;
	ini.cmd_sn = base + 1;
	ini_read(&ini, 0, 1);
	ini_expect_nothing(&ini);
	ini_tmf(&ini, ISCSI_TMF_ABORT_TASK, 0x999, base);
	ini_expect(&ini, ISCSI_OPCODE_DATA_IN);
	assert_int_equal(bhs_exp_cmd_sn(&ini.bhs), base + 2);
	ini.exp_stat_sn++;
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_COMPLETE);
	ini_clear_attention(&ini);
}

static void test_tmf__abort_task_set(void **state)
{
	(void)state;
	start();
	bed.disk[0].is_holding = true;
	ini_read(&ini, 0, 8);
	ini_write(&ini, 8, 8, pattern, 4096, true);
	ini_write(&ini, 0, 64, NULL, 0, true);
	ini_expect(&ini, ISCSI_OPCODE_R2T);
	ini_tmf(&ini, ISCSI_TMF_ABORT_TASK_SET, ISCSI_TAG_NONE, 0);
	/* A command behind it is not concerned. */
	ini_read(&ini, 16, 1);
	ini_expect_nothing(&ini);
	ini.itt--;
	bed_release(&bed, 0);
	ini_expect(&ini, ISCSI_OPCODE_DATA_IN);
	ini.exp_stat_sn++;
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_COMPLETE);
	ini_expect_nothing(&ini);
}

static void test_tmf__held_commands(void **state)
{
	uint32_t base;
	uint32_t itt;

	(void)state;
	start();
	base = ini.cmd_sn;
	ini.cmd_sn = base + 1;
	itt = ini_write(&ini, 0, 8, pattern, 4096, true);
	ini_tmf(&ini, ISCSI_TMF_ABORT_TASK, itt, base + 1);
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_COMPLETE);
	ini.cmd_sn = base;
	ini_clear_attention(&ini);
	assert_int_equal(bhs_exp_cmd_sn(&ini.bhs), base + 1);
	ini.cmd_sn = base + 2;
	ini_clear_attention(&ini);
	assert_int_equal(bed.disk[0].submitted, 0);
}

static void test_tmf__answers(void **state)
{
	struct ini_command command = { .flags = ISCSI_FLAG_FINAL, .lun = 5 };

	(void)state;
	start();
	ini_tmf(&ini, ISCSI_TMF_CLEAR_ACA, ISCSI_TAG_NONE, 0);
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_COMPLETE);
	ini_tmf(&ini, ISCSI_TMF_TASK_REASSIGN, 1, 0);
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_REASSIGN_NOT_SUPPORTED);
	ini_tmf(&ini, ISCSI_TMF_QUERY_TASK, 1, 0);
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_NOT_SUPPORTED);
	ini_tmf(&ini, 99, 1, 0);
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_NOT_SUPPORTED);
	ini_tmf(&ini, ISCSI_TMF_CLEAR_TASK_SET, ISCSI_TAG_NONE, 0);
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_COMPLETE);
	(void)command;
}

static void tmf_on_lun(uint8_t function, uint8_t lun)
{
	struct bhs_tmf_request request = {
		.lun = (uint64_t)lun << 48, .itt = ini.itt++,
		.referenced_task_tag = ISCSI_TAG_NONE, .cmd_sn = ini.cmd_sn,
		.exp_stat_sn = ini.exp_stat_sn, .is_immediate = true, .function = function,
	};
	struct bhs bhs;

	bhs_tmf_request_encode(&bhs, &request);
	ini_send(&ini, &bhs, NULL, 0);
}

static void test_tmf__no_such_lun(void **state)
{
	(void)state;
	start();
	tmf_on_lun(ISCSI_TMF_ABORT_TASK_SET, 7);
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_NO_LUN);
	tmf_on_lun(ISCSI_TMF_CLEAR_TASK_SET, 7);
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_NO_LUN);
	tmf_on_lun(ISCSI_TMF_LOGICAL_UNIT_RESET, 7);
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_NO_LUN);
}

static void expect_attention(struct ini *who)
{
	struct ini_command command = { .flags = ISCSI_FLAG_FINAL };

	ini_command(who, &command);
	ini_expect(who, ISCSI_OPCODE_SCSI_RESPONSE);
	assert_int_equal(who->bhs.raw[BHS_AT_STATUS], 2);
	assert_int_equal(who->data[2 + 2] & 0xf, 6);
	assert_int_equal(who->data[2 + 12], 0x29);
	who->exp_stat_sn++;
}

/* The other session, on the other reactor. */
static void connect_second(struct ini *second)
{
	bed.next_reactor = node_core(bed.node, bed.reactors[0])->placed != 0 ? bed.reactors[1] :
									       bed.reactors[0];
	ini_connect(second, &bed);
	second->isid[5] = 9;
	ini_login(second, NULL, 0);
	ini_clear_attention(second);
	bed.next_reactor = NULL;
}

/* The target ends the session, and says so. */
static void expect_drop(struct ini *who)
{
	struct bhs_async_message message;

	ini_expect(who, ISCSI_OPCODE_ASYNC_MESSAGE);
	bhs_async_message_decode(&who->bhs, &message);
	assert_int_equal(message.async_event, ISCSI_ASYNC_SESSION_DROPPED);
	assert_int_equal(message.parameter2, 2);
	assert_int_equal(message.parameter3, 0);
	ini_expect_closed(who);
}

static void check_reset(uint8_t function)
{
	struct ini second;

	start();
	connect_second(&second);
	bed.disk[0].is_holding = true;
	ini_read(&ini, 0, 8);
	ini_read(&second, 0, 8);
	bed_settle(&bed);
	ini_tmf(&ini, function, ISCSI_TAG_NONE, 0);
	ini_expect_nothing(&ini);
	bed_release(&bed, 0);
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_COMPLETE);
	if (function == ISCSI_TMF_TARGET_COLD_RESET) {
		expect_drop(&ini);
		expect_drop(&second);
	} else {
		/* Neither read is answered, and all others hear of the reset. */
		ini_expect_nothing(&second);
		expect_attention(&second);
		ini_clear_attention(&second);
	}
	ini_free(&second);
}

static void test_tmf__lun_reset(void **state)
{
	(void)state;
	check_reset(ISCSI_TMF_LOGICAL_UNIT_RESET);
}

static void test_tmf__warm_reset(void **state)
{
	(void)state;
	check_reset(ISCSI_TMF_TARGET_WARM_RESET);
}

static void test_tmf__cold_reset(void **state)
{
	(void)state;
	check_reset(ISCSI_TMF_TARGET_COLD_RESET);
}

static void test_tmf__connection_ends_meanwhile(void **state)
{
	(void)state;
	start();
	bed.disk[0].is_holding = true;
	ini_read(&ini, 0, 8);
	ini_tmf(&ini, ISCSI_TMF_LOGICAL_UNIT_RESET, ISCSI_TAG_NONE, 0);
	ini_tmf(&ini, ISCSI_TMF_ABORT_TASK_SET, ISCSI_TAG_NONE, 0);
	bed_settle(&bed);
	loop_reset(ini.loop, -104);
	bed_settle(&bed);
	bed_release(&bed, 0);
}

static void test_tmf__too_many(void **state)
{
	unsigned i;

	(void)state;
	start();
	bed.disk[0].is_holding = true;
	ini_read(&ini, 0, 8);
	for (i = 0; i < 16; i++)
		ini_tmf(&ini, ISCSI_TMF_ABORT_TASK_SET, ISCSI_TAG_NONE, 0);
	ini_expect_nothing(&ini);
	ini_tmf(&ini, ISCSI_TMF_ABORT_TASK_SET, ISCSI_TAG_NONE, 0);
	expect_reject(ISCSI_REJECT_IMMEDIATE_COMMAND);
	bed_release(&bed, 0);
	for (i = 0; i < 16; i++)
		ini_expect(&ini, ISCSI_OPCODE_TASK_MANAGEMENT_RESPONSE);
}

/* --- what does not belong there --- */

static void test_reject__opcodes(void **state)
{
	static const struct {
		uint8_t opcode;
		uint8_t reason;
	} cases[] = {
		{ 0x07, ISCSI_REJECT_COMMAND_NOT_SUPPORTED },
		{ 0x1c, ISCSI_REJECT_COMMAND_NOT_SUPPORTED },
		{ 0x1f, ISCSI_REJECT_COMMAND_NOT_SUPPORTED },
		{ ISCSI_OPCODE_SNACK_REQUEST, ISCSI_REJECT_SNACK },
	};
	unsigned i;

	(void)state;
	start();
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bhs bhs;

		bhs_begin(&bhs, cases[i].opcode | ISCSI_FLAG_IMMEDIATE, ISCSI_FLAG_FINAL);
		put_be32(bhs.raw + BHS_AT_ITT, 0x12345678);
		ini_send(&ini, &bhs, pattern, 100);
		expect_reject(cases[i].reason);
		assert_memory_equal(ini.data, bhs.raw, BHS_LEN);
	}
	ini_clear_attention(&ini);
}

static void test_reject__opcodes_that_end_it(void **state)
{
	static const uint8_t opcodes[] = {
		ISCSI_OPCODE_LOGIN_REQUEST, ISCSI_OPCODE_NOP_IN, ISCSI_OPCODE_DATA_IN,
		ISCSI_OPCODE_REJECT, 0x3e,
	};
	unsigned i;

	(void)state;
	start();
	for (i = 0; i < ARRAY_SIZE(opcodes); i++) {
		struct bhs bhs;

		bhs_begin(&bhs, opcodes[i], ISCSI_FLAG_FINAL);
		ini_send(&ini, &bhs, NULL, 0);
		ini_expect_closed(&ini);
		ini_free(&ini);
		ini_connect(&ini, &bed);
		ini_login(&ini, NULL, 0);
	}
}

static void test_reject__in_discovery(void **state)
{
	static const uint8_t opcodes[] = {
		ISCSI_OPCODE_NOP_OUT, ISCSI_OPCODE_SCSI_COMMAND,
		ISCSI_OPCODE_TASK_MANAGEMENT_REQUEST, ISCSI_OPCODE_DATA_OUT,
	};
	unsigned i;

	(void)state;
	start_discovery();
	for (i = 0; i < ARRAY_SIZE(opcodes); i++) {
		struct bhs bhs;

		bhs_begin(&bhs, opcodes[i], ISCSI_FLAG_FINAL);
		put_be32(bhs.raw + BHS_AT_TTT, ISCSI_TAG_NONE);
		ini_send(&ini, &bhs, NULL, 0);
		expect_reject(ISCSI_REJECT_PROTOCOL_ERROR);
	}
	check_text(TEXT("SendTargets=" BED_TARGET), "TargetName=" BED_TARGET " " ADDRESS);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_nop__echoes),
		CASE(test_nop__no_more_than_the_initiator_takes),
		CASE(test_nop__without_itt_is_not_answered),
		CASE(test_nop__both_tags),
		CASE(test_keep_alive__answered),
		CASE(test_keep_alive__not_answered),
		CASE(test_events__the_newest_are_printed),
		CASE(test_keep_alive__not_while_it_talks),
		CASE(test_keep_alive__not_while_data_comes),
		CASE(test_keep_alive__not_while_it_takes_data),
		CASE(test_nop__a_flood_of_pings),
		CASE(test_send_targets__discovery),
		CASE(test_send_targets__normal_session),
		CASE(test_send_targets__portals),
		CASE(test_send_targets__long_answer),
		CASE(test_text__in_pieces),
		CASE(test_text__not_final),
		CASE(test_text__faults),
		CASE(test_text__renegotiation),
		CASE(test_text__segments_become_shorter_and_longer),
		CASE(test_text__endless),
		CASE(test_text__a_flood_of_requests),
		CASE(test_logout__session),
		CASE(test_logout__ends_the_nexus_before_the_answer),
		CASE(test_logout__connection),
		CASE(test_logout__waits_for_tasks),
		CASE(test_logout__discovery),
		CASE(test_tmf__abort_task),
		CASE(test_tmf__abort_task_that_waits_for_data),
		CASE(test_tmf__abort_task_that_is_not_there),
		CASE(test_tmf__abort_task_that_was_lost),
		CASE(test_tmf__abort_task_set),
		CASE(test_tmf__held_commands),
		CASE(test_tmf__answers),
		CASE(test_tmf__no_such_lun),
		CASE(test_tmf__lun_reset),
		CASE(test_tmf__warm_reset),
		CASE(test_tmf__cold_reset),
		CASE(test_tmf__connection_ends_meanwhile),
		CASE(test_tmf__too_many),
		CASE(test_reject__opcodes),
		CASE(test_reject__opcodes_that_end_it),
		CASE(test_reject__in_discovery),
	};

	return cmocka_run_group_tests(tests, NULL, destroy_many);
}
