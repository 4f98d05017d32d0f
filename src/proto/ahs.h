/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Additional Header Segments (RFC 7143 section 11.2.2): a walk over them and
 * the two kinds that exist, both for SCSI Commands.
 */
#ifndef PINION_PROTO_AHS_H
#define PINION_PROTO_AHS_H

#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"

enum {
	AHS_TYPE_EXTENDED_CDB = 1,
	AHS_TYPE_BIDI_READ_LENGTH = 2,

	AHS_HEADER_LEN = 3, /* AHSLength and AHSType */
	AHS_CDB_LEN_MAX = 260, /* SPC: what an ADDITIONAL CDB LENGTH can say */
};

struct ahs {
	uint8_t type; /* the whole AHSType byte: codes above 63 are reserved */
	uint16_t len; /* AHSLength: bytes at `data`, without padding */
	const uint8_t *data; /* into the walked buffer: byte 3 of the AHS on */
};

/* The position in a walk. */
struct ahs_iter {
	struct cursor cursor;
};

/* Starts a walk over the `len` bytes (TotalAHSLength * 4) at `buf`. */
void ahs_iter_init(struct ahs_iter *iter, const void *buf, size_t len);

/*
 * Takes the next AHS. Returns 1, 0 at the end, or -EPROTO when its length does
 * not fit in what is left (padding to four bytes included); then it stays so.
 */
int ahs_iter_next(struct ahs_iter *iter, struct ahs *ahs);

/*
 * The rest of a CDB longer than 16 bytes: sets `*cdb` to it (bytes 16 on, a
 * view) and `*len` to its length. Returns 0, or -EPROTO when `ahs` is empty or
 * makes a CDB longer than AHS_CDB_LEN_MAX. `ahs` is AHS_TYPE_EXTENDED_CDB.
 */
int ahs_extended_cdb(const struct ahs *ahs, const uint8_t **cdb, size_t *len);

/*
 * The Bidirectional Read Expected Data Transfer Length, bytes. Returns 0, or
 * -EPROTO when the AHS has another length. `ahs` is AHS_TYPE_BIDI_READ_LENGTH.
 */
int ahs_bidi_read_length(const struct ahs *ahs, uint32_t *length);

/* Writes an Extended CDB AHS with bytes 16 on of a CDB, padded. */
void ahs_put_extended_cdb(struct cursor *cursor, const uint8_t *cdb, size_t len);

/* Writes a Bidirectional Read Expected Data Transfer Length AHS. */
void ahs_put_bidi_read_length(struct cursor *cursor, uint32_t length);

#endif
