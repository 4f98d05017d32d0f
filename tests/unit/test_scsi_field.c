/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scsi/field.c, and all others that refuse a field: where the field pointer points.
 * Bytes and bits are those of the tables in SPC-5 and SBC-4.
 */
#include "test_scsi_bed.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static int setup(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));

	bed_setup(bed, &(struct bed_config){
			       .keeps = true,
			       .volatile_cache = true,
			       .atomic_write = 65536,
			       .lu.thin = true,
			       .lu.removable = true,
		       });
	bed_clear_attention(bed);
	*state = bed;
	return 0;
}

/* ---- fields of the CDB ---- */

static const struct refusal {
	uint8_t cdb[16];
	uint16_t has; /* bytes of data-out, zeros */
	uint8_t byte, bit;
} refusals[] = {
	/* reserved, obsolete and vendor's bits */
	{ { 0x00, 0x01 }, 0, 1, 7 },
	{ { 0x00, 0, 0, 0, 0x80 }, 0, 4, 7 },
	{ { 0x00, 0, 0, 0, 0, 0x40 }, 0, 5, 7 },
	{ { 0x00, 0, 0, 0, 0, 0x02 }, 0, 5, 1 }, /* FLAG and LINK, obsolete */
	{ { 0x00, 0, 0, 0, 0, 0x08 }, 0, 5, 7 },
	{ { 0x03, 0x02 }, 0, 1, 7 },
	{ { 0x25, 0, 0, 0, 0, 0, 0, 0, 0x02 }, 0, 8, 7 },
	{ { 0xa0, 0, 0, 1 }, 0, 3, 7 },
	{ { 0x1d, 0x08 }, 0, 1, 3 },
	{ { 0x1b, 0x02 }, 0, 1, 7 },
	{ { 0x1b, 0, 0, 0, 0x08 }, 0, 4, 3 },
	{ { 0x35, 0x10 }, 0, 1, 7 },
	{ { 0x8f, 0x08, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 0, 1, 3 },
	/* fields with a name */
	{ { 0x25, 0, 0, 0, 0, 0, 0, 0, 0x01 }, 0, 8, 0 }, /* PMI */
	{ { 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01 }, 0, 14, 0 }, /* PMI */
	{ { 0x9e, 0x12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0x01 }, 0, 14, 7 }, /* REPORT TYPE */
	{ { 0x28, 0x20, 0, 0, 0, 0, 0, 0, 1 }, 0, 1, 7 }, /* RDPROTECT */
	{ { 0x88, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 0, 1, 7 },
	{ { 0xa8, 0x60, 0, 0, 0, 0, 0, 0, 0, 1 }, 0, 1, 7 },
	{ { 0x28, 0x04, 0, 0, 0, 0, 0, 0, 1 }, 0, 1, 2 }, /* RARC */
	{ { 0x88, 0x04, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 0, 1, 2 },
	{ { 0x2a, 0x20, 0, 0, 0, 0, 0, 0, 1 }, 512, 1, 7 }, /* WRPROTECT */
	{ { 0x8a, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 512, 1, 7 },
	{ { 0x8b, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 512, 1, 7 },
	{ { 0x2e, 0x20, 0, 0, 0, 0, 0, 0, 1 }, 512, 1, 7 },
	{ { 0x2f, 0x20, 0, 0, 0, 0, 0, 0, 1 }, 0, 1, 7 }, /* VRPROTECT */
	{ { 0x93, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 512, 1, 7 },
	{ { 0x93, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 512, 1, 4 }, /* ANCHOR */
	{ { 0x93, 0x18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 512, 1, 4 },
	{ { 0x42, 0x01, 0, 0, 0, 0, 0, 0, 8 }, 8, 1, 0 },
	{ { 0x89, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 1024, 1, 7 },
	{ { 0x89, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0, 1 }, 1024, 11, 7 },
	{ { 0x9c, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 512, 1, 7 },
	{ { 0x9c, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x08, 0, 1 }, 512, 10, 7 }, /* ATOMIC BOUNDARY */
	{ { 0x9c, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0, 0, 1 }, 512, 10, 7 },
	{ { 0x3c, 0x22, 0, 0, 0, 0, 0, 0, 8 }, 0, 1, 7 }, /* MODE SPECIFIC */
	{ { 0x48, 0x42, 0, 0, 0, 0, 0, 0, 0 }, 0, 1, 6 }, /* ZNR */
	{ { 0x04, 0, 0, 0, 0x01 }, 0, 4, 1 }, /* FAST FORMAT */
	{ { 0x1e, 0, 0, 0, 0x02 }, 0, 4, 1 }, /* PREVENT */
	{ { 0x4c, 0x01 }, 0, 1, 0 }, /* SP */
	{ { 0x4d, 0x01, 0x40 }, 0, 1, 0 },
	/* values that mean nothing */
	{ { 0x9e, 0x1f }, 0, 1, 4 }, /* SERVICE ACTION */
	{ { 0xa3, 0x1f }, 0, 1, 4 },
	{ { 0x5e, 0x1f }, 0, 1, 4 },
	{ { 0x5f, 0x1f, 0, 0, 0, 0, 0, 0, 24 }, 24, 1, 4 },
	{ { 0x12, 0x00, 0x80, 0, 96 }, 0, 2, 7 }, /* PAGE CODE without EVPD */
	{ { 0x12, 0x01, 0x7f, 0, 96 }, 0, 2, 7 },
	{ { 0xa0, 0, 0x03, 0, 0, 0, 0, 0, 0, 16 }, 0, 2, 7 }, /* SELECT REPORT */
	{ { 0xa3, 0x0c, 0x04, 0, 0, 0, 0, 0, 0, 16 }, 0, 2, 2 }, /* REPORTING OPTIONS */
	{ { 0xa3, 0x0c, 0x01, 0x9e, 0, 0, 0, 0, 0, 16 }, 0, 2, 2 },
	{ { 0x1a, 0x00, 0x20, 0, 96 }, 0, 2, 5 }, /* PAGE CODE */
	{ { 0x1a, 0x00, 0x08, 7, 96 }, 0, 3, 7 }, /* SUBPAGE CODE */
	{ { 0x4d, 0, 0x7e, 0, 0, 0, 0, 0, 96 }, 0, 2, 5 },
	{ { 0x4d, 0, 0x02, 0, 0, 0, 0, 0, 96 }, 0, 2, 7 }, /* PC: thresholds */
	{ { 0x4d, 0, 0x42, 1, 0, 0, 0, 0, 96 }, 0, 3, 7 },
	{ { 0x4d, 0, 0x42, 0, 0, 1, 0, 0, 96 }, 0, 5, 7 }, /* PARAMETER POINTER */
	{ { 0x8f, 0x04, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 0, 1, 2 }, /* BYTCHK */
	{ { 0x8e, 0x06, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 512, 1, 2 },
	{ { 0x93, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, 512, 10, 7 }, /* WSNZ */
	{ { 0x9c, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x81 }, 512, 12, 7 }, /* TRANSFER LENGTH */
	{ { 0x88, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0 }, 0, 10, 7 },
	{ { 0x37, 0, 0x1e, 0, 0, 0, 0, 0, 16 }, 0, 2, 2 }, /* DEFECT LIST FORMAT */
	{ { 0xb7, 0x1e, 0, 0, 0, 0, 0, 0, 0, 16 }, 0, 1, 2 },
	{ { 0x1d, 0x40 }, 0, 1, 7 }, /* SELF-TEST CODE */
	{ { 0x1c, 0x01, 0x05, 0, 16 }, 0, 2, 7 }, /* PAGE CODE */
	{ { 0x3c, 0x1c, 0, 0, 0, 0, 0, 0, 8 }, 0, 1, 4 }, /* MODE */
	{ { 0x3c, 0x02, 0x01, 0, 0, 0, 0, 0, 8 }, 0, 2, 7 }, /* BUFFER ID */
	{ { 0x3c, 0x02, 0, 0xff, 0, 0, 0, 0, 8 }, 0, 3, 7 }, /* BUFFER OFFSET */
	{ { 0x3b, 0x02, 0, 0, 0, 0, 0, 0xff, 0 }, 0, 6, 7 }, /* PARAMETER LIST LENGTH */
	{ { 0x48, 0x01, 0, 0, 0, 0, 0, 0, 4 }, 4, 7, 7 },
	{ { 0x5f, 0x01, 0x13, 0, 0, 0, 0, 0, 24 }, 24, 2, 7 }, /* SCOPE */
	{ { 0x5f, 0x01, 0x02, 0, 0, 0, 0, 0, 24 }, 24, 2, 3 }, /* TYPE */
	{ { 0x55, 0x00, 0, 0, 0, 0, 0, 0, 8 }, 8, 1, 4 }, /* PF */
	{ { 0x55, 0x12, 0, 0, 0, 0, 0, 0, 8 }, 8, 1, 1 }, /* RTD */
	{ { 0xa3, 0x05, 0, 0, 0, 0, 0, 0, 0, 16, 0x10 }, 0, 10, 7 }, /* INFORMATION TYPE */
};

static void test_field__of_the_cdb(void **state)
{
	static const uint8_t zeros[1024];
	struct bed *bed = *state;

	for (unsigned i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *one = &refusals[i];
		struct bed_cmd cmd;

		bed_cdb(bed, &cmd, one->cdb, sizeof(one->cdb));
		if (one->has != 0)
			bed_has(&cmd, zeros, one->has);
		else
			bed_wants(&cmd, 512);
		if (bed_run(&cmd) != 0x02 || get_be16(cmd.cmd.sense + 12) != 0x2400 ||
		    cmd.cmd.sense[15] != (0xc8 | one->bit) ||
		    get_be16(cmd.cmd.sense + 16) != one->byte)
			print_error("row %u, operation code %02x\n", i, one->cdb[0]);
		bed_expect_field(&cmd, 0x2400, one->byte, one->bit);
	}
	/* Nothing of it was done. */
	for (unsigned op = 0; op <= STORE_COPY; op++)
		assert_int_equal(bed->store.count[op], 0);
}

/* ---- fields of parameter lists ---- */

static const struct list_refusal {
	uint8_t cdb[12];
	uint8_t list[40];
	uint8_t length;
	uint8_t byte;
	int8_t bit;
} list_refusals[] = {
	/* MODE SELECT(6): MEDIUM TYPE, BLOCK DESCRIPTOR LENGTH, PAGE CODE, SUBPAGE CODE, PAGE LENGTH */
	{ { 0x15, 0x10, 0, 0, 4 }, { 0, 1 }, 4, 1, 7 },
	{ { 0x15, 0x10, 0, 0, 8 }, { 0, 0, 0, 4 }, 8, 3, 7 },
	{ { 0x15, 0x10, 0, 0, 12 }, { 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 4, 0 }, 12, 9, 7 },
	{ { 0x15, 0x10, 0, 0, 12 }, { 0, 0, 0, 8, 0, 0, 0, 9, 0, 0, 2, 0 }, 12, 4, 7 },
	{ { 0x15, 0x10, 0, 0, 6 }, { 0, 0, 0, 0, 0x3e, 0 }, 6, 4, 5 },
	{ { 0x15, 0x10, 0, 0, 8 }, { 0, 0, 0, 0, 0x48, 0x77, 0, 0 }, 8, 5, 7 },
	{ { 0x15, 0x10, 0, 0, 6 }, { 0, 0, 0, 0, 0x08, 17 }, 6, 5, 7 },
	/* QERR 10b, TST */
	{ { 0x15, 0x10, 0, 0, 16 },
	  { 0, 0, 0, 0, 0x0a, 10, 0x22, 0x14, 0, 0, 0, 0, 0xff, 0xff },
	  16,
	  7,
	  2 },
	{ { 0x15, 0x10, 0, 0, 16 },
	  { 0, 0, 0, 0, 0x0a, 10, 0x02, 0x10, 0, 0, 0, 0, 0xff, 0xff },
	  16,
	  6,
	  5 },
	/* UNMAP BLOCK DESCRIPTOR DATA LENGTH: of 256 descriptors is tested with UNMAP */
	/* LOG SELECT: PAGE CODE, and a parameter that there is not */
	{ { 0x4c, 0, 0, 0, 0, 0, 0, 0, 4 }, { 0x3e }, 4, 0, 5 },
	{ { 0x4c, 0, 0, 0, 0, 0, 0, 0, 8 }, { 0x02, 0, 0, 4 }, 8, 4, 7 },
	/* SEND DIAGNOSTIC: PAGE CODE, PAGE LENGTH */
	{ { 0x1d, 0x10, 0, 0, 4 }, { 0x3f }, 4, 0, 7 },
	{ { 0x1d, 0x10, 0, 0, 4 }, { 0, 0, 0, 1 }, 4, 2, 7 },
	/* SANITIZE, OVERWRITE: TEST, OVERWRITE COUNT, reserved, INITIALIZATION PATTERN LENGTH */
	{ { 0x48, 0x01, 0, 0, 0, 0, 0, 0, 5 }, { 0x21, 0, 0, 1 }, 5, 0, 6 },
	{ { 0x48, 0x01, 0, 0, 0, 0, 0, 0, 5 }, { 0x00, 0, 0, 1 }, 5, 0, 4 },
	{ { 0x48, 0x01, 0, 0, 0, 0, 0, 0, 5 }, { 0x01, 1, 0, 1 }, 5, 1, 7 },
	{ { 0x48, 0x01, 0, 0, 0, 0, 0, 0, 5 }, { 0x01, 0, 0, 2 }, 5, 2, 7 },
	/* FORMAT UNIT: DEFECT LIST LENGTH, without FOV, PATTERN TYPE */
	{ { 0x04, 0x10 }, { 0, 0, 0, 4 }, 8, 2, 7 },
	{ { 0x04, 0x10 }, { 0, 0x08 }, 8, 1, 7 },
	{ { 0x04, 0x10 }, { 0, 0x88, 0, 0, 0, 2 }, 8, 5, 7 },
	/* PERSISTENT RESERVE OUT, REGISTER: a TransportID that is none */
	{ { 0x5f, 0x00, 0, 0, 0, 0, 0, 0, 32 },
	  { [15] = 1, [20] = 0x08, [27] = 4, [28] = 0x45 },
	  32,
	  28,
	  -1 },
};

static void test_field__of_parameter_lists(void **state)
{
	struct bed *bed = *state;

	for (unsigned i = 0; i < sizeof(list_refusals) / sizeof(list_refusals[0]); i++) {
		const struct list_refusal *one = &list_refusals[i];
		struct bed_cmd cmd;

		bed_cdb(bed, &cmd, one->cdb, sizeof(one->cdb));
		bed_has(&cmd, one->list, one->length);
		if (bed_run(&cmd) != 0x02 || get_be16(cmd.cmd.sense + 12) != 0x2600 ||
		    get_be16(cmd.cmd.sense + 16) != one->byte)
			print_error("row %u, operation code %02x\n", i, one->cdb[0]);
		bed_expect_parameter(&cmd, one->byte, one->bit);
	}
	for (unsigned op = 0; op <= STORE_COPY; op++)
		assert_int_equal(bed->store.count[op], 0);
}

/* ---- the same in descriptor format ---- */

static void test_field__in_descriptor_format(void **state)
{
	static const uint8_t list[16] = { 0, 0, 0, 0, 0x0a, 10, 0x26, 0x10, 0, 0, 0, 0, 0xff, 0xff };
	static const uint8_t expected[16] = { 0x72, 0x05, 0x24, 0x00, 0, 0, 0, 8,
					      0x02, 0x06, 0, 0, 0xc8, 0, 1, 0 };
	struct bed *bed = *state;
	struct bed_cmd cmd;

	BED_CDB(bed, &cmd, 0x15, 0x10, 0, 0, 16, 0); /* D_SENSE */
	bed_has(&cmd, list, sizeof(list));
	assert_int_equal(bed_run(&cmd), 0x00);
	BED_CDB(bed, &cmd, 0x42, 0x01, 0, 0, 0, 0, 0, 0, 8, 0);
	bed_has(&cmd, list, 8);
	assert_int_equal(bed_run(&cmd), 0x02);
	assert_int_equal(cmd.cmd.sense_length, sizeof(expected));
	assert_memory_equal(cmd.cmd.sense, expected, sizeof(expected));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bed_teardown_state)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_field__of_the_cdb),
		TEST(test_field__of_parameter_lists),
		TEST(test_field__in_descriptor_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
