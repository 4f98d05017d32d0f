/* SPDX-License-Identifier: BSD-2-Clause */
/* What a session is to be like: defaults, limits, who overrides whom; see values.h. */
#include "iscsi/values.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "iscsi/node.h"
#include "proto/bhs.h"

#define DEFAULT_RECV_DATA 262144
#define DEFAULT_MAX_BURST 1048576
#define DEFAULT_FIRST_BURST 65536
#define DEFAULT_OUTSTANDING_R2T 4
#define DEFAULT_SESSION_CONNECTIONS 4
#define RECOVERY_TIME2RETAIN 20
/*
 * Far below the 30 s after which initiators give a command up, and far above what a store
 * takes that is not overloaded: one whose full queue takes a second loses nothing by a shorter one.
 */
#define DEFAULT_TARGET_LATENCY_MS 1000
_Static_assert(ISCSI_FIRST_BURST_MAX == EXTENTS_MAX * EXTENT_MIN,
	       "what the arena's reserve can surely give to one command");

void values_init(struct iscsi_values *values)
{
	*values = (struct iscsi_values){
		.queue_depth = 128,
		.header_digest = ISCSI_DIGEST_AUTO,
		.data_digest = ISCSI_DIGEST_AUTO,
		.max_recv_data_segment_length = DEFAULT_RECV_DATA,
		.max_burst_length = DEFAULT_MAX_BURST,
		.first_burst_length = DEFAULT_FIRST_BURST,
		.initial_r2t = true,
		.immediate_data = true,
		.max_outstanding_r2t = DEFAULT_OUTSTANDING_R2T,
		.data_pdu_in_order = true,
		.data_sequence_in_order = true,
		.default_time2wait = 2,
		.max_session_connections = DEFAULT_SESSION_CONNECTIONS,
		.asynchronous_events = true,
		.target_latency_ms = DEFAULT_TARGET_LATENCY_MS,
	};
}

static uint32_t or_default(uint32_t value, uint32_t usual)
{
	return value != 0 ? value : usual;
}

/* Puts defaults where zeros are, and what one value forbids another. */
static void normalize(struct iscsi_values *values)
{
	values->max_recv_data_segment_length =
		or_default(values->max_recv_data_segment_length, DEFAULT_RECV_DATA);
	values->max_burst_length = or_default(values->max_burst_length, DEFAULT_MAX_BURST);
	values->first_burst_length = or_default(values->first_burst_length, DEFAULT_FIRST_BURST);
	values->max_outstanding_r2t =
		or_default(values->max_outstanding_r2t, DEFAULT_OUTSTANDING_R2T);
	/* Connection recovery needs a time in which it can be done. */
	if (values->error_recovery_level == 2)
		values->default_time2retain =
			or_default(values->default_time2retain, RECOVERY_TIME2RETAIN);
	values->max_session_connections =
		or_default(values->max_session_connections, DEFAULT_SESSION_CONNECTIONS);
	values->first_burst_length = min(values->first_burst_length, values->max_burst_length);
}

int values_check(struct iscsi_values *values)
{
	normalize(values);
	if (values->queue_depth == 0 || values->queue_depth > ISCSI_QUEUE_DEPTH_MAX ||
	    values->max_recv_data_segment_length < 512 ||
	    values->max_recv_data_segment_length > BHS_DATA_LEN_MAX ||
	    values->max_burst_length < 512 || values->max_burst_length > BHS_DATA_LEN_MAX ||
	    values->first_burst_length < 512 ||
	    values->first_burst_length > ISCSI_FIRST_BURST_MAX || values->max_outstanding_r2t > 65535 ||
	    values->error_recovery_level > ISCSI_RECOVERY_MAX ||
	    values->max_session_connections > 65535 || values->default_time2wait > 3600 ||
	    values->default_time2retain > 3600 ||
	    values->target_latency_ms > ISCSI_TARGET_LATENCY_MAX_MS)
		return -EINVAL;
	return 0;
}

static void override(struct iscsi_values *values, const struct iscsi_override *by)
{
	const uint8_t *from = (const uint8_t *)&by->values;
	uint8_t *to = (uint8_t *)values;

	for (size_t i = 0; i < sizeof(*values); i++) {
		if (by->given[i])
			to[i] = from[i];
	}
}

void values_for(const struct iscsi_portal *portal, const struct iscsi_target *target,
		struct iscsi_values *values)
{
	*values = portal->node->config.values;
	override(values, &portal->override);
	if (target != NULL)
		override(values, &target->override);
	normalize(values);
}

static uint32_t digest_mask(enum iscsi_digest_policy policy, const struct transport_limits *limits)
{
	if (!limits->digests || policy == ISCSI_DIGEST_OFF)
		return 1u << DIGEST_NONE;
	if (policy == ISCSI_DIGEST_REQUIRED)
		return 1u << DIGEST_CRC32C;
	return 1u << DIGEST_NONE | 1u << DIGEST_CRC32C;
}

void values_policy(const struct iscsi_values *values, const struct transport_limits *limits,
		 struct negotiate_policy *policy)
{
	uint32_t *ours = policy->ours;
	uint32_t recv_max = min(values->max_recv_data_segment_length, limits->recv_data_max);

	memset(policy, 0, sizeof(*policy));
	policy->max_recv_negotiated = limits->max_recv_negotiated;
	ours[KEY_RDMA_EXTENSIONS] = limits->rdma_extensions;
	ours[KEY_HEADER_DIGEST] = digest_mask(values->header_digest, limits);
	ours[KEY_DATA_DIGEST] = digest_mask(values->data_digest, limits);
	ours[KEY_MAX_RECV_DATA_SEGMENT_LENGTH] = recv_max;
	/* They must all live on one reactor. */
	ours[KEY_MAX_CONNECTIONS] = limits->moves ? values->max_session_connections : 1;
	/* Over RDMA each unsolicited Data-Out would need a receive that nothing else has to wait for. */
	ours[KEY_INITIAL_R2T] = values->initial_r2t || limits->rdma_extensions;
	ours[KEY_IMMEDIATE_DATA] = values->immediate_data;
	ours[KEY_MAX_BURST_LENGTH] = values->max_burst_length;
	ours[KEY_FIRST_BURST_LENGTH] = values->first_burst_length;
	ours[KEY_MAX_OUTSTANDING_R2T] = values->max_outstanding_r2t;
	ours[KEY_DATA_PDU_IN_ORDER] = values->data_pdu_in_order;
	/* The order of R2Ts, and data over RDMA, are ours to choose: No costs nothing. */
	ours[KEY_DATA_SEQUENCE_IN_ORDER] = values->data_sequence_in_order;
	ours[KEY_DEFAULT_TIME2WAIT] = values->default_time2wait;
	ours[KEY_ERROR_RECOVERY_LEVEL] = limits->resends ? values->error_recovery_level : 0;
	if (ours[KEY_ERROR_RECOVERY_LEVEL] == 2)
		ours[KEY_DEFAULT_TIME2RETAIN] = values->default_time2retain;
	ours[KEY_TASK_REPORTING] = 1u << REPORTING_RFC3720 | 1u << REPORTING_RESPONSE_FENCE |
				   1u << REPORTING_FAST_ABORT;
	ours[KEY_PROTOCOL_LEVEL] = 2;
	ours[KEY_INITIATOR_RECV_DATA_SEGMENT_LENGTH] = BHS_DATA_LEN_MAX;
	ours[KEY_TARGET_RECV_DATA_SEGMENT_LENGTH] = recv_max;
	ours[KEY_MAX_UNEXPECTED_PDUS] = limits->unexpected_max;
}
