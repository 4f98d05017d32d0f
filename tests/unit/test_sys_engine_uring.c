/* SPDX-License-Identifier: BSD-2-Clause */
/* The io_uring engine on kernels of old: liburing's calls are made to answer as there. */
#include <dlfcn.h>
#include <errno.h>
#include <liburing.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"
#include "sys/reactor.h"
#include "test_sys_call.h"

#define MIB ((size_t)1 << 20)

/*
 * Linux 5.10: no flags of the newer ones, and a timeout is an operation of its
 * own, whose completion lies in the ring beside ours.
 */
int io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
			       struct io_uring_params *params)
{
	int (*real)(unsigned, struct io_uring *, struct io_uring_params *) =
		(int (*)(unsigned, struct io_uring *, struct io_uring_params *))(uintptr_t)dlsym(
			RTLD_NEXT, "io_uring_queue_init_params");
	int rc;

	if (params->flags & ~(unsigned)(IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP))
		return -EINVAL;
	rc = real(entries, ring, params);
	if (rc == 0)
		ring->features &= ~(unsigned)IORING_FEAT_EXT_ARG;
	return rc;
}

/* The kernel has no memory for requests just now. */
static bool is_refusing;

int io_uring_submit(struct io_uring *ring)
{
	int (*real)(struct io_uring *) =
		(int (*)(struct io_uring *))(uintptr_t)dlsym(RTLD_NEXT, "io_uring_submit");

	return is_refusing ? -EAGAIN : real(ring);
}

static void test_turn__timeouts_are_no_operations(void **state)
{
	struct memory_config memory_config = { 0 };
	struct reactor_config config = { .cpu = -1, .engine = ENGINE_URING, .arena_bytes = MIB };
	struct memory *memory;
	struct reactor *reactor;
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr header = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fds[2];

	(void)state;
	assert_int_equal(memory_create(&memory_config, &memory), 0);
	config.memory = memory;
	if (reactor_create(&config, &reactor) < 0) {
		memory_destroy(memory);
		skip();
	}
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	for (unsigned round = 0; round < 20; round++) {
		struct call call;

		call_init(&call);
		if (round % 2 == 0)
			assert_int_equal(write(fds[1], "x", 1), 1);
		reactor_recvmsg(reactor, &call.op, fds[0], &header, false);
		reactor_turn(reactor, 5);
		if (round % 2 != 0)
			assert_int_equal(write(fds[1], "x", 1), 1);
		for (unsigned turn = 0; call.done == 0 && turn < 6000; turn++)
			reactor_turn(reactor, 5);
		assert_int_equal(call.done, 1);
		assert_int_equal(call.res, 1);
	}
	reactor_fd_forget(reactor, fds[0]);
	close(fds[0]);
	close(fds[1]);
	reactor_destroy(reactor);
	memory_destroy(memory);
}

enum { DEPTH = 64 };

struct crowd {
	struct call calls[DEPTH];
	struct iovec iov[DEPTH];
	struct msghdr header[DEPTH];
	char byte[DEPTH];
	int fds[DEPTH][2];
};

static void crowd_receive(struct crowd *crowd, struct reactor *reactor)
{
	for (unsigned i = 0; i < DEPTH; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, crowd->fds[i]), 0);
		call_init(&crowd->calls[i]);
		crowd->iov[i] = (struct iovec){ &crowd->byte[i], 1 };
		crowd->header[i].msg_iov = &crowd->iov[i];
		crowd->header[i].msg_iovlen = 1;
		reactor_recvmsg(reactor, &crowd->calls[i].op, crowd->fds[i][0], &crowd->header[i],
				false);
	}
}

static void run_until(struct reactor *reactor, const struct call *call)
{
	for (unsigned turn = 0; call->done == 0 && turn < 3000; turn++)
		reactor_turn(reactor, 10);
	assert_int_equal(call->done, 1);
}

/* A ring that is full and cannot be emptied now: what was to be cancelled still is, in time. */
static void test_cancel__is_not_forgotten_where_the_ring_is_full(void **state)
{
	struct memory_config memory_config = { 0 };
	struct reactor_config config = { .cpu = -1,
					 .engine = ENGINE_URING,
					 .queue_depth = DEPTH,
					 .arena_bytes = MIB };
	struct crowd *crowd = calloc(1, sizeof(*crowd));
	struct memory *memory;
	struct reactor *reactor;

	(void)state;
	assert_non_null(crowd);
	assert_int_equal(memory_create(&memory_config, &memory), 0);
	config.memory = memory;
	if (reactor_create(&config, &reactor) < 0) {
		memory_destroy(memory);
		free(crowd);
		skip();
	}
	reactor_turn(reactor, 0);
	crowd_receive(crowd, reactor);
	is_refusing = true;
	for (unsigned i = 0; i < 3; i++) {
		reactor_cancel(reactor, &crowd->calls[i].op);
		reactor_cancel(reactor, &crowd->calls[i].op);
	}
	is_refusing = false;
	/* This one ends by itself before its cancelling has begun. */
	assert_int_equal(write(crowd->fds[1][1], "x", 1), 1);
	run_until(reactor, &crowd->calls[0]);
	run_until(reactor, &crowd->calls[1]);
	run_until(reactor, &crowd->calls[2]);
	assert_int_equal(crowd->calls[0].res, -ECANCELED);
	assert_int_equal(crowd->calls[2].res, -ECANCELED);
	for (unsigned i = 0; i < DEPTH; i++)
		close(crowd->fds[i][1]);
	for (unsigned i = 0; i < DEPTH; i++) {
		run_until(reactor, &crowd->calls[i]);
		reactor_fd_forget(reactor, crowd->fds[i][0]);
		close(crowd->fds[i][0]);
	}
	reactor_destroy(reactor);
	memory_destroy(memory);
	free(crowd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_turn__timeouts_are_no_operations),
		cmocka_unit_test(test_cancel__is_not_forgotten_where_the_ring_is_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
