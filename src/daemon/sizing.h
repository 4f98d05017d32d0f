/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much data memory a reactor gets: what the configuration asks of its NUMA
 * node, trimmed to the machine.
 */
#ifndef PINION_DAEMON_SIZING_H
#define PINION_DAEMON_SIZING_H

#include <stdint.h>

#define SIZING_ARENA_MIN (UINT64_C(8) << 20)
#define SIZING_NODE_SHARE 8 /* at most one part in so many of what a node has left */

/*
 * Bytes for each of REACTORS reactors of a node, of which WANTED bytes are
 * asked and which has AVAILABLE left (0: not known): a whole number of MiB, and
 * never less than SIZING_ARENA_MIN.
 */
uint64_t sizing_arena(uint64_t wanted, uint64_t available, unsigned reactors);

/*
 * Bytes that NODE can still give without swapping, and no more than the control
 * group of this process allows; 0 where the kernel does not tell.
 */
uint64_t sizing_node_available(int node);

/*
 * Bytes for each of REACTORS reactors that all of DEVICES RDMA devices can pin beside the rings'
 * fixed buffers, where LOCKABLE bytes may be locked; 0 where that is too little for any of it.
 */
uint64_t sizing_pinned(uint64_t lockable, unsigned devices, unsigned reactors);

/* Bytes that this process may lock (RLIMIT_MEMLOCK); UINT64_MAX: as many as there are. */
uint64_t sizing_lockable(void);

/* RDMA devices of this machine. */
unsigned sizing_rdma_devices(void);

/*
 * For tests, the readers of the two files: the value of a line as
 * "Node 0 MemFree:   123 kB" in TEXT by its KEY in bytes, or 0.
 */
uint64_t sizing_meminfo_value(const char *text, const char *key);

#endif
