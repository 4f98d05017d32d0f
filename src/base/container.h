/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small compiler helpers that every room uses: container_of, array size,
 * min/max and branch hints.
 */
#ifndef PINION_BASE_CONTAINER_H
#define PINION_BASE_CONTAINER_H

#include <stddef.h>

/*
 * The object of which `pointer` is the member named `member`. The conditional
 * never evaluates its second half: it only makes the compiler check the type.
 */
#define container_of(pointer, type, member)                                   \
	((type *)(void *)((char *)(1 ? (pointer) : &((type *)NULL)->member) - \
			  offsetof(type, member)))

/* Number of elements of an array (an array, not a pointer: that is an error). */
#define ARRAY_SIZE(array)                                                               \
	(sizeof(array) / sizeof((array)[0]) +                                           \
	 0 * sizeof(struct {                                                            \
		 _Static_assert(!__builtin_types_compatible_p(__typeof__(array),        \
							      __typeof__(&(array)[0])), \
				"ARRAY_SIZE needs an array");                           \
		 int unused;                                                            \
	 }))

#define LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* Unique names keep nested uses, min(a, min(b, c)), free of shadowing. */
#define CONTAINER_PASTE2(a, b) a##b
#define CONTAINER_PASTE(a, b)  CONTAINER_PASTE2(a, b)
#define CONTAINER_PICK(op, a, b, name_a, name_b)    \
	__extension__({                             \
		__auto_type name_a = (a);           \
		__auto_type name_b = (b);           \
		name_a op name_b ? name_a : name_b; \
	})

/*
 * The smaller and the larger of two values, each evaluated once. Operands of
 * different signedness draw the compiler's sign-compare warning, as they
 * should; write min_t(size_t, length, 4096) to say which type is meant.
 */
#define min(a, b)                                                     \
	CONTAINER_PICK(<, a, b, CONTAINER_PASTE(min_a_, __COUNTER__), \
		       CONTAINER_PASTE(min_b_, __COUNTER__))
#define max(a, b)                                                     \
	CONTAINER_PICK(>, a, b, CONTAINER_PASTE(max_a_, __COUNTER__), \
		       CONTAINER_PASTE(max_b_, __COUNTER__))
#define min_t(type, a, b) min((type)(a), (type)(b))
#define max_t(type, a, b) max((type)(a), (type)(b))

#endif
