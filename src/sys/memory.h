/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registered memory as a service: regions, and the registrars that want to
 * know of them.
 *
 * A region is a piece of memory that is mapped once, placed on one NUMA node,
 * locked where that is permitted, and then told to every registrar: an
 * io_uring makes it a fixed buffer, an RDMA device a memory region. Each keeps
 * a key of its own with the region. This file knows neither verbs nor rings.
 *
 * Regions and registrars come and go on the control path (start, stop, a LUN
 * added): these calls take a lock. The data path only reads region->key[].
 */
#ifndef PINION_SYS_MEMORY_H
#define PINION_SYS_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

#define MEMORY_REGISTRARS_MAX 80	/* a ring for each reactor, and devices */
#define REGION_NO_KEY UINT64_MAX
#define REGION_SHARED (-1)		/* no reactor in particular */

enum page_kind { PAGE_HUGE, PAGE_THP, PAGE_SMALL };
enum memory_mode { MEMORY_AUTO, MEMORY_ON, MEMORY_OFF };

struct memory;

struct region {
	uint8_t *base;
	size_t length;		/* bytes, a multiple of the page size */
	int node;		/* NUMA node asked for, -1 for any */
	int reactor;		/* index of the reactor that uses it, or REGION_SHARED */
	enum page_kind pages;	/* what the ladder huge -> THP -> 4K ended at */
	bool locked;		/* mlocked */
	uint64_t key[MEMORY_REGISTRARS_MAX];	/* by registrar slot */
	struct list_node link;	/* of struct memory */
};

struct registrar;

struct registrar_ops {
	const char *name;
	/*
	 * A region has come. Fills *key and returns 0, or returns a negative
	 * errno: the region then has no key with this registrar, and the
	 * registrar must manage without (and say so in its status).
	 */
	int (*region_added)(struct registrar *registrar, struct region *region, uint64_t *key);
	/* The region is about to be unmapped. Only called where a key was given. */
	void (*region_removed)(struct registrar *registrar, struct region *region, uint64_t key);
};

struct registrar {
	const struct registrar_ops *ops;
	int reactor;		/* only regions of this reactor, or REGION_SHARED for all */
	unsigned slot;		/* index into region->key, set by memory_registrar_add */
	struct list_node link;
};

struct memory_config {
	enum memory_mode huge_pages;
	enum memory_mode lock;
};

/* A registry of regions. Owner: the daemon, one for the process. */
int memory_create(const struct memory_config *config, struct memory **out);

/* All regions must have been freed and all registrars removed. */
void memory_destroy(struct memory *memory);

/*
 * Maps LENGTH bytes (rounded up to the page size) on NODE (-1: any), zeroed
 * and touched, down the ladder huge -> THP -> 4K, locked as the configuration
 * says, and tells the registrars. -ENOMEM; -EPERM where "on" cannot be had.
 */
int memory_region_create(struct memory *memory, size_t length, int node, int reactor,
			 struct region **out);
void memory_region_destroy(struct memory *memory, struct region *region);

/*
 * Adds a registrar and tells it every region there is. -ENOSPC when all slots
 * are taken. The registrar is its owner's; remove it before it goes.
 */
int memory_registrar_add(struct memory *memory, struct registrar *registrar);
void memory_registrar_remove(struct memory *memory, struct registrar *registrar);

/* Calls VISIT for each region, under the lock: for status reports. */
void memory_visit(struct memory *memory, void (*visit)(void *context, const struct region *region),
		  void *context);

/* "huge", "thp" or "4k". */
const char *page_kind_name(enum page_kind kind);

#endif
