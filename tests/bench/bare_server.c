/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server of bench-bare: sockets, batching, the ring of answers. It looks
 * at nothing but lengths; in canned mode bare_canned.c shapes the answers.
 * One thread; it sleeps in epoll, or polls (--spin) while somebody is there.
 */
#include "bare.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define CONNS_MAX    64
#define ANSWERS_MAX  2048 /* depth 256 of 1 MiB is 1024 answers of 256 KiB */
#define IOV_COUNT    1024
#define SCRATCH_SIZE (256u << 10)
#define STATIC_SIZE  (2u << 20) /* the region when there is no --span */

struct server;

struct bare_conn {
	struct server *server;
	int fd;
	bool blocked; /* the socket took no more: waiting for EPOLLOUT */
	uint8_t head[BARE_HEAD];
	uint32_t head_have;
	uint32_t segment_left; /* bytes of this PDU's data segment still to come */
	uint8_t *sink; /* where they go */
	struct bare_session session;
	/* Answers [first, last). Both return to 0 when the ring runs empty,
	 * so that its memory stays in the nearest cache. */
	uint32_t first;
	uint32_t last;
	size_t sent; /* bytes of the first answer that are gone */
	struct bare_answer answers[ANSWERS_MAX];
};

struct server {
	const struct bare_config *config;
	int epoll;
	int listener;
	struct bare_conn *conns[CONNS_MAX];
	unsigned int conn_count;
	uint8_t *region;
	uint64_t region_size;
	uint64_t random;
	uint8_t *scratch;
	struct iovec iov[IOV_COUNT];
};

static volatile sig_atomic_t stop_asked;

static void on_signal(int number)
{
	(void)number;
	stop_asked = 1;
}

/* Where the next payload lies or lands. */
static uint8_t *region_place(struct server *server)
{
	uint64_t places;

	if (!server->config->span)
		return server->region;
	server->random ^= server->random << 13;
	server->random ^= server->random >> 7;
	server->random ^= server->random << 17;
	places = (server->region_size - BARE_BLOCK_MAX) / 4096;
	return server->region + server->random % (places + 1) * 4096;
}

struct bare_answer *bare_push(struct bare_conn *conn, const uint8_t *payload, uint32_t length)
{
	struct bare_answer *answer;

	if (conn->last == ANSWERS_MAX)
		return NULL;
	answer = &conn->answers[conn->last++];
	answer->payload = payload ? payload : region_place(conn->server);
	answer->length = length;
	return answer;
}

static int raw_answer(struct bare_conn *conn)
{
	bool read = conn->head[BARE_AT_FLAGS] & BARE_FLAG_READ;
	uint32_t length = read ? bare_get32(conn->head + BARE_AT_LENGTH) : 0;

	if (length > BARE_BLOCK_MAX)
		return -1;
	return bare_push(conn, NULL, length) ? 0 : -1;
}

static int conn_answer(struct bare_conn *conn)
{
	conn->head_have = 0;
	if (!conn->server->config->canned)
		return raw_answer(conn);
	return bare_canned_answer(conn, &conn->session, conn->head);
}

/* A head is complete: learn how much follows. */
static int conn_head(struct bare_conn *conn)
{
	uint32_t segment = bare_get24(conn->head + BARE_AT_SEGMENT);

	if (segment > BARE_BLOCK_MAX)
		return -1;
	conn->segment_left = (segment + 3) & ~3u;
	if (!conn->segment_left)
		return conn_answer(conn);
	conn->sink = region_place(conn->server);
	return 0;
}

static int conn_segment(struct bare_conn *conn, uint32_t count)
{
	conn->segment_left -= count;
	conn->sink += count;
	return conn->segment_left ? 0 : conn_answer(conn);
}

/* Walk through bytes that came in behind the awaited segment. A payload
 * that came with them is counted, not copied: the recv was its one copy. */
static int conn_parse(struct bare_conn *conn, const uint8_t *bytes, size_t count)
{
	int rc = 0;

	while (count && !rc) {
		size_t take;

		if (conn->segment_left) {
			take = count < conn->segment_left ? count : conn->segment_left;
			rc = conn_segment(conn, (uint32_t)take);
		} else {
			take = BARE_HEAD - conn->head_have;
			take = count < take ? count : take;
			memcpy(conn->head + conn->head_have, bytes, take);
			conn->head_have += (uint32_t)take;
			if (conn->head_have == BARE_HEAD)
				rc = conn_head(conn);
		}
		bytes += take;
		count -= take;
	}
	return rc;
}

/* One recv for everything that is pending. Returns 1 when bytes came, 0 when
 * there were none, -1 when the connection is over. */
static int conn_recv(struct bare_conn *conn)
{
	struct iovec iov[2] = {
		{ conn->sink, conn->segment_left },
		{ conn->server->scratch, SCRATCH_SIZE },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	size_t landed;
	ssize_t got;

	if (!conn->segment_left)
		got = recv(conn->fd, conn->server->scratch, SCRATCH_SIZE, MSG_DONTWAIT);
	else
		got = recvmsg(conn->fd, &msg, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (got <= 0)
		return -1;
	landed = (size_t)got < conn->segment_left ? (size_t)got : conn->segment_left;
	if (landed && conn_segment(conn, (uint32_t)landed))
		return -1;
	return conn_parse(conn, conn->server->scratch, (size_t)got - landed) ? -1 : 1;
}

/* Gather all answers, up to what one sendmsg takes. */
static unsigned int conn_gather(struct bare_conn *conn, struct iovec *iov)
{
	size_t skip = conn->sent;
	unsigned int count = 0;

	for (uint32_t i = conn->first; i < conn->last && count + 2 <= IOV_COUNT; i++) {
		struct bare_answer *answer = &conn->answers[i];

		if (skip < BARE_HEAD) {
			iov[count++] = (struct iovec){ answer->head + skip, BARE_HEAD - skip };
			skip = 0;
		} else {
			skip -= BARE_HEAD;
		}
		if (answer->length)
			iov[count++] = (struct iovec){ (uint8_t *)answer->payload + skip,
						       answer->length - skip };
		skip = 0;
	}
	return count;
}

static void conn_advance(struct bare_conn *conn, size_t count)
{
	conn->sent += count;
	while (conn->first < conn->last) {
		size_t whole = BARE_HEAD + conn->answers[conn->first].length;

		if (conn->sent < whole)
			return;
		conn->sent -= whole;
		conn->first++;
	}
	conn->first = conn->last = 0;
}

/* One sendmsg for all answers; more only when the socket took a part.
 * Returns 0 when all is gone, 1 when the socket is full, -1 at the end. */
static int conn_send(struct bare_conn *conn)
{
	struct msghdr msg = { .msg_iov = conn->server->iov };

	while (conn->first < conn->last) {
		ssize_t sent;

		msg.msg_iovlen = conn_gather(conn, conn->server->iov);
		sent = sendmsg(conn->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0 && errno == EAGAIN)
			return 1;
		if (sent < 0)
			return -1;
		conn_advance(conn, (size_t)sent);
	}
	return 0;
}

static void conn_want(struct bare_conn *conn, bool blocked)
{
	struct epoll_event event = {
		.events = blocked ? EPOLLOUT : EPOLLIN,
		.data.ptr = conn,
	};

	if (conn->blocked == blocked)
		return;
	conn->blocked = blocked;
	epoll_ctl(conn->server->epoll, EPOLL_CTL_MOD, conn->fd, &event);
}

/* Returns as conn_recv. */
static int conn_service(struct bare_conn *conn)
{
	int got;
	int full;

	if (conn->blocked) {
		full = conn_send(conn);
		if (full)
			return full < 0 ? -1 : 0;
		conn_want(conn, false);
	}
	got = conn_recv(conn);
	if (got <= 0)
		return got;
	full = conn_send(conn);
	if (full > 0)
		conn_want(conn, true);
	return full < 0 ? -1 : 1;
}

static void conn_close(struct bare_conn *conn)
{
	struct server *server = conn->server;

	for (unsigned int i = 0; i < server->conn_count; i++) {
		if (server->conns[i] == conn)
			server->conns[i] = server->conns[--server->conn_count];
	}
	close(conn->fd);
	free(conn);
}

static void server_accept(struct server *server)
{
	int fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct epoll_event event = { .events = EPOLLIN };
	struct bare_conn *conn;
	int on = 1;

	if (fd < 0)
		return;
	conn = server->conn_count < CONNS_MAX ? calloc(1, sizeof(*conn)) : NULL;
	if (!conn) {
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	conn->server = server;
	conn->fd = fd;
	conn->session.lun_size = server->config->lun_size;
	event.data.ptr = conn;
	epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event);
	server->conns[server->conn_count++] = conn;
}

static void server_events(struct server *server, int timeout)
{
	struct epoll_event events[CONNS_MAX + 1];
	int count = epoll_wait(server->epoll, events, CONNS_MAX + 1, timeout);

	for (int i = 0; i < count; i++) {
		struct bare_conn *conn = events[i].data.ptr;

		if (!conn)
			server_accept(server);
		else if (conn_service(conn) < 0)
			conn_close(conn);
	}
}

/* A single connection is asked directly, without epoll between; every 64th
 * time epoll looks for others. */
static void server_loop(struct server *server)
{
	unsigned int direct = 0;

	while (!stop_asked) {
		bool spin = server->config->spin && server->conn_count;

		if (server->conn_count == 1 && ++direct % 64) {
			int moved = conn_service(server->conns[0]);

			if (moved < 0)
				conn_close(server->conns[0]);
			if (moved || spin)
				continue;
		}
		server_events(server, spin || direct % 64 == 0 ? 0 : -1);
		if (direct % 64 == 0)
			direct++;
	}
}

static int server_listen(struct server *server)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(server->config->port),
	};
	struct epoll_event event = { .events = EPOLLIN };
	int on = 1;

	server->epoll = epoll_create1(EPOLL_CLOEXEC);
	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (server->epoll < 0 || server->listener < 0 ||
	    inet_pton(AF_INET, server->config->address, &address.sin_addr) != 1)
		return -1;
	setsockopt(server->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(server->listener, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(server->listener, 64))
		return -1;
	return epoll_ctl(server->epoll, EPOLL_CTL_ADD, server->listener, &event);
}

/* Every page of the region is written, so that it is real memory and no
 * payload comes from the kernel's one page of zeros. */
static int server_memory(struct server *server)
{
	uint64_t size = server->config->span;

	server->region_size = size > STATIC_SIZE ? size : STATIC_SIZE;
	server->region = mmap(NULL, server->region_size + SCRATCH_SIZE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (server->region == MAP_FAILED)
		return -1;
	memset(server->region, 0x5a, server->region_size + SCRATCH_SIZE);
	server->scratch = server->region + server->region_size;
	server->random = 0x9e3779b97f4a7c15ull;
	return 0;
}

int bare_serve(const struct bare_config *config)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct server *server = calloc(1, sizeof(*server));

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	if (!server)
		return 1;
	server->config = config;
	if (server_memory(server) || server_listen(server)) {
		fprintf(stderr, "bench-bare: cannot serve %s port %u: %s\n", config->address,
			config->port, strerror(errno));
		free(server);
		return 1;
	}
	server_loop(server);
	while (server->conn_count)
		conn_close(server->conns[0]);
	free(server);
	return 0;
}
