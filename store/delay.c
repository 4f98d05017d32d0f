/* SPDX-License-Identifier: BSD-2-Clause */
/* A store that takes its time: chosen operations wait before they go on below. For tests. */
#include <stdio.h>
#include <stdlib.h>

#include "base/container.h"
#include "store/kinds.h"
#include "store/layer.h"
#include "store/settings.h"

struct delay_store {
	struct layer layer;
	struct layer_match match;
	uint64_t milliseconds;
	bool cancellable;
};

static struct delay_store *delay_of(struct store *store)
{
	return container_of(store, struct delay_store, layer.store);
}

static void delay_over(struct timer *timer)
{
	layer_pass(container_of(timer, struct layer_io, timer));
}

static void delay_submit(struct store *store, struct store_io *io)
{
	struct delay_store *delay = delay_of(store);
	int rc = store_io_check(store, io);
	struct layer_io *way;

	if (rc < 0) {
		layer_refuse(io, rc);
		return;
	}
	way = layer_enter(&delay->layer, io);
	if (way == NULL)
		return;
	if (!layer_matches(&delay->match, io)) {
		layer_pass(way);
		return;
	}
	way->timer.expired = delay_over;
	reactor_timer_start(io->reactor, &way->timer, delay->milliseconds);
}

static void delay_cancel(struct store *store, struct store_io *io)
{
	struct layer_io *way = layer_find(io);

	if (way == NULL || way->is_below) {
		layer_cancel(store, io);
		return;
	}
	if (!delay_of(store)->cancellable)
		return;
	reactor_timer_stop(io->reactor, &way->timer);
	layer_end(way, -ECANCELED);
}

static const struct store_setting delay_settings[] = {
	{ "milliseconds", STORE_SETTING_NUMBER, true, NULL, "how long they wait" },
	{ "cancellable", STORE_SETTING_BOOL, false, NULL,
	  "whether one that waits ends when it is cancelled; default: true" },
	LAYER_MATCH_SETTINGS,
	{ NULL, 0, false, NULL, NULL },
};

static void delay_close(struct store *store)
{
	struct delay_store *delay = delay_of(store);

	layer_fini(&delay->layer, true);
	free(delay);
}

static int delay_open(const struct store_config *config, struct store **out,
		      struct store_error *error)
{
	struct delay_store *delay = calloc(1, sizeof(*delay));
	int rc;

	if (delay == NULL)
		return store_refuse(error, -ENOMEM, NULL, "no memory");
	rc = layer_init(&delay->layer, &store_delay_ops, config, error);
	if (rc < 0) {
		free(delay);
		return rc;
	}
	layer_match_read(&delay->match, &store_delay_ops, config);
	delay->milliseconds = settings_number(config, "milliseconds", 0);
	delay->cancellable = settings_bool(config, "cancellable", true);
	*out = &delay->layer.store;
	return 0;
}

static void delay_describe(const struct store *store, char *text, size_t size)
{
	const struct delay_store *delay =
		container_of(store, const struct delay_store, layer.store);

	snprintf(text, size, "delayed by %llu ms", (unsigned long long)delay->milliseconds);
	layer_describe_below(&delay->layer, text, size);
}

const struct store_ops store_delay_ops = {
	.name = "delay",
	.help = "takes its time, for tests; stands on another store",
	.settings = delay_settings,
	.stacks = true,
	.open = delay_open,
	.close = delay_close,
	.submit = delay_submit,
	.cancel = delay_cancel,
	.map = layer_map,
	.usage = layer_usage,
	.measure = layer_measure,
	.describe = delay_describe,
};
