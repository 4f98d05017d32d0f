/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much a single command may change without moving data: as the block limits
 * page says and the commands check.
 */
#ifndef PINION_SCSI_LIMITS_H
#define PINION_SCSI_LIMITS_H

#define UNMAP_BLOCKS_MAX      (1024u * 1024u) /* MAXIMUM UNMAP LBA COUNT */
#define UNMAP_DESCRIPTORS_MAX 255 /* what fits in one extent of the smallest size */
/*
 * MAXIMUM WRITE SAME LENGTH: a block that is not zero must be written as often. From 65536
 * on, libiscsi's WriteSame16.Unmap writes as many blocks with one WRITE, whatever its limit.
 */
#define WRITE_SAME_BLOCKS_MAX 32768u
#define COMPARE_AND_WRITE_BLOCKS_MAX \
	255u /* MAXIMUM COMPARE AND WRITE LENGTH: one byte in the CDB */

#endif
