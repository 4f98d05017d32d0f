/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a login may go on: access lists and the keys of the security stage
 * (RFC 7143 sections 6.3.2 and 12.1) together. What a login has of it, and what
 * it does with each request.
 */
#ifndef PINION_ISCSI_AUTH_H
#define PINION_ISCSI_AUTH_H

#include "iscsi/access.h"
#include "iscsi/chap.h"
#include "iscsi/negotiate.h"

enum auth_state {
	AUTH_OPEN,		/* nothing is asked for */
	AUTH_WANTED,		/* AuthMethod must be negotiated to CHAP */
	AUTH_CHAP,		/* CHAP is under way */
	AUTH_DONE,		/* he is who he says */
};

struct auth {
	enum auth_state state;
	bool is_settled;	/* AuthMethod has been answered */
	const struct iscsi_access *access;	/* NULL: everybody may come in */
	struct access_subject subject;
	struct ip ip;			/* of the subject */
	const struct access_rule *rule;	/* that lets him in; NULL without access */
	const struct chap_account *account;	/* as which */
	struct chap chap;
};

/*
 * The initiator has said who it is and what it wants: SUBJECT and what decides about that.
 * Returns 0, or ISCSI_LOGIN_AUTHORIZATION_FAILURE. ALGORITHMS and HAS_PREFERENCE as
 * for chap_init.
 */
int auth_begin(struct auth *auth, const struct iscsi_access *access,
	       const struct access_subject *subject, const uint8_t *algorithms,
	       bool has_preference);

/*
 * Goes on with the security keys that NEGOTIATION has set aside. Returns 0, or the login status
 * that the failure deserves with the reason in negotiation->error.
 */
int auth_step(struct auth *auth, struct negotiation *negotiation, struct cursor *answer);

/* Whether nothing stands in the way of the next stage. */
static inline bool auth_is_over(const struct auth *auth)
{
	return auth->state == AUTH_OPEN || auth->state == AUTH_DONE;
}

/* " as alice by CHAP with SHA3-256", or "", for the log, in OUT. */
const char *auth_describe(const struct auth *auth, char *out, size_t size);

#endif
