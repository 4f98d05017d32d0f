/* SPDX-License-Identifier: BSD-2-Clause */
/* The transmit queue and the cutter: Data-In, status, digests, short sends. */
#include <errno.h>

#include "test_transport_bed.h"

/* A PDU to send, and whose log it goes to. */
struct note {
	struct transport_pdu pdu;
	struct bed *bed;
};

static void sent(struct transport_pdu *pdu, int err)
{
	bed_log(container_of(pdu, struct note, pdu)->bed, "sent %02x %d\n", pdu->bhs.raw[0], err);
}

static void note_init(struct bed *bed, struct note *note, uint8_t opcode, const void *data,
		      uint32_t len)
{
	struct transport_pdu *pdu = &note->pdu;

	note->bed = bed;
	memset(pdu, 0x55, sizeof(*pdu));
	memset(&pdu->bhs, 0, sizeof(pdu->bhs));
	pdu->bhs.raw[0] = opcode;
	pdu->bhs.raw[1] = 0x80;
	pdu->data = data;
	pdu->data_length = len;
	pdu->sent = sent;
}

static void test_send_control__data_and_padding(void **state)
{
	struct bed *bed = *state;

	for (unsigned digests = 0; digests < 4; digests++) {
		struct note note[8];
		struct pdu got;

		bed_default_keys(bed);
		bed->keys.header_digest = digests & 1;
		bed->keys.data_digest = digests & 2;
		bed_connect(bed, false);
		for (uint32_t i = 0; i < 8; i++) {
			note_init(bed, &note[i], (uint8_t)(0x20 + i), "paddings", i);
			transport_send_control(bed->conn, &note[i].pdu);
		}
		/* Not from inside the call. */
		bed_expect(bed, "");
		bed_run(bed);
		bed_expect(bed, "sent 20 0\nsent 21 0\nsent 22 0\nsent 23 0\n"
				"sent 24 0\nsent 25 0\nsent 26 0\nsent 27 0\n");
		for (uint32_t i = 0; i < 8; i++) {
			assert_true(take_pdu(bed, &got));
			assert_int_equal(got.header[0], 0x20 + i);
			assert_int_equal(got.header[4], 0);
			assert_int_equal(got.data_len, i);
			if (i != 0)
				assert_memory_equal(got.data, "paddings", i);
			pdu_free(&got);
		}
		assert_false(take_pdu(bed, &got));
		bed_disconnect(bed);
	}
}

/* RFC 7143 section 11.7 from the initiator's side: all of one read. */
static void check_read(struct bed *bed, uint32_t itt, uint32_t length, bool expects_response)
{
	uint32_t segment = bed->keys.send_data_max & ~3u;
	uint32_t burst = bed->keys.max_burst & ~3u;
	uint32_t offset = 0, burst_begin = 0, data_sn = 0;
	struct pdu pdu;

	while (offset < length) {
		bool is_last;

		assert_true(take_pdu(bed, &pdu));
		assert_int_equal(pdu.header[0], 0x25);
		assert_true(pdu.data_len > 0 && pdu.data_len <= segment);
		assert_int_equal(get32(pdu.header + 8), 0);
		assert_int_equal(get32(pdu.header + 12), 0);
		assert_int_equal(get32(pdu.header + 16), itt);
		assert_int_equal(get32(pdu.header + 20), NONE);
		assert_int_equal(get32(pdu.header + 36), data_sn++);
		assert_int_equal(get32(pdu.header + 40), offset);
		assert_memory_equal(pdu.data, bed->data + offset, pdu.data_len);
		offset += pdu.data_len;
		assert_true(offset - burst_begin <= burst);
		is_last = offset == length;
		/* No PDU is shorter than it must be. */
		if (!is_last && offset - burst_begin != burst)
			assert_int_equal(pdu.data_len, segment);
		assert_int_equal(!!(pdu.header[1] & 0x80),
				 is_last || offset - burst_begin == burst);
		assert_int_equal(pdu.header[1] & 0x40, 0);
		if (offset - burst_begin == burst)
			burst_begin = offset;
		assert_int_equal(pdu.header[1] & 0x01, is_last && !expects_response);
		if (is_last && !expects_response) {
			assert_int_equal(pdu.header[3], 0);
			assert_int_equal(get32(pdu.header + 24), 7001);
			assert_int_equal(get32(pdu.header + 28), 7002);
			assert_int_equal(get32(pdu.header + 32), 7003);
		} else {
			assert_int_equal(get32(pdu.header + 24), 0);
			assert_int_equal(get32(pdu.header + 28), bed->window.exp_cmd_sn);
			assert_int_equal(get32(pdu.header + 32), bed->window.max_cmd_sn);
			assert_int_equal(pdu.header[1] & 0x06, 0);
			assert_int_equal(get32(pdu.header + 44), 0);
		}
		pdu_free(&pdu);
	}
	if (!expects_response)
		return;
	assert_true(take_pdu(bed, &pdu));
	assert_int_equal(pdu.header[0], 0x21);
	assert_int_equal(get32(pdu.header + 16), itt);
	assert_int_equal(get32(pdu.header + 24), 7001);
	assert_int_equal(get32(pdu.header + 36), data_sn);
	pdu_free(&pdu);
}

static void test_put_data__cut_by_segment_and_burst(void **state)
{
	struct bed *bed = *state;
	static const uint32_t lengths[] = { 1,	  3,	4,     511,   512,   513,
					    4096, 8191, 65536, 70001, 262144 };
	static const uint32_t segments[] = { 512, 515, 1024, 8192, 262144, 16777215 };
	static const uint32_t bursts[] = { 512, 1000, 65538, 262144 };

	for (unsigned l = 0; l < 11; l++)
		for (unsigned s = 0; s < 6; s++)
			for (unsigned b = 0; b < 4; b++) {
				struct transport_task task;

				bed_default_keys(bed);
				bed->keys.header_digest = l % 2;
				bed->keys.data_digest = lengths[l] < 10000 && s % 2;
				bed->keys.send_data_max = segments[s];
				bed->keys.max_burst = bursts[b];
				bed_connect(bed, false);
				task_init(bed, &task, 77);
				task.put_length = lengths[l];
				transport_put_data(bed->conn, &task);
				bed_expect(bed, "");
				bed_run(bed);
				bed_expect(bed, "put_done 77 0\n");
				check_read(bed, 77, lengths[l], false);
				assert_int_equal(loop_available(bed->loop), 0);
				bed_disconnect(bed);
			}
}

static void test_put_data__residuals_ride_on_the_last(void **state)
{
	struct bed *bed = *state;

	for (uint8_t bits = 2; bits <= 4; bits = (uint8_t)(bits + 2)) {
		struct transport_task task;
		struct pdu pdu;

		bed_default_keys(bed);
		bed_connect(bed, false);
		task_init(bed, &task, 5);
		task.put_length = 10000;
		task.response.raw[1] |= bits;
		set32(task.response.raw + 44, 0x01020304);
		transport_put_data(bed->conn, &task);
		bed_run(bed);
		assert_true(take_pdu(bed, &pdu));
		assert_int_equal(pdu.header[1], 0);
		pdu_free(&pdu);
		assert_true(take_pdu(bed, &pdu));
		assert_int_equal(pdu.header[1], 0x81 | bits);
		assert_int_equal(get32(pdu.header + 44), 0x01020304);
		pdu_free(&pdu);
		bed_disconnect(bed);
	}
}

static void test_put_data__response_of_its_own(void **state)
{
	struct bed *bed = *state;
	static const uint8_t sense[] = { 0, 18, 0x70, 0, 5, 0, 0, 0, 0,	 10,
					 0, 0,	0,    0, 0, 0, 0, 0, 0x24, 0 };
	struct transport_task task;
	struct pdu pdu;

	bed_default_keys(bed);
	bed->keys.data_digest = true;
	bed_connect(bed, false);
	/* no data */
	task_init(bed, &task, 1);
	transport_put_data(bed->conn, &task);
	bed_run(bed);
	check_read(bed, 1, 0, true);
	/* CHECK CONDITION with data before it */
	task_init(bed, &task, 2);
	task.put_length = 20000;
	task.response.raw[3] = 2;
	task.sense = sense;
	task.sense_length = sizeof(sense) - 1;
	transport_put_data(bed->conn, &task);
	bed_run(bed);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(take_pdu(bed, &pdu));
		assert_int_equal(pdu.header[0], 0x25);
		pdu_free(&pdu);
	}
	assert_true(take_pdu(bed, &pdu));
	assert_int_equal(pdu.header[0], 0x21);
	assert_int_equal(pdu.header[3], 2);
	assert_int_equal(get32(pdu.header + 36), 3);
	assert_int_equal(pdu.data_len, sizeof(sense) - 1);
	assert_memory_equal(pdu.data, sense, sizeof(sense) - 1);
	pdu_free(&pdu);
	/* a status that is not GOOD, without sense; a response that is none; two residuals */
	task_init(bed, &task, 3);
	task.put_length = 4;
	task.response.raw[3] = 8;
	transport_put_data(bed->conn, &task);
	bed_run(bed);
	check_read(bed, 3, 4, true);
	task_init(bed, &task, 4);
	task.put_length = 4;
	task.response.raw[2] = 1;
	transport_put_data(bed->conn, &task);
	bed_run(bed);
	check_read(bed, 4, 4, true);
	task_init(bed, &task, 5);
	task.put_length = 4;
	task.response.raw[1] |= 0x10; /* o */
	transport_put_data(bed->conn, &task);
	bed_run(bed);
	check_read(bed, 5, 4, true);
	bed_disconnect(bed);
}

static void test_queue__order_is_kept(void **state)
{
	struct bed *bed = *state;
	struct transport_task task[40];
	struct note note[40];
	struct pdu got;

	bed_default_keys(bed);
	bed->keys.header_digest = true;
	bed_connect(bed, false);
	for (uint32_t i = 0; i < 40; i++) {
		task_init(bed, &task[i], i);
		task[i].put_length = i * 700;
		transport_put_data(bed->conn, &task[i]);
		note_init(bed, &note[i], 0x20, "x", 1);
		set32(note[i].pdu.bhs.raw + 16, i);
		transport_send_control(bed->conn, &note[i].pdu);
	}
	bed_run(bed);
	for (uint32_t i = 0; i < 40; i++) {
		check_read(bed, i, i * 700, i == 0);
		assert_true(take_pdu(bed, &got));
		assert_int_equal(got.header[0], 0x20);
		assert_int_equal(get32(got.header + 16), i);
		pdu_free(&got);
	}
	assert_int_equal(loop_available(bed->loop), 0);
	assert_non_null(strstr(bed->log, "put_done 38 0\nsent 20 0\nput_done 39 0\nsent 20 0\n"));
	bed_disconnect(bed);
}

/* A socket that takes any number of bytes at a time. */
static void test_queue__short_sends(void **state)
{
	struct bed *bed = *state;

	for (size_t piece = 1; piece < 2000; piece += piece < 120 ? 1 : 97) {
		struct transport_task task[3];
		struct note note;
		struct pdu got;

		bed_default_keys(bed);
		bed->keys.header_digest = true;
		bed->keys.data_digest = true;
		bed->keys.send_data_max = 512;
		bed_connect(bed, false);
		loop_set_pieces(bed->loop, 0, piece);
		task_init(bed, &task[0], 0);
		task[0].put_length = 1234;
		task_init(bed, &task[1], 1);
		task_init(bed, &task[2], 2);
		task[2].put_length = 777;
		transport_put_data(bed->conn, &task[0]);
		transport_put_data(bed->conn, &task[1]);
		note_init(bed, &note, 0x20, "xyz", 3);
		transport_send_control(bed->conn, &note.pdu);
		transport_put_data(bed->conn, &task[2]);
		bed_run(bed);
		bed_expect(bed, "put_done 0 0\nput_done 1 0\nsent 20 0\nput_done 2 0\n");
		check_read(bed, 0, 1234, false);
		check_read(bed, 1, 0, true);
		assert_true(take_pdu(bed, &got));
		pdu_free(&got);
		check_read(bed, 2, 777, false);
		bed_disconnect(bed);
	}
}

/* What has wholly gone is given back before the rest has. */
static void test_queue__early_completion(void **state)
{
	struct bed *bed = *state;
	struct transport_task task[2];

	bed_default_keys(bed);
	bed_connect(bed, false);
	loop_set_room(bed->loop, 48 + 100 + 47);
	task_init(bed, &task[0], 0);
	task[0].put_length = 100;
	task_init(bed, &task[1], 1);
	task[1].put_length = 100;
	transport_put_data(bed->conn, &task[0]);
	transport_put_data(bed->conn, &task[1]);
	bed_run(bed);
	bed_expect(bed, "put_done 0 0\n");
	check_read(bed, 0, 100, false);
	bed_run(bed);
	bed_expect(bed, "put_done 1 0\n");
	check_read(bed, 1, 100, false);
	bed_disconnect(bed);
}

/* 2048 PDUs, of which only those that a batch holds exist at a time. */
static void test_put_data__cut_lazily(void **state)
{
	struct bed *bed = *state;
	struct transport_task task;
	struct pdu pdu;
	uint32_t windows = 0, last = 0, offset = 0;

	bed_default_keys(bed);
	bed->keys.send_data_max = 512;
	bed_connect(bed, false);
	loop_set_room(bed->loop, 560 * 10);
	task_init(bed, &task, 9);
	task.put_length = BED_DATA;
	transport_put_data(bed->conn, &task);
	while (offset < BED_DATA) {
		bed_run(bed);
		/* Every batch is cut with the numbers of its time. */
		bed->window.max_cmd_sn++;
		for (unsigned i = 0; i < 10 && take_pdu(bed, &pdu); i++) {
			uint32_t max_cmd_sn = get32(pdu.header + 32);

			assert_memory_equal(pdu.data, bed->data + offset, pdu.data_len);
			offset += pdu.data_len;
			if (max_cmd_sn != last && offset != BED_DATA) {
				assert_true(max_cmd_sn > last);
				windows++;
			}
			last = max_cmd_sn;
			pdu_free(&pdu);
		}
	}
	bed_run(bed);
	bed_expect(bed, "put_done 9 0\n");
	assert_true(windows >= BED_DATA / 512 / 80);
	bed_disconnect(bed);
}

static void queue_another(struct bed *bed, struct transport_task *task)
{
	if (task->itt++ < 20)
		transport_put_data(bed->conn, task);
}

static void test_queue__callbacks_queue_more(void **state)
{
	struct bed *bed = *state;
	struct transport_task task;

	bed_default_keys(bed);
	bed_connect(bed, false);
	bed->on_done = queue_another;
	task_init(bed, &task, 10);
	task.put_length = 5000;
	transport_put_data(bed->conn, &task);
	bed_run(bed);
	for (uint32_t i = 10; i <= 20; i++)
		check_read(bed, i, 5000, false);
	assert_int_equal(loop_available(bed->loop), 0);
	bed_disconnect(bed);
}

/* What was queued before enable has no digests, what comes after has. */
static void test_queue__digests_begin_behind_the_queue(void **state)
{
	struct bed *bed = *state;
	struct note note[2];
	struct pdu got;

	bed_default_keys(bed);
	bed_connect(bed, true);
	note_init(bed, &note[0], 0x23, "login=1", 8);
	transport_send_control(bed->conn, &note[0].pdu);
	bed->keys.header_digest = true;
	bed->keys.data_digest = true;
	assert_int_equal(bed->conn->ops->enable(bed->conn, &bed->keys), 0);
	note_init(bed, &note[1], 0x20, "nop", 4);
	transport_send_control(bed->conn, &note[1].pdu);
	bed_run(bed);
	bed->keys.header_digest = false;
	bed->keys.data_digest = false;
	assert_true(take_pdu(bed, &got));
	assert_int_equal(got.header[0], 0x23);
	pdu_free(&got);
	bed->keys.header_digest = true;
	bed->keys.data_digest = true;
	assert_true(take_pdu(bed, &got));
	assert_int_equal(got.header[0], 0x20);
	pdu_free(&got);
	assert_int_equal(loop_available(bed->loop), 0);
	bed_disconnect(bed);
}

/* --- ends --- */

static void test_terminate__graceful_sends_the_queue(void **state)
{
	struct bed *bed = *state;
	struct transport_task task;

	bed_default_keys(bed);
	bed_connect(bed, false);
	loop_set_pieces(bed->loop, 0, 1000);
	task_init(bed, &task, 3);
	task.put_length = 100000;
	transport_put_data(bed->conn, &task);
	transport_terminate(bed->conn, true);
	bed_expect(bed, "");
	/* Whatever comes now is for nobody. */
	loop_feed(bed->loop, bed->data, 100000);
	bed_run(bed);
	check_read(bed, 3, 100000, false);
	assert_true(loop_is_finished(bed->loop));
	assert_int_equal(loop_unread(bed->loop), 0);
	bed_expect(bed, "put_done 3 0\n");
	loop_close(bed->loop);
	bed_run(bed);
	bed_expect(bed, "terminated terminated 0\n");
	bed_disconnect(bed);
}

static void advance(struct bed *bed, uint64_t ms)
{
	clock_manual_advance(&bed->clock, ms * CLOCK_NS_PER_MS);
	bed_run(bed);
}

static void test_terminate__graceful_has_its_limits(void **state)
{
	struct bed *bed = *state;
	struct transport_task task;

	bed_default_keys(bed);
	/* A peer that takes nothing. */
	bed_connect(bed, false);
	loop_set_room(bed->loop, 100);
	task_init(bed, &task, 3);
	task.put_length = 100000;
	transport_put_data(bed->conn, &task);
	transport_terminate(bed->conn, true);
	bed_run(bed);
	advance(bed, 4990);
	bed_expect(bed, "");
	advance(bed, 20);
	bed_expect(bed, "put_done 3 -103\nterminated terminated 0\n");
	bed_disconnect(bed);
	/* One that takes it all and does not close. */
	bed_connect(bed, false);
	transport_terminate(bed->conn, true);
	bed_run(bed);
	assert_true(loop_is_finished(bed->loop));
	advance(bed, 990);
	bed_expect(bed, "");
	advance(bed, 20);
	bed_expect(bed, "terminated terminated 0\n");
	bed_disconnect(bed);
}

static void test_terminate__at_once(void **state)
{
	struct bed *bed = *state;

	for (unsigned turns = 0; turns < 6; turns++)
		for (unsigned twice = 0; twice < 2; twice++) {
			struct transport_task task[2];
			struct note note;

			bed_default_keys(bed);
			bed_connect(bed, false);
			loop_set_pieces(bed->loop, 0, 1000);
			task_init(bed, &task[0], 0);
			task[0].put_length = 50000;
			task_init(bed, &task[1], 1);
			task[1].get_offset = 0;
			task[1].get_length = 4096;
			transport_put_data(bed->conn, &task[0]);
			note_init(bed, &note, 0x20, NULL, 0);
			transport_send_control(bed->conn, &note.pdu);
			transport_get_data(bed->conn, &task[1]);
			for (unsigned i = 0; i < turns; i++)
				reactor_turn(bed->reactor, 0);
			if (twice)
				transport_terminate(bed->conn, true);
			transport_terminate(bed->conn, false);
			transport_terminate(bed->conn, twice);
			bed_expect(bed, "");
			bed_run(bed);
			bed_expect(bed, "put_done 0 -103\nsent 20 -103\nget_done 1 -103\n"
					"terminated terminated 0\n");
			assert_true(loop_is_gone(bed->loop));
			bed_disconnect(bed);
		}
}

static void queue_on_failure(struct bed *bed, struct transport_task *task)
{
	/* Once more each, though the end has come. */
	if (task->itt < 100) {
		task->itt += 100;
		task->get_offset = 0;
		task->get_length = 512;
		if (task->itt & 1)
			transport_put_data(bed->conn, task);
		else
			transport_get_data(bed->conn, task);
	}
}

static void test_terminate__callbacks_queue_more(void **state)
{
	struct bed *bed = *state;
	struct transport_task task[2];

	bed_default_keys(bed);
	bed_connect(bed, false);
	bed->on_done = queue_on_failure;
	for (uint32_t i = 0; i < 2; i++) {
		task_init(bed, &task[i], i);
		transport_put_data(bed->conn, &task[i]);
	}
	transport_terminate(bed->conn, false);
	bed_run(bed);
	bed_expect(bed, "put_done 0 -103\nput_done 1 -103\nput_done 101 -103\n"
			"get_done 100 -103\nterminated terminated 0\n");
	bed_disconnect(bed);
}

static int terminate_in_upcall(struct bed *bed, struct transport_rx *rx)
{
	(void)rx;
	transport_terminate(bed->conn, bed->task != NULL);
	return 0;
}

static void test_terminate__in_every_upcall(void **state)
{
	struct bed *bed = *state;
	uint8_t nop[48] = { 0x40 };

	bed_default_keys(bed);
	for (unsigned how = 0; how < 4; how++) {
		struct bytes bytes = { 0 };
		struct transport_task task;

		bed_connect(bed, false);
		task_init(bed, &task, 0);
		bed->task = how & 2 ? &task : NULL;
		if (how & 1)
			bed->on_header = terminate_in_upcall;
		else
			bed->on_pdu = terminate_in_upcall;
		add_pdu(bed, &bytes, nop, NULL, 0, NULL, 0);
		add_pdu(bed, &bytes, nop, NULL, 0, NULL, 0);
		feed(bed, &bytes);
		loop_close(bed->loop);
		bed_run(bed);
		bed_expect(bed, how & 1 ? "header 00 ahs 0:00000000 len 0\n"
					  "terminated terminated 0\n" :
					  "header 00 ahs 0:00000000 len 0\npdu 00 data 00000000\n"
					  "terminated terminated 0\n");
		bed_disconnect(bed);
	}
}

static void test_end__send_fails(void **state)
{
	struct bed *bed = *state;
	struct transport_task task;

	bed_default_keys(bed);
	bed_connect(bed, false);
	loop_set_room(bed->loop, 0);
	task_init(bed, &task, 8);
	transport_put_data(bed->conn, &task);
	bed_run(bed);
	loop_reset(bed->loop, -EPIPE);
	bed_run(bed);
	bed_expect(bed, "put_done 8 -32\nterminated reset -32\n");
	bed_disconnect(bed);
}

static void test_stall__peer_takes_nothing(void **state)
{
	struct bed *bed = *state;
	struct transport_task task;

	bed_default_keys(bed);
	bed_connect(bed, false);
	/* Idle for long is not stalled. */
	advance(bed, 100000);
	task_init(bed, &task, 1);
	transport_put_data(bed->conn, &task);
	bed_run(bed);
	bed_expect(bed, "put_done 1 0\n");
	advance(bed, 100000);
	loop_set_room(bed->loop, 148);
	task.put_length = 1000;
	transport_put_data(bed->conn, &task);
	bed_run(bed);
	advance(bed, 29000);
	/* A little progress begins the time anew. */
	loop_set_room(bed->loop, 149);
	bed_run(bed);
	advance(bed, 29000);
	bed_expect(bed, "");
	advance(bed, 1500);
	bed_expect(bed, "put_done 1 -110\nterminated stalled -110\n");
	bed_disconnect(bed);
}

static unsigned pings;

static void answered(struct transport_pdu *pdu, int err)
{
	assert_int_equal(err, 0);
	free(container_of(pdu, struct note, pdu));
}

static int answer_ping(struct bed *bed, struct transport_rx *rx)
{
	struct note *note = malloc(sizeof(*note));

	(void)rx;
	bed_forget(bed);
	pings++;
	note_init(bed, note, 0x20, NULL, 0);
	note->pdu.sent = answered;
	transport_send_control(bed->conn, &note->pdu);
	return 0;
}

/* A peer that asks and asks and takes no answer is not listened to any more. */
static void test_queue__does_not_grow_without_end(void **state)
{
	struct bed *bed = *state;
	struct bytes bytes = { 0 };
	uint8_t nop[48] = { 0x40 };

	bed_default_keys(bed);
	bed_connect(bed, false);
	bed->on_pdu = answer_ping;
	loop_set_room(bed->loop, 10);
	for (unsigned i = 0; i < 20000; i++)
		add_pdu(bed, &bytes, nop, NULL, 0, NULL, 0);
	pings = 0;
	feed(bed, &bytes);
	assert_true(pings >= 4096 && pings < 4096 + 2000);
	loop_set_room(bed->loop, 2000000);
	bed_run(bed);
	assert_int_equal(pings, 20000);
	assert_int_equal(loop_available(bed->loop), 20000 * 48);
	bed_disconnect(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_send_control__data_and_padding),
		cmocka_unit_test(test_put_data__cut_by_segment_and_burst),
		cmocka_unit_test(test_put_data__residuals_ride_on_the_last),
		cmocka_unit_test(test_put_data__response_of_its_own),
		cmocka_unit_test(test_queue__order_is_kept),
		cmocka_unit_test(test_queue__short_sends),
		cmocka_unit_test(test_queue__early_completion),
		cmocka_unit_test(test_put_data__cut_lazily),
		cmocka_unit_test(test_queue__callbacks_queue_more),
		cmocka_unit_test(test_queue__digests_begin_behind_the_queue),
		cmocka_unit_test(test_queue__does_not_grow_without_end),
		cmocka_unit_test(test_terminate__graceful_sends_the_queue),
		cmocka_unit_test(test_terminate__graceful_has_its_limits),
		cmocka_unit_test(test_terminate__at_once),
		cmocka_unit_test(test_terminate__callbacks_queue_more),
		cmocka_unit_test(test_terminate__in_every_upcall),
		cmocka_unit_test(test_end__send_fails),
		cmocka_unit_test(test_stall__peer_takes_nothing),
	};

	return cmocka_run_group_tests(tests, bed_set_up, bed_tear_down);
}
