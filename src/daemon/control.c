/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control thread: clients, lines, limits. One poll loop; a client is read
 * from only when its last answer has left, so that what it can make us keep is
 * one request and one answer. docs/control-protocol.md.
 */
#include "daemon/control.h"

#include <assert.h>
#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/log.h"
#include "daemon/control_protocol.h"
#include "daemon/control_socket.h"
#include "daemon/report.h"

enum { TIMEOUT_MS_DEFAULT = 10000 };

struct client {
	int fd; /* -1: a free place */
	char request[CONTROL_REQUEST_MAX];
	size_t request_len;
	char *answer; /* NULL: none on its way */
	size_t answer_len;
	size_t answer_sent;
	uint64_t deadline_ns; /* 0: it owes us nothing */
	bool last; /* no more requests: close when the answer has left */
};

struct control {
	struct control_config config;
	struct control_socket socket;
	struct client clients[CONTROL_CLIENTS_MAX];
	struct json_tokener *tokener;
	struct log_limit refused;
	int stop_fd;
	pthread_t thread;
	bool started;
};

/* --- answers --------------------------------------------------------------------- */

static void set_deadline(struct control *control, struct client *client)
{
	client->deadline_ns =
		clock_monotonic_ns() + control->config.timeout_ms * CLOCK_NS_PER_MS;
}

static void drop(struct client *client)
{
	close(client->fd);
	free(client->answer);
	*client = (struct client){ .fd = -1 };
}

/* Sends as much of the answer as the socket takes. */
static void send_answer(struct client *client)
{
	ssize_t sent = send(client->fd, client->answer + client->answer_sent,
			    client->answer_len - client->answer_sent, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent < 0) {
		if (errno != EAGAIN && errno != EINTR)
			drop(client);
		return;
	}
	client->answer_sent += (size_t)sent;
	if (client->answer_sent < client->answer_len)
		return;
	if (client->last) {
		drop(client);
		return;
	}
	free(client->answer);
	client->answer = NULL;
	client->deadline_ns = 0;
}

/* Queues ANSWER, which it takes, as one line. */
static void queue_answer(struct control *control, struct client *client, struct json_object *answer)
{
	const char *text = json_object_to_json_string_ext(
		answer, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	size_t len = text != NULL ? strlen(text) : 0;

	client->answer = malloc(len + 1);
	if (text == NULL || client->answer == NULL) {
		drop(client);
	} else {
		memcpy(client->answer, text, len);
		client->answer[len] = '\n';
		client->answer_len = len + 1;
		client->answer_sent = 0;
		set_deadline(control, client);
	}
	json_object_put(answer);
}

static struct json_object *make_error(const char *text)
{
	struct json_object *answer = json_object_new_object();

	json_object_object_add(answer, "ok", json_object_new_boolean(false));
	/* It quotes what was asked, cut to a length wherever that falls. */
	json_object_object_add(answer, "error", report_string(text));
	return answer;
}

static struct json_object *make_result(struct json_object *result)
{
	struct json_object *answer = json_object_new_object();

	json_object_object_add(answer, "ok", json_object_new_boolean(true));
	json_object_object_add(answer, "result", result);
	return answer;
}

/* --- requests -------------------------------------------------------------------- */

/* Parses the LEN bytes at LINE as one object; NULL with ERROR filled. */
static struct json_object *parse(struct control *control, const char *line, size_t len, char *error,
				 size_t error_size)
{
	struct json_object *request;
	enum json_tokener_error verdict;

	json_tokener_reset(control->tokener);
	request = json_tokener_parse_ex(control->tokener, line, (int)len);
	verdict = json_tokener_get_error(control->tokener);
	if (verdict == json_tokener_success && json_object_is_type(request, json_type_object) &&
	    json_tokener_get_parse_end(control->tokener) == len)
		return request;
	if (verdict == json_tokener_success || verdict == json_tokener_continue)
		snprintf(error, error_size, "a request must be one JSON object on one line");
	else
		snprintf(error, error_size, "this is no JSON: %s", json_tokener_error_desc(verdict));
	json_object_put(request);
	return NULL;
}

/* Answers the request of LEN bytes at LINE. */
static void serve_line(struct control *control, struct client *client, const char *line, size_t len)
{
	struct json_object *result = NULL;
	struct json_object *request;
	char error[300] = "";

	request = parse(control, line, len, error, sizeof(error));
	if (request != NULL)
		result = control->config.handle(control->config.context, request, error,
						sizeof(error));
	json_object_put(request);
	queue_answer(control, client, result != NULL ? make_result(result) : make_error(error));
}

/* Length of the line at the start of the client's buffer without its end, or -1. */
static ssize_t find_line(const struct client *client)
{
	const char *newline = memchr(client->request, '\n', client->request_len);

	return newline != NULL ? newline - client->request : -1;
}

/* Serves the whole lines that are there, until an answer does not leave at once. */
static void serve_buffer(struct control *control, struct client *client)
{
	char line[CONTROL_REQUEST_MAX];

	while (client->fd >= 0 && client->answer == NULL) {
		ssize_t end = find_line(client);
		size_t len;

		if (end < 0 && client->request_len < sizeof(client->request)) {
			/* The time runs from the first byte of a request, not from its last. */
			if (client->request_len == 0)
				client->deadline_ns = 0;
			else if (client->deadline_ns == 0)
				set_deadline(control, client);
			return;
		}
		if (end < 0) {
			client->last = true;
			queue_answer(control, client, make_error("this request is too long"));
			return;
		}
		len = (size_t)end;
		memcpy(line, client->request, len);
		client->request_len -= len + 1;
		memmove(client->request, client->request + len + 1, client->request_len);
		while (len > 0 && strchr(" \t\r", line[len - 1]) != NULL && line[len - 1] != '\0')
			len--;
		if (len == 0)
			continue;
		serve_line(control, client, line, len);
		if (client->fd >= 0 && client->answer != NULL)
			send_answer(client);
	}
}

/* The peer will send no more: what it sent without a newline is its last request. */
static void finish_input(struct control *control, struct client *client)
{
	client->last = true;
	if (client->request_len == 0) {
		drop(client);
		return;
	}
	serve_line(control, client, client->request, client->request_len);
	client->request_len = 0;
	if (client->fd >= 0 && client->answer != NULL)
		send_answer(client);
}

static void receive(struct control *control, struct client *client)
{
	ssize_t got = recv(client->fd, client->request + client->request_len,
			   sizeof(client->request) - client->request_len, MSG_DONTWAIT);

	if (got < 0) {
		if (errno != EAGAIN && errno != EINTR)
			drop(client);
		return;
	}
	if (got == 0) {
		finish_input(control, client);
		return;
	}
	client->request_len += (size_t)got;
	serve_buffer(control, client);
}

/* --- clients --------------------------------------------------------------------- */

static void accept_client(struct control *control)
{
	static const char busy[] = "{\"ok\":false,\"error\":\"too many clients\"}\n";
	int fd = accept4(control->socket.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0) {
		/* Out of descriptors: the client stays in line, and we do not spin. */
		if (errno == EMFILE || errno == ENFILE)
			nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
		return;
	}
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		if (control->clients[i].fd >= 0)
			continue;
		control->clients[i].fd = fd;
		return;
	}
	/* As much of it as fits at once; there is no place to keep the rest. */
	if (send(fd, busy, sizeof(busy) - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_debug("control: a client too many is gone already");
	close(fd);
	log_limited(&control->refused, LOG_LEVEL_WARNING, "control: more than %d clients",
		    CONTROL_CLIENTS_MAX);
}

/* Drops whoever owes us something for too long; the time left of the next, or -1. */
static int check_deadlines(struct control *control)
{
	uint64_t now = clock_monotonic_ns();
	uint64_t next = UINT64_MAX;

	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		struct client *client = &control->clients[i];

		if (client->fd < 0 || client->deadline_ns == 0)
			continue;
		if (client->deadline_ns <= now)
			drop(client);
		else
			next = min(next, client->deadline_ns);
	}
	return next == UINT64_MAX ? -1 : (int)((next - now) / CLOCK_NS_PER_MS) + 1;
}

static void serve_client(struct control *control, struct client *client, short events)
{
	if (events == 0)
		return;
	if (client->answer != NULL) {
		if ((events & (POLLERR | POLLHUP)) != 0) {
			drop(client);
			return;
		}
		send_answer(client);
		if (client->fd >= 0)
			serve_buffer(control, client);
		return;
	}
	receive(control, client);
}

static void *thread_main(void *argument)
{
	struct control *control = argument;
	struct pollfd fds[2 + CONTROL_CLIENTS_MAX];

	pthread_setname_np(pthread_self(), "pinion-control");
	for (;;) {
		int timeout = check_deadlines(control);

		fds[0] = (struct pollfd){ .fd = control->stop_fd, .events = POLLIN };
		fds[1] = (struct pollfd){ .fd = control->socket.fd, .events = POLLIN };
		for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
			const struct client *client = &control->clients[i];

			fds[2 + i] = (struct pollfd){
				.fd = client->fd,
				.events = client->answer != NULL ? POLLOUT : POLLIN,
			};
		}
		if (poll(fds, ARRAY_SIZE(fds), timeout) < 0)
			continue;
		if (fds[0].revents != 0)
			return NULL;
		for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++)
			serve_client(control, &control->clients[i], fds[2 + i].revents);
		if (fds[1].revents != 0)
			accept_client(control);
	}
}

/* --- making and ending it ---------------------------------------------------------- */

int control_create(const struct control_config *config, struct control **out, char *error,
		   size_t error_size)
{
	struct control *control = calloc(1, sizeof(*control));
	int rc = -ENOMEM;

	snprintf(error, error_size, "out of memory");
	if (control == NULL)
		return rc;
	control->config = *config;
	if (control->config.timeout_ms == 0)
		control->config.timeout_ms = TIMEOUT_MS_DEFAULT;
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++)
		control->clients[i].fd = -1;
	control->tokener = json_tokener_new_ex(CONTROL_DEPTH_MAX);
	if (control->tokener == NULL)
		goto free_control;
	json_tokener_set_flags(control->tokener,
			       JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	control->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (control->stop_fd < 0) {
		rc = -errno;
		snprintf(error, error_size, "eventfd: %s", strerror(errno));
		goto free_tokener;
	}
	rc = control_socket_open(config->path, &control->socket, error, error_size);
	if (rc != 0)
		goto close_stop;
	*out = control;
	return 0;

close_stop:
	close(control->stop_fd);
free_tokener:
	json_tokener_free(control->tokener);
free_control:
	free(control);
	return rc;
}

int control_start(struct control *control)
{
	sigset_t all;
	sigset_t before;
	int rc;

	/* Signals are for the main thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&control->thread, NULL, thread_main, control);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	control->started = rc == 0;
	return -rc;
}

void control_stop(struct control *control)
{
	uint64_t one = 1;

	if (control == NULL || !control->started)
		return;
	while (write(control->stop_fd, &one, sizeof(one)) < 0)
		assert(errno == EINTR);
	pthread_join(control->thread, NULL);
	control->started = false;
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		if (control->clients[i].fd >= 0)
			drop(&control->clients[i]);
	}
}

void control_destroy(struct control *control)
{
	if (control == NULL)
		return;
	control_stop(control);
	control_socket_close(&control->socket);
	close(control->stop_fd);
	json_tokener_free(control->tokener);
	free(control);
}

void control_unlink(const struct control *control)
{
	if (control != NULL)
		control_socket_unlink(&control->socket);
}
