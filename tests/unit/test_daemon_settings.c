/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables of settings: ranges, types, words, and the nearest name. */
#include "daemon/settings.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum colour { RED, GREEN, BLUE };

struct thing {
	char *name;
	uint16_t port;
	int spin;
	uint64_t size;
	bool on;
	enum colour colour;
	uint8_t small;
};

static const struct setting table[] = {
	{ "name", SETTING_STRING, SETTING_FIELD(thing, name), 1, 8, .help = "h" },
	{ "port", SETTING_INTEGER, SETTING_FIELD(thing, port), 1, 65535, .help = "h" },
	{ "spin", SETTING_INTEGER, SETTING_FIELD(thing, spin), -1, 10, .help = "h" },
	{ "size", SETTING_SIZE, SETTING_FIELD(thing, size), 512, INT64_C(1) << 40, .help = "h" },
	{ "on", SETTING_BOOL, SETTING_FIELD(thing, on), .help = "h" },
	{ "colour", SETTING_CHOICE, SETTING_FIELD(thing, colour), .choices = "red|green|blue",
	  .help = "h" },
	{ "small", SETTING_INTEGER, SETTING_FIELD(thing, small), 0, 255, .help = "h" },
	{ .name = NULL },
};

static int put(struct thing *thing, const char *name, struct setting_value value, char *error)
{
	error[0] = '\0';
	return setting_store(setting_find(table, name), thing, &value, error, 200);
}

#define INTEGER(n) ((struct setting_value){ .written = WRITTEN_INTEGER, .integer = (n) })
#define TEXT(t) ((struct setting_value){ .written = WRITTEN_STRING, .text = (t) })
#define TRUTH(b) ((struct setting_value){ .written = WRITTEN_BOOL, .truth = (b) })

static void test_setting_store__every_type(void **state)
{
	struct thing thing = { .name = NULL };
	char error[200];

	(void)state;
	assert_int_equal(put(&thing, "name", TEXT("disk"), error), 0);
	assert_int_equal(put(&thing, "name", TEXT("disk2"), error), 0);
	assert_int_equal(put(&thing, "port", INTEGER(3260), error), 0);
	assert_int_equal(put(&thing, "spin", INTEGER(-1), error), 0);
	assert_int_equal(put(&thing, "size", TEXT("64K"), error), 0);
	assert_int_equal(put(&thing, "on", TRUTH(true), error), 0);
	assert_int_equal(put(&thing, "colour", TEXT("blue"), error), 0);
	assert_int_equal(put(&thing, "small", INTEGER(255), error), 0);
	assert_string_equal(thing.name, "disk2");
	assert_int_equal(thing.port, 3260);
	assert_int_equal(thing.spin, -1);
	assert_int_equal(thing.size, 65536);
	assert_true(thing.on);
	assert_int_equal(thing.colour, BLUE);
	assert_int_equal(thing.small, 255);
	free(thing.name);
}

static void test_setting_store__refusals_leave_the_value(void **state)
{
	struct thing thing = { .port = 7, .size = 4096, .colour = GREEN };
	char error[200];

	(void)state;
	assert_int_equal(put(&thing, "port", INTEGER(0), error), -EINVAL);
	assert_string_equal(error, "must be 1 to 65535, not 0");
	assert_int_equal(put(&thing, "port", INTEGER(65536), error), -EINVAL);
	assert_int_equal(put(&thing, "port", TEXT("3260"), error), -EINVAL);
	assert_string_equal(error, "must be 1 to 65535, not \"3260\"");
	assert_int_equal(put(&thing, "size", TEXT("1X"), error), -EINVAL);
	assert_int_equal(put(&thing, "size", TEXT("2T"), error), -EINVAL);
	assert_int_equal(put(&thing, "size", INTEGER(511), error), -EINVAL);
	assert_int_equal(put(&thing, "on", INTEGER(1), error), -EINVAL);
	assert_string_equal(error, "must be true or false, not 1");
	assert_int_equal(put(&thing, "colour", TEXT("gren"), error), -EINVAL);
	assert_string_equal(error, "must be \"red\", \"green\" or \"blue\", not \"gren\"");
	assert_int_equal(put(&thing, "colour", TRUTH(false), error), -EINVAL);
	assert_int_equal(put(&thing, "name", TEXT(""), error), -EINVAL);
	assert_int_equal(put(&thing, "name", TEXT("123456789"), error), -EINVAL);
	assert_int_equal(put(&thing, "name", INTEGER(4), error), -EINVAL);
	assert_int_equal(thing.port, 7);
	assert_int_equal(thing.size, 4096);
	assert_int_equal(thing.colour, GREEN);
	assert_null(thing.name);
}

static void test_setting_format__as_in_the_file(void **state)
{
	struct thing thing = { .port = 7, .spin = -1, .size = 4096, .colour = GREEN };
	char out[64];

	(void)state;
	setting_format(setting_find(table, "spin"), &thing, out, sizeof(out));
	assert_string_equal(out, "-1");
	setting_format(setting_find(table, "colour"), &thing, out, sizeof(out));
	assert_string_equal(out, "\"green\"");
	setting_format(setting_find(table, "on"), &thing, out, sizeof(out));
	assert_string_equal(out, "false");
	setting_format(setting_find(table, "name"), &thing, out, sizeof(out));
	assert_string_equal(out, "\"\"");
}

static void test_setting_choice__whole_words_only(void **state)
{
	(void)state;
	assert_int_equal(setting_choice("auto|on|off", "on"), 1);
	assert_int_equal(setting_choice("auto|on|off", "off"), 2);
	assert_int_equal(setting_choice("auto|on|off", "of"), -1);
	assert_int_equal(setting_choice("auto|on|off", ""), -1);
	assert_int_equal(setting_choice("auto|on|off", "auto|on"), -1);
}

static const char *nearest(const char *wanted)
{
	struct suggestion suggestion;

	suggestion_begin(&suggestion, wanted);
	suggestion_offer_table(&suggestion, table);
	return suggestion_best(&suggestion);
}

static void test_suggestion__near_and_far(void **state)
{
	(void)state;
	assert_string_equal(nearest("prot"), "port");
	assert_string_equal(nearest("colours"), "colour");
	assert_string_equal(nearest("sizes"), "size");
	assert_null(nearest("frobnicate"));
	assert_null(nearest(""));
	assert_null(nearest("a-name-that-is-longer-than-anything-that-could-be-meant"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_setting_store__every_type),
		cmocka_unit_test(test_setting_store__refusals_leave_the_value),
		cmocka_unit_test(test_setting_format__as_in_the_file),
		cmocka_unit_test(test_setting_choice__whole_words_only),
		cmocka_unit_test(test_suggestion__near_and_far),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
