/* SPDX-License-Identifier: BSD-2-Clause */
/* pinionctl: the command line. docs/man/pinionctl.1. */
#include <config.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "ctl/client.h"
#include "ctl/print.h"

enum { OPTION_JSON = 256 };

static const struct option long_options[] = {
	{ "socket", required_argument, NULL, 's' },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

/* What can be asked. The argument, where there is one, goes under this key. */
static const struct command {
	const char *name;
	const char *argument;
	const char *help;
	void (*print)(struct json_object *result);
} commands[] = {
	{ "status", NULL, "the daemon, its reactors, memory, portals and targets", print_status },
	{ "targets", NULL, "the targets and their LUNs", print_targets },
	{ "resize", NULL, "look for files and devices that have grown; then the targets",
	  print_targets },
	{ "sessions", NULL, "the sessions and connections", print_sessions },
	{ "session-show", "which", "connections in full, with the last that happened to them",
	  print_session_show },
	{ "session-close", "which", "close the connections of a peer, a TSIH or an initiator",
	  print_sessions },
	{ "log-level", "level", "tell or set how much is logged: error, warning, info, debug",
	  print_word },
	{ "port-group", "set",
	  "set an access state: TARGET,GROUP,optimized|non-optimized|standby|unavailable|"
	  "transitioning",
	  print_word },
	{ "help", NULL, "what the daemon can be asked", print_help },
};

static void print_usage(FILE *out)
{
	fprintf(out, "usage: pinionctl [-s SOCKET] [--json] COMMAND\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		char words[40];

		snprintf(words, sizeof(words), "%s%s%s%s", commands[i].name,
			 commands[i].argument != NULL ? " [" : "",
			 commands[i].argument != NULL ? commands[i].argument : "",
			 commands[i].argument != NULL ? "]" : "");
		fprintf(out, "  %-22s %s\n", words, commands[i].help);
	}
	fprintf(out, "\n"
		     "  -s, --socket SOCKET    the daemon's control socket\n"
		     "      --json             print the answer as it came\n"
		     "  -h, --help             this text\n"
		     "  -V, --version          the version\n");
}

static int fail(const char *text)
{
	fprintf(stderr, "pinionctl: %s\n", text);
	return EXIT_FAILURE;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

/* Sends COMMAND and receives the answer, to be freed. */
static int ask(const char *socket, const struct command *command, const char *argument,
	       char **answer)
{
	struct json_object *request;
	char error[300];
	int fd = client_connect(socket, error, sizeof(error));
	int rc;

	if (fd < 0)
		return fail(error);
	request = json_object_new_object();
	json_object_object_add(request, "command", json_object_new_string(command->name));
	if (argument != NULL)
		json_object_object_add(request, command->argument, json_object_new_string(argument));
	rc = client_ask(fd, json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN), answer,
			error, sizeof(error));
	json_object_put(request);
	close(fd);
	return rc != 0 ? fail(error) : EXIT_SUCCESS;
}

/* Prints ANSWER for people, or why the daemon refused. */
static int print_answer(const struct command *command, const char *answer)
{
	struct json_object *object = json_tokener_parse(answer);
	struct json_object *value = NULL;
	int status = EXIT_SUCCESS;

	print_clean(object);
	if (json_object_object_get_ex(object, "result", &value))
		command->print(value);
	else if (json_object_object_get_ex(object, "error", &value))
		status = fail(json_object_get_string(value));
	else
		status = fail("piniond gave an answer that is none");
	json_object_put(object);
	return status;
}

/* The same for --json: the line as it came, and whether it is a success. */
static int pass_answer(const char *answer)
{
	struct json_object *object = json_tokener_parse(answer);
	struct json_object *ok = NULL;
	int status = EXIT_FAILURE;

	puts(answer);
	if (json_object_object_get_ex(object, "ok", &ok) && json_object_get_boolean(ok))
		status = EXIT_SUCCESS;
	json_object_put(object);
	return status;
}

int main(int argc, char **argv)
{
	const struct command *command;
	const char *argument = NULL;
	const char *socket = NULL;
	bool json = false;
	char *answer;
	int option;
	int status;

	while ((option = getopt_long(argc, argv, "s:hV", long_options, NULL)) != -1) {
		if (option == 's') {
			socket = optarg;
		} else if (option == OPTION_JSON) {
			json = true;
		} else if (option == 'h') {
			print_usage(stdout);
			return EXIT_SUCCESS;
		} else if (option == 'V') {
			puts("pinionctl " PACKAGE_VERSION);
			return EXIT_SUCCESS;
		} else {
			return EXIT_FAILURE;
		}
	}
	if (optind == argc)
		return fail("which command? (--help lists them)");
	command = find_command(argv[optind]);
	if (command == NULL)
		return fail("there is no such command (--help lists them)");
	if (optind + 1 < argc)
		argument = argv[optind + 1];
	if (optind + 2 < argc || (argument != NULL && command->argument == NULL))
		return fail("too many arguments (try --help)");
	status = ask(socket, command, argument, &answer);
	if (status != EXIT_SUCCESS)
		return status;
	status = json ? pass_answer(answer) : print_answer(command, answer);
	free(answer);
	if (fflush(stdout) != 0 || ferror(stdout))
		return fail("the answer cannot be written");
	return status;
}
