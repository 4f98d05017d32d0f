/* SPDX-License-Identifier: BSD-2-Clause */
#include "test_transport_bed.h"

#include "sys/memory.h"

/* --- the upper layer --- */

static struct bed *bed_of(struct transport_conn *conn)
{
	return conn->user;
}

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

void bed_forget(struct bed *bed)
{
	bed->log[0] = '\0';
	bed->log_len = 0;
}

void bed_expect(struct bed *bed, const char *log)
{
	assert_string_equal(bed->log, log);
	bed_forget(bed);
}

static int up_header(struct transport_conn *conn, struct transport_rx *rx)
{
	struct bed *bed = bed_of(conn);
	uint8_t opcode = rx->bhs->raw[0] & 0x3f;

	bed_log(bed, "header %02x ahs %u:%08x len %u\n", opcode, rx->ahs_length,
		slow_crc32c(rx->ahs, rx->ahs_length), rx->data_length);
	/* SCSI commands and unsolicited data go to memory, task management nowhere. */
	if (opcode == 0x01 || opcode == 0x05) {
		rx->sink = TRANSPORT_SINK_EXTENTS;
		rx->extents = &bed->extents;
		rx->offset = opcode == 0x05 ? get32(rx->bhs->raw + 40) : 0;
	} else if (opcode == 0x02) {
		rx->sink = TRANSPORT_SINK_DISCARD;
	}
	return bed->on_header ? bed->on_header(bed, rx) : 0;
}

static int up_pdu(struct transport_conn *conn, struct transport_rx *rx)
{
	struct bed *bed = bed_of(conn);
	uint32_t crc = 0;

	if (rx->sink == TRANSPORT_SINK_CONTROL && rx->data_length != 0)
		crc = slow_crc32c(rx->data, rx->data_length);
	if (rx->sink == TRANSPORT_SINK_EXTENTS && rx->data_length != 0) {
		uint8_t *copy = malloc(rx->data_length);

		extents_copy_out(rx->extents, rx->offset, copy, rx->data_length);
		crc = slow_crc32c(copy, rx->data_length);
		free(copy);
	}
	bed_log(bed, "pdu %02x data %08x%s\n", rx->bhs->raw[0] & 0x3f, crc,
		rx->data_digest_error ? " bad digest" : "");
	return bed->on_pdu ? bed->on_pdu(bed, rx) : 0;
}

static void up_put_done(struct transport_conn *conn, struct transport_task *task, int err)
{
	bed_log(bed_of(conn), "put_done %u %d\n", task->itt, err);
	if (bed_of(conn)->on_done)
		bed_of(conn)->on_done(bed_of(conn), task);
}

static void up_get_done(struct transport_conn *conn, struct transport_task *task, int err)
{
	bed_log(bed_of(conn), "get_done %u %d\n", task->itt, err);
	if (bed_of(conn)->on_done)
		bed_of(conn)->on_done(bed_of(conn), task);
}

static void up_violation(struct transport_conn *conn, struct transport_task *task,
			 const struct bhs *bhs, enum transport_violation violation)
{
	static const char *const name[] = { "ttt",    "data_sn", "offset",
					    "length", "digest",	 "too_long" };

	bed_log(bed_of(conn), "violation %s opcode %02x task %d\n", name[violation],
		bhs->raw[0] & 0x3f, task ? (int)task->itt : -1);
	if (bed_of(conn)->on_violation)
		bed_of(conn)->on_violation(bed_of(conn), task);
}

static void up_terminated(struct transport_conn *conn, enum transport_end end, int err)
{
	static const char *const name[] = { "closed",	"reset",  "terminated",
					    "protocol", "digest", "stalled" };

	bed_log(bed_of(conn), "terminated %s %d\n", name[end], err);
	bed_of(conn)->conn = NULL;
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

	conn->up = &upcalls;
	conn->user = bed;
	conn->numbers = &bed->numbers;
	bed->conn = conn;
	return 0;
}

/* --- the bed --- */

/* Pieces of unlike sizes, so that boundaries of extents fall anywhere. */
static void spread_extents(struct bed *bed)
{
	static const uint32_t lengths[] = { 4096, 8192, 4096, 16384, 65536, 32768, 262144 };
	uint32_t offset = 0;

	extents_init(&bed->extents);
	for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]) + 1; i++) {
		uint32_t length = i < sizeof(lengths) / sizeof(lengths[0]) ? lengths[i] :
									     BED_DATA - offset;

		bed->extents.extent[i].data = bed->data + offset;
		bed->extents.extent[i].length = length;
		bed->extents.count++;
		offset += length;
	}
	bed->extents.length = BED_DATA;
}

int bed_set_up(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));
	struct memory_config memory_config = { MEMORY_OFF, MEMORY_OFF };
	struct reactor_config config = {
		.cpu = -1,
		.node = -1,
		.engine = ENGINE_EPOLL,
		.arena_bytes = 4 << 20,
		.arena_bytes_min = 1 << 20,
	};

	assert_int_equal(memory_create(&memory_config, &bed->memory), 0);
	clock_manual_init(&bed->clock, 1000 * CLOCK_NS_PER_S);
	config.memory = bed->memory;
	config.clock = &bed->clock.clock;
	assert_int_equal(reactor_create(&config, &bed->reactor), 0);
	/* The timers begin with the clock. */
	reactor_turn(bed->reactor, 0);
	bed->data = malloc(BED_DATA);
	for (uint32_t i = 0; i < BED_DATA; i++)
		bed->data[i] = (uint8_t)(i * 2654435761u >> 13);
	spread_extents(bed);
	*state = bed;
	return 0;
}

int bed_tear_down(void **state)
{
	struct bed *bed = *state;

	reactor_destroy(bed->reactor);
	memory_destroy(bed->memory);
	free(bed->data);
	free(bed);
	return 0;
}

void bed_default_keys(struct bed *bed)
{
	bed->keys = (struct transport_keys){
		.initial_r2t = true,
		.immediate_data = true,
		.data_pdu_in_order = true,
		.data_sequence_in_order = true,
		.send_data_max = 8192,
		.recv_data_max = 262144,
		.max_burst = 262144,
		.first_burst = 65536,
		.max_outstanding_r2t = 1,
	};
}

void bed_connect(struct bed *bed, bool login)
{
	struct loop_config config = {
		.reactor = bed->reactor,
		.stall_seconds = 30,
		.user = bed,
		.connected = connected,
	};

	bed->on_header = NULL;
	bed->on_pdu = NULL;
	bed->on_violation = NULL;
	bed->on_done = NULL;
	bed->window = (struct transport_window){ 200, 300 };
	bed->numbers = (struct transport_numbers){ 100, &bed->window };
	bed_forget(bed);
	assert_int_equal(loop_connect(&config, &bed->loop), 0);
	assert_ptr_equal(bed->conn, loop_conn(bed->loop));
	if (!login)
		assert_int_equal(bed->conn->ops->enable(bed->conn, &bed->keys), 0);
}

void bed_disconnect(struct bed *bed)
{
	if (!loop_is_gone(bed->loop)) {
		loop_reset(bed->loop, -104);
		bed_run(bed);
	}
	assert_true(loop_is_gone(bed->loop));
	loop_destroy(bed->loop);
	bed->loop = NULL;
}

void bed_run(struct bed *bed)
{
	unsigned idle = 0;

	while (idle < 4) {
		size_t before[3] = { bed->log_len, loop_available(bed->loop),
				     loop_unread(bed->loop) };

		reactor_turn(bed->reactor, 0);
		if (before[0] == bed->log_len && before[1] == loop_available(bed->loop) &&
		    before[2] == loop_unread(bed->loop))
			idle++;
		else
			idle = 0;
	}
}

/* --- bytes --- */

void bytes_add(struct bytes *bytes, const void *from, size_t len)
{
	if (bytes->len + len > bytes->size) {
		bytes->size = (bytes->len + len) * 2;
		bytes->at = realloc(bytes->at, bytes->size);
	}
	if (len != 0)
		memcpy(bytes->at + bytes->len, from, len);
	bytes->len += len;
}

void bytes_free(struct bytes *bytes)
{
	free(bytes->at);
	memset(bytes, 0, sizeof(*bytes));
}

void set16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

void set24(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 16);
	set16(at + 1, value);
}

void set32(uint8_t *at, uint32_t value)
{
	set16(at, value >> 16);
	set16(at + 2, value);
}

void set64(uint8_t *at, uint64_t value)
{
	set32(at, (uint32_t)(value >> 32));
	set32(at + 4, (uint32_t)value);
}

uint32_t get24(const uint8_t *at)
{
	return (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
}

uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | get24(at + 1);
}

uint32_t slow_crc32c(const uint8_t *at, size_t len)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < len; i++) {
		crc ^= at[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

/* The digest of the bytes from BEGIN on, least significant byte first. */
static void add_digest(struct bytes *bytes, size_t begin)
{
	uint32_t crc = slow_crc32c(bytes->at + begin, bytes->len - begin);
	uint8_t digest[4] = { (uint8_t)crc, (uint8_t)(crc >> 8), (uint8_t)(crc >> 16),
			      (uint8_t)(crc >> 24) };

	bytes_add(bytes, digest, 4);
}

void add_pdu(struct bed *bed, struct bytes *bytes, const uint8_t header[48], const void *ahs,
	     size_t ahs_len, const void *data, size_t data_len)
{
	static const uint8_t zeros[4];
	size_t begin = bytes->len;

	bytes_add(bytes, header, 48);
	bytes->at[begin + 4] = (uint8_t)(ahs_len / 4);
	set24(bytes->at + begin + 5, (uint32_t)data_len);
	bytes_add(bytes, ahs, ahs_len);
	if (bed->keys.header_digest)
		add_digest(bytes, begin);
	if (data_len == 0)
		return;
	begin = bytes->len;
	bytes_add(bytes, data, data_len);
	bytes_add(bytes, zeros, -data_len & 3);
	if (bed->keys.data_digest)
		add_digest(bytes, begin);
}

void add_data_out(struct bed *bed, struct bytes *bytes, uint32_t itt, uint32_t ttt,
		  uint32_t data_sn, uint32_t offset, const void *data, uint32_t len, bool final)
{
	uint8_t header[48] = { 0x05, final ? 0x80 : 0 };

	set64(header + 8, (uint64_t)1 << 48);
	set32(header + 16, itt);
	set32(header + 20, ttt);
	set32(header + 36, data_sn);
	set32(header + 40, offset);
	add_pdu(bed, bytes, header, NULL, 0, data, len);
}

void feed(struct bed *bed, struct bytes *bytes)
{
	loop_feed(bed->loop, bytes->at, bytes->len);
	bytes_free(bytes);
	bed_run(bed);
}

/* --- what the target sent --- */

static void read_digested(struct bed *bed, uint8_t *at, size_t len, bool has_digest)
{
	uint8_t digest[4];
	uint32_t crc;

	assert_int_equal(loop_read(bed->loop, at, len), len);
	if (!has_digest)
		return;
	assert_int_equal(loop_read(bed->loop, digest, 4), 4);
	crc = slow_crc32c(at, len);
	assert_int_equal(digest[0], crc & 0xff);
	assert_int_equal(digest[1], crc >> 8 & 0xff);
	assert_int_equal(digest[2], crc >> 16 & 0xff);
	assert_int_equal(digest[3], crc >> 24);
}

bool take_pdu(struct bed *bed, struct pdu *pdu)
{
	uint32_t padded;

	pdu->data = NULL;
	if (loop_available(bed->loop) == 0)
		return false;
	read_digested(bed, pdu->header, 48, bed->keys.header_digest);
	pdu->data_len = get24(pdu->header + 5);
	padded = (pdu->data_len + 3) / 4 * 4;
	if (padded == 0)
		return true;
	pdu->data = malloc(padded);
	read_digested(bed, pdu->data, padded, bed->keys.data_digest);
	for (uint32_t i = pdu->data_len; i < padded; i++)
		assert_int_equal(pdu->data[i], 0);
	return true;
}

void pdu_free(struct pdu *pdu)
{
	free(pdu->data);
	pdu->data = NULL;
}

void task_init(struct bed *bed, struct transport_task *task, uint32_t itt)
{
	memset(task, 0x55, sizeof(*task));
	task->itt = itt;
	task->lun = (uint64_t)1 << 48;
	task->data = &bed->extents;
	task->put_length = 0;
	task->sense = NULL;
	task->sense_length = 0;
	memset(&task->response, 0, sizeof(task->response));
	task->response.raw[0] = 0x21;
	task->response.raw[1] = 0x80;
	set32(task->response.raw + 16, itt);
	set32(task->response.raw + 24, 7001);
	set32(task->response.raw + 28, 7002);
	set32(task->response.raw + 32, 7003);
	bed->conn->ops->task_begin(bed->conn, task, NULL);
}
