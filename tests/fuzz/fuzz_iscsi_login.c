/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The login phase. The input is a row of Login Requests: a byte of flags (T, C,
 * CSG, NSG as in the PDU; the two bits between say what goes first: names of a target
 * that is open, of one that asks for CHAP, or the right answer to the last challenge),
 * a length of two bytes, and so much text. Flags 0xff: a whole PDU of the input's own.
 */
#include "fuzz_iscsi_bed.h"

#include <stdio.h>

#include "iscsi/chap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PREFIX_MAX 256

/* The value of KEY in what the target said last, NULL where it has not said it. */
static const char *said(const struct fuzz_bed *bed, const char *key)
{
	const char *at = memmem(bed->said, bed->said_length, key, strlen(key));

	return at != NULL ? at + strlen(key) : NULL;
}

/* Who answers as he should, whatever the challenge is. */
static size_t answer_challenge(const struct fuzz_bed *bed, uint8_t *out)
{
	static const struct chap_account account = { "fuzz", FUZZ_SECRET, sizeof(FUZZ_SECRET) - 1 };
	const char *algorithm = said(bed, "CHAP_A="), *identifier = said(bed, "CHAP_I="),
		   *text = said(bed, "CHAP_C=");
	const struct chap_method *method;
	uint8_t challenge[CHAP_DIGEST_MAX], digest[CHAP_DIGEST_MAX];
	char hex[2 + 2 * CHAP_DIGEST_MAX];
	size_t length;

	if (algorithm == NULL || identifier == NULL || text == NULL)
		return 0;
	method = chap_method((unsigned)atoi(algorithm));
	FUZZ_CHECK(method != NULL);
	FUZZ_CHECK(text_parse_binary(text, strlen(text), challenge, sizeof(challenge), &length) == 0);
	FUZZ_CHECK(chap_response(method, (uint8_t)atoi(identifier), &account, challenge, length,
				 digest) == 0);
	length = text_format_hex(hex, digest, method->length);
	return (size_t)sprintf((char *)out, "CHAP_N=fuzz%cCHAP_R=%.*s", 0, (int)length, hex) + 1;
}

static size_t put_prefix(const struct fuzz_bed *bed, unsigned which, uint8_t *out)
{
	switch (which) {
	case 1:
		memcpy(out, FUZZ_NAMES, sizeof(FUZZ_NAMES) - 1);
		return sizeof(FUZZ_NAMES) - 1;
	case 2:
		memcpy(out, FUZZ_VAULT_NAMES, sizeof(FUZZ_VAULT_NAMES) - 1);
		return sizeof(FUZZ_VAULT_NAMES) - 1;
	case 3:
		return answer_challenge(bed, out);
	default:
		return 0;
	}
}

static void raw_pdu(struct fuzz_bed *bed, size_t len)
{
	const uint8_t *bytes = fuzz_bytes(bed, &len);

	if (len != 0)
		loop_feed(bed->loop, bytes, len);
	fuzz_turn(bed, 3);
}

static void one_request(struct fuzz_bed *bed)
{
	static uint8_t text[PREFIX_MAX + 65536];
	uint8_t flags = fuzz_u8(bed);
	size_t len = (size_t)(fuzz_u8(bed) << 8);
	const uint8_t *bytes;
	size_t prefix;

	len |= fuzz_u8(bed);
	if (flags == 0xff) {
		raw_pdu(bed, len);
		return;
	}
	bytes = fuzz_bytes(bed, &len);
	prefix = put_prefix(bed, flags >> 4 & 3, text);
	if (len != 0)
		memcpy(text + prefix, bytes, len);
	fuzz_send_login(bed, flags & 0xcf, text, prefix + len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz_bed bed;

	if (bed.node == NULL)
		fuzz_bed_make(&bed);
	bed.data = data;
	bed.left = size;
	fuzz_connect(&bed);
	while (bed.left != 0 && !loop_is_gone(bed.loop))
		one_request(&bed);
	fuzz_disconnect(&bed);
	return 0;
}
