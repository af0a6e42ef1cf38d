/* SPDX-License-Identifier: MIT */
/*
 * No allocation passes the budget, and promises are not made that it cannot keep.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/support.h"

static void allocations_stop_at_the_limit_and_are_counted(void **state)
{
    struct test_heap heap;
    struct ft_mem mem = test_mem(&heap, 1000);

    (void)state;
    void *a = ft_mem_alloc(&mem, 600);
    assert_non_null(a);
    assert_int_equal(mem.used, 600);
    assert_null(ft_mem_alloc(&mem, 401));
    assert_null(ft_mem_alloc(&mem, SIZE_MAX));
    assert_int_equal(mem.n_failed, 2);
    void *b = ft_mem_alloc(&mem, 400);
    assert_non_null(b);
    ft_mem_free(&mem, a, 600);
    ft_mem_free(&mem, b, 400);
    ft_mem_free(&mem, NULL, 7);
    assert_int_equal(mem.used, 0);
    assert_int_equal(heap.n_live, 0);
}

static void memory_is_zeroed(void **state)
{
    struct test_heap heap;
    struct ft_mem mem = test_mem(&heap, 1000);
    static const uint8_t zero[100];

    (void)state;
    void *a = ft_mem_alloc(&mem, sizeof(zero));
    assert_memory_equal(a, zero, sizeof(zero));
    ft_mem_free(&mem, a, sizeof(zero));
}

static void a_refusal_of_the_allocator_leaves_the_budget_alone(void **state)
{
    struct test_heap heap;
    struct ft_mem mem = test_mem(&heap, 1000);

    (void)state;
    heap.fail_in = 1;
    assert_null(ft_mem_alloc(&mem, 10));
    assert_int_equal(mem.used, 0);
    assert_int_equal(mem.n_failed, 1);
}

/* proves: A-92 */
static void data_leaves_a_share_for_others(void **state)
{
    struct test_heap heap;
    struct ft_mem mem = test_mem(&heap, 1600);

    (void)state;
    assert_null(ft_mem_alloc_data(&mem, 1401, FT_MEM_LEAVE));
    assert_null(ft_mem_alloc_data(&mem, SIZE_MAX, FT_MEM_LEAVE));
    void *a = ft_mem_alloc_data(&mem, 1400, FT_MEM_LEAVE);
    assert_non_null(a);
    assert_null(ft_mem_alloc_data(&mem, 1, FT_MEM_LEAVE));
    void *b = ft_mem_alloc_data(&mem, 100, FT_MEM_LEAVE_LITTLE);
    assert_non_null(b);
    assert_null(ft_mem_alloc_data(&mem, 1, FT_MEM_LEAVE_LITTLE));
    assert_int_equal(mem.n_failed, 4);
    void *c = ft_mem_alloc(&mem, 100);
    assert_non_null(c);
    assert_null(ft_mem_alloc_data(&mem, 1, FT_MEM_LEAVE));
    ft_mem_free(&mem, a, 1400);
    ft_mem_free(&mem, b, 100);
    ft_mem_free(&mem, c, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations_stop_at_the_limit_and_are_counted),
        cmocka_unit_test(memory_is_zeroed),
        cmocka_unit_test(a_refusal_of_the_allocator_leaves_the_budget_alone),
        cmocka_unit_test(data_leaves_a_share_for_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
