/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit attention conditions; see attention.h. */
#include "scsi/attention.h"

#include <string.h>

/*
 * Whoever hears of the reset of a higher level need not hear of the lower ones
 * (SAM-5 table 57); all other conditions are reported one after the other.
 */
static const struct {
	uint16_t code;
	bool is_reset;
} attentions[ATTENTION_COUNT] = {
	[ATTENTION_POWER_ON] = { 0x2900, true }, /* POWER ON, RESET, OR BUS DEVICE RESET OCCURRED */
	[ATTENTION_TARGET_RESET] = { 0x2902, true }, /* SCSI BUS RESET OCCURRED */
	[ATTENTION_LU_RESET] = { 0x2903, true }, /* BUS DEVICE RESET FUNCTION OCCURRED */
	[ATTENTION_NEXUS_LOSS] = { 0x2907, true }, /* I_T NEXUS LOSS OCCURRED */
};

void attention_init(struct attention_state *state, struct attention_source *source,
		    enum attention first)
{
	memset(state, 0, sizeof(*state));
	attention_collect(state, source);
	state->pending = first == ATTENTION_NONE ? 0 : 1u << first;
}

void attention_raise(struct attention_source *source, enum attention attention)
{
	atomic_fetch_add_explicit(&source->count[attention], 1, memory_order_relaxed);
	/* After the count, so that whoever sees the change finds its cause. */
	atomic_fetch_add_explicit(&source->changes, 1, memory_order_release);
}

void attention_collect(struct attention_state *state, struct attention_source *source)
{
	state->changes_seen = atomic_load_explicit(&source->changes, memory_order_acquire);
	for (unsigned i = 0; i < ATTENTION_COUNT; i++) {
		uint32_t count = atomic_load_explicit(&source->count[i], memory_order_relaxed);

		if (count != state->count_seen[i])
			state->pending |= 1u << i;
		state->count_seen[i] = count;
	}
}

enum attention attention_take(struct attention_state *state, struct attention_source *source)
{
	enum attention taken;

	if (!attention_is_pending(state, source))
		return ATTENTION_NONE;
	taken = (enum attention)__builtin_ctz(state->pending);
	state->pending &= ~(1u << taken);
	if (!attentions[taken].is_reset)
		return taken;
	for (unsigned i = 0; i < ATTENTION_COUNT; i++) {
		if (attentions[i].is_reset)
			state->pending &= ~(1u << i);
	}
	return taken;
}

uint16_t attention_code(enum attention attention)
{
	return attentions[attention].code;
}
