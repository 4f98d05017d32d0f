/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon's answers for people. A key that is missing, of an older daemon,
 * prints as nothing.
 */
#ifndef PINION_CTL_PRINT_H
#define PINION_CTL_PRINT_H

struct json_object;

/* First: names that initiators choose shall not write to a terminal what they like. */
void print_clean(struct json_object *result);

void print_status(struct json_object *result);
void print_targets(struct json_object *result);
void print_sessions(struct json_object *result);
void print_session_show(struct json_object *result);
void print_word(struct json_object *result);
void print_help(struct json_object *result);

#endif
