/* SPDX-License-Identifier: BSD-2-Clause */
/* scsi/lu.c and identity.c: names that last, configurations that are refused. */
#include "test_scsi_bed.h"

#include <errno.h>
#include <string.h>

#include "scsi/lu.h"

/* The stores of these tests are on the stack. */
static void close_nothing(struct store *store)
{
	(void)store;
}

static const struct store_ops no_ops = { .name = "none", .close = close_nothing };

static struct store a_store(void)
{
	return (struct store){
		.ops = &no_ops,
		.traits = { .size = 1 << 20, .logical_block = 512, .physical_block = 512 },
	};
}

/* Expects CONFIG to be refused with a line that holds WORD. */
static void refused(const struct scsi_lu_config *config, const char *word)
{
	char error[200] = "";
	struct scsi_lu *lu;

	assert_int_equal(scsi_lu_create(config, &lu, error, sizeof(error)), -EINVAL);
	if (strstr(error, word) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", error, word);
}

static void test_scsi_lu_create__refusals(void **state)
{
	struct store store = a_store(), tiny = a_store(), coarse = a_store();
	struct scsi_lu_config ok = { .store = &store, .block_size = 512, .seed = "x" }, config;

	(void)state;
	tiny.traits.size = 511;
	coarse.traits.logical_block = 4096;
#define REFUSED(word, ...)              \
	do {                            \
		config = ok;            \
		__VA_ARGS__;            \
		refused(&config, word); \
	} while (0)
	REFUSED("block size 0", config.block_size = 0);
	REFUSED("block size 520", config.block_size = 520);
	REFUSED("block size 8192", config.block_size = 8192);
	REFUSED("not even one block", config.store = &tiny);
	REFUSED("the store's own, 4096", config.store = &coarse);
	REFUSED("physical block size 1000", config.physical_block_size = 1000);
	REFUSED("physical block size 256", config.physical_block_size = 256);
	REFUSED("cannot begin at LBA 1", config.lowest_aligned = 1);
	REFUSED("maximum transfer of 100", config.maximum_transfer = 100);
	REFUSED("maximum transfer", config.maximum_transfer = 1 << 30);
	REFUSED("vendor", config.vendor = "ninechars");
	REFUSED("product", config.product = "seventeen letters");
	REFUSED("product", config.product = "caf\xc3\xa9");
	REFUSED("revision", config.revision = "1.2.3");
	REFUSED("serial", config.serial = "");
	REFUSED("serial", config.serial = "0123456789012345678901234567890123456");
	REFUSED("NAA", config.naa_length = 8; config.naa[0] = 0x60);
	REFUSED("NAA", config.naa_length = 16; config.naa[0] = 0x30);
	REFUSED("NAA", config.naa_length = 4; config.naa[0] = 0x30);
	REFUSED("cannot be thin", config.thin = true);
	REFUSED("identifier", config.seed = NULL);
}

static void make(const struct scsi_lu_config *config, struct scsi_lu **lu)
{
	char error[200] = "";

	if (scsi_lu_create(config, lu, error, sizeof(error)) != 0)
		fail_msg("%s", error);
}

/* These names are on disks in the field: this test fails when somebody changes the hash. */
static void test_identity_naa__never_changes(void **state)
{
	struct store store = a_store();
	struct scsi_lu_config config = { .store = &store,
					 .block_size = 512,
					 .seed = "iqn.2026-11.io.pinion:disk/0" };
	struct scsi_lu *lu;

	(void)state;
	make(&config, &lu);
	assert_int_equal(lu->naa_length, 8);
	assert_string_equal(lu->serial, "3420ad9a419b8eb5");
	scsi_lu_destroy(lu);
	memcpy(store.traits.identity, "0123456789abcdef", 16);
	make(&config, &lu);
	assert_string_equal(lu->serial, "3fe524d33625dec6");
	scsi_lu_destroy(lu);
}

static void test_identity_naa__store_before_seed(void **state)
{
	struct store store = a_store();
	struct scsi_lu_config one = { .store = &store, .block_size = 512, .seed = "one" };
	struct scsi_lu_config two = { .store = &store, .block_size = 512, .seed = "two" };
	struct scsi_lu *a, *b;

	(void)state;
	make(&one, &a);
	make(&two, &b);
	assert_memory_not_equal(a->naa, b->naa, 8);
	assert_int_equal(a->naa[0] >> 4, 3);
	scsi_lu_destroy(a);
	scsi_lu_destroy(b);
	store.traits.identity[15] = 1;
	make(&one, &a);
	make(&two, &b);
	assert_memory_equal(a->naa, b->naa, 8);
	scsi_lu_destroy(a);
	scsi_lu_destroy(b);
}

static void test_identity_hash__spreads(void **state)
{
	uint64_t seen[256];

	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		uint8_t bytes[16] = { 0 };

		bytes[15] = (uint8_t)i;
		seen[i] = identity_hash(0, bytes, sizeof(bytes));
		for (unsigned j = 0; j < i; j++)
			assert_int_not_equal(seen[i] >> 32, seen[j] >> 32);
	}
}

static void test_scsi_lu_create__physical_of_the_store(void **state)
{
	struct store store = a_store();
	struct scsi_lu_config config = { .store = &store, .block_size = 512, .seed = "x" };
	struct scsi_lu *lu;

	(void)state;
	store.traits.physical_block = 4096;
	make(&config, &lu);
	assert_int_equal(lu->physical_block_size, 4096);
	scsi_lu_destroy(lu);
	/* What cannot be told in SCSI is not told. */
	store.traits.physical_block = 0;
	make(&config, &lu);
	assert_int_equal(lu->physical_block_size, 512);
	scsi_lu_destroy(lu);
	config.physical_block_size = 16384;
	make(&config, &lu);
	assert_int_equal(lu->physical_block_size, 16384);
	scsi_lu_destroy(lu);
}

static void test_scsi_lu_create__odd_end_is_cut(void **state)
{
	struct store store = a_store();
	struct scsi_lu_config config = { .store = &store, .block_size = 4096, .seed = "x" };
	struct scsi_lu *lu;

	(void)state;
	store.traits.size = 8192 + 4095;
	make(&config, &lu);
	assert_int_equal(lu->blocks, 2);
	scsi_lu_destroy(lu);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scsi_lu_create__refusals),
		cmocka_unit_test(test_identity_naa__never_changes),
		cmocka_unit_test(test_identity_naa__store_before_seed),
		cmocka_unit_test(test_identity_hash__spreads),
		cmocka_unit_test(test_scsi_lu_create__physical_of_the_store),
		cmocka_unit_test(test_scsi_lu_create__odd_end_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
