/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration file: libconfig's tree to struct config, by the tables of
 * config_tables.c. The only file that knows libconfig. Every error is one line
 * that begins with file and line number.
 */
#include "daemon/config.h"

#include <errno.h>
#include <inttypes.h>
#include <libconfig.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/parse.h"
#include "daemon/config_check.h"
#include "daemon/config_tables.h"
#include "daemon/config_text.h"
#include "daemon/settings.h"

struct reader {
	const char *file;
	struct config *config;
	char *error;
	size_t error_size;
};

/* --- messages ------------------------------------------------------------------ */

static int fail(struct reader *reader, unsigned line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Fills the reader's error. Always -EINVAL. */
static int fail(struct reader *reader, unsigned line, const char *format, ...)
{
	va_list arguments;
	int used;

	if (line != 0)
		used = snprintf(reader->error, reader->error_size, "%s:%u: ", reader->file, line);
	else
		used = snprintf(reader->error, reader->error_size, "%s: ", reader->file);
	if (used < 0 || (size_t)used >= reader->error_size)
		return -EINVAL;
	va_start(arguments, format);
	vsnprintf(reader->error + used, reader->error_size - (size_t)used, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

static int fail_memory(struct reader *reader)
{
	fail(reader, 0, "out of memory");
	return -ENOMEM;
}

static int fail_unknown(struct reader *reader, const config_setting_t *setting, const char *where,
			const struct suggestion *suggestion)
{
	const char *best = suggestion_best(suggestion);

	if (best != NULL)
		return fail(reader, config_setting_source_line(setting),
			    "unknown setting \"%s\" in %s (did you mean \"%s\"?)",
			    config_setting_name(setting), where, best);
	return fail(reader, config_setting_source_line(setting), "unknown setting \"%s\" in %s",
		    config_setting_name(setting), where);
}

/* --- scalars ------------------------------------------------------------------- */

static struct setting_value read_value(const config_setting_t *setting)
{
	struct setting_value value = { .written = WRITTEN_OTHER };

	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		value.written = WRITTEN_INTEGER;
		value.integer = config_setting_type(setting) == CONFIG_TYPE_INT
					? config_setting_get_int(setting)
					: config_setting_get_int64(setting);
		break;
	case CONFIG_TYPE_BOOL:
		value.written = WRITTEN_BOOL;
		value.truth = config_setting_get_bool(setting) != 0;
		break;
	case CONFIG_TYPE_STRING:
		value.written = WRITTEN_STRING;
		value.text = config_setting_get_string(setting);
		break;
	case CONFIG_TYPE_FLOAT:
		value.text = "a number with a fraction";
		break;
	case CONFIG_TYPE_GROUP:
		value.text = "a group";
		break;
	default:
		value.text = "a list";
		break;
	}
	return value;
}

/* Stores the elements of SETTING, or itself where it is no array, into ROW's list. */
static int read_elements(const config_setting_t *setting, const struct setting *row, void *base,
			 char *why, size_t why_size)
{
	struct setting_list *list = (struct setting_list *)(void *)((char *)base + row->offset);
	bool is_array = config_setting_type(setting) == CONFIG_TYPE_ARRAY ||
			config_setting_type(setting) == CONFIG_TYPE_LIST;
	int length = is_array ? config_setting_length(setting) : 1;
	int rc = 0;

	list->is_set = true;
	for (int i = 0; rc == 0 && i < length; i++) {
		struct setting_value value = read_value(
			is_array ? config_setting_get_elem(setting, (unsigned)i) : setting);

		rc = setting_append(row, base, &value, why, why_size);
	}
	return rc;
}

/* Stores SETTING by its ROW into the structure at BASE. */
static int read_scalar(struct reader *reader, const config_setting_t *setting,
		       const struct setting *row, void *base, const char *where)
{
	bool is_list = row->type == SETTING_STRINGS || row->type == SETTING_NUMBERS;
	struct setting_value value = read_value(setting);
	char why[200];
	int rc = is_list ? read_elements(setting, row, base, why, sizeof(why)) :
			   setting_store(row, base, &value, why, sizeof(why));

	if (rc == 0)
		return 0;
	fail(reader, config_setting_source_line(setting), "\"%s\" in %s %s", row->name, where, why);
	return rc;
}

/* That every required row of TABLE stands in GROUP. */
static int check_required(struct reader *reader, const config_setting_t *group,
			  const struct setting *table, const char *where)
{
	for (const struct setting *row = table; row->name != NULL; row++) {
		if (row->required && config_setting_get_member(group, row->name) == NULL)
			return fail(reader, config_setting_source_line(group),
				    "the setting \"%s\" is missing in %s", row->name, where);
	}
	return 0;
}

static bool is_one_of(const char *const *names, const char *name)
{
	for (; names != NULL && *names != NULL; names++) {
		if (strcmp(*names, name) == 0)
			return true;
	}
	return false;
}

/*
 * Reads the members of GROUP that TABLE knows into BASE. One that it does not
 * know must be one of ALSO (ended by NULL, or NULL): that is the caller's.
 */
static int read_members(struct reader *reader, const config_setting_t *group,
			const struct setting *table, void *base, const char *const *also,
			const char *where)
{
	int rc = check_required(reader, group, table, where);

	for (int i = 0; rc == 0 && i < config_setting_length(group); i++) {
		const config_setting_t *member = config_setting_get_elem(group, (unsigned)i);
		const struct setting *row = setting_find(table, config_setting_name(member));
		struct suggestion suggestion;

		if (row != NULL) {
			rc = read_scalar(reader, member, row, base, where);
			continue;
		}
		if (is_one_of(also, config_setting_name(member)))
			continue;
		suggestion_begin(&suggestion, config_setting_name(member));
		for (const char *const *name = also; name != NULL && *name != NULL; name++)
			suggestion_offer(&suggestion, *name);
		suggestion_offer_table(&suggestion, table);
		rc = fail_unknown(reader, member, where, &suggestion);
	}
	return rc;
}

/* --- lists of groups ------------------------------------------------------------- */

/* Reads one ENTRY of a list into ELEMENT, which is all zero. */
typedef int (*read_entry_fn)(struct reader *reader, const config_setting_t *entry, void *element,
			     void *parent);

/*
 * Reads the groups of LIST with READ into *array, *count elements of SIZE bytes.
 * After a failure these are what was read, for the caller to free.
 */
static int read_list(struct reader *reader, const config_setting_t *list, size_t size,
		     read_entry_fn read, void *parent, void **array, unsigned *count)
{
	const char *name = config_setting_name(list);
	unsigned length = (unsigned)config_setting_length(list);
	int rc = 0;

	if (config_setting_type(list) != CONFIG_TYPE_LIST &&
	    !(config_setting_type(list) == CONFIG_TYPE_ARRAY && length == 0))
		return fail(reader, config_setting_source_line(list),
			    "\"%s\" must be a list of groups: ( { ... }, { ... } )", name);
	*array = calloc(length != 0 ? length : 1, size);
	if (*array == NULL)
		return fail_memory(reader);
	for (unsigned i = 0; rc == 0 && i < length; i++) {
		const config_setting_t *entry = config_setting_get_elem(list, i);

		if (config_setting_type(entry) != CONFIG_TYPE_GROUP)
			return fail(reader, config_setting_source_line(entry),
				    "each entry of \"%s\" must be a group: { ... }", name);
		*count = i + 1;
		rc = read(reader, entry, (char *)*array + i * size, parent);
	}
	return rc;
}

/* --- stores ---------------------------------------------------------------------- */

/* Checks VALUE against ROW of a store's table; TEXT becomes what the store is given. */
static int check_argument(const struct store_setting *row, const struct setting_value *value,
			  char **text, char *why, size_t why_size)
{
	static const enum setting_type types[] = {
		[STORE_SETTING_STRING] = SETTING_STRING, [STORE_SETTING_SIZE] = SETTING_SIZE,
		[STORE_SETTING_BOOL] = SETTING_BOOL,	 [STORE_SETTING_CHOICE] = SETTING_CHOICE,
		[STORE_SETTING_NUMBER] = SETTING_INTEGER,
	};
	struct checked {
		char *string;
		int64_t number;
		bool truth;
	} checked = { .string = NULL };
	struct setting like = { row->name, types[row->type], .min = 0, .max = INT64_MAX,
				.choices = row->choices };
	char number[32];
	int rc;

	if (like.type == SETTING_STRING) {
		like.max = 4095;
		like.offset = offsetof(struct checked, string);
	} else if (like.type == SETTING_BOOL) {
		like.offset = offsetof(struct checked, truth);
	} else {
		like.offset = offsetof(struct checked, number);
		like.width = sizeof(checked.number);
	}
	rc = setting_store(&like, &checked, value, why, why_size);
	free(checked.string);
	if (rc != 0)
		return rc;
	if (value->written == WRITTEN_STRING) {
		*text = strdup(value->text);
	} else if (value->written == WRITTEN_BOOL) {
		*text = strdup(value->truth ? "true" : "false");
	} else {
		snprintf(number, sizeof(number), "%" PRId64, value->integer);
		*text = strdup(number);
	}
	return *text != NULL ? 0 : -ENOMEM;
}

static const struct store_setting *find_store_setting(const struct store_ops *ops, const char *name)
{
	for (const struct store_setting *row = ops->settings; row != NULL && row->name != NULL;
	     row++) {
		if (strcmp(row->name, name) == 0)
			return row;
	}
	return NULL;
}

/* Takes MEMBER as an argument of STORE; -ENOENT where its table does not know it. */
static int read_argument(struct reader *reader, const config_setting_t *member,
			 struct config_store *store, const char *where)
{
	const struct store_setting *row =
		find_store_setting(store->ops, config_setting_name(member));
	struct setting_value value = read_value(member);
	struct store_argument *argument;
	char why[200];
	char *text;
	int rc;

	if (row == NULL)
		return -ENOENT;
	rc = check_argument(row, &value, &text, why, sizeof(why));
	if (rc == -ENOMEM)
		return fail_memory(reader);
	if (rc != 0)
		return fail(reader, config_setting_source_line(member), "\"%s\" in %s %s",
			    row->name, where, why);
	argument = &store->arguments[store->argument_count++];
	argument->name = row->name;
	argument->value = text;
	return 0;
}

static int fail_store_kind(struct reader *reader, const config_setting_t *member, const char *where,
			   const char *kind)
{
	struct suggestion suggestion;
	char known[256] = "";
	size_t used = 0;

	suggestion_begin(&suggestion, kind);
	for (const struct store_ops *const *ops = store_kinds; *ops != NULL; ops++) {
		suggestion_offer(&suggestion, (*ops)->name);
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s\"%s\"",
					 used == 0 ? "" : ", ", (*ops)->name);
		if (used >= sizeof(known))
			break;
	}
	if (suggestion_best(&suggestion) != NULL)
		return fail(reader, config_setting_source_line(member),
			    "there is no store \"%s\" in %s (did you mean \"%s\"?)", kind, where,
			    suggestion_best(&suggestion));
	return fail(reader, config_setting_source_line(member),
		    "there is no store \"%s\" in %s; there are %s", kind, where, known);
}

/* Finds which kind of store GROUP names and makes room for its arguments. */
static int begin_store(struct reader *reader, const config_setting_t *group, bool is_filter,
		       struct config_store *store, const char *where)
{
	const config_setting_t *member = config_setting_get_member(group, CONFIG_STORE);
	unsigned line = config_setting_source_line(group);
	const char *kind;

	if (member == NULL)
		return fail(reader, line, "the setting \"" CONFIG_STORE "\" is missing in %s", where);
	line = config_setting_source_line(member);
	kind = config_setting_get_string(member);
	if (kind == NULL)
		return fail(reader, line, "\"" CONFIG_STORE "\" in %s must be text in quotes", where);
	store->ops = store_kind(kind);
	if (store->ops == NULL)
		return fail_store_kind(reader, member, where, kind);
	if (store->ops->stacks && !is_filter)
		return fail(reader, line,
			    "store \"%s\" in %s stands on another one: name it in \"" CONFIG_FILTERS
			    "\"",
			    kind, where);
	if (!store->ops->stacks && is_filter)
		return fail(reader, line, "store \"%s\" in %s cannot stand on another one", kind,
			    where);
	store->place.line = config_setting_source_line(group);
	store->arguments =
		calloc((size_t)config_setting_length(group), sizeof(*store->arguments));
	return store->arguments != NULL ? 0 : fail_memory(reader);
}

/* That STORE was given everything that its table demands. */
static int end_store(struct reader *reader, const config_setting_t *group,
		     const struct config_store *store, const char *where)
{
	for (const struct store_setting *row = store->ops->settings;
	     row != NULL && row->name != NULL; row++) {
		if (row->required && config_setting_get_member(group, row->name) == NULL)
			return fail(reader, store->place.line,
				    "the setting \"%s\" of store \"%s\" is missing in %s", row->name,
				    store->ops->name, where);
	}
	return 0;
}

static void offer_store(struct suggestion *suggestion, const struct store_ops *ops)
{
	for (const struct store_setting *row = ops->settings; row != NULL && row->name != NULL;
	     row++)
		suggestion_offer(suggestion, row->name);
}

/* One entry of a LUN's filters; PARENT is the text that names the LUN. */
static int read_filter(struct reader *reader, const config_setting_t *entry, void *element,
		       void *parent)
{
	struct config_store *store = element;
	struct suggestion suggestion;
	char where[320];
	int rc;

	snprintf(where, sizeof(where), "a filter of %s", (const char *)parent);
	rc = begin_store(reader, entry, true, store, where);
	for (int i = 0; rc == 0 && i < config_setting_length(entry); i++) {
		const config_setting_t *member = config_setting_get_elem(entry, (unsigned)i);

		if (strcmp(config_setting_name(member), CONFIG_STORE) == 0)
			continue;
		rc = read_argument(reader, member, store, where);
		if (rc != -ENOENT)
			continue;
		suggestion_begin(&suggestion, config_setting_name(member));
		offer_store(&suggestion, store->ops);
		return fail_unknown(reader, member, where, &suggestion);
	}
	return rc != 0 ? rc : end_store(reader, entry, store, where);
}

/* --- LUNs ------------------------------------------------------------------------ */

static int read_filters(struct reader *reader, const config_setting_t *list, struct config_lun *lun,
			char *where)
{
	unsigned length = (unsigned)config_setting_length(list);
	struct config_store *stores;
	void *filters = NULL;
	unsigned count = 0;
	int rc;

	stores = realloc(lun->stores, (length + 1) * sizeof(*stores));
	if (stores == NULL)
		return fail_memory(reader);
	lun->stores = stores;
	rc = read_list(reader, list, sizeof(*stores), read_filter, where, &filters, &count);
	/* What was read, whole or not, goes on top of the store and is freed with it. */
	if (count != 0)
		memcpy(stores + 1, filters, count * sizeof(*stores));
	lun->store_count = count + 1;
	free(filters);
	return rc;
}

/* A member of a LUN: of the LU, of its store, of both, or of neither. */
static int read_lun_member(struct reader *reader, const config_setting_t *member,
			   struct config_lun *lun, char *where)
{
	const char *name = config_setting_name(member);
	const struct setting *row = setting_find(config_lun_settings, name);
	struct suggestion suggestion;
	int rc;

	if (strcmp(name, CONFIG_STORE) == 0)
		return 0;
	if (strcmp(name, CONFIG_FILTERS) == 0)
		return read_filters(reader, member, lun, where);
	if (row != NULL) {
		rc = read_scalar(reader, member, row, lun, where);
		if (rc != 0)
			return rc;
	}
	rc = read_argument(reader, member, &lun->stores[0], where);
	if (rc != -ENOENT || row != NULL)
		return rc == -ENOENT ? 0 : rc;
	suggestion_begin(&suggestion, name);
	suggestion_offer(&suggestion, CONFIG_STORE);
	suggestion_offer(&suggestion, CONFIG_FILTERS);
	suggestion_offer_table(&suggestion, config_lun_settings);
	offer_store(&suggestion, lun->stores[0].ops);
	return fail_unknown(reader, member, where, &suggestion);
}

/* The line of GROUP's member NAME, by which people know the entry; else its own. */
static unsigned line_of(const config_setting_t *group, const char *name)
{
	const config_setting_t *member = config_setting_get_member(group, name);

	return config_setting_source_line(member != NULL ? member : group);
}

static int read_lun(struct reader *reader, const config_setting_t *entry, void *element,
		    void *parent)
{
	const struct config_target *target = parent;
	struct config_lun *lun = element;
	char where[300];
	int number = -1;
	int rc;

	config_lun_set_defaults(lun);
	lun->place.line = line_of(entry, "lun");
	if (config_setting_lookup_int(entry, "lun", &number))
		snprintf(where, sizeof(where), "LUN %d of %s", number, target->name);
	else
		snprintf(where, sizeof(where), "a LUN of %s", target->name);
	lun->stores = calloc(1, sizeof(*lun->stores));
	if (lun->stores == NULL)
		return fail_memory(reader);
	lun->store_count = 1;
	rc = check_required(reader, entry, config_lun_settings, where);
	if (rc == 0)
		rc = begin_store(reader, entry, false, &lun->stores[0], where);
	for (int i = 0; rc == 0 && i < config_setting_length(entry); i++)
		rc = read_lun_member(reader, config_setting_get_elem(entry, (unsigned)i), lun,
				     where);
	return rc != 0 ? rc : end_store(reader, entry, &lun->stores[0], where);
}

/* --- who may use what ---------------------------------------------------------------- */

static int read_view_lun(struct reader *reader, const config_setting_t *entry, void *element,
			 void *parent)
{
	struct config_view_lun *lun = element;

	(void)parent;
	config_view_lun_set_defaults(lun);
	lun->place.line = line_of(entry, "lun");
	return read_members(reader, entry, config_view_lun_settings, lun, NULL,
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
	rc = read_members(reader, entry, config_rule_settings, rule, also, CONFIG_ACCESS);
	if (rc != 0 || luns == NULL)
		return rc;
	rule->has_luns = true;
	rc = read_list(reader, luns, sizeof(*rule->luns), read_view_lun, NULL, &array,
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
	rc = read_list(reader, list, sizeof(*access->rules), read_rule, NULL, &array,
		       &access->rule_count);
	access->rules = array;
	return rc;
}

static int read_account(struct reader *reader, const config_setting_t *entry, void *element,
			void *parent)
{
	struct config_account *account = element;

	(void)parent;
	account->place.line = line_of(entry, "name");
	account->source = reader->file;
	return read_members(reader, entry, config_account_settings, account, NULL,
			    CONFIG_ACCOUNTS);
}

/* Those of LIST beside those that were read from another file. */
static int read_accounts(struct reader *reader, const config_setting_t *list)
{
	struct config *config = reader->config;
	struct config_account *accounts;
	void *more = NULL;
	unsigned count = 0;
	int rc = read_list(reader, list, sizeof(*accounts), read_account, NULL, &more, &count);

	accounts = realloc(config->accounts,
			   (config->account_count + count + 1) * sizeof(*accounts));
	if (accounts == NULL)
		return fail_memory(reader);
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
	group->place.line = line_of(entry, "name");
	return read_members(reader, entry, config_initiators_settings, group, NULL,
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
		return fail(reader, config_setting_source_line(values),
			    "\"" CONFIG_OVERRIDE "\" must be a group: { ... }");
	for (int i = 0; i < config_setting_length(values); i++) {
		const config_setting_t *member = config_setting_get_elem(values, (unsigned)i);
		const struct setting *row =
			setting_find(config_override_settings, config_setting_name(member));

		if (row != NULL)
			memset(override->given + row->offset, 1, row->width);
	}
	return read_members(reader, values, config_override_settings, &override->values, NULL,
			    CONFIG_OVERRIDE);
}

static int read_port_group(struct reader *reader, const config_setting_t *entry, void *element,
			   void *parent)
{
	struct config_port_group *group = element;

	(void)parent;
	group->place.line = line_of(entry, "group");
	return read_members(reader, entry, config_port_group_settings, group, NULL,
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
		return fail(reader, config_setting_source_line(list),
			    "\"" CONFIG_PORT_GROUPS "\" of %s needs alua", target->name);
	rc = read_list(reader, list, sizeof(*target->port_groups), read_port_group, NULL, &array,
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
	target->place.line = line_of(entry, "name");
	rc = read_members(reader, entry, config_target_settings, target, also, CONFIG_TARGETS);
	if (rc == 0)
		rc = read_override(reader, entry, &target->override);
	if (rc == 0)
		rc = read_access(reader, entry, &target->access);
	if (rc == 0)
		rc = read_port_groups(reader, entry, target);
	if (rc != 0 || luns == NULL)
		return rc;
	rc = read_list(reader, luns, sizeof(*target->luns), read_lun, target, &array,
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
	portal->place.line = line_of(entry, "address");
	rc = read_members(reader, entry, config_portal_settings, portal, also, CONFIG_PORTALS);
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
		return fail(reader, config_setting_source_line(group),
			    "\"%s\" must be a group: { ... }", row->name);
	if (strcmp(row->name, "isns") == 0)
		config->isns.place.line = line_of(group, "server");
	if (strcmp(row->name, "iscsi") == 0)
		config->iscsi_place.line = config_setting_source_line(group);
	if (strcmp(row->name, "authentication") == 0)
		config->authentication_place.line = config_setting_source_line(group);
	if (strcmp(row->name, "performance") == 0)
		config->performance_place.line = line_of(group, "cores");
	if (strcmp(row->name, "control") == 0)
		config->control.is_default = config_setting_get_member(group, "socket") == NULL;
	if (strcmp(row->name, "state") == 0) {
		config->state_place.line = line_of(group, "directory");
		config->state.is_default = config_setting_get_member(group, "directory") == NULL;
	}
	rc = read_members(reader, group, row->table, (char *)config + row->offset,
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
		rc = read_list(reader, setting, sizeof(*config->portals), read_portal, NULL, &array,
			       &config->portal_count);
		config->portals = array;
		if (rc == 0 && config->portal_count == 0)
			rc = fail(reader, config_setting_source_line(setting),
				  "\"" CONFIG_PORTALS "\" is empty");
		return rc;
	}
	if (strcmp(name, CONFIG_TARGETS) == 0) {
		rc = read_list(reader, setting, sizeof(*config->targets), read_target, NULL, &array,
			       &config->target_count);
		config->targets = array;
		return rc;
	}
	if (strcmp(name, CONFIG_ACCOUNTS) == 0)
		return read_accounts(reader, setting);
	if (strcmp(name, CONFIG_GROUPS) == 0) {
		rc = read_list(reader, setting, sizeof(*config->groups), read_initiators, NULL,
			       &array, &config->group_count);
		config->groups = array;
		return rc;
	}
	suggestion_offer(&suggestion, CONFIG_PORTALS);
	suggestion_offer(&suggestion, CONFIG_ACCOUNTS);
	suggestion_offer(&suggestion, CONFIG_GROUPS);
	suggestion_offer(&suggestion, CONFIG_TARGETS);
	return fail_unknown(reader, setting, "the file", &suggestion);
}

/* A file of secrets has accounts and nothing else. */
static int read_secret(struct reader *reader, const config_setting_t *setting)
{
	struct suggestion suggestion;

	if (strcmp(config_setting_name(setting), CONFIG_ACCOUNTS) == 0)
		return read_accounts(reader, setting);
	suggestion_begin(&suggestion, config_setting_name(setting));
	suggestion_offer(&suggestion, CONFIG_ACCOUNTS);
	return fail_unknown(reader, setting, "a file with secrets", &suggestion);
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
		rc = fail(reader, (unsigned)config_error_line(&tree), "%s",
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
		fail(reader, line, "%s", why);
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
		fail(reader, reader->config->authentication_place.line, "%s", why);
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
		return fail_memory(&reader);
	reader.config->source = strdup(name);
	if (reader.config->source == NULL || config_set_defaults(reader.config) != 0) {
		rc = fail_memory(&reader);
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
		fail(&reader, line, "%s", why);
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
	static const char wanted[] =
		"ADDRESS:PORT (say 127.0.0.1:3260 or [::1]:3260)";
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

int config_load_ram(const char *size, const char *listen, const char *control,
		    struct config **out, char *error, size_t error_size)
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
