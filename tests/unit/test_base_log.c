/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of base/log.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

struct kept {
	int count;
	enum log_level level;
	char line[2048];
};

static void keep(void *ctx, enum log_level level, const char *line)
{
	struct kept *kept = ctx;

	kept->count++;
	kept->level = level;
	snprintf(kept->line, sizeof(kept->line), "%s", line);
}

static int restore(void **state)
{
	(void)state;
	log_set_callback(NULL, NULL);
	log_set_level(LOG_LEVEL_INFO);
	return 0;
}

static void test_log_set_level__less_important_is_dropped(void **state)
{
	struct kept kept = { 0 };
	int evaluated = 0;

	(void)state;
	log_set_callback(keep, &kept);
	assert_int_equal(log_get_level(), LOG_LEVEL_INFO);
	log_debug("%d", ++evaluated);
	assert_int_equal(kept.count, 0);
	assert_int_equal(evaluated, 0);
	log_info("hello %s", "world");
	assert_int_equal(kept.count, 1);
	assert_int_equal(kept.level, LOG_LEVEL_INFO);
	assert_string_equal(kept.line, "hello world");
	log_set_level(LOG_LEVEL_ERROR);
	log_warning("no");
	assert_int_equal(kept.count, 1);
	log_error("yes");
	assert_string_equal(kept.line, "yes");
}

static void test_log_write__control_characters_cannot_forge_lines(void **state)
{
	struct kept kept = { 0 };

	(void)state;
	log_set_callback(keep, &kept);
	log_info("name %s", "evil\nERROR: fake\x1b[2J\x7f");
	assert_string_equal(kept.line, "name evil?ERROR: fake?[2J?");
}

static void test_log_write__long_line_is_cut_visibly(void **state)
{
	struct kept kept = { 0 };
	char text[4000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_set_callback(keep, &kept);
	log_info("%s", text);
	assert_in_range(strlen(kept.line), 500, 1100);
	assert_string_equal(kept.line + strlen(kept.line) - 4, "x...");
}

static void test_log_write__keeps_errno(void **state)
{
	struct kept kept = { 0 };

	(void)state;
	log_set_callback(keep, &kept);
	errno = ENOTTY;
	log_info("%m");
	assert_int_equal(errno, ENOTTY);
	assert_string_equal(kept.line, strerror(ENOTTY));
}

static void test_log_level_parse__names_round_trip(void **state)
{
	enum log_level level = LOG_LEVEL_ERROR;

	(void)state;
	for (int i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++) {
		assert_int_equal(log_level_parse(log_level_name((enum log_level)i), &level), 0);
		assert_int_equal(level, i);
	}
	assert_int_equal(log_level_parse("warning", &level), 0);
	assert_int_equal(level, LOG_LEVEL_WARNING);
	assert_int_equal(log_level_parse("loud", &level), -EINVAL);
	assert_int_equal(level, LOG_LEVEL_WARNING);
}

static void test_log_limit_admit__burst_then_count(void **state)
{
	struct log_limit limit = { 0 };
	uint64_t now = 5000 * CLOCK_NS_PER_S;
	uint32_t suppressed = 99;

	(void)state;
	for (int i = 0; i < LOG_LIMIT_BURST; i++) {
		assert_true(log_limit_admit(&limit, now, &suppressed));
		assert_int_equal(suppressed, 0);
	}
	for (int i = 0; i < 1000; i++)
		assert_false(log_limit_admit(&limit, now + CLOCK_NS_PER_S, &suppressed));
	now += LOG_LIMIT_INTERVAL_S * CLOCK_NS_PER_S;
	assert_true(log_limit_admit(&limit, now, &suppressed));
	assert_int_equal(suppressed, 1000);
	assert_true(log_limit_admit(&limit, now, &suppressed));
	assert_int_equal(suppressed, 0);
}

static void test_log_limited__a_flood_is_a_few_lines(void **state)
{
	struct log_limit limit = { 0 };
	struct kept kept = { 0 };

	(void)state;
	log_set_callback(keep, &kept);
	for (int i = 0; i < 10000; i++)
		log_limited(&limit, LOG_LEVEL_INFO, "bad PDU %d", i);
	/* Twice the burst if the test happens to cross an interval. */
	assert_in_range(kept.count, LOG_LIMIT_BURST, 2 * LOG_LIMIT_BURST);
	log_limited(&limit, LOG_LEVEL_DEBUG, "not even counted");
}

static void test_log_limited__says_how_many_were_suppressed(void **state)
{
	struct log_limit limit = { .interval_start_ns = 1, .suppressed = 12 };
	struct kept kept = { 0 };

	(void)state;
	log_set_callback(keep, &kept);
	log_limited(&limit, LOG_LEVEL_WARNING, "bad PDU");
	assert_string_equal(kept.line, "bad PDU (and 12 such lines suppressed)");
}

/* What "line" looks like on a stderr that is a temporary file. */
static void capture_stderr(char *out, size_t len, bool journal)
{
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);
	struct stat status;
	char stream[64];
	size_t got;

	assert_non_null(file);
	assert_true(saved >= 0);
	assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
	assert_int_equal(fstat(STDERR_FILENO, &status), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)status.st_dev,
		 (unsigned long long)status.st_ino + (journal ? 0 : 1));
	setenv("JOURNAL_STREAM", stream, 1);
	log_warning("line");
	unsetenv("JOURNAL_STREAM");
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	got = fread(out, 1, len - 1, file);
	out[got] = '\0';
	fclose(file);
}

static void test_log_write__stderr_has_a_timestamp(void **state)
{
	regex_t pattern;
	char line[256];

	(void)state;
	capture_stderr(line, sizeof(line), false);
	assert_int_equal(regcomp(&pattern,
				 "^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}"
				 "\\.[0-9]{3} warning: line\n$",
				 REG_EXTENDED | REG_NOSUB),
			 0);
	assert_int_equal(regexec(&pattern, line, 0, NULL, 0), 0);
	regfree(&pattern);
}

static void test_log_write__journal_has_a_priority(void **state)
{
	char line[256];

	(void)state;
	capture_stderr(line, sizeof(line), true);
	assert_string_equal(line, "<4>line\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_log_set_level__less_important_is_dropped, restore),
		cmocka_unit_test_teardown(test_log_write__control_characters_cannot_forge_lines,
					  restore),
		cmocka_unit_test_teardown(test_log_write__long_line_is_cut_visibly, restore),
		cmocka_unit_test_teardown(test_log_write__keeps_errno, restore),
		cmocka_unit_test(test_log_level_parse__names_round_trip),
		cmocka_unit_test(test_log_limit_admit__burst_then_count),
		cmocka_unit_test_teardown(test_log_limited__a_flood_is_a_few_lines, restore),
		cmocka_unit_test_teardown(test_log_limited__says_how_many_were_suppressed, restore),
		cmocka_unit_test(test_log_write__stderr_has_a_timestamp),
		cmocka_unit_test(test_log_write__journal_has_a_priority),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
