/* SPDX-License-Identifier: BSD-2-Clause */
/* See transport_id.h. */
#include "scsi/transport_id.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/container.h"

enum {
	PROTOCOL_ISCSI = 0x05,
	FORMAT_DEVICE = 0x00,
	FORMAT_PORT = 0x40,
	LENGTH_MIN = 20, /* ADDITIONAL LENGTH */
	NAME_MAX_ISCSI = 223,
	ISID_DIGITS = 12,
};

static const char separator[] = ",i,0x";

/* The hexadecimal number TEXT as an ISID; false where it is none. */
static bool get_isid(const char *text, uint64_t *isid)
{
	size_t digits = strlen(text);

	if (digits == 0 || digits > ISID_DIGITS || strspn(text, "0123456789abcdef") != digits)
		return false;
	*isid = 0;
	for (; *text != '\0'; text++)
		*isid = *isid << 4 |
			(uint64_t)(isdigit((unsigned char)*text) ? *text - '0' : *text - 'a' + 10);
	return true;
}

/* Splits PORT behind its node name and writes it as we do; false where it is no port name. */
static bool normalize_port(char *port, char name[INITIATOR_PORT_MAX + 1])
{
	char *behind = strstr(port, separator);
	uint64_t isid;

	if (behind == NULL || !get_isid(behind + strlen(separator), &isid))
		return false;
	*behind = '\0';
	if (*port == '\0' || strlen(port) > NAME_MAX_ISCSI)
		return false;
	snprintf(name, INITIATOR_PORT_MAX + 1, "%s%s%012llx", port, separator,
		 (unsigned long long)isid);
	return true;
}

bool transport_id_get(struct cursor *in, char name[INITIATOR_PORT_MAX + 1], bool *is_device)
{
	uint8_t first = cursor_get_u8(in);
	uint16_t length;
	const uint8_t *bytes;
	char text[TRANSPORT_ID_MAX + 1];
	size_t used;

	cursor_skip(in, 1);
	length = cursor_get_u16(in);
	bytes = cursor_get_view(in, length);
	if (cursor_failed(in) || length < LENGTH_MIN || length % 4 != 0 ||
	    length > TRANSPORT_ID_MAX)
		return false;
	if ((first & 0x0f) != PROTOCOL_ISCSI ||
	    ((first & 0xc0) != FORMAT_DEVICE && (first & 0xc0) != FORMAT_PORT))
		return false;
	used = strnlen((const char *)bytes, length);
	if (used == 0 || used == length)
		return false;
	for (size_t i = 0; i <= used; i++)
		text[i] = (char)tolower(bytes[i]);
	*is_device = (first & 0xc0) == FORMAT_DEVICE;
	if (!*is_device)
		return normalize_port(text, name);
	if (used > NAME_MAX_ISCSI || strchr(text, ',') != NULL)
		return false;
	memcpy(name, text, used + 1);
	return true;
}

void transport_id_put(struct cursor *out, const char *name)
{
	size_t length = strlen(name);
	size_t padded = max(align_up(length + 1, 4), (size_t)LENGTH_MIN);

	cursor_put_u8(out, FORMAT_PORT | PROTOCOL_ISCSI);
	cursor_put_u8(out, 0);
	cursor_put_u16(out, (uint16_t)padded);
	cursor_put_bytes(out, name, length);
	cursor_put_zeros(out, padded - length);
}
