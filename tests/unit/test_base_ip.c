/* SPDX-License-Identifier: BSD-2-Clause */
/* base/ip.c: addresses and networks, against what inet_pton(3) makes of them. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "base/ip.h"

static const char *const good6[] = {
	"::", "::1", "1::", "2001:db8::1", "2001:DB8:0:0:8:800:200C:417A", "1:2:3:4:5:6:7:8",
	"1::8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "fe80::1:2", "::ffff:192.0.2.1",
	"1:2:3:4:5:6:10.0.0.1", "64:ff9b::10.1.2.3", "::13.1.68.3",
};

static const char *const good4[] = { "0.0.0.0", "192.0.2.1", "255.255.255.255", "10.0.0.1" };

static const char *const bad[] = {
	"", ":", ":::", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.1000", "01.2.3.4", "1.2.3.",
	".1.2.3", "1..2.3", "1.2.3.4 ", " 1.2.3.4", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:",
	":1", "1::2::3", "12345::", "g::", "1:2:3:4:5:6:7:1.2.3.4", "1.2.3.4::", "::1.2.3", "1:2",
	"::1%lo", "[::1]", "1.2.3.4:80", "-1.2.3.4", "1:::2", "0x1.2.3.4", "1:2:3:4:5:6:7:8:",
	"1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8",
};

static void test_ip_parse__good(void **state)
{
	struct ip ip;
	uint8_t expected[16];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(good6); i++) {
		assert_int_equal(inet_pton(AF_INET6, good6[i], expected), 1);
		assert_int_equal(ip_parse(good6[i], strlen(good6[i]), &ip), 0);
		assert_memory_equal(ip.bytes, expected, 16);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(good4); i++) {
		assert_int_equal(inet_pton(AF_INET, good4[i], expected), 1);
		assert_int_equal(ip_parse(good4[i], strlen(good4[i]), &ip), 0);
		assert_memory_equal(ip.bytes + 12, expected, 4);
		assert_true(ip_is_v4(&ip));
	}
}

static void test_ip_parse__bad(void **state)
{
	struct ip ip;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		if (ip_parse(bad[i], strlen(bad[i]), &ip) != -EINVAL)
			fail_msg("\"%s\" was taken", bad[i]);
	}
}

static void test_ip_parse_host__forms(void **state)
{
	static const char *const same[] = {
		"192.0.2.9", "192.0.2.9:40000", "[::ffff:192.0.2.9]:3260", "::ffff:192.0.2.9",
	};
	struct ip ip, expected;

	(void)state;
	assert_int_equal(ip_parse("192.0.2.9", 9, &expected), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(same); i++) {
		assert_int_equal(ip_parse_host(same[i], &ip), 0);
		assert_memory_equal(&ip, &expected, sizeof(ip));
	}
	assert_int_equal(ip_parse("fe80::1", 7, &expected), 0);
	assert_int_equal(ip_parse_host("[fe80::1%eth0]:3260", &ip), 0);
	assert_memory_equal(&ip, &expected, sizeof(ip));
	assert_int_equal(ip_parse_host("fe80::1", &ip), 0);
	assert_memory_equal(&ip, &expected, sizeof(ip));
	assert_int_equal(ip_parse_host("loop", &ip), -EINVAL);
	assert_int_equal(ip_parse_host("", &ip), -EINVAL);
	assert_int_equal(ip_parse_host("[::1", &ip), 0);
}

static bool holds(const char *network, const char *address)
{
	struct ip_network parsed;
	struct ip ip;

	assert_int_equal(ip_network_parse(network, &parsed), 0);
	assert_int_equal(ip_parse(address, strlen(address), &ip), 0);
	return ip_network_contains(&parsed, &ip);
}

static void test_ip_network_contains__edges(void **state)
{
	(void)state;
	assert_true(holds("10.0.0.0/8", "10.255.255.255"));
	assert_false(holds("10.0.0.0/8", "11.0.0.0"));
	assert_false(holds("10.0.0.0/8", "9.255.255.255"));
	assert_true(holds("192.0.2.4/30", "192.0.2.7"));
	assert_false(holds("192.0.2.4/30", "192.0.2.8"));
	assert_true(holds("192.0.2.4", "192.0.2.4"));
	assert_false(holds("192.0.2.4", "192.0.2.5"));
	assert_true(holds("0.0.0.0/0", "203.0.113.1"));
	assert_false(holds("0.0.0.0/0", "2001:db8::1"));
	assert_true(holds("::/0", "2001:db8::1"));
	/* An IPv4 peer at an IPv6 socket is an IPv4 peer. */
	assert_true(holds("10.0.0.0/8", "::ffff:10.1.2.3"));
	assert_true(holds("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(holds("2001:db8::/33", "2001:db8:8000::1"));
	assert_true(holds("::1/128", "::1"));
}

static void test_ip_network_parse__bad(void **state)
{
	static const char *const wrong[] = {
		"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0.1/8", "/8",
		"2001:db8::/129", "2001:db8::1/64", "10.0.0.0/ 8", "any", "10/8", "::1/127",
	};
	struct ip_network network;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		if (ip_network_parse(wrong[i], &network) != -EINVAL)
			fail_msg("\"%s\" was taken", wrong[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ip_parse__good),
		cmocka_unit_test(test_ip_parse__bad),
		cmocka_unit_test(test_ip_parse_host__forms),
		cmocka_unit_test(test_ip_network_contains__edges),
		cmocka_unit_test(test_ip_network_parse__bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
