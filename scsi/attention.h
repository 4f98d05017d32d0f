/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit attention conditions: raised for a logical unit, reported once to each
 * I_T nexus. SAM-5 section 5.14, SPC-5 (precedence).
 *
 * Raising is rare and may come from any reactor: it counts the event in the
 * logical unit. A nexus, before each command, compares one number; only when
 * that has changed does it look which events are new to it.
 */
#ifndef PINION_SCSI_ATTENTION_H
#define PINION_SCSI_ATTENTION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* In the order of precedence. */
enum attention {
	ATTENTION_POWER_ON,
	ATTENTION_TARGET_RESET,
	ATTENTION_LU_RESET,
	ATTENTION_NEXUS_LOSS,
	ATTENTION_COUNT,
	ATTENTION_NONE = ATTENTION_COUNT,
};

/* Of a logical unit; zeroed at first. */
struct attention_source {
	_Atomic uint32_t changes; /* of count, all together */
	_Atomic uint32_t count[ATTENTION_COUNT];
};

/* Of a logical unit as one nexus knows it. */
struct attention_state {
	uint32_t pending; /* bits by enum attention */
	uint32_t changes_seen;
	uint32_t count_seen[ATTENTION_COUNT];
};

/* A new nexus: only FIRST (or ATTENTION_NONE) is pending, what happened before is not its business. */
void attention_init(struct attention_state *state, struct attention_source *source,
		    enum attention first);
/* For every nexus. Any thread. */
void attention_raise(struct attention_source *source, enum attention attention);
/* Slow half of attention_is_pending. */
void attention_collect(struct attention_state *state, struct attention_source *source);

static inline bool attention_is_pending(struct attention_state *state,
					struct attention_source *source)
{
	if (atomic_load_explicit(&source->changes, memory_order_acquire) != state->changes_seen)
		attention_collect(state, source);
	return state->pending != 0;
}

/* Takes the one to be reported now, with those that it makes pointless; ATTENTION_NONE when none is pending. */
enum attention attention_take(struct attention_state *state, struct attention_source *source);

/* ASC << 8 | ASCQ. */
uint16_t attention_code(enum attention attention);

#endif
