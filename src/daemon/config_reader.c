/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading libconfig's tree by tables of settings; see config_reader.h. */
#include "daemon/config_reader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- messages ------------------------------------------------------------------ */

int reader_fail(struct reader *reader, unsigned line, const char *format, ...)
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

int reader_fail_memory(struct reader *reader)
{
	reader_fail(reader, 0, "out of memory");
	return -ENOMEM;
}

int reader_fail_unknown(struct reader *reader, const config_setting_t *setting, const char *where,
			const struct suggestion *suggestion)
{
	const char *best = suggestion_best(suggestion);

	if (best != NULL)
		return reader_fail(reader, config_setting_source_line(setting),
				   "unknown setting \"%s\" in %s (did you mean \"%s\"?)",
				   config_setting_name(setting), where, best);
	return reader_fail(reader, config_setting_source_line(setting),
			   "unknown setting \"%s\" in %s", config_setting_name(setting), where);
}

/* --- scalars ------------------------------------------------------------------- */

struct setting_value reader_value(const config_setting_t *setting)
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
		struct setting_value value = reader_value(
			is_array ? config_setting_get_elem(setting, (unsigned)i) : setting);

		rc = setting_append(row, base, &value, why, why_size);
	}
	return rc;
}

int reader_scalar(struct reader *reader, const config_setting_t *setting, const struct setting *row,
		  void *base, const char *where)
{
	bool is_list = row->type == SETTING_STRINGS || row->type == SETTING_NUMBERS;
	struct setting_value value = reader_value(setting);
	char why[200];
	int rc = is_list ? read_elements(setting, row, base, why, sizeof(why))
			 : setting_store(row, base, &value, why, sizeof(why));

	if (rc == 0)
		return 0;
	reader_fail(reader, config_setting_source_line(setting), "\"%s\" in %s %s", row->name,
		    where, why);
	return rc;
}

/* That every required row of TABLE stands in GROUP. */
int reader_required(struct reader *reader, const config_setting_t *group,
		    const struct setting *table, const char *where)
{
	for (const struct setting *row = table; row->name != NULL; row++) {
		if (row->required && config_setting_get_member(group, row->name) == NULL)
			return reader_fail(reader, config_setting_source_line(group),
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

int reader_members(struct reader *reader, const config_setting_t *group,
		   const struct setting *table, void *base, const char *const *also,
		   const char *where)
{
	int rc = reader_required(reader, group, table, where);

	for (int i = 0; rc == 0 && i < config_setting_length(group); i++) {
		const config_setting_t *member = config_setting_get_elem(group, (unsigned)i);
		const struct setting *row = setting_find(table, config_setting_name(member));
		struct suggestion suggestion;

		if (row != NULL) {
			rc = reader_scalar(reader, member, row, base, where);
			continue;
		}
		if (is_one_of(also, config_setting_name(member)))
			continue;
		suggestion_begin(&suggestion, config_setting_name(member));
		for (const char *const *name = also; name != NULL && *name != NULL; name++)
			suggestion_offer(&suggestion, *name);
		suggestion_offer_table(&suggestion, table);
		rc = reader_fail_unknown(reader, member, where, &suggestion);
	}
	return rc;
}

/* --- lists of groups ------------------------------------------------------------- */

int reader_list(struct reader *reader, const config_setting_t *list, size_t size,
		reader_entry_fn read, void *parent, void **array, unsigned *count)
{
	const char *name = config_setting_name(list);
	unsigned length = (unsigned)config_setting_length(list);
	int rc = 0;

	if (config_setting_type(list) != CONFIG_TYPE_LIST &&
	    !(config_setting_type(list) == CONFIG_TYPE_ARRAY && length == 0))
		return reader_fail(reader, config_setting_source_line(list),
				   "\"%s\" must be a list of groups: ( { ... }, { ... } )", name);
	*array = calloc(length != 0 ? length : 1, size);
	if (*array == NULL)
		return reader_fail_memory(reader);
	for (unsigned i = 0; rc == 0 && i < length; i++) {
		const config_setting_t *entry = config_setting_get_elem(list, i);

		if (config_setting_type(entry) != CONFIG_TYPE_GROUP)
			return reader_fail(reader, config_setting_source_line(entry),
					   "each entry of \"%s\" must be a group: { ... }", name);
		*count = i + 1;
		rc = read(reader, entry, (char *)*array + i * size, parent);
	}
	return rc;
}

unsigned reader_line_of(const config_setting_t *group, const char *name)
{
	const config_setting_t *member = config_setting_get_member(group, name);

	return config_setting_source_line(member != NULL ? member : group);
}
