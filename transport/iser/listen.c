/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listening with the RDMA connection manager: each request is given its
 * reactor and carried there with its id; the rest is conn.c's.
 *
 * A listener on one address is bound to a device and goes with it; it then
 * tries again until the device is back.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sys/socket_address.h"
#include "transport/iser/cm.h"
#include "transport/iser/iser.h"
#include "transport/tcp/tcp.h"

enum {
	BACKLOG = 256,
	RETRY_MS = 1000,	/* after the device has gone */
	EVENTS_MOST = 64,	/* in one turn: others want theirs too */
};

struct iser_listener {
	struct transport_listener listener;
	struct iser *iser;
	struct reactor *reactor;
	struct iser_origin origin;
	struct reactor *(*place)(void *user, const char *peer);
	struct reactor *(*place_near)(void *user, const char *peer, int node);
	struct sockaddr_storage address;
	struct rdma_event_channel *channel;
	struct rdma_cm_id *id;	/* NULL: its device has gone */
	bool is_closing;	/* close came; event_op's end frees it */
	struct io_op event_op;
	struct deferred start;
	struct timer retry_timer;
	struct log_limit log_limit;
};

static const struct iser_verbs *verbs_of(const struct iser_listener *listener)
{
	return listener->iser->verbs;
}

/* --- connection requests --- */

/* What a request says that is needed when its event has been acknowledged. */
struct request {
	struct rdma_cm_id *id;
	uint8_t responder_resources;	/* that the peer asks us for */
	uint8_t initiator_depth;	/* that the peer has for us */
	bool wants_invalidate;
};

static void deliver(struct message *message)
{
	iser_conn_start(container_of(message, struct iser_conn, arrival));
}

static void describe_ends(struct iser_conn *conn)
{
	struct transport_conn *transport = &conn->conn;

	tcp_format_address(&conn->id->route.addr.dst_storage, true, transport->peer,
			   sizeof(transport->peer));
	tcp_format_address(&conn->id->route.addr.src_storage, true, transport->local,
			   sizeof(transport->local));
}

static void fill(struct iser_conn *conn, const struct iser_listener *listener,
		 const struct request *request, struct iser_device *device)
{
	uint32_t depth = min_t(uint32_t, request->initiator_depth,
			       (uint32_t)max(device->attr.max_qp_init_rd_atom, 1));

	conn->id = request->id;
	conn->device = device;
	conn->origin = listener->origin;
	conn->responder_resources = (uint8_t)min_t(uint32_t, request->responder_resources,
						   (uint32_t)max(device->attr.max_qp_rd_atom, 0));
	/* A peer that has none and sends writes all the same breaks its own connection. */
	conn->fetch.depth = max(depth, 1u);
	conn->may_invalidate = request->wants_invalidate && device->can_invalidate;
	conn->party.event = iser_conn_event;
	conn->arrival.deliver = deliver;
	describe_ends(conn);
}

static struct reactor *place(const struct iser_listener *listener, const struct request *request,
			     const struct iser_device *device)
{
	char peer[INET6_ADDRSTRLEN];

	tcp_format_address(&request->id->route.addr.dst_storage, false, peer, sizeof(peer));
	if (listener->place_near != NULL)
		return listener->place_near(listener->origin.user, peer, device->node);
	return listener->place(listener->origin.user, peer);
}

/* Gives the request a place and brings it there. False: it is to be rejected. */
static bool dispatch(struct iser_listener *listener, const struct request *request)
{
	struct iser_conn *conn = calloc(1, sizeof(*conn));
	struct iser_device *device = NULL;
	struct reactor *reactor;

	if (conn != NULL && request->id->verbs != NULL)
		device = iser_device_get(listener->iser, request->id->verbs);
	if (device == NULL)
		goto drop;
	reactor = place(listener, request, device);
	if (reactor == NULL)
		goto drop;
	fill(conn, listener, request, device);
	conn->conn.reactor = reactor;
	conn->core = iser_core_of(listener->iser, reactor);
	/* From the migration on its events come to its own reactor, which knows it by then. */
	request->id->context = &conn->party;
	if (verbs_of(listener)->migrate_id(request->id, conn->core->channel) != 0)
		conn->end_error = errno != 0 ? -errno : -EIO;
	if (reactor == listener->reactor)
		deliver(&conn->arrival);
	else
		reactor_send(reactor, &conn->arrival);
	return true;
drop:
	if (device != NULL)
		iser_device_put(device);
	free(conn);
	return false;
}

static void take_request(struct iser_listener *listener, struct rdma_cm_event *event)
{
	struct rdma_conn_param *param = &event->param.conn;
	struct request request = {
		.id = event->id,
		.responder_resources = param->responder_resources,
		.initiator_depth = param->initiator_depth,
		.wants_invalidate =
			iser_cm_wants_invalidate(param->private_data, param->private_data_len),
	};

	verbs_of(listener)->ack_cm_event(event);
	if (dispatch(listener, &request))
		return;
	verbs_of(listener)->reject(request.id, NULL, 0);
	verbs_of(listener)->destroy_id(request.id);
}

/* --- the listening id --- */

static int open_id(struct iser_listener *listener)
{
	const struct iser_verbs *verbs = verbs_of(listener);
	int yes = 1;
	int err;

	if (verbs->create_id(listener->channel, &listener->id, NULL, RDMA_PS_TCP) < 0)
		return -errno;
	/* Like the sockets of TCP: an IPv6 portal is one for IPv6 only. */
	if (listener->address.ss_family == AF_INET6)
		verbs->set_option(listener->id, RDMA_OPTION_ID, RDMA_OPTION_ID_AFONLY, &yes,
				  sizeof(yes));
	verbs->set_option(listener->id, RDMA_OPTION_ID, RDMA_OPTION_ID_REUSEADDR, &yes,
			  sizeof(yes));
	if (verbs->bind_addr(listener->id, (struct sockaddr *)&listener->address) == 0 &&
	    verbs->listen(listener->id, BACKLOG) == 0)
		return 0;
	err = errno != 0 ? -errno : -EIO;
	verbs->destroy_id(listener->id);
	listener->id = NULL;
	return err;
}

static void device_gone(struct iser_listener *listener)
{
	const struct ibv_context *context = listener->id->verbs;

	log_warning("iser: portal %s: its device is gone; waiting for it",
		    listener->listener.address);
	verbs_of(listener)->destroy_id(listener->id);
	listener->id = NULL;
	/* There may be no connection to tell of it. */
	if (context != NULL)
		iser_device_remove_context(listener->iser, context);
	reactor_timer_start(listener->reactor, &listener->retry_timer, RETRY_MS);
}

/* Registers the memory now, as at the start. */
static void device_back(struct iser_listener *listener)
{
	struct ibv_context *context = listener->id->verbs;
	struct iser_device *device =
		context != NULL ? iser_device_get(listener->iser, context) : NULL;

	log_warning("iser: portal %s: its device is back", listener->listener.address);
	if (device != NULL)
		iser_device_put(device);
}

static void retry_expired(struct timer *timer)
{
	struct iser_listener *listener = container_of(timer, struct iser_listener, retry_timer);

	if (open_id(listener) == 0)
		device_back(listener);
	else
		reactor_timer_start(listener->reactor, timer, RETRY_MS);
}

static void take_events(struct iser_listener *listener)
{
	struct rdma_cm_event *event;
	bool is_gone = false;

	for (unsigned i = 0; i < EVENTS_MOST; i++) {
		if (verbs_of(listener)->get_cm_event(listener->channel, &event) != 0)
			break;
		if (event->event == RDMA_CM_EVENT_CONNECT_REQUEST) {
			take_request(listener, event);
			continue;
		}
		/* Others are for the listening id itself: a request's go with it. */
		if (event->event == RDMA_CM_EVENT_DEVICE_REMOVAL && event->id == listener->id)
			is_gone = true;
		verbs_of(listener)->ack_cm_event(event);
	}
	if (is_gone && listener->id != NULL)
		device_gone(listener);
}

static void listener_free(struct iser_listener *listener)
{
	reactor_timer_stop(listener->reactor, &listener->retry_timer);
	reactor_undefer(listener->reactor, &listener->start);
	if (listener->id != NULL)
		verbs_of(listener)->destroy_id(listener->id);
	if (listener->channel != NULL) {
		reactor_fd_forget(listener->reactor, listener->channel->fd);
		verbs_of(listener)->destroy_event_channel(listener->channel);
	}
	free(listener);
}

static void wait_for_event(struct iser_listener *listener)
{
	reactor_poll(listener->reactor, &listener->event_op, listener->channel->fd, POLLIN);
}

static void event_done(struct io_op *op, int res)
{
	struct iser_listener *listener = container_of(op, struct iser_listener, event_op);

	(void)res;
	if (listener->is_closing) {
		listener_free(listener);
		return;
	}
	wait_for_event(listener);
	take_events(listener);
}

static void start_run(struct deferred *deferred)
{
	wait_for_event(container_of(deferred, struct iser_listener, start));
}

static void listener_close(struct transport_listener *transport_listener)
{
	struct iser_listener *listener =
		container_of(transport_listener, struct iser_listener, listener);

	if (listener->event_op.code == IO_NONE) {
		listener_free(listener);
		return;
	}
	listener->is_closing = true;
	/* At once: nobody shall get in while the reactor goes on turning. */
	if (listener->id != NULL)
		verbs_of(listener)->destroy_id(listener->id);
	listener->id = NULL;
	reactor_timer_stop(listener->reactor, &listener->retry_timer);
	iser_close_cores(listener->iser);
	reactor_cancel(listener->reactor, &listener->event_op);
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

static struct iser_listener *listener_new(struct iser *iser,
					  const struct transport_listener_config *config)
{
	struct iser_listener *listener = calloc(1, sizeof(*listener));

	if (listener == NULL)
		return NULL;
	listener->listener.ops = &listener_ops;
	listener->iser = iser;
	listener->reactor = config->reactor;
	listener->place = config->place;
	listener->place_near = config->place_near;
	listener->origin = (struct iser_origin){
		.user = config->user,
		.connected = config->connected,
		.lost = config->lost,
		.stall_seconds = config->stall_seconds,
	};
	listener->event_op.done = event_done;
	listener->start.run = start_run;
	listener->retry_timer.expired = retry_expired;
	return listener;
}

static int open_channel(struct iser_listener *listener)
{
	listener->channel = verbs_of(listener)->create_event_channel();
	if (listener->channel == NULL)
		return errno != 0 ? -errno : -ENODEV;
	fcntl(listener->channel->fd, F_SETFL,
	      fcntl(listener->channel->fd, F_GETFL) | O_NONBLOCK);
	return open_id(listener);
}

static void note_address(struct iser_listener *listener)
{
	/* The port lies in the same place for both families. */
	struct sockaddr_in *in = (struct sockaddr_in *)&listener->id->route.addr.src_storage;

	listener->listener.port = ntohs(in->sin_port);
	((struct sockaddr_in *)&listener->address)->sin_port = in->sin_port;
	tcp_format_address(&listener->address, true, listener->listener.address,
			   sizeof(listener->listener.address));
}

int iser_listen(struct iser *iser, const struct transport_listener_config *config,
		struct transport_listener **out, char *error, size_t error_size)
{
	struct iser_listener *listener = listener_new(iser, config);
	int err;

	if (listener == NULL)
		return fail(-ENOMEM, error, error_size, "out of memory");
	if (socket_address_parse(config->address, config->port, &listener->address) < 0) {
		listener_free(listener);
		return fail(-EINVAL, error, error_size, "%s is no IPv4 or IPv6 address",
			    config->address);
	}
	err = open_channel(listener);
	if (err < 0) {
		listener_free(listener);
		return fail(err, error, error_size, "cannot listen on %s port %u by iSER: %s",
			    config->address, config->port,
			    err == -ENODEV || err == -EADDRNOTAVAIL ?
				    "no RDMA device has this address" : strerror(-err));
	}
	note_address(listener);
	/* Deferred, so that a listener can be closed before its reactor has ever run. */
	reactor_defer(listener->reactor, &listener->start);
	*out = &listener->listener;
	return 0;
}
