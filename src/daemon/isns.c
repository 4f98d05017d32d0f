/* SPDX-License-Identifier: BSD-2-Clause */
/* The iSNS client; see isns.h. RFC 4171 sections 5.6.5.1, 5.6.5.4, 5.6.5.5 and 5.6.5.8. */
#include "daemon/isns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/ip.h"
#include "base/log.h"
#include "iscsi/iscsi.h"
#include "proto/isns.h"
#include "sys/socket_address.h"

enum {
	MESSAGE_MAX = ISNS_HEADER_LEN + ISNS_PAYLOAD_MAX,
	ANSWER_MS = 5000, /* for all of a message and its answer, however it trickles in */
	STOP_MS = 2000,
	RETRY_MIN_S = 2,
	RETRY_MAX_S = 60,
	PERIOD_MIN_S = 10,
	/* Where the server names no period: it may have forgotten us all the same. */
	PERIOD_DEFAULT_S = 600,
	SCN_WANTED = ISNS_SCN_INITIATOR_AND_SELF | ISNS_SCN_ADDED | ISNS_SCN_REMOVED |
		     ISNS_SCN_UPDATED | ISNS_SCN_MEMBER_ADDED | ISNS_SCN_MEMBER_REMOVED,
};

struct isns {
	const struct iscsi_node *node;
	struct sockaddr_storage server;
	socklen_t server_len;
	char name[80];		/* of the server, for the log */
	char entity[256];
	char source[256];	/* the first target's that is registered: who asks */
	pthread_t thread;
	int stop_fd;		/* readable: end */
	int cancel_fd;		/* the same, of what is waited for just now */
	uint64_t until_ns;	/* how long that may take */
	int scn_fd;		/* listens for State Change Notifications, or -1 */
	int fd;			/* to the server, or -1 */
	uint16_t scn_port;
	uint8_t local[16];	/* our address, as the server sees it */
	uint16_t transaction;
	bool is_registered;
	bool may_be_known;	/* to the server, by a registration that was sent */
	bool has_complained;	/* about the present trouble */
	struct log_limit changes;
	uint32_t period_s;
	uint8_t buffer[MESSAGE_MAX];
};

/* Once for each trouble: a server that is gone stays gone for a while. */
__attribute__((format(printf, 2, 3))) static void complain(struct isns *isns, const char *format, ...)
{
	char text[256];
	va_list arguments;

	if (isns->has_complained)
		return;
	isns->has_complained = true;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	log_warning("iSNS server %s: %s", isns->name, text);
}

/* --- bytes ------------------------------------------------------------------------- */

/* From now on, what is waited for must have come within MS milliseconds. */
static void begin_waiting(struct isns *isns, unsigned ms)
{
	isns->until_ns = clock_monotonic_ns() + ms * CLOCK_NS_PER_MS;
}

/* Waits until FD is ready for EVENTS. 0, -ETIMEDOUT, or -ECANCELED where it is the end. */
static int wait_for(const struct isns *isns, int fd, short events)
{
	struct pollfd fds[] = {
		{ .fd = fd, .events = events },
		{ .fd = isns->cancel_fd, .events = POLLIN },
	};
	uint64_t now = clock_monotonic_ns();

	if (now >= isns->until_ns)
		return -ETIMEDOUT;
	if (poll(fds, 2, (int)((isns->until_ns - now) / CLOCK_NS_PER_MS) + 1) < 0)
		return errno == EINTR ? 0 : -errno;
	if (fds[1].revents != 0)
		return -ECANCELED;
	return fds[0].revents != 0 ? 0 : -ETIMEDOUT;
}

static int send_all(struct isns *isns, int fd, const uint8_t *data, size_t length)
{
	while (length != 0) {
		ssize_t sent = send(fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);
		int err;

		if (sent > 0) {
			data += sent;
			length -= (size_t)sent;
			continue;
		}
		if (sent < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		err = wait_for(isns, fd, POLLOUT);
		if (err != 0)
			return err;
	}
	return 0;
}

static int receive_all(struct isns *isns, int fd, uint8_t *data, size_t length)
{
	while (length != 0) {
		int err = wait_for(isns, fd, POLLIN);
		ssize_t got;

		if (err != 0)
			return err;
		got = recv(fd, data, length, MSG_DONTWAIT);
		if (got == 0)
			return -ECONNRESET;
		if (got < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (got > 0) {
			data += got;
			length -= (size_t)got;
		}
	}
	return 0;
}

/* Receives a message of one PDU into the buffer. */
static int receive_message(struct isns *isns, int fd, struct isns_header *header)
{
	int err = receive_all(isns, fd, isns->buffer, ISNS_HEADER_LEN);

	if (err == 0)
		err = isns_header_decode(isns->buffer, header);
	if (err == 0 && (header->flags & (ISNS_FLAG_FIRST | ISNS_FLAG_LAST)) !=
				(ISNS_FLAG_FIRST | ISNS_FLAG_LAST))
		err = -EMSGSIZE;
	if (err == 0)
		err = receive_all(isns, fd, isns->buffer + ISNS_HEADER_LEN, header->length);
	return err;
}

/* --- asking ------------------------------------------------------------------------ */

static struct cursor begin(struct isns *isns, enum isns_function function, uint16_t flags)
{
	struct cursor out = cursor_writer(isns->buffer, sizeof(isns->buffer));

	isns_begin(&out, function, flags | ISNS_FLAG_CLIENT, ++isns->transaction);
	isns_put_text(&out, ISNS_ISCSI_NAME, isns->source);
	return out;
}

/*
 * Sends what OUT holds and waits for its answer, of which PAYLOAD then holds what
 * follows the status.
 */
static int ask(struct isns *isns, struct cursor *out, const char *what, struct cursor *payload)
{
	size_t length = isns_end(out);
	struct isns_header header;
	uint32_t status;
	int err;

	if (length == 0)
		return -EMSGSIZE;
	begin_waiting(isns, ANSWER_MS);
	err = send_all(isns, isns->fd, isns->buffer, length);
	if (err == 0)
		err = receive_message(isns, isns->fd, &header);
	if (err != 0)
		return err;
	*payload = cursor_reader(isns->buffer + ISNS_HEADER_LEN, header.length);
	status = cursor_get_u32(payload);
	if (!(header.function & ISNS_RESPONSE) || header.transaction != isns->transaction ||
	    cursor_failed(payload))
		return -EPROTO;
	if (status == 0)
		return 0;
	complain(isns, "%s refused: %s", what, isns_status_name(status));
	return -EACCES;
}

/* --- what is registered -------------------------------------------------------------- */

struct registration_text {
	struct isns *isns;
	struct cursor *out;
	const char *target;	/* that is being registered */
};

struct reach {
	const struct iscsi_node *node;
	const char *target;
	bool is_there;
};

static void look_at_group(void *context, const char *address, uint16_t group,
			  const char *transport)
{
	struct reach *reach = context;

	(void)address;
	(void)transport;
	reach->is_there |= iscsi_node_is_reachable(reach->node, reach->target, group);
}

/* A target that is nobody's need be known to nobody. Who is shown the others the server says. */
static bool is_reachable(const struct iscsi_node *node, const char *target)
{
	struct reach reach = { .node = node, .target = target };

	iscsi_node_visit_portals(node, look_at_group, &reach);
	return reach.is_there;
}

static bool is_any(const struct ip *ip)
{
	static const struct ip any4 = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff } };
	static const struct ip any6;

	return memcmp(ip, &any4, sizeof(*ip)) == 0 || memcmp(ip, &any6, sizeof(*ip)) == 0;
}

/* The address and port of "192.0.2.1:3260,1"; a wildcard is the address that the server sees. */
static bool parse_portal(const struct isns *isns, const char *address, struct ip *ip, uint16_t *port)
{
	const char *colon = strrchr(address, ':');

	if (colon == NULL || ip_parse_host(address, ip) != 0)
		return false;
	*port = (uint16_t)strtoul(colon + 1, NULL, 10);
	if (is_any(ip))
		memcpy(ip->bytes, isns->local, sizeof(ip->bytes));
	return true;
}

static void add_portal(void *context, const char *address, uint16_t group, const char *transport)
{
	struct registration_text *text = context;
	struct ip ip;
	uint16_t port;

	(void)group;
	/* An iSER portal has the address and port of the TCP portal beside it. */
	if (strcmp(transport, "iser") == 0 || !parse_portal(text->isns, address, &ip, &port))
		return;
	isns_put_address(text->out, ISNS_PORTAL_ADDRESS, ip.bytes);
	isns_put_u32(text->out, ISNS_PORTAL_PORT, port);
	if (text->isns->scn_port != 0)
		isns_put_u32(text->out, ISNS_SCN_PORT, text->isns->scn_port);
}

static void add_target(void *context, const char *name, const char *alias,
		       const struct scsi_target *scsi)
{
	struct registration_text *text = context;

	(void)scsi;
	isns_put_text(text->out, ISNS_ISCSI_NAME, name);
	isns_put_u32(text->out, ISNS_ISCSI_NODE_TYPE, ISNS_NODE_TARGET);
	if (alias != NULL && alias[0] != '\0')
		isns_put_text(text->out, ISNS_ISCSI_ALIAS, alias);
}

/*
 * The portals' tags belong to the target written before them. One without a value: the target is
 * not to be had there (RFC 4171 section 6.5.1).
 */
static void add_group(void *context, const char *address, uint16_t group, const char *transport)
{
	struct registration_text *text = context;
	struct ip ip;
	uint16_t port;

	if (strcmp(transport, "iser") == 0 || !parse_portal(text->isns, address, &ip, &port))
		return;
	if (iscsi_node_is_reachable(text->isns->node, text->target, group))
		isns_put_u32(text->out, ISNS_PORTAL_GROUP_TAG, group);
	else
		isns_put_empty(text->out, ISNS_PORTAL_GROUP_TAG);
	isns_put_address(text->out, ISNS_PORTAL_GROUP_ADDRESS, ip.bytes);
	isns_put_u32(text->out, ISNS_PORTAL_GROUP_PORT, port);
}

static void add_target_with_groups(void *context, const char *name, const char *alias,
				   const struct scsi_target *scsi)
{
	struct registration_text *text = context;

	if (!is_reachable(text->isns->node, name))
		return;
	text->target = name;
	add_target(context, name, alias, scsi);
	iscsi_node_visit_portals(text->isns->node, add_group, text);
}

static void note_period(struct isns *isns, struct cursor *payload)
{
	struct isns_attribute attribute;

	isns->period_s = PERIOD_DEFAULT_S;
	while (isns_next(payload, &attribute) == 1) {
		uint32_t period = isns_value(&attribute);

		if (attribute.tag == ISNS_REGISTRATION_PERIOD && period != 0)
			isns->period_s = period < PERIOD_MIN_S ? PERIOD_MIN_S : period;
	}
}

/* Registers everything anew, in place of what the server may know of us. */
static int register_all(struct isns *isns)
{
	struct cursor out = begin(isns, ISNS_DEV_ATTR_REG, ISNS_FLAG_REPLACE);
	struct registration_text text = { .isns = isns, .out = &out };
	bool was_known = isns->may_be_known;
	struct cursor payload;
	int err;

	isns_put_text(&out, ISNS_ENTITY, isns->entity);
	isns_put_empty(&out, ISNS_DELIMITER);
	isns_put_text(&out, ISNS_ENTITY, isns->entity);
	isns_put_u32(&out, ISNS_ENTITY_PROTOCOL, ISNS_ENTITY_PROTOCOL_ISCSI);
	iscsi_node_visit_portals(isns->node, add_portal, &text);
	iscsi_node_visit_targets(isns->node, add_target_with_groups, &text);
	/* Whether it came is not known before the answer, for which a stop does not wait. */
	isns->may_be_known = true;
	err = ask(isns, &out, "registration", &payload);
	if (err == -EACCES)
		isns->may_be_known = was_known;
	if (err == 0)
		note_period(isns, &payload);
	return err;
}

/* Asks to be told of what becomes of initiators. A server that cannot is none the worse. */
static int register_for_changes(struct isns *isns)
{
	struct cursor out = begin(isns, ISNS_SCN_REG, 0);
	struct cursor payload;
	int err;

	if (isns->scn_port == 0)
		return 0;
	isns_put_text(&out, ISNS_ISCSI_NAME, isns->source);
	isns_put_empty(&out, ISNS_DELIMITER);
	isns_put_u32(&out, ISNS_ISCSI_SCN_BITMAP, SCN_WANTED);
	err = ask(isns, &out, "registration for state changes", &payload);
	return err == -EACCES ? 0 : err;
}

static void deregister(struct isns *isns)
{
	struct cursor out = begin(isns, ISNS_DEV_DEREG, 0);
	struct cursor payload;
	int err;

	isns_put_empty(&out, ISNS_DELIMITER);
	isns_put_text(&out, ISNS_ENTITY, isns->entity);
	err = ask(isns, &out, "deregistration", &payload);
	if (err == 0)
		log_info("iSNS server %s: deregistered", isns->name);
	else
		complain(isns, "cannot deregister: %s", strerror(-err));
}

/* --- State Change Notifications -------------------------------------------------------- */

static void log_change(struct isns *isns, const char *name, uint32_t bitmap)
{
	const char *what = "has changed";

	if (bitmap & (ISNS_SCN_ADDED | ISNS_SCN_MEMBER_ADDED))
		what = "has come";
	else if (bitmap & (ISNS_SCN_REMOVED | ISNS_SCN_MEMBER_REMOVED))
		what = "has gone";
	/* Anybody can connect and say so. */
	log_limited(&isns->changes, LOG_LEVEL_INFO, "iSNS server %s: %.223s %s", isns->name, name,
		    what);
}

/* The payload of an SCN: our own name, a timestamp, then pairs of bitmap and name (5.6.5.8). */
static void take_changes(struct isns *isns, struct cursor payload)
{
	struct isns_attribute attribute;
	uint32_t bitmap = 0;

	while (isns_next(&payload, &attribute) == 1) {
		if (attribute.tag == ISNS_ISCSI_SCN_BITMAP)
			bitmap = isns_value(&attribute);
		else if (attribute.tag == ISNS_ISCSI_NAME && bitmap != 0)
			log_change(isns, isns_text(&attribute), bitmap);
	}
}

/* A server has connected to tell of changes: takes one message and answers. */
static void take_notification(struct isns *isns)
{
	int fd = accept4(isns->scn_fd, NULL, NULL, SOCK_CLOEXEC);
	struct isns_header header;
	struct cursor out;
	size_t length;

	if (fd < 0)
		return;
	begin_waiting(isns, ANSWER_MS);
	if (receive_message(isns, fd, &header) == 0 && header.function == ISNS_SCN) {
		take_changes(isns, cursor_reader(isns->buffer + ISNS_HEADER_LEN, header.length));
		out = cursor_writer(isns->buffer, sizeof(isns->buffer));
		isns_begin(&out, ISNS_SCN | ISNS_RESPONSE, ISNS_FLAG_CLIENT, header.transaction);
		cursor_put_u32(&out, 0);
		isns_put_text(&out, ISNS_ISCSI_NAME, isns->source);
		length = isns_end(&out);
		if (length != 0)
			send_all(isns, fd, isns->buffer, length);
	}
	close(fd);
}

/* --- connections ----------------------------------------------------------------------- */

static void note_local(struct isns *isns)
{
	struct sockaddr_storage local = { .ss_family = AF_UNSPEC };
	socklen_t length = sizeof(local);

	getsockname(isns->fd, (struct sockaddr *)&local, &length);
	memset(isns->local, 0, sizeof(isns->local));
	if (local.ss_family == AF_INET6) {
		memcpy(isns->local, &((struct sockaddr_in6 *)&local)->sin6_addr, 16);
		return;
	}
	isns->local[10] = isns->local[11] = 0xff;
	memcpy(isns->local + 12, &((struct sockaddr_in *)&local)->sin_addr, 4);
}

/* Where changes are told, at the address that the server knows: once, when that is known. */
static void listen_for_changes(struct isns *isns)
{
	struct sockaddr_storage local = { .ss_family = AF_UNSPEC };
	socklen_t length = sizeof(local);
	uint16_t *port = &((struct sockaddr_in *)&local)->sin_port; /* both families have it there */

	if (isns->scn_fd >= 0 || getsockname(isns->fd, (struct sockaddr *)&local, &length) < 0)
		return;
	*port = 0;
	isns->scn_fd = socket(local.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (isns->scn_fd < 0)
		return;
	if (bind(isns->scn_fd, (struct sockaddr *)&local, length) == 0 &&
	    listen(isns->scn_fd, 8) == 0 &&
	    getsockname(isns->scn_fd, (struct sockaddr *)&local, &length) == 0) {
		isns->scn_port = ntohs(*port);
		return;
	}
	close(isns->scn_fd);
	isns->scn_fd = -1;
}

/* Connects to the server within MS milliseconds. */
static int open_connection(struct isns *isns, unsigned ms)
{
	int error = 0;
	socklen_t length = sizeof(error);
	int err = 0;

	isns->fd = socket(isns->server.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (isns->fd < 0)
		return -errno;
	if (connect(isns->fd, (struct sockaddr *)&isns->server, isns->server_len) < 0)
		err = -errno;
	if (err == -EINPROGRESS) {
		begin_waiting(isns, ms);
		err = wait_for(isns, isns->fd, POLLOUT);
		if (err == 0 && getsockopt(isns->fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0)
			err = -error;
	}
	return err;
}

static void close_connection(struct isns *isns)
{
	if (isns->fd >= 0)
		close(isns->fd);
	isns->fd = -1;
	isns->is_registered = false;
}

/* One registration over a connection of its own: RFC 4171 keeps no state in it. */
static int renew(struct isns *isns)
{
	bool is_news = !isns->is_registered;
	int err = open_connection(isns, ANSWER_MS);

	if (err == 0) {
		note_local(isns);
		listen_for_changes(isns);
		err = register_all(isns);
	}
	if (err == 0)
		err = register_for_changes(isns);
	close_connection(isns);
	if (err != 0)
		return err;
	isns->is_registered = true;
	isns->has_complained = false;
	if (is_news)
		log_info("iSNS server %s: registered as %s", isns->name, isns->entity);
	return 0;
}

/* Waits for MS milliseconds, taking notifications. False at the end. */
static bool pause_for(struct isns *isns, uint64_t ms)
{
	uint64_t until = clock_monotonic_ns() + ms * CLOCK_NS_PER_MS;

	for (;;) {
		struct pollfd fds[] = {
			{ .fd = isns->stop_fd, .events = POLLIN },
			{ .fd = isns->scn_fd, .events = POLLIN },
		};
		uint64_t now = clock_monotonic_ns();

		if (now >= until)
			return true;
		poll(fds, 2, (int)((until - now) / CLOCK_NS_PER_MS) + 1);
		if (fds[0].revents != 0)
			return false;
		if (fds[1].revents != 0)
			take_notification(isns);
	}
}

static void *run(void *context)
{
	struct isns *isns = context;
	unsigned retry_s = RETRY_MIN_S;
	bool goes_on = true;

	while (goes_on) {
		int err = renew(isns);

		if (err == -ECANCELED)
			break;
		if (err == 0) {
			retry_s = RETRY_MIN_S;
			/* Twice in a period, so that one loss does no harm. */
			goes_on = pause_for(isns, isns->period_s * UINT64_C(500));
			continue;
		}
		complain(isns, "cannot register: %s; trying again", strerror(-err));
		goes_on = pause_for(isns, retry_s * UINT64_C(1000));
		retry_s = retry_s * 2 < RETRY_MAX_S ? retry_s * 2 : RETRY_MAX_S;
	}
	return NULL;
}

/* --- starting and stopping ---------------------------------------------------------------- */

static int parse_server(struct isns *isns, const struct isns_config *config)
{
	int length = socket_address_parse(config->server, config->port, &isns->server);

	if (length < 0)
		return length;
	isns->server_len = (socklen_t)length;
	return 0;
}

static void take_first(void *context, const char *name, const char *alias,
		       const struct scsi_target *scsi)
{
	struct isns *isns = context;

	(void)alias;
	(void)scsi;
	if (isns->source[0] == '\0' && is_reachable(isns->node, name))
		snprintf(isns->source, sizeof(isns->source), "%s", name);
}

static void destroy(struct isns *isns)
{
	if (isns->scn_fd >= 0)
		close(isns->scn_fd);
	if (isns->stop_fd >= 0)
		close(isns->stop_fd);
	free(isns);
}

int isns_start(const struct isns_config *config, struct isns **out, char *error, size_t error_size)
{
	struct isns *isns = calloc(1, sizeof(*isns));
	int err = -ENOMEM;

	*out = NULL;
	if (isns == NULL)
		goto fail;
	isns->fd = isns->scn_fd = -1;
	isns->node = config->node;
	snprintf(isns->name, sizeof(isns->name), "%s", config->server);
	snprintf(isns->entity, sizeof(isns->entity), "%s", config->entity);
	if (isns->entity[0] == '\0' && gethostname(isns->entity, sizeof(isns->entity) - 1) < 0)
		snprintf(isns->entity, sizeof(isns->entity), "pinion");
	iscsi_node_visit_targets(config->node, take_first, isns);
	isns->stop_fd = isns->cancel_fd = eventfd(0, EFD_CLOEXEC);
	err = isns->stop_fd < 0 ? -errno : parse_server(isns, config);
	/* Without a target there is nothing to say, and nobody to say it. */
	if (err == 0 && isns->source[0] == '\0') {
		destroy(isns);
		return 0;
	}
	if (err == 0)
		err = -pthread_create(&isns->thread, NULL, run, isns);
	if (err == 0) {
		*out = isns;
		return 0;
	}
	destroy(isns);
fail:
	snprintf(error, error_size, "cannot start the iSNS client for %s: %s", config->server,
		 err == -EINVAL ? "no IPv4 or IPv6 address" : strerror(-err));
	return err;
}

void isns_stop(struct isns *isns, int hurry_fd)
{
	uint64_t one = 1;

	if (isns == NULL)
		return;
	if (write(isns->stop_fd, &one, sizeof(one)) < 0)
		log_error("cannot end the iSNS client: %s", strerror(errno));
	pthread_join(isns->thread, NULL);
	isns->cancel_fd = hurry_fd;
	if (isns->may_be_known && open_connection(isns, STOP_MS) == 0)
		deregister(isns);
	close_connection(isns);
	destroy(isns);
}
