/* SPDX-License-Identifier: BSD-2-Clause */
/* Service actions of THIRD-PARTY COPY OUT and IN, for optable.c. */
#ifndef PINION_SCSI_OPTABLE_COPY_H
#define PINION_SCSI_OPTABLE_COPY_H

#include "scsi/command.h"

#define COPY_OUT_OPS 5
#define COPY_IN_OPS  6

extern const struct scsi_op copy_out_ops[COPY_OUT_OPS];
extern const struct scsi_op copy_in_ops[COPY_IN_OPS];

#endif
