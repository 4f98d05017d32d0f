/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A store that writes down every operation when it ends, one line each:
 *
 *   seconds reactor operation offset+bytes flags result microseconds
 *   81.003412 0 write 4096+512 fua 0 87
 *
 * For finding out what an initiator does. The lines are written by the
 * reactors themselves: not for measuring.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/container.h"
#include "store/kinds.h"
#include "store/layer.h"
#include "store/settings.h"

struct trace_store {
	struct layer layer;
	int fd;
};

static struct trace_store *trace_of(struct store *store)
{
	return container_of(store, struct trace_store, layer.store);
}

static void trace_ended(struct layer_io *io, int err)
{
	const struct trace_store *trace = container_of(io->layer, struct trace_store, layer);
	const struct store_io *parent = io->parent;
	uint64_t now = clock_monotonic_ns();
	char line[160];
	int len;

	len = snprintf(line, sizeof(line), "%llu.%06llu %u %s %llu+%llu %s %d %llu\n",
		       (unsigned long long)(now / CLOCK_NS_PER_S),
		       (unsigned long long)(now % CLOCK_NS_PER_S / CLOCK_NS_PER_US),
		       reactor_index(parent->reactor), store_op_name(parent->op),
		       (unsigned long long)parent->offset,
		       (unsigned long long)store_io_bytes(parent),
		       (parent->flags & STORE_FUA) != 0 ? "fua" : "-", err,
		       (unsigned long long)((now - io->started_ns) / CLOCK_NS_PER_US));
	/* A full disk costs lines of the trace, not operations. */
	if (write(trace->fd, line, (size_t)len) < 0)
		return;
}

static void trace_submit(struct store *store, struct store_io *io)
{
	struct layer_io *way = layer_enter(&trace_of(store)->layer, io);
	int rc = store_io_check(store, io);

	if (way == NULL)
		return;
	if (rc < 0)
		layer_end(way, rc);
	else
		layer_pass(way);
}

static const struct store_setting trace_settings[] = {
	{ "output", STORE_SETTING_STRING, true, NULL, "the file that lines are appended to" },
	{ NULL, 0, false, NULL, NULL },
};

static void trace_close(struct store *store)
{
	struct trace_store *trace = trace_of(store);

	layer_fini(&trace->layer, true);
	close(trace->fd);
	free(trace);
}

static int trace_open(const struct store_config *config, struct store **out,
		      struct store_error *error)
{
	const char *path = settings_text(config, "output");
	struct trace_store *trace = calloc(1, sizeof(*trace));
	int rc;

	if (trace == NULL)
		return store_refuse(error, -ENOMEM, NULL, "no memory");
	trace->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
	if (trace->fd < 0) {
		rc = store_refuse(error, -errno, "output", "%s: %s", path, strerror(errno));
		goto free;
	}
	rc = layer_init(&trace->layer, &store_trace_ops, config, error);
	if (rc < 0)
		goto close;
	trace->layer.ended = trace_ended;
	*out = &trace->layer.store;
	return 0;
close:
	close(trace->fd);
free:
	free(trace);
	return rc;
}

static void trace_describe(const struct store *store, char *text, size_t size)
{
	const struct trace_store *trace =
		container_of(store, const struct trace_store, layer.store);

	snprintf(text, size, "traced");
	layer_describe_below(&trace->layer, text, size);
}

const struct store_ops store_trace_ops = {
	.name = "trace",
	.help = "writes down every operation; stands on another store",
	.settings = trace_settings,
	.stacks = true,
	.open = trace_open,
	.close = trace_close,
	.submit = trace_submit,
	.cancel = layer_cancel,
	.map = layer_map,
	.usage = layer_usage,
	.measure = layer_measure,
	.describe = trace_describe,
};
