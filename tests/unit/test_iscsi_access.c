/* SPDX-License-Identifier: BSD-2-Clause */
/* iscsi/access.c: whom a list lets in; iscsi/guard.c: whom it slows down. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/container.h"
#include "iscsi/access.h"
#include "iscsi/guard.h"
#include "iscsi/lobby.h"

#define COUNT(type, ...) (sizeof((type[]){ __VA_ARGS__ }) / sizeof(type))
#define NAMES(...) .initiators = (const char *const[]){ __VA_ARGS__ }, \
	.initiator_count = COUNT(const char *, __VA_ARGS__)
#define FROM(...) .addresses = (const char *const[]){ __VA_ARGS__ }, \
	.address_count = COUNT(const char *, __VA_ARGS__)
#define ACCOUNTS(...) .accounts = (const struct iscsi_account *const[]){ __VA_ARGS__ }, \
	.account_count = COUNT(const struct iscsi_account *, __VA_ARGS__)
#define GROUPS(...) .groups = (const struct iscsi_who *const[]){ __VA_ARGS__ }, \
	.group_count = COUNT(const struct iscsi_who *, __VA_ARGS__)

static struct iscsi_access *make(const struct iscsi_rule_config *rules, unsigned count)
{
	struct iscsi_access *access;
	char error[256];
	unsigned wrong;

	assert_int_equal(iscsi_access_create(rules, count, &access, &wrong, error, sizeof(error)),
			 0);
	return access;
}

#define MAKE(...) make((const struct iscsi_rule_config[]){ __VA_ARGS__ }, \
		       COUNT(const struct iscsi_rule_config , __VA_ARGS__))

static struct access_subject subject(const char *initiator, const char *address, uint16_t group)
{
	static struct ip ip;
	struct access_subject subject = { .initiator = initiator, .group = group };

	if (address != NULL) {
		assert_int_equal(ip_parse(address, strlen(address), &ip), 0);
		subject.ip = &ip;
	}
	return subject;
}

/* The index of the rule that decides, -1: none. */
static int decides(const struct iscsi_access *access, const char *initiator, const char *address,
		   uint16_t group)
{
	struct access_subject who = subject(initiator, address, group);
	const struct access_rule *rule = access_find(access, &who);

	return rule == NULL ? -1 : (int)(rule - access->rules);
}

static void test_access_glob__forms(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool matches;
	} cases[] = {
		{ "", "", true }, { "", "a", false }, { "*", "", true }, { "*", "anything", true },
		{ "a", "a", true }, { "a", "b", false }, { "?", "", false }, { "?", "x", true },
		{ "a*", "abc", true }, { "a*", "ba", false }, { "*c", "abc", true },
		{ "*c", "abcd", false }, { "a*c", "ac", true }, { "a*c", "abcbc", true },
		{ "a?c", "abc", true }, { "a?c", "ac", false }, { "**", "x", true },
		{ "*ab*ab*", "xabyab", true }, { "*ab*ab*", "xabyba", false },
		{ "iqn.2004*:db*", "iqn.2004-10.org.example:db7", true },
		{ "iqn.2004*:db*", "iqn.2004-10.org.example:web7", false },
		{ "iqn.2004-10.org.example:db?", "iqn.2004-10.org.example:db10", false },
		/* No character but these two is special. */
		{ "[ab]", "a", false }, { "[ab]", "[ab]", true }, { "a.c", "abc", false },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		if (access_glob(cases[i].pattern, cases[i].text) != cases[i].matches)
			fail_msg("%s, %s", cases[i].pattern, cases[i].text);
	}
}

static void test_access_find__conditions(void **state)
{
	static const uint16_t second[] = { 2 };
	struct iscsi_access *access = MAKE(
		{ .who = { NAMES("IQN.2026-11.org.example:Bad*") }, .deny = true },
		{ .who = { NAMES("iqn.2026-11.org.example:*", "eui.*"), FROM("10.0.0.0/8") } },
		{ .who = { FROM("192.0.2.0/24", "2001:db8::/32") } },
		{ .portal_groups = second, .portal_group_count = 1 });

	(void)state;
	assert_int_equal(decides(access, "iqn.2026-11.org.example:bad1", "10.0.0.1", 1), 0);
	assert_int_equal(decides(access, "iqn.2026-11.org.example:good", "10.0.0.1", 1), 1);
	assert_int_equal(decides(access, "eui.0123456789abcdef", "10.0.0.1", 1), 1);
	/* Both conditions must hold. */
	assert_int_equal(decides(access, "iqn.2026-11.org.example:good", "11.0.0.1", 1), -1);
	assert_int_equal(decides(access, "naa.0123456789abcdef", "10.0.0.1", 1), -1);
	assert_int_equal(decides(access, "iqn.2026-11.org.example:good", "192.0.2.9", 1), 2);
	assert_int_equal(decides(access, "naa.0123456789abcdef", "2001:db8:1::1", 1), 2);
	assert_int_equal(decides(access, "naa.0123456789abcdef", "2001:db9::1", 1), -1);
	assert_int_equal(decides(access, "naa.0123456789abcdef", "2001:db9::1", 2), 3);
	/* An address that is not known lies in no network. */
	assert_int_equal(decides(access, "eui.0123456789abcdef", NULL, 1), -1);
	assert_int_equal(decides(access, "eui.0123456789abcdef", NULL, 2), 3);
	access_destroy(access);
}

static void test_access_admits__empty_and_none(void **state)
{
	struct iscsi_access *access = make(NULL, 0);
	struct access_subject who = subject("iqn.2026-11.org.example:x", "10.0.0.1", 1);

	(void)state;
	assert_true(access_admits(NULL, &who));
	assert_false(access_admits(access, &who));
	access_destroy(access);
}

static const struct iscsi_account alice = { "alice", "alice's long secret" };
static const struct iscsi_account bob = { "bob", "bob's long secret" };
static const struct iscsi_account carol = { "carol", "carol's long secret" };

/* The rule by which the account lets the subject in, -1: none. */
static int enters(const struct iscsi_access *access, const char *initiator, const char *address,
		  const char *name)
{
	struct access_subject who = subject(initiator, address, 1);
	const struct access_rule *rule = NULL;
	const struct chap_account *account = access_find_account(access, &who, name, &rule);

	if (account == NULL)
		return -1;
	assert_string_equal(account->name, name);
	return (int)(rule - access->rules);
}

static void test_access_find_account__per_initiator(void **state)
{
	struct iscsi_access *access = MAKE(
		{ .who = { NAMES("eui.*"), ACCOUNTS(&alice) } },
		{ .who = { FROM("10.0.0.0/8"), ACCOUNTS(&bob) } },
		{ .who = { FROM("10.1.0.0/16") }, .deny = true },
		{ .who = { ACCOUNTS(&carol) } });
	struct access_subject who = subject("eui.1", "10.0.0.1", 1);

	(void)state;
	assert_true(access_wants_account(access_find(access, &who), &who));
	assert_int_equal(enters(access, "eui.1", "10.0.0.1", "alice"), 0);
	/* The same initiator by another account, with that one's rights. */
	assert_int_equal(enters(access, "eui.1", "10.0.0.1", "bob"), 1);
	assert_int_equal(enters(access, "eui.1", "10.0.0.1", "carol"), 3);
	assert_int_equal(enters(access, "naa.1", "10.0.0.1", "alice"), -1);
	assert_int_equal(enters(access, "naa.1", "11.0.0.1", "bob"), -1);
	/* Behind a rule that denies there is nothing. */
	assert_int_equal(enters(access, "eui.1", "10.1.0.1", "bob"), 1);
	assert_int_equal(enters(access, "eui.1", "10.1.0.1", "carol"), -1);
	assert_int_equal(enters(access, "eui.1", "10.0.0.1", "Alice"), -1);
	access_destroy(access);
}

static void test_access__groups(void **state)
{
	const struct iscsi_who databases = { NAMES("*:db*"), FROM("10.0.0.0/8"),
						    ACCOUNTS(&alice) };
	const struct iscsi_who backup = { NAMES("*:backup"), FROM("192.0.2.0/24"),
						 ACCOUNTS(&bob) };
	struct iscsi_access *access =
		MAKE({ GROUPS(&databases, &backup), .who = { ACCOUNTS(&carol) } });

	(void)state;
	assert_int_equal(decides(access, "iqn.2026-11.org.example:db1", "10.0.0.1", 1), 0);
	assert_int_equal(decides(access, "iqn.2026-11.org.example:backup", "192.0.2.1", 1), 0);
	/* Not one's name with the other's address. */
	assert_int_equal(decides(access, "iqn.2026-11.org.example:backup", "10.0.0.1", 1), -1);
	assert_int_equal(enters(access, "iqn.2026-11.org.example:db1", "10.0.0.1", "alice"), 0);
	assert_int_equal(enters(access, "iqn.2026-11.org.example:db1", "10.0.0.1", "bob"), -1);
	assert_int_equal(enters(access, "iqn.2026-11.org.example:db1", "10.0.0.1", "carol"), 0);
	access_destroy(access);
}

static void test_access_opens__to_anybody(void **state)
{
	static const uint16_t second[] = { 2 };
	struct iscsi_access *nobody = make(NULL, 0);
	struct iscsi_access *some = MAKE(
		{ .who = { NAMES("*:bad") }, .deny = true },
		{ .portal_groups = second, .portal_group_count = 1, .deny = true },
		{ .who = { NAMES("*:good") } });

	(void)state;
	assert_true(access_opens(NULL, 1));
	assert_false(access_opens(nobody, 1));
	assert_true(access_opens(some, 1));
	assert_false(access_opens(some, 2));
	access_destroy(nobody);
	access_destroy(some);
}

static void test_access_may_come__before_the_name_is_known(void **state)
{
	struct iscsi_access *access = MAKE(
		{ .who = { NAMES("*:bad"), FROM("10.0.0.0/8") }, .deny = true },
		{ .who = { FROM("10.66.0.0/16") }, .deny = true },
		{ .who = { NAMES("*:good"), FROM("10.0.0.0/8") } });
	struct ip in = { { 0 } }, out, denied;

	(void)state;
	assert_int_equal(ip_parse("10.0.0.1", 8, &in), 0);
	assert_int_equal(ip_parse("10.66.0.1", 9, &denied), 0);
	assert_int_equal(ip_parse("11.0.0.1", 8, &out), 0);
	assert_true(access_may_come(access, &in, 1));
	assert_false(access_may_come(access, &denied, 1));
	assert_false(access_may_come(access, &out, 1));
	assert_false(access_may_come(access, NULL, 1));
	assert_true(access_may_come(NULL, NULL, 1));
	access_destroy(access);
}

static void expect_error(const struct iscsi_rule_config *rule, const char *why)
{
	struct iscsi_rule_config rules[2] = { { .deny = false }, *rule };
	struct iscsi_access *access;
	char error[256] = "";
	unsigned wrong = 0;

	assert_int_equal(
		iscsi_access_create(rules, 2, &access, &wrong, error, sizeof(error)), -EINVAL);
	assert_int_equal(wrong, 1);
	if (strstr(error, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", error, why);
}

static void test_iscsi_access_create__errors(void **state)
{
	static const struct iscsi_account same = { "same", "alice's long secret" };
	static const struct iscsi_account empty = { "empty", "" };
	struct scsi_lun_view *view = calloc(1, sizeof(*view));
	const struct iscsi_who group = { ACCOUNTS(&alice) };

	(void)state;
	expect_error(&(struct iscsi_rule_config){ .who = { FROM("10.0.0.1/8") } }, "10.0.0.1/8");
	expect_error(&(struct iscsi_rule_config){ .who = { FROM("any") } }, "\"any\"");
	expect_error(&(struct iscsi_rule_config){ .who = { NAMES("a b") } }, "\"a b\"");
	expect_error(&(struct iscsi_rule_config){ .who = { NAMES("") } }, "1 to 223");
	expect_error(&(struct iscsi_rule_config){ .who = { ACCOUNTS(&empty) } }, "\"empty\"");
	expect_error(&(struct iscsi_rule_config){ .mutual = &bob }, "needs accounts");
	expect_error(&(struct iscsi_rule_config){ .who = { ACCOUNTS(&alice) }, .mutual = &same },
		     "the same secret");
	expect_error(&(struct iscsi_rule_config){ GROUPS(&group), .mutual = &same },
		     "the same secret");
	view->is_mapped = true;
	view->count = 2;
	view->luns[0] = (struct scsi_lun_mapping){ .as = 3, .lun = 0 };
	view->luns[1] = (struct scsi_lun_mapping){ .as = 3, .lun = 1 };
	expect_error(&(struct iscsi_rule_config){ .view = view }, "shown as LUN 3");
	free(view);
}

/* --- the guard --- */

static struct ip address(const char *text)
{
	struct ip ip;

	assert_int_equal(ip_parse(text, strlen(text), &ip), 0);
	return ip;
}

static void test_guard__grows_and_forgets(void **state)
{
	static const unsigned penalties[] = { 0, 250, 500, 1000, 2000, 4000, 4000, 4000 };
	struct guard *guard = guard_create();
	struct ip bad = address("192.0.2.1"), good = address("192.0.2.2");
	uint64_t now = 5 * CLOCK_NS_PER_S;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(penalties); i++)
		assert_int_equal(guard_failed(guard, &bad, now), penalties[i]);
	/* Eight penalties, of which the first was none. */
	assert_true(guard_admits(guard, &bad, now));
	assert_int_equal(guard_failed(guard, &bad, now), 4000);
	assert_false(guard_admits(guard, &bad, now));
	assert_true(guard_admits(guard, &good, now));
	assert_true(guard_admits(guard, NULL, now));
	assert_int_equal(guard_failed(guard, &good, now), 0);
	assert_int_equal(guard_count(guard, now), 2);
	assert_true(guard_admits(guard, &bad, now + 250 * CLOCK_NS_PER_MS));
	/* A failure on another reactor whose clock is behind. */
	assert_int_equal(guard_failed(guard, &bad, now - 1), 4000);
	now += GUARD_MEMORY_S * CLOCK_NS_PER_S;
	assert_int_equal(guard_count(guard, now), 0);
	assert_int_equal(guard_failed(guard, &bad, now), 0);
	guard_destroy(guard);
}

static void test_guard__bounded(void **state)
{
	struct guard *guard = guard_create();
	uint64_t now = CLOCK_NS_PER_S;
	struct ip bad = address("192.0.2.1");

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		guard_failed(guard, &bad, now);
	for (unsigned i = 0; i < 10000; i++) {
		struct ip ip = address("10.0.0.0");

		ip.bytes[14] = (uint8_t)(i >> 8);
		ip.bytes[15] = (uint8_t)i;
		now++;
		guard_failed(guard, &ip, now);
		/* Who goes on is not forgotten for those that come after. */
		if (i % 100 == 0)
			assert_int_not_equal(guard_failed(guard, &bad, now), 0);
	}
	assert_int_equal(guard_count(guard, now), GUARD_ADDRESSES);
	guard_destroy(guard);
}

static void test_guard__ipv6_by_64(void **state)
{
	struct guard *guard = guard_create();
	struct ip a = address("2001:db8:0:1::1"), b = address("2001:db8:0:1:ffff::2"),
		  c = address("2001:db8:0:2::1");

	(void)state;
	assert_int_equal(guard_failed(guard, &a, 1), 0);
	assert_int_equal(guard_failed(guard, &b, 1), 250);
	assert_int_equal(guard_failed(guard, &c, 1), 0);
	/* What has no address counts as one. */
	assert_int_equal(guard_failed(guard, NULL, 1), 0);
	assert_int_equal(guard_failed(guard, NULL, 1), 250);
	guard_destroy(guard);
}

/* --- the lobby --- */

static void test_guard_log_limit__by_address(void **state)
{
	struct guard_log log = { 0 };
	const struct log_limit *first = guard_log_limit(&log, "192.0.2.1:3260");
	unsigned shared = 0;
	char peer[32];
	unsigned i;

	(void)state;
	assert_ptr_equal(guard_log_limit(&log, "192.0.2.1:40000"), first);
	assert_ptr_equal(guard_log_limit(&log, "192.0.2.1"), first);
	/* A host of IPv6 has all of its /64. */
	assert_ptr_equal(guard_log_limit(&log, "[2001:db8::1]:3260"),
			 guard_log_limit(&log, "[2001:db8::ffff:1]:3261"));
	assert_non_null(guard_log_limit(&log, "nowhere"));
	for (i = 2; i < 255; i++) {
		snprintf(peer, sizeof(peer), "192.0.2.%u:3260", i);
		shared += guard_log_limit(&log, peer) == first;
	}
	/* One in sixteen would be 15.8 of them. */
	assert_in_range(shared, 4, 40);
}

static void test_lobby__half_for_each_address(void **state)
{
	struct lobby *lobby = lobby_create(6);
	struct ip a = address("192.0.2.1"), b = address("192.0.2.2"), c = address("192.0.2.3");
	unsigned i;

	(void)state;
	for (i = 0; i < 3; i++)
		assert_true(lobby_enter(lobby, &a));
	assert_false(lobby_enter(lobby, &a));
	for (i = 0; i < 3; i++)
		assert_true(lobby_enter(lobby, i == 0 ? &b : NULL));
	/* Now the whole is full. */
	assert_false(lobby_enter(lobby, &c));
	lobby_leave(lobby, &a);
	assert_true(lobby_enter(lobby, &c));
	assert_false(lobby_enter(lobby, &a));
	lobby_leave(lobby, NULL);
	assert_true(lobby_enter(lobby, &a));
	assert_false(lobby_enter(lobby, &a));
	lobby_destroy(lobby);
}

static void test_lobby__ipv6_by_64(void **state)
{
	struct lobby *lobby = lobby_create(4);
	struct ip a = address("2001:db8:0:1::1"), b = address("2001:db8:0:1:ffff::2"),
		  c = address("2001:db8:0:2::1");

	(void)state;
	assert_true(lobby_enter(lobby, &a));
	assert_true(lobby_enter(lobby, &b));
	assert_false(lobby_enter(lobby, &a));
	assert_true(lobby_enter(lobby, &c));
	lobby_destroy(lobby);
}

/* Even of one place somebody has it. */
static void test_lobby__of_one(void **state)
{
	struct lobby *lobby = lobby_create(1);
	struct ip a = address("192.0.2.1");

	(void)state;
	assert_true(lobby_enter(lobby, &a));
	assert_false(lobby_enter(lobby, &a));
	lobby_leave(lobby, &a);
	assert_true(lobby_enter(lobby, &a));
	lobby_destroy(lobby);
}

/* Against counts kept apart: whoever comes and goes, in any order, is found again. */
static void test_lobby__comes_and_goes(void **state)
{
	enum { PLACES = 64, ADDRESSES = 97 };
	struct lobby *lobby = lobby_create(PLACES);
	unsigned counts[ADDRESSES] = { 0 };
	unsigned taken = 0;
	uint32_t random = 1;
	unsigned i;

	(void)state;
	for (i = 0; i < 200000; i++) {
		struct ip ip = address("10.0.0.0");
		unsigned who;

		random = random * 1664525 + 1013904223;
		who = random % ADDRESSES;
		ip.bytes[15] = (uint8_t)who;
		if (random >> 31 != 0) {
			bool may = counts[who] < PLACES / 2 && taken < PLACES;

			assert_int_equal(lobby_enter(lobby, &ip), may);
			counts[who] += may;
			taken += may;
		} else if (counts[who] != 0) {
			lobby_leave(lobby, &ip);
			counts[who]--;
			taken--;
		}
	}
	lobby_destroy(lobby);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_access_glob__forms),
		cmocka_unit_test(test_access_find__conditions),
		cmocka_unit_test(test_access_admits__empty_and_none),
		cmocka_unit_test(test_access_find_account__per_initiator),
		cmocka_unit_test(test_access__groups),
		cmocka_unit_test(test_access_may_come__before_the_name_is_known),
		cmocka_unit_test(test_access_opens__to_anybody),
		cmocka_unit_test(test_iscsi_access_create__errors),
		cmocka_unit_test(test_guard__grows_and_forgets),
		cmocka_unit_test(test_guard__bounded),
		cmocka_unit_test(test_guard__ipv6_by_64),
		cmocka_unit_test(test_guard_log_limit__by_address),
		cmocka_unit_test(test_lobby__half_for_each_address),
		cmocka_unit_test(test_lobby__ipv6_by_64),
		cmocka_unit_test(test_lobby__of_one),
		cmocka_unit_test(test_lobby__comes_and_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
