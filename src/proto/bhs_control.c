/* SPDX-License-Identifier: BSD-2-Clause */
/* Codecs of bhs_control.h: task management, NOP, SNACK, Reject, Async. */
#include "proto/bhs_control.h"

void bhs_tmf_request_decode(const struct bhs *bhs, struct bhs_tmf_request *request)
{
	request->lun = bhs_lun(bhs);
	request->itt = bhs_itt(bhs);
	request->referenced_task_tag = get_be32(bhs->raw + 20);
	request->cmd_sn = bhs_cmd_sn(bhs);
	request->exp_stat_sn = bhs_exp_stat_sn(bhs);
	request->ref_cmd_sn = get_be32(bhs->raw + 32);
	request->exp_data_sn = get_be32(bhs->raw + BHS_AT_DATA_SN);
	request->is_immediate = bhs_is_immediate(bhs);
	request->function = bhs_flags(bhs) & ISCSI_TASK_MANAGEMENT_FUNCTION_MASK;
}

void bhs_tmf_request_encode(struct bhs *bhs, const struct bhs_tmf_request *request)
{
	bhs_begin(bhs,
		  ISCSI_OPCODE_TASK_MANAGEMENT_REQUEST | bhs_immediate_flag(request->is_immediate),
		  ISCSI_FLAG_FINAL | (request->function & ISCSI_TASK_MANAGEMENT_FUNCTION_MASK));
	put_be64(bhs->raw + BHS_AT_LUN, request->lun);
	put_be32(bhs->raw + BHS_AT_ITT, request->itt);
	put_be32(bhs->raw + 20, request->referenced_task_tag);
	put_be32(bhs->raw + BHS_AT_CMD_SN, request->cmd_sn);
	put_be32(bhs->raw + BHS_AT_EXP_STAT_SN, request->exp_stat_sn);
	put_be32(bhs->raw + 32, request->ref_cmd_sn);
	put_be32(bhs->raw + BHS_AT_DATA_SN, request->exp_data_sn);
}

void bhs_tmf_response_decode(const struct bhs *bhs, struct bhs_tmf_response *response)
{
	response->itt = bhs_itt(bhs);
	response->stat_sn = bhs_stat_sn(bhs);
	response->exp_cmd_sn = bhs_exp_cmd_sn(bhs);
	response->max_cmd_sn = bhs_max_cmd_sn(bhs);
	response->response = bhs->raw[BHS_AT_RESPONSE];
	memcpy(response->additional, bhs->raw + 8, sizeof(response->additional));
}

void bhs_tmf_response_encode(struct bhs *bhs, const struct bhs_tmf_response *response)
{
	bhs_begin(bhs, ISCSI_OPCODE_TASK_MANAGEMENT_RESPONSE, ISCSI_FLAG_FINAL);
	bhs->raw[BHS_AT_RESPONSE] = response->response;
	memcpy(bhs->raw + 8, response->additional, sizeof(response->additional));
	put_be32(bhs->raw + BHS_AT_ITT, response->itt);
	bhs_set_stat_sn(bhs, response->stat_sn);
	bhs_set_window(bhs, response->exp_cmd_sn, response->max_cmd_sn);
}

void bhs_nop_out_decode(const struct bhs *bhs, struct bhs_nop_out *nop)
{
	nop->lun = bhs_lun(bhs);
	nop->itt = bhs_itt(bhs);
	nop->ttt = bhs_ttt(bhs);
	nop->cmd_sn = bhs_cmd_sn(bhs);
	nop->exp_stat_sn = bhs_exp_stat_sn(bhs);
	nop->data_len = bhs_data_len(bhs);
	nop->is_immediate = bhs_is_immediate(bhs);
}

void bhs_nop_out_encode(struct bhs *bhs, const struct bhs_nop_out *nop)
{
	bhs_begin(bhs, ISCSI_OPCODE_NOP_OUT | bhs_immediate_flag(nop->is_immediate),
		  ISCSI_FLAG_FINAL);
	bhs_set_data_len(bhs, nop->data_len);
	put_be64(bhs->raw + BHS_AT_LUN, nop->lun);
	put_be32(bhs->raw + BHS_AT_ITT, nop->itt);
	put_be32(bhs->raw + BHS_AT_TTT, nop->ttt);
	put_be32(bhs->raw + BHS_AT_CMD_SN, nop->cmd_sn);
	put_be32(bhs->raw + BHS_AT_EXP_STAT_SN, nop->exp_stat_sn);
}

void bhs_nop_in_decode(const struct bhs *bhs, struct bhs_nop_in *nop)
{
	nop->lun = bhs_lun(bhs);
	nop->itt = bhs_itt(bhs);
	nop->ttt = bhs_ttt(bhs);
	nop->stat_sn = bhs_stat_sn(bhs);
	nop->exp_cmd_sn = bhs_exp_cmd_sn(bhs);
	nop->max_cmd_sn = bhs_max_cmd_sn(bhs);
	nop->data_len = bhs_data_len(bhs);
}

void bhs_nop_in_encode(struct bhs *bhs, const struct bhs_nop_in *nop)
{
	bhs_begin(bhs, ISCSI_OPCODE_NOP_IN, ISCSI_FLAG_FINAL);
	bhs_set_data_len(bhs, nop->data_len);
	put_be64(bhs->raw + BHS_AT_LUN, nop->lun);
	put_be32(bhs->raw + BHS_AT_ITT, nop->itt);
	put_be32(bhs->raw + BHS_AT_TTT, nop->ttt);
	bhs_set_stat_sn(bhs, nop->stat_sn);
	bhs_set_window(bhs, nop->exp_cmd_sn, nop->max_cmd_sn);
}

void bhs_snack_decode(const struct bhs *bhs, struct bhs_snack *snack)
{
	snack->lun = bhs_lun(bhs);
	snack->itt = bhs_itt(bhs);
	snack->ttt = bhs_ttt(bhs);
	snack->exp_stat_sn = bhs_exp_stat_sn(bhs);
	snack->beg_run = get_be32(bhs->raw + 40);
	snack->run_length = get_be32(bhs->raw + 44);
	snack->is_immediate = bhs_is_immediate(bhs);
	snack->type = bhs_flags(bhs) & ISCSI_SNACK_TYPE_MASK;
}

void bhs_snack_encode(struct bhs *bhs, const struct bhs_snack *snack)
{
	bhs_begin(bhs, ISCSI_OPCODE_SNACK_REQUEST | bhs_immediate_flag(snack->is_immediate),
		  ISCSI_FLAG_FINAL | (snack->type & ISCSI_SNACK_TYPE_MASK));
	put_be64(bhs->raw + BHS_AT_LUN, snack->lun);
	put_be32(bhs->raw + BHS_AT_ITT, snack->itt);
	put_be32(bhs->raw + BHS_AT_TTT, snack->ttt);
	put_be32(bhs->raw + BHS_AT_EXP_STAT_SN, snack->exp_stat_sn);
	put_be32(bhs->raw + 40, snack->beg_run);
	put_be32(bhs->raw + 44, snack->run_length);
}

void bhs_reject_decode(const struct bhs *bhs, struct bhs_reject *reject)
{
	reject->stat_sn = bhs_stat_sn(bhs);
	reject->exp_cmd_sn = bhs_exp_cmd_sn(bhs);
	reject->max_cmd_sn = bhs_max_cmd_sn(bhs);
	reject->data_sn = get_be32(bhs->raw + BHS_AT_DATA_SN);
	reject->data_len = bhs_data_len(bhs);
	reject->reason = bhs->raw[BHS_AT_RESPONSE];
}

void bhs_reject_encode(struct bhs *bhs, const struct bhs_reject *reject)
{
	bhs_begin(bhs, ISCSI_OPCODE_REJECT, ISCSI_FLAG_FINAL);
	bhs->raw[BHS_AT_RESPONSE] = reject->reason;
	bhs_set_data_len(bhs, reject->data_len);
	put_be32(bhs->raw + BHS_AT_ITT, ISCSI_TAG_NONE);
	bhs_set_stat_sn(bhs, reject->stat_sn);
	bhs_set_window(bhs, reject->exp_cmd_sn, reject->max_cmd_sn);
	put_be32(bhs->raw + BHS_AT_DATA_SN, reject->data_sn);
}

void bhs_async_message_decode(const struct bhs *bhs, struct bhs_async_message *message)
{
	message->lun = bhs_lun(bhs);
	message->stat_sn = bhs_stat_sn(bhs);
	message->exp_cmd_sn = bhs_exp_cmd_sn(bhs);
	message->max_cmd_sn = bhs_max_cmd_sn(bhs);
	message->data_len = bhs_data_len(bhs);
	message->async_event = bhs->raw[36];
	message->async_vcode = bhs->raw[37];
	message->parameter1 = get_be16(bhs->raw + 38);
	message->parameter2 = get_be16(bhs->raw + 40);
	message->parameter3 = get_be16(bhs->raw + 42);
}

void bhs_async_message_encode(struct bhs *bhs, const struct bhs_async_message *message)
{
	bhs_begin(bhs, ISCSI_OPCODE_ASYNC_MESSAGE, ISCSI_FLAG_FINAL);
	bhs_set_data_len(bhs, message->data_len);
	put_be64(bhs->raw + BHS_AT_LUN, message->lun);
	put_be32(bhs->raw + BHS_AT_ITT, ISCSI_TAG_NONE);
	bhs_set_stat_sn(bhs, message->stat_sn);
	bhs_set_window(bhs, message->exp_cmd_sn, message->max_cmd_sn);
	bhs->raw[36] = message->async_event;
	bhs->raw[37] = message->async_vcode;
	put_be16(bhs->raw + 38, message->parameter1);
	put_be16(bhs->raw + 40, message->parameter2);
	put_be16(bhs->raw + 42, message->parameter3);
}
