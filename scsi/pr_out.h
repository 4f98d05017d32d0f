/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PERSISTENT RESERVE OUT (SPC-5 sections 5.13 and 6.17) on its way through three files: pr_list.c
 * makes a request of the parameter list, pr_register.c has the service actions by which nexuses
 * become registered, pr_out.c the others, and what comes before and after all of them.
 */
#ifndef PINION_SCSI_PR_OUT_H
#define PINION_SCSI_PR_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "scsi/reservation.h"

enum pr_action {
	PR_REGISTER = 0x00,
	PR_RESERVE = 0x01,
	PR_RELEASE = 0x02,
	PR_CLEAR = 0x03,
	PR_PREEMPT = 0x04,
	PR_PREEMPT_AND_ABORT = 0x05,
	PR_REGISTER_AND_IGNORE = 0x06,
	PR_REGISTER_AND_MOVE = 0x07,
	PR_REPLACE_LOST = 0x08,
};

/* The parameter list, and that of REGISTER AND MOVE. */
enum {
	PR_LIST_LENGTH = 24, /* without TransportIDs */
	PR_LIST_MAX = 65536,
	PR_ACTION_KEY_AT = 8,
	PR_FLAGS_AT = 20,
	PR_IDS_AT = 28, /* behind their length */
	PR_MOVE_FLAGS_AT = 17,
	PR_MOVE_PORT_AT = 18,
	PR_MOVE_IDS_AT = 24,
};

enum pr_verdict {
	PR_GOOD,
	PR_CONFLICT,
	PR_BAD_SCOPE, /* of the CDB */
	PR_BAD_TYPE,
	PR_BAD_RELEASE, /* the reservation is not of this scope and type */
	PR_BAD_LENGTH,
	PR_BAD_LIST, /* at request->byte and ->bit */
	PR_NO_RESOURCES,
};

struct pr_initiator {
	char name[INITIATOR_PORT_MAX + 1];
	bool is_device; /* all of its ports that are here */
};

/* What an initiator asks for, and what came of it. */
struct pr_request {
	struct scsi_lu *lu;
	struct reservations *reservations;
	const struct scsi_nexus *nexus;
	uint8_t action; /* enum pr_action */
	uint8_t scope, type;
	uint64_t key, action_key;
	bool spec_i_pt, all_tg_pt, aptpl, unregister;
	uint16_t port; /* that a reservation moves to */
	struct pr_initiator *ids;
	unsigned id_count;
	/* where the list is wrong */
	uint16_t byte;
	uint8_t bit;
	/* under the control lock */
	struct registration *own; /* of the nexus that asks, or NULL */
	struct list gone; /* registrations that were preempted or cleared */
	bool aborts; /* the commands of their nexuses end */
};

/* PR_BAD_LIST, for a wrong byte and its bit, or SENSE_NO_BIT. */
enum pr_verdict pr_bad_list(struct pr_request *request, unsigned byte, unsigned bit);

/* Reads the list, LENGTH bytes and at least PR_LIST_LENGTH. The caller frees request->ids. */
enum pr_verdict pr_parse_list(struct pr_request *request, const uint8_t *list, uint32_t length);

/* --- with the control lock --- */

/* Whether the nexus that asks is registered with the key that it says. */
bool pr_has_key(const struct pr_request *request);
/* Those that stay registered hear that a reservation of TYPE is no more, where they had a part. */
void pr_tell_released(struct pr_request *request, uint8_t type);

/* Service actions; each is done as a whole or not at all. */
enum pr_verdict pr_register(struct pr_request *request); /* and REGISTER AND IGNORE EXISTING KEY */
enum pr_verdict pr_move(struct pr_request *request);
enum pr_verdict pr_replace_lost(struct pr_request *request);

#endif
