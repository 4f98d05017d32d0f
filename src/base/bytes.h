/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Big-endian integers at byte pointers, unaligned. No bounds: for fixed layouts
 * of known size (a BHS, a CDB); see base/cursor.h for the bounded kind.
 */
#ifndef PINION_BASE_BYTES_H
#define PINION_BASE_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t get_be16(const void *p)
{
	uint16_t value;

	memcpy(&value, p, sizeof(value));
	return be16toh(value);
}

static inline uint32_t get_be24(const void *p)
{
	const uint8_t *b = p;

	return (uint32_t)b[0] << 16 | (uint32_t)b[1] << 8 | b[2];
}

static inline uint32_t get_be32(const void *p)
{
	uint32_t value;

	memcpy(&value, p, sizeof(value));
	return be32toh(value);
}

static inline uint64_t get_be64(const void *p)
{
	uint64_t value;

	memcpy(&value, p, sizeof(value));
	return be64toh(value);
}

static inline uint64_t get_be48(const void *p)
{
	const uint8_t *b = p;

	return (uint64_t)get_be16(b) << 32 | get_be32(b + 2);
}

static inline void put_be16(void *p, uint16_t value)
{
	value = htobe16(value);
	memcpy(p, &value, sizeof(value));
}

/* Writes the low 24 bits. */
static inline void put_be24(void *p, uint32_t value)
{
	uint8_t *b = p;

	b[0] = (uint8_t)(value >> 16);
	b[1] = (uint8_t)(value >> 8);
	b[2] = (uint8_t)value;
}

static inline void put_be32(void *p, uint32_t value)
{
	value = htobe32(value);
	memcpy(p, &value, sizeof(value));
}

/* Writes the low 48 bits. */
static inline void put_be48(void *p, uint64_t value)
{
	uint8_t *b = p;

	put_be16(b, (uint16_t)(value >> 32));
	put_be32(b + 2, (uint32_t)value);
}

static inline void put_be64(void *p, uint64_t value)
{
	value = htobe64(value);
	memcpy(p, &value, sizeof(value));
}

#endif
