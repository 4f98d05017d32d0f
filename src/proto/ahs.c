/* SPDX-License-Identifier: BSD-2-Clause */
/* Walking, reading and writing Additional Header Segments; see ahs.h. */
#include "proto/ahs.h"

#include <errno.h>

#include "proto/bhs.h"

enum {
	CDB_IN_BHS_LEN = 16,
	BIDI_AHS_LEN = 5, /* a reserved byte and four bytes of length */
};

void ahs_iter_init(struct ahs_iter *iter, const void *buf, size_t len)
{
	iter->cursor = cursor_reader(buf, len);
}

int ahs_iter_next(struct ahs_iter *iter, struct ahs *ahs)
{
	struct cursor *cursor = &iter->cursor;
	uint16_t len;
	uint8_t type;
	const uint8_t *data;

	if (!cursor_failed(cursor) && cursor_remaining(cursor) == 0)
		return 0;
	len = cursor_get_u16(cursor);
	type = cursor_get_u8(cursor);
	/* The padding belongs to the AHS: it must be there as well. */
	data = cursor_get_view(cursor, bhs_padded_len(AHS_HEADER_LEN + len) - AHS_HEADER_LEN);
	if (cursor_failed(cursor))
		return -EPROTO;
	*ahs = (struct ahs){ .type = type, .len = len, .data = data };
	return 1;
}

int ahs_extended_cdb(const struct ahs *ahs, const uint8_t **cdb, size_t *len)
{
	/* AHSLength counts the reserved byte before the CDB: CDBLength - 15. */
	if (ahs->len < 2 || ahs->len - 1 > AHS_CDB_LEN_MAX - CDB_IN_BHS_LEN)
		return -EPROTO;
	*cdb = ahs->data + 1;
	*len = ahs->len - 1U;
	return 0;
}

int ahs_bidi_read_length(const struct ahs *ahs, uint32_t *length)
{
	if (ahs->len != BIDI_AHS_LEN)
		return -EPROTO;
	*length = get_be32(ahs->data + 1);
	return 0;
}

void ahs_put_extended_cdb(struct cursor *cursor, const uint8_t *cdb, size_t len)
{
	if (len == 0 || len > AHS_CDB_LEN_MAX - CDB_IN_BHS_LEN) {
		cursor_fail(cursor);
		return;
	}
	cursor_put_u16(cursor, (uint16_t)(len + 1));
	cursor_put_u8(cursor, AHS_TYPE_EXTENDED_CDB);
	cursor_put_u8(cursor, 0);
	cursor_put_bytes(cursor, cdb, len);
	cursor_put_zeros(cursor, bhs_padded_len((uint32_t)len) - len);
}

void ahs_put_bidi_read_length(struct cursor *cursor, uint32_t length)
{
	cursor_put_u16(cursor, BIDI_AHS_LEN);
	cursor_put_u8(cursor, AHS_TYPE_BIDI_READ_LENGTH);
	cursor_put_u8(cursor, 0);
	cursor_put_u32(cursor, length);
}
