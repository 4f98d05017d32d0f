/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading and writing key=value pairs and lists; see text.h. */
#include "proto/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void text_iter_init(struct text_iter *iter, const void *buf, size_t len)
{
	iter->position = buf;
	iter->end = len == 0 ? iter->position : iter->position + len;
	iter->error = NULL;
}

bool text_equals(const char *text, size_t len, const char *expected)
{
	return strlen(expected) == len && memcmp(text, expected, len) == 0;
}

/*
 * A standard-label of section 6.1, plus '#', which the names of registered
 * extensions (X#...) have.
 */
static bool is_key_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr(".-+@_#", c) != NULL);
}

static const char *find_key_error(const char *key, size_t len)
{
	if (len == 0)
		return "empty key";
	if (len > TEXT_KEY_LEN_MAX)
		return "key longer than 63 bytes";
	for (size_t i = 0; i < len; i++) {
		if (!is_key_char(key[i]))
			return "character that a key cannot have";
	}
	return NULL;
}

static const char *find_value_error(const char *value, size_t len)
{
	struct text_list list;
	const char *item;
	size_t item_len;

	if (len > TEXT_BINARY_LEN_MAX)
		return "value longer than 8192 bytes";
	if (len <= TEXT_VALUE_LEN_MAX || text_is_binary(value, len))
		return NULL;
	text_list_init(&list, value, len);
	while (text_list_next(&list, &item, &item_len)) {
		if (item_len > TEXT_VALUE_LEN_MAX)
			return "value longer than 255 bytes";
	}
	return NULL;
}

/* Takes apart the string of `len` bytes at `text`, which is not empty. */
static const char *split_pair(const char *text, size_t len, struct text_pair *pair)
{
	const char *equals = memchr(text, '=', len);
	const char *error;

	if (equals == NULL)
		return "no '=' after the key";
	pair->key = text;
	pair->key_len = (size_t)(equals - text);
	pair->value = equals + 1;
	pair->value_len = len - pair->key_len - 1;
	error = find_key_error(pair->key, pair->key_len);
	return error != NULL ? error : find_value_error(pair->value, pair->value_len);
}

int text_iter_next(struct text_iter *iter, struct text_pair *pair)
{
	struct text_pair found;
	const char *terminator;
	size_t remaining;

	if (iter->error != NULL)
		return -EPROTO;
	while (iter->position != iter->end && *iter->position == '\0')
		iter->position++;
	remaining = (size_t)(iter->end - iter->position);
	if (remaining == 0)
		return 0;
	terminator = memchr(iter->position, '\0', remaining);
	if (terminator == NULL)
		return -EAGAIN;
	iter->error = split_pair(iter->position, (size_t)(terminator - iter->position), &found);
	if (iter->error != NULL)
		return -EPROTO;
	iter->position = terminator + 1;
	*pair = found;
	return 1;
}

void text_list_init(struct text_list *list, const char *value, size_t len)
{
	list->position = len == 0 ? NULL : value;
	list->end = len == 0 ? NULL : value + len;
}

bool text_list_next(struct text_list *list, const char **item, size_t *len)
{
	const char *comma;

	if (list->position == NULL)
		return false;
	*item = list->position;
	*len = (size_t)(list->end - list->position);
	comma = memchr(list->position, ',', *len);
	if (comma == NULL) {
		list->position = NULL;
		return true;
	}
	*len = (size_t)(comma - list->position);
	list->position = comma + 1;
	return true;
}

/*
 * Writes the key, '=', and the NUL behind `value_len` bytes. Returns where the
 * value goes, or NULL when the whole pair does not fit.
 */
static char *begin_pair(struct cursor *cursor, const char *key, size_t value_len)
{
	size_t key_len = strlen(key);
	uint8_t *p = NULL;

	/* A length beyond any buffer would wrap the sum below. */
	if (value_len > cursor_remaining(cursor))
		cursor_fail(cursor);
	else
		p = cursor_take_for_write(cursor, key_len + 1 + value_len + 1);
	if (p == NULL)
		return NULL;
	memcpy(p, key, key_len);
	p[key_len] = '=';
	p[key_len + 1 + value_len] = '\0';
	return (char *)p + key_len + 1;
}

void text_put_value(struct cursor *cursor, const char *key, const char *value, size_t len)
{
	char *out = begin_pair(cursor, key, len);

	if (out != NULL && len != 0)
		memcpy(out, value, len);
}

void text_put(struct cursor *cursor, const char *key, const char *value)
{
	text_put_value(cursor, key, value, strlen(value));
}

void text_put_number(struct cursor *cursor, const char *key, uint64_t value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRIu64, value);
	text_put(cursor, key, digits);
}

void text_put_bool(struct cursor *cursor, const char *key, bool value)
{
	text_put(cursor, key, value ? "Yes" : "No");
}

void text_put_hex(struct cursor *cursor, const char *key, const void *bytes, size_t len)
{
	char *out = begin_pair(cursor, key, 2 + 2 * len);

	if (out != NULL)
		text_format_hex(out, bytes, len);
}

void text_put_base64(struct cursor *cursor, const char *key, const void *bytes, size_t len)
{
	char *out = begin_pair(cursor, key, 2 + text_base64_len(len));

	if (out != NULL)
		text_format_base64(out, bytes, len);
}
