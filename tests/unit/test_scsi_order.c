/* SPDX-License-Identifier: BSD-2-Clause */
/* Task attributes, ACA and QERR: SAM-5 sections 5.9 and 8. */
#include <errno.h>
#include <string.h>

#include "scsi/lu.h"
#include "scsi/mode.h"
#include "test_scsi_bed.h"

enum { NACA = 0x04 };

static struct bed bed;

static int set_up(void **state)
{
	(void)state;
	bed_setup(&bed, &(struct bed_config){ .mappable = true });
	bed_clear_attention(&bed);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	bed_turns(&bed, 2);
	assert_int_equal(bed.nexus->lu[0].order.special, 0);
	bed_teardown(&bed);
	return 0;
}

static void make_read(struct bed_cmd *cmd, enum scsi_task_attribute attribute, uint8_t lba)
{
	BED_CDB(&bed, cmd, 0x28, 0, 0, 0, 0, lba, 0, 0, 1, 0);
	bed_wants(cmd, 512);
	cmd->cmd.attribute = attribute;
}

static void start(struct bed_cmd *cmd, enum scsi_task_attribute attribute, uint8_t lba)
{
	make_read(cmd, attribute, lba);
	bed_start(cmd);
}

/* Ends the oldest I/O of the store and lets follow what does. */
static void finish(void)
{
	bed_store_finish(&bed, 0);
	bed_turns(&bed, 2);
}

static void expect_good(struct bed_cmd *cmd)
{
	assert_int_equal(cmd->completions, 1);
	assert_int_equal(cmd->cmd.status, 0x00);
	assert_false(cmd->cmd.aborted);
	bed_release(cmd);
}

static void expect_aborted(struct bed_cmd *cmd)
{
	assert_int_equal(cmd->completions, 1);
	assert_true(cmd->cmd.aborted);
	bed_release(cmd);
}

static uint8_t status_of(enum scsi_task_attribute attribute)
{
	struct bed_cmd cmd;

	make_read(&cmd, attribute, 0);
	return bed_run(&cmd);
}

static void test_ordered__between_older_and_newer(void **state)
{
	struct bed_cmd older[2], ordered, newer[2];

	(void)state;
	bed.store.hold = true;
	start(&older[0], SCSI_SIMPLE, 0);
	start(&older[1], SCSI_UNTAGGED, 1);
	start(&ordered, SCSI_ORDERED, 2);
	start(&newer[0], SCSI_SIMPLE, 3);
	start(&newer[1], SCSI_SIMPLE, 4);
	bed_turns(&bed, 2);
	assert_int_equal(bed.store.held_count, 2);
	finish();
	assert_int_equal(bed.store.held_count, 1);
	finish();
	/* The ordered one alone. */
	assert_int_equal(bed.store.held_count, 1);
	assert_int_equal(bed.store.held[0]->offset, 2 * 512);
	finish();
	assert_int_equal(bed.store.held_count, 2);
	finish();
	finish();
	for (unsigned i = 0; i < 2; i++) {
		expect_good(&older[i]);
		expect_good(&newer[i]);
	}
	expect_good(&ordered);
}

static void test_ordered__one_after_the_other(void **state)
{
	struct bed_cmd cmd[3];

	(void)state;
	bed.store.hold = true;
	for (unsigned i = 0; i < 3; i++)
		start(&cmd[i], SCSI_ORDERED, (uint8_t)i);
	for (unsigned i = 0; i < 3; i++) {
		bed_turns(&bed, 2);
		assert_int_equal(bed.store.held_count, 1);
		assert_int_equal(bed.store.held[0]->offset, i * 512);
		finish();
		expect_good(&cmd[i]);
	}
}

static void test_head_of_queue__overtakes(void **state)
{
	struct bed_cmd simple, ordered, head, late;

	(void)state;
	bed.store.hold = true;
	start(&simple, SCSI_SIMPLE, 0);
	start(&ordered, SCSI_ORDERED, 1);
	start(&head, SCSI_HEAD_OF_QUEUE, 2);
	start(&late, SCSI_SIMPLE, 3);
	assert_int_equal(bed.store.held_count, 2);
	assert_int_equal(bed.store.held[1]->offset, 2 * 512);
	/* The ordered one waits for it, too. */
	finish();
	assert_int_equal(bed.store.held_count, 1);
	finish();
	assert_int_equal(bed.store.held_count, 1);
	assert_int_equal(bed.store.held[0]->offset, 1 * 512);
	finish();
	finish();
	expect_good(&simple);
	expect_good(&ordered);
	expect_good(&head);
	expect_good(&late);
}

static void test_simple__waits_for_an_older_head_of_queue(void **state)
{
	struct bed_cmd head, simple;

	(void)state;
	bed.store.hold = true;
	start(&head, SCSI_HEAD_OF_QUEUE, 0);
	start(&simple, SCSI_SIMPLE, 1);
	assert_int_equal(bed.store.held_count, 1);
	finish();
	assert_int_equal(bed.store.held_count, 1);
	finish();
	expect_good(&head);
	expect_good(&simple);
}

static void test_other_nexus__does_not_wait(void **state)
{
	struct scsi_nexus *other = bed_nexus(&bed, "other");
	struct bed_cmd cmd, ordered, theirs;

	(void)state;
	BED_CDB(&bed, &theirs, 0x00, 0, 0, 0, 0, 0);
	theirs.cmd.nexus = other;
	bed_run(&theirs);
	bed.store.hold = true;
	start(&cmd, SCSI_SIMPLE, 0);
	start(&ordered, SCSI_ORDERED, 1);
	make_read(&theirs, SCSI_SIMPLE, 2);
	theirs.cmd.nexus = other;
	bed_start(&theirs);
	assert_int_equal(bed.store.held_count, 2);
	finish();
	finish();
	finish();
	expect_good(&cmd);
	expect_good(&ordered);
	expect_good(&theirs);
	scsi_nexus_destroy(other);
}

/* A dormant write has room for what comes unasked, and writes just that in its time. */
static void test_dormant__write_with_unsolicited_data(void **state)
{
	struct bed_cmd first, write;
	uint8_t data[4096];

	(void)state;
	bed_pattern(data, sizeof(data), 7);
	bed.store.hold = true;
	start(&first, SCSI_ORDERED, 0);
	BED_CDB(&bed, &write, 0x2a, 0, 0, 0, 0, 8, 0, 0, 8, 0);
	bed_has(&write, data, sizeof(data));
	write.cmd.unsolicited = 1024;
	write.hold_data = true;
	bed_start(&write);
	assert_int_equal(write.completions, 0);
	assert_false(write.wants_data);
	assert_int_equal(write.cmd.data_out_length, 1024);
	assert_true(write.cmd.data.length >= 1024);
	extents_copy_in(&write.cmd.data, 0, data, 1024);
	finish();
	expect_good(&first);
	assert_true(write.wants_data);
	assert_int_equal(write.cmd.data_out_length, 4096);
	/* The first part has come already, the rest is fetched. */
	write.wants_data = false;
	extents_copy_in(&write.cmd.data, 1024, data + 1024, 3072);
	scsi_data_out_received(&write.cmd, 0);
	finish();
	expect_good(&write);
	assert_memory_equal(bed_medium(&bed, 8), data, sizeof(data));
}

/* A write that waits for its data. */
static void start_held_data(struct bed_cmd *cmd)
{
	static const uint8_t block[512];

	BED_CDB(&bed, cmd, 0x2a, 0, 0, 0, 0, 9, 0, 0, 1, 0);
	bed_has(cmd, block, sizeof(block));
	cmd->hold_data = true;
	bed_start(cmd);
}

static void test_dormant__aborted(void **state)
{
	struct bed_cmd first, ordered, last;

	(void)state;
	bed.store.hold = true;
	start(&first, SCSI_SIMPLE, 0);
	start(&ordered, SCSI_ORDERED, 1);
	start(&last, SCSI_SIMPLE, 2);
	scsi_cmd_abort(&ordered.cmd);
	expect_aborted(&ordered);
	bed_turns(&bed, 2);
	/* Nothing is between the two any more. */
	assert_int_equal(bed.store.held_count, 2);
	finish();
	finish();
	expect_good(&first);
	expect_good(&last);
}

/* Another nexus resets the logical unit. */
static void test_dormant__reset(void **state)
{
	struct scsi_nexus *other = bed_nexus(&bed, "other");
	struct bed_cmd first, ordered, last;

	(void)state;
	start_held_data(&first);
	start(&ordered, SCSI_ORDERED, 1);
	start(&last, SCSI_SIMPLE, 2);
	assert_int_equal(bed_manage(other, SCSI_TMF_LOGICAL_UNIT_RESET, 0),
			 SCSI_TMF_FUNCTION_COMPLETE);
	expect_aborted(&first);
	expect_aborted(&ordered);
	expect_aborted(&last);
	bed_turns(&bed, 2);
	assert_int_equal(bed.store.count[STORE_READ], 0);
	scsi_nexus_destroy(other);
}

/* ---- ACA ----------------------------------------------------------------------------- */

static void fail_with_naca(void)
{
	struct bed_cmd cmd;

	/* Behind the end of the medium. */
	BED_CDB(&bed, &cmd, 0x28, 0, 0x7f, 0, 0, 0, 0, 0, 1, NACA);
	bed_wants(&cmd, 512);
	cmd.cmd.attribute = SCSI_SIMPLE;
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2100);
}

static void test_naca__without_a_failure_is_nothing(void **state)
{
	struct bed_cmd cmd;

	(void)state;
	BED_CDB(&bed, &cmd, 0x00, 0, 0, 0, 0, NACA);
	assert_int_equal(bed_run(&cmd), 0x00);
	assert_int_equal(status_of(SCSI_SIMPLE), 0x00);
}

static void test_aca__only_aca_commands(void **state)
{
	struct scsi_nexus *other = bed_nexus(&bed, "other");
	struct bed_cmd cmd;

	(void)state;
	fail_with_naca();
	assert_int_equal(status_of(SCSI_SIMPLE), 0x30);
	assert_int_equal(status_of(SCSI_ORDERED), 0x30);
	assert_int_equal(status_of(SCSI_HEAD_OF_QUEUE), 0x30);
	assert_int_equal(status_of(SCSI_ACA), 0x00);
	/* Others are not concerned: power on, then GOOD. */
	for (unsigned i = 0; i < 2; i++) {
		make_read(&cmd, SCSI_SIMPLE, 0);
		cmd.cmd.nexus = other;
		assert_int_equal(bed_run(&cmd), i == 0 ? 0x02 : 0x00);
	}
	assert_int_equal(bed_manage(bed.nexus, SCSI_TMF_CLEAR_ACA, 0), SCSI_TMF_FUNCTION_COMPLETE);
	assert_int_equal(status_of(SCSI_SIMPLE), 0x00);
	/* And when there is none. */
	assert_int_equal(bed_manage(bed.nexus, SCSI_TMF_CLEAR_ACA, 0), SCSI_TMF_FUNCTION_COMPLETE);
	assert_int_equal(bed_manage(bed.nexus, SCSI_TMF_CLEAR_ACA, UINT64_C(5) << 48),
			 SCSI_TMF_INCORRECT_LUN);
	scsi_nexus_destroy(other);
}

static void test_aca__one_command_at_a_time(void **state)
{
	struct bed_cmd first;

	(void)state;
	fail_with_naca();
	bed.store.hold = true;
	start(&first, SCSI_ACA, 0);
	assert_int_equal(status_of(SCSI_ACA), 0x30);
	bed.store.hold = false;
	finish();
	expect_good(&first);
	assert_int_equal(status_of(SCSI_ACA), 0x00);
	bed_manage(bed.nexus, SCSI_TMF_CLEAR_ACA, 0);
}

static void test_aca__attribute_without_the_condition(void **state)
{
	struct bed_cmd cmd;

	(void)state;
	make_read(&cmd, SCSI_ACA, 0);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x4900);
}

/* Its command fails: with NACA the condition goes on, without it ends. */
static void test_aca__command_fails(void **state)
{
	struct bed_cmd cmd;

	(void)state;
	fail_with_naca();
	BED_CDB(&bed, &cmd, 0x28, 0, 0x7f, 0, 0, 0, 0, 0, 1, NACA);
	bed_wants(&cmd, 512);
	cmd.cmd.attribute = SCSI_ACA;
	assert_int_equal(bed_run(&cmd), 0x02);
	assert_int_equal(status_of(SCSI_SIMPLE), 0x30);
	cmd.cmd.cdb[9] = 0;
	cmd.completions = 0;
	assert_int_equal(bed_run(&cmd), 0x02);
	assert_int_equal(status_of(SCSI_SIMPLE), 0x00);
}

static void test_aca__dormant_commands_wait_for_its_end(void **state)
{
	struct bed_cmd first, ordered;

	(void)state;
	bed.store.hold = true;
	make_read(&first, SCSI_SIMPLE, 0);
	first.cmd.cdb[9] = NACA;
	bed_start(&first);
	start(&ordered, SCSI_ORDERED, 1);
	bed_store_finish(&bed, -EIO);
	bed_turns(&bed, 2);
	assert_int_equal(first.cmd.status, 0x02);
	bed_release(&first);
	assert_int_equal(ordered.completions, 0);
	assert_int_equal(bed.store.held_count, 0);
	bed_manage(bed.nexus, SCSI_TMF_CLEAR_ACA, 0);
	bed_turns(&bed, 2);
	assert_int_equal(bed.store.held_count, 1);
	finish();
	expect_good(&ordered);
}

static void cleared(struct scsi_tmf_request *request)
{
	request->lun = UINT64_MAX;
}

static void test_aca__clearing_ends_its_command(void **state)
{
	struct scsi_tmf_request request = {
		.nexus = bed.nexus, .function = SCSI_TMF_CLEAR_ACA, .done = cleared,
	};
	struct bed_cmd cmd;

	(void)state;
	fail_with_naca();
	bed.store.hold = true;
	start(&cmd, SCSI_ACA, 0);
	scsi_task_management(&request);
	bed_turns(&bed, 5);
	assert_int_equal(bed.store.cancels, 1);
	assert_int_equal(request.lun, 0);
	finish();
	expect_aborted(&cmd);
	bed_turns(&bed, 5);
	assert_true(request.lun == UINT64_MAX);
	bed.store.hold = false;
	assert_int_equal(status_of(SCSI_SIMPLE), 0x00);
}

static void test_aca__resets_end_it(void **state)
{
	struct scsi_nexus *other = bed_nexus(&bed, "other");

	(void)state;
	fail_with_naca();
	bed_manage(bed.nexus, SCSI_TMF_LOGICAL_UNIT_RESET, 0);
	assert_int_equal(status_of(SCSI_SIMPLE), 0x02);
	assert_int_equal(status_of(SCSI_SIMPLE), 0x00);
	fail_with_naca();
	bed_manage(other, SCSI_TMF_TARGET_RESET, 0);
	assert_int_equal(status_of(SCSI_SIMPLE), 0x02);
	assert_int_equal(status_of(SCSI_SIMPLE), 0x00);
	fail_with_naca();
	bed_manage(bed.nexus, SCSI_TMF_I_T_NEXUS_RESET, 0);
	assert_int_equal(status_of(SCSI_SIMPLE), 0x02);
	assert_int_equal(status_of(SCSI_SIMPLE), 0x00);
	scsi_nexus_destroy(other);
}

/* ---- QERR ---------------------------------------------------------------------------- */

static void test_qerr__aborts_all_others_of_the_nexus(void **state)
{
	struct bed_cmd stored, dormant, waits, bad;

	(void)state;
	atomic_fetch_or(&bed.lu->mode_bits, 0x10);
	start_held_data(&waits);
	bed.store.hold = true;
	start(&stored, SCSI_SIMPLE, 0);
	start(&dormant, SCSI_ORDERED, 1);
	make_read(&bad, SCSI_HEAD_OF_QUEUE, 0);
	bad.cmd.cdb[2] = 0x7f;
	assert_int_equal(bed_run(&bad), 0x02);
	bed_expect_sense(&bad, 0x05, 0x2100);
	assert_true(waits.terminated);
	expect_aborted(&waits);
	expect_aborted(&dormant);
	assert_int_equal(bed.store.cancels, 1);
	finish();
	expect_aborted(&stored);
	atomic_fetch_and(&bed.lu->mode_bits, ~MODE_QERR);
}

/* ---- what a lost nexus leaves behind ------------------------------------------------- */

#define SELF "iqn.2026-11.test:initiator,i,0x400000000001"

/* A command of NEXUS that needs the medium: its status, or'ed with the ASC for CHECK CONDITION. */
static unsigned ready(struct scsi_nexus *nexus, uint8_t opcode)
{
	struct bed_cmd cmd;

	BED_CDB(&bed, &cmd, opcode, 0, 0, 0, opcode == 0x12 ? 36 : 0, 0);
	bed_wants(&cmd, 36);
	cmd.cmd.nexus = nexus;
	bed_run(&cmd);
	return cmd.cmd.status == 2 ? 0x200u | cmd.cmd.sense[12] : cmd.cmd.status;
}

static void test_orphans__keep_the_same_initiator_out(void **state)
{
	struct scsi_nexus *again, *other;
	static const uint8_t block[512] = { 1 };
	struct bed_cmd write;

	(void)state;
	bed.store.hold = true;
	BED_CDB(&bed, &write, 0x2a, 0, 0, 0, 0, 9, 0, 0, 1, 0);
	bed_has(&write, block, sizeof(block));
	bed_start(&write);
	scsi_cmd_abort(&write.cmd);
	scsi_nexus_lost(bed.nexus);
	again = bed_nexus(&bed, SELF);
	other = bed_nexus(&bed, "other");
	assert_int_equal(ready(again, 0x00), 0x08);
	assert_int_equal(ready(again, 0x12), 0x00);
	assert_int_equal(ready(again, 0x00), 0x08);
	assert_int_equal(ready(other, 0x00), 0x229);
	assert_int_equal(ready(other, 0x00), 0x00);
	bed_store_finish(&bed, 0);
	expect_aborted(&write);
	scsi_nexus_destroy(bed.nexus);
	bed.nexus = again;
	assert_int_equal(ready(again, 0x00), 0x229);
	assert_int_equal(ready(again, 0x00), 0x00);
	scsi_nexus_destroy(other);
}

/* A read of the past cannot hurt. */
static void test_orphans__that_read_keep_nobody_out(void **state)
{
	struct scsi_nexus *again;
	struct bed_cmd cmd;

	(void)state;
	bed.store.hold = true;
	start(&cmd, SCSI_SIMPLE, 0);
	scsi_cmd_abort(&cmd.cmd);
	scsi_nexus_lost(bed.nexus);
	again = bed_nexus(&bed, SELF);
	assert_int_equal(ready(again, 0x00), 0x229);
	assert_int_equal(ready(again, 0x00), 0x00);
	bed_store_finish(&bed, 0);
	expect_aborted(&cmd);
	scsi_nexus_destroy(bed.nexus);
	bed.nexus = again;
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_ordered__between_older_and_newer),
		CASE(test_ordered__one_after_the_other),
		CASE(test_head_of_queue__overtakes),
		CASE(test_simple__waits_for_an_older_head_of_queue),
		CASE(test_other_nexus__does_not_wait),
		CASE(test_dormant__write_with_unsolicited_data),
		CASE(test_dormant__aborted),
		CASE(test_dormant__reset),
		CASE(test_naca__without_a_failure_is_nothing),
		CASE(test_aca__only_aca_commands),
		CASE(test_aca__one_command_at_a_time),
		CASE(test_aca__attribute_without_the_condition),
		CASE(test_aca__command_fails),
		CASE(test_aca__dormant_commands_wait_for_its_end),
		CASE(test_aca__clearing_ends_its_command),
		CASE(test_aca__resets_end_it),
		CASE(test_qerr__aborts_all_others_of_the_nexus),
		CASE(test_orphans__keep_the_same_initiator_out),
		CASE(test_orphans__that_read_keep_nobody_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
