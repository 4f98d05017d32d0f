/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PERSISTENT RESERVE OUT: SPC-5 sections 5.13 and 6.17. The parameter list becomes
 * a request; a service action carries it out in one piece under the control lock, whole or
 * not at all; then whoever lost something is told, the commands of preempted nexuses
 * end, and what is to survive a power loss is kept before the command is answered.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "base/container.h"
#include "scsi/access.h"
#include "scsi/command.h"
#include "scsi/lu.h"
#include "scsi/reservation.h"
#include "scsi/sense.h"
#include "scsi/taskset.h"
#include "scsi/transport_id.h"

enum service_action {
	REGISTER = 0x00,
	RESERVE = 0x01,
	RELEASE = 0x02,
	CLEAR = 0x03,
	PREEMPT = 0x04,
	PREEMPT_AND_ABORT = 0x05,
	REGISTER_AND_IGNORE = 0x06,
	REGISTER_AND_MOVE = 0x07,
	REPLACE_LOST = 0x08,
};

enum {
	LIST_LENGTH = 24, /* without TransportIDs */
	IDS_AT = 28, /* behind their length */
	LIST_MAX = 65536,
	SPEC_I_PT = 0x08,
	ALL_TG_PT = 0x04,
	APTPL = 0x01,
	UNREG = 0x02,
	FLAGS_AT = 20,
	MOVE_FLAGS_AT = 17,
	MOVE_PORT_AT = 18,
	MOVE_IDS_AT = 24,
	IDS_MAX = LIST_MAX / (4 + 20),
};

enum verdict {
	GOOD,
	CONFLICT,
	BAD_SCOPE, /* of the CDB */
	BAD_TYPE,
	BAD_RELEASE, /* the reservation is not of this scope and type */
	BAD_LENGTH,
	BAD_LIST, /* at request->byte and ->bit */
	NO_RESOURCES,
};

struct initiator_id {
	char name[INITIATOR_PORT_MAX + 1];
	bool is_device; /* all of its ports that are here */
};

/* What an initiator asks for, and what came of it. */
struct request {
	struct scsi_lu *lu;
	struct reservations *reservations;
	const struct scsi_nexus *nexus;
	uint8_t action;
	uint8_t scope, type;
	uint64_t key, action_key;
	bool spec_i_pt, all_tg_pt, aptpl, unregister;
	uint16_t port; /* that a reservation moves to */
	struct initiator_id *ids;
	unsigned id_count;
	/* where the list is wrong */
	uint16_t byte;
	uint8_t bit;
	/* under the control lock */
	struct registration *own; /* of the nexus that asks, or NULL */
	struct list gone; /* registrations that were preempted or cleared */
	bool aborts; /* the commands of their nexuses end */
};

static enum verdict bad_list(struct request *request, unsigned byte, unsigned bit)
{
	request->byte = (uint16_t)byte;
	request->bit = (uint8_t)bit;
	return BAD_LIST;
}

/* ---- the parameter list ------------------------------------------------------------------ */

/* LENGTH bytes of TransportIDs from AT on. */
static enum verdict parse_ids(struct request *request, const uint8_t *list, uint32_t at,
			      uint32_t length)
{
	struct cursor in = cursor_reader(list + at, length);

	request->ids =
		calloc(min(length / LIST_LENGTH, (uint32_t)IDS_MAX) + 1, sizeof(*request->ids));
	if (request->ids == NULL)
		return NO_RESOURCES;
	while (cursor_remaining(&in) != 0) {
		struct initiator_id *id = &request->ids[request->id_count];
		size_t begin = at + cursor_offset(&in);

		if (!transport_id_get(&in, id->name, &id->is_device))
			return bad_list(request, (unsigned)begin, SENSE_NO_BIT);
		request->id_count++;
	}
	return GOOD;
}

static enum verdict parse_move(struct request *request, const uint8_t *list, uint32_t length)
{
	uint32_t ids = get_be32(list + 20);
	enum verdict verdict;

	request->unregister = list[MOVE_FLAGS_AT] & UNREG;
	request->aptpl = list[MOVE_FLAGS_AT] & APTPL;
	request->port = get_be16(list + MOVE_PORT_AT);
	if (ids != length - MOVE_IDS_AT)
		return BAD_LENGTH;
	verdict = parse_ids(request, list, MOVE_IDS_AT, ids);
	if (verdict != GOOD)
		return verdict;
	/* One port, by its whole name. */
	if (request->id_count != 1 || request->ids[0].is_device)
		return bad_list(request, MOVE_IDS_AT, SENSE_NO_BIT);
	return GOOD;
}

static enum verdict parse_register(struct request *request, const uint8_t *list, uint32_t length)
{
	uint8_t flags = list[FLAGS_AT];

	request->spec_i_pt = flags & SPEC_I_PT;
	request->all_tg_pt = flags & ALL_TG_PT;
	request->aptpl = flags & APTPL;
	if (!request->spec_i_pt)
		return length == LIST_LENGTH ? GOOD : BAD_LENGTH;
	if (request->action == REGISTER_AND_IGNORE)
		return bad_list(request, FLAGS_AT, 3);
	if (length < IDS_AT || get_be32(list + LIST_LENGTH) != length - IDS_AT)
		return BAD_LENGTH;
	return parse_ids(request, list, IDS_AT, length - IDS_AT);
}

/* LENGTH is at least LIST_LENGTH. */
static enum verdict parse_list(struct request *request, const uint8_t *list, uint32_t length)
{
	request->key = get_be64(list);
	request->action_key = get_be64(list + 8);
	request->aptpl = request->action == REPLACE_LOST && (list[FLAGS_AT] & APTPL);
	if (request->action == REGISTER_AND_MOVE)
		return parse_move(request, list, length);
	if (request->action == REGISTER || request->action == REGISTER_AND_IGNORE)
		return parse_register(request, list, length);
	return length == LIST_LENGTH ? GOOD : BAD_LENGTH;
}

static enum verdict check_scope_and_type(const struct request *request)
{
	switch (request->action) {
	case RESERVE:
	case RELEASE:
	case PREEMPT:
	case PREEMPT_AND_ABORT:
	case REPLACE_LOST:
		if (request->scope != 0)
			return BAD_SCOPE;
		return reservation_type_is_valid(request->type) ? GOOD : BAD_TYPE;
	default:
		return GOOD; /* ignored */
	}
}

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
static void tell(struct request *request, const struct list *registrations,
		 enum attention attention)
{
	struct audience audience = { registrations, request->nexus };

	attention_raise_if(&request->lu->attentions, attention, is_in_audience, &audience);
}

/* Those that stay registered: a reservation in which they had a part is no more. */
static void tell_released(struct request *request, uint8_t type)
{
	if (reservation_is_for_registrants(type))
		tell(request, &request->reservations->registered, ATTENTION_RESERVATIONS_RELEASED);
}

/* ---- service actions: with the control lock ------------------------------------------------ */

static bool has_key(const struct request *request)
{
	return request->own != NULL && request->own->key == request->key;
}

/* The relative target ports that a registration is for, one after the other; false at the end. */
static bool next_port(const struct request *request, unsigned *index, uint16_t *port)
{
	const struct scsi_target *target = request->nexus->target;
	unsigned i = (*index)++;

	if (!request->all_tg_pt || target->port_count == 0) {
		*port = request->nexus->target_port_group;
		return i == 0;
	}
	if (i >= target->port_count)
		return false;
	*port = target->port[i].relative;
	return true;
}

/* As if the request had come through PORT: SPC-5 tables 62 and 63. */
static bool may_register(const struct request *request, uint16_t port)
{
	const struct registration *there =
		reservation_find(request->reservations, request->nexus->initiator_port, port);

	if (request->action == REGISTER_AND_IGNORE)
		return true;
	return request->key == (there != NULL ? there->key : 0);
}

/* Registers INITIATOR at PORT. It stays as it is where it is already, unless CHANGE. */
static enum verdict register_port(struct request *request, const char *initiator, uint16_t port,
				  bool change)
{
	struct registration *there = reservation_find(request->reservations, initiator, port);

	if (there != NULL) {
		if (change)
			there->key = request->action_key;
		return GOOD;
	}
	if (reservation_register(request->reservations, initiator, port, request->action_key,
				 &there) != 0)
		return NO_RESOURCES;
	return GOOD;
}

/* Whether PORT is a port of the initiator device NAME. */
static bool is_port_of(const char *port, const char *name)
{
	size_t length = strlen(name);

	return strncasecmp(port, name, length) == 0 && port[length] == ',';
}

static enum verdict register_device(struct request *request, const char *name, uint16_t port)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &request->lu->access.present) {
		const struct scsi_nexus *nexus =
			container_of(node, struct access_view, link)->nexus;
		enum verdict verdict;

		if (!is_port_of(nexus->initiator_port, name))
			continue;
		verdict = register_port(request, nexus->initiator_port, port, false);
		if (verdict != GOOD)
			return verdict;
	}
	return GOOD;
}

static bool is_known_device(const struct request *request, const char *name)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &request->lu->access.present) {
		if (is_port_of(container_of(node, struct access_view, link)->nexus->initiator_port,
			       name))
			return true;
	}
	return false;
}

/* All that are to be registered at PORT. */
static enum verdict register_at(struct request *request, uint16_t port)
{
	enum verdict verdict = register_port(request, request->nexus->initiator_port, port, true);

	for (unsigned i = 0; verdict == GOOD && i < request->id_count; i++) {
		const struct initiator_id *id = &request->ids[i];

		if (id->is_device)
			verdict = register_device(request, id->name, port);
		else
			verdict = register_port(request, id->name, port, false);
	}
	return verdict;
}

/* New registrations are at the end of the list: back to COUNT of them. */
static void take_back(struct reservations *reservations, unsigned count)
{
	while (reservations->count > count) {
		struct registration *last =
			container_of(reservations->registered.head.prev, struct registration, link);

		reservation_unregister(reservations, last, NULL);
	}
}

static enum verdict register_all(struct request *request)
{
	unsigned before = request->reservations->count;
	enum verdict verdict = GOOD;
	unsigned index = 0;
	uint16_t port;

	/* What is new first: that can fail, and then nothing has changed. */
	while (verdict == GOOD && next_port(request, &index, &port)) {
		if (reservation_find(request->reservations, request->nexus->initiator_port, port) ==
		    NULL)
			verdict = register_at(request, port);
	}
	if (verdict != GOOD) {
		take_back(request->reservations, before);
		return verdict;
	}
	index = 0;
	while (next_port(request, &index, &port))
		register_port(request, request->nexus->initiator_port, port, true);
	return GOOD;
}

static void unregister_all(struct request *request)
{
	struct reservations *reservations = request->reservations;
	uint8_t type = reservations->type;
	unsigned index = 0;
	uint16_t port;

	while (next_port(request, &index, &port)) {
		struct registration *there =
			reservation_find(reservations, request->nexus->initiator_port, port);

		if (there != NULL)
			reservation_unregister(reservations, there, NULL);
	}
	if (type != reservations->type)
		tell_released(request, type);
}

/* Whether the initiator has any registration that the request is about. */
static bool is_registered(const struct request *request)
{
	unsigned index = 0;
	uint16_t port;

	while (next_port(request, &index, &port)) {
		if (reservation_find(request->reservations, request->nexus->initiator_port, port) !=
		    NULL)
			return true;
	}
	return false;
}

static enum verdict check_register(struct request *request)
{
	unsigned index = 0;
	uint16_t port;

	while (next_port(request, &index, &port)) {
		if (!may_register(request, port))
			return CONFLICT;
	}
	/* Others can be registered only together with the first registration of one's own. */
	if (request->spec_i_pt && request->own != NULL)
		return bad_list(request, FLAGS_AT, 3);
	if (request->aptpl && request->lu->keeper == NULL)
		return bad_list(request, FLAGS_AT, 0);
	for (unsigned i = 0; i < request->id_count; i++) {
		if (request->ids[i].is_device && !is_known_device(request, request->ids[i].name))
			return bad_list(request, IDS_AT, SENSE_NO_BIT);
	}
	return GOOD;
}

static enum verdict do_register(struct request *request)
{
	enum verdict verdict = check_register(request);

	if (verdict != GOOD)
		return verdict;
	if (request->action_key == 0) {
		if (!is_registered(request))
			return GOOD; /* and nothing to do */
		unregister_all(request);
	} else {
		verdict = register_all(request);
		if (verdict != GOOD)
			return verdict;
	}
	request->reservations->persists = request->aptpl;
	request->reservations->generation++;
	return GOOD;
}

static enum verdict do_reserve(struct request *request)
{
	struct reservations *reservations = request->reservations;

	if (!has_key(request))
		return CONFLICT;
	if (reservations->type != RESERVATION_NONE)
		return reservation_is_holder(reservations, request->own) &&
				       reservations->type == request->type
			       ? GOOD
			       : CONFLICT;
	reservations->type = request->type;
	reservations->holder = reservation_is_of_all(request->type) ? NULL : request->own;
	return GOOD;
}

static enum verdict do_release(struct request *request)
{
	struct reservations *reservations = request->reservations;

	if (!has_key(request))
		return CONFLICT;
	if (!reservation_is_holder(reservations, request->own))
		return GOOD; /* and nothing to do */
	if (reservations->type != request->type)
		return BAD_RELEASE;
	reservations->type = RESERVATION_NONE;
	reservations->holder = NULL;
	tell_released(request, request->type);
	return GOOD;
}

/* Takes away every registration with KEY, or with any key where ALL; never EXCEPT. */
static unsigned remove_registrations(struct request *request, uint64_t key, bool all,
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

static enum verdict do_clear(struct request *request)
{
	if (!has_key(request))
		return CONFLICT;
	remove_registrations(request, 0, true, NULL);
	tell(request, &request->gone, ATTENTION_RESERVATIONS_PREEMPTED);
	request->reservations->generation++;
	return GOOD;
}

/* Whether the service action key names the holder of the reservation: SPC-5 table 60. */
static bool names_holder(const struct request *request)
{
	const struct reservations *reservations = request->reservations;

	if (reservation_is_of_all(reservations->type))
		return request->action_key == 0;
	return reservations->holder != NULL && reservations->holder->key == request->action_key;
}

static void take_over(struct request *request)
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

static enum verdict do_preempt(struct request *request)
{
	if (!has_key(request))
		return CONFLICT;
	if (names_holder(request))
		take_over(request);
	else if (request->action_key == 0)
		return bad_list(request, 8, SENSE_NO_BIT);
	else if (remove_registrations(request, request->action_key, false, NULL) == 0)
		return CONFLICT;
	tell(request, &request->gone, ATTENTION_REGISTRATIONS_PREEMPTED);
	request->reservations->generation++;
	request->aborts = request->action == PREEMPT_AND_ABORT;
	return GOOD;
}

static enum verdict check_move(struct request *request)
{
	const struct reservations *reservations = request->reservations;
	const struct scsi_nexus *nexus = request->nexus;

	/* One that all registrants hold cannot move. */
	if (!has_key(request) || reservations->holder != request->own)
		return CONFLICT;
	if (request->action_key == 0)
		return bad_list(request, 8, SENSE_NO_BIT);
	if (request->aptpl && request->lu->keeper == NULL)
		return bad_list(request, MOVE_FLAGS_AT, 0);
	if (request->port != nexus->target_port_group &&
	    !target_has_port(nexus->target, request->port))
		return bad_list(request, MOVE_PORT_AT, SENSE_NO_BIT);
	if (request->port == nexus->target_port_group &&
	    strcasecmp(request->ids[0].name, nexus->initiator_port) == 0)
		return bad_list(request, MOVE_IDS_AT, SENSE_NO_BIT);
	return GOOD;
}

static enum verdict do_move(struct request *request)
{
	struct reservations *reservations = request->reservations;
	enum verdict verdict = check_move(request);

	if (verdict != GOOD)
		return verdict;
	if (register_port(request, request->ids[0].name, request->port, true) != GOOD)
		return NO_RESOURCES;
	reservations->holder = reservation_find(reservations, request->ids[0].name, request->port);
	if (request->unregister)
		reservation_unregister(reservations, request->own, NULL);
	reservations->persists = request->aptpl;
	reservations->generation++;
	return GOOD;
}

/* The nexus that asks is registered alone and gets the reservation, whatever there was before. */
static enum verdict do_replace(struct request *request)
{
	struct reservations *reservations = request->reservations;
	enum verdict verdict;

	if (!reservations->is_lost)
		return reservations->type != RESERVATION_NONE && request->own == NULL ? CONFLICT
										      : BAD_RELEASE;
	if (request->key != 0)
		return bad_list(request, 0, SENSE_NO_BIT);
	if (request->action_key == 0)
		return bad_list(request, 8, SENSE_NO_BIT);
	verdict = register_port(request, request->nexus->initiator_port,
				request->nexus->target_port_group, true);
	if (verdict != GOOD)
		return verdict;
	reservations->type = request->type;
	reservations->holder = reservation_is_of_all(request->type)
				       ? NULL
				       : reservation_find_nexus(reservations, request->nexus);
	reservations->generation = 0;
	reservations->persists = request->aptpl;
	reservations->is_kept = true; /* what cannot be read is replaced, or removed */
	reservations->is_lost = false;
	return GOOD;
}

static enum verdict (*const actions[])(struct request *request) = {
	[REGISTER] = do_register,
	[RESERVE] = do_reserve,
	[RELEASE] = do_release,
	[CLEAR] = do_clear,
	[PREEMPT] = do_preempt,
	[PREEMPT_AND_ABORT] = do_preempt,
	[REGISTER_AND_IGNORE] = do_register,
	[REGISTER_AND_MOVE] = do_move,
	[REPLACE_LOST] = do_replace,
};

static enum verdict carry_out(struct request *request)
{
	struct scsi_lu *lu = request->lu;
	enum verdict verdict;

	pthread_mutex_lock(&lu->control);
	request->own = reservation_find_nexus(&lu->reservations, request->nexus);
	if (lu->reservations.reserved_by != NULL)
		verdict = CONFLICT;
	else
		verdict = actions[request->action](request);
	if (verdict == GOOD)
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

static int abort_preempted(struct scsi_cmd *cmd, struct request *request)
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

static int answer(struct scsi_cmd *cmd, struct request *request, enum verdict verdict)
{
	switch (verdict) {
	case GOOD:
		return request->aborts ? abort_preempted(cmd, request) : keep(cmd);
	case CONFLICT:
		return cmd_status(cmd, SCSI_STATUS_RESERVATION_CONFLICT);
	case BAD_SCOPE:
		return sense_invalid_field(cmd, 2, 7);
	case BAD_TYPE:
		return sense_invalid_field(cmd, 2, 3);
	case BAD_RELEASE:
		return sense_invalid_release(cmd);
	case BAD_LENGTH:
		return sense_parameter_list_length(cmd);
	case BAD_LIST:
		return sense_invalid_parameter(cmd, request->byte, request->bit);
	case NO_RESOURCES:
		break;
	}
	return sense_insufficient_registrations(cmd);
}

static void free_request(struct request *request)
{
	registrations_free(&request->gone);
	free(request->ids);
	free(request);
}

static struct request *create_request(struct scsi_cmd *cmd)
{
	struct request *request = calloc(1, sizeof(*request));

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

/* The list is in cmd->data. */
static int have_list(struct scsi_cmd *cmd)
{
	uint32_t length = cmd->data_out_length;
	uint8_t *list = malloc(length);
	struct request *request = create_request(cmd);
	enum verdict verdict = NO_RESOURCES;
	int step;

	if (list == NULL || request == NULL) {
		free(list);
		free(request);
		return sense_insufficient_registrations(cmd);
	}
	extents_copy_out(&cmd->data, 0, list, length);
	verdict = check_scope_and_type(request);
	if (verdict == GOOD)
		verdict = parse_list(request, list, length);
	free(list);
	if (verdict == GOOD)
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
	if (length < LIST_LENGTH || length > LIST_MAX)
		return sense_parameter_list_length(cmd);
	if (cmd_bytes_offered(cmd) < length)
		return sense_invalid_information_unit(cmd);
	cmd->data_out_length = length;
	return cmd_memory(cmd, max(length, (uint32_t)EXTENT_MIN), receive_list);
}
