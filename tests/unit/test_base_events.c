/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of base/events.h and base/clock.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/events.h"

struct printed {
	int count;
	struct event events[EVENTS_CAPACITY + 1];
};

static void keep(void *ctx, const struct event *event)
{
	struct printed *printed = ctx;

	assert_in_range(printed->count, 0, EVENTS_CAPACITY);
	printed->events[printed->count++] = *event;
}

static void test_events_print__oldest_first(void **state)
{
	struct printed printed = { 0 };
	struct events events = { 0 };

	(void)state;
	events_print(&events, keep, &printed);
	assert_int_equal(printed.count, 0);
	events_add(&events, 100, "login", 1, 2);
	events_add(&events, 200, "logout", 3, 4);
	events_print(&events, keep, &printed);
	assert_int_equal(printed.count, 2);
	assert_string_equal(printed.events[0].what, "login");
	assert_int_equal(printed.events[0].time_ns, 100);
	assert_int_equal(printed.events[0].a, 1);
	assert_int_equal(printed.events[0].b, 2);
	assert_string_equal(printed.events[1].what, "logout");
}

static void test_events_add__overwrites_the_oldest(void **state)
{
	struct printed printed = { 0 };
	struct events events = { 0 };

	(void)state;
	for (uint64_t i = 0; i < EVENTS_CAPACITY + 5; i++)
		events_add(&events, i, "step", i, 0);
	events_print(&events, keep, &printed);
	assert_int_equal(printed.count, EVENTS_CAPACITY);
	assert_int_equal(printed.events[0].a, 5);
	assert_int_equal(printed.events[EVENTS_CAPACITY - 1].a, EVENTS_CAPACITY + 4);
}

static void test_clock_manual__moves_only_by_hand(void **state)
{
	struct clock_manual manual;
	struct clock *clock = &manual.clock;

	(void)state;
	clock_manual_init(&manual, 1000);
	assert_int_equal(clock_now_ns(clock), 1000);
	assert_int_equal(clock_now_ns(clock), 1000);
	clock_manual_advance(&manual, 3 * CLOCK_NS_PER_S);
	assert_int_equal(clock_now_ns(clock), 3000001000);
}

static void test_clock_monotonic__never_goes_back(void **state)
{
	struct clock clock;
	uint64_t before;

	(void)state;
	clock_init_monotonic(&clock);
	before = clock_now_ns(&clock);
	for (int i = 0; i < 1000; i++) {
		uint64_t now = clock_now_ns(&clock);

		assert_true(now >= before);
		before = now;
	}
	assert_true(clock_monotonic_ns() >= before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events_print__oldest_first),
		cmocka_unit_test(test_events_add__overwrites_the_oldest),
		cmocka_unit_test(test_clock_manual__moves_only_by_hand),
		cmocka_unit_test(test_clock_monotonic__never_goes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
