/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MODE SELECT(6) and (10): SPC-5 section 6.12, SBC-4 section 6.5. A list is taken
 * as a whole or not at all.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "scsi/command.h"
#include "scsi/lu.h"
#include "scsi/mode.h"
#include "scsi/sense.h"

enum {
	MODE_SELECT_6 = 0x15,
	PF = 0x10,
	RTD = 0x02,
	SP = 0x01,
	LONGLBA = 0x01,
	SPF = 0x40,
	PAGE_CODE = 0x3f,
	DESCRIPTOR_SHORT = 8,
	DESCRIPTOR_LONG = 16,
};

/* A parameter list on its way into VALUES. */
struct parameters {
	struct scsi_cmd *cmd;
	const uint8_t *bytes;
	size_t length;
	size_t at;
	struct mode_values values;
};

static bool refuse(struct parameters *list, size_t byte, uint8_t bit)
{
	sense_invalid_parameter(list->cmd, (uint16_t)byte, bit);
	return false;
}

static bool refuse_length(struct parameters *list)
{
	sense_parameter_list_length(list->cmd);
	return false;
}

/* ---- header and block descriptor ----------------------------------------------------- */

/* The capacity may be said again, not changed: the store's size is what it is. */
static bool check_descriptor(struct parameters *list, bool is_long)
{
	const struct scsi_lu *lu = list->cmd->lu;
	const uint8_t *bytes = list->bytes + list->at;
	uint64_t blocks = is_long ? get_be64(bytes) : get_be32(bytes);
	uint64_t all = is_long ? UINT64_MAX : UINT32_MAX;
	uint32_t size = is_long ? get_be32(bytes + 12) : get_be24(bytes + 5);

	/* All ones: as many as there are. */
	if (blocks != 0 && blocks != all && blocks != lu->blocks)
		return refuse(list, list->at, 7);
	if (size != lu->block_size)
		return refuse(list, list->at + (is_long ? 12 : 5), 7);
	return true;
}

static bool take_header(struct parameters *list)
{
	bool is_6 = list->cmd->cdb[0] == MODE_SELECT_6;
	size_t header = is_6 ? 4 : 8;
	size_t descriptors;
	bool is_long;

	if (list->length < header)
		return refuse_length(list);
	is_long = !is_6 && (list->bytes[4] & LONGLBA);
	descriptors = is_6 ? list->bytes[3] : get_be16(list->bytes + 6);
	if (list->bytes[is_6 ? 1 : 2] != 0)
		return refuse(list, is_6 ? 1 : 2, 7); /* MEDIUM TYPE */
	if (descriptors != 0 && descriptors != (is_long ? DESCRIPTOR_LONG : DESCRIPTOR_SHORT))
		return refuse(list, is_6 ? 3 : 6, 7);
	list->at = header;
	if (list->length - list->at < descriptors)
		return refuse_length(list);
	if (descriptors != 0 && !check_descriptor(list, is_long))
		return false;
	list->at += descriptors;
	return true;
}

/* ---- pages ------------------------------------------------------------------------------ */

static int find_page(const struct scsi_lu *lu, uint8_t code, uint8_t subpage)
{
	for (unsigned i = 0; i < mode_page_count; i++) {
		if (mode_pages[i].code == code && mode_pages[i].subpage == subpage &&
		    mode_page_is_known(lu, i))
			return (int)i;
	}
	return -1;
}

static bool take_body(struct parameters *list, unsigned index)
{
	const struct mode_page *page = &mode_pages[index];
	const uint8_t *bytes = list->bytes + list->at;
	uint8_t *body = list->values.body[index];
	uint8_t defaults[MODE_BODY_MAX], changeable[MODE_BODY_MAX], bit;
	int wrong;

	mode_page_get(list->cmd->lu, index, defaults, changeable);
	for (unsigned i = 0; i < page->length; i++) {
		unsigned at = mode_page_at(page, i);
		uint8_t fixed = (uint8_t)((bytes[i] ^ body[at]) & ~changeable[at]);

		if (fixed != 0)
			return refuse(list, list->at + i, (uint8_t)log2_floor(fixed));
		body[at] = bytes[i];
	}
	wrong = page->check != NULL ? page->check(list->cmd->lu, body, &bit) : -1;
	if (wrong >= 0)
		return refuse(list, list->at + (size_t)wrong, bit);
	list->at += page->length;
	return true;
}

static bool take_page(struct parameters *list)
{
	const uint8_t *bytes = list->bytes + list->at;
	size_t left = list->length - list->at;
	bool has_subpage = bytes[0] & SPF;
	size_t header = has_subpage ? 4 : 2;
	size_t length;
	int index;

	if (left < header)
		return refuse_length(list);
	index = find_page(list->cmd->lu, bytes[0] & PAGE_CODE, has_subpage ? bytes[1] : 0);
	if (index < 0 || has_subpage != (mode_pages[index].subpage != 0)) {
		/* Where the code is good it is the subpage that is not. */
		bool is_code = find_page(list->cmd->lu, bytes[0] & PAGE_CODE, 0) < 0 || !has_subpage;

		return refuse(list, list->at + (is_code ? 0 : 1), is_code ? 5 : 7);
	}
	length = has_subpage ? get_be16(bytes + 2) : bytes[1];
	if (length != mode_pages[index].length)
		return refuse(list, list->at + header - (has_subpage ? 2 : 1), 7);
	if (left - header < length)
		return refuse_length(list);
	list->at += header;
	return take_body(list, (unsigned)index);
}

/* ---- taking effect ---------------------------------------------------------------------- */

static int finish(struct scsi_cmd *cmd)
{
	if (cmd->kept < 0)
		return sense_internal_failure(cmd);
	if (!cmd->needs_flush)
		return SCSI_DONE;
	return cmd_submit_range(cmd, STORE_FLUSH, 0, 0, NULL);
}

/* What was saved is remembered as such once it is. */
static int saved(struct scsi_cmd *cmd)
{
	struct mode_values *values = (void *)cmd->data.extent[0].data;

	struct mode_state *mode = &cmd->lu->mode;

	pthread_mutex_lock(&cmd->lu->control);
	if (cmd->kept == 0 && (int32_t)(cmd->steps - mode->saved_by) > 0) {
		mode->saved = *values;
		mode->saved_by = cmd->steps;
	}
	pthread_mutex_unlock(&cmd->lu->control);
	return finish(cmd);
}

/*
 * With lu->control held, so that the saves have the order of the changes. The
 * parameter list has been read: its memory now holds what is being saved.
 */
static int save(struct scsi_cmd *cmd)
{
	uint8_t blob[MODE_BLOB_MAX];
	size_t length = mode_encode(&cmd->lu->mode.current, blob);

	_Static_assert(sizeof(struct mode_values) <= EXTENT_MIN, "it fits");
	memcpy(cmd->data.extent[0].data, &cmd->lu->mode.current, sizeof(struct mode_values));
	cmd->steps = ++cmd->lu->mode.saves;
	return cmd_keep(cmd, "mode", blob, length, saved);
}

/* VALUES become the current ones; with lu->control held. */
static int change(struct scsi_cmd *cmd, const struct mode_values *values)
{
	struct scsi_lu *lu = cmd->lu;
	uint32_t before = atomic_load_explicit(&lu->mode_bits, memory_order_relaxed);
	uint32_t risen;

	if (memcmp(&lu->mode.current, values, sizeof(*values)) != 0) {
		lu->mode.current = *values;
		mode_apply(lu);
		attention_raise_others(&lu->attentions, ATTENTION_MODE_CHANGED, cmd->nexus);
	}
	risen = atomic_load_explicit(&lu->mode_bits, memory_order_relaxed) & ~before;
	/* What was written before must not be less safe than what comes after. */
	cmd->needs_flush = risen & (MODE_WRITE_THROUGH | MODE_WRITE_PROTECT);
	cmd->kept = 0;
	cmd->resume = finish;
	return cmd->cdb[1] & SP ? save(cmd) : SCSI_AGAIN;
}

int spc_mode_select_list(struct scsi_cmd *cmd)
{
	struct scsi_lu *lu = cmd->lu;
	struct parameters list = {
		.cmd = cmd,
		.bytes = cmd->data.extent[0].data,
		.length = cmd->data_out_length,
	};
	bool is_good;
	int step = SCSI_DONE;

	pthread_mutex_lock(&lu->control);
	list.values = lu->mode.current;
	is_good = list.length == 0 || take_header(&list);
	while (is_good && list.at < list.length)
		is_good = take_page(&list);
	if (is_good)
		step = change(cmd, &list.values);
	pthread_mutex_unlock(&lu->control);
	return step;
}

static int revert(struct scsi_cmd *cmd)
{
	struct scsi_lu *lu = cmd->lu;
	uint8_t changeable[MODE_BODY_MAX];
	struct mode_values values = { 0 };
	int step;

	for (unsigned i = 0; i < mode_page_count; i++)
		mode_page_get(lu, i, values.body[i], changeable);
	pthread_mutex_lock(&lu->control);
	step = change(cmd, &values);
	pthread_mutex_unlock(&lu->control);
	return step;
}

int spc_mode_select(struct scsi_cmd *cmd)
{
	uint32_t length = cmd->cdb[0] == MODE_SELECT_6 ? cmd->cdb[4] : get_be16(cmd->cdb + 7);

	if ((cmd->cdb[1] & SP) && cmd->lu->keeper == NULL)
		return sense_invalid_field(cmd, 1, 0);
	if (cmd->cdb[1] & RTD) {
		/* The defaults or a list, not both. */
		if (length != 0)
			return sense_invalid_field(cmd, 1, 1);
		return cmd_memory(cmd, EXTENT_MIN, revert);
	}
	if (length == 0 && !(cmd->cdb[1] & SP))
		return SCSI_DONE;
	if (length == 0)
		return cmd_memory(cmd, EXTENT_MIN, spc_mode_select_list);
	/* Lists without page format are a vendor's. */
	if (!(cmd->cdb[1] & PF))
		return sense_invalid_field(cmd, 1, 4);
	return cmd_parameters(cmd, length);
}
