/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asynchronous event reporting (SAM-2 section 5.9.5; later editions leave it to the
 * transport): a port that wishes hears of unit attention conditions that others, or the
 * medium, have established for its nexus, when they are and not by the next command.
 *
 * Such a condition stays pending all the same: SAM-5 section 5.14 knows only commands that
 * clear one, and nobody knows whether the initiator has understood.
 */
#ifndef PINION_SCSI_EVENT_H
#define PINION_SCSI_EVENT_H

#include <stdbool.h>

#include "scsi/attention.h"
#include "sys/reactor.h"

struct scsi_nexus;

/* Of one nexus: carries news from any thread to its reactor. It may outlive the nexus. */
struct event_teller {
	struct message message;
	_Atomic bool is_under_way;
	struct reactor *reactor;
	struct scsi_nexus *nexus; /* NULL once it is gone; the reactor's */
};

/* NULL when memory is short. */
struct event_teller *event_teller_create(struct scsi_nexus *nexus, struct reactor *reactor);
/* On the reactor, when the nexus has left all its logical units. TELLER may be NULL. */
void event_teller_close(struct event_teller *teller);

/*
 * The condition ATTENTION has just been established for the nexus of STATE, and was not
 * pending. From any thread, with the lock of the source of STATE held.
 */
void event_raised(struct attention_state *state, enum attention attention);

#endif
