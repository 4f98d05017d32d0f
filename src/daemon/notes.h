/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What could not be had as it was wished, one sentence each: told once in the
 * log and for as long as the daemon runs in pinionctl status. Filled while the
 * daemon starts, constant afterwards.
 */
#ifndef PINION_DAEMON_NOTES_H
#define PINION_DAEMON_NOTES_H

enum { NOTES_MAX = 32, NOTE_LEN_MAX = 256 };

struct notes {
	unsigned count;
	char text[NOTES_MAX][NOTE_LEN_MAX];
};

/* Adds a sentence, unless it is there already or there is no room. */
void notes_add(struct notes *notes, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
