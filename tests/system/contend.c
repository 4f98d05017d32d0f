/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * COMPARE AND WRITE as a lock under contention: connections that all count up one
 * block, each by reading it and writing one more if it is still what was read. No
 * count may be lost and none may come twice.
 *
 * usage: contend URL CONNECTIONS TRIES
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>

enum { CONNECTIONS_MAX = 64, LBA = 7 };

struct worker {
	pthread_t thread;
	unsigned number;
	const char *url;
	uint32_t block_size;
	uint64_t won;
	uint64_t lost;
};

static atomic_long tries_left;
static atomic_bool has_failed;

static void fail(const struct worker *worker, struct iscsi_context *iscsi, const char *what)
{
	fprintf(stderr, "connection %u: %s: %s\n", worker->number, what, iscsi_get_error(iscsi));
	atomic_store(&has_failed, true);
}

static struct iscsi_context *log_in(struct worker *worker, int *lun)
{
	char name[64];
	struct iscsi_context *iscsi;
	struct iscsi_url *url;

	snprintf(name, sizeof(name), "iqn.2026-11.io.pinion:contender-%u", worker->number);
	iscsi = iscsi_create_context(name);
	url = iscsi == NULL ? NULL : iscsi_parse_full_url(iscsi, worker->url);
	if (url == NULL)
		return NULL;
	iscsi_set_session_type(iscsi, ISCSI_SESSION_NORMAL);
	iscsi_set_header_digest(iscsi, ISCSI_HEADER_DIGEST_NONE);
	*lun = url->lun;
	if (iscsi_full_connect_sync(iscsi, url->portal, url->lun) != 0) {
		fail(worker, iscsi, "login");
		iscsi_destroy_context(iscsi);
		iscsi = NULL;
	}
	iscsi_destroy_url(url);
	return iscsi;
}

static bool read_block(struct worker *worker, struct iscsi_context *iscsi, int lun, uint8_t *block)
{
	struct scsi_task *task = iscsi_read16_sync(iscsi, lun, LBA, worker->block_size,
						   (int)worker->block_size, 0, 0, 0, 0, 0);
	bool is_good = task != NULL && task->status == SCSI_STATUS_GOOD &&
		       task->datain.size == (int)worker->block_size;

	if (is_good)
		memcpy(block, task->datain.data, worker->block_size);
	else
		fail(worker, iscsi, "READ(16)");
	if (task != NULL)
		scsi_free_scsi_task(task);
	return is_good;
}

/* The count stands at both ends of the block, so that a torn write is seen. */
static uint64_t count_of(const struct worker *worker, const uint8_t *block)
{
	uint64_t first, last;

	memcpy(&first, block, sizeof(first));
	memcpy(&last, block + worker->block_size - sizeof(last), sizeof(last));
	if (first != last) {
		fprintf(stderr, "a torn block: %" PRIu64 " and %" PRIu64 "\n", first, last);
		atomic_store(&has_failed, true);
	}
	return first;
}

static void set_count(const struct worker *worker, uint8_t *block, uint64_t count)
{
	memcpy(block, &count, sizeof(count));
	memcpy(block + worker->block_size - sizeof(count), &count, sizeof(count));
}

/* One try from the block that VERIFY and WRITE hold: 1 won, 0 lost, -1 an error. */
static int try_once(struct worker *worker, struct iscsi_context *iscsi, int lun, uint8_t *both)
{
	struct scsi_task *task =
		iscsi_compareandwrite_sync(iscsi, lun, LBA, both, 2 * worker->block_size,
					   (int)worker->block_size, 0, 0, 0, 0, 0);
	int result = -1;

	if (task != NULL && task->status == SCSI_STATUS_GOOD)
		result = 1;
	else if (task != NULL && task->status == SCSI_STATUS_CHECK_CONDITION &&
		 task->sense.key == SCSI_SENSE_MISCOMPARE)
		result = 0;
	else
		fail(worker, iscsi, "COMPARE AND WRITE");
	if (task != NULL)
		scsi_free_scsi_task(task);
	return result;
}

static void *work(void *context)
{
	struct worker *worker = context;
	int lun;
	struct iscsi_context *iscsi = log_in(worker, &lun);
	uint8_t *both = calloc(2, worker->block_size);

	while (iscsi != NULL && both != NULL && !atomic_load(&has_failed) &&
	       atomic_fetch_sub(&tries_left, 1) > 0) {
		int result;

		if (!read_block(worker, iscsi, lun, both))
			break;
		memcpy(both + worker->block_size, both, worker->block_size);
		set_count(worker, both + worker->block_size, count_of(worker, both) + 1);
		result = try_once(worker, iscsi, lun, both);
		if (result < 0)
			break;
		worker->won += result == 1;
		worker->lost += result == 0;
	}
	if (iscsi == NULL)
		atomic_store(&has_failed, true);
	else
		iscsi_destroy_context(iscsi);
	free(both);
	return NULL;
}

/* What stands in the block, and its size. */
static bool ask(struct worker *asker, uint64_t *count)
{
	int lun;
	struct iscsi_context *iscsi = log_in(asker, &lun);
	struct scsi_task *task = iscsi == NULL ? NULL : iscsi_readcapacity16_sync(iscsi, lun);
	struct scsi_readcapacity16 *capacity =
		task == NULL || task->status != 0 ? NULL : scsi_datain_unmarshall(task);
	uint8_t block[4096];
	bool is_good = false;

	if (capacity != NULL && capacity->block_length <= sizeof(block)) {
		asker->block_size = capacity->block_length;
		is_good = read_block(asker, iscsi, lun, block);
		*count = count_of(asker, block);
	}
	if (task != NULL)
		scsi_free_scsi_task(task);
	if (iscsi != NULL)
		iscsi_destroy_context(iscsi);
	return is_good;
}

int main(int argc, char **argv)
{
	static struct worker workers[CONNECTIONS_MAX];
	struct worker asker = { .number = CONNECTIONS_MAX };
	uint64_t before = 0, after = 0, won = 0, lost = 0;
	unsigned count = argc == 4 ? (unsigned)atoi(argv[2]) : 0;

	if (count == 0 || count > CONNECTIONS_MAX || atol(argv[3]) <= 0) {
		fprintf(stderr, "usage: contend URL CONNECTIONS TRIES\n");
		return 2;
	}
	asker.url = argv[1];
	atomic_store(&tries_left, atol(argv[3]));
	if (!ask(&asker, &before))
		return 1;
	for (unsigned i = 0; i < count; i++) {
		workers[i] = (struct worker){
			.number = i, .url = argv[1], .block_size = asker.block_size
		};
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
			return 1;
	}
	for (unsigned i = 0; i < count; i++) {
		pthread_join(workers[i].thread, NULL);
		won += workers[i].won;
		lost += workers[i].lost;
	}
	if (!ask(&asker, &after) || atomic_load(&has_failed))
		return 1;
	printf("%" PRIu64 " of %" PRIu64 " tries won, counted %" PRIu64 "\n", won, won + lost,
	       after - before);
	if (after - before != won) {
		fprintf(stderr, "updates were lost\n");
		return 1;
	}
	/* Without losers there was no contention, and nothing is shown. */
	return count == 1 || lost > 0 ? 0 : 1;
}
