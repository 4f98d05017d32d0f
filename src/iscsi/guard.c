/* SPDX-License-Identifier: BSD-2-Clause */
/* Failed logins by address; see iscsi/guard.h. */
#include "iscsi/guard.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/container.h"

/* One address that fails. Not in use when count is 0. */
struct suspect {
	struct ip ip;
	unsigned count;
	uint64_t last_ns;
	uint64_t ends_ns[GUARD_PENALTIES];	/* of its penalties */
};

/*
 * A lock, although reactors share nothing else: it is held for microseconds, at
 * failed logins and new connections only.
 */
struct guard {
	pthread_mutex_t lock;
	struct suspect suspects[GUARD_ADDRESSES];
};

struct guard *guard_create(void)
{
	struct guard *guard = calloc(1, sizeof(*guard));

	if (guard != NULL && pthread_mutex_init(&guard->lock, NULL) != 0) {
		free(guard);
		return NULL;
	}
	return guard;
}

void guard_destroy(struct guard *guard)
{
	if (guard == NULL)
		return;
	pthread_mutex_destroy(&guard->lock);
	free(guard);
}

struct ip guard_key(const struct ip *ip)
{
	struct ip key = { { 0 } };

	if (ip == NULL)
		return key;
	key = *ip;
	if (!ip_is_v4(ip))
		memset(key.bytes + 8, 0, 8);
	return key;
}

static bool is_known(const struct suspect *suspect, uint64_t now_ns)
{
	/* Another reactor's clock may be a little ahead. */
	return suspect->count != 0 &&
	       now_ns < suspect->last_ns + GUARD_MEMORY_S * CLOCK_NS_PER_S;
}

static struct suspect *find(struct guard *guard, const struct ip *key, uint64_t now_ns)
{
	unsigned i;

	for (i = 0; i < GUARD_ADDRESSES; i++) {
		struct suspect *suspect = &guard->suspects[i];

		if (is_known(suspect, now_ns) && memcmp(&suspect->ip, key, sizeof(*key)) == 0)
			return suspect;
	}
	return NULL;
}

/* A place for KEY: a free one, or that of whoever has been quiet for longest. */
static struct suspect *enter(struct guard *guard, const struct ip *key, uint64_t now_ns)
{
	struct suspect *place = &guard->suspects[0];
	unsigned i;

	for (i = 0; i < GUARD_ADDRESSES && is_known(place, now_ns); i++) {
		struct suspect *suspect = &guard->suspects[i];

		if (!is_known(suspect, now_ns) || suspect->last_ns < place->last_ns)
			place = suspect;
	}
	memset(place, 0, sizeof(*place));
	place->ip = *key;
	return place;
}

static unsigned penalty_of(unsigned count)
{
	if (count < 2)
		return 0;
	return count - 2 < 16 ? min(GUARD_DELAY_MS << (count - 2), GUARD_DELAY_MAX_MS)
			      : GUARD_DELAY_MAX_MS;
}

/* The penalty of SUSPECT that ends, or has ended, first. */
static uint64_t *first_end(struct suspect *suspect)
{
	uint64_t *first = &suspect->ends_ns[0];
	unsigned i;

	for (i = 1; i < GUARD_PENALTIES; i++)
		if (suspect->ends_ns[i] < *first)
			first = &suspect->ends_ns[i];
	return first;
}

unsigned guard_failed(struct guard *guard, const struct ip *ip, uint64_t now_ns)
{
	struct ip key = guard_key(ip);
	struct suspect *suspect;
	unsigned penalty;

	pthread_mutex_lock(&guard->lock);
	suspect = find(guard, &key, now_ns);
	if (suspect == NULL)
		suspect = enter(guard, &key, now_ns);
	if (suspect->count < UINT32_MAX)
		suspect->count++;
	suspect->last_ns = now_ns;
	penalty = penalty_of(suspect->count);
	*first_end(suspect) = now_ns + penalty * CLOCK_NS_PER_MS;
	pthread_mutex_unlock(&guard->lock);
	return penalty;
}

bool guard_admits(struct guard *guard, const struct ip *ip, uint64_t now_ns)
{
	struct ip key = guard_key(ip);
	struct suspect *suspect;
	bool admits;

	pthread_mutex_lock(&guard->lock);
	suspect = find(guard, &key, now_ns);
	admits = suspect == NULL || *first_end(suspect) <= now_ns;
	pthread_mutex_unlock(&guard->lock);
	return admits;
}

struct log_limit *guard_log_limit(struct guard_log *log, const char *peer)
{
	uint32_t hash = 2166136261; /* FNV-1a */
	struct ip key = { { 0 } };
	struct ip ip;

	if (ip_parse_host(peer, &ip) == 0)
		key = guard_key(&ip);
	for (unsigned i = 0; i < sizeof(key.bytes); i++)
		hash = (hash ^ key.bytes[i]) * 16777619;
	return &log->limits[(hash ^ hash >> 16) % GUARD_LOG_LIMITS];
}

unsigned guard_count(struct guard *guard, uint64_t now_ns)
{
	unsigned count = 0;
	unsigned i;

	pthread_mutex_lock(&guard->lock);
	for (i = 0; i < GUARD_ADDRESSES; i++)
		count += is_known(&guard->suspects[i], now_ns);
	pthread_mutex_unlock(&guard->lock);
	return count;
}
