/* SPDX-License-Identifier: BSD-2-Clause */
/* How much memory a reactor gets; see sizing.h. */
#include "daemon/sizing.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "base/checked.h"
#include "base/container.h"

#define MIB (UINT64_C(1) << 20)

uint64_t sizing_arena(uint64_t wanted, uint64_t available, unsigned reactors)
{
	uint64_t bytes = wanted;

	if (available != 0)
		bytes = min_t(uint64_t, bytes, available / SIZING_NODE_SHARE);
	bytes = align_down(bytes / reactors, MIB);
	return max_t(uint64_t, bytes, SIZING_ARENA_MIN);
}

uint64_t sizing_pinned(uint64_t lockable, unsigned devices, unsigned reactors)
{
	/* The kernel counts each registration of a page; queues of devices take some, too. */
	uint64_t once = lockable / (devices + 1) / 8 * 7;
	/* Regions are of huge pages, or as large as if they were. */
	uint64_t bytes = align_down(once / reactors, 2 * MIB);

	return bytes < SIZING_ARENA_MIN ? 0 : bytes;
}

uint64_t sizing_lockable(void)
{
	struct rlimit limit;
	bool is_limited;
	void *base;
	size_t beyond;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	/*
	 * Who has CAP_IPC_LOCK is not limited, but in a container that depends on more than the
	 * capability. Locking pages when they come, of which none ever does, costs nothing.
	 */
	beyond = (size_t)align_up(limit.rlim_cur, 4096) + 65536;
	base = mmap(NULL, beyond, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return limit.rlim_cur;
	is_limited = mlock2(base, beyond, MLOCK_ONFAULT) < 0;
	munmap(base, beyond);
	return is_limited ? limit.rlim_cur : UINT64_MAX;
}

unsigned sizing_rdma_devices(void)
{
	DIR *dir = opendir("/sys/class/infiniband");
	struct dirent *entry;
	unsigned count = 0;

	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL)
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

uint64_t sizing_meminfo_value(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *at = text; (at = strstr(at, key)) != NULL; at += len) {
		bool is_word = at == text || at[-1] == ' ' || at[-1] == '\n';

		if (is_word && at[len] == ':')
			return strtoull(at + len + 1, NULL, 10) * 1024;
	}
	return 0;
}

/* Reads a small file into TEXT. False where there is none. */
static bool read_file(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "re");
	size_t len;

	if (file == NULL)
		return false;
	len = fread(text, 1, size - 1, file);
	text[len] = '\0';
	fclose(file);
	return len != 0;
}

static uint64_t read_number(const char *path)
{
	char text[64];

	/* "max" is no number and gives 0, which means: no limit. */
	return read_file(path, text, sizeof(text)) ? strtoull(text, NULL, 10) : 0;
}

/* What the group at PATH below /sys/fs/cgroup has left; UINT64_MAX without a limit. */
static uint64_t group_headroom(const char *path)
{
	char name[512];
	uint64_t limit;
	uint64_t used;

	snprintf(name, sizeof(name), "/sys/fs/cgroup%s/memory.max", path);
	limit = read_number(name);
	if (limit == 0)
		return UINT64_MAX;
	snprintf(name, sizeof(name), "/sys/fs/cgroup%s/memory.current", path);
	used = read_number(name);
	return used < limit ? limit - used : 1;
}

/* The tightest limit of our control group (version 2) and those above it. */
static uint64_t cgroup_headroom(void)
{
	uint64_t headroom = group_headroom("");
	char text[512];
	char *path;
	char *slash;

	if (!read_file("/proc/self/cgroup", text, sizeof(text)))
		return headroom;
	path = strstr(text, "0::/");
	if (path == NULL)
		return headroom;
	path += strlen("0::");
	path[strcspn(path, "\n")] = '\0';
	while ((slash = strrchr(path, '/')) != NULL && slash[1] != '\0') {
		headroom = min(headroom, group_headroom(path));
		*slash = '\0';
		if (slash == path)
			break;
	}
	return headroom;
}

uint64_t sizing_node_available(int node)
{
	uint64_t available = 0;
	char path[80];
	char text[8192];

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/meminfo", node);
	if (read_file(path, text, sizeof(text)))
		/* Clean page cache can be had back, what tmpfs holds cannot. */
		available = sizing_meminfo_value(text, "MemFree") +
			    sizing_meminfo_value(text, "Inactive(file)");
	else if (read_file("/proc/meminfo", text, sizeof(text)))
		available = sizing_meminfo_value(text, "MemAvailable");
	return available != 0 ? min(available, cgroup_headroom()) : 0;
}
