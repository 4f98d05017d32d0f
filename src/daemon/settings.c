/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables of settings: checking, storing and showing values; see settings.h. */
#include "daemon/settings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/parse.h"

const struct setting *setting_find(const struct setting *table, const char *name)
{
	for (; table->name != NULL; table++) {
		if (strcmp(table->name, name) == 0)
			return table;
	}
	return NULL;
}

/* --- choices --------------------------------------------------------------- */

int setting_choice(const char *choices, const char *text)
{
	size_t wanted = strlen(text);

	for (int index = 0;; index++) {
		size_t len = strcspn(choices, "|");

		if (len == wanted && memcmp(choices, text, len) == 0)
			return index;
		if (choices[len] == '\0')
			return -1;
		choices += len + 1;
	}
}

void setting_choices_format(const char *choices, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (;;) {
		size_t len = strcspn(choices, "|");
		bool is_last = choices[len] == '\0';
		const char *before = used == 0 ? "" : is_last ? " or " : ", ";
		int written = snprintf(out + used, size - used, "%s\"%.*s\"", before, (int)len,
				       choices);

		used += (size_t)written;
		if (is_last || used >= size)
			return;
		choices += len + 1;
	}
}

/* The word at INDEX of CHOICES and its length. */
static const char *choice_at(const char *choices, int64_t index, size_t *len)
{
	while (index-- > 0) {
		choices += strcspn(choices, "|");
		if (*choices == '|')
			choices++;
	}
	*len = strcspn(choices, "|");
	return choices;
}

/* --- integers of any width --------------------------------------------------- */

static void store_integer(const struct setting *row, void *base, int64_t value)
{
	char *field = (char *)base + row->offset;

	switch (row->width) {
	case 1:
		*(uint8_t *)field = (uint8_t)value;
		break;
	case 2:
		*(uint16_t *)(void *)field = (uint16_t)value;
		break;
	case 4:
		*(uint32_t *)(void *)field = (uint32_t)value;
		break;
	default:
		*(uint64_t *)(void *)field = (uint64_t)value;
		break;
	}
}

static int64_t load_integer(const struct setting *row, const void *base)
{
	const char *field = (const char *)base + row->offset;

	switch (row->width) {
	case 1:
		return *(const uint8_t *)field;
	case 2:
		return *(const uint16_t *)(const void *)field;
	case 4:
		/* Only a range that reaches below zero belongs to a signed field. */
		return row->min < 0 ? *(const int32_t *)(const void *)field
				    : (int64_t)*(const uint32_t *)(const void *)field;
	default:
		return *(const int64_t *)(const void *)field;
	}
}

/* --- storing ------------------------------------------------------------------ */

/* What VALUE looks like, for a message. */
static void describe(const struct setting_value *value, char *out, size_t size)
{
	switch (value->written) {
	case WRITTEN_STRING:
		snprintf(out, size, "\"%.60s\"", value->text);
		break;
	case WRITTEN_INTEGER:
		snprintf(out, size, "%" PRId64, value->integer);
		break;
	case WRITTEN_BOOL:
		snprintf(out, size, "%s", value->truth ? "true" : "false");
		break;
	case WRITTEN_OTHER:
		snprintf(out, size, "%s", value->text);
		break;
	}
}

/* Says what ROW wants, and what it got. Always -EINVAL. */
static int refuse(const char *wanted, const struct setting_value *value, char *error,
		  size_t error_size)
{
	char got[80];

	describe(value, got, sizeof(got));
	snprintf(error, error_size, "must be %s, not %s", wanted, got);
	return -EINVAL;
}

static int store_number(const struct setting *row, void *base, const struct setting_value *value,
			char *error, size_t error_size)
{
	char wanted[128];
	uint64_t size;

	snprintf(wanted, sizeof(wanted), "%s%" PRId64 " to %" PRId64,
		 row->type == SETTING_SIZE ? "a size (say 65536, \"64K\" or \"1G\") of " : "",
		 row->min, row->max);
	if (value->written == WRITTEN_INTEGER) {
		if (value->integer < row->min || value->integer > row->max)
			return refuse(wanted, value, error, error_size);
		store_integer(row, base, value->integer);
		return 0;
	}
	if (row->type != SETTING_SIZE || value->written != WRITTEN_STRING ||
	    parse_size(value->text, &size) != 0 || size > INT64_MAX ||
	    (int64_t)size < row->min || (int64_t)size > row->max)
		return refuse(wanted, value, error, error_size);
	store_integer(row, base, (int64_t)size);
	return 0;
}

static int store_string(const struct setting *row, void *base, const struct setting_value *value,
			char *error, size_t error_size)
{
	char **field = (char **)(void *)((char *)base + row->offset);
	size_t len;
	char *copy;

	if (value->written != WRITTEN_STRING)
		return refuse("text in quotes", value, error, error_size);
	len = strlen(value->text);
	if ((int64_t)len < row->min || (int64_t)len > row->max) {
		snprintf(error, error_size,
			 "must be %" PRId64 " to %" PRId64 " characters long, not %zu", row->min,
			 row->max, len);
		return -EINVAL;
	}
	copy = strdup(value->text);
	if (copy == NULL) {
		snprintf(error, error_size, "out of memory");
		return -ENOMEM;
	}
	free(*field);
	*field = copy;
	return 0;
}

static int store_choice(const struct setting *row, void *base, const struct setting_value *value,
			char *error, size_t error_size)
{
	char wanted[128];
	int index = -1;

	if (value->written == WRITTEN_STRING)
		index = setting_choice(row->choices, value->text);
	if (index < 0) {
		setting_choices_format(row->choices, wanted, sizeof(wanted));
		return refuse(wanted, value, error, error_size);
	}
	store_integer(row, base, index);
	return 0;
}

int setting_store(const struct setting *row, void *base, const struct setting_value *value,
		  char *error, size_t error_size)
{
	switch (row->type) {
	case SETTING_STRING:
		return store_string(row, base, value, error, error_size);
	case SETTING_INTEGER:
	case SETTING_SIZE:
		return store_number(row, base, value, error, error_size);
	case SETTING_BOOL:
		if (value->written != WRITTEN_BOOL)
			return refuse("true or false", value, error, error_size);
		*((bool *)base + row->offset) = value->truth;
		return 0;
	case SETTING_CHOICE:
		return store_choice(row, base, value, error, error_size);
	case SETTING_STRINGS:
	case SETTING_NUMBERS:
		break;
	}
	return -EINVAL;
}

/* --- lists ---------------------------------------------------------------------- */

static struct setting_list *list_of(const struct setting *row, const void *base)
{
	return (struct setting_list *)((uintptr_t)base + row->offset);
}

static int append(struct setting_list *list, char *item)
{
	char **grown = realloc(list->items, (list->count + 1) * sizeof(*grown));

	if (grown == NULL) {
		free(item);
		return -ENOMEM;
	}
	list->items = grown;
	list->items[list->count++] = item;
	return 0;
}

int setting_append(const struct setting *row, void *base, const struct setting_value *value,
		   char *error, size_t error_size)
{
	struct item {
		char *text;
		int64_t number;
	} item = { .text = NULL };
	const struct setting text = { row->name, SETTING_STRING, SETTING_FIELD(item, text),
				      row->min, row->max };
	const struct setting number = { row->name, SETTING_INTEGER, SETTING_FIELD(item, number),
					row->min, row->max };
	char digits[24];
	int rc;

	if (row->type == SETTING_STRINGS) {
		rc = setting_store(&text, &item, value, error, error_size);
	} else {
		rc = setting_store(&number, &item, value, error, error_size);
		snprintf(digits, sizeof(digits), "%" PRId64, item.number);
		item.text = rc == 0 ? strdup(digits) : NULL;
	}
	if (rc == 0)
		rc = item.text != NULL ? append(list_of(row, base), item.text) : -ENOMEM;
	if (rc == -ENOMEM)
		snprintf(error, error_size, "out of memory");
	return rc;
}

void setting_list_free(struct setting_list *list)
{
	for (unsigned i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct setting_list){ .items = NULL };
}

static void format_list(const struct setting *row, const void *base, char *out, size_t size)
{
	const struct setting_list *list = list_of(row, base);
	const char *quote = row->type == SETTING_STRINGS ? "\"" : "";
	size_t used = (size_t)snprintf(out, size, "[");

	for (unsigned i = 0; i < list->count && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, "%s %s%s%s", i == 0 ? "" : ",",
					 quote, list->items[i], quote);
	if (used < size)
		snprintf(out + used, size - used, " ]");
}

void setting_format(const struct setting *row, const void *base, char *out, size_t size)
{
	const char *word;
	size_t len;

	switch (row->type) {
	case SETTING_STRING:
		word = *(char *const *)(const void *)((const char *)base + row->offset);
		snprintf(out, size, "\"%s\"", word != NULL ? word : "");
		break;
	case SETTING_INTEGER:
	case SETTING_SIZE:
		snprintf(out, size, "%" PRId64, load_integer(row, base));
		break;
	case SETTING_BOOL:
		snprintf(out, size, "%s", *((const bool *)base + row->offset) ? "true" : "false");
		break;
	case SETTING_CHOICE:
		word = choice_at(row->choices, load_integer(row, base), &len);
		snprintf(out, size, "\"%.*s\"", (int)len, word);
		break;
	case SETTING_STRINGS:
	case SETTING_NUMBERS:
		format_list(row, base, out, size);
		break;
	}
}

/* --- did you mean ------------------------------------------------------------- */

enum { SUGGEST_LEN_MAX = 40, SUGGEST_DISTANCE_MAX = 2 };

/* Levenshtein's distance, in the one-row form. */
static unsigned edit_distance(const char *a, const char *b)
{
	unsigned row[SUGGEST_LEN_MAX + 1];
	size_t a_len = strlen(a);
	size_t b_len = strlen(b);

	if (a_len > SUGGEST_LEN_MAX || b_len > SUGGEST_LEN_MAX)
		return UINT32_MAX;
	for (size_t j = 0; j <= b_len; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			unsigned change = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			row[j] = min(change, min(row[j], row[j - 1]) + 1);
		}
	}
	return row[b_len];
}

void suggestion_begin(struct suggestion *suggestion, const char *wanted)
{
	suggestion->wanted = wanted;
	suggestion->best = NULL;
	suggestion->distance = SUGGEST_DISTANCE_MAX + 1;
}

void suggestion_offer(struct suggestion *suggestion, const char *candidate)
{
	unsigned distance = edit_distance(suggestion->wanted, candidate);

	/* Two slips in a word of three letters make any other word. */
	if (distance < suggestion->distance && distance * 2 <= strlen(candidate)) {
		suggestion->distance = distance;
		suggestion->best = candidate;
	}
}

void suggestion_offer_table(struct suggestion *suggestion, const struct setting *table)
{
	for (; table->name != NULL; table++)
		suggestion_offer(suggestion, table->name);
}

const char *suggestion_best(const struct suggestion *suggestion)
{
	return suggestion->best;
}
