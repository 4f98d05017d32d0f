/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of the node: initiators are asked to log out, those that do not are
 * dropped once they have nothing in flight, and all others when the grace is over.
 */
#include <stdlib.h>

#include "iscsi/conn.h"
#include "iscsi/ffp.h"
#include "iscsi/node.h"
#include "iscsi/session.h"

#define DRAIN_TICK_MS 10
#define DRAIN_POLITE_MS 1000	/* for the initiator's own Logout, at most half of the grace */
#define DRAIN_LAST_MS 2000	/* beyond the grace, for stores that do not let go */

static void close_listeners(struct iscsi_core *core)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &core->node->portals) {
		struct iscsi_portal *portal = container_of(node, struct iscsi_portal, link);

		if (portal->reactor != core->reactor || portal->listener == NULL)
			continue;
		portal->listener->ops->close(portal->listener);
		portal->listener = NULL;
	}
}

static bool is_normal(const struct iscsi_conn *conn)
{
	return conn->state == CONN_FULL && !session_is_discovery(conn->session);
}

static void ask_to_leave(struct iscsi_core *core)
{
	uint16_t seconds = (uint16_t)min_t(unsigned, core->node->grace_ms / 1000, UINT16_MAX);
	struct list_node *node;

	LIST_FOR_EACH(node, &core->conns) {
		struct iscsi_conn *conn = container_of(node, struct iscsi_conn, link);

		if (is_normal(conn))
			async_request_logout(conn, seconds);
		else
			conn_terminate(conn, true, LOG_LEVEL_INFO, "the target is shutting down");
	}
}

static bool is_in_flight(const struct iscsi_conn *conn)
{
	return !conn_is_idle(conn);
}

static void send_away(struct iscsi_core *core, bool all)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &core->conns) {
		struct iscsi_conn *conn = container_of(node, struct iscsi_conn, link);

		if (!all && is_in_flight(conn))
			continue;
		async_session_dropped(conn);
		conn_terminate(conn, !all, LOG_LEVEL_INFO, "the target is shutting down");
	}
}

static bool is_empty(const struct iscsi_core *core)
{
	/* What is placed here may still be on its way. */
	return list_is_empty(&core->conns) && list_is_empty(&core->sessions_here) &&
	       atomic_load_explicit(&core->placed, memory_order_relaxed) == 0;
}

static void tick(struct timer *timer)
{
	struct iscsi_core *core = container_of(timer, struct iscsi_core, drain_timer);
	uint64_t grace = core->node->grace_ms;
	uint64_t passed = (reactor_now_ns(core->reactor) - core->drain_start_ns) / CLOCK_NS_PER_MS;
	struct broadcast_leg *leg = core->drain_leg;

	if (passed >= grace)
		send_away(core, true);
	else if (passed >= min_t(uint64_t, grace / 2, DRAIN_POLITE_MS))
		send_away(core, false);
	if (!is_empty(core) && passed < grace + DRAIN_LAST_MS) {
		reactor_timer_start(core->reactor, timer, DRAIN_TICK_MS);
		return;
	}
	if (!is_empty(core))
		log_error("iscsi: sessions are left whose commands do not end");
	broadcast_leg_done(leg);
}

static void drain(struct broadcast_leg *leg)
{
	struct iscsi_core *core = leg->core;

	core->drain_leg = leg;
	core->drain_start_ns = reactor_now_ns(core->reactor);
	close_listeners(core);
	ask_to_leave(core);
	core->drain_timer.expired = tick;
	reactor_timer_start(core->reactor, &core->drain_timer, DRAIN_TICK_MS);
}

static void drained(struct broadcast *broadcast)
{
	struct iscsi_node *node = broadcast->node;

	node->drained(node->drained_context);
}

void iscsi_node_shutdown(struct iscsi_node *node, unsigned grace_ms, void (*done)(void *context),
			 void *context)
{
	node->grace_ms = grace_ms;
	node->drained = done;
	node->drained_context = context;
	node->drain->run = drain;
	node->drain->done = drained;
	atomic_store(&node->closing, true);
	broadcast_start(node->drain);
}
