/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The port of fuzz targets of the device server: gives a command its data, at once, later or
 * with an error, and judges its end.
 */
#ifndef PINION_FUZZ_PORT_H
#define PINION_FUZZ_PORT_H

#include <errno.h>

#include "base/container.h"
#include "fuzz_check.h"
#include "scsi/scsi.h"

struct port_cmd {
	struct scsi_cmd cmd;
	const uint8_t *list; /* its data: list_length bytes */
	uint32_t list_length;
	bool holds_data; /* until port_give_data */
	bool fails_data;
	bool wants_data;
	unsigned completions;
};

static struct port_cmd *port_cmd_of(struct scsi_cmd *cmd)
{
	return container_of(cmd, struct port_cmd, cmd);
}

static void port_give_data(struct port_cmd *cmd)
{
	cmd->wants_data = false;
	if (cmd->fails_data) {
		scsi_data_out_received(&cmd->cmd, -EBADMSG);
		return;
	}
	CHECK(cmd->cmd.data_out_length <= cmd->list_length);
	extents_copy_in(&cmd->cmd.data, 0, cmd->list, cmd->cmd.data_out_length);
	scsi_data_out_received(&cmd->cmd, 0);
}

static void port_receive(struct scsi_cmd *scsi)
{
	struct port_cmd *cmd = port_cmd_of(scsi);

	CHECK(scsi->writes && scsi->data_out_length <= scsi->data_out_available);
	CHECK(scsi->data_out_length <= scsi->data.length && cmd->completions == 0);
	cmd->wants_data = true;
	if (!cmd->holds_data)
		port_give_data(cmd);
}

static void port_complete(struct scsi_cmd *scsi)
{
	struct port_cmd *cmd = port_cmd_of(scsi);

	TRACE("  %02x: status %02x, in %u, sense %02x %02x %02x .. %02x %02x%s\n", scsi->cdb[0],
	      scsi->status, scsi->data_in_length, scsi->sense[0], scsi->sense[1], scsi->sense[2],
	      scsi->sense[12], scsi->sense[13], scsi->aborted ? ", aborted" : "");
	CHECK(++cmd->completions == 1);
	CHECK(!cmd->wants_data);
	CHECK(scsi->data_in_length <= scsi->data.length);
	CHECK(scsi->data_in_length <= (scsi->reads ? scsi->data_in_wanted : 0));
	CHECK(scsi->sense_length <= SCSI_SENSE_MAX);
	CHECK(scsi->aborted || (scsi->status == 0x02) == (scsi->sense_length != 0));
}

static void port_terminate(struct scsi_cmd *scsi)
{
	struct port_cmd *cmd = port_cmd_of(scsi);

	CHECK(cmd->wants_data);
	cmd->wants_data = false;
	scsi_data_out_received(scsi, -ECANCELED);
}

static const struct scsi_port_ops port_ops = {
	.receive_data_out = port_receive,
	.complete = port_complete,
	.terminate_data_transfer = port_terminate,
};

#endif
