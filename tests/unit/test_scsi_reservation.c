/* SPDX-License-Identifier: BSD-2-Clause */
/* What is kept of reservations, and what is not believed. */
#include <errno.h>

#include "scsi/reservation.h"
#include "test_scsi_pr.h"

static struct registration *add(struct reservations *reservations, const char *name, uint16_t port,
				uint64_t key)
{
	struct registration *one;

	assert_int_equal(reservation_register(reservations, name, port, key, &one), 0);
	return one;
}

/* Two registrations; the second holds a reservation. */
static size_t make_blob(uint8_t blob[RESERVATION_BLOB_MAX])
{
	struct reservations reservations;
	size_t length;

	reservations_init(&reservations);
	add(&reservations, "first", 1, 5);
	reservations.holder = add(&reservations, "second", 2, 6);
	reservations.type = RESERVATION_EXCLUSIVE_ACCESS;
	reservations.persists = true;
	length = reservation_save(&reservations, blob);
	reservations_free(&reservations);
	return length;
}

static void test_reservation_load__what_was_saved(void **state)
{
	uint8_t *blob = malloc(RESERVATION_BLOB_MAX);
	size_t length = make_blob(blob);
	struct reservations reservations;

	(void)state;
	reservations_init(&reservations);
	assert_int_equal(reservation_load(&reservations, blob, length), 0);
	assert_int_equal(reservations.count, 2);
	assert_int_equal(reservation_find(&reservations, "first", 1)->key, 5);
	assert_ptr_equal(reservation_find(&reservations, "SECOND", 2), reservations.holder);
	assert_null(reservation_find(&reservations, "second", 1));
	assert_int_equal(reservations.type, RESERVATION_EXCLUSIVE_ACCESS);
	assert_true(reservations.persists && reservations.is_kept);
	reservations_free(&reservations);
	free(blob);
}

static void expect_refused(const uint8_t *blob, size_t length)
{
	/* In memory of its own, so that a sanitizer sees what reads beyond. */
	uint8_t *copy = malloc(length + 1);
	struct reservations reservations;

	memcpy(copy, blob, length);
	copy = realloc(copy, length != 0 ? length : 1);
	reservations_init(&reservations);
	assert_int_equal(reservation_load(&reservations, copy, length), -EBADMSG);
	assert_int_equal(reservations.count, 0);
	assert_int_equal(reservations.type, 0);
	assert_null(reservations.holder);
	assert_false(reservations.persists);
	reservations_free(&reservations);
	free(copy);
}

static void test_reservation_load__what_cannot_be(void **state)
{
	uint8_t *blob = malloc(RESERVATION_BLOB_MAX);
	size_t length = make_blob(blob);

	(void)state;
	for (size_t i = 0; i < length; i++)
		expect_refused(blob, i);
	expect_refused(blob, length + 1);
	blob[0] = 2; /* another form */
	expect_refused(blob, length);
	blob[0] = 1;
	blob[1] = 2; /* no such type */
	expect_refused(blob, length);
	blob[1] = 0; /* a holder of nothing */
	expect_refused(blob, length);
	blob[1] = 8; /* of what all hold */
	expect_refused(blob, length);
	blob[1] = 3;
	blob[4 + 7] = 0; /* a key of zero */
	expect_refused(blob, length);
	blob[4 + 7] = 5;
	blob[4 + 13] = 0; /* a name that ends early */
	expect_refused(blob, length);
	blob[4 + 13] = 'f';
	blob[4 + 10] = 1; /* two holders */
	expect_refused(blob, length);
	free(blob);
}

static void test_reservation_register__limits(void **state)
{
	struct reservations reservations;
	struct registration *one;
	char name[INITIATOR_PORT_MAX + 2];

	(void)state;
	memset(name, 'x', sizeof(name));
	name[INITIATOR_PORT_MAX + 1] = '\0';
	reservations_init(&reservations);
	assert_int_equal(reservation_register(&reservations, name, 1, 1, &one), -ENOSPC);
	name[INITIATOR_PORT_MAX] = '\0';
	for (unsigned i = 0; i < REGISTRATIONS_MAX; i++)
		add(&reservations, name, (uint16_t)i, 1);
	assert_int_equal(reservation_register(&reservations, "x", 1, 1, &one), -ENOSPC);
	/* And the most there can be can be kept. */
	reservations.persists = true;
	uint8_t *blob = malloc(RESERVATION_BLOB_MAX);
	assert_true(reservation_save(&reservations, blob) > REGISTRATIONS_MAX * INITIATOR_PORT_MAX);
	free(blob);
	reservations_free(&reservations);
}

/* ---- what is lost ----------------------------------------------------------------------- */

/* What was kept is damaged, and the logical unit made anew. */
static void lose(struct pr_bed *bed)
{
	pr_register(bed, bed->a, 0, 0xa, APTPL);
	assert_int_equal(pr_out(bed, bed->a, RESERVE, EA, 0xa, 0), GOOD);
	bed_blob(&bed->bed, "-reservations")->data[0] ^= 0xff;
	pr_crash(bed);
}

static void expect_lost(struct pr_bed *bed, uint8_t status)
{
	assert_int_equal(status, CHECK);
	bed_expect_sense(&bed->last, 0x7, 0x4401);
}

/* All but a few commands are refused, through every nexus, and whatever is done but replacing. */
static void test_lost__refuses(void **state)
{
	struct pr_bed *bed = *state;

	lose(bed);
	for (unsigned i = 0; i < 2; i++) {
		expect_lost(bed, pr_read(bed, bed->a));
		expect_lost(bed, pr_write(bed, bed->b));
		expect_lost(bed, PR_RUN(bed, bed->c, 0x00, 0, 0, 0, 0, 0));
		expect_lost(bed, PR_RUN(bed, bed->a, 0x5e, 0, 0, 0, 0, 0, 0, 0, 64, 0));
		expect_lost(bed, pr_register(bed, bed->a, 0, 0xa, APTPL));
		expect_lost(bed, pr_out(bed, bed->a, CLEAR, 0, 0xa, 0));
		expect_lost(bed, PR_RUN(bed, bed->a, 0x16, 0, 0, 0, 0, 0));
		expect_lost(bed, PR_RUN(bed, bed->a, 0x1b, 0, 0, 0, 0, 0));
		assert_int_equal(PR_RUN(bed, bed->a, 0x1b, 0, 0, 0, 0x01, 0), GOOD);
		assert_int_equal(PR_RUN(bed, bed->b, 0x12, 0, 0, 0, 36, 0), GOOD);
		assert_int_equal(PR_RUN(bed, bed->b, 0x03, 0, 0, 0, 18, 0), GOOD);
		assert_int_equal(PR_RUN(bed, bed->b, 0x4d, 0, 0x40, 0, 0, 0, 0, 0, 4, 0), GOOD);
		assert_int_equal(PR_RUN(bed, bed->b, 0x3c, 0x03, 0, 0, 0, 0, 0, 0, 4, 0), GOOD);
		assert_int_equal(PR_RUN(bed, bed->b, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0), GOOD);
		/* Neither a reset nor a restart makes it good. */
		if (i == 0) {
			bed_manage(bed->a, SCSI_TMF_LOGICAL_UNIT_RESET, 0);
			pr_crash(bed);
		}
	}
}

static void test_lost__is_replaced(void **state)
{
	struct pr_bed *bed = *state;
	uint8_t list[24];

	lose(bed);
	assert_int_equal(pr_out(bed, bed->b, REPLACE_LOST, WE_RO, 1, 0xb), CHECK);
	pr_expect_parameter(bed, 0, -1);
	assert_int_equal(pr_out(bed, bed->b, REPLACE_LOST, WE_RO, 0, 0), CHECK);
	pr_expect_parameter(bed, 8, -1);
	assert_int_equal(pr_out(bed, bed->b, REPLACE_LOST, 2, 0, 0xb), CHECK);
	bed_expect_field(&bed->last, 0x2400, 2, 3);
	pr_list(list, 0, 0xb, APTPL);
	assert_int_equal(pr_out_list(bed, bed->b, REPLACE_LOST, WE_RO, list, sizeof(list)), GOOD);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(pr_generation(bed), 0);
		PR_EXPECT_KEYS(bed, 0xb);
		pr_expect_reservation(bed, WE_RO, 0xb);
		assert_int_equal(pr_write(bed, bed->b), GOOD);
		assert_int_equal(pr_write(bed, bed->a), CONFLICT);
		assert_int_equal(pr_read(bed, bed->a), GOOD);
		if (i == 0)
			pr_crash(bed);
	}
	/* There is nothing to replace any more. */
	assert_int_equal(pr_out(bed, bed->b, REPLACE_LOST, WE_RO, 0, 0xbb), CHECK);
	bed_expect_sense(&bed->last, 0x5, 0x2604);
	assert_int_equal(pr_out(bed, bed->a, REPLACE_LOST, WE_RO, 0, 0xaa), CONFLICT);
	PR_EXPECT_KEYS(bed, 0xb);
}

/* By one that nobody need remember: what could not be read is gone. */
static void test_lost__without_aptpl(void **state)
{
	struct pr_bed *bed = *state;

	lose(bed);
	assert_int_equal(pr_out(bed, bed->c, REPLACE_LOST, EA_AR, 0, 0xc), GOOD);
	pr_expect_reservation(bed, EA_AR, 0);
	assert_int_equal(pr_write(bed, bed->c), GOOD);
	assert_int_equal(pr_write(bed, bed->a), CONFLICT);
	assert_null(bed_blob(&bed->bed, "-reservations"));
	pr_crash(bed);
	pr_expect_reservation(bed, 0, 0);
	assert_int_equal(pr_write(bed, bed->a), GOOD);
	assert_int_equal(pr_out(bed, bed->a, REPLACE_LOST, WE, 0, 0xa), CHECK);
	bed_expect_sense(&bed->last, 0x5, 0x2604);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pr_setup, pr_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reservation_load__what_was_saved),
		cmocka_unit_test(test_reservation_load__what_cannot_be),
		cmocka_unit_test(test_reservation_register__limits),
		TEST(test_lost__refuses),
		TEST(test_lost__is_replaced),
		TEST(test_lost__without_aptpl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
