/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opening the file store: the file itself (created or made larger where that
 * is asked for), the lock against a second user, what it is capable of, and
 * direct I/O. Its operations are in file.c.
 */
#include "store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/log.h"
#include "store/kinds.h"
#include "store/settings.h"

#define SECTOR 512u
#define PHYSICAL_MAX 65536u

enum { DIRECT_AUTO, DIRECT_ON, DIRECT_OFF };	/* as the choices below */

const struct store_setting file_settings[] = {
	{ "path", STORE_SETTING_STRING, true, NULL, "the file or block device" },
	{ "direct", STORE_SETTING_CHOICE, false, "auto|on|off",
	  "O_DIRECT: past the page cache; auto: where it works" },
	{ "size", STORE_SETTING_SIZE, false, NULL, "bytes to use; default: all there are" },
	{ "create", STORE_SETTING_BOOL, false, NULL,
	  "make the file, or make it larger, where it is not of that size" },
	{ "uuid", STORE_SETTING_STRING, false, NULL,
	  "identity of the contents, 32 hexadecimal digits" },
	{ NULL, 0, false, NULL, NULL },
};

/* What is passed from step to step of opening. */
struct opening {
	const struct store_config *config;
	struct store_error *error;
	struct file_store *file;
	struct stat info;
	uint64_t bytes;		/* that the file or device has */
	bool created;
};

static int refuse_errno(struct opening *opening, const char *what)
{
	int err = errno;

	return store_refuse(opening->error, -err, "path", "%s: %s%s", opening->file->path, what,
			    strerror(err));
}

/* --- the file --- */

/* A file that has just been made shall still be there after a power failure. */
static int sync_folder(const char *path)
{
	char *copy = strdup(path);
	int rc = 0;
	int fd;

	if (copy == NULL)
		return -ENOMEM;
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* One may create in a folder without being allowed to read it. */
	if (fd >= 0) {
		rc = fsync(fd) < 0 && errno != EINVAL ? -errno : 0;
		close(fd);
	}
	free(copy);
	return rc;
}

static int create_file(struct opening *opening)
{
	const char *path = opening->file->path;

	if (settings_text(opening->config, "size") == NULL)
		return store_refuse(opening->error, -EINVAL, "size",
				    "%s is not there, and without size it cannot be created", path);
	opening->file->buffered_fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (opening->file->buffered_fd < 0)
		return refuse_errno(opening, "cannot be created: ");
	opening->created = true;
	return 0;
}

static int open_existing(struct opening *opening)
{
	struct file_store *file = opening->file;
	bool read_only = opening->config->read_only;
	/* A block device is claimed: mounting it, or another writer, is refused from now on. */
	int claim = S_ISBLK(opening->info.st_mode) && !read_only ? O_EXCL : 0;

	file->buffered_fd = open(file->path, (read_only ? O_RDONLY : O_RDWR) | claim | O_CLOEXEC |
						     O_NOCTTY);
	if (file->buffered_fd >= 0)
		return 0;
	if (claim != 0 && errno == EBUSY)
		return refuse_errno(opening, "in use by a mount or another program: ");
	if (!read_only && (errno == EACCES || errno == EROFS || errno == EPERM))
		return refuse_errno(opening, "cannot be opened for writing: ");
	return refuse_errno(opening, "");
}

static int open_file(struct opening *opening)
{
	struct file_store *file = opening->file;
	bool create = settings_bool(opening->config, "create", false) &&
		      !opening->config->read_only;
	int rc;

	/* Looked at before it is opened: opening a FIFO or a tape has effects. */
	if (stat(file->path, &opening->info) < 0) {
		if (errno != ENOENT || !create)
			return refuse_errno(opening, "");
		rc = create_file(opening);
	} else if (!S_ISREG(opening->info.st_mode) && !S_ISBLK(opening->info.st_mode)) {
		return store_refuse(opening->error, -EINVAL, "path",
				    "%s is a %s, neither a regular file nor a block device",
				    file->path,
				    S_ISDIR(opening->info.st_mode) ? "folder" : "special file");
	} else {
		rc = open_existing(opening);
	}
	if (rc < 0)
		return rc;
	if (fstat(file->buffered_fd, &opening->info) < 0)
		return refuse_errno(opening, "");
	file->is_device = S_ISBLK(opening->info.st_mode);
	if (!file->is_device && !S_ISREG(opening->info.st_mode))
		return store_refuse(opening->error, -EINVAL, "path", "%s has just been replaced",
				    file->path);
	return 0;
}

/* Two writers, or a writer beside readers, would ruin the contents. */
static int lock_file(struct opening *opening)
{
	struct file_store *file = opening->file;
	struct flock lock = {
		.l_type = opening->config->read_only ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET,
	};

	if (fcntl(file->buffered_fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return store_refuse(opening->error, -EBUSY, "path",
				    "%s is in use by another store or program", file->path);
	log_warning("store file: %s: not locked against other users (%s)", file->path,
		    strerror(errno));
	return 0;
}

/* --- its size --- */

static int extend_file(struct opening *opening, uint64_t size)
{
	struct file_store *file = opening->file;

	if (size > INT64_MAX || ftruncate(file->buffered_fd, (off_t)size) < 0) {
		if (size > INT64_MAX)
			errno = EFBIG;
		return refuse_errno(opening, "cannot be made that large: ");
	}
	opening->bytes = size;
	if (fsync(file->buffered_fd) < 0 || (opening->created && sync_folder(file->path) < 0))
		return refuse_errno(opening, "");
	return 0;
}

static int find_bytes(struct opening *opening)
{
	opening->bytes = (uint64_t)opening->info.st_size;
	if (opening->file->is_device &&
	    ioctl(opening->file->buffered_fd, BLKGETSIZE64, &opening->bytes) < 0)
		return refuse_errno(opening, "its size cannot be found out: ");
	return 0;
}

static int find_size(struct opening *opening, uint32_t logical_block)
{
	struct file_store *file = opening->file;
	const struct store_config *config = opening->config;
	uint64_t size = settings_size(config, "size", 0);
	int rc = find_bytes(opening);

	if (rc < 0)
		return rc;
	file->is_sized = settings_text(config, "size") != NULL;
	if (!file->is_sized) {
		size = align_down(opening->bytes, logical_block);
		if (size != opening->bytes)
			log_warning("store file: %s: its last %u bytes are no full block, left out",
				    file->path, (unsigned)(opening->bytes - size));
		if (size == 0)
			return store_refuse(opening->error, -EINVAL, "path",
					    "%s is empty (size and create = true make it larger)",
					    file->path);
	}
	if (size == 0 || !is_aligned(size, logical_block))
		return store_refuse(opening->error, -EINVAL, "size",
				    "size must be a multiple of %u bytes, and more than 0",
				    logical_block);
	if (size > opening->bytes) {
		if (file->is_device || config->read_only || !settings_bool(config, "create", false))
			return store_refuse(opening->error, -EINVAL, "size",
					    "%s has only %llu bytes%s", file->path,
					    (unsigned long long)opening->bytes,
					    file->is_device ? ""
							    : " (create = true makes it larger)");
		rc = extend_file(opening, size);
		if (rc < 0)
			return rc;
	}
	file->store.traits.size = size;
	return 0;
}

/* --- what it can do --- */

static bool can_punch(struct opening *opening)
{
	/* Behind the end there is nothing to lose. */
	off_t end = (off_t)align_up(opening->bytes, 65536);

	return !opening->config->read_only &&
	       fallocate(opening->file->buffered_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 end, 65536) == 0;
}

static void fill_file_traits(struct opening *opening)
{
	struct store_traits *traits = &opening->file->store.traits;
	uint64_t unit = (uint64_t)opening->info.st_blksize;

	/* Network file systems say here what they like to transfer at once. */
	traits->physical_block = 4096;
	if (unit >= SECTOR && unit <= PHYSICAL_MAX && is_power_of_two(unit))
		traits->physical_block = (uint32_t)unit;
	else if (unit > PHYSICAL_MAX && unit <= UINT32_MAX)
		traits->optimal_io = (uint32_t)unit;
	traits->solid_state = device_is_solid_state(opening->info.st_dev);
	if (can_punch(opening)) {
		traits->discard_granularity = traits->physical_block;
		traits->discard_zeroes = true;
	}
}

static void fill_device_traits(struct opening *opening)
{
	struct store_traits *traits = &opening->file->store.traits;
	int fd = opening->file->buffered_fd;
	struct device_facts facts;
	unsigned value;

	traits->physical_block = traits->logical_block;
	if (ioctl(fd, BLKPBSZGET, &value) == 0 && is_power_of_two(value))
		traits->physical_block = max(value, traits->logical_block);
	if (ioctl(fd, BLKIOOPT, &value) == 0)
		traits->optimal_io = value;
	device_read_facts(opening->info.st_rdev, &facts);
	traits->solid_state = facts.is_solid_state;
	if (!opening->config->read_only)
		traits->discard_granularity = facts.discard_granularity;
	memcpy(traits->identity, facts.identity, sizeof(traits->identity));
}

static int parse_uuid(const char *text, uint8_t uuid[16])
{
	static const char digits[] = "0123456789abcdef";
	unsigned count = 0;

	for (; *text != '\0'; text++) {
		const char *digit;

		if (*text == '-')
			continue;
		digit = strchr(digits, *text >= 'A' && *text <= 'F' ? *text | 0x20 : *text);
		if (digit == NULL || count == 32)
			return -EINVAL;
		uuid[count / 2] = (uint8_t)(uuid[count / 2] << 4 | (digit - digits));
		count++;
	}
	return count == 32 ? 0 : -EINVAL;
}

static int fill_traits(struct opening *opening)
{
	struct file_store *file = opening->file;
	struct store_traits *traits = &file->store.traits;
	const char *uuid = settings_text(opening->config, "uuid");
	int sector = SECTOR;
	int rc;

	if (file->is_device &&
	    (ioctl(file->buffered_fd, BLKSSZGET, &sector) < 0 || sector < (int)SECTOR ||
	     !is_power_of_two((uint64_t)sector)))
		return refuse_errno(opening, "its block size cannot be found out: ");
	traits->logical_block = (uint32_t)sector;
	traits->read_only = opening->config->read_only;
	traits->volatile_cache = true;
	rc = find_size(opening, traits->logical_block);
	if (rc < 0)
		return rc;
	if (file->is_device)
		fill_device_traits(opening);
	else
		fill_file_traits(opening);
	if (uuid != NULL && parse_uuid(uuid, traits->identity) < 0)
		return store_refuse(opening->error, -EINVAL, "uuid",
				    "uuid = \"%.60s\" is not 32 hexadecimal digits", uuid);
	return 0;
}

/* --- direct I/O --- */

static int choose_direct(struct opening *opening)
{
	struct file_store *file = opening->file;
	unsigned wish = settings_choice(opening->config, file_settings, "direct", "auto");
	const char *in_memory = direct_in_memory(file->buffered_fd);
	int rc;

	file->fd = file->buffered_fd;
	file->direct = (struct direct_limits){ SECTOR, SECTOR };
	if (wish == DIRECT_OFF) {
		snprintf(file->refusal, sizeof(file->refusal), "direct = off");
		return 0;
	}
	if (wish == DIRECT_AUTO && in_memory != NULL) {
		snprintf(file->refusal, sizeof(file->refusal), "O_DIRECT means nothing on %s",
			 in_memory);
		return 0;
	}
	rc = direct_open(file->buffered_fd, opening->config->read_only, opening->bytes, &file->fd,
			 &file->direct, file->refusal, sizeof(file->refusal));
	if (rc < 0 && wish == DIRECT_ON)
		return store_refuse(opening->error, rc, "direct",
				    "%s: %s (direct = \"auto\" does without)", file->path,
				    file->refusal);
	file->is_direct = rc == 0;
	if (file->is_direct)
		file->store.traits.physical_block =
			max(file->store.traits.physical_block, file->direct.offset_align);
	return 0;
}

/* --- all of it --- */

static struct file_store *allocate(const struct store_config *config)
{
	struct file_store *file = calloc(1, sizeof(*file));

	if (file == NULL)
		return NULL;
	file->store.ops = &store_file_ops;
	file->fd = -1;
	file->buffered_fd = -1;
	file->path = strdup(settings_text(config, "path"));
	file->zeroes = mmap(NULL, ZEROES_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	file->lane_count = store_reactor_slots(config);
	file->lanes = aligned_alloc(_Alignof(struct file_lane),
				    (file->lane_count + 1) * sizeof(struct file_lane));
	if (file->path == NULL || file->zeroes == MAP_FAILED || file->lanes == NULL) {
		file->lane_count = 0;
		file_close(&file->store);
		return NULL;
	}
	memset(file->lanes, 0, file->lane_count * sizeof(struct file_lane));
	return file;
}

int file_open(const struct store_config *config, struct store **out, struct store_error *error)
{
	struct opening opening = { .config = config, .error = error };
	int rc;

	opening.file = allocate(config);
	if (opening.file == NULL)
		return store_refuse(error, -ENOMEM, NULL, "no memory");
	rc = open_file(&opening);
	if (rc == 0)
		rc = lock_file(&opening);
	if (rc == 0)
		rc = fill_traits(&opening);
	if (rc == 0)
		rc = choose_direct(&opening);
	if (rc < 0) {
		if (opening.created)
			unlink(opening.file->path);
		file_close(&opening.file->store);
		return rc;
	}
	*out = &opening.file->store;
	return 0;
}

void file_close(struct store *store)
{
	struct flock unlocked = { .l_type = F_UNLCK, .l_whence = SEEK_SET };
	struct file_store *file = file_of(store);
	bool was_used = false;

	for (unsigned i = 0; i < file->lane_count; i++) {
		struct file_lane *lane = &file->lanes[i];

		was_used |= lane->reactor != NULL;
		if (lane->known[false])
			reactor_fd_forget(lane->reactor, file->fd);
		if (lane->known[true])
			reactor_fd_forget(lane->reactor, file->buffered_fd);
	}
	/* A clean stop leaves nothing in caches. */
	if (was_used && !store->traits.read_only && fdatasync(file->buffered_fd) < 0)
		log_error("store file: %s: not everything that was written is there: %s",
			  file->path, strerror(errno));
	if (file->fd >= 0 && file->fd != file->buffered_fd)
		close(file->fd);
	/* A ring that the file was registered with keeps it open a while longer, and its lock. */
	if (file->buffered_fd >= 0) {
		fcntl(file->buffered_fd, F_OFD_SETLK, &unlocked);
		close(file->buffered_fd);
	}
	if (file->zeroes != MAP_FAILED && file->zeroes != NULL)
		munmap(file->zeroes, ZEROES_BYTES);
	free(file->lanes);
	free(file->path);
	free(file);
}
