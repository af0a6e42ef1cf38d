/* SPDX-License-Identifier: MIT */
/*
 * Router advertisements: addresses and routes formed from them, lifetimes, and what a hostile
 * router cannot do.
 */
#include "harness.h"

static struct host h;

#define R_LL V6(0xfe80000000000000, 0x99)

static int setup(void **state)
{
    *state = &h;
    host_open_bare(&h, FT_IF_SLAAC | FT_IF_FAST_DAD);
    host_after(&h, 5 * FT_SEC);
    (void)host_drain(&h);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    host_close(&h);
    return 0;
}

static struct ndp_msg advert(void)
{
    return (struct ndp_msg){
        .type = ICMP6_RA,
        .lifetime_s = 1800,
        .has_sllao = true,
        .sllao = {2, 0, 0, 0, 0, 0x99},
        .n_prefixes = 1,
        .prefixes = {{.prefix = V6(0x20010db800010000, 0),
                      .valid_s = 86400,
                      .preferred_s = 14400,
                      .len = 64,
                      .on_link = true,
                      .autonomous = true}},
    };
}

static void take_ra(struct ft_addr router, const struct ndp_msg *msg)
{
    struct say s = {.src = router, .dst = V6(0xff02000000000000, 1), .eth_dst = mac_all};

    say_nd(&h, &s, msg);
    host_take_in(&h);
}

/* The address on a prefix; its state is 0 if there is none. */
static struct ft_addr_info addr_on(uint64_t hi)
{
    struct ft_addr_info infos[16];
    int n = ft_net_addrs(h.net, h.eth, infos, 16);

    for (int i = 0; i < n; i++)
        if (infos[i].addr.hi == hi)
            return infos[i];
    return (struct ft_addr_info){.state = 0};
}

static int path_to(struct ft_addr dst, struct ft_path *ret)
{
    struct ft_addr any = addr_any();

    return ft_path_find(h.net, &dst, &any, 0, ret);
}

/* The number of router solicitations that are sent in so many seconds. */
static unsigned solicitations(unsigned seconds)
{
    unsigned n = 0;

    for (unsigned s = 0; s < seconds; s++) {
        host_after(&h, FT_SEC);
        while (host_sent(&h))
            n += be16_load(h.out + 12) == ETH_TYPE_IP6 && out_ip(&h)[40] == ICMP6_RS &&
                 out_ip(&h)[6] == IP_PROTO_ICMP6 && out_ip(&h)[7] == 255;
    }
    return n;
}

/* RFC 4861 6.3.7: three solicitations, if nobody answers. */
static void routers_are_solicited_three_times(void **state)
{
    (void)state;
    host_close(&h);
    host_open_bare(&h, FT_IF_SLAAC);
    assert_int_equal(solicitations(60), 3);
}

/* RFC 4861 6.3.7: one that is no default router (Router Lifetime 0) is no answer. */
static void solicitation_ends_with_a_default_router(void **state)
{
    struct ndp_msg ra = advert();

    (void)state;
    host_close(&h);
    host_open_bare(&h, FT_IF_SLAAC);
    assert_int_equal(solicitations(2), 1);
    ra.lifetime_s = 0;
    take_ra(R_LL, &ra);
    assert_int_equal(solicitations(4), 1);
    ra.lifetime_s = 1800;
    take_ra(V6(0xfe80000000000000, 0x98), &ra);
    assert_int_equal(solicitations(60), 0);
}

/* RFC 4862 5.5.3, RFC 4861 6.3.4. */
static void advertisement_gives_address_and_routes(void **state)
{
    struct ndp_msg ra = advert();
    struct ft_addr_info info;
    struct ft_path path;

    (void)state;
    assert_int_equal(addr_on(UINT64_C(0xfe80) << 48).state, FT_ADDR_PREFERRED);
    take_ra(R_LL, &ra);
    assert_int_equal(h.verdict, FT_RX_CONTROL);
    info = addr_on(0x20010db800010000);
    assert_int_equal(info.state, FT_ADDR_OPTIMISTIC);
    assert_int_equal(info.prefix_len, 64);
    host_after(&h, 2 * FT_SEC);
    assert_int_equal(addr_on(0x20010db800010000).state, FT_ADDR_PREFERRED);
    assert_int_equal(path_to(V6(0x20010db8ffff0000, 1), &path), 0);
    assert_true(path.next_hop.lo == 0x99 && path.next_hop.hi == R_LL.hi);
    assert_true(addr_eq(&path.src, &info.addr));
    assert_int_equal(path_to(V6(0x20010db800010000, 77), &path), 0);
    assert_true(path.next_hop.lo == 77);
    (void)host_drain(&h);
}

/* RFC 4862 5.5.4: preferred, deprecated, gone; the router too. */
static void lifetimes_end(void **state)
{
    struct ndp_msg ra = advert();
    struct ft_path path;

    (void)state;
    take_ra(R_LL, &ra);
    host_after(&h, 1801 * FT_SEC);
    assert_true(path_to(V6(0x20010db8ffff0000, 1), &path) < 0);
    host_after(&h, 14400 * FT_SEC - 1801 * FT_SEC);
    host_after(&h, FT_SEC);
    assert_int_equal(addr_on(0x20010db800010000).state, FT_ADDR_DEPRECATED);
    host_after(&h, 86400 * FT_SEC);
    assert_int_equal(addr_on(0x20010db800010000).state, 0);
    (void)host_drain(&h);
}

/* proves: A-09 */
static void advertisement_cannot_take_away_or_starve(void **state)
{
    static const uint32_t mtus[] = {0, 68, 1279, 1501, 65536, UINT32_MAX};
    struct ndp_msg ra = advert();
    struct ft_path path;

    (void)state;
    take_ra(R_LL, &ra);
    host_after(&h, 2 * FT_SEC);
    ra.prefixes[0].valid_s = 0;
    ra.prefixes[0].preferred_s = 0;
    ra.prefixes[0].on_link = false;
    ra.lifetime_s = 0;
    take_ra(V6(0xfe80000000000000, 0x66), &ra); /* not the router's own */
    assert_int_equal(path_to(V6(0x20010db8ffff0000, 1), &path), 0);
    assert_int_equal(addr_on(0x20010db800010000).state, FT_ADDR_DEPRECATED);
    host_after(&h, 7100 * FT_SEC);
    assert_int_equal(addr_on(0x20010db800010000).state, FT_ADDR_DEPRECATED);
    host_after(&h, 200 * FT_SEC);
    assert_int_equal(addr_on(0x20010db800010000).state, 0);
    ra = advert();
    ra.cur_hop_limit = 1;
    ra.retrans_ms = 1;
    ra.reachable_ms = UINT32_MAX;
    ra.has_mtu = true;
    for (size_t i = 0; i < sizeof(mtus) / sizeof(mtus[0]); i++) {
        ra.mtu = mtus[i];
        take_ra(R_LL, &ra);
        assert_int_equal(path_to(V6(0x20010db8ffff0000, 1), &path), 0);
        assert_int_equal(path.mtu, 1500);
    }
    ra.mtu = 1400;
    take_ra(R_LL, &ra);
    assert_int_equal(path_to(V6(0x20010db8ffff0000, 1), &path), 0);
    assert_int_equal(path.mtu, 1400);
    (void)host_drain(&h);
    host_after(&h, 5 * FT_SEC);
    (void)host_drain(&h);
    say_echo(&h, &(struct say){.src = B_LL, .dst = addr_on(UINT64_C(0xfe80) << 48).addr}, 8);
    host_take_in(&h);
    assert_true(host_sent(&h) > 0);
    assert_true(out_ip(&h)[7] >= 32);
    (void)host_drain(&h);
}

static void hop_limit_of_a_router_is_taken(void **state)
{
    struct ndp_msg ra = advert();
    struct ndp_msg ns = {.type = ICMP6_NS, .has_sllao = true, .sllao = {2, 0, 0, 0, 0, 2}};
    struct ft_addr us = addr_on(UINT64_C(0xfe80) << 48).addr;

    (void)state;
    ra.cur_hop_limit = 77;
    take_ra(R_LL, &ra);
    ns.target = us;
    say_nd(&h, &(struct say){.src = B_LL, .dst = us}, &ns);
    host_take_in(&h);
    host_after(&h, FT_SEC);
    (void)host_drain(&h);
    say_echo(&h, &(struct say){.src = B_LL, .dst = us}, 8);
    host_take_in(&h);
    assert_true(host_sent(&h) > 0);
    assert_int_equal(out_ip(&h)[7], 77);
}

/* proves: A-08 */
static void floods_of_advertisements_find_the_limits(void **state)
{
    struct ndp_msg ra = advert();
    struct ft_addr_info first;
    struct ft_path path;
    uint64_t steps, used;

    (void)state;
    take_ra(R_LL, &ra);
    first = addr_on(0x20010db800010000);
    for (unsigned i = 0; i < 20000; i++) {
        ra = advert();
        ra.prefixes[0].prefix.hi += (uint64_t)(i + 1) << 16;
        take_ra(V6(0xfe80000000000000, 0x1000 + i), &ra);
        (void)host_drain(&h);
    }
    assert_true(ft_net_addrs(h.net, h.eth, NULL, 0) <= 16);
    used = h.env.mem.used;
    steps = h.env.counters.steps_list_nodes;
    ra.prefixes[0].prefix.hi += 1u << 20;
    take_ra(V6(0xfe80000000000000, 0x999999), &ra);
    assert_true(h.env.counters.steps_list_nodes - steps < 300);
    assert_true(h.env.mem.used <= used + 1000);
    host_after(&h, 2 * FT_SEC);
    assert_int_equal(addr_on(0x20010db800010000).state, FT_ADDR_PREFERRED);
    assert_int_equal(path_to(V6(0x20010db8ffff0000, 1), &path), 0);
    assert_true(addr_eq(&path.next_hop, &(struct ft_addr){R_LL.hi, R_LL.lo}));
    assert_true(addr_on(0x20010db800010000).addr.lo == first.addr.lo);
    (void)host_drain(&h);
}

/* proves: A-07 */
static void prefixes_that_cannot_be_are_ignored(void **state)
{
    struct ndp_msg ra = advert();

    (void)state;
    ra.n_prefixes = 5;
    for (size_t i = 1; i < 5; i++)
        ra.prefixes[i] = ra.prefixes[0];
    ra.prefixes[0].prefix = V6(0xfe80000000000000, 0);
    ra.prefixes[1].prefix = V6(0xff02000000000000, 0);
    ra.prefixes[2].len = 65;
    ra.prefixes[2].on_link = false;
    ra.prefixes[3].preferred_s = 86401;
    ra.prefixes[3].on_link = false;
    ra.prefixes[4].prefix = V6(0, 0);
    take_ra(R_LL, &ra);
    assert_int_equal(ft_net_addrs(h.net, h.eth, NULL, 0), 1);
    (void)host_drain(&h);
}

/* Somebody else has each address that is formed on the prefix of advert(). */
static unsigned contest(struct ft_addr *seen, unsigned max)
{
    unsigned n = 0;

    while (n < max) {
        struct ft_addr_info info = addr_on(0x20010db800010000);
        struct ndp_msg na = {.type = ICMP6_NA, .target = info.addr, .override = true};
        struct say s = {.src = info.addr, .dst = V6(0xff02000000000000, 1), .eth_dst = mac_all};

        if (info.state == FT_ADDR_DUPLICATE)
            break;
        for (unsigned k = 0; k < n; k++)
            assert_false(addr_eq(&seen[k], &info.addr));
        seen[n++] = info.addr;
        say_nd(&h, &s, &na);
        host_take_in(&h);
        host_after(&h, FT_MS);
    }
    return n;
}

/* RFC 4862 5.5.4: its place among those of advertised prefixes becomes free. */
static void lifetime_of_a_duplicate_address_ends(void **state)
{
    struct ndp_msg ra = advert();
    struct ft_addr seen[8];

    (void)state;
    ra.prefixes[0].valid_s = 20000;
    take_ra(R_LL, &ra);
    (void)contest(seen, 8);
    assert_int_equal(addr_on(0x20010db800010000).state, FT_ADDR_DUPLICATE);
    host_after(&h, 15000 * FT_SEC);
    take_ra(R_LL, &ra);
    host_after(&h, 15000 * FT_SEC);
    assert_int_equal(addr_on(0x20010db800010000).state, FT_ADDR_DUPLICATE);
    host_after(&h, 5001 * FT_SEC);
    assert_int_equal(addr_on(0x20010db800010000).state, 0);
    assert_int_equal(ft_net_addrs(h.net, h.eth, NULL, 0), 1);
    take_ra(R_LL, &ra);
    assert_int_equal(addr_on(0x20010db800010000).state, FT_ADDR_OPTIMISTIC);
    (void)host_drain(&h);
}

/* proves: A-12 */
static void conflicts_of_formed_addresses_are_tried_three_times(void **state)
{
    struct ndp_msg ra = advert();
    struct ft_addr seen[8];

    (void)state;
    take_ra(R_LL, &ra);
    assert_int_equal(contest(seen, 8), 3);
    take_ra(R_LL, &ra);
    assert_int_equal(addr_on(0x20010db800010000).state, FT_ADDR_DUPLICATE);
    (void)host_drain(&h);
}

/* RFC 4861 7.2.5: who says that it is no router is none any more. */
static void router_that_steps_down_loses_its_route(void **state)
{
    struct ndp_msg ra = advert();
    struct ndp_msg na = {.type = ICMP6_NA, .target = R_LL, .override = true};
    struct ft_path path;

    (void)state;
    take_ra(R_LL, &ra);
    assert_int_equal(path_to(V6(0x20010db8ffff0000, 1), &path), 0);
    say_nd(&h, &(struct say){.src = R_LL, .dst = V6(0xff02000000000000, 1), .eth_dst = mac_all},
           &na);
    host_take_in(&h);
    assert_true(path_to(V6(0x20010db8ffff0000, 1), &path) < 0);
    (void)host_drain(&h);
}

static void without_the_flag_advertisements_do_nothing(void **state)
{
    struct ndp_msg ra = advert();
    struct ft_path path;

    (void)state;
    host_close(&h);
    host_open(&h, 0);
    take_ra(R_LL, &ra);
    assert_true(host_dropped(&h, FT_RX_DROP_CONTROL));
    assert_true(path_to(V6(0x20010db8ffff0000, 1), &path) < 0);
    assert_int_equal(ft_net_addrs(h.net, h.eth, NULL, 0), 3);
}

/* A host that shows its addresses to others chooses the link-local one itself: there is no second.
 */
static void link_local_may_be_the_callers(void **state)
{
    struct ft_addr own = V6(0xfe80000000000000, 0x77);
    struct ndp_msg ra = advert();

    (void)state;
    host_close(&h);
    host_open_bare(&h, FT_IF_SLAAC | FT_IF_FAST_DAD | FT_IF_OWN_LINK_LOCAL);
    assert_int_equal(ft_net_addr_add(h.net, h.eth, &own, 64, 0), 0);
    host_after(&h, 5 * FT_SEC);
    (void)host_drain(&h);
    assert_int_equal(ft_net_addrs(h.net, h.eth, NULL, 0), 1);
    take_ra(R_LL, &ra);
    assert_int_equal(ft_net_addrs(h.net, h.eth, NULL, 0), 2);
    assert_int_equal(addr_on(0x20010db800010000).state, FT_ADDR_OPTIMISTIC);
}

/* Those of addresses, of advertisements and added ones, as long as they are good. */
static void routes_are_listed(void **state)
{
    struct ft_route_config routes[4];
    struct ndp_msg ra = advert();

    (void)state;
    assert_int_equal(ft_net_routes(h.net, routes, 4), 1); /* fe80::/64 */
    take_ra(R_LL, &ra);
    assert_int_equal(ft_net_routes(h.net, NULL, 0), 3);
    assert_int_equal(ft_net_routes(h.net, routes, 4), 3);
    assert_true(routes[2].prefix_len == 0 && addr_eq(&routes[2].gateway, &R_LL));
    assert_true(routes[2].ifindex == h.eth && routes[2].metric == 1024);
    host_after(&h, 1801 * FT_SEC);
    assert_int_equal(ft_net_routes(h.net, routes, 4), 2);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(routers_are_solicited_three_times),
        T(solicitation_ends_with_a_default_router),
        T(advertisement_gives_address_and_routes),
        T(lifetimes_end),
        T(advertisement_cannot_take_away_or_starve),
        T(hop_limit_of_a_router_is_taken),
        T(floods_of_advertisements_find_the_limits),
        T(prefixes_that_cannot_be_are_ignored),
        T(conflicts_of_formed_addresses_are_tried_three_times),
        T(lifetime_of_a_duplicate_address_ends),
        T(router_that_steps_down_loses_its_route),
        T(without_the_flag_advertisements_do_nothing),
        T(link_local_may_be_the_callers),
        T(routes_are_listed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
