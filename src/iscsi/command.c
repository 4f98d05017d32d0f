/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SCSI Command in, SCSI Response out (RFC 7143 sections 11.3, 11.4): from the
 * header to the device server, and from its answer to the mover. This is the
 * path of every I/O. What happens to data-out in between: iscsi/dataout.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "iscsi/ffp.h"
#include "iscsi/pace.h"
#include "iscsi/reassign.h"
#include "iscsi/recover.h"

/* --- in --- */

/* What is wrong with a command by its header alone, or NULL. */
static const char *find_fault(const struct iscsi_session *session, const struct transport_rx *rx,
			      uint8_t flags, uint32_t expected)
{
	const struct transport_keys *negotiated = &session->keys;

	if (UNLIKELY(!(flags & ISCSI_SCSI_COMMAND_WRITE))) {
		if (!(flags & ISCSI_FLAG_FINAL))
			return "F bit clear without the W bit";
		if (rx->data_length != 0)
			return "immediate data without the W bit";
	} else {
		if (!(flags & ISCSI_FLAG_FINAL) && negotiated->initial_r2t)
			return "F bit clear though InitialR2T=Yes";
		if (rx->data_length != 0 && !negotiated->immediate_data)
			return "immediate data though ImmediateData=No";
		if (rx->data_length > negotiated->first_burst || rx->data_length > expected)
			return "too much immediate data";
	}
	if (UNLIKELY((flags & ISCSI_SCSI_COMMAND_ATTR_MASK) > ISCSI_ATTR_ACA))
		return "reserved task attribute";
	return NULL;
}

/* The header segments that a command may have besides. */
static int read_ahs(struct iscsi_task *task, const struct transport_rx *rx)
{
	struct scsi_cmd *cmd = &task->cmd;
	struct ahs_iter iter;
	struct ahs ahs;
	const uint8_t *rest;
	size_t len;
	int err;

	ahs_iter_init(&iter, rx->ahs, rx->ahs_length);
	while ((err = ahs_iter_next(&iter, &ahs)) == 1) {
		if (ahs.type == AHS_TYPE_EXTENDED_CDB) {
			err = ahs_extended_cdb(&ahs, &rest, &len);
			if (err != 0)
				return err;
			if (cmd->cdb_length != BHS_CDB_LEN || len > SCSI_CDB_MAX - BHS_CDB_LEN)
				return -EPROTO;
			memcpy(cmd->cdb + BHS_CDB_LEN, rest, len);
			cmd->cdb_length = (uint8_t)(BHS_CDB_LEN + len);
		} else if (ahs.type == AHS_TYPE_BIDI_READ_LENGTH) {
			err = ahs_bidi_read_length(&ahs, &task->bidi_expected);
			if (err != 0)
				return err;
		} else {
			return -EPROTO;
		}
	}
	return err;
}

/*
 * Only what the device server reads before it writes: a task is kilobytes and
 * this is done for each of them.
 */
static void fill(struct iscsi_task *task, const struct transport_rx *rx, uint8_t flags,
		 uint32_t expected)
{
	const struct iscsi_session *session = task->session;
	const struct bhs *bhs = rx->bhs;
	struct scsi_cmd *cmd = &task->cmd;
	uint64_t lun = bhs_lun(bhs);

	task->error = 0;
	task->cmd_sn = bhs_cmd_sn(bhs);
	task->expected = expected;
	task->bidi_expected = 0;
	task->received = 0;
	task->data_sn = 0;
	task->recovery = 0;

	task->transport.lun = lun;
	cmd->lun = lun;
	memcpy(cmd->cdb, bhs->raw + BHS_AT_CDB, BHS_CDB_LEN);
	cmd->cdb_length = BHS_CDB_LEN;
	cmd->attribute = flags & ISCSI_SCSI_COMMAND_ATTR_MASK;
	cmd->reads = (flags & ISCSI_SCSI_COMMAND_READ) != 0;
	cmd->writes = (flags & ISCSI_SCSI_COMMAND_WRITE) != 0;
	cmd->private_data = task->conn->private_data ||
			    transport_lacks_memory(task->conn->wire);
	cmd->data_out_available = cmd->writes ? expected : 0;
	cmd->data_in_wanted = cmd->reads ? expected : 0;
	cmd->unsolicited = flags & ISCSI_FLAG_FINAL ? rx->data_length :
						      min(session->keys.first_burst, expected);
	cmd->status = 0;
	cmd->aborted = false;
	cmd->sense_length = 0;
	extents_init(&cmd->data);
	cmd->data_out_length = 0;
	cmd->data_in_length = 0;
	cmd->transfer_length = 0;
}

/* Its number counts all the same, and the Reject says so. */
static void refuse(struct iscsi_conn *conn, const struct bhs *bhs, enum iscsi_reject_reason reason,
		   const char *why)
{
	session_window_update(conn->session);
	reject_send(conn, bhs, reason, why);
}

/* A task for the command in RX; NULL when it has been rejected instead. */
static struct iscsi_task *take(struct iscsi_conn *conn, struct transport_rx *rx)
{
	struct iscsi_session *session = conn->session;
	const struct bhs *bhs = rx->bhs;
	uint8_t flags = bhs_flags(bhs);
	uint32_t expected = get_be32(bhs->raw + 20);
	const char *fault = find_fault(session, rx, flags, expected);
	struct iscsi_task *task;

	if (UNLIKELY(fault != NULL)) {
		refuse(conn, bhs, ISCSI_REJECT_PROTOCOL_ERROR, fault);
		return NULL;
	}
	if (UNLIKELY(task_find(&session->tasks, bhs_itt(bhs)) != NULL ||
		     bhs_itt(bhs) == ISCSI_TAG_NONE)) {
		refuse(conn, bhs, ISCSI_REJECT_TASK_IN_PROGRESS, "Initiator Task Tag in use");
		return NULL;
	}
	if (UNLIKELY(bhs_is_immediate(bhs) && session->immediate >= SESSION_IMMEDIATE_MAX))
		task = NULL;
	else
		task = task_take(&session->tasks, bhs_itt(bhs));
	if (UNLIKELY(task == NULL)) {
		refuse(conn, bhs, ISCSI_REJECT_IMMEDIATE_COMMAND, "too many immediate commands");
		return NULL;
	}
	task->flags = TASK_IN_USE | (flags & ISCSI_FLAG_FINAL ? 0 : TASK_UNSOLICITED) |
		      (bhs_is_immediate(bhs) ? TASK_IMMEDIATE : 0);
	task->serial = session->serial++;
	task->conn = conn;
	fill(task, rx, flags, expected);
	if (UNLIKELY(rx->ahs_length != 0)) {
		if (read_ahs(task, rx) != 0) {
			task_forget(&session->tasks, task);
			task_put(&session->tasks, task);
			refuse(conn, bhs, ISCSI_REJECT_INVALID_PDU_FIELD,
			       "Additional Header Segment");
			return NULL;
		}
	}
	if (UNLIKELY(task->cmd.reads && task->cmd.writes))
		task->cmd.data_in_wanted = task->bidi_expected;
	conn->tasks++;
	conn->wire->ops->task_begin(conn->wire, &task->transport, rx);
	task->flags |= TASK_BEGUN;
	return task;
}

static void start(struct iscsi_task *task, struct transport_rx *rx)
{
	uint32_t length = rx->data_length;

	/* The response waits for the PDU's end: LANDING is set before it can come. */
	task->flags |= TASK_STARTED | (length != 0 ? TASK_LANDING : 0);
	scsi_command_received(&task->cmd);
	if (length != 0)
		dataout_land(task, rx, 0, length);
}

/* A command before this one is missing: it waits with its data. */
static void hold(struct iscsi_conn *conn, struct transport_rx *rx)
{
	struct iscsi_task *task = take(conn, rx);

	if (task == NULL) {
		/* Rejected, but its number is not missing. */
		session_hold(conn, rx->bhs, NULL, 0, false);
		rx->sink = TRANSPORT_SINK_DISCARD;
		return;
	}
	task->flags |= TASK_HELD;
	if (!session_hold_task(task)) {
		command_end(task);
		rx->sink = TRANSPORT_SINK_DISCARD;
		return;
	}
	if (rx->data_length != 0)
		dataout_land(task, rx, 0, rx->data_length);
}

/*
 * An initiator with few answers left to look at (what it has seen is in
 * ExpStatSN) will have nothing to do by the time that we would have woken.
 */
static bool initiator_waits(const struct iscsi_conn *conn, const struct bhs *bhs)
{
	enum { FEW = 8 };

	return conn->numbers.stat_sn - bhs_exp_stat_sn(bhs) < FEW;
}

/*
 * Above ErrorRecoveryLevel 0 a command whose immediate data is broken has not come at all
 * (section 7.8), and will once more: nothing may happen before the digest is known.
 */
static void check_first(struct iscsi_conn *conn, struct transport_rx *rx)
{
	struct iscsi_session *session = conn->session;
	bool immediate = bhs_is_immediate(rx->bhs);
	enum sequence sequence = immediate ? SEQUENCE_NOW :
					     session_sequence(session, bhs_cmd_sn(rx->bhs));
	struct iscsi_task *task = NULL;

	rx->sink = TRANSPORT_SINK_DISCARD;
	if (sequence == SEQUENCE_DROP)
		return;
	task = take(conn, rx);
	if (task != NULL) {
		task->flags |= TASK_HELD;
		task->recovery |= RECOVERY_CHECKED;
		dataout_land(task, rx, 0, rx->data_length);
	} else if (sequence == SEQUENCE_LATER) {
		session_hold(conn, rx->bhs, NULL, 0, false);
	} else if (!immediate) {
		session_advance(session);
		session_after(session);
	}
}

/* The immediate data of a command that check_first has taken is here. */
static void checked(struct iscsi_conn *conn, struct iscsi_task *task,
		    const struct transport_rx *rx)
{
	struct iscsi_session *session = conn->session;
	bool immediate = bhs_is_immediate(rx->bhs);
	uint32_t cmd_sn = bhs_cmd_sn(rx->bhs);
	bool is_aborted = (task->flags & TASK_ABORTED) != 0;
	enum sequence sequence = SEQUENCE_NOW;

	dataout_landed(task, rx);
	if (!immediate)
		sequence = session_sequence(session, cmd_sn);
	if (is_aborted) {
		/* TASK is gone; its number is not missing. */
		if (sequence != SEQUENCE_DROP && !immediate)
			session_fill_gap(conn, cmd_sn);
		return;
	}
	task->recovery &= (uint8_t)~RECOVERY_CHECKED;
	if (rx->data_digest_error || sequence == SEQUENCE_DROP) {
		command_end(task);
	} else if (sequence == SEQUENCE_LATER) {
		if (!session_hold_task(task))
			command_end(task);
	} else if (immediate) {
		session->immediate++;
		command_start_held(task);
	} else {
		session->active++;
		session->used++;
		session_advance(session);
		command_start_held(task);
		session_after(session);
	}
}

void command_header(struct iscsi_conn *conn, struct transport_rx *rx)
{
	struct iscsi_session *session = conn->session;
	bool immediate = bhs_is_immediate(rx->bhs);
	struct iscsi_task *task;

	reactor_peer_waits(conn->core->reactor, initiator_waits(conn, rx->bhs));
	if (UNLIKELY(conn->level != 0) && conn->keys.data_digest && rx->data_length != 0) {
		check_first(conn, rx);
		return;
	}

	if (LIKELY(!immediate)) {
		enum sequence sequence = session_sequence(session, bhs_cmd_sn(rx->bhs));

		if (UNLIKELY(sequence != SEQUENCE_NOW)) {
			if (sequence == SEQUENCE_LATER)
				hold(conn, rx);
			else
				rx->sink = TRANSPORT_SINK_DISCARD;
			return;
		}
		session->exp_cmd_sn++;
	}
	task = take(conn, rx);
	if (LIKELY(task != NULL)) {
		if (LIKELY(!immediate)) {
			session->active++;
			session->used++;
			session_window_update(session);
		} else {
			session->immediate++;
		}
		start(task, rx);
	} else {
		rx->sink = TRANSPORT_SINK_DISCARD;
	}
	if (!immediate)
		session_after(session);
}

void command_pdu(struct iscsi_conn *conn, struct transport_rx *rx)
{
	struct iscsi_task *task = rx->context;

	if (task == NULL)
		return;
	if (UNLIKELY(task->recovery & RECOVERY_CHECKED))
		checked(conn, task, rx);
	else
		dataout_landed(task, rx);
}

void command_start_held(struct iscsi_task *task)
{
	/* In another order it may lie anywhere; what is not there yet will be written over. */
	uint32_t length = task->cover != NULL && task->received != 0 ? task->cmd.unsolicited :
									 task->received;
	bool is_landing = (task->flags & TASK_LANDING) != 0;

	task->flags &= (uint16_t)~TASK_HELD;
	/* Nothing may go on before the data that came early is in its place. */
	task->flags |= TASK_STARTED | TASK_LANDING;
	scsi_command_received(&task->cmd);
	if (!is_landing)
		task->flags &= (uint16_t)~TASK_LANDING;
	if (length != 0)
		dataout_take_early(task, 0, 0, length);
	/* Another connection has brought what it waited for: the rest follows as it comes. */
	if (is_landing)
		task->flags |= TASK_EARLY;
	task_progress(task);
}

/* --- out --- */

/*
 * A length for each way (sections 11.4.5.1 and 11.4.5.2). No command that we have moves data both
 * ways, so what its CDB asks for is either data in, for which an AHS that is missing means no
 * room at all, or data out.
 */
static void set_two_residuals(const struct iscsi_task *task, struct bhs_scsi_response *response)
{
	const struct scsi_cmd *cmd = &task->cmd;
	bool is_in = scsi_cmd_is_data_in(cmd);
	uint32_t in = is_in ? max(cmd->transfer_length, cmd->data_in_length) : 0;
	uint32_t out = task->flags & TASK_RECEIVED ? cmd->data_out_length : 0;

	if (!is_in && cmd->transfer_length > task->expected)
		out = cmd->transfer_length;
	if (cmd->status != 0 && in <= task->bidi_expected)
		in = cmd->data_in_length;
	if (in > task->bidi_expected) {
		response->flags |= ISCSI_SCSI_RESPONSE_BIDI_OVERFLOW;
		response->bidi_read_residual_count = in - task->bidi_expected;
	} else if (in < task->bidi_expected) {
		response->flags |= ISCSI_SCSI_RESPONSE_BIDI_UNDERFLOW;
		response->bidi_read_residual_count = task->bidi_expected - in;
	}
	if (out > task->expected) {
		response->flags |= ISCSI_SCSI_RESPONSE_OVERFLOW;
		response->residual_count = out - task->expected;
	} else if (out < task->expected) {
		response->flags |= ISCSI_SCSI_RESPONSE_UNDERFLOW;
		response->residual_count = task->expected - out;
	}
}

static void set_residual(const struct iscsi_task *task, struct bhs_scsi_response *response)
{
	const struct scsi_cmd *cmd = &task->cmd;
	uint32_t expected = task->expected;
	uint32_t moved;

	if (UNLIKELY(cmd->reads && cmd->writes)) {
		set_two_residuals(task, response);
		return;
	}
	if (cmd->transfer_length > expected) {
		response->flags |= ISCSI_SCSI_RESPONSE_OVERFLOW;
		response->residual_count = cmd->transfer_length - expected;
		return;
	} else if (LIKELY(cmd->status == 0)) {
		moved = cmd->transfer_length;
	} else if (cmd->reads) {
		moved = cmd->data_in_length;
	} else {
		/* An error may come before any data was taken. */
		moved = task->flags & TASK_RECEIVED ? cmd->data_out_length : 0;
	}
	if (UNLIKELY(moved < expected)) {
		response->flags |= ISCSI_SCSI_RESPONSE_UNDERFLOW;
		response->residual_count = expected - moved;
	}
}

/* The data segment of a response with sense: its length before it (section 11.4.7). */
static void copy_sense(struct iscsi_task *task)
{
	struct scsi_cmd *cmd = &task->cmd;
	uint32_t length = min_t(uint32_t, cmd->sense_length, SCSI_SENSE_MAX);

	put_be16(task->sense, (uint16_t)length);
	memcpy(task->sense + 2, cmd->sense, length);
	task->transport.sense = task->sense;
	task->transport.sense_length = 2 + length;
}

static void respond(struct iscsi_task *task, struct iscsi_conn *conn)
{
	struct iscsi_session *session = task->session;
	struct scsi_cmd *cmd = &task->cmd;
	struct bhs_scsi_response response = {
		.itt = task->transport.itt,
		.response = ISCSI_SCSI_RESPONSE_COMPLETED,
		.status = cmd->status,
	};

	set_residual(task, &response);
	task->transport.put_length = cmd->data_in_length;
	task->transport.sense = NULL;
	task->transport.sense_length = 0;
	if (UNLIKELY(cmd->sense_length != 0))
		copy_sense(task);
	counter_increment(&session->commands_done);
	counter_add(&session->bytes_out, cmd->data_in_length);
	if (cmd->data_in_length == 0) {
		/* The memory of a write is free for the command that this response allows. */
		scsi_cmd_release(cmd);
		task->flags |= TASK_RELEASED;
	}
	task->flags |= TASK_RESPONDED;
	session->told_max_cmd_sn = session->max_cmd_sn;
	response.stat_sn = conn->numbers.stat_sn++;
	response.exp_cmd_sn = session->exp_cmd_sn;
	response.max_cmd_sn = session->max_cmd_sn;
	bhs_scsi_response_encode(&task->transport.response, &response);
	if (UNLIKELY(conn->level != 0))
		recover_prepare(task);
	transport_put_data(conn->wire, &task->transport);
}

void command_respond_again(struct iscsi_task *task)
{
	struct iscsi_session *session = task->session;
	struct iscsi_conn *conn = task->conn;
	struct bhs *response = &task->transport.response;

	session->told_max_cmd_sn = session->max_cmd_sn;
	bhs_set_stat_sn(response, conn->numbers.stat_sn++);
	bhs_set_window(response, session->exp_cmd_sn, session->max_cmd_sn);
	put_be32(response->raw + 20, 0);	/* SNACK Tag */
	recover_prepare(task);
	transport_put_data(conn->wire, &task->transport);
}

void command_finish(struct iscsi_task *task)
{
	struct iscsi_session *session = task->session;
	struct iscsi_conn *conn = task->conn;

	task_forget(&session->tasks, task);
	if (LIKELY(!(task->flags & TASK_IMMEDIATE)))
		session->active--;
	if (UNLIKELY((task->flags & TASK_ABORTED) || !conn_can_send(conn))) {
		task->flags |= TASK_RESPONDED; /* it is in no chain any more */
		command_end(task);
		return;
	}
	session_window_update(session);
	respond(task, conn);
}

void command_forget_transport(struct iscsi_task *task)
{
	struct transport_conn *wire = task->conn->wire;

	if ((task->flags & TASK_BEGUN) && wire != NULL)
		wire->ops->task_end(wire, &task->transport);
	task->flags &= (uint16_t)~TASK_BEGUN;
}

void command_end(struct iscsi_task *task)
{
	struct iscsi_session *session = task->session;
	struct iscsi_conn *conn = task->conn;

	if (UNLIKELY(!(task->flags & TASK_RESPONDED)))
		task_forget(&session->tasks, task);
	if ((task->flags & (TASK_STARTED | TASK_RELEASED)) == TASK_STARTED)
		scsi_cmd_release(&task->cmd);
	command_forget_transport(task);
	if (UNLIKELY(task->early.count != 0))
		arena_give(reactor_arena(conn->core->reactor), &task->early);
	if (UNLIKELY(task->cover != NULL)) {
		free(task->cover);
		task->cover = NULL;
	}
	if (task->flags & TASK_STARTED) {
		if (UNLIKELY(task->flags & TASK_IMMEDIATE))
			session->immediate--;
		else
			session->used--;
	}
	task_put(&session->tasks, task);
	conn->tasks--;
	session_task_ended(session);
	session_window_opened(session);
	if (UNLIKELY(conn->state != CONN_FULL)) {
		conn_may_finish(conn);
		session_may_finish(session);
	}
}

void command_end_held(struct iscsi_task *task)
{
	task->flags |= TASK_ABORTED;
	if (!(task->flags & TASK_LANDING))
		command_end(task);
}

void command_put_done(struct transport_conn *wire, struct transport_task *transport, int err)
{
	struct iscsi_task *task = task_of_transport(transport);

	(void)wire;
	/* The connection's end is told by terminated. */
	if (UNLIKELY(task->conn->level != 0) && recover_keep_task(task, err))
		return;
	command_end(task);
}

static void complete(struct scsi_cmd *cmd)
{
	struct iscsi_task *task = task_of_cmd(cmd);

	task->flags |= TASK_COMPLETED | (cmd->aborted ? TASK_ABORTED : 0);
	pace_completed(task);
	task_progress(task);
}

static void receive_data_out(struct scsi_cmd *cmd)
{
	struct iscsi_task *task = task_of_cmd(cmd);

	task->flags |= TASK_WANTED;
	task_progress(task);
}

/* Another nexus has aborted it. */
static void terminate_data_transfer(struct scsi_cmd *cmd)
{
	struct iscsi_task *task = task_of_cmd(cmd);

	task->flags |= TASK_TERMINATED;
	if (task->flags & TASK_GETTING)
		command_forget_transport(task);
	else
		task_progress(task);
}

const struct scsi_port_ops command_port_ops = {
	.receive_data_out = receive_data_out,
	.complete = complete,
	.terminate_data_transfer = terminate_data_transfer,
};

/* --- abort --- */

void command_abort(struct iscsi_task *task)
{
	if (task->flags & (TASK_RESPONDED | TASK_ABORTED | TASK_HELD))
		return;
	task->flags |= TASK_ABORTED;
	if (task->flags & TASK_COMPLETED) {
		task_progress(task);
	} else if (task->flags & (TASK_WANTED | TASK_GETTING)) {
		/* The device server waits for us: it completes when it hears of the data. */
		scsi_cmd_abort(&task->cmd);
		if (task->flags & TASK_GETTING)
			command_forget_transport(task);
		else
			task_progress(task);
	} else {
		scsi_cmd_abort(&task->cmd); /* TASK may be gone now */
	}
}

void task_progress(struct iscsi_task *task)
{
	uint16_t flags = task->flags;

	if (flags & TASK_LANDING)
		return;
	if (UNLIKELY(reassign_is_stranded(task)))
		return;
	if (flags & TASK_COMPLETED) {
		/*
		 * A response waits for the last unsolicited Data-Out, so that the ITT is not
		 * used anew while PDUs of the old task are under way.
		 */
		if (!(flags & TASK_UNSOLICITED) || (flags & TASK_ABORTED))
			command_finish(task);
		return;
	}
	if (!(flags & TASK_WANTED))
		return;
	if (flags & (TASK_ABORTED | TASK_TERMINATED)) {
		task->flags &= (uint16_t)~TASK_WANTED;
		scsi_data_out_received(&task->cmd, -ECANCELED);
		return;
	}
	if (flags & TASK_UNSOLICITED)
		return;
	task->flags &= (uint16_t)~TASK_WANTED;
	if (UNLIKELY(task->error != 0)) {
		scsi_data_out_received(&task->cmd, task->error);
	} else if (task->received < task->cmd.data_out_length) {
		task->flags |= TASK_GETTING;
		task->transport.get_offset = task->received;
		task->transport.get_length = task->cmd.data_out_length - task->received;
		transport_get_data(task->conn->wire, &task->transport);
	} else {
		task->flags |= TASK_RECEIVED;
		pace_data_is_here(task);
		scsi_data_out_received(&task->cmd, 0);
	}
}
