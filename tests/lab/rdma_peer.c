/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An iSER initiator that behaves badly, by RDMA CM. It stands alone: none of
 * Pinion's own code is in it.
 *
 *   rdma-peer garbage ADDRESS IQN COUNT SEED   connections that send nonsense before
 *                                              login, instead of it and after it
 *   rdma-peer cycles ADDRESS IQN COUNT         logs in, asks one thing, leaves: by a
 *                                              logout, by a disconnect, by nothing
 *   rdma-peer mute ADDRESS IQN                 logs in, asks, and has no receive for
 *                                              the answer; ends when it is cut off
 *   rdma-peer deaf ADDRESS IQN                 has none for the login's answer either
 *   rdma-peer idle ADDRESS IQN                 connects and says nothing
 *   rdma-peer stay ADDRESS IQN                 (well-behaved:) logs in and stays until killed
 *
 * Exit status: 0 all went as it should, 1 and one line else.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rdma/rdma_verbs.h>

enum {
	HEADERS = 28 + 48,	/* iSER, BHS */
	BUFFER = 16384,
	RECEIVES = 16,
	ANSWER_MS = 60000,
	CONNECT_TRIES = 20,	/* a second apart */
};

struct peer {
	struct rdma_cm_id *id;
	struct ibv_mr *mr;
	uint8_t *memory;	/* one buffer to send from, RECEIVES to receive into */
	uint32_t cmd_sn, exp_stat_sn;
	bool is_connected;
};

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value);
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* --- a connection --- */

static void post_receive(struct peer *peer, unsigned index)
{
	uint8_t *at = peer->memory + (index + 1) * (size_t)BUFFER;

	if (rdma_post_recv(peer->id, at, at, BUFFER, peer->mr) != 0)
		die("cannot post a receive: %s", strerror(errno));
}

static void peer_close(struct peer *peer, bool says_so)
{
	if (says_so && peer->is_connected)
		rdma_disconnect(peer->id);
	rdma_dereg_mr(peer->mr);
	rdma_destroy_ep(peer->id);
	free(peer->memory);
}

/* RNR: how often a SEND that finds no receive is tried again; 7: for ever. */
static bool try_connect(struct peer *peer, struct rdma_addrinfo *found, unsigned receives,
			uint8_t rnr)
{
	struct ibv_qp_init_attr attr = {
		.cap = { .max_send_wr = 64, .max_recv_wr = 64, .max_send_sge = 1,
			 .max_recv_sge = 1 },
		.sq_sig_all = 1,
	};
	uint8_t private_data[4] = { 0xc0 };
	struct rdma_conn_param param = {
		.private_data = private_data, .private_data_len = sizeof(private_data),
		.responder_resources = 4, .retry_count = 7, .rnr_retry_count = rnr,
	};

	memset(peer, 0, sizeof(*peer));
	peer->cmd_sn = 1;
	if (rdma_create_ep(&peer->id, found, NULL, &attr) != 0)
		die("no way there: %s", strerror(errno));
	peer->memory = calloc(RECEIVES + 1, BUFFER);
	if (peer->memory == NULL)
		die("out of memory");
	peer->mr = rdma_reg_msgs(peer->id, peer->memory, (RECEIVES + 1) * (size_t)BUFFER);
	if (peer->mr == NULL)
		die("cannot register memory: %s", strerror(errno));
	for (unsigned i = 0; i < receives; i++)
		post_receive(peer, i);
	peer->is_connected = rdma_connect(peer->id, &param) == 0;
	return peer->is_connected;
}

/* The connection manager of a machine without time gives up now and then. */
static void peer_connect(struct peer *peer, const char *address, unsigned receives, uint8_t rnr)
{
	struct rdma_addrinfo hints = { .ai_port_space = RDMA_PS_TCP, .ai_qp_type = IBV_QPT_RC };
	struct rdma_addrinfo *found;

	if (rdma_getaddrinfo(address, "3260", &hints, &found) != 0)
		die("%s: no such address: %s", address, strerror(errno));
	for (unsigned tries = 1; !try_connect(peer, found, receives, rnr); tries++) {
		fprintf(stderr, "%s: no connection: %s\n", address, strerror(errno));
		if (tries == CONNECT_TRIES)
			exit(1);
		peer_close(peer, false);
		sleep(1);
	}
	rdma_freeaddrinfo(found);
}

/* A completion of CQ within MS; false: none, or it is an error. */
static bool take_completion(struct ibv_cq *cq, struct ibv_wc *wc, int64_t ms)
{
	int64_t end = now_ms() + ms;

	for (;;) {
		int count = ibv_poll_cq(cq, 1, wc);

		if (count != 0)
			return count == 1 && wc->status == IBV_WC_SUCCESS;
		if (now_ms() >= end)
			return false;
		usleep(1000);
	}
}

static bool peer_send(struct peer *peer, const uint8_t *message, size_t length)
{
	struct ibv_wc wc;

	memcpy(peer->memory, message, length);
	if (rdma_post_send(peer->id, peer, peer->memory, length, peer->mr, 0) != 0)
		return false;
	return take_completion(peer->id->send_cq, &wc, ANSWER_MS);
}

/* Copies the next PDU's BHS; its receive is posted again. */
static bool peer_receive(struct peer *peer, uint8_t bhs[48], int64_t ms)
{
	struct ibv_wc wc;
	uint8_t *at;

	if (!take_completion(peer->id->recv_cq, &wc, ms) || wc.byte_len < HEADERS)
		return false;
	at = (uint8_t *)(uintptr_t)wc.wr_id;
	memcpy(bhs, at + 28, 48);
	peer->exp_stat_sn = get32(bhs + 24) + 1;
	post_receive(peer, (unsigned)((at - peer->memory) / BUFFER) - 1);
	return true;
}

/* Looks for the news that the other end has ended it, for a moment. */
static bool is_told_of_end(struct peer *peer)
{
	struct pollfd event = { .fd = peer->id->channel->fd, .events = POLLIN };
	struct rdma_cm_event *told;
	bool is_end;

	if (poll(&event, 1, 20) != 1 || rdma_get_cm_event(peer->id->channel, &told) != 0)
		return false;
	/* It rejects what it ends before it has heard that the connection is made. */
	is_end = told->event == RDMA_CM_EVENT_DISCONNECTED ||
		 told->event == RDMA_CM_EVENT_REJECTED;
	rdma_ack_cm_event(told);
	/* rdma_disconnect would wait for this news once more. */
	if (is_end)
		peer->is_connected = false;
	return is_end;
}

/* Waits until the other end has ended it, which receives tell, or a send. */
static bool is_cut_off(struct peer *peer, int64_t ms)
{
	struct ibv_wc wc;
	int64_t end = now_ms() + ms;

	while (now_ms() < end) {
		if (ibv_poll_cq(peer->id->recv_cq, 1, &wc) == 1 && wc.status != IBV_WC_SUCCESS)
			return true;
		if (ibv_poll_cq(peer->id->send_cq, 1, &wc) == 1 && wc.status != IBV_WC_SUCCESS)
			return true;
		if (is_told_of_end(peer))
			return true;
	}
	return false;
}

/*
 * Sends what the other end may answer by ending it, at once: then the send is not acknowledged,
 * and would be tried again for half a minute.
 */
static void peer_throw(struct peer *peer, const uint8_t *message, size_t length)
{
	int64_t end = now_ms() + ANSWER_MS;
	struct ibv_wc wc;

	memcpy(peer->memory, message, length);
	if (rdma_post_send(peer->id, peer, peer->memory, length, peer->mr, 0) != 0)
		return;
	while (ibv_poll_cq(peer->id->send_cq, 1, &wc) == 0 && now_ms() < end)
		if (is_told_of_end(peer))
			return;
	is_cut_off(peer, 100);
}

/* --- iSCSI --- */

static size_t add_key(uint8_t *at, size_t used, const char *text)
{
	size_t length = strlen(text) + 1;

	memcpy(at + used, text, length);
	return used + length;
}

/* The message of a PDU with DATA; returns its length. */
static size_t compose(uint8_t *message, const uint8_t bhs[48], const uint8_t *data, size_t length)
{
	memset(message, 0, HEADERS);
	message[0] = 0x10;
	memcpy(message + 28, bhs, 48);
	message[28 + 5] = (uint8_t)(length >> 16);
	put16(message + 28 + 6, (uint32_t)length);
	if (length != 0)
		memcpy(message + HEADERS, data, length);
	return HEADERS + length;
}

static size_t compose_login(uint8_t *message, const char *iqn, bool is_whole)
{
	uint8_t bhs[48] = { 0x43, 0x87 };
	uint8_t text[2048];
	char target[512];
	size_t used = 0;

	bhs[8] = 0x80;		/* ISID: random */
	put32(bhs + 9, (uint32_t)getpid() << 8 | (uint32_t)(rand() & 0xff));
	put32(bhs + 16, 1);	/* ITT */
	put32(bhs + 24, 1);	/* CmdSN */
	used = add_key(text, used, "InitiatorName=iqn.2026-11.io.pinion:rdma-peer");
	used = add_key(text, used, "SessionType=Normal");
	snprintf(target, sizeof(target), "TargetName=%s", iqn);
	used = add_key(text, used, target);
	used = add_key(text, used, "RDMAExtensions=Yes");
	used = add_key(text, used, "HeaderDigest=None");
	used = add_key(text, used, "DataDigest=None");
	used = add_key(text, used, "InitialR2T=Yes");
	used = add_key(text, used, "ImmediateData=Yes");
	used = add_key(text, used, "InitiatorRecvDataSegmentLength=8192");
	used = add_key(text, used, "TargetRecvDataSegmentLength=8192");
	return compose(message, bhs, text, is_whole ? used : used / 2);
}

static bool log_in(struct peer *peer, const char *iqn)
{
	uint8_t message[BUFFER], bhs[48];

	if (!peer_send(peer, message, compose_login(message, iqn, true)) ||
	    !peer_receive(peer, bhs, ANSWER_MS))
		return false;
	return bhs[0] == 0x23 && bhs[36] == 0 && (bhs[1] & 0x83) == 0x83;
}

static size_t compose_command(struct peer *peer, uint8_t *message, uint8_t operation)
{
	uint8_t bhs[48] = { 0x01, 0x81 };

	put32(bhs + 16, 0x100 + peer->cmd_sn);
	put32(bhs + 24, peer->cmd_sn++);
	put32(bhs + 28, peer->exp_stat_sn);
	bhs[32] = operation;
	return compose(message, bhs, NULL, 0);
}

static bool ask(struct peer *peer)
{
	uint8_t message[BUFFER], bhs[48];

	return peer_send(peer, message, compose_command(peer, message, 0)) &&
	       peer_receive(peer, bhs, ANSWER_MS) && bhs[0] == 0x21;
}

static bool log_out(struct peer *peer)
{
	uint8_t message[BUFFER];
	uint8_t bhs[48] = { 0x46, 0x80 };

	put32(bhs + 16, 0x77);
	put32(bhs + 24, peer->cmd_sn);
	put32(bhs + 28, peer->exp_stat_sn);
	return peer_send(peer, message, compose(message, bhs, NULL, 0)) &&
	       peer_receive(peer, bhs, ANSWER_MS) && bhs[0] == 0x26;
}

/* --- what it is asked to do --- */

static void fill_randomly(uint8_t *at, size_t length)
{
	for (size_t i = 0; i < length; i++)
		at[i] = (uint8_t)(rand() >> 8);
}

enum { NONSENSES = 12 };

/* One message that is none, of so many kinds. */
static size_t compose_nonsense(struct peer *peer, unsigned kind, const char *iqn, uint8_t *message)
{
	size_t length = 0;

	memset(message, 0, BUFFER);
	switch (kind) {
	case 0:		/* less than a header */
		fill_randomly(message, 10);
		return 10;
	case 1:		/* no bytes at all */
		return 0;
	case 2:		/* headers of anything */
		fill_randomly(message, HEADERS + 200);
		return HEADERS + 200;
	case 3:		/* any PDU */
		fill_randomly(message, HEADERS + 200);
		message[0] = 0x10;
		return HEADERS + 200;
	case 4:		/* a login of 16 MiB */
		length = compose_login(message, iqn, true);
		message[28 + 5] = 0xff;
		return length;
	case 5:		/* of random text */
		length = compose_login(message, iqn, true);
		fill_randomly(message + HEADERS, length - HEADERS);
		return length;
	case 6:		/* cut in two */
		return compose_login(message, iqn, false);
	case 7:		/* with more additional headers than there is */
		length = compose_login(message, iqn, true);
		message[28 + 4] = 0xff;
		return length;
	case 8:		/* more than any receive takes */
		compose_login(message, iqn, true);
		return BUFFER;
	case 9:		/* Hello, out of place */
		message[0] = 0x20;
		message[1] = 0xaa;
		return 28;
	case 10:	/* a command */
		return compose_command(peer, message, 0x12);
	default:	/* login by something that is no initiator */
		length = compose_login(message, "no target of ours", true);
		message[28 + 1] = (uint8_t)rand();
		return length;
	}
}

/* After a login: PDUs of anything, and commands that offer memory which is not there. */
static size_t compose_late_nonsense(struct peer *peer, unsigned kind, uint8_t *message)
{
	size_t length;

	memset(message, 0, BUFFER);
	switch (kind % 4) {
	case 0:
		fill_randomly(message, HEADERS + 64);
		message[0] = 0x10;
		return HEADERS + 64;
	case 1:		/* READ(10) of 4 KiB to nowhere */
		length = compose_command(peer, message, 0x28);
		message[0] |= 0x04;
		fill_randomly(message + 16, 12);
		message[28 + 1] = 0xc1;
		put32(message + 28 + 20, 4096);
		message[28 + 32 + 8] = 8;
		return length;
	case 2:		/* WRITE(10) of 4 KiB from nowhere */
		length = compose_command(peer, message, 0x2a);
		message[0] |= 0x08;
		fill_randomly(message + 4, 12);
		message[28 + 1] = 0xa1;
		put32(message + 28 + 20, 4096);
		message[28 + 32 + 8] = 8;
		return length;
	default:	/* a write that says what it does not send */
		length = compose_command(peer, message, 0x2a);
		message[28 + 1] = 0xa1;
		put32(message + 28 + 20, 4096);
		put16(message + 28 + 6, 4096);
		message[28 + 32 + 8] = 8;
		return length;
	}
}

static int run_garbage(const char *address, const char *iqn, unsigned count)
{
	uint8_t message[BUFFER];
	struct peer peer;

	for (unsigned i = 0; i < count; i++) {
		bool is_late = i % 3 == 2;

		peer_connect(&peer, address, RECEIVES, 6);
		if (is_late && !log_in(&peer, iqn))
			die("connection %u: a good login was refused", i);
		if (is_late)
			peer_throw(&peer, message, compose_late_nonsense(&peer, i / 3, message));
		else
			peer_throw(&peer, message,
				   compose_nonsense(&peer, (i / 3 * 2 + i % 3) % NONSENSES, iqn,
						    message));
		peer_close(&peer, i % 2 == 0);
	}
	return 0;
}

static int run_cycles(const char *address, const char *iqn, unsigned count)
{
	struct peer peer;

	for (unsigned i = 0; i < count; i++) {
		peer_connect(&peer, address, RECEIVES, 6);
		if (!log_in(&peer, iqn))
			die("cycle %u: no login", i);
		if (!ask(&peer))
			die("cycle %u: no answer", i);
		if (i % 3 == 0 && !log_out(&peer))
			die("cycle %u: no logout", i);
		peer_close(&peer, i % 3 != 2);
	}
	return 0;
}

static int run_silent(const char *what, const char *address, const char *iqn)
{
	bool is_mute = strcmp(what, "mute") == 0;
	uint8_t message[BUFFER];
	struct peer peer;

	/* The login's answer takes its only receive, which is not posted again. */
	peer_connect(&peer, address, is_mute ? 1 : 0, is_mute ? 7 : 2);
	if (is_mute) {
		struct ibv_wc wc;

		if (!peer_send(&peer, message, compose_login(message, iqn, true)) ||
		    !take_completion(peer.id->recv_cq, &wc, ANSWER_MS))
			die("no login");
		for (unsigned i = 0; i < 8; i++)
			if (!peer_send(&peer, message, compose_command(&peer, message, 0)))
				die("a command cannot be sent");
	} else if (strcmp(what, "deaf") == 0) {
		if (!peer_send(&peer, message, compose_login(message, iqn, true)))
			die("the login cannot be sent");
	}
	printf("%s\n", what);
	fflush(stdout);
	if (!is_cut_off(&peer, 60000))
		die("a minute has gone, and it is not cut off");
	peer_close(&peer, true);
	return 0;
}

static int run_stay(const char *address, const char *iqn)
{
	struct peer peer;

	peer_connect(&peer, address, RECEIVES, 6);
	if (!log_in(&peer, iqn) || !ask(&peer))
		die("no login");
	printf("stay\n");
	fflush(stdout);
	pause();
	return 0;
}

int main(int argc, char **argv)
{
	alarm(300);
	if (argc == 6 && strcmp(argv[1], "garbage") == 0) {
		srand((unsigned)atoi(argv[5]));
		return run_garbage(argv[2], argv[3], (unsigned)atoi(argv[4]));
	}
	if (argc == 5 && strcmp(argv[1], "cycles") == 0)
		return run_cycles(argv[2], argv[3], (unsigned)atoi(argv[4]));
	if (argc == 4 && (strcmp(argv[1], "mute") == 0 || strcmp(argv[1], "deaf") == 0 ||
			  strcmp(argv[1], "idle") == 0))
		return run_silent(argv[1], argv[2], argv[3]);
	if (argc == 4 && strcmp(argv[1], "stay") == 0)
		return run_stay(argv[2], argv[3]);
	die("usage: rdma-peer garbage | cycles | mute | deaf | idle | stay ADDRESS IQN ... (see its source)");
}
