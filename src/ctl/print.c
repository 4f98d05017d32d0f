/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon's answers for people; see print.h. */
#include "ctl/print.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "ctl/table.h"

/* --- reading JSON ------------------------------------------------------------------ */

static struct json_object *member(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(object, key, &value);
	return value;
}

static const char *text_of(struct json_object *object, const char *key)
{
	struct json_object *value = member(object, key);

	return value != NULL ? json_object_get_string(value) : "";
}

static uint64_t number_of(struct json_object *object, const char *key)
{
	return json_object_get_uint64(member(object, key));
}

static bool is_true(struct json_object *object, const char *key)
{
	return json_object_get_boolean(member(object, key)) != 0;
}

static size_t length_of(struct json_object *array)
{
	return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

/* The elements of ARRAY, separated by SEPARATOR. */
static const char *join(struct json_object *array, const char *separator, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < length_of(array) && used < size; i++) {
		struct json_object *element = json_object_array_get_idx(array, i);

		used += (size_t)snprintf(out + used, size - used, "%s%s", i == 0 ? "" : separator,
					 json_object_get_string(element));
	}
	return out;
}

/* TEXT without what would move a terminal's cursor, or do worse; true where there was some. */
static bool make_plain(char *text)
{
	bool had_some = false;

	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		/* U+0080 to U+009F are such characters, too. */
		bool is_c1 = c == 0xc2 && (unsigned char)text[1] >= 0x80 &&
			     (unsigned char)text[1] < 0xa0;

		if (c >= 0x20 && c != 0x7f && !is_c1)
			continue;
		*text = '?';
		if (is_c1)
			*++text = '?';
		had_some = true;
	}
	return had_some;
}

static void clean_string(struct json_object *string)
{
	char *copy = strdup(json_object_get_string(string));

	if (copy != NULL && make_plain(copy))
		json_object_set_string(string, copy);
	free(copy);
}

void print_clean(struct json_object *result)
{
	if (json_object_is_type(result, json_type_string))
		clean_string(result);
	for (size_t i = 0; i < length_of(result); i++)
		print_clean(json_object_array_get_idx(result, i));
	if (!json_object_is_type(result, json_type_object))
		return;
	json_object_object_foreach(result, key, value)
	{
		(void)key;
		print_clean(value);
	}
}

/* --- units ------------------------------------------------------------------------- */

enum { SIZE_LEN = 24 };

/* "1.5 GiB"; exact where that is a whole number. */
static const char *format_size(uint64_t bytes, char out[SIZE_LEN])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes;
	unsigned unit = 0;

	while (value >= 1024 && unit + 1 < ARRAY_SIZE(units)) {
		value /= 1024;
		unit++;
	}
	if (value == (double)(uint64_t)value)
		snprintf(out, SIZE_LEN, "%.0f %s", value, units[unit]);
	else
		snprintf(out, SIZE_LEN, "%.1f %s", value, units[unit]);
	return out;
}

static const char *format_age(uint64_t seconds, char out[SIZE_LEN])
{
	unsigned days = (unsigned)(seconds / 86400);
	unsigned hours = (unsigned)(seconds / 3600 % 24);
	unsigned minutes = (unsigned)(seconds / 60 % 60);

	if (days != 0)
		snprintf(out, SIZE_LEN, "%u d %u h", days, hours);
	else if (hours != 0)
		snprintf(out, SIZE_LEN, "%u h %u min", hours, minutes);
	else if (minutes != 0)
		snprintf(out, SIZE_LEN, "%u min %u s", minutes, (unsigned)(seconds % 60));
	else
		snprintf(out, SIZE_LEN, "%u s", (unsigned)seconds);
	return out;
}

/* --- status ------------------------------------------------------------------------ */

static void print_reactors(struct json_object *reactors)
{
	char buffers[SIZE_LEN];
	char free_bytes[SIZE_LEN];
	struct table table;

	printf("\nreactors\n");
	table_begin(&table, ">#|>CPU|>node|engine|>buffers|>free|>shortages|>turns|>sleeps");
	for (size_t i = 0; i < length_of(reactors); i++) {
		struct json_object *reactor = json_object_array_get_idx(reactors, i);
		struct json_object *arena = member(reactor, "arena");

		table_add(&table, "%s", text_of(reactor, "index"));
		table_add(&table, "%s", text_of(reactor, "cpu"));
		table_add(&table, "%s", text_of(reactor, "node"));
		table_add(&table, "%s", text_of(reactor, "engine"));
		table_add(&table, "%s", format_size(number_of(arena, "bytes"), buffers));
		table_add(&table, "%s", format_size(number_of(arena, "free"), free_bytes));
		table_add(&table, "%s", text_of(arena, "shortages"));
		table_add(&table, "%s", text_of(reactor, "turns"));
		table_add(&table, "%s", text_of(reactor, "sleeps"));
	}
	table_end(&table, stdout, "  ");
}

/* The features of each engine, told once where all reactors agree. */
static void print_features(struct json_object *reactors)
{
	char before[512] = "";
	char features[512];

	for (size_t i = 0; i < length_of(reactors); i++) {
		struct json_object *reactor = json_object_array_get_idx(reactors, i);

		join(member(reactor, "features"), " ", features, sizeof(features));
		if (strcmp(features, before) != 0)
			printf("  %s: %s\n", text_of(reactor, "engine"), features);
		memcpy(before, features, sizeof(before));
	}
}

/* What makes two regions the same line: everything but their number. */
static bool is_like(struct json_object *a, struct json_object *b)
{
	static const char *const keys[] = { "bytes", "pages", "locked", "node", "nodes_measured",
					    "reactor" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (json_object_equal(member(a, keys[i]), member(b, keys[i])) == 0)
			return false;
	}
	return true;
}

static void print_memory(struct json_object *regions)
{
	struct table table;
	char measured[128];
	char size[SIZE_LEN];

	printf("\nmemory\n");
	table_begin(&table, ">regions|>size|pages|locked|>node|measured|for");
	for (size_t i = 0; i < length_of(regions);) {
		struct json_object *region = json_object_array_get_idx(regions, i);
		size_t first = i;

		while (i < length_of(regions) &&
		       is_like(region, json_object_array_get_idx(regions, i)))
			i++;
		table_add(&table, "%zu", i - first);
		table_add(&table, "%s", format_size(number_of(region, "bytes"), size));
		table_add(&table, "%s", text_of(region, "pages"));
		table_add(&table, "%s", is_true(region, "locked") ? "yes" : "no");
		table_add(&table, "%s", text_of(region, "node"));
		table_add(&table, "%s",
			  join(member(region, "nodes_measured"), ",", measured, sizeof(measured)));
		if (member(region, "reactor") != NULL)
			table_add(&table, "reactor %s", text_of(region, "reactor"));
		else
			table_add(&table, "stores");
	}
	table_end(&table, stdout, "  ");
}

static void print_sentences(const char *heading, struct json_object *sentences)
{
	printf("\n%s\n", heading);
	for (size_t i = 0; i < length_of(sentences); i++)
		printf("  %s\n", json_object_get_string(json_object_array_get_idx(sentences, i)));
	if (length_of(sentences) == 0)
		printf("  none\n");
}

static void print_iser(struct json_object *devices)
{
	if (length_of(devices) == 0)
		return;
	printf("\niser\n");
	for (size_t i = 0; i < length_of(devices); i++)
		printf("  %s\n", text_of(json_object_array_get_idx(devices, i), "sentence"));
}

static void print_portals(struct json_object *portals)
{
	struct table table;

	printf("\nportals\n");
	table_begin(&table, "address|>group|transport");
	for (size_t i = 0; i < length_of(portals); i++) {
		struct json_object *portal = json_object_array_get_idx(portals, i);

		table_add(&table, "%s", text_of(portal, "address"));
		table_add(&table, "%s", text_of(portal, "group"));
		table_add(&table, "%s", text_of(portal, "transport"));
	}
	table_end(&table, stdout, "  ");
}

void print_status(struct json_object *result)
{
	struct json_object *connections = member(result, "connections");
	char age[SIZE_LEN];

	printf("piniond %s, process %s, up %s, configuration %s\n", text_of(result, "version"),
	       text_of(result, "pid"), format_age(number_of(result, "uptime_s"), age),
	       text_of(result, "config"));
	printf("%s connections (%s logging in), %s sessions; %s accepted, %s logins failed, "
	       "%s protocol errors\n",
	       text_of(connections, "connections"), text_of(connections, "logins"),
	       text_of(connections, "sessions"), text_of(connections, "accepted"),
	       text_of(connections, "login_failures"), text_of(connections, "protocol_errors"));
	printf("%s failed authentication, %s were not admitted; %s connections refused, %s addresses "
	       "slowed down\n",
	       text_of(connections, "authentication_failures"),
	       text_of(connections, "authorization_failures"),
	       text_of(connections, "connections_refused"),
	       text_of(connections, "addresses_slowed"));
	print_reactors(member(result, "reactors"));
	print_features(member(result, "reactors"));
	print_memory(member(result, "memory"));
	print_sentences("fallbacks", member(result, "fallbacks"));
	print_iser(member(result, "iser"));
	print_portals(member(result, "portals"));
	printf("\n");
	print_targets(member(result, "targets"));
}

/* --- targets ----------------------------------------------------------------------- */

static void print_luns(struct json_object *luns)
{
	struct table table;
	char size[SIZE_LEN];

	table_begin(&table, ">LUN|>size|>block|mode|store|identity|serial|>reads|>writes|>errors|detail");
	for (size_t i = 0; i < length_of(luns); i++) {
		struct json_object *lun = json_object_array_get_idx(luns, i);

		table_add(&table, "%s", text_of(lun, "lun"));
		table_add(&table, "%s", format_size(number_of(lun, "size"), size));
		table_add(&table, "%s", text_of(lun, "block_size"));
		table_add(&table, "%s", is_true(lun, "read_only") ? "ro" : "rw");
		table_add(&table, "%s", text_of(lun, "store"));
		table_add(&table, "%s", text_of(lun, "naa"));
		table_add(&table, "%s", text_of(lun, "serial"));
		table_add(&table, "%s", text_of(lun, "reads"));
		table_add(&table, "%s", text_of(lun, "writes"));
		table_add(&table, "%s", text_of(lun, "errors"));
		table_add(&table, "%s", text_of(lun, "detail"));
	}
	table_end(&table, stdout, "  ");
}

void print_targets(struct json_object *result)
{
	for (size_t i = 0; i < length_of(result); i++) {
		struct json_object *target = json_object_array_get_idx(result, i);
		const char *alias = text_of(target, "alias");

		printf("target %s%s%s%s%s\n", text_of(target, "name"), *alias != '\0' ? " (" : "",
		       alias, *alias != '\0' ? ")" : "",
		       is_true(target, "open") ? ", open to all" : "");
		print_luns(member(target, "luns"));
	}
	if (length_of(result) == 0)
		printf("no targets\n");
}

/* --- sessions ---------------------------------------------------------------------- */

static const char *digests_of(struct json_object *session)
{
	bool header = is_true(session, "header_digest");
	bool data = is_true(session, "data_digest");

	return header && data ? "header,data" : header ? "header" : data ? "data" : "none";
}

void print_sessions(struct json_object *result)
{
	struct table table;
	char in[SIZE_LEN];
	char out[SIZE_LEN];
	char age[SIZE_LEN];

	if (length_of(result) == 0) {
		printf("no sessions\n");
		return;
	}
	table_begin(&table, "initiator|peer|transport|target|state|>reactor|digests|>queued|>commands|>read|"
			    ">written|>age");
	for (size_t i = 0; i < length_of(result); i++) {
		struct json_object *session = json_object_array_get_idx(result, i);

		table_add(&table, "%s", text_of(session, "initiator"));
		table_add(&table, "%s", text_of(session, "peer"));
		table_add(&table, "%s", text_of(session, "transport"));
		table_add(&table, "%s",
			  is_true(session, "discovery") ? "(discovery)" : text_of(session, "target"));
		table_add(&table, "%s", text_of(session, "state"));
		table_add(&table, "%s", text_of(session, "reactor"));
		table_add(&table, "%s", digests_of(session));
		table_add(&table, "%s", text_of(session, "commands"));
		table_add(&table, "%s", text_of(session, "commands_done"));
		table_add(&table, "%s", format_size(number_of(session, "bytes_out"), out));
		table_add(&table, "%s", format_size(number_of(session, "bytes_in"), in));
		table_add(&table, "%s", format_age(number_of(session, "age_s"), age));
	}
	table_end(&table, stdout, "");
}

/* A connection's keys and values as they came, then its events. */
static void print_session(struct json_object *session)
{
	struct json_object *events = member(session, "events");

	json_object_object_foreach(session, key, value)
	{
		if (value != events)
			printf("  %-18s %s\n", key, json_object_get_string(value));
	}
	printf("  the last that happened, ms ago:\n");
	for (size_t i = 0; i < length_of(events); i++) {
		struct json_object *event = json_object_array_get_idx(events, i);

		printf("  %16s  %s (%s, %s)\n", text_of(event, "age_ms"), text_of(event, "what"),
		       text_of(event, "a"), text_of(event, "b"));
	}
}

void print_session_show(struct json_object *result)
{
	for (size_t i = 0; i < length_of(result); i++) {
		struct json_object *session = json_object_array_get_idx(result, i);

		printf("%s%s from %s\n", i != 0 ? "\n" : "", text_of(session, "initiator"),
		       text_of(session, "peer"));
		print_session(session);
	}
}

/* --- the rest ---------------------------------------------------------------------- */

void print_word(struct json_object *result)
{
	printf("%s\n", json_object_get_string(result));
}

void print_help(struct json_object *result)
{
	struct table table;

	table_begin(&table, "command|argument|what it does");
	for (size_t i = 0; i < length_of(result); i++) {
		struct json_object *command = json_object_array_get_idx(result, i);

		table_add(&table, "%s", text_of(command, "command"));
		table_add(&table, "%s", text_of(command, "argument"));
		table_add(&table, "%s", text_of(command, "help"));
	}
	table_end(&table, stdout, "");
}
