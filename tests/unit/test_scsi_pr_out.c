/* SPDX-License-Identifier: BSD-2-Clause */
/* PERSISTENT RESERVE OUT, as initiators see it. */
#include "test_scsi_pr.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- REGISTER ---------------------------------------------------------------------------- */

static void test_register__a_key_of_ones_own(void **state)
{
	struct pr_bed *bed = *state;

	/* Who is not registered has no key to show. */
	assert_int_equal(pr_register(bed, bed->a, 7, 1, 0), CONFLICT);
	/* Nothing to be done is well done, and not counted. */
	assert_int_equal(pr_register(bed, bed->a, 0, 0, 0), GOOD);
	assert_int_equal(pr_generation(bed), 0);
	assert_int_equal(pr_register(bed, bed->a, 0, 0xa, 0), GOOD);
	assert_int_equal(pr_register(bed, bed->b, 0, 0xb, 0), GOOD);
	assert_int_equal(pr_generation(bed), 2);
	PR_EXPECT_KEYS(bed, 0xa, 0xb);
	/* Now the key is asked for. */
	assert_int_equal(pr_register(bed, bed->a, 0, 0xaa, 0), CONFLICT);
	assert_int_equal(pr_register(bed, bed->a, 0xb, 0xaa, 0), CONFLICT);
	assert_int_equal(pr_register(bed, bed->a, 0xa, 0xaa, 0), GOOD);
	PR_EXPECT_KEYS(bed, 0xaa, 0xb);
	assert_int_equal(pr_register(bed, bed->a, 0xaa, 0, 0), GOOD);
	PR_EXPECT_KEYS(bed, 0xb);
	assert_int_equal(pr_generation(bed), 4);
}

static void test_register_and_ignore__whatever_the_key(void **state)
{
	struct pr_bed *bed = *state;

	assert_int_equal(pr_out(bed, bed->a, REGISTER_AND_IGNORE, 0, 99, 0xa), GOOD);
	assert_int_equal(pr_out(bed, bed->a, REGISTER_AND_IGNORE, 0, 98, 0xaa), GOOD);
	PR_EXPECT_KEYS(bed, 0xaa);
	assert_int_equal(pr_out(bed, bed->a, REGISTER_AND_IGNORE, 0, 97, 0), GOOD);
	assert_int_equal(pr_generation(bed), 3);
	assert_int_equal(pr_out(bed, bed->a, REGISTER_AND_IGNORE, 0, 97, 0), GOOD);
	assert_int_equal(pr_generation(bed), 3);
}

static void test_register__outlives_the_session(void **state)
{
	struct pr_bed *bed = *state;

	pr_register(bed, bed->a, 0, 0xa, 0);
	assert_int_equal(pr_out(bed, bed->a, RESERVE, WE, 0xa, 0), GOOD);
	scsi_nexus_destroy(bed->a);
	assert_int_equal(pr_write(bed, bed->b), CONFLICT);
	bed->a = pr_nexus(bed, PORT_A, 1);
	pr_attention(bed, bed->a);
	assert_int_equal(pr_write(bed, bed->a), GOOD);
	assert_int_equal(pr_out(bed, bed->a, RELEASE, WE, 0xa, 0), GOOD);
	/* Through another target port it is another nexus. */
	scsi_nexus_destroy(bed->a);
	bed->a = pr_nexus(bed, PORT_A, 2);
	pr_attention(bed, bed->a);
	assert_int_equal(pr_out(bed, bed->a, RESERVE, WE, 0xa, 0), CONFLICT);
}

static void test_register__all_target_ports(void **state)
{
	struct pr_bed *bed = *state;
	struct scsi_nexus *other = pr_nexus(bed, PORT_A, 2);

	pr_attention(bed, other);
	assert_int_equal(pr_register(bed, bed->a, 0, 0xa, ALL_TG_PT), GOOD);
	PR_EXPECT_KEYS(bed, 0xa, 0xa);
	assert_int_equal(pr_generation(bed), 1);
	assert_int_equal(pr_out(bed, other, RESERVE, EA, 0xa, 0), GOOD);
	assert_int_equal(pr_read(bed, bed->a), CONFLICT);
	assert_int_equal(pr_read(bed, other), GOOD);
	/* One of them alone, then both do not have the same key. */
	assert_int_equal(pr_register(bed, bed->a, 0xa, 0xb, 0), GOOD);
	assert_int_equal(pr_register(bed, bed->a, 0xb, 0xc, ALL_TG_PT), CONFLICT);
	PR_EXPECT_KEYS(bed, 0xb, 0xa);
	assert_int_equal(pr_register(bed, bed->a, 0xb, 0xa, 0), GOOD);
	assert_int_equal(pr_register(bed, bed->a, 0xa, 0, ALL_TG_PT), GOOD);
	pr_expect_keys(bed, 0, NULL);
	pr_expect_reservation(bed, 0, 0);
	scsi_nexus_destroy(other);
}

/* A list of REGISTER with SPEC_I_PT and these TransportIDs of format 01b or (device) 00b. */
static uint32_t spec_list(uint8_t *list, uint64_t key, const char *port, const char *device)
{
	uint32_t length = 28;

	pr_list(list, 0, key, SPEC_I_PT);
	if (port != NULL)
		length += pr_transport_id(list + length, 1, port);
	if (device != NULL)
		length += pr_transport_id(list + length, 0, device);
	put_be32(list + 24, length - 28);
	return length;
}

static void test_register__other_initiators(void **state)
{
	struct pr_bed *bed = *state;
	uint8_t list[1024];
	/* As an initiator may write it: capitals, no leading zeros. */
	uint32_t length = spec_list(list, 5, "iqn.2026-11.TEST:new,i,0xAB", "iqn.2026-11.test:b");
	struct scsi_nexus *new;

	assert_int_equal(pr_out_list(bed, bed->a, REGISTER, 0, list, length), GOOD);
	PR_EXPECT_KEYS(bed, 5, 5, 5);
	assert_int_equal(pr_out(bed, bed->b, RESERVE, WE_RO, 5, 0), GOOD);
	new = pr_nexus(bed, "iqn.2026-11.test:new,i,0x0000000000ab", 1);
	pr_attention(bed, new);
	assert_int_equal(pr_write(bed, new), GOOD);
	/* Not through the other port. */
	assert_int_equal(pr_out(bed, bed->c, REGISTER, 0, 5, 0), CONFLICT);
	/* One who is registered cannot do that. */
	length = spec_list(list, 5, PORT_C, NULL);
	put_be64(list, 5);
	assert_int_equal(pr_out_list(bed, bed->a, REGISTER, 0, list, length), CHECK);
	pr_expect_parameter(bed, 20, 3);
	scsi_nexus_destroy(new);
}

static void test_register__other_initiators_that_are_wrong(void **state)
{
	struct pr_bed *bed = *state;
	uint8_t list[1024];
	uint32_t length = spec_list(list, 5, PORT_B, NULL);
	static const char *const wrong[] = {
		"iqn.2026-11.test:b,i,0x",
		"iqn.2026-11.test:b,i,0xg",
		",i,0x1",
		"iqn.2026-11.test:b",
		"iqn.2026-11.test:b,i,0x1234567890123",
	};

	/* Lengths that do not fit each other. */
	assert_int_equal(pr_out_list(bed, bed->a, REGISTER, 0, list, length - 4), CHECK);
	bed_expect_sense(&bed->last, 5, 0x1a00);
	assert_int_equal(pr_out_list(bed, bed->a, REGISTER, 0, list, 24), CHECK);
	bed_expect_sense(&bed->last, 5, 0x1a00);
	put_be32(list + 24, length - 28 + 4);
	assert_int_equal(pr_out_list(bed, bed->a, REGISTER, 0, list, length), CHECK);
	bed_expect_sense(&bed->last, 5, 0x1a00);
	/* Of another protocol, of another format, without an end, no multiple of four. */
	spec_list(list, 5, PORT_B, NULL);
	list[28] = 0x46;
	assert_int_equal(pr_out_list(bed, bed->a, REGISTER, 0, list, length), CHECK);
	pr_expect_parameter(bed, 28, -1);
	list[28] = 0x85;
	assert_int_equal(pr_out_list(bed, bed->a, REGISTER, 0, list, length), CHECK);
	spec_list(list, 5, PORT_B, NULL);
	memset(list + 32, 'x', 36); /* all of the name's field */
	assert_int_equal(pr_out_list(bed, bed->a, REGISTER, 0, list, length), CHECK);
	spec_list(list, 5, PORT_B, NULL);
	list[31]--;
	assert_int_equal(pr_out_list(bed, bed->a, REGISTER, 0, list, length), CHECK);
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		length = spec_list(list, 5, wrong[i], NULL);
		assert_int_equal(pr_out_list(bed, bed->a, REGISTER, 0, list, length), CHECK);
	}
	/* A device of which no port is known. */
	length = spec_list(list, 5, NULL, "iqn.2026-11.test:nobody");
	assert_int_equal(pr_out_list(bed, bed->a, REGISTER, 0, list, length), CHECK);
	/* Not with an existing key ignored. */
	length = spec_list(list, 5, PORT_B, NULL);
	assert_int_equal(pr_out_list(bed, bed->a, REGISTER_AND_IGNORE, 0, list, length), CHECK);
	pr_expect_parameter(bed, 20, 3);
	pr_expect_keys(bed, 0, NULL);
	assert_int_equal(pr_generation(bed), 0);
}

static void test_register__until_there_is_no_room(void **state)
{
	struct pr_bed *bed = *state;
	uint8_t *list = malloc(65536);
	uint32_t length = 28;
	char name[64];

	/* Too many: then none of them, and the former stay. */
	pr_register(bed, bed->b, 0, 0xb, 0);
	pr_list(list, 0, 5, SPEC_I_PT);
	for (unsigned i = 0; i < REGISTRATIONS_MAX; i++) {
		snprintf(name, sizeof(name), "iqn.2026-11.test:%u,i,0x%012x", i, i);
		length += pr_transport_id(list + length, 1, name);
	}
	put_be32(list + 24, length - 28);
	assert_int_equal(pr_out_list(bed, bed->a, REGISTER, 0, list, length), CHECK);
	bed_expect_sense(&bed->last, 5, 0x5504);
	PR_EXPECT_KEYS(bed, 0xb);
	assert_int_equal(pr_register(bed, bed->b, 0xb, 0, 0), GOOD);
	free(list);
}

/* ---- RESERVE and RELEASE -------------------------------------------------------------------- */

static void test_reserve__one_at_a_time(void **state)
{
	struct pr_bed *bed = *state;

	assert_int_equal(pr_out(bed, bed->a, RESERVE, WE, 0, 0), CONFLICT);
	pr_register(bed, bed->a, 0, 0xa, 0);
	pr_register(bed, bed->b, 0, 0xb, 0);
	assert_int_equal(pr_out(bed, bed->a, RESERVE, WE, 0xb, 0), CONFLICT);
	assert_int_equal(pr_out(bed, bed->a, RESERVE, WE, 0xa, 0), GOOD);
	pr_expect_reservation(bed, WE, 0xa);
	/* Again is nothing new; another type is. */
	assert_int_equal(pr_out(bed, bed->a, RESERVE, WE, 0xa, 0), GOOD);
	assert_int_equal(pr_out(bed, bed->a, RESERVE, EA, 0xa, 0), CONFLICT);
	assert_int_equal(pr_out(bed, bed->b, RESERVE, WE, 0xb, 0), CONFLICT);
	assert_int_equal(pr_generation(bed), 2);
}

static void test_reserve__scope_and_type(void **state)
{
	struct pr_bed *bed = *state;

	pr_register(bed, bed->a, 0, 0xa, 0);
	for (unsigned type = 0; type < 16; type++) {
		bool valid = type == 1 || type == 3 || (type >= 5 && type <= 8);

		assert_int_equal(pr_out(bed, bed->a, RESERVE, (uint8_t)type, 0xa, 0),
				 valid ? GOOD : CHECK);
		if (!valid) {
			bed_expect_field(&bed->last, 0x2400, 2, 3);
			continue;
		}
		pr_expect_reservation(bed, (uint8_t)type, type >= 7 ? 0 : 0xa);
		assert_int_equal(pr_out(bed, bed->a, RELEASE, (uint8_t)type, 0xa, 0), GOOD);
	}
	assert_int_equal(pr_out(bed, bed->a, RESERVE, 0x11, 0xa, 0), CHECK);
	bed_expect_field(&bed->last, 0x2400, 2, 7);
	/* Where they mean nothing they are not looked at. */
	assert_int_equal(pr_out(bed, bed->a, REGISTER, 0xff, 0xa, 0xb), GOOD);
	assert_int_equal(pr_out(bed, bed->a, CLEAR, 0xff, 0xb, 0), GOOD);
}

static void test_release__of_ones_own(void **state)
{
	struct pr_bed *bed = *state;

	pr_register(bed, bed->a, 0, 0xa, 0);
	pr_register(bed, bed->b, 0, 0xb, 0);
	assert_int_equal(pr_out(bed, bed->a, RELEASE, WE, 0xa, 0), GOOD);
	pr_out(bed, bed->a, RESERVE, WE, 0xa, 0);
	assert_int_equal(pr_out(bed, bed->a, RELEASE, EA, 0xa, 0), CHECK);
	bed_expect_sense(&bed->last, 5, 0x2604);
	assert_int_equal(pr_out(bed, bed->a, RELEASE, WE, 0xb, 0), CONFLICT);
	assert_int_equal(pr_out(bed, bed->c, RELEASE, WE, 0, 0), CONFLICT);
	/* Of someone else's: no effect. */
	assert_int_equal(pr_out(bed, bed->b, RELEASE, WE, 0xb, 0), GOOD);
	pr_expect_reservation(bed, WE, 0xa);
	assert_int_equal(pr_out(bed, bed->a, RELEASE, WE, 0xa, 0), GOOD);
	pr_expect_reservation(bed, 0, 0);
	assert_int_equal(pr_attention(bed, bed->b), 0);
}

static void test_release__registrants_are_told(void **state)
{
	static const uint8_t types[] = { WE_RO, EA_RO, WE_AR, EA_AR };
	struct pr_bed *bed = *state;

	pr_register(bed, bed->a, 0, 0xa, 0);
	pr_register(bed, bed->b, 0, 0xb, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		assert_int_equal(pr_out(bed, bed->a, RESERVE, types[i], 0xa, 0), GOOD);
		assert_int_equal(pr_out(bed, bed->a, RELEASE, types[i], 0xa, 0), GOOD);
		assert_int_equal(pr_attention(bed, bed->b), 0x2a04);
		assert_int_equal(pr_attention(bed, bed->b), 0);
		assert_int_equal(pr_attention(bed, bed->a), 0);
		/* Not registered, not told. */
		assert_int_equal(pr_attention(bed, bed->c), 0);
	}
}

static void test_register__the_holder_leaves(void **state)
{
	struct pr_bed *bed = *state;

	pr_register(bed, bed->b, 0, 0xb, 0);
	pr_register(bed, bed->a, 0, 0xa, 0);
	pr_out(bed, bed->a, RESERVE, WE, 0xa, 0);
	assert_int_equal(pr_register(bed, bed->a, 0xa, 0, 0), GOOD);
	pr_expect_reservation(bed, 0, 0);
	assert_int_equal(pr_attention(bed, bed->b), 0);
	pr_register(bed, bed->a, 0, 0xa, 0);
	pr_out(bed, bed->a, RESERVE, EA_RO, 0xa, 0);
	assert_int_equal(pr_register(bed, bed->a, 0xa, 0, 0), GOOD);
	pr_expect_reservation(bed, 0, 0);
	assert_int_equal(pr_attention(bed, bed->b), 0x2a04);
	/* What all hold goes with the last of them. */
	pr_register(bed, bed->a, 0, 0xa, 0);
	pr_out(bed, bed->a, RESERVE, EA_AR, 0xa, 0);
	assert_int_equal(pr_register(bed, bed->a, 0xa, 0, 0), GOOD);
	pr_expect_reservation(bed, EA_AR, 0);
	assert_int_equal(pr_read(bed, bed->b), GOOD);
	assert_int_equal(pr_read(bed, bed->a), CONFLICT);
	assert_int_equal(pr_register(bed, bed->b, 0xb, 0, 0), GOOD);
	pr_expect_reservation(bed, 0, 0);
	assert_int_equal(pr_read(bed, bed->a), GOOD);
}

/* ---- CLEAR and PREEMPT ------------------------------------------------------------------------ */

static void test_clear__everything(void **state)
{
	struct pr_bed *bed = *state;

	assert_int_equal(pr_out(bed, bed->a, CLEAR, 0, 0, 0), CONFLICT);
	pr_register(bed, bed->a, 0, 0xa, 0);
	pr_register(bed, bed->b, 0, 0xb, 0);
	pr_out(bed, bed->b, RESERVE, EA, 0xb, 0);
	assert_int_equal(pr_out(bed, bed->a, CLEAR, 0, 0xb, 0), CONFLICT);
	assert_int_equal(pr_out(bed, bed->a, CLEAR, 0, 0xa, 0), GOOD);
	pr_expect_keys(bed, 0, NULL);
	pr_expect_reservation(bed, 0, 0);
	assert_int_equal(pr_generation(bed), 3);
	assert_int_equal(pr_attention(bed, bed->b), 0x2a03);
	assert_int_equal(pr_attention(bed, bed->a), 0);
	assert_int_equal(pr_attention(bed, bed->c), 0);
}

static void test_preempt__the_holder(void **state)
{
	struct pr_bed *bed = *state;

	pr_register(bed, bed->a, 0, 0xa, 0);
	pr_register(bed, bed->b, 0, 0xb, 0);
	pr_register(bed, bed->c, 0, 0xc, 0);
	pr_out(bed, bed->b, RESERVE, WE, 0xb, 0);
	assert_int_equal(pr_out(bed, bed->a, PREEMPT, EA, 0, 0xb), CONFLICT);
	assert_int_equal(pr_out(bed, bed->a, PREEMPT, 2, 0xa, 0xb), CHECK);
	assert_int_equal(pr_out(bed, bed->a, PREEMPT, EA, 0xa, 0xb), GOOD);
	PR_EXPECT_KEYS(bed, 0xa, 0xc);
	pr_expect_reservation(bed, EA, 0xa);
	assert_int_equal(pr_generation(bed), 4);
	/* The conflict goes before what there is to tell. */
	assert_int_equal(pr_read(bed, bed->b), CONFLICT);
	assert_int_equal(pr_attention(bed, bed->b), 0x2a05);
	/* The type is another one. */
	assert_int_equal(pr_attention(bed, bed->c), 0x2a04);
	assert_int_equal(pr_attention(bed, bed->a), 0);
}

static void test_preempt__a_registration(void **state)
{
	struct pr_bed *bed = *state;

	pr_register(bed, bed->a, 0, 0xa, 0);
	pr_register(bed, bed->b, 0, 0xb, 0);
	pr_register(bed, bed->c, 0, 0xb, 0);
	/* Without a reservation none is made. */
	assert_int_equal(pr_out(bed, bed->a, PREEMPT, EA, 0xa, 0x77), CONFLICT);
	assert_int_equal(pr_out(bed, bed->a, PREEMPT, EA, 0xa, 0), CHECK);
	pr_expect_parameter(bed, 8, -1);
	assert_int_equal(pr_out(bed, bed->a, PREEMPT, EA, 0xa, 0xb), GOOD);
	PR_EXPECT_KEYS(bed, 0xa);
	pr_expect_reservation(bed, 0, 0);
	assert_int_equal(pr_attention(bed, bed->b), 0x2a05);
	assert_int_equal(pr_attention(bed, bed->c), 0x2a05);
	/* One's own key is one as any other. */
	assert_int_equal(pr_out(bed, bed->a, PREEMPT, EA, 0xa, 0xa), GOOD);
	pr_expect_keys(bed, 0, NULL);
	assert_int_equal(pr_attention(bed, bed->a), 0);
}

static void test_preempt__oneself(void **state)
{
	struct pr_bed *bed = *state;

	pr_register(bed, bed->a, 0, 0xa, 0);
	pr_register(bed, bed->b, 0, 0xa, 0);
	pr_out(bed, bed->a, RESERVE, WE, 0xa, 0);
	/* A way to change the type; others with the key go. */
	assert_int_equal(pr_out(bed, bed->a, PREEMPT, EA_RO, 0xa, 0xa), GOOD);
	PR_EXPECT_KEYS(bed, 0xa);
	pr_expect_reservation(bed, EA_RO, 0xa);
	assert_int_equal(pr_attention(bed, bed->b), 0x2a05);
}

static void test_preempt__what_all_hold(void **state)
{
	struct pr_bed *bed = *state;

	pr_register(bed, bed->a, 0, 0xa, 0);
	pr_register(bed, bed->b, 0, 0xb, 0);
	pr_register(bed, bed->c, 0, 0xc, 0);
	pr_out(bed, bed->a, RESERVE, WE_AR, 0xa, 0);
	/* One registration only: the reservation stays as it is. */
	assert_int_equal(pr_out(bed, bed->a, PREEMPT, EA, 0xa, 0xb), GOOD);
	PR_EXPECT_KEYS(bed, 0xa, 0xc);
	pr_expect_reservation(bed, WE_AR, 0);
	assert_int_equal(pr_attention(bed, bed->b), 0x2a05);
	assert_int_equal(pr_attention(bed, bed->c), 0);
	/* All of them: zero. */
	assert_int_equal(pr_out(bed, bed->a, PREEMPT, EA, 0xa, 0), GOOD);
	PR_EXPECT_KEYS(bed, 0xa);
	pr_expect_reservation(bed, EA, 0xa);
	assert_int_equal(pr_attention(bed, bed->c), 0x2a05);
}

/* Starts a read of NEXUS that the store holds. */
static void start_read(struct pr_bed *bed, struct bed_cmd *cmd, struct scsi_nexus *nexus)
{
	BED_CDB(&bed->bed, cmd, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0);
	cmd->cmd.nexus = nexus;
	bed_wants(cmd, 512);
	bed_start(cmd);
	assert_int_equal(cmd->completions, 0);
}

static void test_preempt_and_abort__commands_end_first(void **state)
{
	struct pr_bed *bed = *state;
	struct bed_cmd mine, preempted, stranger, preempt;
	uint8_t list[24];

	pr_register(bed, bed->a, 0, 0xa, 0);
	pr_register(bed, bed->b, 0, 0xb, 0);
	bed->bed.store.hold = true;
	start_read(bed, &mine, bed->a);
	start_read(bed, &preempted, bed->b);
	start_read(bed, &stranger, bed->c);
	BED_CDB(&bed->bed, &preempt, 0x5f, PREEMPT_AND_ABORT, WE, 0, 0, 0, 0, 0, 24, 0);
	preempt.cmd.nexus = bed->a;
	pr_list(list, 0xa, 0xb, 0);
	bed_has(&preempt, list, sizeof(list));
	bed_start(&preempt);
	bed_turns(&bed->bed, 5);
	/* The store is still at it. */
	assert_int_equal(preempt.completions, 0);
	assert_int_equal(bed->bed.store.cancels, 1);
	bed_store_finish(&bed->bed, 0);
	bed_store_finish(&bed->bed, 0);
	bed_wait(&preempt);
	assert_int_equal(preempt.cmd.status, GOOD);
	assert_true(preempted.cmd.aborted);
	assert_int_equal(preempted.completions, 1);
	assert_int_equal(mine.completions, 1);
	assert_false(mine.cmd.aborted);
	assert_int_equal(stranger.completions, 0);
	bed_store_finish(&bed->bed, 0);
	bed_wait(&stranger);
	assert_false(stranger.cmd.aborted);
	bed_release(&mine);
	bed_release(&preempted);
	bed_release(&stranger);
	bed_release(&preempt);
	bed->bed.store.hold = false;
	PR_EXPECT_KEYS(bed, 0xa);
	assert_int_equal(pr_attention(bed, bed->b), 0x2a05);
}

static void test_preempt_and_abort__aborted_itself(void **state)
{
	struct pr_bed *bed = *state;
	struct bed_cmd preempted, preempt;
	uint8_t list[24];

	pr_register(bed, bed->a, 0, 0xa, APTPL);
	pr_register(bed, bed->b, 0, 0xb, APTPL);
	bed->bed.store.hold = true;
	start_read(bed, &preempted, bed->b);
	BED_CDB(&bed->bed, &preempt, 0x5f, PREEMPT_AND_ABORT, WE, 0, 0, 0, 0, 0, 24, 0);
	preempt.cmd.nexus = bed->a;
	pr_list(list, 0xa, 0xb, 0);
	bed_has(&preempt, list, sizeof(list));
	bed_start(&preempt);
	scsi_cmd_abort(&preempt.cmd);
	bed_turns(&bed->bed, 3);
	bed_store_finish(&bed->bed, 0);
	bed_wait(&preempt);
	assert_true(preempt.cmd.aborted);
	bed_release(&preempted);
	bed_release(&preempt);
	bed->bed.store.hold = false;
	/* What it had done is done, and kept. */
	pr_crash(bed);
	PR_EXPECT_KEYS(bed, 0xa);
}

/* ---- REGISTER AND MOVE -------------------------------------------------------------------------- */

static uint32_t move_list(uint8_t *list, uint64_t key, uint64_t action_key, uint8_t flags,
			  const char *name, uint16_t port)
{
	uint32_t length;

	pr_list(list, key, action_key, 0);
	list[17] = flags;
	put_be16(list + 18, port);
	length = pr_transport_id(list + 24, 1, name);
	put_be32(list + 20, length);
	return 24 + length;
}

static void test_register_and_move__to_another(void **state)
{
	struct pr_bed *bed = *state;
	uint8_t list[512];
	uint32_t length = move_list(list, 0xa, 0xc, 0, PORT_C, 2);

	/* Only the holder can. */
	assert_int_equal(pr_out_list(bed, bed->a, REGISTER_AND_MOVE, 0, list, length), CONFLICT);
	pr_register(bed, bed->a, 0, 0xa, 0);
	assert_int_equal(pr_out_list(bed, bed->a, REGISTER_AND_MOVE, 0, list, length), CONFLICT);
	pr_out(bed, bed->a, RESERVE, EA, 0xa, 0);
	assert_int_equal(pr_out_list(bed, bed->a, REGISTER_AND_MOVE, 0, list, length), GOOD);
	PR_EXPECT_KEYS(bed, 0xa, 0xc);
	pr_expect_reservation(bed, EA, 0xc);
	assert_int_equal(pr_read(bed, bed->c), GOOD);
	assert_int_equal(pr_read(bed, bed->a), CONFLICT);
	assert_int_equal(pr_generation(bed), 2);
	/* Back, and away. */
	length = move_list(list, 0xc, 0xaa, 0x02, PORT_A, 1);
	assert_int_equal(pr_out_list(bed, bed->c, REGISTER_AND_MOVE, 0, list, length), GOOD);
	PR_EXPECT_KEYS(bed, 0xaa);
	pr_expect_reservation(bed, EA, 0xaa);
}

static void test_register_and_move__that_is_wrong(void **state)
{
	struct pr_bed *bed = *state;
	uint8_t list[512];
	uint32_t length;

	pr_register(bed, bed->a, 0, 0xa, 0);
	pr_out(bed, bed->a, RESERVE, WE, 0xa, 0);
	length = move_list(list, 0xa, 0, 0, PORT_C, 2);
	assert_int_equal(pr_out_list(bed, bed->a, REGISTER_AND_MOVE, 0, list, length), CHECK);
	pr_expect_parameter(bed, 8, -1);
	length = move_list(list, 0xa, 0xc, 0, PORT_C, 3);
	assert_int_equal(pr_out_list(bed, bed->a, REGISTER_AND_MOVE, 0, list, length), CHECK);
	pr_expect_parameter(bed, 18, -1);
	length = move_list(list, 0xa, 0xc, 0, PORT_A, 1);
	assert_int_equal(pr_out_list(bed, bed->a, REGISTER_AND_MOVE, 0, list, length), CHECK);
	pr_expect_parameter(bed, 24, -1);
	length = move_list(list, 0xa, 0xc, 0, PORT_C, 2);
	list[24] &= 0x3f; /* a device, not a port */
	assert_int_equal(pr_out_list(bed, bed->a, REGISTER_AND_MOVE, 0, list, length), CHECK);
	length = move_list(list, 0xa, 0xc, 0, PORT_C, 2);
	assert_int_equal(pr_out_list(bed, bed->a, REGISTER_AND_MOVE, 0, list, length - 4), CHECK);
	bed_expect_sense(&bed->last, 5, 0x1a00);
	put_be32(list + 20, 0);
	assert_int_equal(pr_out_list(bed, bed->a, REGISTER_AND_MOVE, 0, list, 24), CHECK);
	PR_EXPECT_KEYS(bed, 0xa);
	/* What all hold does not move. */
	pr_out(bed, bed->a, PREEMPT, WE_AR, 0xa, 0xa);
	length = move_list(list, 0xa, 0xc, 0, PORT_C, 2);
	assert_int_equal(pr_out_list(bed, bed->a, REGISTER_AND_MOVE, 0, list, length), CONFLICT);
}

/* ---- the list and the CDB ---------------------------------------------------------------------- */

static void test_pr_out__lengths(void **state)
{
	struct pr_bed *bed = *state;
	uint8_t list[32] = { 0 };

	for (uint8_t action = REGISTER; action <= REGISTER_AND_IGNORE; action++) {
		assert_int_equal(pr_out_list(bed, bed->a, action, WE, list, 23), CHECK);
		bed_expect_sense(&bed->last, 5, 0x1a00);
		assert_int_equal(pr_out_list(bed, bed->a, action, WE, list, 28), CHECK);
		bed_expect_sense(&bed->last, 5, 0x1a00);
	}
	assert_int_equal(PR_RUN(bed, bed->a, 0x5f, 0, 0, 0, 0, 0, 0, 0, 0, 0), CHECK);
	bed_expect_sense(&bed->last, 5, 0x1a00);
	assert_int_equal(PR_RUN(bed, bed->a, 0x5f, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0), CHECK);
	bed_expect_sense(&bed->last, 5, 0x1a00);
	/* There are no more service actions. */
	assert_int_equal(pr_out_list(bed, bed->a, 9, WE, list, 24), CHECK);
	bed_expect_field(&bed->last, 0x2400, 1, 4);
}

/* ---- over a power loss ---------------------------------------------------------------------------- */

static void test_aptpl__is_there_after_a_crash(void **state)
{
	struct pr_bed *bed = *state;

	assert_int_equal(pr_register(bed, bed->a, 0, 0xa, APTPL), GOOD);
	assert_int_equal(pr_register(bed, bed->c, 0, 0xc, APTPL), GOOD);
	assert_int_equal(pr_out(bed, bed->a, RESERVE, WE_RO, 0xa, 0), GOOD);
	assert_int_equal(bed->bed.keeper.saves, 3);
	pr_crash(bed);
	PR_EXPECT_KEYS(bed, 0xa, 0xc);
	pr_expect_reservation(bed, WE_RO, 0xa);
	assert_int_equal(pr_generation(bed), 0);
	assert_int_equal(pr_write(bed, bed->a), GOOD);
	assert_int_equal(pr_write(bed, bed->c), GOOD);
	assert_int_equal(pr_write(bed, bed->b), CONFLICT);
	/* The last one to register says whether. */
	assert_int_equal(pr_register(bed, bed->b, 0, 0xb, 0), GOOD);
	pr_crash(bed);
	pr_expect_keys(bed, 0, NULL);
	pr_expect_reservation(bed, 0, 0);
}

static void test_aptpl__of_those_that_ask_for_it_only(void **state)
{
	struct pr_bed *bed = *state;

	pr_register(bed, bed->a, 0, 0xa, 0);
	pr_out(bed, bed->a, RESERVE, WE, 0xa, 0);
	assert_int_equal(bed->bed.keeper.saves, 0);
	pr_crash(bed);
	pr_expect_keys(bed, 0, NULL);
}

static void test_aptpl__is_safe_before_it_is_good(void **state)
{
	struct pr_bed *bed = *state;
	struct bed_cmd cmd;
	uint8_t list[24];

	bed->bed.keeper.hold = true;
	BED_CDB(&bed->bed, &cmd, 0x5f, REGISTER, 0, 0, 0, 0, 0, 0, 24, 0);
	cmd.cmd.nexus = bed->a;
	pr_list(list, 0, 0xa, APTPL);
	bed_has(&cmd, list, sizeof(list));
	bed_start(&cmd);
	bed_turns(&bed->bed, 5);
	assert_int_equal(cmd.completions, 0);
	bed_keeper_finish(&bed->bed);
	bed_wait(&cmd);
	assert_int_equal(cmd.cmd.status, GOOD);
	bed_release(&cmd);
}

static void test_aptpl__cannot_be_kept(void **state)
{
	struct pr_bed *bed = *state;

	bed->bed.keeper.fail = -EIO;
	assert_int_equal(pr_register(bed, bed->a, 0, 0xa, APTPL), CHECK);
	bed_expect_sense(&bed->last, 4, 0x4400);
	bed->bed.keeper.fail = 0;
	/* What follows has it all. */
	assert_int_equal(pr_out(bed, bed->a, RESERVE, WE, 0xa, 0), GOOD);
	pr_crash(bed);
	pr_expect_reservation(bed, WE, 0xa);
}

static void test_aptpl__without_a_keeper(void **state)
{
	struct pr_bed *bed = *state;

	bed->bed.lu->keeper = NULL;
	assert_int_equal(pr_register(bed, bed->a, 0, 0xa, APTPL), CHECK);
	pr_expect_parameter(bed, 20, 0);
	pr_expect_keys(bed, 0, NULL);
}

static void test_pr_out__while_reserved_by_reserve(void **state)
{
	struct pr_bed *bed = *state;

	assert_int_equal(PR_RUN(bed, bed->a, 0x16, 0, 0, 0, 0, 0), GOOD);
	assert_int_equal(pr_register(bed, bed->a, 0, 0xa, 0), CONFLICT);
	assert_int_equal(pr_register(bed, bed->b, 0, 0xb, 0), CONFLICT);
	assert_int_equal(PR_RUN(bed, bed->a, 0x5e, 0, 0, 0, 0, 0, 0, 1, 0, 0), CONFLICT);
	assert_int_equal(PR_RUN(bed, bed->a, 0x5e, 2, 0, 0, 0, 0, 0, 1, 0, 0), CONFLICT);
	assert_int_equal(PR_RUN(bed, bed->a, 0x17, 0, 0, 0, 0, 0), GOOD);
	assert_int_equal(pr_register(bed, bed->a, 0, 0xa, 0), GOOD);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pr_setup, pr_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_register__a_key_of_ones_own),
		TEST(test_register_and_ignore__whatever_the_key),
		TEST(test_register__outlives_the_session),
		TEST(test_register__all_target_ports),
		TEST(test_register__other_initiators),
		TEST(test_register__other_initiators_that_are_wrong),
		TEST(test_register__until_there_is_no_room),
		TEST(test_reserve__one_at_a_time),
		TEST(test_reserve__scope_and_type),
		TEST(test_release__of_ones_own),
		TEST(test_release__registrants_are_told),
		TEST(test_register__the_holder_leaves),
		TEST(test_clear__everything),
		TEST(test_preempt__the_holder),
		TEST(test_preempt__a_registration),
		TEST(test_preempt__oneself),
		TEST(test_preempt__what_all_hold),
		TEST(test_preempt_and_abort__commands_end_first),
		TEST(test_preempt_and_abort__aborted_itself),
		TEST(test_register_and_move__to_another),
		TEST(test_register_and_move__that_is_wrong),
		TEST(test_pr_out__lengths),
		TEST(test_aptpl__is_there_after_a_crash),
		TEST(test_aptpl__of_those_that_ask_for_it_only),
		TEST(test_aptpl__is_safe_before_it_is_good),
		TEST(test_aptpl__cannot_be_kept),
		TEST(test_aptpl__without_a_keeper),
		TEST(test_pr_out__while_reserved_by_reserve),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
