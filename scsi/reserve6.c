/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RESERVE and RELEASE of 6 and 10 bytes: SPC-2 sections 7.21 to 7.24, and how they
 * go with persistent reservations: SPC-4 section 5.13.3 (CRH). Of whole logical
 * units and without third parties, as SPC-3 left them.
 */
#include "scsi/access.h"
#include "scsi/command.h"
#include "scsi/lu.h"
#include "scsi/reservation.h"

/*
 * Whether persistent reservations are in use: then nothing is changed, and *status says whether
 * NEXUS has by them what it asks for.
 */
static bool is_persistent(const struct reservations *reservations, const struct scsi_nexus *nexus,
			  enum scsi_status *status)
{
	const struct registration *registration;

	if (reservations->count == 0)
		return false;
	registration = reservation_find_nexus(reservations, nexus);
	*status = SCSI_STATUS_RESERVATION_CONFLICT;
	if (reservation_is_holder(reservations, registration) ||
	    (registration != NULL && reservation_is_for_registrants(reservations->type)))
		*status = SCSI_STATUS_GOOD;
	return true;
}

static void set_holder(struct scsi_lu *lu, const struct scsi_nexus *nexus)
{
	if (lu->reservations.reserved_by == nexus)
		return;
	lu->reservations.reserved_by = nexus;
	access_changed(lu);
}

int spc_reserve(struct scsi_cmd *cmd)
{
	struct scsi_lu *lu = cmd->lu;
	struct reservations *reservations = &lu->reservations;
	enum scsi_status status = SCSI_STATUS_GOOD;

	pthread_mutex_lock(&lu->control);
	if (is_persistent(reservations, cmd->nexus, &status))
		;
	else if (reservations->reserved_by != NULL && reservations->reserved_by != cmd->nexus)
		status = SCSI_STATUS_RESERVATION_CONFLICT;
	else
		set_holder(lu, cmd->nexus);
	pthread_mutex_unlock(&lu->control);
	return cmd_status(cmd, status);
}

int spc_release(struct scsi_cmd *cmd)
{
	struct scsi_lu *lu = cmd->lu;
	enum scsi_status status = SCSI_STATUS_GOOD;

	pthread_mutex_lock(&lu->control);
	/* Of whom it is not has no effect. */
	if (!is_persistent(&lu->reservations, cmd->nexus, &status) &&
	    lu->reservations.reserved_by == cmd->nexus)
		set_holder(lu, NULL);
	pthread_mutex_unlock(&lu->control);
	return cmd_status(cmd, status);
}

void reserve6_nexus_lost(struct scsi_lu *lu, const struct scsi_nexus *nexus)
{
	if (lu->reservations.reserved_by == nexus)
		set_holder(lu, NULL);
}

void reserve6_reset(struct scsi_lu *lu)
{
	pthread_mutex_lock(&lu->control);
	set_holder(lu, NULL);
	pthread_mutex_unlock(&lu->control);
}
