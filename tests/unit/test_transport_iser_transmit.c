/* SPDX-License-Identifier: BSD-2-Clause */
/* transport/iser/transmit.c: control PDUs and puts. */
#include "test_transport_iser_bed.h"

static struct bed *log_bed;

static int connect_full(void **state)
{
	bed_set_up(state);
	log_bed = *state;
	bed_connect(*state);
	bed_enable(*state);
	return 0;
}

static int connect_login(void **state)
{
	bed_set_up(state);
	log_bed = *state;
	bed_connect(*state);
	return 0;
}

static void sent(struct transport_pdu *pdu, int err)
{
	bed_log(log_bed, "sent %c %d\n", pdu->data[0], err);
}

static void send_control(struct bed *bed, struct transport_pdu *pdu, const char *data,
			 uint32_t length)
{
	memset(pdu, 0, sizeof(*pdu));
	pdu->bhs.raw[0] = 0x3f;
	pdu->data = (const uint8_t *)data;
	pdu->data_length = length;
	pdu->sent = sent;
	transport_send_control(bed->conn, pdu);
}

static void fill_data(struct bed *bed)
{
	for (unsigned i = 0; i < bed->data.count; i++)
		for (uint32_t at = 0; at < bed->data.extent[i].length; at++)
			bed->data.extent[i].data[at] = (uint8_t)(at * 7 + i);
}

/* --- control --- */

static void test_control__header_data_padding(void **state)
{
	struct bed *bed = *state;
	struct transport_pdu pdu;
	struct fake_message message;
	uint8_t zeros[28] = { 0x10 };

	send_control(bed, &pdu, "abcde", 5);
	bed_run_device(bed);
	bed_expect(bed, "sent a 0\n");
	assert_true(fake_take(bed->peer, &message));
	assert_int_equal(message.length, 76 + 8);
	assert_memory_equal(message.bytes, zeros, 28);
	assert_int_equal(message.bytes[28], 0x3f);
	assert_int_equal(message.bytes[28 + 7], 5);
	assert_memory_equal(message.bytes + 76, "abcde\0\0\0", 8);
	assert_int_equal(message.invalidated, 0);
}

static void test_control__in_order_with_puts(void **state)
{
	struct bed *bed = *state;
	struct transport_pdu first, last;
	struct transport_task task;
	struct fake_message message;

	bed_begin(bed, &task, 7, 0, BED_VA);
	send_control(bed, &first, "first", 5);
	task.put_length = 100;
	transport_put_data(bed->conn, &task);
	send_control(bed, &last, "last", 4);
	bed_run(bed);
	/* one chain: two SENDs and a Write with its SEND */
	assert_int_equal(fake_sends(bed->peer), 4);
	bed_run_device(bed);
	bed_expect(bed, "sent f 0\nput_done 7 0\nsent l 0\n");
	assert_true(fake_take(bed->peer, &message));
	assert_memory_equal(message.bytes + 76, "first", 5);
	assert_true(fake_take(bed->peer, &message));
	assert_int_equal(message.bytes[28], 0x21);
	assert_true(fake_take(bed->peer, &message));
	assert_memory_equal(message.bytes + 76, "last", 4);
}

static void test_control__plain_ones_go_one_by_one(void **state)
{
	struct bed *bed = *state;
	struct transport_pdu pdu[3];
	static char data[8192];

	memset(data, 'x', sizeof(data));
	for (unsigned i = 0; i < 3; i++)
		send_control(bed, &pdu[i], data, sizeof(data));
	for (unsigned i = 0; i < 3; i++) {
		bed_run(bed);
		assert_int_equal(fake_sends(bed->peer), 1);
		assert_int_equal(fake_run(bed->peer, 1), 1);
	}
	bed_run(bed);
	bed_expect(bed, "sent x 0\nsent x 0\nsent x 0\n");
}

static void test_control__too_long_for_the_peer(void **state)
{
	struct bed *bed = *state;
	struct transport_pdu pdu;
	static char data[129] = "x";

	send_control(bed, &pdu, data, sizeof(data));
	bed_run(bed);
	bed_expect(bed, "sent x -90\nterminated protocol -90\n");
}

/* A burst takes more buffers than there are: the rest waits, in order. */
static void test_control__waits_for_buffers(void **state)
{
	enum { COUNT = 200 };
	struct bed *bed = *state;
	struct transport_pdu *pdu = calloc(COUNT, sizeof(*pdu));
	unsigned sends;

	for (unsigned i = 0; i < COUNT; i++)
		send_control(bed, &pdu[i], &"abcdefgh"[i % 8], 1);
	bed_run(bed);
	sends = fake_sends(bed->peer);
	assert_true(sends < COUNT);
	bed_expect(bed, "");
	bed_run_device(bed);
	for (unsigned i = 0; i < COUNT; i++) {
		struct fake_message message;

		assert_true(fake_take(bed->peer, &message));
		assert_int_equal(message.bytes[76], "abcdefgh"[i % 8]);
	}
	assert_int_equal(bed->log_len, COUNT * strlen("sent a 0\n"));
	bed->log_len = 0;
	free(pdu);
}

/* Completions are asked for now and then, not for each. */
static void test_control__few_completions(void **state)
{
	struct bed *bed = *state;
	struct transport_pdu pdu[20];

	for (unsigned i = 0; i < 20; i++)
		send_control(bed, &pdu[i], "a", 1);
	bed_run(bed);
	assert_int_equal(fake_run(bed->peer, 15), 15);
	bed_run(bed);
	bed_expect(bed, "");
	assert_int_equal(fake_run(bed->peer, 1), 1);
	bed_run(bed);
	assert_int_equal(bed->log_len, 16 * strlen("sent a 0\n"));
	bed_run_device(bed);
	assert_int_equal(bed->log_len, 20 * strlen("sent a 0\n"));
	bed->log_len = 0;
}

/* --- puts --- */

static void check_remote(struct bed *bed, uint32_t at, uint32_t length)
{
	uint8_t *expected = malloc(length);

	extents_copy_out(&bed->data, 0, expected, length);
	assert_memory_equal(bed->remote + at, expected, length);
	free(expected);
}

static void test_put__data_is_there_before_the_response(void **state)
{
	struct bed *bed = *state;
	struct transport_task task;
	struct fake_message message;
	uint32_t length = (1 << 20) + 50000;	/* three extents */

	fill_data(bed);
	bed_begin(bed, &task, 7, 0, BED_VA + 4096);
	task.put_length = length;
	put_be32(task.response.raw + 36, 99);
	transport_put_data(bed->conn, &task);
	bed_run(bed);
	while (!fake_take(bed->peer, &message))
		assert_int_equal(fake_run(bed->peer, 1), 1);
	check_remote(bed, 4096, length);
	assert_int_equal(message.length, 76);
	assert_int_equal(get_be32(message.bytes + 28 + 36), 0);
	assert_int_equal(get_be32(message.bytes + 28 + 16), 7);
	assert_int_equal(message.invalidated, BED_RKEY);
	bed_run(bed);
	bed_expect(bed, "put_done 7 0\n");
}

static void test_put__status_with_sense(void **state)
{
	struct bed *bed = *state;
	struct transport_task task;
	struct fake_message message;
	uint8_t sense[20] = { 0, 18, 0x70, 0, 5 };

	bed_begin(bed, &task, 7, BED_VA, 0);
	task.sense = sense;
	task.sense_length = sizeof(sense);
	task.response.raw[3] = 2;
	transport_put_data(bed->conn, &task);
	bed_run_device(bed);
	assert_true(fake_take(bed->peer, &message));
	assert_int_equal(message.length, 76 + 20);
	assert_int_equal(message.bytes[28 + 7], 20);
	assert_memory_equal(message.bytes + 76, sense, 20);
	/* the STag of a write is invalidated with its response */
	assert_int_equal(message.invalidated, BED_RKEY);
	bed_expect(bed, "put_done 7 0\n");
}

static void test_put__invalidates_nothing_where_nothing_was_offered(void **state)
{
	struct bed *bed = *state;
	struct transport_task task;
	struct fake_message message;

	bed_begin(bed, &task, 7, 0, 0);
	transport_put_data(bed->conn, &task);
	bed_run_device(bed);
	assert_true(fake_take(bed->peer, &message));
	assert_int_equal(message.invalidated, 0);
	bed_expect(bed, "put_done 7 0\n");
}

static void test_put__invalidates_for_those_who_want_it(void **state)
{
	struct bed *bed = *state;
	struct transport_task task;
	struct fake_message message;

	bed->peer = fake_connect("\xc0\0\0\0", 4, 1, 4);
	bed_run(bed);
	fake_event(bed->peer, RDMA_CM_EVENT_ESTABLISHED, 0);
	bed_run(bed);
	bed_enable(bed);
	bed_begin(bed, &task, 7, 0, BED_VA);
	task.put_length = 512;
	transport_put_data(bed->conn, &task);
	bed_run_device(bed);
	assert_true(fake_take(bed->peer, &message));
	assert_int_equal(message.invalidated, 0);
	bed_expect(bed, "put_done 7 0\n");
}

static void test_put__without_a_buffer_to_put_it(void **state)
{
	struct bed *bed = *state;
	struct transport_task task;

	bed_begin(bed, &task, 7, BED_VA, 0);
	task.put_length = 512;
	transport_put_data(bed->conn, &task);
	bed_run(bed);
	bed_expect(bed, "put_done 7 -71\nterminated protocol -71\n");
}

static void test_put__beyond_the_peers_buffer(void **state)
{
	struct bed *bed = *state;
	struct transport_task task;

	bed_begin(bed, &task, 7, 0, BED_VA + BED_REMOTE - 100);
	task.put_length = 512;
	transport_put_data(bed->conn, &task);
	bed_run(bed);
	fake_run(bed->peer, 1);
	bed_run(bed);
	bed_expect(bed, "put_done 7 -121\nterminated reset -121\n");
}

static void test_put__memory_that_is_not_registered(void **state)
{
	struct bed *bed = *state;
	struct transport_task task;
	struct extents foreign = { .count = 1, .length = 512, .borrowed = true };
	static uint8_t memory[512];

	foreign.extent[0] = (struct extent){ .data = memory, .length = 512 };
	bed_begin(bed, &task, 7, 0, BED_VA);
	task.data = &foreign;
	task.put_length = 512;
	transport_put_data(bed->conn, &task);
	bed_run(bed);
	bed_expect(bed, "put_done 7 -14\nterminated protocol -14\n");
}

/* A response goes with its work request where the device can; one with sense may be too long. */
static void test_put__response_inline(void **state)
{
	static const uint32_t granted[] = { 400, 128, 0 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(granted); i++) {
		static const uint8_t sense[100] = { 0, 98 };
		struct bed *bed = bed_prepare();
		void *bed_state = bed;
		struct transport_task task[2];
		struct fake_message message;

		fake_knobs()->inline_max = granted[i];
		log_bed = bed;
		bed_open(bed);
		bed_connect(bed);
		bed_enable(bed);
		bed_begin(bed, &task[0], 7, 0, 0);
		bed_begin(bed, &task[1], 8, 0, 0);
		task[1].sense = sense;
		task[1].sense_length = sizeof(sense);
		transport_put_data(bed->conn, &task[0]);
		transport_put_data(bed->conn, &task[1]);
		bed_run_device(bed);
		assert_true(fake_take(bed->peer, &message));
		assert_int_equal(message.is_inline, granted[i] != 0);
		assert_true(fake_take(bed->peer, &message));
		assert_false(message.is_inline);
		bed->log_len = 0;
		bed_tear_down(&bed_state);
	}
}

/* With few entries for a request a put takes several. */
static void test_put__several_writes(void **state)
{
	struct bed *bed = bed_prepare();
	struct transport_task task;
	uint32_t length = (1 << 20) + 81920;

	*state = bed;
	log_bed = bed;
	fake_knobs()->qp_sge_max = 1;
	bed_open(bed);
	bed_connect(bed);
	bed_enable(bed);
	fill_data(bed);
	bed_begin(bed, &task, 7, 0, BED_VA);
	task.put_length = length;
	transport_put_data(bed->conn, &task);
	bed_run(bed);
	assert_int_equal(fake_sends(bed->peer), bed->data.count + 1);
	bed_run_device(bed);
	check_remote(bed, 0, length);
	bed_expect(bed, "put_done 7 0\n");
}

/* More than the send queue holds: the rest waits. */
static void test_put__waits_for_the_send_queue(void **state)
{
	enum { COUNT = 40 };
	struct bed *bed = bed_prepare();
	struct transport_task *task = calloc(COUNT, sizeof(*task));

	*state = bed;
	log_bed = bed;
	fake_knobs()->qp_sge_max = 1;
	fake_knobs()->max_qp_wr = 64;
	bed_open(bed);
	bed_connect(bed);
	bed_enable(bed);
	for (unsigned i = 0; i < COUNT; i++) {
		bed_begin(bed, &task[i], i, 0, BED_VA);
		task[i].put_length = (1 << 20) + 81920;
		transport_put_data(bed->conn, &task[i]);
	}
	bed_run(bed);
	assert_true(fake_sends(bed->peer) <= 64);
	bed_run_device(bed);
	for (unsigned i = 0; i < COUNT; i++) {
		struct fake_message message;

		assert_true(fake_take(bed->peer, &message));
		assert_int_equal(get_be32(message.bytes + 28 + 16), i);
	}
	bed->log_len = 0;
	free(task);
}

/*
 * Gets have filled the send queue with Reads and have more of them, and room comes piece by piece:
 * a put of many pieces has its turn before they are all done.
 */
static void test_put__is_not_starved_by_gets(void **state)
{
	enum { GETS = 7 };
	struct bed *bed = bed_prepare();
	struct extents pieces = { .borrowed = true };
	struct transport_task get[GETS], put;

	*state = bed;
	log_bed = bed;
	fake_knobs()->qp_sge_max = 1;
	fake_knobs()->max_sge_rd = 1;
	fake_knobs()->max_qp_wr = 64;
	bed_open(bed);
	bed->peer = fake_connect("\x80\0\0\0", 4, 1, 64);
	bed_run(bed);
	fake_event(bed->peer, RDMA_CM_EVENT_ESTABLISHED, 0);
	bed_run(bed);
	bed_enable(bed);
	for (unsigned i = 0; i < EXTENTS_MAX; i++) {
		pieces.extent[i] = bed->data.extent[0];
		pieces.extent[i].length = 4096;
		pieces.length += 4096;
		pieces.count++;
	}
	for (unsigned i = 0; i < GETS; i++) {
		bed_begin(bed, &get[i], i, BED_VA, 0);
		get[i].data = &pieces;
		get[i].get_length = pieces.length;
	}
	bed_begin(bed, &put, GETS, 0, BED_VA);
	put.data = &pieces;
	put.put_length = pieces.length;
	for (unsigned i = 0; i < GETS; i++)
		transport_get_data(bed->conn, &get[i]);
	bed_run(bed);
	assert_int_equal(fake_reads(bed->peer), 64);
	transport_put_data(bed->conn, &put);
	bed_run(bed);
	while (fake_run(bed->peer, 1) != 0)
		bed_run(bed);
	assert_non_null(strstr(bed->log, "put_done 7 0\n"));
	assert_non_null(strstr(bed->log, "get_done 6 0\n"));
	assert_true(strstr(bed->log, "put_done 7 0\n") < strstr(bed->log, "get_done 6 0\n"));
	bed->log_len = 0;
}

/* More in one turn than one chain holds: several, in order. */
static void test_put__more_than_a_chain(void **state)
{
	enum { COUNT = 40, PIECES = 16 };
	struct bed *bed = bed_prepare();
	struct transport_task *task = calloc(COUNT, sizeof(*task));
	struct extents pieces = { .borrowed = true };

	*state = bed;
	log_bed = bed;
	fake_knobs()->qp_sge_max = 4;
	bed_open(bed);
	bed_connect(bed);
	bed_enable(bed);
	fill_data(bed);
	for (unsigned i = 0; i < PIECES; i++) {
		pieces.extent[i] = bed->data.extent[0];
		pieces.extent[i].data += 512 * i;
		pieces.extent[i].length = 512;
		pieces.length += 512;
		pieces.count++;
	}
	for (unsigned i = 0; i < COUNT; i++)
		bed_begin(bed, &task[i], i, 0, BED_VA + pieces.length * i);
	for (unsigned i = 0; i < COUNT; i++) {
		task[i].data = &pieces;
		task[i].put_length = pieces.length;
		transport_put_data(bed->conn, &task[i]);
	}
	bed_run(bed);
	assert_int_equal(fake_sends(bed->peer), COUNT * (PIECES / 4 + 1));
	bed_run_device(bed);
	for (unsigned i = 0; i < COUNT; i++) {
		struct fake_message message;

		assert_true(fake_take(bed->peer, &message));
		assert_int_equal(get_be32(message.bytes + 28 + 16), i);
		assert_memory_equal(bed->remote + pieces.length * i, bed->data.extent[0].data,
				    pieces.length);
	}
	bed->log_len = 0;
	free(task);
}

static void count_sent(struct transport_pdu *pdu, int err)
{
	(void)err;
	++*(unsigned *)(uintptr_t)pdu->data;
}

/* Posting fails at each work request in turn: all that was begun ends, once, and nobody dies. */
static void test_post__fails_at_any_request(void **state)
{
	enum { TASKS = 30 };
	struct bed *bed = *state;

	for (unsigned at = 1; at < 110; at += at < 20 ? 1 : 9) {
		struct transport_task task[TASKS];
		unsigned ends = 0, sent_count = 0;
		struct transport_pdu pdu = { .sent = count_sent, .data = (void *)&sent_count };

		bed_connect(bed);
		bed_enable(bed);
		for (unsigned i = 0; i < TASKS; i++) {
			bed_begin(bed, &task[i], i, BED_VA, BED_VA);
			task[i].get_length = i % 2 == 0 ? 70000 : 0;
			task[i].put_length = i % 2 == 0 ? 0 : (1 << 20) + 20000;
		}
		fake_knobs()->posts = at;
		for (unsigned i = 0; i < TASKS; i++) {
			if (i % 2 == 0)
				transport_get_data(bed->conn, &task[i]);
			else
				transport_put_data(bed->conn, &task[i]);
		}
		pdu.bhs.raw[0] = 0x20;
		transport_send_control(bed->conn, &pdu);
		bed_run_device(bed);
		fake_knobs()->posts = 0;
		if (bed->conn != NULL) {
			fake_event(bed->peer, RDMA_CM_EVENT_DISCONNECTED, 0);
			bed_run(bed);
		}
		assert_null(bed->conn);
		assert_int_equal(sent_count, 1);
		for (const char *line = bed->log; (line = strstr(line, "_done")) != NULL; line++)
			ends++;
		assert_int_equal(ends, TASKS);
		assert_non_null(strstr(bed->log, "terminated"));
		bed->log[0] = '\0';
		bed->log_len = 0;
		bed_disconnect(bed);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, connect_full, bed_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_control__header_data_padding),
		TEST(test_control__in_order_with_puts),
		cmocka_unit_test_setup_teardown(test_control__plain_ones_go_one_by_one,
						connect_login, bed_tear_down),
		TEST(test_control__too_long_for_the_peer),
		TEST(test_control__waits_for_buffers),
		TEST(test_control__few_completions),
		TEST(test_put__data_is_there_before_the_response),
		TEST(test_put__status_with_sense),
		TEST(test_put__invalidates_nothing_where_nothing_was_offered),
		cmocka_unit_test_setup_teardown(test_put__invalidates_for_those_who_want_it,
						bed_set_up, bed_tear_down),
		TEST(test_put__without_a_buffer_to_put_it),
		TEST(test_put__beyond_the_peers_buffer),
		TEST(test_put__memory_that_is_not_registered),
		cmocka_unit_test(test_put__response_inline),
		cmocka_unit_test_teardown(test_put__several_writes, bed_tear_down),
		cmocka_unit_test_teardown(test_put__waits_for_the_send_queue, bed_tear_down),
		cmocka_unit_test_teardown(test_put__more_than_a_chain, bed_tear_down),
		cmocka_unit_test_teardown(test_put__is_not_starved_by_gets, bed_tear_down),
		cmocka_unit_test_setup_teardown(test_post__fails_at_any_request, bed_set_up,
						bed_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
