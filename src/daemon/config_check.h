/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What no single setting shows: names, addresses, identifiers, duplicates and
 * settings that exclude each other. Used by config.c only.
 */
#ifndef PINION_DAEMON_CONFIG_CHECK_H
#define PINION_DAEMON_CONFIG_CHECK_H

#include <stddef.h>

struct config;

/*
 * Checks all of CONFIG, brings names into their normal form and fills in the
 * portals where there are none. 0, or a negative errno with the line number (0:
 * none) and what is wrong.
 */
int config_check(struct config *config, unsigned *line, char *error, size_t error_size);

#endif
