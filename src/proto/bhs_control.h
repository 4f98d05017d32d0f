/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PDUs that keep a session in order: task management, NOP, SNACK, Reject
 * and Asynchronous Message (RFC 7143 sections 11.5, 11.6, 11.9, 11.16 to
 * 11.19). See proto/bhs.h for what all codecs have in common.
 */
#ifndef PINION_PROTO_BHS_CONTROL_H
#define PINION_PROTO_BHS_CONTROL_H

#include "proto/bhs.h"

struct bhs_tmf_request {
	uint64_t lun;
	uint32_t itt;
	uint32_t referenced_task_tag; /* ISCSI_TAG_NONE: no one task is meant */
	uint32_t cmd_sn;
	uint32_t exp_stat_sn;
	uint32_t ref_cmd_sn;
	uint32_t exp_data_sn;
	bool is_immediate;
	uint8_t function; /* enum iscsi_tmf, or another value up to 127 */
};

void bhs_tmf_request_decode(const struct bhs *bhs, struct bhs_tmf_request *request);
void bhs_tmf_request_encode(struct bhs *bhs, const struct bhs_tmf_request *request);

struct bhs_tmf_response {
	uint32_t itt;
	uint32_t stat_sn;
	uint32_t exp_cmd_sn;
	uint32_t max_cmd_sn;
	uint8_t response; /* enum iscsi_tmf_response */
	uint8_t additional[3]; /* Additional Response Information, RFC 7144 */
};

void bhs_tmf_response_decode(const struct bhs *bhs, struct bhs_tmf_response *response);
void bhs_tmf_response_encode(struct bhs *bhs, const struct bhs_tmf_response *response);

struct bhs_nop_out {
	uint64_t lun; /* the LUN of the NOP-In that it answers */
	uint32_t itt; /* ISCSI_TAG_NONE: wants no answer */
	uint32_t ttt; /* ISCSI_TAG_NONE: does not answer a NOP-In */
	uint32_t cmd_sn;
	uint32_t exp_stat_sn;
	uint32_t data_len; /* ping data */
	bool is_immediate;
};

void bhs_nop_out_decode(const struct bhs *bhs, struct bhs_nop_out *nop);
void bhs_nop_out_encode(struct bhs *bhs, const struct bhs_nop_out *nop);

struct bhs_nop_in {
	uint64_t lun;
	uint32_t itt; /* ISCSI_TAG_NONE: does not answer a NOP-Out */
	uint32_t ttt; /* ISCSI_TAG_NONE: wants no answer */
	uint32_t stat_sn; /* not used up unless it answers a NOP-Out */
	uint32_t exp_cmd_sn;
	uint32_t max_cmd_sn;
	uint32_t data_len;
};

void bhs_nop_in_decode(const struct bhs *bhs, struct bhs_nop_in *nop);
void bhs_nop_in_encode(struct bhs *bhs, const struct bhs_nop_in *nop);

struct bhs_snack {
	uint64_t lun;
	uint32_t itt;
	uint32_t ttt; /* or SNACK Tag */
	uint32_t exp_stat_sn;
	uint32_t beg_run;
	uint32_t run_length;
	bool is_immediate;
	uint8_t type; /* enum iscsi_snack_type, or another value up to 15 */
};

void bhs_snack_decode(const struct bhs *bhs, struct bhs_snack *snack);
void bhs_snack_encode(struct bhs *bhs, const struct bhs_snack *snack);

struct bhs_reject {
	uint32_t stat_sn;
	uint32_t exp_cmd_sn;
	uint32_t max_cmd_sn;
	uint32_t data_sn; /* or R2TSN; only when a DataACK was rejected */
	uint32_t data_len; /* the header that was rejected: 48 or more */
	uint8_t reason; /* enum iscsi_reject_reason */
};

void bhs_reject_decode(const struct bhs *bhs, struct bhs_reject *reject);
void bhs_reject_encode(struct bhs *bhs, const struct bhs_reject *reject);

struct bhs_async_message {
	uint64_t lun; /* for the SCSI event and terminated tasks */
	uint32_t stat_sn;
	uint32_t exp_cmd_sn;
	uint32_t max_cmd_sn;
	uint32_t data_len;
	uint16_t parameter1;
	uint16_t parameter2;
	uint16_t parameter3;
	uint8_t async_event; /* enum iscsi_async_event */
	uint8_t async_vcode;
};

void bhs_async_message_decode(const struct bhs *bhs, struct bhs_async_message *message);
void bhs_async_message_encode(struct bhs *bhs, const struct bhs_async_message *message);

#endif
