/* SPDX-License-Identifier: BSD-2-Clause */
/* scsi/diagnostic.c: self-test and pages. */
#include "test_scsi_bed.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static void test_spc_send_diagnostic__self_test_reads(void **state)
{
	static const uint8_t tests[] = { 0x04, 0xa0, 0x14, 0x20 };
	struct bed *bed = *state;
	struct bed_cmd cmd;

	for (unsigned i = 0; i < sizeof(tests); i++) {
		unsigned before = bed->store.count[STORE_READ];

		BED_CDB(bed, &cmd, 0x1d, tests[i], 0, 0, 0, 0);
		assert_int_equal(bed_run(&cmd), 0x00);
		assert_int_equal(bed->store.count[STORE_READ], before + 2);
	}
	/* The last block is bad. */
	bed->store.fail = -EIO;
	bed->store.fail_at = (16 << 20) - 1;
	for (unsigned i = 0; i < 3; i++) {
		BED_CDB(bed, &cmd, 0x1d, tests[i], 0, 0, 0, 0);
		assert_int_equal(bed_run(&cmd), 0x02);
		bed_expect_sense(&cmd, 0x04, 0x3e03);
	}
	/* In the background nobody waits for it. */
	BED_CDB(bed, &cmd, 0x1d, 0x20, 0, 0, 0, 0);
	assert_int_equal(bed_run(&cmd), 0x00);
}

static void expect_results(struct bed *bed, const uint8_t *first, unsigned length)
{
	uint8_t page[404] = { 0x90, 0, 0x01, 0x90 };
	struct bed_cmd cmd;

	for (unsigned i = 0; i < 20; i++) {
		put_be16(page + 4 + 20 * i, (uint16_t)(i + 1));
		put_be16(page + 6 + 20 * i, 0x0310);
		if (i < length / 16)
			memcpy(page + 8 + 20 * i, first + 16 * i, 16);
	}
	BED_CDB(bed, &cmd, 0x4d, 0, 0x50, 0, 0, 0, 0, 0x10, 0, 0);
	bed_wants(&cmd, 4096);
	bed_expect_data(&cmd, page, sizeof(page));
}

static void test_unit(struct bed *bed, uint8_t code, uint8_t status)
{
	struct bed_cmd cmd;

	BED_CDB(bed, &cmd, 0x1d, code, 0, 0, 0, 0);
	assert_int_equal(bed_run(&cmd), status);
}

static void test_spc_send_diagnostic__results(void **state)
{
	static const uint8_t results[] = {
		/* the first block cannot be read, in the background */
		0x24, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x03, 0x11, 0, 0,
		/* nor the last one, in the foreground */
		0xa4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 0xff, 0x03, 0x11, 0, 0,
		/* all well */
		0x20, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xa0, 0,
		0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0
	};
	struct bed *bed = *state;
	struct bed_cmd cmd;

	expect_results(bed, NULL, 0);
	test_unit(bed, 0xa0, 0x00);
	test_unit(bed, 0x20, 0x00);
	bed->store.fail = -EIO;
	bed->store.fail_at = (16 << 20) - 1;
	test_unit(bed, 0xa0, 0x02);
	test_unit(bed, 0x04, 0x02);
	bed->store.fail_at = 0;
	test_unit(bed, 0x20, 0x00);
	bed->store.fail = 0;
	expect_results(bed, results, sizeof(results));
	/* From a parameter on. */
	BED_CDB(bed, &cmd, 0x4d, 0, 0x50, 0, 0, 0, 20, 0x10, 0, 0);
	bed_wants(&cmd, 4096);
	bed_expect_data(&cmd, (const uint8_t[24]){ 0x90, 0, 0, 20, 0, 20, 3, 16 }, 24);
	/* The last twenty. */
	for (unsigned i = 0; i < 20; i++)
		test_unit(bed, 0xa0, 0x00);
	BED_CDB(bed, &cmd, 0x4d, 0, 0x50, 0, 0, 0, 20, 0x10, 0, 0);
	bed_wants(&cmd, 4096);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(cmd.in[8], 0xa0);
	bed_release(&cmd);
	/* LOG SELECT forgets them. */
	BED_CDB(bed, &cmd, 0x4c, 0x02, 0x50, 0, 0, 0, 0, 0, 0, 0);
	assert_int_equal(bed_run(&cmd), 0x00);
	expect_results(bed, NULL, 0);
}

static void test_spc_send_diagnostic__refusals(void **state)
{
	static const uint8_t page[8];
	struct bed *bed = *state;
	struct bed_cmd cmd;

	/* Extended ones; aborting what does not go on. */
	for (unsigned code = 2; code <= 6; code += 2) {
		BED_CDB(bed, &cmd, 0x1d, (uint8_t)(code << 5), 0, 0, 0, 0);
		BED_RUN_FIELD(&cmd, 1, 7);
	}
	BED_CDB(bed, &cmd, 0x1d, 0xa4, 0, 0, 0, 0);
	BED_RUN_FIELD(&cmd, 1, 7);
	BED_CDB(bed, &cmd, 0x1d, 0x04, 0, 0, 4, 0);
	bed_has(&cmd, page, 4);
	BED_RUN_FIELD(&cmd, 3, 7);
	BED_CDB(bed, &cmd, 0x1d, 0x00, 0, 0, 4, 0);
	bed_has(&cmd, page, 4);
	BED_RUN_FIELD(&cmd, 1, 4);
	BED_CDB(bed, &cmd, 0x1d, 0x10, 0, 0, 3, 0);
	bed_has(&cmd, page, 3);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x05, 0x1a00);
	BED_CDB(bed, &cmd, 0x1d, 0x10, 0, 0, 4, 0);
	bed_has(&cmd, "\x40\0\0\0", 4);
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_parameter(&cmd, 0, 7);
}

static void test_spc_receive_diagnostic__list_of_pages(void **state)
{
	static const uint8_t expected[] = { 0, 0, 0, 1, 0 };
	struct bed *bed = *state;
	struct bed_cmd cmd;

	BED_CDB(bed, &cmd, 0x1d, 0x10, 0, 0, 4, 0);
	bed_has(&cmd, "\0\0\0\0", 4);
	assert_int_equal(bed_run(&cmd), 0x00);
	for (uint8_t pcv = 0; pcv < 2; pcv++) {
		BED_CDB(bed, &cmd, 0x1c, pcv, 0, 0, 255, 0);
		bed_wants(&cmd, 255);
		bed_expect_data(&cmd, expected, sizeof(expected));
	}
	BED_CDB(bed, &cmd, 0x1c, 1, 0x40, 0, 255, 0);
	bed_wants(&cmd, 255);
	BED_RUN_FIELD(&cmd, 2, 7);
}

#define TEST(function) \
	cmocka_unit_test_setup_teardown(function, bed_setup_state, bed_teardown_state)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_spc_send_diagnostic__self_test_reads),
		TEST(test_spc_send_diagnostic__results),
		TEST(test_spc_send_diagnostic__refusals),
		TEST(test_spc_receive_diagnostic__list_of_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
