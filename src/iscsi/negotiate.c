/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The negotiation engine; see iscsi/negotiate.h. Pairs are first collected by
 * key and then evaluated in the order of the key table, so that an answer does
 * not depend on the order in which the peer wrote them.
 */
#include "iscsi/negotiate.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "proto/opcode.h"
#include "proto/text.h"

#define BIT(id) (UINT64_C(1) << (id))

/* One request, as it is worked through. */
struct request {
	struct negotiation *negotiation;
	unsigned phase;
	struct cursor *answer;
	uint64_t present;
	struct text_pair pairs[KEY_COUNT];
};

void negotiate_init(struct negotiation *negotiation, const struct negotiate_policy *policy)
{
	unsigned id;

	memset(negotiation, 0, sizeof(*negotiation));
	negotiation->policy = policy;
	for (id = 0; id < KEY_COUNT; id++)
		negotiation->value[id] = keys[id].initial;
}

__attribute__((format(printf, 3, 4)))
static int fail(struct negotiation *negotiation, int status, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(negotiation->error, sizeof(negotiation->error), format, arguments);
	va_end(arguments);
	return status;
}

static int fail_pair(struct negotiation *negotiation, const struct text_pair *pair,
		     const char *why)
{
	return fail(negotiation, ISCSI_LOGIN_INITIATOR_ERROR, "%s in %.*s=%.*s", why,
		    (int)pair->key_len, pair->key, (int)min_t(size_t, pair->value_len, 64),
		    pair->value);
}

static bool value_is(const struct text_pair *pair, const char *expected)
{
	return text_equals(pair->value, pair->value_len, expected);
}

/* The constants that are never offers, only answers. */
static bool is_refusal(const struct text_pair *pair)
{
	return value_is(pair, "Reject") || value_is(pair, "NotUnderstood") ||
	       value_is(pair, "Irrelevant");
}

/* --- collecting --- */

static void answer_unknown(struct request *request, const struct text_pair *pair)
{
	char name[TEXT_KEY_LEN_MAX + 1];

	/* An answer to an answer would never end. */
	if (is_refusal(pair))
		return;
	memcpy(name, pair->key, pair->key_len);
	name[pair->key_len] = '\0';
	text_put(request->answer, name, "NotUnderstood");
}

static int collect_pair(struct request *request, const struct text_pair *pair)
{
	enum key_id id = key_find(pair->key, pair->key_len);

	if (id == KEY_COUNT) {
		answer_unknown(request, pair);
		return 0;
	}
	if (request->present & BIT(id))
		return fail_pair(request->negotiation, pair, "key given twice");
	request->present |= BIT(id);
	request->pairs[id] = *pair;
	return 0;
}

static int collect(struct request *request, const void *text, size_t len)
{
	struct text_iter iter;
	struct text_pair pair;
	unsigned count = 0;
	int err;

	text_iter_init(&iter, text, len);
	while ((err = text_iter_next(&iter, &pair)) == 1) {
		if (++count > NEGOTIATE_PAIRS_MAX)
			return fail(request->negotiation, ISCSI_LOGIN_OUT_OF_RESOURCES,
				    "more than %d keys in one request", NEGOTIATE_PAIRS_MAX);
		err = collect_pair(request, &pair);
		if (err != 0)
			return err;
	}
	if (err == -EAGAIN)
		return fail(request->negotiation, ISCSI_LOGIN_INITIATOR_ERROR,
			    "the last key=value is not terminated");
	if (err != 0)
		return fail(request->negotiation, ISCSI_LOGIN_INITIATOR_ERROR, "%s",
			    iter.error);
	return 0;
}

/* --- evaluating --- */

static bool is_moot(const struct negotiation *negotiation, const struct key *key)
{
	const uint32_t *value = negotiation->value;

	if ((key->moot & KEY_MOOT_DISCOVERY) && negotiate_is_discovery(negotiation))
		return true;
	if ((key->moot & KEY_MOOT_SOLICITED) && value[KEY_INITIAL_R2T] &&
	    !value[KEY_IMMEDIATE_DATA])
		return true;
	return (key->moot & KEY_MOOT_PLAIN) && !value[KEY_RDMA_EXTENSIONS];
}

/* The index of a choice, or -1. */
static int find_choice(const struct key *key, const char *item, size_t len)
{
	int i;

	for (i = 0; key->choices[i] != NULL; i++)
		if (text_equals(item, len, key->choices[i]))
			return i;
	return -1;
}

static bool parse_number(const struct key *key, const struct text_pair *pair, uint32_t *number)
{
	uint64_t parsed;

	if (text_parse_number(pair->value, pair->value_len, &parsed) != 0 || parsed < key->low ||
	    parsed > key->high)
		return false;
	*number = (uint32_t)parsed;
	return true;
}

/*
 * What we want of a key as things stand. A fence between the responses of several
 * connections (RFC 7143 section 4.2.3.3) is not kept: either several, or fences.
 */
static uint32_t ours_of(const struct negotiation *negotiation, enum key_id id)
{
	uint32_t ours = negotiation->policy->ours[id];

	if (id == KEY_ERROR_RECOVERY_LEVEL && negotiate_is_discovery(negotiation))
		return 0;
	if (id == KEY_TASK_REPORTING && negotiation->value[KEY_MAX_CONNECTIONS] > 1)
		return ours & 1u << REPORTING_RFC3720;
	if (id == KEY_MAX_CONNECTIONS &&
	    negotiation->value[KEY_TASK_REPORTING] != REPORTING_RFC3720)
		return 1;
	return ours;
}

/* The first item of the list that the policy allows, or -1. */
static int choose(const struct request *request, enum key_id id, const struct text_pair *pair)
{
	uint32_t allowed = ours_of(request->negotiation, id);
	struct text_list list;
	const char *item;
	size_t len;
	int choice;

	text_list_init(&list, pair->value, pair->value_len);
	while (text_list_next(&list, &item, &len)) {
		choice = find_choice(&keys[id], item, len);
		if (choice >= 0 && (allowed >> choice & 1))
			return choice;
	}
	return -1;
}

/*
 * The peer's part of a negotiated key as a value of ours: what it offers, or,
 * of a list, what we choose from it. False when it is not admissible.
 */
static bool parse_offer(const struct request *request, enum key_id id,
			const struct text_pair *pair, uint32_t *value)
{
	const struct key *key = &keys[id];
	bool yes;
	int choice;

	switch (key->type) {
	case KEY_TYPE_BOOL:
		if (text_parse_bool(pair->value, pair->value_len, &yes) != 0)
			return false;
		*value = yes;
		return true;
	case KEY_TYPE_NUMBER:
		return parse_number(key, pair, value);
	case KEY_TYPE_LIST:
		choice = choose(request, id, pair);
		*value = (uint32_t)choice;
		return choice >= 0;
	default:
		return false;
	}
}

/* The result function of a key (RFC 7143 section 6.2.2). */
static uint32_t combine(const struct negotiation *negotiation, enum key_id id, uint32_t offer)
{
	uint32_t ours = ours_of(negotiation, id);

	switch (keys[id].rule) {
	case KEY_RULE_OR:
		return offer | ours;
	case KEY_RULE_AND:
		return offer & ours;
	case KEY_RULE_MIN:
		/* 13.14: FirstBurstLength must not exceed MaxBurstLength. */
		if (id == KEY_FIRST_BURST_LENGTH)
			ours = min(ours, negotiation->value[KEY_MAX_BURST_LENGTH]);
		return min(offer, ours);
	case KEY_RULE_MAX:
		return max(offer, ours);
	default:
		return offer;
	}
}

static void put_value(struct cursor *answer, enum key_id id, uint32_t value)
{
	const struct key *key = &keys[id];

	if (key->type == KEY_TYPE_BOOL)
		text_put_bool(answer, key->name, value != 0);
	else if (key->type == KEY_TYPE_NUMBER)
		text_put_number(answer, key->name, value);
	else
		text_put(answer, key->name, key->choices[value]);
}

/* The answer to our own offer. */
static int evaluate_answer(struct request *request, enum key_id id)
{
	struct negotiation *negotiation = request->negotiation;
	const struct text_pair *pair = &request->pairs[id];
	uint32_t value;

	negotiation->offered &= ~BIT(id);
	negotiation->settled |= BIT(id);
	if (is_refusal(pair))
		return 0; /* the default stands; negotiate_conclude judges it */
	if (!parse_offer(request, id, pair, &value) || combine(negotiation, id, value) != value)
		return fail_pair(negotiation, pair, "answer that was not offered");
	negotiation->value[id] = value;
	return 0;
}

static int evaluate_negotiated(struct request *request, enum key_id id)
{
	struct negotiation *negotiation = request->negotiation;
	const struct text_pair *pair = &request->pairs[id];
	uint32_t offer;

	if (negotiation->offered & BIT(id))
		return evaluate_answer(request, id);
	if (is_refusal(pair))
		return fail_pair(negotiation, pair, "answer to what was not offered");
	if (negotiation->settled & BIT(id))
		return fail_pair(negotiation, pair, "key negotiated twice");
	if (!(request->phase & keys[id].where) ||
	    (negotiation->joins && (keys[id].where & KEY_OF_SESSION))) {
		text_put(request->answer, keys[id].name, "Reject");
		return 0;
	}
	negotiation->settled |= BIT(id);
	if (keys[id].rule == KEY_RULE_REJECT) {
		text_put(request->answer, keys[id].name, "Reject");
		return 0;
	}
	if (is_moot(negotiation, &keys[id])) {
		text_put(request->answer, keys[id].name, "Irrelevant");
		return 0;
	}
	if (!parse_offer(request, id, pair, &offer)) {
		if (id == KEY_HEADER_DIGEST || id == KEY_DATA_DIGEST)
			return fail_pair(negotiation, pair, "no digest in common");
		text_put(request->answer, keys[id].name, "Reject");
		return 0;
	}
	negotiation->value[id] = combine(negotiation, id, offer);
	put_value(request->answer, id, negotiation->value[id]);
	return 0;
}

static int copy_text(struct negotiation *negotiation, const struct text_pair *pair, char *out,
		     size_t size)
{
	if (pair->value_len >= size)
		return fail_pair(negotiation, pair, "value that is too long");
	memcpy(out, pair->value, pair->value_len);
	out[pair->value_len] = '\0';
	return 0;
}

static int declare_name(struct request *request, enum key_id id)
{
	struct negotiation *negotiation = request->negotiation;
	const struct text_pair *pair = &request->pairs[id];
	char *name = id == KEY_TARGET_NAME ? negotiation->target_name : negotiation->initiator_name;

	/*
	 * A name that nobody can have is not found, rather than an error of form: it is what the
	 * administrator of the initiator has misspelt.
	 */
	if (iscsi_name_accept(pair->value, pair->value_len, name) != 0)
		return fail(negotiation,
			    id == KEY_TARGET_NAME ? ISCSI_LOGIN_NOT_FOUND :
						    ISCSI_LOGIN_INITIATOR_ERROR,
			    "%s=%.*s is no iSCSI name", keys[id].name,
			    (int)min_t(size_t, pair->value_len, 64), pair->value);
	if (id == KEY_TARGET_NAME && negotiation->target_named != NULL)
		negotiation->target_named(negotiation);
	return 0;
}

static int declare_text(struct request *request, enum key_id id)
{
	struct negotiation *negotiation = request->negotiation;
	const struct text_pair *pair = &request->pairs[id];

	if (id == KEY_INITIATOR_ALIAS)
		return copy_text(negotiation, pair, negotiation->initiator_alias,
				 sizeof(negotiation->initiator_alias));
	if (id == KEY_SEND_TARGETS) {
		negotiation->has_send_targets = true;
		return copy_text(negotiation, pair, negotiation->send_targets,
				 sizeof(negotiation->send_targets));
	}
	return 0;
}

static int declare_value(struct request *request, enum key_id id)
{
	struct negotiation *negotiation = request->negotiation;
	const struct text_pair *pair = &request->pairs[id];
	const struct key *key = &keys[id];
	bool yes = false;
	int choice;

	switch (key->type) {
	case KEY_TYPE_NAME:
		return declare_name(request, id);
	case KEY_TYPE_TEXT:
		return declare_text(request, id);
	case KEY_TYPE_LIST:
		choice = find_choice(key, pair->value, pair->value_len);
		if (choice < 0)
			return fail(negotiation, ISCSI_LOGIN_SESSION_TYPE_NOT_SUPPORTED,
				    "unknown SessionType");
		negotiation->value[id] = (uint32_t)choice;
		return 0;
	case KEY_TYPE_NUMBER:
		if (!parse_number(key, pair, &negotiation->value[id]))
			return fail_pair(negotiation, pair, "value out of range");
		return 0;
	default:
		if (text_parse_bool(pair->value, pair->value_len, &yes) != 0)
			return fail_pair(negotiation, pair, "neither Yes nor No");
		negotiation->value[id] = yes;
		return 0;
	}
}

/*
 * RFC 7145 section 6.6: who says how many PDUs it takes beside the answers to its requests is told
 * how many we take beside the command window. What we send unasked is hardly ever more than the 2
 * that are the least it can say: a NOP-In, and an Asynchronous Message.
 */
static void declare_in_turn(struct request *request, enum key_id id)
{
	struct negotiation *negotiation = request->negotiation;
	uint32_t ours = negotiation->policy->ours[id];

	if (id != KEY_MAX_UNEXPECTED_PDUS || ours == 0)
		return;
	negotiation->declared |= BIT(id);
	put_value(request->answer, id, ours);
}

static int evaluate_declared(struct request *request, enum key_id id)
{
	struct negotiation *negotiation = request->negotiation;
	const struct text_pair *pair = &request->pairs[id];
	const struct key *key = &keys[id];

	if (is_refusal(pair) && (negotiation->declared & BIT(id)))
		return 0; /* the peer does not care for what we said */
	if (!(key->from & KEY_FROM_INITIATOR))
		return fail_pair(negotiation, pair, "key that only a target sends");
	if (!(request->phase & key->where & KEY_ANYWHERE) ||
	    ((key->where & KEY_ONCE_LEADING) && !(request->phase & KEY_ONCE_LEADING)))
		return fail_pair(negotiation, pair, "key at the wrong time");
	if ((negotiation->settled & BIT(id)) && !(request->phase & KEY_IN_FULL_FEATURE))
		return fail_pair(negotiation, pair, "key declared twice");
	negotiation->settled |= BIT(id);
	if (is_moot(negotiation, key))
		return 0;
	declare_in_turn(request, id);
	return declare_value(request, id);
}

/* AuthMethod outside its stage is answered, as any offer is; an exchange of CHAP cannot be. */
static int evaluate_security(struct request *request, enum key_id id)
{
	struct negotiation *negotiation = request->negotiation;
	const struct text_pair *pair = &request->pairs[id];

	if (request->phase & KEY_IN_SECURITY) {
		negotiation->security[id - KEY_AUTH_METHOD] = *pair;
		negotiation->security_present |= 1u << (id - KEY_AUTH_METHOD);
		return 0;
	}
	if (id != KEY_AUTH_METHOD)
		return fail(negotiation, ISCSI_LOGIN_INITIATOR_ERROR,
			    "%s outside the security stage", keys[id].name);
	if (!is_refusal(pair))
		text_put(request->answer, keys[id].name, "Reject");
	return 0;
}

int negotiate_text(struct negotiation *negotiation, unsigned phase, const void *text, size_t len,
		   struct cursor *answer)
{
	struct request request = {
		.negotiation = negotiation, .phase = phase, .answer = answer
	};
	unsigned id;
	int status = collect(&request, text, len);

	negotiation->security_present = 0;
	for (id = 0; id < KEY_COUNT && status == 0; id++) {
		if (!(request.present & BIT(id)))
			continue;
		if (keys[id].rule == KEY_RULE_DECLARE)
			status = evaluate_declared(&request, (enum key_id)id);
		else if (keys[id].rule == KEY_RULE_SECURITY)
			status = evaluate_security(&request, (enum key_id)id);
		else
			status = evaluate_negotiated(&request, (enum key_id)id);
	}
	if (status == 0 && cursor_failed(answer))
		status = fail(negotiation, ISCSI_LOGIN_OUT_OF_RESOURCES,
			      "the answer would be longer than %d bytes", NEGOTIATE_TEXT_MAX);
	return status;
}

/* --- our own offers --- */

/* Whether the present value is one that our side would have agreed to. */
static bool is_acceptable(const struct negotiation *negotiation, enum key_id id)
{
	uint32_t value = negotiation->value[id];

	uint32_t ours = negotiation->policy->ours[id];

	if (keys[id].type == KEY_TYPE_LIST)
		return (ours >> value & 1) != 0;
	/* That FirstBurstLength is not above MaxBurstLength goes without saying. */
	if (keys[id].rule == KEY_RULE_MIN)
		return value <= ours;
	return combine(negotiation, id, value) == value;
}

/* Those whose default may be more than we want; all others have harmless defaults. */
static const enum key_id worth_an_offer[] = {
	KEY_HEADER_DIGEST, KEY_DATA_DIGEST, KEY_IMMEDIATE_DATA,
	KEY_MAX_BURST_LENGTH, KEY_FIRST_BURST_LENGTH,
};

static void put_offer(struct negotiation *negotiation, enum key_id id, struct cursor *answer)
{
	uint32_t ours = negotiation->policy->ours[id];

	if (keys[id].type == KEY_TYPE_LIST)
		ours = (uint32_t)__builtin_ctz(ours);
	else
		ours = combine(negotiation, id, ours);
	put_value(answer, id, ours);
	negotiation->offered |= BIT(id);
}

unsigned negotiate_offer(struct negotiation *negotiation, struct cursor *answer)
{
	unsigned count = 0;
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(worth_an_offer); i++) {
		enum key_id id = worth_an_offer[i];

		if (((negotiation->settled | negotiation->offered) & BIT(id)) ||
		    (negotiation->joins && (keys[id].where & KEY_OF_SESSION)) ||
		    is_moot(negotiation, &keys[id]) || is_acceptable(negotiation, id))
			continue;
		put_offer(negotiation, id, answer);
		count++;
	}
	return count;
}

int negotiate_conclude(struct negotiation *negotiation)
{
	uint32_t *value = negotiation->value;

	if (negotiation->offered != 0)
		return fail(negotiation, ISCSI_LOGIN_INITIATOR_ERROR,
			    "an offer of the target was left unanswered");
	/* RFC 7145 section 6.3: a mover that is RDMA can do nothing else. Discovery is let be. */
	if (negotiation->policy->ours[KEY_RDMA_EXTENSIONS] && !value[KEY_RDMA_EXTENSIONS] &&
	    !negotiate_is_discovery(negotiation))
		return fail(negotiation, ISCSI_LOGIN_INITIATOR_ERROR,
			    "iSER needs RDMAExtensions=Yes");
	if (!is_acceptable(negotiation, KEY_HEADER_DIGEST) ||
	    !is_acceptable(negotiation, KEY_DATA_DIGEST))
		return fail(negotiation, ISCSI_LOGIN_INITIATOR_ERROR,
			    "the digest that is required was not agreed to");
	value[KEY_FIRST_BURST_LENGTH] =
		min(value[KEY_FIRST_BURST_LENGTH], value[KEY_MAX_BURST_LENGTH]);
	return 0;
}
