/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asymmetric logical unit access: SPC-5 section 5.17. Each portal group is a target
 * port group with one port; each logical unit has a state for each of them. All of it
 * under lu->control.
 */
#ifndef PINION_SCSI_ALUA_H
#define PINION_SCSI_ALUA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "scsi/scsi.h"

struct alua_group {
	uint16_t group;
	uint8_t state; /* enum scsi_access_state */
	uint8_t status; /* STATUS CODE: how it came to be */
	bool preferred;
};

struct alua {
	enum scsi_alua kind;
	unsigned count;
	struct alua_group group[SCSI_PORTS_MAX];
};

/* The permits (access.h) that a command of NEXUS needs. */
uint8_t alua_needs(const struct alua *alua, const struct scsi_nexus *nexus);

/* GROUP and its state as REPORT REFERRALS has them. With the control lock. */
void alua_put_state(const struct alua_group *group, struct cursor *out);

/* TPGS of the standard INQUIRY data. */
uint8_t alua_tpgs(const struct alua *alua);

#endif
