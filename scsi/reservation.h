/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reservations of a logical unit: registrations and the persistent reservation
 * (SPC-5 section 5.13), and that of RESERVE and RELEASE (SPC-2 section 5.5). What
 * they are; the commands that change them are in pr_out.c and reserve6.c. All of
 * it under lu->control.
 *
 * A registration is of an I_T nexus: by the names of its ports, because it outlives
 * sessions, and with APTPL restarts.
 */
#ifndef PINION_SCSI_RESERVATION_H
#define PINION_SCSI_RESERVATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct scsi_lu;
struct scsi_nexus;

#define REGISTRATIONS_MAX     512 /* of one logical unit */
#define INITIATOR_PORT_MAX    240 /* characters: an iSCSI name, ",i,0x" and an ISID */
#define RESERVATION_BLOB_MAX  (16 + REGISTRATIONS_MAX * (13 + INITIATOR_PORT_MAX))
#define RESERVATION_BLOB_NAME "reservations"

/* As the TYPE field of the commands has them. */
enum reservation_type {
	RESERVATION_NONE = 0,
	RESERVATION_WRITE_EXCLUSIVE = 1,
	RESERVATION_EXCLUSIVE_ACCESS = 3,
	RESERVATION_WRITE_EXCLUSIVE_REGISTRANTS = 5,
	RESERVATION_EXCLUSIVE_ACCESS_REGISTRANTS = 6,
	RESERVATION_WRITE_EXCLUSIVE_ALL = 7,
	RESERVATION_EXCLUSIVE_ACCESS_ALL = 8,
};

struct registration {
	struct list_node link;
	uint64_t key; /* not 0 */
	uint16_t port; /* relative target port identifier */
	char initiator[]; /* SCSI port name */
};

struct reservations {
	struct list registered;
	unsigned count;
	uint8_t type; /* enum reservation_type */
	/* Where all registrants hold it, and where there is none, NULL. */
	struct registration *holder;
	uint32_t generation; /* PRgeneration */
	bool persists; /* APTPL: is kept over a power loss */
	bool is_kept; /* the keeper has something of it */
	bool is_lost; /* and it cannot be read: nobody can say who may do what */
	const struct scsi_nexus *reserved_by; /* by RESERVE, or NULL */
};

bool reservation_type_is_valid(uint8_t type);
/* Of those types whose registrants may all do what the holder may. */
bool reservation_is_for_registrants(uint8_t type);
/* Of those types that all registrants hold. */
bool reservation_is_of_all(uint8_t type);

void reservations_init(struct reservations *reservations);
void reservations_free(struct reservations *reservations);

struct registration *reservation_find(const struct reservations *reservations,
				      const char *initiator, uint16_t port);
/* The registration of NEXUS, or NULL. */
struct registration *reservation_find_nexus(const struct reservations *reservations,
					    const struct scsi_nexus *nexus);
/* Whether REGISTRATION (or NULL) holds the persistent reservation. */
bool reservation_is_holder(const struct reservations *reservations,
			   const struct registration *registration);

/* 0, or -ENOMEM, or -ENOSPC where there are too many. At the end of the list. */
int reservation_register(struct reservations *reservations, const char *initiator, uint16_t port,
			 uint64_t key, struct registration **out);
/*
 * Ends REGISTRATION, and the reservation with it where it was the (last) holder. It goes to
 * the list GONE, or is freed where that is NULL.
 */
void reservation_unregister(struct reservations *reservations, struct registration *registration,
			    struct list *gone);
void registrations_free(struct list *list);

/* The permits (access.h) that a command of NEXUS needs. */
uint8_t reservation_needs(const struct reservations *reservations, const struct scsi_nexus *nexus);

/* --- over a power loss --- */

/* Writes what is to be kept into BLOB; its bytes, 0 where nothing is to be kept. */
size_t reservation_save(const struct reservations *reservations,
			uint8_t blob[RESERVATION_BLOB_MAX]);
/* Fills RESERVATIONS, which are empty. 0; -EBADMSG (then they are empty still) or -ENOMEM. */
int reservation_load(struct reservations *reservations, const uint8_t *blob, size_t length);
/* The same from LU's keeper, while LU is being made. What cannot be had is lost. */
void reservation_restore(struct scsi_lu *lu);

/* --- RESERVE and RELEASE; reserve6.c --- */

/* With the control lock. */
void reserve6_nexus_lost(struct scsi_lu *lu, const struct scsi_nexus *nexus);
/* A reset of the logical unit. Takes the lock. */
void reserve6_reset(struct scsi_lu *lu);

#endif
