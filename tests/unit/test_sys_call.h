/* SPDX-License-Identifier: BSD-2-Clause */
/* An operation of a reactor, whose end a test waits for. */
#ifndef PINION_TEST_SYS_CALL_H
#define PINION_TEST_SYS_CALL_H

#include <string.h>

#include "base/container.h"
#include "sys/reactor.h"

struct call {
	struct io_op op;
	int res;
	unsigned done;
};

static inline void call_done(struct io_op *op, int res)
{
	struct call *call = container_of(op, struct call, op);

	call->res = res;
	call->done++;
}

static inline void call_init(struct call *call)
{
	memset(call, 0, sizeof(*call));
	call->op.done = call_done;
}

#endif
