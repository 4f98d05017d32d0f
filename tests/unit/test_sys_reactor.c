/* SPDX-License-Identifier: BSD-2-Clause */
/* The reactor's operations, the same cases on both engines. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <semaphore.h>
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
#include "test_sys_call.h"

#define MIB ((size_t)1 << 20)

struct fixture {
	struct memory *memory;
	struct reactor *reactor;
	struct clock_manual clock;
};

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

struct meeting {
	sem_t met;
};

static int wait_for_other(void *argument)
{
	struct meeting *meeting = argument;
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 30;
	while (sem_timedwait(&meeting->met, &until) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static int come_to_meeting(void *argument)
{
	struct meeting *meeting = argument;

	return sem_post(&meeting->met);
}

/* One idle worker is one: it does not keep a second call from getting a thread of its own. */
static void test_work__does_not_wait_behind_another(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct call first, slow, quick;
	struct meeting meeting;

	assert_int_equal(sem_init(&meeting.met, 0, 1), 0);
	call_init(&first);
	reactor_work(fixture->reactor, &first.op, wait_for_other, &meeting);
	run_until(fixture, &first);
	usleep(20000);	/* its thread goes to sleep, most likely */
	call_init(&slow);
	call_init(&quick);
	reactor_work(fixture->reactor, &slow.op, wait_for_other, &meeting);
	reactor_work(fixture->reactor, &quick.op, come_to_meeting, &meeting);
	run_until(fixture, &quick);
	run_until(fixture, &slow);
	assert_int_equal(slow.res, 0);
	sem_destroy(&meeting.met);
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

/* What comes back after the line was served serves it before the reactor sleeps. */
struct returning {
	struct deferred deferred;
	struct arena_waiter waiter;
	struct reactor *reactor;
	struct arena *arena;
	struct extents held;
	struct extents wanted;
	bool served;
};

static void give_all(struct deferred *deferred)
{
	struct returning *returning = container_of(deferred, struct returning, deferred);

	arena_give(returning->arena, &returning->held);
}

/* Who has memory has work: what it does is not what is tested here. */
static void returned(struct arena_waiter *waiter)
{
	struct returning *returning = container_of(waiter, struct returning, waiter);

	returning->served = true;
	reactor_defer(returning->reactor, &returning->deferred);
}

static void test_turn__memory_given_back_late_is_passed_on(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct returning returning = {
		.deferred.run = give_all,
		.waiter = { .length = EXTENT_MAX, .ready = returned },
		.reactor = fixture->reactor,
		.arena = reactor_arena(fixture->reactor),
	};
	struct reactor_info before, after;

	extents_init(&returning.held);
	extents_init(&returning.wanted);
	while (arena_take(returning.arena, &returning.held,
			  returning.held.length + EXTENT_MAX) == 0)
		;
	returning.waiter.extents = &returning.wanted;
	assert_int_equal(arena_wait(returning.arena, &returning.waiter), 0);
	reactor_defer(fixture->reactor, &returning.deferred);
	reactor_turn(fixture->reactor, -1);
	reactor_get_info(fixture->reactor, &before);
	reactor_turn(fixture->reactor, 1000);
	reactor_get_info(fixture->reactor, &after);
	assert_true(returning.served);
	assert_int_equal(after.sleeps, before.sleeps);
	arena_give(returning.arena, &returning.wanted);
}

struct pair_of_pollers {
	struct poller first;
	struct poller second;
	struct reactor *reactor;
	unsigned polled[2];
};

static bool poll_first(struct poller *poller)
{
	struct pair_of_pollers *pair = container_of(poller, struct pair_of_pollers, first);

	pair->polled[0]++;
	reactor_poller_remove(pair->reactor, &pair->first);
	reactor_poller_remove(pair->reactor, &pair->second);
	return false;
}

static bool poll_second(struct poller *poller)
{
	container_of(poller, struct pair_of_pollers, second)->polled[1]++;
	return false;
}

static void test_poller_remove__from_another_poller(void **state)
{
	struct fixture *fixture = fixture_of(state);
	struct pair_of_pollers pollers = {
		.first.poll = poll_first,
		.second.poll = poll_second,
		.reactor = fixture->reactor,
	};

	reactor_poller_add(fixture->reactor, &pollers.first);
	reactor_poller_add(fixture->reactor, &pollers.second);
	reactor_turn(fixture->reactor, 0);
	reactor_turn(fixture->reactor, 0);
	assert_int_equal(pollers.polled[0], 1);
	assert_int_equal(pollers.polled[1], 0);
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

/* --- a full ring --- */

enum { FULL_DEPTH = 64 };

struct filling {
	struct message fill;
	struct message last;
	struct reactor *reactor;
	struct call calls[FULL_DEPTH];
	struct iovec iov[FULL_DEPTH];
	struct msghdr header[FULL_DEPTH];
	char byte[FULL_DEPTH];
	int fds[FULL_DEPTH][2];
	int ended[2];
	int filled[2];
};

static void fill_ring(struct message *message)
{
	struct filling *filling = container_of(message, struct filling, fill);

	for (unsigned i = 0; i < FULL_DEPTH; i++)
		reactor_recvmsg(filling->reactor, &filling->calls[i].op, filling->fds[i][0],
				&filling->header[i], false);
	assert_int_equal(write(filling->filled[1], "x", 1), 1);
}

static void last_delivered(struct message *message)
{
	struct filling *filling = container_of(message, struct filling, last);

	assert_int_equal(write(filling->ended[1], "x", 1), 1);
}

/* The wake-up has its place even where everything else took the whole ring. */
static void test_send__wakes_with_a_full_ring(void **state)
{
	struct memory_config memory_config = { 0 };
	struct reactor_config config = { .cpu = -1,
					 .engine = ENGINE_URING,
					 .queue_depth = FULL_DEPTH,
					 .arena_bytes = MIB };
	struct filling *filling = calloc(1, sizeof(*filling));
	struct pollfd pollfd;
	struct reactor_info info;
	struct memory *memory;
	char byte;

	(void)state;
	assert_non_null(filling);
	assert_int_equal(memory_create(&memory_config, &memory), 0);
	config.memory = memory;
	if (reactor_create(&config, &filling->reactor) < 0) {
		memory_destroy(memory);
		free(filling);
		skip();
	}
	assert_int_equal(pipe(filling->ended), 0);
	assert_int_equal(pipe(filling->filled), 0);
	for (unsigned i = 0; i < FULL_DEPTH; i++) {
		pair(filling->fds[i]);
		call_init(&filling->calls[i]);
		filling->iov[i] = (struct iovec){ &filling->byte[i], 1 };
		filling->header[i].msg_iov = &filling->iov[i];
		filling->header[i].msg_iovlen = 1;
	}
	filling->fill.deliver = fill_ring;
	filling->last.deliver = last_delivered;
	assert_int_equal(reactor_start(filling->reactor), 0);
	/* It shall be asleep: the message then comes through the wake-up, which is used up. */
	do {
		usleep(1000);
		reactor_get_info(filling->reactor, &info);
	} while (info.sleeps == 0);
	usleep(20000);
	reactor_send(filling->reactor, &filling->fill);
	assert_int_equal(read(filling->filled[0], &byte, 1), 1);
	usleep(20000);
	reactor_send(filling->reactor, &filling->last);
	pollfd = (struct pollfd){ .fd = filling->ended[0], .events = POLLIN };
	assert_int_equal(poll(&pollfd, 1, 30000), 1);
	/* The end of each stream ends the operation that waits there. */
	for (unsigned i = 0; i < FULL_DEPTH; i++)
		close(filling->fds[i][1]);
	do {
		usleep(1000);
		reactor_get_info(filling->reactor, &info);
	} while (info.completions < FULL_DEPTH);
	reactor_stop(filling->reactor);
	reactor_join(filling->reactor);
	for (unsigned i = 0; i < FULL_DEPTH; i++)
		close(filling->fds[i][0]);
	reactor_destroy(filling->reactor);
	memory_destroy(memory);
	close(filling->ended[0]);
	close(filling->ended[1]);
	close(filling->filled[0]);
	close(filling->filled[1]);
	free(filling);
}

struct registering {
	struct message message;
	struct reactor *reactor;
	int fd;
	int done[2];
};

static void register_fd(struct message *message)
{
	struct registering *registering = container_of(message, struct registering, message);

	reactor_fd_register(registering->reactor, registering->fd);
	assert_int_equal(write(registering->done[1], "x", 1), 1);
}

static bool can_lock(const char *path, int *fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	*fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(*fd >= 0);
	return fcntl(*fd, F_OFD_SETLK, &lock) == 0;
}

/* Not the reactor's thread: a file is closed, after the reactors have stopped. */
static void test_stop__files_are_closed_when_they_are_closed(void **state)
{
	struct memory_config memory_config = { 0 };
	struct reactor_config config = { .cpu = -1, .engine = ENGINE_URING, .arena_bytes = MIB };
	struct registering registering = { .message.deliver = register_fd };
	char path[] = "/tmp/pinion-test-XXXXXX";
	struct memory *memory;
	char byte;
	int fd;

	(void)state;
	assert_int_equal(memory_create(&memory_config, &memory), 0);
	config.memory = memory;
	if (reactor_create(&config, &registering.reactor) < 0) {
		memory_destroy(memory);
		skip();
	}
	close(mkstemp(path));
	assert_true(can_lock(path, &registering.fd));
	assert_int_equal(pipe(registering.done), 0);
	assert_int_equal(reactor_start(registering.reactor), 0);
	reactor_send(registering.reactor, &registering.message);
	assert_int_equal(read(registering.done[0], &byte, 1), 1);
	reactor_stop(registering.reactor);
	reactor_join(registering.reactor);
	reactor_fd_forget(registering.reactor, registering.fd);
	close(registering.fd);
	/* The kernels before 6.4 are in no hurry. Without what is tested it is never. */
	for (unsigned tries = 0; !can_lock(path, &fd); tries++) {
		assert_true(tries < 3000);
		close(fd);
		usleep(10000);
	}
	close(fd);
	unlink(path);
	reactor_destroy(registering.reactor);
	memory_destroy(memory);
	close(registering.done[0]);
	close(registering.done[1]);
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
		BOTH(test_turn__memory_given_back_late_is_passed_on),
		BOTH(test_poller_remove__from_another_poller),
		BOTH(test_work__does_not_wait_behind_another),
		cmocka_unit_test(test_send__wakes_with_a_full_ring),
		cmocka_unit_test(test_stop__files_are_closed_when_they_are_closed),
		cmocka_unit_test(test_send__uring),
		cmocka_unit_test(test_send__epoll),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
