/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the iSER mover calls in librdmacm and libibverbs, as a table, so that
 * tests can stand in for a device. Posting and polling are not in it: those
 * are inline functions through the operations of the ibv_context, which a
 * fake context has too.
 *
 * Every entry is the library's own function with the library's own contract.
 */
#ifndef PINION_TRANSPORT_ISER_VERBS_H
#define PINION_TRANSPORT_ISER_VERBS_H

#include <stddef.h>

#include <infiniband/verbs.h>
#include <rdma/rdma_cma.h>

struct iser_verbs {
	/* NULL where iSER can be tried, else why not: for the administrator. */
	const char *(*find_obstacle)(void);

	/* librdmacm: 0 or -1 with errno */
	struct ibv_context **(*get_devices)(int *count);
	void (*free_devices)(struct ibv_context **devices);
	struct rdma_event_channel *(*create_event_channel)(void);
	void (*destroy_event_channel)(struct rdma_event_channel *channel);
	int (*create_id)(struct rdma_event_channel *channel, struct rdma_cm_id **id, void *context,
			 enum rdma_port_space ps);
	int (*destroy_id)(struct rdma_cm_id *id);
	int (*set_option)(struct rdma_cm_id *id, int level, int name, void *value, size_t length);
	int (*bind_addr)(struct rdma_cm_id *id, struct sockaddr *address);
	int (*listen)(struct rdma_cm_id *id, int backlog);
	int (*get_cm_event)(struct rdma_event_channel *channel, struct rdma_cm_event **event);
	int (*ack_cm_event)(struct rdma_cm_event *event);
	int (*migrate_id)(struct rdma_cm_id *id, struct rdma_event_channel *channel);
	int (*create_qp)(struct rdma_cm_id *id, struct ibv_pd *pd, struct ibv_qp_init_attr *attr);
	void (*destroy_qp)(struct rdma_cm_id *id);
	int (*accept)(struct rdma_cm_id *id, struct rdma_conn_param *param);
	int (*reject)(struct rdma_cm_id *id, const void *data, uint8_t length);
	int (*disconnect)(struct rdma_cm_id *id);

	/* libibverbs: an object or NULL with errno; 0 or an errno */
	int (*query_device)(struct ibv_context *context, struct ibv_device_attr_ex *attr);
	struct ibv_pd *(*alloc_pd)(struct ibv_context *context);
	int (*dealloc_pd)(struct ibv_pd *pd);
	struct ibv_mr *(*reg_mr)(struct ibv_pd *pd, void *base, size_t length, int access);
	int (*dereg_mr)(struct ibv_mr *mr);
	struct ibv_comp_channel *(*create_comp_channel)(struct ibv_context *context);
	int (*destroy_comp_channel)(struct ibv_comp_channel *channel);
	struct ibv_cq *(*create_cq)(struct ibv_context *context, int cqe, void *cq_context,
				    struct ibv_comp_channel *channel, int vector);
	int (*destroy_cq)(struct ibv_cq *cq);
	int (*get_cq_event)(struct ibv_comp_channel *channel, struct ibv_cq **cq, void **context);
	void (*ack_cq_events)(struct ibv_cq *cq, unsigned count);
};

extern const struct iser_verbs iser_verbs_real;

#endif
