/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Field pointers of what the gate refuses: which field of its CDB a bit belongs to
 * that should be zero. The command table knows only that nobody looks at it. Here
 * are the fields that have a name in SPC-5 and SBC-4 and are not there with us.
 */
#include "base/checked.h"
#include "base/container.h"
#include "scsi/command.h"
#include "scsi/sense.h"

/* Of RDPROTECT and its like the highest bit is that of the byte. */
#define PROTECT 0xe0

static const struct field {
	uint8_t opcode;
	uint8_t byte; /* its first */
	uint8_t mask; /* of that, and of */
	uint8_t more; /* so many bytes that follow */
	uint16_t action; /* of this service action only, 0: of all */
} fields[] = {
	{ 0x04, 4, 0x03, 0, 0 }, /* FORMAT UNIT: FAST FORMAT */
	{ 0x1e, 4, 0x03, 0, 0 }, /* PREVENT ALLOW MEDIUM REMOVAL: PREVENT */
	{ 0x25, 8, 0x01, 0, 0 }, /* READ CAPACITY(10): PMI */
	{ 0x28, 1, PROTECT, 0, 0 }, /* READ(10) */
	{ 0x28, 1, 0x04, 0, 0 }, /* RARC */
	{ 0x2a, 1, PROTECT, 0, 0 }, /* WRITE(10) */
	{ 0x2e, 1, PROTECT, 0, 0 }, /* WRITE AND VERIFY(10) */
	{ 0x2f, 1, PROTECT, 0, 0 }, /* VERIFY(10) */
	{ 0x3b, 1, PROTECT, 0, 0 }, /* WRITE BUFFER: MODE SPECIFIC */
	{ 0x3c, 1, PROTECT, 0, 0 }, /* READ BUFFER(10): MODE SPECIFIC */
	{ 0x41, 1, PROTECT, 0, 0 }, /* WRITE SAME(10) */
	{ 0x41, 1, 0x10, 0, 0 }, /* ANCHOR */
	{ 0x42, 1, 0x01, 0, 0 }, /* UNMAP: ANCHOR */
	{ 0x48, 1, 0x40, 0, 0 }, /* SANITIZE: ZNR */
	{ 0x4c, 1, 0x01, 0, 0 }, /* LOG SELECT: SP */
	{ 0x4d, 1, 0x01, 0, 0 }, /* LOG SENSE: SP */
	{ 0x7f, 10, PROTECT, 0, 0 },
	{ 0x7f, 10, 0x10, 0, 0 }, /* WRITE SAME(32): ANCHOR */
	{ 0x7f, 10, 0x04, 0, 0 }, /* READ(32): RARC */
	{ 0x88, 1, PROTECT, 0, 0 }, /* READ(16) */
	{ 0x88, 1, 0x04, 0, 0 }, /* RARC */
	{ 0x89, 1, PROTECT, 0, 0 }, /* COMPARE AND WRITE */
	{ 0x8a, 1, PROTECT, 0, 0 }, /* WRITE(16) */
	{ 0x8b, 1, PROTECT, 0, 0 }, /* ORWRITE(16) */
	{ 0x8e, 1, PROTECT, 0, 0 }, /* WRITE AND VERIFY(16) */
	{ 0x8f, 1, PROTECT, 0, 0 }, /* VERIFY(16) */
	{ 0x93, 1, PROTECT, 0, 0 }, /* WRITE SAME(16) */
	{ 0x93, 1, 0x10, 0, 0 }, /* ANCHOR */
	{ 0x9b, 1, PROTECT, 0, 0 }, /* READ BUFFER(16): MODE SPECIFIC */
	{ 0x9c, 1, PROTECT, 0, 0 }, /* WRITE ATOMIC(16) */
	{ 0x9c, 10, 0xff, 1, 0 }, /* ATOMIC BOUNDARY */
	{ 0x9e, 14, 0x01, 0, 0x10 }, /* READ CAPACITY(16): PMI */
	{ 0x9e, 14, 0xff, 0, 0x12 }, /* GET LBA STATUS(16): REPORT TYPE */
	{ 0xa8, 1, PROTECT, 0, 0 }, /* READ(12) */
	{ 0xa8, 1, 0x04, 0, 0 }, /* RARC */
	{ 0xaa, 1, PROTECT, 0, 0 }, /* WRITE(12) */
	{ 0xae, 1, PROTECT, 0, 0 }, /* WRITE AND VERIFY(12) */
	{ 0xaf, 1, PROTECT, 0, 0 }, /* VERIFY(12) */
};

/* The field with a name that BIT of BYTE is of, or NULL. */
static const struct field *find(const struct scsi_op *op, unsigned byte, unsigned bit)
{
	for (unsigned i = 0; i < ARRAY_SIZE(fields); i++) {
		const struct field *field = &fields[i];

		if (field->opcode == op->usage[0] &&
		    (field->action == 0 || field->action == op->action) && byte >= field->byte &&
		    byte - field->byte <= field->more &&
		    (byte != field->byte || (field->mask >> bit & 1)))
			return field;
	}
	return NULL;
}

int field_refuse(struct scsi_cmd *cmd, unsigned byte, uint8_t unused)
{
	unsigned bit = log2_floor(cmd->cdb[byte] & unused);
	const struct field *field = find(cmd->op, byte, bit);

	if (field != NULL)
		return sense_invalid_field(cmd, field->byte, (uint8_t)log2_floor(field->mask));
	/* Reserved bits beside each other are one field. */
	while (bit < 7 && (unused >> (bit + 1) & 1) && find(cmd->op, byte, bit + 1) == NULL)
		bit++;
	return sense_invalid_field(cmd, (uint16_t)byte, (uint8_t)bit);
}
