/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the logical units of a daemon have in common for third-party copies: the
 * ROD tokens (odx_token.c), good at all of them.
 */
#ifndef PINION_SCSI_COPY_DOMAIN_H
#define PINION_SCSI_COPY_DOMAIN_H

#include <pthread.h>

#include "base/list.h"
#include "scsi/scsi.h"

struct scsi_copy_domain {
	pthread_mutex_t lock; /* of what follows; never held over I/O */
	struct list tokens; /* the least recently made first */
	unsigned token_count;
};

#endif
