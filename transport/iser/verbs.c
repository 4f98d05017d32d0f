/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The real libraries behind the table.
 */
#include "transport/iser/verbs.h"

#include <dirent.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static bool has_device(void)
{
	DIR *dir = opendir("/sys/class/infiniband");
	struct dirent *entry;
	bool found = false;

	if (dir == NULL)
		return false;
	while ((entry = readdir(dir)) != NULL && !found)
		found = entry->d_name[0] != '.';
	closedir(dir);
	return found;
}

/* Asked before the libraries are, which write to stderr where they find nothing. */
static const char *find_obstacle(void)
{
	if (!has_device())
		return "this machine has no RDMA device";
	if (access("/dev/infiniband/rdma_cm", R_OK | W_OK) < 0)
		return "/dev/infiniband/rdma_cm cannot be used (module rdma_ucm, or permission)";
	return NULL;
}

static int query_device(struct ibv_context *context, struct ibv_device_attr_ex *attr)
{
	return ibv_query_device_ex(context, NULL, attr);
}

/* ibv_reg_mr is a macro where its flags are not constant. */
static struct ibv_mr *reg_mr(struct ibv_pd *pd, void *base, size_t length, int access)
{
	return ibv_reg_mr(pd, base, length, access);
}

const struct iser_verbs iser_verbs_real = {
	.find_obstacle = find_obstacle,
	.get_devices = rdma_get_devices,
	.free_devices = rdma_free_devices,
	.create_event_channel = rdma_create_event_channel,
	.destroy_event_channel = rdma_destroy_event_channel,
	.create_id = rdma_create_id,
	.destroy_id = rdma_destroy_id,
	.set_option = rdma_set_option,
	.bind_addr = rdma_bind_addr,
	.listen = rdma_listen,
	.get_cm_event = rdma_get_cm_event,
	.ack_cm_event = rdma_ack_cm_event,
	.migrate_id = rdma_migrate_id,
	.create_qp = rdma_create_qp,
	.destroy_qp = rdma_destroy_qp,
	.accept = rdma_accept,
	.reject = rdma_reject,
	.disconnect = rdma_disconnect,
	.query_device = query_device,
	.alloc_pd = ibv_alloc_pd,
	.dealloc_pd = ibv_dealloc_pd,
	.reg_mr = reg_mr,
	.dereg_mr = ibv_dereg_mr,
	.create_comp_channel = ibv_create_comp_channel,
	.destroy_comp_channel = ibv_destroy_comp_channel,
	.create_cq = ibv_create_cq,
	.destroy_cq = ibv_destroy_cq,
	.get_cq_event = ibv_get_cq_event,
	.ack_cq_events = ibv_ack_cq_events,
};
