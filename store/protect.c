/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Protection information beside the data of another store; SBC-4 section 4.21.
 *
 * It is kept complemented: what was never written, a hole in the file or fresh
 * memory, thus reads as all ones, which means "do not check". A write goes in three
 * steps: first the blocks become unchecked, then the data is written, then its
 * protection information. Whatever kills the daemon in between leaves blocks that are
 * not checked, but none that is wrong. (Who loses power, too, has that of what
 * was written with STORE_FUA or flushed.)
 *
 * Operations that touch the same blocks wait for each other here, in order of
 * arrival and on all reactors, unless both read.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/container.h"
#include "base/crc16.h"
#include "store/kinds.h"
#include "store/settings.h"

enum {
	HEADER = 4096, /* of the file: magic, type, block size; the rest is zero */
	HEADER_USED = 16,
	UNIT = 512, /* the file is made longer to a multiple of it, as the file store likes it */
	ZEROED_AT_ONCE = 8192, /* blocks whose protection information is made at a time */
};

static const char magic[] = "PINIONPI";

struct protect {
	struct store store;
	struct store *data;
	struct store *side;
	char *path; /* NULL: in memory */
	unsigned shift;
	bool checks_reference;
	pthread_mutex_t lock;
	struct list busy; /* struct protect_op, in order of arrival; under lock */
	struct store_tags tags; /* under lock */
	_Atomic bool knows_tags; /* there are some */
	_Atomic bool makes_no_tags; /* are_initiators of them */
};

enum stage { STAGE_CLEAR, STAGE_DATA, STAGE_SIDE, STAGE_END };

struct protect_op {
	struct list_node link; /* of busy */
	struct protect *protect;
	struct store_io *io; /* that arrived */
	uint64_t first, end; /* blocks */
	bool is_in; /* it need not wait; under lock */
	enum stage stage;
	struct store_io below;
	struct extents extents; /* pi */
	uint64_t zeroed; /* blocks of STAGE_SIDE done */
	struct message message; /* it may go on */
	struct deferred turn;
	uint32_t room; /* blocks in pi */
	uint8_t pi[];
};

static struct protect *protect_of(struct store *store)
{
	return container_of(store, struct protect, store);
}

/* ---- eight bytes ---------------------------------------------------------------- */

struct store_pi store_pi_get(const uint8_t bytes[STORE_PI_BYTES])
{
	return (struct store_pi){ get_be16(bytes), get_be16(bytes + 2), get_be32(bytes + 4) };
}

void store_pi_put(const struct store_pi *pi, uint8_t bytes[STORE_PI_BYTES])
{
	put_be16(bytes, pi->guard);
	put_be16(bytes + 2, pi->application);
	put_be32(bytes + 4, pi->reference);
}

bool store_pi_is_escape(const struct store_pi *pi, unsigned type)
{
	return pi->application == UINT16_MAX && (type != 3 || pi->reference == UINT32_MAX);
}

uint16_t store_pi_guard(const struct extents *extents, uint32_t offset, uint32_t len)
{
	struct iovec iov[EXTENTS_MAX];
	uint32_t covered;
	unsigned count = extents_to_iov(extents, offset, len, iov, EXTENTS_MAX, &covered);
	uint16_t guard = 0;

	assert(covered == len);
	for (unsigned i = 0; i < count; i++)
		guard = crc16_t10(guard, iov[i].iov_base, iov[i].iov_len);
	return guard;
}

static void complement(uint8_t *pi, size_t len)
{
	for (size_t i = 0; i < len; i++)
		pi[i] = (uint8_t)~pi[i];
}

/* ---- application tags -------------------------------------------------------------- */

bool store_tags_find(const struct store_tags *tags, uint64_t block, uint16_t *tag)
{
	for (unsigned i = 0; i < tags->count; i++) {
		if (block < tags->range[i].first || block >= tags->range[i].end)
			continue;
		*tag = tags->range[i].tag;
		return true;
	}
	return false;
}

void store_protect_set_tags(struct store *store, const struct store_tags *tags)
{
	struct protect *protect = protect_of(store);

	pthread_mutex_lock(&protect->lock);
	protect->tags = *tags;
	pthread_mutex_unlock(&protect->lock);
	atomic_store_explicit(&protect->makes_no_tags, tags->are_initiators, memory_order_relaxed);
	atomic_store_explicit(&protect->knows_tags, tags->count != 0, memory_order_release);
}

static void get_tags(struct protect *protect, struct store_tags *tags)
{
	pthread_mutex_lock(&protect->lock);
	*tags = protect->tags;
	pthread_mutex_unlock(&protect->lock);
}

void store_protect_tags(struct store *store, struct store_tags *tags)
{
	memset(tags, 0, sizeof(*tags));
	if (store->traits.protection != 0)
		get_tags(protect_of(store), tags);
}

/* ---- who waits for whom ----------------------------------------------------------- */

static bool changes(const struct protect_op *op)
{
	return op->io->op != STORE_READ;
}

static bool may_go(const struct protect *protect, const struct protect_op *op)
{
	const struct list_node *node;

	for (node = protect->busy.head.next; node != &op->link; node = node->next) {
		const struct protect_op *other = container_of(node, struct protect_op, link);

		if (other->first < op->end && op->first < other->end &&
		    (changes(op) || changes(other)))
			return false;
	}
	return true;
}

static bool enter(struct protect_op *op)
{
	struct protect *protect = op->protect;
	bool is_in;

	pthread_mutex_lock(&protect->lock);
	list_push_back(&protect->busy, &op->link);
	is_in = op->is_in = may_go(protect, op);
	pthread_mutex_unlock(&protect->lock);
	return is_in;
}

static void leave(struct protect_op *op)
{
	struct protect *protect = op->protect;
	struct list_node *node;

	pthread_mutex_lock(&protect->lock);
	list_remove(&op->link);
	for (node = protect->busy.head.next; node != &protect->busy.head; node = node->next) {
		struct protect_op *other = container_of(node, struct protect_op, link);

		if (other->is_in || !may_go(protect, other))
			continue;
		other->is_in = true;
		reactor_send(other->io->reactor, &other->message);
	}
	pthread_mutex_unlock(&protect->lock);
}

/* ---- the way of an operation -------------------------------------------------------- */

static void finish(struct protect_op *op, int err)
{
	struct store_io *io = op->io;

	if (io->op != STORE_FLUSH && io->op != STORE_STATUS)
		leave(op);
	free(op);
	io->done(io, err);
}

static void go_on(struct protect_op *op);

static void below_done(struct store_io *below, int err)
{
	struct protect_op *op = container_of(below, struct protect_op, below);

	if (err < 0)
		finish(op, err);
	else
		go_on(op);
}

static void submit_data(struct protect_op *op)
{
	const struct store_io *io = op->io;

	op->below.store = op->protect->data;
	op->below.op = io->op;
	op->below.flags = io->flags & STORE_FUA;
	op->below.offset = io->offset;
	op->below.length = io->length;
	op->below.range = io->range;
	op->below.data = io->data;
	store_submit(&op->below);
}

/* Of BLOCKS from FIRST on; what is not read or written becomes zeros, that is, all ones. */
static void submit_side(struct protect_op *op, enum store_op what, uint64_t first, uint64_t blocks)
{
	bool has_data = what == STORE_READ || what == STORE_WRITE;

	op->below.store = op->protect->side;
	op->below.op = what;
	op->below.flags = op->io->flags & STORE_FUA;
	op->below.offset = (op->protect->path != NULL ? HEADER : 0) + first * STORE_PI_BYTES;
	op->below.length = has_data ? (uint32_t)(blocks * STORE_PI_BYTES) : 0;
	op->below.range = has_data || what == STORE_FLUSH ? 0 : blocks * STORE_PI_BYTES;
	if (what == STORE_FLUSH)
		op->below.offset = 0;
	op->extents.extent[0].length = op->extents.length = op->below.length;
	op->below.data = has_data ? &op->extents : NULL;
	store_submit(&op->below);
}

static uint64_t blocks_of(const struct protect_op *op)
{
	return op->end - op->first;
}

/*
 * Protection information for a write that brings none: SBC-4 table 133, code 000b. With type 2 the
 * reference tag would be refused by whoever expects one, so nothing is checked.
 */
static void make_pi(struct protect_op *op, uint64_t lba, uint32_t index, uint16_t guard)
{
	const struct protect *protect = op->protect;
	unsigned type = protect->store.traits.protection;
	bool is_initiators = atomic_load_explicit(&protect->makes_no_tags, memory_order_relaxed);
	struct store_pi pi = {
		.guard = guard,
		.application = is_initiators || type == 2 ? UINT16_MAX : 0,
		.reference = type == 1 ? (uint32_t)lba : UINT32_MAX,
	};

	store_pi_put(&pi, op->pi + index * STORE_PI_BYTES);
}

static void write_pi(struct protect_op *op)
{
	uint32_t blocks = (uint32_t)blocks_of(op);
	uint32_t size = 1u << op->protect->shift;

	if (op->io->flags & STORE_PI)
		extents_copy_out(op->io->data, op->io->length, op->pi, blocks * STORE_PI_BYTES);
	for (uint32_t i = 0; !(op->io->flags & STORE_PI) && i < blocks; i++)
		make_pi(op, op->first + i, i, store_pi_guard(op->io->data, i * size, size));
	complement(op->pi, (size_t)blocks * STORE_PI_BYTES);
	submit_side(op, STORE_WRITE, op->first, blocks);
}

/* A part of it: the guard of zeros is zero. */
static void write_pi_of_zeros(struct protect_op *op)
{
	uint64_t at = op->first + op->zeroed;
	uint32_t blocks = (uint32_t)min(op->end - at, (uint64_t)op->room);

	for (uint32_t i = 0; i < blocks; i++)
		make_pi(op, at + i, i, 0);
	complement(op->pi, (size_t)blocks * STORE_PI_BYTES);
	op->zeroed += blocks;
	submit_side(op, STORE_WRITE, at, blocks);
}

static void more_zeros(struct deferred *turn)
{
	write_pi_of_zeros(container_of(turn, struct protect_op, turn));
}

static int check_block(struct protect_op *op, const struct store_tags *tags, uint32_t index)
{
	uint32_t size = 1u << op->protect->shift;
	struct store_pi pi = store_pi_get(op->pi + index * STORE_PI_BYTES);
	uint16_t tag;

	if (store_pi_is_escape(&pi, op->protect->store.traits.protection))
		return 0;
	op->io->run = index;
	if (pi.guard != store_pi_guard(op->io->data, index * size, size))
		return STORE_GUARD_WRONG;
	if (store_tags_find(tags, op->first + index, &tag) && pi.application != tag)
		return STORE_APPLICATION_WRONG;
	if (op->protect->checks_reference && pi.reference != (uint32_t)(op->first + index))
		return STORE_REFERENCE_WRONG;
	return 0;
}

static int end_read(struct protect_op *op)
{
	uint32_t blocks = (uint32_t)blocks_of(op);
	struct store_tags tags = { .count = 0 };
	int err = 0;

	if (atomic_load_explicit(&op->protect->knows_tags, memory_order_acquire))
		get_tags(op->protect, &tags);
	complement(op->pi, (size_t)blocks * STORE_PI_BYTES);
	if (op->io->flags & STORE_PI)
		extents_copy_in(op->io->data, op->io->length, op->pi, blocks * STORE_PI_BYTES);
	for (uint32_t i = 0; !(op->io->flags & STORE_PI) && err == 0 && i < blocks; i++)
		err = check_block(op, &tags, i);
	return err;
}

static void do_side(struct protect_op *op)
{
	bool is_unchecked = op->io->flags & STORE_UNCHECKED;

	op->stage = STAGE_END;
	switch (op->io->op) {
	case STORE_READ:
		submit_side(op, STORE_READ, op->first, blocks_of(op));
		return;
	case STORE_FLUSH:
		submit_side(op, STORE_FLUSH, 0, 0);
		return;
	case STORE_WRITE:
		if (is_unchecked)
			break;
		write_pi(op);
		return;
	case STORE_WRITE_ZEROES:
		if (is_unchecked || op->first == op->end)
			break;
		write_pi_of_zeros(op);
		return;
	case STORE_STATUS:
		op->io->run = op->below.run;
		op->io->is_hole = op->below.is_hole;
		break;
	default:
		break;
	}
	finish(op, 0);
}

static void end(struct protect_op *op)
{
	if (op->io->op == STORE_WRITE_ZEROES && op->zeroed < blocks_of(op)) {
		/* Others first: a WRITE SAME may be long, and a store in memory done at once. */
		op->turn.run = more_zeros;
		reactor_defer(op->io->reactor, &op->turn);
		return;
	}
	finish(op, op->io->op == STORE_READ ? end_read(op) : 0);
}

static void go_on(struct protect_op *op)
{
	switch (op->stage) {
	case STAGE_CLEAR:
		op->stage = STAGE_DATA;
		/* A write's are all zero yet: quicker than to ask a file to forget. */
		submit_side(op, op->io->op == STORE_WRITE ? STORE_WRITE : STORE_WRITE_ZEROES,
			    op->first, blocks_of(op));
		return;
	case STAGE_DATA:
		op->stage = STAGE_SIDE;
		submit_data(op);
		return;
	case STAGE_SIDE:
		do_side(op);
		return;
	case STAGE_END:
		end(op);
		return;
	}
}

static void waited(struct message *message)
{
	go_on(container_of(message, struct protect_op, message));
}

static uint32_t room_of(const struct protect *protect, const struct store_io *io)
{
	switch (io->op) {
	case STORE_READ:
	case STORE_WRITE:
		return io->length >> protect->shift;
	case STORE_WRITE_ZEROES:
		return (uint32_t)min(io->range >> protect->shift, (uint64_t)ZEROED_AT_ONCE);
	default:
		return 0;
	}
}

static void protect_submit(struct store *store, struct store_io *io)
{
	struct protect *protect = protect_of(store);
	uint32_t room = room_of(protect, io);
	int err = store_io_check(store, io);
	struct protect_op *op;

	if (err < 0 || io->op == STORE_COPY) {
		if (err < 0)
			io->done(io, err);
		else
			store_declines_copy(io);
		return;
	}
	op = calloc(1, sizeof(*op) + (size_t)room * STORE_PI_BYTES);
	if (op == NULL) {
		io->done(io, -ENOMEM);
		return;
	}
	op->protect = protect;
	op->io = io;
	op->room = room;
	op->first = io->offset >> protect->shift;
	op->end = op->first + (store_io_bytes(io) >> protect->shift);
	op->extents.count = 1;
	op->extents.borrowed = true;
	op->extents.extent[0].data = op->pi;
	op->message.deliver = waited;
	op->below.reactor = io->reactor;
	op->below.done = below_done;
	op->stage = io->op == STORE_WRITE || io->op == STORE_WRITE_ZEROES || io->op == STORE_DISCARD
			    ? STAGE_CLEAR
			    : STAGE_DATA;
	if (io->op == STORE_FLUSH || io->op == STORE_STATUS || enter(op))
		go_on(op);
}

/* ---- opening ---------------------------------------------------------------------- */

static void protect_free(struct protect *protect)
{
	store_close(protect->side);
	pthread_mutex_destroy(&protect->lock);
	free(protect->path);
	free(protect);
}

static void protect_close(struct store *store)
{
	struct protect *protect = protect_of(store);

	assert(list_is_empty(&protect->busy));
	store_close(protect->data);
	protect_free(protect);
}

static int protect_usage(struct store *store, struct store_usage *usage)
{
	struct store *data = protect_of(store)->data;

	return data->ops->usage != NULL ? data->ops->usage(data, usage) : -EOPNOTSUPP;
}

static uint64_t side_size(const struct protect *protect, uint64_t size)
{
	return (protect->path != NULL ? HEADER : 0) + (size >> protect->shift) * STORE_PI_BYTES;
}

/* The file store leaves out what is no whole unit at the end of a file; here every byte is needed. */
static void set_side_size(struct protect *protect, uint64_t size)
{
	__atomic_store_n(&protect->side->traits.size, side_size(protect, size), __ATOMIC_RELEASE);
}

/* The data may have become larger: first there must be room beside it. */
static int protect_measure(struct store *store, uint64_t *size)
{
	struct protect *protect = protect_of(store);
	int rc = store_measure(protect->data);
	uint64_t now = align_down(store_size(protect->data), UINT64_C(1) << protect->shift);

	if (rc < 0)
		return rc;
	if (side_size(protect, now) > store_size(protect->side)) {
		if (protect->path == NULL)
			return -EOPNOTSUPP;
		if (truncate(protect->path, (off_t)align_up(side_size(protect, now), UNIT)) < 0)
			return -errno;
		set_side_size(protect, now);
	}
	*size = now;
	return 0;
}

static void protect_describe(const struct store *store, char *text, size_t size)
{
	const struct protect *protect = container_of(store, const struct protect, store);
	size_t used;

	snprintf(text, size, "protection type %u in %s, on %s", store->traits.protection,
		 protect->path != NULL ? protect->path : "memory", protect->data->ops->name);
	used = strlen(text);
	if (protect->data->ops->describe == NULL || used + 3 >= size)
		return;
	memcpy(text + used, ": ", 3);
	protect->data->ops->describe(protect->data, text + used + 2, size - used - 2);
}

static const struct store_ops protect_ops = {
	.name = "protected",
	.help = "protection information beside another store",
	.close = protect_close,
	.submit = protect_submit,
	.usage = protect_usage,
	.measure = protect_measure,
	.describe = protect_describe,
};

static void put_header(const struct store_protect_config *config, uint8_t header[HEADER_USED])
{
	memset(header, 0, HEADER_USED);
	memcpy(header, magic, 8);
	header[8] = (uint8_t)config->type;
	put_be32(header + 12, config->block_size);
}

/* Whether it is ours, of this type and block size; written where there is none. 0 or -errno. */
static int check_header(const struct store_protect_config *config, int fd, uint64_t bytes,
			struct store_error *error)
{
	uint8_t header[HEADER_USED], there[HEADER_USED];

	put_header(config, header);
	if (bytes == 0 && pwrite(fd, header, sizeof(header), 0) != sizeof(header))
		return store_refuse(error, -EIO, "protection-path", "%s cannot be written",
				    config->path);
	if (pread(fd, there, sizeof(there), 0) != sizeof(there) ||
	    memcmp(there, header, sizeof(header)) != 0)
		return store_refuse(error, -EINVAL, "protection-path",
				    "%s is not of protection type %u with blocks of %u bytes",
				    config->path, config->type, config->block_size);
	return 0;
}

static int prepare_file(const struct protect *protect, const struct store_protect_config *config,
			struct store_error *error)
{
	int fd = open(config->path, config->read_only ? O_RDONLY | O_CLOEXEC
						      : O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	uint64_t size = side_size(protect, protect->store.traits.size);
	uint64_t wanted = config->read_only ? size : align_up(size, UNIT);
	struct stat info;
	int rc = 0;

	if (fd < 0 || fstat(fd, &info) < 0)
		rc = store_refuse(error, -errno, "protection-path", "%s: %s", config->path,
				  strerror(errno));
	else if (!S_ISREG(info.st_mode))
		rc = store_refuse(error, -EINVAL, "protection-path", "%s is not a regular file",
				  config->path);
	else
		rc = check_header(config, fd, (uint64_t)info.st_size, error);
	if (rc == 0 && (uint64_t)info.st_size < wanted &&
	    (config->read_only || ftruncate(fd, (off_t)wanted) < 0 || fsync(fd) < 0))
		rc = store_refuse(error, -EINVAL, "protection-path", "%s cannot be made %llu bytes long",
				  config->path, (unsigned long long)size);
	if (fd >= 0)
		close(fd);
	return rc;
}

static int open_side(struct protect *protect, const struct store_protect_config *config,
		     struct store_error *error)
{
	char size[32];
	const struct store_argument file[] = { { "path", config->path }, { "direct", "off" } };
	const struct store_argument ram[] = { { "size", size } };
	struct store_config side = {
		.memory = config->memory,
		.reactors = config->reactors,
		.reactor_count = config->reactor_count,
		.read_only = config->read_only && config->path != NULL,
		.arguments = config->path != NULL ? file : ram,
		.argument_count = config->path != NULL ? 2 : 1,
	};
	int rc = config->path != NULL ? prepare_file(protect, config, error) : 0;

	snprintf(size, sizeof(size), "%llu",
		 (unsigned long long)side_size(protect, protect->store.traits.size));
	if (rc == 0)
		rc = store_open(config->path != NULL ? &store_file_ops : &store_ram_ops, &side,
				&protect->side, error);
	/* Not directly, so nothing keeps it from bytes. */
	if (rc == 0) {
		protect->side->traits.logical_block = 1;
		set_side_size(protect, protect->store.traits.size);
	}
	return rc;
}

int store_protect_open(const struct store_protect_config *config, struct store **out,
		       struct store_error *error)
{
	struct protect *protect = calloc(1, sizeof(*protect));
	struct store_traits *traits;
	int rc = 0;

	if (protect == NULL)
		return store_refuse(error, -ENOMEM, NULL, "no memory");
	pthread_mutex_init(&protect->lock, NULL);
	list_init(&protect->busy);
	protect->shift = log2_floor(config->block_size);
	protect->data = config->data;
	protect->checks_reference = config->type == 1;
	traits = &protect->store.traits;
	*traits = config->data->traits;
	protect->store.ops = &protect_ops;
	traits->size = align_down(traits->size, config->block_size);
	traits->protection = (uint8_t)config->type;
	traits->mappable = false;
	/* Of three steps an accident can leave one, unless it leaves nothing at all. */
	if (config->path != NULL)
		traits->atomic_write = 0;
	if (!is_power_of_two(config->block_size) || traits->logical_block > config->block_size)
		rc = store_refuse(error, -EINVAL, NULL, "no blocks of %u bytes", config->block_size);
	traits->logical_block = config->block_size;
	if (config->path != NULL)
		protect->path = strdup(config->path);
	if (rc == 0 && config->path != NULL && protect->path == NULL)
		rc = store_refuse(error, -ENOMEM, NULL, "no memory");
	if (rc == 0)
		rc = open_side(protect, config, error);
	if (rc < 0) {
		protect_free(protect);
		return rc;
	}
	traits->volatile_cache |= protect->side->traits.volatile_cache;
	*out = &protect->store;
	return 0;
}
