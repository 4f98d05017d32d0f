/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stores that are built in, one table of operations each. Private to the
 * store room: everybody else finds them by name with store_kind.
 */
#ifndef PINION_STORE_KINDS_H
#define PINION_STORE_KINDS_H

#include "store/store.h"

extern const struct store_ops store_file_ops;
extern const struct store_ops store_ram_ops;
extern const struct store_ops store_null_ops;
extern const struct store_ops store_faulty_ops;
extern const struct store_ops store_delay_ops;
extern const struct store_ops store_trace_ops;

#endif
