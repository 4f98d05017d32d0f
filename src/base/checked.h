/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arithmetic that notices overflow, and powers of two. For every sum, product
 * or shift of which a part came from a peer, a file or an administrator.
 *
 * checked_*: true and the result in `*result`, or false and `*result` as it
 * was.
 */
#ifndef PINION_BASE_CHECKED_H
#define PINION_BASE_CHECKED_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHECKED_DEFINE(suffix, type)                                                      \
	static inline bool checked_add_##suffix(type a, type b, type *result)             \
	{                                                                                 \
		type sum;                                                                 \
                                                                                          \
		if (__builtin_add_overflow(a, b, &sum))                                   \
			return false;                                                     \
		*result = sum;                                                            \
		return true;                                                              \
	}                                                                                 \
	static inline bool checked_mul_##suffix(type a, type b, type *result)             \
	{                                                                                 \
		type product;                                                             \
                                                                                          \
		if (__builtin_mul_overflow(a, b, &product))                               \
			return false;                                                     \
		*result = product;                                                        \
		return true;                                                              \
	}                                                                                 \
	static inline bool checked_shl_##suffix(type a, unsigned int shift, type *result) \
	{                                                                                 \
		if (shift >= sizeof(type) * 8 || (type)(a << shift) >> shift != a)        \
			return false;                                                     \
		*result = (type)(a << shift);                                             \
		return true;                                                              \
	}

CHECKED_DEFINE(u32, uint32_t)
CHECKED_DEFINE(u64, uint64_t)
CHECKED_DEFINE(size, size_t)

#undef CHECKED_DEFINE

static inline bool is_power_of_two(uint64_t value)
{
	return value != 0 && (value & (value - 1)) == 0;
}

/* log2 of a power of two; of any other non-zero value, rounded down. */
static inline unsigned int log2_floor(uint64_t value)
{
	assert(value != 0);
	return 63U - (unsigned int)__builtin_clzll(value);
}

/* The smallest power of two not below `value`; 1 for 0; 0 above 2^63. */
static inline uint64_t round_up_pow2(uint64_t value)
{
	if (value <= 1)
		return 1;
	if (value > (uint64_t)1 << 63)
		return 0;
	return (uint64_t)2 << log2_floor(value - 1);
}

/* `value` rounded down to a multiple of `alignment`, a power of two. */
static inline uint64_t align_down(uint64_t value, uint64_t alignment)
{
	assert(is_power_of_two(alignment));
	return value & ~(alignment - 1);
}

/* `value` rounded up; the caller knows that there is room (else it wraps). */
static inline uint64_t align_up(uint64_t value, uint64_t alignment)
{
	return align_down(value + alignment - 1, alignment);
}

static inline bool is_aligned(uint64_t value, uint64_t alignment)
{
	return align_down(value, alignment) == value;
}

#endif
