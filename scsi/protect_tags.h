/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Application Tag mode page, 0Ah/02h: what initiators let us know of their application
 * tags. SBC-4 section 6.5.3. (0Ah/05h is another one, of hints that we do not take.)
 */
#ifndef PINION_SCSI_PROTECT_TAGS_H
#define PINION_SCSI_PROTECT_TAGS_H

#include <stdint.h>

struct scsi_lu;

#define PROTECT_TAGS_MAX        8 /* descriptors */
#define PROTECT_TAGS_HEADER     12 /* bytes of the body before them */
#define PROTECT_TAGS_DESCRIPTOR 24
#define PROTECT_TAGS_BYTES      (PROTECT_TAGS_HEADER + PROTECT_TAGS_MAX * PROTECT_TAGS_DESCRIPTOR)

/* The mask of a body's changeable bits. */
void protect_tags_changeable(uint8_t *mask);
/* As struct mode_page has it. */
int protect_tags_check(const struct scsi_lu *lu, const uint8_t *body, uint8_t *bit);
/* LU's store learns what BITS, of mode.h, and BODY say. */
void protect_tags_apply(struct scsi_lu *lu, uint32_t bits, const uint8_t *body);

#endif
