/* SPDX-License-Identifier: BSD-2-Clause */
/* The CRC of T10 protection information over ISA-L. */
#include "base/crc16.h"

#include <isa-l.h>

uint16_t crc16_t10(uint16_t crc, const void *buf, size_t len)
{
	return len == 0 ? crc : crc16_t10dif(crc, buf, len);
}
