/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Targets (logical units by LUN) and nexuses. SAM-5 sections 4.7 (LUNs) and 6.3 (events).
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "scsi/copy.h"
#include "scsi/event.h"
#include "scsi/lu.h"
#include "scsi/order.h"
#include "scsi/orphan.h"
#include "scsi/provision.h"
#include "scsi/range.h"
#include "scsi/taskset.h"

/* ---- LUNs ----------------------------------------------------------------------- */

/* Of the first byte of a LUN field. */
enum {
	METHOD = 0xc0,
	METHOD_PERIPHERAL = 0x00,
	METHOD_FLAT = 0x40,
};

#define LUN_REPORT_LUNS UINT64_C(0xc101000000000000)
#define LUN_REST        UINT64_C(0x0000ffffffffffff) /* of lower levels, of which there are none */

int lun_decode(uint64_t field)
{
	unsigned high = field >> 56;
	unsigned low = field >> 48 & 0xff;

	if (LIKELY((field & LUN_REST) == 0)) {
		/* Bus 0 only: there are no others behind us. */
		if (high == METHOD_PERIPHERAL)
			return (int)low;
		if ((high & METHOD) == METHOD_FLAT)
			return (int)((high & ~(unsigned)METHOD) << 8 | low);
	}
	return field == LUN_REPORT_LUNS ? LUN_WELL_KNOWN : LUN_UNKNOWN;
}

uint64_t lun_encode(unsigned number)
{
	if (number < 256)
		return (uint64_t)number << 48;
	return (uint64_t)(METHOD_FLAT << 8 | number) << 48;
}

/* ---- targets --------------------------------------------------------------------- */

int scsi_target_create(const char *name, struct scsi_target **out)
{
	struct scsi_target *target = calloc(1, sizeof(*target));

	if (target == NULL)
		return -ENOMEM;
	target->name = strdup(name);
	if (target->name == NULL) {
		free(target);
		return -ENOMEM;
	}
	*out = target;
	return 0;
}

int scsi_target_add(struct scsi_target *target, unsigned lun, struct scsi_lu *lu)
{
	if (lun >= SCSI_LUNS_MAX)
		return -ERANGE;
	if (target->lu[lun] != NULL)
		return -EEXIST;
	target->lu[lun] = lu;
	if (lun >= target->lun_end)
		target->lun_end = lun + 1;
	return 0;
}

void scsi_target_settle(struct scsi_target *target)
{
	static const struct timespec moment = { .tv_nsec = 1000 * 1000 };

	for (unsigned i = 0; i < target->lun_end; i++) {
		if (target->lu[i] != NULL)
			atomic_store_explicit(&target->lu[i]->is_ending, true, memory_order_relaxed);
		if (target->lu[i] != NULL)
			provision_stop(target->lu[i]);
	}
	for (unsigned i = 0; i < target->lun_end; i++) {
		while (target->lu[i] != NULL &&
		       atomic_load_explicit(&target->lu[i]->background, memory_order_acquire) != 0)
			nanosleep(&moment, NULL);
	}
}

int scsi_target_add_port(struct scsi_target *target, uint16_t relative, const char *name)
{
	struct target_port *ports;
	unsigned at = 0;
	char *copy;

	while (at < target->port_count && target->port[at].relative < relative)
		at++;
	if (at < target->port_count && target->port[at].relative == relative)
		return strcmp(target->port[at].name, name) == 0 ? 0 : -EEXIST;
	if (strlen(name) > SCSI_PORT_NAME_MAX)
		return -EINVAL;
	if (target->port_count >= SCSI_PORTS_MAX)
		return -ENOSPC;
	ports = realloc(target->port, (target->port_count + 1) * sizeof(*ports));
	if (ports == NULL)
		return -ENOMEM;
	target->port = ports;
	copy = strdup(name);
	if (copy == NULL)
		return -ENOMEM;
	memmove(ports + at + 1, ports + at, (target->port_count - at) * sizeof(*ports));
	ports[at] = (struct target_port){ relative, copy };
	target->port_count++;
	return 0;
}

bool target_has_port(const struct scsi_target *target, uint16_t relative)
{
	for (unsigned i = 0; i < target->port_count; i++) {
		if (target->port[i].relative == relative)
			return true;
	}
	return false;
}

void scsi_target_destroy(struct scsi_target *target)
{
	for (unsigned i = 0; i < target->lun_end; i++) {
		if (target->lu[i] != NULL)
			scsi_lu_destroy(target->lu[i]);
	}
	for (unsigned i = 0; i < target->port_count; i++)
		free(target->port[i].name);
	free(target->port);
	free(target->name);
	free(target);
}

const char *scsi_target_name(const struct scsi_target *target)
{
	return target->name;
}

void lu_sum(const struct scsi_lu *lu, struct lu_sums *sums)
{
	*sums = (struct lu_sums){ 0 };
	for (unsigned i = 0; i < SCSI_REACTORS_MAX; i++) {
		const struct lu_counters *counters = &lu->counters[i];

		sums->reads += counter_read(&counters->reads);
		sums->writes += counter_read(&counters->writes);
		sums->read_bytes += counter_read(&counters->read_bytes);
		sums->written_bytes += counter_read(&counters->written_bytes);
		sums->errors += counter_read(&counters->errors);
		sums->read_errors += counter_read(&counters->read_errors);
		sums->write_errors += counter_read(&counters->write_errors);
	}
}

void lu_sum_counters(const struct scsi_lu *lu, struct scsi_lu_info *info)
{
	struct lu_sums sums;

	lu_sum(lu, &sums);
	info->reads += sums.reads;
	info->writes += sums.writes;
	info->read_bytes += sums.read_bytes;
	info->written_bytes += sums.written_bytes;
	info->errors += sums.errors;
}

static void measure(struct scsi_lu *lu, const char *target, unsigned lun)
{
	int rc = store_measure(lu->store);
	uint64_t before = lu->blocks;
	uint64_t blocks = store_size(lu->store) >> lu->block_shift;

	if (rc < 0) {
		log_warning("target %s: LUN %u: its size cannot be found out: %s", target, lun,
			    strerror(-rc));
		return;
	}
	if (blocks <= before)
		return;
	atomic_store(&lu->blocks, blocks);
	attention_raise(&lu->attentions, ATTENTION_CAPACITY_CHANGED);
	log_info("target %s: LUN %u has grown from %llu to %llu blocks", target, lun,
		 (unsigned long long)before, (unsigned long long)blocks);
}

void scsi_target_measure(struct scsi_target *target)
{
	for (unsigned i = 0; i < target->lun_end; i++) {
		if (target->lu[i] != NULL)
			measure(target->lu[i], target->name, i);
	}
}

static void fill_info(const struct scsi_lu *lu, struct scsi_lu_info *info)
{
	info->store = lu->store->ops->name;
	if (lu->store->ops->describe != NULL)
		lu->store->ops->describe(lu->store, info->detail, sizeof(info->detail));
	info->size = lu->blocks << lu->block_shift;
	info->block_size = lu->block_size;
	info->read_only = lu->read_only;
	strcpy(info->serial, lu->serial);
	identity_hex(lu->naa, lu->naa_length, info->naa);
	lu_sum_counters(lu, info);
}

void scsi_target_visit(const struct scsi_target *target,
		       void (*visit)(void *context, const struct scsi_lu_info *info), void *context)
{
	for (unsigned i = 0; i < target->lun_end; i++) {
		struct scsi_lu_info info = { .lun = i };

		if (target->lu[i] == NULL)
			continue;
		fill_info(target->lu[i], &info);
		visit(context, &info);
	}
}

/* ---- nexuses ---------------------------------------------------------------------- */

/*
 * Whether this initiator port has been at this target port before; it is
 * remembered from now on. Any thread. When the memory is full nobody is known:
 * then a returning nexus is told of a power on, which covers everything.
 */
static bool was_here_before(struct scsi_target *target, const struct scsi_nexus_config *config)
{
	uint64_t hash = identity_hash(0, config->initiator_port, strlen(config->initiator_port));

	hash = identity_hash(hash, config->target_port, strlen(config->target_port)) | 1;
	for (unsigned i = 0; i < SCSI_NEXUSES_REMEMBERED; i++) {
		_Atomic uint64_t *slot = &target->known[(hash + i) % SCSI_NEXUSES_REMEMBERED];
		uint64_t found = 0;

		if (atomic_compare_exchange_strong(slot, &found, hash))
			return false;
		if (found == hash)
			return true;
	}
	return false;
}

static void free_nexus(struct scsi_nexus *nexus)
{
	event_teller_close(nexus->teller);
	free(nexus->initiator_port);
	free(nexus->target_port);
	free(nexus);
}

/* How many LUNs NEXUS needs state for: the highest that VIEW shows of TARGET and one. */
static unsigned view_end(const struct scsi_target *target, const struct scsi_lun_view *view)
{
	unsigned end = 0;

	if (view == NULL || !view->is_mapped)
		return target->lun_end;
	for (unsigned i = 0; i < view->count; i++)
		end = max(end, view->luns[i].as + 1u);
	return end;
}

/* Puts the logical units of TARGET where VIEW has them. */
static void look(struct scsi_nexus *nexus, const struct scsi_target *target,
		 const struct scsi_lun_view *view)
{
	if (view == NULL || !view->is_mapped) {
		for (unsigned i = 0; i < nexus->lun_count; i++) {
			nexus->lu[i].lu = target->lu[i];
			nexus->lu[i].read_only = view != NULL && view->read_only;
		}
		return;
	}
	for (unsigned i = 0; i < view->count; i++) {
		const struct scsi_lun_mapping *mapping = &view->luns[i];
		struct nexus_lu *state = &nexus->lu[mapping->as];

		state->lu = mapping->lun < target->lun_end ? target->lu[mapping->lun] : NULL;
		state->read_only = view->read_only || mapping->read_only;
	}
}

static int join_all(const struct scsi_nexus *nexus, struct reactor *reactor)
{
	int ret = 0;

	for (unsigned i = 0; i < nexus->lun_count && ret == 0; i++) {
		if (nexus->lu[i].lu != NULL)
			ret = range_join(nexus->lu[i].lu, reactor);
	}
	return ret;
}

int scsi_nexus_create(const struct scsi_nexus_config *config, struct scsi_nexus **out)
{
	struct scsi_target *target = config->target;
	unsigned count = view_end(target, config->view);
	struct scsi_nexus *nexus;
	enum attention first;

	assert(reactor_index(config->reactor) < SCSI_REACTORS_MAX);
	nexus = calloc(1, sizeof(*nexus) + count * sizeof(nexus->lu[0]));
	if (nexus == NULL)
		return -ENOMEM;
	nexus->lun_count = count;
	look(nexus, target, config->view);
	nexus->initiator_port = strdup(config->initiator_port);
	nexus->target_port = strdup(config->target_port);
	if (nexus->initiator_port == NULL || nexus->target_port == NULL ||
	    join_all(nexus, config->reactor) != 0) {
		free_nexus(nexus);
		return -ENOMEM;
	}
	nexus->target = target;
	nexus->number = atomic_fetch_add_explicit(&target->nexuses, 1, memory_order_relaxed);
	nexus->reactor = config->reactor;
	nexus->event = config->event;
	if (nexus->event != NULL)
		nexus->teller = event_teller_create(nexus, config->reactor);
	if (nexus->event != NULL && nexus->teller == NULL) {
		free_nexus(nexus);
		return -ENOMEM;
	}
	if (taskset_join(nexus) != 0) {
		free_nexus(nexus);
		return -ENOMEM;
	}
	nexus->arena = reactor_arena(config->reactor);
	nexus->slot = reactor_index(config->reactor);
	nexus->target_port_group = config->target_port_group;
	nexus->has_sam_functions = config->has_sam_functions;
	nexus->tasks_terminated = config->tasks_terminated;
	nexus->context = config->context;
	list_init(&nexus->stray);
	list_init(&nexus->copies);
	first = was_here_before(target, config) ? ATTENTION_NEXUS_LOSS : ATTENTION_POWER_ON;
	for (unsigned i = 0; i < nexus->lun_count; i++) {
		list_init(&nexus->lu[i].commands);
		if (nexus->lu[i].lu != NULL) {
			nexus->lu[i].attentions.teller = nexus->teller;
			attention_join(&nexus->lu[i].lu->attentions, &nexus->lu[i].attentions, nexus,
				       first);
			access_join(nexus->lu[i].lu, &nexus->lu[i].access, nexus);
			order_join(&nexus->lu[i]);
			provision_start(nexus->lu[i].lu, config->reactor);
		}
	}
	*out = nexus;
	return 0;
}

bool cmd_is_read_only(const struct scsi_cmd *cmd)
{
	return cmd->lu->read_only || lu_has_mode(cmd->lu, MODE_WRITE_PROTECT) ||
	       cmd->nexus->lu[lun_decode(cmd->lun)].read_only;
}

/* What a logical unit does when it loses a nexus. */
static void lose(struct scsi_nexus *nexus)
{
	if (nexus->is_lost)
		return;
	nexus->is_lost = true;
	copy_nexus_lost(nexus);
	for (unsigned i = 0; i < nexus->lun_count; i++) {
		if (nexus->lu[i].lu == NULL)
			continue;
		medium_leave(&nexus->lu[i]);
		attention_leave(&nexus->lu[i].lu->attentions, &nexus->lu[i].attentions);
		access_leave(nexus->lu[i].lu, &nexus->lu[i].access);
	}
}

void scsi_nexus_lost(struct scsi_nexus *nexus)
{
	for (unsigned i = 0; i < nexus->lun_count; i++) {
		if (nexus->lu[i].lu != NULL)
			orphan_enter(&nexus->lu[i]);
	}
	lose(nexus);
}

void scsi_nexus_destroy(struct scsi_nexus *nexus)
{
	assert(list_is_empty(&nexus->stray));
	copy_nexus_gone(nexus);
	for (unsigned i = 0; i < nexus->lun_count; i++) {
		assert(list_is_empty(&nexus->lu[i].commands));
		if (nexus->is_lost && nexus->lu[i].lu != NULL)
			orphan_leave(&nexus->lu[i]);
		free(nexus->lu[i].echo);
	}
	lose(nexus);
	taskset_leave(nexus);
	free_nexus(nexus);
}

enum attention nexus_take_attention(struct scsi_nexus *nexus, struct nexus_lu *state)
{
	enum attention taken = attention_take(&state->attentions);

	if (taken == ATTENTION_LUNS_CHANGED)
		nexus_luns_reported(nexus);
	return taken;
}

void nexus_luns_reported(struct scsi_nexus *nexus)
{
	for (unsigned i = 0; i < nexus->lun_count; i++)
		attention_drop(&nexus->lu[i].attentions, ATTENTION_LUNS_CHANGED);
}

/* ---- task management ------------------------------------------------------------- */

bool scsi_nexus_has_lun(const struct scsi_nexus *nexus, uint64_t lun)
{
	int number = lun_decode(lun);

	return number >= 0 && (unsigned)number < nexus->lun_count && nexus->lu[number].lu != NULL;
}
