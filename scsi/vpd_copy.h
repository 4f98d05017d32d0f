/* SPDX-License-Identifier: BSD-2-Clause */
/* VPD page 8Fh, for the table of pages in vpd.c. */
#ifndef PINION_SCSI_VPD_COPY_H
#define PINION_SCSI_VPD_COPY_H

#include "scsi/command.h"

void vpd_third_party_copy(struct scsi_cmd *cmd, struct cursor *out);

#endif
