/* SPDX-License-Identifier: BSD-2-Clause */
/* IP addresses as text; see base/ip.h. RFC 4291 section 2.2. */
#include "base/ip.h"

#include <errno.h>
#include <string.h>

#include "base/parse.h"

#define V4_AT 12 /* where the IPv4 address lies in the IPv6 one that stands for it */

static const uint8_t v4_prefix[V4_AT] = { [10] = 0xff, [11] = 0xff };

bool ip_is_v4(const struct ip *ip)
{
	return memcmp(ip->bytes, v4_prefix, sizeof(v4_prefix)) == 0;
}

/* Reads a decimal number up to 255 without leading zeros; NULL when there is none. */
static const char *read_octet(const char *at, const char *end, uint8_t *octet)
{
	const char *begin = at;
	unsigned value = 0;

	while (at < end && *at >= '0' && *at <= '9' && at - begin < 3)
		value = value * 10 + (unsigned)(*at++ - '0');
	if (at == begin || value > 255 || (*begin == '0' && at - begin > 1))
		return NULL;
	*octet = (uint8_t)value;
	return at;
}

static int parse_v4(const char *text, size_t len, uint8_t out[4])
{
	const char *end = text + len;
	uint8_t octets[4];

	for (unsigned i = 0; i < 4; i++) {
		if (i != 0 && (text == end || *text++ != '.'))
			return -EINVAL;
		text = read_octet(text, end, &octets[i]);
		if (text == NULL)
			return -EINVAL;
	}
	if (text != end)
		return -EINVAL;
	memcpy(out, octets, sizeof(octets));
	return 0;
}

/* Reads up to four hexadecimal digits; NULL when there are none, or more. */
static const char *read_group(const char *at, const char *end, uint8_t out[2])
{
	const char *begin = at;
	unsigned value = 0;

	while (at < end && parse_digit_value(*at) < 16 && at - begin < 5)
		value = value << 4 | parse_digit_value(*at++);
	if (at == begin || at - begin > 4)
		return NULL;
	out[0] = (uint8_t)(value >> 8);
	out[1] = (uint8_t)value;
	return at;
}

/* An IPv6 address as it is read: groups before and behind "::". */
struct groups {
	uint8_t bytes[16];
	unsigned count; /* bytes */
	int gap; /* where "::" stood, -1: nowhere */
};

/* Reads one group, or the IPv4 address that may come last. */
static const char *read_piece(const char *at, const char *end, struct groups *groups)
{
	uint8_t *out = groups->bytes + groups->count;
	const char *next;

	if (groups->count <= 12 && parse_v4(at, (size_t)(end - at), out) == 0) {
		groups->count += 4;
		return end;
	}
	if (groups->count > 14)
		return NULL;
	next = read_group(at, end, out);
	groups->count += 2;
	return next;
}

static int read_groups(const char *at, const char *end, struct groups *groups)
{
	if (end - at >= 2 && at[0] == ':' && at[1] == ':') {
		groups->gap = 0;
		at += 2;
	}
	while (at < end) {
		at = read_piece(at, end, groups);
		if (at == NULL)
			return -EINVAL;
		if (at == end)
			break;
		if (*at++ != ':' || at == end)
			return -EINVAL;
		if (*at != ':')
			continue;
		if (groups->gap >= 0)
			return -EINVAL;
		groups->gap = (int)groups->count;
		at++;
	}
	return (groups->gap >= 0) == (groups->count < 16) ? 0 : -EINVAL;
}

static int parse_v6(const char *text, size_t len, struct ip *ip)
{
	struct groups groups = { .gap = -1 };
	unsigned behind;

	if (read_groups(text, text + len, &groups) != 0)
		return -EINVAL;
	memset(ip, 0, sizeof(*ip));
	if (groups.gap < 0)
		groups.gap = 16;
	behind = groups.count > (unsigned)groups.gap ? groups.count - (unsigned)groups.gap : 0;
	memcpy(ip->bytes, groups.bytes, groups.count - behind);
	memcpy(ip->bytes + 16 - behind, groups.bytes + groups.gap, behind);
	return 0;
}

int ip_parse(const char *text, size_t len, struct ip *ip)
{
	struct ip parsed;

	memcpy(parsed.bytes, v4_prefix, sizeof(v4_prefix));
	if (parse_v4(text, len, parsed.bytes + V4_AT) != 0 && parse_v6(text, len, &parsed) != 0)
		return -EINVAL;
	*ip = parsed;
	return 0;
}

int ip_parse_host(const char *text, struct ip *ip)
{
	size_t len = strlen(text);

	if (text[0] == '[') {
		text++;
		len = strcspn(text, "]");
	} else if (strchr(text, '.') != NULL && strchr(text, ':') == strrchr(text, ':')) {
		len = strcspn(text, ":");
	}
	len = strcspn(text, "%") < len ? strcspn(text, "%") : len;
	return ip_parse(text, len, ip);
}

/* Clears the bits of IP behind the first BITS; whether any was set. */
static bool clear_behind(struct ip *ip, unsigned bits)
{
	bool was_set = false;

	for (unsigned i = 0; i < sizeof(ip->bytes); i++) {
		unsigned kept = bits > i * 8 ? bits - i * 8 : 0;
		uint8_t mask = kept >= 8 ? 0xff : (uint8_t)(0xff00 >> kept);

		was_set |= (ip->bytes[i] & ~mask) != 0;
		ip->bytes[i] &= mask;
	}
	return was_set;
}

int ip_network_parse(const char *text, struct ip_network *network)
{
	size_t len = strcspn(text, "/");
	struct ip_network parsed = { .bits = 128 };
	unsigned most = 128;
	uint64_t bits;

	if (ip_parse(text, len, &parsed.base) != 0)
		return -EINVAL;
	/* "::ffff:10.0.0.0/104" counts from the front, as it is written. */
	if (memchr(text, ':', len) == NULL)
		most = 32;
	if (text[len] == '/') {
		if (text[len + 1] < '0' || text[len + 1] > '9' ||
		    parse_u64(text + len + 1, &bits) != 0 || bits > most)
			return -EINVAL;
		parsed.bits = (unsigned)bits + 128 - most;
	}
	if (clear_behind(&parsed.base, parsed.bits))
		return -EINVAL;
	*network = parsed;
	return 0;
}

bool ip_network_contains(const struct ip_network *network, const struct ip *ip)
{
	struct ip base = *ip;

	clear_behind(&base, network->bits);
	return memcmp(&base, &network->base, sizeof(base)) == 0;
}
