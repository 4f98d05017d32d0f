/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file store from inside: what its opening (file_open.c), its operations
 * (file.c), the probe of direct I/O (direct.c) and the facts of devices
 * (device.c) know of each other. Private to the store room.
 */
#ifndef PINION_STORE_FILE_H
#define PINION_STORE_FILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/container.h"
#include "base/counter.h"
#include "store/store.h"

/* What O_DIRECT asks for, in bytes; powers of two. */
struct direct_limits {
	uint32_t memory_align;	/* of addresses */
	uint32_t offset_align;	/* of offsets and lengths */
};

/* What one reactor keeps. Nobody else writes it. */
struct file_lane {
	bool known[2];			/* main, buffered descriptor: registered there */
	struct reactor *reactor;	/* once known */
	struct counter unaligned;	/* transfers that did not fit direct I/O */
} __attribute__((aligned(64)));

/* How zeros are written, from the best way to the last resort. */
enum zero_method { ZERO_OFFLOAD, ZERO_WRITE };

struct file_store {
	struct store store;
	char *path;
	bool is_device;
	bool is_direct;
	bool is_sized;		/* by a setting: it does not grow with the file */
	int fd;			/* with O_DIRECT where is_direct */
	int buffered_fd;	/* without; the same as fd where not is_direct. Holds the lock */
	struct direct_limits direct;
	char refusal[96];	/* why not direct */
	void *zeroes;		/* ZEROES_BYTES of them, page-aligned */
	unsigned lane_count;
	struct file_lane *lanes;	/* by reactor_index */
	/* What the kernel turned out not to do here. Any reactor or worker may find out. */
	_Atomic bool has_no_dsync;
	_Atomic int zero_method;	/* enum zero_method */
};

#define ZEROES_BYTES (1024u * 1024u)

static inline struct file_store *file_of(struct store *store)
{
	return container_of(store, struct file_store, store);
}

extern const struct store_setting file_settings[];

int file_open(const struct store_config *config, struct store **out, struct store_error *error);
void file_close(struct store *store);

/*
 * Finds out whether FD can be read directly, that is, opens the same file with
 * O_DIRECT. 0, the new descriptor and its limits; or a negative errno and the
 * reason ("O_DIRECT refused by tmpfs"). SIZE: bytes there are. May block.
 */
int direct_open(int fd, bool read_only, uint64_t size, int *direct_fd,
		struct direct_limits *limits, char *reason, size_t reason_size);

/* The name of FD's file system if that lies in memory, where O_DIRECT means nothing; or NULL. */
const char *direct_in_memory(int fd);

/* What sysfs tells of a block device. */
struct device_facts {
	bool is_solid_state;
	uint32_t discard_granularity;	/* bytes, 0: cannot discard */
	uint8_t identity[16];		/* zeros: none */
};

/* Fills FACTS with what there is to know of the block device DEV; unknown is zero. */
void device_read_facts(dev_t dev, struct device_facts *facts);
/* Whether the disk under DEV (of a block device, or that a file lies on) is known to have no moving parts. */
bool device_is_solid_state(dev_t dev);

#endif
