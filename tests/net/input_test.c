/* SPDX-License-Identifier: MIT */
/*
 * Frames come in: the link header, octets spread over spans, loopback, and who is let in.
 */
#include "harness.h"

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

/* proves: A-01 */
static void runts_and_towers_of_tags_are_dropped(void **state)
{
    static const uint16_t types[] = {ETH_TYPE_IP4, ETH_TYPE_ARP, ETH_TYPE_IP6, ETH_TYPE_VLAN,
                                     ETH_TYPE_QINQ};
    uint8_t frame[1500];

    (void)state;
    for (size_t t = 0; t < 5; t++) {
        for (size_t len = 0; len <= 64; len++) {
            memset(frame, 0, sizeof(frame));
            memcpy(frame, mac_us, 6);
            memcpy(frame + 6, mac_b, 6);
            be16_store(frame + 12, types[t]);
            host_take(&h, frame, len);
            assert_int_equal(h.what, FT_NET_DONE);
        }
    }
    for (size_t i = 0; i < 350; i++)
        be16_store(frame + 12 + i * 4, ETH_TYPE_VLAN);
    host_take(&h, frame, sizeof(frame));
    assert_true(host_dropped(&h, FT_RX_DROP_FRAME));
    assert_int_equal(host_drain(&h), 0);
}

static void frames_for_others_are_dropped(void **state)
{
    struct say s = {.src = B4, .eth_dst = mac_c};

    (void)state;
    say_echo(&h, &s, 8);
    host_take_in(&h);
    assert_true(host_dropped(&h, FT_RX_DROP_NOT_MINE));
    s.eth_dst = NULL;
    s.dst = V4(10, 7, 0, 9);
    say_echo(&h, &s, 8);
    host_take_in(&h);
    assert_true(host_dropped(&h, FT_RX_DROP_NOT_MINE));
    h.in[12] = 0x12;
    host_take_in(&h);
    assert_true(host_dropped(&h, FT_RX_DROP_ETHERTYPE));
    h.what = ft_net_input(h.net, 77, &(struct ft_frame){.buf = h.in, .len = 60}, &h.rx, &h.verdict);
    assert_true(host_dropped(&h, FT_RX_DROP_FRAME));
}

/* Whether what came up as TCP is the payload that say_tcp() made. */
static void assert_tcp_payload(size_t payload)
{
    uint8_t got[2000];
    size_t n = h.rx.l4_contig;

    assert_int_equal(h.what, FT_NET_TCP);
    assert_int_equal(h.rx.l4_len, 20 + payload);
    assert_int_equal(h.rx.dst_class, FT_ADDR_LOCAL);
    memcpy(got, h.rx.l4, n);
    for (size_t i = 0; i < h.rx.n_spans; i++) {
        memcpy(got + n, h.rx.spans[i].data, h.rx.spans[i].len);
        n += h.rx.spans[i].len;
    }
    assert_int_equal(n, 20 + payload);
    assert_true(h.rx.l4_contig >= 20);
    for (size_t i = 0; i < payload; i++)
        assert_int_equal(got[20 + i], (uint8_t)(i * 3));
}

/* The spans must live while the payload is compared. */
static void take_spans(size_t a, size_t b)
{
    struct ft_frame frame = {.buf = h.in,
                             .len = (uint32_t)a,
                             .spans = {{h.in + a, b - a}, {h.in + b, h.in_len - b}},
                             .n_spans = 2};

    h.what = ft_net_input(h.net, h.eth, &frame, &h.rx, &h.verdict);
}

/* proves: A-106 */
static void split_frames_are_read_as_whole_ones(void **state)
{
    struct ft_addr from[] = {B4, B6};

    (void)state;
    host_knows_b(&h);
    for (size_t f = 0; f < 2; f++) {
        struct say s = {.src = from[f]};

        say_tcp(&h, &s, 300);
        memset(h.in + h.in_len, 0xee, 40); /* padding behind the packet */
        h.in_len += 40;
        for (size_t a = 0; a < h.in_len; a++) {
            take_spans(a, a + (h.in_len - a) / 2);
            assert_tcp_payload(300);
            take_spans(a, h.in_len);
            assert_tcp_payload(300);
        }
        say_echo(&h, &s, 100);
        for (size_t a = 0; a < h.in_len; a++) {
            host_take_split(&h, a, a + (h.in_len - a) / 3);
            assert_int_equal(h.verdict, FT_RX_CONTROL);
            assert_int_equal(host_drain(&h), 1);
        }
    }
}

/* proves: A-106 */
static void broken_frames_fare_alike_however_they_are_split(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 200; seed++) {
        enum ft_verdict whole;

        say_tcp(&h, &(struct say){.src = seed & 1 ? B4 : B6}, 40);
        h.in[14 + seed % 60] ^= (uint8_t)(1 + seed * 37);
        host_take_in(&h);
        whole = h.verdict;
        (void)host_drain(&h);
        for (size_t a = 0; a < h.in_len; a += 7) {
            host_take_split(&h, a, h.in_len - (h.in_len - a) / 2);
            assert_int_equal(h.verdict, whole);
            (void)host_drain(&h);
        }
    }
}

/* proves: A-19 */
static void packets_from_impossible_sources_are_dropped(void **state)
{
    const struct ft_addr sources[] = {
        US4,
        V4(127, 0, 0, 1),
        V4(0, 0, 0, 0),
        V4(0, 1, 2, 3),
        V4(255, 255, 255, 255),
        V4(10, 7, 0, 255),
        V4(224, 0, 0, 1),
        V4(240, 0, 0, 1),
        US6,
        V6(0, 1),
        V6(0xff02000000000000, 1),
        V6(0, 0),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        struct say s = {.src = sources[i], .dst = addr_is_v4(&sources[i]) ? US4 : US6};

        say_tcp(&h, &s, 10);
        host_take_in(&h);
        assert_true(host_dropped(&h, FT_RX_DROP_MARTIAN));
        say_udp(&h, &s, 10);
        host_take_in(&h);
        assert_true(host_dropped(&h, FT_RX_DROP_MARTIAN));
        say_echo(&h, &s, 10);
        host_take_in(&h);
        assert_true(host_dropped(&h, FT_RX_DROP_MARTIAN));
    }
    assert_int_equal(host_drain(&h), 0);
}

/* RFC 1122 3.2.1.3 (a), RFC 2131 4.1: a server of DHCP hears who has no address yet. */
/* proves: A-19 */
static void a_host_without_an_address_speaks_to_all_by_udp_only(void **state)
{
    struct say s = {.src = V4(0, 0, 0, 0), .dst = V4(255, 255, 255, 255), .eth_dst = mac_all};
    struct ft_addr none = V4(0, 0, 0, 0);

    (void)state;
    say_udp(&h, &s, 300);
    host_take_in(&h);
    assert_int_equal(h.what, FT_NET_UDP);
    assert_true(addr_eq(&h.rx.src, &none));
    assert_int_equal(h.rx.dst_class, FT_ADDR_BROADCAST);
    ft_icmp_port_unreachable(h.net, &h.rx);
    say_tcp(&h, &s, 10);
    host_take_in(&h);
    assert_true(host_dropped(&h, FT_RX_DROP_MARTIAN));
    say_echo(&h, &s, 10);
    host_take_in(&h);
    assert_true(host_dropped(&h, FT_RX_DROP_MARTIAN));
    s.dst = V4(10, 7, 0, 255);
    say_udp(&h, &s, 300);
    host_take_in(&h);
    assert_true(host_dropped(&h, FT_RX_DROP_MARTIAN));
    say_udp(&h, &(struct say){.src = V4(0, 0, 0, 1), .dst = V4(255, 255, 255, 255)}, 300);
    host_take_in(&h);
    assert_true(host_dropped(&h, FT_RX_DROP_MARTIAN));
    assert_int_equal(host_drain(&h), 0);
}

/* proves: A-19 */
static void loopback_addresses_do_not_come_from_a_wire(void **state)
{
    (void)state;
    say_tcp(&h, &(struct say){.src = B4, .dst = V4(127, 0, 0, 1)}, 1);
    host_take_in(&h);
    assert_true(host_dropped(&h, FT_RX_DROP_MARTIAN));
    say_tcp(&h, &(struct say){.src = B6, .dst = V6(0, 1)}, 1);
    host_take_in(&h);
    assert_true(host_dropped(&h, FT_RX_DROP_MARTIAN));
}

/* RFC 4291 2.7 and its erratum 3480. */
static void groups_of_this_node_do_not_come_from_a_wire(void **state)
{
    const struct ft_addr all = V6(0xff01000000000000, 1);
    const struct ft_addr groups[] = {
        all,
        V6(0xff01000000000000, 0x77),
        V6(0xff11000000000000, 0x77),
        V6(0xff00000000000000, 0x77),
        V6(0xff10000000000000, 0x77),
    };

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(ft_group_join(h.net, h.eth, &groups[i]), 0);
        say_udp(&h, &(struct say){.src = B6, .dst = groups[i], .eth_dst = mac_all}, 1);
        host_take_in(&h);
        assert_true(host_dropped(&h, FT_RX_DROP_MARTIAN));
    }
    say_udp(&h, &(struct say){.src = US6, .dst = all}, 1);
    host_take_lo(&h, h.in + ETH_HDR_LEN, h.in_len - ETH_HDR_LEN);
    assert_int_equal(h.what, FT_NET_UDP);
    host_after(&h, 5 * FT_SEC);
    assert_int_equal(host_drain(&h), 0); /* and nobody is told of them */
}

static void loopback_takes_own_addresses_only(void **state)
{
    const struct ft_addr good[] = {US4, V4(127, 0, 0, 1), V4(127, 1, 2, 3), US6, V6(0, 1), US_LL};

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        struct say s = {.src = good[i], .dst = good[i]};

        say_tcp(&h, &s, 5);
        host_take_lo(&h, h.in + ETH_HDR_LEN, h.in_len - ETH_HDR_LEN);
        assert_int_equal(h.what, FT_NET_TCP);
        assert_int_equal(h.rx.ifindex, h.lo);
    }
    say_tcp(&h, &(struct say){.src = B4, .dst = US4}, 5);
    host_take_lo(&h, h.in + ETH_HDR_LEN, h.in_len - ETH_HDR_LEN);
    assert_true(host_dropped(&h, FT_RX_DROP_MARTIAN));
}

/* proves: A-20 */
static void group_and_broadcast_provoke_no_answer(void **state)
{
    static const uint8_t mac_group[6] = {0x33, 0x33, 0, 0, 0, 1};
    const struct ft_addr dsts[] = {V4(255, 255, 255, 255),    V4(10, 7, 0, 255),
                                   V4(224, 0, 0, 1),          US4,
                                   V6(0xff02000000000000, 1), US6};

    (void)state;
    host_knows_b(&h);
    for (size_t i = 0; i < 6; i++) {
        struct say s = {.src = addr_is_v4(&dsts[i]) ? B4 : B6, .dst = dsts[i], .eth_dst = mac_all};

        if (i & 1)
            s.eth_dst = mac_group;
        say_echo(&h, &s, 10);
        host_take_in(&h);
        assert_int_equal(h.what, FT_NET_DONE);
        say_tcp(&h, &s, 10);
        host_take_in(&h);
        assert_int_equal(h.what, FT_NET_DONE);
        say_udp(&h, &s, 10);
        host_take_in(&h);
        if (h.what == FT_NET_UDP)
            ft_icmp_port_unreachable(h.net, &h.rx);
        s.proto = 99;
        say_ip(&h, &s, "12345678", 8);
        host_take_in(&h);
        assert_int_equal(h.what, FT_NET_DONE);
    }
    assert_int_equal(host_drain(&h), 0);
}

/* Offload: what the link verified, and how many segments it merged, is told upwards. */
static void offload_facts_are_handed_up(void **state)
{
    struct ft_frame frame = {.buf = h.in, .flags = FT_FRAME_CSUM_PARTIAL, .n_segs = 12};

    (void)state;
    say_tcp(&h, &(struct say){.src = B4}, 60000);
    frame.len = (uint32_t)h.in_len;
    h.what = ft_net_input(h.net, h.eth, &frame, &h.rx, &h.verdict);
    assert_int_equal(h.what, FT_NET_TCP);
    assert_true(h.rx.csum_good);
    assert_int_equal(h.rx.n_segs, 12);
    assert_int_equal(h.rx.l4_len, 60020);
    say_tcp(&h, &(struct say){.src = B4}, 10);
    host_take_in(&h);
    assert_false(h.rx.csum_good);
    assert_int_equal(h.rx.n_segs, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(runts_and_towers_of_tags_are_dropped),
        T(frames_for_others_are_dropped),
        T(split_frames_are_read_as_whole_ones),
        T(broken_frames_fare_alike_however_they_are_split),
        T(packets_from_impossible_sources_are_dropped),
        T(a_host_without_an_address_speaks_to_all_by_udp_only),
        T(loopback_addresses_do_not_come_from_a_wire),
        T(groups_of_this_node_do_not_come_from_a_wire),
        T(loopback_takes_own_addresses_only),
        T(group_and_broadcast_provoke_no_answer),
        T(offload_facts_are_handed_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
