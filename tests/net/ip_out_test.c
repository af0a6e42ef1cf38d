/* SPDX-License-Identifier: MIT */
/*
 * What leaves: headers of which every octet is written, fragments that can be put together again,
 * identifications that tell nothing, and the control queue's limits.
 */
#include "harness.h"

#include <errno.h>

static struct host h;
static uint8_t buf[4096];
static uint8_t data[9000];

static int setup(void **state)
{
    *state = &h;
    host_open(&h, 0);
    host_knows_b(&h);
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 11 + (i >> 7));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    host_close(&h);
    return 0;
}

static struct ft_path path_to(struct ft_addr dst)
{
    struct ft_addr any = addr_any();
    struct ft_path path;

    assert_int_equal(ft_path_find(h.net, &dst, &any, 0, &path), 0);
    return path;
}

static struct ft_frame blank_frame(void)
{
    memset(buf, 0xa5, sizeof(buf));
    return (struct ft_frame){
        .buf = buf, .cap = sizeof(buf), .n_spans = 3, .gso_type = 1, .flags = 0xffff};
}

/* proves: A-28 A-29 */
static void tcp_is_never_fragmented_and_says_nothing_by_its_id(void **state)
{
    struct ft_path path = path_to(B4);
    struct ft_ip_tx tx = {.src = US4, .dst = B4, .l4_len = 500, .proto = IP_PROTO_TCP};
    struct ft_addr b4 = B4;
    struct ip4_hdr ip;

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        struct ft_frame frame = blank_frame();

        if (i == 50)
            assert_true(ft_path_set_mtu(h.net, &b4, 0, 600));
        assert_int_equal(ft_ip_begin(h.net, &path, &tx, NULL, &frame), FT_TX_READY);
        assert_int_equal(frame.len, 34);
        assert_int_equal(frame.n_spans, 0);
        assert_int_equal(frame.gso_type, 0);
        assert_int_equal(frame.flags, FT_FRAME_LINEAR);
        assert_int_equal(ip4_parse_split(buf + 14, 20, 520, &ip), 0);
        assert_true(ip.df && ip.id == 0 && !ip.mf && ip.frag_off == 0);
        assert_int_equal(ip.ttl, 64);
        assert_int_equal(ip.total_len, 520);
    }
}

/* proves: A-38 */
static void every_octet_of_a_header_is_written(void **state)
{
    struct ft_ip_tx tx = {.l4_len = 8, .proto = IP_PROTO_UDP, .flow_label = 0xabcde, .tos = 0x28};
    const struct ft_addr to[] = {B4, B6};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct ft_path path = path_to(to[i]);
        uint8_t first[64];

        tx.src = path.src;
        tx.dst = to[i];
        for (unsigned fill = 0; fill < 2; fill++) {
            struct ft_frame frame = blank_frame();

            memset(buf, fill ? 0xff : 0, sizeof(buf));
            assert_int_equal(ft_ip_begin(h.net, &path, &tx, NULL, &frame), FT_TX_READY);
            if (fill)
                assert_memory_equal(first, buf, frame.len);
            memcpy(first, buf, frame.len);
            assert_int_equal(buf[frame.len], fill ? 0xff : 0);
        }
    }
}

/* Datagrams of all lengths go out in fragments and come in whole. */
static void fragments_come_together_again(void **state)
{
    const struct ft_addr to[] = {B4, B6};

    (void)state;
    for (size_t f = 0; f < 2; f++) {
        struct ft_path path = path_to(to[f]);

        for (uint32_t len = 1473; len <= sizeof(data); len += 311) {
            struct ft_ip_tx tx = {.src = path.src,
                                  .dst = to[f],
                                  .l4_len = len,
                                  .proto = IP_PROTO_UDP,
                                  .may_frag = true};
            uint32_t id = ft_ip_frag_id(h.net, &tx.src, &tx.dst);
            uint32_t offset = 0;

            while (offset < len) {
                struct ft_frame frame = blank_frame();
                uint8_t *ip = buf + 14;

                assert_int_equal(ft_ip_fragment(h.net, &path, &tx, data, id, NULL, &frame, &offset),
                                 FT_TX_READY);
                assert_true(frame.len <= 14 + 1500);
                /* Back to ourselves, as if B had sent it. */
                memcpy(buf, mac_us, 6);
                memcpy(buf + 6, mac_b, 6);
                if (f == 0) {
                    addr_store4(ip + 12, &to[f]);
                    addr_store4(ip + 16, &path.src);
                    be16_store(ip + 10, 0);
                    be16_store(ip + 10, csum_of(ip, 20));
                } else {
                    addr_store16(ip + 8, &to[f]);
                    addr_store16(ip + 24, &path.src);
                }
                host_take(&h, buf, frame.len);
            }
            assert_int_equal(h.what, FT_NET_UDP);
            assert_int_equal(h.rx.l4_len, len);
            assert_memory_equal(h.rx.l4, data, len);
        }
    }
}

/* proves: A-27 A-28 */
static void identifications_of_fragments_tell_nothing(void **state)
{
    struct ft_addr us = US6, a = V6(0xfd07000000000000, 10), b = V6(0xfd07000000000000, 11);
    uint32_t last_a = 0;
    uint32_t last_b = 0;
    unsigned n_same_step = 0;
    uint32_t step = 0;
    unsigned ones = 0;

    (void)state;
    for (unsigned i = 0; i < 10000; i++) {
        uint32_t id_a = ft_ip_frag_id(h.net, &us, &a);
        uint32_t id_b = ft_ip_frag_id(h.net, &us, &b);

        n_same_step += i > 1 && (id_a - last_a == step || id_b - last_b == step);
        step = id_a - last_a;
        last_a = id_a;
        last_b = id_b;
        ones += (unsigned)__builtin_popcount(id_a);
    }
    assert_true(n_same_step < 5);
    assert_in_range(ones, 160000 - 1000, 160000 + 1000); /* 16 of 32, 3.5 sigma */
}

static void control_records_are_bounded_and_leave_in_order(void **state)
{
    struct ft_ip_tx tx = {.src = US4, .dst = B4, .l4_len = 20, .proto = IP_PROTO_TCP};
    unsigned n_ok = 0;

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        data[0] = (uint8_t)i;
        n_ok += ft_ctl_send(h.net, &tx, data) == 0;
    }
    assert_int_equal(n_ok, 96); /* three quarters; the rest is for ARP and ND */
    assert_int_equal(h.env.counters.control_dropped, 1000 - 96);
    assert_true(ft_net_pending(h.net, h.eth));
    for (unsigned i = 0; i < 96; i++) {
        assert_true(host_sent(&h) > 0);
        assert_int_equal(out_ip(&h)[20], i);
    }
    assert_int_equal(host_sent(&h), 0);
    assert_false(ft_net_pending(h.net, h.eth));
    tx.dst = V4(203, 0, 113, 1);
    assert_int_equal(ft_ctl_send(h.net, &tx, data), -ENETUNREACH);
}

/* ARP is answered though strangers have filled the rest. */
static void arp_is_answered_when_the_queue_is_full(void **state)
{
    struct ft_ip_tx tx = {.src = US4, .dst = B4, .l4_len = 20, .proto = IP_PROTO_TCP};
    struct arp_pkt pkt = {.spa = B4, .tpa = US4, .op = ARP_OP_REQUEST};
    unsigned n = 0;

    (void)state;
    while (ft_ctl_send(h.net, &tx, data) == 0)
        continue;
    memcpy(pkt.sha, mac_b, 6);
    say_arp(&h, mac_all, &pkt);
    host_take_in(&h);
    while (host_sent(&h))
        n += be16_load(h.out + 12) == ETH_TYPE_ARP;
    assert_int_equal(n, 1);
}

static void own_address_is_answered_over_loopback(void **state)
{
    struct ft_ip_tx tx = {.src = US4, .dst = US4, .l4_len = 20, .proto = IP_PROTO_TCP};
    struct ft_frame frame = blank_frame();

    (void)state;
    assert_int_equal(ft_ctl_send(h.net, &tx, data), 0);
    assert_false(ft_net_pending(h.net, h.eth));
    assert_true(ft_ctl_output(h.net, h.lo, &frame));
    assert_int_equal(frame.len, 40);
    assert_int_equal(buf[0], 0x45);
}

/* A group and a broadcast address have link addresses of their own. */
static void groups_need_no_neighbour(void **state)
{
    static const uint8_t want[3][6] = {
        {0x33, 0x33, 0, 0, 0, 0xfb}, {1, 0, 0x5e, 0, 0, 0xfb}, {255, 255, 255, 255, 255, 255}};
    const struct ft_addr to[] = {V6(0xff02000000000000, 0xfb), V4(224, 0, 0, 251),
                                 V4(10, 7, 0, 255)};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct ft_path path = path_to(to[i]);
        struct ft_ip_tx tx = {.src = path.src, .dst = to[i], .l4_len = 8, .proto = IP_PROTO_UDP};
        struct ft_frame frame = blank_frame();

        assert_int_equal(ft_ip_begin(h.net, &path, &tx, NULL, &frame), FT_TX_READY);
        assert_memory_equal(buf, want[i], 6);
    }
}

/* Headroom is left free, and the largest offloaded packets have a header. */
static void headroom_and_offload_are_respected(void **state)
{
    struct ft_if_config config = {.size = sizeof(config),
                                  .name = "tun",
                                  .type = FT_IF_IP,
                                  .mtu = 1500,
                                  .headroom = 12,
                                  .gso_max = 65535,
                                  .flags = FT_IF_TSO};
    int tun = ft_net_if_add(h.net, &config);
    struct ft_addr us = V4(10, 99, 0, 1);
    struct ft_ip_tx tx = {
        .src = us, .dst = V4(10, 99, 0, 2), .l4_len = 65515, .proto = IP_PROTO_TCP};
    struct ft_frame frame = blank_frame();
    struct ft_path path;

    (void)state;
    assert_int_equal(ft_net_addr_add(h.net, tun, &us, 24, 0), 0);
    path = path_to(tx.dst);
    assert_int_equal(path.gso_max, 65535);
    assert_int_equal(path.ifindex, tun);
    assert_int_equal(ft_ip_begin(h.net, &path, &tx, NULL, &frame), FT_TX_READY);
    assert_int_equal(frame.len, 32);
    assert_int_equal(buf[11], 0xa5);
    assert_int_equal(be16_load(buf + 14), 65535);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(tcp_is_never_fragmented_and_says_nothing_by_its_id),
        T(every_octet_of_a_header_is_written),
        T(fragments_come_together_again),
        T(identifications_of_fragments_tell_nothing),
        T(control_records_are_bounded_and_leave_in_order),
        T(arp_is_answered_when_the_queue_is_full),
        T(own_address_is_answered_over_loopback),
        T(groups_need_no_neighbour),
        T(headroom_and_offload_are_respected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
