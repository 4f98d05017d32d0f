/* SPDX-License-Identifier: BSD-2-Clause */
/* scsi/mode.c: MODE SENSE(6) and (10). */
#include "test_scsi_bed.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static int setup(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));

	bed_setup(bed, &(struct bed_config){ .volatile_cache = true });
	bed_clear_attention(bed);
	*state = bed;
	return 0;
}

/* clang-format off */
static const uint8_t pages[] = {
	0x01, 10, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0x02, 14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0x07, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0x08, 18, 0x04, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0x0a, 10, 0x22, 0x10, 0, 0, 0, 0, 0xff, 0xff, 0, 0,
	0x10, 22, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0x1a, 38, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0x1c, 10, 0x08, 0, 0, 0, 0, 0, 0, 0, 0, 0,
};
static const uint8_t control_extension[] = {
	0x4a, 0x01, 0, 28, 0x06, 0, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
};
/* clang-format on */
enum { BEFORE_EXTENSION = 12 + 16 + 12 + 20 + 12 };
/* DPOFUA; one short descriptor: 32768 blocks of 512. */
static const uint8_t head_6[] = { 159, 0, 0x10, 8, 0, 0, 0x80, 0, 0, 0, 0x02, 0 };

static void test_spc_mode_sense__6_all_pages(void **state)
{
	uint8_t expected[sizeof(head_6) + sizeof(pages)];
	struct bed_cmd cmd;

	memcpy(expected, head_6, sizeof(head_6));
	memcpy(expected + sizeof(head_6), pages, sizeof(pages));
	BED_CDB(*state, &cmd, 0x1a, 0, 0x3f, 0, 255, 0);
	bed_wants(&cmd, 255);
	bed_expect_data(&cmd, expected, sizeof(expected));
	/* The length tells of all, however little is sent. */
	BED_CDB(*state, &cmd, 0x1a, 0, 0x3f, 0, 4, 0);
	bed_wants(&cmd, 4);
	bed_expect_data(&cmd, expected, 4);
	assert_int_equal(cmd.cmd.transfer_length, 4);
}

static void test_spc_mode_sense__all_subpages(void **state)
{
	uint8_t expected[sizeof(head_6) + sizeof(pages) + sizeof(control_extension)];
	uint8_t *at = expected + sizeof(head_6);
	struct bed_cmd cmd;

	memcpy(expected, head_6, sizeof(head_6));
	memcpy(at, pages, BEFORE_EXTENSION);
	memcpy(at + BEFORE_EXTENSION, control_extension, sizeof(control_extension));
	memcpy(at + BEFORE_EXTENSION + sizeof(control_extension), pages + BEFORE_EXTENSION,
	       sizeof(pages) - BEFORE_EXTENSION);
	expected[0] += sizeof(control_extension);
	BED_CDB(*state, &cmd, 0x1a, 0, 0x3f, 0xff, 255, 0);
	bed_wants(&cmd, 255);
	bed_expect_data(&cmd, expected, sizeof(expected));
	/* Of one page: itself and what is below it. */
	memcpy(expected + 4, pages + BEFORE_EXTENSION - 12, 12);
	memcpy(expected + 16, control_extension, sizeof(control_extension));
	expected[0] = 15 + sizeof(control_extension);
	expected[3] = 0;
	BED_CDB(*state, &cmd, 0x1a, 0x08, 0x0a, 0xff, 255, 0);
	bed_wants(&cmd, 255);
	bed_expect_data(&cmd, expected, 16 + sizeof(control_extension));
	/* And one of those alone. */
	memcpy(expected + 4, control_extension, sizeof(control_extension));
	expected[0] = 3 + sizeof(control_extension);
	BED_CDB(*state, &cmd, 0x1a, 0x08, 0x0a, 0x01, 255, 0);
	bed_wants(&cmd, 255);
	bed_expect_data(&cmd, expected, 4 + sizeof(control_extension));
}

/* IO Advice Hints Grouping: 64 times nothing, too long to be among all pages of MODE SENSE(6). */
static void test_spc_mode_sense__hints(void **state)
{
	static uint8_t page[8 + 4 + 12 + 64 * 16];
	static uint8_t all[2048];
	struct bed_cmd cmd;
	uint32_t length;

	memcpy(page, (const uint8_t[]){ 1046 >> 8, 1046 & 0xff, 0, 0x10 }, 4);
	memcpy(page + 8, (const uint8_t[]){ 0x4a, 0x05, 1036 >> 8, 1036 & 0xff }, 4);
	for (unsigned i = 0; i < 64; i++)
		page[24 + 16 * i] = 0x40;
	BED_CDB(*state, &cmd, 0x5a, 0x08, 0x0a, 0x05, 0, 0, 0, 8, 0, 0);
	bed_wants(&cmd, 2048);
	bed_expect_data(&cmd, page, sizeof(page));
	BED_CDB(*state, &cmd, 0x5a, 0x08, 0x3f, 0xff, 0, 0, 0, 8, 0, 0);
	bed_wants(&cmd, 2048);
	assert_int_equal(bed_get(&cmd), 0x00);
	length = cmd.in_length;
	memcpy(all, cmd.in, length);
	bed_release(&cmd);
	assert_int_equal(length, 8 + sizeof(pages) + sizeof(control_extension) + sizeof(page) - 8);
	assert_memory_equal(all + 8 + BEFORE_EXTENSION + sizeof(control_extension), page + 8,
			    sizeof(page) - 8);
	/* What is said again as it is, is taken; anything else is not. */
	memset(page, 0, 4);
	BED_CDB(*state, &cmd, 0x55, 0x10, 0, 0, 0, 0, 0, sizeof(page) >> 8, sizeof(page) & 0xff, 0);
	bed_has(&cmd, page, sizeof(page));
	assert_int_equal(bed_run(&cmd), 0x00);
	page[24 + 16 * 63] = 0;
	BED_CDB(*state, &cmd, 0x55, 0x10, 0, 0, 0, 0, 0, sizeof(page) >> 8, sizeof(page) & 0xff, 0);
	bed_has(&cmd, page, sizeof(page));
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_parameter(&cmd, 24 + 16 * 63, 6);
}

static void test_spc_mode_sense__6_one_page_without_descriptor(void **state)
{
	static const uint8_t expected[] = { 15, 0, 0x10, 0, 0x0a, 10,   0x22, 0x10,
					    0,  0, 0,    0, 0xff, 0xff, 0,    0 };
	struct bed_cmd cmd;

	BED_CDB(*state, &cmd, 0x1a, 0x08, 0x0a, 0, 255, 0);
	bed_wants(&cmd, 255);
	bed_expect_data(&cmd, expected, sizeof(expected));
	/* Default values are the current ones. */
	BED_CDB(*state, &cmd, 0x1a, 0x08, 0x8a, 0, 255, 0);
	bed_wants(&cmd, 255);
	bed_expect_data(&cmd, expected, sizeof(expected));
}

static void test_spc_mode_sense__changeable(void **state)
{
	static const uint8_t caching[] = { 23, 0, 0x10, 0, 0x08, 18, 0x04, 0, 0, 0, 0, 0,
					   0,  0, 0,    0, 0,    0,  0,    0, 0, 0, 0, 0 };
	static const uint8_t control[] = { 15,   0,    0x10, 0, 0x0a, 10, 0x04, 0x06,
					   0x38, 0x40, 0,    0, 0,    0,  0,    0 };
	struct bed_cmd cmd;

	BED_CDB(*state, &cmd, 0x1a, 0x08, 0x48, 0, 255, 0);
	bed_wants(&cmd, 255);
	bed_expect_data(&cmd, caching, sizeof(caching));
	BED_CDB(*state, &cmd, 0x1a, 0x08, 0x4a, 0, 255, 0);
	bed_wants(&cmd, 255);
	bed_expect_data(&cmd, control, sizeof(control));
}

static void test_spc_mode_sense__10_long_lba(void **state)
{
	static const uint8_t expected[] = { 0,    34, 0,    0x10, 1, 0, 0, 16, 0, 0, 0, 0,
					    0,    0,  0x80, 0,    0, 0, 0, 0,  0, 0, 2, 0,
					    0x1c, 10, 0x08, 0,    0, 0, 0, 0,  0, 0, 0, 0 };
	struct bed_cmd cmd;

	BED_CDB(*state, &cmd, 0x5a, 0x10, 0x1c, 0, 0, 0, 0, 1, 0, 0);
	bed_wants(&cmd, 256);
	bed_expect_data(&cmd, expected, sizeof(expected));
}

static void test_spc_mode_sense__10_short(void **state)
{
	static const uint8_t expected[] = { 0, 26, 0,    0x10, 0,    0, 0, 8, 0, 0, 0x80, 0, 0, 0,
					    2, 0,  0x1c, 10,   0x08, 0, 0, 0, 0, 0, 0,    0, 0, 0 };
	struct bed_cmd cmd;

	BED_CDB(*state, &cmd, 0x5a, 0, 0x1c, 0, 0, 0, 0, 1, 0, 0);
	bed_wants(&cmd, 256);
	bed_expect_data(&cmd, expected, sizeof(expected));
}

static void test_spc_mode_sense__refusals(void **state)
{
	struct bed_cmd cmd;

	/* Saved values. */
	BED_CDB(*state, &cmd, 0x1a, 0, 0xff, 0, 255, 0);
	bed_wants(&cmd, 255);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x3900);
	/* A page that is not there. */
	BED_CDB(*state, &cmd, 0x1a, 0, 0x19, 0, 255, 0);
	bed_wants(&cmd, 255);
	BED_RUN_FIELD(&cmd, 2, 5);
	/* A subpage that is not there, or not for all. */
	BED_CDB(*state, &cmd, 0x1a, 0, 0x3f, 1, 255, 0);
	bed_wants(&cmd, 255);
	BED_RUN_FIELD(&cmd, 3, 7);
	BED_CDB(*state, &cmd, 0x1a, 0, 0x0a, 2, 255, 0);
	bed_wants(&cmd, 255);
	BED_RUN_FIELD(&cmd, 3, 7);
	/* LLBAA only in the longer CDB. */
	BED_CDB(*state, &cmd, 0x1a, 0x10, 0x3f, 0, 255, 0);
	bed_wants(&cmd, 255);
	BED_RUN_FIELD(&cmd, 1, 7);
}

static void test_spc_mode_sense__write_protect_and_cache(void **state)
{
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ .lu = { .read_only = true } });
	bed_clear_attention(&bed);
	BED_CDB(&bed, &cmd, 0x1a, 0x08, 0x08, 0, 255, 0);
	bed_wants(&cmd, 255);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(cmd.in[2], 0x90);
	assert_int_equal(cmd.in[6], 0x00);
	bed_release(&cmd);
	bed_teardown(&bed);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bed_teardown_state)
	const struct CMUnitTest tests[] = {
		TEST(test_spc_mode_sense__6_all_pages),
		TEST(test_spc_mode_sense__6_one_page_without_descriptor),
		TEST(test_spc_mode_sense__all_subpages),
		TEST(test_spc_mode_sense__hints),
		TEST(test_spc_mode_sense__changeable),
		TEST(test_spc_mode_sense__10_long_lba),
		TEST(test_spc_mode_sense__10_short),
		TEST(test_spc_mode_sense__refusals),
		cmocka_unit_test(test_spc_mode_sense__write_protect_and_cache),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
