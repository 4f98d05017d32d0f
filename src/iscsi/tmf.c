/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Task management (RFC 7143 sections 4.2.3, 11.5, 11.6; RFC 7144). A function
 * aborts the commands that it concerns, waits until they have really ended, and
 * is then answered. This session's own commands are named and aborted here;
 * what concerns others goes through the device server's door.
 *
 * Data that has been solicited for an aborted task is waited for in none of the
 * three kinds of TaskReporting: the mover swallows what is still under way,
 * Target Transfer Tags are not used again soon, and many an initiator (Linux's,
 * with FastAbort on its side alone) never sends it. With one connection, the
 * only case in which a fence is agreed to, responses are in order by themselves.
 */
#include <stdlib.h>
#include <string.h>

#include "iscsi/ffp.h"
#include "iscsi/reassign.h"

struct tmf {
	struct iscsi_session *session;
	struct iscsi_conn *conn;	/* that gets the answer */
	struct bhs_tmf_request request;
	struct abort_wait wait;		/* for this session's own tasks */
	struct scsi_tmf_request scsi;	/* for all others */
	unsigned waiting;		/* for how many of these two */
	struct timer late;		/* until the commands before it have come */
	unsigned looks;
};

static void send_response(const struct tmf *tmf, enum iscsi_tmf_response code)
{
	struct bhs_tmf_response response = { .itt = tmf->request.itt, .response = (uint8_t)code };
	struct iscsi_conn *conn = tmf->conn;
	struct control *control;

	if (!conn_can_send(conn))
		return;
	control = control_alloc(conn, 0);
	if (control == NULL)
		return;
	memcpy(response.additional, tmf->scsi.additional, sizeof(response.additional));
	bhs_tmf_response_encode(&control->pdu.bhs, &response);
	control_send(control, true);
}

static void tmf_end(struct tmf *tmf, enum iscsi_tmf_response code)
{
	struct iscsi_conn *conn = tmf->conn;

	send_response(tmf, code);
	session_request_end(tmf->session, conn);
	free(tmf);
	if (conn->state != CONN_FULL)
		conn_may_finish(conn);
}

/* --- functions that concern this session alone --- */

static void tasks_ended(struct abort_wait *wait)
{
	tmf_end(container_of(wait, struct tmf, wait), ISCSI_TMF_RESPONSE_COMPLETE);
}

static void start_abort(struct tmf *tmf, void (*done)(struct abort_wait *wait))
{
	tmf->wait.session = tmf->session;
	tmf->wait.lun = tmf->request.lun;
	tmf->wait.numbered = true;
	tmf->wait.cmd_sn = tmf->request.cmd_sn;
	tmf->wait.done = done;
}

static void abort_tasks(struct tmf *tmf, struct iscsi_task *only)
{
	start_abort(tmf, tasks_ended);
	tmf->wait.only = only;
	session_abort(&tmf->wait);
}

static void abort_task(struct tmf *tmf)
{
	struct iscsi_session *session = tmf->session;
	uint32_t ref_cmd_sn = tmf->request.ref_cmd_sn;
	struct iscsi_task *task = task_find(&session->tasks, tmf->request.referenced_task_tag);

	if (task != NULL) {
		abort_tasks(tmf, task);
	} else if (sn_in_window(ref_cmd_sn, session->exp_cmd_sn, session->max_cmd_sn) &&
		   sn_lt(ref_cmd_sn, tmf->request.cmd_sn)) {
		/* 11.6.1 b: it never came, and from now on it need not. */
		session_fill_gap(tmf->conn, ref_cmd_sn);
		tmf_end(tmf, ISCSI_TMF_RESPONSE_COMPLETE);
	} else {
		tmf_end(tmf, ISCSI_TMF_RESPONSE_NO_TASK);
	}
}

static void task_reassign(struct tmf *tmf)
{
	enum iscsi_tmf_response code;
	struct iscsi_task *task;

	code = reassign_take(tmf->conn, &tmf->request, &task);
	tmf_end(tmf, code);
	/* What belongs to the task follows the answer. */
	if (code == ISCSI_TMF_RESPONSE_COMPLETE)
		reassign_resume(task);
}

static void abort_task_set(struct tmf *tmf)
{
	/* The task set is the nexus's (TST 001b): CLEAR TASK SET means no others either. */
	if (scsi_nexus_has_lun(tmf->session->nexus, tmf->request.lun))
		abort_tasks(tmf, NULL);
	else
		tmf_end(tmf, ISCSI_TMF_RESPONSE_NO_LUN);
}

/* --- resets: every session of the target, on every reactor --- */

static void drop_sessions(struct broadcast_leg *leg)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &leg->core->sessions_here) {
		struct iscsi_session *session = container_of(node, struct iscsi_session, link);

		if (session->target == leg->broadcast->target)
			session_terminate(session, true, "target cold reset");
	}
	broadcast_leg_done(leg);
}

static void broadcast_free(struct broadcast *broadcast)
{
	free(broadcast);
}

/* The answer is on its way; then all connections go (SAM: a hard reset). */
static void drop_all(struct iscsi_session *session)
{
	struct broadcast *broadcast = broadcast_create(session->core->node, session->core);

	if (broadcast == NULL) {
		log_warning("iscsi: no memory to drop the sessions of a target cold reset");
		return;
	}
	broadcast->run = drop_sessions;
	broadcast->done = broadcast_free;
	broadcast->target = session->target;
	broadcast_start(broadcast);
}

static enum iscsi_tmf_response response_of(const struct scsi_tmf_request *request)
{
	static const enum iscsi_tmf_response codes[] = {
		[SCSI_TMF_FUNCTION_COMPLETE] = ISCSI_TMF_RESPONSE_COMPLETE,
		[SCSI_TMF_FUNCTION_SUCCEEDED] = ISCSI_TMF_RESPONSE_SUCCEEDED,
		[SCSI_TMF_FUNCTION_REJECTED] = ISCSI_TMF_RESPONSE_REJECTED,
		[SCSI_TMF_INCORRECT_LUN] = ISCSI_TMF_RESPONSE_NO_LUN,
	};

	return codes[request->response];
}

static void reset_part_done(struct tmf *tmf)
{
	struct iscsi_session *session = tmf->session;

	if (--tmf->waiting != 0)
		return;
	if (tmf->request.function == ISCSI_TMF_TARGET_COLD_RESET)
		drop_all(session);
	tmf_end(tmf, response_of(&tmf->scsi));
}

static void own_tasks_ended(struct abort_wait *wait)
{
	reset_part_done(container_of(wait, struct tmf, wait));
}

static void answered(struct scsi_tmf_request *request)
{
	reset_part_done(container_of(request, struct tmf, scsi));
}

/* Asks the device server, and is answered by reset_part_done. */
static void ask(struct tmf *tmf, enum scsi_tmf function)
{
	tmf->waiting++;
	tmf->scsi.nexus = tmf->session->nexus;
	tmf->scsi.function = function;
	tmf->scsi.lun = tmf->request.lun;
	tmf->scsi.done = answered;
	scsi_task_management(&tmf->scsi);
}

static void reset(struct tmf *tmf, enum scsi_tmf function)
{
	struct iscsi_session *session = tmf->session;

	if (function == SCSI_TMF_LOGICAL_UNIT_RESET &&
	    !scsi_nexus_has_lun(session->nexus, tmf->request.lun)) {
		tmf_end(tmf, ISCSI_TMF_RESPONSE_NO_LUN);
		return;
	}
	tmf->waiting = 1;
	start_abort(tmf, own_tasks_ended);
	tmf->wait.all_luns = function != SCSI_TMF_LOGICAL_UNIT_RESET;
	session_abort(&tmf->wait);
	ask(tmf, function);
}

/* --- queries (RFC 7144) --- */

static bool is_there(const struct iscsi_task *task)
{
	return (task->flags & TASK_IN_USE) && !(task->flags & (TASK_RESPONDED | TASK_ABORTED));
}

static void query_task(struct tmf *tmf)
{
	const struct iscsi_task *task =
		task_find(&tmf->session->tasks, tmf->request.referenced_task_tag);
	bool found = task != NULL && is_there(task);

	tmf_end(tmf, found ? ISCSI_TMF_RESPONSE_SUCCEEDED : ISCSI_TMF_RESPONSE_COMPLETE);
}

static void query_task_set(struct tmf *tmf)
{
	const struct task_pool *pool = &tmf->session->tasks;
	bool found = false;
	uint32_t i;

	if (!scsi_nexus_has_lun(tmf->session->nexus, tmf->request.lun)) {
		tmf_end(tmf, ISCSI_TMF_RESPONSE_NO_LUN);
		return;
	}
	for (i = 0; i < pool->count && !found; i++)
		found = is_there(&pool->tasks[i]) && pool->tasks[i].cmd.lun == tmf->request.lun;
	tmf_end(tmf, found ? ISCSI_TMF_RESPONSE_SUCCEEDED : ISCSI_TMF_RESPONSE_COMPLETE);
}

/* --- what other sessions do to this one --- */

/*
 * With FastAbort the initiator is told (section 4.2.3.4) where a status does not tell
 * it already. Its NOP-Out in answer needs nothing: see above.
 */
void tmf_tasks_terminated(void *context, uint64_t lun)
{
	struct iscsi_session *session = context;
	struct iscsi_conn *conn = session_live_conn(session);

	if (session->task_reporting == REPORTING_FAST_ABORT && conn != NULL)
		async_tasks_terminated(conn, lun);
}

/* --- requests --- */

/* RFC 7144's functions are there only where its protocol level was agreed on. */
static bool is_known(const struct tmf *tmf)
{
	uint8_t function = tmf->request.function;

	return function < ISCSI_TMF_QUERY_TASK ||
	       tmf->session->protocol_level >= PROTOCOL_LEVEL_SAM;
}

static void dispatch(struct tmf *tmf)
{
	switch (is_known(tmf) ? tmf->request.function : 0) {
	case ISCSI_TMF_ABORT_TASK:
		abort_task(tmf);
		break;
	case ISCSI_TMF_ABORT_TASK_SET:
	case ISCSI_TMF_CLEAR_TASK_SET:
		abort_task_set(tmf);
		break;
	case ISCSI_TMF_CLEAR_ACA:
		ask(tmf, SCSI_TMF_CLEAR_ACA);
		break;
	case ISCSI_TMF_LOGICAL_UNIT_RESET:
		reset(tmf, SCSI_TMF_LOGICAL_UNIT_RESET);
		break;
	case ISCSI_TMF_TARGET_WARM_RESET:
	case ISCSI_TMF_TARGET_COLD_RESET:
		reset(tmf, SCSI_TMF_TARGET_RESET);
		break;
	case ISCSI_TMF_TASK_REASSIGN:
		task_reassign(tmf);
		break;
	case ISCSI_TMF_QUERY_TASK:
		query_task(tmf);
		break;
	case ISCSI_TMF_QUERY_TASK_SET:
		query_task_set(tmf);
		break;
	case ISCSI_TMF_I_T_NEXUS_RESET:
		reset(tmf, SCSI_TMF_I_T_NEXUS_RESET);
		break;
	case ISCSI_TMF_QUERY_ASYNCHRONOUS_EVENT:
		ask(tmf, SCSI_TMF_QUERY_ASYNCHRONOUS_EVENT);
		break;
	default:
		tmf_end(tmf, ISCSI_TMF_RESPONSE_NOT_SUPPORTED);
	}
}

/* --- commands that have not come yet --- */

/*
 * A function that came as an immediate request may be ahead of commands that another
 * connection brings: it concerns them, and waits for them (section 4.2.3.3 b). Nothing
 * else counts so rarely, so it is looked for, and not for ever.
 */
#define LATE_TICK_MS 2
#define LATE_LOOKS_MAX 1000

static bool is_ahead(const struct tmf *tmf)
{
	switch (tmf->request.function) {
	case ISCSI_TMF_ABORT_TASK_SET:
	case ISCSI_TMF_CLEAR_TASK_SET:
	case ISCSI_TMF_LOGICAL_UNIT_RESET:
	case ISCSI_TMF_TARGET_WARM_RESET:
	case ISCSI_TMF_TARGET_COLD_RESET:
	case ISCSI_TMF_I_T_NEXUS_RESET:
		return session_count_conns(tmf->session) > 1 &&
		       sn_lt(tmf->session->exp_cmd_sn, tmf->request.cmd_sn);
	default:
		return false;
	}
}

static void run_when_due(struct tmf *tmf)
{
	if (!is_ahead(tmf) || tmf->looks++ == LATE_LOOKS_MAX)
		dispatch(tmf);
	else
		reactor_timer_start(tmf->session->core->reactor, &tmf->late, LATE_TICK_MS);
}

static void look_again(struct timer *timer)
{
	run_when_due(container_of(timer, struct tmf, late));
}

void tmf_run(struct iscsi_conn *conn, const struct bhs *bhs, const uint8_t *data,
	     uint32_t data_length)
{
	struct iscsi_session *session = conn->session;
	struct tmf *tmf = NULL;

	(void)data;
	(void)data_length;
	if (session->requests < SESSION_REQUESTS_MAX)
		tmf = calloc(1, sizeof(*tmf));
	if (tmf == NULL) {
		reject_send(conn, bhs, ISCSI_REJECT_IMMEDIATE_COMMAND,
			    "too many task management functions");
		return;
	}
	tmf->session = session;
	tmf->conn = conn;
	bhs_tmf_request_decode(bhs, &tmf->request);
	session_request_begin(session, conn);
	events_add(&conn->events, reactor_now_ns(conn->core->reactor), "task management",
		   tmf->request.function, tmf->request.lun);
	conn_log(conn, LOG_LEVEL_INFO, "%s, LUN %016llx", iscsi_tmf_name(tmf->request.function),
		 (unsigned long long)tmf->request.lun);
	tmf->late.expired = look_again;
	run_when_due(tmf);
}
