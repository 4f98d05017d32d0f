/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Task management (RFC 7143 sections 4.2.3, 11.5, 11.6). A function aborts the
 * commands that it concerns, waits until they have really ended, and is then
 * answered. What they are is the same for TaskReporting=RFC3720 and the rest:
 * the mover swallows data that is still under way.
 */
#include <stdlib.h>

#include "iscsi/ffp.h"

struct tmf {
	struct iscsi_session *session;
	struct iscsi_conn *conn;	/* that gets the answer */
	struct bhs_tmf_request request;
	struct abort_wait wait;
};

/* One session's part in a reset that concerns many. */
struct reset_part {
	struct abort_wait wait;
	struct broadcast_leg *leg;
};

static void send_response(struct iscsi_conn *conn, uint32_t itt, enum iscsi_tmf_response code)
{
	struct bhs_tmf_response response = { .itt = itt, .response = (uint8_t)code };
	struct control *control;

	if (!conn_can_send(conn))
		return;
	control = control_alloc(conn, 0);
	if (control == NULL)
		return;
	bhs_tmf_response_encode(&control->pdu.bhs, &response);
	control_send(control, true);
}

static void tmf_end(struct tmf *tmf, enum iscsi_tmf_response code)
{
	struct iscsi_conn *conn = tmf->conn;

	send_response(conn, tmf->request.itt, code);
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

static void abort_tasks(struct tmf *tmf, struct iscsi_task *only)
{
	tmf->wait.session = tmf->session;
	tmf->wait.lun = tmf->request.lun;
	tmf->wait.only = only;
	tmf->wait.numbered = true;
	tmf->wait.cmd_sn = tmf->request.cmd_sn;
	tmf->wait.done = tasks_ended;
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

static void reset_done(struct broadcast *broadcast)
{
	struct tmf *tmf = broadcast->context;
	struct iscsi_session *session = tmf->session;
	bool cold = tmf->request.function == ISCSI_TMF_TARGET_COLD_RESET;

	if (broadcast->all_luns)
		scsi_target_reset(session->nexus);
	else
		scsi_lun_reset(session->nexus, tmf->request.lun);
	tmf_end(tmf, ISCSI_TMF_RESPONSE_COMPLETE);
	if (!cold) {
		free(broadcast);
		return;
	}
	/* The answer is on its way; then all connections go (SAM: a hard reset). */
	broadcast->run = drop_sessions;
	broadcast->done = broadcast_free;
	broadcast_start(broadcast);
}

static void part_ended(struct abort_wait *wait)
{
	struct reset_part *part = container_of(wait, struct reset_part, wait);
	struct iscsi_session *session = wait->session;
	struct broadcast_leg *leg = part->leg;

	free(part);
	session_request_end(session, NULL);
	if (--leg->waiting == 0)
		broadcast_leg_done(leg);
}

static void reset_session(struct broadcast_leg *leg, struct iscsi_session *session)
{
	struct reset_part *part = calloc(1, sizeof(*part));

	/* Without memory the commands are aborted all the same, only not waited for. */
	if (part == NULL) {
		session_abort_all(session);
		return;
	}
	part->leg = leg;
	part->wait.session = session;
	part->wait.lun = leg->broadcast->lun;
	part->wait.all_luns = leg->broadcast->all_luns;
	part->wait.done = part_ended;
	session_request_begin(session, NULL);
	leg->waiting++;
	session_abort(&part->wait);
}

static void reset_run(struct broadcast_leg *leg)
{
	struct list_node *node;

	leg->waiting = 1;
	LIST_FOR_EACH(node, &leg->core->sessions_here) {
		struct iscsi_session *session = container_of(node, struct iscsi_session, link);

		if (session->target == leg->broadcast->target)
			reset_session(leg, session);
	}
	if (--leg->waiting == 0)
		broadcast_leg_done(leg);
}

static void reset(struct tmf *tmf, bool all_luns)
{
	struct iscsi_session *session = tmf->session;
	struct broadcast *broadcast;

	if (!all_luns && !scsi_nexus_has_lun(session->nexus, tmf->request.lun)) {
		tmf_end(tmf, ISCSI_TMF_RESPONSE_NO_LUN);
		return;
	}
	broadcast = broadcast_create(session->core->node, session->core);
	if (broadcast == NULL) {
		tmf_end(tmf, ISCSI_TMF_RESPONSE_REJECTED);
		return;
	}
	broadcast->run = reset_run;
	broadcast->done = reset_done;
	broadcast->context = tmf;
	broadcast->target = session->target;
	broadcast->lun = tmf->request.lun;
	broadcast->all_luns = all_luns;
	broadcast_start(broadcast);
}

/* --- requests --- */

static void dispatch(struct tmf *tmf)
{
	switch (tmf->request.function) {
	case ISCSI_TMF_ABORT_TASK:
		abort_task(tmf);
		break;
	case ISCSI_TMF_ABORT_TASK_SET:
	case ISCSI_TMF_CLEAR_TASK_SET:
		abort_task_set(tmf);
		break;
	case ISCSI_TMF_LOGICAL_UNIT_RESET:
		reset(tmf, false);
		break;
	case ISCSI_TMF_TARGET_WARM_RESET:
	case ISCSI_TMF_TARGET_COLD_RESET:
		reset(tmf, true);
		break;
	case ISCSI_TMF_TASK_REASSIGN:
		tmf_end(tmf, ISCSI_TMF_RESPONSE_REASSIGN_NOT_SUPPORTED);
		break;
	default:
		tmf_end(tmf, ISCSI_TMF_RESPONSE_NOT_SUPPORTED);
	}
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
	conn_log(conn, LOG_LEVEL_INFO, "%s, LUN %016llx", iscsi_tmf_name(tmf->request.function),
		 (unsigned long long)tmf->request.lun);
	dispatch(tmf);
}
