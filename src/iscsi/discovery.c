/* SPDX-License-Identifier: BSD-2-Clause */
/* What SendTargets answers; see iscsi/discovery.h. */
#include "iscsi/discovery.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iscsi/access.h"
#include "iscsi/session.h"

int discovery_add_bytes(struct discovery *list, const void *bytes, size_t length)
{
	if (length > list->capacity - list->length) {
		size_t capacity = max_t(size_t, list->capacity * 2 + length, 1024);
		uint8_t *grown = capacity > UINT32_MAX / 2 ? NULL : realloc(list->bytes, capacity);

		if (grown == NULL)
			return -ENOMEM;
		list->bytes = grown;
		list->capacity = (uint32_t)capacity;
	}
	if (length != 0)
		memcpy(list->bytes + list->length, bytes, length);
	list->length += (uint32_t)length;
	return 0;
}

int discovery_add_text(struct discovery *list, const char *key, const char *value)
{
	int err = discovery_add_bytes(list, key, strlen(key));

	if (err == 0)
		err = discovery_add_bytes(list, "=", 1);
	if (err == 0)
		err = discovery_add_bytes(list, value, strlen(value) + 1);
	return err;
}

/* The length of "192.0.2.1" in "192.0.2.1:3260" (brackets included). */
static size_t host_length(const char *address)
{
	const char *colon = strrchr(address, ':');

	return colon == NULL ? strlen(address) : (size_t)(colon - address);
}

static bool host_is(const char *address, const char *host)
{
	return host_length(address) == strlen(host) &&
	       strncmp(address, host, strlen(host)) == 0;
}

static bool is_ipv6(const char *address)
{
	return address[0] == '[';
}

/*
 * The host part to tell of a portal, with its length; NULL when the initiator
 * cannot be told one: a wildcard of the other address family.
 */
static const char *reachable(const struct iscsi_conn *conn, const struct iscsi_portal *portal,
			     size_t *length)
{
	const char *host = portal->address;
	bool any4 = host_is(host, "0.0.0.0");
	bool any6 = host_is(host, "[::]");

	/* A listener on all addresses is where the initiator came to. */
	if ((any4 && !is_ipv6(conn->local)) || (any6 && is_ipv6(conn->local)) ||
	    (any6 && conn->portal == portal))
		host = conn->local;
	else if (any4 || any6)
		return NULL;
	*length = host_length(host);
	return host;
}

/* Whether the initiator of CONN may use TARGET by PORTAL: what it may not it is not told of. */
static bool may_use(const struct iscsi_conn *conn, const struct iscsi_portal *portal,
		    const struct iscsi_target *target)
{
	struct ip ip;
	const struct access_subject subject = {
		.initiator = conn->session->initiator_name,
		.ip = ip_parse_host(conn->peer, &ip) == 0 ? &ip : NULL,
		.group = portal->group,
	};

	return access_admits(portal->access, &subject) &&
	       access_admits(node_access(conn->core->node, target), &subject);
}

static int add_portal(struct discovery *list, const struct iscsi_conn *conn,
		      const struct iscsi_portal *portal)
{
	char address[NAME_ADDRESS_LEN_MAX];
	size_t length;
	const char *host = reachable(conn, portal, &length);

	if (host == NULL)
		return 0;
	snprintf(address, sizeof(address), "%.*s%s,%u", (int)length, host,
		 portal->address + host_length(portal->address), portal->group);
	return discovery_add_text(list, "TargetAddress", address);
}

/* A portal of iSER and one of TCP may have one address: it is told once. */
static bool is_twin(const struct iscsi_node *owner, const struct iscsi_portal *portal)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &owner->portals) {
		const struct iscsi_portal *other = container_of(node, struct iscsi_portal, link);

		if (other == portal)
			return false;
		if (other->group == portal->group && strcmp(other->address, portal->address) == 0)
			return true;
	}
	return false;
}

int discovery_add(struct discovery *list, const struct iscsi_conn *conn,
		  const struct iscsi_target *target)
{
	struct list_node *node;
	bool is_told = false;
	int err = 0;

	LIST_FOR_EACH(node, &conn->core->node->portals) {
		const struct iscsi_portal *portal = container_of(node, struct iscsi_portal, link);

		if (err != 0)
			break;
		if (is_twin(conn->core->node, portal) || !may_use(conn, portal, target))
			continue;
		if (!is_told)
			err = discovery_add_text(list, "TargetName", target->name);
		is_told = true;
		if (err == 0)
			err = add_portal(list, conn, portal);
	}
	return err;
}

int discovery_add_all(struct discovery *list, const struct iscsi_conn *conn)
{
	struct list_node *node;
	int err = 0;

	LIST_FOR_EACH(node, &conn->core->node->targets) {
		err = discovery_add(list, conn, container_of(node, struct iscsi_target, link));
		if (err != 0)
			break;
	}
	return err;
}
