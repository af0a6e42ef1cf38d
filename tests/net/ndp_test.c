/* SPDX-License-Identifier: MIT */
/*
 * Neighbour discovery messages are valid or do nothing; groups are reported.
 */
#include "harness.h"

#include "wire/mld_igmp.h"

static struct host h;

static int setup(void **state)
{
    *state = &h;
    host_open(&h, FT_IF_SLAAC);
    (void)host_drain(&h);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    host_close(&h);
    return 0;
}

static void fix_csum(void)
{
    uint8_t *ip = h.in + ETH_HDR_LEN;
    struct ft_addr src = addr_load16(ip + 8), dst = addr_load16(ip + 24);
    size_t len = h.in_len - ETH_HDR_LEN - 40;

    be16_store(ip + 42, 0);
    be16_store(ip + 42, csum_l4(&src, &dst, IP_PROTO_ICMP6, ip + 40, len));
}

static struct ndp_msg message(uint8_t type)
{
    return (struct ndp_msg){
        .type = type,
        .target = type == ICMP6_NS ? US6 : B6,
        .dst = B6,
        .lifetime_s = 1800,
        .has_sllao = type != ICMP6_NA && type != ICMP6_REDIRECT,
        .has_tllao = type == ICMP6_NA || type == ICMP6_REDIRECT,
        .sllao = {2, 0, 0, 0, 0, 2},
        .tllao = {2, 0, 0, 0, 0, 2},
    };
}

/* State that ND can change: memory, routes and what leaves. */
static void assert_no_effect(uint64_t used)
{
    struct ft_addr far = V6(0x20010db800000000, 1), any = addr_any();
    struct ft_path path;

    assert_int_equal(h.env.mem.used, used);
    assert_true(ft_path_find(h.net, &far, &any, 0, &path) < 0);
    assert_int_equal(host_drain(&h), 0);
}

/* proves: A-05 */
static void each_broken_condition_makes_a_message_void(void **state)
{
    static const uint8_t types[] = {ICMP6_RS, ICMP6_RA, ICMP6_NS, ICMP6_NA, ICMP6_REDIRECT};
    uint64_t used = h.env.mem.used;

    (void)state;
    for (size_t t = 0; t < 5; t++) {
        struct ndp_msg msg = message(types[t]);
        struct say s = {.dst = US6};
        uint8_t *icmp = h.in + ETH_HDR_LEN + 40;

        s.ttl = 254;
        say_nd(&h, &s, &msg);
        host_take_in(&h);
        assert_no_effect(used);
        s.ttl = 255;
        say_nd(&h, &s, &msg);
        icmp[1] = 1; /* code */
        fix_csum();
        host_take_in(&h);
        assert_no_effect(used);
        for (size_t len = 0; len < (t == 0 ? 8u : t == 1 ? 16u : t == 4 ? 40u : 24u); len++) {
            say_nd(&h, &s, &msg);
            h.in_len = ETH_HDR_LEN + 40 + len;
            be16_store(h.in + ETH_HDR_LEN + 4, (uint16_t)len);
            if (len >= 8)
                fix_csum();
            host_take_in(&h);
            assert_no_effect(used);
        }
        msg.target = V6(0xff02000000000000, 1);
        if (types[t] == ICMP6_NS || types[t] == ICMP6_NA) {
            say_nd(&h, &s, &msg);
            host_take_in(&h);
            assert_no_effect(used);
        }
    }
    /* Off-link: a router that is not link-local, an asker that is on no prefix of ours. */
    for (size_t t = 1; t < 3; t++) {
        struct ndp_msg msg = message(types[t]);

        say_nd(&h, &(struct say){.src = V6(0x20010db8000000ff, 9), .dst = US6}, &msg);
        host_take_in(&h);
        assert_no_effect(used);
    }
}

/* proves: A-06 */
static void option_lengths_are_checked_before_anything(void **state)
{
    static const uint8_t types[] = {ICMP6_RA, ICMP6_NS, ICMP6_NA};

    (void)state;
    for (size_t t = 0; t < 3; t++) {
        for (unsigned opt = 0; opt < 256; opt++) {
            for (unsigned len = 0; len < 256; len += len < 4 ? 1 : 50) {
                struct ndp_msg msg = message(types[t]);
                size_t at = ETH_HDR_LEN + 40 + (types[t] == ICMP6_RA ? 16u : 24u);
                uint64_t used = h.env.mem.used;

                say_nd(&h, &(struct say){.dst = US6}, &msg);
                h.in[at] = (uint8_t)opt;
                h.in[at + 1] = (uint8_t)len;
                fix_csum();
                host_take_in(&h);
                if (len != 1)
                    assert_no_effect(used);
                host_close(&h);
                host_open(&h, FT_IF_SLAAC);
                (void)host_drain(&h);
            }
        }
    }
}

/* RFC 4861 7.2.4. */
static void solicitation_is_answered_to_who_asked(void **state)
{
    struct ndp_msg ns = message(ICMP6_NS);
    struct ndp_msg na;
    struct ip6_hdr ip;

    (void)state;
    say_nd(&h, &(struct say){.src = B6, .dst = US6}, &ns);
    host_take_in(&h);
    assert_int_equal(h.verdict, FT_RX_CONTROL);
    assert_true(host_sent(&h) > 0);
    assert_memory_equal(h.out, mac_b, 6);
    assert_int_equal(ip6_parse(out_ip(&h), h.out_len - ETH_HDR_LEN, &ip), 0);
    assert_int_equal(ndp_parse(&ip, out_ip(&h) + 40, ip.payload_len, &na), 0);
    assert_true(na.solicited && na.override && !na.router && na.has_tllao);
    assert_memory_equal(na.tllao, mac_us, 6);
    assert_true(addr_eq(&ip.dst, &(struct ft_addr){B6.hi, B6.lo}));
    ns.target = V6(0xfd07000000000000, 9);
    say_nd(&h, &(struct say){.src = B6, .dst = US6}, &ns);
    host_take_in(&h);
    assert_int_equal(host_drain(&h), 0);
}

/* RFC 4429: two optimistic nodes find each other though neither says where it is. */
static void asker_without_link_address_is_answered_where_it_is(void **state)
{
    struct ndp_msg ns = message(ICMP6_NS);
    uint64_t used = h.env.mem.used;

    (void)state;
    ns.has_sllao = false;
    say_nd(&h, &(struct say){.src = B6, .dst = US6}, &ns);
    host_take_in(&h);
    assert_true(host_sent(&h) > 0);
    assert_memory_equal(h.out, mac_b, 6);
    assert_int_equal(out_ip(&h)[40], ICMP6_NA);
    assert_int_equal(h.env.mem.used, used);
}

/* What each has to send goes to the other, until both are quiet. */
static void exchange(struct host *a, struct host *b)
{
    bool busy = true;

    while (busy) {
        busy = host_sent(a) > 0;
        if (busy)
            host_take(b, a->out, a->out_len);
        if (host_sent(b) > 0) {
            host_take(a, b->out, b->out_len);
            busy = true;
        }
    }
}

/* DESIGN 2: addresses are used at once, also when both ends have only just come up. */
static void two_new_hosts_find_each_other_at_once(void **state)
{
    static struct host other;
    struct ft_addr us = US6, them = B6, any = addr_any();
    struct ft_ip_tx tx = {.src = US6, .dst = B6, .l4_len = 20, .proto = IP_PROTO_TCP};
    struct ft_frame frame = {.buf = h.in, .cap = sizeof(h.in)};
    struct ft_flow flow;
    struct ft_path path;

    (void)state;
    host_close(&h);
    other.mac = mac_b;
    host_open_bare(&h, 0);
    host_open_bare(&other, 0);
    assert_int_equal(ft_net_addr_add(h.net, h.eth, &us, 64, 0), 0);
    assert_int_equal(ft_net_addr_add(other.net, other.eth, &them, 64, 0), 0);
    host_after(&h, FT_MS);
    host_after(&other, FT_MS);
    ft_flow_init(&flow, FT_FLOW_TCP);
    assert_int_equal(ft_path_find(h.net, &them, &any, 0, &path), 0);
    assert_int_equal(ft_ip_begin(h.net, &path, &tx, &flow, &frame), FT_TX_WAIT);
    exchange(&h, &other);
    assert_int_equal(flow.place, FT_FLOW_READY);
    assert_ptr_equal(ft_flow_next(h.net, h.eth), &flow);
    assert_int_equal(ft_ip_begin(h.net, &path, &tx, &flow, &frame), FT_TX_READY);
    assert_memory_equal(h.in, mac_b, 6);
    for (unsigned ms = 0; ms < 5000; ms += 10) {
        host_after(&h, 10 * FT_MS);
        host_after(&other, 10 * FT_MS);
        exchange(&h, &other);
    }
    assert_int_equal(ft_net_addr_state(h.net, h.eth, &us), FT_ADDR_PREFERRED);
    assert_int_equal(ft_net_addr_state(other.net, other.eth, &them), FT_ADDR_PREFERRED);
    host_close(&other);
}

/* RFC 4429 3.2: neither says where it is while it asks for the other. Both are answered. */
static void two_new_hosts_that_ask_each_other_find_each_other(void **state)
{
    static struct host other;
    static uint8_t buf[PKT_MAX];
    struct host *const hosts[] = {&h, &other};
    const struct ft_addr addrs[] = {US6, B6}, any = addr_any();
    struct ft_flow flows[2];
    struct ft_path path;

    (void)state;
    host_close(&h);
    other.mac = mac_b;
    for (size_t i = 0; i < 2; i++) {
        struct ft_ip_tx tx = {
            .src = addrs[i], .dst = addrs[!i], .l4_len = 20, .proto = IP_PROTO_TCP};
        struct ft_frame frame = {.buf = buf, .cap = sizeof(buf)};

        host_open_bare(hosts[i], 0);
        assert_int_equal(ft_net_addr_add(hosts[i]->net, hosts[i]->eth, &addrs[i], 64, 0), 0);
        host_after(hosts[i], FT_MS);
        (void)host_drain(hosts[i]);
        ft_flow_init(&flows[i], FT_FLOW_TCP);
        assert_int_equal(ft_path_find(hosts[i]->net, &addrs[!i], &any, 0, &path), 0);
        assert_int_equal(ft_ip_begin(hosts[i]->net, &path, &tx, &flows[i], &frame), FT_TX_WAIT);
    }
    exchange(&h, &other);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(flows[i].place, FT_FLOW_READY);
        ft_flow_idle(hosts[i]->net, &flows[i]);
    }
    host_close(&other);
}

/* The same address twice: who came first may keep it, but not both. */
static void two_hosts_never_both_keep_one_address(void **state)
{
    static struct host other;
    const struct ft_addr addrs[] = {US6, US4};

    (void)state;
    host_close(&h);
    other.mac = mac_b;
    host_open_bare(&h, 0);
    host_open_bare(&other, 0);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(ft_net_addr_add(h.net, h.eth, &addrs[i], 24, 0), 0);
        assert_int_equal(ft_net_addr_add(other.net, other.eth, &addrs[i], 24, 0), 0);
    }
    for (unsigned ms = 0; ms < 10000; ms += 10) {
        host_after(&h, 10 * FT_MS);
        host_after(&other, 10 * FT_MS);
        exchange(&h, &other);
    }
    for (size_t i = 0; i < 2; i++) {
        int a = ft_net_addr_state(h.net, h.eth, &addrs[i]);
        int b = ft_net_addr_state(other.net, other.eth, &addrs[i]);

        assert_true(a == FT_ADDR_DUPLICATE || b == FT_ADDR_DUPLICATE);
    }
    host_close(&other);
}

/* The records of the next MLDv2 report; 0: there was none. */
static unsigned sent_report(void)
{
    while (host_sent(&h))
        if (be16_load(h.out + 12) == ETH_TYPE_IP6 && out_ip(&h)[6] == IP_PROTO_HOPOPTS &&
            out_ip(&h)[48] == ICMP6_MLD2_REPORT) {
            assert_int_equal(out_ip(&h)[7], 1);
            return be16_load(out_ip(&h) + 54);
        }
    return 0;
}

static void take_query(uint16_t max_resp)
{
    struct icmp6_path path = {.src = B_LL, .dst = V6(0xff02000000000000, 1)};
    struct group_msg query = {
        .type = ICMP6_MLD_QUERY, .version = 1, .group = addr_any(), .max_resp_ms = max_resp};
    uint8_t buf[8 + MLD_MSG_LEN];
    size_t len = ip6_router_alert_emit(buf, 8, IP_PROTO_ICMP6);

    len += mld_emit(buf + 8, MLD_MSG_LEN, &path, &query);
    say_ip(&h,
           &(struct say){.src = path.src,
                         .dst = path.dst,
                         .eth_dst = mac_all,
                         .proto = IP_PROTO_HOPOPTS,
                         .ttl = 1},
           buf, len);
    host_take_in(&h);
}

/* RFC 3810 6: when the groups change, and when a router asks. */
static void groups_are_reported(void **state)
{
    struct ft_addr other = V6(0xfd07000000000000, 0x77);

    (void)state;
    host_after(&h, 30 * FT_SEC);
    (void)host_drain(&h);
    assert_int_equal(ft_net_addr_add(h.net, h.eth, &other, 64, 0), 0);
    host_after(&h, 2 * FT_SEC);
    assert_int_equal(sent_report(), 3); /* ::1 of two prefixes share one, the formed one, ::77 */
    assert_int_equal(sent_report(), 3);
    assert_int_equal(sent_report(), 0);
    take_query(1000);
    assert_int_equal(h.verdict, FT_RX_CONTROL);
    host_after(&h, 1100 * FT_MS);
    assert_int_equal(sent_report(), 3);
    assert_int_equal(sent_report(), 0);
}

/* proves: A-49 */
static void queries_provoke_one_report_an_interval(void **state)
{
    unsigned n = 0;

    (void)state;
    host_after(&h, 30 * FT_SEC);
    (void)host_drain(&h);
    for (unsigned i = 0; i < 1000; i++) {
        take_query(10000);
        host_after(&h, 10 * FT_MS);
        while (sent_report())
            n++;
    }
    assert_in_range(n, 0, 60);
    for (unsigned i = 0; i < 10; i++)
        take_query(0);
    host_after(&h, FT_SEC);
    (void)host_drain(&h);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(each_broken_condition_makes_a_message_void),
        T(option_lengths_are_checked_before_anything),
        T(solicitation_is_answered_to_who_asked),
        T(asker_without_link_address_is_answered_where_it_is),
        T(two_new_hosts_find_each_other_at_once),
        T(two_new_hosts_that_ask_each_other_find_each_other),
        T(two_hosts_never_both_keep_one_address),
        T(groups_are_reported),
        T(queries_provoke_one_report_an_interval),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
