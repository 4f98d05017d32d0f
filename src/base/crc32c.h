/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CRC32C (Castagnoli) for the header and data digests of RFC 7143 section 13.1,
 * computed by ISA-L with whatever instructions the CPU has.
 *
 * Two equal ways to use it:
 *   crc = crc32c(0, a, a_len); crc = crc32c(crc, b, b_len);
 *   state = crc32c_begin(); state = crc32c_update(state, a, a_len); ...;
 *   crc = crc32c_finish(state);
 * The first takes and gives finished values; the second saves the two
 * complements for each piece. On the wire a digest is the finished value with
 * its LEAST significant byte first: 32 zero bytes have the CRC 0x8a9136aa and
 * the digest aa 36 91 8a.
 */
#ifndef PINION_BASE_CRC32C_H
#define PINION_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

enum { CRC32C_DIGEST_LEN = 4 };

static inline uint32_t crc32c_begin(void)
{
	return UINT32_MAX;
}

/* Continues the unfinished CRC `state` over `len` bytes. */
uint32_t crc32c_update(uint32_t state, const void *buf, size_t len);

static inline uint32_t crc32c_finish(uint32_t state)
{
	return ~state;
}

/* The CRC of the bytes that gave `crc` (0: none) followed by these. */
static inline uint32_t crc32c(uint32_t crc, const void *buf, size_t len)
{
	return ~crc32c_update(~crc, buf, len);
}

/* Writes the digest, 4 bytes in wire order, of the finished `crc`. */
static inline void crc32c_put_digest(void *digest, uint32_t crc)
{
	uint8_t *b = digest;

	b[0] = (uint8_t)crc;
	b[1] = (uint8_t)(crc >> 8);
	b[2] = (uint8_t)(crc >> 16);
	b[3] = (uint8_t)(crc >> 24);
}

/* The finished CRC that the 4 bytes of `digest` state. */
static inline uint32_t crc32c_get_digest(const void *digest)
{
	const uint8_t *b = digest;

	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

#endif
