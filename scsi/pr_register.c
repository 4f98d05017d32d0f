/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Service actions of PERSISTENT RESERVE OUT that register somebody: REGISTER, REGISTER AND IGNORE
 * EXISTING KEY, REGISTER AND MOVE, REPLACE LOST RESERVATION (SPC-5 section 5.13). All with the
 * control lock.
 */
#include <string.h>
#include <strings.h>

#include "base/container.h"
#include "scsi/access.h"
#include "scsi/lu.h"
#include "scsi/pr_out.h"
#include "scsi/reservation.h"
#include "scsi/sense.h"

/* The relative target ports that a registration is for, one after the other; false at the end. */
static bool next_port(const struct pr_request *request, unsigned *index, uint16_t *port)
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
static bool may_register(const struct pr_request *request, uint16_t port)
{
	const struct registration *there =
		reservation_find(request->reservations, request->nexus->initiator_port, port);

	if (request->action == PR_REGISTER_AND_IGNORE)
		return true;
	return request->key == (there != NULL ? there->key : 0);
}

/* Registers INITIATOR at PORT. It stays as it is where it is already, unless CHANGE. */
static enum pr_verdict register_port(struct pr_request *request, const char *initiator,
				     uint16_t port, bool change)
{
	struct registration *there = reservation_find(request->reservations, initiator, port);

	if (there != NULL) {
		if (change)
			there->key = request->action_key;
		return PR_GOOD;
	}
	if (reservation_register(request->reservations, initiator, port, request->action_key,
				 &there) != 0)
		return PR_NO_RESOURCES;
	return PR_GOOD;
}

/* Whether PORT is a port of the initiator device NAME. */
static bool is_port_of(const char *port, const char *name)
{
	size_t length = strlen(name);

	return strncasecmp(port, name, length) == 0 && port[length] == ',';
}

static enum pr_verdict register_device(struct pr_request *request, const char *name, uint16_t port)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &request->lu->access.present) {
		const struct scsi_nexus *nexus =
			container_of(node, struct access_view, link)->nexus;
		enum pr_verdict verdict;

		if (!is_port_of(nexus->initiator_port, name))
			continue;
		verdict = register_port(request, nexus->initiator_port, port, false);
		if (verdict != PR_GOOD)
			return verdict;
	}
	return PR_GOOD;
}

static bool is_known_device(const struct pr_request *request, const char *name)
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
static enum pr_verdict register_at(struct pr_request *request, uint16_t port)
{
	enum pr_verdict verdict =
		register_port(request, request->nexus->initiator_port, port, true);

	for (unsigned i = 0; verdict == PR_GOOD && i < request->id_count; i++) {
		const struct pr_initiator *id = &request->ids[i];

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

static enum pr_verdict register_all(struct pr_request *request)
{
	unsigned before = request->reservations->count;
	enum pr_verdict verdict = PR_GOOD;
	unsigned index = 0;
	uint16_t port;

	/* What is new first: that can fail, and then nothing has changed. */
	while (verdict == PR_GOOD && next_port(request, &index, &port)) {
		if (reservation_find(request->reservations, request->nexus->initiator_port, port) ==
		    NULL)
			verdict = register_at(request, port);
	}
	if (verdict != PR_GOOD) {
		take_back(request->reservations, before);
		return verdict;
	}
	index = 0;
	while (next_port(request, &index, &port))
		register_port(request, request->nexus->initiator_port, port, true);
	return PR_GOOD;
}

static void unregister_all(struct pr_request *request)
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
		pr_tell_released(request, type);
}

/* Whether the initiator has any registration that the request is about. */
static bool is_registered(const struct pr_request *request)
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

static enum pr_verdict check_register(struct pr_request *request)
{
	unsigned index = 0;
	uint16_t port;

	while (next_port(request, &index, &port)) {
		if (!may_register(request, port))
			return PR_CONFLICT;
	}
	/* Others can be registered only together with the first registration of one's own. */
	if (request->spec_i_pt && request->own != NULL)
		return pr_bad_list(request, PR_FLAGS_AT, 3);
	if (request->aptpl && request->lu->keeper == NULL)
		return pr_bad_list(request, PR_FLAGS_AT, 0);
	for (unsigned i = 0; i < request->id_count; i++) {
		if (request->ids[i].is_device && !is_known_device(request, request->ids[i].name))
			return pr_bad_list(request, PR_IDS_AT, SENSE_NO_BIT);
	}
	return PR_GOOD;
}

enum pr_verdict pr_register(struct pr_request *request)
{
	enum pr_verdict verdict = check_register(request);

	if (verdict != PR_GOOD)
		return verdict;
	if (request->action_key == 0) {
		if (!is_registered(request))
			return PR_GOOD; /* and nothing to do */
		unregister_all(request);
	} else {
		verdict = register_all(request);
		if (verdict != PR_GOOD)
			return verdict;
	}
	request->reservations->persists = request->aptpl;
	request->reservations->generation++;
	return PR_GOOD;
}

static enum pr_verdict check_move(struct pr_request *request)
{
	const struct reservations *reservations = request->reservations;
	const struct scsi_nexus *nexus = request->nexus;

	/* One that all registrants hold cannot move. */
	if (!pr_has_key(request) || reservations->holder != request->own)
		return PR_CONFLICT;
	if (request->action_key == 0)
		return pr_bad_list(request, PR_ACTION_KEY_AT, SENSE_NO_BIT);
	if (request->aptpl && request->lu->keeper == NULL)
		return pr_bad_list(request, PR_MOVE_FLAGS_AT, 0);
	if (request->port != nexus->target_port_group &&
	    !target_has_port(nexus->target, request->port))
		return pr_bad_list(request, PR_MOVE_PORT_AT, SENSE_NO_BIT);
	if (request->port == nexus->target_port_group &&
	    strcasecmp(request->ids[0].name, nexus->initiator_port) == 0)
		return pr_bad_list(request, PR_MOVE_IDS_AT, SENSE_NO_BIT);
	return PR_GOOD;
}

enum pr_verdict pr_move(struct pr_request *request)
{
	struct reservations *reservations = request->reservations;
	enum pr_verdict verdict = check_move(request);

	if (verdict != PR_GOOD)
		return verdict;
	if (register_port(request, request->ids[0].name, request->port, true) != PR_GOOD)
		return PR_NO_RESOURCES;
	reservations->holder = reservation_find(reservations, request->ids[0].name, request->port);
	if (request->unregister)
		reservation_unregister(reservations, request->own, NULL);
	reservations->persists = request->aptpl;
	reservations->generation++;
	return PR_GOOD;
}

/* The nexus that asks is registered alone and gets the reservation, whatever there was before. */
enum pr_verdict pr_replace_lost(struct pr_request *request)
{
	struct reservations *reservations = request->reservations;
	enum pr_verdict verdict;

	if (!reservations->is_lost)
		return reservations->type != RESERVATION_NONE && request->own == NULL
			       ? PR_CONFLICT
			       : PR_BAD_RELEASE;
	if (request->key != 0)
		return pr_bad_list(request, 0, SENSE_NO_BIT);
	if (request->action_key == 0)
		return pr_bad_list(request, PR_ACTION_KEY_AT, SENSE_NO_BIT);
	verdict = register_port(request, request->nexus->initiator_port,
				request->nexus->target_port_group, true);
	if (verdict != PR_GOOD)
		return verdict;
	reservations->type = request->type;
	reservations->holder = reservation_is_of_all(request->type)
				       ? NULL
				       : reservation_find_nexus(reservations, request->nexus);
	reservations->generation = 0;
	reservations->persists = request->aptpl;
	reservations->is_kept = true; /* what cannot be read is replaced, or removed */
	reservations->is_lost = false;
	return PR_GOOD;
}
