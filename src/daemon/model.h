/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is served: stores, logical units, targets, the iSCSI node and its
 * portals, built from one configuration. A model is a transaction: it is built
 * aside and whole or not at all, then it serves, then it is drained and taken
 * down; nothing outside refers to its parts, so that one could follow another.
 */
#ifndef PINION_DAEMON_MODEL_H
#define PINION_DAEMON_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/config.h"
#include "daemon/machine.h"

struct model;

/*
 * Opens the stores, builds the targets and listens on the portals of CONFIG, on
 * MACHINE's reactors, which do not run yet. CONFIG is not referred to afterwards. May
 * block. 0, or a negative errno with one line in ERROR and nothing left behind.
 */
int model_build(struct machine *machine, const struct config *config, struct model **out,
		char *error, size_t error_size);

/* The node, for status reports; as long as the model lives. */
struct iscsi_node *model_node(const struct model *model);

/* Looks whether anything that is served has grown. The control thread; may block for a moment. */
void model_measure(const struct model *model);

/* The target called NAME, or NULL; as long as the model lives. */
struct scsi_target *model_target(const struct model *model, const char *name);

/*
 * Ends every session, within GRACE_MS, and calls DONE once, on reactor 0. Once,
 * while the reactors run.
 */
void model_shutdown(struct model *model, unsigned grace_ms, void (*done)(void *context),
		    void *context);

/*
 * Ends what still goes on behind the sessions, which have ended. While the reactors run, or when
 * they never did. Blocks. Harmless on NULL.
 */
void model_settle(struct model *model);

/*
 * Closes everything, data flushed. The reactors have stopped, or never ran. May block.
 */
void model_destroy(struct model *model);

#endif
