/* SPDX-License-Identifier: BSD-2-Clause */
/* Numeric addresses, as configurations have them, for sockets and RDMA's connection manager. */
#ifndef PINION_SYS_SOCKET_ADDRESS_H
#define PINION_SYS_SOCKET_ADDRESS_H

#include <stdint.h>

struct sockaddr_storage;

/*
 * Fills ADDRESS, all of it, with what TEXT, a numeric IPv4 or IPv6 address without a zone, and
 * PORT mean. Returns its length in bytes, or -EINVAL.
 */
int socket_address_parse(const char *text, uint16_t port, struct sockaddr_storage *address);

#endif
