/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Regions and registrars: mapping down the ladder huge -> THP -> 4K, placing on
 * a node, locking, and telling everyone who keeps a key.
 */
#include "sys/memory.h"

#include <errno.h>
#include <numaif.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/container.h"

#define HUGE_PAGE ((size_t)2 << 20)
#define SMALL_PAGE ((size_t)4096)

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23	/* Linux 5.14 */
#endif

struct memory {
	struct memory_config config;
	pthread_mutex_t lock;
	struct list regions;
	struct list registrars;
	bool slot_used[MEMORY_REGISTRARS_MAX];
};

const char *page_kind_name(enum page_kind kind)
{
	static const char *const names[] = {
		[PAGE_HUGE] = "huge",
		[PAGE_THP] = "thp",
		[PAGE_SMALL] = "4k",
	};

	return names[kind];
}

int memory_create(const struct memory_config *config, struct memory **out)
{
	struct memory *memory = calloc(1, sizeof(*memory));

	if (memory == NULL)
		return -ENOMEM;
	memory->config = *config;
	pthread_mutex_init(&memory->lock, NULL);
	list_init(&memory->regions);
	list_init(&memory->registrars);
	*out = memory;
	return 0;
}

void memory_destroy(struct memory *memory)
{
	if (memory == NULL)
		return;
	pthread_mutex_destroy(&memory->lock);
	free(memory);
}

/* --- mapping --- */

static bool thp_is_enabled(void)
{
	char text[64] = "";
	FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "re");
	bool enabled;

	if (file == NULL)
		return false;
	enabled = fgets(text, sizeof(text), file) != NULL && strstr(text, "[never]") == NULL;
	fclose(file);
	return enabled;
}

static uint8_t *map_huge(size_t length)
{
	void *base = mmap(NULL, length, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	return base == MAP_FAILED ? NULL : base;
}

/* Ordinary pages, aligned so that transparent huge pages can back them. */
static uint8_t *map_aligned(size_t length)
{
	size_t slack = length + HUGE_PAGE;
	uint8_t *base = mmap(NULL, slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			     0);
	uint8_t *start;

	if (base == MAP_FAILED)
		return NULL;
	start = (uint8_t *)(((uintptr_t)base + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));
	if (start > base)
		munmap(base, (size_t)(start - base));
	munmap(start + length, (size_t)(base + slack - (start + length)));
	return start;
}

/* Prefers NODE for the pages to come. Where mbind is forbidden they come from where we run. */
static int place(struct region *region, int node)
{
	unsigned long mask[16] = { 0 };

	region->node = -1;
	if (node < 0 || (size_t)node >= sizeof(mask) * 8)
		return 0;
	mask[node / 64] = 1UL << (node % 64);
	if (mbind(region->base, region->length, MPOL_PREFERRED, mask, sizeof(mask) * 8, 0) == 0)
		region->node = node;
	return 0;
}

/*
 * Brings every page in now: the data path shall not fault. Asking the kernel
 * gives an error where touching would give a signal.
 */
static int populate(struct region *region)
{
	if (madvise(region->base, region->length, MADV_POPULATE_WRITE) == 0)
		return 0;
	if (errno != EINVAL)
		return -ENOMEM;
	for (size_t at = 0; at < region->length; at += SMALL_PAGE)
		*(volatile uint8_t *)(region->base + at) = 0;
	return 0;
}

/* Places what is mapped and brings it in; unmaps it where that fails. */
static int settle(struct region *region, int node)
{
	int rc;

	place(region, node);
	rc = populate(region);
	if (rc < 0)
		munmap(region->base, region->length);
	return rc;
}

static int map_huge_pages(struct region *region, int node)
{
	region->base = map_huge(region->length);
	region->pages = PAGE_HUGE;
	return region->base == NULL ? -ENOMEM : settle(region, node);
}

static int map_ordinary_pages(struct region *region, int node, bool with_thp)
{
	region->base = map_aligned(region->length);
	region->pages = PAGE_SMALL;
	if (region->base == NULL)
		return -ENOMEM;
	if (with_thp && thp_is_enabled() &&
	    madvise(region->base, region->length, MADV_HUGEPAGE) == 0)
		region->pages = PAGE_THP;
	return settle(region, node);
}

static int map_region(struct memory *memory, struct region *region, size_t length, int node)
{
	enum memory_mode huge = memory->config.huge_pages;
	int rc = -ENOMEM;

	region->length = (length + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
	if (huge != MEMORY_OFF)
		rc = map_huge_pages(region, node);
	/* A control group or a cpuset may keep us from huge pages that were promised. */
	if (rc < 0 && huge != MEMORY_ON)
		rc = map_ordinary_pages(region, node, huge != MEMORY_OFF);
	if (rc < 0)
		return rc;
	if (memory->config.lock != MEMORY_OFF)
		region->locked = mlock(region->base, region->length) == 0;
	if (!region->locked && memory->config.lock == MEMORY_ON) {
		munmap(region->base, region->length);
		return -EPERM;
	}
	return 0;
}

/* --- telling the registrars; under the lock --- */

static bool registrar_wants(const struct registrar *registrar, const struct region *region)
{
	return registrar->reactor == REGION_SHARED || registrar->reactor == region->reactor;
}

static void introduce(struct registrar *registrar, struct region *region)
{
	uint64_t key;

	if (!registrar_wants(registrar, region))
		return;
	if (registrar->ops->region_added(registrar, region, &key) == 0)
		region->key[registrar->slot] = key;
}

static void withdraw(struct registrar *registrar, struct region *region)
{
	uint64_t key = region->key[registrar->slot];

	if (key == REGION_NO_KEY)
		return;
	region->key[registrar->slot] = REGION_NO_KEY;
	registrar->ops->region_removed(registrar, region, key);
}

int memory_region_create(struct memory *memory, size_t length, int node, int reactor,
			 struct region **out)
{
	struct region *region = calloc(1, sizeof(*region));
	struct list_node *at;
	int rc;

	if (region == NULL)
		return -ENOMEM;
	region->reactor = reactor;
	for (unsigned i = 0; i < MEMORY_REGISTRARS_MAX; i++)
		region->key[i] = REGION_NO_KEY;
	rc = map_region(memory, region, length, node);
	if (rc < 0) {
		free(region);
		return rc;
	}
	pthread_mutex_lock(&memory->lock);
	list_push_back(&memory->regions, &region->link);
	LIST_FOR_EACH(at, &memory->registrars)
		introduce(container_of(at, struct registrar, link), region);
	pthread_mutex_unlock(&memory->lock);
	*out = region;
	return 0;
}

void memory_region_destroy(struct memory *memory, struct region *region)
{
	struct list_node *at;

	if (region == NULL)
		return;
	pthread_mutex_lock(&memory->lock);
	LIST_FOR_EACH(at, &memory->registrars)
		withdraw(container_of(at, struct registrar, link), region);
	list_remove(&region->link);
	pthread_mutex_unlock(&memory->lock);
	munmap(region->base, region->length);
	free(region);
}

int memory_registrar_add(struct memory *memory, struct registrar *registrar)
{
	struct list_node *at;
	unsigned slot = 0;

	pthread_mutex_lock(&memory->lock);
	while (slot < MEMORY_REGISTRARS_MAX && memory->slot_used[slot])
		slot++;
	if (slot == MEMORY_REGISTRARS_MAX) {
		pthread_mutex_unlock(&memory->lock);
		return -ENOSPC;
	}
	memory->slot_used[slot] = true;
	registrar->slot = slot;
	list_push_back(&memory->registrars, &registrar->link);
	LIST_FOR_EACH(at, &memory->regions)
		introduce(registrar, container_of(at, struct region, link));
	pthread_mutex_unlock(&memory->lock);
	return 0;
}

void memory_registrar_remove(struct memory *memory, struct registrar *registrar)
{
	struct list_node *at;

	pthread_mutex_lock(&memory->lock);
	LIST_FOR_EACH(at, &memory->regions)
		withdraw(registrar, container_of(at, struct region, link));
	list_remove(&registrar->link);
	memory->slot_used[registrar->slot] = false;
	pthread_mutex_unlock(&memory->lock);
}

void memory_visit(struct memory *memory, void (*visit)(void *context, const struct region *region),
		  void *context)
{
	struct list_node *at;

	pthread_mutex_lock(&memory->lock);
	LIST_FOR_EACH(at, &memory->regions)
		visit(context, container_of(at, struct region, link));
	pthread_mutex_unlock(&memory->lock);
}
