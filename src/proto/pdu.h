/* SPDX-License-Identifier: BSD-2-Clause */
/* All header codecs at once, for code that handles more than one kind of PDU. */
#ifndef PINION_PROTO_PDU_H
#define PINION_PROTO_PDU_H

#include "proto/ahs.h"
#include "proto/bhs.h"
#include "proto/bhs_control.h"
#include "proto/bhs_login.h"
#include "proto/bhs_scsi.h"
#include "proto/opcode.h"

#endif
