/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listening sockets: accepting, and carrying each new connection to the
 * reactor that shall own it.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "sys/socket_address.h"
#include "transport/stream/stream.h"
#include "transport/tcp/tcp.h"

/* Headers of older systems lack it. */
#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

enum {
	BACKLOG = 1024, /* the kernel's own limit (somaxconn) may be lower */
	RETRY_MS = 100, /* after an accept that failed */

	/* A peer that is gone without a word is noticed after 60 s of silence. */
	KEEPALIVE_IDLE_S = 30,
	KEEPALIVE_INTERVAL_S = 10,
	KEEPALIVE_COUNT = 3,
};

struct tcp_listener {
	struct transport_listener listener;
	struct reactor *reactor;
	struct tcp_origin origin;
	struct reactor *(*place)(void *user, const char *peer);
	int fd;
	bool is_closing; /* close came; the accept in flight frees it */
	struct io_op accept_op;
	struct deferred start;
	struct timer retry_timer;
	struct log_limit log_limit;
};

/* A connection on its way to its reactor. */
struct transit {
	struct message message;
	struct reactor *reactor;
	struct tcp_origin origin;
	int fd;
	char peer[64];		/* with its port */
};

/* --- accepting --- */

static void accept_next(struct tcp_listener *listener)
{
	reactor_accept(listener->reactor, &listener->accept_op, listener->fd);
}

static void transit_deliver(struct message *message)
{
	struct transit *transit = container_of(message, struct transit, message);

	tcp_conn_create(transit->reactor, transit->fd, transit->peer, &transit->origin);
	free(transit);
}

/* Asks where the connection shall live, and brings it there. */
static void dispatch(struct tcp_listener *listener, int fd)
{
	struct sockaddr_storage address = { .ss_family = AF_INET };
	socklen_t length = sizeof(address);
	struct transit *transit;
	char peer[INET6_ADDRSTRLEN];

	/* Taken first: after place has counted the connection, nothing here may fail. */
	transit = malloc(sizeof(*transit));
	if (transit == NULL || getpeername(fd, (struct sockaddr *)&address, &length) < 0)
		goto drop;
	tcp_format_address(&address, false, peer, sizeof(peer));
	transit->reactor = listener->place(listener->origin.user, peer);
	if (transit->reactor == NULL)
		goto drop;
	tcp_format_address(&address, true, transit->peer, sizeof(transit->peer));
	transit->origin = listener->origin;
	transit->fd = fd;
	transit->message.deliver = transit_deliver;
	if (transit->reactor == listener->reactor)
		transit_deliver(&transit->message);
	else
		reactor_send(transit->reactor, &transit->message);
	return;
drop:
	free(transit);
	close(fd);
}

static void listener_free(struct tcp_listener *listener)
{
	reactor_timer_stop(listener->reactor, &listener->retry_timer);
	reactor_undefer(listener->reactor, &listener->start);
	reactor_fd_forget(listener->reactor, listener->fd);
	close(listener->fd);
	free(listener);
}

static void accept_failed(struct tcp_listener *listener, int err)
{
	log_limited(&listener->log_limit, LOG_LEVEL_WARNING, "portal %s: cannot accept: %s",
		    listener->listener.address, strerror(-err));
	/* Descriptors or memory may be there later; a loop without a pause helps nobody. */
	reactor_timer_start(listener->reactor, &listener->retry_timer, RETRY_MS);
}

static void accept_done(struct io_op *op, int res)
{
	struct tcp_listener *listener = container_of(op, struct tcp_listener, accept_op);

	if (listener->is_closing) {
		if (res >= 0)
			close(res);
		listener_free(listener);
		return;
	}
	if (res < 0 && res != -EINTR && res != -EAGAIN) {
		accept_failed(listener, res);
		return;
	}
	/* First the next accept: dispatch may end in a call that closes this listener. */
	accept_next(listener);
	if (res >= 0)
		dispatch(listener, res);
}

static void retry_expired(struct timer *timer)
{
	accept_next(container_of(timer, struct tcp_listener, retry_timer));
}

static void start_run(struct deferred *deferred)
{
	accept_next(container_of(deferred, struct tcp_listener, start));
}

static void listener_close(struct transport_listener *transport_listener)
{
	struct tcp_listener *listener =
		container_of(transport_listener, struct tcp_listener, listener);

	if (listener->accept_op.code == IO_NONE) {
		listener_free(listener);
		return;
	}
	listener->is_closing = true;
	reactor_cancel(listener->reactor, &listener->accept_op);
}

static const struct transport_listener_ops listener_ops = {
	.close = listener_close,
};

/* --- opening --- */

__attribute__((format(printf, 4, 5))) static int fail(int err, char *error, size_t size,
						      const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error, size, format, arguments);
	va_end(arguments);
	return err;
}

static void set_option(int fd, int level, int option, int value)
{
	/* All of them are improvements: without one the connection works still. */
	if (setsockopt(fd, level, option, &value, sizeof(value)) < 0)
		log_debug("socket option %d/%d: %s", level, option, strerror(errno));
}

/* Accepted sockets inherit all of these from the listening one. */
static void set_options(int fd, int family, const struct transport_listener_config *config)
{
	const struct transport_socket *wanted = &config->socket;
	unsigned stall_seconds = config->stall_seconds;

	if (stall_seconds == 0)
		stall_seconds = STREAM_STALL_DEFAULT_S;
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (family == AF_INET6)
		set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
	set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT);
	set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)(stall_seconds * 1000));
	if (wanted->send_buffer != 0)
		set_option(fd, SOL_SOCKET, SO_SNDBUF, (int)wanted->send_buffer);
	if (wanted->receive_buffer != 0)
		set_option(fd, SOL_SOCKET, SO_RCVBUF, (int)wanted->receive_buffer);
	/* The upper six bits of what was the type of service. */
	if (wanted->dscp != 0 && family == AF_INET6)
		set_option(fd, IPPROTO_IPV6, IPV6_TCLASS, wanted->dscp << 2);
	else if (wanted->dscp != 0)
		set_option(fd, IPPROTO_IP, IP_TOS, wanted->dscp << 2);
}

/* A socket of FAMILY; of MPTCP where that is wanted and there is some. */
static int create_socket(int family, bool *is_multipath)
{
	const int type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
	int fd = -1;

	if (*is_multipath)
		fd = socket(family, type, IPPROTO_MPTCP);
	*is_multipath = fd >= 0;
	return fd >= 0 ? fd : socket(family, type, 0);
}

static int bind_to_interface(int fd, const char *interface)
{
	if (interface == NULL)
		return 0;
	return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface,
			  (socklen_t)strlen(interface) + 1);
}

/* A listening descriptor, or a negative errno. */
static int open_socket(const struct transport_listener_config *config, bool *is_multipath)
{
	struct sockaddr_storage address;
	int length = socket_address_parse(config->address, config->port, &address);
	int fd, err;

	if (length < 0)
		return length;
	*is_multipath = config->socket.multipath;
	fd = create_socket(address.ss_family, is_multipath);
	if (fd < 0)
		return -errno;
	set_options(fd, address.ss_family, config);
	if (bind_to_interface(fd, config->socket.interface) < 0 ||
	    bind(fd, (struct sockaddr *)&address, (socklen_t)length) < 0 ||
	    listen(fd, BACKLOG) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static void note_address(struct tcp_listener *listener)
{
	struct sockaddr_storage address = { .ss_family = AF_INET };
	socklen_t length = sizeof(address);

	getsockname(listener->fd, (struct sockaddr *)&address, &length);
	tcp_format_address(&address, true, listener->listener.address,
			   sizeof(listener->listener.address));
	/* The port lies in the same place for both families. */
	listener->listener.port = ntohs(((struct sockaddr_in *)&address)->sin_port);
}

int tcp_listen(const struct transport_listener_config *config, struct transport_listener **out,
	       char *error, size_t error_size)
{
	struct tcp_listener *listener;
	bool is_multipath;
	int fd;

	fd = open_socket(config, &is_multipath);
	if (fd == -EINVAL)
		return fail(fd, error, error_size, "%s is no IPv4 or IPv6 address",
			    config->address);
	if (fd < 0)
		return fail(fd, error, error_size, "cannot listen on %s port %u: %s",
			    config->address, config->port, strerror(-fd));
	listener = calloc(1, sizeof(*listener));
	if (listener == NULL) {
		close(fd);
		return fail(-ENOMEM, error, error_size, "out of memory");
	}
	listener->listener.ops = &listener_ops;
	listener->listener.is_multipath = is_multipath;
	listener->reactor = config->reactor;
	listener->origin = (struct tcp_origin){
		.user = config->user,
		.connected = config->connected,
		.lost = config->lost,
		.stall_seconds = config->stall_seconds,
	};
	listener->place = config->place;
	listener->fd = fd;
	listener->accept_op.done = accept_done;
	listener->retry_timer.expired = retry_expired;
	listener->start.run = start_run;
	note_address(listener);
	/* Deferred, so that a listener can be closed before its reactor has ever run. */
	reactor_defer(listener->reactor, &listener->start);
	*out = &listener->listener;
	return 0;
}
