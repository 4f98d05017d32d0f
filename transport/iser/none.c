/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In place of the iSER mover where Pinion is built without RDMA.
 */
#include <errno.h>
#include <stdio.h>

#include "transport/transport.h"

int iser_create(const struct iser_config *config, struct iser **out, char *error,
		size_t error_size)
{
	(void)config;
	(void)out;
	snprintf(error, error_size, "iSER cannot be used: this pinion was built without RDMA");
	return -ENOSYS;
}

void iser_destroy(struct iser *iser)
{
	(void)iser;
}

void iser_visit_devices(struct iser *iser,
			void (*visit)(void *context, const struct iser_device_info *info),
			void *context)
{
	(void)iser;
	(void)visit;
	(void)context;
}

int iser_listen(struct iser *iser, const struct transport_listener_config *config,
		struct transport_listener **out, char *error, size_t error_size)
{
	(void)iser;
	(void)config;
	(void)out;
	snprintf(error, error_size, "iSER cannot be used: this pinion was built without RDMA");
	return -ENOSYS;
}
