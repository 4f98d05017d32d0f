/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stream mover: iSCSI PDUs over any ordered stream of bytes (RFC 7143
 * sections 4.6 and 11), as transport.h wants it. What carries the bytes is a
 * table of six functions: transport/tcp has sockets behind it, transport/loop
 * two pipes in memory. Private to the transport room.
 *
 * receive.c cuts the incoming bytes into PDUs, transmit.c queues, cuts and
 * gathers what goes out, solicit.c runs R2T and Data-Out, stream.c is the life
 * of the connection. All of it runs on the connection's own reactor.
 */
#ifndef PINION_TRANSPORT_STREAM_STREAM_H
#define PINION_TRANSPORT_STREAM_STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/container.h"
#include "base/cover.h"
#include "base/events.h"
#include "base/list.h"
#include "proto/bhs_scsi.h"
#include "sys/arena.h"
#include "sys/reactor.h"
#include "transport/transport.h"

struct stream;

enum {
	STREAM_LOGIN_DATA_MAX = 8192,
	STREAM_CONTROL_DATA_MAX = 32768,

	/* One whole PDU of the login phase: header, AHS, data; no digests yet. */
	STREAM_LOGIN_BUFFER = BHS_LEN + BHS_AHS_LEN_MAX + STREAM_LOGIN_DATA_MAX + 12,
	STREAM_BUFFER = 65536,

	/* From this size on the rest of a data segment is received in its place. */
	STREAM_DIRECT_MIN = 2048,
	/* Behind a segment so large, receive only so much more: see receive.c. */
	STREAM_LARGE = 16384,
	STREAM_WINDOW_SMALL = 4096,

	/* Longest Data-In segment, whatever the initiator takes: bounds the work of one batch. */
	STREAM_SEGMENT_MAX = 262144,

	STREAM_DRAIN_MS = 5000,
	STREAM_LINGER_MS = 1000,
	STREAM_STALL_DEFAULT_S = 30,
};

/* --- what is below --- */

/* RES as with struct io_op: bytes, 0 for the end of the stream, negative errno. */
struct stream_carrier {
	const char *name;
	/* Each completes once, later, by stream_received or stream_sent, also when cancelled. */
	void (*recv)(struct stream *stream, struct msghdr *header, bool wait_first);
	void (*send)(struct stream *stream, struct msghdr *header);
	void (*cancel_recv)(struct stream *stream);
	void (*cancel_send)(struct stream *stream);
	/* Tells the peer that nothing more will come. */
	void (*finish_sending)(struct stream *stream);
	/* Nothing is in flight: conn.reactor shall forget the connection, and is then another one. */
	void (*leave)(struct stream *stream);
	void (*enter)(struct stream *stream);
	/* Nothing is in flight: closes, and frees the object around STREAM. */
	void (*release)(struct stream *stream);
};

void stream_received(struct stream *stream, int res);
void stream_sent(struct stream *stream, int res);

/* --- what the mover keeps in transport_pdu and transport_task --- */

enum tx_kind { TX_PDU, TX_PUT, TX_SOLICIT, TX_RESEND };

enum {
	TX_HEADER_DIGEST = 1, /* digests as they were agreed when it was queued */
	TX_DATA_DIGEST = 2,
};

/* Something that goes out, in the order of the queue. */
struct tx_item {
	struct list_node link;
	uint64_t end;	/* place in the outgoing stream where it ends, once cut */
	uint8_t kind;	/* enum tx_kind */
	uint8_t flags;
} __attribute__((may_alias));

struct stream_task {
	struct tx_item put;
	struct tx_item solicit;

	/* put: how far the Data-In PDUs have been cut */
	uint32_t put_offset;
	uint32_t burst_left;
	uint32_t data_sn;
	uint32_t resend_left;	/* Data-In PDUs */
	uint32_t layout;	/* stream_tx.layout of its time */
	uint32_t segment;	/* and how long Data-In was then; 0: that has changed meanwhile */
	uint32_t base_sn;	/* where a put begins: not at 0 when another */
	uint32_t base_offset;	/* connection has brought what is before */

	/* get */
	uint32_t r2t_sn;	/* runs on over all gets of the task */
	uint32_t next;		/* buffer offset to solicit next */
	uint32_t end;		/* and where the get ends */
	uint32_t left;		/* bytes that have not come */
	uint32_t outstanding;	/* R2Ts */
	uint16_t due;		/* of them, those to be sent again */
	uint16_t recoveries;	/* sequences that were asked for again */
	int error;		/* what get_done will say */
	bool is_getting;
	struct list_node link;	/* of gets, then of ended */
} __attribute__((may_alias));

_Static_assert(sizeof(struct tx_item) <= sizeof(((struct transport_pdu *)0)->mover), "pdu->mover");
_Static_assert(sizeof(struct stream_task) <= sizeof(((struct transport_task *)0)->mover),
	       "task->mover");

static inline struct stream_task *stream_task_of(struct transport_task *task)
{
	return (struct stream_task *)(void *)task->mover;
}

static inline struct transport_task *task_of_stream(struct stream_task *st)
{
	return (struct transport_task *)(void *)((char *)st -
						 offsetof(struct transport_task, mover));
}

/* --- receiving --- */

enum rx_step {
	RX_HEADER,	/* wants BHS, AHS and header digest */
	RX_CONTROL,	/* wants the whole data segment in one piece */
	RX_DATA,	/* data goes to extents or nowhere */
	RX_TAIL,	/* wants padding and data digest */
};

#define RX_NO_VIOLATION (-1)

struct stream_rx {
	uint8_t *buffer;
	uint32_t capacity;
	uint32_t begin, end;	/* what has not been parsed */
	uint8_t *next_buffer;	/* takes over when the parser has paused (enable) */
	uint32_t next_capacity;

	enum rx_step step;
	struct bhs bhs;
	uint8_t ahs[BHS_AHS_LEN_MAX];
	struct transport_rx pdu;
	uint32_t data_left;	/* RX_DATA: bytes of the segment that have not come */
	uint32_t crc;		/* unfinished, over those that have */

	bool is_solicited;	/* a Data-Out with a TTT */
	int violation;		/* and what is wrong with it */

	bool is_in_flight;
	bool wait_first;
	bool is_small;		/* use the small window, until it is filled */
	bool is_paused;		/* too much is waiting to be sent */
	bool has_ended;		/* the peer has closed its side */
	uint32_t direct;	/* bytes that the receive in flight puts in their place */
	uint32_t asked;
	struct msghdr msg;
	struct iovec iov[EXTENTS_MAX + 1];
};

/* --- transmitting --- */

enum {
	TX_IOV_MAX = 256,
	TX_HEADS_MAX = 64,
	TX_HEAD_LEN = BHS_LEN + 4 + 3 + 4,	/* with header digest, padding, data digest */
	TX_BATCH_BYTES = 1024 * 1024,
	/* Receiving stops while so much is unsent: the peer makes work and takes no answers. */
	TX_QUEUE_HIGH = 4096,
	TX_QUEUE_LOW = 2048,
};

/* What one sendmsg gathers. */
struct tx_batch {
	struct msghdr msg;
	unsigned iov_count;
	uint32_t heads_used;
	uint32_t bytes;
	struct iovec iov[TX_IOV_MAX];
	uint8_t heads[TX_HEADS_MAX * TX_HEAD_LEN];	/* headers, padding, digests */
};

struct stream_tx {
	struct list queue;	/* not wholly cut */
	struct list cut;	/* wholly in the batch in flight */
	unsigned queued;	/* in both, R2Ts apart */
	struct tx_batch *batch;	/* NULL: idle for long */
	uint32_t unsent;	/* bytes of it; 0: nothing in flight */
	uint64_t position;	/* bytes sent since the start */
	uint64_t cut_position;	/* bytes cut since the start */
	bool is_in_flight;
	uint64_t progress_ns;
	uint32_t segment_max;	/* of Data-In: send_data_max and max_burst in whole words */
	uint32_t burst_max;
	uint32_t layout;	/* counts changes of the segments' length */
	uint32_t stat_sn;	/* the next one for the peer: behind all that has been cut */
	uint8_t flags;		/* for items queued from now on */
};

/* --- soliciting --- */

/* So often are lost data asked for again, in one get. */
#define SOLICIT_RECOVERIES_MAX 32

enum { SOLICIT_SLOTS_FIRST = 32, SOLICIT_SLOTS_MAX = 256, SOLICIT_INDEX_BITS = 8 };

/* One R2T. */
struct solicit_slot {
	struct transport_task *task;	/* NULL: free */
	uint32_t ttt;			/* ISCSI_TAG_NONE: free */
	uint32_t given_up;		/* the last TTT whose data may still come, or ISCSI_TAG_NONE */
	uint32_t generation;
	uint32_t offset, length, received;
	uint32_t data_sn;
	uint32_t r2t_sn;
	int16_t next_free;
	bool is_due;		/* its R2T is to be sent (again) */
	bool is_broken;		/* a PDU of the sequence is missing: the rest is thrown away */
};

struct stream_solicit {
	struct solicit_slot *slots;
	struct cover *covers;		/* one for each slot where DataPDUInOrder=No */
	bool is_unordered;
	unsigned slot_count;
	int16_t free_first, free_last;	/* in order: the slot that was free longest is next */
	struct list gets;		/* tasks with a get that runs, by stream_task.link */
	struct list waiting;		/* for a slot, by stream_task.solicit.link */
	struct list ended;		/* get_done is due, by stream_task.link */
	struct stream_task *landing;	/* has ended, but a receive into its memory is in flight */
};

/* --- the connection --- */

enum stream_state {
	STREAM_OPEN,
	STREAM_MOVING,		/* to another reactor: hears nothing until it is there */
	STREAM_DRAINING,	/* sends what is queued, hears nothing */
	STREAM_LINGERING,	/* has said goodbye, waits for the peer's */
	STREAM_CLOSING,		/* waits for what is in flight */
	STREAM_GONE,
};

struct stream {
	struct transport_conn conn;
	const struct stream_carrier *carrier;
	enum stream_state state;
	enum transport_end end;
	int end_error;
	bool is_enabled;
	struct transport_keys keys;
	uint64_t stall_ns;
	struct stream_rx rx;
	struct stream_tx tx;
	struct stream_solicit solicit;
	struct reactor *destination;	/* while it moves */
	struct message arrival;
	struct deferred work;	/* gets that have ended, gathering, finishing */
	struct timer stall_timer;
	struct timer close_timer;
	bool is_stall_timed;
	struct events events;
};

static inline struct stream *stream_of(struct transport_conn *conn)
{
	return container_of(conn, struct stream, conn);
}

/*
 * stream.c. Init: STREAM is zeroed memory inside the carrier's object, with conn.reactor, peer and
 * local set; -ENOMEM. Then iSCSI's connected, and start; or discard, which frees what init took.
 */
int stream_init(struct stream *stream, const struct stream_carrier *carrier,
		unsigned stall_seconds);
void stream_start(struct stream *stream);
void stream_discard(struct stream *stream);
/*
 * The connection ends. GRACEFUL: what is queued goes out first. Returns at once, calls nobody.
 */
void stream_end(struct stream *stream, enum transport_end end, int err, bool graceful);
/* Something was queued or has come free: the end of this turn looks after it. */
static inline void stream_defer(struct stream *stream)
{
	reactor_defer(stream->conn.reactor, &stream->work);
}

/* Above ErrorRecoveryLevel 0: what is lost is sent again, either way. */
static inline bool stream_recovers(const struct stream *stream)
{
	return stream->keys.error_recovery_level != 0;
}

/* receive.c */
void receive_arm(struct stream *stream);
/* Goes on with what was received before a move. */
void receive_resume(struct stream *stream);

/* transmit.c */
void transmit_send_control(struct transport_conn *conn, struct transport_pdu *pdu);
void transmit_put_data(struct transport_conn *conn, struct transport_task *task);
/* The length of Data-In segments is another from now on. */
void transmit_resegment(struct stream *stream);
void transmit_adopt(struct transport_conn *conn, struct transport_task *task, uint32_t first);
int transmit_resend_data(struct transport_conn *conn, struct transport_task *task, uint32_t first,
			 uint32_t count);
void transmit_queue(struct stream *stream, struct tx_item *item, enum tx_kind kind);
void transmit_gather(struct stream *stream);
/* Completes everything queued with ERR. */
void transmit_fail(struct stream *stream, int err);

/* One PDU of the batch, for solicit.c: its place, BHS_LEN bytes; digests come with seal. */
bool transmit_has_room(const struct tx_batch *batch);
struct bhs *transmit_header(struct tx_batch *batch);
void transmit_seal_header(struct tx_batch *batch, struct bhs *bhs, uint8_t flags);

/* solicit.c */
void solicit_init(struct stream_solicit *solicit);
void solicit_free(struct stream_solicit *solicit);
void solicit_get_data(struct transport_conn *conn, struct transport_task *task);
void solicit_task_begin(struct transport_conn *conn, struct transport_task *task,
			const struct transport_rx *rx);
void solicit_task_end(struct transport_conn *conn, struct transport_task *task);
int solicit_resend_r2ts(struct transport_conn *conn, struct transport_task *task, uint32_t first,
			uint32_t count);
/* Cuts R2Ts into the batch; false when it is full and ITEM has to stay in the queue. */
bool solicit_cut(struct stream *stream, struct tx_item *item);
/* The header of a Data-Out with a TTT has come, and then all of it. */
void solicit_header(struct stream *stream);
void solicit_data(struct stream *stream);
/* A cancelled receive into the memory of an ended get is over. */
void solicit_landed(struct stream *stream);
/* Upcalls that are due. */
void solicit_run(struct stream *stream);
/* Completes every get with ERR. */
void solicit_fail(struct stream *stream, int err);

#endif
