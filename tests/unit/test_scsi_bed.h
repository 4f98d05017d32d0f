/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the device server share: a store whose moods can be set, a
 * real reactor turned by hand, and a port that plays the initiator.
 */
#ifndef PINION_TESTS_TEST_SCSI_BED_H
#define PINION_TESTS_TEST_SCSI_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "scsi/scsi.h"

#define BED_HELD_MAX 64

/* A store in memory, with knobs. */
struct bed_store {
	struct store store;
	struct region *region;
	/* knobs */
	bool hold; /* I/O waits for bed_store_finish */
	int fail; /* negative errno for every operation */
	uint64_t fail_at; /* byte offset: only operations that cover it fail */
	bool fail_everywhere;
	uint64_t copies; /* so many bytes of a STORE_COPY are done, the rest is declined */
	const struct store_usage *usage; /* NULL: does not know */
	uint64_t hole_granule; /* bytes: every other one of them is a hole, 0: there is none */
	/* what was seen */
	struct store_io *held[BED_HELD_MAX];
	unsigned held_count;
	unsigned count[STORE_COPY + 1]; /* by enum store_op */
	atomic_uint asked; /* what usage there is, by a worker */
	unsigned flags; /* of the last operation */
	unsigned cancels;
	unsigned mapped;
	bool closed; /* not freed with the LU: the bed does that */
};

#define BED_BLOBS_MAX 16

/* A keeper in memory, with knobs. It outlives restarts of the logical unit: bed_restart. */
struct bed_keeper {
	struct keeper keeper;
	/* knobs */
	bool hold; /* saves wait for bed_keeper_finish */
	int fail; /* negative errno for every save */
	/* what was seen */
	unsigned saves;
	struct list held;
	struct bed_blob {
		char name[KEEPER_NAME_MAX + 1];
		uint8_t *data;
		size_t length; /* 0: there is none */
	} blobs[BED_BLOBS_MAX];
};

struct bed_config {
	uint64_t size; /* of the store, 0: 16 MiB */
	uint32_t block_size; /* 0: 512 */
	size_t arena_bytes; /* 0: 16 MiB */
	bool mappable;
	bool volatile_cache;
	uint32_t atomic_write;
	const struct store_usage *usage; /* what the store tells, from a worker */
	bool no_lun_0;
	uint32_t second_block_size; /* not 0: there is another logical unit at LUN 1 */
	bool second_read_only;
	/* A real store of this kind instead, opened with one setting beside its size. */
	const char *kind;
	struct store_argument setting;
	bool keeps; /* there is a keeper */
	unsigned protection; /* type of protection information over the store ... */
	const char *protection_path; /* ... which is there, NULL: in memory */
	struct clock *clock; /* NULL: the machine's */
	struct scsi_lu_config lu;
};

struct bed {
	struct memory *memory;
	struct reactor *reactor;
	struct arena *arena;
	struct bed_store store;
	struct bed_store second; /* of LUN 1 */
	struct scsi_lu *second_lu;
	struct bed_keeper keeper;
	struct bed_config config;
	bool is_real; /* the logical unit has another store */
	struct scsi_lu *lu;
	struct scsi_target *target;
	struct scsi_nexus *nexus;
};

/* A command as the initiator sees it. All zero but for what matters. */
struct bed_cmd {
	struct scsi_cmd cmd;
	struct bed *bed;
	const void *out; /* data to send */
	uint32_t out_length;
	bool hold_data; /* data-out does not come before bed_send_data */
	int data_error; /* comes instead of data */
	/* answers */
	bool wants_data;
	bool terminated; /* the data was not wanted any more */
	unsigned completions;
	uint8_t *in; /* what came, in_length bytes */
	uint32_t in_length;
};

/* Makes all of it; the logical unit is LUN 0, or LUN 1 with no_lun_0. */
void bed_setup(struct bed *bed, const struct bed_config *config);
void bed_teardown(struct bed *bed);
/* For cmocka: *STATE becomes a bed with a keeper, whose nexus has heard of its beginning. */
int bed_setup_state(void **state);
/* Whatever *STATE, from malloc, has its bed at the head of. */
int bed_teardown_state(void **state);
/*
 * As after a crash: the logical unit and its target are made anew, with what the keeper has.
 * No nexus but the bed's own may be there; it is made anew too.
 */
void bed_restart(struct bed *bed);
/* Carries the oldest held save out. */
void bed_keeper_finish(struct bed *bed);
/* What is kept under a name that ends with WHAT, NULL for nothing. */
struct bed_blob *bed_blob(struct bed *bed, const char *what);
/* Takes the unit attention of the new nexus away. */
void bed_clear_attention(struct bed *bed);
struct scsi_nexus *bed_nexus(struct bed *bed, const char *initiator_port);

/* Runs a task management function to its end; the test fails when it has none. */
enum scsi_tmf_response bed_manage(struct scsi_nexus *nexus, enum scsi_tmf function, uint64_t lun);

/* Fills in CDB (LENGTH bytes, 16 at least come) with no data; then set what is needed. */
void bed_cdb(struct bed *bed, struct bed_cmd *cmd, const uint8_t *cdb, size_t length);
#define BED_CDB(bed, cmd, ...)                                  \
	bed_cdb((bed), (cmd), (const uint8_t[]){ __VA_ARGS__ }, \
		sizeof((const uint8_t[]){ __VA_ARGS__ }))
/* The initiator wants LENGTH bytes at most. */
void bed_wants(struct bed_cmd *cmd, uint32_t length);
/* The initiator has LENGTH bytes. */
void bed_has(struct bed_cmd *cmd, const void *data, uint32_t length);

/* Hands it in; what can happen at once happens. */
void bed_start(struct bed_cmd *cmd);
/* Sends the held data-out. */
void bed_send_data(struct bed_cmd *cmd);
/* Turns until it has completed; the test fails when it does not. */
void bed_wait(struct bed_cmd *cmd);
/* Gives its memory back. */
void bed_release(struct bed_cmd *cmd);
/* start and wait: for looking at the answer, before bed_release. Returns the status. */
uint8_t bed_get(struct bed_cmd *cmd);
/* start, wait and release in one. Returns the status. */
uint8_t bed_run(struct bed_cmd *cmd);
void bed_turns(struct bed *bed, unsigned count);
/* TEST UNIT READY through NEXUS is told the unit attention CODE, 0: none. */
void bed_told(struct bed *bed, struct scsi_nexus *nexus, uint16_t code);

/* Ends the oldest held I/O with ERR, 0: does it. */
void bed_store_finish(struct bed *bed, int err);
/* The same of another store. */
void bed_store_finish_of(struct bed_store *store, int err);

/* Runs it and expects GOOD with exactly these data-in bytes. */
void bed_expect_data(struct bed_cmd *cmd, const uint8_t *bytes, size_t length);
/* Expect CHECK CONDITION with key and ASC << 8 | ASCQ in the completed command. */
void bed_expect_sense(const struct bed_cmd *cmd, uint8_t key, uint16_t code);
/* The same, and a field pointer into the CDB. BIT -1: none. */
void bed_expect_field(const struct bed_cmd *cmd, uint16_t code, uint16_t byte, int bit);
/* The same, INVALID FIELD IN PARAMETER LIST at a byte of that. */
void bed_expect_parameter(const struct bed_cmd *cmd, uint16_t byte, int bit);
#define BED_RUN_FIELD(cmd, byte, bit)                           \
	do {                                                    \
		assert_int_equal(bed_run(cmd), 0x02);           \
		bed_expect_field((cmd), 0x2400, (byte), (bit)); \
	} while (0)

/* Bytes of LUN 1's medium. */
uint8_t *bed_second_medium(struct bed *bed, uint64_t lba);
/* Bytes of the medium. */
uint8_t *bed_medium(struct bed *bed, uint64_t lba);
void bed_pattern(uint8_t *bytes, size_t length, uint32_t seed);

#endif
