/* SPDX-License-Identifier: BSD-2-Clause */
/* See log_capture.h. The log itself is process-wide, and so is this. */
#include "daemon/log_capture.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/list.h"
#include "base/log.h"

enum { LINES_MAX = 1000 };

struct line {
	struct list_node link;
	enum log_level level;
	char text[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct list lines;
static unsigned line_count;
static bool capturing;

/* Keeps a line; false when the capture is over or there is no room. */
static bool keep(enum log_level level, const char *text)
{
	size_t size = strlen(text) + 1;
	struct line *line = NULL;

	pthread_mutex_lock(&lock);
	if (capturing && line_count < LINES_MAX)
		line = malloc(sizeof(*line) + size);
	if (line != NULL) {
		list_node_init(&line->link);
		line->level = level;
		memcpy(line->text, text, size);
		list_push_back(&lines, &line->link);
		line_count++;
	}
	pthread_mutex_unlock(&lock);
	return line != NULL;
}

static void capture(void *context, enum log_level level, const char *text)
{
	(void)context;
	if (keep(level, text))
		return;
	/* A thread that was on its way here when the capture ended. */
	pthread_mutex_lock(&lock);
	if (!capturing) {
		pthread_mutex_unlock(&lock);
		log_write(level, "%s", text);
		return;
	}
	pthread_mutex_unlock(&lock);
}

void log_capture_begin(void)
{
	list_init(&lines);
	line_count = 0;
	capturing = true;
	log_set_callback(capture, NULL);
}

void log_capture_end(bool write)
{
	struct list_node *node;

	pthread_mutex_lock(&lock);
	capturing = false;
	log_set_callback(NULL, NULL);
	while ((node = list_pop_front(&lines)) != NULL) {
		struct line *line = container_of(node, struct line, link);

		if (write)
			log_write(line->level, "%s", line->text);
		free(line);
	}
	pthread_mutex_unlock(&lock);
}
