/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of the header codecs share: vectors in, vectors out. */
#ifndef PINION_TESTS_TEST_PROTO_BHS_H
#define PINION_TESTS_TEST_PROTO_BHS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "proto/bhs.h"

/* A header with the bytes of a vector. */
static inline struct bhs bhs_from(const uint8_t raw[BHS_LEN])
{
	struct bhs bhs;

	memcpy(bhs.raw, raw, BHS_LEN);
	return bhs;
}

/* Asserts that all 48 bytes of an encoded header are those of a vector. */
static inline void assert_encoded(const struct bhs *bhs, const uint8_t expected[BHS_LEN])
{
	assert_memory_equal(bhs->raw, expected, BHS_LEN);
}

#endif
