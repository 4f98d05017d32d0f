/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the administrator said, for the stores: settings with their types, and
 * refusals in one line. Private to the store room; store_open has checked the
 * text of every setting against its type before a store reads it.
 */
#ifndef PINION_STORE_SETTINGS_H
#define PINION_STORE_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

/* The text of setting NAME as written, or NULL when it was not given. */
const char *settings_text(const struct store_config *config, const char *name);
/* The same as a size in bytes, a number, a truth; FALLBACK when it was not given. */
uint64_t settings_size(const struct store_config *config, const char *name, uint64_t fallback);
uint64_t settings_number(const struct store_config *config, const char *name, uint64_t fallback);
bool settings_bool(const struct store_config *config, const char *name, bool fallback);
/* The same as an index into the choices; FALLBACK is one of the choices by name. */
unsigned settings_choice(const struct store_config *config, const struct store_setting *settings,
			 const char *name, const char *fallback);

/*
 * Fills ERROR with the setting at fault (NULL: none in particular; it must
 * outlive the error) and a sentence. Returns ERR, for `return store_refuse(...)`.
 */
int store_refuse(struct store_error *error, int err, const char *argument, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* One more than the largest index among the configuration's reactors. */
unsigned store_reactor_slots(const struct store_config *config);

/*
 * What every store refuses: 0, -EINVAL for a range outside of the store or not
 * in logical blocks, -EROFS for a change of a read-only store.
 */
int store_io_check(const struct store *store, const struct store_io *io);
/* The answer of those who know of no holes to STORE_STATUS, that has been checked. */
void store_is_mapped(struct store_io *io);
/* The answer to STORE_COPY, that has been checked, of those who cannot copy by themselves. */
void store_declines_copy(struct store_io *io);
/* The same as store_io_check for store_map. */
int store_map_check(const struct store *store, enum store_op op, uint64_t offset, uint32_t length);

/* Bytes that IO is about, whichever field says so. */
uint64_t store_io_bytes(const struct store_io *io);

/* "read", "write", "flush", "discard", "write-zeroes", "status" or "copy". */
const char *store_op_name(enum store_op op);

#endif
