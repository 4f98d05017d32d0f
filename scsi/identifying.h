/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Identifying information: what initiators write onto a logical unit to know it
 * by. SPC-5 section 5.6.
 */
#ifndef PINION_SCSI_IDENTIFYING_H
#define PINION_SCSI_IDENTIFYING_H

#include <stdint.h>

#define IDENTIFYING_MAX       256 /* bytes of the text */
#define IDENTIFYING_PLAIN_MAX 64 /* and of what is not text */

enum { IDENTIFYING_PLAIN, IDENTIFYING_TEXT, IDENTIFYING_COUNT };

/* Under lu->control. */
struct identifying {
	struct {
		uint16_t length;
		uint8_t bytes[IDENTIFYING_MAX];
	} of[IDENTIFYING_COUNT];
};

struct scsi_lu;

/* Brings back what was kept. May block. */
void identifying_init(struct scsi_lu *lu);

#endif
