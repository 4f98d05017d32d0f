/* SPDX-License-Identifier: BSD-2-Clause */
/* scsi/inquiry.c and vpd.c: standard data and pages, byte by byte. */
#include <errno.h>
#include "test_scsi_bed.h"

#include <string.h>

#include "base/bytes.h"

static const struct scsi_lu_config named = {
	.vendor = "ACME",
	.product = "Anvil",
	.revision = "1.2",
	.serial = "SN-0042",
	.naa = { 0x60, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 },
	.naa_length = 16,
};

/* Gets a page, or the standard data with EVPD 0. */
static void inquiry(struct bed *bed, struct bed_cmd *cmd, uint8_t evpd, uint8_t page)
{
	BED_CDB(bed, cmd, 0x12, evpd, page, 0x10, 0x00, 0);
	bed_wants(cmd, 4096);
	assert_int_equal(bed_get(cmd), 0x00);
}

static void expect_page(struct bed *bed, uint8_t page, const uint8_t *bytes, size_t length)
{
	struct bed_cmd cmd;

	inquiry(bed, &cmd, 1, page);
	assert_int_equal(cmd.in_length, length);
	assert_memory_equal(cmd.in, bytes, length);
	bed_release(&cmd);
}

static void test_spc_inquiry__standard(void **state)
{
	static const uint8_t head[8] = { 0x00, 0x00, 0x06, 0x32, 91, 0x08, 0x10, 0x02 };
	static const uint8_t versions[12] = { 0x00, 0xa0, 0x09, 0x60, 0x04, 0x60,
					      0x04, 0xc0, 0x05, 0xc0, 0x06, 0x00 };
	static const uint8_t zeros[26];
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ .lu = named });
	inquiry(&bed, &cmd, 0, 0);
	assert_int_equal(cmd.in_length, 96);
	assert_memory_equal(cmd.in, head, 8);
	assert_memory_equal(cmd.in + 8, "ACME    Anvil           1.2 ", 28);
	assert_memory_equal(cmd.in + 36, zeros, 22);
	assert_memory_equal(cmd.in + 58, versions, 12);
	assert_memory_equal(cmd.in + 70, zeros, 26);
	bed_release(&cmd);
	bed_teardown(&bed);
}

static void test_spc_inquiry__removable(void **state)
{
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ .lu = { .removable = true } });
	inquiry(&bed, &cmd, 0, 0);
	assert_int_equal(cmd.in[1], 0x80);
	assert_memory_equal(cmd.in + 8, "PINION  DISK            ", 24);
	bed_release(&cmd);
	bed_teardown(&bed);
}

static void test_spc_inquiry__no_logical_unit(void **state)
{
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ 0 });
	BED_CDB(&bed, &cmd, 0x12, 0, 0, 0, 96, 0);
	cmd.cmd.lun = UINT64_C(0x0005000000000000);
	bed_wants(&cmd, 96);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(cmd.in_length, 96);
	assert_int_equal(cmd.in[0], 0x7f);
	bed_release(&cmd);
	/* An address that is no LUN of ours. */
	BED_CDB(&bed, &cmd, 0x12, 0, 0, 0, 96, 0);
	cmd.cmd.lun = UINT64_C(0x8000000000000001);
	bed_wants(&cmd, 96);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(cmd.in[0], 0x7f);
	bed_release(&cmd);
	bed_teardown(&bed);
}

static void test_spc_inquiry__well_known(void **state)
{
	static const uint8_t pages[] = { 0x1e, 0x00, 0, 3, 0x00, 0x83, 0x88 };
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ 0 });
	BED_CDB(&bed, &cmd, 0x12, 0, 0, 0, 96, 0);
	cmd.cmd.lun = UINT64_C(0xc101000000000000);
	bed_wants(&cmd, 96);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(cmd.in[0], 0x1e);
	bed_release(&cmd);
	BED_CDB(&bed, &cmd, 0x12, 1, 0, 0, 96, 0);
	cmd.cmd.lun = UINT64_C(0xc101000000000000);
	bed_wants(&cmd, 96);
	bed_expect_data(&cmd, pages, sizeof(pages));
	BED_CDB(&bed, &cmd, 0x12, 1, 0x83, 0, 96, 0);
	cmd.cmd.lun = UINT64_C(0xc101000000000000);
	bed_wants(&cmd, 96);
	assert_int_equal(bed_run(&cmd), 0x00);
	bed_teardown(&bed);
}

static void test_spc_inquiry__refusals(void **state)
{
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ 0 });
	/* A page code without EVPD. */
	BED_CDB(&bed, &cmd, 0x12, 0, 0x80, 0, 96, 0);
	bed_wants(&cmd, 96);
	BED_RUN_FIELD(&cmd, 2, 7);
	/* A page that is not there. */
	BED_CDB(&bed, &cmd, 0x12, 1, 0x81, 0, 96, 0);
	bed_wants(&cmd, 96);
	BED_RUN_FIELD(&cmd, 2, 7);
	/* CMDDT, obsolete. */
	BED_CDB(&bed, &cmd, 0x12, 2, 0, 0, 96, 0);
	bed_wants(&cmd, 96);
	BED_RUN_FIELD(&cmd, 1, 7);
	/* Also with no room for an answer. */
	BED_CDB(&bed, &cmd, 0x12, 1, 0x81, 0, 0, 0);
	BED_RUN_FIELD(&cmd, 2, 7);
	bed_teardown(&bed);
}

static void test_vpd_page__management(void **state)
{
	static const uint8_t none[] = { 0, 0x85, 0, 0 };
	/* The storage configuration service of the target device; NUL and padding. */
	static const uint8_t one[] = { 0,   0x85, 0,   20,  0x41, 0,   0,   16,  'h', 't', 't', 'p',
				       's', ':',  '/', '/', 'a',  '.', 'b', '.', 'c', '/', 0,   0 };
	static char long_address[254];
	struct scsi_lu_config config;
	struct scsi_lu *lu;
	char why[200];
	struct bed bed;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ 0 });
	expect_page(&bed, 0x85, none, sizeof(none));
	bed_teardown(&bed);
	bed_setup(&bed, &(struct bed_config){ .lu.management_address = "https://a.b.c/" });
	expect_page(&bed, 0x85, one, sizeof(one));
	/* What cannot be told. */
	memset(long_address, 'x', 252);
	config = (struct scsi_lu_config){
		.store = &bed.store.store,
		.block_size = 512,
		.seed = "seed",
	};
	config.management_address = long_address;
	assert_int_equal(scsi_lu_create(&config, &lu, why, sizeof(why)), -EINVAL);
	config.management_address = "a\tb";
	assert_int_equal(scsi_lu_create(&config, &lu, why, sizeof(why)), -EINVAL);
	bed_teardown(&bed);
}

static void test_vpd_page__supported(void **state)
{
	static const uint8_t expected[] = { 0,    0x00, 0,    11,   0x00, 0x80, 0x83, 0x85,
					    0x86, 0x87, 0x88, 0x8f, 0xb0, 0xb1, 0xb2 };
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ 0 });
	expect_page(&bed, 0x00, expected, sizeof(expected));
	/* Each of them is there, and as long as it says. */
	for (unsigned i = 4; i < sizeof(expected); i++) {
		inquiry(&bed, &cmd, 1, expected[i]);
		assert_int_equal(cmd.in[0], 0);
		assert_int_equal(cmd.in[1], expected[i]);
		assert_int_equal(cmd.in_length, get_be16(cmd.in + 2) + 4);
		bed_release(&cmd);
	}
	bed_teardown(&bed);
}

static void test_vpd_page__serial(void **state)
{
	static const uint8_t expected[] = { 0, 0x80, 0, 7, 'S', 'N', '-', '0', '0', '4', '2' };
	struct bed bed;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ .lu = named });
	expect_page(&bed, 0x80, expected, sizeof(expected));
	bed_teardown(&bed);
}

static const uint8_t *put(uint8_t **at, const void *bytes, size_t length)
{
	memcpy(*at, bytes, length);
	*at += length;
	return *at;
}

static void test_vpd_page__identification(void **state)
{
	uint8_t expected[256] = { 0, 0x83 }, *at = expected + 4;
	struct bed bed;

	(void)state;
	/* NAA, binary, of the logical unit */
	put(&at, (const uint8_t[]){ 0x01, 0x03, 0, 16 }, 4);
	put(&at, named.naa, 16);
	/* T10 vendor, ASCII */
	put(&at, (const uint8_t[]){ 0x02, 0x01, 0, 31 }, 4);
	put(&at, "ACME    Anvil           SN-0042", 31);
	/* iSCSI, PIV, target port: relative port 1, port group 1 */
	put(&at, (const uint8_t[]){ 0x51, 0x94, 0, 4, 0, 0, 0, 1 }, 8);
	put(&at, (const uint8_t[]){ 0x51, 0x95, 0, 4, 0, 0, 0, 1 }, 8);
	/* SCSI name strings, UTF-8, NULs up to a multiple of four */
	put(&at, (const uint8_t[]){ 0x53, 0x98, 0, 36 }, 4);
	put(&at, "iqn.2026-11.io.pinion:bed,t,0x0001\0\0", 36);
	put(&at, (const uint8_t[]){ 0x53, 0xa8, 0, 28 }, 4);
	put(&at, "iqn.2026-11.io.pinion:bed\0\0\0", 28);
	put_be16(expected + 2, (uint16_t)(at - expected - 4));
	bed_setup(&bed, &(struct bed_config){ .lu = named });
	expect_page(&bed, 0x83, expected, (size_t)(at - expected));
	bed_teardown(&bed);
}

static void test_vpd_page__extended(void **state)
{
	uint8_t expected[64] = { 0, 0x86, 0, 60, 0, 0x07, 0x01, 0, 0x08, 0, 0, 0, 0, 96 };
	struct bed bed;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ .volatile_cache = true });
	expect_page(&bed, 0x86, expected, sizeof(expected));
	bed_teardown(&bed);
	expected[6] = 0;
	bed_setup(&bed, &(struct bed_config){ 0 });
	expect_page(&bed, 0x86, expected, sizeof(expected));
	bed_teardown(&bed);
}

static void test_vpd_page__limits(void **state)
{
	/* 4 MiB at most, 64 KiB best, granularity 4096: in blocks of 512 and of 4096. */
	uint8_t expected[64] = { 0, 0xb0, 0, 60, 1, 255, 0, 8, 0, 0, 0x20, 0, 0, 0, 0, 128 };
	struct bed bed;

	(void)state;
	put_be64(expected + 36, 32768); /* WRITE SAME */
	bed_setup(&bed, &(struct bed_config){ 0 });
	expect_page(&bed, 0xb0, expected, sizeof(expected));
	bed_teardown(&bed);
	expected[7] = 1;
	put_be32(expected + 8, 1024);
	put_be32(expected + 12, 16);
	bed_setup(&bed, &(struct bed_config){ .block_size = 4096 });
	expect_page(&bed, 0xb0, expected, sizeof(expected));
	bed_teardown(&bed);
}

static void test_vpd_page__limits_as_configured(void **state)
{
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ .lu = { .maximum_transfer = 8192 } });
	bed_clear_attention(&bed);
	inquiry(&bed, &cmd, 1, 0xb0);
	assert_int_equal(get_be32(cmd.in + 8), 16);
	bed_release(&cmd);
	BED_CDB(&bed, &cmd, 0x28, 0, 0, 0, 0, 0, 0, 0, 17, 0);
	bed_wants(&cmd, 17 * 512);
	BED_RUN_FIELD(&cmd, 7, 7);
	bed_teardown(&bed);
}

static void test_vpd_page__limits_of_atomic_writes(void **state)
{
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ .atomic_write = 65536 });
	bed_clear_attention(&bed);
	inquiry(&bed, &cmd, 1, 0xb0);
	assert_int_equal(get_be32(cmd.in + 44), 128);
	for (unsigned i = 48; i < 64; i++)
		assert_int_equal(cmd.in[i], 0);
	bed_release(&cmd);
	bed_teardown(&bed);
	/* No more than a transfer, no more than 16 bits can say. */
	bed_setup(&bed, &(struct bed_config){ .atomic_write = UINT32_MAX, .block_size = 4096 });
	bed_clear_attention(&bed);
	inquiry(&bed, &cmd, 1, 0xb0);
	assert_int_equal(get_be32(cmd.in + 44), 1024);
	bed_release(&cmd);
	bed_teardown(&bed);
}

static void test_vpd_page__characteristics(void **state)
{
	uint8_t expected[64] = { 0, 0xb1, 0, 60, 0, 1, 0, 0, 0x02 };
	struct bed bed;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ .lu = { .rotation_rate = 1 } });
	expect_page(&bed, 0xb1, expected, sizeof(expected));
	bed_teardown(&bed);

	/* What the store knows, unless it is said otherwise. */
	bed_setup(&bed, &(struct bed_config){ .kind = "ram" });
	expect_page(&bed, 0xb1, expected, sizeof(expected));
	bed_teardown(&bed);
	bed_setup(&bed, &(struct bed_config){ .kind = "ram", .lu = { .rotation_rate = 7200 } });
	put_be16(expected + 4, 7200);
	expect_page(&bed, 0xb1, expected, sizeof(expected));
	bed_teardown(&bed);
	bed_setup(&bed, &(struct bed_config){ 0 });
	put_be16(expected + 4, 0);
	expect_page(&bed, 0xb1, expected, sizeof(expected));
	bed_teardown(&bed);
}

static void test_vpd_page__provisioning(void **state)
{
	static const uint8_t expected[8] = { 0, 0xb2, 0, 4 };
	struct bed bed;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ 0 });
	expect_page(&bed, 0xb2, expected, sizeof(expected));
	bed_teardown(&bed);
}

static void test_vpd_page__mode_policy(void **state)
{
	static const uint8_t expected[8] = { 0, 0x87, 0, 4, 0x3f, 0xff, 0, 0 };
	struct bed bed;

	(void)state;
	bed_setup(&bed, &(struct bed_config){ 0 });
	expect_page(&bed, 0x87, expected, sizeof(expected));
	bed_teardown(&bed);
}

/* "iqn.2026-11.io.pinion:bed,t,0x0001" has 34 characters. */
static void test_vpd_page__ports(void **state)
{
	static const char name[] = "iqn.2026-11.io.pinion:bed,t,0x0001";
	uint8_t expected[4 + 2 * 52] = { 0, 0x88, 0, 52,
					 /* the first port: 12 bytes and a designator of 40 */
					 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 40, 0x53, 0x98, 0, 36 };
	struct bed bed;

	(void)state;
	memcpy(expected + 20, name, sizeof(name));
	bed_setup(&bed, &(struct bed_config){ 0 });
	/* Nobody has named it. */
	expect_page(&bed, 0x88, expected, 56);
	assert_int_equal(scsi_target_add_port(bed.target, 0x1002, "iqn.2026-11.io.pinion:bed,t,0x1002"),
			 0);
	assert_int_equal(scsi_target_add_port(bed.target, 1, name), 0);
	expected[3] = 104;
	memcpy(expected + 56, expected + 4, 52);
	expected[56 + 2] = 0x10;
	expected[56 + 3] = 2;
	expected[56 + 16 + 30] = '1';
	expected[56 + 16 + 33] = '2';
	expect_page(&bed, 0x88, expected, sizeof(expected));
	bed_teardown(&bed);
}

/* Names as long as they can be still fit into the page. */
static void test_vpd_page__ports_as_many_as_there_can_be(void **state)
{
	char name[SCSI_PORT_NAME_MAX + 2];
	struct bed bed;
	struct bed_cmd cmd;

	(void)state;
	memset(name, 'x', sizeof(name));
	name[SCSI_PORT_NAME_MAX + 1] = '\0';
	bed_setup(&bed, &(struct bed_config){ 0 });
	assert_int_equal(scsi_target_add_port(bed.target, 1, name), -EINVAL);
	name[SCSI_PORT_NAME_MAX] = '\0';
	for (uint16_t i = 1; i <= SCSI_PORTS_MAX; i++)
		assert_int_equal(scsi_target_add_port(bed.target, i, name), 0);
	assert_int_equal(scsi_target_add_port(bed.target, 3, name), 0);
	assert_int_equal(scsi_target_add_port(bed.target, 3, "y"), -EEXIST);
	assert_int_equal(scsi_target_add_port(bed.target, 99, name), -ENOSPC);
	inquiry(&bed, &cmd, 1, 0x88);
	assert_int_equal(cmd.in_length, 4 + SCSI_PORTS_MAX * (12 + 4 + 236));
	bed_release(&cmd);
	bed_teardown(&bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spc_inquiry__standard),
		cmocka_unit_test(test_spc_inquiry__removable),
		cmocka_unit_test(test_spc_inquiry__no_logical_unit),
		cmocka_unit_test(test_spc_inquiry__well_known),
		cmocka_unit_test(test_spc_inquiry__refusals),
		cmocka_unit_test(test_vpd_page__supported),
		cmocka_unit_test(test_vpd_page__management),
		cmocka_unit_test(test_vpd_page__serial),
		cmocka_unit_test(test_vpd_page__identification),
		cmocka_unit_test(test_vpd_page__extended),
		cmocka_unit_test(test_vpd_page__limits),
		cmocka_unit_test(test_vpd_page__limits_as_configured),
		cmocka_unit_test(test_vpd_page__limits_of_atomic_writes),
		cmocka_unit_test(test_vpd_page__characteristics),
		cmocka_unit_test(test_vpd_page__provisioning),
		cmocka_unit_test(test_vpd_page__mode_policy),
		cmocka_unit_test(test_vpd_page__ports),
		cmocka_unit_test(test_vpd_page__ports_as_many_as_there_can_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
