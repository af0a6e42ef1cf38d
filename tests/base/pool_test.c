/* SPDX-License-Identifier: MIT */
/*
 * Pools give zeroed, aligned, distinct objects, give memory back, and cost little beside them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/pool.h"
#include "base/support.h"

#define N_OBJS 4000

static bool is_zero(const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (p[i])
            return false;
    }
    return true;
}

/* Every object is filled with its number, so that a second owner would be seen. */
static void objects_are_zeroed_aligned_and_nobody_elses(void **state)
{
    static const size_t sizes[] = {1, 16, 48, 64, 96, 512, 1000, 1024, 4096, 20000};
    static uint8_t *objs[N_OBJS];
    uint64_t random = 5;

    (void)state;
    for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
        struct test_heap heap;
        struct ft_mem mem = test_mem(&heap, UINT64_MAX);
        struct ft_pool pool;
        size_t size = sizes[k];
        uint32_t n_out = 0;
        ft_pool_init(&pool, &mem, size, N_OBJS / 4);
        for (unsigned step = 0; step < 20000; step++) {
            unsigned i = (unsigned)(test_random(&random) % (N_OBJS / 4 * 5 / 4));
            if (objs[i]) {
                assert_int_equal(objs[i][0], (uint8_t)i);
                assert_int_equal(objs[i][size - 1], (uint8_t)i);
                ft_pool_put(&pool, objs[i]);
                objs[i] = NULL;
                n_out--;
                continue;
            }
            objs[i] = ft_pool_get(&pool);
            if (!objs[i]) {
                assert_int_equal(n_out, N_OBJS / 4);
                continue;
            }
            assert_int_equal((uintptr_t)objs[i] % (size % 64 == 0 ? 64 : 16), 0);
            assert_true(is_zero(objs[i], size));
            memset(objs[i], (int)i, size);
            assert_int_equal(pool.n_used, ++n_out);
        }
        for (unsigned i = 0; i < N_OBJS; i++) {
            if (objs[i])
                ft_pool_put(&pool, objs[i]);
            objs[i] = NULL;
        }
        assert_int_equal(pool.n_slabs, 1);
        ft_pool_fini(&pool);
        assert_int_equal(mem.used, 0);
        assert_int_equal(heap.n_live, 0);
    }
}

static void nothing_is_taken_before_the_first_object(void **state)
{
    struct test_heap heap;
    struct ft_mem mem = test_mem(&heap, UINT64_MAX);
    struct ft_pool pool;

    (void)state;
    ft_pool_init(&pool, &mem, 512, 1000);
    assert_int_equal(mem.used, 0);
    ft_pool_fini(&pool);
}

static void overhead_is_at_most_two_percent(void **state)
{
    static const size_t sizes[] = {64, 96, 128, 512, 640, 1024, 2048, 3000, 4096, 8192};

    (void)state;
    for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
        static void *objs[20000];
        struct test_heap heap;
        struct ft_mem mem = test_mem(&heap, UINT64_MAX);
        struct ft_pool pool;
        ft_pool_init(&pool, &mem, sizes[k], 20000);
        /* Whole slabs, as the last one is not overhead but room. */
        unsigned n = 20000 / pool.n_per_slab * pool.n_per_slab;
        for (unsigned i = 0; i < n; i++)
            objs[i] = ft_pool_get(&pool);
        assert_non_null(objs[n - 1]);
        uint64_t need = (uint64_t)n * ((sizes[k] + 15) / 16 * 16);
        assert_true(mem.used <= need + need / 50);
        for (unsigned i = 0; i < n; i++)
            ft_pool_put(&pool, objs[i]);
        ft_pool_fini(&pool);
    }
}

static void empty_slabs_go_back_but_for_one(void **state)
{
    static void *objs[2000];
    struct test_heap heap;
    struct ft_mem mem = test_mem(&heap, UINT64_MAX);
    struct ft_pool pool;

    (void)state;
    ft_pool_init(&pool, &mem, 512, 2000);
    for (unsigned i = 0; i < 2000; i++)
        objs[i] = ft_pool_get(&pool);
    uint32_t n_slabs = pool.n_slabs;
    uint64_t used = mem.used;
    assert_true(n_slabs > 10);
    for (unsigned i = 0; i < 1000; i++)
        ft_pool_put(&pool, objs[i]);
    assert_in_range(pool.n_slabs, n_slabs / 2, n_slabs / 2 + 2);
    assert_true(mem.used < used * 7 / 10);
    for (unsigned i = 1000; i < 2000; i++)
        ft_pool_put(&pool, objs[i]);
    assert_int_equal(pool.n_slabs, 1);
    /* The spare one keeps a single object that comes and goes from costing an allocation each. */
    uint64_t n_live = heap.n_live;
    for (unsigned i = 0; i < 10; i++)
        ft_pool_put(&pool, ft_pool_get(&pool));
    assert_int_equal(heap.n_live, n_live);
    ft_pool_fini(&pool);
    assert_int_equal(heap.n_live, 0);
}

static void a_refused_allocation_is_null_and_harms_nothing(void **state)
{
    static void *objs[3000];

    (void)state;
    for (uint64_t fail_in = 1; fail_in <= 24; fail_in++) {
        struct test_heap heap;
        struct ft_mem mem = test_mem(&heap, UINT64_MAX);
        struct ft_pool pool;
        unsigned n_refused = 0;
        ft_pool_init(&pool, &mem, 512, 3000);
        heap.fail_in = fail_in;
        for (unsigned i = 0; i < 3000; i++) {
            objs[i] = ft_pool_get(&pool);
            n_refused += !objs[i];
        }
        assert_int_equal(n_refused, 1);
        assert_int_equal(pool.n_used, 2999);
        for (unsigned i = 0; i < 3000; i++) {
            if (objs[i])
                ft_pool_put(&pool, objs[i]);
        }
        ft_pool_fini(&pool);
        assert_int_equal(mem.used, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_zeroed_aligned_and_nobody_elses),
        cmocka_unit_test(nothing_is_taken_before_the_first_object),
        cmocka_unit_test(overhead_is_at_most_two_percent),
        cmocka_unit_test(empty_slabs_go_back_but_for_one),
        cmocka_unit_test(a_refused_allocation_is_null_and_harms_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
