/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A session's window follows the latency of its commands. While they take longer than
 * target-latency-ms with the window full, it has fewer slots, so that what the store cannot do
 * yet waits with the initiator, whose clock for a command has not started there. When
 * latency falls the slots come back. MaxCmdSN never does (RFC 7143 section 4.2.2.1): a smaller
 * window is one that does not advance for a while.
 */
#ifndef PINION_ISCSI_PACE_H
#define PINION_ISCSI_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "iscsi/session.h"

#define PACE_SLOTS_MIN 4 /* a window is not made smaller than this for latency */
#define PACE_SAMPLE    4 /* one command in so many is timed */

/* Before the first command. The window is no more than PACE has slots. */
void pace_init(struct iscsi_session *session);

/* SLOTS is what memory allows from now on: makes the window. */
void pace_grant(struct iscsi_session *session, uint32_t slots);

/* TASK has been done, and still counts as active. */
void pace_sample(struct iscsi_task *task);

static inline bool pace_is_timed(const struct iscsi_task *task)
{
	return task->cmd_sn % PACE_SAMPLE == 0;
}

/* The device server waits no longer for the initiator: only from here on does TASK take time. */
static inline void pace_data_is_here(struct iscsi_task *task)
{
	if (pace_is_timed(task))
		task->since_ns = reactor_now_ns(task->session->core->reactor);
}

/* The device server has completed TASK. */
static inline void pace_completed(struct iscsi_task *task)
{
	struct iscsi_session *session = task->session;

	/* Completions come in batches: the first of one sees how many there were. */
	if (session->active > session->pace.peak)
		session->pace.peak = session->active;
	if (pace_is_timed(task) && !(task->flags & (TASK_IMMEDIATE | TASK_ABORTED)))
		pace_sample(task);
}

#endif
