/* SPDX-License-Identifier: MIT */
/*
 * The IPv4 header: a known one, hostile lengths and options, and the round trip.
 */
#include "octets.h"

#include <errno.h>

#include "wire/ip4.h"

static void set_checksum(uint8_t *buf, size_t hdr_len)
{
    be16_store(buf + 10, 0);
    be16_store(buf + 10, naive_csum(buf, hdr_len));
}

static void a_known_header_is_read_and_written(void **state)
{
    static const uint8_t octets[20] = {0x45, 0,    0,  20, 0x12, 0x34, 0x40, 0, 64, 6,
                                       0x54, 0xa0, 10, 7,  0,    1,    10,   7, 0,  2};
    struct ip4_hdr hdr;
    uint8_t buf[20];

    (void)state;
    memcpy(buf, octets, 20);
    set_checksum(buf, 20);
    assert_int_equal(ip4_parse(buf, 20, &hdr), 0);
    assert_int_equal(addr_v4_of(&hdr.src), 0x0a070001);
    assert_int_equal(addr_v4_of(&hdr.dst), 0x0a070002);
    assert_int_equal(hdr.total_len, 20);
    assert_int_equal(hdr.id, 0x1234);
    assert_true(hdr.df && !hdr.mf && hdr.frag_off == 0);
    assert_int_equal(hdr.ttl, 64);
    assert_int_equal(hdr.proto, 6);
    assert_int_equal(hdr.hdr_len, 20);
    assert_false(hdr.has_source_route);
}

static void a_wrong_checksum_is_told_apart(void **state)
{
    struct ip4_hdr hdr = {.total_len = 20, .ttl = 1, .src = addr_v4(1), .dst = addr_v4(2)};
    uint8_t buf[20];

    (void)state;
    assert_int_equal(ip4_emit(buf, 20, &hdr), 20);
    for (size_t bit = 8; bit < 160; bit++) {
        int r;

        if (bit >= 16 && bit < 32)
            continue; /* total length: refused before the checksum, or not */
        buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
        r = ip4_parse(buf, 20, &hdr);
        assert_int_equal(r, -EBADMSG);
        buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

/* proves: A-14 */
static void every_header_and_total_length_is_checked_against_the_frame(void **state)
{
    (void)state;
    for (unsigned version = 3; version <= 6; version++)
        for (unsigned ihl = 0; ihl < 16; ihl++)
            for (unsigned total = 0; total <= 81; total++)
                for (size_t len = 0; len <= 80; len++) {
                    bool good = version == 4 && ihl >= 5 && ihl * 4 <= total && total <= len;
                    uint8_t buf[80] = {0};
                    struct ip4_hdr hdr;
                    uint8_t *copy;

                    buf[0] = (uint8_t)(version << 4 | ihl);
                    be16_store(buf + 2, (uint16_t)total);
                    set_checksum(buf, ihl * 4);
                    copy = exact(buf, len);
                    assert_int_equal(ip4_parse(copy, len, &hdr), good ? 0 : -EINVAL);
                    free(copy);
                }
}

/* proves: A-17 */
static void every_option_and_length_ends_inside_the_header(void **state)
{
    uint64_t seed = 10;

    (void)state;
    for (unsigned kind = 0; kind < 256; kind++)
        for (unsigned len = 0; len <= 41; len++)
            for (unsigned ptr = 0; ptr < 256; ptr += 15) {
                uint8_t buf[60];
                struct ip4_hdr hdr;
                uint8_t *copy;

                rnd_fill(&seed, buf, sizeof(buf));
                buf[0] = 0x4f;
                be16_store(buf + 2, 60);
                buf[20] = (uint8_t)kind;
                buf[21] = (uint8_t)len;
                buf[22] = (uint8_t)ptr;
                set_checksum(buf, 60);
                copy = exact(buf, 60);
                if (kind > 1 && (len < 2 || len > 40))
                    assert_int_equal(ip4_parse(copy, 60, &hdr), -EINVAL);
                else
                    (void)ip4_parse(copy, 60, &hdr);
                free(copy);
            }
}

/* proves: A-17 A-18 */
static void source_routes_are_seen_wherever_they_are(void **state)
{
    static const uint8_t kinds[] = {131, 137};

    (void)state;
    for (size_t k = 0; k < 2; k++)
        for (size_t at = 0; at <= 40 - 3; at++) {
            uint8_t buf[60] = {0x4f, 0, 0, 60};
            struct ip4_hdr hdr;

            memset(buf + 20, 1, 40);
            buf[20 + at] = kinds[k];
            buf[21 + at] = 3;
            buf[22 + at] = 4;
            set_checksum(buf, 60);
            assert_int_equal(ip4_parse(buf, 60, &hdr), 0);
            assert_true(hdr.has_source_route);
        }
}

static void a_split_packet_needs_its_header_in_one_piece(void **state)
{
    struct ip4_hdr in = {.total_len = 1500, .src = addr_v4(1), .dst = addr_v4(2)};
    struct ip4_hdr out;
    uint8_t buf[24];

    (void)state;
    (void)ip4_emit(buf, sizeof(buf), &in);
    assert_int_equal(ip4_parse_split(buf, 20, 1500, &out), 0);
    assert_int_equal(ip4_parse_split(buf, 20, 1499, &out), -EINVAL);
    in.router_alert = true;
    assert_int_equal(ip4_emit(buf, sizeof(buf), &in), 24);
    assert_int_equal(ip4_parse_split(buf, 23, 1500, &out), -EINVAL);
    assert_int_equal(ip4_parse_split(buf, 24, 1500, &out), 0);
    assert_true(out.router_alert);
}

static void what_is_emitted_is_parsed(void **state)
{
    uint64_t seed = 11;

    (void)state;
    for (unsigned i = 0; i < 5000; i++) {
        uint64_t bits = rnd(&seed);
        struct ip4_hdr in;
        struct ip4_hdr out;
        uint8_t a[24];
        uint8_t b[24];
        size_t len;

        memset(&in, 0, sizeof(in));
        memset(&out, 0, sizeof(out));
        memset(a, 0xa5, sizeof(a));
        memset(b, 0x5a, sizeof(b));
        in.src = rnd_addr4(&seed);
        in.dst = rnd_addr4(&seed);
        in.total_len = (uint16_t)(24 + rnd(&seed) % 65000);
        in.id = (uint16_t)rnd(&seed);
        in.frag_off = (uint16_t)(rnd(&seed) & 0xfff8);
        in.tos = (uint8_t)rnd(&seed);
        in.ttl = (uint8_t)rnd(&seed);
        in.proto = (uint8_t)rnd(&seed);
        in.df = (bits & 1) != 0;
        in.mf = (bits & 2) != 0;
        in.router_alert = (bits & 4) != 0;
        in.hdr_len = in.router_alert ? 24 : 20;
        len = ip4_emit(a, sizeof(a), &in);
        assert_int_equal(len, in.hdr_len);
        assert_int_equal(ip4_emit(b, len, &in), len);
        assert_all_written(a, b, len);
        assert_int_equal(ip4_emit(b, len - 1, &in), 0);
        assert_int_equal(ip4_parse_split(a, len, in.total_len, &out), 0);
        assert_memory_equal(&in, &out, sizeof(in));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_header_is_read_and_written),
        cmocka_unit_test(a_wrong_checksum_is_told_apart),
        cmocka_unit_test(every_header_and_total_length_is_checked_against_the_frame),
        cmocka_unit_test(every_option_and_length_ends_inside_the_header),
        cmocka_unit_test(source_routes_are_seen_wherever_they_are),
        cmocka_unit_test(a_split_packet_needs_its_header_in_one_piece),
        cmocka_unit_test(what_is_emitted_is_parsed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
