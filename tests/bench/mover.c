/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-mover: what transport/tcp alone can do. Above it is the least upper
 * layer that there can be: every SCSI Command is answered at once, a read with
 * its bytes from static memory, a write with GOOD. There is no login. The
 * client is bench-bare --client, whose server is the limit to compare with.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/container.h"
#include "base/log.h"
#include "sys/reactor.h"
#include "transport/transport.h"

#define BLOCK_MAX (1u << 20)
#define TASKS_MAX 256u

struct server;

struct io {
	struct transport_task task;
	struct extents extents;
	struct io *next;
};

struct connection {
	struct server *server;
	struct transport_window window;
	struct transport_numbers numbers;
	struct io *free;
	struct io io[TASKS_MAX];
};

struct server {
	struct memory *memory;
	struct reactor *reactor;
	uint8_t *data;
	uint64_t span;
	uint64_t random;
	struct transport_keys keys;
};

static void aim(struct server *server, struct extents *extents, uint32_t length)
{
	uint64_t offset;

	server->random ^= server->random << 13;
	server->random ^= server->random >> 7;
	server->random ^= server->random << 17;
	offset = server->span > length ? server->random % (server->span - length) & ~4095ull : 0;
	extents->count = 1;
	extents->borrowed = true;
	extents->length = length;
	extents->extent[0] = (struct extent){ server->data + offset, length, NULL };
}

static int header(struct transport_conn *conn, struct transport_rx *rx)
{
	struct connection *connection = conn->user;
	uint32_t length = get_be32(rx->bhs->raw + 20);
	struct io *io = connection->free;

	if (io == NULL || length > BLOCK_MAX || rx->data_length > length)
		return -1;
	connection->free = io->next;
	aim(connection->server, &io->extents, length);
	conn->ops->task_begin(conn, &io->task, rx);
	io->task.itt = bhs_itt(rx->bhs);
	io->task.put_length = bhs_flags(rx->bhs) & 0x40 ? length : 0;
	rx->sink = TRANSPORT_SINK_EXTENTS;
	rx->extents = &io->extents;
	rx->context = io;
	return 0;
}

static int pdu(struct transport_conn *conn, struct transport_rx *rx)
{
	struct connection *connection = conn->user;
	struct io *io = rx->context;
	struct bhs *response = &io->task.response;

	bhs_begin(response, ISCSI_OPCODE_SCSI_RESPONSE, ISCSI_FLAG_FINAL);
	put_be32(response->raw + BHS_AT_ITT, io->task.itt);
	bhs_set_stat_sn(response, connection->numbers.stat_sn++);
	bhs_set_window(response, ++connection->window.exp_cmd_sn,
		       ++connection->window.max_cmd_sn);
	transport_put_data(conn, &io->task);
	return 0;
}

static void put_done(struct transport_conn *conn, struct transport_task *task, int err)
{
	struct connection *connection = conn->user;
	struct io *io = container_of(task, struct io, task);

	(void)err;
	io->next = connection->free;
	connection->free = io;
}

static void get_done(struct transport_conn *conn, struct transport_task *task, int err)
{
	(void)conn;
	(void)task;
	(void)err;
}

static void violation(struct transport_conn *conn, struct transport_task *task,
		      const struct bhs *bhs, enum transport_violation violation)
{
	(void)task;
	(void)bhs;
	(void)violation;
	transport_terminate(conn, false);
}

static void terminated(struct transport_conn *conn, enum transport_end end, int err)
{
	(void)end;
	(void)err;
	free(conn->user);
}

static const struct transport_upcalls upcalls = {
	header, pdu, put_done, get_done, violation, NULL, terminated,
};

static struct reactor *place(void *user, const char *peer)
{
	struct server *server = user;

	(void)peer;
	return server->reactor;
}

static int connected(void *user, struct transport_conn *conn)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (connection == NULL)
		return -1;
	connection->server = user;
	conn->up = &upcalls;
	conn->user = connection;
	connection->numbers.window = &connection->window;
	conn->numbers = &connection->numbers;
	for (unsigned i = 0; i < TASKS_MAX; i++) {
		connection->io[i].task.data = &connection->io[i].extents;
		put_done(conn, &connection->io[i].task, 0);
	}
	return conn->ops->enable(conn, &connection->server->keys);
}

static void lost(void *user, struct reactor *reactor, const char *peer)
{
	(void)user;
	(void)reactor;
	(void)peer;
}

static const char usage[] =
	"bench-mover [--port PORT] [--engine uring|epoll] [--span BYTES] [--segment BYTES]\n"
	"            [--digests] [--busy-poll-us N]\n";

static const struct option options[] = {
	{ "port", required_argument, NULL, 'p' },   { "engine", required_argument, NULL, 'e' },
	{ "span", required_argument, NULL, 's' },   { "segment", required_argument, NULL, 'g' },
	{ "digests", no_argument, NULL, 'd' },	    { "busy-poll-us", required_argument, NULL, 'b' },
	{ NULL, 0, NULL, 0 },
};

int main(int argc, char **argv)
{
	struct server server = { .random = 88172645463325252ull, .span = 64 << 20 };
	struct memory_config memory_config = { MEMORY_AUTO, MEMORY_AUTO };
	struct reactor_config config = { .cpu = -1, .node = -1, .arena_bytes = 16 << 20,
					 .busy_poll_us = BUSY_POLL_ADAPTIVE };
	struct transport_listener_config listen = {
		.address = "127.0.0.1", .port = 3262, .user = &server,
		.place = place, .connected = connected, .lost = lost,
	};
	struct transport_listener *listener;
	char error[256];
	int option;

	server.keys = (struct transport_keys){ .send_data_max = BLOCK_MAX,
					       .recv_data_max = BLOCK_MAX,
					       .max_burst = BLOCK_MAX,
					       .first_burst = BLOCK_MAX,
					       .max_outstanding_r2t = 1 };
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'p':
			listen.port = (uint16_t)atoi(optarg);
			break;
		case 'e':
			config.engine = optarg[0] == 'e' ? ENGINE_EPOLL : ENGINE_URING;
			break;
		case 's':
			server.span = strtoull(optarg, NULL, 0);
			break;
		case 'g':
			server.keys.send_data_max = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		case 'd':
			server.keys.header_digest = true;
			server.keys.data_digest = true;
			break;
		case 'b':
			config.busy_poll_us = atoi(optarg);
			break;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	server.data = malloc(server.span + BLOCK_MAX);
	if (server.data == NULL || memory_create(&memory_config, &server.memory) < 0)
		return 1;
	memset(server.data, 0x5a, server.span + BLOCK_MAX);
	config.memory = server.memory;
	if (reactor_create(&config, &server.reactor) < 0)
		return 1;
	listen.reactor = server.reactor;
	if (tcp_listen(&listen, &listener, error, sizeof(error)) < 0) {
		fprintf(stderr, "bench-mover: %s\n", error);
		return 1;
	}
	/* Until it is killed. */
	reactor_run(server.reactor);
	return 0;
}
