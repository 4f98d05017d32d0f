/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A few threads for calls that block: reactor_work on either engine, and all
 * file I/O of the epoll engine. They start when first needed. Private to src/sys.
 */
#ifndef PINION_SYS_WORKERS_H
#define PINION_SYS_WORKERS_H

#include "sys/reactor.h"

struct workers;

/* WAKE_FD: an eventfd that is written when an operation has finished. */
int workers_create(unsigned most, int wake_fd, struct workers **out);
/* Waits for what the threads have begun. */
void workers_destroy(struct workers *workers);

/* Hands OP (IO_WORK, IO_READ, IO_WRITE or IO_SYNC) to a thread. */
void workers_submit(struct workers *workers, struct io_op *op);

/* True when OP had not begun and never will: the caller completes it. */
bool workers_cancel(struct workers *workers, struct io_op *op);

/* On the reactor's thread: calls done of what has finished. Returns how many. */
unsigned workers_complete(struct workers *workers);
bool workers_have_finished(const struct workers *workers);

#endif
