/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The iSER mover against peers, devices and an upper layer that do whatever
 * the input says, in any order: messages, completions one by one, errors,
 * flushes, events, puts, gets, their ends. The fake device ends the program
 * for what a device would punish; here it is checked that everything begun is
 * completed exactly once, that terminated comes last, and that nothing is left.
 */
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/test_transport_iser_fake.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/container.h"
#include "base/log.h"
#include "sys/memory.h"
#include "sys/reactor.h"
#include "transport/transport.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	TASKS = 12,
	PDUS = 24,
	DATA = 262144,
	REMOTE = 1 << 20,
	RKEY = 0x77,
	LOGIN_DATA = 8192,
};

enum task_state { TASK_FREE, TASK_BEGUN, TASK_GETTING, TASK_PUTTING };

struct task {
	struct transport_task transport;
	enum task_state state;
};

struct pdu {
	struct transport_pdu transport;
	bool is_queued;
};

/* What lives as long as the program. */
static struct {
	bool is_ready;
	struct clock_manual clock;
	struct memory *memory;
	struct reactor *reactor;
	struct iser *iser;
	struct transport_listener *listener;
	uint8_t *remote;
	struct fake_counts baseline;
	size_t arena_free;

	/* and as long as one input */
	struct fake_peer *peer;
	struct transport_conn *conn;
	struct transport_numbers numbers;
	struct extents data;
	struct task tasks[TASKS];
	struct pdu pdus[PDUS];
	bool is_enabled;
	bool is_terminated;
	bool is_removed;	/* the device, since it was opened */
	bool in_header;
} f;

struct input {
	const uint8_t *at, *end;
};

static uint8_t take8(struct input *input)
{
	return input->at < input->end ? *input->at++ : 0;
}

static uint16_t take16(struct input *input)
{
	uint16_t high = take8(input);

	return (uint16_t)(high << 8 | take8(input));
}

/* --- the upper layer --- */

static struct task *task_of(struct transport_task *transport)
{
	return container_of(transport, struct task, transport);
}

static void begin_task(struct transport_rx *rx)
{
	for (unsigned i = 0; i < TASKS; i++) {
		struct task *task = &f.tasks[i];

		if (task->state != TASK_FREE)
			continue;
		memset(task, 0, sizeof(*task));
		task->state = TASK_BEGUN;
		task->transport.data = &f.data;
		task->transport.itt = i;
		f.conn->ops->task_begin(f.conn, &task->transport, rx);
		return;
	}
}

static int up_header(struct transport_conn *conn, struct transport_rx *rx)
{
	uint8_t choice = rx->bhs->raw[2];

	assert(!f.is_terminated && !f.in_header);
	f.in_header = true;
	if (rx->ahs_length != 0)
		assert(rx->ahs[0] + rx->ahs[rx->ahs_length - 1] >= 0);
	if ((rx->bhs->raw[0] & 0x3f) == 0x01)
		begin_task(rx);
	if (choice & 1) {
		rx->sink = TRANSPORT_SINK_EXTENTS;
		rx->extents = &f.data;
		rx->offset = choice * 64u;
	} else if (choice & 2) {
		rx->sink = TRANSPORT_SINK_DISCARD;
	}
	if (choice == 0x40) {
		f.in_header = false;
		transport_terminate(conn, rx->bhs->raw[3] & 1);
	}
	return choice == 0x80 ? -1 : 0;
}

static int up_pdu(struct transport_conn *conn, struct transport_rx *rx)
{
	(void)conn;
	assert(!f.is_terminated && f.in_header);
	f.in_header = false;
	if (rx->sink == TRANSPORT_SINK_CONTROL && rx->data_length != 0)
		assert(rx->data[0] + rx->data[rx->data_length - 1] >= 0);
	return rx->bhs->raw[2] == 0x82 ? -1 : 0;
}

static void up_put_done(struct transport_conn *conn, struct transport_task *task, int err)
{
	(void)conn;
	(void)err;
	assert(!f.is_terminated && task_of(task)->state == TASK_PUTTING);
	task_of(task)->state = TASK_FREE;
}

static void up_get_done(struct transport_conn *conn, struct transport_task *task, int err)
{
	(void)conn;
	(void)err;
	assert(!f.is_terminated && task_of(task)->state == TASK_GETTING);
	task_of(task)->state = TASK_BEGUN;
}

static void up_violation(struct transport_conn *conn, struct transport_task *task,
			 const struct bhs *bhs, enum transport_violation violation)
{
	(void)conn;
	(void)task;
	(void)bhs;
	(void)violation;
	assert(!f.is_terminated);
}

static void up_terminated(struct transport_conn *conn, enum transport_end end, int err)
{
	(void)conn;
	(void)end;
	(void)err;
	assert(!f.is_terminated);
	for (unsigned i = 0; i < TASKS; i++)
		assert(f.tasks[i].state == TASK_FREE || f.tasks[i].state == TASK_BEGUN);
	for (unsigned i = 0; i < PDUS; i++)
		assert(!f.pdus[i].is_queued);
	f.is_terminated = true;
	f.conn = NULL;
}

static const struct transport_upcalls upcalls = {
	.header = up_header,
	.pdu = up_pdu,
	.put_done = up_put_done,
	.get_done = up_get_done,
	.violation = up_violation,
	.terminated = up_terminated,
};

static struct reactor *place(void *user, const char *peer)
{
	(void)user;
	(void)peer;
	return f.reactor;
}

static int connected(void *user, struct transport_conn *conn)
{
	(void)user;
	conn->up = &upcalls;
	conn->numbers = &f.numbers;
	f.conn = conn;
	return 0;
}

static void lost(void *user, struct reactor *reactor, const char *peer)
{
	(void)user;
	(void)reactor;
	(void)peer;
}

/* --- what an input does --- */

static void turn(unsigned count)
{
	while (count-- != 0)
		reactor_turn(f.reactor, 0);
}

static void send_raw(struct input *input)
{
	uint32_t length = take16(input) % 9000u;

	if (length > input->end - input->at)
		length = (uint32_t)(input->end - input->at);
	fake_send(f.peer, input->at, length);
	input->at += length;
}

static void send_command(struct input *input)
{
	static uint8_t message[8704];
	uint8_t tags = take8(input);
	uint32_t length = take16(input) % LOGIN_DATA;

	memset(message, 0, 76);
	message[0] = 0x10 | (tags & 0x0c);
	put_be32(message + 4, RKEY + (tags >> 7));
	put_be64(message + 8, 4096u * (tags & 0x33));
	put_be32(message + 16, RKEY + (tags >> 7));
	put_be64(message + 20, 4096u * (tags & 0x33));
	message[28] = take8(input) & 0x47;
	message[29] = 0x80;
	message[30] = take8(input);
	put_be24(message + 28 + 5, length);
	fake_send(f.peer, message, 76 + length);
}

static void enable(struct input *input)
{
	struct transport_keys keys = {
		.send_data_max = 512 + take16(input), .recv_data_max = 8192,
		.max_burst = 262144, .first_burst = 65536,
		.rdma_extensions = (take8(input) & 3) != 0,
	};

	if (f.is_enabled || f.conn == NULL)
		return;
	f.is_enabled = true;
	if (f.conn->ops->enable(f.conn, &keys) < 0)
		transport_terminate(f.conn, false);
}

static void put(struct input *input)
{
	struct task *task = &f.tasks[take8(input) % TASKS];
	uint32_t length = take16(input) * 4u;

	if (f.conn == NULL || task->state != TASK_BEGUN)
		return;
	task->state = TASK_PUTTING;
	task->transport.put_length = length < DATA ? length : DATA;
	transport_put_data(f.conn, &task->transport);
}

static void get(struct input *input)
{
	struct task *task = &f.tasks[take8(input) % TASKS];
	uint32_t offset = take16(input);
	uint32_t length = take16(input) * 3u;

	if (f.conn == NULL || task->state != TASK_BEGUN)
		return;
	task->state = TASK_GETTING;
	task->transport.get_offset = offset;
	task->transport.get_length = length < DATA - offset ? length : DATA - offset;
	transport_get_data(f.conn, &task->transport);
}

static void end_task(struct input *input)
{
	struct task *task = &f.tasks[take8(input) % TASKS];

	if (f.conn == NULL || task->state == TASK_FREE || task->state == TASK_PUTTING)
		return;
	f.conn->ops->task_end(f.conn, &task->transport);
	if (task->state == TASK_BEGUN)
		task->state = TASK_FREE;
}

static void sent(struct transport_pdu *pdu, int err)
{
	struct pdu *own = container_of(pdu, struct pdu, transport);

	(void)err;
	assert(own->is_queued && !f.is_terminated);
	own->is_queued = false;
}

static void send_control(struct input *input)
{
	static const uint8_t data[LOGIN_DATA];
	struct pdu *pdu = &f.pdus[take8(input) % PDUS];
	uint32_t length = take16(input);

	if (f.conn == NULL || pdu->is_queued)
		return;
	pdu->is_queued = true;
	pdu->transport.data = data;
	pdu->transport.data_length = length % (f.conn->limits.control_data_max + 2);
	pdu->transport.sent = sent;
	transport_send_control(f.conn, &pdu->transport);
}

static void event(struct input *input)
{
	static const enum rdma_cm_event_type types[] = {
		RDMA_CM_EVENT_ESTABLISHED,  RDMA_CM_EVENT_DISCONNECTED,
		RDMA_CM_EVENT_TIMEWAIT_EXIT, RDMA_CM_EVENT_ADDR_CHANGE,
		RDMA_CM_EVENT_CONNECT_ERROR, RDMA_CM_EVENT_DEVICE_REMOVAL,
	};
	enum rdma_cm_event_type type = types[take8(input) % ARRAY_SIZE(types)];

	if (type == RDMA_CM_EVENT_DEVICE_REMOVAL)
		f.is_removed = true;
	fake_event(f.peer, type, 0);
}

static void act(struct input *input)
{
	switch (take8(input) % 16) {
	case 0:
		send_raw(input);
		break;
	case 1:
	case 2:
		send_command(input);
		break;
	case 3:
		fake_run(f.peer, take8(input));
		break;
	case 4:
		put(input);
		break;
	case 5:
		get(input);
		break;
	case 6:
		end_task(input);
		break;
	case 7:
		send_control(input);
		break;
	case 8:
		event(input);
		break;
	case 9:
		enable(input);
		break;
	case 10:
		if (take8(input) < 32)
			fake_fail(f.peer, (enum ibv_wc_status)(1 + take8(input) % 20));
		break;
	case 11:
		if (take8(input) < 32)
			fake_flush(f.peer);
		break;
	case 12:
		if (f.conn != NULL && take8(input) < 64)
			transport_terminate(f.conn, take8(input) & 1);
		break;
	case 14:
		fake_knobs()->posts = take8(input);
		break;
	case 13:
		clock_manual_advance(&f.clock, take8(input) * 10 * CLOCK_NS_PER_MS);
		break;
	default:
		turn(1 + take8(input) % 4);
		break;
	}
}

/* --- around it --- */

static void set_up(void)
{
	struct memory_config memory = { MEMORY_OFF, MEMORY_OFF };
	struct reactor_config config = {
		.cpu = -1, .node = -1, .engine = ENGINE_EPOLL,
		.arena_bytes = 4 << 20, .arena_bytes_min = 4 << 20,
	};
	struct iser_config iser = { .reactors = &f.reactor, .reactor_count = 1, .window = 8,
				    .verbs = &fake_verbs };
	struct transport_listener_config listen = {
		.address = "192.0.2.9", .port = 3260, .place = place, .connected = connected,
		.lost = lost,
	};
	struct arena_info info;
	char error[128];

	log_set_level(LOG_LEVEL_ERROR);
	fake_reset();
	clock_manual_init(&f.clock, 1000 * CLOCK_NS_PER_S);
	if (memory_create(&memory, &f.memory) != 0)
		abort();
	config.memory = f.memory;
	config.clock = &f.clock.clock;
	if (reactor_create(&config, &f.reactor) != 0)
		abort();
	iser.memory = f.memory;
	listen.reactor = f.reactor;
	if (iser_create(&iser, &f.iser, error, sizeof(error)) != 0 ||
	    iser_listen(f.iser, &listen, &f.listener, error, sizeof(error)) != 0)
		abort();
	f.remote = calloc(1, REMOTE);
	fake_remote(RKEY, 0, f.remote, REMOTE);
	turn(2);
	f.baseline = fake_counts();
	arena_get_info(reactor_arena(f.reactor), &info);
	f.arena_free = info.free;
	f.is_ready = true;
}

/* What the device refuses, or has little of. */
static void set_knobs(unsigned choice)
{
	struct fake_knobs *knobs = fake_knobs();

	knobs->posts = 0;
	knobs->fails_accept = choice == 1;
	knobs->fails_create_cq = choice == 2;
	knobs->fails_migrate = choice == 3;
	knobs->inline_max = choice == 4 ? 0 : 400;
	knobs->qp_sge_max = choice == 5 ? 1 : 0;
}

static void begin(struct input *input)
{
	uint8_t private_data[4] = { take8(input) };
	uint8_t choice = take8(input);
	uint8_t depth = choice % 8;

	set_knobs(choice / 8);
	f.is_enabled = false;
	f.is_terminated = false;
	f.is_removed = false;
	f.in_header = false;
	memset(f.tasks, 0, sizeof(f.tasks));
	memset(f.pdus, 0, sizeof(f.pdus));
	extents_init(&f.data);
	if (arena_take(reactor_arena(f.reactor), &f.data, DATA) != 0)
		abort();
	f.peer = fake_connect(private_data, sizeof(private_data), 1, depth);
	turn(3);
	fake_event(f.peer, RDMA_CM_EVENT_ESTABLISHED, 0);
	turn(3);
}

/* Whoever comes next opens the device anew. */
static void connect_again(void)
{
	struct fake_peer *peer = fake_connect(NULL, 0, 1, 1);

	turn(3);
	fake_event(peer, RDMA_CM_EVENT_DISCONNECTED, 0);
	turn(6);
	assert(fake_is_gone(peer));
	fake_forget(peer);
}

static void end(void)
{
	struct fake_counts counts;
	struct arena_info info;

	if (f.conn != NULL)
		transport_terminate(f.conn, false);
	turn(6);
	/* What has parted waits for the peer. */
	fake_event(f.peer, RDMA_CM_EVENT_DISCONNECTED, 0);
	turn(3);
	assert(fake_is_gone(f.peer) && f.conn == NULL);
	fake_forget(f.peer);
	set_knobs(0);
	if (f.is_removed)
		connect_again();
	fake_bury();
	arena_give(reactor_arena(f.reactor), &f.data);
	counts = fake_counts();
	counts.registrations = f.baseline.registrations;
	assert(memcmp(&counts, &f.baseline, sizeof(counts)) == 0);
	arena_get_info(reactor_arena(f.reactor), &info);
	assert(info.free == f.arena_free);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, data + size };

	if (!f.is_ready)
		set_up();
	begin(&input);
	while (input.at < input.end)
		act(&input);
	end();
	return 0;
}
