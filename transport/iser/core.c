/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The iSER service of the process, and its part on each reactor: the channel
 * on which the connection manager tells what happens to that reactor's
 * connections.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/iser/iser.h"

enum { EVENTS_MOST = 64 };	/* in one turn: others want theirs too */

/* --- events of connections --- */

/* What is left is there when the channel is looked at again. */
static void take_events(struct iser_core *core)
{
	const struct iser_verbs *verbs = core->iser->verbs;
	struct rdma_cm_event *event;

	for (unsigned i = 0; i < EVENTS_MOST && verbs->get_cm_event(core->channel, &event) == 0;
	     i++) {
		struct iser_party *party = event->id->context;
		enum rdma_cm_event_type type = event->event;
		int status = event->status;

		/* First: an id cannot be destroyed while one of its events is out. */
		verbs->ack_cm_event(event);
		party->event(party, type, status);
	}
}

static void wait_for_event(struct iser_core *core)
{
	reactor_poll(core->reactor, &core->event_op, core->channel->fd, POLLIN);
}

static void event_done(struct io_op *op, int res)
{
	struct iser_core *core = container_of(op, struct iser_core, event_op);

	(void)res;
	if (core->users == 0) {
		reactor_fd_forget(core->reactor, core->channel->fd);
		return;
	}
	take_events(core);
	wait_for_event(core);
}

void iser_core_use(struct iser_core *core)
{
	core->users++;
	if (core->event_op.code == IO_NONE)
		wait_for_event(core);
}

void iser_core_unuse(struct iser_core *core)
{
	if (--core->users == 0)
		reactor_cancel(core->reactor, &core->event_op);
}

static void end_partings(struct iser_core *core)
{
	struct list_node *node;

	while ((node = list_front(&core->partings)) != NULL)
		iser_parting_end(container_of(node, struct iser_parting, link));
}

static void deliver_closing(struct message *message)
{
	struct iser_core *core = container_of(message, struct iser_core, closing);

	core->is_closing = true;
	end_partings(core);
}

void iser_close_cores(struct iser *iser)
{
	for (unsigned i = 0; i < iser->core_count; i++) {
		struct iser_core *core = &iser->cores[i];

		/* Several listeners are closed. */
		if (!atomic_exchange(&core->is_closing_sent, true))
			reactor_send(core->reactor, &core->closing);
	}
}

struct iser_core *iser_core_of(struct iser *iser, const struct reactor *reactor)
{
	for (unsigned i = 0; i < iser->core_count; i++)
		if (iser->cores[i].reactor == reactor)
			return &iser->cores[i];
	return NULL;
}

/* --- making and ending the service --- */

__attribute__((format(printf, 4, 5))) static int fail(int err, char *error, size_t size,
						      const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error, size, format, arguments);
	va_end(arguments);
	return err;
}

static int core_init(struct iser_core *core, struct iser *iser, struct reactor *reactor)
{
	core->iser = iser;
	core->reactor = reactor;
	core->event_op.done = event_done;
	core->closing.deliver = deliver_closing;
	list_init(&core->queues);
	list_init(&core->partings);
	core->channel = iser->verbs->create_event_channel();
	if (core->channel == NULL)
		return errno != 0 ? -errno : -ENODEV;
	fcntl(core->channel->fd, F_SETFL, fcntl(core->channel->fd, F_GETFL) | O_NONBLOCK);
	return 0;
}

/* Registers the memory now: not when the first initiator comes. */
static void open_devices(struct iser *iser)
{
	struct ibv_context **contexts;
	int count = 0;

	contexts = iser->verbs->get_devices(&count);
	if (contexts == NULL)
		return;
	for (int i = 0; i < count; i++) {
		struct iser_device *device = iser_device_get(iser, contexts[i]);

		if (device != NULL)
			iser_device_put(device);
	}
	iser->verbs->free_devices(contexts);
}

int iser_create(const struct iser_config *config, struct iser **out, char *error,
		size_t error_size)
{
	const struct iser_verbs *verbs =
		config->verbs != NULL ? config->verbs : &iser_verbs_real;
	const char *obstacle = verbs->find_obstacle();
	struct iser *iser;
	int err = 0;

	if (obstacle != NULL)
		return fail(-ENODEV, error, error_size, "iSER cannot be used: %s", obstacle);
	iser = calloc(1, sizeof(*iser));
	if (iser != NULL)
		iser->cores = calloc(config->reactor_count, sizeof(*iser->cores));
	if (iser == NULL || iser->cores == NULL) {
		free(iser);
		return fail(-ENOMEM, error, error_size, "out of memory");
	}
	iser->verbs = verbs;
	iser->memory = config->memory;
	iser->busy_poll_us = config->busy_poll_us;
	iser->window = config->window != 0 ? config->window : ISER_WINDOW_DEFAULT;
	iser->odp = config->odp;
	iser->invalidate = config->invalidate;
	pthread_mutex_init(&iser->lock, NULL);
	list_init(&iser->devices);
	while (err == 0 && iser->core_count < config->reactor_count) {
		err = core_init(&iser->cores[iser->core_count], iser,
				config->reactors[iser->core_count]);
		if (err == 0)
			iser->core_count++;
	}
	if (err == 0)
		open_devices(iser);
	if (err == 0 && list_is_empty(&iser->devices))
		err = -ENODEV;
	if (err < 0) {
		iser_destroy(iser);
		return fail(err, error, error_size, "iSER cannot be used: %s", strerror(-err));
	}
	*out = iser;
	return 0;
}

void iser_destroy(struct iser *iser)
{
	struct list_node *node;

	if (iser == NULL)
		return;
	for (unsigned i = 0; i < iser->core_count; i++) {
		end_partings(&iser->cores[i]);
		iser->verbs->destroy_event_channel(iser->cores[i].channel);
	}
	while ((node = list_pop_front(&iser->devices)) != NULL)
		iser_device_put(container_of(node, struct iser_device, link));
	pthread_mutex_destroy(&iser->lock);
	free(iser->cores);
	free(iser);
}

/* --- for people --- */

static const char *describe_odp(const struct iser_device *device)
{
	if (!device->has_odp)
		return device->iser->odp == ISER_ODP_OFF ? "pinned, paging on demand is off" :
							   "pinned, no paging on demand";
	return "pinned, pages on demand where that is refused";
}

static const char *describe_invalidate(const struct iser_device *device)
{
	if (device->can_invalidate)
		return "invalidates for those who want it";
	if (device->iser->invalidate == ISER_INVALIDATE_OFF)
		return "does not invalidate: remote-invalidate is off";
	return device->is_invalidate_lossy ?
		       "does not invalidate: this kernel's soft-RoCE loses sessions by it" :
		       "does not invalidate: it cannot";
}

static void describe(const struct iser_device *device, const struct iser_device_info *info,
		     char *line, size_t size)
{
	char more[128] = "";
	size_t used = 0;

	if (info->registrations_later != 0)
		used = (size_t)snprintf(more, sizeof(more), ", %llu of them since it serves",
					(unsigned long long)info->registrations_later);
	if (info->refused != 0)
		snprintf(more + used, sizeof(more) - used, ", %llu regions refused%s",
			 (unsigned long long)info->refused,
			 atomic_load(&device->lacks_memory) ? ": stores' data is copied" : "");
	snprintf(line, size,
		 "%s: %s, %llu regions of %llu MiB registered once (%llu registrations%s), %s, "
		 "%s, node %d, %u connections",
		 info->name, info->is_iwarp ? "iWARP" : "InfiniBand or RoCE",
		 (unsigned long long)info->regions, (unsigned long long)(info->bytes >> 20),
		 (unsigned long long)info->registrations, more, describe_odp(device),
		 describe_invalidate(device), info->node, info->connections);
}

void iser_visit_devices(struct iser *iser,
			void (*visit)(void *context, const struct iser_device_info *info),
			void *context)
{
	struct list_node *node;
	char line[448];

	pthread_mutex_lock(&iser->lock);
	LIST_FOR_EACH(node, &iser->devices) {
		struct iser_device *device = container_of(node, struct iser_device, link);
		struct iser_device_info info = {
			.name = device->name,
			.is_iwarp = device->is_iwarp,
			.node = device->node,
			.connections = atomic_load(&device->conns),
			.regions = counter_read(&device->regions),
			.bytes = counter_read(&device->bytes),
			.registrations = counter_read(&device->registrations),
			.registrations_later = counter_read(&device->registrations_later),
			.refused = counter_read(&device->refused),
			.has_odp = device->has_odp,
			.invalidates = device->can_invalidate,
			.sentence = line,
		};

		describe(device, &info, line, sizeof(line));
		visit(context, &info);
	}
	pthread_mutex_unlock(&iser->lock);
}
