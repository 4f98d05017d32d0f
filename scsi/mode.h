/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mode pages: a table of them with what is changeable, the values that each
 * logical unit has, and the few bits of those on which commands depend. SPC-5
 * section 7.5, SBC-4 section 6.5.
 *
 * The values are shared by all nexuses and lie under lu->control. The bits are
 * made from them and are one word that the data path reads.
 */
#ifndef PINION_SCSI_MODE_H
#define PINION_SCSI_MODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scsi_lu;

/* lu->mode_bits */
#define MODE_WRITE_THROUGH    0x0001u /* WCE is zero though the store has a volatile cache */
#define MODE_WRITE_PROTECT    0x0002u /* SWP */
#define MODE_DESCRIPTOR_SENSE 0x0004u /* D_SENSE */
#define MODE_ABORTED_STATUS   0x0008u /* TAS */
#define MODE_QERR             0x0030u /* QERR << 4 */
#define MODE_KEEP_ATTENTION   0x0040u /* UA_INTLCK_CTRL 10b or 11b: only REQUEST SENSE clears it */
#define MODE_STATUS_ATTENTION \
	0x0080u /* UA_INTLCK_CTRL 11b: a refusal for lack of room is told again */

#define MODE_ATO   0x0100u /* application tags are the initiators' */
#define MODE_ATMPE 0x0200u /* and the mode page tells them */

#define MODE_PAGES_MAX 16
#define MODE_BODY_MAX  204

/* The bodies of all pages, in the order of the table. */
struct mode_values {
	uint8_t body[MODE_PAGES_MAX][MODE_BODY_MAX];
};

struct mode_state {
	struct mode_values current;
	struct mode_values saved; /* the defaults, as long as nothing has been saved */
	/* Saves are told of on the reactors that asked, in any order: the last one asked for counts. */
	uint32_t saves; /* asked for */
	uint32_t saved_by; /* the one that `saved` is from */
};

struct mode_page {
	uint8_t code;
	uint8_t subpage; /* 0: the page has the short header */
	uint16_t length; /* of the body */
	uint8_t unit; /* not 0: so many bytes come again and again; only once in the table */
	uint8_t body[MODE_BODY_MAX]; /* default values */
	uint8_t changeable[MODE_BODY_MAX];
	/* Whether LU has it at all. Optional. */
	bool (*is_known)(const struct scsi_lu *lu);
	/* Puts in what depends on the logical unit. Optional. */
	void (*patch)(const struct scsi_lu *lu, uint8_t *body, uint8_t *changeable);
	/*
	 * The byte of BODY whose value means nothing to LU, with *BIT, or -1: all do. LU is NULL
	 * for what has been kept, when it was perhaps smaller. Optional.
	 */
	int (*check)(const struct scsi_lu *lu, const uint8_t *body, uint8_t *bit);
};

extern const struct mode_page mode_pages[];
extern const unsigned mode_page_count;

/* Where byte AT of PAGE's body is in the table. */
static inline unsigned mode_page_at(const struct mode_page *page, unsigned at)
{
	unsigned head = page->unit != 0 ? page->length % page->unit : page->length;

	return at < head ? at : head + (at - head) % page->unit;
}

/* Whether LU has page INDEX. */
bool mode_page_is_known(const struct scsi_lu *lu, unsigned index);
/* The default values of page INDEX and the mask of those that can be changed. */
void mode_page_get(const struct scsi_lu *lu, unsigned index, uint8_t body[MODE_BODY_MAX],
		   uint8_t changeable[MODE_BODY_MAX]);

/* A new logical unit gets what was saved, else the defaults. May block. */
void mode_init(struct scsi_lu *lu);
/* A reset: current values become the saved ones. Any thread. */
void mode_reset(struct scsi_lu *lu);
/* Current values have changed; with lu->control held. */
void mode_apply(struct scsi_lu *lu);

/* What is given to the keeper: bytes used of BLOB. */
#define MODE_BLOB_MAX (1 + MODE_PAGES_MAX * (3 + MODE_BODY_MAX))
size_t mode_encode(const struct mode_values *values, uint8_t blob[MODE_BLOB_MAX]);

#endif
