/* SPDX-License-Identifier: BSD-2-Clause */
/* Access lists; see iscsi/access.h, and iscsi/iscsi.h for what they are made from. */
#include "iscsi/access.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* --- matching ---------------------------------------------------------------------- */

/* Goes back to the last star only: each character of TEXT is tried against it once. */
bool access_glob(const char *pattern, const char *text)
{
	const char *star = NULL;
	const char *resume = NULL;

	while (*text != '\0') {
		if (*pattern == '*') {
			star = ++pattern;
			resume = text;
		} else if (*pattern == *text || *pattern == '?') {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star;
			text = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

static bool in_networks(const struct access_who *who, const struct ip *ip)
{
	unsigned i;

	if (who->network_count == 0)
		return true;
	for (i = 0; ip != NULL && i < who->network_count; i++)
		if (ip_network_contains(&who->networks[i], ip))
			return true;
	return false;
}

static bool is_named(const struct access_who *who, const char *initiator)
{
	unsigned i;

	if (who->initiator_count == 0)
		return true;
	for (i = 0; i < who->initiator_count; i++)
		if (access_glob(who->initiators[i], initiator))
			return true;
	return false;
}

static bool who_matches(const struct access_who *who, const struct access_subject *subject)
{
	return is_named(who, subject->initiator) && in_networks(who, subject->ip);
}

static bool comes_by(const struct access_rule *rule, uint16_t group)
{
	unsigned i;

	if (rule->portal_group_count == 0)
		return true;
	for (i = 0; i < rule->portal_group_count; i++)
		if (rule->portal_groups[i] == group)
			return true;
	return false;
}

static bool matches(const struct access_rule *rule, const struct access_subject *subject)
{
	unsigned i;

	if (!comes_by(rule, subject->group) || !who_matches(&rule->who, subject))
		return false;
	for (i = 0; i < rule->group_count; i++)
		if (who_matches(&rule->groups[i], subject))
			return true;
	return rule->group_count == 0;
}

const struct access_rule *access_find(const struct iscsi_access *access,
				      const struct access_subject *subject)
{
	unsigned i;

	for (i = 0; i < access->count; i++)
		if (matches(&access->rules[i], subject))
			return &access->rules[i];
	return NULL;
}

bool access_admits(const struct iscsi_access *access, const struct access_subject *subject)
{
	const struct access_rule *rule;

	if (access == NULL)
		return true;
	rule = access_find(access, subject);
	return rule != NULL && !rule->deny;
}

bool access_wants_account(const struct access_rule *rule, const struct access_subject *subject)
{
	unsigned i;

	if (rule->who.account_count != 0)
		return true;
	for (i = 0; i < rule->group_count; i++)
		if (rule->groups[i].account_count != 0 && who_matches(&rule->groups[i], subject))
			return true;
	return false;
}

static const struct chap_account *find_named(const struct access_who *who, const char *name)
{
	unsigned i;

	for (i = 0; i < who->account_count; i++)
		if (strcmp(who->accounts[i].name, name) == 0)
			return &who->accounts[i];
	return NULL;
}

static const struct chap_account *rule_account(const struct access_rule *rule,
					       const struct access_subject *subject,
					       const char *name)
{
	const struct chap_account *account = find_named(&rule->who, name);
	unsigned i;

	for (i = 0; account == NULL && i < rule->group_count; i++)
		if (who_matches(&rule->groups[i], subject))
			account = find_named(&rule->groups[i], name);
	return account;
}

const struct chap_account *access_find_account(const struct iscsi_access *access,
					       const struct access_subject *subject,
					       const char *name, const struct access_rule **rule)
{
	const struct chap_account *account;
	unsigned i;

	for (i = 0; i < access->count; i++) {
		const struct access_rule *candidate = &access->rules[i];

		if (!matches(candidate, subject))
			continue;
		if (candidate->deny || !access_wants_account(candidate, subject))
			break;
		account = rule_account(candidate, subject, name);
		if (account == NULL)
			continue;
		*rule = candidate;
		return account;
	}
	return NULL;
}

/* Whether RULE names initiators: then it says nothing as long as there is no name. */
static bool wants_name(const struct access_rule *rule)
{
	unsigned i;

	if (rule->who.initiator_count != 0)
		return true;
	for (i = 0; i < rule->group_count; i++)
		if (rule->groups[i].initiator_count != 0)
			return true;
	return false;
}

static bool could_match(const struct access_rule *rule, const struct ip *ip, uint16_t group)
{
	unsigned i;

	if (!comes_by(rule, group) || !in_networks(&rule->who, ip))
		return false;
	for (i = 0; i < rule->group_count; i++)
		if (in_networks(&rule->groups[i], ip))
			return true;
	return rule->group_count == 0;
}

bool access_may_come(const struct iscsi_access *access, const struct ip *ip, uint16_t group)
{
	unsigned i;

	if (access == NULL)
		return true;
	for (i = 0; i < access->count; i++) {
		const struct access_rule *rule = &access->rules[i];

		if (!could_match(rule, ip, group))
			continue;
		if (!rule->deny)
			return true;
		if (!wants_name(rule))
			return false;
	}
	return false;
}

static bool fits_everybody(const struct access_rule *rule)
{
	return rule->who.initiator_count == 0 && rule->who.network_count == 0 &&
	       rule->group_count == 0;
}

bool access_opens(const struct iscsi_access *access, uint16_t group)
{
	unsigned i;

	if (access == NULL)
		return true;
	for (i = 0; i < access->count; i++) {
		const struct access_rule *rule = &access->rules[i];

		if (!comes_by(rule, group))
			continue;
		if (!rule->deny)
			return true;
		if (fits_everybody(rule))
			return false;
	}
	return false;
}

/* --- making ------------------------------------------------------------------------- */

struct maker {
	char *error;
	size_t error_size;
};

__attribute__((format(printf, 3, 4)))
static int fail(struct maker *maker, int err, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(maker->error, maker->error_size, format, arguments);
	va_end(arguments);
	return err;
}

static int fail_memory(struct maker *maker)
{
	return fail(maker, -ENOMEM, "out of memory");
}

/* A pattern for names in normal form, which are in lower case. */
static int make_pattern(struct maker *maker, const char *text, char **out)
{
	size_t i;

	for (i = 0; text[i] != '\0'; i++)
		if (text[i] <= 0x20 || text[i] >= 0x7f)
			return fail(maker, -EINVAL,
				    "initiator \"%s\": a name is printable ASCII without spaces",
				    text);
	if (i == 0 || i > NAME_LEN_MAX)
		return fail(maker, -EINVAL, "initiator \"%s\": a name is 1 to %d characters long",
			    text, NAME_LEN_MAX);
	*out = strdup(text);
	if (*out == NULL)
		return fail_memory(maker);
	for (i = 0; text[i] != '\0'; i++)
		if (text[i] >= 'A' && text[i] <= 'Z')
			(*out)[i] = (char)(text[i] - 'A' + 'a');
	return 0;
}

static int make_account(struct maker *maker, const struct iscsi_account *config,
			struct chap_account *out)
{
	size_t length = strlen(config->secret);
	char *name;
	char *secret;

	if (length == 0 || length > CHAP_SECRET_MAX || config->name[0] == '\0' ||
	    strlen(config->name) > CHAP_NAME_MAX)
		return fail(maker, -EINVAL,
			    "account \"%.64s\": name and secret are 1 to %d characters long",
			    config->name, CHAP_SECRET_MAX);
	name = strdup(config->name);
	secret = strdup(config->secret);
	if (name == NULL || secret == NULL) {
		free(name);
		free(secret);
		return fail_memory(maker);
	}
	*out = (struct chap_account){ name, secret, length };
	return 0;
}

static int make_accounts(struct maker *maker, const struct iscsi_who *config,
			 struct access_who *who)
{
	int err = 0;

	who->accounts = calloc(config->account_count + 1, sizeof(*who->accounts));
	if (who->accounts == NULL)
		return fail_memory(maker);
	for (; err == 0 && who->account_count < config->account_count; who->account_count++)
		err = make_account(maker, config->accounts[who->account_count],
				   &who->accounts[who->account_count]);
	return err;
}

static int make_who(struct maker *maker, const struct iscsi_who *config, struct access_who *who)
{
	unsigned i;
	int err = 0;

	who->initiators = calloc(config->initiator_count + 1, sizeof(*who->initiators));
	who->networks = calloc(config->address_count + 1, sizeof(*who->networks));
	if (who->initiators == NULL || who->networks == NULL)
		return fail_memory(maker);
	for (; err == 0 && who->initiator_count < config->initiator_count; who->initiator_count++)
		err = make_pattern(maker, config->initiators[who->initiator_count],
				   &who->initiators[who->initiator_count]);
	for (i = 0; err == 0 && i < config->address_count; i++)
		if (ip_network_parse(config->addresses[i], &who->networks[i]) != 0)
			err = fail(maker, -EINVAL,
				   "address \"%s\": an IPv4 or IPv6 address or a network as "
				   "10.0.0.0/8 is wanted",
				   config->addresses[i]);
	who->network_count = config->address_count;
	return err != 0 ? err : make_accounts(maker, config, who);
}

static int make_groups(struct maker *maker, const struct iscsi_rule_config *config,
		       struct access_rule *rule)
{
	int err = 0;

	rule->groups = calloc(config->group_count + 1, sizeof(*rule->groups));
	rule->portal_groups =
		calloc(config->portal_group_count + 1, sizeof(*rule->portal_groups));
	if (rule->groups == NULL || rule->portal_groups == NULL)
		return fail_memory(maker);
	for (; err == 0 && rule->group_count < config->group_count; rule->group_count++)
		err = make_who(maker, config->groups[rule->group_count],
			       &rule->groups[rule->group_count]);
	rule->portal_group_count = config->portal_group_count;
	if (config->portal_group_count != 0)
		memcpy(rule->portal_groups, config->portal_groups,
		       config->portal_group_count * sizeof(*rule->portal_groups));
	return err;
}

/* RFC 7143 section 12.1.3: one secret for both directions would be as good as none. */
static int check_mutual(struct maker *maker, const struct access_rule *rule,
			const struct access_who *who)
{
	unsigned i;

	for (i = 0; i < who->account_count; i++) {
		const struct chap_account *account = &who->accounts[i];

		if (account->secret_length == rule->mutual.secret_length &&
		    chap_equals(account->secret, rule->mutual.secret, account->secret_length))
			return fail(maker, -EINVAL,
				    "accounts \"%.64s\" and \"%.64s\" have the same secret: mutual "
				    "authentication needs two",
				    account->name, rule->mutual.name);
	}
	return 0;
}

static int make_mutual(struct maker *maker, const struct iscsi_rule_config *config,
		       struct access_rule *rule)
{
	unsigned accounts = rule->who.account_count;
	unsigned i;
	int err;

	if (config->mutual == NULL)
		return 0;
	err = make_account(maker, config->mutual, &rule->mutual);
	if (err != 0)
		return err;
	rule->has_mutual = true;
	err = check_mutual(maker, rule, &rule->who);
	for (i = 0; err == 0 && i < rule->group_count; i++) {
		err = check_mutual(maker, rule, &rule->groups[i]);
		accounts += rule->groups[i].account_count;
	}
	if (err == 0 && accounts == 0)
		err = fail(maker, -EINVAL,
			   "mutual authentication needs accounts for the initiator too");
	return err;
}

static int check_view(struct maker *maker, const struct scsi_lun_view *view)
{
	unsigned i, j;

	if (view->count > SCSI_LUNS_MAX)
		return fail(maker, -EINVAL, "a target has at most %d LUNs", SCSI_LUNS_MAX);
	for (i = 0; i < view->count; i++) {
		if (view->luns[i].as >= SCSI_LUNS_MAX)
			return fail(maker, -EINVAL, "LUN %u: a LUN is 0 to %d", view->luns[i].as,
				    SCSI_LUNS_MAX - 1);
		for (j = 0; j < i; j++) {
			if (view->luns[j].as == view->luns[i].as)
				return fail(maker, -EINVAL, "two logical units are shown as LUN %u",
					    view->luns[i].as);
			if (view->luns[j].lun == view->luns[i].lun)
				return fail(maker, -EINVAL, "LUN %u is shown twice",
					    view->luns[i].lun);
		}
	}
	return 0;
}

static int make_rule(struct maker *maker, const struct iscsi_rule_config *config,
		     struct access_rule *rule)
{
	int err = make_who(maker, &config->who, &rule->who);

	rule->deny = config->deny;
	if (err == 0)
		err = make_groups(maker, config, rule);
	if (err == 0)
		err = make_mutual(maker, config, rule);
	if (err != 0 || config->view == NULL)
		return err;
	rule->view = malloc(sizeof(*rule->view));
	if (rule->view == NULL)
		return fail_memory(maker);
	*rule->view = *config->view;
	return check_view(maker, rule->view);
}

int iscsi_access_create(const struct iscsi_rule_config *rules, unsigned count,
			struct iscsi_access **out, unsigned *wrong, char *error, size_t error_size)
{
	struct maker maker = { error, error_size };
	struct iscsi_access *access =
		calloc(1, sizeof(*access) + count * sizeof(access->rules[0]));
	int err = 0;

	*wrong = 0;
	if (access == NULL)
		return fail_memory(&maker);
	while (err == 0 && access->count < count) {
		*wrong = access->count;
		err = make_rule(&maker, &rules[access->count], &access->rules[access->count]);
		access->count++;
	}
	if (err != 0) {
		access_destroy(access);
		return err;
	}
	*out = access;
	return 0;
}

void iscsi_access_free(struct iscsi_access *access)
{
	access_destroy(access);
}

/* --- unmaking ------------------------------------------------------------------------ */

static void free_account(struct chap_account *account)
{
	char *secret = (char *)(uintptr_t)account->secret;

	if (secret != NULL)
		chap_wipe(secret, account->secret_length);
	free(secret);
	free((char *)(uintptr_t)account->name);
}

static void free_who(struct access_who *who)
{
	unsigned i;

	for (i = 0; i < who->initiator_count; i++)
		free(who->initiators[i]);
	for (i = 0; i < who->account_count; i++)
		free_account(&who->accounts[i]);
	free(who->initiators);
	free(who->networks);
	free(who->accounts);
}

static void free_rule(struct access_rule *rule)
{
	unsigned i;

	for (i = 0; i < rule->group_count; i++)
		free_who(&rule->groups[i]);
	free_who(&rule->who);
	free_account(&rule->mutual);
	free(rule->groups);
	free(rule->portal_groups);
	free(rule->view);
}

void access_destroy(struct iscsi_access *access)
{
	unsigned i;

	if (access == NULL)
		return;
	for (i = 0; i < access->count; i++)
		free_rule(&access->rules[i]);
	free(access);
}
