/* SPDX-License-Identifier: MIT */
/*
 * Intrusive lists keep their order, and a removed node knows that it is in none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/list.h"

struct item {
    int value;
    struct ft_list node;
};

static int value_of(struct ft_list *node)
{
    return node ? ft_container_of(node, struct item, node)->value : -1;
}

static void nodes_come_out_in_order_from_both_ends(void **state)
{
    struct ft_list head;
    struct item items[3] = {{.value = 0}, {.value = 1}, {.value = 2}};

    (void)state;
    list_init(&head);
    assert_true(list_empty(&head));
    assert_null(list_first(&head));
    list_push_back(&head, &items[1].node);
    list_push_back(&head, &items[2].node);
    list_push_front(&head, &items[0].node);
    for (int i = 0; i < 3; i++)
        assert_int_equal(value_of(list_pop_front(&head)), i);
    assert_null(list_pop_front(&head));
}

static void a_removed_node_is_unlinked_and_may_be_removed_again(void **state)
{
    struct ft_list head;
    struct ft_list node;

    (void)state;
    list_init(&head);
    list_init(&node);
    assert_false(list_linked(&node));
    list_push_back(&head, &node);
    assert_true(list_linked(&node));
    list_remove(&node);
    list_remove(&node);
    assert_false(list_linked(&node));
    assert_true(list_empty(&head));
}

static void the_node_at_hand_may_be_removed_while_visiting(void **state)
{
    struct ft_list head;
    struct item items[8];
    int next = 0;

    (void)state;
    list_init(&head);
    for (int i = 0; i < 8; i++) {
        items[i].value = i;
        list_push_back(&head, &items[i].node);
    }
    ft_list_for_each (node, &head) {
        assert_int_equal(value_of(node), next++);
        if (next % 2)
            list_remove(node);
    }
    for (int i = 1; i < 8; i += 2)
        assert_int_equal(value_of(list_pop_front(&head)), i);
}

static void a_spliced_list_follows_and_leaves_its_head_empty(void **state)
{
    struct ft_list a;
    struct ft_list b;
    struct item items[4] = {{.value = 0}, {.value = 1}, {.value = 2}, {.value = 3}};

    (void)state;
    list_init(&a);
    list_init(&b);
    list_splice_back(&a, &b);
    assert_true(list_empty(&a));
    list_push_back(&a, &items[0].node);
    list_push_back(&a, &items[1].node);
    list_push_back(&b, &items[2].node);
    list_push_back(&b, &items[3].node);
    list_splice_back(&a, &b);
    assert_true(list_empty(&b));
    for (int i = 0; i < 4; i++)
        assert_int_equal(value_of(list_pop_front(&a)), i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_come_out_in_order_from_both_ends),
        cmocka_unit_test(a_removed_node_is_unlinked_and_may_be_removed_again),
        cmocka_unit_test(the_node_at_hand_may_be_removed_while_visiting),
        cmocka_unit_test(a_spliced_list_follows_and_leaves_its_head_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
