/* SPDX-License-Identifier: BSD-2-Clause */
/* A command that waits until something is kept. */
#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "scsi/command.h"
#include "scsi/lu.h"
#include "test_scsi_bed.h"

static int setup(void **state)
{
	static const struct bed_config config = { .keeps = true };
	static struct bed bed;

	bed_setup(&bed, &config);
	*state = &bed;
	return 0;
}

static int teardown(void **state)
{
	bed_teardown(*state);
	return 0;
}

static int answer(struct scsi_cmd *cmd)
{
	cmd->steps++;
	return cmd_status(cmd, cmd->kept == 0 ? SCSI_STATUS_GOOD : SCSI_STATUS_BUSY);
}

/* A command that has just begun. */
static void begin(struct bed *bed, struct bed_cmd *cmd)
{
	BED_CDB(bed, cmd, 0x5f, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	cmd->cmd.lu = bed->lu;
	cmd->cmd.phase = SCSI_PHASE_RUNNING;
	extents_init(&cmd->cmd.data);
	extents_init(&cmd->cmd.scratch);
	list_node_init(&cmd->cmd.link);
	list_push_back(&bed->nexus->stray, &cmd->cmd.link);
}

static uint8_t keep(struct bed *bed, const char *text)
{
	struct bed_cmd cmd;

	begin(bed, &cmd);
	cmd_drive(&cmd.cmd, cmd_keep(&cmd.cmd, "thing", text, strlen(text), answer));
	bed_wait(&cmd);
	bed_release(&cmd);
	return cmd.cmd.status;
}

static void test_cmd_keep__is_there_after_a_restart(void **state)
{
	struct bed *bed = *state;
	char data[20] = "";

	assert_int_equal(lu_load(bed->lu, "thing", data, sizeof(data)), -ENOENT);
	assert_int_equal(keep(bed, "one"), SCSI_STATUS_GOOD);
	assert_int_equal(keep(bed, "two"), SCSI_STATUS_GOOD);
	assert_non_null(bed_blob(bed, "-thing"));
	bed_restart(bed);
	assert_int_equal(lu_load(bed->lu, "thing", data, sizeof(data)), 3);
	assert_string_equal(data, "two");
	assert_int_equal(lu_load(bed->lu, "other", data, sizeof(data)), -ENOENT);
}

static void test_cmd_keep__waits_for_the_medium(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;

	bed->keeper.hold = true;
	begin(bed, &cmd);
	cmd_drive(&cmd.cmd, cmd_keep(&cmd.cmd, "thing", "x", 1, answer));
	bed_turns(bed, 3);
	assert_int_equal(cmd.completions, 0);
	bed_keeper_finish(bed);
	bed_wait(&cmd);
	bed_release(&cmd);
}

static void test_cmd_keep__aborted_meanwhile(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;

	bed->keeper.hold = true;
	begin(bed, &cmd);
	cmd.cmd.steps = 0;
	cmd_drive(&cmd.cmd, cmd_keep(&cmd.cmd, "thing", "x", 1, answer));
	scsi_cmd_abort(&cmd.cmd);
	bed_turns(bed, 3);
	assert_int_equal(cmd.completions, 0);
	assert_int_equal(cmd.cmd.steps, 0);
	bed_keeper_finish(bed);
	bed_wait(&cmd);
	assert_true(cmd.cmd.aborted);
	/* It hears of it all the same. */
	assert_int_equal(cmd.cmd.steps, 1);
	bed_release(&cmd);
}

static void test_cmd_keep__failure_is_told(void **state)
{
	struct bed *bed = *state;

	bed->keeper.fail = -ENOSPC;
	assert_int_equal(keep(bed, "one"), SCSI_STATUS_BUSY);
	assert_null(bed_blob(bed, "-thing"));
}

static void test_cmd_keep__without_a_keeper(void **state)
{
	struct bed *bed = *state;
	char data[20];

	bed->lu->keeper = NULL;
	assert_int_equal(keep(bed, "one"), SCSI_STATUS_BUSY);
	assert_int_equal(lu_load(bed->lu, "thing", data, sizeof(data)), -ENOENT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_cmd_keep__is_there_after_a_restart, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_cmd_keep__waits_for_the_medium, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_cmd_keep__aborted_meanwhile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cmd_keep__failure_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cmd_keep__without_a_keeper, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
