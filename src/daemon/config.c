/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration file: libconfig's tree to struct config, by the tables of
 * config_tables.c; what reads by tables is in config_reader.c, LUNs in config_lun.c.
 */
#include "daemon/config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/parse.h"
#include "daemon/config_check.h"
#include "daemon/config_reader.h"
#include "daemon/config_tables.h"
#include "daemon/config_text.h"
#include "daemon/settings.h"

/* --- who may use what ---------------------------------------------------------------- */

static int read_view_lun(struct reader *reader, const config_setting_t *entry, void *element,
			 void *parent)
{
	struct config_view_lun *lun = element;

	(void)parent;
	config_view_lun_set_defaults(lun);
	lun->place.line = reader_line_of(entry, "lun");
	return reader_members(reader, entry, config_view_lun_settings, lun, NULL,
			      CONFIG_LUNS " of an entry of " CONFIG_ACCESS);
}

static int read_rule(struct reader *reader, const config_setting_t *entry, void *element,
		     void *parent)
{
	static const char *const also[] = { CONFIG_LUNS, NULL };
	const config_setting_t *luns = config_setting_get_member(entry, CONFIG_LUNS);
	struct config_rule *rule = element;
	void *array = NULL;
	int rc;

	(void)parent;
	rule->place.line = config_setting_source_line(entry);
	rc = reader_members(reader, entry, config_rule_settings, rule, also, CONFIG_ACCESS);
	if (rc != 0 || luns == NULL)
		return rc;
	rule->has_luns = true;
	rc = reader_list(reader, luns, sizeof(*rule->luns), read_view_lun, NULL, &array,
			 &rule->lun_count);
	rule->luns = array;
	return rc;
}

/* The access list of GROUP, where it has one. */
static int read_access(struct reader *reader, const config_setting_t *group,
		       struct config_access *access)
{
	const config_setting_t *list = config_setting_get_member(group, CONFIG_ACCESS);
	void *array = NULL;
	int rc;

	if (list == NULL)
		return 0;
	access->is_set = true;
	access->place.line = config_setting_source_line(list);
	rc = reader_list(reader, list, sizeof(*access->rules), read_rule, NULL, &array,
			 &access->rule_count);
	access->rules = array;
	return rc;
}

static int read_account(struct reader *reader, const config_setting_t *entry, void *element,
			void *parent)
{
	struct config_account *account = element;

	(void)parent;
	account->place.line = reader_line_of(entry, "name");
	account->source = reader->file;
	return reader_members(reader, entry, config_account_settings, account, NULL,
			      CONFIG_ACCOUNTS);
}

/* Those of LIST beside those that were read from another file. */
static int read_accounts(struct reader *reader, const config_setting_t *list)
{
	struct config *config = reader->config;
	struct config_account *accounts;
	void *more = NULL;
	unsigned count = 0;
	int rc = reader_list(reader, list, sizeof(*accounts), read_account, NULL, &more, &count);

	accounts =
		realloc(config->accounts, (config->account_count + count + 1) * sizeof(*accounts));
	if (accounts == NULL)
		return reader_fail_memory(reader);
	if (count != 0)
		memcpy(accounts + config->account_count, more, count * sizeof(*accounts));
	config->accounts = accounts;
	config->account_count += count;
	free(more);
	return rc;
}

static int read_initiators(struct reader *reader, const config_setting_t *entry, void *element,
			   void *parent)
{
	struct config_initiators *group = element;

	(void)parent;
	group->place.line = reader_line_of(entry, "name");
	return reader_members(reader, entry, config_initiators_settings, group, NULL,
			      CONFIG_GROUPS);
}

/* --- targets and portals ----------------------------------------------------------- */

/* The values of its own that GROUP, a portal or a target, may have. */
static int read_override(struct reader *reader, const config_setting_t *group,
			 struct iscsi_override *override)
{
	const config_setting_t *values = config_setting_get_member(group, CONFIG_OVERRIDE);

	if (values == NULL)
		return 0;
	if (config_setting_type(values) != CONFIG_TYPE_GROUP)
		return reader_fail(reader, config_setting_source_line(values),
				   "\"" CONFIG_OVERRIDE "\" must be a group: { ... }");
	for (int i = 0; i < config_setting_length(values); i++) {
		const config_setting_t *member = config_setting_get_elem(values, (unsigned)i);
		const struct setting *row =
			setting_find(config_override_settings, config_setting_name(member));

		if (row != NULL)
			memset(override->given + row->offset, 1, row->width);
	}
	return reader_members(reader, values, config_override_settings, &override->values, NULL,
			      CONFIG_OVERRIDE);
}

static int read_port_group(struct reader *reader, const config_setting_t *entry, void *element,
			   void *parent)
{
	struct config_port_group *group = element;

	(void)parent;
	group->place.line = reader_line_of(entry, "group");
	return reader_members(reader, entry, config_port_group_settings, group, NULL,
			      CONFIG_PORT_GROUPS);
}

static int read_port_groups(struct reader *reader, const config_setting_t *entry,
			    struct config_target *target)
{
	const config_setting_t *list = config_setting_get_member(entry, CONFIG_PORT_GROUPS);
	void *array = NULL;
	int rc;

	if (list == NULL)
		return 0;
	if (target->alua == SCSI_ALUA_OFF)
		return reader_fail(reader, config_setting_source_line(list),
				   "\"" CONFIG_PORT_GROUPS "\" of %s needs alua", target->name);
	rc = reader_list(reader, list, sizeof(*target->port_groups), read_port_group, NULL, &array,
			 &target->port_group_count);
	target->port_groups = array;
	return rc;
}

static int read_target(struct reader *reader, const config_setting_t *entry, void *element,
		       void *parent)
{
	static const char *const also[] = { CONFIG_LUNS, CONFIG_ACCESS, CONFIG_OVERRIDE,
					    CONFIG_PORT_GROUPS, NULL };
	struct config_target *target = element;
	const config_setting_t *luns = config_setting_get_member(entry, CONFIG_LUNS);
	void *array = NULL;
	int rc;

	(void)parent;
	target->place.line = reader_line_of(entry, "name");
	rc = reader_members(reader, entry, config_target_settings, target, also, CONFIG_TARGETS);
	if (rc == 0)
		rc = read_override(reader, entry, &target->override);
	if (rc == 0)
		rc = read_access(reader, entry, &target->access);
	if (rc == 0)
		rc = read_port_groups(reader, entry, target);
	if (rc != 0 || luns == NULL)
		return rc;
	rc = reader_list(reader, luns, sizeof(*target->luns), config_read_lun, target, &array,
			 &target->lun_count);
	target->luns = array;
	return rc;
}

static int read_portal(struct reader *reader, const config_setting_t *entry, void *element,
		       void *parent)
{
	static const char *const also[] = { CONFIG_ACCESS, CONFIG_OVERRIDE, NULL };
	struct config_portal *portal = element;
	int rc;

	(void)parent;
	config_portal_set_defaults(portal);
	portal->place.line = reader_line_of(entry, "address");
	rc = reader_members(reader, entry, config_portal_settings, portal, also, CONFIG_PORTALS);
	if (rc == 0)
		rc = read_override(reader, entry, &portal->override);
	return rc == 0 ? read_access(reader, entry, &portal->access) : rc;
}

/* --- the whole file ---------------------------------------------------------------- */

static int read_group(struct reader *reader, const config_setting_t *group,
		      const struct config_group *row)
{
	static const char *const also[] = { CONFIG_ACCESS, NULL };
	struct config *config = reader->config;
	bool is_discovery = strcmp(row->name, CONFIG_DISCOVERY) == 0;
	int rc;

	if (config_setting_type(group) != CONFIG_TYPE_GROUP)
		return reader_fail(reader, config_setting_source_line(group),
				   "\"%s\" must be a group: { ... }", row->name);
	if (strcmp(row->name, "isns") == 0)
		config->isns.place.line = reader_line_of(group, "server");
	if (strcmp(row->name, "iscsi") == 0)
		config->iscsi_place.line = config_setting_source_line(group);
	if (strcmp(row->name, "authentication") == 0)
		config->authentication_place.line = config_setting_source_line(group);
	if (strcmp(row->name, "performance") == 0)
		config->performance_place.line = reader_line_of(group, "cores");
	if (strcmp(row->name, "control") == 0)
		config->control.is_default = config_setting_get_member(group, "socket") == NULL;
	if (strcmp(row->name, "state") == 0) {
		config->state_place.line = reader_line_of(group, "directory");
		config->state.is_default = config_setting_get_member(group, "directory") == NULL;
	}
	rc = reader_members(reader, group, row->table, (char *)config + row->offset,
			    is_discovery ? also : NULL, row->name);
	if (rc == 0 && is_discovery)
		rc = read_access(reader, group, &config->discovery.access);
	return rc;
}

static int read_top(struct reader *reader, const config_setting_t *setting)
{
	struct config *config = reader->config;
	const char *name = config_setting_name(setting);
	struct suggestion suggestion;
	void *array = NULL;
	int rc;

	suggestion_begin(&suggestion, name);
	for (const struct config_group *row = config_groups; row->name != NULL; row++) {
		if (strcmp(row->name, name) == 0)
			return read_group(reader, setting, row);
		suggestion_offer(&suggestion, row->name);
	}
	if (strcmp(name, CONFIG_PORTALS) == 0) {
		rc = reader_list(reader, setting, sizeof(*config->portals), read_portal, NULL,
				 &array, &config->portal_count);
		config->portals = array;
		if (rc == 0 && config->portal_count == 0)
			rc = reader_fail(reader, config_setting_source_line(setting),
					 "\"" CONFIG_PORTALS "\" is empty");
		return rc;
	}
	if (strcmp(name, CONFIG_TARGETS) == 0) {
		rc = reader_list(reader, setting, sizeof(*config->targets), read_target, NULL,
				 &array, &config->target_count);
		config->targets = array;
		return rc;
	}
	if (strcmp(name, CONFIG_ACCOUNTS) == 0)
		return read_accounts(reader, setting);
	if (strcmp(name, CONFIG_GROUPS) == 0) {
		rc = reader_list(reader, setting, sizeof(*config->groups), read_initiators, NULL,
				 &array, &config->group_count);
		config->groups = array;
		return rc;
	}
	suggestion_offer(&suggestion, CONFIG_PORTALS);
	suggestion_offer(&suggestion, CONFIG_ACCOUNTS);
	suggestion_offer(&suggestion, CONFIG_GROUPS);
	suggestion_offer(&suggestion, CONFIG_TARGETS);
	return reader_fail_unknown(reader, setting, "the file", &suggestion);
}

/* A file of secrets has accounts and nothing else. */
static int read_secret(struct reader *reader, const config_setting_t *setting)
{
	struct suggestion suggestion;

	if (strcmp(config_setting_name(setting), CONFIG_ACCOUNTS) == 0)
		return read_accounts(reader, setting);
	suggestion_begin(&suggestion, config_setting_name(setting));
	suggestion_offer(&suggestion, CONFIG_ACCOUNTS);
	return reader_fail_unknown(reader, setting, "a file with secrets", &suggestion);
}

/* Has libconfig parse TEXT and reads its tree with READ. */
static int read_tree(struct reader *reader, const char *text,
		     int (*read)(struct reader *reader, const config_setting_t *setting))
{
	const config_setting_t *root;
	config_t tree;
	int rc = 0;

	config_init(&tree);
	if (config_read_string(&tree, text) != CONFIG_TRUE) {
		rc = reader_fail(reader, (unsigned)config_error_line(&tree), "%s",
				 config_error_text(&tree));
		goto destroy;
	}
	root = config_root_setting(&tree);
	for (int i = 0; rc == 0 && i < config_setting_length(root); i++)
		rc = read(reader, config_setting_get_elem(root, (unsigned)i));
destroy:
	config_destroy(&tree);
	return rc;
}

static int read_text(struct reader *reader, const char *text, size_t len,
		     int (*read)(struct reader *reader, const config_setting_t *setting))
{
	char *prepared = NULL;
	char why[300];
	unsigned line;
	int rc = config_text_prepare(text, len, &prepared, &line, why, sizeof(why));

	if (rc != 0) {
		reader_fail(reader, line, "%s", why);
		return rc;
	}
	rc = read_tree(reader, prepared, read);
	explicit_bzero(prepared, strlen(prepared));
	free(prepared);
	return rc;
}

/* The file with more accounts that the configuration names. */
static int read_secrets(struct reader *reader)
{
	const char *file = reader->config->authentication.secrets;
	const char *outer = reader->file;
	char why[300];
	size_t len;
	char *text;
	int rc;

	if (file[0] == '\0')
		return 0;
	rc = config_text_read_private(file, &text, &len, why, sizeof(why));
	if (rc != 0) {
		reader_fail(reader, reader->config->authentication_place.line, "%s", why);
		return rc;
	}
	reader->file = file;
	rc = read_text(reader, text, len, read_secret);
	reader->file = outer;
	explicit_bzero(text, len);
	free(text);
	return rc;
}

static int load(const char *name, const char *text, size_t len, struct config **out, char *error,
		size_t error_size)
{
	struct reader reader = { .file = name, .error = error, .error_size = error_size };
	char why[300];
	unsigned line;
	int rc;

	reader.config = calloc(1, sizeof(*reader.config));
	if (reader.config == NULL)
		return reader_fail_memory(&reader);
	reader.config->source = strdup(name);
	if (reader.config->source == NULL || config_set_defaults(reader.config) != 0) {
		rc = reader_fail_memory(&reader);
		goto free_config;
	}
	/* Outlives the reader: accounts refer to it. */
	reader.file = reader.config->source;
	rc = read_text(&reader, text, len, read_top);
	if (rc == 0)
		rc = read_secrets(&reader);
	if (rc != 0)
		goto free_config;
	rc = config_check(reader.config, &line, why, sizeof(why));
	if (rc != 0) {
		reader_fail(&reader, line, "%s", why);
		goto free_config;
	}
	*out = reader.config;
	return 0;

free_config:
	config_free(reader.config);
	return rc;
}

int config_load_text(const char *name, const char *text, struct config **out, char *error,
		     size_t error_size)
{
	return load(name, text, strlen(text), out, error, error_size);
}

/* Whether there are accounts in the configuration file itself. */
static bool has_own_secrets(const struct config *config)
{
	for (unsigned i = 0; i < config->account_count; i++) {
		if (config->accounts[i].source == config->source)
			return true;
	}
	return false;
}

int config_load_file(const char *file, struct config **out, char *error, size_t error_size)
{
	size_t len;
	char *text;
	int rc = config_text_read(file, &text, &len, error, error_size);

	if (rc != 0)
		return rc;
	rc = load(file, text, len, out, error, error_size);
	explicit_bzero(text, len);
	free(text);
	if (rc == 0 && has_own_secrets(*out) && config_text_is_shown(file))
		log_warning("%s holds secrets and others than its owner may read it: chmod 600 it, "
			    "or put them into a file that \"secrets\" in authentication names",
			    file);
	return rc;
}

/* --- the configuration without a file ------------------------------------------------ */

static int fail_option(const char *option, const char *value, const char *wanted, char *error,
		       size_t error_size)
{
	snprintf(error, error_size, "%s: \"%s\" is no %s", option, value, wanted);
	return -EINVAL;
}

/* Splits LISTEN, "ADDRESS:PORT" with an IPv6 address in brackets, into PORTAL. */
static int split_listen(const char *listen, struct config_portal *portal, char *error,
			size_t error_size)
{
	static const char wanted[] = "ADDRESS:PORT (say 127.0.0.1:3260 or [::1]:3260)";
	const char *colon = strrchr(listen, ':');
	const char *first = listen;
	const char *last = colon;
	uint64_t port;

	if (colon == NULL || parse_u64(colon + 1, &port) != 0 || port > 65535)
		return fail_option("--listen", listen, wanted, error, error_size);
	if (*first == '[' && last > first && last[-1] == ']') {
		first++;
		last--;
	} else if (memchr(first, ':', (size_t)(last - first)) != NULL) {
		return fail_option("--listen", listen, wanted, error, error_size);
	}
	portal->port = (uint16_t)port;
	portal->group = 1;
	portal->address = strndup(first, (size_t)(last - first));
	return portal->address != NULL ? 0 : -ENOMEM;
}

int config_load_ram(const char *size, const char *listen, const char *control, struct config **out,
		    char *error, size_t error_size)
{
	static const char format[] = "state = { directory = \"\"; }; "
				     "targets = ( { name = \"iqn.2026-11.io.pinion:ram\"; luns = ( "
				     "{ lun = 0; store = \"ram\"; size = %" PRIu64 "; } ); } );";
	struct config_portal portal = { .address = NULL };
	struct config *config;
	char text[sizeof(format) + 32];
	unsigned line;
	uint64_t bytes;
	char why[300];
	int rc;

	if (parse_size(size, &bytes) != 0 || bytes == 0 || bytes > INT64_MAX)
		return fail_option("--ram", size, "size (say 512M or 1G)", error, error_size);
	snprintf(text, sizeof(text), format, bytes);
	rc = config_load_text("--ram", text, &config, error, error_size);
	if (rc != 0)
		return rc;
	rc = split_listen(listen != NULL ? listen : "127.0.0.1:3260", &portal, error, error_size);
	if (rc != 0)
		goto free_config;
	for (unsigned i = 0; i < config->portal_count; i++)
		free(config->portals[i].address);
	config->portals[0] = portal;
	config->portal_count = 1;
	if (control != NULL) {
		free(config->control.socket);
		config->control.socket = strdup(control);
		config->control.is_default = false;
	}
	rc = -ENOMEM;
	snprintf(error, error_size, "out of memory");
	if (config->control.socket == NULL)
		goto free_config;
	rc = config_check(config, &line, why, sizeof(why));
	if (rc != 0) {
		snprintf(error, error_size, "--listen, --control: %s", why);
		goto free_config;
	}
	*out = config;
	return 0;

free_config:
	config_free(config);
	return rc;
}
