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
 * MAXIMUM WRITE SAME LENGTH, in bytes: a block that is not zero must be written as often,
 * which shall be done before an initiator loses patience.
 */
#define WRITE_SAME_BYTES_MAX (UINT64_C(1) << 30)
#define COMPARE_AND_WRITE_BLOCKS_MAX \
	255u /* MAXIMUM COMPARE AND WRITE LENGTH: one byte in the CDB */

#endif
