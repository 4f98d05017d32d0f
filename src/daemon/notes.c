/* SPDX-License-Identifier: BSD-2-Clause */
/* See notes.h. */
#include "daemon/notes.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void notes_add(struct notes *notes, const char *format, ...)
{
	va_list arguments;
	char *text;

	if (notes->count == NOTES_MAX)
		return;
	text = notes->text[notes->count];
	va_start(arguments, format);
	vsnprintf(text, NOTE_LEN_MAX, format, arguments);
	va_end(arguments);
	for (unsigned i = 0; i < notes->count; i++) {
		if (strcmp(notes->text[i], text) == 0)
			return;
	}
	notes->count++;
}
