/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify URL CONNECTIONS DEPTH OPERATIONS [SEED]: reads and writes of random
 * places and sizes over several connections at once, every byte that is read
 * compared with what was written last. Over libiscsi, so that the initiator is
 * not ours. Exit status 1 at the first difference or error.
 *
 * Each of CONNECTIONS x DEPTH slots has 1 MiB of the LUN to itself and a copy
 * of it in memory, and one command in flight.
 */
#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AREA (1024u * 1024u)
#define CONNECTIONS_MAX 64
#define WAIT_MS 30000

struct run;

struct slot {
	struct run *run;
	struct connection *connection;
	uint8_t *expected;	/* AREA bytes */
	uint8_t *buffer;
	uint64_t first;		/* block of the LUN */
	uint32_t offset, length;
	bool writes;
	unsigned seed;
};

struct connection {
	struct iscsi_context *iscsi;
	int lun;
	unsigned busy;
	struct slot *slots;
};

struct run {
	uint32_t block_size;
	unsigned long left;
	unsigned long done;
	bool failed;
};

static void start(struct slot *slot);

static void complain(struct slot *slot, const char *what, const char *why)
{
	fprintf(stderr, "%s of %u bytes at block %llu: %s\n", what, slot->length,
		(unsigned long long)slot->first + slot->offset / slot->run->block_size, why);
	slot->run->failed = true;
}

static void compare(struct slot *slot, const struct scsi_task *task)
{
	for (uint32_t i = 0; i < slot->length; i++) {
		if (slot->buffer[i] == slot->expected[slot->offset + i])
			continue;
		fprintf(stderr, "byte %u is %02x, not %02x\n", i, slot->buffer[i],
			slot->expected[slot->offset + i]);
		complain(slot, "read", "not what was written");
		return;
	}
	if (task->residual_status != SCSI_RESIDUAL_NO_RESIDUAL)
		complain(slot, "read", "a residual");
}

static void finished(struct iscsi_context *iscsi, int status, void *data, void *context)
{
	struct scsi_task *task = data;
	struct slot *slot = context;

	slot->connection->busy--;
	if (status != SCSI_STATUS_GOOD)
		complain(slot, slot->writes ? "write" : "read", iscsi_get_error(iscsi));
	else if (slot->writes)
		memcpy(slot->expected + slot->offset, slot->buffer, slot->length);
	else
		compare(slot, task);
	scsi_free_scsi_task(task);
	slot->run->done++;
	start(slot);
}

/* Mostly small, sometimes the whole area: every path of the target gets its share. */
static uint32_t choose_length(struct slot *slot)
{
	uint32_t blocks = AREA / slot->run->block_size;
	uint32_t most = 1u << (unsigned)rand_r(&slot->seed) % 12;

	if (most > blocks)
		most = blocks;
	return (1 + (uint32_t)rand_r(&slot->seed) % most) * slot->run->block_size;
}

static void start(struct slot *slot)
{
	struct run *run = slot->run;
	struct connection *connection = slot->connection;
	struct scsi_task *task;
	uint64_t lba;

	if (run->failed || run->left == 0)
		return;
	run->left--;
	slot->length = choose_length(slot);
	slot->offset = (uint32_t)rand_r(&slot->seed) % ((AREA - slot->length) / run->block_size + 1) *
		       run->block_size;
	slot->writes = rand_r(&slot->seed) % 2 == 0;
	lba = slot->first + slot->offset / run->block_size;
	if (slot->writes) {
		for (uint32_t i = 0; i < slot->length; i += 4)
			*(uint32_t *)(void *)(slot->buffer + i) = (uint32_t)rand_r(&slot->seed);
		task = iscsi_write16_task(connection->iscsi, connection->lun, lba, slot->buffer,
					  slot->length, (int)run->block_size, 0, 0, 0, 0, 0,
					  finished, slot);
	} else {
		task = iscsi_read16_task(connection->iscsi, connection->lun, lba, slot->length,
					 (int)run->block_size, 0, 0, 0, 0, 0, finished, slot);
		if (task != NULL)
			scsi_task_add_data_in_buffer(task, (int)slot->length, slot->buffer);
	}
	if (task == NULL)
		complain(slot, "start", iscsi_get_error(connection->iscsi));
	else
		connection->busy++;
}

static struct iscsi_context *log_in(const char *url_text, unsigned number, int *lun)
{
	char name[64];
	struct iscsi_context *iscsi;
	struct iscsi_url *url;

	snprintf(name, sizeof(name), "iqn.2026-11.io.pinion:verify-%u", number);
	iscsi = iscsi_create_context(name);
	url = iscsi != NULL ? iscsi_parse_full_url(iscsi, url_text) : NULL;
	if (url == NULL) {
		fprintf(stderr, "no iSCSI URL: %s\n", url_text);
		return NULL;
	}
	iscsi_set_session_type(iscsi, ISCSI_SESSION_NORMAL);
	iscsi_set_noautoreconnect(iscsi, 1);
	*lun = url->lun;
	if (iscsi_set_targetname(iscsi, url->target) != 0 ||
	    iscsi_full_connect_sync(iscsi, url->portal, url->lun) != 0) {
		fprintf(stderr, "login: %s\n", iscsi_get_error(iscsi));
		return NULL;
	}
	iscsi_destroy_url(url);
	return iscsi;
}

static uint32_t read_block_size(struct connection *connection)
{
	struct scsi_task *task = iscsi_readcapacity16_sync(connection->iscsi, connection->lun);
	struct scsi_readcapacity16 *capacity;
	uint32_t size = 0;

	if (task != NULL && task->status == SCSI_STATUS_GOOD) {
		capacity = scsi_datain_unmarshall(task);
		size = capacity != NULL ? capacity->block_length : 0;
	}
	if (task != NULL)
		scsi_free_scsi_task(task);
	return size;
}

/* The areas start out as zeros, on the LUN and here. */
static bool clear_area(struct slot *slot)
{
	struct connection *connection = slot->connection;
	struct scsi_task *task = iscsi_write16_sync(connection->iscsi, connection->lun, slot->first,
						    slot->expected, AREA,
						    (int)slot->run->block_size, 0, 0, 0, 0, 0);
	bool good = task != NULL && task->status == SCSI_STATUS_GOOD;

	if (!good)
		fprintf(stderr, "clearing: %s\n", iscsi_get_error(connection->iscsi));
	if (task != NULL)
		scsi_free_scsi_task(task);
	return good;
}

static bool prepare(struct run *run, struct connection *connection, const char *url,
		    unsigned number, unsigned depth, unsigned seed)
{
	connection->iscsi = log_in(url, number, &connection->lun);
	if (connection->iscsi == NULL)
		return false;
	run->block_size = read_block_size(connection);
	if (run->block_size == 0)
		return false;
	connection->slots = calloc(depth, sizeof(*connection->slots));
	for (unsigned i = 0; i < depth; i++) {
		struct slot *slot = &connection->slots[i];

		slot->run = run;
		slot->connection = connection;
		slot->expected = calloc(1, AREA);
		slot->buffer = malloc(AREA);
		slot->first = (uint64_t)(number * depth + i) * (AREA / run->block_size);
		slot->seed = seed + number * 1000 + i;
		if (!clear_area(slot))
			return false;
	}
	return true;
}

/* Serves all connections until nothing is in flight. */
static bool serve(struct connection *connections, unsigned count)
{
	for (;;) {
		struct pollfd polls[CONNECTIONS_MAX];
		unsigned busy = 0;

		for (unsigned i = 0; i < count; i++) {
			busy += connections[i].busy;
			polls[i].fd = iscsi_get_fd(connections[i].iscsi);
			polls[i].events = (short)iscsi_which_events(connections[i].iscsi);
		}
		if (busy == 0)
			return true;
		if (poll(polls, count, WAIT_MS) <= 0) {
			fprintf(stderr, "nothing moves for %d s, %u commands open\n", WAIT_MS / 1000,
				busy);
			return false;
		}
		for (unsigned i = 0; i < count; i++) {
			if (polls[i].revents == 0)
				continue;
			if (iscsi_service(connections[i].iscsi, polls[i].revents) != 0) {
				fprintf(stderr, "connection %u: %s\n", i,
					iscsi_get_error(connections[i].iscsi));
				return false;
			}
		}
	}
}

int main(int argc, char **argv)
{
	static struct connection connections[CONNECTIONS_MAX];
	struct run run = { 0 };
	unsigned count;
	unsigned depth;

	if (argc < 5) {
		fprintf(stderr, "usage: verify URL CONNECTIONS DEPTH OPERATIONS [SEED]\n");
		return 2;
	}
	count = (unsigned)atoi(argv[2]);
	depth = (unsigned)atoi(argv[3]);
	run.left = strtoul(argv[4], NULL, 0);
	if (count == 0 || count > CONNECTIONS_MAX || depth == 0)
		return 2;
	for (unsigned i = 0; i < count; i++)
		if (!prepare(&run, &connections[i], argv[1], i, depth,
			     argc > 5 ? (unsigned)atoi(argv[5]) : 1))
			return 1;
	for (unsigned i = 0; i < count; i++)
		for (unsigned slot = 0; slot < depth; slot++)
			start(&connections[i].slots[slot]);
	if (!serve(connections, count) || run.failed)
		return 1;
	for (unsigned i = 0; i < count; i++)
		iscsi_logout_sync(connections[i].iscsi);
	printf("%lu commands, every byte as written\n", run.done);
	return 0;
}
