/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The window of a session as far as memory allows it (RFC 7143 section 4.2.2.1): for every command
 * that may be sent, room for the data that may come with it unasked is set aside.
 *
 * Half of what can be set aside is for whoever comes; then a new session has a sixteenth of what
 * is left, so that others may come, too. Its window grows while it is busy, but the last quarter
 * is for those that have less than a fair part. When a session is busy and has less than that,
 * those that have more give it up as their windows close: what an initiator has been allowed
 * (MaxCmdSN) cannot be taken back. All this is looked at now and then, as long as anybody has less
 * than his whole window.
 */
#include "base/checked.h"
#include "iscsi/ffp.h"
#include "iscsi/pace.h"
#include "iscsi/session.h"

#define TICK_MS 100
#define LEAST   8 /* slots: nobody gives up more for others */

static struct arena *arena_of(const struct iscsi_session *session)
{
	return reactor_arena(session->core->reactor);
}

/* At least one besides the immediate ones, and a second copy of data that comes out of order. */
static uint32_t with_extras(uint32_t slots)
{
	return slots + 1 + min_t(uint32_t, slots, SESSION_IMMEDIATE_MAX);
}

static struct iscsi_session *session_at(struct list_node *node)
{
	return container_of(node, struct iscsi_session, link);
}

/* Its equal part, were there one session more. */
static uint32_t fair_slots(const struct iscsi_session *session)
{
	size_t part = arena_reserve_max(arena_of(session)) / (session->core->sharers + 1);
	size_t slots = part / session->slot_bytes;

	slots = slots > LEAST + 1 + SESSION_IMMEDIATE_MAX ? slots - 1 - SESSION_IMMEDIATE_MAX :
							    LEAST;
	return (uint32_t)min_t(size_t, slots, session->depth);
}

/* Bytes to be set aside for SLOTS, beside what is already. */
static size_t cost_of(const struct iscsi_session *session, uint32_t slots)
{
	return (size_t)(with_extras(slots) - session->reserved_slots) * session->slot_bytes;
}

static bool take(struct iscsi_session *session, uint32_t slots)
{
	if (arena_reserve(arena_of(session), cost_of(session, slots)) != 0)
		return false;
	session->reserved_slots = with_extras(slots);
	pace_grant(session, slots);
	return true;
}

/* --- now and then --- */

/* How many commands may come, or have come and are not over. */
static uint32_t slots_needed(const struct iscsi_session *session)
{
	return session->max_cmd_sn + 1 - session->exp_cmd_sn + session->used;
}

static void give_back(struct iscsi_session *session)
{
	uint32_t keep = with_extras(max(session->granted, slots_needed(session)));

	if (keep >= session->reserved_slots)
		return;
	arena_unreserve(arena_of(session),
			(size_t)(session->reserved_slots - keep) * session->slot_bytes);
	session->reserved_slots = keep;
}

/* Whether it could use a larger window, were there memory for it. */
static bool is_busy(const struct iscsi_session *session)
{
	uint64_t done = counter_read(&session->commands_done) - session->done_at_tick;

	if (session->pace.slots <= session->granted)
		return false;
	return done >= session->granted || session->active * 4 >= session->window * 3;
}

/* Beyond a fair part nothing of the last quarter. */
static bool may_have(const struct iscsi_session *session, uint32_t slots)
{
	const struct arena *arena = arena_of(session);

	return slots <= fair_slots(session) ||
	       arena_reserve_left(arena) >=
		       cost_of(session, slots) + arena_reserve_max(arena) / 4;
}

static void grow(struct iscsi_session *session)
{
	uint32_t slots = min(session->granted * 2, session->depth);

	if (slots <= session->granted)
		return;
	/* What it has not given back yet it has already. */
	if (with_extras(slots) <= session->reserved_slots)
		pace_grant(session, slots);
	else if (!may_have(session, slots) || !take(session, slots))
		return;
	session_window_opened(session);
}

static bool is_starved(const struct iscsi_session *session)
{
	return session->granted < fair_slots(session);
}

/* Others need it: what is more than its part, or more than it may use for its latency. */
static void shrink(struct iscsi_session *session)
{
	uint32_t slots = min(fair_slots(session), max_t(uint32_t, session->pace.slots, LEAST));

	if (slots < session->granted)
		pace_grant(session, slots);
}

/* Whether there is a session that is busy and has less than its part. */
static bool serve(struct iscsi_core *core)
{
	bool starved = false;
	struct list_node *node;

	LIST_FOR_EACH(node, &core->sessions_here) {
		struct iscsi_session *session = session_at(node);

		if (session->slot_bytes == 0)
			continue;
		give_back(session);
		if (is_busy(session)) {
			grow(session);
			starved |= is_starved(session);
		}
		session->done_at_tick = counter_read(&session->commands_done);
	}
	return starved;
}

static void tick(struct timer *timer)
{
	struct iscsi_core *core = container_of(timer, struct iscsi_core, share);
	bool starved = serve(core);
	bool again = false;
	struct list_node *node;

	LIST_FOR_EACH(node, &core->sessions_here) {
		struct iscsi_session *session = session_at(node);

		if (session->slot_bytes == 0)
			continue;
		if (starved)
			shrink(session);
		again |= session->granted < session->depth;
	}
	core->is_sharing = again;
	if (again)
		reactor_timer_start(core->reactor, timer, TICK_MS);
}

/* Whoever comes later does not put it off. */
static void start_ticking(struct iscsi_core *core)
{
	if (core->is_sharing)
		return;
	core->is_sharing = true;
	core->share.expired = tick;
	reactor_timer_start(core->reactor, &core->share, TICK_MS);
}

/* --- sessions come and go --- */

static uint32_t unsolicited_max(const struct iscsi_session *session)
{
	const struct transport_keys *negotiated = &session->keys;

	/* Another connection may take longer PDUs. */
	if (!negotiated->initial_r2t || (negotiated->immediate_data && session->conns_max > 1))
		return negotiated->first_burst;
	if (!negotiated->immediate_data)
		return 0;
	return min(negotiated->first_burst, negotiated->recv_data_max);
}

/* What a new session takes at most. The first need not be modest. */
static size_t portion(const struct iscsi_session *session)
{
	const struct arena *arena = arena_of(session);
	size_t left = arena_reserve_left(arena);
	size_t freely = left - min(left, arena_reserve_max(arena) / 2);

	return session->core->sharers > 1 ? max(freely, left / 16) : left;
}

int session_reserve(struct iscsi_session *session)
{
	uint32_t slots = session->depth;

	session->unsolicited_max = unsolicited_max(session);
	session->slot_bytes = (uint32_t)align_up(session->unsolicited_max, EXTENT_MIN);
	if (session->slot_bytes == 0) {
		pace_grant(session, slots);
		return 0;
	}
	session->core->sharers++;
	while (slots > 1 && cost_of(session, slots) > portion(session))
		slots /= 2;
	while (slots != 0 && !take(session, slots))
		slots /= 2;
	if (slots == 0)
		return -ENOMEM;
	if (slots < session->depth)
		start_ticking(session->core);
	return 0;
}

void session_unreserve(struct iscsi_session *session)
{
	struct iscsi_core *core = session->core;

	if (session->slot_bytes == 0)
		return;
	arena_unreserve(arena_of(session), (size_t)session->reserved_slots * session->slot_bytes);
	session->reserved_slots = 0;
	if (--core->sharers != 0)
		return;
	reactor_timer_stop(core->reactor, &core->share);
	core->is_sharing = false;
}

void session_announce(struct iscsi_session *session)
{
	struct iscsi_conn *conn = session_live_conn(session);

	if (!session->announced && conn != NULL)
		nop_announce(conn);
}
