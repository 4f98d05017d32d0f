/* SPDX-License-Identifier: BSD-2-Clause */
/* What is wrong with a configuration that can be read: the line and a sentence about it. */
#ifndef PINION_DAEMON_CONFIG_COMPLAINT_H
#define PINION_DAEMON_CONFIG_COMPLAINT_H

#include <stddef.h>

#include "daemon/config.h"

/* A reading of CONFIG and where its first complaint goes. */
struct config_check {
	struct config *config;
	unsigned *line;
	char *error;
	size_t error_size;
};

/* Complains of LINE, 0: of none. Always -EINVAL. */
int config_fail(struct config_check *check, unsigned line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Always -ENOMEM. */
int config_fail_memory(struct config_check *check);

#endif
