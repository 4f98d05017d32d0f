/* SPDX-License-Identifier: BSD-2-Clause */
/* The security stage of a login; see iscsi/auth.h. */
#include "iscsi/auth.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/container.h"
#include "proto/opcode.h"
#include "proto/text.h"

__attribute__((format(printf, 3, 4)))
static int fail(struct negotiation *negotiation, int status, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(negotiation->error, sizeof(negotiation->error), format, arguments);
	va_end(arguments);
	return status;
}

/* --- what CHAP asks for --- */

static const struct chap_account *find_account(void *context, const char *name)
{
	struct auth *auth = context;
	const struct access_rule *rule = auth->rule;
	const struct chap_account *account =
		access_find_account(auth->access, &auth->subject, name, &rule);

	if (account == NULL)
		return NULL;
	auth->rule = rule;
	auth->account = account;
	return account;
}

static const struct chap_account *own_account(void *context)
{
	const struct auth *auth = context;

	return auth->rule->has_mutual ? &auth->rule->mutual : NULL;
}

static const struct chap_ops chap_ops = {
	.find = find_account, .own = own_account, .random = chap_random,
};

/* --- a login's steps --- */

int auth_begin(struct auth *auth, const struct iscsi_access *access,
	       const struct access_subject *subject, const uint8_t *algorithms,
	       bool has_preference)
{
	auth->access = access;
	auth->subject = *subject;
	if (subject->ip != NULL) {
		auth->ip = *subject->ip;
		auth->subject.ip = &auth->ip;
	}
	auth->state = AUTH_OPEN;
	if (access == NULL)
		return 0;
	auth->rule = access_find(access, &auth->subject);
	if (auth->rule == NULL || auth->rule->deny)
		return ISCSI_LOGIN_AUTHORIZATION_FAILURE;
	if (access_wants_account(auth->rule, &auth->subject))
		auth->state = AUTH_WANTED;
	chap_init(&auth->chap, &chap_ops, auth, algorithms, has_preference);
	return 0;
}

static bool offers(const struct text_pair *pair, const char *method)
{
	struct text_list list;
	const char *item;
	size_t len;

	text_list_init(&list, pair->value, pair->value_len);
	while (text_list_next(&list, &item, &len))
		if (text_equals(item, len, method))
			return true;
	return false;
}

static int choose_method(struct auth *auth, struct negotiation *negotiation,
			 struct cursor *answer)
{
	const struct text_pair *pair = &negotiation->security[0];
	bool is_wanted = auth->state == AUTH_WANTED;
	const char *method = is_wanted ? "CHAP" : "None";

	if (auth->is_settled)
		return fail(negotiation, ISCSI_LOGIN_INITIATOR_ERROR,
			    "AuthMethod negotiated twice");
	auth->is_settled = true;
	if (!offers(pair, method))
		return fail(negotiation, ISCSI_LOGIN_AUTHENTICATION_FAILURE,
			    "no authentication method in common: %s is %s, offered is %.*s",
			    method, is_wanted ? "required" : "all there is",
			    (int)min_t(size_t, pair->value_len, 64), pair->value);
	text_put(answer, "AuthMethod", method);
	if (is_wanted)
		auth->state = AUTH_CHAP;
	return 0;
}

/* The bits of CHAP's keys in what was set aside, AuthMethod's being the lowest. */
static unsigned chap_present(const struct negotiation *negotiation)
{
	return negotiation->security_present >> 1;
}

int auth_step(struct auth *auth, struct negotiation *negotiation, struct cursor *answer)
{
	int status = 0;

	if (negotiation->security_present & 1)
		status = choose_method(auth, negotiation, answer);
	if (status != 0 || chap_present(negotiation) == 0)
		return status;
	if (auth->state != AUTH_CHAP)
		return fail(negotiation, ISCSI_LOGIN_INITIATOR_ERROR,
			    "keys of CHAP, which was not agreed to");
	status = chap_step(&auth->chap, &negotiation->security[1], chap_present(negotiation),
			   answer);
	if (status != 0)
		return fail(negotiation, status, "%s", auth->chap.error);
	if (auth->chap.state == CHAP_DONE)
		auth->state = AUTH_DONE;
	return 0;
}

const char *auth_describe(const struct auth *auth, char *out, size_t size)
{
	out[0] = '\0';
	if (auth->account != NULL)
		snprintf(out, size, " as %.64s by CHAP with %s", auth->account->name,
			 auth->chap.method->name);
	return out;
}
