/* SPDX-License-Identifier: BSD-2-Clause */
/* The window follows latency; see iscsi/pace.h. */
#include "iscsi/pace.h"

#include "base/checked.h"

#define WEIGHT 8 /* a sample's part in the average is one in so many */
#define STEP   8 /* the window changes by one slot in so many, at least by one */

void pace_init(struct iscsi_session *session)
{
	session->pace = (struct pace){
		.target_ns = session->values.target_latency_ms * CLOCK_NS_PER_MS,
		.slots = session->depth,
	};
}

void pace_grant(struct iscsi_session *session, uint32_t slots)
{
	session->granted = slots;
	session->window = min(session->granted, session->pace.slots);
}

static void add_to_average(struct pace *pace, uint64_t latency_ns)
{
	if (pace->average_ns == 0)
		pace->average_ns = latency_ns;
	else
		pace->average_ns += latency_ns / WEIGHT - pace->average_ns / WEIGHT;
}

static uint32_t step_of(uint32_t slots)
{
	return max(slots / STEP, 1u);
}

/* Slots that wait for commands are no reason why commands wait. */
static bool is_full(const struct iscsi_session *session)
{
	return session->pace.peak * 4 >= session->window * 3;
}

/* How many slots latency allows, after one more command has taken LATENCY_NS. */
static uint32_t slots_for(const struct iscsi_session *session, uint64_t latency_ns, bool full)
{
	const struct pace *pace = &session->pace;
	uint32_t step;

	if (pace->average_ns > pace->target_ns) {
		/* One that takes long, a FORMAT UNIT perhaps, says nothing of the others. */
		if (latency_ns <= pace->target_ns || !full || session->window <= PACE_SLOTS_MIN)
			return pace->slots;
		step = step_of(session->window);
		return max_t(uint32_t, session->window - step, PACE_SLOTS_MIN);
	}
	step = pace->average_ns < pace->target_ns / 2 ? step_of(pace->slots) : 1;
	return min(pace->slots + step, session->depth);
}

void pace_sample(struct iscsi_task *task)
{
	struct iscsi_session *session = task->session;
	struct pace *pace = &session->pace;
	uint64_t now_ns = reactor_now_ns(session->core->reactor);
	uint64_t since_ns = task->flags & TASK_RECEIVED ? task->since_ns : task->cmd.started_ns;
	uint64_t latency_ns = now_ns - since_ns;
	bool full = is_full(session);
	uint32_t slots;

	pace->peak = 0;
	add_to_average(pace, latency_ns);
	/* What began before the last change does not know of it. */
	if (pace->target_ns == 0 || since_ns < pace->changed_ns)
		return;
	slots = slots_for(session, latency_ns, full);
	if (slots == pace->slots)
		return;
	pace->slots = slots;
	pace->changed_ns = now_ns;
	pace_grant(session, session->granted);
}
