/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit attention conditions; see attention.h. */
#include "scsi/attention.h"

#include <assert.h>

#include "scsi/event.h"

/*
 * Whoever hears of the reset of a higher level need not hear of the lower ones
 * (SAM-5 section 5.14); all other conditions are reported one after the other.
 */
enum kind {
	OTHER,
	RESET,
	EVENT, /* is told asynchronously, too, where that is wished; see event.h */
};

static const struct {
	uint16_t code;
	enum kind kind;
} attentions[ATTENTION_COUNT] = {
	[ATTENTION_POWER_ON] = { 0x2900, RESET }, /* POWER ON, RESET, OR BUS ... OCCURRED */
	[ATTENTION_TARGET_RESET] = { 0x2902, RESET }, /* SCSI BUS RESET OCCURRED */
	[ATTENTION_LU_RESET] = { 0x2903, RESET }, /* BUS DEVICE RESET FUNCTION OCCURRED */
	[ATTENTION_NEXUS_LOSS] = { 0x2907, RESET }, /* I_T NEXUS LOSS OCCURRED */
	[ATTENTION_DEFERRED_ERROR] = { 0x0c00, OTHER }, /* the store says more: flush.h */
	[ATTENTION_COMMANDS_CLEARED] = { 0x2f00, OTHER }, /* ... BY ANOTHER INITIATOR */
	[ATTENTION_MEDIUM_CHANGED] = { 0x2800, EVENT }, /* NOT READY TO READY CHANGE, ... */
	[ATTENTION_RESERVATIONS_PREEMPTED] = { 0x2a03, EVENT }, /* RESERVATIONS PREEMPTED */
	[ATTENTION_RESERVATIONS_RELEASED] = { 0x2a04, EVENT }, /* RESERVATIONS RELEASED */
	[ATTENTION_REGISTRATIONS_PREEMPTED] = { 0x2a05, EVENT }, /* REGISTRATIONS PREEMPTED */
	[ATTENTION_ACCESS_STATE_CHANGED] = { 0x2a06, EVENT }, /* ASYMMETRIC ACCESS STATE CHANGED */
	[ATTENTION_LUNS_CHANGED] = { 0x3f0e, EVENT }, /* REPORTED LUNS DATA HAS CHANGED */
	[ATTENTION_INQUIRY_CHANGED] = { 0x3f03, EVENT }, /* INQUIRY DATA HAS CHANGED */
	[ATTENTION_IDENTIFIER_CHANGED] = { 0x3f05, EVENT }, /* DEVICE IDENTIFIER CHANGED */
	[ATTENTION_CAPACITY_CHANGED] = { 0x2a09, EVENT }, /* CAPACITY DATA HAS CHANGED */
	[ATTENTION_MODE_CHANGED] = { 0x2a01, EVENT }, /* MODE PARAMETERS CHANGED */
	[ATTENTION_LOG_CHANGED] = { 0x2a02, EVENT }, /* LOG PARAMETERS CHANGED */
	[ATTENTION_TIMESTAMP_CHANGED] = { 0x2a10, EVENT }, /* TIMESTAMP CHANGED */
	[ATTENTION_WAS_BUSY] = { 0x2c07, OTHER }, /* PREVIOUS BUSY STATUS */
	[ATTENTION_WAS_RESERVATION_CONFLICT] = { 0x2c09, OTHER }, /* PREVIOUS RESERVATION ... */
	[ATTENTION_WAS_TASK_SET_FULL] = { 0x2c08, OTHER }, /* PREVIOUS TASK SET FULL STATUS */
	[ATTENTION_THIN_THRESHOLD] = { 0x3807, EVENT }, /* THIN PROVISIONING SOFT THRESHOLD ... */
};

_Static_assert(ATTENTION_COUNT <= 32, "a bit for each in a word");

void attention_source_init(struct attention_source *source)
{
	pthread_mutex_init(&source->lock, NULL);
	list_init(&source->states);
}

void attention_source_destroy(struct attention_source *source)
{
	assert(list_is_empty(&source->states));
	pthread_mutex_destroy(&source->lock);
}

void attention_join(struct attention_source *source, struct attention_state *state,
		    const struct scsi_nexus *nexus, enum attention first)
{
	state->nexus = nexus;
	atomic_init(&state->news, 0);
	atomic_init(&state->pending, first == ATTENTION_NONE ? 0 : UINT32_C(1) << first);
	list_node_init(&state->link);
	pthread_mutex_lock(&source->lock);
	list_push_back(&source->states, &state->link);
	pthread_mutex_unlock(&source->lock);
}

void attention_leave(struct attention_source *source, struct attention_state *state)
{
	pthread_mutex_lock(&source->lock);
	list_remove(&state->link);
	pthread_mutex_unlock(&source->lock);
}

/* ---- raising ------------------------------------------------------------------ */

/* Release: who sees the condition finds its cause. */
static void raise(struct attention_state *state, enum attention attention)
{
	uint32_t bit = UINT32_C(1) << attention;
	uint32_t before = atomic_fetch_or_explicit(&state->pending, bit, memory_order_release);

	if (state->teller != NULL && attentions[attention].kind == EVENT && !(before & bit))
		event_raised(state, attention);
}

void attention_raise_if(struct attention_source *source, enum attention attention,
			attention_choose_fn choose, const void *context)
{
	struct list_node *node;

	pthread_mutex_lock(&source->lock);
	LIST_FOR_EACH(node, &source->states)
	{
		struct attention_state *state = container_of(node, struct attention_state, link);

		if (choose(context, state->nexus))
			raise(state, attention);
	}
	pthread_mutex_unlock(&source->lock);
}

static bool choose_others(const void *context, const struct scsi_nexus *nexus)
{
	return nexus != context;
}

static bool choose_one(const void *context, const struct scsi_nexus *nexus)
{
	return nexus == context;
}

void attention_raise(struct attention_source *source, enum attention attention)
{
	attention_raise_if(source, attention, choose_others, NULL);
}

void attention_raise_others(struct attention_source *source, enum attention attention,
			    const struct scsi_nexus *except)
{
	attention_raise_if(source, attention, choose_others, except);
}

void attention_raise_one(struct attention_source *source, enum attention attention,
			 const struct scsi_nexus *nexus)
{
	attention_raise_if(source, attention, choose_one, nexus);
}

/* ---- reporting ---------------------------------------------------------------- */

enum attention attention_peek(const struct attention_state *state)
{
	uint32_t pending = atomic_load_explicit(&state->pending, memory_order_acquire);

	return pending == 0 ? ATTENTION_NONE : (enum attention)__builtin_ctz(pending);
}

enum attention attention_take(struct attention_state *state)
{
	enum attention taken = attention_peek(state);
	uint32_t covered;

	if (taken == ATTENTION_NONE)
		return ATTENTION_NONE;
	covered = UINT32_C(1) << taken;
	for (unsigned i = taken; i < ATTENTION_COUNT && attentions[taken].kind == RESET; i++) {
		if (attentions[i].kind == RESET)
			covered |= UINT32_C(1) << i;
	}
	atomic_fetch_and_explicit(&state->pending, ~covered, memory_order_relaxed);
	return taken;
}

void attention_drop(struct attention_state *state, enum attention attention)
{
	atomic_fetch_and_explicit(&state->pending, ~(UINT32_C(1) << attention),
				  memory_order_relaxed);
}

uint16_t attention_code(enum attention attention)
{
	return attentions[attention].code;
}
