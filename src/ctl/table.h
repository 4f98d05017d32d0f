/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text in columns that are as wide as what stands in them.
 */
#ifndef PINION_CTL_TABLE_H
#define PINION_CTL_TABLE_H

#include <stdio.h>

enum { TABLE_COLUMNS_MAX = 12 };

struct table {
	unsigned columns;
	unsigned count; /* of cells, headings included */
	char **cells;
	unsigned right; /* bit N: column N is aligned to the right */
};

/* HEADINGS are separated by '|'; one that begins with '>' heads a column of numbers. */
void table_begin(struct table *table, const char *headings);

/* Appends a cell; a row is full when every column has one. */
void table_add(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints what there is, each line after INDENT, and frees it. */
void table_end(struct table *table, FILE *out, const char *indent);

#endif
