/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sense data: the codes by meaning, the two formats, and the tables that turn
 * the errno of a store or of the port into sense. SPC-5 sections 4.4 and F.2.
 */
#include "scsi/sense.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/container.h"
#include "scsi/command.h"
#include "scsi/lu.h"

enum {
	FIXED_CURRENT = 0x70,
	DEFERRED = 0x01, /* added to either */
	DESCRIPTOR_CURRENT = 0x72,
	FIXED_LENGTH = 18,
	DESCRIPTOR_HEADER = 8,
	DESCRIPTOR_INFORMATION = 0x00,
	DESCRIPTOR_KEY_SPECIFIC = 0x02,
};

static bool has_key_specific(const struct sense *sense)
{
	return sense->has_field || sense->has_progress;
}

/* SENSE KEY SPECIFIC, three bytes: SKSV, C/D, BPV and bit, then the byte; or SKSV and progress. */
static void put_key_specific(const struct sense *sense, uint8_t *out)
{
	out[0] = 0x80;
	if (!sense->has_field) {
		put_be16(out + 1, sense->progress);
		return;
	}
	if (sense->field_in_cdb)
		out[0] |= 0x40;
	if (sense->bit != SENSE_NO_BIT)
		out[0] |= 0x08 | sense->bit;
	put_be16(out + 1, sense->field);
}

static uint8_t encode_fixed(const struct sense *sense, uint8_t *out)
{
	memset(out, 0, FIXED_LENGTH);
	out[0] = FIXED_CURRENT | (sense->is_deferred ? DEFERRED : 0);
	out[2] = sense->key;
	if (sense->has_information && sense->information <= UINT32_MAX) {
		out[0] |= 0x80;
		put_be32(out + 3, (uint32_t)sense->information);
	}
	out[7] = FIXED_LENGTH - 8;
	put_be16(out + 12, sense->code);
	if (has_key_specific(sense))
		put_key_specific(sense, out + 15);
	return FIXED_LENGTH;
}

static uint8_t encode_descriptor(const struct sense *sense, uint8_t *out)
{
	uint8_t len = DESCRIPTOR_HEADER;

	memset(out, 0, SCSI_SENSE_MAX);
	out[0] = DESCRIPTOR_CURRENT | (sense->is_deferred ? DEFERRED : 0);
	out[1] = sense->key;
	put_be16(out + 2, sense->code);
	if (sense->has_information) {
		out[len] = DESCRIPTOR_INFORMATION;
		out[len + 1] = 0x0a;
		out[len + 2] = 0x80;
		put_be64(out + len + 4, sense->information);
		len += 12;
	}
	if (has_key_specific(sense)) {
		out[len] = DESCRIPTOR_KEY_SPECIFIC;
		out[len + 1] = 0x06;
		put_key_specific(sense, out + len + 4);
		len += 8;
	}
	out[7] = len - DESCRIPTOR_HEADER;
	return len;
}

uint8_t sense_encode(const struct sense *sense, bool descriptor, uint8_t out[SCSI_SENSE_MAX])
{
	return descriptor ? encode_descriptor(sense, out) : encode_fixed(sense, out);
}

int sense_fail(struct scsi_cmd *cmd, const struct sense *sense)
{
	bool descriptor = cmd->lu != NULL && lu_has_mode(cmd->lu, MODE_DESCRIPTOR_SENSE);

	cmd->status = SCSI_STATUS_CHECK_CONDITION;
	cmd->sense_length = sense_encode(sense, descriptor, cmd->sense);
	return SCSI_DONE;
}

static int fail(struct scsi_cmd *cmd, uint8_t key, uint16_t code)
{
	struct sense sense = { .key = key, .code = code };

	return sense_fail(cmd, &sense);
}

static int fail_at(struct scsi_cmd *cmd, uint8_t key, uint16_t code, uint64_t information)
{
	struct sense sense = {
		.key = key,
		.code = code,
		.has_information = true,
		.information = information,
	};

	return sense_fail(cmd, &sense);
}

static int fail_field(struct scsi_cmd *cmd, uint16_t code, bool in_cdb, uint16_t byte, uint8_t bit)
{
	struct sense sense = {
		.key = SENSE_KEY_ILLEGAL_REQUEST,
		.code = code,
		.has_field = true,
		.field_in_cdb = in_cdb,
		.field = byte,
		.bit = bit,
	};

	return sense_fail(cmd, &sense);
}

/* INVALID COMMAND OPERATION CODE */
int sense_invalid_opcode(struct scsi_cmd *cmd)
{
	return fail_field(cmd, 0x2000, true, 0, SENSE_NO_BIT);
}

/* INVALID MESSAGE ERROR: an attribute that cannot be now */
int sense_invalid_message(struct scsi_cmd *cmd)
{
	return fail(cmd, SENSE_KEY_ILLEGAL_REQUEST, 0x4900);
}

/* INVALID FIELD IN CDB */
int sense_invalid_field(struct scsi_cmd *cmd, uint16_t byte, uint8_t bit)
{
	return fail_field(cmd, 0x2400, true, byte, bit);
}

/* INVALID FIELD IN PARAMETER LIST */
int sense_invalid_parameter(struct scsi_cmd *cmd, uint16_t byte, uint8_t bit)
{
	return fail_field(cmd, 0x2600, false, byte, bit);
}

/* PARAMETER LIST LENGTH ERROR */
int sense_parameter_list_length(struct scsi_cmd *cmd)
{
	return fail(cmd, SENSE_KEY_ILLEGAL_REQUEST, 0x1a00);
}

/* LOGICAL BLOCK ADDRESS OUT OF RANGE */
int sense_lba_out_of_range(struct scsi_cmd *cmd, uint64_t lba)
{
	return fail_at(cmd, SENSE_KEY_ILLEGAL_REQUEST, 0x2100, lba);
}

/* LOGICAL UNIT NOT SUPPORTED */
int sense_lun_not_supported(struct scsi_cmd *cmd)
{
	return fail(cmd, SENSE_KEY_ILLEGAL_REQUEST, 0x2500);
}

/* WRITE PROTECTED */
int sense_write_protected(struct scsi_cmd *cmd)
{
	return fail(cmd, SENSE_KEY_DATA_PROTECT, 0x2700);
}

/* LOGICAL UNIT SOFTWARE WRITE PROTECTED */
int sense_software_write_protected(struct scsi_cmd *cmd)
{
	return fail(cmd, SENSE_KEY_DATA_PROTECT, 0x2702);
}

/* INTERNAL TARGET FAILURE */
int sense_internal_failure(struct scsi_cmd *cmd)
{
	return fail(cmd, SENSE_KEY_HARDWARE_ERROR, 0x4400);
}

/* COMMAND SEQUENCE ERROR */
int sense_command_sequence(struct scsi_cmd *cmd)
{
	return fail(cmd, SENSE_KEY_ILLEGAL_REQUEST, 0x2c00);
}

/* MEDIUM NOT PRESENT - TRAY OPEN */
int sense_medium_not_present(struct scsi_cmd *cmd)
{
	return fail(cmd, SENSE_KEY_NOT_READY, 0x3a02);
}

/* MEDIUM REMOVAL PREVENTED */
int sense_removal_prevented(struct scsi_cmd *cmd)
{
	return fail(cmd, SENSE_KEY_ILLEGAL_REQUEST, 0x5302);
}

int sense_unit_attention(struct scsi_cmd *cmd, uint16_t code)
{
	return fail(cmd, SENSE_KEY_UNIT_ATTENTION, code);
}

/* SAVING PARAMETERS NOT SUPPORTED */
int sense_saving_not_supported(struct scsi_cmd *cmd)
{
	return fail(cmd, SENSE_KEY_ILLEGAL_REQUEST, 0x3900);
}

/* INVALID FIELD IN COMMAND INFORMATION UNIT */
int sense_invalid_information_unit(struct scsi_cmd *cmd)
{
	return fail(cmd, SENSE_KEY_ILLEGAL_REQUEST, 0x0e03);
}

/* INSUFFICIENT RESOURCES */
int sense_insufficient_resources(struct scsi_cmd *cmd)
{
	return fail(cmd, SENSE_KEY_ILLEGAL_REQUEST, 0x5503);
}

/* INVALID RELEASE OF PERSISTENT RESERVATION */
int sense_invalid_release(struct scsi_cmd *cmd)
{
	return fail(cmd, SENSE_KEY_ILLEGAL_REQUEST, 0x2604);
}

/* LOGICAL UNIT NOT ACCESSIBLE, ... */
struct sense sense_of_access(uint8_t lacking)
{
	if (lacking & PERMIT_LOST) /* PERSISTENT RESERVATION INFORMATION LOST */
		return (struct sense){ .key = SENSE_KEY_DATA_PROTECT, .code = 0x4401 };
	if (lacking & PERMIT_STANDBY) /* TARGET PORT IN STANDBY STATE */
		return (struct sense){ .key = SENSE_KEY_NOT_READY, .code = 0x040b };
	if (lacking & PERMIT_UNAVAILABLE) /* ... IN UNAVAILABLE STATE */
		return (struct sense){ .key = SENSE_KEY_NOT_READY, .code = 0x040c };
	/* ASYMMETRIC ACCESS STATE TRANSITION */
	return (struct sense){ .key = SENSE_KEY_NOT_READY, .code = 0x040a };
}

int sense_not_accessible(struct scsi_cmd *cmd, uint8_t lacking)
{
	struct sense sense = sense_of_access(lacking);

	return sense_fail(cmd, &sense);
}

/* INSUFFICIENT REGISTRATION RESOURCES */
int sense_insufficient_registrations(struct scsi_cmd *cmd)
{
	return fail(cmd, SENSE_KEY_ILLEGAL_REQUEST, 0x5504);
}

/* MISCOMPARE DURING VERIFY OPERATION */
int sense_miscompare(struct scsi_cmd *cmd, uint64_t offset)
{
	if (offset == UINT64_MAX)
		return fail(cmd, SENSE_KEY_MISCOMPARE, 0x1d00);
	return fail_at(cmd, SENSE_KEY_MISCOMPARE, 0x1d00, offset);
}

/* One row of an errno table; the row with error 0 is for all the others. */
struct errno_sense {
	int error;
	uint8_t key;
	uint16_t code;
};

static const struct errno_sense store_read_errors[] = {
	{ EIO, SENSE_KEY_MEDIUM_ERROR, 0x1100 }, /* UNRECOVERED READ ERROR */
	{ ENODATA, SENSE_KEY_MEDIUM_ERROR, 0x1100 }, /* the kernel's "critical medium error" */
	{ EILSEQ, SENSE_KEY_MEDIUM_ERROR, 0x1105 }, /* L-EC UNCORRECTABLE ERROR */
	{ EBADMSG, SENSE_KEY_MEDIUM_ERROR, 0x1105 },
	{ ENOMEDIUM, SENSE_KEY_NOT_READY, 0x3a00 }, /* MEDIUM NOT PRESENT */
	{ ENODEV, SENSE_KEY_NOT_READY, 0x0400 }, /* LOGICAL UNIT NOT READY, CAUSE NOT REPORTABLE */
	{ ENXIO, SENSE_KEY_NOT_READY, 0x0400 },
	{ -STORE_GUARD_WRONG, SENSE_KEY_ABORTED_COMMAND, 0x1001 },
	{ -STORE_APPLICATION_WRONG, SENSE_KEY_ABORTED_COMMAND, 0x1002 },
	{ -STORE_REFERENCE_WRONG, SENSE_KEY_ABORTED_COMMAND, 0x1003 },
	{ ETIMEDOUT, SENSE_KEY_ABORTED_COMMAND, 0x0801 }, /* LOGICAL UNIT COMMUNICATION TIME-OUT */
	{ ECANCELED, SENSE_KEY_ABORTED_COMMAND, 0x0000 },
	{ 0, SENSE_KEY_HARDWARE_ERROR, 0x4400 }, /* INTERNAL TARGET FAILURE */
};

static const struct errno_sense store_write_errors[] = {
	{ EIO, SENSE_KEY_MEDIUM_ERROR, 0x0c00 }, /* WRITE ERROR */
	{ ENOSPC, SENSE_KEY_DATA_PROTECT, 0x2707 }, /* SPACE ALLOCATION FAILED WRITE PROTECT */
	{ EDQUOT, SENSE_KEY_DATA_PROTECT, 0x2707 },
	{ EROFS, SENSE_KEY_DATA_PROTECT, 0x2700 }, /* WRITE PROTECTED */
	{ EPERM, SENSE_KEY_DATA_PROTECT, 0x2700 },
	{ EACCES, SENSE_KEY_DATA_PROTECT, 0x2700 },
	{ ENOMEDIUM, SENSE_KEY_NOT_READY, 0x3a00 },
	{ ENODEV, SENSE_KEY_NOT_READY, 0x0400 },
	{ ENXIO, SENSE_KEY_NOT_READY, 0x0400 },
	{ ETIMEDOUT, SENSE_KEY_ABORTED_COMMAND, 0x0801 },
	{ ECANCELED, SENSE_KEY_ABORTED_COMMAND, 0x0000 },
	{ 0, SENSE_KEY_HARDWARE_ERROR, 0x4400 },
};

static const struct errno_sense port_errors[] = {
	{ EBADMSG, SENSE_KEY_ABORTED_COMMAND, 0x4705 }, /* PROTOCOL SERVICE CRC ERROR */
	{ EPROTO, SENSE_KEY_ABORTED_COMMAND,
	  0x0c0d }, /* WRITE ERROR - NOT ENOUGH UNSOLICITED DATA */
	{ 0, SENSE_KEY_ABORTED_COMMAND, 0x4b00 }, /* DATA PHASE ERROR */
};

static const struct errno_sense *errno_row(const struct errno_sense *row, int err)
{
	while (row->error != 0 && row->error != -err)
		row++;
	return row;
}

struct sense sense_of_store_error(enum store_op op, int err)
{
	const struct errno_sense *row =
		errno_row(op == STORE_READ ? store_read_errors : store_write_errors, err);

	return (struct sense){ .key = row->key, .code = row->code };
}

int sense_store_error(struct scsi_cmd *cmd, enum store_op op, uint64_t lba, int err)
{
	struct sense sense = sense_of_store_error(op, err);

	/* Out of memory or slots for the moment: the initiator tries again by itself. */
	if (err == -ENOMEM || err == -EAGAIN || err == -EBUSY)
		return cmd_status(cmd, SCSI_STATUS_BUSY);
	counter_increment(&lu_counters(cmd)->errors);
	if (op == STORE_READ)
		counter_increment(&lu_counters(cmd)->read_errors);
	else
		counter_increment(&lu_counters(cmd)->write_errors);
	/* Of a flush nobody knows which block it was. */
	sense.has_information = op != STORE_FLUSH && (sense.key == SENSE_KEY_MEDIUM_ERROR ||
						      sense.code >> 8 == 0x10);
	sense.information = lba;
	if (cmd->flags & CMD_SELF_TEST)
		return self_test_failed(cmd, lba, &sense);
	return sense_fail(cmd, &sense);
}

/* LOGICAL UNIT COMMUNICATION TIME-OUT */
int sense_timed_out(struct scsi_cmd *cmd)
{
	if (cmd->lu != NULL)
		counter_increment(&lu_counters(cmd)->errors);
	return fail(cmd, SENSE_KEY_ABORTED_COMMAND, 0x0801);
}

int sense_port_error(struct scsi_cmd *cmd, int err)
{
	const struct errno_sense *row = errno_row(port_errors, err);

	return fail(cmd, row->key, row->code);
}
