/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PDUs of negotiation and its end: Login, Text and Logout (RFC 7143
 * sections 11.10 to 11.15). See proto/bhs.h for what all codecs have in common.
 */
#ifndef PINION_PROTO_BHS_LOGIN_H
#define PINION_PROTO_BHS_LOGIN_H

#include "proto/bhs.h"

enum { BHS_ISID_LEN = 6 };

struct bhs_login_request {
	uint8_t isid[BHS_ISID_LEN];
	uint16_t tsih;
	uint16_t cid;
	uint32_t itt;
	uint32_t cmd_sn;
	uint32_t exp_stat_sn;
	uint32_t data_len;
	bool is_transit; /* T */
	bool is_continue; /* C */
	uint8_t csg; /* enum iscsi_stage, or the reserved value 2 */
	uint8_t nsg;
	uint8_t version_max;
	uint8_t version_min;
};

void bhs_login_request_decode(const struct bhs *bhs, struct bhs_login_request *request);
void bhs_login_request_encode(struct bhs *bhs, const struct bhs_login_request *request);

struct bhs_login_response {
	uint8_t isid[BHS_ISID_LEN];
	uint16_t tsih;
	uint32_t itt;
	uint32_t stat_sn;
	uint32_t exp_cmd_sn;
	uint32_t max_cmd_sn;
	uint32_t data_len;
	uint16_t status; /* enum iscsi_login_status: class and detail */
	bool is_transit;
	bool is_continue;
	uint8_t csg;
	uint8_t nsg;
	uint8_t version_max;
	uint8_t version_active;
};

void bhs_login_response_decode(const struct bhs *bhs, struct bhs_login_response *response);
void bhs_login_response_encode(struct bhs *bhs, const struct bhs_login_response *response);

struct bhs_text_request {
	uint64_t lun; /* only with a ttt that the target gave */
	uint32_t itt;
	uint32_t ttt; /* ISCSI_TAG_NONE: starts a new exchange */
	uint32_t cmd_sn;
	uint32_t exp_stat_sn;
	uint32_t data_len;
	bool is_immediate;
	bool is_final;
	bool is_continue;
};

void bhs_text_request_decode(const struct bhs *bhs, struct bhs_text_request *request);
void bhs_text_request_encode(struct bhs *bhs, const struct bhs_text_request *request);

struct bhs_text_response {
	uint64_t lun;
	uint32_t itt;
	uint32_t ttt; /* ISCSI_TAG_NONE exactly when final */
	uint32_t stat_sn;
	uint32_t exp_cmd_sn;
	uint32_t max_cmd_sn;
	uint32_t data_len;
	bool is_final;
	bool is_continue;
};

void bhs_text_response_decode(const struct bhs *bhs, struct bhs_text_response *response);
void bhs_text_response_encode(struct bhs *bhs, const struct bhs_text_response *response);

struct bhs_logout_request {
	uint32_t itt;
	uint32_t cmd_sn;
	uint32_t exp_stat_sn;
	uint16_t cid; /* meaningless when the session is closed */
	bool is_immediate;
	uint8_t reason; /* enum iscsi_logout_reason, or a value up to 127 */
};

void bhs_logout_request_decode(const struct bhs *bhs, struct bhs_logout_request *request);
void bhs_logout_request_encode(struct bhs *bhs, const struct bhs_logout_request *request);

struct bhs_logout_response {
	uint32_t itt;
	uint32_t stat_sn;
	uint32_t exp_cmd_sn;
	uint32_t max_cmd_sn;
	uint16_t time2wait; /* seconds */
	uint16_t time2retain; /* seconds */
	uint8_t response; /* enum iscsi_logout_response */
};

void bhs_logout_response_decode(const struct bhs *bhs, struct bhs_logout_response *response);
void bhs_logout_response_encode(struct bhs *bhs, const struct bhs_logout_response *response);

#endif
