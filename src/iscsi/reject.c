/* SPDX-License-Identifier: BSD-2-Clause */
/* Reject (RFC 7143 section 11.17): the header that is refused goes back. */
#include <string.h>

#include "iscsi/ffp.h"

void reject_send(struct iscsi_conn *conn, const struct bhs *bhs, enum iscsi_reject_reason reason,
		 const char *why)
{
	struct control *control;
	struct bhs_reject reject = { .reason = (uint8_t)reason, .data_len = BHS_LEN };

	if (!conn_can_send(conn))
		return;
	counter_increment(&conn->core->protocol_errors);
	conn_log(conn, LOG_LEVEL_WARNING, "%s (opcode %02xh, ITT %08x) rejected, %s: %s",
		 iscsi_opcode_name(bhs_opcode(bhs)), bhs_opcode(bhs), bhs_itt(bhs),
		 iscsi_reject_reason_name((uint8_t)reason), why);
	events_add(&conn->events, reactor_now_ns(conn->core->reactor), "reject", reason,
		   bhs_opcode(bhs));
	control = control_alloc(conn, BHS_LEN);
	if (control == NULL)
		return;
	memcpy(control->data, bhs, BHS_LEN);
	bhs_reject_encode(&control->pdu.bhs, &reject);
	control_send(control, true);
}
