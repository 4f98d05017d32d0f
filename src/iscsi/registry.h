/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which sessions exist: the one thing that all reactors share, kept by the home
 * reactor (number 0) and asked by message. It gives out TSIHs and sees to it
 * that a login with the name and ISID of an older session first ends that one
 * (session reinstatement, RFC 7143 section 6.3.5).
 */
#ifndef PINION_ISCSI_REGISTRY_H
#define PINION_ISCSI_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "iscsi/node.h"
#include "proto/bhs_login.h"

struct iscsi_conn;
struct iscsi_session;
struct registry;

/*
 * One session's entry. The home reactor owns it, but for `conn` and `session`, which
 * only the reactor of the session touches.
 */
struct registration {
	struct registry *registry;
	struct iscsi_core *core;	/* where the session lives */
	struct iscsi_conn *conn;	/* that logs in; once there is a session, that: */
	struct iscsi_session *session;	/* both NULL once it has ended */

	/* of the home reactor */
	struct list_node link;
	const struct iscsi_target *target;	/* NULL: discovery */
	uint16_t group;
	uint16_t tsih;
	uint8_t isid[BHS_ISID_LEN];
	char initiator_name[NAME_LEN_MAX + 1];
	struct list waiters;		/* struct admission: logins that wait for its end */
	bool end_sent, end_answered, is_gone;

	struct message end;		/* to the session's reactor: end it */
	struct message answer;		/* and back: END is no longer in use */
	struct message gone;		/* from it: the session has ended */
};

/* One login's question. Its owner keeps it until answered has been called. */
struct admission {
	struct message message;
	struct list_node link;
	struct registry *registry;
	struct iscsi_core *core;
	struct iscsi_conn *conn;
	const struct iscsi_target *target;
	const char *initiator_name;
	uint16_t group;
	uint16_t tsih;			/* 0: a new session */
	uint8_t isid[BHS_ISID_LEN];
	/* the answer */
	struct registration *registration;	/* of a new session, or NULL and */
	struct iscsi_core *home;		/* where the session is that TSIH names, or NULL and */
	int status;				/* the login status */
	void (*answered)(struct admission *admission);	/* on the reactor that asked */
};

int registry_create(struct iscsi_node *node, struct registry **out);
void registry_destroy(struct registry *registry);

/* Asks. ADMISSION is filled but for the message and the answer. */
void registry_ask(struct admission *admission);

/* The session of REGISTRATION has ended, or has come to nothing. On its reactor. */
void registry_release(struct registration *registration);

#endif
