/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names that stay the same for ever: hashes of what a logical unit is.
 *
 * An NAA 6 identifier would need a company's OUI, which a program that anybody
 * may build has no right to; NAA 3 is the one that is assigned locally (SPC-5
 * section 7.7.6.6). The hash is written out here because changing it would give
 * every disk in the field a new name: never touch it.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "scsi/lu.h"

/* FNV-1a over the bytes, then a finaliser, so that all bits depend on all bytes. */
uint64_t identity_hash(uint64_t seed, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ seed;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
	hash ^= hash >> 33;
	hash *= UINT64_C(0xff51afd7ed558ccd);
	hash ^= hash >> 33;
	hash *= UINT64_C(0xc4ceb9fe1a85ec53);
	hash ^= hash >> 33;
	return hash;
}

void identity_naa(const void *bytes, size_t len, uint8_t naa[8])
{
	put_be64(naa, identity_hash(0, bytes, len));
	naa[0] = 0x30 | (naa[0] & 0x0f);
}

void identity_hex(const uint8_t *bytes, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 0xf];
	}
	out[2 * len] = '\0';
}
