/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of reservations share: initiators that register, reserve and look. */
#ifndef PINION_TESTS_TEST_SCSI_PR_H
#define PINION_TESTS_TEST_SCSI_PR_H

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/container.h"
#include "scsi/lu.h"
#include "test_scsi_bed.h"

enum { GOOD = 0x00, CHECK = 0x02, CONFLICT = 0x18 };

enum {
	REGISTER,
	RESERVE,
	RELEASE,
	CLEAR,
	PREEMPT,
	PREEMPT_AND_ABORT,
	REGISTER_AND_IGNORE,
	REGISTER_AND_MOVE,
	REPLACE_LOST,
};

enum { WE = 1, EA = 3, WE_RO = 5, EA_RO = 6, WE_AR = 7, EA_AR = 8 };

enum { APTPL = 0x01, ALL_TG_PT = 0x04, SPEC_I_PT = 0x08 };

#define PORT_A "iqn.2026-11.test:a,i,0x400000000001"
#define PORT_B "iqn.2026-11.test:b,i,0x400000000002"
#define PORT_C "iqn.2026-11.test:c,i,0x400000000003"

/* Three initiators; the last one comes through another target port. */
struct pr_bed {
	struct bed bed;
	struct scsi_nexus *a, *b, *c;
	struct bed_cmd last; /* the last command, for its sense */
};

static inline struct scsi_nexus *pr_nexus(struct pr_bed *bed, const char *initiator, uint16_t port)
{
	struct scsi_nexus_config config = {
		.target = bed->bed.target,
		.reactor = bed->bed.reactor,
		.initiator_port = initiator,
		.target_port = port == 1 ? "iqn.2026-11.io.pinion:bed,t,0x0001"
					 : "iqn.2026-11.io.pinion:bed,t,0x0002",
		.target_port_group = port,
	};
	struct scsi_nexus *nexus;

	assert_int_equal(scsi_nexus_create(&config, &nexus), 0);
	return nexus;
}

/* Runs a command that has data-out, and keeps it in bed->last. */
static inline uint8_t pr_run(struct pr_bed *bed, struct scsi_nexus *nexus, const uint8_t *cdb,
			     size_t cdb_length, const void *data, uint32_t length)
{
	struct bed_cmd *cmd = &bed->last;

	bed_cdb(&bed->bed, cmd, cdb, cdb_length);
	cmd->cmd.nexus = nexus;
	if (length != 0)
		bed_has(cmd, data, length);
	else
		bed_wants(cmd, 65536);
	return bed_run(cmd);
}

#define PR_RUN(bed, nexus, ...)                                  \
	pr_run((bed), (nexus), (const uint8_t[]){ __VA_ARGS__ }, \
	       sizeof((const uint8_t[]){ __VA_ARGS__ }), NULL, 0)

/* That the last command was told of a wrong field of its list. BIT: -1 for none. */
static inline void pr_expect_parameter(struct pr_bed *bed, uint16_t byte, int bit)
{
	const uint8_t *sense = bed->last.cmd.sense;

	bed_expect_sense(&bed->last, 5, 0x2600);
	assert_int_equal(sense[15], bit < 0 ? 0x80 : 0x88 | bit);
	assert_int_equal(get_be16(sense + 16), byte);
}

/* The unit attention that is pending at NEXUS, taken: ASC << 8 | ASCQ, or 0. */
static inline uint16_t pr_attention(struct pr_bed *bed, struct scsi_nexus *nexus)
{
	if (PR_RUN(bed, nexus, 0, 0, 0, 0, 0, 0) == GOOD)
		return 0;
	assert_int_equal(bed->last.cmd.status, CHECK);
	assert_int_equal(bed->last.cmd.sense[2], 6);
	return get_be16(bed->last.cmd.sense + 12);
}

static inline void pr_connect(struct pr_bed *bed)
{
	bed->a = pr_nexus(bed, PORT_A, 1);
	bed->b = pr_nexus(bed, PORT_B, 1);
	bed->c = pr_nexus(bed, PORT_C, 2);
	pr_attention(bed, bed->a);
	pr_attention(bed, bed->b);
	pr_attention(bed, bed->c);
}

static inline void pr_disconnect(struct pr_bed *bed)
{
	scsi_nexus_destroy(bed->a);
	scsi_nexus_destroy(bed->b);
	scsi_nexus_destroy(bed->c);
}

static inline void pr_name_ports(struct pr_bed *bed)
{
	struct scsi_target *target = bed->bed.target;

	assert_int_equal(scsi_target_add_port(target, 2, "iqn.2026-11.io.pinion:bed,t,0x0002"), 0);
	assert_int_equal(scsi_target_add_port(target, 1, "iqn.2026-11.io.pinion:bed,t,0x0001"), 0);
}

static inline int pr_setup(void **state)
{
	static const struct bed_config config = { .keeps = true };
	struct pr_bed *bed = calloc(1, sizeof(*bed));

	bed_setup(&bed->bed, &config);
	pr_name_ports(bed);
	pr_connect(bed);
	*state = bed;
	return 0;
}

static inline int pr_teardown(void **state)
{
	struct pr_bed *bed = *state;

	pr_disconnect(bed);
	bed_teardown(&bed->bed);
	free(bed);
	return 0;
}

/* A crash: what was not kept is gone, and every session with it. */
static inline void pr_crash(struct pr_bed *bed)
{
	pr_disconnect(bed);
	bed_restart(&bed->bed);
	pr_name_ports(bed);
	pr_connect(bed);
}

static inline void pr_list(uint8_t list[24], uint64_t key, uint64_t action_key, uint8_t flags)
{
	memset(list, 0, 24);
	put_be64(list, key);
	put_be64(list + 8, action_key);
	list[20] = flags;
}

/* PERSISTENT RESERVE OUT with a list of LENGTH bytes. */
static inline uint8_t pr_out_list(struct pr_bed *bed, struct scsi_nexus *nexus, uint8_t action,
				  uint8_t type, const uint8_t *list, uint32_t length)
{
	uint8_t cdb[10] = { 0x5f, action, type };

	put_be32(cdb + 5, length);
	return pr_run(bed, nexus, cdb, sizeof(cdb), list, length);
}

static inline uint8_t pr_out(struct pr_bed *bed, struct scsi_nexus *nexus, uint8_t action,
			     uint8_t type, uint64_t key, uint64_t action_key)
{
	uint8_t list[24];

	pr_list(list, key, action_key, 0);
	return pr_out_list(bed, nexus, action, type, list, sizeof(list));
}

static inline uint8_t pr_register(struct pr_bed *bed, struct scsi_nexus *nexus, uint64_t key,
				  uint64_t action_key, uint8_t flags)
{
	uint8_t list[24];

	pr_list(list, key, action_key, flags);
	return pr_out_list(bed, nexus, REGISTER, 0, list, sizeof(list));
}

/* PERSISTENT RESERVE IN into DATA; its bytes. */
static inline uint32_t pr_in(struct pr_bed *bed, uint8_t action, uint8_t *data, uint16_t size)
{
	struct bed_cmd *cmd = &bed->last;
	uint32_t length;

	BED_CDB(&bed->bed, cmd, 0x5e, action, 0, 0, 0, 0, 0, (uint8_t)(size >> 8), (uint8_t)size,
		0);
	cmd->cmd.nexus = bed->a;
	bed_wants(cmd, 65536);
	assert_int_equal(bed_get(cmd), GOOD);
	length = cmd->in_length;
	memcpy(data, cmd->in, length);
	bed_release(cmd);
	return length;
}

/* That the keys of all registrations, in the order in which they were made, are these. */
static inline void pr_expect_keys(struct pr_bed *bed, unsigned count, const uint64_t *keys)
{
	uint8_t data[4096];

	assert_int_equal(pr_in(bed, 0, data, sizeof(data)), 8 + count * 8);
	assert_int_equal(get_be32(data + 4), count * 8);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(get_be64(data + 8 + i * 8), keys[i]);
}

#define PR_EXPECT_KEYS(bed, ...)                                                            \
	pr_expect_keys((bed), sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t), \
		       (const uint64_t[]){ __VA_ARGS__ })

static inline uint32_t pr_generation(struct pr_bed *bed)
{
	uint8_t data[4096];

	pr_in(bed, 0, data, sizeof(data));
	return get_be32(data);
}

/* That there is a reservation of TYPE with KEY, or none where TYPE is 0. */
static inline void pr_expect_reservation(struct pr_bed *bed, uint8_t type, uint64_t key)
{
	uint8_t data[64];

	assert_int_equal(pr_in(bed, 1, data, sizeof(data)), type == 0 ? 8 : 24);
	assert_int_equal(get_be32(data + 4), type == 0 ? 0 : 16);
	if (type == 0)
		return;
	assert_int_equal(get_be64(data + 8), key);
	assert_int_equal(get_be32(data + 16), 0);
	assert_int_equal(data[20], 0);
	assert_int_equal(data[21], type);
}

static inline uint8_t pr_write(struct pr_bed *bed, struct scsi_nexus *nexus)
{
	static const uint8_t cdb[10] = { 0x2a, [8] = 1 };
	static const uint8_t block[512];

	return pr_run(bed, nexus, cdb, sizeof(cdb), block, sizeof(block));
}

static inline uint8_t pr_read(struct pr_bed *bed, struct scsi_nexus *nexus)
{
	return PR_RUN(bed, nexus, 0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0);
}

/* Appends a TransportID to LIST; its bytes. */
static inline uint32_t pr_transport_id(uint8_t *list, uint8_t format, const char *name)
{
	size_t padded = (strlen(name) + 4) / 4 * 4;

	if (padded < 20)
		padded = 20;
	memset(list, 0, 4 + padded);
	list[0] = (uint8_t)(format << 6 | 5);
	put_be16(list + 2, (uint16_t)padded);
	memcpy(list + 4, name, strlen(name));
	return (uint32_t)(4 + padded);
}

#endif
