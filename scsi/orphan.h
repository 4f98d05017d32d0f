/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands that outlive their I_T nexus, because a store neither ends nor cancels
 * them. Another nexus of the same initiator port need not wait for their end, but
 * a write of the past could then overtake one of its own: it is told BUSY by a
 * logical unit at which the past still writes, and by that one alone. The same goes for
 * what copy operations have under way, which may have no command any more.
 */
#ifndef PINION_SCSI_ORPHAN_H
#define PINION_SCSI_ORPHAN_H

#include <stdbool.h>

#include "scsi/lu.h"

/* SET, whose nexus is lost, still has commands: it is entered where they may write. On its reactor. */
void orphan_enter(struct nexus_lu *set);
/* Its commands have ended; harmless where it was not entered. */
void orphan_leave(struct nexus_lu *set);
/*
 * The same of any other writer to LU: ORPHAN, its link initialized, with the name of the
 * initiator port, which lasts as long as it is entered. REMOVE is harmless where it is not.
 */
void orphan_add(struct scsi_lu *lu, struct orphan *orphan);
void orphan_remove(struct scsi_lu *lu, struct orphan *orphan);
/* Whether the past of SET's initiator port still writes. Takes a lock. */
bool orphan_is_there(const struct nexus_lu *set);

#endif
