/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The node: targets, portals, where connections are placed, and how something
 * is done on all reactors; see iscsi/iscsi.h and iscsi/node.h.
 */
#include "iscsi/node.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iscsi/access.h"
#include "iscsi/conn.h"
#include "iscsi/guard.h"
#include "iscsi/lobby.h"
#include "iscsi/registry.h"
#include "iscsi/session.h"
#include "iscsi/values.h"

/* --- configuration --- */

void iscsi_node_config_init(struct iscsi_node_config *config)
{
	*config = (struct iscsi_node_config){
		.max_connections = 1024,
		.max_login_connections = 256,
		.login_timeout_s = 15,
		.nop_interval_s = 30,
		.nop_timeout_s = 30,
	};
	values_init(&config->values);
}

/* --- what CHAP is done with --- */

uint8_t iscsi_chap_algorithm(const char *name)
{
	const struct chap_method *method = chap_method_named(name);

	return method != NULL ? method->number : 0;
}

static bool may_use(const struct iscsi_node_config *config, const struct chap_method *method)
{
	if (method == NULL || (config->fips && !method->is_fips))
		return false;
	if (chap_method_works(method))
		return true;
	log_warning("iscsi: the crypto library does not offer %s: no CHAP with it", method->name);
	return false;
}

/* Leaves those of the algorithms that can be used; all that there are where none is named. */
static int take_algorithms(struct iscsi_node_config *own)
{
	uint8_t wanted[ISCSI_CHAP_ALGORITHMS_MAX + 1] = { 0 };
	unsigned count = 0;
	unsigned i;

	memcpy(wanted, own->chap_algorithms, ISCSI_CHAP_ALGORITHMS_MAX);
	for (i = 0; own->chap_algorithms[0] == 0 && i < ISCSI_CHAP_ALGORITHMS_MAX; i++)
		wanted[i] = chap_methods[i].number;
	memset(own->chap_algorithms, 0, sizeof(own->chap_algorithms));
	for (i = 0; wanted[i] != 0; i++)
		if (may_use(own, chap_method(wanted[i])))
			own->chap_algorithms[count++] = wanted[i];
	return count != 0 ? 0 : -EINVAL;
}

static unsigned or_default(unsigned value, unsigned usual)
{
	return value != 0 ? value : usual;
}

static int take_config(struct iscsi_node_config *own, const struct iscsi_node_config *config)
{
	*own = *config;
	own->login_timeout_s = or_default(own->login_timeout_s, 15);
	own->nop_timeout_s = or_default(own->nop_timeout_s, 30);
	if (own->reactor_count == 0 || values_check(&own->values) != 0)
		return -EINVAL;
	return take_algorithms(own);
}

/* --- access --- */

void iscsi_node_add_access(struct iscsi_node *node, struct iscsi_access *access)
{
	list_push_back(&node->accesses, &access->link);
}

void iscsi_node_set_discovery_access(struct iscsi_node *node, const struct iscsi_access *access)
{
	node->discovery_access = access;
}

/* The target that the administrator's NAME means, in whatever case it is written. */
static struct iscsi_target *find_as_written(const struct iscsi_node *node, const char *name)
{
	char normal[NAME_LEN_MAX + 1];

	return iscsi_target_name(name, normal) == 0 ? node_find_target(node, normal) : NULL;
}

int iscsi_node_set_target_access(struct iscsi_node *node, const char *name,
				 const struct iscsi_access *access)
{
	struct iscsi_target *target = find_as_written(node, name);

	if (target == NULL)
		return -ENOENT;
	target->access = access;
	return 0;
}

int iscsi_node_override_target(struct iscsi_node *node, const char *name,
			       const struct iscsi_override *override)
{
	struct iscsi_target *target = find_as_written(node, name);

	if (target == NULL)
		return -ENOENT;
	target->override = *override;
	return 0;
}

int iscsi_node_redirect_target(struct iscsi_node *node, const char *name, const char *address,
			       bool permanently)
{
	struct iscsi_target *target = find_as_written(node, name);

	if (target == NULL)
		return -ENOENT;
	if (address[0] == '\0' || strlen(address) > NODE_ADDRESS_MAX)
		return -EINVAL;
	strcpy(target->redirect, address);
	target->is_moved = permanently;
	return 0;
}

const struct iscsi_access *node_access(const struct iscsi_node *node,
				       const struct iscsi_target *target)
{
	if (target == NULL)
		return node->discovery_access;
	return target->access != NULL ? target->access : node->closed;
}

bool iscsi_node_is_open(const struct iscsi_node *node, const char *name)
{
	const struct iscsi_target *target = node_find_target(node, name);

	return target != NULL && node_access(node, target) == NULL;
}

bool iscsi_node_is_reachable(const struct iscsi_node *node, const char *name, uint16_t group)
{
	const struct iscsi_target *target = node_find_target(node, name);

	return target != NULL && access_opens(node_access(node, target), group);
}

/* The guard, the lobby, and what targets without an access list have: nothing, or an empty one. */
static int close_node(struct iscsi_node *node)
{
	struct iscsi_access *closed;
	unsigned wrong;
	char error[80];
	int err;

	node->guard = guard_create();
	node->lobby = lobby_create(node->config.max_login_connections);
	if (node->guard == NULL || node->lobby == NULL)
		return -ENOMEM;
	if (!node->config.require_access)
		return 0;
	err = iscsi_access_create(NULL, 0, &closed, &wrong, error, sizeof(error));
	if (err != 0)
		return err;
	iscsi_node_add_access(node, closed);
	node->closed = closed;
	return 0;
}

/* --- making and ending --- */

int iscsi_node_create(const struct iscsi_node_config *config, struct iscsi_node **out)
{
	struct iscsi_node *node = calloc(1, sizeof(*node));
	unsigned i;
	int err;

	if (node == NULL)
		return -ENOMEM;
	list_init(&node->targets);
	list_init(&node->portals);
	list_init(&node->accesses);
	node->has_chap_preference = config->chap_algorithms[0] != 0;
	err = take_config(&node->config, config);
	if (err != 0)
		goto fail;
	err = -ENOMEM;
	node->cores = calloc(config->reactor_count, sizeof(*node->cores));
	if (node->cores == NULL)
		goto fail;
	for (i = 0; i < config->reactor_count; i++) {
		node->cores[i].node = node;
		node->cores[i].reactor = config->reactors[i];
		list_init(&node->cores[i].conns);
		list_init(&node->cores[i].sessions_here);
	}
	node->core_count = config->reactor_count;
	err = close_node(node);
	if (err != 0)
		goto fail;
	err = registry_create(node, &node->registry);
	if (err != 0)
		goto fail;
	node->drain = broadcast_create(node, &node->cores[0]);
	if (node->drain == NULL) {
		err = -ENOMEM;
		goto fail;
	}
	*out = node;
	return 0;
fail:
	iscsi_node_destroy(node);
	return err;
}

static void close_portals(struct iscsi_node *node)
{
	struct list_node *link;

	while ((link = list_pop_front(&node->portals)) != NULL) {
		struct iscsi_portal *portal = container_of(link, struct iscsi_portal, link);

		if (portal->listener != NULL)
			portal->listener->ops->close(portal->listener);
		free(portal);
	}
}

void iscsi_node_destroy(struct iscsi_node *node)
{
	struct list_node *link;

	if (node == NULL)
		return;
	close_portals(node);
	while ((link = list_pop_front(&node->targets)) != NULL)
		free(container_of(link, struct iscsi_target, link));
	while ((link = list_pop_front(&node->accesses)) != NULL)
		access_destroy(container_of(link, struct iscsi_access, link));
	guard_destroy(node->guard);
	lobby_destroy(node->lobby);
	registry_destroy(node->registry);
	free(node->drain);
	free(node->cores);
	free(node);
}

void node_port_name(const struct iscsi_target *target, uint16_t group,
		    char name[NODE_PORT_NAME_MAX + 1])
{
	snprintf(name, NODE_PORT_NAME_MAX + 1, "%s,t,0x%04x", target->name, group);
}

/* A target has a SCSI port for each portal group; its relative identifier is the tag. */
static int add_port(struct iscsi_target *target, uint16_t group)
{
	char name[NODE_PORT_NAME_MAX + 1];
	int err;

	node_port_name(target, group, name);
	err = scsi_target_add_port(target->scsi, group, name);
	/* Where a second iSCSI target stands before it, its port keeps its first name. */
	return err == -EEXIST ? 0 : err;
}

static int add_ports(struct iscsi_node *node, struct iscsi_target *target)
{
	struct list_node *link;
	int err = 0;

	LIST_FOR_EACH(link, &node->portals) {
		err = add_port(target, container_of(link, struct iscsi_portal, link)->group);
		if (err != 0)
			break;
	}
	return err;
}

static int add_group(struct iscsi_node *node, uint16_t group, char *error, size_t error_size)
{
	struct list_node *link;
	int err = 0;

	LIST_FOR_EACH(link, &node->targets) {
		err = add_port(container_of(link, struct iscsi_target, link), group);
		if (err != 0) {
			snprintf(error, error_size, "portal group %u: %s", group,
				 err == -ENOSPC ? "there are too many portal groups"
						: strerror(-err));
			break;
		}
	}
	return err;
}

int iscsi_node_add_target(struct iscsi_node *node, const char *name, const char *alias,
			  struct scsi_target *scsi)
{
	struct iscsi_target *target = calloc(1, sizeof(*target));
	int err = -ENOMEM;

	if (target == NULL)
		return err;
	err = iscsi_target_name(name, target->name);
	if (err == 0 && node_find_target(node, target->name) != NULL)
		err = -EEXIST;
	target->scsi = scsi;
	if (err == 0)
		err = add_ports(node, target);
	if (err != 0) {
		free(target);
		return err;
	}
	snprintf(target->alias, sizeof(target->alias), "%s", alias == NULL ? "" : alias);
	list_push_back(&node->targets, &target->link);
	return 0;
}

struct iscsi_target *node_find_target(const struct iscsi_node *node, const char *name)
{
	struct list_node *link;

	LIST_FOR_EACH(link, &node->targets) {
		struct iscsi_target *target = container_of(link, struct iscsi_target, link);

		if (strcmp(target->name, name) == 0)
			return target;
	}
	return NULL;
}

struct iscsi_core *node_core(struct iscsi_node *node, const struct reactor *reactor)
{
	unsigned i = reactor_index(reactor);

	if (i < node->core_count && node->cores[i].reactor == reactor)
		return &node->cores[i];
	for (i = 0; i < node->core_count; i++)
		if (node->cores[i].reactor == reactor)
			return &node->cores[i];
	return NULL;
}

/* --- portals and placement --- */

void node_login_ended(struct iscsi_node *node, const char *peer)
{
	struct ip ip;

	lobby_leave(node->lobby, ip_parse_host(peer, &ip) == 0 ? &ip : NULL);
	atomic_fetch_sub_explicit(&node->logins, 1, memory_order_relaxed);
}

void node_place_on(struct iscsi_core *core)
{
	atomic_fetch_add_explicit(&core->placed, 1, memory_order_relaxed);
}

void node_unplace(struct iscsi_core *core)
{
	atomic_fetch_sub_explicit(&core->placed, 1, memory_order_relaxed);
}

void node_connection_ended(struct iscsi_core *core)
{
	atomic_fetch_sub_explicit(&core->node->connections, 1, memory_order_relaxed);
	node_unplace(core);
}

#define ANY_NUMA_NODE (-1)

/* Of the cores on NUMA, or of all where it has none. */
static struct iscsi_core *least_loaded(struct iscsi_node *node, int numa)
{
	struct iscsi_core *best = NULL;
	unsigned i;

	for (i = 0; i < node->core_count; i++) {
		struct iscsi_core *core = &node->cores[i];

		if (numa != ANY_NUMA_NODE && reactor_node(core->reactor) != numa)
			continue;
		if (best == NULL || atomic_load_explicit(&core->placed, memory_order_relaxed) <
					    atomic_load_explicit(&best->placed, memory_order_relaxed))
			best = core;
	}
	return best != NULL ? best : least_loaded(node, ANY_NUMA_NODE);
}

/*
 * Whether a connection from PEER may come to PORTAL, before anything is spent on it: then
 * it has its place in the lobby.
 */
static bool is_welcome(struct iscsi_portal *portal, const char *peer)
{
	struct iscsi_node *node = portal->node;
	struct ip parsed;
	const struct ip *ip = ip_parse_host(peer, &parsed) == 0 ? &parsed : NULL;
	const char *why = NULL;

	if (!access_may_come(portal->access, ip, portal->group))
		why = "the portal's access list does not admit the address";
	else if (!guard_admits(node->guard, ip, reactor_now_ns(portal->reactor)))
		why = "too many failed logins from this address";
	else if (!lobby_enter(node->lobby, ip))
		why = "too many logins under way from this address";
	if (why == NULL)
		return true;
	counter_increment(&node->cores[0].connections_refused);
	log_limited(guard_log_limit(&portal->refusals, peer), LOG_LEVEL_WARNING,
		    "iscsi: %s: connection to %s refused: %s", peer, portal->address, why);
	return false;
}

static struct reactor *place_near(void *user, const char *peer, int numa)
{
	struct iscsi_portal *portal = user;
	struct iscsi_node *node = portal->node;
	unsigned connections = atomic_load_explicit(&node->connections, memory_order_relaxed);
	unsigned logins = atomic_load_explicit(&node->logins, memory_order_relaxed);
	struct iscsi_core *core;

	if (atomic_load_explicit(&node->closing, memory_order_relaxed))
		return NULL;
	if (connections >= node->config.max_connections ||
	    logins >= node->config.max_login_connections) {
		log_limited(guard_log_limit(&portal->refusals, peer), LOG_LEVEL_WARNING,
			    "iscsi: %s: connection refused: %u connections, %u of them logging in",
			    peer, connections, logins);
		return NULL;
	}
	if (!is_welcome(portal, peer))
		return NULL;
	core = least_loaded(node, numa);
	atomic_fetch_add_explicit(&node->connections, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&node->logins, 1, memory_order_relaxed);
	node_place_on(core);
	return core->reactor;
}

struct reactor *node_place(void *user, const char *peer)
{
	return place_near(user, peer, ANY_NUMA_NODE);
}

static void lost(void *user, struct reactor *reactor, const char *peer)
{
	struct iscsi_portal *portal = user;

	node_login_ended(portal->node, peer);
	node_connection_ended(node_core(portal->node, reactor));
}

struct iscsi_portal *node_portal_create(struct iscsi_node *node, uint16_t group)
{
	struct iscsi_portal *portal = calloc(1, sizeof(*portal));

	if (portal == NULL)
		return NULL;
	portal->node = node;
	portal->reactor = node->cores[0].reactor;
	portal->group = group;
	portal->transport = "tcp";
	list_push_back(&node->portals, &portal->link);
	return portal;
}

int iscsi_node_add_portal(struct iscsi_node *node, const struct iscsi_portal_config *config,
			  char *error, size_t error_size)
{
	struct transport_listener_config listen = {
		.address = config->address,
		.port = config->port,
		.place = node_place,
		.place_near = place_near,
		.connected = conn_connected,
		.lost = lost,
		.socket = config->socket,
	};
	struct iscsi_portal *portal;
	int err;

	if (config->group == 0) {
		snprintf(error, error_size, "a portal group tag is 1 to 65535");
		return -EINVAL;
	}
	err = add_group(node, config->group, error, error_size);
	if (err != 0)
		return err;
	portal = node_portal_create(node, config->group);
	if (portal == NULL) {
		snprintf(error, error_size, "no memory for a portal");
		return -ENOMEM;
	}
	portal->access = config->access;
	if (config->override != NULL)
		portal->override = *config->override;
	listen.reactor = portal->reactor;
	listen.user = portal;
	if (config->iser != NULL) {
		portal->transport = "iser";
		err = iser_listen(config->iser, &listen, &portal->listener, error, error_size);
	} else {
		err = tcp_listen(&listen, &portal->listener, error, error_size);
		if (err == 0 && portal->listener->is_multipath)
			portal->transport = "mptcp";
	}
	if (err != 0) {
		list_remove(&portal->link);
		free(portal);
		return err;
	}
	snprintf(portal->address, sizeof(portal->address), "%s", portal->listener->address);
	return 0;
}

/* --- on all reactors --- */

static void deliver_leg(struct message *message)
{
	struct broadcast_leg *leg = container_of(message, struct broadcast_leg, message);

	leg->broadcast->run(leg);
}

static void deliver_finished(struct message *message)
{
	struct broadcast *broadcast = container_of(message, struct broadcast, finished);

	broadcast->done(broadcast);
}

struct broadcast *broadcast_create(struct iscsi_node *node, struct iscsi_core *origin)
{
	struct broadcast *broadcast =
		calloc(1, sizeof(*broadcast) + node->core_count * sizeof(broadcast->legs[0]));
	unsigned i;

	if (broadcast == NULL)
		return NULL;
	broadcast->node = node;
	broadcast->origin = origin;
	broadcast->leg_count = node->core_count;
	broadcast->finished.deliver = deliver_finished;
	for (i = 0; i < node->core_count; i++) {
		broadcast->legs[i].message.deliver = deliver_leg;
		broadcast->legs[i].broadcast = broadcast;
		broadcast->legs[i].core = &node->cores[i];
	}
	return broadcast;
}

void broadcast_start(struct broadcast *broadcast)
{
	unsigned count = broadcast->leg_count;
	unsigned i;

	atomic_store(&broadcast->remaining, count);
	for (i = 0; i < count; i++)
		reactor_send(broadcast->legs[i].core->reactor, &broadcast->legs[i].message);
}

void broadcast_leg_done(struct broadcast_leg *leg)
{
	struct broadcast *broadcast = leg->broadcast;

	if (atomic_fetch_sub(&broadcast->remaining, 1) == 1)
		reactor_send(broadcast->origin->reactor, &broadcast->finished);
}
