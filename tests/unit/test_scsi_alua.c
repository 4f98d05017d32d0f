/* SPDX-License-Identifier: BSD-2-Clause */
/* Target port groups: what is reported, what can be set, and what each state permits. */
#include "test_scsi_pr.h"

#include <errno.h>

enum { OPTIMIZED, NON_OPTIMIZED, STANDBY, UNAVAILABLE, TRANSITIONING = 0xf };

static void set_alua(struct pr_bed *bed, enum scsi_alua kind)
{
	static const struct scsi_group_config groups[] = {
		{ .group = 2, .state = SCSI_ACCESS_NON_OPTIMIZED },
		{ .group = 1, .preferred = true },
	};

	assert_int_equal(scsi_target_set_alua(bed->bed.target, kind, groups, 2), 0);
}

static uint8_t set_groups(struct pr_bed *bed, struct scsi_nexus *nexus, const uint8_t *list,
			  uint8_t length)
{
	const uint8_t cdb[12] = { 0xa4, 0x0a, [9] = length };

	return pr_run(bed, nexus, cdb, sizeof(cdb), list, length);
}

/* SET TARGET PORT GROUPS of one group. */
static uint8_t set_one(struct pr_bed *bed, struct scsi_nexus *nexus, uint8_t group, uint8_t state)
{
	const uint8_t list[8] = { 0, 0, 0, 0, state, 0, 0, group };

	return set_groups(bed, nexus, list, sizeof(list));
}

static void expect_states(struct pr_bed *bed, uint8_t first, uint8_t second)
{
	struct bed_cmd cmd;

	BED_CDB(&bed->bed, &cmd, 0xa3, 0x0a, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0);
	cmd.cmd.nexus = bed->a;
	bed_wants(&cmd, 256);
	assert_int_equal(bed_get(&cmd), GOOD);
	assert_int_equal(cmd.in_length, 28);
	assert_int_equal(cmd.in[4] & 0x0f, first);
	assert_int_equal(cmd.in[16] & 0x0f, second);
	bed_release(&cmd);
}

static void test_report__by_hand(void **state)
{
	static const uint8_t brief[] = {
		0,    0,    0, 24, /* length */
		0x80, 0x8f, 0, 1,  0, 0, 0, 1, 0, 0, 0, 1, /* optimized, preferred */
		0x01, 0x8f, 0, 2,  0, 0, 0, 1, 0, 0, 0, 2,
	};
	static const uint8_t extended[] = { 0, 0, 0, 28, 0x10, 0, 0, 0, 0x80, 0x8f, 0, 1 };
	struct pr_bed *bed = *state;
	struct bed_cmd cmd;

	set_alua(bed, SCSI_ALUA_IMPLICIT);
	BED_CDB(&bed->bed, &cmd, 0xa3, 0x0a, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0);
	cmd.cmd.nexus = bed->a;
	bed_wants(&cmd, 256);
	bed_expect_data(&cmd, brief, sizeof(brief));
	BED_CDB(&bed->bed, &cmd, 0xa3, 0x2a, 0, 0, 0, 0, 0, 0, 0, 12, 0, 0);
	cmd.cmd.nexus = bed->a;
	bed_wants(&cmd, 256);
	bed_expect_data(&cmd, extended, sizeof(extended));
	assert_int_equal(PR_RUN(bed, bed->a, 0xa3, 0x4a, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0), CHECK);
	bed_expect_field(&bed->last, 0x2400, 1, 7);
}

/* One segment of all blocks, with the states of all groups; the VPD page leaves its size to that. */
static void test_referrals__by_hand(void **state)
{
	static const uint8_t list[] = {
		0, 0, 0, 28, /* length */
		0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 0xff,
		0x00, 0, 0, 1, 0x01, 0, 0, 2,
	};
	static const uint8_t page[16] = { 0, 0xb3, 0, 12 };
	struct pr_bed *bed = *state;
	struct bed_cmd cmd;

	/* Without ALUA there is neither. */
	assert_int_equal(PR_RUN(bed, bed->a, 0x9e, 0x13, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0),
			 CHECK);
	bed_expect_field(&bed->last, 0x2400, 1, 4);
	assert_int_equal(PR_RUN(bed, bed->a, 0x12, 1, 0xb3, 0, 16, 0), CHECK);
	bed_expect_field(&bed->last, 0x2400, 2, 7);
	set_alua(bed, SCSI_ALUA_IMPLICIT);
	for (uint8_t one_segment = 0; one_segment < 2; one_segment++) {
		BED_CDB(&bed->bed, &cmd, 0x9e, 0x13, 0, 0, 0, 0, 0, 0, 0x7f, 0xff, 0, 0, 0, 64,
			one_segment, 0);
		cmd.cmd.nexus = bed->a;
		bed_wants(&cmd, 64);
		bed_expect_data(&cmd, list, sizeof(list));
	}
	assert_int_equal(PR_RUN(bed, bed->a, 0x9e, 0x13, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 64, 0, 0),
			 CHECK);
	bed_expect_sense(&bed->last, 0x05, 0x2100);
	BED_CDB(&bed->bed, &cmd, 0x12, 1, 0xb3, 0, 64, 0);
	cmd.cmd.nexus = bed->a;
	bed_wants(&cmd, 64);
	bed_expect_data(&cmd, page, sizeof(page));
	/* R_SUP */
	BED_CDB(&bed->bed, &cmd, 0x12, 1, 0x86, 0, 64, 0);
	cmd.cmd.nexus = bed->a;
	bed_wants(&cmd, 64);
	assert_int_equal(bed_get(&cmd), GOOD);
	assert_int_equal(cmd.in[8], 0x18);
	bed_release(&cmd);
}

static uint8_t tpgs(struct pr_bed *bed)
{
	struct bed_cmd cmd;
	uint8_t byte;

	BED_CDB(&bed->bed, &cmd, 0x12, 0, 0, 0, 96, 0);
	cmd.cmd.nexus = bed->a;
	bed_wants(&cmd, 96);
	bed_get(&cmd);
	byte = cmd.in[5] & 0x30;
	bed_release(&cmd);
	return byte;
}

static void test_alua__what_there_is_of_it(void **state)
{
	static const struct {
		enum scsi_alua kind;
		uint8_t tpgs;
		bool reports, sets, changes;
	} kinds[] = {
		{ SCSI_ALUA_OFF, 0x00, false, false, false },
		{ SCSI_ALUA_IMPLICIT, 0x10, true, false, true },
		{ SCSI_ALUA_EXPLICIT, 0x20, true, true, false },
		{ SCSI_ALUA_BOTH, 0x30, true, true, true },
	};
	struct pr_bed *bed = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		set_alua(bed, kinds[i].kind);
		assert_int_equal(tpgs(bed), kinds[i].tpgs);
		assert_int_equal(PR_RUN(bed, bed->a, 0xa3, 0x0a, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0),
				 kinds[i].reports ? GOOD : CHECK);
		assert_int_equal(PR_RUN(bed, bed->a, 0xa4, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
				 kinds[i].sets ? GOOD : CHECK);
		assert_int_equal(
			scsi_target_change_group(bed->bed.target, 1, SCSI_ACCESS_OPTIMIZED),
			kinds[i].changes ? 0 : -EOPNOTSUPP);
	}
	assert_int_equal(scsi_target_change_group(bed->bed.target, 9, SCSI_ACCESS_OPTIMIZED),
			 -ENOENT);
}

static void test_set__states_and_unit_attention(void **state)
{
	struct pr_bed *bed = *state;

	set_alua(bed, SCSI_ALUA_EXPLICIT);
	assert_int_equal(set_one(bed, bed->a, 2, OPTIMIZED), GOOD);
	expect_states(bed, OPTIMIZED, OPTIMIZED);
	assert_int_equal(pr_attention(bed, bed->a), 0);
	assert_int_equal(pr_attention(bed, bed->b), 0x2a06);
	assert_int_equal(pr_attention(bed, bed->c), 0x2a06);
	/* The same again is no change. */
	assert_int_equal(set_one(bed, bed->a, 2, OPTIMIZED), GOOD);
	assert_int_equal(pr_attention(bed, bed->b), 0);
	/* Both at once. */
	assert_int_equal(set_groups(bed, bed->c,
				    (const uint8_t[]){ 0, 0, 0, 0, 1, 0, 0, 1, 2, 0, 0, 2 }, 12),
			 GOOD);
	assert_int_equal(pr_attention(bed, bed->a), 0x2a06);
	expect_states(bed, NON_OPTIMIZED, STANDBY);
}

static void test_set__what_cannot_be(void **state)
{
	struct pr_bed *bed = *state;

	set_alua(bed, SCSI_ALUA_EXPLICIT);
	assert_int_equal(set_one(bed, bed->a, 3, OPTIMIZED), CHECK);
	pr_expect_parameter(bed, 6, -1);
	for (uint8_t wrong = 4; wrong < 16; wrong++) {
		assert_int_equal(set_one(bed, bed->a, 1, wrong), CHECK);
		pr_expect_parameter(bed, 4, 3);
	}
	for (uint8_t length = 1; length < 4; length++) {
		assert_int_equal(set_groups(bed, bed->a, (const uint8_t[4]){ 0 }, length), CHECK);
		bed_expect_sense(&bed->last, 5, 0x1a00);
	}
	assert_int_equal(set_groups(bed, bed->a, (const uint8_t[4]){ 0 }, 4), GOOD);
	/* All or nothing. */
	assert_int_equal(set_groups(bed, bed->a,
				    (const uint8_t[]){ 0, 0, 0, 0, 2, 0, 0, 1, 2, 0, 0, 9 }, 12),
			 CHECK);
	expect_states(bed, OPTIMIZED, NON_OPTIMIZED);
	assert_int_equal(pr_attention(bed, bed->b), 0);
}

static void expect_not_ready(struct pr_bed *bed, uint8_t status, uint16_t code)
{
	assert_int_equal(status, code == 0 ? GOOD : CHECK);
	if (code != 0)
		bed_expect_sense(&bed->last, 2, code);
}

/* What C, who comes by group 2, may do there; 0: all is well. */
static void expect_access(struct pr_bed *bed, uint16_t media, uint16_t standby, uint16_t set)
{
	struct scsi_nexus *c = bed->c;

	expect_not_ready(bed, PR_RUN(bed, c, 0x12, 0, 0, 0, 36, 0), 0);
	expect_not_ready(bed, PR_RUN(bed, c, 0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0), 0);
	expect_not_ready(bed, PR_RUN(bed, c, 0x03, 0, 0, 0, 18, 0), 0);
	expect_not_ready(bed, PR_RUN(bed, c, 0xa3, 0x0a, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0), 0);
	expect_not_ready(bed, PR_RUN(bed, c, 0xa4, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), set);
	expect_not_ready(bed, PR_RUN(bed, c, 0x1a, 0, 0x3f, 0, 255, 0), standby);
	expect_not_ready(bed, PR_RUN(bed, c, 0x5e, 0, 0, 0, 0, 0, 0, 1, 0, 0), standby);
	expect_not_ready(bed, PR_RUN(bed, c, 0x4d, 0, 0x40, 0, 0, 0, 0, 1, 0, 0), standby);
	expect_not_ready(bed, PR_RUN(bed, c, 0x00, 0, 0, 0, 0, 0), media);
	expect_not_ready(bed, PR_RUN(bed, c, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0), media);
	expect_not_ready(bed, PR_RUN(bed, c, 0x1b, 0, 0, 0, 1, 0), media);
	expect_not_ready(bed, pr_read(bed, c), media);
	expect_not_ready(bed, pr_write(bed, c), media);
	/* The other group has nothing to do with it. */
	assert_int_equal(pr_write(bed, bed->a), GOOD);
}

static void test_states__what_is_permitted(void **state)
{
	static const struct {
		enum scsi_access_state state;
		uint8_t wire;
		uint16_t media, standby, set;
	} states[] = {
		{ SCSI_ACCESS_STANDBY, STANDBY, 0x040b, 0, 0 },
		{ SCSI_ACCESS_UNAVAILABLE, UNAVAILABLE, 0x040c, 0x040c, 0 },
		{ SCSI_ACCESS_TRANSITIONING, TRANSITIONING, 0x040a, 0x040a, 0x040a },
		{ SCSI_ACCESS_NON_OPTIMIZED, NON_OPTIMIZED, 0, 0, 0 },
		{ SCSI_ACCESS_OPTIMIZED, OPTIMIZED, 0, 0, 0 },
	};
	struct pr_bed *bed = *state;

	set_alua(bed, SCSI_ALUA_BOTH);
	for (unsigned i = 0; i < ARRAY_SIZE(states); i++) {
		assert_int_equal(scsi_target_change_group(bed->bed.target, 2, states[i].state), 0);
		assert_int_equal(pr_attention(bed, bed->a), 0x2a06);
		assert_int_equal(pr_attention(bed, bed->b), 0x2a06);
		assert_int_equal(pr_attention(bed, bed->c), 0x2a06);
		expect_states(bed, OPTIMIZED, states[i].wire);
		expect_access(bed, states[i].media, states[i].standby, states[i].set);
	}
}

static void test_states__a_conflict_goes_first(void **state)
{
	struct pr_bed *bed = *state;

	set_alua(bed, SCSI_ALUA_BOTH);
	pr_register(bed, bed->a, 0, 0xa, 0);
	pr_out(bed, bed->a, RESERVE, EA, 0xa, 0);
	scsi_target_change_group(bed->bed.target, 2, SCSI_ACCESS_STANDBY);
	assert_int_equal(pr_read(bed, bed->c), CONFLICT);
	/* And in standby one can still fight about it. */
	assert_int_equal(pr_attention(bed, bed->c), 0x2a06);
	assert_int_equal(pr_register(bed, bed->c, 0, 0xc, 0), GOOD);
	assert_int_equal(pr_out(bed, bed->c, PREEMPT, EA, 0xc, 0xa), GOOD);
	assert_int_equal(pr_read(bed, bed->c), CHECK);
	bed_expect_sense(&bed->last, 2, 0x040b);
}

static void test_set__over_a_restart(void **state)
{
	struct pr_bed *bed = *state;

	set_alua(bed, SCSI_ALUA_EXPLICIT);
	set_one(bed, bed->a, 1, UNAVAILABLE);
	pr_crash(bed);
	set_alua(bed, SCSI_ALUA_EXPLICIT);
	pr_attention(bed, bed->a);
	expect_states(bed, UNAVAILABLE, NON_OPTIMIZED);
	bed->bed.keeper.fail = -EIO;
	assert_int_equal(set_one(bed, bed->c, 1, OPTIMIZED), CHECK);
	bed_expect_sense(&bed->last, 4, 0x670a);
	/* What is not for initiators to set is as configured. */
	pr_crash(bed);
	set_alua(bed, SCSI_ALUA_IMPLICIT);
	expect_states(bed, OPTIMIZED, NON_OPTIMIZED);
}

static void test_set_alua__no_such_group(void **state)
{
	struct pr_bed *bed = *state;
	const struct scsi_group_config group = { .group = 7 };

	assert_int_equal(scsi_target_set_alua(bed->bed.target, SCSI_ALUA_BOTH, &group, 1), -ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pr_setup, pr_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_report__by_hand),
		TEST(test_referrals__by_hand),
		TEST(test_alua__what_there_is_of_it),
		TEST(test_set__states_and_unit_attention),
		TEST(test_set__what_cannot_be),
		TEST(test_states__what_is_permitted),
		TEST(test_states__a_conflict_goes_first),
		TEST(test_set__over_a_restart),
		TEST(test_set_alua__no_such_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
