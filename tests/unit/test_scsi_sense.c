/* SPDX-License-Identifier: BSD-2-Clause */
/* scsi/sense.c: the two formats, and errno of store and port as sense. */
#include "test_scsi_bed.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/container.h"
#include "scsi/sense.h"

/* ---- formats: SPC-5 tables 47 and 29 to 31 ---- */

static void test_sense_encode__fixed_with_field_pointer(void **state)
{
	static const uint8_t expected[18] = { 0x70, 0, 0x05, 0,    0, 0, 0,    10, 0,
					      0,    0, 0,    0x24, 0, 0, 0xcf, 0,  2 };
	struct sense sense = { .key = 0x05,
			       .code = 0x2400,
			       .has_field = true,
			       .field_in_cdb = true,
			       .field = 2,
			       .bit = 7 };
	uint8_t out[SCSI_SENSE_MAX];

	(void)state;
	assert_int_equal(sense_encode(&sense, false, out), 18);
	assert_memory_equal(out, expected, 18);
}

static void test_sense_encode__fixed_with_information(void **state)
{
	static const uint8_t expected[18] = { 0xf0, 0, 0x03, 0x12, 0x34, 0x56, 0x78, 10, 0,
					      0,    0, 0,    0x11, 0,    0,    0,    0,  0 };
	struct sense sense = {
		.key = 0x03, .code = 0x1100, .has_information = true, .information = 0x12345678
	};
	uint8_t out[SCSI_SENSE_MAX];

	(void)state;
	assert_int_equal(sense_encode(&sense, false, out), 18);
	assert_memory_equal(out, expected, 18);
}

static void test_sense_encode__fixed_leaves_out_what_is_too_big(void **state)
{
	struct sense sense = { .key = 0x03,
			       .code = 0x1100,
			       .has_information = true,
			       .information = UINT64_C(0x100000000) };
	uint8_t out[SCSI_SENSE_MAX];

	(void)state;
	assert_int_equal(sense_encode(&sense, false, out), 18);
	assert_int_equal(out[0], 0x70);
	assert_int_equal(get_be32(out + 3), 0);
}

static void test_sense_encode__descriptor_with_both(void **state)
{
	static const uint8_t expected[28] = {
		0x72, 0x05, 0x26, 0x00, 0,    0,    0,    20,   0x00, 0x0a, 0x80, 0,    0x01, 0x02,
		0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x02, 0x06, 0,    0,    0x80, 0x01, 0x02, 0,
	};
	struct sense sense = { .key = 0x05,
			       .code = 0x2600,
			       .has_information = true,
			       .information = UINT64_C(0x0102030405060708),
			       .has_field = true,
			       .field = 0x102,
			       .bit = SENSE_NO_BIT };
	uint8_t out[SCSI_SENSE_MAX];

	(void)state;
	assert_int_equal(sense_encode(&sense, true, out), 28);
	assert_memory_equal(out, expected, 28);
}

static void test_sense_encode__descriptor_alone(void **state)
{
	static const uint8_t expected[8] = { 0x72, 0x06, 0x29, 0x07, 0, 0, 0, 0 };
	struct sense sense = { .key = 0x06, .code = 0x2907 };
	uint8_t out[SCSI_SENSE_MAX];

	(void)state;
	assert_int_equal(sense_encode(&sense, true, out), 8);
	assert_memory_equal(out, expected, 8);
}

/* ---- what a store's errno says ---- */

static void read_fails(int err, uint8_t status, uint8_t key, uint16_t code)
{
	struct bed bed;
	struct bed_config config = { 0 };
	struct bed_cmd cmd;

	bed_setup(&bed, &config);
	bed_clear_attention(&bed);
	bed.store.fail = err;
	bed.store.fail_everywhere = true;
	BED_CDB(&bed, &cmd, 0x28, 0, 0, 0, 0, 7, 0, 0, 2, 0);
	bed_wants(&cmd, 1024);
	assert_int_equal(bed_run(&cmd), status);
	if (status == 0x02)
		bed_expect_sense(&cmd, key, code);
	if (key == 0x03) {
		assert_int_equal(cmd.cmd.sense[0], 0xf0);
		assert_int_equal(get_be32(cmd.cmd.sense + 3), 7);
	}
	bed_teardown(&bed);
}

static void write_fails(int err, uint8_t status, uint8_t key, uint16_t code)
{
	struct bed bed;
	struct bed_config config = { 0 };
	struct bed_cmd cmd;
	uint8_t data[512] = { 0 };

	bed_setup(&bed, &config);
	bed_clear_attention(&bed);
	bed.store.fail = err;
	bed.store.fail_everywhere = true;
	BED_CDB(&bed, &cmd, 0x2a, 0, 0, 0, 0, 7, 0, 0, 1, 0);
	bed_has(&cmd, data, sizeof(data));
	assert_int_equal(bed_run(&cmd), status);
	if (status == 0x02)
		bed_expect_sense(&cmd, key, code);
	bed_teardown(&bed);
}

static void test_sense_store_error__reads(void **state)
{
	(void)state;
	read_fails(-EIO, 0x02, 0x03, 0x1100);
	read_fails(-ENODATA, 0x02, 0x03, 0x1100);
	read_fails(-EILSEQ, 0x02, 0x03, 0x1105);
	read_fails(-ENODEV, 0x02, 0x02, 0x0400);
	read_fails(-ENOMEDIUM, 0x02, 0x02, 0x3a00);
	read_fails(-ETIMEDOUT, 0x02, 0x0b, 0x0801);
	read_fails(-ECANCELED, 0x02, 0x0b, 0x0000);
	read_fails(-EINVAL, 0x02, 0x04, 0x4400);
	read_fails(-ENOMEM, 0x08, 0, 0);
	read_fails(-EAGAIN, 0x08, 0, 0);
}

static void test_sense_store_error__writes(void **state)
{
	(void)state;
	write_fails(-EIO, 0x02, 0x03, 0x0c00);
	write_fails(-ENOSPC, 0x02, 0x07, 0x2707);
	write_fails(-EDQUOT, 0x02, 0x07, 0x2707);
	write_fails(-EROFS, 0x02, 0x07, 0x2700);
	write_fails(-EINVAL, 0x02, 0x04, 0x4400);
	write_fails(-EBUSY, 0x08, 0, 0);
}

/* ---- and the port's ---- */

static void data_fails(int err, uint16_t code)
{
	struct bed bed;
	struct bed_config config = { 0 };
	struct bed_cmd cmd;
	uint8_t data[512] = { 0 };

	bed_setup(&bed, &config);
	bed_clear_attention(&bed);
	BED_CDB(&bed, &cmd, 0x2a, 0, 0, 0, 0, 7, 0, 0, 1, 0);
	bed_has(&cmd, data, sizeof(data));
	cmd.data_error = err;
	assert_int_equal(bed_run(&cmd), 0x02);
	bed_expect_sense(&cmd, 0x0b, code);
	assert_int_equal(bed.store.count[STORE_WRITE], 0);
	bed_teardown(&bed);
}

static void test_sense_port_error__codes(void **state)
{
	(void)state;
	data_fails(-EBADMSG, 0x4705);
	data_fails(-EPROTO, 0x0c0d);
	data_fails(-ECONNRESET, 0x4b00);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sense_encode__fixed_with_field_pointer),
		cmocka_unit_test(test_sense_encode__fixed_with_information),
		cmocka_unit_test(test_sense_encode__fixed_leaves_out_what_is_too_big),
		cmocka_unit_test(test_sense_encode__descriptor_with_both),
		cmocka_unit_test(test_sense_encode__descriptor_alone),
		cmocka_unit_test(test_sense_store_error__reads),
		cmocka_unit_test(test_sense_store_error__writes),
		cmocka_unit_test(test_sense_port_error__codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
