/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What must be done to a configuration file's text before libconfig 1.5 reads
 * it, which takes 5000000000 for 705032704 and ends the process when it cannot
 * read an @include. Used by config.c only.
 */
#ifndef PINION_DAEMON_CONFIG_TEXT_H
#define PINION_DAEMON_CONFIG_TEXT_H

#include <stdbool.h>
#include <stddef.h>

enum { CONFIG_TEXT_MAX = 1 << 20 }; /* bytes of a configuration file */

/*
 * Copies the LEN bytes at TEXT to *out (to be freed), integers of more than 31
 * bits marked as 64-bit ones. 0, or a negative errno with the line number and what
 * is wrong with it in ERROR: an integer above 63 bits, an @include, a NUL byte.
 */
int config_text_prepare(const char *text, size_t len, char **out, unsigned *line, char *error,
			size_t error_size);

/* Reads FILE into *out (to be freed), ended by a NUL. 0 or a negative errno, ERROR filled. */
int config_text_read(const char *file, char **out, size_t *len, char *error, size_t error_size);

/*
 * The same for a file with secrets: it must belong to root or to the user that this process
 * is, and nobody else may read or write it (-EPERM).
 */
int config_text_read_private(const char *file, char **out, size_t *len, char *error,
			     size_t error_size);

/* Whether anybody but its owner may read FILE. */
bool config_text_is_shown(const char *file);

#endif
