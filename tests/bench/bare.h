/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-bare: the limit of this machine's loopback, to measure a target
 * against. Its server does no iSCSI: it answers each 48-byte request with
 * 48 + N bytes (a write: 48 + N in, 48 out) with the batching of an ideal
 * server, one recv for all that is pending and one sendmsg for all answers.
 *
 * Two modes. "raw": the client is bench-bare itself, which makes the system
 * calls of libiscsi and nothing else. "canned": the answers are shaped as
 * iSCSI PDUs, so that iscsi-perf itself can be the client, and target and
 * limit have the same one.
 *
 * bare_server.c moves bytes, bare_canned.c shapes answers, bare_client.c is
 * the raw client, bare.c the command line.
 */
#ifndef PINION_BENCH_BARE_H
#define PINION_BENCH_BARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BARE_HEAD 48

/* A request looks like a SCSI Command PDU in both modes; these are the
 * fields that are read from it (RFC 7143 11.3). */
#define BARE_OPCODE     0x01
#define BARE_FLAG_READ  0x40
#define BARE_FLAG_WRITE 0x20
#define BARE_AT_FLAGS   1
#define BARE_AT_SEGMENT 5 /* three bytes: DataSegmentLength */
#define BARE_AT_LENGTH  20 /* four bytes: bytes to read or write */

/* The most that one answer carries; libiscsi's MaxRecvDataSegmentLength. */
#define BARE_SEGMENT_MAX 262144u
#define BARE_BLOCK_MAX   (1u << 20)

struct bare_config {
	const char *address;
	uint16_t port;
	bool canned;
	bool spin; /* poll the sockets instead of sleeping */
	uint64_t span; /* payload from random offsets in so many bytes; 0: one buffer */
	uint64_t lun_size; /* what canned READ CAPACITY says */
	/* client only */
	bool client;
	bool batch; /* one send, one recv for all, not libiscsi's pattern */
	bool write;
	uint32_t block;
	uint32_t depth;
	uint32_t connections;
	double seconds;
	double warmup;
};

/* One answer waiting for the socket. The head is not written in raw mode. */
struct bare_answer {
	uint8_t head[BARE_HEAD];
	const uint8_t *payload;
	uint32_t length; /* of the payload, padding included */
};

struct bare_conn;

/* Append an answer with `length` bytes of payload; payload NULL takes the
 * server's own bytes. Returns NULL when the connection has too many. */
struct bare_answer *bare_push(struct bare_conn *conn, const uint8_t *payload, uint32_t length);

/* What the canned answers need to know of a session: two counters. */
struct bare_session {
	uint32_t stat_sn;
	uint32_t exp_cmd_sn;
	uint64_t lun_size;
};

/* Answer one PDU whose data segment has been received and dropped.
 * Returns -1 when the connection shall close. */
int bare_canned_answer(struct bare_conn *conn, struct bare_session *session, const uint8_t *pdu);

/* Both run to the end (the server until SIGTERM) and return an exit status. */
int bare_serve(const struct bare_config *config);
int bare_client(const struct bare_config *config);

static inline uint32_t bare_get24(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static inline uint32_t bare_get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | bare_get24(p + 1);
}

static inline void bare_put24(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 16);
	p[1] = (uint8_t)(value >> 8);
	p[2] = (uint8_t)value;
}

static inline void bare_put32(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 24);
	bare_put24(p + 1, value);
}

#endif
