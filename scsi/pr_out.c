/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PERSISTENT RESERVE OUT: SPC-5 sections 5.13 and 6.17; see scsi/pr_out.h. The parameter
 * list becomes a request; a service action carries it out in one piece under the control lock,
 * whole or not at all; then whoever lost something is told, the commands of preempted nexuses
 * end, and what is to survive a power loss is kept before the command is answered.
 */
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/container.h"
#include "scsi/access.h"
#include "scsi/command.h"
#include "scsi/lu.h"
#include "scsi/pr_out.h"
#include "scsi/reservation.h"
#include "scsi/sense.h"
#include "scsi/taskset.h"

/* ---- who is told ------------------------------------------------------------------------- */

struct audience {
	const struct list *registrations;
	const struct scsi_nexus *except;
};

static bool is_of(const struct list *registrations, const struct scsi_nexus *nexus)
{
	struct list_node *node;

	LIST_FOR_EACH(node, registrations) {
		const struct registration *one = container_of(node, struct registration, link);

		if (one->port == nexus->target_port_group &&
		    strcasecmp(one->initiator, nexus->initiator_port) == 0)
			return true;
	}
	return false;
}

static bool is_in_audience(const void *context, const struct scsi_nexus *nexus)
{
	const struct audience *audience = context;

	return nexus != audience->except && is_of(audience->registrations, nexus);
}

/* The nexuses of REGISTRATIONS but for the one that asks. */
static void tell(struct pr_request *request, const struct list *registrations,
		 enum attention attention)
{
	struct audience audience = { registrations, request->nexus };

	attention_raise_if(&request->lu->attentions, attention, is_in_audience, &audience);
}

void pr_tell_released(struct pr_request *request, uint8_t type)
{
	if (reservation_is_for_registrants(type))
		tell(request, &request->reservations->registered, ATTENTION_RESERVATIONS_RELEASED);
}

/* ---- service actions: with the control lock ------------------------------------------------ */

bool pr_has_key(const struct pr_request *request)
{
	return request->own != NULL && request->own->key == request->key;
}

static enum pr_verdict do_reserve(struct pr_request *request)
{
	struct reservations *reservations = request->reservations;

	if (!pr_has_key(request))
		return PR_CONFLICT;
	if (reservations->type != RESERVATION_NONE)
		return reservation_is_holder(reservations, request->own) &&
				       reservations->type == request->type
			       ? PR_GOOD
			       : PR_CONFLICT;
	reservations->type = request->type;
	reservations->holder = reservation_is_of_all(request->type) ? NULL : request->own;
	return PR_GOOD;
}

static enum pr_verdict do_release(struct pr_request *request)
{
	struct reservations *reservations = request->reservations;

	if (!pr_has_key(request))
		return PR_CONFLICT;
	if (!reservation_is_holder(reservations, request->own))
		return PR_GOOD; /* and nothing to do */
	if (reservations->type != request->type)
		return PR_BAD_RELEASE;
	reservations->type = RESERVATION_NONE;
	reservations->holder = NULL;
	pr_tell_released(request, request->type);
	return PR_GOOD;
}

/* Takes away every registration with KEY, or with any key where ALL; never EXCEPT. */
static unsigned remove_registrations(struct pr_request *request, uint64_t key, bool all,
				     const struct registration *except)
{
	struct list_node *node, *next;
	unsigned removed = 0;

	LIST_FOR_EACH_SAFE(node, next, &request->reservations->registered) {
		struct registration *one = container_of(node, struct registration, link);

		if (one == except || (!all && one->key != key))
			continue;
		reservation_unregister(request->reservations, one, &request->gone);
		removed++;
	}
	return removed;
}

static enum pr_verdict do_clear(struct pr_request *request)
{
	if (!pr_has_key(request))
		return PR_CONFLICT;
	remove_registrations(request, 0, true, NULL);
	tell(request, &request->gone, ATTENTION_RESERVATIONS_PREEMPTED);
	request->reservations->generation++;
	return PR_GOOD;
}

/* Whether the service action key names the holder of the reservation: SPC-5 table 60. */
static bool names_holder(const struct pr_request *request)
{
	const struct reservations *reservations = request->reservations;

	if (reservation_is_of_all(reservations->type))
		return request->action_key == 0;
	return reservations->holder != NULL && reservations->holder->key == request->action_key;
}

static void take_over(struct pr_request *request)
{
	struct reservations *reservations = request->reservations;
	uint8_t type = reservations->type;

	remove_registrations(request, request->action_key, request->action_key == 0, request->own);
	reservations->type = request->type;
	reservations->holder = reservation_is_of_all(request->type) ? NULL : request->own;
	/* Whoever had a part in the reservation has another one now. */
	if (type != request->type)
		tell(request, &reservations->registered, ATTENTION_RESERVATIONS_RELEASED);
}

static enum pr_verdict do_preempt(struct pr_request *request)
{
	if (!pr_has_key(request))
		return PR_CONFLICT;
	if (names_holder(request))
		take_over(request);
	else if (request->action_key == 0)
		return pr_bad_list(request, PR_ACTION_KEY_AT, SENSE_NO_BIT);
	else if (remove_registrations(request, request->action_key, false, NULL) == 0)
		return PR_CONFLICT;
	tell(request, &request->gone, ATTENTION_REGISTRATIONS_PREEMPTED);
	request->reservations->generation++;
	request->aborts = request->action == PR_PREEMPT_AND_ABORT;
	return PR_GOOD;
}

static enum pr_verdict (*const actions[])(struct pr_request *request) = {
	[PR_REGISTER] = pr_register,
	[PR_RESERVE] = do_reserve,
	[PR_RELEASE] = do_release,
	[PR_CLEAR] = do_clear,
	[PR_PREEMPT] = do_preempt,
	[PR_PREEMPT_AND_ABORT] = do_preempt,
	[PR_REGISTER_AND_IGNORE] = pr_register,
	[PR_REGISTER_AND_MOVE] = pr_move,
	[PR_REPLACE_LOST] = pr_replace_lost,
};

static enum pr_verdict carry_out(struct pr_request *request)
{
	struct scsi_lu *lu = request->lu;
	enum pr_verdict verdict;

	pthread_mutex_lock(&lu->control);
	request->own = reservation_find_nexus(&lu->reservations, request->nexus);
	if (lu->reservations.reserved_by != NULL)
		verdict = PR_CONFLICT;
	else
		verdict = actions[request->action](request);
	if (verdict == PR_GOOD)
		access_changed(lu);
	pthread_mutex_unlock(&lu->control);
	return verdict;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static int is_kept(struct scsi_cmd *cmd)
{
	struct sense failure = { .key = SENSE_KEY_HARDWARE_ERROR, .code = 0x4400 };

	if (cmd->kept == 0)
		return cmd_status(cmd, SCSI_STATUS_GOOD);
	/* What has changed is in force, but would not be after a power loss. */
	pthread_mutex_lock(&cmd->lu->control);
	cmd->lu->reservations.is_kept = true;
	pthread_mutex_unlock(&cmd->lu->control);
	return sense_fail(cmd, &failure); /* INTERNAL TARGET FAILURE */
}

/* What there is now, which may be more than this command's change: never less. */
static int keep(struct scsi_cmd *cmd)
{
	struct scsi_lu *lu = cmd->lu;
	struct reservations *reservations = &lu->reservations;
	uint8_t *blob = malloc(RESERVATION_BLOB_MAX);
	int step;

	if (blob == NULL) {
		cmd->kept = -ENOMEM;
		return is_kept(cmd);
	}
	pthread_mutex_lock(&lu->control);
	if (reservations->persists || reservations->is_kept) {
		size_t length = reservation_save(reservations, blob);

		reservations->is_kept = reservations->persists;
		step = cmd_keep(cmd, RESERVATION_BLOB_NAME, blob, length, is_kept);
	} else {
		step = cmd_status(cmd, SCSI_STATUS_GOOD);
	}
	pthread_mutex_unlock(&lu->control);
	free(blob);
	return step;
}

/* The end of the commands of those whose registrations are gone. */
struct ending {
	struct taskset_sweep sweep;
	struct list gone;
	struct scsi_cmd *cmd;
};

static bool is_preempted(const struct taskset_sweep *sweep, const struct scsi_nexus *nexus)
{
	return is_of(&container_of(sweep, const struct ending, sweep)->gone, nexus);
}

static void ended(struct taskset_sweep *sweep)
{
	struct ending *ending = container_of(sweep, struct ending, sweep);
	struct scsi_cmd *cmd = ending->cmd;

	registrations_free(&ending->gone);
	free(ending);
	cmd->phase = SCSI_PHASE_RUNNING;
	/* Even where CMD has been aborted meanwhile: the change has been made. */
	cmd_drive(cmd, keep(cmd));
}

static int abort_preempted(struct scsi_cmd *cmd, struct pr_request *request)
{
	struct ending *ending = calloc(1, sizeof(*ending));

	if (ending == NULL)
		return sense_insufficient_registrations(cmd);
	list_init(&ending->gone);
	list_splice_back(&ending->gone, &request->gone);
	ending->cmd = cmd;
	ending->sweep.lu = cmd->lu;
	ending->sweep.reactor = cmd->nexus->reactor;
	ending->sweep.choose = is_preempted;
	ending->sweep.asker = cmd->nexus;
	ending->sweep.except = cmd;
	ending->sweep.ends_copies = true;
	ending->sweep.done = ended;
	if (taskset_sweep(&ending->sweep) != 0) {
		registrations_free(&ending->gone);
		free(ending);
		return sense_insufficient_registrations(cmd);
	}
	cmd->phase = SCSI_PHASE_SWEEP;
	return SCSI_MORE;
}

static int answer(struct scsi_cmd *cmd, struct pr_request *request, enum pr_verdict verdict)
{
	switch (verdict) {
	case PR_GOOD:
		return request->aborts ? abort_preempted(cmd, request) : keep(cmd);
	case PR_CONFLICT:
		return cmd_status(cmd, SCSI_STATUS_RESERVATION_CONFLICT);
	case PR_BAD_SCOPE:
		return sense_invalid_field(cmd, 2, 7);
	case PR_BAD_TYPE:
		return sense_invalid_field(cmd, 2, 3);
	case PR_BAD_RELEASE:
		return sense_invalid_release(cmd);
	case PR_BAD_LENGTH:
		return sense_parameter_list_length(cmd);
	case PR_BAD_LIST:
		return sense_invalid_parameter(cmd, request->byte, request->bit);
	case PR_NO_RESOURCES:
		break;
	}
	return sense_insufficient_registrations(cmd);
}

static void free_request(struct pr_request *request)
{
	registrations_free(&request->gone);
	free(request->ids);
	free(request);
}

static struct pr_request *create_request(struct scsi_cmd *cmd)
{
	struct pr_request *request = calloc(1, sizeof(*request));

	if (request == NULL)
		return NULL;
	list_init(&request->gone);
	request->lu = cmd->lu;
	request->reservations = &cmd->lu->reservations;
	request->nexus = cmd->nexus;
	request->action = (uint8_t)cmd->op->action;
	request->scope = cmd->cdb[2] >> 4;
	request->type = cmd->cdb[2] & 0x0f;
	return request;
}

static enum pr_verdict check_scope_and_type(const struct pr_request *request)
{
	switch (request->action) {
	case PR_RESERVE:
	case PR_RELEASE:
	case PR_PREEMPT:
	case PR_PREEMPT_AND_ABORT:
	case PR_REPLACE_LOST:
		if (request->scope != 0)
			return PR_BAD_SCOPE;
		return reservation_type_is_valid(request->type) ? PR_GOOD : PR_BAD_TYPE;
	default:
		return PR_GOOD; /* ignored */
	}
}

/* The list is in cmd->data. */
static int have_list(struct scsi_cmd *cmd)
{
	uint32_t length = cmd->data_out_length;
	uint8_t *list = malloc(length);
	struct pr_request *request = create_request(cmd);
	enum pr_verdict verdict = PR_NO_RESOURCES;
	int step;

	if (list == NULL || request == NULL) {
		free(list);
		free(request);
		return sense_insufficient_registrations(cmd);
	}
	extents_copy_out(&cmd->data, 0, list, length);
	verdict = check_scope_and_type(request);
	if (verdict == PR_GOOD)
		verdict = pr_parse_list(request, list, length);
	free(list);
	if (verdict == PR_GOOD)
		verdict = carry_out(request);
	step = answer(cmd, request, verdict);
	free_request(request);
	return step;
}

static int receive_list(struct scsi_cmd *cmd)
{
	return cmd_receive(cmd, have_list);
}

int spc_persistent_reserve_out(struct scsi_cmd *cmd)
{
	uint32_t length = get_be32(cmd->cdb + 5);

	cmd->transfer_length = length;
	if (length < PR_LIST_LENGTH || length > PR_LIST_MAX)
		return sense_parameter_list_length(cmd);
	if (cmd_bytes_offered(cmd) < length)
		return sense_invalid_information_unit(cmd);
	cmd->data_out_length = length;
	return cmd_memory(cmd, max(length, (uint32_t)EXTENT_MIN), receive_list);
}
