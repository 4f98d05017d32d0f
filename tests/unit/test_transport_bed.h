/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bed on which the stream mover is tested: a reactor with a clock that is
 * turned by hand, loop connections, and above them a small scripted upper layer
 * that writes down every upcall as a line of text. PDUs are built and taken
 * apart here by byte offsets from RFC 7143 section 11, not by src/proto.
 */
#ifndef PINION_TESTS_UNIT_TEST_TRANSPORT_BED_H
#define PINION_TESTS_UNIT_TEST_TRANSPORT_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/container.h"
#include "sys/reactor.h"
#include "transport/loop.h"

#define BED_DATA 1048576u
#define NONE 0xffffffffu

struct bed {
	struct memory *memory;
	struct reactor *reactor;
	struct clock_manual clock;
	struct loop *loop;
	struct transport_conn *conn;
	struct transport_window window;
	struct transport_numbers numbers;
	struct transport_keys keys;
	char log[65536];
	size_t log_len;

	uint8_t *data;			/* BED_DATA bytes */
	struct extents extents;		/* all of them, in pieces */

	/* what header and pdu do beyond writing it down; may be NULL */
	int (*on_header)(struct bed *bed, struct transport_rx *rx);
	int (*on_pdu)(struct bed *bed, struct transport_rx *rx);
	void (*on_violation)(struct bed *bed, struct transport_task *task);
	void (*on_done)(struct bed *bed, struct transport_task *task);
	struct transport_task *task;	/* for these */
};

/* One for the program: group set-up and tear-down. */
int bed_set_up(void **state);
int bed_tear_down(void **state);

/* Digests off, segments of 8192, bursts of 262144, one R2T. */
void bed_default_keys(struct bed *bed);
/* A new connection, enabled with bed->keys unless LOGIN. */
void bed_connect(struct bed *bed, bool login);
/* Ends it (if it has not ended) and frees it. */
void bed_disconnect(struct bed *bed);
/* Turns until nothing more happens. */
void bed_run(struct bed *bed);
void bed_log(struct bed *bed, const char *format, ...) __attribute__((format(printf, 2, 3)));
void bed_forget(struct bed *bed);
void bed_expect(struct bed *bed, const char *log);

/* Bytes that are being put together. */
struct bytes {
	uint8_t *at;
	size_t len;
	size_t size;
};

void bytes_add(struct bytes *bytes, const void *from, size_t len);
void bytes_free(struct bytes *bytes);

void set16(uint8_t *at, uint32_t value);
void set24(uint8_t *at, uint32_t value);
void set32(uint8_t *at, uint32_t value);
void set64(uint8_t *at, uint64_t value);
uint32_t get24(const uint8_t *at);
uint32_t get32(const uint8_t *at);
/* Bit by bit, from the polynomial. */
uint32_t slow_crc32c(const uint8_t *at, size_t len);

/* Appends a PDU with AHS and data, padding and the digests that the keys say. */
void add_pdu(struct bed *bed, struct bytes *bytes, const uint8_t header[48], const void *ahs,
	     size_t ahs_len, const void *data, size_t data_len);
/* Data-Out with the tags given. */
void add_data_out(struct bed *bed, struct bytes *bytes, uint32_t itt, uint32_t ttt,
		  uint32_t data_sn, uint32_t offset, const void *data, uint32_t len, bool final);
void feed(struct bed *bed, struct bytes *bytes);

/* A PDU of the target. */
struct pdu {
	uint8_t header[48];
	uint8_t *data;
	uint32_t data_len;
};

/* Reads one PDU, with its padding and digests checked; false when there is none (whole). */
bool take_pdu(struct bed *bed, struct pdu *pdu);
void pdu_free(struct pdu *pdu);

void task_init(struct bed *bed, struct transport_task *task, uint32_t itt);

#endif
