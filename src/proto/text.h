/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The text format of Login and Text PDUs (RFC 7143 section 6.1): pairs
 * key=value, each ended by a NUL, read and written. How a single value is
 * coded stands in proto/text_value.h, which this includes.
 *
 * Views point into the buffer that is read; nothing is copied or allocated.
 * Values are not limited to the RFC's character set: aliases may be UTF-8.
 */
#ifndef PINION_PROTO_TEXT_H
#define PINION_PROTO_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cursor.h"
#include "proto/text_value.h"

enum {
	TEXT_KEY_LEN_MAX = 63,
	TEXT_VALUE_LEN_MAX = 255, /* of a value, or of each item of a list */
	TEXT_BINARY_LEN_MAX = 8192, /* of a 0x or 0b value, or of a whole list */
};

struct text_pair {
	const char *key; /* not NUL-terminated: the '=' follows */
	size_t key_len;
	const char *value; /* NUL-terminated */
	size_t value_len;
};

/* The position in a walk over pairs. */
struct text_iter {
	const char *position;
	const char *end;
	const char *error; /* after -EPROTO: what is wrong, for the log */
};

/* Starts a walk over the data segment of `len` bytes at `buf`. */
void text_iter_init(struct text_iter *iter, const void *buf, size_t len);

/*
 * Takes the next pair. Returns
 *   1        `*pair` is set;
 *   0        the end was reached;
 *   -EAGAIN  the last pair is not terminated: position .. end is the beginning
 *            of a pair that continues in the next PDU if this one had the C
 *            bit (the caller joins the two), else an error of the peer;
 *   -EPROTO  no '=', an empty or too long key, a character that a key may not
 *            have, a value that is too long.
 * After an error every further call returns it again. Empty strings between
 * NULs are passed over: initiators exist that pad with them.
 */
int text_iter_next(struct text_iter *iter, struct text_pair *pair);

/* Whether the `len` bytes at `text` are exactly `expected` (case counts). */
bool text_equals(const char *text, size_t len, const char *expected);

/* Whether the key of `pair` is `key`. */
static inline bool text_key_is(const struct text_pair *pair, const char *key)
{
	return text_equals(pair->key, pair->key_len, key);
}

/* The position in a walk over the items of a list "a,b,c". */
struct text_list {
	const char *position; /* NULL: no item is left */
	const char *end;
};

/* Starts a walk over a value; an empty value is a list without items. */
void text_list_init(struct text_list *list, const char *value, size_t len);

/* Takes the next item, which may be empty ("a,,b"); false at the end. */
bool text_list_next(struct text_list *list, const char **item, size_t *len);

/*
 * Writers append one pair and its NUL, or, when there is no room, nothing and
 * fail the cursor.
 */
void text_put(struct cursor *cursor, const char *key, const char *value);

/* The value is the `len` bytes at `value`. */
void text_put_value(struct cursor *cursor, const char *key, const char *value, size_t len);

/* The value is a decimal number. */
void text_put_number(struct cursor *cursor, const char *key, uint64_t value);

/* The value is Yes or No. */
void text_put_bool(struct cursor *cursor, const char *key, bool value);

/* The value is the `len` bytes at `bytes` as 0x and hexadecimal digits. */
void text_put_hex(struct cursor *cursor, const char *key, const void *bytes, size_t len);

/* The value is the `len` bytes at `bytes` as 0b and base64. */
void text_put_base64(struct cursor *cursor, const char *key, const void *bytes, size_t len);

#endif
