/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text Request and Response (RFC 7143 sections 11.10, 11.11): declarations in
 * full feature phase, and discovery by SendTargets (appendix C).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iscsi/discovery.h"
#include "iscsi/ffp.h"
#include "iscsi/values.h"

/* Bytes of text of one exchange, joined over the C bit. */
#define TEXT_IN_MAX NEGOTIATE_TEXT_MAX

void text_exchange_reset(struct iscsi_conn *conn)
{
	free(conn->text.in);
	free(conn->text.out);
	memset(&conn->text, 0, sizeof(conn->text));
	conn->text.ttt = ISCSI_TAG_NONE;
}

static uint32_t chunk_max(const struct iscsi_conn *conn)
{
	return min(conn->keys.send_data_max, conn->wire->limits.control_data_max);
}

/* Sends the next piece of the answer; FINAL: the initiator has no more to say. */
static void respond(struct iscsi_conn *conn, bool final)
{
	struct text_exchange *text = &conn->text;
	uint32_t left = text->out_length - text->out_sent;
	uint32_t length = min(left, chunk_max(conn));
	struct control *control = control_alloc(conn, length);
	struct bhs_text_response response = {
		.itt = text->itt,
		.data_len = length,
		.is_continue = length < left,
		.is_final = final && length == left,
	};

	if (control == NULL)
		return;
	control->is_text = true;
	conn->texts++;
	if (length != 0)
		memcpy(control->data, text->out + text->out_sent, length);
	text->out_sent += length;
	if (!response.is_final && text->ttt == ISCSI_TAG_NONE)
		text->ttt = conn_new_ttt(conn);
	response.ttt = response.is_final ? ISCSI_TAG_NONE : text->ttt;
	bhs_text_response_encode(&control->pdu.bhs, &response);
	control_send(control, true);
	if (response.is_final)
		text_exchange_reset(conn);
}

/* --- what the text says --- */

/* SendTargets: appends to the answer, or refuses. */
static int send_targets(struct iscsi_conn *conn, const char *value, struct discovery *list)
{
	const struct iscsi_target *own = conn->session->target;
	const struct iscsi_target *target = NULL;
	char name[NAME_LEN_MAX + 1];

	if (own == NULL && strcmp(value, "All") == 0)
		return discovery_add_all(list, conn);
	if (own != NULL && value[0] == '\0')
		return discovery_add(list, conn, own);
	if (iscsi_name_accept(value, strlen(value), name) == 0)
		target = node_find_target(conn->core->node, name);
	/* In a normal session only its own target may be asked for. */
	if (own != NULL ? target != own : value[0] == '\0')
		return discovery_add_text(list, "SendTargets", "Reject");
	return target == NULL ? 0 : discovery_add(list, conn, target);
}

/* The initiator may have declared another MaxRecvDataSegmentLength (section 13.12). */
static void apply(struct iscsi_conn *conn, const struct negotiation *negotiation)
{
	if (!negotiate_is_settled(negotiation, KEY_MAX_RECV_DATA_SEGMENT_LENGTH) ||
	    !conn->wire->limits.max_recv_negotiated)
		return;
	conn->keys.send_data_max = negotiation->value[KEY_MAX_RECV_DATA_SEGMENT_LENGTH];
	conn->wire->ops->notice(conn->wire, conn->keys.send_data_max);
}

static int evaluate(struct iscsi_conn *conn, const uint8_t *data, uint32_t length,
		    struct negotiation *negotiation, struct discovery *list)
{
	struct negotiate_policy *policy = calloc(1, sizeof(*policy));
	uint8_t *buffer = malloc(NEGOTIATE_TEXT_MAX);
	struct cursor answer = cursor_writer(buffer, buffer == NULL ? 0 : NEGOTIATE_TEXT_MAX);
	int err = -ENOMEM;

	if (policy == NULL || buffer == NULL)
		goto out;
	values_policy(&conn->session->values, &conn->wire->limits, policy);
	negotiate_init(negotiation, policy);
	if (session_is_discovery(conn->session))
		negotiation->value[KEY_SESSION_TYPE] = SESSION_DISCOVERY;
	err = -EPROTO;
	if (negotiate_text(negotiation, KEY_IN_FULL_FEATURE, data, length, &answer) != 0)
		goto out;
	err = discovery_add_bytes(list, buffer, cursor_offset(&answer));
	if (err == 0 && negotiation->has_send_targets)
		err = send_targets(conn, negotiation->send_targets, list);
	if (err == 0)
		apply(conn, negotiation);
out:
	free(buffer);
	free(policy);
	return err;
}

static void answer_text(struct iscsi_conn *conn, const struct bhs *bhs, const uint8_t *data,
			uint32_t length, bool final)
{
	struct negotiation *negotiation = malloc(sizeof(*negotiation));
	struct discovery list = { 0 };
	int err = -ENOMEM;

	if (negotiation != NULL)
		err = evaluate(conn, data, length, negotiation, &list);
	if (err == 0) {
		conn->text.out = list.bytes;
		conn->text.out_length = list.length;
		conn->text.out_sent = 0;
		respond(conn, final);
	} else {
		free(list.bytes);
		reject_send(conn, bhs,
			    err == -EPROTO ? ISCSI_REJECT_PROTOCOL_ERROR :
					     ISCSI_REJECT_LONG_OPERATION,
			    err == -EPROTO ? negotiation->error : "no memory for the answer");
		text_exchange_reset(conn);
	}
	free(negotiation);
}

/* --- requests --- */

static bool join(struct iscsi_conn *conn, const uint8_t *data, uint32_t length)
{
	struct text_exchange *text = &conn->text;

	if (text->in == NULL)
		text->in = malloc(TEXT_IN_MAX);
	if (text->in == NULL || length > TEXT_IN_MAX - text->in_length)
		return false;
	if (length != 0)
		memcpy(text->in + text->in_length, data, length);
	text->in_length += length;
	return true;
}

static const char *find_fault(const struct iscsi_conn *conn,
			      const struct bhs_text_request *request)
{
	if (request->is_final && request->is_continue)
		return "F and C bits together";
	if (request->itt == ISCSI_TAG_NONE)
		return "reserved Initiator Task Tag";
	if (request->ttt == ISCSI_TAG_NONE)
		return NULL;
	if (request->ttt != conn->text.ttt || request->itt != conn->text.itt)
		return "no such exchange";
	if (conn->text.out_sent < conn->text.out_length && request->data_len != 0)
		return "text before the answer to the last was complete";
	return NULL;
}

void text_run(struct iscsi_conn *conn, const struct bhs *bhs, const uint8_t *data,
	      uint32_t data_length)
{
	struct text_exchange *text = &conn->text;
	struct bhs_text_request request;
	const char *fault;

	bhs_text_request_decode(bhs, &request);
	/* One is on its way to the peer, perhaps: a list of all targets is work, and memory. */
	if (conn->texts >= CONN_TEXTS_MAX) {
		reject_send(conn, bhs, ISCSI_REJECT_PROTOCOL_ERROR,
			    "Text Request before the last was answered");
		return;
	}
	fault = find_fault(conn, &request);
	if (fault != NULL) {
		reject_send(conn, bhs, ISCSI_REJECT_INVALID_PDU_FIELD, fault);
		return;
	}
	/* A new exchange ends an older one that is not complete. */
	if (request.ttt == ISCSI_TAG_NONE)
		text_exchange_reset(conn);
	text->itt = request.itt;
	if (text->out_sent < text->out_length) {
		respond(conn, request.is_final);
		return;
	}
	if ((request.is_continue || text->in != NULL) && !join(conn, data, data_length)) {
		reject_send(conn, bhs, ISCSI_REJECT_LONG_OPERATION, "text is too long");
		text_exchange_reset(conn);
		return;
	}
	free(text->out);
	text->out = NULL;
	text->out_length = 0;
	text->out_sent = 0;
	if (request.is_continue) {
		respond(conn, false);
	} else if (text->in != NULL) {
		uint8_t *joined = text->in;
		uint32_t length = text->in_length;

		text->in = NULL;
		text->in_length = 0;
		answer_text(conn, bhs, joined, length, request.is_final);
		free(joined);
	} else {
		answer_text(conn, bhs, data, data_length, request.is_final);
	}
}
