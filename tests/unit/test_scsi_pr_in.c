/* SPDX-License-Identifier: BSD-2-Clause */
/* PERSISTENT RESERVE IN: the bytes. */
#include "test_scsi_pr.h"

#include <stdio.h>

static void test_read_keys__cut_to_the_allocation_length(void **state)
{
	struct pr_bed *bed = *state;
	uint8_t data[64];

	pr_register(bed, bed->a, 0, 0xa, 0);
	pr_register(bed, bed->b, 0, UINT64_C(0x0123456789abcdef), 0);
	assert_int_equal(pr_in(bed, 0, data, 0), 0);
	/* The length is of all there is. */
	assert_int_equal(pr_in(bed, 0, data, 8), 8);
	assert_memory_equal(data, ((const uint8_t[]){ 0, 0, 0, 2, 0, 0, 0, 16 }), 8);
	assert_int_equal(pr_in(bed, 0, data, 20), 20);
	assert_int_equal(pr_in(bed, 0, data, 64), 24);
	assert_memory_equal(data + 8,
			    ((const uint8_t[]){ 0, 0, 0, 0, 0, 0, 0, 0xa, 0x01, 0x23, 0x45, 0x67,
						0x89, 0xab, 0xcd, 0xef }),
			    16);
}

static void test_read_full_status__by_hand(void **state)
{
	struct pr_bed *bed = *state;
	uint8_t data[512];
	/* "iqn.2026-11.test:a,i,0x400000000001" is 35 characters. */
	static const uint8_t first[] = {
		0,   0,   0,   2,   0,   0,   0,   128, /* header */
		0,   0,   0,   0,   0,   0,   0,   0xa, 0,    0,   0,   0,   0x01, 0x05, 0,   0,
		0,   0,   0,   1,   0,   0,   0,   40,  0x45, 0,   0,   36,  'i',  'q',  'n', '.',
		'2', '0', '2', '6', '-', '1', '1', '.', 't',  'e', 's', 't', ':',  'a',  ',', 'i',
		',', '0', 'x', '4', '0', '0', '0', '0', '0',  '0', '0', '0', '0',  '0',  '1', 0,
	};
	static const uint8_t second[] = { 0, 0, 0, 0, 0, 0, 0, 0xc, 0, 0, 0, 0,
					  0, 0, 0, 0, 0, 0, 0, 2,   0, 0, 0, 40 };

	pr_register(bed, bed->a, 0, 0xa, 0);
	pr_register(bed, bed->c, 0, 0xc, 0);
	pr_out(bed, bed->a, RESERVE, WE_RO, 0xa, 0);
	assert_int_equal(pr_in(bed, 3, data, sizeof(data)), 136);
	assert_memory_equal(data, first, sizeof(first));
	assert_memory_equal(data + 72, second, sizeof(second));
	/* What all hold all hold. */
	pr_out(bed, bed->a, RELEASE, WE_RO, 0xa, 0);
	pr_attention(bed, bed->c);
	pr_out(bed, bed->c, RESERVE, EA_AR, 0xc, 0);
	pr_in(bed, 3, data, sizeof(data));
	assert_int_equal(data[8 + 12], 1);
	assert_int_equal(data[8 + 13], EA_AR);
	assert_int_equal(data[72 + 12], 1);
	assert_int_equal(data[72 + 13], EA_AR);
}

static void test_read_full_status__of_many(void **state)
{
	struct pr_bed *bed = *state;
	static uint8_t list[65536], data[65536];
	uint32_t length = 28;
	char name[256];

	pr_list(list, 0, 5, SPEC_I_PT);
	for (unsigned i = 0; i < 250; i++) {
		snprintf(name, sizeof(name), "iqn.2026-11.test:%0200u,i,0x%012x", i, i);
		length += pr_transport_id(list + length, 1, name);
	}
	put_be32(list + 24, length - 28);
	assert_int_equal(pr_out_list(bed, bed->a, REGISTER, 0, list, length), GOOD);
	/* 250 of 24 + 4 + 236 bytes, and one's own of 64. */
	assert_int_equal(pr_in(bed, 3, data, 65535), 65535);
	assert_int_equal(get_be32(data + 4), 250 * 264 + 64);
}

static void test_report_capabilities__with_and_without_a_keeper(void **state)
{
	struct pr_bed *bed = *state;
	uint8_t data[16];

	assert_int_equal(pr_in(bed, 2, data, sizeof(data)), 8);
	assert_memory_equal(data, ((const uint8_t[]){ 0, 8, 0x9d, 0xb0, 0xea, 0x01, 0, 0 }), 8);
	pr_register(bed, bed->a, 0, 0xa, APTPL);
	pr_in(bed, 2, data, sizeof(data));
	assert_int_equal(data[3], 0xb1);
	pr_register(bed, bed->a, 0xa, 0xa, 0);
	bed->bed.lu->keeper = NULL;
	pr_in(bed, 2, data, sizeof(data));
	assert_int_equal(data[2], 0x1c);
	assert_int_equal(data[3], 0xb0);
}

static void test_pr_in__service_actions(void **state)
{
	struct pr_bed *bed = *state;

	for (uint8_t action = 4; action < 32; action++) {
		assert_int_equal(PR_RUN(bed, bed->a, 0x5e, action, 0, 0, 0, 0, 0, 0, 8, 0), CHECK);
		bed_expect_field(&bed->last, 0x2400, 1, 4);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pr_setup, pr_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_read_keys__cut_to_the_allocation_length),
		TEST(test_read_full_status__by_hand),
		TEST(test_read_full_status__of_many),
		TEST(test_report_capabilities__with_and_without_a_keeper),
		TEST(test_pr_in__service_actions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
