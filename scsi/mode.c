/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MODE SENSE(6) and (10) over the table of mode pages: SPC-5 sections 6.14,
 * 7.5, SBC-4 section 6.5. Nothing can be changed yet: all changeable values are
 * zero and nothing can be saved.
 */
#include <string.h>

#include "base/bytes.h"
#include "scsi/command.h"
#include "scsi/lu.h"
#include "scsi/sense.h"

enum {
	MODE_SENSE_6 = 0x1a,
	ALL_PAGES = 0x3f,
	ALL_SUBPAGES = 0xff,
	PAGE_HEADER = 2,
	PAGE_BODY_MAX = 18,
	DBD = 0x08,
	LLBAA = 0x10,
	LONGLBA = 0x01,
	WRITE_PROTECT = 0x80,
	DPOFUA = 0x10,
};

enum page_control { PC_CURRENT, PC_CHANGEABLE, PC_DEFAULT, PC_SAVED };

struct mode_page {
	uint8_t code;
	uint8_t length; /* of the body */
	uint8_t body[PAGE_BODY_MAX];
	/* Puts in what depends on the logical unit. Optional. */
	void (*patch)(const struct scsi_lu *lu, uint8_t *body);
};

static void patch_caching(const struct scsi_lu *lu, uint8_t *body)
{
	if (lu->store->traits.volatile_cache)
		body[0] |= 0x04; /* WCE */
}

static void patch_control(const struct scsi_lu *lu, uint8_t *body)
{
	if (lu->descriptor_sense)
		body[0] |= 0x04; /* D_SENSE */
}

static const struct mode_page pages[] = {
	/* Read-Write Error Recovery: AWRE, ARRE; retries are the store's business. */
	{ .code = 0x01, .length = 10, .body = { 0xc0 } },
	/* Disconnect-Reconnect: zeros, the limits of bursts are the session's. */
	{ .code = 0x02, .length = 14 },
	{ .code = 0x08, .length = 18, .patch = patch_caching },
	/*
	 * Control: TST 001b (a task set for each I_T nexus), GLTSD; unrestricted
	 * reordering, QERR 00b; no SWP; BUSY TIMEOUT PERIOD unlimited.
	 */
	{ .code = 0x0a,
	  .length = 10,
	  .body = { 0x22, 0x10, 0, 0, 0, 0, 0xff, 0xff },
	  .patch = patch_control },
	/* Informational Exceptions Control: DEXCPT. */
	{ .code = 0x1c, .length = 10, .body = { 0x08 } },
};

static void put_page(const struct scsi_lu *lu, const struct mode_page *page,
		     enum page_control control, struct cursor *out)
{
	uint8_t body[PAGE_BODY_MAX] = { 0 };

	if (control != PC_CHANGEABLE) {
		memcpy(body, page->body, sizeof(body));
		if (page->patch != NULL)
			page->patch(lu, body);
	}
	cursor_put_u8(out, page->code);
	cursor_put_u8(out, page->length);
	cursor_put_bytes(out, body, page->length);
}

/* False (sense set) when there is no such page. */
static bool put_pages(struct scsi_cmd *cmd, struct cursor *out)
{
	enum page_control control = cmd->cdb[2] >> 6;
	uint8_t code = cmd->cdb[2] & 0x3f;
	uint8_t subpage = cmd->cdb[3];
	bool found = false;

	if (subpage != 0 && subpage != ALL_SUBPAGES) {
		sense_invalid_field(cmd, 3, 7);
		return false;
	}
	if (control == PC_SAVED) {
		sense_saving_not_supported(cmd);
		return false;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(pages); i++) {
		if (code != ALL_PAGES && code != pages[i].code)
			continue;
		put_page(cmd->lu, &pages[i], control, out);
		found = true;
	}
	if (!found)
		sense_invalid_field(cmd, 2, 5);
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
	const struct scsi_lu *lu = cmd->lu;
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
		out->begin[0] = (uint8_t)(cursor_offset(out) - 1);
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
