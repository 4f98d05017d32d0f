/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzes the header codecs: an input is a BHS and the AHS that follows. The
 * header is decoded as every kind of PDU there is, whatever its opcode says,
 * encoded, and decoded again: the second encoding equals the first, and the
 * first differs from the input only where that PDU has reserved bits.
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/container.h"
#include "proto/iser_hdr.h"
#include "proto/pdu.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Decodes `in` as the PDU `name` and encodes that as `out`. */
#define DEFINE_RECODE(name)                                              \
	static void recode_##name(const struct bhs *in, struct bhs *out) \
	{                                                                \
		struct bhs_##name fields;                                \
                                                                         \
		memset(&fields, 0xa5, sizeof(fields));                   \
		bhs_##name##_decode(in, &fields);                        \
		bhs_##name##_encode(out, &fields);                       \
	}

DEFINE_RECODE(nop_out)
DEFINE_RECODE(scsi_command)
DEFINE_RECODE(tmf_request)
DEFINE_RECODE(login_request)
DEFINE_RECODE(text_request)
DEFINE_RECODE(data_out)
DEFINE_RECODE(logout_request)
DEFINE_RECODE(snack)
DEFINE_RECODE(nop_in)
DEFINE_RECODE(scsi_response)
DEFINE_RECODE(tmf_response)
DEFINE_RECODE(login_response)
DEFINE_RECODE(text_response)
DEFINE_RECODE(data_in)
DEFINE_RECODE(logout_response)
DEFINE_RECODE(r2t)
DEFINE_RECODE(async_message)
DEFINE_RECODE(reject)

/*
 * The layout of each PDU, written down a second time from the RFC's figures:
 * for each byte the bits that carry a field. Byte 0 and bits that are always 1
 * are not compared, and neither is what lies behind the twelve words.
 */
static const struct {
	uint8_t opcode;
	void (*recode)(const struct bhs *in, struct bhs *out);
	uint8_t flags; /* of byte 1 */
	const char *layout; /* from byte 2: x a field, . reserved */
} pdus[] = {
	{ ISCSI_OPCODE_NOP_OUT, recode_nop_out, 0x00,
	  ".. .xxx xxxxxxxx xxxx xxxx xxxx xxxx .... .... .... ...." },
	{ ISCSI_OPCODE_SCSI_COMMAND, recode_scsi_command, 0xe7,
	  ".. xxxx xxxxxxxx xxxx xxxx xxxx xxxx xxxx xxxx xxxx xxxx" },
	{ ISCSI_OPCODE_TASK_MANAGEMENT_REQUEST, recode_tmf_request, 0x7f,
	  ".. .... xxxxxxxx xxxx xxxx xxxx xxxx xxxx xxxx .... ...." },
	{ ISCSI_OPCODE_LOGIN_REQUEST, recode_login_request, 0xcf,
	  "xx .xxx xxxxxxxx xxxx xx.. xxxx xxxx .... .... .... ...." },
	{ ISCSI_OPCODE_TEXT_REQUEST, recode_text_request, 0xc0,
	  ".. .xxx xxxxxxxx xxxx xxxx xxxx xxxx .... .... .... ...." },
	{ ISCSI_OPCODE_DATA_OUT, recode_data_out, 0x80,
	  ".. .xxx xxxxxxxx xxxx xxxx .... xxxx .... xxxx xxxx ...." },
	{ ISCSI_OPCODE_LOGOUT_REQUEST, recode_logout_request, 0x7f,
	  ".. .... ........ xxxx xx.. xxxx xxxx .... .... .... ...." },
	{ ISCSI_OPCODE_SNACK_REQUEST, recode_snack, 0x0f,
	  ".. .... xxxxxxxx xxxx xxxx .... xxxx .... .... xxxx xxxx" },
	{ ISCSI_OPCODE_NOP_IN, recode_nop_in, 0x00,
	  ".. .xxx xxxxxxxx xxxx xxxx xxxx xxxx xxxx .... .... ...." },
	{ ISCSI_OPCODE_SCSI_RESPONSE, recode_scsi_response, 0x1e,
	  "xx .xxx ........ xxxx xxxx xxxx xxxx xxxx xxxx xxxx xxxx" },
	{ ISCSI_OPCODE_TASK_MANAGEMENT_RESPONSE, recode_tmf_response, 0x00,
	  "x. .... xxx..... xxxx .... xxxx xxxx xxxx .... .... ...." },
	{ ISCSI_OPCODE_LOGIN_RESPONSE, recode_login_response, 0xcf,
	  "xx .xxx xxxxxxxx xxxx .... xxxx xxxx xxxx xx.. .... ...." },
	{ ISCSI_OPCODE_TEXT_RESPONSE, recode_text_response, 0xc0,
	  ".. .xxx xxxxxxxx xxxx xxxx xxxx xxxx xxxx .... .... ...." },
	{ ISCSI_OPCODE_DATA_IN, recode_data_in, 0xc7,
	  ".x .xxx xxxxxxxx xxxx xxxx xxxx xxxx xxxx xxxx xxxx xxxx" },
	{ ISCSI_OPCODE_LOGOUT_RESPONSE, recode_logout_response, 0x00,
	  "x. .... ........ xxxx .... xxxx xxxx xxxx .... xxxx ...." },
	{ ISCSI_OPCODE_R2T, recode_r2t, 0x00,
	  ".. .... xxxxxxxx xxxx xxxx xxxx xxxx xxxx xxxx xxxx xxxx" },
	{ ISCSI_OPCODE_ASYNC_MESSAGE, recode_async_message, 0x00,
	  ".. .xxx xxxxxxxx .... .... xxxx xxxx xxxx xxxx xxxx ...." },
	{ ISCSI_OPCODE_REJECT, recode_reject, 0x00,
	  "x. .xxx ........ .... .... xxxx xxxx xxxx xxxx .... ...." },
};

/* Every field of `in` is in `out`, and every reserved byte of `out` is fixed. */
static void check_layout(size_t i, const struct bhs *in, const struct bhs *out)
{
	const char *layout = pdus[i].layout;
	size_t at = 2;

	assert((out->raw[0] & ISCSI_OPCODE_MASK) == pdus[i].opcode);
	assert(((in->raw[1] ^ out->raw[1]) & pdus[i].flags) == 0);
	for (; *layout != '\0'; layout++) {
		if (*layout == ' ')
			continue;
		if (*layout == 'x')
			assert(in->raw[at] == out->raw[at]);
		else
			assert(out->raw[at] == 0 || out->raw[at] == 0xff);
		at++;
	}
	assert(at == BHS_LEN);
}

static void check_header(const struct bhs *in)
{
	struct bhs once;
	struct bhs twice;

	for (size_t i = 0; i < ARRAY_SIZE(pdus); i++) {
		memset(&once, 0x5a, sizeof(once));
		pdus[i].recode(in, &once);
		check_layout(i, in, &once);
		pdus[i].recode(&once, &twice);
		assert(memcmp(&once, &twice, sizeof(once)) == 0);
	}
}

static void check_ahs(const uint8_t *data, size_t size)
{
	struct ahs_iter iter;
	struct ahs ahs;
	const uint8_t *cdb;
	uint32_t length;
	size_t len;
	int rc;

	ahs_iter_init(&iter, data, size);
	while ((rc = ahs_iter_next(&iter, &ahs)) == 1) {
		assert(ahs.data >= data && ahs.len <= (size_t)(data + size - ahs.data));
		if (ahs.type == AHS_TYPE_EXTENDED_CDB && ahs_extended_cdb(&ahs, &cdb, &len) == 0) {
			assert(len >= 1 && 16 + len <= AHS_CDB_LEN_MAX);
			assert(cdb + len <= data + size);
		}
		if (ahs.type == AHS_TYPE_BIDI_READ_LENGTH)
			ahs_bidi_read_length(&ahs, &length);
	}
	assert(rc == 0 || rc == -EPROTO);
}

/* The iSER header is a fixed layout as well: control-type, and back. */
static void check_iser(const uint8_t *data)
{
	struct iser_control control;
	uint8_t raw[ISER_HDR_LEN];

	iser_control_decode(data, &control);
	iser_control_encode(raw, &control);
	assert(((data[0] ^ raw[0]) & (ISER_FLAG_WRITE_STAG | ISER_FLAG_READ_STAG)) == 0);
	assert(memcmp(data + 4, raw + 4, ISER_HDR_LEN - 4) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bhs bhs;
	size_t ahs_len;

	if (size < BHS_LEN)
		return 0;
	memcpy(bhs.raw, data, BHS_LEN);
	assert(iscsi_opcode_name(bhs_opcode(&bhs)) != NULL);
	check_header(&bhs);
	check_iser(data);
	ahs_len = min_t(size_t, size - BHS_LEN, bhs_ahs_len(&bhs));
	check_ahs(data + BHS_LEN, ahs_len);
	return 0;
}
