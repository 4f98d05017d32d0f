/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The iSER mover (RFC 7145, RFC 5047) inside; its door is transport.h.
 *
 * One struct iser for the process has the RDMA devices, with the data memory
 * registered at each of them once, and a core for each reactor. A core has a
 * channel for its connections' events of the connection manager, and a queue
 * (completion channel and completion queues) for each device that it has
 * connections on. A connection, its QP, its queue and its core belong to one
 * reactor's thread; devices are shared, and change only when one comes or goes.
 *
 * listen.c accepts, core.c hears events, device.c registers memory, queue.c
 * polls completions, conn.c is the life of a connection, receive.c parses what
 * comes, transmit.c sends control PDUs and puts data, fetch.c gets it.
 */
#ifndef PINION_TRANSPORT_ISER_ISER_H
#define PINION_TRANSPORT_ISER_ISER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/container.h"
#include "base/counter.h"
#include "base/events.h"
#include "base/list.h"
#include "base/log.h"
#include "proto/bhs_scsi.h"
#include "proto/iser_hdr.h"
#include "sys/arena.h"
#include "sys/busy.h"
#include "sys/reactor.h"
#include "transport/iser/verbs.h"
#include "transport/transport.h"

enum {
	ISER_HEADERS = ISER_HDR_LEN + BHS_LEN,

	ISER_LOGIN_DATA_MAX = 8192,
	/* What ib_iser and libiscsi have room for in a PDU of the full feature phase. */
	ISER_SEND_DATA_MAX = 128,
	/* Immediate data is copied out of the receive buffer: only small writes gain from it. */
	ISER_RECV_DATA_MAX = 8192,
	ISER_AHS_MAX = 256,	/* RFC 7145 section 6.7: the default of MaxAHSLength */
	/* A receive buffer, and one for the PDUs of the login phase. */
	ISER_BUFFER = 8704,
	ISER_SEND_BUFFER = 256,

	ISER_WINDOW_DEFAULT = 128,
	/*
	 * Receives beside the command window: requests for immediate delivery, answers to our
	 * NOP-In, Logout.
	 */
	ISER_RECEIVES_EXTRA = 32,
	ISER_SENDS_EXTRA = 32,		/* likewise of send buffers */
	ISER_SEND_QUEUE = 512,		/* work requests; a power of two */
	ISER_SGE_MAX = EXTENTS_MAX,
	ISER_SIGNAL_EVERY = 16,
	ISER_INLINE = 128,		/* bytes: a response without sense */
	ISER_COMPLETION_QUEUE = 8192,	/* entries; several connections share one */

	/* The connection manager repeats what gets lost every four seconds. */
	ISER_ACCEPT_MS = 30000,
	ISER_DRAIN_MS = 5000,
	/* Long: libiscsi crashes by it, while the process lasts that once logged out. */
	ISER_PARTING_MS = 300000,
	ISER_PARTINGS_MAX = 256,	/* on each core */
	ISER_STALL_DEFAULT_S = 30,
};

_Static_assert(ISER_HEADERS + ISER_AHS_MAX + ISER_RECV_DATA_MAX + 3 <= ISER_BUFFER, "receives");
_Static_assert(ISER_HEADERS + ISER_LOGIN_DATA_MAX <= ISER_BUFFER, "login responses");
_Static_assert(ISER_HEADERS + ISER_SEND_DATA_MAX <= ISER_SEND_BUFFER, "responses");

struct iser_core;
struct iser_queue;
struct iser_conn;

/* --- devices --- */

struct iser_device {
	struct list_node link;		/* of iser->devices */
	struct iser *iser;
	struct ibv_context *context;
	struct ibv_context **held;	/* of librdmacm; keeps CONTEXT open */
	struct ibv_pd *pd;
	struct registrar registrar;	/* key: lkey */
	struct list mrs;		/* under the registry's lock */
	struct ibv_mr *implicit;	/* all memory there is, by on-demand paging; or NULL */
	bool has_odp;
	struct ibv_device_attr attr;
	char name[IBV_SYSFS_NAME_MAX];
	int node;			/* NUMA node, -1: not known */
	bool is_iwarp;
	bool can_invalidate;
	bool is_invalidate_lossy;	/* known to lose sessions by it */
	/* what a connection may have */
	uint32_t send_depth, recv_depth;
	uint32_t write_sge, read_sge;
	_Atomic unsigned references;	/* one for being there, one for each connection */
	_Atomic bool is_removed;
	/* for status; all but the last under the registry's lock */
	struct counter regions, bytes, refused, registrations, registrations_later;
	atomic_bool lacks_memory;	/* a region of no reactor was refused: see transport.h */
	_Atomic unsigned conns;
	_Atomic bool has_served;	/* a connection has come */
};

struct iser {
	const struct iser_verbs *verbs;
	struct memory *memory;
	int busy_poll_us;
	uint32_t window;
	enum iser_odp odp;
	enum iser_invalidate invalidate;
	pthread_mutex_t lock;		/* of devices */
	struct list devices;
	struct iser_core *cores;
	unsigned core_count;
	struct log_limit log_limit;	/* under lock */
};

/*
 * The device behind CONTEXT with one more reference, opened where it is new;
 * NULL when it cannot be used. Any thread.
 */
struct iser_device *iser_device_get(struct iser *iser, struct ibv_context *context);
void iser_device_put(struct iser_device *device);
/* The device is going: no connection will come on it any more. */
void iser_device_remove(struct iser_device *device);
/* Likewise the one behind CONTEXT, if there is one. */
void iser_device_remove_context(struct iser *iser, const struct ibv_context *context);

/* Whether it knows all memory of the arena of the reactor with index REACTOR. Any thread. */
bool iser_device_has_arena(const struct iser_device *device, unsigned reactor);

/* The local key of EXTENT's memory; false where the device has none. */
static inline bool iser_device_key(const struct iser_device *device, const struct extent *extent,
				   uint32_t *lkey)
{
	uint64_t key = extent->region != NULL ? extent->region->key[device->registrar.slot] :
						REGION_NO_KEY;

	if (LIKELY(key != REGION_NO_KEY)) {
		*lkey = (uint32_t)key;
		return true;
	}
	if (device->implicit == NULL)
		return false;
	*lkey = device->implicit->lkey;
	return true;
}

/* --- a reactor's part --- */

/* Work requests are put together here, then posted as one chain. */
enum { ISER_CHAIN_MAX = 64, ISER_CHAIN_SGE_MAX = 256 };

struct iser_chain {
	unsigned count, sge_count;
	struct ibv_send_wr wr[ISER_CHAIN_MAX];
	struct ibv_sge sge[ISER_CHAIN_SGE_MAX];
};

/* Whose id it is: what rdma_cm_id.context points to. */
struct iser_party {
	void (*event)(struct iser_party *party, enum rdma_cm_event_type type, int status);
};

/* A connection that is over but for its id: see conn.c. */
struct iser_parting {
	struct iser_party party;
	struct list_node link;		/* of core->partings, oldest first */
	struct iser_core *core;
	struct iser_device *device;
	struct rdma_cm_id *id;
	struct timer timer;
};

struct iser_core {
	struct iser *iser;
	struct reactor *reactor;
	struct rdma_event_channel *channel;
	struct io_op event_op;
	unsigned users;			/* ids; the channel is polled while there are any */
	struct list queues;
	struct list partings;
	unsigned parting_count;
	bool is_closing;		/* nobody is waited for any more */
	struct message closing;
	_Atomic bool is_closing_sent;
	struct log_limit log_limit;
	struct iser_chain chain;
};

struct iser_core *iser_core_of(struct iser *iser, const struct reactor *reactor);
void iser_core_use(struct iser_core *core);
void iser_core_unuse(struct iser_core *core);
/* The service is being closed: nobody is waited for on any core. While the reactors run. */
void iser_close_cores(struct iser *iser);

/* --- completion queues --- */

struct iser_cq {
	struct list_node link;		/* of queue->cqs */
	struct iser_queue *queue;
	struct ibv_cq *cq;
	uint32_t capacity, used;
	unsigned events;		/* that have to be acknowledged before it goes */
};

struct iser_queue {
	struct list_node link;		/* of core->queues */
	struct iser_core *core;
	struct iser_device *device;
	struct ibv_comp_channel *channel;
	struct list cqs;
	struct poller poller;
	struct io_op event_op;
	struct busy busy;
	uint64_t idle_since_ns;		/* polls find nothing since then; 0: the last one did */
	bool is_polled;
	bool is_closing;		/* event_op's end frees it */
};

/* Room for ENTRIES completions of DEVICE on CORE; NULL: there is none to be had. */
struct iser_cq *iser_cq_take(struct iser_core *core, struct iser_device *device, uint32_t entries);
/* No work request with a completion there is outstanding. */
void iser_cq_give(struct iser_cq *cq, uint32_t entries);
/* Takes out what there is, for the end of a connection whose QP is gone. */
void iser_cq_drain(struct iser_cq *cq);

/* The low bits of wr_id say what the pointer in the others is. */
enum { ISER_WR_SEND = 0, ISER_WR_RECV = 1, ISER_WR_KINDS = 7 };

static inline uint64_t iser_wr_id(void *pointer, unsigned kind)
{
	return (uint64_t)(uintptr_t)pointer | kind;
}

/* --- buffers for PDUs, out of the reactor's arena --- */

struct iser_slab {
	struct extents *extents;	/* each as it was taken */
	unsigned extents_count;
};

/*
 * Takes COUNT buffers of SIZE bytes and shows each to USE. -ENOMEM, with nothing taken, where
 * there is too little memory or DEVICE does not know it.
 */
int iser_slab_take(struct iser_slab *slab, struct arena *arena, const struct iser_device *device,
		   uint32_t size, unsigned count,
		   void (*use)(void *context, unsigned index, uint8_t *data, uint32_t lkey),
		   void *context);
void iser_slab_give(struct iser_slab *slab, struct arena *arena);

/* --- connections --- */

struct iser_rx {
	struct ibv_recv_wr wr;
	struct ibv_sge sge;
	struct iser_conn *conn;
	uint8_t *data;
};

struct iser_tx {
	struct iser_tx *next;		/* free ones */
	uint8_t *data;
	uint32_t lkey;
};

enum iser_item_kind { ISER_ITEM_PDU, ISER_ITEM_PUT, ISER_ITEM_HELLO };

/* Something that goes out, in the order of the queue. */
struct iser_item {
	struct list_node link;
	uint8_t kind;		/* enum iser_item_kind */
	bool is_plain;		/* as before full feature phase: one at a time, up to 8 KiB */
} __attribute__((may_alias));

struct iser_task {
	struct iser_item put;
	uint64_t write_va, read_va;
	uint32_t write_stag, read_stag;
	bool has_write, has_read;
	/* get */
	bool is_getting;
	bool has_base;
	uint16_t reads;		/* outstanding */
	uint32_t base;		/* buffer offset that write_va is for */
	uint32_t next, end;	/* buffer offset to read next, and where the get ends */
	int error;		/* what get_done will say */
	struct list_node link;	/* of gets, then of ended */
	struct list_node waiting;	/* of fetch.waiting: something is left to be posted */
} __attribute__((may_alias));

_Static_assert(sizeof(struct iser_item) <= sizeof(((struct transport_pdu *)0)->mover),
	       "pdu->mover");
_Static_assert(sizeof(struct iser_task) <= sizeof(((struct transport_task *)0)->mover),
	       "task->mover");

static inline struct iser_task *iser_task_of(struct transport_task *task)
{
	return (struct iser_task *)(void *)task->mover;
}

static inline struct transport_task *task_of_iser(struct iser_task *it)
{
	return (struct transport_task *)(void *)((char *)it -
						 offsetof(struct transport_task, mover));
}

/* What has been posted to the send queue, in order: a SEND with its RDMA Writes, or one Read. */
struct iser_posted {
	struct iser_item *item;	/* of a SEND */
	struct iser_tx *tx;
	struct iser_task *task;	/* of an RDMA Read */
	uint16_t wrs;
	bool is_signalled;
};

enum iser_state {
	ISER_ARRIVING,		/* on its way to its reactor, being accepted */
	ISER_ACCEPTED,		/* waits for the peer's last word */
	ISER_OPEN,
	ISER_DRAINING,		/* sends what is queued, hears nothing */
	ISER_CLOSING,		/* at the end of this turn it goes */
	ISER_GONE,
};

/* What a connection needs to know of the listener that it came through, which may go first. */
struct iser_origin {
	void *user;
	int (*connected)(void *user, struct transport_conn *conn);
	void (*lost)(void *user, struct reactor *reactor, const char *peer);
	unsigned stall_seconds;
};

struct iser_receive {
	struct iser_rx login;		/* the only one before full feature phase */
	struct iser_rx *rx;
	struct iser_slab slab;
	struct ibv_recv_wr *again;	/* to be posted anew at the end of this turn */
	struct transport_rx pdu;
};

struct iser_transmit {
	struct list queue;		/* not posted */
	struct iser_tx login;
	bool is_login_busy;
	struct iser_tx *tx;
	struct iser_tx *free;
	struct iser_slab slab;
	struct iser_posted *ring;	/* of device->send_depth entries */
	uint32_t head, tail;		/* head: the next to complete */
	uint32_t mask;
	uint32_t slots;			/* of the send queue that are free */
	uint32_t unsignalled;		/* SENDs since the last with a completion */
	struct iser_item hello;
	uint16_t hello_ord;
	bool hello_rejects;
	bool lacks_slots;		/* the first of QUEUE waits for room in the send queue */
	uint64_t progress_ns;
};

struct iser_fetch {
	struct list gets;		/* that run */
	struct list waiting;		/* of them, those that wait for depth or slots */
	struct list ended;		/* get_done is due */
	uint32_t depth;			/* RDMA Reads that may be outstanding */
	uint32_t outstanding;
};

struct iser_conn {
	struct transport_conn conn;
	struct iser_party party;
	struct iser_core *core;
	struct iser_device *device;
	struct iser_cq *cq;
	struct rdma_cm_id *id;
	struct ibv_qp *qp;
	struct iser_origin origin;
	enum iser_state state;
	enum transport_end end;
	int end_error;
	bool is_connected;		/* iSCSI knows it */
	bool is_refused;		/* iSCSI wanted none of it */
	bool is_full;			/* full feature phase with RDMA */
	bool may_invalidate;		/* SEND with Invalidate, by the peer and by us */
	bool parts;			/* all is said: the peer shall disconnect */
	bool has_parted;		/* it has, or its device has gone */
	uint8_t responder_resources;	/* as the peer asked for them */
	uint64_t stall_ns;
	uint32_t recv_depth, cq_entries;
	uint32_t write_sge, read_sge;
	uint32_t inline_max;		/* bytes of a SEND that go with the work request itself */
	struct iser_slab slab;		/* of the login phase */
	struct iser_receive receive;
	struct iser_transmit transmit;
	struct iser_fetch fetch;
	struct message arrival;
	struct deferred work;
	struct timer stall_timer;
	struct timer close_timer;
	bool is_stall_timed;
	struct events events;
};

static inline struct iser_conn *iser_of(struct transport_conn *conn)
{
	return container_of(conn, struct iser_conn, conn);
}

/* conn.c. On its reactor: accepts, or tells lost. */
void iser_conn_start(struct iser_conn *conn);
/* The connection ends. GRACEFUL: what is queued goes out first. Returns at once, calls nobody. */
void iser_conn_end(struct iser_conn *conn, enum transport_end end, int err, bool graceful);
/* An event of the connection manager for it. */
void iser_conn_event(struct iser_party *party, enum rdma_cm_event_type type, int status);
/* Ends what still waits for its peer to disconnect. */
void iser_parting_end(struct iser_parting *parting);
/* The peer has sent: it is there. */
void iser_conn_established(struct iser_conn *conn);
/* A work request has failed, with STATUS. */
void iser_conn_failed(struct iser_conn *conn, enum ibv_wc_status status, const char *what);
static inline void iser_conn_defer(struct iser_conn *conn)
{
	reactor_defer(conn->conn.reactor, &conn->work);
}

/* receive.c */
void iser_receive_init(struct iser_conn *conn);
void iser_receive_login_buffer(struct iser_conn *conn, uint8_t *data, uint32_t lkey);
/* Takes COUNT more buffers and posts them; -ENOMEM. */
int iser_receive_enable(struct iser_conn *conn, unsigned count);
void iser_receive_free(struct iser_conn *conn);
void iser_receive_done(struct iser_rx *rx, const struct ibv_wc *wc);
/* Posts what has been taken out; before anything is sent, so that the peer never runs ahead. */
int iser_receive_post(struct iser_conn *conn);

/* transmit.c */
int iser_transmit_init(struct iser_conn *conn);
int iser_transmit_enable(struct iser_conn *conn, unsigned count);
void iser_transmit_free(struct iser_conn *conn);
void iser_transmit_send_control(struct transport_conn *transport, struct transport_pdu *pdu);
void iser_transmit_put_data(struct transport_conn *transport, struct transport_task *task);
/* Answers Hello: that so many RDMA Reads may be outstanding, or that nothing comes of it. */
void iser_transmit_hello(struct iser_conn *conn, uint16_t ord, bool rejects);
/* Posts all that can be posted: PDUs, puts, then gets. */
void iser_transmit_post(struct iser_conn *conn);
void iser_transmit_done(struct iser_conn *conn, const struct ibv_wc *wc);
bool iser_transmit_is_idle(const struct iser_conn *conn);
/* Completes everything that is queued or posted with ERR. */
void iser_transmit_fail(struct iser_conn *conn, int err);
/* Makes room in the chain for WRS and SGES more. False: the connection is ending. */
bool iser_transmit_room(struct iser_conn *conn, unsigned wrs, unsigned sges);
/* The next of the chain, with its sg_list: opcode, num_sge and the rest are the caller's. */
struct ibv_send_wr *iser_transmit_next(struct iser_conn *conn);
/* What the last of the chain ends: it is posted with the chain. */
void iser_transmit_note(struct iser_conn *conn, const struct iser_posted *posted);

/*
 * Local scatter/gather entries for bytes OFFSET to OFFSET + LENGTH of EXTENTS, at most MAX of them.
 * Returns how many bytes they cover; 0: that memory is not registered.
 */
uint32_t iser_gather(const struct iser_device *device, const struct extents *extents,
		     uint32_t offset, uint32_t length, struct ibv_sge *sge, unsigned max,
		     int *count);

/* fetch.c */
void iser_fetch_init(struct iser_conn *conn);
void iser_fetch_task_begin(struct transport_conn *transport, struct transport_task *task,
			   const struct transport_rx *rx);
void iser_fetch_task_end(struct transport_conn *transport, struct transport_task *task);
void iser_fetch_get_data(struct transport_conn *transport, struct transport_task *task);
/* Puts RDMA Reads into the chain as far as depth and slots reach. */
void iser_fetch_post(struct iser_conn *conn);
/* One Read of IT is over. */
void iser_fetch_read_done(struct iser_conn *conn, struct iser_task *it);
/* Upcalls that are due. */
void iser_fetch_run(struct iser_conn *conn);
/* Completes every get with ERR. */
void iser_fetch_fail(struct iser_conn *conn, int err);

#endif
