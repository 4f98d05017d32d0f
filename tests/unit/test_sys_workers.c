/* SPDX-License-Identifier: BSD-2-Clause */
/* Workers where the machine gives no thread, as under a control group's limit of processes. */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "sys/reactor.h"

#define MIB ((size_t)1 << 20)

typedef int (*create_fn)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

static bool is_refusing;

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
		   void *argument)
{
	create_fn real = (create_fn)(uintptr_t)dlsym(RTLD_NEXT, "pthread_create");

	return is_refusing ? EAGAIN : real(thread, attributes, start, argument);
}

struct trial {
	struct io_op op;
	struct reactor *reactor;
	unsigned done;
	int res;
	int answer;
};

static int give_answer(void *argument)
{
	return *(int *)argument;
}

/* Tries again at once, though not for ever: a test shall end. */
static void try_again(struct io_op *op, int res)
{
	struct trial *trial = container_of(op, struct trial, op);

	trial->res = res;
	if (++trial->done < 1000 && res < 0)
		reactor_work(trial->reactor, &trial->op, give_answer, &trial->answer);
}

static void test_work__without_threads_is_answered(void **state)
{
	struct memory_config memory_config = { 0 };
	struct reactor_config config = { .cpu = -1, .engine = ENGINE_EPOLL, .arena_bytes = MIB };
	struct trial trial = { .op.done = try_again, .answer = 7 };
	struct memory *memory;

	(void)state;
	assert_int_equal(memory_create(&memory_config, &memory), 0);
	config.memory = memory;
	assert_int_equal(reactor_create(&config, &trial.reactor), 0);
	is_refusing = true;
	reactor_work(trial.reactor, &trial.op, give_answer, &trial.answer);
	assert_int_equal(trial.done, 0);
	reactor_turn(trial.reactor, -1);
	/* Not EAGAIN: nothing says that another attempt would do better. */
	assert_int_equal(trial.res, -ENOMEM);
	/* Who tries again at once keeps nobody else from his turn. */
	assert_int_equal(trial.done, 1);
	reactor_turn(trial.reactor, -1);
	assert_int_equal(trial.done, 2);
	is_refusing = false;
	for (unsigned turn = 0; trial.res < 0 && turn < 3000; turn++)
		reactor_turn(trial.reactor, 10);
	assert_int_equal(trial.res, 7);
	reactor_destroy(trial.reactor);
	memory_destroy(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_work__without_threads_is_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
