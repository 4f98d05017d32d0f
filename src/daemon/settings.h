/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables of settings: name, type, range, where the value goes, one line of
 * help. Everything that reads, checks, lists or suggests settings goes by these
 * rows. Knows no file format.
 */
#ifndef PINION_DAEMON_SETTINGS_H
#define PINION_DAEMON_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum setting_type {
	SETTING_STRING,	 /* char *, allocated; range: length in bytes */
	SETTING_INTEGER, /* any integer field; range: value */
	SETTING_SIZE,	 /* the same, written as an integer or "64K", "1G" */
	SETTING_BOOL,	 /* bool */
	SETTING_CHOICE,	 /* an enum: the index of the word in choices */
	SETTING_STRINGS, /* struct setting_list: [ "a", "b" ], or "a" alone; range: each one's length */
	SETTING_NUMBERS, /* struct setting_list of decimal numbers: [ 1, 2 ]; range: each one's value */
};

/* Several values; what they are made of is allocated. */
struct setting_list {
	char **items;
	unsigned count;
	bool is_set; /* also where it is empty */
};

struct setting {
	const char *name;
	enum setting_type type;
	uint16_t offset;	/* of the field in its structure */
	uint16_t width;		/* of the field, bytes */
	int64_t min;
	int64_t max;
	const char *choices;	/* "auto|on|off" */
	bool required;
	const char *help;
};

/* The place of a row's value: the field FIELD of struct TYPE. */
#define SETTING_FIELD(type, field)                                                                 \
	.offset = offsetof(struct type, field), .width = sizeof(((struct type *)0)->field)

/* What was written in a file or on a command line. */
enum setting_written { WRITTEN_STRING, WRITTEN_INTEGER, WRITTEN_BOOL, WRITTEN_OTHER };

struct setting_value {
	enum setting_written written;
	const char *text;
	int64_t integer;
	bool truth;
};

/* The row called NAME in TABLE (ended by a NULL name), or NULL. */
const struct setting *setting_find(const struct setting *table, const char *name);

/*
 * Checks VALUE against ROW, which is no list, and puts it where it belongs in the structure at
 * BASE; a string there is freed first. 0, -ENOMEM, or -EINVAL with ERROR saying
 * what is wrong ("must be 1 to 65535, not 0") and BASE as it was.
 */
int setting_store(const struct setting *row, void *base, const struct setting_value *value,
		  char *error, size_t error_size);

/*
 * Appends VALUE to the list that ROW (SETTING_STRINGS or SETTING_NUMBERS) has at BASE. 0, -ENOMEM, or
 * -EINVAL with ERROR saying what is wrong.
 */
int setting_append(const struct setting *row, void *base, const struct setting_value *value,
		   char *error, size_t error_size);
void setting_list_free(struct setting_list *list);

/* Writes what stands at BASE for ROW as it would be written in the file. */
void setting_format(const struct setting *row, const void *base, char *out, size_t size);

/* Whether TEXT is one of CHOICES ("auto|on|off"): its index, or -1. */
int setting_choice(const char *choices, const char *text);

/* Writes CHOICES for people: "auto", "on" or "off", with the quotes. */
void setting_choices_format(const char *choices, char *out, size_t size);

/*
 * Looks for the name nearest to what was misspelt: begin, offer each candidate,
 * then ask. NULL when nothing is near.
 */
struct suggestion {
	const char *wanted;
	const char *best;
	unsigned distance;
};
void suggestion_begin(struct suggestion *suggestion, const char *wanted);
void suggestion_offer(struct suggestion *suggestion, const char *candidate);
void suggestion_offer_table(struct suggestion *suggestion, const struct setting *table);
const char *suggestion_best(const struct suggestion *suggestion);

#endif
