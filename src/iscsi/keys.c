/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one table of all text keys; see iscsi/keys.h. No code but the look-up.
 */
#include "iscsi/keys.h"

#include "proto/text.h"

#define DATA_LENGTH_MIN 512
#define DATA_LENGTH_MAX 0xffffff	/* 2^24 - 1 */

static const char *const session_types[] = { "Normal", "Discovery", NULL };
static const char *const digests[] = { "None", "CRC32C", NULL };
static const char *const reportings[] = { "RFC3720", "ResponseFence", "FastAbort", NULL };

#define DECLARED(type_, where_, from_)                                         \
	.type = KEY_TYPE_##type_, .rule = KEY_RULE_DECLARE, .where = (where_), .from = KEY_FROM_##from_
/* These two are all of the session's: "leading only" in section 13. */
#define BOOLEAN(rule_, initial_)                                               \
	.type = KEY_TYPE_BOOL, .rule = KEY_RULE_##rule_, .where = KEY_IN_OPERATIONAL | KEY_OF_SESSION, \
	.from = KEY_FROM_BOTH, .initial = (initial_)
#define NUMBER(rule_, low_, high_, initial_)                                   \
	NUMBER_IN(KEY_IN_OPERATIONAL | KEY_OF_SESSION, rule_, low_, high_, initial_)
#define NUMBER_IN(where_, rule_, low_, high_, initial_)                        \
	.type = KEY_TYPE_NUMBER, .rule = KEY_RULE_##rule_, .where = (where_), .from = KEY_FROM_BOTH,   \
	.low = (low_), .high = (high_), .initial = (initial_)
#define IO_LENGTH                                                              \
	NUMBER_IN(KEY_IN_OPERATIONAL, MIN, DATA_LENGTH_MIN, DATA_LENGTH_MAX, 8192)
#define SECURITY                                                               \
	.type = KEY_TYPE_TEXT, .rule = KEY_RULE_SECURITY, .where = KEY_IN_SECURITY,                    \
	.from = KEY_FROM_BOTH
#define CHOICE(choices_, where_)                                               \
	.type = KEY_TYPE_LIST, .rule = KEY_RULE_CHOOSE, .where = (where_), .from = KEY_FROM_BOTH,      \
	.choices = (choices_)

const struct key keys[KEY_COUNT] = {
	/* RFC 7143, 13.21 */
	[KEY_SESSION_TYPE] = { "SessionType", DECLARED(LIST, KEY_IN_LOGIN | KEY_ONCE_LEADING, INITIATOR),
			       .choices = session_types, .initial = SESSION_NORMAL },
	/* 13.5, 13.4: a name is said in the first request */
	[KEY_INITIATOR_NAME] = { "InitiatorName",
				 DECLARED(NAME, KEY_IN_LOGIN | KEY_ONCE_LEADING, INITIATOR) },
	[KEY_TARGET_NAME] = { "TargetName",
			      DECLARED(NAME, KEY_IN_LOGIN | KEY_ONCE_LEADING, BOTH),
			      .moot = KEY_MOOT_DISCOVERY },
	/* 13.7, 13.6, 13.8, 13.9 */
	[KEY_INITIATOR_ALIAS] = { "InitiatorAlias", DECLARED(TEXT, KEY_ANYWHERE, INITIATOR) },
	[KEY_TARGET_ALIAS] = { "TargetAlias", DECLARED(TEXT, KEY_ANYWHERE, TARGET) },
	[KEY_TARGET_ADDRESS] = { "TargetAddress", DECLARED(TEXT, KEY_ANYWHERE, TARGET) },
	[KEY_TARGET_PORTAL_GROUP_TAG] = { "TargetPortalGroupTag",
					  DECLARED(NUMBER, KEY_IN_LOGIN, TARGET), .high = 65535 },
	/* 12.1 */
	[KEY_AUTH_METHOD] = { "AuthMethod", SECURITY },
	/* 12.1.3 */
	[KEY_CHAP_A] = { "CHAP_A", SECURITY },
	[KEY_CHAP_I] = { "CHAP_I", SECURITY },
	[KEY_CHAP_C] = { "CHAP_C", SECURITY },
	[KEY_CHAP_N] = { "CHAP_N", SECURITY },
	[KEY_CHAP_R] = { "CHAP_R", SECURITY },
	/* RFC 7145, 6.3 */
	[KEY_RDMA_EXTENSIONS] = { "RDMAExtensions", BOOLEAN(AND, 0), .moot = KEY_MOOT_DISCOVERY },
	/* 13.1 */
	[KEY_HEADER_DIGEST] = { "HeaderDigest", CHOICE(digests, KEY_IN_OPERATIONAL) },
	[KEY_DATA_DIGEST] = { "DataDigest", CHOICE(digests, KEY_IN_OPERATIONAL) },
	/* 13.12 */
	[KEY_MAX_RECV_DATA_SEGMENT_LENGTH] = { "MaxRecvDataSegmentLength",
					       DECLARED(NUMBER, KEY_ANYWHERE, BOTH),
					       .low = DATA_LENGTH_MIN, .high = DATA_LENGTH_MAX,
					       .initial = 8192 },
	/* 13.2 */
	[KEY_MAX_CONNECTIONS] = { "MaxConnections", NUMBER(MIN, 1, 65535, 1),
				  .moot = KEY_MOOT_DISCOVERY },
	/* 13.10, 13.11 */
	[KEY_INITIAL_R2T] = { "InitialR2T", BOOLEAN(OR, 1), .moot = KEY_MOOT_DISCOVERY },
	[KEY_IMMEDIATE_DATA] = { "ImmediateData", BOOLEAN(AND, 1), .moot = KEY_MOOT_DISCOVERY },
	/* 13.13, 13.14 */
	[KEY_MAX_BURST_LENGTH] = { "MaxBurstLength",
				   NUMBER(MIN, DATA_LENGTH_MIN, DATA_LENGTH_MAX, 262144),
				   .moot = KEY_MOOT_DISCOVERY },
	[KEY_FIRST_BURST_LENGTH] = { "FirstBurstLength",
				     NUMBER(MIN, DATA_LENGTH_MIN, DATA_LENGTH_MAX, 65536),
				     .moot = KEY_MOOT_DISCOVERY | KEY_MOOT_SOLICITED },
	/* 13.17, 13.18, 13.19 */
	[KEY_MAX_OUTSTANDING_R2T] = { "MaxOutstandingR2T", NUMBER(MIN, 1, 65535, 1),
				      .moot = KEY_MOOT_DISCOVERY },
	[KEY_DATA_PDU_IN_ORDER] = { "DataPDUInOrder", BOOLEAN(OR, 1), .moot = KEY_MOOT_DISCOVERY },
	[KEY_DATA_SEQUENCE_IN_ORDER] = { "DataSequenceInOrder", BOOLEAN(OR, 1),
					 .moot = KEY_MOOT_DISCOVERY },
	/* 13.15, 13.16, 13.20 */
	[KEY_DEFAULT_TIME2WAIT] = { "DefaultTime2Wait", NUMBER(MAX, 0, 3600, 2) },
	[KEY_DEFAULT_TIME2RETAIN] = { "DefaultTime2Retain", NUMBER(MIN, 0, 3600, 20) },
	[KEY_ERROR_RECOVERY_LEVEL] = { "ErrorRecoveryLevel", NUMBER(MIN, 0, 2, 0) },
	/* 13.23 */
	[KEY_TASK_REPORTING] = { "TaskReporting",
				 CHOICE(reportings, KEY_IN_OPERATIONAL | KEY_OF_SESSION),
				 .moot = KEY_MOOT_DISCOVERY, .initial = REPORTING_RFC3720 },
	/* 13.24, RFC 7144 */
	[KEY_PROTOCOL_LEVEL] = { "iSCSIProtocolLevel", NUMBER(MIN, 0, 31, 1),
				 .moot = KEY_MOOT_DISCOVERY },
	/* RFC 7145, 6.4 to 6.9 */
	[KEY_INITIATOR_RECV_DATA_SEGMENT_LENGTH] = { "InitiatorRecvDataSegmentLength",
						     IO_LENGTH,
						     .moot = KEY_MOOT_PLAIN },
	[KEY_TARGET_RECV_DATA_SEGMENT_LENGTH] = { "TargetRecvDataSegmentLength",
						  IO_LENGTH,
						  .moot = KEY_MOOT_PLAIN },
	[KEY_MAX_AHS_LENGTH] = { "MaxAHSLength", DECLARED(NUMBER, KEY_IN_OPERATIONAL, BOTH),
				 .high = UINT32_MAX, .initial = 256, .moot = KEY_MOOT_PLAIN },
	[KEY_TAGGED_BUFFER_ONLY] = { "TaggedBufferForSolicitedDataOnly",
				     DECLARED(BOOL, KEY_IN_OPERATIONAL, BOTH),
				     .moot = KEY_MOOT_PLAIN },
	[KEY_ISER_HELLO_REQUIRED] = { "iSERHelloRequired",
				      DECLARED(BOOL, KEY_IN_OPERATIONAL, INITIATOR),
				      .moot = KEY_MOOT_PLAIN },
	[KEY_MAX_UNEXPECTED_PDUS] = { "MaxOutstandingUnexpectedPDUs",
				      DECLARED(NUMBER, KEY_IN_OPERATIONAL, BOTH),
				      .high = UINT32_MAX, .moot = KEY_MOOT_PLAIN },
	/*
	 * 13.25: obsolete, but never NotUnderstood. No is as good an answer to the first two as
	 * Reject, and every initiator that still offers them offers No.
	 */
	[KEY_OF_MARKER] = { "OFMarker", BOOLEAN(AND, 0) },
	[KEY_IF_MARKER] = { "IFMarker", BOOLEAN(AND, 0) },
	[KEY_OF_MARK_INT] = { "OFMarkInt", .type = KEY_TYPE_TEXT, .rule = KEY_RULE_REJECT,
			      .where = KEY_IN_OPERATIONAL, .from = KEY_FROM_BOTH },
	[KEY_IF_MARK_INT] = { "IFMarkInt", .type = KEY_TYPE_TEXT, .rule = KEY_RULE_REJECT,
			      .where = KEY_IN_OPERATIONAL, .from = KEY_FROM_BOTH },
	/* Appendix C; 13.26 */
	[KEY_SEND_TARGETS] = { "SendTargets", DECLARED(TEXT, KEY_IN_FULL_FEATURE, INITIATOR) },
	[KEY_NODE_ARCHITECTURE] = { "X#NodeArchitecture", DECLARED(TEXT, KEY_ANYWHERE, BOTH) },
};

enum key_id key_find(const char *name, size_t len)
{
	unsigned id;

	for (id = 0; id < KEY_COUNT; id++)
		if (text_equals(name, len, keys[id].name))
			break;
	return (enum key_id)id;
}
