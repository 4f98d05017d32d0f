/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PDUs of the data path: SCSI Command, SCSI Response, Data-Out, Data-In and
 * R2T (RFC 7143 sections 11.3, 11.4, 11.7, 11.8). They are coded once or more
 * for each I/O, hence inline and without a branch. See proto/bhs.h for what all
 * codecs have in common.
 */
#ifndef PINION_PROTO_BHS_SCSI_H
#define PINION_PROTO_BHS_SCSI_H

#include "proto/bhs.h"

enum { BHS_CDB_LEN = 16, BHS_AT_CDB = 32 };

struct bhs_scsi_command {
	uint64_t lun;
	uint32_t itt;
	uint32_t expected_data_transfer_length; /* bytes */
	uint32_t cmd_sn;
	uint32_t exp_stat_sn;
	uint32_t data_len; /* of the immediate data */
	uint16_t ahs_len; /* bytes, a multiple of 4 */
	bool is_immediate;
	bool is_final; /* no unsolicited Data-Out follows */
	bool is_read;
	bool is_write;
	uint8_t attr; /* enum iscsi_attr, or a reserved value up to 7 */
	uint8_t cdb[BHS_CDB_LEN];
};

static inline void bhs_scsi_command_decode(const struct bhs *bhs, struct bhs_scsi_command *cmd)
{
	uint8_t flags = bhs_flags(bhs);

	cmd->lun = bhs_lun(bhs);
	cmd->itt = bhs_itt(bhs);
	cmd->expected_data_transfer_length = get_be32(bhs->raw + 20);
	cmd->cmd_sn = bhs_cmd_sn(bhs);
	cmd->exp_stat_sn = bhs_exp_stat_sn(bhs);
	cmd->data_len = bhs_data_len(bhs);
	cmd->ahs_len = (uint16_t)bhs_ahs_len(bhs);
	cmd->is_immediate = bhs_is_immediate(bhs);
	cmd->is_final = (flags & ISCSI_FLAG_FINAL) != 0;
	cmd->is_read = (flags & ISCSI_SCSI_COMMAND_READ) != 0;
	cmd->is_write = (flags & ISCSI_SCSI_COMMAND_WRITE) != 0;
	cmd->attr = flags & ISCSI_SCSI_COMMAND_ATTR_MASK;
	memcpy(cmd->cdb, bhs->raw + BHS_AT_CDB, BHS_CDB_LEN);
}

static inline void bhs_scsi_command_encode(struct bhs *bhs, const struct bhs_scsi_command *cmd)
{
	bhs_begin(bhs, ISCSI_OPCODE_SCSI_COMMAND | bhs_immediate_flag(cmd->is_immediate),
		  (uint8_t)((cmd->is_final ? ISCSI_FLAG_FINAL : 0) |
			    (cmd->is_read ? ISCSI_SCSI_COMMAND_READ : 0) |
			    (cmd->is_write ? ISCSI_SCSI_COMMAND_WRITE : 0) |
			    (cmd->attr & ISCSI_SCSI_COMMAND_ATTR_MASK)));
	bhs_set_ahs_len(bhs, cmd->ahs_len);
	bhs_set_data_len(bhs, cmd->data_len);
	put_be64(bhs->raw + BHS_AT_LUN, cmd->lun);
	put_be32(bhs->raw + BHS_AT_ITT, cmd->itt);
	put_be32(bhs->raw + 20, cmd->expected_data_transfer_length);
	put_be32(bhs->raw + BHS_AT_CMD_SN, cmd->cmd_sn);
	put_be32(bhs->raw + BHS_AT_EXP_STAT_SN, cmd->exp_stat_sn);
	memcpy(bhs->raw + BHS_AT_CDB, cmd->cdb, BHS_CDB_LEN);
}

struct bhs_scsi_response {
	uint32_t itt;
	uint32_t snack_tag;
	uint32_t stat_sn;
	uint32_t exp_cmd_sn;
	uint32_t max_cmd_sn;
	uint32_t exp_data_sn;
	uint32_t bidi_read_residual_count;
	uint32_t residual_count;
	uint32_t data_len; /* SenseLength, sense data and response data */
	uint8_t flags; /* ISCSI_SCSI_RESPONSE_*: o, u, O, U */
	uint8_t response; /* enum iscsi_scsi_response */
	uint8_t status; /* SCSI status */
};

enum {
	BHS_SCSI_RESPONSE_FLAGS = ISCSI_SCSI_RESPONSE_BIDI_OVERFLOW |
				  ISCSI_SCSI_RESPONSE_BIDI_UNDERFLOW |
				  ISCSI_SCSI_RESPONSE_OVERFLOW | ISCSI_SCSI_RESPONSE_UNDERFLOW,
};

static inline void bhs_scsi_response_decode(const struct bhs *bhs,
					    struct bhs_scsi_response *response)
{
	response->itt = bhs_itt(bhs);
	response->snack_tag = get_be32(bhs->raw + 20);
	response->stat_sn = bhs_stat_sn(bhs);
	response->exp_cmd_sn = bhs_exp_cmd_sn(bhs);
	response->max_cmd_sn = bhs_max_cmd_sn(bhs);
	response->exp_data_sn = get_be32(bhs->raw + BHS_AT_DATA_SN);
	response->bidi_read_residual_count = get_be32(bhs->raw + 40);
	response->residual_count = get_be32(bhs->raw + BHS_AT_RESIDUAL_COUNT);
	response->data_len = bhs_data_len(bhs);
	response->flags = bhs_flags(bhs) & BHS_SCSI_RESPONSE_FLAGS;
	response->response = bhs->raw[BHS_AT_RESPONSE];
	response->status = bhs->raw[BHS_AT_STATUS];
}

static inline void bhs_scsi_response_encode(struct bhs *bhs,
					    const struct bhs_scsi_response *response)
{
	bhs_begin(bhs, ISCSI_OPCODE_SCSI_RESPONSE,
		  ISCSI_FLAG_FINAL | (response->flags & BHS_SCSI_RESPONSE_FLAGS));
	bhs->raw[BHS_AT_RESPONSE] = response->response;
	bhs->raw[BHS_AT_STATUS] = response->status;
	bhs_set_data_len(bhs, response->data_len);
	put_be32(bhs->raw + BHS_AT_ITT, response->itt);
	put_be32(bhs->raw + 20, response->snack_tag);
	bhs_set_stat_sn(bhs, response->stat_sn);
	bhs_set_window(bhs, response->exp_cmd_sn, response->max_cmd_sn);
	put_be32(bhs->raw + BHS_AT_DATA_SN, response->exp_data_sn);
	put_be32(bhs->raw + 40, response->bidi_read_residual_count);
	put_be32(bhs->raw + BHS_AT_RESIDUAL_COUNT, response->residual_count);
}

struct bhs_data_out {
	uint64_t lun;
	uint32_t itt;
	uint32_t ttt; /* ISCSI_TAG_NONE: unsolicited */
	uint32_t exp_stat_sn;
	uint32_t data_sn;
	uint32_t buffer_offset; /* bytes */
	uint32_t data_len;
	bool is_final; /* last of its sequence */
};

static inline void bhs_data_out_decode(const struct bhs *bhs, struct bhs_data_out *data)
{
	data->lun = bhs_lun(bhs);
	data->itt = bhs_itt(bhs);
	data->ttt = bhs_ttt(bhs);
	data->exp_stat_sn = bhs_exp_stat_sn(bhs);
	data->data_sn = get_be32(bhs->raw + BHS_AT_DATA_SN);
	data->buffer_offset = get_be32(bhs->raw + BHS_AT_BUFFER_OFFSET);
	data->data_len = bhs_data_len(bhs);
	data->is_final = bhs_is_final(bhs);
}

static inline void bhs_data_out_encode(struct bhs *bhs, const struct bhs_data_out *data)
{
	bhs_begin(bhs, ISCSI_OPCODE_DATA_OUT, data->is_final ? ISCSI_FLAG_FINAL : 0);
	bhs_set_data_len(bhs, data->data_len);
	put_be64(bhs->raw + BHS_AT_LUN, data->lun);
	put_be32(bhs->raw + BHS_AT_ITT, data->itt);
	put_be32(bhs->raw + BHS_AT_TTT, data->ttt);
	put_be32(bhs->raw + BHS_AT_EXP_STAT_SN, data->exp_stat_sn);
	put_be32(bhs->raw + BHS_AT_DATA_SN, data->data_sn);
	put_be32(bhs->raw + BHS_AT_BUFFER_OFFSET, data->buffer_offset);
}

/* With ISCSI_DATA_IN_STATUS the final PDU also carries status and residual. */
struct bhs_data_in {
	uint64_t lun; /* only with ISCSI_DATA_IN_ACKNOWLEDGE, else 0 */
	uint32_t itt;
	uint32_t ttt; /* ISCSI_TAG_NONE without ..._ACKNOWLEDGE */
	uint32_t stat_sn; /* only with ..._STATUS, else reserved: 0 */
	uint32_t exp_cmd_sn;
	uint32_t max_cmd_sn;
	uint32_t data_sn;
	uint32_t buffer_offset; /* bytes */
	uint32_t residual_count;
	uint32_t data_len;
	uint8_t flags; /* ISCSI_FLAG_FINAL and ISCSI_DATA_IN_*: A, O, U, S */
	uint8_t status; /* SCSI status; only with ..._STATUS, else 0 */
};

enum {
	BHS_DATA_IN_FLAGS = ISCSI_FLAG_FINAL | ISCSI_DATA_IN_ACKNOWLEDGE | ISCSI_DATA_IN_OVERFLOW |
			    ISCSI_DATA_IN_UNDERFLOW | ISCSI_DATA_IN_STATUS,
};

static inline void bhs_data_in_decode(const struct bhs *bhs, struct bhs_data_in *data)
{
	data->lun = bhs_lun(bhs);
	data->itt = bhs_itt(bhs);
	data->ttt = bhs_ttt(bhs);
	data->stat_sn = bhs_stat_sn(bhs);
	data->exp_cmd_sn = bhs_exp_cmd_sn(bhs);
	data->max_cmd_sn = bhs_max_cmd_sn(bhs);
	data->data_sn = get_be32(bhs->raw + BHS_AT_DATA_SN);
	data->buffer_offset = get_be32(bhs->raw + BHS_AT_BUFFER_OFFSET);
	data->residual_count = get_be32(bhs->raw + BHS_AT_RESIDUAL_COUNT);
	data->data_len = bhs_data_len(bhs);
	data->flags = bhs_flags(bhs) & BHS_DATA_IN_FLAGS;
	data->status = bhs->raw[BHS_AT_STATUS];
}

static inline void bhs_data_in_encode(struct bhs *bhs, const struct bhs_data_in *data)
{
	bhs_begin(bhs, ISCSI_OPCODE_DATA_IN, data->flags & BHS_DATA_IN_FLAGS);
	bhs->raw[BHS_AT_STATUS] = data->status;
	bhs_set_data_len(bhs, data->data_len);
	put_be64(bhs->raw + BHS_AT_LUN, data->lun);
	put_be32(bhs->raw + BHS_AT_ITT, data->itt);
	put_be32(bhs->raw + BHS_AT_TTT, data->ttt);
	bhs_set_stat_sn(bhs, data->stat_sn);
	bhs_set_window(bhs, data->exp_cmd_sn, data->max_cmd_sn);
	put_be32(bhs->raw + BHS_AT_DATA_SN, data->data_sn);
	put_be32(bhs->raw + BHS_AT_BUFFER_OFFSET, data->buffer_offset);
	put_be32(bhs->raw + BHS_AT_RESIDUAL_COUNT, data->residual_count);
}

struct bhs_r2t {
	uint64_t lun;
	uint32_t itt;
	uint32_t ttt;
	uint32_t stat_sn; /* the next one, which this PDU does not use up */
	uint32_t exp_cmd_sn;
	uint32_t max_cmd_sn;
	uint32_t r2t_sn;
	uint32_t buffer_offset; /* bytes */
	uint32_t desired_data_transfer_length; /* bytes, not 0 */
};

static inline void bhs_r2t_decode(const struct bhs *bhs, struct bhs_r2t *r2t)
{
	r2t->lun = bhs_lun(bhs);
	r2t->itt = bhs_itt(bhs);
	r2t->ttt = bhs_ttt(bhs);
	r2t->stat_sn = bhs_stat_sn(bhs);
	r2t->exp_cmd_sn = bhs_exp_cmd_sn(bhs);
	r2t->max_cmd_sn = bhs_max_cmd_sn(bhs);
	r2t->r2t_sn = get_be32(bhs->raw + BHS_AT_DATA_SN);
	r2t->buffer_offset = get_be32(bhs->raw + BHS_AT_BUFFER_OFFSET);
	r2t->desired_data_transfer_length = get_be32(bhs->raw + 44);
}

static inline void bhs_r2t_encode(struct bhs *bhs, const struct bhs_r2t *r2t)
{
	bhs_begin(bhs, ISCSI_OPCODE_R2T, ISCSI_FLAG_FINAL);
	put_be64(bhs->raw + BHS_AT_LUN, r2t->lun);
	put_be32(bhs->raw + BHS_AT_ITT, r2t->itt);
	put_be32(bhs->raw + BHS_AT_TTT, r2t->ttt);
	bhs_set_stat_sn(bhs, r2t->stat_sn);
	bhs_set_window(bhs, r2t->exp_cmd_sn, r2t->max_cmd_sn);
	put_be32(bhs->raw + BHS_AT_DATA_SN, r2t->r2t_sn);
	put_be32(bhs->raw + BHS_AT_BUFFER_OFFSET, r2t->buffer_offset);
	put_be32(bhs->raw + 44, r2t->desired_data_transfer_length);
}

#endif
