/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The login phase of one connection (RFC 7143 sections 6.3 and 11.12, 11.13):
 * stages, status, and what a session is made from at its end.
 */
#ifndef PINION_ISCSI_LOGIN_H
#define PINION_ISCSI_LOGIN_H

#include "iscsi/auth.h"
#include "iscsi/conn.h"
#include "iscsi/registry.h"

struct iscsi_session;

#define LOGIN_PDUS_MAX 64	/* requests of one login */

struct login {
	struct iscsi_conn *conn;
	struct negotiation negotiation;
	struct iscsi_values values;
	struct negotiate_policy policy;
	const struct iscsi_target *target;	/* NULL: not said, or discovery */
	struct auth auth;
	bool is_refused;		/* nothing that comes counts any more ... */
	uint16_t refusal;		/* ... with this status ... */
	struct timer penalty;		/* ... which is said when this has expired */
	uint8_t isid[BHS_ISID_LEN];
	uint16_t tsih;
	uint32_t itt;
	uint8_t stage;			/* enum iscsi_stage */
	bool started;			/* the first request has been evaluated */
	bool transit;			/* the last request asked for the next stage ... */
	uint8_t next_stage;		/* ... this one */
	unsigned pdus;
	unsigned numbered_pdus;		/* without the I bit */
	uint8_t *in;			/* text joined over the C bit, NULL when there is none */
	uint32_t in_length;
	uint32_t out_length;		/* of `out` */
	uint32_t out_sent;
	struct admission admission;
	bool asked;			/* the registry has ADMISSION */
	uint8_t out[NEGOTIATE_TEXT_MAX];
};

/* Control_Notify of a connection in its login phase. */
void login_header(struct iscsi_conn *conn, struct transport_rx *rx);
void login_pdu(struct iscsi_conn *conn, struct transport_rx *rx);

/*
 * The initiator of LOGIN is known, and its target where it is not discovery: whether it may come
 * in, and with what proof. 0, or a login status with the reason in *WHY; login_access.c.
 */
int login_authorize(struct login *login, const char **why);

/* Counts that LOGIN fails with STATUS. How long the answer is to be held back, ms. */
unsigned login_count_failure(struct login *login, int status);

/* Copies the results into SESSION, which is being made. */
void login_fill_session(const struct login *login, struct iscsi_session *session);

/* What it has agreed on for the connection itself: digests, lengths of segments. */
void login_fill_conn(const struct login *login, struct transport_keys *keys);

/* The last response of the login, and full feature phase: CONN has its session. */
void login_complete(struct iscsi_conn *conn);
void login_refuse(struct iscsi_conn *conn, int status);

/* --- a connection for a session that is there; see iscsi/join.c --- */

/* On the reactor that HOME, the session's core, has or has not. */
void login_join(struct iscsi_conn *conn);
void login_moved(struct iscsi_conn *conn);
/* A connection of SESSION is gone, or all of it. */
void login_joiners_go_on(struct iscsi_session *session);

/* Frees LOGIN (NULL: nothing); the registry must not have its admission. */
void login_destroy(struct login *login);

/* Starts the timer that ends a login that takes too long. */
void login_start_timer(struct iscsi_conn *conn);

#endif
