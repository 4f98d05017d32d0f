/* SPDX-License-Identifier: BSD-2-Clause */
/* scsi/event.c: which conditions a port that wishes it is told of, once, and which not. */
#include "test_scsi_bed.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "scsi/lu.h"

/* A port that listens to what happens at the bed's logical units. */
struct ear {
	struct bed bed;
	struct scsi_nexus *nexus;
	unsigned count;
	uint64_t lun;
	uint8_t sense[SCSI_SENSE_MAX];
	uint8_t length;
};

static void hear(void *context, uint64_t lun, const uint8_t *sense, uint8_t length)
{
	struct ear *ear = context;

	ear->count++;
	ear->lun = lun;
	ear->length = length;
	memcpy(ear->sense, sense, length);
}

static void told(struct ear *ear, uint8_t lun, uint16_t code)
{
	struct bed_cmd cmd;

	BED_CDB(&ear->bed, &cmd, 0x00, 0, 0, 0, 0, 0);
	cmd.cmd.nexus = ear->nexus;
	cmd.cmd.lun = (uint64_t)lun << 48;
	assert_int_equal(bed_run(&cmd), code != 0 ? 0x02 : 0x00);
	if (code != 0)
		bed_expect_sense(&cmd, 0x06, code);
}

static int setup(void **state)
{
	struct ear *ear = calloc(1, sizeof(*ear));
	struct scsi_nexus_config config = {
		.initiator_port = "iqn.2026-11.test:ear,i,0x400000000001",
		.target_port = "iqn.2026-11.io.pinion:bed,t,0x0001",
		.target_port_group = 1,
		.event = hear,
		.context = ear,
	};

	bed_setup(&ear->bed, &(struct bed_config){ .second_block_size = 512 });
	config.target = ear->bed.target;
	config.reactor = ear->bed.reactor;
	assert_int_equal(scsi_nexus_create(&config, &ear->nexus), 0);
	bed_turns(&ear->bed, 4);
	/* POWER ON is no event. */
	assert_int_equal(ear->count, 0);
	told(ear, 0, 0x2900);
	told(ear, 1, 0x2900);
	*state = ear;
	return 0;
}

static int teardown(void **state)
{
	struct ear *ear = *state;

	if (ear->nexus != NULL)
		scsi_nexus_destroy(ear->nexus);
	bed_teardown(&ear->bed);
	free(ear);
	return 0;
}

static void test_event_raised__tells_once_and_leaves_the_condition(void **state)
{
	struct ear *ear = *state;
	struct attention_source *source = &ear->bed.second_lu->attentions;
	/* Fixed format: current, UNIT ATTENTION, CAPACITY DATA HAS CHANGED. */
	static const uint8_t sense[] = { 0x70, 0, 6, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x2a, 0x09 };

	attention_raise(source, ATTENTION_CAPACITY_CHANGED);
	attention_raise(source, ATTENTION_CAPACITY_CHANGED);
	/* Not on the thread of whoever raises it, but in the loop. */
	assert_int_equal(ear->count, 0);
	bed_turns(&ear->bed, 4);
	assert_int_equal(ear->count, 1);
	assert_true(ear->lun == UINT64_C(0x0001000000000000));
	assert_true(ear->length >= sizeof(sense));
	assert_memory_equal(ear->sense, sense, sizeof(sense));
	/* It is the same condition until a command has been told of it. */
	attention_raise(source, ATTENTION_CAPACITY_CHANGED);
	bed_turns(&ear->bed, 4);
	assert_int_equal(ear->count, 1);
	told(ear, 1, 0x2a09);
	told(ear, 1, 0);
	attention_raise(source, ATTENTION_CAPACITY_CHANGED);
	bed_turns(&ear->bed, 4);
	assert_int_equal(ear->count, 2);
}

static void test_event_raised__several_at_a_time(void **state)
{
	struct ear *ear = *state;

	attention_raise(&ear->bed.lu->attentions, ATTENTION_MODE_CHANGED);
	attention_raise(&ear->bed.lu->attentions, ATTENTION_ACCESS_STATE_CHANGED);
	attention_raise(&ear->bed.second_lu->attentions, ATTENTION_THIN_THRESHOLD);
	bed_turns(&ear->bed, 4);
	assert_int_equal(ear->count, 3);
	assert_true(ear->lun == UINT64_C(0x0001000000000000));
	assert_int_equal(ear->sense[12] << 8 | ear->sense[13], 0x3807);
}

static void test_event_raised__the_list_of_luns_once_for_all(void **state)
{
	struct ear *ear = *state;

	attention_raise(&ear->bed.lu->attentions, ATTENTION_LUNS_CHANGED);
	attention_raise(&ear->bed.second_lu->attentions, ATTENTION_LUNS_CHANGED);
	bed_turns(&ear->bed, 4);
	assert_int_equal(ear->count, 1);
	assert_int_equal(ear->sense[12] << 8 | ear->sense[13], 0x3f0e);
}

static void test_event_raised__not_what_a_command_has_heard_of(void **state)
{
	struct ear *ear = *state;
	struct bed_cmd cmd;

	attention_raise(&ear->bed.lu->attentions, ATTENTION_CAPACITY_CHANGED);
	BED_CDB(&ear->bed, &cmd, 0x00, 0, 0, 0, 0, 0);
	cmd.cmd.nexus = ear->nexus;
	/* Before the loop turns. */
	bed_start(&cmd);
	assert_int_equal(cmd.completions, 1);
	bed_expect_sense(&cmd, 0x06, 0x2a09);
	bed_release(&cmd);
	bed_turns(&ear->bed, 4);
	assert_int_equal(ear->count, 0);
}

static void test_event_raised__not_resets_and_own_refusals(void **state)
{
	static const enum attention all[] = {
		ATTENTION_POWER_ON,
		ATTENTION_TARGET_RESET,
		ATTENTION_LU_RESET,
		ATTENTION_NEXUS_LOSS,
		ATTENTION_WAS_BUSY,
		ATTENTION_WAS_TASK_SET_FULL,
		ATTENTION_WAS_RESERVATION_CONFLICT,
	};
	struct ear *ear = *state;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		attention_raise(&ear->bed.lu->attentions, all[i]);
	bed_turns(&ear->bed, 4);
	assert_int_equal(ear->count, 0);
}

static void test_event_raised__in_the_format_of_the_logical_unit(void **state)
{
	/* Control mode page with D_SENSE. */
	static const uint8_t page[4 + 12] = {
		0, 0, 0, 0, 0x0a, 0x0a, 0x26, 0x10, 0, 0, 0, 0, 0xff, 0xff,
	};
	struct ear *ear = *state;
	struct bed_cmd cmd;

	bed_clear_attention(&ear->bed);
	BED_CDB(&ear->bed, &cmd, 0x15, 0x10, 0, 0, sizeof(page), 0);
	bed_has(&cmd, page, sizeof(page));
	assert_int_equal(bed_run(&cmd), 0);
	bed_turns(&ear->bed, 4);
	/* And that is an event itself, for all but its cause. */
	assert_int_equal(ear->count, 1);
	assert_int_equal(ear->lun, 0);
	assert_int_equal(ear->sense[0], 0x72);
	assert_int_equal(ear->sense[1], 0x06);
	assert_int_equal(ear->sense[2] << 8 | ear->sense[3], 0x2a01);
}

static void test_event_teller_close__news_under_way(void **state)
{
	struct ear *ear = *state;

	attention_raise(&ear->bed.lu->attentions, ATTENTION_CAPACITY_CHANGED);
	scsi_nexus_destroy(ear->nexus);
	ear->nexus = NULL;
	/* What carried it is freed there: the sanitizer looks. */
	bed_turns(&ear->bed, 4);
	assert_int_equal(ear->count, 0);
}

static void test_scsi_nexus_lost__hears_nothing(void **state)
{
	struct ear *ear = *state;

	attention_raise(&ear->bed.lu->attentions, ATTENTION_CAPACITY_CHANGED);
	scsi_nexus_lost(ear->nexus);
	bed_turns(&ear->bed, 4);
	assert_int_equal(ear->count, 0);
}

enum { ROUNDS = 2000 };

static void *raise_often(void *context)
{
	struct ear *ear = context;

	for (unsigned i = 0; i < ROUNDS; i++)
		attention_raise(&ear->bed.lu->attentions, ATTENTION_CAPACITY_CHANGED);
	return NULL;
}

/* However threads interleave: each condition that a command is told of was news at most once. */
static void test_event_raised__from_another_thread(void **state)
{
	struct ear *ear = *state;
	unsigned heard = 0;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, raise_often, ear), 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct bed_cmd cmd;

		bed_turns(&ear->bed, 1);
		BED_CDB(&ear->bed, &cmd, 0x00, 0, 0, 0, 0, 0);
		cmd.cmd.nexus = ear->nexus;
		heard += bed_run(&cmd) == 0x02;
	}
	pthread_join(thread, NULL);
	bed_turns(&ear->bed, 4);
	/* One may be pending that nobody has asked for. */
	assert_true(ear->count <= heard + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_event_raised__tells_once_and_leaves_the_condition),
		TEST(test_event_raised__several_at_a_time),
		TEST(test_event_raised__the_list_of_luns_once_for_all),
		TEST(test_event_raised__not_what_a_command_has_heard_of),
		TEST(test_event_raised__not_resets_and_own_refusals),
		TEST(test_event_raised__in_the_format_of_the_logical_unit),
		TEST(test_event_teller_close__news_under_way),
		TEST(test_scsi_nexus_lost__hears_nothing),
		TEST(test_event_raised__from_another_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
