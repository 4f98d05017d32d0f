/* SPDX-License-Identifier: BSD-2-Clause */
/* Connection recovery; see iscsi/reassign.h. */
#include "iscsi/reassign.h"

#include <errno.h>

#include "iscsi/ffp.h"
#include "iscsi/login.h"
#include "iscsi/recover.h"

/* --- stranding --- */

static void expired(struct timer *timer)
{
	struct iscsi_conn *conn = container_of(timer, struct iscsi_conn, timer);

	conn_log(conn, LOG_LEVEL_INFO, "connection %u was not recovered in time, %u commands",
		 conn->cid, conn->tasks);
	reassign_give_up(conn);
}

/* Unsolicited data that has not come will not: the rest is asked for by R2T. */
static void give_up_unsolicited(struct iscsi_conn *conn)
{
	struct task_pool *pool = &conn->session->tasks;
	uint32_t i;

	for (i = 0; i < pool->count; i++) {
		struct iscsi_task *task = &pool->tasks[i];

		if (!(task->flags & TASK_IN_USE) || task->conn != conn ||
		    !(task->flags & TASK_UNSOLICITED))
			continue;
		task->flags &= (uint16_t)~TASK_UNSOLICITED;
		dataout_gap(task, (task->flags & TASK_LANDING) != 0);
	}
}

bool reassign_is_possible(const struct iscsi_conn *conn)
{
	return conn->level == 2 && conn->session->time2retain != 0 && !conn->session->has_failed &&
	       !atomic_load_explicit(&conn->core->node->closing, memory_order_relaxed);
}

bool reassign_strand(struct iscsi_conn *conn)
{
	struct iscsi_session *session = conn->session;
	uint64_t seconds = (uint64_t)session->time2wait + session->time2retain;
	struct iscsi_conn *other;

	if (!reassign_is_possible(conn))
		return false;
	conn->strands = true;
	conn->timer.expired = expired;
	reactor_timer_start(conn->core->reactor, &conn->timer, seconds * UINT64_C(1000));
	recover_drop_controls(conn);
	give_up_unsolicited(conn);
	other = session_live_conn(session);
	if (other != NULL && !conn->is_given_up)
		async_connection_dropped(other, conn->cid);
	return true;
}

void reassign_transport_gone(struct iscsi_conn *conn)
{
	recover_drop_controls(conn);
	session_strand_held(conn->session, conn);
	logout_conn_gone(conn);
	login_joiners_go_on(conn->session);
	conn_may_finish(conn);
}

void reassign_give_up(struct iscsi_conn *conn)
{
	struct iscsi_session *session = conn->session;

	if (!conn->strands)
		return;
	conn->strands = false;
	conn->leaves = true;
	reactor_timer_stop(conn->core->reactor, &conn->timer);
	session_drop_held(session, conn);
	recover_drop(conn);
	session_abort_conn(session, conn);
	conn_may_finish(conn);
}

bool reassign_may_wait(const struct iscsi_task *task, int err)
{
	const struct iscsi_conn *conn = task->conn;

	if (conn->level < 2 || (task->flags & TASK_ABORTED) || conn->leaves)
		return false;
	/* The mover ends its work before it says that it is gone; its own verdicts are others. */
	return conn->strands ||
	       (conn->state == CONN_FULL && err != 0 && err != -EBADMSG && err != -EPROTO &&
		err != -ECANCELED && err != -ENOMEM);
}

/* --- TASK REASSIGN --- */

/*
 * Of all connections: one that is gone may not have been found so yet, and may even be sending.
 * Should a tag have been used twice, the one that needs it.
 */
static struct iscsi_task *find_answered(const struct iscsi_session *session, uint32_t itt)
{
	const struct task_pool *pool = &session->tasks;
	struct iscsi_task *found = NULL;
	uint32_t i;

	for (i = 0; i < pool->count; i++) {
		struct iscsi_task *task = &pool->tasks[i];

		if ((task->flags & (TASK_IN_USE | TASK_RESPONDED)) ==
			    (TASK_IN_USE | TASK_RESPONDED) &&
		    task->transport.itt == itt && (found == NULL || task->conn->strands))
			found = task;
	}
	return found;
}

/* TASK changes its allegiance. */
static void adopt(struct iscsi_conn *conn, struct iscsi_task *task, uint32_t first)
{
	struct iscsi_conn *old = task->conn;

	old->tasks--;
	conn->tasks++;
	task->conn = conn;
	task->flags |= TASK_BEGUN;
	conn->wire->ops->adopt(conn->wire, &task->transport, first);
	session_adopt_held(conn, task);
	if (old->tasks == 0)
		reassign_give_up(old);
}

enum iscsi_tmf_response reassign_take(struct iscsi_conn *conn,
				      const struct bhs_tmf_request *request,
				      struct iscsi_task **out)
{
	struct iscsi_session *session = conn->session;
	struct iscsi_task *task = task_find(&session->tasks, request->referenced_task_tag);
	uint32_t first = request->exp_data_sn;

	if (conn->level < 2)
		return ISCSI_TMF_RESPONSE_REASSIGN_NOT_SUPPORTED;
	if (task == NULL)
		task = find_answered(session, request->referenced_task_tag);
	if (task == NULL || (task->flags & TASK_ABORTED))
		return ISCSI_TMF_RESPONSE_NO_TASK;
	if (!task->conn->strands || task->conn->state != CONN_CLOSED)
		return ISCSI_TMF_RESPONSE_STILL_ALLEGIANT;
	if (task->recovery & RECOVERY_SENT) {
		if (!recover_can_resume(task, &first))
			return ISCSI_TMF_RESPONSE_REJECTED;
		recover_take(task);
	} else {
		first = 0;
	}
	adopt(conn, task, first);
	*out = task;
	return ISCSI_TMF_RESPONSE_COMPLETE;
}

void reassign_resume(struct iscsi_task *task)
{
	/* The answer itself may have ended the connection: then it waits for another again. */
	if (!conn_can_send(task->conn))
		return;
	if (task->flags & TASK_RESPONDED)
		command_respond_again(task);
	else if (!(task->flags & TASK_HELD))
		task_progress(task);
}
