/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory of a command: taken from the reactor's arena, or waited for.
 * A command that waits is in the arena's line and nowhere else.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "scsi/command.h"
#include "scsi/lu.h"
#include "scsi/sense.h"

static void memory_ready(struct arena_waiter *waiter)
{
	struct scsi_cmd *cmd = container_of(waiter, struct scsi_cmd, waiter);

	assert(cmd->phase == SCSI_PHASE_MEMORY);
	cmd->phase = SCSI_PHASE_RUNNING;
	cmd_drive(cmd, SCSI_AGAIN);
}

/*
 * Data that comes without being asked for needs room before we return; the
 * port has set it aside. False when it cannot be had after all, or came in so
 * many pieces that too few are left for the rest: waiting could then be for ever.
 */
static bool take_for_unsolicited(struct scsi_cmd *cmd, uint32_t length)
{
	uint32_t unsolicited = min(cmd->unsolicited, cmd->data_out_length);
	uint32_t left;

	if (unsolicited == 0)
		return true;
	if (arena_take_reserved(cmd->nexus->arena, &cmd->data, unsolicited) != 0)
		return false;
	if (cmd->data.length >= length)
		return true;
	left = EXTENTS_MAX - cmd->data.count;
	/* Half the largest piece: what an arena in use can be expected to find. */
	return length - cmd->data.length <= left * (EXTENT_MAX / 2);
}

static int wait_for_memory(struct scsi_cmd *cmd, uint32_t length)
{
	if (!take_for_unsolicited(cmd, length))
		return cmd_status(cmd, SCSI_STATUS_BUSY);
	if (cmd->data.length >= length)
		return SCSI_AGAIN;
	cmd->waiter.extents = &cmd->data;
	cmd->waiter.length = length;
	cmd->waiter.ready = memory_ready;
	cmd->phase = SCSI_PHASE_MEMORY;
	if (arena_wait(cmd->nexus->arena, &cmd->waiter) == 0)
		return SCSI_MORE;
	cmd->phase = SCSI_PHASE_RUNNING;
	return sense_insufficient_resources(cmd);
}

int cmd_memory(struct scsi_cmd *cmd, uint32_t length, int (*next)(struct scsi_cmd *cmd))
{
	cmd->resume = next;
	if (LIKELY(arena_take(cmd->nexus->arena, &cmd->data, length) == 0))
		return SCSI_AGAIN;
	return wait_for_memory(cmd, length);
}

int cmd_receive(struct scsi_cmd *cmd, int (*next)(struct scsi_cmd *cmd))
{
	cmd->resume = next;
	cmd->phase = SCSI_PHASE_DATA_OUT;
	cmd->port->receive_data_out(cmd);
	return SCSI_MORE;
}

static int receive_parameters(struct scsi_cmd *cmd)
{
	return cmd_receive(cmd, cmd->op->parse);
}

int cmd_parameters(struct scsi_cmd *cmd, uint32_t length)
{
	cmd->transfer_length = length;
	if (length > EXTENT_MIN)
		return sense_parameter_list_length(cmd);
	if (cmd_bytes_offered(cmd) < length)
		return sense_invalid_information_unit(cmd);
	cmd->data_out_length = length;
	return cmd_memory(cmd, EXTENT_MIN, receive_parameters);
}

void extents_slice(const struct extents *from, uint32_t offset, uint32_t length,
		   struct extents *out)
{
	extents_init(out);
	out->borrowed = true;
	for (unsigned i = 0; i < from->count && length > 0; i++) {
		const struct extent *extent = &from->extent[i];
		uint32_t piece;

		if (offset >= extent->length) {
			offset -= extent->length;
			continue;
		}
		piece = min(extent->length - offset, length);
		out->extent[out->count++] = (struct extent){
			.data = extent->data + offset,
			.length = piece,
			.region = extent->region,
		};
		out->length += piece;
		length -= piece;
		offset = 0;
	}
	assert(length == 0);
}

/* The bytes of EXTENTS from OFFSET on that lie in one piece. */
static const uint8_t *piece_at(const struct extents *extents, uint32_t offset, uint32_t *len)
{
	unsigned i = 0;

	while (offset >= extents->extent[i].length) {
		offset -= extents->extent[i].length;
		i++;
		assert(i < extents->count);
	}
	*len = extents->extent[i].length - offset;
	return extents->extent[i].data + offset;
}

uint32_t extents_compare(const struct extents *a, uint32_t a_offset, const struct extents *b,
			 uint32_t b_offset, uint32_t length)
{
	uint32_t done = 0;

	while (done < length) {
		uint32_t a_len, b_len, len;
		const uint8_t *p = piece_at(a, a_offset + done, &a_len);
		const uint8_t *q = piece_at(b, b_offset + done, &b_len);

		len = min(min(a_len, b_len), length - done);
		if (memcmp(p, q, len) != 0) {
			while (*p == *q) {
				p++;
				q++;
				done++;
			}
			return done;
		}
		done += len;
	}
	return length;
}
