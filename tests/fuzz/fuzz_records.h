/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inputs that are rows of records: some bytes at the head, then records of one size, and how
 * libFuzzer changes them, so that it moves, repeats and leaves out steps and not bytes.
 */
#ifndef PINION_FUZZ_RECORDS_H
#define PINION_FUZZ_RECORDS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/container.h"
#include "fuzz_check.h"

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);

enum { RECORD_HEAD = 8, RECORD = 8, RECORD_WORLD = 5 };

/* --- reading them --- */

struct records {
	const uint8_t *data;
	size_t left;
};

/* As much as there is, the rest zeros. */
static void records_take(struct records *input, uint8_t *out, size_t len)
{
	size_t got = min(len, input->left);

	memset(out, 0, len);
	if (got != 0)
		memcpy(out, input->data, got);
	input->data += got;
	input->left -= got;
}

/* The next of RECORD bytes; returns what it says behind the kind of its step. */
static const uint8_t *records_step(struct records *input, uint8_t *record)
{
	const uint8_t *how = record + 1;

	records_take(input, record, RECORD);
	TRACE("step %u: %02x %02x %02x %02x %02x %02x %02x\n", record[0] & 31, how[0], how[1],
	      how[2], how[3], how[4], how[5], how[6]);
	return how;
}

/* --- changing them --- */

static uint32_t record_draw(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static void record_fill(uint8_t *record, uint32_t *seed)
{
	for (unsigned i = 0; i < RECORD; i++)
		record[i] = (uint8_t)record_draw(seed);
	/* Byte 2 says what is wrong: most that is done is done right. */
	if (record_draw(seed) % 4 != 0)
		record[2] = 0;
	/* And most ends before the next begins. */
	if (record_draw(seed) % 2 != 0)
		record[0] &= 0x1f;
	/* Records that are another's data have many zeros. */
	if (record_draw(seed) % 4 == 0)
		for (unsigned i = 0; i < RECORD; i++)
			if (record_draw(seed) % 4 != 0)
				record[i] = 0;
}

static size_t record_insert(uint8_t *data, size_t size, size_t max, size_t at)
{
	if (size + RECORD > max)
		return size;
	memmove(data + at + RECORD, data + at, size - at);
	return size + RECORD;
}

static void record_swap(uint8_t *at)
{
	uint8_t kept[RECORD];

	memcpy(kept, at, RECORD);
	memcpy(at, at + RECORD, RECORD);
	memcpy(at + RECORD, kept, RECORD);
}

/* One change; returns the size that it then has. */
static size_t record_change(uint8_t *data, size_t size, size_t max, uint32_t *seed)
{
	uint32_t records = (uint32_t)((size - RECORD_HEAD) / RECORD);
	size_t at = RECORD_HEAD + record_draw(seed) % records * RECORD;
	size_t length = size - at, changed;

	switch (record_draw(seed) % 10) {
	case 0:
	case 1:
	case 2:
		changed = record_insert(data, size, max, at);
		if (changed != size)
			record_fill(data + at, seed);
		return changed;
	case 3:
		return record_insert(data, size, max, at);
	case 4:
		if (records < 2)
			return size;
		memmove(data + at, data + at + RECORD, length - RECORD);
		return size - RECORD;
	case 5:
		if (length >= 2 * RECORD)
			record_swap(data + at);
		return size;
	case 6:
		data[record_draw(seed) % RECORD_WORLD] ^= (uint8_t)(1u << record_draw(seed) % 8);
		return size;
	default:
		if (length >= RECORD)
			data[at + record_draw(seed) % RECORD] = (uint8_t)record_draw(seed);
		return size;
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	uint32_t state = seed * 2654435761u + 1;

	if (max < RECORD_HEAD + 2 * RECORD)
		return size;
	if (size < RECORD_HEAD + RECORD) {
		memset(data + size, 0, RECORD_HEAD + RECORD - size);
		size = RECORD_HEAD + RECORD;
	}
	for (unsigned times = 1 + record_draw(&state) % 4; times != 0; times--)
		size = record_change(data, size, max, &state);
	return size;
}

#endif
