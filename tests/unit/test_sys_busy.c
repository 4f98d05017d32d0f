/* SPDX-License-Identifier: BSD-2-Clause */
/* When the reactor spins: while work comes soon and somebody waits, and not when idle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sys/busy.h"

enum { SOON = 10000, LATE = 5000000 };

static void request(struct busy *busy, bool peer_waits, uint64_t waited_ns)
{
	busy_learn(busy, waited_ns);
	busy->peer_waits = peer_waits;
}

static void test_busy__spins_while_a_peer_waits_and_comes_soon(void **state)
{
	struct busy busy;

	(void)state;
	busy_init(&busy, -1, true);
	assert_int_equal(busy_budget_ns(&busy), 0);
	for (unsigned i = 0; i < 10; i++)
		request(&busy, true, SOON);
	assert_int_equal(busy_budget_ns(&busy), BUSY_ADAPTIVE_NS);
}

static void test_busy__sleeps_while_peers_have_answers_to_look_at(void **state)
{
	struct busy busy;

	(void)state;
	busy_init(&busy, -1, true);
	for (unsigned i = 0; i < 100; i++)
		request(&busy, false, SOON);
	assert_int_equal(busy_budget_ns(&busy), 0);
}

static void test_busy__gives_up_when_idle(void **state)
{
	struct busy busy;

	(void)state;
	busy_init(&busy, -1, true);
	for (unsigned i = 0; i < 100; i++)
		request(&busy, true, SOON);
	/* A ping now and then, as of an idle initiator */
	for (unsigned i = 0; i < 3; i++)
		request(&busy, true, LATE);
	assert_int_equal(busy_budget_ns(&busy), 0);
}

static void test_busy__settings(void **state)
{
	struct busy busy;

	(void)state;
	busy_init(&busy, 0, true);
	for (unsigned i = 0; i < 100; i++)
		request(&busy, true, SOON);
	assert_int_equal(busy_budget_ns(&busy), 0);
	busy_init(&busy, 20, true);
	assert_int_equal(busy_budget_ns(&busy), 20000);
	/* A single CPU: spinning would keep the others from giving us work. */
	busy_init(&busy, -1, false);
	for (unsigned i = 0; i < 100; i++)
		request(&busy, true, SOON);
	assert_int_equal(busy_budget_ns(&busy), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_busy__spins_while_a_peer_waits_and_comes_soon),
		cmocka_unit_test(test_busy__sleeps_while_peers_have_answers_to_look_at),
		cmocka_unit_test(test_busy__gives_up_when_idle),
		cmocka_unit_test(test_busy__settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
