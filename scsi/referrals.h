/* SPDX-License-Identifier: BSD-2-Clause */
/* Referrals; see referrals.c. */
#ifndef PINION_SCSI_REFERRALS_H
#define PINION_SCSI_REFERRALS_H

#include <stdbool.h>

#include "base/cursor.h"

struct scsi_cmd;
struct scsi_lu;

/* Whether LU tells of target port groups by blocks. */
bool referrals_are_known(const struct scsi_lu *lu);
/* The Referrals VPD page of CMD's logical unit, behind its header. */
void referrals_put_page(struct scsi_cmd *cmd, struct cursor *out);

#endif
