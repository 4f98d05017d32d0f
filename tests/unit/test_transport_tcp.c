/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP on real sockets: both engines, both families, accepting, moving, ending. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/container.h"
#include "sys/reactor.h"
#include "transport/transport.h"

#define DATA_LEN 1048576u

struct rig {
	struct memory *memory;
	struct clock_manual clock;
	struct reactor *reactor[2];
	struct reactor *target;		/* what place answers */
	struct transport_listener *listener;
	struct transport_conn *conn;
	struct transport_window window;
	struct transport_numbers numbers;
	struct transport_keys keys;
	struct transport_task task;
	struct transport_pdu pdu;
	struct extents extents;
	uint8_t *data;
	char placed[64];
	int connected_result;
	unsigned placed_count, connected_count, lost_count, pdu_count;
	int put_result, get_result, end;
};

enum { NOT_YET = 1 };

/* --- the upper layer --- */

static int up_header(struct transport_conn *conn, struct transport_rx *rx)
{
	struct rig *rig = conn->user;

	if (bhs_opcode(rx->bhs) == ISCSI_OPCODE_DATA_OUT) {
		rx->sink = TRANSPORT_SINK_EXTENTS;
		rx->extents = &rig->extents;
		rx->offset = get_be32(rx->bhs->raw + BHS_AT_BUFFER_OFFSET);
	}
	return 0;
}

static int up_pdu(struct transport_conn *conn, struct transport_rx *rx)
{
	struct rig *rig = conn->user;

	(void)rx;
	rig->pdu_count++;
	return 0;
}

static void up_put_done(struct transport_conn *conn, struct transport_task *task, int err)
{
	(void)task;
	((struct rig *)conn->user)->put_result = err;
}

static void up_get_done(struct transport_conn *conn, struct transport_task *task, int err)
{
	(void)task;
	((struct rig *)conn->user)->get_result = err;
}

static void up_violation(struct transport_conn *conn, struct transport_task *task,
			 const struct bhs *bhs, enum transport_violation violation)
{
	(void)conn;
	(void)task;
	(void)bhs;
	(void)violation;
}

static void up_terminated(struct transport_conn *conn, enum transport_end end, int err)
{
	struct rig *rig = conn->user;

	(void)err;
	rig->end = (int)end;
	rig->conn = NULL;
}

static const struct transport_upcalls upcalls = {
	up_header, up_pdu, up_put_done, up_get_done, up_violation, NULL, up_terminated,
};

static struct reactor *up_place(void *user, const char *peer)
{
	struct rig *rig = user;

	snprintf(rig->placed, sizeof(rig->placed), "%s", peer);
	rig->placed_count++;
	return rig->target;
}

static int up_connected(void *user, struct transport_conn *conn)
{
	struct rig *rig = user;

	rig->connected_count++;
	if (rig->connected_result < 0)
		return rig->connected_result;
	conn->up = &upcalls;
	conn->user = rig;
	rig->numbers.window = &rig->window;
	conn->numbers = &rig->numbers;
	rig->conn = conn;
	return conn->ops->enable(conn, &rig->keys);
}

static void up_lost(void *user, struct reactor *reactor, const char *peer)
{
	(void)reactor;
	(void)peer;
	((struct rig *)user)->lost_count++;
}

/* --- the rig --- */

static int rig_set_up(void **state, enum engine_kind engine)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct memory_config memory_config = { MEMORY_OFF, MEMORY_OFF };
	struct reactor_config config = {
		.cpu = -1, .node = -1, .engine = engine, .arena_bytes = 4 << 20,
	};

	assert_int_equal(memory_create(&memory_config, &rig->memory), 0);
	clock_manual_init(&rig->clock, CLOCK_NS_PER_S);
	config.memory = rig->memory;
	config.clock = &rig->clock.clock;
	for (unsigned i = 0; i < 2; i++) {
		int err;

		config.index = i;
		err = reactor_create(&config, &rig->reactor[i]);
		if (err == -ENOSYS || err == -EPERM) {
			/* No io_uring here: the other engine's cases are all there is. */
			memory_destroy(rig->memory);
			free(rig);
			*state = NULL;
			return 0;
		}
		assert_int_equal(err, 0);
	}
	rig->target = rig->reactor[0];
	rig->data = malloc(DATA_LEN);
	for (uint32_t i = 0; i < DATA_LEN; i++)
		rig->data[i] = (uint8_t)(i * 97 >> 3);
	extents_init(&rig->extents);
	rig->extents.count = 1;
	rig->extents.length = DATA_LEN;
	rig->extents.extent[0].data = rig->data;
	rig->extents.extent[0].length = DATA_LEN;
	rig->keys = (struct transport_keys){
		.header_digest = true,
		.data_digest = true,
		.send_data_max = 65536,
		.recv_data_max = DATA_LEN,
		.max_burst = 262144,
		.max_outstanding_r2t = 2,
	};
	rig->put_result = NOT_YET;
	rig->get_result = NOT_YET;
	rig->end = -1;
	*state = rig;
	return 0;
}

static int rig_set_up_epoll(void **state)
{
	return rig_set_up(state, ENGINE_EPOLL);
}

static int rig_set_up_uring(void **state)
{
	return rig_set_up(state, ENGINE_URING);
}

static void turn(struct rig *rig)
{
	reactor_turn(rig->reactor[0], 1);
	reactor_turn(rig->reactor[1], 0);
}

static void run_until(struct rig *rig, const unsigned *count, unsigned value)
{
	for (unsigned i = 0; i < 2000 && *count != value; i++)
		turn(rig);
	assert_int_equal(*count, value);
}

static void run_until_end(struct rig *rig)
{
	for (unsigned i = 0; i < 2000 && rig->end < 0; i++)
		turn(rig);
	assert_true(rig->end >= 0);
}

static int rig_tear_down(void **state)
{
	struct rig *rig = *state;

	if (rig == NULL)
		return 0;
	if (rig->conn != NULL) {
		transport_terminate(rig->conn, false);
		run_until_end(rig);
	}
	if (rig->listener != NULL)
		rig->listener->ops->close(rig->listener);
	for (unsigned i = 0; i < 8; i++)
		turn(rig);
	reactor_destroy(rig->reactor[0]);
	reactor_destroy(rig->reactor[1]);
	memory_destroy(rig->memory);
	free(rig->data);
	free(rig);
	return 0;
}

static int try_listen(struct rig *rig, const char *address, uint16_t port,
		      struct transport_listener **out, char error[256])
{
	struct transport_listener_config config = {
		.address = address,
		.port = port,
		.reactor = rig->reactor[0],
		.stall_seconds = 20,
		.user = rig,
		.place = up_place,
		.connected = up_connected,
		.lost = up_lost,
	};

	return tcp_listen(&config, out, error, 256);
}

static void start_listening(struct rig *rig, const char *address)
{
	char error[256] = "";
	int err = try_listen(rig, address, 0, &rig->listener, error);

	if (err == -EADDRNOTAVAIL || err == -EAFNOSUPPORT) /* no IPv6 here */
		skip();
	assert_int_equal(err, 0);
	assert_int_not_equal(rig->listener->port, 0);
}

/* A connected client. */
static int dial(const char *address, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd;

	if (inet_pton(AF_INET, address, &in.sin_addr) == 1) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	} else {
		inet_pton(AF_INET6, address, &in6.sin6_addr);
		fd = socket(AF_INET6, SOCK_STREAM, 0);
		assert_int_equal(connect(fd, (struct sockaddr *)&in6, sizeof(in6)), 0);
	}
	return fd;
}

static int dial_and_wait(struct rig *rig, const char *address)
{
	int fd = dial(address, rig->listener->port);

	run_until(rig, &rig->connected_count, rig->connected_count + 1);
	return fd;
}

/* The client takes LEN bytes while the target runs; returns what came before the end. */
static size_t client_read(struct rig *rig, int fd, uint8_t *into, size_t len)
{
	size_t done = 0;

	for (unsigned i = 0; i < 20000 && done < len; i++) {
		ssize_t got = recv(fd, into + done, len - done, MSG_DONTWAIT);

		if (got == 0 || (got < 0 && errno != EAGAIN))
			break;
		if (got > 0)
			done += (size_t)got;
		else
			turn(rig);
	}
	return done;
}

static void client_write(struct rig *rig, int fd, const uint8_t *from, size_t len)
{
	size_t done = 0;

	for (unsigned i = 0; i < 20000 && done < len; i++) {
		ssize_t sent = send(fd, from + done, len - done, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent > 0)
			done += (size_t)sent;
		turn(rig);
	}
	assert_int_equal(done, len);
}

static struct rig *rig_of(void **state)
{
	if (*state == NULL)
		skip();
	return *state;
}

/* --- cases --- */

static void check_names(struct rig *rig, const char *address, int fd)
{
	struct sockaddr_storage own;
	socklen_t length = sizeof(own);
	char expected[80];
	const char *format = strchr(address, ':') ? "[%s]:%u" : "%s:%u";

	getsockname(fd, (struct sockaddr *)&own, &length);
	snprintf(expected, sizeof(expected), format, address,
		 ntohs(((struct sockaddr_in *)&own)->sin_port));
	assert_string_equal(rig->conn->peer, expected);
	snprintf(expected, sizeof(expected), format, address, rig->listener->port);
	assert_string_equal(rig->conn->local, expected);
	assert_string_equal(rig->listener->address, expected);
	assert_string_equal(rig->placed, address);
	assert_string_equal(rig->conn->limits.name, "tcp");
}

/* 1 MiB through a socket that takes less at a time. */
static void check_exchange(struct rig *rig, int fd)
{
	uint8_t *stream = malloc(2 * DATA_LEN);
	uint8_t *copy = malloc(DATA_LEN);
	size_t at = 0, expected = 0;

	memcpy(copy, rig->data, DATA_LEN);
	rig->task.itt = 7;
	rig->task.data = &rig->extents;
	rig->task.put_length = DATA_LEN;
	transport_put_data(rig->conn, &rig->task);
	for (uint32_t i = 0; i < 16; i++)
		expected += 48 + 4 + 65536 + 4;
	assert_int_equal(client_read(rig, fd, stream, expected), expected);
	for (uint32_t i = 0; i < 16; i++) {
		assert_int_equal(stream[at], 0x25);
		assert_memory_equal(stream + at + 52, copy + i * 65536, 65536);
		at += 48 + 4 + 65536 + 4;
	}
	assert_int_equal(rig->put_result, 0);

	free(copy);
	free(stream);
}

static void exchange(void **state, const char *address)
{
	struct rig *rig = rig_of(state);
	int fd;

	start_listening(rig, address);
	fd = dial_and_wait(rig, address);
	check_names(rig, address, fd);
	check_exchange(rig, fd);
	close(fd);
	run_until_end(rig);
	assert_int_equal(rig->end, TRANSPORT_END_CLOSED);
	assert_int_equal(rig->lost_count, 0);
}

static void test_tcp__exchange_ipv4(void **state)
{
	exchange(state, "127.0.0.1");
}

static void test_tcp__exchange_ipv6(void **state)
{
	exchange(state, "::1");
}

/* A get of 1 MiB: R2Ts out, Data-Out in, landed in its place. */
static void test_tcp__solicited_data(void **state)
{
	struct rig *rig = rig_of(state);
	uint8_t *data = malloc(DATA_LEN);
	uint32_t got = 0;
	int fd;

	rig->keys.header_digest = false;
	rig->keys.data_digest = false;
	start_listening(rig, "127.0.0.1");
	fd = dial_and_wait(rig, "127.0.0.1");
	for (uint32_t i = 0; i < DATA_LEN; i++)
		data[i] = (uint8_t)(i * 7919 >> 4);
	rig->task.itt = 9;
	rig->task.lun = 0;
	rig->task.data = &rig->extents;
	rig->task.get_offset = 0;
	rig->task.get_length = DATA_LEN;
	rig->conn->ops->task_begin(rig->conn, &rig->task, NULL);
	transport_get_data(rig->conn, &rig->task);
	while (got < DATA_LEN) {
		uint8_t r2t[48], header[48] = { 0x05, 0x80 };
		uint32_t offset, length;

		assert_int_equal(client_read(rig, fd, r2t, 48), 48);
		assert_int_equal(r2t[0], 0x31);
		offset = get_be32(r2t + 40);
		length = get_be32(r2t + 44);
		assert_int_equal(offset, got);
		memcpy(header + 16, r2t + 16, 8);
		put_be24(header + 5, length);
		put_be32(header + 40, offset);
		client_write(rig, fd, header, 48);
		client_write(rig, fd, data + offset, length);
		got += length;
	}
	for (unsigned i = 0; i < 1000 && rig->get_result == NOT_YET; i++)
		turn(rig);
	assert_int_equal(rig->get_result, 0);
	assert_memory_equal(rig->data, data, DATA_LEN);
	close(fd);
	run_until_end(rig);
	free(data);
}

/* Everything that was queued arrives, though the client goes on sending. */
static void test_tcp__graceful_end_loses_nothing(void **state)
{
	struct rig *rig = rig_of(state);
	size_t expected = 16 * (48 + 4 + 65536 + 4);
	uint8_t *stream = malloc(expected + 1);
	int fd;

	start_listening(rig, "127.0.0.1");
	fd = dial_and_wait(rig, "127.0.0.1");
	rig->task.data = &rig->extents;
	rig->task.put_length = DATA_LEN;
	transport_put_data(rig->conn, &rig->task);
	transport_terminate(rig->conn, true);
	client_write(rig, fd, rig->data, 200000);
	assert_int_equal(client_read(rig, fd, stream, expected + 1), expected);
	assert_int_equal(rig->put_result, 0);
	client_write(rig, fd, rig->data, 1000);
	assert_int_equal(rig->end, -1);
	close(fd);
	run_until_end(rig);
	assert_int_equal(rig->end, TRANSPORT_END_TERMINATED);
	free(stream);
}

static void test_tcp__peer_stops_reading(void **state)
{
	struct rig *rig = rig_of(state);
	struct transport_task task[16];
	int fd;

	start_listening(rig, "127.0.0.1");
	fd = dial_and_wait(rig, "127.0.0.1");
	memset(task, 0, sizeof(task));
	for (unsigned i = 0; i < 16; i++) {
		task[i].data = &rig->extents;
		task[i].put_length = DATA_LEN;
		transport_put_data(rig->conn, &task[i]);
	}
	for (unsigned i = 0; i < 100; i++)
		turn(rig);
	assert_int_equal(rig->end, -1);
	/* The last progress may be a while back already: not by this clock. */
	clock_manual_advance(&rig->clock, 19 * CLOCK_NS_PER_S);
	for (unsigned i = 0; i < 20; i++)
		turn(rig);
	assert_int_equal(rig->end, -1);
	clock_manual_advance(&rig->clock, 2 * CLOCK_NS_PER_S);
	run_until_end(rig);
	assert_int_equal(rig->end, TRANSPORT_END_STALLED);
	assert_int_equal(rig->put_result, -ETIMEDOUT);
	close(fd);
}

static void test_tcp__peer_resets(void **state)
{
	struct rig *rig = rig_of(state);
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };
	int fd;

	start_listening(rig, "127.0.0.1");
	fd = dial_and_wait(rig, "127.0.0.1");
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
	run_until_end(rig);
	assert_int_equal(rig->end, TRANSPORT_END_RESET);
}

/* The target's end of the client's FD. */
static int find_peer_fd(int fd)
{
	struct sockaddr_in own, other;
	socklen_t length = sizeof(own);

	getsockname(fd, (struct sockaddr *)&own, &length);
	for (int i = 0; i < 1024; i++) {
		length = sizeof(other);
		if (getpeername(i, (struct sockaddr *)&other, &length) == 0 &&
		    other.sin_family == AF_INET && other.sin_port == own.sin_port)
			return i;
	}
	return -1;
}

/* As a ring does before Linux 6.13: what it has registered is let go some time later. */
static void test_tcp__peer_sees_the_end_though_the_kernel_keeps_the_socket(void **state)
{
	struct rig *rig = rig_of(state);
	uint8_t byte;
	int fd, kept;

	start_listening(rig, "127.0.0.1");
	fd = dial_and_wait(rig, "127.0.0.1");
	kept = dup(find_peer_fd(fd));
	assert_true(kept >= 0);
	transport_terminate(rig->conn, false);
	run_until_end(rig);
	assert_int_equal(client_read(rig, fd, &byte, 1), 0);
	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
	close(kept);
	close(fd);
}

static int option_of(int fd, int level, int option)
{
	int value = -1;
	socklen_t length = sizeof(value);

	getsockopt(fd, level, option, &value, &length);
	return value;
}

static void test_tcp__options(void **state)
{
	struct rig *rig = rig_of(state);
	int fd, peer;

	start_listening(rig, "127.0.0.1");
	fd = dial_and_wait(rig, "127.0.0.1");
	peer = find_peer_fd(fd);
	assert_true(peer >= 0);
	assert_int_equal(option_of(peer, IPPROTO_TCP, TCP_NODELAY), 1);
	assert_int_equal(option_of(peer, SOL_SOCKET, SO_KEEPALIVE), 1);
	assert_int_equal(option_of(peer, IPPROTO_TCP, TCP_KEEPIDLE), 30);
	assert_int_equal(option_of(peer, IPPROTO_TCP, TCP_USER_TIMEOUT), 20000);
	assert_true(fcntl(peer, F_GETFD) & FD_CLOEXEC);
	close(fd);
}

static void test_tcp__to_another_reactor(void **state)
{
	struct rig *rig = rig_of(state);
	int fd;

	start_listening(rig, "127.0.0.1");
	rig->target = rig->reactor[1];
	fd = dial_and_wait(rig, "127.0.0.1");
	assert_ptr_equal(rig->conn->reactor, rig->reactor[1]);
	check_exchange(rig, fd);
	/* The listener may go first. */
	rig->listener->ops->close(rig->listener);
	rig->listener = NULL;
	for (unsigned i = 0; i < 10; i++)
		turn(rig);
	close(fd);
	run_until_end(rig);
}

static void test_tcp__not_wanted(void **state)
{
	struct rig *rig = rig_of(state);
	uint8_t byte;
	int fd;

	start_listening(rig, "127.0.0.1");
	rig->target = NULL;
	fd = dial("127.0.0.1", rig->listener->port);
	run_until(rig, &rig->placed_count, 1);
	assert_int_equal(client_read(rig, fd, &byte, 1), 0);
	close(fd);
	rig->target = rig->reactor[1];
	rig->connected_result = -EMFILE;
	fd = dial("127.0.0.1", rig->listener->port);
	run_until(rig, &rig->connected_count, 1);
	assert_int_equal(client_read(rig, fd, &byte, 1), 0);
	close(fd);
	assert_int_equal(rig->lost_count, 0);
}

static void test_tcp__listen_errors(void **state)
{
	struct rig *rig = rig_of(state);
	struct transport_listener *second = NULL;
	char error[256] = "", expected[256];

	start_listening(rig, "127.0.0.1");
	assert_int_equal(try_listen(rig, "127.0.0.1", rig->listener->port, &second, error),
			 -EADDRINUSE);
	snprintf(expected, sizeof(expected),
		 "cannot listen on 127.0.0.1 port %u: Address already in use",
		 rig->listener->port);
	assert_string_equal(error, expected);
	assert_int_equal(try_listen(rig, "localhost", 0, &second, error), -EINVAL);
	assert_string_equal(error, "localhost is no IPv4 or IPv6 address");
	assert_int_equal(try_listen(rig, "192.0.2.77", 0, &second, error), -EADDRNOTAVAIL);
	assert_null(second);
}

static void test_tcp__both_families_on_one_port(void **state)
{
	struct rig *rig = rig_of(state);
	struct transport_listener *second = NULL;
	char error[256] = "";
	int fd;

	start_listening(rig, "::");
	/* Somebody else may have that port of IPv4 just now. */
	for (unsigned i = 0; i < 20; i++) {
		if (try_listen(rig, "0.0.0.0", rig->listener->port, &second, error) == 0)
			break;
		rig->listener->ops->close(rig->listener);
		start_listening(rig, "::");
	}
	assert_non_null(second);
	fd = dial("127.0.0.1", rig->listener->port);
	run_until(rig, &rig->connected_count, 1);
	assert_string_equal(rig->placed, "127.0.0.1");
	close(fd);
	run_until_end(rig);
	rig->end = -1;
	fd = dial_and_wait(rig, "::1");
	assert_string_equal(rig->placed, "::1");
	close(fd);
	run_until_end(rig);
	second->ops->close(second);
}

/* Closed before its reactor has ever run: at once, without a leak. */
static void test_tcp__close_before_run(void **state)
{
	struct rig *rig = rig_of(state);

	start_listening(rig, "127.0.0.1");
	rig->listener->ops->close(rig->listener);
	rig->listener = NULL;
}

/* Out of descriptors: it waits and tries again, and nobody is turned away. */
static void test_tcp__accept_backs_off(void **state)
{
	struct rig *rig = rig_of(state);
	struct rlimit before, tight;
	int fd;

	start_listening(rig, "127.0.0.1");
	for (unsigned i = 0; i < 3; i++)
		turn(rig);
	fd = dial("127.0.0.1", rig->listener->port);
	getrlimit(RLIMIT_NOFILE, &before);
	tight = before;
	tight.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &tight);
	for (unsigned i = 0; i < 20; i++)
		turn(rig);
	setrlimit(RLIMIT_NOFILE, &before);
	/* The uring engine's accept is bound by the limit too, but may have come before it. */
	for (unsigned i = 0; i < 20 && rig->connected_count == 0; i++) {
		clock_manual_advance(&rig->clock, 60 * CLOCK_NS_PER_MS);
		turn(rig);
	}
	assert_int_equal(rig->connected_count, 1);
	close(fd);
	run_until_end(rig);
}

#define ON_BOTH(test)                                                                              \
	cmocka_unit_test_setup_teardown(test, rig_set_up_epoll, rig_tear_down),                    \
		cmocka_unit_test_setup_teardown(test, rig_set_up_uring, rig_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BOTH(test_tcp__exchange_ipv4),
		ON_BOTH(test_tcp__exchange_ipv6),
		ON_BOTH(test_tcp__solicited_data),
		ON_BOTH(test_tcp__graceful_end_loses_nothing),
		ON_BOTH(test_tcp__peer_stops_reading),
		ON_BOTH(test_tcp__peer_resets),
		ON_BOTH(test_tcp__peer_sees_the_end_though_the_kernel_keeps_the_socket),
		ON_BOTH(test_tcp__options),
		ON_BOTH(test_tcp__to_another_reactor),
		ON_BOTH(test_tcp__not_wanted),
		ON_BOTH(test_tcp__listen_errors),
		ON_BOTH(test_tcp__both_families_on_one_port),
		ON_BOTH(test_tcp__close_before_run),
		ON_BOTH(test_tcp__accept_backs_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
