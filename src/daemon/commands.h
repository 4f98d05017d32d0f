/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What pinionctl can ask: a table of commands, and the facts they tell. All on
 * the control thread; the reactors are asked by message and never waited for
 * longer than a few seconds.
 */
#ifndef PINION_DAEMON_COMMANDS_H
#define PINION_DAEMON_COMMANDS_H

#include <stddef.h>
#include <stdint.h>

struct json_object;
struct machine;
struct model;

/* Constant while the control thread runs. */
struct commands {
	const struct machine *machine;
	const struct model *model;
	const char *config; /* the configuration's source */
	uint64_t started_ns; /* clock_monotonic_ns */
};

/* A control_handle_fn with a struct commands as its context. */
struct json_object *commands_handle(void *context, struct json_object *request, char *error,
				    size_t error_size);

#endif
