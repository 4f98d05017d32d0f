/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The window of a session as far as memory allows it (RFC 7143 section 4.2.2.1): for every command
 * that may be sent, room for the data that may come with it unasked is set aside.
 */
#include "base/checked.h"
#include "iscsi/ffp.h"
#include "iscsi/pace.h"
#include "iscsi/session.h"

static struct arena *arena_of(const struct iscsi_session *session)
{
	return reactor_arena(session->core->reactor);
}

/*
 * Sets memory aside for SLOTS commands' unsolicited data, or for fewer: half as
 * many as long as that is too much. At least for one, besides the immediate
 * ones and a second copy of data that comes out of order.
 */
static int reserve(struct iscsi_session *session, uint32_t slots)
{
	if (session->slot_bytes == 0) {
		pace_grant(session, slots);
		return 0;
	}
	for (; slots != 0; slots /= 2) {
		uint32_t all = slots + 1 + min_t(uint32_t, slots, SESSION_IMMEDIATE_MAX);

		if (arena_reserve(arena_of(session), (size_t)all * session->slot_bytes) != 0)
			continue;
		session->reserved_slots = all;
		pace_grant(session, slots);
		return 0;
	}
	return -ENOMEM;
}

static uint32_t unsolicited_max(const struct iscsi_session *session)
{
	const struct transport_keys *negotiated = &session->keys;

	/* Another connection may take longer PDUs. */
	if (!negotiated->initial_r2t || (negotiated->immediate_data && session->conns_max > 1))
		return negotiated->first_burst;
	if (!negotiated->immediate_data)
		return 0;
	return min(negotiated->first_burst, negotiated->recv_data_max);
}

int session_reserve(struct iscsi_session *session)
{
	session->unsolicited_max = unsolicited_max(session);
	session->slot_bytes = (uint32_t)align_up(session->unsolicited_max, EXTENT_MIN);
	return reserve(session, session->depth);
}

void session_unreserve(struct iscsi_session *session)
{
	if (session->reserved_slots != 0)
		arena_unreserve(arena_of(session),
				(size_t)session->reserved_slots * session->slot_bytes);
	session->reserved_slots = 0;
}

void session_grow(struct iscsi_session *session)
{
	uint32_t step = min(session->granted, session->depth - session->granted);

	if (step == 0 || session->slot_bytes == 0)
		return;
	if (arena_reserve(arena_of(session), (size_t)step * session->slot_bytes) != 0)
		return;
	session->reserved_slots += step;
	pace_grant(session, session->granted + step);
	session_window_opened(session);
}

void session_announce(struct iscsi_session *session)
{
	struct iscsi_conn *conn = session_live_conn(session);

	if (!session->announced && conn != NULL)
		nop_announce(conn);
}

