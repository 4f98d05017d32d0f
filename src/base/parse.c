/* SPDX-License-Identifier: BSD-2-Clause */
/* Administrators' text to numbers; see parse.h. */
#include "base/parse.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/checked.h"
#include "base/container.h"

/* Parses the digits at `*position` and moves it behind them. */
static int parse_digits(const char **position, uint64_t *value)
{
	const char *p = *position;
	unsigned int base = 10;
	const char *first;
	uint64_t result = 0;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		base = 16;
		p += 2;
	}
	first = p;
	for (; parse_digit_value(*p) < base; p++) {
		if (!checked_mul_u64(result, base, &result) ||
		    !checked_add_u64(result, parse_digit_value(*p), &result))
			return -ERANGE;
	}
	if (p == first)
		return -EINVAL;
	*position = p;
	*value = result;
	return 0;
}

int parse_u64(const char *text, uint64_t *value)
{
	uint64_t result;
	int rc = parse_digits(&text, &result);

	if (rc != 0)
		return rc;
	if (*text != '\0')
		return -EINVAL;
	*value = result;
	return 0;
}

/* The shift that a size's unit means, or -EINVAL. */
static int unit_shift(const char *unit)
{
	static const char units[] = "KMGTP";
	const char *found;

	if (unit[0] == '\0')
		return 0;
	if (strcmp(unit + 1, "") != 0 && strcasecmp(unit + 1, "iB") != 0)
		return -EINVAL;
	/* Clearing the case bit turns no other character into a unit. */
	found = strchr(units, unit[0] & ~0x20);
	if (found == NULL || *found == '\0')
		return -EINVAL;
	return (int)(found - units + 1) * 10;
}

int parse_size(const char *text, uint64_t *bytes)
{
	uint64_t result;
	int shift;
	int rc = parse_digits(&text, &result);

	if (rc != 0)
		return rc;
	shift = unit_shift(text);
	if (shift < 0)
		return shift;
	if (!checked_shl_u64(result, (unsigned int)shift, &result))
		return -ERANGE;
	*bytes = result;
	return 0;
}

/* Parses "N" or "N-M" at `*position` into `cpus`. */
static int parse_cpu_range(const char **position, cpu_set_t *cpus)
{
	uint64_t first;
	uint64_t last;
	int rc = parse_digits(position, &first);

	if (rc != 0)
		return rc;
	last = first;
	if (**position == '-') {
		++*position;
		rc = parse_digits(position, &last);
		if (rc != 0)
			return rc;
	}
	if (last < first)
		return -EINVAL;
	if (last >= CPU_SETSIZE)
		return -ERANGE;
	for (; first <= last; first++)
		CPU_SET(first, cpus);
	return 0;
}

int parse_cpu_list(const char *text, cpu_set_t *cpus)
{
	cpu_set_t result;

	CPU_ZERO(&result);
	for (;;) {
		int rc = parse_cpu_range(&text, &result);

		if (rc != 0)
			return rc;
		if (*text == '\0')
			break;
		if (*text++ != ',')
			return -EINVAL;
	}
	*cpus = result;
	return 0;
}

int parse_format_cpu_list(const cpu_set_t *cpus, char *out, size_t len)
{
	size_t used = 0;

	if (len == 0)
		return -ENOSPC;
	out[0] = '\0';
	for (int first = 0; first < CPU_SETSIZE; first++) {
		int last = first;
		int written;

		if (!CPU_ISSET(first, cpus))
			continue;
		while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, cpus))
			last++;
		if (last == first)
			written = snprintf(out + used, len - used, "%s%d", used == 0 ? "" : ",",
					   first);
		else
			written = snprintf(out + used, len - used, "%s%d-%d", used == 0 ? "" : ",",
					   first, last);
		if (written < 0 || (size_t)written >= len - used)
			return -ENOSPC;
		used += (size_t)written;
		first = last;
	}
	return 0;
}
