/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands that move or check protection information: protect.c. SBC-4 section 4.21. */
#ifndef PINION_SCSI_PROTECT_H
#define PINION_SCSI_PROTECT_H

#include "scsi/command.h"

/* The most that a command moves where there is protection information, bytes of data. */
#define PROTECT_TRANSFER_MAX (1024u * 1024u)

/* Of the options byte (of FORMAT UNIT: of byte 1) what OP may have set at LU beside its usage. */
uint8_t protect_bits(const struct scsi_op *op, const struct scsi_lu *lu);
/* Byte AT of OP's CDB usage data at LU, which may be NULL. */
uint8_t protect_usage(const struct scsi_op *op, const struct scsi_lu *lu, unsigned at);
/* Whether CMD's RDPROTECT, WRPROTECT or VRPROTECT is for a command that has none with this type. */
bool protect_is_out_of_place(const struct scsi_cmd *cmd);
/* Whether CMD is to be started by protect_start: its RDPROTECT or the like is not zero, or nearly so. */
bool protect_concerns(const struct scsi_cmd *cmd);
int protect_start(struct scsi_cmd *cmd);

/* How READ CAPACITY(16), INQUIRY's extended data and FORMAT UNIT tell the type. */
uint8_t protect_capacity(const struct scsi_lu *lu);
uint8_t protect_checks(const struct scsi_lu *lu);
/* FMTPINFO and PROTECTION FIELD USAGE that stand for what LU has. */
uint8_t protect_format(const struct scsi_lu *lu, uint8_t *usage);

#endif
