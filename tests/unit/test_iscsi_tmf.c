/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Task management with what RFC 7144 adds, and between sessions: TAS, FastAbort. What
 * RFC 7143 alone has is in test_iscsi_control.c.
 */
#include "base/bytes.h"
#include "base/container.h"
#include "iscsi/session.h"
#include "scsi/lu.h"
#include "scsi/mode.h"
#include "test_iscsi_bed.h"

static struct bed bed;
static struct ini ini, second;
static uint8_t pattern[65536];

static int set_up(void **state)
{
	(void)state;
	bed_set_up(&bed);
	bed.config.values.initial_r2t = false;
	bed_start(&bed);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ini_free(&ini);
	if (second.bed != NULL)
		ini_free(&second);
	memset(&second, 0, sizeof(second));
	bed_tear_down(&bed);
	return 0;
}

static void start(const char *more, uint32_t len)
{
	ini_connect(&ini, &bed);
	ini_login(&ini, more, len);
	ini_clear_attention(&ini);
}

static void start_sam(void)
{
	ini_connect(&ini, &bed);
	ini_login(&ini, TEXT("iSCSIProtocolLevel=2"));
	assert_string_equal(ini_value(&ini, "iSCSIProtocolLevel"), "2");
	ini_clear_attention(&ini);
}

/* The other session, on the other reactor. */
static void connect_second(const char *more, uint32_t len)
{
	bed.next_reactor = node_core(bed.node, bed.reactors[0])->placed != 0 ? bed.reactors[1] :
									       bed.reactors[0];
	ini_connect(&second, &bed);
	second.isid[5] = 9;
	ini_login(&second, more, len);
	ini_clear_attention(&second);
	bed.next_reactor = NULL;
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

static void expect_additional(uint8_t key, uint16_t code)
{
	assert_int_equal(ini.bhs.raw[8], key);
	assert_int_equal(get_be16(ini.bhs.raw + 9), code);
}

static void test_level__1_has_none_of_them(void **state)
{
	static const uint8_t functions[] = {
		ISCSI_TMF_QUERY_TASK, ISCSI_TMF_QUERY_TASK_SET, ISCSI_TMF_I_T_NEXUS_RESET,
		ISCSI_TMF_QUERY_ASYNCHRONOUS_EVENT,
	};
	unsigned i;

	(void)state;
	start(TEXT("iSCSIProtocolLevel=1"));
	for (i = 0; i < ARRAY_SIZE(functions); i++) {
		tmf_on_lun(functions[i], 0);
		ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_NOT_SUPPORTED);
	}
}

static void test_query__task(void **state)
{
	uint32_t cmd_sn;
	uint32_t itt;

	(void)state;
	start_sam();
	bed.disk[0].is_holding = true;
	cmd_sn = ini.cmd_sn;
	itt = ini_read(&ini, 0, 8);
	ini_tmf(&ini, ISCSI_TMF_QUERY_TASK, itt, cmd_sn);
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_SUCCEEDED);
	ini_tmf(&ini, ISCSI_TMF_QUERY_TASK, itt + 77, cmd_sn);
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_COMPLETE);
	bed_release(&bed, 0);
	ini_expect(&ini, ISCSI_OPCODE_DATA_IN);
	ini.exp_stat_sn++;
	ini_tmf(&ini, ISCSI_TMF_QUERY_TASK, itt, cmd_sn);
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_COMPLETE);
}

static void test_query__task_set(void **state)
{
	(void)state;
	start_sam();
	tmf_on_lun(ISCSI_TMF_QUERY_TASK_SET, 0);
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_COMPLETE);
	tmf_on_lun(ISCSI_TMF_QUERY_TASK_SET, 7);
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_NO_LUN);
	bed.disk[0].is_holding = true;
	ini_read(&ini, 0, 8);
	tmf_on_lun(ISCSI_TMF_QUERY_TASK_SET, 0);
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_SUCCEEDED);
	bed_release(&bed, 0);
	ini_expect(&ini, ISCSI_OPCODE_DATA_IN);
}

static void test_query__asynchronous_event(void **state)
{
	(void)state;
	start_sam();
	tmf_on_lun(ISCSI_TMF_QUERY_ASYNCHRONOUS_EVENT, 0);
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_COMPLETE);
	expect_additional(0, 0);
	tmf_on_lun(ISCSI_TMF_QUERY_ASYNCHRONOUS_EVENT, 7);
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_NO_LUN);
	tmf_on_lun(ISCSI_TMF_LOGICAL_UNIT_RESET, 0);
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_COMPLETE);
	tmf_on_lun(ISCSI_TMF_QUERY_ASYNCHRONOUS_EVENT, 0);
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_SUCCEEDED);
	/* One event, UNIT ATTENTION, BUS DEVICE RESET FUNCTION OCCURRED; it stays. */
	expect_additional(0x16, 0x2903);
	tmf_on_lun(ISCSI_TMF_TARGET_WARM_RESET, 0);
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_COMPLETE);
	tmf_on_lun(ISCSI_TMF_QUERY_ASYNCHRONOUS_EVENT, 0);
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_SUCCEEDED);
	expect_additional(0x26, 0x2902);
	ini_clear_attention(&ini);
	tmf_on_lun(ISCSI_TMF_QUERY_ASYNCHRONOUS_EVENT, 0);
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_COMPLETE);
}

static void expect_attention(struct ini *who, uint8_t asc, uint8_t ascq)
{
	struct ini_command command = { .flags = ISCSI_FLAG_FINAL };

	ini_command(who, &command);
	ini_expect(who, ISCSI_OPCODE_SCSI_RESPONSE);
	assert_int_equal(who->bhs.raw[BHS_AT_STATUS], 2);
	assert_int_equal(who->data[2 + 2] & 0xf, 6);
	assert_int_equal(who->data[2 + 12], asc);
	assert_int_equal(who->data[2 + 13], ascq);
	who->exp_stat_sn++;
}

static void expect_good(struct ini *who)
{
	struct ini_command command = { .flags = ISCSI_FLAG_FINAL };

	ini_command(who, &command);
	ini_expect(who, ISCSI_OPCODE_SCSI_RESPONSE);
	assert_int_equal(who->bhs.raw[BHS_AT_STATUS], 0);
	who->exp_stat_sn++;
}

static void test_nexus_reset__is_this_nexus_alone(void **state)
{
	uint32_t itt;

	(void)state;
	start_sam();
	connect_second(NULL, 0);
	bed.disk[0].is_holding = true;
	ini_read(&ini, 0, 8);
	itt = ini_read(&second, 0, 1);
	tmf_on_lun(ISCSI_TMF_I_T_NEXUS_RESET, 0);
	ini_expect_nothing(&ini);
	bed_release(&bed, 0);
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_COMPLETE);
	ini_expect_read(&second, itt, bed.disk[0].bytes, 512);
	expect_attention(&ini, 0x29, 0x07);
	expect_good(&ini);
	expect_good(&second);
}

static struct scsi_lu *the_lu(void)
{
	return bed.scsi[0]->lu[0];
}

static void test_reset__tas(void **state)
{
	struct bhs_scsi_response response;
	uint32_t reading, writing;

	(void)state;
	start(NULL, 0);
	connect_second(NULL, 0);
	atomic_store(&the_lu()->mode_bits, MODE_ABORTED_STATUS);
	writing = ini_write(&second, 0, 64, NULL, 0, true);
	ini_expect(&second, ISCSI_OPCODE_R2T);
	bed.disk[0].is_holding = true;
	reading = ini_read(&second, 0, 8);
	bed_settle(&bed);
	tmf_on_lun(ISCSI_TMF_LOGICAL_UNIT_RESET, 0);
	ini_expect_nothing(&ini);
	/* The data will not come; the read is with the store. */
	ini_expect_response(&second, writing, 0x40, &response);
	assert_int_equal(response.residual_count, 64 * 512);
	bed_release(&bed, 0);
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_COMPLETE);
	ini_expect_response(&second, reading, 0x40, &response);
	expect_attention(&second, 0x29, 0x03);
	expect_good(&second);
}

/* Unsolicited data is on its way: the answer waits for its end. */
static void test_reset__tas_and_unsolicited_data(void **state)
{
	struct bhs_scsi_response response;
	uint32_t itt;

	(void)state;
	start(NULL, 0);
	connect_second(TEXT("InitialR2T=No"));
	atomic_store(&the_lu()->mode_bits, MODE_ABORTED_STATUS);
	itt = ini_write(&second, 0, 64, NULL, 0, false);
	bed_settle(&bed);
	tmf_on_lun(ISCSI_TMF_LOGICAL_UNIT_RESET, 0);
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_COMPLETE);
	ini_expect_nothing(&second);
	ini_data_out(&second, itt, ISCSI_TAG_NONE, 0, 0, pattern, 8192, true);
	ini_expect_response(&second, itt, 0x40, &response);
	assert_int_equal(bed.disk[0].submitted, 0);
}

static void test_reset__fast_abort_is_told(void **state)
{
	(void)state;
	start(NULL, 0);
	connect_second(TEXT("TaskReporting=FastAbort"));
	ini_write(&second, 0, 64, NULL, 0, true);
	ini_expect(&second, ISCSI_OPCODE_R2T);
	ini_write(&second, 64, 64, NULL, 0, true);
	ini_expect(&second, ISCSI_OPCODE_R2T);
	tmf_on_lun(ISCSI_TMF_LOGICAL_UNIT_RESET, 0);
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_COMPLETE);
	ini_expect(&second, ISCSI_OPCODE_ASYNC_MESSAGE);
	assert_int_equal(second.bhs.raw[36], ISCSI_ASYNC_TASKS_TERMINATED);
	assert_int_equal(bhs_lun(&second.bhs), 0);
	second.exp_stat_sn++;
	/* Once, and not for a reset that has ended nothing. */
	expect_attention(&second, 0x29, 0x03);
	tmf_on_lun(ISCSI_TMF_LOGICAL_UNIT_RESET, 0);
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_COMPLETE);
	expect_attention(&second, 0x29, 0x03);
}

static void test_reset__without_fast_abort_silently(void **state)
{
	(void)state;
	start(NULL, 0);
	connect_second(TEXT("TaskReporting=ResponseFence"));
	ini_write(&second, 0, 64, NULL, 0, true);
	ini_expect(&second, ISCSI_OPCODE_R2T);
	tmf_on_lun(ISCSI_TMF_LOGICAL_UNIT_RESET, 0);
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_COMPLETE);
	ini_expect_nothing(&second);
}

/* The second session is going while it is reset: its end and the answer do not hang. */
static void test_reset__of_a_session_that_goes(void **state)
{
	(void)state;
	start(NULL, 0);
	connect_second(NULL, 0);
	bed.disk[0].is_holding = true;
	ini_read(&second, 0, 8);
	bed_settle(&bed);
	tmf_on_lun(ISCSI_TMF_LOGICAL_UNIT_RESET, 0);
	bed_settle(&bed);
	loop_reset(second.loop, -104);
	ini_expect_nothing(&ini);
	bed_release(&bed, 0);
	ini_expect_tmf(&ini, ISCSI_TMF_RESPONSE_COMPLETE);
}

static uint8_t ready(struct ini *who)
{
	struct ini_command command = { .flags = ISCSI_FLAG_FINAL };

	ini_command(who, &command);
	ini_expect(who, ISCSI_OPCODE_SCSI_RESPONSE);
	who->exp_stat_sn++;
	return who->bhs.raw[BHS_AT_STATUS];
}

/* The store does not end a write of the session that a new login replaces. */
static void test_stuck__a_new_login_need_not_wait(void **state)
{
	struct bhs_login_response response;
	const char *text = "InitiatorName=" BED_INITIATOR "\0TargetName=" BED_TARGET "\0"
			   "MaxRecvDataSegmentLength=262144";
	uint32_t len = (uint32_t)(strlen("InitiatorName=" BED_INITIATOR) + 1 +
				  strlen("TargetName=" BED_TARGET) + 1 +
				  strlen("MaxRecvDataSegmentLength=262144") + 1);

	(void)state;
	start(NULL, 0);
	bed.disk[0].is_holding = true;
	ini_write(&ini, 0, 8, pattern, 4096, true);
	bed_settle(&bed);
	ini_connect(&second, &bed);
	ini_send_login(&second, 1, 3, text, len);
	/* The store has a little time. */
	ini_expect_nothing(&second);
	bed_pass(&bed, 2500);
	ini_expect_login(&second, &response);
	assert_int_equal(response.status, 0);
	assert_true(bed_has_logged(&bed, "1 requests of its ended session"));
	assert_int_equal(ready(&second), 0x08);
	bed_release(&bed, 0);
	bed_settle(&bed);
	assert_int_equal(ready(&second), 0x02);
	assert_int_equal(ready(&second), 0x00);
}

/* What its reset waits for is another session's, whose store does not end it. */
static void test_stuck__by_the_reset_of_others(void **state)
{
	static const char text[] = "InitiatorName=" BED_INITIATOR "\0TargetName=" BED_TARGET;
	struct bhs_login_response response;
	struct ini again;

	(void)state;
	start(NULL, 0);
	connect_second(NULL, 0);
	bed.disk[0].is_holding = true;
	ini_write(&second, 0, 8, pattern, 4096, true);
	bed_settle(&bed);
	tmf_on_lun(ISCSI_TMF_LOGICAL_UNIT_RESET, 0);
	ini_expect_nothing(&ini);
	loop_reset(ini.loop, -104);
	bed_settle(&bed);
	ini_connect(&again, &bed);
	ini_send_login(&again, 1, 3, text, sizeof(text));
	ini_expect_nothing(&again);
	bed_pass(&bed, 2500);
	ini_expect_login(&again, &response);
	assert_int_equal(response.status, 0);
	bed_release(&bed, 0);
	bed_settle(&bed);
	ready(&again);
	ready(&again);
	assert_int_equal(ready(&again), 0x00);
	ini_free(&again);
}

static void check_functions(const uint8_t *expected)
{
	struct ini_command command = {
		.cdb = { 0xa3, 0x0d, 0, 0, 0, 0, 0, 0, 0, 4 },
		.flags = ISCSI_FLAG_FINAL | ISCSI_SCSI_COMMAND_READ,
		.expected = 4,
	};
	uint32_t itt = ini_command(&ini, &command);

	ini_expect_read(&ini, itt, expected, 4);
}

static void test_report__functions_by_level(void **state)
{
	static const uint8_t plain[4] = { 0xfa, 0 };
	static const uint8_t sam[4] = { 0xfe, 0x07 };

	(void)state;
	start(NULL, 0);
	check_functions(plain);
	ini_free(&ini);
	start_sam();
	check_functions(sam);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_level__1_has_none_of_them),
		CASE(test_query__task),
		CASE(test_query__task_set),
		CASE(test_query__asynchronous_event),
		CASE(test_nexus_reset__is_this_nexus_alone),
		CASE(test_reset__tas),
		CASE(test_reset__tas_and_unsolicited_data),
		CASE(test_reset__fast_abort_is_told),
		CASE(test_reset__without_fast_abort_silently),
		CASE(test_reset__of_a_session_that_goes),
		CASE(test_stuck__a_new_login_need_not_wait),
		CASE(test_stuck__by_the_reset_of_others),
		CASE(test_report__functions_by_level),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
