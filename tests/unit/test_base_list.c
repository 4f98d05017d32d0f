/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of base/container.h and base/list.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/container.h"
#include "base/list.h"

struct item {
	int number;
	struct list_node node;
};

static int number_of(struct list_node *node)
{
	return container_of(node, struct item, node)->number;
}

/* Asserts that `list` holds exactly the `count` numbers, both ways round. */
static void assert_numbers(struct list *list, const int *numbers, size_t count)
{
	struct list_node *node;
	size_t i = 0;

	LIST_FOR_EACH(node, list)
	{
		assert_true(i < count);
		assert_int_equal(number_of(node), numbers[i++]);
	}
	assert_int_equal(i, count);
	for (node = list->head.prev; node != &list->head; node = node->prev)
		assert_int_equal(number_of(node), numbers[--i]);
	assert_int_equal(i, 0);
}

static void test_list_push_back__keeps_order(void **state)
{
	struct item a = { .number = 1 }, b = { .number = 2 }, c = { .number = 3 };
	struct list list;

	(void)state;
	list_init(&list);
	assert_true(list_is_empty(&list));
	list_push_back(&list, &b.node);
	list_push_back(&list, &c.node);
	list_push_front(&list, &a.node);
	assert_false(list_is_empty(&list));
	assert_numbers(&list, (int[]){ 1, 2, 3 }, 3);
}

static void test_list_insert_before__goes_between(void **state)
{
	struct item a = { .number = 1 }, b = { .number = 2 }, c = { .number = 3 };
	struct list list;

	(void)state;
	list_init(&list);
	list_push_back(&list, &a.node);
	list_push_back(&list, &c.node);
	list_insert_before(&c.node, &b.node);
	assert_numbers(&list, (int[]){ 1, 2, 3 }, 3);
}

static void test_list_remove__twice_is_harmless(void **state)
{
	struct item a = { .number = 1 }, b = { .number = 2 };
	struct list list;

	(void)state;
	list_init(&list);
	list_push_back(&list, &a.node);
	list_push_back(&list, &b.node);
	assert_true(list_is_linked(&a.node));
	list_remove(&a.node);
	list_remove(&a.node);
	assert_false(list_is_linked(&a.node));
	assert_numbers(&list, (int[]){ 2 }, 1);
	list_push_back(&list, &a.node);
	assert_numbers(&list, (int[]){ 2, 1 }, 2);
}

static void test_list_remove__never_linked_is_harmless(void **state)
{
	struct item a = { .number = 1 };

	(void)state;
	list_remove(&a.node);
	assert_false(list_is_linked(&a.node));
}

static void test_list_pop_front__oldest_first_then_null(void **state)
{
	struct item a = { .number = 1 }, b = { .number = 2 };
	struct list list;

	(void)state;
	list_init(&list);
	list_push_back(&list, &a.node);
	list_push_back(&list, &b.node);
	assert_ptr_equal(list_front(&list), &a.node);
	assert_ptr_equal(list_pop_front(&list), &a.node);
	assert_false(list_is_linked(&a.node));
	assert_ptr_equal(list_pop_front(&list), &b.node);
	assert_null(list_pop_front(&list));
	assert_null(list_front(&list));
}

static void test_list_splice_back__appends_and_empties(void **state)
{
	struct item items[4] = {
		{ .number = 1 }, { .number = 2 }, { .number = 3 }, { .number = 4 }
	};
	struct list list, source;

	(void)state;
	list_init(&list);
	list_init(&source);
	list_push_back(&list, &items[0].node);
	list_push_back(&list, &items[1].node);
	list_push_back(&source, &items[2].node);
	list_push_back(&source, &items[3].node);
	list_splice_back(&list, &source);
	assert_true(list_is_empty(&source));
	assert_numbers(&list, (int[]){ 1, 2, 3, 4 }, 4);
	list_splice_back(&list, &source);
	assert_numbers(&list, (int[]){ 1, 2, 3, 4 }, 4);
	list_splice_back(&source, &list);
	assert_true(list_is_empty(&list));
	assert_numbers(&source, (int[]){ 1, 2, 3, 4 }, 4);
}

static void test_LIST_FOR_EACH_SAFE__may_remove(void **state)
{
	struct item items[3] = { { .number = 1 }, { .number = 2 }, { .number = 3 } };
	struct list_node *node;
	struct list_node *next;
	struct list list;

	(void)state;
	list_init(&list);
	for (size_t i = 0; i < ARRAY_SIZE(items); i++)
		list_push_back(&list, &items[i].node);
	LIST_FOR_EACH_SAFE(node, next, &list)
	{
		if (number_of(node) != 2)
			list_remove(node);
	}
	assert_numbers(&list, (int[]){ 2 }, 1);
}

static void test_min_max__evaluate_once_and_nest(void **state)
{
	int calls = 0;

	(void)state;
	assert_int_equal(min(++calls, 10), 1);
	assert_int_equal(calls, 1);
	assert_int_equal(max(-3, min(5, max(2, 4))), 4);
	assert_int_equal(min_t(uint8_t, 300, 50), 44);
	assert_int_equal(max_t(uint64_t, UINT32_MAX, 7), UINT32_MAX);
}

static void test_ARRAY_SIZE__counts_elements(void **state)
{
	uint64_t array[7];

	(void)state;
	assert_int_equal(ARRAY_SIZE(array), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list_push_back__keeps_order),
		cmocka_unit_test(test_list_insert_before__goes_between),
		cmocka_unit_test(test_list_remove__twice_is_harmless),
		cmocka_unit_test(test_list_remove__never_linked_is_harmless),
		cmocka_unit_test(test_list_pop_front__oldest_first_then_null),
		cmocka_unit_test(test_list_splice_back__appends_and_empties),
		cmocka_unit_test(test_LIST_FOR_EACH_SAFE__may_remove),
		cmocka_unit_test(test_min_max__evaluate_once_and_nest),
		cmocka_unit_test(test_ARRAY_SIZE__counts_elements),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
