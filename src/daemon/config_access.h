/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accounts, groups and access lists of the configuration: whether they make sense, and
 * what the iSCSI node is given.
 */
#ifndef PINION_DAEMON_CONFIG_ACCESS_H
#define PINION_DAEMON_CONFIG_ACCESS_H

#include <stddef.h>

#include "daemon/config.h"

/*
 * Checks all of it and puts what is the node's own into config->iscsi. 0, or a
 * negative errno with *LINE (0: none) and a line in ERROR.
 */
int config_access_check(struct config *config, unsigned *line, char *error, size_t error_size);

/* Makes the list that ACCESS, which has been checked, describes. As above. */
int config_access_build(const struct config *config, const struct config_access *access,
			struct iscsi_access **out, unsigned *line, char *error,
			size_t error_size);

/* Frees what CONFIG has of this. */
void config_access_free(struct config *config);

#endif
