/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scsi/range.c: who waits for whom. Two reactors turned by hand show each case;
 * three real threads then show that no update is ever lost.
 */
#include "test_scsi_bed.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "scsi/lu.h"
#include "sys/memory.h"

enum { BLOCK = 512 };

/* ---- two reactors by hand ---------------------------------------------------------- */

struct pair {
	struct bed bed;
	struct reactor *other;
	struct scsi_nexus *nexus; /* on it */
};

static struct scsi_nexus *join(struct scsi_target *target, struct reactor *reactor,
			       const char *initiator_port)
{
	struct scsi_nexus_config config = {
		.target = target,
		.reactor = reactor,
		.initiator_port = initiator_port,
		.target_port = "iqn.2026-11.io.pinion:bed,t,0x0001",
		.target_port_group = 1,
	};
	struct scsi_nexus *nexus;

	assert_int_equal(scsi_nexus_create(&config, &nexus), 0);
	return nexus;
}

static void turns(struct pair *pair)
{
	for (unsigned i = 0; i < 8; i++) {
		reactor_turn(pair->bed.reactor, 0);
		reactor_turn(pair->other, 0);
	}
}

static struct reactor *make_reactor(struct memory *memory, unsigned index)
{
	struct reactor_config config = {
		.index = index,
		.cpu = -1,
		.engine = ENGINE_EPOLL,
		.arena_bytes = 4 << 20,
		.memory = memory,
	};
	struct reactor *reactor;

	assert_int_equal(reactor_create(&config, &reactor), 0);
	return reactor;
}

/* TEST UNIT READY, which takes the unit attention. */
static void clear_attention(struct pair *pair)
{
	struct bed_cmd cmd;

	BED_CDB(&pair->bed, &cmd, 0x00, 0, 0, 0, 0, 0);
	cmd.cmd.nexus = pair->nexus;
	bed_start(&cmd);
	bed_release(&cmd);
}

static int setup(void **state)
{
	struct pair *pair = calloc(1, sizeof(*pair));

	bed_setup(&pair->bed, &(struct bed_config){ .mappable = true, .atomic_write = UINT32_MAX });
	bed_clear_attention(&pair->bed);
	pair->other = make_reactor(pair->bed.memory, 1);
	pair->nexus =
		join(pair->bed.target, pair->other, "iqn.2026-11.test:other,i,0x400000000002");
	clear_attention(pair);
	turns(pair);
	*state = pair;
	return 0;
}

static int teardown(void **state)
{
	struct pair *pair = *state;

	turns(pair);
	scsi_nexus_destroy(pair->nexus);
	scsi_nexus_destroy(pair->bed.nexus);
	pair->bed.nexus = NULL;
	reactor_destroy(pair->other);
	bed_teardown(&pair->bed);
	free(pair);
	return 0;
}

static void make(struct pair *pair, bool on_other, struct bed_cmd *cmd, uint8_t opcode,
		 uint64_t lba, uint8_t blocks)
{
	uint8_t cdb[16] = { opcode };

	put_be64(cdb + 2, lba);
	cdb[13] = blocks;
	bed_cdb(&pair->bed, cmd, cdb, 16);
	if (on_other)
		cmd->cmd.nexus = pair->nexus;
}

static void start_read(struct pair *pair, bool on_other, struct bed_cmd *cmd, uint64_t lba,
		       uint8_t blocks)
{
	make(pair, on_other, cmd, 0x88, lba, blocks);
	bed_wants(cmd, blocks * BLOCK);
	bed_start(cmd);
}

static void start_write(struct pair *pair, bool on_other, struct bed_cmd *cmd, uint64_t lba,
			uint8_t blocks, const void *data)
{
	make(pair, on_other, cmd, 0x8a, lba, blocks);
	bed_has(cmd, data, blocks * BLOCK);
	bed_start(cmd);
}

/* Expects zeros. */
static void start_lock(struct pair *pair, bool on_other, struct bed_cmd *cmd, uint64_t lba,
		       uint8_t blocks, const uint8_t *data)
{
	make(pair, on_other, cmd, 0x89, lba, blocks);
	bed_has(cmd, data, 2 * blocks * BLOCK);
	bed_start(cmd);
}

static void expect_good(struct bed_cmd *cmd)
{
	assert_int_equal(cmd->completions, 1);
	assert_int_equal(cmd->cmd.status, 0x00);
	bed_release(cmd);
}

/* One block that must be zeros, and one that it becomes. */
static const uint8_t one_block[2 * BLOCK] = { [BLOCK] = 1 };
static const uint8_t two_blocks[4 * BLOCK] = { [2 * BLOCK] = 1, [3 * BLOCK] = 2 };

static void test_range__waits_for_data_on_the_wire(void **state)
{
	struct pair *pair = *state;
	struct bed_cmd before, beside, lock, after;

	/* The medium's own memory is being sent, next to that which is wanted, and in it. */
	start_read(pair, true, &beside, 12, 8);
	start_read(pair, true, &before, 8, 4);
	assert_int_equal(before.completions, 1);
	start_lock(pair, false, &lock, 10, 2, two_blocks);
	turns(pair);
	assert_int_equal(lock.completions, 0);
	/* Whoever comes now waits behind the lock. */
	start_read(pair, true, &after, 11, 1);
	turns(pair);
	assert_int_equal(after.completions, 0);
	bed_release(&before);
	turns(pair);
	expect_good(&lock);
	assert_int_equal(after.completions, 1);
	assert_int_equal(after.in[0], 2);
	bed_release(&after);
	bed_release(&beside);
}

static void test_range__waits_for_data_that_lands(void **state)
{
	struct pair *pair = *state;
	uint8_t ones[BLOCK];
	struct bed_cmd write, lock;

	memset(ones, 1, sizeof(ones));
	make(pair, true, &write, 0x8a, 10, 1);
	bed_has(&write, ones, BLOCK);
	write.hold_data = true;
	bed_start(&write);
	assert_true(write.wants_data);
	start_lock(pair, false, &lock, 10, 1, one_block);
	turns(pair);
	assert_int_equal(lock.completions, 0);
	bed_send_data(&write);
	expect_good(&write);
	turns(pair);
	assert_int_equal(lock.completions, 1);
	bed_expect_sense(&lock, 0x0e, 0x1d00);
	bed_release(&lock);
}

static void test_range__keeps_others_out_of_its_blocks_only(void **state)
{
	static const uint8_t nines[4 * BLOCK] = { 9 };
	struct pair *pair = *state;
	struct bed_cmd lock, same[2], across, left, right;

	pair->bed.store.hold = true;
	start_lock(pair, false, &lock, 10, 2, two_blocks);
	turns(pair);
	assert_int_equal(pair->bed.store.held_count, 1);
	pair->bed.store.hold = false;
	for (unsigned i = 0; i < 2; i++)
		start_write(pair, i == 1, &same[i], 10 + i, 1, nines);
	start_read(pair, true, &across, 8, 4);
	start_write(pair, true, &left, 6, 4, nines);
	start_read(pair, false, &right, 12, 4);
	turns(pair);
	assert_int_equal(same[0].completions + same[1].completions + across.completions, 0);
	expect_good(&left);
	expect_good(&right);
	assert_int_equal(bed_medium(&pair->bed, 10)[0], 0);
	bed_store_finish(&pair->bed, 0);
	turns(pair);
	expect_good(&lock);
	expect_good(&same[0]);
	expect_good(&same[1]);
	assert_int_equal(bed_medium(&pair->bed, 10)[0], 9);
	assert_int_equal(bed_medium(&pair->bed, 11)[0], 9);
	expect_good(&across);
}

static void test_range__one_after_the_other(void **state)
{
	struct pair *pair = *state;
	struct bed_cmd first, second, elsewhere;

	pair->bed.store.hold = true;
	start_lock(pair, true, &first, 10, 1, one_block);
	turns(pair);
	start_lock(pair, false, &second, 9, 2, two_blocks);
	start_lock(pair, false, &elsewhere, 11, 1, one_block);
	turns(pair);
	/* The first and the one that has nothing to do with it. */
	assert_int_equal(pair->bed.store.held_count, 2);
	pair->bed.store.hold = false;
	bed_store_finish(&pair->bed, 0);
	bed_store_finish(&pair->bed, 0);
	turns(pair);
	expect_good(&first);
	expect_good(&elsewhere);
	assert_int_equal(second.completions, 1);
	bed_expect_sense(&second, 0x0e, 0x1d00);
	assert_int_equal(get_be32(second.cmd.sense + 3), BLOCK);
	bed_release(&second);
}

static void test_range__each_command_that_wants_to_be_alone(void **state)
{
	static const uint8_t opcodes[] = { 0x89, 0x8b, 0x9c };
	struct pair *pair = *state;
	struct bed_cmd before, alone, after;

	for (unsigned i = 0; i < sizeof(opcodes); i++) {
		start_read(pair, true, &before, 10, 1);
		make(pair, false, &alone, opcodes[i], 10, 1);
		bed_has(&alone, i == 0 ? two_blocks : two_blocks + 2 * BLOCK,
			i == 0 ? 2 * BLOCK : BLOCK);
		bed_start(&alone);
		turns(pair);
		assert_int_equal(alone.completions, 0);
		bed_release(&before);
		turns(pair);
		expect_good(&alone);
		start_read(pair, true, &after, 10, 1);
		expect_good(&after);
		assert_int_equal(bed_medium(&pair->bed, 10)[0], i == 0 ? 0 : 1);
	}
}

static void test_range__abort_of_those_who_wait(void **state)
{
	static const uint8_t nines[BLOCK] = { 9 };
	struct pair *pair = *state;
	struct bed_cmd lock, queued, fenced;

	pair->bed.store.hold = true;
	start_lock(pair, false, &lock, 10, 1, one_block);
	turns(pair);
	pair->bed.store.hold = false;
	start_lock(pair, true, &queued, 10, 1, one_block);
	start_write(pair, true, &fenced, 10, 1, nines);
	turns(pair);
	scsi_cmd_abort(&fenced.cmd);
	assert_int_equal(fenced.completions, 1);
	assert_true(fenced.cmd.aborted);
	bed_release(&fenced);
	scsi_cmd_abort(&queued.cmd);
	scsi_cmd_abort(&queued.cmd);
	turns(pair);
	assert_int_equal(queued.completions, 1);
	assert_true(queued.cmd.aborted);
	bed_release(&queued);
	bed_store_finish(&pair->bed, 0);
	turns(pair);
	expect_good(&lock);
	assert_int_equal(bed_medium(&pair->bed, 10)[0], 1);
}

static void test_range__abort_while_others_leave(void **state)
{
	struct pair *pair = *state;
	struct bed_cmd before, lock, again, after;

	start_read(pair, true, &before, 10, 1);
	start_lock(pair, false, &lock, 10, 1, one_block);
	turns(pair);
	start_read(pair, false, &after, 10, 1);
	turns(pair);
	assert_int_equal(after.completions, 0);
	/* It need not wait for the one who does not leave. */
	scsi_cmd_abort(&lock.cmd);
	turns(pair);
	assert_int_equal(lock.completions, 1);
	bed_release(&lock);
	/* Nor must those who came behind. */
	expect_good(&after);
	bed_release(&before);
	turns(pair);
	start_lock(pair, true, &again, 10, 1, one_block);
	turns(pair);
	expect_good(&again);
}

static void test_range__abort_that_comes_too_late(void **state)
{
	struct pair *pair = *state;
	struct bed_cmd lock, again;

	/* On the home core the answer is under way when it is aborted on the other. */
	start_lock(pair, true, &lock, 10, 1, one_block);
	reactor_turn(pair->bed.reactor, 0);
	reactor_turn(pair->other, 0);
	reactor_turn(pair->bed.reactor, 0);
	assert_int_equal(lock.completions, 0);
	scsi_cmd_abort(&lock.cmd);
	turns(pair);
	assert_int_equal(lock.completions, 1);
	assert_true(lock.cmd.aborted);
	assert_int_equal(bed_medium(&pair->bed, 10)[0], 0);
	bed_release(&lock);
	start_lock(pair, false, &again, 10, 1, one_block);
	turns(pair);
	expect_good(&again);
}

static void test_range__a_core_that_joins_meanwhile(void **state)
{
	static const uint8_t nines[BLOCK] = { 9 };
	struct pair *pair = *state;
	struct reactor *third = make_reactor(pair->bed.memory, 2);
	struct scsi_nexus *nexus, *theirs = pair->nexus;
	struct bed_cmd lock, write;

	pair->bed.store.hold = true;
	start_lock(pair, false, &lock, 10, 1, one_block);
	turns(pair);
	pair->bed.store.hold = false;
	nexus = join(pair->bed.target, third, "iqn.2026-11.test:third,i,0x400000000003");
	pair->nexus = nexus;
	clear_attention(pair);
	start_write(pair, true, &write, 10, 1, nines);
	for (unsigned i = 0; i < 4; i++) {
		reactor_turn(third, 0);
		turns(pair);
	}
	assert_int_equal(write.completions, 0);
	bed_store_finish(&pair->bed, 0);
	for (unsigned i = 0; i < 4; i++) {
		turns(pair);
		reactor_turn(third, 0);
	}
	expect_good(&lock);
	expect_good(&write);
	assert_int_equal(bed_medium(&pair->bed, 10)[0], 9);
	scsi_nexus_destroy(nexus);
	pair->nexus = theirs;
	turns(pair);
	reactor_destroy(third);
}

static void test_range__many_want_the_same(void **state)
{
	enum { MANY = 40 };
	static struct bed_cmd lock[MANY];
	struct pair *pair = *state;
	unsigned won = 0;

	for (unsigned i = 0; i < MANY; i++)
		start_lock(pair, i % 2, &lock[i], i % 4 == 0 ? 100 + i : 10, 1, one_block);
	for (unsigned i = 0; i < 100; i++)
		turns(pair);
	for (unsigned i = 0; i < MANY; i++) {
		assert_int_equal(lock[i].completions, 1);
		won += lock[i].cmd.status == 0x00;
		bed_release(&lock[i]);
	}
	assert_int_equal(won, MANY / 4 + 1);
}

/* ---- three threads ------------------------------------------------------------------ */

enum {
	WORKERS = 3,
	TRIES = 100000,
	HALVES = 4, /* blocks that are compared and written together */
	RESETS = 2000,
	LOOKS = 16, /* after each */
	COUNTS = 1000, /* that must have been done meanwhile */
	COUNTER_LBA = 3, /* not at the beginning of a page */
	EPOCH_LBA = 21,
	DISK_BYTES = 64 * BLOCK,
};

struct stress {
	struct memory *memory;
	struct reactor *reactors[WORKERS];
	struct scsi_target *target;
	_Atomic unsigned running;
	_Atomic unsigned tries;
	struct worker *workers;
};

/* An initiator with one command at a time, on its own reactor's thread. */
struct worker {
	struct message start;
	struct stress *stress;
	struct scsi_nexus *nexus;
	struct scsi_cmd cmd;
	unsigned number;
	uint8_t data[2 * HALVES * BLOCK];
	void (*next)(struct worker *worker);
	struct deferred again;
	uint64_t value, epoch; /* as they were read */
	unsigned done;
	bool is_torn, is_lost; /* what must not be */
};

static void worker_receive(struct scsi_cmd *cmd)
{
	struct worker *worker = container_of(cmd, struct worker, cmd);

	extents_copy_in(&cmd->data, 0, worker->data, cmd->data_out_length);
	scsi_data_out_received(cmd, 0);
}

static void worker_complete(struct scsi_cmd *cmd)
{
	struct worker *worker = container_of(cmd, struct worker, cmd);

	extents_copy_out(&cmd->data, 0, worker->data, cmd->data_in_length);
	scsi_cmd_release(cmd);
	/* From the loop, not deeper and deeper. */
	reactor_defer(worker->nexus->reactor, &worker->again);
}

static void worker_go_on(struct deferred *again)
{
	struct worker *worker = container_of(again, struct worker, again);

	worker->next(worker);
}

static const struct scsi_port_ops worker_port = {
	.receive_data_out = worker_receive,
	.complete = worker_complete,
};

static void command(struct worker *worker, uint8_t opcode, uint64_t lba, uint8_t blocks,
		    uint32_t out, void (*next)(struct worker *worker))
{
	struct scsi_cmd *cmd = &worker->cmd;

	memset(cmd, 0, sizeof(*cmd));
	cmd->nexus = worker->nexus;
	cmd->port = &worker_port;
	cmd->cdb[0] = opcode;
	put_be64(cmd->cdb + 2, lba);
	cmd->cdb[13] = blocks;
	cmd->cdb_length = 16;
	cmd->private_data = (worker->done + worker->number) % 2;
	cmd->writes = out != 0;
	cmd->data_out_available = out;
	cmd->reads = opcode == 0x88;
	cmd->data_in_wanted = blocks * BLOCK;
	worker->next = next;
	scsi_command_received(cmd);
}

static void worker_end(struct worker *worker)
{
	if (atomic_fetch_sub(&worker->stress->running, 1) > 1)
		return;
	for (unsigned i = 0; i < WORKERS; i++)
		reactor_stop(worker->stress->reactors[i]);
}

/* Adding: read, compare and write one more, until it has worked so many times. */
static void add_read(struct worker *worker);

static void added(struct worker *worker)
{
	bool is_enough = atomic_fetch_add(&worker->stress->tries, 1) >= TRIES;

	if (worker->cmd.status == 0x00)
		worker->done++;
	else if (worker->cmd.sense[2] != 0x0e)
		worker->is_lost = true;
	if (!is_enough && !worker->is_lost && !worker->is_torn)
		add_read(worker);
	else
		worker_end(worker);
}

static void add_write(struct worker *worker)
{
	/* All blocks say the same, or else a read saw a half of a COMPARE AND WRITE. */
	for (unsigned i = 1; i < HALVES; i++)
		worker->is_torn |= memcmp(worker->data, worker->data + i * BLOCK, BLOCK) != 0;
	worker->value = get_be64(worker->data);
	memcpy(worker->data + HALVES * BLOCK, worker->data, HALVES * BLOCK);
	for (unsigned i = HALVES; i < 2 * HALVES; i++) {
		put_be64(worker->data + i * BLOCK, worker->value + 1);
		put_be64(worker->data + i * BLOCK + BLOCK - 8, worker->value + 1);
	}
	command(worker, 0x89, COUNTER_LBA, HALVES, 2 * HALVES * BLOCK, added);
}

static void add_read(struct worker *worker)
{
	command(worker, 0x88, COUNTER_LBA, HALVES, 0, add_write);
}

/*
 * Resetting: one worker writes a new epoch with plain writes, the others count
 * within whatever epoch they find. An old epoch must never come back.
 */
static void reset_write(struct worker *worker);

static void reset_look(struct worker *worker);

static void reset_check(struct worker *worker)
{
	worker->is_lost = get_be64(worker->data) != worker->epoch;
	worker->done++;
	if (worker->is_lost ||
	    (worker->done >= RESETS * LOOKS && atomic_load(&worker->stress->tries) >= COUNTS))
		worker_end(worker);
	else if (worker->done % LOOKS == 0)
		reset_write(worker);
	else
		reset_look(worker);
}

static void reset_look(struct worker *worker)
{
	command(worker, 0x88, EPOCH_LBA, 1, 0, reset_check);
}

static void reset_write(struct worker *worker)
{
	memset(worker->data, 0, BLOCK);
	put_be64(worker->data, ++worker->epoch);
	command(worker, 0x8a, EPOCH_LBA, 1, BLOCK, reset_look);
}

static void count_read(struct worker *worker);

static void counted(struct worker *worker)
{
	if (worker->cmd.status == 0x00)
		atomic_fetch_add(&worker->stress->tries, 1);
	/* Until the resetting worker has ended. */
	if (atomic_load(&worker->stress->running) == WORKERS)
		count_read(worker);
	else
		worker_end(worker);
}

static void count_write(struct worker *worker)
{
	memcpy(worker->data + BLOCK, worker->data, BLOCK);
	put_be64(worker->data + BLOCK + 8, get_be64(worker->data + 8) + 1);
	command(worker, 0x89, EPOCH_LBA, 1, 2 * BLOCK, counted);
}

static void count_read(struct worker *worker)
{
	command(worker, 0x88, EPOCH_LBA, 1, 0, count_write);
}

/* Two attempts: the first may only fetch the unit attention. */
static void begin_adding(struct worker *worker)
{
	command(worker, 0x00, 0, 0, 0, add_read);
}

static void begin_resetting(struct worker *worker)
{
	command(worker, 0x00, 0, 0, 0, worker->number == 0 ? reset_write : count_read);
}

/*
 * A store with as wide a gap as there can be between the beginning of an I/O and
 * its end: a read takes its data at once, a write leaves one half at the end.
 */
struct lazy_lane {
	struct deferred deferred;
	struct list begun;
};

struct lazy_store {
	struct store store;
	uint8_t *medium;
	struct lazy_lane lanes[WORKERS];
};

static uint8_t *lazy_place(const struct store_io *io)
{
	return container_of(io->store, struct lazy_store, store)->medium + io->offset;
}

static bool is_in_place(const struct store_io *io)
{
	return io->data->extent[0].data == lazy_place(io);
}

static void lazy_end(struct deferred *deferred)
{
	struct lazy_lane *lane = container_of(deferred, struct lazy_lane, deferred);
	struct list begun;
	struct list_node *node;

	list_init(&begun);
	list_splice_back(&begun, &lane->begun);
	while ((node = list_pop_front(&begun)) != NULL) {
		struct store_io *io = container_of(node, struct store_io, link);

		if (io->op == STORE_WRITE && !is_in_place(io))
			extents_copy_out(io->data, 0, lazy_place(io), io->length / 2);
		io->done(io, 0);
	}
}

static void lazy_submit(struct store *store, struct store_io *io)
{
	struct lazy_store *lazy = container_of(store, struct lazy_store, store);
	struct lazy_lane *lane = &lazy->lanes[reactor_index(io->reactor)];

	if (io->op == STORE_READ && !is_in_place(io))
		extents_copy_in(io->data, 0, lazy_place(io), io->length);
	else if (io->op == STORE_WRITE && !is_in_place(io))
		extents_copy_out(io->data, io->length / 2, lazy_place(io) + io->length / 2,
				 io->length / 2);
	list_node_init(&io->link);
	list_push_back(&lane->begun, &io->link);
	reactor_defer(io->reactor, &lane->deferred);
	/* The others shall have their turn just now. */
	sched_yield();
}

static int lazy_map(struct store *store, enum store_op op, uint64_t offset, uint32_t length,
		    struct extents *out)
{
	struct lazy_store *lazy = container_of(store, struct lazy_store, store);

	(void)op;
	extents_init(out);
	out->borrowed = true;
	out->count = 1;
	out->length = length;
	out->extent[0] = (struct extent){ lazy->medium + offset, length, NULL };
	return 0;
}

static void lazy_close(struct store *store)
{
	struct lazy_store *lazy = container_of(store, struct lazy_store, store);

	free(lazy->medium);
	free(lazy);
}

static const struct store_ops lazy_ops = {
	.name = "lazy",
	.submit = lazy_submit,
	.map = lazy_map,
	.close = lazy_close,
};

static void make_disk(struct stress *stress)
{
	struct lazy_store *lazy = calloc(1, sizeof(*lazy));
	struct scsi_lu_config config = {
		.store = &lazy->store,
		.block_size = BLOCK,
		.seed = "stress",
	};
	char text[200];
	struct scsi_lu *lu;

	lazy->medium = calloc(1, DISK_BYTES);
	lazy->store.ops = &lazy_ops;
	lazy->store.traits = (struct store_traits){
		.size = DISK_BYTES,
		.logical_block = BLOCK,
		.physical_block = BLOCK,
		.mappable = true,
	};
	for (unsigned i = 0; i < WORKERS; i++) {
		lazy->lanes[i].deferred.run = lazy_end;
		list_init(&lazy->lanes[i].begun);
	}
	assert_int_equal(scsi_lu_create(&config, &lu, text, sizeof(text)), 0);
	assert_int_equal(scsi_target_create("iqn.2026-11.io.pinion:bed", &stress->target), 0);
	assert_int_equal(scsi_target_add(stress->target, 0, lu), 0);
}

static void worker_start(struct message *message)
{
	struct worker *worker = container_of(message, struct worker, start);
	char name[64];

	snprintf(name, sizeof(name), "iqn.2026-11.test:w%u,i,0x400000000001", worker->number);
	worker->nexus =
		join(worker->stress->target, worker->stress->reactors[worker->number], name);
	worker->again.run = worker_go_on;
	worker->next(worker);
}

static void run(struct stress *stress, struct worker *workers, void (*begin)(struct worker *worker))
{
	struct memory_config memory = { MEMORY_OFF, MEMORY_OFF };

	memset(stress, 0, sizeof(*stress));
	memset(workers, 0, WORKERS * sizeof(*workers));
	assert_int_equal(memory_create(&memory, &stress->memory), 0);
	for (unsigned i = 0; i < WORKERS; i++)
		stress->reactors[i] = make_reactor(stress->memory, i);
	make_disk(stress);
	atomic_store(&stress->running, WORKERS);
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i].stress = stress;
		workers[i].number = i;
		workers[i].next = begin;
		workers[i].start.deliver = worker_start;
		reactor_send(stress->reactors[i], &workers[i].start);
		assert_int_equal(reactor_start(stress->reactors[i]), 0);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		reactor_join(stress->reactors[i]);
}

static void end(struct stress *stress, struct worker *workers)
{
	for (unsigned i = 0; i < WORKERS; i++)
		scsi_nexus_destroy(workers[i].nexus);
	scsi_target_destroy(stress->target);
	for (unsigned i = 0; i < WORKERS; i++)
		reactor_destroy(stress->reactors[i]);
	memory_destroy(stress->memory);
}

/* What the medium says at LBA, when all threads have ended. */
static uint64_t medium_value(struct stress *stress, uint64_t lba)
{
	struct extents extents;

	assert_int_equal(
		store_map(stress->target->lu[0]->store, STORE_READ, lba * BLOCK, BLOCK, &extents),
		0);
	return get_be64(extents.extent[0].data);
}

static void test_range__no_update_is_lost(void **state)
{
	static struct worker workers[WORKERS];
	struct stress stress;
	uint64_t sum = 0;

	(void)state;
	run(&stress, workers, begin_adding);
	for (unsigned i = 0; i < WORKERS; i++) {
		assert_false(workers[i].is_torn);
		assert_false(workers[i].is_lost);
		sum += workers[i].done;
	}
	for (unsigned i = 0; i < HALVES; i++)
		assert_int_equal(medium_value(&stress, COUNTER_LBA + i), sum);
	end(&stress, workers);
}

static void test_range__plain_writes_are_not_lost(void **state)
{
	static struct worker workers[WORKERS];
	struct stress stress;

	(void)state;
#ifdef __SANITIZE_THREAD__
	/* Plain reads and writes of the same blocks are a race, and allowed to be. */
	skip();
#endif
	run(&stress, workers, begin_resetting);
	assert_false(workers[0].is_lost);
	assert_int_equal(medium_value(&stress, EPOCH_LBA), workers[0].epoch);
	end(&stress, workers);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_range__waits_for_data_on_the_wire),
		CASE(test_range__waits_for_data_that_lands),
		CASE(test_range__keeps_others_out_of_its_blocks_only),
		CASE(test_range__one_after_the_other),
		CASE(test_range__each_command_that_wants_to_be_alone),
		CASE(test_range__abort_of_those_who_wait),
		CASE(test_range__abort_while_others_leave),
		CASE(test_range__abort_that_comes_too_late),
		CASE(test_range__a_core_that_joins_meanwhile),
		CASE(test_range__many_want_the_same),
		cmocka_unit_test(test_range__no_update_is_lost),
		cmocka_unit_test(test_range__plain_writes_are_not_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
