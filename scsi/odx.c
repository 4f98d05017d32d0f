/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * POPULATE TOKEN and WRITE USING TOKEN (SBC-4 sections 5.11, 5.52), REPORT ALL ROD
 * TOKENS (SPC-5 section 6.33). A token is made while its blocks are locked (odx_token.h
 * says why); writing by one is a copy operation whose source is the token's.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "scsi/copy.h"
#include "scsi/odx_list.h"
#include "scsi/range.h"
#include "scsi/sense.h"

enum {
	INVALID_TOKEN = 0x2300, /* INVALID TOKEN OPERATION, CAUSE NOT REPORTABLE */
	INVALID_FIELD_IN_PARAMETER_LIST = 0x2600,
	NO_RESOURCES_FOR_TOKEN = 0x550d,
	ACTION_WRITE = 0x11,
	OFFSET_AT = 8, /* of WRITE USING TOKEN's list */
};

/* What was asked for, and how far it has come. */
struct odx_work {
	struct odx_token *token; /* NULL: of zeros */
	uint64_t rod; /* where in the token's data we are, blocks */
	uint64_t left; /* blocks to be written */
	unsigned range; /* of the list */
	uint64_t in_range; /* blocks of it that have been written */
	uint8_t *bytes;
	struct odx_list list;
};

static uint64_t now_of(const struct scsi_nexus *nexus)
{
	return reactor_now_ns(nexus->reactor);
}

static void free_work(struct odx_work *work)
{
	free(work->bytes);
	free(work);
}

static int fail(struct scsi_cmd *cmd, uint8_t key, uint16_t code)
{
	struct sense sense = { .key = key, .code = code };

	return sense_fail(cmd, &sense);
}

/* ---- POPULATE TOKEN -------------------------------------------------------------------- */

static int nothing_next(struct copy_op *op, struct copy_span *span)
{
	(void)op;
	(void)span;
	return 0;
}

static void nothing_ended(struct copy_op *op)
{
	(void)op;
}

/* A token is there at once: the operation is only its result. */
static const struct copy_plan populate_token = { .next = nothing_next, .ended = nothing_ended };

static int make_token(struct scsi_cmd *cmd, const struct odx_list *list)
{
	struct copy_op *op = copy_create(cmd, &populate_token, true, get_be32(cmd->cdb + 6));
	int rc;

	if (op == NULL)
		return SCSI_DONE;
	rc = odx_token_create(cmd->lu, list->range, list->count, list->timeout_s,
			      now_of(cmd->nexus), op->token);
	if (rc != 0) {
		copy_forget(op);
		if (rc == -ENOSPC)
			return fail(cmd, SENSE_KEY_COPY_ABORTED, NO_RESOURCES_FOR_TOKEN);
		return cmd_status(cmd, SCSI_STATUS_BUSY);
	}
	op->has_token = true;
	op->moved = list->blocks << cmd->lu->block_shift;
	op->segments = (uint16_t)list->count;
	return SCSI_DONE;
}

/* Reads the list again: nothing of it was kept while the command waited for its lock. */
static bool parse(struct scsi_cmd *cmd, struct odx_work *work)
{
	struct odx_medium medium = { cmd->lu->blocks, cmd->lu->block_shift };
	bool writes = (cmd->cdb[1] & 0x1f) == ACTION_WRITE;
	struct copy_flaw flaw;
	int rc;

	work->bytes = copy_take_list(cmd);
	if (work->bytes == NULL)
		return false;
	rc = (writes ? odx_list_parse_write : odx_list_parse_populate)(
		work->bytes, cmd->data_out_length, &medium, &work->list, &flaw);
	if (rc == 0)
		return true;
	copy_refuse_list(cmd, &flaw);
	return false;
}

static struct odx_work *take_list(struct scsi_cmd *cmd)
{
	struct odx_work *work = calloc(1, sizeof(*work));

	if (work == NULL) {
		cmd_status(cmd, SCSI_STATUS_BUSY);
		return NULL;
	}
	if (parse(cmd, work))
		return work;
	free_work(work);
	return NULL;
}

static int populate_locked(struct scsi_cmd *cmd)
{
	struct odx_work *work = take_list(cmd);
	int step;

	if (work == NULL)
		return SCSI_DONE;
	step = make_token(cmd, &work->list);
	free_work(work);
	return step;
}

static int lock_to_populate(struct scsi_cmd *cmd)
{
	struct odx_work *work = take_list(cmd);
	uint64_t first = UINT64_MAX, end = 0;

	if (work == NULL)
		return SCSI_DONE;
	for (unsigned i = 0; i < work->list.count; i++) {
		const struct odx_range *range = &work->list.range[i];

		first = min(first, range->lba);
		end = max(end, range->lba + range->blocks);
	}
	free_work(work);
	/* A token of no blocks would be one of nothing. */
	if (end == 0)
		return copy_refuse_list(cmd, &(struct copy_flaw){
						.code = INVALID_FIELD_IN_PARAMETER_LIST,
						.has_field = true,
						.field = 14,
						.bit = 7,
					});
	return range_lock(cmd, first, end - first, populate_locked);
}

static int receive_populate(struct scsi_cmd *cmd)
{
	return cmd_receive(cmd, lock_to_populate);
}

static int begin(struct scsi_cmd *cmd, int (*next)(struct scsi_cmd *cmd))
{
	uint32_t length = get_be32(cmd->cdb + 10);

	cmd->transfer_length = length;
	if (length == 0)
		return SCSI_DONE;
	if (length > ODX_LIST_MAX)
		return sense_parameter_list_length(cmd);
	if (cmd_bytes_offered(cmd) < length)
		return sense_invalid_information_unit(cmd);
	cmd->data_out_length = length;
	return cmd_memory(cmd, length, next);
}

int sbc_populate_token(struct scsi_cmd *cmd)
{
	return begin(cmd, receive_populate);
}

/* ---- WRITE USING TOKEN -------------------------------------------------------------------- */

/* Where the token's data from block ROD on is: blocks in one piece, from *LBA on. */
static uint64_t locate(const struct odx_token *token, uint64_t rod, uint64_t *lba)
{
	for (unsigned i = 0; i < token->count; i++) {
		const struct odx_range *range = &token->range[i];

		if (rod < range->blocks) {
			*lba = range->lba + rod;
			return range->blocks - rod;
		}
		rod -= range->blocks;
	}
	return 0;
}

static int next_span(struct copy_op *op, struct copy_span *span)
{
	struct odx_work *work = op->work;
	const struct odx_range *range;
	unsigned shift = op->lu->block_shift;
	uint64_t blocks, lba = 0;

	op->segments = (uint16_t)work->range;
	if (work->left == 0)
		return 0;
	range = &work->list.range[work->range];
	blocks = min(range->blocks - work->in_range, work->left);
	*span = (struct copy_span){
		.to = op->lu,
		.to_at = (range->lba + work->in_range) << shift,
		.token = work->token,
	};
	if (work->token != NULL) {
		blocks = min(blocks, locate(work->token, work->rod, &lba));
		span->from = work->token->lu;
		span->from_at = lba << shift;
	}
	span->from_length = blocks << shift;
	span->to_length = blocks << shift;
	work->rod += blocks;
	work->left -= blocks;
	work->in_range += blocks;
	if (work->in_range == range->blocks) {
		work->range++;
		work->in_range = 0;
	}
	return 1;
}

static void write_ended(struct copy_op *op)
{
	struct odx_work *work = op->work;

	if (work->token != NULL)
		odx_token_give(work->token, reactor_now_ns(op->reactor),
			       work->list.deletes && !op->has_failed && !op->aborted);
	free_work(work);
	op->work = NULL;
}

static const struct copy_plan write_using_token = {
	.next = next_span,
	.ended = write_ended,
};

static bool is_zero_token(const uint8_t *token)
{
	return get_be32(token) == ODX_TYPE_ZERO && get_be16(token + 6) == ODX_TOKEN_LENGTH - 8;
}

/* Finds the token and what it has for us; false with sense. */
static bool take_token(struct scsi_cmd *cmd, struct odx_work *work)
{
	const struct odx_list *list = &work->list;
	uint16_t code;

	work->left = list->blocks;
	if (is_zero_token(list->token))
		return true;
	code = odx_token_take(cmd->lu->domain, list->token, now_of(cmd->nexus), &work->token);
	if (code == 0 && work->token->lu->block_size != cmd->lu->block_size)
		code = INVALID_TOKEN;
	if (code != 0) {
		fail(cmd, SENSE_KEY_ILLEGAL_REQUEST, code);
		return false;
	}
	if (list->offset >= work->token->blocks) {
		copy_refuse_list(cmd, &(struct copy_flaw){ .code = INVALID_FIELD_IN_PARAMETER_LIST,
						      .has_field = true,
						      .field = OFFSET_AT,
						      .bit = 7 });
		return false;
	}
	work->rod = list->offset;
	work->left = min(list->blocks, work->token->blocks - list->offset);
	return true;
}

static void drop_work(struct scsi_cmd *cmd, struct odx_work *work)
{
	if (work->token != NULL)
		odx_token_give(work->token, now_of(cmd->nexus), false);
	free_work(work);
}

static int write_by_token(struct scsi_cmd *cmd)
{
	struct odx_work *work = take_list(cmd);
	struct copy_op *op;

	if (work == NULL)
		return SCSI_DONE;
	op = take_token(cmd, work)
		     ? copy_create(cmd, &write_using_token, true, get_be32(cmd->cdb + 6))
		     : NULL;
	if (op == NULL) {
		drop_work(cmd, work);
		return SCSI_DONE;
	}
	op->work = work;
	op->is_partial = work->left < work->list.blocks;
	return copy_start(cmd, op, work->list.immediate);
}

static int receive_write(struct scsi_cmd *cmd)
{
	return cmd_receive(cmd, write_by_token);
}

int sbc_write_using_token(struct scsi_cmd *cmd)
{
	return begin(cmd, receive_write);
}

/* ---- REPORT ALL ROD TOKENS ------------------------------------------------------------------ */

enum { REPORT_MAX = 8 + ODX_TOKENS_MAX * ODX_MANAGEMENT_LENGTH };

static int fill_tokens(struct scsi_cmd *cmd)
{
	uint8_t report[REPORT_MAX] = { 0 };
	struct cursor out = cursor_writer(report, sizeof(report));
	uint32_t length;

	cursor_skip(&out, 8);
	odx_token_report(cmd->lu, now_of(cmd->nexus), &out);
	length = (uint32_t)cursor_offset(&out);
	put_be32(report, length - 4);
	extents_copy_in(&cmd->data, 0, report, length);
	return cmd_send_parameters(cmd, length);
}

int spc_report_rod_tokens(struct scsi_cmd *cmd)
{
	return cmd_memory(cmd, REPORT_MAX, fill_tokens);
}
