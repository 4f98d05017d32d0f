/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of the Internet Storage Name Service: RFC 4171 sections 5 and 6.
 * A header of 12 bytes, then, in answers, a status of 4, then attributes: tag
 * and length of 4 bytes each, and a value padded to 4.
 */
#ifndef PINION_PROTO_ISNS_H
#define PINION_PROTO_ISNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"

#define ISNS_PORT 3205
#define ISNS_HEADER_LEN 12
#define ISNS_PAYLOAD_MAX 65532	/* of one PDU; we take and send no message of several */

enum isns_function { /* section 4.1 and 5.6 */
	ISNS_DEV_ATTR_REG = 0x0001,
	ISNS_DEV_DEREG = 0x0004,
	ISNS_SCN_REG = 0x0005,
	ISNS_SCN = 0x0008,
	ISNS_RESPONSE = 0x8000, /* with the function that is answered */
};

enum isns_flag { /* section 5.1.4 */
	ISNS_FLAG_CLIENT = 0x8000,
	ISNS_FLAG_SERVER = 0x4000,
	ISNS_FLAG_AUTHENTICATION = 0x2000,
	ISNS_FLAG_REPLACE = 0x1000,
	ISNS_FLAG_LAST = 0x0800,
	ISNS_FLAG_FIRST = 0x0400,
};

enum isns_tag { /* section 6.1 */
	ISNS_DELIMITER = 0,
	ISNS_ENTITY = 1,
	ISNS_ENTITY_PROTOCOL = 2,
	ISNS_REGISTRATION_PERIOD = 6,
	ISNS_PORTAL_ADDRESS = 16,
	ISNS_PORTAL_PORT = 17,
	ISNS_SCN_PORT = 23,
	ISNS_ISCSI_NAME = 32,
	ISNS_ISCSI_NODE_TYPE = 33,
	ISNS_ISCSI_ALIAS = 34,
	ISNS_ISCSI_SCN_BITMAP = 35,
	ISNS_PORTAL_GROUP_ADDRESS = 49,
	ISNS_PORTAL_GROUP_PORT = 50,
	ISNS_PORTAL_GROUP_TAG = 51,
};

enum {
	ISNS_ENTITY_PROTOCOL_ISCSI = 2,
	ISNS_NODE_TARGET = 0x1,
	ISNS_NODE_INITIATOR = 0x2,
};

enum isns_scn { /* bits of the SCN bitmap, section 6.4.4 */
	ISNS_SCN_MEMBER_ADDED = 0x01,
	ISNS_SCN_MEMBER_REMOVED = 0x02,
	ISNS_SCN_UPDATED = 0x04,
	ISNS_SCN_ADDED = 0x08,
	ISNS_SCN_REMOVED = 0x10,
	ISNS_SCN_TARGET_AND_SELF = 0x40,
	ISNS_SCN_INITIATOR_AND_SELF = 0x80,
};

struct isns_header {
	uint16_t function;
	uint16_t length; /* of the payload, bytes */
	uint16_t flags;
	uint16_t transaction;
	uint16_t sequence;
};

/* Reads the ISNS_HEADER_LEN bytes at BYTES. -EINVAL: another version, or a length that is not right. */
int isns_header_decode(const uint8_t *bytes, struct isns_header *header);

/* Begins a message at the beginning of OUT: FLAGS beside first and last PDU. */
void isns_begin(struct cursor *out, uint16_t function, uint16_t flags, uint16_t transaction);
void isns_put_u32(struct cursor *out, enum isns_tag tag, uint32_t value);
/* With its terminating zero, as section 6 has all names. */
void isns_put_text(struct cursor *out, enum isns_tag tag, const char *text);
/* A portal's address: 16 bytes, IPv4 mapped. */
void isns_put_address(struct cursor *out, enum isns_tag tag, const uint8_t address[16]);
/* An attribute without a value: the delimiter, or a question. */
void isns_put_empty(struct cursor *out, enum isns_tag tag);
/* Ends it. Its length, or 0 where OUT was too short. */
size_t isns_end(struct cursor *out);

struct isns_attribute {
	uint32_t tag;
	uint32_t length;
	const uint8_t *value;
};

/* The next attribute of PAYLOAD: 1, 0 at the end, -EINVAL where it is cut off. */
int isns_next(struct cursor *payload, struct isns_attribute *attribute);
/* Its value: 0 where it has none of 4 bytes. */
uint32_t isns_value(const struct isns_attribute *attribute);
/* Its text, "" where it is none that ends. */
const char *isns_text(const struct isns_attribute *attribute);

/* The name of a status in an answer, section 5.4. */
const char *isns_status_name(uint32_t status);

#endif
