/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keeper of logical units' state as files of one directory, each written by
 * a thread of its own to a temporary name, synced and renamed: after a crash
 * there is the former blob or the new one, never half of one. scsi/keeper.h.
 */
#ifndef PINION_DAEMON_KEEPER_H
#define PINION_DAEMON_KEEPER_H

#include "scsi/keeper.h"

/*
 * Makes DIRECTORY if it is not there, tries whether it can be written, locks it against other
 * daemons and starts the thread. 0, or a negative errno with one line in ERROR.
 */
int keeper_create(const char *directory, struct keeper **out, char *error, size_t error_size);

/* What has been asked for is written first. The reactors have stopped; NULL does nothing. */
void keeper_destroy(struct keeper *keeper);

#endif
