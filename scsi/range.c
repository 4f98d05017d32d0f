/* SPDX-License-Identifier: BSD-2-Clause */
/* Locks on ranges of blocks; see range.h. */
#include "scsi/range.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

enum {
	/* Of lane->fences, beside a bit for each slot: the home core does not know the lane yet. */
	FENCE_EVERYWHERE = 1 << RANGE_LOCKS_MAX,
	/* So many of those who wait are looked at for one that can go first. */
	SEARCH_MAX = 32,
};

static bool overlap(uint64_t first, uint64_t end, uint64_t other_first, uint64_t other_end)
{
	return first < other_end && other_first < end;
}

static struct range_home *home_of(const struct range_lane *lane)
{
	return &lane->lu->home;
}

static struct reactor *home_reactor(struct scsi_lu *lu)
{
	return atomic_load_explicit(&lu->home.reactor, memory_order_acquire);
}

/* ---- in the lane: its reactor's thread ------------------------------------------ */

static bool is_fenced(const struct range_lane *lane, uint64_t first, uint64_t end)
{
	uint32_t fences = lane->fences;

	if (fences & FENCE_EVERYWHERE)
		return true;
	for (; fences != 0; fences &= fences - 1) {
		const struct range_fence *fence = &lane->fence[__builtin_ctz(fences)];

		if (overlap(first, end, fence->first, fence->end))
			return true;
	}
	return false;
}

static bool is_anyone_inside(const struct range_lane *lane, uint64_t first, uint64_t end)
{
	const struct list_node *node;

	LIST_FOR_EACH(node, &lane->inside)
	{
		const struct scsi_cmd *cmd = container_of(node, struct scsi_cmd, range.link);

		if (overlap(first, end, cmd->range.first, cmd->range.end))
			return true;
	}
	return false;
}

bool range_is_fenced(const struct scsi_cmd *cmd, uint64_t lba, uint64_t blocks)
{
	const struct range_lane *lane = range_lane(cmd);

	return UNLIKELY(lane->fences != 0) && is_fenced(lane, lba, lba + blocks);
}

bool range_enter_fenced(struct scsi_cmd *cmd)
{
	struct range_lane *lane = range_lane(cmd);

	if (!is_fenced(lane, cmd->range.first, cmd->range.end))
		return true;
	cmd->phase = SCSI_PHASE_FENCED;
	list_push_back(&lane->waiting, &cmd->range.link);
	return false;
}

/* Those who waited try again, in order. */
static void let_in(struct range_lane *lane)
{
	struct list waiting;
	struct list_node *node;

	list_init(&waiting);
	list_splice_back(&waiting, &lane->waiting);
	while ((node = list_pop_front(&waiting)) != NULL) {
		struct scsi_cmd *cmd = container_of(node, struct scsi_cmd, range.link);
		uint64_t first = cmd->range.first;

		assert(cmd->phase == SCSI_PHASE_FENCED);
		if (range_enter(cmd, first, cmd->range.end - first))
			range_resumed(cmd);
	}
}

static void fence_to_home(struct range_fence *fence, void (*deliver)(struct message *message))
{
	fence->message.deliver = deliver;
	reactor_send(home_reactor(fence->lane->lu), &fence->message);
}

static void home_raised(struct message *message);
static void home_lifted(struct message *message);

static void lane_raise(struct message *message)
{
	struct range_fence *fence = container_of(message, struct range_fence, message);
	struct range_lane *lane = fence->lane;

	lane->fences |= 1u << fence->number;
	if (is_anyone_inside(lane, fence->first, fence->end))
		lane->draining |= 1u << fence->number;
	else
		fence_to_home(fence, home_raised);
}

void range_left(struct range_lane *lane, uint64_t first, uint64_t end)
{
	for (uint32_t left = lane->draining; left != 0; left &= left - 1) {
		struct range_fence *fence = &lane->fence[__builtin_ctz(left)];

		if (!overlap(first, end, fence->first, fence->end) ||
		    is_anyone_inside(lane, fence->first, fence->end))
			continue;
		lane->draining &= ~(1u << fence->number);
		fence_to_home(fence, home_raised);
	}
}

static void lane_lift(struct message *message)
{
	struct range_fence *fence = container_of(message, struct range_fence, message);
	struct range_lane *lane = fence->lane;

	lane->fences &= ~(1u << fence->number);
	fence_to_home(fence, home_lifted);
	let_in(lane);
}

static void lane_joined(struct message *message)
{
	struct range_lane *lane = container_of(message, struct range_lane, join);

	lane->fences &= ~(uint32_t)FENCE_EVERYWHERE;
	let_in(lane);
}

/* ---- at home: the home core's thread --------------------------------------------- */

static void fence_to_lane(struct range_fence *fence, enum fence_state state,
			  void (*deliver)(struct message *message))
{
	fence->state = state;
	fence->message.deliver = deliver;
	reactor_send(fence->lane->reactor, &fence->message);
}

static void raise_fence(struct range_lane *lane, struct range_slot *slot)
{
	struct range_fence *fence = &lane->fence[slot->number];

	fence->first = slot->first;
	fence->end = slot->end;
	slot->raising++;
	slot->standing++;
	fence_to_lane(fence, FENCE_RAISING, lane_raise);
}

static void command_has_lock(struct message *message);

/* Sends the owner's message back. */
static void answer(struct scsi_cmd *cmd, struct range_slot *slot)
{
	cmd->range.state = RANGE_LOCK_ANSWERED;
	cmd->range.slot = slot;
	cmd->range.ask.deliver = command_has_lock;
	reactor_send(cmd->nexus->reactor, &cmd->range.ask);
}

static void grant_if_clear(struct range_slot *slot)
{
	if (slot->state != SLOT_RAISING || slot->raising != 0)
		return;
	slot->state = SLOT_LOCKED;
	answer(slot->owner, slot);
}

static void begin(struct range_home *home, struct range_slot *slot, struct scsi_cmd *cmd)
{
	struct list_node *node;

	list_remove(&cmd->range.link);
	cmd->range.state = RANGE_LOCK_RAISING;
	cmd->range.slot = slot;
	slot->state = SLOT_RAISING;
	slot->owner = cmd;
	slot->first = cmd->range.first;
	slot->end = cmd->range.end;
	LIST_FOR_EACH(node, &home->lanes)
	raise_fence(container_of(node, struct range_lane, link), slot);
}

/* Those that are on their way up go down when they are there. */
static void lift_fences(struct range_home *home, struct range_slot *slot)
{
	struct list_node *node;

	slot->state = SLOT_LIFTING;
	slot->owner = NULL;
	LIST_FOR_EACH(node, &home->lanes)
	{
		struct range_lane *lane = container_of(node, struct range_lane, link);
		struct range_fence *fence = &lane->fence[slot->number];

		if (fence->state == FENCE_UP)
			fence_to_lane(fence, FENCE_LIFTING, lane_lift);
	}
}

static struct range_slot *free_slot(struct range_home *home)
{
	for (unsigned i = 0; i < RANGE_LOCKS_MAX; i++) {
		if (home->slot[i].state == SLOT_FREE)
			return &home->slot[i];
	}
	return NULL;
}

static bool is_in_use(const struct range_home *home, const struct scsi_cmd *cmd)
{
	for (unsigned i = 0; i < RANGE_LOCKS_MAX; i++) {
		const struct range_slot *slot = &home->slot[i];

		if (slot->state != SLOT_FREE &&
		    overlap(cmd->range.first, cmd->range.end, slot->first, slot->end))
			return true;
	}
	return false;
}

/* Whether someone before CMD in line wants some of the same blocks. */
static bool would_overtake(const struct range_home *home, const struct scsi_cmd *cmd)
{
	const struct list_node *node;

	LIST_FOR_EACH(node, &home->queue)
	{
		const struct scsi_cmd *other = container_of(node, struct scsi_cmd, range.link);

		if (other == cmd)
			break;
		if (overlap(cmd->range.first, cmd->range.end, other->range.first, other->range.end))
			return true;
	}
	return false;
}

static void serve(struct range_home *home)
{
	struct list_node *node, *next;
	unsigned looked_at = 0;

	LIST_FOR_EACH_SAFE(node, next, &home->queue)
	{
		struct scsi_cmd *cmd = container_of(node, struct scsi_cmd, range.link);
		struct range_slot *slot = free_slot(home);

		if (slot == NULL || looked_at++ == SEARCH_MAX)
			return;
		if (!is_in_use(home, cmd) && !would_overtake(home, cmd))
			begin(home, slot, cmd);
	}
}

static void home_raised(struct message *message)
{
	struct range_fence *fence = container_of(message, struct range_fence, message);
	struct range_slot *slot = &home_of(fence->lane)->slot[fence->number];

	fence->state = FENCE_UP;
	slot->raising--;
	if (slot->state == SLOT_LIFTING)
		fence_to_lane(fence, FENCE_LIFTING, lane_lift);
	else
		grant_if_clear(slot);
}

static void home_lifted(struct message *message)
{
	struct range_fence *fence = container_of(message, struct range_fence, message);
	struct range_home *home = home_of(fence->lane);
	struct range_slot *slot = &home->slot[fence->number];

	fence->state = FENCE_DOWN;
	if (--slot->standing != 0)
		return;
	slot->state = SLOT_FREE;
	serve(home);
}

static void home_asked(struct message *message)
{
	struct scsi_cmd *cmd = container_of(message, struct scsi_cmd, range.ask);

	cmd->range.state = RANGE_LOCK_WAITING;
	list_push_back(&cmd->lu->home.queue, &cmd->range.link);
	serve(&cmd->lu->home);
}

static void home_released(struct message *message)
{
	struct range_slot *slot = container_of(message, struct range_slot, release);

	lift_fences(slot->home, slot);
}

static void command_cancelled(struct message *message);

static void home_cancelled(struct message *message)
{
	struct scsi_cmd *cmd = container_of(message, struct scsi_cmd, range.cancel);
	struct range_home *home = &cmd->lu->home;

	switch (cmd->range.state) {
	case RANGE_LOCK_WAITING:
		list_remove(&cmd->range.link);
		answer(cmd, NULL);
		serve(home);
		break;
	case RANGE_LOCK_RAISING:
		lift_fences(home, cmd->range.slot);
		answer(cmd, NULL);
		break;
	case RANGE_LOCK_ANSWERED:
		break;
	}
	message->deliver = command_cancelled;
	reactor_send(cmd->nexus->reactor, message);
}

static void add_lane(struct range_home *home, struct range_lane *lane)
{
	bool is_quiet = true;

	list_push_back(&home->lanes, &lane->link);
	for (unsigned i = 0; i < RANGE_LOCKS_MAX; i++) {
		if (home->slot[i].state == SLOT_RAISING || home->slot[i].state == SLOT_LOCKED) {
			raise_fence(lane, &home->slot[i]);
			is_quiet = false;
		}
	}
	if (is_quiet && lane->reactor == home_reactor(lane->lu)) {
		lane->fences = 0;
		return;
	}
	/* Behind the fences, which it passes on to the lane after them. */
	lane->join.deliver = lane_joined;
	reactor_send(lane->reactor, &lane->join);
}

static void home_joined(struct message *message)
{
	struct range_lane *lane = container_of(message, struct range_lane, join);

	add_lane(home_of(lane), lane);
}

/* ---- the owner of a lock: its reactor's thread ------------------------------------ */

/* It goes on when none of its messages is under way any more. */
static void go_on(struct scsi_cmd *cmd)
{
	if (--cmd->range.away != 0)
		return;
	assert(cmd->phase == SCSI_PHASE_LOCK);
	cmd->phase = SCSI_PHASE_RUNNING;
	cmd_drive(cmd, SCSI_AGAIN);
}

static void command_has_lock(struct message *message)
{
	struct scsi_cmd *cmd = container_of(message, struct scsi_cmd, range.ask);

	if (cmd->range.slot != NULL)
		cmd->flags |= CMD_LOCKED;
	go_on(cmd);
}

static void command_cancelled(struct message *message)
{
	go_on(container_of(message, struct scsi_cmd, range.cancel));
}

int range_lock(struct scsi_cmd *cmd, uint64_t lba, uint64_t blocks,
	       int (*next)(struct scsi_cmd *cmd))
{
	assert(!(cmd->flags & (CMD_IN_RANGE | CMD_LOCKED)));
	cmd->resume = next;
	cmd->phase = SCSI_PHASE_LOCK;
	cmd->range.first = lba;
	cmd->range.end = lba + blocks;
	cmd->range.away = 1;
	cmd->range.ask.deliver = home_asked;
	reactor_send(home_reactor(cmd->lu), &cmd->range.ask);
	return SCSI_MORE;
}

void range_unlock(struct scsi_cmd *cmd)
{
	struct range_slot *slot = cmd->range.slot;

	if (!(cmd->flags & CMD_LOCKED))
		return;
	cmd->flags &= (uint8_t)~CMD_LOCKED;
	slot->release.deliver = home_released;
	reactor_send(home_reactor(cmd->lu), &slot->release);
}

void range_lock_cancel(struct scsi_cmd *cmd)
{
	cmd->range.away++;
	cmd->range.cancel.deliver = home_cancelled;
	reactor_send(home_reactor(cmd->lu), &cmd->range.cancel);
}

/* ---- making ------------------------------------------------------------------------ */

void range_home_init(struct scsi_lu *lu)
{
	struct range_home *home = &lu->home;

	list_init(&home->lanes);
	list_init(&home->queue);
	for (unsigned i = 0; i < RANGE_LOCKS_MAX; i++) {
		home->slot[i].home = home;
		home->slot[i].number = i;
	}
}

int range_join(struct scsi_lu *lu, struct reactor *reactor)
{
	struct range_lane **at = &lu->lanes[reactor_index(reactor)];
	struct range_lane *lane;
	struct reactor *home = NULL;

	if (*at != NULL)
		return 0;
	lane = aligned_alloc(64, align_up(sizeof(*lane), 64));
	if (lane == NULL)
		return -ENOMEM;
	*lane = (struct range_lane){
		.fences = FENCE_EVERYWHERE,
		.lu = lu,
		.reactor = reactor,
	};
	list_init(&lane->inside);
	list_init(&lane->waiting);
	for (unsigned i = 0; i < RANGE_LOCKS_MAX; i++) {
		lane->fence[i].lane = lane;
		lane->fence[i].number = i;
	}
	*at = lane;
	/* The first to come is at home. */
	if (atomic_compare_exchange_strong(&lu->home.reactor, &home, reactor) || home == reactor) {
		add_lane(&lu->home, lane);
		return 0;
	}
	lane->join.deliver = home_joined;
	reactor_send(home, &lane->join);
	return 0;
}

void range_destroy(struct scsi_lu *lu)
{
	for (unsigned i = 0; i < SCSI_REACTORS_MAX; i++)
		free(lu->lanes[i]);
}
