/* SPDX-License-Identifier: BSD-2-Clause */
/* The receive parser: splits at every byte, batches, digests, limits. */
#include <errno.h>

#include "test_transport_bed.h"

/* One PDU of every kind that the parser treats differently. */
static void build_mixture(struct bed *bed, struct bytes *bytes)
{
	uint8_t nop[48] = { 0x40 };
	uint8_t command[48] = { 0x01, 0xa1 };
	uint8_t data_out[48] = { 0x05, 0x80 };
	uint8_t text[48] = { 0x04, 0x80 };
	uint8_t tmf[48] = { 0x42, 0x81 };
	uint8_t ahs[8] = { 0, 5, 2, 0, 0, 0, 16, 0 };

	add_pdu(bed, bytes, nop, NULL, 0, NULL, 0);
	add_pdu(bed, bytes, nop, NULL, 0, "hello", 5);
	add_pdu(bed, bytes, command, ahs, sizeof(ahs), NULL, 0);
	add_pdu(bed, bytes, command, ahs, sizeof(ahs), bed->data + 500000, 2602);
	set32(data_out + 20, NONE);
	set32(data_out + 40, 2602);
	add_pdu(bed, bytes, data_out, NULL, 0, bed->data + 600001, 2201);
	add_pdu(bed, bytes, tmf, NULL, 0, bed->data + 1, 13);
	add_pdu(bed, bytes, text, NULL, 0, "key=value", 10);
	add_pdu(bed, bytes, nop, NULL, 0, NULL, 0);
}

static void scribble(struct bed *bed)
{
	memset(bed->data, 0xee, 8192);
}

static void check_splits(struct bed *bed)
{
	struct bytes bytes = { 0 };
	char *whole;

	build_mixture(bed, &bytes);
	bed_connect(bed, false);
	scribble(bed);
	loop_feed(bed->loop, bytes.at, bytes.len);
	bed_run(bed);
	whole = strdup(bed->log);
	assert_non_null(strstr(whole, "pdu 04"));
	assert_null(strstr(whole, "bad"));
	bed_disconnect(bed);
	for (size_t i = 0; i <= bytes.len; i++) {
		bed_connect(bed, false);
		scribble(bed);
		loop_feed(bed->loop, bytes.at, i);
		bed_run(bed);
		loop_feed(bed->loop, bytes.at + i, bytes.len - i);
		bed_run(bed);
		assert_string_equal(bed->log, whole);
		bed_disconnect(bed);
	}
	for (size_t piece = 1; piece < 130; piece += 6) {
		bed_connect(bed, false);
		scribble(bed);
		loop_set_pieces(bed->loop, piece, 0);
		loop_feed(bed->loop, bytes.at, bytes.len);
		bed_run(bed);
		assert_string_equal(bed->log, whole);
		bed_disconnect(bed);
	}
	free(whole);
	bytes_free(&bytes);
}

static void test_receive__split_at_every_byte(void **state)
{
	struct bed *bed = *state;

	for (unsigned digests = 0; digests < 4; digests++) {
		bed_default_keys(bed);
		bed->keys.header_digest = digests & 1;
		bed->keys.data_digest = digests & 2;
		check_splits(bed);
	}
}

static void test_receive__what_iscsi_sees(void **state)
{
	struct bed *bed = *state;
	struct bytes bytes = { 0 };
	uint8_t ahs[8] = { 0, 5, 2, 0, 0, 0, 16, 0 };
	char expected[1024];

	bed_default_keys(bed);
	build_mixture(bed, &bytes);
	bed_connect(bed, false);
	scribble(bed);
	feed(bed, &bytes);
	snprintf(expected, sizeof(expected),
		 "header 00 ahs 0:00000000 len 0\npdu 00 data 00000000\n"
		 "header 00 ahs 0:00000000 len 5\npdu 00 data %08x\n"
		 "header 01 ahs 8:%08x len 0\npdu 01 data 00000000\n"
		 "header 01 ahs 8:%08x len 2602\npdu 01 data %08x\n"
		 "header 05 ahs 0:00000000 len 2201\npdu 05 data %08x\n"
		 "header 02 ahs 0:00000000 len 13\npdu 02 data 00000000\n"
		 "header 04 ahs 0:00000000 len 10\npdu 04 data %08x\n"
		 "header 00 ahs 0:00000000 len 0\npdu 00 data 00000000\n",
		 slow_crc32c((const uint8_t *)"hello", 5), slow_crc32c(ahs, 8),
		 slow_crc32c(ahs, 8), slow_crc32c(bed->data + 500000, 2602),
		 slow_crc32c(bed->data + 600001, 2201),
		 slow_crc32c((const uint8_t *)"key=value", 10));
	bed_expect(bed, expected);
	/* Less came than was asked for: the socket is known to be empty. */
	assert_true(loop_is_waiting(bed->loop));
	bed_disconnect(bed);
}

static unsigned pdus;

static int count_pdu(struct bed *bed, struct transport_rx *rx)
{
	assert_int_equal(rx->data_length, pdus % 4);
	if (rx->data_length != 0)
		assert_memory_equal(rx->data, "abc", rx->data_length);
	pdus++;
	bed_forget(bed);
	return 0;
}

static void test_receive__many_in_one(void **state)
{
	struct bed *bed = *state;
	struct bytes bytes = { 0 };
	uint8_t nop[48] = { 0x40 };

	bed_default_keys(bed);
	bed_connect(bed, false);
	bed->on_pdu = count_pdu;
	pdus = 0;
	for (unsigned i = 0; i < 3000; i++)
		add_pdu(bed, &bytes, nop, NULL, 0, "abc", i % 4);
	feed(bed, &bytes);
	assert_int_equal(pdus, 3000);
	bed_disconnect(bed);
}

/* Much larger than the buffer: most of it is received in its place. */
static void test_receive__large_data(void **state)
{
	struct bed *bed = *state;
	static const size_t pieces[] = { 0, 1000, 4096, 65536, 65537, 100000 };
	uint8_t data_out[48] = { 0x05, 0x80 };
	uint8_t *data = malloc(700000);
	char expected[256];

	for (size_t i = 0; i < 700000; i++)
		data[i] = (uint8_t)(i * i >> 7);
	set32(data_out + 20, NONE);
	for (unsigned round = 0; round < 2 * sizeof(pieces) / sizeof(pieces[0]); round++) {
		struct bytes bytes = { 0 };

		bed_default_keys(bed);
		bed->keys.recv_data_max = 1048576;
		bed->keys.data_digest = round & 1;
		bed->keys.header_digest = round & 1;
		bed_connect(bed, false);
		loop_set_pieces(bed->loop, pieces[round / 2], 0);
		set32(data_out + 40, 3);
		add_pdu(bed, &bytes, data_out, NULL, 0, data, 300001);
		set32(data_out + 40, 300004);
		add_pdu(bed, &bytes, data_out, NULL, 0, data + 300001, 399999);
		feed(bed, &bytes);
		snprintf(expected, sizeof(expected),
			 "header 05 ahs 0:00000000 len 300001\npdu 05 data %08x\n"
			 "header 05 ahs 0:00000000 len 399999\npdu 05 data %08x\n",
			 slow_crc32c(data, 300001), slow_crc32c(data + 300001, 399999));
		bed_expect(bed, expected);
		assert_memory_equal(bed->data + 3, data, 700000);
		bed_disconnect(bed);
	}
	free(data);
}

static void test_receive__header_digest_error(void **state)
{
	struct bed *bed = *state;
	uint8_t nop[48] = { 0x40 };

	bed_default_keys(bed);
	bed->keys.header_digest = true;
	for (unsigned i = 0; i < 52; i++) {
		struct bytes bytes = { 0 };

		/* A wrong TotalAHSLength makes it wait for more: see the other bytes. */
		if (i == 4)
			continue;
		bed_connect(bed, false);
		add_pdu(bed, &bytes, nop, NULL, 0, NULL, 0);
		bytes.at[i] ^= 0x10;
		feed(bed, &bytes);
		assert_true(loop_is_finished(bed->loop));
		loop_close(bed->loop);
		bed_run(bed);
		bed_expect(bed, "terminated digest -74\n");
		bed_disconnect(bed);
	}
}

static void test_receive__data_digest_error(void **state)
{
	struct bed *bed = *state;
	static const uint8_t first[3] = { 0x40, 0x01, 0x42 };

	bed_default_keys(bed);
	bed->keys.data_digest = true;
	for (unsigned kind = 0; kind < 3; kind++)
		/* a byte of data, of padding, of the digest */
		for (unsigned at = 48; at < 48 + 28; at++) {
			struct bytes bytes = { 0 };
			uint8_t header[48] = { first[kind], 0xa1 };

			bed_connect(bed, false);
			add_pdu(bed, &bytes, header, NULL, 0, "digests cover padding", 21);
			bytes.at[at] ^= 1;
			add_pdu(bed, &bytes, header, NULL, 0, "digests cover padding", 21);
			loop_set_pieces(bed->loop, at % 7, 0);
			feed(bed, &bytes);
			assert_non_null(strstr(bed->log, "bad digest\nheader"));
			/* The connection goes on, and the next one is good. */
			assert_null(strstr(strstr(bed->log, "bad") + 3, "bad"));
			assert_null(strstr(bed->log, "terminated"));
			bed_disconnect(bed);
		}
}

static void test_receive__too_long_in_login(void **state)
{
	struct bed *bed = *state;
	struct bytes bytes = { 0 };
	uint8_t login[48] = { 0x43, 0x87 };
	uint8_t *data = calloc(1, 8193);
	uint8_t *ahs = calloc(1, 1020);

	bed_default_keys(bed);
	bed_connect(bed, true);
	/* The longest that there can be, in pieces, and again. */
	add_pdu(bed, &bytes, login, ahs, 1020, data, 8192);
	add_pdu(bed, &bytes, login, ahs, 1020, data, 8192);
	loop_set_pieces(bed->loop, 911, 0);
	feed(bed, &bytes);
	assert_non_null(strstr(strstr(bed->log, "pdu 03") + 1, "pdu 03"));
	bed_forget(bed);
	add_pdu(bed, &bytes, login, NULL, 0, data, 8193);
	feed(bed, &bytes);
	loop_close(bed->loop);
	bed_run(bed);
	bed_expect(bed, "violation too_long opcode 03 task -1\nterminated protocol -90\n");
	bed_disconnect(bed);
	free(data);
	free(ahs);
}

static void test_receive__too_long_in_full_feature_phase(void **state)
{
	struct bed *bed = *state;
	struct bytes bytes = { 0 };
	uint8_t nop[48] = { 0x40 };
	uint8_t *data = calloc(1, 100000);

	bed_default_keys(bed);
	bed->keys.recv_data_max = 70000;
	bed->keys.data_digest = true;
	bed_connect(bed, false);
	add_pdu(bed, &bytes, nop, NULL, 0, data, 32768);
	feed(bed, &bytes);
	assert_non_null(strstr(bed->log, "pdu 00"));
	bed_forget(bed);
	/* It cannot be kept, but what follows can be understood. */
	add_pdu(bed, &bytes, nop, NULL, 0, data, 32769);
	add_pdu(bed, &bytes, nop, NULL, 0, NULL, 0);
	feed(bed, &bytes);
	bed_expect(bed, "header 00 ahs 0:00000000 len 32769\n"
			"violation too_long opcode 00 task -1\n"
			"pdu 00 data 00000000\n"
			"header 00 ahs 0:00000000 len 0\npdu 00 data 00000000\n");
	add_pdu(bed, &bytes, nop, NULL, 0, data, 70001);
	feed(bed, &bytes);
	loop_close(bed->loop);
	bed_run(bed);
	bed_expect(bed, "violation too_long opcode 00 task -1\nterminated protocol -90\n");
	bed_disconnect(bed);
	free(data);
}

static int fail_header(struct bed *bed, struct transport_rx *rx)
{
	(void)bed;
	(void)rx;
	return -EPROTO;
}

static void test_receive__iscsi_gives_up(void **state)
{
	struct bed *bed = *state;
	uint8_t nop[48] = { 0x40 };

	bed_default_keys(bed);
	for (unsigned second = 0; second < 2; second++) {
		struct bytes bytes = { 0 };

		bed_connect(bed, false);
		if (second)
			bed->on_pdu = fail_header;
		else
			bed->on_header = fail_header;
		add_pdu(bed, &bytes, nop, NULL, 0, NULL, 0);
		add_pdu(bed, &bytes, nop, NULL, 0, NULL, 0);
		feed(bed, &bytes);
		loop_close(bed->loop);
		bed_run(bed);
		bed_expect(bed, second ? "header 00 ahs 0:00000000 len 0\npdu 00 data 00000000\n"
					 "terminated protocol -71\n" :
					 "header 00 ahs 0:00000000 len 0\n"
					 "terminated protocol -71\n");
		bed_disconnect(bed);
	}
}

static int enable_on_final(struct bed *bed, struct transport_rx *rx)
{
	if (rx->bhs->raw[1] & 0x80) {
		bed->on_pdu = NULL;
		bed->keys.header_digest = true;
		bed->keys.data_digest = true;
		assert_int_equal(bed->conn->ops->enable(bed->conn, &bed->keys), 0);
	}
	return 0;
}

/* The digests begin with the first byte behind the PDU in which they were agreed. */
static void test_receive__enable_in_the_middle(void **state)
{
	struct bed *bed = *state;
	uint8_t login[48] = { 0x43, 0x04 };
	uint8_t final[48] = { 0x43, 0x87 };
	uint8_t nop[48] = { 0x40 };
	uint8_t *data = calloc(1, 20000);

	for (size_t piece = 0; piece < 400; piece += 13) {
		struct bytes bytes = { 0 };

		bed_default_keys(bed);
		bed_connect(bed, true);
		bed->on_pdu = enable_on_final;
		add_pdu(bed, &bytes, login, NULL, 0, "a=b", 4);
		add_pdu(bed, &bytes, final, NULL, 0, "a=b", 4);
		bed->keys.header_digest = true;
		bed->keys.data_digest = true;
		add_pdu(bed, &bytes, nop, NULL, 0, data, 20000);
		add_pdu(bed, &bytes, nop, NULL, 0, NULL, 0);
		loop_set_pieces(bed->loop, piece, 0);
		feed(bed, &bytes);
		assert_non_null(strstr(bed->log, "len 20000\npdu 00"));
		assert_non_null(strstr(bed->log, "len 0\npdu 00"));
		assert_null(strstr(bed->log, "bad"));
		assert_null(strstr(bed->log, "terminated"));
		bed_disconnect(bed);
	}
	free(data);
}

static void test_receive__closed_by_the_peer(void **state)
{
	struct bed *bed = *state;

	bed_default_keys(bed);
	/* Between PDUs and in the middle of one. */
	for (size_t len = 0; len < 48; len += 47) {
		bed_connect(bed, false);
		loop_feed(bed->loop, bed->data, len);
		loop_close(bed->loop);
		bed_run(bed);
		bed_expect(bed, "terminated closed 0\n");
		bed_disconnect(bed);
	}
	bed_connect(bed, true);
	loop_reset(bed->loop, -ECONNRESET);
	bed_run(bed);
	bed_expect(bed, "terminated reset -104\n");
	bed_disconnect(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_receive__what_iscsi_sees),
		cmocka_unit_test(test_receive__split_at_every_byte),
		cmocka_unit_test(test_receive__many_in_one),
		cmocka_unit_test(test_receive__large_data),
		cmocka_unit_test(test_receive__header_digest_error),
		cmocka_unit_test(test_receive__data_digest_error),
		cmocka_unit_test(test_receive__too_long_in_login),
		cmocka_unit_test(test_receive__too_long_in_full_feature_phase),
		cmocka_unit_test(test_receive__iscsi_gives_up),
		cmocka_unit_test(test_receive__enable_in_the_middle),
		cmocka_unit_test(test_receive__closed_by_the_peer),
	};

	return cmocka_run_group_tests(tests, bed_set_up, bed_tear_down);
}
