/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CHAP as iSCSI uses it (RFC 7143 section 12.1.3, RFC 1994): the target's side of
 * one exchange. Text in, text out; it knows no PDUs, sessions or access lists, and
 * who has which secret is asked of the caller. The only part that knows the crypto
 * library is in chap.c.
 */
#ifndef PINION_ISCSI_CHAP_H
#define PINION_ISCSI_CHAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "proto/text.h"

#define CHAP_DIGEST_MAX 32
#define CHAP_CHALLENGE_MAX 1024	/* bytes that a peer may send (12.1.3) */
#define CHAP_NAME_MAX 255
#define CHAP_SECRET_MAX 255

/* What CHAP_A calls them, and their order in chap_methods. */
enum {
	CHAP_MD5 = 5,
	CHAP_SHA1 = 6,
	CHAP_SHA256 = 7,
	CHAP_SHA3_256 = 8,
};

struct chap_method {
	uint8_t number;
	uint8_t length;		/* of the digest, and of the challenges that we send */
	bool is_fips;		/* allowed where only FIPS 140's present hashes are */
	const char *name;	/* in the configuration */
	const char *library_name;
};

/* All of them, best first, ended by number 0. */
extern const struct chap_method chap_methods[];

/* The method with this number, or with this name; NULL when there is none. */
const struct chap_method *chap_method(unsigned number);
const struct chap_method *chap_method_named(const char *name);

/* Whether the crypto library computes METHOD on this machine. */
bool chap_method_works(const struct chap_method *method);

/* Names, secrets: of the initiator, or our own. */
struct chap_account {
	const char *name;
	const char *secret;
	size_t secret_length;
};

/*
 * The response to a challenge: METHOD of identifier, secret and challenge. 0, or
 * -EIO when the library cannot.
 */
int chap_response(const struct chap_method *method, uint8_t identifier,
		  const struct chap_account *account, const uint8_t *challenge, size_t length,
		  uint8_t out[CHAP_DIGEST_MAX]);

/* Whether two byte strings are the same, in a time that does not depend on where they differ. */
bool chap_equals(const void *a, const void *b, size_t length);
/* Overwrites, for good, what is secret. */
void chap_wipe(void *bytes, size_t length);
/* Unpredictable bytes: 0 or -EIO. */
int chap_random(void *bytes, size_t length);

/* Whom the exchange asks. */
struct chap_ops {
	/* The account of the initiator that calls itself NAME; NULL: nobody who may come in. */
	const struct chap_account *(*find)(void *context, const char *name);
	/* Ours for an initiator that wants us to prove who we are; NULL: we cannot. */
	const struct chap_account *(*own)(void *context);
	int (*random)(void *bytes, size_t length);
};

/* The keys, as bits of chap->come and as indices of what chap_step is given. */
enum chap_key { CHAP_KEY_A, CHAP_KEY_I, CHAP_KEY_C, CHAP_KEY_N, CHAP_KEY_R, CHAP_KEY_COUNT };

enum chap_state {
	CHAP_WANTS_ALGORITHM,	/* waits for CHAP_A */
	CHAP_WANTS_RESPONSE,	/* has sent CHAP_A, CHAP_I, CHAP_C; waits for CHAP_N, CHAP_R */
	CHAP_DONE,
};

struct chap {
	const struct chap_ops *ops;
	void *context;
	const uint8_t *algorithms;	/* numbers, ended by 0 */
	bool has_preference;		/* their order decides, not that of the initiator's list */
	enum chap_state state;
	const struct chap_method *method;
	uint8_t identifier;
	uint8_t challenge[CHAP_DIGEST_MAX];
	/* of the answer, which may come in pieces */
	uint8_t come;			/* bits by enum chap_key */
	uint8_t their_identifier;
	uint16_t their_challenge_length;
	uint8_t response_length;
	uint8_t response[CHAP_DIGEST_MAX];
	uint8_t their_challenge[CHAP_CHALLENGE_MAX];
	char name[CHAP_NAME_MAX + 1];
	char error[160];		/* after a failure: why, for the log */
};

/* OPS, CONTEXT and ALGORITHMS must outlive it. */
void chap_init(struct chap *chap, const struct chap_ops *ops, void *context,
	       const uint8_t *algorithms, bool has_preference);

/*
 * Goes on with the keys of one request, of which PAIRS has those whose bit in PRESENT is
 * set, and appends what is to be answered to ANSWER. Returns 0 (see chap->state), or the
 * login status that the failure deserves with chap->error saying why.
 */
int chap_step(struct chap *chap, const struct text_pair pairs[CHAP_KEY_COUNT], unsigned present,
	      struct cursor *answer);

#endif
