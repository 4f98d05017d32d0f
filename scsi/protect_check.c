/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is looked at in protection information, and what is wrong then: SBC-4 tables 67, 68
 * (ORPROTECT), 125 to 128 (VRPROTECT) and 133 (WRPROTECT), and that of RDPROTECT in section 5.16.
 */
#include "base/bytes.h"
#include "scsi/lu.h"
#include "scsi/mode.h"
#include "scsi/protect_io.h"
#include "scsi/sense.h"

enum {
	GUARD_WRONG = 0x1001,
	APPLICATION_WRONG = 0x1002,
	REFERENCE_WRONG = 0x1003,
	/* in CDBs of 32 bytes */
	LONG = 32,
	LBA_AT = 12,
	REFERENCE_AT = 20,
	TAG_AT = 24,
	MASK_AT = 26,
};

/* Sets of codes. */
#define CODES(...) is_one_of(protect_of(cmd), (const uint8_t[]){ __VA_ARGS__, UINT8_MAX })

static bool is_one_of(unsigned code, const uint8_t *codes)
{
	while (*codes != UINT8_MAX && *codes != code)
		codes++;
	return *codes == code;
}

uint64_t protect_first(const struct scsi_cmd *cmd)
{
	switch (cmd->op->cdb_length) {
	case LONG:
		return get_be64(cmd->cdb + LBA_AT);
	case 16:
		return get_be64(cmd->cdb + 2);
	default:
		return get_be32(cmd->cdb + 2);
	}
}

/* Footnote c of the tables: whence application tags are known. */
static void learn_tags(const struct scsi_cmd *cmd, struct protect_check *check)
{
	check->is_in_cdb = cmd->op->cdb_length == LONG && lu_has_mode(cmd->lu, MODE_ATO);
	if (check->is_in_cdb) {
		check->tag = get_be16(cmd->cdb + TAG_AT);
		check->mask = get_be16(cmd->cdb + MASK_AT);
	} else if (lu_has_mode(cmd->lu, MODE_ATMPE)) {
		store_protect_tags(cmd->lu->store, &check->tags);
	}
}

/* Where it is compared with what is on the wire, it is not looked at apart from that. */
struct protect_check protect_check_medium(const struct scsi_cmd *cmd)
{
	bool is_plain = protect_of(cmd) == 0;
	bool is_looked_at = is_plain || protect_bytchk(cmd) == 0;
	struct protect_check check = {
		.guard = is_looked_at && CODES(0, 1, 4, 5),
		.application = is_looked_at && CODES(0, 1, 2, 5),
		/* With type 2, who takes none is not asked what he expects. */
		.reference =
			is_looked_at && (CODES(1, 2, 5) || (is_plain && cmd->lu->protection == 1)),
	};

	if (cmd->lu->protection == 3)
		check.reference = false;
	learn_tags(cmd, &check);
	return check;
}

struct protect_check protect_check_received(const struct scsi_cmd *cmd)
{
	struct protect_check check = {
		.guard = CODES(1, 4, 5),
		.application = CODES(1, 2, 5),
		.reference = CODES(1, 2, 5) && cmd->lu->protection != 3,
	};

	learn_tags(cmd, &check);
	return check;
}

struct protect_check protect_check_compared(const struct scsi_cmd *cmd)
{
	bool has_owner = lu_has_mode(cmd->lu, MODE_ATO);
	struct protect_check check = {
		.guard = CODES(1, 3, 4, 5),
		.application = CODES(1, 2, 3, 4, 5),
		.reference = CODES(1, 2, 3, 4) && (cmd->lu->protection != 3 || has_owner),
	};

	learn_tags(cmd, &check);
	return check;
}

static bool find_tag(const struct protect_check *check, uint64_t lba, uint16_t *tag, uint16_t *mask)
{
	*tag = check->tag;
	*mask = check->mask;
	if (check->is_in_cdb)
		return true;
	*mask = UINT16_MAX;
	return store_tags_find(&check->tags, lba, tag);
}

bool protect_check_tag(const struct protect_check *check, uint64_t lba, uint16_t *tag)
{
	return store_tags_find(&check->tags, lba, tag);
}

static uint32_t expected_reference(const struct scsi_cmd *cmd, uint64_t lba)
{
	if (cmd->lu->protection != 2)
		return (uint32_t)lba;
	return get_be32(cmd->cdb + REFERENCE_AT) + (uint32_t)(lba - protect_first(cmd));
}

static int fail(struct scsi_cmd *cmd, uint8_t key, uint16_t code, uint64_t lba)
{
	struct sense sense = {
		.key = key,
		.code = code,
		.has_information = true,
		.information = lba,
	};

	sense_fail(cmd, &sense);
	return -1;
}

int protect_check_block(struct scsi_cmd *cmd, const struct protect_check *check,
			const struct extents *data, uint32_t at, const struct store_pi *pi,
			uint64_t lba)
{
	uint8_t key = SENSE_KEY_ABORTED_COMMAND;
	uint16_t tag, mask;

	if (check->guard && pi->guard != store_pi_guard(data, at, cmd->lu->block_size))
		return fail(cmd, key, GUARD_WRONG, lba);
	if (check->application && find_tag(check, lba, &tag, &mask) &&
	    ((pi->application ^ tag) & mask) != 0)
		return fail(cmd, key, APPLICATION_WRONG, lba);
	if (check->reference && pi->reference != expected_reference(cmd, lba))
		return fail(cmd, key, REFERENCE_WRONG, lba);
	return 0;
}

int protect_compare(struct scsi_cmd *cmd, const struct protect_check *check,
		    const struct store_pi *medium, const struct store_pi *received, uint64_t lba)
{
	uint8_t key = SENSE_KEY_MISCOMPARE;
	uint16_t tag, mask;

	if (store_pi_is_escape(medium, cmd->lu->protection) ||
	    store_pi_is_escape(received, cmd->lu->protection))
		return 0;
	if (check->guard && medium->guard != received->guard)
		return fail(cmd, key, GUARD_WRONG, lba);
	if (check->application && find_tag(check, lba, &tag, &mask) &&
	    ((medium->application ^ received->application) & mask) != 0)
		return fail(cmd, key, APPLICATION_WRONG, lba);
	if (check->reference && medium->reference != received->reference)
		return fail(cmd, key, REFERENCE_WRONG, lba);
	return 0;
}
