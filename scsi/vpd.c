/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Vital product data pages: SPC-5 section 7.7, SBC-4 section 6.6. One row for
 * each page; page 00h is made from the rows.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "scsi/command.h"
#include "scsi/limits.h"
#include "scsi/lu.h"
#include "scsi/protect.h"
#include "scsi/provision.h"
#include "scsi/referrals.h"
#include "scsi/sense.h"
#include "scsi/vpd_copy.h"

#define PROTOCOL_ISCSI 0x5
#define PAGE_HEADER    4

/* ---- 83h: designators ------------------------------------------------------ */

enum code_set { BINARY = 1, ASCII = 2, UTF8 = 3 };
enum association { OF_LU = 0x00, OF_PORT = 0x10, OF_DEVICE = 0x20 };
enum designator {
	DESIGNATOR_T10 = 1,
	DESIGNATOR_NAA = 3,
	DESIGNATOR_RELATIVE_PORT = 4,
	DESIGNATOR_PORT_GROUP = 5,
	DESIGNATOR_NAME = 8,
};

static void put_designator(struct cursor *out, enum code_set set, enum association of,
			   enum designator type, uint8_t len)
{
	/* Ports and devices are known by what their protocol calls them: PIV. */
	cursor_put_u8(out, of == OF_LU ? set : PROTOCOL_ISCSI << 4 | set);
	cursor_put_u8(out, (uint8_t)((of == OF_LU ? 0 : 0x80) | of | type));
	cursor_put_u8(out, 0);
	cursor_put_u8(out, len);
}

/* A SCSI name string ends with NULs, up to a multiple of four bytes. */
static void put_name(struct cursor *out, enum association of, const char *name)
{
	size_t len = strnlen(name, 248);
	size_t padded = align_up(len + 1, 4);

	put_designator(out, UTF8, of, DESIGNATOR_NAME, (uint8_t)padded);
	cursor_put_bytes(out, name, len);
	cursor_put_zeros(out, padded - len);
}

static void page_identification(struct scsi_cmd *cmd, struct cursor *out)
{
	const struct scsi_nexus *nexus = cmd->nexus;
	const struct scsi_lu *lu = cmd->lu;

	if (lu != NULL) {
		size_t serial = strlen(lu->serial);

		put_designator(out, BINARY, OF_LU, DESIGNATOR_NAA, lu->naa_length);
		cursor_put_bytes(out, lu->naa, lu->naa_length);
		put_designator(out, ASCII, OF_LU, DESIGNATOR_T10,
			       (uint8_t)(SCSI_VENDOR_LENGTH + SCSI_PRODUCT_LENGTH + serial));
		cursor_put_bytes(out, lu->vendor, SCSI_VENDOR_LENGTH);
		cursor_put_bytes(out, lu->product, SCSI_PRODUCT_LENGTH);
		cursor_put_bytes(out, lu->serial, serial);
	}
	put_designator(out, BINARY, OF_PORT, DESIGNATOR_RELATIVE_PORT, 4);
	cursor_put_u32(out, nexus->target_port_group);
	put_designator(out, BINARY, OF_PORT, DESIGNATOR_PORT_GROUP, 4);
	cursor_put_u32(out, nexus->target_port_group);
	put_name(out, OF_PORT, nexus->target_port);
	put_name(out, OF_DEVICE, nexus->target->name);
}

/* 88h; of ports that nobody has named, the one through which this comes. */
static void put_port(struct cursor *out, uint16_t relative, const char *name)
{
	size_t length_at;

	cursor_put_u16(out, 0);
	cursor_put_u16(out, relative);
	cursor_put_zeros(out, 6); /* no initiator port */
	length_at = cursor_offset(out);
	cursor_put_u16(out, 0);
	put_name(out, OF_PORT, name);
	put_be16(out->begin + length_at, (uint16_t)(cursor_offset(out) - length_at - 2));
}

static void page_ports(struct scsi_cmd *cmd, struct cursor *out)
{
	const struct scsi_nexus *nexus = cmd->nexus;
	const struct scsi_target *target = nexus->target;

	for (unsigned i = 0; i < target->port_count; i++)
		put_port(out, target->port[i].relative, target->port[i].name);
	if (target->port_count == 0)
		put_port(out, nexus->target_port_group, nexus->target_port);
}

/* ---- the other pages -------------------------------------------------------- */

static void page_serial(struct scsi_cmd *cmd, struct cursor *out)
{
	cursor_put_bytes(out, cmd->lu->serial, strlen(cmd->lu->serial));
}

static void page_extended(struct scsi_cmd *cmd, struct cursor *out)
{
	cursor_put_u8(out, protect_checks(cmd->lu)); /* and no microcode */
	cursor_put_u8(out, 0x07); /* HEADSUP, ORDSUP, SIMPSUP */
	/* V_SUP: there is a volatile cache. */
	cursor_put_u8(out, cmd->lu->store->traits.volatile_cache ? 0x01 : 0x00);
	cursor_put_u8(out, 0);
	/* R_SUP; RTD_SUP: MODE SELECT reverts to the defaults */
	cursor_put_u8(out, (referrals_are_known(cmd->lu) ? 0x10 : 0) | 0x08);
	cursor_put_zeros(out, 13 - cursor_offset(out));
	cursor_put_u8(out, SCSI_SENSE_MAX); /* MAXIMUM SUPPORTED SENSE DATA LENGTH */
	cursor_put_zeros(out, 64 - cursor_offset(out));
}

/* One policy for all pages and subpages: shared by all I_T nexuses. */
static void page_mode_policy(struct scsi_cmd *cmd, struct cursor *out)
{
	(void)cmd;
	cursor_put_u8(out, 0x3f);
	cursor_put_u8(out, 0xff);
	cursor_put_u16(out, 0);
}

/* Where the storage is managed: nowhere, as far as the administrator says. */
static void page_management(struct scsi_cmd *cmd, struct cursor *out)
{
	const char *address = cmd->lu->management_address;
	size_t length, padded;

	if (address == NULL)
		return;
	length = strlen(address);
	padded = align_up(length + 1, 4);
	cursor_put_u8(out, OF_DEVICE << 1 | 0x01); /* storage configuration service */
	cursor_put_u8(out, 0);
	cursor_put_u16(out, (uint16_t)padded);
	cursor_put_bytes(out, address, length);
	cursor_put_zeros(out, padded - length);
}

static uint32_t in_blocks(const struct scsi_lu *lu, uint32_t bytes)
{
	return bytes >> lu->block_shift;
}

static void put_unmap_limits(const struct scsi_lu *lu, struct cursor *out)
{
	uint32_t granularity = in_blocks(lu, lu->store->traits.discard_granularity);

	cursor_put_u32(out, UNMAP_BLOCKS_MAX);
	cursor_put_u32(out, UNMAP_DESCRIPTORS_MAX);
	cursor_put_u32(out, max(granularity, 1u));
	cursor_put_u32(out, 0x80000000); /* UGAVALID: aligned at LBA 0 */
}

static void page_limits(struct scsi_cmd *cmd, struct cursor *out)
{
	const struct scsi_lu *lu = cmd->lu;
	uint32_t granularity = min(in_blocks(lu, lu->physical_block_size), (uint32_t)UINT16_MAX);
	uint32_t optimal = in_blocks(lu, lu->store->traits.optimal_io);

	cursor_put_u8(out, 0x01); /* WSNZ */
	cursor_put_u8(out, (uint8_t)min(COMPARE_AND_WRITE_BLOCKS_MAX, lu->maximum_blocks));
	cursor_put_u16(out, (uint16_t)granularity);
	cursor_put_u32(out, lu->maximum_blocks);
	cursor_put_u32(out, min(optimal, lu->maximum_blocks));
	cursor_put_u32(out, 0);
	if (lu->thin)
		put_unmap_limits(lu, out);
	else
		cursor_put_zeros(out, 16);
	cursor_put_u64(out, WRITE_SAME_BLOCKS_MAX);
	cursor_put_u32(out, lu->atomic_blocks); /* at any LBA, of any length, without boundaries */
	cursor_put_zeros(out, PAGE_HEADER + 60 - cursor_offset(out));
}

static void page_characteristics(struct scsi_cmd *cmd, struct cursor *out)
{
	cursor_put_u16(out, cmd->lu->rotation_rate);
	cursor_put_u8(out, 0);
	/* WABEREQ: after SANITIZE, BLOCK ERASE reads succeed. */
	cursor_put_u8(out, cmd->lu->thin ? 0x40 : 0);
	cursor_put_u8(out, 0x02); /* FUAB: FUA and SYNCHRONIZE CACHE as in SBC-3 */
	cursor_put_zeros(out, PAGE_HEADER + 60 - cursor_offset(out));
}

static void page_provisioning(struct scsi_cmd *cmd, struct cursor *out)
{
	const struct scsi_lu *lu = cmd->lu;

	cursor_put_u8(out, provision_exponent(lu));
	if (lu->thin) {
		/* LBPU, LBPWS, LBPWS10; LBPRZ 001b */
		cursor_put_u8(out, 0xe0 | (lu->store->traits.discard_zeroes ? 0x04 : 0));
		cursor_put_u8(out, 0x02); /* thin provisioned */
	} else {
		cursor_put_u16(out, 0);
	}
	cursor_put_u8(out, 0);
}

/* ---- the table --------------------------------------------------------------- */

static void page_supported(struct scsi_cmd *cmd, struct cursor *out);

/* In ascending order, as page 00h must have them. */
static const struct vpd_row {
	uint8_t page;
	bool without_lu; /* also known to the well known logical unit */
	void (*put)(struct scsi_cmd *cmd, struct cursor *out);
	bool (*is_known)(const struct scsi_lu *lu); /* optional: whether a logical unit has it */
} pages[] = {
	{ 0x00, true, page_supported, NULL },
	{ 0x80, false, page_serial, NULL },
	{ 0x83, true, page_identification, NULL },
	{ 0x85, false, page_management, NULL },
	{ 0x86, false, page_extended, NULL },
	{ 0x87, false, page_mode_policy, NULL },
	{ 0x88, true, page_ports, NULL },
	{ 0x8f, false, vpd_third_party_copy, NULL },
	{ 0xb0, false, page_limits, NULL },
	{ 0xb1, false, page_characteristics, NULL },
	{ 0xb2, false, page_provisioning, NULL },
	{ 0xb3, false, referrals_put_page, referrals_are_known },
};

static bool has_page(const struct scsi_cmd *cmd, const struct vpd_row *row)
{
	if (cmd->lu != NULL)
		return row->is_known == NULL || row->is_known(cmd->lu);
	/* Where nothing is there are no pages: SPC-5 lets qualifier 011b have none. */
	return (cmd->flags & CMD_WELL_KNOWN) && row->without_lu;
}

static void page_supported(struct scsi_cmd *cmd, struct cursor *out)
{
	for (unsigned i = 0; i < ARRAY_SIZE(pages); i++) {
		if (has_page(cmd, &pages[i]))
			cursor_put_u8(out, pages[i].page);
	}
}

int vpd_page(struct scsi_cmd *cmd, uint8_t page, struct cursor *out)
{
	for (unsigned i = 0; i < ARRAY_SIZE(pages); i++) {
		if (pages[i].page != page || !has_page(cmd, &pages[i]))
			continue;
		pages[i].put(cmd, out);
		return SCSI_DONE;
	}
	sense_invalid_field(cmd, 2, 7);
	return -1;
}
