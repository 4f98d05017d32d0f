/* SPDX-License-Identifier: BSD-2-Clause */
#define TURNS_MAX 60000u	/* of a millisecond each where nothing happens */
/* scsi/provision.c: the soft threshold of a thin logical unit, and the pages that tell of it. */
#include "test_scsi_bed.h"

#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "scsi/provision.h"

enum { MIB = 1 << 20 };

struct rig {
	struct clock_manual clock;
	struct store_usage usage;
	struct bed bed;
};

static void make(struct rig *rig, uint64_t threshold)
{
	clock_manual_init(&rig->clock, 1000 * CLOCK_NS_PER_S);
	rig->usage = (struct store_usage){ .used = 3 * MIB, .available = 100 * MIB };
	bed_setup(&rig->bed, &(struct bed_config){
				     .usage = &rig->usage,
				     .clock = &rig->clock.clock,
				     .lu = { .thin = true, .thin_threshold = threshold },
			     });
	bed_clear_attention(&rig->bed);
}

/*
 * The store is asked again; its answer comes from a worker, when it may. That it has come shows in
 * the next question.
 */
static void later(struct rig *rig)
{
	unsigned before = atomic_load(&rig->bed.store.asked);

	for (unsigned i = 0; atomic_load(&rig->bed.store.asked) - before < 2; i++) {
		assert_true(i < TURNS_MAX);
		clock_manual_advance(&rig->clock, 100 * CLOCK_NS_PER_MS);
		reactor_turn(rig->bed.reactor, 1);
	}
}

static void expect_attention(struct rig *rig, struct scsi_nexus *nexus, uint16_t code)
{
	struct bed_cmd cmd;

	BED_CDB(&rig->bed, &cmd, 0x00, 0, 0, 0, 0, 0);
	cmd.cmd.nexus = nexus;
	assert_int_equal(bed_run(&cmd), code != 0 ? 0x02 : 0x00);
	if (code != 0)
		bed_expect_sense(&cmd, 0x06, code);
}

static void test_provision__threshold_is_told_once(void **state)
{
	struct rig rig;
	struct scsi_nexus *second;

	(void)state;
	make(&rig, 10 * MIB);
	second = bed_nexus(&rig.bed, "iqn.2026-11.test:second,i,0x400000000002");
	expect_attention(&rig, second, 0x2900);
	later(&rig);
	expect_attention(&rig, rig.bed.nexus, 0);
	rig.usage.available = 10 * MIB;
	later(&rig);
	expect_attention(&rig, rig.bed.nexus, 0x3807);
	expect_attention(&rig, rig.bed.nexus, 0);
	expect_attention(&rig, second, 0x3807);
	rig.usage.available = 5 * MIB;
	later(&rig);
	expect_attention(&rig, rig.bed.nexus, 0);
	/* There is room again, then not. */
	rig.usage.available = 11 * MIB;
	later(&rig);
	expect_attention(&rig, rig.bed.nexus, 0);
	rig.usage.available = 0;
	later(&rig);
	expect_attention(&rig, rig.bed.nexus, 0x3807);
	expect_attention(&rig, second, 0x3807);
	scsi_nexus_destroy(second);
	bed_teardown(&rig.bed);
}

static void test_provision__who_has_everything_lacks_nothing(void **state)
{
	struct rig rig;

	(void)state;
	make(&rig, 10 * MIB);
	rig.usage = (struct store_usage){ .used = 16 * MIB, .available = 0 };
	later(&rig);
	expect_attention(&rig, rig.bed.nexus, 0);
	bed_teardown(&rig.bed);
}

static void test_provision__pages(void **state)
{
	static const uint8_t mode[36] = { 35,	0,    0x90, 8, 0, 0, 0x80, 0, 0, 0, 0x02, 0,
					  0x5c, 0x02, 0,    20, };
	static const uint8_t log[28] = { 0x8c, 0, 0, 24,   0, 1, 3, 8, 0, 0, 0, 100,
					 0,    0, 0, 0,	   0, 2, 3, 8, 0, 0, 0, 3 };
	struct rig rig;
	struct bed_cmd cmd;

	(void)state;
	/* In whole sets of 1 MiB, which are 2048 blocks. */
	make(&rig, 10 * MIB - 5);
	later(&rig);
	BED_CDB(&rig.bed, &cmd, 0x12, 1, 0xb2, 0, 64, 0);
	bed_wants(&cmd, 64);
	bed_expect_data(&cmd, (const uint8_t[8]){ 0, 0xb2, 0, 4, 11, 0xe4, 2, 0 }, 8);
	BED_CDB(&rig.bed, &cmd, 0x1a, 0, 0x1c, 0x02, 64, 0);
	bed_wants(&cmd, 64);
	assert_int_equal(bed_get(&cmd), 0x00);
	assert_int_equal(cmd.in_length, sizeof(mode));
	assert_int_equal(cmd.in[12] & 0x7f, mode[12]);
	assert_memory_equal(cmd.in + 13, mode + 13, 3);
	/* Enabled, soft, decreasing; available resources; ten sets. */
	assert_int_equal(cmd.in[28], 0x80);
	assert_int_equal(cmd.in[29], 0x01);
	assert_int_equal(get_be32(cmd.in + 32), 10);
	bed_release(&cmd);
	BED_CDB(&rig.bed, &cmd, 0x4d, 0, 0x4c, 0, 0, 0, 0, 0, 64, 0);
	bed_wants(&cmd, 64);
	bed_expect_data(&cmd, log, sizeof(log));
	bed_teardown(&rig.bed);
}

static void test_provision__nothing_of_it_without_a_threshold(void **state)
{
	struct rig rig;
	struct bed_cmd cmd;
	uint64_t used, available;

	(void)state;
	make(&rig, 0);
	rig.usage.available = 0;
	later(&rig);
	expect_attention(&rig, rig.bed.nexus, 0);
	assert_true(provision_get(rig.bed.lu, &used, &available));
	assert_int_equal(used, 3 * MIB);
	BED_CDB(&rig.bed, &cmd, 0x12, 1, 0xb2, 0, 64, 0);
	bed_wants(&cmd, 64);
	bed_expect_data(&cmd, (const uint8_t[8]){ 0, 0xb2, 0, 4, 0, 0xe4, 2, 0 }, 8);
	BED_CDB(&rig.bed, &cmd, 0x1a, 0, 0x1c, 0x02, 64, 0);
	bed_wants(&cmd, 64);
	BED_RUN_FIELD(&cmd, 3, 7);
	BED_CDB(&rig.bed, &cmd, 0x4d, 0, 0x4c, 0, 0, 0, 0, 0, 64, 0);
	bed_wants(&cmd, 64);
	BED_RUN_FIELD(&cmd, 2, 5);
	bed_teardown(&rig.bed);
}

/* The only one who can end it is its reactor. */
static void test_provision_stop__while_it_asks(void **state)
{
	struct rig rig;

	(void)state;
	make(&rig, 10 * MIB);
	clock_manual_advance(&rig.clock, 2100 * CLOCK_NS_PER_MS);
	reactor_turn(rig.bed.reactor, 0);
	assert_int_equal(atomic_load(&rig.bed.lu->background), 1);
	provision_stop(rig.bed.lu);
	provision_stop(rig.bed.lu);
	for (unsigned i = 0; i < TURNS_MAX && atomic_load(&rig.bed.lu->background) != 0; i++)
		reactor_turn(rig.bed.reactor, 1);
	assert_int_equal(atomic_load(&rig.bed.lu->background), 0);
	bed_teardown(&rig.bed);
}

static void refused(const struct bed *bed, struct scsi_lu_config config, const char *words)
{
	struct scsi_lu *lu;
	char error[200] = "";

	(void)bed;
	config.block_size = 512;
	config.seed = "x";
	assert_int_not_equal(scsi_lu_create(&config, &lu, error, sizeof(error)), 0);
	assert_non_null(strstr(error, words));
}

static void test_provision__refusals(void **state)
{
	struct rig rig;
	struct store *store;

	(void)state;
	make(&rig, 0);
	store = &rig.bed.store.store;
	refused(&rig.bed, (struct scsi_lu_config){ .store = store, .thin_threshold = 1 },
		"thin provisioning only");
	rig.bed.store.usage = NULL;
	refused(&rig.bed, (struct scsi_lu_config){ .store = store, .thin = true, .thin_threshold = 1 },
		"how much space");
	bed_teardown(&rig.bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_provision__threshold_is_told_once),
		cmocka_unit_test(test_provision__who_has_everything_lacks_nothing),
		cmocka_unit_test(test_provision__pages),
		cmocka_unit_test(test_provision__nothing_of_it_without_a_threshold),
		cmocka_unit_test(test_provision_stop__while_it_asks),
		cmocka_unit_test(test_provision__refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
