/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Task management functions that reach beyond one nexus's commands: SAM-5
 * sections 6.3 (resets) and 7. Whose commands they end stands in taskset.c.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/container.h"
#include "scsi/copy.h"
#include "scsi/flush.h"
#include "scsi/lu.h"
#include "scsi/order.h"
#include "scsi/sense.h"
#include "scsi/taskset.h"

/* One logical unit's part in a reset. */
struct lu_reset {
	struct taskset_sweep sweep;
	struct scsi_tmf_request *request;
};

static void end(struct scsi_tmf_request *request, enum scsi_tmf_response response)
{
	request->response = response;
	request->done(request);
}

/* ---- resets -------------------------------------------------------------------------- */

/*
 * What a reset changes beside ending commands (SAM-5 section 6.3.3). Whoever keeps a state of
 * the logical unit that a reset concerns is called from here.
 */
static void reset_state(struct scsi_lu *lu, enum attention attention)
{
	mode_reset(lu);
	medium_reset(lu);
	atomic_fetch_add(&lu->resets, 1);
	attention_raise(&lu->attentions, attention);
	reserve6_reset(lu);
}

/* The port sees to the commands of the nexus that asks. */
static bool is_another(const struct taskset_sweep *sweep, const struct scsi_nexus *nexus)
{
	return nexus != sweep->asker;
}

static void part_done(struct scsi_tmf_request *request)
{
	if (--request->remaining != 0)
		return;
	free(request->resets);
	request->resets = NULL;
	request->done(request);
}

static void swept(struct taskset_sweep *sweep)
{
	part_done(container_of(sweep, struct lu_reset, sweep)->request);
}

static void clear_own_aca(struct scsi_nexus *nexus, const struct scsi_lu *lu)
{
	for (unsigned i = 0; i < nexus->lun_count; i++) {
		if (nexus->lu[i].lu != NULL && (lu == NULL || nexus->lu[i].lu == lu))
			order_clear_aca(&nexus->lu[i]);
	}
}

static bool reset_lu(struct scsi_tmf_request *request, struct lu_reset *reset, struct scsi_lu *lu,
		     enum attention attention)
{
	reset->request = request;
	reset->sweep.lu = lu;
	reset->sweep.reactor = request->nexus->reactor;
	reset->sweep.choose = is_another;
	reset->sweep.asker = request->nexus;
	reset->sweep.ends_copies = true;
	reset->sweep.ends_all_copies = true;
	reset->sweep.done = swept;
	if (taskset_sweep(&reset->sweep) != 0)
		return false;
	request->remaining++;
	reset_state(lu, attention);
	clear_own_aca(request->nexus, lu);
	return true;
}

static void reset_one(struct scsi_tmf_request *request)
{
	struct nexus_lu *state = nexus_lu(request->nexus, lun_decode(request->lun));

	if (state == NULL || state->lu == NULL) {
		end(request, SCSI_TMF_INCORRECT_LUN);
		return;
	}
	request->resets = calloc(1, sizeof(*request->resets));
	if (request->resets == NULL ||
	    !reset_lu(request, request->resets, state->lu, ATTENTION_LU_RESET)) {
		free(request->resets);
		end(request, SCSI_TMF_FUNCTION_REJECTED);
	}
}

static void reset_all(struct scsi_tmf_request *request)
{
	struct scsi_nexus *nexus = request->nexus;

	request->resets = calloc(nexus->lun_count + 1, sizeof(*request->resets));
	if (request->resets == NULL) {
		end(request, SCSI_TMF_FUNCTION_REJECTED);
		return;
	}
	/* Sweeps never end from here, but there may be none. What it does not see it does not reset. */
	request->remaining = 1;
	for (unsigned i = 0; i < nexus->lun_count; i++) {
		if (nexus->lu[i].lu != NULL &&
		    !reset_lu(request, &request->resets[i], nexus->lu[i].lu,
			      ATTENTION_TARGET_RESET))
			request->response = SCSI_TMF_FUNCTION_REJECTED;
	}
	part_done(request);
}

static void reset_nexus(struct scsi_tmf_request *request)
{
	struct scsi_nexus *nexus = request->nexus;

	clear_own_aca(nexus, NULL);
	copy_nexus_lost(nexus);
	for (unsigned i = 0; i < nexus->lun_count; i++) {
		struct scsi_lu *lu = nexus->lu[i].lu;

		if (lu == NULL)
			continue;
		pthread_mutex_lock(&lu->control);
		reserve6_nexus_lost(lu, nexus);
		pthread_mutex_unlock(&lu->control);
		medium_leave(&nexus->lu[i]);
		attention_raise_one(&lu->attentions, ATTENTION_NEXUS_LOSS, nexus);
	}
	request->done(request);
}

/* ---- ACA ----------------------------------------------------------------------------- */

static bool is_asker(const struct taskset_sweep *sweep, const struct scsi_nexus *nexus)
{
	return nexus == sweep->asker;
}

/* Whoever has none has nothing to clear, and that is well (SAM-5 section 7.4). */
static void clear_aca(struct scsi_tmf_request *request)
{
	struct nexus_lu *state = nexus_lu(request->nexus, lun_decode(request->lun));

	if (state == NULL || state->lu == NULL) {
		end(request, SCSI_TMF_INCORRECT_LUN);
		return;
	}
	request->resets = calloc(1, sizeof(*request->resets));
	if (request->resets == NULL) {
		end(request, SCSI_TMF_FUNCTION_REJECTED);
		return;
	}
	request->remaining = 1;
	request->resets->request = request;
	request->resets->sweep = (struct taskset_sweep){
		.lu = state->lu,
		.reactor = request->nexus->reactor,
		.choose = is_asker,
		.asker = request->nexus,
		.only_aca = true,
		.done = swept,
	};
	if (taskset_sweep(&request->resets->sweep) == 0) {
		order_clear_aca(state);
		return;
	}
	free(request->resets);
	end(request, SCSI_TMF_FUNCTION_REJECTED);
}

/* ---- queries ------------------------------------------------------------------------- */

enum {
	UADE_DEPTH_ONE = 0x10,
	UADE_DEPTH_MORE = 0x20,
};

/* SAM-5 section 7.9: what the next command would be told, and whether that is all. */
static void query_event(struct scsi_tmf_request *request)
{
	struct nexus_lu *state = nexus_lu(request->nexus, lun_decode(request->lun));
	struct sense sense = { .key = SENSE_KEY_UNIT_ATTENTION };
	enum attention attention;
	uint32_t pending;

	if (state == NULL || state->lu == NULL) {
		end(request, SCSI_TMF_INCORRECT_LUN);
		return;
	}
	attention = attention_peek(&state->attentions);
	if (attention == ATTENTION_NONE) {
		end(request, SCSI_TMF_FUNCTION_COMPLETE);
		return;
	}
	if (attention == ATTENTION_DEFERRED_ERROR)
		sense = flush_deferred_sense(state->lu);
	else
		sense.code = attention_code(attention);
	pending = atomic_load_explicit(&state->attentions.pending, memory_order_relaxed);
	request->additional[0] =
		sense.key | ((pending & (pending - 1)) != 0 ? UADE_DEPTH_MORE : UADE_DEPTH_ONE);
	put_be16(request->additional + 1, sense.code);
	end(request, SCSI_TMF_FUNCTION_SUCCEEDED);
}

/* ---- the door ------------------------------------------------------------------------ */

void scsi_task_management(struct scsi_tmf_request *request)
{
	request->remaining = 0;
	request->response = SCSI_TMF_FUNCTION_COMPLETE;
	memset(request->additional, 0, sizeof(request->additional));
	switch (request->function) {
	case SCSI_TMF_LOGICAL_UNIT_RESET:
		reset_one(request);
		break;
	case SCSI_TMF_TARGET_RESET:
		reset_all(request);
		break;
	case SCSI_TMF_I_T_NEXUS_RESET:
		reset_nexus(request);
		break;
	case SCSI_TMF_CLEAR_ACA:
		clear_aca(request);
		break;
	case SCSI_TMF_QUERY_ASYNCHRONOUS_EVENT:
		query_event(request);
		break;
	}
}
