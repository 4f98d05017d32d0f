/* SPDX-License-Identifier: BSD-2-Clause */
/* Sweeps over task sets, and the task management functions that need them. */
#include <stdlib.h>
#include <string.h>

#include "scsi/command.h"
#include "scsi/lu.h"
#include "scsi/taskset.h"
#include "test_scsi_bed.h"

/* Three nexuses: the bed's own asks, one is beside it, one on another reactor. */
struct world {
	struct bed bed;
	struct reactor *reactor; /* the other */
	struct scsi_nexus *near, *far;
	struct scsi_tmf_request request;
	unsigned answers;
};

static struct world world;

static void make_far(void)
{
	struct reactor_config reactor = {
		.index = 1,
		.cpu = -1,
		.engine = ENGINE_EPOLL,
		.arena_bytes = 4 << 20,
		.memory = world.bed.memory,
	};
	struct scsi_nexus_config config = {
		.target = world.bed.target,
		.initiator_port = "far",
		.target_port = "iqn.2026-11.io.pinion:bed,t,0x0001",
		.target_port_group = 1,
	};

	assert_int_equal(reactor_create(&reactor, &world.reactor), 0);
	config.reactor = world.reactor;
	assert_int_equal(scsi_nexus_create(&config, &world.far), 0);
}

static int set_up(void **state)
{
	(void)state;
	memset(&world, 0, sizeof(world));
	bed_setup(&world.bed, &(struct bed_config){ 0 });
	world.near = bed_nexus(&world.bed, "near");
	make_far();
	return 0;
}

static void turn(void)
{
	for (unsigned i = 0; i < 10; i++) {
		reactor_turn(world.bed.reactor, 0);
		reactor_turn(world.reactor, 0);
	}
}

static int tear_down(void **state)
{
	(void)state;
	scsi_nexus_destroy(world.near);
	scsi_nexus_destroy(world.far);
	turn();
	reactor_destroy(world.reactor);
	bed_teardown(&world.bed);
	return 0;
}

static void ask(struct bed_cmd *cmd, struct scsi_nexus *nexus, uint8_t opcode)
{
	BED_CDB(&world.bed, cmd, opcode, 0, 0, 0, 0, 0, 0, 0, opcode != 0, 0);
	cmd->cmd.nexus = nexus;
}

/* The sense code that TEST UNIT READY brings, 0: it is GOOD. */
static unsigned told(struct scsi_nexus *nexus)
{
	struct bed_cmd cmd;

	ask(&cmd, nexus, 0x00);
	bed_start(&cmd);
	turn();
	assert_int_equal(cmd.completions, 1);
	bed_release(&cmd);
	return cmd.cmd.status == 0 ? 0 : (unsigned)(cmd.cmd.sense[12] << 8 | cmd.cmd.sense[13]);
}

static void calm(void)
{
	assert_int_equal(told(world.bed.nexus), 0x2900);
	assert_int_equal(told(world.near), 0x2900);
	assert_int_equal(told(world.far), 0x2900);
}

static void answered(struct scsi_tmf_request *request)
{
	(void)request;
	world.answers++;
}

static void manage(struct scsi_tmf_request *request, enum scsi_tmf function)
{
	*request = (struct scsi_tmf_request){
		.nexus = world.bed.nexus,
		.function = function,
		.done = answered,
	};
	scsi_task_management(request);
}

static void read_block(struct bed_cmd *cmd, struct scsi_nexus *nexus)
{
	ask(cmd, nexus, 0x28);
	bed_wants(cmd, 512);
	bed_start(cmd);
}

static uint8_t block[512];

static void write_block(struct bed_cmd *cmd, struct scsi_nexus *nexus)
{
	ask(cmd, nexus, 0x2a);
	bed_has(cmd, block, sizeof(block));
	cmd->hold_data = true;
	bed_start(cmd);
}

static void expect_silence(struct bed_cmd *cmd)
{
	assert_int_equal(cmd->completions, 1);
	assert_true(cmd->cmd.aborted);
	bed_release(cmd);
}

static void expect_task_aborted(struct bed_cmd *cmd)
{
	assert_int_equal(cmd->completions, 1);
	assert_false(cmd->cmd.aborted);
	assert_int_equal(cmd->cmd.status, 0x40);
	assert_int_equal(cmd->cmd.sense_length, 0);
	bed_release(cmd);
}

static void test_lun_reset__waits_for_the_store_on_every_reactor(void **state)
{
	struct bed_cmd near, far;

	(void)state;
	calm();
	world.bed.store.hold = true;
	read_block(&near, world.near);
	read_block(&far, world.far);
	manage(&world.request, SCSI_TMF_LOGICAL_UNIT_RESET);
	turn();
	assert_int_equal(world.answers, 0);
	assert_int_equal(world.bed.store.cancels, 2);
	bed_store_finish(&world.bed, 0);
	turn();
	assert_int_equal(world.answers, 0);
	bed_store_finish(&world.bed, -ECANCELED);
	assert_int_equal(world.answers, 0);
	turn();
	assert_int_equal(world.answers, 1);
	assert_int_equal(world.request.response, SCSI_TMF_FUNCTION_COMPLETE);
	expect_silence(&near);
	expect_silence(&far);
	world.bed.store.hold = false;
	assert_int_equal(told(world.far), 0x2903);
	assert_int_equal(told(world.far), 0);
	assert_int_equal(told(world.near), 0x2903);
	assert_int_equal(told(world.bed.nexus), 0x2903);
}

static void test_lun_reset__the_askers_own_are_not_touched(void **state)
{
	struct bed_cmd own;

	(void)state;
	calm();
	world.bed.store.hold = true;
	read_block(&own, world.bed.nexus);
	manage(&world.request, SCSI_TMF_LOGICAL_UNIT_RESET);
	turn();
	assert_int_equal(world.answers, 1);
	bed_store_finish(&world.bed, 0);
	assert_int_equal(own.completions, 1);
	assert_int_equal(own.cmd.status, 0);
	bed_release(&own);
}

static void test_lun_reset__data_out_is_terminated(void **state)
{
	struct bed_cmd near, far;

	(void)state;
	calm();
	write_block(&near, world.near);
	write_block(&far, world.far);
	manage(&world.request, SCSI_TMF_LOGICAL_UNIT_RESET);
	turn();
	assert_int_equal(world.answers, 1);
	assert_true(near.terminated);
	assert_true(far.terminated);
	expect_silence(&near);
	expect_silence(&far);
	assert_int_equal(world.bed.store.count[STORE_WRITE], 0);
}

static void test_lun_reset__task_aborted_status(void **state)
{
	struct bed_cmd near, far, waits;

	(void)state;
	calm();
	atomic_fetch_or(&world.bed.lu->mode_bits, MODE_ABORTED_STATUS);
	write_block(&waits, world.near);
	world.bed.store.hold = true;
	read_block(&near, world.near);
	read_block(&far, world.far);
	manage(&world.request, SCSI_TMF_TARGET_RESET);
	turn();
	assert_int_equal(world.answers, 0);
	expect_task_aborted(&waits);
	bed_store_finish(&world.bed, 0);
	bed_store_finish(&world.bed, 0);
	turn();
	assert_int_equal(world.answers, 1);
	expect_task_aborted(&near);
	expect_task_aborted(&far);
	world.bed.store.hold = false;
	assert_int_equal(told(world.near), 0x2902);
	assert_int_equal(told(world.near), 0);
}

/* Whoever was aborted by its own nexus before gets no status, whatever TAS says. */
static void test_lun_reset__of_what_was_aborted_already(void **state)
{
	struct bed_cmd far;

	(void)state;
	calm();
	atomic_fetch_or(&world.bed.lu->mode_bits, MODE_ABORTED_STATUS);
	world.bed.store.hold = true;
	read_block(&far, world.far);
	scsi_cmd_abort(&far.cmd);
	manage(&world.request, SCSI_TMF_LOGICAL_UNIT_RESET);
	turn();
	assert_int_equal(world.answers, 0);
	bed_store_finish(&world.bed, 0);
	turn();
	assert_int_equal(world.answers, 1);
	expect_silence(&far);
}

static void test_lun_reset__two_at_a_time(void **state)
{
	struct scsi_tmf_request second;
	struct bed_cmd first_read, second_read;

	(void)state;
	calm();
	world.bed.store.hold = true;
	read_block(&first_read, world.far);
	manage(&world.request, SCSI_TMF_LOGICAL_UNIT_RESET);
	turn();
	read_block(&second_read, world.far);
	/* It has a unit attention to tell and goes no further. */
	assert_int_equal(second_read.completions, 1);
	bed_release(&second_read);
	read_block(&second_read, world.far);
	manage(&second, SCSI_TMF_LOGICAL_UNIT_RESET);
	turn();
	assert_int_equal(world.answers, 0);
	/* The second has ended its own command, but the first's is its, too. */
	bed_store_finish(&world.bed, 0);
	turn();
	assert_int_equal(world.answers, 1);
	bed_store_finish(&world.bed, 0);
	turn();
	assert_int_equal(world.answers, 2);
	expect_silence(&first_read);
	expect_silence(&second_read);
}

static void test_lun_reset__only_the_second_has_ended(void **state)
{
	struct scsi_tmf_request second;
	struct bed_cmd cmd;

	(void)state;
	calm();
	world.bed.store.hold = true;
	read_block(&cmd, world.far);
	manage(&world.request, SCSI_TMF_LOGICAL_UNIT_RESET);
	manage(&second, SCSI_TMF_LOGICAL_UNIT_RESET);
	turn();
	assert_int_equal(world.answers, 0);
	bed_store_finish(&world.bed, 0);
	turn();
	assert_int_equal(world.answers, 2);
	expect_silence(&cmd);
}

/* ---- sweeps ----------------------------------------------------------------------- */

static unsigned sweeps_done;
static const struct scsi_nexus *chosen;

static bool choose(const struct taskset_sweep *sweep, const struct scsi_nexus *nexus)
{
	(void)sweep;
	return nexus == chosen;
}

static void swept(struct taskset_sweep *sweep)
{
	(void)sweep;
	sweeps_done++;
}

static struct taskset_sweep a_sweep(void)
{
	sweeps_done = 0;
	return (struct taskset_sweep){
		.lu = world.bed.lu,
		.reactor = world.bed.reactor,
		.choose = choose,
		.asker = world.bed.nexus,
		.tell = true,
		.done = swept,
	};
}

static void test_taskset_sweep__chosen_ones_are_told(void **state)
{
	struct taskset_sweep sweep = a_sweep();
	struct bed_cmd near, far;

	(void)state;
	calm();
	world.bed.store.hold = true;
	read_block(&far, world.far);
	read_block(&near, world.near);
	chosen = world.far;
	assert_int_equal(taskset_sweep(&sweep), 0);
	assert_int_equal(sweeps_done, 0);
	turn();
	assert_int_equal(sweeps_done, 0);
	bed_store_finish(&world.bed, 0);
	turn();
	assert_int_equal(sweeps_done, 1);
	expect_silence(&far);
	assert_int_equal(near.completions, 0);
	bed_store_finish(&world.bed, 0);
	assert_int_equal(near.cmd.status, 0);
	assert_false(near.cmd.aborted);
	bed_release(&near);
	world.bed.store.hold = false;
	/* COMMANDS CLEARED BY ANOTHER INITIATOR */
	assert_int_equal(told(world.far), 0x2f00);
	assert_int_equal(told(world.far), 0);
	assert_int_equal(told(world.near), 0);
}

static void test_taskset_sweep__who_had_none_is_not_told(void **state)
{
	struct taskset_sweep sweep = a_sweep();

	(void)state;
	calm();
	chosen = world.far;
	assert_int_equal(taskset_sweep(&sweep), 0);
	turn();
	assert_int_equal(sweeps_done, 1);
	assert_int_equal(told(world.far), 0);
}

static void test_taskset_sweep__the_askers_own_but_one(void **state)
{
	struct taskset_sweep sweep = a_sweep();
	struct bed_cmd self, other;

	(void)state;
	calm();
	atomic_fetch_or(&world.bed.lu->mode_bits, MODE_ABORTED_STATUS);
	world.bed.store.hold = true;
	read_block(&self, world.bed.nexus);
	read_block(&other, world.bed.nexus);
	chosen = world.bed.nexus;
	sweep.except = &self.cmd;
	assert_int_equal(taskset_sweep(&sweep), 0);
	turn();
	assert_int_equal(world.bed.store.cancels, 1);
	bed_store_finish(&world.bed, 0);
	assert_int_equal(self.cmd.status, 0);
	bed_release(&self);
	turn();
	assert_int_equal(sweeps_done, 0);
	bed_store_finish(&world.bed, 0);
	turn();
	assert_int_equal(sweeps_done, 1);
	expect_silence(&other);
}

/* A step of a command, as PREEMPT AND ABORT has it. */
static int end_step(struct scsi_cmd *cmd)
{
	return cmd_status(cmd, SCSI_STATUS_RESERVATION_CONFLICT);
}

static bool choose_all(const struct taskset_sweep *sweep, const struct scsi_nexus *nexus)
{
	(void)sweep;
	(void)nexus;
	return true;
}

static struct taskset_sweep step_sweep[2];

static int first_step(struct scsi_cmd *cmd)
{
	struct taskset_sweep *sweep = &step_sweep[cmd->nexus == world.far];

	*sweep = (struct taskset_sweep){ .choose = choose_all };
	return cmd_sweep(cmd, sweep, end_step);
}

/* Two commands that abort each other do not wait for each other. */
static void test_cmd_sweep__each_other(void **state)
{
	struct bed_cmd near, far;

	(void)state;
	calm();
	write_block(&near, world.near);
	write_block(&far, world.far);
	near.cmd.resume = first_step;
	far.cmd.resume = first_step;
	bed_send_data(&near);
	bed_send_data(&far);
	assert_int_equal(near.completions, 0);
	assert_int_equal(far.completions, 0);
	turn();
	expect_silence(&near);
	expect_silence(&far);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_lun_reset__waits_for_the_store_on_every_reactor),
		CASE(test_lun_reset__the_askers_own_are_not_touched),
		CASE(test_lun_reset__data_out_is_terminated),
		CASE(test_lun_reset__task_aborted_status),
		CASE(test_lun_reset__of_what_was_aborted_already),
		CASE(test_lun_reset__two_at_a_time),
		CASE(test_lun_reset__only_the_second_has_ended),
		CASE(test_taskset_sweep__chosen_ones_are_told),
		CASE(test_taskset_sweep__who_had_none_is_not_told),
		CASE(test_taskset_sweep__the_askers_own_but_one),
		CASE(test_cmd_sweep__each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
