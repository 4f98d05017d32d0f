/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recovery within a connection; see iscsi/recover.h. RFC 7143 sections 7.2.1,
 * 7.3 and 11.16 (SNACK). Data-Out that is missing is asked for elsewhere: by the
 * mover (recovery R2T) and in iscsi/dataout.c.
 *
 * An answered task stays in the pool, with its slot of the window, until its
 * status is acknowledged: that bounds what is kept. Of the data that goes with
 * it a connection keeps so many bytes; a SNACK for what is gone is rejected.
 */
#include "iscsi/recover.h"

#include <string.h>

#include "iscsi/ffp.h"
#include "iscsi/reassign.h"

static uint32_t stat_sn_of_task(const struct iscsi_task *task)
{
	return bhs_stat_sn(&task->transport.response);
}

static struct iscsi_task *task_at(struct list_node *node)
{
	return container_of(node, struct iscsi_task, sent_link);
}

static struct control *control_at(struct list_node *node)
{
	return container_of(node, struct control, sent_link);
}

/* DataSN behind the last Data-In that was sent. */
static uint32_t exp_data_sn(const struct iscsi_task *task)
{
	return get_be32(task->transport.response.raw + BHS_AT_DATA_SN);
}

static bool is_acknowledged(const struct iscsi_conn *conn, uint32_t stat_sn)
{
	return sn_lt(stat_sn, conn->acknowledged);
}

/* --- keeping --- */

/* An initiator that has nothing to send tells us nothing. */
static void ask_in_time(struct iscsi_conn *conn)
{
	if (++conn->sent_unasked < RECOVER_ASK)
		return;
	conn->sent_unasked = 0;
	nop_ask(conn);
}

static bool has_data(const struct iscsi_task *task)
{
	return task->transport.put_length != 0 && !(task->flags & TASK_RELEASED);
}

bool recover_can_resume(const struct iscsi_task *task, uint32_t *first)
{
	uint32_t all = exp_data_sn(task);

	if (*first == 0 && (task->recovery & RECOVERY_ARRIVED))
		*first = all;
	if (sn_gt(*first, all))
		*first = 0;
	return task->transport.put_length == 0 || has_data(task) || *first == all;
}

/* The data of TASK, which is sent, is needed no more. */
static void release_data(struct iscsi_task *task)
{
	if (!has_data(task) || (task->recovery & RECOVERY_RESENDING))
		return;
	task->conn->sent_bytes -= task->transport.put_length;
	scsi_cmd_release(&task->cmd);
	task->flags |= TASK_RELEASED;
}

static void bound_data(struct iscsi_conn *conn)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &conn->sent_tasks) {
		if (conn->sent_bytes <= RECOVER_BYTES_MAX)
			return;
		release_data(task_at(node));
	}
}

void recover_prepare(struct iscsi_task *task)
{
	task->transport.put_ttt = ISCSI_TAG_NONE;
	if (task->transport.put_length != 0)
		task->transport.put_ttt = conn_new_ttt(task->conn);
}

void recover_take(struct iscsi_task *task)
{
	list_remove(&task->sent_link);
	task->conn->sent_tasks_count--;
	if (has_data(task))
		task->conn->sent_bytes -= task->transport.put_length;
	task->recovery &= RECOVERY_ARRIVED;
}

static void forget_task(struct iscsi_task *task)
{
	recover_take(task);
	command_end(task);
}

/* What a SNACK has asked for while something of TASK was under way. */
static bool resend_wanted(struct iscsi_task *task)
{
	struct transport_conn *wire = task->conn->wire;

	if (!(task->recovery & RECOVERY_WANTED))
		return false;
	task->recovery &= (uint8_t)~RECOVERY_WANTED;
	if (task->recovery & RECOVERY_RESEGMENT) {
		task->recovery &= (uint8_t)~RECOVERY_RESEGMENT;
		put_be32(task->transport.response.raw + 20, task->snack.tag);
		bhs_set_window(&task->transport.response, task->session->exp_cmd_sn,
			       task->session->max_cmd_sn);
		transport_put_data(wire, &task->transport);
	} else if (wire->ops->resend_data(wire, &task->transport, task->snack.first,
					  task->snack.count) != 0) {
		return false;
	}
	task->recovery |= RECOVERY_RESENDING;
	return true;
}

/* False: it is kept already. */
static bool keep(struct iscsi_task *task)
{
	struct iscsi_conn *conn = task->conn;

	if (task->recovery & RECOVERY_SENT)
		return false;
	task->recovery |= RECOVERY_SENT;
	list_push_back(&conn->sent_tasks, &task->sent_link);
	conn->sent_tasks_count++;
	if (has_data(task))
		conn->sent_bytes += task->transport.put_length;
	return true;
}

bool recover_keep_task(struct iscsi_task *task, int err)
{
	struct iscsi_conn *conn = task->conn;
	bool is_new;

	task->recovery &= (uint8_t)~RECOVERY_RESENDING;
	if (err != 0 || conn->state != CONN_FULL) {
		if (reassign_may_wait(task, err)) {
			keep(task);
			return true;
		}
		if (task->recovery & RECOVERY_SENT) {
			forget_task(task);
			return true;
		}
		return false;
	}
	is_new = keep(task);
	if (!resend_wanted(task) && is_acknowledged(conn, stat_sn_of_task(task)))
		forget_task(task);
	else
		bound_data(conn);
	if (is_new)
		ask_in_time(conn);
	return true;
}

/* By StatSN: what was sent again comes back to its place. */
bool recover_keep_control(struct control *control)
{
	struct iscsi_conn *conn = control->conn;
	uint32_t stat_sn = bhs_stat_sn(&control->pdu.bhs);
	struct list_node *node;

	if (is_acknowledged(conn, stat_sn))
		return false;
	for (node = conn->sent_controls.head.prev; node != &conn->sent_controls.head;
	     node = node->prev)
		if (sn_lt(bhs_stat_sn(&control_at(node)->pdu.bhs), stat_sn))
			break;
	list_insert_before(node->next, &control->sent_link);
	ask_in_time(conn);
	return true;
}

/* --- acknowledging --- */

void recover_acknowledge(struct iscsi_conn *conn, const struct bhs *bhs)
{
	uint32_t exp_stat_sn = bhs_exp_stat_sn(bhs);
	struct list_node *node;
	struct list_node *next;

	if (!sn_gt(exp_stat_sn, conn->acknowledged) || sn_gt(exp_stat_sn, conn->numbers.stat_sn))
		return;
	conn->acknowledged = exp_stat_sn;
	conn->sent_unasked = 0;
	LIST_FOR_EACH_SAFE(node, next, &conn->sent_tasks) {
		struct iscsi_task *task = task_at(node);

		if (!is_acknowledged(conn, stat_sn_of_task(task)))
			break;
		/* What is on its way once more ends when it is there. */
		if (!(task->recovery & RECOVERY_RESENDING))
			forget_task(task);
		/* To tell of the window it opens may have been one answer too many: all is gone. */
		if (conn->state != CONN_FULL)
			return;
	}
	while ((node = list_front(&conn->sent_controls)) != NULL &&
	       is_acknowledged(conn, bhs_stat_sn(&control_at(node)->pdu.bhs)))
		control_free(control_at(node));
}

void recover_drop(struct iscsi_conn *conn)
{
	struct list_node *node;
	struct list all;

	/*
	 * To tell of the window that one opens may be one answer too many for another connection,
	 * which then ends, and the session, and this one: that comes here again.
	 */
	list_init(&all);
	list_splice_back(&all, &conn->sent_tasks);
	while ((node = list_pop_front(&all)) != NULL) {
		if (task_at(node)->recovery & RECOVERY_RESENDING)
			list_push_back(&conn->sent_tasks, node);
		else
			forget_task(task_at(node));
	}
	recover_drop_controls(conn);
}

void recover_drop_controls(struct iscsi_conn *conn)
{
	struct list_node *node;

	while ((node = list_front(&conn->sent_controls)) != NULL)
		control_free(control_at(node));
}

/* --- SNACK --- */

/*
 * The response of TASK once more, on its own; data is another matter. False: the connection is
 * being ended, and what it had sent is gone.
 */
static bool resend_status(struct iscsi_task *task)
{
	struct iscsi_conn *conn = task->conn;
	struct control *control = control_alloc(conn, task->transport.sense_length);

	if (control == NULL)
		return false;
	control->pdu.bhs = task->transport.response;
	if (task->transport.sense_length != 0)
		memcpy(control->data, task->transport.sense, task->transport.sense_length);
	bhs_set_window(&control->pdu.bhs, conn->session->exp_cmd_sn, conn->session->max_cmd_sn);
	transport_send_control(conn->wire, &control->pdu);
	return true;
}

static void resend_control(struct control *control)
{
	struct iscsi_conn *conn = control->conn;

	/* Until it has been sent it is in no list. */
	list_remove(&control->sent_link);
	bhs_set_window(&control->pdu.bhs, conn->session->exp_cmd_sn, conn->session->max_cmd_sn);
	transport_send_control(conn->wire, &control->pdu);
}

/* Whether STAT_SN is one of those that SNACK asks for. */
static bool is_in_run(const struct bhs_snack *snack, uint32_t stat_sn)
{
	return sn_gte(stat_sn, snack->beg_run) &&
	       (snack->run_length == 0 || stat_sn - snack->beg_run < snack->run_length);
}

static const char *snack_status(struct iscsi_conn *conn, struct bhs_snack *snack)
{
	struct list_node *node;
	struct list_node *next;

	/* Both zero: all that is not acknowledged. */
	if (snack->beg_run == 0 && snack->run_length == 0)
		snack->beg_run = conn->acknowledged;
	if (is_acknowledged(conn, snack->beg_run))
		return "StatSN is acknowledged already";
	if (sn_gte(snack->beg_run, conn->numbers.stat_sn))
		return "no such StatSN has been sent";
	LIST_FOR_EACH(node, &conn->sent_tasks)
		if (is_in_run(snack, stat_sn_of_task(task_at(node))) &&
		    !resend_status(task_at(node)))
			return NULL;
	LIST_FOR_EACH_SAFE(node, next, &conn->sent_controls)
		if (is_in_run(snack, bhs_stat_sn(&control_at(node)->pdu.bhs)))
			resend_control(control_at(node));
	return NULL;
}

/* An answered task by its tag; the latest one, should the tag have been used twice. */
static struct iscsi_task *find_sent(const struct iscsi_conn *conn, uint32_t itt)
{
	struct iscsi_task *found = NULL;
	struct list_node *node;

	LIST_FOR_EACH(node, &conn->sent_tasks)
		if (task_at(node)->transport.itt == itt)
			found = task_at(node);
	return found;
}

/* One whose put is not over yet. */
static struct iscsi_task *find_sending(const struct iscsi_conn *conn, uint32_t itt)
{
	const struct task_pool *pool = &conn->session->tasks;
	uint32_t i;

	for (i = 0; i < pool->count; i++) {
		struct iscsi_task *task = &pool->tasks[i];

		if ((task->flags & TASK_IN_USE) && (task->flags & TASK_RESPONDED) &&
		    !(task->recovery & RECOVERY_SENT) && task->conn == conn &&
		    task->transport.itt == itt)
			return task;
	}
	return NULL;
}

/* Two wishes at a time become one for all that lies between. */
static void want(struct iscsi_task *task, uint32_t first, uint32_t count)
{
	if (task->recovery & RECOVERY_WANTED) {
		if (count == 0 || task->snack.count == 0)
			task->snack.count = 0;
		else
			task->snack.count = max(first + count,
						task->snack.first + task->snack.count) -
					    min(first, task->snack.first);
		task->snack.first = min(first, task->snack.first);
	} else {
		task->snack.first = first;
		task->snack.count = count;
	}
	task->recovery |= RECOVERY_WANTED;
}

static bool is_under_way(const struct iscsi_task *task)
{
	return !(task->recovery & RECOVERY_SENT) || (task->recovery & RECOVERY_RESENDING);
}

static const char *resend_data(struct iscsi_task *task, const struct bhs_snack *snack)
{
	if (!has_data(task))
		return "its data is not there any more";
	want(task, snack->beg_run, snack->run_length);
	if (!is_under_way(task) && !resend_wanted(task))
		return "no such Data-In, or in segments of another length";
	return NULL;
}

static const char *snack_data(struct iscsi_conn *conn, const struct bhs_snack *snack)
{
	struct iscsi_task *task = task_find(&conn->session->tasks, snack->itt);
	struct transport_conn *wire = conn->wire;

	if (task != NULL && task->conn == conn) {
		if (task->flags & TASK_GETTING &&
		    wire->ops->resend_r2ts(wire, &task->transport, snack->beg_run,
					   snack->run_length) == 0)
			return NULL;
		return "no such R2T or Data-In";
	}
	task = find_sending(conn, snack->itt);
	if (task == NULL)
		task = find_sent(conn, snack->itt);
	return task != NULL ? resend_data(task, snack) : "no such task";
}

/* All data anew, in segments as they are now, and then the response with the tag. */
static const char *snack_resegment(struct iscsi_conn *conn, const struct bhs_snack *snack)
{
	struct iscsi_task *task = find_sending(conn, snack->itt);

	if (snack->beg_run != 0 || snack->run_length != 0)
		return "R-Data with BegRun or RunLength";
	if (task == NULL)
		task = find_sent(conn, snack->itt);
	if (task == NULL)
		return "no such task";
	if (!has_data(task))
		return "its data is not there any more";
	task->snack.tag = snack->ttt;
	task->recovery |= RECOVERY_RESEGMENT | RECOVERY_WANTED;
	if (!is_under_way(task))
		resend_wanted(task);
	return NULL;
}

/* Whether the Data-In PDUs that BEG_RUN acknowledges have been there. */
static bool acknowledge_data(struct iscsi_conn *conn, const struct bhs_snack *snack)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &conn->sent_tasks) {
		struct iscsi_task *task = task_at(node);

		if (task->transport.put_ttt != snack->ttt)
			continue;
		if (sn_gt(snack->beg_run, exp_data_sn(task)))
			return false;
		if (snack->beg_run == exp_data_sn(task)) {
			task->recovery |= RECOVERY_ARRIVED;
			release_data(task);
		}
		return true;
	}
	/* It may be over by now, for this same PDU acknowledges its status. */
	return snack->ttt != ISCSI_TAG_NONE && sn_lt(snack->ttt, conn->next_ttt);
}

void snack_header(struct iscsi_conn *conn, struct transport_rx *rx)
{
	const char *why = NULL;
	struct bhs_snack snack;

	rx->sink = TRANSPORT_SINK_DISCARD;
	if (conn->level == 0) {
		reject_send(conn, rx->bhs, ISCSI_REJECT_SNACK, "ErrorRecoveryLevel is 0");
		return;
	}
	bhs_snack_decode(rx->bhs, &snack);
	switch (snack.type) {
	case ISCSI_SNACK_DATA_R2T:
		why = snack_data(conn, &snack);
		break;
	case ISCSI_SNACK_STATUS:
		why = snack_status(conn, &snack);
		break;
	case ISCSI_SNACK_DATA_ACK:
		if (!acknowledge_data(conn, &snack))
			reject_send(conn, rx->bhs, ISCSI_REJECT_INVALID_DATA_ACK, "DataACK");
		break;
	case ISCSI_SNACK_R_DATA:
		why = snack_resegment(conn, &snack);
		break;
	default:
		reject_send(conn, rx->bhs, ISCSI_REJECT_INVALID_PDU_FIELD, "type of a SNACK");
	}
	if (why != NULL)
		reject_send(conn, rx->bhs, ISCSI_REJECT_SNACK, why);
}
