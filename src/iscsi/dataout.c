/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Data from the initiator (RFC 7143 section 11.7): immediate data and
 * unsolicited Data-Out, which iSCSI places, and the end of what the mover has
 * solicited. An error here is kept with the task and told to the device server
 * when all that was announced has come; the initiator reads it in the sense.
 */
#include <errno.h>
#include <stdlib.h>

#include "iscsi/ffp.h"
#include "iscsi/pace.h"
#include "iscsi/reassign.h"
#include "iscsi/recover.h"

/* --- where data goes --- */

/* Bytes of OFFSET .. OFFSET + LENGTH that the device server takes. */
static uint32_t wanted_part(const struct iscsi_task *task, uint32_t offset, uint32_t length)
{
	uint32_t wanted = task->cmd.data_out_length;

	if (offset >= wanted)
		return 0;
	return min(length, wanted - offset);
}

static struct arena *arena_of(const struct iscsi_task *task)
{
	return reactor_arena(task->conn->core->reactor);
}

static enum transport_sink to_early(struct iscsi_task *task, struct transport_rx *rx,
				    uint32_t offset, uint32_t length)
{
	/* The first time, room for everything that may come unasked. */
	if (task->early.count == 0 &&
	    arena_take_reserved(arena_of(task), &task->early,
				max(offset + length, task->cmd.unsolicited)) != 0)
		extents_init(&task->early);
	if (offset + length > task->early.length) {
		task->error = -ENOMEM;
		return TRANSPORT_SINK_DISCARD;
	}
	rx->extents = &task->early;
	rx->offset = offset;
	return TRANSPORT_SINK_EXTENTS;
}

static enum transport_sink choose_sink(struct iscsi_task *task, struct transport_rx *rx,
				       uint32_t offset, uint32_t length)
{
	struct scsi_cmd *cmd = &task->cmd;

	/* Of what is wrong with its data, OFFSET may be anything. */
	if (UNLIKELY((task->recovery & RECOVERY_GAP) || task->error != 0))
		return TRANSPORT_SINK_DISCARD;
	if (UNLIKELY(task->flags & TASK_HELD))
		return to_early(task, rx, offset, length);
	if (UNLIKELY((task->flags & (TASK_COMPLETED | TASK_ABORTED)) ||
		     wanted_part(task, offset, length) == 0))
		return TRANSPORT_SINK_DISCARD;
	if (LIKELY(offset + length <= cmd->data.length)) {
		rx->extents = &cmd->data;
		rx->offset = offset;
		return TRANSPORT_SINK_EXTENTS;
	}
	/* More is coming than the CDB asked for: nothing may be written behind its memory. */
	task->flags |= TASK_EARLY;
	return to_early(task, rx, 0, length);
}

void dataout_land(struct iscsi_task *task, struct transport_rx *rx, uint32_t offset,
		  uint32_t length)
{
	task->flags |= TASK_LANDING;
	task->landing_length = length;
	task->landing_offset = offset;
	task->conn->landing = task;
	rx->context = task;
	rx->sink = choose_sink(task, rx, offset, length);
}

/* LENGTH bytes of FROM, which has them, behind the first SKIP. */
static void copy_extents(struct extents *to, uint32_t offset, const struct extents *from,
			 uint32_t skip, uint32_t length)
{
	unsigned i;

	for (i = 0; i < from->count && length != 0; i++) {
		const struct extent *extent = &from->extent[i];
		uint32_t before = min(skip, extent->length);
		uint32_t part = min(length, extent->length - before);

		extents_copy_in(to, offset, extent->data + before, part);
		skip -= before;
		offset += part;
		length -= part;
	}
}

static void take_copy(struct iscsi_task *task, uint32_t offset, uint32_t at, uint32_t length)
{
	copy_extents(&task->cmd.data, offset, &task->early, at, length);
	reactor_count_copied(task->session->core->reactor, length);
}

void dataout_take_early(struct iscsi_task *task, uint32_t offset, uint32_t at, uint32_t length)
{
	uint32_t part = wanted_part(task, offset, length);

	part = min(part, task->early.length - min(at, task->early.length));
	if (!(task->flags & TASK_COMPLETED) && part != 0) {
		/* The door promises room for all that is unsolicited; trust, but do not overrun. */
		if (offset + part <= task->cmd.data.length)
			take_copy(task, offset, at, part);
		else
			task->error = -ENOMEM;
	}
	if (task->early.count != 0 && !(task->flags & TASK_LANDING))
		arena_give(arena_of(task), &task->early);
}

void dataout_gap(struct iscsi_task *task, bool is_landing)
{
	uint32_t prefix;

	if (!(task->recovery & RECOVERY_GAP) && task->cover != NULL) {
		prefix = cover_prefix(task->cover);
		if (is_landing)
			prefix = min(prefix, task->landing_offset);
		task->received = min(prefix, task->received);
	}
	task->recovery |= RECOVERY_GAP;
}

void dataout_landed(struct iscsi_task *task, const struct transport_rx *rx)
{
	struct iscsi_conn *conn = task->conn;

	conn->landing = NULL;
	if (UNLIKELY(rx->data_digest_error)) {
		/* This may end the connection, but not TASK as long as it is LANDING. */
		reject_send(conn, rx->bhs, ISCSI_REJECT_DATA_DIGEST_ERROR, "data digest");
		if (conn->level != 0)
			dataout_gap(task, true);
		else if (task->error == 0)
			task->error = -EBADMSG;
	}
	task->flags &= (uint16_t)~TASK_LANDING;
	if (UNLIKELY(task->recovery & RECOVERY_GAP)) {
		/* An R2T will ask for it, and all that comes behind. */
		task->flags &= (uint16_t)~TASK_EARLY;
		task->landing_length = 0;
	}
	if (UNLIKELY(task->flags & TASK_EARLY)) {
		task->flags &= (uint16_t)~TASK_EARLY;
		dataout_take_early(task, task->landing_offset, rx->offset, task->landing_length);
	}
	task->received += task->landing_length;
	counter_add(&task->session->bytes_in, task->landing_length);
	if (bhs_is_final(rx->bhs))
		task->flags &= (uint16_t)~TASK_UNSOLICITED;
	if (UNLIKELY(task->flags & TASK_HELD)) {
		/* Aborted meanwhile: nobody else knows it any more. */
		if (task->flags & TASK_ABORTED)
			command_end(task);
		return;
	}
	task_progress(task);
}

void dataout_landing_lost(struct iscsi_task *task)
{
	task->conn->landing = NULL;
	task->flags &= (uint16_t)~(TASK_LANDING | TASK_EARLY);
	if (reassign_is_stranded(task))
		dataout_gap(task, true);
	else
		task->error = -ECANCELED;
	if (!(task->flags & TASK_HELD))
		task_progress(task);
	else if ((task->flags & TASK_ABORTED) || (task->recovery & RECOVERY_CHECKED))
		command_end(task);
}

/* --- unsolicited Data-Out --- */

/* DataPDUInOrder=No (section 13.18): in any order, but nothing twice, and no hole at the end. */
static const char *find_fault_unordered(struct iscsi_task *task, const struct bhs *bhs,
					uint32_t offset, uint32_t length)
{
	if (task->cover == NULL) {
		task->cover = malloc(sizeof(*task->cover));
		if (task->cover == NULL)
			return "no memory to keep count of it";
		cover_init(task->cover);
		cover_add(task->cover, 0, task->received);
	}
	if (!cover_add(task->cover, offset, offset + length))
		return "the same data twice, or too many holes in it";
	if (bhs_is_final(bhs) && cover_prefix(task->cover) != task->received + length)
		return "F bit set before all data has come";
	return NULL;
}

static const char *find_fault(struct iscsi_task *task, const struct bhs *bhs, uint32_t length)
{
	uint32_t offset = get_be32(bhs->raw + BHS_AT_BUFFER_OFFSET);
	uint32_t most = min(task->session->keys.first_burst, task->expected);

	if (get_be32(bhs->raw + BHS_AT_DATA_SN) != task->data_sn)
		return "DataSN is not the next one";
	if (length > most - task->received)
		return "more unsolicited data than was announced";
	if (UNLIKELY(!task->session->keys.data_pdu_in_order))
		return offset > most - length ? "Buffer Offset is behind the end" :
						find_fault_unordered(task, bhs, offset, length);
	if (offset != task->received)
		return "Buffer Offset is not the next one";
	return NULL;
}

void dataout_header(struct iscsi_conn *conn, struct transport_rx *rx)
{
	struct iscsi_task *task = task_find(&conn->session->tasks, bhs_itt(rx->bhs));
	const char *fault;

	rx->sink = TRANSPORT_SINK_DISCARD;
	/* Of a task that was aborted: what was under way is let pass (section 4.2.3.2). */
	if (task == NULL)
		return;
	/* RFC 7143 section 4.2.5: a task's data goes where its command went. */
	if (task->conn != conn) {
		reject_send(conn, rx->bhs, ISCSI_REJECT_PROTOCOL_ERROR,
			    "data of a command of another connection");
		return;
	}
	if (!(task->flags & TASK_UNSOLICITED)) {
		reject_send(conn, rx->bhs, ISCSI_REJECT_PROTOCOL_ERROR,
			    "unsolicited data after the last");
		if (task->error == 0)
			task->error = -EPROTO;
		return;
	}
	if (UNLIKELY(conn->level != 0) &&
	    sn_gt(get_be32(rx->bhs->raw + BHS_AT_DATA_SN), task->data_sn))
		dataout_gap(task, false);
	fault = task->error == 0 && !(task->recovery & RECOVERY_GAP) ?
			find_fault(task, rx->bhs, rx->data_length) : NULL;
	if (fault != NULL) {
		conn_log(conn, LOG_LEVEL_WARNING, "Data-Out, ITT %08x: %s", bhs_itt(rx->bhs),
			 fault);
		counter_increment(&conn->core->protocol_errors);
		task->error = -EPROTO;
	}
	task->data_sn++;
	dataout_land(task, rx, get_be32(rx->bhs->raw + BHS_AT_BUFFER_OFFSET), rx->data_length);
}

void dataout_pdu(struct iscsi_conn *conn, struct transport_rx *rx)
{
	if (rx->context != NULL)
		dataout_landed(rx->context, rx);
	else if (rx->data_digest_error)
		reject_send(conn, rx->bhs, ISCSI_REJECT_DATA_DIGEST_ERROR, "data digest");
}

/* --- solicited: the mover's business but for its end --- */

void dataout_get_done(struct transport_conn *wire, struct transport_task *transport, int err)
{
	struct iscsi_task *task = task_of_transport(transport);

	(void)wire;
	task->flags &= (uint16_t)~TASK_GETTING;
	if (UNLIKELY(err != 0 && reassign_may_wait(task, err))) {
		task->flags |= TASK_WANTED;
		return;
	}
	if (LIKELY(err == 0)) {
		task->flags |= TASK_RECEIVED;
		pace_data_is_here(task);
		counter_add(&task->session->bytes_in, transport->get_length);
	}
	scsi_data_out_received(&task->cmd, err);
}

static const char *const violation_names[] = {
	[TRANSPORT_BAD_TTT] = "no R2T has this Target Transfer Tag",
	[TRANSPORT_BAD_DATA_SN] = "DataSN is not the next one",
	[TRANSPORT_BAD_OFFSET] = "Buffer Offset is not in the sequence",
	[TRANSPORT_BAD_LENGTH] = "not the amount of data that was solicited",
	[TRANSPORT_BAD_DATA_DIGEST] = "data digest",
	[TRANSPORT_TOO_LONG] = "data segment longer than MaxRecvDataSegmentLength",
};

void dataout_violation(struct transport_conn *wire, struct transport_task *transport,
		       const struct bhs *bhs, enum transport_violation violation)
{
	struct iscsi_conn *conn = wire->user;
	const char *why = violation_names[violation];

	if (!conn_can_send(conn))
		return;
	if (conn->level != 0)
		recover_acknowledge(conn, bhs);
	if (!conn_can_send(conn))
		return;
	switch (violation) {
	case TRANSPORT_TOO_LONG:
		conn_protocol_error(conn, "%s: %s", iscsi_opcode_name(bhs_opcode(bhs)), why);
		break;
	case TRANSPORT_BAD_DATA_DIGEST:
		reject_send(conn, bhs, ISCSI_REJECT_DATA_DIGEST_ERROR, why);
		break;
	case TRANSPORT_BAD_TTT:
		reject_send(conn, bhs, ISCSI_REJECT_INVALID_PDU_FIELD, why);
		break;
	default:
		/* The command ends with CHECK CONDITION, which says it better than a Reject. */
		counter_increment(&conn->core->protocol_errors);
		conn_log(conn, LOG_LEVEL_WARNING, "Data-Out, ITT %08x: %s", bhs_itt(bhs), why);
		if (transport == NULL)
			reject_send(conn, bhs, ISCSI_REJECT_PROTOCOL_ERROR, why);
	}
}
