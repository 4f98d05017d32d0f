/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading libconfig's tree by tables of settings. Who reads the file includes this:
 * libconfig is known nowhere else. Every error is one line that begins with file
 * and line number.
 */
#ifndef PINION_DAEMON_CONFIG_READER_H
#define PINION_DAEMON_CONFIG_READER_H

#include <libconfig.h>
#include <stddef.h>

#include "daemon/config.h"
#include "daemon/settings.h"

struct reader {
	const char *file;
	struct config *config;
	char *error;
	size_t error_size;
};

/* Fills the reader's error. Always -EINVAL. */
int reader_fail(struct reader *reader, unsigned line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The same for memory. Always -ENOMEM. */
int reader_fail_memory(struct reader *reader);
/* SETTING is not known in WHERE; what was meant is perhaps the SUGGESTION. */
int reader_fail_unknown(struct reader *reader, const config_setting_t *setting, const char *where,
			const struct suggestion *suggestion);

/* What was written for SETTING. */
struct setting_value reader_value(const config_setting_t *setting);
/* Stores SETTING by its ROW into the structure at BASE. */
int reader_scalar(struct reader *reader, const config_setting_t *setting, const struct setting *row,
		  void *base, const char *where);
/* Whether GROUP has all that TABLE says is needed: 0, or the error has been told. */
int reader_required(struct reader *reader, const config_setting_t *group,
		    const struct setting *table, const char *where);

/* The line of GROUP's member NAME, by which people know the entry; else its own. */
unsigned reader_line_of(const config_setting_t *group, const char *name);

/*
 * Reads the members of GROUP that TABLE knows into BASE. One that it does not
 * know must be one of ALSO (ended by NULL, or NULL): that is the caller's.
 */
int reader_members(struct reader *reader, const config_setting_t *group,
		   const struct setting *table, void *base, const char *const *also,
		   const char *where);

/* Reads one ENTRY of a list into ELEMENT, which is all zero. */
typedef int (*reader_entry_fn)(struct reader *reader, const config_setting_t *entry, void *element,
			       void *parent);

/*
 * Reads the groups of LIST with READ into *array, *count elements of SIZE bytes.
 * After a failure these are what was read, for the caller to free.
 */
int reader_list(struct reader *reader, const config_setting_t *list, size_t size,
		reader_entry_fn read, void *parent, void **array, unsigned *count);

/* --- config_lun.c --- */

/* Reads an entry of a target's LUNs, with its stores; a reader_entry_fn. */
int config_read_lun(struct reader *reader, const config_setting_t *entry, void *element,
		    void *parent);

#endif
