/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command table: one row for each operation code or service action. The
 * gate, REPORT SUPPORTED OPERATION CODES and the manual all come from it; a
 * command that has no row does not exist.
 */
#include "scsi/command.h"
#include "scsi/lu.h"
#include "scsi/optable_copy.h"

/* CDB bytes that a command does not have. */
#define NOT_4  0xff, 0xff, 0xff, 0xff
#define NOT_6  NOT_4, 0xff, 0xff
#define NOT_10 NOT_6, NOT_4

/* Bytes that are wholly looked at. */
#define ALL_2 0xff, 0xff
#define ALL_4 ALL_2, ALL_2
#define ALL_8 ALL_4, ALL_4

/* Byte 1 of commands that move blocks; what of protection: protect.h. */
#define DPO    0x10
#define FUA    0x08
#define BYTCHK 0x06
#define UNMAP  0x08
#define NDOB   0x01
/* GROUP NUMBER is ignored: grouping is not reported as supported, nor is it harmful. */
#define GROUP 0x1f
/*
 * Bytes 2 to 9 of CDBs of 32 bytes, and from 12 on: LBA, the expected tags of
 * protection information (where there is none, ignored like GROUP NUMBER), number of blocks.
 */
#define LONG(action) 0, 0, 0, 0, GROUP, 0x18, 0, action
#define LONG_BLOCKS  ALL_8, ALL_8, ALL_4
/* NACA; the obsolete bits are zero. */
#define CONTROL 0x04

/*
 * What is allowed in whose presence: SPC-5 table 57 and SBC-4 table 13 for persistent
 * reservations, SPC-2 table 10 for RESERVE. A row without conflicts with all of them, as all
 * that changes something does.
 */
#define READS    PERMIT_WRITE_EXCLUSIVE
#define ANY_PR   (PERMIT_WRITE_EXCLUSIVE | PERMIT_EXCLUSIVE_ACCESS)
#define ALWAYS   (ANY_PR | PERMIT_RESERVED)
/* And when nobody can say who has reserved it. */
#define LOST     PERMIT_LOST
/* And through a port in which state. */
#define STANDBY  PERMIT_STANDBY
#define ANY_PORT (PERMIT_STANDBY | PERMIT_UNAVAILABLE | PERMIT_TRANSITION)

/* clang-format off */

static const struct scsi_op sanitize[] = {
	{ .name = "SANITIZE, OVERWRITE", .start = sbc_sanitize_overwrite, .action = 0x01,
	  .flags = OP_DATA_OUT | OP_MODIFIES | OP_SANITIZES,
	  .cdb_length = 10, .length_at = 7, .length_size = 2,
	  .usage = { 0x48, 0xa1, 0, 0, 0, 0, 0, ALL_2, CONTROL, NOT_6 },
	  .recommended_s = 65535 },
	{ .name = "SANITIZE, BLOCK ERASE", .start = sbc_sanitize_block_erase, .action = 0x02,
	  .flags = OP_MODIFIES | OP_SANITIZES | OP_THIN,
	  .cdb_length = 10, .length_at = 7, .length_size = 2,
	  .usage = { 0x48, 0xa2, 0, 0, 0, 0, 0, ALL_2, CONTROL, NOT_6 },
	  .recommended_s = 65535 },
	{ .name = "SANITIZE, EXIT FAILURE MODE", .start = sbc_sanitize_exit_failure, .action = 0x1f,
	  .flags = OP_MODIFIES | OP_SANITIZES,
	  .cdb_length = 10, .length_at = 7, .length_size = 2,
	  .usage = { 0x48, 0xbf, 0, 0, 0, 0, 0, ALL_2, CONTROL, NOT_6 },
	  .recommended_s = 30 },
};

static const struct scsi_op service_actions_in_16[] = {
	{ .name = "READ CAPACITY(16)", .report = sbc_read_capacity_16, .action = 0x10,
	  .flags = OP_NEEDS_MEDIUM | OP_DATA_IN, .cdb_length = 16, .length_at = 10, .length_size = 4,
	  .usage = { 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, ALL_4, 0, CONTROL },
	  .permits = ANY_PR, .recommended_s = 30 },
	{ .name = "GET LBA STATUS(16)", .start = sbc_get_lba_status, .action = 0x12,
	  .flags = OP_NEEDS_MEDIUM | OP_DATA_IN, .cdb_length = 16, .length_at = 10, .length_size = 4,
	  .usage = { 0x9e, 0x12, ALL_8, ALL_4, 0, CONTROL },
	  .permits = READS, .recommended_s = 30 },
	{ .name = "REPORT REFERRALS", .report = sbc_report_referrals, .action = 0x13,
	  .flags = OP_NEEDS_MEDIUM | OP_DATA_IN | OP_ALUA,
	  .cdb_length = 16, .length_at = 10, .length_size = 4,
	  .usage = { 0x9e, 0x13, ALL_8, ALL_4, 0x01, CONTROL },
	  .permits = ANY_PR, .recommended_s = 30 },
};

static const struct scsi_op maintenance_in[] = {
	{ .name = "REPORT IDENTIFYING INFORMATION", .report = spc_report_identifying,
	  .action = 0x05, .flags = OP_DATA_IN, .cdb_length = 12, .length_at = 6, .length_size = 4,
	  .usage = { 0xa3, 0x05, 0, 0, 0, 0, ALL_4, 0xfe, CONTROL, NOT_4 },
	  .permits = ANY_PR, .recommended_s = 30 },
	{ .name = "REPORT TARGET PORT GROUPS", .report = spc_report_target_port_groups,
	  .action = 0x0a, .flags = OP_DATA_IN | OP_IN_TROUBLE | OP_ALUA,
	  .cdb_length = 12, .length_at = 6, .length_size = 4,
	  .usage = { 0xa3, 0xea, 0, 0, 0, 0, ALL_4, 0, CONTROL, NOT_4 },
	  .permits = ALWAYS | ANY_PORT | LOST, .recommended_s = 30 },
	{ .name = "REPORT SUPPORTED OPERATION CODES", .report = spc_report_opcodes, .action = 0x0c,
	  .flags = OP_DATA_IN | OP_IN_TROUBLE, .cdb_length = 12, .length_at = 6, .length_size = 4,
	  .usage = { 0xa3, 0x0c, 0x87, 0xff, ALL_2, ALL_4, 0, CONTROL, NOT_4 },
	  .permits = READS, .recommended_s = 30 },
	{ .name = "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS", .report = spc_report_tmfs,
	  .action = 0x0d, .flags = OP_DATA_IN | OP_IN_TROUBLE, .cdb_length = 12, .length_at = 6, .length_size = 4,
	  .usage = { 0xa3, 0x0d, 0x80, 0, 0, 0, ALL_4, 0, CONTROL, NOT_4 },
	  .permits = READS, .recommended_s = 30 },
	{ .name = "REPORT TIMESTAMP", .report = spc_report_timestamp, .action = 0x0f,
	  .flags = OP_DATA_IN, .cdb_length = 12, .length_at = 6, .length_size = 4,
	  .usage = { 0xa3, 0x0f, 0, 0, 0, 0, ALL_4, 0, CONTROL, NOT_4 },
	  .permits = ANY_PR, .recommended_s = 30 },
};

static const struct scsi_op maintenance_out[] = {
	{ .name = "SET IDENTIFYING INFORMATION", .start = spc_set_identifying,
	  .parse = spc_set_identifying_list, .action = 0x06, .flags = OP_DATA_OUT | OP_KEEPS,
	  .cdb_length = 12, .length_at = 6, .length_size = 4,
	  .usage = { 0xa4, 0x06, 0, 0, 0, 0, ALL_4, 0xfe, CONTROL, NOT_4 },
	  .recommended_s = 60 },
	{ .name = "SET TARGET PORT GROUPS", .start = spc_set_target_port_groups,
	  .parse = spc_set_target_port_groups_list, .action = 0x0a,
	  .flags = OP_DATA_OUT | OP_SETS_ALUA, .cdb_length = 12, .length_at = 6, .length_size = 4,
	  .usage = { 0xa4, 0x0a, 0, 0, 0, 0, ALL_4, 0, CONTROL, NOT_4 },
	  .permits = STANDBY | PERMIT_UNAVAILABLE, .recommended_s = 60 },
	{ .name = "SET TIMESTAMP", .start = spc_set_timestamp, .parse = spc_set_timestamp_list,
	  .action = 0x0f, .flags = OP_DATA_OUT,
	  .cdb_length = 12, .length_at = 6, .length_size = 4,
	  .usage = { 0xa4, 0x0f, 0, 0, 0, 0, ALL_4, 0, CONTROL, NOT_4 },
	  .recommended_s = 30 },
};

static const struct scsi_op variable_length[] = {
	{ .name = "READ(32)", .start = sbc_read, .action = 0x09,
	  .flags = OP_PROTECTS | OP_DATA_IN | OP_COUNTS_READ,
	  .cdb_length = 32, .length_at = 28, .length_size = 4,
	  .usage = { 0x7f, CONTROL, LONG(0x09), DPO | FUA, 0, LONG_BLOCKS },
	  .permits = READS, .recommended_s = 60 },
	{ .name = "VERIFY(32)", .start = sbc_verify, .action = 0x0a,
	  .flags = OP_PROTECTS | OP_NEEDS_MEDIUM | OP_DATA_OUT,
	  .cdb_length = 32, .length_at = 28, .length_size = 4,
	  .usage = { 0x7f, CONTROL, LONG(0x0a), DPO | BYTCHK, 0, LONG_BLOCKS },
	  .permits = READS, .recommended_s = 60 },
	{ .name = "WRITE(32)", .start = sbc_write, .action = 0x0b,
	  .flags = OP_PROTECTS | OP_DATA_OUT | OP_MODIFIES | OP_COUNTS_WRITE,
	  .cdb_length = 32, .length_at = 28, .length_size = 4,
	  .usage = { 0x7f, CONTROL, LONG(0x0b), DPO | FUA, 0, LONG_BLOCKS },
	  .recommended_s = 60 },
	{ .name = "WRITE AND VERIFY(32)", .start = sbc_write_and_verify, .action = 0x0c,
	  .flags = OP_PROTECTS | OP_DATA_OUT | OP_MODIFIES | OP_COUNTS_WRITE,
	  .cdb_length = 32, .length_at = 28, .length_size = 4,
	  .usage = { 0x7f, CONTROL, LONG(0x0c), DPO | BYTCHK, 0, LONG_BLOCKS },
	  .recommended_s = 60 },
	{ .name = "WRITE SAME(32)", .start = sbc_write_same, .action = 0x0d,
	  .flags = OP_PROTECTS | OP_DATA_OUT | OP_MODIFIES | OP_COUNTS_WRITE,
	  .cdb_length = 32, .length_at = 28, .length_size = 4,
	  .usage = { 0x7f, CONTROL, LONG(0x0d), UNMAP | NDOB, 0, LONG_BLOCKS },
	  .recommended_s = 120 },
};

static const struct scsi_op persistent_reserve_in[] = {
	{ .name = "READ KEYS", .start = spc_persistent_reserve_in, .action = 0x00,
	  .flags = OP_DATA_IN, .cdb_length = 10, .length_at = 7, .length_size = 2,
	  .usage = { 0x5e, 0x00, 0, 0, 0, 0, 0, ALL_2, CONTROL, NOT_6 },
	  .permits = ANY_PR | STANDBY, .recommended_s = 30 },
	{ .name = "READ RESERVATION", .start = spc_persistent_reserve_in, .action = 0x01,
	  .flags = OP_DATA_IN, .cdb_length = 10, .length_at = 7, .length_size = 2,
	  .usage = { 0x5e, 0x01, 0, 0, 0, 0, 0, ALL_2, CONTROL, NOT_6 },
	  .permits = ANY_PR | STANDBY, .recommended_s = 30 },
	{ .name = "REPORT CAPABILITIES", .report = spc_report_pr_capabilities, .action = 0x02,
	  .flags = OP_DATA_IN, .cdb_length = 10, .length_at = 7, .length_size = 2,
	  .usage = { 0x5e, 0x02, 0, 0, 0, 0, 0, ALL_2, CONTROL, NOT_6 },
	  .permits = ANY_PR | STANDBY, .recommended_s = 30 },
	{ .name = "READ FULL STATUS", .start = spc_persistent_reserve_in, .action = 0x03,
	  .flags = OP_DATA_IN, .cdb_length = 10, .length_at = 7, .length_size = 2,
	  .usage = { 0x5e, 0x03, 0, 0, 0, 0, 0, ALL_2, CONTROL, NOT_6 },
	  .permits = ANY_PR | STANDBY, .recommended_s = 30 },
};

/* Scope and type are ignored where they make no difference, not refused. */
static const struct scsi_op persistent_reserve_out[] = {
	{ .name = "REGISTER", .start = spc_persistent_reserve_out, .action = 0x00,
	  .flags = OP_DATA_OUT, .cdb_length = 10, .length_at = 5, .length_size = 4,
	  .usage = { 0x5f, 0x00, 0xff, 0, 0, ALL_4, CONTROL, NOT_6 },
	  .permits = ANY_PR | STANDBY, .recommended_s = 60 },
	{ .name = "RESERVE", .start = spc_persistent_reserve_out, .action = 0x01,
	  .flags = OP_DATA_OUT, .cdb_length = 10, .length_at = 5, .length_size = 4,
	  .usage = { 0x5f, 0x01, 0xff, 0, 0, ALL_4, CONTROL, NOT_6 },
	  .permits = ANY_PR | STANDBY, .recommended_s = 60 },
	{ .name = "RELEASE", .start = spc_persistent_reserve_out, .action = 0x02,
	  .flags = OP_DATA_OUT, .cdb_length = 10, .length_at = 5, .length_size = 4,
	  .usage = { 0x5f, 0x02, 0xff, 0, 0, ALL_4, CONTROL, NOT_6 },
	  .permits = ANY_PR | STANDBY, .recommended_s = 60 },
	{ .name = "CLEAR", .start = spc_persistent_reserve_out, .action = 0x03,
	  .flags = OP_DATA_OUT, .cdb_length = 10, .length_at = 5, .length_size = 4,
	  .usage = { 0x5f, 0x03, 0xff, 0, 0, ALL_4, CONTROL, NOT_6 },
	  .permits = ANY_PR | STANDBY, .recommended_s = 60 },
	{ .name = "PREEMPT", .start = spc_persistent_reserve_out, .action = 0x04,
	  .flags = OP_DATA_OUT, .cdb_length = 10, .length_at = 5, .length_size = 4,
	  .usage = { 0x5f, 0x04, 0xff, 0, 0, ALL_4, CONTROL, NOT_6 },
	  .permits = ANY_PR | STANDBY, .recommended_s = 60 },
	{ .name = "PREEMPT AND ABORT", .start = spc_persistent_reserve_out, .action = 0x05,
	  .flags = OP_DATA_OUT, .cdb_length = 10, .length_at = 5, .length_size = 4,
	  .usage = { 0x5f, 0x05, 0xff, 0, 0, ALL_4, CONTROL, NOT_6 },
	  .permits = ANY_PR | STANDBY, .recommended_s = 60 },
	{ .name = "REGISTER AND IGNORE EXISTING KEY", .start = spc_persistent_reserve_out, .action = 0x06,
	  .flags = OP_DATA_OUT, .cdb_length = 10, .length_at = 5, .length_size = 4,
	  .usage = { 0x5f, 0x06, 0xff, 0, 0, ALL_4, CONTROL, NOT_6 },
	  .permits = ANY_PR | STANDBY, .recommended_s = 60 },
	{ .name = "REGISTER AND MOVE", .start = spc_persistent_reserve_out, .action = 0x07,
	  .flags = OP_DATA_OUT, .cdb_length = 10, .length_at = 5, .length_size = 4,
	  .usage = { 0x5f, 0x07, 0xff, 0, 0, ALL_4, CONTROL, NOT_6 },
	  .permits = ANY_PR | STANDBY, .recommended_s = 60 },
	{ .name = "REPLACE LOST RESERVATION", .start = spc_persistent_reserve_out, .action = 0x08,
	  .flags = OP_DATA_OUT | OP_KEEPS, .cdb_length = 10, .length_at = 5, .length_size = 4,
	  .usage = { 0x5f, 0x08, 0xff, 0, 0, ALL_4, CONTROL, NOT_6 },
	  .permits = ANY_PR | STANDBY | LOST, .recommended_s = 60 },
};

static const struct scsi_op commands[256] = {
	[0x00] = { .name = "TEST UNIT READY", .start = spc_test_unit_ready,
		   .flags = OP_NEEDS_MEDIUM | OP_WELL_KNOWN, .cdb_length = 6,
		   .usage = { 0x00, 0, 0, 0, 0, CONTROL, NOT_10 }, .permits = ANY_PR, .recommended_s = 30 },
	[0x03] = { .name = "REQUEST SENSE", .report = spc_request_sense,
		   .flags = OP_DATA_IN | OP_ANY_LUN | OP_WELL_KNOWN | OP_IGNORES_UA | OP_IN_TROUBLE,
		   .cdb_length = 6, .length_at = 4, .length_size = 1,
		   .usage = { 0x03, 0x01, 0, 0, 0xff, CONTROL, NOT_10 },
		   .permits = ALWAYS | ANY_PORT | LOST, .recommended_s = 30 },
	[0x04] = { .name = "FORMAT UNIT", .start = sbc_format_unit,
		   .flags = OP_PROTECTS | OP_DATA_OUT | OP_MODIFIES | OP_FORMATS, .cdb_length = 6,
		   .usage = { 0x04, 0x3f, 0, 0, 0, CONTROL, NOT_10 }, .recommended_s = 65535 },
	[0x08] = { .name = "READ(6)", .start = sbc_read, .flags = OP_DATA_IN | OP_COUNTS_READ,
		   .cdb_length = 6, .length_at = 4, .length_size = 1,
		   .usage = { 0x08, 0x1f, ALL_2, 0xff, CONTROL, NOT_10 }, .permits = READS, .recommended_s = 60 },
	[0x0a] = { .name = "WRITE(6)", .start = sbc_write,
		   .flags = OP_DATA_OUT | OP_MODIFIES | OP_COUNTS_WRITE,
		   .cdb_length = 6, .length_at = 4, .length_size = 1,
		   .usage = { 0x0a, 0x1f, ALL_2, 0xff, CONTROL, NOT_10 }, .recommended_s = 60 },
	[0x12] = { .name = "INQUIRY", .report = spc_inquiry,
		   .flags = OP_DATA_IN | OP_ANY_LUN | OP_WELL_KNOWN | OP_IGNORES_UA | OP_IN_TROUBLE,
		   .cdb_length = 6, .length_at = 3, .length_size = 2,
		   .usage = { 0x12, 0x01, 0xff, ALL_2, CONTROL, NOT_10 },
		   .permits = ALWAYS | ANY_PORT | LOST, .recommended_s = 30 },
	[0x15] = { .name = "MODE SELECT(6)", .start = spc_mode_select,
		   .parse = spc_mode_select_list, .flags = OP_DATA_OUT,
		   .cdb_length = 6, .length_at = 4, .length_size = 1,
		   .usage = { 0x15, 0x13, 0, 0, 0xff, CONTROL, NOT_10 },
		   .permits = STANDBY, .recommended_s = 60 },
	[0x16] = { .name = "RESERVE(6)", .start = spc_reserve, .cdb_length = 6,
		   .usage = { 0x16, 0, 0, 0, 0, CONTROL, NOT_10 },
		   .permits = ANY_PR, .recommended_s = 30 },
	[0x17] = { .name = "RELEASE(6)", .start = spc_release, .cdb_length = 6,
		   .usage = { 0x17, 0, 0, 0, 0, CONTROL, NOT_10 },
		   .permits = ALWAYS, .recommended_s = 30 },
	[0x1a] = { .name = "MODE SENSE(6)", .report = spc_mode_sense, .flags = OP_DATA_IN,
		   .cdb_length = 6, .length_at = 4, .length_size = 1,
		   .usage = { 0x1a, 0x08, ALL_2, 0xff, CONTROL, NOT_10 },
		   .permits = READS | STANDBY, .recommended_s = 30 },
	[0x1b] = { .name = "START STOP UNIT", .start = sbc_start_stop_unit, .cdb_length = 6,
		   .usage = { 0x1b, 0x01, 0, 0x0f, 0xf7, CONTROL, NOT_10 },
		   .exempt_at = 4, .exempt_mask = 0xf1, .exempt = 0x01, .recommended_s = 60 },
	[0x1c] = { .name = "RECEIVE DIAGNOSTIC RESULTS", .report = spc_receive_diagnostic,
		   .flags = OP_DATA_IN, .cdb_length = 6, .length_at = 3, .length_size = 2,
		   .usage = { 0x1c, 0x01, 0xff, ALL_2, CONTROL, NOT_10 },
		   .permits = READS | STANDBY, .recommended_s = 30 },
	[0x1d] = { .name = "SEND DIAGNOSTIC", .start = spc_send_diagnostic,
		   .parse = spc_send_diagnostic_list, .flags = OP_DATA_OUT,
		   .cdb_length = 6, .length_at = 3, .length_size = 2,
		   .usage = { 0x1d, 0xf7, 0, ALL_2, CONTROL, NOT_10 }, .permits = STANDBY, .recommended_s = 60 },
	[0x1e] = { .name = "PREVENT ALLOW MEDIUM REMOVAL", .start = sbc_prevent_allow,
		   .flags = OP_REMOVABLE, .cdb_length = 6,
		   .usage = { 0x1e, 0, 0, 0, 0x01, CONTROL, NOT_10 },
		   .exempt_at = 4, .exempt_mask = 0x01, .exempt = 0x00, .recommended_s = 30 },
	[0x25] = { .name = "READ CAPACITY(10)", .report = sbc_read_capacity_10,
		   .flags = OP_NEEDS_MEDIUM | OP_DATA_IN, .cdb_length = 10,
		   .usage = { 0x25, 0, 0, 0, 0, 0, 0, 0, 0, CONTROL, NOT_6 },
		   .permits = ANY_PR, .recommended_s = 30 },
	[0x28] = { .name = "READ(10)", .start = sbc_read, .flags = OP_PROTECTS | OP_DATA_IN | OP_COUNTS_READ,
		   .cdb_length = 10, .length_at = 7, .length_size = 2,
		   .usage = { 0x28, DPO | FUA, ALL_4, GROUP, ALL_2, CONTROL, NOT_6 },
		   .permits = READS, .recommended_s = 60 },
	[0x2a] = { .name = "WRITE(10)", .start = sbc_write,
		   .flags = OP_PROTECTS | OP_DATA_OUT | OP_MODIFIES | OP_COUNTS_WRITE,
		   .cdb_length = 10, .length_at = 7, .length_size = 2,
		   .usage = { 0x2a, DPO | FUA, ALL_4, GROUP, ALL_2, CONTROL, NOT_6 },
		   .recommended_s = 60 },
	[0x2e] = { .name = "WRITE AND VERIFY(10)", .start = sbc_write_and_verify,
		   .flags = OP_PROTECTS | OP_DATA_OUT | OP_MODIFIES | OP_COUNTS_WRITE,
		   .cdb_length = 10, .length_at = 7, .length_size = 2,
		   .usage = { 0x2e, DPO | BYTCHK, ALL_4, GROUP, ALL_2, CONTROL, NOT_6 },
		   .recommended_s = 60 },
	[0x2f] = { .name = "VERIFY(10)", .start = sbc_verify, .flags = OP_PROTECTS | OP_NEEDS_MEDIUM | OP_DATA_OUT,
		   .cdb_length = 10, .length_at = 7, .length_size = 2,
		   .usage = { 0x2f, DPO | BYTCHK, ALL_4, GROUP, ALL_2, CONTROL, NOT_6 },
		   .permits = READS, .recommended_s = 60 },
	[0x34] = { .name = "PRE-FETCH(10)", .start = sbc_pre_fetch,
		   .flags = OP_NEEDS_MEDIUM, .cdb_length = 10, .length_at = 7, .length_size = 2,
		   .usage = { 0x34, 0x02, ALL_4, GROUP, ALL_2, CONTROL, NOT_6 },
		   .permits = READS, .recommended_s = 60 },
	[0x35] = { .name = "SYNCHRONIZE CACHE(10)", .start = sbc_synchronize_cache,
		   .flags = OP_NEEDS_MEDIUM, .cdb_length = 10, .length_at = 7, .length_size = 2,
		   .usage = { 0x35, 0x06, ALL_4, GROUP, ALL_2, CONTROL, NOT_6 },
		   .recommended_s = 120 },
	[0x37] = { .name = "READ DEFECT DATA(10)", .report = sbc_read_defect_data_10,
		   .flags = OP_NEEDS_MEDIUM | OP_DATA_IN, .cdb_length = 10, .length_at = 7, .length_size = 2,
		   .usage = { 0x37, 0, 0x1f, 0, 0, 0, 0, ALL_2, CONTROL, NOT_6 },
		   .permits = READS, .recommended_s = 30 },
	[0x3b] = { .name = "WRITE BUFFER", .start = spc_write_buffer,
		   .parse = spc_write_buffer_list, .flags = OP_DATA_OUT,
		   .cdb_length = 10, .length_at = 6, .length_size = 3,
		   .usage = { 0x3b, 0x1f, 0xff, ALL_2, 0xff, ALL_2, 0xff, CONTROL, NOT_6 },
		   .permits = LOST, .recommended_s = 30 },
	[0x3c] = { .name = "READ BUFFER(10)", .report = spc_read_buffer, .flags = OP_DATA_IN,
		   .cdb_length = 10, .length_at = 6, .length_size = 3,
		   .usage = { 0x3c, 0x1f, 0xff, ALL_2, 0xff, ALL_2, 0xff, CONTROL, NOT_6 },
		   .permits = READS | LOST, .recommended_s = 30 },
	[0x41] = { .name = "WRITE SAME(10)", .start = sbc_write_same,
		   .flags = OP_PROTECTS | OP_DATA_OUT | OP_MODIFIES | OP_COUNTS_WRITE,
		   .cdb_length = 10, .length_at = 7, .length_size = 2,
		   .usage = { 0x41, UNMAP, ALL_4, GROUP, ALL_2, CONTROL, NOT_6 },
		   .recommended_s = 120 },
	[0x42] = { .name = "UNMAP", .start = sbc_unmap,
		   .flags = OP_DATA_OUT | OP_MODIFIES | OP_THIN,
		   .cdb_length = 10, .length_at = 7, .length_size = 2,
		   .usage = { 0x42, 0, 0, 0, 0, 0, GROUP, ALL_2, CONTROL, NOT_6 },
		   .recommended_s = 120 },
	[0x48] = { .name = "SANITIZE", .actions = sanitize,
		   .action_count = ARRAY_SIZE(sanitize) },
	[0x4c] = { .name = "LOG SELECT", .start = spc_log_select, .parse = spc_log_select_list,
		   .flags = OP_DATA_OUT, .cdb_length = 10, .length_at = 7, .length_size = 2,
		   .usage = { 0x4c, 0x02, 0xff, 0xff, 0, 0, 0, ALL_2, CONTROL, NOT_6 },
		   .recommended_s = 30 },
	[0x4d] = { .name = "LOG SENSE", .report = spc_log_sense, .flags = OP_DATA_IN | OP_IN_TROUBLE,
		   .cdb_length = 10, .length_at = 7, .length_size = 2,
		   .usage = { 0x4d, 0, 0xff, 0xff, 0, ALL_2, ALL_2, CONTROL, NOT_6 },
		   .permits = ALWAYS | STANDBY | LOST, .recommended_s = 30 },
	[0x55] = { .name = "MODE SELECT(10)", .start = spc_mode_select,
		   .parse = spc_mode_select_list, .flags = OP_DATA_OUT,
		   .cdb_length = 10, .length_at = 7, .length_size = 2,
		   .usage = { 0x55, 0x13, 0, 0, 0, 0, 0, ALL_2, CONTROL, NOT_6 },
		   .permits = STANDBY, .recommended_s = 60 },
	[0x56] = { .name = "RESERVE(10)", .start = spc_reserve, .cdb_length = 10,
		   .usage = { 0x56, 0, 0, 0, 0, 0, 0, 0, 0, CONTROL, NOT_6 },
		   .permits = ANY_PR, .recommended_s = 30 },
	[0x57] = { .name = "RELEASE(10)", .start = spc_release, .cdb_length = 10,
		   .usage = { 0x57, 0, 0, 0, 0, 0, 0, 0, 0, CONTROL, NOT_6 },
		   .permits = ALWAYS, .recommended_s = 30 },
	[0x5a] = { .name = "MODE SENSE(10)", .report = spc_mode_sense, .flags = OP_DATA_IN,
		   .cdb_length = 10, .length_at = 7, .length_size = 2,
		   .usage = { 0x5a, 0x18, ALL_2, 0, 0, 0, ALL_2, CONTROL, NOT_6 },
		   .permits = READS | STANDBY, .recommended_s = 30 },
	[0x5e] = { .name = "PERSISTENT RESERVE IN", .actions = persistent_reserve_in,
		   .action_count = ARRAY_SIZE(persistent_reserve_in) },
	[0x5f] = { .name = "PERSISTENT RESERVE OUT", .actions = persistent_reserve_out,
		   .action_count = ARRAY_SIZE(persistent_reserve_out) },
	[0x7f] = { .name = "VARIABLE LENGTH CDB", .actions = variable_length,
		   .action_count = ARRAY_SIZE(variable_length) },
	[0x83] = { .name = "THIRD-PARTY COPY OUT", .actions = copy_out_ops,
		   .action_count = COPY_OUT_OPS },
	[0x84] = { .name = "THIRD-PARTY COPY IN", .actions = copy_in_ops,
		   .action_count = COPY_IN_OPS },
	[0x88] = { .name = "READ(16)", .start = sbc_read, .flags = OP_PROTECTS | OP_DATA_IN | OP_COUNTS_READ,
		   .cdb_length = 16, .length_at = 10, .length_size = 4,
		   .usage = { 0x88, DPO | FUA, ALL_8, ALL_4, GROUP, CONTROL },
		   .permits = READS, .recommended_s = 60 },
	[0x89] = { .name = "COMPARE AND WRITE", .start = sbc_compare_and_write,
		   .flags = OP_PROTECTS | OP_DATA_OUT | OP_MODIFIES | OP_COUNTS_WRITE,
		   .cdb_length = 16, .length_at = 13, .length_size = 1,
		   .usage = { 0x89, DPO | FUA, ALL_8, 0, 0, 0, 0xff, GROUP, CONTROL },
		   .recommended_s = 60 },
	[0x8a] = { .name = "WRITE(16)", .start = sbc_write,
		   .flags = OP_PROTECTS | OP_DATA_OUT | OP_MODIFIES | OP_COUNTS_WRITE,
		   .cdb_length = 16, .length_at = 10, .length_size = 4,
		   .usage = { 0x8a, DPO | FUA, ALL_8, ALL_4, GROUP, CONTROL },
		   .recommended_s = 60 },
	[0x8b] = { .name = "ORWRITE(16)", .start = sbc_orwrite,
		   .flags = OP_PROTECTS | OP_DATA_OUT | OP_MODIFIES | OP_COUNTS_WRITE,
		   .cdb_length = 16, .length_at = 10, .length_size = 4,
		   .usage = { 0x8b, DPO | FUA, ALL_8, ALL_4, GROUP, CONTROL },
		   .recommended_s = 60 },
	[0x8e] = { .name = "WRITE AND VERIFY(16)", .start = sbc_write_and_verify,
		   .flags = OP_PROTECTS | OP_DATA_OUT | OP_MODIFIES | OP_COUNTS_WRITE,
		   .cdb_length = 16, .length_at = 10, .length_size = 4,
		   .usage = { 0x8e, DPO | BYTCHK, ALL_8, ALL_4, GROUP, CONTROL },
		   .recommended_s = 60 },
	[0x8f] = { .name = "VERIFY(16)", .start = sbc_verify, .flags = OP_PROTECTS | OP_NEEDS_MEDIUM | OP_DATA_OUT,
		   .cdb_length = 16, .length_at = 10, .length_size = 4,
		   .usage = { 0x8f, DPO | BYTCHK, ALL_8, ALL_4, GROUP, CONTROL },
		   .permits = READS, .recommended_s = 60 },
	[0x90] = { .name = "PRE-FETCH(16)", .start = sbc_pre_fetch,
		   .flags = OP_NEEDS_MEDIUM, .cdb_length = 16, .length_at = 10, .length_size = 4,
		   .usage = { 0x90, 0x02, ALL_8, ALL_4, GROUP, CONTROL },
		   .permits = READS, .recommended_s = 60 },
	[0x91] = { .name = "SYNCHRONIZE CACHE(16)", .start = sbc_synchronize_cache,
		   .flags = OP_NEEDS_MEDIUM, .cdb_length = 16, .length_at = 10, .length_size = 4,
		   .usage = { 0x91, 0x06, ALL_8, ALL_4, GROUP, CONTROL },
		   .recommended_s = 120 },
	[0x93] = { .name = "WRITE SAME(16)", .start = sbc_write_same,
		   .flags = OP_PROTECTS | OP_DATA_OUT | OP_MODIFIES | OP_COUNTS_WRITE,
		   .cdb_length = 16, .length_at = 10, .length_size = 4,
		   .usage = { 0x93, UNMAP | NDOB, ALL_8, ALL_4, GROUP, CONTROL },
		   .recommended_s = 120 },
	[0x9b] = { .name = "READ BUFFER(16)", .report = spc_read_buffer, .flags = OP_DATA_IN,
		   .cdb_length = 16, .length_at = 10, .length_size = 4,
		   .usage = { 0x9b, 0x1f, ALL_8, ALL_4, 0xff, CONTROL },
		   .permits = READS | LOST, .recommended_s = 30 },
	/* ATOMIC BOUNDARY must be zero: the block limits page has none. */
	[0x9c] = { .name = "WRITE ATOMIC(16)", .start = sbc_write_atomic,
		   .flags = OP_PROTECTS | OP_DATA_OUT | OP_MODIFIES | OP_COUNTS_WRITE | OP_ATOMIC,
		   .cdb_length = 16, .length_at = 12, .length_size = 2,
		   .usage = { 0x9c, DPO | FUA, ALL_8, 0, 0, ALL_2, GROUP, CONTROL },
		   .recommended_s = 60 },
	[0x9e] = { .name = "SERVICE ACTION IN(16)", .actions = service_actions_in_16,
		   .action_count = ARRAY_SIZE(service_actions_in_16) },
	[0xa0] = { .name = "REPORT LUNS", .report = spc_report_luns,
		   .flags = OP_DATA_IN | OP_LUN_0 | OP_WELL_KNOWN | OP_IGNORES_UA | OP_IN_TROUBLE,
		   .cdb_length = 12, .length_at = 6, .length_size = 4,
		   .usage = { 0xa0, 0, 0xff, 0, 0, 0, ALL_4, 0, CONTROL, NOT_4 },
		   .permits = ALWAYS | ANY_PORT | LOST, .recommended_s = 30 },
	[0xa3] = { .name = "MAINTENANCE IN", .actions = maintenance_in,
		   .action_count = ARRAY_SIZE(maintenance_in) },
	[0xa4] = { .name = "MAINTENANCE OUT", .actions = maintenance_out,
		   .action_count = ARRAY_SIZE(maintenance_out) },
	[0xa8] = { .name = "READ(12)", .start = sbc_read, .flags = OP_PROTECTS | OP_DATA_IN | OP_COUNTS_READ,
		   .cdb_length = 12, .length_at = 6, .length_size = 4,
		   .usage = { 0xa8, DPO | FUA, ALL_4, ALL_4, GROUP, CONTROL, NOT_4 },
		   .permits = READS, .recommended_s = 60 },
	[0xaa] = { .name = "WRITE(12)", .start = sbc_write,
		   .flags = OP_PROTECTS | OP_DATA_OUT | OP_MODIFIES | OP_COUNTS_WRITE,
		   .cdb_length = 12, .length_at = 6, .length_size = 4,
		   .usage = { 0xaa, DPO | FUA, ALL_4, ALL_4, GROUP, CONTROL, NOT_4 },
		   .recommended_s = 60 },
	[0xae] = { .name = "WRITE AND VERIFY(12)", .start = sbc_write_and_verify,
		   .flags = OP_PROTECTS | OP_DATA_OUT | OP_MODIFIES | OP_COUNTS_WRITE,
		   .cdb_length = 12, .length_at = 6, .length_size = 4,
		   .usage = { 0xae, DPO | BYTCHK, ALL_4, ALL_4, GROUP, CONTROL, NOT_4 },
		   .recommended_s = 60 },
	[0xaf] = { .name = "VERIFY(12)", .start = sbc_verify, .flags = OP_PROTECTS | OP_NEEDS_MEDIUM | OP_DATA_OUT,
		   .cdb_length = 12, .length_at = 6, .length_size = 4,
		   .usage = { 0xaf, DPO | BYTCHK, ALL_4, ALL_4, GROUP, CONTROL, NOT_4 },
		   .permits = READS, .recommended_s = 60 },
	[0xb7] = { .name = "READ DEFECT DATA(12)", .report = sbc_read_defect_data_12,
		   .flags = OP_NEEDS_MEDIUM | OP_DATA_IN, .cdb_length = 12, .length_at = 6, .length_size = 4,
		   .usage = { 0xb7, 0x1f, ALL_4, ALL_4, 0, CONTROL, NOT_4 },
		   .permits = READS, .recommended_s = 30 },
};

/* clang-format on */

const struct scsi_op *scsi_op_row(uint8_t opcode)
{
	const struct scsi_op *row = &commands[opcode];

	return row->name != NULL ? row : NULL;
}

const struct scsi_op *scsi_op_action(const struct scsi_op *row, uint16_t action)
{
	for (unsigned i = 0; i < row->action_count; i++) {
		if (row->actions[i].action == action)
			return &row->actions[i];
	}
	return NULL;
}

bool scsi_op_is_known(const struct scsi_op *op, const struct scsi_lu *lu)
{
	if ((op->flags & OP_REMOVABLE) && (lu == NULL || !lu->removable))
		return false;
	if ((op->flags & OP_KEEPS) && (lu == NULL || lu->keeper == NULL))
		return false;
	if ((op->flags & OP_ATOMIC) && (lu == NULL || lu->atomic_blocks == 0))
		return false;
	if ((op->flags & OP_ALUA) && (lu == NULL || lu->alua.kind == SCSI_ALUA_OFF))
		return false;
	if ((op->flags & OP_SETS_ALUA) &&
	    (lu == NULL || lu->alua.kind == SCSI_ALUA_OFF || lu->alua.kind == SCSI_ALUA_IMPLICIT))
		return false;
	return !(op->flags & OP_THIN) || (lu != NULL && lu->thin);
}
