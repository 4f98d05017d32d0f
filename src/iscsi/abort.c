/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Aborting tasks of a session, and waiting for their end: what task management and the end of
 * a connection have in common.
 */
#include "iscsi/ffp.h"
#include "iscsi/session.h"

static bool wait_concerns(const struct abort_wait *wait, const struct iscsi_task *task)
{
	if (!(task->flags & TASK_IN_USE) || (task->flags & TASK_RESPONDED) ||
	    task->serial >= wait->before)
		return false;
	/* The initiator has numbered it behind the function, or it has not begun: not concerned. */
	if (wait->numbered && !(task->flags & TASK_IMMEDIATE) &&
	    !sn_lt(task->cmd_sn, wait->cmd_sn))
		return false;
	if ((task->flags & TASK_HELD) && !wait->numbered)
		return false;
	if (wait->only != NULL)
		return wait->only == task;
	return wait->all_luns || task->cmd.lun == wait->lun;
}

/* A task that has not begun: its CmdSN stays taken, but nothing runs for it. */
static void abort_held(struct iscsi_session *session, struct iscsi_task *task)
{
	session_forget_task(session, task);
	command_end_held(task);
}

void session_abort(struct abort_wait *wait)
{
	struct iscsi_session *session = wait->session;
	uint32_t i;

	wait->before = session->serial;
	for (i = 0; i < session->tasks.count; i++) {
		struct iscsi_task *task = &session->tasks.tasks[i];

		if (!wait_concerns(wait, task))
			continue;
		if (task->flags & TASK_HELD)
			abort_held(session, task);
		else
			command_abort(task);
	}
	list_push_back(&session->aborts, &wait->link);
	session_task_ended(session);
}

void session_abort_conn(struct iscsi_session *session, const struct iscsi_conn *conn)
{
	uint32_t i;

	for (i = 0; i < session->tasks.count; i++) {
		struct iscsi_task *task = &session->tasks.tasks[i];

		if ((task->flags & TASK_IN_USE) && (conn == NULL || task->conn == conn))
			command_abort(task);
	}
}

void session_abort_all(struct iscsi_session *session)
{
	session_abort_conn(session, NULL);
}

void session_task_ended(struct iscsi_session *session)
{
	if (LIKELY(list_is_empty(&session->aborts)) || session->aborts_queued)
		return;
	session->aborts_queued = true;
	reactor_defer(session->core->reactor, &session->aborts_check);
}

static bool wait_is_over(const struct abort_wait *wait)
{
	const struct task_pool *pool = &wait->session->tasks;
	uint32_t i;

	for (i = 0; i < pool->count; i++)
		if (wait_concerns(wait, &pool->tasks[i]))
			return false;
	return true;
}

void session_check_aborts(struct deferred *deferred)
{
	struct iscsi_session *session = container_of(deferred, struct iscsi_session, aborts_check);
	struct list_node *node;
	struct list_node *next;
	struct list over;

	session->aborts_queued = false;
	list_init(&over);
	LIST_FOR_EACH_SAFE(node, next, &session->aborts) {
		if (!wait_is_over(container_of(node, struct abort_wait, link)))
			continue;
		list_remove(node);
		list_push_back(&over, node);
	}
	/* Their owners may begin new waits from done. */
	while ((node = list_pop_front(&over)) != NULL) {
		struct abort_wait *wait = container_of(node, struct abort_wait, link);

		wait->done(wait);
	}
	session_may_finish(session);
}
