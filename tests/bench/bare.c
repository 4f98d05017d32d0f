/* SPDX-License-Identifier: BSD-2-Clause */
/* Command line of bench-bare; what it is for stands in bare.h. */
#include "bare.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
	"bench-bare: an exchange of 48 bytes against 48 + N, the limit of loopback\n"
	"\n"
	"server: bench-bare --serve [--mode raw|canned] [--spin] [--span BYTES] [--lun-size "
	"BYTES]\n"
	"client: bench-bare --client [--write] [--block BYTES] [--depth N] [--connections N]\n"
	"                   [--seconds S] [--warmup S] [--batch] [--spin]\n"
	"both:   [--address ADDR] [--port PORT]\n"
	"\n"
	"--mode canned   answers shaped as iSCSI, so that iscsi-perf can be the client\n"
	"--spin          poll the sockets while a connection is open; do not sleep\n"
	"--span BYTES    payload from random offsets in a region of this size\n"
	"--batch         client: one send and one recv for all; else libiscsi's pattern\n";

enum option_id {
	OPT_SERVE = 1,
	OPT_CLIENT,
	OPT_MODE,
	OPT_SPIN,
	OPT_SPAN,
	OPT_LUN_SIZE,
	OPT_WRITE,
	OPT_BLOCK,
	OPT_DEPTH,
	OPT_CONNECTIONS,
	OPT_SECONDS,
	OPT_WARMUP,
	OPT_BATCH,
	OPT_ADDRESS,
	OPT_PORT,
	OPT_HELP,
};

static const struct option options[] = {
	{ "serve", no_argument, NULL, OPT_SERVE },
	{ "client", no_argument, NULL, OPT_CLIENT },
	{ "mode", required_argument, NULL, OPT_MODE },
	{ "spin", no_argument, NULL, OPT_SPIN },
	{ "span", required_argument, NULL, OPT_SPAN },
	{ "lun-size", required_argument, NULL, OPT_LUN_SIZE },
	{ "write", no_argument, NULL, OPT_WRITE },
	{ "block", required_argument, NULL, OPT_BLOCK },
	{ "depth", required_argument, NULL, OPT_DEPTH },
	{ "connections", required_argument, NULL, OPT_CONNECTIONS },
	{ "seconds", required_argument, NULL, OPT_SECONDS },
	{ "warmup", required_argument, NULL, OPT_WARMUP },
	{ "batch", no_argument, NULL, OPT_BATCH },
	{ "address", required_argument, NULL, OPT_ADDRESS },
	{ "port", required_argument, NULL, OPT_PORT },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static void take_option(struct bare_config *config, int id, const char *value)
{
	switch (id) {
	case OPT_SERVE:
		config->client = false;
		break;
	case OPT_CLIENT:
		config->client = true;
		break;
	case OPT_MODE:
		config->canned = value[0] == 'c';
		break;
	case OPT_SPIN:
		config->spin = true;
		break;
	case OPT_SPAN:
		config->span = strtoull(value, NULL, 0);
		break;
	case OPT_LUN_SIZE:
		config->lun_size = strtoull(value, NULL, 0);
		break;
	case OPT_WRITE:
		config->write = true;
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
	case OPT_BATCH:
		config->batch = true;
		break;
	case OPT_ADDRESS:
		config->address = value;
		break;
	case OPT_PORT:
		config->port = (uint16_t)strtoul(value, NULL, 0);
		break;
	case OPT_HELP:
		fputs(usage, stdout);
		exit(0);
	default:
		fputs(usage, stderr);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct bare_config config = {
		.address = "127.0.0.1",
		.port = 13261,
		.lun_size = 1ull << 30,
		.block = 4096,
		.depth = 32,
		.connections = 1,
		.seconds = 2,
		.warmup = 0.2,
	};
	int id;

	while ((id = getopt_long(argc, argv, "", options, NULL)) != -1)
		take_option(&config, id, optarg);
	if (config.block < 4 || config.block % 4 || config.block > BARE_BLOCK_MAX ||
	    config.depth < 1 || config.depth > 256 || config.connections < 1 ||
	    config.connections > 64) {
		fputs("bench-bare: block 4 to 1 MiB, depth 1 to 256, connections 1 to 64\n",
		      stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	return config.client ? bare_client(&config) : bare_serve(&config);
}
