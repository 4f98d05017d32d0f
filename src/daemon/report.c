/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon's state as JSON; see report.h. */
#include "daemon/report.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "daemon/machine.h"

/* --- values ---------------------------------------------------------------------- */

/* Length of the UTF-8 sequence at TEXT, 0 where it is none. */
static size_t utf8_length(const unsigned char *text)
{
	size_t len;
	unsigned code;

	if (text[0] < 0x80)
		return 1;
	len = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;
	if (text[0] < 0xc2 || text[0] > 0xf4)
		return 0;
	code = text[0] & (0xffU >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3fU);
	}
	if ((len == 3 && code < 0x800) || (len == 4 && code < 0x10000) || code > 0x10ffff ||
	    (code >= 0xd800 && code < 0xe000))
		return 0;
	return len;
}

struct json_object *report_string(const char *text)
{
	struct json_object *object;
	char *copy = strdup(text);

	if (copy == NULL)
		return json_object_new_string("?");
	for (char *at = copy; *at != '\0';) {
		size_t len = utf8_length((const unsigned char *)at);

		if (len == 0) {
			*at = '?';
			len = 1;
		}
		at += len;
	}
	object = json_object_new_string(copy);
	free(copy);
	return object;
}

static void add_string(struct json_object *object, const char *key, const char *value)
{
	json_object_object_add(object, key, report_string(value));
}

static void add_number(struct json_object *object, const char *key, uint64_t value)
{
	json_object_object_add(object, key, json_object_new_uint64(value));
}

static void add_int(struct json_object *object, const char *key, int value)
{
	json_object_object_add(object, key, json_object_new_int(value));
}

static void add_bool(struct json_object *object, const char *key, bool value)
{
	json_object_object_add(object, key, json_object_new_boolean(value));
}

/* The non-empty words of TEXT between SEPARATORS. */
static struct json_object *split(const char *text, const char *separators)
{
	struct json_object *array = json_object_new_array();
	char *copy = strdup(text);
	char *rest = copy;
	char *word;

	while (rest != NULL && (word = strsep(&rest, separators)) != NULL) {
		word += strspn(word, " ");
		if (*word != '\0')
			json_object_array_add(array, report_string(word));
	}
	free(copy);
	return array;
}

/* --- reactors -------------------------------------------------------------------- */

static struct json_object *report_arena(const struct arena_info *info)
{
	struct json_object *arena = json_object_new_object();

	add_number(arena, "bytes", info->bytes);
	add_number(arena, "wanted", info->wanted);
	add_number(arena, "free", info->free);
	add_number(arena, "reserved", info->reserved);
	add_number(arena, "regions", info->regions);
	add_number(arena, "waiters", info->waiters);
	add_number(arena, "taken", info->taken);
	add_number(arena, "shortages", info->shortages);
	return arena;
}

static struct json_object *report_reactor(const struct reactor_info *info)
{
	struct json_object *reactor = json_object_new_object();

	add_number(reactor, "index", info->index);
	add_int(reactor, "cpu", info->cpu);
	add_int(reactor, "node", info->node);
	add_string(reactor, "engine", info->engine);
	json_object_object_add(reactor, "features", split(info->features, " "));
	json_object_object_add(reactor, "fallbacks", split(info->fallbacks, ";"));
	add_number(reactor, "turns", info->turns);
	add_number(reactor, "completions", info->completions);
	add_number(reactor, "sleeps", info->sleeps);
	add_number(reactor, "spins", info->spins);
	add_number(reactor, "messages", info->messages);
	add_number(reactor, "fixed_buffers", info->fixed_buffers);
	add_number(reactor, "plain_buffers", info->plain_buffers);
	add_number(reactor, "copied_bytes", info->copied_bytes);
	json_object_object_add(reactor, "arena", report_arena(&info->arena));
	return reactor;
}

struct json_object *report_reactors(const struct machine *machine)
{
	struct json_object *array = json_object_new_array();
	struct reactor_info info;

	for (unsigned i = 0; i < machine->reactor_count; i++) {
		reactor_get_info(machine->reactors[i], &info);
		json_object_array_add(array, report_reactor(&info));
	}
	return array;
}

/* --- memory ---------------------------------------------------------------------- */

enum { NODE_SAMPLES = 16 };

static bool has_int(struct json_object *array, int value)
{
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		if (json_object_get_int(json_object_array_get_idx(array, i)) == value)
			return true;
	}
	return false;
}

/* The nodes on which pages spread over REGION really are, asked of the kernel. */
static struct json_object *measure_nodes(const struct region *region)
{
	struct json_object *nodes = json_object_new_array();
	size_t step = region->length / NODE_SAMPLES & ~(size_t)4095;

	for (unsigned i = 0; i < NODE_SAMPLES; i++) {
		int node = topology_node_of(region->base + i * step);

		if (!has_int(nodes, node))
			json_object_array_add(nodes, json_object_new_int(node));
	}
	return nodes;
}

static void add_region(void *context, const struct region *region)
{
	struct json_object *array = context;
	struct json_object *object = json_object_new_object();

	add_number(object, "bytes", region->length);
	add_string(object, "pages", page_kind_name(region->pages));
	add_bool(object, "locked", region->locked);
	add_int(object, "node", region->node);
	json_object_object_add(object, "nodes_measured", measure_nodes(region));
	if (region->reactor == REGION_SHARED)
		json_object_object_add(object, "reactor", NULL);
	else
		add_int(object, "reactor", region->reactor);
	json_object_array_add(array, object);
}

struct json_object *report_memory(const struct machine *machine)
{
	struct json_object *array = json_object_new_array();

	memory_visit(machine->memory, add_region, array);
	return array;
}

struct json_object *report_fallbacks(const struct machine *machine)
{
	struct json_object *array = json_object_new_array();

	for (unsigned i = 0; i < machine->notes->count; i++)
		json_object_array_add(array, report_string(machine->notes->text[i]));
	return array;
}

static void add_device(void *context, const struct iser_device_info *info)
{
	struct json_object *object = json_object_new_object();

	add_string(object, "device", info->name);
	add_string(object, "kind", info->is_iwarp ? "iwarp" : "infiniband");
	add_int(object, "node", info->node);
	add_number(object, "connections", info->connections);
	add_number(object, "regions", info->regions);
	add_number(object, "bytes", info->bytes);
	add_number(object, "registrations", info->registrations);
	add_number(object, "registrations_later", info->registrations_later);
	add_number(object, "refused", info->refused);
	add_bool(object, "odp", info->has_odp);
	add_bool(object, "remote_invalidate", info->invalidates);
	add_string(object, "sentence", info->sentence);
	json_object_array_add(context, object);
}

struct json_object *report_iser(const struct machine *machine)
{
	struct json_object *array = json_object_new_array();

	if (machine->iser != NULL)
		iser_visit_devices(machine->iser, add_device, array);
	return array;
}

/* --- what is served ---------------------------------------------------------------- */

static void add_portal(void *context, const char *address, uint16_t group, const char *transport)
{
	struct json_object *object = json_object_new_object();
	/* The portal group tag behind the comma has a key of its own. */
	struct json_object *bare =
		json_object_new_string_len(address, (int)strcspn(address, ","));

	json_object_object_add(object, "address", bare);
	add_number(object, "group", group);
	add_string(object, "transport", transport);
	json_object_array_add(context, object);
}

struct json_object *report_portals(const struct iscsi_node *node)
{
	struct json_object *array = json_object_new_array();

	iscsi_node_visit_portals(node, add_portal, array);
	return array;
}

struct json_object *report_connections(const struct iscsi_node *node)
{
	struct json_object *object = json_object_new_object();
	struct iscsi_node_info info;

	iscsi_node_get_info(node, &info);
	add_number(object, "connections", info.connections);
	add_number(object, "logins", info.logins);
	add_number(object, "sessions", info.sessions);
	add_number(object, "tasks", info.tasks);
	add_number(object, "accepted", info.accepted);
	add_number(object, "login_failures", info.login_failures);
	add_number(object, "authentication_failures", info.authentication_failures);
	add_number(object, "authorization_failures", info.authorization_failures);
	add_number(object, "connections_refused", info.connections_refused);
	add_number(object, "addresses_slowed", info.addresses_slowed);
	add_number(object, "protocol_errors", info.protocol_errors);
	return object;
}

static void add_lun(void *context, const struct scsi_lu_info *info)
{
	struct json_object *object = json_object_new_object();

	add_number(object, "lun", info->lun);
	add_string(object, "store", info->store);
	add_string(object, "detail", info->detail);
	add_number(object, "size", info->size);
	add_number(object, "block_size", info->block_size);
	add_bool(object, "read_only", info->read_only);
	add_string(object, "serial", info->serial);
	add_string(object, "naa", info->naa);
	add_number(object, "reads", info->reads);
	add_number(object, "writes", info->writes);
	add_number(object, "read_bytes", info->read_bytes);
	add_number(object, "written_bytes", info->written_bytes);
	add_number(object, "errors", info->errors);
	json_object_array_add(context, object);
}

struct target_report {
	const struct iscsi_node *node;
	struct json_object *array;
};

static void add_target(void *context, const char *name, const char *alias,
		       const struct scsi_target *scsi)
{
	const struct target_report *report = context;
	struct json_object *object = json_object_new_object();
	struct json_object *luns = json_object_new_array();

	add_string(object, "name", name);
	add_string(object, "alias", alias != NULL ? alias : "");
	add_bool(object, "open", iscsi_node_is_open(report->node, name));
	scsi_target_visit(scsi, add_lun, luns);
	json_object_object_add(object, "luns", luns);
	json_object_array_add(report->array, object);
}

struct json_object *report_targets(const struct iscsi_node *node)
{
	struct target_report report = { node, json_object_new_array() };

	iscsi_node_visit_targets(node, add_target, &report);
	return report.array;
}

struct json_object *report_events(const struct iscsi_session_info *session)
{
	struct json_object *array = json_object_new_array();

	for (unsigned i = 0; i < session->event_count; i++) {
		const struct iscsi_event_info *event = &session->events[i];
		struct json_object *object = json_object_new_object();

		add_number(object, "age_ms", event->age_ms);
		add_string(object, "what", event->what);
		add_number(object, "a", event->a);
		add_number(object, "b", event->b);
		json_object_array_add(array, object);
	}
	return array;
}

struct json_object *report_session(const struct iscsi_session_info *session)
{
	struct json_object *object = json_object_new_object();
	char isid[2 * sizeof(session->isid) + 1];

	for (size_t i = 0; i < sizeof(session->isid); i++)
		snprintf(isid + 2 * i, 3, "%02x", session->isid[i]);
	add_string(object, "initiator", session->initiator);
	add_string(object, "initiator_alias", session->initiator_alias);
	add_string(object, "target", session->target);
	add_string(object, "account", session->account);
	add_string(object, "chap", session->chap);
	add_bool(object, "discovery", session->discovery);
	add_string(object, "state", session->state);
	add_string(object, "isid", isid);
	add_number(object, "tsih", session->tsih);
	add_number(object, "cid", session->cid);
	add_string(object, "transport", session->transport);
	add_string(object, "peer", session->peer);
	add_string(object, "local", session->local);
	add_number(object, "reactor", session->reactor);
	add_bool(object, "header_digest", session->header_digest);
	add_bool(object, "data_digest", session->data_digest);
	add_number(object, "max_burst", session->max_burst);
	add_number(object, "first_burst", session->first_burst);
	add_number(object, "send_data_max", session->send_data_max);
	add_number(object, "recv_data_max", session->recv_data_max);
	add_bool(object, "initial_r2t", session->initial_r2t);
	add_bool(object, "immediate_data", session->immediate_data);
	add_number(object, "exp_cmd_sn", session->exp_cmd_sn);
	add_number(object, "max_cmd_sn", session->max_cmd_sn);
	add_number(object, "commands", session->commands);
	add_number(object, "window", session->window);
	add_number(object, "latency_us", session->latency_us);
	add_number(object, "commands_done", session->commands_done);
	add_number(object, "bytes_in", session->bytes_in);
	add_number(object, "bytes_out", session->bytes_out);
	add_number(object, "age_s", session->age_s);
	return object;
}
