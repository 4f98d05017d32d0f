/* SPDX-License-Identifier: BSD-2-Clause */
/* The timer wheel: every timer at its tick, whatever the distance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "sys/reactor.h"
#include "sys/timers.h"

struct alarm {
	struct timer timer;
	struct timers *timers;
	uint64_t due;
	unsigned rang;
};

static void ring(struct timer *timer)
{
	struct alarm *alarm = container_of(timer, struct alarm, timer);

	assert_int_equal(alarm->timers->tick, alarm->due);
	alarm->rang++;
}

static void set(struct timers *timers, struct alarm *alarm, uint64_t due)
{
	memset(alarm, 0, sizeof(*alarm));
	alarm->timer.expired = ring;
	alarm->timers = timers;
	alarm->due = due;
	timers_start(timers, &alarm->timer, due);
}

static void test_timers__each_distance_at_its_tick(void **state)
{
	static const uint64_t distances[] = { 1,     2,	    255,    256,    257,   511,	    512,
					      65535, 65536, 65537,  131072, 70000, 1000000, 16777215,
					      16777216, 20000000 };
	static const uint64_t starts[] = { 0, 1, 255, 256, 65535, 16777215, 123456789 };

	(void)state;
	for (unsigned s = 0; s < ARRAY_SIZE(starts); s++) {
		struct timers timers;
		struct alarm alarms[ARRAY_SIZE(distances)];

		timers_init(&timers, starts[s]);
		for (unsigned i = 0; i < ARRAY_SIZE(distances); i++)
			set(&timers, &alarms[i], starts[s] + distances[i]);
		timers_advance(&timers, starts[s] + 20000001);
		for (unsigned i = 0; i < ARRAY_SIZE(distances); i++)
			assert_int_equal(alarms[i].rang, 1);
		assert_int_equal(timers.count, 0);
	}
}

/* Sleeping exactly as long as timers_next says misses nothing and does not spin. */
static void test_timers_next__never_late(void **state)
{
	struct timers timers;
	struct alarm alarms[200];
	unsigned seed = 3;
	unsigned steps = 0;

	(void)state;
	timers_init(&timers, 1000);
	assert_true(timers_next(&timers) == TIMERS_NEVER);
	for (unsigned i = 0; i < 200; i++)
		set(&timers, &alarms[i], 1001 + (uint64_t)rand_r(&seed) % 300000);
	while (timers.count > 0) {
		uint64_t next = timers_next(&timers);

		assert_true(next > timers.tick);
		timers_advance(&timers, next);
		assert_true(++steps < 2000);
	}
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(alarms[i].rang, 1);
}

static void test_timers_stop__does_not_ring(void **state)
{
	struct timers timers;
	struct alarm kept;
	struct alarm stopped;

	(void)state;
	timers_init(&timers, 0);
	set(&timers, &kept, 300);
	set(&timers, &stopped, 300);
	timers_stop(&timers, &stopped.timer);
	timers_stop(&timers, &stopped.timer);
	set(&timers, &kept, 400);
	timers_advance(&timers, 1000);
	assert_int_equal(stopped.rang, 0);
	assert_int_equal(kept.rang, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timers__each_distance_at_its_tick),
		cmocka_unit_test(test_timers_next__never_late),
		cmocka_unit_test(test_timers_stop__does_not_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
