/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUs and NUMA nodes, as the kernel tells them.
 */
#include "sys/topology.h"

#include <errno.h>
#include <numa.h>
#include <numaif.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "base/parse.h"

static int node_of_cpu(int cpu)
{
	int node;

	if (numa_available() < 0)
		return 0;
	node = numa_node_of_cpu(cpu);
	return node < 0 ? 0 : node;
}

static void count_nodes(struct topology *topology)
{
	topology->node_count = 0;
	for (unsigned i = 0; i < topology->cpu_count; i++) {
		unsigned earlier = 0;

		while (topology->cpus[earlier].node != topology->cpus[i].node)
			earlier++;
		if (earlier == i)
			topology->node_count++;
	}
}

int topology_read(struct topology *topology)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return -errno;
	topology->cpu_count = 0;
	topology->online_cpus = online > 0 ? (unsigned)online : 1;
	for (int cpu = 0; cpu < TOPOLOGY_CPU_MAX; cpu++) {
		struct topology_cpu *entry;

		if (!CPU_ISSET(cpu, &set))
			continue;
		entry = &topology->cpus[topology->cpu_count++];
		entry->cpu = cpu;
		entry->node = node_of_cpu(cpu);
	}
	count_nodes(topology);
	return 0;
}

int topology_restrict(struct topology *topology, const char *list)
{
	cpu_set_t wanted;
	unsigned kept = 0;

	if (strcmp(list, "all") == 0)
		return 0;
	if (parse_cpu_list(list, &wanted) < 0)
		return -EINVAL;
	for (unsigned i = 0; i < topology->cpu_count; i++) {
		struct topology_cpu entry = topology->cpus[i];

		if (!CPU_ISSET(entry.cpu, &wanted))
			continue;
		CPU_CLR(entry.cpu, &wanted);
		topology->cpus[kept++] = entry;
	}
	topology->cpu_count = kept;
	count_nodes(topology);
	return kept == 0 || CPU_COUNT(&wanted) > 0 ? -ENODEV : 0;
}

int topology_node_of(const void *address)
{
	int node = -1;

	/* The kernel's interface is not const, but only looks. */
	if (get_mempolicy(&node, NULL, 0, (void *)(uintptr_t)address, MPOL_F_NODE | MPOL_F_ADDR) <
	    0)
		return -1;
	return node;
}
