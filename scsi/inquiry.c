/* SPDX-License-Identifier: BSD-2-Clause */
/* INQUIRY and its standard data: SPC-5 section 6.7; the pages are in vpd.c. */
#include "base/bytes.h"
#include "scsi/command.h"
#include "scsi/lu.h"
#include "scsi/sense.h"

enum {
	TYPE_DISK = 0x00,
	TYPE_WELL_KNOWN = 0x1e,
	TYPE_NONE = 0x7f, /* qualifier 011b: there can be none here */
	REMOVABLE = 0x80,
	VERSION_SPC_4 = 0x06,
	NORMACA = 0x20,
	HISUP = 0x10,
	RESPONSE_FORMAT = 0x02,
	THIRD_PARTY_COPY = 0x08,
	PROTECT = 0x01,
	MULTIP = 0x10,
	CMDQUE = 0x02,
	STANDARD_LENGTH = 96,
};

/* The standards that are claimed, without a revision: SPC-5 table 150. */
static const uint16_t version_descriptors[] = {
	0x00a0, /* SAM-5 */
	0x0960, /* iSCSI */
	0x0460, /* SPC-4 */
	0x04c0, /* SBC-3 */
	0x05c0, /* SPC-5 */
	0x0600, /* SBC-4 */
};

static uint8_t device_type(const struct scsi_cmd *cmd)
{
	if (cmd->flags & CMD_WELL_KNOWN)
		return TYPE_WELL_KNOWN;
	return cmd->lu != NULL ? TYPE_DISK : TYPE_NONE;
}

static void put_names(const struct scsi_lu *lu, struct cursor *out)
{
	if (lu == NULL) {
		cursor_put_bytes(out, "PINION  ", SCSI_VENDOR_LENGTH);
		cursor_put_bytes(out, "                ", SCSI_PRODUCT_LENGTH);
		cursor_put_bytes(out, "    ", SCSI_REVISION_LENGTH);
		return;
	}
	cursor_put_bytes(out, lu->vendor, sizeof(lu->vendor));
	cursor_put_bytes(out, lu->product, sizeof(lu->product));
	cursor_put_bytes(out, lu->revision, sizeof(lu->revision));
}

static void standard_data(const struct scsi_cmd *cmd, struct cursor *out)
{
	const struct scsi_lu *lu = cmd->lu;

	cursor_put_u8(out, device_type(cmd));
	cursor_put_u8(out, lu != NULL && lu->removable ? REMOVABLE : 0);
	cursor_put_u8(out, VERSION_SPC_4);
	cursor_put_u8(out, NORMACA | HISUP | RESPONSE_FORMAT);
	cursor_put_u8(out, STANDARD_LENGTH - 5);
	cursor_put_u8(out, lu == NULL ? 0
				      : alua_tpgs(&lu->alua) | THIRD_PARTY_COPY |
						(lu->protection != 0 ? PROTECT : 0));
	cursor_put_u8(out, MULTIP);
	cursor_put_u8(out, CMDQUE);
	put_names(lu, out);
	cursor_put_zeros(out, 58 - cursor_offset(out));
	for (unsigned i = 0; i < ARRAY_SIZE(version_descriptors); i++)
		cursor_put_u16(out, version_descriptors[i]);
	cursor_put_zeros(out, STANDARD_LENGTH - cursor_offset(out));
}

static int page_data(struct scsi_cmd *cmd, struct cursor *out)
{
	uint8_t page = cmd->cdb[2];
	int step;

	cursor_put_u8(out, device_type(cmd));
	cursor_put_u8(out, page);
	cursor_put_u16(out, 0);
	step = vpd_page(cmd, page, out);
	put_be16(out->begin + 2, (uint16_t)(cursor_offset(out) - 4));
	return step;
}

int spc_inquiry(struct scsi_cmd *cmd, struct cursor *out)
{
	bool evpd = cmd->cdb[1] & 0x01;

	if (evpd)
		return page_data(cmd, out);
	if (cmd->cdb[2] != 0) {
		sense_invalid_field(cmd, 2, 7);
		return -1;
	}
	standard_data(cmd, out);
	return SCSI_DONE;
}
