/* SPDX-License-Identifier: MIT */
/*
 * IPv6 comes in: chains of extension headers, their lengths and limits, and the few errors that
 * they may provoke.
 */
#include "harness.h"
#include "many.h"

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

/* An extension header of @len octets, then an echo request. */
static void take_ext(uint8_t proto, const uint8_t *ext, size_t len, const struct ft_addr *dst)
{
    struct say s = {.src = B6, .dst = dst ? *dst : US6};
    uint8_t buf[2048];

    say_echo(&h, &s, 8);
    memcpy(buf, ext, len);
    memcpy(buf + len, h.in + ETH_HDR_LEN + 40, 16);
    s.proto = proto;
    if (dst)
        s.eth_dst = mac_all;
    say_ip(&h, &s, buf, len + 16);
    host_take_in(&h);
    assert_int_equal(h.what, FT_NET_DONE);
}

/* The number of frames sent, all of which must be Parameter Problems or echo replies to B. */
static size_t count_sent(size_t *ret_problems)
{
    size_t n = 0;

    *ret_problems = 0;
    while (host_sent(&h)) {
        assert_int_equal(out_ip(&h)[6], IP_PROTO_ICMP6);
        *ret_problems += out_ip(&h)[40] == ICMP6_PARAM_PROBLEM;
        n++;
    }
    return n;
}

/* proves: A-32 */
static void routing_headers_with_segments_left_are_refused(void **state)
{
    uint8_t ext[64] = {IP_PROTO_ICMP6};
    size_t problems;

    (void)state;
    for (unsigned type = 0; type < 6; type++) {
        for (unsigned left = 0; left < 256; left += 15) {
            ext[1] = 2;
            ext[2] = (uint8_t)type;
            ext[3] = (uint8_t)left;
            take_ext(IP_PROTO_ROUTING, ext, 24, NULL);
            if (left == 0) {
                assert_int_equal(h.verdict, FT_RX_CONTROL);
                assert_int_equal(count_sent(&problems), 1);
                assert_int_equal(problems, 0);
            } else {
                assert_true(host_dropped(&h, FT_RX_DROP_OPTIONS));
                assert_true(count_sent(&problems) <= 1);
            }
        }
    }
    for (unsigned len = 0; len < 256; len++) {
        ext[1] = (uint8_t)len;
        ext[3] = 1;
        take_ext(IP_PROTO_ROUTING, ext, 24, NULL);
        (void)count_sent(&problems);
    }
}

/* proves: A-33 A-34 */
static void header_lengths_of_all_sizes_end_the_walk(void **state)
{
    static const uint8_t protos[] = {IP_PROTO_HOPOPTS, IP_PROTO_DSTOPTS, IP_PROTO_ROUTING,
                                     IP_PROTO_FRAGMENT};
    uint8_t ext[32];
    size_t problems;

    (void)state;
    for (size_t p = 0; p < 4; p++) {
        for (unsigned len = 0; len < 256; len++) {
            for (unsigned opt = 0; opt < 256; opt += 5) {
                memset(ext, 0, sizeof(ext));
                ext[0] = protos[p];
                ext[1] = (uint8_t)len;
                ext[2] = 0x1e;
                ext[3] = (uint8_t)opt;
                take_ext(protos[p], ext, sizeof(ext), NULL);
                (void)count_sent(&problems);
            }
        }
    }
    host_after(&h, 61 * FT_SEC);
    (void)host_drain(&h);
}

/* proves: A-34 */
static void payload_length_is_bounded_by_the_frame(void **state)
{
    (void)state;
    for (unsigned payload = 0; payload < 65536; payload += 13) {
        say_tcp(&h, &(struct say){.src = B6}, 60);
        be16_store(h.in + ETH_HDR_LEN + 4, (uint16_t)payload);
        host_take_in(&h);
        if (payload > 80)
            assert_true(host_dropped(&h, FT_RX_DROP_HEADER));
        else if (h.what == FT_NET_TCP)
            assert_int_equal(h.rx.l4_len, payload);
    }
}

/* proves: A-35 */
static void long_chains_are_dropped_at_the_limit(void **state)
{
    uint8_t buf[1400];

    (void)state;
    for (size_t i = 0; i < sizeof(buf); i += 8) {
        memset(buf + i, 0, 8);
        buf[i] = IP_PROTO_DSTOPTS;
        buf[i + 2] = 1; /* PadN of 6 */
        buf[i + 3] = 4;
    }
    take_ext(IP_PROTO_DSTOPTS, buf, sizeof(buf), NULL);
    assert_true(host_dropped(&h, FT_RX_DROP_OPTIONS));
    assert_int_equal(host_drain(&h), 0);
}

/* proves: A-36 */
static void unknown_options_are_acted_on_by_their_two_bits(void **state)
{
    static const unsigned unicast[4] = {0, 0, 1, 1};
    static const unsigned group[4] = {0, 0, 1, 0};
    const struct ft_addr all = V6(0xff02000000000000, 1);
    uint8_t ext[8] = {IP_PROTO_ICMP6, 0, 0, 4};
    size_t problems;

    (void)state;
    for (unsigned action = 0; action < 4; action++) {
        ext[2] = (uint8_t)(action << 6 | 0x1e);
        take_ext(IP_PROTO_DSTOPTS, ext, 8, NULL);
        assert_int_equal(h.verdict, action ? FT_RX_DROP_OPTIONS : FT_RX_CONTROL);
        (void)count_sent(&problems);
        assert_int_equal(problems, unicast[action]);
        take_ext(IP_PROTO_DSTOPTS, ext, 8, &all);
        (void)count_sent(&problems);
        assert_int_equal(problems, group[action]);
    }
}

/* proves: A-36 */
static void option_storms_are_limited_and_need_a_source(void **state)
{
    const struct ft_addr addrs[] = {US6, US_LL};
    const struct ft_addr all = V6(0xff02000000000000, 1);
    uint8_t ext[8] = {IP_PROTO_ICMP6, 0, 0x9e, 4};
    size_t n = 0;

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        take_ext(IP_PROTO_DSTOPTS, ext, 8, NULL);
        n += host_drain(&h);
    }
    assert_in_range(n, 1, 100);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(ft_net_addr_del(h.net, h.eth, &addrs[i]), 0);
    host_after(&h, 10 * FT_SEC);
    (void)host_drain(&h);
    take_ext(IP_PROTO_DSTOPTS, ext, 8, &all);
    assert_int_equal(host_drain(&h), 0);
}

/* Nobody else speaks with our address, so nobody is told what is wrong with the packet; we
   ourselves neither, over loopback. */
/* proves: A-19 */
static void what_comes_with_our_own_address_is_not_answered(void **state)
{
    const struct ft_addr sources[] = {US6, US_LL, V6(0, 0)};
    uint8_t ext[16] = {IP_PROTO_NONE, 0, 0xde, 4};
    struct ft_frame frame = {.buf = h.out, .cap = sizeof(h.out)};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        say_ip(&h, &(struct say){.src = sources[i], .dst = US6, .proto = IP_PROTO_DSTOPTS}, ext,
               sizeof(ext));
        host_take_in(&h);
        assert_true(host_dropped(&h, FT_RX_DROP_MARTIAN));
        assert_int_equal(host_drain(&h), 0);
        assert_false(ft_ctl_output(h.net, h.lo, &frame));
    }
}

/* RFC 4443 3.4: an upper layer that we do not know. */
static void unknown_next_header_is_named_by_its_place(void **state)
{
    (void)state;
    say_ip(&h, &(struct say){.src = B6, .proto = 200}, "12345678", 8);
    host_take_in(&h);
    assert_true(host_dropped(&h, FT_RX_DROP_PROTOCOL));
    assert_true(host_sent(&h) > 0);
    assert_int_equal(out_ip(&h)[40], ICMP6_PARAM_PROBLEM);
    assert_int_equal(out_ip(&h)[41], ICMP6_PARAM_NEXT);
    assert_int_equal(be32_load(out_ip(&h) + 44), 6);
    assert_true(csum_l4_good(&(struct ft_addr){US6.hi, US6.lo}, &(struct ft_addr){B6.hi, B6.lo},
                             IP_PROTO_ICMP6, out_ip(&h) + 40, h.out_len - ETH_HDR_LEN - 40));
}

/* proves: A-50 */
static void every_icmp6_type_gives_back_what_it_took(void **state)
{
    uint64_t used;

    (void)state;
    /* The scratch buffer is there once. */
    say_echo(&h, &(struct say){.src = B6}, 8);
    host_take_split(&h, 20, 40);
    (void)host_drain(&h);
    used = h.env.mem.used;
    for (unsigned round = 0; round < MANY(1000000, 20000); round++) {
        struct icmp6_path path = {.src = B6, .dst = US6};
        uint8_t body[40];
        uint8_t buf[64];
        struct icmp_msg msg = {.type = (uint8_t)round, .body = body, .body_len = round % 40};

        for (size_t i = 0; i < sizeof(body); i++)
            body[i] = (uint8_t)(round * 31 + i * round);
        (void)icmp6_emit(buf, sizeof(buf), &path, &msg);
        say_ip(&h, &(struct say){.src = B6, .proto = IP_PROTO_ICMP6, .ttl = round & 256 ? 255 : 1},
               buf, 8 + msg.body_len);
        host_take_in(&h);
        (void)host_drain(&h);
    }
    assert_int_equal(h.env.mem.used, used);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(routing_headers_with_segments_left_are_refused),
        T(header_lengths_of_all_sizes_end_the_walk),
        T(payload_length_is_bounded_by_the_frame),
        T(long_chains_are_dropped_at_the_limit),
        T(unknown_options_are_acted_on_by_their_two_bits),
        T(option_storms_are_limited_and_need_a_source),
        T(what_comes_with_our_own_address_is_not_answered),
        T(unknown_next_header_is_named_by_its_place),
        T(every_icmp6_type_gives_back_what_it_took),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
