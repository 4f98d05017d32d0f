/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-load: what iscsi-perf does not do: writes, aligned random offsets,
 * several connections in one process, percentiles. A load generator over
 * libiscsi; iser:// URLs work where libiscsi was built with iSER.
 *
 * It prints one line of JSON (stats.h). It verifies nothing.
 */
#include "stats.h"

#include <getopt.h>
#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNS_MAX 64
#define DEPTH_MAX 1024
#define DRAIN_NS  10000000000ull

struct config {
	const char *url;
	bool is_iser;
	const char *initiator;
	bool write;
	bool random;
	bool fill; /* write the whole LUN once, then end */
	uint32_t block;
	uint32_t depth;
	uint32_t connections;
	double seconds;
	double warmup;
	double hold; /* then stay logged in, silent, so many seconds */
};

struct load;

/* One of the `depth` I/Os that a connection keeps outstanding. */
struct slot {
	struct load *load;
	struct worker *worker;
	uint64_t started;
	struct scsi_iovec iov;
};

struct worker {
	struct iscsi_context *iscsi;
	int lun;
	uint32_t outstanding;
	uint64_t next; /* sequential: the next block */
	uint64_t random;
	struct slot *slots;
};

struct load {
	const struct config *config;
	struct stats stats;
	uint64_t total;
	uint64_t blocks; /* of config->block bytes in the LUN */
	uint64_t fill_left;
	uint32_t lba_size;
	bool stopping;
	bool failed;
	struct worker workers[CONNS_MAX];
	struct pollfd polls[CONNS_MAX];
};

static void slot_start(struct slot *slot);

static void slot_done(struct iscsi_context *iscsi, int status, void *data, void *context)
{
	struct slot *slot = context;
	struct load *load = slot->load;

	if (status == SCSI_STATUS_GOOD) {
		stats_add(&load->stats, stats_now() - slot->started);
	} else {
		load->stats.errors++;
		if (!load->failed)
			fprintf(stderr, "bench-load: I/O failed: %s\n", iscsi_get_error(iscsi));
		load->failed = true;
	}
	load->total++;
	scsi_free_scsi_task(data);
	slot->worker->outstanding--;
	slot_start(slot);
}

static uint64_t worker_block(struct load *load, struct worker *worker)
{
	if (!load->config->random)
		return worker->next++ % load->blocks;
	worker->random ^= worker->random << 13;
	worker->random ^= worker->random >> 7;
	worker->random ^= worker->random << 17;
	return worker->random % load->blocks;
}

static void slot_start(struct slot *slot)
{
	struct load *load = slot->load;
	struct worker *worker = slot->worker;
	const struct config *config = load->config;
	int size = (int)load->lba_size;
	struct scsi_task *task;
	uint64_t lba;

	if (load->stopping || load->failed)
		return;
	if (config->fill) {
		if (!load->fill_left)
			return;
		load->fill_left--;
	}
	lba = worker_block(load, worker) * (config->block / load->lba_size);
	slot->started = stats_now();
	if (config->write)
		task = iscsi_write16_iov_task(worker->iscsi, worker->lun, lba, NULL, config->block,
					      size, 0, 0, 0, 0, 0, slot_done, slot, &slot->iov, 1);
	else
		task = iscsi_read16_iov_task(worker->iscsi, worker->lun, lba, config->block, size,
					     0, 0, 0, 0, 0, slot_done, slot, &slot->iov, 1);
	if (task)
		worker->outstanding++;
	else
		load->failed = true;
}

/* Wait for the sockets once and serve them. */
static void load_turn(struct load *load, int timeout_ms)
{
	uint32_t count = load->config->connections;

	for (uint32_t i = 0; i < count; i++) {
		load->polls[i].fd = iscsi_get_fd(load->workers[i].iscsi);
		load->polls[i].events = (short)iscsi_which_events(load->workers[i].iscsi);
	}
	if (poll(load->polls, count, timeout_ms) < 0)
		return;
	for (uint32_t i = 0; i < count; i++) {
		struct iscsi_context *iscsi = load->workers[i].iscsi;

		/* TCP wants to be called, to find what takes too long; iSER fails. */
		if (load->config->is_iser && !load->polls[i].revents)
			continue;
		if (iscsi_service(iscsi, load->polls[i].revents) < 0) {
			fprintf(stderr, "bench-load: connection lost: %s\n",
				iscsi_get_error(iscsi));
			load->failed = true;
		}
	}
}

static void load_until(struct load *load, uint64_t end)
{
	while (!load->failed && stats_now() < end)
		load_turn(load, 100);
}

static bool load_busy(const struct load *load)
{
	for (uint32_t i = 0; i < load->config->connections; i++) {
		if (load->workers[i].outstanding)
			return true;
	}
	return false;
}

static int worker_connect(struct load *load, struct worker *worker)
{
	const struct config *config = load->config;
	struct scsi_readcapacity16 *capacity;
	struct scsi_task *task = NULL;
	struct iscsi_url *url;
	int rc = -1;

	worker->iscsi = iscsi_create_context(config->initiator);
	if (!worker->iscsi)
		return -1;
	url = iscsi_parse_full_url(worker->iscsi, config->url);
	if (!url)
		goto out;
	worker->lun = url->lun;
	iscsi_set_targetname(worker->iscsi, url->target);
	iscsi_set_session_type(worker->iscsi, ISCSI_SESSION_NORMAL);
	iscsi_set_header_digest(worker->iscsi, ISCSI_HEADER_DIGEST_NONE);
	/* Over iSER libiscsi 1.19 announces immediate data and does not send it. */
	if (config->is_iser)
		iscsi_set_immediate_data(worker->iscsi, ISCSI_IMMEDIATE_DATA_NO);
	iscsi_set_noautoreconnect(worker->iscsi, 1);
	iscsi_set_timeout(worker->iscsi, 20);
	rc = iscsi_full_connect_sync(worker->iscsi, url->portal, url->lun);
	iscsi_destroy_url(url);
	if (rc)
		goto out;
	rc = -1;
	task = iscsi_readcapacity16_sync(worker->iscsi, worker->lun);
	capacity = task && task->status == SCSI_STATUS_GOOD ? scsi_datain_unmarshall(task) : NULL;
	if (!capacity || !capacity->block_length || config->block % capacity->block_length)
		goto out;
	load->lba_size = capacity->block_length;
	load->blocks = (capacity->returned_lba + 1) * load->lba_size / config->block;
	rc = load->blocks ? 0 : -1;
out:
	if (task)
		scsi_free_scsi_task(task);
	if (rc)
		fprintf(stderr, "bench-load: %s: %s\n", config->url,
			iscsi_get_error(worker->iscsi));
	return rc;
}

/* Connections start far apart, so that sequential ones do not follow each
 * other through the same blocks. */
static int worker_prepare(struct load *load, uint32_t index)
{
	const struct config *config = load->config;
	struct worker *worker = &load->workers[index];

	worker->slots = calloc(config->depth, sizeof(*worker->slots));
	if (!worker->slots || worker_connect(load, worker))
		return -1;
	worker->next = load->blocks / config->connections * index;
	worker->random = 0x9e3779b97f4a7c15ull * (index + 1);
	for (uint32_t i = 0; i < config->depth; i++) {
		struct slot *slot = &worker->slots[i];

		slot->load = load;
		slot->worker = worker;
		slot->iov.iov_len = config->block;
		slot->iov.iov_base = malloc(config->block);
		if (!slot->iov.iov_base)
			return -1;
		memset(slot->iov.iov_base, (int)(0xa5 + i), config->block);
	}
	return 0;
}

static void load_measure(struct load *load, struct stats_run *run)
{
	const struct config *config = load->config;
	uint64_t begin = stats_now();
	double cpu;

	for (uint32_t i = 0; i < config->connections; i++) {
		for (uint32_t k = 0; k < config->depth; k++)
			slot_start(&load->workers[i].slots[k]);
	}
	if (!config->fill)
		load_until(load, begin + (uint64_t)(config->warmup * 1e9));
	stats_reset(&load->stats);
	begin = stats_now();
	cpu = stats_cpu();
	if (config->fill) {
		while (!load->failed && load_busy(load))
			load_turn(load, 100);
	} else {
		load_until(load, begin + (uint64_t)(config->seconds * 1e9));
	}
	run->seconds = (double)(stats_now() - begin) / 1e9;
	run->cpu_seconds = stats_cpu() - cpu;
}

static void load_drain(struct load *load)
{
	uint64_t end = stats_now() + DRAIN_NS;

	load->stopping = true;
	while (!load->failed && load_busy(load)) {
		if (stats_now() > end) {
			fprintf(stderr, "bench-load: the target did not answer everything\n");
			load->failed = true;
		}
		load_turn(load, 100);
	}
}

/* The target's NOP-Ins are answered, nothing is sent of our own accord. */
static void load_hold(struct load *load)
{
	load_until(load, stats_now() + (uint64_t)(load->config->hold * 1e9));
}

static void worker_close(struct load *load, struct worker *worker)
{
	if (worker->iscsi) {
		if (!load->failed)
			iscsi_logout_sync(worker->iscsi);
		/* Cancels what is left, before its slots go. */
		iscsi_destroy_context(worker->iscsi);
	}
	for (uint32_t i = 0; worker->slots && i < load->config->depth; i++)
		free(worker->slots[i].iov.iov_base);
	free(worker->slots);
}

static void load_close(struct load *load)
{
	load->stopping = true;
	for (uint32_t i = 0; i < load->config->connections; i++)
		worker_close(load, &load->workers[i]);
	free(load);
}

static int load_run(const struct config *config)
{
	struct load *load = calloc(1, sizeof(*load));
	struct stats_run run = {
		.op = config->write ? "write" : "read",
		.pattern = config->random ? "rand" : "seq",
		.block = config->block,
		.depth = config->depth,
		.connections = config->connections,
	};
	struct stats measured;
	int rc;

	if (!load)
		return 1;
	load->config = config;
	for (uint32_t i = 0; i < config->connections && !load->failed; i++) {
		if (worker_prepare(load, i))
			load->failed = true;
	}
	if (!load->failed) {
		load->fill_left = load->blocks;
		load_measure(load, &run);
		measured = load->stats;
		load_drain(load);
		measured.errors = load->stats.errors;
		run.total = load->total;
		stats_print(&measured, &run);
		load_hold(load);
	}
	rc = load->failed ? 1 : 0;
	/*
	 * libiscsi 1.19 has a thread for each iSER connection, which it neither joins nor keeps from
	 * writing to what it frees when the target, as LIO does, disconnects after the logout. The
	 * process's end closes the connections as well.
	 */
	if (config->is_iser) {
		fflush(NULL);
		_exit(rc);
	}
	load_close(load);
	return rc;
}

static const char usage[] =
	"bench-load [options] iscsi://HOST:PORT/TARGET/LUN\n"
	"--write --random --block BYTES --depth N --connections N --seconds S --warmup S\n"
	"--fill     write the whole LUN once and end\n"
	"--hold S   when done, stay logged in and silent for S seconds\n"
	"--initiator IQN\n";

enum option_id {
	OPT_WRITE = 1,
	OPT_RANDOM,
	OPT_FILL,
	OPT_BLOCK,
	OPT_DEPTH,
	OPT_CONNECTIONS,
	OPT_SECONDS,
	OPT_WARMUP,
	OPT_HOLD,
	OPT_INITIATOR,
	OPT_HELP,
};

static const struct option options[] = {
	{ "write", no_argument, NULL, OPT_WRITE },
	{ "random", no_argument, NULL, OPT_RANDOM },
	{ "fill", no_argument, NULL, OPT_FILL },
	{ "block", required_argument, NULL, OPT_BLOCK },
	{ "depth", required_argument, NULL, OPT_DEPTH },
	{ "connections", required_argument, NULL, OPT_CONNECTIONS },
	{ "seconds", required_argument, NULL, OPT_SECONDS },
	{ "warmup", required_argument, NULL, OPT_WARMUP },
	{ "hold", required_argument, NULL, OPT_HOLD },
	{ "initiator", required_argument, NULL, OPT_INITIATOR },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static void take_option(struct config *config, int id, const char *value)
{
	switch (id) {
	case OPT_WRITE:
		config->write = true;
		break;
	case OPT_RANDOM:
		config->random = true;
		break;
	case OPT_FILL:
		config->fill = config->write = true;
		break;
	case OPT_BLOCK:
		config->block = (uint32_t)strtoul(value, NULL, 0);
		break;
	case OPT_DEPTH:
		config->depth = (uint32_t)strtoul(value, NULL, 0);
		break;
	case OPT_CONNECTIONS:
		config->connections = (uint32_t)strtoul(value, NULL, 0);
		break;
	case OPT_SECONDS:
		config->seconds = atof(value);
		break;
	case OPT_WARMUP:
		config->warmup = atof(value);
		break;
	case OPT_HOLD:
		config->hold = atof(value);
		break;
	case OPT_INITIATOR:
		config->initiator = value;
		break;
	case OPT_HELP:
		fputs(usage, stdout);
		exit(0);
	default:
		fputs(usage, stderr);
		exit(2);
	}
}

/*
 * Over iSER libiscsi 1.19 takes memory from malloc for zeroed, which holds for a process's first
 * connection at most. The C library can fill it so, if it is told before it starts.
 */
static void ask_for_zeroed_memory(char **argv)
{
	static const char *const name = "GLIBC_TUNABLES";

	if (getenv(name) != NULL)
		return;
	setenv(name, "glibc.malloc.perturb=255:glibc.malloc.tcache_count=0", 1);
	execv("/proc/self/exe", argv);
}

int main(int argc, char **argv)
{
	struct config config = {
		.initiator = "iqn.2026-11.io.pinion:bench-load",
		.block = 4096,
		.depth = 32,
		.connections = 1,
		.seconds = 2,
		.warmup = 0.2,
	};
	int id;

	while ((id = getopt_long(argc, argv, "", options, NULL)) != -1)
		take_option(&config, id, optarg);
	if (optind != argc - 1 || config.block < 512 || config.block % 512 || config.depth < 1 ||
	    config.depth > DEPTH_MAX || config.connections < 1 || config.connections > CONNS_MAX) {
		fputs(usage, stderr);
		return 2;
	}
	config.url = argv[optind];
	config.is_iser = !strncmp(config.url, "iser:", 5);
	if (config.is_iser)
		ask_for_zeroed_memory(argv);
	return load_run(&config);
}
