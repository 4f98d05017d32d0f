/* SPDX-License-Identifier: BSD-2-Clause */
/* Codecs of bhs_login.h: Login, Text and Logout. */
#include "proto/bhs_login.h"

/* T, C, CSG and NSG: byte 1 of both Login PDUs. */
static uint8_t login_flags(bool is_transit, bool is_continue, uint8_t csg, uint8_t nsg)
{
	return (uint8_t)((is_transit ? ISCSI_LOGIN_TRANSIT : 0) |
			 (is_continue ? ISCSI_LOGIN_CONTINUE : 0) |
			 (csg & ISCSI_LOGIN_STAGE_MASK) << ISCSI_LOGIN_CSG_SHIFT |
			 (nsg & ISCSI_LOGIN_STAGE_MASK));
}

void bhs_login_request_decode(const struct bhs *bhs, struct bhs_login_request *request)
{
	uint8_t flags = bhs_flags(bhs);

	memcpy(request->isid, bhs->raw + BHS_AT_ISID, BHS_ISID_LEN);
	request->tsih = get_be16(bhs->raw + BHS_AT_TSIH);
	request->cid = get_be16(bhs->raw + BHS_AT_CID);
	request->itt = bhs_itt(bhs);
	request->cmd_sn = bhs_cmd_sn(bhs);
	request->exp_stat_sn = bhs_exp_stat_sn(bhs);
	request->data_len = bhs_data_len(bhs);
	request->is_transit = (flags & ISCSI_LOGIN_TRANSIT) != 0;
	request->is_continue = (flags & ISCSI_LOGIN_CONTINUE) != 0;
	request->csg = flags >> ISCSI_LOGIN_CSG_SHIFT & ISCSI_LOGIN_STAGE_MASK;
	request->nsg = flags & ISCSI_LOGIN_STAGE_MASK;
	request->version_max = bhs->raw[2];
	request->version_min = bhs->raw[3];
}

void bhs_login_request_encode(struct bhs *bhs, const struct bhs_login_request *request)
{
	/* A Login Request is always immediate (11.12). */
	bhs_begin(
		bhs, ISCSI_OPCODE_LOGIN_REQUEST | ISCSI_FLAG_IMMEDIATE,
		login_flags(request->is_transit, request->is_continue, request->csg, request->nsg));
	bhs->raw[2] = request->version_max;
	bhs->raw[3] = request->version_min;
	bhs_set_data_len(bhs, request->data_len);
	memcpy(bhs->raw + BHS_AT_ISID, request->isid, BHS_ISID_LEN);
	put_be16(bhs->raw + BHS_AT_TSIH, request->tsih);
	put_be32(bhs->raw + BHS_AT_ITT, request->itt);
	put_be16(bhs->raw + BHS_AT_CID, request->cid);
	put_be32(bhs->raw + BHS_AT_CMD_SN, request->cmd_sn);
	put_be32(bhs->raw + BHS_AT_EXP_STAT_SN, request->exp_stat_sn);
}

void bhs_login_response_decode(const struct bhs *bhs, struct bhs_login_response *response)
{
	uint8_t flags = bhs_flags(bhs);

	memcpy(response->isid, bhs->raw + BHS_AT_ISID, BHS_ISID_LEN);
	response->tsih = get_be16(bhs->raw + BHS_AT_TSIH);
	response->itt = bhs_itt(bhs);
	response->stat_sn = bhs_stat_sn(bhs);
	response->exp_cmd_sn = bhs_exp_cmd_sn(bhs);
	response->max_cmd_sn = bhs_max_cmd_sn(bhs);
	response->data_len = bhs_data_len(bhs);
	response->status = get_be16(bhs->raw + 36);
	response->is_transit = (flags & ISCSI_LOGIN_TRANSIT) != 0;
	response->is_continue = (flags & ISCSI_LOGIN_CONTINUE) != 0;
	response->csg = flags >> ISCSI_LOGIN_CSG_SHIFT & ISCSI_LOGIN_STAGE_MASK;
	response->nsg = flags & ISCSI_LOGIN_STAGE_MASK;
	response->version_max = bhs->raw[2];
	response->version_active = bhs->raw[3];
}

void bhs_login_response_encode(struct bhs *bhs, const struct bhs_login_response *response)
{
	bhs_begin(bhs, ISCSI_OPCODE_LOGIN_RESPONSE,
		  login_flags(response->is_transit, response->is_continue, response->csg,
			      response->nsg));
	bhs->raw[2] = response->version_max;
	bhs->raw[3] = response->version_active;
	bhs_set_data_len(bhs, response->data_len);
	memcpy(bhs->raw + BHS_AT_ISID, response->isid, BHS_ISID_LEN);
	put_be16(bhs->raw + BHS_AT_TSIH, response->tsih);
	put_be32(bhs->raw + BHS_AT_ITT, response->itt);
	bhs_set_stat_sn(bhs, response->stat_sn);
	bhs_set_window(bhs, response->exp_cmd_sn, response->max_cmd_sn);
	put_be16(bhs->raw + 36, response->status);
}

/* F and C: byte 1 of both Text PDUs. */
static uint8_t text_flags(bool is_final, bool is_continue)
{
	return (uint8_t)((is_final ? ISCSI_FLAG_FINAL : 0) |
			 (is_continue ? ISCSI_TEXT_CONTINUE : 0));
}

void bhs_text_request_decode(const struct bhs *bhs, struct bhs_text_request *request)
{
	request->lun = bhs_lun(bhs);
	request->itt = bhs_itt(bhs);
	request->ttt = bhs_ttt(bhs);
	request->cmd_sn = bhs_cmd_sn(bhs);
	request->exp_stat_sn = bhs_exp_stat_sn(bhs);
	request->data_len = bhs_data_len(bhs);
	request->is_immediate = bhs_is_immediate(bhs);
	request->is_final = bhs_is_final(bhs);
	request->is_continue = (bhs_flags(bhs) & ISCSI_TEXT_CONTINUE) != 0;
}

void bhs_text_request_encode(struct bhs *bhs, const struct bhs_text_request *request)
{
	bhs_begin(bhs, ISCSI_OPCODE_TEXT_REQUEST | bhs_immediate_flag(request->is_immediate),
		  text_flags(request->is_final, request->is_continue));
	bhs_set_data_len(bhs, request->data_len);
	put_be64(bhs->raw + BHS_AT_LUN, request->lun);
	put_be32(bhs->raw + BHS_AT_ITT, request->itt);
	put_be32(bhs->raw + BHS_AT_TTT, request->ttt);
	put_be32(bhs->raw + BHS_AT_CMD_SN, request->cmd_sn);
	put_be32(bhs->raw + BHS_AT_EXP_STAT_SN, request->exp_stat_sn);
}

void bhs_text_response_decode(const struct bhs *bhs, struct bhs_text_response *response)
{
	response->lun = bhs_lun(bhs);
	response->itt = bhs_itt(bhs);
	response->ttt = bhs_ttt(bhs);
	response->stat_sn = bhs_stat_sn(bhs);
	response->exp_cmd_sn = bhs_exp_cmd_sn(bhs);
	response->max_cmd_sn = bhs_max_cmd_sn(bhs);
	response->data_len = bhs_data_len(bhs);
	response->is_final = bhs_is_final(bhs);
	response->is_continue = (bhs_flags(bhs) & ISCSI_TEXT_CONTINUE) != 0;
}

void bhs_text_response_encode(struct bhs *bhs, const struct bhs_text_response *response)
{
	bhs_begin(bhs, ISCSI_OPCODE_TEXT_RESPONSE,
		  text_flags(response->is_final, response->is_continue));
	bhs_set_data_len(bhs, response->data_len);
	put_be64(bhs->raw + BHS_AT_LUN, response->lun);
	put_be32(bhs->raw + BHS_AT_ITT, response->itt);
	put_be32(bhs->raw + BHS_AT_TTT, response->ttt);
	bhs_set_stat_sn(bhs, response->stat_sn);
	bhs_set_window(bhs, response->exp_cmd_sn, response->max_cmd_sn);
}

void bhs_logout_request_decode(const struct bhs *bhs, struct bhs_logout_request *request)
{
	request->itt = bhs_itt(bhs);
	request->cmd_sn = bhs_cmd_sn(bhs);
	request->exp_stat_sn = bhs_exp_stat_sn(bhs);
	request->cid = get_be16(bhs->raw + BHS_AT_CID);
	request->is_immediate = bhs_is_immediate(bhs);
	request->reason = bhs_flags(bhs) & ISCSI_LOGOUT_REASON_MASK;
}

void bhs_logout_request_encode(struct bhs *bhs, const struct bhs_logout_request *request)
{
	bhs_begin(bhs, ISCSI_OPCODE_LOGOUT_REQUEST | bhs_immediate_flag(request->is_immediate),
		  ISCSI_FLAG_FINAL | (request->reason & ISCSI_LOGOUT_REASON_MASK));
	put_be32(bhs->raw + BHS_AT_ITT, request->itt);
	put_be16(bhs->raw + BHS_AT_CID, request->cid);
	put_be32(bhs->raw + BHS_AT_CMD_SN, request->cmd_sn);
	put_be32(bhs->raw + BHS_AT_EXP_STAT_SN, request->exp_stat_sn);
}

void bhs_logout_response_decode(const struct bhs *bhs, struct bhs_logout_response *response)
{
	response->itt = bhs_itt(bhs);
	response->stat_sn = bhs_stat_sn(bhs);
	response->exp_cmd_sn = bhs_exp_cmd_sn(bhs);
	response->max_cmd_sn = bhs_max_cmd_sn(bhs);
	response->time2wait = get_be16(bhs->raw + 40);
	response->time2retain = get_be16(bhs->raw + 42);
	response->response = bhs->raw[BHS_AT_RESPONSE];
}

void bhs_logout_response_encode(struct bhs *bhs, const struct bhs_logout_response *response)
{
	bhs_begin(bhs, ISCSI_OPCODE_LOGOUT_RESPONSE, ISCSI_FLAG_FINAL);
	bhs->raw[BHS_AT_RESPONSE] = response->response;
	put_be32(bhs->raw + BHS_AT_ITT, response->itt);
	bhs_set_stat_sn(bhs, response->stat_sn);
	bhs_set_window(bhs, response->exp_cmd_sn, response->max_cmd_sn);
	put_be16(bhs->raw + 40, response->time2wait);
	put_be16(bhs->raw + 42, response->time2retain);
}
