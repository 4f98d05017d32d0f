/* SPDX-License-Identifier: BSD-2-Clause */
/* The control socket: framing, limits, hostile clients, and its place in the file system. */
#include "daemon/control.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include <json-c/json.h>

#include "base/clock.h"
#include "daemon/control_protocol.h"

enum {
	TIMEOUT_MS = 300, /* where a test waits for it; elsewhere it is never reached */
	NEVER_MS = 600000,
	PATIENCE_MS = 60000,
	LARGE = 4 << 20,
};

struct fixture {
	char folder[64];
	char path[100];
	struct control *control;
};

/* "echo" gives back its word, "large" more than a socket takes, all else is refused. */
static struct json_object *handle(void *context, struct json_object *request, char *error,
				  size_t error_size)
{
	struct json_object *command = NULL;
	struct json_object *word = NULL;
	char *text;

	(void)context;
	json_object_object_get_ex(request, "command", &command);
	json_object_object_get_ex(request, "word", &word);
	if (command != NULL && strcmp(json_object_get_string(command), "echo") == 0)
		return json_object_get(word);
	if (command != NULL && strcmp(json_object_get_string(command), "large") == 0) {
		text = calloc(1, LARGE + 1);
		memset(text, 'x', LARGE);
		word = json_object_new_string_len(text, LARGE);
		free(text);
		return word;
	}
	/* As if a quotation had been cut in the middle of a character. */
	if (command != NULL && strcmp(json_object_get_string(command), "cut") == 0)
		snprintf(error, error_size, "no \"\xc3\xa9\xc3\" here");
	else
		snprintf(error, error_size, "refused");
	return NULL;
}

static int create(const char *path, unsigned timeout_ms, struct control **out, char *error,
		  size_t error_size)
{
	const struct control_config config = {
		.path = path,
		.timeout_ms = timeout_ms,
		.handle = handle,
	};

	return control_create(&config, out, error, error_size);
}

static int setup_with(void **state, unsigned timeout_ms)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	char error[300];

	snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/pinion-test-XXXXXX");
	assert_non_null(mkdtemp(fixture->folder));
	snprintf(fixture->path, sizeof(fixture->path), "%s/run/c.sock", fixture->folder);
	assert_int_equal(create(fixture->path, timeout_ms, &fixture->control, error, sizeof(error)),
			 0);
	assert_int_equal(control_start(fixture->control), 0);
	*state = fixture;
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, NEVER_MS);
}

static int setup_impatient(void **state)
{
	return setup_with(state, TIMEOUT_MS);
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	char run[80];

	control_destroy(fixture->control);
	assert_int_equal(access(fixture->path, F_OK), -1);
	snprintf(run, sizeof(run), "%s/run", fixture->folder);
	rmdir(run);
	rmdir(fixture->folder);
	free(fixture);
	return 0;
}

static int dial(const struct fixture *fixture)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", fixture->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void put(int fd, const char *text, size_t len)
{
	assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), len);
}

/* The next line, without its end; "" when the daemon closed. */
static const char *line(int fd)
{
	static char text[1024];
	size_t used = 0;
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	while (used < sizeof(text) - 1) {
		assert_int_equal(poll(&poll_fd, 1, PATIENCE_MS), 1);
		if (recv(fd, text + used, 1, 0) <= 0 || text[used] == '\n')
			break;
		used++;
	}
	text[used] = '\0';
	return text;
}

static const char *ask(int fd, const char *request)
{
	put(fd, request, strlen(request));
	put(fd, "\n", 1);
	return line(fd);
}

static void test_control__requests_and_refusals(void **state)
{
	int fd = dial(*state);

	assert_string_equal(ask(fd, "{\"command\":\"echo\",\"word\":\"a/b\"}"),
			    "{\"ok\":true,\"result\":\"a/b\"}");
	assert_string_equal(ask(fd, "{\"command\":\"x\"}"), "{\"ok\":false,\"error\":\"refused\"}");
	assert_string_equal(ask(fd, "{}\r"), "{\"ok\":false,\"error\":\"refused\"}");
	/* Blank lines ask nothing. */
	put(fd, "\n  \n\r\n", 6);
	assert_string_equal(ask(fd, "{\"command\":\"echo\",\"word\":2}"),
			    "{\"ok\":true,\"result\":2}");
	close(fd);
}

static void test_control__an_error_is_utf8(void **state)
{
	int fd = dial(*state);

	assert_string_equal(ask(fd, "{\"command\":\"cut\"}"),
			    "{\"ok\":false,\"error\":\"no \\\"\xc3\xa9?\\\" here\"}");
	close(fd);
}

static void test_control__no_json_is_answered_and_survived(void **state)
{
	static const char *const garbage[] = {
		"x",
		"{",
		"{}{}",
		"[]",
		"5",
		"\"a\"",
		"null",
		"{\"command\":\"echo\"",
		"{'a':1}",
		"{\"a\":[[[[[[[[[[[[[[1]]]]]]]]]]]]]]}",
		"{\"command\":\"\xff\xfe\"}",
		"GET / HTTP/1.1",
		"{\"a\":1e99999}extra",
	};
	int fd = dial(*state);

	for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++)
		assert_true(strncmp(ask(fd, garbage[i]), "{\"ok\":false,\"error\":\"", 21) == 0);
	put(fd, "{\"command\":\0\"echo\"}\n", 20);
	assert_true(strncmp(line(fd), "{\"ok\":false,", 12) == 0);
	assert_string_equal(ask(fd, "{\"command\":\"echo\",\"word\":3}"),
			    "{\"ok\":true,\"result\":3}");
	close(fd);
}

static void test_control__pieces_and_many_at_once(void **state)
{
	static const char request[] = "{\"command\":\"echo\",\"word\":7}\n";
	char many[40 * sizeof(request)] = "";
	int fd = dial(*state);

	for (size_t i = 0; i + 1 < sizeof(request); i++) {
		put(fd, request + i, 1);
		usleep(1000);
	}
	assert_string_equal(line(fd), "{\"ok\":true,\"result\":7}");
	for (unsigned i = 0; i < 40; i++)
		strcat(many, request);
	put(fd, many, strlen(many));
	for (unsigned i = 0; i < 40; i++)
		assert_string_equal(line(fd), "{\"ok\":true,\"result\":7}");
	close(fd);
}

static void test_control__the_last_line_needs_no_end(void **state)
{
	static const char request[] = "{\"command\":\"echo\",\"word\":7}";
	int fd = dial(*state);

	put(fd, request, strlen(request));
	shutdown(fd, SHUT_WR);
	assert_string_equal(line(fd), "{\"ok\":true,\"result\":7}");
	assert_string_equal(line(fd), "");
	close(fd);
}

static void test_control__too_long_a_request(void **state)
{
	char blanks[CONTROL_REQUEST_MAX];
	int fd = dial(*state);

	memset(blanks, ' ', sizeof(blanks));
	put(fd, blanks, sizeof(blanks));
	assert_string_equal(line(fd), "{\"ok\":false,\"error\":\"this request is too long\"}");
	assert_string_equal(line(fd), "");
	close(fd);
}

static void test_control__slow_clients_are_dropped(void **state)
{
	int writer = dial(*state);
	int reader = dial(*state);
	int idle = dial(*state);
	struct pollfd closed = { .fd = reader, .events = POLLRDHUP };
	uint64_t start = clock_monotonic_ns();
	char byte;

	/* One begins a request and does not end it, one takes no answer. */
	put(writer, "{", 1);
	put(reader, "{\"command\":\"large\"}\n", 20);
	assert_string_equal(line(writer), "");
	assert_true(clock_monotonic_ns() - start >= TIMEOUT_MS * CLOCK_NS_PER_MS / 2);
	assert_int_equal(poll(&closed, 1, PATIENCE_MS), 1);
	start = 0;
	while (recv(reader, &byte, 1, 0) == 1 && start < LARGE)
		start++;
	assert_true(start < LARGE);
	/* One that owes nothing stays. */
	assert_string_equal(ask(idle, "{\"command\":\"echo\",\"word\":1}"),
			    "{\"ok\":true,\"result\":1}");
	close(writer);
	close(reader);
	close(idle);
}

static void test_control__a_large_answer_arrives(void **state)
{
	int fd = dial(*state);
	size_t total = 0;
	char buf[65536];

	put(fd, "{\"command\":\"large\"}\n{\"command\":\"echo\",\"word\":1}\n", 48);
	for (;;) {
		ssize_t got = recv(fd, buf, sizeof(buf), 0);

		assert_true(got > 0);
		total += (size_t)got;
		if (total > LARGE && buf[got - 1] == '\n' && got > 2 && buf[got - 3] == '1')
			break;
	}
	/* {"ok":true,"result":"..."} and {"ok":true,"result":1}, each with its newline */
	assert_int_equal(total, LARGE + 24 + 23);
	close(fd);
}

static void test_control__too_many_clients(void **state)
{
	int fds[CONTROL_CLIENTS_MAX];
	const char *answer;
	int one_more;

	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		fds[i] = dial(*state);
		assert_string_equal(ask(fds[i], "{}"), "{\"ok\":false,\"error\":\"refused\"}");
	}
	one_more = dial(*state);
	assert_string_equal(line(one_more), "{\"ok\":false,\"error\":\"too many clients\"}");
	assert_string_equal(line(one_more), "");
	close(one_more);
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++)
		close(fds[i]);
	/* As soon as it has seen that they have gone */
	for (unsigned tries = 0; tries < PATIENCE_MS / 10; tries++) {
		one_more = dial(*state);
		send(one_more, "{}\n", 3, MSG_NOSIGNAL);
		answer = line(one_more);
		close(one_more);
		if (strstr(answer, "too many") == NULL)
			break;
		usleep(10000);
	}
	assert_string_equal(answer, "{\"ok\":false,\"error\":\"refused\"}");
}

static void test_control__clients_that_vanish(void **state)
{
	for (unsigned i = 0; i < 200; i++) {
		int fd = dial(*state);

		put(fd, "{\"command\":\"large\"}\n{\"comm", 26);
		close(fd);
	}
	test_control__requests_and_refusals(state);
}

static void test_control_create__its_place(void **state)
{
	struct fixture *fixture = *state;
	struct control *second;
	struct stat status;
	char error[300];
	char path[120];
	FILE *file;

	assert_int_equal(stat(fixture->path, &status), 0);
	assert_true(S_ISSOCK(status.st_mode));
	assert_int_equal(status.st_mode & 0777, 0600);
	/* A daemon lives there. */
	assert_int_equal(create(fixture->path, NEVER_MS, &second, error, sizeof(error)),
			 -EADDRINUSE);
	assert_non_null(strstr(error, "a running daemon answers on it"));
	/* A file is nobody's socket. */
	snprintf(path, sizeof(path), "%s/file", fixture->folder);
	file = fopen(path, "w");
	fclose(file);
	assert_int_equal(create(path, NEVER_MS, &second, error, sizeof(error)), -EEXIST);
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
	/* Two folders are missing: only the last is made. */
	snprintf(path, sizeof(path), "%s/a/b/c", fixture->folder);
	assert_int_equal(create(path, NEVER_MS, &second, error, sizeof(error)), -ENOENT);
}

/* What a daemon that was killed leaves behind. */
static void test_control_create__replaces_a_stale_socket(void **state)
{
	struct fixture *fixture = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct control *control;
	char error[300];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/stale", fixture->folder);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	close(fd);
	assert_int_equal(access(address.sun_path, F_OK), 0);
	assert_int_equal(create(address.sun_path, NEVER_MS, &control, error, sizeof(error)), 0);
	control_destroy(control);
	assert_int_equal(access(address.sun_path, F_OK), -1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_control__requests_and_refusals),
		CASE(test_control__an_error_is_utf8),
		CASE(test_control__no_json_is_answered_and_survived),
		CASE(test_control__pieces_and_many_at_once),
		CASE(test_control__the_last_line_needs_no_end),
		CASE(test_control__too_long_a_request),
		cmocka_unit_test_setup_teardown(test_control__slow_clients_are_dropped,
						setup_impatient, teardown),
		CASE(test_control__a_large_answer_arrives),
		CASE(test_control__too_many_clients),
		CASE(test_control__clients_that_vanish),
		CASE(test_control_create__its_place),
		CASE(test_control_create__replaces_a_stale_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
