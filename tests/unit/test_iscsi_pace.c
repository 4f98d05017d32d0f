/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The window follows latency, as an initiator sees it: MaxCmdSN (RFC 7143
 * section 4.2.2.1) over rounds of commands that the store takes its time for.
 */
#include "test_iscsi_bed.h"

#include "iscsi/session.h"

#define DEPTH     32u
#define TARGET_MS 100u
#define BESIDE    ((SESSION_IMMEDIATE_MAX + 1) * EXTENT_MIN)

static struct bed bed;
static struct ini ini;
static uint8_t pattern[4096];
static uint32_t last_max;

static int set_up(void **state)
{
	(void)state;
	bed_set_up(&bed);
	bed.config.values.queue_depth = DEPTH;
	bed.config.values.target_latency_ms = TARGET_MS;
	bed.config.nop_interval_s = 0;
	return 0;
}

static void start_with(const char *text, uint32_t len)
{
	bed_start(&bed);
	bed.next_reactor = bed.reactors[0];
	ini_connect(&ini, &bed);
	ini_login(&ini, text, len);
	ini_clear_attention(&ini);
	last_max = bhs_max_cmd_sn(&ini.bhs);
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

/* How many commands may be sent now. */
static uint32_t window(void)
{
	return last_max - ini.cmd_sn + 1;
}

static void expect_done(uint32_t itt, uint32_t lba)
{
	ini_expect_read(&ini, itt, bed.disk[0].bytes + lba * BED_BLOCK, BED_BLOCK);
	assert_true((int32_t)(bhs_max_cmd_sn(&ini.bhs) - last_max) >= 0);
	last_max = bhs_max_cmd_sn(&ini.bhs);
}

/* COUNT reads at once that take so long; the window afterwards. */
static uint32_t round_of(unsigned count, unsigned milliseconds)
{
	uint32_t itt[DEPTH];
	unsigned i;

	assert_true(count <= window());
	bed.disk[0].is_holding = true;
	for (i = 0; i < count; i++)
		itt[i] = ini_read(&ini, i, 1);
	bed_settle(&bed);
	bed_pass(&bed, milliseconds);
	bed_release(&bed, 0);
	for (i = 0; i < count; i++)
		expect_done(itt[i], i);
	return window();
}

static void keep_session(void *context, const struct iscsi_session_info *sessions, unsigned count)
{
	assert_int_equal(count, 1);
	memcpy(context, sessions, sizeof(*sessions));
}

static struct iscsi_session_info tell(void)
{
	struct iscsi_session_info info;

	assert_int_equal(iscsi_node_sessions(bed.node, keep_session, &info), 0);
	bed_settle(&bed);
	return info;
}

static void test_pace__shrinks_slot_by_slot(void **state)
{
	uint32_t before = DEPTH;
	unsigned i;

	(void)state;
	start();
	assert_int_equal(window(), DEPTH);
	for (i = 0; i < 40; i++) {
		uint32_t now = round_of(before, 2 * TARGET_MS);

		assert_true(now <= before && now >= 4);
		/* Gradually: one step for each round. */
		assert_true(before - now <= DEPTH / 8);
		before = now;
	}
	assert_int_equal(before, 4);
	assert_int_equal(tell().window, 4);
	assert_in_range(tell().latency_us, 190000, 230000);
}

static void test_pace__max_cmd_sn_does_not_go_back(void **state)
{
	uint32_t itt[2 * DEPTH];
	uint32_t max;
	unsigned sent = 0;
	unsigned i;

	(void)state;
	start();
	bed.disk[0].is_holding = true;
	for (; sent < DEPTH; sent++)
		itt[sent] = ini_read(&ini, sent, 1);
	bed_pass(&bed, 2 * TARGET_MS);
	bed_release(&bed, 0);
	for (i = 0; i < 16; i++)
		expect_done(itt[i], i);
	max = last_max;
	/* It takes whatever it has been allowed to send, though the window is smaller now. */
	bed.disk[0].is_holding = true;
	while ((int32_t)(max - ini.cmd_sn) >= 0) {
		itt[sent] = ini_read(&ini, sent, 1);
		sent++;
	}
	bed_settle(&bed);
	for (i = 16; i < DEPTH; i++)
		expect_done(itt[i], i);
	assert_int_equal(bed.disk[0].submitted, sent);
	bed_release(&bed, 0);
	for (; i < sent; i++)
		expect_done(itt[i], i);
}

static void test_pace__grows_back(void **state)
{
	uint32_t before;
	unsigned rounds = 0;
	unsigned i;

	(void)state;
	start();
	for (i = 0; i < 40; i++)
		round_of(window(), 2 * TARGET_MS);
	assert_int_equal(window(), 4);
	for (before = 4; before < DEPTH; before = window()) {
		assert_true(round_of(before, 1) >= before);
		assert_true(window() - before <= DEPTH / 8);
		assert_true(++rounds < 200);
	}
	assert_true(rounds > 4);
	assert_int_equal(round_of(DEPTH, 1), DEPTH);
}

/* Below its target, if not by far, it does not stay small for ever. */
static void test_pace__probes(void **state)
{
	unsigned i;

	(void)state;
	start();
	for (i = 0; i < 40; i++)
		round_of(window(), 2 * TARGET_MS);
	for (i = 0; i < 200; i++)
		round_of(window(), TARGET_MS * 4 / 5);
	assert_int_equal(window(), DEPTH);
}

static void test_pace__not_while_slots_are_free(void **state)
{
	unsigned i;

	(void)state;
	start();
	for (i = 0; i < 40; i++)
		assert_int_equal(round_of(DEPTH / 2, 5 * TARGET_MS), DEPTH);
}

static void test_pace__one_long_command_among_others(void **state)
{
	unsigned i;

	(void)state;
	start();
	for (i = 0; i < 4; i++)
		round_of(1, 100 * TARGET_MS);
	/* The average is still above the target, but these are not why. */
	assert_true(tell().latency_us > TARGET_MS * 1000);
	assert_int_equal(round_of(DEPTH, 1), DEPTH);
}

static void test_pace__off(void **state)
{
	unsigned i;

	(void)state;
	bed.config.values.target_latency_ms = 0;
	start();
	for (i = 0; i < 20; i++)
		assert_int_equal(round_of(DEPTH, 50 * TARGET_MS), DEPTH);
	assert_true(tell().latency_us > 0);
}

/* Not even a small one becomes smaller. */
static void test_pace__of_a_small_window(void **state)
{
	unsigned i;

	(void)state;
	bed.config.values.queue_depth = 3;
	start();
	for (i = 0; i < 20; i++)
		assert_int_equal(round_of(3, 50 * TARGET_MS), 3);
}

/* Whoever is slow to send data is not the store. */
static void test_pace__without_the_initiators_part(void **state)
{
	uint32_t itt[DEPTH];
	struct bhs_r2t r2t;
	unsigned round, i;

	(void)state;
	start();
	for (round = 0; round < 8; round++) {
		for (i = 0; i < DEPTH; i++)
			itt[i] = ini_write(&ini, i, 1, NULL, 0, true);
		bed_settle(&bed);
		bed_pass(&bed, 10 * TARGET_MS);
		for (i = 0; i < DEPTH; i++) {
			ini_expect(&ini, ISCSI_OPCODE_R2T);
			bhs_r2t_decode(&ini.bhs, &r2t);
			ini_data_out(&ini, itt[i], r2t.ttt, 0, 0, pattern, BED_BLOCK, true);
		}
		for (i = 0; i < DEPTH; i++)
			ini_expect_response(&ini, itt[i], 0, NULL);
		last_max = bhs_max_cmd_sn(&ini.bhs);
		assert_int_equal(window(), DEPTH);
	}
	assert_true(tell().latency_us < 1000);
}

/* The lesser of what memory and latency allow. */
static void test_pace__beside_memory(void **state)
{
	struct arena *arena = reactor_arena(bed.reactors[0]);
	struct iscsi_session *session;
	size_t taken = 0;
	unsigned i;

	(void)state;
	/* What is left is enough for half of the commands, and what may come beside them. */
	while (arena_reserve(arena, EXTENT_MIN) == 0)
		taken += EXTENT_MIN;
	taken -= BESIDE + DEPTH / 2 * EXTENT_MIN;
	arena_unreserve(arena, BESIDE + DEPTH / 2 * EXTENT_MIN);
	bed.config.values.first_burst_length = EXTENT_MIN;
	start_with(TEXT("FirstBurstLength=4096"));
	session = container_of(list_front(&node_core(bed.node, bed.reactors[0])->sessions_here),
			       struct iscsi_session, link);
	assert_int_equal(session->granted, DEPTH / 2);
	assert_int_equal(session->window, session->granted);
	for (i = 0; i < 40; i++)
		round_of(window(), 2 * TARGET_MS);
	assert_int_equal(window(), 4);
	arena_unreserve(arena, taken);
	for (i = 0; i < 40; i++)
		round_of(window(), 2 * TARGET_MS);
	assert_int_equal(window(), 4);
	for (i = 0; i < 600; i++)
		round_of(window(), 1);
	assert_int_equal(session->granted, DEPTH);
	assert_int_equal(window(), DEPTH);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_pace__shrinks_slot_by_slot),
		CASE(test_pace__max_cmd_sn_does_not_go_back),
		CASE(test_pace__grows_back),
		CASE(test_pace__probes),
		CASE(test_pace__not_while_slots_are_free),
		CASE(test_pace__one_long_command_among_others),
		CASE(test_pace__off),
		CASE(test_pace__of_a_small_window),
		CASE(test_pace__without_the_initiators_part),
		CASE(test_pace__beside_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
