/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Having things kept: blobs by the identity of their logical unit, and the step
 * of a command that waits until one is on the medium. keeper.h.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scsi/command.h"
#include "scsi/keeper.h"
#include "scsi/lu.h"

/* A save that a command waits for, with its own copy of the bytes. */
struct cmd_save {
	struct keeper_save save;
	struct scsi_cmd *cmd;
	uint8_t data[];
};

static void name_blob(const struct scsi_lu *lu, const char *what, char name[KEEPER_NAME_MAX + 1])
{
	char naa[2 * sizeof(lu->naa) + 1];
	int len;

	identity_hex(lu->naa, lu->naa_length, naa);
	len = snprintf(name, KEEPER_NAME_MAX + 1, "%s-%s", naa, what);
	assert(len <= KEEPER_NAME_MAX);
}

ssize_t lu_load(const struct scsi_lu *lu, const char *what, void *data, size_t size)
{
	char name[KEEPER_NAME_MAX + 1];

	if (lu->keeper == NULL)
		return -ENOENT;
	name_blob(lu, what, name);
	return lu->keeper->ops->load(lu->keeper, name, data, size);
}

bool lu_save(const struct scsi_lu *lu, const char *what, struct keeper_save *save)
{
	if (lu->keeper == NULL)
		return false;
	name_blob(lu, what, save->name);
	lu->keeper->ops->save(lu->keeper, save);
	return true;
}

static void saved(struct keeper_save *save)
{
	struct cmd_save *mine = container_of(save, struct cmd_save, save);
	struct scsi_cmd *cmd = mine->cmd;

	assert(cmd->phase == SCSI_PHASE_KEEP);
	cmd->kept = save->err;
	cmd->phase = SCSI_PHASE_RUNNING;
	free(mine);
	/* Aborted or not: what has been kept has, and what has not has not. */
	cmd_drive(cmd, cmd->resume(cmd));
}

int cmd_keep(struct scsi_cmd *cmd, const char *what, const void *data, size_t length,
	     int (*next)(struct scsi_cmd *cmd))
{
	struct keeper *keeper = cmd->lu->keeper;
	struct cmd_save *save = NULL;

	assert(length <= KEEPER_BLOB_MAX);
	cmd->resume = next;
	cmd->kept = -EOPNOTSUPP;
	if (keeper == NULL)
		return SCSI_AGAIN;
	save = calloc(1, sizeof(*save) + length);
	if (save == NULL) {
		cmd->kept = -ENOMEM;
		return SCSI_AGAIN;
	}
	save->cmd = cmd;
	if (length != 0)
		memcpy(save->data, data, length);
	name_blob(cmd->lu, what, save->save.name);
	save->save.data = save->data;
	save->save.length = length;
	save->save.reactor = cmd->nexus->reactor;
	save->save.done = saved;
	cmd->phase = SCSI_PHASE_KEEP;
	keeper->ops->save(keeper, &save->save);
	return SCSI_MORE;
}
