/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The full feature phase: after a good login the input is a row of requests,
 * each a few bytes that choose opcode, flags, numbers near those that are right,
 * and data. Others hold the disk, let it go, let time pass, or end the path.
 */
#include "fuzz_iscsi_bed.h"

#include "iscsi/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const logins[] = {
	FUZZ_NAMES "InitialR2T=No\0FirstBurstLength=4096\0",
	FUZZ_NAMES "InitialR2T=Yes\0ImmediateData=Yes\0MaxBurstLength=2048\0",
	FUZZ_NAMES "DataDigest=CRC32C\0InitialR2T=No\0",
	"InitiatorName=iqn.2026-11.org.example:fuzz\0SessionType=Discovery\0",
};

/* Those of inputs whose first byte has its highest bit set. */
#define RECOVERING FUZZ_NAMES "InitialR2T=No\0MaxBurstLength=1024\0DefaultTime2Retain=3\0"
static const char *const recovering[] = {
	RECOVERING "ErrorRecoveryLevel=1\0",
	RECOVERING "ErrorRecoveryLevel=2\0",
	RECOVERING "ErrorRecoveryLevel=1\0DataDigest=CRC32C\0",
	RECOVERING "ErrorRecoveryLevel=2\0DataDigest=CRC32C\0",
};

static size_t text_length(const char *text)
{
	size_t len = 0;

	while (text[len] != '\0')
		len += strlen(text + len) + 1;
	return len;
}

/* WRITE, READ and others that move data, of few blocks. */
static void fill_cdb(struct fuzz_bed *bed, struct bhs *bhs)
{
	static const uint8_t opcodes[] = { 0x28, 0x2a, 0x00, 0x12, 0x8a, 0x88, 0x35, 0xa0 };
	uint8_t choice = fuzz_u8(bed);
	uint8_t *cdb = bhs->raw + BHS_AT_CDB;

	cdb[0] = opcodes[choice & 7];
	cdb[5] = fuzz_u8(bed);
	cdb[8] = choice >> 3;
	cdb[13] = choice >> 3;
	put_be32(bhs->raw + 20, fuzz_u8(bed) * 128u);
}

static void one_request(struct fuzz_bed *bed)
{
	static uint8_t data[65536];
	uint8_t opcode = fuzz_u8(bed);
	uint8_t flags = fuzz_u8(bed);
	uint8_t numbers = fuzz_u8(bed);
	size_t len = fuzz_u8(bed);
	const uint8_t *bytes;
	struct bhs bhs;

	bhs_begin(&bhs, opcode & 0x7f, flags);
	bhs.raw[9] = opcode >> 7; /* LUN 1 is not there */
	put_be32(bhs.raw + BHS_AT_ITT, numbers & 7);
	put_be32(bhs.raw + BHS_AT_CMD_SN, FUZZ_CMD_SN + fuzz_u8(bed));
	put_be32(bhs.raw + BHS_AT_TTT, numbers & 8 ? ISCSI_TAG_NONE : numbers >> 4);
	put_be32(bhs.raw + BHS_AT_DATA_SN, numbers >> 6);
	put_be32(bhs.raw + BHS_AT_BUFFER_OFFSET, (numbers >> 4 & 3) * 512u);
	/* BegRun and RunLength of a SNACK, Referenced Task Tag and ExpDataSN of a reassignment. */
	if (bed->recovers) {
		put_be32(bhs.raw + BHS_AT_EXP_STAT_SN, fuzz_u8(bed));
		put_be32(bhs.raw + BHS_AT_BUFFER_OFFSET + 4, numbers >> 6);
		if ((opcode & 0x3f) == ISCSI_OPCODE_TASK_MANAGEMENT_REQUEST)
			put_be32(bhs.raw + BHS_AT_TTT, numbers >> 3 & 7);
		if ((opcode & 0x3f) == ISCSI_OPCODE_SNACK_REQUEST)
			put_be32(bhs.raw + BHS_AT_BUFFER_OFFSET, numbers >> 4);
	}
	if ((opcode & 0x3f) == ISCSI_OPCODE_SCSI_COMMAND) {
		fill_cdb(bed, &bhs);
		len *= 64;
		fuzz_send(bed, &bhs, data, len);
		return;
	}
	if ((opcode & 0x3f) == ISCSI_OPCODE_DATA_OUT) {
		fuzz_send(bed, &bhs, data, len * 64);
		return;
	}
	bytes = fuzz_bytes(bed, &len);
	fuzz_send(bed, &bhs, bytes, len);
}

/* The path fails, and the initiator logs in to its session again. */
static void reconnect(struct fuzz_bed *bed)
{
	static const char text[] = FUZZ_NAMES;
	const struct iscsi_session *session;
	struct list_node *node;
	unsigned tries;

	loop_reset(bed->loop, -104);
	for (tries = 0; tries < 8 && !loop_is_gone(bed->loop); tries++)
		fuzz_turn(bed, 4);
	if (!loop_is_gone(bed->loop))
		return;
	node = list_front(&bed->node->cores[0].sessions_here);
	if (node == NULL)
		return;
	session = container_of(node, struct iscsi_session, link);
	loop_destroy(bed->loop);
	fuzz_connect(bed);
	fuzz_send_login_to(bed, 0x87, session->tsih, text, sizeof(text) - 1);
}

static void one_step(struct fuzz_bed *bed)
{
	switch (bed->data[0]) {
	case 0xf0:
		bed->disk.is_holding = true;
		break;
	case 0xf1:
		fuzz_release(bed);
		fuzz_turn(bed, 3);
		break;
	case 0xf2:
		fuzz_pass(bed, 1500);
		break;
	case 0xf3:
		loop_reset(bed->loop, -104);
		fuzz_turn(bed, 3);
		break;
	case 0xf5:
		reconnect(bed);
		break;
	case 0xf4:
		loop_set_pieces(bed->loop, 13, 7);
		break;
	default:
		one_request(bed);
		return;
	}
	fuzz_u8(bed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz_bed bed;
	const char *login;
	uint8_t choice;

	if (bed.node == NULL)
		fuzz_bed_make(&bed);
	bed.data = data;
	bed.left = size;
	choice = fuzz_u8(&bed);
	bed.recovers = (choice & 0x80) != 0;
	login = bed.recovers ? recovering[choice & 3] : logins[choice & 3];
	fuzz_connect(&bed);
	fuzz_send_login(&bed, 0x87, login, text_length(login));
	while (bed.left != 0 && !loop_is_gone(bed.loop))
		one_step(&bed);
	fuzz_disconnect(&bed);
	return 0;
}
