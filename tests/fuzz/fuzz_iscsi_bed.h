/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the fuzz targets of iSCSI share: one node with a small disk that is made
 * once, and one connection over the loop for each input. After every input
 * nothing may be left of it.
 */
#ifndef PINION_FUZZ_ISCSI_BED_H
#define PINION_FUZZ_ISCSI_BED_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "iscsi/conn.h"
#include "iscsi/iscsi.h"
#include "iscsi/node.h"
#include "proto/pdu.h"
#include "transport/loop.h"

#define FUZZ_NAMES                                                                                 \
	"InitiatorName=iqn.2026-11.org.example:fuzz\0TargetName=iqn.2026-11.io.pinion:disk\0"
/* A target that asks for CHAP, of account "fuzz" or "0xfuzz", and proves itself as "vault". */
#define FUZZ_VAULT "iqn.2026-11.io.pinion:vault"
#define FUZZ_VAULT_NAMES                                                                           \
	"InitiatorName=iqn.2026-11.org.example:fuzz\0TargetName=" FUZZ_VAULT "\0"
#define FUZZ_SECRET "the fuzzer's secret"
#define FUZZ_CMD_SN 0xfffffff0u	/* wraps soon */

struct fuzz_disk {
	struct store store;
	struct list held;
	bool is_holding;
	uint8_t bytes[64 * 512];
};

struct fuzz_bed {
	struct memory *memory;
	struct clock_manual clock;
	struct reactor *reactor;
	struct fuzz_disk disk;
	struct scsi_target *scsi;
	struct iscsi_node *node;
	struct iscsi_portal *portal;
	bool recovers;			/* ErrorRecoveryLevel is not 0 */
	struct loop *loop;
	char said[2048];	/* what the target sent last, with a NUL behind */
	size_t said_length;
	/* the input */
	const uint8_t *data;
	size_t left;
};

/* Not assert: that one is for what the code under test says of itself. */
#define FUZZ_CHECK(condition)                                                                      \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

static void fuzz_carry_out(struct fuzz_disk *disk, struct store_io *io)
{
	uint8_t *at = disk->bytes + io->offset;

	if (io->op == STORE_READ)
		extents_copy_in(io->data, 0, at, io->length);
	else if (io->op == STORE_WRITE)
		extents_copy_out(io->data, 0, at, io->length);
	io->done(io, 0);
}

static void fuzz_submit(struct store *store, struct store_io *io)
{
	struct fuzz_disk *disk = container_of(store, struct fuzz_disk, store);

	if (!disk->is_holding) {
		fuzz_carry_out(disk, io);
		return;
	}
	list_node_init(&io->link);
	list_push_back(&disk->held, &io->link);
}

static void fuzz_close(struct store *store)
{
	(void)store;
}

static const struct store_ops fuzz_disk_ops = {
	.name = "fuzz", .close = fuzz_close, .submit = fuzz_submit,
};

static void fuzz_log_nothing(void *context, enum log_level level, const char *line)
{
	(void)context;
	(void)level;
	(void)line;
}

static void fuzz_make_vault(struct fuzz_bed *bed)
{
	static const struct iscsi_account accounts[] = { { "fuzz", FUZZ_SECRET },
							 { "0xfuzz", FUZZ_SECRET } };
	static const struct iscsi_account vault = { "vault", "the vault's own secret" };
	static const struct iscsi_account *const list[] = { &accounts[0], &accounts[1] };
	static const struct iscsi_rule_config rule = {
		.who = { .accounts = list, .account_count = 2 }, .mutual = &vault,
	};
	struct iscsi_access *access;
	char error[256];
	unsigned wrong;

	FUZZ_CHECK(iscsi_node_add_target(bed->node, FUZZ_VAULT, NULL, bed->scsi) == 0);
	FUZZ_CHECK(iscsi_access_create(&rule, 1, &access, &wrong, error, sizeof(error)) == 0);
	iscsi_node_add_access(bed->node, access);
	FUZZ_CHECK(iscsi_node_set_target_access(bed->node, FUZZ_VAULT, access) == 0);
}

static void fuzz_bed_make(struct fuzz_bed *bed)
{
	struct memory_config memory = { MEMORY_OFF, MEMORY_OFF };
	struct reactor_config reactor = {
		.cpu = -1, .node = -1, .engine = ENGINE_EPOLL, .arena_bytes = 4 << 20,
		.arena_bytes_min = 4 << 20, .clock = &bed->clock.clock,
	};
	struct scsi_lu_config lu_config = {
		.store = &bed->disk.store, .block_size = 512, .seed = "fuzz",
	};
	struct iscsi_node_config config;
	struct scsi_lu *lu;
	char error[256];

	log_set_callback(fuzz_log_nothing, NULL);
	FUZZ_CHECK(memory_create(&memory, &bed->memory) == 0);
	reactor.memory = bed->memory;
	clock_manual_init(&bed->clock, 1000 * CLOCK_NS_PER_S);
	FUZZ_CHECK(reactor_create(&reactor, &bed->reactor) == 0);
	reactor_turn(bed->reactor, 0);
	list_init(&bed->disk.held);
	bed->disk.store.ops = &fuzz_disk_ops;
	bed->disk.store.traits.size = sizeof(bed->disk.bytes);
	bed->disk.store.traits.logical_block = 512;
	bed->disk.store.traits.physical_block = 512;
	FUZZ_CHECK(scsi_target_create("iqn.2026-11.io.pinion:disk", &bed->scsi) == 0);
	FUZZ_CHECK(scsi_lu_create(&lu_config, &lu, error, sizeof(error)) == 0);
	FUZZ_CHECK(scsi_target_add(bed->scsi, 0, lu) == 0);
	iscsi_node_config_init(&config);
	config.reactors = &bed->reactor;
	config.reactor_count = 1;
	config.values.queue_depth = 4;
	config.values.initial_r2t = false;
	config.values.error_recovery_level = 2;
	config.values.default_time2retain = 3;
	config.nop_interval_s = 5;
	config.nop_timeout_s = 2;
	FUZZ_CHECK(iscsi_node_create(&config, &bed->node) == 0);
	FUZZ_CHECK(iscsi_node_add_target(bed->node, "iqn.2026-11.io.pinion:disk", "alias",
					 bed->scsi) == 0);
	fuzz_make_vault(bed);
	bed->portal = node_portal_create(bed->node, 1);
	FUZZ_CHECK(bed->portal != NULL);
	strcpy(bed->portal->address, "0.0.0.0:3260");
}

static void fuzz_turn(struct fuzz_bed *bed, unsigned turns)
{
	size_t length;

	while (turns-- != 0) {
		reactor_turn(bed->reactor, 0);
		while ((length = loop_read(bed->loop, bed->said, sizeof(bed->said) - 1)) != 0)
			bed->said_length = length;
	}
}

static int fuzz_connected(void *user, struct transport_conn *conn)
{
	strcpy(conn->peer, "192.0.2.9:40000");
	strcpy(conn->local, "192.0.2.1:3260");
	return conn_connected(user, conn);
}

static void fuzz_connect(struct fuzz_bed *bed)
{
	struct loop_config config = { .reactor = bed->reactor, .user = bed->portal,
				      .connected = fuzz_connected };

	bed->said_length = 0;
	/* Whoever has failed too often must wait. */
	while (node_place(bed->portal, "192.0.2.9") != bed->reactor) {
		clock_manual_advance(&bed->clock, CLOCK_NS_PER_S);
		reactor_turn(bed->reactor, 0);
	}
	FUZZ_CHECK(loop_connect(&config, &bed->loop) == 0);
	fuzz_turn(bed, 4);
}

static void fuzz_release(struct fuzz_bed *bed)
{
	struct list_node *node;

	bed->disk.is_holding = false;
	while ((node = list_pop_front(&bed->disk.held)) != NULL)
		fuzz_carry_out(&bed->disk, container_of(node, struct store_io, link));
}

static void fuzz_pass(struct fuzz_bed *bed, unsigned milliseconds)
{
	clock_manual_advance(&bed->clock, milliseconds * CLOCK_NS_PER_MS);
	fuzz_turn(bed, 6);
}

/* The peer goes; what the target began has to end by itself. */
static void fuzz_disconnect(struct fuzz_bed *bed)
{
	struct iscsi_node_info info;
	struct arena_info arena;
	unsigned tries;

	loop_set_pieces(bed->loop, 0, 0);
	loop_close(bed->loop);
	fuzz_release(bed);
	for (tries = 0; tries < 64 && !loop_is_gone(bed->loop); tries++)
		fuzz_pass(bed, tries < 32 ? 0 : 1000);
	fuzz_turn(bed, 8);
	FUZZ_CHECK(loop_is_gone(bed->loop));
	iscsi_node_get_info(bed->node, &info);
	/* Above ErrorRecoveryLevel 1 a session waits for another connection: Time2Wait and Time2Retain. */
	for (tries = 0; tries < 130 && info.connections != 0; tries++) {
		fuzz_pass(bed, 60000);
		iscsi_node_get_info(bed->node, &info);
	}
	loop_destroy(bed->loop);
	FUZZ_CHECK(info.connections == 0 && info.logins == 0 && info.sessions == 0);
	arena_get_info(reactor_arena(bed->reactor), &arena);
	FUZZ_CHECK(arena.free == arena.bytes && arena.reserved == 0);
}

/* --- the input --- */

static uint8_t fuzz_u8(struct fuzz_bed *bed)
{
	if (bed->left == 0)
		return 0;
	bed->left--;
	return *bed->data++;
}

static const uint8_t *fuzz_bytes(struct fuzz_bed *bed, size_t *len)
{
	const uint8_t *bytes = bed->data;

	if (*len > bed->left)
		*len = bed->left;
	bed->data += *len;
	bed->left -= *len;
	return bytes;
}

static void fuzz_send(struct fuzz_bed *bed, struct bhs *bhs, const void *data, size_t len)
{
	static const uint8_t zeros[4];

	bhs_set_data_len(bhs, (uint32_t)len);
	loop_feed(bed->loop, bhs->raw, BHS_LEN);
	if (len != 0)
		loop_feed(bed->loop, data, len);
	loop_feed(bed->loop, zeros, -len & 3);
	fuzz_turn(bed, 3);
}

/* TSIH 0: for a new session. */
static void fuzz_send_login_to(struct fuzz_bed *bed, uint8_t flags, uint16_t tsih, const void *text,
			       size_t len)
{
	struct bhs bhs;

	bhs_begin(&bhs, ISCSI_OPCODE_LOGIN_REQUEST | ISCSI_FLAG_IMMEDIATE, flags);
	memcpy(bhs.raw + BHS_AT_ISID, "\x00\x02\x3d\x00\x00\x01", 6);
	put_be16(bhs.raw + BHS_AT_ISID + 6, tsih);
	put_be32(bhs.raw + BHS_AT_CMD_SN, FUZZ_CMD_SN);
	fuzz_send(bed, &bhs, text, len);
}

static void fuzz_send_login(struct fuzz_bed *bed, uint8_t flags, const void *text, size_t len)
{
	fuzz_send_login_to(bed, flags, 0, text, len);
}

#endif
