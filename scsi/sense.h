/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sense by meaning: a command says what is wrong, and here it becomes status,
 * sense key, additional sense code and the fields that point at the cause.
 * SPC-5 section 4.4.
 *
 * Functions that take a command end it: they return SCSI_DONE, to be returned
 * by its step. sense_invalid_field and others may thus be the last word of a
 * check: return sense_lba_out_of_range(cmd).
 */
#ifndef PINION_SCSI_SENSE_H
#define PINION_SCSI_SENSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scsi/scsi.h"

enum sense_key {
	SENSE_KEY_NO_SENSE = 0x0,
	SENSE_KEY_RECOVERED_ERROR = 0x1,
	SENSE_KEY_NOT_READY = 0x2,
	SENSE_KEY_MEDIUM_ERROR = 0x3,
	SENSE_KEY_HARDWARE_ERROR = 0x4,
	SENSE_KEY_ILLEGAL_REQUEST = 0x5,
	SENSE_KEY_UNIT_ATTENTION = 0x6,
	SENSE_KEY_DATA_PROTECT = 0x7,
	SENSE_KEY_COPY_ABORTED = 0xa,
	SENSE_KEY_ABORTED_COMMAND = 0xb,
	SENSE_KEY_MISCOMPARE = 0xe,
};

#define SENSE_NO_BIT 0xff

/* Sense data before it is put into one of its two formats. */
struct sense {
	uint8_t key;
	uint16_t code; /* ASC << 8 | ASCQ */
	bool has_information;
	uint64_t information;
	/* Field pointer, where key is ILLEGAL REQUEST. */
	bool has_field;
	bool field_in_cdb; /* else in the parameter data */
	uint16_t field; /* its first byte */
	uint8_t bit; /* its most significant bit, or SENSE_NO_BIT: all of the byte */
	bool is_deferred; /* of an earlier command, which has had its status */
	/* Progress indication, in 65536ths, where key is NOT READY or NO SENSE. */
	bool has_progress;
	uint16_t progress;
};

/*
 * Puts SENSE into descriptor (72h) or fixed (70h) format. Returns the bytes
 * used, at most SCSI_SENSE_MAX. An information value that is too big for the
 * fixed format is left out.
 */
uint8_t sense_encode(const struct sense *sense, bool descriptor, uint8_t out[SCSI_SENSE_MAX]);

/* Ends CMD with CHECK CONDITION and SENSE. */
int sense_fail(struct scsi_cmd *cmd, const struct sense *sense);

int sense_invalid_opcode(struct scsi_cmd *cmd);
int sense_invalid_message(struct scsi_cmd *cmd);
int sense_invalid_field(struct scsi_cmd *cmd, uint16_t byte, uint8_t bit);
int sense_invalid_parameter(struct scsi_cmd *cmd, uint16_t byte, uint8_t bit);
int sense_parameter_list_length(struct scsi_cmd *cmd);
int sense_lba_out_of_range(struct scsi_cmd *cmd, uint64_t lba);
int sense_lun_not_supported(struct scsi_cmd *cmd);
int sense_write_protected(struct scsi_cmd *cmd);
int sense_software_write_protected(struct scsi_cmd *cmd);
int sense_internal_failure(struct scsi_cmd *cmd);
int sense_command_sequence(struct scsi_cmd *cmd);
int sense_medium_not_present(struct scsi_cmd *cmd);
int sense_removal_prevented(struct scsi_cmd *cmd);
int sense_unit_attention(struct scsi_cmd *cmd, uint16_t code);
int sense_saving_not_supported(struct scsi_cmd *cmd);
/* The data-out that was announced is no whole number of blocks. */
int sense_invalid_information_unit(struct scsi_cmd *cmd);
/* More memory than there will ever be. */
/* RELEASE of another scope and type than the reservation's. */
int sense_invalid_release(struct scsi_cmd *cmd);
/*
 * The port is in a state in which the command is not permitted, or the reservations are lost: LACKING
 * are permits of access.h.
 */
int sense_not_accessible(struct scsi_cmd *cmd, uint8_t lacking);
/* The same as sense, whatever becomes of it. */
struct sense sense_of_access(uint8_t lacking);
int sense_insufficient_registrations(struct scsi_cmd *cmd);
int sense_insufficient_resources(struct scsi_cmd *cmd);
/* OFFSET: of the first byte that differs, from the start of the data-out; UINT64_MAX: not told. */
int sense_miscompare(struct scsi_cmd *cmd, uint64_t offset);

/* What is wrong when the store fails an I/O at LBA with ERR, a negative errno. */
int sense_store_error(struct scsi_cmd *cmd, enum store_op op, uint64_t lba, int err);
/* The same as sense, whatever becomes of it. */
struct sense sense_of_store_error(enum store_op op, int err);
/* Its time is over. */
int sense_timed_out(struct scsi_cmd *cmd);
/* What is wrong when the port fails to get the data-out with ERR. */
int sense_port_error(struct scsi_cmd *cmd, int err);

#endif
