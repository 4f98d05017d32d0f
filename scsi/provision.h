/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much space is left behind a thin logical unit, asked of the store every few
 * seconds: the soft threshold, of which every I_T nexus hears once when it is
 * reached, and what the pages tell. SBC-4 section 4.7.3.8.
 */
#ifndef PINION_SCSI_PROVISION_H
#define PINION_SCSI_PROVISION_H

#include <stdbool.h>
#include <stdint.h>

#include "scsi/lu.h"

/* THRESHOLD EXPONENT: blocks of a threshold set (1 MiB) as a power of two, 0: no threshold. */
uint8_t provision_exponent(const struct scsi_lu *lu);
/* Bytes left at which the threshold is reached; 0: none. */
uint64_t provision_threshold(const struct scsi_lu *lu);
/* What was found last: bytes that the logical unit has and may get. False when it is not known. */
bool provision_get(const struct scsi_lu *lu, uint64_t *used, uint64_t *available);

/* --- of the logical unit --- */

/* Where THRESHOLD is 0 nothing is said when space gets short. 0 or -ENOMEM. May block. */
int provision_create(struct scsi_lu *lu, uint64_t threshold);
/* A nexus has come, on REACTOR, whose thread this is: there it is asked from now on, unless it is already. */
void provision_start(struct scsi_lu *lu, struct reactor *reactor);
/* Ends that; counts in lu->background until it has. Any thread. */
void provision_stop(struct scsi_lu *lu);
/* The reactors have stopped. */
void provision_destroy(struct scsi_lu *lu);

#endif
