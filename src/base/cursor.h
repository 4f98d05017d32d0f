/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bounded byte cursor with a sticky error: a codec reads or writes ten fields
 * in a row and asks cursor_failed() once. A read past the end gives zero, a
 * write past the end or into a read-only cursor does nothing; both fail the
 * cursor for good and leave its position where it was.
 *
 * A cursor does not own its buffer. Integers are big-endian.
 */
#ifndef PINION_BASE_CURSOR_H
#define PINION_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

struct cursor {
	uint8_t *begin;
	uint8_t *position;
	uint8_t *end;
	bool failed;
	bool is_read_only;
};

/* A cursor that reads the `len` bytes at `buf`. */
static inline struct cursor cursor_reader(const void *buf, size_t len)
{
	/* The cast loses const; is_read_only keeps the promise instead. */
	uint8_t *begin = (uint8_t *)(uintptr_t)buf;

	return (struct cursor){
		.begin = begin,
		.position = begin,
		.end = len == 0 ? begin : begin + len,
		.is_read_only = true,
	};
}

/* A cursor that writes (or reads) the `len` bytes at `buf`. */
static inline struct cursor cursor_writer(void *buf, size_t len)
{
	struct cursor cursor = cursor_reader(buf, len);

	cursor.is_read_only = false;
	return cursor;
}

/* Whether any operation up to now went wrong. */
static inline bool cursor_failed(const struct cursor *cursor)
{
	return cursor->failed;
}

/* Fails the cursor, for a caller who finds the content itself wrong. */
static inline void cursor_fail(struct cursor *cursor)
{
	cursor->failed = true;
}

/* Bytes between the position and the end; 0 once failed. */
static inline size_t cursor_remaining(const struct cursor *cursor)
{
	return cursor->failed ? 0 : (size_t)(cursor->end - cursor->position);
}

/* Bytes read or written up to now. */
static inline size_t cursor_offset(const struct cursor *cursor)
{
	return (size_t)(cursor->position - cursor->begin);
}

/* Moves over `len` bytes and returns where they start; NULL on failure. */
static inline uint8_t *cursor_take(struct cursor *cursor, size_t len)
{
	uint8_t *taken = cursor->position;

	if (cursor->failed || len > cursor_remaining(cursor)) {
		cursor->failed = true;
		return NULL;
	}
	cursor->position = len == 0 ? taken : taken + len;
	return taken;
}

/* cursor_take for writing: fails on a read-only cursor as well. */
static inline uint8_t *cursor_take_for_write(struct cursor *cursor, size_t len)
{
	if (cursor->is_read_only)
		cursor->failed = true;
	return cursor_take(cursor, len);
}

/* Passes over `len` bytes, of which a writer leaves the content as it is. */
static inline void cursor_skip(struct cursor *cursor, size_t len)
{
	(void)cursor_take(cursor, len);
}

/* The next `len` bytes as a view into the buffer; NULL on failure. */
static inline const uint8_t *cursor_get_view(struct cursor *cursor, size_t len)
{
	return cursor_take(cursor, len);
}

/*
 * A cursor over the next `len` bytes alone, with the same rights; this one
 * moves behind them. When they are not there both cursors have failed.
 */
static inline struct cursor cursor_sub(struct cursor *cursor, size_t len)
{
	uint8_t *begin = cursor_take(cursor, len);
	struct cursor sub = cursor_writer(begin, begin == NULL ? 0 : len);

	sub.failed = cursor->failed;
	sub.is_read_only = cursor->is_read_only;
	return sub;
}

/* Copies the next `len` bytes out; on failure `out` is left as it was. */
static inline void cursor_get_bytes(struct cursor *cursor, void *out, size_t len)
{
	const uint8_t *p = cursor_take(cursor, len);

	if (p != NULL && len != 0)
		memcpy(out, p, len);
}

static inline uint8_t cursor_get_u8(struct cursor *cursor)
{
	const uint8_t *p = cursor_take(cursor, 1);

	return p == NULL ? 0 : p[0];
}

static inline uint16_t cursor_get_u16(struct cursor *cursor)
{
	const uint8_t *p = cursor_take(cursor, 2);

	return p == NULL ? 0 : get_be16(p);
}

static inline uint32_t cursor_get_u24(struct cursor *cursor)
{
	const uint8_t *p = cursor_take(cursor, 3);

	return p == NULL ? 0 : get_be24(p);
}

static inline uint32_t cursor_get_u32(struct cursor *cursor)
{
	const uint8_t *p = cursor_take(cursor, 4);

	return p == NULL ? 0 : get_be32(p);
}

static inline uint64_t cursor_get_u64(struct cursor *cursor)
{
	const uint8_t *p = cursor_take(cursor, 8);

	return p == NULL ? 0 : get_be64(p);
}

/* Copies `len` bytes in: all of them or, on failure, none. */
static inline void cursor_put_bytes(struct cursor *cursor, const void *bytes, size_t len)
{
	uint8_t *p = cursor_take_for_write(cursor, len);

	if (p != NULL && len != 0)
		memcpy(p, bytes, len);
}

/* Writes `len` zero bytes. */
static inline void cursor_put_zeros(struct cursor *cursor, size_t len)
{
	uint8_t *p = cursor_take_for_write(cursor, len);

	if (p != NULL && len != 0)
		memset(p, 0, len);
}

static inline void cursor_put_u8(struct cursor *cursor, uint8_t value)
{
	uint8_t *p = cursor_take_for_write(cursor, 1);

	if (p != NULL)
		p[0] = value;
}

static inline void cursor_put_u16(struct cursor *cursor, uint16_t value)
{
	uint8_t *p = cursor_take_for_write(cursor, 2);

	if (p != NULL)
		put_be16(p, value);
}

static inline void cursor_put_u24(struct cursor *cursor, uint32_t value)
{
	uint8_t *p = cursor_take_for_write(cursor, 3);

	if (p != NULL)
		put_be24(p, value);
}

static inline void cursor_put_u32(struct cursor *cursor, uint32_t value)
{
	uint8_t *p = cursor_take_for_write(cursor, 4);

	if (p != NULL)
		put_be32(p, value);
}

static inline void cursor_put_u64(struct cursor *cursor, uint64_t value)
{
	uint8_t *p = cursor_take_for_write(cursor, 8);

	if (p != NULL)
		put_be64(p, value);
}

#endif
