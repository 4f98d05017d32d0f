/* SPDX-License-Identifier: BSD-2-Clause */
/* Registrations and the persistent reservation; see reservation.h. */
#include "scsi/reservation.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cursor.h"
#include "base/log.h"
#include "scsi/access.h"
#include "scsi/lu.h"

/* ---- types ------------------------------------------------------------------------ */

static bool is_write_exclusive(uint8_t type)
{
	return type == RESERVATION_WRITE_EXCLUSIVE ||
	       type == RESERVATION_WRITE_EXCLUSIVE_REGISTRANTS ||
	       type == RESERVATION_WRITE_EXCLUSIVE_ALL;
}

static bool is_exclusive_access(uint8_t type)
{
	return type == RESERVATION_EXCLUSIVE_ACCESS ||
	       type == RESERVATION_EXCLUSIVE_ACCESS_REGISTRANTS ||
	       type == RESERVATION_EXCLUSIVE_ACCESS_ALL;
}

bool reservation_type_is_valid(uint8_t type)
{
	return is_write_exclusive(type) || is_exclusive_access(type);
}

bool reservation_is_of_all(uint8_t type)
{
	return type == RESERVATION_WRITE_EXCLUSIVE_ALL || type == RESERVATION_EXCLUSIVE_ACCESS_ALL;
}

bool reservation_is_for_registrants(uint8_t type)
{
	return type == RESERVATION_WRITE_EXCLUSIVE_REGISTRANTS ||
	       type == RESERVATION_EXCLUSIVE_ACCESS_REGISTRANTS || reservation_is_of_all(type);
}

/* ---- registrations ------------------------------------------------------------------ */

void reservations_init(struct reservations *reservations)
{
	*reservations = (struct reservations){ .count = 0 };
	list_init(&reservations->registered);
}

void registrations_free(struct list *list)
{
	struct list_node *node;

	while ((node = list_pop_front(list)) != NULL)
		free(container_of(node, struct registration, link));
}

void reservations_free(struct reservations *reservations)
{
	registrations_free(&reservations->registered);
	reservations_init(reservations);
}

struct registration *reservation_find(const struct reservations *reservations,
				      const char *initiator, uint16_t port)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &reservations->registered)
	{
		struct registration *one = container_of(node, struct registration, link);

		if (one->port == port && strcasecmp(one->initiator, initiator) == 0)
			return one;
	}
	return NULL;
}

struct registration *reservation_find_nexus(const struct reservations *reservations,
					    const struct scsi_nexus *nexus)
{
	return reservation_find(reservations, nexus->initiator_port, nexus->target_port_group);
}

bool reservation_is_holder(const struct reservations *reservations,
			   const struct registration *registration)
{
	if (registration == NULL)
		return false;
	return reservation_is_of_all(reservations->type) || reservations->holder == registration;
}

int reservation_register(struct reservations *reservations, const char *initiator, uint16_t port,
			 uint64_t key, struct registration **out)
{
	size_t length = strlen(initiator);
	struct registration *registration;

	if (reservations->count >= REGISTRATIONS_MAX || length > INITIATOR_PORT_MAX)
		return -ENOSPC;
	registration = calloc(1, sizeof(*registration) + length + 1);
	if (registration == NULL)
		return -ENOMEM;
	registration->key = key;
	registration->port = port;
	memcpy(registration->initiator, initiator, length + 1);
	list_node_init(&registration->link);
	list_push_back(&reservations->registered, &registration->link);
	reservations->count++;
	*out = registration;
	return 0;
}

void reservation_unregister(struct reservations *reservations, struct registration *registration,
			    struct list *gone)
{
	list_remove(&registration->link);
	reservations->count--;
	if (reservations->holder == registration || reservations->count == 0) {
		reservations->holder = NULL;
		reservations->type = RESERVATION_NONE;
	}
	if (gone != NULL)
		list_push_back(gone, &registration->link);
	else
		free(registration);
}

/* ---- verdicts ----------------------------------------------------------------------- */

uint8_t reservation_needs(const struct reservations *reservations, const struct scsi_nexus *nexus)
{
	const struct registration *registration;
	uint8_t needed = 0;

	if (reservations->is_lost)
		return PERMIT_LOST;
	if (reservations->reserved_by != NULL && reservations->reserved_by != nexus)
		needed |= PERMIT_RESERVED;
	if (reservations->type == RESERVATION_NONE)
		return needed;
	registration = reservation_find_nexus(reservations, nexus);
	if (reservation_is_holder(reservations, registration))
		return needed;
	if (registration != NULL && reservation_is_for_registrants(reservations->type))
		return needed;
	return needed | (is_write_exclusive(reservations->type) ? PERMIT_WRITE_EXCLUSIVE
								: PERMIT_EXCLUSIVE_ACCESS);
}

/* ---- over a power loss ---------------------------------------------------------------- */

/*
 * Form 1: form, type, number of registrations (2 bytes); then for each: key (8), relative
 * target port (2), whether it is the holder (1), length of the initiator port's name (2), name.
 */
enum { BLOB_FORM = 1 };

size_t reservation_save(const struct reservations *reservations, uint8_t blob[RESERVATION_BLOB_MAX])
{
	struct list_node *node;
	struct cursor out = cursor_writer(blob, RESERVATION_BLOB_MAX);

	if (!reservations->persists)
		return 0;
	cursor_put_u8(&out, BLOB_FORM);
	cursor_put_u8(&out, reservations->type);
	cursor_put_u16(&out, (uint16_t)reservations->count);
	LIST_FOR_EACH(node, &reservations->registered)
	{
		const struct registration *one = container_of(node, struct registration, link);
		size_t length = strlen(one->initiator);

		cursor_put_u64(&out, one->key);
		cursor_put_u16(&out, one->port);
		cursor_put_u8(&out, one == reservations->holder);
		cursor_put_u16(&out, (uint16_t)length);
		cursor_put_bytes(&out, one->initiator, length);
	}
	assert(!cursor_failed(&out));
	return cursor_offset(&out);
}

static int load_one(struct reservations *reservations, struct cursor *in)
{
	uint64_t key = cursor_get_u64(in);
	uint16_t port = cursor_get_u16(in);
	bool holds = cursor_get_u8(in) != 0;
	uint16_t length = cursor_get_u16(in);
	char name[INITIATOR_PORT_MAX + 1];
	struct registration *registration;
	int rc;

	if (cursor_failed(in) || length > INITIATOR_PORT_MAX || key == 0)
		return -EBADMSG;
	cursor_get_bytes(in, name, length);
	name[length] = '\0';
	if (cursor_failed(in) || strlen(name) != length)
		return -EBADMSG;
	if (reservation_find(reservations, name, port) != NULL ||
	    (holds && reservations->holder != NULL))
		return -EBADMSG;
	rc = reservation_register(reservations, name, port, key, &registration);
	if (rc == 0 && holds)
		reservations->holder = registration;
	return rc == -ENOSPC ? -EBADMSG : rc;
}

/* Whether type and holder go together. */
static bool is_consistent(const struct reservations *reservations)
{
	if (reservations->type == RESERVATION_NONE)
		return reservations->holder == NULL;
	if (!reservation_type_is_valid(reservations->type) || reservations->count == 0)
		return false;
	return reservation_is_of_all(reservations->type) == (reservations->holder == NULL);
}

int reservation_load(struct reservations *reservations, const uint8_t *blob, size_t length)
{
	struct cursor in = cursor_reader(blob, length);
	uint8_t form = cursor_get_u8(&in);
	unsigned count;
	int rc = 0;

	reservations->type = cursor_get_u8(&in);
	count = cursor_get_u16(&in);
	if (cursor_failed(&in) || form != BLOB_FORM)
		rc = -EBADMSG;
	while (rc == 0 && count-- > 0)
		rc = load_one(reservations, &in);
	if (rc == 0 && (cursor_remaining(&in) != 0 || !is_consistent(reservations)))
		rc = -EBADMSG;
	if (rc != 0) {
		reservations_free(reservations);
		return rc;
	}
	reservations->persists = true;
	reservations->is_kept = true;
	return 0;
}

void reservation_restore(struct scsi_lu *lu)
{
	uint8_t *blob;
	ssize_t length;
	int rc = -ENOMEM;

	if (lu->keeper == NULL)
		return;
	blob = malloc(RESERVATION_BLOB_MAX);
	length = blob != NULL ? lu_load(lu, RESERVATION_BLOB_NAME, blob, RESERVATION_BLOB_MAX)
			      : -ENOMEM;
	if (length >= 0)
		rc = reservation_load(&lu->reservations, blob, (size_t)length);
	else
		rc = (int)length;
	free(blob);
	if (rc == 0 || rc == -ENOENT)
		return;
	lu->reservations.is_lost = true;
	log_error("the reservations of the logical unit %s cannot be restored: %s; it refuses "
		  "commands until an initiator replaces them (REPLACE LOST RESERVATION)",
		  lu->serial, strerror(-rc));
}
