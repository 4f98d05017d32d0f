/* SPDX-License-Identifier: BSD-2-Clause */
/* scsi/vpd_copy.c: the page can be walked, and says what the other commands say. */
#include "test_scsi_bed.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static void get(struct bed *bed, struct bed_cmd *cmd, const uint8_t cdb[16], uint16_t length)
{
	bed_cdb(bed, cmd, cdb, 16);
	bed_wants(cmd, length);
	assert_int_equal(bed_get(cmd), 0x00);
}

static struct bed_cmd *page(struct bed *bed)
{
	static struct bed_cmd cmd;

	get(bed, &cmd, (const uint8_t[16]){ 0x12, 0x01, 0x8f, 0x10, 0 }, 4096);
	assert_int_equal(cmd.in[1], 0x8f);
	assert_int_equal(get_be16(cmd.in + 2) + 4u, cmd.in_length);
	return &cmd;
}

/* The third-party copy descriptor of TYPE, *LENGTH: of what follows its header. */
static const uint8_t *find(const struct bed_cmd *cmd, uint16_t type, uint16_t *length)
{
	const uint8_t *found = NULL;
	uint32_t at = 4;

	while (at < cmd->in_length) {
		uint16_t len = get_be16(cmd->in + at + 2);

		assert_int_equal(len % 4, 0);
		if (get_be16(cmd->in + at) == type) {
			assert_null(found);
			found = cmd->in + at + 4;
			*length = len;
		}
		at += 4u + len;
	}
	assert_int_equal(at, cmd->in_length);
	assert_non_null(found);
	return found;
}

static int setup(void **state)
{
	struct bed_config config = { .block_size = 4096 };
	struct bed *bed = calloc(1, sizeof(*bed));

	bed_setup(bed, &config);
	bed_clear_attention(bed);
	*state = bed;
	return 0;
}

static void test_vpd_third_party_copy__has_what_it_must(void **state)
{
	static const struct {
		uint16_t type, length;
	} wanted[] = { { 0x0000, 32 }, { 0x0001, 16 }, { 0x0004, 28 },  { 0x0008, 4 },
		       { 0x000c, 4 },  { 0x0106, 92 }, { 0x0108, 132 }, { 0x8001, 32 } };
	struct bed *bed = *state;
	struct bed_cmd *cmd = page(bed);
	uint16_t length;

	for (unsigned i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		find(cmd, wanted[i].type, &length);
		assert_int_equal(length, wanted[i].length);
	}
	bed_release(cmd);
	/* 3PC */
	get(bed, cmd, (const uint8_t[16]){ 0x12, 0, 0, 0, 96 }, 96);
	assert_true(cmd->in[5] & 0x08);
	bed_release(cmd);
}

static void test_vpd_third_party_copy__says_the_same_as_others(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd *cmd = page(bed);
	uint16_t length;
	const uint8_t *at = find(cmd, 0x0004, &length);
	struct bed_cmd other;

	get(bed, &other, (const uint8_t[16]){ 0x84, 0x03, [12] = 1, 0 }, 256);
	assert_memory_equal(at + 4, other.in + 8, 8); /* counts, list length */
	at = find(cmd, 0x8001, &length);
	assert_memory_equal(at + 8, other.in + 16, 4); /* segment length */
	assert_int_equal(at[12], other.in[37]);
	bed_release(&other);
	/* Every command named is known to REPORT SUPPORTED OPERATION CODES, and no other of 83h and 84h. */
	at = find(cmd, 0x0001, &length);
	assert_int_equal(at[0], 2 + 5 + 2 + 6);
	assert_memory_equal(at + 1, ((uint8_t[]){ 0x83, 5, 0x00, 0x01, 0x10, 0x11, 0x1c }), 7);
	assert_memory_equal(at + 8, ((uint8_t[]){ 0x84, 6, 0x00, 0x03, 0x04, 0x05, 0x07, 0x08 }),
			    8);
	bed_release(cmd);
}

static void test_vpd_third_party_copy__limits_of_tokens_in_blocks(void **state)
{
	struct bed *bed = *state;
	struct bed_cmd *cmd = page(bed);
	uint16_t length;
	const uint8_t *at = find(cmd, 0x0000, &length);

	assert_int_equal(get_be16(at + 6), 64);
	assert_int_equal(get_be32(at + 8), 3600);
	assert_int_equal(get_be32(at + 12), 60);
	assert_int_equal(get_be64(at + 16), 1 << 20); /* 4 GiB of 4096 bytes */
	assert_int_equal(get_be64(at + 24), 16384);
	bed_release(cmd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_vpd_third_party_copy__has_what_it_must, setup,
						bed_teardown_state),
		cmocka_unit_test_setup_teardown(test_vpd_third_party_copy__says_the_same_as_others,
						setup, bed_teardown_state),
		cmocka_unit_test_setup_teardown(
			test_vpd_third_party_copy__limits_of_tokens_in_blocks, setup, bed_teardown_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
