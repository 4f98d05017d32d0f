/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands that outlive their nexus; see orphan.h. */
#include "scsi/orphan.h"

#include <string.h>

#include "base/container.h"
#include "scsi/command.h"

static bool may_write(const struct nexus_lu *set)
{
	const struct list_node *node;

	LIST_FOR_EACH(node, &set->commands)
	{
		const struct scsi_cmd *cmd = container_of(node, struct scsi_cmd, link);

		if (cmd->op == NULL || (cmd->op->flags & OP_MODIFIES))
			return true;
	}
	return false;
}

void orphan_enter(struct nexus_lu *set)
{
	if (!may_write(set))
		return;
	set->orphan.initiator_port = set->nexus->initiator_port;
	orphan_add(set->lu, &set->orphan);
}

void orphan_leave(struct nexus_lu *set)
{
	orphan_remove(set->lu, &set->orphan);
}

void orphan_add(struct scsi_lu *lu, struct orphan *orphan)
{
	pthread_mutex_lock(&lu->control);
	list_push_back(&lu->orphans, &orphan->link);
	pthread_mutex_unlock(&lu->control);
}

void orphan_remove(struct scsi_lu *lu, struct orphan *orphan)
{
	pthread_mutex_lock(&lu->control);
	list_remove(&orphan->link);
	pthread_mutex_unlock(&lu->control);
}

bool orphan_is_there(const struct nexus_lu *set)
{
	const struct list_node *node;
	bool found = false;

	pthread_mutex_lock(&set->lu->control);
	LIST_FOR_EACH(node, &set->lu->orphans)
	{
		const struct orphan *orphan = container_of(node, struct orphan, link);

		if (strcmp(orphan->initiator_port, set->nexus->initiator_port) == 0)
			found = true;
	}
	pthread_mutex_unlock(&set->lu->control);
	return found;
}
