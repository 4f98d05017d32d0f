/* SPDX-License-Identifier: BSD-2-Clause */
/* See table.h. Running out of memory ends the program: there is nothing to save. */
#include "ctl/table.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>


static void append(struct table *table, char *text)
{
	unsigned count = table->count++;
	char **cells = realloc(table->cells, (count + 1) * sizeof(*cells));

	if (cells == NULL || text == NULL) {
		fprintf(stderr, "pinionctl: out of memory\n");
		exit(EXIT_FAILURE);
	}
	cells[count] = text;
	table->cells = cells;
}

void table_begin(struct table *table, const char *headings)
{
	*table = (struct table){ .columns = 0 };
	for (;;) {
		size_t len = strcspn(headings, "|");
		unsigned column = table->columns++;

		assert(column < TABLE_COLUMNS_MAX);
		if (*headings == '>') {
			table->right |= 1U << column;
			headings++;
			len--;
		}
		append(table, strndup(headings, len));
		headings += len;
		if (*headings++ == '\0')
			return;
	}
}

void table_add(struct table *table, const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	append(table, text);
}

static void print_row(const struct table *table, char *const *row, const size_t *width, FILE *out,
		      const char *indent)
{
	fputs(indent, out);
	for (unsigned i = 0; i < table->columns; i++) {
		bool is_right = (table->right >> i & 1) != 0;
		/* No blanks at the end of a line. */
		int pad = i + 1 == table->columns && !is_right ? 0 : (int)width[i];

		fprintf(out, "%s%*s", i == 0 ? "" : "  ", is_right ? pad : -pad, row[i]);
	}
	fputc('\n', out);
}

void table_end(struct table *table, FILE *out, const char *indent)
{
	size_t width[TABLE_COLUMNS_MAX] = { 0 };
	unsigned count = table->count - table->count % table->columns;

	for (unsigned i = 0; i < count; i++) {
		size_t len = strlen(table->cells[i]);

		if (len > width[i % table->columns])
			width[i % table->columns] = len;
	}
	for (unsigned i = 0; i < count; i += table->columns)
		print_row(table, table->cells + i, width, out, indent);
	for (unsigned i = 0; i < table->count; i++)
		free(table->cells[i]);
	free(table->cells);
	*table = (struct table){ .columns = 0 };
}
