/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iSCSI names (RFC 7143 section 4.2.7) and the TargetAddress value (13.8).
 */
#ifndef PINION_PROTO_NAMES_H
#define PINION_PROTO_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	NAME_LEN_MAX = 223, /* bytes, without a NUL */

	/* "[", an IPv6 address or a DNS name, "]:65535,65535" and a NUL */
	NAME_ADDRESS_LEN_MAX = 280,
};

/*
 * Checks an iSCSI name as section 4.2.7 has it and writes it in lower case, with
 * a NUL, to `out`:
 *   iqn.yyyy-mm.reversed.domain[:anything]
 *   eui. and 16 hexadecimal digits
 *   naa. and 16 or 32 hexadecimal digits
 * Only the ASCII characters of RFC 3722 are taken (letters, digits, '-', '.',
 * ':'): other scripts would need its whole normalisation, or one node could
 * pass for another. Returns 0, or -EINVAL with `out` unchanged.
 */
int iscsi_name_normalize(const char *name, size_t len, char out[NAME_LEN_MAX + 1]);

/*
 * The same for a name that a peer calls itself by: of an iqn. name only length
 * and printable ASCII without space are checked, because initiators in use have
 * underscores and wrong dates. Returns 0, or -EINVAL with `out` unchanged.
 */
int iscsi_name_accept(const char *name, size_t len, char out[NAME_LEN_MAX + 1]);

/*
 * Writes "address:port,tag" with a NUL to `out` (`len` bytes), an address with
 * a colon in brackets as IPv6 wants it. Returns the length without the NUL, or
 * -ENOSPC.
 */
int iscsi_name_format_address(char *out, size_t len, const char *address, uint16_t port,
			      uint16_t portal_group_tag);

#endif
