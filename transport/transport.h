/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The wall between iSCSI and the wire: RFC 5047's Datamover Architecture as
 * two C tables of operations.
 *
 * Below it is a mover (TCP, iSER, or the in-memory loop of the tests). It owns
 * framing, digests, Data-In, Data-Out and R2T with all their numbers, RDMA and
 * everything that has a descriptor. Above it is iSCSI, which owns every other
 * PDU, all of CmdSN and StatSN, and the negotiation. Nothing above asks which
 * mover it has: what differs is declared in struct transport_limits.
 *
 * A connection belongs to one reactor; every call, either way, is made on that
 * thread. Downcalls never call up from inside themselves, except that
 * terminate may complete what is queued; upcalls may call down.
 *
 * RFC 5047's names: Send_Control, Put_Data, Get_Data,
 * Allocate_Connection_Resources + Enable_Datamover + Notice_Key_Values
 * (enable), Connection_Terminate; Control_Notify (header, then pdu),
 * Data_Completion_Notify (put_done, get_done), Connection_Terminate_Notify.
 */
#ifndef PINION_TRANSPORT_TRANSPORT_H
#define PINION_TRANSPORT_TRANSPORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "proto/bhs.h"
#include "sys/arena.h"
#include "sys/memory.h"
#include "sys/reactor.h"

struct transport_conn;
struct transport_listener;

/* --- what differs between movers, as data --- */

struct transport_limits {
	const char *name;		/* "tcp", "iser", "loop": for people, never for decisions */
	bool digests;			/* header and data digests can be negotiated */
	bool rdma_extensions;		/* RDMAExtensions and RFC 7145's keys are meaningful */
	bool max_recv_negotiated;	/* MaxRecvDataSegmentLength is meaningful */
	uint32_t login_data_max;	/* most data bytes of a PDU either way before full feature phase */
	uint32_t control_data_max;	/* most data bytes of a target PDU that is not Data-In, then */
	uint32_t recv_data_max;		/* most data bytes in one PDU that it can receive, then */
	uint32_t recv_control_max;	/* and of them for TRANSPORT_SINK_CONTROL, then */
	uint32_t window_max;		/* most commands that it can have outstanding */
	uint32_t unexpected_max;	/* most initiator PDUs beside the command window; 0: any number */
	bool moves;			/* a connection can go to another reactor */
	bool resends;			/* ErrorRecoveryLevel may be above 0 */
};

/* --- Notice_Key_Values: what was negotiated, as the mover needs it --- */

struct transport_keys {
	bool header_digest;		/* CRC32C */
	bool data_digest;
	bool initial_r2t;
	bool immediate_data;
	bool data_pdu_in_order;
	bool data_sequence_in_order;
	uint32_t send_data_max;		/* the initiator's MaxRecvDataSegmentLength */
	uint32_t recv_data_max;		/* ours */
	uint32_t max_burst;
	uint32_t first_burst;
	uint32_t max_outstanding_r2t;
	uint8_t error_recovery_level;
	bool rdma_extensions;	/* RDMAExtensions=Yes: not so in discovery */
};

/*
 * The numbers that a mover must put in PDUs that it makes itself (Data-In
 * without status, R2T). Kept up to date by iSCSI, read when a PDU is made.
 */
struct transport_window {
	uint32_t exp_cmd_sn;
	uint32_t max_cmd_sn;
};

struct transport_numbers {
	uint32_t stat_sn;			/* the next StatSN: the connection's */
	const struct transport_window *window;	/* one for all connections of a session */
};

/* --- Send_Control: one PDU that iSCSI has made --- */

struct transport_pdu {
	/* of the caller, constant until sent */
	struct bhs bhs;			/* complete but for DataSegmentLength, which the mover sets */
	const uint8_t *data;
	uint32_t data_length;
	/*
	 * Exactly once, also when the connection goes (ERR < 0). The PDU and
	 * its data are the caller's again.
	 */
	void (*sent)(struct transport_pdu *pdu, int err);

	/* of the mover */
	struct list_node link;
	uint64_t mover[4];
};

/* --- a task as the mover sees it --- */

#define TRANSPORT_TASK_WORDS 32

/* Embedded in iSCSI's task. One put or one get at a time. */
struct transport_task {
	/* of iSCSI; constant while a put or get runs, and from task_begin to task_end */
	uint32_t itt;
	uint64_t lun;			/* 8 bytes of the LUN field */
	struct extents *data;		/* Data-Out lands here, Data-In comes from here */

	/* put: data in, then the response */
	uint32_t put_length;		/* bytes of data, may be 0 */
	struct bhs response;		/* SCSI Response; the mover sets DataSegmentLength and ExpDataSN */
	const uint8_t *sense;		/* its data segment (SenseLength included), or NULL */
	uint32_t sense_length;
	uint32_t put_ttt;		/* above ErrorRecoveryLevel 0: for DataACK, or ISCSI_TAG_NONE */

	/* get: solicited data out */
	uint32_t get_offset;		/* buffer offset of the first byte to solicit */
	uint32_t get_length;

	/* of the mover */
	struct list_node link;
	uint64_t mover[TRANSPORT_TASK_WORDS];
};

/* --- receiving --- */

/* Where the data segment of the PDU whose header has just come shall go. */
enum transport_sink {
	/*
	 * The mover keeps it and shows it to pdu, whole. Above limits.recv_control_max: violation
	 * TOO_LONG right after header, the sink becomes DISCARD, and pdu follows as always.
	 */
	TRANSPORT_SINK_CONTROL,
	/*
	 * Into EXTENTS from byte OFFSET on; iSCSI has checked that it fits and leaves the memory
	 * alone until pdu.
	 */
	TRANSPORT_SINK_EXTENTS,
	TRANSPORT_SINK_DISCARD,	/* thrown away, after its digest was checked */
};

struct transport_rx {
	/* of the mover */
	const struct bhs *bhs;
	const uint8_t *ahs;		/* bhs's TotalAHSLength * 4 bytes */
	uint32_t ahs_length;		/* bytes */
	uint32_t data_length;		/* DataSegmentLength, without padding */
	/* of iSCSI, set in header */
	enum transport_sink sink;	/* preset to CONTROL */
	struct extents *extents;
	uint32_t offset;
	void *context;			/* for iSCSI's own use between header and pdu */
	/* of the mover, for pdu */
	const uint8_t *data;		/* CONTROL: the data segment */
	bool data_digest_error;
	/* the mover's place to keep what the header said of RDMA */
	uint64_t mover[6];
};

enum transport_end {
	TRANSPORT_END_CLOSED,		/* the peer closed, in order */
	TRANSPORT_END_RESET,		/* the path failed (err says how) */
	TRANSPORT_END_TERMINATED,	/* terminate was called */
	TRANSPORT_END_PROTOCOL,		/* it is not iSCSI any more: framing is lost */
	TRANSPORT_END_DIGEST,		/* header digest error */
	TRANSPORT_END_STALLED,		/* the peer has taken nothing for too long */
};

/* Violations that the mover sees in PDUs which it handles itself (Data-Out). */
enum transport_violation {
	TRANSPORT_BAD_TTT,		/* no such R2T */
	TRANSPORT_BAD_DATA_SN,		/* DataSN not the next one */
	TRANSPORT_BAD_OFFSET,		/* outside or out of order */
	TRANSPORT_BAD_LENGTH,		/* too much, or F before the end */
	TRANSPORT_BAD_DATA_DIGEST,
	TRANSPORT_TOO_LONG,		/* DataSegmentLength above MaxRecvDataSegmentLength */
};

/* What a mover tells iSCSI. */
struct transport_upcalls {
	/*
	 * Control_Notify, first half: header and AHS of one PDU have come
	 * (Data-Out with a TTT never gets here; unsolicited Data-Out does).
	 * Sets where its data goes. A negative return ends the connection.
	 */
	int (*header)(struct transport_conn *conn, struct transport_rx *rx);
	/* Second half: the whole PDU is here. Always follows header, unless the connection ends. */
	int (*pdu)(struct transport_conn *conn, struct transport_rx *rx);
	/* The put's bytes and response have been handed to the wire (ERR < 0: they never will be). */
	void (*put_done)(struct transport_conn *conn, struct transport_task *task, int err);
	/*
	 * All of the get's bytes are in task->data; or ERR < 0: -EBADMSG (data digest), -EPROTO
	 * (violation, after the violation upcall), -ECANCELED (task_end).
	 */
	void (*get_done)(struct transport_conn *conn, struct transport_task *task, int err);
	/*
	 * A violation in a PDU the mover handles itself. TASK may be NULL. The PDU's data was
	 * dropped. iSCSI sends a Reject or terminates.
	 */
	void (*violation)(struct transport_conn *conn, struct transport_task *task,
			  const struct bhs *bhs, enum transport_violation violation);
	/* A move is over: on the new reactor's thread. */
	void (*moved)(struct transport_conn *conn);
	/*
	 * Connection_Terminate_Notify, once, last: every sent, put_done and
	 * get_done has been called before. CONN is gone when this returns.
	 */
	void (*terminated)(struct transport_conn *conn, enum transport_end end, int err);
};

/* --- the mover --- */

struct transport_ops {
	/* Send_Control: PDUs and puts leave in the order of the calls. */
	void (*send_control)(struct transport_conn *conn, struct transport_pdu *pdu);
	/*
	 * Put_Data and the response of the task. TCP: Data-In PDUs cut by
	 * send_data_max and max_burst, the status in the last of them where
	 * RFC 7143 allows it (GOOD, no sense) and nothing need be resent, else a SCSI Response.
	 */
	void (*put_data)(struct transport_conn *conn, struct transport_task *task);
	/* Get_Data: solicits task->get_length bytes from task->get_offset on (TCP: R2Ts). */
	void (*get_data)(struct transport_conn *conn, struct transport_task *task);
	/*
	 * A command has been received in RX and will use TASK: the mover keeps with it what the
	 * header said (iSER: STags). Within header or pdu.
	 */
	void (*task_begin)(struct transport_conn *conn, struct transport_task *task,
			   const struct transport_rx *rx);
	/*
	 * The task is over or aborted. A get that runs completes with -ECANCELED (perhaps later: its
	 * memory is still being written); late data for it is dropped. Not while a put runs.
	 */
	void (*task_end)(struct transport_conn *conn, struct transport_task *task);
	/*
	 * Full feature phase: KEYS hold for everything received from now on
	 * and everything sent after what is already queued. -ENOMEM.
	 */
	int (*enable)(struct transport_conn *conn, const struct transport_keys *keys);
	/*
	 * Notice_Key_Values after enable, where limits.max_recv_negotiated: the initiator takes
	 * PDUs of SEND_DATA_MAX now, fewer bytes or more. Holds for all that has not been cut yet.
	 */
	void (*notice)(struct transport_conn *conn, uint32_t send_data_max);
	/*
	 * Where limits.resends, above ErrorRecoveryLevel 0 (SNACK, RFC 7143 section 11.16). Data-In
	 * PDUs once more, of a task whose put is done and whose data is still there: those with
	 * DataSN FIRST and on, COUNT of them or all (0). put_done follows. -EINVAL: there are none
	 * such, or segments have another length by now.
	 */
	int (*resend_data)(struct transport_conn *conn, struct transport_task *task,
			   uint32_t first, uint32_t count);
	/* Likewise the R2Ts of a get that runs, those that have not been answered. No completion. */
	int (*resend_r2ts)(struct transport_conn *conn, struct transport_task *task,
			   uint32_t first, uint32_t count);
	/*
	 * Likewise: TASK was begun on another connection, which is gone, and goes on here. What its
	 * put has sent there up to DataSN FIRST is not sent again; a FIRST that cannot be is 0.
	 */
	void (*adopt)(struct transport_conn *conn, struct transport_task *task, uint32_t first);
	/*
	 * Connection_Terminate: what is queued is sent if GRACEFUL (bounded in
	 * time), then closed; terminated follows, never from inside this call.
	 */
	void (*terminate)(struct transport_conn *conn, bool graceful);
	/*
	 * Where limits.moves: CONN goes to the reactor TO before enable, once nothing is in flight
	 * and nothing is queued. Moved follows there, or terminated here when it ends before; until
	 * then there is no other upcall but sent.
	 */
	void (*move)(struct transport_conn *conn, struct reactor *to);
};

/* The head of every mover's connection. */
struct transport_conn {
	const struct transport_ops *ops;
	const struct transport_upcalls *up;	/* set by iSCSI in connected */
	void *user;				/* iSCSI's */
	struct transport_numbers *numbers;	/* iSCSI's, set before enable */
	struct reactor *reactor;
	struct transport_limits limits;
	/*
	 * Where there is such a flag: set, for good, before there is memory that the mover cannot
	 * move data of. Only data in arenas may then be put and got. Shared, hardly ever written.
	 */
	const atomic_bool *lacks_memory;
	uint64_t solicited;	/* how often data that was asked for has come */
	char peer[64];		/* "192.0.2.1:40000", "[2001:db8::1]:40000" */
	char local[64];		/* the address that it came to */
};

/* --- listening --- */

/* What the sockets of a listener are to be like; zeros are the kernel's defaults. TCP alone. */
struct transport_socket {
	uint8_t dscp;			/* differentiated services code point, 0 to 63 */
	uint32_t send_buffer, receive_buffer;	/* bytes */
	const char *interface;		/* only what comes in there, NULL: any */
	bool multipath;			/* MPTCP (RFC 8684), for whoever asks for it; TCP where the kernel has none */
};

struct transport_listener_config {
	const char *address;	/* numeric IPv4 or IPv6 */
	uint16_t port;
	struct reactor *reactor;	/* that accepts */
	unsigned stall_seconds;	/* a peer that takes nothing for so long is dropped; 0: default 30 */
	struct transport_socket socket;
	void *user;
	/* Which reactor shall own a connection from PEER (numeric, no port); NULL: none, close it. */
	struct reactor *(*place)(void *user, const char *peer);
	/* Likewise, better on NUMA node NODE, where its device is (-1: not known). NULL: as place. */
	struct reactor *(*place_near)(void *user, const char *peer, int node);
	/*
	 * On that reactor's thread. iSCSI sets conn->up and conn->user and
	 * returns 0, or a negative errno to close it.
	 */
	int (*connected)(void *user, struct transport_conn *conn);
	/*
	 * On that reactor's thread: a connection that place accepted has come to nothing before
	 * connected (never after it, whatever it returned). PEER: as it was placed, perhaps with
	 * a port; conn->peer of one that is connected is the same address.
	 */
	void (*lost)(void *user, struct reactor *reactor, const char *peer);
};

struct transport_listener_ops {
	/* Closes the listening socket; connections stay. On its reactor, or before reactors run. */
	void (*close)(struct transport_listener *listener);
};

struct transport_listener {
	const struct transport_listener_ops *ops;
	bool is_multipath;	/* by MPTCP too */
	char address[64];	/* "0.0.0.0:3260", with the port really bound */
	uint16_t port;
};

/*
 * Listens on TCP. Call before the reactors run, or on CONFIG's reactor. 0 or a negative errno
 * (-EADDRINUSE, -EACCES, -EADDRNOTAVAIL) with one line for the administrator in ERROR.
 */
int tcp_listen(const struct transport_listener_config *config, struct transport_listener **out,
	       char *error, size_t error_size);

/* --- iSER --- */

struct iser;		/* the process's RDMA devices, and the memory registered with them */
struct iser_verbs;

enum iser_odp { ISER_ODP_AUTO, ISER_ODP_OFF };

/*
 * SEND with Invalidate, for initiators that welcome it. AUTO: unless the device or its driver is
 * known to lose sessions by it.
 */
enum iser_invalidate { ISER_INVALIDATE_AUTO, ISER_INVALIDATE_ON, ISER_INVALIDATE_OFF };

struct iser_config {
	struct memory *memory;
	struct reactor *const *reactors;
	unsigned reactor_count;
	unsigned window;	/* commands of a session at most, for the receives; 0: default 128 */
	int busy_poll_us;	/* as in struct reactor_config */
	enum iser_odp odp;	/* on-demand paging; AUTO: where the device has it */
	enum iser_invalidate invalidate;
	const struct iser_verbs *verbs;	/* NULL: the machine's; tests bring their own */
};

/*
 * Opens the RDMA devices and registers MEMORY with them, now and as it comes. Before the reactors
 * run. 0, or a negative errno (-ENODEV: there is none; -ENOSYS: built without) with one line for the
 * administrator in ERROR.
 */
int iser_create(const struct iser_config *config, struct iser **out, char *error,
		size_t error_size);
/* The reactors have stopped, but are still there; no connection and no listener is left. */
void iser_destroy(struct iser *iser);

/* An RDMA device: what it is, and how memory is registered with it. */
struct iser_device_info {
	const char *name;
	bool is_iwarp;
	int node;			/* NUMA node, -1: not known */
	unsigned connections;		/* each with a queue pair, from the request on */
	uint64_t regions, bytes;	/* registered now */
	uint64_t registrations;		/* calls of ibv_reg_mr since the start, */
	uint64_t registrations_later;	/* and of them those since the first connection came */
	uint64_t refused;		/* regions that could not be registered */
	bool has_odp;
	bool invalidates;
	const char *sentence;		/* all that, for people */
};

/* Any thread. INFO and what it points to are gone when VISIT returns. */
void iser_visit_devices(struct iser *iser,
			void (*visit)(void *context, const struct iser_device_info *info),
			void *context);

/* As tcp_listen, by RDMA CM; the port number may be that of a TCP portal. CONFIG's reactor is one of ISER's. */
int iser_listen(struct iser *iser, const struct transport_listener_config *config,
		struct transport_listener **out, char *error, size_t error_size);

static inline bool transport_lacks_memory(const struct transport_conn *conn)
{
	return conn->lacks_memory != NULL &&
	       atomic_load_explicit(conn->lacks_memory, memory_order_relaxed);
}

static inline void transport_send_control(struct transport_conn *conn, struct transport_pdu *pdu)
{
	conn->ops->send_control(conn, pdu);
}

static inline void transport_put_data(struct transport_conn *conn, struct transport_task *task)
{
	conn->ops->put_data(conn, task);
}

static inline void transport_get_data(struct transport_conn *conn, struct transport_task *task)
{
	conn->ops->get_data(conn, task);
}

static inline void transport_terminate(struct transport_conn *conn, bool graceful)
{
	conn->ops->terminate(conn, graceful);
}

#endif
