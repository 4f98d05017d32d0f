/* SPDX-License-Identifier: BSD-2-Clause */
/* Checking iSCSI names and formatting target addresses; see names.h. */
#include "proto/names.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	TYPE_LEN = 4, /* "iqn.", "eui.", "naa." */
	IQN_DATE_LEN = 8, /* "yyyy-mm." */
	EUI_DIGITS = 16,
	NAA_DIGITS_SHORT = 16,
	NAA_DIGITS_LONG = 32,
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char to_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool has_type(const char *name, size_t len, const char *type)
{
	return len > TYPE_LEN && memcmp(name, type, TYPE_LEN) == 0;
}

static bool is_all_hex(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!is_digit(text[i]) && !(text[i] >= 'a' && text[i] <= 'f'))
			return false;
	}
	return true;
}

/* The characters that RFC 3722 leaves of ASCII, after mapping to lower case. */
static bool is_name_char(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == ':';
}

/* "yyyy-mm." with a month that exists. */
static bool is_iqn_date(const char *text, size_t len)
{
	int month;

	if (len < IQN_DATE_LEN || text[4] != '-' || text[7] != '.')
		return false;
	for (size_t i = 0; i < 7; i++) {
		if (i != 4 && !is_digit(text[i]))
			return false;
	}
	month = (text[5] - '0') * 10 + (text[6] - '0');
	return month >= 1 && month <= 12;
}

/*
 * A reversed domain name: labels of letters, digits and inner hyphens, with
 * dots between them. It ends at the first colon or with the name.
 */
static bool is_reversed_domain(const char *text, size_t len)
{
	const char *colon = len == 0 ? NULL : memchr(text, ':', len);
	char before = '.';

	if (colon != NULL)
		len = (size_t)(colon - text);
	for (size_t i = 0; i < len; i++) {
		if (before == '.' && (text[i] == '.' || text[i] == '-'))
			return false;
		if (before == '-' && text[i] == '.')
			return false;
		before = text[i];
	}
	return before != '.' && before != '-';
}

static bool is_iqn(const char *name, size_t len)
{
	const char *rest = name + TYPE_LEN;
	size_t rest_len = len - TYPE_LEN;

	for (size_t i = 0; i < rest_len; i++) {
		if (!is_name_char(rest[i]))
			return false;
	}
	return is_iqn_date(rest, rest_len) &&
	       is_reversed_domain(rest + IQN_DATE_LEN, rest_len - IQN_DATE_LEN);
}

static bool is_printable(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] <= ' ' || text[i] >= 0x7f)
			return false;
	}
	return true;
}

static bool is_eui_or_naa(const char *name, size_t len)
{
	size_t digits = len - TYPE_LEN;

	if (has_type(name, len, "eui."))
		return digits == EUI_DIGITS && is_all_hex(name + TYPE_LEN, digits);
	return has_type(name, len, "naa.") &&
	       (digits == NAA_DIGITS_SHORT || digits == NAA_DIGITS_LONG) &&
	       is_all_hex(name + TYPE_LEN, digits);
}

static int check_name(const char *name, size_t len, char out[NAME_LEN_MAX + 1],
		      bool (*is_good_iqn)(const char *name, size_t len))
{
	char lower[NAME_LEN_MAX + 1];

	if (len <= TYPE_LEN || len > NAME_LEN_MAX)
		return -EINVAL;
	for (size_t i = 0; i < len; i++)
		lower[i] = to_lower(name[i]);
	lower[len] = '\0';
	if (has_type(lower, len, "iqn.") ? !is_good_iqn(lower, len) : !is_eui_or_naa(lower, len))
		return -EINVAL;
	memcpy(out, lower, len + 1);
	return 0;
}

int iscsi_name_normalize(const char *name, size_t len, char out[NAME_LEN_MAX + 1])
{
	return check_name(name, len, out, is_iqn);
}

int iscsi_name_accept(const char *name, size_t len, char out[NAME_LEN_MAX + 1])
{
	return check_name(name, len, out, is_printable);
}

int iscsi_name_format_address(char *out, size_t len, const char *address, uint16_t port,
			      uint16_t portal_group_tag)
{
	bool is_v6 = strchr(address, ':') != NULL;
	int written =
		snprintf(out, len, "%s%s%s:%u,%u", is_v6 ? "[" : "", address, is_v6 ? "]" : "",
			 (unsigned int)port, (unsigned int)portal_group_tag);

	return written < 0 || (size_t)written >= len ? -ENOSPC : written;
}
