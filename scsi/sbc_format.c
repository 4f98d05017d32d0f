/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SANITIZE and FORMAT UNIT: what they ask for, as a plan for a job (job.h). SBC-4
 * sections 5.4 and 5.30.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "scsi/command.h"
#include "scsi/job.h"
#include "scsi/lu.h"
#include "scsi/protect.h"
#include "scsi/sense.h"

#define BLOCK_MAX 4096u

/* ---- SANITIZE ----------------------------------------------------------------------- */

enum {
	SANITIZE_IMMED = 0x80,
	SANITIZE_AUSE = 0x20,
	OVERWRITE_HEADER = 4,
	OVERWRITE_INVERT = 0x80,
	OVERWRITE_TEST = 0x60,
	OVERWRITE_COUNT = 0x1f,
};

static struct job_plan sanitize_plan(const struct scsi_cmd *cmd)
{
	return (struct job_plan){
		.during = TROUBLE_SANITIZE,
		.failure = cmd->cdb[1] & SANITIZE_AUSE ? TROUBLE_SANITIZE_FAILED
						       : TROUBLE_SANITIZE_FAILED_RESTRICTED,
		.immediate = cmd->cdb[1] & SANITIZE_IMMED,
	};
}

/* Who has failed in restricted mode must succeed in it: there is no other way out. */
static bool may_sanitize(struct scsi_cmd *cmd)
{
	if (!(cmd->cdb[1] & SANITIZE_AUSE) ||
	    lu_trouble(cmd->lu) != TROUBLE_SANITIZE_FAILED_RESTRICTED)
		return true;
	sense_invalid_field(cmd, 1, 5);
	return false;
}

static int have_overwrite_list(struct scsi_cmd *cmd)
{
	uint8_t list[OVERWRITE_HEADER + BLOCK_MAX];
	uint32_t pattern_length = cmd->data_out_length - OVERWRITE_HEADER;
	struct job_plan plan = sanitize_plan(cmd);

	extents_copy_out(&cmd->data, 0, list, cmd->data_out_length);
	if (list[0] & OVERWRITE_TEST)
		return sense_invalid_parameter(cmd, 0, 6);
	plan.passes = list[0] & OVERWRITE_COUNT;
	if (plan.passes == 0)
		return sense_invalid_parameter(cmd, 0, 4);
	if (list[1] != 0)
		return sense_invalid_parameter(cmd, 1, 7);
	plan.invert = list[0] & OVERWRITE_INVERT;
	plan.pattern = list + OVERWRITE_HEADER;
	plan.pattern_length = get_be16(list + 2);
	if (plan.pattern_length == 0 || plan.pattern_length > pattern_length)
		return sense_invalid_parameter(cmd, 2, 7);
	return job_start(cmd, &plan);
}

static int receive_overwrite_list(struct scsi_cmd *cmd)
{
	return cmd_receive(cmd, have_overwrite_list);
}

int sbc_sanitize_overwrite(struct scsi_cmd *cmd)
{
	uint32_t length = get_be16(cmd->cdb + 7);

	if (!may_sanitize(cmd))
		return SCSI_DONE;
	if (length <= OVERWRITE_HEADER || length > OVERWRITE_HEADER + cmd->lu->block_size)
		return sense_invalid_field(cmd, 7, 7);
	cmd->transfer_length = length;
	if (cmd_bytes_offered(cmd) < length)
		return sense_invalid_information_unit(cmd);
	cmd->data_out_length = length;
	return cmd_memory(cmd, length, receive_overwrite_list);
}

/*
 * What a file has given back may lie on a disk for long, so it is overwritten before;
 * afterwards everything is deallocated.
 */
int sbc_sanitize_block_erase(struct scsi_cmd *cmd)
{
	static const uint8_t zero[1];
	struct job_plan plan = sanitize_plan(cmd);

	if (get_be16(cmd->cdb + 7) != 0)
		return sense_invalid_field(cmd, 7, 7);
	if (!may_sanitize(cmd))
		return SCSI_DONE;
	plan.passes = 1;
	plan.pattern = zero;
	plan.pattern_length = sizeof(zero);
	plan.clears = true;
	plan.clear = STORE_DISCARD;
	return job_start(cmd, &plan);
}

int sbc_sanitize_exit_failure(struct scsi_cmd *cmd)
{
	if (get_be16(cmd->cdb + 7) != 0)
		return sense_invalid_field(cmd, 7, 7);
	if (lu_trouble(cmd->lu) == TROUBLE_SANITIZE_FAILED_RESTRICTED)
		return sense_invalid_field(cmd, 1, 4);
	return job_exit_failure(cmd);
}

/* ---- FORMAT UNIT -------------------------------------------------------------------- */

enum {
	/* CDB byte 1 */
	LONGLIST = 0x20,
	FMTDATA = 0x10,
	CMPLST = 0x08,
	DEFECT_LIST_FORMAT = 0x07,
	/* parameter list byte 1 */
	FOV = 0x80,
	DPRY_DCRT_STPF = 0x70,
	IP = 0x08,
	IMMED = 0x02,
	OBSOLETE = 0x05,
	SHORT_HEADER = 4,
	LONG_HEADER = 8,
	/* initialization pattern descriptor */
	PATTERN_HEADER = 4,
	PATTERN_SI = 0x20,
	PATTERN_DEFAULT = 0,
	PATTERN_REPEATED = 1,
	FORMAT_LIST_MAX = LONG_HEADER + PATTERN_HEADER + BLOCK_MAX,
};

static struct job_plan format_plan(const struct scsi_cmd *cmd)
{
	bool discards = cmd->lu->thin && cmd->lu->store->traits.discard_zeroes;

	return (struct job_plan){
		.during = TROUBLE_FORMAT,
		.failure = TROUBLE_FORMAT_FAILED,
		.clears = true,
		.clear = discards ? STORE_DISCARD : STORE_WRITE_ZEROES,
	};
}

/*
 * The descriptor at byte AT of the list, LENGTH bytes long. False with sense where
 * it is wrong.
 */
static bool read_pattern(struct scsi_cmd *cmd, const uint8_t *list, uint32_t length, uint32_t at,
			 struct job_plan *plan)
{
	const uint8_t *descriptor = list + at;
	uint32_t bytes;

	if (length - at < PATTERN_HEADER) {
		sense_parameter_list_length(cmd);
		return false;
	}
	/* SI: everything is written over, which is what we do. IP MODIFIER is obsolete. */
	if (descriptor[0] & ~PATTERN_SI) {
		sense_invalid_parameter(cmd, (uint16_t)at, 7);
		return false;
	}
	bytes = get_be16(descriptor + 2);
	if (descriptor[1] > PATTERN_REPEATED) {
		sense_invalid_parameter(cmd, (uint16_t)(at + 1), 7);
		return false;
	}
	if (descriptor[1] == PATTERN_DEFAULT ? bytes != 0
					     : bytes == 0 || bytes > cmd->lu->block_size) {
		sense_invalid_parameter(cmd, (uint16_t)(at + 2), 7);
		return false;
	}
	if (length - at - PATTERN_HEADER < bytes) {
		sense_parameter_list_length(cmd);
		return false;
	}
	if (bytes != 0) {
		plan->clears = false;
		plan->passes = 1;
		plan->pattern = descriptor + PATTERN_HEADER;
		plan->pattern_length = bytes;
	} else if (descriptor[0] & PATTERN_SI) {
		/* Not just given back. */
		plan->clear = STORE_WRITE_ZEROES;
	}
	return true;
}

/* The header and what follows it; there are no defects to be told of. False with sense. */
static bool read_format_list(struct scsi_cmd *cmd, const uint8_t *list, uint32_t length,
			     struct job_plan *plan)
{
	bool is_long = cmd->cdb[1] & LONGLIST;
	uint32_t header = is_long ? LONG_HEADER : SHORT_HEADER;
	uint8_t usage;

	if (length < header) {
		sense_parameter_list_length(cmd);
		return false;
	}
	protect_format(cmd->lu, &usage);
	if (list[0] != usage) /* PROTECTION FIELD USAGE */
		return sense_invalid_parameter(cmd, 0, 7), false;
	if (list[1] & OBSOLETE)
		return sense_invalid_parameter(cmd, 1, list[1] & 0x04 ? 2 : 0), false;
	if (!(list[1] & FOV) && (list[1] & (DPRY_DCRT_STPF | IP)))
		return sense_invalid_parameter(cmd, 1, 7), false;
	if (is_long && list[2] != 0)
		return sense_invalid_parameter(cmd, 2, 7), false;
	if (is_long && list[3] != 0) /* P_I_INFORMATION, PROTECTION INTERVAL EXPONENT */
		return sense_invalid_parameter(cmd, 3, 7), false;
	if ((is_long ? get_be32(list + 4) : get_be16(list + 2)) != 0)
		return sense_invalid_parameter(cmd, is_long ? 4 : 2, 7), false;
	plan->immediate = list[1] & IMMED;
	return !(list[1] & IP) || read_pattern(cmd, list, length, header, plan);
}

static int have_format_list(struct scsi_cmd *cmd)
{
	uint8_t list[FORMAT_LIST_MAX];
	struct job_plan plan = format_plan(cmd);

	extents_copy_out(&cmd->data, 0, list, cmd->data_out_length);
	if (!read_format_list(cmd, list, cmd->data_out_length, &plan))
		return SCSI_DONE;
	return job_start(cmd, &plan);
}

static int receive_format_list(struct scsi_cmd *cmd)
{
	return cmd_receive(cmd, have_format_list);
}

/* The CDB does not say how long the parameter list is: it is what the initiator has. */
static int get_format_list(struct scsi_cmd *cmd)
{
	uint32_t length = min(cmd_bytes_offered(cmd), (uint32_t)FORMAT_LIST_MAX);

	cmd->transfer_length = length;
	if (length < SHORT_HEADER)
		return sense_parameter_list_length(cmd);
	cmd->data_out_length = length;
	return cmd_memory(cmd, length, receive_format_list);
}

int sbc_format_unit(struct scsi_cmd *cmd)
{
	uint8_t what = cmd->cdb[1];
	uint8_t format = what & DEFECT_LIST_FORMAT;
	struct job_plan plan = format_plan(cmd);
	uint8_t usage;

	/* The type is the configuration's; only a list can ask for type 3. */
	if (what >> 6 != protect_format(cmd->lu, &usage) || (usage != 0 && !(what & FMTDATA)))
		return sense_invalid_field(cmd, 1, 7);
	if (what & FMTDATA) {
		if (!sbc_is_defect_format(format))
			return sense_invalid_field(cmd, 1, 2);
		return get_format_list(cmd);
	}
	/* Without a list nothing can be said about it. */
	if (what & LONGLIST)
		return sense_invalid_field(cmd, 1, 5);
	if (what & CMPLST)
		return sense_invalid_field(cmd, 1, 3);
	if (format != 0)
		return sense_invalid_field(cmd, 1, 2);
	return job_start(cmd, &plan);
}
