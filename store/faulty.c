/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A store that fails on purpose: chosen operations end with a chosen error and
 * never reach the store below. For tests, of Pinion and of what uses it.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/container.h"
#include "store/kinds.h"
#include "store/layer.h"
#include "store/settings.h"

struct faulty_store {
	struct layer layer;
	struct layer_match match;
	uint64_t after;		/* matching operations that pass first */
	uint64_t every;		/* of the further ones, each of these fails */
	uint64_t count;		/* so many times */
	int error;
	_Atomic uint64_t matched;
	_Atomic uint64_t failed;
};

static struct faulty_store *faulty_of(struct store *store)
{
	return container_of(store, struct faulty_store, layer.store);
}

static bool must_fail(struct faulty_store *faulty, const struct store_io *io)
{
	uint64_t number;

	if (!layer_matches(&faulty->match, io))
		return false;
	number = atomic_fetch_add(&faulty->matched, 1);
	if (number < faulty->after || (number - faulty->after) % faulty->every != 0)
		return false;
	return atomic_fetch_add(&faulty->failed, 1) < faulty->count;
}

static void faulty_submit(struct store *store, struct store_io *io)
{
	struct faulty_store *faulty = faulty_of(store);
	int rc = store_io_check(store, io);
	struct layer_io *way;

	if (rc < 0 || must_fail(faulty, io)) {
		layer_refuse(io, rc < 0 ? rc : faulty->error);
		return;
	}
	way = layer_enter(&faulty->layer, io);
	if (way != NULL)
		layer_pass(way);
}

/* The choices of "error", and what they are. */
#define ERROR_CHOICES                                                                              \
	"EIO|ENOSPC|ENXIO|ENODEV|ETIMEDOUT|EREMOTEIO|EILSEQ|ENODATA|EROFS|EAGAIN|ENOMEM"
static const int errors[] = { EIO,	 ENOSPC,  ENXIO, ENODEV, ETIMEDOUT, EREMOTEIO,
			      EILSEQ, ENODATA, EROFS, EAGAIN, ENOMEM };

static const struct store_setting faulty_settings[] = {
	LAYER_MATCH_SETTINGS,
	{ "error", STORE_SETTING_CHOICE, false, ERROR_CHOICES, "what they end with; default: EIO" },
	{ "after", STORE_SETTING_NUMBER, false, NULL, "so many of them pass first; default: 0" },
	{ "every", STORE_SETTING_NUMBER, false, NULL,
	  "then the first of every so many fails; default: 1, all" },
	{ "count", STORE_SETTING_NUMBER, false, NULL, "until so many have; default: no end" },
	{ NULL, 0, false, NULL, NULL },
};

static void faulty_close(struct store *store)
{
	struct faulty_store *faulty = faulty_of(store);

	layer_fini(&faulty->layer, true);
	free(faulty);
}

static int faulty_open(const struct store_config *config, struct store **out,
		       struct store_error *error)
{
	struct faulty_store *faulty;
	int rc;

	if (settings_number(config, "every", 1) == 0)
		return store_refuse(error, -EINVAL, "every", "every is 0");
	faulty = calloc(1, sizeof(*faulty));
	if (faulty == NULL)
		return store_refuse(error, -ENOMEM, NULL, "no memory");
	rc = layer_init(&faulty->layer, &store_faulty_ops, config, error);
	if (rc < 0) {
		free(faulty);
		return rc;
	}
	layer_match_read(&faulty->match, &store_faulty_ops, config);
	faulty->after = settings_number(config, "after", 0);
	faulty->every = settings_number(config, "every", 1);
	faulty->count = settings_number(config, "count", UINT64_MAX);
	faulty->error = -errors[settings_choice(config, faulty_settings, "error", "EIO")];
	*out = &faulty->layer.store;
	return 0;
}

static void faulty_describe(const struct store *store, char *text, size_t size)
{
	const struct faulty_store *faulty =
		container_of(store, const struct faulty_store, layer.store);
	uint64_t failed = faulty->failed;

	snprintf(text, size, "fails on purpose, %llu times so far",
		 (unsigned long long)min(failed, faulty->count));
	layer_describe_below(&faulty->layer, text, size);
}

const struct store_ops store_faulty_ops = {
	.name = "faulty",
	.help = "fails on purpose, for tests; stands on another store",
	.settings = faulty_settings,
	.stacks = true,
	.open = faulty_open,
	.close = faulty_close,
	.submit = faulty_submit,
	.cancel = layer_cancel,
	.map = layer_map,
	.usage = layer_usage,
	.measure = layer_measure,
	.describe = faulty_describe,
};
