/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of protection information share: blocks with their eight bytes, and commands for them. */
#ifndef PINION_TESTS_TEST_SCSI_PROTECT_H
#define PINION_TESTS_TEST_SCSI_PROTECT_H

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "test_scsi_bed.h"

enum {
	BLOCK = 512,
	WIRE = BLOCK + 8,
	COUNT = 5,
	LBA = 40,
	GOOD = 0x00,
	CHECK = 0x02,
	ABORTED = 0xb,
	MISCOMPARE = 0xe,
};

/* A bed of its own with protection information of TYPE in memory, with or without a keeper. */
static inline int protect_setup(void **state, unsigned type, bool keeps)
{
	struct bed *bed = calloc(1, sizeof(*bed));
	struct bed_config config = { .protection = type, .keeps = keeps, .lu = { .thin = true } };

	bed_setup(bed, &config);
	bed_clear_attention(bed);
	*state = bed;
	return 0;
}

/* An initiator's blocks: its own CRC, bit by bit. */
static inline uint16_t slow_crc(const uint8_t *data, size_t len)
{
	uint16_t crc = 0;

	for (size_t i = 0; i < len; i++) {
		crc ^= (uint16_t)(data[i] << 8);
		for (unsigned bit = 0; bit < 8; bit++)
			crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x8bb7 : crc << 1);
	}
	return crc;
}

static inline void fill(uint8_t *wire, unsigned count, uint32_t reference, uint16_t application,
			uint32_t seed)
{
	for (unsigned i = 0; i < count; i++) {
		uint8_t *block = wire + i * WIRE;

		bed_pattern(block, BLOCK, seed + i);
		put_be16(block + BLOCK, slow_crc(block, BLOCK));
		put_be16(block + BLOCK + 2, application);
		put_be32(block + BLOCK + 4, reference + i);
	}
}

static inline void cdb_16(struct bed *bed, struct bed_cmd *cmd, uint8_t op, uint8_t options,
			  uint64_t lba, uint32_t count)
{
	uint8_t cdb[16] = { op, options };

	put_be64(cdb + 2, lba);
	put_be32(cdb + 10, count);
	bed_cdb(bed, cmd, cdb, 16);
}

static inline void cdb_32(struct bed *bed, struct bed_cmd *cmd, uint8_t action, uint8_t options,
			  uint64_t lba, uint32_t count, uint32_t reference)
{
	uint8_t cdb[32] = { 0x7f, [7] = 0x18, [9] = action, [10] = options };

	put_be64(cdb + 12, lba);
	put_be32(cdb + 20, reference);
	put_be32(cdb + 28, count);
	bed_cdb(bed, cmd, cdb, 32);
}

static inline uint8_t write_16(struct bed *bed, struct bed_cmd *cmd, uint8_t op, unsigned protect,
			       uint64_t lba, const uint8_t *data, unsigned count)
{
	cdb_16(bed, cmd, op, (uint8_t)(protect << 5), lba, count);
	bed_has(cmd, data, count * (protect != 0 ? WIRE : BLOCK));
	return bed_run(cmd);
}

static inline uint8_t read_16(struct bed *bed, struct bed_cmd *cmd, unsigned protect, uint64_t lba,
			      uint8_t *data, unsigned count)
{
	uint32_t length = count * (protect != 0 ? WIRE : BLOCK);
	uint8_t status;

	cdb_16(bed, cmd, 0x88, (uint8_t)(protect << 5), lba, count);
	bed_wants(cmd, length);
	status = bed_get(cmd);
	if (status == GOOD) {
		assert_int_equal(cmd->in_length, length);
		memcpy(data, cmd->in, length);
	}
	bed_release(cmd);
	return status;
}

static inline uint8_t verify_16(struct bed *bed, struct bed_cmd *cmd, unsigned protect,
				uint64_t lba, uint32_t count)
{
	cdb_16(bed, cmd, 0x8f, (uint8_t)(protect << 5), lba, count);
	return bed_run(cmd);
}

/* KEY, CODE, and LBA in INFORMATION. */
static inline void expect_key(const struct bed_cmd *cmd, uint8_t key, uint16_t code, uint64_t lba)
{
	bed_expect_sense(cmd, key, code);
	/* Fixed format: VALID and INFORMATION. */
	assert_int_equal(cmd->cmd.sense[0], 0xf0);
	assert_int_equal(get_be32(cmd->cmd.sense + 3), lba);
}

static inline void expect_wrong(const struct bed_cmd *cmd, uint16_t code, uint64_t lba)
{
	expect_key(cmd, ABORTED, code, lba);
}

#endif
