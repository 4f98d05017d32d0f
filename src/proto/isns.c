/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of the Internet Storage Name Service; see isns.h. */
#include "proto/isns.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/container.h"

enum {
	VERSION = 1,
	LENGTH_AT = 4, /* of PDU LENGTH in the header */
	ALIGNMENT = 4,
};

int isns_header_decode(const uint8_t *bytes, struct isns_header *header)
{
	struct cursor in = cursor_reader(bytes, ISNS_HEADER_LEN);

	if (cursor_get_u16(&in) != VERSION)
		return -EINVAL;
	header->function = cursor_get_u16(&in);
	header->length = cursor_get_u16(&in);
	header->flags = cursor_get_u16(&in);
	header->transaction = cursor_get_u16(&in);
	header->sequence = cursor_get_u16(&in);
	return header->length % ALIGNMENT == 0 && header->length <= ISNS_PAYLOAD_MAX ? 0 : -EINVAL;
}

void isns_begin(struct cursor *out, uint16_t function, uint16_t flags, uint16_t transaction)
{
	cursor_put_u16(out, VERSION);
	cursor_put_u16(out, function);
	cursor_put_u16(out, 0);
	cursor_put_u16(out, flags | ISNS_FLAG_FIRST | ISNS_FLAG_LAST);
	cursor_put_u16(out, transaction);
	cursor_put_u16(out, 0);
}

void isns_put_u32(struct cursor *out, enum isns_tag tag, uint32_t value)
{
	cursor_put_u32(out, tag);
	cursor_put_u32(out, sizeof(value));
	cursor_put_u32(out, value);
}

void isns_put_text(struct cursor *out, enum isns_tag tag, const char *text)
{
	size_t length = strlen(text) + 1;
	size_t padding = -length % ALIGNMENT;

	cursor_put_u32(out, tag);
	cursor_put_u32(out, (uint32_t)(length + padding));
	cursor_put_bytes(out, text, length);
	cursor_put_zeros(out, padding);
}

void isns_put_address(struct cursor *out, enum isns_tag tag, const uint8_t address[16])
{
	cursor_put_u32(out, tag);
	cursor_put_u32(out, 16);
	cursor_put_bytes(out, address, 16);
}

void isns_put_empty(struct cursor *out, enum isns_tag tag)
{
	cursor_put_u32(out, tag);
	cursor_put_u32(out, 0);
}

size_t isns_end(struct cursor *out)
{
	size_t length = cursor_offset(out);

	if (cursor_failed(out) || length - ISNS_HEADER_LEN > ISNS_PAYLOAD_MAX)
		return 0;
	put_be16(out->begin + LENGTH_AT, (uint16_t)(length - ISNS_HEADER_LEN));
	return length;
}

int isns_next(struct cursor *payload, struct isns_attribute *attribute)
{
	if (cursor_remaining(payload) == 0)
		return cursor_failed(payload) ? -EINVAL : 0;
	attribute->tag = cursor_get_u32(payload);
	attribute->length = cursor_get_u32(payload);
	attribute->value = cursor_get_view(payload, attribute->length);
	cursor_skip(payload, -(size_t)attribute->length % ALIGNMENT);
	return cursor_failed(payload) ? -EINVAL : 1;
}

uint32_t isns_value(const struct isns_attribute *attribute)
{
	return attribute->length == sizeof(uint32_t) ? get_be32(attribute->value) : 0;
}

const char *isns_text(const struct isns_attribute *attribute)
{
	if (attribute->length == 0 || memchr(attribute->value, 0, attribute->length) == NULL)
		return "";
	return (const char *)attribute->value;
}

const char *isns_status_name(uint32_t status)
{
	static const char *const names[] = {
		"successful",
		"unknown error",
		"message format error",
		"invalid registration",
		"reserved",
		"invalid query",
		"source unknown",
		"source absent",
		"source unauthorized",
		"no such entry",
		"version not supported",
		"internal error",
		"busy",
		"option not understood",
		"invalid update",
		"message not supported",
		"SCN event rejected",
		"SCN registration rejected",
		"attribute not implemented",
		"FC_DOMAIN_ID not available",
		"FC_DOMAIN_ID not allocated",
		"ESI not available",
		"invalid deregistration",
		"registration feature not supported",
	};

	return status < ARRAY_SIZE(names) ? names[status] : "unknown status";
}
