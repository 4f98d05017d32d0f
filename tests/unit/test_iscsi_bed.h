/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of iSCSI share: a node over real reactors with a clock turned
 * by hand, a real SCSI target on a small store that can hold its I/O back, and
 * an initiator that sends and expects one PDU at a time over the loop.
 */
#ifndef PINION_TEST_ISCSI_BED_H
#define PINION_TEST_ISCSI_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "iscsi/conn.h"
#include "iscsi/iscsi.h"
#include "iscsi/node.h"
#include "proto/pdu.h"
#include "transport/loop.h"

#define BED_REACTORS 2
#define BED_BLOCKS 4096u
#define BED_BLOCK 512u
#define BED_TARGET "iqn.2026-11.io.pinion:disk"
#define BED_OTHER_TARGET "iqn.2026-11.io.pinion:other"
#define BED_INITIATOR "iqn.2026-11.org.example:initiator"
#define INI_DATA_MAX (1u << 20)

/* --- the target's side --- */

struct bed_store {
	struct store store;
	uint8_t *bytes;
	bool is_holding;	/* I/O waits for bed_release */
	struct list held;
	unsigned submitted;
	unsigned maps;		/* how often its memory was asked for, where traits.mappable; it shows none */
};

struct bed {
	struct memory *memory;
	struct clock_manual clock;
	struct reactor *reactors[BED_REACTORS];
	struct bed_store disk[2];
	struct scsi_target *scsi[2];
	struct iscsi_node_config config;	/* change it before bed_start */
	struct iscsi_node *node;
	struct iscsi_portal *portal;
	struct reactor *next_reactor;		/* where the next connection lives, NULL: as placed */
	char log[8192];
	unsigned patience;			/* turns without an event until it is quiet */
};

/* A bed without a node; bed_start makes that from bed->config. */
void bed_set_up(struct bed *bed);
void bed_start(struct bed *bed);
void bed_tear_down(struct bed *bed);

/* Turns all reactors until nothing happens any more. */
void bed_settle(struct bed *bed);
/* The clock goes on, in small steps. */
void bed_pass(struct bed *bed, unsigned milliseconds);
/* Completes what the store has held back, and holds no more. */
void bed_release(struct bed *bed, unsigned disk);
/* Bytes that nobody has taken, of all arenas. */
size_t bed_free_memory(const struct bed *bed);
/* Whether the log has a line with TEXT; then it is emptied. */
bool bed_has_logged(struct bed *bed, const char *text);

/* --- the initiator --- */

struct ini {
	struct bed *bed;
	struct loop *loop;
	uint32_t cmd_sn;	/* of the next numbered request */
	uint32_t itt;
	uint32_t exp_stat_sn;
	uint8_t isid[6];
	uint16_t cid;
	uint16_t tsih;
	bool header_digest, data_digest;
	bool bad_data_digest;	/* the next PDU's */
	const char *name;
	/* the last PDU received */
	struct bhs bhs;
	uint8_t *data;
	uint32_t data_len;
};

void ini_connect(struct ini *ini, struct bed *bed);
/* Frees what is the test's; closes first if need be. */
void ini_free(struct ini *ini);

/* Sends BHS (its DataSegmentLength is set here) with AHS-less data. */
void ini_send(struct ini *ini, struct bhs *bhs, const void *data, uint32_t len);
/* Waits for a PDU: true, with ini->bhs and ini->data; false when none comes. */
bool ini_receive(struct ini *ini);
/* The same, and it has to be OPCODE; what only announces the window is left out before others. */
void ini_expect(struct ini *ini, uint8_t opcode);
void ini_expect_nothing(struct ini *ini);
/* The target closes the connection, with nothing more on it. */
void ini_expect_closed(struct ini *ini);

/* The text of keys as string literals: "A=1\0B=2\0" (the last NUL is the literal's). */
#define TEXT(literal) (literal), (uint32_t)sizeof(literal)

/* One Login Request; CSG, NSG (negative: no T bit). */
void ini_send_login(struct ini *ini, int csg, int nsg, const char *text, uint32_t len);
/* and its answer decoded. */
void ini_expect_login(struct ini *ini, struct bhs_login_response *response);
/* The value of KEY in the last PDU's text, or NULL. */
const char *ini_value(struct ini *ini, const char *key);

/* A whole login to BED_TARGET in one exchange, with more KEYS (may be NULL, 0). */
void ini_login(struct ini *ini, const char *more, uint32_t len);
void ini_login_discovery(struct ini *ini);

/* SCSI Command; flags are R, W and F bits of byte 1. Returns its ITT. */
struct ini_command {
	uint8_t cdb[16];
	uint8_t flags;
	uint32_t expected;
	const void *data;
	uint32_t data_len;
	bool immediate;
	uint8_t lun;
};
uint32_t ini_command(struct ini *ini, const struct ini_command *command);
/* READ(10) and WRITE(10) of BLOCKS from LBA. */
uint32_t ini_read(struct ini *ini, uint32_t lba, uint16_t blocks);
uint32_t ini_write(struct ini *ini, uint32_t lba, uint16_t blocks, const void *immediate,
		   uint32_t len, bool final);
void ini_data_out(struct ini *ini, uint32_t itt, uint32_t ttt, uint32_t data_sn, uint32_t offset,
		  const void *data, uint32_t len, bool final);
/* The unit attention that a new nexus has. */
void ini_clear_attention(struct ini *ini);
/* Expects a SCSI Response for ITT with STATUS. */
void ini_expect_response(struct ini *ini, uint32_t itt, uint8_t status,
			 struct bhs_scsi_response *response);
/* and that its sense says KEY / ASC / ASCQ. */
void ini_expect_sense(struct ini *ini, uint8_t key, uint8_t asc, uint8_t ascq);
/* Expects the Data-In PDUs of one read, LEN bytes that are EXPECTED, the last with GOOD. */
void ini_expect_read(struct ini *ini, uint32_t itt, const uint8_t *expected, uint32_t len);

void ini_tmf(struct ini *ini, uint8_t function, uint32_t rtt, uint32_t ref_cmd_sn);
void ini_expect_tmf(struct ini *ini, uint8_t code);
void ini_ping(struct ini *ini, const void *data, uint32_t len, bool immediate);
void ini_logout(struct ini *ini, uint8_t reason, uint16_t cid);

#endif
