/* SPDX-License-Identifier: BSD-2-Clause */
/* The reactor's operations, the same cases on both engines. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"
#include "sys/reactor.h"

#define MIB ((size_t)1 << 20)

struct fixture {
	struct memory *memory;
	struct reactor *reactor;
	struct clock_manual clock;
};

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

static void run_until(struct fixture *fixture, const struct call *call)
{
	uint64_t until = clock_monotonic_ns() + 30 * CLOCK_NS_PER_S;

	while (call->done == 0 && clock_monotonic_ns() < until)
		reactor_turn(fixture->reactor, 10);
	assert_int_equal(call->done, 1);
}

static int set_up(void **state, enum engine_kind engine)
{
	struct memory_config memory_config = { .huge_pages = MEMORY_AUTO, .lock = MEMORY_AUTO };
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct reactor_config config = {
		.cpu = -1,
		.engine = engine,
		.busy_poll_us = BUSY_POLL_ADAPTIVE,
		.arena_bytes = 4 * MIB,
	};
	int rc;

	clock_manual_init(&fixture->clock, 5 * CLOCK_NS_PER_S);
	assert_int_equal(memory_create(&memory_config, &fixture->memory), 0);
	config.memory = fixture->memory;
	config.clock = &fixture->clock.clock;
	rc = reactor_create(&config, &fixture->reactor);
	if (rc == -ENOSYS || rc == -EPERM) { /* no io_uring here: the kernel's or the sandbox's word */
		memory_destroy(fixture->memory);
		free(fixture);
		*state = NULL;
		return 0;
	}
	assert_int_equal(rc, 0);
	*state = fixture;
	return 0;
}

static int set_up_uring(void **state)
{
	return set_up(state, ENGINE_URING);
}

static int set_up_epoll(void **state)
{
	return set_up(state, ENGINE_EPOLL);
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	if (fixture == NULL)
		return 0;
	reactor_destroy(fixture->reactor);
	memory_destroy(fixture->memory);
	free(fixture);
	return 0;
}

static struct fixture *fixture_of(void **state)
{
	if (*state == NULL)
		skip();
	return *state;
}

static void pair(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
}

static void test_recvmsg__waits_for_data(void **state)
{
	struct fixture *fixture = fixture_of(state);
	char text[16] = "";
	struct iovec iov = { text, sizeof(text) };
	struct msghdr header = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct call call;
	int fds[2];

	pair(fds);
	for (unsigned round = 0; round < 4; round++) {
		call_init(&call);
		if (round == 2)
			reactor_fd_register(fixture->reactor, fds[0]);
		reactor_recvmsg(fixture->reactor, &call.op, fds[0], &header, round % 2 != 0);
		for (unsigned i = 0; i < 3; i++)
			reactor_turn(fixture->reactor, 0);
		assert_int_equal(call.done, 0);
		assert_int_equal(write(fds[1], "pinion", 6), 6);
		run_until(fixture, &call);
		assert_int_equal(call.res, 6);
		assert_memory_equal(text, "pinion", 6);
	}
	/* The end of the stream */
	close(fds[1]);
	call_init(&call);
	reactor_recvmsg(fixture->reactor, &call.op, fds[0], &header, false);
	run_until(fixture, &call);
	assert_int_equal(call.res, 0);
	reactor_fd_forget(fixture->reactor, fds[0]);
	close(fds[0]);
}

static void test_sendmsg__short_then_waits_for_room(void **state)
{
	struct fixture *fixture = fixture_of(state);
	static uint8_t out[4 << 20];
	static uint8_t in[4 << 20];
	struct iovec iov[2];
	struct msghdr header = { .msg_iov = iov, .msg_iovlen = 2 };
	size_t sent = 0;
	size_t received = 0;
	struct call call;
	int fds[2];

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i ^ i >> 8 ^ i >> 16);
	pair(fds);
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	while (sent < sizeof(out)) {
		size_t half = (sizeof(out) - sent) / 2;

		iov[0] = (struct iovec){ out + sent, half };
		iov[1] = (struct iovec){ out + sent + half, sizeof(out) - sent - half };
		call_init(&call);
		reactor_sendmsg(fixture->reactor, &call.op, fds[0], &header);
		while (call.done == 0) {
			ssize_t got;

			reactor_turn(fixture->reactor, 1);
			got = read(fds[1], in + received, 65536);
			if (got > 0)
				received += (size_t)got;
		}
		assert_true(call.res > 0);
		sent += (size_t)call.res;
	}
	while (received < sizeof(in)) {
		ssize_t got = read(fds[1], in + received, sizeof(in) - received);

		assert_true(got > 0);
		received += (size_t)got;
	}
	assert_memory_equal(in, out, sizeof(in));
	reactor_fd_forget(fixture->reactor, fds[0]);
	close(fds[0]);
	close(fds[1]);
}

static void test_cancel__completes_once(void **state)
{
	struct fixture *fixture = fixture_of(state);
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr header = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct call call;
	int fds[2];

	pair(fds);
	for (unsigned turns = 0; turns < 3; turns++) {
		call_init(&call);
		reactor_recvmsg(fixture->reactor, &call.op, fds[0], &header, false);
		for (unsigned i = 0; i < turns; i++)
			reactor_turn(fixture->reactor, 0);
		reactor_cancel(fixture->reactor, &call.op);
		reactor_cancel(fixture->reactor, &call.op);
		assert_int_equal(call.done, 0);
		run_until(fixture, &call);
		assert_int_equal(call.res, -ECANCELED);
		reactor_cancel(fixture->reactor, &call.op);
		for (unsigned i = 0; i < 3; i++)
			reactor_turn(fixture->reactor, 0);
		assert_int_equal(call.done, 1);
	}
	/* The descriptor is none the worse for it. */
	call_init(&call);
	reactor_recvmsg(fixture->reactor, &call.op, fds[0], &header, false);
	assert_int_equal(write(fds[1], "x", 1), 1);
	run_until(fixture, &call);
	assert_int_equal(call.res, 1);
	reactor_fd_forget(fixture->reactor, fds[0]);
	close(fds[0]);
	close(fds[1]);
}

static void test_accept__gives_a_connection(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	struct call call;

	assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(listener, 8), 0);
	getsockname(listener, (struct sockaddr *)&address, &length);
	for (unsigned round = 0; round < 3; round++) {
		int client = socket(AF_INET, SOCK_STREAM, 0);

		call_init(&call);
		reactor_accept(fixture->reactor, &call.op, listener);
		reactor_turn(fixture->reactor, 0);
		assert_int_equal(connect(client, (struct sockaddr *)&address, length), 0);
		run_until(fixture, &call);
		assert_true(call.res >= 0);
		close(call.res);
		close(client);
	}
	reactor_fd_forget(fixture->reactor, listener);
	close(listener);
}

static void test_poll__reports_events(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct call call;
	int fds[2];

	pair(fds);
	call_init(&call);
	reactor_poll(fixture->reactor, &call.op, fds[0], POLLIN);
	reactor_turn(fixture->reactor, 0);
	assert_int_equal(call.done, 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	run_until(fixture, &call);
	assert_true(call.res & POLLIN);
	reactor_fd_forget(fixture->reactor, fds[0]);
	close(fds[0]);
	close(fds[1]);
}

static void test_write__is_read_back(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct arena *arena = reactor_arena(fixture->reactor);
	char path[] = "/tmp/pinion-test-XXXXXX";
	int fd = mkstemp(path);
	struct extents one, many;
	struct iovec iov[4];
	struct reactor_info info;
	struct call call;

	assert_true(fd >= 0);
	extents_init(&one);
	extents_init(&many);
	assert_int_equal(arena_take(arena, &one, 8192), 0);
	assert_int_equal(arena_take(arena, &many, 4096), 0);
	assert_int_equal(arena_take(arena, &many, 8192), 0);
	for (unsigned i = 0; i < 8192; i++)
		one.extent[0].data[i] = (uint8_t)(i * 13);
	assert_int_equal(one.count, 1);
	call_init(&call);
	iov[0] = (struct iovec){ one.extent[0].data, 8192 };
	reactor_write(fixture->reactor, &call.op, fd, iov, 1, 12288, RWF_DSYNC,
		      one.extent[0].region);
	run_until(fixture, &call);
	assert_int_equal(call.res, 8192);
	call_init(&call);
	reactor_sync(fixture->reactor, &call.op, fd, true);
	run_until(fixture, &call);
	assert_int_equal(call.res, 0);
	/* Read back as a vector, and past the end: short. */
	call_init(&call);
	reactor_read(fixture->reactor, &call.op, fd, iov,
		     extents_to_iov(&many, 0, 8192, iov, 4, NULL), 12288 + 4096, NULL);
	run_until(fixture, &call);
	assert_int_equal(call.res, 4096);
	extents_copy_out(&many, 0, one.extent[0].data + 4096, 4096);
	for (unsigned i = 0; i < 8192; i++)
		assert_int_equal(one.extent[0].data[i], (uint8_t)(i * 13));
	reactor_get_info(fixture->reactor, &info);
	if (strstr(info.features, "fixed-buffers") != NULL)
		assert_int_equal(info.fixed_buffers, 1);
	arena_give(arena, &one);
	arena_give(arena, &many);
	reactor_fd_forget(fixture->reactor, fd);
	close(fd);
	unlink(path);
}

static int work_answer(void *argument)
{
	return *(int *)argument;
}

static void test_work__runs_and_answers(void **state)
{
	struct fixture *fixture = fixture_of(state);
	int answers[32];
	struct call calls[32];

	for (int i = 0; i < 32; i++) {
		answers[i] = -i;
		call_init(&calls[i]);
		reactor_work(fixture->reactor, &calls[i].op, work_answer, &answers[i]);
	}
	for (int i = 0; i < 32; i++) {
		run_until(fixture, &calls[i]);
		assert_int_equal(calls[i].res, -i);
	}
}

/* More operations at once than the ring has entries. */
static void test_submit__beyond_the_ring(void **state)
{
	enum { MANY = 5000 };
	struct fixture *fixture = fixture_of(state);
	struct call *calls = calloc(MANY, sizeof(*calls));
	int fd = open("/dev/zero", O_RDONLY);
	uint8_t byte;
	struct iovec iov = { &byte, 1 };

	for (unsigned i = 0; i < MANY; i++) {
		call_init(&calls[i]);
		reactor_read(fixture->reactor, &calls[i].op, fd, &iov, 1, 0, NULL);
	}
	for (unsigned i = 0; i < MANY; i++) {
		run_until(fixture, &calls[i]);
		assert_int_equal(calls[i].res, 1);
	}
	free(calls);
	close(fd);
}

struct counted {
	struct timer timer;
	struct deferred deferred;
	unsigned count;
};

static void timer_count(struct timer *timer)
{
	container_of(timer, struct counted, timer)->count++;
}

static void test_timer__never_early(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct counted counted = { .timer.expired = timer_count };

	reactor_timer_start(fixture->reactor, &counted.timer, 100);
	clock_manual_advance(&fixture->clock, 100 * CLOCK_NS_PER_MS - 1);
	reactor_turn(fixture->reactor, 0);
	assert_int_equal(counted.count, 0);
	clock_manual_advance(&fixture->clock, 2 * CLOCK_NS_PER_MS);
	reactor_turn(fixture->reactor, 0);
	assert_int_equal(counted.count, 1);
}

static void deferred_count(struct deferred *deferred)
{
	container_of(deferred, struct counted, deferred)->count++;
}

static void test_defer__once_each_turn(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct counted counted = { .deferred.run = deferred_count };

	reactor_defer(fixture->reactor, &counted.deferred);
	reactor_defer(fixture->reactor, &counted.deferred);
	reactor_turn(fixture->reactor, -1);
	assert_int_equal(counted.count, 1);
	reactor_defer(fixture->reactor, &counted.deferred);
	reactor_undefer(fixture->reactor, &counted.deferred);
	reactor_turn(fixture->reactor, 0);
	assert_int_equal(counted.count, 1);
}

/* --- threads --- */

struct ping {
	struct message message;
	struct reactor *here;
	struct reactor *there;
	unsigned left;
	int ended[2];
};

static void ping_deliver(struct message *message)
{
	struct ping *ping = container_of(message, struct ping, message);
	struct reactor *here = ping->there;

	if (ping->left-- == 0) {
		assert_int_equal(write(ping->ended[1], "x", 1), 1);
		return;
	}
	ping->there = ping->here;
	ping->here = here;
	reactor_send(ping->there, message);
}

/* A message goes to and fro between two sleeping threads and is never lost. */
static void test_send__between_threads(enum engine_kind engine)
{
	struct memory_config memory_config = { 0 };
	struct reactor_config config = { .cpu = -1, .engine = engine, .arena_bytes = MIB };
	struct memory *memory;
	struct reactor *reactors[2];
	struct ping ping = { .message.deliver = ping_deliver, .left = 20000 };
	char byte;

	assert_int_equal(memory_create(&memory_config, &memory), 0);
	config.memory = memory;
	for (unsigned i = 0; i < 2; i++) {
		config.index = i;
		if (reactor_create(&config, &reactors[i]) < 0)
			skip();
		assert_int_equal(reactor_start(reactors[i]), 0);
	}
	assert_int_equal(pipe(ping.ended), 0);
	ping.here = reactors[0];
	ping.there = reactors[1];
	reactor_send(reactors[1], &ping.message);
	assert_int_equal(read(ping.ended[0], &byte, 1), 1);
	for (unsigned i = 0; i < 2; i++) {
		reactor_stop(reactors[i]);
		reactor_join(reactors[i]);
		reactor_destroy(reactors[i]);
	}
	memory_destroy(memory);
	close(ping.ended[0]);
	close(ping.ended[1]);
}

static void test_send__uring(void **state)
{
	(void)state;
	test_send__between_threads(ENGINE_URING);
}

static void test_send__epoll(void **state)
{
	(void)state;
	test_send__between_threads(ENGINE_EPOLL);
}

#define BOTH(name)                                                                    \
	{ #name " (uring)", name, set_up_uring, tear_down, NULL },                    \
	{ #name " (epoll)", name, set_up_epoll, tear_down, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_recvmsg__waits_for_data),
		BOTH(test_sendmsg__short_then_waits_for_room),
		BOTH(test_cancel__completes_once),
		BOTH(test_accept__gives_a_connection),
		BOTH(test_poll__reports_events),
		BOTH(test_write__is_read_back),
		BOTH(test_work__runs_and_answers),
		BOTH(test_submit__beyond_the_ring),
		BOTH(test_timer__never_early),
		BOTH(test_defer__once_each_turn),
		cmocka_unit_test(test_send__uring),
		cmocka_unit_test(test_send__epoll),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
