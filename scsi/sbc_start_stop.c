/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * START STOP UNIT and PREVENT ALLOW MEDIUM REMOVAL: whether the medium can be
 * used. SBC-4 sections 5.15 and 5.31. The state is shared by all nexuses; a
 * restart of the daemon starts and loads.
 */
#include "scsi/command.h"
#include "scsi/lu.h"
#include "scsi/sense.h"

enum {
	START = 0x01,
	LOEJ = 0x02,
	NO_FLUSH = 0x04,
	POWER_CONDITION = 0xf0,
	PREVENT = 0x01,
};

struct sense medium_sense(const struct scsi_lu *lu)
{
	struct sense sense = { .key = SENSE_KEY_NO_SENSE };

	switch (lu_medium(lu)) {
	case MEDIUM_READY:
		break;
	case MEDIUM_STOPPED:
		sense.key = SENSE_KEY_NOT_READY;
		sense.code = 0x0402; /* LOGICAL UNIT NOT READY, INITIALIZING COMMAND REQUIRED */
		break;
	case MEDIUM_EJECTED:
		sense.key = SENSE_KEY_NOT_READY;
		sense.code = 0x3a02; /* MEDIUM NOT PRESENT - TRAY OPEN */
		break;
	}
	return sense;
}

void medium_reset(struct scsi_lu *lu)
{
	pthread_mutex_lock(&lu->control);
	if (lu_medium(lu) == MEDIUM_STOPPED)
		atomic_store(&lu->medium, MEDIUM_READY);
	lu->preventing = 0;
	lu->prevent_epoch++;
	pthread_mutex_unlock(&lu->control);
}

static void set_prevents(struct nexus_lu *state, bool prevents)
{
	struct scsi_lu *lu = state->lu;
	bool before;

	pthread_mutex_lock(&lu->control);
	before = state->prevents == lu->prevent_epoch;
	if (prevents && !before)
		lu->preventing++;
	else if (!prevents && before)
		lu->preventing--;
	state->prevents = prevents ? lu->prevent_epoch : 0;
	pthread_mutex_unlock(&lu->control);
}

void medium_leave(struct nexus_lu *state)
{
	set_prevents(state, false);
}

int sbc_prevent_allow(struct scsi_cmd *cmd)
{
	set_prevents(&cmd->nexus->lu[lun_decode(cmd->lun)], cmd->cdb[4] & PREVENT);
	return cmd_status(cmd, SCSI_STATUS_GOOD);
}

/* ---- START STOP UNIT ---------------------------------------------------------------- */

enum move { MOVE_START, MOVE_STOP, MOVE_LOAD, MOVE_EJECT };

/* False with sense when the medium may not be moved so. */
static bool move(struct scsi_cmd *cmd, enum move how)
{
	static const enum medium_state after[] = {
		[MOVE_START] = MEDIUM_READY,
		[MOVE_STOP] = MEDIUM_STOPPED,
		[MOVE_LOAD] = MEDIUM_READY,
		[MOVE_EJECT] = MEDIUM_EJECTED,
	};
	struct scsi_lu *lu = cmd->lu;
	bool was_away, is_missing, is_prevented;

	pthread_mutex_lock(&lu->control);
	was_away = lu_medium(lu) == MEDIUM_EJECTED;
	is_missing = was_away && (how == MOVE_START || how == MOVE_STOP);
	is_prevented = how == MOVE_EJECT && lu->preventing != 0;
	if (!is_missing && !is_prevented)
		atomic_store(&lu->medium, (uint8_t)after[how]);
	pthread_mutex_unlock(&lu->control);
	if (is_missing)
		sense_medium_not_present(cmd);
	if (is_prevented)
		sense_removal_prevented(cmd);
	/* Nobody else knows what has been put in. */
	if (was_away && how == MOVE_LOAD)
		attention_raise_others(&lu->attentions, ATTENTION_MEDIUM_CHANGED, cmd->nexus);
	return !is_missing && !is_prevented;
}

/* What has been written is safe before it is out of reach. */
static int flush_unless_told(struct scsi_cmd *cmd)
{
	if (cmd->cdb[4] & NO_FLUSH)
		return cmd_status(cmd, SCSI_STATUS_GOOD);
	return cmd_submit_range(cmd, STORE_FLUSH, 0, 0, NULL);
}

static int load_or_eject(struct scsi_cmd *cmd)
{
	bool load = cmd->cdb[4] & START;

	if (!cmd->lu->removable)
		return sense_invalid_field(cmd, 4, 1);
	if (!move(cmd, load ? MOVE_LOAD : MOVE_EJECT))
		return SCSI_DONE;
	return load ? SCSI_DONE : flush_unless_told(cmd);
}

/*
 * Power conditions are accepted and make no difference: in each of them every
 * command works, for there is no motor. Other bits mean nothing with them.
 */
int sbc_start_stop_unit(struct scsi_cmd *cmd)
{
	if (!(cmd->cdb[4] & POWER_CONDITION) && (cmd->cdb[4] & LOEJ))
		return load_or_eject(cmd);
	if (cmd->cdb[4] & (POWER_CONDITION | START)) {
		move(cmd, MOVE_START);
		return SCSI_DONE;
	}
	return move(cmd, MOVE_STOP) ? flush_unless_told(cmd) : SCSI_DONE;
}
