/* SPDX-License-Identifier: BSD-2-Clause */
/* R2T and Data-Out: sequences, violations, ending early. RFC 7143 sections 11.7 and 11.8. */
#include <errno.h>

#include "test_transport_bed.h"

struct r2t {
	uint32_t itt, ttt, sn, offset, length;
};

static bool take_r2t(struct bed *bed, struct r2t *r2t)
{
	struct pdu pdu;

	if (!take_pdu(bed, &pdu))
		return false;
	assert_int_equal(pdu.header[0], 0x31);
	assert_int_equal(pdu.header[1], 0x80);
	assert_int_equal(pdu.data_len, 0);
	assert_int_equal(get32(pdu.header + 8), 0x00010000);
	assert_int_equal(get32(pdu.header + 12), 0);
	/* the next StatSN, not used up, and the window */
	assert_int_equal(get32(pdu.header + 24), bed->numbers.stat_sn);
	assert_int_equal(get32(pdu.header + 28), bed->window.exp_cmd_sn);
	assert_int_equal(get32(pdu.header + 32), bed->window.max_cmd_sn);
	r2t->itt = get32(pdu.header + 16);
	r2t->ttt = get32(pdu.header + 20);
	r2t->sn = get32(pdu.header + 36);
	r2t->offset = get32(pdu.header + 40);
	r2t->length = get32(pdu.header + 44);
	assert_int_not_equal(r2t->ttt, NONE);
	assert_int_not_equal(r2t->length, 0);
	return true;
}

static uint8_t pattern[BED_DATA];

static void fill_pattern(void)
{
	for (uint32_t i = 0; i < BED_DATA; i++)
		pattern[i] = (uint8_t)(i * 40503u >> 5);
}

static void begin(struct bed *bed, struct transport_task *task, uint32_t offset, uint32_t length)
{
	memset(bed->data, 0xee, BED_DATA);
	task_init(bed, task, 42);
	task->get_offset = offset;
	task->get_length = length;
	transport_get_data(bed->conn, task);
	bed_run(bed);
}

/* Answers R2T with segments of at most SEGMENT bytes. */
static void answer(struct bed *bed, struct bytes *bytes, const struct r2t *r2t, uint32_t segment)
{
	uint32_t data_sn = 0;

	for (uint32_t at = 0; at < r2t->length; at += segment) {
		uint32_t len = r2t->length - at < segment ? r2t->length - at : segment;

		add_data_out(bed, bytes, r2t->itt, r2t->ttt, data_sn++, r2t->offset + at,
			     pattern + r2t->offset + at, len, at + len == r2t->length);
	}
}

static void test_get__one_r2t_at_a_time(void **state)
{
	struct bed *bed = *state;
	static const uint32_t segments[] = { 700, 8192, 70000, 262144 };

	for (unsigned s = 0; s < 8; s++) {
		struct transport_task task;
		struct r2t r2t;

		bed_default_keys(bed);
		bed->keys.max_burst = 100000;
		bed->keys.header_digest = s & 1;
		bed->keys.data_digest = s & 1;
		bed_connect(bed, false);
		begin(bed, &task, 5000, 250001);
		for (uint32_t i = 0; i < 3; i++) {
			struct bytes bytes = { 0 };

			assert_true(take_r2t(bed, &r2t));
			assert_int_equal(r2t.itt, 42);
			assert_int_equal(r2t.sn, i);
			assert_int_equal(r2t.offset, 5000 + i * 100000);
			assert_int_equal(r2t.length, i < 2 ? 100000 : 50001);
			assert_int_equal(loop_available(bed->loop), 0);
			bed_expect(bed, "");
			answer(bed, &bytes, &r2t, segments[s / 2]);
			feed(bed, &bytes);
		}
		bed_expect(bed, "get_done 42 0\n");
		assert_memory_equal(bed->data + 5000, pattern + 5000, 250001);
		assert_int_equal(bed->data[4999], 0xee);
		assert_int_equal(bed->data[255001], 0xee);
		bed_disconnect(bed);
	}
}

/* R2TSN counts for the task, over several gets. */
static void test_get__r2tsn_runs_on(void **state)
{
	struct bed *bed = *state;
	struct transport_task task;
	struct bytes bytes = { 0 };
	struct r2t r2t;

	bed_default_keys(bed);
	bed_connect(bed, false);
	begin(bed, &task, 0, 1000);
	assert_true(take_r2t(bed, &r2t));
	assert_int_equal(r2t.sn, 0);
	answer(bed, &bytes, &r2t, 1000);
	feed(bed, &bytes);
	task.get_offset = 1000;
	task.get_length = 500;
	transport_get_data(bed->conn, &task);
	bed_run(bed);
	assert_true(take_r2t(bed, &r2t));
	assert_int_equal(r2t.sn, 1);
	assert_int_equal(r2t.offset, 1000);
	answer(bed, &bytes, &r2t, 500);
	feed(bed, &bytes);
	bed_expect(bed, "get_done 42 0\nget_done 42 0\n");
	bed_disconnect(bed);
}

static void test_get__four_outstanding(void **state)
{
	struct bed *bed = *state;
	struct transport_task task;
	struct bytes bytes = { 0 };
	struct r2t r2t[10];

	bed_default_keys(bed);
	bed->keys.max_burst = 1024;
	bed->keys.max_outstanding_r2t = 4;
	bed_connect(bed, false);
	begin(bed, &task, 0, 10000);
	for (unsigned i = 0; i < 4; i++)
		assert_true(take_r2t(bed, &r2t[i]));
	assert_int_equal(loop_available(bed->loop), 0);
	for (unsigned i = 0; i < 4; i++)
		for (unsigned j = 0; j < i; j++)
			assert_int_not_equal(r2t[i].ttt, r2t[j].ttt);
	/* Each sequence that has come makes room for one more. */
	for (unsigned i = 0; i < 10; i++) {
		answer(bed, &bytes, &r2t[i], 600);
		feed(bed, &bytes);
		if (i + 4 < 10) {
			assert_true(take_r2t(bed, &r2t[i + 4]));
			assert_int_equal(r2t[i + 4].sn, i + 4);
			assert_int_equal(r2t[i + 4].offset, (i + 4) * 1024);
		}
		assert_int_equal(loop_available(bed->loop), 0);
	}
	bed_expect(bed, "get_done 42 0\n");
	assert_memory_equal(bed->data, pattern, 10000);
	bed_disconnect(bed);
}

/* More gets than there are slots: the rest wait in line. */
static void test_get__more_than_slots(void **state)
{
	enum { TASKS = 300 };
	struct bed *bed = *state;
	struct transport_task *task = calloc(TASKS, sizeof(*task));
	unsigned answered = 0;
	struct r2t r2t;

	bed_default_keys(bed);
	bed_connect(bed, false);
	for (uint32_t i = 0; i < TASKS; i++) {
		task_init(bed, &task[i], i);
		task[i].get_offset = i * 512;
		task[i].get_length = 512;
		transport_get_data(bed->conn, &task[i]);
	}
	bed_run(bed);
	assert_int_equal(loop_available(bed->loop), 256 * 48);
	while (take_r2t(bed, &r2t)) {
		struct bytes bytes = { 0 };

		assert_int_equal(r2t.itt, answered);
		answer(bed, &bytes, &r2t, 512);
		feed(bed, &bytes);
		answered++;
	}
	assert_int_equal(answered, TASKS);
	assert_memory_equal(bed->data, pattern, TASKS * 512);
	bed_disconnect(bed);
	free(task);
}

static void test_get__data_in_any_pieces(void **state)
{
	struct bed *bed = *state;

	for (size_t piece = 1; piece < 9000; piece += piece < 64 ? 1 : 313) {
		struct transport_task task;
		struct bytes bytes = { 0 };
		struct r2t r2t;

		bed_default_keys(bed);
		bed->keys.data_digest = piece & 1;
		bed->keys.header_digest = piece & 2;
		bed_connect(bed, false);
		loop_set_pieces(bed->loop, piece, 0);
		begin(bed, &task, 4000, 9001);
		assert_true(take_r2t(bed, &r2t));
		answer(bed, &bytes, &r2t, 6000);
		feed(bed, &bytes);
		bed_expect(bed, "get_done 42 0\n");
		assert_memory_equal(bed->data + 4000, pattern + 4000, 9001);
		bed_disconnect(bed);
	}
}

/* --- violations --- */

struct wrong {
	const char *name;
	uint32_t itt, ttt_xor, data_sn, offset, length;
	bool final;
	bool ends_get;
};

static void test_violation__each(void **state)
{
	static const struct wrong wrongs[] = {
		{ "ttt", 42, 0x100, 0, 0, 1000, false, false },
		{ "ttt", 42, 0x80000000, 0, 0, 1000, false, false },
		{ "ttt", 42, 0xfe, 0, 0, 1000, false, false },
		{ "ttt", 43, 0, 0, 0, 1000, false, false },
		{ "data_sn", 42, 0, 1, 0, 1000, false, true },
		{ "offset", 42, 0, 0, 4, 1000, false, true },
		{ "offset", 42, 0, 0, 0xfffffff0, 1000, false, true },
		{ "length", 42, 0, 0, 0, 10001, true, true },
		{ "length", 42, 0, 0, 0, 10001, false, true },
		{ "length", 42, 0, 0, 0, 1000, true, true },
		{ "length", 42, 0, 0, 0, 10000, false, true },
	};
	struct bed *bed = *state;

	for (unsigned i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		const struct wrong *wrong = &wrongs[i];
		struct transport_task task;
		struct bytes bytes = { 0 };
		struct r2t r2t;
		char expected[128];

		bed_default_keys(bed);
		bed->keys.data_digest = i & 1;
		bed_connect(bed, false);
		begin(bed, &task, 0, 10000);
		assert_true(take_r2t(bed, &r2t));
		add_data_out(bed, &bytes, wrong->itt, r2t.ttt ^ wrong->ttt_xor, wrong->data_sn,
			     wrong->offset, pattern, wrong->length, wrong->final);
		feed(bed, &bytes);
		snprintf(expected, sizeof(expected), "violation %s opcode 05 task %d\n%s",
			 wrong->name, wrong->ends_get ? 42 : -1,
			 wrong->ends_get ? "get_done 42 -71\n" : "");
		bed_expect(bed, expected);
		for (unsigned at = 0; at < 12000; at++)
			assert_int_equal(bed->data[at], 0xee);
		/* What the initiator had sent meanwhile: dropped, or right. */
		answer(bed, &bytes, &r2t, 5000);
		feed(bed, &bytes);
		bed_expect(bed, wrong->ends_get ? "" : "get_done 42 0\n");
		/* After its F bit the tag is nobody's. */
		answer(bed, &bytes, &r2t, 10000);
		feed(bed, &bytes);
		bed_expect(bed, "violation ttt opcode 05 task -1\n");
		bed_disconnect(bed);
	}
}

static void test_violation__lun(void **state)
{
	struct bed *bed = *state;
	struct transport_task task;
	struct bytes bytes = { 0 };
	struct r2t r2t;

	bed_default_keys(bed);
	bed_connect(bed, false);
	begin(bed, &task, 0, 1000);
	assert_true(take_r2t(bed, &r2t));
	answer(bed, &bytes, &r2t, 1000);
	bytes.at[9] = 2;
	feed(bed, &bytes);
	bed_expect(bed, "violation ttt opcode 05 task -1\n");
	bed_disconnect(bed);
}

static void test_violation__data_sn_repeated(void **state)
{
	struct bed *bed = *state;
	struct transport_task task;
	struct bytes bytes = { 0 };
	struct r2t r2t;

	bed_default_keys(bed);
	bed_connect(bed, false);
	begin(bed, &task, 0, 1000);
	assert_true(take_r2t(bed, &r2t));
	add_data_out(bed, &bytes, 42, r2t.ttt, 0, 0, pattern, 400, false);
	add_data_out(bed, &bytes, 42, r2t.ttt, 0, 400, pattern, 600, true);
	feed(bed, &bytes);
	bed_expect(bed, "violation data_sn opcode 05 task 42\nget_done 42 -71\n");
	bed_disconnect(bed);
}

static void test_violation__unknown_tag_without_any_get(void **state)
{
	struct bed *bed = *state;
	struct bytes bytes = { 0 };

	bed_default_keys(bed);
	bed_connect(bed, false);
	add_data_out(bed, &bytes, 1, 0, 0, 0, pattern, 100000, true);
	add_data_out(bed, &bytes, 1, 0xfffffffe, 0, 0, pattern, 1, true);
	feed(bed, &bytes);
	bed_expect(bed, "violation ttt opcode 05 task -1\nviolation ttt opcode 05 task -1\n");
	bed_disconnect(bed);
}

/* RFC 7143 section 7.8: the task fails when all that was solicited has come. */
static void test_digest_error__waits_for_the_rest(void **state)
{
	struct bed *bed = *state;
	struct transport_task task;
	struct bytes bytes = { 0 };
	struct r2t r2t[2];

	bed_default_keys(bed);
	bed->keys.data_digest = true;
	bed->keys.max_burst = 10000;
	bed->keys.max_outstanding_r2t = 2;
	bed_connect(bed, false);
	begin(bed, &task, 0, 40000);
	assert_true(take_r2t(bed, &r2t[0]));
	assert_true(take_r2t(bed, &r2t[1]));
	add_data_out(bed, &bytes, 42, r2t[0].ttt, 0, 0, pattern, 5000, false);
	bytes.at[3000] ^= 1;
	feed(bed, &bytes);
	bed_expect(bed, "violation digest opcode 05 task 42\n");
	add_data_out(bed, &bytes, 42, r2t[0].ttt, 1, 5000, pattern, 5000, true);
	feed(bed, &bytes);
	bed_expect(bed, "");
	answer(bed, &bytes, &r2t[1], 10000);
	feed(bed, &bytes);
	bed_expect(bed, "get_done 42 -74\n");
	/* Nothing more is asked for. */
	assert_int_equal(loop_available(bed->loop), 0);
	bed_disconnect(bed);
}

static void test_digest_error__in_the_last(void **state)
{
	struct bed *bed = *state;
	struct transport_task task;
	struct bytes bytes = { 0 };
	struct r2t r2t;

	bed_default_keys(bed);
	bed->keys.data_digest = true;
	bed_connect(bed, false);
	begin(bed, &task, 0, 4000);
	assert_true(take_r2t(bed, &r2t));
	answer(bed, &bytes, &r2t, 2000);
	bytes.at[bytes.len - 1] ^= 1;
	feed(bed, &bytes);
	bed_expect(bed, "violation digest opcode 05 task 42\nget_done 42 -74\n");
	bed_disconnect(bed);
}

/* --- ending early --- */

static void end_task(struct bed *bed, struct transport_task *task)
{
	bed->conn->ops->task_end(bed->conn, task);
}

static void test_task_end__before_and_between(void **state)
{
	struct bed *bed = *state;

	for (unsigned turns = 0; turns < 5; turns++) {
		struct transport_task task;
		struct bytes bytes = { 0 };
		struct r2t r2t;

		bed_default_keys(bed);
		bed_connect(bed, false);
		memset(bed->data, 0xee, BED_DATA);
		task_init(bed, &task, 42);
		task.get_offset = 0;
		task.get_length = 1000;
		transport_get_data(bed->conn, &task);
		for (unsigned i = 0; i < turns; i++)
			reactor_turn(bed->reactor, 0);
		end_task(bed, &task);
		/* Never from inside the call. */
		bed_expect(bed, "");
		end_task(bed, &task);
		bed_run(bed);
		bed_expect(bed, "get_done 42 -125\n");
		end_task(bed, &task);
		if (turns == 0) {
			assert_int_equal(loop_available(bed->loop), 0);
		} else {
			assert_true(take_r2t(bed, &r2t));
			answer(bed, &bytes, &r2t, 300);
			feed(bed, &bytes);
			assert_int_equal(bed->data[0], 0xee);
		}
		bed_expect(bed, "");
		bed_disconnect(bed);
	}
}

/* Its slots may have had many others since. */
static void test_task_end__slots_taken_anew(void **state)
{
	enum { GIVEN_UP = 2, TASKS = 100 };
	struct bed *bed = *state;
	struct transport_task tasks[GIVEN_UP + TASKS];
	struct r2t r2ts[GIVEN_UP], r2t;
	struct bytes bytes;

	bed_default_keys(bed);
	bed_connect(bed, false);
	for (unsigned i = 0; i < GIVEN_UP + TASKS; i++) {
		task_init(bed, &tasks[i], i);
		tasks[i].get_offset = i * 512;
		tasks[i].get_length = 512;
		transport_get_data(bed->conn, &tasks[i]);
		bed_run(bed);
		if (i < GIVEN_UP) {
			assert_true(take_r2t(bed, &r2ts[i]));
			end_task(bed, &tasks[i]);
			bed_run(bed);
		}
	}
	bed_expect(bed, "get_done 0 -125\nget_done 1 -125\n");
	/* The initiator sent it before it knew. */
	memset(bed->data, 0xee, BED_DATA);
	for (unsigned i = 0; i < GIVEN_UP; i++) {
		memset(&bytes, 0, sizeof(bytes));
		answer(bed, &bytes, &r2ts[i], 300);
		feed(bed, &bytes);
	}
	bed_expect(bed, "");
	assert_int_equal(bed->data[0], 0xee);
	/* Once more it is a mistake. */
	memset(&bytes, 0, sizeof(bytes));
	answer(bed, &bytes, &r2ts[0], 512);
	feed(bed, &bytes);
	bed_expect(bed, "violation ttt opcode 05 task -1\n");
	while (take_r2t(bed, &r2t)) {
		memset(&bytes, 0, sizeof(bytes));
		answer(bed, &bytes, &r2t, 512);
		feed(bed, &bytes);
	}
	assert_memory_equal(bed->data + GIVEN_UP * 512, pattern + GIVEN_UP * 512, TASKS * 512);
	bed_disconnect(bed);
}

/* While its memory is being written: it is left alone first. */
static void test_task_end__while_data_lands(void **state)
{
	struct bed *bed = *state;

	for (size_t cut = 49; cut < 20000; cut += 641) {
		struct transport_task task;
		struct bytes bytes = { 0 };
		struct r2t r2t;
		uint8_t nop[48] = { 0x40 };

		bed_default_keys(bed);
		bed->keys.data_digest = cut & 1;
		bed_connect(bed, false);
		begin(bed, &task, 0, 20000);
		assert_true(take_r2t(bed, &r2t));
		answer(bed, &bytes, &r2t, 20000);
		add_pdu(bed, &bytes, nop, NULL, 0, "ping", 4);
		loop_feed(bed->loop, bytes.at, cut);
		bed_run(bed);
		end_task(bed, &task);
		bed_expect(bed, "");
		bed_run(bed);
		bed_expect(bed, "get_done 42 -125\n");
		/* The memory is another's now. */
		memset(bed->data, 0xdd, BED_DATA);
		loop_feed(bed->loop, bytes.at + cut, bytes.len - cut);
		bed_run(bed);
		for (unsigned at = 0; at < 20000; at++)
			assert_int_equal(bed->data[at], 0xdd);
		assert_non_null(strstr(bed->log, "len 4\npdu 00"));
		assert_null(strstr(bed->log, "violation"));
		bytes_free(&bytes);
		bed_disconnect(bed);
	}
}

static void end_in_violation(struct bed *bed, struct transport_task *task)
{
	if (task)
		end_task(bed, task);
	else
		end_task(bed, bed->task);
}

static void test_task_end__in_violation(void **state)
{
	struct bed *bed = *state;

	for (unsigned kind = 0; kind < 3; kind++) {
		struct transport_task task;
		struct bytes bytes = { 0 };
		struct r2t r2t;

		bed_default_keys(bed);
		bed->keys.data_digest = true;
		bed_connect(bed, false);
		bed->on_violation = end_in_violation;
		bed->task = &task;
		begin(bed, &task, 0, 5000);
		assert_true(take_r2t(bed, &r2t));
		if (kind == 0)
			add_data_out(bed, &bytes, 42, r2t.ttt, 7, 0, pattern, 5000, true);
		else if (kind == 1)
			add_data_out(bed, &bytes, 42, r2t.ttt + 1, 0, 0, pattern, 5000, true);
		else
			add_data_out(bed, &bytes, 42, r2t.ttt, 0, 0, pattern, 5000, true);
		if (kind == 2)
			bytes.at[100] ^= 1;
		feed(bed, &bytes);
		assert_non_null(strstr(bed->log, "\nget_done 42 -125\n"));
		assert_null(strstr(strstr(bed->log, "get_done") + 1, "get_done"));
		bed_disconnect(bed);
	}
}

static void test_end__with_data_landing(void **state)
{
	struct bed *bed = *state;

	for (unsigned how = 0; how < 3; how++) {
		struct transport_task task;
		struct bytes bytes = { 0 };
		struct r2t r2t;

		bed_default_keys(bed);
		bed_connect(bed, false);
		begin(bed, &task, 0, 20000);
		assert_true(take_r2t(bed, &r2t));
		answer(bed, &bytes, &r2t, 20000);
		loop_feed(bed->loop, bytes.at, 9000);
		bed_run(bed);
		if (how == 0)
			transport_terminate(bed->conn, false);
		else if (how == 1)
			loop_close(bed->loop);
		else
			end_task(bed, &task), transport_terminate(bed->conn, false);
		bed_run(bed);
		bed_expect(bed, how == 0 ? "get_done 42 -103\nterminated terminated 0\n" :
				how == 1 ? "get_done 42 -103\nterminated closed 0\n" :
					   "get_done 42 -125\nterminated terminated 0\n");
		bytes_free(&bytes);
		bed_disconnect(bed);
	}
}

static void test_get__of_nothing(void **state)
{
	struct bed *bed = *state;
	struct transport_task task;

	bed_default_keys(bed);
	bed_connect(bed, false);
	begin(bed, &task, 100, 0);
	bed_expect(bed, "get_done 42 0\n");
	assert_int_equal(loop_available(bed->loop), 0);
	bed_disconnect(bed);
}

/* A status that is numbered, but in line behind the R2T, is not to be missed yet. */
static void test_get__r2t_before_a_status(void **state)
{
	struct bed *bed = *state;
	struct transport_task get, put;
	struct pdu pdu;

	bed_default_keys(bed);
	bed_connect(bed, false);
	task_init(bed, &get, 42);
	get.get_offset = 0;
	get.get_length = 512;
	transport_get_data(bed->conn, &get);
	task_init(bed, &put, 43);
	set32(put.response.raw + 24, bed->numbers.stat_sn++);
	transport_put_data(bed->conn, &put);
	bed_run(bed);
	assert_true(take_pdu(bed, &pdu));
	assert_int_equal(pdu.header[0], 0x31);
	assert_int_equal(get32(pdu.header + 24), 100);
	assert_true(take_pdu(bed, &pdu));
	assert_int_equal(pdu.header[0], 0x21);
	assert_int_equal(get32(pdu.header + 24), 100);
	bed_forget(bed);
	bed->conn->ops->task_end(bed->conn, &get);
	bed_run(bed);
	task_init(bed, &get, 45);
	get.get_offset = 0;
	get.get_length = 512;
	transport_get_data(bed->conn, &get);
	bed_run(bed);
	assert_true(take_pdu(bed, &pdu));
	assert_int_equal(pdu.header[0], 0x31);
	assert_int_equal(get32(pdu.header + 24), 101);
	bed_disconnect(bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get__one_r2t_at_a_time),
		cmocka_unit_test(test_get__r2tsn_runs_on),
		cmocka_unit_test(test_get__four_outstanding),
		cmocka_unit_test(test_get__more_than_slots),
		cmocka_unit_test(test_get__data_in_any_pieces),
		cmocka_unit_test(test_get__of_nothing),
		cmocka_unit_test(test_get__r2t_before_a_status),
		cmocka_unit_test(test_violation__each),
		cmocka_unit_test(test_violation__lun),
		cmocka_unit_test(test_violation__data_sn_repeated),
		cmocka_unit_test(test_violation__unknown_tag_without_any_get),
		cmocka_unit_test(test_digest_error__waits_for_the_rest),
		cmocka_unit_test(test_digest_error__in_the_last),
		cmocka_unit_test(test_task_end__before_and_between),
		cmocka_unit_test(test_task_end__slots_taken_anew),
		cmocka_unit_test(test_task_end__while_data_lands),
		cmocka_unit_test(test_task_end__in_violation),
		cmocka_unit_test(test_end__with_data_landing),
	};

	fill_pattern();
	return cmocka_run_group_tests(tests, bed_set_up, bed_tear_down);
}
