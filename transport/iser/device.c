/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RDMA devices: a protection domain each, and the process's data memory
 * registered with it once, through the registry of regions. What comes later
 * (a store's memory) is registered when it comes; no I/O registers anything.
 *
 * Memory is pinned, which is fastest. Where that is refused (RLIMIT_MEMLOCK)
 * and the device pages on demand, it does that; and then one registration of
 * the whole address space serves memory that is in no region. Where it does
 * not, data of stores' memory goes through buffers of the arenas, and a reactor
 * whose arena was refused gets no connections of the device.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/checked.h"
#include "transport/iser/iser.h"

struct iser_mr {
	struct list_node link;		/* of device->mrs */
	const struct region *region;
	struct ibv_mr *mr;
};

/* --- the registrar --- */

static struct iser_device *device_of(struct registrar *registrar)
{
	return container_of(registrar, struct iser_device, registrar);
}

static int access_flags(const struct iser_device *device)
{
	/* On iWARP what an RDMA Read brings is written by the peer (RFC 5040). */
	return IBV_ACCESS_LOCAL_WRITE | (device->is_iwarp ? IBV_ACCESS_REMOTE_WRITE : 0);
}

static struct ibv_mr *register_memory(struct iser_device *device, void *base, size_t length)
{
	const struct iser_verbs *verbs = device->iser->verbs;
	struct ibv_mr *mr = verbs->reg_mr(device->pd, base, length, access_flags(device));

	if (mr == NULL && device->has_odp)
		mr = verbs->reg_mr(device->pd, base, length,
				   access_flags(device) | IBV_ACCESS_ON_DEMAND);
	counter_increment(&device->registrations);
	if (atomic_load_explicit(&device->has_served, memory_order_relaxed))
		counter_increment(&device->registrations_later);
	return mr;
}

static void describe_limit(char *out, size_t size)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		snprintf(out, size, "no limit of locked memory");
	else
		snprintf(out, size, "locked memory is limited to %llu KiB, LimitMEMLOCK raises it",
			 (unsigned long long)limit.rlim_cur / 1024);
}

static int region_added(struct registrar *registrar, struct region *region, uint64_t *key)
{
	struct iser_device *device = device_of(registrar);
	struct iser_mr *mr = calloc(1, sizeof(*mr));
	char limit[128];
	int err;

	if (mr == NULL)
		return -ENOMEM;
	mr->region = region;
	mr->mr = register_memory(device, region->base, region->length);
	if (mr->mr == NULL) {
		err = errno != 0 ? -errno : -ENOMEM;
		counter_increment(&device->refused);
		if (region->reactor == REGION_SHARED && device->implicit == NULL)
			atomic_store_explicit(&device->lacks_memory, true, memory_order_relaxed);
		describe_limit(limit, sizeof(limit));
		log_warning("iser: %s: cannot register %zu MiB: %s (%s)", device->name,
			    region->length >> 20, strerror(-err), limit);
		free(mr);
		return err;
	}
	list_push_back(&device->mrs, &mr->link);
	counter_increment(&device->regions);
	counter_add(&device->bytes, region->length);
	*key = mr->mr->lkey;
	return 0;
}

static void region_removed(struct registrar *registrar, struct region *region, uint64_t key)
{
	struct iser_device *device = device_of(registrar);
	struct list_node *node;

	(void)key;
	LIST_FOR_EACH(node, &device->mrs) {
		struct iser_mr *mr = container_of(node, struct iser_mr, link);

		if (mr->region != region)
			continue;
		list_remove(node);
		device->iser->verbs->dereg_mr(mr->mr);
		free(mr);
		counter_decrement(&device->regions);
		counter_set(&device->bytes, counter_read(&device->bytes) - region->length);
		return;
	}
}

struct arena_search {
	const struct iser_device *device;
	int reactor;
	bool is_whole;
};

static void look_at_region(void *context, const struct region *region)
{
	struct arena_search *search = context;

	if (region->reactor == search->reactor &&
	    region->key[search->device->registrar.slot] == REGION_NO_KEY)
		search->is_whole = false;
}

bool iser_device_has_arena(const struct iser_device *device, unsigned reactor)
{
	struct arena_search search = { device, (int)reactor, true };

	if (device->implicit == NULL)
		memory_visit(device->iser->memory, look_at_region, &search);
	return search.is_whole;
}

static const struct registrar_ops registrar_ops = {
	.name = "iser",
	.region_added = region_added,
	.region_removed = region_removed,
};

/* --- what a device can --- */

static int read_number(const char *path, int fallback)
{
	FILE *file = fopen(path, "re");
	int number = fallback;

	if (file == NULL)
		return fallback;
	if (fscanf(file, "%d", &number) != 1)
		number = fallback;
	fclose(file);
	return number;
}

/* A software device has no node of its own: its network device's is as good. */
static int find_node(const char *name)
{
	char path[PATH_MAX], parent[64] = "";
	FILE *file;
	int node;

	snprintf(path, sizeof(path), "/sys/class/infiniband/%s/device/numa_node", name);
	node = read_number(path, -1);
	if (node >= 0)
		return node;
	snprintf(path, sizeof(path), "/sys/class/infiniband/%s/parent", name);
	file = fopen(path, "re");
	if (file == NULL)
		return -1;
	if (fscanf(file, "%63s", parent) != 1)
		parent[0] = '\0';
	fclose(file);
	snprintf(path, sizeof(path), "/sys/class/net/%s/device/numa_node", parent);
	return read_number(path, -1);
}

static bool is_kernel_at_least(int major, int minor)
{
	struct utsname name;
	int here[2];

	if (uname(&name) < 0 || sscanf(name.release, "%d.%d", &here[0], &here[1]) != 2)
		return false;
	return here[0] > major || (here[0] == major && here[1] >= minor);
}

/*
 * Soft-RoCE up to Linux 6.11 loses sessions by it ("mr not free" at the
 * initiator); its peers mostly have the same kernel.
 */
static bool is_invalidate_lossy(const struct iser_device *device)
{
	enum { VENDOR_SOFT_ROCE = 0xffffff };

	return device->attr.vendor_id == VENDOR_SOFT_ROCE && !is_kernel_at_least(6, 12);
}

static bool can_invalidate(const struct iser_device *device)
{
	if (!(device->attr.device_cap_flags & IBV_DEVICE_MEM_MGT_EXTENSIONS))
		return false;
	switch (device->iser->invalidate) {
	case ISER_INVALIDATE_ON:
		return true;
	case ISER_INVALIDATE_OFF:
		return false;
	case ISER_INVALIDATE_AUTO:
		break;
	}
	return !device->is_invalidate_lossy;
}

static uint32_t at_most(int has, uint32_t wanted)
{
	return has > 0 ? min_t(uint32_t, (uint32_t)has, wanted) : 1;
}

static void size_up(struct iser_device *device)
{
	const struct ibv_device_attr *attr = &device->attr;
	uint32_t entries = at_most(attr->max_cqe, ISER_COMPLETION_QUEUE);

	/* A connection must fit into one completion queue. */
	device->send_depth = at_most(attr->max_qp_wr, ISER_SEND_QUEUE);
	device->send_depth = min(device->send_depth, entries / 2);
	/* The ring of what is posted is masked. */
	if (device->send_depth != 0)
		device->send_depth = 1u << log2_floor(device->send_depth);
	device->recv_depth = at_most(attr->max_qp_wr, device->iser->window + ISER_RECEIVES_EXTRA);
	device->recv_depth = min(device->recv_depth, entries - entries / 2);
	device->write_sge = at_most(attr->max_sge, ISER_SGE_MAX);
	device->read_sge = at_most(attr->max_sge_rd > 0 ? attr->max_sge_rd : attr->max_sge,
				   device->write_sge);
	if (device->is_iwarp)
		device->read_sge = 1;
}

static int query(struct iser_device *device)
{
	enum { NEEDED = IBV_ODP_SUPPORT_SEND | IBV_ODP_SUPPORT_RECV | IBV_ODP_SUPPORT_WRITE |
			IBV_ODP_SUPPORT_READ };
	struct ibv_device_attr_ex attr;
	int err;

	memset(&attr, 0, sizeof(attr));
	err = device->iser->verbs->query_device(device->context, &attr);
	if (err != 0)
		return err < 0 ? err : -err;
	device->attr = attr.orig_attr;
	device->has_odp = device->iser->odp != ISER_ODP_OFF &&
			  (attr.odp_caps.general_caps & IBV_ODP_SUPPORT) != 0 &&
			  (attr.odp_caps.per_transport_caps.rc_odp_caps & NEEDED) == NEEDED;
	if (device->has_odp && (attr.odp_caps.general_caps & IBV_ODP_SUPPORT_IMPLICIT)) {
		counter_increment(&device->registrations);
		device->implicit = device->iser->verbs->reg_mr(
			device->pd, NULL, SIZE_MAX,
			access_flags(device) | IBV_ACCESS_ON_DEMAND);
	}
	device->is_invalidate_lossy = is_invalidate_lossy(device);
	device->can_invalidate = can_invalidate(device);
	size_up(device);
	/* Room for a put of many pieces, and for a login with a few commands. */
	return device->send_depth < ISER_SGE_MAX * 2 || device->recv_depth <= ISER_RECEIVES_EXTRA ?
		       -EOPNOTSUPP : 0;
}

/* --- coming and going --- */

static void device_free(struct iser_device *device)
{
	const struct iser_verbs *verbs = device->iser->verbs;

	if (device->registrar.ops != NULL)
		memory_registrar_remove(device->iser->memory, &device->registrar);
	if (device->implicit != NULL)
		verbs->dereg_mr(device->implicit);
	if (device->pd != NULL)
		verbs->dealloc_pd(device->pd);
	if (device->held != NULL)
		verbs->free_devices(device->held);
	free(device);
}

/*
 * librdmacm closes the context of a device that has gone with the last of its users, which are ids
 * and lists of devices: ours stays until our protection domain and our memory regions there are
 * no more.
 */
static int hold(struct iser_device *device)
{
	int count = 0;

	device->held = device->iser->verbs->get_devices(&count);
	for (int i = 0; device->held != NULL && i < count; i++)
		if (device->held[i] == device->context)
			return 0;
	return -ENODEV;
}

static int device_open(struct iser *iser, struct ibv_context *context, struct iser_device **out)
{
	struct iser_device *device = calloc(1, sizeof(*device));
	int err;

	if (device == NULL)
		return -ENOMEM;
	device->iser = iser;
	device->context = context;
	list_init(&device->mrs);
	snprintf(device->name, sizeof(device->name), "%s", context->device->name);
	device->node = find_node(device->name);
	device->is_iwarp = context->device->transport_type == IBV_TRANSPORT_IWARP;
	err = hold(device);
	if (err < 0)
		goto fail;
	device->pd = iser->verbs->alloc_pd(context);
	err = device->pd == NULL ? -errno : query(device);
	if (err < 0)
		goto fail;
	device->registrar.reactor = REGION_SHARED;
	device->registrar.ops = &registrar_ops;
	err = memory_registrar_add(iser->memory, &device->registrar);
	if (err < 0) {
		device->registrar.ops = NULL;
		goto fail;
	}
	atomic_init(&device->references, 1);
	*out = device;
	return 0;
fail:
	device_free(device);
	return err;
}

static struct iser_device *find(struct iser *iser, const struct ibv_context *context)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &iser->devices) {
		struct iser_device *device = container_of(node, struct iser_device, link);

		if (device->context == context)
			return device;
	}
	return NULL;
}

/* A device that comes back has another context. Its old self may have gone without a word. */
static void drop_former(struct iser *iser, const char *name)
{
	struct list_node *node;

	LIST_FOR_EACH(node, &iser->devices) {
		struct iser_device *device = container_of(node, struct iser_device, link);

		if (strcmp(device->name, name) != 0)
			continue;
		if (!atomic_exchange(&device->is_removed, true)) {
			list_remove(node);
			iser_device_put(device);
		}
		return;
	}
}

struct iser_device *iser_device_get(struct iser *iser, struct ibv_context *context)
{
	struct iser_device *device;
	int err = 0;

	pthread_mutex_lock(&iser->lock);
	device = find(iser, context);
	if (device == NULL) {
		drop_former(iser, context->device->name);
		err = device_open(iser, context, &device);
		if (err == 0)
			list_push_back(&iser->devices, &device->link);
	}
	if (err == 0)
		atomic_fetch_add(&device->references, 1);
	else
		log_limited(&iser->log_limit, LOG_LEVEL_WARNING, "iser: %s cannot be used: %s",
			    context->device->name, strerror(-err));
	pthread_mutex_unlock(&iser->lock);
	return err == 0 ? device : NULL;
}

void iser_device_put(struct iser_device *device)
{
	if (atomic_fetch_sub(&device->references, 1) == 1)
		device_free(device);
}

void iser_device_remove(struct iser_device *device)
{
	struct iser *iser = device->iser;

	if (atomic_exchange(&device->is_removed, true))
		return;
	log_warning("iser: %s: the device is gone", device->name);
	pthread_mutex_lock(&iser->lock);
	list_remove(&device->link);
	pthread_mutex_unlock(&iser->lock);
	iser_device_put(device);
}

void iser_device_remove_context(struct iser *iser, const struct ibv_context *context)
{
	struct iser_device *device;

	pthread_mutex_lock(&iser->lock);
	device = find(iser, context);
	if (device != NULL)
		atomic_fetch_add(&device->references, 1);
	pthread_mutex_unlock(&iser->lock);
	if (device == NULL)
		return;
	iser_device_remove(device);
	iser_device_put(device);
}
