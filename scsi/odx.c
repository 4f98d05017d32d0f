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
	INVALID_FIELD_IN_PARAMETER_LIST = 0x2600,
	NO_RESOURCES_FOR_TOKEN = 0x550d,
	ACTION_WRITE = 0x11,
	OFFSET_AT = 8, /* of WRITE USING TOKEN's list */
};

/* What was asked for, and how far it has come. */
struct odx_work {
	struct odx_token *token; /* NULL: of zeros */
	uint64_t rod; /* where in the token's data we are, bytes */
	uint64_t left; /* bytes to be written */
	unsigned range; /* of the list */
	uint64_t in_range; /* bytes of it that have been written */
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
	struct odx_order order = {
		.lu = cmd->lu,
		.device = cmd->nexus->target->name,
		.range = list->range,
		.count = list->count,
		.timeout_s = list->timeout_s,
	};
	struct copy_op *op = copy_create(cmd, &populate_token, true, get_be32(cmd->cdb + 6));
	int rc;

	if (op == NULL)
		return SCSI_DONE;
	rc = odx_token_create(&order, now_of(cmd->nexus), op->token);
	if (rc != 0) {
		copy_forget(op);
		if (rc == -ENOSPC)
			return fail(cmd, SENSE_KEY_COPY_ABORTED, NO_RESOURCES_FOR_TOKEN);
		return cmd_status(cmd, SCSI_STATUS_BUSY);
	}
	op->has_token = true;
	op->moved = list->blocks << cmd->lu->block_shift;
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
	/* Of no blocks at all is no error. */
	if (end == 0)
		return populate_locked(cmd);
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

/* Where the token's data from byte ROD on is: bytes in one piece, from *AT on. */
static uint64_t locate(const struct odx_token *token, uint64_t rod, uint64_t *at)
{
	unsigned shift = token->lu->block_shift;

	for (unsigned i = 0; i < token->count; i++) {
		const struct odx_range *range = &token->range[i];

		if (rod < range->blocks << shift) {
			*at = (range->lba << shift) + rod;
			return (range->blocks << shift) - rod;
		}
		rod -= range->blocks << shift;
	}
	return 0;
}

/*
 * The bytes of one block of the destination from where they are, or, where the source's blocks
 * are the larger ones, of what is left of such a block. Behind the token's data are zeros.
 */
static void gather_span(const struct odx_work *work, struct copy_span *span)
{
	uint64_t from_block = span->from->block_size, most = span->to->block_size, at, bytes;

	if (from_block > most && locate(work->token, work->rod, &at) > 0)
		most = min(span->to_length, from_block - at % from_block);
	span->to_length = most;
	while (most > 0 && span->parts < COPY_PARTS_MAX) {
		bytes = locate(work->token, work->rod + span->from_length, &at);
		bytes = min(bytes, most);
		if (bytes == 0)
			break;
		span->part[span->parts++] = (struct copy_part){ at, (uint32_t)bytes };
		span->from_length += bytes;
		most -= bytes;
	}
}

/* What of the token goes to the next TO_LENGTH bytes of SPAN, or to less of them. */
static void choose_source(const struct odx_work *work, struct copy_span *span)
{
	unsigned shift = max(work->token->lu->block_shift, span->to->block_shift);
	uint64_t bytes = min(span->to_length, locate(work->token, work->rod, &span->from_at));

	span->from = work->token->lu;
	bytes = bytes >> shift << shift;
	if (bytes > 0 && span->from_at % span->from->block_size == 0)
		span->from_length = span->to_length = bytes;
	else
		gather_span(work, span);
}

static int next_span(struct copy_op *op, struct copy_span *span)
{
	struct odx_work *work = op->work;
	const struct odx_range *range;
	unsigned shift = op->lu->block_shift;

	if (work->left == 0)
		return 0;
	range = &work->list.range[work->range];
	*span = (struct copy_span){
		.to = op->lu,
		.to_at = (range->lba << shift) + work->in_range,
		.to_length = min((range->blocks << shift) - work->in_range, work->left),
		.token = work->token,
	};
	if (work->token != NULL)
		choose_source(work, span);
	work->rod += span->to_length;
	work->left -= span->to_length;
	work->in_range += span->to_length;
	if (work->in_range == range->blocks << shift) {
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
	unsigned shift = cmd->lu->block_shift;
	uint64_t bytes;
	uint16_t code;

	work->left = list->blocks << shift;
	if (is_zero_token(list->token))
		return true;
	code = odx_token_take(cmd->lu->domain, list->token, now_of(cmd->nexus), &work->token);
	if (code != 0) {
		fail(cmd, SENSE_KEY_ILLEGAL_REQUEST, code);
		return false;
	}
	bytes = work->token->blocks << work->token->lu->block_shift;
	if (list->offset >= align_up(bytes, 1u << shift) >> shift) {
		copy_refuse_list(cmd, &(struct copy_flaw){ .code = INVALID_FIELD_IN_PARAMETER_LIST,
							   .has_field = true,
							   .field = OFFSET_AT,
							   .bit = 7 });
		return false;
	}
	work->rod = list->offset << shift;
	/* The last block is written whole; zeros fill what the token has not got of it. */
	work->left = min(work->left, align_up(bytes - work->rod, 1u << shift));
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
	op->is_partial = work->left < work->list.blocks << cmd->lu->block_shift;
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
