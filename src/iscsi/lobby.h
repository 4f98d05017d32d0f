/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections that have not logged in yet, by address: none may have more than half of the
 * places there are, so that whoever opens connections and says nothing leaves room for the
 * logins of others. Any thread.
 */
#ifndef PINION_ISCSI_LOBBY_H
#define PINION_ISCSI_LOBBY_H

#include <stdbool.h>

#include "base/ip.h"

struct lobby;

/* With PLACES (1 to 65536) for all together. NULL when memory is short. */
struct lobby *lobby_create(unsigned places);
void lobby_destroy(struct lobby *lobby);

/* One more connection from IP (NULL: unknown, which counts as one address). False: it has no place. */
bool lobby_enter(struct lobby *lobby, const struct ip *ip);
/* One that has entered is logged in, or gone. */
void lobby_leave(struct lobby *lobby, const struct ip *ip);

#endif
