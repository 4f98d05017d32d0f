/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Canned iSCSI: the least that makes libiscsi log in and read and write, so
 * that the limit can be measured with the target's own client. Nothing is
 * checked and nothing is negotiated: the replies stand here, only ITT,
 * counters and lengths are patched. Not a target and not an example of one.
 *
 * Layouts: RFC 7143 section 11. No digests, one segment size.
 */
#include "bare.h"

#include <string.h>

#define OP_NOP_OUT         0x00
#define OP_LOGIN           0x03
#define OP_TEXT            0x04
#define OP_DATA_OUT        0x05
#define OP_LOGOUT          0x06

#define OP_NOP_IN          0x20
#define OP_RESPONSE        0x21
#define OP_LOGIN_RESPONSE  0x23
#define OP_TEXT_RESPONSE   0x24
#define OP_DATA_IN         0x25
#define OP_LOGOUT_RESPONSE 0x26
#define OP_R2T             0x31

#define FLAG_FINAL         0x80
#define FLAG_STATUS        0x01 /* Data-In carries the status */
#define FLAG_UNDERFLOW     0x02

#define WINDOW             255u

static const char login_security[] = "AuthMethod=None";

static const char login_operational[] = "TargetPortalGroupTag=1\0"
					"HeaderDigest=None\0"
					"DataDigest=None\0"
					"InitialR2T=No\0"
					"ImmediateData=Yes\0"
					"MaxBurstLength=262144\0"
					"FirstBurstLength=262144\0"
					"MaxRecvDataSegmentLength=262144\0"
					"MaxConnections=1\0"
					"MaxOutstandingR2T=1\0"
					"DefaultTime2Wait=2\0"
					"DefaultTime2Retain=0\0"
					"ErrorRecoveryLevel=0\0"
					"DataPDUInOrder=Yes\0"
					"DataSequenceInOrder=Yes";

/* Answers are padded to four bytes straight from these. */
_Static_assert(sizeof(login_security) % 4 == 0, "padding");
_Static_assert(sizeof(login_operational) % 4 == 0, "padding");

static const uint8_t inquiry[36] = {
	0x00, 0x00, 0x05, 0x02, 31,  0,   0,   0x02, 'P', 'I', 'N', 'I',
	'O',  'N',  ' ',  ' ',  'b', 'a', 'r', 'e',  ' ', ' ', ' ', ' ',
	' ',  ' ',  ' ',  ' ',  ' ', ' ', ' ', ' ',  '0', '0', '0', '1',
};

static const uint8_t report_luns[16] = { [3] = 8, [9] = 1 };

/* The head that all answers share. */
static uint8_t *answer_head(struct bare_answer *answer, const struct bare_session *session,
			    const uint8_t *pdu, uint8_t opcode, uint8_t flags)
{
	uint8_t *head = answer->head;

	memset(head, 0, BARE_HEAD);
	head[0] = opcode;
	head[1] = flags;
	memcpy(head + 16, pdu + 16, 4);
	bare_put32(head + 24, session->stat_sn);
	bare_put32(head + 28, session->exp_cmd_sn);
	bare_put32(head + 32, session->exp_cmd_sn + WINDOW);
	return head;
}

/* An answer that takes a StatSN, with `length` bytes of data. */
static uint8_t *answer_push(struct bare_conn *conn, struct bare_session *session,
			    const uint8_t *pdu, uint8_t opcode, const void *data, uint32_t length)
{
	struct bare_answer *answer = bare_push(conn, data, (length + 3) & ~3u);
	uint8_t *head;

	if (!answer)
		return NULL;
	head = answer_head(answer, session, pdu, opcode, FLAG_FINAL);
	bare_put24(head + 5, length);
	session->stat_sn++;
	return head;
}

static int answer_login(struct bare_conn *conn, struct bare_session *session, const uint8_t *pdu)
{
	bool security = (pdu[1] >> 2 & 3) == 0;
	uint8_t *head;

	session->exp_cmd_sn = bare_get32(pdu + 24);
	head = answer_push(conn, session, pdu, OP_LOGIN_RESPONSE,
			   security ? login_security : login_operational,
			   security ? sizeof(login_security) : sizeof(login_operational));
	if (!head)
		return -1;
	head[1] = pdu[1]; /* to the stage that was asked for */
	memcpy(head + 8, pdu + 8, 6);
	head[15] = 1; /* TSIH */
	return 0;
}

/* Data-In PDUs of a READ; the status rides on the last one. */
static int answer_read(struct bare_conn *conn, struct bare_session *session, const uint8_t *pdu)
{
	uint32_t length = bare_get32(pdu + BARE_AT_LENGTH);
	uint32_t offset = 0;
	uint32_t data_sn = 0;

	if (!length || length > BARE_BLOCK_MAX)
		return -1;
	while (offset < length) {
		uint32_t left = length - offset;
		uint32_t part = left < BARE_SEGMENT_MAX ? left : BARE_SEGMENT_MAX;
		struct bare_answer *answer = bare_push(conn, NULL, part);
		uint8_t *head;

		if (!answer)
			return -1;
		head = answer_head(answer, session, pdu, OP_DATA_IN, FLAG_FINAL);
		bare_put24(head + 5, part);
		bare_put32(head + 20, 0xffffffff);
		bare_put32(head + 36, data_sn++);
		bare_put32(head + 40, offset);
		offset += part;
		if (offset == length) {
			head[1] |= FLAG_STATUS;
			session->stat_sn++;
		} else {
			bare_put32(head + 24, 0);
		}
	}
	return 0;
}

/* `received` bytes of a WRITE are here: ask for more or answer GOOD. The
 * length of the whole rides in the TTT, so that no task need be kept. */
static int answer_write(struct bare_conn *conn, struct bare_session *session, const uint8_t *pdu,
			uint32_t received, uint32_t length)
{
	uint32_t left = length - received;
	struct bare_answer *answer;
	uint8_t *head;

	if (received > length)
		return -1;
	if (!left)
		return answer_push(conn, session, pdu, OP_RESPONSE, NULL, 0) ? 0 : -1;
	answer = bare_push(conn, NULL, 0);
	if (!answer)
		return -1;
	head = answer_head(answer, session, pdu, OP_R2T, FLAG_FINAL);
	memcpy(head + 8, pdu + 8, 8);
	bare_put32(head + 20, length);
	bare_put32(head + 40, received);
	bare_put32(head + 44, left < BARE_SEGMENT_MAX ? left : BARE_SEGMENT_MAX);
	return 0;
}

/* The few bytes that INQUIRY and its like return. */
static int answer_data(struct bare_conn *conn, struct bare_session *session, const uint8_t *pdu,
		       const uint8_t *data, uint32_t length)
{
	uint32_t expected = bare_get32(pdu + BARE_AT_LENGTH);
	uint32_t count = length < expected ? length : expected;
	uint8_t *head = answer_push(conn, session, pdu, OP_DATA_IN, data, count);

	if (!head)
		return -1;
	head[1] |= FLAG_STATUS;
	bare_put32(head + 20, 0xffffffff);
	if (count < expected) {
		head[1] |= FLAG_UNDERFLOW;
		bare_put32(head + 44, expected - count);
	}
	return 0;
}

static int answer_capacity(struct bare_conn *conn, struct bare_session *session, const uint8_t *pdu)
{
	/* Static, for it must outlive the send; the same for every session. */
	static uint8_t capacity[32];
	uint64_t last = session->lun_size / 512 - 1;

	if (pdu[32] == 0x25) {
		bare_put32(capacity, (uint32_t)last);
		bare_put32(capacity + 4, 512);
		return answer_data(conn, session, pdu, capacity, 8);
	}
	bare_put32(capacity, (uint32_t)(last >> 32));
	bare_put32(capacity + 4, (uint32_t)last);
	bare_put32(capacity + 8, 512);
	return answer_data(conn, session, pdu, capacity, sizeof(capacity));
}

static int answer_command(struct bare_conn *conn, struct bare_session *session, const uint8_t *pdu)
{
	switch (pdu[32]) {
	case 0x28:
	case 0x88:
		return answer_read(conn, session, pdu);
	case 0x2a:
	case 0x8a:
		return answer_write(conn, session, pdu, bare_get24(pdu + BARE_AT_SEGMENT),
				    bare_get32(pdu + BARE_AT_LENGTH));
	case 0x12:
		return answer_data(conn, session, pdu, inquiry, sizeof(inquiry));
	case 0xa0:
		return answer_data(conn, session, pdu, report_luns, sizeof(report_luns));
	case 0x25:
	case 0x9e:
		return answer_capacity(conn, session, pdu);
	default:
		return answer_push(conn, session, pdu, OP_RESPONSE, NULL, 0) ? 0 : -1;
	}
}

static int answer_data_out(struct bare_conn *conn, struct bare_session *session, const uint8_t *pdu)
{
	uint32_t received = bare_get32(pdu + 40) + bare_get24(pdu + BARE_AT_SEGMENT);

	if (!(pdu[1] & FLAG_FINAL))
		return 0;
	return answer_write(conn, session, pdu, received, bare_get32(pdu + 20));
}

int bare_canned_answer(struct bare_conn *conn, struct bare_session *session, const uint8_t *pdu)
{
	uint8_t opcode = pdu[0] & 0x3f;
	uint8_t *head;

	if (!(pdu[0] & 0x40) && opcode != OP_DATA_OUT)
		session->exp_cmd_sn = bare_get32(pdu + 24) + 1;
	switch (opcode) {
	case BARE_OPCODE:
		return answer_command(conn, session, pdu);
	case OP_DATA_OUT:
		return answer_data_out(conn, session, pdu);
	case OP_LOGIN:
		return answer_login(conn, session, pdu);
	case OP_NOP_OUT:
		if (bare_get32(pdu + 16) == 0xffffffff)
			return 0;
		head = answer_push(conn, session, pdu, OP_NOP_IN, NULL, 0);
		break;
	case OP_TEXT:
		head = answer_push(conn, session, pdu, OP_TEXT_RESPONSE, NULL, 0);
		break;
	case OP_LOGOUT:
		return answer_push(conn, session, pdu, OP_LOGOUT_RESPONSE, NULL, 0) ? 0 : -1;
	default:
		return -1;
	}
	if (!head)
		return -1;
	bare_put32(head + 20, 0xffffffff);
	return 0;
}
