/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * transport/iser/none.c: what takes the mover's place where there is no RDMA. Built always, so that
 * it stays whole.
 */
#include "transport/transport.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_create__says_why_not(void **state)
{
	struct iser_config config = { 0 };
	struct iser *iser = NULL;
	char error[128] = "";

	(void)state;
	assert_int_equal(iser_create(&config, &iser, error, sizeof(error)), -ENOSYS);
	assert_null(iser);
	assert_string_equal(error, "iSER cannot be used: this pinion was built without RDMA");
}

static void test_listen__says_why_not(void **state)
{
	struct transport_listener_config config = { .address = "192.0.2.1", .port = 3260 };
	struct transport_listener *listener = NULL;
	char error[16] = "";

	(void)state;
	assert_int_equal(iser_listen(NULL, &config, &listener, error, sizeof(error)), -ENOSYS);
	assert_null(listener);
	assert_string_equal(error, "iSER cannot be ");
}

static void never(void *context, const struct iser_device_info *info)
{
	(void)context;
	fail_msg("a device: %s", info->name);
}

static void test_nothing__can_be_ended_and_shown(void **state)
{
	(void)state;
	iser_visit_devices(NULL, never, NULL);
	iser_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create__says_why_not),
		cmocka_unit_test(test_listen__says_why_not),
		cmocka_unit_test(test_nothing__can_be_ended_and_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
