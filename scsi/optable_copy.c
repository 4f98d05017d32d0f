/* SPDX-License-Identifier: BSD-2-Clause */
/* The rows of the command table (optable.c) for third-party copies: operation codes 83h and 84h. */
#include "scsi/copy.h"
#include "scsi/optable_copy.h"

#define ALL_4   0xff, 0xff, 0xff, 0xff
#define NONE_4  0, 0, 0, 0
#define GROUP   0x1f /* ignored, as with all commands */
#define CONTROL 0x04 /* NACA */
/*
 * In whose presence: SPC-5 table 57, SBC-4 table 13. What copies conflicts with others' reservations
 * of the logical unit that it is sent to; those of source and destination are copy_may_access's business.
 */
#define READS  PERMIT_WRITE_EXCLUSIVE
#define ANY_PR (PERMIT_WRITE_EXCLUSIVE | PERMIT_EXCLUSIVE_ACCESS)

/* clang-format off */

const struct scsi_op copy_out_ops[COPY_OUT_OPS] = {
	{ .name = "EXTENDED COPY(LID1)", .start = spc_extended_copy, .action = 0x00,
	  .flags = OP_DATA_OUT, .cdb_length = 16, .length_at = 10, .length_size = 4,
	  .usage = { 0x83, 0x00, NONE_4, NONE_4, ALL_4, 0, CONTROL },
	  .recommended_s = 600 },
	{ .name = "EXTENDED COPY(LID4)", .start = spc_extended_copy, .action = 0x01,
	  .flags = OP_DATA_OUT, .cdb_length = 16, .length_at = 10, .length_size = 4,
	  .usage = { 0x83, 0x01, NONE_4, NONE_4, ALL_4, 0, CONTROL },
	  .recommended_s = 600 },
	{ .name = "POPULATE TOKEN", .start = sbc_populate_token, .action = 0x10,
	  .flags = OP_DATA_OUT | OP_NEEDS_MEDIUM,
	  .cdb_length = 16, .length_at = 10, .length_size = 4,
	  .usage = { 0x83, 0x10, NONE_4, ALL_4, ALL_4, GROUP, CONTROL },
	  .permits = READS, .recommended_s = 60 },
	{ .name = "WRITE USING TOKEN", .start = sbc_write_using_token, .action = 0x11,
	  .flags = OP_DATA_OUT | OP_MODIFIES,
	  .cdb_length = 16, .length_at = 10, .length_size = 4,
	  .usage = { 0x83, 0x11, NONE_4, ALL_4, ALL_4, GROUP, CONTROL },
	  .recommended_s = 600 },
	{ .name = "COPY OPERATION ABORT", .start = spc_copy_operation_abort, .action = 0x1c,
	  .cdb_length = 16,
	  .usage = { 0x83, 0x1c, ALL_4, NONE_4, NONE_4, 0, CONTROL },
	  .recommended_s = 60 },
};

const struct scsi_op copy_in_ops[COPY_IN_OPS] = {
	{ .name = "RECEIVE COPY STATUS(LID1)", .report = spc_copy_status_lid1, .action = 0x00,
	  .flags = OP_DATA_IN, .cdb_length = 16, .length_at = 10, .length_size = 4,
	  .usage = { 0x84, 0x00, 0xff, 0, 0, 0, NONE_4, ALL_4, 0, CONTROL },
	  .permits = ANY_PR, .recommended_s = 30 },
	{ .name = "RECEIVE COPY OPERATING PARAMETERS", .report = spc_copy_parameters,
	  .action = 0x03,
	  .flags = OP_DATA_IN, .cdb_length = 16, .length_at = 10, .length_size = 4,
	  .usage = { 0x84, 0x03, NONE_4, NONE_4, ALL_4, 0, CONTROL },
	  .permits = ANY_PR, .recommended_s = 30 },
	{ .name = "RECEIVE COPY FAILURE DETAILS(LID1)", .report = spc_failed_segment,
	  .action = 0x04,
	  .flags = OP_DATA_IN, .cdb_length = 16, .length_at = 10, .length_size = 4,
	  .usage = { 0x84, 0x04, 0xff, 0, 0, 0, NONE_4, ALL_4, 0, CONTROL },
	  .permits = ANY_PR, .recommended_s = 30 },
	{ .name = "RECEIVE COPY STATUS(LID4)", .report = spc_copy_status_lid4, .action = 0x05,
	  .flags = OP_DATA_IN, .cdb_length = 16, .length_at = 10, .length_size = 4,
	  .usage = { 0x84, 0x05, ALL_4, NONE_4, ALL_4, 0, CONTROL },
	  .permits = ANY_PR, .recommended_s = 30 },
	{ .name = "RECEIVE ROD TOKEN INFORMATION", .report = spc_rod_token_information,
	  .action = 0x07,
	  .flags = OP_DATA_IN, .cdb_length = 16, .length_at = 10, .length_size = 4,
	  .usage = { 0x84, 0x07, ALL_4, NONE_4, ALL_4, 0, CONTROL },
	  .permits = ANY_PR, .recommended_s = 30 },
	{ .name = "REPORT ALL ROD TOKENS", .start = spc_report_rod_tokens, .action = 0x08,
	  .flags = OP_DATA_IN, .cdb_length = 16, .length_at = 10, .length_size = 4,
	  .usage = { 0x84, 0x08, NONE_4, NONE_4, ALL_4, 0, CONTROL },
	  .permits = ANY_PR, .recommended_s = 30 },
};

/* clang-format on */
