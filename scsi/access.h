/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a nexus may do at a logical unit, as reservations and the state of its port
 * have it. The gate asks before every command and must not pay for it: each nexus
 * keeps its own verdict and the count of changes for which it holds; a change (under
 * lu->control) counts on, and whoever sees that judges anew.
 *
 * A verdict is a set of permits that a command now needs; the rows of the command table say
 * which each one has. One that says nothing has none, and is refused whenever in doubt.
 */
#ifndef PINION_SCSI_ACCESS_H
#define PINION_SCSI_ACCESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct scsi_cmd;
struct scsi_lu;
struct scsi_nexus;

/* Rows' permits: the command is allowed although another nexus has ... */
#define PERMIT_WRITE_EXCLUSIVE  0x01u /* a persistent reservation of a write exclusive type */
#define PERMIT_EXCLUSIVE_ACCESS 0x02u /* or of an exclusive access type; SPC-5 section 5.13.1 */
#define PERMIT_RESERVED         0x04u /* reserved by RESERVE; SPC-2 section 5.5.1 */

/* or the port through which it came is in such a state (SPC-5 section 5.17.2) */
#define PERMIT_STANDBY          0x08u
#define PERMIT_UNAVAILABLE      0x10u
#define PERMIT_TRANSITION       0x20u

/* or what was kept of its reservations is lost (SPC-5 section 5.13.5.3) */
#define PERMIT_LOST             0x40u

#define PERMITS_OF_RESERVATIONS 0x07u

/* Of a logical unit; under its control lock but for the count. */
struct access_source {
	_Atomic uint32_t changes;
	struct list present; /* views of all nexuses that are there */
};

/* Of a logical unit as one nexus knows it. */
struct access_view {
	struct list_node link; /* of the source */
	const struct scsi_nexus *nexus;
	/* of the nexus's reactor */
	uint32_t changes_seen;
	uint8_t needed; /* permits */
};

void access_init(struct access_source *source);
void access_join(struct scsi_lu *lu, struct access_view *view, const struct scsi_nexus *nexus);
/* I_T nexus loss. */
void access_leave(struct scsi_lu *lu, struct access_view *view);
/* What a verdict depends on has changed; with the control lock. */
void access_changed(struct scsi_lu *lu);
/* Slow half of access_needs. */
void access_judge(struct scsi_lu *lu, struct access_view *view);
/* The permits that a command needs now; SOURCE is LU's. On the nexus's reactor. */
static inline uint8_t access_needs(struct access_view *view, struct access_source *source,
				   struct scsi_lu *lu)
{
	uint32_t changes = atomic_load_explicit(&source->changes, memory_order_acquire);

	if (__builtin_expect(changes != view->changes_seen, 0))
		access_judge(lu, view);
	return view->needed;
}
/* Whether CMD is one that is allowed all the same, for what its CDB says: its row's exemption. */
bool access_is_exempt(const struct scsi_cmd *cmd);

#endif
