/* SPDX-License-Identifier: BSD-2-Clause */
/* The io_uring engine on kernels of old: liburing's calls are made to answer as there. */
#include <dlfcn.h>
#include <errno.h>
#include <liburing.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"
#include "sys/reactor.h"

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

struct call {
	struct io_op op;
	int res;
	unsigned done;
};

static void call_done(struct io_op *op, int res)
{
	struct call *call = container_of(op, struct call, op);

	call->res = res;
	call->done++;
}

static void call_init(struct call *call)
{
	memset(call, 0, sizeof(*call));
	call->op.done = call_done;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_turn__timeouts_are_no_operations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
