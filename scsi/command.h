/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the device server: the row of the command table, and how the steps of
 * a command follow each other.
 *
 * A step does a piece of work and says how it goes on: the command is DONE
 * (status and sense are set), someone will come back to it (MORE), or its next
 * step can run at once (AGAIN). Only the driver in command.c completes a
 * command, so "exactly once" has one place to hold.
 */
#ifndef PINION_SCSI_COMMAND_H
#define PINION_SCSI_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "scsi/scsi.h"

enum scsi_step {
	SCSI_DONE, /* finished: complete it */
	SCSI_MORE, /* in progress: it must not be touched any more */
	SCSI_AGAIN, /* cmd->resume can run now */
};

enum scsi_phase {
	SCSI_PHASE_IDLE, /* the port's */
	SCSI_PHASE_RUNNING, /* in a step, now */
	SCSI_PHASE_DORMANT, /* others of its task set come first */
	SCSI_PHASE_MEMORY, /* in line for memory */
	SCSI_PHASE_DATA_OUT, /* between receive_data_out and scsi_data_out_received */
	SCSI_PHASE_YIELD, /* it has been at it for long: others first */
	SCSI_PHASE_FENCED, /* another command has the range to itself */
	SCSI_PHASE_LOCK, /* it wants a range to itself */
	SCSI_PHASE_SWEEP, /* it waits for others that it has aborted */
	SCSI_PHASE_JOB, /* it waits for a job of its logical unit; job.h */
	SCSI_PHASE_STORE, /* the store works on it */
	SCSI_PHASE_COPY, /* a copy operation works for it */
	SCSI_PHASE_KEEP, /* what it changed is on its way to the keeper */
	SCSI_PHASE_COMPLETE, /* the port's, which sends the answer */
};

/* cmd->flags */
#define CMD_SUBMITTING 0x01u /* store_submit has not returned yet */
#define CMD_STORE_DONE 0x02u /* and the store was done before it did */
#define CMD_WELL_KNOWN 0x04u /* addressed to the REPORT LUNS well known logical unit */
#define CMD_IN_RANGE   0x08u /* it touches cmd->range */
#define CMD_MAPPED     0x10u /* as long as its data is on the wire */
#define CMD_LOCKED     0x20u /* it has cmd->range to itself */
#define CMD_PROTECTED  0x40u /* protect_concerns */
#define CMD_SELF_TEST  0x80u /* what its I/O finds is for diagnostic.c to tell */

enum scsi_status {
	SCSI_STATUS_GOOD = 0x00,
	SCSI_STATUS_CHECK_CONDITION = 0x02,
	SCSI_STATUS_BUSY = 0x08,
	SCSI_STATUS_RESERVATION_CONFLICT = 0x18,
	SCSI_STATUS_TASK_SET_FULL = 0x28,
	SCSI_STATUS_ACA_ACTIVE = 0x30,
	SCSI_STATUS_TASK_ABORTED = 0x40,
};

/* op->flags */
#define OP_DATA_IN      0x0001u /* sends data to the initiator */
#define OP_DATA_OUT     0x0002u /* takes data from it */
#define OP_ANY_LUN      0x0004u /* answers where no logical unit is */
#define OP_LUN_0        0x0008u /* answers at LUN 0 even where no logical unit is */
#define OP_WELL_KNOWN   0x0010u /* known to the well known logical unit */
#define OP_IGNORES_UA   0x0020u /* does not report a unit attention condition */
#define OP_MODIFIES     0x0040u /* changes the medium: refused when it is write protected */
#define OP_REMOVABLE    0x0080u /* there only with a removable medium */
#define OP_THIN         0x0100u /* there only with logical block provisioning */
#define OP_ATOMIC       0x0800u /* there only where the store vouches for whole writes */
#define OP_COUNTS_READ  0x0200u /* its data is counted as read */
#define OP_COUNTS_WRITE 0x0400u
#define OP_IN_TROUBLE   0x1000u /* works whatever trouble the logical unit is in; job.h */
#define OP_SANITIZES    0x2000u
#define OP_FORMATS      0x4000u

#define OP_NEEDS_MEDIUM 0x8000u
#define OP_KEEPS        0x10000u /* there only where there is a keeper */
#define OP_ALUA         0x20000u /* there only with asymmetric access */
#define OP_SETS_ALUA    0x40000u /* there only where initiators set it */
#define OP_PROTECTS     0x80000u /* knows protection information; protect.h */
/* What a command must have that is refused while the medium is away. */
#define OP_OF_MEDIUM    (OP_NEEDS_MEDIUM | OP_COUNTS_READ | OP_COUNTS_WRITE | OP_MODIFIES)

#define SCSI_USAGE_MAX 32

/* One command, or one service action of an operation code. */
struct scsi_op {
	const char *name;
	/* Starts it; or, for commands that just return parameter data: */
	int (*start)(struct scsi_cmd *cmd);
	/*
	 * Writes all of the parameter data there is; what goes out is cut to
	 * the allocation length. SCSI_DONE, or -1 with status and sense set.
	 */
	int (*report)(struct scsi_cmd *cmd, struct cursor *out);
	/* Goes on from cmd_parameters when the parameter list lies in cmd->data.extent[0]. */
	int (*parse)(struct scsi_cmd *cmd);
	uint32_t flags;
	uint8_t cdb_length; /* bytes; 0: no such command */
	uint8_t length_at; /* CDB byte of the allocation, transfer or parameter list length */
	uint8_t length_size; /* and its bytes */
	uint8_t permits; /* PERMIT_ bits of access.h: in whose presence it is allowed; 0: nobody's */
	/* Where it has not got them: allowed all the same if this CDB byte under this mask is this. */
	uint8_t exempt_at, exempt_mask, exempt;
	uint16_t action; /* SERVICE ACTION */
	/*
	 * CDB usage data as REPORT SUPPORTED OPERATION CODES returns it: the
	 * bits that are looked at. All others must be zero. Of the first 16,
	 * bytes beyond cdb_length are 0xff: not ours to judge.
	 */
	uint8_t usage[SCSI_USAGE_MAX];
	uint16_t nominal_s; /* command timeouts descriptor, seconds */
	uint16_t recommended_s;
	/* Where the operation code has service actions, these instead of all the above. */
	const struct scsi_op *actions;
	unsigned action_count;
};

/* --- the table; optable.c --- */

/* Row of an operation code, perhaps one with actions; NULL when there is none. */
const struct scsi_op *scsi_op_row(uint8_t opcode);
/* The service action of ROW, NULL when there is none. */
const struct scsi_op *scsi_op_action(const struct scsi_op *row, uint16_t action);
/* Whether LU (NULL: none) knows the command OP. */
bool scsi_op_is_known(const struct scsi_op *op, const struct scsi_lu *lu);

/*
 * Has LENGTH bytes of DATA (0: nothing any more) kept as WHAT, a word, of the logical unit and
 * continues with NEXT when they are safe, or where cmd->kept says why they are not: -EOPNOTSUPP
 * without a keeper. NEXT runs even where CMD has been aborted meanwhile. DATA is copied. May be
 * called with lu->control held, so that what is kept last is what was changed last. In keep.c.
 */
int cmd_keep(struct scsi_cmd *cmd, const char *what, const void *data, size_t length,
	     int (*next)(struct scsi_cmd *cmd));

/* --- driving; command.c --- */

/* Has the data that op->report is to fill in sent. */
int cmd_report(struct scsi_cmd *cmd);
/* Has the first PRODUCED bytes of cmd->data sent, cut to the allocation length. */
int cmd_send_parameters(struct scsi_cmd *cmd, uint32_t produced);
/* Takes CMD, which nothing in its task set keeps waiting, through the gate and on. */
void cmd_enter(struct scsi_cmd *cmd);
/* Ends CMD with a status that carries no sense. */
int cmd_status(struct scsi_cmd *cmd, enum scsi_status status);

/* Refuses CMD for bits of BYTE of its CDB that are among those that must be zero, UNUSED; field.c. */
int field_refuse(struct scsi_cmd *cmd, unsigned byte, uint8_t unused);

/* --- its memory; data.c --- */

/* Continues with NEXT when cmd->data holds LENGTH bytes, which may be at once. */
int cmd_memory(struct scsi_cmd *cmd, uint32_t length, int (*next)(struct scsi_cmd *cmd));
/* Continues with NEXT when the data-out (cmd->data_out_length bytes) is in cmd->data. */
int cmd_receive(struct scsi_cmd *cmd, int (*next)(struct scsi_cmd *cmd));
/*
 * Has the parameter list of LENGTH bytes, 1 or more, fetched and goes on with op->parse: it lies
 * in one piece then, of EXTENT_MIN bytes, more of which no list has.
 */
int cmd_parameters(struct scsi_cmd *cmd, uint32_t length);
/* Runs steps until the command is done or waits; completes it when done. */
void cmd_drive(struct scsi_cmd *cmd, int step);

/*
 * OUT becomes a view, which owns nothing, of bytes OFFSET to OFFSET + LENGTH of FROM.
 */
void extents_slice(const struct extents *from, uint32_t offset, uint32_t length,
		   struct extents *out);
/* The first of LENGTH bytes at which A from A_OFFSET and B from B_OFFSET differ, or LENGTH. */
uint32_t extents_compare(const struct extents *a, uint32_t a_offset, const struct extents *b,
			 uint32_t b_offset, uint32_t length);

/* --- its I/O; medium.c --- */

/* Reads or writes BYTES (whole blocks) at LBA; continues with NEXT, or is done where that is NULL. */
int cmd_submit_data(struct scsi_cmd *cmd, enum store_op op, uint64_t lba, uint32_t bytes,
		    struct extents *data, int (*next)(struct scsi_cmd *cmd));
/* The same for what has no data: flush, discard, write zeroes. */
int cmd_submit_range(struct scsi_cmd *cmd, enum store_op op, uint64_t lba, uint64_t blocks,
		     int (*next)(struct scsi_cmd *cmd));

/* Continues with NEXT when what a volatile cache had of the medium is on it: what FUA asks of a read. */
int cmd_write_back(struct scsi_cmd *cmd, int (*next)(struct scsi_cmd *cmd));

/*
 * Has the store of CMD's logical unit copy BLOCKS to LBA from byte FROM_OFFSET of the store FROM
 * (STORE_COPY: cmd->io.run tells how much of it it did). The source's range is the caller's business.
 */
int cmd_submit_copy(struct scsi_cmd *cmd, struct store *from, uint64_t from_offset, uint64_t lba,
		    uint64_t blocks, int (*next)(struct scsi_cmd *cmd));

/* --- commands; spc.c, inquiry.c, vpd.c, mode.c, log.c, opcodes.c, sbc.c and all sbc_*.c --- */

int spc_test_unit_ready(struct scsi_cmd *cmd);
int spc_request_sense(struct scsi_cmd *cmd, struct cursor *out);
int spc_report_target_port_groups(struct scsi_cmd *cmd, struct cursor *out);
int spc_set_target_port_groups(struct scsi_cmd *cmd);
int spc_set_target_port_groups_list(struct scsi_cmd *cmd);
int spc_persistent_reserve_in(struct scsi_cmd *cmd);
int spc_report_pr_capabilities(struct scsi_cmd *cmd, struct cursor *out);
int spc_persistent_reserve_out(struct scsi_cmd *cmd);
int spc_reserve(struct scsi_cmd *cmd);
int spc_release(struct scsi_cmd *cmd);
int spc_report_luns(struct scsi_cmd *cmd, struct cursor *out);
int spc_inquiry(struct scsi_cmd *cmd, struct cursor *out);
int spc_mode_sense(struct scsi_cmd *cmd, struct cursor *out);
int spc_mode_select(struct scsi_cmd *cmd);
int spc_mode_select_list(struct scsi_cmd *cmd);
int spc_report_timestamp(struct scsi_cmd *cmd, struct cursor *out);
int spc_set_timestamp(struct scsi_cmd *cmd);
int spc_set_timestamp_list(struct scsi_cmd *cmd);
int spc_report_identifying(struct scsi_cmd *cmd, struct cursor *out);
int spc_set_identifying(struct scsi_cmd *cmd);
int spc_set_identifying_list(struct scsi_cmd *cmd);
int spc_send_diagnostic(struct scsi_cmd *cmd);
struct sense;
/* The I/O of a self-test has failed at LBA with FOUND. */
int self_test_failed(struct scsi_cmd *cmd, uint64_t lba, const struct sense *found);
int spc_send_diagnostic_list(struct scsi_cmd *cmd);
int spc_receive_diagnostic(struct scsi_cmd *cmd, struct cursor *out);
int spc_read_buffer(struct scsi_cmd *cmd, struct cursor *out);
int spc_write_buffer(struct scsi_cmd *cmd);
int spc_write_buffer_list(struct scsi_cmd *cmd);
int spc_log_select(struct scsi_cmd *cmd);
int spc_log_select_list(struct scsi_cmd *cmd);
int spc_log_sense(struct scsi_cmd *cmd, struct cursor *out);
int spc_report_opcodes(struct scsi_cmd *cmd, struct cursor *out);
int spc_report_tmfs(struct scsi_cmd *cmd, struct cursor *out);

int vpd_page(struct scsi_cmd *cmd, uint8_t page, struct cursor *out);

int sbc_read_capacity_10(struct scsi_cmd *cmd, struct cursor *out);
int sbc_read_capacity_16(struct scsi_cmd *cmd, struct cursor *out);
int sbc_start_stop_unit(struct scsi_cmd *cmd);
int sbc_prevent_allow(struct scsi_cmd *cmd);
int sbc_synchronize_cache(struct scsi_cmd *cmd);
int sbc_read(struct scsi_cmd *cmd);
int sbc_write(struct scsi_cmd *cmd);
int sbc_verify(struct scsi_cmd *cmd);
int sbc_write_and_verify(struct scsi_cmd *cmd);
int sbc_unmap(struct scsi_cmd *cmd);
int sbc_write_same(struct scsi_cmd *cmd);
int sbc_compare_and_write(struct scsi_cmd *cmd);
int sbc_get_lba_status(struct scsi_cmd *cmd);
int sbc_report_referrals(struct scsi_cmd *cmd, struct cursor *out);
int sbc_pre_fetch(struct scsi_cmd *cmd);
int sbc_read_defect_data_10(struct scsi_cmd *cmd, struct cursor *out);
int sbc_read_defect_data_12(struct scsi_cmd *cmd, struct cursor *out);
int sbc_sanitize_overwrite(struct scsi_cmd *cmd);
int sbc_sanitize_block_erase(struct scsi_cmd *cmd);
int sbc_sanitize_exit_failure(struct scsi_cmd *cmd);
int sbc_format_unit(struct scsi_cmd *cmd);
int sbc_orwrite(struct scsi_cmd *cmd);
int sbc_write_atomic(struct scsi_cmd *cmd);

/* Whether such a DEFECT LIST FORMAT exists, and can thus tell that there are none. */
bool sbc_is_defect_format(uint8_t format);

/* Reads LBA and number of blocks out of the CDB into CMD; false when beyond the medium (sense set). */
bool sbc_range(struct scsi_cmd *cmd);
/* The same where the CDB is laid out differently. */
bool sbc_check_range(struct scsi_cmd *cmd, uint64_t lba, uint64_t blocks);
/* The same for COMPARE AND WRITE, WRITE ATOMIC(16) and WRITE SAME: false (sense set) beyond their limits, too. */
bool sbc_compare_range(struct scsi_cmd *cmd);
bool sbc_atomic_range(struct scsi_cmd *cmd);
bool sbc_same_range(struct scsi_cmd *cmd);
/* The same for commands that move their blocks: false also beyond the maximum transfer length. */
bool sbc_transfer_range(struct scsi_cmd *cmd);

/*
 * The CDB byte with RDPROTECT or WRPROTECT, DPO, FUA, BYTCHK, UNMAP and the like. (In
 * CDBs of 6 bytes there is none: byte 1 is a part of the LBA.)
 */
static inline uint8_t cmd_options_at(const struct scsi_cmd *cmd)
{
	return cmd->op->cdb_length == 32 ? 10 : 1;
}

static inline uint8_t cmd_options(const struct scsi_cmd *cmd)
{
	return cmd->cdb[cmd_options_at(cmd)];
}

static inline uint32_t cmd_bytes_wanted(const struct scsi_cmd *cmd)
{
	return cmd->reads ? cmd->data_in_wanted : 0;
}

static inline uint32_t cmd_bytes_offered(const struct scsi_cmd *cmd)
{
	return cmd->writes ? cmd->data_out_available : 0;
}

#endif
