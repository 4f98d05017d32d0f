/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Long work of the processor in short steps, for stores that live in memory: a
 * WRITE SAME of a gigabyte must not keep a reactor from its other commands.
 * In each turn of a reactor's loop one step of one operation is done, and all
 * that are under way there take turns. Private to the store room.
 */
#ifndef PINION_STORE_STEPPER_H
#define PINION_STORE_STEPPER_H

#include <stdint.h>

#include "store/store.h"

/* Bytes in a step: a few tens of microseconds of memory bandwidth. */
#define STEPPER_BYTES (256u * 1024u)

struct stepper;

/* Carries out bytes AT to AT + BYTES of IO, counted from its start. Cannot fail. */
typedef void (*stepper_fn)(struct store_io *io, uint64_t at, uint32_t bytes);

/* 0 or -ENOMEM. */
int stepper_create(const struct store_config *config, stepper_fn step, struct stepper **out);
/* Nothing is under way. Harmless on NULL. */
void stepper_destroy(struct stepper *stepper);

/*
 * Carries IO out and completes it with 0: at once and inline when it is no
 * longer than a step, else over several turns. Uses io->link and io->scratch.
 * On io->reactor.
 */
void stepper_submit(struct stepper *stepper, struct store_io *io);
/* Completes IO with -ECANCELED, inline, where it is under way. On io->reactor. */
void stepper_cancel(struct stepper *stepper, struct store_io *io);

#endif
