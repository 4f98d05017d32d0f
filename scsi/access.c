/* SPDX-License-Identifier: BSD-2-Clause */
/* Who may do what; see access.h. */
#include "scsi/access.h"

#include "scsi/command.h"
#include "scsi/lu.h"
#include "scsi/reservation.h"

void access_init(struct access_source *source)
{
	list_init(&source->present);
}

void access_join(struct scsi_lu *lu, struct access_view *view, const struct scsi_nexus *nexus)
{
	view->nexus = nexus;
	list_node_init(&view->link);
	pthread_mutex_lock(&lu->control);
	list_push_back(&lu->access.present, &view->link);
	pthread_mutex_unlock(&lu->control);
	access_judge(lu, view);
}

void access_leave(struct scsi_lu *lu, struct access_view *view)
{
	pthread_mutex_lock(&lu->control);
	list_remove(&view->link);
	reserve6_nexus_lost(lu, view->nexus);
	pthread_mutex_unlock(&lu->control);
}

void access_changed(struct scsi_lu *lu)
{
	atomic_fetch_add_explicit(&lu->access.changes, 1, memory_order_release);
}

void access_judge(struct scsi_lu *lu, struct access_view *view)
{
	/* Before the look: what changes meanwhile is then seen as a change. */
	view->changes_seen = atomic_load_explicit(&lu->access.changes, memory_order_acquire);
	pthread_mutex_lock(&lu->control);
	view->needed = reservation_needs(&lu->reservations, view->nexus) |
		       alua_needs(&lu->alua, view->nexus);
	pthread_mutex_unlock(&lu->control);
}

bool access_is_exempt(const struct scsi_cmd *cmd)
{
	const struct scsi_op *op = cmd->op;

	return op->exempt_mask != 0 && (cmd->cdb[op->exempt_at] & op->exempt_mask) == op->exempt;
}
