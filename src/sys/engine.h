/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an engine is to the reactor. Private to src/sys: everybody else calls
 * the functions of sys/reactor.h.
 */
#ifndef PINION_SYS_ENGINE_H
#define PINION_SYS_ENGINE_H

#include "sys/reactor.h"

struct engine;
struct workers;

struct engine_config {
	const struct reactor_config *reactor;
	struct workers *workers;	/* for what blocks */
	int wake_fd;			/* an eventfd that ends a wait */
};

struct engine_ops {
	const char *name;
	/* Queues OP; it goes to the kernel in the next turn. */
	void (*submit)(struct engine *engine, struct io_op *op);
	void (*cancel)(struct engine *engine, struct io_op *op);
	/*
	 * Submits what is queued and runs the completions that are there;
	 * where there are none, waits for at most TIMEOUT_MS (-1: for ever,
	 * 0: not at all). Returns the number of completions.
	 */
	unsigned (*turn)(struct engine *engine, int timeout_ms);
	/* Cheap: whether a turn would find something. Called while spinning. */
	bool (*has_events)(struct engine *engine);
	void (*fd_register)(struct engine *engine, int fd);
	void (*fd_forget)(struct engine *engine, int fd);
	/* On the reactor's thread, before it ends: nothing here keeps a descriptor open any more. */
	void (*let_go)(struct engine *engine);
	void (*describe)(const struct engine *engine, struct reactor_info *info);
	void (*destroy)(struct engine *engine);
};

/* The head of either engine. */
struct engine {
	const struct engine_ops *ops;
};

/* -ENOSYS, -EPERM or another errno where the kernel has no (usable) io_uring. */
int engine_uring_create(const struct engine_config *config, struct engine **out);
int engine_epoll_create(const struct engine_config *config, struct engine **out);

#endif
