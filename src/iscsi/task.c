/* SPDX-License-Identifier: BSD-2-Clause */
/* The pool of a session's tasks; see iscsi/task.h. */
#include "iscsi/task.h"

#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"
#include "iscsi/session.h"

int task_pool_init(struct task_pool *pool, struct iscsi_session *session, uint32_t count)
{
	uint32_t buckets = (uint32_t)round_up_pow2(count);
	uint32_t i;

	/* Fresh pages are zero and cost nothing until a deep queue touches them. */
	pool->tasks = calloc(count, sizeof(*pool->tasks));
	pool->buckets = calloc(buckets, sizeof(struct iscsi_task *));
	if (pool->tasks == NULL || pool->buckets == NULL) {
		task_pool_fini(pool);
		return -ENOMEM;
	}
	pool->count = count;
	pool->mask = buckets - 1;
	pool->in_use = 0;
	pool->free = NULL;
	for (i = count; i-- > 0;) {
		struct iscsi_task *task = &pool->tasks[i];

		task->session = session;
		task->transport.data = &task->cmd.data;
		task->cmd.nexus = session->nexus;
		task->cmd.port = &command_port_ops;
		task->next = pool->free;
		pool->free = task;
	}
	return 0;
}

void task_pool_fini(struct task_pool *pool)
{
	free(pool->tasks);
	free(pool->buckets);
	pool->tasks = NULL;
	pool->buckets = NULL;
	pool->free = NULL;
	pool->count = 0;
}
