/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loop: one turn submits, waits, completes, and runs timers, messages,
 * pollers, the arena's line and what was deferred.
 */
#include "sys/reactor.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/container.h"
#include "base/counter.h"
#include "base/log.h"
#include "sys/busy.h"
#include "sys/engine.h"
#include "sys/timers.h"
#include "sys/workers.h"

#define WORKERS_DEFAULT 8u
#define TICK_NS CLOCK_NS_PER_MS
#define SPIN_CHECK 16u		/* looks between two readings of the clock */

struct reactor {
	struct reactor_config config;
	struct engine *engine;
	struct workers *workers;
	struct arena *arena;
	struct clock machine_clock;
	struct clock *clock;
	uint64_t now_ns;
	bool is_clock_old;	/* the loop has waited since NOW_NS was read */
	uint64_t waiting_since_ns;	/* by the machine's clock; 0: not waiting */
	struct timers timers;
	struct list deferred;
	struct list pollers;
	struct list_node *next_poller;	/* while they run */
	struct busy busy;
	int wake_fd;
	pthread_t thread;
	bool started;
	char fallbacks[256];
	struct counter turns, completions, sleeps, spins, delivered, copied;
	/* other threads write these */
	struct mpsc messages;
	_Atomic bool sleeping __attribute__((aligned(64)));
	_Atomic bool stopping;
};

struct arena *reactor_arena(struct reactor *reactor)
{
	return reactor->arena;
}

void reactor_count_copied(struct reactor *reactor, uint64_t bytes)
{
	counter_add(&reactor->copied, bytes);
}

unsigned reactor_index(const struct reactor *reactor)
{
	return reactor->config.index;
}

int reactor_node(const struct reactor *reactor)
{
	return reactor->config.node;
}

static uint64_t read_clock(struct reactor *reactor)
{
	reactor->now_ns = clock_now_ns(reactor->clock);
	reactor->is_clock_old = false;
	return reactor->now_ns;
}

uint64_t reactor_now_ns(const struct reactor *reactor)
{
	/* Completions run while the engine waits: the first who asks reads the clock. */
	if (reactor->is_clock_old)
		read_clock((struct reactor *)(uintptr_t)reactor);
	return reactor->now_ns;
}

/* --- operations --- */

static void submit(struct reactor *reactor, struct io_op *op, enum io_code code, int fd)
{
	assert(op->code == IO_NONE);
	op->code = (uint8_t)code;
	op->state = 0;
	op->fd = fd;
	list_node_init(&op->link);
	reactor->engine->ops->submit(reactor->engine, op);
}

void reactor_accept(struct reactor *reactor, struct io_op *op, int fd)
{
	submit(reactor, op, IO_ACCEPT, fd);
}

void reactor_recvmsg(struct reactor *reactor, struct io_op *op, int fd, struct msghdr *header,
		     bool wait_first)
{
	op->msg.header = header;
	op->msg.wait_first = wait_first;
	submit(reactor, op, IO_RECVMSG, fd);
}

void reactor_sendmsg(struct reactor *reactor, struct io_op *op, int fd, struct msghdr *header)
{
	op->msg.header = header;
	op->msg.wait_first = false;
	submit(reactor, op, IO_SENDMSG, fd);
}

void reactor_poll(struct reactor *reactor, struct io_op *op, int fd, unsigned events)
{
	op->events = events;
	submit(reactor, op, IO_POLL, fd);
}


void reactor_read(struct reactor *reactor, struct io_op *op, int fd, const struct iovec *iov,
		  unsigned count, uint64_t offset, struct region *region)
{
	op->rw.iov = iov;
	op->rw.count = count;
	op->rw.offset = offset;
	op->rw.rwf = 0;
	op->rw.region = region;
	submit(reactor, op, IO_READ, fd);
}

void reactor_write(struct reactor *reactor, struct io_op *op, int fd, const struct iovec *iov,
		   unsigned count, uint64_t offset, int rwf, struct region *region)
{
	op->rw.iov = iov;
	op->rw.count = count;
	op->rw.offset = offset;
	op->rw.rwf = rwf;
	op->rw.region = region;
	submit(reactor, op, IO_WRITE, fd);
}

void reactor_sync(struct reactor *reactor, struct io_op *op, int fd, bool data_only)
{
	op->data_only = data_only;
	submit(reactor, op, IO_SYNC, fd);
}

void reactor_work(struct reactor *reactor, struct io_op *op, int (*run)(void *argument),
		  void *argument)
{
	op->work.run = run;
	op->work.argument = argument;
	submit(reactor, op, IO_WORK, -1);
}

void reactor_cancel(struct reactor *reactor, struct io_op *op)
{
	if (op->code != IO_NONE)
		reactor->engine->ops->cancel(reactor->engine, op);
}

void reactor_fd_register(struct reactor *reactor, int fd)
{
	reactor->engine->ops->fd_register(reactor->engine, fd);
}

void reactor_fd_forget(struct reactor *reactor, int fd)
{
	reactor->engine->ops->fd_forget(reactor->engine, fd);
}

/* --- deferred work, timers, pollers, messages --- */

void reactor_defer(struct reactor *reactor, struct deferred *deferred)
{
	if (!list_is_linked(&deferred->link))
		list_push_back(&reactor->deferred, &deferred->link);
}

void reactor_undefer(struct reactor *reactor, struct deferred *deferred)
{
	(void)reactor;
	list_remove(&deferred->link);
}

/* What is deferred by deferred work itself waits for the next turn. */
static void run_deferred(struct reactor *reactor)
{
	struct list now;
	struct list_node *node;

	list_init(&now);
	list_splice_back(&now, &reactor->deferred);
	while ((node = list_pop_front(&now)) != NULL) {
		struct deferred *deferred = container_of(node, struct deferred, link);

		deferred->run(deferred);
	}
}

void reactor_timer_start(struct reactor *reactor, struct timer *timer, uint64_t delay_ms)
{
	/* The present tick has begun already: one more, so as never to be early. */
	timers_start(&reactor->timers, timer,
		     reactor_now_ns(reactor) / TICK_NS + delay_ms + 1);
}

void reactor_timer_stop(struct reactor *reactor, struct timer *timer)
{
	timers_stop(&reactor->timers, timer);
}

void reactor_poller_add(struct reactor *reactor, struct poller *poller)
{
	list_push_back(&reactor->pollers, &poller->link);
}

void reactor_poller_remove(struct reactor *reactor, struct poller *poller)
{
	if (reactor->next_poller == &poller->link)
		reactor->next_poller = poller->link.next;
	list_remove(&poller->link);
}

static bool run_pollers(struct reactor *reactor)
{
	struct list_node *node = reactor->pollers.head.next;
	bool busy = false;

	/* One may remove any other. */
	while (node != &reactor->pollers.head) {
		struct poller *poller = container_of(node, struct poller, link);

		reactor->next_poller = node->next;
		busy |= poller->poll(poller);
		node = reactor->next_poller;
	}
	reactor->next_poller = NULL;
	return busy;
}

static void wake(struct reactor *reactor)
{
	uint64_t one = 1;

	/* It fails only when the counter is full, and then it wakes all the same. */
	if (write(reactor->wake_fd, &one, sizeof(one)) < 0)
		return;
}

void reactor_send(struct reactor *to, struct message *message)
{
	mpsc_push(&to->messages, &message->node);
	if (atomic_load(&to->sleeping))
		wake(to);
}

static unsigned deliver_messages(struct reactor *reactor)
{
	struct mpsc_node *node;
	unsigned count = 0;

	while ((node = mpsc_pop(&reactor->messages)) != NULL) {
		struct message *message = container_of(node, struct message, node);

		message->deliver(message);
		count++;
	}
	return count;
}

/* --- a turn --- */

static bool has_events(struct reactor *reactor)
{
	return !mpsc_is_empty(&reactor->messages) ||
	       reactor->engine->ops->has_events(reactor->engine);
}

/* Looks for work for a while instead of sleeping. True when it came. */
static bool spin(struct reactor *reactor, uint64_t budget_ns)
{
	uint64_t until = clock_monotonic_ns() + budget_ns;

	do {
		for (unsigned i = 0; i < SPIN_CHECK; i++) {
			if (has_events(reactor))
				return true;
			cpu_relax();
		}
	} while (clock_monotonic_ns() < until);
	return false;
}

static int timeout_of(struct reactor *reactor, int wait_ms)
{
	uint64_t next;
	uint64_t delay;

	if (wait_ms == 0)
		return 0;
	next = timers_next(&reactor->timers);
	if (next == TIMERS_NEVER)
		return wait_ms;
	delay = next > reactor->timers.tick ? next - reactor->timers.tick : 0;
	if (wait_ms < 0 || delay < (uint64_t)wait_ms)
		return delay > 60000 ? 60000 : (int)delay;
	return wait_ms;
}

/* Waits in the kernel, after everybody who might have work for us knows that we do. */
static unsigned sleep_in_engine(struct reactor *reactor, int timeout_ms)
{
	unsigned count;

	atomic_store(&reactor->sleeping, true);
	if (!mpsc_is_empty(&reactor->messages) || atomic_load(&reactor->stopping))
		timeout_ms = 0;
	else
		counter_increment(&reactor->sleeps);
	count = reactor->engine->ops->turn(reactor->engine, timeout_ms);
	atomic_store(&reactor->sleeping, false);
	return count;
}

/*
 * Submits, and waits at most TIMEOUT_MS for something to do. Where spinning
 * pays, the submission goes first and the kernel is only asked to wait in vain.
 */
static unsigned wait_for_work(struct reactor *reactor, int timeout_ms)
{
	const struct engine_ops *ops = reactor->engine->ops;
	uint64_t budget = busy_budget_ns(&reactor->busy);
	unsigned count;

	if (timeout_ms == 0)
		return ops->turn(reactor->engine, 0);
	if (budget > 0) {
		count = ops->turn(reactor->engine, 0);
		if (count > 0 || !mpsc_is_empty(&reactor->messages))
			return count;
	}
	if (reactor->waiting_since_ns == 0)
		reactor->waiting_since_ns = clock_monotonic_ns();
	if (budget > 0 && spin(reactor, budget)) {
		counter_increment(&reactor->spins);
		return ops->turn(reactor->engine, 0);
	}
	return sleep_in_engine(reactor, timeout_ms);
}

static void learn(struct reactor *reactor, bool has_work)
{
	if (!has_work || reactor->waiting_since_ns == 0)
		return;
	busy_learn(&reactor->busy, clock_monotonic_ns() - reactor->waiting_since_ns);
	reactor->waiting_since_ns = 0;
}

void reactor_peer_waits(struct reactor *reactor, bool waits)
{
	reactor->busy.peer_waits = waits;
}

unsigned reactor_turn(struct reactor *reactor, int wait_ms)
{
	unsigned events = 0;
	bool busy = run_pollers(reactor);

	/* Pollers, and what was deferred to the last turn's end, may have given memory back. */
	arena_serve(reactor->arena);
	if (busy || !list_is_empty(&reactor->deferred))
		wait_ms = 0;
	reactor->is_clock_old = true;
	events += wait_for_work(reactor, timeout_of(reactor, wait_ms));
	learn(reactor, events > 0 || !mpsc_is_empty(&reactor->messages));
	counter_add(&reactor->completions, events);
	events += timers_advance(&reactor->timers, read_clock(reactor) / TICK_NS);
	if (!mpsc_is_empty(&reactor->messages)) {
		unsigned delivered = deliver_messages(reactor);

		counter_add(&reactor->delivered, delivered);
		events += delivered;
	}
	arena_serve(reactor->arena);
	run_deferred(reactor);
	counter_increment(&reactor->turns);
	return events;
}

void reactor_run(struct reactor *reactor)
{
	while (!atomic_load_explicit(&reactor->stopping, memory_order_relaxed))
		reactor_turn(reactor, -1);
}

void reactor_stop(struct reactor *reactor)
{
	atomic_store(&reactor->stopping, true);
	wake(reactor);
}

/* --- the thread --- */

static void *thread_main(void *argument)
{
	struct reactor *reactor = argument;
	char name[16];

	snprintf(name, sizeof(name), "pinion-%u", reactor->config.index);
	pthread_setname_np(pthread_self(), name);
	if (reactor->config.cpu >= 0) {
		cpu_set_t set;
		int rc;

		CPU_ZERO(&set);
		CPU_SET(reactor->config.cpu, &set);
		rc = pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
		if (rc != 0)
			log_warning("reactor %u: not pinned to CPU %d: %s", reactor->config.index,
				    reactor->config.cpu, strerror(rc));
	}
	reactor_run(reactor);
	reactor->engine->ops->let_go(reactor->engine);
	return NULL;
}

int reactor_start(struct reactor *reactor)
{
	sigset_t all;
	sigset_t before;
	int rc;

	/* Signals are for the daemon's own thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&reactor->thread, NULL, thread_main, reactor);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	reactor->started = rc == 0;
	return -rc;
}

void reactor_join(struct reactor *reactor)
{
	if (reactor->started)
		pthread_join(reactor->thread, NULL);
	reactor->started = false;
}

/* --- making and ending one --- */

static int make_engine(struct reactor *reactor)
{
	struct engine_config config = {
		.reactor = &reactor->config,
		.workers = reactor->workers,
		.wake_fd = reactor->wake_fd,
	};
	int rc = -ENOSYS;

	if (reactor->config.engine != ENGINE_EPOLL) {
		rc = engine_uring_create(&config, &reactor->engine);
		if (rc == 0 || reactor->config.engine == ENGINE_URING)
			return rc;
		snprintf(reactor->fallbacks, sizeof(reactor->fallbacks), "no io_uring: %s",
			 strerror(-rc));
	}
	return engine_epoll_create(&config, &reactor->engine);
}

static int make_arena(struct reactor *reactor)
{
	struct arena_config config = {
		.memory = reactor->config.memory,
		.node = reactor->config.node,
		.reactor = (int)reactor->config.index,
		.bytes = reactor->config.arena_bytes,
		.bytes_min = reactor->config.arena_bytes_min,
	};

	return arena_create(&config, &reactor->arena);
}

int reactor_create(const struct reactor_config *config, struct reactor **out)
{
	unsigned workers = config->workers > 0 ? config->workers : WORKERS_DEFAULT;
	struct reactor *reactor = NULL;
	int rc;

	if (posix_memalign((void **)&reactor, 64, sizeof(*reactor)) != 0)
		return -ENOMEM;
	memset(reactor, 0, sizeof(*reactor));
	reactor->config = *config;
	clock_init_monotonic(&reactor->machine_clock);
	reactor->clock = config->clock != NULL ? config->clock : &reactor->machine_clock;
	timers_init(&reactor->timers, read_clock(reactor) / TICK_NS);
	list_init(&reactor->deferred);
	list_init(&reactor->pollers);
	mpsc_init(&reactor->messages);
	busy_init(&reactor->busy, config->busy_poll_us, sysconf(_SC_NPROCESSORS_ONLN) > 1);
	reactor->wake_fd = eventfd(0, EFD_CLOEXEC);
	if (reactor->wake_fd < 0) {
		rc = -errno;
		goto free;
	}
	rc = workers_create(workers, reactor->wake_fd, &reactor->workers);
	if (rc < 0)
		goto close;
	rc = make_engine(reactor);
	if (rc < 0)
		goto end_workers;
	rc = make_arena(reactor);
	if (rc < 0)
		goto end_engine;
	*out = reactor;
	return 0;
end_engine:
	reactor->engine->ops->destroy(reactor->engine);
end_workers:
	workers_destroy(reactor->workers);
close:
	close(reactor->wake_fd);
free:
	free(reactor);
	return rc;
}

void reactor_destroy(struct reactor *reactor)
{
	if (reactor == NULL)
		return;
	workers_destroy(reactor->workers);
	reactor->engine->ops->destroy(reactor->engine);
	arena_destroy(reactor->arena);
	close(reactor->wake_fd);
	free(reactor);
}

void reactor_get_info(const struct reactor *reactor, struct reactor_info *info)
{
	size_t used;

	memset(info, 0, sizeof(*info));
	info->index = reactor->config.index;
	info->cpu = reactor->config.cpu;
	info->node = reactor->config.node;
	info->engine = reactor->engine->ops->name;
	reactor->engine->ops->describe(reactor->engine, info);
	used = strlen(info->fallbacks);
	snprintf(info->fallbacks + used, sizeof(info->fallbacks) - used, "%s%s",
		 used > 0 && reactor->fallbacks[0] != '\0' ? "; " : "", reactor->fallbacks);
	info->turns = counter_read(&reactor->turns);
	info->completions = counter_read(&reactor->completions);
	info->sleeps = counter_read(&reactor->sleeps);
	info->spins = counter_read(&reactor->spins);
	info->messages = counter_read(&reactor->delivered);
	info->copied_bytes = counter_read(&reactor->copied);
	arena_get_info(reactor->arena, &info->arena);
}
