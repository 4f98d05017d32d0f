/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Single text values (RFC 7143 section 6.1): numbers, ranges, booleans and
 * binary values in hexadecimal or base64. Values are given as pointer and
 * length, outputs are set only on success.
 */
#ifndef PINION_PROTO_TEXT_VALUE_H
#define PINION_PROTO_TEXT_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Parses a numerical-value: a decimal constant without leading zeros, or 0x and
 * hexadecimal digits. Returns 0, -EINVAL, or -ERANGE above 2^64 - 1.
 */
int text_parse_number(const char *value, size_t len, uint64_t *number);

/*
 * Parses a numeric-range "low~high" with low <= high. Returns 0, -EINVAL or
 * -ERANGE.
 */
int text_parse_range(const char *value, size_t len, uint64_t *low, uint64_t *high);

/* Parses Yes or No. Returns 0 or -EINVAL. */
int text_parse_bool(const char *value, size_t len, bool *result);

/* Whether `value` starts as a binary constant does: 0x, 0X, 0b or 0B. */
bool text_is_binary(const char *value, size_t len);

/*
 * Decodes a hex constant (an even number of digits) or a base64 constant
 * (RFC 4648 section 4, padding optional) into `out`, `*out_len` bytes, of which
 * there is room for `capacity`. Returns 0, -EINVAL when it is neither or is
 * empty, or -ENOSPC.
 */
int text_parse_binary(const char *value, size_t len, uint8_t *out, size_t capacity,
		      size_t *out_len);

/*
 * Writes 2 + 2 * len characters, "0x" and digits in lower case, without a NUL,
 * to `out`. Returns how many.
 */
size_t text_format_hex(char *out, const uint8_t *bytes, size_t len);

/* Writes 2 + text_base64_len(len) characters, "0b" and base64, likewise. */
size_t text_format_base64(char *out, const uint8_t *bytes, size_t len);

/* How many characters base64 needs for `len` bytes, padding included. */
static inline size_t text_base64_len(size_t len)
{
	return (len + 2) / 3 * 4;
}

#endif
