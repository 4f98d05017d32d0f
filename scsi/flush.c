/* SPDX-License-Identifier: BSD-2-Clause */
/* Flushing behind a command's back; see flush.h. */
#include "scsi/flush.h"

#include <stdlib.h>

#include "scsi/command.h"
#include "scsi/lu.h"

enum { BEHIND_MAX = 16 }; /* of one logical unit at a time; the others are waited for */

struct flush {
	struct store_io io;
	struct scsi_lu *lu;
	uint64_t nexus; /* its number: it may have gone */
	bool is_submitting;
	bool is_done;
	int err;
};

static void release(struct flush *flush)
{
	struct scsi_lu *lu = flush->lu;

	free(flush);
	atomic_fetch_sub_explicit(&lu->background, 1, memory_order_release);
}

static bool has_asked(const void *context, const struct scsi_nexus *nexus)
{
	return nexus->number == *(const uint64_t *)context;
}

static void flushed(struct store_io *io, int err)
{
	struct flush *flush = container_of(io, struct flush, io);
	struct scsi_lu *lu = flush->lu;

	flush->is_done = true;
	flush->err = err;
	if (flush->is_submitting)
		return;
	if (err < 0) {
		atomic_store_explicit(&lu->deferred_error, err, memory_order_relaxed);
		attention_raise_if(&lu->attentions, ATTENTION_DEFERRED_ERROR, has_asked,
				   &flush->nexus);
	}
	release(flush);
}

static int flush_and_wait(struct scsi_cmd *cmd)
{
	return cmd_submit_range(cmd, STORE_FLUSH, 0, 0, NULL);
}

int flush_behind(struct scsi_cmd *cmd)
{
	struct scsi_lu *lu = cmd->lu;
	struct flush *flush = NULL;

	if (atomic_load_explicit(&lu->background, memory_order_relaxed) < BEHIND_MAX)
		flush = calloc(1, sizeof(*flush));
	if (flush == NULL)
		return flush_and_wait(cmd);
	atomic_fetch_add_explicit(&lu->background, 1, memory_order_acquire);
	flush->lu = lu;
	flush->nexus = cmd->nexus->number;
	flush->io.store = lu->store;
	flush->io.reactor = cmd->nexus->reactor;
	flush->io.op = STORE_FLUSH;
	flush->io.done = flushed;
	flush->is_submitting = true;
	store_submit(&flush->io);
	flush->is_submitting = false;
	if (flush->is_done) {
		int err = flush->err;

		/* So quick that it need not be deferred. */
		release(flush);
		return err < 0 ? sense_store_error(cmd, STORE_FLUSH, 0, err) : SCSI_DONE;
	}
	return SCSI_DONE;
}

struct sense flush_deferred_sense(const struct scsi_lu *lu)
{
	int err = atomic_load_explicit(&lu->deferred_error, memory_order_relaxed);
	struct sense sense = sense_of_store_error(STORE_FLUSH, err);

	sense.is_deferred = true;
	return sense;
}
