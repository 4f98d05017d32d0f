/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole stream mover over the loop, under a script: the input says what the
 * peer sends, in which pieces, how much it takes, and what a small upper layer
 * answers, solicits and ends. Checked beside what the sanitizers see: every
 * operation completes exactly once, terminated comes once and last, and memory
 * is left alone when its get or its PDU is over.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/crc32c.h"
#include "sys/reactor.h"
#include "transport/loop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TASKS = 6, PDUS = 6, PIECE = 4096, PIECES = 5, MEMORY = PIECE * PIECES };
enum what { IDLE, PUTTING, GETTING };

struct job {
	struct transport_task task;
	enum what what;
	struct extents extents;
	uint8_t *memory[PIECES];
};

struct letter {
	struct transport_pdu pdu;
	bool is_out;
	struct fuzz *fuzz;
	uint8_t data[64];
};

struct fuzz {
	struct reactor *reactor;
	struct clock_manual *clock;
	const uint8_t *input;
	size_t left;
	struct loop *loop;
	struct transport_conn *conn;
	struct transport_keys keys;
	struct transport_window window;
	struct transport_numbers numbers;
	struct job job[TASKS];
	struct letter letter[PDUS];
	struct extents sink;	/* of unsolicited data */
	uint8_t *sink_memory;
	bool is_enabled, has_ended, in_pdu;
	uint32_t ttt;		/* seen in the last R2T */
	uint32_t itt;
	uint8_t behaviour;	/* of the upper layer, until the script changes it */
};

static uint8_t next(struct fuzz *fuzz)
{
	if (fuzz->left == 0)
		return 0;
	fuzz->left--;
	return *fuzz->input++;
}

static uint32_t next16(struct fuzz *fuzz)
{
	uint32_t high = next(fuzz);

	return high << 8 | next(fuzz);
}

/* --- the upper layer --- */

static void send_letter(struct fuzz *fuzz, uint32_t length);
static void start_put(struct fuzz *fuzz, struct job *job, uint32_t length);
static void start_get(struct fuzz *fuzz, struct job *job, uint32_t offset, uint32_t length);

static int header(struct transport_conn *conn, struct transport_rx *rx)
{
	struct fuzz *fuzz = conn->user;

	assert(!fuzz->has_ended && !fuzz->in_pdu);
	assert(rx->bhs != NULL && rx->ahs_length <= BHS_AHS_LEN_MAX);
	fuzz->in_pdu = true;
	switch (fuzz->behaviour & 7) {
	case 0:
	case 1:
		if (rx->data_length <= MEMORY) {
			rx->sink = TRANSPORT_SINK_EXTENTS;
			rx->extents = &fuzz->sink;
			rx->offset = MEMORY - rx->data_length;
		}
		break;
	case 2:
		rx->sink = TRANSPORT_SINK_DISCARD;
		break;
	case 3:
		if (rx->bhs->raw[15] == 0xaa)
			return -71;
		break;
	case 4:
		if (rx->bhs->raw[15] == 0xab)
			transport_terminate(conn, rx->bhs->raw[14] & 1);
		break;
	default:
		break;
	}
	return 0;
}

static int pdu(struct transport_conn *conn, struct transport_rx *rx)
{
	struct fuzz *fuzz = conn->user;
	uint32_t sum = 0;

	assert(!fuzz->has_ended && fuzz->in_pdu);
	fuzz->in_pdu = false;
	if (rx->sink == TRANSPORT_SINK_CONTROL)
		for (uint32_t i = 0; i < rx->data_length; i++)
			sum += rx->data[i];
	for (uint32_t i = 0; i < rx->ahs_length; i++)
		sum += rx->ahs[i];
	if (fuzz->behaviour & 8)
		send_letter(fuzz, sum % 64);
	if (fuzz->behaviour & 16)
		start_put(fuzz, &fuzz->job[sum % TASKS], rx->data_length * 3 % (MEMORY + 1));
	if (!fuzz->is_enabled && bhs_is_final(rx->bhs)) {
		fuzz->is_enabled = true;
		assert(conn->ops->enable(conn, &fuzz->keys) == 0);
	}
	return fuzz->behaviour == 0xff && sum % 7 == 0 ? -71 : 0;
}

static void finish_job(struct fuzz *fuzz, struct transport_task *task, enum what what, int err)
{
	struct job *job = container_of(task, struct job, task);

	assert(!fuzz->has_ended);
	assert(job->what == what);
	job->what = IDLE;
	if ((fuzz->behaviour & 32) && err == 0)
		start_put(fuzz, job, task->get_length % (MEMORY + 1));
}

static void put_done(struct transport_conn *conn, struct transport_task *task, int err)
{
	finish_job(conn->user, task, PUTTING, err);
}

static void get_done(struct transport_conn *conn, struct transport_task *task, int err)
{
	finish_job(conn->user, task, GETTING, err);
}

static void violation(struct transport_conn *conn, struct transport_task *task,
		      const struct bhs *bhs, enum transport_violation violation)
{
	struct fuzz *fuzz = conn->user;

	(void)bhs;
	(void)violation;
	assert(!fuzz->has_ended);
	if ((fuzz->behaviour & 64) && task != NULL)
		conn->ops->task_end(conn, task);
	if (fuzz->behaviour & 128)
		send_letter(fuzz, 48);
}

static void terminated(struct transport_conn *conn, enum transport_end end, int err)
{
	struct fuzz *fuzz = conn->user;

	(void)end;
	(void)err;
	assert(!fuzz->has_ended);
	fuzz->has_ended = true;
	for (unsigned i = 0; i < TASKS; i++)
		assert(fuzz->job[i].what == IDLE);
	for (unsigned i = 0; i < PDUS; i++)
		assert(!fuzz->letter[i].is_out);
}

static const struct transport_upcalls upcalls = {
	header, pdu, put_done, get_done, violation, NULL, terminated,
};

static int connected(void *user, struct transport_conn *conn)
{
	struct fuzz *fuzz = user;

	conn->up = &upcalls;
	conn->user = fuzz;
	fuzz->numbers.window = &fuzz->window;
	conn->numbers = &fuzz->numbers;
	fuzz->conn = conn;
	return 0;
}

/* --- what it can be told to do --- */

static void sent(struct transport_pdu *sent_pdu, int err)
{
	struct letter *letter = container_of(sent_pdu, struct letter, pdu);

	(void)err;
	assert(letter->is_out && !letter->fuzz->has_ended);
	letter->is_out = false;
}

static void send_letter(struct fuzz *fuzz, uint32_t length)
{
	for (unsigned i = 0; i < PDUS; i++) {
		struct letter *letter = &fuzz->letter[i];

		if (letter->is_out)
			continue;
		letter->is_out = true;
		letter->fuzz = fuzz;
		letter->pdu.data = letter->data;
		letter->pdu.data_length = length;
		letter->pdu.sent = sent;
		transport_send_control(fuzz->conn, &letter->pdu);
		return;
	}
}

static void start_put(struct fuzz *fuzz, struct job *job, uint32_t length)
{
	if (job->what != IDLE || !fuzz->is_enabled)
		return;
	job->what = PUTTING;
	job->task.put_length = length;
	job->task.response.raw[BHS_AT_STATUS] = length & 2;
	transport_put_data(fuzz->conn, &job->task);
}

static void start_get(struct fuzz *fuzz, struct job *job, uint32_t offset, uint32_t length)
{
	if (job->what != IDLE || !fuzz->is_enabled)
		return;
	job->what = GETTING;
	job->task.get_offset = offset % MEMORY;
	job->task.get_length = length % (MEMORY - job->task.get_offset + 1);
	transport_get_data(fuzz->conn, &job->task);
}

/* --- the peer --- */

static void feed_digest(struct fuzz *fuzz, const void *bytes, size_t len)
{
	uint8_t digest[4];

	crc32c_put_digest(digest, crc32c(0, bytes, len));
	loop_feed(fuzz->loop, digest, sizeof(digest));
}

/* A PDU that is whole but for what the input makes wrong, its digests right. */
static void feed_pdu(struct fuzz *fuzz, uint8_t opcode, uint32_t length)
{
	uint8_t header_bytes[BHS_LEN] = { opcode, next(fuzz) };
	uint8_t *body;

	put_be24(header_bytes + 5, length);
	if (opcode != ISCSI_OPCODE_DATA_OUT) {
		header_bytes[14] = next(fuzz);
		header_bytes[15] = next(fuzz);
	}
	put_be32(header_bytes + 16, fuzz->itt);
	put_be32(header_bytes + 20, next(fuzz) & 1 ? fuzz->ttt : 0xffffffff);
	put_be32(header_bytes + 36, next(fuzz));
	put_be32(header_bytes + 40, next16(fuzz));
	loop_feed(fuzz->loop, header_bytes, BHS_LEN);
	if (fuzz->is_enabled && fuzz->keys.header_digest)
		feed_digest(fuzz, header_bytes, BHS_LEN);
	if (length == 0)
		return;
	body = calloc(1, bhs_padded_len(length));
	loop_feed(fuzz->loop, body, bhs_padded_len(length));
	if (fuzz->is_enabled && fuzz->keys.data_digest)
		feed_digest(fuzz, body, bhs_padded_len(length));
	free(body);
}

/* What the last R2T asked for, in segments, the first of them WRONG in some way (0: right). */
static void answer_r2t(struct fuzz *fuzz, const uint8_t *r2t, uint32_t segment, uint8_t wrong)
{
	uint32_t length = get_be32(r2t + 44), offset = get_be32(r2t + 40), data_sn = 0;
	uint8_t body[MEMORY];

	memset(body, 0x77, sizeof(body));
	for (uint32_t at = 0; at < length; at += segment) {
		uint32_t piece = min(segment, length - at);
		uint8_t head[BHS_LEN] = { 0x05, at + piece == length ? 0x80 : 0 };

		put_be24(head + 5, piece);
		memcpy(head + 8, r2t + 8, 16);
		put_be32(head + 36, data_sn++ + (wrong == 1));
		put_be32(head + 40, offset + at + (wrong == 2));
		head[1] ^= wrong == 3 ? 0x80 : 0;
		loop_feed(fuzz->loop, head, BHS_LEN);
		if (fuzz->keys.header_digest)
			feed_digest(fuzz, head, BHS_LEN);
		loop_feed(fuzz->loop, body, bhs_padded_len(piece));
		body[0] ^= wrong == 4;
		if (fuzz->keys.data_digest)
			feed_digest(fuzz, body, bhs_padded_len(piece));
		wrong = 0;
	}
}

/* Reads what the target sent; looks for R2Ts where PDUs stand in line. */
static void read_out(struct fuzz *fuzz, uint32_t segment, uint8_t wrong)
{
	uint8_t head[BHS_LEN], rest[8192];
	size_t skip;

	while (loop_read(fuzz->loop, head, BHS_LEN) == BHS_LEN) {
		skip = fuzz->is_enabled && fuzz->keys.header_digest ? 4 : 0;
		if (get_be24(head + 5) != 0)
			skip += bhs_padded_len(get_be24(head + 5)) +
				(fuzz->is_enabled && fuzz->keys.data_digest ? 4 : 0);
		while (skip != 0) {
			size_t got = loop_read(fuzz->loop, rest, min(skip, sizeof(rest)));

			if (got == 0)
				return;
			skip -= got;
		}
		if (head[0] != ISCSI_OPCODE_R2T)
			continue;
		fuzz->itt = get_be32(head + 16);
		fuzz->ttt = get_be32(head + 20);
		if (segment != 0 && get_be32(head + 44) <= MEMORY)
			answer_r2t(fuzz, head, segment, wrong);
	}
}

static void turns(struct fuzz *fuzz, unsigned count)
{
	while (count-- != 0)
		reactor_turn(fuzz->reactor, 0);
}

static void do_to_peer(struct fuzz *fuzz, uint8_t op)
{
	uint32_t a, b;
	size_t len;

	switch (op) {
	case 0:
		len = next(fuzz);
		len = min(len, fuzz->left);
		loop_feed(fuzz->loop, fuzz->input, len);
		fuzz->input += len;
		fuzz->left -= len;
		break;
	case 1:
		a = next(fuzz);
		feed_pdu(fuzz, (uint8_t)a, next(fuzz));
		break;
	case 2:
		feed_pdu(fuzz, ISCSI_OPCODE_DATA_OUT, next16(fuzz));
		break;
	case 3:
		read_out(fuzz, 0, 0);
		break;
	case 4:
		a = next(fuzz);
		read_out(fuzz, 1 + next16(fuzz) % MEMORY, a & 7);
		break;
	case 5:
		a = next16(fuzz);
		b = next16(fuzz);
		loop_set_pieces(fuzz->loop, a, b);
		break;
	case 6:
		loop_set_room(fuzz->loop, next16(fuzz));
		break;
	default:
		a = next(fuzz);
		feed_pdu(fuzz, (uint8_t)a, next16(fuzz));
		break;
	}
}

static void do_from_above(struct fuzz *fuzz, uint8_t op)
{
	struct job *job = &fuzz->job[next(fuzz) % TASKS];
	uint32_t offset;

	if (loop_is_gone(fuzz->loop))
		return;
	switch (op) {
	case 0:
		start_put(fuzz, job, next16(fuzz) % (MEMORY + 1));
		break;
	case 1:
	case 2:
		offset = next16(fuzz);
		start_get(fuzz, job, offset, next16(fuzz));
		break;
	case 3:
		if (job->what != PUTTING)
			fuzz->conn->ops->task_end(fuzz->conn, &job->task);
		break;
	case 4:
		send_letter(fuzz, next(fuzz) % 64);
		break;
	case 5:
		fuzz->behaviour = next(fuzz);
		break;
	case 6:
		fuzz->window.max_cmd_sn++;
		break;
	default:
		if (next(fuzz) > 0x80)
			transport_terminate(fuzz->conn, next(fuzz) & 1);
		break;
	}
}

static void play(struct fuzz *fuzz)
{
	while (fuzz->left != 0 && !loop_is_gone(fuzz->loop)) {
		uint8_t op = next(fuzz);

		switch (op >> 6) {
		case 0:
			do_to_peer(fuzz, op & 7);
			break;
		case 1:
			do_from_above(fuzz, op & 7);
			break;
		case 2:
			turns(fuzz, op & 15);
			break;
		default:
			if (op == 0xff)
				loop_close(fuzz->loop);
			else if (op == 0xfe)
				loop_reset(fuzz->loop, -104);
			else if (op == 0xfd)
				clock_manual_advance(fuzz->clock, next(fuzz) * CLOCK_NS_PER_S / 8);
			else
				turns(fuzz, 1);
			break;
		}
	}
	turns(fuzz, 3);
}

/* --- one input --- */

static void make_memory(struct fuzz *fuzz)
{
	for (unsigned i = 0; i < TASKS; i++) {
		struct job *job = &fuzz->job[i];

		extents_init(&job->extents);
		for (unsigned j = 0; j < PIECES; j++) {
			/* Blocks of their own, so that a sanitizer sees each end. */
			job->memory[j] = malloc(PIECE);
			memset(job->memory[j], (int)j, PIECE);
			job->extents.extent[j] = (struct extent){ job->memory[j], PIECE, NULL };
		}
		job->extents.count = PIECES;
		job->extents.length = MEMORY;
		job->task.itt = i;
		job->task.data = &job->extents;
		fuzz->conn->ops->task_begin(fuzz->conn, &job->task, NULL);
	}
	fuzz->sink_memory = malloc(MEMORY);
	extents_init(&fuzz->sink);
	fuzz->sink.count = 1;
	fuzz->sink.length = MEMORY;
	fuzz->sink.extent[0] = (struct extent){ fuzz->sink_memory, MEMORY, NULL };
}

static void free_memory(struct fuzz *fuzz)
{
	for (unsigned i = 0; i < TASKS; i++)
		for (unsigned j = 0; j < PIECES; j++)
			free(fuzz->job[i].memory[j]);
	free(fuzz->sink_memory);
}

static void choose_keys(struct fuzz *fuzz)
{
	static const uint32_t sizes[] = { 512, 513, 700, 4096, 8192, 20000, 65536, 16777215 };
	uint8_t choice = next(fuzz);

	fuzz->keys.header_digest = choice & 1;
	fuzz->keys.data_digest = choice & 2;
	fuzz->keys.max_outstanding_r2t = 1 + (choice >> 2 & 3);
	choice = next(fuzz);
	fuzz->keys.send_data_max = sizes[choice & 7];
	fuzz->keys.recv_data_max = sizes[choice >> 3 & 7];
	choice = next(fuzz);
	fuzz->keys.max_burst = sizes[choice & 7];
	fuzz->behaviour = next(fuzz);
	if (choice & 8) {
		fuzz->is_enabled = true;
		assert(fuzz->conn->ops->enable(fuzz->conn, &fuzz->keys) == 0);
	}
}

static struct reactor *make_reactor(struct clock_manual *clock)
{
	struct memory_config memory_config = { MEMORY_OFF, MEMORY_OFF };
	struct reactor_config config = {
		.cpu = -1, .node = -1, .engine = ENGINE_EPOLL, .arena_bytes = 1 << 20,
		.clock = &clock->clock,
	};
	struct reactor *reactor;

	clock_manual_init(clock, CLOCK_NS_PER_S);
	if (memory_create(&memory_config, &config.memory) < 0 ||
	    reactor_create(&config, &reactor) < 0)
		abort();
	reactor_turn(reactor, 0);
	return reactor;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct clock_manual clock;
	static struct reactor *reactor;
	struct fuzz *fuzz = calloc(1, sizeof(*fuzz));
	struct loop_config config = { .stall_seconds = 10, .user = fuzz, .connected = connected };

	if (reactor == NULL)
		reactor = make_reactor(&clock);
	fuzz->reactor = config.reactor = reactor;
	fuzz->clock = &clock;
	fuzz->input = data;
	fuzz->left = size;
	if (loop_connect(&config, &fuzz->loop) < 0)
		abort();
	make_memory(fuzz);
	choose_keys(fuzz);
	play(fuzz);
	if (!loop_is_gone(fuzz->loop))
		loop_reset(fuzz->loop, -104);
	for (unsigned i = 0; i < 20 && !loop_is_gone(fuzz->loop); i++)
		turns(fuzz, 1);
	assert(loop_is_gone(fuzz->loop) && fuzz->has_ended);
	loop_destroy(fuzz->loop);
	free_memory(fuzz);
	free(fuzz);
	return 0;
}
