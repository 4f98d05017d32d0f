/* SPDX-License-Identifier: BSD-2-Clause */
/* scsi/sbc_format.c, scsi/job.c: SANITIZE and FORMAT UNIT, what they refuse, and what is refused meanwhile. */
#include "test_scsi_bed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "scsi/lu.h"

enum { OVERWRITE = 0x01, BLOCK_ERASE = 0x02, EXIT_FAILURE_MODE = 0x1f, IMMED = 0x80, AUSE = 0x20 };

/* ---- a keeper that can be looked into; what it saves is done when it is told to ---- */

struct test_keeper {
	struct keeper keeper;
	struct keeper_save *held;
	int length; /* of what is kept, -1: nothing */
	uint8_t kept;
	int fail;
};

static ssize_t keeper_load(struct keeper *base, const char *name, void *data, size_t size)
{
	struct test_keeper *keeper = container_of(base, struct test_keeper, keeper);

	if (strstr(name, "-job") == NULL || keeper->length < 0)
		return -ENOENT;
	assert_true(size >= 1);
	*(uint8_t *)data = keeper->kept;
	return keeper->length;
}

static void keeper_save(struct keeper *base, struct keeper_save *save)
{
	struct test_keeper *keeper = container_of(base, struct test_keeper, keeper);

	assert_non_null(strstr(save->name, "-job"));
	assert_null(keeper->held);
	keeper->held = save;
}

static void keeper_finish(struct test_keeper *keeper)
{
	struct keeper_save *save = keeper->held;

	assert_non_null(save);
	keeper->held = NULL;
	save->err = keeper->fail;
	if (save->err == 0) {
		keeper->length = save->length == 0 ? -1 : (int)save->length;
		keeper->kept = save->length == 0 ? 0 : *(const uint8_t *)save->data;
	}
	save->done(save);
}

static const struct keeper_ops keeper_ops = { keeper_load, keeper_save };

/* ---- the bed ---- */

static void make(struct bed *bed, bool thin, struct keeper *keeper)
{
	bed_setup(bed, &(struct bed_config){ .lu = { .thin = thin, .keeper = keeper } });
	bed_clear_attention(bed);
	bed_pattern(bed->store.region->base, 16 << 20, 5);
}

static int setup(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));

	make(bed, true, NULL);
	*state = bed;
	return 0;
}

static void sanitize(struct bed *bed, struct bed_cmd *cmd, uint8_t what, const uint8_t *list,
		     uint16_t length)
{
	BED_CDB(bed, cmd, 0x48, what, 0, 0, 0, 0, 0, length >> 8, length & 0xff, 0);
	if (length != 0)
		bed_has(cmd, list, length);
}

/* One pass of zeros. */
static void overwrite(struct bed *bed, struct bed_cmd *cmd, uint8_t flags)
{
	static const uint8_t list[5] = { 0x01, 0, 0, 1, 0 };

	sanitize(bed, cmd, OVERWRITE | flags, list, sizeof(list));
}

static void format(struct bed *bed, struct bed_cmd *cmd, uint8_t what, const uint8_t *list,
		   uint16_t length)
{
	BED_CDB(bed, cmd, 0x04, what, 0, 0, 0, 0);
	if (length != 0)
		bed_has(cmd, list, length);
}

static void test_unit_ready(struct bed *bed, struct bed_cmd *cmd)
{
	BED_CDB(bed, cmd, 0x00, 0, 0, 0, 0, 0);
}

static void expect_ready(struct bed *bed)
{
	struct bed_cmd cmd;

	test_unit_ready(bed, &cmd);
	assert_int_equal(bed_run(&cmd), 0x00);
}

/* Returns the progress indication, where there is one. */
static unsigned expect_refused(struct bed *bed, uint8_t key, uint16_t code)
{
	struct bed_cmd cmd;
	unsigned progress;

	test_unit_ready(bed, &cmd);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, key, code);
	progress = cmd.cmd.sense[15] == 0x80 ? get_be16(cmd.cmd.sense + 16) : 0;
	BED_CDB(bed, &cmd, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0);
	bed_wants(&cmd, 512);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, key, code);
	return progress;
}

static void expect_all(struct bed *bed, const uint8_t *block)
{
	for (uint64_t lba = 0; lba < 32768; lba++)
		assert_memory_equal(bed_medium(bed, lba), block, 512);
}

static void expect_zeros(struct bed *bed)
{
	static const uint8_t zeros[512];

	expect_all(bed, zeros);
}

/* ---- SANITIZE: what it does ---- */

static void test_sanitize_overwrite__pattern(void **state)
{
	static const uint8_t list[7] = { 0x01, 0, 0, 3, 'a', 'b', 'c' };
	struct bed *bed = *state;
	struct bed_cmd cmd;
	uint8_t block[512];

	/* Anew in each block, cut at its end. */
	for (unsigned i = 0; i < sizeof(block); i++)
		block[i] = "abc"[i % 3];
	sanitize(bed, &cmd, OVERWRITE, list, sizeof(list));
	assert_int_equal(bed_run(&cmd), 0x00);
	assert_int_equal(cmd.cmd.transfer_length, 7);
	expect_all(bed, block);
	assert_int_equal(bed->store.count[STORE_WRITE], 64);
	assert_int_equal(bed->store.count[STORE_FLUSH], 1);
	expect_ready(bed);
}

static void test_sanitize_overwrite__inverted_between_passes(void **state)
{
	struct bed *bed = *state;
	uint8_t list[4 + 512] = { 0x83, 0, 2, 0 };
	struct bed_cmd cmd;

	bed_pattern(list + 4, 512, 1);
	sanitize(bed, &cmd, OVERWRITE, list, sizeof(list));
	assert_int_equal(bed_run(&cmd), 0x00);
	expect_all(bed, list + 4);
	assert_int_equal(bed->store.count[STORE_WRITE], 3 * 64);
	assert_int_equal(bed->store.count[STORE_FLUSH], 3);
	/* An even number of passes ends with the inverted pattern. */
	list[0] = 0x82;
	sanitize(bed, &cmd, OVERWRITE, list, sizeof(list));
	assert_int_equal(bed_run(&cmd), 0x00);
	for (unsigned i = 4; i < sizeof(list); i++)
		list[i] ^= 0xff;
	expect_all(bed, list + 4);
}

static void test_sanitize_block_erase__overwrites_and_frees(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;
	struct bed thick;

	sanitize(bed, &cmd, BLOCK_ERASE, NULL, 0);
	assert_int_equal(bed_run(&cmd), 0x00);
	expect_zeros(bed);
	assert_int_equal(bed->store.count[STORE_WRITE], 64);
	assert_int_equal(bed->store.count[STORE_DISCARD], 1);
	BED_CDB(bed, &cmd, 0x12, 1, 0xb1, 0, 64, 0);
	bed_wants(&cmd, 64);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(cmd.in[7] & 0xc0, 0x40); /* WABEREQ */
	bed_release(&cmd);
	make(&thick, false, NULL);
	sanitize(&thick, &cmd, BLOCK_ERASE, NULL, 0);
	BED_RUN_FIELD(&cmd, 1, 4);
	bed_teardown(&thick);
}

static void test_sanitize__refusals(void **state)
{
	struct bed *bed = *state;
	uint8_t list[4 + 513] = { 0x01, 0, 2, 0 };
	struct bed_cmd cmd;

	for (uint16_t length = 1; length < 5; length++) {
		sanitize(bed, &cmd, OVERWRITE, list, length);
		BED_RUN_FIELD(&cmd, 7, 7);
	}
	sanitize(bed, &cmd, OVERWRITE, NULL, 0);
	BED_RUN_FIELD(&cmd, 7, 7);
	sanitize(bed, &cmd, OVERWRITE, list, 517);
	BED_RUN_FIELD(&cmd, 7, 7);
	/* Less came than the CDB says. */
	sanitize(bed, &cmd, OVERWRITE, list, 516);
	cmd.cmd.data_out_available = 100;
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x0e03);
	/* OVERWRITE COUNT, TEST, reserved, pattern length */
	list[0] = 0;
	sanitize(bed, &cmd, OVERWRITE, list, 516);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2600);
	assert_int_equal(cmd.cmd.sense[15], 0x8c);
	list[0] = 0x21;
	sanitize(bed, &cmd, OVERWRITE, list, 516);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2600);
	list[0] = 0x01;
	list[1] = 0x80;
	sanitize(bed, &cmd, OVERWRITE, list, 516);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2600);
	list[1] = 0;
	list[2] = 0;
	sanitize(bed, &cmd, OVERWRITE, list, 516);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2600);
	list[3] = 2; /* more than there is */
	sanitize(bed, &cmd, OVERWRITE, list, 5);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2600);
	assert_int_equal(get_be16(cmd.cmd.sense + 16), 2);
	sanitize(bed, &cmd, BLOCK_ERASE, list, 5);
	BED_RUN_FIELD(&cmd, 7, 7);
	sanitize(bed, &cmd, EXIT_FAILURE_MODE, list, 8);
	BED_RUN_FIELD(&cmd, 7, 7);
	/* ZNR, CRYPTOGRAPHIC ERASE */
	sanitize(bed, &cmd, BLOCK_ERASE | 0x40, NULL, 0);
	BED_RUN_FIELD(&cmd, 1, 6);
	sanitize(bed, &cmd, 0x03, NULL, 0);
	BED_RUN_FIELD(&cmd, 1, 4);
	assert_int_equal(bed->store.count[STORE_WRITE], 0);
	expect_ready(bed);
	/* Nothing has failed: there is nothing to exit from. */
	sanitize(bed, &cmd, EXIT_FAILURE_MODE, NULL, 0);
	assert_int_equal(bed_run(&cmd), 0x00);
}

/* ---- while it is under way ---- */

static void test_sanitize__keeps_others_out_and_tells_how_far_it_is(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd, other;
	unsigned before = 0, seen = 0;

	bed->store.hold = true;
	overwrite(bed, &cmd, 0);
	bed_start(&cmd);
	for (unsigned i = 0; i < 65; i++) {
		bed_turns(bed, 3);
		assert_int_equal(cmd.completions, 0);
		assert_int_equal(bed->store.held_count, 1);
		if (i % 16 == 15) {
			unsigned progress = expect_refused(bed, 0x02, 0x041b);

			assert_true(progress > before);
			assert_in_range(progress, i * 1024 - 1024, i * 1024 + 1024);
			before = progress;
			seen++;
		}
		bed_store_finish(bed, 0);
		if (i != 40)
			continue;
		/* INQUIRY, REPORT LUNS, REQUEST SENSE, the tables; another SANITIZE not. */
		BED_CDB(bed, &other, 0x12, 0, 0, 0, 36, 0);
		bed_wants(&other, 36);
		assert_int_equal(bed_run(&other), 0x00);
		BED_CDB(bed, &other, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0);
		bed_wants(&other, 64);
		assert_int_equal(bed_run(&other), 0x00);
		BED_CDB(bed, &other, 0xa3, 0x0c, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0);
		bed_wants(&other, 4096);
		assert_int_equal(bed_run(&other), 0x00);
		BED_CDB(bed, &other, 0x03, 0, 0, 0, 18, 0);
		bed_wants(&other, 18);
		assert_int_equal(bed_get(&other), 0x00);
		assert_int_equal(other.in[2], 0x02);
		assert_int_equal(get_be16(other.in + 12), 0x041b);
		assert_int_equal(other.in[15], 0x80);
		assert_in_range(get_be16(other.in + 16), 40 * 1024, 42 * 1024);
		bed_release(&other);
		overwrite(bed, &other, 0);
		assert_int_equal(bed_run(&other), 0x02);
		bed_expect_sense(&other, 0x02, 0x041b);
		sanitize(bed, &other, EXIT_FAILURE_MODE, NULL, 0);
		assert_int_equal(bed_run(&other), 0x02);
		bed_expect_sense(&other, 0x02, 0x041b);
	}
	assert_int_equal(seen, 4);
	bed_wait(&cmd);
	assert_int_equal(cmd.cmd.status, 0x00);
	bed_release(&cmd);
	bed->store.hold = false;
	expect_ready(bed);
	expect_zeros(bed);
}

static void test_sanitize__immed(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;

	bed->store.hold = true;
	overwrite(bed, &cmd, IMMED);
	assert_int_equal(bed_run(&cmd), 0x00);
	expect_refused(bed, 0x02, 0x041b);
	bed_turns(bed, 2);
	bed->store.hold = false;
	bed_store_finish(bed, 0);
	bed_turns(bed, 100);
	expect_ready(bed);
	expect_zeros(bed);
}

static void test_sanitize__goes_on_when_aborted(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;

	bed->store.hold = true;
	overwrite(bed, &cmd, 0);
	bed_start(&cmd);
	bed_turns(bed, 3);
	scsi_cmd_abort(&cmd.cmd);
	assert_int_equal(cmd.completions, 1);
	assert_true(cmd.cmd.aborted);
	bed_release(&cmd);
	expect_refused(bed, 0x02, 0x041b);
	bed->store.hold = false;
	bed_store_finish(bed, 0);
	bed_turns(bed, 100);
	expect_ready(bed);
	expect_zeros(bed);
}

/* What is under way ends first, and its blocks are not written to afterwards. */
static void test_sanitize__ends_other_commands_first(void **state)
{
	struct bed *bed = *state;
	struct scsi_nexus *second = bed_nexus(bed, "iqn.2026-11.test:second,i,0x400000000002");
	uint8_t data[512] = { 1 };
	struct bed_cmd write, waiting, cmd, other;

	BED_CDB(bed, &cmd, 0x00, 0, 0, 0, 0, 0);
	cmd.cmd.nexus = second;
	bed_run(&cmd);
	bed->store.hold = true;
	BED_CDB(bed, &write, 0x2a, 0, 0, 0, 0, 7, 0, 0, 1, 0);
	write.cmd.nexus = second;
	bed_has(&write, data, 512);
	bed_start(&write);
	/* This one has passed the gate, and its data is still to come. */
	BED_CDB(bed, &waiting, 0x2a, 0, 0, 0, 0, 9, 0, 0, 1, 0);
	waiting.cmd.nexus = second;
	waiting.hold_data = true;
	bed_has(&waiting, data, 512);
	bed_start(&waiting);
	overwrite(bed, &cmd, IMMED);
	bed_start(&cmd);
	bed_turns(bed, 5);
	assert_int_equal(cmd.completions, 0);
	assert_int_equal(bed->store.held_count, 1);
	bed_store_finish(bed, 0);
	bed_wait(&write);
	bed_wait(&waiting);
	assert_true(waiting.cmd.aborted);
	bed_release(&write);
	bed_release(&waiting);
	bed_wait(&cmd);
	assert_int_equal(cmd.cmd.status, 0x00);
	bed_release(&cmd);
	bed->store.hold = false;
	bed_turns(bed, 3);
	while (bed->store.held_count > 0)
		bed_store_finish(bed, 0);
	bed_turns(bed, 100);
	/* The loser is told. */
	BED_CDB(bed, &other, 0x00, 0, 0, 0, 0, 0);
	other.cmd.nexus = second;
	assert_int_equal(bed_run(&other), 0x02);
	bed_expect_sense(&other, 0x06, 0x2f00);
	expect_ready(bed);
	expect_zeros(bed);
	scsi_nexus_destroy(second);
}

/* ---- failure ---- */

static void break_store(struct bed *bed)
{
	bed->store.fail = -EIO;
	bed->store.fail_at = 8 << 20;
}

static void test_sanitize__failure_in_unrestricted_mode(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;

	break_store(bed);
	overwrite(bed, &cmd, AUSE);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x03, 0x3103);
	bed->store.fail = 0;
	expect_refused(bed, 0x03, 0x3103);
	format(bed, &cmd, 0, NULL, 0);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x03, 0x3103);
	BED_CDB(bed, &cmd, 0x03, 0, 0, 0, 18, 0);
	bed_wants(&cmd, 18);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(get_be16(cmd.in + 12), 0x3103);
	bed_release(&cmd);
	sanitize(bed, &cmd, EXIT_FAILURE_MODE, NULL, 0);
	assert_int_equal(bed_run(&cmd), 0x00);
	expect_ready(bed);
}

static void test_sanitize__failure_in_restricted_mode(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;

	break_store(bed);
	overwrite(bed, &cmd, IMMED);
	assert_int_equal(bed_run(&cmd), 0x00);
	bed_turns(bed, 100);
	expect_refused(bed, 0x03, 0x3103);
	sanitize(bed, &cmd, EXIT_FAILURE_MODE, NULL, 0);
	BED_RUN_FIELD(&cmd, 1, 4);
	overwrite(bed, &cmd, AUSE);
	BED_RUN_FIELD(&cmd, 1, 5);
	/* Only success leads out of it. */
	overwrite(bed, &cmd, 0);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x03, 0x3103);
	bed->store.fail = 0;
	overwrite(bed, &cmd, 0);
	assert_int_equal(bed_run(&cmd), 0x00);
	expect_ready(bed);
	expect_zeros(bed);
}

/* ---- a crash ---- */

static void test_sanitize__is_kept_before_anything_is_written(void **state)
{
	struct test_keeper keeper = { { &keeper_ops }, NULL, -1, 0, 0 };
	struct bed_cmd cmd;
	struct bed bed;

	(void)state;
	make(&bed, true, &keeper.keeper);
	bed.store.hold = true;
	overwrite(&bed, &cmd, AUSE | IMMED);
	bed_start(&cmd);
	bed_turns(&bed, 5);
	/* IMMED: but not before it is safe. */
	assert_int_equal(cmd.completions, 0);
	assert_int_equal(bed.store.held_count, 0);
	expect_refused(&bed, 0x02, 0x041b);
	keeper_finish(&keeper);
	bed_wait(&cmd);
	assert_int_equal(cmd.cmd.status, 0x00);
	bed_release(&cmd);
	assert_int_equal(keeper.length, 1);
	assert_int_equal(keeper.kept, 3);
	bed_turns(&bed, 3);
	assert_int_equal(bed.store.held_count, 1);
	bed.store.hold = false;
	bed_store_finish(&bed, 0);
	bed_turns(&bed, 100);
	expect_refused(&bed, 0x02, 0x041b);
	keeper_finish(&keeper);
	assert_int_equal(keeper.length, -1);
	expect_ready(&bed);
	bed_teardown(&bed);
}

static void test_sanitize__comes_up_failed_after_a_crash(void **state)
{
	static const struct {
		uint8_t kept;
		int length;
		uint8_t key;
		uint16_t code;
		bool can_exit;
	} cases[] = {
		{ 3, 1, 0x03, 0x3103, true },
		{ 4, 1, 0x03, 0x3103, false },
		{ 5, 1, 0x03, 0x3100, false },
		/* Whatever it is, it is not to be trusted. */
		{ 77, 1, 0x03, 0x3103, false },
		{ 0, 0, 0x03, 0x3103, false },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct test_keeper keeper = { { &keeper_ops }, NULL, cases[i].length, cases[i].kept, 0 };
		struct bed_cmd cmd;
		struct bed bed;

		make(&bed, true, &keeper.keeper);
		expect_refused(&bed, cases[i].key, cases[i].code);
		sanitize(&bed, &cmd, EXIT_FAILURE_MODE, NULL, 0);
		bed_start(&cmd);
		if (cases[i].can_exit)
			keeper_finish(&keeper);
		bed_wait(&cmd);
		bed_release(&cmd);
		if (cases[i].can_exit)
			expect_ready(&bed);
		else
			expect_refused(&bed, cases[i].key, cases[i].code);
		bed_teardown(&bed);
	}
}

static void test_sanitize__does_not_begin_when_it_cannot_be_kept(void **state)
{
	struct test_keeper keeper = { { &keeper_ops }, NULL, -1, 0, -ENOSPC };
	struct bed_cmd cmd;
	struct bed bed;

	(void)state;
	make(&bed, true, &keeper.keeper);
	overwrite(&bed, &cmd, IMMED);
	bed_start(&cmd);
	keeper_finish(&keeper);
	bed_wait(&cmd);
	bed_release(&cmd);
	bed_expect_sense(&cmd, 0x04, 0x4400);
	assert_int_equal(bed.store.count[STORE_WRITE], 0);
	expect_ready(&bed);
	bed_teardown(&bed);
}

/* The daemon ends: what is under way fails, and is known to have failed. */
static void test_sanitize__ends_with_the_daemon(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;

	bed->store.hold = true;
	overwrite(bed, &cmd, IMMED);
	assert_int_equal(bed_run(&cmd), 0x00);
	bed_turns(bed, 3);
	atomic_store(&bed->lu->is_ending, true);
	assert_int_equal(atomic_load(&bed->lu->background), 1);
	bed_store_finish(bed, 0);
	bed_turns(bed, 3);
	assert_int_equal(atomic_load(&bed->lu->background), 0);
	assert_int_equal(bed->store.held_count, 0);
	scsi_target_settle(bed->target);
	expect_refused(bed, 0x03, 0x3103);
}

/* ---- FORMAT UNIT ---- */

static void test_format_unit__clears(void **state)
{
	static const uint8_t headers[2][8] = { { 0 }, { 0 } };
	struct bed *bed = *state;
	struct bed_cmd cmd;
	struct bed thick;

	format(bed, &cmd, 0, NULL, 0);
	assert_int_equal(bed_run(&cmd), 0x00);
	expect_zeros(bed);
	assert_int_equal(bed->store.count[STORE_DISCARD], 1);
	assert_int_equal(bed->store.count[STORE_WRITE], 0);
	/* Short and long header; a complete list of no defects, in each format. */
	for (unsigned i = 0; i < 4; i++) {
		static const uint8_t formats[4] = { 0, 3, 4, 5 };

		format(bed, &cmd, 0x18 | formats[i], headers[0], 4);
		assert_int_equal(bed_run(&cmd), 0x00);
		format(bed, &cmd, 0x38 | formats[i], headers[1], 8);
		assert_int_equal(bed_run(&cmd), 0x00);
	}
	make(&thick, false, NULL);
	format(&thick, &cmd, 0, NULL, 0);
	assert_int_equal(bed_run(&cmd), 0x00);
	expect_zeros(&thick);
	assert_int_equal(thick.store.count[STORE_WRITE_ZEROES], 1);
	bed_teardown(&thick);
}

static void test_format_unit__pattern(void **state)
{
	/* FOV, DCRT, IP; SI, repeated, two bytes */
	static const uint8_t list[14] = { 0, 0xa8, 0, 0, 0, 0, 0, 0, 0x20, 1, 0, 2, 0x12, 0x34 };
	/* the default pattern */
	static const uint8_t plain[8] = { 0, 0x88, 0, 0, 0, 0, 0, 0 };
	struct bed *bed = *state;
	struct bed_cmd cmd;
	uint8_t block[512];

	for (unsigned i = 0; i < sizeof(block); i += 2)
		put_be16(block + i, 0x1234);
	format(bed, &cmd, 0x30, list, sizeof(list));
	assert_int_equal(bed_run(&cmd), 0x00);
	expect_all(bed, block);
	format(bed, &cmd, 0x10, plain, sizeof(plain));
	assert_int_equal(bed_run(&cmd), 0x00);
	expect_zeros(bed);
}

static void test_format_unit__immed_and_progress(void **state)
{
	static const uint8_t list[9] = { 0, 0x8a, 0, 0, 0, 1, 0, 1, 0x55 };
	struct bed *bed = *state;
	uint8_t block[512];
	struct bed_cmd cmd;

	bed->store.hold = true;
	format(bed, &cmd, 0x10, list, sizeof(list));
	assert_int_equal(bed_run(&cmd), 0x00);
	bed_turns(bed, 2);
	for (unsigned i = 0; i < 32; i++) {
		bed_store_finish(bed, 0);
		bed_turns(bed, 2);
	}
	assert_int_equal(expect_refused(bed, 0x02, 0x0404), 32768);
	bed->store.hold = false;
	bed_store_finish(bed, 0);
	bed_turns(bed, 100);
	expect_ready(bed);
	memset(block, 0x55, sizeof(block));
	expect_all(bed, block);
}

static void test_format_unit__failure(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;

	break_store(bed);
	format(bed, &cmd, 0, NULL, 0);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x03, 0x3101);
	bed->store.fail = 0;
	expect_refused(bed, 0x03, 0x3100);
	format(bed, &cmd, 0, NULL, 0);
	assert_int_equal(bed_run(&cmd), 0x00);
	expect_ready(bed);
}

static void expect_list_refused(struct bed *bed, uint8_t what, const uint8_t *list, uint16_t length,
				uint16_t code, int byte)
{
	struct bed_cmd cmd;

	format(bed, &cmd, what, list, length);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, code);
	if (byte >= 0)
		assert_int_equal(get_be16(cmd.cmd.sense + 16), byte);
}

static void test_format_unit__refusals(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;

	/* FMTPINFO; without FMTDATA there is no list to be long, complete or of a format. */
	format(bed, &cmd, 0x80, NULL, 0);
	BED_RUN_FIELD(&cmd, 1, 7);
	format(bed, &cmd, 0x20, NULL, 0);
	BED_RUN_FIELD(&cmd, 1, 5);
	format(bed, &cmd, 0x08, NULL, 0);
	BED_RUN_FIELD(&cmd, 1, 3);
	format(bed, &cmd, 0x04, NULL, 0);
	BED_RUN_FIELD(&cmd, 1, 2);
	format(bed, &cmd, 0x17, (const uint8_t[4]){ 0 }, 4);
	BED_RUN_FIELD(&cmd, 1, 2);
	expect_list_refused(bed, 0x10, NULL, 0, 0x1a00, -1);
	expect_list_refused(bed, 0x10, (const uint8_t[3]){ 0 }, 3, 0x1a00, -1);
	expect_list_refused(bed, 0x30, (const uint8_t[7]){ 0 }, 7, 0x1a00, -1);
	/* PROTECTION FIELD USAGE, obsolete, not FOV, defects, reserved, P_I_INFORMATION */
	expect_list_refused(bed, 0x10, (const uint8_t[4]){ 1 }, 4, 0x2600, 0);
	expect_list_refused(bed, 0x10, (const uint8_t[4]){ 0, 0x84 }, 4, 0x2600, 1);
	expect_list_refused(bed, 0x10, (const uint8_t[4]){ 0, 0x20 }, 4, 0x2600, 1);
	expect_list_refused(bed, 0x10, (const uint8_t[12]){ 0, 0x80, 0, 8 }, 12, 0x2600, 2);
	expect_list_refused(bed, 0x30, (const uint8_t[16]){ 0, 0, 0, 0, 0, 0, 0, 8 }, 16, 0x2600, 4);
	expect_list_refused(bed, 0x30, (const uint8_t[8]){ 0, 0, 1 }, 8, 0x2600, 2);
	expect_list_refused(bed, 0x30, (const uint8_t[8]){ 0, 0, 0, 1 }, 8, 0x2600, 3);
	/* the pattern's descriptor: missing, obsolete, type, length, cut off */
	expect_list_refused(bed, 0x10, (const uint8_t[7]){ 0, 0x88 }, 7, 0x1a00, -1);
	expect_list_refused(bed, 0x10, (const uint8_t[8]){ 0, 0x88, 0, 0, 0x40 }, 8, 0x2600, 4);
	expect_list_refused(bed, 0x10, (const uint8_t[8]){ 0, 0x88, 0, 0, 0, 2 }, 8, 0x2600, 5);
	expect_list_refused(bed, 0x10, (const uint8_t[9]){ 0, 0x88, 0, 0, 0, 0, 0, 1 }, 9, 0x2600, 6);
	expect_list_refused(bed, 0x10, (const uint8_t[8]){ 0, 0x88, 0, 0, 0, 1 }, 8, 0x2600, 6);
	expect_list_refused(bed, 0x10, (const uint8_t[8]){ 0, 0x88, 0, 0, 0, 1, 2, 1 }, 8, 0x2600, 6);
	expect_list_refused(bed, 0x10, (const uint8_t[9]){ 0, 0x88, 0, 0, 0, 1, 0, 2 }, 9, 0x1a00, -1);
	assert_int_equal(bed->store.count[STORE_DISCARD], 0);
	expect_ready(bed);
}

static void test_format_unit__read_only(void **state)
{
	struct bed_cmd cmd;
	struct bed bed;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ .lu = { .read_only = true } });
	bed_clear_attention(&bed);
	format(&bed, &cmd, 0, NULL, 0);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x07, 0x2700);
	overwrite(&bed, &cmd, 0);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x07, 0x2700);
	bed_teardown(&bed);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bed_teardown_state)
	const struct CMUnitTest tests[] = {
		TEST(test_sanitize_overwrite__pattern),
		TEST(test_sanitize_overwrite__inverted_between_passes),
		TEST(test_sanitize_block_erase__overwrites_and_frees),
		TEST(test_sanitize__refusals),
		TEST(test_sanitize__keeps_others_out_and_tells_how_far_it_is),
		TEST(test_sanitize__immed),
		TEST(test_sanitize__goes_on_when_aborted),
		TEST(test_sanitize__ends_other_commands_first),
		TEST(test_sanitize__failure_in_unrestricted_mode),
		TEST(test_sanitize__failure_in_restricted_mode),
		cmocka_unit_test(test_sanitize__is_kept_before_anything_is_written),
		cmocka_unit_test(test_sanitize__comes_up_failed_after_a_crash),
		cmocka_unit_test(test_sanitize__does_not_begin_when_it_cannot_be_kept),
		TEST(test_sanitize__ends_with_the_daemon),
		TEST(test_format_unit__clears),
		TEST(test_format_unit__pattern),
		TEST(test_format_unit__immed_and_progress),
		TEST(test_format_unit__failure),
		TEST(test_format_unit__refusals),
		cmocka_unit_test(test_format_unit__read_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
