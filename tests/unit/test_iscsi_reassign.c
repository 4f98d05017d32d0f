/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ErrorRecoveryLevel 2 (RFC 7143 sections 7.2.2, 11.5 and 11.14): the commands of a
 * connection that has failed go on by another one, whatever they were doing.
 */
#include "test_iscsi_bed.h"

#include <errno.h>

#include "base/crc32c.h"

#define BURST 4096u

static struct bed bed;
static struct ini ini;
static struct ini second;
static uint8_t pattern[65536];
static const char NAMES[] = "InitiatorName=" BED_INITIATOR "\0TargetName=" BED_TARGET;

static int set_up(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i * 17 + i / 256);
	bed_set_up(&bed);
	bed.config.values.error_recovery_level = 2;
	bed.config.values.initial_r2t = false;
	bed.config.values.default_time2wait = 1;
	bed.config.values.default_time2retain = 4;
	bed_start(&bed);
	bed.next_reactor = bed.reactors[0];
	ini_connect(&ini, &bed);
	ini_login(&ini, TEXT("ErrorRecoveryLevel=2\0MaxConnections=2\0MaxBurstLength=4096"
			     "\0FirstBurstLength=4096\0InitialR2T=No\0DefaultTime2Wait=0"
			     "\0DefaultTime2Retain=60"));
	assert_string_equal(ini_value(&ini, "ErrorRecoveryLevel"), "2");
	ini_clear_attention(&ini);
	bed.next_reactor = bed.reactors[1];
	ini_connect(&second, &bed);
	second.tsih = ini.tsih;
	second.cid = 2;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ini_free(&ini);
	ini_free(&second);
	bed_tear_down(&bed);
	return 0;
}

static void join_second(void)
{
	second.cmd_sn = ini.cmd_sn;
	second.itt = ini.itt;
	ini_login(&second, NULL, 0);
	second.itt += 100;
}

static void fail_first(void)
{
	bed_settle(&bed);
	loop_reset(ini.loop, -ECONNRESET);
	bed_settle(&bed);
	assert_true(loop_is_gone(ini.loop));
}

static void reassign(uint32_t itt, uint32_t exp_data_sn, uint8_t code)
{
	struct bhs_tmf_request request = {
		.itt = second.itt++,
		.referenced_task_tag = itt,
		.cmd_sn = second.cmd_sn,
		.exp_stat_sn = second.exp_stat_sn,
		.exp_data_sn = exp_data_sn,
		.is_immediate = true,
		.function = ISCSI_TMF_TASK_REASSIGN,
	};
	struct bhs bhs;

	bhs_tmf_request_encode(&bhs, &request);
	ini_send(&second, &bhs, NULL, 0);
	ini_expect_tmf(&second, code);
}

static void expect_data(uint32_t itt, unsigned from, unsigned to)
{
	struct bhs_data_in in;

	for (; from < to; from++) {
		ini_expect(&second, ISCSI_OPCODE_DATA_IN);
		bhs_data_in_decode(&second.bhs, &in);
		assert_int_equal(in.itt, itt);
		assert_int_equal(in.data_sn, from);
		assert_int_equal(in.buffer_offset, from * BURST);
		assert_memory_equal(second.data, bed.disk[0].bytes + from * BURST, BURST);
	}
}

static void expect_status(uint32_t itt, uint32_t exp_data_sn)
{
	struct bhs_scsi_response response;

	ini_expect_response(&second, itt, 0, &response);
	assert_int_equal(response.exp_data_sn, exp_data_sn);
}

/* The answer to a reassigned write: R2Ts from byte FROM on, which are served. */
static void serve_write(uint32_t itt, uint32_t from, uint32_t to)
{
	struct bhs_r2t r2t;

	while (from < to) {
		ini_expect(&second, ISCSI_OPCODE_R2T);
		bhs_r2t_decode(&second.bhs, &r2t);
		assert_int_equal(r2t.itt, itt);
		assert_int_equal(r2t.buffer_offset, from);
		ini_data_out(&second, itt, r2t.ttt, 0, from, pattern + from,
			     r2t.desired_data_transfer_length, true);
		from += r2t.desired_data_transfer_length;
	}
	ini_expect_response(&second, itt, 0, NULL);
}

static unsigned count_sessions(void)
{
	struct iscsi_node_info info;

	iscsi_node_get_info(bed.node, &info);
	return info.sessions;
}

/* The session works and keeps nothing. */
static void check_alive(void)
{
	ini_ping(&second, NULL, 0, true);
	ini_expect(&second, ISCSI_OPCODE_NOP_IN);
	second.exp_stat_sn = bhs_stat_sn(&second.bhs) + 1;
	assert_int_equal(count_sessions(), 1);
}

/* --- what a task was doing --- */

static void test_task__in_the_store(void **state)
{
	uint32_t itt;

	(void)state;
	join_second();
	bed.disk[0].is_holding = true;
	itt = ini_read(&ini, 0, 16);
	second.cmd_sn = ini.cmd_sn;
	fail_first();
	ini_expect(&second, ISCSI_OPCODE_ASYNC_MESSAGE);
	second.exp_stat_sn++;
	reassign(itt, 0, ISCSI_TMF_RESPONSE_COMPLETE);
	ini_expect_nothing(&second);
	bed_release(&bed, 0);
	expect_data(itt, 0, 2);
	expect_status(itt, 2);
	check_alive();
}

static void test_task__ended_meanwhile(void **state)
{
	uint32_t read, write;

	(void)state;
	join_second();
	bed.disk[0].is_holding = true;
	read = ini_read(&ini, 64, 8);
	write = ini_write(&ini, 0, 8, pattern, 4096, true);
	second.cmd_sn = ini.cmd_sn;
	fail_first();
	bed_release(&bed, 0);
	ini_expect(&second, ISCSI_OPCODE_ASYNC_MESSAGE);
	second.exp_stat_sn++;
	ini_expect_nothing(&second);
	reassign(write, 0, ISCSI_TMF_RESPONSE_COMPLETE);
	expect_status(write, 0);
	assert_memory_equal(bed.disk[0].bytes, pattern, 4096);
	reassign(read, 0, ISCSI_TMF_RESPONSE_COMPLETE);
	ini_expect(&second, ISCSI_OPCODE_DATA_IN);
	assert_memory_equal(second.data, bed.disk[0].bytes + 64 * BED_BLOCK, 4096);
	expect_status(read, 1);
	/* Again: it is this connection's by now. */
	reassign(read, 0, ISCSI_TMF_RESPONSE_NO_TASK);
	check_alive();
}

static void test_task__waits_for_data(void **state)
{
	uint32_t itt;

	(void)state;
	join_second();
	itt = ini_write(&ini, 8, 24, pattern, 2048, true);
	ini_expect(&ini, ISCSI_OPCODE_R2T);
	ini_data_out(&ini, itt, bhs_ttt(&ini.bhs), 0, 2048, pattern + 9, 512, false);
	second.cmd_sn = ini.cmd_sn;
	fail_first();
	ini_expect(&second, ISCSI_OPCODE_ASYNC_MESSAGE);
	second.exp_stat_sn++;
	reassign(itt, 0, ISCSI_TMF_RESPONSE_COMPLETE);
	serve_write(itt, 2048, 24 * BED_BLOCK);
	assert_memory_equal(bed.disk[0].bytes + 8 * BED_BLOCK, pattern, 24 * BED_BLOCK);
	check_alive();
}

static void test_task__unsolicited_data_cut_short(void **state)
{
	struct bhs_data_out out;
	struct bhs bhs;
	uint32_t itt;

	(void)state;
	join_second();
	itt = ini_write(&ini, 8, 8, pattern, 1024, false);
	ini_data_out(&ini, itt, ISCSI_TAG_NONE, 0, 1024, pattern + 1024, 512, false);
	/* Half of a PDU. */
	out = (struct bhs_data_out){ .itt = itt, .ttt = ISCSI_TAG_NONE, .data_sn = 1,
				     .buffer_offset = 1536, .is_final = true,
				     .exp_stat_sn = ini.exp_stat_sn };
	bhs_data_out_encode(&bhs, &out);
	bhs_set_data_len(&bhs, 2560);
	loop_feed(ini.loop, bhs.raw, BHS_LEN);
	loop_feed(ini.loop, pattern + 7, 1000);
	second.cmd_sn = ini.cmd_sn;
	fail_first();
	ini_expect(&second, ISCSI_OPCODE_ASYNC_MESSAGE);
	second.exp_stat_sn++;
	reassign(itt, 0, ISCSI_TMF_RESPONSE_COMPLETE);
	serve_write(itt, 1536, 4096);
	assert_memory_equal(bed.disk[0].bytes + 8 * BED_BLOCK, pattern, 4096);
	check_alive();
}

static void test_task__answered_but_not_heard(void **state)
{
	uint32_t itt;

	(void)state;
	join_second();
	itt = ini_read(&ini, 0, 32);
	second.cmd_sn = ini.cmd_sn;
	fail_first();
	ini_expect(&second, ISCSI_OPCODE_ASYNC_MESSAGE);
	second.exp_stat_sn++;
	reassign(itt, 3, ISCSI_TMF_RESPONSE_COMPLETE);
	expect_data(itt, 3, 4);
	expect_status(itt, 4);
	check_alive();
}

static void test_task__all_data_was_heard(void **state)
{
	uint32_t itt;

	(void)state;
	join_second();
	itt = ini_read(&ini, 0, 32);
	second.cmd_sn = ini.cmd_sn;
	fail_first();
	ini_expect(&second, ISCSI_OPCODE_ASYNC_MESSAGE);
	second.exp_stat_sn++;
	reassign(itt, 4, ISCSI_TMF_RESPONSE_COMPLETE);
	expect_status(itt, 4);
	check_alive();
}

/* The answer was being sent when the path failed; an ExpDataSN that cannot be means 0. */
static void test_task__half_sent(void **state)
{
	uint32_t itt;

	(void)state;
	join_second();
	loop_set_room(ini.loop, 6000);
	itt = ini_read(&ini, 0, 32);
	second.cmd_sn = ini.cmd_sn;
	fail_first();
	ini_expect(&second, ISCSI_OPCODE_ASYNC_MESSAGE);
	second.exp_stat_sn++;
	reassign(itt, 77, ISCSI_TMF_RESPONSE_COMPLETE);
	expect_data(itt, 0, 4);
	expect_status(itt, 4);
	check_alive();
}

static void test_task__waits_for_its_turn(void **state)
{
	uint32_t missing, itt;

	(void)state;
	join_second();
	missing = ini.cmd_sn++;
	itt = ini_write(&ini, 0, 8, pattern, 4096, true);
	second.cmd_sn = ini.cmd_sn;
	fail_first();
	ini_expect(&second, ISCSI_OPCODE_ASYNC_MESSAGE);
	second.exp_stat_sn++;
	reassign(itt, 0, ISCSI_TMF_RESPONSE_COMPLETE);
	ini_expect_nothing(&second);
	/* The one that got lost comes by the other connection. */
	second.cmd_sn = missing;
	ini_ping(&second, NULL, 0, false);
	second.cmd_sn++;
	ini_expect(&second, ISCSI_OPCODE_NOP_IN);
	second.exp_stat_sn++;
	expect_status(itt, 0);
	assert_memory_equal(bed.disk[0].bytes, pattern, 4096);
	check_alive();
}

/* Its turn comes while unsolicited data comes: some is there, some follows. */
static void test_task__turn_in_the_middle_of_unsolicited_data(void **state)
{
	struct bhs_data_out out = {
		.data_sn = 0, .ttt = ISCSI_TAG_NONE, .buffer_offset = 512, .is_final = true,
	};
	static const uint32_t cuts[] = { 0, 1000, 3583 };
	struct bhs bhs;
	unsigned i;

	(void)state;
	join_second();
	for (i = 0; i < 3; i++) {
		second.cmd_sn = ini.cmd_sn + 1;
		out.itt = ini_write(&second, 8 * i, 8, pattern, 512, false);
		out.exp_stat_sn = second.exp_stat_sn;
		bhs_data_out_encode(&bhs, &out);
		bhs_set_data_len(&bhs, 3584);
		loop_feed(second.loop, bhs.raw, BHS_LEN);
		loop_feed(second.loop, pattern + 512, cuts[i]);
		bed_settle(&bed);
		ini_ping(&ini, NULL, 0, false);
		ini_expect(&ini, ISCSI_OPCODE_NOP_IN);
		ini.exp_stat_sn++;
		ini_expect_nothing(&second);
		loop_feed(second.loop, pattern + 512 + cuts[i], 3584 - cuts[i]);
		ini_expect_response(&second, out.itt, 0, NULL);
		assert_memory_equal(bed.disk[0].bytes + 8 * i * BED_BLOCK, pattern, 4096);
		ini.cmd_sn = second.cmd_sn;
	}
}

static void test_task__acknowledged_is_over(void **state)
{
	uint32_t itt;

	(void)state;
	join_second();
	itt = ini_read(&ini, 0, 8);
	ini_expect(&ini, ISCSI_OPCODE_DATA_IN);
	ini_expect(&ini, ISCSI_OPCODE_SCSI_RESPONSE);
	ini.exp_stat_sn++;
	ini_ping(&ini, NULL, 0, true);
	ini_expect(&ini, ISCSI_OPCODE_NOP_IN);
	second.cmd_sn = ini.cmd_sn;
	fail_first();
	ini_expect(&second, ISCSI_OPCODE_ASYNC_MESSAGE);
	second.exp_stat_sn++;
	reassign(itt, 0, ISCSI_TMF_RESPONSE_NO_TASK);
	check_alive();
}

static void test_task__fails_twice(void **state)
{
	struct ini third;
	uint32_t itt;

	(void)state;
	join_second();
	itt = ini_write(&ini, 0, 16, NULL, 0, true);
	ini_expect(&ini, ISCSI_OPCODE_R2T);
	second.cmd_sn = ini.cmd_sn;
	fail_first();
	ini_expect(&second, ISCSI_OPCODE_ASYNC_MESSAGE);
	second.exp_stat_sn++;
	reassign(itt, 0, ISCSI_TMF_RESPONSE_COMPLETE);
	ini_expect(&second, ISCSI_OPCODE_R2T);
	loop_reset(second.loop, -ECONNRESET);
	bed_settle(&bed);
	/* No connection is left, and the session is still there. */
	assert_int_equal(count_sessions(), 1);
	bed_pass(&bed, 2000);
	third = second;
	ini_connect(&second, &bed);
	second.tsih = third.tsih;
	second.cid = third.cid;
	second.cmd_sn = third.cmd_sn;
	second.itt = third.itt;
	ini_login(&second, NULL, 0);
	reassign(itt, 0, ISCSI_TMF_RESPONSE_COMPLETE);
	serve_write(itt, 0, 8192);
	assert_memory_equal(bed.disk[0].bytes, pattern, 8192);
	check_alive();
	ini_free(&third);
}

/* --- refusals --- */

static void test_reassign__still_allegiant(void **state)
{
	uint32_t itt;

	(void)state;
	join_second();
	itt = ini_write(&ini, 0, 16, NULL, 0, true);
	ini_expect(&ini, ISCSI_OPCODE_R2T);
	second.cmd_sn = ini.cmd_sn;
	reassign(itt, 0, ISCSI_TMF_RESPONSE_STILL_ALLEGIANT);
	reassign(itt + 1000, 0, ISCSI_TMF_RESPONSE_NO_TASK);
	/* Nor is one free whose answer is being sent, or sent. */
	loop_set_room(ini.loop, 2000);
	ini.cmd_sn = second.cmd_sn;
	itt = ini_read(&ini, 0, 16);
	second.cmd_sn = ini.cmd_sn;
	bed_settle(&bed);
	reassign(itt, 0, ISCSI_TMF_RESPONSE_STILL_ALLEGIANT);
	ini_expect(&ini, ISCSI_OPCODE_DATA_IN);
	ini_expect(&ini, ISCSI_OPCODE_DATA_IN);
	ini_expect(&ini, ISCSI_OPCODE_SCSI_RESPONSE);
	reassign(itt, 0, ISCSI_TMF_RESPONSE_STILL_ALLEGIANT);
}

static void test_reassign__of_an_aborted_task(void **state)
{
	uint32_t itt;

	(void)state;
	join_second();
	bed.disk[0].is_holding = true;
	itt = ini_write(&ini, 0, 8, pattern, 4096, true);
	second.cmd_sn = ini.cmd_sn;
	fail_first();
	ini_expect(&second, ISCSI_OPCODE_ASYNC_MESSAGE);
	second.exp_stat_sn++;
	ini_tmf(&second, ISCSI_TMF_ABORT_TASK, itt, ini.cmd_sn - 1);
	ini_expect_nothing(&second);
	bed_release(&bed, 0);
	ini_expect_tmf(&second, ISCSI_TMF_RESPONSE_COMPLETE);
	reassign(itt, 0, ISCSI_TMF_RESPONSE_NO_TASK);
	check_alive();
}

/* --- the connection --- */

static void test_logout__for_recovery(void **state)
{
	struct bhs_logout_response response;
	uint32_t itt;

	(void)state;
	join_second();
	itt = ini_write(&ini, 0, 16, NULL, 0, true);
	ini_expect(&ini, ISCSI_OPCODE_R2T);
	second.cmd_sn = ini.cmd_sn;
	/* To the target the first is as good as ever. */
	ini_logout(&second, ISCSI_LOGOUT_REMOVE_FOR_RECOVERY, 1);
	ini_expect(&second, ISCSI_OPCODE_LOGOUT_RESPONSE);
	bhs_logout_response_decode(&second.bhs, &response);
	assert_int_equal(response.response, ISCSI_LOGOUT_RESPONSE_CLOSED);
	assert_int_equal(response.time2wait, 1);
	assert_int_equal(response.time2retain, 4);
	second.exp_stat_sn++;
	ini_expect_closed(&ini);
	reassign(itt, 0, ISCSI_TMF_RESPONSE_COMPLETE);
	serve_write(itt, 0, 8192);
	ini_logout(&second, ISCSI_LOGOUT_REMOVE_FOR_RECOVERY, 9);
	ini_expect(&second, ISCSI_OPCODE_LOGOUT_RESPONSE);
	bhs_logout_response_decode(&second.bhs, &response);
	assert_int_equal(response.response, ISCSI_LOGOUT_RESPONSE_NO_CID);
	second.exp_stat_sn++;
	check_alive();
}

static void test_logout__for_recovery_of_one_that_has_failed(void **state)
{
	struct bhs_logout_response response;
	uint32_t itt;

	(void)state;
	join_second();
	itt = ini_write(&ini, 0, 16, NULL, 0, true);
	ini_expect(&ini, ISCSI_OPCODE_R2T);
	second.cmd_sn = ini.cmd_sn;
	fail_first();
	ini_expect(&second, ISCSI_OPCODE_ASYNC_MESSAGE);
	second.exp_stat_sn++;
	ini_logout(&second, ISCSI_LOGOUT_REMOVE_FOR_RECOVERY, 1);
	ini_expect(&second, ISCSI_OPCODE_LOGOUT_RESPONSE);
	bhs_logout_response_decode(&second.bhs, &response);
	assert_int_equal(response.response, ISCSI_LOGOUT_RESPONSE_CLOSED);
	second.exp_stat_sn++;
	reassign(itt, 0, ISCSI_TMF_RESPONSE_COMPLETE);
	serve_write(itt, 0, 8192);
	check_alive();
}

/* Whose digest is not known yet when a Logout that came before it is run. */
static void test_logout__in_the_middle_of_immediate_data(void **state)
{
	struct bhs_scsi_command scsi = {
		.itt = 7777,
		.expected_data_transfer_length = 4096,
		.is_final = true,
		.is_write = true,
		.cdb = { 0x2a, [8] = 8 },
	};
	struct bhs_logout_request logout = {
		.itt = 7776, .cid = 2, .reason = ISCSI_LOGOUT_CLOSE_CONNECTION,
	};
	uint8_t digest[CRC32C_DIGEST_LEN];
	struct bhs bhs;

	(void)state;
	second.cmd_sn = ini.cmd_sn;
	second.itt = ini.itt;
	ini_login(&second, TEXT("DataDigest=CRC32C"));
	second.data_digest = true;
	logout.cmd_sn = ini.cmd_sn + 1;
	logout.exp_stat_sn = second.exp_stat_sn;
	bhs_logout_request_encode(&bhs, &logout);
	ini_send(&second, &bhs, NULL, 0);
	scsi.cmd_sn = ini.cmd_sn + 2;
	scsi.exp_stat_sn = second.exp_stat_sn;
	bhs_scsi_command_encode(&bhs, &scsi);
	bhs_set_data_len(&bhs, 4096);
	loop_feed(second.loop, bhs.raw, BHS_LEN);
	loop_feed(second.loop, pattern, 1000);
	bed_settle(&bed);
	ini_ping(&ini, NULL, 0, false);
	ini_expect(&ini, ISCSI_OPCODE_NOP_IN);
	loop_feed(second.loop, pattern + 1000, 3096);
	crc32c_put_digest(digest, crc32c(0, pattern, 4096));
	loop_feed(second.loop, digest, sizeof(digest));
	ini_expect(&second, ISCSI_OPCODE_LOGOUT_RESPONSE);
	ini_expect_closed(&second);
	assert_int_equal(bed.disk[0].submitted, 0);
}

static void test_logout__of_the_connection_ends_its_tasks(void **state)
{
	uint32_t itt;

	(void)state;
	join_second();
	itt = ini_write(&ini, 0, 16, NULL, 0, true);
	ini_expect(&ini, ISCSI_OPCODE_R2T);
	second.cmd_sn = ini.cmd_sn;
	fail_first();
	ini_expect(&second, ISCSI_OPCODE_ASYNC_MESSAGE);
	second.exp_stat_sn++;
	ini_logout(&second, ISCSI_LOGOUT_CLOSE_CONNECTION, 1);
	ini_expect(&second, ISCSI_OPCODE_LOGOUT_RESPONSE);
	second.exp_stat_sn++;
	reassign(itt, 0, ISCSI_TMF_RESPONSE_NO_TASK);
	check_alive();
}

/* The only connection fails, and a new one takes its place and its commands. */
static void test_reinstatement__of_the_only_connection(void **state)
{
	uint32_t itt, answered;

	(void)state;
	itt = ini_write(&ini, 0, 16, NULL, 0, true);
	ini_expect(&ini, ISCSI_OPCODE_R2T);
	answered = ini_read(&ini, 64, 8);
	bed_settle(&bed);
	second.cid = ini.cid;
	join_second();
	ini_expect(&ini, ISCSI_OPCODE_DATA_IN);
	ini_expect(&ini, ISCSI_OPCODE_SCSI_RESPONSE);
	ini_expect_closed(&ini);
	reassign(itt, 0, ISCSI_TMF_RESPONSE_COMPLETE);
	serve_write(itt, 0, 8192);
	reassign(answered, 1, ISCSI_TMF_RESPONSE_COMPLETE);
	expect_status(answered, 1);
	check_alive();
}

static void test_retain__is_limited(void **state)
{
	uint32_t itt;

	(void)state;
	join_second();
	itt = ini_write(&ini, 0, 16, NULL, 0, true);
	ini_expect(&ini, ISCSI_OPCODE_R2T);
	second.cmd_sn = ini.cmd_sn;
	fail_first();
	ini_expect(&second, ISCSI_OPCODE_ASYNC_MESSAGE);
	second.exp_stat_sn++;
	bed_pass(&bed, 4900);
	bed_pass(&bed, 400);
	assert_true(bed_has_logged(&bed, "was not recovered in time"));
	reassign(itt, 0, ISCSI_TMF_RESPONSE_NO_TASK);
	check_alive();
}

static void test_retain__of_a_session_without_connections(void **state)
{
	struct bhs_login_response response;

	(void)state;
	bed.disk[0].is_holding = true;
	ini_read(&ini, 0, 8);
	ini_write(&ini, 0, 16, NULL, 0, true);
	fail_first();
	bed_pass(&bed, 4500);
	assert_int_equal(count_sessions(), 1);
	bed_pass(&bed, 1000);
	bed_release(&bed, 0);
	assert_int_equal(count_sessions(), 0);
	second.cmd_sn = ini.cmd_sn;
	ini_send_login(&second, 1, 3, NAMES, sizeof(NAMES));
	ini_expect_login(&second, &response);
	assert_int_equal(response.status, ISCSI_LOGIN_NO_SESSION);
}

static void test_retain__ends_with_session_reinstatement(void **state)
{
	(void)state;
	ini_write(&ini, 0, 16, NULL, 0, true);
	fail_first();
	second.tsih = 0;
	ini_login(&second, NULL, 0);
	assert_int_equal(count_sessions(), 1);
	ini_clear_attention(&second);
}

static void test_retain__ends_with_the_sessions_logout(void **state)
{
	(void)state;
	join_second();
	ini_write(&ini, 0, 16, NULL, 0, true);
	ini_expect(&ini, ISCSI_OPCODE_R2T);
	fail_first();
	ini_expect(&second, ISCSI_OPCODE_ASYNC_MESSAGE);
	ini_logout(&second, ISCSI_LOGOUT_CLOSE_SESSION, 0);
	ini_expect(&second, ISCSI_OPCODE_LOGOUT_RESPONSE);
	ini_expect_closed(&second);
	loop_close(second.loop);
	bed_settle(&bed);
	assert_int_equal(count_sessions(), 0);
}

static void note_down(void *context)
{
	++*(unsigned *)context;
}

static void test_retain__ends_with_the_target(void **state)
{
	unsigned down = 0;

	(void)state;
	ini_write(&ini, 0, 16, NULL, 0, true);
	fail_first();
	iscsi_node_shutdown(bed.node, 1000, note_down, &down);
	bed_pass(&bed, 500);
	loop_close(second.loop);
	bed_pass(&bed, 100);
	assert_int_equal(down, 1);
}

static void test_async__tells_of_the_connection(void **state)
{
	struct bhs_async_message message;

	(void)state;
	join_second();
	fail_first();
	ini_expect(&second, ISCSI_OPCODE_ASYNC_MESSAGE);
	bhs_async_message_decode(&second.bhs, &message);
	assert_int_equal(message.async_event, ISCSI_ASYNC_CONNECTION_DROPPED);
	assert_int_equal(message.parameter1, 1);
	assert_int_equal(message.parameter2, 1);
	assert_int_equal(message.parameter3, 4);
}

/* Many failures in a row, each with a command under way, leave nothing behind. */
static void test_retain__in_a_row(void **state)
{
	struct ini old;
	uint32_t itt;
	unsigned i;

	(void)state;
	second.cid = ini.cid;
	itt = ini_write(&ini, 0, 16, NULL, 0, true);
	fail_first();
	join_second();
	for (i = 0; i < 20; i++) {
		reassign(itt, 0, ISCSI_TMF_RESPONSE_COMPLETE);
		ini_expect(&second, ISCSI_OPCODE_R2T);
		old = second;
		loop_reset(second.loop, -ECONNRESET);
		bed_settle(&bed);
		ini_connect(&second, &bed);
		second.tsih = old.tsih;
		second.cid = old.cid;
		second.cmd_sn = old.cmd_sn;
		second.itt = old.itt;
		ini_login(&second, NULL, 0);
		ini_free(&old);
	}
	reassign(itt, 0, ISCSI_TMF_RESPONSE_COMPLETE);
	serve_write(itt, 0, 8192);
	check_alive();
	assert_int_equal(atomic_load(&bed.node->connections), 1);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_task__in_the_store),
		CASE(test_task__ended_meanwhile),
		CASE(test_task__waits_for_data),
		CASE(test_task__unsolicited_data_cut_short),
		CASE(test_task__answered_but_not_heard),
		CASE(test_task__all_data_was_heard),
		CASE(test_task__half_sent),
		CASE(test_task__waits_for_its_turn),
		CASE(test_task__turn_in_the_middle_of_unsolicited_data),
		CASE(test_task__acknowledged_is_over),
		CASE(test_task__fails_twice),
		CASE(test_reassign__still_allegiant),
		CASE(test_reassign__of_an_aborted_task),
		CASE(test_logout__for_recovery),
		CASE(test_logout__for_recovery_of_one_that_has_failed),
		CASE(test_logout__in_the_middle_of_immediate_data),
		CASE(test_logout__of_the_connection_ends_its_tasks),
		CASE(test_reinstatement__of_the_only_connection),
		CASE(test_retain__is_limited),
		CASE(test_retain__of_a_session_without_connections),
		CASE(test_retain__ends_with_session_reinstatement),
		CASE(test_retain__ends_with_the_sessions_logout),
		CASE(test_retain__ends_with_the_target),
		CASE(test_async__tells_of_the_connection),
		CASE(test_retain__in_a_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
