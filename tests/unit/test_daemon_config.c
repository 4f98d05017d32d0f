/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration: what is read, and that every error names its line. */
#include "daemon/config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"

static char error[1024];

static struct config *load(const char *text)
{
	struct config *config = NULL;

	error[0] = '\0';
	if (config_load_text("t.conf", text, &config, error, sizeof(error)) != 0)
		print_message("%s\n", error);
	assert_non_null(config);
	return config;
}

/* A configuration with one target whose only LUN is LUN, and nothing else. */
static char *with_lun(const char *lun)
{
	static char text[2048];

	snprintf(text, sizeof(text), "targets = (\n { name = \"iqn.2026-11.io.pinion:a\";\n luns = (\n"
				     "%s\n ); } );\n", lun);
	return text;
}

static void test_load__defaults(void **state)
{
	struct config *config = load("");

	(void)state;
	assert_string_equal(config->performance.cores, "all");
	assert_int_equal(config->performance.engine, ENGINE_AUTO);
	assert_int_equal(config->performance.busy_poll_us, BUSY_POLL_ADAPTIVE);
	assert_int_equal(config->performance.numa_buffers, 1024);
	assert_int_equal(config->performance.numa_buffer_size, 262144);
	assert_int_equal(config->performance.huge_pages, MEMORY_AUTO);
	assert_int_equal(config->performance.lock_memory, MEMORY_AUTO);
	assert_int_equal(config->log_level, LOG_LEVEL_INFO);
	assert_string_equal(config->control.socket, "/run/pinion/control.sock");
	assert_true(config->control.is_default);
	assert_int_equal(config->iscsi.max_connections, 1024);
	assert_int_equal(config->iscsi.login_timeout_s, 15);
	assert_int_equal(config->iscsi.values.queue_depth, 128);
	assert_int_equal(config->portal_count, 2);
	assert_string_equal(config->portals[0].address, "0.0.0.0");
	assert_int_equal(config->portals[0].port, 3260);
	assert_false(config->portals[0].optional);
	assert_string_equal(config->portals[1].address, "::");
	assert_true(config->portals[1].optional);
	assert_int_equal(config->target_count, 0);
	config_free(config);
}

static void test_load__everything(void **state)
{
	struct config *config = load(
		"performance: { cores = \"0-1\"; engine = \"epoll\"; busy-poll-us = 50;\n"
		" numa-buffers = 64; numa-buffer-size = \"64K\"; huge-pages = \"off\";\n"
		" lock-memory = \"on\"; };\n"
		"log: { level = \"debug\"; }; control: { socket = \"/tmp/x.sock\"; };\n"
		"iscsi: { max-connections = 7; queue-depth = 32; header-digest = \"required\";\n"
		" data-digest = \"off\"; initial-r2t = true; first-burst-length = \"32K\"; };\n"
		"shutdown: { grace = 1; };\n"
		"portals = ( { address = \"127.0.0.1\"; port = 13260; group = 2; },\n"
		" { address = \"::1\"; } );\n"
		"targets = ( { name = \"IQN.2026-11.io.Pinion:B\"; alias = \"the disk\"; luns = (\n"
		" { lun = 3; store = \"ram\"; size = 5000000000; block-size = 4096; removable = true;\n"
		"   vendor = \"ACME\"; product = \"Disk\"; revision = \"1.0\"; serial = \"S1\";\n"
		"   naa = \"0x6001405000000000000000000000abcd\"; rotation-rate = 1; thin = true; },\n"
		" { lun = 0; store = \"file\"; path = \"/srv/a b\"; direct = \"on\"; read-only = true;\n"
		"   naa = \"naa.5001405000000001\"; } ); } );\n");
	const struct config_lun *lun;

	(void)state;
	assert_string_equal(config->performance.cores, "0-1");
	assert_int_equal(config->performance.engine, ENGINE_EPOLL);
	assert_int_equal(config->performance.busy_poll_us, 50);
	assert_int_equal(config->performance.numa_buffer_size, 65536);
	assert_int_equal(config->performance.huge_pages, MEMORY_OFF);
	assert_int_equal(config->performance.lock_memory, MEMORY_ON);
	assert_int_equal(config->log_level, LOG_LEVEL_DEBUG);
	assert_false(config->control.is_default);
	assert_int_equal(config->iscsi.max_connections, 7);
	assert_int_equal(config->iscsi.values.header_digest, ISCSI_DIGEST_REQUIRED);
	assert_int_equal(config->iscsi.values.data_digest, ISCSI_DIGEST_OFF);
	assert_true(config->iscsi.values.initial_r2t);
	assert_int_equal(config->iscsi.values.first_burst_length, 32768);
	assert_int_equal(config->shutdown_grace_s, 1);
	assert_int_equal(config->portal_count, 2);
	assert_int_equal(config->portals[0].group, 2);
	assert_int_equal(config->portals[1].port, 3260);
	assert_int_equal(config->target_count, 1);
	/* RFC 7143 section 4.2.7.2: names are compared in lower case. */
	assert_string_equal(config->targets[0].name, "iqn.2026-11.io.pinion:b");
	assert_string_equal(config->targets[0].alias, "the disk");
	lun = &config->targets[0].luns[0];
	assert_int_equal(lun->lun, 3);
	assert_string_equal(lun->stores[0].ops->name, "ram");
	assert_string_equal(lun->stores[0].arguments[0].name, "size");
	/* libconfig 1.5 alone would read 705032704. */
	assert_string_equal(lun->stores[0].arguments[0].value, "5000000000");
	assert_int_equal(lun->block_size, 4096);
	assert_int_equal(lun->naa_length, 16);
	assert_int_equal(lun->naa[0], 0x60);
	assert_int_equal(lun->naa[15], 0xcd);
	assert_true(lun->removable && lun->thin && !lun->read_only);
	lun = &config->targets[0].luns[1];
	assert_true(lun->read_only);
	assert_int_equal(lun->naa_length, 8);
	assert_int_equal(lun->stores[0].argument_count, 2);
	assert_string_equal(lun->stores[0].arguments[0].value, "/srv/a b");
	config_free(config);
}

#define TARGET "targets = (\n{ name = \"iqn.2026-11.io.pinion:a\"; luns = (\n"

/* What is wrong, and the one line that must say so. */
static const struct {
	const char *text;
	const char *error;
} wrong[] = {
	{ "log: {\n level = \"loud\"; };",
	  "t.conf:2: \"level\" in log must be \"error\", \"warning\", \"info\" or \"debug\", not "
	  "\"loud\"" },
	{ "\niscsi: {\n\n foo = 1; };", "t.conf:4: unknown setting \"foo\" in iscsi" },
	{ "iscsi: { queue-dept = 1; };",
	  "t.conf:1: unknown setting \"queue-dept\" in iscsi (did you mean \"queue-depth\"?)" },
	{ "\n\nportal = ();",
	  "t.conf:3: unknown setting \"portal\" in the file (did you mean \"portals\"?)" },
	{ "iscsi: { queue-depth = 0; };",
	  "t.conf:1: \"queue-depth\" in iscsi must be 1 to 1024, not 0" },
	{ "iscsi: { queue-depth = \"8\"; };",
	  "t.conf:1: \"queue-depth\" in iscsi must be 1 to 1024, not \"8\"" },
	{ "iscsi: { queue-depth = 1.5; };",
	  "t.conf:1: \"queue-depth\" in iscsi must be 1 to 1024, not a number with a fraction" },
	{ "iscsi: { queue-depth = 4294967297; };",
	  "t.conf:1: \"queue-depth\" in iscsi must be 1 to 1024, not 4294967297" },
	{ "iscsi: { queue-depth = 99999999999999999999; };",
	  "t.conf:1: this integer is too large" },
	{ "iscsi: { initial-r2t = 1; };",
	  "t.conf:1: \"initial-r2t\" in iscsi must be true or false, not 1" },
	{ "iscsi: {\n max-burst-length = 4096;\n first-burst-length = 8192; };",
	  "t.conf:1: \"first-burst-length\" in iscsi must not be above max-burst-length (4096)" },
	{ "iscsi: {\n first-burst-length = \"128K\"; };",
	  "t.conf:2: \"first-burst-length\" in iscsi must be a size (say 65536, \"64K\" or \"1G\") of "
	  "512 to 65536, not \"128K\"" },
	{ "iscsi = 5;", "t.conf:1: \"iscsi\" must be a group: { ... }" },
	{ "log: { level = \"info\"; };\nlog: { };", "t.conf:2: duplicate setting name" },
	{ "a = {\n", "t.conf:2: syntax error" },
	{ "@include \"/etc/passwd\"", "t.conf:1: @include is not supported" },
	{ "performance: {\n cores = \"3-1\"; };",
	  "t.conf:2: \"cores\" in performance must be \"all\" or a list as \"0-3,6\", not \"3-1\"" },
	{ "performance: { numa-buffer-size = \"4X\"; };",
	  "t.conf:1: \"numa-buffer-size\" in performance must be a size (say 65536, \"64K\" or "
	  "\"1G\") of 4096 to 1073741824, not \"4X\"" },
	{ "portals = ();", "t.conf:1: \"portals\" is empty" },
	{ "portals = { };", "t.conf:1: \"portals\" must be a list of groups: ( { ... }, { ... } )" },
	{ "portals = (\n 5 );", "t.conf:2: each entry of \"portals\" must be a group: { ... }" },
	{ "portals = (\n { port = 5; } );",
	  "t.conf:2: the setting \"address\" is missing in portals" },
	{ "portals = (\n\n { address = \"localhost\"; } );",
	  "t.conf:3: \"localhost\" is no numeric IPv4 or IPv6 address" },
	{ "portals = ( { address = \"::1\"; },\n { address = \"0:0::1\"; port = 3260; } );",
	  "t.conf:2: portal 0:0::1 port 3260 is there twice (first in line 1)" },
	/* Of what those refuse who listen or connect there: */
	{ "portals = ( { address = \"127.1\"; } );",
	  "t.conf:1: \"127.1\" is no numeric IPv4 or IPv6 address" },
	{ "portals = ( { address = \"fe80::1%lo\"; } );",
	  "t.conf:1: \"fe80::1%lo\" is no numeric IPv4 or IPv6 address" },
	{ "isns: {\n server = \"isns.example.org\"; };",
	  "t.conf:2: \"server\" in isns must be a numeric IPv4 or IPv6 address, not "
	  "\"isns.example.org\"" },
	{ "portals = ( { address = \"0.0.0.0\"; iser = true;\n interface = \"eth1\"; } );",
	  "t.conf:1: \"interface\" does not hold for iSER, which would serve all devices: portal "
	  "0.0.0.0 needs an address of that interface" },
	{ "portals = ( { address = \"::1\"; iscsi: { max-burst-length = 4096;\n"
	  " first-burst-length = 8192; }; } );",
	  "t.conf:1: \"first-burst-length\" in iscsi must not be above max-burst-length (4096)" },
	{ "targets = ( { name = \"iqn.2026-11.a.b:c\"; iscsi: { max-burst-length = 4096;\n"
	  " first-burst-length = 8192; }; } );",
	  "t.conf:1: \"first-burst-length\" in iscsi must not be above max-burst-length (4096)" },
	{ "targets = ( { name = \"iqn.2026-11.a.b:c\"; redirect-permanently = true; } );",
	  "t.conf:1: \"redirect-permanently\" of iqn.2026-11.a.b:c needs redirect" },
	{ "targets = ( { name = \"iqn.2026-11.a.b:c\"; alua = \"both\";\n"
	  " port-groups = ( { group = 1; },\n { group = 1; } ); } );",
	  "t.conf:3: portal group 1 of iqn.2026-11.a.b:c is there twice" },
	{ "targets = ( { name = \"iqn.2026-11.a.b:c\"; alua = \"both\";\n"
	  " port-groups = ( { group = 2; } ); } );",
	  "t.conf:2: portal group 2 of iqn.2026-11.a.b:c has no portal" },
	/* A comment that does not end where it begins. */
	{ "/*/ \" */\n@include \"/x\"\n#\"", "t.conf:2: @include is not supported" },
	{ "portals = ( { address = \"::1\"; port = 65536; } );",
	  "t.conf:1: \"port\" in portals must be 0 to 65535, not 65536" },
	{ "targets = (\n { luns = (); } );", "t.conf:2: the setting \"name\" is missing in targets" },
	{ "targets = ( {\n name = \"disk\"; } );",
	  "t.conf:2: \"disk\" is no iSCSI name (iqn.YYYY-MM.reversed.domain:any, eui. or naa. and "
	  "hexadecimal digits)" },
	{ "targets = ( { name = \"iqn.2026-11.a:b\"; },\n { name = \"iqn.2026-11.A:B\"; } );",
	  "t.conf:2: target iqn.2026-11.a:b is there twice (first in line 1)" },
	{ "targets = ( { name = \"iqn.2026-11.a:b\"; lun = (); } );",
	  "t.conf:1: unknown setting \"lun\" in targets (did you mean \"luns\"?)" },
	{ TARGET "{ store = \"ram\"; size = 1; } ); } );",
	  "t.conf:3: the setting \"lun\" is missing in a LUN of iqn.2026-11.io.pinion:a" },
	{ TARGET "{ lun = 256; store = \"ram\"; size = 1; } ); } );",
	  "t.conf:3: \"lun\" in LUN 256 of iqn.2026-11.io.pinion:a must be 0 to 255, not 256" },
	{ TARGET "{ lun = 1;\n size = 1; } ); } );",
	  "t.conf:3: the setting \"store\" is missing in LUN 1 of iqn.2026-11.io.pinion:a" },
	{ TARGET "{ lun = 1; store =\n \"rum\"; } ); } );",
	  "t.conf:3: there is no store \"rum\" in LUN 1 of iqn.2026-11.io.pinion:a (did you mean "
	  "\"ram\"?)" },
	{ TARGET "{ lun = 1; store = \"ram\"; } ); } );",
	  "t.conf:3: the setting \"size\" of store \"ram\" is missing in LUN 1 of "
	  "iqn.2026-11.io.pinion:a" },
	{ TARGET "{ lun = 1; store = \"ram\"; size = \"1G\";\n path = \"/x\"; } ); } );",
	  "t.conf:4: unknown setting \"path\" in LUN 1 of iqn.2026-11.io.pinion:a" },
	{ TARGET "{ lun = 1; store = \"file\";\n pat = \"/x\"; } ); } );",
	  "t.conf:4: unknown setting \"pat\" in LUN 1 of iqn.2026-11.io.pinion:a (did you mean "
	  "\"path\"?)" },
	{ TARGET "{ lun = 1; store = \"file\"; path = \"/x\";\n direct = \"yes\"; } ); } );",
	  "t.conf:4: \"direct\" in LUN 1 of iqn.2026-11.io.pinion:a must be \"auto\", \"on\" or "
	  "\"off\", not \"yes\"" },
	{ TARGET "{ lun = 1; store = \"ram\"; size = \"1Q\"; } ); } );",
	  "t.conf:3: \"size\" in LUN 1 of iqn.2026-11.io.pinion:a must be a size (say 65536, \"64K\" "
	  "or \"1G\") of 0 to 9223372036854775807, not \"1Q\"" },
	{ TARGET "{ lun = 1; store = \"ram\"; size = 1; },\n { lun = 1; store = \"null\"; size = 1; } ); } );",
	  "t.conf:4: LUN 1 of iqn.2026-11.io.pinion:a is there twice (first in line 3)" },
	{ TARGET "{ lun = 1; store = \"ram\"; size = 1; block-size = 520; } ); } );",
	  "t.conf:3: \"block-size\" in LUN 1 of iqn.2026-11.io.pinion:a must be 512 or 4096" },
	{ TARGET "{ lun = 1; store = \"null\"; size = 1; protection = 1; } ); } );",
	  "t.conf:3: \"protection\" in LUN 1 of iqn.2026-11.io.pinion:a is for a store that keeps its "
	  "data, not for \"null\"" },
	{ TARGET "{ lun = 1; store = \"null\"; size = 1; protection = 1;\n"
		 "filters = ( { store = \"trace\"; output = \"/t\"; } ); protection-path = \"/x\"; } ); } );",
	  "t.conf:3: \"protection\" in LUN 1 of iqn.2026-11.io.pinion:a is for a store that keeps its "
	  "data, not for \"null\"" },
	{ TARGET "{ lun = 1; store = \"ram\"; size = 1; protection-path = \"/x\"; } ); } );",
	  "t.conf:3: \"protection-path\" in LUN 1 of iqn.2026-11.io.pinion:a needs \"protection\"" },
	{ TARGET "{ lun = 1; store = \"ram\"; size = 1; protection = 1; protection-path = \"/x\"; } ); } );",
	  "t.conf:3: \"protection-path\" in LUN 1 of iqn.2026-11.io.pinion:a is for a store that is "
	  "not in memory" },
	{ TARGET "{ lun = 1; store = \"file\"; path = \"/x\"; protection = 3; } ); } );",
	  "t.conf:3: \"protection-path\" in LUN 1 of iqn.2026-11.io.pinion:a is needed with "
	  "\"protection\"" },
	{ TARGET "{ lun = 1; store = \"ram\"; size = 1; naa = \"0x7001405000000001\"; } ); } );",
	  "t.conf:3: \"naa\" in LUN 1 of iqn.2026-11.io.pinion:a must be 32 hexadecimal digits that "
	  "begin with 6, or 16 that begin with 2, 3 or 5" },
	{ TARGET "{ lun = 1; store = \"ram\"; size = 1; naa = \"5001405000000001\"; },\n"
		 "{ lun = 2; store = \"ram\"; size = 1; naa = \"0x5001405000000001\"; } ); } );",
	  "t.conf:4: the naa of line 4 is there twice (first in line 3)" },
	{ TARGET "{ lun = 1; store = \"ram\"; size = 1; vendor = \"A\\tB\"; } ); } );",
	  "t.conf:3: vendor, product, revision and serial in LUN 1 of iqn.2026-11.io.pinion:a must "
	  "be printable ASCII" },
	{ TARGET "{ lun = 1; store = \"ram\"; size = 1; vendor = \"NINECHARS\"; } ); } );",
	  "t.conf:3: \"vendor\" in LUN 1 of iqn.2026-11.io.pinion:a must be 1 to 8 characters long, "
	  "not 9" },
	{ "targets = ( { name = \"iqn.2026-11.a:b\";\n port-groups = ( { group = 1; } ); } );",
	  "t.conf:2: \"port-groups\" of iqn.2026-11.a:b needs alua" },
	{ "targets = ( { name = \"iqn.2026-11.a:b\"; alua = \"both\";\n"
	  " port-groups = ( { group = 1; state = \"up\"; } ); } );",
	  "t.conf:2: \"state\" in port-groups must be \"optimized\", \"non-optimized\", "
	  "\"standby\", \"unavailable\" or \"transitioning\", not \"up\"" },
	{ TARGET "{ lun = 1; store = \"ram\"; size = 1;\n filters = ( { store = \"ram\"; } ); } ); } );",
	  "t.conf:4: store \"ram\" in a filter of LUN 1 of iqn.2026-11.io.pinion:a cannot stand on "
	  "another one" },
};

static void test_load__every_error_has_its_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct config *config = NULL;

		error[0] = '\0';
		assert_int_equal(config_load_text("t.conf", wrong[i].text, &config, error,
						  sizeof(error)),
				 -EINVAL);
		assert_null(config);
		assert_string_equal(error, wrong[i].error);
	}
}

/* Any prefix of a right file is right or has an error, and nothing leaks or crashes. */
static void test_load__every_prefix(void **state)
{
	const char *whole = with_lun("{ lun = 1; store = \"ram\"; size = \"1G\"; naa = "
				     "\"5001405000000001\"; serial = \"a\\\"b\"; /* c */ # d\n }");
	char text[2048];

	(void)state;
	for (size_t len = 0; len <= strlen(whole); len++) {
		struct config *config = NULL;

		memcpy(text, whole, len);
		text[len] = '\0';
		error[0] = '\0';
		if (config_load_text("t.conf", text, &config, error, sizeof(error)) == 0)
			config_free(config);
		else
			assert_true(strncmp(error, "t.conf:", 7) == 0);
	}
}

static void write_file(const char *path, const void *data, size_t len)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void test_load_file__absent_and_unreadable(void **state)
{
	static const char nul[] = "log: { };\n\n\0garbage";
	char path[] = "/tmp/pinion-test-XXXXXX";
	char expected[100];
	struct config *config;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(config_load_file("/nowhere/x.conf", &config, error, sizeof(error)), -ENOENT);
	assert_string_equal(error, "/nowhere/x.conf: No such file or directory");
	assert_int_equal(config_load_file("/tmp", &config, error, sizeof(error)), -EISDIR);
	write_file(path, nul, sizeof(nul) - 1);
	assert_int_equal(config_load_file(path, &config, error, sizeof(error)), -EINVAL);
	snprintf(expected, sizeof(expected), "%s:3: there is a NUL byte: this is no text file", path);
	assert_string_equal(error, expected);
	unlink(path);
}

static void test_load_ram__the_embedded_default(void **state)
{
	struct config *config;

	(void)state;
	assert_int_equal(config_load_ram("5G", NULL, NULL, &config, error, sizeof(error)), 0);
	assert_int_equal(config->portal_count, 1);
	assert_string_equal(config->portals[0].address, "127.0.0.1");
	assert_int_equal(config->portals[0].port, 3260);
	assert_int_equal(config->target_count, 1);
	assert_string_equal(config->targets[0].name, "iqn.2026-11.io.pinion:ram");
	assert_int_equal(config->targets[0].lun_count, 1);
	assert_int_equal(config->targets[0].luns[0].lun, 0);
	assert_string_equal(config->targets[0].luns[0].stores[0].arguments[0].value, "5368709120");
	assert_true(config->control.is_default);
	config_free(config);

	assert_int_equal(config_load_ram("1G", "[::1]:0", "/tmp/c", &config, error, sizeof(error)), 0);
	assert_string_equal(config->portals[0].address, "::1");
	assert_int_equal(config->portals[0].port, 0);
	assert_string_equal(config->control.socket, "/tmp/c");
	assert_false(config->control.is_default);
	config_free(config);
}

static void test_load_ram__wrong_options(void **state)
{
	static const char *const listens[] = { "", ":", "1.2.3.4", "1.2.3.4:", "1.2.3.4:x",
					       "::1:3260", "[::1]", "1.2.3.4:65536", "host:3260" };
	struct config *config;

	(void)state;
	assert_int_equal(config_load_ram("big", NULL, NULL, &config, error, sizeof(error)), -EINVAL);
	assert_string_equal(error, "--ram: \"big\" is no size (say 512M or 1G)");
	assert_int_equal(config_load_ram("0", NULL, NULL, &config, error, sizeof(error)), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(listens); i++) {
		error[0] = '\0';
		assert_int_equal(config_load_ram("1G", listens[i], NULL, &config, error,
						 sizeof(error)),
				 -EINVAL);
		assert_true(strncmp(error, "--listen", 8) == 0);
	}
}

static void test_load__redirect(void **state)
{
	static const char *const right[] = { "192.0.2.1",     "192.0.2.1:3260",	      "[2001:db8::1]",
					     "[2001:db8::1]:1", "storage.example.org:65535", "a-b_c",
					     "example.org." };
	static const char *const bad[] = { "2001:db8::1", "192.0.2.1:0",    "192.0.2.1:65536",
					   "192.0.2",	  "192.0.2.1,1",    "[192.0.2.1]",
					   "[::1",	  "[::1]x",	    "[::1%lo]",
					   "a b",	  "not a host:::",  "a:0x10",
					   "a:",	  ":3260",	    "a..b",
					   ".a",	  "a-.b",	    "-a",
					   "a:3260,1" };
	static const char format[] =
		"targets = ( { name = \"iqn.2026-11.a.b:c\";\n redirect = \"%s\"; } );";
	struct config *config;
	char text[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(right); i++) {
		snprintf(text, sizeof(text), format, right[i]);
		config = load(text);
		assert_string_equal(config->targets[0].redirect, right[i]);
		config_free(config);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(text, sizeof(text), format, bad[i]);
		print_message("%s\n", bad[i]);
		assert_int_equal(config_load_text("t.conf", text, &config, error, sizeof(error)),
				 -EINVAL);
		assert_non_null(strstr(error, "t.conf:1: \"redirect\" of iqn.2026-11.a.b:c must be "));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_load__redirect),
		cmocka_unit_test(test_load__defaults),
		cmocka_unit_test(test_load__everything),
		cmocka_unit_test(test_load__every_error_has_its_line),
		cmocka_unit_test(test_load__every_prefix),
		cmocka_unit_test(test_load_file__absent_and_unreadable),
		cmocka_unit_test(test_load_ram__the_embedded_default),
		cmocka_unit_test(test_load_ram__wrong_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
