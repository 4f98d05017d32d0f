/* SPDX-License-Identifier: BSD-2-Clause */
/* The control commands; see commands.h. A new one is a row of the table. */
#include "daemon/commands.h"

#include <config.h>
#include <errno.h>
#include <json-c/json.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/log.h"
#include "base/parse.h"
#include "daemon/machine.h"
#include "daemon/model.h"
#include "daemon/report.h"

enum { SESSIONS_WAIT_S = 3 };

struct command {
	const char *name;
	const char *help;
	const char *argument; /* its name, or NULL where it takes none */
	const char *argument_help;
	struct json_object *(*run)(const struct commands *commands, const char *argument,
				   char *error, size_t error_size);
};

/* --- port groups ------------------------------------------------------------------- */

static const char *const access_states[] = {
	[SCSI_ACCESS_OPTIMIZED] = "optimized",
	[SCSI_ACCESS_NON_OPTIMIZED] = "non-optimized",
	[SCSI_ACCESS_STANDBY] = "standby",
	[SCSI_ACCESS_UNAVAILABLE] = "unavailable",
	[SCSI_ACCESS_TRANSITIONING] = "transitioning",
};

static int find_state(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(access_states); i++) {
		if (strcmp(access_states[i], name) == 0)
			return (int)i;
	}
	return -1;
}

/* Takes "TARGET,GROUP,STATE" apart, in place. */
static bool split_port_group(char *text, char **target, uint64_t *group, int *state)
{
	char *rest = text;
	const char *number, *name;

	*target = strsep(&rest, ",");
	number = strsep(&rest, ",");
	name = rest;
	if (number == NULL || name == NULL || parse_u64(number, group) != 0 || *group > UINT16_MAX)
		return false;
	*state = find_state(name);
	return *state >= 0;
}

static struct json_object *run_port_group(const struct commands *commands, const char *argument,
					  char *error, size_t error_size)
{
	char *text = argument != NULL ? strdup(argument) : NULL;
	struct scsi_target *target;
	uint64_t group = 0;
	char *name;
	int state;
	int rc;

	if (text == NULL || !split_port_group(text, &name, &group, &state)) {
		snprintf(error, error_size,
			 "say TARGET,GROUP,STATE, a state being optimized, non-optimized, standby, "
			 "unavailable or transitioning");
		free(text);
		return NULL;
	}
	target = model_target(commands->model, name);
	rc = target == NULL ? -ENXIO
			    : scsi_target_change_group(target, (uint16_t)group,
						       (enum scsi_access_state)state);
	if (rc == -EOPNOTSUPP)
		snprintf(error, error_size, "target %s has no implicit ALUA", name);
	else if (rc == -ENOENT)
		snprintf(error, error_size, "there is no portal group %u", (unsigned)group);
	else if (rc != 0)
		snprintf(error, error_size, "there is no target %s", name);
	else
		log_info("target %s: portal group %u is %s now, by the control socket", name,
			 (unsigned)group, access_states[state]);
	free(text);
	return rc == 0 ? json_object_new_string(access_states[state]) : NULL;
}

/* --- status and targets ------------------------------------------------------------ */

static struct json_object *run_status(const struct commands *commands, const char *argument,
				      char *error, size_t error_size)
{
	const struct iscsi_node *node = model_node(commands->model);
	uint64_t uptime_ns = clock_monotonic_ns() - commands->started_ns;
	struct json_object *result = json_object_new_object();

	(void)argument;
	(void)error;
	(void)error_size;
	json_object_object_add(result, "version", json_object_new_string(PACKAGE_VERSION));
	json_object_object_add(result, "pid", json_object_new_int(getpid()));
	json_object_object_add(result, "uid", json_object_new_int64(geteuid()));
	json_object_object_add(result, "uptime_s",
			       json_object_new_uint64(uptime_ns / CLOCK_NS_PER_S));
	json_object_object_add(result, "config", report_string(commands->config));
	json_object_object_add(result, "log_level",
			       json_object_new_string(log_level_name(log_get_level())));
	json_object_object_add(result, "reactors", report_reactors(commands->machine));
	json_object_object_add(result, "memory", report_memory(commands->machine));
	json_object_object_add(result, "fallbacks", report_fallbacks(commands->machine));
	json_object_object_add(result, "iser", report_iser(commands->machine));
	json_object_object_add(result, "portals", report_portals(node));
	json_object_object_add(result, "connections", report_connections(node));
	json_object_object_add(result, "targets", report_targets(node));
	return result;
}

static struct json_object *run_targets(const struct commands *commands, const char *argument,
				       char *error, size_t error_size)
{
	(void)argument;
	(void)error;
	(void)error_size;
	return report_targets(model_node(commands->model));
}

static struct json_object *run_resize(const struct commands *commands, const char *argument,
				      char *error, size_t error_size)
{
	model_measure(commands->model);
	return run_targets(commands, argument, error, error_size);
}

/* --- sessions ---------------------------------------------------------------------- */

/*
 * A question on its way through the reactors. Two refer to it: who asked, and
 * the answer that is still to come; the second to let go frees it, so that a
 * late answer finds it there.
 */
struct question {
	atomic_uint references;
	pthread_mutex_t lock;
	pthread_cond_t answered;
	bool is_answered;
	struct iscsi_session_info *sessions; /* a copy; NULL: none, or no memory */
	unsigned count;
};

static struct question *question_create(void)
{
	struct question *question = calloc(1, sizeof(*question));
	pthread_condattr_t attributes;

	if (question == NULL)
		return NULL;
	atomic_init(&question->references, 2);
	pthread_mutex_init(&question->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&question->answered, &attributes);
	pthread_condattr_destroy(&attributes);
	return question;
}

static void question_release(struct question *question)
{
	if (atomic_fetch_sub(&question->references, 1) != 1)
		return;
	pthread_mutex_destroy(&question->lock);
	pthread_cond_destroy(&question->answered);
	free(question->sessions);
	free(question);
}

/* On reactor 0's thread: keeps a copy, so that the JSON is made elsewhere. */
static void answer(void *context, const struct iscsi_session_info *sessions, unsigned count)
{
	struct question *question = context;
	struct iscsi_session_info *copy = calloc(count + 1, sizeof(*copy));

	if (copy != NULL && count != 0)
		memcpy(copy, sessions, count * sizeof(*copy));
	pthread_mutex_lock(&question->lock);
	question->sessions = copy;
	question->count = count;
	question->is_answered = true;
	pthread_cond_signal(&question->answered);
	pthread_mutex_unlock(&question->lock);
	question_release(question);
}

/* Waits for the answer: 0, or -ETIMEDOUT. */
static int question_wait(struct question *question)
{
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += SESSIONS_WAIT_S;
	pthread_mutex_lock(&question->lock);
	while (!question->is_answered && rc == 0)
		rc = pthread_cond_timedwait(&question->answered, &question->lock, &until);
	rc = question->is_answered ? 0 : -ETIMEDOUT;
	pthread_mutex_unlock(&question->lock);
	return rc;
}

enum sessions_wanted { SESSIONS_ALL, SESSIONS_SHOW, SESSIONS_CLOSE };

static struct json_object *report_sessions(const struct question *question,
					   enum sessions_wanted wanted, const char *which)
{
	struct json_object *array = json_object_new_array();

	for (unsigned i = 0; i < question->count; i++) {
		const struct iscsi_session_info *session = &question->sessions[i];
		struct json_object *object;

		if (wanted == SESSIONS_SHOW && !iscsi_session_is(session, which))
			continue;
		object = report_session(session);
		if (wanted == SESSIONS_SHOW)
			json_object_object_add(object, "events", report_events(session));
		json_object_array_add(array, object);
	}
	return array;
}

/* What WANTED is done with, of those that WHICH names; NULL with an error where there are none. */
static struct json_object *ask_sessions(const struct commands *commands,
					enum sessions_wanted wanted, const char *which,
					char *error, size_t error_size)
{
	struct iscsi_node *node = model_node(commands->model);
	struct question *question = question_create();
	struct json_object *result = NULL;
	int rc;

	if (question == NULL) {
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	if (wanted == SESSIONS_CLOSE)
		rc = iscsi_node_close_sessions(node, which, answer, question);
	else
		rc = iscsi_node_sessions(node, answer, question);
	if (rc != 0)
		question_release(question);
	else
		rc = question_wait(question);
	if (rc == 0 && question->sessions == NULL)
		rc = -ENOMEM;
	if (rc == 0)
		result = report_sessions(question, wanted, which);
	else
		snprintf(error, error_size, "cannot ask the reactors: %s", strerror(-rc));
	question_release(question);
	if (wanted == SESSIONS_ALL || result == NULL || json_object_array_length(result) != 0)
		return result;
	json_object_put(result);
	snprintf(error, error_size,
		 "no connection has \"%.100s\" as its peer (address:port), TSIH or initiator", which);
	return NULL;
}

static struct json_object *run_sessions(const struct commands *commands, const char *argument,
					char *error, size_t error_size)
{
	(void)argument;
	return ask_sessions(commands, SESSIONS_ALL, NULL, error, error_size);
}

static struct json_object *run_which(const struct commands *commands, enum sessions_wanted wanted,
				     const char *which, char *error, size_t error_size)
{
	if (which != NULL && which[0] != '\0')
		return ask_sessions(commands, wanted, which, error, error_size);
	snprintf(error, error_size, "which session? A peer (address:port), a TSIH or an initiator");
	return NULL;
}

static struct json_object *run_session_show(const struct commands *commands, const char *argument,
					    char *error, size_t error_size)
{
	return run_which(commands, SESSIONS_SHOW, argument, error, error_size);
}

static struct json_object *run_session_close(const struct commands *commands, const char *argument,
					     char *error, size_t error_size)
{
	return run_which(commands, SESSIONS_CLOSE, argument, error, error_size);
}

/* --- the rest ---------------------------------------------------------------------- */

static struct json_object *run_log_level(const struct commands *commands, const char *argument,
					 char *error, size_t error_size)
{
	enum log_level level;

	(void)commands;
	if (argument != NULL && log_level_parse(argument, &level) != 0) {
		snprintf(error, error_size, "a log level is error, warning, info or debug");
		return NULL;
	}
	if (argument != NULL && level != log_get_level()) {
		log_info("log level %s, by the control socket", log_level_name(level));
		log_set_level(level);
	}
	return json_object_new_string(log_level_name(log_get_level()));
}

static struct json_object *run_help(const struct commands *commands, const char *argument,
				    char *error, size_t error_size);

static const struct command table[] = {
	{ "status", "the daemon, its reactors, memory, portals and targets", NULL, NULL,
	  run_status },
	{ "targets", "the targets and their LUNs", NULL, NULL, run_targets },
	{ "resize", "looks for files and devices that have grown; then the targets", NULL, NULL,
	  run_resize },
	{ "sessions", "the sessions and connections", NULL, NULL, run_sessions },
	{ "session-show", "connections, with the last that happened to them", "which",
	  "a peer (address:port), a TSIH or an initiator's name", run_session_show },
	{ "session-close", "closes connections", "which",
	  "a peer (address:port), a TSIH or an initiator's name", run_session_close },
	{ "log-level", "tells or sets the log level", "level", "error, warning, info or debug",
	  run_log_level },
	{ "port-group", "sets a portal group's access state (targets with implicit ALUA)", "set",
	  "TARGET,GROUP,STATE", run_port_group },
	{ "help", "this list", NULL, NULL, run_help },
};

static struct json_object *run_help(const struct commands *commands, const char *argument,
				    char *error, size_t error_size)
{
	struct json_object *array = json_object_new_array();

	(void)commands;
	(void)argument;
	(void)error;
	(void)error_size;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct json_object *object = json_object_new_object();

		json_object_object_add(object, "command", json_object_new_string(table[i].name));
		json_object_object_add(object, "help", json_object_new_string(table[i].help));
		if (table[i].argument != NULL) {
			json_object_object_add(object, "argument",
					       json_object_new_string(table[i].argument));
			json_object_object_add(object, "argument_help",
					       json_object_new_string(table[i].argument_help));
		}
		json_object_array_add(array, object);
	}
	return array;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	}
	return NULL;
}

/* That REQUEST has no key but "command" and COMMAND's argument, and both are strings. */
static bool check_keys(struct json_object *request, const struct command *command, char *error,
		       size_t error_size)
{
	json_object_object_foreach(request, key, value)
	{
		bool is_known = strcmp(key, "command") == 0 ||
				(command->argument != NULL && strcmp(key, command->argument) == 0);

		if (!is_known) {
			snprintf(error, error_size, "%s takes no \"%.60s\"", command->name, key);
			return false;
		}
		if (!json_object_is_type(value, json_type_string)) {
			snprintf(error, error_size, "\"%.60s\" must be a string", key);
			return false;
		}
	}
	return true;
}

struct json_object *commands_handle(void *context, struct json_object *request, char *error,
				    size_t error_size)
{
	struct json_object *name = NULL;
	struct json_object *argument = NULL;
	const struct command *command;

	if (!json_object_object_get_ex(request, "command", &name) ||
	    !json_object_is_type(name, json_type_string)) {
		snprintf(error, error_size, "a request needs \"command\", a string");
		return NULL;
	}
	command = find_command(json_object_get_string(name));
	if (command == NULL) {
		snprintf(error, error_size, "there is no command \"%.60s\" (try help)",
			 json_object_get_string(name));
		return NULL;
	}
	if (!check_keys(request, command, error, error_size))
		return NULL;
	if (command->argument != NULL)
		json_object_object_get_ex(request, command->argument, &argument);
	return command->run(context,
			    argument != NULL ? json_object_get_string(argument) : NULL, error,
			    error_size);
}
