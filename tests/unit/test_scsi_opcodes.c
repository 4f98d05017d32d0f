/* SPDX-License-Identifier: BSD-2-Clause */
/* scsi/opcodes.c and optable.c: what is reported is what is accepted. */
#include "test_scsi_bed.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static int setup(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));

	bed_setup(bed, &(struct bed_config){ 0 });
	bed_clear_attention(bed);
	*state = bed;
	return 0;
}

static void report(struct bed *bed, struct bed_cmd *cmd, uint8_t options, uint8_t opcode,
		   uint16_t action)
{
	BED_CDB(bed, cmd, 0xa3, 0x0c, options, opcode, action >> 8, action & 0xff, 0, 0, 0x10, 0, 0,
		0);
	bed_wants(cmd, 4096);
}

static const uint16_t expected_commands[][3] = {
	/* operation code, service action, CDB length; one in a line: many people add to it */
	/* clang-format off */
	{ 0x00, 0, 6 },
	{ 0x03, 0, 6 },
	{ 0x04, 0, 6 },
	{ 0x08, 0, 6 },
	{ 0x0a, 0, 6 },
	{ 0x12, 0, 6 },
	{ 0x15, 0, 6 },
	{ 0x16, 0, 6 },
	{ 0x17, 0, 6 },
	{ 0x1a, 0, 6 },
	{ 0x1b, 0, 6 },
	{ 0x1c, 0, 6 },
	{ 0x1d, 0, 6 },
	{ 0x25, 0, 10 },
	{ 0x28, 0, 10 },
	{ 0x2a, 0, 10 },
	{ 0x2e, 0, 10 },
	{ 0x2f, 0, 10 },
	{ 0x34, 0, 10 },
	{ 0x35, 0, 10 },
	{ 0x37, 0, 10 },
	{ 0x3b, 0, 10 },
	{ 0x3c, 0, 10 },
	{ 0x41, 0, 10 },
	{ 0x48, 0x01, 10 },
	{ 0x48, 0x1f, 10 },
	{ 0x4c, 0, 10 },
	{ 0x4d, 0, 10 },
	{ 0x55, 0, 10 },
	{ 0x56, 0, 10 },
	{ 0x57, 0, 10 },
	{ 0x5a, 0, 10 },
	{ 0x5e, 0, 10 },
	{ 0x5e, 1, 10 },
	{ 0x5e, 2, 10 },
	{ 0x5e, 3, 10 },
	{ 0x5f, 0, 10 },
	{ 0x5f, 1, 10 },
	{ 0x5f, 2, 10 },
	{ 0x5f, 3, 10 },
	{ 0x5f, 4, 10 },
	{ 0x5f, 5, 10 },
	{ 0x5f, 6, 10 },
	{ 0x5f, 7, 10 },
	{ 0x7f, 9, 32 },
	{ 0x7f, 10, 32 },
	{ 0x7f, 11, 32 },
	{ 0x7f, 12, 32 },
	{ 0x7f, 13, 32 },
	{ 0x83, 0x00, 16 },
	{ 0x83, 0x01, 16 },
	{ 0x83, 0x10, 16 },
	{ 0x83, 0x11, 16 },
	{ 0x83, 0x1c, 16 },
	{ 0x84, 0x00, 16 },
	{ 0x84, 0x03, 16 },
	{ 0x84, 0x04, 16 },
	{ 0x84, 0x05, 16 },
	{ 0x84, 0x07, 16 },
	{ 0x84, 0x08, 16 },
	{ 0x88, 0, 16 },
	{ 0x89, 0, 16 },
	{ 0x8a, 0, 16 },
	{ 0x8b, 0, 16 },
	{ 0x8e, 0, 16 },
	{ 0x8f, 0, 16 },
	{ 0x90, 0, 16 },
	{ 0x91, 0, 16 },
	{ 0x93, 0, 16 },
	{ 0x9b, 0, 16 },
	{ 0x9e, 0x10, 16 },
	{ 0x9e, 0x12, 16 },
	{ 0xa0, 0, 12 },
	{ 0xa3, 0x05, 12 },
	{ 0xa3, 0x0c, 12 },
	{ 0xa3, 0x0d, 12 },
	{ 0xa3, 0x0f, 12 },
	{ 0xa4, 0x0f, 12 },
	{ 0xa8, 0, 12 },
	{ 0xaa, 0, 12 },
	{ 0xae, 0, 12 },
	{ 0xaf, 0, 12 },
	{ 0xb7, 0, 12 },
	/* clang-format on */
};
enum { COMMANDS = ARRAY_SIZE(expected_commands) };

static bool has_actions(uint8_t opcode)
{
	return opcode == 0x48 || opcode == 0x5e || opcode == 0x5f || opcode == 0x7f ||
	       opcode == 0x83 || opcode == 0x84 || opcode == 0x9e || opcode == 0xa3 ||
	       opcode == 0xa4;
}

static void test_spc_report_opcodes__all(void **state)
{
	struct bed_cmd cmd;

	report(*state, &cmd, 0, 0, 0);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(cmd.in_length, 4 + 8 * COMMANDS);
	assert_int_equal(get_be32(cmd.in), 8 * COMMANDS);
	for (unsigned i = 0; i < COMMANDS; i++) {
		const uint8_t *row = cmd.in + 4 + 8 * i;

		assert_int_equal(row[0], expected_commands[i][0]);
		assert_int_equal(get_be16(row + 2), expected_commands[i][1]);
		assert_int_equal(row[5], has_actions(row[0]));
		assert_int_equal(get_be16(row + 6), expected_commands[i][2]);
	}
	bed_release(&cmd);
}

static void test_spc_report_opcodes__all_with_timeouts(void **state)
{
	struct bed_cmd cmd;

	report(*state, &cmd, 0x80, 0, 0);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(get_be32(cmd.in), 20 * COMMANDS);
	for (unsigned i = 0; i < COMMANDS; i++) {
		const uint8_t *row = cmd.in + 4 + 20 * i;

		assert_int_equal(row[5] & 0x02, 0x02);
		assert_int_equal(get_be16(row + 8), 10);
	}
	bed_release(&cmd);
}

static void test_spc_report_opcodes__one(void **state)
{
	static const uint8_t write_10[] = { 0,    3,    0,    10,   0x2a, 0x18, 0xff,
					    0xff, 0xff, 0xff, 0x1f, 0xff, 0xff, 4 };
	static const uint8_t capacity_16[] = { 0, 3, 0, 16, 0x9e, 0x10, 0,    0,    0, 0,
					       0, 0, 0, 0,  0xff, 0xff, 0xff, 0xff, 0, 4 };
	static const uint8_t unsupported[] = { 0, 1, 0, 0 };
	struct bed *bed = *state;
	struct bed_cmd cmd;

	report(bed, &cmd, 1, 0x2a, 0);
	bed_expect_data(&cmd, write_10, sizeof(write_10));
	report(bed, &cmd, 3, 0x2a, 0);
	bed_expect_data(&cmd, write_10, sizeof(write_10));
	report(bed, &cmd, 2, 0x9e, 0x10);
	bed_expect_data(&cmd, capacity_16, sizeof(capacity_16));
	report(bed, &cmd, 3, 0x9e, 0x10);
	bed_expect_data(&cmd, capacity_16, sizeof(capacity_16));
	report(bed, &cmd, 1, 0xff, 0);
	bed_expect_data(&cmd, unsupported, sizeof(unsupported));
	report(bed, &cmd, 2, 0x9e, 0x1f);
	bed_expect_data(&cmd, unsupported, sizeof(unsupported));
	report(bed, &cmd, 3, 0x2a, 7);
	bed_expect_data(&cmd, unsupported, sizeof(unsupported));
	/* Not for a disk that is not removable. */
	report(bed, &cmd, 1, 0x1e, 0);
	bed_expect_data(&cmd, unsupported, sizeof(unsupported));
}

static void test_spc_report_opcodes__one_with_timeouts(void **state)
{
	static const uint8_t expected[] = { 0,  0x83, 0, 6, 0x00, 0, 0, 0, 0, 4, 0,
					    10, 0,    0, 0, 0,    0, 0, 0, 0, 0, 30 };
	struct bed_cmd cmd;

	report(*state, &cmd, 0x81, 0x00, 0);
	bed_expect_data(&cmd, expected, sizeof(expected));
}

static void test_spc_report_opcodes__refusals(void **state)
{
	struct bed_cmd cmd;

	report(*state, &cmd, 1, 0x9e, 0x10);
	BED_RUN_FIELD(&cmd, 2, 2);
	report(*state, &cmd, 2, 0x2a, 0);
	BED_RUN_FIELD(&cmd, 2, 2);
	report(*state, &cmd, 4, 0x2a, 0);
	BED_RUN_FIELD(&cmd, 2, 2);
}

/* Every bit that is not in the usage data is refused; with none of them the CDB gets through the gate. */
static void test_spc_report_opcodes__usage_data_is_the_truth(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd cmd, probe;

	for (unsigned i = 0; i < COMMANDS; i++) {
		uint8_t opcode = (uint8_t)expected_commands[i][0];
		uint16_t action = expected_commands[i][1];
		unsigned length = expected_commands[i][2];
		const uint8_t *usage;

		report(bed, &cmd, 3, opcode, action);
		assert_int_equal(bed_get(&cmd), 0x00);
		usage = cmd.in + 4;
		assert_int_equal(usage[0], opcode);
		for (unsigned bit = 8; bit < length * 8; bit++) {
			uint8_t cdb[32] = { opcode, (uint8_t)action };

			if (opcode == 0x7f) {
				cdb[1] = 0;
				cdb[7] = 0x18;
				cdb[9] = (uint8_t)action;
			}
			if (usage[bit / 8] & 1 << bit % 8)
				continue;
			/* That would be another service action. */
			if (opcode != 0x7f && has_actions(opcode) && bit / 8 == 1 && bit % 8 < 5)
				continue;
			if (opcode == 0x7f && (bit / 8 == 8 || bit / 8 == 9))
				continue;
			cdb[bit / 8] |= 1 << bit % 8;
			bed_cdb(bed, &probe, cdb, length);
			assert_int_equal(bed_run(&probe), 0x02);
			bed_expect_sense(&probe, 0x05, 0x2400);
			assert_int_equal(get_be16(probe.cmd.sense + 16), bit / 8);
		}
		bed_release(&cmd);
	}
}

static void test_spc_report_tmfs__bytes(void **state)
{
	static const uint8_t brief[4] = { 0xfa };
	static const uint8_t extended[16] = { 0xfa, 0, 0, 0x0c };
	struct bed_cmd cmd;

	BED_CDB(*state, &cmd, 0xa3, 0x0d, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0);
	bed_wants(&cmd, 64);
	bed_expect_data(&cmd, brief, 4);
	BED_CDB(*state, &cmd, 0xa3, 0x0d, 0x80, 0, 0, 0, 0, 0, 0, 64, 0, 0);
	bed_wants(&cmd, 64);
	bed_expect_data(&cmd, extended, 16);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bed_teardown_state)
	const struct CMUnitTest tests[] = {
		TEST(test_spc_report_opcodes__all),
		TEST(test_spc_report_opcodes__all_with_timeouts),
		TEST(test_spc_report_opcodes__one),
		TEST(test_spc_report_opcodes__one_with_timeouts),
		TEST(test_spc_report_opcodes__refusals),
		TEST(test_spc_report_opcodes__usage_data_is_the_truth),
		TEST(test_spc_report_tmfs__bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
