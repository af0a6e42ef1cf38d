/* SPDX-License-Identifier: MIT */
/*
 * Neighbours: RFC 4861 7.3 for both families, what waits for them, and what strangers can do to
 * the table.
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

/* Try to send a packet of a flow to an address. */
static enum ft_tx_result try_send(struct ft_addr dst, struct ft_flow *flow, struct ft_frame *frame)
{
    static uint8_t buf[2048];
    struct ft_addr any = addr_any();
    struct ft_ip_tx tx = {.dst = dst, .l4_len = 20, .proto = IP_PROTO_TCP};
    struct ft_path path;

    assert_int_equal(ft_path_find(h.net, &dst, &any, 0, &path), 0);
    tx.src = path.src;
    memset(frame, 0, sizeof(*frame));
    frame->buf = buf;
    frame->cap = sizeof(buf);
    return ft_ip_begin(h.net, &path, &tx, flow, frame);
}

static enum ft_tx_result send_to(struct ft_addr dst)
{
    struct ft_frame frame;
    struct ft_flow flow;
    enum ft_tx_result result;

    ft_flow_init(&flow, FT_FLOW_TCP);
    result = try_send(dst, &flow, &frame);
    ft_flow_idle(h.net, &flow);
    return result;
}

static void arp(uint16_t op, struct ft_addr spa, const uint8_t *sha, struct ft_addr tpa)
{
    struct arp_pkt pkt = {.spa = spa, .tpa = tpa, .op = op};

    memcpy(pkt.sha, sha, 6);
    memcpy(pkt.tha, op == ARP_OP_REPLY ? mac_us : mac_all, 6);
    say_arp(&h, op == ARP_OP_REPLY ? mac_us : mac_all, &pkt);
    host_take_in(&h);
    ft_net_check(h.net);
}

static void advert(struct ft_addr target, const uint8_t *mac, bool solicited, bool override)
{
    struct ndp_msg na = {
        .type = ICMP6_NA, .target = target, .solicited = solicited, .override = override};
    struct say s = {.src = target, .dst = US6};

    if (mac) {
        na.has_tllao = true;
        memcpy(na.tllao, mac, 6);
    }
    say_nd(&h, &s, &na);
    host_take_in(&h);
}

/* The link address to which a packet for @dst leaves. */
static const uint8_t *mac_of(struct ft_addr dst)
{
    static uint8_t mac[6];
    struct ft_frame frame;
    struct ft_flow flow;

    ft_flow_init(&flow, FT_FLOW_TCP);
    assert_int_equal(try_send(dst, &flow, &frame), FT_TX_READY);
    memcpy(mac, frame.buf, 6);
    return mac;
}

/* DESIGN 3: a segment to an unresolved neighbour is not built; the flow waits. */
static void flow_waits_for_its_neighbour_and_is_ready_again(void **state)
{
    struct ft_frame frame;
    struct ft_flow flow;
    struct arp_pkt pkt;

    (void)state;
    ft_flow_init(&flow, FT_FLOW_TCP);
    assert_int_equal(try_send(B4, &flow, &frame), FT_TX_WAIT);
    assert_int_equal(flow.place, FT_FLOW_WAIT);
    ft_flow_ready(h.net, &flow, h.eth);
    assert_int_equal(flow.place, FT_FLOW_WAIT);
    assert_int_equal(host_sent(&h), ETH_HDR_LEN + ARP_PKT_LEN);
    assert_memory_equal(h.out, mac_all, 6);
    assert_int_equal(arp_parse(h.out + ETH_HDR_LEN, ARP_PKT_LEN, &pkt), 0);
    assert_int_equal(pkt.op, ARP_OP_REQUEST);
    assert_true(pkt.tpa.lo == B4.lo && pkt.spa.lo == US4.lo);
    assert_memory_equal(pkt.sha, mac_us, 6);
    arp(ARP_OP_REPLY, B4, mac_b, US4);
    assert_int_equal(flow.place, FT_FLOW_READY);
    assert_true(ft_net_pending(h.net, h.eth));
    assert_ptr_equal(ft_flow_next(h.net, h.eth), &flow);
    assert_null(ft_flow_next(h.net, h.eth));
    assert_int_equal(try_send(B4, &flow, &frame), FT_TX_READY);
    assert_memory_equal(frame.buf, mac_b, 6);
    assert_memory_equal(frame.buf + 6, mac_us, 6);
    assert_int_equal(frame.len, ETH_HDR_LEN + IP4_HDR_LEN);
}

/* RFC 4861 7.2.2: MAX_MULTICAST_SOLICIT at RetransTimer, then the senders are told. */
static void silent_neighbour_fails_after_three_seconds(void **state)
{
    struct ft_addr dst[] = {B4, B6};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct ft_frame frame;
        struct ft_flow flow;

        ft_flow_init(&flow, FT_FLOW_TCP);
        assert_int_equal(try_send(dst[i], &flow, &frame), FT_TX_WAIT);
        assert_int_equal(host_drain(&h), 1);
        host_after(&h, FT_SEC + FT_MS);
        assert_int_equal(host_drain(&h), 1);
        host_after(&h, FT_SEC);
        assert_int_equal(host_drain(&h), 1);
        assert_int_equal(flow.place, FT_FLOW_WAIT);
        host_after(&h, FT_SEC);
        assert_int_equal(host_drain(&h), 0);
        assert_int_equal(flow.place, FT_FLOW_READY);
        assert_ptr_equal(ft_flow_next(h.net, h.eth), &flow);
        assert_int_equal(try_send(dst[i], &flow, &frame), FT_TX_FAIL);
        host_after(&h, 3 * FT_SEC);
        assert_int_equal(try_send(dst[i], &flow, &frame), FT_TX_WAIT);
        ft_flow_idle(h.net, &flow);
        host_after(&h, 10 * FT_SEC);
        (void)host_drain(&h);
    }
    assert_int_equal(h.env.counters.neighbours_failed, 4);
}

/* RFC 4861 7.3.3: REACHABLE, STALE, DELAY, PROBE, gone. */
static void unconfirmed_neighbour_is_probed_by_unicast(void **state)
{
    (void)state;
    assert_int_equal(send_to(B6), FT_TX_WAIT);
    (void)host_drain(&h);
    advert(B6, mac_b, true, true);
    assert_int_equal(send_to(B6), FT_TX_READY);
    host_after(&h, 46 * FT_SEC);
    assert_int_equal(send_to(B6), FT_TX_READY); /* STALE to DELAY */
    assert_int_equal(host_drain(&h), 0);
    host_after(&h, 5 * FT_SEC + FT_MS);
    assert_true(host_sent(&h) > 0); /* PROBE */
    assert_memory_equal(h.out, mac_b, 6);
    assert_int_equal(host_drain(&h), 0);
    advert(B6, mac_b, true, false);
    host_after(&h, 10 * FT_SEC);
    assert_int_equal(host_drain(&h), 0); /* REACHABLE again */
    host_after(&h, 46 * FT_SEC);
    assert_int_equal(send_to(B6), FT_TX_READY);
    host_after(&h, 5 * FT_SEC + 4 * FT_SEC);
    assert_int_equal(host_drain(&h), 3); /* three probes and nobody answers */
    assert_int_equal(send_to(B6), FT_TX_WAIT);
}

/* RFC 4861 7.3.1: progress of the upper layer is a confirmation. */
static void confirmed_neighbour_is_never_probed(void **state)
{
    struct ft_addr b4 = B4;

    (void)state;
    host_knows_b(&h);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(send_to(B4), FT_TX_READY);
        ft_path_confirm(h.net, &b4, 0);
        host_after(&h, 3 * FT_SEC);
    }
    assert_int_equal(host_drain(&h), 0);
    ft_path_doubt(h.net, &b4, 0);
    assert_int_equal(host_drain(&h), 1);
}

/* proves: A-03 */
static void unsolicited_replies_make_no_entry_and_move_nobody(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10000; i++)
        arp(ARP_OP_REPLY, V4(10, 7, 0, 2 + i % 250), mac_c, US4);
    assert_int_equal(send_to(B4), FT_TX_WAIT);
    assert_int_equal(host_drain(&h), 1);
    arp(ARP_OP_REPLY, B4, mac_b, US4);
    assert_memory_equal(mac_of(B4), mac_b, 6);
    /* Inside the lock time nothing happens; later the old place is asked, not left. */
    arp(ARP_OP_REPLY, B4, mac_c, US4);
    arp(ARP_OP_REQUEST, B4, mac_c, B4);
    assert_int_equal(host_drain(&h), 0);
    assert_memory_equal(mac_of(B4), mac_b, 6);
    host_after(&h, 2 * FT_SEC);
    arp(ARP_OP_REPLY, B4, mac_c, US4);
    assert_memory_equal(mac_of(B4), mac_b, 6);
    assert_true(host_sent(&h) > 0);
    assert_memory_equal(h.out, mac_b, 6);
    arp(ARP_OP_REPLY, B4, mac_c, US4);
    assert_memory_equal(mac_of(B4), mac_b, 6);
    arp(ARP_OP_REPLY, B4, mac_b, US4);
    host_after(&h, 10 * FT_SEC);
    assert_int_equal(host_drain(&h), 0);
}

/* proves: A-03 */
static void group_or_zero_sender_address_is_refused(void **state)
{
    static const uint8_t bad[3][6] = {{0}, {1, 0, 0x5e, 0, 0, 1}, {255, 255, 255, 255, 255, 255}};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct arp_pkt pkt = {.spa = B4, .tpa = US4, .op = ARP_OP_REQUEST};

        memcpy(pkt.sha, bad[i], 6);
        say_arp(&h, mac_all, &pkt);
        memcpy(h.in + 6, mac_b, 6);
        host_take_in(&h);
        assert_true(host_dropped(&h, FT_RX_DROP_CONTROL));
    }
    assert_int_equal(host_drain(&h), 0);
    assert_int_equal(send_to(B4), FT_TX_WAIT);
}

/* A host that comes back with another card is found again. */
static void neighbour_that_moved_is_found_by_asking_all(void **state)
{
    (void)state;
    host_knows_b(&h);
    host_after(&h, 46 * FT_SEC);
    assert_memory_equal(mac_of(B4), mac_b, 6);
    host_after(&h, 9 * FT_SEC); /* DELAY, three probes, gone */
    (void)host_drain(&h);
    assert_int_equal(send_to(B4), FT_TX_WAIT);
    assert_true(host_sent(&h) > 0);
    assert_memory_equal(h.out, mac_all, 6);
    arp(ARP_OP_REPLY, B4, mac_c, US4);
    assert_memory_equal(mac_of(B4), mac_c, 6);
}

/* proves: A-04 A-10 */
static void dead_destinations_take_no_more_than_half_the_table(void **state)
{
    uint64_t used = h.env.mem.used;
    struct ft_addr b6 = B6;
    size_t n_sent = 0;

    (void)state;
    host_knows_b(&h);
    for (unsigned i = 0; i < 10000; i++) {
        struct say s = {.src = V6(0xfd07000000000000, 0x10000)};

        s.src.lo += i;
        say_echo(&h, &s, 8);
        host_take_in(&h);
        n_sent += host_drain(&h);
        if (i % 1000 == 0) {
            ft_path_confirm(h.net, &b6, 0);
            assert_int_equal(send_to(B6), FT_TX_READY);
        }
        host_after(&h, FT_MS);
    }
    /* 10 s, and no more than half of the table asked for once a second. */
    assert_in_range(n_sent, 1, 32 * 11 + 10);
    host_after(&h, 120 * FT_SEC);
    (void)host_drain(&h);
    assert_int_equal(h.env.mem.used, used);
}

/* proves: A-04 */
static void forged_requests_do_not_evict_the_gateway(void **state)
{
    struct ft_route_config route = {
        .size = sizeof(route), .prefix = V4(0, 0, 0, 0), .gateway = B4, .ifindex = h.eth};

    (void)state;
    assert_int_equal(ft_net_route_add(h.net, &route), 0);
    host_knows_b(&h);
    assert_memory_equal(mac_of(V4(192, 0, 2, 1)), mac_b, 6);
    host_after(&h, 100 * FT_SEC);
    (void)host_drain(&h);
    for (unsigned i = 0; i < 20000; i++) {
        arp(ARP_OP_REQUEST, V4(10, 7, 0, 3 + i % 250), mac_c, US4);
        (void)host_drain(&h);
    }
    assert_memory_equal(mac_of(V4(192, 0, 2, 1)), mac_b, 6);
    assert_int_equal(host_drain(&h), 0);
}

/* proves: A-04 */
static void replies_that_wait_for_one_neighbour_are_bounded(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        say_echo(&h, &(struct say){.src = B4}, 8);
        host_take_in(&h);
        (void)host_drain(&h);
    }
    assert_int_equal(h.env.counters.control_dropped, 50 - 8);
    arp(ARP_OP_REPLY, B4, mac_b, US4);
    assert_int_equal(host_drain(&h), 8);
}

/* Found by the simulator (scenario syn-flood): replies to neighbours that are not there filled the
   queue, so that those that are there got none. */
/* proves: A-90 */
static void replies_that_wait_leave_room_for_others(void **state)
{
    (void)state;
    say_echo(&h, &(struct say){.src = B4}, 8);
    host_take_in(&h);
    (void)host_drain(&h);
    arp(ARP_OP_REPLY, B4, mac_b, US4);
    assert_int_equal(host_drain(&h), 1);
    for (unsigned i = 0; i < 160; i++) {
        say_echo(&h, &(struct say){.src = addr_v4(0x0a070064 + i / 8)}, 8);
        host_take_in(&h);
        (void)host_drain(&h);
    }
    assert_int_equal(h.env.counters.control_dropped, 160 - 64); /* half of 128 wait */
    say_echo(&h, &(struct say){.src = B4}, 8);
    host_take_in(&h);
    assert_int_equal(host_drain(&h), 1);
}

/* Found by the simulator (seed 773): a SYN-ACK that was made three times while its neighbour was
   asked for left three times, the last after what followed it, with a timestamp that went back. */
static void what_is_said_again_to_a_waiting_neighbour_replaces_what_waits(void **state)
{
    struct ft_ip_tx tx = {.src = US4, .dst = B4, .l4_len = 32, .proto = IP_PROTO_TCP};
    uint8_t seg[32] = {0, 80, 9, 9, 0, 0, 0, 1, 0, 0, 0, 2, 0x80, 0x12};

    (void)state;
    for (uint8_t i = 1; i <= 3; i++) {
        seg[31] = i; /* its timestamp */
        assert_int_equal(ft_ctl_send(h.net, &tx, seg), 0);
        (void)host_drain(&h);
    }
    seg[3] = 8; /* another peer's port: another connection */
    assert_int_equal(ft_ctl_send(h.net, &tx, seg), 0);
    (void)host_drain(&h);
    assert_int_equal(h.env.counters.control_dropped, 2);
    arp(ARP_OP_REPLY, B4, mac_b, US4);
    assert_true(host_sent(&h) > 0);
    assert_int_equal(out_ip(&h)[20 + 3], 9);
    assert_int_equal(out_ip(&h)[20 + 31], 3);
    assert_true(host_sent(&h) > 0);
    assert_int_equal(out_ip(&h)[20 + 3], 8);
    assert_int_equal(host_sent(&h), 0);
}

/* Found by the simulator (seeds 12747, 14535): of two SYN-ACKs the older waited, and left after the
   newer one, which had not been asked for yet when the neighbour answered. */
static void what_waited_leaves_before_what_was_said_later(void **state)
{
    struct ft_ip_tx tx = {.src = US4, .dst = B4, .l4_len = 20, .proto = IP_PROTO_TCP};
    uint8_t seg[20] = {0, 80, 9, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10};

    (void)state;
    assert_int_equal(ft_ctl_send(h.net, &tx, seg), 0);
    assert_int_equal(host_drain(&h), 1); /* the question; the segment waits */
    seg[3] = 2;
    assert_int_equal(ft_ctl_send(h.net, &tx, seg), 0);
    arp(ARP_OP_REPLY, B4, mac_b, US4);
    assert_true(host_sent(&h) > 0);
    assert_int_equal(out_ip(&h)[20 + 3], 1);
    assert_true(host_sent(&h) > 0);
    assert_int_equal(out_ip(&h)[20 + 3], 2);
    assert_int_equal(host_sent(&h), 0);
}

/* Found by the simulator (seed 75996): a SYN-ACK with ECN was not found when it was to be taken
   back, and left after its connection's octets. One that is made again may be without, and shorter.
 */
static void what_is_taken_back_is_found_whatever_it_says_of_ecn(void **state)
{
    struct ft_ip_tx tx = {.src = US4, .dst = B4, .l4_len = 24, .proto = IP_PROTO_TCP};
    uint8_t seg[24] = {0, 80, 9, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0x61, 0xd2};

    (void)state;
    assert_int_equal(ft_ctl_send(h.net, &tx, seg), 0);
    assert_int_equal(host_drain(&h), 1); /* the question; the segment waits */
    seg[12] = 0x50;
    seg[13] = 0x12;
    tx.l4_len = 20;
    assert_int_equal(ft_ctl_send(h.net, &tx, seg), 0);
    assert_int_equal(host_drain(&h), 0);
    arp(ARP_OP_REPLY, B4, mac_b, US4);
    assert_true(host_sent(&h) > 0);
    assert_int_equal(out_ip(&h)[20 + 13], 0x12);
    assert_int_equal(host_sent(&h), 0);
    seg[13] = 0x52;
    assert_int_equal(ft_ctl_send(h.net, &tx, seg), 0);
    seg[13] = 0x12;
    ft_ctl_cancel(h.net, &tx, seg);
    assert_int_equal(host_sent(&h), 0);
}

/* RFC 4861 7.2.5, each combination of flags in each state. */
struct row {
    bool reachable, same, solicited, override;
    bool moved;  /* the new link address is used */
    bool probed; /* it is not REACHABLE afterwards, so it is probed once it is used */
};

/* proves: A-11 */
static void advertisements_follow_the_table_of_rfc_4861(void **state)
{
    static const struct row rows[] = {
        {true, false, false, false, false, true}, /* REACHABLE becomes STALE */
        {true, false, true, false, false, true},   {true, false, false, true, true, true},
        {true, false, true, true, true, false},    {true, true, false, false, false, false},
        {true, true, true, false, false, false},   {true, true, false, true, false, false},
        {false, false, false, false, false, true}, {false, false, true, false, false, true},
        {false, false, false, true, true, true},   {false, false, true, true, true, false},
        {false, true, false, false, false, true},  {false, true, true, false, false, false},
        {false, true, true, true, false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *r = &rows[i];

        host_close(&h);
        host_open(&h, 0);
        host_knows_b(&h);
        if (!r->reachable)
            host_after(&h, 46 * FT_SEC);
        advert(B6, r->same ? mac_b : mac_c, r->solicited, r->override);
        assert_memory_equal(mac_of(B6), r->moved ? mac_c : mac_b, 6);
        host_after(&h, 6 * FT_SEC);
        assert_int_equal(host_drain(&h) > 0, r->probed);
    }
}

/* proves: A-11 */
static void advertisement_that_nobody_asked_for_makes_no_entry(void **state)
{
    uint64_t used = h.env.mem.used;

    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        advert((struct ft_addr){0xfd07000000000000, 100 + i}, mac_c, i & 1, i & 2);
    assert_int_equal(h.env.mem.used, used);
    assert_int_equal(host_drain(&h), 0);
}

/* RFC 1122 3.3.1.4: a dead gateway is passed over while there is another. */
static void second_gateway_takes_over(void **state)
{
    struct ft_route_config route = {.size = sizeof(route),
                                    .prefix = V4(0, 0, 0, 0),
                                    .gateway = V4(10, 7, 0, 9),
                                    .ifindex = h.eth};
    struct ft_addr far = V4(192, 0, 2, 1);
    struct ft_addr any = addr_any();
    struct ft_path path;

    (void)state;
    host_knows_b(&h);
    assert_int_equal(ft_net_route_add(h.net, &route), 0);
    route.gateway = B4;
    route.metric = 10;
    assert_int_equal(ft_net_route_add(h.net, &route), 0);
    assert_int_equal(send_to(far), FT_TX_WAIT);
    host_after(&h, 4 * FT_SEC);
    assert_int_equal(ft_path_find(h.net, &far, &any, 0, &path), 0);
    assert_true(path.next_hop.lo == B4.lo);
    assert_memory_equal(mac_of(far), mac_b, 6);
    (void)host_drain(&h);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(flow_waits_for_its_neighbour_and_is_ready_again),
        T(silent_neighbour_fails_after_three_seconds),
        T(unconfirmed_neighbour_is_probed_by_unicast),
        T(confirmed_neighbour_is_never_probed),
        T(unsolicited_replies_make_no_entry_and_move_nobody),
        T(group_or_zero_sender_address_is_refused),
        T(neighbour_that_moved_is_found_by_asking_all),
        T(dead_destinations_take_no_more_than_half_the_table),
        T(forged_requests_do_not_evict_the_gateway),
        T(replies_that_wait_for_one_neighbour_are_bounded),
        T(replies_that_wait_leave_room_for_others),
        T(what_is_said_again_to_a_waiting_neighbour_replaces_what_waits),
        T(what_is_taken_back_is_found_whatever_it_says_of_ecn),
        T(what_waited_leaves_before_what_was_said_later),
        T(advertisements_follow_the_table_of_rfc_4861),
        T(advertisement_that_nobody_asked_for_makes_no_entry),
        T(second_gateway_takes_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
