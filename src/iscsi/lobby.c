/* SPDX-License-Identifier: BSD-2-Clause */
/* Logins under way by address; see iscsi/lobby.h. */
#include "iscsi/lobby.h"

#include <assert.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/container.h"
#include "iscsi/guard.h"

/* An address; not in use when count is 0. */
struct guest {
	struct ip ip;
	unsigned count;
};

/*
 * A lock, as that of iscsi/guard.c: twice for each connection. A hash
 * table of fixed size that is never more than half full.
 */
struct lobby {
	pthread_mutex_t lock;
	unsigned places;
	unsigned each; /* of them, for one address */
	unsigned taken;
	uint32_t mask;
	struct guest guests[];
};

struct lobby *lobby_create(unsigned places)
{
	uint32_t count = (uint32_t)round_up_pow2(places * UINT64_C(2));
	struct lobby *lobby = calloc(1, sizeof(*lobby) + count * sizeof(lobby->guests[0]));

	if (lobby == NULL)
		return NULL;
	if (pthread_mutex_init(&lobby->lock, NULL) != 0) {
		free(lobby);
		return NULL;
	}
	lobby->places = places;
	lobby->each = max(places / 2, 1u);
	lobby->mask = count - 1;
	return lobby;
}

void lobby_destroy(struct lobby *lobby)
{
	if (lobby == NULL)
		return;
	pthread_mutex_destroy(&lobby->lock);
	free(lobby);
}

static uint32_t home_of(const struct lobby *lobby, const struct ip *key)
{
	uint64_t hash = 0;
	unsigned i;

	for (i = 0; i < sizeof(key->bytes); i++)
		hash = (hash ^ key->bytes[i]) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(hash >> 32) & lobby->mask;
}

/* The place of KEY, or the free one where it would be. */
static struct guest *find(struct lobby *lobby, const struct ip *key)
{
	uint32_t at = home_of(lobby, key);

	while (lobby->guests[at].count != 0 &&
	       memcmp(&lobby->guests[at].ip, key, sizeof(*key)) != 0)
		at = (at + 1) & lobby->mask;
	return &lobby->guests[at];
}

/* Frees the place of GUEST: those behind it, up to the next free one, come nearer to their home. */
static void vacate(struct lobby *lobby, struct guest *guest)
{
	uint32_t hole = (uint32_t)(guest - lobby->guests);
	uint32_t at = hole;

	for (;;) {
		uint32_t home;

		at = (at + 1) & lobby->mask;
		if (lobby->guests[at].count == 0)
			break;
		home = home_of(lobby, &lobby->guests[at].ip);
		/* Only if it does not come before its home by that. */
		if (((at - home) & lobby->mask) < ((at - hole) & lobby->mask))
			continue;
		lobby->guests[hole] = lobby->guests[at];
		hole = at;
	}
	lobby->guests[hole].count = 0;
}

static bool may_enter(const struct lobby *lobby, const struct guest *guest)
{
	return guest->count < lobby->each && lobby->taken < lobby->places;
}

bool lobby_enter(struct lobby *lobby, const struct ip *ip)
{
	struct ip key = guard_key(ip);
	struct guest *guest;
	bool enters;

	pthread_mutex_lock(&lobby->lock);
	guest = find(lobby, &key);
	enters = may_enter(lobby, guest);
	if (enters) {
		guest->ip = key;
		guest->count++;
		lobby->taken++;
	}
	pthread_mutex_unlock(&lobby->lock);
	return enters;
}

void lobby_leave(struct lobby *lobby, const struct ip *ip)
{
	struct ip key = guard_key(ip);
	struct guest *guest;

	pthread_mutex_lock(&lobby->lock);
	guest = find(lobby, &key);
	assert(guest->count != 0);
	lobby->taken--;
	if (--guest->count == 0)
		vacate(lobby, guest);
	pthread_mutex_unlock(&lobby->lock);
}
