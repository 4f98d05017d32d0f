/* SPDX-License-Identifier: BSD-2-Clause */
/* Copy domains: made and ended. What tokens do is in odx_token.c. */
#include "scsi/copy_domain.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

int scsi_copy_domain_create(struct scsi_copy_domain **out)
{
	struct scsi_copy_domain *domain = calloc(1, sizeof(*domain));

	if (domain == NULL)
		return -ENOMEM;
	pthread_mutex_init(&domain->lock, NULL);
	list_init(&domain->tokens);
	*out = domain;
	return 0;
}

void scsi_copy_domain_destroy(struct scsi_copy_domain *domain)
{
	if (domain == NULL)
		return;
	/* Tokens go with the logical units that they are of. */
	assert(list_is_empty(&domain->tokens));
	pthread_mutex_destroy(&domain->lock);
	free(domain);
}
