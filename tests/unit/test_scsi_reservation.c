/* SPDX-License-Identifier: BSD-2-Clause */
/* What is kept of reservations, and what is not believed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scsi/reservation.h"

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

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reservation_load__what_was_saved),
		cmocka_unit_test(test_reservation_load__what_cannot_be),
		cmocka_unit_test(test_reservation_register__limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
