/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A store in a regular file or on a block device: its operations. Reads and
 * writes go through the reactor's engine, with O_DIRECT and in one registered
 * buffer where everything fits, else through the page cache or an I/O vector.
 * What has no asynchronous form runs on a worker, in chunks. How the file is
 * opened is in file_open.c.
 */
#include "store/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/checked.h"
#include "store/kinds.h"
#include "store/settings.h"

/* Bytes that one work item discards or zeroes: a cancel is heeded in between. */
#define CHUNK_OFFLOAD (UINT64_C(1) << 30)
#define CHUNK_ZERO (UINT64_C(64) << 20)
#define COPY_UNIT 4096u
#define CHUNK_COPY (UINT64_C(16) << 20)	/* where the kernel does share no blocks it copies them */

/* Of store_io.scratch: bytes done, bytes that the worker is at, bytes of a copy that it may do. */
enum { AT, CHUNK, WHOLE };

/* Of store_io.step. */
enum {
	STEP_CANCELLED = 1 << 0,
	STEP_BUFFERED = 1 << 1,		/* direct I/O was refused for this one */
	STEP_DIRECT = 1 << 2,		/* the transfer in flight is direct */
	STEP_DSYNC = 1 << 3,		/* the write in flight is with RWF_DSYNC */
	STEP_SYNC = 1 << 4,		/* fdatasync has to follow */
};

static void start_transfer(struct store_io *io);
static void start_chunk(struct store_io *io);

static void finish(struct store_io *io, int err)
{
	/* These would blame the caller, who has been checked. */
	if (err == -EINVAL || err == -EBADF || err == -EFAULT)
		err = -EIO;
	io->done(io, err);
}

static bool is_cancelled(const struct store_io *io)
{
	return (io->step & STEP_CANCELLED) != 0;
}

static struct store_io *io_of(struct io_op *op)
{
	return container_of(op, struct store_io, engine);
}

/* The descriptor to use; the reactor is told of it the first time. */
static int use_fd(struct file_store *file, struct reactor *reactor, bool buffered)
{
	int fd = buffered ? file->buffered_fd : file->fd;
	struct file_lane *lane;

	assert(reactor_index(reactor) < file->lane_count);
	lane = &file->lanes[reactor_index(reactor)];
	if (UNLIKELY(!lane->known[buffered])) {
		reactor_fd_register(reactor, fd);
		lane->known[buffered] = true;
		lane->reactor = reactor;
	}
	return fd;
}

/* --- flush --- */

static void sync_done(struct io_op *op, int res)
{
	finish(io_of(op), res);
}

static void start_sync(struct store_io *io)
{
	struct file_store *file = file_of(io->store);

	if (is_cancelled(io)) {
		finish(io, -ECANCELED);
		return;
	}
	io->engine.done = sync_done;
	reactor_sync(io->reactor, &io->engine, use_fd(file, io->reactor, false), true);
}

/* --- read and write --- */

/* What is left of an I/O, as the engine wants it. */
struct transfer {
	unsigned count;			/* entries of io->iov */
	uintptr_t addresses;		/* all of them ored, for their alignment */
	uint64_t lengths;
	struct region *region;		/* that it lies in, if one entry is enough */
};

/* Puts what IO has not moved yet into io->iov; neighbours in one region become one entry. */
static struct transfer gather(struct store_io *io)
{
	struct transfer transfer = { 0 };
	const struct extent *extent = io->data->extent;
	uint32_t skip = io->moved;
	uint32_t left = io->length - io->moved;
	const struct extent *before = NULL;

	for (; skip >= extent->length; extent++)
		skip -= extent->length;
	for (; left > 0; before = extent++, skip = 0) {
		uint32_t length = min(left, extent->length - skip);
		uint8_t *data = extent->data + skip;
		struct iovec *last = &io->iov[transfer.count - (transfer.count > 0)];

		left -= length;
		if (before != NULL && before->region == extent->region &&
		    (uint8_t *)last->iov_base + last->iov_len == data) {
			last->iov_len += length;
			continue;
		}
		io->iov[transfer.count].iov_base = data;
		io->iov[transfer.count++].iov_len = length;
	}
	for (unsigned i = 0; i < transfer.count; i++) {
		transfer.addresses |= (uintptr_t)io->iov[i].iov_base;
		transfer.lengths |= io->iov[i].iov_len;
	}
	transfer.region = transfer.count == 1 ? before->region : NULL;
	return transfer;
}

static bool fits_direct(const struct file_store *file, uint64_t offset,
			const struct transfer *transfer)
{
	return is_aligned(offset | transfer->lengths, file->direct.offset_align) &&
	       is_aligned(transfer->addresses, file->direct.memory_align);
}

/*
 * Whether a refused transfer can be tried another way: not directly, and then
 * without RWF_DSYNC. Otherwise the refusal is the answer.
 */
static bool can_retry(struct file_store *file, struct store_io *io, int res)
{
	if (res == -EINTR || res == -EAGAIN)
		return true;
	if (res == -EINVAL && (io->step & STEP_DIRECT) != 0) {
		io->step |= STEP_BUFFERED;
		return true;
	}
	if ((res == -EINVAL || res == -EOPNOTSUPP) && (io->step & STEP_DSYNC) != 0) {
		atomic_store_explicit(&file->has_no_dsync, true, memory_order_relaxed);
		return true;
	}
	return false;
}

static void transfer_done(struct io_op *op, int res)
{
	struct store_io *io = io_of(op);

	if (res > 0) {
		assert((uint32_t)res <= io->length - io->moved);
		io->moved += (uint32_t)res;
	}
	if (io->moved == io->length) {
		if ((io->step & STEP_SYNC) != 0)
			start_sync(io);
		else
			io->done(io, 0);
		return;
	}
	if (res == 0)	/* the file has become shorter under us */
		finish(io, -EIO);
	else if (res < 0 && (is_cancelled(io) || !can_retry(file_of(io->store), io, res)))
		finish(io, res);
	else if (is_cancelled(io))
		finish(io, -ECANCELED);
	else
		start_transfer(io);
}

static void start_transfer(struct store_io *io)
{
	struct file_store *file = file_of(io->store);
	struct transfer transfer = gather(io);
	uint64_t offset = io->offset + io->moved;
	bool buffered = false;
	int rwf = 0;
	int fd;

	io->step &= ~(uint32_t)(STEP_DIRECT | STEP_DSYNC);
	if (file->is_direct) {
		buffered = (io->step & STEP_BUFFERED) != 0 || !fits_direct(file, offset, &transfer);
		if (!buffered)
			io->step |= STEP_DIRECT;
	}
	fd = use_fd(file, io->reactor, buffered);
	if (buffered)
		counter_increment(&file->lanes[reactor_index(io->reactor)].unaligned);
	io->engine.done = transfer_done;
	if (io->op == STORE_READ) {
		reactor_read(io->reactor, &io->engine, fd, io->iov, transfer.count, offset,
			     transfer.region);
		return;
	}
	if ((io->flags & STORE_FUA) != 0) {
		if (atomic_load_explicit(&file->has_no_dsync, memory_order_relaxed))
			io->step |= STEP_SYNC;
		else
			io->step |= STEP_DSYNC;
		rwf = (io->step & STEP_DSYNC) != 0 ? RWF_DSYNC : 0;
	}
	reactor_write(io->reactor, &io->engine, fd, io->iov, transfer.count, offset, rwf,
		      transfer.region);
}

/* --- discard and write zeroes, on a worker --- */

static int discard(struct file_store *file, uint64_t offset, uint64_t bytes)
{
	uint64_t range[2] = { offset, bytes };
	int rc;

	if (file->is_device)
		rc = ioctl(file->buffered_fd, BLKDISCARD, range);
	else
		rc = fallocate(file->buffered_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       (off_t)offset, (off_t)bytes);
	return rc < 0 ? -errno : 0;
}

static int zero_offload(struct file_store *file, uint64_t offset, uint64_t bytes)
{
	uint64_t range[2] = { offset, bytes };
	int rc;

	if (file->is_device)
		rc = ioctl(file->buffered_fd, BLKZEROOUT, range);
	else
		rc = fallocate(file->buffered_fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
			       (off_t)offset, (off_t)bytes);
	return rc < 0 ? -errno : 0;
}

static int zero_write(struct file_store *file, uint64_t offset, uint64_t bytes)
{
	while (bytes > 0) {
		uint64_t length = min_t(uint64_t, bytes, ZEROES_BYTES);
		int fd = is_aligned(offset | length, file->direct.offset_align)
				 ? file->fd
				 : file->buffered_fd;
		ssize_t res = pwrite(fd, file->zeroes, length, (off_t)offset);

		if (res < 0 && errno == EINTR)
			continue;
		if (res < 0 && errno == EINVAL && fd != file->buffered_fd)
			res = pwrite(file->buffered_fd, file->zeroes, length, (off_t)offset);
		if (res <= 0)
			return res < 0 ? -errno : -EIO;
		offset += (uint64_t)res;
		bytes -= (uint64_t)res;
	}
	return 0;
}

static int write_zeroes(struct file_store *file, uint64_t offset, uint64_t bytes)
{
	int rc;

	if (atomic_load_explicit(&file->zero_method, memory_order_relaxed) == ZERO_OFFLOAD) {
		rc = zero_offload(file, offset, bytes);
		if (rc != -EOPNOTSUPP && rc != -ENOSYS && rc != -ENOTTY && rc != -EINVAL)
			return rc;
		atomic_store_explicit(&file->zero_method, ZERO_WRITE, memory_order_relaxed);
	}
	return zero_write(file, offset, bytes);
}

static int work_on_chunk(void *argument)
{
	struct store_io *io = argument;
	struct file_store *file = file_of(io->store);
	uint64_t offset = io->offset + io->scratch[AT];

	if (io->op == STORE_DISCARD)
		return discard(file, offset, io->scratch[CHUNK]);
	return write_zeroes(file, offset, io->scratch[CHUNK]);
}

static void chunk_done(struct io_op *op, int res)
{
	struct store_io *io = io_of(op);

	if (res < 0) {
		finish(io, res);
		return;
	}
	io->scratch[AT] += io->scratch[CHUNK];
	if (io->scratch[AT] < io->range)
		start_chunk(io);
	else if ((io->flags & STORE_FUA) != 0)
		start_sync(io);
	else
		io->done(io, 0);
}

static void start_chunk(struct store_io *io)
{
	struct file_store *file = file_of(io->store);
	uint64_t offset = io->offset + io->scratch[AT];
	uint64_t chunk = CHUNK_ZERO;

	if (is_cancelled(io)) {
		finish(io, -ECANCELED);
		return;
	}
	/* Only the writing of zeros takes long; devices may do it behind BLKZEROOUT. */
	if (io->op == STORE_DISCARD || (!file->is_device && file->zero_method == ZERO_OFFLOAD))
		chunk = CHUNK_OFFLOAD;
	/* Chunks end at multiples of their size, or a device could not free what lies across. */
	io->scratch[CHUNK] = min(chunk - offset % chunk, io->range - io->scratch[AT]);
	io->engine.done = chunk_done;
	reactor_work(io->reactor, &io->engine, work_on_chunk, io);
}

/* --- where the holes are, on a worker --- */

static int find_run(void *argument)
{
	struct store_io *io = argument;
	int fd = file_of(io->store)->buffered_fd;
	off_t data = lseek(fd, (off_t)io->offset, SEEK_DATA);
	off_t end;

	if (data < 0 && errno != ENXIO)
		return -errno;
	io->is_hole = data < 0 || (uint64_t)data > io->offset;
	if (data < 0)	/* nothing but a hole until the end */
		return 0;
	end = io->is_hole ? data : lseek(fd, data, SEEK_HOLE);
	if (end < 0)
		return -errno;
	if ((uint64_t)end > io->offset)
		io->run = min((uint64_t)end - io->offset, io->range);
	return 0;
}

static void run_found(struct io_op *op, int res)
{
	struct store_io *io = io_of(op);

	if (res == 0)
		io->done(io, 0);
	else if (res == -ECANCELED)
		finish(io, res);
	else	/* a file system that cannot say */
		store_is_mapped(io);
}

static void submit_status(struct store_io *io)
{
	const struct file_store *file = file_of(io->store);

	if (file->is_device || io->range == 0) {
		store_is_mapped(io);
		return;
	}
	io->run = io->range;
	io->engine.done = run_found;
	reactor_work(io->reactor, &io->engine, find_run, io);
}

/* --- copies from file to file, on a worker --- */

/*
 * In the kernel: file systems that can share the blocks (reflink). What it would not do is no
 * error: io->run ends before it, and whoever reads and writes there finds out what is wrong.
 */
static int copy_chunk(void *argument)
{
	struct store_io *io = argument;
	int from = file_of(io->from)->buffered_fd;
	int to = file_of(io->store)->buffered_fd;
	uint64_t left = io->scratch[CHUNK];

	while (left > 0) {
		off_t source = (off_t)(io->from_offset + io->run);
		off_t destination = (off_t)(io->offset + io->run);
		ssize_t res = copy_file_range(from, &source, to, &destination, left, 0);

		if (res < 0 && errno == EINTR)
			continue;
		if (res <= 0)
			return 0;
		left -= (uint64_t)res;
		io->run += (uint64_t)res;
	}
	return 0;
}

static void start_copy_chunk(struct store_io *io);

/* The rest is read and written in whole blocks. */
static void end_copy(struct store_io *io)
{
	if (io->run < io->range)
		io->run -= io->run % COPY_UNIT;
	io->done(io, 0);
}

static void copy_chunk_done(struct io_op *op, int res)
{
	struct store_io *io = io_of(op);

	io->scratch[AT] += io->scratch[CHUNK];
	if (res < 0)
		finish(io, res);
	else if (io->run == io->scratch[AT] && io->run < io->scratch[WHOLE])
		start_copy_chunk(io);
	else
		end_copy(io);
}

static void start_copy_chunk(struct store_io *io)
{
	if (is_cancelled(io)) {
		finish(io, -ECANCELED);
		return;
	}
	io->scratch[CHUNK] = min(CHUNK_COPY, io->scratch[WHOLE] - io->run);
	io->engine.done = copy_chunk_done;
	reactor_work(io->reactor, &io->engine, copy_chunk, io);
}

/*
 * How much of IO the kernel may copy. Where it shares no blocks it goes through its page cache,
 * and for a part of a block reads the rest of that. A direct write of someone else to that rest,
 * under way just then, would be written over with what was there before: so only whole blocks.
 */
static uint64_t whole_blocks(const struct store_io *io)
{
	uint32_t unit = max(io->store->traits.physical_block, COPY_UNIT);

	if (!file_of(io->store)->is_direct)
		return io->range;
	return is_aligned(io->offset, unit) ? align_down(io->range, unit) : 0;
}

static void submit_copy(struct store_io *io)
{
	if (io->from->ops != &store_file_ops || file_of(io->from)->is_device ||
	    file_of(io->store)->is_device || whole_blocks(io) == 0) {
		store_declines_copy(io);
		return;
	}
	io->scratch[WHOLE] = whole_blocks(io);
	io->run = 0;
	io->scratch[AT] = 0;
	start_copy_chunk(io);
}

/* --- the table --- */

static void submit_ranged(struct store_io *io)
{
	if (io->op == STORE_DISCARD && io->store->traits.discard_granularity == 0) {
		io->done(io, -EOPNOTSUPP);
		return;
	}
	if (io->range == 0) {
		io->done(io, 0);
		return;
	}
	io->scratch[AT] = 0;
	start_chunk(io);
}

static void file_submit(struct store *store, struct store_io *io)
{
	int rc = store_io_check(store, io);

	io->step = 0;
	io->moved = 0;
	if (rc < 0) {
		io->done(io, rc);
		return;
	}
	switch (io->op) {
	case STORE_READ:
	case STORE_WRITE:
		if (io->length > 0)
			start_transfer(io);
		else
			io->done(io, 0);
		break;
	case STORE_FLUSH:
		if (store->traits.read_only)
			io->done(io, 0);
		else
			start_sync(io);
		break;
	case STORE_DISCARD:
	case STORE_WRITE_ZEROES:
		submit_ranged(io);
		break;
	case STORE_STATUS:
		submit_status(io);
		break;
	case STORE_COPY:
		submit_copy(io);
		break;
	}
}

static void file_cancel(struct store *store, struct store_io *io)
{
	(void)store;
	io->step |= STEP_CANCELLED;
	reactor_cancel(io->reactor, &io->engine);
}

static int file_usage(struct store *store, struct store_usage *usage)
{
	const struct file_store *file = file_of(store);
	struct statvfs system;
	struct stat info;

	/* What lies behind a device that is thin itself, only its own tools know. */
	if (file->is_device)
		return -EOPNOTSUPP;
	if (fstat(file->buffered_fd, &info) < 0 || fstatvfs(file->buffered_fd, &system) < 0)
		return -errno;
	usage->used = (uint64_t)info.st_blocks * 512;
	usage->available = (uint64_t)system.f_bavail * system.f_frsize;
	return 0;
}

static void file_describe(const struct store *store, char *text, size_t size)
{
	const struct file_store *file = container_of(store, const struct file_store, store);
	uint64_t unaligned = 0;
	char detour[48] = "";

	if (!file->is_direct) {
		snprintf(text, size, "buffered: %s, %s", file->refusal, file->path);
		return;
	}
	for (unsigned i = 0; i < file->lane_count; i++)
		unaligned += counter_read(&file->lanes[i].unaligned);
	if (unaligned > 0)
		snprintf(detour, sizeof(detour), " (%llu unaligned, buffered)",
			 (unsigned long long)unaligned);
	snprintf(text, size, "direct I/O, %u-byte alignment%s, %s", file->direct.offset_align,
		 detour, file->path);
}

static int file_measure(struct store *store, uint64_t *size)
{
	struct file_store *file = file_of(store);
	struct stat info;
	uint64_t bytes;

	if (file->is_sized) {
		*size = store->traits.size;
		return 0;
	}
	if (file->is_device ? ioctl(file->buffered_fd, BLKGETSIZE64, &bytes) < 0
			    : fstat(file->buffered_fd, &info) < 0)
		return -errno;
	if (!file->is_device)
		bytes = (uint64_t)info.st_size;
	*size = align_down(bytes, store->traits.logical_block);
	return 0;
}

const struct store_ops store_file_ops = {
	.name = "file",
	.help = "a regular file or a block device",
	.settings = file_settings,
	.open = file_open,
	.close = file_close,
	.submit = file_submit,
	.cancel = file_cancel,
	.usage = file_usage,
	.measure = file_measure,
	.describe = file_describe,
};
