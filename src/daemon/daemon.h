/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon's life: start whole or not at all, serve until a signal, stop in
 * order.
 */
#ifndef PINION_DAEMON_DAEMON_H
#define PINION_DAEMON_DAEMON_H

#include <stdbool.h>

#include "daemon/config.h"

struct daemon_options {
	bool foreground;
	const char *pid_file; /* NULL: none */
};

/* Serves CONFIG until it is told to stop. Returns the exit status. One thread so far. */
int daemon_run(const struct config *config, const struct daemon_options *options);

#endif
