/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iscsi/share.c: how sessions of one reactor share what memory there is for data that comes
 * unasked. A command's part is 64 KiB here, and the bed's arena sets 4 MiB aside at most.
 */
#include "test_iscsi_bed.h"

#include "iscsi/session.h"

enum {
	DEPTH = 32,
	SESSIONS = 4,
	SLOT = 65536,
	BESIDE = 1 + SESSION_IMMEDIATE_MAX,
};

static struct bed bed;
static struct ini ini[SESSIONS];
static unsigned count;
static uint8_t last_isid;

static int set_up(void **state)
{
	(void)state;
	bed_set_up(&bed);
	bed.config.values.queue_depth = DEPTH;
	bed.config.nop_interval_s = 0;
	bed_start(&bed);
	bed.next_reactor = bed.reactors[0];
	count = 0;
	return 0;
}

static struct iscsi_session *session_of(unsigned i)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &node_core(bed.node, bed.reactors[0])->sessions_here) {
		struct iscsi_session *session = container_of(node, struct iscsi_session, link);

		if (session->tsih == ini[i].tsih)
			return session;
	}
	fail();
	return NULL;
}

static void another(void)
{
	struct ini *one = &ini[count];

	ini_connect(one, &bed);
	one->isid[5] = ++last_isid;
	ini_login(one, NULL, 0);
	one->tsih = get_be16(one->bhs.raw + 14);
	ini_clear_attention(one);
	count++;
}

static int tear_down(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < count; i++)
		ini_free(&ini[i]);
	/* All that was set aside has been given back. */
	assert_int_equal(arena_reserve_left(reactor_arena(bed.reactors[0])),
			 arena_reserve_max(reactor_arena(bed.reactors[0])));
	bed_tear_down(&bed);
	return 0;
}

static uint32_t granted(unsigned i)
{
	return session_of(i)->granted;
}

/* As many commands as there may be, COUNT times, and then time for the sessions to share. */
static void work(unsigned i, unsigned rounds)
{
	while (rounds-- != 0) {
		uint32_t most = session_of(i)->max_cmd_sn + 1 - ini[i].cmd_sn;
		uint32_t itt[DEPTH];
		uint32_t n;

		assert_in_range(most, 1, DEPTH);
		for (n = 0; n < most; n++)
			itt[n] = ini_read(&ini[i], n, 1);
		for (n = 0; n < most; n++)
			ini_expect_read(&ini[i], itt[n], bed.disk[0].bytes + n * BED_BLOCK,
					BED_BLOCK);
		bed_pass(&bed, 120);
	}
}

/* What is set aside covers what initiators may send. */
static void check_cover(void)
{
	struct arena *arena = reactor_arena(bed.reactors[0]);
	size_t sum = 0;
	unsigned i;

	for (i = 0; i < count; i++) {
		const struct iscsi_session *session = session_of(i);
		uint32_t open = session->max_cmd_sn + 1 - session->exp_cmd_sn;

		assert_true(session->reserved_slots >= open + 1);
		assert_true(session->reserved_slots >= session->granted + 1);
		sum += (size_t)session->reserved_slots * SLOT;
	}
	assert_int_equal(arena_reserve_left(arena), arena_reserve_max(arena) - sum);
}

static void test_share__whoever_is_alone_has_it_all(void **state)
{
	(void)state;
	another();
	assert_int_equal(granted(0), DEPTH);
	check_cover();
}

static void test_share__a_late_session_grows_when_the_others_work(void **state)
{
	(void)state;
	another();
	another();
	assert_int_equal(granted(0), DEPTH);
	assert_true(granted(1) < DEPTH);
	check_cover();
	/* The first is idle: what it has been allowed cannot be taken back. */
	work(1, 8);
	assert_int_equal(session_of(0)->reserved_slots, DEPTH + BESIDE);
	check_cover();
	work(0, 2);
	work(1, 8);
	/* A third of 64 slots for each, were there one more. */
	assert_in_range(granted(1), 8, 16);
	assert_in_range(granted(0), 8, 16);
	check_cover();
}

static void test_share__what_comes_free_is_for_those_who_are_busy(void **state)
{
	(void)state;
	another();
	another();
	assert_true(granted(1) < DEPTH);
	ini_logout(&ini[0], ISCSI_LOGOUT_CLOSE_SESSION, 1);
	ini_expect(&ini[0], ISCSI_OPCODE_LOGOUT_RESPONSE);
	ini_free(&ini[0]);
	ini[0] = ini[1];
	count = 1;
	/* Whoever has nothing to do needs no more. */
	bed_pass(&bed, 1000);
	assert_true(granted(0) < DEPTH);
	work(0, 8);
	assert_int_equal(granted(0), DEPTH);
	check_cover();
}

static void test_share__many(void **state)
{
	unsigned round, i;

	(void)state;
	for (i = 0; i < SESSIONS; i++)
		another();
	for (round = 0; round < 10; round++) {
		for (i = 0; i < SESSIONS; i++)
			work(i, 1);
		check_cover();
	}
	for (i = 0; i < SESSIONS; i++)
		assert_in_range(granted(i), 4, 8);
}

/* Others that come and go all the time do not keep it from growing. */
static void test_share__while_others_come_and_go(void **state)
{
	unsigned i;

	(void)state;
	another();
	another();
	work(0, 2);
	ini_logout(&ini[0], ISCSI_LOGOUT_CLOSE_SESSION, 1);
	ini_expect(&ini[0], ISCSI_OPCODE_LOGOUT_RESPONSE);
	ini_free(&ini[0]);
	ini[0] = ini[1];
	count = 1;
	assert_true(granted(0) < 8);
	for (i = 0; i < 40; i++) {
		uint32_t most = session_of(0)->max_cmd_sn + 1 - ini[0].cmd_sn;
		uint32_t itt[DEPTH];
		uint32_t n;

		for (n = 0; n < most; n++)
			itt[n] = ini_read(&ini[0], n, 1);
		for (n = 0; n < most; n++)
			ini_expect_read(&ini[0], itt[n], bed.disk[0].bytes + n * BED_BLOCK,
					BED_BLOCK);
		another();
		bed_pass(&bed, 60);
		ini_logout(&ini[1], ISCSI_LOGOUT_CLOSE_SESSION, 1);
		ini_expect(&ini[1], ISCSI_OPCODE_LOGOUT_RESPONSE);
		ini_free(&ini[1]);
		count = 1;
	}
	/* Its part, as long as there are two. */
	assert_in_range(granted(0), 8, DEPTH);
	check_cover();
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_share__whoever_is_alone_has_it_all),
		CASE(test_share__a_late_session_grows_when_the_others_work),
		CASE(test_share__what_comes_free_is_for_those_who_are_busy),
		CASE(test_share__while_others_come_and_go),
		CASE(test_share__many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
