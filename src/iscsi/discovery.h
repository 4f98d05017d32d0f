/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What SendTargets answers (RFC 7143 appendix C): targets and the addresses at
 * which an initiator reaches them.
 */
#ifndef PINION_ISCSI_DISCOVERY_H
#define PINION_ISCSI_DISCOVERY_H

#include <stddef.h>
#include <stdint.h>

#include "iscsi/conn.h"

/* A growing text; zeros to begin with, and `bytes` is its owner's to free. */
struct discovery {
	uint8_t *bytes;
	uint32_t length;
	uint32_t capacity;
};

/* All return 0 or -ENOMEM. */
int discovery_add_bytes(struct discovery *list, const void *bytes, size_t length);
int discovery_add_text(struct discovery *list, const char *key, const char *value);

/* TARGET with every portal, as the initiator of CONN sees them. */
int discovery_add(struct discovery *list, const struct iscsi_conn *conn,
		  const struct iscsi_target *target);
int discovery_add_all(struct discovery *list, const struct iscsi_conn *conn);

#endif
