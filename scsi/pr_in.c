/* SPDX-License-Identifier: BSD-2-Clause */
/* PERSISTENT RESERVE IN: SPC-5 section 6.16. */
#include <assert.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/container.h"
#include "scsi/command.h"
#include "scsi/lu.h"
#include "scsi/reservation.h"
#include "scsi/sense.h"
#include "scsi/transport_id.h"

enum {
	HEADER = 8, /* PRGENERATION and ADDITIONAL LENGTH */
	STATUS_HEADER = 24, /* of a full status descriptor, before its TransportID */
	R_HOLDER = 0x01,
};

/* Writes a report, all of it, to OUT; with the control lock. */
typedef void (*report_fn)(const struct scsi_lu *lu, struct cursor *out);

static void put_keys(const struct scsi_lu *lu, struct cursor *out)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &lu->reservations.registered)
	cursor_put_u64(out, container_of(node, struct registration, link)->key);
}

static void put_reservation(const struct scsi_lu *lu, struct cursor *out)
{
	const struct reservations *reservations = &lu->reservations;

	if (reservations->type == RESERVATION_NONE)
		return;
	cursor_put_u64(out, reservations->holder != NULL ? reservations->holder->key : 0);
	cursor_put_zeros(out, 5);
	cursor_put_u8(out, reservations->type);
	cursor_put_zeros(out, 2);
}

static void put_full_status(const struct scsi_lu *lu, struct cursor *out)
{
	struct list_node *node;
	const struct reservations *reservations = &lu->reservations;

	LIST_FOR_EACH(node, &reservations->registered)
	{
		const struct registration *one = container_of(node, struct registration, link);
		bool holds = reservation_is_holder(reservations, one);
		size_t length_at;

		cursor_put_u64(out, one->key);
		cursor_put_zeros(out, 4);
		/* ALL_TG_PT is never set: each target port has a registration of its own. */
		cursor_put_u8(out, holds ? R_HOLDER : 0);
		cursor_put_u8(out, holds ? reservations->type : 0);
		cursor_put_zeros(out, 4);
		cursor_put_u16(out, one->port);
		length_at = cursor_offset(out);
		cursor_put_u32(out, 0);
		transport_id_put(out, one->initiator);
		put_be32(out->begin + length_at, (uint32_t)(cursor_offset(out) - length_at - 4));
	}
}

static report_fn report_of(const struct scsi_cmd *cmd)
{
	static const report_fn reports[] = {
		[0x00] = put_keys,
		[0x01] = put_reservation,
		[0x03] = put_full_status,
	};

	return reports[cmd->op->action];
}

/* With the control lock. */
static int fill(struct scsi_cmd *cmd, uint8_t *bytes, size_t size)
{
	struct cursor out = cursor_writer(bytes, size);
	uint32_t produced;

	cursor_put_u32(&out, cmd->lu->reservations.generation);
	cursor_put_u32(&out, 0);
	report_of(cmd)(cmd->lu, &out);
	assert(!cursor_failed(&out));
	produced = (uint32_t)cursor_offset(&out);
	put_be32(bytes + 4, produced - HEADER);
	extents_copy_in(&cmd->data, 0, bytes, min(produced, cmd->data.length));
	return cmd_send_parameters(cmd, produced);
}

static int report(struct scsi_cmd *cmd)
{
	struct scsi_lu *lu = cmd->lu;
	size_t size;
	uint8_t *bytes;
	int step;

	pthread_mutex_lock(&lu->control);
	size = HEADER + 16 + lu->reservations.count * (STATUS_HEADER + TRANSPORT_ID_MAX);
	bytes = malloc(size);
	if (bytes == NULL)
		step = cmd_status(cmd, SCSI_STATUS_BUSY);
	else if (lu->reservations.reserved_by != NULL)
		step = cmd_status(cmd, SCSI_STATUS_RESERVATION_CONFLICT);
	else
		step = fill(cmd, bytes, size);
	pthread_mutex_unlock(&lu->control);
	free(bytes);
	return step;
}

int spc_persistent_reserve_in(struct scsi_cmd *cmd)
{
	uint32_t wanted = get_be16(cmd->cdb + 7);

	return cmd_memory(cmd, max(wanted, (uint32_t)EXTENT_MIN), report);
}

/* ---- REPORT CAPABILITIES ---------------------------------------------------------------- */

enum {
	RLR_C = 0x80, /* REPLACE LOST RESERVATION */
	CRH = 0x10, /* RESERVE and RELEASE go with persistent reservations as SPC-4 has it */
	SIP_C = 0x08, /* SPEC_I_PT */
	ATP_C = 0x04, /* ALL_TG_PT */
	PTPL_C = 0x01, /* APTPL */
	TMV = 0x80, /* the mask of types is valid */
	ALLOWS_READS = 3 << 4, /* ALLOW COMMANDS: as in the command table */
	PTPL_A = 0x01,
	/* WR_EX_AR, EX_AC_RO, WR_EX_RO, EX_AC, WR_EX; EX_AC_AR */
	TYPES = 0xea01,
};

int spc_report_pr_capabilities(struct scsi_cmd *cmd, struct cursor *out)
{
	struct scsi_lu *lu = cmd->lu;
	bool persists, reserved;

	pthread_mutex_lock(&lu->control);
	persists = lu->reservations.persists;
	reserved = lu->reservations.reserved_by != NULL;
	pthread_mutex_unlock(&lu->control);
	if (reserved) {
		cmd_status(cmd, SCSI_STATUS_RESERVATION_CONFLICT);
		return -1;
	}
	cursor_put_u16(out, 8);
	cursor_put_u8(out, CRH | SIP_C | ATP_C | (lu->keeper != NULL ? RLR_C | PTPL_C : 0));
	cursor_put_u8(out, TMV | ALLOWS_READS | (persists ? PTPL_A : 0));
	cursor_put_u16(out, TYPES);
	cursor_put_zeros(out, 2);
	return SCSI_DONE;
}
