/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzes the text codecs: an input is a data segment. Whatever it is, the walk
 * ends, its views lie inside it, and every pair that is read can be written
 * again, byte for byte.
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/names.h"
#include "proto/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A number or a range that parses is one that the RFC's grammar has. */
static void check_numbers(const char *value, size_t len)
{
	uint64_t low;
	uint64_t high;
	bool flag;

	if (text_parse_number(value, len, &low) == 0)
		assert(len > 0 && value[0] >= '0' && value[0] <= '9');
	if (text_parse_range(value, len, &low, &high) == 0)
		assert(low <= high && memchr(value, '~', len) != NULL);
	if (text_parse_bool(value, len, &flag) == 0)
		assert(text_equals(value, len, flag ? "Yes" : "No"));
}

/* What a binary value decodes to, encoded again, decodes to the same. */
static void check_binary(const char *value, size_t len)
{
	uint8_t bytes[TEXT_BINARY_LEN_MAX];
	uint8_t again[TEXT_BINARY_LEN_MAX];
	char text[2 + 2 * TEXT_BINARY_LEN_MAX];
	size_t bytes_len;
	size_t again_len;
	size_t text_len;

	if (text_parse_binary(value, len, bytes, sizeof(bytes), &bytes_len) != 0)
		return;
	assert(text_is_binary(value, len) && bytes_len > 0 && bytes_len < len);
	text_len = text_format_hex(text, bytes, bytes_len);
	assert(text_parse_binary(text, text_len, again, sizeof(again), &again_len) == 0);
	assert(again_len == bytes_len && memcmp(again, bytes, bytes_len) == 0);
	text_len = text_format_base64(text, bytes, bytes_len);
	assert(text_parse_binary(text, text_len, again, sizeof(again), &again_len) == 0);
	assert(again_len == bytes_len && memcmp(again, bytes, bytes_len) == 0);
	/* A capacity one too small must be noticed, not overrun. */
	assert(text_parse_binary(value, len, again, bytes_len - 1, &again_len) == -ENOSPC);
}

/* The items of a list and the commas between them make up the value. */
static void check_list(const char *value, size_t len)
{
	struct text_list list;
	const char *item;
	size_t item_len;
	size_t total = 0;

	text_list_init(&list, value, len);
	while (text_list_next(&list, &item, &item_len)) {
		assert(item == value + total && item_len <= len - total);
		total += item_len + 1;
	}
	assert(total == (len == 0 ? 0 : len + 1));
}

static void check_name(const char *value, size_t len)
{
	char name[NAME_LEN_MAX + 1];
	char again[NAME_LEN_MAX + 1];

	if (iscsi_name_normalize(value, len, name) == 0) {
		assert(strlen(name) == len);
		assert(iscsi_name_normalize(name, len, again) == 0);
		assert(strcmp(name, again) == 0);
		assert(iscsi_name_accept(value, len, again) == 0);
		assert(strcmp(name, again) == 0);
	}
	iscsi_name_accept(value, len, again);
}

/* Writing the pair gives the bytes that were read, given just enough room. */
static void check_writer(const struct text_pair *pair)
{
	size_t len = pair->key_len + 1 + pair->value_len + 1;
	char key[TEXT_KEY_LEN_MAX + 1];
	uint8_t *out = malloc(len);
	struct cursor cursor;

	assert(out != NULL);
	memcpy(key, pair->key, pair->key_len);
	key[pair->key_len] = '\0';
	cursor = cursor_writer(out, len);
	text_put_value(&cursor, key, pair->value, pair->value_len);
	assert(!cursor_failed(&cursor) && cursor_remaining(&cursor) == 0);
	assert(memcmp(out, pair->key, len) == 0);
	cursor = cursor_writer(out, len - 1);
	text_put_value(&cursor, key, pair->value, pair->value_len);
	assert(cursor_failed(&cursor) && cursor_offset(&cursor) == 0);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *begin = (const char *)data;
	struct text_iter iter;
	struct text_pair pair;
	int rc;

	text_iter_init(&iter, data, size);
	while ((rc = text_iter_next(&iter, &pair)) == 1) {
		assert(pair.key >= begin && pair.value + pair.value_len < begin + size);
		assert(pair.key_len >= 1 && pair.key_len <= TEXT_KEY_LEN_MAX);
		assert(pair.value_len <= TEXT_BINARY_LEN_MAX);
		assert(strlen(pair.value) == pair.value_len);
		check_numbers(pair.value, pair.value_len);
		check_binary(pair.value, pair.value_len);
		check_list(pair.value, pair.value_len);
		check_name(pair.value, pair.value_len);
		check_writer(&pair);
	}
	assert(rc == 0 || rc == -EAGAIN || rc == -EPROTO);
	assert((rc == -EPROTO) == (iter.error != NULL));
	assert((rc == 0) == (iter.position == iter.end));
	return 0;
}
