/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The raw client of bench-bare. It makes the system calls that libiscsi 1.19
 * makes (seen with strace): poll; one send for each request, and one more for
 * the data of a write; then for each answer one recv of the head and one of
 * the data, until all outstanding answers are here. So its cost is the least that a real client has. With
 * --batch it sends and receives everything at once instead.
 */
#include "bare.h"
#include "stats.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define CONNS_MAX 64
#define DEPTH_MAX 256

struct peer {
	int fd;
	uint32_t queued; /* requests not wholly sent */
	uint32_t outstanding; /* sent and not answered */
	uint64_t started; /* when the first byte of that went */
	size_t sent; /* bytes of the first queued request that are gone */
	size_t received; /* bytes of the first outstanding answer that are here */
	uint64_t sent_at[DEPTH_MAX]; /* by number modulo DEPTH_MAX: answers keep order */
	uint32_t send_number;
	uint32_t answer_number;
};

struct client {
	const struct bare_config *config;
	struct stats stats;
	uint64_t total;
	bool stopping;
	size_t request_size;
	size_t answer_size;
	uint8_t *requests; /* depth of them in a row, all alike */
	uint8_t *data; /* where answers go */
	size_t data_size;
	struct peer peers[CONNS_MAX];
	struct pollfd polls[CONNS_MAX];
};

static void peer_sent(struct peer *peer, uint64_t now)
{
	peer->queued--;
	peer->outstanding++;
	peer->sent_at[peer->send_number++ % DEPTH_MAX] = now;
}

static void peer_answered(struct client *client, struct peer *peer)
{
	uint64_t sent_at = peer->sent_at[peer->answer_number++ % DEPTH_MAX];

	stats_add(&client->stats, stats_now() - sent_at);
	client->total++;
	peer->outstanding--;
	if (!client->stopping)
		peer->queued++;
}

/* libiscsi sends the head and the data of a write apart. */
static size_t head_alone(const struct client *client, const struct peer *peer, size_t size)
{
	if (!client->config->write || client->config->batch || peer->sent >= BARE_HEAD)
		return size;
	return BARE_HEAD - peer->sent;
}

/* Send up to `most` requests with each system call. */
static int peer_send(struct client *client, struct peer *peer, uint32_t most)
{
	while (peer->queued) {
		uint32_t count = peer->queued < most ? peer->queued : most;
		size_t size = head_alone(client, peer, count * client->request_size - peer->sent);
		uint64_t now = stats_now();
		ssize_t sent = send(peer->fd, client->requests + peer->sent, size, MSG_NOSIGNAL);

		if (sent < 0 && errno == EAGAIN)
			return 0;
		if (sent <= 0)
			return -1;
		if (!peer->sent)
			peer->started = now;
		peer->sent += (size_t)sent;
		while (peer->queued && peer->sent >= client->request_size) {
			peer->sent -= client->request_size;
			peer_sent(peer, peer->started);
			peer->started = now;
		}
	}
	return 0;
}

/* Count the answers that `count` more bytes complete. */
static void peer_take(struct client *client, struct peer *peer, size_t count)
{
	peer->received += count;
	while (peer->outstanding && peer->received >= client->answer_size) {
		peer->received -= client->answer_size;
		peer_answered(client, peer);
	}
}

/* As libiscsi: a head, then its data, until nothing is outstanding. */
static int peer_recv_each(struct client *client, struct peer *peer)
{
	while (peer->outstanding) {
		bool head = peer->received < BARE_HEAD;
		size_t left = (head ? BARE_HEAD : client->answer_size) - peer->received;
		ssize_t got = recv(peer->fd, client->data, left, 0);

		if (got < 0 && errno == EAGAIN)
			return 0;
		if (got <= 0)
			return -1;
		peer_take(client, peer, (size_t)got);
	}
	return 0;
}

static int peer_recv_all(struct client *client, struct peer *peer)
{
	ssize_t got = recv(peer->fd, client->data, client->data_size, 0);

	if (got < 0 && errno == EAGAIN)
		return 0;
	if (got <= 0)
		return -1;
	peer_take(client, peer, (size_t)got);
	return 0;
}

static int client_turn(struct client *client)
{
	const struct bare_config *config = client->config;

	for (uint32_t i = 0; i < config->connections; i++) {
		client->polls[i].fd = client->peers[i].fd;
		client->polls[i].events = POLLIN | (client->peers[i].queued ? POLLOUT : 0);
	}
	if (poll(client->polls, config->connections, config->spin ? 0 : 1000) < 0)
		return errno == EINTR ? 0 : -1;
	for (uint32_t i = 0; i < config->connections; i++) {
		struct peer *peer = &client->peers[i];
		short events = client->polls[i].revents;
		int rc = 0;

		if (events & (POLLIN | POLLHUP | POLLERR))
			rc = config->batch ? peer_recv_all(client, peer)
					   : peer_recv_each(client, peer);
		if (!rc && (events & POLLOUT))
			rc = peer_send(client, peer, config->batch ? config->depth : 1);
		if (rc)
			return rc;
	}
	return 0;
}

static bool client_busy(const struct client *client)
{
	for (uint32_t i = 0; i < client->config->connections; i++) {
		if (client->peers[i].outstanding || client->peers[i].sent)
			return true;
	}
	return false;
}

static int client_until(struct client *client, uint64_t end)
{
	while (stats_now() < end) {
		if (client_turn(client))
			return -1;
	}
	return 0;
}

static int client_connect(struct client *client, struct peer *peer)
{
	const struct bare_config *config = client->config;
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(config->port),
	};
	int on = 1;

	peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (peer->fd < 0 || inet_pton(AF_INET, config->address, &address.sin_addr) != 1 ||
	    connect(peer->fd, (struct sockaddr *)&address, sizeof(address)))
		return -1;
	setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	peer->queued = config->depth;
	return fcntl(peer->fd, F_SETFL, O_NONBLOCK);
}

static int client_prepare(struct client *client)
{
	const struct bare_config *config = client->config;

	client->request_size = BARE_HEAD + (config->write ? config->block : 0);
	client->answer_size = BARE_HEAD + (config->write ? 0 : config->block);
	client->data_size = config->batch ? 1u << 20 : BARE_HEAD + (size_t)config->block;
	client->requests = calloc(config->depth, client->request_size);
	client->data = malloc(client->data_size);
	if (!client->requests || !client->data)
		return -1;
	for (uint32_t i = 0; i < config->depth; i++) {
		uint8_t *head = client->requests + i * client->request_size;

		head[0] = BARE_OPCODE;
		head[BARE_AT_FLAGS] = config->write ? BARE_FLAG_WRITE : BARE_FLAG_READ;
		bare_put32(head + BARE_AT_LENGTH, config->block);
		if (config->write)
			bare_put24(head + BARE_AT_SEGMENT, config->block);
	}
	for (uint32_t i = 0; i < config->connections; i++) {
		if (client_connect(client, &client->peers[i]))
			return -1;
	}
	return 0;
}

static int client_measure(struct client *client, struct stats_run *run)
{
	const struct bare_config *config = client->config;
	uint64_t begin;
	double cpu;

	if (client_until(client, stats_now() + (uint64_t)(config->warmup * 1e9)))
		return -1;
	stats_reset(&client->stats);
	begin = stats_now();
	cpu = stats_cpu();
	if (client_until(client, begin + (uint64_t)(config->seconds * 1e9)))
		return -1;
	run->seconds = (double)(stats_now() - begin) / 1e9;
	run->cpu_seconds = stats_cpu() - cpu;
	return 0;
}

/* Let what is on its way come home. The answers count in the total, which
 * the server worked for, and not in the figures. */
static void client_drain(struct client *client)
{
	uint64_t end = stats_now() + 5000000000u;

	client->stopping = true;
	for (uint32_t i = 0; i < client->config->connections; i++) {
		struct peer *peer = &client->peers[i];

		peer->queued = peer->sent ? 1 : 0;
	}
	while (client_busy(client) && stats_now() < end) {
		if (client_turn(client))
			return;
	}
}

int bare_client(const struct bare_config *config)
{
	struct client *client = calloc(1, sizeof(*client));
	struct stats_run run = {
		.op = config->write ? "write" : "read",
		.pattern = "raw",
		.block = config->block,
		.depth = config->depth,
		.connections = config->connections,
	};
	struct stats measured;
	int rc = 1;

	if (!client)
		return 1;
	client->config = config;
	if (client_prepare(client) || client_measure(client, &run)) {
		fprintf(stderr, "bench-bare: %s port %u: %s\n", config->address, config->port,
			strerror(errno));
		goto out;
	}
	measured = client->stats;
	client_drain(client);
	run.total = client->total;
	stats_print(&measured, &run);
	rc = 0;
out:
	free(client->requests);
	free(client->data);
	free(client);
	return rc;
}
