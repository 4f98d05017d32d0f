/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The initiator of the fuzzer of whole sessions: its books of connections, sessions, tasks and
 * data; what it sends and how it judges what comes; how it logs in. What it does, and when:
 * fuzz_iscsi_session.c.
 */
#ifndef PINION_FUZZ_ISCSI_INITIATOR_H
#define PINION_FUZZ_ISCSI_INITIATOR_H

#include <stdio.h>

#include "base/crc32c.h"
#include "fuzz_iscsi_world.h"
#include "iscsi/chap.h"
#include "proto/pdu.h"
#include "proto/sn.h"
#include "proto/text_value.h"

enum {
	WIRES = 4,
	SESSIONS = 3,
	TASKS = 64,
	R2TS = 8,
	R2TS_SEEN = 64,
	TRANSFER_MAX = 32768,
	SEGMENT_MAX = 8192, /* what we take in one PDU, unless we said 512 */
	STREAM = 1 << 17,
};

enum kind { NONE, READ, WRITE, OTHER };

struct r2t {
	uint32_t ttt, offset, length, sn;
};

struct task {
	enum kind kind;
	struct session *session;
	struct wire *wire; /* NULL: it is gone, and the task waits to be reassigned */
	uint32_t itt, cmd_sn, expected;
	uint64_t lun;
	bool may_vanish; /* aborted, or its connection is gone */
	bool is_answered;
	uint16_t lba, blocks;
	uint8_t value;
	uint32_t versions; /* what LUN 0 was when it was sent */
	struct r2t r2ts[R2TS];
	unsigned r2t_count;
	struct r2t seen[R2TS_SEEN]; /* round and round */
	unsigned seen_count;
	uint32_t data_sn; /* of the next Data-In */
	uint8_t *out, *in;
};

struct session {
	bool is_there;
	bool is_wild; /* it has had what no initiator sends */
	uint8_t level; /* ErrorRecoveryLevel */
	bool initial_r2t, immediate_data, is_discovery, in_order;
	uint16_t tsih;
	uint8_t isid;
	uint8_t portal;
	const char *target;
	uint32_t cmd_sn, exp_cmd_sn, max_cmd_sn, itt, max_burst, first_burst, max_r2ts;
};

struct wire {
	struct loop *loop;
	struct session *session;
	bool is_full, may_end, is_deaf, acks_late, is_logging_in;
	bool is_leaving; /* it has logged out, or is being logged out */
	bool header_digest, data_digest;
	uint16_t cid;
	uint32_t stat_sn, acked, segment_max;
	uint32_t last_ttt, text_ttt;
	uint8_t *bytes; /* received, not yet a whole PDU */
	size_t length;
	struct bhs login; /* the last Login Response ... */
	char said[9000]; /* ... and its text, with a NUL behind */
	size_t said_length;
	bool has_answer;
};

struct block {
	bool is_known;
	bool is_lost; /* a write to it has had no answer */
	bool is_mixed; /* several at a time */
	uint8_t value;
	uint8_t writers;
};

static struct fuzz {
	struct iscsi_world world;
	struct records input;
	struct wire wires[WIRES];
	struct session sessions[SESSIONS];
	struct task tasks[TASKS];
	struct block blocks[WORLD_BLOCKS];
	uint32_t version;
	uint8_t value;
	struct task *swapped; /* whose command is sent after the next one */
	unsigned functions; /* of task management, not answered yet */
} f;

static bool is_honest(void)
{
	return (f.world.scsi.how & HONEST) && !world_shortage.has_failed;
}

/* --- the wires: out --- */

static void feed(struct wire *wire, const void *bytes, size_t len)
{
	loop_feed(wire->loop, bytes, len);
}

static void feed_digest(struct wire *wire, uint32_t crc, uint8_t wrong)
{
	uint8_t digest[4];

	crc32c_put_digest(digest, crc);
	digest[1] ^= wrong;
	feed(wire, digest, sizeof(digest));
}

enum { WRONG_HEADER = 1, WRONG_DATA = 2 };

static void trace_pdu(const struct wire *wire, const char *way, const struct bhs *bhs)
{
	TRACE("%s %d: %02x %02x len %u ITT %x TTT %x 24: %x 28: %x 32: %x 36: %x 40: %x 44: %x\n",
	      way, (int)(wire - f.wires), bhs->raw[0], bhs->raw[1], bhs_data_len(bhs), bhs_itt(bhs),
	      bhs_ttt(bhs), get_be32(bhs->raw + 24), get_be32(bhs->raw + 28),
	      get_be32(bhs->raw + 32), get_be32(bhs->raw + 36), get_be32(bhs->raw + 40),
	      get_be32(bhs->raw + 44));
}

static void send_pdu(struct wire *wire, struct bhs *bhs, const void *ahs, const void *data,
		     uint32_t len, unsigned wrong)
{
	static const uint8_t zeros[4];
	uint32_t ahs_len = bhs_ahs_len(bhs), crc, pad = -len & 3;

	if (wire->loop == NULL || loop_is_gone(wire->loop))
		return;
	bhs_set_data_len(bhs, len);
	trace_pdu(wire, "-->", bhs);
	feed(wire, bhs->raw, BHS_LEN);
	crc = crc32c(0, bhs->raw, BHS_LEN);
	if (ahs_len != 0) {
		feed(wire, ahs, ahs_len);
		crc = crc32c(crc, ahs, ahs_len);
	}
	if (wire->is_full && wire->header_digest)
		feed_digest(wire, crc, wrong & WRONG_HEADER);
	if (len == 0)
		return;
	feed(wire, data, len);
	feed(wire, zeros, pad);
	crc = crc32c(crc32c(0, data, len), zeros, pad);
	if (wire->is_full && wire->data_digest)
		feed_digest(wire, crc, wrong & WRONG_DATA);
}

static void begin(struct bhs *bhs, struct wire *wire, uint8_t opcode, uint8_t flags)
{
	bhs_begin(bhs, opcode, flags);
	if (!wire->acks_late)
		wire->acked = wire->stat_sn;
	put_be32(bhs->raw + BHS_AT_EXP_STAT_SN, wire->acked);
}

static void send_numbered(struct wire *wire, struct bhs *bhs, const void *data, uint32_t len)
{
	struct session *session = wire->session;

	put_be32(bhs->raw + BHS_AT_CMD_SN, session->cmd_sn);
	if (!bhs_is_immediate(bhs))
		session->cmd_sn++;
	send_pdu(wire, bhs, NULL, data, len, 0);
}

static bool has_room(const struct session *session)
{
	return sn_lte(session->cmd_sn, session->max_cmd_sn);
}

/* --- tasks and what LUN 0 has --- */

static void forget_task(struct task *task)
{
	free(task->out);
	free(task->in);
	if (f.swapped == task)
		f.swapped = NULL;
	memset(task, 0, sizeof(*task));
}

static void write_ends(struct task *task, bool is_good)
{
	for (unsigned i = task->lba; i < task->lba + task->blocks && i < WORLD_BLOCKS; i++) {
		struct block *block = &f.blocks[i];

		if (task->is_answered)
			block->writers--;
		else
			block->is_lost = true;
		block->is_known = is_good && !block->is_mixed && !block->is_lost;
		block->value = task->value;
		if (block->writers == 0)
			block->is_mixed = false;
	}
	f.version++;
}

static void write_begins(struct task *task)
{
	for (unsigned i = task->lba; i < task->lba + task->blocks && i < WORLD_BLOCKS; i++) {
		struct block *block = &f.blocks[i];

		block->is_mixed = block->is_mixed || block->writers != 0;
		block->writers++;
		block->is_known = false;
	}
	f.version++;
}

/* Nobody will hear of it any more. */
static void lose_task(struct task *task)
{
	if (task->kind == WRITE && !task->is_answered)
		write_ends(task, false);
	forget_task(task);
}

static void check_read(const struct task *task)
{
	/* Whatever was written meanwhile may be seen, or not. */
	if (task->versions != f.version)
		return;
	for (unsigned i = 0; i < task->blocks && (task->lba + i) < WORLD_BLOCKS; i++) {
		const struct block *block = &f.blocks[task->lba + i];

		for (unsigned j = 0; block->is_known && j < 512; j++)
			CHECK(task->in[i * 512 + j] == block->value);
	}
}

static struct task *find_task(const struct session *session, uint32_t itt)
{
	for (unsigned i = 0; i < TASKS; i++)
		if (f.tasks[i].kind != NONE && f.tasks[i].session == session &&
		    f.tasks[i].itt == itt)
			return &f.tasks[i];
	return NULL;
}

static struct task *pick_task(const struct session *session, unsigned which)
{
	unsigned seen = 0;

	for (unsigned i = 0; i < 2 * TASKS; i++) {
		struct task *task = &f.tasks[i % TASKS];

		if (task->kind != NONE && task->session == session && seen++ == which % TASKS)
			return task;
	}
	return NULL;
}

static struct task *new_task(struct wire *wire, enum kind kind)
{
	struct session *session = wire->session;
	struct task *task = NULL;

	for (unsigned i = 0; i < TASKS && task == NULL; i++)
		if (f.tasks[i].kind == NONE)
			task = &f.tasks[i];
	/* The answered ones are only kept for SNACKs. */
	for (unsigned i = 0; i < TASKS && task == NULL; i++) {
		if (f.tasks[i].is_answered) {
			forget_task(&f.tasks[i]);
			task = &f.tasks[i];
		}
	}
	if (task == NULL)
		return NULL;
	task->kind = kind;
	task->session = session;
	task->wire = wire;
	task->itt = session->itt++;
	/* A reset that is on its way by another connection may come behind it. */
	task->may_vanish = f.functions != 0;
	return task;
}

static void answer_task(struct wire *wire, struct task *task, uint8_t status)
{
	struct session *session = wire->session;

	if (task == NULL || task->is_answered) {
		CHECK(session->level != 0 || session->is_wild);
		return;
	}
	CHECK(session->is_wild || task->wire == wire || session->level == 2);
	task->is_answered = true;
	if (task->kind == WRITE)
		write_ends(task, status == 0);
	else if (task->kind == READ && status == 0 && !session->is_wild && is_honest())
		check_read(task);
	if (session->level == 0)
		forget_task(task);
}

/* --- the wires: in --- */

static void turn(unsigned count);

/* A PDU that uses up a StatSN, or comes again. */
static void take_stat_sn(struct wire *wire, const struct bhs *bhs)
{
	uint32_t stat_sn = bhs_stat_sn(bhs);

	if (stat_sn == wire->stat_sn)
		wire->stat_sn++;
	else
		CHECK(wire->session != NULL && wire->session->level != 0 &&
		      sn_lt(stat_sn, wire->stat_sn));
}

static void take_window(struct wire *wire, const struct bhs *bhs)
{
	struct session *session = wire->session;
	uint32_t max_cmd_sn = bhs_max_cmd_sn(bhs), exp_cmd_sn = bhs_exp_cmd_sn(bhs);

	CHECK(sn_gte(max_cmd_sn + 1, exp_cmd_sn));
	if (!session->is_wild)
		CHECK(sn_lte(exp_cmd_sn, session->cmd_sn));
	session->exp_cmd_sn = sn_max(session->exp_cmd_sn, exp_cmd_sn);
	if (sn_gt(max_cmd_sn, session->max_cmd_sn))
		session->max_cmd_sn = max_cmd_sn;
}

static void take_nop_in(struct wire *wire, const struct bhs *bhs)
{
	struct bhs answer;

	if (bhs_itt(bhs) != ISCSI_TAG_NONE) {
		take_stat_sn(wire, bhs);
		return;
	}
	CHECK(bhs_stat_sn(bhs) == wire->stat_sn);
	if (bhs_ttt(bhs) == ISCSI_TAG_NONE)
		return;
	begin(&answer, wire, ISCSI_OPCODE_NOP_OUT | ISCSI_FLAG_IMMEDIATE, ISCSI_FLAG_FINAL);
	put_be32(answer.raw + BHS_AT_ITT, ISCSI_TAG_NONE);
	put_be32(answer.raw + BHS_AT_TTT, bhs_ttt(bhs));
	put_be64(answer.raw + BHS_AT_LUN, bhs_lun(bhs));
	send_numbered(wire, &answer, NULL, 0);
}

static void take_data_in(struct wire *wire, const struct bhs *bhs, const uint8_t *data,
			 uint32_t len)
{
	struct session *session = wire->session;
	struct task *task = find_task(session, bhs_itt(bhs));
	struct bhs_data_in in;

	bhs_data_in_decode(bhs, &in);
	if (in.flags & ISCSI_DATA_IN_STATUS)
		take_stat_sn(wire, bhs);
	if (task == NULL) {
		CHECK(session->is_wild || session->level != 0);
		return;
	}
	if (!session->is_wild) {
		CHECK(in.buffer_offset <= task->expected);
		CHECK(len <= task->expected - in.buffer_offset);
		if (session->level == 0)
			CHECK(in.data_sn == task->data_sn++);
		if (task->in != NULL && len != 0)
			memcpy(task->in + in.buffer_offset, data, len);
	}
	if ((in.flags & ISCSI_DATA_IN_ACKNOWLEDGE) && session->level != 0) {
		struct bhs ack;

		begin(&ack, wire, ISCSI_OPCODE_SNACK_REQUEST,
		      ISCSI_FLAG_FINAL | ISCSI_SNACK_DATA_ACK);
		put_be32(ack.raw + BHS_AT_ITT, ISCSI_TAG_NONE);
		put_be32(ack.raw + BHS_AT_TTT, in.ttt);
		put_be32(ack.raw + 40, in.data_sn + 1);
		send_pdu(wire, &ack, NULL, NULL, 0, 0);
	}
	if (in.flags & ISCSI_DATA_IN_STATUS)
		answer_task(wire, task, in.status);
}

static void take_r2t(struct wire *wire, const struct bhs *bhs)
{
	struct session *session = wire->session;
	struct task *task = find_task(session, bhs_itt(bhs));
	struct r2t r2t = {
		.ttt = bhs_ttt(bhs),
		.offset = get_be32(bhs->raw + BHS_AT_BUFFER_OFFSET),
		.length = get_be32(bhs->raw + 44),
		.sn = get_be32(bhs->raw + 36),
	};

	CHECK(bhs_stat_sn(bhs) == wire->stat_sn);
	CHECK(r2t.ttt != ISCSI_TAG_NONE && r2t.length != 0);
	wire->last_ttt = r2t.ttt;
	if (task == NULL || task->is_answered) {
		CHECK(session->is_wild || session->level != 0);
		return;
	}
	if (!session->is_wild) {
		CHECK(r2t.length <= session->max_burst);
		CHECK(r2t.offset <= task->expected && r2t.length <= task->expected - r2t.offset);
		CHECK(session->level != 0 || task->r2t_count < session->max_r2ts);
	}
	/* Reassigned, perhaps before its old connection was seen to end. */
	if (session->level == 2)
		task->wire = wire;
	/* One that a SNACK has brought again has its answer, or will. */
	for (unsigned i = 0; i < min(task->seen_count, (unsigned)R2TS_SEEN); i++)
		if (memcmp(&task->seen[i], &r2t, sizeof(r2t)) == 0)
			return;
	task->seen[task->seen_count++ % R2TS_SEEN] = r2t;
	if (task->r2t_count < R2TS)
		task->r2ts[task->r2t_count++] = r2t;
}

static void take_reject(struct wire *wire, const struct bhs *bhs, const uint8_t *data, uint32_t len)
{
	uint8_t reason = bhs->raw[BHS_AT_RESPONSE];

	take_stat_sn(wire, bhs);
	CHECK(len == BHS_LEN);
	if (!is_honest() || wire->session->is_wild)
		return;
	/* Too many at a time, or too late. */
	CHECK(reason == ISCSI_REJECT_IMMEDIATE_COMMAND || reason == ISCSI_REJECT_SNACK ||
	      reason == ISCSI_REJECT_INVALID_DATA_ACK);
	CHECK((data[0] & ISCSI_OPCODE_MASK) != ISCSI_OPCODE_SCSI_COMMAND);
}

static void expect_end(const struct session *session)
{
	for (unsigned i = 0; i < WIRES; i++)
		if (session == NULL || f.wires[i].session == session)
			f.wires[i].may_end = true;
}

static void take_full_feature(struct wire *wire, const struct bhs *bhs, const uint8_t *data,
			      uint32_t len)
{
	struct session *session = wire->session;

	CHECK(len <= wire->segment_max);
	take_window(wire, bhs);
	switch (bhs_opcode(bhs)) {
	case ISCSI_OPCODE_NOP_IN:
		take_nop_in(wire, bhs);
		break;
	case ISCSI_OPCODE_SCSI_RESPONSE:
		take_stat_sn(wire, bhs);
		if (len != 0)
			CHECK(len >= 2 && get_be16(data) <= len - 2);
		CHECK(bhs->raw[BHS_AT_RESPONSE] == 0);
		answer_task(wire, find_task(session, bhs_itt(bhs)), bhs->raw[BHS_AT_STATUS]);
		break;
	case ISCSI_OPCODE_DATA_IN:
		take_data_in(wire, bhs, data, len);
		break;
	case ISCSI_OPCODE_R2T:
		take_r2t(wire, bhs);
		break;
	case ISCSI_OPCODE_REJECT:
		take_reject(wire, bhs, data, len);
		break;
	case ISCSI_OPCODE_TEXT_RESPONSE:
		wire->text_ttt = bhs_ttt(bhs);
		take_stat_sn(wire, bhs);
		break;
	case ISCSI_OPCODE_TASK_MANAGEMENT_RESPONSE:
		f.functions -= f.functions != 0;
		take_stat_sn(wire, bhs);
		break;
	case ISCSI_OPCODE_LOGOUT_RESPONSE:
	case ISCSI_OPCODE_ASYNC_MESSAGE:
		take_stat_sn(wire, bhs);
		break;
	default:
		abort();
	}
}

static void take_pdu(struct wire *wire, const struct bhs *bhs, const uint8_t *data, uint32_t len)
{
	if (wire->is_full) {
		take_full_feature(wire, bhs, data, len);
		return;
	}
	CHECK(bhs_opcode(bhs) == ISCSI_OPCODE_LOGIN_RESPONSE);
	CHECK(len < sizeof(wire->said));
	if (wire->has_answer || wire->login.raw[0] != 0)
		CHECK(bhs_stat_sn(bhs) == wire->stat_sn);
	wire->stat_sn = bhs_stat_sn(bhs) + 1;
	wire->login = *bhs;
	memcpy(wire->said, data, len);
	wire->said[len] = '\0';
	wire->said_length = len;
	wire->has_answer = true;
}

static void check_digest(const uint8_t *bytes, size_t len)
{
	uint8_t digest[4];

	crc32c_put_digest(digest, crc32c(0, bytes, len));
	CHECK(memcmp(digest, bytes + len, sizeof(digest)) == 0);
}

/* One whole PDU from what has been received; its length, 0 when it is not all there. */
static size_t take_one(struct wire *wire)
{
	size_t header = BHS_LEN + (wire->is_full && wire->header_digest ? 4 : 0), body = 0;
	struct bhs bhs;
	uint32_t len;

	if (wire->length < BHS_LEN)
		return 0;
	memcpy(bhs.raw, wire->bytes, BHS_LEN);
	CHECK(bhs_ahs_len(&bhs) == 0);
	len = bhs_data_len(&bhs);
	CHECK(len <= SEGMENT_MAX);
	if (len != 0)
		body = bhs_padded_len(len) + (wire->is_full && wire->data_digest ? 4 : 0);
	if (wire->length < header + body)
		return 0;
	if (wire->is_full && wire->header_digest)
		check_digest(wire->bytes, BHS_LEN);
	if (len != 0 && wire->is_full && wire->data_digest)
		check_digest(wire->bytes + header, bhs_padded_len(len));
	trace_pdu(wire, "<--", &bhs);
	take_pdu(wire, &bhs, wire->bytes + header, len);
	return header + body;
}

static void wire_gone(struct wire *wire)
{
	struct session *session = wire->session;

	if (wire->is_full && is_honest() && !session->is_wild)
		CHECK(wire->may_end);
	loop_destroy(wire->loop);
	wire->loop = NULL;
	/* What went down with it would have to be sent again, with its number: not in these books. */
	if (wire->is_full && sn_lt(session->exp_cmd_sn, session->cmd_sn))
		session->is_wild = true;
	if (wire->is_full && session->level != 2)
		expect_end(session);
	for (unsigned i = 0; i < TASKS; i++) {
		struct task *task = &f.tasks[i];

		if (task->kind == NONE || task->wire != wire)
			continue;
		task->may_vanish = true;
		task->r2t_count = 0;
		task->seen_count = 0;
		task->wire = NULL;
		if (session->level != 2)
			lose_task(task);
	}
	wire->is_full = false;
}

static void receive(struct wire *wire)
{
	size_t used;

	if (wire->is_deaf)
		return;
	wire->length += loop_read(wire->loop, wire->bytes + wire->length, STREAM - wire->length);
	while (!wire->is_logging_in || !wire->has_answer) {
		used = take_one(wire);
		if (used == 0)
			break;
		wire->length -= used;
		memmove(wire->bytes, wire->bytes + used, wire->length);
	}
}

static void turn(unsigned count)
{
	while (count-- != 0) {
		world_turn(&f.world.scsi);
		for (unsigned i = 0; i < WIRES; i++) {
			struct wire *wire = &f.wires[i];

			if (wire->loop == NULL)
				continue;
			receive(wire);
			if (loop_is_gone(wire->loop) && !wire->is_logging_in)
				wire_gone(wire);
		}
	}
}

/* --- logging in --- */

/* The value of KEY in what the target said, NULL where it has not said it. */
static const char *said(const struct wire *wire, const char *key)
{
	size_t len = strlen(key);

	for (size_t at = 0; at < wire->said_length; at += strlen(wire->said + at) + 1)
		if (strncmp(wire->said + at, key, len) == 0 && wire->said[at + len] == '=')
			return wire->said + at + len + 1;
	return NULL;
}

static uint32_t said_number(const struct wire *wire, const char *key, uint32_t otherwise)
{
	const char *value = said(wire, key);

	return value != NULL ? (uint32_t)strtoul(value, NULL, 0) : otherwise;
}

static bool said_yes(const struct wire *wire, const char *key, bool otherwise)
{
	const char *value = said(wire, key);

	return value != NULL ? strcmp(value, "Yes") == 0 : otherwise;
}

struct words {
	char text[2048];
	size_t length;
};

static void say(struct words *words, const char *key, const char *value)
{
	words->length +=
		(size_t)snprintf(words->text + words->length, sizeof(words->text) - words->length,
				 "%s=%s", key, value) +
		1;
}

static void say_number(struct words *words, const char *key, uint32_t value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	say(words, key, text);
}

static void say_hex(struct words *words, const char *key, const uint8_t *bytes, size_t len)
{
	char text[2 + 2 * CHAP_DIGEST_MAX + 1];

	text[text_format_hex(text, bytes, len)] = '\0';
	say(words, key, text);
}

/* Sends a Login Request and waits for the answer. False: there is none. */
static bool ask(struct wire *wire, uint8_t flags, const struct words *words)
{
	struct session *session = wire->session;
	struct bhs bhs;

	bhs_begin(&bhs, ISCSI_OPCODE_LOGIN_REQUEST | ISCSI_FLAG_IMMEDIATE, flags);
	memcpy(bhs.raw + BHS_AT_ISID, "\x00\x02\x3d\x00\x00", 5);
	bhs.raw[BHS_AT_ISID + 5] = session->isid;
	put_be16(bhs.raw + BHS_AT_TSIH, session->tsih);
	put_be16(bhs.raw + BHS_AT_CID, wire->cid);
	put_be32(bhs.raw + BHS_AT_CMD_SN, session->cmd_sn);
	put_be32(bhs.raw + BHS_AT_EXP_STAT_SN, wire->stat_sn);
	wire->has_answer = false;
	send_pdu(wire, &bhs, NULL, words->text, (uint32_t)words->length, 0);
	/* A reinstatement waits for what it replaces, which waits for its store; who failed, too. */
	for (unsigned i = 0; i < 200 && !wire->has_answer && !loop_is_gone(wire->loop); i++) {
		turn(2);
		if (i > 20)
			world_pass(&f.world.scsi, 200);
		if (i == 60)
			world_release(&f.world.scsi);
	}
	return wire->has_answer && get_be16(wire->login.raw + 36) == 0;
}

/* The two steps of CHAP. */
static bool authenticate(struct wire *wire, bool mutual, uint8_t wrong)
{
	static const struct chap_account account = { "fuzz", WORLD_SECRET,
						     sizeof(WORLD_SECRET) - 1 };
	static const uint8_t ours[16] = { 1, 2, 3 };
	uint8_t challenge[CHAP_DIGEST_MAX], digest[CHAP_DIGEST_MAX];
	struct words words = { .length = 0 };
	const struct chap_method *method;
	size_t length;

	say(&words, "CHAP_A", wrong & 0x10 ? "5" : "7,5,8,6");
	if (!ask(wire, 0, &words))
		return false;
	method = chap_method(said_number(wire, "CHAP_A", 0));
	if (method == NULL || said(wire, "CHAP_C") == NULL)
		return false;
	CHECK(text_parse_binary(said(wire, "CHAP_C"), strlen(said(wire, "CHAP_C")), challenge,
				sizeof(challenge), &length) == 0);
	CHECK(chap_response(method, (uint8_t)said_number(wire, "CHAP_I", 0), &account, challenge,
			    length, digest) == 0);
	digest[0] ^= wrong & 0x01;
	words.length = 0;
	say(&words, "CHAP_N", wrong & 0x02 ? "fuzzy" : "fuzz");
	say_hex(&words, "CHAP_R", digest, method->length);
	if (mutual) {
		say(&words, "CHAP_I", "7");
		if (wrong & 0x04)
			say_hex(&words, "CHAP_C", challenge, length);
		else
			say_hex(&words, "CHAP_C", ours, sizeof(ours));
	}
	return ask(wire, 0x81, &words);
}

static void say_names(struct words *words, const struct session *session)
{
	say(words, "InitiatorName", WORLD_INITIATOR);
	if (session->is_discovery)
		say(words, "SessionType", "Discovery");
	else
		say(words, "TargetName", session->target);
}

static void say_values(struct words *words, const struct wire *wire, const uint8_t *how, bool joins)
{
	static const uint32_t bursts[] = { 512, 1024, 4096, 16384 };
	static const char *const reporting[] = { "RFC3720", "ResponseFence", "FastAbort",
						 "FastAbort,ResponseFence,RFC3720" };

	/* Said to be preferred; or nothing is said, and the target may offer. */
	if (!(how[4] & 0x80)) {
		say(words, "HeaderDigest", how[1] & 1 ? "CRC32C,None" : "None,CRC32C");
		say(words, "DataDigest", how[1] & 2 ? "CRC32C,None" : "None,CRC32C");
	}
	say_number(words, "MaxRecvDataSegmentLength", wire->segment_max);
	if (joins || wire->session->is_discovery)
		return;
	say_number(words, "ErrorRecoveryLevel", min(how[1] >> 2 & 3, 2));
	say(words, "InitialR2T", how[1] & 0x10 ? "Yes" : "No");
	say(words, "ImmediateData", how[1] & 0x20 ? "Yes" : "No");
	say(words, "DataPDUInOrder", how[1] & 0x80 ? "Yes" : "No");
	say(words, "DataSequenceInOrder", how[1] & 0x80 ? "Yes" : "No");
	say_number(words, "MaxOutstandingR2T", 1 + (how[2] & 3));
	say_number(words, "MaxBurstLength", bursts[how[2] >> 2 & 3]);
	say_number(words, "FirstBurstLength", bursts[how[2] >> 4 & how[2] >> 2 & 3]);
	say_number(words, "MaxConnections", 3);
	say_number(words, "DefaultTime2Wait", 0);
	say_number(words, "DefaultTime2Retain", 3);
	say(words, "TaskReporting", reporting[how[2] >> 6]);
	say(words, "iSCSIProtocolLevel", "2");
}

static bool is_crc32c(const struct wire *wire, const char *key)
{
	return said(wire, key) != NULL && strcmp(said(wire, key), "CRC32C") == 0;
}

/* What has been agreed on, as far as the last answer tells. */
static void take_values(struct wire *wire, bool joins)
{
	struct session *session = wire->session;

	wire->header_digest = is_crc32c(wire, "HeaderDigest");
	wire->data_digest = is_crc32c(wire, "DataDigest");
	if (joins)
		return;
	session->level =
		session->is_discovery ? 0 : (uint8_t)said_number(wire, "ErrorRecoveryLevel", 0);
	session->max_burst = said_number(wire, "MaxBurstLength", 262144);
	session->first_burst = said_number(wire, "FirstBurstLength", 65536);
	session->max_r2ts = said_number(wire, "MaxOutstandingR2T", 1);
	session->initial_r2t = said_yes(wire, "InitialR2T", true);
	session->immediate_data = said_yes(wire, "ImmediateData", true);
	session->in_order = said_yes(wire, "DataPDUInOrder", true);
}

static void logged_in(struct wire *wire, bool joins)
{
	struct session *session = wire->session;

	wire->is_full = true;
	wire->acked = wire->stat_sn;
	if (joins)
		return;
	session->is_there = true;
	session->tsih = get_be16(wire->login.raw + BHS_AT_TSIH);
	CHECK(session->tsih != 0);
	session->exp_cmd_sn = bhs_exp_cmd_sn(&wire->login);
	session->max_cmd_sn = bhs_max_cmd_sn(&wire->login);
}

/* The last request, and the answer to what the target offers of its own accord. */
static bool conclude(struct wire *wire, struct words *words, bool joins)
{
	static const char *const offers[] = { "HeaderDigest", "DataDigest" };

	if (!ask(wire, 0x87, words))
		return false;
	take_values(wire, joins);
	if (wire->login.raw[1] & ISCSI_LOGIN_TRANSIT)
		return true;
	words->length = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(offers); i++)
		if (said(wire, offers[i]) != NULL)
			say(words, offers[i], said(wire, offers[i]));
	return ask(wire, 0x87, words) && (wire->login.raw[1] & ISCSI_LOGIN_TRANSIT);
}

static bool run_login(struct wire *wire, const uint8_t *how, bool joins)
{
	struct session *session = wire->session;
	struct words words = { .length = 0 };
	unsigned kind = how[0] & 7;

	say_names(&words, session);
	if (strcmp(session->target, WORLD_VAULT) == 0 && !session->is_discovery) {
		say(&words, "AuthMethod", "CHAP");
		if (!ask(wire, 0, &words) ||
		    !authenticate(wire, kind == 5, is_honest() ? 0 : how[4]))
			return false;
		words.length = 0;
	} else if (how[3] & 0x40) {
		say(&words, "AuthMethod", "None");
		if (!ask(wire, 0x81, &words))
			return false;
		words.length = 0;
	}
	say_values(&words, wire, how, joins);
	return conclude(wire, &words, joins);
}

static void drop_wire(struct wire *wire)
{
	wire->may_end = true;
	loop_reset(wire->loop, -ECONNRESET);
	for (unsigned i = 0; i < 40 && wire->loop != NULL; i++)
		turn(1);
}

/* Who has this session's name or is to be replaced loses it. */
static void set_session(struct wire *wire, const uint8_t *how)
{
	static const char *const targets[] = { WORLD_DISK,  WORLD_DISK,  WORLD_DISK, WORLD_DISK,
					       WORLD_VAULT, WORLD_VAULT, WORLD_VIEW, WORLD_MOVED };
	struct session *session = wire->session;

	expect_end(session);
	for (unsigned i = 0; i < WIRES; i++)
		if (f.wires[i].session == session && f.wires[i].loop != NULL && &f.wires[i] != wire)
			drop_wire(&f.wires[i]);
	for (unsigned i = 0; i < TASKS; i++)
		if (f.tasks[i].kind != NONE && f.tasks[i].session == session)
			lose_task(&f.tasks[i]);
	*session = (struct session){
		.isid = (uint8_t)(session - f.sessions),
		.cmd_sn = 0xfffffff8u,
		.target = targets[how[0] & 7],
		.is_discovery = (how[0] & 0x18) == 0x18,
		.itt = 1,
		.portal = how[3] >> 5 & 1,
	};
}

static void step_login(const uint8_t *how)
{
	struct wire *wire = &f.wires[how[0] >> 6];
	struct session *session = &f.sessions[(how[3] & 3) % SESSIONS];
	bool joins = (how[3] & 0x10) && session->is_there;
	uint8_t *bytes = wire->bytes;

	if (wire->loop != NULL)
		drop_wire(wire);
	if (wire->loop != NULL)
		return;
	memset(wire, 0, sizeof(*wire));
	wire->bytes = bytes;
	wire->session = session;
	wire->cid = how[3] >> 2 & 3;
	wire->segment_max = how[1] & 0x40 ? 512 : SEGMENT_MAX;
	if (!joins)
		set_session(wire, how);
	/* A connection with this CID is replaced. */
	for (unsigned i = 0; i < WIRES && joins; i++)
		if (f.wires[i].session == session && f.wires[i].cid == wire->cid)
			f.wires[i].may_end = true;
	wire->loop = world_connect(&f.world, session->portal);
	if (wire->loop == NULL)
		return;
	/* Or just to be there, and say nothing. */
	if (how[3] & 0x80)
		return;
	wire->is_logging_in = true;
	if (run_login(wire, how, joins))
		logged_in(wire, joins);
	else
		loop_close(wire->loop);
	wire->is_logging_in = false;
	turn(2);
}

#endif
