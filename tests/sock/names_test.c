/* SPDX-License-Identifier: MIT */
/*
 * Socket names: who may hold one beside whom, as a Linux kernel answered the same calls, and whose
 * a packet is.
 */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/addr.h"
#include "base/assert.h"
#include "sock/sock.h"
#include "sock/support.h"

enum { N_KINDS = 8 };

/* 0.0.0.0, 127.0.0.1, 127.0.0.2, ::, :: v6only, ::1, ::ffff:127.0.0.1, ::ffff:0.0.0.0 */
static struct ft_name name_of(int kind, uint8_t protocol, const char *options)
{
    struct ft_name name = {.protocol = protocol, .ipv6 = kind >= 3, .v6only = kind == 4};

    switch (kind) {
    case 0:
    case 7:
        name.addr = addr_v4(0);
        break;
    case 1:
    case 6:
        name.addr = addr_v4(0x7f000001);
        break;
    case 2:
        name.addr = addr_v4(0x7f000002);
        break;
    case 5:
        name.addr = (struct ft_addr){.hi = 0, .lo = 1};
        break;
    default:
        break;
    }
    name.reuse_addr = strchr(options, 'a') != NULL;
    name.reuse_port = strchr(options, 'p') != NULL;
    name.listening = protocol == IPPROTO_UDP;
    return name;
}

/* Whether the second can be bound, and listen. */
static bool can_hold_both(struct ft_names *names, struct ft_name *a, bool a_listens,
                          struct ft_name *b, bool b_listens)
{
    bool can;

    assert_int_equal(ft_name_bind(names, a, 80), 0);
    if (a_listens)
        assert_int_equal(ft_name_listen(names, a), 0);
    can = ft_name_bind(names, b, 80) == 0 && (!b_listens || ft_name_listen(names, b) == 0);
    ft_names_check(names);
    ft_name_release(names, b);
    ft_name_release(names, a);
    ft_names_check(names);
    return can;
}

/* Measured on Linux 6.18 with sockets of both protocols; rows bind first. */
static void addresses_overlap_as_on_linux(void **state)
{
    static const char *const linux_says[N_KINDS] = {
        "00001100", "00101100", "01001110", "00000000",
        "11100011", "11100011", "00101100", "00001100",
    };
    struct test_env t;

    (void)state;
    test_env_init(&t, 1);
    struct ft_names *names = ft_names_new(&t.env);
    for (int i = 0; i < N_KINDS * N_KINDS * 2; i++) {
        uint8_t protocol = i % 2 ? IPPROTO_TCP : IPPROTO_UDP;
        int row = i / 2 / N_KINDS, column = i / 2 % N_KINDS;
        struct ft_name a = name_of(row, protocol, ""), b = name_of(column, protocol, "");
        bool want = linux_says[row][column] == '1';

        assert_int_equal(can_hold_both(names, &a, false, &b, false), want);
        a.reuse_addr = b.reuse_addr = false;
    }
    ft_names_free(names);
    assert_int_equal(t.heap.n_live, 0);
}

/* Measured on Linux 6.18, one user: first's and second's options (a: SO_REUSEADDR, p:
   SO_REUSEPORT), then whether the second can: UDP; TCP, both bound; the first listens; the second
   listens; both listen. */
static void options_let_names_be_shared_as_on_linux(void **state)
{
    static const struct {
        const char *first, *second, *linux_says;
    } cases[] = {
        {"", "", "00000"},   {"", "a", "00000"},   {"", "p", "00000"},   {"", "ap", "00000"},
        {"a", "", "00000"},  {"a", "a", "11010"},  {"a", "p", "00000"},  {"a", "ap", "11010"},
        {"p", "", "00000"},  {"p", "a", "00000"},  {"p", "p", "11111"},  {"p", "ap", "11111"},
        {"ap", "", "00000"}, {"ap", "a", "11010"}, {"ap", "p", "11111"}, {"ap", "ap", "11111"},
    };
    static const int kinds[][2] = {{0, 0}, {0, 1}, {1, 1}, {3, 1}};
    struct test_env t;

    (void)state;
    test_env_init(&t, 1);
    struct ft_names *names = ft_names_new(&t.env);
    for (size_t i = 0; i < FT_ARRAY_LEN(cases) * FT_ARRAY_LEN(kinds) * 5; i++) {
        size_t c = i / 5 % FT_ARRAY_LEN(cases), k = i / 5 / FT_ARRAY_LEN(cases), column = i % 5;
        uint8_t protocol = column == 0 ? IPPROTO_UDP : IPPROTO_TCP;
        struct ft_name a = name_of(kinds[k][0], protocol, cases[c].first);
        struct ft_name b = name_of(kinds[k][1], protocol, cases[c].second);
        bool a_listens = column == 2 || column == 4, b_listens = column == 3 || column == 4;

        assert_int_equal(can_hold_both(names, &a, a_listens, &b, b_listens),
                         cases[c].linux_says[column] == '1');
    }
    ft_names_free(names);
    assert_int_equal(t.heap.n_live, 0);
}

static void names_of_different_devices_do_not_conflict(void **state)
{
    static const struct {
        uint16_t first, second;
        bool can;
    } cases[] = {{0, 1, false}, {1, 0, false}, {1, 1, false}, {1, 2, true}};
    struct test_env t;

    (void)state;
    test_env_init(&t, 1);
    struct ft_names *names = ft_names_new(&t.env);
    for (size_t i = 0; i < FT_ARRAY_LEN(cases); i++) {
        struct ft_name a = name_of(0, IPPROTO_TCP, ""), b = a;

        a.ifindex = cases[i].first;
        b.ifindex = cases[i].second;
        assert_int_equal(can_hold_both(names, &a, true, &b, true), cases[i].can);
    }
    ft_names_free(names);
}

/* A connection that outlives its passive socket keeps the name from all but SO_REUSEADDR. */
static void a_held_port_can_be_named_with_reuse_addr_only(void **state)
{
    struct test_env t;

    (void)state;
    test_env_init(&t, 1);
    struct ft_names *names = ft_names_new(&t.env);
    for (int i = 0; i < 4; i++) {
        struct ft_name name = name_of(0, IPPROTO_TCP, i & 1 ? "a" : "");
        bool held_with_reuse = (i & 2) != 0;
        int want = i == 3 ? 0 : -EADDRINUSE;

        struct ft_addr local = addr_v4(0x0a000001);

        assert_int_equal(ft_port_hold(names, IPPROTO_TCP, &local, 80, held_with_reuse), 0);
        ft_names_check(names);
        assert_int_equal(ft_name_bind(names, &name, 80), want);
        ft_name_release(names, &name);
        ft_port_drop(names, IPPROTO_TCP, 80, held_with_reuse);
        assert_int_equal(ft_name_bind(names, &name, 80), 0);
        ft_name_release(names, &name);
    }
    ft_names_free(names);
    assert_int_equal(t.heap.n_live, 0);
}

/* A connection of one address is not in the way of a name with another: a host with two of them has
   two times the ephemeral ports. */
static void a_held_port_can_be_named_with_another_address(void **state)
{
    struct ft_addr one = addr_v4(0x0a000001), two = addr_v4(0x0a000002);
    struct ft_name name = name_of(0, IPPROTO_TCP, ""), any = name;
    struct test_env t;

    (void)state;
    test_env_init(&t, 1);
    struct ft_names *names = ft_names_new(&t.env);
    name.addr = two;
    assert_int_equal(ft_port_hold(names, IPPROTO_TCP, &one, 80, false), 0);
    assert_int_equal(ft_name_bind(names, &any, 80), -EADDRINUSE);
    assert_int_equal(ft_name_bind(names, &name, 80), 0);
    ft_name_release(names, &name);
    assert_int_equal(ft_port_hold(names, IPPROTO_TCP, &two, 80, false), 0);
    assert_int_equal(ft_name_bind(names, &name, 80), -EADDRINUSE);
    ft_port_drop(names, IPPROTO_TCP, 80, false);
    ft_port_drop(names, IPPROTO_TCP, 80, false);
    assert_int_equal(ft_name_bind(names, &any, 80), 0);
    ft_name_release(names, &any);
    ft_names_free(names);
    assert_int_equal(t.heap.n_live, 0);
}

static struct ft_name *match(struct ft_names *names, uint32_t v4, int ifindex, uint64_t hash)
{
    struct ft_addr addr = addr_v4(v4);

    return ft_name_match(names, IPPROTO_UDP, &addr, 80, ifindex, hash);
}

/* DESIGN.md 1: specific address before wildcard, then nobody. The order within was measured. */
static void a_packet_is_for_the_most_specific_name(void **state)
{
    enum { DUAL, ANY4, DUAL_DEV, ANY4_DEV, MAPPED, SPECIFIC, SPECIFIC_DEV, N };
    static const int kinds[N] = {3, 0, 3, 0, 6, 1, 1};
    struct ft_addr six = {.hi = 0, .lo = 1};
    struct ft_name held[N];
    struct test_env t;

    (void)state;
    test_env_init(&t, 1);
    struct ft_names *names = ft_names_new(&t.env);
    assert_null(match(names, 0x7f000001, 1, 0));
    for (int i = 0; i < N; i++) {
        held[i] = name_of(kinds[i], IPPROTO_UDP, "a");
        held[i].ifindex = i == DUAL_DEV || i == ANY4_DEV || i == SPECIFIC_DEV;
        assert_int_equal(ft_name_bind(names, &held[i], 80), 0);
        assert_ptr_equal(match(names, 0x7f000001, 1, 0), &held[i]);
    }
    assert_ptr_equal(match(names, 0x7f000001, 2, 0), &held[SPECIFIC]);
    assert_ptr_equal(match(names, 0x7f000002, 1, 0), &held[ANY4_DEV]);
    assert_ptr_equal(match(names, 0x7f000002, 2, 0), &held[ANY4]);
    assert_ptr_equal(ft_name_match(names, IPPROTO_UDP, &six, 80, 1, 0), &held[DUAL_DEV]);
    assert_ptr_equal(ft_name_match(names, IPPROTO_UDP, &six, 80, 2, 0), &held[DUAL]);
    assert_null(ft_name_match(names, IPPROTO_TCP, &six, 80, 2, 0));
    assert_null(ft_name_match(names, IPPROTO_UDP, &six, 81, 2, 0));
    ft_name_unlisten(names, &held[SPECIFIC_DEV]);
    assert_ptr_equal(match(names, 0x7f000001, 1, 0), &held[SPECIFIC]);
    assert_int_equal(ft_name_listen(names, &held[SPECIFIC_DEV]), 0);
    assert_ptr_equal(match(names, 0x7f000001, 1, 0), &held[SPECIFIC_DEV]);
    for (int i = 0; i < N; i++)
        ft_name_release(names, &held[i]);
    ft_names_free(names);
    assert_int_equal(t.heap.n_live, 0);
}

static void v6only_wildcard_gets_no_ipv4(void **state)
{
    struct ft_addr six = {.hi = 0, .lo = 1};
    struct ft_name name = name_of(4, IPPROTO_UDP, "");
    struct test_env t;

    (void)state;
    test_env_init(&t, 1);
    struct ft_names *names = ft_names_new(&t.env);
    assert_int_equal(ft_name_bind(names, &name, 80), 0);
    assert_null(match(names, 0x7f000001, 1, 0));
    assert_ptr_equal(ft_name_match(names, IPPROTO_UDP, &six, 80, 1, 0), &name);
    ft_name_release(names, &name);
    ft_names_free(names);
}

static void a_reuse_port_group_is_picked_from_by_hash(void **state)
{
    enum { N = 10 };
    struct ft_name held[N];
    unsigned n_got[N] = {0};
    struct test_env t;
    uint64_t seed = 1;

    (void)state;
    test_env_init(&t, 1);
    struct ft_names *names = ft_names_new(&t.env);
    for (int i = 0; i < N; i++) {
        held[i] = name_of(0, IPPROTO_UDP, "p");
        assert_int_equal(ft_name_bind(names, &held[i], 80), 0);
    }
    for (int i = 0; i < 10000; i++) {
        uint64_t hash = test_random(&seed);
        const struct ft_name *name = match(names, 0x7f000001, 1, hash);

        n_got[name - held]++;
        assert_ptr_equal(match(names, 0x7f000001, 1, hash), name);
    }
    for (int i = 0; i < N; i++)
        assert_in_range(n_got[i], 850, 1150);
    for (int i = 0; i < N; i++)
        if (i != 4)
            ft_name_release(names, &held[i]);
    ft_names_check(names);
    assert_ptr_equal(match(names, 0x7f000001, 1, UINT64_MAX), &held[4]);
    ft_name_release(names, &held[4]);
    ft_names_free(names);
    assert_int_equal(t.heap.n_live, 0);
}

/* RFC 1122 4.1.3.1 by way of Linux: each socket that matches gets a multicast datagram once. */
static void every_matching_name_is_walked_once(void **state)
{
    static const int kinds[] = {0, 0, 3, 4, 1, 0, 7};
    struct ft_addr group = addr_v4(0xe00000fb);
    struct ft_name held[FT_ARRAY_LEN(kinds)];
    unsigned seen = 0;
    struct test_env t;

    (void)state;
    test_env_init(&t, 1);
    struct ft_names *names = ft_names_new(&t.env);
    assert_null(ft_name_match_next(names, IPPROTO_UDP, &group, 80, 1, NULL));
    for (size_t i = 0; i < FT_ARRAY_LEN(kinds); i++) {
        held[i] = name_of(kinds[i], IPPROTO_UDP, "ap");
        held[i].ifindex = i == 5 ? 9 : 0;
        assert_int_equal(ft_name_bind(names, &held[i], 80), 0);
    }
    for (struct ft_name *name = NULL;
         (name = ft_name_match_next(names, IPPROTO_UDP, &group, 80, 1, name)) != NULL;) {
        assert_false(seen & 1u << (name - held));
        seen |= 1u << (name - held);
    }
    /* Not the one that takes IPv6 only, not 127.0.0.1, not the one of another device. */
    assert_int_equal(seen, 0x47);
    for (size_t i = 0; i < FT_ARRAY_LEN(kinds); i++)
        ft_name_release(names, &held[i]);
    ft_names_free(names);
}

static void refused_memory_leaves_nothing_held(void **state)
{
    struct ft_name name = name_of(0, IPPROTO_UDP, "");
    struct test_env t;

    (void)state;
    test_env_init(&t, 1);
    t.heap.fail_in = 1;
    assert_null(ft_names_new(&t.env));
    t.heap.fail_in = 0;
    struct ft_names *names = ft_names_new(&t.env);
    for (uint64_t n = 1; n <= 4; n++) {
        uint64_t n_live = t.heap.n_live;

        t.heap.fail_in = n;
        assert_int_equal(ft_name_bind(names, &name, 80), -ENOBUFS);
        assert_int_equal(t.heap.n_live, n_live);
        assert_int_equal(name.port, 0);
        ft_names_check(names);
    }
    t.heap.fail_in = 1;
    struct ft_addr local = addr_v4(0x0a000001);
    assert_int_equal(ft_port_hold(names, IPPROTO_TCP, &local, 80, true), -ENOBUFS);
    t.heap.fail_in = 0;
    assert_int_equal(ft_name_bind(names, &name, 80), 0);
    ft_name_release(names, &name);
    ft_name_release(names, &name); /* one that is not bound is left alone */
    ft_names_free(names);
    assert_int_equal(t.heap.n_live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_overlap_as_on_linux),
        cmocka_unit_test(options_let_names_be_shared_as_on_linux),
        cmocka_unit_test(names_of_different_devices_do_not_conflict),
        cmocka_unit_test(a_held_port_can_be_named_with_reuse_addr_only),
        cmocka_unit_test(a_held_port_can_be_named_with_another_address),
        cmocka_unit_test(a_packet_is_for_the_most_specific_name),
        cmocka_unit_test(v6only_wildcard_gets_no_ipv4),
        cmocka_unit_test(a_reuse_port_group_is_picked_from_by_hash),
        cmocka_unit_test(every_matching_name_is_walked_once),
        cmocka_unit_test(refused_memory_leaves_nothing_held),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
