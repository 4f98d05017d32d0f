/* SPDX-License-Identifier: BSD-2-Clause */
/* The ladder of page sizes, on machines that promise huge pages and do not give them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/memory.h"

#define MIB ((size_t)1 << 20)

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* What was mapped as huge pages; the kernel's answer to bringing them in is an error. */
static uint8_t *huge_base;
static size_t huge_length;
static bool is_promising;

/*
 * As where the machine has huge pages and a control group or a cpuset keeps
 * this process from them: mapping succeeds, the first touch does not.
 */
void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
	void *base;

	if (is_promising && (flags & MAP_HUGETLB)) {
		base = (void *)syscall(SYS_mmap, address, length, protection, flags & ~MAP_HUGETLB,
				       fd, offset);
		huge_base = base;
		huge_length = length;
		return base;
	}
	return (void *)syscall(SYS_mmap, address, length, protection, flags, fd, offset);
}

int madvise(void *address, size_t length, int advice)
{
	uint8_t *start = address;

	if (is_promising && advice == MADV_POPULATE_WRITE && huge_base != NULL &&
	    start >= huge_base && start < huge_base + huge_length) {
		errno = EFAULT;
		return -1;
	}
	return (int)syscall(SYS_madvise, address, length, advice);
}

int munmap(void *address, size_t length)
{
	if (address == huge_base)
		huge_base = NULL;
	return (int)syscall(SYS_munmap, address, length);
}

static int make_region(enum memory_mode huge_pages, struct memory **memory, struct region **region)
{
	struct memory_config config = { .huge_pages = huge_pages, .lock = MEMORY_OFF };

	assert_int_equal(memory_create(&config, memory), 0);
	return memory_region_create(*memory, 2 * MIB, -1, REGION_SHARED, region);
}

static void test_memory_region_create__steps_down_from_huge_pages(void **state)
{
	struct memory *memory;
	struct region *region = NULL;

	(void)state;
	is_promising = true;
	assert_int_equal(make_region(MEMORY_AUTO, &memory, &region), 0);
	assert_int_not_equal(region->pages, PAGE_HUGE);
	assert_null(huge_base);
	memset(region->base, 0x5a, region->length);
	memory_region_destroy(memory, region);
	memory_destroy(memory);
	is_promising = false;
}

static void test_memory_region_create__demanded_huge_pages_are_refused(void **state)
{
	struct memory *memory;
	struct region *region = NULL;

	(void)state;
	is_promising = true;
	assert_int_equal(make_region(MEMORY_ON, &memory, &region), -ENOMEM);
	assert_null(huge_base);
	assert_null(region);
	memory_destroy(memory);
	is_promising = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_region_create__steps_down_from_huge_pages),
		cmocka_unit_test(test_memory_region_create__demanded_huge_pages_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
