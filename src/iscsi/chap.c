/* SPDX-License-Identifier: BSD-2-Clause */
/* The target's side of CHAP; see iscsi/chap.h. */
#include "iscsi/chap.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "proto/opcode.h"

/* --- the hash functions ------------------------------------------------------------ */

const struct chap_method chap_methods[] = {
	{ CHAP_SHA3_256, 32, true, "sha3-256", "SHA3-256" },
	{ CHAP_SHA256, 32, true, "sha-256", "SHA256" },
	{ CHAP_SHA1, 20, false, "sha-1", "SHA1" },
	{ CHAP_MD5, 16, false, "md5", "MD5" },
	{ .number = 0 },
};

const struct chap_method *chap_method(unsigned number)
{
	const struct chap_method *method;

	for (method = chap_methods; method->number != 0; method++)
		if (method->number == number)
			return method;
	return NULL;
}

const struct chap_method *chap_method_named(const char *name)
{
	const struct chap_method *method;

	for (method = chap_methods; method->number != 0; method++)
		if (strcmp(method->name, name) == 0)
			return method;
	return NULL;
}

static int digest(const struct chap_method *method, const void *bytes, size_t length,
		  uint8_t out[CHAP_DIGEST_MAX])
{
	EVP_MD *md = EVP_MD_fetch(NULL, method->library_name, NULL);
	unsigned made = 0;
	int ok = md != NULL && EVP_MD_get_size(md) == method->length &&
		 EVP_Digest(bytes, length, out, &made, md, NULL);

	EVP_MD_free(md);
	return ok && made == method->length ? 0 : -EIO;
}

bool chap_method_works(const struct chap_method *method)
{
	uint8_t out[CHAP_DIGEST_MAX];

	return digest(method, "", 0, out) == 0;
}

int chap_response(const struct chap_method *method, uint8_t identifier,
		  const struct chap_account *account, const uint8_t *challenge, size_t length,
		  uint8_t out[CHAP_DIGEST_MAX])
{
	uint8_t text[1 + CHAP_SECRET_MAX + CHAP_CHALLENGE_MAX];
	size_t used = 1 + account->secret_length;
	int err;

	if (account->secret_length > CHAP_SECRET_MAX || length > CHAP_CHALLENGE_MAX)
		return -EIO;
	text[0] = identifier;
	memcpy(text + 1, account->secret, account->secret_length);
	memcpy(text + used, challenge, length);
	err = digest(method, text, used + length, out);
	OPENSSL_cleanse(text, sizeof(text));
	return err;
}

bool chap_equals(const void *a, const void *b, size_t length)
{
	return CRYPTO_memcmp(a, b, length) == 0;
}

void chap_wipe(void *bytes, size_t length)
{
	OPENSSL_cleanse(bytes, length);
}

int chap_random(void *bytes, size_t length)
{
	return RAND_bytes(bytes, (int)length) == 1 ? 0 : -EIO;
}

/* --- the exchange ------------------------------------------------------------------- */

#define BIT(key) (1u << (key))

static const char *const key_names[CHAP_KEY_COUNT] = {
	[CHAP_KEY_A] = "CHAP_A", [CHAP_KEY_I] = "CHAP_I", [CHAP_KEY_C] = "CHAP_C",
	[CHAP_KEY_N] = "CHAP_N", [CHAP_KEY_R] = "CHAP_R",
};

void chap_init(struct chap *chap, const struct chap_ops *ops, void *context,
	       const uint8_t *algorithms, bool has_preference)
{
	memset(chap, 0, sizeof(*chap));
	chap->ops = ops;
	chap->context = context;
	chap->algorithms = algorithms;
	chap->has_preference = has_preference;
}

__attribute__((format(printf, 3, 4)))
static int fail(struct chap *chap, int status, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(chap->error, sizeof(chap->error), format, arguments);
	va_end(arguments);
	return status;
}

/* Whether the peer's list has NUMBER. */
static bool list_has(const struct text_pair *pair, unsigned number)
{
	struct text_list list;
	const char *item;
	uint64_t value;
	size_t len;

	text_list_init(&list, pair->value, pair->value_len);
	while (text_list_next(&list, &item, &len))
		if (text_parse_number(item, len, &value) == 0 && value == number)
			return true;
	return false;
}

static const struct chap_method *our_first(const struct chap *chap, const struct text_pair *pair)
{
	const uint8_t *number;

	for (number = chap->algorithms; *number != 0; number++)
		if (list_has(pair, *number))
			break;
	return chap_method(*number);
}

/* The first of the list that is supported (section 6.2.1). */
static const struct chap_method *their_first(const struct chap *chap, const struct text_pair *pair)
{
	struct text_list list;
	const char *item;
	uint64_t value;
	size_t len;

	text_list_init(&list, pair->value, pair->value_len);
	while (text_list_next(&list, &item, &len))
		if (text_parse_number(item, len, &value) == 0 && value != 0 && value <= 255 &&
		    strchr((const char *)chap->algorithms, (int)value) != NULL)
			return chap_method((unsigned)value);
	return NULL;
}

static int take_algorithm(struct chap *chap, const struct text_pair *pair)
{
	chap->method = chap->has_preference ? our_first(chap, pair) : their_first(chap, pair);
	if (chap->method == NULL)
		return fail(chap, ISCSI_LOGIN_AUTHENTICATION_FAILURE,
			    "no CHAP algorithm in common (CHAP_A=%.*s)",
			    (int)min_t(size_t, pair->value_len, 64), pair->value);
	return 0;
}

static int take_identifier(struct chap *chap, const struct text_pair *pair)
{
	uint64_t value;

	if (text_parse_number(pair->value, pair->value_len, &value) != 0 || value > 255)
		return fail(chap, ISCSI_LOGIN_INITIATOR_ERROR, "CHAP_I is not 0 to 255");
	chap->their_identifier = (uint8_t)value;
	return 0;
}

static int take_challenge(struct chap *chap, const struct text_pair *pair)
{
	size_t length;

	if (text_parse_binary(pair->value, pair->value_len, chap->their_challenge,
			      sizeof(chap->their_challenge), &length) != 0)
		return fail(chap, ISCSI_LOGIN_INITIATOR_ERROR,
			    "CHAP_C is no binary value of 1 to %d bytes", CHAP_CHALLENGE_MAX);
	chap->their_challenge_length = (uint16_t)length;
	return 0;
}

/* Plain text, whatever it looks like: names may begin with 0x or 0b. */
static int take_name(struct chap *chap, const struct text_pair *pair)
{
	if (pair->value_len == 0 || pair->value_len > CHAP_NAME_MAX)
		return fail(chap, ISCSI_LOGIN_INITIATOR_ERROR, "CHAP_N is not 1 to %d bytes long",
			    CHAP_NAME_MAX);
	memcpy(chap->name, pair->value, pair->value_len);
	chap->name[pair->value_len] = '\0';
	return 0;
}

static int take_response(struct chap *chap, const struct text_pair *pair)
{
	size_t length;

	if (text_parse_binary(pair->value, pair->value_len, chap->response,
			      sizeof(chap->response), &length) != 0)
		return fail(chap, ISCSI_LOGIN_AUTHENTICATION_FAILURE,
			    "CHAP_R is no binary value of %u bytes", chap->method->length);
	chap->response_length = (uint8_t)length;
	return 0;
}

static int (*const takers[CHAP_KEY_COUNT])(struct chap *chap, const struct text_pair *pair) = {
	[CHAP_KEY_A] = take_algorithm, [CHAP_KEY_I] = take_identifier,
	[CHAP_KEY_C] = take_challenge, [CHAP_KEY_N] = take_name, [CHAP_KEY_R] = take_response,
};

/* CHAP_A=... has come: our choice and our challenge. */
static int challenge(struct chap *chap, struct cursor *answer)
{
	uint8_t length = chap->method->length;

	if (chap->ops->random(&chap->identifier, 1) != 0 ||
	    chap->ops->random(chap->challenge, length) != 0)
		return fail(chap, ISCSI_LOGIN_TARGET_ERROR, "no random numbers for a challenge");
	text_put_number(answer, "CHAP_A", chap->method->number);
	text_put_number(answer, "CHAP_I", chap->identifier);
	text_put_hex(answer, "CHAP_C", chap->challenge, length);
	return 0;
}

/* Nobody's, so that an unknown name takes as long to refuse as a wrong secret. */
static const struct chap_account nobody = {
	.name = "", .secret = "no account", .secret_length = sizeof("no account") - 1,
};

static int verify(struct chap *chap)
{
	const struct chap_account *account = chap->ops->find(chap->context, chap->name);
	uint8_t expected[CHAP_DIGEST_MAX];
	bool is_right;

	if (chap_response(chap->method, chap->identifier, account != NULL ? account : &nobody,
			  chap->challenge, chap->method->length, expected) != 0)
		return fail(chap, ISCSI_LOGIN_TARGET_ERROR, "the crypto library fails");
	is_right = chap->response_length == chap->method->length &&
		   chap_equals(expected, chap->response, chap->method->length);
	chap_wipe(expected, sizeof(expected));
	if (account == NULL)
		return fail(chap, ISCSI_LOGIN_AUTHENTICATION_FAILURE,
			    "account \"%.64s\" is not admitted", chap->name);
	if (!is_right)
		return fail(chap, ISCSI_LOGIN_AUTHENTICATION_FAILURE,
			    "wrong secret for account \"%.64s\"", chap->name);
	return 0;
}

/* We prove who we are, to an initiator that has done so. */
static int prove(struct chap *chap, struct cursor *answer)
{
	const struct chap_account *own = chap->ops->own(chap->context);
	uint8_t response[CHAP_DIGEST_MAX];

	if (own == NULL)
		return fail(chap, ISCSI_LOGIN_AUTHENTICATION_FAILURE,
			    "the initiator wants mutual authentication, which is not set up");
	/* 12.1.3: else whoever cannot answer a challenge has it answered by whom he challenges. */
	if (chap->their_challenge_length == chap->method->length &&
	    chap_equals(chap->their_challenge, chap->challenge, chap->method->length))
		return fail(chap, ISCSI_LOGIN_AUTHENTICATION_FAILURE,
			    "the initiator's challenge is our own: reflection");
	if (chap_response(chap->method, chap->their_identifier, own, chap->their_challenge,
			  chap->their_challenge_length, response) != 0)
		return fail(chap, ISCSI_LOGIN_TARGET_ERROR, "the crypto library fails");
	text_put(answer, "CHAP_N", own->name);
	text_put_hex(answer, "CHAP_R", response, chap->method->length);
	return 0;
}

static int judge(struct chap *chap, struct cursor *answer)
{
	unsigned mutual = chap->come & (BIT(CHAP_KEY_I) | BIT(CHAP_KEY_C));
	int status = verify(chap);

	if (status != 0 || mutual == 0)
		return status;
	if (mutual != (BIT(CHAP_KEY_I) | BIT(CHAP_KEY_C)))
		return fail(chap, ISCSI_LOGIN_INITIATOR_ERROR, "CHAP_I and CHAP_C belong together");
	return prove(chap, answer);
}

/* What each state takes, what it cannot do without, what it does then, and where that leads. */
static const struct row {
	uint8_t takes;
	uint8_t needs;
	int (*act)(struct chap *chap, struct cursor *answer);
	enum chap_state next;
} rows[] = {
	[CHAP_WANTS_ALGORITHM] = { BIT(CHAP_KEY_A), BIT(CHAP_KEY_A), challenge,
				   CHAP_WANTS_RESPONSE },
	[CHAP_WANTS_RESPONSE] = { BIT(CHAP_KEY_N) | BIT(CHAP_KEY_R) | BIT(CHAP_KEY_I) |
					  BIT(CHAP_KEY_C),
				  BIT(CHAP_KEY_N) | BIT(CHAP_KEY_R), judge, CHAP_DONE },
	[CHAP_DONE] = { 0, 0, NULL, CHAP_DONE },
};

int chap_step(struct chap *chap, const struct text_pair pairs[CHAP_KEY_COUNT], unsigned present,
	      struct cursor *answer)
{
	const struct row *row = &rows[chap->state];
	unsigned key;
	int status = 0;

	for (key = 0; key < CHAP_KEY_COUNT && status == 0; key++) {
		if (!(present & BIT(key)))
			continue;
		if (!(row->takes & BIT(key)) || (chap->come & BIT(key)))
			return fail(chap, ISCSI_LOGIN_INITIATOR_ERROR, "%s at the wrong time",
				    key_names[key]);
		chap->come |= BIT(key);
		status = takers[key](chap, &pairs[key]);
	}
	if (status != 0 || present == 0 || (chap->come & row->needs) != row->needs)
		return status;
	status = row->act(chap, answer);
	if (status == 0)
		chap->state = row->next;
	chap->come = 0;
	return status;
}
