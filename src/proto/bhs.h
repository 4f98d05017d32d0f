/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Basic Header Segment: 48 raw bytes, and the fields that have one place in
 * every PDU (RFC 7143 section 11.2.1). What is particular to an opcode stands
 * in bhs_scsi.h (the data path), bhs_login.h (Login, Text, Logout) and
 * bhs_control.h (the rest); proto/pdu.h includes them all.
 *
 * Each PDU has a plain struct, thing_decode and thing_encode. Decoding never
 * fails and ignores what is reserved, as section 11.1 wants it; whether the
 * values make sense is for the receiver to judge. Encoding sets all 48 bytes,
 * opcode included, reserved ones to zero. A LUN is its 8 bytes read as one
 * big-endian number. `data_len` is DataSegmentLength: bytes without padding.
 */
#ifndef PINION_PROTO_BHS_H
#define PINION_PROTO_BHS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "proto/opcode.h"

#define BHS_LEN          48
#define BHS_AHS_LEN_MAX  (255 * 4)
#define BHS_DATA_LEN_MAX 0xffffff

struct bhs {
	uint8_t raw[BHS_LEN];
};

/* Where the fields lie that several PDUs share. */
enum {
	BHS_AT_OPCODE = 0,
	BHS_AT_FLAGS = 1,
	BHS_AT_RESPONSE = 2, /* response or reason of a target's answer */
	BHS_AT_STATUS = 3,
	BHS_AT_AHS_LEN = 4, /* in units of four bytes */
	BHS_AT_DATA_LEN = 5,
	BHS_AT_LUN = 8,
	BHS_AT_ISID = 8,
	BHS_AT_TSIH = 14,
	BHS_AT_ITT = 16,
	BHS_AT_TTT = 20,
	BHS_AT_CID = 20,
	BHS_AT_CMD_SN = 24, /* from an initiator */
	BHS_AT_EXP_STAT_SN = 28, /* from an initiator */
	BHS_AT_STAT_SN = 24, /* from a target */
	BHS_AT_EXP_CMD_SN = 28, /* from a target */
	BHS_AT_MAX_CMD_SN = 32, /* from a target */
	BHS_AT_DATA_SN = 36, /* also R2TSN, ExpDataSN */
	BHS_AT_BUFFER_OFFSET = 40,
	BHS_AT_RESIDUAL_COUNT = 44,
};

/* The opcode, without the I bit. */
static inline uint8_t bhs_opcode(const struct bhs *bhs)
{
	return bhs->raw[BHS_AT_OPCODE] & ISCSI_OPCODE_MASK;
}

/* The I bit: the request is for immediate delivery. */
static inline bool bhs_is_immediate(const struct bhs *bhs)
{
	return (bhs->raw[BHS_AT_OPCODE] & ISCSI_FLAG_IMMEDIATE) != 0;
}

/* The F bit (the T bit of a Login). */
static inline bool bhs_is_final(const struct bhs *bhs)
{
	return (bhs->raw[BHS_AT_FLAGS] & ISCSI_FLAG_FINAL) != 0;
}

/* All of byte 1. */
static inline uint8_t bhs_flags(const struct bhs *bhs)
{
	return bhs->raw[BHS_AT_FLAGS];
}

/* TotalAHSLength in bytes, padding included: a multiple of 4, 0 to 1020. */
static inline uint32_t bhs_ahs_len(const struct bhs *bhs)
{
	return bhs->raw[BHS_AT_AHS_LEN] * 4U;
}

static inline void bhs_set_ahs_len(struct bhs *bhs, uint32_t bytes)
{
	bhs->raw[BHS_AT_AHS_LEN] = (uint8_t)(bytes / 4);
}

/* DataSegmentLength: bytes, without padding. */
static inline uint32_t bhs_data_len(const struct bhs *bhs)
{
	return get_be24(bhs->raw + BHS_AT_DATA_LEN);
}

static inline void bhs_set_data_len(struct bhs *bhs, uint32_t data_len)
{
	put_be24(bhs->raw + BHS_AT_DATA_LEN, data_len);
}

/* `len` rounded up to the four bytes that segments are padded to. */
static inline uint32_t bhs_padded_len(uint32_t len)
{
	return (len + 3) & ~UINT32_C(3);
}

static inline uint64_t bhs_lun(const struct bhs *bhs)
{
	return get_be64(bhs->raw + BHS_AT_LUN);
}

/* The Initiator Task Tag. */
static inline uint32_t bhs_itt(const struct bhs *bhs)
{
	return get_be32(bhs->raw + BHS_AT_ITT);
}

/* The Target Transfer Tag, where the opcode has one. */
static inline uint32_t bhs_ttt(const struct bhs *bhs)
{
	return get_be32(bhs->raw + BHS_AT_TTT);
}

/* CmdSN: all requests but Data-Out and SNACK have it. */
static inline uint32_t bhs_cmd_sn(const struct bhs *bhs)
{
	return get_be32(bhs->raw + BHS_AT_CMD_SN);
}

/* ExpStatSN: all requests have it. */
static inline uint32_t bhs_exp_stat_sn(const struct bhs *bhs)
{
	return get_be32(bhs->raw + BHS_AT_EXP_STAT_SN);
}

static inline uint32_t bhs_stat_sn(const struct bhs *bhs)
{
	return get_be32(bhs->raw + BHS_AT_STAT_SN);
}

static inline uint32_t bhs_exp_cmd_sn(const struct bhs *bhs)
{
	return get_be32(bhs->raw + BHS_AT_EXP_CMD_SN);
}

static inline uint32_t bhs_max_cmd_sn(const struct bhs *bhs)
{
	return get_be32(bhs->raw + BHS_AT_MAX_CMD_SN);
}

/* Sets StatSN in an encoded PDU, for a target that numbers as it sends. */
static inline void bhs_set_stat_sn(struct bhs *bhs, uint32_t stat_sn)
{
	put_be32(bhs->raw + BHS_AT_STAT_SN, stat_sn);
}

/* Sets ExpCmdSN and MaxCmdSN in an encoded PDU, likewise. */
static inline void bhs_set_window(struct bhs *bhs, uint32_t exp_cmd_sn, uint32_t max_cmd_sn)
{
	put_be32(bhs->raw + BHS_AT_EXP_CMD_SN, exp_cmd_sn);
	put_be32(bhs->raw + BHS_AT_MAX_CMD_SN, max_cmd_sn);
}

/* Starts the encoding of a PDU: all zero but the first two bytes. */
static inline void bhs_begin(struct bhs *bhs, uint8_t opcode, uint8_t flags)
{
	memset(bhs, 0, sizeof(*bhs));
	bhs->raw[BHS_AT_OPCODE] = opcode;
	bhs->raw[BHS_AT_FLAGS] = flags;
}

/* The I bit to put beside the opcode of a request. */
static inline uint8_t bhs_immediate_flag(bool is_immediate)
{
	return is_immediate ? ISCSI_FLAG_IMMEDIATE : 0;
}

#endif
