/* SPDX-License-Identifier: BSD-2-Clause */
/* scsi/mode_select.c and mode_pages.c: what can be changed, what that does, and what is saved. */
#include "test_scsi_bed.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "scsi/lu.h"

enum { WCE = 0x04, D_SENSE = 0x04, SWP = 0x08, TAS = 0x40 };

static int setup(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));

	bed_setup(bed, &(struct bed_config){
			       .volatile_cache = true,
			       .keeps = true,
			       .lu.thin = true,
		       });
	bed_clear_attention(bed);
	*state = bed;
	return 0;
}

/* Prepares MODE SELECT(6) with LIST; BITS: PF, RTD, SP. */
static void prepare(struct bed *bed, struct bed_cmd *cmd, uint8_t bits, const uint8_t *list,
		    uint8_t length)
{
	BED_CDB(bed, cmd, 0x15, bits, 0, 0, length, 0);
	if (length != 0)
		bed_has(cmd, list, length);
}

static uint8_t mode_select(struct bed *bed, uint8_t bits, const uint8_t *list, uint8_t length)
{
	struct bed_cmd cmd;

	prepare(bed, &cmd, bits, list, length);
	return bed_run(&cmd);
}

/* The caching page with WCE, after a header without descriptor. */
static void put_caching(uint8_t list[24], uint8_t wce)
{
	memset(list, 0, 24);
	list[4] = 0x08;
	list[5] = 18;
	list[6] = wce;
}

/* The control page likewise, with bytes 2, 4 and 5. */
static void put_control(uint8_t list[16], uint8_t two, uint8_t four, uint8_t five)
{
	static const uint8_t control[] = { 0x0a, 10, 0x22, 0x10, 0, 0, 0, 0, 0xff, 0xff, 0, 0 };

	memset(list, 0, 4);
	memcpy(list + 4, control, sizeof(control));
	list[6] |= two;
	list[8] |= four;
	list[9] |= five;
}

static void set_caching(struct bed *bed, uint8_t bits, uint8_t wce)
{
	uint8_t list[24];

	put_caching(list, wce);
	assert_int_equal(mode_select(bed, bits, list, sizeof(list)), 0x00);
}

static void set_control(struct bed *bed, uint8_t bits, uint8_t two, uint8_t four, uint8_t five)
{
	uint8_t list[16];

	put_control(list, two, four, five);
	assert_int_equal(mode_select(bed, bits, list, sizeof(list)), 0x00);
}

/* Byte AT of page CODE; CONTROL: 0 current, 2 default, 3 saved. */
static uint8_t sensed(struct bed *bed, uint8_t control, uint8_t code, unsigned at)
{
	struct bed_cmd cmd;
	uint8_t value;

	BED_CDB(bed, &cmd, 0x1a, 0x08, (uint8_t)(control << 6 | code), 0, 255, 0);
	bed_wants(&cmd, 255);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(cmd.in[4] & 0x3f, code);
	value = cmd.in[4 + at];
	bed_release(&cmd);
	return value;
}

/* A write of one block; its sense, if any, is in CMD. */
static uint8_t write_block(struct bed *bed, struct bed_cmd *cmd)
{
	static const uint8_t block[512] = { 1 };

	BED_CDB(bed, cmd, 0x2a, 0, 0, 0, 0, 3, 0, 0, 1, 0);
	bed_has(cmd, block, sizeof(block));
	return bed_run(cmd);
}

static void expect_attention(struct bed *bed, struct scsi_nexus *nexus, uint16_t code)
{
	struct bed_cmd cmd;

	BED_CDB(bed, &cmd, 0x00, 0, 0, 0, 0, 0);
	cmd.cmd.nexus = nexus;
	assert_int_equal(bed_run(&cmd), code != 0 ? 0x02 : 0x00);
	if (code != 0)
		bed_expect_sense(&cmd, 0x06, code);
}

/* ---- what the bits do ---------------------------------------------------------------- */

static void test_mode__wce(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;

	assert_int_equal(write_block(bed, &cmd), 0x00);
	assert_int_equal(bed->store.flags & STORE_FUA, 0);
	assert_int_equal(bed->store.count[STORE_FLUSH], 0);
	set_caching(bed, 0x10, 0);
	/* What was written until then is made as safe. */
	assert_int_equal(bed->store.count[STORE_FLUSH], 1);
	assert_int_equal(sensed(bed, 0, 0x08, 2), 0);
	assert_int_equal(sensed(bed, 2, 0x08, 2), WCE);
	assert_int_equal(write_block(bed, &cmd), 0x00);
	assert_int_equal(bed->store.flags & STORE_FUA, STORE_FUA);
	/* WRITE SAME of zeros. */
	BED_CDB(bed, &cmd, 0x93, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0);
	assert_int_equal(bed_run(&cmd), 0x00);
	assert_int_equal(bed->store.flags & STORE_FUA, STORE_FUA);
	/* So is a discard behind WRITE SAME: what it stands for is zeros. */
	BED_CDB(bed, &cmd, 0x93, 0x09, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0);
	assert_int_equal(bed_run(&cmd), 0x00);
	assert_int_equal(bed->store.count[STORE_DISCARD], 1);
	assert_int_equal(bed->store.flags & STORE_FUA, STORE_FUA);
	set_caching(bed, 0x10, WCE);
	assert_int_equal(write_block(bed, &cmd), 0x00);
	assert_int_equal(bed->store.flags & STORE_FUA, 0);
}

static void test_mode__swp(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;

	set_control(bed, 0x10, 0, SWP, 0);
	assert_int_equal(write_block(bed, &cmd), 0x02);
	bed_expect_sense(&cmd, 0x07, 0x2702);
	assert_int_equal(bed->store.count[STORE_WRITE], 0);
	/* WP in the header. */
	BED_CDB(bed, &cmd, 0x1a, 0x08, 0x0a, 0, 255, 0);
	bed_wants(&cmd, 255);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(cmd.in[2], 0x90);
	bed_release(&cmd);
	set_control(bed, 0x10, 0, 0, 0);
	assert_int_equal(write_block(bed, &cmd), 0x00);
}

static void test_mode__d_sense(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;

	set_control(bed, 0x10, D_SENSE, 0, 0);
	BED_CDB(bed, &cmd, 0x1a, 0, 0x33, 0, 255, 0);
	bed_wants(&cmd, 255);
	assert_int_equal(bed_run(&cmd), 0x02);
	assert_int_equal(cmd.cmd.sense[0], 0x72);
	assert_int_equal(get_be16(cmd.cmd.sense + 2), 0x2400);
	set_control(bed, 0x10, 0, 0, 0);
	BED_CDB(bed, &cmd, 0x1a, 0, 0x33, 0, 255, 0);
	bed_wants(&cmd, 255);
	BED_RUN_FIELD(&cmd, 2, 5);
}

static void request_sense(struct bed *bed, uint16_t code)
{
	struct bed_cmd cmd;

	BED_CDB(bed, &cmd, 0x03, 0, 0, 0, 18, 0);
	bed_wants(&cmd, 18);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(get_be16(cmd.in + 12), code);
	bed_release(&cmd);
}

static void test_mode__ua_intlck(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;

	set_control(bed, 0x10, 0, 0x20, 0);
	attention_raise(&bed->lu->attentions, ATTENTION_LOG_CHANGED);
	expect_attention(bed, bed->nexus, 0x2a02);
	expect_attention(bed, bed->nexus, 0x2a02);
	request_sense(bed, 0x2a02);
	expect_attention(bed, bed->nexus, 0);
	/* 11b: BUSY is told again. */
	set_control(bed, 0x10, 0, 0x30, 0);
	bed->store.fail = -EBUSY;
	bed->store.fail_everywhere = true;
	assert_int_equal(write_block(bed, &cmd), 0x08);
	bed->store.fail = 0;
	expect_attention(bed, bed->nexus, 0x2c07);
	request_sense(bed, 0x2c07);
	expect_attention(bed, bed->nexus, 0);
}

static void test_mode__tas_is_seen_by_task_management(void **state)
{
	struct bed *bed = *state;

	assert_false(lu_has_mode(bed->lu, MODE_ABORTED_STATUS));
	set_control(bed, 0x10, 0, 0, TAS);
	assert_true(lu_has_mode(bed->lu, MODE_ABORTED_STATUS));
}

/* ---- who hears of it ------------------------------------------------------------------ */

static void test_mode_select__others_are_told(void **state)
{
	struct bed *bed = *state;
	struct scsi_nexus *other = bed_nexus(bed, "other");

	expect_attention(bed, other, 0x2900);
	set_control(bed, 0x10, 0, 0, TAS);
	expect_attention(bed, other, 0x2a01);
	expect_attention(bed, other, 0);
	expect_attention(bed, bed->nexus, 0);
	/* Nothing has changed: there is nothing to tell. */
	set_control(bed, 0x10, 0, 0, TAS);
	expect_attention(bed, other, 0);
	scsi_nexus_destroy(other);
}

/* ---- saving --------------------------------------------------------------------------------- */

static void test_mode_select__saved_over_a_restart(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;

	set_control(bed, 0x10, 0, 0, TAS);
	/* SP saves all that is current, not only what comes with it. */
	set_caching(bed, 0x11, 0);
	assert_int_equal(sensed(bed, 3, 0x08, 2), 0);
	assert_int_equal(sensed(bed, 3, 0x0a, 5), TAS);
	set_caching(bed, 0x10, WCE);
	assert_int_equal(sensed(bed, 3, 0x08, 2), 0);
	bed_restart(bed);
	bed_clear_attention(bed);
	assert_int_equal(sensed(bed, 0, 0x08, 2), 0);
	assert_int_equal(sensed(bed, 2, 0x08, 2), WCE);
	assert_int_equal(sensed(bed, 0, 0x0a, 5), TAS);
	assert_int_equal(write_block(bed, &cmd), 0x00);
	assert_int_equal(bed->store.flags & STORE_FUA, STORE_FUA);
}

static void test_mode_select__unsaved_goes_with_a_reset(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;

	set_control(bed, 0x11, 0, 0, TAS);
	set_control(bed, 0x10, 0, SWP, 0);
	assert_int_equal(write_block(bed, &cmd), 0x02);
	assert_int_equal(bed_manage(bed->nexus, SCSI_TMF_LOGICAL_UNIT_RESET, 0),
			 SCSI_TMF_FUNCTION_COMPLETE);
	expect_attention(bed, bed->nexus, 0x2903);
	assert_int_equal(write_block(bed, &cmd), 0x00);
	assert_int_equal(sensed(bed, 0, 0x0a, 4), 0);
	assert_int_equal(sensed(bed, 0, 0x0a, 5), TAS);
}

static void test_mode_select__save_that_fails(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;
	uint8_t list[16];

	put_control(list, 0, 0, TAS);
	bed->keeper.fail = -EIO;
	prepare(bed, &cmd, 0x11, list, sizeof(list));
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x04, 0x4400);
	assert_int_equal(sensed(bed, 3, 0x0a, 5), 0);
}

/* Begins a MODE SELECT of TAS that is to be saved. */
static void begin_save(struct bed *bed, struct bed_cmd *cmd, uint8_t list[16], uint8_t tas)
{
	put_control(list, 0, 0, tas);
	prepare(bed, cmd, 0x11, list, 16);
	bed_start(cmd);
	bed_turns(bed, 3);
	assert_int_equal(cmd->completions, 0);
}

/* Two reactors hear of their saves in whatever order: what was asked for last is what is saved. */
static void test_mode_select__saves_told_out_of_order(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd first, second;
	uint8_t lists[2][16];

	bed->keeper.hold = true;
	begin_save(bed, &first, lists[0], TAS);
	begin_save(bed, &second, lists[1], 0);
	list_push_back(&bed->keeper.held, list_pop_front(&bed->keeper.held));
	bed_keeper_finish(bed);
	bed_wait(&second);
	bed_release(&second);
	bed_keeper_finish(bed);
	bed_wait(&first);
	bed_release(&first);
	assert_int_equal(sensed(bed, 3, 0x0a, 5), 0);
}

/* A reset while it is saved ends the command, but what is on the medium is what is saved. */
static void test_mode_select__aborted_while_it_is_saved(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;
	uint8_t list[16];

	bed->keeper.hold = true;
	begin_save(bed, &cmd, list, TAS);
	scsi_cmd_abort(&cmd.cmd);
	bed_keeper_finish(bed);
	bed_wait(&cmd);
	assert_true(cmd.cmd.aborted);
	bed_release(&cmd);
	assert_int_equal(sensed(bed, 3, 0x0a, 5), TAS);
}

static void test_mode_select__revert_to_defaults(void **state)
{
	struct bed *bed = *state;

	set_control(bed, 0x11, 0, 0, TAS);
	set_caching(bed, 0x11, 0);
	assert_int_equal(mode_select(bed, 0x13, NULL, 0), 0x00);
	assert_int_equal(sensed(bed, 0, 0x08, 2), WCE);
	assert_int_equal(sensed(bed, 0, 0x0a, 5), 0);
	assert_int_equal(sensed(bed, 3, 0x0a, 5), 0);
}

static void test_mode_init__damaged_blob(void **state)
{
	/* Nonsense, a page cut short, and a reserved value. */
	static const uint8_t blobs[][16] = {
		{ 9, 0x0a, 0, 10, 0xff },
		{ 1, 0x0a, 0, 200, 0xff, 0xff },
		{ 1, 0x0a, 0, 10, 0x22, 0x14, 0x18, 0x40, 0, 0, 0xff, 0xff, 0, 0 },
	};
	struct bed *bed = *state;

	for (unsigned i = 0; i < 3; i++) {
		struct bed_blob *blob;

		set_control(bed, 0x11, 0, 0, TAS);
		blob = bed_blob(bed, "-mode");
		assert_non_null(blob);
		memcpy(blob->data, blobs[i], 14);
		blob->length = 14;
		bed_restart(bed);
		bed_clear_attention(bed);
		assert_int_equal(sensed(bed, 0, 0x0a, 4), 0);
		assert_int_equal(sensed(bed, 0, 0x0a, 5), 0);
	}
}

static void test_mode_select__nothing_can_be_saved(void **state)
{
	struct bed bed;
	struct bed_cmd cmd;
	uint8_t list[16];

	(void)state;
	bed_setup(&bed, &(struct bed_config){ 0 });
	bed_clear_attention(&bed);
	put_control(list, 0, 0, TAS);
	prepare(&bed, &cmd, 0x11, list, sizeof(list));
	BED_RUN_FIELD(&cmd, 1, 0);
	/* Nor has this store a cache that could be off. */
	assert_int_equal(sensed(&bed, 1, 0x08, 2), 0);
	bed_teardown(&bed);
}

/* ---- lists that are wrong ------------------------------------------------------------------ */

static void refused(struct bed *bed, const uint8_t *list, uint8_t length, uint16_t byte, int bit)
{
	struct bed_cmd cmd;

	prepare(bed, &cmd, 0x10, list, length);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_parameter(&cmd, byte, bit);
}

static void cut_short(struct bed *bed, const uint8_t *list, uint8_t length)
{
	struct bed_cmd cmd;

	prepare(bed, &cmd, 0x10, list, length);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x1a00);
}

static void test_mode_select__fields_that_do_not_change(void **state)
{
	struct bed *bed = *state;
	uint8_t list[40];

	put_control(list, 0, 0, TAS);
	list[6] ^= 0x20; /* TST */
	refused(bed, list, 16, 6, 5);
	put_control(list, 0, 0, TAS);
	list[10] = 1;
	refused(bed, list, 16, 10, 0);
	/* A reserved value of what does. */
	put_control(list, 0, 0x10, 0);
	refused(bed, list, 16, 8, 5);
	/* All or nothing: the first page is good. */
	put_control(list, 0, 0, TAS);
	memset(list + 16, 0, 20);
	list[16] = 0x08;
	list[17] = 18;
	list[19] = 0x01;
	refused(bed, list, 36, 19, 0);
	assert_int_equal(sensed(bed, 0, 0x0a, 5), 0);
	assert_false(lu_has_mode(bed->lu, MODE_ABORTED_STATUS));
}

static void test_mode_select__pages_that_are_not_there(void **state)
{
	static const uint8_t unknown[] = { 0, 0, 0, 0, 0x19, 2, 0, 0 };
	static const uint8_t subpage[] = { 0, 0, 0, 0, 0x4a, 7, 0, 2, 0, 0 };
	static const uint8_t too_long[] = { 0, 0, 0, 0, 0x07, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
	static const uint8_t wrong_form[] = { 0, 0, 0, 0, 0x4a, 0, 0, 10, 0x22, 0x10, 0, 0, 0, 0 };
	struct bed *bed = *state;

	refused(bed, unknown, sizeof(unknown), 4, 5);
	refused(bed, subpage, sizeof(subpage), 5, 7);
	refused(bed, too_long, sizeof(too_long), 5, 7);
	refused(bed, wrong_form, sizeof(wrong_form), 5, 7);
}

static void test_mode_select__lists_cut_short(void **state)
{
	struct bed *bed = *state;
	uint8_t list[16], descriptor[12] = { 0, 0, 0, 8 };

	put_control(list, 0, 0, TAS);
	for (uint8_t length = 1; length < 16; length++) {
		if (length != 4)
			cut_short(bed, list, length);
	}
	/* A header alone changes nothing. */
	assert_int_equal(mode_select(bed, 0x10, list, 4), 0x00);
	assert_int_equal(mode_select(bed, 0x10, list, 0), 0x00);
	assert_int_equal(sensed(bed, 0, 0x0a, 5), 0);
	cut_short(bed, descriptor, 11);
}

static void test_mode_select__block_descriptor(void **state)
{
	struct bed *bed = *state;
	uint8_t list[24] = { 0, 0, 0x10, 8, 0, 0, 0x80, 0, 0, 0, 2, 0 };
	struct bed_cmd cmd;

	assert_int_equal(mode_select(bed, 0x10, list, 12), 0x00);
	memset(list + 4, 0xff, 4);
	assert_int_equal(mode_select(bed, 0x10, list, 12), 0x00);
	memset(list + 4, 0, 4);
	assert_int_equal(mode_select(bed, 0x10, list, 12), 0x00);
	list[7] = 1;
	refused(bed, list, 12, 4, 7);
	list[7] = 0;
	list[10] = 4;
	refused(bed, list, 12, 9, 7);
	list[3] = 16;
	refused(bed, list, 20, 3, 7);
	list[3] = 0;
	list[1] = 1;
	refused(bed, list, 4, 1, 7);
	/* MODE SELECT(10) with LONGLBA. */
	memset(list, 0, sizeof(list));
	list[4] = 0x01;
	list[7] = 16;
	put_be64(list + 8, 32768);
	put_be32(list + 20, 512);
	BED_CDB(bed, &cmd, 0x55, 0x10, 0, 0, 0, 0, 0, 0, 24, 0);
	bed_has(&cmd, list, 24);
	assert_int_equal(bed_run(&cmd), 0x00);
	put_be64(list + 8, 32767);
	BED_CDB(bed, &cmd, 0x55, 0x10, 0, 0, 0, 0, 0, 0, 24, 0);
	bed_has(&cmd, list, 24);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_parameter(&cmd, 8, 7);
}

static void test_mode_select__cdb(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;
	uint8_t list[16];

	put_control(list, 0, 0, TAS);
	prepare(bed, &cmd, 0x00, list, sizeof(list));
	BED_RUN_FIELD(&cmd, 1, 4);
	prepare(bed, &cmd, 0x12, list, sizeof(list));
	BED_RUN_FIELD(&cmd, 1, 1);
	/* Longer than any list could be. */
	BED_CDB(bed, &cmd, 0x55, 0x10, 0, 0, 0, 0, 0, 0x20, 0, 0);
	bed_has(&cmd, list, sizeof(list));
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x1a00);
	/* Less comes than is announced. */
	BED_CDB(bed, &cmd, 0x15, 0x10, 0, 0, 40, 0);
	bed_has(&cmd, list, sizeof(list));
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x0e03);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bed_teardown_state)
	const struct CMUnitTest tests[] = {
		TEST(test_mode__wce),
		TEST(test_mode__swp),
		TEST(test_mode__d_sense),
		TEST(test_mode__ua_intlck),
		TEST(test_mode__tas_is_seen_by_task_management),
		TEST(test_mode_select__others_are_told),
		TEST(test_mode_select__saved_over_a_restart),
		TEST(test_mode_select__unsaved_goes_with_a_reset),
		TEST(test_mode_select__save_that_fails),
		TEST(test_mode_select__saves_told_out_of_order),
		TEST(test_mode_select__aborted_while_it_is_saved),
		TEST(test_mode_select__revert_to_defaults),
		TEST(test_mode_init__damaged_blob),
		cmocka_unit_test(test_mode_select__nothing_can_be_saved),
		TEST(test_mode_select__fields_that_do_not_change),
		TEST(test_mode_select__pages_that_are_not_there),
		TEST(test_mode_select__lists_cut_short),
		TEST(test_mode_select__block_descriptor),
		TEST(test_mode_select__cdb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
