/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The login phase. The input is a row of Login Requests: a byte of flags (T, C,
 * CSG, NSG as in the PDU; the two bits between say which names go first), a
 * length of two bytes, and so much text. Flags 0xff: a whole PDU of the input's own.
 */
#include "fuzz_iscsi_bed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NAMES_LEN (sizeof(FUZZ_NAMES) - 1)

static void raw_pdu(struct fuzz_bed *bed, size_t len)
{
	const uint8_t *bytes = fuzz_bytes(bed, &len);

	if (len != 0)
		loop_feed(bed->loop, bytes, len);
	fuzz_turn(bed, 3);
}

static void one_request(struct fuzz_bed *bed)
{
	static uint8_t text[NAMES_LEN + 65536];
	uint8_t flags = fuzz_u8(bed);
	size_t len = (size_t)(fuzz_u8(bed) << 8);
	size_t names = flags & 0x10 ? NAMES_LEN : 0;
	const uint8_t *bytes;

	len |= fuzz_u8(bed);
	if (flags == 0xff) {
		raw_pdu(bed, len);
		return;
	}
	bytes = fuzz_bytes(bed, &len);
	memcpy(text, FUZZ_NAMES, names);
	if (len != 0)
		memcpy(text + names, bytes, len);
	fuzz_send_login(bed, flags & 0xcf, text, names + len);
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
