/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CRC32C over ISA-L. crc32_iscsi takes and gives the plain register: neither
 * the initial nor the final complement.
 */
#include "base/crc32c.h"

#include <isa-l.h>

uint32_t crc32c_update(uint32_t state, const void *buf, size_t len)
{
	/* ISA-L counts in int and has no const, but does not write. */
	enum { CHUNK_MAX = 1 << 30 };
	unsigned char *position = (unsigned char *)(uintptr_t)buf;

	while (len > CHUNK_MAX) {
		state = crc32_iscsi(position, CHUNK_MAX, state);
		position += CHUNK_MAX;
		len -= CHUNK_MAX;
	}
	return len == 0 ? state : crc32_iscsi(position, (int)len, state);
}
