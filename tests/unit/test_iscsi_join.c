/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sessions of several connections (MC/S): joining from another reactor, order
 * over connections (RFC 7143 section 4.2.2.1), allegiance (4.2.5), logout of one
 * connection (11.14), connection reinstatement (6.3.4), limits.
 */
#include "test_iscsi_bed.h"

#include <errno.h>

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
		pattern[i] = (uint8_t)(i * 13 + i / 256);
	bed_set_up(&bed);
	bed.config.values.max_session_connections = 2;
	bed_start(&bed);
	bed.next_reactor = bed.reactors[0];
	ini_connect(&ini, &bed);
	ini_login(&ini, TEXT("MaxConnections=8"));
	assert_string_equal(ini_value(&ini, "MaxConnections"), "2");
	ini_clear_attention(&ini);
	bed.next_reactor = bed.reactors[1];
	ini_connect(&second, &bed);
	second.tsih = ini.tsih;
	second.cid = 2;
	bed.log[0] = '\0';
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

/* CmdSN and ITT are the session's: whoever sends next goes on where the other was. */
static void take_turn(struct ini *to, const struct ini *from)
{
	to->cmd_sn = from->cmd_sn;
	to->itt = from->itt;
}

static void join_second(void)
{
	take_turn(&second, &ini);
	ini_login(&second, NULL, 0);
	assert_int_equal(second.tsih, ini.tsih);
}

static void refuse(struct ini *who, int status)
{
	struct bhs_login_response response;

	take_turn(who, &ini);
	ini_send_login(who, 1, 3, NAMES, sizeof(NAMES));
	ini_expect_login(who, &response);
	assert_int_equal(response.status, status);
	ini_expect_closed(who);
}

static unsigned count_sessions(void)
{
	struct iscsi_node_info info;

	iscsi_node_get_info(bed.node, &info);
	return info.sessions;
}

/* A write by its R2T on WHO, then read back on OTHER. */
static void write_and_read(struct ini *who, struct ini *other, uint32_t lba)
{
	uint32_t itt = ini_write(who, lba, 16, NULL, 0, true);
	struct bhs_r2t r2t;

	ini_expect(who, ISCSI_OPCODE_R2T);
	bhs_r2t_decode(&who->bhs, &r2t);
	assert_int_equal(r2t.itt, itt);
	ini_data_out(who, itt, r2t.ttt, 0, 0, pattern, 8192, true);
	ini_expect_response(who, itt, 0, NULL);
	take_turn(other, who);
	ini_expect_read(other, ini_read(other, lba, 16), pattern, 8192);
	take_turn(who, other);
}

static void test_join__commands_on_both(void **state)
{
	(void)state;
	join_second();
	assert_int_equal(count_sessions(), 1);
	write_and_read(&ini, &second, 100);
	take_turn(&second, &ini);
	write_and_read(&second, &ini, 200);
}

/* The function overtakes a command that the other connection brings: it waits for it. */
static void test_join__task_management_waits_for_commands(void **state)
{
	uint32_t behind, itt;

	(void)state;
	join_second();
	take_turn(&ini, &second);
	bed.disk[0].is_holding = true;
	take_turn(&second, &ini);
	second.cmd_sn++;
	second.itt += 10;
	ini_tmf(&second, ISCSI_TMF_ABORT_TASK_SET, ISCSI_TAG_NONE, 0);
	/* One behind it is not concerned. */
	behind = ini_read(&second, 8, 1);
	second.itt--;
	bed_pass(&bed, 20);
	ini_expect_nothing(&second);
	itt = ini_read(&ini, 0, 8);
	assert_true(itt != behind);
	bed_pass(&bed, 40);
	ini_expect_nothing(&ini);
	bed_release(&bed, 0);
	bed_pass(&bed, 20);
	ini_expect(&second, ISCSI_OPCODE_DATA_IN);
	assert_int_equal(bhs_itt(&second.bhs), behind);
	second.exp_stat_sn++;
	ini_expect_tmf(&second, ISCSI_TMF_RESPONSE_COMPLETE);
	ini_expect_nothing(&ini);
}

static void test_join__is_where_the_session_is(void **state)
{
	(void)state;
	join_second();
	assert_ptr_equal(loop_conn(second.loop)->reactor, bed.reactors[0]);
	assert_int_equal(atomic_load(&node_core(bed.node, bed.reactors[0])->placed), 2);
	assert_int_equal(atomic_load(&node_core(bed.node, bed.reactors[1])->placed), 0);
}

static void test_join__tells_the_window(void **state)
{
	uint32_t cmd_sn;

	(void)state;
	/* One command is on its way: what the Login Response acknowledges may not include it. */
	cmd_sn = ini.cmd_sn++;
	join_second();
	assert_int_equal(bhs_exp_cmd_sn(&second.bhs), cmd_sn);
	assert_int_equal(bhs_max_cmd_sn(&second.bhs), cmd_sn + 7);
}

static void test_join__digests_are_the_connections_own(void **state)
{
	(void)state;
	take_turn(&second, &ini);
	ini_login(&second, TEXT("HeaderDigest=CRC32C\0DataDigest=CRC32C"));
	assert_true(second.header_digest && second.data_digest);
	assert_false(ini.header_digest || ini.data_digest);
	write_and_read(&second, &ini, 64);
	write_and_read(&ini, &second, 128);
}

static void test_join__keys_of_the_session_are_settled(void **state)
{
	(void)state;
	take_turn(&second, &ini);
	ini_login(&second, TEXT("MaxBurstLength=512\0InitialR2T=No\0MaxConnections=9"));
	assert_string_equal(ini_value(&second, "MaxBurstLength"), "Reject");
	assert_string_equal(ini_value(&second, "InitialR2T"), "Reject");
	assert_string_equal(ini_value(&second, "MaxConnections"), "Reject");
	take_turn(&second, &ini);
	write_and_read(&second, &ini, 64);
}

static void test_join__more_than_agreed(void **state)
{
	struct ini third;

	(void)state;
	join_second();
	ini_connect(&third, &bed);
	third.tsih = ini.tsih;
	third.cid = 3;
	refuse(&third, ISCSI_LOGIN_TOO_MANY_CONNECTIONS);
	ini_free(&third);
	write_and_read(&ini, &second, 0);
}

static void test_join__gives_up_on_its_way(void **state)
{
	unsigned turns;

	(void)state;
	/* Closed after so many turns, wherever it is then. */
	for (turns = 0; turns < 12; turns++) {
		struct ini other;
		unsigned i;

		ini_connect(&other, &bed);
		other.tsih = ini.tsih;
		other.cid = (uint16_t)(10 + turns);
		ini_send_login(&other, 1, 3, NAMES, sizeof(NAMES));
		for (i = 0; i < turns; i++)
			reactor_turn(bed.reactors[i & 1], 0);
		loop_reset(other.loop, -ECONNRESET);
		bed_settle(&bed);
		ini_free(&other);
		/* Whether it had become the session's: that is over then. */
		if (loop_is_gone(ini.loop))
			break;
		ini_clear_attention(&ini);
	}
	assert_true(turns > 0);
}

static void test_join__session_ends_meanwhile(void **state)
{
	(void)state;
	loop_reset(ini.loop, -ECONNRESET);
	take_turn(&second, &ini);
	ini_send_login(&second, 1, 3, NAMES, sizeof(NAMES));
	bed_settle(&bed);
	if (ini_receive(&second))
		assert_int_equal(bhs_opcode(&second.bhs), ISCSI_OPCODE_LOGIN_RESPONSE);
	assert_int_equal(get_be16(second.bhs.raw + 36), ISCSI_LOGIN_NO_SESSION);
}

static void note_down(void *context)
{
	++*(unsigned *)context;
}

static void test_join__while_shutting_down(void **state)
{
	unsigned down = 0;

	(void)state;
	take_turn(&second, &ini);
	ini_send_login(&second, 1, 3, NAMES, sizeof(NAMES));
	iscsi_node_shutdown(bed.node, 1000, note_down, &down);
	bed_pass(&bed, 3000);
	assert_int_equal(down, 1);
	assert_true(loop_is_gone(second.loop));
}

/* --- order over connections --- */

static void test_order__over_connections(void **state)
{
	uint32_t first, later;

	(void)state;
	join_second();
	take_turn(&second, &ini);
	second.cmd_sn++;
	second.itt++;
	/* The second write comes first. */
	later = ini_write(&second, 8, 8, pattern + 4096, 4096, true);
	ini_expect_nothing(&second);
	assert_int_equal(bed.disk[0].submitted, 0);
	first = ini_write(&ini, 0, 8, pattern, 4096, true);
	ini_expect_response(&ini, first, 0, NULL);
	ini_expect_response(&second, later, 0, NULL);
	take_turn(&ini, &second);
	ini_expect_read(&ini, ini_read(&ini, 0, 16), pattern, 8192);
}

static void test_order__requests_too(void **state)
{
	(void)state;
	join_second();
	take_turn(&second, &ini);
	second.cmd_sn++;
	second.itt++;
	ini_ping(&second, "late", 4, false);
	ini_expect_nothing(&second);
	ini_ping(&ini, "early", 5, false);
	ini_expect(&ini, ISCSI_OPCODE_NOP_IN);
	ini_expect(&second, ISCSI_OPCODE_NOP_IN);
	assert_memory_equal(second.data, "late", 4);
}

/* The header of a write of eight blocks at LBA with 4096 bytes of immediate data, none of them yet. */
static uint32_t begin_write(struct ini *who, uint32_t lba)
{
	struct bhs_scsi_command scsi = {
		.itt = who->itt++,
		.expected_data_transfer_length = 4096,
		.cmd_sn = who->cmd_sn++,
		.exp_stat_sn = who->exp_stat_sn,
		.is_final = true,
		.is_write = true,
		.cdb = { 0x2a, [5] = (uint8_t)lba, [8] = 8 },
	};
	struct bhs bhs;

	bhs_scsi_command_encode(&bhs, &scsi);
	bhs_set_data_len(&bhs, 4096);
	loop_feed(who->loop, bhs.raw, BHS_LEN);
	return scsi.itt;
}

/* The request that all others wait for comes by the first connection. */
static void fill_gap(void)
{
	ini_ping(&ini, NULL, 0, false);
	ini_expect(&ini, ISCSI_OPCODE_NOP_IN);
	ini.exp_stat_sn++;
}

/* Its turn comes while its data comes: what is there already and what follows belong together. */
static void test_order__turn_in_the_middle_of_immediate_data(void **state)
{
	static const uint32_t cuts[] = { 0, 100, 1024, 2500, 4095 };
	size_t left;
	uint32_t itt;
	unsigned i;

	(void)state;
	join_second();
	take_turn(&second, &ini);
	bed_settle(&bed);
	left = bed_free_memory(&bed);
	for (i = 0; i < ARRAY_SIZE(cuts); i++) {
		second.cmd_sn++;
		itt = begin_write(&second, i * 8);
		loop_feed(second.loop, pattern + i * 4096, cuts[i]);
		bed_settle(&bed);
		ini.cmd_sn = second.cmd_sn - 2;
		fill_gap();
		/* Not before all of it is here. */
		ini_expect_nothing(&second);
		assert_int_equal(bed.disk[0].submitted, i);
		loop_feed(second.loop, pattern + i * 4096 + cuts[i], 4096 - cuts[i]);
		ini_expect_response(&second, itt, 0, NULL);
	}
	take_turn(&ini, &second);
	ini_expect_read(&ini, ini_read(&ini, 0, 40), pattern, 20480);
	bed_settle(&bed);
	assert_int_equal(bed_free_memory(&bed), left);
}

/* Likewise, and it is aborted before the rest comes: nothing is written, nothing is left. */
static void test_order__aborted_in_the_middle_of_immediate_data(void **state)
{
	uint32_t itt;

	(void)state;
	join_second();
	take_turn(&second, &ini);
	second.cmd_sn++;
	itt = begin_write(&second, 0);
	loop_feed(second.loop, pattern, 1000);
	bed_settle(&bed);
	fill_gap();
	take_turn(&ini, &second);
	ini_tmf(&ini, ISCSI_TMF_ABORT_TASK, itt, ini.cmd_sn - 1);
	ini_expect_nothing(&ini);
	loop_feed(second.loop, pattern + 1000, 3096);
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_COMPLETE);
	assert_int_equal(bed.disk[0].submitted, 0);
	write_and_read(&ini, &second, 0);
	write_and_read(&second, &ini, 16);
}

static void numbered_logout(struct ini *who)
{
	struct bhs_logout_request request = {
		.itt = who->itt++,
		.cmd_sn = who->cmd_sn++,
		.exp_stat_sn = who->exp_stat_sn,
		.cid = who->cid,
		.reason = ISCSI_LOGOUT_CLOSE_CONNECTION,
	};
	struct bhs bhs;

	bhs_logout_request_encode(&bhs, &request);
	ini_send(who, &bhs, NULL, 0);
}

/* A Logout that has waited ends it while data of a command behind it comes. */
static void test_order__logout_in_the_middle_of_immediate_data(void **state)
{
	size_t left = bed_free_memory(&bed);

	(void)state;
	join_second();
	take_turn(&second, &ini);
	second.cmd_sn++;
	numbered_logout(&second);
	begin_write(&second, 0);
	loop_feed(second.loop, pattern, 100);
	bed_settle(&bed);
	fill_gap();
	loop_feed(second.loop, pattern + 100, 3996);
	ini_expect(&second, ISCSI_OPCODE_LOGOUT_RESPONSE);
	ini_expect_closed(&second);
	assert_int_equal(bed.disk[0].submitted, 0);
	bed_settle(&bed);
	assert_int_equal(bed_free_memory(&bed), left);
	/* The number of the command counts. */
	ini.cmd_sn = second.cmd_sn;
	ini_expect_read(&ini, ini_read(&ini, 0, 8), bed.disk[0].bytes, 4096);
}

static void test_order__held_by_a_connection_that_leaves(void **state)
{
	uint32_t itt;

	(void)state;
	join_second();
	take_turn(&second, &ini);
	second.cmd_sn++;
	second.itt++;
	ini_write(&second, 0, 8, pattern, 4096, true);
	second.cmd_sn = ini.cmd_sn;
	ini_logout(&second, ISCSI_LOGOUT_CLOSE_CONNECTION, 2);
	ini_expect(&second, ISCSI_OPCODE_LOGOUT_RESPONSE);
	/* Its number is taken: the one behind it need not wait. */
	ini.itt += 4;
	itt = ini_read(&ini, 8, 8);
	ini_expect_read(&ini, itt, bed.disk[0].bytes + 4096, 4096);
	ini.cmd_sn++;
	itt = ini_read(&ini, 0, 8);
	ini_expect_read(&ini, itt, bed.disk[0].bytes, 4096);
	assert_memory_not_equal(bed.disk[0].bytes, pattern, 4096);
}

/* --- allegiance --- */

static void test_allegiance__data_on_the_wrong_connection(void **state)
{
	struct bhs_reject reject;
	struct bhs_r2t r2t;
	uint32_t itt;

	(void)state;
	join_second();
	take_turn(&ini, &second);
	itt = ini_write(&ini, 0, 16, NULL, 0, true);
	ini_expect(&ini, ISCSI_OPCODE_R2T);
	bhs_r2t_decode(&ini.bhs, &r2t);
	ini_data_out(&second, itt, r2t.ttt, 0, 0, pattern + 100, 8192, true);
	ini_expect(&second, ISCSI_OPCODE_REJECT);
	bhs_reject_decode(&second.bhs, &reject);
	ini_data_out(&second, itt, ISCSI_TAG_NONE, 0, 0, pattern + 100, 8192, true);
	ini_expect(&second, ISCSI_OPCODE_REJECT);
	bhs_reject_decode(&second.bhs, &reject);
	assert_int_equal(reject.reason, ISCSI_REJECT_PROTOCOL_ERROR);
	ini_data_out(&ini, itt, r2t.ttt, 0, 0, pattern, 8192, true);
	ini_expect_response(&ini, itt, 0, NULL);
	ini_expect_read(&ini, ini_read(&ini, 0, 16), pattern, 8192);
}

static void test_allegiance__abort_from_the_other(void **state)
{
	uint32_t itt;

	(void)state;
	join_second();
	take_turn(&ini, &second);
	itt = ini_write(&ini, 0, 16, NULL, 0, true);
	ini_expect(&ini, ISCSI_OPCODE_R2T);
	take_turn(&second, &ini);
	ini_tmf(&second, ISCSI_TMF_ABORT_TASK, itt, ini.cmd_sn - 1);
	ini_expect_tmf(&second, ISCSI_TMF_RESPONSE_COMPLETE);
	ini_expect_nothing(&ini);
	take_turn(&ini, &second);
	write_and_read(&ini, &second, 0);
}

/* --- one of them goes --- */

static void test_failure__is_the_sessions(void **state)
{
	(void)state;
	join_second();
	bed.disk[0].is_holding = true;
	take_turn(&ini, &second);
	ini_read(&ini, 0, 8);
	loop_reset(second.loop, -ECONNRESET);
	bed_settle(&bed);
	ini_expect_closed(&ini);
	assert_true(bed_has_logged(&bed, "another connection of its session has failed"));
	bed_release(&bed, 0);
	assert_int_equal(count_sessions(), 0);
}

static void test_logout__of_one_connection(void **state)
{
	uint32_t itt;

	(void)state;
	join_second();
	ini_logout(&second, ISCSI_LOGOUT_CLOSE_CONNECTION, 2);
	ini_expect(&second, ISCSI_OPCODE_LOGOUT_RESPONSE);
	ini_expect_closed(&second);
	itt = ini_read(&ini, 0, 8);
	ini_expect_read(&ini, itt, bed.disk[0].bytes, 4096);
	assert_int_equal(count_sessions(), 1);
}

static void test_logout__of_the_other_connection(void **state)
{
	struct bhs_logout_response response;

	(void)state;
	join_second();
	bed.disk[0].is_holding = true;
	take_turn(&second, &ini);
	ini_write(&second, 0, 8, pattern, 4096, true);
	bed_settle(&bed);
	take_turn(&ini, &second);
	ini_logout(&ini, ISCSI_LOGOUT_CLOSE_CONNECTION, 7);
	ini_expect(&ini, ISCSI_OPCODE_LOGOUT_RESPONSE);
	bhs_logout_response_decode(&ini.bhs, &response);
	assert_int_equal(response.response, ISCSI_LOGOUT_RESPONSE_NO_CID);
	ini_logout(&ini, ISCSI_LOGOUT_CLOSE_CONNECTION, 2);
	/* What it had begun still goes to the disk. */
	ini_expect_nothing(&ini);
	loop_close(second.loop);
	bed_release(&bed, 0);
	ini_expect(&ini, ISCSI_OPCODE_LOGOUT_RESPONSE);
	bhs_logout_response_decode(&ini.bhs, &response);
	assert_int_equal(response.response, ISCSI_LOGOUT_RESPONSE_CLOSED);
	assert_int_equal(response.itt, ini.itt - 1);
	ini_expect_closed(&second);
	ini.exp_stat_sn += 2;
	ini_expect_read(&ini, ini_read(&ini, 8, 8), bed.disk[0].bytes + 4096, 4096);
}

static void test_logout__the_one_that_asked_goes_first(void **state)
{
	(void)state;
	join_second();
	bed.disk[0].is_holding = true;
	take_turn(&second, &ini);
	ini_write(&second, 0, 8, pattern, 4096, true);
	bed_settle(&bed);
	take_turn(&ini, &second);
	ini_logout(&ini, ISCSI_LOGOUT_CLOSE_CONNECTION, 2);
	ini_expect_nothing(&ini);
	loop_reset(ini.loop, -ECONNRESET);
	loop_close(second.loop);
	bed_settle(&bed);
	assert_int_equal(count_sessions(), 1);
	bed_release(&bed, 0);
	assert_int_equal(count_sessions(), 0);
}

static void test_logout__of_the_session(void **state)
{
	(void)state;
	join_second();
	take_turn(&ini, &second);
	bed.disk[0].is_holding = true;
	ini_write(&second, 0, 8, pattern, 4096, true);
	bed_settle(&bed);
	ini_logout(&ini, ISCSI_LOGOUT_CLOSE_SESSION, 0);
	ini_expect_nothing(&ini);
	ini_expect_closed(&second);
	bed_release(&bed, 0);
	ini_expect(&ini, ISCSI_OPCODE_LOGOUT_RESPONSE);
	ini_expect_closed(&ini);
	loop_close(ini.loop);
	loop_close(second.loop);
	bed_settle(&bed);
	assert_int_equal(count_sessions(), 0);
}

/* --- connection reinstatement --- */

static void test_reinstatement__of_the_only_connection(void **state)
{
	uint32_t itt;

	(void)state;
	second.cid = ini.cid;
	join_second();
	ini_expect_closed(&ini);
	assert_int_equal(count_sessions(), 1);
	/* The nexus is the old one: no unit attention. */
	itt = ini_read(&second, 0, 8);
	ini_expect_read(&second, itt, bed.disk[0].bytes, 4096);
}

static void test_reinstatement__waits_for_the_tasks_of_the_old(void **state)
{
	struct bhs_login_response response;
	uint32_t itt;

	(void)state;
	second.cid = ini.cid;
	bed.disk[0].is_holding = true;
	ini_write(&ini, 0, 8, pattern, 4096, true);
	bed_settle(&bed);
	take_turn(&second, &ini);
	ini_send_login(&second, 1, 3, NAMES, sizeof(NAMES));
	ini_expect_nothing(&second);
	ini_expect_closed(&ini);
	bed_release(&bed, 0);
	ini_expect_login(&second, &response);
	assert_int_equal(response.status, 0);
	itt = ini_read(&second, 0, 8);
	ini_expect_read(&second, itt, pattern, 4096);
}

static void test_reinstatement__gives_up_while_it_waits(void **state)
{
	(void)state;
	second.cid = ini.cid;
	bed.disk[0].is_holding = true;
	ini_write(&ini, 0, 8, pattern, 4096, true);
	bed_settle(&bed);
	take_turn(&second, &ini);
	ini_send_login(&second, 1, 3, NAMES, sizeof(NAMES));
	ini_expect_nothing(&second);
	loop_reset(second.loop, -ECONNRESET);
	bed_settle(&bed);
	bed_release(&bed, 0);
	assert_int_equal(count_sessions(), 0);
}

/* --- limits --- */

static void test_limit__of_sessions(void **state)
{
	struct bhs_login_response response;

	(void)state;
	bed.node->config.max_target_sessions = 1;
	second.tsih = 0;
	second.isid[5]++;
	ini_send_login(&second, 1, 3, NAMES, sizeof(NAMES));
	ini_expect_login(&second, &response);
	assert_int_equal(response.status, ISCSI_LOGIN_OUT_OF_RESOURCES);
	ini_expect_closed(&second);
	ini_clear_attention(&ini);
}

static void test_limit__reinstatement_is_no_more(void **state)
{
	(void)state;
	bed.node->config.max_sessions = 1;
	second.tsih = 0;
	ini_login(&second, NULL, 0);
	ini_clear_attention(&second);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_join__commands_on_both),
		CASE(test_join__is_where_the_session_is),
		CASE(test_join__task_management_waits_for_commands),
		CASE(test_join__tells_the_window),
		CASE(test_join__digests_are_the_connections_own),
		CASE(test_join__keys_of_the_session_are_settled),
		CASE(test_join__more_than_agreed),
		CASE(test_join__gives_up_on_its_way),
		CASE(test_join__session_ends_meanwhile),
		CASE(test_join__while_shutting_down),
		CASE(test_order__over_connections),
		CASE(test_order__requests_too),
		CASE(test_order__turn_in_the_middle_of_immediate_data),
		CASE(test_order__aborted_in_the_middle_of_immediate_data),
		CASE(test_order__logout_in_the_middle_of_immediate_data),
		CASE(test_order__held_by_a_connection_that_leaves),
		CASE(test_allegiance__data_on_the_wrong_connection),
		CASE(test_allegiance__abort_from_the_other),
		CASE(test_failure__is_the_sessions),
		CASE(test_logout__of_one_connection),
		CASE(test_logout__of_the_other_connection),
		CASE(test_logout__the_one_that_asked_goes_first),
		CASE(test_logout__of_the_session),
		CASE(test_reinstatement__of_the_only_connection),
		CASE(test_reinstatement__waits_for_the_tasks_of_the_old),
		CASE(test_reinstatement__gives_up_while_it_waits),
		CASE(test_limit__of_sessions),
		CASE(test_limit__reinstatement_is_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
