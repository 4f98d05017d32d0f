/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ROD tokens: names for the data that some blocks had when the token was made.
 * SPC-5 section 5.19.6, SBC-4 section 4.29.
 *
 * All are of the type "point in time copy, change vulnerable": nothing is copied when
 * a token is made, and whoever changes one of its blocks cancels it first. A reader
 * that finds the token still valid *after* it has read therefore has the old data. The
 * data path asks one word of the logical unit, which is 0 while it has no tokens; that
 * nobody is between asking and writing when a token comes to be, its maker sees to
 * by a lock on the range.
 *
 * A token is known to all reactors; the domain's mutex guards the list.
 */
#ifndef PINION_SCSI_ODX_TOKEN_H
#define PINION_SCSI_ODX_TOKEN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/cursor.h"

struct scsi_copy_domain;
struct scsi_lu;

#define ODX_TOKEN_LENGTH      512u
#define ODX_MANAGEMENT_LENGTH 96u /* of it, in REPORT ALL ROD TOKENS */
#define ODX_TOKENS_MAX        64u /* of one domain */
#define ODX_RANGES_MAX        64u /* MAXIMUM RANGE DESCRIPTORS */
#define ODX_BYTES_MAX \
	(UINT64_C(4) << 30) /* that one token stands for, or that one command writes */
#define ODX_BYTES_OPTIMAL   (UINT64_C(64) << 20)
#define ODX_TIMEOUT_DEFAULT 60u /* seconds without use */
#define ODX_TIMEOUT_MAX     3600u

/* ROD types; SPC-5 table 116. */
#define ODX_TYPE_DEFAULT           0x00800000u /* point in time, whichever we make */
#define ODX_TYPE_CHANGE_VULNERABLE 0x00800001u
#define ODX_TYPE_ANY               0x0080ffffu
#define ODX_TYPE_ZERO              0xffff0001u

struct odx_range {
	uint64_t lba;
	uint64_t blocks; /* not 0 */
};

enum odx_state { ODX_VALID, ODX_CANCELLED, ODX_EXPIRED, ODX_DELETED };

struct odx_token {
	struct list_node link; /* of the domain */
	struct scsi_lu *lu;
	_Atomic int state; /* enum odx_state */
	unsigned users; /* operations that read by it */
	uint64_t used_ns;
	uint32_t timeout_s;
	uint64_t first, end; /* blocks: all ranges are within */
	uint64_t blocks; /* of all ranges */
	unsigned count;
	struct odx_range range[ODX_RANGES_MAX];
	uint8_t bytes[ODX_TOKEN_LENGTH];
};

/* What a token is to be of. */
struct odx_order {
	struct scsi_lu *lu;
	const char *device; /* name of the target that has LU */
	const struct odx_range *range;
	unsigned count;
	uint32_t timeout_s;
};

/*
 * Makes a token and writes it to OUT. Nobody may be writing to its ranges: the caller has
 * all from the first to the last block locked. 0, -ENOMEM, or -ENOSPC when there are too many.
 */
int odx_token_create(const struct odx_order *order, uint64_t now_ns, uint8_t out[ODX_TOKEN_LENGTH]);

/* Finds the token BYTES and keeps it from vanishing: 0, or why not as ASC << 8 | ASCQ. */
uint16_t odx_token_take(struct scsi_copy_domain *domain, const uint8_t bytes[ODX_TOKEN_LENGTH],
			uint64_t now_ns, struct odx_token **out);
/* Gives it back; with DELETES it is good for nobody any more. */
void odx_token_give(struct odx_token *token, uint64_t now_ns, bool deletes);

static inline bool odx_token_is_valid(const struct odx_token *token)
{
	/* What the reader has read comes before this. */
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&token->state, memory_order_relaxed) == ODX_VALID;
}

/* Slow half of odx_changing in command.h: BLOCKS at LBA of LU are about to change. */
void odx_cancel(struct scsi_lu *lu, uint64_t lba, uint64_t blocks, uint64_t now_ns);

/* Writes the first ODX_MANAGEMENT_LENGTH bytes of all valid tokens of LU. */
void odx_token_report(struct scsi_lu *lu, uint64_t now_ns, struct cursor *out);

/* LU is being destroyed. */
void odx_lu_gone(struct scsi_lu *lu);

#endif
