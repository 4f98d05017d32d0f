/* SPDX-License-Identifier: BSD-2-Clause */
/* transport/iser/device.c, core.c, slab.c: devices and registered memory. */
#include "test_transport_iser_bed.h"

static char described[512];
static struct iser_device_info info_seen;

static void describe(void *context, const struct iser_device_info *info)
{
	(void)context;
	info_seen = *info;
	snprintf(described, sizeof(described), "%s", info->sentence);
}

static void test_create__says_why_not(void **state)
{
	struct bed *bed = bed_prepare();
	struct iser_config config = { .verbs = &fake_verbs };
	struct iser *iser = NULL;
	char error[128] = "";

	*state = bed;
	fake_knobs()->obstacle = "this machine has no RDMA device";
	assert_int_equal(iser_create(&config, &iser, error, sizeof(error)), -ENODEV);
	assert_string_equal(error, "iSER cannot be used: this machine has no RDMA device");
	fake_knobs()->obstacle = NULL;
	bed_open(bed);
}

static void test_create__device_that_is_too_small(void **state)
{
	struct bed *bed = bed_prepare();
	struct iser_config config = { .verbs = &fake_verbs, .memory = bed->memory };
	struct iser *iser = NULL;
	char error[128] = "";

	*state = bed;
	fake_knobs()->max_qp_wr = 8;
	assert_int_equal(iser_create(&config, &iser, error, sizeof(error)), -ENODEV);
	assert_int_equal(fake_counts().pds, 0);
	fake_knobs()->max_qp_wr = 16384;
	bed_open(bed);
}

static void test_memory__registered_once_and_as_it_comes(void **state)
{
	struct bed *bed = *state;
	struct region *region;

	assert_int_equal(fake_counts().mrs, BED_CORES);
	assert_int_equal(memory_region_create(bed->memory, 4 << 20, -1, REGION_SHARED, &region), 0);
	assert_int_equal(fake_counts().mrs, BED_CORES + 1);
	bed_connect(bed);
	bed_enable(bed);
	iser_visit_devices(bed->iser, describe, NULL);
	assert_int_equal(info_seen.connections, 1);
	bed_disconnect(bed);
	assert_int_equal(fake_counts().registrations, BED_CORES + 1);
	iser_visit_devices(bed->iser, describe, NULL);
	assert_int_equal(info_seen.registrations, BED_CORES + 1);
	assert_int_equal(info_seen.registrations_later, 0);
	assert_int_equal(info_seen.connections, 0);
	assert_int_equal(info_seen.bytes, 20 << 20);
	assert_non_null(strstr(described, "fake0: InfiniBand or RoCE, 3 regions of 20 MiB"));
	assert_non_null(strstr(described, "no paging on demand"));
	memory_region_destroy(bed->memory, region);
	assert_int_equal(fake_counts().mrs, BED_CORES);
	/* memory that comes while it serves is seen as such */
	assert_int_equal(memory_region_create(bed->memory, 4 << 20, -1, REGION_SHARED, &region), 0);
	iser_visit_devices(bed->iser, describe, NULL);
	assert_int_equal(info_seen.registrations_later, 1);
	assert_non_null(strstr(described, "4 registrations, 1 of them since it serves"));
	memory_region_destroy(bed->memory, region);
	bed->log_len = 0;
}

static void test_memory__on_demand_where_pinning_is_refused(void **state)
{
	struct bed *bed = bed_prepare();

	*state = bed;
	fake_knobs()->fails_pinned = true;
	fake_knobs()->has_odp = true;
	bed_open(bed);
	assert_int_equal(fake_counts().mrs, BED_CORES);
	iser_visit_devices(bed->iser, describe, NULL);
	assert_non_null(strstr(described, "pages on demand where that is refused"));
	bed_connect(bed);
	bed_enable(bed);
}

static void test_memory__refused_altogether(void **state)
{
	struct bed *bed = bed_prepare();

	*state = bed;
	fake_knobs()->fails_pinned = true;
	bed_open(bed);
	assert_int_equal(fake_counts().mrs, 0);
	iser_visit_devices(bed->iser, describe, NULL);
	assert_non_null(strstr(described, "2 regions refused"));
	/* nobody can be served: said, and the peer told */
	bed->peer = fake_connect("\x80\0\0\0", 4, 1, 4);
	bed_run(bed);
	assert_true(fake_is_rejected(bed->peer));
	assert_int_equal(bed->lost, 1);
}

/* A store's memory that cannot be registered is not moved from or to; the arenas' is. */
static void test_memory__refused_of_a_store(void **state)
{
	struct bed *bed = bed_prepare();
	struct region *region;

	*state = bed;
	fake_knobs()->pin_limit = 17 << 20;
	bed_open(bed);
	assert_int_equal(fake_counts().mrs, BED_CORES);
	bed_connect(bed);
	bed_enable(bed);
	assert_false(transport_lacks_memory(bed->conn));
	/* it comes while somebody is served */
	assert_int_equal(memory_region_create(bed->memory, 4 << 20, -1, REGION_SHARED, &region), 0);
	assert_true(transport_lacks_memory(bed->conn));
	iser_visit_devices(bed->iser, describe, NULL);
	assert_non_null(strstr(described, "1 regions refused: stores' data is copied"));
	bed_disconnect(bed);
	bed_expect(bed, "terminated closed 0\n");
	/* as it is for whoever comes later */
	bed_connect(bed);
	bed_enable(bed);
	assert_true(transport_lacks_memory(bed->conn));
	memory_region_destroy(bed->memory, region);
}

/* Paging on demand for all memory there is: nothing is lacking. */
static void test_memory__refused_of_a_store_but_paged(void **state)
{
	struct bed *bed = bed_prepare();
	struct region *region;

	*state = bed;
	fake_knobs()->pin_limit = 17 << 20;
	fake_knobs()->has_odp = true;
	fake_knobs()->has_implicit = true;
	bed_open(bed);
	bed_connect(bed);
	assert_int_equal(memory_region_create(bed->memory, 4 << 20, -1, REGION_SHARED, &region), 0);
	assert_false(transport_lacks_memory(bed->conn));
	memory_region_destroy(bed->memory, region);
}

/* Data could come to lie where the device cannot reach it: not on that core, then. */
static void test_memory__refused_of_one_core(void **state)
{
	struct bed *bed = bed_prepare();

	*state = bed;
	fake_knobs()->pin_limit = 9 << 20;
	bed_open(bed);
	assert_int_equal(fake_counts().mrs, 1);
	bed->peer = fake_connect("\x80\0\0\0", 4, 1, 4);
	bed_run(bed);
	assert_true(fake_is_rejected(bed->peer));
	assert_int_equal(bed->lost, 1);
	bed_disconnect(bed);
	bed->place = 0;
	bed_connect(bed);
	bed_enable(bed);
	assert_false(transport_lacks_memory(bed->conn));
	bed_disconnect(bed);
	bed_expect(bed, "terminated closed 0\n");
	bed->place = 1;
}

static unsigned devices_seen;

static void count_device(void *context, const struct iser_device_info *info)
{
	(void)context;
	(void)info;
	devices_seen++;
}

static unsigned count_devices(struct bed *bed)
{
	devices_seen = 0;
	iser_visit_devices(bed->iser, count_device, NULL);
	return devices_seen;
}

/* Where nobody is connected, the listener alone hears of it. */
static void test_device__goes_and_comes_back(void **state)
{
	struct bed *bed = *state;

	assert_int_equal(count_devices(bed), 1);
	fake_listener_gone();
	bed_run(bed);
	assert_int_equal(count_devices(bed), 0);
	assert_int_equal(fake_counts().mrs, 0);
	assert_int_equal(fake_counts().pds, 0);
	fake_device_again();
	bed_advance(bed, 1100);
	/* its memory is registered before anybody comes */
	assert_int_equal(count_devices(bed), 1);
	assert_int_equal(fake_counts().mrs, BED_CORES);
	bed_connect(bed);
	bed_enable(bed);
}

/* A wildcard listener does not hear of it: the former self is dropped when it is back. */
static void test_device__comes_back_unheard(void **state)
{
	struct bed *bed = *state;

	fake_device_again();
	bed_connect(bed);
	bed_enable(bed);
	assert_int_equal(count_devices(bed), 1);
	assert_int_equal(fake_counts().mrs, BED_CORES);
	assert_int_equal(fake_counts().pds, 1);
}

/* The device of a connection goes before anybody has said a word on it. */
static void test_device__goes_with_a_request(void **state)
{
	struct bed *bed = *state;
	struct fake_peer *other;

	/* another has that core listen to events already */
	bed_connect(bed);
	other = bed->peer;
	bed->peer = fake_connect("\x80\0\0\0", 4, 1, 4);
	/* the listener's reactor takes the request, the other has not seen it */
	for (unsigned i = 0; i < 12; i++)
		reactor_turn(bed->reactors[0], 0);
	fake_event(bed->peer, RDMA_CM_EVENT_DEVICE_REMOVAL, 0);
	bed_run(bed);
	assert_true(fake_is_gone(bed->peer));
	assert_int_equal(bed->lost, 1);
	assert_int_equal(count_devices(bed), 0);
	bed_disconnect(bed);
	bed->peer = other;
	bed_disconnect(bed);
	assert_int_equal(fake_counts().pds, 0);
	assert_int_equal(fake_counts().mrs, 0);
	bed_expect(bed, "terminated closed 0\n");
}

/* With paging on demand for everything, memory in no region is as good as any. */
static void test_memory__implicit_registration_serves_the_rest(void **state)
{
	struct bed *bed = bed_prepare();
	struct extents foreign = { .count = 1, .length = 512, .borrowed = true };
	static uint8_t memory[512] = "foreign";
	struct transport_task task;

	*state = bed;
	fake_knobs()->has_odp = true;
	fake_knobs()->has_implicit = true;
	bed_open(bed);
	bed_connect(bed);
	bed_enable(bed);
	foreign.extent[0] = (struct extent){ .data = memory, .length = 512 };
	bed_begin(bed, &task, 7, 0, BED_VA);
	task.data = &foreign;
	task.put_length = 512;
	transport_put_data(bed->conn, &task);
	bed_run_device(bed);
	bed_expect(bed, "put_done 7 0\n");
	assert_memory_equal(bed->remote, memory, 512);
}

/* More connections than one completion queue has room for. */
static void test_queue__as_many_as_it_takes(void **state)
{
	enum { COUNT = 5 };
	struct bed *bed = bed_prepare();
	struct fake_peer *peers[COUNT];

	*state = bed;
	fake_knobs()->max_cqe = 600;
	fake_knobs()->max_qp_wr = 128;
	bed_open(bed);
	for (unsigned i = 0; i < COUNT; i++) {
		bed_connect(bed);
		bed_enable(bed);
		peers[i] = bed->peer;
	}
	assert_true(fake_counts().cqs > 1);
	for (unsigned i = 0; i < COUNT; i++) {
		bed->peer = peers[i];
		bed_command(bed, i, 0, 0, NULL, 0);
		bed_run(bed);
		bed_expect(bed, "header 01 ahs 0 len 0\npdu\n");
	}
	for (unsigned i = 0; i < COUNT; i++) {
		bed->peer = peers[i];
		bed_disconnect(bed);
	}
	assert_int_equal(fake_counts().cqs, 0);
	assert_int_equal(fake_counts().comp_channels, 0);
	bed->log_len = 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_set_up, bed_tear_down)
#define TEST_OWN(name) cmocka_unit_test_teardown(name, bed_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_OWN(test_create__says_why_not),
		TEST_OWN(test_create__device_that_is_too_small),
		TEST(test_memory__registered_once_and_as_it_comes),
		TEST_OWN(test_memory__on_demand_where_pinning_is_refused),
		TEST_OWN(test_memory__refused_altogether),
		TEST_OWN(test_memory__refused_of_a_store),
		TEST_OWN(test_memory__refused_of_a_store_but_paged),
		TEST_OWN(test_memory__refused_of_one_core),
		TEST_OWN(test_memory__implicit_registration_serves_the_rest),
		TEST(test_device__goes_and_comes_back),
		TEST(test_device__comes_back_unheard),
		TEST(test_device__goes_with_a_request),
		TEST_OWN(test_queue__as_many_as_it_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
