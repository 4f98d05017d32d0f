/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recovery within a connection (ErrorRecoveryLevel 1): what has been sent and is
 * not acknowledged, and SNACK, which asks for it again. Nothing here is used at
 * level 0.
 */
#ifndef PINION_ISCSI_RECOVER_H
#define PINION_ISCSI_RECOVER_H

#include "iscsi/conn.h"
#include "iscsi/task.h"

/* Data that a connection keeps with answered commands: the oldest goes first. */
#define RECOVER_BYTES_MAX (2u * 1024u * 1024u)
/* Unacknowledged answers at which the initiator is asked what it has got. */
#define RECOVER_ASK 32

/* The response of TASK is about to be sent for the first time. */
void recover_prepare(struct iscsi_task *task);

/*
 * A put of TASK is done. True: TASK is kept, for it is not acknowledged or is sent again.
 * Likewise a PDU of ours.
 */
bool recover_keep_task(struct iscsi_task *task, int err);
bool recover_keep_control(struct control *control);

/* Everything before the ExpStatSN of BHS has been received. */
void recover_acknowledge(struct iscsi_conn *conn, const struct bhs *bhs);

/* CONN is going: nobody will ask any more. */
void recover_drop(struct iscsi_conn *conn);
/* Or only for commands, by another connection. */
void recover_drop_controls(struct iscsi_conn *conn);

/*
 * TASK, which is answered and kept, is to be answered by another connection: whether what the
 * initiator lacks is still there, from DataSN *FIRST on (0: as DataACK has told); and takes it out.
 */
bool recover_can_resume(const struct iscsi_task *task, uint32_t *first);
void recover_take(struct iscsi_task *task);

#endif
