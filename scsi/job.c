/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Jobs; see job.h. A job runs on the reactor of the command that asked for it, one
 * piece in a turn of the loop. The order is: the failure is kept (so that a crash
 * from here on is seen), all other commands are swept, the passes, each flushed;
 * then what was kept is removed.
 */
#include "scsi/job.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"
#include "scsi/keeper.h"
#include "scsi/odx_token.h"
#include "scsi/taskset.h"

enum {
	PIECE = 256 * 1024, /* bytes written at a time, a multiple of every block size */
	BUFFER_ALIGNMENT = 4096, /* for direct I/O */
};

#define PIECE_CLEARED (UINT64_C(64) << 20) /* bytes discarded or zeroed at a time */

struct lu_job {
	struct scsi_lu *lu;
	/* Of the reactor that it runs on. */
	struct reactor *reactor;
	struct scsi_cmd *cmd; /* that waits for its beginning or its end, or NULL */
	enum lu_trouble before;
	struct job_plan plan;
	unsigned pass;
	uint64_t at; /* bytes of this pass done */
	struct store_io io;
	struct extents data;
	uint8_t *buffer;
	struct deferred turn;
	struct taskset_sweep sweep;
	struct timer timer;
	struct keeper_save save;
	uint8_t kept;
	_Atomic uint16_t progress; /* in 65536ths, for whoever asks */
};

static const char *name_of(enum lu_trouble trouble)
{
	return trouble == TROUBLE_FORMAT || trouble == TROUBLE_FORMAT_FAILED ? "FORMAT UNIT"
									     : "SANITIZE";
}

static void set_trouble(struct scsi_lu *lu, enum lu_trouble trouble)
{
	atomic_store_explicit(&lu->trouble, (uint8_t)trouble, memory_order_release);
}

/* ---- what is told ------------------------------------------------------------------- */

static const struct {
	uint8_t key;
	uint16_t code;
} troubles[] = {
	[TROUBLE_SANITIZE] = { SENSE_KEY_NOT_READY, 0x041b }, /* SANITIZE IN PROGRESS */
	[TROUBLE_FORMAT] = { SENSE_KEY_NOT_READY, 0x0404 }, /* FORMAT IN PROGRESS */
	[TROUBLE_SANITIZE_FAILED] = { SENSE_KEY_MEDIUM_ERROR, 0x3103 }, /* SANITIZE COMMAND FAILED */
	[TROUBLE_SANITIZE_FAILED_RESTRICTED] = { SENSE_KEY_MEDIUM_ERROR, 0x3103 },
	[TROUBLE_FORMAT_FAILED] = { SENSE_KEY_MEDIUM_ERROR, 0x3100 }, /* MEDIUM FORMAT CORRUPTED */
};

struct sense job_sense(const struct scsi_lu *lu)
{
	enum lu_trouble trouble = lu_trouble(lu);
	struct sense sense = { .key = SENSE_KEY_NO_SENSE };

	/* It may just have ended on another core. */
	if (trouble == TROUBLE_NONE)
		return sense;
	sense.key = troubles[trouble].key;
	sense.code = troubles[trouble].code;
	sense.has_progress = trouble == TROUBLE_SANITIZE || trouble == TROUBLE_FORMAT;
	sense.progress = atomic_load_explicit(&lu->job->progress, memory_order_relaxed);
	return sense;
}

bool job_lets_pass(const struct scsi_lu *lu, const struct scsi_op *op)
{
	if (op->flags & OP_IN_TROUBLE)
		return true;
	switch (lu_trouble(lu)) {
	case TROUBLE_NONE:
		return true;
	case TROUBLE_SANITIZE:
	case TROUBLE_FORMAT:
		break;
	case TROUBLE_SANITIZE_FAILED:
	case TROUBLE_SANITIZE_FAILED_RESTRICTED:
		return op->flags & OP_SANITIZES;
	case TROUBLE_FORMAT_FAILED:
		return op->flags & (OP_SANITIZES | OP_FORMATS);
	}
	return false;
}

static void wake(struct scsi_cmd *cmd, const struct sense *sense)
{
	if (cmd == NULL)
		return;
	assert(cmd->phase == SCSI_PHASE_JOB);
	cmd->phase = SCSI_PHASE_RUNNING;
	if (sense != NULL)
		sense_fail(cmd, sense);
	cmd_drive(cmd, SCSI_DONE);
}

void job_forget(struct scsi_cmd *cmd)
{
	struct lu_job *job = cmd->lu->job;

	assert(job->cmd == cmd);
	job->cmd = NULL;
	cmd->phase = SCSI_PHASE_RUNNING;
}

/* ---- the end ------------------------------------------------------------------------ */

static void release(struct scsi_lu *lu)
{
	atomic_fetch_sub_explicit(&lu->background, 1, memory_order_release);
}

/* The initiator hears of it when the logical unit is as it will be: then another job may begin. */
static void end(struct lu_job *job, enum lu_trouble trouble, const struct sense *sense)
{
	struct scsi_cmd *cmd = job->cmd;
	struct scsi_lu *lu = job->lu;

	job->cmd = NULL;
	free(job->buffer);
	job->buffer = NULL;
	set_trouble(lu, trouble);
	wake(cmd, sense);
	release(lu);
}

/* It has begun, and did not succeed. */
static void fail(struct lu_job *job, int err)
{
	struct sense sense = {
		.key = SENSE_KEY_MEDIUM_ERROR,
		/* FORMAT or SANITIZE COMMAND FAILED */
		.code = job->plan.during == TROUBLE_FORMAT ? 0x3101 : 0x3103,
	};

	log_error("%s of the logical unit %s failed: %s", name_of(job->plan.during),
		  job->lu->serial, strerror(-err));
	end(job, job->plan.failure, &sense);
}

static void removed(struct keeper_save *save)
{
	struct lu_job *job = container_of(save, struct lu_job, save);

	if (save->err != 0)
		log_warning("%s of the logical unit %s has ended, but after a restart it will "
			    "seem to have failed: %s",
			    name_of(job->plan.during), job->lu->serial, strerror(-save->err));
	end(job, TROUBLE_NONE, NULL);
}

static void succeed(struct lu_job *job)
{
	job->save.length = 0;
	job->save.done = removed;
	job->save.err = 0;
	if (!lu_save(job->lu, "job", &job->save))
		removed(&job->save);
}

/* ---- the passes --------------------------------------------------------------------- */

static unsigned all_passes(const struct job_plan *plan)
{
	return plan->passes + plan->clears;
}

static uint64_t size_of(const struct lu_job *job)
{
	return job->lu->blocks << job->lu->block_shift;
}

static void note_progress(struct lu_job *job)
{
	uint64_t size = size_of(job);
	unsigned scale = size >> 47 != 0 ? 17 : 0; /* that 65536 times as much fits 64 bits */
	uint64_t part = ((job->at >> scale) << 16) / (size >> scale);
	uint64_t all = ((uint64_t)job->pass << 16 | min(part, UINT64_C(65535))) /
		       all_passes(&job->plan);

	atomic_store_explicit(&job->progress, (uint16_t)min(all, UINT64_C(65535)), memory_order_relaxed);
}

static void invert_pattern(struct lu_job *job)
{
	uint64_t *word = (uint64_t *)job->buffer;

	for (unsigned i = 0; i < PIECE / sizeof(*word); i++)
		word[i] = ~word[i];
}

static void next_pass(struct lu_job *job)
{
	job->at = 0;
	job->pass++;
	if (job->plan.invert && job->pass < job->plan.passes)
		invert_pattern(job);
}

static void piece_done(struct store_io *io, int err)
{
	struct lu_job *job = container_of(io, struct lu_job, io);

	if (err < 0) {
		fail(job, err);
		return;
	}
	if (io->op == STORE_FLUSH)
		next_pass(job);
	else
		job->at += io->op == STORE_WRITE ? io->length : io->range;
	note_progress(job);
	reactor_defer(job->reactor, &job->turn);
}

static void go_on(struct deferred *turn)
{
	struct lu_job *job = container_of(turn, struct lu_job, turn);
	struct store_io *io = &job->io;
	uint64_t left = size_of(job) - job->at;

	if (job->pass == all_passes(&job->plan)) {
		succeed(job);
		return;
	}
	if (atomic_load_explicit(&job->lu->is_ending, memory_order_relaxed)) {
		fail(job, -ECANCELED);
		return;
	}
	io->offset = job->at;
	io->range = 0;
	io->length = 0;
	if (left == 0) {
		io->op = STORE_FLUSH;
		io->offset = 0;
	} else if (job->pass < job->plan.passes) {
		io->op = STORE_WRITE;
		io->length = (uint32_t)min(left, (uint64_t)PIECE);
	} else {
		io->op = job->plan.clear;
		io->range = min(left, PIECE_CLEARED);
	}
	store_submit(io);
}

/* ---- the beginning ------------------------------------------------------------------ */

/* Nothing has been changed. */
static void give_up(struct lu_job *job, int err)
{
	struct sense sense = { .key = SENSE_KEY_HARDWARE_ERROR, .code = 0x4400 };

	log_error("%s of the logical unit %s cannot begin: %s", name_of(job->plan.during),
		  job->lu->serial, strerror(-err));
	end(job, job->before, &sense);
}

static void begin_alone(struct lu_job *job);

static void moment_over(struct timer *timer)
{
	begin_alone(container_of(timer, struct lu_job, timer));
}

/* Copy operations may touch the medium for commands to other logical units: until they notice. */
static void begin_alone(struct lu_job *job)
{
	struct scsi_cmd *cmd = job->cmd;

	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load(&job->lu->copying) != 0) {
		job->timer.expired = moment_over;
		reactor_timer_start(job->reactor, &job->timer, 1);
		return;
	}
	if (lu_has_tokens(job->lu))
		odx_cancel(job->lu, 0, job->lu->blocks, reactor_now_ns(job->reactor));
	reactor_defer(job->reactor, &job->turn);
	if (!job->plan.immediate)
		return;
	job->cmd = NULL;
	wake(cmd, NULL);
}

static void swept(struct taskset_sweep *sweep)
{
	begin_alone(container_of(sweep, struct lu_job, sweep));
}

static bool choose_all(const struct taskset_sweep *sweep, const struct scsi_nexus *nexus)
{
	(void)sweep;
	(void)nexus;
	return true;
}

static void sweep_others(struct lu_job *job)
{
	/* Who asked is compared, never followed: he may have gone. */
	const struct scsi_cmd *cmd = job->cmd;
	int err;

	job->sweep.lu = job->lu;
	job->sweep.reactor = job->reactor;
	job->sweep.choose = choose_all;
	job->sweep.asker = cmd != NULL ? cmd->nexus : NULL;
	job->sweep.except = cmd;
	job->sweep.tell = true;
	job->sweep.done = swept;
	err = taskset_sweep(&job->sweep);
	if (err < 0)
		give_up(job, err);
}

static void saved(struct keeper_save *save)
{
	struct lu_job *job = container_of(save, struct lu_job, save);

	if (save->err != 0)
		give_up(job, save->err);
	else
		sweep_others(job);
}

static void keep_failure(struct lu_job *job)
{
	job->kept = (uint8_t)job->plan.failure;
	job->save.data = &job->kept;
	job->save.length = sizeof(job->kept);
	job->save.reactor = job->reactor;
	job->save.done = saved;
	if (!lu_save(job->lu, "job", &job->save))
		sweep_others(job);
}

static void fill(uint8_t *buffer, const struct job_plan *plan, uint32_t block_size)
{
	for (uint32_t at = 0; at < block_size; at += plan->pattern_length)
		memcpy(buffer + at, plan->pattern, min(plan->pattern_length, block_size - at));
	for (uint32_t at = block_size; at < PIECE; at += block_size)
		memcpy(buffer + at, buffer, block_size);
}

static void prepare(struct lu_job *job, struct scsi_cmd *cmd, const struct job_plan *plan)
{
	job->reactor = cmd->nexus->reactor;
	job->cmd = cmd;
	job->plan = *plan;
	job->plan.pattern = NULL; /* it is in the buffer */
	job->pass = 0;
	job->at = 0;
	job->turn.run = go_on;
	list_node_init(&job->turn.link);
	memset(&job->io, 0, sizeof(job->io));
	job->io.store = job->lu->store;
	job->io.reactor = job->reactor;
	job->io.data = &job->data;
	/* All is new: nobody has protected it. */
	job->io.flags = STORE_UNCHECKED;
	job->io.done = piece_done;
	extents_init(&job->data);
	job->data.borrowed = true;
	job->data.count = 1;
	job->data.length = PIECE;
	job->data.extent[0] = (struct extent){ .data = job->buffer, .length = PIECE };
	atomic_store_explicit(&job->progress, 0, memory_order_relaxed);
}

/* False when another one was quicker; the gate has looked, but on another core. */
static bool claim(struct scsi_lu *lu, const struct job_plan *plan, enum lu_trouble *before)
{
	uint8_t was = (uint8_t)lu_trouble(lu);

	if (was == TROUBLE_SANITIZE || was == TROUBLE_FORMAT)
		return false;
	*before = (enum lu_trouble)was;
	/* Counted first, so that whoever ends the logical unit sees it. */
	atomic_fetch_add_explicit(&lu->background, 1, memory_order_acquire);
	if (atomic_compare_exchange_strong_explicit(&lu->trouble, &was, (uint8_t)plan->during,
						    memory_order_acq_rel, memory_order_relaxed))
		return true;
	release(lu);
	return false;
}

int job_start(struct scsi_cmd *cmd, const struct job_plan *plan)
{
	struct scsi_lu *lu = cmd->lu;
	uint8_t *buffer = aligned_alloc(BUFFER_ALIGNMENT, PIECE);
	enum lu_trouble before;

	if (buffer == NULL)
		return cmd_status(cmd, SCSI_STATUS_BUSY);
	if (plan->passes != 0)
		fill(buffer, plan, lu->block_size);
	if (!claim(lu, plan, &before)) {
		struct sense sense = job_sense(lu);

		free(buffer);
		return sense.key == SENSE_KEY_NO_SENSE ? cmd_status(cmd, SCSI_STATUS_BUSY)
						       : sense_fail(cmd, &sense);
	}
	lu->job->before = before;
	lu->job->buffer = buffer;
	prepare(lu->job, cmd, plan);
	cmd->phase = SCSI_PHASE_JOB;
	keep_failure(lu->job);
	return SCSI_MORE;
}

/* ---- leaving a failure behind ------------------------------------------------------- */

static int failure_left(struct scsi_cmd *cmd)
{
	uint8_t was = TROUBLE_SANITIZE_FAILED;

	if (cmd->kept != 0 && cmd->kept != -EOPNOTSUPP)
		return sense_internal_failure(cmd);
	atomic_compare_exchange_strong_explicit(&cmd->lu->trouble, &was, TROUBLE_NONE,
						memory_order_acq_rel, memory_order_relaxed);
	return SCSI_DONE;
}

int job_exit_failure(struct scsi_cmd *cmd)
{
	if (lu_trouble(cmd->lu) != TROUBLE_SANITIZE_FAILED)
		return SCSI_DONE;
	return cmd_keep(cmd, "job", NULL, 0, failure_left);
}

/* ---- of the logical unit -------------------------------------------------------------- */

static enum lu_trouble kept_trouble(const struct scsi_lu *lu)
{
	uint8_t kept;
	ssize_t len = lu_load(lu, "job", &kept, sizeof(kept));

	if (len == -ENOENT)
		return TROUBLE_NONE;
	if (len == sizeof(kept) && kept >= TROUBLE_SANITIZE_FAILED && kept <= TROUBLE_FORMAT_FAILED)
		return (enum lu_trouble)kept;
	/* Something has failed, and nobody can say what. */
	return TROUBLE_SANITIZE_FAILED_RESTRICTED;
}

int job_create(struct scsi_lu *lu)
{
	enum lu_trouble trouble = kept_trouble(lu);

	lu->job = calloc(1, sizeof(*lu->job));
	if (lu->job == NULL)
		return -ENOMEM;
	lu->job->lu = lu;
	set_trouble(lu, trouble);
	if (trouble != TROUBLE_NONE)
		log_warning("%s of the logical unit %s was interrupted or has failed: it must be "
			    "done again",
			    name_of(trouble), lu->serial);
	return 0;
}

void job_destroy(struct scsi_lu *lu)
{
	free(lu->job);
}
