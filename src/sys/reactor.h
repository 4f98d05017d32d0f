/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reactor: one thread on one core, with its ring, timers, messages and
 * memory. Whatever a reactor owns, only its own thread touches.
 *
 * A turn of the loop runs completions, timers and messages, then what was
 * deferred, and submits everything that was queued in one system call. Two
 * engines do the I/O behind the same functions: io_uring, and epoll with a few
 * worker threads where io_uring is missing or forbidden.
 *
 * An operation is embedded in whatever it serves. It is submitted once and
 * completes exactly once, always from the loop, never from inside the
 * submitting call; a cancelled one completes too. Its memory (op, buffers,
 * msghdr) stays its owner's and must stay valid until then.
 */
#ifndef PINION_SYS_REACTOR_H
#define PINION_SYS_REACTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/mpsc.h"
#include "sys/arena.h"

struct reactor;
struct io_op;

/* RES: bytes, a file descriptor, poll events or 0; a negative errno on failure. */
typedef void (*io_done_fn)(struct io_op *op, int res);

enum io_code {
	IO_NONE,
	IO_ACCEPT,
	IO_RECVMSG,
	IO_SENDMSG,
	IO_POLL,
	IO_READ,
	IO_WRITE,
	IO_SYNC,
	IO_WORK,
};

struct io_op {
	io_done_fn done;
	uint8_t code;		/* enum io_code; IO_NONE when not in flight */
	uint8_t state;		/* of the engine */
	uint16_t flags;
	int fd;
	int res;
	union {
		struct {
			struct msghdr *header;
			bool wait_first;
		} msg;
		struct {
			const struct iovec *iov;
			unsigned count;
			int rwf;
			uint64_t offset;
			struct region *region;
		} rw;
		unsigned events;
		bool data_only;
		struct {
			int (*run)(void *argument);
			void *argument;
		} work;
	};
	struct list_node link;	/* of the engine */
	struct mpsc_node finished;	/* of the workers */
};

/* --- operations; call on the reactor's own thread --- */

/* Takes one connection from the listening FD: res is the new descriptor (close-on-exec). */
void reactor_accept(struct reactor *reactor, struct io_op *op, int fd);

/*
 * Receives on a socket what is there, at least one byte: res is the number of
 * bytes, 0 at the end of the stream. WAIT_FIRST: a hint that nothing is there yet.
 */
void reactor_recvmsg(struct reactor *reactor, struct io_op *op, int fd, struct msghdr *header,
		     bool wait_first);

/* Sends on a socket; res may be less than all (the caller goes on with the rest). */
void reactor_sendmsg(struct reactor *reactor, struct io_op *op, int fd, struct msghdr *header);

/* Waits once for poll(2) EVENTS on any descriptor: res are the events that came. */
void reactor_poll(struct reactor *reactor, struct io_op *op, int fd, unsigned events);

/*
 * Reads or writes a file at byte OFFSET. RWF: RWF_DSYNC or 0. REGION: the
 * registered region that the whole of a single-entry IOV lies in (then a fixed
 * buffer is used), or NULL. IOV must stay until done. res may be short.
 */
void reactor_read(struct reactor *reactor, struct io_op *op, int fd, const struct iovec *iov,
		  unsigned count, uint64_t offset, struct region *region);
void reactor_write(struct reactor *reactor, struct io_op *op, int fd, const struct iovec *iov,
		   unsigned count, uint64_t offset, int rwf, struct region *region);

/* fsync, or fdatasync where DATA_ONLY. */
void reactor_sync(struct reactor *reactor, struct io_op *op, int fd, bool data_only);

/*
 * Runs RUN(ARGUMENT) on a worker thread, for calls that block and have no
 * asynchronous form; res is what it returned (0 or a negative errno).
 */
void reactor_work(struct reactor *reactor, struct io_op *op, int (*run)(void *argument),
		  void *argument);

/*
 * Asks for OP to end early. It completes with -ECANCELED, or as it would have
 * where that came first. Harmless when OP is not in flight. Work that a
 * worker has begun runs to its end.
 */
void reactor_cancel(struct reactor *reactor, struct io_op *op);

/* Before a descriptor is used often: registers it with the ring where there is one. Optional. */
void reactor_fd_register(struct reactor *reactor, int fd);
/*
 * Must be called on every reactor that has used FD, with no operation in
 * flight there, before FD is closed.
 */
void reactor_fd_forget(struct reactor *reactor, int fd);

/* --- deferred work: run once at the end of this turn, before submission --- */

struct deferred {
	struct list_node link;
	void (*run)(struct deferred *deferred);
};

/* Queues DEFERRED; harmless when it is queued already. */
void reactor_defer(struct reactor *reactor, struct deferred *deferred);
/* Takes it out again; harmless when it is not queued. */
void reactor_undefer(struct reactor *reactor, struct deferred *deferred);

/* --- timers (resolution 1 ms, never early) --- */

struct timer {
	struct list_node link;
	uint64_t expires;	/* tick */
	void (*expired)(struct timer *timer);
};

/* Starts (or starts anew) TIMER to expire once in DELAY_MS. */
void reactor_timer_start(struct reactor *reactor, struct timer *timer, uint64_t delay_ms);
/* Stops it; harmless when it is not running. Zeroed timers may be stopped. */
void reactor_timer_stop(struct reactor *reactor, struct timer *timer);

/* --- messages: the only call that may come from any thread --- */

struct message {
	struct mpsc_node node;
	void (*deliver)(struct message *message);	/* on the receiving reactor */
};

/* MESSAGE belongs to the receiver until it has been delivered. */
void reactor_send(struct reactor *to, struct message *message);

/* --- what a reactor is made of --- */

struct arena *reactor_arena(struct reactor *reactor);
unsigned reactor_index(const struct reactor *reactor);
int reactor_node(const struct reactor *reactor);
/* Monotonic nanoseconds, read once in each turn. */
uint64_t reactor_now_ns(const struct reactor *reactor);

/*
 * Data of a command has been copied from one buffer to another, which is what pinned memory is
 * there to avoid: who does it says so. Copies that the kernel makes are not counted.
 */
void reactor_count_copied(struct reactor *reactor, uint64_t bytes);

/*
 * Something that is polled in every turn as long as it is added, and keeps
 * the reactor from sleeping while POLL returns true (an RDMA completion queue
 * in its busy phase).
 */
struct poller {
	struct list_node link;
	bool (*poll)(struct poller *poller);
};
void reactor_poller_add(struct reactor *reactor, struct poller *poller);
void reactor_poller_remove(struct reactor *reactor, struct poller *poller);

/*
 * A request has come. WAITS: its sender has nothing to do before we answer, so
 * that the next will come soon after, and spinning for it may pay. Holds until
 * the next request.
 */
void reactor_peer_waits(struct reactor *reactor, bool waits);

enum engine_kind { ENGINE_AUTO, ENGINE_URING, ENGINE_EPOLL };

#define BUSY_POLL_ADAPTIVE (-1)

struct reactor_config {
	unsigned index;
	int cpu;		/* to pin to, -1: none */
	int node;
	enum engine_kind engine;
	int busy_poll_us;	/* BUSY_POLL_ADAPTIVE, 0 = never, or the longest spin */
	unsigned queue_depth;	/* of the ring, 0 = default */
	unsigned workers;	/* most worker threads, 0 = default */
	size_t arena_bytes;
	size_t arena_bytes_min;
	struct memory *memory;
	struct clock *clock;	/* NULL: the machine's; tests inject their own */
};

struct reactor_info {
	unsigned index;
	int cpu;
	int node;
	const char *engine;	/* "uring" or "epoll" */
	char features[256];	/* those in use, blank-separated */
	char fallbacks[512];	/* why something better is not in use, "; "-separated, or "" */
	uint64_t turns;		/* of the loop */
	uint64_t completions;
	uint64_t sleeps;
	uint64_t spins;		/* times that spinning was rewarded */
	uint64_t messages;
	uint64_t fixed_buffers;	/* reads and writes through registered memory */
	uint64_t plain_buffers;	/* and those not */
	uint64_t copied_bytes;	/* of commands' data, see reactor_count_copied */
	struct arena_info arena;
};

/*
 * Makes a reactor, its engine and its arena; no thread yet. -ENOSYS or -EPERM
 * where ENGINE_URING is demanded and cannot be had; -ENOMEM.
 */
int reactor_create(const struct reactor_config *config, struct reactor **out);
/* No operation may be in flight; its thread has ended. */
void reactor_destroy(struct reactor *reactor);

/* Starts its thread, pinned. */
int reactor_start(struct reactor *reactor);
/* From any thread: ends the loop after the present turn; join waits for the thread. */
void reactor_stop(struct reactor *reactor);
void reactor_join(struct reactor *reactor);

/* Runs the loop in the calling thread until reactor_stop. */
void reactor_run(struct reactor *reactor);
/*
 * One turn in the calling thread, for tests: waits at most WAIT_MS for
 * something to happen. Returns the number of events handled.
 */
unsigned reactor_turn(struct reactor *reactor, int wait_ms);

/* From any thread. Figures of a running reactor may be a turn apart. */
void reactor_get_info(const struct reactor *reactor, struct reactor_info *info);

#endif
