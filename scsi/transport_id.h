/* SPDX-License-Identifier: BSD-2-Clause */
/* TransportIDs of iSCSI initiator ports: SPC-5 section 7.6.4.6. */
#ifndef PINION_SCSI_TRANSPORT_ID_H
#define PINION_SCSI_TRANSPORT_ID_H

#include <stdbool.h>

#include "base/cursor.h"
#include "scsi/reservation.h"

#define TRANSPORT_ID_MAX 248 /* bytes: header, name, padding */

/*
 * Reads one from IN: NAME becomes the SCSI name of the initiator port, "name,i,0x" and 12
 * digits, or where IS_DEVICE is set (format 00b) that of the initiator device. False where it
 * is none, or of another protocol.
 */
bool transport_id_get(struct cursor *in, char name[INITIATOR_PORT_MAX + 1], bool *is_device);

/* Writes that of the initiator port NAME. */
void transport_id_put(struct cursor *out, const char *name);

#endif
