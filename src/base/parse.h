/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text that administrators write, to numbers: integers, sizes, CPU lists.
 * All outputs are set only on success.
 */
#ifndef PINION_BASE_PARSE_H
#define PINION_BASE_PARSE_H

#include <sched.h>
#include <stddef.h>
#include <stdint.h>

/* The value of a hexadecimal digit, of either case; 16 for anything else. */
static inline unsigned int parse_digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned int)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned int)(c - 'A') + 10;
	return 16;
}

/*
 * Parses the whole of `text` as an unsigned integer, decimal or "0x" hex, with
 * neither sign nor space. Returns 0, -EINVAL, or -ERANGE above 2^64 - 1.
 */
int parse_u64(const char *text, uint64_t *value);

/*
 * Parses a size in bytes: an integer as in parse_u64, then at most one of the
 * binary units K M G T P (either case), optionally as KiB, MiB and so on.
 * Returns 0, -EINVAL, or -ERANGE above 2^64 - 1.
 */
int parse_size(const char *text, uint64_t *bytes);

/*
 * Parses a list of CPU numbers and ranges, "0-3,6". Returns 0, -EINVAL (also
 * for an empty list or a range that runs down), or -ERANGE for a number beyond
 * CPU_SETSIZE.
 */
int parse_cpu_list(const char *text, cpu_set_t *cpus);

/*
 * Writes the shortest list that parse_cpu_list reads as `cpus` into `out` (`len`
 * bytes with the terminating NUL). Returns 0 or -ENOSPC.
 */
int parse_format_cpu_list(const cpu_set_t *cpus, char *out, size_t len);

#endif
