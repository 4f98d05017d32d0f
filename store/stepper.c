/* SPDX-License-Identifier: BSD-2-Clause */
/* Long work of the processor in short steps; see stepper.h. */
#include "store/stepper.h"

#include <assert.h>
#include <stdlib.h>

#include "base/container.h"
#include "store/settings.h"

/* What one reactor has under way. Nobody else touches it. */
struct lane {
	struct deferred turn;
	struct stepper *stepper;
	struct list jobs;	/* of store_io, by link */
} __attribute__((aligned(64)));

struct stepper {
	stepper_fn step;
	unsigned lane_count;
	struct lane *lanes;	/* by reactor_index */
};

enum { DONE_BYTES };	/* of store_io.scratch */

static void run_turn(struct deferred *deferred)
{
	struct lane *lane = container_of(deferred, struct lane, turn);
	struct list_node *node = list_pop_front(&lane->jobs);
	struct store_io *io;
	uint64_t left;
	uint32_t bytes;

	if (node == NULL)	/* it was cancelled */
		return;
	io = container_of(node, struct store_io, link);
	left = store_io_bytes(io) - io->scratch[DONE_BYTES];
	bytes = (uint32_t)min_t(uint64_t, left, STEPPER_BYTES);
	lane->stepper->step(io, io->scratch[DONE_BYTES], bytes);
	io->scratch[DONE_BYTES] += bytes;
	if (left > bytes)
		list_push_back(&lane->jobs, &io->link);
	if (!list_is_empty(&lane->jobs))
		reactor_defer(io->reactor, &lane->turn);
	if (left == bytes)
		io->done(io, 0);
}

int stepper_create(const struct store_config *config, stepper_fn step, struct stepper **out)
{
	struct stepper *stepper = calloc(1, sizeof(*stepper));

	if (stepper == NULL)
		return -ENOMEM;
	stepper->step = step;
	stepper->lane_count = store_reactor_slots(config);
	if (stepper->lane_count > 0) {
		size_t size = stepper->lane_count * sizeof(*stepper->lanes);

		stepper->lanes = aligned_alloc(_Alignof(struct lane), size);
		if (stepper->lanes == NULL) {
			free(stepper);
			return -ENOMEM;
		}
	}
	for (unsigned i = 0; i < stepper->lane_count; i++) {
		stepper->lanes[i] = (struct lane){ .turn.run = run_turn, .stepper = stepper };
		list_init(&stepper->lanes[i].jobs);
	}
	*out = stepper;
	return 0;
}

void stepper_destroy(struct stepper *stepper)
{
	if (stepper == NULL)
		return;
	for (unsigned i = 0; i < stepper->lane_count; i++)
		assert(list_is_empty(&stepper->lanes[i].jobs));
	free(stepper->lanes);
	free(stepper);
}

void stepper_submit(struct stepper *stepper, struct store_io *io)
{
	uint64_t bytes = store_io_bytes(io);
	struct lane *lane;

	if (bytes <= STEPPER_BYTES) {
		stepper->step(io, 0, (uint32_t)bytes);
		io->done(io, 0);
		return;
	}
	assert(reactor_index(io->reactor) < stepper->lane_count);
	lane = &stepper->lanes[reactor_index(io->reactor)];
	io->scratch[DONE_BYTES] = 0;
	list_push_back(&lane->jobs, &io->link);
	reactor_defer(io->reactor, &lane->turn);
}

void stepper_cancel(struct stepper *stepper, struct store_io *io)
{
	(void)stepper;
	if (!list_is_linked(&io->link))
		return;
	list_remove(&io->link);
	io->done(io, -ECANCELED);
}
