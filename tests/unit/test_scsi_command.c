/* SPDX-License-Identifier: BSD-2-Clause */
/* scsi/command.c, data.c, medium.c: the gate, waiting for memory, abort in every phase. */
#include "test_scsi_bed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "scsi/command.h"

static int setup(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));
	struct bed_config config = { 0 };

	bed_setup(bed, &config);
	bed_clear_attention(bed);
	*state = bed;
	return 0;
}

/* ---- the gate ---- */

static void test_gate__unknown_opcode(void **state)
{
	struct bed_cmd cmd;

	BED_CDB(*state, &cmd, 0xff, 0, 0, 0, 0, 0);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_field(&cmd, 0x2000, 0, -1);
}

static void test_gate__unknown_service_action(void **state)
{
	struct bed_cmd cmd;

	BED_CDB(*state, &cmd, 0x9e, 0x1f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	bed_wants(&cmd, 32);
	BED_RUN_FIELD(&cmd, 1, 4);
}

static void test_gate__reserved_bits(void **state)
{
	struct bed_cmd cmd;

	/* A reserved byte. */
	BED_CDB(*state, &cmd, 0x00, 0, 0, 0x01, 0, 0);
	BED_RUN_FIELD(&cmd, 3, 7);
	/* RDPROTECT is bits 7 to 5: whichever is set, the field begins at bit 7. */
	for (unsigned i = 1; i < 8; i++) {
		BED_CDB(*state, &cmd, 0x28, i << 5, 0, 0, 0, 0, 0, 0, 1, 0);
		bed_wants(&cmd, 512);
		BED_RUN_FIELD(&cmd, 1, 7);
	}
	/* The obsolete bits below FUA. */
	BED_CDB(*state, &cmd, 0x28, 0x01, 0, 0, 0, 0, 0, 0, 1, 0);
	bed_wants(&cmd, 512);
	BED_RUN_FIELD(&cmd, 1, 1);
	/* The first of two wrong fields is told. */
	BED_CDB(*state, &cmd, 0x28, 0x20, 0, 0, 0, 0, 0x80, 0, 1, 0);
	bed_wants(&cmd, 512);
	BED_RUN_FIELD(&cmd, 1, 7);
}

/* NACA is fine, all else in CONTROL is not. */
static void test_gate__control(void **state)
{
	struct bed_cmd cmd;

	BED_CDB(*state, &cmd, 0x00, 0, 0, 0, 0, 0x01);
	BED_RUN_FIELD(&cmd, 5, 1);
	BED_CDB(*state, &cmd, 0x00, 0, 0, 0, 0, 0x04);
	assert_int_equal(bed_run(&cmd), 0x00);
	BED_CDB(*state, &cmd, 0x88, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0x80);
	bed_wants(&cmd, 512);
	BED_RUN_FIELD(&cmd, 15, 7);
}

static void test_gate__bytes_behind_the_cdb_do_not_matter(void **state)
{
	struct bed_cmd cmd;

	BED_CDB(*state, &cmd, 0x00, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff);
	assert_int_equal(bed_run(&cmd), 0x00);
}

static void test_gate__cdb_too_short(void **state)
{
	struct bed_cmd cmd;

	BED_CDB(*state, &cmd, 0x88, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0);
	cmd.cmd.cdb_length = 12;
	BED_RUN_FIELD(&cmd, 12, -1);
}

static void test_gate__unknown_lun(void **state)
{
	struct bed_cmd cmd;

	BED_CDB(*state, &cmd, 0x00, 0, 0, 0, 0, 0);
	cmd.cmd.lun = UINT64_C(0x0007000000000000);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2500);
	/* Also before an unknown operation code is noticed. */
	BED_CDB(*state, &cmd, 0xff, 0, 0, 0, 0, 0);
	cmd.cmd.lun = UINT64_C(0x0007000000000000);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x2500);
}

static void test_gate__well_known_lun(void **state)
{
	struct bed_cmd cmd;

	BED_CDB(*state, &cmd, 0x00, 0, 0, 0, 0, 0);
	cmd.cmd.lun = UINT64_C(0xc101000000000000);
	assert_int_equal(bed_run(&cmd), 0x00);
	BED_CDB(*state, &cmd, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0);
	bed_wants(&cmd, 512);
	cmd.cmd.lun = UINT64_C(0xc101000000000000);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_field(&cmd, 0x2000, 0, -1);
}

static void test_gate__unit_attention_once(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;

	bed_manage(bed->nexus, SCSI_TMF_LOGICAL_UNIT_RESET, 0);
	/* INQUIRY and REPORT LUNS do not mind and leave it. */
	BED_CDB(bed, &cmd, 0x12, 0, 0, 0, 96, 0);
	bed_wants(&cmd, 96);
	assert_int_equal(bed_run(&cmd), 0x00);
	BED_CDB(bed, &cmd, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0);
	bed_wants(&cmd, 64);
	assert_int_equal(bed_run(&cmd), 0x00);
	/* A wrong CDB is refused before the attention is told. */
	BED_CDB(bed, &cmd, 0x00, 1, 0, 0, 0, 0);
	BED_RUN_FIELD(&cmd, 1, 7);
	BED_CDB(bed, &cmd, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0);
	bed_wants(&cmd, 512);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x06, 0x2903);
	BED_CDB(bed, &cmd, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0);
	bed_wants(&cmd, 512);
	assert_int_equal(bed_run(&cmd), 0x00);
}

static void test_gate__write_protected(void **state)
{
	struct bed bed;
	struct bed_config config = { .lu = { .read_only = true } };
	struct bed_cmd cmd;
	uint8_t data[512] = { 1 };

	(void)state;
	bed_setup(&bed, &config);
	bed_clear_attention(&bed);
	BED_CDB(&bed, &cmd, 0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0);
	bed_has(&cmd, data, sizeof(data));
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x07, 0x2700);
	BED_CDB(&bed, &cmd, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0);
	bed_wants(&cmd, 512);
	assert_int_equal(bed_run(&cmd), 0x00);
	BED_CDB(&bed, &cmd, 0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	assert_int_equal(bed_run(&cmd), 0x00);
	bed_teardown(&bed);
}

/* ---- parameter data ---- */

static void test_cmd_report__allocation_length_cuts(void **state)
{
	struct bed_cmd cmd, whole;

	BED_CDB(*state, &whole, 0x12, 0, 0, 0, 96, 0);
	bed_wants(&whole, 96);
	assert_int_equal(bed_get(&whole), 0x00);
	assert_int_equal(whole.in_length, 96);
	for (unsigned i = 0; i <= 100; i++) {
		unsigned expected = i < 96 ? i : 96;

		BED_CDB(*state, &cmd, 0x12, 0, 0, 0, i, 0);
		bed_wants(&cmd, 255);
		assert_int_equal(bed_get(&cmd), 0x00);
		assert_int_equal(cmd.in_length, expected);
		assert_int_equal(cmd.cmd.transfer_length, expected);
		assert_memory_equal(cmd.in, whole.in, expected);
		bed_release(&cmd);
	}
	bed_release(&whole);
}

static void test_cmd_report__initiator_takes_less(void **state)
{
	struct bed_cmd cmd;

	BED_CDB(*state, &cmd, 0x12, 0, 0, 0, 96, 0);
	bed_wants(&cmd, 36);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(cmd.in_length, 36);
	assert_int_equal(cmd.cmd.transfer_length, 96);
	bed_release(&cmd);
	/* Not even a direction was announced. */
	BED_CDB(*state, &cmd, 0x12, 0, 0, 0, 96, 0);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(cmd.in_length, 0);
	assert_int_equal(cmd.cmd.transfer_length, 96);
	bed_release(&cmd);
}

/* ---- memory ---- */

/* Everything that ordinary takers can have. */
static void exhaust(struct bed *bed, struct extents *hog, unsigned *count)
{
	for (*count = 0; *count < 64; (*count)++) {
		extents_init(&hog[*count]);
		if (arena_take(bed->arena, &hog[*count], EXTENT_MAX) != 0)
			break;
	}
	assert_true(*count < 64);
}

static void give_back(struct bed *bed, struct extents *hog, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		arena_give(bed->arena, &hog[i]);
}

static void test_cmd_memory__read_waits(void **state)
{
	struct bed *bed = *state;
	struct extents hog[64];
	struct bed_cmd cmd;
	unsigned count;

	bed_pattern(bed_medium(bed, 3), 512, 1);
	exhaust(bed, hog, &count);
	BED_CDB(bed, &cmd, 0x28, 0, 0, 0, 0, 3, 0, 0, 1, 0);
	bed_wants(&cmd, 512);
	bed_start(&cmd);
	bed_turns(bed, 5);
	assert_int_equal(cmd.completions, 0);
	give_back(bed, hog, count);
	bed_wait(&cmd);
	assert_int_equal(cmd.cmd.status, 0x00);
	assert_memory_equal(cmd.in, bed_medium(bed, 3), 512);
	bed_release(&cmd);
}

static void test_cmd_memory__inquiry_waits(void **state)
{
	struct bed *bed = *state;
	struct extents hog[64];
	struct bed_cmd cmd;
	unsigned count;

	exhaust(bed, hog, &count);
	BED_CDB(bed, &cmd, 0x12, 0, 0, 0, 96, 0);
	bed_wants(&cmd, 96);
	bed_start(&cmd);
	bed_turns(bed, 5);
	assert_int_equal(cmd.completions, 0);
	give_back(bed, hog, count);
	bed_wait(&cmd);
	assert_int_equal(cmd.in_length, 96);
	bed_release(&cmd);
}

static void test_cmd_memory__unsolicited_has_room_at_once(void **state)
{
	struct bed *bed = *state;
	struct extents hog[64];
	struct bed_cmd cmd;
	uint8_t *data = malloc(1 << 20);
	unsigned count;

	bed_pattern(data, 1 << 20, 2);
	assert_int_equal(arena_reserve(bed->arena, 65536), 0);
	exhaust(bed, hog, &count);
	BED_CDB(bed, &cmd, 0x2a, 0, 0, 0, 0, 8, 0, 8, 0, 0);
	bed_has(&cmd, data, 1 << 20);
	cmd.cmd.unsolicited = 65536;
	bed_start(&cmd);
	assert_int_equal(cmd.completions, 0);
	assert_false(cmd.wants_data);
	assert_true(cmd.cmd.data.length >= 65536);
	/* It comes now, while the command waits for the rest, and must stay. */
	extents_copy_in(&cmd.cmd.data, 0, data, 65536);
	cmd.hold_data = true;
	arena_unreserve(bed->arena, 65536);
	give_back(bed, hog, count);
	bed_turns(bed, 3);
	assert_true(cmd.wants_data);
	assert_true(cmd.cmd.data.length >= 1 << 20);
	extents_copy_in(&cmd.cmd.data, 65536, data + 65536, (1 << 20) - 65536);
	cmd.wants_data = false;
	scsi_data_out_received(&cmd.cmd, 0);
	bed_wait(&cmd);
	assert_int_equal(cmd.cmd.status, 0x00);
	assert_memory_equal(bed_medium(bed, 8), data, 1 << 20);
	bed_release(&cmd);
	free(data);
}

static void test_cmd_memory__no_more_unsolicited_than_the_cdb_takes(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;
	uint8_t data[8192] = { 0 };

	BED_CDB(bed, &cmd, 0x2a, 0, 0, 0, 0, 8, 0, 0, 1, 0);
	bed_has(&cmd, data, sizeof(data));
	cmd.cmd.unsolicited = sizeof(data);
	bed_get(&cmd);
	assert_int_equal(cmd.cmd.status, 0x00);
	assert_int_equal(cmd.cmd.data_out_length, 512);
	assert_int_equal(cmd.cmd.transfer_length, 512);
	bed_release(&cmd);
}

/*
 * As many writes as there are slots, all with unsolicited data and all wanting
 * more: what is set aside for such data is in use then, and must not keep the
 * rest from being had.
 */
static void test_cmd_memory__all_slots_waiting(void **state)
{
	enum { SLOTS = 32, BYTES = 1 << 20, UNSOLICITED = 65536 };
	static struct bed_cmd cmd[SLOTS];
	static uint8_t data[BYTES];
	struct bed_config config = { .arena_bytes = 4 << 20 };
	struct bed bed;

	(void)state;
	bed_setup(&bed, &config);
	bed_clear_attention(&bed);
	assert_int_equal(arena_reserve(bed.arena, SLOTS * UNSOLICITED), 0);
	bed.store.hold = true;
	for (unsigned i = 0; i < SLOTS; i++) {
		BED_CDB(&bed, &cmd[i], 0x2a, 0, 0, 0, 0, 0, 0, 8, 0, 0);
		bed_has(&cmd[i], data, BYTES);
		cmd[i].cmd.unsolicited = UNSOLICITED;
		bed_start(&cmd[i]);
	}
	bed.store.hold = false;
	while (bed.store.held_count != 0)
		bed_store_finish(&bed, 0);
	for (unsigned i = 0; i < SLOTS; i++) {
		bed_wait(&cmd[i]);
		assert_int_equal(cmd[i].cmd.status, 0x00);
		bed_release(&cmd[i]);
	}
	arena_unreserve(bed.arena, SLOTS * UNSOLICITED);
	bed_teardown(&bed);
}

static void test_cmd_memory__busy_when_the_reserve_fails(void **state)
{
	struct bed *bed = *state;
	struct extents hog[64];
	struct bed_cmd cmd;
	uint8_t data[512] = { 0 };
	unsigned count;

	exhaust(bed, hog, &count);
	BED_CDB(bed, &cmd, 0x2a, 0, 0, 0, 0, 8, 0, 0, 1, 0);
	bed_has(&cmd, data, sizeof(data));
	cmd.cmd.unsolicited = 512;
	assert_int_equal(bed_run(&cmd), 0x08);
	give_back(bed, hog, count);
}

static void test_cmd_memory__more_than_there_will_ever_be(void **state)
{
	struct bed bed;
	struct bed_config config = { .arena_bytes = 2 << 20 };
	struct bed_cmd cmd;

	(void)state;
	bed_setup(&bed, &config);
	bed_clear_attention(&bed);
	BED_CDB(&bed, &cmd, 0x28, 0, 0, 0, 0, 0, 0, 0x20, 0, 0);
	bed_wants(&cmd, 4 << 20);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x5503);
	bed_teardown(&bed);
}

/* ---- abort ---- */

static void test_scsi_cmd_abort__waiting_for_memory(void **state)
{
	struct bed *bed = *state;
	struct extents hog[64];
	struct bed_cmd cmd;
	unsigned count;

	exhaust(bed, hog, &count);
	BED_CDB(bed, &cmd, 0x28, 0, 0, 0, 0, 3, 0, 0, 1, 0);
	bed_wants(&cmd, 512);
	bed_start(&cmd);
	scsi_cmd_abort(&cmd.cmd);
	bed_wait(&cmd);
	assert_true(cmd.cmd.aborted);
	scsi_cmd_abort(&cmd.cmd);
	bed_release(&cmd);
	give_back(bed, hog, count);
	bed_turns(bed, 5);
	assert_int_equal(bed->store.count[STORE_READ], 0);
}

static void test_scsi_cmd_abort__waiting_for_data(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;
	uint8_t data[512] = { 1 };

	BED_CDB(bed, &cmd, 0x2a, 0, 0, 0, 0, 3, 0, 0, 1, 0);
	bed_has(&cmd, data, sizeof(data));
	cmd.hold_data = true;
	bed_start(&cmd);
	scsi_cmd_abort(&cmd.cmd);
	scsi_cmd_abort(&cmd.cmd);
	bed_turns(bed, 5);
	assert_int_equal(cmd.completions, 0);
	bed_send_data(&cmd);
	bed_wait(&cmd);
	assert_true(cmd.cmd.aborted);
	bed_release(&cmd);
	assert_int_equal(bed->store.count[STORE_WRITE], 0);
}

static void test_scsi_cmd_abort__and_the_data_never_comes(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;
	uint8_t data[512] = { 1 };

	BED_CDB(bed, &cmd, 0x2a, 0, 0, 0, 0, 3, 0, 0, 1, 0);
	bed_has(&cmd, data, sizeof(data));
	cmd.hold_data = true;
	cmd.data_error = -ECANCELED;
	bed_start(&cmd);
	scsi_cmd_abort(&cmd.cmd);
	bed_send_data(&cmd);
	bed_wait(&cmd);
	assert_true(cmd.cmd.aborted);
	assert_int_equal(cmd.cmd.sense_length, 0);
	bed_release(&cmd);
}

static void abort_in_store(struct bed *bed, int err)
{
	struct bed_cmd cmd;

	bed->store.hold = true;
	bed->store.cancels = 0;
	BED_CDB(bed, &cmd, 0x28, 0, 0, 0, 0, 3, 0, 0, 1, 0);
	bed_wants(&cmd, 512);
	bed_start(&cmd);
	bed_turns(bed, 2);
	assert_int_equal(bed->store.held_count, 1);
	scsi_cmd_abort(&cmd.cmd);
	assert_int_equal(bed->store.cancels, 1);
	assert_int_equal(cmd.completions, 0);
	bed_store_finish(bed, err);
	bed_wait(&cmd);
	assert_true(cmd.cmd.aborted);
	assert_int_equal(cmd.in_length, 0);
	bed_release(&cmd);
	bed->store.hold = false;
}

static void test_scsi_cmd_abort__in_the_store(void **state)
{
	abort_in_store(*state, -ECANCELED);
	abort_in_store(*state, 0);
	abort_in_store(*state, -EIO);
}

static void test_scsi_cmd_abort__between_two_steps(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd;

	/* VERIFY of 2048 blocks takes several reads; it ends with the one in flight. */
	bed->store.hold = true;
	BED_CDB(bed, &cmd, 0x2f, 0, 0, 0, 0, 0, 0, 8, 0, 0);
	bed_start(&cmd);
	bed_store_finish(bed, 0);
	scsi_cmd_abort(&cmd.cmd);
	bed_store_finish(bed, 0);
	bed_wait(&cmd);
	assert_true(cmd.cmd.aborted);
	assert_int_equal(bed->store.count[STORE_READ], 2);
	bed_release(&cmd);
}

static void test_scsi_cmd_abort__after_the_end(void **state)
{
	struct bed_cmd cmd;

	BED_CDB(*state, &cmd, 0x00, 0, 0, 0, 0, 0);
	assert_int_equal(bed_get(&cmd), 0x00);
	scsi_cmd_abort(&cmd.cmd);
	assert_false(cmd.cmd.aborted);
	bed_release(&cmd);
}

/* ---- views of extents ---- */

static void test_extents_slice__across_pieces(void **state)
{
	uint8_t a[10], b[10], c[10];
	struct extents from = {
		.count = 3,
		.length = 30,
		.extent = { { a, 10, NULL }, { b, 10, NULL }, { c, 10, NULL } },
	};
	struct extents out;

	(void)state;
	extents_slice(&from, 5, 10, &out);
	assert_int_equal(out.count, 2);
	assert_true(out.borrowed);
	assert_int_equal(out.length, 10);
	assert_ptr_equal(out.extent[0].data, a + 5);
	assert_int_equal(out.extent[0].length, 5);
	assert_ptr_equal(out.extent[1].data, b);
	assert_int_equal(out.extent[1].length, 5);
	extents_slice(&from, 10, 20, &out);
	assert_int_equal(out.count, 2);
	assert_ptr_equal(out.extent[0].data, b);
	extents_slice(&from, 29, 1, &out);
	assert_int_equal(out.count, 1);
	assert_ptr_equal(out.extent[0].data, c + 9);
}

static void test_extents_compare__first_difference(void **state)
{
	uint8_t a[2][8], b[3][8];
	struct extents x = { .count = 2,
			     .length = 16,
			     .extent = { { a[0], 8, NULL }, { a[1], 8, NULL } } };
	struct extents y = {
		.count = 3,
		.length = 24,
		.extent = { { b[0], 8, NULL }, { b[1], 8, NULL }, { b[2], 8, NULL } },
	};

	(void)state;
	memset(a, 7, sizeof(a));
	memset(b, 7, sizeof(b));
	assert_int_equal(extents_compare(&x, 0, &y, 5, 16), 16);
	b[1][6] = 8; /* byte 14 of y: byte 9 of the comparison */
	assert_int_equal(extents_compare(&x, 0, &y, 5, 16), 9);
	assert_int_equal(extents_compare(&x, 0, &y, 5, 9), 9);
}

/* ---- everything ---- */

static uint32_t random_u32(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* Any operation code with any CDB completes, as the port checks: once, and within its lengths. */
static void test_scsi_command_received__any_cdb(void **state)
{
	static uint8_t data[65536];
	struct bed *bed = *state;
	uint32_t seed = 1;

	for (unsigned i = 0; i < 256 * 64; i++) {
		uint8_t cdb[16] = { (uint8_t)i };
		struct bed_cmd cmd;

		for (unsigned j = 1; j < 16; j++)
			cdb[j] = random_u32(&seed) & 1 ? 0 : (uint8_t)random_u32(&seed);
		bed_cdb(bed, &cmd, cdb, 16);
		if (i & 0x100)
			bed_has(&cmd, data, random_u32(&seed) & 0xffff);
		else
			bed_wants(&cmd, random_u32(&seed) & 0xffff);
		cmd.cmd.unsolicited = min(4096u, cmd.cmd.data_out_available);
		bed_run(&cmd);
		assert_true(cmd.cmd.status == 0x00 || cmd.cmd.sense_length != 0);
		/* NACA was among them. */
		bed_manage(bed->nexus, SCSI_TMF_CLEAR_ACA, 0);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bed_teardown_state)
	const struct CMUnitTest tests[] = {
		TEST(test_gate__unknown_opcode),
		TEST(test_gate__unknown_service_action),
		TEST(test_gate__reserved_bits),
		TEST(test_gate__control),
		TEST(test_gate__bytes_behind_the_cdb_do_not_matter),
		TEST(test_gate__cdb_too_short),
		TEST(test_gate__unknown_lun),
		TEST(test_gate__well_known_lun),
		TEST(test_gate__unit_attention_once),
		cmocka_unit_test(test_gate__write_protected),
		TEST(test_cmd_report__allocation_length_cuts),
		TEST(test_cmd_report__initiator_takes_less),
		TEST(test_cmd_memory__read_waits),
		TEST(test_cmd_memory__inquiry_waits),
		TEST(test_cmd_memory__unsolicited_has_room_at_once),
		TEST(test_cmd_memory__no_more_unsolicited_than_the_cdb_takes),
		cmocka_unit_test(test_cmd_memory__all_slots_waiting),
		TEST(test_cmd_memory__busy_when_the_reserve_fails),
		cmocka_unit_test(test_cmd_memory__more_than_there_will_ever_be),
		TEST(test_scsi_cmd_abort__waiting_for_memory),
		TEST(test_scsi_cmd_abort__waiting_for_data),
		TEST(test_scsi_cmd_abort__and_the_data_never_comes),
		TEST(test_scsi_cmd_abort__in_the_store),
		TEST(test_scsi_cmd_abort__between_two_steps),
		TEST(test_scsi_cmd_abort__after_the_end),
		TEST(test_scsi_command_received__any_cdb),
		cmocka_unit_test(test_extents_slice__across_pieces),
		cmocka_unit_test(test_extents_compare__first_difference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
