/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Serial number arithmetic on 32 bits (RFC 1982), for CmdSN, StatSN, DataSN and
 * R2TSN (RFC 7143 section 4.2.2): comparisons that hold across the wrap, for
 * numbers less than 2^31 apart.
 */
#ifndef PINION_PROTO_SN_H
#define PINION_PROTO_SN_H

#include <stdbool.h>
#include <stdint.h>

/* How far `a` is ahead of `b`; negative when it is behind. */
static inline int32_t sn_distance(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

static inline bool sn_lt(uint32_t a, uint32_t b)
{
	return sn_distance(a, b) < 0;
}

static inline bool sn_lte(uint32_t a, uint32_t b)
{
	return sn_distance(a, b) <= 0;
}

static inline bool sn_gt(uint32_t a, uint32_t b)
{
	return sn_lt(b, a);
}

static inline bool sn_gte(uint32_t a, uint32_t b)
{
	return sn_lte(b, a);
}

/* The later of two serial numbers. */
static inline uint32_t sn_max(uint32_t a, uint32_t b)
{
	return sn_lt(a, b) ? b : a;
}

/* Whether `sn` lies in first .. last, both included; none when last < first. */
static inline bool sn_in_window(uint32_t sn, uint32_t first, uint32_t last)
{
	return sn_lte(first, sn) && sn_lte(sn, last);
}

#endif
