/* SPDX-License-Identifier: BSD-2-Clause */
/* iscsi/async.c: SCSI events (RFC 7143 section 11.9), as another initiator causes them. */
#include "test_iscsi_bed.h"

static struct bed bed;
static struct ini ini;
static struct ini other;

static int set_up(void **state)
{
	(void)state;
	bed_set_up(&bed);
	return 0;
}

static void start(void)
{
	bed_start(&bed);
	bed.next_reactor = bed.reactors[0];
	ini_connect(&ini, &bed);
	ini_login(&ini, NULL, 0);
	ini_clear_attention(&ini);
	bed.next_reactor = bed.reactors[1];
	ini_connect(&other, &bed);
	other.name = "iqn.2026-11.org.example:other";
	ini_login(&other, NULL, 0);
	ini_clear_attention(&other);
}

static int tear_down(void **state)
{
	(void)state;
	ini_free(&ini);
	ini_free(&other);
	bed_tear_down(&bed);
	return 0;
}

/* The other initiator changes the control mode page, and is told nothing itself. */
static void change_mode(uint8_t d_sense)
{
	uint8_t page[4 + 12] = {
		0, 0, 0, 0, 0x0a, 0x0a, 0x22 | d_sense, 0x10, 0, 0, 0, 0, 0xff, 0xff,
	};
	struct ini_command command = {
		.cdb = { 0x15, 0x10, 0, 0, sizeof(page), 0 },
		.flags = ISCSI_FLAG_FINAL | ISCSI_SCSI_COMMAND_WRITE,
		.expected = sizeof(page),
		.data = page,
		.data_len = sizeof(page),
	};
	uint32_t itt = ini_command(&other, &command);
	struct bhs_scsi_response response;

	ini_expect_response(&other, itt, 0, &response);
}

static void expect_event(const uint8_t *data, uint32_t len)
{
	struct bhs_async_message message;

	ini_expect(&ini, ISCSI_OPCODE_ASYNC_MESSAGE);
	bhs_async_message_decode(&ini.bhs, &message);
	assert_int_equal(message.async_event, ISCSI_ASYNC_SCSI);
	assert_int_equal(message.stat_sn, ini.exp_stat_sn);
	ini.exp_stat_sn++;
	assert_int_equal(message.exp_cmd_sn, ini.cmd_sn);
	assert_true(message.lun == 0);
	assert_int_equal(bhs_itt(&ini.bhs), ISCSI_TAG_NONE);
	assert_int_equal(message.parameter1, 0);
	assert_int_equal(ini.data_len, 2 + (ini.data[0] << 8 | ini.data[1]));
	assert_true(ini.data_len >= len);
	assert_memory_equal(ini.data + 2, data, len);
}

/* MODE PARAMETERS CHANGED, in whatever format. */
static void expect_attention(struct ini *who)
{
	struct ini_command command = { .flags = ISCSI_FLAG_FINAL };
	uint32_t itt = ini_command(who, &command);
	struct bhs_scsi_response response;
	const uint8_t *sense;

	ini_expect_response(who, itt, 2, &response);
	sense = who->data + 2;
	assert_int_equal(sense[0] == 0x72 ? sense[2] << 8 | sense[3] : sense[12] << 8 | sense[13],
			 0x2a01);
}

static const uint8_t descriptor[] = { 0x72, 6, 0x2a, 0x01 };
static const uint8_t fixed[] = { 0x70, 0, 6, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x2a, 0x01 };

static void test_async_scsi_event__the_condition_stays(void **state)
{
	(void)state;
	start();
	change_mode(4);
	expect_event(descriptor, sizeof(descriptor));
	ini_expect_nothing(&ini);
	ini_expect_nothing(&other);
	/* Not again before it has been reported to a command. */
	change_mode(0);
	ini_expect_nothing(&ini);
	expect_attention(&ini);
	change_mode(4);
	expect_event(descriptor, sizeof(descriptor));
	expect_attention(&ini);
	change_mode(0);
	expect_event(fixed, sizeof(fixed));
}

static void test_async_scsi_event__only_where_wished(void **state)
{
	(void)state;
	bed.config.values.asynchronous_events = false;
	start();
	change_mode(4);
	ini_expect_nothing(&ini);
	expect_attention(&ini);
}

static void test_async_scsi_event__not_to_whom_takes_nothing(void **state)
{
	unsigned i;

	(void)state;
	start();
	/* Answers that nobody reads; news would only be more of them. */
	loop_set_room(ini.loop, 4096);
	for (i = 0; i < 3 * CONN_NEWS_MAX; i++)
		ini_ping(&ini, "ping", 4, true);
	bed_settle(&bed);
	change_mode(4);
	for (i = 0; i < 3 * CONN_NEWS_MAX; i++) {
		ini_expect(&ini, ISCSI_OPCODE_NOP_IN);
		ini.exp_stat_sn++;
	}
	ini_expect_nothing(&ini);
	expect_attention(&ini);
}

static void test_async_scsi_event__on_the_leading_connection(void **state)
{
	struct ini second;

	(void)state;
	bed.config.values.max_session_connections = 2;
	bed_start(&bed);
	bed.next_reactor = bed.reactors[0];
	ini_connect(&ini, &bed);
	ini_login(&ini, TEXT("MaxConnections=2"));
	ini_clear_attention(&ini);
	ini_connect(&other, &bed);
	other.name = "iqn.2026-11.org.example:other";
	ini_login(&other, NULL, 0);
	ini_clear_attention(&other);
	ini_connect(&second, &bed);
	second.tsih = ini.tsih;
	second.cid = 2;
	second.cmd_sn = ini.cmd_sn;
	ini_login(&second, NULL, 0);
	change_mode(4);
	ini_expect_nothing(&second);
	expect_event(descriptor, sizeof(descriptor));
	/* The next is then the leading one. */
	ini_logout(&ini, ISCSI_LOGOUT_CLOSE_CONNECTION, 1);
	ini_expect(&ini, ISCSI_OPCODE_LOGOUT_RESPONSE);
	loop_close(ini.loop);
	bed_settle(&bed);
	second.cmd_sn = ini.cmd_sn;
	expect_attention(&second);
	change_mode(0);
	ini_expect(&second, ISCSI_OPCODE_ASYNC_MESSAGE);
	ini_free(&second);
}

static void test_async_scsi_event__not_in_a_discovery_session(void **state)
{
	(void)state;
	start();
	ini_free(&ini);
	ini_connect(&ini, &bed);
	ini_login_discovery(&ini);
	change_mode(4);
	ini_expect_nothing(&ini);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_async_scsi_event__the_condition_stays),
		TEST(test_async_scsi_event__only_where_wished),
		TEST(test_async_scsi_event__not_to_whom_takes_nothing),
		TEST(test_async_scsi_event__on_the_leading_connection),
		TEST(test_async_scsi_event__not_in_a_discovery_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
