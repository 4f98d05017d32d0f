/* SPDX-License-Identifier: BSD-2-Clause */
/* piniond: the command line. docs/man/piniond.8. */
#include <config.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/config.h"
#include "daemon/daemon.h"

enum {
	OPTION_CHECK = 256,
	OPTION_PID_FILE,
	OPTION_RAM,
	OPTION_LISTEN,
	OPTION_CONTROL,
	OPTION_SETTINGS,
};

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "foreground", no_argument, NULL, 'f' },
	{ "check", no_argument, NULL, OPTION_CHECK },
	{ "pid-file", required_argument, NULL, OPTION_PID_FILE },
	{ "ram", required_argument, NULL, OPTION_RAM },
	{ "listen", required_argument, NULL, OPTION_LISTEN },
	{ "control", required_argument, NULL, OPTION_CONTROL },
	{ "settings", no_argument, NULL, OPTION_SETTINGS },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static const char usage[] =
	"usage: piniond [-c FILE] [-f] [--pid-file FILE]\n"
	"       piniond --ram SIZE [--listen ADDRESS:PORT] [--control SOCKET] [-f] [--pid-file "
	"FILE]\n"
	"       piniond [-c FILE] --check\n"
	"\n"
	"  -c, --config FILE        the configuration (" CONFIG_PATH_DEFAULT ")\n"
	"  -f, --foreground         stay in the foreground and log to stderr\n"
	"      --check              check the configuration and exit\n"
	"      --pid-file FILE      write the process number there\n"
	"      --ram SIZE           serve one RAM disk and read no configuration\n"
	"      --listen ADDR:PORT   where to serve it (127.0.0.1:3260)\n"
	"      --control SOCKET     the control socket for it\n"
	"      --settings           list every setting of the configuration and exit\n"
	"  -h, --help               this text\n"
	"  -V, --version            the version\n";

struct options {
	const char *config;
	const char *ram;
	const char *listen;
	const char *control;
	bool check;
	bool settings;
	struct daemon_options daemon;
};

/* What the command line wants, and no more to be done when *status is not negative. */
static void parse(int argc, char **argv, struct options *options, int *status)
{
	int option;

	*status = -1;
	while ((option = getopt_long(argc, argv, "c:fhV", long_options, NULL)) != -1) {
		switch (option) {
		case 'c':
			options->config = optarg;
			break;
		case 'f':
			options->daemon.foreground = true;
			break;
		case OPTION_CHECK:
			options->check = true;
			break;
		case OPTION_PID_FILE:
			options->daemon.pid_file = optarg;
			break;
		case OPTION_RAM:
			options->ram = optarg;
			break;
		case OPTION_LISTEN:
			options->listen = optarg;
			break;
		case OPTION_CONTROL:
			options->control = optarg;
			break;
		case OPTION_SETTINGS:
			options->settings = true;
			break;
		case 'h':
			fputs(usage, stdout);
			*status = EXIT_SUCCESS;
			return;
		case 'V':
			puts("piniond " PACKAGE_VERSION);
			*status = EXIT_SUCCESS;
			return;
		default:
			/* getopt has said what is wrong. */
			*status = EXIT_FAILURE;
			return;
		}
	}
}

/* What is wrong with the options taken together, or NULL. */
static const char *find_conflict(int argc, const struct options *options)
{
	if (optind < argc)
		return "there are only options, no other arguments (try --help)";
	if (options->ram != NULL && options->config != NULL)
		return "--ram needs no configuration file: give it or --config";
	if (options->ram == NULL && (options->listen != NULL || options->control != NULL))
		return "--listen and --control belong to --ram; the configuration file has "
		       "portals and control.socket";
	return NULL;
}

static int load(const struct options *options, struct config **config)
{
	char error[1024];
	int rc;

	if (options->ram != NULL)
		rc = config_load_ram(options->ram, options->listen, options->control, config,
				     error, sizeof(error));
	else
		rc = config_load_file(options->config, config, error, sizeof(error));
	/* One line, whatever the file has in its strings. */
	for (char *at = error; rc != 0 && *at != '\0'; at++) {
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			*at = '?';
	}
	if (rc != 0)
		fprintf(stderr, "piniond: %s\n", error);
	return rc;
}

int main(int argc, char **argv)
{
	struct options options = { .config = NULL };
	const char *conflict;
	struct config *config;
	int status;

	parse(argc, argv, &options, &status);
	if (status >= 0)
		return status;
	conflict = find_conflict(argc, &options);
	if (conflict != NULL) {
		fprintf(stderr, "piniond: %s\n", conflict);
		return EXIT_FAILURE;
	}
	if (options.settings)
		return config_print_settings(stdout) == 0 && fflush(stdout) == 0 && !ferror(stdout)
			       ? EXIT_SUCCESS
			       : EXIT_FAILURE;
	if (options.config == NULL)
		options.config = CONFIG_PATH_DEFAULT;
	if (load(&options, &config) != 0)
		return EXIT_FAILURE;
	if (options.check) {
		printf("%s: ok\n", config->source);
		status = EXIT_SUCCESS;
	} else {
		status = daemon_run(config, &options.daemon);
	}
	config_free(config);
	return status;
}
