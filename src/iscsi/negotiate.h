/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The negotiation engine: text of one side in, answer text out, results kept by
 * key (RFC 7143 section 6.2). It knows the key table and nothing of PDUs,
 * sessions or connections.
 */
#ifndef PINION_ISCSI_NEGOTIATE_H
#define PINION_ISCSI_NEGOTIATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "iscsi/keys.h"
#include "proto/names.h"
#include "proto/text.h"

#define NEGOTIATE_PAIRS_MAX 128		/* in one request, joined over the C bit */
#define NEGOTIATE_TEXT_MAX 16384	/* bytes of one, and of an answer */
#define NEGOTIATE_ALIAS_MAX 255
#define NEGOTIATE_SEND_TARGETS_MAX 255
#define NEGOTIATE_SECURITY (KEY_CHAP_R - KEY_AUTH_METHOD + 1)

/*
 * What we want of each key: of a boolean 0 or 1, of a number the value to
 * combine with the offer, of a list a mask of the choices that are allowed.
 */
struct negotiate_policy {
	uint32_t ours[KEY_COUNT];
	bool max_recv_negotiated;	/* MaxRecvDataSegmentLength is to be declared */
};

struct negotiation {
	const struct negotiate_policy *policy;
	/* Called when target_name is there: POLICY may change. Optional. */
	void (*target_named)(struct negotiation *negotiation);
	uint32_t value[KEY_COUNT];	/* the result, or the default as long as there is none */
	uint64_t settled;	/* bit by key: has been negotiated or declared by the peer */
	uint64_t offered;	/* bit by key: our offer waits for its answer */
	uint64_t declared;	/* bit by key: we have declared it */
	char initiator_name[NAME_LEN_MAX + 1];
	char target_name[NAME_LEN_MAX + 1];
	char initiator_alias[NEGOTIATE_ALIAS_MAX + 1];
	char send_targets[NEGOTIATE_SEND_TARGETS_MAX + 1];
	bool has_send_targets;
	/* Of the last request, as long as its text is there: AuthMethod, then CHAP's keys. */
	struct text_pair security[NEGOTIATE_SECURITY];
	unsigned security_present;	/* bit by index */
	bool joins;		/* the connection is not the first of its session */
	char error[160];	/* after a failure: why, for the log */
};

/* Everything at its default. POLICY must outlive it. */
void negotiate_init(struct negotiation *negotiation, const struct negotiate_policy *policy);

/*
 * Evaluates the LEN bytes at TEXT, received in PHASE (one of KEY_IN_SECURITY,
 * KEY_IN_OPERATIONAL, KEY_IN_FULL_FEATURE; with KEY_ONCE_LEADING in the first
 * request of a login), and appends what is to be answered to ANSWER. Returns 0,
 * or the login status (class and detail) that the failure deserves, with
 * negotiation->error saying why; in full feature phase any such is a protocol error.
 * The keys of the security stage are only set aside.
 */
int negotiate_text(struct negotiation *negotiation, unsigned phase, const void *text, size_t len,
		   struct cursor *answer);

/*
 * Appends offers for what has not been spoken of and whose default we do not
 * want. Returns how many: the answer must then come before the stage can end.
 */
unsigned negotiate_offer(struct negotiation *negotiation, struct cursor *answer);

/* Whether every result is one that we can live with: 0, or a login status. */
int negotiate_conclude(struct negotiation *negotiation);

static inline bool negotiate_is_settled(const struct negotiation *negotiation, enum key_id id)
{
	return (negotiation->settled >> id & 1) != 0;
}

static inline bool negotiate_is_discovery(const struct negotiation *negotiation)
{
	return negotiation->value[KEY_SESSION_TYPE] == SESSION_DISCOVERY;
}

_Static_assert(KEY_COUNT <= 64, "settled and offered have a bit for each key");

#endif
