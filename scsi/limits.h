/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much a single command may change without moving data: as the block limits
 * page says and the commands check.
 */
#ifndef PINION_SCSI_LIMITS_H
#define PINION_SCSI_LIMITS_H

#define UNMAP_BLOCKS_MAX      (1024u * 1024u) /* MAXIMUM UNMAP LBA COUNT */
#define UNMAP_DESCRIPTORS_MAX 255 /* what fits in one extent of the smallest size */
#define WRITE_SAME_BLOCKS_MAX (1024u * 1024u) /* MAXIMUM WRITE SAME LENGTH */

#endif
