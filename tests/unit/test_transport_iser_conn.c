/* SPDX-License-Identifier: BSD-2-Clause */
/* transport/iser/conn.c and listen.c: from the request to the end of a connection. */
#include <sys/utsname.h>

#include "test_transport_iser_bed.h"

static void send_control(struct bed *bed, struct transport_pdu *pdu, const char *data);

/* --- accepting --- */

static void test_accept__answers_the_private_data(void **state)
{
	static const struct {
		uint8_t asks, length;
		bool device;
		uint8_t says;
	} cases[] = {
		{ 0x80, 4, true, 0x80 },	/* ib_iser */
		{ 0xc0, 4, true, 0xc0 },	/* libiscsi */
		{ 0x80, 56, true, 0x80 },	/* padded by the connection manager */
		{ 0x80, 4, false, 0xc0 },	/* a device that cannot */
		{ 0, 0, true, 0xc0 },		/* nothing said: not asked for */
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bed *bed = bed_prepare();
		uint8_t data[56] = { cases[i].asks };
		void *bed_state = bed;

		fake_knobs()->invalidates = cases[i].device;
		bed_open(bed);
		bed->peer = fake_connect(data, cases[i].length, 1, 4);
		bed_run(bed);
		assert_true(fake_is_accepted(bed->peer));
		assert_int_equal(fake_accepted(bed->peer)->private_data_len, 4);
		assert_int_equal(fake_accepted_data(bed->peer)[0], cases[i].says);
		assert_int_equal(fake_accepted(bed->peer)->rnr_retry_count, 7);
		bed_tear_down(&bed_state);
	}
}

/* Soft-RoCE loses sessions by it up to Linux 6.11; the administrator has the last word. */
static void test_accept__invalidates_as_the_setting_says(void **state)
{
	enum { SOFT_ROCE = 0xffffff };
	static const struct {
		enum iser_invalidate setting;
		uint32_t vendor;
		uint8_t asks, says;
	} cases[] = {
		{ ISER_INVALIDATE_AUTO, 0x2c9, 0x80, 0x80 },
		{ ISER_INVALIDATE_OFF, 0x2c9, 0x80, 0xc0 },
		{ ISER_INVALIDATE_ON, 0x2c9, 0xc0, 0xc0 },
		{ ISER_INVALIDATE_ON, SOFT_ROCE, 0x80, 0x80 },
		{ ISER_INVALIDATE_AUTO, SOFT_ROCE, 0x80, 0xff },	/* as the kernel is */
	};
	struct utsname name;
	int major = 0, minor = 0;
	uint8_t soft;

	(void)state;
	assert_int_equal(uname(&name), 0);
	assert_int_equal(sscanf(name.release, "%d.%d", &major, &minor), 2);
	soft = major > 6 || (major == 6 && minor >= 12) ? 0x80 : 0xc0;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bed *bed = bed_prepare();
		uint8_t data[4] = { cases[i].asks };
		void *bed_state = bed;

		bed->invalidate = cases[i].setting;
		fake_knobs()->vendor_id = cases[i].vendor;
		bed_open(bed);
		bed->peer = fake_connect(data, sizeof(data), 1, 4);
		bed_run(bed);
		assert_int_equal(fake_accepted_data(bed->peer)[0],
				 cases[i].says == 0xff ? soft : cases[i].says);
		bed_tear_down(&bed_state);
	}
}

static void test_accept__depth_is_the_least_of_both(void **state)
{
	static const struct {
		uint8_t asks_depth, asks_resources;
		int device;
		uint8_t depth, resources;
	} cases[] = {
		{ 4, 0, 128, 4, 0 },	/* libiscsi */
		{ 128, 1, 128, 128, 1 },	/* ib_iser */
		{ 128, 200, 16, 16, 16 },
		{ 0, 0, 128, 1, 0 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bed *bed = bed_prepare();
		void *bed_state = bed;

		fake_knobs()->max_rd_atom = cases[i].device;
		bed_open(bed);
		bed->peer = fake_connect("\x80\0\0\0", 4, cases[i].asks_resources,
					 cases[i].asks_depth);
		bed_run(bed);
		assert_int_equal(fake_accepted(bed->peer)->initiator_depth, cases[i].depth);
		assert_int_equal(fake_accepted(bed->peer)->responder_resources,
				 cases[i].resources);
		bed_tear_down(&bed_state);
	}
}

static void test_accept__on_the_reactor_that_place_names(void **state)
{
	struct bed *bed = *state;

	bed_connect(bed);
	assert_ptr_equal(bed->conn->reactor, bed->reactors[1]);
	assert_string_equal(bed->conn->peer, "192.0.2.1:40000");
	assert_string_equal(bed->conn->local, "192.0.2.9:3260");
	assert_string_equal(bed->listener->address, "192.0.2.9:3260");
	assert_int_equal(bed->placed_node, -1);
	assert_string_equal(bed->conn->limits.name, "iser");
	assert_false(bed->conn->limits.digests);
	assert_true(bed->conn->limits.rdma_extensions);
	assert_int_equal(bed->conn->limits.window_max, BED_WINDOW);
	assert_int_equal(bed->conn->limits.control_data_max, 128);
}

/* Each reactor's completions interrupt by a vector of their own. */
static void test_accept__completion_vectors_are_spread(void **state)
{
	struct bed *bed = *state;
	struct fake_peer *peers[BED_CORES];

	for (bed->place = 0; bed->place < BED_CORES; bed->place++) {
		bed_connect(bed);
		peers[bed->place] = bed->peer;
	}
	assert_int_equal(fake_vectors(), (1u << BED_CORES) - 1);
	for (unsigned i = 0; i < BED_CORES; i++) {
		bed->peer = peers[i];
		bed_disconnect(bed);
	}
	bed->log_len = 0;
}

/* More at once than are looked at in one turn: none is forgotten. */
static void test_accept__many_at_once(void **state)
{
	enum { COUNT = 100 };
	struct bed *bed = *state;
	struct fake_peer *peers[COUNT];

	for (unsigned i = 0; i < COUNT; i++)
		peers[i] = fake_connect("\x80\0\0\0", 4, 1, 4);
	bed_run(bed);
	for (unsigned i = 0; i < COUNT; i++)
		assert_true(fake_is_accepted(peers[i]));
	for (unsigned i = 0; i < COUNT; i++)
		fake_event(peers[i], RDMA_CM_EVENT_DISCONNECTED, 0);
	bed_run(bed);
	for (unsigned i = 0; i < COUNT; i++) {
		bed->peer = peers[i];
		bed_disconnect(bed);
	}
	assert_int_equal(bed->lost, COUNT);
}

static void test_accept__no_place_is_rejected(void **state)
{
	struct bed *bed = *state;

	bed->place = BED_CORES;
	bed->peer = fake_connect("\x80\0\0\0", 4, 1, 4);
	bed_run(bed);
	assert_true(fake_is_rejected(bed->peer));
	assert_true(fake_is_gone(bed->peer));
	assert_int_equal(bed->lost, 0);
}

static void expect_lost(struct bed *bed)
{
	bed->peer = fake_connect("\x80\0\0\0", 4, 1, 4);
	bed_run(bed);
	assert_true(fake_is_rejected(bed->peer));
	assert_true(fake_is_gone(bed->peer));
	assert_int_equal(bed->lost, 1);
	assert_null(bed->conn);
}

static void test_accept__failures_are_told_as_lost(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct bed *bed = bed_prepare();
		void *bed_state = bed;

		fake_knobs()->fails_migrate = i == 0;
		fake_knobs()->fails_accept = i == 1;
		bed_open(bed);
		fake_knobs()->fails_create_cq = i == 2;
		expect_lost(bed);
		bed_tear_down(&bed_state);
	}
}

static void test_accept__fewer_entries_where_the_device_has_too_few(void **state)
{
	struct bed *bed = bed_prepare();

	(void)state;
	fake_knobs()->qp_sge_max = 3;
	bed_open(bed);
	bed_connect(bed);
	*state = bed;
}

static void test_accept__peer_that_never_answers_is_given_up(void **state)
{
	struct bed *bed = *state;

	bed->peer = fake_connect("\x80\0\0\0", 4, 1, 4);
	bed_run(bed);
	bed_advance(bed, 29000);
	assert_false(fake_is_gone(bed->peer));
	bed_advance(bed, 2000);
	assert_true(fake_is_gone(bed->peer));
	assert_int_equal(bed->lost, 1);
}

static void test_accept__refused_by_iscsi(void **state)
{
	struct bed *bed = *state;

	bed->connected = -ECONNABORTED;
	bed->peer = fake_connect("\x80\0\0\0", 4, 1, 4);
	bed_run(bed);
	fake_event(bed->peer, RDMA_CM_EVENT_ESTABLISHED, 0);
	bed_run(bed);
	assert_true(fake_is_gone(bed->peer));
	assert_int_equal(bed->lost, 0);
}

static void test_accept__first_message_before_the_event(void **state)
{
	struct bed *bed = *state;
	uint8_t message[BED_LOGIN];
	uint8_t bhs[48] = { 0x43, 0x87 };

	bed->peer = fake_connect("\x80\0\0\0", 4, 1, 4);
	bed_run(bed);
	fake_send(bed->peer, message, bed_message(message, 0x10, bhs, "a=b", 3));
	bed_run(bed);
	bed_expect(bed, "header 43 ahs 0 len 3\npdu \"a=b\"\n");
	fake_event(bed->peer, RDMA_CM_EVENT_ESTABLISHED, 0);
	bed_run(bed);
	bed_expect(bed, "");
}

/* --- phases --- */

static void test_login__one_receive_each_way(void **state)
{
	struct bed *bed = *state;

	bed_connect(bed);
	assert_int_equal(fake_receives(bed->peer), 1);
	for (unsigned i = 0; i < 3; i++) {
		uint8_t message[BED_LOGIN];
		uint8_t bhs[48] = { 0x43, 0x87 };

		fake_send(bed->peer, message, bed_message(message, 0x10, bhs, "a=b", 3));
		bed_run(bed);
		assert_int_equal(fake_receives(bed->peer), 1);
	}
}

static void test_enable__posts_before_the_answer(void **state)
{
	struct bed *bed = *state;
	struct transport_pdu pdu = { .data = NULL };

	bed_connect(bed);
	send_control(bed, &pdu, "login answer");
	assert_int_equal(bed->conn->ops->enable(bed->conn, &bed->keys), 0);
	/* before anything was sent */
	assert_int_equal(fake_sends(bed->peer), 0);
	assert_true(fake_receives(bed->peer) > BED_WINDOW + 16);
	bed_run(bed);
	assert_int_equal(fake_sends(bed->peer), 1);
	bed_run_device(bed);
	bed_expect(bed, "sent 0\n");
}

static void test_enable__discovery_stays_plain(void **state)
{
	struct bed *bed = *state;

	bed_connect(bed);
	bed->keys.rdma_extensions = false;
	bed_enable(bed);
	assert_int_equal(fake_receives(bed->peer), 1);
	assert_int_equal(bed->conn->limits.control_data_max, 8192);
}

static void test_enable__smaller_answers_for_a_smaller_peer(void **state)
{
	struct bed *bed = *state;

	bed_connect(bed);
	bed->keys.send_data_max = 64;
	bed_enable(bed);
	assert_int_equal(bed->conn->limits.control_data_max, 64);
}

static void test_enable__no_memory(void **state)
{
	struct bed *bed = *state;
	struct extents rest;
	struct arena *arena = reactor_arena(bed->reactors[1]);
	struct arena_info info;

	bed_connect(bed);
	extents_init(&rest);
	arena_get_info(arena, &info);
	while (info.free >= 65536 && rest.count < EXTENTS_MAX) {
		if (arena_take(arena, &rest, rest.length + min_t(uint32_t, 1 << 20,
								   (uint32_t)info.free)) < 0)
			break;
		arena_get_info(arena, &info);
	}
	assert_true(info.free < 262144);
	assert_int_equal(bed->conn->ops->enable(bed->conn, &bed->keys), -ENOMEM);
	arena_give(arena, &rest);
}

/* --- the end --- */

static struct bed *sent_bed;

static void log_sent(struct transport_pdu *pdu, int err)
{
	(void)pdu;
	bed_log(sent_bed, "sent %d\n", err);
}

static void send_control(struct bed *bed, struct transport_pdu *pdu, const char *data)
{
	sent_bed = bed;
	pdu->bhs.raw[0] = 0x23;
	pdu->data = (const uint8_t *)data;
	pdu->data_length = (uint32_t)strlen(data);
	pdu->sent = log_sent;
	transport_send_control(bed->conn, pdu);
}

static void test_end__peer_disconnects(void **state)
{
	struct bed *bed = *state;

	bed_connect(bed);
	bed_enable(bed);
	fake_event(bed->peer, RDMA_CM_EVENT_DISCONNECTED, 0);
	bed_run(bed);
	bed_expect(bed, "terminated closed 0\n");
	assert_true(fake_is_gone(bed->peer));
}

static void test_end__everything_completes_first(void **state)
{
	struct bed *bed = *state;
	struct transport_task get, put;
	struct transport_pdu pdu[2] = { { .data = NULL }, { .data = NULL } };

	bed_connect(bed);
	bed_enable(bed);
	bed_begin(bed, &get, 1, BED_VA, 0);
	bed_begin(bed, &put, 2, 0, BED_VA);
	get.get_length = 65536;
	transport_get_data(bed->conn, &get);
	put.put_length = 4096;
	transport_put_data(bed->conn, &put);
	send_control(bed, &pdu[0], "posted");
	bed_run(bed);
	send_control(bed, &pdu[1], "queued");
	fake_fail(bed->peer, IBV_WC_RETRY_EXC_ERR);
	bed_run(bed);
	bed_expect(bed, "put_done 2 -110\nsent -110\nsent -110\nget_done 1 -110\n"
			"terminated reset -110\n");
	assert_true(fake_is_gone(bed->peer));
	assert_true(fake_is_disconnected(bed->peer));
}

static void test_end__flushed_receives_are_news_enough(void **state)
{
	struct bed *bed = *state;

	bed_connect(bed);
	bed_enable(bed);
	fake_flush(bed->peer);
	bed_run(bed);
	bed_expect(bed, "terminated reset -104\n");
	assert_true(fake_is_gone(bed->peer));
}

static void test_end__terminate_at_once(void **state)
{
	struct bed *bed = *state;
	struct transport_pdu pdu = { .data = NULL };

	bed_connect(bed);
	send_control(bed, &pdu, "never arrives");
	transport_terminate(bed->conn, false);
	bed_expect(bed, "");
	bed_run(bed);
	bed_expect(bed, "sent -103\nterminated terminated 0\n");
	assert_true(fake_is_disconnected(bed->peer));
}

static void test_end__graceful_sends_and_lets_the_peer_disconnect(void **state)
{
	struct bed *bed = *state;
	struct transport_pdu pdu = { .data = NULL };
	struct fake_message message;

	bed_connect(bed);
	send_control(bed, &pdu, "goodbye");
	transport_terminate(bed->conn, true);
	bed_run(bed);
	bed_expect(bed, "");
	bed_run_device(bed);
	bed_expect(bed, "sent 0\nterminated terminated 0\n");
	assert_true(fake_take(bed->peer, &message));
	/* nothing is left but the id */
	assert_int_equal(fake_counts().qps, 0);
	assert_int_equal(fake_counts().cqs, 0);
	assert_false(fake_is_disconnected(bed->peer));
	assert_false(fake_is_gone(bed->peer));
	fake_event(bed->peer, RDMA_CM_EVENT_DISCONNECTED, 0);
	bed_run(bed);
	assert_true(fake_is_gone(bed->peer));
}

/* The peer's disconnect comes when all is said, but before the id waits for it. */
static void test_end__parting_that_comes_early(void **state)
{
	struct bed *bed = *state;
	unsigned turns;

	bed_connect(bed);
	transport_terminate(bed->conn, true);
	/* whatever the turn in which it comes */
	for (turns = 0; turns < 4; turns++) {
		struct fake_peer *peer = bed->peer;

		for (unsigned i = 0; i < turns; i++)
			reactor_turn(bed->reactors[1], 0);
		fake_event(peer, RDMA_CM_EVENT_DISCONNECTED, 0);
		bed_run(bed);
		assert_true(fake_is_gone(peer));
		bed_disconnect(bed);
		bed_connect(bed);
		transport_terminate(bed->conn, true);
	}
	bed->log_len = 0;
}

static void test_end__parting_is_bounded(void **state)
{
	struct bed *bed = *state;

	bed_connect(bed);
	transport_terminate(bed->conn, true);
	bed_run(bed);
	bed_advance(bed, 299000);
	assert_false(fake_is_gone(bed->peer));
	bed_advance(bed, 2000);
	assert_true(fake_is_gone(bed->peer));
	assert_true(fake_is_disconnected(bed->peer));
	bed_expect(bed, "terminated terminated 0\n");
}

static void test_end__parting_ends_with_the_listener(void **state)
{
	struct bed *bed = *state;

	bed_connect(bed);
	transport_terminate(bed->conn, true);
	bed_run(bed);
	bed->listener->ops->close(bed->listener);
	bed->listener = NULL;
	bed_run(bed);
	assert_true(fake_is_gone(bed->peer));
}

static void test_end__parting_device_removed(void **state)
{
	struct bed *bed = *state;

	bed_connect(bed);
	transport_terminate(bed->conn, true);
	bed_run(bed);
	fake_event(bed->peer, RDMA_CM_EVENT_DEVICE_REMOVAL, 0);
	bed_run(bed);
	assert_true(fake_is_gone(bed->peer));
	assert_int_equal(fake_counts().pds, 0);
}

static void test_end__graceful_is_bounded(void **state)
{
	struct bed *bed = *state;
	struct transport_pdu pdu = { .data = NULL };

	bed_connect(bed);
	send_control(bed, &pdu, "goodbye");
	transport_terminate(bed->conn, true);
	bed_advance(bed, 4000);
	bed_expect(bed, "");
	bed_advance(bed, 2000);
	bed_expect(bed, "sent -103\nterminated terminated 0\n");
}

static void test_end__hears_nothing_while_draining(void **state)
{
	struct bed *bed = *state;

	struct transport_pdu pdu = { .data = NULL };

	bed_connect(bed);
	bed_enable(bed);
	send_control(bed, &pdu, "goodbye");
	transport_terminate(bed->conn, true);
	bed_command(bed, 1, 0, 0, NULL, 0);
	bed_run(bed);
	bed_expect(bed, "");
	bed_run_device(bed);
	bed_expect(bed, "sent 0\nterminated terminated 0\n");
}

static void test_end__stalled_peer(void **state)
{
	struct bed *bed = *state;
	struct transport_pdu pdu[2] = { { .data = NULL }, { .data = NULL } };

	bed_connect(bed);
	bed_enable(bed);
	send_control(bed, &pdu[0], "taken");
	bed_run(bed);
	bed_advance(bed, 20000);
	bed_run_device(bed);
	bed_expect(bed, "sent 0\n");
	bed_advance(bed, 20000);
	send_control(bed, &pdu[1], "not taken");
	bed_run(bed);
	bed_advance(bed, 29000);
	bed_expect(bed, "");
	bed_advance(bed, 2000);
	bed_expect(bed, "sent -110\nterminated stalled -110\n");
}

static void test_end__device_removed(void **state)
{
	struct bed *bed = *state;

	bed_connect(bed);
	bed_enable(bed);
	fake_event(bed->peer, RDMA_CM_EVENT_DEVICE_REMOVAL, 0);
	bed_run(bed);
	bed_expect(bed, "terminated reset -19\n");
	/* its PD and MRs have gone with the last connection */
	assert_int_equal(fake_counts().pds, 0);
	assert_int_equal(fake_counts().mrs, 0);
}

static void test_end__others_live_on(void **state)
{
	struct bed *bed = *state;
	struct fake_peer *first;
	struct transport_conn *first_conn;

	bed_connect(bed);
	bed_enable(bed);
	first = bed->peer;
	first_conn = bed->conn;
	bed_connect(bed);
	bed_enable(bed);
	assert_int_equal(fake_counts().cqs, 1);
	fake_fail(bed->peer, IBV_WC_REM_ACCESS_ERR);
	bed_run(bed);
	bed_expect(bed, "terminated reset -104\n");
	bed_disconnect(bed);
	bed->peer = first;
	bed->conn = first_conn;
	bed_command(bed, 1, 0, 0, NULL, 0);
	bed_run(bed);
	bed_expect(bed, "header 01 ahs 0 len 0\npdu\n");
}

static void test_end__a_hundred_times(void **state)
{
	struct bed *bed = *state;
	struct fake_counts before = fake_counts();

	for (unsigned i = 0; i < 100; i++) {
		struct fake_counts after;

		bed_connect(bed);
		bed_enable(bed);
		bed_disconnect(bed);
		after = fake_counts();
		assert_memory_equal(&before, &after, sizeof(before));
	}
	bed->log_len = 0;
}

/* --- listening --- */

static void test_listener__comes_back_with_its_device(void **state)
{
	struct bed *bed = *state;

	fake_knobs()->fails_bind = true;
	fake_listener_gone();
	bed_run(bed);
	assert_null(fake_connect("\x80\0\0\0", 4, 1, 4));
	bed_advance(bed, 1500);
	assert_null(fake_connect("\x80\0\0\0", 4, 1, 4));
	fake_knobs()->fails_bind = false;
	bed_advance(bed, 1500);
	bed_connect(bed);
}

static void test_listener__close_ends_it_at_once(void **state)
{
	struct bed *bed = *state;

	bed->listener->ops->close(bed->listener);
	bed->listener = NULL;
	assert_null(fake_connect("\x80\0\0\0", 4, 1, 4));
	bed_run(bed);
}

static void test_listen__errors_are_one_line(void **state)
{
	struct bed *bed = *state;
	struct transport_listener_config config = { .address = "nowhere", .reactor =
							    bed->reactors[0] };
	struct transport_listener *listener;
	char error[256] = "";

	assert_int_equal(iser_listen(bed->iser, &config, &listener, error, sizeof(error)),
			 -EINVAL);
	assert_string_equal(error, "nowhere is no IPv4 or IPv6 address");
	fake_knobs()->fails_bind = true;
	config.address = "192.0.2.77";
	assert_int_equal(iser_listen(bed->iser, &config, &listener, error, sizeof(error)),
			 -ENODEV);
	assert_string_equal(error, "cannot listen on 192.0.2.77 port 0 by iSER: no RDMA device has "
				   "this address");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_set_up, bed_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accept__answers_the_private_data),
		cmocka_unit_test(test_accept__invalidates_as_the_setting_says),
		cmocka_unit_test(test_accept__depth_is_the_least_of_both),
		TEST(test_accept__on_the_reactor_that_place_names),
		TEST(test_accept__completion_vectors_are_spread),
		TEST(test_accept__many_at_once),
		TEST(test_accept__no_place_is_rejected),
		cmocka_unit_test(test_accept__failures_are_told_as_lost),
		cmocka_unit_test_teardown(test_accept__fewer_entries_where_the_device_has_too_few,
					  bed_tear_down),
		TEST(test_accept__peer_that_never_answers_is_given_up),
		TEST(test_accept__refused_by_iscsi),
		TEST(test_accept__first_message_before_the_event),
		TEST(test_login__one_receive_each_way),
		TEST(test_enable__posts_before_the_answer),
		TEST(test_enable__discovery_stays_plain),
		TEST(test_enable__smaller_answers_for_a_smaller_peer),
		TEST(test_enable__no_memory),
		TEST(test_end__peer_disconnects),
		TEST(test_end__everything_completes_first),
		TEST(test_end__flushed_receives_are_news_enough),
		TEST(test_end__terminate_at_once),
		TEST(test_end__graceful_sends_and_lets_the_peer_disconnect),
		TEST(test_end__parting_that_comes_early),
		TEST(test_end__parting_is_bounded),
		TEST(test_end__parting_ends_with_the_listener),
		TEST(test_end__parting_device_removed),
		TEST(test_end__graceful_is_bounded),
		TEST(test_end__hears_nothing_while_draining),
		TEST(test_end__stalled_peer),
		TEST(test_end__device_removed),
		TEST(test_end__others_live_on),
		TEST(test_end__a_hundred_times),
		TEST(test_listener__comes_back_with_its_device),
		TEST(test_listener__close_ends_it_at_once),
		TEST(test_listen__errors_are_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
