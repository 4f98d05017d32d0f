/* SPDX-License-Identifier: BSD-2-Clause */
/* Deadlines for commands, with a clock that is turned by hand. */
#include <errno.h>

#include "base/clock.h"
#include "scsi/lu.h"
#include "test_scsi_bed.h"

enum { TIMEOUT_S = 8 };

static struct clock_manual clock_by_hand;
static struct bed bed;

static void set_up_with(unsigned timeout)
{
	clock_manual_init(&clock_by_hand, CLOCK_NS_PER_S);
	bed_setup(&bed, &(struct bed_config){ .clock = &clock_by_hand.clock,
					      .lu.command_timeout = timeout });
	bed_clear_attention(&bed);
}

static int set_up(void **state)
{
	(void)state;
	set_up_with(TIMEOUT_S);
	return 0;
}

static int set_up_without(void **state)
{
	(void)state;
	set_up_with(0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	bed_teardown(&bed);
	return 0;
}

static void pass(unsigned seconds)
{
	for (unsigned i = 0; i < seconds * 10; i++) {
		clock_manual_advance(&clock_by_hand, CLOCK_NS_PER_S / 10);
		bed_turns(&bed, 2);
	}
}

static void start(struct bed_cmd *cmd)
{
	BED_CDB(&bed, cmd, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0);
	bed_wants(cmd, 512);
	bed_start(cmd);
}

static void expect_late(struct bed_cmd *cmd)
{
	assert_int_equal(cmd->completions, 1);
	assert_false(cmd->cmd.aborted);
	bed_expect_sense(cmd, 0x0b, 0x0801);
	assert_int_equal(cmd->in_length, 0);
	bed_release(cmd);
}

static void test_deadline__store_that_cancels(void **state)
{
	struct bed_cmd cmd;

	(void)state;
	bed.store.hold = true;
	start(&cmd);
	pass(TIMEOUT_S - 1);
	assert_int_equal(bed.store.cancels, 0);
	pass(4);
	assert_int_equal(bed.store.cancels, 1);
	assert_int_equal(cmd.completions, 0);
	bed_store_finish(&bed, -ECANCELED);
	expect_late(&cmd);
}

/* It is cancelled once, and its memory is not given back before the store has done so. */
static void test_deadline__store_that_is_stuck(void **state)
{
	struct bed_cmd cmd, second;

	(void)state;
	bed.store.hold = true;
	start(&cmd);
	pass(3 * TIMEOUT_S);
	assert_int_equal(bed.store.cancels, 1);
	assert_int_equal(cmd.completions, 0);
	assert_true(cmd.cmd.data.length >= 512);
	/* What comes behind it is not kept from its own end. */
	start(&second);
	assert_int_equal(bed.store.held_count, 2);
	pass(2 * TIMEOUT_S);
	assert_int_equal(bed.store.cancels, 2);
	bed_store_finish(&bed, 0);
	expect_late(&cmd);
	bed_store_finish(&bed, 0);
	expect_late(&second);
}

static void test_deadline__in_time(void **state)
{
	struct bed_cmd cmd[3];

	(void)state;
	bed.store.hold = true;
	for (unsigned i = 0; i < 3; i++) {
		start(&cmd[i]);
		pass(TIMEOUT_S - 1);
		bed_store_finish(&bed, 0);
		assert_int_equal(cmd[i].cmd.status, 0x00);
		bed_release(&cmd[i]);
	}
	assert_int_equal(bed.store.cancels, 0);
}

static void test_deadline__data_out_that_does_not_come(void **state)
{
	static const uint8_t block[512];
	struct bed_cmd cmd;

	(void)state;
	BED_CDB(&bed, &cmd, 0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0);
	bed_has(&cmd, block, sizeof(block));
	cmd.hold_data = true;
	bed_start(&cmd);
	pass(TIMEOUT_S + 4);
	assert_true(cmd.terminated);
	expect_late(&cmd);
	assert_int_equal(bed.store.count[STORE_WRITE], 0);
}

static void test_deadline__dormant(void **state)
{
	struct bed_cmd first, second;

	(void)state;
	bed.store.hold = true;
	start(&first);
	BED_CDB(&bed, &second, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0);
	bed_wants(&second, 512);
	second.cmd.attribute = SCSI_ORDERED;
	bed_start(&second);
	pass(TIMEOUT_S + 4);
	expect_late(&second);
	bed_store_finish(&bed, -ECANCELED);
	expect_late(&first);
}

static unsigned resets;

static void was_reset(struct scsi_tmf_request *request)
{
	(void)request;
	resets++;
}

/* A reset by another nexus has the last word. */
static void test_deadline__then_a_reset(void **state)
{
	struct scsi_nexus *other = bed_nexus(&bed, "other");
	struct scsi_tmf_request request = {
		.nexus = other, .function = SCSI_TMF_LOGICAL_UNIT_RESET, .done = was_reset,
	};
	struct bed_cmd cmd;

	(void)state;
	resets = 0;
	bed.store.hold = true;
	start(&cmd);
	pass(TIMEOUT_S + 4);
	scsi_task_management(&request);
	bed_turns(&bed, 5);
	assert_int_equal(resets, 0);
	bed_store_finish(&bed, 0);
	assert_int_equal(cmd.completions, 1);
	assert_true(cmd.cmd.aborted);
	bed_release(&cmd);
	bed_turns(&bed, 5);
	assert_int_equal(resets, 1);
	scsi_nexus_destroy(other);
}

static void test_deadline__none(void **state)
{
	struct bed_cmd cmd;

	(void)state;
	bed.store.hold = true;
	start(&cmd);
	pass(100);
	assert_int_equal(bed.store.cancels, 0);
	bed_store_finish(&bed, 0);
	assert_int_equal(cmd.cmd.status, 0x00);
	bed_release(&cmd);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_deadline__store_that_cancels),
		CASE(test_deadline__store_that_is_stuck),
		CASE(test_deadline__in_time),
		CASE(test_deadline__data_out_that_does_not_come),
		CASE(test_deadline__dormant),
		CASE(test_deadline__then_a_reset),
		cmocka_unit_test_setup_teardown(test_deadline__none, set_up_without, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
