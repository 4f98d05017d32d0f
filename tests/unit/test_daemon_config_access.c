/* SPDX-License-Identifier: BSD-2-Clause */
/* daemon/config_access.c: accounts, groups and access lists, and every error of them. */
#include "daemon/config_access.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"

#define ACCOUNTS                                                                                   \
	"accounts = ( { name = \"alice\"; secret = \"alice's long secret\"; },"                   \
	" { name = \"us\"; secret = \"our own long secret\"; } );\n"
#define GROUPS "groups = ( { name = \"g\"; initiators = \"iqn.*\"; accounts = [ \"alice\" ]; } );\n"
#define LUNS "luns = ( { lun = 0; store = \"ram\"; size = 4096; }, { lun = 5; store = \"ram\"; size = 4096; } );"

static char error[1024];

static int try(const char *text, struct config **config)
{
	error[0] = '\0';
	return config_load_text("t.conf", text, config, error, sizeof(error));
}

static struct config *load(const char *text)
{
	struct config *config = NULL;

	if (try(text, &config) != 0)
		print_message("%s\n", error);
	assert_non_null(config);
	return config;
}

/* A target with an access list that has the entries ENTRIES. */
static const char *with_entries(const char *entries)
{
	static char text[4096];

	snprintf(text, sizeof(text),
		 ACCOUNTS GROUPS "targets = ( { name = \"iqn.2026-11.io.pinion:a\"; " LUNS
				 "\naccess = ( %s ); } );\n",
		 entries);
	return text;
}

static void test_access__everything(void **state)
{
	struct config *config = load(with_entries(
		"{ initiators = [ \"iqn.2026-11.org.example:*\", \"eui.*\" ];"
		" addresses = [ \"10.0.0.0/8\", \"2001:db8::/32\" ]; groups = \"g\";"
		" portal-groups = [ 1, 65535 ]; accounts = [ \"alice\" ]; mutual = \"us\";"
		" read-only = true; luns = ( { lun = 5; as = 0; read-only = true; }, { lun = 0; as = 9; } ); },\n"
		" { deny = true; }"));
	const struct config_access *access = &config->targets[0].access;
	const struct config_rule *rule = &access->rules[0];
	struct iscsi_access *built;
	unsigned line;

	(void)state;
	assert_true(access->is_set);
	assert_int_equal(access->rule_count, 2);
	assert_int_equal(rule->initiators.count, 2);
	assert_string_equal(rule->initiators.items[1], "eui.*");
	assert_string_equal(rule->addresses.items[0], "10.0.0.0/8");
	assert_string_equal(rule->groups.items[0], "g");
	assert_string_equal(rule->portal_groups.items[1], "65535");
	assert_string_equal(rule->mutual, "us");
	assert_true(rule->read_only);
	assert_true(rule->has_luns);
	assert_int_equal(rule->luns[0].lun, 5);
	assert_int_equal(rule->luns[0].as, 0);
	assert_true(rule->luns[0].read_only);
	assert_int_equal(rule->luns[1].as, 9);
	assert_true(access->rules[1].deny);
	assert_int_equal(access->rules[1].place.line, 5);
	assert_int_equal(config_access_build(config, access, &built, &line, error, sizeof(error)),
			 0);
	iscsi_access_free(built);
	config_free(config);
}

static void test_access__none_and_empty(void **state)
{
	struct config *config = load(with_entries(""));

	(void)state;
	assert_true(config->targets[0].access.is_set);
	assert_int_equal(config->targets[0].access.rule_count, 0);
	assert_false(config->discovery.access.is_set);
	config_free(config);
	config = load("");
	assert_int_equal(config->portals[0].access.is_set, false);
	config_free(config);
}

static void test_authentication__settings(void **state)
{
	struct config *config =
		load("authentication: { chap-algorithms = [ \"md5\", \"sha3-256\" ]; fips = true;"
		     " require-access = true; };");

	(void)state;
	assert_int_equal(config->iscsi.chap_algorithms[0], 5);
	assert_int_equal(config->iscsi.chap_algorithms[1], 8);
	assert_int_equal(config->iscsi.chap_algorithms[2], 0);
	assert_true(config->iscsi.fips);
	assert_true(config->iscsi.require_access);
	config_free(config);
	config = load("authentication: { allow-short-secrets = true; };"
		      "accounts = ( { name = \"a\"; secret = \"x\"; } );"
		      "discovery: { access = ( { accounts = \"a\"; } ); };"
		      "portals = ( { address = \"::1\"; access = ( { addresses = \"::1\"; } ); } );");
	assert_int_equal(config->iscsi.chap_algorithms[0], 0);
	assert_int_equal(config->discovery.access.rule_count, 1);
	assert_int_equal(config->portals[0].access.rule_count, 1);
	config_free(config);
}

static void expect_error(const char *text, const char *expected)
{
	struct config *config;

	if (try(text, &config) == 0)
		fail_msg("taken: %s", text);
	if (strstr(error, expected) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", error, expected);
	assert_null(strstr(error, "long secret"));
}

static void test_access__errors(void **state)
{
	static const struct {
		const char *entries, *error;
	} cases[] = {
		{ "{ accounts = \"bob\"; }", "t.conf:4: there is no account \"bob\"" },
		{ "{ mutual = \"bob\"; accounts = \"alice\"; }", "there is no account \"bob\"" },
		{ "{ groups = [ \"g\", \"h\" ]; }", "t.conf:4: there is no group \"h\"" },
		{ "{ },\n{ addresses = \"10.0.0.1/8\"; }", "t.conf:5: address \"10.0.0.1/8\"" },
		{ "{ initiators = \"a b\"; }", "printable ASCII" },
		{ "{ luns = ( { lun = 1; } ); }", "t.conf:4: iqn.2026-11.io.pinion:a has no LUN 1" },
		{ "{ luns = ( { lun = 0; }, { lun = 5; as = 0; } ); }", "shown as LUN 0" },
		{ "{ luns = ( { lun = 0; }, { lun = 0; as = 1; } ); }", "LUN 0 is shown twice" },
		{ "{ luns = ( { as = 0; } ); }", "\"lun\" is missing" },
		{ "{ luns = ( { lun = 0; as = 256; } ); }", "must be 0 to 255" },
		{ "{ deny = true; read-only = true; }", "an entry with \"deny\"" },
		{ "{ deny = true; accounts = \"alice\"; }", "an entry with \"deny\"" },
		{ "{ mutual = \"us\"; }", "needs accounts" },
		{ "{ accounts = \"alice\"; mutual = \"alice\"; }", "have the same secret" },
		{ "{ groups = \"g\"; mutual = \"alice\"; }", "have the same secret" },
		{ "{ accounts = [ ]; }", "an empty list" },
		{ "{ initiators = [ ]; }", "an empty list" },
		{ "{ portal-groups = [ 0 ]; }", "must be 1 to 65535" },
		{ "{ portal-groups = [ \"x\" ]; }", "must be 1 to 65535" },
		{ "{ initiators = [ 1 ]; }", "must be text in quotes" },
		{ "{ initiator = \"x\"; }", "did you mean \"initiators\"?" },
		{ "\"x\"", "must be a group" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++)
		expect_error(with_entries(cases[i].entries), cases[i].error);
}

static void test_others__errors(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "accounts = ( { name = \"a\"; secret = \"too short\"; } );",
		  "t.conf:1: account \"a\" has a secret of less than 12 bytes" },
		{ "accounts = ( { name = \"a\"; } );", "\"secret\" is missing" },
		{ "accounts = ( { name = \"a\"; secret = \"long enough 1\"; },\n"
		  " { name = \"a\"; secret = \"long enough 2\"; } );",
		  "t.conf:2: account \"a\" is there twice" },
		{ ACCOUNTS "groups = ( { name = \"g\"; }, { name = \"g\"; } );",
		  "t.conf:2: group \"g\" is there twice" },
		{ "groups = ( { name = \"g\"; accounts = \"a\"; } );", "there is no account \"a\"" },
		{ "groups = ( { name = \"g\"; initiators = [ ]; } );", "an empty list" },
		{ "groups = ( { initiators = \"*\"; } );", "\"name\" is missing" },
		{ ACCOUNTS "portals = ( { address = \"::1\"; access = ( { accounts = \"alice\"; } ); } );",
		  "not for portals" },
		{ ACCOUNTS "portals = ( { address = \"::1\"; access = ( { read-only = true; } ); } );",
		  "for access to targets" },
		{ ACCOUNTS "discovery: { access = ( { luns = ( ); } ); };", "for access to targets" },
		{ "discovery: { acces = ( ); };", "did you mean \"access\"?" },
		{ "authentication: { chap-algorithms = [ \"md4\" ]; };", "\"md4\" in chap-algorithms" },
		{ "authentication: { chap-algorithms = [ \"md5\", \"md5\" ]; };", "each once" },
		{ "authentication: { chap-algorithms = [ ]; };", "leaves none" },
		{ "authentication: { chap-algorithms = \"md5\"; fips = true; };",
		  "leaves none that \"fips\" allows" },
		{ "authentication: { secrets = \"/nonexistent/secrets\"; };",
		  "t.conf:1: /nonexistent/secrets: No such file" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++)
		expect_error(cases[i].text, cases[i].error);
}

/* Loads a configuration whose file with secrets has TEXT and MODE. */
static int load_secrets(const char *text, mode_t mode, struct config **config)
{
	char path[] = "/tmp/pinion-secrets-XXXXXX";
	char conf[256];
	int fd = mkstemp(path);
	int rc;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	snprintf(conf, sizeof(conf),
		 "accounts = ( { name = \"here\"; secret = \"long enough 0\"; } );\n"
		 "authentication: { secrets = \"%s\"; };",
		 path);
	rc = try(conf, config);
	unlink(path);
	return rc;
}

#define THERE "accounts = ( { name = \"there\"; secret = \"long enough 1\"; } );"

static void test_secrets__file(void **state)
{
	struct config *config;

	(void)state;
	assert_int_equal(load_secrets(THERE, 0600, &config), 0);
	assert_int_equal(config->account_count, 2);
	assert_string_equal(config->accounts[1].name, "there");
	assert_string_equal(config->accounts[1].secret, "long enough 1");
	config_free(config);
	assert_int_equal(load_secrets("", 0400, &config), 0);
	config_free(config);
	assert_int_equal(load_secrets(THERE, 0640, &config), -EPERM);
	assert_non_null(strstr(error, "t.conf:2: "));
	assert_non_null(strstr(error, "its mode is 0640"));
	assert_int_equal(load_secrets(THERE, 0604, &config), -EPERM);
	assert_int_equal(load_secrets(THERE, 0602, &config), -EPERM);
	assert_int_equal(load_secrets("portals = ( );", 0600, &config), -EINVAL);
	assert_non_null(strstr(error, ":1: unknown setting \"portals\" in a file with secrets"));
	assert_non_null(strstr(error, "/pinion-secrets-"));
	assert_int_equal(load_secrets("accounts = ( {", 0600, &config), -EINVAL);
	assert_int_equal(
		load_secrets("\naccounts = ( { name = \"here\"; secret = \"long enough 1\"; } );",
			     0600, &config),
		-EINVAL);
	assert_non_null(strstr(error, "account \"here\" (/tmp/pinion-secrets-"));
	assert_non_null(strstr(error, ":2) is there twice"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_access__everything),
		cmocka_unit_test(test_access__none_and_empty),
		cmocka_unit_test(test_authentication__settings),
		cmocka_unit_test(test_access__errors),
		cmocka_unit_test(test_others__errors),
		cmocka_unit_test(test_secrets__file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
