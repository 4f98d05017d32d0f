/* SPDX-License-Identifier: BSD-2-Clause */
/* Asynchronous event reporting; see event.h. */
#include "scsi/event.h"

#include <stdlib.h>

#include "scsi/lu.h"
#include "scsi/mode.h"
#include "scsi/sense.h"

static void tell(struct scsi_nexus *nexus, const struct nexus_lu *state, enum attention attention)
{
	struct sense sense = {
		.key = SENSE_KEY_UNIT_ATTENTION,
		.code = attention_code(attention),
	};
	uint8_t data[SCSI_SENSE_MAX];
	uint8_t length;

	length = sense_encode(&sense, lu_has_mode(state->lu, MODE_DESCRIPTOR_SENSE), data);
	nexus->event(nexus->context, lun_encode((unsigned)(state - nexus->lu)), data, length);
}

/* What a command has been told of meanwhile is no news. */
static uint32_t take_news(struct nexus_lu *state)
{
	struct attention_state *attentions = &state->attentions;
	uint32_t news = atomic_exchange_explicit(&attentions->news, 0, memory_order_relaxed);

	return news & atomic_load_explicit(&attentions->pending, memory_order_acquire);
}

static void tell_all(struct scsi_nexus *nexus)
{
	uint32_t of_target = UINT32_C(1) << ATTENTION_LUNS_CHANGED;
	uint32_t told = 0;

	for (unsigned i = 0; i < nexus->lun_count; i++) {
		struct nexus_lu *state = &nexus->lu[i];
		uint32_t news;

		if (state->lu == NULL)
			continue;
		/* What is said of the target need not be said for each logical unit. */
		news = take_news(state) & ~told;
		told |= news & of_target;
		for (; news != 0; news &= news - 1)
			tell(nexus, state, (enum attention)__builtin_ctz(news));
	}
}

static void deliver(struct message *message)
{
	struct event_teller *teller = container_of(message, struct event_teller, message);

	/* Acquire, and before anything is taken: what is raised from now on comes anew. */
	atomic_exchange_explicit(&teller->is_under_way, false, memory_order_acq_rel);
	if (teller->nexus == NULL)
		free(teller);
	else if (!teller->nexus->is_lost)
		tell_all(teller->nexus);
}

struct event_teller *event_teller_create(struct scsi_nexus *nexus, struct reactor *reactor)
{
	struct event_teller *teller = calloc(1, sizeof(*teller));

	if (teller == NULL)
		return NULL;
	teller->message.deliver = deliver;
	teller->reactor = reactor;
	teller->nexus = nexus;
	return teller;
}

void event_teller_close(struct event_teller *teller)
{
	if (teller == NULL)
		return;
	teller->nexus = NULL;
	/* Nobody raises any more: whoever did held a lock that the nexus has taken since. */
	if (!atomic_load_explicit(&teller->is_under_way, memory_order_acquire))
		free(teller);
}

void event_raised(struct attention_state *state, enum attention attention)
{
	struct event_teller *teller = state->teller;

	atomic_fetch_or_explicit(&state->news, UINT32_C(1) << attention, memory_order_relaxed);
	if (!atomic_exchange_explicit(&teller->is_under_way, true, memory_order_acq_rel))
		reactor_send(teller->reactor, &teller->message);
}
