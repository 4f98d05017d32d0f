/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A SCSI task: one object that embeds what the device server and the mover
 * need, from a pool made at login. No allocation while commands run.
 */
#ifndef PINION_ISCSI_TASK_H
#define PINION_ISCSI_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cover.h"
#include "base/list.h"
#include "scsi/scsi.h"
#include "transport/transport.h"

struct iscsi_session;
struct iscsi_conn;

enum {
	TASK_IN_USE = 0x0001,
	TASK_IMMEDIATE = 0x0002,	/* holds no slot of the window */
	TASK_HELD = 0x0004,		/* a command before it is missing */
	TASK_STARTED = 0x0008,		/* the device server has it */
	TASK_LANDING = 0x0010,		/* a PDU is being written to its memory */
	TASK_UNSOLICITED = 0x0020,	/* Data-Out with the F bit is to come */
	TASK_WANTED = 0x0040,		/* receive_data_out has come */
	TASK_GETTING = 0x0080,		/* the mover solicits */
	TASK_COMPLETED = 0x0100,	/* complete has come */
	TASK_RELEASED = 0x0200,		/* the device server's memory is given back */
	TASK_RESPONDED = 0x0400,	/* its response is with the mover */
	TASK_ABORTED = 0x0800,		/* it gets no response */
	TASK_RECEIVED = 0x1000,		/* all of its data-out was received */
	TASK_EARLY = 0x2000,		/* what is landing goes to `early` first */
	TASK_BEGUN = 0x4000,		/* the mover knows it */
	TASK_TERMINATED = 0x8000,	/* its data-out is not to come any more */
};

/* Above ErrorRecoveryLevel 0; see iscsi/recover.c. */
enum {
	RECOVERY_GAP = 0x01,		/* unsolicited data is missing: what follows is thrown away */
	RECOVERY_CHECKED = 0x02,	/* HELD until the digest of its immediate data is known */
	RECOVERY_SENT = 0x04,		/* its response is out, and not yet acknowledged */
	RECOVERY_RESENDING = 0x08,	/* data is on its way once more */
	RECOVERY_WANTED = 0x10,		/* and is to be, as snack says */
	RECOVERY_RESEGMENT = 0x20,	/* all of it, with the response (R-Data) */
	RECOVERY_ARRIVED = 0x40,	/* its data is acknowledged (DataACK) */
};

struct iscsi_task {
	/* what every command touches, together */
	uint16_t flags;
	int16_t error;			/* what is wrong with its data-out, negative errno */
	uint32_t cmd_sn;
	uint32_t expected;		/* Expected Data Transfer Length, bytes */
	uint32_t bidi_expected;		/* and of data-in where there is data-out too */
	uint32_t received;		/* bytes of data-out that came unsolicited */
	uint32_t landing_length;
	uint32_t landing_offset;
	uint32_t data_sn;		/* of the next unsolicited Data-Out */
	uint8_t recovery;		/* RECOVERY_... */
	uint64_t since_ns;		/* when its data-out was here, in those that are timed (pace.h) */
	uint64_t serial;		/* age within the session */
	struct iscsi_session *session;
	struct iscsi_conn *conn;	/* that has its allegiance */
	struct iscsi_task *next;	/* in its hash chain, or of the free ones */
	struct transport_task transport;
	struct scsi_cmd cmd;

	/* rarely needed */
	struct list_node sent_link;	/* of conn->sent_tasks */
	struct {
		uint32_t first, count;	/* Data-In PDUs that a SNACK asked for; count 0: all behind */
		uint32_t tag;		/* SNACK Tag of an R-Data SNACK */
	} snack;
	struct cover *cover;		/* of unsolicited data that comes in another order */
	struct extents early;		/* data that came before cmd.data was there or fitted */
	uint8_t sense[2 + SCSI_SENSE_MAX];	/* SenseLength and sense */
};

struct task_pool {
	struct iscsi_task *free;
	struct iscsi_task **buckets;	/* by ITT: tasks that have no response yet */
	uint32_t mask;
	uint32_t in_use;
	struct iscsi_task *tasks;
	uint32_t count;
};

/* COUNT tasks for SESSION, whose nexus is there. -ENOMEM. */
int task_pool_init(struct task_pool *pool, struct iscsi_session *session, uint32_t count);
void task_pool_fini(struct task_pool *pool);

static inline struct iscsi_task **task_bucket(const struct task_pool *pool, uint32_t itt)
{
	/* Initiators count up, or keep a small index in the low bits: both spread well. */
	return &pool->buckets[(itt ^ itt >> 16) & pool->mask];
}

/* The task with this ITT that has not been answered, or NULL. */
static inline struct iscsi_task *task_find(const struct task_pool *pool, uint32_t itt)
{
	struct iscsi_task *task = *task_bucket(pool, itt);

	while (task != NULL && task->transport.itt != itt)
		task = task->next;
	return task;
}

/* A free task, entered under ITT; NULL when there is none. The rest is the caller's to fill. */
static inline struct iscsi_task *task_take(struct task_pool *pool, uint32_t itt)
{
	struct iscsi_task *task = pool->free;
	struct iscsi_task **bucket = task_bucket(pool, itt);

	if (task == NULL)
		return NULL;
	pool->free = task->next;
	pool->in_use++;
	task->transport.itt = itt;
	task->next = *bucket;
	*bucket = task;
	return task;
}

/* The ITT may be used again from now on: its response is on its way. */
static inline void task_forget(struct task_pool *pool, struct iscsi_task *task)
{
	struct iscsi_task **at = task_bucket(pool, task->transport.itt);

	while (*at != task)
		at = &(*at)->next;
	*at = task->next;
	task->next = NULL;
}

/* Gives back a task that has been forgotten. */
static inline void task_put(struct task_pool *pool, struct iscsi_task *task)
{
	task->flags = 0;
	task->next = pool->free;
	pool->free = task;
	pool->in_use--;
}

static inline struct iscsi_task *task_of_cmd(struct scsi_cmd *cmd)
{
	return container_of(cmd, struct iscsi_task, cmd);
}

static inline struct iscsi_task *task_of_transport(struct transport_task *transport)
{
	return container_of(transport, struct iscsi_task, transport);
}

/* --- the life of a task; see iscsi/command.c and iscsi/dataout.c --- */

extern const struct scsi_port_ops command_port_ops;

/* Tells the mover that it may forget TASK; harmless when it has already. */
void command_forget_transport(struct iscsi_task *task);

/* Gives TASK and everything it has back. It may be HELD, but not be with the device server. */
void command_end(struct iscsi_task *task);

/* TASK is HELD and will never begin: it ends, or when what is landing in its memory is there. */
void command_end_held(struct iscsi_task *task);

/* Hands a task to the device server that was held back for its CmdSN. */
void command_start_held(struct iscsi_task *task);

/* Aborts a task in whatever state it is; it ends soon, perhaps at once. */
void command_abort(struct iscsi_task *task);

/*
 * Whatever had to come first may have come: goes on with the response, the
 * data, or the end of TASK, which may be gone afterwards.
 */
void task_progress(struct iscsi_task *task);

/* The response goes once more, by another connection. */
void command_respond_again(struct iscsi_task *task);

/* The response is to be sent, or the task ended without one. */
void command_finish(struct iscsi_task *task);

/*
 * The data segment of the PDU in RX, LENGTH bytes, belongs at byte OFFSET of
 * TASK's data-out: sets where it goes. dataout_landed follows, or dataout_landing_lost.
 */
void dataout_land(struct iscsi_task *task, struct transport_rx *rx, uint32_t offset,
		  uint32_t length);
void dataout_landed(struct iscsi_task *task, const struct transport_rx *rx);

/*
 * Unsolicited data of TASK is lost, what is landing just now too: an R2T will ask for all
 * behind what has come without a hole.
 */
void dataout_gap(struct iscsi_task *task, bool is_landing);

/*
 * Moves LENGTH bytes that came before TASK had memory, or did not fit there, from byte AT of
 * what was kept of them to byte OFFSET of what the device server wants; keeps nothing of them
 * but for a PDU that is landing there.
 */
void dataout_take_early(struct iscsi_task *task, uint32_t offset, uint32_t at, uint32_t length);

/* The mover no longer writes to TASK's memory, and the PDU is not going to be complete. */
void dataout_landing_lost(struct iscsi_task *task);

#endif
