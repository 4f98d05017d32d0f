/* SPDX-License-Identifier: BSD-2-Clause */
/* scsi/sbc_start_stop.c: stopping, ejecting, and who prevents it. */
#include "test_scsi_bed.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

struct room {
	struct bed bed;
	struct scsi_nexus *other;
};

static int setup_with(void **state, bool removable)
{
	struct room *room = calloc(1, sizeof(*room));
	struct bed_cmd cmd;

	bed_setup(&room->bed, &(struct bed_config){ .lu = { .removable = removable } });
	bed_clear_attention(&room->bed);
	room->other = bed_nexus(&room->bed, "other");
	BED_CDB(&room->bed, &cmd, 0x00, 0, 0, 0, 0, 0);
	cmd.cmd.nexus = room->other;
	bed_run(&cmd);
	*state = room;
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, true);
}

static int setup_fixed(void **state)
{
	return setup_with(state, false);
}

static int teardown(void **state)
{
	struct room *room = *state;

	if (room->other != NULL)
		scsi_nexus_destroy(room->other);
	bed_teardown(&room->bed);
	free(room);
	return 0;
}

/* Key << 16 | ASC << 8 | ASCQ of what NEXUS is told, 0: GOOD. */
static uint32_t told(struct bed *bed, struct scsi_nexus *nexus, const uint8_t cdb[6])
{
	struct bed_cmd cmd;

	bed_cdb(bed, &cmd, cdb, 6);
	cmd.cmd.nexus = nexus;
	if (bed_run(&cmd) == 0x00)
		return 0;
	assert_int_equal(cmd.cmd.status, 0x02);
	return (uint32_t)cmd.cmd.sense[2] << 16 | get_be16(cmd.cmd.sense + 12);
}

static uint32_t ready(struct bed *bed, struct scsi_nexus *nexus)
{
	return told(bed, nexus, (const uint8_t[6]){ 0 });
}

static uint32_t start_stop(struct bed *bed, uint8_t what)
{
	return told(bed, bed->nexus, (const uint8_t[6]){ 0x1b, 0, 0, 0, what, 0 });
}

static uint32_t prevent(struct bed *bed, struct scsi_nexus *nexus, uint8_t what)
{
	return told(bed, nexus, (const uint8_t[6]){ 0x1e, 0, 0, 0, what, 0 });
}

/* ---- stopping ---- */

static void test_sbc_start_stop_unit__stop_makes_safe(void **state)
{
	struct room *room = *state;
	struct bed *bed = &room->bed;

	assert_int_equal(start_stop(bed, 0x01), 0);
	assert_int_equal(bed->store.count[STORE_FLUSH], 0);
	assert_int_equal(start_stop(bed, 0x00), 0);
	assert_int_equal(bed->store.count[STORE_FLUSH], 1);
	/* Others go on. */
	assert_int_equal(ready(bed, room->other), 0);
	/* NO_FLUSH */
	assert_int_equal(start_stop(bed, 0x04), 0);
	assert_int_equal(bed->store.count[STORE_FLUSH], 1);
}

static void test_sbc_start_stop_unit__power_conditions(void **state)
{
	struct room *room = *state;
	struct bed *bed = &room->bed;
	struct bed_cmd cmd;

	for (uint8_t condition = 1; condition < 16; condition++) {
		for (uint8_t modifier = 0; modifier < 16; modifier++) {
			/* LOEJ and START mean nothing beside them. */
			BED_CDB(bed, &cmd, 0x1b, 0, 0, modifier, (uint8_t)(condition << 4 | 0x02), 0);
			assert_int_equal(bed_run(&cmd), 0x00);
		}
		assert_int_equal(ready(bed, bed->nexus), 0);
	}
	assert_int_equal(bed->store.count[STORE_FLUSH], 0);
}

static void test_sbc_start_stop_unit__fixed(void **state)
{
	struct room *room = *state;
	struct bed_cmd cmd;

	BED_CDB(&room->bed, &cmd, 0x1b, 0, 0, 0, 0x02, 0);
	BED_RUN_FIELD(&cmd, 4, 1);
	BED_CDB(&room->bed, &cmd, 0x1e, 0, 0, 0, 1, 0);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_field(&cmd, 0x2000, 0, -1);
}

/* ---- ejecting ---- */

static void test_sbc_start_stop_unit__eject_and_load(void **state)
{
	struct room *room = *state;
	struct bed *bed = &room->bed;
	static const uint8_t block[512];
	struct bed_cmd cmd;

	assert_int_equal(start_stop(bed, 0x02), 0);
	assert_int_equal(bed->store.count[STORE_FLUSH], 1);
	assert_int_equal(ready(bed, room->other), 0x023a02);
	BED_CDB(bed, &cmd, 0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0);
	bed_has(&cmd, block, sizeof(block));
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x02, 0x3a02);
	assert_int_equal(bed->store.count[STORE_WRITE], 0);
	BED_CDB(bed, &cmd, 0x03, 0, 0, 0, 18, 0);
	bed_wants(&cmd, 18);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(cmd.in[2], 0x02);
	assert_int_equal(get_be16(cmd.in + 12), 0x3a02);
	bed_release(&cmd);
	/* What has nothing to do with the medium works. */
	BED_CDB(bed, &cmd, 0x1a, 0x08, 0x0a, 0, 255, 0);
	bed_wants(&cmd, 255);
	assert_int_equal(bed_run(&cmd), 0x00);
	/* There is nothing to start or stop. */
	assert_int_equal(start_stop(bed, 0x01), 0x023a02);
	assert_int_equal(start_stop(bed, 0x00), 0x023a02);
	assert_int_equal(start_stop(bed, 0x02), 0);
	/* A reset does not bring it back, loading does; the others are told. */
	assert_int_equal(bed_manage(bed->nexus, SCSI_TMF_LOGICAL_UNIT_RESET, 0),
			 SCSI_TMF_FUNCTION_COMPLETE);
	assert_int_equal(ready(bed, bed->nexus), 0x062903);
	assert_int_equal(ready(bed, bed->nexus), 0x023a02);
	assert_int_equal(start_stop(bed, 0x03), 0);
	assert_int_equal(ready(bed, bed->nexus), 0);
	assert_int_equal(ready(bed, room->other), 0x062903);
	assert_int_equal(ready(bed, room->other), 0x062800);
	assert_int_equal(ready(bed, room->other), 0);
	/* Loading what is loaded is no news. */
	assert_int_equal(start_stop(bed, 0x03), 0);
	assert_int_equal(ready(bed, room->other), 0);
}

static void test_sbc_prevent_allow__each_nexus(void **state)
{
	struct room *room = *state;
	struct bed *bed = &room->bed;

	assert_int_equal(prevent(bed, bed->nexus, 1), 0);
	assert_int_equal(prevent(bed, bed->nexus, 1), 0);
	assert_int_equal(prevent(bed, room->other, 1), 0);
	assert_int_equal(start_stop(bed, 0x02), 0x055302);
	assert_int_equal(ready(bed, bed->nexus), 0);
	assert_int_equal(prevent(bed, bed->nexus, 0), 0);
	assert_int_equal(start_stop(bed, 0x02), 0x055302);
	/* Whoever goes prevents nothing any more. */
	scsi_nexus_destroy(room->other);
	room->other = NULL;
	assert_int_equal(start_stop(bed, 0x02), 0);
	assert_int_equal(ready(bed, bed->nexus), 0x023a02);
}

/* As libiscsi's suite has it: the way in is shut too. */
static void test_sbc_prevent_allow__loading(void **state)
{
	struct room *room = *state;
	struct bed *bed = &room->bed;

	assert_int_equal(start_stop(bed, 0x02), 0);
	assert_int_equal(prevent(bed, room->other, 1), 0);
	assert_int_equal(start_stop(bed, 0x03), 0x055302);
	assert_int_equal(prevent(bed, room->other, 0), 0);
	assert_int_equal(start_stop(bed, 0x03), 0);
	assert_int_equal(ready(bed, room->other), 0x062800);
	/* Nothing moves: nothing is in the way. */
	assert_int_equal(prevent(bed, room->other, 1), 0);
	assert_int_equal(start_stop(bed, 0x03), 0);
}

static void test_sbc_prevent_allow__ends_with_a_reset(void **state)
{
	struct room *room = *state;
	struct bed *bed = &room->bed;

	assert_int_equal(prevent(bed, bed->nexus, 1), 0);
	assert_int_equal(prevent(bed, room->other, 1), 0);
	assert_int_equal(bed_manage(bed->nexus, SCSI_TMF_TARGET_RESET, 0),
			 SCSI_TMF_FUNCTION_COMPLETE);
	assert_int_equal(ready(bed, bed->nexus), 0x062902);
	/* To allow what is allowed takes nobody's prevention away. */
	assert_int_equal(ready(bed, room->other), 0x062902);
	assert_int_equal(prevent(bed, room->other, 1), 0);
	assert_int_equal(prevent(bed, bed->nexus, 0), 0);
	assert_int_equal(start_stop(bed, 0x02), 0x055302);
	assert_int_equal(prevent(bed, room->other, 0), 0);
	assert_int_equal(start_stop(bed, 0x02), 0);
}

static void test_sbc_prevent_allow__obsolete_values(void **state)
{
	struct room *room = *state;
	struct bed_cmd cmd;

	BED_CDB(&room->bed, &cmd, 0x1e, 0, 0, 0, 2, 0);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2400);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sbc_start_stop_unit__stop_makes_safe),
		TEST(test_sbc_start_stop_unit__power_conditions),
		cmocka_unit_test_setup_teardown(test_sbc_start_stop_unit__fixed, setup_fixed,
						teardown),
		TEST(test_sbc_start_stop_unit__eject_and_load),
		TEST(test_sbc_prevent_allow__each_nexus),
		TEST(test_sbc_prevent_allow__loading),
		TEST(test_sbc_prevent_allow__ends_with_a_reset),
		TEST(test_sbc_prevent_allow__obsolete_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
