/* SPDX-License-Identifier: BSD-2-Clause */
/* transport/iser/fetch.c: getting data by RDMA Read. */
#include "test_transport_iser_bed.h"

enum { DEPTH = 4 };

static int connect_full(void **state)
{
	bed_set_up(state);
	bed_connect(*state);
	bed_enable(*state);
	return 0;
}

static void get(struct bed *bed, struct transport_task *task, uint32_t offset, uint32_t length)
{
	task->get_offset = offset;
	task->get_length = length;
	transport_get_data(bed->conn, task);
}

static void check_data(struct bed *bed, uint32_t offset, uint32_t remote, uint32_t length)
{
	uint8_t *data = malloc(length);

	extents_copy_out(&bed->data, offset, data, length);
	assert_memory_equal(data, bed->remote + remote, length);
	free(data);
}

static void test_get__all_of_it(void **state)
{
	struct bed *bed = *state;
	struct transport_task task;

	bed_begin(bed, &task, 1, BED_VA + 1000, 0);
	get(bed, &task, 0, (1 << 20) + 81920);
	bed_run_device(bed);
	bed_expect(bed, "get_done 1 0\n");
	check_data(bed, 0, 1000, (1 << 20) + 81920);
}

/* The offer stands for what is behind the unsolicited data. */
static void test_get__behind_immediate_data(void **state)
{
	struct bed *bed = *state;
	struct transport_task task;

	bed_begin(bed, &task, 1, BED_VA + 8192, 0);
	get(bed, &task, 8192, 65536);
	bed_run_device(bed);
	bed_expect(bed, "get_done 1 0\n");
	check_data(bed, 8192, 8192, 65536);
	/* and a second get of the same command goes on from there */
	get(bed, &task, 73728, 4096);
	bed_run_device(bed);
	bed_expect(bed, "get_done 1 0\n");
	check_data(bed, 73728, 73728, 4096);
}

static void test_get__nothing(void **state)
{
	struct bed *bed = *state;
	struct transport_task task;

	bed_begin(bed, &task, 1, BED_VA, 0);
	get(bed, &task, 0, 0);
	bed_expect(bed, "");
	bed_run(bed);
	bed_expect(bed, "get_done 1 0\n");
}

static void test_get__nothing_was_offered(void **state)
{
	struct bed *bed = *state;
	struct transport_task task;

	bed_begin(bed, &task, 1, 0, BED_VA);
	get(bed, &task, 0, 512);
	bed_run(bed);
	bed_expect(bed, "get_done 1 -71\n");
}

static void test_get__waits_for_depth_in_order(void **state)
{
	struct bed *bed = *state;
	struct transport_task task[10];

	for (unsigned i = 0; i < 10; i++) {
		bed_begin(bed, &task[i], i, BED_VA, 0);
		get(bed, &task[i], 0, 4096);
	}
	bed_run(bed);
	assert_int_equal(fake_reads(bed->peer), DEPTH);
	fake_run(bed->peer, 1);
	bed_run(bed);
	bed_expect(bed, "get_done 0 0\n");
	assert_int_equal(fake_reads(bed->peer), DEPTH);
	bed_run_device(bed);
	bed_expect(bed, "get_done 1 0\nget_done 2 0\nget_done 3 0\nget_done 4 0\nget_done 5 0\n"
			"get_done 6 0\nget_done 7 0\nget_done 8 0\nget_done 9 0\n");
}

/* One large get takes as many Reads as the device's entries make of it. */
static void test_get__many_reads(void **state)
{
	struct bed *bed = bed_prepare();
	struct transport_task task;

	*state = bed;
	fake_knobs()->max_sge_rd = 1;
	bed_open(bed);
	bed_connect(bed);
	bed_enable(bed);
	bed_begin(bed, &task, 1, BED_VA, 0);
	get(bed, &task, 4000, (1 << 20) + 70000);
	bed_run_device(bed);
	bed_expect(bed, "get_done 1 0\n");
	check_data(bed, 4000, 0, (1 << 20) + 70000);
}

/* SENDs do not wait for the gets that wait. */
static void test_get__puts_pass(void **state)
{
	struct bed *bed = *state;
	struct transport_task task[6], put;

	for (unsigned i = 0; i < 6; i++) {
		bed_begin(bed, &task[i], i, BED_VA, 0);
		get(bed, &task[i], 0, 4096);
	}
	bed_begin(bed, &put, 77, 0, 0);
	bed_run(bed);
	transport_put_data(bed->conn, &put);
	bed_run(bed);
	assert_int_equal(fake_sends(bed->peer), DEPTH + 1);
	bed_run_device(bed);
	bed->log_len = 0;
}

/* --- ending early --- */

static void test_end__before_it_is_posted(void **state)
{
	struct bed *bed = *state;
	struct transport_task task;

	bed_begin(bed, &task, 1, BED_VA, 0);
	get(bed, &task, 0, 4096);
	bed->conn->ops->task_end(bed->conn, &task);
	bed_expect(bed, "");
	bed_run(bed);
	bed_expect(bed, "get_done 1 -125\n");
	assert_int_equal(fake_sends(bed->peer), 0);
}

/* Its memory is being written: it ends when that has ended. */
static void test_end__with_reads_outstanding(void **state)
{
	struct bed *bed = bed_prepare();
	struct transport_task task;

	*state = bed;
	fake_knobs()->max_sge_rd = 1;
	bed_open(bed);
	bed_connect(bed);
	bed_enable(bed);
	bed_begin(bed, &task, 1, BED_VA, 0);
	get(bed, &task, 0, (1 << 20) + 81920);
	bed_run(bed);
	bed->conn->ops->task_end(bed->conn, &task);
	bed->conn->ops->task_end(bed->conn, &task);
	bed_run(bed);
	bed_expect(bed, "");
	bed_run_device(bed);
	bed_expect(bed, "get_done 1 -125\n");
}

static void test_end__without_a_get(void **state)
{
	struct bed *bed = *state;
	struct transport_task task;

	bed_begin(bed, &task, 1, BED_VA, 0);
	bed->conn->ops->task_end(bed->conn, &task);
	bed_run(bed);
	bed_expect(bed, "");
}

static void test_end__others_go_on(void **state)
{
	struct bed *bed = *state;
	struct transport_task task[6];

	for (unsigned i = 0; i < 6; i++) {
		bed_begin(bed, &task[i], i, BED_VA, 0);
		get(bed, &task[i], 0, 4096);
	}
	bed_run(bed);
	bed->conn->ops->task_end(bed->conn, &task[0]);
	bed->conn->ops->task_end(bed->conn, &task[5]);
	bed_run_device(bed);
	bed_expect(bed, "get_done 5 -125\nget_done 0 -125\nget_done 1 0\nget_done 2 0\n"
			"get_done 3 0\nget_done 4 0\n");
}

static void test_fail__bad_tag_of_the_peer(void **state)
{
	struct bed *bed = *state;
	struct transport_task task[2];

	bed_begin(bed, &task[0], 0, BED_VA + BED_REMOTE, 0);
	bed_begin(bed, &task[1], 1, BED_VA, 0);
	get(bed, &task[0], 0, 4096);
	get(bed, &task[1], 0, 4096);
	bed_run(bed);
	fake_run(bed->peer, 1);
	bed_run(bed);
	bed_expect(bed, "get_done 0 -121\nget_done 1 -121\nterminated reset -121\n");
}

static void get_again(struct bed *bed, struct transport_task *task)
{
	if (task->get_offset < 40960 && bed->conn != NULL)
		get(bed, task, task->get_offset + 4096, 4096);
}

static void test_get__from_inside_get_done(void **state)
{
	struct bed *bed = *state;
	struct transport_task task;

	bed_begin(bed, &task, 1, BED_VA, 0);
	bed->on_done = get_again;
	get(bed, &task, 0, 4096);
	bed_run_device(bed);
	assert_int_equal(bed->log_len, 11 * strlen("get_done 1 0\n"));
	check_data(bed, 0, 0, 45056);
	bed->log_len = 0;
}

/* What an RDMA Read brings is written by the peer there, to one place at a time. */
static void test_get__iwarp(void **state)
{
	struct bed *bed = bed_prepare();
	struct transport_task task;

	*state = bed;
	fake_knobs()->is_iwarp = true;
	bed_open(bed);
	bed_connect(bed);
	bed_enable(bed);
	bed_begin(bed, &task, 3, BED_VA, 0);
	task.get_length = (1 << 20) + 20000;
	transport_get_data(bed->conn, &task);
	bed_run(bed);
	assert_true(fake_reads(bed->peer) > 1);
	bed_run_device(bed);
	bed_expect(bed, "get_done 3 0\n");
	assert_memory_equal(bed->data.extent[0].data, bed->remote, 1 << 20);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, connect_full, bed_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_get__all_of_it),
		TEST(test_get__behind_immediate_data),
		TEST(test_get__nothing),
		TEST(test_get__nothing_was_offered),
		TEST(test_get__waits_for_depth_in_order),
		cmocka_unit_test_teardown(test_get__many_reads, bed_tear_down),
		cmocka_unit_test_teardown(test_get__iwarp, bed_tear_down),
		TEST(test_get__puts_pass),
		TEST(test_end__before_it_is_posted),
		cmocka_unit_test_teardown(test_end__with_reads_outstanding, bed_tear_down),
		TEST(test_end__without_a_get),
		TEST(test_end__others_go_on),
		TEST(test_fail__bad_tag_of_the_peer),
		TEST(test_get__from_inside_get_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
