/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log. Process-wide (one of the two places that may keep mutable state at
 * file scope), callable from any thread, one write(2) for each line, so that
 * lines of several threads never mix. Control characters in a line, which a
 * peer may have sent, are printed as '?': nobody forges lines.
 */
#ifndef PINION_BASE_LOG_H
#define PINION_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERROR, /* something that was asked for is not done */
	LOG_LEVEL_WARNING, /* it is done, but not as it should be */
	LOG_LEVEL_INFO, /* what an operator wants to see: start, logins */
	LOG_LEVEL_DEBUG, /* what a developer wants to see */
};

enum log_sink {
	LOG_SINK_STDERR, /* with <N> prefixes under systemd, else timestamps */
	LOG_SINK_SYSLOG, /* syslog(3), facility daemon */
};

/* Receives a finished line: no prefix, no newline. Any thread may call it. */
typedef void (*log_callback_fn)(void *ctx, enum log_level level, const char *line);

/* Sets the least important level that is still written (default INFO). */
void log_set_level(enum log_level level);

/* The level set last. */
enum log_level log_get_level(void);

/* Sends lines to `sink` from now on (default LOG_SINK_STDERR). */
void log_set_sink(enum log_sink sink);

/*
 * Sends lines to `callback(ctx, ...)` from now on, for tests; NULL goes back to
 * the sink. Not to be changed while other threads log.
 */
void log_set_callback(log_callback_fn callback, void *ctx);

/* "error", "warning", "info" or "debug". */
const char *log_level_name(enum log_level level);

/* Finds the level named `name`. Returns 0, or -EINVAL when there is none. */
int log_level_parse(const char *name, enum log_level *level);

/* Writes one line; the macros below are the usual way to call it. */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Arguments are evaluated only when the level is on. */
#define log_at(level, ...)                               \
	do {                                             \
		if ((level) <= log_get_level())          \
			log_write((level), __VA_ARGS__); \
	} while (0)

#define log_error(...)   log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

enum {
	LOG_LIMIT_BURST = 5, /* lines admitted in each interval */
	LOG_LIMIT_INTERVAL_S = 10,
};

/*
 * Rate limit for lines that a peer can provoke. It lives in the object the line
 * is about (a portal, a target) and belongs to that object's thread; all zero
 * is ready for use.
 */
struct log_limit {
	uint64_t interval_start_ns;
	uint32_t admitted;
	uint32_t suppressed;
};

/*
 * Decides whether a line may be written at `now_ns` (monotonic). When it may,
 * `*suppressed` becomes the number of lines swallowed since the last one.
 */
bool log_limit_admit(struct log_limit *limit, uint64_t now_ns, uint32_t *suppressed);

/* Writes the line unless `limit` is exhausted; see log_limited. */
void log_write_limited(struct log_limit *limit, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * log_at with a rate limit; the first line after a silence says how many were
 * suppressed.
 */
#define log_limited(limit, level, ...)                                    \
	do {                                                              \
		if ((level) <= log_get_level())                           \
			log_write_limited((limit), (level), __VA_ARGS__); \
	} while (0)

#endif
