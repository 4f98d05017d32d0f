/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers, ranges, booleans and binary values of text keys; see text_value.h. */
#include "proto/text_value.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "base/parse.h"

/* Whether `value` starts with 0 and `letter`, a lower-case one, in either case. */
static bool has_prefix(const char *value, size_t len, char letter)
{
	return len >= 2 && value[0] == '0' && (value[1] | 0x20) == letter;
}

bool text_is_binary(const char *value, size_t len)
{
	return has_prefix(value, len, 'x') || has_prefix(value, len, 'b');
}

int text_parse_number(const char *value, size_t len, uint64_t *number)
{
	unsigned int base = 10;
	uint64_t result = 0;

	if (has_prefix(value, len, 'x')) {
		base = 16;
		value += 2;
		len -= 2;
	} else if (len > 1 && value[0] == '0') {
		return -EINVAL;
	}
	if (len == 0)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (parse_digit_value(value[i]) >= base)
			return -EINVAL;
	}
	for (size_t i = 0; i < len; i++) {
		if (!checked_mul_u64(result, base, &result) ||
		    !checked_add_u64(result, parse_digit_value(value[i]), &result))
			return -ERANGE;
	}
	*number = result;
	return 0;
}

int text_parse_range(const char *value, size_t len, uint64_t *low, uint64_t *high)
{
	const char *tilde = len == 0 ? NULL : memchr(value, '~', len);
	uint64_t first;
	uint64_t last;
	size_t low_len;
	int rc;

	if (tilde == NULL)
		return -EINVAL;
	low_len = (size_t)(tilde - value);
	rc = text_parse_number(value, low_len, &first);
	if (rc != 0)
		return rc;
	rc = text_parse_number(tilde + 1, len - low_len - 1, &last);
	if (rc != 0)
		return rc;
	if (last < first)
		return -EINVAL;
	*low = first;
	*high = last;
	return 0;
}

int text_parse_bool(const char *value, size_t len, bool *result)
{
	if (len == 3 && memcmp(value, "Yes", 3) == 0)
		*result = true;
	else if (len == 2 && memcmp(value, "No", 2) == 0)
		*result = false;
	else
		return -EINVAL;
	return 0;
}

static int parse_hex(const char *digits, size_t len, uint8_t *out, size_t capacity, size_t *out_len)
{
	if (len == 0 || len % 2 != 0)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (parse_digit_value(digits[i]) >= 16)
			return -EINVAL;
	}
	if (len / 2 > capacity)
		return -ENOSPC;
	for (size_t i = 0; i < len / 2; i++)
		out[i] = (uint8_t)(parse_digit_value(digits[2 * i]) << 4 |
				   parse_digit_value(digits[2 * i + 1]));
	*out_len = len / 2;
	return 0;
}

/* The six bits that a base64 character means; 64 for anything else. */
static unsigned int sextet_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (unsigned int)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (unsigned int)(c - 'a') + 26;
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0') + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : 64;
}

static int parse_base64(const char *digits, size_t len, uint8_t *out, size_t capacity,
			size_t *out_len)
{
	uint32_t bits = 0;
	size_t written = 0;
	size_t data_len = len;

	while (data_len > 0 && len - data_len < 2 && digits[data_len - 1] == '=')
		data_len--;
	/* One lone sextet is no byte; padding, if any, fills up a quartet. */
	if (data_len == 0 || data_len % 4 == 1 || (data_len != len && len % 4 != 0))
		return -EINVAL;
	for (size_t i = 0; i < data_len; i++) {
		if (sextet_value(digits[i]) >= 64)
			return -EINVAL;
	}
	/* Bits left over at the end are zero, or two texts would mean the same. */
	if ((data_len % 4 == 2 && (sextet_value(digits[data_len - 1]) & 0xf) != 0) ||
	    (data_len % 4 == 3 && (sextet_value(digits[data_len - 1]) & 0x3) != 0))
		return -EINVAL;
	if (data_len * 3 / 4 > capacity)
		return -ENOSPC;
	for (size_t i = 0; i < data_len; i++) {
		bits = bits << 6 | sextet_value(digits[i]);
		if (i % 4 != 0)
			out[written++] = (uint8_t)(bits >> (6 - i % 4 * 2));
	}
	*out_len = written;
	return 0;
}

int text_parse_binary(const char *value, size_t len, uint8_t *out, size_t capacity, size_t *out_len)
{
	if (has_prefix(value, len, 'x'))
		return parse_hex(value + 2, len - 2, out, capacity, out_len);
	if (has_prefix(value, len, 'b'))
		return parse_base64(value + 2, len - 2, out, capacity, out_len);
	return -EINVAL;
}

size_t text_format_hex(char *out, const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	out[0] = '0';
	out[1] = 'x';
	for (size_t i = 0; i < len; i++) {
		out[2 + 2 * i] = digits[bytes[i] >> 4];
		out[3 + 2 * i] = digits[bytes[i] & 0xf];
	}
	return 2 + 2 * len;
}

size_t text_format_base64(char *out, const uint8_t *bytes, size_t len)
{
	static const char sextets[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *p = out;

	*p++ = '0';
	*p++ = 'b';
	for (size_t i = 0; i < len; i += 3) {
		size_t there = len - i < 3 ? len - i : 3;
		uint32_t bits = (uint32_t)bytes[i] << 16;

		if (there > 1)
			bits |= (uint32_t)bytes[i + 1] << 8;
		if (there > 2)
			bits |= bytes[i + 2];
		*p++ = sextets[bits >> 18];
		*p++ = sextets[bits >> 12 & 0x3f];
		*p++ = there > 1 ? sextets[bits >> 6 & 0x3f] : '=';
		*p++ = there > 2 ? sextets[bits & 0x3f] : '=';
	}
	return (size_t)(p - out);
}
