/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the daemon runs on for as long as it lives: CPUs, memory, reactors. A
 * model (model.h) is what it serves, and could be exchanged while these run.
 */
#ifndef PINION_DAEMON_MACHINE_H
#define PINION_DAEMON_MACHINE_H

#include <stddef.h>

#include "daemon/config.h"
#include "daemon/notes.h"
#include "scsi/keeper.h"
#include "sys/topology.h"

struct machine {
	struct topology topology; /* restricted to the reactors' CPUs */
	struct memory *memory;
	struct reactor **reactors;
	unsigned reactor_count;
	struct iser *iser; /* NULL: not asked for, or not to be had */
	struct keeper *keeper; /* NULL: nothing is kept */
	struct notes *notes;
};

/*
 * Makes a reactor for each core of the performance settings, its memory at hand but
 * its thread not running. NOTES, the caller's, is told of every fallback. 0, or a
 * negative errno with one line in ERROR.
 */
int machine_create(const struct config *config, struct notes *notes, struct machine **out,
		   char *error, size_t error_size);

/*
 * Opens the RDMA devices, once, for portals with iSER; the reactors do not run yet. Where
 * that cannot be, machine->iser stays NULL and NOTES is told why.
 */
void machine_open_iser(struct machine *machine, const struct config *config);

/*
 * Starts the threads and waits until each has run a turn of its loop. After a
 * failure none runs.
 */
int machine_start(struct machine *machine, char *error, size_t error_size);

/*
 * Notes what the reactors and all memory, that of the stores too, had to do
 * without. Once the reactors run.
 */
void machine_note_fallbacks(struct machine *machine, const struct config *config);

/* Ends the threads and waits for them; harmless when none runs. */
void machine_stop(struct machine *machine);

/* Stopped, and everything that used a reactor or its memory is gone. */
void machine_destroy(struct machine *machine);

/* Writes a line for each reactor and for each note to the log. */
void machine_log(const struct machine *machine);

#endif
