/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a file can be read and written past the page cache, and what
 * alignment that takes. The kernel tells for some file systems (statx,
 * STATX_DIOALIGN, Linux 6.1 and 6.11 for devices); elsewhere it is found out by
 * reading.
 */
#include "store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/checked.h"

#define ALIGN_MIN 512u
#define ALIGN_MAX 65536u

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif
#define ZFS_SUPER_MAGIC 0x2fc12fc1

static const char *file_system_name(int fd)
{
	static const struct {
		unsigned long magic;
		const char *name;
	} names[] = {
		{ BTRFS_SUPER_MAGIC, "btrfs" },	    { EXT4_SUPER_MAGIC, "ext4" },
		{ F2FS_SUPER_MAGIC, "f2fs" },	    { FUSE_SUPER_MAGIC, "FUSE" },
		{ NFS_SUPER_MAGIC, "NFS" },	    { OVERLAYFS_SUPER_MAGIC, "overlayfs" },
		{ RAMFS_MAGIC, "ramfs" },	    { TMPFS_MAGIC, "tmpfs" },
		{ XFS_SUPER_MAGIC, "XFS" },	    { ZFS_SUPER_MAGIC, "ZFS" },
		{ SQUASHFS_MAGIC, "squashfs" },	    { ISOFS_SUPER_MAGIC, "iso9660" },
	};
	struct statfs info;
	struct stat file;

	/* A device's node lies on devtmpfs, which says nothing about the device. */
	if (fstat(fd, &file) == 0 && S_ISBLK(file.st_mode))
		return "the device";
	if (fstatfs(fd, &info) < 0)
		return "the file system";
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (names[i].magic == (unsigned long)info.f_type)
			return names[i].name;
	}
	return "the file system";
}

/* Opens the file of FD once more. Not by its path: that may be another file by now. */
static int reopen_direct(int fd, bool read_only)
{
	char path[40];
	int direct_fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	direct_fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_DIRECT | O_CLOEXEC | O_NOCTTY);
	return direct_fd < 0 ? -errno : direct_fd;
}

/* What the kernel says: 0, -EOPNOTSUPP (no direct I/O here), -ENODATA (it does not say). */
static int ask_kernel(int fd, struct direct_limits *limits)
{
#ifdef STATX_DIOALIGN
	struct statx info;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &info) < 0 ||
	    (info.stx_mask & STATX_DIOALIGN) == 0)
		return -ENODATA;
	if (info.stx_dio_offset_align == 0)
		return -EOPNOTSUPP;
	if (!is_power_of_two(info.stx_dio_mem_align) || !is_power_of_two(info.stx_dio_offset_align))
		return -ENODATA;
	limits->memory_align = info.stx_dio_mem_align;
	limits->offset_align = info.stx_dio_offset_align;
	return 0;
#else
	(void)fd;
	(void)limits;
	return -ENODATA;
#endif
}

static int try_read(int fd, void *buffer, uint32_t length, uint64_t offset)
{
	ssize_t res;

	do {
		res = pread(fd, buffer, length, (off_t)offset);
	} while (res < 0 && errno == EINTR);
	return res < 0 ? -errno : 0;
}

/*
 * The smallest alignment at which reading works, for memory and offsets alike
 * (telling them apart gains nothing: our own memory is page-aligned). The file
 * has SIZE bytes; where it is empty there is nothing to find out.
 */
static int probe_by_reading(int fd, uint64_t size, struct direct_limits *limits)
{
	uint32_t align = ALIGN_MIN;
	uint8_t *buffer;
	int sector;
	int rc = -EINVAL;

	if (ioctl(fd, BLKSSZGET, &sector) == 0 && sector > 0 && is_power_of_two((unsigned)sector))
		align = max((uint32_t)sector, align);
	buffer = aligned_alloc(ALIGN_MAX, (size_t)2 * ALIGN_MAX);
	if (buffer == NULL)
		return -ENOMEM;
	for (; align <= ALIGN_MAX && rc == -EINVAL; align *= 2) {
		/* At an odd multiple, or a coarser alignment would pass for a finer one. */
		uint64_t offset = size >= (uint64_t)2 * align ? align : 0;

		rc = try_read(fd, buffer + align % ALIGN_MAX, align, offset);
		if (rc == 0)
			limits->memory_align = limits->offset_align = align;
	}
	free(buffer);
	return rc;
}

int direct_open(int fd, bool read_only, uint64_t size, int *direct_fd,
		struct direct_limits *limits, char *reason, size_t reason_size)
{
	int rc = ask_kernel(fd, limits);
	int opened = -1;

	if (rc != -EOPNOTSUPP) {
		opened = reopen_direct(fd, read_only);
		if (opened < 0)
			rc = opened;
		else if (rc == -ENODATA)
			rc = probe_by_reading(opened, size, limits);
	}
	if (rc == 0) {
		*direct_fd = opened;
		return 0;
	}
	if (opened >= 0)
		close(opened);
	if (rc == -EINVAL || rc == -EOPNOTSUPP)
		snprintf(reason, reason_size, "O_DIRECT refused by %s", file_system_name(fd));
	else
		snprintf(reason, reason_size, "no O_DIRECT (%s)", strerror(-rc));
	return rc;
}

const char *direct_in_memory(int fd)
{
	const char *name = file_system_name(fd);

	return strcmp(name, "tmpfs") == 0 || strcmp(name, "ramfs") == 0 ? name : NULL;
}
