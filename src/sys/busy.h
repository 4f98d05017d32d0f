/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When to spin: adaptive busy polling, of the reactor and of movers that poll.
 *
 * Waking from the kernel costs more than a small request does, so a reactor
 * that expects work within microseconds had better look for it than sleep.
 * The expectation is learnt: every wait tells how long it took for work to
 * come, spun through or slept through. While such waits are mostly short,
 * spinning pays and goes on; a few long ones in a row end it, so that an idle
 * reactor sleeps.
 *
 * And it pays only where somebody waits for us. A peer that keeps many requests
 * outstanding, and still has answers of ours to look at, is busy for longer than
 * we need to wake; sleeping meanwhile costs nobody anything. Who knows of a peer
 * that has nothing else to do says so (reactor_peer_waits).
 */
#ifndef PINION_SYS_BUSY_H
#define PINION_SYS_BUSY_H

#include <stdbool.h>
#include <stdint.h>

#define BUSY_ADAPTIVE_NS 50000u	/* the longest spin when adaptive */
#define BUSY_CREDIT_MAX 16u
#define BUSY_CREDIT_MIN 4u	/* below this: sleep */

struct busy {
	uint64_t limit_ns;	/* longest spin, 0: never */
	bool adaptive;
	unsigned credit;
	bool peer_waits;	/* who sent the last request has nothing to do until we answer */
};

/* Tells the CPU that this is a spin. */
static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield" ::: "memory");
#endif
}

static inline void busy_init(struct busy *busy, int busy_poll_us, bool worth_it)
{
	busy->adaptive = busy_poll_us < 0;
	busy->limit_ns = busy->adaptive ? BUSY_ADAPTIVE_NS : (uint64_t)busy_poll_us * 1000;
	/* With a single CPU, spinning only keeps the others from giving us work. */
	if (busy->adaptive && !worth_it)
		busy->limit_ns = 0;
	busy->credit = 0;
	busy->peer_waits = false;
}

/* How long to spin before the next sleep, in nanoseconds. */
static inline uint64_t busy_budget_ns(const struct busy *busy)
{
	if (busy->adaptive && (busy->credit < BUSY_CREDIT_MIN || !busy->peer_waits))
		return 0;
	return busy->limit_ns;
}

/* Work came after a wait of WAITED_NS. */
static inline void busy_learn(struct busy *busy, uint64_t waited_ns)
{
	if (waited_ns > busy->limit_ns)
		busy->credit /= 2;
	else if (busy->credit < BUSY_CREDIT_MAX)
		busy->credit++;
}

#endif
