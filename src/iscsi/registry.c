/* SPDX-License-Identifier: BSD-2-Clause */
/* Which sessions exist; see iscsi/registry.h. */
#include "iscsi/registry.h"

#include <stdlib.h>
#include <string.h>

#include "iscsi/conn.h"
#include "iscsi/session.h"

struct registry {
	struct iscsi_node *node;
	struct list registrations;
	uint16_t last_tsih;
};

static struct reactor *home(const struct registry *registry)
{
	return registry->node->cores[0].reactor;
}

int registry_create(struct iscsi_node *node, struct registry **out)
{
	struct registry *registry = calloc(1, sizeof(*registry));

	if (registry == NULL)
		return -ENOMEM;
	registry->node = node;
	list_init(&registry->registrations);
	*out = registry;
	return 0;
}

void registry_destroy(struct registry *registry)
{
	struct list_node *node;

	if (registry == NULL)
		return;
	while ((node = list_pop_front(&registry->registrations)) != NULL)
		free(container_of(node, struct registration, link));
	free(registry);
}

/* --- on the home reactor --- */

static struct registration *find_tsih(const struct registry *registry, uint16_t tsih)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &registry->registrations) {
		struct registration *found = container_of(node, struct registration, link);

		if (found->tsih == tsih)
			return found;
	}
	return NULL;
}

/* The session that ADMISSION would be the second of. Discovery sessions may be many. */
static struct registration *find_twin(const struct registry *registry,
				      const struct admission *admission)
{
	struct list_node *node;

	if (admission->target == NULL)
		return NULL;
	LIST_FOR_EACH(node, &registry->registrations) {
		struct registration *found = container_of(node, struct registration, link);

		if (found->target == admission->target && found->group == admission->group &&
		    memcmp(found->isid, admission->isid, sizeof(found->isid)) == 0 &&
		    strcmp(found->initiator_name, admission->initiator_name) == 0)
			return found;
	}
	return NULL;
}

/* 0 when all 65535 are in use. */
static uint16_t new_tsih(struct registry *registry)
{
	unsigned tries;

	for (tries = 0; tries <= UINT16_MAX; tries++) {
		if (++registry->last_tsih == 0)
			registry->last_tsih = 1;
		if (find_tsih(registry, registry->last_tsih) == NULL)
			return registry->last_tsih;
	}
	return 0;
}

static void deliver_answer(struct message *message)
{
	struct admission *admission = container_of(message, struct admission, message);

	admission->answered(admission);
}

static void answer(struct admission *admission, struct registration *registration, int status)
{
	admission->registration = registration;
	admission->status = status;
	admission->message.deliver = deliver_answer;
	reactor_send(admission->core->reactor, &admission->message);
}

static void deliver_end(struct message *message);
static void deliver_end_answer(struct message *message);
static void deliver_gone(struct message *message);

static struct registration *add(struct registry *registry, const struct admission *admission)
{
	struct registration *registration = calloc(1, sizeof(*registration));
	uint16_t tsih = new_tsih(registry);

	if (registration == NULL || tsih == 0) {
		free(registration);
		return NULL;
	}
	registration->registry = registry;
	registration->core = admission->core;
	registration->conn = admission->conn;
	registration->target = admission->target;
	registration->group = admission->group;
	registration->tsih = tsih;
	memcpy(registration->isid, admission->isid, sizeof(registration->isid));
	strcpy(registration->initiator_name, admission->initiator_name);
	list_init(&registration->waiters);
	registration->end.deliver = deliver_end;
	registration->answer.deliver = deliver_end_answer;
	registration->gone.deliver = deliver_gone;
	list_push_back(&registry->registrations, &registration->link);
	return registration;
}

static void send_end(struct registration *registration)
{
	if (registration->end_sent)
		return;
	registration->end_sent = true;
	reactor_send(registration->core->reactor, &registration->end);
}

static void answer_addition(struct admission *admission, struct iscsi_core *home_core)
{
	admission->home = home_core;
	answer(admission, NULL, 0);
}

/* A connection for an existing session. Whether there is room for it is decided where that is. */
static void decide_addition(struct registry *registry, struct admission *admission)
{
	struct registration *found = find_tsih(registry, admission->tsih);

	if (found == NULL || found->target != admission->target ||
	    strcmp(found->initiator_name, admission->initiator_name) != 0)
		answer(admission, NULL, ISCSI_LOGIN_NO_SESSION);
	else if (found->target == NULL || found->group != admission->group ||
		 memcmp(found->isid, admission->isid, sizeof(found->isid)) != 0)
		answer(admission, NULL, ISCSI_LOGIN_CANNOT_INCLUDE_IN_SESSION);
	else
		answer_addition(admission, found->core);
}

/* Whether one more session of ADMISSION's target is within the limits. */
static bool has_room(const struct registry *registry, const struct admission *admission)
{
	const struct iscsi_node_config *config = &registry->node->config;
	unsigned all = 0;
	unsigned same = 0;
	struct list_node *node;

	if (admission->target == NULL || (config->max_sessions == 0 &&
					  config->max_target_sessions == 0))
		return true;
	LIST_FOR_EACH(node, &registry->registrations) {
		const struct registration *other = container_of(node, struct registration, link);

		all += other->target != NULL;
		same += other->target == admission->target;
	}
	return (config->max_sessions == 0 || all < config->max_sessions) &&
	       (config->max_target_sessions == 0 || same < config->max_target_sessions);
}

static void decide(struct registry *registry, struct admission *admission)
{
	struct registration *twin;
	struct registration *registration;

	if (admission->tsih != 0) {
		decide_addition(registry, admission);
		return;
	}
	twin = find_twin(registry, admission);
	if (twin != NULL) {
		list_push_back(&twin->waiters, &admission->link);
		send_end(twin);
		return;
	}
	registration = has_room(registry, admission) ? add(registry, admission) : NULL;
	answer(admission, registration, registration == NULL ? ISCSI_LOGIN_OUT_OF_RESOURCES : 0);
}

static void deliver_question(struct message *message)
{
	struct admission *admission = container_of(message, struct admission, message);

	decide(admission->registry, admission);
}

static void forget(struct registration *registration)
{
	/* END is embedded: it may not be freed while it is on its way. */
	if (registration->is_gone && registration->end_sent == registration->end_answered)
		free(registration);
}

static void deliver_gone(struct message *message)
{
	struct registration *registration = container_of(message, struct registration, gone);
	struct registry *registry = registration->registry;
	struct list_node *node;

	list_remove(&registration->link);
	/* The first becomes the session, and the others then wait for that one's end. */
	while ((node = list_pop_front(&registration->waiters)) != NULL)
		decide(registry, container_of(node, struct admission, link));
	registration->is_gone = true;
	forget(registration);
}

static void deliver_end_answer(struct message *message)
{
	struct registration *registration = container_of(message, struct registration, answer);

	registration->end_answered = true;
	forget(registration);
}

/* --- on the session's reactor --- */

static void deliver_end(struct message *message)
{
	struct registration *registration = container_of(message, struct registration, end);

	const char *why = "session is replaced by a new login of its initiator";

	if (registration->session != NULL)
		session_terminate(registration->session, false, why);
	else if (registration->conn != NULL)
		conn_terminate(registration->conn, false, LOG_LEVEL_INFO, "%s", why);
	reactor_send(home(registration->registry), &registration->answer);
}

void registry_ask(struct admission *admission)
{
	admission->message.deliver = deliver_question;
	reactor_send(home(admission->registry), &admission->message);
}

void registry_release(struct registration *registration)
{
	registration->conn = NULL;
	registration->session = NULL;
	reactor_send(home(registration->registry), &registration->gone);
}
