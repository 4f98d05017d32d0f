/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connection recovery (ErrorRecoveryLevel 2, RFC 7143 sections 7.2.2 and 11.5):
 * the tasks of a connection that has failed are stranded. They go on inside, but
 * have nobody to speak to, until another connection of the session takes them
 * (TASK REASSIGN) or the time for that is over. The failed connection stays in
 * its session for so long, without a transport.
 */
#ifndef PINION_ISCSI_REASSIGN_H
#define PINION_ISCSI_REASSIGN_H

#include "iscsi/conn.h"
#include "iscsi/task.h"
#include "proto/pdu.h"

/* Whether another connection could take the tasks of CONN, should it fail now. */
bool reassign_is_possible(const struct iscsi_conn *conn);

/* CONN has failed or is failing. False: at its level that is the session's end. */
bool reassign_strand(struct iscsi_conn *conn);

/* The transport of CONN, which is stranded, is gone: its tasks may be taken. */
void reassign_transport_gone(struct iscsi_conn *conn);

/* Nobody will take the tasks of CONN any more: they are aborted, and it goes. */
void reassign_give_up(struct iscsi_conn *conn);

static inline bool reassign_is_stranded(const struct iscsi_task *task)
{
	return task->conn->strands && !(task->flags & TASK_ABORTED);
}

/* The mover has ended what it did for TASK with ERR: whether that is no more than its failure. */
bool reassign_may_wait(const struct iscsi_task *task, int err);

/* TASK REASSIGN: finds the task that REQUEST names and makes it CONN's. */
enum iscsi_tmf_response reassign_take(struct iscsi_conn *conn,
				      const struct bhs_tmf_request *request,
				      struct iscsi_task **out);
/* It goes on from where it is. */
void reassign_resume(struct iscsi_task *task);

#endif
