/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looking into extents: copies and I/O vectors.
 */
#include <string.h>
#include <sys/uio.h>

#include "sys/arena.h"

/* A walk over bytes of extents, piece by piece. */
struct walk {
	const struct extent *extent;
	uint32_t skip;	/* bytes of *extent before the walk's place */
};

static struct walk walk_start(const struct extents *extents, uint32_t offset)
{
	struct walk walk = { extents->extent, offset };

	while (walk.skip >= walk.extent->length) {
		walk.skip -= walk.extent->length;
		walk.extent++;
	}
	return walk;
}

/* The next piece of at most LEN bytes; returns its length. */
static uint32_t walk_piece(struct walk *walk, uint32_t len, uint8_t **data)
{
	uint32_t piece = walk->extent->length - walk->skip;

	*data = walk->extent->data + walk->skip;
	if (piece > len) {
		walk->skip += len;
		return len;
	}
	walk->extent++;
	walk->skip = 0;
	return piece;
}

void extents_copy_in(struct extents *extents, uint32_t offset, const void *from, uint32_t len)
{
	const uint8_t *source = from;
	struct walk walk;

	if (len == 0)
		return;
	walk = walk_start(extents, offset);
	while (len > 0) {
		uint8_t *data;
		uint32_t piece = walk_piece(&walk, len, &data);

		memcpy(data, source, piece);
		source += piece;
		len -= piece;
	}
}

void extents_copy_out(const struct extents *extents, uint32_t offset, void *to, uint32_t len)
{
	uint8_t *target = to;
	struct walk walk;

	if (len == 0)
		return;
	walk = walk_start(extents, offset);
	while (len > 0) {
		uint8_t *data;
		uint32_t piece = walk_piece(&walk, len, &data);

		memcpy(target, data, piece);
		target += piece;
		len -= piece;
	}
}

unsigned extents_to_iov(const struct extents *extents, uint32_t offset, uint32_t len,
			struct iovec *iov, unsigned iov_max_count, uint32_t *covered)
{
	unsigned count = 0;
	uint32_t done = 0;

	if (len > 0) {
		struct walk walk = walk_start(extents, offset);

		while (done < len && count < iov_max_count) {
			uint8_t *data;
			uint32_t piece = walk_piece(&walk, len - done, &data);

			iov[count].iov_base = data;
			iov[count++].iov_len = piece;
			done += piece;
		}
	}
	if (covered != NULL)
		*covered = done;
	return count;
}
