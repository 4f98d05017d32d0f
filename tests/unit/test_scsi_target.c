/* SPDX-License-Identifier: BSD-2-Clause */
/* scsi/target.c and attention.c: LUNs, nexuses, and what each is told of. */
#include "test_scsi_bed.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "scsi/lu.h"

/* ---- LUNs: SAM-5 section 4.7 ---- */

static void test_lun_decode__forms(void **state)
{
	(void)state;
	/* Peripheral device addressing, bus 0. */
	assert_int_equal(lun_decode(0), 0);
	assert_int_equal(lun_decode(UINT64_C(0x0001000000000000)), 1);
	assert_int_equal(lun_decode(UINT64_C(0x00ff000000000000)), 255);
	/* Another bus, another level. */
	assert_int_equal(lun_decode(UINT64_C(0x0101000000000000)), LUN_UNKNOWN);
	assert_int_equal(lun_decode(UINT64_C(0x0001000100000000)), LUN_UNKNOWN);
	/* Flat space addressing. */
	assert_int_equal(lun_decode(UINT64_C(0x4001000000000000)), 1);
	assert_int_equal(lun_decode(UINT64_C(0x7fff000000000000)), 16383);
	assert_int_equal(lun_decode(UINT64_C(0x4001000000000001)), LUN_UNKNOWN);
	/* Logical unit addressing, extended addressing. */
	assert_int_equal(lun_decode(UINT64_C(0x8001000000000000)), LUN_UNKNOWN);
	assert_int_equal(lun_decode(UINT64_C(0xd200000100000000)), LUN_UNKNOWN);
	assert_int_equal(lun_decode(UINT64_C(0xc101000000000000)), LUN_WELL_KNOWN);
	assert_int_equal(lun_decode(UINT64_C(0xc102000000000000)), LUN_UNKNOWN);
}

static void test_lun_encode__decodes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 16384; i++)
		assert_int_equal(lun_decode(lun_encode(i)), i);
}

static void test_scsi_target_add__limits(void **state)
{
	struct bed bed;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ 0 });
	assert_int_equal(scsi_target_add(bed.target, 0, bed.lu), -EEXIST);
	assert_int_equal(scsi_target_add(bed.target, SCSI_LUNS_MAX, bed.lu), -ERANGE);
	assert_true(scsi_nexus_has_lun(bed.nexus, 0));
	assert_true(scsi_nexus_has_lun(bed.nexus, UINT64_C(0x4000000000000000)));
	assert_false(scsi_nexus_has_lun(bed.nexus, UINT64_C(0x0001000000000000)));
	assert_false(scsi_nexus_has_lun(bed.nexus, UINT64_C(0xffffffffffffffff)));
	assert_string_equal(scsi_target_name(bed.target), "iqn.2026-11.io.pinion:bed");
	bed_teardown(&bed);
}

/* ---- what one initiator sees ---- */

static struct scsi_nexus *view_nexus(struct bed *bed, const struct scsi_lun_view *view)
{
	struct scsi_nexus_config config = {
		.target = bed->target,
		.view = view,
		.reactor = bed->reactor,
		.initiator_port = "iqn.2026-11.org.example:limited,i,0x000000000001",
		.target_port = "iqn.2026-11.io.pinion:bed,t,0x0001",
		.target_port_group = 1,
	};
	struct scsi_nexus *nexus;

	assert_int_equal(scsi_nexus_create(&config, &nexus), 0);
	return nexus;
}

/* A write of one block to LUN NUMBER through NEXUS. */
static uint8_t write_block(struct bed *bed, struct scsi_nexus *nexus, unsigned number,
			   struct bed_cmd *cmd)
{
	static const uint8_t block[512] = { 0x5a };

	/* The new nexus's unit attention first. */
	BED_CDB(bed, cmd, 0x00, 0, 0, 0, 0, 0);
	cmd->cmd.nexus = nexus;
	cmd->cmd.lun = (uint64_t)number << 48;
	bed_run(cmd);
	BED_CDB(bed, cmd, 0x2a, 0, 0, 0, 0, 7, 0, 0, 1, 0);
	cmd->cmd.nexus = nexus;
	cmd->cmd.lun = (uint64_t)number << 48;
	bed_has(cmd, block, sizeof(block));
	return bed_run(cmd);
}

/* The device-specific parameter of MODE SENSE(6) says WP. */
static bool says_write_protected(struct bed *bed, struct scsi_nexus *nexus, unsigned number)
{
	struct bed_cmd cmd;
	bool yes;

	BED_CDB(bed, &cmd, 0x1a, 0x08, 0x3f, 0, 255, 0);
	cmd.cmd.nexus = nexus;
	cmd.cmd.lun = (uint64_t)number << 48;
	bed_wants(&cmd, 255);
	assert_int_equal(bed_get(&cmd), 0x00);
	yes = (cmd.in[2] & 0x80) != 0;
	bed_release(&cmd);
	return yes;
}

static void test_scsi_lun_view__map(void **state)
{
	struct scsi_lun_view view = {
		.is_mapped = true, .count = 2,
		.luns = { { .as = 5, .lun = 0 }, { .as = 9, .lun = 77 } },
	};
	static const uint8_t report[16] = { 0, 0, 0, 8, 0, 0, 0, 0, 0, 5 };
	struct scsi_nexus *nexus;
	struct bed_cmd cmd;
	struct bed bed;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ 0 });
	nexus = view_nexus(&bed, &view);
	BED_CDB(&bed, &cmd, 0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0);
	cmd.cmd.nexus = nexus;
	bed_wants(&cmd, 256);
	bed_expect_data(&cmd, report, sizeof(report));
	assert_true(scsi_nexus_has_lun(nexus, UINT64_C(0x0005000000000000)));
	assert_false(scsi_nexus_has_lun(nexus, 0));
	assert_false(scsi_nexus_has_lun(nexus, UINT64_C(0x0009000000000000)));
	assert_int_equal(write_block(&bed, nexus, 5, &cmd), 0x00);
	assert_int_equal(bed_medium(&bed, 7)[0], 0x5a);
	assert_false(says_write_protected(&bed, nexus, 5));
	for (unsigned hidden = 0; hidden < 12; hidden += hidden == 4 ? 2 : 1) {
		assert_int_equal(write_block(&bed, nexus, hidden, &cmd), 0x02);
		bed_expect_sense(&cmd, 0x05, 0x2500);
	}
	/* INQUIRY knows no logical unit where none is shown. */
	BED_CDB(&bed, &cmd, 0x12, 0, 0, 0, 36, 0);
	cmd.cmd.nexus = nexus;
	bed_wants(&cmd, 36);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(cmd.in[0], 0x7f);
	bed_release(&cmd);
	scsi_nexus_destroy(nexus);
	bed_teardown(&bed);
}

static void test_scsi_lun_view__read_only(void **state)
{
	struct scsi_lun_view one = {
		.is_mapped = true, .count = 1, .luns = { { .as = 1, .lun = 0, .read_only = true } },
	};
	struct scsi_lun_view all = { .read_only = true };
	struct scsi_nexus *nexus;
	struct bed_cmd cmd;
	struct bed bed;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ 0 });
	nexus = view_nexus(&bed, &one);
	assert_int_equal(write_block(&bed, nexus, 1, &cmd), 0x02);
	bed_expect_sense(&cmd, 0x07, 0x2700);
	assert_true(says_write_protected(&bed, nexus, 1));
	scsi_nexus_destroy(nexus);
	nexus = view_nexus(&bed, &all);
	assert_int_equal(write_block(&bed, nexus, 0, &cmd), 0x02);
	bed_expect_sense(&cmd, 0x07, 0x2700);
	assert_true(says_write_protected(&bed, nexus, 0));
	scsi_nexus_destroy(nexus);
	/* Others are not concerned. */
	bed_clear_attention(&bed);
	assert_int_equal(write_block(&bed, bed.nexus, 0, &cmd), 0x00);
	assert_false(says_write_protected(&bed, bed.nexus, 0));
	bed_teardown(&bed);
}

static void test_scsi_lun_view__target_reset(void **state)
{
	struct scsi_lun_view nothing = { .is_mapped = true };
	struct scsi_lun_view elsewhere = {
		.is_mapped = true, .count = 1, .luns = { { .as = 4, .lun = 0 } },
	};
	struct scsi_nexus *nexus;
	struct bed_cmd cmd;
	struct bed bed;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ 0 });
	bed_clear_attention(&bed);
	/* Who does not see a logical unit does not reset it. */
	nexus = view_nexus(&bed, &nothing);
	assert_int_equal(bed_manage(nexus, SCSI_TMF_TARGET_RESET, 0), SCSI_TMF_FUNCTION_COMPLETE);
	scsi_nexus_destroy(nexus);
	BED_CDB(&bed, &cmd, 0x00, 0, 0, 0, 0, 0);
	assert_int_equal(bed_run(&cmd), 0x00);
	/* Who sees it under another number does. */
	nexus = view_nexus(&bed, &elsewhere);
	assert_int_equal(bed_manage(nexus, SCSI_TMF_LOGICAL_UNIT_RESET, UINT64_C(4) << 48),
			 SCSI_TMF_FUNCTION_COMPLETE);
	scsi_nexus_destroy(nexus);
	BED_CDB(&bed, &cmd, 0x00, 0, 0, 0, 0, 0);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x06, 0x2903);
	bed_teardown(&bed);
}

/* ---- unit attentions ---- */

static void test_attention__power_on_then_nexus_loss(void **state)
{
	struct scsi_nexus *again;
	struct bed bed;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ 0 });
	bed_told(&bed, bed.nexus, 0x2900);
	bed_told(&bed, bed.nexus, 0);
	again = bed_nexus(&bed, "iqn.2026-11.test:initiator,i,0x400000000001");
	bed_told(&bed, again, 0x2907);
	bed_told(&bed, again, 0);
	scsi_nexus_destroy(again);
	/* Another ISID is another nexus, and new. */
	again = bed_nexus(&bed, "iqn.2026-11.test:initiator,i,0x400000000002");
	bed_told(&bed, again, 0x2900);
	scsi_nexus_destroy(again);
	bed_teardown(&bed);
}

static void test_attention__reset_reaches_every_nexus_once(void **state)
{
	struct scsi_nexus *other;
	struct bed bed;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ 0 });
	other = bed_nexus(&bed, "other");
	bed_told(&bed, bed.nexus, 0x2900);
	bed_told(&bed, other, 0x2900);
	bed_manage(bed.nexus, SCSI_TMF_LOGICAL_UNIT_RESET, 0);
	bed_told(&bed, other, 0x2903);
	bed_told(&bed, other, 0);
	bed_told(&bed, bed.nexus, 0x2903);
	bed_told(&bed, bed.nexus, 0);
	bed_manage(other, SCSI_TMF_TARGET_RESET, 0);
	bed_told(&bed, bed.nexus, 0x2902);
	bed_told(&bed, other, 0x2902);
	bed_told(&bed, other, 0);
	/* What happened before a nexus came is not its business. */
	scsi_nexus_destroy(other);
	other = bed_nexus(&bed, "third");
	bed_told(&bed, other, 0x2900);
	bed_told(&bed, other, 0);
	scsi_nexus_destroy(other);
	bed_teardown(&bed);
}

static void test_attention__higher_reset_covers_lower(void **state)
{
	struct bed bed;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ 0 });
	bed_manage(bed.nexus, SCSI_TMF_LOGICAL_UNIT_RESET, 0);
	bed_manage(bed.nexus, SCSI_TMF_TARGET_RESET, 0);
	bed_told(&bed, bed.nexus, 0x2900);
	bed_told(&bed, bed.nexus, 0);
	bed_manage(bed.nexus, SCSI_TMF_LOGICAL_UNIT_RESET, 0);
	bed_manage(bed.nexus, SCSI_TMF_TARGET_RESET, 0);
	bed_told(&bed, bed.nexus, 0x2902);
	bed_told(&bed, bed.nexus, 0);
	bed_teardown(&bed);
}

static void test_scsi_lun_reset__unknown_lun(void **state)
{
	struct bed bed;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ 0 });
	bed_clear_attention(&bed);
	assert_int_equal(bed_manage(bed.nexus, SCSI_TMF_LOGICAL_UNIT_RESET,
				    UINT64_C(0x0005000000000000)),
			 SCSI_TMF_INCORRECT_LUN);
	assert_int_equal(bed_manage(bed.nexus, SCSI_TMF_LOGICAL_UNIT_RESET, UINT64_MAX),
			 SCSI_TMF_INCORRECT_LUN);
	bed_told(&bed, bed.nexus, 0);
	bed_teardown(&bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lun_decode__forms),
		cmocka_unit_test(test_lun_encode__decodes),
		cmocka_unit_test(test_scsi_target_add__limits),
		cmocka_unit_test(test_scsi_lun_view__map),
		cmocka_unit_test(test_scsi_lun_view__read_only),
		cmocka_unit_test(test_scsi_lun_view__target_reset),
		cmocka_unit_test(test_attention__power_on_then_nexus_loss),
		cmocka_unit_test(test_attention__reset_reaches_every_nexus_once),
		cmocka_unit_test(test_attention__higher_reset_covers_lower),
		cmocka_unit_test(test_scsi_lun_reset__unknown_lun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
