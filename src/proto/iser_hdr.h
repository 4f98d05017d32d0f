/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The iSER header that stands before each iSCSI control-type PDU on RDMA, and
 * the two messages of iSER itself (RFC 7145 section 9): 28 bytes each.
 */
#ifndef PINION_PROTO_ISER_HDR_H
#define PINION_PROTO_ISER_HDR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

enum { ISER_HDR_LEN = 28 };

/* The opcode, upper half of byte 0. */
enum iser_opcode {
	ISER_OPCODE_CONTROL = 1,
	ISER_OPCODE_HELLO = 2,
	ISER_OPCODE_HELLO_REPLY = 3,
};

enum {
	ISER_FLAG_WRITE_STAG = 0x08, /* W: write_stag and write_base_offset hold */
	ISER_FLAG_READ_STAG = 0x04, /* R: likewise */
	ISER_FLAG_HELLO_REJECT = 0x01, /* REJ of a HelloReply */
};

static inline uint8_t iser_hdr_opcode(const uint8_t raw[ISER_HDR_LEN])
{
	return raw[0] >> 4;
}

/* Section 9.2. The buffers that a SCSI Command offers for RDMA. */
struct iser_control {
	bool has_write_stag; /* the target RDMA-reads from it */
	bool has_read_stag; /* the target RDMA-writes to it */
	uint32_t write_stag;
	uint32_t read_stag;
	uint64_t write_base_offset;
	uint64_t read_base_offset;
};

static inline void iser_control_decode(const uint8_t raw[ISER_HDR_LEN],
				       struct iser_control *control)
{
	control->has_write_stag = (raw[0] & ISER_FLAG_WRITE_STAG) != 0;
	control->has_read_stag = (raw[0] & ISER_FLAG_READ_STAG) != 0;
	control->write_stag = get_be32(raw + 4);
	control->write_base_offset = get_be64(raw + 8);
	control->read_stag = get_be32(raw + 16);
	control->read_base_offset = get_be64(raw + 20);
}

static inline void iser_control_encode(uint8_t raw[ISER_HDR_LEN],
				       const struct iser_control *control)
{
	memset(raw, 0, ISER_HDR_LEN);
	raw[0] = (uint8_t)(ISER_OPCODE_CONTROL << 4 |
			   (control->has_write_stag ? ISER_FLAG_WRITE_STAG : 0) |
			   (control->has_read_stag ? ISER_FLAG_READ_STAG : 0));
	put_be32(raw + 4, control->write_stag);
	put_be64(raw + 8, control->write_base_offset);
	put_be32(raw + 16, control->read_stag);
	put_be64(raw + 20, control->read_base_offset);
}

/* Section 9.3: the initiator's first message. */
struct iser_hello {
	uint8_t max_ver; /* 4 bits */
	uint8_t min_ver; /* 4 bits */
	uint16_t iser_ird;
};

static inline void iser_hello_decode(const uint8_t raw[ISER_HDR_LEN], struct iser_hello *hello)
{
	hello->max_ver = raw[1] >> 4;
	hello->min_ver = raw[1] & 0x0f;
	hello->iser_ird = get_be16(raw + 2);
}

static inline void iser_hello_encode(uint8_t raw[ISER_HDR_LEN], const struct iser_hello *hello)
{
	memset(raw, 0, ISER_HDR_LEN);
	raw[0] = ISER_OPCODE_HELLO << 4;
	raw[1] = (uint8_t)(hello->max_ver << 4 | (hello->min_ver & 0x0f));
	put_be16(raw + 2, hello->iser_ird);
}

/* Section 9.4: the target's answer to it. */
struct iser_hello_reply {
	bool is_rejected;
	uint8_t max_ver; /* 4 bits */
	uint8_t cur_ver; /* 4 bits */
	uint16_t iser_ord;
};

static inline void iser_hello_reply_decode(const uint8_t raw[ISER_HDR_LEN],
					   struct iser_hello_reply *reply)
{
	reply->is_rejected = (raw[0] & ISER_FLAG_HELLO_REJECT) != 0;
	reply->max_ver = raw[1] >> 4;
	reply->cur_ver = raw[1] & 0x0f;
	reply->iser_ord = get_be16(raw + 2);
}

static inline void iser_hello_reply_encode(uint8_t raw[ISER_HDR_LEN],
					   const struct iser_hello_reply *reply)
{
	memset(raw, 0, ISER_HDR_LEN);
	raw[0] = (uint8_t)(ISER_OPCODE_HELLO_REPLY << 4 |
			   (reply->is_rejected ? ISER_FLAG_HELLO_REJECT : 0));
	raw[1] = (uint8_t)(reply->max_ver << 4 | (reply->cur_ver & 0x0f));
	put_be16(raw + 2, reply->iser_ord);
}

#endif
