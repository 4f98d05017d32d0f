/* SPDX-License-Identifier: BSD-2-Clause */
/* CPUs, memory and reactors of the daemon; see machine.h. */
#include "daemon/machine.h"

#include <errno.h>
#include <inttypes.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/log.h"
#include "daemon/keeper.h"
#include "daemon/sizing.h"

#define MIB (UINT64_C(1) << 20)

/* Each ring is a registrar of memory, and a few places are for devices. */
enum { REACTORS_MAX = MEMORY_REGISTRARS_MAX - 16 };

/* "pinion.conf:12: " or "--ram: ", for a line about the performance settings. */
static int fail(const struct config *config, char *error, size_t error_size, const char *text,
		const char *detail)
{
	if (config->performance_place.line != 0)
		snprintf(error, error_size, "%s:%u: %s%s", config->source,
			 config->performance_place.line, text, detail);
	else
		snprintf(error, error_size, "%s%s", text, detail);
	return -EINVAL;
}

static int find_cpus(struct machine *machine, const struct config *config, char *error,
		     size_t error_size)
{
	const char *cores = config->performance.cores;
	int rc = topology_read(&machine->topology);

	if (rc != 0) {
		snprintf(error, error_size, "cannot read which CPUs there are: %s", strerror(-rc));
		return rc;
	}
	if (topology_restrict(&machine->topology, cores) != 0)
		return fail(config, error, error_size,
			    "\"cores\" in performance names a CPU that is not there or not "
			    "allowed: ",
			    cores);
	if (machine->topology.cpu_count > REACTORS_MAX) {
		notes_add(machine->notes, "%u of %u CPUs are used: that is the most",
			  (unsigned)REACTORS_MAX, machine->topology.cpu_count);
		machine->topology.cpu_count = REACTORS_MAX;
	}
	return 0;
}

static unsigned count_reactors(const struct topology *topology, int node)
{
	unsigned count = 0;

	for (unsigned i = 0; i < topology->cpu_count; i++)
		count += topology->cpus[i].node == node;
	return count;
}

/* Bytes of the arena of a reactor on NODE. */
static uint64_t arena_bytes(struct machine *machine, const struct config_performance *performance,
			    int node)
{
	unsigned reactors = count_reactors(&machine->topology, node);
	uint64_t wanted = (uint64_t)performance->numa_buffers * performance->numa_buffer_size;
	uint64_t available = sizing_node_available(node);
	uint64_t bytes = sizing_arena(wanted, available, reactors);

	if (bytes * reactors + MIB * reactors <= wanted)
		notes_add(machine->notes,
			  "node %d: %" PRIu64 " of %" PRIu64 " MiB for buffers, because %" PRIu64
			  " MiB are free",
			  node, bytes * reactors / MIB, wanted / MIB, available / MIB);
	return bytes;
}

static bool wants_iser(const struct config *config)
{
	for (unsigned i = 0; i < config->portal_count; i++)
		if (config->portals[i].iser)
			return true;
	return false;
}

/* What of a reactor's arena RDMA devices can pin; UINT64_MAX: it may be as large as it wants to be. */
static uint64_t pinned_bytes(struct machine *machine, const struct config *config)
{
	unsigned devices = wants_iser(config) ? sizing_rdma_devices() : 0;
	uint64_t lockable = devices != 0 ? sizing_lockable() : UINT64_MAX;
	uint64_t bytes;

	if (lockable == UINT64_MAX)
		return UINT64_MAX;
	bytes = sizing_pinned(lockable, devices, machine->topology.cpu_count);
	if (bytes != 0)
		return bytes;
	notes_add(machine->notes,
		  "%" PRIu64 " KiB may be locked (RLIMIT_MEMLOCK), which is too little for iSER on "
		  "%u cores and %u devices",
		  lockable / 1024, machine->topology.cpu_count, devices);
	return UINT64_MAX;
}

/* Sizes of all arenas that are more than can be pinned are trimmed. */
static void trim_to_pinned(struct machine *machine, const struct config *config, uint64_t *sizes)
{
	uint64_t most = pinned_bytes(machine, config);
	uint64_t wanted = 0, bytes = 0;

	for (unsigned i = 0; i < machine->topology.cpu_count; i++) {
		wanted += sizes[i];
		sizes[i] = min(sizes[i], most);
		bytes += sizes[i];
	}
	if (bytes < wanted)
		notes_add(machine->notes,
			  "%" PRIu64 " of %" PRIu64 " MiB for buffers, because no more can be locked "
			  "for the RDMA devices (RLIMIT_MEMLOCK)",
			  bytes / MIB, wanted / MIB);
}

/* Why reactor_create failed, in words that tell what to change. */
static int fail_reactor(const struct config *config, const struct topology_cpu *cpu, int rc,
			char *error, size_t error_size)
{
	const struct config_performance *performance = &config->performance;
	const char *hint = "";

	if (performance->engine == ENGINE_URING && (rc == -ENOSYS || rc == -EPERM))
		hint = " (engine = \"uring\" is demanded)";
	else if (performance->huge_pages == MEMORY_ON && rc == -ENOMEM)
		hint = " (huge-pages = \"on\" is demanded)";
	else if (performance->lock_memory == MEMORY_ON && (rc == -EPERM || rc == -ENOMEM))
		hint = " (lock-memory = \"on\" is demanded)";
	snprintf(error, error_size, "%s: cannot make the reactor of CPU %d: %s%s", config->source,
		 cpu->cpu, strerror(-rc), hint);
	return rc;
}

static int create_reactors(struct machine *machine, const struct config *config, char *error,
			   size_t error_size)
{
	const struct config_performance *performance = &config->performance;
	const struct topology *topology = &machine->topology;
	uint64_t sizes[TOPOLOGY_CPU_MAX];

	machine->reactors = calloc(topology->cpu_count, sizeof(struct reactor *));
	if (machine->reactors == NULL) {
		snprintf(error, error_size, "out of memory");
		return -ENOMEM;
	}
	/* Measured before the first arena takes its part. */
	for (unsigned i = 0; i < topology->cpu_count; i++)
		sizes[i] = arena_bytes(machine, performance, topology->cpus[i].node);
	trim_to_pinned(machine, config, sizes);
	for (unsigned i = 0; i < topology->cpu_count; i++) {
		const struct topology_cpu *cpu = &topology->cpus[i];
		const struct reactor_config reactor = {
			.index = i,
			.cpu = cpu->cpu,
			.node = cpu->node,
			.engine = performance->engine,
			.busy_poll_us = performance->busy_poll_us,
			.arena_bytes = sizes[i],
			.arena_bytes_min = min(sizes[i], SIZING_ARENA_MIN),
			.memory = machine->memory,
		};
		int rc = reactor_create(&reactor, &machine->reactors[i]);

		if (rc != 0)
			return fail_reactor(config, cpu, rc, error, error_size);
		machine->reactor_count++;
	}
	return 0;
}

struct region_count {
	unsigned all, huge, locked;
	enum page_kind pages; /* of those that are not huge */
};

static void count_region(void *context, const struct region *region)
{
	struct region_count *count = context;

	count->all++;
	count->locked += region->locked;
	if (region->pages == PAGE_HUGE)
		count->huge++;
	else
		count->pages = region->pages;
}

static void note_memory(struct machine *machine, const struct config_performance *performance)
{
	struct region_count count = { .pages = PAGE_SMALL };

	memory_visit(machine->memory, count_region, &count);
	if (performance->huge_pages == MEMORY_AUTO && count.huge < count.all)
		notes_add(machine->notes,
			  "data memory is in %s pages: too few huge pages are free "
			  "(vm.nr_hugepages)",
			  page_kind_name(count.pages));
	if (performance->lock_memory == MEMORY_AUTO && count.locked < count.all)
		notes_add(machine->notes,
			  "data memory is not locked and may be swapped out: not permitted "
			  "(RLIMIT_MEMLOCK)");
}

void machine_note_fallbacks(struct machine *machine, const struct config *config)
{
	struct reactor_info info;

	for (unsigned i = 0; i < machine->reactor_count; i++) {
		char *rest = info.fallbacks;
		char *one;

		reactor_get_info(machine->reactors[i], &info);
		while ((one = strsep(&rest, ";")) != NULL) {
			one += strspn(one, " ");
			if (*one != '\0')
				notes_add(machine->notes, "%s", one);
		}
	}
	note_memory(machine, &config->performance);
}

/* Without a place that was named nothing is kept: the disks are worth more than that. */
static int open_keeper(struct machine *machine, const struct config *config, char *error,
		       size_t error_size)
{
	const struct config_state *state = &config->state;
	char why[256];
	int rc;

	if (state->directory[0] == '\0')
		return 0;
	rc = keeper_create(state->directory, &machine->keeper, why, sizeof(why));
	if (rc == 0)
		return 0;
	if (!state->is_default) {
		snprintf(error, error_size, "%s:%u: %s", config->source, config->state_place.line,
			 why);
		return rc;
	}
	notes_add(machine->notes, "%s: reservations and mode pages do not survive a restart (state.directory)",
		  why);
	return 0;
}

int machine_create(const struct config *config, struct notes *notes, struct machine **out,
		   char *error, size_t error_size)
{
	const struct memory_config memory = {
		.huge_pages = config->performance.huge_pages,
		.lock = config->performance.lock_memory,
	};
	struct machine *machine = calloc(1, sizeof(*machine));
	int rc = -ENOMEM;

	if (machine == NULL || memory_create(&memory, &machine->memory) != 0) {
		snprintf(error, error_size, "out of memory");
		goto destroy;
	}
	machine->notes = notes;
	rc = find_cpus(machine, config, error, error_size);
	if (rc != 0)
		goto destroy;
	rc = create_reactors(machine, config, error, error_size);
	if (rc == 0)
		rc = open_keeper(machine, config, error, error_size);
	if (rc != 0)
		goto destroy;
	*out = machine;
	return 0;

destroy:
	machine_destroy(machine);
	return rc;
}

/* The deepest queue of any session. */
static unsigned deepest(const struct config *config)
{
	unsigned depth = config->iscsi.values.queue_depth;

	for (unsigned i = 0; i < config->portal_count; i++)
		depth = max(depth, config->portals[i].override.values.queue_depth);
	for (unsigned i = 0; i < config->target_count; i++)
		depth = max(depth, config->targets[i].override.values.queue_depth);
	return depth;
}

void machine_open_iser(struct machine *machine, const struct config *config)
{
	const struct iser_config iser = {
		.memory = machine->memory,
		.reactors = machine->reactors,
		.reactor_count = machine->reactor_count,
		.window = deepest(config),
		.busy_poll_us = config->performance.busy_poll_us,
		.odp = config->iser.odp,
		.invalidate = config->iser.remote_invalidate,
	};
	char why[256] = "";

	if (machine->iser == NULL &&
	    iser_create(&iser, &machine->iser, why, sizeof(why)) != 0)
		notes_add(machine->notes, "%s: portals with iser = true serve TCP only", why);
}

/* Sent to each reactor and delivered in its first turn. */
struct greeting {
	struct message message;
	sem_t *delivered;
};

static void deliver_greeting(struct message *message)
{
	sem_post(container_of(message, struct greeting, message)->delivered);
}

/* Waits until every reactor has run a turn: an engine finds out then what it can have. */
static void await_first_turns(struct machine *machine)
{
	struct greeting greetings[REACTORS_MAX];
	sem_t delivered;

	sem_init(&delivered, 0, 0);
	for (unsigned i = 0; i < machine->reactor_count; i++) {
		greetings[i] = (struct greeting){
			.message.deliver = deliver_greeting,
			.delivered = &delivered,
		};
		reactor_send(machine->reactors[i], &greetings[i].message);
	}
	for (unsigned i = 0; i < machine->reactor_count; i++) {
		while (sem_wait(&delivered) != 0)
			continue;
	}
	sem_destroy(&delivered);
}

int machine_start(struct machine *machine, char *error, size_t error_size)
{
	for (unsigned i = 0; i < machine->reactor_count; i++) {
		int rc = reactor_start(machine->reactors[i]);

		if (rc == 0)
			continue;
		snprintf(error, error_size, "cannot start the thread of reactor %u: %s", i,
			 strerror(-rc));
		machine_stop(machine);
		return rc;
	}
	await_first_turns(machine);
	return 0;
}

void machine_stop(struct machine *machine)
{
	for (unsigned i = 0; i < machine->reactor_count; i++)
		reactor_stop(machine->reactors[i]);
	for (unsigned i = 0; i < machine->reactor_count; i++)
		reactor_join(machine->reactors[i]);
}

void machine_destroy(struct machine *machine)
{
	if (machine == NULL)
		return;
	iser_destroy(machine->iser);
	while (machine->reactor_count > 0)
		reactor_destroy(machine->reactors[--machine->reactor_count]);
	free(machine->reactors);
	memory_destroy(machine->memory);
	keeper_destroy(machine->keeper);
	free(machine);
}

void machine_log(const struct machine *machine)
{
	struct reactor_info info;

	for (unsigned i = 0; i < machine->reactor_count; i++) {
		reactor_get_info(machine->reactors[i], &info);
		log_info("reactor %u: CPU %d, node %d, %s (%s), %zu MiB of buffers", i, info.cpu,
			 info.node, info.engine, info.features, info.arena.bytes >> 20);
	}
	for (unsigned i = 0; i < machine->notes->count; i++)
		log_info("%s", machine->notes->text[i]);
}
