/* SPDX-License-Identifier: BSD-2-Clause */
#include "test_transport_iser_fake.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/container.h"
#include "base/list.h"

struct fake_mr {
	struct list_node link;
	struct ibv_mr mr;
	int access;
};

struct fake_remote_region {
	uint32_t rkey;
	uint64_t va;
	uint8_t *base;
	size_t length;
};

struct fake_event_channel {
	struct rdma_event_channel channel;
	struct list events;
};

struct fake_cm_event {
	struct list_node link;
	struct rdma_cm_event event;
	uint8_t private_data[64];
};

struct fake_completion {
	struct list_node link;
	struct ibv_wc wc;
	struct fake_qp *qp;
	unsigned slots;		/* of the send queue that it frees */
};

struct fake_cq {
	struct ibv_cq cq;
	struct list completions;
	int count;
	bool is_armed;
	struct list_node pending;	/* of the channel's events */
	unsigned events, acknowledged;
};

struct fake_comp_channel {
	struct ibv_comp_channel channel;
	struct list events;
};

struct fake_work {
	struct list_node link;
	struct ibv_send_wr wr;
	struct ibv_sge sge[32];
};

struct fake_receive {
	struct list_node link;
	struct ibv_recv_wr wr;
	struct ibv_sge sge;
};

struct fake_sent {
	struct list_node link;
	struct fake_message message;
};

struct fake_qp {
	struct ibv_qp qp;
	struct ibv_qp_cap cap;
	struct fake_peer *peer;
	struct list work, receives;
	unsigned slots;			/* of the send queue that are taken */
	unsigned unsignalled;		/* run since the last completion */
	unsigned receive_count, work_count, read_count;
	bool has_failed;
};

struct fake_id {
	struct rdma_cm_id id;
	struct fake_peer *peer;		/* NULL: it listens */
};

struct fake_peer {
	struct fake_id *id;		/* NULL: destroyed */
	struct fake_qp *qp;
	struct list sent;
	bool is_accepted, is_rejected, is_disconnected;
	struct rdma_conn_param param;
	uint8_t private_data[64];
};

static struct {
	struct ibv_device device;
	struct ibv_context contexts[2];
	unsigned current;		/* which of them is there */
	size_t pinned;
	struct fake_knobs knobs;
	unsigned vectors;
	struct fake_counts counts;
	struct list mrs;
	struct fake_remote_region remotes[16];
	unsigned remote_count;
	struct fake_id *listener;
	uint32_t next_key;
	uint16_t next_port;
	struct list dead_qps;
} fake;

static void die(const char *what)
{
	fprintf(stderr, "fake device: %s\n", what);
	abort();
}

/* --- memory --- */

static struct ibv_mr *reg_mr(struct ibv_pd *pd, void *base, size_t length, int access)
{
	struct fake_mr *mr;

	fake.counts.registrations++;
	if ((fake.knobs.fails_pinned && !(access & IBV_ACCESS_ON_DEMAND)) ||
	    (fake.knobs.pin_limit != 0 && !(access & IBV_ACCESS_ON_DEMAND) &&
	     fake.pinned + length > fake.knobs.pin_limit) ||
	    ((access & IBV_ACCESS_ON_DEMAND) && !fake.knobs.has_odp)) {
		errno = ENOMEM;
		return NULL;
	}
	mr = calloc(1, sizeof(*mr));
	mr->mr.context = pd->context;
	mr->mr.pd = pd;
	mr->mr.addr = base;
	mr->mr.length = length;
	mr->mr.lkey = fake.next_key++;
	mr->access = access;
	list_push_back(&fake.mrs, &mr->link);
	fake.counts.mrs++;
	if (!(access & IBV_ACCESS_ON_DEMAND))
		fake.pinned += length;
	return &mr->mr;
}

static int dereg_mr(struct ibv_mr *mr)
{
	struct fake_mr *own = container_of(mr, struct fake_mr, mr);

	/* On demand: never with a limit. */
	fake.pinned -= min(fake.pinned, mr->length);
	list_remove(&own->link);
	free(own);
	fake.counts.mrs--;
	return 0;
}

/* What may be done with the memory of SGE. */
static int check_sge(const struct ibv_sge *sge)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &fake.mrs) {
		const struct fake_mr *own = container_of(node, struct fake_mr, link);
		const struct ibv_mr *mr = &own->mr;
		uint64_t base = (uintptr_t)mr->addr;

		if (mr->lkey == sge->lkey && sge->addr >= base &&
		    sge->addr - base + sge->length <= mr->length)
			return own->access;
	}
	die("local key does not cover the memory");
	return 0;
}

void fake_remote(uint32_t rkey, uint64_t va, void *base, size_t length)
{
	if (fake.remote_count == ARRAY_SIZE(fake.remotes))
		die("too many remote regions");
	fake.remotes[fake.remote_count++] =
		(struct fake_remote_region){ rkey, va, base, length };
}

static uint8_t *find_remote(uint32_t rkey, uint64_t va, uint64_t length)
{
	for (unsigned i = 0; i < fake.remote_count; i++) {
		const struct fake_remote_region *region = &fake.remotes[i];

		if (region->rkey == rkey && va >= region->va &&
		    va - region->va + length <= region->length)
			return region->base + (va - region->va);
	}
	return NULL;
}

/* --- completions --- */

static void raise(struct fake_cq *cq)
{
	struct fake_comp_channel *channel =
		container_of(cq->cq.channel, struct fake_comp_channel, channel);
	uint64_t one = 1;

	if (!cq->is_armed || list_is_linked(&cq->pending))
		return;
	cq->is_armed = false;
	list_push_back(&channel->events, &cq->pending);
	if (write(channel->channel.fd, &one, sizeof(one)) < 0)
		die("eventfd");
}

static void complete(struct fake_qp *qp, uint64_t wr_id, enum ibv_wc_status status,
		     uint32_t length, unsigned slots)
{
	struct fake_cq *cq = container_of(qp->qp.send_cq, struct fake_cq, cq);
	struct fake_completion *completion = calloc(1, sizeof(*completion));

	completion->wc.wr_id = wr_id;
	completion->wc.status = status;
	completion->wc.byte_len = length;
	completion->wc.qp_num = qp->qp.qp_num;
	completion->qp = qp;
	completion->slots = slots;
	list_push_back(&cq->completions, &completion->link);
	if (++cq->count > cq->cq.cqe)
		die("completion queue overflows");
	raise(cq);
}

static int poll_cq(struct ibv_cq *ibv_cq, int most, struct ibv_wc *wc)
{
	struct fake_cq *cq = container_of(ibv_cq, struct fake_cq, cq);
	struct list_node *node;
	int count = 0;

	while (count < most && (node = list_pop_front(&cq->completions)) != NULL) {
		struct fake_completion *completion =
			container_of(node, struct fake_completion, link);

		wc[count++] = completion->wc;
		completion->qp->slots -= completion->slots;
		cq->count--;
		free(completion);
	}
	return count;
}

static int req_notify_cq(struct ibv_cq *ibv_cq, int solicited_only)
{
	struct fake_cq *cq = container_of(ibv_cq, struct fake_cq, cq);

	(void)solicited_only;
	cq->is_armed = true;
	return 0;
}

static struct ibv_cq *create_cq(struct ibv_context *context, int cqe, void *cq_context,
				struct ibv_comp_channel *channel, int vector)
{
	struct fake_cq *cq;

	if (fake.knobs.fails_create_cq) {
		errno = ENOMEM;
		return NULL;
	}
	cq = calloc(1, sizeof(*cq));
	if (vector < 0 || vector >= context->num_comp_vectors || cqe > fake.knobs.max_cqe)
		die("create_cq");
	cq->cq.context = context;
	cq->cq.channel = channel;
	cq->cq.cq_context = cq_context;
	cq->cq.cqe = cqe;
	list_init(&cq->completions);
	fake.counts.cqs++;
	fake.vectors |= 1u << vector;
	return &cq->cq;
}

static int destroy_cq(struct ibv_cq *ibv_cq)
{
	struct fake_cq *cq = container_of(ibv_cq, struct fake_cq, cq);

	if (cq->events != cq->acknowledged)
		die("destroy_cq would wait for events to be acknowledged");
	if (!list_is_empty(&cq->completions))
		die("destroy_cq with completions in it");
	list_remove(&cq->pending);
	free(cq);
	fake.counts.cqs--;
	return 0;
}

static struct ibv_comp_channel *create_comp_channel(struct ibv_context *context)
{
	struct fake_comp_channel *channel = calloc(1, sizeof(*channel));

	channel->channel.context = context;
	channel->channel.fd = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC);
	list_init(&channel->events);
	fake.counts.comp_channels++;
	return &channel->channel;
}

static int destroy_comp_channel(struct ibv_comp_channel *ibv_channel)
{
	close(ibv_channel->fd);
	free(container_of(ibv_channel, struct fake_comp_channel, channel));
	fake.counts.comp_channels--;
	return 0;
}

static int get_cq_event(struct ibv_comp_channel *ibv_channel, struct ibv_cq **out, void **context)
{
	struct fake_comp_channel *channel =
		container_of(ibv_channel, struct fake_comp_channel, channel);
	struct list_node *node = list_pop_front(&channel->events);
	struct fake_cq *cq;
	uint64_t value;

	if (node == NULL) {
		errno = EAGAIN;
		return -1;
	}
	if (read(channel->channel.fd, &value, sizeof(value)) < 0)
		die("eventfd");
	cq = container_of(node, struct fake_cq, pending);
	cq->events++;
	*out = &cq->cq;
	*context = cq->cq.cq_context;
	return 0;
}

static void ack_cq_events(struct ibv_cq *cq, unsigned count)
{
	container_of(cq, struct fake_cq, cq)->acknowledged += count;
}

/* --- queue pairs --- */

static struct fake_qp *qp_of(struct ibv_qp *qp)
{
	return container_of(qp, struct fake_qp, qp);
}

static void post_one(struct fake_qp *qp, const struct ibv_send_wr *wr)
{
	struct fake_work *work = calloc(1, sizeof(*work));

	if (wr->num_sge > (int)qp->cap.max_send_sge || wr->num_sge > (int)ARRAY_SIZE(work->sge))
		die("too many scatter/gather entries");
	if (++qp->slots > qp->cap.max_send_wr)
		die("send queue overflows");
	work->wr = *wr;
	for (int i = 0; i < wr->num_sge; i++) {
		check_sge(&wr->sg_list[i]);
		work->sge[i] = wr->sg_list[i];
	}
	work->wr.sg_list = work->sge;
	if (wr->opcode == IBV_WR_RDMA_READ) {
		if (++qp->read_count > qp->peer->param.initiator_depth)
			die("more RDMA Reads than the peer answers");
		if (wr->num_sge > fake.knobs.max_sge_rd && fake.knobs.max_sge_rd != 0)
			die("too many entries of a Read");
		if (fake.knobs.is_iwarp &&
		    (wr->num_sge != 1 ||
		     !(check_sge(&wr->sg_list[0]) & IBV_ACCESS_REMOTE_WRITE)))
			die("no Read for iWARP");
	}
	list_push_back(&qp->work, &work->link);
	qp->work_count++;
}

static int post_send(struct ibv_qp *ibv_qp, struct ibv_send_wr *wr, struct ibv_send_wr **bad)
{
	struct fake_qp *qp = qp_of(ibv_qp);

	for (; wr != NULL; wr = wr->next) {
		if (fake.knobs.posts != 0 && --fake.knobs.posts == 0) {
			*bad = wr;
			return ENOMEM;
		}
		post_one(qp, wr);
	}
	if (qp->has_failed)
		fake_flush(qp->peer);
	return 0;
}

static int post_recv(struct ibv_qp *ibv_qp, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad)
{
	struct fake_qp *qp = qp_of(ibv_qp);

	for (; wr != NULL; wr = wr->next) {
		struct fake_receive *receive;

		if (fake.knobs.posts != 0 && --fake.knobs.posts == 0) {
			*bad = wr;
			return ENOMEM;
		}
		receive = calloc(1, sizeof(*receive));
		if (wr->num_sge != 1 || ++qp->receive_count > qp->cap.max_recv_wr)
			die("receive queue overflows");
		check_sge(wr->sg_list);
		receive->wr = *wr;
		receive->sge = *wr->sg_list;
		receive->wr.sg_list = &receive->sge;
		list_push_back(&qp->receives, &receive->link);
	}
	if (qp->has_failed)
		fake_flush(qp->peer);
	return 0;
}

static int create_qp(struct rdma_cm_id *id, struct ibv_pd *pd, struct ibv_qp_init_attr *attr)
{
	struct fake_id *own = container_of(id, struct fake_id, id);
	struct fake_qp *qp;

	if ((fake.knobs.qp_sge_max != 0 && attr->cap.max_send_sge > fake.knobs.qp_sge_max) ||
	    attr->cap.max_inline_data > fake.knobs.inline_max) {
		errno = EINVAL;
		return -1;
	}
	if (attr->send_cq != attr->recv_cq)
		die("two completion queues");
	qp = calloc(1, sizeof(*qp));
	if (pd->context != id->verbs)
		die("create_qp with a protection domain of another device");
	qp->qp.context = id->verbs;
	qp->qp.qp_context = attr->qp_context;
	qp->qp.pd = pd;
	qp->qp.send_cq = attr->send_cq;
	qp->qp.recv_cq = attr->recv_cq;
	qp->cap = attr->cap;
	qp->peer = own->peer;
	list_init(&qp->work);
	list_init(&qp->receives);
	own->peer->qp = qp;
	id->qp = &qp->qp;
	fake.counts.qps++;
	return 0;
}

/* The memory of a QP that is gone stays, for completions that refer to it. */
static void destroy_qp(struct rdma_cm_id *id)
{
	struct fake_qp *qp = qp_of(id->qp);
	struct list_node *node;

	while ((node = list_pop_front(&qp->work)) != NULL)
		free(container_of(node, struct fake_work, link));
	while ((node = list_pop_front(&qp->receives)) != NULL)
		free(container_of(node, struct fake_receive, link));
	qp->peer->qp = NULL;
	id->qp = NULL;
	fake.counts.qps--;
	node = calloc(1, sizeof(*node) + sizeof(void *));
	memcpy(node + 1, &qp, sizeof(qp));
	list_push_back(&fake.dead_qps, node);
}

/* --- running work requests --- */

static enum ibv_wc_status run_rdma(struct fake_qp *qp, const struct ibv_send_wr *wr)
{
	uint64_t length = 0;
	uint8_t *remote;

	for (int i = 0; i < wr->num_sge; i++)
		length += wr->sg_list[i].length;
	remote = find_remote(wr->wr.rdma.rkey, wr->wr.rdma.remote_addr, length);
	if (wr->opcode == IBV_WR_RDMA_READ)
		qp->read_count--;
	if (remote == NULL)
		return IBV_WC_REM_ACCESS_ERR;
	for (int i = 0; i < wr->num_sge; i++) {
		const struct ibv_sge *sge = &wr->sg_list[i];

		check_sge(sge);
		if (wr->opcode == IBV_WR_RDMA_READ)
			memcpy((void *)(uintptr_t)sge->addr, remote, sge->length);
		else
			memcpy(remote, (const void *)(uintptr_t)sge->addr, sge->length);
		remote += sge->length;
	}
	return IBV_WC_SUCCESS;
}

static enum ibv_wc_status run_send(struct fake_qp *qp, const struct ibv_send_wr *wr)
{
	struct fake_sent *sent = calloc(1, sizeof(*sent));

	if (wr->num_sge != 1 || wr->sg_list[0].length > sizeof(sent->message.bytes))
		die("send");
	check_sge(&wr->sg_list[0]);
	sent->message.is_inline = (wr->send_flags & IBV_SEND_INLINE) != 0;
	if (sent->message.is_inline && wr->sg_list[0].length > qp->cap.max_inline_data)
		die("more inline than was granted");
	sent->message.length = wr->sg_list[0].length;
	memcpy(sent->message.bytes, (const void *)(uintptr_t)wr->sg_list[0].addr,
	       sent->message.length);
	if (wr->opcode == IBV_WR_SEND_WITH_INV)
		sent->message.invalidated = wr->invalidate_rkey;
	list_push_back(&qp->peer->sent, &sent->link);
	return IBV_WC_SUCCESS;
}

static enum ibv_wc_status run_one(struct fake_qp *qp, const struct ibv_send_wr *wr)
{
	switch (wr->opcode) {
	case IBV_WR_RDMA_READ:
	case IBV_WR_RDMA_WRITE:
		return run_rdma(qp, wr);
	case IBV_WR_SEND:
	case IBV_WR_SEND_WITH_INV:
		return run_send(qp, wr);
	default:
		die("opcode");
		return IBV_WC_GENERAL_ERR;
	}
}

static struct fake_work *pop_work(struct fake_qp *qp)
{
	struct list_node *node = list_pop_front(&qp->work);

	if (node == NULL)
		return NULL;
	qp->work_count--;
	return container_of(node, struct fake_work, link);
}

unsigned fake_run(struct fake_peer *peer, unsigned most)
{
	struct fake_qp *qp = peer->qp;
	struct fake_work *work;
	unsigned count = 0;

	while (qp != NULL && !qp->has_failed && count < most && (work = pop_work(qp)) != NULL) {
		enum ibv_wc_status status = run_one(qp, &work->wr);
		uint64_t wr_id = work->wr.wr_id;

		count++;
		qp->unsignalled++;
		if (status != IBV_WC_SUCCESS || (work->wr.send_flags & IBV_SEND_SIGNALED)) {
			complete(qp, wr_id, status, 0, qp->unsignalled);
			qp->unsignalled = 0;
		}
		free(work);
		if (status != IBV_WC_SUCCESS)
			fake_flush(peer);
	}
	return count;
}

void fake_flush(struct fake_peer *peer)
{
	struct fake_qp *qp = peer->qp;
	struct fake_work *work;
	struct list_node *node;

	if (qp == NULL)
		return;
	qp->has_failed = true;
	while ((work = pop_work(qp)) != NULL) {
		complete(qp, work->wr.wr_id, IBV_WC_WR_FLUSH_ERR, 0, 1);
		free(work);
	}
	while ((node = list_pop_front(&qp->receives)) != NULL) {
		struct fake_receive *receive = container_of(node, struct fake_receive, link);

		qp->receive_count--;
		complete(qp, receive->wr.wr_id, IBV_WC_WR_FLUSH_ERR, 0, 0);
		free(receive);
	}
}

void fake_fail(struct fake_peer *peer, enum ibv_wc_status status)
{
	struct fake_work *work = peer->qp != NULL ? pop_work(peer->qp) : NULL;

	if (work != NULL) {
		complete(peer->qp, work->wr.wr_id, status, 0, 1);
		free(work);
	}
	fake_flush(peer);
}

bool fake_send(struct fake_peer *peer, const void *bytes, size_t length)
{
	struct fake_qp *qp = peer->qp;
	struct fake_receive *receive;
	struct list_node *node = qp != NULL ? list_pop_front(&qp->receives) : NULL;

	if (node == NULL)
		return false;
	receive = container_of(node, struct fake_receive, link);
	qp->receive_count--;
	check_sge(&receive->sge);
	if (length > receive->sge.length) {
		complete(qp, receive->wr.wr_id, IBV_WC_LOC_LEN_ERR, 0, 0);
		fake_flush(peer);
	} else {
		if (length != 0)
			memcpy((void *)(uintptr_t)receive->sge.addr, bytes, length);
		complete(qp, receive->wr.wr_id, IBV_WC_SUCCESS, (uint32_t)length, 0);
	}
	free(receive);
	return true;
}

bool fake_take(struct fake_peer *peer, struct fake_message *message)
{
	struct list_node *node = list_pop_front(&peer->sent);
	struct fake_sent *sent;

	if (node == NULL)
		return false;
	sent = container_of(node, struct fake_sent, link);
	*message = sent->message;
	free(sent);
	return true;
}

/* --- the connection manager --- */

static struct rdma_event_channel *create_event_channel(void)
{
	struct fake_event_channel *channel = calloc(1, sizeof(*channel));

	channel->channel.fd = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC);
	list_init(&channel->events);
	fake.counts.event_channels++;
	return &channel->channel;
}

static void destroy_event_channel(struct rdma_event_channel *cm_channel)
{
	struct fake_event_channel *channel =
		container_of(cm_channel, struct fake_event_channel, channel);

	if (!list_is_empty(&channel->events))
		die("event channel destroyed with events in it");
	close(cm_channel->fd);
	free(channel);
	fake.counts.event_channels--;
}

static void push_event(struct fake_id *id, enum rdma_cm_event_type type, int status,
		       struct fake_id *subject)
{
	struct fake_event_channel *channel =
		container_of(id->id.channel, struct fake_event_channel, channel);
	struct fake_cm_event *event = calloc(1, sizeof(*event));
	uint64_t one = 1;

	event->event.id = &subject->id;
	event->event.event = type;
	event->event.status = status;
	if (type == RDMA_CM_EVENT_CONNECT_REQUEST) {
		event->event.listen_id = &id->id;
		event->event.param.conn = subject->peer->param;
		memcpy(event->private_data, subject->peer->private_data,
		       sizeof(event->private_data));
		event->event.param.conn.private_data =
			subject->peer->param.private_data_len != 0 ? event->private_data : NULL;
	}
	list_push_back(&channel->events, &event->link);
	if (write(channel->channel.fd, &one, sizeof(one)) < 0)
		die("eventfd");
}

static int get_cm_event(struct rdma_event_channel *cm_channel, struct rdma_cm_event **out)
{
	struct fake_event_channel *channel =
		container_of(cm_channel, struct fake_event_channel, channel);
	struct list_node *node = list_pop_front(&channel->events);
	uint64_t value;

	if (node == NULL) {
		errno = EAGAIN;
		return -1;
	}
	if (read(cm_channel->fd, &value, sizeof(value)) < 0)
		die("eventfd");
	*out = &container_of(node, struct fake_cm_event, link)->event;
	return 0;
}

static int ack_cm_event(struct rdma_cm_event *event)
{
	free(container_of(event, struct fake_cm_event, event));
	return 0;
}

static int create_id(struct rdma_event_channel *channel, struct rdma_cm_id **out, void *context,
		     enum rdma_port_space ps)
{
	struct fake_id *id = calloc(1, sizeof(*id));

	id->id.channel = channel;
	id->id.context = context;
	id->id.ps = ps;
	fake.counts.ids++;
	*out = &id->id;
	return 0;
}

/* Takes back what was not heard of ID. */
static void drop_events(struct fake_id *id)
{
	struct fake_event_channel *channel =
		container_of(id->id.channel, struct fake_event_channel, channel);
	struct list_node *node;
	struct list_node *next;
	uint64_t value;

	LIST_FOR_EACH_SAFE(node, next, &channel->events) {
		struct fake_cm_event *event = container_of(node, struct fake_cm_event, link);

		if (event->event.id != &id->id)
			continue;
		list_remove(node);
		if (read(channel->channel.fd, &value, sizeof(value)) < 0)
			die("eventfd");
		free(event);
	}
}

static int destroy_id(struct rdma_cm_id *cm_id)
{
	struct fake_id *id = container_of(cm_id, struct fake_id, id);

	if (cm_id->qp != NULL)
		die("destroy_id with a QP");
	drop_events(id);
	if (id->peer != NULL)
		id->peer->id = NULL;
	if (fake.listener == id)
		fake.listener = NULL;
	free(id);
	fake.counts.ids--;
	return 0;
}

static int set_option(struct rdma_cm_id *id, int level, int name, void *value, size_t length)
{
	(void)id;
	(void)level;
	(void)name;
	(void)value;
	(void)length;
	return 0;
}

static int bind_addr(struct rdma_cm_id *id, struct sockaddr *address)
{
	struct sockaddr_in *in = (void *)&id->route.addr.src_storage;

	if (fake.knobs.fails_bind) {
		errno = ENODEV;
		return -1;
	}
	memcpy(&id->route.addr.src_storage, address,
	       address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(*in));
	if (in->sin_port == 0)
		in->sin_port = htons(fake.next_port++);
	if (address->sa_family == AF_INET6 || in->sin_addr.s_addr != 0)
		id->verbs = &fake.contexts[fake.current];
	return 0;
}

static int listen_id(struct rdma_cm_id *id, int backlog)
{
	(void)backlog;
	fake.listener = container_of(id, struct fake_id, id);
	return 0;
}

static int migrate_id(struct rdma_cm_id *id, struct rdma_event_channel *channel)
{
	if (fake.knobs.fails_migrate) {
		errno = ENODEV;
		return -1;
	}
	id->channel = channel;
	return 0;
}

static struct fake_peer *peer_of(struct rdma_cm_id *id)
{
	return container_of(id, struct fake_id, id)->peer;
}

static int accept_id(struct rdma_cm_id *id, struct rdma_conn_param *param)
{
	struct fake_peer *peer = peer_of(id);

	if (fake.knobs.fails_accept) {
		errno = EINVAL;
		return -1;
	}
	if (peer->qp == NULL || peer->qp->receive_count == 0)
		die("accepted without a receive");
	if (param->initiator_depth > peer->param.initiator_depth &&
	    peer->param.initiator_depth != 0)
		die("accepted with more Reads than the peer answers");
	peer->is_accepted = true;
	peer->param = *param;
	memcpy(peer->private_data, param->private_data, param->private_data_len);
	return 0;
}

static int reject(struct rdma_cm_id *id, const void *data, uint8_t length)
{
	(void)data;
	(void)length;
	peer_of(id)->is_rejected = true;
	return 0;
}

static int disconnect(struct rdma_cm_id *id)
{
	peer_of(id)->is_disconnected = true;
	fake_flush(peer_of(id));
	return 0;
}

struct fake_peer *fake_connect(const void *private_data, uint8_t length,
			       uint8_t responder_resources, uint8_t initiator_depth)
{
	struct fake_peer *peer;
	struct sockaddr_in *in;
	struct fake_id *id;

	if (fake.listener == NULL)
		return NULL;
	peer = calloc(1, sizeof(*peer));
	id = calloc(1, sizeof(*id));
	list_init(&peer->sent);
	peer->id = id;
	peer->param.private_data_len = length;
	peer->param.responder_resources = responder_resources;
	peer->param.initiator_depth = initiator_depth;
	if (length != 0)
		memcpy(peer->private_data, private_data, length);
	id->peer = peer;
	id->id.verbs = &fake.contexts[fake.current];
	id->id.channel = fake.listener->id.channel;
	in = (void *)&id->id.route.addr.dst_storage;
	in->sin_family = AF_INET;
	in->sin_port = htons(40000);
	in->sin_addr.s_addr = htonl(0xc0000201);
	id->id.route.addr.src_storage = fake.listener->id.route.addr.src_storage;
	fake.counts.ids++;
	push_event(fake.listener, RDMA_CM_EVENT_CONNECT_REQUEST, 0, id);
	return peer;
}

void fake_event(struct fake_peer *peer, enum rdma_cm_event_type type, int status)
{
	if (peer->id != NULL)
		push_event(peer->id, type, status, peer->id);
}

void fake_listener_gone(void)
{
	push_event(fake.listener, RDMA_CM_EVENT_DEVICE_REMOVAL, 0, fake.listener);
}

void fake_device_again(void)
{
	fake.current = 1 - fake.current;
}

void fake_forget(struct fake_peer *peer)
{
	struct fake_message message;

	while (fake_take(peer, &message))
		;
	free(peer);
}

bool fake_is_accepted(const struct fake_peer *peer)
{
	return peer->is_accepted;
}

bool fake_is_rejected(const struct fake_peer *peer)
{
	return peer->is_rejected;
}

bool fake_is_disconnected(const struct fake_peer *peer)
{
	return peer->is_disconnected;
}

bool fake_is_gone(const struct fake_peer *peer)
{
	return peer->id == NULL;
}

const struct rdma_conn_param *fake_accepted(const struct fake_peer *peer)
{
	return &peer->param;
}

const uint8_t *fake_accepted_data(const struct fake_peer *peer)
{
	return peer->private_data;
}

unsigned fake_receives(const struct fake_peer *peer)
{
	return peer->qp != NULL ? peer->qp->receive_count : 0;
}

unsigned fake_sends(const struct fake_peer *peer)
{
	return peer->qp != NULL ? peer->qp->work_count : 0;
}

unsigned fake_reads(const struct fake_peer *peer)
{
	return peer->qp != NULL ? peer->qp->read_count : 0;
}

/* --- the device --- */

static const char *find_obstacle(void)
{
	return fake.knobs.obstacle;
}

static struct ibv_context **get_devices(int *count)
{
	struct ibv_context **devices = calloc(2, sizeof(*devices));

	fake.device.transport_type =
		fake.knobs.is_iwarp ? IBV_TRANSPORT_IWARP : IBV_TRANSPORT_IB;
	devices[0] = &fake.contexts[fake.current];
	*count = 1;
	fake.counts.device_lists++;
	return devices;
}

static void free_devices(struct ibv_context **devices)
{
	free(devices);
	fake.counts.device_lists--;
}

static int query_device(struct ibv_context *context, struct ibv_device_attr_ex *attr)
{
	const struct fake_knobs *knobs = &fake.knobs;

	(void)context;
	attr->orig_attr.vendor_id = knobs->vendor_id;
	attr->orig_attr.max_cqe = knobs->max_cqe;
	attr->orig_attr.max_qp_wr = knobs->max_qp_wr;
	attr->orig_attr.max_sge = knobs->max_sge;
	attr->orig_attr.max_sge_rd = knobs->max_sge_rd;
	attr->orig_attr.max_qp_rd_atom = knobs->max_rd_atom;
	attr->orig_attr.max_qp_init_rd_atom = knobs->max_rd_atom;
	attr->orig_attr.device_cap_flags = knobs->invalidates ? IBV_DEVICE_MEM_MGT_EXTENSIONS : 0;
	if (knobs->has_odp) {
		attr->odp_caps.general_caps = IBV_ODP_SUPPORT;
		attr->odp_caps.per_transport_caps.rc_odp_caps =
			IBV_ODP_SUPPORT_SEND | IBV_ODP_SUPPORT_RECV | IBV_ODP_SUPPORT_WRITE |
			IBV_ODP_SUPPORT_READ;
	}
	if (knobs->has_implicit)
		attr->odp_caps.general_caps |= IBV_ODP_SUPPORT_IMPLICIT;
	return 0;
}

static struct ibv_pd *alloc_pd(struct ibv_context *context)
{
	struct ibv_pd *pd = calloc(1, sizeof(*pd));

	pd->context = context;
	fake.counts.pds++;
	return pd;
}

static int dealloc_pd(struct ibv_pd *pd)
{
	if (fake.counts.device_lists == 0)
		die("the context of a protection domain may have been closed");
	free(pd);
	fake.counts.pds--;
	return 0;
}

void fake_bury(void)
{
	struct list_node *node;

	while ((node = list_pop_front(&fake.dead_qps)) != NULL) {
		struct fake_qp *qp;

		memcpy(&qp, node + 1, sizeof(qp));
		free(qp);
		free(node);
	}
}

void fake_reset(void)
{
	if (fake.dead_qps.head.next != NULL)
		fake_bury();
	memset(&fake, 0, sizeof(fake));
	fake.device.transport_type = IBV_TRANSPORT_IB;
	strcpy(fake.device.name, "fake0");
	for (unsigned i = 0; i < ARRAY_SIZE(fake.contexts); i++) {
		struct ibv_context *context = &fake.contexts[i];

		context->device = &fake.device;
		context->num_comp_vectors = 2;
		context->ops.poll_cq = poll_cq;
		context->ops.req_notify_cq = req_notify_cq;
		context->ops.post_send = post_send;
		context->ops.post_recv = post_recv;
	}
	fake.knobs = (struct fake_knobs){
		.max_cqe = 32767, .max_qp_wr = 16384, .max_sge = 32, .max_sge_rd = 32,
		.max_rd_atom = 128, .invalidates = true, .inline_max = 400,
	};
	fake.next_key = 100;
	fake.next_port = 3260;
	list_init(&fake.mrs);
	list_init(&fake.dead_qps);
}

struct fake_knobs *fake_knobs(void)
{
	return &fake.knobs;
}

unsigned fake_vectors(void)
{
	return fake.vectors;
}

struct fake_counts fake_counts(void)
{
	return fake.counts;
}

const struct iser_verbs fake_verbs = {
	.find_obstacle = find_obstacle,
	.get_devices = get_devices,
	.free_devices = free_devices,
	.create_event_channel = create_event_channel,
	.destroy_event_channel = destroy_event_channel,
	.create_id = create_id,
	.destroy_id = destroy_id,
	.set_option = set_option,
	.bind_addr = bind_addr,
	.listen = listen_id,
	.get_cm_event = get_cm_event,
	.ack_cm_event = ack_cm_event,
	.migrate_id = migrate_id,
	.create_qp = create_qp,
	.destroy_qp = destroy_qp,
	.accept = accept_id,
	.reject = reject,
	.disconnect = disconnect,
	.query_device = query_device,
	.alloc_pd = alloc_pd,
	.dealloc_pd = dealloc_pd,
	.reg_mr = reg_mr,
	.dereg_mr = dereg_mr,
	.create_comp_channel = create_comp_channel,
	.destroy_comp_channel = destroy_comp_channel,
	.create_cq = create_cq,
	.destroy_cq = destroy_cq,
	.get_cq_event = get_cq_event,
	.ack_cq_events = ack_cq_events,
};
