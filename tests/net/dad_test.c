/* SPDX-License-Identifier: MIT */
/*
 * Addresses come into use, are announced, defended, and given up when somebody else has them.
 */
#include "harness.h"

static struct host h;

static int setup(void **state)
{
    *state = &h;
    host_open_bare(&h, 0);
    return 0;
}

static int setup_fast(void **state)
{
    *state = &h;
    host_open_bare(&h, FT_IF_FAST_DAD);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    host_close(&h);
    return 0;
}

static void add(struct ft_addr addr, unsigned flags)
{
    assert_int_equal(ft_net_addr_add(h.net, h.eth, &addr, addr_is_v4(&addr) ? 24 : 64, flags), 0);
}

static int state_of(struct ft_addr addr)
{
    return ft_net_addr_state(h.net, h.eth, &addr);
}

static enum ft_addr_class class_of(struct ft_addr addr)
{
    return ft_addr_classify(h.net, &addr);
}

/* The next ARP packet that the host sent; false: none. */
static bool sent_arp(struct arp_pkt *ret)
{
    while (host_sent(&h))
        if (be16_load(h.out + 12) == ETH_TYPE_ARP)
            return arp_parse(h.out + ETH_HDR_LEN, ARP_PKT_LEN, ret) == 0;
    return false;
}

/* The next ND message that the host sent; 0: none. Else its type. */
static uint8_t sent_nd(void)
{
    while (host_sent(&h))
        if (be16_load(h.out + 12) == ETH_TYPE_IP6 && out_ip(&h)[6] == IP_PROTO_ICMP6)
            return out_ip(&h)[40];
    return 0;
}

static void arp_from_c(uint16_t op, struct ft_addr spa, struct ft_addr tpa)
{
    struct arp_pkt pkt = {.spa = spa, .tpa = tpa, .op = op};

    memcpy(pkt.sha, mac_c, 6);
    say_arp(&h, mac_all, &pkt);
    host_take_in(&h);
}

/* RFC 5227 2.1.1, 2.3: three probes from 0.0.0.0, then two announcements. */
static void address_is_probed_before_it_is_used(void **state)
{
    struct arp_pkt pkt;
    unsigned n_probes = 0;
    unsigned n_announced = 0;

    (void)state;
    add(US4, FT_ADDR_PROBE_FIRST);
    assert_int_equal(state_of(US4), FT_ADDR_TENTATIVE);
    assert_int_equal(class_of(US4), FT_ADDR_UNICAST);
    for (unsigned ms = 0; ms < 12000; ms += 10) {
        host_after(&h, 10 * FT_MS);
        while (sent_arp(&pkt)) {
            assert_true(pkt.tpa.lo == US4.lo);
            if (addr_is_any(&pkt.spa)) {
                assert_int_equal(state_of(US4), FT_ADDR_TENTATIVE);
                n_probes++;
            } else {
                assert_int_equal(state_of(US4), FT_ADDR_PREFERRED);
                assert_true(pkt.spa.lo == US4.lo);
                n_announced++;
            }
        }
    }
    assert_int_equal(n_probes, 3);
    assert_int_equal(n_announced, 2);
    assert_int_equal(class_of(US4), FT_ADDR_LOCAL);
}

/* DESIGN 2: an address that was asked for is used at once. */
static void optimistic_address_is_used_at_once(void **state)
{
    (void)state;
    add(US4, 0);
    add(US6, 0);
    assert_int_equal(state_of(US4), FT_ADDR_OPTIMISTIC);
    assert_int_equal(class_of(US4), FT_ADDR_LOCAL);
    assert_int_equal(class_of(US6), FT_ADDR_LOCAL);
    host_after(&h, 12 * FT_SEC);
    assert_int_equal(state_of(US4), FT_ADDR_PREFERRED);
    assert_int_equal(state_of(US6), FT_ADDR_PREFERRED);
    (void)host_drain(&h);
}

static void virtual_wire_takes_a_tenth_of_the_time(void **state)
{
    (void)state;
    add(US4, FT_ADDR_PROBE_FIRST);
    add(US6, FT_ADDR_PROBE_FIRST);
    host_after(&h, 800 * FT_MS);
    assert_int_equal(state_of(US4), FT_ADDR_PREFERRED);
    assert_int_equal(state_of(US6), FT_ADDR_PREFERRED);
    (void)host_drain(&h);
}

/* RFC 5227 2.1.1: whoever uses it, or probes for it too. */
static void conflict_while_probing_ends_the_address(void **state)
{
    (void)state;
    add(US4, FT_ADDR_PROBE_FIRST);
    host_after(&h, 2 * FT_SEC);
    arp_from_c(ARP_OP_REPLY, US4, addr_v4(0));
    assert_int_equal(state_of(US4), FT_ADDR_DUPLICATE);
    assert_int_equal(h.env.counters.addr_conflicts, 1);
    host_after(&h, 20 * FT_SEC);
    assert_int_equal(state_of(US4), FT_ADDR_DUPLICATE);
    assert_int_equal(class_of(US4), FT_ADDR_UNICAST);
    add(V4(10, 7, 0, 5), FT_ADDR_PROBE_FIRST);
    host_after(&h, FT_SEC);
    arp_from_c(ARP_OP_REQUEST, addr_v4(0), V4(10, 7, 0, 5));
    assert_int_equal(state_of(V4(10, 7, 0, 5)), FT_ADDR_DUPLICATE);
    (void)host_drain(&h);
}

/* Who came first keeps it: the optimistic owner answers another's probe. */
static void optimistic_address_is_defended_against_probes(void **state)
{
    struct arp_pkt pkt;
    struct ndp_msg ns = {.type = ICMP6_NS, .target = US6, .has_nonce = true, .nonce = {9}};
    struct say s = {.dst = V6(0xff02000000000000, 0x1ff000001), .proto = 1, .eth_dst = mac_all};

    (void)state;
    add(US4, 0);
    add(US6, 0);
    host_after(&h, 10 * FT_MS);
    (void)host_drain(&h);
    arp_from_c(ARP_OP_REQUEST, addr_v4(0), US4);
    assert_int_equal(state_of(US4), FT_ADDR_OPTIMISTIC);
    assert_true(sent_arp(&pkt));
    assert_int_equal(pkt.op, ARP_OP_REPLY);
    say_nd(&h, &s, &ns);
    host_take_in(&h);
    assert_int_equal(state_of(US6), FT_ADDR_OPTIMISTIC);
    assert_int_equal(sent_nd(), ICMP6_NA);
    arp_from_c(ARP_OP_REPLY, US4, addr_v4(0));
    assert_int_equal(state_of(US4), FT_ADDR_DUPLICATE);
}

/* RFC 4862 5.4.3, 5.4.4. */
static void conflict_of_ipv6_ends_a_tentative_address(void **state)
{
    struct ndp_msg ns = {.type = ICMP6_NS, .target = US6};
    struct ndp_msg na = {.type = ICMP6_NA, .target = US_LL, .override = true};
    struct say s = {.dst = V6(0xff02000000000000, 0x1ff000001), .proto = 1, .eth_dst = mac_all};

    (void)state;
    add(US6, FT_ADDR_PROBE_FIRST);
    add(US_LL, FT_ADDR_PROBE_FIRST);
    host_after(&h, 100 * FT_MS);
    say_nd(&h, &s, &ns);
    host_take_in(&h);
    assert_int_equal(state_of(US6), FT_ADDR_DUPLICATE);
    s = (struct say){.src = US_LL, .dst = V6(0xff02000000000000, 1), .eth_dst = mac_all};
    say_nd(&h, &s, &na);
    host_take_in(&h);
    assert_int_equal(state_of(US_LL), FT_ADDR_DUPLICATE);
    (void)host_drain(&h);
}

/* proves: A-12 */
static void own_probe_come_back_is_no_conflict(void **state)
{
    unsigned n_looped = 0;

    (void)state;
    add(US6, FT_ADDR_PROBE_FIRST);
    for (unsigned ms = 0; ms < 5000; ms += 10) {
        host_after(&h, 10 * FT_MS);
        while (host_sent(&h)) {
            memcpy(h.in, h.out, h.out_len);
            h.in_len = h.out_len;
            host_take_in(&h);
            memcpy(h.in + 6, mac_c, 6); /* through a bridge that changes who sent it */
            host_take_in(&h);
            n_looped++;
        }
    }
    assert_true(n_looped > 0);
    assert_int_equal(state_of(US6), FT_ADDR_PREFERRED);
}

/* proves: A-12 */
static void claims_of_our_address_are_answered_once_in_ten_seconds(void **state)
{
    unsigned n = 0;

    (void)state;
    add(US4, 0);
    host_after(&h, 20 * FT_SEC);
    (void)host_drain(&h);
    for (unsigned i = 0; i < 100000; i++) {
        arp_from_c(ARP_OP_REQUEST, US4, V4(10, 7, 0, 9));
        host_after(&h, FT_MS);
        n += (unsigned)host_drain(&h);
    }
    assert_in_range(n, 9, 11);
    assert_int_equal(state_of(US4), FT_ADDR_PREFERRED);
    assert_int_equal(class_of(US4), FT_ADDR_LOCAL);
}

static void own_arp_come_back_is_no_conflict(void **state)
{
    (void)state;
    add(US4, FT_ADDR_PROBE_FIRST);
    for (unsigned ms = 0; ms < 10000; ms += 10) {
        host_after(&h, 10 * FT_MS);
        while (host_sent(&h)) {
            memcpy(h.in, h.out, h.out_len);
            h.in_len = h.out_len;
            host_take_in(&h);
        }
    }
    assert_int_equal(state_of(US4), FT_ADDR_PREFERRED);
    assert_int_equal(h.env.counters.addr_conflicts, 0);
}

/* proves: A-02 */
static void malformed_arp_changes_nothing(void **state)
{
    struct arp_pkt pkt = {.spa = B4, .tpa = US4, .op = ARP_OP_REQUEST};
    uint64_t used;

    (void)state;
    add(US4, 0);
    host_after(&h, 20 * FT_SEC);
    (void)host_drain(&h);
    used = h.env.mem.used;
    memcpy(pkt.sha, mac_b, 6);
    for (size_t len = 0; len < ARP_PKT_LEN; len++) {
        say_arp(&h, mac_all, &pkt);
        host_take(&h, h.in, ETH_HDR_LEN + len);
        assert_int_not_equal(h.verdict, FT_RX_CONTROL);
    }
    for (size_t at = 0; at < 8; at++) {
        for (unsigned value = 0; value < 256; value++) {
            say_arp(&h, mac_all, &pkt);
            if (h.in[ETH_HDR_LEN + at] == value || (at == 7 && value == ARP_OP_REPLY))
                continue;
            h.in[ETH_HDR_LEN + at] = (uint8_t)value;
            host_take_in(&h);
            assert_true(host_dropped(&h, FT_RX_DROP_CONTROL));
        }
    }
    assert_int_equal(host_drain(&h), 0);
    assert_int_equal(h.env.mem.used, used);
}

/* proves: A-03 */
static void reverse_arp_assigns_nothing(void **state)
{
    struct arp_pkt pkt = {.spa = B4, .tpa = V4(10, 7, 0, 66), .op = ARP_OP_REPLY};

    (void)state;
    memcpy(pkt.sha, mac_b, 6);
    memcpy(pkt.tha, mac_us, 6);
    say_arp(&h, mac_us, &pkt);
    be16_store(h.in + 12, 0x8035);
    be16_store(h.in + ETH_HDR_LEN + 6, 4);
    host_take_in(&h);
    assert_true(host_dropped(&h, FT_RX_DROP_ETHERTYPE));
    assert_int_equal(ft_net_addrs(h.net, h.eth, NULL, 0), 0);
    assert_int_equal(host_drain(&h), 0);
}

/* What we gave up is its owner's, who is a neighbour like others. */
static void owner_of_a_duplicate_address_is_a_neighbour(void **state)
{
    struct arp_pkt pkt;

    (void)state;
    add(V4(10, 7, 0, 9), 0);
    add(US4, FT_ADDR_PROBE_FIRST);
    host_after(&h, FT_SEC);
    arp_from_c(ARP_OP_REPLY, US4, addr_v4(0));
    assert_int_equal(state_of(US4), FT_ADDR_DUPLICATE);
    (void)host_drain(&h);
    arp_from_c(ARP_OP_REQUEST, US4, V4(10, 7, 0, 9));
    assert_int_equal(h.verdict, FT_RX_CONTROL);
    assert_true(sent_arp(&pkt));
    assert_int_equal(pkt.op, ARP_OP_REPLY);
    assert_memory_equal(pkt.tha, mac_c, 6);
}

int main(void)
{
#define T(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TF(name) cmocka_unit_test_setup_teardown(name, setup_fast, teardown)
    const struct CMUnitTest tests[] = {
        T(address_is_probed_before_it_is_used),
        T(optimistic_address_is_used_at_once),
        TF(virtual_wire_takes_a_tenth_of_the_time),
        T(conflict_while_probing_ends_the_address),
        T(optimistic_address_is_defended_against_probes),
        T(conflict_of_ipv6_ends_a_tentative_address),
        T(own_probe_come_back_is_no_conflict),
        T(claims_of_our_address_are_answered_once_in_ten_seconds),
        T(own_arp_come_back_is_no_conflict),
        T(owner_of_a_duplicate_address_is_a_neighbour),
        T(malformed_arp_changes_nothing),
        T(reverse_arp_assigns_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
