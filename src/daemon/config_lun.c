/* SPDX-License-Identifier: BSD-2-Clause */
/* The entries of a target's LUNs: their settings, their stores and the filters on them. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/parse.h"
#include "daemon/config_reader.h"
#include "daemon/config_tables.h"

/* --- stores ---------------------------------------------------------------------- */

/* Checks VALUE against ROW of a store's table; TEXT becomes what the store is given. */
static int check_argument(const struct store_setting *row, const struct setting_value *value,
			  char **text, char *why, size_t why_size)
{
	static const enum setting_type types[] = {
		[STORE_SETTING_STRING] = SETTING_STRING,  [STORE_SETTING_SIZE] = SETTING_SIZE,
		[STORE_SETTING_BOOL] = SETTING_BOOL,      [STORE_SETTING_CHOICE] = SETTING_CHOICE,
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
	struct setting_value value = reader_value(member);
	struct store_argument *argument;
	char why[200];
	char *text;
	int rc;

	if (row == NULL)
		return -ENOENT;
	rc = check_argument(row, &value, &text, why, sizeof(why));
	if (rc == -ENOMEM)
		return reader_fail_memory(reader);
	if (rc != 0)
		return reader_fail(reader, config_setting_source_line(member), "\"%s\" in %s %s",
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
		return reader_fail(reader, config_setting_source_line(member),
				   "there is no store \"%s\" in %s (did you mean \"%s\"?)", kind,
				   where, suggestion_best(&suggestion));
	return reader_fail(reader, config_setting_source_line(member),
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
		return reader_fail(reader, line,
				   "the setting \"" CONFIG_STORE "\" is missing in %s", where);
	line = config_setting_source_line(member);
	kind = config_setting_get_string(member);
	if (kind == NULL)
		return reader_fail(reader, line,
				   "\"" CONFIG_STORE "\" in %s must be text in quotes", where);
	store->ops = store_kind(kind);
	if (store->ops == NULL)
		return fail_store_kind(reader, member, where, kind);
	if (store->ops->stacks && !is_filter)
		return reader_fail(
			reader, line,
			"store \"%s\" in %s stands on another one: name it in \"" CONFIG_FILTERS
			"\"",
			kind, where);
	if (!store->ops->stacks && is_filter)
		return reader_fail(reader, line, "store \"%s\" in %s cannot stand on another one",
				   kind, where);
	store->place.line = config_setting_source_line(group);
	store->arguments = calloc((size_t)config_setting_length(group), sizeof(*store->arguments));
	return store->arguments != NULL ? 0 : reader_fail_memory(reader);
}

/* That STORE was given everything that its table demands. */
static int end_store(struct reader *reader, const config_setting_t *group,
		     const struct config_store *store, const char *where)
{
	for (const struct store_setting *row = store->ops->settings;
	     row != NULL && row->name != NULL; row++) {
		if (row->required && config_setting_get_member(group, row->name) == NULL)
			return reader_fail(reader, store->place.line,
					   "the setting \"%s\" of store \"%s\" is missing in %s",
					   row->name, store->ops->name, where);
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
		return reader_fail_unknown(reader, member, where, &suggestion);
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
		return reader_fail_memory(reader);
	lun->stores = stores;
	rc = reader_list(reader, list, sizeof(*stores), read_filter, where, &filters, &count);
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
		rc = reader_scalar(reader, member, row, lun, where);
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
	return reader_fail_unknown(reader, member, where, &suggestion);
}

int config_read_lun(struct reader *reader, const config_setting_t *entry, void *element,
		    void *parent)
{
	const struct config_target *target = parent;
	struct config_lun *lun = element;
	char where[300];
	int number = -1;
	int rc;

	config_lun_set_defaults(lun);
	lun->place.line = reader_line_of(entry, "lun");
	if (config_setting_lookup_int(entry, "lun", &number))
		snprintf(where, sizeof(where), "LUN %d of %s", number, target->name);
	else
		snprintf(where, sizeof(where), "a LUN of %s", target->name);
	lun->stores = calloc(1, sizeof(*lun->stores));
	if (lun->stores == NULL)
		return reader_fail_memory(reader);
	lun->store_count = 1;
	rc = reader_required(reader, entry, config_lun_settings, where);
	if (rc == 0)
		rc = begin_store(reader, entry, false, &lun->stores[0], where);
	for (int i = 0; rc == 0 && i < config_setting_length(entry); i++)
		rc = read_lun_member(reader, config_setting_get_elem(entry, (unsigned)i), lun,
				     where);
	return rc != 0 ? rc : end_store(reader, entry, &lun->stores[0], where);
}
