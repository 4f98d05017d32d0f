/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which command is allowed in whose presence: SPC-5 table 57 and SBC-4 table 13,
 * SPC-2 table 10, written down by hand once more.
 */
#include "test_scsi_pr.h"

/* A command, and whether it is allowed (1) or conflicts (0) ... */
static const struct rule {
	const char *name;
	uint8_t cdb[16];
	unsigned
		write_exclusive : 1; /* ... while another nexus has such a persistent reservation */
	unsigned exclusive_access : 1;
	unsigned reserved : 1; /* ... has reserved the logical unit by RESERVE */
} rules[] = {
	{ "TEST UNIT READY", { 0x00 }, 1, 1, 0 },
	{ "REQUEST SENSE", { 0x03, [4] = 18 }, 1, 1, 1 },
	{ "READ(6)", { 0x08, [4] = 1 }, 1, 0, 0 },
	{ "WRITE(6)", { 0x0a, [4] = 1 }, 0, 0, 0 },
	{ "INQUIRY", { 0x12, [4] = 36 }, 1, 1, 1 },
	{ "MODE SENSE(6)", { 0x1a, [2] = 0x3f, [4] = 36 }, 1, 0, 0 },
	{ "START STOP UNIT, start", { 0x1b, [4] = 1 }, 1, 1, 1 },
	{ "START STOP UNIT, stop", { 0x1b, [4] = 0 }, 0, 0, 0 },
	{ "PREVENT ALLOW, allow", { 0x1e, [4] = 0 }, 1, 1, 1 },
	{ "PREVENT ALLOW, prevent", { 0x1e, [4] = 1 }, 0, 0, 0 },
	{ "READ CAPACITY(10)", { 0x25 }, 1, 1, 0 },
	{ "READ(10)", { 0x28, [8] = 1 }, 1, 0, 0 },
	{ "WRITE(10)", { 0x2a, [8] = 1 }, 0, 0, 0 },
	{ "WRITE AND VERIFY(10)", { 0x2e, [8] = 1 }, 0, 0, 0 },
	{ "VERIFY(10)", { 0x2f, [8] = 1 }, 1, 0, 0 },
	{ "PRE-FETCH(10)", { 0x34, [8] = 1 }, 1, 0, 0 },
	{ "SYNCHRONIZE CACHE(10)", { 0x35 }, 0, 0, 0 },
	{ "READ DEFECT DATA(10)", { 0x37, [2] = 0x18, [8] = 8 }, 1, 0, 0 },
	{ "WRITE SAME(10)", { 0x41, [8] = 1 }, 0, 0, 0 },
	{ "UNMAP", { 0x42 }, 0, 0, 0 },
	{ "LOG SENSE", { 0x4d, [2] = 0x40, [8] = 64 }, 1, 1, 1 },
	{ "MODE SENSE(10)", { 0x5a, [2] = 0x3f, [8] = 36 }, 1, 0, 0 },
	{ "PERSISTENT RESERVE IN", { 0x5e, [8] = 64 }, 1, 1, 0 },
	{ "EXTENDED COPY(LID1)", { 0x83, 0x00 }, 0, 0, 0 },
	{ "EXTENDED COPY(LID4)", { 0x83, 0x01 }, 0, 0, 0 },
	{ "POPULATE TOKEN", { 0x83, 0x10 }, 1, 0, 0 },
	{ "WRITE USING TOKEN", { 0x83, 0x11 }, 0, 0, 0 },
	{ "COPY OPERATION ABORT", { 0x83, 0x1c }, 0, 0, 0 },
	{ "RECEIVE COPY STATUS(LID1)", { 0x84, 0x00 }, 1, 1, 0 },
	{ "RECEIVE COPY OPERATING PARAMETERS", { 0x84, 0x03, [12] = 1 }, 1, 1, 0 },
	{ "RECEIVE COPY FAILURE DETAILS(LID1)", { 0x84, 0x04 }, 1, 1, 0 },
	{ "RECEIVE COPY STATUS(LID4)", { 0x84, 0x05 }, 1, 1, 0 },
	{ "RECEIVE ROD TOKEN INFORMATION", { 0x84, 0x07 }, 1, 1, 0 },
	{ "REPORT ALL ROD TOKENS", { 0x84, 0x08, [12] = 1 }, 1, 1, 0 },
	{ "READ(16)", { 0x88, [13] = 1 }, 1, 0, 0 },
	{ "COMPARE AND WRITE", { 0x89 }, 0, 0, 0 },
	{ "WRITE(16)", { 0x8a, [13] = 1 }, 0, 0, 0 },
	{ "ORWRITE(16)", { 0x8b, [13] = 1 }, 0, 0, 0 },
	{ "WRITE AND VERIFY(16)", { 0x8e, [13] = 1 }, 0, 0, 0 },
	{ "VERIFY(16)", { 0x8f, [13] = 1 }, 1, 0, 0 },
	{ "PRE-FETCH(16)", { 0x90, [13] = 1 }, 1, 0, 0 },
	{ "SYNCHRONIZE CACHE(16)", { 0x91 }, 0, 0, 0 },
	{ "WRITE SAME(16)", { 0x93, [13] = 1 }, 0, 0, 0 },
	{ "READ CAPACITY(16)", { 0x9e, 0x10, [13] = 32 }, 1, 1, 0 },
	{ "GET LBA STATUS", { 0x9e, 0x12, [13] = 32 }, 1, 0, 0 },
	{ "REPORT LUNS", { 0xa0, [9] = 16 }, 1, 1, 1 },
	{ "REPORT SUPPORTED OPERATION CODES", { 0xa3, 0x0c, [9] = 16 }, 1, 0, 0 },
	{ "REPORT SUPPORTED TMF", { 0xa3, 0x0d, [9] = 16 }, 1, 0, 0 },
	{ "READ(12)", { 0xa8, [9] = 1 }, 1, 0, 0 },
	{ "WRITE(12)", { 0xaa, [9] = 1 }, 0, 0, 0 },
	{ "WRITE AND VERIFY(12)", { 0xae, [9] = 1 }, 0, 0, 0 },
	{ "VERIFY(12)", { 0xaf, [9] = 1 }, 1, 0, 0 },
	{ "READ DEFECT DATA(12)", { 0xb7, 0x18, [9] = 8 }, 1, 0, 0 },
};

static int setup(void **state)
{
	static const struct bed_config config = {
		.lu = { .removable = true, .thin = true },
	};
	struct pr_bed *bed = calloc(1, sizeof(*bed));

	bed_setup(&bed->bed, &config);
	pr_connect(bed);
	*state = bed;
	return 0;
}

static bool conflicts(struct pr_bed *bed, struct scsi_nexus *nexus, const struct rule *rule)
{
	static const uint8_t data[1024];
	struct bed_cmd cmd;

	bed_cdb(&bed->bed, &cmd, rule->cdb, sizeof(rule->cdb));
	cmd.cmd.nexus = nexus;
	bed_wants(&cmd, 4096);
	/* Enough for a block; what is wrong with it otherwise comes after the conflict. */
	bed_has(&cmd, data, 512);
	return bed_run(&cmd) == CONFLICT;
}

static void expect_all(struct pr_bed *bed, struct scsi_nexus *nexus, bool write_exclusive,
		       bool exclusive_access, bool reserved)
{
	for (unsigned i = 0; i < ARRAY_SIZE(rules); i++) {
		const struct rule *rule = &rules[i];
		bool allowed = (!write_exclusive || rule->write_exclusive) &&
			       (!exclusive_access || rule->exclusive_access) &&
			       (!reserved || rule->reserved);

		if (conflicts(bed, nexus, rule) == allowed)
			fail_msg("%s %s", rule->name, allowed ? "conflicts" : "does not conflict");
	}
}

/* A holds it, B is registered, C is not. */
static void reserve(struct pr_bed *bed, uint8_t type)
{
	assert_int_equal(pr_out(bed, bed->a, RESERVE, type, 0xa, 0), GOOD);
}

static void release(struct pr_bed *bed, uint8_t type)
{
	assert_int_equal(pr_out(bed, bed->a, RELEASE, type, 0xa, 0), GOOD);
	pr_attention(bed, bed->b);
}

static void test_access__persistent(void **state)
{
	static const struct {
		uint8_t type;
		bool write_exclusive, exclusive_access;
		bool for_registrants;
	} types[] = {
		{ WE, true, false, false },   { EA, false, true, false },
		{ WE_RO, true, false, true }, { EA_RO, false, true, true },
		{ WE_AR, true, false, true }, { EA_AR, false, true, true },
	};
	struct pr_bed *bed = *state;

	pr_register(bed, bed->a, 0, 0xa, 0);
	pr_register(bed, bed->b, 0, 0xb, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		bool we = types[i].write_exclusive, ea = types[i].exclusive_access;
		bool shared = types[i].for_registrants;

		reserve(bed, types[i].type);
		expect_all(bed, bed->a, false, false, false);
		expect_all(bed, bed->b, we && !shared, ea && !shared, false);
		expect_all(bed, bed->c, we, ea, false);
		release(bed, types[i].type);
		expect_all(bed, bed->c, false, false, false);
	}
}

static void test_access__reserved(void **state)
{
	struct pr_bed *bed = *state;

	assert_int_equal(PR_RUN(bed, bed->a, 0x16, 0, 0, 0, 0, 0), GOOD);
	for (unsigned i = 0; i < ARRAY_SIZE(rules); i++) {
		/* Persistent reservations are nobody's then: SPC-2. */
		if (rules[i].cdb[0] != 0x5e)
			assert_false(conflicts(bed, bed->a, &rules[i]));
	}
	expect_all(bed, bed->b, false, false, true);
	assert_int_equal(PR_RUN(bed, bed->a, 0x17, 0, 0, 0, 0, 0), GOOD);
	expect_all(bed, bed->b, false, false, false);
}

/* PERSISTENT RESERVE OUT has its own table (SPC-5 table 58). */
static void test_access__persistent_reserve_out(void **state)
{
	struct pr_bed *bed = *state;

	pr_register(bed, bed->a, 0, 0xa, 0);
	pr_register(bed, bed->b, 0, 0xb, 0);
	reserve(bed, EA);
	/* Who is not registered may only register. */
	for (uint8_t action = RESERVE; action <= PREEMPT_AND_ABORT; action++)
		assert_int_equal(pr_out(bed, bed->c, action, EA, 0, 0xa), CONFLICT);
	assert_int_equal(pr_register(bed, bed->c, 0, 0xc, 0), GOOD);
	assert_int_equal(pr_out(bed, bed->c, REGISTER_AND_IGNORE, 0, 0, 0), GOOD);
	/* Who is may do all that does not need the reservation. */
	assert_int_equal(pr_out(bed, bed->b, RESERVE, EA, 0xb, 0), CONFLICT);
	assert_int_equal(pr_out(bed, bed->b, RELEASE, EA, 0xb, 0), GOOD);
	pr_expect_reservation(bed, EA, 0xa);
	assert_int_equal(pr_register(bed, bed->b, 0xb, 0xbb, 0), GOOD);
	assert_int_equal(pr_out(bed, bed->b, PREEMPT, EA, 0xbb, 0xa), GOOD);
	assert_int_equal(pr_attention(bed, bed->a), 0x2a05);
	pr_expect_reservation(bed, EA, 0xbb);
}

/* A change is seen by the next command of everyone, whatever it saw before. */
static void test_access__changes_at_once(void **state)
{
	struct pr_bed *bed = *state;

	pr_register(bed, bed->a, 0, 0xa, 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(pr_write(bed, bed->c), GOOD);
		reserve(bed, WE);
		assert_int_equal(pr_write(bed, bed->c), CONFLICT);
		assert_int_equal(pr_read(bed, bed->c), GOOD);
		release(bed, WE);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, pr_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_access__persistent),
		TEST(test_access__reserved),
		TEST(test_access__persistent_reserve_out),
		TEST(test_access__changes_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
