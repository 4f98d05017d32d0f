/* SPDX-License-Identifier: BSD-2-Clause */
/* The login phase; see iscsi/login.h. */
#include "iscsi/login.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iscsi/ffp.h"
#include "iscsi/session.h"
#include "iscsi/values.h"
#include "proto/text.h"

/* --- answers --- */

static uint32_t chunk_max(const struct iscsi_conn *conn)
{
	return min_t(uint32_t, CONN_LOGIN_DATA_MAX, conn->wire->limits.login_data_max);
}

static uint32_t unsent(const struct login *login)
{
	return login->out_length - login->out_sent;
}

/* Sends what there is of the answer, as much as one PDU takes. */
static void respond(struct login *login, bool transit)
{
	struct iscsi_conn *conn = login->conn;
	uint32_t length = min(unsent(login), chunk_max(conn));
	struct control *control = control_alloc(conn, length);
	struct bhs_login_response response = {
		.tsih = login->tsih,
		.itt = login->itt,
		.data_len = length,
		.status = ISCSI_LOGIN_SUCCESS,
		.is_transit = transit,
		.csg = login->stage,
		.nsg = transit ? login->next_stage : 0,
		.version_max = ISCSI_VERSION,
		.version_active = ISCSI_VERSION,
	};

	if (control == NULL)
		return;
	memcpy(control->data, login->out + login->out_sent, length);
	login->out_sent += length;
	response.is_continue = unsent(login) != 0;
	memcpy(response.isid, login->isid, sizeof(response.isid));
	/* Only the last response of a new session has the TSIH it was given. */
	if (transit && login->next_stage == ISCSI_STAGE_FULL_FEATURE)
		response.tsih = conn->session->tsih;
	bhs_login_response_encode(&control->pdu.bhs, &response);
	control_send(control, true);
}

static bool is_redirection(int status)
{
	return status == ISCSI_LOGIN_TARGET_MOVED_TEMPORARILY ||
	       status == ISCSI_LOGIN_TARGET_MOVED_PERMANENTLY;
}

/* Says the refusal and ends the connection. */
static void send_refusal(struct login *login)
{
	struct iscsi_conn *conn = login->conn;
	struct cursor text = cursor_writer(login->out, sizeof(login->out));
	struct control *control;
	struct bhs_login_response response = {
		.tsih = login->tsih,
		.itt = login->itt,
		.status = login->refusal,
		.csg = login->stage,
		.version_max = ISCSI_VERSION,
		.version_active = ISCSI_VERSION,
	};

	if (is_redirection(login->refusal))
		text_put(&text, keys[KEY_TARGET_ADDRESS].name, login->target->redirect);
	response.data_len = (uint32_t)cursor_offset(&text);
	control = control_alloc(conn, response.data_len);
	if (control != NULL) {
		memcpy(response.isid, login->isid, sizeof(response.isid));
		memcpy(control->data, login->out, response.data_len);
		bhs_login_response_encode(&control->pdu.bhs, &response);
		control_send(control, true);
	}
	conn_terminate(conn, true, LOG_LEVEL_WARNING, "login refused");
}

static void penalty_is_over(struct timer *timer)
{
	struct login *login = container_of(timer, struct login, penalty);

	if (conn_can_send(login->conn))
		send_refusal(login);
}

/*
 * Answers with STATUS (class and detail), later if whoever is there has failed before, and ends
 * the connection.
 */
static void refuse(struct login *login, int status, const char *why)
{
	struct iscsi_conn *conn = login->conn;
	const char *target = login->negotiation.target_name;
	unsigned delay;

	login->is_refused = true;
	login->refusal = (uint16_t)status;
	if (is_redirection(status)) {
		conn_explain(conn, LOG_LEVEL_INFO, "login to %s: %s", target, why);
		send_refusal(login);
		return;
	}
	delay = login_count_failure(login, status);
	conn_explain(conn, LOG_LEVEL_WARNING, "login%s%s refused with %04xh (%s): %s",
		     target[0] != '\0' ? " to " : "", target, (unsigned)status,
		     iscsi_login_status_name((uint16_t)status), why);
	if (delay == 0) {
		send_refusal(login);
		return;
	}
	login->penalty.expired = penalty_is_over;
	reactor_timer_start(conn->core->reactor, &login->penalty, delay);
}

/* --- the end of the phase --- */

static void declare(struct login *login, struct cursor *answer)
{
	struct negotiation *negotiation = &login->negotiation;
	uint64_t bit = UINT64_C(1) << KEY_MAX_RECV_DATA_SEGMENT_LENGTH;

	if (login->stage != ISCSI_STAGE_OPERATIONAL || (negotiation->declared & bit) ||
	    !login->policy.max_recv_negotiated)
		return;
	negotiation->declared |= bit;
	text_put_number(answer, keys[KEY_MAX_RECV_DATA_SEGMENT_LENGTH].name,
			login->policy.ours[KEY_MAX_RECV_DATA_SEGMENT_LENGTH]);
}

static void fill_keys(const struct login *login, struct transport_keys *out)
{
	const struct negotiation *negotiation = &login->negotiation;
	const uint32_t *value = negotiation->value;

	*out = (struct transport_keys){
		.header_digest = value[KEY_HEADER_DIGEST] == DIGEST_CRC32C,
		.data_digest = value[KEY_DATA_DIGEST] == DIGEST_CRC32C,
		.initial_r2t = value[KEY_INITIAL_R2T] != 0,
		.immediate_data = value[KEY_IMMEDIATE_DATA] != 0,
		.data_pdu_in_order = value[KEY_DATA_PDU_IN_ORDER] != 0,
		.data_sequence_in_order = value[KEY_DATA_SEQUENCE_IN_ORDER] != 0,
		.send_data_max = value[KEY_MAX_RECV_DATA_SEGMENT_LENGTH],
		.recv_data_max = keys[KEY_MAX_RECV_DATA_SEGMENT_LENGTH].initial,
		.max_burst = value[KEY_MAX_BURST_LENGTH],
		.first_burst = value[KEY_FIRST_BURST_LENGTH],
		.max_outstanding_r2t = value[KEY_MAX_OUTSTANDING_R2T],
		.error_recovery_level = (uint8_t)value[KEY_ERROR_RECOVERY_LEVEL],
	};
	if (negotiation->declared >> KEY_MAX_RECV_DATA_SEGMENT_LENGTH & 1)
		out->recv_data_max = login->policy.ours[KEY_MAX_RECV_DATA_SEGMENT_LENGTH];
	out->rdma_extensions = value[KEY_RDMA_EXTENSIONS] != 0;
	if (out->rdma_extensions) {
		out->send_data_max = value[KEY_INITIATOR_RECV_DATA_SEGMENT_LENGTH];
		out->recv_data_max = value[KEY_TARGET_RECV_DATA_SEGMENT_LENGTH];
	}
}

void login_fill_conn(const struct login *login, struct transport_keys *out)
{
	struct transport_keys own;

	fill_keys(login, &own);
	out->header_digest = own.header_digest;
	out->data_digest = own.data_digest;
	out->send_data_max = own.send_data_max;
	out->recv_data_max = own.recv_data_max;
}

void login_fill_session(const struct login *login, struct iscsi_session *session)
{
	const struct negotiation *negotiation = &login->negotiation;

	fill_keys(login, &session->keys);
	session->values = login->values;
	session->target = login->target;
	session->conns_max = login->negotiation.value[KEY_MAX_CONNECTIONS];
	session->tsih = login->conn->registration->tsih;
	session->rule = login->auth.rule;
	session->account = login->auth.account;
	session->chap_method = login->auth.chap.method;
	session->login_pdus = login->numbered_pdus;
	session->time2wait = (uint16_t)negotiation->value[KEY_DEFAULT_TIME2WAIT];
	session->task_reporting = (uint8_t)negotiation->value[KEY_TASK_REPORTING];
	/*
	 * Where PDUs that nobody expects are bounded (iSER), nobody counts what the initiator has
	 * received of these (RFC 7145 section 6.9); and libiscsi 1.19 crashes there by such a PDU.
	 */
	session->tells_events = login->values.asynchronous_events &&
				login->conn->wire->limits.unexpected_max == 0;
	session->protocol_level = (uint8_t)negotiation->value[KEY_PROTOCOL_LEVEL];
	/* Below level 2 nothing is retained, whatever the key's default, and we say so. */
	if (session->keys.error_recovery_level == 2)
		session->time2retain = (uint16_t)negotiation->value[KEY_DEFAULT_TIME2RETAIN];
	memcpy(session->isid, login->isid, sizeof(session->isid));
	memcpy(session->initiator_name, negotiation->initiator_name,
	       sizeof(session->initiator_name));
	snprintf(session->initiator_alias, sizeof(session->initiator_alias), "%.*s",
		 (int)sizeof(session->initiator_alias) - 1, negotiation->initiator_alias);
}

static const char *admission_reason(int status)
{
	switch (status) {
	case ISCSI_LOGIN_NO_SESSION:
		return "no session has this TSIH";
	case ISCSI_LOGIN_CANNOT_INCLUDE_IN_SESSION:
		return "the session with this TSIH has another ISID or portal group";
	case ISCSI_LOGIN_TOO_MANY_CONNECTIONS:
		return "the session has as many connections as were agreed on";
	default:
		return "no memory, or too many sessions";
	}
}

static void admitted(struct admission *admission)
{
	struct login *login = container_of(admission, struct login, admission);
	struct iscsi_conn *conn = login->conn;
	int status = admission->status;

	login->asked = false;
	conn->registration = admission->registration;
	if (conn->state != CONN_ADMISSION) {
		conn_may_finish(conn);
		return;
	}
	if (status == 0 && admission->home != NULL) {
		login_join(conn);
		return;
	}
	if (status == 0)
		status = session_create(conn);
	if (status != 0)
		login_refuse(conn, status);
	else
		login_complete(conn);
}

void login_refuse(struct iscsi_conn *conn, int status)
{
	refuse(conn->login, status, admission_reason(status));
}

void login_complete(struct iscsi_conn *conn)
{
	struct login *login = conn->login;
	char as[128];

	respond(login, true);
	if (conn->state != CONN_ADMISSION)
		return;
	/* Whatever comes in full feature phase acknowledges it: no SNACK brings it again. */
	conn->acknowledged = conn->numbers.stat_sn;
	if (conn->wire->ops->enable(conn->wire, &conn->keys) != 0) {
		conn_terminate(conn, false, LOG_LEVEL_ERROR, "no memory for another session");
		return;
	}
	conn_log(conn, session_is_discovery(conn->session) ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
		 "logged in to %s%s", login->target != NULL ? login->target->name : "discover",
		 auth_describe(&login->auth, as, sizeof(as)));
	conn_event(conn, CONN_ADMITTED);
}

static void ask(struct login *login)
{
	struct iscsi_conn *conn = login->conn;
	struct admission *admission = &login->admission;
	int status = negotiate_conclude(&login->negotiation);

	if (status != 0) {
		refuse(login, status, login->negotiation.error);
		return;
	}
	admission->registry = conn->core->node->registry;
	admission->core = conn->core;
	admission->conn = conn;
	admission->target = login->target;
	admission->initiator_name = login->negotiation.initiator_name;
	admission->group = conn->portal->group;
	admission->tsih = login->tsih;
	admission->home = NULL;
	memcpy(admission->isid, login->isid, sizeof(admission->isid));
	admission->answered = admitted;
	conn_event(conn, CONN_NEGOTIATED);
}

/* --- requests --- */

/* What is aimed at depends on the target. */
static void set_values(struct login *login)
{
	values_for(login->conn->portal, login->target, &login->values);
	values_policy(&login->values, &login->conn->wire->limits, &login->policy);
}

/* Before any key that is negotiated is looked at: TargetName stands before them in the table. */
static void target_named(struct negotiation *negotiation)
{
	struct login *login = container_of(negotiation, struct login, negotiation);

	if (negotiate_is_discovery(negotiation))
		return;
	login->target = node_find_target(login->conn->core->node, negotiation->target_name);
	set_values(login);
}

static int find_target(struct login *login, const char **why)
{
	const struct negotiation *negotiation = &login->negotiation;

	if (negotiation->target_name[0] == '\0') {
		*why = "TargetName is missing";
		return ISCSI_LOGIN_MISSING_PARAMETER;
	}
	if (login->target == NULL) {
		*why = "there is no such target";
		return ISCSI_LOGIN_NOT_FOUND;
	}
	return 0;
}

/* Whether the initiator is to go elsewhere (RFC 7143 section 11.13.5). Whoever has come by that address stays. */
static int redirect(const struct login *login, const char **why)
{
	const struct iscsi_target *target = login->target;

	if (target == NULL || target->redirect[0] == '\0' ||
	    strcmp(target->redirect, login->conn->local) == 0)
		return 0;
	*why = "redirected";
	return target->is_moved ? ISCSI_LOGIN_TARGET_MOVED_PERMANENTLY :
				  ISCSI_LOGIN_TARGET_MOVED_TEMPORARILY;
}

/* What people call the target: nothing for whoever may not come in. */
static void put_alias(const struct login *login, struct cursor *answer)
{
	if (login->target != NULL && login->target->alias[0] != '\0')
		text_put(answer, keys[KEY_TARGET_ALIAS].name, login->target->alias);
}

/* Who wants what: after the first request has been evaluated. */
static int identify(struct login *login, struct cursor *answer, const char **why)
{
	struct negotiation *negotiation = &login->negotiation;
	int status = 0;

	if (negotiation->initiator_name[0] == '\0') {
		*why = "InitiatorName is missing";
		return ISCSI_LOGIN_MISSING_PARAMETER;
	}
	if (!negotiate_is_discovery(negotiation))
		status = find_target(login, why);
	if (status == 0)
		status = login_authorize(login, why);
	if (status == 0)
		status = redirect(login, why);
	if (status != 0 || login->target == NULL)
		return status;
	text_put_number(answer, keys[KEY_TARGET_PORTAL_GROUP_TAG].name,
			login->conn->portal->group);
	if (auth_is_over(&login->auth))
		put_alias(login, answer);
	return 0;
}

static const char *find_stage_fault(const struct login *login,
				    const struct bhs_login_request *request)
{
	if (request->csg != ISCSI_STAGE_SECURITY && request->csg != ISCSI_STAGE_OPERATIONAL)
		return "CSG is no stage of the login phase";
	if (login->pdus > 1 && request->csg != login->stage)
		return "CSG is not the present stage";
	if (!request->is_transit)
		return NULL;
	if (request->is_continue)
		return "T and C bits together";
	if (request->nsg <= request->csg || (request->nsg != ISCSI_STAGE_OPERATIONAL &&
					     request->nsg != ISCSI_STAGE_FULL_FEATURE))
		return "NSG is no stage that can follow";
	return NULL;
}

static int check(struct login *login, const struct bhs_login_request *request, const char **why)
{
	if (request->version_min > ISCSI_VERSION) {
		*why = "only version 00h is spoken here";
		return ISCSI_LOGIN_UNSUPPORTED_VERSION;
	}
	*why = find_stage_fault(login, request);
	if (*why == NULL && login->pdus > LOGIN_PDUS_MAX)
		*why = "too many requests";
	if (*why == NULL && login->pdus > 1 &&
	    (memcmp(request->isid, login->isid, sizeof(login->isid)) != 0 ||
	     request->tsih != login->tsih || request->cid != login->conn->cid))
		*why = "ISID, TSIH or CID changed during the login";
	/* While our answer is in pieces the initiator may only ask for the next. */
	if (*why == NULL && unsent(login) != 0 && request->data_len != 0)
		*why = "text before the answer to the last was complete";
	return *why == NULL ? 0 : ISCSI_LOGIN_INITIATOR_ERROR;
}

static void begin(struct login *login, const struct bhs *bhs,
		  const struct bhs_login_request *request)
{
	struct iscsi_conn *conn = login->conn;

	memcpy(login->isid, request->isid, sizeof(login->isid));
	login->tsih = request->tsih;
	login->stage = request->csg;
	conn->cid = request->cid;
	conn->login_window.exp_cmd_sn = bhs_cmd_sn(bhs);
	conn->login_window.max_cmd_sn = conn->login_window.exp_cmd_sn;
	/* Only the session's reactor knows its window: until then numbers that it is surely past. */
	if (request->tsih != 0) {
		conn->login_window.exp_cmd_sn -= ISCSI_QUEUE_DEPTH_MAX;
		conn->login_window.max_cmd_sn = conn->login_window.exp_cmd_sn - 1;
	}
	login->negotiation.joins = request->tsih != 0;
	/* Agreed on with the first connection; join.c sees to it that this is another such. */
	if (login->negotiation.joins)
		login->negotiation.value[KEY_RDMA_EXTENSIONS] =
			login->policy.ours[KEY_RDMA_EXTENSIONS];
}

/* Joins text of requests with the C bit. */
static int join(struct login *login, const uint8_t *data, uint32_t length, const char **why)
{
	if (login->in == NULL)
		login->in = malloc(NEGOTIATE_TEXT_MAX);
	if (login->in == NULL || length > NEGOTIATE_TEXT_MAX - login->in_length) {
		*why = "text is too long";
		return ISCSI_LOGIN_OUT_OF_RESOURCES;
	}
	if (length != 0)
		memcpy(login->in + login->in_length, data, length);
	login->in_length += length;
	return 0;
}

/* The keys of the security stage; or that it is left, or not even entered, without what it is for. */
static int authenticate(struct login *login, struct cursor *answer, const char **why)
{
	bool was_over = auth_is_over(&login->auth);
	int status = auth_step(&login->auth, &login->negotiation, answer);

	if (status == 0 && !was_over && auth_is_over(&login->auth))
		put_alias(login, answer);
	if (status != 0 || auth_is_over(&login->auth))
		return status;
	if (login->stage != ISCSI_STAGE_SECURITY)
		*why = "the initiator does not authenticate itself";
	else if (login->transit && login->negotiation.security_present == 0)
		*why = "the initiator wants to go on without having authenticated itself";
	else
		return 0;
	return ISCSI_LOGIN_AUTHENTICATION_FAILURE;
}

/* Evaluates the text, complete now, and puts together the answer. */
static int evaluate(struct login *login, const uint8_t *text, uint32_t length, const char **why)
{
	struct cursor answer = cursor_writer(login->out, sizeof(login->out));
	unsigned phase = login->stage == ISCSI_STAGE_SECURITY ? KEY_IN_SECURITY :
								KEY_IN_OPERATIONAL;
	int status;

	if (!login->started)
		phase |= KEY_ONCE_LEADING;
	login->out_sent = 0;
	login->out_length = 0;
	*why = login->negotiation.error;
	status = negotiate_text(&login->negotiation, phase, text, length, &answer);
	if (status == 0 && !login->started)
		status = identify(login, &answer, why);
	if (status == 0)
		status = authenticate(login, &answer, why);
	if (status != 0)
		return status;
	login->started = true;
	declare(login, &answer);
	/* Our own offers come last, when the initiator has no more to say. */
	if (login->transit && login->stage == ISCSI_STAGE_OPERATIONAL)
		negotiate_offer(&login->negotiation, &answer);
	if (cursor_failed(&answer)) {
		*why = "the answer would be too long";
		return ISCSI_LOGIN_OUT_OF_RESOURCES;
	}
	login->out_length = (uint32_t)cursor_offset(&answer);
	return 0;
}

/* Goes on to the next stage if it was asked for and nothing is in its way. */
static void advance(struct login *login)
{
	bool transit = login->transit && unsent(login) <= chunk_max(login->conn) &&
		       login->negotiation.offered == 0 && auth_is_over(&login->auth);

	if (transit && login->next_stage == ISCSI_STAGE_FULL_FEATURE) {
		ask(login);
		return;
	}
	respond(login, transit);
	if (transit)
		login->stage = login->next_stage;
}

static void handle(struct login *login, const struct bhs *bhs, const uint8_t *data)
{
	struct bhs_login_request request;
	const char *why = NULL;
	int status;

	bhs_login_request_decode(bhs, &request);
	login->itt = request.itt;
	if (login->pdus++ == 0)
		begin(login, bhs, &request);
	if (!bhs_is_immediate(bhs))
		login->numbered_pdus++;
	status = check(login, &request, &why);
	if (status == 0 && (request.is_continue || login->in != NULL))
		status = join(login, data, request.data_len, &why);
	if (status != 0) {
		refuse(login, status, why);
		return;
	}
	login->transit = request.is_transit;
	login->next_stage = request.nsg;
	if (request.is_continue) {
		respond(login, false);
		return;
	}
	if (unsent(login) == 0) {
		if (login->in != NULL)
			status = evaluate(login, login->in, login->in_length, &why);
		else
			status = evaluate(login, data, request.data_len, &why);
		free(login->in);
		login->in = NULL;
		login->in_length = 0;
	}
	if (status != 0)
		refuse(login, status, why);
	else
		advance(login);
}

/* --- Control_Notify --- */

static struct login *login_create(struct iscsi_conn *conn)
{
	struct login *login = calloc(1, sizeof(*login));

	if (login == NULL)
		return NULL;
	login->conn = conn;
	set_values(login);
	negotiate_init(&login->negotiation, &login->policy);
	login->negotiation.target_named = target_named;
	return login;
}

void login_destroy(struct login *login)
{
	if (login == NULL)
		return;
	reactor_timer_stop(login->conn->core->reactor, &login->penalty);
	free(login->in);
	free(login);
}

void login_header(struct iscsi_conn *conn, struct transport_rx *rx)
{
	uint8_t opcode = bhs_opcode(rx->bhs);

	rx->sink = TRANSPORT_SINK_DISCARD;
	/* Whoever asks again shall not learn sooner that he has failed. */
	if (conn->login != NULL && conn->login->is_refused)
		return;
	if (opcode != ISCSI_OPCODE_LOGIN_REQUEST) {
		/* RFC 7143 section 6.3: before the first Login nothing is answered. */
		if (conn->state == CONN_LOGIN)
			refuse(conn->login, ISCSI_LOGIN_INVALID_DURING_LOGIN,
			       iscsi_opcode_name(opcode));
		else
			conn_protocol_error(conn, "%s (opcode %02xh) before login",
					    iscsi_opcode_name(opcode), opcode);
		return;
	}
	if (conn->state == CONN_ADMISSION) {
		conn_protocol_error(conn, "Login Request before the last was answered");
		return;
	}
	if (rx->data_length > chunk_max(conn) || rx->ahs_length != 0) {
		conn_protocol_error(conn, "Login Request with %u bytes of data and %u of AHS",
				    rx->data_length, rx->ahs_length);
		return;
	}
	rx->sink = TRANSPORT_SINK_CONTROL;
	rx->context = conn;
}

void login_pdu(struct iscsi_conn *conn, struct transport_rx *rx)
{
	if (rx->context == NULL)
		return;
	if (conn->state == CONN_CONNECTED) {
		conn->login = login_create(conn);
		if (conn->login == NULL) {
			conn_terminate(conn, false, LOG_LEVEL_ERROR, "no memory for a login");
			return;
		}
		conn_event(conn, CONN_LOGIN_REQUEST);
	}
	handle(conn->login, rx->bhs, rx->data);
}

static void expired(struct timer *timer)
{
	struct iscsi_conn *conn = container_of(timer, struct iscsi_conn, timer);

	counter_increment(&conn->core->login_failures);
	conn_terminate(conn, false, LOG_LEVEL_WARNING, "not logged in within %u s",
		       conn->core->node->config.login_timeout_s);
}

void login_start_timer(struct iscsi_conn *conn)
{
	conn->timer.expired = expired;
	reactor_timer_start(conn->core->reactor, &conn->timer,
			    conn->core->node->config.login_timeout_s * UINT64_C(1000));
}
