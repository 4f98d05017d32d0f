/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What sysfs tells of block devices: whether they rotate, what they discard,
 * and an identity that stays with the device whatever its name is today.
 */
#include "store/file.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/parse.h"

/* Loop devices over files on loop devices: somebody does it, nobody does it this often. */
#define NESTING_MAX 4

/*
 * Reads attribute NAME of the whole disk that DEV is, or is a partition of, as
 * one trimmed line. Returns its length, 0 where there is none.
 */
static size_t read_attribute(dev_t dev, const char *name, char *out, size_t size)
{
	char path[160];
	size_t len = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/partition", major(dev), minor(dev));
	/* A partition's folder lies in its disk's; the kernel resolves the link before "..". */
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s%s", major(dev), minor(dev),
		 access(path, F_OK) == 0 ? "../" : "", name);
	out[0] = '\0';
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	if (fgets(out, (int)size, file) != NULL)
		len = strlen(out);
	fclose(file);
	while (len > 0 && isspace((unsigned char)out[len - 1]))
		out[--len] = '\0';
	return len;
}

/* UNKNOWN where there is no such attribute. */
static uint64_t read_number(dev_t dev, const char *name, uint64_t unknown)
{
	char text[32];
	uint64_t value;

	if (read_attribute(dev, name, text, sizeof(text)) == 0 || parse_u64(text, &value) < 0)
		return unknown;
	return value;
}

bool device_is_solid_state(dev_t dev)
{
	char backing[512];
	struct stat info;

	for (unsigned i = 0; i < NESTING_MAX; i++) {
		if (read_attribute(dev, "loop/backing_file", backing, sizeof(backing)) == 0 ||
		    stat(backing, &info) < 0)
			break;
		dev = S_ISBLK(info.st_mode) ? info.st_rdev : info.st_dev;
	}
	return read_number(dev, "queue/rotational", 1) == 0;
}

/* FNV-1a. It need not withstand anybody, only be the same for ever. */
static uint64_t hash(uint64_t state, const char *text)
{
	for (; *text != '\0'; text++)
		state = (state ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	return state;
}

static void read_identity(dev_t dev, uint8_t identity[16])
{
	/* From the most to the least certain to be unique in the world. */
	static const char *const names[] = { "wwid",	"device/wwid", "dm/uuid",
					     "md/uuid", "serial",      "device/serial" };
	char text[256];
	char path[64];
	char partition[16] = "";
	FILE *file;
	uint64_t state = UINT64_C(0xcbf29ce484222325);

	memset(identity, 0, 16);
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		if (read_attribute(dev, names[i], text, sizeof(text)) > 0) {
			state = hash(hash(state, names[i]), text);
			break;
		}
	}
	if (text[0] == '\0')
		return;
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/partition", major(dev), minor(dev));
	file = fopen(path, "re");
	if (file != NULL) {
		if (fgets(partition, sizeof(partition), file) == NULL)
			partition[0] = '\0';
		fclose(file);
	}
	state = hash(state, partition);
	put_be64(identity, state);
	put_be64(identity + 8, hash(hash(state, "pinion"), text));
}

void device_read_facts(dev_t dev, struct device_facts *facts)
{
	uint64_t granularity = read_number(dev, "queue/discard_granularity", 0);

	facts->is_solid_state = device_is_solid_state(dev);
	facts->discard_granularity = 0;
	if (granularity <= UINT32_MAX && read_number(dev, "queue/discard_max_bytes", 0) > 0)
		facts->discard_granularity = (uint32_t)granularity;
	read_identity(dev, facts->identity);
}
