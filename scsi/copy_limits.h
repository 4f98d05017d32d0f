/* SPDX-License-Identifier: BSD-2-Clause */
/* What the copy manager says of its limits in several places. */
#ifndef PINION_SCSI_COPY_LIMITS_H
#define PINION_SCSI_COPY_LIMITS_H

/* MAXIMUM SEGMENT LENGTH, bytes: the most that a segment can count, in blocks of the smallest size. */
#define COPY_SEGMENT_BYTES_MAX 0xfffffe00u
/* DATA SEGMENT GRANULARITY, a power of two of bytes */
#define COPY_GRANULARITY 9

#endif
