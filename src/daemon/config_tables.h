/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables of what can be configured, one for each group of the file, and the
 * structures' defaults. Only config*.c need them.
 */
#ifndef PINION_DAEMON_CONFIG_TABLES_H
#define PINION_DAEMON_CONFIG_TABLES_H

#include "daemon/config.h"
#include "daemon/settings.h"

/* A group of scalar settings at the top of the file. */
struct config_group {
	const char *name;
	const struct setting *table;
	size_t offset; /* of its structure in struct config */
	const char *help;
};

extern const struct config_group config_groups[]; /* ended by a NULL name */

/* Of an entry of portals, targets and luns; what is not scalar in them is not here. */
extern const struct setting config_portal_settings[];
extern const struct setting config_target_settings[];
extern const struct setting config_port_group_settings[];
extern const struct setting config_lun_settings[];
extern const struct setting config_account_settings[];
extern const struct setting config_initiators_settings[];
extern const struct setting config_rule_settings[];
extern const struct setting config_view_lun_settings[];
/* Of the group "iscsi" in a portal or a target: into a struct iscsi_values. */
extern const struct setting config_override_settings[];

/* Their names, for messages and suggestions. */
#define CONFIG_PORTALS "portals"
#define CONFIG_TARGETS "targets"
#define CONFIG_LUNS "luns"
#define CONFIG_PORT_GROUPS "port-groups"
#define CONFIG_OVERRIDE "iscsi" /* in a portal or a target */
#define CONFIG_STORE "store"
#define CONFIG_FILTERS "filters"
#define CONFIG_ACCESS "access"
#define CONFIG_ACCOUNTS "accounts"
#define CONFIG_GROUPS "groups"
#define CONFIG_DISCOVERY "discovery"

/* Puts the defaults of everything into CONFIG, which is all zero. 0 or -ENOMEM. */
int config_set_defaults(struct config *config);
void config_portal_set_defaults(struct config_portal *portal);
void config_lun_set_defaults(struct config_lun *lun);
void config_view_lun_set_defaults(struct config_view_lun *lun);

#endif
