/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A target for the fuzzer of whole sessions: the logical units of fuzz_world.h under targets
 * with and without CHAP and access lists, behind two portals. At its end nothing may be left.
 */
#ifndef PINION_FUZZ_ISCSI_WORLD_H
#define PINION_FUZZ_ISCSI_WORLD_H

#include "fuzz_world.h"
#include "iscsi/conn.h"
#include "iscsi/iscsi.h"
#include "iscsi/node.h"
#include "transport/loop.h"

#define WORLD_DISK      "iqn.2026-11.io.pinion:disk"
#define WORLD_VAULT     "iqn.2026-11.io.pinion:vault"
#define WORLD_VIEW      "iqn.2026-11.io.pinion:view"
#define WORLD_MOVED     "iqn.2026-11.io.pinion:moved"
#define WORLD_INITIATOR "iqn.2026-11.org.example:fuzz"
#define WORLD_SECRET    "the fuzzer's secret"

enum { WORLD_PORTALS = 2 };

struct iscsi_world {
	struct world scsi;
	struct iscsi_node *node;
	struct iscsi_portal *portals[WORLD_PORTALS];
};

/* TARGET NULL: discovery. */
static void world_set_access(struct iscsi_world *world, const char *target,
			     const struct iscsi_rule_config *rules, unsigned count)
{
	struct iscsi_access *access;
	char error[256];
	unsigned wrong;

	CHECK(iscsi_access_create(rules, count, &access, &wrong, error, sizeof(error)) == 0);
	iscsi_node_add_access(world->node, access);
	if (target == NULL)
		iscsi_node_set_discovery_access(world->node, access);
	else
		CHECK(iscsi_node_set_target_access(world->node, target, access) == 0);
}

static void world_make_vault(struct iscsi_world *world)
{
	static const struct iscsi_account account = { "fuzz", WORLD_SECRET };
	static const struct iscsi_account vault = { "vault", "the vault's own secret" };
	static const struct iscsi_account *const list[] = { &account };
	static const struct iscsi_rule_config rule = {
		.who = { .accounts = list, .account_count = 1 },
		.mutual = &vault,
	};

	world_set_access(world, WORLD_VAULT, &rule, 1);
}

/* Seen by the first portal read-only and under other numbers, by nobody through the second. */
static void world_make_view(struct iscsi_world *world)
{
	static const char *const names[] = { "iqn.2026-11.org.example:*" };
	static const struct scsi_lun_view view = {
		.is_mapped = true,
		.count = 2,
		.luns = { { 0, 0, true }, { 7, 1, false } },
	};
	static const uint16_t groups[] = { 1 };
	static const struct iscsi_rule_config rules[] = {
		{ .who = { .initiators = names, .initiator_count = 1 },
		  .portal_groups = groups,
		  .portal_group_count = 1,
		  .view = &view },
		{ .deny = true },
	};

	world_set_access(world, WORLD_VIEW, rules, ARRAY_SIZE(rules));
}

/* The disk is for two groups, ours by its name and network; there is discovery by the first portal. */
static void world_make_networks(struct iscsi_world *world)
{
	static const char *const far[] = { "198.51.100.0/24", "2001:db8::/32" };
	static const char *const near[] = { "2001:db8::/32", "192.0.2.8/30" };
	static const char *const names[] = { "eui.*", "iqn.20?6-11.*:fuzz" };
	static const struct iscsi_account account = { "fuzz", WORLD_SECRET };
	static const struct iscsi_account *const accounts[] = { &account };
	static const struct iscsi_who strangers = {
		.addresses = far, .address_count = 2, .accounts = accounts, .account_count = 1
	};
	static const struct iscsi_who friends = {
		.addresses = near, .address_count = 2, .initiators = names, .initiator_count = 2
	};
	static const struct iscsi_who *const groups[] = { &strangers, &friends };
	static const uint16_t portals[] = { 1 };
	static const struct iscsi_rule_config rules[] = {
		{ .deny = true, .who = { .addresses = far, .address_count = 1 } },
		{ .groups = groups, .group_count = 2 },
	};
	static const struct iscsi_rule_config discovery[] = {
		{ .who = { .addresses = near, .address_count = 2 },
		  .portal_groups = portals,
		  .portal_group_count = 1 },
	};

	world_set_access(world, WORLD_DISK, rules, ARRAY_SIZE(rules));
	world_set_access(world, NULL, discovery, ARRAY_SIZE(discovery));
}

static void world_make_node(struct iscsi_world *world, const uint8_t *head)
{
	static const struct scsi_group_config groups[] = { { 2, SCSI_ACCESS_NON_OPTIMIZED,
							     false } };
	static const char *const names[] = { WORLD_DISK, WORLD_VAULT, WORLD_VIEW, WORLD_MOVED };
	struct iscsi_node_config config;

	iscsi_node_config_init(&config);
	config.reactors = world->scsi.machine->reactors;
	config.reactor_count = world->scsi.reactor_count;
	config.values.queue_depth = (1u + (head[1] & 15)) * (head[4] & DEEP_QUEUES ? 8 : 1);
	config.values.max_outstanding_r2t = 1 + (head[1] >> 4 & 3);
	config.values.data_pdu_in_order = head[1] & 0x40;
	config.values.data_sequence_in_order = head[1] & 0x80;
	config.values.initial_r2t = head[2] & 1;
	config.values.immediate_data = !(head[2] & 2);
	config.values.error_recovery_level = 2;
	config.values.default_time2retain = 3;
	config.values.target_latency_ms = head[2] & 4 ? 1 : 0;
	config.values.max_session_connections = 3;
	config.values.asynchronous_events = head[2] & 0x10;
	config.values.header_digest = (head[2] >> 5) % 3;
	config.values.data_digest = (head[2] >> 6) % 3;
	if (head[4] & 1)
		memcpy(config.chap_algorithms, "\x08\x05", 2);
	config.nop_interval_s = world->scsi.how & PINGS ? 5 : 0;
	config.nop_timeout_s = 2;
	config.max_login_connections = 8;
	CHECK(iscsi_node_create(&config, &world->node) == 0);
	for (unsigned i = 0; i < WORLD_PORTALS; i++) {
		world->portals[i] = node_portal_create(world->node, (uint16_t)(i + 1));
		CHECK(world->portals[i] != NULL);
		strcpy(world->portals[i]->address, "0.0.0.0:3260");
	}
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		CHECK(iscsi_node_add_target(world->node, names[i], "alias", world->scsi.scsi) == 0);
	world_make_vault(world);
	world_make_view(world);
	if (head[4] & NETWORKS)
		world_make_networks(world);
	CHECK(iscsi_node_redirect_target(world->node, WORLD_MOVED, "192.0.2.77:3260",
					 head[2] & 8) == 0);
	if (world->scsi.how & HAS_ALUA)
		CHECK(scsi_target_set_alua(world->scsi.scsi, SCSI_ALUA_BOTH, groups, 1) == 0);
}

static int world_connected(void *user, struct transport_conn *conn)
{
	const struct iscsi_portal *portal = user;
	int err;

	strcpy(conn->peer, "192.0.2.9:40000");
	strcpy(conn->local, portal->group == 1 ? "192.0.2.1:3260" : "192.0.2.2:3260");
	world_shortage.is_armed = true;
	err = conn_connected(user, conn);
	world_shortage.is_armed = false;
	return err;
}

/* NULL: it is not let in, or memory is short. */
static struct loop *world_connect(struct iscsi_world *world, unsigned portal)
{
	struct loop_config config = { .user = world->portals[portal],
				      .connected = world_connected };
	struct loop *loop;

	config.reactor = node_place(world->portals[portal], "192.0.2.9");
	if (config.reactor == NULL || loop_connect(&config, &loop) != 0)
		return NULL;
	return loop;
}

static void world_make(struct iscsi_world *world, const uint8_t *head)
{
	world_make_scsi(&world->scsi, head);
	world_make_node(world, head);
}

static bool world_has_sessions(const struct iscsi_world *world)
{
	for (unsigned i = 0; i < world->node->core_count; i++)
		if (!list_is_empty(&world->node->cores[i].sessions_here))
			return true;
	return false;
}

static bool world_is_left(const struct iscsi_world *world)
{
	struct iscsi_node_info info;

	iscsi_node_get_info(world->node, &info);
	return info.connections == 0 && info.logins == 0 && info.sessions == 0 && info.tasks == 0 &&
	       !world_has_sessions(world) && world_is_idle(&world->scsi);
}

/* All peers have gone: what the target began has to end by itself. */
static void world_end(struct iscsi_world *world)
{
	unsigned turns;

	for (unsigned i = 0; i < WORLD_LUNS; i++)
		world->scsi.disks[i].fails = false;
	for (turns = 0; turns < 20000 && !world_is_left(world); turns++) {
		world_release(&world->scsi);
		world_turn(&world->scsi);
		if (turns % 16 == 15)
			world_pass(&world->scsi, 1000);
	}
	for (turns = 0; turns < 16; turns++)
		world_turn(&world->scsi);
	CHECK(world_is_left(world));
	iscsi_node_destroy(world->node);
	world_end_scsi(&world->scsi);
}

#endif
