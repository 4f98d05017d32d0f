/* SPDX-License-Identifier: BSD-2-Clause */
/* transport/iser/receive.c: iSER messages into PDUs. */
#include "test_transport_iser_bed.h"

static uint8_t message[BED_LOGIN + 64];

static int connect_full(void **state)
{
	bed_set_up(state);
	bed_connect(*state);
	bed_enable(*state);
	return 0;
}

static void send_bytes(struct bed *bed, size_t length)
{
	assert_true(fake_send(bed->peer, message, length));
	bed_run(bed);
}

/* --- what a message may look like --- */

static void test_pdu__control_data(void **state)
{
	uint8_t bhs[48] = { 0x04, 0x80 };

	send_bytes(*state, bed_message(message, 0x10, bhs, "SendTargets=", 12));
	bed_expect(*state, "header 04 ahs 0 len 12\npdu \"SendTargets=\"\n");
}

static void test_pdu__padded_or_not(void **state)
{
	uint8_t bhs[48] = { 0x04, 0x80 };
	size_t length = bed_message(message, 0x10, bhs, "abcde", 5);

	memset(message + length, 0, 3);
	send_bytes(*state, length);
	send_bytes(*state, length + 3);
	bed_expect(*state, "header 04 ahs 0 len 5\npdu \"abcde\"\n"
			   "header 04 ahs 0 len 5\npdu \"abcde\"\n");
}

static void test_pdu__additional_header(void **state)
{
	uint8_t bhs[48] = { 0x04, 0x80, 0, 0, 5 };
	uint8_t data[24] = "01234567890123456789abc";

	/* 20 bytes of AHS, 3 of data */
	bed_message(message, 0x10, bhs, data, sizeof(data));
	message[28 + 7] = 3;
	send_bytes(*state, 76 + 23);
	bed_expect(*state, "header 04 ahs 20 len 3\npdu \"abc\"\n");
}

static void check_data(struct bed *bed, struct transport_rx *rx)
{
	uint8_t data[8];

	extents_copy_out(&bed->data, rx->offset, data, sizeof(data));
	assert_memory_equal(data, "immediat", 8);
	assert_null(rx->data);
}

static void place_data(struct bed *bed, struct transport_rx *rx)
{
	rx->offset = (1 << 20) - 4;
	(void)bed;
}

static void test_pdu__immediate_data_goes_to_its_place(void **state)
{
	struct bed *bed = *state;

	bed->on_header = place_data;
	bed->on_pdu = check_data;
	bed_command(bed, 1, BED_VA, 0, "immediate", 9);
	bed_run(bed);
	bed_expect(bed, "header 01 ahs 0 len 9\npdu\n");
}

/* libiscsi says how much is immediate, and leaves it in the buffer that it offers. */
static void test_pdu__announced_immediate_data_that_is_offered(void **state)
{
	struct bed *bed = *state;
	uint8_t bhs[48] = { 0x01, 0xa0 };

	bed_message(message, 0x18, bhs, NULL, 0);
	message[28 + 6] = 0x20;
	send_bytes(bed, 76);
	bed_expect(bed, "header 01 ahs 0 len 0\npdu\n");
	/* without an offer it is just missing */
	message[0] = 0x10;
	send_bytes(bed, 76);
	bed_advance(bed, 1000);
	bed_expect(bed, "terminated protocol -71\n");
}

static void test_pdu__discarded(void **state)
{
	struct bed *bed = *state;

	bed->sink = TRANSPORT_SINK_DISCARD;
	bed_command(bed, 1, BED_VA, 0, "immediate", 9);
	bed_run(bed);
	bed_expect(bed, "header 01 ahs 0 len 9\npdu\n");
}

static void test_pdu__largest(void **state)
{
	struct bed *bed = *state;
	uint8_t *data = calloc(1, 8192);

	bed_command(bed, 1, BED_VA, 0, data, 8192);
	bed_run(bed);
	bed_expect(bed, "header 01 ahs 0 len 8192\npdu\n");
	free(data);
}

static void test_pdu__unsolicited_data_out(void **state)
{
	uint8_t bhs[48] = { 0x05, 0x80, [20] = 0xff, [21] = 0xff, [22] = 0xff, [23] = 0xff };

	send_bytes(*state, bed_message(message, 0x10, bhs, "data", 4));
	bed_expect(*state, "header 05 ahs 0 len 4\npdu \"data\"\n");
}

/* --- what it may not --- */

static void test_bad__too_short(void **state)
{
	static const size_t lengths[] = { 0, 1, 27, 28, 75 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
		uint8_t bhs[48] = { 0x04, 0x80 };
		void *bed;

		connect_full(&bed);
		bed_message(message, 0x10, bhs, NULL, 0);
		send_bytes(bed, lengths[i]);
		bed_advance(bed, 1000);
		bed_expect(bed, "terminated protocol -71\n");
		bed_tear_down(&bed);
	}
}

static void test_bad__shorter_than_it_says(void **state)
{
	uint8_t bhs[48] = { 0x04, 0x80 };
	size_t length = bed_message(message, 0x10, bhs, "abcdef", 6);

	send_bytes(*state, length - 1);
	bed_advance(*state, 1000);
	bed_expect(*state, "terminated protocol -71\n");
}

static void test_bad__header_segment_beyond_the_end(void **state)
{
	uint8_t bhs[48] = { 0x04, 0x80, 0, 0, 255 };

	send_bytes(*state, bed_message(message, 0x10, bhs, NULL, 0));
	bed_advance(*state, 1000);
	bed_expect(*state, "terminated protocol -71\n");
}

static void test_bad__opcode(void **state)
{
	uint8_t bhs[48] = { 0x04, 0x80 };

	send_bytes(*state, bed_message(message, 0x40, bhs, NULL, 0));
	bed_advance(*state, 1000);
	bed_expect(*state, "terminated protocol -71\n");
}

static void test_bad__more_data_than_was_agreed(void **state)
{
	uint8_t bhs[48] = { 0x04, 0x80 };
	static uint8_t data[8193];

	send_bytes(*state, bed_message(message, 0x10, bhs, data, sizeof(data)));
	bed_advance(*state, 1000);
	bed_expect(*state, "violation 5 opcode 04\nterminated protocol -90\n");
}

static void test_bad__more_than_the_receive_takes(void **state)
{
	struct bed *bed = *state;
	static uint8_t long_message[20000];

	assert_true(fake_send(bed->peer, long_message, sizeof(long_message)));
	bed_run(bed);
	bed_expect(bed, "terminated reset -90\n");
}

static void test_bad__data_out_that_was_solicited(void **state)
{
	uint8_t bhs[48] = { 0x05, 0x80 };

	send_bytes(*state, bed_message(message, 0x10, bhs, "data", 4));
	bed_expect(*state, "violation 0 opcode 05\n");
}

/* --- receives --- */

static void test_receives__whole_window_at_once(void **state)
{
	struct bed *bed = *state;
	unsigned before = fake_receives(bed->peer);

	/* the window, and what may come beside it, before the target runs at all */
	for (unsigned i = 0; i < BED_WINDOW + 32; i++)
		bed_command(bed, i, 0, 0, NULL, 0);
	bed_run(bed);
	assert_int_equal(fake_receives(bed->peer), before);
	bed->log_len = 0;
}

static void answer(struct bed *bed, struct transport_rx *rx)
{
	(void)rx;
	transport_put_data(bed->conn, bed->task);
}

static void test_receives__are_back_before_the_answer(void **state)
{
	struct bed *bed = *state;
	struct transport_task task;
	unsigned before = fake_receives(bed->peer);

	bed_begin(bed, &task, 1, 0, 0);
	bed->on_pdu = answer;
	bed_command(bed, 2, 0, 0, NULL, 0);
	while (fake_sends(bed->peer) == 0)
		reactor_turn(bed->reactors[1], 0);
	assert_int_equal(fake_receives(bed->peer), before);
	bed_run_device(bed);
	bed_expect(bed, "header 01 ahs 0 len 0\npdu\nput_done 1 0\n");
}

/* --- hello --- */

static void test_hello__answered_with_the_depth(void **state)
{
	struct bed *bed = *state;
	uint8_t hello[28] = { 0x20, 0xaa, 0, 2 };
	struct fake_message reply;

	assert_true(fake_send(bed->peer, hello, sizeof(hello)));
	bed_run_device(bed);
	assert_true(fake_take(bed->peer, &reply));
	assert_int_equal(reply.length, 28);
	assert_int_equal(reply.bytes[0], 0x30);
	assert_int_equal(reply.bytes[1], 0xaa);
	/* ORD: the lesser of the two IRDs it has told */
	assert_int_equal(reply.bytes[3], 2);
	bed_expect(bed, "");
}

static void test_hello__wrong_version(void **state)
{
	struct bed *bed = *state;
	uint8_t hello[28] = { 0x20, 0x11 };
	struct fake_message reply;

	assert_true(fake_send(bed->peer, hello, sizeof(hello)));
	bed_run_device(bed);
	/* HelloReply with REJ (RFC 7145 section 9.4), then the end, without waiting for the peer */
	assert_true(fake_take(bed->peer, &reply));
	assert_int_equal(reply.length, 28);
	assert_int_equal(reply.bytes[0], 0x31);
	assert_int_equal(reply.bytes[1], 0xaa);
	assert_true(fake_is_disconnected(bed->peer));
	bed_expect(bed, "terminated protocol -71\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, connect_full, bed_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pdu__control_data),
		TEST(test_pdu__padded_or_not),
		TEST(test_pdu__additional_header),
		TEST(test_pdu__immediate_data_goes_to_its_place),
		TEST(test_pdu__announced_immediate_data_that_is_offered),
		TEST(test_pdu__discarded),
		TEST(test_pdu__largest),
		TEST(test_pdu__unsolicited_data_out),
		cmocka_unit_test(test_bad__too_short),
		TEST(test_bad__shorter_than_it_says),
		TEST(test_bad__header_segment_beyond_the_end),
		TEST(test_bad__opcode),
		TEST(test_bad__more_data_than_was_agreed),
		TEST(test_bad__more_than_the_receive_takes),
		TEST(test_bad__data_out_that_was_solicited),
		TEST(test_receives__whole_window_at_once),
		TEST(test_receives__are_back_before_the_answer),
		TEST(test_hello__answered_with_the_depth),
		TEST(test_hello__wrong_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
