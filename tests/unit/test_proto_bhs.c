/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of proto/bhs.h: the fields that all PDUs share. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "proto/bhs.h"

static struct bhs counting(void)
{
	struct bhs bhs;

	for (uint8_t i = 0; i < BHS_LEN; i++)
		bhs.raw[i] = i;
	return bhs;
}

static void test_bhs_fields__lie_where_section_11_2_1_has_them(void **state)
{
	struct bhs bhs = counting();

	(void)state;
	assert_int_equal(sizeof(bhs), 48);
	assert_int_equal(bhs_ahs_len(&bhs), 16);
	assert_int_equal(bhs_data_len(&bhs), 0x050607);
	assert_int_equal(bhs_lun(&bhs), 0x08090a0b0c0d0e0f);
	assert_int_equal(bhs_itt(&bhs), 0x10111213);
	assert_int_equal(bhs_ttt(&bhs), 0x14151617);
	assert_int_equal(bhs_cmd_sn(&bhs), 0x18191a1b);
	assert_int_equal(bhs_exp_stat_sn(&bhs), 0x1c1d1e1f);
	assert_int_equal(bhs_stat_sn(&bhs), 0x18191a1b);
	assert_int_equal(bhs_exp_cmd_sn(&bhs), 0x1c1d1e1f);
	assert_int_equal(bhs_max_cmd_sn(&bhs), 0x20212223);
}

static void test_bhs_opcode__without_the_other_bits(void **state)
{
	struct bhs bhs = counting();

	(void)state;
	bhs.raw[0] = 0xff;
	bhs.raw[1] = 0x80;
	assert_int_equal(bhs_opcode(&bhs), 0x3f);
	assert_true(bhs_is_immediate(&bhs));
	assert_true(bhs_is_final(&bhs));
	bhs.raw[0] = 0xbf;
	bhs.raw[1] = 0x7f;
	assert_int_equal(bhs_opcode(&bhs), 0x3f);
	assert_false(bhs_is_immediate(&bhs));
	assert_false(bhs_is_final(&bhs));
	assert_int_equal(bhs_flags(&bhs), 0x7f);
}

static void test_bhs_ahs_len__largest(void **state)
{
	struct bhs bhs = counting();

	(void)state;
	bhs_set_ahs_len(&bhs, BHS_AHS_LEN_MAX);
	bhs_set_data_len(&bhs, BHS_DATA_LEN_MAX);
	assert_memory_equal(bhs.raw + 3, ((uint8_t[]){ 3, 0xff, 0xff, 0xff, 0xff, 8 }), 6);
	assert_int_equal(bhs_ahs_len(&bhs), 1020);
	assert_int_equal(bhs_data_len(&bhs), 16777215);
}

static void test_bhs_set_window__touches_nothing_else(void **state)
{
	struct bhs bhs = counting();
	struct bhs before = bhs;

	(void)state;
	bhs_set_stat_sn(&bhs, 0xa1a2a3a4);
	bhs_set_window(&bhs, 0xb1b2b3b4, 0xc1c2c3c4);
	assert_memory_equal(bhs.raw, before.raw, 24);
	assert_memory_equal(bhs.raw + 24,
			    ((uint8_t[]){ 0xa1, 0xa2, 0xa3, 0xa4, 0xb1, 0xb2, 0xb3, 0xb4, 0xc1,
					  0xc2, 0xc3, 0xc4 }),
			    12);
	assert_memory_equal(bhs.raw + 36, before.raw + 36, 12);
}

static void test_bhs_padded_len__to_four_bytes(void **state)
{
	(void)state;
	assert_int_equal(bhs_padded_len(0), 0);
	assert_int_equal(bhs_padded_len(1), 4);
	assert_int_equal(bhs_padded_len(4), 4);
	assert_int_equal(bhs_padded_len(BHS_DATA_LEN_MAX), 16777216);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bhs_fields__lie_where_section_11_2_1_has_them),
		cmocka_unit_test(test_bhs_opcode__without_the_other_bits),
		cmocka_unit_test(test_bhs_ahs_len__largest),
		cmocka_unit_test(test_bhs_set_window__touches_nothing_else),
		cmocka_unit_test(test_bhs_padded_len__to_four_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
