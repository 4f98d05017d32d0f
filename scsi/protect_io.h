/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Within protect.c and its like: checks of protection information, and the memory of
 * commands that move it. SBC-4 section 4.21.
 *
 * On the wire every block has 8 bytes behind it; the store (store_protect_open) takes all blocks
 * first and then all of that. So the memory of such a command is what is on the wire and, behind
 * it, aligned, what the store gets.
 */
#ifndef PINION_SCSI_PROTECT_IO_H
#define PINION_SCSI_PROTECT_IO_H

#include "scsi/command.h"

#define PROTECT_FUA       0x08 /* of the options byte */
#define PROTECT_PIECE     (256u * 1024u) /* bytes at a time, a multiple of every block size */
#define PROTECT_BLOCK_MAX 4096u

/* RDPROTECT, WRPROTECT, VRPROTECT or ORPROTECT. */
static inline unsigned protect_of(const struct scsi_cmd *cmd)
{
	return cmd_options(cmd) >> 5;
}

static inline unsigned protect_bytchk(const struct scsi_cmd *cmd)
{
	return cmd_options(cmd) >> 1 & 3;
}

/* --- checks; protect_check.c --- */

/* What is looked at, and what is known of it. */
struct protect_check {
	bool guard, application, reference;
	/* An application tag is known to be TAG in the bits of MASK, or by TAGS. */
	bool is_in_cdb;
	uint16_t tag, mask;
	struct store_tags tags;
};

/* What the tables have for protection information from the medium, and from the initiator ... */
struct protect_check protect_check_medium(const struct scsi_cmd *cmd);
struct protect_check protect_check_received(const struct scsi_cmd *cmd);
/* ... and for the comparison of both. */
struct protect_check protect_check_compared(const struct scsi_cmd *cmd);

/* The application tag that CHECK knows of block LBA; false: none. */
bool protect_check_tag(const struct protect_check *check, uint64_t lba, uint16_t *tag);
/* PI, which belongs to the block LBA at byte AT of DATA: 0, or -1 with sense. */
int protect_check_block(struct scsi_cmd *cmd, const struct protect_check *check,
			const struct extents *data, uint32_t at, const struct store_pi *pi,
			uint64_t lba);
/* The medium's and the initiator's of block LBA: 0, or -1 with sense (MISCOMPARE). */
int protect_compare(struct scsi_cmd *cmd, const struct protect_check *check,
		    const struct store_pi *medium, const struct store_pi *received, uint64_t lba);
/* The first block that the CDB names. */
uint64_t protect_first(const struct scsi_cmd *cmd);

/* --- memory and I/O; protect_io.c --- */

/* Bytes of a block on the wire (where the command's code is 0, without 8 more). */
uint32_t protect_wire_block(const struct scsi_cmd *cmd);
/* Of so many. */
uint32_t protect_wire(const struct scsi_cmd *cmd, uint64_t blocks);
/* cmd->scratch becomes what the store gets: BLOCKS and what belongs to them, behind WIRE bytes of the wire. */
void protect_view(struct scsi_cmd *cmd, uint32_t wire, uint32_t blocks);
/* So many bytes must cmd->data have for that. */
uint32_t protect_memory(const struct scsi_cmd *cmd, uint32_t wire, uint32_t blocks);

/* That of block INDEX of BLOCKS in cmd->scratch. */
struct store_pi protect_get(const struct scsi_cmd *cmd, uint32_t blocks, uint32_t index);
void protect_put(struct scsi_cmd *cmd, uint32_t blocks, uint32_t index, const struct store_pi *pi);
/* That behind the block at byte AT of cmd->data. */
struct store_pi protect_received(const struct scsi_cmd *cmd, uint32_t at);
void protect_copy(struct scsi_cmd *cmd, struct extents *to, uint32_t to_at,
		  const struct extents *from, uint32_t from_at, uint32_t length);

/* The BLOCKS at LBA in cmd->scratch, which have been read. 0, or -1 with sense. */
int protect_check_scratch(struct scsi_cmd *cmd, uint64_t lba, uint32_t blocks);
/* The BLOCKS for LBA and on that lie at byte AT of cmd->data. 0, or -1 with sense. */
int protect_check_data(struct scsi_cmd *cmd, uint32_t at, uint64_t lba, uint32_t blocks);
/* Those, from byte AT on, are copied to cmd->scratch. */
void protect_take(struct scsi_cmd *cmd, uint32_t at, uint32_t blocks);

/* Reads or writes BLOCKS at LBA with what belongs to them, from or into cmd->scratch. */
int protect_submit(struct scsi_cmd *cmd, enum store_op op, uint64_t lba, uint32_t blocks,
		   unsigned flags, int (*next)(struct scsi_cmd *cmd));
/*
 * How much data comes: BYTES, or as many whole blocks as the initiator has. False when the command
 * ends here: nothing comes, or (sense set) a part of a block.
 */
bool protect_expect(struct scsi_cmd *cmd, uint32_t bytes);

/* --- commands that change what is there already; protect_change.c --- */

int protect_compare_and_write(struct scsi_cmd *cmd);
int protect_orwrite(struct scsi_cmd *cmd);
int protect_write_atomic(struct scsi_cmd *cmd);
int protect_write_same(struct scsi_cmd *cmd);

#endif
