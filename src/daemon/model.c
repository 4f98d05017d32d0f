/* SPDX-License-Identifier: BSD-2-Clause */
/* Building what is served, and taking it down; see model.h. */
#include "daemon/model.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/config_access.h"

struct model {
	struct iscsi_node *node;
	struct scsi_target **targets;
	unsigned target_count;
	struct scsi_copy_domain *copy_domain; /* of all logical units */
};

struct builder {
	struct machine *machine;
	const struct config *config;
	struct model *model;
	char *error;
	size_t error_size;
};

static int fail(struct builder *builder, const struct config_place *place, int rc,
		const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Fills the builder's error, with file and line where there is one. Returns RC. */
static int fail(struct builder *builder, const struct config_place *place, int rc,
		const char *format, ...)
{
	va_list arguments;
	size_t used = 0;

	builder->error[0] = '\0';
	if (place->line != 0)
		snprintf(builder->error, builder->error_size, "%s:%u: ", builder->config->source,
			 place->line);
	used = strlen(builder->error);
	va_start(arguments, format);
	vsnprintf(builder->error + used, builder->error_size - used, format, arguments);
	va_end(arguments);
	return rc;
}

/* --- stores and logical units ---------------------------------------------------- */

/* Opens one layer of LUN's stores on top of *store, which it replaces. */
static int open_layer(struct builder *builder, const struct config_target *target,
		      const struct config_lun *lun, unsigned layer, struct store **store)
{
	const struct config_store *config = &lun->stores[layer];
	const struct store_config opened = {
		.memory = builder->machine->memory,
		.reactors = builder->machine->reactors,
		.reactor_count = builder->machine->reactor_count,
		.read_only = lun->read_only,
		.below = *store,
		.arguments = config->arguments,
		.argument_count = config->argument_count,
	};
	struct store_error error = { .argument = NULL };
	int rc = store_open(config->ops, &opened, store, &error);

	if (rc == 0)
		return 0;
	return fail(builder, &config->place, rc, "LUN %u of %s: store \"%s\"%s%s: %s", lun->lun,
		    target->name, config->ops->name, error.argument != NULL ? ", " : "",
		    error.argument != NULL ? error.argument : "",
		    error.text[0] != '\0' ? error.text : strerror(-rc));
}

static int open_store(struct builder *builder, const struct config_target *target,
		      const struct config_lun *lun, struct store **out)
{
	struct store *store = NULL;

	for (unsigned layer = 0; layer < lun->store_count; layer++) {
		int rc = open_layer(builder, target, lun, layer, &store);

		if (rc == 0)
			continue;
		if (store != NULL)
			store_close(store);
		return rc;
	}
	*out = store;
	return 0;
}

/* Has protection information kept beside *store, which it replaces; closes it on failure. */
static int protect_store(struct builder *builder, const struct config_target *target,
			 const struct config_lun *lun, struct store **store)
{
	const struct store_protect_config config = {
		.data = *store,
		.type = lun->protection,
		.block_size = lun->block_size,
		.path = lun->protection_path,
		.read_only = lun->read_only,
		.memory = builder->machine->memory,
		.reactors = builder->machine->reactors,
		.reactor_count = builder->machine->reactor_count,
	};
	struct store_error error = { .argument = NULL };
	int rc = lun->protection != 0 ? store_protect_open(&config, store, &error) : 0;

	if (rc == 0)
		return 0;
	store_close(config.data);
	return fail(builder, &lun->place, rc, "LUN %u of %s: %s", lun->lun, target->name,
		    error.text[0] != '\0' ? error.text : strerror(-rc));
}

static int create_lu(struct builder *builder, const struct config_target *target,
		     const struct config_lun *lun, struct scsi_lu **out)
{
	struct scsi_lu_config config = {
		.block_size = lun->block_size,
		.physical_block_size = lun->physical_block_size,
		.read_only = lun->read_only,
		.removable = lun->removable,
		.thin = lun->thin,
		.thin_threshold = lun->thin_threshold,
		.lowest_aligned = lun->lowest_aligned,
		.rotation_rate = lun->rotation_rate,
		.command_timeout = lun->command_timeout,
		.vendor = lun->vendor,
		.product = lun->product,
		.revision = lun->revision,
		.serial = lun->serial,
		.naa_length = lun->naa_length,
		.management_address = target->management_address,
		.keeper = builder->machine->keeper,
		.copy_domain = builder->model->copy_domain,
	};
	char seed[NAME_LEN_MAX + 16];
	char why[256] = "";
	int rc;

	memcpy(config.naa, lun->naa, sizeof(config.naa));
	snprintf(seed, sizeof(seed), "%s,%u", target->name, lun->lun);
	config.seed = seed;
	rc = open_store(builder, target, lun, &config.store);
	if (rc == 0)
		rc = protect_store(builder, target, lun, &config.store);
	if (rc != 0)
		return rc;
	rc = scsi_lu_create(&config, out, why, sizeof(why));
	if (rc != 0) {
		store_close(config.store);
		return fail(builder, &lun->place, rc, "LUN %u of %s: %s", lun->lun, target->name,
			    why[0] != '\0' ? why : strerror(-rc));
	}
	return 0;
}

static int add_lun(struct builder *builder, const struct config_target *target,
		   const struct config_lun *lun, struct scsi_target *scsi)
{
	struct scsi_lu *lu;
	int rc = create_lu(builder, target, lun, &lu);

	if (rc != 0)
		return rc;
	rc = scsi_target_add(scsi, lun->lun, lu);
	if (rc == 0)
		return 0;
	scsi_lu_destroy(lu);
	return fail(builder, &lun->place, rc, "LUN %u of %s: %s", lun->lun, target->name,
		    strerror(-rc));
}

/* --- access -------------------------------------------------------------------------- */

/* The node's list for ACCESS, NULL where there is none. */
static int add_access(struct builder *builder, const struct config_access *access,
		      const struct iscsi_access **out)
{
	struct config_place place = { 0 };
	struct iscsi_access *made;
	char why[256] = "";
	int rc;

	*out = NULL;
	if (!access->is_set)
		return 0;
	rc = config_access_build(builder->config, access, &made, &place.line, why, sizeof(why));
	if (rc != 0)
		return fail(builder, &place, rc, "%s", why);
	iscsi_node_add_access(builder->model->node, made);
	*out = made;
	return 0;
}

static int add_discovery_access(struct builder *builder)
{
	const struct iscsi_access *access;
	int rc = add_access(builder, &builder->config->discovery.access, &access);

	if (rc == 0)
		iscsi_node_set_discovery_access(builder->model->node, access);
	return rc;
}

static int add_target_access(struct builder *builder, const struct config_target *target)
{
	const struct iscsi_access *access;
	int rc = add_access(builder, &target->access, &access);

	if (rc != 0 || access == NULL)
		return rc;
	return iscsi_node_set_target_access(builder->model->node, target->name, access);
}

/* --- targets and portals ----------------------------------------------------------- */

static int add_target(struct builder *builder, const struct config_target *target)
{
	struct model *model = builder->model;
	struct scsi_target *scsi;
	int rc = scsi_target_create(target->name, &scsi);

	if (rc != 0)
		return fail(builder, &target->place, rc, "target %s: %s", target->name,
			    strerror(-rc));
	model->targets[model->target_count++] = scsi;
	for (unsigned i = 0; i < target->lun_count; i++) {
		rc = add_lun(builder, target, &target->luns[i], scsi);
		if (rc != 0)
			return rc;
	}
	rc = iscsi_node_add_target(model->node, target->name, target->alias, scsi);
	if (rc != 0)
		return fail(builder, &target->place, rc, "target %s: %s", target->name,
			    strerror(-rc));
	iscsi_node_override_target(model->node, target->name, &target->override);
	if (target->redirect != NULL)
		iscsi_node_redirect_target(model->node, target->name, target->redirect,
					   target->redirect_permanently);
	return add_target_access(builder, target);
}

/* Beside TCP: an address that no RDMA device has is served by TCP alone. */
static int add_iser_portal(struct builder *builder, const struct config_portal *portal,
			   const struct iscsi_access *access)
{
	struct iscsi_portal_config config = {
		.address = portal->address,
		.port = portal->port,
		.group = portal->group,
		.access = access,
		.override = &portal->override,
	};
	char why[256] = "";
	int rc;

	machine_open_iser(builder->machine, builder->config);
	config.iser = builder->machine->iser;
	if (config.iser == NULL)
		return 0;
	rc = iscsi_node_add_portal(builder->model->node, &config, why, sizeof(why));
	if (rc == -ENODEV || rc == -EADDRNOTAVAIL) {
		notes_add(builder->machine->notes, "%s", why);
		return 0;
	}
	return rc == 0 ? 0 : fail(builder, &portal->place, rc, "%s", why);
}

static int add_portal(struct builder *builder, const struct config_portal *portal)
{
	struct iscsi_portal_config config = {
		.address = portal->address,
		.port = portal->port,
		.group = portal->group,
		.override = &portal->override,
		.socket = {
			.dscp = portal->dscp,
			.send_buffer = portal->send_buffer,
			.receive_buffer = portal->receive_buffer,
			.interface = portal->interface,
			.multipath = portal->mptcp,
		},
	};
	char why[256] = "";
	int rc = add_access(builder, &portal->access, &config.access);

	/* First: whoever finds TCP there may try iSER at once. */
	if (rc == 0 && portal->iser)
		rc = add_iser_portal(builder, portal, config.access);
	if (rc != 0)
		return rc;
	rc = iscsi_node_add_portal(builder->model->node, &config, why, sizeof(why));
	if (rc == 0)
		return 0;
	if (portal->optional && (rc == -EAFNOSUPPORT || rc == -EADDRNOTAVAIL)) {
		notes_add(builder->machine->notes, "no portal %s: %s", portal->address,
			  strerror(-rc));
		return 0;
	}
	if (why[0] == '\0')
		snprintf(why, sizeof(why), "portal %s port %u: %s", portal->address, portal->port,
			 strerror(-rc));
	return fail(builder, &portal->place, rc, "%s", why);
}

/* When all portals are there. */
static int set_alua(struct builder *builder, const struct config_target *target,
		    struct scsi_target *scsi)
{
	struct scsi_group_config groups[SCSI_PORTS_MAX];
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < target->port_group_count; i++) {
		const struct config_port_group *group = &target->port_groups[i];

		for (unsigned j = 0; j < i; j++) {
			if (target->port_groups[j].group == group->group)
				rc = -EEXIST;
		}
		if (i >= SCSI_PORTS_MAX || !scsi_target_has_group(scsi, group->group))
			rc = -ENOENT;
		if (rc != 0)
			return fail(builder, &group->place, rc, "portal group %u of %s %s",
				    group->group, target->name,
				    rc == -EEXIST ? "is there twice" : "has no portal");
		groups[i] = (struct scsi_group_config){ group->group, group->state,
							group->preferred };
	}
	return scsi_target_set_alua(scsi, target->alua, groups, target->port_group_count);
}

static int create_node(struct builder *builder)
{
	struct iscsi_node_config config = builder->config->iscsi;
	int rc;

	config.reactors = builder->machine->reactors;
	config.reactor_count = builder->machine->reactor_count;
	rc = iscsi_node_create(&config, &builder->model->node);
	if (rc != 0)
		return fail(builder, &builder->config->iscsi_place, rc, "cannot make the iSCSI node: %s",
			    strerror(-rc));
	return 0;
}

int model_build(struct machine *machine, const struct config *config, struct model **out,
		char *error, size_t error_size)
{
	struct builder builder = { machine, config, NULL, error, error_size };
	struct model *model = calloc(1, sizeof(*model));
	int rc = -ENOMEM;

	snprintf(error, error_size, "out of memory");
	if (model == NULL)
		return rc;
	builder.model = model;
	model->targets = calloc(config->target_count + 1, sizeof(struct scsi_target *));
	if (model->targets == NULL)
		goto destroy;
	if (scsi_copy_domain_create(&model->copy_domain) != 0)
		goto destroy;
	rc = create_node(&builder);
	if (rc == 0)
		rc = add_discovery_access(&builder);
	for (unsigned i = 0; rc == 0 && i < config->target_count; i++)
		rc = add_target(&builder, &config->targets[i]);
	/* Last: nobody shall connect to what may not come to be. */
	for (unsigned i = 0; rc == 0 && i < config->portal_count; i++)
		rc = add_portal(&builder, &config->portals[i]);
	for (unsigned i = 0; rc == 0 && i < config->target_count; i++)
		rc = set_alua(&builder, &config->targets[i], model->targets[i]);
	if (rc != 0)
		goto destroy;
	*out = model;
	return 0;

destroy:
	model_destroy(model);
	return rc;
}

void model_measure(const struct model *model)
{
	for (unsigned i = 0; i < model->target_count; i++)
		scsi_target_measure(model->targets[i]);
}

struct scsi_target *model_target(const struct model *model, const char *name)
{
	for (unsigned i = 0; i < model->target_count; i++) {
		if (strcmp(scsi_target_name(model->targets[i]), name) == 0)
			return model->targets[i];
	}
	return NULL;
}

struct iscsi_node *model_node(const struct model *model)
{
	return model->node;
}

void model_shutdown(struct model *model, unsigned grace_ms, void (*done)(void *context),
		    void *context)
{
	iscsi_node_shutdown(model->node, grace_ms, done, context);
}

void model_settle(struct model *model)
{
	for (unsigned i = 0; model != NULL && i < model->target_count; i++)
		scsi_target_settle(model->targets[i]);
}

void model_destroy(struct model *model)
{
	if (model == NULL)
		return;
	if (model->node != NULL)
		iscsi_node_destroy(model->node);
	while (model->target_count > 0)
		scsi_target_destroy(model->targets[--model->target_count]);
	scsi_copy_domain_destroy(model->copy_domain);
	free(model->targets);
	free(model);
}
