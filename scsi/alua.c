/* SPDX-License-Identifier: BSD-2-Clause */
/* Target port groups and their states; see alua.h. SPC-5 sections 6.36 and 6.46. */
#include "scsi/alua.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/container.h"
#include "scsi/access.h"
#include "scsi/command.h"
#include "scsi/lu.h"
#include "scsi/sense.h"

#define ALUA_BLOB_NAME "alua"

enum {
	BLOB_GROUP = 3, /* group (2 bytes) and state */
	BLOB_MAX = BLOB_GROUP * SCSI_PORTS_MAX,
	TPGS_IMPLICIT = 0x10,
	TPGS_EXPLICIT = 0x20,
	/* STATUS CODE */
	SET_BY_COMMAND = 1,
	SET_IMPLICITLY = 2,
};

static const struct {
	uint8_t wire; /* ASYMMETRIC ACCESS STATE */
	uint8_t needs;
} states[] = {
	[SCSI_ACCESS_OPTIMIZED] = { 0x0, 0 },
	[SCSI_ACCESS_NON_OPTIMIZED] = { 0x1, 0 },
	[SCSI_ACCESS_STANDBY] = { 0x2, PERMIT_STANDBY },
	[SCSI_ACCESS_UNAVAILABLE] = { 0x3, PERMIT_UNAVAILABLE },
	[SCSI_ACCESS_TRANSITIONING] = { 0xf, PERMIT_TRANSITION },
};

static bool is_explicit(const struct alua *alua)
{
	return alua->kind == SCSI_ALUA_EXPLICIT || alua->kind == SCSI_ALUA_BOTH;
}

static struct alua_group *find_group(struct alua *alua, uint16_t group)
{
	for (unsigned i = 0; i < alua->count; i++) {
		if (alua->group[i].group == group)
			return &alua->group[i];
	}
	return NULL;
}

uint8_t alua_needs(const struct alua *alua, const struct scsi_nexus *nexus)
{
	for (unsigned i = 0; i < alua->count; i++) {
		if (alua->group[i].group == nexus->target_port_group)
			return states[alua->group[i].state].needs;
	}
	return 0;
}

uint8_t alua_tpgs(const struct alua *alua)
{
	static const uint8_t bits[] = {
		[SCSI_ALUA_OFF] = 0,
		[SCSI_ALUA_IMPLICIT] = TPGS_IMPLICIT,
		[SCSI_ALUA_EXPLICIT] = TPGS_EXPLICIT,
		[SCSI_ALUA_BOTH] = TPGS_IMPLICIT | TPGS_EXPLICIT,
	};

	return bits[alua->kind];
}

/* ---- as configured, and as kept ------------------------------------------------------- */

static void restore(struct scsi_lu *lu)
{
	uint8_t blob[BLOB_MAX];
	ssize_t length = lu_load(lu, ALUA_BLOB_NAME, blob, sizeof(blob));

	for (ssize_t at = 0; at + BLOB_GROUP <= length; at += BLOB_GROUP) {
		struct alua_group *group = find_group(&lu->alua, get_be16(blob + at));

		/* One that is no more, or a state that nobody can have set. */
		if (group == NULL || blob[at + 2] > SCSI_ACCESS_UNAVAILABLE)
			continue;
		group->state = blob[at + 2];
		group->status = SET_BY_COMMAND;
	}
}

static void configure(struct scsi_lu *lu, const struct scsi_target *target, enum scsi_alua kind,
		      const struct scsi_group_config *groups, unsigned count)
{
	struct alua *alua = &lu->alua;

	alua->kind = kind;
	alua->count = target->port_count;
	for (unsigned i = 0; i < alua->count; i++)
		alua->group[i] = (struct alua_group){ .group = target->port[i].relative };
	for (unsigned i = 0; i < count; i++) {
		struct alua_group *group = find_group(alua, groups[i].group);

		group->state = (uint8_t)groups[i].state;
		group->preferred = groups[i].preferred;
	}
	if (is_explicit(alua))
		restore(lu);
}

bool scsi_target_has_group(const struct scsi_target *target, uint16_t group)
{
	return target_has_port(target, group);
}

int scsi_target_set_alua(struct scsi_target *target, enum scsi_alua kind,
			 const struct scsi_group_config *groups, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (groups[i].state >= ARRAY_SIZE(states))
			return -EINVAL;
		if (!target_has_port(target, groups[i].group))
			return -ENOENT;
	}
	for (unsigned i = 0; i < target->lun_end && kind != SCSI_ALUA_OFF; i++) {
		if (target->lu[i] != NULL)
			configure(target->lu[i], target, kind, groups, count);
	}
	return 0;
}

static bool is_any(const void *context, const struct scsi_nexus *nexus)
{
	return nexus != context;
}

/* With the control lock: the states are others now. WHO did it need not be told. */
static void changed(struct scsi_lu *lu, const struct scsi_nexus *who)
{
	attention_raise_if(&lu->attentions, ATTENTION_ACCESS_STATE_CHANGED, is_any, who);
	access_changed(lu);
}

static void change_one(struct scsi_lu *lu, uint16_t number, enum scsi_access_state state)
{
	struct alua_group *group;

	pthread_mutex_lock(&lu->control);
	group = find_group(&lu->alua, number);
	if (group != NULL && group->state != state) {
		group->state = (uint8_t)state;
		group->status = SET_IMPLICITLY;
		changed(lu, NULL);
	}
	pthread_mutex_unlock(&lu->control);
}

int scsi_target_change_group(struct scsi_target *target, uint16_t group,
			     enum scsi_access_state state)
{
	bool has_alua = false;

	if (state >= ARRAY_SIZE(states))
		return -EINVAL;
	if (!target_has_port(target, group))
		return -ENOENT;
	for (unsigned i = 0; i < target->lun_end; i++) {
		struct scsi_lu *lu = target->lu[i];

		if (lu == NULL ||
		    (lu->alua.kind != SCSI_ALUA_IMPLICIT && lu->alua.kind != SCSI_ALUA_BOTH))
			continue;
		has_alua = true;
		change_one(lu, group, state);
	}
	return has_alua ? 0 : -EOPNOTSUPP;
}

/* ---- REPORT TARGET PORT GROUPS ----------------------------------------------------------- */

enum {
	FORMAT_EXTENDED = 1,
	PREFERRED = 0x80,
	/* T_SUP, U_SUP, S_SUP, AN_SUP, AO_SUP: what scsi_target_change_group can set */
	SUPPORTED = 0x8f,
};

void alua_put_state(const struct alua_group *group, struct cursor *out)
{
	cursor_put_u8(out, states[group->state].wire);
	cursor_put_u8(out, 0);
	cursor_put_u16(out, group->group);
}

static void put_group(const struct alua_group *group, struct cursor *out)
{
	cursor_put_u8(out, (group->preferred ? PREFERRED : 0) | states[group->state].wire);
	cursor_put_u8(out, SUPPORTED);
	cursor_put_u16(out, group->group);
	cursor_put_u8(out, 0);
	cursor_put_u8(out, group->status);
	cursor_put_u8(out, 0);
	cursor_put_u8(out, 1); /* ports: one, that is called as the group */
	cursor_put_u16(out, 0);
	cursor_put_u16(out, group->group);
}

int spc_report_target_port_groups(struct scsi_cmd *cmd, struct cursor *out)
{
	struct scsi_lu *lu = cmd->lu;
	unsigned format = cmd->cdb[1] >> 5;

	if (format > FORMAT_EXTENDED) {
		sense_invalid_field(cmd, 1, 7);
		return -1;
	}
	cursor_put_u32(out, 0);
	if (format == FORMAT_EXTENDED) {
		cursor_put_u8(out, FORMAT_EXTENDED << 4);
		cursor_put_zeros(out, 3); /* no time of an implicit transition */
	}
	pthread_mutex_lock(&lu->control);
	for (unsigned i = 0; i < lu->alua.count; i++)
		put_group(&lu->alua.group[i], out);
	pthread_mutex_unlock(&lu->control);
	put_be32(out->begin, (uint32_t)(cursor_offset(out) - 4));
	return SCSI_DONE;
}

/* ---- SET TARGET PORT GROUPS ---------------------------------------------------------------- */

enum { LIST_HEADER = 4, DESCRIPTOR = 4 };

static int is_kept(struct scsi_cmd *cmd)
{
	struct sense failure = { .key = SENSE_KEY_HARDWARE_ERROR, .code = 0x670a };

	/* In force, but not after a restart. Without a keeper nobody has promised that. */
	if (cmd->kept == 0 || cmd->kept == -EOPNOTSUPP)
		return cmd_status(cmd, SCSI_STATUS_GOOD);
	return sense_fail(cmd, &failure); /* SET TARGET PORT GROUPS COMMAND FAILED */
}

static int keep(struct scsi_cmd *cmd)
{
	const struct alua *alua = &cmd->lu->alua;
	uint8_t blob[BLOB_MAX];

	for (unsigned i = 0; i < alua->count; i++) {
		put_be16(blob + i * BLOB_GROUP, alua->group[i].group);
		blob[i * BLOB_GROUP + 2] = alua->group[i].state;
	}
	return cmd_keep(cmd, ALUA_BLOB_NAME, blob, alua->count * BLOB_GROUP, is_kept);
}

/* Whether the whole list can be carried out; else sense is set. */
static bool check_list(struct scsi_cmd *cmd, const uint8_t *list, uint32_t length)
{
	for (uint32_t at = LIST_HEADER; at < length; at += DESCRIPTOR) {
		const struct alua_group *group =
			find_group(&cmd->lu->alua, get_be16(list + at + 2));
		unsigned state = list[at] & 0x0f;

		/* Up to there they are on the wire as they are here. */
		if (state > SCSI_ACCESS_UNAVAILABLE) {
			sense_invalid_parameter(cmd, (uint16_t)at, 3);
			return false;
		}
		if (group == NULL) {
			sense_invalid_parameter(cmd, (uint16_t)(at + 2), SENSE_NO_BIT);
			return false;
		}
	}
	return true;
}

static bool set_groups(struct scsi_lu *lu, const uint8_t *list, uint32_t length)
{
	bool has_changed = false;

	for (uint32_t at = LIST_HEADER; at < length; at += DESCRIPTOR) {
		struct alua_group *group = find_group(&lu->alua, get_be16(list + at + 2));
		uint8_t state = list[at] & 0x0f;

		has_changed |= group->state != state;
		group->state = state;
		group->status = SET_BY_COMMAND;
	}
	return has_changed;
}

int spc_set_target_port_groups_list(struct scsi_cmd *cmd)
{
	const uint8_t *list = cmd->data.extent[0].data;
	uint32_t length = cmd->data_out_length;
	struct scsi_lu *lu = cmd->lu;
	int step = SCSI_DONE;

	if (length < LIST_HEADER || length % DESCRIPTOR != 0)
		return sense_parameter_list_length(cmd);
	pthread_mutex_lock(&lu->control);
	if (check_list(cmd, list, length)) {
		if (set_groups(lu, list, length))
			changed(lu, cmd->nexus);
		step = keep(cmd);
	}
	pthread_mutex_unlock(&lu->control);
	return step;
}

int spc_set_target_port_groups(struct scsi_cmd *cmd)
{
	uint32_t length = get_be32(cmd->cdb + 6);

	return length == 0 ? cmd_status(cmd, SCSI_STATUS_GOOD) : cmd_parameters(cmd, length);
}
