/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Logical units: made once from a store and the administrator's words, constant
 * afterwards. Everything about a configuration that could be wrong is found
 * here, so that the commands need not look.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "scsi/job.h"
#include "scsi/lu.h"
#include "scsi/odx_token.h"
#include "scsi/protect.h"
#include "scsi/provision.h"
#include "scsi/range.h"
#include "scsi/taskset.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "0"
#endif

enum {
	BLOCK_MIN = 512,
	BLOCK_MAX = 4096,
	PHYSICAL_EXPONENT_MAX = 15, /* four bits in READ CAPACITY(16) */
	LOWEST_ALIGNED_MAX = 0x3fff, /* 14 bits there */
	TRANSFER_DEFAULT = EXTENTS_MAX * 256 * 1024,
	CACHE_LINE = 64,
	MANAGEMENT_ADDRESS_MAX = 251,
};

/* What one store_io can take at most. */
#define TRANSFER_MAX (EXTENTS_MAX * EXTENT_MAX)

struct complaint {
	char *text;
	size_t size;
};

static int complain(const struct complaint *complaint, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int complain(const struct complaint *complaint, const char *format, ...)
{
	va_list arguments;

	if (complaint->size != 0) {
		va_start(arguments, format);
		vsnprintf(complaint->text, complaint->size, format, arguments);
		va_end(arguments);
	}
	return -EINVAL;
}

/* ---- sizes -------------------------------------------------------------------- */

static int set_blocks(struct scsi_lu *lu, const struct scsi_lu_config *config,
		      const struct complaint *complaint)
{
	const struct store_traits *traits = &config->store->traits;
	uint32_t block = config->block_size;

	if (block < BLOCK_MIN || block > BLOCK_MAX || !is_power_of_two(block))
		return complain(complaint, "block size %u is not 512, 1024, 2048 or 4096", block);
	if (traits->logical_block > block)
		return complain(complaint, "block size %u is less than the store's own, %u", block,
				traits->logical_block);
	lu->block_size = block;
	lu->block_shift = log2_floor(block);
	lu->protection = traits->protection;
	if (lu->protection != 0 && block != traits->logical_block)
		return complain(complaint, "block size %u is not that of its protection information, %u",
				block, traits->logical_block);
	lu->blocks = traits->size >> lu->block_shift;
	if (lu->blocks == 0)
		return complain(complaint, "the store holds %llu bytes, not even one block of %u",
				(unsigned long long)traits->size, block);
	return 0;
}

static int set_physical(struct scsi_lu *lu, const struct scsi_lu_config *config,
			const struct complaint *complaint)
{
	uint32_t physical = config->physical_block_size;

	if (physical == 0) {
		/* The store's, as far as it can be said in SCSI. */
		physical = config->store->traits.physical_block;
		if (!is_power_of_two(physical) || physical < lu->block_size ||
		    physical >> PHYSICAL_EXPONENT_MAX > lu->block_size)
			physical = lu->block_size;
	}
	if (!is_power_of_two(physical) || physical < lu->block_size ||
	    physical >> PHYSICAL_EXPONENT_MAX > lu->block_size)
		return complain(complaint,
				"physical block size %u is not %u times a power of two up to 2^%d",
				physical, lu->block_size, PHYSICAL_EXPONENT_MAX);
	lu->physical_block_size = physical;
	if (config->lowest_aligned >= physical / lu->block_size ||
	    config->lowest_aligned > LOWEST_ALIGNED_MAX)
		return complain(complaint,
				"a physical block of %u bytes cannot begin at LBA %u and not before",
				physical, config->lowest_aligned);
	lu->lowest_aligned = config->lowest_aligned;
	return 0;
}

static bool store_knows_usage(struct store *store)
{
	struct store_usage usage;

	return store->ops->usage != NULL && store->ops->usage(store, &usage) == 0;
}

static int set_thin(struct scsi_lu *lu, const struct scsi_lu_config *config,
		    const struct complaint *complaint)
{
	if (config->thin && config->store->traits.discard_granularity == 0)
		return complain(complaint, "it cannot be thin: the store cannot discard");
	lu->thin = config->thin;
	if (config->thin_threshold != 0 && !config->thin)
		return complain(complaint, "a threshold is for thin provisioning only");
	if (config->thin_threshold != 0 && !store_knows_usage(config->store))
		return complain(complaint, "it can have no threshold: a store of kind \"%s\" does "
					   "not know how much space is left",
				config->store->ops->name);
	return 0;
}

static int set_maximum_transfer(struct scsi_lu *lu, const struct scsi_lu_config *config,
				const struct complaint *complaint)
{
	uint32_t bytes = config->maximum_transfer;

	if (bytes == 0)
		bytes = TRANSFER_DEFAULT;
	if (bytes < lu->block_size || bytes > TRANSFER_MAX)
		return complain(complaint, "maximum transfer of %u bytes is not between %u and %u",
				bytes, lu->block_size, TRANSFER_MAX);
	/* There and back, with protection information. */
	if (lu->protection != 0)
		bytes = min(bytes, PROTECT_TRANSFER_MAX);
	lu->maximum_blocks = bytes >> lu->block_shift;
	lu->atomic_blocks = min(config->store->traits.atomic_write, bytes) >> lu->block_shift;
	lu->atomic_blocks = min(lu->atomic_blocks, (uint32_t)UINT16_MAX); /* what the CDB can say */
	return 0;
}

/* ---- names --------------------------------------------------------------------- */

static bool is_printable(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text < 0x20 || *text > 0x7e)
			return false;
	}
	return true;
}

/* Left-aligned and filled with blanks, as SPC-5 section 4.3.1 has ASCII fields. */
static int set_field(uint8_t *field, size_t size, const char *name, const char *text,
		     const struct complaint *complaint)
{
	if (strlen(text) > size || !is_printable(text))
		return complain(complaint, "%s \"%s\" is not up to %zu characters of ASCII", name,
				text, size);
	memset(field, ' ', size);
	memcpy(field, text, strlen(text));
	return 0;
}

static int set_naa(struct scsi_lu *lu, const struct scsi_lu_config *config,
		   const struct complaint *complaint)
{
	static const uint8_t none[sizeof(config->store->traits.identity)];
	const uint8_t *identity = config->store->traits.identity;
	unsigned type = config->naa[0] >> 4;

	if (config->naa_length == 0) {
		lu->naa_length = 8;
		if (memcmp(identity, none, sizeof(none)) != 0)
			identity_naa(identity, sizeof(none), lu->naa);
		else if (config->seed != NULL && config->seed[0] != '\0')
			identity_naa(config->seed, strlen(config->seed), lu->naa);
		else
			return complain(complaint, "nothing to make an identifier from");
		return 0;
	}
	if ((config->naa_length == 8 && (type == 2 || type == 3 || type == 5)) ||
	    (config->naa_length == 16 && type == 6)) {
		memcpy(lu->naa, config->naa, config->naa_length);
		lu->naa_length = config->naa_length;
		return 0;
	}
	return complain(complaint, "an NAA identifier has 16 hexadecimal digits and begins with "
				   "2, 3 or 5, or has 32 and begins with 6");
}

static int set_serial(struct scsi_lu *lu, const struct scsi_lu_config *config,
		      const struct complaint *complaint)
{
	if (config->serial == NULL) {
		identity_hex(lu->naa, lu->naa_length, lu->serial);
		return 0;
	}
	if (config->serial[0] == '\0' || strlen(config->serial) > SCSI_SERIAL_MAX ||
	    !is_printable(config->serial))
		return complain(complaint, "serial \"%s\" is not 1 to %d characters of ASCII",
				config->serial, SCSI_SERIAL_MAX);
	strcpy(lu->serial, config->serial);
	return 0;
}

static int set_management(struct scsi_lu *lu, const struct scsi_lu_config *config,
			  const struct complaint *complaint)
{
	const char *address = config->management_address;

	if (address == NULL)
		return 0;
	if (address[0] == '\0' || strlen(address) > MANAGEMENT_ADDRESS_MAX || !is_printable(address))
		return complain(complaint, "management address \"%s\" is not 1 to %d characters of ASCII",
				address, MANAGEMENT_ADDRESS_MAX);
	lu->management_address = strdup(address);
	if (lu->management_address != NULL)
		return 0;
	complain(complaint, "out of memory");
	return -ENOMEM;
}

static void package_revision(char revision[SCSI_REVISION_LENGTH + 1])
{
	size_t len;

	snprintf(revision, SCSI_REVISION_LENGTH + 1, "%.4s", PACKAGE_VERSION);
	len = strlen(revision);
	if (len > 1 && revision[len - 1] == '.')
		revision[len - 1] = '\0';
}

static int set_names(struct scsi_lu *lu, const struct scsi_lu_config *config,
		     const struct complaint *complaint)
{
	char revision[SCSI_REVISION_LENGTH + 1];
	int ret;

	package_revision(revision);
	ret = set_field(lu->vendor, sizeof(lu->vendor), "vendor",
			config->vendor != NULL ? config->vendor : "PINION", complaint);
	if (ret == 0)
		ret = set_field(lu->product, sizeof(lu->product), "product",
				config->product != NULL ? config->product : "DISK", complaint);
	if (ret == 0)
		ret = set_field(lu->revision, sizeof(lu->revision), "revision",
				config->revision != NULL ? config->revision : revision, complaint);
	if (ret == 0)
		ret = set_naa(lu, config, complaint);
	if (ret == 0)
		ret = set_serial(lu, config, complaint);
	if (ret == 0)
		ret = set_management(lu, config, complaint);
	return ret;
}

/* ---- making -------------------------------------------------------------------- */

/* Pages that no reactor ever writes to are never touched and cost nothing. */
static int create_counters(struct scsi_lu *lu)
{
	lu->counters_memory = calloc(SCSI_REACTORS_MAX + 1, sizeof(*lu->counters));
	if (lu->counters_memory == NULL)
		return -ENOMEM;
	lu->counters = (struct lu_counters *)align_up((uintptr_t)lu->counters_memory, CACHE_LINE);
	return 0;
}

static int set_domain(struct scsi_lu *lu, const struct scsi_lu_config *config,
		      const struct complaint *complaint)
{
	lu->domain = config->copy_domain;
	if (lu->domain != NULL)
		return 0;
	if (scsi_copy_domain_create(&lu->own_domain) != 0) {
		complain(complaint, "out of memory");
		return -ENOMEM;
	}
	lu->domain = lu->own_domain;
	return 0;
}

static void free_lu(struct scsi_lu *lu)
{
	range_destroy(lu);
	job_destroy(lu);
	if (lu->domain != NULL)
		odx_lu_gone(lu);
	scsi_copy_domain_destroy(lu->own_domain);
	provision_destroy(lu);
	attention_source_destroy(&lu->attentions);
	taskset_destroy(lu);
	reservations_free(&lu->reservations);
	free(lu->counters_memory);
	free(lu->management_address);
	free(lu->buffer);
	pthread_mutex_destroy(&lu->control);
	free(lu);
}

int scsi_lu_create(const struct scsi_lu_config *config, struct scsi_lu **out, char *error,
		   size_t error_size)
{
	struct complaint complaint = { error, error_size };
	struct scsi_lu *lu = calloc(1, sizeof(*lu));
	int ret;

	if (lu == NULL || create_counters(lu) != 0) {
		free(lu);
		complain(&complaint, "out of memory");
		return -ENOMEM;
	}
	range_home_init(lu);
	list_init(&lu->orphans);
	pthread_mutex_init(&lu->control, NULL);
	attention_source_init(&lu->attentions);
	access_init(&lu->access);
	reservations_init(&lu->reservations);
	lu->store = config->store;
	lu->keeper = config->keeper;
	lu->read_only = config->read_only || config->store->traits.read_only;
	lu->removable = config->removable;
	lu->rotation_rate = config->rotation_rate;
	if (lu->rotation_rate == 0 && lu->store->traits.solid_state)
		lu->rotation_rate = 1;
	lu->command_timeout_s = config->command_timeout;
	ret = set_domain(lu, config, &complaint);
	if (ret == 0)
		ret = set_blocks(lu, config, &complaint);
	if (ret == 0)
		ret = set_physical(lu, config, &complaint);
	if (ret == 0)
		ret = set_thin(lu, config, &complaint);
	if (ret == 0)
		ret = set_maximum_transfer(lu, config, &complaint);
	if (ret == 0)
		ret = set_names(lu, config, &complaint);
	if (ret == 0)
		ret = job_create(lu);
	if (ret == 0)
		ret = provision_create(lu, config->thin_threshold);
	if (ret != 0) {
		free_lu(lu);
		return ret;
	}
	lu->prevent_epoch = 1;
	mode_init(lu);
	identifying_init(lu);
	reservation_restore(lu);
	*out = lu;
	return 0;
}

void scsi_lu_destroy(struct scsi_lu *lu)
{
	store_close(lu->store);
	free_lu(lu);
}
