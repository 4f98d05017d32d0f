/* SPDX-License-Identifier: BSD-2-Clause */
/* How much space is left; see provision.h. Asking may block, so a worker does it. */
#include "scsi/provision.h"

#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/container.h"
#include "base/log.h"

enum {
	PERIOD_MS = 2000,
	SET_SHIFT = 20, /* a threshold set is 1 MiB */
};

struct lu_provision {
	struct scsi_lu *lu;
	uint64_t threshold; /* bytes, 0: none */
	_Atomic(struct reactor *) started; /* on it, NULL: not, or it is to end */
	struct reactor *reactor; /* on which the rest is */
	struct io_op work;
	struct timer timer;
	struct message stop;
	struct store_usage found; /* by the worker */
	bool is_asking;
	bool is_stopping;
	bool is_reached;
	_Atomic bool is_known;
	_Atomic uint64_t used, available;
};

uint8_t provision_exponent(const struct scsi_lu *lu)
{
	return provision_threshold(lu) != 0 ? (uint8_t)(SET_SHIFT - lu->block_shift) : 0;
}

uint64_t provision_threshold(const struct scsi_lu *lu)
{
	return lu->provision != NULL ? lu->provision->threshold : 0;
}

bool provision_get(const struct scsi_lu *lu, uint64_t *used, uint64_t *available)
{
	const struct lu_provision *provision = lu->provision;

	if (provision == NULL ||
	    !atomic_load_explicit(&provision->is_known, memory_order_acquire))
		return false;
	*used = atomic_load_explicit(&provision->used, memory_order_relaxed);
	*available = atomic_load_explicit(&provision->available, memory_order_relaxed);
	return true;
}

static void finish(struct lu_provision *provision)
{
	atomic_fetch_sub_explicit(&provision->lu->background, 1, memory_order_release);
}

/* What a logical unit has already nobody can take from it. */
static bool is_short(const struct lu_provision *provision)
{
	uint64_t size = provision->lu->blocks << provision->lu->block_shift;

	return provision->found.used < size &&
	       provision->found.available <= provision->threshold;
}

static void judge(struct lu_provision *provision)
{
	struct scsi_lu *lu = provision->lu;
	bool was_reached = provision->is_reached;

	atomic_store_explicit(&provision->used, provision->found.used, memory_order_relaxed);
	atomic_store_explicit(&provision->available, provision->found.available,
			      memory_order_relaxed);
	atomic_store_explicit(&provision->is_known, true, memory_order_release);
	if (provision->threshold == 0)
		return;
	provision->is_reached = is_short(provision);
	if (!provision->is_reached || was_reached)
		return;
	log_warning("the logical unit %s has used %llu MiB, and only %llu MiB are left for it",
		    lu->serial, (unsigned long long)(provision->found.used >> 20),
		    (unsigned long long)(provision->found.available >> 20));
	attention_raise(&lu->attentions, ATTENTION_THIN_THRESHOLD);
}

static void answered(struct io_op *op, int res)
{
	struct lu_provision *provision = container_of(op, struct lu_provision, work);

	provision->is_asking = false;
	if (res == 0)
		judge(provision);
	if (provision->is_stopping)
		finish(provision);
	else
		reactor_timer_start(provision->reactor, &provision->timer, PERIOD_MS);
}

static int ask_store(void *argument)
{
	struct lu_provision *provision = argument;
	struct store *store = provision->lu->store;

	return store->ops->usage(store, &provision->found);
}

static void ask(struct timer *timer)
{
	struct lu_provision *provision = container_of(timer, struct lu_provision, timer);

	provision->is_asking = true;
	provision->work.done = answered;
	reactor_work(provision->reactor, &provision->work, ask_store, provision);
}

static void stop(struct message *message)
{
	struct lu_provision *provision = container_of(message, struct lu_provision, stop);

	provision->is_stopping = true;
	reactor_timer_stop(provision->reactor, &provision->timer);
	if (!provision->is_asking)
		finish(provision);
}

void provision_start(struct scsi_lu *lu, struct reactor *reactor)
{
	struct lu_provision *provision = lu->provision;
	struct reactor *none = NULL;

	if (provision == NULL || !atomic_compare_exchange_strong(&provision->started, &none, reactor))
		return;
	provision->reactor = reactor;
	atomic_fetch_add_explicit(&lu->background, 1, memory_order_relaxed);
	provision->timer.expired = ask;
	ask(&provision->timer);
}

void provision_stop(struct scsi_lu *lu)
{
	struct lu_provision *provision = lu->provision;
	struct reactor *reactor = NULL;

	if (provision != NULL)
		reactor = atomic_exchange(&provision->started, NULL);
	if (reactor == NULL)
		return;
	provision->stop.deliver = stop;
	reactor_send(reactor, &provision->stop);
}

int provision_create(struct scsi_lu *lu, uint64_t threshold)
{
	struct store_usage usage;

	if (!lu->thin || lu->store->ops->usage == NULL ||
	    lu->store->ops->usage(lu->store, &usage) != 0)
		return 0;
	lu->provision = calloc(1, sizeof(*lu->provision));
	if (lu->provision == NULL)
		return -ENOMEM;
	lu->provision->lu = lu;
	/* In whole sets, as the mode page can say it. */
	lu->provision->threshold = align_up(threshold, UINT64_C(1) << SET_SHIFT);
	return 0;
}

void provision_destroy(struct scsi_lu *lu)
{
	free(lu->provision);
}
