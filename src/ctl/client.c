/* SPDX-License-Identifier: BSD-2-Clause */
/* The control socket from the outside; see client.h. */
#include "ctl/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/control_protocol.h"

enum {
	TIMEOUT_S = 15,
	ANSWER_FIRST = 16384, /* bytes, doubled as needed */
	ANSWER_MAX = 64 << 20,
};

static int connect_to(const char *path)
{
	const struct timeval timeout = { .tv_sec = TIMEOUT_S };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	return fd;
}

static int fail_connect(const char *path, int rc, char *error, size_t error_size)
{
	if (rc == -ENOENT || rc == -ECONNREFUSED)
		snprintf(error, error_size, "no piniond answers on %s", path);
	else
		snprintf(error, error_size, "%s: %s", path, strerror(-rc));
	return rc;
}

int client_connect(const char *path, char *error, size_t error_size)
{
	char own[64];
	int fd = connect_to(path != NULL ? path : CONTROL_SOCKET_DEFAULT);
	int rc;

	if (fd >= 0)
		return fd;
	if (path != NULL || geteuid() == 0)
		return fail_connect(path != NULL ? path : CONTROL_SOCKET_DEFAULT, fd, error,
				    error_size);
	snprintf(own, sizeof(own), CONTROL_SOCKET_USER_FORMAT, geteuid());
	rc = connect_to(own);
	if (rc >= 0)
		return rc;
	/* A daemon of root's that we may not ask explains more than one that is not there. */
	if (fd == -EACCES)
		return fail_connect(CONTROL_SOCKET_DEFAULT, fd, error, error_size);
	snprintf(error, error_size, "no piniond answers on %s or %s (-s names another socket)",
		 CONTROL_SOCKET_DEFAULT, own);
	return rc;
}

static int send_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return -errno;
		data += sent;
		len -= (size_t)sent;
	}
	return 0;
}

/* Receives into *text up to a newline, which it replaces by a NUL. */
static int receive_line(int fd, char **text)
{
	size_t size = ANSWER_FIRST;
	size_t used = 0;
	char *line = malloc(size);
	int rc = -ENOMEM;

	while (line != NULL && size <= ANSWER_MAX) {
		ssize_t got = recv(fd, line + used, size - used, 0);
		char *newline;
		char *more;

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			rc = got == 0 ? -ECONNRESET : -errno;
			break;
		}
		newline = memchr(line + used, '\n', (size_t)got);
		if (newline != NULL) {
			*newline = '\0';
			*text = line;
			return 0;
		}
		used += (size_t)got;
		if (used < size)
			continue;
		more = realloc(line, size *= 2);
		if (more == NULL)
			break;
		line = more;
	}
	free(line);
	return rc;
}

int client_ask(int fd, const char *request, char **answer, char *error, size_t error_size)
{
	int rc = send_all(fd, request, strlen(request));

	if (rc == 0)
		rc = send_all(fd, "\n", 1);
	/* Who refuses us may have said why, and closed, before we had asked. */
	if (rc == 0 || rc == -EPIPE || rc == -ECONNRESET)
		rc = receive_line(fd, answer);
	if (rc == -ECONNRESET || rc == -EPIPE)
		snprintf(error, error_size, "piniond closed the connection without an answer");
	else if (rc == -EAGAIN)
		snprintf(error, error_size, "piniond did not answer within %d seconds", TIMEOUT_S);
	else if (rc != 0)
		snprintf(error, error_size, "cannot ask piniond: %s", strerror(-rc));
	return rc;
}
