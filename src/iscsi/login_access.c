/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who may log in: the lists of portal, target and discovery, and what a failure
 * costs. The exchange itself is iscsi/auth.h's.
 */
#include "iscsi/guard.h"
#include "iscsi/login.h"

static const struct ip *peer_of(const struct iscsi_conn *conn, struct ip *ip)
{
	return ip_parse_host(conn->peer, ip) == 0 ? ip : NULL;
}

int login_authorize(struct login *login, const char **why)
{
	struct iscsi_conn *conn = login->conn;
	const struct iscsi_node *node = conn->core->node;
	struct ip ip;
	const struct access_subject subject = {
		.initiator = login->negotiation.initiator_name,
		.ip = peer_of(conn, &ip),
		.group = conn->portal->group,
	};
	int status;

	if (!access_admits(conn->portal->access, &subject)) {
		*why = "the portal's access list does not admit the initiator";
		return ISCSI_LOGIN_AUTHORIZATION_FAILURE;
	}
	status = auth_begin(&login->auth, node_access(node, login->target), &subject,
			    node->config.chap_algorithms, node->has_chap_preference);
	if (status != 0)
		*why = login->target != NULL ?
			       "the target's access list does not admit the initiator" :
			       "the access list of discovery does not admit the initiator";
	return status;
}

unsigned login_count_failure(struct login *login, int status)
{
	struct iscsi_conn *conn = login->conn;
	struct iscsi_core *core = conn->core;
	struct ip ip;

	counter_increment(&core->login_failures);
	if (status == ISCSI_LOGIN_AUTHENTICATION_FAILURE)
		counter_increment(&core->authentication_failures);
	else if (status == ISCSI_LOGIN_AUTHORIZATION_FAILURE)
		counter_increment(&core->authorization_failures);
	else
		return 0;
	return guard_failed(core->node->guard, peer_of(conn, &ip), reactor_now_ns(core->reactor));
}
