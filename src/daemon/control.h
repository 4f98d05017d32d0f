/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket: one JSON request a line, one JSON answer a line, served by
 * a thread of its own. What the requests mean is commands.h's business.
 */
#ifndef PINION_DAEMON_CONTROL_H
#define PINION_DAEMON_CONTROL_H

#include <stddef.h>

struct control;
struct json_object;

/*
 * Carries out REQUEST, an object, on the control thread; may block briefly.
 * Returns the result (the caller's), or NULL with one line in ERROR.
 */
typedef struct json_object *(*control_handle_fn)(void *context, struct json_object *request,
						 char *error, size_t error_size);

struct control_config {
	const char *path; /* of the socket; its folder is made where it is missing */
	unsigned timeout_ms; /* for the rest of a request and for an answer; 0: 10 s */
	control_handle_fn handle;
	void *context;
};

/*
 * Listens. A socket that nobody answers on is replaced; -EADDRINUSE where somebody
 * does. 0, or a negative errno with one line in ERROR.
 */
int control_create(const struct control_config *config, struct control **out, char *error,
		   size_t error_size);

/* Starts the thread. */
int control_start(struct control *control);

/* Ends the thread and closes all clients; harmless when it does not run. */
void control_stop(struct control *control);

/* Stops, removes the socket's file and frees; NULL is harmless. */
void control_destroy(struct control *control);

/* Removes the socket's file only: for an exit that cannot wait. Async-signal-safe. */
void control_unlink(const struct control *control);

#endif
