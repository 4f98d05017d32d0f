/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A login that names a session (TSIH): one more connection for it, or one in
 * place of another with the same CID (connection reinstatement, RFC 7143
 * section 6.3.4). All connections of a session live on one reactor, so this one
 * goes there first; only that reactor knows what has become of the session.
 */
#include <string.h>

#include "iscsi/ffp.h"
#include "iscsi/login.h"
#include "iscsi/reassign.h"

static struct iscsi_session *find_session(const struct login *login)
{
	const struct iscsi_core *core = login->conn->core;
	struct list_node *node;

	LIST_FOR_EACH(node, &core->sessions_here) {
		struct iscsi_session *session = container_of(node, struct iscsi_session, link);

		/* By another rule it might see other LUNs. */
		if (session->tsih == login->tsih && session->account == login->auth.account &&
		    session->rule == login->auth.rule &&
		    session->target == login->target &&
		    session->group == login->conn->portal->group &&
		    memcmp(session->isid, login->isid, sizeof(session->isid)) == 0 &&
		    strcmp(session->initiator_name, login->negotiation.initiator_name) == 0)
			return session;
	}
	return NULL;
}

/* Whether a connection with CONN's CID is there, be it going, but for what only waits. */
static bool is_cid_in_use(const struct iscsi_session *session, uint16_t cid)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &session->conns) {
		const struct iscsi_conn *conn =
			container_of(node, struct iscsi_conn, session_link);

		if (conn->cid == cid && !(conn->strands && conn->state == CONN_CLOSED))
			return true;
	}
	return false;
}

/* The logout that a reinstatement implies. */
static void replace(struct iscsi_conn *old)
{
	/* At ErrorRecoveryLevel 2 its tasks may go over to the new one. */
	old->leaves = !reassign_is_possible(old);
	old->is_given_up = true;
	conn_terminate(old, false, LOG_LEVEL_INFO, "connection %u is replaced by a new one",
		       old->cid);
}

/* On the session's reactor. */
static void join(struct iscsi_conn *conn)
{
	struct login *login = conn->login;
	struct iscsi_session *session = find_session(login);
	struct iscsi_conn *old;

	if (session == NULL || session->has_failed) {
		login_refuse(conn, ISCSI_LOGIN_NO_SESSION);
		return;
	}
	if (session->keys.rdma_extensions != conn->wire->limits.rdma_extensions) {
		login_refuse(conn, ISCSI_LOGIN_CANNOT_INCLUDE_IN_SESSION);
		return;
	}
	old = session_find_conn(session, conn->cid);
	if (old != NULL)
		replace(old);
	if (is_cid_in_use(session, conn->cid)) {
		list_push_back(&session->joiners, &conn->join_link);
		return;
	}
	if (session_count_conns(session) >= session->conns_max) {
		login_refuse(conn, ISCSI_LOGIN_TOO_MANY_CONNECTIONS);
		return;
	}
	conn->keys = session->keys;
	login_fill_conn(login, &conn->keys);
	session_join(session, conn);
	/* Without commands the one that it replaces has nothing to wait for. */
	old = session_find_stranded(session, conn->cid);
	if (old != NULL && old->tasks == 0)
		reassign_give_up(old);
	login_complete(conn);
}

void login_join(struct iscsi_conn *conn)
{
	struct iscsi_core *home = conn->login->admission.home;

	if (home == conn->core)
		join(conn);
	else if (conn->wire->limits.moves)
		conn_move(conn, home);
	else
		login_refuse(conn, ISCSI_LOGIN_CANNOT_INCLUDE_IN_SESSION);
}

void login_moved(struct iscsi_conn *conn)
{
	if (atomic_load_explicit(&conn->core->node->closing, memory_order_relaxed))
		conn_terminate(conn, true, LOG_LEVEL_INFO, "the target is shutting down");
	else
		join(conn);
}

void login_joiners_go_on(struct iscsi_session *session)
{
	struct list waiting;
	struct list_node *node;

	list_init(&waiting);
	list_splice_back(&waiting, &session->joiners);
	while ((node = list_pop_front(&waiting)) != NULL) {
		struct iscsi_conn *conn = container_of(node, struct iscsi_conn, join_link);

		if (conn->state == CONN_ADMISSION)
			join(conn);
	}
}
