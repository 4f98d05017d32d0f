/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CRC of T10 protection information (SBC-4 section 4.21.4: polynomial 8bb7h, no
 * complements), computed by ISA-L. The guard of "123456789" is d0dbh.
 */
#ifndef PINION_BASE_CRC16_H
#define PINION_BASE_CRC16_H

#include <stddef.h>
#include <stdint.h>

/* The CRC of the bytes that gave CRC (0: none) followed by these. */
uint16_t crc16_t10(uint16_t crc, const void *buf, size_t len);

#endif
