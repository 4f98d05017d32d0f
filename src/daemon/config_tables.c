/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every setting of the configuration file, with its range and its help, and the
 * defaults. A new setting is a row here and a field in config.h.
 */
#include "daemon/config_tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/control_protocol.h"
#include "proto/isns.h"

#define DIGEST_CHOICES "auto|required|off" /* enum iscsi_digest_policy */

#define PERFORMANCE(field) SETTING_FIELD(config_performance, field)

static const struct setting performance_settings[] = {
	{ "cores", SETTING_STRING, PERFORMANCE(cores), 1, 1024,
	  .help = "CPUs to run on, one reactor each: \"0-3,6\", or \"all\" that are allowed" },
	{ "engine", SETTING_CHOICE, PERFORMANCE(engine), .choices = "auto|uring|epoll",
	  .help = "how I/O is done: io_uring, or epoll and worker threads" },
	{ "busy-poll-us", SETTING_INTEGER, PERFORMANCE(busy_poll_us), -1, 1000000,
	  .help = "microseconds to spin before sleeping; 0: never, -1: as long as it pays" },
	{ "numa-buffers", SETTING_INTEGER, PERFORMANCE(numa_buffers), 1, 1048576,
	  .help = "most buffers of each NUMA node; trimmed to the machine" },
	{ "numa-buffer-size", SETTING_SIZE, PERFORMANCE(numa_buffer_size), 4096, 1 << 30,
	  .help = "size of each of them" },
	{ "huge-pages", SETTING_CHOICE, PERFORMANCE(huge_pages), .choices = "auto|on|off",
	  .help = "huge pages for data memory; \"on\": fail where there are none" },
	{ "lock-memory", SETTING_CHOICE, PERFORMANCE(lock_memory), .choices = "auto|on|off",
	  .help = "lock data memory; \"on\": fail where that is not permitted" },
	{ .name = NULL },
};

static const struct setting log_settings[] = {
	{ "level", SETTING_CHOICE, .offset = 0, .width = sizeof(enum log_level),
	  .choices = "error|warning|info|debug", .help = "least important lines that are logged" },
	{ .name = NULL },
};

static const struct setting control_settings[] = {
	{ "socket", SETTING_STRING, SETTING_FIELD(config_control, socket), 0, 107,
	  .help = "where pinionctl finds the daemon; \"\": no control socket" },
	{ .name = NULL },
};

static const struct setting state_settings[] = {
	{ "directory", SETTING_STRING, SETTING_FIELD(config_state, directory), 0, 3000,
	  .help = "where reservations and the like survive a restart; \"\": they do not" },
	{ .name = NULL },
};

/* A segment's length on the wire is 24 bits (RFC 7143 section 11.2.1.6). */
#define WIRE_MAX 16777215

#define ISCSI(field) SETTING_FIELD(iscsi_node_config, field)
#define NODE_VALUE(field)     SETTING_FIELD(iscsi_node_config, values.field)
#define OVERRIDE_VALUE(field) SETTING_FIELD(iscsi_values, field)

/* What a session is to be like: for all of them here, for some in a portal or a target. */
/* clang-format off */
#define VALUE_ROWS(VALUE) \
	{ "queue-depth", SETTING_INTEGER, VALUE(queue_depth), 1, 1024, \
	  .help = "commands that a session may have outstanding" }, \
	{ "header-digest", SETTING_CHOICE, VALUE(header_digest), .choices = DIGEST_CHOICES, \
	  .help = "CRC32C of headers; \"auto\": as the initiator prefers" }, \
	{ "data-digest", SETTING_CHOICE, VALUE(data_digest), .choices = DIGEST_CHOICES, \
	  .help = "CRC32C of data; \"auto\": as the initiator prefers" }, \
	{ "max-recv-data-segment-length", SETTING_SIZE, VALUE(max_recv_data_segment_length), 512, \
	  WIRE_MAX, .help = "MaxRecvDataSegmentLength that is declared" }, \
	{ "max-burst-length", SETTING_SIZE, VALUE(max_burst_length), 512, WIRE_MAX, \
	  .help = "most that MaxBurstLength is negotiated to" }, \
	{ "first-burst-length", SETTING_SIZE, VALUE(first_burst_length), 512, \
	  ISCSI_FIRST_BURST_MAX, .help = "most that FirstBurstLength is negotiated to; not above max-burst-length" }, \
	{ "initial-r2t", SETTING_BOOL, VALUE(initial_r2t), \
	  .help = "demand InitialR2T=Yes: no unsolicited data but immediate data" }, \
	{ "immediate-data", SETTING_BOOL, VALUE(immediate_data), \
	  .help = "allow ImmediateData=Yes" }, \
	{ "max-outstanding-r2t", SETTING_INTEGER, VALUE(max_outstanding_r2t), 1, 65535, \
	  .help = "most that MaxOutstandingR2T is negotiated to" }, \
	{ "error-recovery-level", SETTING_INTEGER, VALUE(error_recovery_level), 0, \
	  ISCSI_RECOVERY_MAX, .help = "most that ErrorRecoveryLevel is negotiated to" }, \
	{ "data-pdu-in-order", SETTING_BOOL, VALUE(data_pdu_in_order), \
	  .help = "demand DataPDUInOrder=Yes" }, \
	{ "data-sequence-in-order", SETTING_BOOL, VALUE(data_sequence_in_order), \
	  .help = "demand DataSequenceInOrder=Yes" }, \
	{ "default-time2wait", SETTING_INTEGER, VALUE(default_time2wait), 0, 3600, \
	  .help = "DefaultTime2Wait, seconds" }, \
	{ "default-time2retain", SETTING_INTEGER, VALUE(default_time2retain), 0, 3600, \
	  .help = "DefaultTime2Retain, seconds; for error-recovery-level 2 only, else 0" }, \
	{ "max-session-connections", SETTING_INTEGER, VALUE(max_session_connections), 1, 65535, \
	  .help = "most connections of one session: what MaxConnections is negotiated to" }, \
	{ "asynchronous-events", SETTING_BOOL, VALUE(asynchronous_events), \
	  .help = "tell initiators unasked (AsyncEvent 0) of a new capacity and the like" }, \
	{ "target-latency-ms", SETTING_INTEGER, VALUE(target_latency_ms), 0, \
	  ISCSI_TARGET_LATENCY_MAX_MS, \
	  .help = "milliseconds above which a session may have fewer commands outstanding; 0: never" },
/* clang-format on */

const struct setting config_override_settings[] = {
	VALUE_ROWS(OVERRIDE_VALUE)
	{ .name = NULL },
};

static const struct setting iscsi_settings[] = {
	{ "max-connections", SETTING_INTEGER, ISCSI(max_connections), 1, 65536,
	  .help = "most connections, logged in or not" },
	{ "max-login-connections", SETTING_INTEGER, ISCSI(max_login_connections), 1, 65536,
	  .help = "most of them that have not logged in yet; half of that for each address" },
	{ "login-timeout", SETTING_INTEGER, ISCSI(login_timeout_s), 1, 600,
	  .help = "seconds in which a login must end" },
	{ "nop-interval", SETTING_INTEGER, ISCSI(nop_interval_s), 0, 3600,
	  .help = "seconds after which a silent initiator is pinged; 0: never" },
	{ "nop-timeout", SETTING_INTEGER, ISCSI(nop_timeout_s), 1, 3600,
	  .help = "seconds that it has to answer" },
	{ "max-sessions", SETTING_INTEGER, ISCSI(max_sessions), 0, 65535,
	  .help = "most sessions, discovery apart; 0: any number" },
	{ "max-target-sessions", SETTING_INTEGER, ISCSI(max_target_sessions), 0, 65535,
	  .help = "most sessions of each target; 0: any number" },
	VALUE_ROWS(NODE_VALUE)
	{ .name = NULL },
};

#define ISER(field) SETTING_FIELD(config_iser, field)

static const struct setting iser_settings[] = {
	{ "odp", SETTING_CHOICE, ISER(odp), .choices = "auto|off",
	  .help = "on-demand paging, where memory cannot be pinned and the device has it" },
	{ "remote-invalidate", SETTING_CHOICE, ISER(remote_invalidate), .choices = "auto|on|off",
	  .help = "SEND with Invalidate; \"auto\": unless the device's driver loses sessions by it" },
	{ .name = NULL },
};

#define ISNS(field) SETTING_FIELD(config_isns, field)

static const struct setting isns_settings[] = {
	{ "server", SETTING_STRING, ISNS(server), 0, 63,
	  .help = "numeric address of the iSNS server; \"\": none" },
	{ "port", SETTING_INTEGER, ISNS(port), 1, 65535, .help = "its TCP port" },
	{ "entity", SETTING_STRING, ISNS(entity), 0, 255,
	  .help = "what this machine is called there; \"\": the host's name" },
	{ .name = NULL },
};

static const struct setting shutdown_settings[] = {
	{ "grace", SETTING_INTEGER, .offset = 0, .width = sizeof(unsigned), 0, 600,
	  .help = "seconds that sessions have to end when the daemon stops" },
	{ .name = NULL },
};

#define AUTHENTICATION(field) SETTING_FIELD(config_authentication, field)

static const struct setting authentication_settings[] = {
	{ "secrets", SETTING_STRING, AUTHENTICATION(secrets), 0, 4095,
	  .help = "a file with more accounts, which only its owner may read" },
	{ "chap-algorithms", SETTING_STRINGS, AUTHENTICATION(chap_algorithms), 1, 16,
	  .help = "what CHAP may use, best first: \"sha3-256\", \"sha-256\", \"sha-1\", \"md5\"; "
		  "default: all, as the initiator prefers" },
	{ "fips", SETTING_BOOL, AUTHENTICATION(fips), .help = "of these only sha3-256 and sha-256" },
	{ "allow-short-secrets", SETTING_BOOL, AUTHENTICATION(allow_short_secrets),
	  .help = "take secrets of less than 12 bytes" },
	{ "require-access", SETTING_BOOL, AUTHENTICATION(require_access),
	  .help = "nobody may use a target without an access list" },
	{ .name = NULL },
};

/* Everything in discovery is a list of groups. */
static const struct setting discovery_settings[] = {
	{ .name = NULL },
};

const struct config_group config_groups[] = {
	{ "performance", performance_settings, offsetof(struct config, performance),
	  "cores, memory and waiting" },
	{ "log", log_settings, offsetof(struct config, log_level), "the log" },
	{ "control", control_settings, offsetof(struct config, control), "pinionctl's socket" },
	{ "state", state_settings, offsetof(struct config, state), "what survives a restart" },
	{ "iscsi", iscsi_settings, offsetof(struct config, iscsi), "what holds for all sessions" },
	{ "iser", iser_settings, offsetof(struct config, iser), "RDMA devices" },
	{ "authentication", authentication_settings, offsetof(struct config, authentication),
	  "how initiators prove who they are" },
	{ CONFIG_DISCOVERY, discovery_settings, offsetof(struct config, discovery),
	  "who may ask for targets: " CONFIG_ACCESS " = ( ... )" },
	{ "isns", isns_settings, offsetof(struct config, isns), "a directory of targets" },
	{ "shutdown", shutdown_settings, offsetof(struct config, shutdown_grace_s),
	  "how the daemon stops" },
	{ .name = NULL },
};

const struct setting config_portal_settings[] = {
	{ "address", SETTING_STRING, SETTING_FIELD(config_portal, address), 1, 63, .required = true,
	  .help = "numeric IPv4 or IPv6 address; \"0.0.0.0\" and \"::\" are all of each" },
	{ "port", SETTING_INTEGER, SETTING_FIELD(config_portal, port), 0, 65535,
	  .help = "TCP port; 0: any that is free" },
	{ "group", SETTING_INTEGER, SETTING_FIELD(config_portal, group), 1, 65535,
	  .help = "portal group tag" },
	{ "dscp", SETTING_INTEGER, SETTING_FIELD(config_portal, dscp), 0, 63,
	  .help = "code point of what is sent (differentiated services)" },
	{ "send-buffer", SETTING_SIZE, SETTING_FIELD(config_portal, send_buffer), 0, 1 << 30,
	  .help = "of each socket; 0: as the kernel has it" },
	{ "receive-buffer", SETTING_SIZE, SETTING_FIELD(config_portal, receive_buffer), 0, 1 << 30,
	  .help = "of each socket; 0: as the kernel has it" },
	{ "interface", SETTING_STRING, SETTING_FIELD(config_portal, interface), 1, 15,
	  .help = "network interface by which alone connections may come" },
	{ "mptcp", SETTING_BOOL, SETTING_FIELD(config_portal, mptcp),
	  .help = "multipath TCP for who asks for it, where the kernel has it" },
	{ "iser", SETTING_BOOL, SETTING_FIELD(config_portal, iser),
	  .help = "serve iSER (RDMA) there too, beside TCP" },
	{ .name = NULL },
};

const struct setting config_target_settings[] = {
	{ "name", SETTING_STRING, SETTING_FIELD(config_target, name), 1, NAME_LEN_MAX,
	  .required = true, .help = "iSCSI name: iqn.2026-11.org.example:disk, eui. or naa." },
	{ "alias", SETTING_STRING, SETTING_FIELD(config_target, alias), 1, 255,
	  .help = "TargetAlias: a name for people" },
	{ "redirect", SETTING_STRING, SETTING_FIELD(config_target, redirect), 1, 255,
	  .help = "address[:port] to which logins are sent that came by another" },
	{ "redirect-permanently", SETTING_BOOL, SETTING_FIELD(config_target, redirect_permanently),
	  .help = "tell them not to come back" },
	{ "management-address", SETTING_STRING, SETTING_FIELD(config_target, management_address), 1,
	  251, .help = "URL at which the storage is managed, told to initiators (VPD page 85h)" },
	{ "alua", SETTING_CHOICE, SETTING_FIELD(config_target, alua),
	  .choices = "off|implicit|explicit|both",
	  .help = "tell initiators of " CONFIG_PORT_GROUPS "; explicit: they may set the states" },
	{ .name = NULL },
};

const struct setting config_port_group_settings[] = {
	{ "group", SETTING_INTEGER, SETTING_FIELD(config_port_group, group), 1, 65535,
	  .required = true, .help = "portal group tag" },
	{ "state", SETTING_CHOICE, SETTING_FIELD(config_port_group, state),
	  .choices = "optimized|non-optimized|standby|unavailable|transitioning",
	  .help = "asymmetric access state" },
	{ "preferred", SETTING_BOOL, SETTING_FIELD(config_port_group, preferred),
	  .help = "the group that initiators should choose" },
	{ .name = NULL },
};

const struct setting config_account_settings[] = {
	{ "name", SETTING_STRING, SETTING_FIELD(config_account, name), 1, 255, .required = true,
	  .help = "CHAP_N" },
	{ "secret", SETTING_STRING, SETTING_FIELD(config_account, secret), 1, 255, .required = true,
	  .help = "at least 12 bytes" },
	{ .name = NULL },
};

const struct setting config_initiators_settings[] = {
	{ "name", SETTING_STRING, SETTING_FIELD(config_initiators, name), 1, 255, .required = true,
	  .help = "by which access lists refer to these initiators" },
	{ "initiators", SETTING_STRINGS, SETTING_FIELD(config_initiators, initiators), 1,
	  NAME_LEN_MAX, .help = "names, with * and ?; default: all" },
	{ "addresses", SETTING_STRINGS, SETTING_FIELD(config_initiators, addresses), 1, 63,
	  .help = "addresses and networks; default: all" },
	{ "accounts", SETTING_STRINGS, SETTING_FIELD(config_initiators, accounts), 1, 255,
	  .help = "CHAP is asked for, with one of these" },
	{ .name = NULL },
};

#define RULE(field) SETTING_FIELD(config_rule, field)

const struct setting config_rule_settings[] = {
	{ "initiators", SETTING_STRINGS, RULE(initiators), 1, NAME_LEN_MAX,
	  .help = "names, with * and ?; default: all" },
	{ "addresses", SETTING_STRINGS, RULE(addresses), 1, 63,
	  .help = "addresses and networks; default: all" },
	{ "groups", SETTING_STRINGS, RULE(groups), 1, 255,
	  .help = "groups, of which the initiator must belong to one" },
	{ "portal-groups", SETTING_NUMBERS, RULE(portal_groups), 1, 65535,
	  .help = "tags of the portals by which it may come; default: all" },
	{ "accounts", SETTING_STRINGS, RULE(accounts), 1, 255,
	  .help = "CHAP is asked for, with one of these" },
	{ "mutual", SETTING_STRING, RULE(mutual), 1, 255,
	  .help = "the account that is ours, for initiators that want mutual CHAP" },
	{ "deny", SETTING_BOOL, RULE(deny), .help = "these may not come in" },
	{ "read-only", SETTING_BOOL, RULE(read_only), .help = "they may not write" },
	{ .name = NULL },
};

const struct setting config_view_lun_settings[] = {
	{ "lun", SETTING_INTEGER, SETTING_FIELD(config_view_lun, lun), 0, SCSI_LUNS_MAX - 1,
	  .required = true, .help = "logical unit number in the target" },
	{ "as", SETTING_INTEGER, SETTING_FIELD(config_view_lun, as), 0, SCSI_LUNS_MAX - 1,
	  .help = "the number that the initiator sees; default: the same" },
	{ "read-only", SETTING_BOOL, SETTING_FIELD(config_view_lun, read_only),
	  .help = "refuse its writes" },
	{ .name = NULL },
};

#define LUN(field) SETTING_FIELD(config_lun, field)

const struct setting config_lun_settings[] = {
	{ "lun", SETTING_INTEGER, LUN(lun), 0, SCSI_LUNS_MAX - 1, .required = true,
	  .help = "logical unit number" },
	{ "block-size", SETTING_INTEGER, LUN(block_size), 512, 4096,
	  .help = "logical block, bytes: 512 or 4096" },
	{ "physical-block-size", SETTING_INTEGER, LUN(physical_block_size), 0, 1 << 20,
	  .help = "bytes, a power of two; 0: the store's" },
	{ "lowest-aligned-lba", SETTING_INTEGER, LUN(lowest_aligned), 0, 16383,
	  .help = "the first LBA at which a physical block begins" },
	{ "read-only", SETTING_BOOL, LUN(read_only), .help = "refuse writes" },
	{ "removable", SETTING_BOOL, LUN(removable), .help = "report a removable medium" },
	{ "thin", SETTING_BOOL, LUN(thin), .help = "report thin provisioning" },
	{ "thin-threshold", SETTING_SIZE, LUN(thin_threshold), 0, INT64_MAX,
	  .help = "warn initiators when no more space than this is left; 0: never" },
	{ "protection", SETTING_INTEGER, LUN(protection), 0, 3,
	  .help = "type of protection information kept beside the data; 0: none" },
	{ "protection-path", SETTING_STRING, LUN(protection_path), 1, 4095,
	  .help = "the file that it is kept in, made where there is none; not with ram" },
	{ "rotation-rate", SETTING_INTEGER, LUN(rotation_rate), 0, 65534,
	  .help = "revolutions a minute; 1: solid state, 0: what is known of the medium" },
	{ "command-timeout", SETTING_INTEGER, LUN(command_timeout), 0, 3600,
	  .help = "seconds after which a command is cancelled; 0: never" },
	{ "vendor", SETTING_STRING, LUN(vendor), 1, 8, .help = "T10 vendor identification" },
	{ "product", SETTING_STRING, LUN(product), 1, 16, .help = "product identification" },
	{ "revision", SETTING_STRING, LUN(revision), 1, 4, .help = "product revision" },
	{ "serial", SETTING_STRING, LUN(serial), 1, 36,
	  .help = "unit serial number; default: made from the identity" },
	{ "naa", SETTING_STRING, LUN(naa_text), 16, 36,
	  .help = "NAA identifier, 16 or 32 hexadecimal digits; default: made from the store's "
		  "identity, or from target name and LUN" },
	{ .name = NULL },
};

void config_portal_set_defaults(struct config_portal *portal)
{
	*portal = (struct config_portal){ .port = CONFIG_PORT_DEFAULT, .group = 1 };
}

void config_lun_set_defaults(struct config_lun *lun)
{
	*lun = (struct config_lun){ .block_size = 512 };
}

void config_view_lun_set_defaults(struct config_view_lun *lun)
{
	*lun = (struct config_view_lun){ .as = -1 };
}

int config_set_defaults(struct config *config)
{
	config->performance = (struct config_performance){
		.cores = strdup("all"),
		.engine = ENGINE_AUTO,
		.busy_poll_us = BUSY_POLL_ADAPTIVE,
		.numa_buffers = 1024,
		.numa_buffer_size = 262144,
		.huge_pages = MEMORY_AUTO,
		.lock_memory = MEMORY_AUTO,
	};
	config->log_level = LOG_LEVEL_INFO;
	config->isns.port = ISNS_PORT;
	config->isns.server = strdup("");
	config->isns.entity = strdup("");
	config->control.socket = strdup(CONTROL_SOCKET_DEFAULT);
	config->control.is_default = true;
	config->state.directory = strdup(STATE_DIRECTORY_DEFAULT);
	config->state.is_default = true;
	config->shutdown_grace_s = 5;
	config->authentication.secrets = strdup("");
	iscsi_node_config_init(&config->iscsi);
	return config->performance.cores != NULL && config->control.socket != NULL &&
			       config->state.directory != NULL &&
			       config->authentication.secrets != NULL
		       ? 0
		       : -ENOMEM;
}

/* --- the list for people --------------------------------------------------------- */

/* BASE: a structure that holds the defaults, or NULL where there are none. */
static void print_table(FILE *out, const struct setting *table, const void *base,
			const char *indent)
{
	char value[160];

	for (const struct setting *row = table; row->name != NULL; row++) {
		value[0] = '\0';
		if (base != NULL && !row->required)
			setting_format(row, base, value, sizeof(value));
		if (strcmp(value, "\"\"") == 0 || strcmp(value, "[ ]") == 0)
			value[0] = '\0';
		fprintf(out, "%s%s%s%s;  # %s\n", indent, row->name, value[0] != '\0' ? " = " : "",
			value, row->help);
	}
}

static void print_stores(FILE *out)
{
	for (const struct store_ops *const *kind = store_kinds; *kind != NULL; kind++) {
		fprintf(out, "      # store = \"%s\": %s%s\n", (*kind)->name, (*kind)->help,
			(*kind)->stacks ? " (in " CONFIG_FILTERS ")" : "");
		for (const struct store_setting *row = (*kind)->settings;
		     row != NULL && row->name != NULL; row++)
			fprintf(out, "      #   %s%s%s%s%s: %s\n", row->name,
				row->choices != NULL ? " = " : "",
				row->choices != NULL ? row->choices : "",
				row->required ? " (needed)" : "", "", row->help);
	}
}

int config_print_settings(FILE *out)
{
	struct config *config = calloc(1, sizeof(*config));
	struct config_portal portal;
	struct config_lun lun;
	int rc = -ENOMEM;

	if (config == NULL || config_set_defaults(config) != 0)
		goto done;
	for (const struct config_group *group = config_groups; group->name != NULL; group++) {
		fprintf(out, "%s: {  # %s\n", group->name, group->help);
		print_table(out, group->table, (const char *)config + group->offset, "  ");
		fprintf(out, "};\n");
	}
	fprintf(out, CONFIG_ACCOUNTS " = ( {\n");
	print_table(out, config_account_settings, NULL, "  ");
	fprintf(out, "} );\n" CONFIG_GROUPS " = ( {\n");
	print_table(out, config_initiators_settings, NULL, "  ");
	fprintf(out, "} );\n# " CONFIG_ACCESS ", in a target, a portal and discovery: the first that fits decides\n");
	fprintf(out, "# " CONFIG_ACCESS " = ( {\n");
	print_table(out, config_rule_settings, NULL, "#   ");
	fprintf(out, "#   " CONFIG_LUNS " = ( {  # all that they see of the target; default: everything\n");
	print_table(out, config_view_lun_settings, NULL, "#     ");
	fprintf(out, "#   } );\n# } );\n");
	config_portal_set_defaults(&portal);
	config_lun_set_defaults(&lun);
	fprintf(out, CONFIG_PORTALS " = ( {\n");
	print_table(out, config_portal_settings, &portal, "  ");
	fprintf(out, "} );\n" CONFIG_TARGETS " = ( {\n");
	print_table(out, config_target_settings, NULL, "  ");
	fprintf(out, "  " CONFIG_PORT_GROUPS " = ( {  # those that are not optimized\n");
	print_table(out, config_port_group_settings, NULL, "    ");
	fprintf(out, "  } );\n");
	fprintf(out, "  " CONFIG_LUNS " = ( {\n");
	print_table(out, config_lun_settings, &lun, "    ");
	fprintf(out, "      # and the store that holds the bytes, with its own settings:\n");
	print_stores(out);
	fprintf(out, "      # " CONFIG_FILTERS " = ( { store = ...; }, ... ): stores that stand on it\n");
	fprintf(out, "  } );\n} );\n");
	rc = 0;
done:
	config_free(config);
	return rc;
}
