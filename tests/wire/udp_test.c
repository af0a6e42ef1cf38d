/* SPDX-License-Identifier: MIT */
/*
 * The UDP header: lengths, the two rules about missing checksums, and the round trip.
 */
#include "octets.h"

#include <errno.h>

#include "wire/csum.h"
#include "wire/udp.h"

/* proves: A-51 */
static void a_length_counts_only_between_eight_and_what_is_there(void **state)
{
    (void)state;
    for (size_t len = 0; len <= 64; len++) {
        for (unsigned udp_len = 0; udp_len <= 64 + 16; udp_len++) {
            uint8_t octets[64] = {0};
            struct udp_hdr hdr;
            uint8_t *copy;
            bool good = len >= 8 && udp_len >= 8 && udp_len <= len;

            be16_store(octets + 4, (uint16_t)udp_len);
            copy = exact(octets, len);
            assert_int_equal(udp_parse(copy, len, &hdr), good ? 0 : -EINVAL);
            if (good)
                assert_int_equal(hdr.len, udp_len);
            free(copy);
        }
    }
}

/* RFC 8200 8.1: IPv6 receivers discard UDP packets with a zero checksum. */
static void no_checksum_is_good_for_ipv4_only(void **state)
{
    struct ft_addr a4 = addr_v4(0x0a070001);
    struct ft_addr a6 = {1, 1};
    const uint8_t octets[8] = {0, 7, 0, 7, 0, 8, 0, 0};

    (void)state;
    assert_true(udp_csum_ok(&a4, &a4, octets, 8));
    assert_false(udp_csum_ok(&a6, &a6, octets, 8));
    assert_false(udp_csum_ok(&a4, &a4, octets, 7));
}

/* RFC 768: a computed checksum of zero is sent as all ones. */
static void a_checksum_of_zero_is_sent_as_ones(void **state)
{
    (void)state;
    assert_int_equal(udp_csum_finish(0xffff), 0xffff);
    assert_int_equal(udp_csum_finish(0x1234), 0xedcb);
}

static void what_is_emitted_is_parsed(void **state)
{
    uint64_t seed = 9;

    (void)state;
    for (unsigned i = 0; i < 500; i++) {
        struct ft_addr src = rnd_addr6(&seed);
        struct ft_addr dst = rnd_addr6(&seed);
        struct udp_hdr in = {.src_port = (uint16_t)rnd(&seed),
                             .dst_port = (uint16_t)rnd(&seed),
                             .len = (uint16_t)(8 + rnd(&seed) % 100)};
        struct udp_hdr out;
        uint8_t buf[108];

        rnd_fill(&seed, buf, sizeof(buf));
        assert_int_equal(udp_emit(buf, sizeof(buf), &in), UDP_HDR_LEN);
        in.csum = csum_l4(&src, &dst, 17, buf, in.len);
        in.csum = in.csum == 0 ? 0xffff : in.csum;
        assert_int_equal(udp_emit(buf, sizeof(buf), &in), UDP_HDR_LEN);
        assert_true(udp_csum_ok(&src, &dst, buf, in.len));
        assert_int_equal(udp_parse(buf, sizeof(buf), &out), 0);
        assert_memory_equal(&in, &out, sizeof(in));
        buf[in.len - 1] ^= 0x80;
        assert_false(udp_csum_ok(&src, &dst, buf, in.len));
    }
    assert_int_equal(udp_emit(NULL, UDP_HDR_LEN - 1, &(struct udp_hdr){0}), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_length_counts_only_between_eight_and_what_is_there),
        cmocka_unit_test(no_checksum_is_good_for_ipv4_only),
        cmocka_unit_test(a_checksum_of_zero_is_sent_as_ones),
        cmocka_unit_test(what_is_emitted_is_parsed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
