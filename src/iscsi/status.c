/* SPDX-License-Identifier: BSD-2-Clause */
/* What the node tells of itself: counters, targets, portals, sessions. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iscsi/access.h"
#include "iscsi/conn.h"
#include "iscsi/guard.h"
#include "iscsi/iscsi.h"
#include "iscsi/node.h"
#include "iscsi/session.h"

void iscsi_node_get_info(const struct iscsi_node *node, struct iscsi_node_info *info)
{
	unsigned i;

	memset(info, 0, sizeof(*info));
	info->connections = atomic_load_explicit(&node->connections, memory_order_relaxed);
	info->logins = atomic_load_explicit(&node->logins, memory_order_relaxed);
	for (i = 0; i < node->core_count; i++) {
		const struct iscsi_core *core = &node->cores[i];

		info->sessions += (unsigned)counter_read(&core->sessions);
		info->tasks += counter_read(&core->tasks);
		info->accepted += counter_read(&core->accepted);
		info->login_failures += counter_read(&core->login_failures);
		info->authentication_failures += counter_read(&core->authentication_failures);
		info->authorization_failures += counter_read(&core->authorization_failures);
		info->connections_refused += counter_read(&core->connections_refused);
		info->protocol_errors += counter_read(&core->protocol_errors);
	}
	info->addresses_slowed =
		guard_count(node->guard, reactor_now_ns(node->cores[0].reactor));
}

void iscsi_node_visit_targets(const struct iscsi_node *node,
			      void (*visit)(void *context, const char *name, const char *alias,
					    const struct scsi_target *scsi),
			      void *context)
{
	struct list_node *link;

	LIST_FOR_EACH(link, &node->targets) {
		const struct iscsi_target *target = container_of(link, struct iscsi_target, link);

		visit(context, target->name, target->alias, target->scsi);
	}
}

void iscsi_node_visit_portals(const struct iscsi_node *node,
			      void (*visit)(void *context, const char *address, uint16_t group,
					    const char *transport),
			      void *context)
{
	struct list_node *link;

	LIST_FOR_EACH(link, &node->portals) {
		const struct iscsi_portal *portal = container_of(link, struct iscsi_portal, link);
		char text[80];

		snprintf(text, sizeof(text), "%s,%u", portal->address, portal->group);
		visit(context, text, portal->group, portal->transport);
	}
}

/* --- sessions --- */

struct part {
	unsigned count;
	struct iscsi_session_info sessions[];
};

struct collection {
	iscsi_sessions_fn done;
	void *context;
	char which[NAME_LEN_MAX + 1];	/* these are to be closed; "": just told of */
};

/* Where the events of a connection go, and what the time is. */
struct event_list {
	struct iscsi_session_info *info;
	uint64_t now_ns;
};

static void add_event(void *context, const struct event *event)
{
	struct event_list *list = context;
	struct iscsi_session_info *info = list->info;
	struct iscsi_event_info *out = &info->events[info->event_count++];

	snprintf(out->what, sizeof(out->what), "%s", event->what);
	out->a = event->a;
	out->b = event->b;
	out->age_ms = (list->now_ns - event->time_ns) / CLOCK_NS_PER_MS;
}

static void describe_session(const struct iscsi_session *session, struct iscsi_session_info *info)
{
	snprintf(info->initiator, sizeof(info->initiator), "%s", session->initiator_name);
	snprintf(info->initiator_alias, sizeof(info->initiator_alias), "%s",
		 session->initiator_alias);
	if (session->target != NULL)
		snprintf(info->target, sizeof(info->target), "%s", session->target->name);
	if (session->account != NULL) {
		snprintf(info->account, sizeof(info->account), "%.63s", session->account->name);
		snprintf(info->chap, sizeof(info->chap), "%s", session->chap_method->name);
	}
	memcpy(info->isid, session->isid, sizeof(info->isid));
	info->tsih = session->tsih;
	info->discovery = session_is_discovery(session);
	info->max_burst = session->keys.max_burst;
	info->first_burst = session->keys.first_burst;
	info->initial_r2t = session->keys.initial_r2t;
	info->immediate_data = session->keys.immediate_data;
	info->exp_cmd_sn = session->exp_cmd_sn;
	info->max_cmd_sn = session->max_cmd_sn;
	info->commands = session->active + session->immediate;
	info->window = session->window;
	info->latency_us = session->pace.average_ns / CLOCK_NS_PER_US;
	info->commands_done = counter_read(&session->commands_done);
	info->bytes_in = counter_read(&session->bytes_in);
	info->bytes_out = counter_read(&session->bytes_out);
}

static void describe(const struct iscsi_conn *conn, struct iscsi_session_info *info)
{
	const struct iscsi_core *core = conn->core;
	struct event_list list = { info, reactor_now_ns(core->reactor) };

	memset(info, 0, sizeof(*info));
	events_print(&conn->events, add_event, &list);
	snprintf(info->state, sizeof(info->state), "%s", conn_state_name(conn));
	snprintf(info->peer, sizeof(info->peer), "%s", conn->peer);
	snprintf(info->local, sizeof(info->local), "%s", conn->local);
	if (conn->wire != NULL)
		snprintf(info->transport, sizeof(info->transport), "%s", conn->wire->limits.name);
	info->cid = conn->cid;
	info->reactor = reactor_index(core->reactor);
	info->age_s = (reactor_now_ns(core->reactor) - conn->connected_ns) / CLOCK_NS_PER_S;
	info->header_digest = conn->keys.header_digest;
	info->data_digest = conn->keys.data_digest;
	info->send_data_max = conn->keys.send_data_max;
	info->recv_data_max = conn->keys.recv_data_max;
	if (conn->session != NULL)
		describe_session(conn->session, info);
}

bool iscsi_session_is(const struct iscsi_session_info *info, const char *which)
{
	char tsih[8];

	snprintf(tsih, sizeof(tsih), "%u", info->tsih);
	return strcmp(which, info->peer) == 0 || strcmp(which, info->initiator) == 0 ||
	       (info->tsih != 0 && strcmp(which, tsih) == 0);
}

/* Describes what is to be closed, and closes it. */
static void close_some(struct broadcast_leg *leg, struct part *part)
{
	const struct collection *collection = leg->broadcast->context;
	struct list_node *node;
	struct list_node *next;

	LIST_FOR_EACH_SAFE(node, next, &leg->core->conns) {
		struct iscsi_conn *conn = container_of(node, struct iscsi_conn, link);
		struct iscsi_session_info *info = &part->sessions[part->count];

		describe(conn, info);
		if (!iscsi_session_is(info, collection->which) || !conn_can_send(conn))
			continue;
		part->count++;
		conn_terminate(conn, true, LOG_LEVEL_INFO, "closed by the control socket");
	}
}

static void collect(struct broadcast_leg *leg)
{
	const struct collection *collection = leg->broadcast->context;
	struct list_node *node;
	struct part *part;
	unsigned count = 0;

	LIST_FOR_EACH(node, &leg->core->conns)
		count++;
	part = malloc(sizeof(*part) + count * sizeof(part->sessions[0]));
	if (part != NULL) {
		part->count = 0;
		if (collection->which[0] != '\0')
			close_some(leg, part);
		else
			LIST_FOR_EACH(node, &leg->core->conns)
				describe(container_of(node, struct iscsi_conn, link),
					 &part->sessions[part->count++]);
	}
	leg->result = part;
	broadcast_leg_done(leg);
}

static void collected(struct broadcast *broadcast)
{
	struct collection *collection = broadcast->context;
	struct iscsi_session_info *all;
	unsigned count = 0;
	unsigned i;

	for (i = 0; i < broadcast->leg_count; i++) {
		struct part *part = broadcast->legs[i].result;

		count += part != NULL ? part->count : 0;
	}
	/* One more, so that no sessions are not no memory. */
	all = malloc((count + 1) * sizeof(*all));
	count = 0;
	for (i = 0; i < broadcast->leg_count; i++) {
		struct part *part = broadcast->legs[i].result;

		if (all != NULL && part != NULL) {
			memcpy(all + count, part->sessions, part->count * sizeof(*all));
			count += part->count;
		}
		free(part);
	}
	collection->done(collection->context, all, count);
	free(all);
	free(collection);
	free(broadcast);
}

static int ask(struct iscsi_node *node, const char *which, iscsi_sessions_fn done, void *context)
{
	struct broadcast *broadcast = broadcast_create(node, &node->cores[0]);
	struct collection *collection = malloc(sizeof(*collection));

	if (broadcast == NULL || collection == NULL) {
		free(broadcast);
		free(collection);
		return -ENOMEM;
	}
	collection->done = done;
	collection->context = context;
	snprintf(collection->which, sizeof(collection->which), "%s", which);
	broadcast->run = collect;
	broadcast->done = collected;
	broadcast->context = collection;
	broadcast_start(broadcast);
	return 0;
}

int iscsi_node_sessions(struct iscsi_node *node, iscsi_sessions_fn done, void *context)
{
	return ask(node, "", done, context);
}

int iscsi_node_close_sessions(struct iscsi_node *node, const char *which, iscsi_sessions_fn done,
			      void *context)
{
	return which[0] == '\0' ? -EINVAL : ask(node, which, done, context);
}
