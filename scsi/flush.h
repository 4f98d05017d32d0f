/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flushing behind a command's back: SYNCHRONIZE CACHE with IMMED is answered
 * before its data is safe. What goes wrong then is a deferred error: it ends the
 * next command of the same I_T nexus. SBC-4 section 5.33, SPC-5 section 4.4.5.
 */
#ifndef PINION_SCSI_FLUSH_H
#define PINION_SCSI_FLUSH_H

#include "scsi/scsi.h"
#include "scsi/sense.h"

/* A step of CMD: begins to flush, and is done unless that is not to be had. */
int flush_behind(struct scsi_cmd *cmd);
/* The deferred error of LU that ATTENTION_DEFERRED_ERROR is about. */
struct sense flush_deferred_sense(const struct scsi_lu *lu);

#endif
