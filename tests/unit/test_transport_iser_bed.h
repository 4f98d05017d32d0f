/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bed on which the iSER mover is tested: two reactors with a clock that is
 * turned by hand, the fake device, and above the mover an upper layer that
 * writes every upcall down as a line of text. Messages are built and taken
 * apart here by byte offsets from RFC 7145 section 9 and RFC 7143 section 11.
 */
#ifndef PINION_TESTS_UNIT_TEST_TRANSPORT_ISER_BED_H
#define PINION_TESTS_UNIT_TEST_TRANSPORT_ISER_BED_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/container.h"
#include "sys/memory.h"
#include "sys/reactor.h"
#include "test_transport_iser_fake.h"
#include "transport/transport.h"

enum {
	BED_REMOTE = 4 * 1024 * 1024,	/* bytes of the peer's memory, at BED_VA under BED_RKEY */
	BED_RKEY = 0x1234,
	BED_WINDOW = 8,
	BED_CORES = 2,
	BED_LOGIN = 8704,
};
#define BED_VA UINT64_C(0x7000000000)

struct bed {
	struct clock_manual clock;
	struct memory *memory;
	struct reactor *reactors[BED_CORES];
	struct iser *iser;
	struct transport_listener *listener;
	struct fake_peer *peer;
	struct transport_conn *conn;
	struct transport_numbers numbers;
	struct transport_keys keys;
	struct extents data;		/* 2 MiB of the second reactor's arena, in pieces */
	uint8_t *remote;
	unsigned place;			/* which reactor gets connections */
	int placed_node;
	int connected;			/* what connected returns */
	enum iser_invalidate invalidate;
	enum transport_sink sink;	/* of SCSI commands */
	unsigned lost;
	char log[65536];
	size_t log_len;

	/* what upcalls do beyond writing it down; may be NULL */
	void (*on_header)(struct bed *bed, struct transport_rx *rx);
	void (*on_pdu)(struct bed *bed, struct transport_rx *rx);
	void (*on_done)(struct bed *bed, struct transport_task *task);
	struct transport_task *task;
};

/* A fresh one for each test: fake device, iser, listener. */
int bed_set_up(void **state);
/* Ends everything, and checks that nothing is left. */
int bed_tear_down(void **state);
/* The same in two halves, for tests that change the device first. */
struct bed *bed_prepare(void);
void bed_open(struct bed *bed);

/* Turns the reactors until nothing more happens. */
void bed_run(struct bed *bed);
/* Likewise, and lets the device run everything that is posted. */
void bed_run_device(struct bed *bed);
void bed_advance(struct bed *bed, uint64_t ms);

/* A connection up to the first login PDU; then in full feature phase. */
void bed_connect(struct bed *bed);
void bed_enable(struct bed *bed);
/* Breaks it, and sees it go. */
void bed_disconnect(struct bed *bed);

void bed_log(struct bed *bed, const char *format, ...) __attribute__((format(printf, 2, 3)));
void bed_expect(struct bed *bed, const char *log);

/* A control-type message: opcode and flags of byte 0, BHS, data; returns its length. */
size_t bed_message(uint8_t *out, uint8_t first, const uint8_t bhs[48], const void *data,
		   size_t length);
/* A SCSI command that offers BED_RKEY for write and read, each from VA on where not 0. */
void bed_command(struct bed *bed, uint32_t itt, uint64_t write_va, uint64_t read_va,
		 const void *data, size_t length);
/* Starts a task for the command with the tag ITT; the upper layer does so in header. */
void bed_begin(struct bed *bed, struct transport_task *task, uint32_t itt, uint64_t write_va,
	       uint64_t read_va);

#endif
