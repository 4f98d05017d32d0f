/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SCSI commands as an initiator sees them: the window, data in and out in every
 * way, residuals (RFC 7143 sections 4.2.2, 11.3, 11.4, 11.7).
 */
#include "test_iscsi_bed.h"

#include "iscsi/session.h"

#define R (ISCSI_FLAG_FINAL | ISCSI_SCSI_COMMAND_READ)
#define W (ISCSI_FLAG_FINAL | ISCSI_SCSI_COMMAND_WRITE)

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

static void start_with(const char *text, uint32_t len)
{
	bed_start(&bed);
	ini_connect(&ini, &bed);
	ini_login(&ini, text, len);
	ini_clear_attention(&ini);
	bed.log[0] = '\0';
}

static void start(void)
{
	start_with(NULL, 0);
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

/* Answers one R2T with everything it asks for; returns its length. */
static uint32_t answer_r2t(uint32_t itt, uint32_t r2t_sn, const uint8_t *data, uint32_t segment)
{
	struct bhs_r2t r2t;
	uint32_t sent = 0;
	uint32_t data_sn = 0;

	ini_expect(&ini, ISCSI_OPCODE_R2T);
	bhs_r2t_decode(&ini.bhs, &r2t);
	assert_int_equal(r2t.itt, itt);
	assert_int_equal(r2t.r2t_sn, r2t_sn);
	assert_int_equal(r2t.stat_sn, ini.exp_stat_sn);
	while (sent < r2t.desired_data_transfer_length) {
		uint32_t len = min(segment, r2t.desired_data_transfer_length - sent);

		ini_data_out(&ini, itt, r2t.ttt, data_sn++, r2t.buffer_offset + sent,
			     data + r2t.buffer_offset + sent, len,
			     sent + len == r2t.desired_data_transfer_length);
		sent += len;
	}
	return sent;
}

static void expect_written(uint32_t lba, const uint8_t *data, uint32_t len)
{
	assert_memory_equal(bed.disk[0].bytes + lba * BED_BLOCK, data, len);
}

/* --- reading --- */

static void test_read__one_block_and_many(void **state)
{
	uint32_t itt;

	(void)state;
	start();
	itt = ini_read(&ini, 5, 1);
	ini_expect_read(&ini, itt, bed.disk[0].bytes + 5 * BED_BLOCK, BED_BLOCK);
	itt = ini_read(&ini, 0, 2048);
	ini_expect_read(&ini, itt, bed.disk[0].bytes, 2048 * BED_BLOCK);
}

static void test_read__digests(void **state)
{
	uint32_t itt;

	(void)state;
	start_with(TEXT("HeaderDigest=CRC32C\0DataDigest=CRC32C"));
	assert_true(ini.header_digest && ini.data_digest);
	itt = ini_read(&ini, 1, 300);
	ini_expect_read(&ini, itt, bed.disk[0].bytes + BED_BLOCK, 300 * BED_BLOCK);
}

/* A mover that cannot send from a store's memory says so, at any time. */
static void test_read__memory_that_the_mover_lacks(void **state)
{
	struct iscsi_session *session;
	atomic_bool lacks = false;
	uint32_t itt;

	(void)state;
	start();
	bed.disk[0].store.traits.mappable = true;
	session = container_of(list_front(&node_core(bed.node, bed.reactors[0])->sessions_here),
			       struct iscsi_session, link);
	session_live_conn(session)->wire->lacks_memory = &lacks;
	itt = ini_read(&ini, 5, 1);
	ini_expect_read(&ini, itt, bed.disk[0].bytes + 5 * BED_BLOCK, BED_BLOCK);
	assert_int_equal(bed.disk[0].maps, 1);
	lacks = true;
	itt = ini_read(&ini, 5, 1);
	ini_expect_read(&ini, itt, bed.disk[0].bytes + 5 * BED_BLOCK, BED_BLOCK);
	assert_int_equal(bed.disk[0].maps, 1);
}

static void test_read__beyond_the_end(void **state)
{
	struct bhs_scsi_response response;
	uint32_t itt;

	(void)state;
	start();
	itt = ini_read(&ini, BED_BLOCKS, 1);
	ini_expect_response(&ini, itt, 2, &response);
	ini_expect_sense(&ini, 5, 0x21, 0);
	/* Nothing of what was expected has come. */
	assert_int_equal(response.flags, ISCSI_SCSI_RESPONSE_UNDERFLOW);
	assert_int_equal(response.residual_count, BED_BLOCK);
}

/* READ(10) of BLOCKS with EDTL EXPECTED: flags and residual as section 11.4.5 has them. */
static void check_read_residual(uint16_t blocks, uint32_t expected, uint8_t flags,
				uint32_t residual)
{
	struct ini_command command = { .cdb = { 0x28 }, .flags = R, .expected = expected };
	struct bhs_data_in in;
	uint32_t itt;

	put_be16(command.cdb + 7, blocks);
	itt = ini_command(&ini, &command);
	assert_true(ini_receive(&ini));
	if (bhs_opcode(&ini.bhs) == ISCSI_OPCODE_DATA_IN) {
		bhs_data_in_decode(&ini.bhs, &in);
		assert_int_equal(in.data_len, min(expected, blocks * BED_BLOCK));
		assert_int_equal(in.flags & (ISCSI_DATA_IN_OVERFLOW | ISCSI_DATA_IN_UNDERFLOW),
				 flags);
		assert_int_equal(in.residual_count, residual);
	} else {
		struct bhs_scsi_response response;

		bhs_scsi_response_decode(&ini.bhs, &response);
		assert_int_equal(response.itt, itt);
		assert_int_equal(response.status, 0);
		assert_int_equal(response.flags, flags);
		assert_int_equal(response.residual_count, residual);
	}
	ini.exp_stat_sn++;
}

static void test_read__residuals(void **state)
{
	(void)state;
	start();
	check_read_residual(2, 1024, 0, 0);
	check_read_residual(1, 1024, ISCSI_SCSI_RESPONSE_UNDERFLOW, 512);
	check_read_residual(2, 512, ISCSI_SCSI_RESPONSE_OVERFLOW, 512);
	check_read_residual(0, 512, ISCSI_SCSI_RESPONSE_UNDERFLOW, 512);
	check_read_residual(1, 0, ISCSI_SCSI_RESPONSE_OVERFLOW, 512);
	check_read_residual(1, 100, ISCSI_SCSI_RESPONSE_OVERFLOW, 412);
	check_read_residual(1, 4000, ISCSI_SCSI_RESPONSE_UNDERFLOW, 4000 - 512);
}

/* --- writing --- */

static void test_write__immediate(void **state)
{
	struct bhs_scsi_response response;
	uint32_t itt;

	(void)state;
	start();
	itt = ini_write(&ini, 10, 8, pattern, 4096, true);
	ini_expect_response(&ini, itt, 0, &response);
	assert_int_equal(response.flags, 0);
	expect_written(10, pattern, 4096);
}

static void test_write__solicited(void **state)
{
	uint32_t itt;

	(void)state;
	start();
	itt = ini_write(&ini, 100, 512, NULL, 0, true);
	assert_int_equal(answer_r2t(itt, 0, pattern, 65536), 262144);
	ini_expect_response(&ini, itt, 0, NULL);
	expect_written(100, pattern, 512 * BED_BLOCK);
}

static void test_write__immediate_then_solicited(void **state)
{
	uint32_t itt;

	(void)state;
	start();
	itt = ini_write(&ini, 0, 64, pattern, 5000, true);
	assert_int_equal(answer_r2t(itt, 0, pattern, 8192), 64 * BED_BLOCK - 5000);
	ini_expect_response(&ini, itt, 0, NULL);
	expect_written(0, pattern, 64 * BED_BLOCK);
}

static void test_write__bursts(void **state)
{
	uint32_t itt;

	(void)state;
	start_with(TEXT("MaxBurstLength=8192\0FirstBurstLength=4096\0MaxOutstandingR2T=1"));
	itt = ini_write(&ini, 0, 48, NULL, 0, true);
	assert_int_equal(answer_r2t(itt, 0, pattern, 4096), 8192);
	assert_int_equal(answer_r2t(itt, 1, pattern, 4096), 8192);
	assert_int_equal(answer_r2t(itt, 2, pattern, 4096), 8192);
	ini_expect_response(&ini, itt, 0, NULL);
	expect_written(0, pattern, 48 * BED_BLOCK);
}

static void test_write__unsolicited(void **state)
{
	uint32_t itt;

	(void)state;
	bed.config.values.initial_r2t = false;
	start_with(TEXT("InitialR2T=No\0FirstBurstLength=16384"));
	/* Immediate, then unsolicited up to FirstBurstLength, then solicited. */
	itt = ini_write(&ini, 7, 64, pattern, 4096, false);
	ini_data_out(&ini, itt, ISCSI_TAG_NONE, 0, 4096, pattern + 4096, 8192, false);
	ini_data_out(&ini, itt, ISCSI_TAG_NONE, 1, 12288, pattern + 12288, 4096, true);
	assert_int_equal(answer_r2t(itt, 0, pattern, 16384), 64 * BED_BLOCK - 16384);
	ini_expect_response(&ini, itt, 0, NULL);
	expect_written(7, pattern, 64 * BED_BLOCK);
	/* Everything unsolicited. */
	itt = ini_write(&ini, 1, 16, NULL, 0, false);
	ini_expect_nothing(&ini);
	ini_data_out(&ini, itt, ISCSI_TAG_NONE, 0, 0, pattern, 8192, true);
	ini_expect_response(&ini, itt, 0, NULL);
	expect_written(1, pattern, 8192);
}

static void test_write__unsolicited_ends_early(void **state)
{
	uint32_t itt;

	(void)state;
	bed.config.values.initial_r2t = false;
	start_with(TEXT("InitialR2T=No"));
	itt = ini_write(&ini, 7, 16, NULL, 0, false);
	ini_data_out(&ini, itt, ISCSI_TAG_NONE, 0, 0, pattern, 1024, true);
	assert_int_equal(answer_r2t(itt, 0, pattern, 16384), 7168);
	ini_expect_response(&ini, itt, 0, NULL);
	expect_written(7, pattern, 8192);
}

static void check_unsolicited_fault(uint32_t data_sn, uint32_t offset, uint32_t len)
{
	uint32_t itt = ini_write(&ini, 7, 16, NULL, 0, false);

	ini_data_out(&ini, itt, ISCSI_TAG_NONE, data_sn, offset, pattern, len, false);
	/* The response waits for the end of what was announced. */
	ini_expect_nothing(&ini);
	ini_data_out(&ini, itt, ISCSI_TAG_NONE, data_sn + 1, offset + len, pattern, 512, true);
	ini_expect_response(&ini, itt, 2, NULL);
	ini_expect_sense(&ini, 0xb, 0x0c, 0x0d);
}

static void test_write__unsolicited_faults(void **state)
{
	(void)state;
	bed.config.values.initial_r2t = false;
	start_with(TEXT("InitialR2T=No\0FirstBurstLength=8192"));
	check_unsolicited_fault(1, 0, 512);
	check_unsolicited_fault(0, 512, 512);
	check_unsolicited_fault(0, 0, 16384);
	/* The session lives on. */
	ini_clear_attention(&ini);
}

static void test_write__solicited_faults(void **state)
{
	struct bhs_r2t r2t;
	uint32_t itt;

	(void)state;
	start();
	itt = ini_write(&ini, 0, 16, NULL, 0, true);
	ini_expect(&ini, ISCSI_OPCODE_R2T);
	bhs_r2t_decode(&ini.bhs, &r2t);
	ini_data_out(&ini, itt, r2t.ttt, 3, 0, pattern, 8192, true);
	ini_expect_response(&ini, itt, 2, NULL);
	ini_expect_sense(&ini, 0xb, 0x0c, 0x0d);
	/* No R2T has this tag. */
	ini_data_out(&ini, itt, 0x777, 0, 0, pattern, 8192, true);
	expect_reject(ISCSI_REJECT_INVALID_PDU_FIELD);
	ini_clear_attention(&ini);
}

static void test_write__refused_before_its_data(void **state)
{
	struct bhs_scsi_response response;
	uint32_t itt;

	(void)state;
	start();
	itt = ini_write(&ini, BED_BLOCKS, 8, pattern, 4096, true);
	ini_expect_response(&ini, itt, 2, &response);
	ini_expect_sense(&ini, 5, 0x21, 0);
	assert_int_equal(response.flags, ISCSI_SCSI_RESPONSE_UNDERFLOW);
	assert_int_equal(response.residual_count, 4096);
	ini_clear_attention(&ini);
}

static void check_write_residual(uint16_t blocks, uint32_t expected, uint8_t flags,
				 uint32_t residual)
{
	struct ini_command command = {
		.cdb = { 0x2a }, .flags = W, .expected = expected, .data = pattern,
		.data_len = expected,
	};
	struct bhs_scsi_response response;
	uint8_t after[BED_BLOCK];
	uint32_t itt;

	put_be16(command.cdb + 7, blocks);
	memcpy(after, bed.disk[0].bytes + blocks * BED_BLOCK, BED_BLOCK);
	itt = ini_command(&ini, &command);
	ini_expect_response(&ini, itt, 0, &response);
	assert_int_equal(response.flags, flags);
	assert_int_equal(response.residual_count, residual);
	/* Nothing behind what the CDB names was touched. */
	assert_memory_equal(after, bed.disk[0].bytes + blocks * BED_BLOCK, BED_BLOCK);
}

static void test_write__residuals(void **state)
{
	(void)state;
	start();
	check_write_residual(2, 1024, 0, 0);
	check_write_residual(1, 1024, ISCSI_SCSI_RESPONSE_UNDERFLOW, 512);
	check_write_residual(1, 8192, ISCSI_SCSI_RESPONSE_UNDERFLOW, 8192 - 512);
	check_write_residual(0, 512, ISCSI_SCSI_RESPONSE_UNDERFLOW, 512);
	check_write_residual(2, 512, ISCSI_SCSI_RESPONSE_OVERFLOW, 512);
	check_write_residual(1, 0, ISCSI_SCSI_RESPONSE_OVERFLOW, 512);
}

/* --- what the header must not say --- */

static void check_rejected(const struct ini_command *command)
{
	uint32_t exp_cmd_sn = ini.cmd_sn + 1;

	ini_command(&ini, command);
	expect_reject(ISCSI_REJECT_PROTOCOL_ERROR);
	assert_int_equal(bhs_exp_cmd_sn(&ini.bhs), exp_cmd_sn);
}

static void test_header__faults(void **state)
{
	const struct ini_command unsolicited = {
		.cdb = { 0x2a, [8] = 8 }, .flags = ISCSI_SCSI_COMMAND_WRITE, .expected = 4096,
	};
	const struct ini_command no_write = { .flags = 0 };
	const struct ini_command data_without_write = {
		.cdb = { 0x28, [8] = 1 }, .flags = R, .expected = 512, .data = pattern,
		.data_len = 512,
	};
	const struct ini_command too_much = {
		.cdb = { 0x2a, [8] = 1 }, .flags = W, .expected = 512, .data = pattern,
		.data_len = 1024,
	};

	(void)state;
	start();
	check_rejected(&unsolicited);
	check_rejected(&no_write);
	check_rejected(&data_without_write);
	check_rejected(&too_much);
	ini_clear_attention(&ini);
}

static void test_header__immediate_data_is_off(void **state)
{
	const struct ini_command command = {
		.cdb = { 0x2a, [8] = 1 }, .flags = W, .expected = 512, .data = pattern,
		.data_len = 512,
	};

	(void)state;
	start_with(TEXT("ImmediateData=No"));
	check_rejected(&command);
	ini_clear_attention(&ini);
}

static void test_header__above_first_burst(void **state)
{
	const struct ini_command command = {
		.cdb = { 0x2a, [8] = 8 }, .flags = W, .expected = 4096, .data = pattern,
		.data_len = 4096,
	};

	(void)state;
	start_with(TEXT("FirstBurstLength=2048"));
	check_rejected(&command);
	ini_clear_attention(&ini);
}

static void test_header__above_max_recv_data_segment(void **state)
{
	(void)state;
	bed.config.values.max_recv_data_segment_length = 4096;
	start();
	ini_write(&ini, 0, 16, pattern, 4100, true);
	ini_expect_closed(&ini);
	assert_true(bed_has_logged(&bed, "longer than MaxRecvDataSegmentLength"));
}

static void test_header__itt_in_use(void **state)
{
	uint32_t first;

	(void)state;
	start();
	bed.disk[0].is_holding = true;
	first = ini_read(&ini, 0, 1);
	ini.itt = first;
	ini_read(&ini, 1, 1);
	expect_reject(ISCSI_REJECT_TASK_IN_PROGRESS);
	bed_release(&bed, 0);
	ini_expect_read(&ini, first, bed.disk[0].bytes, 512);
	/* Answered: free again. */
	ini.itt = first;
	first = ini_read(&ini, 1, 1);
	ini_expect_read(&ini, first, bed.disk[0].bytes + 512, 512);
}

/* --- the window --- */

static void test_window__closes_and_opens(void **state)
{
	uint32_t itt[8];
	unsigned i;

	(void)state;
	start();
	bed.disk[0].is_holding = true;
	for (i = 0; i < 8; i++)
		itt[i] = ini_read(&ini, i, 1);
	bed_settle(&bed);
	assert_int_equal(bed.disk[0].submitted, 8);
	/* A ninth is outside the window: ignored, as if it had not come. */
	ini_read(&ini, 8, 1);
	ini_expect_nothing(&ini);
	assert_int_equal(bed.disk[0].submitted, 8);
	ini.cmd_sn--;
	bed_release(&bed, 0);
	for (i = 0; i < 8; i++) {
		ini_expect_read(&ini, itt[i], bed.disk[0].bytes + i * 512, 512);
		assert_int_equal(bhs_exp_cmd_sn(&ini.bhs), ini.cmd_sn);
		assert_int_equal(bhs_max_cmd_sn(&ini.bhs), ini.cmd_sn + i);
	}
	itt[0] = ini_read(&ini, 8, 1);
	ini_expect_read(&ini, itt[0], bed.disk[0].bytes + 8 * 512, 512);
}

static void test_window__of_one(void **state)
{
	unsigned i;

	(void)state;
	bed.config.values.queue_depth = 1;
	start();
	for (i = 0; i < 10; i++) {
		uint32_t itt = ini_write(&ini, i, 1, pattern + i, 512, true);

		ini_expect_response(&ini, itt, 0, NULL);
		assert_int_equal(bhs_max_cmd_sn(&ini.bhs), ini.cmd_sn);
	}
}

static void test_window__peer_that_reads_nothing(void **state)
{
	unsigned sent = 0;
	unsigned got = 0;

	(void)state;
	start();
	/* Every response allows one more command, but tasks whose response is stuck are not free. */
	loop_set_room(ini.loop, 1);
	while (sent < 64) {
		ini_read(&ini, sent % 8, 1);
		sent++;
	}
	bed_settle(&bed);
	assert_true(bed.disk[0].submitted <= 16);
	loop_set_room(ini.loop, 1 << 30);
	while (ini_receive(&ini))
		got += bhs_opcode(&ini.bhs) == ISCSI_OPCODE_DATA_IN;
	assert_int_equal(got, bed.disk[0].submitted);
	/* The last thing said was that the window is open. */
	assert_true((int32_t)(bhs_max_cmd_sn(&ini.bhs) - bhs_exp_cmd_sn(&ini.bhs)) >= 0);
}

static void test_cmd_sn__too_low_and_too_high(void **state)
{
	uint32_t itt;

	(void)state;
	start();
	ini.cmd_sn -= 1;
	ini_read(&ini, 0, 1);
	ini_expect_nothing(&ini);
	ini.cmd_sn += 8;
	ini_read(&ini, 0, 1);
	ini_expect_nothing(&ini);
	ini.cmd_sn -= 9;
	itt = ini_read(&ini, 0, 1);
	ini_expect_read(&ini, itt, bed.disk[0].bytes, 512);
}

static void test_cmd_sn__wraps(void **state)
{
	unsigned i;

	(void)state;
	bed_start(&bed);
	ini_connect(&ini, &bed);
	ini.cmd_sn = 0xfffffffe;
	ini_login(&ini, NULL, 0);
	ini_clear_attention(&ini);
	for (i = 0; i < 10; i++) {
		uint32_t itt = ini_read(&ini, i, 1);

		ini_expect_read(&ini, itt, bed.disk[0].bytes + i * 512, 512);
		assert_int_equal(bhs_exp_cmd_sn(&ini.bhs), ini.cmd_sn);
	}
}

static void test_cmd_sn__a_gap_is_waited_for(void **state)
{
	uint32_t first;
	uint32_t second;
	uint32_t third;
	uint32_t base;

	(void)state;
	start();
	base = ini.cmd_sn;
	ini.cmd_sn = base + 2;
	third = ini_write(&ini, 30, 8, pattern + 2000, 4096, true);
	ini.cmd_sn = base + 1;
	second = ini_write(&ini, 20, 8, pattern + 1000, 4096, true);
	ini_expect_nothing(&ini);
	assert_int_equal(bed.disk[0].submitted, 0);
	/* A duplicate of one that waits is ignored. */
	ini.cmd_sn = base + 1;
	ini_write(&ini, 20, 8, pattern, 4096, true);
	ini_expect_nothing(&ini);
	ini.cmd_sn = base;
	first = ini_write(&ini, 10, 8, pattern, 4096, true);
	/* In the order of their CmdSN, but for the first, whose data comes after its header. */
	ini_expect(&ini, ISCSI_OPCODE_SCSI_RESPONSE);
	ini_expect(&ini, ISCSI_OPCODE_SCSI_RESPONSE);
	ini_expect(&ini, ISCSI_OPCODE_SCSI_RESPONSE);
	assert_int_equal(bhs_exp_cmd_sn(&ini.bhs), base + 3);
	assert_true(first < 1000 && second < 1000 && third < 1000);
	expect_written(10, pattern, 4096);
	expect_written(20, pattern + 1000, 4096);
	expect_written(30, pattern + 2000, 4096);
	ini.cmd_sn = base + 3;
	ini.exp_stat_sn += 3;
	ini_clear_attention(&ini);
}

static void test_cmd_sn__gap_before_other_requests(void **state)
{
	uint32_t base;
	uint32_t itt;

	(void)state;
	start();
	base = ini.cmd_sn;
	ini.cmd_sn = base + 1;
	ini_ping(&ini, "ping", 4, false);
	ini_expect_nothing(&ini);
	ini.cmd_sn = base;
	itt = ini_read(&ini, 0, 1);
	/* Both answers, in whatever order they were ready. */
	assert_true(ini_receive(&ini));
	assert_true(ini_receive(&ini));
	assert_int_equal(bhs_exp_cmd_sn(&ini.bhs), base + 2);
	assert_int_not_equal(itt, 0);
}

static void test_cmd_sn__unsolicited_data_of_one_that_waits(void **state)
{
	uint32_t base;
	uint32_t itt;

	(void)state;
	bed.config.values.initial_r2t = false;
	start_with(TEXT("InitialR2T=No\0FirstBurstLength=8192"));
	base = ini.cmd_sn;
	ini.cmd_sn = base + 1;
	itt = ini_write(&ini, 40, 16, pattern, 2048, false);
	ini_data_out(&ini, itt, ISCSI_TAG_NONE, 0, 2048, pattern + 2048, 4096, false);
	ini_expect_nothing(&ini);
	ini.cmd_sn = base;
	ini_clear_attention(&ini);
	ini_data_out(&ini, itt, ISCSI_TAG_NONE, 1, 6144, pattern + 6144, 2048, true);
	ini_expect_response(&ini, itt, 0, NULL);
	expect_written(40, pattern, 8192);
}

/* Data-Out of a command that waits, with an offset that is nowhere in it: none of it is kept. */
static void test_cmd_sn__misplaced_data_of_one_that_waits(void **state)
{
	static const uint32_t offsets[] = { UINT32_MAX - 511, UINT32_MAX - 1023, 1u << 24 };
	size_t left;
	uint32_t base, itt;
	unsigned i;

	(void)state;
	bed.config.values.initial_r2t = false;
	start_with(TEXT("InitialR2T=No\0FirstBurstLength=8192"));
	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		base = ini.cmd_sn;
		ini.cmd_sn = base + 1;
		itt = ini_write(&ini, 40, 16, NULL, 0, false);
		bed_settle(&bed);
		left = bed_free_memory(&bed);
		ini_data_out(&ini, itt, ISCSI_TAG_NONE, 0, offsets[i], pattern, 1024, false);
		bed_settle(&bed);
		assert_int_equal(bed_free_memory(&bed), left);
		ini_data_out(&ini, itt, ISCSI_TAG_NONE, 1, 1024, pattern, 7168, true);
		ini.cmd_sn = base;
		ini_ping(&ini, NULL, 0, false);
		ini_expect(&ini, ISCSI_OPCODE_NOP_IN);
		ini.exp_stat_sn++;
		ini_expect_response(&ini, itt, 2, NULL);
		ini.cmd_sn = base + 2;
	}
	assert_int_equal(bed.disk[0].submitted, 0);
}

static void test_gap__connection_ends_with_held_data(void **state)
{
	(void)state;
	start();
	ini.cmd_sn++;
	ini_write(&ini, 40, 8, pattern, 4096, true);
	ini_ping(&ini, "ping", 4, false);
	bed_settle(&bed);
	/* tear_down sees that nothing is left. */
}

static void test_immediate__beside_a_closed_window(void **state)
{
	struct ini_command command = {
		.cdb = { 0x2a, [8] = 8 }, .flags = W, .expected = 4096, .data = pattern,
		.data_len = 4096, .immediate = true,
	};
	unsigned i;
	uint32_t itt;

	(void)state;
	start();
	bed.disk[0].is_holding = true;
	for (i = 0; i < 8; i++)
		ini_read(&ini, i, 1);
	for (i = 0; i < 8; i++)
		itt = ini_command(&ini, &command);
	ini_expect_nothing(&ini);
	/* One too many. */
	ini_command(&ini, &command);
	expect_reject(ISCSI_REJECT_IMMEDIATE_COMMAND);
	bed_release(&bed, 0);
	for (i = 0; i < 16; i++)
		assert_true(ini_receive(&ini));
	assert_int_equal(bhs_itt(&ini.bhs), itt);
	expect_written(0, pattern, 4096);
}

/* --- digests --- */

static void test_digest__bad_immediate_data(void **state)
{
	uint32_t itt;

	(void)state;
	start_with(TEXT("DataDigest=CRC32C"));
	ini.bad_data_digest = true;
	itt = ini_write(&ini, 10, 8, pattern, 4096, true);
	expect_reject(ISCSI_REJECT_DATA_DIGEST_ERROR);
	ini_expect_response(&ini, itt, 2, NULL);
	ini_expect_sense(&ini, 0xb, 0x47, 0x05);
	assert_int_equal(bed.disk[0].submitted, 0);
	itt = ini_write(&ini, 10, 8, pattern, 4096, true);
	ini_expect_response(&ini, itt, 0, NULL);
	expect_written(10, pattern, 4096);
}

static void test_digest__bad_solicited_data(void **state)
{
	struct bhs_r2t r2t;
	uint32_t itt;

	(void)state;
	start_with(TEXT("DataDigest=CRC32C"));
	itt = ini_write(&ini, 10, 16, NULL, 0, true);
	ini_expect(&ini, ISCSI_OPCODE_R2T);
	bhs_r2t_decode(&ini.bhs, &r2t);
	ini.bad_data_digest = true;
	ini_data_out(&ini, itt, r2t.ttt, 0, 0, pattern, 4096, false);
	expect_reject(ISCSI_REJECT_DATA_DIGEST_ERROR);
	ini_expect_nothing(&ini);
	ini_data_out(&ini, itt, r2t.ttt, 1, 4096, pattern, 4096, true);
	ini_expect_response(&ini, itt, 2, NULL);
	ini_expect_sense(&ini, 0xb, 0x47, 0x05);
}

static void test_digest__bad_header(void **state)
{
	struct bhs bhs = { { 0 } };
	uint32_t zero = 0;

	(void)state;
	start_with(TEXT("HeaderDigest=CRC32C"));
	loop_feed(ini.loop, bhs.raw, BHS_LEN);
	loop_feed(ini.loop, &zero, 4);
	ini_expect_closed(&ini);
	bed_pass(&bed, 2000);
	assert_true(bed_has_logged(&bed, "header digest error"));
}

/* --- the end of a connection in every state of a command --- */

static void test_end__while_data_is_awaited(void **state)
{
	(void)state;
	start();
	ini_write(&ini, 0, 64, NULL, 0, true);
	ini_expect(&ini, ISCSI_OPCODE_R2T);
	loop_close(ini.loop);
	bed_settle(&bed);
	assert_true(loop_is_gone(ini.loop));
}

static void test_end__in_the_middle_of_immediate_data(void **state)
{
	struct bhs_scsi_command scsi = {
		.itt = 77, .expected_data_transfer_length = 4096, .cmd_sn = ini.cmd_sn,
		.is_final = true, .is_write = true, .cdb = { 0x2a, [8] = 8 },
	};
	struct bhs bhs;

	(void)state;
	start();
	scsi.cmd_sn = ini.cmd_sn;
	bhs_scsi_command_encode(&bhs, &scsi);
	bhs_set_data_len(&bhs, 4096);
	loop_feed(ini.loop, bhs.raw, BHS_LEN);
	loop_feed(ini.loop, pattern, 1000);
	bed_settle(&bed);
	loop_reset(ini.loop, -104);
	bed_settle(&bed);
	assert_true(loop_is_gone(ini.loop));
	assert_int_equal(bed.disk[0].submitted, 0);
}

static void test_end__while_the_store_works(void **state)
{
	struct iscsi_node_info info;

	(void)state;
	start();
	bed.disk[0].is_holding = true;
	ini_write(&ini, 0, 8, pattern, 4096, true);
	ini_read(&ini, 0, 8);
	bed_settle(&bed);
	loop_close(ini.loop);
	bed_settle(&bed);
	/* The store has its memory until it is done. */
	iscsi_node_get_info(bed.node, &info);
	assert_int_equal(info.connections, 1);
	bed_release(&bed, 0);
	iscsi_node_get_info(bed.node, &info);
	assert_int_equal(info.connections, 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_read__one_block_and_many),
		CASE(test_read__digests),
		CASE(test_read__memory_that_the_mover_lacks),
		CASE(test_read__beyond_the_end),
		CASE(test_read__residuals),
		CASE(test_write__immediate),
		CASE(test_write__solicited),
		CASE(test_write__immediate_then_solicited),
		CASE(test_write__bursts),
		CASE(test_write__unsolicited),
		CASE(test_write__unsolicited_ends_early),
		CASE(test_write__unsolicited_faults),
		CASE(test_write__solicited_faults),
		CASE(test_write__refused_before_its_data),
		CASE(test_write__residuals),
		CASE(test_header__faults),
		CASE(test_header__immediate_data_is_off),
		CASE(test_header__above_first_burst),
		CASE(test_header__above_max_recv_data_segment),
		CASE(test_header__itt_in_use),
		CASE(test_window__closes_and_opens),
		CASE(test_window__of_one),
		CASE(test_window__peer_that_reads_nothing),
		CASE(test_cmd_sn__too_low_and_too_high),
		CASE(test_cmd_sn__wraps),
		CASE(test_cmd_sn__a_gap_is_waited_for),
		CASE(test_cmd_sn__gap_before_other_requests),
		CASE(test_cmd_sn__unsolicited_data_of_one_that_waits),
		CASE(test_cmd_sn__misplaced_data_of_one_that_waits),
		CASE(test_gap__connection_ends_with_held_data),
		CASE(test_immediate__beside_a_closed_window),
		CASE(test_digest__bad_immediate_data),
		CASE(test_digest__bad_solicited_data),
		CASE(test_digest__bad_header),
		CASE(test_end__while_data_is_awaited),
		CASE(test_end__in_the_middle_of_immediate_data),
		CASE(test_end__while_the_store_works),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
