/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of base/crc32c.h against the examples of RFC 3720 appendix B.4. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/crc32c.h"

/* A SCSI READ(10) Command PDU. */
static const uint8_t read_pdu[48] = {
	0x01, 0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00,
	0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x18, 0x28, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};

static void assert_digest(const void *buf, size_t len, const uint8_t expected[4])
{
	uint8_t digest[CRC32C_DIGEST_LEN];

	crc32c_put_digest(digest, crc32c(0, buf, len));
	assert_memory_equal(digest, expected, 4);
	assert_int_equal(crc32c_get_digest(expected), crc32c(0, buf, len));
}

static void test_crc32c__rfc_examples(void **state)
{
	uint8_t zeros[32], ones[32], up[32], down[32];

	(void)state;
	for (uint8_t i = 0; i < 32; i++) {
		zeros[i] = 0;
		ones[i] = 0xff;
		up[i] = i;
		down[i] = (uint8_t)(31 - i);
	}
	assert_digest(zeros, 32, (uint8_t[]){ 0xaa, 0x36, 0x91, 0x8a });
	assert_digest(ones, 32, (uint8_t[]){ 0x43, 0xab, 0xa8, 0x62 });
	assert_digest(up, 32, (uint8_t[]){ 0x4e, 0x79, 0xdd, 0x46 });
	assert_digest(down, 32, (uint8_t[]){ 0x5c, 0xdb, 0x3f, 0x11 });
	assert_digest(read_pdu, 48, (uint8_t[]){ 0x56, 0x3a, 0x96, 0xd9 });
}

static void test_crc32c__pieces_make_the_whole(void **state)
{
	uint32_t whole = crc32c(0, read_pdu, sizeof(read_pdu));

	(void)state;
	for (size_t cut = 0; cut <= sizeof(read_pdu); cut++) {
		uint32_t crc = crc32c(0, read_pdu, cut);
		uint32_t running = crc32c_update(crc32c_begin(), read_pdu, cut);

		assert_int_equal(crc32c(crc, read_pdu + cut, sizeof(read_pdu) - cut), whole);
		running = crc32c_update(running, read_pdu + cut, sizeof(read_pdu) - cut);
		assert_int_equal(crc32c_finish(running), whole);
	}
}

static void test_crc32c__no_bytes(void **state)
{
	(void)state;
	assert_int_equal(crc32c(0, NULL, 0), 0);
	assert_int_equal(crc32c(0x12345678, NULL, 0), 0x12345678);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc32c__rfc_examples),
		cmocka_unit_test(test_crc32c__pieces_make_the_whole),
		cmocka_unit_test(test_crc32c__no_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
