/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a session is to be like (struct iscsi_values): the node's values, those of
 * the portal over them, those of the target over both; and what of them the
 * negotiation is to aim at.
 */
#ifndef PINION_ISCSI_VALUES_H
#define PINION_ISCSI_VALUES_H

#include "iscsi/iscsi.h"
#include "iscsi/negotiate.h"
#include "transport/transport.h"

struct iscsi_portal;
struct iscsi_target;

/* The defaults. */
void values_init(struct iscsi_values *values);

/* Puts defaults where zeros are. 0, or -EINVAL where one is out of its range. */
int values_check(struct iscsi_values *values);

/* What holds for a connection to PORTAL and for TARGET (NULL: not known yet, or discovery). */
void values_for(const struct iscsi_portal *portal, const struct iscsi_target *target,
		struct iscsi_values *values);

/* What the negotiation is to aim at, on a connection with LIMITS. */
void values_policy(const struct iscsi_values *values, const struct transport_limits *limits,
		   struct negotiate_policy *policy);

#endif
