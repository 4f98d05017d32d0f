/* SPDX-License-Identifier: BSD-2-Clause */
#include "test_transport_iser_bed.h"

#include <endian.h>

/* --- the upper layer --- */

void bed_log(struct bed *bed, const char *format, ...)
{
	va_list arguments;
	int len;

	va_start(arguments, format);
	len = vsnprintf(bed->log + bed->log_len, sizeof(bed->log) - bed->log_len, format,
			arguments);
	va_end(arguments);
	assert_true(bed->log_len + (size_t)len < sizeof(bed->log));
	bed->log_len += (size_t)len;
}

void bed_expect(struct bed *bed, const char *log)
{
	assert_string_equal(bed->log, log);
	bed->log[0] = '\0';
	bed->log_len = 0;
}

static int up_header(struct transport_conn *conn, struct transport_rx *rx)
{
	struct bed *bed = conn->user;

	bed_log(bed, "header %02x ahs %u len %u\n", rx->bhs->raw[0], rx->ahs_length,
		rx->data_length);
	if ((rx->bhs->raw[0] & 0x3f) == 0x01) {
		rx->sink = bed->sink;
		rx->extents = &bed->data;
	}
	if (bed->on_header != NULL)
		bed->on_header(bed, rx);
	return 0;
}

static int up_pdu(struct transport_conn *conn, struct transport_rx *rx)
{
	struct bed *bed = conn->user;

	if (rx->data != NULL && rx->data_length != 0)
		bed_log(bed, "pdu \"%.*s\"\n", (int)rx->data_length, (const char *)rx->data);
	else
		bed_log(bed, "pdu\n");
	if (bed->on_pdu != NULL)
		bed->on_pdu(bed, rx);
	return 0;
}

static void up_put_done(struct transport_conn *conn, struct transport_task *task, int err)
{
	struct bed *bed = conn->user;

	bed_log(bed, "put_done %u %d\n", task->itt, err);
	if (bed->on_done != NULL)
		bed->on_done(bed, task);
}

static void up_get_done(struct transport_conn *conn, struct transport_task *task, int err)
{
	struct bed *bed = conn->user;

	bed_log(bed, "get_done %u %d\n", task->itt, err);
	if (bed->on_done != NULL)
		bed->on_done(bed, task);
}

static void up_violation(struct transport_conn *conn, struct transport_task *task,
			 const struct bhs *bhs, enum transport_violation violation)
{
	(void)task;
	bed_log(conn->user, "violation %d opcode %02x\n", violation, bhs->raw[0] & 0x3f);
}

static void up_terminated(struct transport_conn *conn, enum transport_end end, int err)
{
	static const char *const name[] = { "closed",	"reset",  "terminated",
					    "protocol", "digest", "stalled" };
	struct bed *bed = conn->user;

	bed_log(bed, "terminated %s %d\n", name[end], err);
	bed->conn = NULL;
}

static const struct transport_upcalls upcalls = {
	.header = up_header,
	.pdu = up_pdu,
	.put_done = up_put_done,
	.get_done = up_get_done,
	.violation = up_violation,
	.terminated = up_terminated,
};

static int connected(void *user, struct transport_conn *conn)
{
	struct bed *bed = user;

	if (bed->connected < 0)
		return bed->connected;
	conn->up = &upcalls;
	conn->user = bed;
	conn->numbers = &bed->numbers;
	bed->conn = conn;
	return 0;
}

static void lost(void *user, struct reactor *reactor, const char *peer)
{
	struct bed *bed = user;

	/* The same as was placed, but for the port. */
	assert_memory_equal(peer, "192.0.2.1", strlen("192.0.2.1"));
	assert_ptr_equal(reactor, bed->reactors[bed->place]);
	bed->lost++;
}

static struct reactor *place(void *user, const char *peer)
{
	struct bed *bed = user;

	assert_string_equal(peer, "192.0.2.1");
	return bed->place < BED_CORES ? bed->reactors[bed->place] : NULL;
}

static struct reactor *place_near(void *user, const char *peer, int node)
{
	((struct bed *)user)->placed_node = node;
	return place(user, peer);
}

/* --- the bed --- */

static void make_reactors(struct bed *bed)
{
	for (unsigned i = 0; i < BED_CORES; i++) {
		struct reactor_config config = {
			.index = i,
			.cpu = -1,
			.node = -1,
			.engine = ENGINE_EPOLL,
			.arena_bytes = 8 << 20,
			.arena_bytes_min = 8 << 20,
			.memory = bed->memory,
			.clock = &bed->clock.clock,
		};

		assert_int_equal(reactor_create(&config, &bed->reactors[i]), 0);
		reactor_turn(bed->reactors[i], 0);
	}
}

struct bed *bed_prepare(void)
{
	struct memory_config config = { MEMORY_OFF, MEMORY_OFF };
	struct bed *bed = calloc(1, sizeof(*bed));

	fake_reset();
	clock_manual_init(&bed->clock, 1000 * CLOCK_NS_PER_S);
	assert_int_equal(memory_create(&config, &bed->memory), 0);
	make_reactors(bed);
	bed->place = 1;
	bed->sink = TRANSPORT_SINK_EXTENTS;
	bed->keys = (struct transport_keys){
		.initial_r2t = true, .immediate_data = true, .send_data_max = 262144,
		.recv_data_max = 8192, .max_burst = 262144, .first_burst = 8192,
		.max_outstanding_r2t = 1, .rdma_extensions = true,
	};
	bed->remote = malloc(BED_REMOTE);
	for (uint32_t i = 0; i < BED_REMOTE; i++)
		bed->remote[i] = (uint8_t)(i * 2654435761u >> 13);
	return bed;
}

void bed_open(struct bed *bed)
{
	struct iser_config config = {
		.memory = bed->memory,
		.reactors = bed->reactors,
		.reactor_count = BED_CORES,
		.window = BED_WINDOW,
		.invalidate = bed->invalidate,
		.verbs = &fake_verbs,
	};
	struct transport_listener_config listen = {
		.address = "192.0.2.9",
		.port = 3260,
		.reactor = bed->reactors[0],
		.stall_seconds = 30,
		.user = bed,
		.place = place,
		.place_near = place_near,
		.connected = connected,
		.lost = lost,
	};
	char error[256] = "";

	assert_int_equal(iser_create(&config, &bed->iser, error, sizeof(error)), 0);
	assert_int_equal(iser_listen(bed->iser, &listen, &bed->listener, error, sizeof(error)), 0);
	fake_remote(BED_RKEY, BED_VA, bed->remote, BED_REMOTE);
	extents_init(&bed->data);
	/* 1 MiB, 16 KiB, 64 KiB */
	for (unsigned i = 0; i < 3; i++) {
		static const uint32_t length[] = { 1 << 20, (1 << 20) + 16384, (1 << 20) + 81920 };

		assert_int_equal(arena_take(reactor_arena(bed->reactors[1]), &bed->data,
					    length[i]), 0);
	}
	bed_run(bed);
}

int bed_set_up(void **state)
{
	*state = bed_prepare();
	bed_open(*state);
	return 0;
}

static void check_nothing_left(void)
{
	struct fake_counts counts = fake_counts();

	assert_int_equal(counts.pds, 0);
	assert_int_equal(counts.mrs, 0);
	assert_int_equal(counts.cqs, 0);
	assert_int_equal(counts.comp_channels, 0);
	assert_int_equal(counts.qps, 0);
	assert_int_equal(counts.ids, 0);
	assert_int_equal(counts.event_channels, 0);
	assert_int_equal(counts.device_lists, 0);
}

int bed_tear_down(void **state)
{
	struct bed *bed = *state;

	if (bed->peer != NULL)
		bed_disconnect(bed);
	arena_give(reactor_arena(bed->reactors[1]), &bed->data);
	if (bed->listener != NULL)
		bed->listener->ops->close(bed->listener);
	bed_run(bed);
	iser_destroy(bed->iser);
	check_nothing_left();
	for (unsigned i = 0; i < BED_CORES; i++) {
		struct reactor_info info;

		reactor_get_info(bed->reactors[i], &info);
		assert_int_equal(info.arena.free, info.arena.bytes);
		reactor_destroy(bed->reactors[i]);
	}
	memory_destroy(bed->memory);
	free(bed->remote);
	free(bed);
	fake_reset();
	return 0;
}

void bed_run(struct bed *bed)
{
	for (unsigned i = 0; i < 12; i++)
		for (unsigned core = 0; core < BED_CORES; core++)
			reactor_turn(bed->reactors[core], 0);
}

void bed_run_device(struct bed *bed)
{
	bed_run(bed);
	while (fake_run(bed->peer, UINT32_MAX) != 0)
		bed_run(bed);
}

void bed_advance(struct bed *bed, uint64_t ms)
{
	clock_manual_advance(&bed->clock, ms * CLOCK_NS_PER_MS);
	bed_run(bed);
}

void bed_connect(struct bed *bed)
{
	static const uint8_t private_data[4] = { 0x80 };

	bed->peer = fake_connect(private_data, sizeof(private_data), 1, 4);
	assert_non_null(bed->peer);
	bed_run(bed);
	assert_true(fake_is_accepted(bed->peer));
	fake_event(bed->peer, RDMA_CM_EVENT_ESTABLISHED, 0);
	bed_run(bed);
	assert_non_null(bed->conn);
}

void bed_enable(struct bed *bed)
{
	assert_int_equal(bed->conn->ops->enable(bed->conn, &bed->keys), 0);
	bed_run(bed);
}

void bed_disconnect(struct bed *bed)
{
	if (!fake_is_gone(bed->peer)) {
		fake_event(bed->peer, RDMA_CM_EVENT_DISCONNECTED, 0);
		bed_run(bed);
	}
	assert_true(fake_is_gone(bed->peer));
	fake_forget(bed->peer);
	bed->peer = NULL;
}

/* --- messages --- */

size_t bed_message(uint8_t *out, uint8_t first, const uint8_t bhs[48], const void *data,
		   size_t length)
{
	memset(out, 0, 28);
	out[0] = first;
	memcpy(out + 28, bhs, 48);
	out[28 + 5] = (uint8_t)(length >> 16);
	out[28 + 6] = (uint8_t)(length >> 8);
	out[28 + 7] = (uint8_t)length;
	if (length != 0)
		memcpy(out + 76, data, length);
	return 76 + length;
}

static void put32(uint8_t *at, uint32_t value)
{
	value = htobe32(value);
	memcpy(at, &value, 4);
}

static void put64(uint8_t *at, uint64_t value)
{
	value = htobe64(value);
	memcpy(at, &value, 8);
}

void bed_command(struct bed *bed, uint32_t itt, uint64_t write_va, uint64_t read_va,
		 const void *data, size_t length)
{
	uint8_t message[BED_LOGIN];
	uint8_t bhs[48] = { 0x01, 0x80 };
	size_t total;

	put32(bhs + 16, itt);
	total = bed_message(message, 0x10, bhs, data, length);
	if (write_va != 0) {
		message[0] |= 0x08;
		put32(message + 4, BED_RKEY);
		put64(message + 8, write_va);
	}
	if (read_va != 0) {
		message[0] |= 0x04;
		put32(message + 16, BED_RKEY);
		put64(message + 20, read_va);
	}
	assert_true(fake_send(bed->peer, message, total));
}

static void begin_task(struct bed *bed, struct transport_rx *rx)
{
	bed->conn->ops->task_begin(bed->conn, bed->task, rx);
}

void bed_begin(struct bed *bed, struct transport_task *task, uint32_t itt, uint64_t write_va,
	       uint64_t read_va)
{
	memset(task, 0, sizeof(*task));
	task->itt = itt;
	task->data = &bed->data;
	task->response.raw[0] = 0x21;
	task->response.raw[1] = 0x80;
	put32(task->response.raw + 16, itt);
	bed->task = task;
	bed->on_header = begin_task;
	bed_command(bed, itt, write_va, read_va, NULL, 0);
	bed_run(bed);
	bed->on_header = NULL;
	bed_expect(bed, "header 01 ahs 0 len 0\npdu\n");
}
