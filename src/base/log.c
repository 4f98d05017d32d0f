/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log: formatting, the sinks and the rate limit. Its few settings are the
 * only mutable variables at file scope outside src/daemon.
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/container.h"

enum {
	LINE_MAX_LEN = 1024, /* of the message; a longer one is cut */
	PREFIX_MAX_LEN = 64,
};

static const struct {
	const char *name;
	int priority; /* of syslog(3) and of the journal's <N> */
} levels[] = {
	[LOG_LEVEL_ERROR] = { "error", LOG_ERR },
	[LOG_LEVEL_WARNING] = { "warning", LOG_WARNING },
	[LOG_LEVEL_INFO] = { "info", LOG_INFO },
	[LOG_LEVEL_DEBUG] = { "debug", LOG_DEBUG },
};

static _Atomic int current_level = LOG_LEVEL_INFO;
static _Atomic int current_sink = LOG_SINK_STDERR;
static _Atomic(log_callback_fn) current_callback;
static void *_Atomic current_callback_ctx;

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&current_level, (int)level, memory_order_relaxed);
}

enum log_level log_get_level(void)
{
	return (enum log_level)atomic_load_explicit(&current_level, memory_order_relaxed);
}

void log_set_sink(enum log_sink sink)
{
	if (sink == LOG_SINK_SYSLOG)
		openlog("piniond", LOG_PID, LOG_DAEMON);
	atomic_store(&current_sink, (int)sink);
}

void log_set_callback(log_callback_fn callback, void *ctx)
{
	atomic_store(&current_callback_ctx, ctx);
	atomic_store(&current_callback, callback);
}

const char *log_level_name(enum log_level level)
{
	return (size_t)level < ARRAY_SIZE(levels) ? levels[level].name : "unknown";
}

int log_level_parse(const char *name, enum log_level *level)
{
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		if (strcmp(levels[i].name, name) == 0) {
			*level = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

/*
 * Whether stderr goes to the journal. systemd says which stream it connected,
 * as "device:inode"; a stderr that was redirected since is another one.
 */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device;
	unsigned long long inode;
	struct stat status;

	return stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device &&
	       status.st_ino == inode;
}

/* Writes the prefix of a line on stderr into `out`; returns its length. */
static size_t format_prefix(char out[PREFIX_MAX_LEN], enum log_level level)
{
	struct timespec now;
	struct tm broken_down;
	size_t len;
	int written;

	if (stderr_is_journal()) {
		written = snprintf(out, PREFIX_MAX_LEN, "<%d>", levels[level].priority);
		return (size_t)written;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &broken_down);
	len = strftime(out, PREFIX_MAX_LEN, "%Y-%m-%d %H:%M:%S", &broken_down);
	written = snprintf(out + len, PREFIX_MAX_LEN - len, ".%03ld %s: ", now.tv_nsec / 1000000,
			   levels[level].name);
	return len + (size_t)written;
}

static void write_stderr(enum log_level level, const char *line, size_t len)
{
	char buf[PREFIX_MAX_LEN + LINE_MAX_LEN + 1];
	size_t used = format_prefix(buf, level);
	ssize_t written;

	memcpy(buf + used, line, len);
	used += len;
	buf[used++] = '\n';
	do {
		written = write(STDERR_FILENO, buf, used);
	} while (written < 0 && errno == EINTR);
	/* A log that cannot be written has nowhere to complain. */
}

/* Hands over one finished message, which it may change. */
static void emit(enum log_level level, char *line)
{
	log_callback_fn callback = atomic_load(&current_callback);
	size_t len = strlen(line);

	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	}
	if (callback != NULL)
		callback(atomic_load(&current_callback_ctx), level, line);
	else if (atomic_load(&current_sink) == LOG_SINK_SYSLOG)
		syslog(levels[level].priority, "%s", line);
	else
		write_stderr(level, line, len);
}

/* Formats into `line`, marking one that had to be cut. */
static void format_line(char line[LINE_MAX_LEN], const char *format, va_list arguments)
{
	int len = vsnprintf(line, LINE_MAX_LEN, format, arguments);

	if (len < 0)
		snprintf(line, LINE_MAX_LEN, "(a line that cannot be formatted)");
	else if (len >= LINE_MAX_LEN)
		memcpy(line + LINE_MAX_LEN - 4, "...", 4);
}

void log_write(enum log_level level, const char *format, ...)
{
	/* A caller that logs while it handles an error keeps its errno. */
	int saved_errno = errno;
	char line[LINE_MAX_LEN];
	va_list arguments;

	va_start(arguments, format);
	format_line(line, format, arguments);
	va_end(arguments);
	emit(level, line);
	errno = saved_errno;
}

bool log_limit_admit(struct log_limit *limit, uint64_t now_ns, uint32_t *suppressed)
{
	if (limit->interval_start_ns == 0 ||
	    now_ns - limit->interval_start_ns >= LOG_LIMIT_INTERVAL_S * CLOCK_NS_PER_S) {
		limit->interval_start_ns = now_ns;
		limit->admitted = 0;
	}
	if (limit->admitted >= LOG_LIMIT_BURST) {
		limit->suppressed++;
		return false;
	}
	limit->admitted++;
	*suppressed = limit->suppressed;
	limit->suppressed = 0;
	return true;
}

void log_write_limited(struct log_limit *limit, enum log_level level, const char *format, ...)
{
	int saved_errno = errno;
	char line[LINE_MAX_LEN];
	uint32_t suppressed;
	va_list arguments;
	size_t len;

	if (!log_limit_admit(limit, clock_monotonic_ns(), &suppressed))
		return;
	va_start(arguments, format);
	format_line(line, format, arguments);
	va_end(arguments);
	len = strlen(line);
	if (suppressed != 0)
		snprintf(line + len, sizeof(line) - len, " (and %u such lines suppressed)",
			 suppressed);
	emit(level, line);
	errno = saved_errno;
}
