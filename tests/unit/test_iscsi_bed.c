/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of iSCSI share; see the header. */
#include "test_iscsi_bed.h"

#include <errno.h>

#include "base/crc32c.h"

/* --- a store that can be held --- */

static struct bed_store *store_of(struct store *store)
{
	return container_of(store, struct bed_store, store);
}

static void carry_out(struct bed_store *disk, struct store_io *io)
{
	uint8_t *at = disk->bytes + io->offset;

	if (io->op == STORE_READ)
		extents_copy_in(io->data, 0, at, io->length);
	else if (io->op == STORE_WRITE)
		extents_copy_out(io->data, 0, at, io->length);
	io->done(io, 0);
}

static void disk_submit(struct store *store, struct store_io *io)
{
	struct bed_store *disk = store_of(store);

	disk->submitted++;
	if (!disk->is_holding) {
		carry_out(disk, io);
		return;
	}
	list_node_init(&io->link);
	list_push_back(&disk->held, &io->link);
}

static int disk_map(struct store *store, enum store_op op, uint64_t offset, uint32_t length,
		    struct extents *out)
{
	(void)op;
	(void)offset;
	(void)length;
	(void)out;
	store_of(store)->maps++;
	return -EMSGSIZE;
}

static void disk_close(struct store *store)
{
	free(store_of(store)->bytes);
}

static const struct store_ops disk_ops = {
	.name = "bed",
	.help = "memory that waits when it is told to",
	.close = disk_close,
	.submit = disk_submit,
	.map = disk_map,
};

static void disk_init(struct bed_store *disk)
{
	uint32_t i;

	memset(disk, 0, sizeof(*disk));
	disk->store.ops = &disk_ops;
	disk->store.traits.size = (uint64_t)BED_BLOCKS * BED_BLOCK;
	disk->store.traits.logical_block = BED_BLOCK;
	disk->store.traits.physical_block = BED_BLOCK;
	disk->bytes = malloc(BED_BLOCKS * BED_BLOCK);
	for (i = 0; i < BED_BLOCKS * BED_BLOCK; i++)
		disk->bytes[i] = (uint8_t)(i / BED_BLOCK * 7 + i);
	list_init(&disk->held);
}

void bed_release(struct bed *bed, unsigned index)
{
	struct bed_store *disk = &bed->disk[index];
	struct list_node *node;

	disk->is_holding = false;
	while ((node = list_pop_front(&disk->held)) != NULL)
		carry_out(disk, container_of(node, struct store_io, link));
	bed_settle(bed);
}

/* --- the bed --- */

static void keep_line(void *context, enum log_level level, const char *line)
{
	struct bed *bed = context;
	size_t used = strlen(bed->log);

	(void)level;
	if (used + strlen(line) + 2 < sizeof(bed->log))
		sprintf(bed->log + used, "%s\n", line);
}

size_t bed_free_memory(const struct bed *bed)
{
	struct arena_info info;
	size_t sum = 0;
	unsigned i;

	for (i = 0; i < BED_REACTORS; i++) {
		arena_get_info(reactor_arena(bed->reactors[i]), &info);
		sum += info.free;
	}
	return sum;
}

bool bed_has_logged(struct bed *bed, const char *text)
{
	bool found = strstr(bed->log, text) != NULL;

	if (!found)
		print_message("the log is: %s\n", bed->log);
	bed->log[0] = '\0';
	return found;
}

static void make_target(struct bed *bed, unsigned index, const char *name)
{
	struct scsi_lu_config config = {
		.store = &bed->disk[index].store,
		.block_size = BED_BLOCK,
		.seed = name,
	};
	struct scsi_lu *lu;
	char error[256];

	disk_init(&bed->disk[index]);
	assert_int_equal(scsi_target_create(name, &bed->scsi[index]), 0);
	assert_int_equal(scsi_lu_create(&config, &lu, error, sizeof(error)), 0);
	assert_int_equal(scsi_target_add(bed->scsi[index], 0, lu), 0);
}

void bed_set_up(struct bed *bed)
{
	struct memory_config memory = { MEMORY_OFF, MEMORY_OFF };
	unsigned i;

	memset(bed, 0, sizeof(*bed));
	bed->patience = 32;
	log_set_callback(keep_line, bed);
	assert_int_equal(memory_create(&memory, &bed->memory), 0);
	clock_manual_init(&bed->clock, 1000 * CLOCK_NS_PER_S);
	for (i = 0; i < BED_REACTORS; i++) {
		struct reactor_config config = {
			.index = i,
			.cpu = -1,
			.node = -1,
			.engine = ENGINE_EPOLL,
			.arena_bytes = 8 << 20,
			.arena_bytes_min = 8 << 20,
			.memory = bed->memory,
			.clock = &bed->clock.clock,
		};

		assert_int_equal(reactor_create(&config, &bed->reactors[i]), 0);
		reactor_turn(bed->reactors[i], 0);
	}
	make_target(bed, 0, BED_TARGET);
	make_target(bed, 1, BED_OTHER_TARGET);
	iscsi_node_config_init(&bed->config);
	bed->config.reactors = bed->reactors;
	bed->config.reactor_count = BED_REACTORS;
	bed->config.values.queue_depth = 8;
}

void bed_start(struct bed *bed)
{
	assert_int_equal(iscsi_node_create(&bed->config, &bed->node), 0);
	assert_int_equal(iscsi_node_add_target(bed->node, BED_TARGET, "the disk", bed->scsi[0]), 0);
	assert_int_equal(iscsi_node_add_target(bed->node, BED_OTHER_TARGET, NULL, bed->scsi[1]), 0);
	bed->portal = node_portal_create(bed->node, 1);
	strcpy(bed->portal->address, "0.0.0.0:3260");
}

void bed_tear_down(struct bed *bed)
{
	struct iscsi_node_info info;
	struct arena_info arena;
	unsigned i;

	bed_release(bed, 0);
	bed_release(bed, 1);
	bed_pass(bed, 7000);
	iscsi_node_get_info(bed->node, &info);
	/* Whatever a test did, nothing is left behind. */
	assert_int_equal(info.connections, 0);
	assert_int_equal(info.logins, 0);
	assert_int_equal(info.sessions, 0);
	iscsi_node_destroy(bed->node);
	for (i = 0; i < 2; i++)
		scsi_target_destroy(bed->scsi[i]);
	for (i = 0; i < BED_REACTORS; i++) {
		arena_get_info(reactor_arena(bed->reactors[i]), &arena);
		assert_int_equal(arena.free, arena.bytes);
		assert_int_equal(arena.reserved, 0);
		reactor_destroy(bed->reactors[i]);
	}
	memory_destroy(bed->memory);
	log_set_callback(NULL, NULL);
}

void bed_settle(struct bed *bed)
{
	unsigned quiet = 0;
	unsigned i;

	/* A turn that does nothing may still leave work for the next: several in a row. */
	while (quiet < bed->patience) {
		unsigned events = 0;

		for (i = 0; i < BED_REACTORS; i++)
			events += reactor_turn(bed->reactors[i], 0);
		quiet = events == 0 ? quiet + 1 : 0;
	}
}

void bed_pass(struct bed *bed, unsigned milliseconds)
{
	while (milliseconds != 0) {
		unsigned step = milliseconds < 20 ? milliseconds : 20;

		clock_manual_advance(&bed->clock, step * CLOCK_NS_PER_MS);
		bed_settle(bed);
		milliseconds -= step;
	}
}

/* --- the initiator: connection --- */

static int connected(void *user, struct transport_conn *conn)
{
	strcpy(conn->peer, "192.0.2.9:40000");
	strcpy(conn->local, "192.0.2.1:3260");
	return conn_connected(user, conn);
}

void ini_connect(struct ini *ini, struct bed *bed)
{
	struct loop_config config = { .user = bed->portal, .connected = connected };
	struct reactor *placed = node_place(bed->portal, "192.0.2.9");

	assert_non_null(placed);
	memset(ini, 0, sizeof(*ini));
	ini->bed = bed;
	config.reactor = placed;
	if (bed->next_reactor != NULL && bed->next_reactor != placed) {
		/* The test says where; what is counted moves too. */
		atomic_fetch_sub(&node_core(bed->node, placed)->placed, 1);
		atomic_fetch_add(&node_core(bed->node, bed->next_reactor)->placed, 1);
		config.reactor = bed->next_reactor;
	}
	assert_int_equal(loop_connect(&config, &ini->loop), 0);
	ini->data = malloc(INI_DATA_MAX);
	ini->name = BED_INITIATOR;
	ini->cmd_sn = 100;
	ini->itt = 1;
	memcpy(ini->isid, "\x00\x02\x3d\x00\x00\x01", 6);
	ini->cid = 1;
	bed_settle(bed);
}

void ini_free(struct ini *ini)
{
	if (!loop_is_gone(ini->loop)) {
		loop_close(ini->loop);
		bed_settle(ini->bed);
	}
	bed_release(ini->bed, 0);
	bed_release(ini->bed, 1);
	/* A peer that was told goodbye and says nothing is let go after a while. */
	if (!loop_is_gone(ini->loop))
		bed_pass(ini->bed, 7000);
	assert_true(loop_is_gone(ini->loop));
	loop_destroy(ini->loop);
	free(ini->data);
}

static void feed_digest(struct ini *ini, uint32_t crc)
{
	uint8_t digest[4];

	crc32c_put_digest(digest, crc);
	loop_feed(ini->loop, digest, sizeof(digest));
}

void ini_send(struct ini *ini, struct bhs *bhs, const void *data, uint32_t len)
{
	static const uint8_t zeros[4];
	uint32_t pad = -len & 3;
	uint32_t crc;

	bhs_set_data_len(bhs, len);
	loop_feed(ini->loop, bhs->raw, BHS_LEN);
	if (ini->header_digest)
		feed_digest(ini, crc32c(0, bhs->raw, BHS_LEN));
	if (len == 0)
		return;
	loop_feed(ini->loop, data, len);
	loop_feed(ini->loop, zeros, pad);
	if (ini->data_digest) {
		crc = crc32c(crc32c(0, data, len), zeros, pad);
		feed_digest(ini, ini->bad_data_digest ? ~crc : crc);
	}
	ini->bad_data_digest = false;
}

static void read_exactly(struct ini *ini, void *buf, size_t len)
{
	size_t got = loop_read(ini->loop, buf, len);

	while (got < len) {
		size_t more;

		bed_settle(ini->bed);
		more = loop_read(ini->loop, (uint8_t *)buf + got, len - got);
		if (more == 0)
			fail_msg("the PDU is cut short: %zu of %zu bytes", got, len);
		got += more;
	}
}

static void check_digest(struct ini *ini, uint32_t crc)
{
	uint8_t digest[4];

	read_exactly(ini, digest, sizeof(digest));
	assert_int_equal(crc32c_get_digest(digest), crc);
}

bool ini_receive(struct ini *ini)
{
	uint32_t padded;

	bed_settle(ini->bed);
	if (loop_available(ini->loop) == 0)
		return false;
	read_exactly(ini, ini->bhs.raw, BHS_LEN);
	if (ini->header_digest)
		check_digest(ini, crc32c(0, ini->bhs.raw, BHS_LEN));
	assert_int_equal(bhs_ahs_len(&ini->bhs), 0);
	ini->data_len = bhs_data_len(&ini->bhs);
	padded = bhs_padded_len(ini->data_len);
	assert_true(padded <= INI_DATA_MAX);
	read_exactly(ini, ini->data, padded);
	if (ini->data_digest && padded != 0)
		check_digest(ini, crc32c(0, ini->data, padded));
	return true;
}

/* It says only what the window is. */
static bool is_announcement(const struct bhs *bhs)
{
	return bhs_opcode(bhs) == ISCSI_OPCODE_NOP_IN && bhs_itt(bhs) == ISCSI_TAG_NONE &&
	       bhs_ttt(bhs) == ISCSI_TAG_NONE;
}

void ini_expect(struct ini *ini, uint8_t opcode)
{
	do {
		if (!ini_receive(ini))
			fail_msg("no %s comes", iscsi_opcode_name(opcode));
	} while (opcode != ISCSI_OPCODE_NOP_IN && is_announcement(&ini->bhs));
	if (bhs_opcode(&ini->bhs) != opcode)
		fail_msg("%s instead of %s", iscsi_opcode_name(bhs_opcode(&ini->bhs)),
			 iscsi_opcode_name(opcode));
	/* All PDUs of a target but Data-In without status have StatSN, and all the window. */
	assert_true((int32_t)(bhs_max_cmd_sn(&ini->bhs) - bhs_exp_cmd_sn(&ini->bhs)) >= -1);
}

void ini_expect_nothing(struct ini *ini)
{
	if (ini_receive(ini))
		fail_msg("%s comes uncalled for", iscsi_opcode_name(bhs_opcode(&ini->bhs)));
}

void ini_expect_closed(struct ini *ini)
{
	ini_expect_nothing(ini);
	assert_true(loop_is_finished(ini->loop) || loop_is_gone(ini->loop));
}

/* --- login --- */

void ini_send_login(struct ini *ini, int csg, int nsg, const char *text, uint32_t len)
{
	struct bhs_login_request request = {
		.tsih = ini->tsih,
		.cid = ini->cid,
		.itt = ini->itt,
		.cmd_sn = ini->cmd_sn,
		.exp_stat_sn = ini->exp_stat_sn,
		.is_transit = nsg >= 0,
		.csg = (uint8_t)csg,
		.nsg = nsg >= 0 ? (uint8_t)nsg : 0,
	};
	struct bhs bhs;

	memcpy(request.isid, ini->isid, sizeof(request.isid));
	bhs_login_request_encode(&bhs, &request);
	ini_send(ini, &bhs, text, len);
}

void ini_expect_login(struct ini *ini, struct bhs_login_response *response)
{
	ini_expect(ini, ISCSI_OPCODE_LOGIN_RESPONSE);
	bhs_login_response_decode(&ini->bhs, response);
	assert_memory_equal(response->isid, ini->isid, sizeof(ini->isid));
	ini->exp_stat_sn = response->stat_sn + 1;
	ini->data[ini->data_len] = '\0';
}

const char *ini_value(struct ini *ini, const char *key)
{
	const char *at = (const char *)ini->data;
	const char *end = at + ini->data_len;
	size_t len = strlen(key);

	for (; at < end; at += strlen(at) + 1)
		if (strncmp(at, key, len) == 0 && at[len] == '=')
			return at + len + 1;
	return NULL;
}

void ini_login(struct ini *ini, const char *more, uint32_t len)
{
	struct bhs_login_response response;
	char text[4096];
	uint32_t used = 0;

	used += (uint32_t)sprintf(text, "InitiatorName=%s", ini->name) + 1;
	used += (uint32_t)sprintf(text + used, "TargetName=%s", BED_TARGET) + 1;
	used += (uint32_t)sprintf(text + used, "MaxRecvDataSegmentLength=262144") + 1;
	if (len != 0)
		memcpy(text + used, more, len);
	ini_send_login(ini, 1, 3, text, used + len);
	ini_expect_login(ini, &response);
	assert_int_equal(response.status, 0);
	assert_true(response.is_transit);
	assert_int_equal(response.nsg, 3);
	assert_int_not_equal(response.tsih, 0);
	ini->tsih = response.tsih;
	ini->header_digest = ini_value(ini, "HeaderDigest") != NULL &&
			     strcmp(ini_value(ini, "HeaderDigest"), "CRC32C") == 0;
	ini->data_digest = ini_value(ini, "DataDigest") != NULL &&
			   strcmp(ini_value(ini, "DataDigest"), "CRC32C") == 0;
	bed_settle(ini->bed);
}

void ini_login_discovery(struct ini *ini)
{
	struct bhs_login_response response;

	ini_send_login(ini, 1, 3,
		       TEXT("InitiatorName=" BED_INITIATOR "\0SessionType=Discovery"));
	ini_expect_login(ini, &response);
	assert_int_equal(response.status, 0);
	assert_true(response.is_transit);
	bed_settle(ini->bed);
}

/* --- commands --- */

uint32_t ini_command(struct ini *ini, const struct ini_command *command)
{
	struct bhs_scsi_command scsi = {
		.lun = (uint64_t)command->lun << 48,
		.itt = ini->itt++,
		.expected_data_transfer_length = command->expected,
		.cmd_sn = command->immediate ? ini->cmd_sn : ini->cmd_sn++,
		.exp_stat_sn = ini->exp_stat_sn,
		.is_immediate = command->immediate,
		.is_final = (command->flags & ISCSI_FLAG_FINAL) != 0,
		.is_read = (command->flags & ISCSI_SCSI_COMMAND_READ) != 0,
		.is_write = (command->flags & ISCSI_SCSI_COMMAND_WRITE) != 0,
		.attr = ISCSI_ATTR_SIMPLE,
	};
	struct bhs bhs;

	memcpy(scsi.cdb, command->cdb, sizeof(scsi.cdb));
	bhs_scsi_command_encode(&bhs, &scsi);
	ini_send(ini, &bhs, command->data, command->data_len);
	return scsi.itt;
}

static void fill_rw10(struct ini_command *command, uint8_t opcode, uint32_t lba, uint16_t blocks)
{
	memset(command, 0, sizeof(*command));
	command->cdb[0] = opcode;
	put_be32(command->cdb + 2, lba);
	put_be16(command->cdb + 7, blocks);
	command->expected = blocks * BED_BLOCK;
}

uint32_t ini_read(struct ini *ini, uint32_t lba, uint16_t blocks)
{
	struct ini_command command;

	fill_rw10(&command, 0x28, lba, blocks);
	command.flags = ISCSI_FLAG_FINAL | ISCSI_SCSI_COMMAND_READ;
	return ini_command(ini, &command);
}

uint32_t ini_write(struct ini *ini, uint32_t lba, uint16_t blocks, const void *immediate,
		   uint32_t len, bool final)
{
	struct ini_command command;

	fill_rw10(&command, 0x2a, lba, blocks);
	command.flags = ISCSI_SCSI_COMMAND_WRITE | (final ? ISCSI_FLAG_FINAL : 0);
	command.data = immediate;
	command.data_len = len;
	return ini_command(ini, &command);
}

void ini_data_out(struct ini *ini, uint32_t itt, uint32_t ttt, uint32_t data_sn, uint32_t offset,
		  const void *data, uint32_t len, bool final)
{
	struct bhs_data_out out = {
		.itt = itt,
		.ttt = ttt,
		.exp_stat_sn = ini->exp_stat_sn,
		.data_sn = data_sn,
		.buffer_offset = offset,
		.is_final = final,
	};
	struct bhs bhs;

	bhs_data_out_encode(&bhs, &out);
	ini_send(ini, &bhs, data, len);
}

void ini_clear_attention(struct ini *ini)
{
	struct ini_command command = { .flags = ISCSI_FLAG_FINAL };
	unsigned tries;

	for (tries = 0; tries < 4; tries++) {
		uint32_t itt = ini_command(ini, &command);

		ini_expect(ini, ISCSI_OPCODE_SCSI_RESPONSE);
		assert_int_equal(bhs_itt(&ini->bhs), itt);
		ini->exp_stat_sn = bhs_stat_sn(&ini->bhs) + 1;
		if (ini->bhs.raw[BHS_AT_STATUS] == 0)
			return;
	}
	fail_msg("the unit attention does not go away");
}

void ini_expect_response(struct ini *ini, uint32_t itt, uint8_t status,
			 struct bhs_scsi_response *response)
{
	struct bhs_scsi_response mine;

	if (response == NULL)
		response = &mine;
	ini_expect(ini, ISCSI_OPCODE_SCSI_RESPONSE);
	bhs_scsi_response_decode(&ini->bhs, response);
	assert_int_equal(response->itt, itt);
	assert_int_equal(response->stat_sn, ini->exp_stat_sn);
	ini->exp_stat_sn++;
	assert_int_equal(response->response, 0);
	assert_int_equal(response->status, status);
}

void ini_expect_sense(struct ini *ini, uint8_t key, uint8_t asc, uint8_t ascq)
{
	const uint8_t *sense = ini->data + 2;

	assert_true(ini->data_len >= 2 + 18);
	assert_int_equal(get_be16(ini->data), ini->data_len - 2);
	assert_int_equal(sense[0] & 0x7f, 0x70);
	assert_int_equal(sense[2] & 0x0f, key);
	assert_int_equal(sense[12], asc);
	assert_int_equal(sense[13], ascq);
}

void ini_expect_read(struct ini *ini, uint32_t itt, const uint8_t *expected, uint32_t len)
{
	struct bhs_data_in in;
	uint32_t offset = 0;
	uint32_t data_sn = 0;

	do {
		ini_expect(ini, ISCSI_OPCODE_DATA_IN);
		bhs_data_in_decode(&ini->bhs, &in);
		assert_int_equal(in.itt, itt);
		assert_int_equal(in.data_sn, data_sn++);
		assert_int_equal(in.buffer_offset, offset);
		assert_true(offset + in.data_len <= len);
		assert_memory_equal(ini->data, expected + offset, in.data_len);
		offset += in.data_len;
	} while (offset < len);
	assert_true((in.flags & ISCSI_DATA_IN_STATUS) != 0);
	assert_int_equal(in.status, 0);
	assert_int_equal(in.stat_sn, ini->exp_stat_sn);
	ini->exp_stat_sn++;
}

/* --- other requests --- */

void ini_tmf(struct ini *ini, uint8_t function, uint32_t rtt, uint32_t ref_cmd_sn)
{
	struct bhs_tmf_request request = {
		.itt = ini->itt++,
		.referenced_task_tag = rtt,
		.cmd_sn = ini->cmd_sn,
		.exp_stat_sn = ini->exp_stat_sn,
		.ref_cmd_sn = ref_cmd_sn,
		.is_immediate = true,
		.function = function,
	};
	struct bhs bhs;

	bhs_tmf_request_encode(&bhs, &request);
	ini_send(ini, &bhs, NULL, 0);
}

void ini_expect_tmf(struct ini *ini, uint8_t code)
{
	struct bhs_tmf_response response;

	ini_expect(ini, ISCSI_OPCODE_TASK_MANAGEMENT_RESPONSE);
	bhs_tmf_response_decode(&ini->bhs, &response);
	assert_int_equal(response.itt, ini->itt - 1);
	assert_int_equal(response.response, code);
	assert_int_equal(response.stat_sn, ini->exp_stat_sn);
	ini->exp_stat_sn++;
}

void ini_ping(struct ini *ini, const void *data, uint32_t len, bool immediate)
{
	struct bhs_nop_out nop = {
		.itt = ini->itt++,
		.ttt = ISCSI_TAG_NONE,
		.cmd_sn = immediate ? ini->cmd_sn : ini->cmd_sn++,
		.exp_stat_sn = ini->exp_stat_sn,
		.is_immediate = immediate,
	};
	struct bhs bhs;

	bhs_nop_out_encode(&bhs, &nop);
	ini_send(ini, &bhs, data, len);
}

void ini_logout(struct ini *ini, uint8_t reason, uint16_t cid)
{
	struct bhs_logout_request request = {
		.itt = ini->itt++,
		.cmd_sn = ini->cmd_sn,
		.exp_stat_sn = ini->exp_stat_sn,
		.cid = cid,
		.is_immediate = true,
		.reason = reason,
	};
	struct bhs bhs;

	bhs_logout_request_encode(&bhs, &request);
	ini_send(ini, &bhs, NULL, 0);
}
