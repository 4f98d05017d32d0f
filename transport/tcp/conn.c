/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A TCP connection: the stream mover's carrier over a socket on the reactor.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "transport/stream/stream.h"
#include "transport/tcp/tcp.h"

struct tcp_conn {
	struct stream stream;
	int fd;
	struct io_op recv_op;
	struct io_op send_op;
};

static struct tcp_conn *conn_of(struct stream *stream)
{
	return container_of(stream, struct tcp_conn, stream);
}

static struct reactor *reactor_of(const struct tcp_conn *conn)
{
	return conn->stream.conn.reactor;
}

/* --- the carrier --- */

static void recv_done(struct io_op *op, int res)
{
	stream_received(&container_of(op, struct tcp_conn, recv_op)->stream, res);
}

static void send_done(struct io_op *op, int res)
{
	stream_sent(&container_of(op, struct tcp_conn, send_op)->stream, res);
}

static void carry_recv(struct stream *stream, struct msghdr *header, bool wait_first)
{
	struct tcp_conn *conn = conn_of(stream);

	reactor_recvmsg(reactor_of(conn), &conn->recv_op, conn->fd, header, wait_first);
}

static void carry_send(struct stream *stream, struct msghdr *header)
{
	struct tcp_conn *conn = conn_of(stream);

	reactor_sendmsg(reactor_of(conn), &conn->send_op, conn->fd, header);
}

static void carry_cancel_recv(struct stream *stream)
{
	struct tcp_conn *conn = conn_of(stream);

	reactor_cancel(reactor_of(conn), &conn->recv_op);
}

static void carry_cancel_send(struct stream *stream)
{
	struct tcp_conn *conn = conn_of(stream);

	reactor_cancel(reactor_of(conn), &conn->send_op);
}

static void carry_finish_sending(struct stream *stream)
{
	/* It fails where the peer has gone already, which the receive tells too. */
	shutdown(conn_of(stream)->fd, SHUT_WR);
}

static void carry_leave(struct stream *stream)
{
	reactor_fd_forget(stream->conn.reactor, conn_of(stream)->fd);
}

static void carry_enter(struct stream *stream)
{
	reactor_fd_register(stream->conn.reactor, conn_of(stream)->fd);
}

static void close_socket(struct tcp_conn *conn)
{
	/*
	 * Before Linux 6.13 a ring lets go of a registered socket only when everything
	 * older on it is done, other connections' idle receives too: the peer would
	 * not hear of the end until then.
	 */
	shutdown(conn->fd, SHUT_RDWR);
	reactor_fd_forget(reactor_of(conn), conn->fd);
	close(conn->fd);
	free(conn);
}

static void carry_release(struct stream *stream)
{
	close_socket(conn_of(stream));
}

static const struct stream_carrier tcp_carrier = {
	.name = "tcp",
	.recv = carry_recv,
	.send = carry_send,
	.cancel_recv = carry_cancel_recv,
	.cancel_send = carry_cancel_send,
	.finish_sending = carry_finish_sending,
	.leave = carry_leave,
	.enter = carry_enter,
	.release = carry_release,
};

/* --- making one --- */

void tcp_format_address(const struct sockaddr_storage *address, bool with_port, char *out,
			size_t size)
{
	const struct sockaddr_in *in = (const void *)address;
	const struct sockaddr_in6 *in6 = (const void *)address;
	char text[INET6_ADDRSTRLEN];

	if (address->ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
		if (with_port)
			snprintf(out, size, "[%s]:%u", text, ntohs(in6->sin6_port));
		else
			snprintf(out, size, "%s", text);
	} else {
		inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
		if (with_port)
			snprintf(out, size, "%s:%u", text, ntohs(in->sin_port));
		else
			snprintf(out, size, "%s", text);
	}
}

static void describe_ends(struct tcp_conn *conn, const char *peer)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	snprintf(conn->stream.conn.peer, sizeof(conn->stream.conn.peer), "%s", peer);
	if (getsockname(conn->fd, (struct sockaddr *)&address, &length) == 0)
		tcp_format_address(&address, true, conn->stream.conn.local,
				   sizeof(conn->stream.conn.local));
}

static struct tcp_conn *conn_new(struct reactor *reactor, int fd, const char *peer,
				 unsigned stall_seconds)
{
	struct tcp_conn *conn = calloc(1, sizeof(*conn));

	if (conn == NULL)
		return NULL;
	conn->fd = fd;
	conn->recv_op.done = recv_done;
	conn->send_op.done = send_done;
	conn->stream.conn.reactor = reactor;
	if (stream_init(&conn->stream, &tcp_carrier, stall_seconds) < 0) {
		free(conn);
		return NULL;
	}
	describe_ends(conn, peer);
	return conn;
}

void tcp_conn_create(struct reactor *reactor, int fd, const char *peer,
		     const struct tcp_origin *origin)
{
	struct tcp_conn *conn = conn_new(reactor, fd, peer, origin->stall_seconds);

	if (conn == NULL) {
		close(fd);
		origin->lost(origin->user, reactor, peer);
		return;
	}
	reactor_fd_register(reactor, fd);
	if (origin->connected(origin->user, &conn->stream.conn) < 0) {
		stream_discard(&conn->stream);
		close_socket(conn);
		return;
	}
	stream_start(&conn->stream);
}
