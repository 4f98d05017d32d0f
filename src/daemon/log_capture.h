/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Holds the log back while the daemon starts: a start that fails is one line, and
 * the lines of one that succeeds come where the log goes from then on. Only one
 * at a time.
 */
#ifndef PINION_DAEMON_LOG_CAPTURE_H
#define PINION_DAEMON_LOG_CAPTURE_H

#include <stdbool.h>

void log_capture_begin(void);

/* Lets the lines go on (WRITE), or forgets them. Other threads may be logging. */
void log_capture_end(bool write);

#endif
