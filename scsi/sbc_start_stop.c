/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * START STOP UNIT and PREVENT ALLOW MEDIUM REMOVAL: whether the medium can be
 * used. SBC-4 section 5.31, SPC-3 section 6.13. The state is shared by all
 * nexuses; a restart of the daemon loads.
 *
 * There is no motor: stopping means that everything is safe. The disk stays
 * ready, for what one initiator's shutdown stops others still use.
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

void medium_reset(struct scsi_lu *lu)
{
	pthread_mutex_lock(&lu->control);
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

/* False with sense when it may not be moved. */
static bool move(struct scsi_cmd *cmd, bool load)
{
	struct scsi_lu *lu = cmd->lu;
	bool moves, is_prevented;

	pthread_mutex_lock(&lu->control);
	moves = load == lu_is_ejected(lu);
	is_prevented = moves && lu->preventing != 0;
	if (moves && !is_prevented)
		atomic_store(&lu->is_ejected, !load);
	pthread_mutex_unlock(&lu->control);
	if (is_prevented) {
		sense_removal_prevented(cmd);
		return false;
	}
	/* Nobody else knows what has been put in. */
	if (moves && load)
		attention_raise_others(&lu->attentions, ATTENTION_MEDIUM_CHANGED, cmd->nexus);
	return true;
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
	if (!move(cmd, load))
		return SCSI_DONE;
	return load ? SCSI_DONE : flush_unless_told(cmd);
}

/*
 * Power conditions are accepted and make no difference, reserved ones neither: in
 * each of them every command works. Other bits mean nothing with them.
 */
int sbc_start_stop_unit(struct scsi_cmd *cmd)
{
	if (!(cmd->cdb[4] & POWER_CONDITION) && (cmd->cdb[4] & LOEJ))
		return load_or_eject(cmd);
	if (lu_is_ejected(cmd->lu))
		return sense_medium_not_present(cmd);
	if (cmd->cdb[4] & (POWER_CONDITION | START))
		return cmd_status(cmd, SCSI_STATUS_GOOD);
	return flush_unless_told(cmd);
}
