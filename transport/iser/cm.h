/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The private data of an iSER connection request and its answer: four bytes of
 * which the first has flags (annex A12 of the InfiniBand architecture, "Support
 * for iSCSI Extensions for RDMA"). More bytes may follow; some initiators and
 * iWARP send none.
 */
#ifndef PINION_TRANSPORT_ISER_CM_H
#define PINION_TRANSPORT_ISER_CM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
	ISER_CM_LEN = 4,
	ISER_CM_NO_ZBVA = 0x80,		/* zero-based virtual addresses are not used */
	ISER_CM_NO_INVALIDATE = 0x40,	/* nor is SEND with Invalidate */
};

/* Whether the sender of DATA wants SENDs that invalidate its STags. */
static inline bool iser_cm_wants_invalidate(const void *data, size_t length)
{
	return data != NULL && length >= ISER_CM_LEN &&
	       (((const uint8_t *)data)[0] & ISER_CM_NO_INVALIDATE) == 0;
}

static inline void iser_cm_encode(uint8_t out[ISER_CM_LEN], bool invalidate)
{
	memset(out, 0, ISER_CM_LEN);
	out[0] = ISER_CM_NO_ZBVA | (invalidate ? 0 : ISER_CM_NO_INVALIDATE);
}

#endif
