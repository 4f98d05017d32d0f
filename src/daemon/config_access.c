/* SPDX-License-Identifier: BSD-2-Clause */
/* Accounts, groups and access lists; see config_access.h. */
#include "daemon/config_access.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/parse.h"
#include "daemon/config_complaint.h"

/* --- names ------------------------------------------------------------------------- */

static const struct config_account *find_account(const struct config *config, const char *name)
{
	for (unsigned i = 0; i < config->account_count; i++) {
		if (strcmp(config->accounts[i].name, name) == 0)
			return &config->accounts[i];
	}
	return NULL;
}

static const struct config_initiators *find_group(const struct config *config, const char *name)
{
	for (unsigned i = 0; i < config->group_count; i++) {
		if (strcmp(config->groups[i].name, name) == 0)
			return &config->groups[i];
	}
	return NULL;
}

static int check_account_names(struct config_check *check, unsigned line,
			       const struct setting_list *names)
{
	for (unsigned i = 0; i < names->count; i++) {
		if (find_account(check->config, names->items[i]) == NULL)
			return config_fail(check, line, "there is no account \"%s\"",
					   names->items[i]);
	}
	return 0;
}

/* --- building ------------------------------------------------------------------------ */

/* An iscsi_who that points into the configuration, and its arrays. */
struct who {
	struct iscsi_who who;
	struct iscsi_account *accounts;
	const struct iscsi_account **account_list;
};

static void free_who(struct who *who)
{
	free(who->accounts);
	free(who->account_list);
}

static struct iscsi_account account_of(const struct config *config, const char *name)
{
	const struct config_account *account = find_account(config, name);

	return (struct iscsi_account){ account->name, account->secret };
}

static int make_who(const struct config *config, const struct setting_list *initiators,
		    const struct setting_list *addresses, const struct setting_list *accounts,
		    struct who *who)
{
	who->accounts = calloc(accounts->count + 1, sizeof(*who->accounts));
	who->account_list = calloc(accounts->count + 1, sizeof(struct iscsi_account *));
	if (who->accounts == NULL || who->account_list == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < accounts->count; i++) {
		who->accounts[i] = account_of(config, accounts->items[i]);
		who->account_list[i] = &who->accounts[i];
	}
	who->who = (struct iscsi_who){
		.initiators = (const char *const *)initiators->items,
		.initiator_count = initiators->count,
		.addresses = (const char *const *)addresses->items,
		.address_count = addresses->count,
		.accounts = who->account_list,
		.account_count = accounts->count,
	};
	return 0;
}

/* The same for a whole rule. */
struct rule {
	struct iscsi_rule_config config;
	struct who who;
	struct who *groups;
	const struct iscsi_who **group_list;
	uint16_t *portal_groups;
	struct iscsi_account mutual;
	struct scsi_lun_view *view;
};

static void free_rule(struct rule *rule, unsigned group_count)
{
	for (unsigned i = 0; rule->groups != NULL && i < group_count; i++)
		free_who(&rule->groups[i]);
	free_who(&rule->who);
	free(rule->groups);
	free(rule->group_list);
	free(rule->portal_groups);
	free(rule->view);
}

static int make_groups(const struct config *config, const struct config_rule *from,
		       struct rule *rule)
{
	int rc = 0;

	rule->groups = calloc(from->groups.count + 1, sizeof(*rule->groups));
	rule->group_list = calloc(from->groups.count + 1, sizeof(struct iscsi_who *));
	if (rule->groups == NULL || rule->group_list == NULL)
		return -ENOMEM;
	for (unsigned i = 0; rc == 0 && i < from->groups.count; i++) {
		const struct config_initiators *group =
			find_group(config, from->groups.items[i]);

		rc = make_who(config, &group->initiators, &group->addresses, &group->accounts,
			      &rule->groups[i]);
		rule->group_list[i] = &rule->groups[i].who;
	}
	return rc;
}

static int make_portal_groups(const struct config_rule *from, struct rule *rule)
{
	uint64_t tag;

	rule->portal_groups = calloc(from->portal_groups.count + 1, sizeof(*rule->portal_groups));
	if (rule->portal_groups == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < from->portal_groups.count; i++) {
		if (parse_u64(from->portal_groups.items[i], &tag) != 0)
			return -EINVAL;
		rule->portal_groups[i] = (uint16_t)tag;
	}
	return 0;
}

static int make_view(const struct config_rule *from, struct rule *rule)
{
	if (!from->has_luns && !from->read_only)
		return 0;
	rule->view = calloc(1, sizeof(*rule->view));
	if (rule->view == NULL)
		return -ENOMEM;
	rule->view->read_only = from->read_only;
	rule->view->is_mapped = from->has_luns;
	rule->view->count = from->lun_count;
	for (unsigned i = 0; i < from->lun_count; i++) {
		const struct config_view_lun *lun = &from->luns[i];

		rule->view->luns[i] = (struct scsi_lun_mapping){
			.as = (uint16_t)(lun->as >= 0 ? lun->as : lun->lun),
			.lun = lun->lun,
			.read_only = lun->read_only,
		};
	}
	return 0;
}

static int make_rule(const struct config *config, const struct config_rule *from,
		     struct rule *rule)
{
	int rc = make_who(config, &from->initiators, &from->addresses, &from->accounts,
			  &rule->who);

	if (rc == 0)
		rc = make_groups(config, from, rule);
	if (rc == 0)
		rc = make_portal_groups(from, rule);
	if (rc == 0)
		rc = make_view(from, rule);
	if (rc != 0)
		return rc;
	rule->config = (struct iscsi_rule_config){
		.who = rule->who.who,
		.groups = rule->group_list,
		.group_count = from->groups.count,
		.portal_groups = rule->portal_groups,
		.portal_group_count = from->portal_groups.count,
		.deny = from->deny,
		.view = rule->view,
	};
	if (from->mutual != NULL) {
		rule->mutual = account_of(config, from->mutual);
		rule->config.mutual = &rule->mutual;
	}
	return 0;
}

int config_access_build(const struct config *config, const struct config_access *access,
			struct iscsi_access **out, unsigned *line, char *error, size_t error_size)
{
	struct rule *rules = calloc(access->rule_count + 1, sizeof(*rules));
	struct iscsi_rule_config *flat = calloc(access->rule_count + 1, sizeof(*flat));
	unsigned wrong = 0;
	int rc = rules == NULL || flat == NULL ? -ENOMEM : 0;

	for (unsigned i = 0; rc == 0 && i < access->rule_count; i++) {
		rc = make_rule(config, &access->rules[i], &rules[i]);
		flat[i] = rules[i].config;
	}
	if (rc == 0)
		rc = iscsi_access_create(flat, access->rule_count, out, &wrong, error, error_size);
	else
		snprintf(error, error_size, "out of memory");
	*line = rc != 0 && access->rule_count != 0 ? access->rules[wrong].place.line : 0;
	for (unsigned i = 0; rules != NULL && i < access->rule_count; i++)
		free_rule(&rules[i], access->rules[i].groups.count);
	free(rules);
	free(flat);
	return rc;
}

/* --- checking -------------------------------------------------------------------------- */

/* Of whom an access list is: what it may say depends on that. */
enum owner { OWNER_TARGET, OWNER_PORTAL, OWNER_DISCOVERY };

static int check_owner(struct config_check *check, enum owner owner, const struct config_rule *rule)
{
	unsigned line = rule->place.line;

	if (owner != OWNER_TARGET && (rule->has_luns || rule->read_only))
		return config_fail(check, line,
				   "\"luns\" and \"read-only\" are for access to targets");
	if (owner == OWNER_PORTAL && (rule->accounts.count != 0 || rule->mutual != NULL))
		return config_fail(
			check, line,
			"accounts are for access to targets and for discovery, not for portals");
	if (rule->deny && (rule->accounts.count != 0 || rule->mutual != NULL || rule->has_luns ||
			   rule->read_only))
		return config_fail(
			check, line,
			"an entry with \"deny\" has no accounts, mutual, luns or read-only");
	/* To name nobody would be to name everybody. */
	if ((rule->accounts.is_set && rule->accounts.count == 0) ||
	    (rule->initiators.is_set && rule->initiators.count == 0) ||
	    (rule->addresses.is_set && rule->addresses.count == 0) ||
	    (rule->groups.is_set && rule->groups.count == 0) ||
	    (rule->portal_groups.is_set && rule->portal_groups.count == 0))
		return config_fail(check, line,
				   "an empty list in an entry of access fits nobody: leave it "
				   "out for all, or use \"deny\"");
	return 0;
}

static bool target_has_lun(const struct config_target *target, unsigned lun)
{
	for (unsigned i = 0; i < target->lun_count; i++) {
		if (target->luns[i].lun == lun)
			return true;
	}
	return false;
}

static int check_luns(struct config_check *check, const struct config_target *target,
		      const struct config_rule *rule)
{
	if (rule->lun_count > SCSI_LUNS_MAX)
		return config_fail(check, rule->place.line, "a target has at most %d LUNs",
				   SCSI_LUNS_MAX);
	for (unsigned i = 0; i < rule->lun_count; i++) {
		if (!target_has_lun(target, rule->luns[i].lun))
			return config_fail(check, rule->luns[i].place.line, "%s has no LUN %u",
					   target->name, rule->luns[i].lun);
	}
	return 0;
}

static int check_rule(struct config_check *check, enum owner owner,
		      const struct config_target *target, const struct config_rule *rule)
{
	unsigned line = rule->place.line;
	int rc = check_owner(check, owner, rule);

	if (rc == 0 && target != NULL)
		rc = check_luns(check, target, rule);
	if (rc == 0)
		rc = check_account_names(check, line, &rule->accounts);
	if (rc != 0)
		return rc;
	if (rule->mutual != NULL && find_account(check->config, rule->mutual) == NULL)
		return config_fail(check, line, "there is no account \"%s\"", rule->mutual);
	for (unsigned i = 0; i < rule->groups.count; i++) {
		if (find_group(check->config, rule->groups.items[i]) == NULL)
			return config_fail(check, line, "there is no group \"%s\"",
					   rule->groups.items[i]);
	}
	return 0;
}

/* TARGET: of OWNER_TARGET, else NULL. */
static int check_access(struct config_check *check, enum owner owner,
			const struct config_target *target, const struct config_access *access)
{
	struct iscsi_access *built;
	int rc = 0;

	if (!access->is_set)
		return 0;
	for (unsigned i = 0; rc == 0 && i < access->rule_count; i++)
		rc = check_rule(check, owner, target, &access->rules[i]);
	if (rc == 0)
		rc = config_access_build(check->config, access, &built, check->line, check->error,
					 check->error_size);
	if (rc == 0)
		iscsi_access_free(built);
	return rc;
}

/* Accounts may be from another file than the one that messages begin with. */
static int fail_account(struct config_check *check, const struct config_account *account,
			const char *why)
{
	if (account->source == check->config->source)
		return config_fail(check, account->place.line, "account \"%s\" %s", account->name,
				   why);
	return config_fail(check, 0, "account \"%s\" (%s:%u) %s", account->name, account->source,
			   account->place.line, why);
}

static int check_account(struct config_check *check, const struct config_account *account)
{
	char why[80];

	if (find_account(check->config, account->name) != account)
		return fail_account(check, account, "is there twice");
	if (strlen(account->secret) >= ISCSI_SECRET_MIN ||
	    check->config->authentication.allow_short_secrets)
		return 0;
	snprintf(why, sizeof(why),
		 "has a secret of less than %d bytes (allow-short-secrets takes them)",
		 ISCSI_SECRET_MIN);
	return fail_account(check, account, why);
}

static int check_group(struct config_check *check, const struct config_initiators *group)
{
	unsigned line = group->place.line;

	if (find_group(check->config, group->name) != group)
		return config_fail(check, line, "group \"%s\" is there twice", group->name);
	if ((group->initiators.is_set && group->initiators.count == 0) ||
	    (group->addresses.is_set && group->addresses.count == 0) ||
	    (group->accounts.is_set && group->accounts.count == 0))
		return config_fail(check, line,
				   "group \"%s\" has an empty list: leave it out for all",
				   group->name);
	return check_account_names(check, line, &group->accounts);
}

static int check_algorithms(struct config_check *check, struct config *config)
{
	const struct setting_list *names = &config->authentication.chap_algorithms;
	unsigned line = config->authentication_place.line;
	uint8_t *out = config->iscsi.chap_algorithms;
	bool any = !names->is_set;

	memset(out, 0, sizeof(config->iscsi.chap_algorithms));
	if (names->count > ISCSI_CHAP_ALGORITHMS_MAX)
		return config_fail(check, line, "\"chap-algorithms\" has more than there are");
	for (unsigned i = 0; i < names->count; i++) {
		out[i] = iscsi_chap_algorithm(names->items[i]);
		if (out[i] == 0 || memchr(out, out[i], i) != NULL)
			return config_fail(check, line,
					   "\"%s\" in chap-algorithms: there are \"sha3-256\", "
					   "\"sha-256\", \"sha-1\" and \"md5\", each once",
					   names->items[i]);
		any |= !config->authentication.fips || strcmp(names->items[i], "sha3-256") == 0 ||
		       strcmp(names->items[i], "sha-256") == 0;
	}
	if (!any)
		return config_fail(check, line, "\"chap-algorithms\" leaves none%s",
				   config->authentication.fips ? " that \"fips\" allows" : "");
	return 0;
}

int config_access_check(struct config *config, unsigned *line, char *error, size_t error_size)
{
	struct config_check check = { config, line, error, error_size };
	int rc = check_algorithms(&check, config);

	config->iscsi.fips = config->authentication.fips;
	config->iscsi.require_access = config->authentication.require_access;
	for (unsigned i = 0; rc == 0 && i < config->account_count; i++)
		rc = check_account(&check, &config->accounts[i]);
	for (unsigned i = 0; rc == 0 && i < config->group_count; i++)
		rc = check_group(&check, &config->groups[i]);
	if (rc == 0)
		rc = check_access(&check, OWNER_DISCOVERY, NULL, &config->discovery.access);
	for (unsigned i = 0; rc == 0 && i < config->portal_count; i++)
		rc = check_access(&check, OWNER_PORTAL, NULL, &config->portals[i].access);
	for (unsigned i = 0; rc == 0 && i < config->target_count; i++)
		rc = check_access(&check, OWNER_TARGET, &config->targets[i],
				  &config->targets[i].access);
	return rc;
}

/* --- freeing --------------------------------------------------------------------------- */

static void free_access(struct config_access *access)
{
	for (unsigned i = 0; i < access->rule_count; i++) {
		struct config_rule *rule = &access->rules[i];

		setting_list_free(&rule->initiators);
		setting_list_free(&rule->addresses);
		setting_list_free(&rule->groups);
		setting_list_free(&rule->portal_groups);
		setting_list_free(&rule->accounts);
		free(rule->mutual);
		free(rule->luns);
	}
	free(access->rules);
}

static void free_account(struct config_account *account)
{
	if (account->secret != NULL)
		explicit_bzero(account->secret, strlen(account->secret));
	free(account->secret);
	free(account->name);
}

void config_access_free(struct config *config)
{
	for (unsigned i = 0; i < config->account_count; i++)
		free_account(&config->accounts[i]);
	for (unsigned i = 0; i < config->group_count; i++) {
		setting_list_free(&config->groups[i].initiators);
		setting_list_free(&config->groups[i].addresses);
		setting_list_free(&config->groups[i].accounts);
		free(config->groups[i].name);
	}
	free_access(&config->discovery.access);
	for (unsigned i = 0; i < config->portal_count; i++)
		free_access(&config->portals[i].access);
	for (unsigned i = 0; i < config->target_count; i++)
		free_access(&config->targets[i].access);
	setting_list_free(&config->authentication.chap_algorithms);
	free(config->authentication.secrets);
	free(config->accounts);
	free(config->groups);
}
