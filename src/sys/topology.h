/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which CPUs this process may use and on which NUMA node each one is.
 *
 * The answer is the kernel's (sched_getaffinity, /sys/devices/system/node),
 * so a cpuset or taskset around the daemon is honoured.
 */
#ifndef PINION_SYS_TOPOLOGY_H
#define PINION_SYS_TOPOLOGY_H

#include <stdbool.h>

#define TOPOLOGY_CPU_MAX 1024	/* CPU_SETSIZE */

struct topology_cpu {
	int cpu;	/* the kernel's number */
	int node;	/* NUMA node, 0 where there is no NUMA */
};

struct topology {
	unsigned cpu_count;	/* allowed CPUs, ascending */
	unsigned node_count;	/* nodes that have an allowed CPU */
	unsigned online_cpus;	/* CPUs of the machine, allowed or not */
	struct topology_cpu cpus[TOPOLOGY_CPU_MAX];
};

/* Reads the topology of this process. 0 or a negative errno. */
int topology_read(struct topology *topology);

/*
 * Keeps only the CPUs of LIST ("all", or ranges as "0-3,6"). -EINVAL for a
 * malformed list, -ENODEV when it names a CPU that is not allowed.
 */
int topology_restrict(struct topology *topology, const char *list);

/*
 * The node of the page at ADDRESS, asked of the kernel (get_mempolicy with
 * MPOL_F_NODE | MPOL_F_ADDR), -1 where it cannot tell.
 */
int topology_node_of(const void *address);

#endif
