/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of base/mpsc.h, also with real threads (run them under TSan). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>

#include "base/container.h"
#include "base/mpsc.h"

struct message {
	struct mpsc_node node;
	int producer;
	int number;
};

static struct message *pop(struct mpsc *queue)
{
	struct mpsc_node *node = mpsc_pop(queue);

	return node == NULL ? NULL : container_of(node, struct message, node);
}

static void test_mpsc_pop__first_in_first_out(void **state)
{
	struct message messages[3] = { { .number = 0 }, { .number = 1 }, { .number = 2 } };
	struct mpsc queue;

	(void)state;
	mpsc_init(&queue);
	assert_null(pop(&queue));
	mpsc_push(&queue, &messages[0].node);
	mpsc_push(&queue, &messages[1].node);
	assert_int_equal(pop(&queue)->number, 0);
	mpsc_push(&queue, &messages[2].node);
	assert_false(mpsc_is_empty(&queue));
	assert_int_equal(pop(&queue)->number, 1);
	assert_int_equal(pop(&queue)->number, 2);
	assert_null(pop(&queue));
	assert_true(mpsc_is_empty(&queue));
}

static void test_mpsc_push__says_whether_a_wakeup_is_needed(void **state)
{
	struct message messages[3];
	struct mpsc queue;

	(void)state;
	mpsc_init(&queue);
	assert_true(mpsc_push(&queue, &messages[0].node));
	assert_false(mpsc_push(&queue, &messages[1].node));
	pop(&queue);
	pop(&queue);
	assert_true(mpsc_push(&queue, &messages[2].node));
}

enum { PRODUCERS = 4, MESSAGES = 20000 };

struct producer {
	struct mpsc *queue;
	int id;
	struct message messages[MESSAGES];
};

static void *produce(void *argument)
{
	struct producer *producer = argument;

	for (int i = 0; i < MESSAGES; i++) {
		producer->messages[i].producer = producer->id;
		producer->messages[i].number = i;
		mpsc_push(producer->queue, &producer->messages[i].node);
	}
	return NULL;
}

static void test_mpsc_push__many_threads_lose_nothing(void **state)
{
	static struct producer producers[PRODUCERS];
	pthread_t threads[PRODUCERS];
	int next[PRODUCERS] = { 0 };
	struct mpsc queue;

	(void)state;
	mpsc_init(&queue);
	for (int i = 0; i < PRODUCERS; i++) {
		producers[i].queue = &queue;
		producers[i].id = i;
		assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
	}
	for (int received = 0; received < PRODUCERS * MESSAGES;) {
		struct message *message = pop(&queue);

		if (message == NULL) {
			sched_yield();
			continue;
		}
		assert_int_equal(message->number, next[message->producer]++);
		received++;
	}
	for (int i = 0; i < PRODUCERS; i++)
		pthread_join(threads[i], NULL);
	assert_null(pop(&queue));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mpsc_pop__first_in_first_out),
		cmocka_unit_test(test_mpsc_push__says_whether_a_wakeup_is_needed),
		cmocka_unit_test(test_mpsc_push__many_threads_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
