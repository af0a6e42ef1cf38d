/* SPDX-License-Identifier: MIT */
/*
 * Groups that sockets have joined: counted, reported by IGMP and MLD, let in and let out.
 */
#include <errno.h>

#include "base/sum.h"
#include "wire/mld_igmp.h"

#include "harness.h"

static struct host h;
static const struct ft_addr us4 = {0, UINT64_C(0xffff0a070001)};
static const struct ft_addr us6 = {UINT64_C(0xfd07) << 48, 1};
static const struct ft_addr group4 = {0, UINT64_C(0xffffef010203)};
static const struct ft_addr group6 = {UINT64_C(0xff05) << 48, 0x1003};

#define GROUP4    V4(239, 1, 2, 3)
#define OTHER4    V4(239, 1, 2, 4)
#define GROUP6    V6(0xff05000000000000, 0x1003)
#define ALL_HOSTS V4(224, 0, 0, 1)

static int setup(void **state)
{
    *state = &h;
    host_open(&h, 0);
    h.env.config.limits.groups_max = 40;
    (void)host_drain(&h);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    host_close(&h);
    return 0;
}

static int join(struct ft_addr group)
{
    return ft_group_join(h.net, h.eth, &group);
}

static void leave(struct ft_addr group)
{
    ft_group_leave(h.net, h.eth, &group);
    ft_net_check(h.net);
}

/* The next IGMP message; NULL: there is none. The IP header is verified. */
static const uint8_t *next_igmp(struct ft_addr *ret_dst)
{
    struct ip4_hdr ip;

    while (host_sent(&h)) {
        if (be16_load(h.out + 12) != ETH_TYPE_IP4 || out_ip(&h)[9] != IP_PROTO_IGMP)
            continue;
        assert_int_equal(ip4_parse(out_ip(&h), h.out_len - ETH_HDR_LEN, &ip), 0);
        assert_int_equal(ip.hdr_len, 24);
        assert_true(ip.router_alert); /* RFC 3376 4, RFC 2236 2 */
        assert_int_equal(ip.ttl, 1);
        assert_true(addr_eq(&ip.src, &us4));
        assert_true(csum_good(ft_sum(out_ip(&h) + 24, ip.total_len - 24u, 0)));
        *ret_dst = ip.dst;
        return out_ip(&h) + 24;
    }
    return NULL;
}

/* An IGMPv3 report of one record comes next. */
static void says3(enum group_record_type type, struct ft_addr group)
{
    struct ft_addr dst, named, routers = V4(224, 0, 0, 22);
    const uint8_t *msg = next_igmp(&dst);

    assert_non_null(msg);
    assert_true(addr_eq(&dst, &routers));
    assert_int_equal(msg[0], IGMP3_REPORT);
    assert_int_equal(be16_load(msg + 6), 1);
    assert_int_equal(msg[8], type);
    named = addr_load4(msg + 12);
    assert_true(addr_eq(&named, &group));
}

/* A message of eight octets comes next. */
static void says_older(uint8_t type, struct ft_addr to, struct ft_addr group)
{
    struct ft_addr dst, named;
    const uint8_t *msg = next_igmp(&dst);

    assert_non_null(msg);
    assert_true(addr_eq(&dst, &to));
    assert_int_equal(msg[0], type);
    named = addr_load4(msg + 4);
    assert_true(addr_eq(&named, &group));
}

static void says_nothing(void)
{
    struct ft_addr dst;

    assert_null(next_igmp(&dst));
}

static void take_igmp(struct ft_addr dst, const uint8_t *msg, size_t len)
{
    say_ip(
        &h,
        &(struct say){.src = B4, .dst = dst, .eth_dst = mac_all, .proto = IP_PROTO_IGMP, .ttl = 1},
        msg, len);
    host_take_in(&h);
}

/* @version: 1 to 3. @group: any: a general query. */
static void take_query(unsigned version, struct ft_addr group, uint32_t max_resp_ms)
{
    struct group_msg query = {.type = IGMP_QUERY, .group = group, .max_resp_ms = max_resp_ms};
    uint8_t buf[12] = {0};
    size_t len = igmp_emit(buf, sizeof(buf), &query);

    if (version == 1)
        buf[1] = 0;
    if (version == 3)
        len = 12;
    be16_store(buf + 2, 0);
    be16_store(buf + 2, csum_of(buf, len));
    take_igmp(addr_is_any(&group) ? ALL_HOSTS : group, buf, len);
    assert_int_equal(h.verdict, FT_RX_CONTROL);
}

static void take_datagram(struct ft_addr src, struct ft_addr dst)
{
    say_udp(&h, &(struct say){.src = src, .dst = dst, .eth_dst = mac_all}, 10);
    host_take_in(&h);
}

/* RFC 3376 5.1: a change is told ROBUSTNESS times. */
static void joining_and_leaving_are_told_twice(void **state)
{
    (void)state;
    assert_int_equal(join(GROUP4), 0);
    host_after(&h, FT_MS);
    says3(GROUP_TO_EXCLUDE, GROUP4);
    says_nothing();
    host_after(&h, FT_SEC);
    says3(GROUP_TO_EXCLUDE, GROUP4);
    host_after(&h, 60 * FT_SEC);
    says_nothing();
    leave(GROUP4);
    host_after(&h, FT_SEC);
    says3(GROUP_TO_INCLUDE, GROUP4);
    says3(GROUP_TO_INCLUDE, GROUP4);
    host_after(&h, 60 * FT_SEC);
    says_nothing();
}

/* Memberships of one group are counted: the first and the last are told. */
static void only_the_first_and_the_last_member_are_told(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(join(GROUP4), 0);
    host_after(&h, 10 * FT_SEC);
    says3(GROUP_TO_EXCLUDE, GROUP4);
    says3(GROUP_TO_EXCLUDE, GROUP4);
    says_nothing();
    leave(GROUP4);
    leave(GROUP4);
    host_after(&h, 10 * FT_SEC);
    says_nothing();
    take_datagram(B4, GROUP4);
    assert_int_equal(h.what, FT_NET_UDP);
    leave(GROUP4);
    host_after(&h, 10 * FT_SEC);
    says3(GROUP_TO_INCLUDE, GROUP4);
}

static void who_comes_back_at_once_does_not_leave(void **state)
{
    (void)state;
    assert_int_equal(join(GROUP4), 0);
    host_after(&h, 10 * FT_SEC);
    (void)host_drain(&h);
    leave(GROUP4);
    assert_int_equal(join(GROUP4), 0);
    host_after(&h, 10 * FT_SEC);
    says3(GROUP_TO_EXCLUDE, GROUP4);
    says3(GROUP_TO_EXCLUDE, GROUP4);
    says_nothing();
}

/* RFC 1112 7.1: what is not for a group of this interface is not taken in. */
static void a_packet_comes_in_while_there_is_a_member(void **state)
{
    (void)state;
    take_datagram(B4, GROUP4);
    assert_true(host_dropped(&h, FT_RX_DROP_NOT_MINE));
    assert_int_equal(ft_group_join(h.net, h.lo, &group4), 0);
    take_datagram(B4, GROUP4);
    assert_true(host_dropped(&h, FT_RX_DROP_NOT_MINE)); /* of another interface */
    assert_int_equal(join(GROUP4), 0);
    take_datagram(B4, GROUP4);
    assert_int_equal(h.what, FT_NET_UDP);
    assert_int_equal(h.rx.dst_class, FT_ADDR_MULTICAST);
    take_datagram(B4, OTHER4);
    assert_true(host_dropped(&h, FT_RX_DROP_NOT_MINE));
    leave(GROUP4);
    take_datagram(B4, GROUP4);
    assert_true(host_dropped(&h, FT_RX_DROP_NOT_MINE));
    assert_int_equal(join(GROUP6), 0);
    take_datagram(B6, GROUP6);
    assert_int_equal(h.what, FT_NET_UDP);
    ft_group_leave(h.net, h.lo, &group4);
}

/* RFC 3376 5.2: within the time that the router says, and only what it asks for. */
static void a_query_is_answered_in_time_for_what_it_asks(void **state)
{
    (void)state;
    assert_int_equal(join(GROUP4), 0);
    assert_int_equal(join(OTHER4), 0);
    host_after(&h, 10 * FT_SEC);
    (void)host_drain(&h);
    take_query(3, OTHER4, 2000);
    host_after(&h, 2 * FT_SEC);
    says3(GROUP_IS_EXCLUDE, OTHER4);
    says_nothing();
    take_query(3, V4(0, 0, 0, 0), 2000);
    host_after(&h, 2 * FT_SEC);
    assert_int_equal(host_drain(&h), 1); /* both in one report */
    host_after(&h, 100 * FT_SEC);
    says_nothing();
    leave(GROUP4);
    leave(OTHER4);
    host_after(&h, 10 * FT_SEC);
    (void)host_drain(&h);
    take_query(3, V4(0, 0, 0, 0), 2000);
    host_after(&h, 10 * FT_SEC);
    says_nothing(); /* all-hosts is never reported */
}

/* RFC 3376 5.2: the earliest of the pending times counts. A router that asks for one group, because
   somebody has left it, waits for a second only. */
static void a_hurried_query_brings_the_pending_answer_forward(void **state)
{
    (void)state;
    assert_int_equal(join(GROUP4), 0);
    host_after(&h, 10 * FT_SEC);
    (void)host_drain(&h);
    for (unsigned i = 0; i < 20; i++) {
        take_query(3, V4(0, 0, 0, 0), 10000);
        take_query(3, GROUP4, 100);
        host_after(&h, 100 * FT_MS);
        says3(GROUP_IS_EXCLUDE, GROUP4);
        host_after(&h, 20 * FT_SEC);
        says_nothing(); /* one answer to both */
    }
}

/* proves: A-49 */
static void queries_without_end_provoke_one_answer_at_a_time(void **state)
{
    struct ft_addr dst;
    unsigned n = 0;

    (void)state;
    assert_int_equal(join(GROUP4), 0);
    host_after(&h, 10 * FT_SEC);
    (void)host_drain(&h);
    for (unsigned i = 0; i < 1000; i++) {
        take_query(3, V4(0, 0, 0, 0), 10000);
        host_after(&h, 10 * FT_MS);
        while (next_igmp(&dst))
            n++;
    }
    assert_in_range(n, 1, 60);
    for (unsigned i = 0; i < 10; i++)
        take_query(1 + i % 3, V4(0, 0, 0, 0), 0);
    host_after(&h, FT_SEC);
}

/* RFC 3376 7.2.1 */
static void an_older_router_hears_its_own_version_for_a_while(void **state)
{
    (void)state;
    take_query(2, V4(0, 0, 0, 0), 1000);
    assert_int_equal(join(GROUP4), 0);
    host_after(&h, 2 * FT_SEC);
    says_older(IGMP2_REPORT, GROUP4, GROUP4);
    says_older(IGMP2_REPORT, GROUP4, GROUP4);
    says_nothing();
    take_query(2, GROUP4, 1000);
    host_after(&h, 2 * FT_SEC);
    says_older(IGMP2_REPORT, GROUP4, GROUP4);
    leave(GROUP4);
    host_after(&h, 2 * FT_SEC);
    says_older(IGMP2_LEAVE, V4(224, 0, 0, 2), GROUP4);
    says_nothing();
    take_query(1, V4(0, 0, 0, 0), 0);
    assert_int_equal(join(OTHER4), 0);
    host_after(&h, 2 * FT_SEC);
    says_older(IGMP1_REPORT, OTHER4, OTHER4);
    says_older(IGMP1_REPORT, OTHER4, OTHER4);
    leave(OTHER4);
    host_after(&h, 2 * FT_SEC);
    says_nothing();
    host_after(&h, 300 * FT_SEC);
    assert_int_equal(join(GROUP4), 0);
    host_after(&h, FT_MS);
    says3(GROUP_TO_EXCLUDE, GROUP4);
}

/* RFC 2236 3: another's report is as good as ours. */
static void a_report_that_is_heard_need_not_be_sent(void **state)
{
    struct group_msg report = {.type = IGMP2_REPORT, .group = GROUP4};
    uint8_t buf[IGMP_MSG_LEN];

    (void)state;
    assert_int_equal(join(GROUP4), 0);
    host_after(&h, 10 * FT_SEC);
    (void)host_drain(&h);
    take_query(2, V4(0, 0, 0, 0), 10000);
    (void)igmp_emit(buf, sizeof(buf), &report);
    take_igmp(GROUP4, buf, sizeof(buf));
    host_after(&h, 20 * FT_SEC);
    says_nothing();
}

/* RFC 3810 6.1 */
static void groups_of_ipv6_are_told_by_mld(void **state)
{
    unsigned told[8] = {0};

    (void)state;
    assert_int_equal(join(GROUP6), 0);
    assert_int_equal(join(V6(0xff01000000000000, 7)), 0); /* never leaves the interface */
    assert_int_equal(join(V6(0xff02000000000000, 1)), 0); /* all-nodes */
    assert_int_equal(join(addr_solicited_node(&us6)), 0);
    leave(addr_solicited_node(&us6));
    host_after(&h, 5 * FT_SEC);
    leave(GROUP6);
    host_after(&h, 5 * FT_SEC);
    while (host_sent(&h)) {
        const uint8_t *mld = out_ip(&h) + IP6_HDR_LEN + IP6_ROUTER_ALERT_LEN;
        struct ft_addr group;

        if (be16_load(h.out + 12) != ETH_TYPE_IP6 || mld[0] != ICMP6_MLD2_REPORT)
            continue;
        assert_int_equal(be16_load(mld + 6), 1);
        group = addr_load16(mld + 12);
        assert_true(addr_eq(&group, &group6));
        told[mld[8] & 7]++;
    }
    assert_int_equal(told[GROUP_TO_EXCLUDE], 2);
    assert_int_equal(told[GROUP_TO_INCLUDE], 2);
}

static void groups_are_bounded_and_do_not_fit_one_report(void **state)
{
    struct ft_addr dst;
    unsigned n_told = 0, n_reports = 0;
    const uint8_t *msg;

    (void)state;
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(join(V4(239, 9, 0, i)), 0);
    assert_int_equal(join(GROUP4), -ENOBUFS);
    host_after(&h, FT_MS);
    while ((msg = next_igmp(&dst))) {
        n_told += be16_load(msg + 6);
        n_reports++;
    }
    assert_int_equal(n_told, 40);
    assert_int_equal(n_reports, 2);
    leave(V4(239, 9, 0, 5)); /* gives way before its leaving is told twice */
    assert_int_equal(join(GROUP4), 0);
    assert_int_equal(join(OTHER4), -ENOBUFS);
    assert_int_equal(ft_group_join(h.net, 77, &group4), -ENODEV);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(joining_and_leaving_are_told_twice),
        T(only_the_first_and_the_last_member_are_told),
        T(who_comes_back_at_once_does_not_leave),
        T(a_packet_comes_in_while_there_is_a_member),
        T(a_query_is_answered_in_time_for_what_it_asks),
        T(a_hurried_query_brings_the_pending_answer_forward),
        T(queries_without_end_provoke_one_answer_at_a_time),
        T(an_older_router_hears_its_own_version_for_a_while),
        T(a_report_that_is_heard_need_not_be_sent),
        T(groups_of_ipv6_are_told_by_mld),
        T(groups_are_bounded_and_do_not_fit_one_report),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
