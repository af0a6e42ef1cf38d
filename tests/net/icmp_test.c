/* SPDX-License-Identifier: MIT */
/*
 * ICMP of both families: what is answered, what is told to sockets, what is ignored, and how much
 * is said in a second.
 */
#include "harness.h"

#include <errno.h>

static struct host h;

static int setup(void **state)
{
    *state = &h;
    host_open(&h, 0);
    host_knows_b(&h);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    host_close(&h);
    return 0;
}

/* An ICMP message from B with a right checksum. */
static void say_icmp(bool v6, uint8_t type, uint8_t code, const uint8_t *body, size_t len)
{
    struct say s = {.src = v6 ? B6 : B4, .proto = v6 ? IP_PROTO_ICMP6 : IP_PROTO_ICMP4};
    struct icmp_msg msg = {.type = type, .code = code, .rest = 1400, .body = body, .body_len = len};
    struct icmp6_path path = {.src = B6, .dst = US6};
    uint8_t buf[2048];
    size_t n = v6 ? icmp6_emit(buf, sizeof(buf), &path, &msg) : icmp4_emit(buf, sizeof(buf), &msg);

    assert_true(n > 0);
    say_ip(&h, &s, buf, n);
}

/* A packet that we might have sent to B, to be quoted. Return: its octets. */
static size_t quoted(bool v6, uint8_t proto, uint8_t *buf)
{
    struct ip4_hdr ip4 = {.src = US4, .dst = B4, .total_len = 40, .ttl = 60, .proto = proto};
    struct ip6_hdr ip6 = {.src = US6, .dst = B6, .payload_len = 20, .next = proto, .hop_limit = 60};
    size_t n = v6 ? ip6_emit(buf, 40, &ip6) : ip4_emit(buf, 20, &ip4);

    memset(buf + n, 0, 20);
    be16_store(buf + n, 40000);
    be16_store(buf + n + 2, 80);
    be32_store(buf + n + 4, 0xdeadbeef);
    return n + 20;
}

static void echo_is_answered_with_its_octets(void **state)
{
    const struct ft_addr from[] = {B4, B6};

    (void)state;
    for (size_t f = 0; f < 2; f++) {
        size_t ip_len = f ? 40 : 20;

        for (size_t len = 0; len < 1400; len += 137) {
            say_echo(&h, &(struct say){.src = from[f], .tos = 0xb8}, len);
            host_take_in(&h);
            assert_int_equal(h.verdict, FT_RX_CONTROL);
            assert_int_equal(host_sent(&h), ETH_HDR_LEN + ip_len + 8 + len);
            assert_memory_equal(h.out, mac_b, 6);
            assert_int_equal(out_ip(&h)[ip_len], f ? ICMP6_ECHO_RESPONSE : ICMP4_ECHO_REPLY);
            assert_memory_equal(out_ip(&h) + ip_len + 4, h.in + ETH_HDR_LEN + ip_len + 4, len + 4);
        }
    }
}

static void long_echo_is_answered_in_fragments(void **state)
{
    static uint8_t frames[64][1600];
    size_t lens[64];
    size_t n = 0;

    (void)state;
    say_echo(&h, &(struct say){.src = B4}, 20000);
    host_take_in(&h);
    while ((lens[n] = host_sent(&h)) > 0) {
        assert_true(lens[n] <= ETH_HDR_LEN + 1500);
        memcpy(frames[n], h.out, lens[n]);
        n++;
    }
    assert_int_equal(n, (20008 + 1479) / 1480);
    assert_int_equal(h.env.counters.fragments_out, n);
}

static void errors_come_up_with_the_socket_that_they_concern(void **state)
{
    static const struct {
        bool v6;
        uint8_t type, code;
        int error;
        bool hard;
    } rows[] = {
        {false, 3, 0, ENETUNREACH, false},   {false, 3, 1, EHOSTUNREACH, false},
        {false, 3, 2, ENOPROTOOPT, true},    {false, 3, 3, ECONNREFUSED, true},
        {false, 3, 4, EMSGSIZE, false},      {false, 3, 13, EHOSTUNREACH, true},
        {false, 11, 0, EHOSTUNREACH, false}, {false, 12, 0, EPROTO, true},
        {true, 1, 0, ENETUNREACH, false},    {true, 1, 1, EACCES, true},
        {true, 1, 4, ECONNREFUSED, true},    {true, 2, 0, EMSGSIZE, false},
        {true, 3, 0, EHOSTUNREACH, false},   {true, 4, 1, EPROTO, true},
    };
    uint8_t body[60];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (unsigned udp = 0; udp < 2; udp++) {
            size_t len = quoted(rows[i].v6, udp ? IP_PROTO_UDP : IP_PROTO_TCP, body);

            say_icmp(rows[i].v6, rows[i].type, rows[i].code, body, len);
            host_take_in(&h);
            assert_int_equal(h.what, FT_NET_ERROR);
            assert_int_equal(h.rx.err.error, rows[i].error);
            assert_int_equal(h.rx.err.hard, rows[i].hard);
            assert_int_equal(h.rx.err.src_port, 40000);
            assert_int_equal(h.rx.err.dst_port, 80);
            assert_int_equal(h.rx.err.proto, udp ? IP_PROTO_UDP : IP_PROTO_TCP);
            assert_int_equal(h.rx.err.seq, udp ? 0 : 0xdeadbeef);
            assert_int_equal(h.rx.err.mtu, rows[i].error == EMSGSIZE ? 1400 : 0);
            assert_true(h.rx.err.src.lo == (rows[i].v6 ? US6 : US4).lo);
        }
    }
}

/* proves: A-44 */
static void short_messages_and_lying_quotes_do_nothing(void **state)
{
    uint8_t body[80] = {0};
    struct say s = {.src = B4, .proto = IP_PROTO_ICMP4};

    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        for (size_t len = 0; len <= 12; len++) {
            uint8_t buf[12] = {(uint8_t)type};

            be16_store(buf + 2, csum_of(buf, len < 4 ? 0 : len));
            say_ip(&h, &s, buf, len);
            host_take_in(&h);
            assert_int_equal(h.what, FT_NET_DONE);
            assert_int_equal(host_drain(&h), type == ICMP4_ECHO && len >= 8);
        }
    }
    for (unsigned ihl = 0; ihl < 16; ihl++) {
        for (size_t len = 0; len <= 68; len++) {
            (void)quoted(false, IP_PROTO_TCP, body);
            body[0] = (uint8_t)(0x40 | ihl);
            say_icmp(false, ICMP4_UNREACH, 3, body, len);
            host_take_in(&h);
            assert_true(h.what == FT_NET_DONE || (ihl >= 5 && len >= ihl * 4 + 8));
        }
    }
    assert_int_equal(host_drain(&h), 0);
}

/* What is quoted must have come from us, by the family of the error. */
static void errors_about_packets_of_others_are_dropped(void **state)
{
    uint8_t body[60];
    size_t len = quoted(false, IP_PROTO_TCP, body);

    (void)state;
    body[15] = 77;
    say_icmp(false, ICMP4_UNREACH, 3, body, len);
    host_take_in(&h);
    assert_true(host_dropped(&h, FT_RX_DROP_CONTROL));
    len = quoted(true, IP_PROTO_TCP, body);
    say_icmp(false, ICMP4_UNREACH, 3, body, len);
    host_take_in(&h);
    assert_true(host_dropped(&h, FT_RX_DROP_CONTROL));
    len = quoted(false, IP_PROTO_ICMP4, body);
    say_icmp(false, ICMP4_UNREACH, 3, body, len);
    host_take_in(&h);
    assert_true(host_dropped(&h, FT_RX_DROP_CONTROL));
}

/* proves: A-40 A-46 A-47 */
static void messages_that_steer_hosts_are_ignored(void **state)
{
    static const uint8_t types[] = {4, 5, 9, 10, 13, 14, 15, 16, 17, 18};
    struct ft_addr b4 = B4, any = addr_any();
    struct ft_path before, after;
    uint8_t body[60];
    size_t len = quoted(false, IP_PROTO_TCP, body);
    struct ndp_msg redirect = {.type = ICMP6_REDIRECT, .target = B_LL, .dst = B6};

    (void)state;
    assert_int_equal(ft_path_find(h.net, &b4, &any, 0, &before), 0);
    for (size_t i = 0; i < sizeof(types); i++) {
        say_icmp(false, types[i], 0, body, len);
        host_take_in(&h);
        assert_true(host_dropped(&h, FT_RX_DROP_CONTROL));
    }
    say_nd(&h, &(struct say){.dst = US6}, &redirect);
    host_take_in(&h);
    assert_true(host_dropped(&h, FT_RX_DROP_CONTROL));
    assert_int_equal(host_drain(&h), 0);
    assert_int_equal(ft_path_find(h.net, &b4, &any, 0, &after), 0);
    assert_true(after.next_hop.lo == before.next_hop.lo && after.mtu == before.mtu);
}

/* proves: A-16 */
static void tunnels_are_not_opened(void **state)
{
    static const uint8_t protos[] = {4, 41, 47};
    uint8_t inner[1500];
    size_t len;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        say_echo(&h, &(struct say){.src = B4}, 20);
        len = h.in_len - ETH_HDR_LEN;
        memcpy(inner, h.in + ETH_HDR_LEN, len);
        say_ip(&h, &(struct say){.src = B4, .proto = protos[i]}, inner, len);
        host_take_in(&h);
        assert_true(host_dropped(&h, FT_RX_DROP_PROTOCOL));
        assert_true(host_sent(&h) > 0);
        assert_int_equal(out_ip(&h)[20], ICMP4_UNREACH);
        assert_int_equal(out_ip(&h)[21], ICMP4_UNREACH_PROTO);
        assert_int_equal(host_drain(&h), 0);
    }
}

/* proves: A-45 */
static void errors_never_exceed_what_a_quote_may_have(void **state)
{
    static uint8_t big[1500];

    (void)state;
    for (size_t len = 0; len <= 1400; len += 7) {
        say_udp(&h, &(struct say){.src = len & 1 ? B4 : B6}, len);
        host_take_in(&h);
        assert_int_equal(h.what, FT_NET_UDP);
        ft_icmp_port_unreachable(h.net, &h.rx);
        assert_true(host_sent(&h) > 0);
        assert_true(h.out_len <= ETH_HDR_LEN + (len & 1 ? 576u : 1280u));
        host_after(&h, 20 * FT_MS);
    }
    say_ip(&h, &(struct say){.src = B6, .proto = 200}, big, 1400);
    host_take_in(&h);
    assert_int_equal(host_sent(&h), ETH_HDR_LEN + 1280);
}

/* RFC 1122 3.2.2: never about an error. */
static void no_error_about_an_error(void **state)
{
    uint8_t body[60];
    size_t len = quoted(false, IP_PROTO_TCP, body);
    struct ft_rx rx;

    (void)state;
    say_icmp(false, ICMP4_UNREACH, 1, body, len);
    host_take_in(&h);
    assert_int_equal(h.what, FT_NET_ERROR);
    rx = h.rx;
    rx.l3 = h.in + ETH_HDR_LEN;
    rx.l4 = rx.l3 + 20;
    ft_icmp_port_unreachable(h.net, &rx);
    assert_int_equal(host_drain(&h), 0);
}

/* proves: A-48 */
static void errors_are_limited_for_one_and_for_all(void **state)
{
    struct ft_addr b4 = B4;
    unsigned n_one = 0;
    unsigned n_all = 0;

    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        n_one += ft_icmp_allow(h.net, &b4);
        host_after(&h, 100 * FT_US);
    }
    assert_in_range(n_one, 2000, 10 * 250 + 100);
    for (unsigned i = 0; i < 100000; i++) {
        struct ft_addr dst = V4(192, 0, i >> 8 & 255, i & 255);

        n_all += ft_icmp_allow(h.net, &dst);
        host_after(&h, 100 * FT_US);
    }
    assert_in_range(n_all, 5000, 10 * 1000 + 110);
    assert_int_equal(h.env.counters.icmp_limited, 200000 - n_one - n_all);
}

/* proves: A-43 */
static void limit_over_all_does_not_count_exactly(void **state)
{
    unsigned first = 0;
    unsigned differ = 0;

    (void)state;
    for (unsigned round = 0; round < 50; round++) {
        unsigned n = 0;

        for (unsigned i = 0; i < 500; i++) {
            struct ft_addr dst = V4(192, 0, round, i & 255);

            n += ft_icmp_allow(h.net, &dst);
        }
        if (round == 0)
            first = n;
        differ += n != first;
        host_after(&h, 2 * FT_SEC);
    }
    assert_true(differ > 25);
}

/* proves: A-52 */
static void datagrams_to_closed_ports_leave_nothing_behind(void **state)
{
    uint64_t used = h.env.mem.used;
    unsigned n_sent = 0;

    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        say_udp(&h, &(struct say){.src = i & 1 ? B4 : B6}, 10);
        host_take_in(&h);
        assert_int_equal(h.what, FT_NET_UDP);
        ft_icmp_port_unreachable(h.net, &h.rx);
        while (ft_net_pending(h.net, h.eth))
            n_sent += (unsigned)host_drain(&h);
    }
    assert_in_range(n_sent, 2, 200);
    assert_int_equal(h.env.mem.used, used);
}

/* A host refuses itself as often as it likes. */
static void loopback_is_not_limited(void **state)
{
    struct ft_addr us = US4;

    (void)state;
    for (unsigned i = 0; i < 10000; i++)
        assert_true(ft_icmp_allow(h.net, &us));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(echo_is_answered_with_its_octets),
        T(long_echo_is_answered_in_fragments),
        T(errors_come_up_with_the_socket_that_they_concern),
        T(short_messages_and_lying_quotes_do_nothing),
        T(errors_about_packets_of_others_are_dropped),
        T(messages_that_steer_hosts_are_ignored),
        T(tunnels_are_not_opened),
        T(errors_never_exceed_what_a_quote_may_have),
        T(no_error_about_an_error),
        T(errors_are_limited_for_one_and_for_all),
        T(limit_over_all_does_not_count_exactly),
        T(datagrams_to_closed_ports_leave_nothing_behind),
        T(loopback_is_not_limited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
