/* SPDX-License-Identifier: MIT */
/*
 * The packets that ICMP errors quote: cut anywhere, with every header length, of both families.
 */
#include "octets.h"

#include <errno.h>

#include "wire/icmp.h"
#include "wire/ip.h"
#include "wire/ip4.h"
#include "wire/ip6.h"

static void quoted_tcp_over_ipv4_gives_its_tuple_and_sequence(void **state)
{
    struct ip4_hdr ip = {.src = addr_v4(0x0a070001),
                         .dst = addr_v4(0x0a070002),
                         .total_len = 1500,
                         .proto = IP_PROTO_TCP};
    uint8_t buf[28] = {0};
    struct icmp_quote q;

    (void)state;
    (void)ip4_emit(buf, sizeof(buf), &ip);
    be16_store(buf + 20, 40000);
    be16_store(buf + 22, 80);
    be32_store(buf + 24, 0xcafebabe);
    assert_int_equal(icmp_quote_parse(buf, sizeof(buf), &q), 0);
    assert_true(addr_eq(&q.src, &ip.src) && addr_eq(&q.dst, &ip.dst));
    assert_true(q.has_ports && q.has_seq);
    assert_int_equal(q.src_port, 40000);
    assert_int_equal(q.dst_port, 80);
    assert_int_equal(q.seq.v, 0xcafebabe);
    assert_int_equal(q.pkt_len, 1500);
    assert_ptr_equal(q.l4, buf + 20);
    assert_int_equal(q.l4_len, 8);
}

static void a_quoted_later_fragment_has_no_ports(void **state)
{
    struct ip4_hdr ip = {.src = addr_v4(1),
                         .dst = addr_v4(2),
                         .total_len = 100,
                         .proto = IP_PROTO_UDP,
                         .frag_off = 8};
    uint8_t buf[28] = {0};
    struct icmp_quote q;

    (void)state;
    (void)ip4_emit(buf, sizeof(buf), &ip);
    assert_int_equal(icmp_quote_parse(buf, sizeof(buf), &q), 0);
    assert_false(q.has_ports);
    assert_false(q.has_seq);
}

static void quoted_udp_over_ipv6_is_found_behind_extensions(void **state)
{
    struct ip6_hdr ip = {.src = {UINT64_C(0xfd07) << 48, 1},
                         .dst = {UINT64_C(0xfd07) << 48, 2},
                         .payload_len = 1000,
                         .next = IP_PROTO_DSTOPTS};
    struct ip6_frag frag = {.next = IP_PROTO_UDP, .more = true};
    uint8_t buf[40 + 16 + 8 + 8] = {0};
    struct icmp_quote q;

    (void)state;
    (void)ip6_emit(buf, sizeof(buf), &ip);
    buf[40] = IP_PROTO_FRAGMENT;
    buf[41] = 1;
    (void)ip6_frag_emit(buf + 56, 8, &frag);
    be16_store(buf + 64, 5353);
    be16_store(buf + 66, 53);
    assert_int_equal(icmp_quote_parse(buf, sizeof(buf), &q), 0);
    assert_int_equal(q.proto, IP_PROTO_UDP);
    assert_true(q.has_ports && !q.has_seq);
    assert_int_equal(q.src_port, 5353);
    assert_int_equal(q.dst_port, 53);
    frag.off = 8;
    (void)ip6_frag_emit(buf + 56, 8, &frag);
    assert_int_equal(icmp_quote_parse(buf, sizeof(buf), &q), 0);
    assert_false(q.has_ports);
}

/* proves: A-44 */
static void an_ipv4_quote_needs_its_header_and_eight_octets(void **state)
{
    (void)state;
    for (unsigned version = 0; version < 16; version++)
        for (unsigned ihl = 0; ihl < 16; ihl++)
            for (unsigned total = 0; total <= 80; total += 4)
                for (size_t len = 0; len <= 68; len++) {
                    bool good = version == 4 && ihl >= 5 && len >= ihl * 4 + 8;
                    uint8_t buf[68] = {0};
                    struct icmp_quote q;
                    uint8_t *copy;

                    if (version == 6)
                        continue;
                    good = good && total >= ihl * 4 + 8;
                    buf[0] = (uint8_t)(version << 4 | ihl);
                    buf[9] = IP_PROTO_TCP;
                    be16_store(buf + 2, (uint16_t)total);
                    copy = exact(buf, len);
                    assert_int_equal(icmp_quote_parse(copy, len, &q), good ? 0 : -EINVAL);
                    free(copy);
                }
}

/* proves: A-44 */
static void an_ipv6_quote_is_read_inside_its_octets(void **state)
{
    static const uint8_t protos[] = {IP_PROTO_HOPOPTS, IP_PROTO_ROUTING, IP_PROTO_FRAGMENT,
                                     IP_PROTO_DSTOPTS, IP_PROTO_TCP,     IP_PROTO_UDP};
    uint64_t seed = 14;

    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        size_t len = (size_t)(rnd(&seed) % 120);
        uint8_t buf[120];
        struct icmp_quote q;
        uint8_t *copy;

        memset(buf, 0, sizeof(buf));
        buf[0] = 0x60;
        be16_store(buf + 4, (uint16_t)(rnd(&seed) % 200));
        buf[8] = buf[24] = 0xfd;
        buf[6] = protos[rnd(&seed) % 6];
        for (size_t at = 40; at < sizeof(buf); at += 8) {
            buf[at] = protos[rnd(&seed) % 6];
            buf[at + 1] = rnd(&seed) % 4 == 0 ? (uint8_t)rnd(&seed) : 0;
            buf[at + 3] = (uint8_t)(rnd(&seed) % 2 * 8);
        }
        copy = exact(buf, len);
        if (icmp_quote_parse(copy, len, &q) == 0) {
            assert_true(q.l4_len >= 8);
            assert_ptr_equal(q.l4 + q.l4_len, copy + len);
        }
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quoted_tcp_over_ipv4_gives_its_tuple_and_sequence),
        cmocka_unit_test(a_quoted_later_fragment_has_no_ports),
        cmocka_unit_test(quoted_udp_over_ipv6_is_found_behind_extensions),
        cmocka_unit_test(an_ipv4_quote_needs_its_header_and_eight_octets),
        cmocka_unit_test(an_ipv6_quote_is_read_inside_its_octets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
