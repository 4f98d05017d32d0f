/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ErrorRecoveryLevel 1 (RFC 7143 sections 7.2 and 11.16): what is lost within a
 * connection is asked for again, by either end, and comes as it was.
 */
#include "test_iscsi_bed.h"

#include "base/crc32c.h"
#include "iscsi/session.h"

#define BURST 4096u
#define PDUS_MAX 64

static struct bed bed;
static struct ini ini;
static uint8_t pattern[65536];

/* Data-In PDUs as they came. */
struct piece {
	struct bhs bhs;
	uint8_t data[BURST];
	uint32_t len;
};

static struct piece pieces[PDUS_MAX];

static void log_in(const char *more, uint32_t len)
{
	char text[512] = "ErrorRecoveryLevel=2\0MaxBurstLength=4096\0FirstBurstLength=4096\0";
	uint32_t used = sizeof("ErrorRecoveryLevel=2\0MaxBurstLength=4096\0FirstBurstLength=4096");

	if (len != 0)
		memcpy(text + used, more, len);
	ini_connect(&ini, &bed);
	ini_login(&ini, text, used + len);
	assert_int_equal(atoi(ini_value(&ini, "ErrorRecoveryLevel")),
			 (int)bed.config.values.error_recovery_level);
	ini_clear_attention(&ini);
}

static int set_up(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i * 11 + i / 256);
	bed_set_up(&bed);
	bed.config.values.error_recovery_level = 1;
	bed.config.values.initial_r2t = false;
	bed_start(&bed);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ini_free(&ini);
	bed_tear_down(&bed);
	return 0;
}

static void snack(uint8_t type, uint32_t itt, uint32_t ttt, uint32_t beg_run, uint32_t run_length)
{
	struct bhs_snack request = {
		.itt = itt,
		.ttt = ttt,
		.exp_stat_sn = ini.exp_stat_sn,
		.beg_run = beg_run,
		.run_length = run_length,
		.type = type,
	};
	struct bhs bhs;

	bhs_snack_encode(&bhs, &request);
	ini_send(&ini, &bhs, NULL, 0);
}

static void expect_reject(uint8_t reason)
{
	struct bhs_reject reject;

	ini_expect(&ini, ISCSI_OPCODE_REJECT);
	bhs_reject_decode(&ini.bhs, &reject);
	assert_int_equal(reject.reason, reason);
	ini.exp_stat_sn = reject.stat_sn + 1;
}

static void expect_piece(struct piece *piece)
{
	ini_expect(&ini, ISCSI_OPCODE_DATA_IN);
	assert_true(ini.data_len <= BURST);
	piece->bhs = ini.bhs;
	piece->len = ini.data_len;
	memcpy(piece->data, ini.data, ini.data_len);
}

/* Data-In as it was, but for the window (section 11.16). */
static void expect_same(const struct piece *piece)
{
	struct piece again;

	expect_piece(&again);
	memcpy(again.bhs.raw + BHS_AT_STAT_SN, piece->bhs.raw + BHS_AT_STAT_SN, 12);
	assert_memory_equal(again.bhs.raw, piece->bhs.raw, BHS_LEN);
	assert_int_equal(again.len, piece->len);
	assert_memory_equal(again.data, piece->data, piece->len);
}

/* Reads COUNT bursts from LBA 0 into pieces; the status is not acknowledged. */
static uint32_t read_bursts(unsigned count, uint32_t *stat_sn)
{
	struct bhs_scsi_response response;
	uint32_t itt = ini_read(&ini, 0, (uint16_t)(count * BURST / BED_BLOCK));
	unsigned i;

	for (i = 0; i < count; i++) {
		expect_piece(&pieces[i]);
		assert_int_equal(bhs_flags(&pieces[i].bhs) & ISCSI_DATA_IN_STATUS, 0);
		assert_memory_equal(pieces[i].data, bed.disk[0].bytes + i * BURST, BURST);
	}
	ini_expect(&ini, ISCSI_OPCODE_SCSI_RESPONSE);
	bhs_scsi_response_decode(&ini.bhs, &response);
	assert_int_equal(response.itt, itt);
	assert_int_equal(response.exp_data_sn, count);
	assert_int_equal(response.stat_sn, ini.exp_stat_sn);
	*stat_sn = response.stat_sn;
	return itt;
}

/* The answer to everything comes, and it is acknowledged: nothing is kept. */
static void finish(void)
{
	struct list_node *node;

	ini.exp_stat_sn = bhs_stat_sn(&ini.bhs) + 1;
	ini_ping(&ini, NULL, 0, true);
	ini_expect(&ini, ISCSI_OPCODE_NOP_IN);
	ini.exp_stat_sn = bhs_stat_sn(&ini.bhs) + 1;
	ini_ping(&ini, NULL, 0, true);
	ini_expect(&ini, ISCSI_OPCODE_NOP_IN);
	node = list_front(&node_core(bed.node, loop_conn(ini.loop)->reactor)->conns);
	assert_int_equal(container_of(node, struct iscsi_conn, link)->tasks, 0);
}

static void test_level__is_negotiated(void **state)
{
	(void)state;
	bed.node->config.values.error_recovery_level = 0;
	bed.config.values.error_recovery_level = 0;
	log_in(NULL, 0);
	snack(ISCSI_SNACK_STATUS, ISCSI_TAG_NONE, ISCSI_TAG_NONE, 0, 0);
	expect_reject(ISCSI_REJECT_SNACK);
}

static void test_login__its_response_never_comes_again(void **state)
{
	static const char text[] = "ErrorRecoveryLevel=2";

	(void)state;
	ini_connect(&ini, &bed);
	ini_login(&ini, text, sizeof(text));
	/* As if nothing had been acknowledged. */
	ini.exp_stat_sn = 0;
	snack(ISCSI_SNACK_STATUS, ISCSI_TAG_NONE, ISCSI_TAG_NONE, 0, 0);
	expect_reject(ISCSI_REJECT_SNACK);
}

/* --- SNACK of data --- */

static void test_data__some_of_it(void **state)
{
	uint32_t stat_sn, itt;

	(void)state;
	log_in(NULL, 0);
	itt = read_bursts(6, &stat_sn);
	/* The store has changed meanwhile: what was read then comes again. */
	memset(bed.disk[0].bytes, 0xee, 6 * BURST);
	snack(ISCSI_SNACK_DATA_R2T, itt, ISCSI_TAG_NONE, 2, 3);
	expect_same(&pieces[2]);
	expect_same(&pieces[3]);
	expect_same(&pieces[4]);
	ini_expect_nothing(&ini);
	snack(ISCSI_SNACK_DATA_R2T, itt, ISCSI_TAG_NONE, 4, 0);
	expect_same(&pieces[4]);
	expect_same(&pieces[5]);
	ini_expect_nothing(&ini);
	snack(ISCSI_SNACK_DATA_R2T, itt, ISCSI_TAG_NONE, 6, 1);
	expect_reject(ISCSI_REJECT_SNACK);
	snack(ISCSI_SNACK_DATA_R2T, itt + 1, ISCSI_TAG_NONE, 0, 1);
	expect_reject(ISCSI_REJECT_SNACK);
	finish();
	snack(ISCSI_SNACK_DATA_R2T, itt, ISCSI_TAG_NONE, 0, 1);
	expect_reject(ISCSI_REJECT_SNACK);
}

static void test_data__while_the_rest_is_sent(void **state)
{
	uint32_t itt;
	unsigned i;

	(void)state;
	log_in(NULL, 0);
	loop_set_room(ini.loop, 5000);
	itt = ini_read(&ini, 0, 8 * BURST / BED_BLOCK);
	for (i = 0; i < 3; i++)
		expect_piece(&pieces[i]);
	snack(ISCSI_SNACK_DATA_R2T, itt, ISCSI_TAG_NONE, 1, 1);
	snack(ISCSI_SNACK_DATA_R2T, itt, ISCSI_TAG_NONE, 0, 1);
	for (; i < 8; i++)
		expect_piece(&pieces[i]);
	ini_expect(&ini, ISCSI_OPCODE_SCSI_RESPONSE);
	/* Both wishes in one. */
	expect_same(&pieces[0]);
	expect_same(&pieces[1]);
	ini_expect_nothing(&ini);
	ini_ping(&ini, NULL, 0, true);
	ini_expect(&ini, ISCSI_OPCODE_NOP_IN);
	finish();
}

static void test_data__acknowledged(void **state)
{
	uint32_t stat_sn, itt, ttt;
	struct bhs_data_in in;

	(void)state;
	log_in(NULL, 0);
	itt = read_bursts(3, &stat_sn);
	bhs_data_in_decode(&pieces[2].bhs, &in);
	assert_true((in.flags & ISCSI_DATA_IN_ACKNOWLEDGE) != 0);
	ttt = in.ttt;
	assert_int_not_equal(ttt, ISCSI_TAG_NONE);
	bhs_data_in_decode(&pieces[1].bhs, &in);
	assert_int_equal(in.flags & ISCSI_DATA_IN_ACKNOWLEDGE, 0);
	assert_int_equal(in.ttt, ISCSI_TAG_NONE);
	snack(ISCSI_SNACK_DATA_ACK, ISCSI_TAG_NONE, ttt, 4, 0);
	expect_reject(ISCSI_REJECT_INVALID_DATA_ACK);
	ini.exp_stat_sn = stat_sn;
	snack(ISCSI_SNACK_DATA_ACK, ISCSI_TAG_NONE, ttt, 2, 0);
	snack(ISCSI_SNACK_DATA_R2T, itt, ISCSI_TAG_NONE, 2, 0);
	expect_same(&pieces[2]);
	snack(ISCSI_SNACK_DATA_ACK, ISCSI_TAG_NONE, ttt, 3, 0);
	snack(ISCSI_SNACK_DATA_R2T, itt, ISCSI_TAG_NONE, 2, 0);
	expect_reject(ISCSI_REJECT_SNACK);
	snack(ISCSI_SNACK_DATA_ACK, ISCSI_TAG_NONE, 0x7fffffff, 3, 0);
	expect_reject(ISCSI_REJECT_INVALID_DATA_ACK);
	finish();
}

static void send_text(const char *text, uint32_t len)
{
	struct bhs_text_request request = {
		.itt = ini.itt++,
		.ttt = ISCSI_TAG_NONE,
		.cmd_sn = ini.cmd_sn,
		.exp_stat_sn = ini.exp_stat_sn,
		.is_immediate = true,
		.is_final = true,
	};
	struct bhs bhs;

	bhs_text_request_encode(&bhs, &request);
	ini_send(&ini, &bhs, text, len);
	ini_expect(&ini, ISCSI_OPCODE_TEXT_RESPONSE);
}

static void test_data__resegmented(void **state)
{
	struct bhs_scsi_response response;
	uint32_t stat_sn, itt, offset;
	struct bhs_data_in in;

	(void)state;
	log_in(NULL, 0);
	itt = read_bursts(2, &stat_sn);
	send_text(TEXT("MaxRecvDataSegmentLength=1024"));
	snack(ISCSI_SNACK_DATA_R2T, itt, ISCSI_TAG_NONE, 0, 1);
	ini_expect(&ini, ISCSI_OPCODE_REJECT);
	snack(ISCSI_SNACK_R_DATA, itt, 0x1234, 1, 0);
	ini_expect(&ini, ISCSI_OPCODE_REJECT);
	snack(ISCSI_SNACK_R_DATA, itt, 0x1234, 0, 0);
	for (offset = 0; offset < 2 * BURST; offset += 1024) {
		ini_expect(&ini, ISCSI_OPCODE_DATA_IN);
		bhs_data_in_decode(&ini.bhs, &in);
		assert_int_equal(in.data_sn, offset / 1024);
		assert_int_equal(in.buffer_offset, offset);
		assert_int_equal(ini.data_len, 1024);
		assert_memory_equal(ini.data, bed.disk[0].bytes + offset, 1024);
	}
	ini_expect(&ini, ISCSI_OPCODE_SCSI_RESPONSE);
	bhs_scsi_response_decode(&ini.bhs, &response);
	assert_int_equal(response.snack_tag, 0x1234);
	assert_int_equal(response.stat_sn, stat_sn);
	assert_int_equal(response.exp_data_sn, 8);
	ini_ping(&ini, NULL, 0, true);
	ini_expect(&ini, ISCSI_OPCODE_NOP_IN);
	finish();
}

/* What is kept is bounded: the oldest data goes, the status does not. */
static void test_data__no_more_than_so_much(void **state)
{
	uint32_t first = 0, last = 0;
	uint32_t stat_sn = 0;
	unsigned i, k;

	(void)state;
	bed.node->config.values.queue_depth = 16;
	log_in(NULL, 0);
	stat_sn = ini.exp_stat_sn;
	for (i = 0; i < 18; i++) {
		last = ini_read(&ini, 0, 32 * BURST / BED_BLOCK);
		first = i == 0 ? last : first;
		for (k = 0; k < 32; k++)
			expect_piece(&pieces[k]);
		ini_expect(&ini, ISCSI_OPCODE_SCSI_RESPONSE);
	}
	snack(ISCSI_SNACK_DATA_R2T, first, ISCSI_TAG_NONE, 0, 1);
	ini_expect(&ini, ISCSI_OPCODE_REJECT);
	snack(ISCSI_SNACK_DATA_R2T, last, ISCSI_TAG_NONE, 31, 1);
	expect_same(&pieces[31]);
	snack(ISCSI_SNACK_STATUS, ISCSI_TAG_NONE, ISCSI_TAG_NONE, stat_sn, 1);
	ini_expect(&ini, ISCSI_OPCODE_SCSI_RESPONSE);
	assert_int_equal(bhs_itt(&ini.bhs), first);
	ini_ping(&ini, NULL, 0, true);
	ini_expect(&ini, ISCSI_OPCODE_NOP_IN);
	finish();
}

/* --- SNACK of status --- */

static void test_status__of_all_kinds(void **state)
{
	struct bhs first, second;
	uint32_t begin;
	uint8_t sense[64];
	uint32_t sense_len;

	(void)state;
	log_in(NULL, 0);
	begin = ini.exp_stat_sn;
	/* One with sense (LBA out of range), and a ping with data. */
	ini_read(&ini, BED_BLOCKS, 1);
	ini_expect(&ini, ISCSI_OPCODE_SCSI_RESPONSE);
	first = ini.bhs;
	sense_len = ini.data_len;
	assert_in_range(sense_len, 20, sizeof(sense));
	memcpy(sense, ini.data, sense_len);
	ini_ping(&ini, "ping", 4, false);
	ini_expect(&ini, ISCSI_OPCODE_NOP_IN);
	second = ini.bhs;
	snack(ISCSI_SNACK_STATUS, ISCSI_TAG_NONE, ISCSI_TAG_NONE, begin, 2);
	ini_expect(&ini, ISCSI_OPCODE_SCSI_RESPONSE);
	memcpy(ini.bhs.raw + BHS_AT_EXP_CMD_SN, first.raw + BHS_AT_EXP_CMD_SN, 8);
	assert_memory_equal(ini.bhs.raw, first.raw, BHS_LEN);
	assert_int_equal(ini.data_len, sense_len);
	assert_memory_equal(ini.data, sense, sense_len);
	ini_expect(&ini, ISCSI_OPCODE_NOP_IN);
	memcpy(ini.bhs.raw + BHS_AT_EXP_CMD_SN, second.raw + BHS_AT_EXP_CMD_SN, 8);
	assert_memory_equal(ini.bhs.raw, second.raw, BHS_LEN);
	assert_memory_equal(ini.data, "ping", 4);
	/* Both zero: all. */
	snack(ISCSI_SNACK_STATUS, ISCSI_TAG_NONE, ISCSI_TAG_NONE, 0, 0);
	ini_expect(&ini, ISCSI_OPCODE_SCSI_RESPONSE);
	ini_expect(&ini, ISCSI_OPCODE_NOP_IN);
	snack(ISCSI_SNACK_STATUS, ISCSI_TAG_NONE, ISCSI_TAG_NONE, begin + 1, 1);
	ini_expect(&ini, ISCSI_OPCODE_NOP_IN);
	ini_expect_nothing(&ini);
	snack(ISCSI_SNACK_STATUS, ISCSI_TAG_NONE, ISCSI_TAG_NONE, begin + 2, 1);
	ini_expect(&ini, ISCSI_OPCODE_REJECT);
	ini.exp_stat_sn = begin + 1;
	snack(ISCSI_SNACK_STATUS, ISCSI_TAG_NONE, ISCSI_TAG_NONE, begin, 1);
	ini_expect(&ini, ISCSI_OPCODE_REJECT);
	finish();
}

static void test_status__is_asked_for(void **state)
{
	unsigned i;

	(void)state;
	log_in(NULL, 0);
	/* Answers that nobody acknowledges: after so many the initiator is asked. */
	for (i = 0; i < 40; i++) {
		ini_ping(&ini, NULL, 0, true);
		ini_expect(&ini, ISCSI_OPCODE_NOP_IN);
		if (bhs_ttt(&ini.bhs) != ISCSI_TAG_NONE)
			break;
	}
	assert_true(i < 40);
	ini_ping(&ini, NULL, 0, true);
	ini_expect(&ini, ISCSI_OPCODE_NOP_IN);
	finish();
}

/* An initiator that acknowledges nothing, until there is room for LEFT answers more. */
static void exhaust_answers(unsigned left)
{
	const struct iscsi_session *session;
	const struct iscsi_conn *conn = NULL;
	struct list_node *node;
	unsigned i;

	for (i = 0; i < BED_REACTORS && conn == NULL; i++) {
		node = list_front(&node_core(bed.node, bed.reactors[i])->sessions_here);
		if (node == NULL)
			continue;
		session = container_of(node, struct iscsi_session, link);
		conn = container_of(list_front(&session->conns), struct iscsi_conn, session_link);
	}
	assert_non_null(conn);
	bed_settle(&bed);
	while (conn->controls < CONN_CONTROLS_MAX - left) {
		ini_ping(&ini, NULL, 0, true);
		bed_settle(&bed);
	}
}

static void expect_end_among_others(void)
{
	bed_settle(&bed);
	while (ini_receive(&ini))
		;
	assert_true(loop_is_finished(ini.loop) || loop_is_gone(ini.loop));
	assert_true(bed_has_logged(&bed, "takes none of"));
}

static void test_status__no_room_for_all_of_it(void **state)
{
	unsigned i;

	(void)state;
	log_in(NULL, 0);
	for (i = 0; i < 6; i++)
		ini_read(&ini, i, 1);
	exhaust_answers(3);
	snack(ISCSI_SNACK_STATUS, ISCSI_TAG_NONE, ISCSI_TAG_NONE, 0, 0);
	expect_end_among_others();
}

static void test_kept__no_room_to_tell_of_the_window(void **state)
{
	uint32_t first;
	unsigned i;

	(void)state;
	/* What is kept closes the window; an acknowledgment opens it. */
	log_in(NULL, 0);
	first = ini.exp_stat_sn;
	for (i = 0; i < 128; i++)
		ini_read(&ini, i, 1);
	exhaust_answers(0);
	ini.exp_stat_sn = first + 64;
	ini_ping(&ini, NULL, 0, true);
	expect_end_among_others();
}

/*
 * A Logout drops what is kept, which opens the window; the connection that is to tell of it takes
 * no more answers, and its end is the session's.
 */
static void test_kept__logout_ends_the_session_meanwhile(void **state)
{
	struct ini second;
	unsigned i;

	(void)state;
	bed_tear_down(&bed);
	bed_set_up(&bed);
	bed.config.values.error_recovery_level = 1;
	bed.config.values.queue_depth = 4;
	bed.config.values.max_session_connections = 2;
	bed_start(&bed);
	log_in(TEXT("MaxConnections=2"));
	ini_connect(&second, &bed);
	second.tsih = ini.tsih;
	second.cid = 2;
	second.cmd_sn = ini.cmd_sn;
	second.itt = ini.itt + 1000;
	ini_login(&second, NULL, 0);
	/* All before is acknowledged; twice the depth are kept, then the window is closed. */
	ini_ping(&ini, NULL, 0, true);
	bed_settle(&bed);
	for (i = 0; i < 10; i++) {
		ini_read(&second, i, 1);
		bed_settle(&bed);
	}
	exhaust_answers(0);
	ini_logout(&second, ISCSI_LOGOUT_CLOSE_CONNECTION, 2);
	bed_settle(&bed);
	while (ini_receive(&second))
		;
	expect_end_among_others();
	ini_free(&second);
}

static void test_kept__when_the_connection_ends(void **state)
{
	uint32_t stat_sn, itt;

	(void)state;
	log_in(NULL, 0);
	itt = read_bursts(6, &stat_sn);
	loop_set_room(ini.loop, 1000);
	snack(ISCSI_SNACK_DATA_R2T, itt, ISCSI_TAG_NONE, 0, 0);
	bed_settle(&bed);
	loop_reset(ini.loop, -104);
	bed_settle(&bed);
	assert_true(loop_is_gone(ini.loop));
}

static void test_kept__logout(void **state)
{
	uint32_t stat_sn;

	(void)state;
	log_in(NULL, 0);
	read_bursts(6, &stat_sn);
	ini_logout(&ini, ISCSI_LOGOUT_CLOSE_SESSION, 0);
	ini_expect(&ini, ISCSI_OPCODE_LOGOUT_RESPONSE);
	ini_expect_closed(&ini);
}

/* --- data of the initiator --- */

static void expect_r2t(uint32_t itt, uint32_t r2t_sn, uint32_t offset, uint32_t length,
		       struct bhs_r2t *r2t)
{
	ini_expect(&ini, ISCSI_OPCODE_R2T);
	bhs_r2t_decode(&ini.bhs, r2t);
	assert_int_equal(r2t->itt, itt);
	assert_int_equal(r2t->r2t_sn, r2t_sn);
	assert_int_equal(r2t->buffer_offset, offset);
	assert_int_equal(r2t->desired_data_transfer_length, length);
}

static void expect_written(uint32_t itt, uint32_t lba, uint32_t len)
{
	ini_expect(&ini, ISCSI_OPCODE_SCSI_RESPONSE);
	assert_int_equal(bhs_itt(&ini.bhs), itt);
	assert_int_equal(ini.bhs.raw[BHS_AT_STATUS], 0);
	assert_memory_equal(bed.disk[0].bytes + lba * BED_BLOCK, pattern, len);
	finish();
}

static void test_out__broken_data_is_asked_for_again(void **state)
{
	struct bhs_r2t r2t;
	uint32_t itt;

	(void)state;
	log_in(TEXT("DataDigest=CRC32C\0MaxOutstandingR2T=1"));
	itt = ini_write(&ini, 40, 16, NULL, 0, true);
	expect_r2t(itt, 0, 0, 4096, &r2t);
	ini_data_out(&ini, itt, r2t.ttt, 0, 0, pattern, 1024, false);
	ini.bad_data_digest = true;
	ini_data_out(&ini, itt, r2t.ttt, 1, 1024, pattern + 9, 1024, false);
	expect_reject(ISCSI_REJECT_DATA_DIGEST_ERROR);
	ini_data_out(&ini, itt, r2t.ttt, 2, 2048, pattern + 2048, 1024, false);
	ini_expect_nothing(&ini);
	ini_data_out(&ini, itt, r2t.ttt, 3, 3072, pattern + 3072, 1024, true);
	expect_r2t(itt, 1, 1024, 3072, &r2t);
	ini_data_out(&ini, itt, r2t.ttt, 0, 1024, pattern + 1024, 3072, true);
	expect_r2t(itt, 2, 4096, 4096, &r2t);
	/* The last one broken, which has the F bit. */
	ini.bad_data_digest = true;
	ini_data_out(&ini, itt, r2t.ttt, 0, 4096, pattern + 9, 4096, true);
	expect_reject(ISCSI_REJECT_DATA_DIGEST_ERROR);
	expect_r2t(itt, 3, 4096, 4096, &r2t);
	ini_data_out(&ini, itt, r2t.ttt, 0, 4096, pattern + 4096, 4096, true);
	expect_written(itt, 40, 8192);
}

static void test_out__lost_data_is_asked_for_again(void **state)
{
	struct bhs_r2t r2t, other;
	uint32_t itt;

	(void)state;
	log_in(TEXT("MaxOutstandingR2T=2"));
	itt = ini_write(&ini, 40, 16, NULL, 0, true);
	expect_r2t(itt, 0, 0, 4096, &r2t);
	expect_r2t(itt, 1, 4096, 4096, &other);
	ini_data_out(&ini, itt, r2t.ttt, 0, 0, pattern, 512, false);
	/* DataSN 1 is missing; one comes twice. */
	ini_data_out(&ini, itt, r2t.ttt, 2, 1024, pattern + 1024, 1024, false);
	ini_data_out(&ini, itt, r2t.ttt, 0, 0, pattern + 3, 512, false);
	ini_data_out(&ini, itt, r2t.ttt, 3, 2048, pattern + 2048, 2048, true);
	expect_r2t(itt, 2, 512, 3584, &r2t);
	ini_data_out(&ini, itt, other.ttt, 0, 4096, pattern + 4096, 4096, true);
	ini_expect_nothing(&ini);
	ini_data_out(&ini, itt, r2t.ttt, 0, 512, pattern + 512, 3584, true);
	expect_written(itt, 40, 8192);
}

static void test_out__not_for_ever(void **state)
{
	struct bhs_r2t r2t;
	unsigned rounds;
	uint32_t itt;

	(void)state;
	log_in(TEXT("DataDigest=CRC32C\0MaxOutstandingR2T=1"));
	itt = ini_write(&ini, 40, 8, NULL, 0, true);
	for (rounds = 0; rounds < 100; rounds++) {
		if (!ini_receive(&ini) || bhs_opcode(&ini.bhs) != ISCSI_OPCODE_R2T)
			break;
		bhs_r2t_decode(&ini.bhs, &r2t);
		ini.bad_data_digest = true;
		ini_data_out(&ini, itt, r2t.ttt, 0, 0, pattern, 4096, true);
		expect_reject(ISCSI_REJECT_DATA_DIGEST_ERROR);
	}
	assert_int_equal(bhs_opcode(&ini.bhs), ISCSI_OPCODE_SCSI_RESPONSE);
	assert_int_equal(ini.bhs.raw[BHS_AT_STATUS], 2);
	assert_in_range(rounds, 10, 90);
	finish();
}

static void test_out__r2t_is_sent_again(void **state)
{
	struct bhs first, second;
	struct bhs_r2t r2t;
	uint32_t itt;

	(void)state;
	log_in(TEXT("MaxOutstandingR2T=2"));
	itt = ini_write(&ini, 40, 16, NULL, 0, true);
	expect_r2t(itt, 0, 0, 4096, &r2t);
	first = ini.bhs;
	expect_r2t(itt, 1, 4096, 4096, &r2t);
	second = ini.bhs;
	snack(ISCSI_SNACK_DATA_R2T, itt, ISCSI_TAG_NONE, 1, 1);
	ini_expect(&ini, ISCSI_OPCODE_R2T);
	assert_memory_equal(ini.bhs.raw, second.raw, BHS_LEN);
	snack(ISCSI_SNACK_DATA_R2T, itt, ISCSI_TAG_NONE, 0, 0);
	ini_expect(&ini, ISCSI_OPCODE_R2T);
	assert_memory_equal(ini.bhs.raw, first.raw, BHS_LEN);
	ini_expect(&ini, ISCSI_OPCODE_R2T);
	assert_memory_equal(ini.bhs.raw, second.raw, BHS_LEN);
	snack(ISCSI_SNACK_DATA_R2T, itt, ISCSI_TAG_NONE, 2, 1);
	expect_reject(ISCSI_REJECT_SNACK);
	ini_data_out(&ini, itt, bhs_ttt(&first), 0, 0, pattern, 4096, true);
	snack(ISCSI_SNACK_DATA_R2T, itt, ISCSI_TAG_NONE, 0, 1);
	expect_reject(ISCSI_REJECT_SNACK);
	ini_data_out(&ini, itt, bhs_ttt(&second), 0, 4096, pattern + 4096, 4096, true);
	expect_written(itt, 40, 8192);
}

static void test_unsolicited__broken_or_lost(void **state)
{
	struct bhs_r2t r2t;
	uint32_t itt;

	(void)state;
	log_in(TEXT("DataDigest=CRC32C\0InitialR2T=No"));
	itt = ini_write(&ini, 40, 8, pattern, 1024, false);
	ini_data_out(&ini, itt, ISCSI_TAG_NONE, 0, 1024, pattern + 1024, 1024, false);
	ini.bad_data_digest = true;
	ini_data_out(&ini, itt, ISCSI_TAG_NONE, 1, 2048, pattern + 9, 1024, false);
	expect_reject(ISCSI_REJECT_DATA_DIGEST_ERROR);
	ini_data_out(&ini, itt, ISCSI_TAG_NONE, 2, 3072, pattern + 3072, 1024, true);
	expect_r2t(itt, 0, 2048, 2048, &r2t);
	ini_data_out(&ini, itt, r2t.ttt, 0, 2048, pattern + 2048, 2048, true);
	expect_written(itt, 40, 4096);
	/* The first of two is lost. */
	memset(bed.disk[0].bytes, 0, 8192);
	itt = ini_write(&ini, 0, 8, pattern, 1024, false);
	ini_data_out(&ini, itt, ISCSI_TAG_NONE, 1, 2048, pattern + 2048, 2048, true);
	expect_r2t(itt, 0, 1024, 3072, &r2t);
	ini_data_out(&ini, itt, r2t.ttt, 0, 1024, pattern + 1024, 3072, true);
	expect_written(itt, 0, 4096);
}

static void test_immediate__broken_command_has_not_come(void **state)
{
	uint32_t itt, cmd_sn;

	(void)state;
	log_in(TEXT("DataDigest=CRC32C"));
	cmd_sn = ini.cmd_sn;
	ini.bad_data_digest = true;
	itt = ini_write(&ini, 40, 8, pattern + 9, 4096, true);
	ini_expect(&ini, ISCSI_OPCODE_REJECT);
	assert_int_equal(bhs_exp_cmd_sn(&ini.bhs), cmd_sn);
	ini.exp_stat_sn = bhs_stat_sn(&ini.bhs) + 1;
	/* What comes behind waits for it. */
	ini_ping(&ini, NULL, 0, false);
	ini_expect_nothing(&ini);
	ini.cmd_sn = cmd_sn;
	ini.itt = itt;
	assert_int_equal(ini_write(&ini, 40, 8, pattern, 4096, true), itt);
	ini.cmd_sn++;
	ini.itt += 7;
	ini_expect(&ini, ISCSI_OPCODE_SCSI_RESPONSE);
	assert_int_equal(bhs_itt(&ini.bhs), itt);
	ini_expect(&ini, ISCSI_OPCODE_NOP_IN);
	assert_memory_equal(bed.disk[0].bytes + 40 * BED_BLOCK, pattern, 4096);
	finish();
}

static void test_immediate__good_ones_in_any_order(void **state)
{
	uint32_t first, second, cmd_sn;

	(void)state;
	log_in(TEXT("DataDigest=CRC32C"));
	cmd_sn = ini.cmd_sn++;
	second = ini_write(&ini, 40, 8, pattern, 4096, true);
	ini_expect_nothing(&ini);
	ini.cmd_sn = cmd_sn;
	first = ini_write(&ini, 60, 8, pattern, 4096, true);
	ini_expect(&ini, ISCSI_OPCODE_SCSI_RESPONSE);
	assert_int_equal(bhs_itt(&ini.bhs), first);
	ini_expect(&ini, ISCSI_OPCODE_SCSI_RESPONSE);
	assert_int_equal(bhs_itt(&ini.bhs), second);
	ini.cmd_sn++;
	assert_memory_equal(bed.disk[0].bytes + 40 * BED_BLOCK, pattern, 4096);
	assert_memory_equal(bed.disk[0].bytes + 60 * BED_BLOCK, pattern, 4096);
	finish();
}

static void test_immediate__aborted_or_lost_while_it_comes(void **state)
{
	uint32_t itt;
	struct bhs bhs;

	(void)state;
	log_in(TEXT("DataDigest=CRC32C\0MaxConnections=1"));
	/* Only half of the data comes, and then the connection goes. */
	itt = ini.itt;
	ini_write(&ini, 40, 8, pattern, 4096, true);
	ini_expect(&ini, ISCSI_OPCODE_SCSI_RESPONSE);
	assert_int_equal(bhs_itt(&ini.bhs), itt);
	bhs_begin(&bhs, ISCSI_OPCODE_SCSI_COMMAND,
		  ISCSI_FLAG_FINAL | ISCSI_SCSI_COMMAND_WRITE | ISCSI_ATTR_SIMPLE);
	put_be32(bhs.raw + BHS_AT_ITT, ini.itt);
	put_be32(bhs.raw + 20, 4096);
	put_be32(bhs.raw + BHS_AT_CMD_SN, ini.cmd_sn);
	put_be32(bhs.raw + BHS_AT_EXP_STAT_SN, ini.exp_stat_sn);
	bhs.raw[BHS_AT_CDB] = 0x2a;
	bhs.raw[BHS_AT_CDB + 8] = 8;
	bhs_set_data_len(&bhs, 4096);
	loop_feed(ini.loop, bhs.raw, BHS_LEN);
	loop_feed(ini.loop, pattern, 100);
	bed_settle(&bed);
	loop_reset(ini.loop, -104);
	bed_settle(&bed);
}

static void test_request__broken_has_not_come(void **state)
{
	(void)state;
	log_in(TEXT("DataDigest=CRC32C"));
	ini.bad_data_digest = true;
	ini_ping(&ini, "ping", 4, false);
	expect_reject(ISCSI_REJECT_DATA_DIGEST_ERROR);
	assert_int_equal(bhs_exp_cmd_sn(&ini.bhs), ini.cmd_sn - 1);
	ini.cmd_sn--;
	ini_ping(&ini, "ping", 4, false);
	ini_expect(&ini, ISCSI_OPCODE_NOP_IN);
	finish();
}

static void log_in_unordered(const char *more, uint32_t len)
{
	bed.node->config.values.data_pdu_in_order = false;
	log_in(more, len);
}

static void test_unordered__solicited(void **state)
{
	static const uint32_t order[] = { 3, 0, 2, 1 };
	struct bhs_r2t r2t;
	uint32_t itt;
	unsigned i;

	(void)state;
	log_in_unordered(TEXT("DataPDUInOrder=No\0DataDigest=CRC32C"));
	itt = ini_write(&ini, 40, 8, NULL, 0, true);
	expect_r2t(itt, 0, 0, 4096, &r2t);
	for (i = 0; i < 4; i++)
		ini_data_out(&ini, itt, r2t.ttt, i, order[i] * 1024, pattern + order[i] * 1024, 1024,
			     i == 3);
	expect_written(itt, 40, 4096);
	/* One of them broken: all of the sequence once more. */
	itt = ini_write(&ini, 60, 8, NULL, 0, true);
	expect_r2t(itt, 0, 0, 4096, &r2t);
	ini_data_out(&ini, itt, r2t.ttt, 0, 2048, pattern + 2048, 2048, false);
	ini.bad_data_digest = true;
	ini_data_out(&ini, itt, r2t.ttt, 1, 0, pattern + 5, 2048, true);
	expect_reject(ISCSI_REJECT_DATA_DIGEST_ERROR);
	expect_r2t(itt, 1, 0, 4096, &r2t);
	ini_data_out(&ini, itt, r2t.ttt, 0, 1024, pattern + 1024, 3072, false);
	ini_data_out(&ini, itt, r2t.ttt, 1, 0, pattern, 1024, true);
	expect_written(itt, 60, 4096);
	/* The same twice is no sequence: nothing may be left unwritten. */
	itt = ini_write(&ini, 80, 8, NULL, 0, true);
	expect_r2t(itt, 0, 0, 4096, &r2t);
	ini_data_out(&ini, itt, r2t.ttt, 0, 0, pattern, 2048, false);
	ini_data_out(&ini, itt, r2t.ttt, 1, 1024, pattern, 2048, true);
	ini_expect(&ini, ISCSI_OPCODE_SCSI_RESPONSE);
	assert_int_equal(ini.bhs.raw[BHS_AT_STATUS], 2);
	finish();
}

static void test_unordered__unsolicited(void **state)
{
	struct bhs_r2t r2t;
	uint32_t itt;

	(void)state;
	log_in_unordered(TEXT("DataPDUInOrder=No\0DataDigest=CRC32C\0InitialR2T=No"));
	itt = ini_write(&ini, 40, 8, pattern, 512, false);
	ini_data_out(&ini, itt, ISCSI_TAG_NONE, 0, 2048, pattern + 2048, 2048, false);
	ini_data_out(&ini, itt, ISCSI_TAG_NONE, 1, 512, pattern + 512, 1536, true);
	expect_written(itt, 40, 4096);
	/* A broken one: an R2T for all behind what is whole. */
	itt = ini_write(&ini, 60, 8, pattern, 512, false);
	ini_data_out(&ini, itt, ISCSI_TAG_NONE, 0, 2048, pattern + 2048, 2048, false);
	ini.bad_data_digest = true;
	ini_data_out(&ini, itt, ISCSI_TAG_NONE, 1, 512, pattern + 3, 1536, true);
	expect_reject(ISCSI_REJECT_DATA_DIGEST_ERROR);
	expect_r2t(itt, 0, 512, 3584, &r2t);
	ini_data_out(&ini, itt, r2t.ttt, 0, 512, pattern + 512, 3584, true);
	expect_written(itt, 60, 4096);
	/* A hole at the end. */
	itt = ini_write(&ini, 80, 8, pattern, 512, false);
	ini_data_out(&ini, itt, ISCSI_TAG_NONE, 0, 2048, pattern + 2048, 2048, true);
	ini_expect(&ini, ISCSI_OPCODE_SCSI_RESPONSE);
	assert_int_equal(ini.bhs.raw[BHS_AT_STATUS], 2);
	finish();
}

/* Out of order and before its turn. */
static void test_unordered__held(void **state)
{
	uint32_t itt, cmd_sn;

	(void)state;
	log_in_unordered(TEXT("DataPDUInOrder=No\0InitialR2T=No"));
	cmd_sn = ini.cmd_sn++;
	itt = ini_write(&ini, 40, 8, pattern, 512, false);
	ini_data_out(&ini, itt, ISCSI_TAG_NONE, 0, 2048, pattern + 2048, 2048, false);
	ini_data_out(&ini, itt, ISCSI_TAG_NONE, 1, 512, pattern + 512, 1536, true);
	ini_expect_nothing(&ini);
	ini.cmd_sn = cmd_sn;
	ini_ping(&ini, NULL, 0, false);
	ini.cmd_sn++;
	ini_expect(&ini, ISCSI_OPCODE_NOP_IN);
	expect_written(itt, 40, 4096);
	/* Its turn comes in the middle of its data. */
	cmd_sn = ini.cmd_sn++;
	itt = ini_write(&ini, 80, 8, pattern, 512, false);
	ini_data_out(&ini, itt, ISCSI_TAG_NONE, 0, 3072, pattern + 3072, 1024, false);
	bed_settle(&bed);
	ini.cmd_sn = cmd_sn;
	ini_ping(&ini, NULL, 0, false);
	ini.cmd_sn++;
	ini_expect(&ini, ISCSI_OPCODE_NOP_IN);
	ini_data_out(&ini, itt, ISCSI_TAG_NONE, 1, 512, pattern + 512, 2560, true);
	expect_written(itt, 80, 4096);
}

static void test_sequences__answered_in_any_order(void **state)
{
	struct bhs_r2t r2t[3];
	uint32_t itt;
	unsigned i;

	(void)state;
	bed.node->config.values.data_sequence_in_order = false;
	log_in(TEXT("MaxOutstandingR2T=3\0DataSequenceInOrder=No"));
	itt = ini_write(&ini, 40, 24, NULL, 0, true);
	for (i = 0; i < 3; i++)
		expect_r2t(itt, i, i * 4096, 4096, &r2t[i]);
	for (i = 3; i-- > 0;)
		ini_data_out(&ini, itt, r2t[i].ttt, 0, i * 4096, pattern + i * 4096, 4096, true);
	expect_written(itt, 40, 3 * 4096);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_level__is_negotiated),
		CASE(test_login__its_response_never_comes_again),
		CASE(test_data__some_of_it),
		CASE(test_data__while_the_rest_is_sent),
		CASE(test_data__acknowledged),
		CASE(test_data__resegmented),
		CASE(test_data__no_more_than_so_much),
		CASE(test_status__of_all_kinds),
		CASE(test_status__is_asked_for),
		CASE(test_status__no_room_for_all_of_it),
		CASE(test_kept__no_room_to_tell_of_the_window),
		CASE(test_kept__logout_ends_the_session_meanwhile),
		CASE(test_kept__when_the_connection_ends),
		CASE(test_kept__logout),
		CASE(test_out__broken_data_is_asked_for_again),
		CASE(test_out__lost_data_is_asked_for_again),
		CASE(test_out__not_for_ever),
		CASE(test_out__r2t_is_sent_again),
		CASE(test_unsolicited__broken_or_lost),
		CASE(test_immediate__broken_command_has_not_come),
		CASE(test_immediate__good_ones_in_any_order),
		CASE(test_immediate__aborted_or_lost_while_it_comes),
		CASE(test_request__broken_has_not_come),
		CASE(test_unordered__solicited),
		CASE(test_unordered__unsolicited),
		CASE(test_unordered__held),
		CASE(test_sequences__answered_in_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
