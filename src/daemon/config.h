/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration as plain data: what an administrator asked for, checked as
 * far as that can be without this machine's devices, sockets or CPUs. Knows
 * nothing of the file's syntax; config.c does.
 */
#ifndef PINION_DAEMON_CONFIG_H
#define PINION_DAEMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/log.h"
#include "daemon/settings.h"
#include "iscsi/iscsi.h"
#include "scsi/scsi.h"
#include "store/store.h"
#include "sys/memory.h"
#include "sys/reactor.h"

#define CONFIG_PATH_DEFAULT "/etc/pinion/pinion.conf"
#define CONFIG_PORT_DEFAULT 3260
#define STATE_DIRECTORY_DEFAULT "/var/lib/pinion"

/* Where something stands in the file, for messages that come later. */
struct config_place {
	unsigned line; /* 0: nowhere, it is a default */
};

struct config_performance {
	char *cores; /* a CPU list, or "all" */
	enum engine_kind engine;
	int busy_poll_us;
	uint32_t numa_buffers;
	uint32_t numa_buffer_size; /* bytes */
	enum memory_mode huge_pages;
	enum memory_mode lock_memory;
};

struct config_iser {
	enum iser_odp odp;
	enum iser_invalidate remote_invalidate;
};

struct config_control {
	char *socket; /* "": none */
	bool is_default;
};

struct config_state {
	char *directory; /* "": nothing is kept */
	bool is_default;
};

/* --- who may use what --- */

struct config_account {
	struct config_place place; /* in SOURCE */
	const char *source; /* the file that it is from */
	char *name;
	char *secret;
};

/* Initiators that have a name together. */
struct config_initiators {
	struct config_place place;
	char *name;
	struct setting_list initiators; /* patterns */
	struct setting_list addresses; /* networks */
	struct setting_list accounts; /* names */
};

/* A LUN as an initiator sees it. */
struct config_view_lun {
	struct config_place place;
	uint16_t lun; /* of the target */
	int32_t as; /* -1: the same */
	bool read_only;
};

struct config_rule {
	struct config_place place;
	struct setting_list initiators;
	struct setting_list addresses;
	struct setting_list groups; /* names */
	struct setting_list portal_groups; /* tags */
	struct setting_list accounts; /* names */
	char *mutual; /* the account that is ours, or NULL */
	bool deny;
	bool read_only;
	struct config_view_lun *luns;
	unsigned lun_count;
	bool has_luns; /* else it sees all of them */
};

/* An access list. */
struct config_access {
	struct config_place place;
	bool is_set; /* else open */
	struct config_rule *rules;
	unsigned rule_count;
};

struct config_discovery {
	struct config_access access;
};

struct config_authentication {
	char *secrets; /* a file with more accounts, "": none */
	struct setting_list chap_algorithms;
	bool fips;
	bool allow_short_secrets;
	bool require_access;
};

struct config_isns {
	struct config_place place;
	char *server; /* "": none */
	uint16_t port;
	char *entity; /* "": the host's name */
};

struct config_portal {
	struct config_access access;
	struct config_place place;
	char *address; /* numeric */
	uint16_t port;
	uint16_t group;
	struct iscsi_override override;
	uint8_t dscp;
	uint32_t send_buffer, receive_buffer; /* bytes, 0: the kernel's */
	char *interface; /* or NULL */
	bool mptcp;
	bool iser; /* beside TCP */
	bool optional; /* of the built-in default: no error where this family is missing */
};

/* A store of a LUN: the lowest holds the bytes, the others stand on it. */
struct config_store {
	struct config_place place;
	const struct store_ops *ops;
	struct store_argument *arguments; /* names are the table's, values allocated */
	unsigned argument_count;
};

struct config_lun {
	struct config_place place;
	uint32_t lun;
	struct config_store *stores; /* from the bottom up, at least one */
	unsigned store_count;
	uint32_t block_size;
	uint32_t physical_block_size; /* 0: the store's */
	bool read_only;
	bool removable;
	bool thin;
	uint64_t thin_threshold; /* bytes, 0: none */
	uint16_t protection; /* type of protection information, 0: none */
	char *protection_path; /* its file, NULL: in memory, as the data */
	uint32_t lowest_aligned; /* LBA */
	uint16_t rotation_rate;
	uint16_t command_timeout;
	char *vendor; /* these four: NULL is the default */
	char *product;
	char *revision;
	char *serial;
	char *naa_text;
	uint8_t naa[16];
	uint8_t naa_length; /* 0: made from the store's identity or the name */
};

/* What a target's logical units say of one of its portal groups. */
struct config_port_group {
	struct config_place place;
	uint16_t group;
	enum scsi_access_state state;
	bool preferred;
};

struct config_target {
	struct config_place place;
	char *name; /* normal form */
	char *alias; /* or NULL */
	char *redirect; /* or NULL */
	bool redirect_permanently;
	char *management_address; /* or NULL */
	struct iscsi_override override;
	struct config_lun *luns;
	unsigned lun_count;
	struct config_access access;
	enum scsi_alua alua;
	struct config_port_group *port_groups;
	unsigned port_group_count;
};

struct config {
	char *source; /* the file's name, for messages */
	struct config_place performance_place; /* of cores, which is checked late */
	struct config_performance performance;
	enum log_level log_level;
	struct config_control control;
	struct config_place state_place;
	struct config_state state;
	struct config_place iscsi_place;
	struct iscsi_node_config iscsi; /* without the reactors */
	struct config_iser iser;
	struct config_place authentication_place;
	struct config_authentication authentication;
	struct config_account *accounts;
	unsigned account_count;
	struct config_initiators *groups;
	unsigned group_count;
	struct config_discovery discovery;
	unsigned shutdown_grace_s;
	struct config_isns isns;
	struct config_portal *portals;
	unsigned portal_count;
	struct config_target *targets;
	unsigned target_count;
};

/*
 * Reads FILE. 0 and *out, which the caller gives to config_free, or a negative
 * errno with one line, file and line number included, in ERROR.
 */
int config_load_file(const char *file, struct config **out, char *error, size_t error_size);

/* The same for a configuration in memory, called NAME in messages. */
int config_load_text(const char *name, const char *text, struct config **out, char *error,
		     size_t error_size);

/*
 * The configuration that needs no file: one RAM disk of SIZE, as LUN 0 of
 * iqn.2026-11.io.pinion:ram on LISTEN ("127.0.0.1:3260", "[::1]:3260"; NULL: the
 * former) and the control socket at CONTROL (NULL: the default place).
 */
int config_load_ram(const char *size, const char *listen, const char *control,
		    struct config **out, char *error, size_t error_size);

void config_free(struct config *config);

/* Lists every setting with its default and its help. 0 or -ENOMEM. */
int config_print_settings(FILE *out);

#endif
