/* SPDX-License-Identifier: MIT */
/*
 * The four-tuple table against a naive model, and what it may cost: probes, octets an entry, work
 * of one call, however an attacker picks the tuples.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/addr.h"
#include "sock/sock.h"
#include "sock/support.h"

static struct ft_conn name_of(uint32_t n)
{
    struct ft_conn conn = {
        .local = addr_v4(0x0a070001),
        .remote = addr_v4(0x0a080000 + n / 50000),
        .local_port = 80,
        .remote_port = (uint16_t)(1024 + n % 50000),
    };

    return conn;
}

/* Every second name is IPv6, every fourth of those link-local on one of two interfaces. */
static struct ft_conn mixed_name_of(uint32_t n)
{
    struct ft_conn conn = name_of(n);

    if (n % 2 == 0)
        return conn;
    conn.local = (struct ft_addr){.hi = UINT64_C(0xfd07) << 48, .lo = 1};
    conn.remote = (struct ft_addr){.hi = UINT64_C(0xfd07) << 48, .lo = 0x100 + n / 8};
    if (n % 8 == 1 || n % 8 == 3) {
        conn.remote.hi = UINT64_C(0xfe80) << 48;
        conn.remote_port = 7;
        conn.ifindex = n % 8 == 1 ? 1 : 2;
    }
    return conn;
}

/* DESIGN.md 6: the key holds the interface for link-local addresses. */
static void names_that_differ_anywhere_are_different(void **state)
{
    struct test_env t;
    struct ft_conn base = name_of(1), others[7], *found;

    (void)state;
    test_env_init(&t, 1);
    struct ft_table *table = ft_table_new(&t.env, "test");
    for (int i = 0; i < 7; i++)
        others[i] = base;
    others[0].local.lo++;
    others[1].remote.lo++;
    others[2].local_port++;
    others[3].remote_port++;
    others[4].ifindex = 3;
    others[5].local = (struct ft_addr){.hi = 0, .lo = base.local.lo ^ (UINT64_C(1) << 40)};
    others[6].remote = (struct ft_addr){.hi = 1, .lo = base.remote.lo};
    assert_int_equal(ft_table_insert(table, &base), 0);
    for (int i = 0; i < 7; i++) {
        assert_null(ft_table_find(table, &others[i]));
        assert_int_equal(ft_table_insert(table, &others[i]), 0);
    }
    for (int i = 0; i < 7; i++)
        assert_ptr_equal(ft_table_find(table, &others[i]), &others[i]);
    struct ft_conn same = base;
    same.kind = FT_CONN_EMBRYO;
    same.state = 9;
    assert_int_equal(ft_table_insert(table, &same), -EADDRINUSE);
    assert_int_equal(ft_table_len(table), 8);
    ft_table_replace(table, &base, &same);
    found = ft_table_find(table, &base);
    assert_ptr_equal(found, &same);
    ft_table_check(table);
    ft_table_free(table);
    assert_int_equal(t.heap.n_live, 0);
}

static void compare_with_model(struct ft_table *table, struct ft_conn *conns, const bool *in,
                               uint32_t n)
{
    uint64_t cursor = 0;
    uint32_t n_in = 0, n_walked = 0;

    for (uint32_t i = 0; i < n; i++) {
        assert_ptr_equal(ft_table_find(table, &conns[i]), in[i] ? &conns[i] : NULL);
        n_in += in[i];
    }
    assert_int_equal(ft_table_len(table), n_in);
    for (struct ft_conn *conn; (conn = ft_table_next(table, &cursor)) != NULL; n_walked++)
        assert_true(in[conn - conns]);
    assert_int_equal(n_walked, n_in);
    ft_table_check(table);
}

/* Growing, shrinking and chains, with an allocator that refuses now and then. */
static void it_agrees_with_a_naive_model(void **state)
{
    enum { N = 6000 };
    static struct ft_conn conns[N];
    static bool in[N];
    struct test_env t;
    uint64_t seed = 7;

    (void)state;
    test_env_init(&t, 2);
    struct ft_table *table = ft_table_new(&t.env, "test");
    for (uint32_t i = 0; i < N; i++)
        conns[i] = mixed_name_of(i);
    for (uint32_t step = 0; step < 400000; step++) {
        uint32_t i = (uint32_t)(test_random(&seed) % N);
        bool growing = step / 50000 % 2 == 0;
        bool insert = test_random(&seed) % 8 < (growing ? 7u : 1u);

        if (step % 64 == 0)
            t.heap.fail_in = 1 + test_random(&seed) % 3;
        if (in[i] && !insert) {
            ft_table_remove(table, &conns[i]);
            in[i] = false;
        } else if (!in[i] && insert) {
            int err = ft_table_insert(table, &conns[i]);

            assert_true(err == 0 || err == -ENOBUFS);
            in[i] = err == 0;
        }
        if (step % 25000 == 0)
            compare_with_model(table, conns, in, N);
    }
    compare_with_model(table, conns, in, N);
    for (uint32_t i = 0; i < N; i++)
        if (in[i])
            ft_table_remove(table, &conns[i]);
    memset(in, 0, sizeof(in));
    compare_with_model(table, conns, in, N);
    ft_table_free(table);
    assert_int_equal(t.heap.n_live, 0);
}

/* DESIGN.md 6: a hit costs one bucket and one socket; at most 12 octets an entry at typical load.
 */
static void a_hit_costs_one_line_and_an_entry_twelve_octets(void **state)
{
    enum { N = 200000 };
    struct test_env t;
    struct ft_conn *conns = malloc(N * sizeof(*conns));
    uint64_t n_samples = 0, octets_per_1000 = 0;

    (void)state;
    assert_non_null(conns);
    test_env_init(&t, 3);
    struct ft_table *table = ft_table_new(&t.env, "test");
    for (uint32_t i = 0; i < N; i++) {
        conns[i] = name_of(i);
        assert_int_equal(ft_table_insert(table, &conns[i]), 0);
        if (i == 80000) { /* where plain linear hashing would need 1.12 */
            t.env.counters.steps_table_probes = 0;
            for (uint32_t k = 0; k <= i; k++)
                assert_ptr_equal(ft_table_find(table, &conns[k]), &conns[k]);
            assert_true(t.env.counters.steps_table_probes < i * UINT64_C(110) / 100);
        }
        if (i > N / 2 && i % 1000 == 0) {
            uint64_t now = t.env.mem.used * 1000 / (i + 1);

            assert_true(now < 13000);
            octets_per_1000 += now;
            n_samples++;
        }
    }
    assert_true(octets_per_1000 / n_samples <= 12000);
    t.env.counters.steps_table_probes = 0;
    for (uint32_t i = 0; i < N; i++)
        assert_ptr_equal(ft_table_find(table, &conns[i]), &conns[i]);
    assert_true(t.env.counters.steps_table_probes < N * UINT64_C(112) / 100);
    for (uint32_t i = 0; i < N; i++)
        ft_table_remove(table, &conns[i]);
    assert_true(t.env.mem.used < 200000);
    ft_table_free(table);
    free(conns);
    assert_int_equal(t.heap.n_live, 0);
}

/* CVE-2003-0244: tuples that collide under the hash of another host, or under a sum of their
   fields, are spread like any others here. */
/* proves: A-97 */
static void tuples_picked_to_collide_elsewhere_are_spread_here(void **state)
{
    enum { N = 20000 };
    struct test_env theirs, ours;
    struct ft_conn *conns = malloc(N * sizeof(*conns));
    uint32_t n = 0;

    (void)state;
    assert_non_null(conns);
    test_env_init(&theirs, 4);
    test_env_init(&ours, 5);
    struct ft_table *known = ft_table_new(&theirs.env, "test");
    struct ft_table *table = ft_table_new(&ours.env, "test");
    for (uint32_t i = 0; n < N; i++) {
        struct ft_conn conn = name_of(i);
        bool collides = ft_table_hash(known, &conn) >> 58 == 0;

        if (n % 2 == 1) { /* address plus port is a constant */
            conn.remote = addr_v4(0x0b000000 + i);
            conn.remote_port = (uint16_t)(65535 - i % 60000);
            collides = true;
        }
        if (!collides)
            continue;
        conns[n] = conn;
        n += ft_table_insert(table, &conns[n]) == 0;
    }
    ft_table_check(table);
    for (uint32_t i = 0; i < N; i++) {
        ours.env.counters.steps_table_probes = 0;
        assert_ptr_equal(ft_table_find(table, &conns[i]), &conns[i]);
        assert_true(ours.env.counters.steps_table_probes <= 4);
    }
    ft_table_free(table);
    ft_table_free(known);
    free(conns);
}

/* No packet waits for a rehash: no call moves more than two buckets. */
static void no_insertion_or_removal_does_much_work(void **state)
{
    enum { N = 50000 };
    struct test_env t;
    struct ft_conn *conns = malloc(N * sizeof(*conns));
    uint64_t most = 0;

    (void)state;
    assert_non_null(conns);
    test_env_init(&t, 6);
    struct ft_table *table = ft_table_new(&t.env, "test");
    for (uint32_t i = 0; i < N; i++) {
        uint64_t used = t.env.mem.used;

        conns[i] = name_of(i);
        assert_int_equal(ft_table_insert(table, &conns[i]), 0);
        if (t.env.mem.used > used && t.env.mem.used - used > most)
            most = t.env.mem.used - used;
    }
    assert_true(most < 100000); /* a slab of lines, a segment, or a directory */
    ft_table_free(table);
    free(conns);
}

static void a_table_that_gets_no_memory_is_none(void **state)
{
    struct test_env t;

    (void)state;
    test_env_init(&t, 7);
    for (uint64_t n = 1; n <= 3; n++) {
        t.heap.fail_in = n;
        assert_null(ft_table_new(&t.env, "test"));
        assert_int_equal(t.heap.n_live, 0);
    }
    t.heap.fail_in = 0;
    ft_table_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_differ_anywhere_are_different),
        cmocka_unit_test(it_agrees_with_a_naive_model),
        cmocka_unit_test(a_hit_costs_one_line_and_an_entry_twelve_octets),
        cmocka_unit_test(tuples_picked_to_collide_elsewhere_are_spread_here),
        cmocka_unit_test(no_insertion_or_removal_does_much_work),
        cmocka_unit_test(a_table_that_gets_no_memory_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
