/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one table of all text keys: RFC 7143 section 13, RFC 7144 section 7.1.1
 * (iSCSIProtocolLevel) and RFC 7145 section 6. Data only; iscsi/negotiate.c
 * works through it.
 */
#ifndef PINION_ISCSI_KEYS_H
#define PINION_ISCSI_KEYS_H

#include <stddef.h>
#include <stdint.h>

/*
 * In the order in which the pairs of one request are evaluated: a key comes
 * behind those that decide whether it is irrelevant or how large it may be.
 */
enum key_id {
	KEY_SESSION_TYPE,
	KEY_INITIATOR_NAME,
	KEY_TARGET_NAME,
	KEY_INITIATOR_ALIAS,
	KEY_TARGET_ALIAS,
	KEY_TARGET_ADDRESS,
	KEY_TARGET_PORTAL_GROUP_TAG,
	/* Of the security stage, in the order of enum chap_key; see iscsi/auth.h. */
	KEY_AUTH_METHOD,
	KEY_CHAP_A,
	KEY_CHAP_I,
	KEY_CHAP_C,
	KEY_CHAP_N,
	KEY_CHAP_R,
	KEY_RDMA_EXTENSIONS,
	KEY_HEADER_DIGEST,
	KEY_DATA_DIGEST,
	KEY_MAX_RECV_DATA_SEGMENT_LENGTH,
	KEY_MAX_CONNECTIONS,
	KEY_INITIAL_R2T,
	KEY_IMMEDIATE_DATA,
	KEY_MAX_BURST_LENGTH,
	KEY_FIRST_BURST_LENGTH,
	KEY_MAX_OUTSTANDING_R2T,
	KEY_DATA_PDU_IN_ORDER,
	KEY_DATA_SEQUENCE_IN_ORDER,
	KEY_DEFAULT_TIME2WAIT,
	KEY_DEFAULT_TIME2RETAIN,
	KEY_ERROR_RECOVERY_LEVEL,
	KEY_TASK_REPORTING,
	KEY_PROTOCOL_LEVEL,
	KEY_INITIATOR_RECV_DATA_SEGMENT_LENGTH,
	KEY_TARGET_RECV_DATA_SEGMENT_LENGTH,
	KEY_MAX_AHS_LENGTH,
	KEY_TAGGED_BUFFER_ONLY,
	KEY_ISER_HELLO_REQUIRED,
	KEY_MAX_UNEXPECTED_PDUS,
	KEY_OF_MARKER,
	KEY_IF_MARKER,
	KEY_OF_MARK_INT,
	KEY_IF_MARK_INT,
	KEY_SEND_TARGETS,
	KEY_NODE_ARCHITECTURE,
	KEY_COUNT
};

enum key_type {
	KEY_TYPE_BOOL,
	KEY_TYPE_NUMBER,
	KEY_TYPE_LIST,		/* of choices, in the sender's order of preference */
	KEY_TYPE_NAME,		/* an iSCSI name */
	KEY_TYPE_TEXT,
};

enum key_rule {
	KEY_RULE_DECLARE,	/* no answer */
	KEY_RULE_OR,
	KEY_RULE_AND,
	KEY_RULE_MIN,
	KEY_RULE_MAX,
	KEY_RULE_CHOOSE,	/* the first in the offer that is allowed */
	KEY_RULE_REJECT,	/* obsolete: the answer is always Reject */
	KEY_RULE_SECURITY,	/* set aside: authentication is not for this engine to judge */
};

/* Where a key may be used. */
enum {
	KEY_IN_SECURITY = 0x01,
	KEY_IN_OPERATIONAL = 0x02,
	KEY_IN_FULL_FEATURE = 0x04,
	KEY_ONCE_LEADING = 0x08,	/* only in the first Login Request */
	KEY_OF_SESSION = 0x10,		/* only on a session's first connection */

	KEY_IN_LOGIN = KEY_IN_SECURITY | KEY_IN_OPERATIONAL,
	KEY_ANYWHERE = KEY_IN_LOGIN | KEY_IN_FULL_FEATURE,
};

/* Who may send it. */
enum {
	KEY_FROM_INITIATOR = 0x01,
	KEY_FROM_TARGET = 0x02,
	KEY_FROM_BOTH = KEY_FROM_INITIATOR | KEY_FROM_TARGET,
};

/* When it means nothing. */
enum {
	KEY_MOOT_DISCOVERY = 0x01,	/* SessionType=Discovery */
	KEY_MOOT_SOLICITED = 0x02,	/* InitialR2T=Yes and ImmediateData=No */
	KEY_MOOT_PLAIN = 0x04,		/* RDMAExtensions=No */
};

struct key {
	const char *name;
	uint8_t type;		/* enum key_type */
	uint8_t rule;		/* enum key_rule */
	uint8_t where;
	uint8_t from;
	uint8_t moot;
	uint32_t low, high;	/* numbers: what is admissible */
	uint32_t initial;	/* the default; of a list its index */
	const char *const *choices;	/* lists: ended by NULL */
};

/* Indices into the choices of a digest, of SessionType, of TaskReporting. */
enum { DIGEST_NONE, DIGEST_CRC32C };
enum { SESSION_NORMAL, SESSION_DISCOVERY };
enum { REPORTING_RFC3720, REPORTING_RESPONSE_FENCE, REPORTING_FAST_ABORT };

/* iSCSIProtocolLevel from which on RFC 7144 holds. */
enum { PROTOCOL_LEVEL_SAM = 2 };

extern const struct key keys[KEY_COUNT];

/* The key with this name (case counts), or KEY_COUNT. */
enum key_id key_find(const char *name, size_t len);

#endif
