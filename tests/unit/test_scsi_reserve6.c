/* SPDX-License-Identifier: BSD-2-Clause */
/* RESERVE and RELEASE. */
#include "test_scsi_pr.h"

static uint8_t reserve(struct pr_bed *bed, struct scsi_nexus *nexus)
{
	return PR_RUN(bed, nexus, 0x16, 0, 0, 0, 0, 0);
}

static uint8_t release(struct pr_bed *bed, struct scsi_nexus *nexus)
{
	return PR_RUN(bed, nexus, 0x17, 0, 0, 0, 0, 0);
}

static void test_reserve__one_at_a_time(void **state)
{
	struct pr_bed *bed = *state;

	assert_int_equal(reserve(bed, bed->a), GOOD);
	assert_int_equal(reserve(bed, bed->a), GOOD);
	assert_int_equal(reserve(bed, bed->b), CONFLICT);
	assert_int_equal(pr_write(bed, bed->b), CONFLICT);
	/* Someone else's release has no effect. */
	assert_int_equal(release(bed, bed->b), GOOD);
	assert_int_equal(pr_read(bed, bed->b), CONFLICT);
	assert_int_equal(release(bed, bed->a), GOOD);
	assert_int_equal(pr_read(bed, bed->b), GOOD);
	assert_int_equal(release(bed, bed->a), GOOD);
}

static void test_reserve__ten_bytes(void **state)
{
	struct pr_bed *bed = *state;

	assert_int_equal(PR_RUN(bed, bed->a, 0x56, 0, 0, 0, 0, 0, 0, 0, 0, 0), GOOD);
	assert_int_equal(reserve(bed, bed->b), CONFLICT);
	assert_int_equal(PR_RUN(bed, bed->b, 0x56, 0, 0, 0, 0, 0, 0, 0, 0, 0), CONFLICT);
	assert_int_equal(PR_RUN(bed, bed->a, 0x57, 0, 0, 0, 0, 0, 0, 0, 0, 0), GOOD);
	assert_int_equal(reserve(bed, bed->b), GOOD);
	/* No third parties, no extents. */
	assert_int_equal(PR_RUN(bed, bed->b, 0x16, 0x10, 0, 0, 0, 0), CHECK);
	assert_int_equal(PR_RUN(bed, bed->b, 0x16, 0x01, 0, 0, 0, 0), CHECK);
	assert_int_equal(PR_RUN(bed, bed->b, 0x56, 0x12, 0, 0, 0, 0, 0, 0, 0, 0), CHECK);
}

static void test_reserve__ends_with_the_nexus(void **state)
{
	struct pr_bed *bed = *state;

	reserve(bed, bed->a);
	scsi_nexus_destroy(bed->a);
	assert_int_equal(pr_read(bed, bed->b), GOOD);
	bed->a = pr_nexus(bed, PORT_A, 1);
	pr_attention(bed, bed->a);
	assert_int_equal(reserve(bed, bed->b), GOOD);
	assert_int_equal(pr_read(bed, bed->a), CONFLICT);
}

static void tmf_done(struct scsi_tmf_request *request)
{
	(void)request;
}

static void reset(struct pr_bed *bed, enum scsi_tmf function)
{
	struct scsi_tmf_request request = {
		.nexus = bed->c,
		.function = function,
		.done = tmf_done,
	};

	scsi_task_management(&request);
	bed_turns(&bed->bed, 5);
	pr_attention(bed, bed->a);
	pr_attention(bed, bed->b);
	pr_attention(bed, bed->c);
}

static void test_reserve__ends_with_a_reset(void **state)
{
	struct pr_bed *bed = *state;

	reserve(bed, bed->a);
	assert_int_equal(pr_read(bed, bed->b), CONFLICT);
	reset(bed, SCSI_TMF_LOGICAL_UNIT_RESET);
	assert_int_equal(pr_read(bed, bed->b), GOOD);
	reserve(bed, bed->a);
	reset(bed, SCSI_TMF_TARGET_RESET);
	assert_int_equal(pr_read(bed, bed->b), GOOD);
	/* A persistent reservation does not. */
	pr_register(bed, bed->a, 0, 0xa, 0);
	pr_out(bed, bed->a, RESERVE, EA, 0xa, 0);
	reset(bed, SCSI_TMF_LOGICAL_UNIT_RESET);
	assert_int_equal(pr_read(bed, bed->b), CONFLICT);
}

static void test_reserve__with_persistent_reservations(void **state)
{
	struct pr_bed *bed = *state;

	pr_register(bed, bed->a, 0, 0xa, 0);
	pr_register(bed, bed->b, 0, 0xb, 0);
	/* Registrations alone keep it away. */
	assert_int_equal(reserve(bed, bed->a), CONFLICT);
	assert_int_equal(release(bed, bed->a), CONFLICT);
	assert_int_equal(reserve(bed, bed->c), CONFLICT);
	/* CRH: who has the reservation is told that he has. */
	pr_out(bed, bed->a, RESERVE, EA, 0xa, 0);
	assert_int_equal(reserve(bed, bed->a), GOOD);
	assert_int_equal(release(bed, bed->a), GOOD);
	assert_int_equal(reserve(bed, bed->b), CONFLICT);
	assert_int_equal(release(bed, bed->b), CONFLICT);
	pr_expect_reservation(bed, EA, 0xa);
	pr_out(bed, bed->a, PREEMPT, WE_RO, 0xa, 0xa);
	pr_attention(bed, bed->b);
	assert_int_equal(reserve(bed, bed->b), GOOD);
	assert_int_equal(release(bed, bed->b), GOOD);
	assert_int_equal(reserve(bed, bed->c), CONFLICT);
	pr_expect_reservation(bed, WE_RO, 0xa);
	/* And nothing was reserved. */
	pr_out(bed, bed->a, CLEAR, 0, 0xa, 0);
	assert_int_equal(pr_read(bed, bed->c), GOOD);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pr_setup, pr_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_reserve__one_at_a_time),
		TEST(test_reserve__ten_bytes),
		TEST(test_reserve__ends_with_the_nexus),
		TEST(test_reserve__ends_with_a_reset),
		TEST(test_reserve__with_persistent_reservations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
