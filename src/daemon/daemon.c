/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon's life; see daemon.h. */
#include "daemon/daemon.h"

#include <config.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/log.h"
#include "daemon/commands.h"
#include "daemon/control.h"
#include "daemon/control_protocol.h"
#include "daemon/isns.h"
#include "daemon/log_capture.h"
#include "daemon/machine.h"
#include "daemon/model.h"
#include "daemon/notes.h"
#include "daemon/notify.h"
#include "daemon/process.h"

/* What a shutdown may take beyond the grace that sessions have. */
enum { SHUTDOWN_EXTRA_S = 10, ERROR_MAX = 512 };

struct daemon {
	const struct config *config;
	const struct daemon_options *options;
	struct notes notes;
	struct machine *machine;
	struct model *model;
	struct control *control;
	struct isns *isns; /* NULL: none */
	struct commands commands;
	char *control_path;
	struct pid_file pid_file;
	int ready_fd; /* -1 in the foreground */
	int signal_fd;
	int drained_fd; /* an eventfd */
	char error[ERROR_MAX];
};

/* For the signal handler that ends a daemon which is stuck while it stops. */
static struct daemon *stopping;

/* --- signals ----------------------------------------------------------------------- */

/* Before any other thread is there, so that all block them; only signal_fd takes them. */
static int take_signals(struct daemon *daemon)
{
	sigset_t taken;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&taken);
	sigaddset(&taken, SIGTERM);
	sigaddset(&taken, SIGINT);
	sigaddset(&taken, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &taken, NULL) != 0)
		return -errno;
	daemon->signal_fd = signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
	daemon->drained_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return daemon->signal_fd < 0 || daemon->drained_fd < 0 ? -errno : 0;
}

/* Ends the process now; only what is async-signal-safe. */
static void exit_now(int number)
{
	(void)number;
	control_unlink(stopping->control);
	if (stopping->pid_file.fd >= 0)
		unlink(stopping->pid_file.path);
	_exit(1);
}

/* From here on a signal does not wait for anything. */
static void exit_at_signal(struct daemon *daemon)
{
	struct sigaction action = { .sa_handler = exit_now };
	sigset_t taken;

	stopping = daemon;
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigemptyset(&taken);
	sigaddset(&taken, SIGTERM);
	sigaddset(&taken, SIGINT);
	sigprocmask(SIG_UNBLOCK, &taken, NULL);
}

/* Takes a signal that is there: its number, 0 when none asks us to stop. */
static int read_signal(struct daemon *daemon)
{
	struct signalfd_siginfo info;

	if (read(daemon->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return 0;
	if (info.ssi_signo != SIGHUP)
		return (int)info.ssi_signo;
	log_info("SIGHUP: a running daemon does not read its configuration again; restart it");
	return 0;
}

/* --- starting ---------------------------------------------------------------------- */

/* Whether a failure at the default place only says that it is not ours to use. */
static bool is_not_ours(int rc)
{
	return rc == -EACCES || rc == -EPERM || rc == -ENOENT || rc == -EROFS;
}

static int create_control_at(struct daemon *daemon, const char *path)
{
	struct control_config config = {
		.handle = commands_handle,
		.context = &daemon->commands,
	};
	int rc;

	daemon->control_path = process_absolute_path(path);
	if (daemon->control_path == NULL) {
		snprintf(daemon->error, sizeof(daemon->error), "out of memory");
		return -ENOMEM;
	}
	config.path = daemon->control_path;
	rc = control_create(&config, &daemon->control, daemon->error, sizeof(daemon->error));
	if (rc != 0) {
		free(daemon->control_path);
		daemon->control_path = NULL;
	}
	return rc;
}

/*
 * An ordinary user, who named no place, gets the next best one, and in the end
 * none: the disks are worth more than pinionctl.
 */
static int create_control(struct daemon *daemon)
{
	const struct config_control *config = &daemon->config->control;
	char path[64];
	int rc;

	if (config->socket[0] == '\0')
		return 0;
	rc = create_control_at(daemon, config->socket);
	if (rc == 0 || !config->is_default || geteuid() == 0 || !is_not_ours(rc))
		return rc;
	snprintf(path, sizeof(path), CONTROL_SOCKET_USER_FORMAT, geteuid());
	rc = create_control_at(daemon, path);
	if (rc == 0)
		notes_add(&daemon->notes, "the control socket is %s: user %u may not make %s", path,
			  geteuid(), config->socket);
	else if (is_not_ours(rc))
		notes_add(&daemon->notes,
			  "no control socket: user %u may make neither %s nor %s (use --control or "
			  "control.socket)",
			  geteuid(), config->socket, path);
	return is_not_ours(rc) ? 0 : rc;
}

/* Builds everything; nothing runs yet. The daemon's error tells what failed. */
static int build(struct daemon *daemon)
{
	const struct config *config = daemon->config;
	int rc = 0;

	process_raise_limits(config->iscsi.max_connections, &daemon->notes);
	if (daemon->options->pid_file != NULL)
		rc = pid_file_create(daemon->options->pid_file, &daemon->pid_file, daemon->error,
				     sizeof(daemon->error));
	/* Early, because a second daemon is seen here before it takes any memory. */
	if (rc == 0)
		rc = create_control(daemon);
	if (rc == 0)
		rc = machine_create(config, &daemon->notes, &daemon->machine, daemon->error,
				    sizeof(daemon->error));
	if (rc == 0)
		rc = model_build(daemon->machine, config, &daemon->model, daemon->error,
				 sizeof(daemon->error));
	return rc;
}

static int start_isns(struct daemon *daemon)
{
	const struct config_isns *config = &daemon->config->isns;
	const struct isns_config isns = {
		.server = config->server,
		.port = config->port,
		.entity = config->entity,
		.node = model_node(daemon->model),
	};

	if (config->server[0] == '\0')
		return 0;
	return isns_start(&isns, &daemon->isns, daemon->error, sizeof(daemon->error));
}

static int start_threads(struct daemon *daemon)
{
	int rc = machine_start(daemon->machine, daemon->error, sizeof(daemon->error));

	if (rc != 0)
		return rc;
	machine_note_fallbacks(daemon->machine, daemon->config);
	rc = start_isns(daemon);
	if (rc != 0) {
		machine_stop(daemon->machine);
		return rc;
	}
	if (daemon->control == NULL)
		return 0;
	daemon->commands = (struct commands){
		.machine = daemon->machine,
		.model = daemon->model,
		.config = daemon->config->source,
		.started_ns = clock_monotonic_ns(),
	};
	rc = control_start(daemon->control);
	if (rc != 0) {
		snprintf(daemon->error, sizeof(daemon->error), "cannot start the control thread: %s",
			 strerror(-rc));
		machine_stop(daemon->machine);
	}
	return rc;
}

/* Takes down what build and start_threads have made, as far as they came. */
static void take_down(struct daemon *daemon)
{
	isns_stop(daemon->isns, daemon->signal_fd);
	control_stop(daemon->control);
	model_settle(daemon->model);
	if (daemon->machine != NULL)
		machine_stop(daemon->machine);
	model_destroy(daemon->model);
	machine_destroy(daemon->machine);
	control_destroy(daemon->control);
	free(daemon->control_path);
	pid_file_remove(&daemon->pid_file);
	if (daemon->signal_fd >= 0)
		close(daemon->signal_fd);
	if (daemon->drained_fd >= 0)
		close(daemon->drained_fd);
}

static void log_portal(void *context, const char *address, uint16_t group, const char *transport)
{
	(void)context;
	(void)group;
	log_info("portal %s by %s", address, transport);
}

static void log_start(struct daemon *daemon)
{
	log_info("piniond %s starts, configuration %s", PACKAGE_VERSION, daemon->config->source);
	machine_log(daemon->machine);
	for (unsigned i = 0; i < daemon->config->target_count; i++)
		log_info("target %s, %u LUN%s", daemon->config->targets[i].name,
			 daemon->config->targets[i].lun_count,
			 daemon->config->targets[i].lun_count == 1 ? "" : "s");
	iscsi_node_visit_portals(model_node(daemon->model), log_portal, NULL);
}

/* Tells the world that we run, and sends the log where it belongs from now on. */
static void announce(struct daemon *daemon)
{
	char state[64];

	log_start(daemon);
	if (daemon->ready_fd >= 0) {
		log_set_sink(LOG_SINK_SYSLOG);
		process_ready(daemon->ready_fd);
	}
	log_capture_end(true);
	snprintf(state, sizeof(state), "READY=1\nMAINPID=%d", getpid());
	notify_send(state);
}

/* --- serving and stopping ------------------------------------------------------------ */

/* On reactor 0: no connection is left. */
static void drained(void *context)
{
	struct daemon *daemon = context;
	uint64_t one = 1;

	if (write(daemon->drained_fd, &one, sizeof(one)) < 0)
		log_error("cannot tell the main thread that all sessions have ended: %s",
			  strerror(errno));
}

static int wait_for_signal(struct daemon *daemon)
{
	struct pollfd fd = { .fd = daemon->signal_fd, .events = POLLIN };
	int number = 0;

	while (number == 0) {
		poll(&fd, 1, -1);
		number = read_signal(daemon);
	}
	return number;
}

/* Waits until all sessions have ended: false if they do not, or a second signal comes. */
static bool wait_for_drain(struct daemon *daemon)
{
	uint64_t until = clock_monotonic_ns() +
			 (daemon->config->shutdown_grace_s + SHUTDOWN_EXTRA_S) * CLOCK_NS_PER_S;
	struct pollfd fds[] = {
		{ .fd = daemon->drained_fd, .events = POLLIN },
		{ .fd = daemon->signal_fd, .events = POLLIN },
	};

	for (;;) {
		uint64_t now = clock_monotonic_ns();

		if (now >= until) {
			log_error("the sessions did not end in time: exiting without flushing");
			return false;
		}
		poll(fds, ARRAY_SIZE(fds), (int)((until - now) / CLOCK_NS_PER_MS) + 1);
		if ((fds[0].revents & POLLIN) != 0)
			return true;
		if (read_signal(daemon) != 0) {
			log_warning("a second signal: exiting without flushing");
			return false;
		}
	}
}

/* Runs until a signal and ends every session. False when that did not go in order. */
static bool serve(struct daemon *daemon)
{
	int number = wait_for_signal(daemon);

	notify_send("STOPPING=1");
	log_info("stopping: %s", number == SIGINT ? "SIGINT" : "SIGTERM");
	/* First: nobody shall be sent here any more. */
	isns_stop(daemon->isns, daemon->signal_fd);
	daemon->isns = NULL;
	model_shutdown(daemon->model, daemon->config->shutdown_grace_s * 1000, drained, daemon);
	return wait_for_drain(daemon);
}

static int fail_start(struct daemon *daemon)
{
	log_capture_end(false);
	fprintf(stderr, "piniond: %s\n", daemon->error);
	take_down(daemon);
	if (daemon->ready_fd >= 0)
		process_failed(daemon->ready_fd);
	return 1;
}

int daemon_run(const struct config *config, const struct daemon_options *options)
{
	struct daemon daemon = {
		.config = config,
		.options = options,
		.pid_file = { .fd = -1 },
		.ready_fd = -1,
		.signal_fd = -1,
		.drained_fd = -1,
	};
	int rc = 0;

	if (!options->foreground)
		rc = process_daemonize(&daemon.ready_fd);
	if (rc == 0)
		rc = take_signals(&daemon);
	log_set_level(config->log_level);
	log_capture_begin();
	if (rc != 0)
		snprintf(daemon.error, sizeof(daemon.error), "cannot start: %s", strerror(-rc));
	else
		rc = build(&daemon);
	if (rc == 0)
		rc = start_threads(&daemon);
	if (rc != 0)
		return fail_start(&daemon);
	announce(&daemon);
	if (!serve(&daemon)) {
		stopping = &daemon;
		exit_now(0);
	}
	exit_at_signal(&daemon);
	take_down(&daemon);
	log_info("stopped");
	return 0;
}
