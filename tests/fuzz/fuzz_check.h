/* SPDX-License-Identifier: BSD-2-Clause */
/* What fuzz targets have in common: how they judge, and how they tell what they do. */
#ifndef PINION_FUZZ_CHECK_H
#define PINION_FUZZ_CHECK_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* Not assert: that one is for what the code under test says of itself. */
#define CHECK(condition)          \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

/* With FUZZ_TRACE in the environment all is told that a crash does not tell by itself. */
static inline bool fuzz_is_traced(void)
{
	static int is_traced = -1;

	if (is_traced < 0)
		is_traced = getenv("FUZZ_TRACE") != NULL;
	return is_traced != 0;
}

#define TRACE(...)                                    \
	do {                                          \
		if (fuzz_is_traced())                 \
			fprintf(stderr, __VA_ARGS__); \
	} while (0)

#endif
