/* SPDX-License-Identifier: BSD-2-Clause */
/* scsi/attention.c: who is told what, once, and in which order. */
#include "test_scsi_bed.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "scsi/lu.h"

enum { NEXUSES = 3 };

struct hall {
	struct bed bed;
	struct scsi_nexus *nexus[NEXUSES]; /* the first is the bed's */
};

static struct attention_source *source(struct hall *hall)
{
	return &hall->bed.lu->attentions;
}

static int setup(void **state)
{
	struct hall *hall = calloc(1, sizeof(*hall));
	struct bed_cmd cmd;

	bed_setup(&hall->bed, &(struct bed_config){ 0 });
	hall->nexus[0] = hall->bed.nexus;
	hall->nexus[1] = bed_nexus(&hall->bed, "iqn.2026-11.test:two,i,0x400000000001");
	hall->nexus[2] = bed_nexus(&hall->bed, "iqn.2026-11.test:three,i,0x400000000001");
	for (unsigned i = 0; i < NEXUSES; i++) {
		BED_CDB(&hall->bed, &cmd, 0x00, 0, 0, 0, 0, 0);
		cmd.cmd.nexus = hall->nexus[i];
		bed_run(&cmd);
	}
	*state = hall;
	return 0;
}

static int teardown(void **state)
{
	struct hall *hall = *state;

	for (unsigned i = 1; i < NEXUSES; i++)
		scsi_nexus_destroy(hall->nexus[i]);
	bed_teardown(&hall->bed);
	free(hall);
	return 0;
}

/* TEST UNIT READY from nexus WHO says CODE, 0: GOOD. */
static void told(struct hall *hall, unsigned who, uint16_t code)
{
	bed_told(&hall->bed, hall->nexus[who], code);
}

static void test_attention_raise__each_condition_once_to_each(void **state)
{
	static const struct {
		enum attention attention;
		uint16_t code;
	} all[] = {
		{ ATTENTION_POWER_ON, 0x2900 },
		{ ATTENTION_TARGET_RESET, 0x2902 },
		{ ATTENTION_LU_RESET, 0x2903 },
		{ ATTENTION_NEXUS_LOSS, 0x2907 },
		{ ATTENTION_COMMANDS_CLEARED, 0x2f00 },
		{ ATTENTION_MEDIUM_CHANGED, 0x2800 },
		{ ATTENTION_RESERVATIONS_PREEMPTED, 0x2a03 },
		{ ATTENTION_RESERVATIONS_RELEASED, 0x2a04 },
		{ ATTENTION_REGISTRATIONS_PREEMPTED, 0x2a05 },
		{ ATTENTION_ACCESS_STATE_CHANGED, 0x2a06 },
		{ ATTENTION_LUNS_CHANGED, 0x3f0e },
		{ ATTENTION_INQUIRY_CHANGED, 0x3f03 },
		{ ATTENTION_IDENTIFIER_CHANGED, 0x3f05 },
		{ ATTENTION_CAPACITY_CHANGED, 0x2a09 },
		{ ATTENTION_MODE_CHANGED, 0x2a01 },
		{ ATTENTION_LOG_CHANGED, 0x2a02 },
		{ ATTENTION_TIMESTAMP_CHANGED, 0x2a10 },
		{ ATTENTION_THIN_THRESHOLD, 0x3807 },
		{ ATTENTION_WAS_BUSY, 0x2c07 },
		{ ATTENTION_WAS_RESERVATION_CONFLICT, 0x2c09 },
		{ ATTENTION_WAS_TASK_SET_FULL, 0x2c08 },
	};
	struct hall *hall = *state;

	/* All but the deferred error, which is no unit attention condition. */
	assert_int_equal(sizeof(all) / sizeof(all[0]), ATTENTION_COUNT - 1);
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		attention_raise(source(hall), all[i].attention);
		attention_raise(source(hall), all[i].attention);
		for (unsigned who = 0; who < NEXUSES; who++) {
			told(hall, who, all[i].code);
			told(hall, who, 0);
		}
	}
}

static void test_attention_raise_others__not_to_its_cause(void **state)
{
	struct hall *hall = *state;

	attention_raise_others(source(hall), ATTENTION_MODE_CHANGED, hall->nexus[1]);
	told(hall, 0, 0x2a01);
	told(hall, 1, 0);
	told(hall, 2, 0x2a01);
}

static void test_attention_raise_one__nobody_else(void **state)
{
	struct hall *hall = *state;

	attention_raise_one(source(hall), ATTENTION_REGISTRATIONS_PREEMPTED, hall->nexus[2]);
	/* One that has gone is not looked at. */
	attention_raise_one(source(hall), ATTENTION_REGISTRATIONS_PREEMPTED, (void *)hall);
	told(hall, 0, 0);
	told(hall, 1, 0);
	told(hall, 2, 0x2a05);
	told(hall, 2, 0);
}

static bool is_port(const void *context, const struct scsi_nexus *nexus)
{
	return strcmp(nexus->initiator_port, context) == 0;
}

static void test_attention_raise_if__by_port_name(void **state)
{
	struct hall *hall = *state;

	attention_raise_if(source(hall), ATTENTION_RESERVATIONS_RELEASED, is_port,
			   "iqn.2026-11.test:two,i,0x400000000001");
	told(hall, 0, 0);
	told(hall, 1, 0x2a04);
	told(hall, 2, 0);
}

static void test_attention_take__in_order_of_precedence(void **state)
{
	struct hall *hall = *state;

	attention_raise(source(hall), ATTENTION_LOG_CHANGED);
	attention_raise(source(hall), ATTENTION_CAPACITY_CHANGED);
	attention_raise(source(hall), ATTENTION_NEXUS_LOSS);
	attention_raise(source(hall), ATTENTION_LU_RESET);
	/* The lower reset is covered, the rest is not. */
	told(hall, 0, 0x2903);
	told(hall, 0, 0x2a09);
	told(hall, 0, 0x2a02);
	told(hall, 0, 0);
}

static void test_attention_take__not_by_inquiry(void **state)
{
	struct hall *hall = *state;
	struct bed_cmd cmd;

	attention_raise(source(hall), ATTENTION_MODE_CHANGED);
	BED_CDB(&hall->bed, &cmd, 0x12, 0, 0, 0, 96, 0);
	bed_wants(&cmd, 96);
	assert_int_equal(bed_run(&cmd), 0x00);
	told(hall, 0, 0x2a01);
}

static void test_attention_take__by_request_sense(void **state)
{
	struct hall *hall = *state;
	struct bed_cmd cmd;

	attention_raise(source(hall), ATTENTION_MODE_CHANGED);
	BED_CDB(&hall->bed, &cmd, 0x03, 0, 0, 0, 252, 0);
	bed_wants(&cmd, 252);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(cmd.in[2], 0x06);
	assert_int_equal(get_be16(cmd.in + 12), 0x2a01);
	bed_release(&cmd);
	told(hall, 0, 0);
}

static void test_spc_report_luns__answers_the_question(void **state)
{
	struct hall *hall = *state;
	struct bed_cmd cmd;

	attention_raise(source(hall), ATTENTION_LUNS_CHANGED);
	attention_raise(source(hall), ATTENTION_MODE_CHANGED);
	BED_CDB(&hall->bed, &cmd, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0);
	bed_wants(&cmd, 64);
	assert_int_equal(bed_run(&cmd), 0x00);
	told(hall, 0, 0x2a01);
	told(hall, 0, 0);
	/* For its own nexus only. */
	told(hall, 1, 0x3f0e);
}

static void *raise_many(void *context)
{
	for (unsigned i = 0; i < 1000; i++)
		attention_raise(context, ATTENTION_MODE_CHANGED);
	return NULL;
}

/* Nothing is lost and nobody is touched who has gone. */
static void test_attention_raise__from_another_thread(void **state)
{
	struct hall *hall = *state;
	struct scsi_nexus *passing;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, raise_many, source(hall)), 0);
	for (unsigned i = 0; i < 200; i++) {
		passing = bed_nexus(&hall->bed, "passing");
		scsi_nexus_destroy(passing);
		attention_take(&hall->nexus[0]->lu[0].attentions);
	}
	pthread_join(thread, NULL);
	attention_raise(source(hall), ATTENTION_MODE_CHANGED);
	for (unsigned who = 0; who < NEXUSES; who++) {
		told(hall, who, 0x2a01);
		told(hall, who, 0);
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_attention_raise__each_condition_once_to_each),
		TEST(test_attention_raise_others__not_to_its_cause),
		TEST(test_attention_raise_one__nobody_else),
		TEST(test_attention_raise_if__by_port_name),
		TEST(test_attention_take__in_order_of_precedence),
		TEST(test_attention_take__not_by_inquiry),
		TEST(test_attention_take__by_request_sense),
		TEST(test_spc_report_luns__answers_the_question),
		TEST(test_attention_raise__from_another_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
