/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iscsi/chap.c: RFC 7143 section 12.1.3. The responses were computed by Python's
 * hashlib over identifier, secret and challenge.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "iscsi/chap.h"
#include "proto/opcode.h"

#define SECRET "a secret of twenty bytes"
#define IDENTIFIER 0xd5

static const struct vector {
	unsigned number;
	const char *challenge;	/* byte I is I * 7 + length */
	const char *response_0;	/* with identifier 0 */
	const char *response;	/* with IDENTIFIER */
	const char *response_long;	/* 255, 255 times 'x', byte I of 1024 is I * 13 + length */
} vectors[] = {
	{ 5, "10171e252c333a41484f565d646b7279", "adeb14e19aedce99b0b60a1937de01b6",
	  "9d5ed660d5011edf7b9e71e0e677de36", "eb86705875d103175bfc95f3cbe2581c" },
	{ 6, "141b222930373e454c535a61686f767d848b9299",
	  "cc6f6c8fcc6731f46aa10da7b57d8296761966f5",
	  "0cf4f03ad9b404e2c5c310b54daf63b80e05e9ea",
	  "45f0e57c99f94e9420649a4a56a9c70575b6babd" },
	{ 7, "20272e353c434a51585f666d747b828990979ea5acb3bac1c8cfd6dde4ebf2f9",
	  "ed282e5123fcba2c1fcd0cacb744d3c71923649fc51437be81d1ebf35f25e944",
	  "600b5ab5769bb12d5005f5c941b60e8e4a9690805e5c4c4a1106c06259f13ed8",
	  "c9eb13270d300fd0ce553f2ce7a55d73088309078f06be11773552ab20ee3ff3" },
	{ 8, "20272e353c434a51585f666d747b828990979ea5acb3bac1c8cfd6dde4ebf2f9",
	  "77521f9f5adbad64d1f00c96214f93786f979fd14d7deefdd2925551d25feff3",
	  "b208231192816ddfd3b5f06bc6890bef8c117eddfe6ea44a3fddc44dc9104102",
	  "044d6cc1b5f971741ded36cd59f79b9c5729b0759fe93857030c2b7dbe115083" },
};

static void hex(const uint8_t *bytes, size_t length, char *out)
{
	for (size_t i = 0; i < length; i++)
		sprintf(out + 2 * i, "%02x", bytes[i]);
}

static void test_chap_response__vectors(void **state)
{
	static const struct chap_account account = { "n", SECRET, sizeof(SECRET) - 1 };
	char longest[255];
	struct chap_account long_account = { "n", longest, sizeof(longest) };
	uint8_t challenge[1024];
	uint8_t out[CHAP_DIGEST_MAX];
	char text[2 * CHAP_DIGEST_MAX + 1];

	(void)state;
	memset(longest, 'x', sizeof(longest));
	for (unsigned v = 0; v < ARRAY_SIZE(vectors); v++) {
		const struct chap_method *method = chap_method(vectors[v].number);

		assert_non_null(method);
		assert_true(chap_method_works(method));
		for (unsigned i = 0; i < method->length; i++)
			challenge[i] = (uint8_t)(i * 7 + method->length);
		assert_int_equal(chap_response(method, 0, &account, challenge, method->length, out),
				 0);
		hex(out, method->length, text);
		assert_string_equal(text, vectors[v].response_0);
		for (unsigned i = 0; i < sizeof(challenge); i++)
			challenge[i] = (uint8_t)(i * 13 + method->length);
		assert_int_equal(chap_response(method, 255, &long_account, challenge, 1024, out), 0);
		hex(out, method->length, text);
		assert_string_equal(text, vectors[v].response_long);
	}
}

static void test_chap_method__names(void **state)
{
	(void)state;
	assert_int_equal(chap_method_named("sha3-256")->number, 8);
	assert_int_equal(chap_method_named("sha-256")->number, 7);
	assert_int_equal(chap_method_named("sha-1")->number, 6);
	assert_int_equal(chap_method_named("md5")->number, 5);
	assert_null(chap_method_named("MD4"));
	assert_null(chap_method(0));
	assert_null(chap_method(9));
}

/* --- exchanges --- */

static const uint8_t all[] = { 8, 7, 6, 5, 0 };
static const struct chap_account him = { "him", SECRET, sizeof(SECRET) - 1 };
static const struct chap_account strange = { "0xdeadbeef", SECRET, sizeof(SECRET) - 1 };
static const struct chap_account us = { "us", "our own secret", 14 };

struct bench {
	struct chap chap;
	bool has_own;
	bool no_random;
	char answer[4096];
	size_t answer_length;
};

static const struct chap_account *find(void *context, const char *name)
{
	(void)context;
	if (strcmp(name, him.name) == 0)
		return &him;
	return strcmp(name, strange.name) == 0 ? &strange : NULL;
}

static const struct chap_account *own(void *context)
{
	struct bench *bench = context;

	return bench->has_own ? &us : NULL;
}

static bool fails;

static int not_random(void *bytes, size_t length)
{
	uint8_t *out = bytes;

	if (fails)
		return -1;
	for (size_t i = 0; i < length; i++)
		out[i] = (uint8_t)(i * 7 + length);
	if (length == 1)
		out[0] = IDENTIFIER;
	return 0;
}

static const struct chap_ops ops = { .find = find, .own = own, .random = not_random };

static void begin_choosing(struct bench *bench, const uint8_t *algorithms, bool has_preference)
{
	memset(bench, 0, sizeof(*bench));
	bench->has_own = true;
	fails = false;
	chap_init(&bench->chap, &ops, bench, algorithms, has_preference);
}

static void begin(struct bench *bench, const uint8_t *algorithms)
{
	begin_choosing(bench, algorithms, true);
}

/* One request: the values of A, I, C, N, R, NULL for those that it lacks. */
static int say(struct bench *bench, const char *a, const char *i, const char *c, const char *n,
	       const char *r)
{
	const char *values[CHAP_KEY_COUNT] = { a, i, c, n, r };
	struct text_pair pairs[CHAP_KEY_COUNT] = { { 0 } };
	struct cursor answer = cursor_writer((uint8_t *)bench->answer, sizeof(bench->answer));
	unsigned present = 0;
	int status;

	for (unsigned key = 0; key < CHAP_KEY_COUNT; key++) {
		if (values[key] == NULL)
			continue;
		present |= 1u << key;
		pairs[key].value = values[key];
		pairs[key].value_len = strlen(values[key]);
	}
	status = chap_step(&bench->chap, pairs, present, &answer);
	assert_false(cursor_failed(&answer));
	bench->answer_length = cursor_offset(&answer);
	return status;
}

static const char *answered(const struct bench *bench, const char *key)
{
	const char *at = bench->answer;

	for (; at < bench->answer + bench->answer_length; at += strlen(at) + 1)
		if (strncmp(at, key, strlen(key)) == 0 && at[strlen(key)] == '=')
			return at + strlen(key) + 1;
	return NULL;
}

static void refused(struct bench *bench, int got, int status, const char *why)
{
	assert_int_equal(got, status);
	if (strstr(bench->chap.error, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", bench->chap.error, why);
	assert_int_not_equal(bench->chap.state, CHAP_DONE);
}

/* "0x" and the response of vector V. */
static const char *right(unsigned v)
{
	static char text[128];

	snprintf(text, sizeof(text), "0x%s", vectors[v].response);
	return text;
}

static void test_chap_step__one_way(void **state)
{
	struct bench bench;
	char list[16];

	(void)state;
	for (unsigned v = 0; v < ARRAY_SIZE(vectors); v++) {
		begin(&bench, all);
		snprintf(list, sizeof(list), "%u", vectors[v].number);
		assert_int_equal(say(&bench, list, NULL, NULL, NULL, NULL), 0);
		assert_string_equal(answered(&bench, "CHAP_A"), list);
		assert_string_equal(answered(&bench, "CHAP_I"), "213");
		assert_memory_equal(answered(&bench, "CHAP_C"), "0x", 2);
		assert_string_equal(answered(&bench, "CHAP_C") + 2, vectors[v].challenge);
		assert_int_equal(say(&bench, NULL, NULL, NULL, "him", right(v)), 0);
		assert_int_equal(bench.answer_length, 0);
		assert_int_equal(bench.chap.state, CHAP_DONE);
	}
}

static void test_chap_step__prefers_as_configured(void **state)
{
	static const uint8_t modest[] = { 6, 8, 0 };
	struct bench bench;

	(void)state;
	begin(&bench, all);
	assert_int_equal(say(&bench, "5,6,7,8", NULL, NULL, NULL, NULL), 0);
	assert_string_equal(answered(&bench, "CHAP_A"), "8");
	begin(&bench, modest);
	assert_int_equal(say(&bench, "5,8,6,7", NULL, NULL, NULL, NULL), 0);
	assert_string_equal(answered(&bench, "CHAP_A"), "6");
	begin(&bench, modest);
	refused(&bench, say(&bench, "5,7,99,x,", NULL, NULL, NULL, NULL),
		ISCSI_LOGIN_AUTHENTICATION_FAILURE, "no CHAP algorithm in common");
}

/* RFC 7143 6.2.1: the first value of the list that is supported. */
static void test_chap_step__initiators_order(void **state)
{
	static const uint8_t modest[] = { 6, 8, 0 };
	struct bench bench;

	(void)state;
	begin_choosing(&bench, all, false);
	assert_int_equal(say(&bench, "5,6,7,8", NULL, NULL, NULL, NULL), 0);
	assert_string_equal(answered(&bench, "CHAP_A"), "5");
	begin_choosing(&bench, modest, false);
	assert_int_equal(say(&bench, "x,0,99,262,0x108,5,8,6", NULL, NULL, NULL, NULL), 0);
	assert_string_equal(answered(&bench, "CHAP_A"), "8");
	begin_choosing(&bench, modest, false);
	refused(&bench, say(&bench, "5,7,99,x,", NULL, NULL, NULL, NULL),
		ISCSI_LOGIN_AUTHENTICATION_FAILURE, "no CHAP algorithm in common");
}

static void test_chap_step__pieces(void **state)
{
	struct bench bench;

	(void)state;
	begin(&bench, all);
	assert_int_equal(say(&bench, NULL, NULL, NULL, NULL, NULL), 0);
	assert_int_equal(say(&bench, "5", NULL, NULL, NULL, NULL), 0);
	assert_int_equal(say(&bench, NULL, NULL, NULL, NULL, right(0)), 0);
	assert_int_equal(bench.chap.state, CHAP_WANTS_RESPONSE);
	assert_int_equal(say(&bench, NULL, NULL, NULL, "him", NULL), 0);
	assert_int_equal(bench.chap.state, CHAP_DONE);
}

static void test_chap_step__base64_and_upper_case(void **state)
{
	static const char *const forms[] = {
		"0XADEB14E19AEDCE99B0B60A1937DE01B6", "0bresU4ZrtzpmwtgoZN94Btg==",
	};
	struct bench bench;

	(void)state;
	/* 9d5ed660d5011edf7b9e71e0e677de36 */
	begin(&bench, all);
	assert_int_equal(say(&bench, "5", NULL, NULL, NULL, NULL), 0);
	assert_int_equal(say(&bench, NULL, NULL, NULL, "him", "0bnV7WYNUBHt97nnHg5nfeNg=="), 0);
	begin(&bench, all);
	assert_int_equal(say(&bench, "5", NULL, NULL, NULL, NULL), 0);
	assert_int_equal(
		say(&bench, NULL, NULL, NULL, "him", "0X9D5ED660D5011EDF7B9E71E0E677DE36"), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(forms); i++) {
		begin(&bench, all);
		assert_int_equal(say(&bench, "5", NULL, NULL, NULL, NULL), 0);
		refused(&bench, say(&bench, NULL, NULL, NULL, "him", forms[i]),
			ISCSI_LOGIN_AUTHENTICATION_FAILURE, "");
	}
}

static void test_chap_step__names_that_look_binary(void **state)
{
	struct bench bench;

	(void)state;
	begin(&bench, all);
	assert_int_equal(say(&bench, "5", NULL, NULL, NULL, NULL), 0);
	assert_int_equal(say(&bench, NULL, NULL, NULL, "0xdeadbeef", right(0)), 0);
	assert_string_equal(bench.chap.name, "0xdeadbeef");
}

static void test_chap_step__wrong(void **state)
{
	static const struct {
		const char *name, *response, *why;
		int status;
	} cases[] = {
		{ "him", "0x9d5ed660d5011edf7b9e71e0e677de37", "wrong secret", 0x0201 },
		{ "him", "0x9d5ed660d5011edf7b9e71e0e677de", "wrong secret", 0x0201 },
		{ "him", "0x9d", "wrong secret", 0x0201 },
		{ "him", "0x9d5ed660d5011edf7b9e71e0e677de3600", "wrong secret", 0x0201 },
		{ "him", "0x", "no binary value", 0x0201 },
		{ "him", "0x9d5ed660d5011edf7b9e71e0e677de3", "no binary value", 0x0201 },
		{ "him", "9d5ed660d5011edf7b9e71e0e677de36", "no binary value", 0x0201 },
		{ "him", "0xyz", "no binary value", 0x0201 },
		{ "HIM", "0x9d5ed660d5011edf7b9e71e0e677de36", "\"HIM\" is not admitted", 0x0201 },
		{ "nobody", "0x9d5ed660d5011edf7b9e71e0e677de36", "is not admitted", 0x0201 },
		{ "", "0x9d5ed660d5011edf7b9e71e0e677de36", "CHAP_N is not 1 to", 0x0200 },
	};
	struct bench bench;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		begin(&bench, all);
		assert_int_equal(say(&bench, "5", NULL, NULL, NULL, NULL), 0);
		refused(&bench, say(&bench, NULL, NULL, NULL, cases[i].name, cases[i].response),
			cases[i].status, cases[i].why);
		assert_int_equal(bench.answer_length, 0);
	}
}

static void test_chap_step__order(void **state)
{
	struct bench bench;

	(void)state;
	begin(&bench, all);
	refused(&bench, say(&bench, NULL, NULL, NULL, "him", right(0)), 0x0200,
		"CHAP_N at the wrong time");
	begin(&bench, all);
	refused(&bench, say(&bench, NULL, "1", NULL, NULL, NULL), 0x0200, "CHAP_I at");
	begin(&bench, all);
	refused(&bench, say(&bench, "5", NULL, NULL, "him", NULL), 0x0200, "CHAP_N at");
	begin(&bench, all);
	assert_int_equal(say(&bench, "5", NULL, NULL, NULL, NULL), 0);
	refused(&bench, say(&bench, "6", NULL, NULL, NULL, NULL), 0x0200, "CHAP_A at");
	begin(&bench, all);
	assert_int_equal(say(&bench, "5", NULL, NULL, NULL, NULL), 0);
	assert_int_equal(say(&bench, NULL, NULL, NULL, "him", NULL), 0);
	refused(&bench, say(&bench, NULL, NULL, NULL, "him", NULL), 0x0200, "CHAP_N at");
	/* Nothing more is taken when it is over. */
	begin(&bench, all);
	assert_int_equal(say(&bench, "5", NULL, NULL, NULL, NULL), 0);
	assert_int_equal(say(&bench, NULL, NULL, NULL, "him", right(0)), 0);
	assert_int_equal(say(&bench, NULL, "1", "0x01", NULL, NULL), 0x0200);
}

static void test_chap_step__mutual(void **state)
{
	/* MD5, SHA-1, SHA-256, SHA3-256 of 7, "our own secret" and 01 02 03: hashlib's. */
	static const char *const expected[] = {
		"4bd02a71d9afcec7d119dc41f1825503", "1eadb51bb8a3b47757ee4e1aa4bc3b10032aa121", "b6c7a6af30868517439d6fc7980f027beaab867ef32b80cc7012d2916210ff62", "e27b230ad0db79888ad95a35cdcd897a6133f113e7e6baab584203a4fc3ac062",
	};
	struct bench bench;
	char list[16];

	(void)state;
	for (unsigned v = 0; v < ARRAY_SIZE(vectors); v++) {
		begin(&bench, all);
		snprintf(list, sizeof(list), "%u", vectors[v].number);
		assert_int_equal(say(&bench, list, NULL, NULL, NULL, NULL), 0);
		assert_int_equal(say(&bench, NULL, "7", "0x010203", "him", right(v)), 0);
		assert_int_equal(bench.chap.state, CHAP_DONE);
		assert_string_equal(answered(&bench, "CHAP_N"), "us");
		assert_string_equal(answered(&bench, "CHAP_R") + 2, expected[v]);
	}
}

static void mutual_refused(const char *i, const char *c, int status, const char *why)
{
	struct bench bench;

	begin(&bench, all);
	assert_int_equal(say(&bench, "5", NULL, NULL, NULL, NULL), 0);
	refused(&bench, say(&bench, NULL, i, c, "him", right(0)), status, why);
	assert_int_equal(bench.answer_length, 0);
}

static void test_chap_step__mutual_wrong(void **state)
{
	static char longest[2 + 2 * 1025 + 1];
	struct bench bench;

	(void)state;
	/* Our own challenge, in both notations. */
	mutual_refused("7", "0x10171e252c333a41484f565d646b7279", 0x0201, "reflection");
	mutual_refused("7", "0bEBceJSwzOkFIT1ZdZGtyeQ==", 0x0201, "reflection");
	mutual_refused("256", "0x01", 0x0200, "CHAP_I is not");
	mutual_refused("-1", "0x01", 0x0200, "CHAP_I is not");
	mutual_refused("7", "0x", 0x0200, "CHAP_C is no");
	mutual_refused("7", "0102", 0x0200, "CHAP_C is no");
	mutual_refused("7", NULL, 0x0200, "belong together");
	mutual_refused(NULL, "0x01", 0x0200, "belong together");
	memset(longest, '1', sizeof(longest) - 1);
	longest[1] = 'x';
	longest[0] = '0';
	mutual_refused("7", longest, 0x0200, "CHAP_C is no");
	longest[2 + 2 * 1024] = '\0';
	begin(&bench, all);
	assert_int_equal(say(&bench, "5", NULL, NULL, NULL, NULL), 0);
	assert_int_equal(say(&bench, NULL, "0", longest, "him", right(0)), 0);
	/* Nothing is proved to whoever has not proved himself. */
	begin(&bench, all);
	assert_int_equal(say(&bench, "5", NULL, NULL, NULL, NULL), 0);
	refused(&bench, say(&bench, NULL, "7", "0x01", "him", "0x00"), 0x0201, "wrong secret");
	assert_int_equal(bench.answer_length, 0);
	begin(&bench, all);
	bench.has_own = false;
	assert_int_equal(say(&bench, "5", NULL, NULL, NULL, NULL), 0);
	refused(&bench, say(&bench, NULL, "7", "0x01", "him", right(0)), 0x0201, "not set up");
}

static void test_chap_step__no_random_numbers(void **state)
{
	struct bench bench;

	(void)state;
	begin(&bench, all);
	fails = true;
	refused(&bench, say(&bench, "5", NULL, NULL, NULL, NULL), 0x0300, "random");
	assert_int_equal(bench.answer_length, 0);
}

static void test_chap_random__differs(void **state)
{
	uint8_t a[16], b[16];

	(void)state;
	assert_int_equal(chap_random(a, sizeof(a)), 0);
	assert_int_equal(chap_random(b, sizeof(b)), 0);
	assert_memory_not_equal(a, b, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chap_response__vectors),
		cmocka_unit_test(test_chap_method__names),
		cmocka_unit_test(test_chap_step__one_way),
		cmocka_unit_test(test_chap_step__prefers_as_configured),
		cmocka_unit_test(test_chap_step__initiators_order),
		cmocka_unit_test(test_chap_step__pieces),
		cmocka_unit_test(test_chap_step__base64_and_upper_case),
		cmocka_unit_test(test_chap_step__names_that_look_binary),
		cmocka_unit_test(test_chap_step__wrong),
		cmocka_unit_test(test_chap_step__order),
		cmocka_unit_test(test_chap_step__mutual),
		cmocka_unit_test(test_chap_step__mutual_wrong),
		cmocka_unit_test(test_chap_step__no_random_numbers),
		cmocka_unit_test(test_chap_random__differs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
