/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration's second reading; see config_check.h. Nothing here is a file's syntax. */
#include "daemon/config_check.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/checked.h"
#include "base/ip.h"
#include "base/parse.h"
#include "daemon/config.h"
#include "daemon/config_access.h"
#include "daemon/config_complaint.h"
#include "sys/socket_address.h"

/* --- portals --------------------------------------------------------------------- */

static bool is_wildcard(const struct sockaddr_storage *address)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;

	if (address->ss_family == AF_INET)
		return ((const struct sockaddr_in *)address)->sin_addr.s_addr == INADDR_ANY;
	return IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
}

static int check_bursts(struct config_check *check, unsigned line,
			const struct iscsi_values *values)
{
	if (values->first_burst_length <= values->max_burst_length)
		return 0;
	return config_fail(check, line,
			   "\"first-burst-length\" in iscsi must not be above max-burst-length (%u)",
			   values->max_burst_length);
}

/* What a portal or a target has of its own; a burst that is the general one is cut to fit. */
static int check_override(struct config_check *check, unsigned line,
			  const struct iscsi_override *override)
{
	if (override->given[offsetof(struct iscsi_values, max_burst_length)] == 0 ||
	    override->given[offsetof(struct iscsi_values, first_burst_length)] == 0)
		return 0;
	return check_bursts(check, line, &override->values);
}

static int check_portal(struct config_check *check, unsigned index)
{
	const struct config_portal *portals = check->config->portals;
	const struct config_portal *portal = &portals[index];
	struct sockaddr_storage address;
	struct sockaddr_storage other;

	if (socket_address_parse(portal->address, portal->port, &address) < 0)
		return config_fail(check, portal->place.line,
				   "\"%s\" is no numeric IPv4 or IPv6 address", portal->address);
	if (portal->iser && portal->interface != NULL && is_wildcard(&address))
		return config_fail(check, portal->place.line,
				   "\"interface\" does not hold for iSER, which would serve all "
				   "devices: portal %s needs an address of that interface",
				   portal->address);
	for (unsigned i = 0; i < index && portal->port != 0; i++) {
		if (socket_address_parse(portals[i].address, portals[i].port, &other) < 0 ||
		    memcmp(&address, &other, sizeof(address)) != 0)
			continue;
		return config_fail(check, portal->place.line,
				   "portal %s port %u is there twice (first in line %u)",
				   portal->address, portal->port, portals[i].place.line);
	}
	return check_override(check, portal->place.line, &portal->override);
}

/* All addresses of both families; a machine without IPv6 goes without. */
static int add_default_portals(struct config_check *check)
{
	struct config *config = check->config;

	config->portals = calloc(2, sizeof(*config->portals));
	if (config->portals == NULL)
		return config_fail_memory(check);
	config->portal_count = 2;
	for (unsigned i = 0; i < 2; i++) {
		config->portals[i] = (struct config_portal){
			.address = strdup(i == 0 ? "0.0.0.0" : "::"),
			.port = CONFIG_PORT_DEFAULT,
			.group = 1,
			.optional = i != 0,
		};
		if (config->portals[i].address == NULL)
			return config_fail_memory(check);
	}
	return 0;
}

static int check_portals(struct config_check *check)
{
	int rc = 0;

	if (check->config->portals == NULL)
		rc = add_default_portals(check);
	for (unsigned i = 0; rc == 0 && i < check->config->portal_count; i++)
		rc = check_portal(check, i);
	return rc;
}

/* --- LUNs -------------------------------------------------------------------------- */

/* Reads the hexadecimal digits of TEXT ("0x6...", "naa.6..." or plain) into LUN. */
static int parse_naa(const char *text, struct config_lun *lun)
{
	char byte[5] = "0x";
	uint64_t value;
	size_t digits;

	if (strncmp(text, "0x", 2) == 0)
		text += 2;
	else if (strncmp(text, "naa.", 4) == 0)
		text += 4;
	digits = strlen(text);
	/* NAA 6 is 16 bytes long, the others 8 (SPC-4 section 7.8.6.6). */
	if (digits != (text[0] == '6' ? 32U : 16U) || strchr("2356", text[0]) == NULL)
		return -EINVAL;
	for (size_t i = 0; i < digits / 2; i++) {
		memcpy(byte + 2, text + 2 * i, 2);
		if (parse_u64(byte, &value) != 0)
			return -EINVAL;
		lun->naa[i] = (uint8_t)value;
	}
	lun->naa_length = (uint8_t)(digits / 2);
	return 0;
}

/* T10 fields hold printable ASCII (SPC-4 section 4.3.1). */
static bool is_ascii(const char *text)
{
	if (text == NULL)
		return true;
	for (; *text != '\0'; text++) {
		if (*text < 0x20 || *text > 0x7e)
			return false;
	}
	return true;
}

/* What of protection fits the store that LUN stands on; NULL: all. */
static const char *complain_of_protection(const struct config_lun *lun)
{
	const char *kind = lun->stores[0].ops->name;
	bool in_memory = strcmp(kind, "ram") == 0;

	if (lun->protection == 0)
		return lun->protection_path != NULL ? "needs \"protection\"" : NULL;
	if (strcmp(kind, "null") == 0)
		return "is for a store that keeps its data, not for \"null\"";
	if (in_memory && lun->protection_path != NULL)
		return "is for a store that is not in memory";
	if (!in_memory && lun->protection_path == NULL)
		return "is needed with \"protection\"";
	return NULL;
}

static int check_protection(struct config_check *check, const struct config_target *target,
			    const struct config_lun *lun)
{
	const char *complaint = complain_of_protection(lun);
	bool is_null = lun->protection != 0 && strcmp(lun->stores[0].ops->name, "null") == 0;

	if (complaint == NULL)
		return 0;
	return config_fail(check, lun->place.line, "\"%s\" in LUN %u of %s %s",
			   is_null ? "protection" : "protection-path", lun->lun, target->name,
			   complaint);
}

static int check_lun(struct config_check *check, const struct config_target *target, unsigned index)
{
	struct config_lun *lun = &target->luns[index];
	unsigned line = lun->place.line;

	for (unsigned i = 0; i < index; i++) {
		if (target->luns[i].lun == lun->lun)
			return config_fail(check, line,
					   "LUN %u of %s is there twice (first in line %u)",
					   lun->lun, target->name, target->luns[i].place.line);
	}
	if (lun->block_size != 512 && lun->block_size != 4096)
		return config_fail(check, line,
				   "\"block-size\" in LUN %u of %s must be 512 or 4096", lun->lun,
				   target->name);
	if (lun->physical_block_size != 0 && (!is_power_of_two(lun->physical_block_size) ||
					      lun->physical_block_size < lun->block_size))
		return config_fail(
			check, line,
			"\"physical-block-size\" in LUN %u of %s must be a power of two and not "
			"below block-size",
			lun->lun, target->name);
	if (lun->naa_text != NULL && parse_naa(lun->naa_text, lun) != 0)
		return config_fail(
			check, line,
			"\"naa\" in LUN %u of %s must be 32 hexadecimal digits that begin with "
			"6, or 16 that begin with 2, 3 or 5",
			lun->lun, target->name);
	if (!is_ascii(lun->vendor) || !is_ascii(lun->product) || !is_ascii(lun->revision) ||
	    !is_ascii(lun->serial))
		return config_fail(check, line,
				   "vendor, product, revision and serial in LUN %u of %s must be "
				   "printable ASCII",
				   lun->lun, target->name);
	return check_protection(check, target, lun);
}

/* An identifier that two LUs share makes multipath take them for one disk. */
static int check_identifiers(struct config_check *check, const struct config_lun *lun,
			     const struct config_lun *other)
{
	if (lun == other || lun->naa_length == 0 || lun->naa_length != other->naa_length ||
	    memcmp(lun->naa, other->naa, lun->naa_length) != 0)
		return 0;
	return config_fail(check, lun->place.line,
			   "the naa of line %u is there twice (first in line %u)", lun->place.line,
			   other->place.line);
}

static int check_unique_identifiers(struct config_check *check, unsigned target_index,
				    const struct config_lun *lun)
{
	int rc = 0;

	for (unsigned i = 0; i <= target_index; i++) {
		const struct config_target *target = &check->config->targets[i];

		for (unsigned j = 0; j < target->lun_count; j++) {
			if (&target->luns[j] == lun)
				return 0;
			rc = check_identifiers(check, lun, &target->luns[j]);
			if (rc != 0)
				return rc;
		}
	}
	return rc;
}

/* --- targets ----------------------------------------------------------------------- */

static int normalize_name(struct config_check *check, struct config_target *target)
{
	char normal[NAME_LEN_MAX + 1];
	char *copy;

	if (iscsi_target_name(target->name, normal) != 0)
		return config_fail(
			check, target->place.line,
			"\"%s\" is no iSCSI name (iqn.YYYY-MM.reversed.domain:any, eui. or naa. "
			"and hexadecimal digits)",
			target->name);
	copy = strdup(normal);
	if (copy == NULL)
		return config_fail_memory(check);
	free(target->name);
	target->name = copy;
	return 0;
}

/* The labels of a host name; one of digits alone is a numeric address or none. */
static bool is_host(const char *text, size_t len)
{
	bool is_number = true;
	struct ip ip;

	for (size_t i = 0; i < len; i++) {
		bool is_edge = i == 0 || i + 1 == len || text[i - 1] == '.' || text[i + 1] == '.';

		if (text[i] == '.' ? i == 0 || text[i - 1] == '.'
				   : !isalnum((unsigned char)text[i]) &&
					     (text[i] != '-' || is_edge) && text[i] != '_')
			return false;
		is_number &= isdigit((unsigned char)text[i]) || text[i] == '.';
	}
	return len != 0 && len <= 253 && (!is_number || ip_parse(text, len, &ip) == 0);
}

/* TargetAddress without the portal group tag (RFC 7143 section 13.8). */
static bool is_redirect(const char *text)
{
	size_t len = strcspn(text, text[0] == '[' ? "]" : ":");
	const char *port = text + len;
	struct ip ip;

	if (text[0] == '[') {
		if (*port++ != ']' || memchr(text, ':', len) == NULL ||
		    ip_parse(text + 1, len - 1, &ip) != 0)
			return false;
	} else if (!is_host(text, len)) {
		return false;
	}
	if (*port == '\0')
		return true;
	return port[0] == ':' && isdigit((unsigned char)port[1]) && strlen(port + 1) <= 5 &&
	       strspn(port + 1, "0123456789") == strlen(port + 1) && atoi(port + 1) >= 1 &&
	       atoi(port + 1) <= 65535;
}

static bool has_portal(const struct config *config, uint16_t group)
{
	for (unsigned i = 0; i < config->portal_count; i++) {
		if (config->portals[i].group == group)
			return true;
	}
	return false;
}

static int check_port_groups(struct config_check *check, const struct config_target *target)
{
	for (unsigned i = 0; i < target->port_group_count; i++) {
		const struct config_port_group *group = &target->port_groups[i];

		if (!has_portal(check->config, group->group))
			return config_fail(check, group->place.line,
					   "portal group %u of %s has no portal", group->group,
					   target->name);
		for (unsigned j = 0; j < i; j++) {
			if (target->port_groups[j].group == group->group)
				return config_fail(check, group->place.line,
						   "portal group %u of %s is there twice",
						   group->group, target->name);
		}
	}
	return 0;
}

static int check_target_settings(struct config_check *check, const struct config_target *target)
{
	if (target->redirect != NULL && !is_redirect(target->redirect))
		return config_fail(check, target->place.line,
				   "\"redirect\" of %s must be ADDRESS or ADDRESS:PORT (an IPv6 address "
				   "in square brackets), not \"%.100s\"",
				   target->name, target->redirect);
	if (target->redirect_permanently && target->redirect == NULL)
		return config_fail(check, target->place.line,
				   "\"redirect-permanently\" of %s needs redirect", target->name);
	return check_override(check, target->place.line, &target->override);
}

static int check_target(struct config_check *check, unsigned index)
{
	struct config_target *targets = check->config->targets;
	struct config_target *target = &targets[index];
	int rc = normalize_name(check, target);

	if (rc != 0)
		return rc;
	for (unsigned i = 0; i < index; i++) {
		if (strcmp(targets[i].name, target->name) == 0)
			return config_fail(check, target->place.line,
					   "target %s is there twice (first in line %u)",
					   target->name, targets[i].place.line);
	}
	rc = check_target_settings(check, target);
	if (rc == 0)
		rc = check_port_groups(check, target);
	for (unsigned i = 0; rc == 0 && i < target->lun_count; i++) {
		rc = check_lun(check, target, i);
		if (rc == 0)
			rc = check_unique_identifiers(check, index, &target->luns[i]);
	}
	return rc;
}

/* --- all --------------------------------------------------------------------------- */

static int check_scalars(struct config_check *check)
{
	const struct config *config = check->config;
	struct sockaddr_storage address;
	cpu_set_t cpus;

	if (strcmp(config->performance.cores, "all") != 0 &&
	    parse_cpu_list(config->performance.cores, &cpus) != 0)
		return config_fail(
			check, config->performance_place.line,
			"\"cores\" in performance must be \"all\" or a list as \"0-3,6\", not "
			"\"%s\"",
			config->performance.cores);
	if (config->iscsi.values.max_burst_length != 0) {
		int rc = check_bursts(check, config->iscsi_place.line, &config->iscsi.values);

		if (rc != 0)
			return rc;
	}
	if (config->isns.server[0] != '\0' &&
	    socket_address_parse(config->isns.server, config->isns.port, &address) < 0)
		return config_fail(check, config->isns.place.line,
				   "\"server\" in isns must be a numeric IPv4 or IPv6 address, not "
				   "\"%s\"",
				   config->isns.server);
	return 0;
}

int config_check(struct config *config, unsigned *line, char *error, size_t error_size)
{
	struct config_check check = { config, line, error, error_size };
	int rc = check_scalars(&check);

	if (rc == 0)
		rc = check_portals(&check);
	for (unsigned i = 0; rc == 0 && i < config->target_count; i++)
		rc = check_target(&check, i);
	if (rc == 0)
		rc = config_access_check(config, line, error, error_size);
	return rc;
}

/* --- freeing what config.c has made -------------------------------------------------- */

static void free_store(struct config_store *store)
{
	for (unsigned i = 0; i < store->argument_count; i++)
		free((char *)(uintptr_t)store->arguments[i].value);
	free(store->arguments);
}

static void free_lun(struct config_lun *lun)
{
	for (unsigned i = 0; i < lun->store_count; i++)
		free_store(&lun->stores[i]);
	free(lun->stores);
	free(lun->protection_path);
	free(lun->vendor);
	free(lun->product);
	free(lun->revision);
	free(lun->serial);
	free(lun->naa_text);
}

void config_free(struct config *config)
{
	if (config == NULL)
		return;
	config_access_free(config);
	for (unsigned i = 0; i < config->target_count; i++) {
		struct config_target *target = &config->targets[i];

		for (unsigned j = 0; j < target->lun_count; j++)
			free_lun(&target->luns[j]);
		free(target->luns);
		free(target->port_groups);
		free(target->name);
		free(target->alias);
		free(target->redirect);
		free(target->management_address);
	}
	free(config->targets);
	for (unsigned i = 0; i < config->portal_count; i++) {
		free(config->portals[i].address);
		free(config->portals[i].interface);
	}
	free(config->portals);
	free(config->performance.cores);
	free(config->control.socket);
	free(config->state.directory);
	free(config->isns.server);
	free(config->isns.entity);
	free(config->source);
	free(config);
}
