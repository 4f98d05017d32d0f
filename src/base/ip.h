/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IP addresses as text, and which of them a network holds. IPv4 is kept as the
 * IPv6 addresses ::ffff:0:0/96 that stand for it, so that both are one kind and
 * a peer that comes to an IPv6 socket by IPv4 is known by its IPv4 address.
 */
#ifndef PINION_BASE_IP_H
#define PINION_BASE_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ip {
	uint8_t bytes[16];
};

/* A network: the first `bits` bits of `base`, whose others are zero. */
struct ip_network {
	struct ip base;
	unsigned bits; /* 0 to 128 */
};

/*
 * Parses the `len` bytes at `text` as a numeric address: "192.0.2.1",
 * "2001:db8::1", "::ffff:192.0.2.1". Nothing may follow, no port, no zone. Returns
 * 0, or -EINVAL with `ip` unchanged.
 */
int ip_parse(const char *text, size_t len, struct ip *ip);

/*
 * Parses the host of "192.0.2.1:3260" or "[fe80::1%eth0]:3260"; port, brackets and
 * zone may be missing. Returns 0, or -EINVAL with `ip` unchanged.
 */
int ip_parse_host(const char *text, struct ip *ip);

/*
 * Parses "10.0.0.0/8", "2001:db8::/32", or an address, which is a network of
 * one. Returns 0, or -EINVAL, also where bits behind the prefix are set: then it was
 * meant otherwise.
 */
int ip_network_parse(const char *text, struct ip_network *network);

bool ip_network_contains(const struct ip_network *network, const struct ip *ip);

bool ip_is_v4(const struct ip *ip);

#endif
