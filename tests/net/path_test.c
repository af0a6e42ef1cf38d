/* SPDX-License-Identifier: MIT */
/*
 * Paths: routes, source addresses, path MTU, and what addresses are to this host.
 */
#include "harness.h"

#include <errno.h>

static struct host h;

static int setup(void **state)
{
    *state = &h;
    host_open(&h, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    host_close(&h);
    return 0;
}

static int find(struct ft_addr dst, int bound_if, struct ft_path *ret)
{
    struct ft_addr any = addr_any();

    return ft_path_find(h.net, &dst, &any, bound_if, ret);
}

static int add_route(struct ft_addr prefix, uint8_t len, struct ft_addr gateway, uint32_t metric)
{
    struct ft_route_config route = {.size = sizeof(route),
                                    .prefix = prefix,
                                    .prefix_len = len,
                                    .gateway = gateway,
                                    .ifindex = h.eth,
                                    .metric = metric};

    return ft_net_route_add(h.net, &route);
}

static int del_route(struct ft_addr prefix, uint8_t len, struct ft_addr gateway)
{
    struct ft_route_config route = {.size = sizeof(route),
                                    .prefix = prefix,
                                    .prefix_len = len,
                                    .gateway = gateway,
                                    .ifindex = h.eth};

    return ft_net_route_del(h.net, &route);
}

/* The next hop to @dst as the last octet of an address; 0: no path. */
static unsigned hop(struct ft_addr dst)
{
    struct ft_path path;

    return find(dst, 0, &path) == 0 ? (unsigned)(path.next_hop.lo & 0xff) : 0;
}

static void longest_prefix_wins_then_metric(void **state)
{
    const struct ft_addr all = V4(0, 0, 0, 0);

    (void)state;
    assert_int_equal(hop(V4(192, 0, 2, 1)), 0);
    assert_int_equal(add_route(all, 0, V4(10, 7, 0, 50), 10), 0);
    assert_int_equal(hop(V4(192, 0, 2, 1)), 50);
    assert_int_equal(add_route(all, 0, V4(10, 7, 0, 51), 5), 0);
    assert_int_equal(hop(V4(192, 0, 2, 1)), 51);
    assert_int_equal(add_route(V4(192, 0, 0, 0), 16, V4(10, 7, 0, 52), 99), 0);
    assert_int_equal(hop(V4(192, 0, 2, 1)), 52);
    assert_int_equal(add_route(V4(192, 0, 2, 0), 24, V4(10, 7, 0, 53), 99), 0);
    assert_int_equal(hop(V4(192, 0, 2, 1)), 53);
    assert_int_equal(hop(V4(192, 1, 2, 1)), 51);
    assert_int_equal(hop(V4(10, 7, 0, 77)), 77);
    assert_int_equal(del_route(V4(192, 0, 2, 0), 24, V4(10, 7, 0, 53)), 0);
    assert_int_equal(hop(V4(192, 0, 2, 1)), 52);
    /* The default route of one family is none of the other. */
    assert_int_equal(hop(V6(0x20010db800000000, 1)), 0);
}

static void routes_are_checked(void **state)
{
    struct ft_route_config route = {.size = sizeof(route), .ifindex = 99};

    (void)state;
    assert_int_equal(ft_net_route_add(h.net, &route), -ENODEV);
    assert_int_equal(add_route(V4(1, 0, 0, 0), 33, B4, 0), -EINVAL);
    assert_int_equal(add_route(V4(1, 0, 0, 0), 8, B6, 0), -EINVAL);
    assert_int_equal(add_route(V4(1, 0, 0, 0), 8, V4(9, 9, 9, 9), 0), -ENETUNREACH);
    assert_int_equal(add_route(V4(1, 0, 0, 0), 8, B4, 0), 0);
    assert_int_equal(add_route(V4(1, 2, 0, 0), 8, B4, 0), -EEXIST);
    assert_int_equal(del_route(V4(2, 0, 0, 0), 8, B4), -ESRCH);
    for (unsigned i = 0; i < 100; i++)
        (void)add_route(V4(20, i, 0, 0), 16, B4, 0);
    assert_int_equal(add_route(V4(30, 0, 0, 0), 16, B4, 0), -ENOBUFS);
}

static void own_addresses_go_by_loopback(void **state)
{
    const struct ft_addr own[] = {US4, V4(127, 0, 0, 1), V4(127, 9, 9, 9), US6, V6(0, 1), US_LL};
    struct ft_path path;

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(find(own[i], 0, &path), 0);
        assert_true(path.local);
        assert_int_equal(path.ifindex, h.lo);
        assert_int_equal(path.mtu, 65535);
        if (i != 2)
            assert_true(addr_eq(&path.src, &own[i]));
    }
    assert_int_equal(find(V4(127, 9, 9, 9), 0, &path), 0);
    assert_true(path.src.lo == V4(127, 0, 0, 1).lo);
    assert_int_equal(find(V4(0, 0, 0, 0), 0, &path), -ENETUNREACH);
}

static void a_source_of_loopback_stays_inside(void **state)
{
    struct ft_addr src = V4(127, 0, 0, 1), dst = B4;
    struct ft_path path;

    (void)state;
    assert_int_equal(ft_path_find(h.net, &dst, &src, 0, &path), -ENETUNREACH);
}

/* RFC 6724 5, and its examples of rules 2, 3, 6 and 8. */
static void source_addresses_follow_rfc_6724(void **state)
{
    const struct ft_addr more[] = {V6(0x20010db800010000, 1), V6(0x20010db800020000, 1),
                                   V4(192, 0, 2, 9)};
    struct ft_path path;

    (void)state;
    assert_int_equal(find(B4, 0, &path), 0);
    assert_true(path.src.lo == US4.lo);
    assert_int_equal(find(B6, 0, &path), 0);
    assert_true(path.src.hi == US6.hi);
    assert_int_equal(find(B_LL, h.eth, &path), 0);
    assert_true(path.src.hi == US_LL.hi);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(ft_net_addr_add(h.net, h.eth, &more[i], i == 2 ? 24 : 64, 0), 0);
    assert_int_equal(add_route(addr_any(), 0, B_LL, 0), 0);
    assert_int_equal(find(V6(0x20010db800010000, 99), 0, &path), 0);
    assert_true(path.src.hi == more[0].hi);
    assert_int_equal(find(V6(0x20010db800020000, 99), 0, &path), 0);
    assert_true(path.src.hi == more[1].hi);
    assert_int_equal(find(V6(0x20010db800027777, 99), 0, &path), 0);
    assert_true(path.src.hi == more[1].hi || path.src.hi == more[0].hi);
    assert_int_equal(find(V6(0xfd07000000001234, 9), 0, &path), 0);
    assert_true(path.src.hi == US6.hi); /* rule 6: the label of fc00::/7 */
    assert_int_equal(find(V4(192, 0, 2, 77), 0, &path), 0);
    assert_true(path.src.lo == more[2].lo);
    assert_int_equal(find(B4, 0, &path), 0);
    assert_true(path.src.lo == US4.lo);
    /* RFC 6724 rule 2: multicast of the link from a link-local address. */
    assert_int_equal(find(V6(0xff02000000000000, 0xfb), h.eth, &path), 0);
    assert_true(path.src.hi == US_LL.hi);
    assert_int_equal(find(V6(0xff0e000000000000, 0xfb), h.eth, &path), 0);
    assert_true(path.src.hi != US_LL.hi);
}

static void no_address_of_the_family_is_told(void **state)
{
    struct ft_addr us = US4;
    struct ft_path path;

    (void)state;
    assert_int_equal(add_route(V4(0, 0, 0, 0), 0, B4, 0), 0);
    assert_int_equal(ft_net_addr_del(h.net, h.eth, &us), 0);
    assert_int_equal(find(V4(192, 0, 2, 1), 0, &path), -EADDRNOTAVAIL);
    assert_int_equal(ft_net_addr_del(h.net, h.eth, &us), -EADDRNOTAVAIL);
}

static void every_change_is_seen_by_the_next_look(void **state)
{
    struct ft_addr other = V4(10, 8, 0, 1);
    struct ft_path path;

    (void)state;
    assert_int_equal(find(V4(10, 8, 0, 2), 0, &path), -ENETUNREACH);
    assert_int_equal(ft_net_addr_add(h.net, h.eth, &other, 24, 0), 0);
    assert_int_equal(find(V4(10, 8, 0, 2), 0, &path), 0);
    assert_true(path.src.lo == other.lo);
    assert_int_equal(ft_net_if_set_mtu(h.net, h.eth, 1400), 0);
    assert_int_equal(find(V4(10, 8, 0, 2), 0, &path), 0);
    assert_int_equal(path.mtu, 1400);
    assert_int_equal(find(other, 0, &path), 0);
    assert_true(path.local);
    assert_int_equal(ft_net_addr_del(h.net, h.eth, &other), 0);
    assert_int_equal(find(V4(10, 8, 0, 2), 0, &path), -ENETUNREACH);
}

/* The hot path: a path that was found is found again without a walk. */
static void second_look_costs_nothing(void **state)
{
    struct ft_path path;
    uint64_t steps;

    (void)state;
    assert_int_equal(find(B4, 0, &path), 0);
    steps = h.env.counters.steps_list_nodes;
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(find(B4, 0, &path), 0);
    assert_int_equal(h.env.counters.steps_list_nodes, steps);
}

static void addresses_are_classified(void **state)
{
    static const struct {
        unsigned a, b, c, d;
        enum ft_addr_class class;
    } rows[] = {
        {0, 0, 0, 0, FT_ADDR_ANY},
        {10, 7, 0, 1, FT_ADDR_LOCAL},
        {127, 3, 3, 3, FT_ADDR_LOCAL},
        {10, 7, 0, 2, FT_ADDR_UNICAST},
        {10, 7, 0, 255, FT_ADDR_BROADCAST},
        {10, 7, 1, 255, FT_ADDR_UNICAST},
        {255, 255, 255, 255, FT_ADDR_BROADCAST},
        {224, 0, 0, 1, FT_ADDR_MULTICAST},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct ft_addr addr = V4(rows[i].a, rows[i].b, rows[i].c, rows[i].d);

        assert_int_equal(ft_addr_classify(h.net, &addr), rows[i].class);
    }
}

static void addresses_that_name_nobody_cannot_be_added(void **state)
{
    const struct ft_addr bad[] = {V4(0, 0, 0, 0),    V4(224, 0, 0, 1), V4(255, 255, 255, 255),
                                  V4(10, 9, 0, 255), V4(127, 0, 0, 1), V4(240, 0, 0, 1),
                                  V6(0, 0),          V6(0, 1),         V6(0xff02000000000000, 1)};
    struct ft_addr us = US4, ok = V4(10, 9, 0, 1);

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(ft_net_addr_add(h.net, h.eth, &bad[i], 24, 0), -EINVAL);
    assert_int_equal(ft_net_addr_add(h.net, h.eth, &us, 24, 0), -EEXIST);
    assert_int_equal(ft_net_addr_add(h.net, 99, &ok, 24, 0), -ENODEV);
    assert_int_equal(ft_net_addr_add(h.net, h.eth, &ok, 33, 0), -EINVAL);
    assert_int_equal(ft_net_addr_add(h.net, h.eth, &ok, 0, 0), -EINVAL);
    for (unsigned i = 2; i < 15; i++) {
        ok = V4(10, 9, 0, i);
        assert_int_equal(ft_net_addr_add(h.net, h.eth, &ok, 24, 0), 0);
    }
    ok = V4(10, 9, 0, 20);
    assert_int_equal(ft_net_addr_add(h.net, h.eth, &ok, 24, 0), -ENOBUFS);
}

static void interfaces_are_checked_and_named(void **state)
{
    struct ft_if_config config = {.size = sizeof(config),
                                  .name = "two",
                                  .type = FT_IF_ETHER,
                                  .mac = {2, 0, 0, 0, 0, 9},
                                  .mtu = 9000,
                                  .ifindex = 17};
    struct ft_if_config bad;

    (void)state;
    assert_int_equal(ft_net_if_add(h.net, &config), 17);
    assert_int_equal(ft_net_if_add(h.net, &config), -EEXIST);
    assert_int_equal(ft_net_if_named(h.net, "two"), 17);
    assert_int_equal(ft_net_if_named(h.net, "tw"), 0);
    assert_string_equal(ft_net_if_name(h.net, 17), "two");
    assert_null(ft_net_if_name(h.net, 18));
    assert_true(ft_net_if_exists(h.net, 17) && !ft_net_if_exists(h.net, -1));
    config.ifindex = 0;
    bad = config;
    bad.mac[0] = 1;
    assert_int_equal(ft_net_if_add(h.net, &bad), -EINVAL);
    bad = config;
    bad.mtu = 67;
    assert_int_equal(ft_net_if_add(h.net, &bad), -EINVAL);
    bad = config;
    bad.type = 9;
    assert_int_equal(ft_net_if_add(h.net, &bad), -EINVAL);
    bad = config;
    bad.flags = FT_IF_TSO;
    bad.gso_max = 70000;
    assert_int_equal(ft_net_if_add(h.net, &bad), -EINVAL);
    bad = config;
    memset(bad.name, 'x', sizeof(bad.name));
    assert_int_equal(ft_net_if_add(h.net, &bad), -EINVAL);
}

/* proves: A-26 A-41 */
static void path_mtu_only_falls_and_grows_old(void **state)
{
    struct ft_addr b4 = B4, b6 = B6;
    struct ft_path path;

    (void)state;
    for (uint32_t mtu = 0; mtu < 552; mtu += 23)
        assert_false(ft_path_set_mtu(h.net, &b4, 0, mtu));
    for (uint32_t mtu = 0; mtu < 1280; mtu += 23)
        assert_false(ft_path_set_mtu(h.net, &b6, 0, mtu));
    assert_false(ft_path_set_mtu(h.net, &b4, 0, 1500));
    assert_false(ft_path_set_mtu(h.net, &b4, 0, 9000));
    assert_true(ft_path_set_mtu(h.net, &b4, 0, 1400));
    assert_false(ft_path_set_mtu(h.net, &b4, 0, 1450));
    assert_false(ft_path_set_mtu(h.net, &b4, 0, 1400));
    assert_true(ft_path_set_mtu(h.net, &b4, 0, 600));
    assert_true(ft_path_set_mtu(h.net, &b6, 0, 1280));
    assert_int_equal(find(B4, 0, &path), 0);
    assert_int_equal(path.mtu, 600);
    assert_int_equal(find(B6, 0, &path), 0);
    assert_int_equal(path.mtu, 1280);
    assert_int_equal(find(V4(10, 7, 0, 3), 0, &path), 0);
    assert_int_equal(path.mtu, 1500);
    host_after(&h, 601 * FT_SEC);
    assert_int_equal(find(B4, 0, &path), 0);
    assert_int_equal(path.mtu, 1500);
    assert_int_equal(find(B6, 0, &path), 0);
    assert_int_equal(path.mtu, 1500);
}

/* What is news of the path by one interface may be none of that by another, and the other way
   round: a socket that is bound to an interface tells of its own path. */
static void path_mtu_is_news_to_the_path_that_is_used(void **state)
{
    struct ft_if_config config = {.size = sizeof(config),
                                  .name = "jumbo",
                                  .type = FT_IF_ETHER,
                                  .mac = {2, 0, 0, 0, 0, 9},
                                  .mtu = 9000,
                                  .flags = FT_IF_NO_DAD};
    int jumbo = ft_net_if_add(h.net, &config);
    struct ft_addr us = V4(10, 8, 0, 1), far = V4(198, 18, 0, 1);
    struct ft_path path;

    (void)state;
    assert_int_equal(ft_net_addr_add(h.net, jumbo, &us, 24, 0), 0);
    assert_int_equal(add_route(V4(0, 0, 0, 0), 0, B4, 0), 0);
    assert_int_equal(find(far, jumbo, &path), 0);
    assert_int_equal(path.mtu, 9000);
    assert_false(ft_path_set_mtu(h.net, &far, 0, 4000));
    assert_true(ft_path_set_mtu(h.net, &far, jumbo, 4000));
    assert_int_equal(find(far, jumbo, &path), 0);
    assert_int_equal(path.mtu, 4000);
    assert_int_equal(find(far, 0, &path), 0);
    assert_int_equal(path.mtu, 1500);
    ft_path_set_plpmtu(h.net, &far, jumbo, 3000, 3999);
    assert_int_equal(find(far, jumbo, &path), 0);
    assert_int_equal(path.plpmtu, 3000);
    assert_int_equal(find(far, 0, &path), 0);
    assert_int_equal(path.plpmtu, 0);
}

/* RFC 4821 5.2: what a transport has found is told beside the path's MTU, which stays. It ends by
   itself, or by a size that is no less than that MTU. */
static void what_a_transport_found_stands_beside_the_path_mtu(void **state)
{
    struct ft_addr b4 = B4;
    struct ft_path path;

    (void)state;
    ft_path_set_plpmtu(h.net, &b4, 0, 1064, 1499);
    assert_int_equal(find(B4, 0, &path), 0);
    assert_int_equal(path.mtu, 1500);
    assert_int_equal(path.plpmtu, 1064);
    assert_int_equal(path.plpmtu_high, 1499);
    assert_true(ft_path_set_mtu(h.net, &b4, 0, 1400));
    assert_int_equal(find(B4, 0, &path), 0);
    assert_int_equal(path.mtu, 1400);
    assert_int_equal(path.plpmtu, 1064);
    assert_int_equal(find(V4(10, 7, 0, 3), 0, &path), 0);
    assert_int_equal(path.plpmtu, 0);
    ft_path_set_plpmtu(h.net, &b4, 0, 1400, 1499);
    assert_int_equal(find(B4, 0, &path), 0);
    assert_int_equal(path.plpmtu, 0);
    ft_path_set_plpmtu(h.net, &b4, 0, 1064, 1499);
    host_after(&h, 601 * FT_SEC);
    assert_int_equal(find(B4, 0, &path), 0);
    assert_int_equal(path.mtu, 1500);
    assert_int_equal(path.plpmtu, 0);
}

/* proves: A-42 */
static void path_mtu_table_is_bounded(void **state)
{
    uint64_t used = h.env.mem.used;
    struct ft_path path;
    unsigned n = 0;

    (void)state;
    assert_int_equal(add_route(V4(0, 0, 0, 0), 0, B4, 0), 0);
    for (unsigned i = 0; i < 10000; i++) {
        struct ft_addr dst = V4(198, 18, i >> 8, i & 255);

        (void)ft_path_set_mtu(h.net, &dst, 0, 1000);
    }
    assert_int_equal(h.env.mem.used, used);
    for (unsigned i = 0; i < 10000; i++) {
        assert_int_equal(find(V4(198, 18, i >> 8, i & 255), 0, &path), 0);
        n += path.mtu == 1000;
    }
    assert_in_range(n, 1, 64);
}

static void link_local_needs_its_link(void **state)
{
    struct ft_if_config config = {.size = sizeof(config),
                                  .name = "two",
                                  .type = FT_IF_ETHER,
                                  .mac = {2, 0, 0, 0, 0, 9},
                                  .mtu = 1500,
                                  .flags = FT_IF_NO_DAD};
    int two = ft_net_if_add(h.net, &config);
    struct ft_addr ll2 = V6(0xfe80000000000000, 0x22);
    struct ft_path path;

    (void)state;
    assert_int_equal(ft_net_addr_add(h.net, two, &ll2, 64, 0), 0);
    assert_int_equal(find(V6(0xfe80000000000000, 0x33), two, &path), 0);
    assert_int_equal(path.ifindex, two);
    assert_true(path.src.lo == 0x22);
    assert_int_equal(find(V6(0xfe80000000000000, 0x33), h.eth, &path), 0);
    assert_int_equal(path.ifindex, h.eth);
    assert_true(path.src.lo == 1);
    /* Our own on another link is a stranger's there. */
    assert_int_equal(find(ll2, h.eth, &path), 0);
    assert_false(path.local);
    assert_int_equal(find(ll2, two, &path), 0);
    assert_true(path.local);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(longest_prefix_wins_then_metric),
        T(routes_are_checked),
        T(own_addresses_go_by_loopback),
        T(a_source_of_loopback_stays_inside),
        T(source_addresses_follow_rfc_6724),
        T(no_address_of_the_family_is_told),
        T(every_change_is_seen_by_the_next_look),
        T(second_look_costs_nothing),
        T(addresses_are_classified),
        T(addresses_that_name_nobody_cannot_be_added),
        T(interfaces_are_checked_and_named),
        T(path_mtu_only_falls_and_grows_old),
        T(path_mtu_is_news_to_the_path_that_is_used),
        T(what_a_transport_found_stands_beside_the_path_mtu),
        T(path_mtu_table_is_bounded),
        T(link_local_needs_its_link),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
