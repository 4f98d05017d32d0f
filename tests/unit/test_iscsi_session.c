/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sessions among each other: reinstatement over reactors (RFC 7143 section
 * 6.3.5), a second connection, what the node tells of itself, and its end.
 */
#include "test_iscsi_bed.h"

#define NAMES "InitiatorName=" BED_INITIATOR "\0TargetName=" BED_TARGET "\0"

static struct bed bed;
static struct ini ini;
static struct ini second;
static uint8_t pattern[65536];

static int set_up(void **state)
{
	(void)state;
	bed_set_up(&bed);
	bed_start(&bed);
	bed.next_reactor = bed.reactors[0];
	ini_connect(&ini, &bed);
	ini_login(&ini, NULL, 0);
	ini_clear_attention(&ini);
	bed.next_reactor = bed.reactors[1];
	ini_connect(&second, &bed);
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

/* --- reinstatement --- */

static void test_reinstatement__ends_the_older_session(void **state)
{
	struct iscsi_node_info info;

	(void)state;
	ini_login(&second, NULL, 0);
	ini_expect_closed(&ini);
	assert_true(bed_has_logged(&bed, "replaced by a new login"));
	ini_clear_attention(&second);
	iscsi_node_get_info(bed.node, &info);
	assert_int_equal(info.sessions, 1);
}

static void test_reinstatement__waits_for_its_tasks(void **state)
{
	struct bhs_login_response response;

	(void)state;
	bed.disk[0].is_holding = true;
	ini_write(&ini, 0, 8, pattern, 4096, true);
	ini_write(&ini, 64, 64, NULL, 0, true);
	ini_expect(&ini, ISCSI_OPCODE_R2T);
	ini_send_login(&second, 1, 3, TEXT(NAMES));
	/* The old write still goes to the disk: nobody may write behind its back. */
	ini_expect_nothing(&second);
	ini_expect_closed(&ini);
	bed_release(&bed, 0);
	ini_expect_login(&second, &response);
	assert_int_equal(response.status, 0);
	assert_true(response.is_transit);
	ini_clear_attention(&second);
}

static void test_reinstatement__other_isid_is_another_session(void **state)
{
	(void)state;
	second.isid[5]++;
	ini_login(&second, NULL, 0);
	ini_clear_attention(&second);
	ini_clear_attention(&ini);
}

static void test_reinstatement__other_name_is_another_session(void **state)
{
	(void)state;
	second.name = "iqn.2026-11.org.example:someone-else";
	ini_login(&second, NULL, 0);
	ini_clear_attention(&second);
	ini_clear_attention(&ini);
}

static void test_reinstatement__discovery_disturbs_nobody(void **state)
{
	(void)state;
	ini_login_discovery(&second);
	ini_clear_attention(&ini);
}

static void test_reinstatement__while_it_waits_the_login_gives_up(void **state)
{
	struct bhs_login_response response;
	struct ini third;

	(void)state;
	bed.disk[0].is_holding = true;
	ini_read(&ini, 0, 8);
	ini_send_login(&second, 1, 3, TEXT(NAMES));
	ini_expect_nothing(&second);
	loop_close(second.loop);
	bed_settle(&bed);
	/* A third waits behind it, on the first reactor. */
	bed.next_reactor = bed.reactors[0];
	ini_connect(&third, &bed);
	ini_send_login(&third, 1, 3, TEXT(NAMES));
	ini_expect_nothing(&third);
	bed_release(&bed, 0);
	ini_expect_login(&third, &response);
	assert_int_equal(response.status, 0);
	ini_clear_attention(&third);
	ini_free(&third);
}

static void test_reinstatement__in_a_row(void **state)
{
	struct ini next;
	unsigned i;

	(void)state;
	ini_login(&second, NULL, 0);
	for (i = 0; i < 20; i++) {
		bed.next_reactor = bed.reactors[i % 2];
		ini_connect(&next, &bed);
		ini_login(&next, NULL, 0);
		ini_clear_attention(&next);
		ini_free(&next);
	}
}

/* --- a second connection --- */

static void check_addition(int status)
{
	struct bhs_login_response response;

	ini_send_login(&second, 1, 3, TEXT(NAMES));
	ini_expect_login(&second, &response);
	assert_int_equal(response.status, status);
	ini_expect_closed(&second);
	ini_clear_attention(&ini);
}

static uint16_t tsih_of_first(void)
{
	struct list_node *node = list_front(&node_core(bed.node, bed.reactors[0])->conns);

	assert_non_null(node);
	/* As the initiator has read it in its last Login Response. */
	return 1;
}

static void test_addition__to_a_full_session(void **state)
{
	(void)state;
	second.tsih = tsih_of_first();
	second.cid = 2;
	check_addition(ISCSI_LOGIN_TOO_MANY_CONNECTIONS);
}

static void test_addition__to_none(void **state)
{
	(void)state;
	second.tsih = 999;
	check_addition(ISCSI_LOGIN_NO_SESSION);
}

static void test_addition__other_isid(void **state)
{
	(void)state;
	second.tsih = tsih_of_first();
	second.isid[5]++;
	check_addition(ISCSI_LOGIN_CANNOT_INCLUDE_IN_SESSION);
}

static void test_addition__somebody_elses(void **state)
{
	struct bhs_login_response response;

	(void)state;
	second.tsih = tsih_of_first();
	ini_send_login(&second, 1, 3,
		       TEXT("InitiatorName=iqn.2026-11.org.example:thief\0TargetName=" BED_TARGET));
	ini_expect_login(&second, &response);
	assert_int_equal(response.status, ISCSI_LOGIN_NO_SESSION);
	ini_clear_attention(&ini);
}

/* --- what it tells --- */

struct seen {
	unsigned calls, count;
	struct iscsi_session_info sessions[4];
};

static void keep_sessions(void *context, const struct iscsi_session_info *sessions,
			  unsigned count)
{
	struct seen *seen = context;

	seen->calls++;
	seen->count = count;
	assert_true(count <= 4);
	memcpy(seen->sessions, sessions, count * sizeof(*sessions));
}

static void test_sessions__of_all_reactors(void **state)
{
	struct seen seen = { 0 };
	const struct iscsi_session_info *info = seen.sessions;

	(void)state;
	second.name = "iqn.2026-11.org.example:second";
	ini_login(&second, TEXT("InitiatorAlias=the other\0DataDigest=CRC32C"));
	ini_clear_attention(&second);
	ini_write(&ini, 0, 8, pattern, 4096, true);
	ini_expect(&ini, ISCSI_OPCODE_SCSI_RESPONSE);
	assert_int_equal(iscsi_node_sessions(bed.node, keep_sessions, &seen), 0);
	bed_settle(&bed);
	assert_int_equal(seen.calls, 1);
	assert_int_equal(seen.count, 2);
	assert_string_equal(info[0].initiator, BED_INITIATOR);
	assert_string_equal(info[0].target, BED_TARGET);
	assert_string_equal(info[0].state, "full-feature");
	assert_string_equal(info[0].transport, "loop");
	assert_string_equal(info[0].peer, "192.0.2.9:40000");
	assert_int_equal(info[0].reactor, 0);
	assert_int_equal(info[0].bytes_in, 4096);
	assert_true(info[0].commands_done >= 2);
	assert_int_equal(info[0].exp_cmd_sn, ini.cmd_sn);
	assert_int_equal(info[0].commands, 0);
	assert_string_equal(info[1].initiator_alias, "the other");
	assert_int_equal(info[1].reactor, 1);
	assert_true(info[1].data_digest);
	assert_false(info[1].header_digest);
}

static void count_portal(void *context, const char *address, uint16_t group,
			 const char *transport)
{
	assert_string_equal(transport, "tcp");
	assert_string_equal(address, "0.0.0.0:3260,1");
	assert_int_equal(group, 1);
	(*(unsigned *)context)++;
}

static void test_info__counts(void **state)
{
	struct iscsi_node_info info;
	unsigned portals = 0;

	(void)state;
	iscsi_node_get_info(bed.node, &info);
	assert_int_equal(info.connections, 2);
	assert_int_equal(info.logins, 1);
	assert_int_equal(info.sessions, 1);
	assert_int_equal(info.accepted, 2);
	iscsi_node_visit_portals(bed.node, count_portal, &portals);
	assert_int_equal(portals, 1);
}

/* --- the end --- */

static void note_down(void *context)
{
	(*(unsigned *)context)++;
}

static void test_shutdown__initiator_leaves(void **state)
{
	struct bhs_async_message message;
	unsigned down = 0;

	(void)state;
	iscsi_node_shutdown(bed.node, 3000, note_down, &down);
	bed_settle(&bed);
	ini_expect(&ini, ISCSI_OPCODE_ASYNC_MESSAGE);
	bhs_async_message_decode(&ini.bhs, &message);
	assert_int_equal(message.async_event, ISCSI_ASYNC_LOGOUT_REQUESTED);
	assert_int_equal(message.parameter3, 3);
	/* Whoever was still logging in is sent away. */
	ini_expect_closed(&second);
	loop_close(second.loop);
	ini_logout(&ini, ISCSI_LOGOUT_CLOSE_SESSION, 0);
	ini_expect(&ini, ISCSI_OPCODE_LOGOUT_RESPONSE);
	loop_close(ini.loop);
	bed_pass(&bed, 100);
	assert_int_equal(down, 1);
	assert_null(node_place(bed.portal, "192.0.2.9"));
}

static void test_shutdown__initiator_stays(void **state)
{
	unsigned down = 0;

	(void)state;
	iscsi_node_shutdown(bed.node, 3000, note_down, &down);
	bed_pass(&bed, 900);
	assert_int_equal(down, 0);
	bed_pass(&bed, 2500);
	assert_int_equal(down, 1);
	assert_true(loop_is_gone(ini.loop));
}

static void test_shutdown__after_what_is_in_flight(void **state)
{
	unsigned down = 0;
	uint32_t itt;

	(void)state;
	bed.disk[0].is_holding = true;
	itt = ini_write(&ini, 0, 8, pattern, 4096, true);
	bed_settle(&bed);
	iscsi_node_shutdown(bed.node, 5000, note_down, &down);
	bed_pass(&bed, 2000);
	assert_int_equal(down, 0);
	bed_release(&bed, 0);
	ini_expect(&ini, ISCSI_OPCODE_ASYNC_MESSAGE);
	ini_expect(&ini, ISCSI_OPCODE_SCSI_RESPONSE);
	assert_int_equal(bhs_itt(&ini.bhs), itt);
	bed_pass(&bed, 2000);
	assert_int_equal(down, 1);
}

static void test_shutdown__when_the_store_does_not_let_go(void **state)
{
	unsigned down = 0;

	(void)state;
	bed.disk[0].is_holding = true;
	ini_write(&ini, 0, 8, pattern, 4096, true);
	bed_settle(&bed);
	iscsi_node_shutdown(bed.node, 1000, note_down, &down);
	bed_pass(&bed, 2500);
	assert_int_equal(down, 0);
	bed_pass(&bed, 1000);
	assert_int_equal(down, 1);
	assert_true(bed_has_logged(&bed, "whose commands do not end"));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_reinstatement__ends_the_older_session),
		CASE(test_reinstatement__waits_for_its_tasks),
		CASE(test_reinstatement__other_isid_is_another_session),
		CASE(test_reinstatement__other_name_is_another_session),
		CASE(test_reinstatement__discovery_disturbs_nobody),
		CASE(test_reinstatement__while_it_waits_the_login_gives_up),
		CASE(test_reinstatement__in_a_row),
		CASE(test_addition__to_a_full_session),
		CASE(test_addition__to_none),
		CASE(test_addition__other_isid),
		CASE(test_addition__somebody_elses),
		CASE(test_sessions__of_all_reactors),
		CASE(test_info__counts),
		CASE(test_shutdown__initiator_leaves),
		CASE(test_shutdown__initiator_stays),
		CASE(test_shutdown__after_what_is_in_flight),
		CASE(test_shutdown__when_the_store_does_not_let_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
