/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Referrals: which target port groups are good for which blocks. Here all blocks
 * are one user data segment, and the states of the groups are those of ALUA. There
 * only with that. SBC-4 sections 4.27, 5.25 (REPORT REFERRALS) and 6.6.7 (VPD page).
 */
#include "base/bytes.h"
#include "scsi/command.h"
#include "scsi/lu.h"
#include "scsi/referrals.h"
#include "scsi/sense.h"

enum {
	PAGE_LENGTH = 12,
	HEADER = 4,
};

bool referrals_are_known(const struct scsi_lu *lu)
{
	return lu->alua.kind != SCSI_ALUA_OFF;
}

/* USER DATA SEGMENT SIZE 0: the descriptors of REPORT REFERRALS say where a segment ends. */
void referrals_put_page(struct scsi_cmd *cmd, struct cursor *out)
{
	(void)cmd;
	cursor_put_zeros(out, PAGE_LENGTH);
}

/* ONE_SEG makes no difference: there is one. */
int sbc_report_referrals(struct scsi_cmd *cmd, struct cursor *out)
{
	struct scsi_lu *lu = cmd->lu;
	uint64_t lba = get_be64(cmd->cdb + 2), blocks = lu->blocks;

	if (lba >= blocks) {
		sense_lba_out_of_range(cmd, lba);
		return -1;
	}
	cursor_put_u32(out, 0);
	pthread_mutex_lock(&lu->control);
	cursor_put_zeros(out, 3);
	cursor_put_u8(out, (uint8_t)lu->alua.count);
	cursor_put_u64(out, 0);
	cursor_put_u64(out, blocks - 1);
	for (unsigned i = 0; i < lu->alua.count; i++)
		alua_put_state(&lu->alua.group[i], out);
	pthread_mutex_unlock(&lu->control);
	put_be16(out->begin + 2, (uint16_t)(cursor_offset(out) - HEADER));
	return SCSI_DONE;
}
