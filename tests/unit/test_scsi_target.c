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

/* ---- unit attentions ---- */

/* TEST UNIT READY through NEXUS is told CODE, 0: nothing. */
static void told(struct bed *bed, struct scsi_nexus *nexus, uint16_t code)
{
	struct bed_cmd cmd;

	BED_CDB(bed, &cmd, 0x00, 0, 0, 0, 0, 0);
	cmd.cmd.nexus = nexus;
	assert_int_equal(bed_run(&cmd), code != 0 ? 0x02 : 0x00);
	if (code != 0)
		bed_expect_sense(&cmd, 0x06, code);
}

static void test_attention__power_on_then_nexus_loss(void **state)
{
	struct scsi_nexus *again;
	struct bed bed;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ 0 });
	told(&bed, bed.nexus, 0x2900);
	told(&bed, bed.nexus, 0);
	again = bed_nexus(&bed, "iqn.2026-11.test:initiator,i,0x400000000001");
	told(&bed, again, 0x2907);
	told(&bed, again, 0);
	scsi_nexus_destroy(again);
	/* Another ISID is another nexus, and new. */
	again = bed_nexus(&bed, "iqn.2026-11.test:initiator,i,0x400000000002");
	told(&bed, again, 0x2900);
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
	told(&bed, bed.nexus, 0x2900);
	told(&bed, other, 0x2900);
	scsi_lun_reset(bed.nexus, 0);
	told(&bed, other, 0x2903);
	told(&bed, other, 0);
	told(&bed, bed.nexus, 0x2903);
	told(&bed, bed.nexus, 0);
	scsi_target_reset(other);
	told(&bed, bed.nexus, 0x2902);
	told(&bed, other, 0x2902);
	told(&bed, other, 0);
	/* What happened before a nexus came is not its business. */
	scsi_nexus_destroy(other);
	other = bed_nexus(&bed, "third");
	told(&bed, other, 0x2900);
	told(&bed, other, 0);
	scsi_nexus_destroy(other);
	bed_teardown(&bed);
}

static void test_attention__higher_reset_covers_lower(void **state)
{
	struct bed bed;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ 0 });
	scsi_lun_reset(bed.nexus, 0);
	scsi_target_reset(bed.nexus);
	told(&bed, bed.nexus, 0x2900);
	told(&bed, bed.nexus, 0);
	scsi_lun_reset(bed.nexus, 0);
	scsi_target_reset(bed.nexus);
	told(&bed, bed.nexus, 0x2902);
	told(&bed, bed.nexus, 0);
	bed_teardown(&bed);
}

static void test_scsi_lun_reset__unknown_lun(void **state)
{
	struct bed bed;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ 0 });
	bed_clear_attention(&bed);
	scsi_lun_reset(bed.nexus, UINT64_C(0x0005000000000000));
	scsi_lun_reset(bed.nexus, UINT64_MAX);
	told(&bed, bed.nexus, 0);
	bed_teardown(&bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lun_decode__forms),
		cmocka_unit_test(test_lun_encode__decodes),
		cmocka_unit_test(test_scsi_target_add__limits),
		cmocka_unit_test(test_attention__power_on_then_nexus_loss),
		cmocka_unit_test(test_attention__reset_reaches_every_nexus_once),
		cmocka_unit_test(test_attention__higher_reset_covers_lower),
		cmocka_unit_test(test_scsi_lun_reset__unknown_lun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
