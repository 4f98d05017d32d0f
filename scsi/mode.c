/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MODE SENSE(6) and (10) over the table of mode pages (mode_pages.c): SPC-5
 * section 6.14, SBC-4 section 6.5.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "scsi/command.h"
#include "scsi/lu.h"
#include "scsi/mode.h"
#include "scsi/sense.h"

enum {
	MODE_SENSE_6 = 0x1a,
	ALL_PAGES = 0x3f,
	ALL_SUBPAGES = 0xff,
	PS = 0x80,
	SPF = 0x40,
	DBD = 0x08,
	LLBAA = 0x10,
	LONGLBA = 0x01,
	WRITE_PROTECT = 0x80,
	DPOFUA = 0x10,
	LONG_PAGE = 64,
};

enum page_control { PC_CURRENT, PC_CHANGEABLE, PC_DEFAULT, PC_SAVED };

static void get_body(struct scsi_lu *lu, unsigned index, enum page_control control,
		     uint8_t body[MODE_BODY_MAX])
{
	uint8_t other[MODE_BODY_MAX];

	switch (control) {
	case PC_CHANGEABLE:
		mode_page_get(lu, index, other, body);
		return;
	case PC_DEFAULT:
		mode_page_get(lu, index, body, other);
		return;
	case PC_CURRENT:
	case PC_SAVED:
		break;
	}
	pthread_mutex_lock(&lu->control);
	memcpy(body,
	       control == PC_SAVED ? lu->mode.saved.body[index] : lu->mode.current.body[index],
	       MODE_BODY_MAX);
	pthread_mutex_unlock(&lu->control);
}

static void put_page(struct scsi_lu *lu, unsigned index, enum page_control control,
		     struct cursor *out)
{
	const struct mode_page *page = &mode_pages[index];
	uint8_t can_save = lu->keeper != NULL ? PS : 0;
	uint8_t body[MODE_BODY_MAX];

	get_body(lu, index, control, body);
	if (page->subpage != 0) {
		cursor_put_u8(out, can_save | SPF | page->code);
		cursor_put_u8(out, page->subpage);
		cursor_put_u16(out, page->length);
	} else {
		cursor_put_u8(out, can_save | page->code);
		cursor_put_u8(out, page->length);
	}
	for (unsigned i = 0; i < page->length; i++)
		cursor_put_u8(out, body[mode_page_at(page, i)]);
}

/* MODE SENSE(6) has room for 256 bytes: long pages are not among all, so that the others are. */
static bool is_left_out(const struct scsi_cmd *cmd, const struct mode_page *page)
{
	return cmd->cdb[0] == MODE_SENSE_6 && page->length > LONG_PAGE;
}

/* False (sense set) when there is no such page. */
static bool put_pages(struct scsi_cmd *cmd, struct cursor *out)
{
	enum page_control control = cmd->cdb[2] >> 6;
	uint8_t code = cmd->cdb[2] & 0x3f;
	uint8_t subpage = cmd->cdb[3];
	bool found = false, has_code = code == ALL_PAGES;

	if (control == PC_SAVED && cmd->lu->keeper == NULL) {
		sense_saving_not_supported(cmd);
		return false;
	}
	for (unsigned i = 0; i < mode_page_count; i++) {
		if ((code != ALL_PAGES && code != mode_pages[i].code) ||
		    !mode_page_is_known(cmd->lu, i))
			continue;
		has_code = true;
		if (subpage != ALL_SUBPAGES && subpage != mode_pages[i].subpage)
			continue;
		/* A subpage by its number belongs to one page. */
		if (code == ALL_PAGES && subpage != 0 && subpage != ALL_SUBPAGES)
			continue;
		if (subpage == ALL_SUBPAGES && is_left_out(cmd, &mode_pages[i]))
			continue;
		put_page(cmd->lu, i, control, out);
		found = true;
	}
	if (!found)
		sense_invalid_field(cmd, has_code ? 3 : 2, has_code ? 7 : 5);
	return found;
}

static void put_block_descriptor(const struct scsi_lu *lu, bool is_long, struct cursor *out)
{
	if (is_long) {
		cursor_put_u64(out, lu->blocks);
		cursor_put_u32(out, 0);
		cursor_put_u32(out, lu->block_size);
		return;
	}
	cursor_put_u32(out, (uint32_t)min(lu->blocks, (uint64_t)UINT32_MAX));
	cursor_put_u8(out, 0);
	cursor_put_u24(out, lu->block_size);
}

int spc_mode_sense(struct scsi_cmd *cmd, struct cursor *out)
{
	struct scsi_lu *lu = cmd->lu;
	bool is_6 = cmd->cdb[0] == MODE_SENSE_6;
	bool has_descriptor = !(cmd->cdb[1] & DBD);
	bool is_long = !is_6 && has_descriptor && (cmd->cdb[1] & LLBAA);
	uint8_t parameter = DPOFUA | (cmd_is_read_only(cmd) ? WRITE_PROTECT : 0);
	uint8_t descriptor_length = !has_descriptor ? 0 : is_long ? 16 : 8;

	cursor_put_zeros(out, is_6 ? 4 : 8);
	if (has_descriptor)
		put_block_descriptor(lu, is_long, out);
	if (!put_pages(cmd, out))
		return -1;
	if (is_6) {
		out->begin[0] = (uint8_t)min(cursor_offset(out) - 1, (size_t)UINT8_MAX);
		out->begin[2] = parameter;
		out->begin[3] = descriptor_length;
		return SCSI_DONE;
	}
	put_be16(out->begin, (uint16_t)(cursor_offset(out) - 2));
	out->begin[3] = parameter;
	out->begin[4] = is_long ? LONGLBA : 0;
	put_be16(out->begin + 6, descriptor_length);
	return SCSI_DONE;
}
