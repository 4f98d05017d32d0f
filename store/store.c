/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all stores have in common: the table of kinds, opening with the checks
 * of what the administrator wrote, and the checks of each operation. What one
 * kind does is in its own file.
 */
#include "store/store.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/container.h"
#include "base/parse.h"
#include "store/kinds.h"
#include "store/settings.h"

const struct store_ops *const store_kinds[] = {
	&store_file_ops,
	&store_ram_ops,
	&store_null_ops,
	&store_faulty_ops,
	&store_delay_ops,
	&store_trace_ops,
	NULL,
};

const struct store_ops *store_kind(const char *name)
{
	for (const struct store_ops *const *kind = store_kinds; *kind != NULL; kind++) {
		if (strcmp((*kind)->name, name) == 0)
			return *kind;
	}
	return NULL;
}

int store_refuse(struct store_error *error, int err, const char *argument, const char *format, ...)
{
	va_list arguments;

	error->argument = argument;
	va_start(arguments, format);
	vsnprintf(error->text, sizeof(error->text), format, arguments);
	va_end(arguments);
	return err;
}

/* --- settings --- */

static const struct store_setting *find_setting(const struct store_setting *settings,
						const char *name)
{
	for (; settings->name != NULL; settings++) {
		if (strcmp(settings->name, name) == 0)
			return settings;
	}
	return NULL;
}

/* The index of WORD among CHOICES ("auto|on|off"), or -1. */
static int choice_index(const char *choices, const char *word)
{
	size_t len = strlen(word);
	int index = 0;

	for (const char *at = choices;; at++, index++) {
		const char *end = strchrnul(at, '|');

		if ((size_t)(end - at) == len && memcmp(at, word, len) == 0)
			return index;
		if (*end == '\0')
			return -1;
		at = end;
	}
}

static int refuse_value(const struct store_setting *setting, const char *value,
			struct store_error *error, const char *wanted)
{
	return store_refuse(error, -EINVAL, setting->name, "%s = \"%.80s\" is not %s",
			    setting->name, value, wanted);
}

static int check_value(const struct store_setting *setting, const char *value,
		       struct store_error *error)
{
	uint64_t number;

	switch (setting->type) {
	case STORE_SETTING_STRING:
		if (value[0] == '\0')
			return store_refuse(error, -EINVAL, setting->name, "%s is empty",
					    setting->name);
		return 0;
	case STORE_SETTING_SIZE:
		if (parse_size(value, &number) < 0)
			return refuse_value(setting, value, error,
					    "a size (as 4096, \"512M\", \"1G\" or \"2T\")");
		return 0;
	case STORE_SETTING_NUMBER:
		if (parse_u64(value, &number) < 0)
			return refuse_value(setting, value, error, "a number");
		return 0;
	case STORE_SETTING_BOOL:
		if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
			return refuse_value(setting, value, error, "true or false");
		return 0;
	case STORE_SETTING_CHOICE:
		if (choice_index(setting->choices, value) < 0)
			return refuse_value(setting, value, error, setting->choices);
		return 0;
	}
	assert(!"a setting of no type");
	return -EINVAL;
}

/* Writes the names of SETTINGS, separated by commas. */
static void list_names(const struct store_setting *settings, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (; settings->name != NULL && used < size; settings++)
		used += (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? ", " : "",
					 settings->name);
}

static int check_argument(const struct store_ops *ops, const struct store_config *config,
			  unsigned index, struct store_error *error)
{
	const struct store_argument *argument = &config->arguments[index];
	const struct store_setting *setting = find_setting(ops->settings, argument->name);

	if (setting == NULL) {
		char names[120];

		list_names(ops->settings, names, sizeof(names));
		return store_refuse(error, -EINVAL, argument->name,
				    "store \"%s\" has no setting \"%.60s\"; it has: %s", ops->name,
				    argument->name, names);
	}
	for (unsigned i = 0; i < index; i++) {
		if (strcmp(config->arguments[i].name, argument->name) == 0)
			return store_refuse(error, -EINVAL, setting->name, "%s is given twice",
					    setting->name);
	}
	return check_value(setting, argument->value, error);
}

static int check_arguments(const struct store_ops *ops, const struct store_config *config,
			   struct store_error *error)
{
	for (unsigned i = 0; i < config->argument_count; i++) {
		int rc = check_argument(ops, config, i, error);

		if (rc < 0)
			return rc;
	}
	for (const struct store_setting *at = ops->settings; at->name != NULL; at++) {
		if (at->required && settings_text(config, at->name) == NULL)
			return store_refuse(error, -EINVAL, at->name, "store \"%s\" needs %s (%s)",
					    ops->name, at->name, at->help);
	}
	return 0;
}

const char *settings_text(const struct store_config *config, const char *name)
{
	for (unsigned i = 0; i < config->argument_count; i++) {
		if (strcmp(config->arguments[i].name, name) == 0)
			return config->arguments[i].value;
	}
	return NULL;
}

uint64_t settings_size(const struct store_config *config, const char *name, uint64_t fallback)
{
	const char *text = settings_text(config, name);

	if (text != NULL)
		(void)parse_size(text, &fallback);
	return fallback;
}

uint64_t settings_number(const struct store_config *config, const char *name, uint64_t fallback)
{
	const char *text = settings_text(config, name);

	if (text != NULL)
		(void)parse_u64(text, &fallback);
	return fallback;
}

bool settings_bool(const struct store_config *config, const char *name, bool fallback)
{
	const char *text = settings_text(config, name);

	return text == NULL ? fallback : strcmp(text, "true") == 0;
}

unsigned settings_choice(const struct store_config *config, const struct store_setting *settings,
			 const char *name, const char *fallback)
{
	const struct store_setting *setting = find_setting(settings, name);
	const char *text = settings_text(config, name);
	int index = choice_index(setting->choices, text == NULL ? fallback : text);

	assert(index >= 0);
	return (unsigned)index;
}

unsigned store_reactor_slots(const struct store_config *config)
{
	unsigned slots = 0;

	for (unsigned i = 0; i < config->reactor_count; i++)
		slots = max(slots, reactor_index(config->reactors[i]) + 1);
	return slots;
}

/* --- opening and closing --- */

int store_open(const struct store_ops *ops, const struct store_config *config, struct store **out,
	       struct store_error *error)
{
	struct store *store = NULL;
	int rc;

	error->argument = NULL;
	error->text[0] = '\0';
	rc = check_arguments(ops, config, error);
	if (rc < 0)
		return rc;
	if (ops->stacks != (config->below != NULL))
		return store_refuse(error, -EINVAL, NULL,
				    ops->stacks ? "store \"%s\" needs a store below it"
						: "store \"%s\" cannot stand on another store",
				    ops->name);
	rc = ops->open(config, &store, error);
	if (rc < 0) {
		assert(error->text[0] != '\0');
		return rc;
	}
	assert(store->ops == ops && store->traits.size > 0);
	assert(is_power_of_two(store->traits.logical_block));
	*out = store;
	return 0;
}

void store_close(struct store *store)
{
	if (store != NULL)
		store->ops->close(store);
}

/* --- operations --- */

void store_cancel(struct store_io *io)
{
	if (io->store->ops->cancel != NULL)
		io->store->ops->cancel(io->store, io);
}

const char *store_op_name(enum store_op op)
{
	static const char *const names[] = {
		[STORE_READ] = "read",
		[STORE_WRITE] = "write",
		[STORE_FLUSH] = "flush",
		[STORE_DISCARD] = "discard",
		[STORE_WRITE_ZEROES] = "write-zeroes",
		[STORE_STATUS] = "status",
		[STORE_COPY] = "copy",
	};

	return names[op];
}

uint64_t store_io_bytes(const struct store_io *io)
{
	switch (io->op) {
	case STORE_READ:
	case STORE_WRITE:
		return io->length;
	case STORE_DISCARD:
	case STORE_WRITE_ZEROES:
	case STORE_STATUS:
	case STORE_COPY:
		return io->range;
	case STORE_FLUSH:
		break;
	}
	return 0;
}

int store_measure(struct store *store)
{
	uint64_t size = 0;
	int rc;

	if (store->ops->measure == NULL)
		return 0;
	rc = store->ops->measure(store, &size);
	if (rc == 0 && size > store_size(store))
		__atomic_store_n(&store->traits.size, size, __ATOMIC_RELEASE);
	return rc;
}

static int check_range(const struct store *store, enum store_op op, uint64_t offset, uint64_t bytes)
{
	uint64_t end;

	if (!checked_add_u64(offset, bytes, &end) || end > store_size(store))
		return -EINVAL;
	if (!is_aligned(offset | bytes, store->traits.logical_block))
		return -EINVAL;
	if (op == STORE_READ || op == STORE_STATUS)
		return 0;
	return store->traits.read_only ? -EROFS : 0;
}

int store_io_check(const struct store *store, const struct store_io *io)
{
	if (io->op == STORE_FLUSH)
		return 0;
	assert((io->op != STORE_READ && io->op != STORE_WRITE) || io->length <= io->data->length);
	if (io->op == STORE_COPY &&
	    check_range(io->from, STORE_READ, io->from_offset, io->range) != 0)
		return -EINVAL;
	return check_range(store, io->op, io->offset, store_io_bytes(io));
}

void store_is_mapped(struct store_io *io)
{
	io->run = io->range;
	io->is_hole = false;
	io->done(io, 0);
}

void store_declines_copy(struct store_io *io)
{
	io->run = 0;
	io->done(io, 0);
}

int store_map_check(const struct store *store, enum store_op op, uint64_t offset, uint32_t length)
{
	assert(op == STORE_READ || op == STORE_WRITE);
	return check_range(store, op, offset, length);
}
