/* SPDX-License-Identifier: BSD-2-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "sys/socket_address.h"

static void test_socket_address_parse__families(void **state)
{
	struct sockaddr_storage address;
	const struct sockaddr_in *in = (const struct sockaddr_in *)&address;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address;

	(void)state;
	assert_int_equal(socket_address_parse("192.0.2.1", 3260, &address), sizeof(*in));
	assert_int_equal(in->sin_family, AF_INET);
	assert_int_equal(in->sin_port, htons(3260));
	assert_int_equal(in->sin_addr.s_addr, htonl(0xc0000201));
	assert_int_equal(socket_address_parse("::1", 1, &address), sizeof(*in6));
	assert_int_equal(in6->sin6_family, AF_INET6);
	assert_int_equal(in6->sin6_port, htons(1));
	assert_true(IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr));
	assert_int_equal(in6->sin6_scope_id, 0);
}

static void test_socket_address_parse__not_numeric(void **state)
{
	struct sockaddr_storage address;

	(void)state;
	assert_int_equal(socket_address_parse("127.1", 1, &address), -EINVAL);
	assert_int_equal(socket_address_parse("fe80::1%lo", 1, &address), -EINVAL);
	assert_int_equal(socket_address_parse("localhost", 1, &address), -EINVAL);
	assert_int_equal(socket_address_parse("", 1, &address), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_socket_address_parse__families),
		cmocka_unit_test(test_socket_address_parse__not_numeric),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
