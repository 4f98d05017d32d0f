/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit attention conditions: raised at a logical unit, reported once to each
 * I_T nexus that they concern. SAM-5 section 5.14, SPC-5 (precedence).
 *
 * A logical unit knows its nexuses. Raising is rare, may come from any thread
 * and sets a bit in each nexus that is to hear of it; a nexus, before each
 * command, looks at a word of its own.
 */
#ifndef PINION_SCSI_ATTENTION_H
#define PINION_SCSI_ATTENTION_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct event_teller;
struct scsi_nexus;

/* In the order of precedence. At most 32. */
enum attention {
	ATTENTION_POWER_ON,
	ATTENTION_TARGET_RESET,
	ATTENTION_LU_RESET,
	ATTENTION_NEXUS_LOSS,
	ATTENTION_DEFERRED_ERROR, /* not a unit attention condition, but reported like one; flush.h */
	ATTENTION_COMMANDS_CLEARED,
	ATTENTION_MEDIUM_CHANGED,
	ATTENTION_RESERVATIONS_PREEMPTED,
	ATTENTION_RESERVATIONS_RELEASED,
	ATTENTION_REGISTRATIONS_PREEMPTED,
	ATTENTION_ACCESS_STATE_CHANGED,
	ATTENTION_LUNS_CHANGED,
	ATTENTION_INQUIRY_CHANGED,
	ATTENTION_IDENTIFIER_CHANGED,
	ATTENTION_CAPACITY_CHANGED,
	ATTENTION_MODE_CHANGED,
	ATTENTION_LOG_CHANGED,
	ATTENTION_TIMESTAMP_CHANGED,
	ATTENTION_THIN_THRESHOLD,
	ATTENTION_WAS_BUSY,
	ATTENTION_WAS_RESERVATION_CONFLICT,
	ATTENTION_WAS_TASK_SET_FULL,
	ATTENTION_COUNT,
	ATTENTION_NONE = ATTENTION_COUNT,
};

/* Of a logical unit: who is to be told. */
struct attention_source {
	pthread_mutex_t lock; /* held for moments, never on the data path */
	struct list states;
};

/* Of a logical unit as one nexus knows it. Zeroed: never joined. */
struct attention_state {
	struct list_node link; /* of the source */
	const struct scsi_nexus *nexus;
	_Atomic uint32_t pending; /* bits by enum attention; cleared by the nexus's reactor alone */
	_Atomic uint32_t news; /* those of which the port is to be told; event.h */
	struct event_teller *teller; /* set before joining; NULL: the port does not wish it */
};

void attention_source_init(struct attention_source *source);
/* All nexuses have left. */
void attention_source_destroy(struct attention_source *source);

/* A new nexus: only FIRST (or ATTENTION_NONE) is pending, what happened before is not its business. */
void attention_join(struct attention_source *source, struct attention_state *state,
		    const struct scsi_nexus *nexus, enum attention first);
void attention_leave(struct attention_source *source, struct attention_state *state);

/* --- raising: any thread --- */

/* For every nexus. */
void attention_raise(struct attention_source *source, enum attention attention);
/* For every nexus but EXCEPT, which may be NULL. */
void attention_raise_others(struct attention_source *source, enum attention attention,
			    const struct scsi_nexus *except);
/* For NEXUS alone; nothing happens when it is gone. */
void attention_raise_one(struct attention_source *source, enum attention attention,
			 const struct scsi_nexus *nexus);
/*
 * For those that CHOOSE accepts. It is called with the source's lock held: it
 * may read what is constant of a nexus (its ports), and must not raise.
 */
typedef bool (*attention_choose_fn)(const void *context, const struct scsi_nexus *nexus);
void attention_raise_if(struct attention_source *source, enum attention attention,
			attention_choose_fn choose, const void *context);

/* --- reporting: the nexus's reactor --- */

static inline bool attention_is_pending(const struct attention_state *state)
{
	return atomic_load_explicit(&state->pending, memory_order_acquire) != 0;
}

/* The one to be reported now, which stays pending; ATTENTION_NONE when none is. */
enum attention attention_peek(const struct attention_state *state);
/* The same, and takes it away, with those that it makes pointless. */
enum attention attention_take(struct attention_state *state);
/* Takes ATTENTION away unreported. */
void attention_drop(struct attention_state *state, enum attention attention);

/* ASC << 8 | ASCQ. */
uint16_t attention_code(enum attention attention);

#endif
