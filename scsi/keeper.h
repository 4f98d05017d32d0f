/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keeper: named pieces of a logical unit's state ("blobs") that must still
 * be there after a power failure. What stands behind it is the daemon's; the
 * device server only loads when it starts, and saves.
 */
#ifndef PINION_SCSI_KEEPER_H
#define PINION_SCSI_KEEPER_H

#include <stddef.h>
#include <sys/types.h>

#include "base/list.h"
#include "sys/reactor.h"

#define KEEPER_NAME_MAX 80 /* characters: lower case letters, digits and '-' */
#define KEEPER_BLOB_MAX (256u * 1024u) /* bytes */

/* A blob on its way. */
struct keeper_save {
	/* --- the asker's, unchanged until DONE --- */
	char name[KEEPER_NAME_MAX + 1];
	const void *data;
	size_t length; /* 0: the blob is to be removed */
	struct reactor *reactor; /* that asks */
	void (*done)(struct keeper_save *save); /* on that reactor, never from inside the call */
	/* --- the keeper's --- */
	int err; /* 0, or the negative errno for which the blob may be the former one */
	struct message message;
	struct list_node link;
};

struct keeper;

struct keeper_ops {
	/*
	 * Reads the blob NAME, of at most SIZE bytes, into DATA. Before the reactors run; may
	 * block. Its bytes; -ENOENT where there is none; -EBADMSG where it was damaged (the
	 * keeper has said so in the log and set it aside).
	 */
	ssize_t (*load)(struct keeper *keeper, const char *name, void *data, size_t size);
	/*
	 * Saves: DONE means that it is on the medium. Only queues, from any thread, and may thus
	 * be called with a lock held. Blobs of one name are saved in the order of the calls.
	 */
	void (*save)(struct keeper *keeper, struct keeper_save *save);
};

/* Embedded at the head of whatever keeps. */
struct keeper {
	const struct keeper_ops *ops;
};

#endif
