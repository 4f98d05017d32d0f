/* SPDX-License-Identifier: BSD-2-Clause */
/* See config_complaint.h. */
#include "daemon/config_complaint.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int config_fail(struct config_check *check, unsigned line, const char *format, ...)
{
	va_list arguments;

	*check->line = line;
	va_start(arguments, format);
	vsnprintf(check->error, check->error_size, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

int config_fail_memory(struct config_check *check)
{
	config_fail(check, 0, "out of memory");
	return -ENOMEM;
}
