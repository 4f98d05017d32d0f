/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An RDMA device, a connection manager and the peers behind them, in memory,
 * for tests and fuzzing of transport/iser. Posting and polling go through the
 * operations of a fake ibv_context, everything else through struct iser_verbs.
 *
 * The test is the peer: it connects, sends into posted receives, lets work
 * requests run one by one, in order as a send queue does, and breaks things.
 * What a device would punish ends the program: a local key that is none,
 * queues that overflow, one RDMA Read too many, memory used after its QP or
 * MR has gone. One device for the program.
 */
#ifndef PINION_TESTS_UNIT_TEST_TRANSPORT_ISER_FAKE_H
#define PINION_TESTS_UNIT_TEST_TRANSPORT_ISER_FAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/iser/verbs.h"

struct fake_peer;

/* What a test may change before it makes a struct iser. */
struct fake_knobs {
	const char *obstacle;
	int max_cqe, max_qp_wr, max_sge, max_sge_rd;
	int max_rd_atom;
	uint32_t vendor_id;
	uint32_t inline_max;	/* create_qp fails above it */
	unsigned qp_sge_max;	/* create_qp fails above it, 0: never */
	bool has_odp, has_implicit, invalidates;
	bool is_iwarp;		/* Reads have one entry, in memory that the peer may write */
	bool fails_pinned;	/* memory can only be registered on demand */
	bool fails_migrate, fails_accept, fails_create_cq;
	bool fails_bind;
	size_t pin_limit;	/* bytes that can be pinned, 0: all */
	unsigned posts;		/* work requests until posting fails, 0: never */
};

/* How many objects there are, and how often memory was registered. */
struct fake_counts {
	int pds, mrs, cqs, comp_channels, qps, ids, event_channels, device_lists;
	int registrations;
};

extern const struct iser_verbs fake_verbs;

void fake_reset(void);
/* Frees what is kept of QPs that are gone; no completion queue is there any more. */
void fake_bury(void);
struct fake_knobs *fake_knobs(void);
struct fake_counts fake_counts(void);
/* The completion vectors that were ever used: a bit each. */
unsigned fake_vectors(void);

/* Memory of the peers, under RKEY. */
void fake_remote(uint32_t rkey, uint64_t va, void *base, size_t length);

/* Asks for a connection; NULL where nobody listens. */
struct fake_peer *fake_connect(const void *private_data, uint8_t length, uint8_t responder_resources,
			       uint8_t initiator_depth);
void fake_event(struct fake_peer *peer, enum rdma_cm_event_type type, int status);
/* The listening id's device goes. */
void fake_listener_gone(void);
/* The device has gone and is back: whoever connects comes by another context. */
void fake_device_again(void);
/* Frees what the peer's end took; the target's must be gone. */
void fake_forget(struct fake_peer *peer);

bool fake_is_accepted(const struct fake_peer *peer);
bool fake_is_rejected(const struct fake_peer *peer);
bool fake_is_disconnected(const struct fake_peer *peer);
/* The target has destroyed its id. */
bool fake_is_gone(const struct fake_peer *peer);
/* What accept said. */
const struct rdma_conn_param *fake_accepted(const struct fake_peer *peer);
const uint8_t *fake_accepted_data(const struct fake_peer *peer);

unsigned fake_receives(const struct fake_peer *peer);
unsigned fake_sends(const struct fake_peer *peer);
unsigned fake_reads(const struct fake_peer *peer);

/* Sends a message into the next receive; false: there is none. */
bool fake_send(struct fake_peer *peer, const void *bytes, size_t length);
/* Runs up to MOST work requests of the send queue, in order; returns how many. */
unsigned fake_run(struct fake_peer *peer, unsigned most);
/* The next one ends with STATUS, and the QP is in error: everything is flushed. */
void fake_fail(struct fake_peer *peer, enum ibv_wc_status status);
/* Likewise without a cause of its own. */
void fake_flush(struct fake_peer *peer);

struct fake_message {
	uint8_t bytes[8704];
	uint32_t length;
	uint32_t invalidated;	/* STag, 0: none */
	bool is_inline;
};

/* The next message that the target has sent; false: there is none. */
bool fake_take(struct fake_peer *peer, struct fake_message *message);

#endif
